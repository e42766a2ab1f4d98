//! The reading end of a stream: a buffer that a callback fills and a task empties.
//!
//! Job: `read`, `readline`, `readuntil`, `readexactly`, and the limit that keeps a peer from filling the memory.
//! Neighbours: `transport.rs` feeds it and stops reading while it is full. Invariant: a task that waits for data waits
//! for a future of its own, so it goes on a turn after the data came, as in asyncio.
//!
//! Counterparts: `asyncio.StreamReader` (`streams.py`); `System.IO.Pipelines.PipeReader`.

use std::{
    cell::{Cell, RefCell},
    fmt,
    ops::Deref,
    rc::{Rc, Weak},
};

use super::transport::Transport;
use crate::{
    error::{Error, Result},
    error_kinds::limit_overrun,
    loop_ref::{LoopRef, get_running_loop},
    settable::SettableFuture,
};

/// How many bytes a line may have, unless another limit was asked for: 64 KiB.
pub(super) const DEFAULT_LIMIT: usize = 64 * 1024;

/// Reads from a stream: `asyncio.StreamReader`. Clones read from the same stream, but only one task at a time may wait. What
/// the methods return owns what it needs, so it can become a task: `create_task(reader.readline())`.
///
/// ```
/// # oneloop::run(async {
/// let reader = oneloop::StreamReader::new(64)?;
/// reader.feed_data(b"one\ntwo");
/// reader.feed_eof();
/// assert_eq!(reader.readline().await?, b"one\n");
/// assert_eq!(reader.read(100).await?, b"two");
/// assert!(reader.at_eof());
/// # Ok(()) }).unwrap();
/// ```
#[derive(Clone)]
pub struct StreamReader(pub(super) Rc<Inner>);

pub(super) struct Inner {
    event_loop: LoopRef,
    limit: usize,
    buffer: RefCell<Buffer>,
    eof: Cell<bool>,
    error: RefCell<Option<Error>>,
    /// What the one task that waits for data waits for.
    waiter: RefCell<Option<SettableFuture<()>>>,
    transport: RefCell<Weak<Transport>>,
    /// The transport was told not to read.
    paused: Cell<bool>,
}

pub(super) const NO_LIMIT: Error = Error::Value("Limit cannot be <= 0");

impl StreamReader {
    /// A reader that is fed by hand, with a limit of so many bytes: for tests, and for transports of one's own.
    ///
    /// # Errors
    /// `Value` ("Limit cannot be <= 0"); `Runtime` when no loop runs on this thread.
    pub fn new(limit: usize) -> Result<StreamReader> {
        if limit == 0 {
            return Err(NO_LIMIT);
        }
        Ok(StreamReader::on(get_running_loop()?, limit))
    }

    pub(super) fn on(event_loop: LoopRef, limit: usize) -> StreamReader {
        StreamReader(Rc::new(Inner {
            event_loop,
            limit,
            buffer: RefCell::default(),
            eof: Cell::new(false),
            error: RefCell::new(None),
            waiter: RefCell::new(None),
            transport: RefCell::new(Weak::new()),
            paused: Cell::new(false),
        }))
    }

    /// Reads at most `n` bytes: what is there, at least one. Nothing is the end of the stream, or an `n` of 0. For
    /// Python's `read(-1)` there is [`read_to_end`](StreamReader::read_to_end). Cancellation safe.
    ///
    /// # Errors
    /// What broke the connection; `Runtime` while another task waits; `Cancelled`.
    pub fn read(&self, n: usize) -> impl Future<Output = Result<Vec<u8>>> + use<> {
        let reader = self.clone();
        async move { reader.read_some(n).await }
    }

    async fn read_some(&self, n: usize) -> Result<Vec<u8>> {
        self.check()?;
        if n == 0 {
            return Ok(Vec::new());
        }
        if self.0.buffer.borrow().is_empty() && !self.0.eof.get() {
            let busy = "read() called while another coroutine is already waiting for incoming data";
            self.wait_for_data(busy).await?;
        }
        let n = n.min(self.0.buffer.borrow().len());
        Ok(self.take(n))
    }

    /// Reads to the end of the stream: `read()` and `read(-1)` in Python. Not cancellation safe: what was read is lost.
    ///
    /// # Errors
    /// As [`read`](StreamReader::read).
    pub fn read_to_end(&self) -> impl Future<Output = Result<Vec<u8>>> + use<> {
        let reader = self.clone();
        async move {
            let mut all = Vec::new();
            loop {
                let block = reader.read_some(reader.0.limit).await?;
                if block.is_empty() {
                    return Ok(all);
                }
                all.extend(block);
            }
        }
    }

