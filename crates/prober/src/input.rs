//! The list of URLs, streamed: arguments, files and standard input, one after the other.
//!
//! No more than one chunk of a list is in memory at a time. A regular file is simply read; a pipe, a socket or a
//! terminal is read when the loop says that it is readable, so that a slow producer holds up nothing but the list.
//! Neighbours: `cli` names the sources, `target` parses each line, `run` asks for the next one when it has room.
//! Counterparts: `async for line in reader` over an asyncio `StreamReader`; `IAsyncEnumerable<string>` in C#.

use std::collections::VecDeque;
use std::fs::File;
use std::os::fd::AsFd;
use std::rc::Rc;

use oneloop::net::{AsyncReadExt, FdReader};
use oneloop_http::Lack;
use url::Url;

use crate::cli::Source;
use crate::limits::ASK_AGAIN;
use crate::target::{Origin, Target};

/// How much of a list is read at once; no line may be longer.
const CHUNK: usize = 64 * 1024;

/// How many times a list asks for a descriptor before it is given up.
const PATIENCE: u32 = 300;

/// Why there is no next URL.
#[derive(Debug)]
pub(crate) enum InputError {
    /// The task was cancelled.
    Cancelled,
    /// A list cannot be read on; the sentence names it.
    Unreadable(String),
}

impl InputError {
    fn reading(name: &str, error: &oneloop::Error) -> InputError {
        match error.is_cancelled() {
            true => InputError::Cancelled,
            false => InputError::Unreadable(format!("cannot read the list {name}: {error}")),
        }
    }
}

/// All sources, in the order of the command line.
#[derive(Debug)]
pub(crate) struct Input {
    waiting: VecDeque<Opened>,
    /// The list that is being read.
    list: Option<List>,
    next_index: u64,
    /// Names of the lists that ended without a single URL.
    empty: Vec<String>,
    size: Size,
}

/// How much there is to read and how much was read, for whoever wants to guess the end.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Size {
    /// Bytes of all lists and arguments; `None` as soon as one of them is not a regular file.
    pub(crate) total: Option<u64>,
    /// Bytes taken so far.
    pub(crate) taken: u64,
}

/// A source whose file has been opened: what cannot be opened is found before the first probe starts.
#[derive(Debug)]
enum Opened {
    Url(Vec<u8>),
    List { name: String, file: File },
}

impl Input {
    /// Opens every file named by `sources`.
    pub(crate) fn open(sources: Vec<Source>) -> Result<Input, String> {
        let mut size = Size { total: Some(0), taken: 0 };
        let waiting = sources.into_iter().map(|source| open(source, &mut size)).collect::<Result<_, _>>()?;
        Ok(Input { waiting, list: None, next_index: 0, empty: Vec::new(), size })
    }

    /// The next URL; `None` after the last.
    pub(crate) async fn next(&mut self) -> Result<Option<Target>, InputError> {
        loop {
            if let Some(list) = &mut self.list {
                if let Some(target) = list.take_target(self.next_index, &mut self.size) {
                    self.next_index += 1;
                    return Ok(Some(target));
                }
                if !list.ended {
                    list.fill().await?;
                    continue;
                }
                if list.urls == 0 {
                    self.empty.push(std::mem::take(&mut list.name));
                }
                self.list = None;
            }
            match self.waiting.pop_front() {
                None => return Ok(None),
                Some(Opened::Url(written)) => {
                    let index = self.next_index;
                    self.next_index += 1;
                    self.size.taken += written.len() as u64;
                    return Ok(Some(Target::parse(index, &written, Origin::Argument)));
                }
                Some(Opened::List { name, file }) => self.list = Some(List::new(name, &file).await?),
            }
        }
    }

    /// How far the reading has come.
    pub(crate) fn size(&self) -> Size {
        self.size
    }

    /// The lists that held no URL at all, so far.
    pub(crate) fn empty_lists(&self) -> &[String] {
        &self.empty
    }
}

