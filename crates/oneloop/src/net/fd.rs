//! Descriptors that other programs share: standard input and output.
//!
//! Job: read and write them by readiness, *without* making them non-blocking: `O_NONBLOCK` belongs to the open file
//! description, which the shell and every other program on the pipe share. So each operation is done once, when the
//! kernel has just said that it won't block: one `read` of what is there, one `write` of at most `PIPE_BUF` bytes
//! (POSIX: a pipe that is writable takes that many whole), and one in a turn, since two descriptors may lead to one pipe.
//! After it the kernel is asked to report anew.
//! A regular file can't be waited for (epoll refuses it) and never blocks for long: it is simply read or written.
//! Neighbours: `selector.rs`. Invariant: the description's flags are never changed.
//!
//! Counterparts: `loop.connect_read_pipe`, which does set `O_NONBLOCK`; `Console.OpenStandardInput`.

use std::{
    fmt,
    fs::File,
    io::{self, Read, Write},
    os::fd::{AsFd, AsRawFd},
    task::{Context, Poll},
};

use mio::{Interest, event::Source, unix::SourceFd};

use super::{AsyncRead, AsyncWrite, no_bytes};
use crate::{
    cancel::take_cancellation,
    error::{Error, Result},
    selector::{Direction, Half, Registration},
};

/// What a pipe that is reported as writable takes without blocking, on Linux and macOS alike at least this much.
const PIPE_BUF: usize = if cfg!(target_os = "linux") { 4096 } else { 512 };

/// What only a descriptor that others share needs of its place in the selector: here and in `watch.rs`.
impl Registration {
    /// Asks the kernel to report again what is ready now: for a source that is read once an event, because its
    /// descriptor is shared with other programs and can't be made non-blocking.
    pub(crate) fn rearm(&self, source: &mut impl Source, interest: Interest) -> io::Result<()> {
        self.core.selector.with_registry(|registry| registry.reregister(source, self.token, interest))
    }

    /// Takes the source out of epoll, for a descriptor that another one shares: closing it would not.
    pub(crate) fn deregister(&self, source: &mut impl Source) -> io::Result<()> {
        self.core.selector.with_registry(|registry| registry.deregister(source))
    }

    /// Whether nobody has written to a shared descriptor since the kernel was asked. Two of them may lead to one pipe, as
    /// standard output and error often do, and what it has room for is then no longer there for the second.
    fn is_first_shared_write(&self) -> bool {
        let turn = self.core.turn.get();
        self.core.selector.shared_write.replace(turn) != turn
    }

    /// Forgets what the kernel has announced, an end included: the source is rearmed, and will be reported again.
    fn forget_news(&self, direction: Direction) {
        self.with_half(direction, |half| *half = Half::default());
    }
}

/// A descriptor with a place in the selector, or a regular file, which has none.
struct SharedFd {
    file: File,
    registration: Option<Registration>,
    interest: Interest,
}

impl SharedFd {
    /// A duplicate of `fd`: the same description under another number, which is closed when this is dropped.
    fn new(fd: &impl AsFd, interest: Interest) -> Result<SharedFd> {
        let file = File::from(fd.as_fd().try_clone_to_owned()?);
        let registration = match Registration::new(&mut SourceFd(&file.as_raw_fd()), interest) {
            Ok(registration) => Some(registration),
            // EPERM: epoll doesn't take regular files; EINVAL: nor does kqueue.
            Err(Error::Io(error))
                if matches!(error.kind(), io::ErrorKind::PermissionDenied | io::ErrorKind::InvalidInput) =>
            {
                None
            }
            Err(error) => return Err(error),
        };
        Ok(SharedFd { file, registration, interest })
    }

    /// One operation when the kernel says that it won't block.
    fn poll_once(
        &self,
        cx: &mut Context<'_>,
        direction: Direction,
        mut operation: impl FnMut(&File) -> io::Result<usize>,
    ) -> Poll<Result<usize>> {
        let Some(registration) = &self.registration else {
            if take_cancellation() {
                return Poll::Ready(Err(Error::Cancelled));
            }
            return Poll::Ready(retry(|| operation(&self.file)).map_err(Error::from));
        };
        let done = registration.poll_io(cx, direction, 0, || {
            if direction == Direction::Write && !registration.is_first_shared_write() {
                registration.rearm(&mut SourceFd(&self.file.as_raw_fd()), self.interest)?;
                return Err(io::ErrorKind::WouldBlock.into());
            }
            operation(&self.file)
        });
        if let Poll::Ready(Ok(_)) = done {
            registration.forget_news(direction);
            registration.rearm(&mut SourceFd(&self.file.as_raw_fd()), self.interest)?;
        }
        done
    }
}

fn retry(mut operation: impl FnMut() -> io::Result<usize>) -> io::Result<usize> {
    loop {
        match operation() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}

impl Drop for SharedFd {
    fn drop(&mut self) {
        if let Some(registration) = &self.registration {
            // Closing the duplicate wouldn't take the shared description out of epoll. If this fails it isn't there.
            let _ = registration.deregister(&mut SourceFd(&self.file.as_raw_fd()));
        }
    }
}

/// Reads a shared descriptor by readiness: `FdReader::new(&std::io::stdin())`.
pub struct FdReader(SharedFd);

impl FdReader {
    /// Registers a duplicate of `fd` with the running loop.
    ///
    /// # Errors
    /// `Io`, when no descriptor is left; `Runtime` outside a loop.
    pub fn new(fd: &impl AsFd) -> Result<FdReader> {
        SharedFd::new(fd, Interest::READABLE).map(FdReader)
    }

    /// Whether reads wait for readiness. False for a regular file, whose reads never wait.
    pub fn is_pollable(&self) -> bool {
        self.0.registration.is_some()
    }
}

impl AsyncRead for FdReader {
    fn poll_read(&mut self, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<Result<usize>> {
        if buf.is_empty() {
            return no_bytes();
        }
        self.0.poll_once(cx, Direction::Read, |mut file| file.read(buf))
    }
}

/// Writes to a shared descriptor by readiness: `FdWriter::new(&std::io::stdout())`.
pub struct FdWriter(SharedFd);

impl FdWriter {
    /// Registers a duplicate of `fd` with the running loop.
    ///
    /// # Errors
    /// `Io`, when no descriptor is left; `Runtime` outside a loop.
    pub fn new(fd: &impl AsFd) -> Result<FdWriter> {
        SharedFd::new(fd, Interest::WRITABLE).map(FdWriter)
    }
}

impl AsyncWrite for FdWriter {
    fn poll_write(&mut self, cx: &mut Context<'_>, buf: &[u8]) -> Poll<Result<usize>> {
        let buf = if self.0.registration.is_some() { &buf[..buf.len().min(PIPE_BUF)] } else { buf };
        if buf.is_empty() {
            return no_bytes();
        }
        self.0.poll_once(cx, Direction::Write, |mut file| file.write(buf))
    }

    /// Nothing to do: whoever shares the descriptor may go on writing.
    fn poll_shutdown(&mut self, _cx: &mut Context<'_>) -> Poll<Result<()>> {
        Poll::Ready(Ok(()))
    }
}

impl fmt::Debug for FdReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("FdReader").field(&self.0.file).finish()
    }
}

impl fmt::Debug for FdWriter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("FdWriter").field(&self.0.file).finish()
    }
}
