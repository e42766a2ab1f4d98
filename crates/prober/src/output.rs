//! Where the results go: a pipe, a terminal or a file, written in batches when it can take them.
//!
//! Results are appended to a buffer; one task writes what has gathered, at the latest 10 ms after the first of it, so
//! that thousands of short lines cost few system calls. While the buffer is full nobody starts a probe (`run` asks
//! [`Output::is_full`]), so a slow reader slows the run down and never makes it grow.
//! Neighbours: `run` appends and decides what a failure means; oneloop's `FdWriter` waits for readiness.
//! Counterparts: `StreamWriter.drain` in asyncio; `PipeWriter` in .NET.

use std::cell::{Cell, RefCell};
use std::fs::{File, OpenOptions};
use std::future::poll_fn;
use std::io::{self, IsTerminal};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::Duration;

use oneloop::net::{AsyncWrite, FdWriter};
use oneloop::{SettableFuture, TimerHandle, get_running_loop};

use crate::progress::Progress;

/// A batch is written when it is this large, or this old.
const BATCH: usize = 4 * 1024;
const LATEST: Duration = Duration::from_millis(10);

/// From here on the output counts as full.
const FULL: usize = 64 * 1024;

/// Where results go, and under which name in the end.
#[derive(Debug)]
pub(crate) struct Destination {
    file: Option<File>,
    /// The name to write under and the name to have in the end, for a regular file.
    rename: Option<(PathBuf, PathBuf)>,
    pub(crate) is_terminal: bool,
}

impl Destination {
    /// Standard output, or the file at `path`, which is written under another name until it is complete.
    pub(crate) fn open(path: Option<&Path>) -> Result<Destination, String> {
        let Some(path) = path else {
            return Ok(Destination { file: None, rename: None, is_terminal: io::stdout().is_terminal() });
        };
        let failed = |error: io::Error| format!("cannot write to {}: {error}", path.display());
        // What exists and is no regular file (a pipe, /dev/null) cannot be replaced by one; a link stays a link.
        let (path, existing) = match std::fs::canonicalize(path) {
            // One that may not be written is not replaced either.
            Ok(path) => {
                let file = OpenOptions::new().write(true).open(&path).map_err(failed)?;
                (path, Some(file))
            }
            Err(_) => (path.to_owned(), None),
        };
        let mut permissions = None;
        if let Some(file) = existing {
            let metadata = file.metadata().map_err(failed)?;
            if !metadata.is_file() {
                let is_terminal = file.is_terminal();
                return Ok(Destination { file: Some(file), rename: None, is_terminal });
            }
            permissions = Some(metadata.permissions());
        }
        let mut name = path.file_name().unwrap_or_default().to_owned();
        name.push(format!(".{}.part", std::process::id()));
        let part = path.with_file_name(name);
        let file = File::create(&part).map_err(failed)?;
        // What was not for everybody to read does not become so.
        if let Some(permissions) = permissions {
            file.set_permissions(permissions).map_err(failed)?;
        }
        Ok(Destination { file: Some(file), rename: Some((part, path)), is_terminal: false })
    }

    /// Gives the file its name: all results are in it.
    pub(crate) fn complete(&self) -> Result<(), String> {
        match &self.rename {
            Some((part, path)) => std::fs::rename(part, path)
                .map_err(|error| format!("cannot rename {} to {}: {error}", part.display(), path.display())),
            None => Ok(()),
        }
    }

    /// Removes what was written under the other name.
    pub(crate) fn abandon(&self) {
        if let Some((part, _)) = &self.rename {
            // Nothing more can be done for it.
            drop(std::fs::remove_file(part));
        }
    }

    pub(crate) fn writer(&self) -> oneloop::Result<FdWriter> {
        match &self.file {
            Some(file) => FdWriter::new(file),
            None => FdWriter::new(&io::stdout()),
        }
    }
}

/// The buffer between results and their destination.
#[derive(Debug, Default)]
pub(crate) struct Output {
    pending: RefCell<Vec<u8>>,
    /// Bytes that the writing task has taken and not yet written.
    writing: Cell<usize>,
    /// What the writing task waits for.
    due: RefCell<Option<SettableFuture<()>>>,
    timer: RefCell<Option<TimerHandle>>,
    closing: Cell<bool>,
}

impl Output {
    /// Has `write` append to the buffer.
    pub(crate) fn append<R>(&self, write: impl FnOnce(&mut Vec<u8>) -> R) -> R {
        let mut pending = self.pending.borrow_mut();
        let before = pending.len();
        let result = write(&mut pending);
        let after = pending.len();
        drop(pending);
        if after >= BATCH {
            self.wake();
        } else if before == 0 && after > 0 {
            self.wake_later();
        }
        result
    }

    /// Should nothing new be started until some of it is written?
    pub(crate) fn is_full(&self) -> bool {
        self.pending.borrow().len() + self.writing.get() >= FULL
    }

    pub(crate) fn is_closing(&self) -> bool {
        self.closing.get()
    }

    /// Lets [`Output::write`] end once everything is written.
    pub(crate) fn close(&self) {
        self.closing.set(true);
        self.wake();
    }

    /// Writes until the output is closed. `after_batch` is called whenever there may be room again. `bar`: what stands on
    /// the terminal that is written to, if it is one.
    pub(crate) async fn write(
        self: Rc<Self>,
        mut writer: FdWriter,
        bar: Option<Rc<Progress>>,
        after_batch: impl Fn(),
    ) -> oneloop::Result<()> {
        let mut batch = Vec::new();
        loop {
            self.wait_until_due().await?;
            std::mem::swap(&mut batch, &mut *self.pending.borrow_mut());
            if batch.is_empty() && self.closing.get() {
                return Ok(());
            }
            // The bar makes way for the lines until all of them are there: the terminal may take a part of one.
            if let Some(bar) = &bar {
                bar.hide();
            }
            let mut written = 0;
            while written < batch.len() {
                self.writing.set(batch.len() - written);
                written += poll_fn(|cx| writer.poll_write(cx, &batch[written..])).await?;
            }
            if let Some(bar) = bar.as_ref().filter(|_| batch.ends_with(b"\n")) {
                bar.show();
            }
            self.writing.set(0);
            batch.clear();
            after_batch();
        }
    }

    async fn wait_until_due(&self) -> oneloop::Result<()> {
        if self.closing.get() || self.pending.borrow().len() >= BATCH {
            return Ok(());
        }
        let due = get_running_loop()?.create_future();
        *self.due.borrow_mut() = Some(due.clone());
        if !self.pending.borrow().is_empty() {
            self.wake_later();
        }
        due.await
    }

    fn wake_later(&self) {
        let due = self.due.borrow().clone();
        if let (Some(due), Ok(event_loop)) = (due, get_running_loop()) {
            let timer = event_loop.call_later(LATEST, move || drop(due.set_result(())));
            *self.timer.borrow_mut() = Some(timer);
        }
    }

    fn wake(&self) {
        if let Some(timer) = self.timer.take() {
            timer.cancel();
        }
        if let Some(due) = self.due.take() {
            drop(due.set_result(()));
        }
    }
}