    /// Reads exactly `n` bytes, however many the limit is. Cancellation safe.
    ///
    /// # Errors
    /// `IncompleteRead` with what there was if the stream ends before; else as [`read`](StreamReader::read).
    pub fn readexactly(&self, n: usize) -> impl Future<Output = Result<Vec<u8>>> + use<> {
        let reader = self.clone();
        async move {
            reader.check()?;
            while reader.0.buffer.borrow().len() < n {
                if reader.0.eof.get() {
                    return Err(Error::incomplete_read(reader.0.buffer.take().take_all(), Some(n)));
                }
                let busy = "readexactly() called while another coroutine is already waiting for incoming data";
                reader.wait_for_data(busy).await?;
            }
            Ok(reader.take(n))
        }
    }

    /// Reads a line with its `\n`; at the end of the stream what there is without one, which may be nothing.
    /// Cancellation safe.
    ///
    /// # Errors
    /// `Value` when the line is longer than the limit: then the line is thrown away if its end is there, else all that
    /// is. Otherwise as [`read`](StreamReader::read).
    pub fn readline(&self) -> impl Future<Output = Result<Vec<u8>>> + use<> {
        let reader = self.clone();
        async move { reader.read_a_line().await }
    }

    async fn read_a_line(&self) -> Result<Vec<u8>> {
        match self.read_to_any(&[b"\n"]).await {
            Err(Error::IncompleteRead(read)) => Ok(read.partial.clone()),
            Err(Error::LimitOverrun { consumed, found }) => {
                {
                    let mut buffer = self.0.buffer.borrow_mut();
                    let unwanted = if found { consumed + 1 } else { buffer.len() };
                    drop(buffer.take(unwanted));
                }
                self.maybe_resume();
                Err(Error::Value(limit_overrun(found)))
            }
            result => result,
        }
    }

    /// The next line, or `None` at the end of the stream: `async for line in reader`.
    ///
    /// # Errors
    /// As [`readline`](StreamReader::readline).
    pub fn next(&self) -> impl Future<Output = Result<Option<Vec<u8>>>> + use<> {
        let line = self.readline();
        async move { Ok(Some(line.await?).filter(|line| !line.is_empty())) }
    }

    /// Reads up to and with `separator`. Cancellation safe.
    ///
    /// # Errors
    /// `IncompleteRead` with what there was if the stream ends before; `LimitOverrun` if the separator is further off
    /// than the limit: then nothing is taken out. `Value` for an empty separator; else as [`read`](StreamReader::read).
    pub fn readuntil(&self, separator: &[u8]) -> impl Future<Output = Result<Vec<u8>>> + use<> {
        self.readuntil_any(&[separator])
    }

    /// Reads up to and with the first of several separators (Python: a tuple of them). The shortest result wins.
    ///
    /// # Errors
    /// As [`readuntil`](StreamReader::readuntil); `Value` also when there is no separator.
    pub fn readuntil_any(&self, separators: &[&[u8]]) -> impl Future<Output = Result<Vec<u8>>> + use<> {
        let (reader, separators) = (self.clone(), separators.iter().map(|one| one.to_vec()).collect::<Vec<_>>());
        async move { reader.read_to_any(&separators).await }
    }

    async fn read_to_any(&self, separators: &[impl AsRef<[u8]>]) -> Result<Vec<u8>> {
        let separators = || separators.iter().map(AsRef::as_ref);
        let lengths = separators().map(<[u8]>::len);
        let (Some(shortest), Some(longest)) = (lengths.clone().min(), lengths.max()) else {
            return Err(Error::Value("Separator should contain at least one element"));
        };
        if shortest == 0 {
            return Err(Error::Value("Separator should be at least one-byte string"));
        }
        self.check()?;
        let mut searched = 0; // no separator begins before this
        let (start, end) = loop {
            let length = self.0.buffer.borrow().len();
            if length - searched >= shortest {
                let found = separators().filter_map(|separator| {
                    let start = find(&self.0.buffer.borrow()[searched..], separator)? + searched;
                    Some((start, start + separator.len()))
                });
                // Of two that end alike the shorter is the one that matched, as if they were tried in that order.
                if let Some(found) = found.min_by_key(|(start, end)| (*end, usize::MAX - start)) {
                    break found;
                }
                searched = (length + 1).saturating_sub(longest);
                if searched > self.0.limit {
                    return Err(Error::LimitOverrun { consumed: searched, found: false });
                }
            }
            if self.0.eof.get() {
                return Err(Error::incomplete_read(self.0.buffer.take().take_all(), None));
            }
            let busy = "readuntil() called while another coroutine is already waiting for incoming data";
            self.wait_for_data(busy).await?;
        };
        if start > self.0.limit {
            return Err(Error::LimitOverrun { consumed: start, found: true });
        }
        Ok(self.take(end))
    }