fn open(source: Source, size: &mut Size) -> Result<Opened, String> {
    let (name, file) = match source {
        Source::Url(written) => {
            let written = written.into_encoded_bytes();
            size.total = size.total.map(|total| total + written.len() as u64);
            return Ok(Opened::Url(written));
        }
        Source::File(path) => {
            let name = path.display().to_string();
            let file = File::open(&path).map_err(|error| format!("cannot read the list {name}: {error}"))?;
            (name, file)
        }
        Source::Stdin => {
            // A descriptor of our own, so that closing it closes nobody else's.
            let copy = std::io::stdin().as_fd().try_clone_to_owned();
            ("standard input".to_owned(), copy.map_err(|error| format!("cannot read standard input: {error}"))?.into())
        }
    };
    let metadata = file.metadata().map_err(|error| format!("cannot read {name}: {error}"))?;
    if metadata.is_dir() {
        return Err(format!("cannot read the list {name}: it is a directory"));
    }
    size.total = size.total.filter(|_| metadata.is_file()).map(|total| total + metadata.len());
    Ok(Opened::List { name, file })
}

fn lacks_descriptors(error: &oneloop::Error) -> bool {
    Lack::of(error).is_some_and(Lack::is_of_descriptors)
}

/// A list that is being read.
#[derive(Debug)]
struct List {
    name: String,
    reader: FdReader,
    /// A chunk; what has been read and not yet taken is `start..end`.
    buffer: Box<[u8]>,
    start: usize,
    end: usize,
    /// Number of the last line taken, from 1.
    line: u64,
    /// How many URLs it has given, and the last one that was good.
    urls: u64,
    last: Option<Rc<Url>>,
    /// True while the rest of an overlong line is being thrown away.
    skipping: bool,
    /// True once the last byte has been read and taken.
    ended: bool,
    /// True once the last byte has been read.
    drained: bool,
}

impl List {
    async fn new(name: String, file: &File) -> Result<List, InputError> {
        let mut patience = PATIENCE;
        let reader = loop {
            match FdReader::new(file) {
                Ok(reader) => break reader,
                // The probes have all descriptors. Nothing new starts meanwhile, so there will soon be one.
                Err(error) if lacks_descriptors(&error) && patience > 0 => {
                    patience -= 1;
                    oneloop::sleep(ASK_AGAIN).await.map_err(|error| InputError::reading(&name, &error))?;
                }
                Err(error) => return Err(InputError::reading(&name, &error)),
            }
        };
        let buffer = vec![0; CHUNK].into_boxed_slice();
        Ok(List {
            name,
            reader,
            buffer,
            start: 0,
            end: 0,
            line: 0,
            urls: 0,
            last: None,
            skipping: false,
            ended: false,
            drained: false,
        })
    }

    /// Reads more, after moving what is left to the front. Gives other tasks a turn in any case.
    async fn fill(&mut self) -> Result<(), InputError> {
        self.buffer.copy_within(self.start..self.end, 0);
        self.end -= self.start;
        self.start = 0;
        let room = &mut self.buffer[self.end..];
        if !self.reader.is_pollable() {
            // A regular file is always readable: without this, a long list would keep everything else waiting.
            oneloop::yield_now().await.map_err(|error| InputError::reading(&self.name, &error))?;
        }
        match self.reader.read(room).await {
            Ok(0) => self.drained = true,
            Ok(count) => self.end += count,
            Err(error) => return Err(InputError::reading(&self.name, &error)),
        }
        Ok(())
    }

    /// The next line that is neither blank nor a comment, out of what has been read. `None`: read more, or `ended`.
    fn take_target(&mut self, index: u64, size: &mut Size) -> Option<Target> {
        loop {
            let unread = &self.buffer[self.start..self.end];
            let (length, rest) = match unread.iter().position(|byte| *byte == b'\n') {
                Some(length) => (length, length + 1),
                None if self.drained && unread.is_empty() => {
                    self.ended = true;
                    return None;
                }
                None if self.drained => (unread.len(), unread.len()),
                None if unread.len() == CHUNK => return self.give_up_line(index, size),
                None => return None,
            };
            let line = self.start..self.start + length;
            self.start += rest;
            size.taken += rest as u64;
            if std::mem::replace(&mut self.skipping, false) {
                continue;
            }
            self.line += 1;
            let mut written = self.buffer[line].trim_ascii();
            if self.line == 1 {
                // The mark that some editors put before UTF-8.
                written = written.strip_prefix(b"\xef\xbb\xbf").unwrap_or(written).trim_ascii();
            }
            if written.is_empty() || written.starts_with(b"#") {
                continue;
            }
            self.urls += 1;
            let origin = Origin::Line(&self.name, self.line);
            let target = Target::parse_near(index, written, origin, self.last.as_deref());
            if let Ok(url) = &target.url {
                self.last = Some(url.clone());
            }
            return Some(target);
        }
    }

