//! A pair of connected streams in memory, for tests.
//!
//! Job: what one end writes, the other reads, through a buffer of a fixed size: no socket, no kernel, so that it
//! works with the virtual clock and gives the same log each time. Neighbours: `net/mod.rs`. Invariant: as a socket,
//! it wakes a reader when bytes or the end arrive, and a writer when there is room.
//!
//! Counterparts: trio's `testing.memory_stream_pair`; a pair of `System.IO.Pipelines.Pipe`.

use std::{
    cell::RefCell,
    collections::VecDeque,
    fmt,
    io::{self, Read},
    rc::Rc,
    task::{Context, Poll, Waker},
};

use super::{AsyncRead, AsyncWrite};
use crate::{
    cancel::take_cancellation,
    error::{Error, Result},
    event_loop::with_running,
    observer::WaitsFor,
};

/// One direction.
#[derive(Default)]
struct Pipe {
    bytes: VecDeque<u8>,
    capacity: usize,
    /// The writer has finished, or is gone.
    finished: bool,
    /// The reader is gone.
    unread: bool,
    /// The writer vanished without finishing.
    reset: bool,
    reader: Option<Waker>,
    writer: Option<Waker>,
}

/// One end of a pair made by [`duplex`]. Dropping it ends both directions, in good order.
pub struct DuplexStream {
    incoming: Rc<RefCell<Pipe>>,
    outgoing: Rc<RefCell<Pipe>>,
}

/// Makes a connected pair with `capacity` bytes of buffer each way.
///
/// ```
/// use oneloop::net::{AsyncReadExt, AsyncWriteExt, duplex};
/// # oneloop::run(async {
/// let (mut here, mut there) = duplex(64);
/// here.write_all(b"ping").await?;
/// let mut buf = [0; 4];
/// there.read_exact(&mut buf).await?;
/// assert_eq!(&buf, b"ping");
/// # Ok(()) }).unwrap();
/// ```
pub fn duplex(capacity: usize) -> (DuplexStream, DuplexStream) {
    let pipe = || Rc::new(RefCell::new(Pipe { capacity, ..Pipe::default() }));
    let (one, other) = (pipe(), pipe());
    (DuplexStream { incoming: one.clone(), outgoing: other.clone() }, DuplexStream { incoming: other, outgoing: one })
}

impl DuplexStream {
    /// Vanishes as a connection does that is reset: the peer's next read is an error, whatever was on its way.
    pub fn reset(self) {
        self.outgoing.borrow_mut().reset = true;
    }
}

impl AsyncRead for DuplexStream {
    fn poll_read(&mut self, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<Result<usize>> {
        if take_cancellation() {
            return Poll::Ready(Err(Error::Cancelled));
        }
        let waker = cx.waker().clone(); // user code, if it is foreign: before anything is borrowed
        let mut pipe = self.incoming.borrow_mut();
        if pipe.reset {
            return Poll::Ready(Err(io::Error::from(io::ErrorKind::ConnectionReset).into()));
        }
        if pipe.bytes.is_empty() && !pipe.finished && !buf.is_empty() {
            let before = pipe.reader.replace(waker);
            drop(pipe);
            drop(before);
            with_running(|core| core.observe_wait(|| WaitsFor::Pipe));
            return Poll::Pending;
        }
        let count = pipe.bytes.read(buf)?;
        wake(pipe, |pipe| pipe.writer.take());
        Poll::Ready(Ok(count))
    }

    fn has_news(&self) -> bool {
        let pipe = self.incoming.borrow();
        pipe.finished || pipe.reset || !pipe.bytes.is_empty()
    }
}

impl AsyncWrite for DuplexStream {
    fn poll_write(&mut self, cx: &mut Context<'_>, buf: &[u8]) -> Poll<Result<usize>> {
        if take_cancellation() {
            return Poll::Ready(Err(Error::Cancelled));
        }
        let waker = cx.waker().clone();
        let mut pipe = self.outgoing.borrow_mut();
        if pipe.finished || pipe.unread {
            return Poll::Ready(Err(io::Error::from(io::ErrorKind::BrokenPipe).into()));
        }
        let room = pipe.capacity.saturating_sub(pipe.bytes.len());
        if room == 0 && !buf.is_empty() {
            let before = pipe.writer.replace(waker);
            drop(pipe);
            drop(before);
            with_running(|core| core.observe_wait(|| WaitsFor::Pipe));
            return Poll::Pending;
        }
        let count = room.min(buf.len());
        pipe.bytes.extend(&buf[..count]);
        wake(pipe, |pipe| pipe.reader.take());
        Poll::Ready(Ok(count))
    }

    fn poll_shutdown(&mut self, _cx: &mut Context<'_>) -> Poll<Result<()>> {
        let mut pipe = self.outgoing.borrow_mut();
        pipe.finished = true;
        wake(pipe, |pipe| pipe.reader.take());
        Poll::Ready(Ok(()))
    }
}

impl Drop for DuplexStream {
    fn drop(&mut self) {
        let mut outgoing = self.outgoing.borrow_mut();
        outgoing.finished = true;
        wake(outgoing, |pipe| pipe.reader.take());
        let mut incoming = self.incoming.borrow_mut();
        incoming.unread = true;
        wake(incoming, |pipe| pipe.writer.take());
    }
}

/// Takes a waker out and wakes it once the borrow is gone.
fn wake(mut pipe: std::cell::RefMut<'_, Pipe>, whom: impl FnOnce(&mut Pipe) -> Option<Waker>) {
    let waker = whom(&mut pipe);
    drop(pipe);
    if let Some(waker) = waker {
        waker.wake();
    }
}

impl fmt::Debug for DuplexStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DuplexStream").finish_non_exhaustive()
    }
}