    /// Whether the stream has ended and all of it was read.
    pub fn at_eof(&self) -> bool {
        self.0.eof.get() && self.0.buffer.borrow().is_empty()
    }

    /// What broke the stream (Python: `exception()`).
    pub fn error(&self) -> Option<Error> {
        self.0.error.borrow().clone()
    }

    /// Breaks the stream: whoever waits, and each read from now on, gets `error` (Python: `set_exception`).
    pub fn set_error(&self, error: Error) {
        *self.0.error.borrow_mut() = Some(error.clone());
        if let Some(waiter) = self.0.waiter.take() {
            let _cancelled = waiter.set_error(error);
        }
    }

    /// Adds what has arrived, and wakes the task that waits.
    pub fn feed_data(&self, data: &[u8]) {
        debug_assert!(!self.0.eof.get(), "feed_data after feed_eof");
        if data.is_empty() {
            return;
        }
        self.0.buffer.borrow_mut().add(data);
        self.wake_waiter();
        if !self.0.paused.get() && self.0.buffer.borrow().len() > 2 * self.0.limit {
            let transport = self.0.transport.borrow().upgrade();
            if let Some(transport) = transport {
                transport.pause_reading();
                self.0.paused.set(true);
            }
        }
    }

    /// Says that nothing more will arrive.
    pub fn feed_eof(&self) {
        self.0.eof.set(true);
        self.wake_waiter();
    }

    pub(super) fn set_transport(&self, transport: &Rc<Transport>) {
        *self.0.transport.borrow_mut() = Rc::downgrade(transport);
    }

    fn check(&self) -> Result<()> {
        self.error().map_or(Ok(()), Err)
    }

    fn wake_waiter(&self) {
        if let Some(waiter) = self.0.waiter.take() {
            let _cancelled = waiter.set_result(());
        }
    }

    fn take(&self, n: usize) -> Vec<u8> {
        let taken = self.0.buffer.borrow_mut().take(n);
        self.maybe_resume();
        taken
    }

    fn maybe_resume(&self) {
        if self.0.paused.get() && self.0.buffer.borrow().len() <= self.0.limit {
            self.resume();
        }
    }

    fn resume(&self) {
        self.0.paused.set(false);
        let transport = self.0.transport.borrow().upgrade();
        if let Some(transport) = transport {
            transport.resume_reading();
        }
    }

    async fn wait_for_data(&self, busy: &'static str) -> Result<()> {
        /// Leaves the place free, however the wait ends.
        struct Leave<'a>(&'a Inner);
        impl Drop for Leave<'_> {
            fn drop(&mut self) {
                drop(self.0.waiter.take());
            }
        }
        if self.0.waiter.borrow().is_some() {
            return Err(Error::Runtime(busy));
        }
        // Waiting while nothing is read would be for ever: readexactly may ask for more than the limit.
        if self.0.paused.get() {
            self.resume();
        }
        let waiter = self.0.event_loop.create_future();
        *self.0.waiter.borrow_mut() = Some(waiter.clone());
        let _leave = Leave(&self.0);
        waiter.await
    }
}

/// What has come and was not read. What is taken leaves a gap in front, which is closed when it is the larger half: so
/// no byte is moved more than once on the average, however short the lines are.
#[derive(Default)]
struct Buffer {
    bytes: Vec<u8>,
    start: usize,
}

impl Buffer {
    fn add(&mut self, data: &[u8]) {
        self.bytes.extend_from_slice(data);
    }

    fn take(&mut self, n: usize) -> Vec<u8> {
        let taken = self[..n].to_vec();
        self.start += n;
        if self.start > self.bytes.len() / 2 {
            self.bytes.drain(..self.start);
            self.start = 0;
        }
        taken
    }

    fn take_all(mut self) -> Vec<u8> {
        self.take(self.len())
    }
}

impl Deref for Buffer {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes[self.start..]
    }
}

/// Where `part` begins in `whole`.
fn find(whole: &[u8], part: &[u8]) -> Option<usize> {
    whole.windows(part.len()).position(|window| window == part)
}

impl fmt::Debug for StreamReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let buffered = self.0.buffer.borrow().len();
        f.debug_struct("StreamReader")
            .field("buffered", &buffered)
            .field("eof", &self.0.eof.get())
            .finish_non_exhaustive()
    }
}