    /// A line fills the whole chunk and goes on: it is reported, and skipped to its end.
    fn give_up_line(&mut self, index: u64, size: &mut Size) -> Option<Target> {
        size.taken += CHUNK as u64;
        self.start = self.end;
        if std::mem::replace(&mut self.skipping, true) {
            return None;
        }
        self.line += 1;
        self.urls += 1;
        let origin = Origin::Line(&self.name, self.line);
        Some(Target::unusable(index, "(overlong line)", "TooLong", "the line is longer than 64 KiB", origin))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::PathBuf;
    use std::sync::atomic::{AtomicUsize, Ordering};

    /// A file with these bytes, whose name is its own.
    fn file(bytes: &[u8]) -> PathBuf {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let name = format!("prober-input-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(name);
        std::fs::write(&path, bytes).expect("the directory for temporary files takes a file");
        path
    }

    /// All targets of a list with these bytes: text, or message; and the input as it is then.
    fn read(bytes: &[u8]) -> (Vec<String>, Input) {
        let path = file(bytes);
        let mut input = Input::open(vec![Source::File(path.clone())]).expect("a readable file");
        std::fs::remove_file(&path).expect("a file to be removed");
        oneloop::run(async move {
            let mut found = Vec::new();
            while let Some(target) = input.next().await.expect("a readable list") {
                assert_eq!(target.index, found.len() as u64);
                found.push(match target.url {
                    Ok(_) => target.text.into(),
                    Err(failure) => failure.message.replace(path.to_str().unwrap_or_default(), "list"),
                });
            }
            Ok((found, input))
        })
        .expect("a run without errors")
    }

    #[test]
    fn blank_lines_and_comments_are_skipped_and_the_rest_comes_in_order() {
        let list = b"\xef\xbb\xbfhttp://a\r\n\n  # comment\n\t http://b#c \n#\nhttp://d";
        assert_eq!(read(list).0, ["http://a", "http://b#c", "http://d"]);
    }

    #[test]
    fn a_malformed_line_is_named_and_stops_nothing() {
        let (found, _) = read(b"http://a\n\nhttp://[::1\n\xff\nhttp://b\n");
        assert_eq!(found[0], "http://a");
        assert!(found[1].starts_with("list:3: bad URL"), "{}", found[1]);
        assert!(found[2].starts_with("list:4: bad URL"), "{}", found[2]);
        assert_eq!(found[3], "http://b");
    }

    #[test]
    fn a_line_longer_than_a_chunk_is_one_bad_url() {
        let mut list = b"http://a\n".to_vec();
        list.extend(std::iter::repeat_n(b'x', 3 * CHUNK));
        list.extend_from_slice(b"\nhttp://b\n");
        let (found, input) = read(&list);
        assert_eq!(found.len(), 3);
        assert!(found[1].contains("list:2: bad URL: the line is longer"), "{}", found[1]);
        assert_eq!(found[2], "http://b");
        assert_eq!(input.size().taken, list.len() as u64, "every byte is counted once");
    }

    #[test]
    fn lines_that_straddle_chunks_stay_whole() {
        let list: String = (0..20_000).map(|n| format!("http://host-{n}/\n")).collect();
        let (found, input) = read(list.as_bytes());
        assert_eq!(found.len(), 20_000);
        assert!(found.iter().enumerate().all(|(n, url)| *url == format!("http://host-{n}/")));
        assert_eq!(input.size().total, Some(list.len() as u64));
    }

    #[test]
    fn a_list_without_urls_is_remembered_by_name() {
        let (found, input) = read(b"# nothing\n\n");
        assert!(found.is_empty());
        assert_eq!(input.empty_lists().len(), 1);
    }

    #[test]
    fn what_cannot_be_read_is_named_before_anything_starts() {
        let missing = Input::open(vec![Source::File("/nonexistent/list".into())]).expect_err("no such file");
        assert!(missing.contains("/nonexistent/list"), "{missing}");
        let directory = Input::open(vec![Source::File(std::env::temp_dir())]).expect_err("a directory");
        assert!(directory.contains("directory"), "{directory}");
    }
}
