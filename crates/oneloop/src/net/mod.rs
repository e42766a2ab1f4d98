//! Sockets and streams on the loop.
//!
//! Job: the two poll traits that everything which moves bytes goes through, and what implements them: TCP, Unix sockets,
//! an in-memory pair for tests, and descriptors that other programs share (standard input and output). Neighbours:
//! `selector.rs`, through `Registration::poll_io`; TLS and HTTP stand on the traits. Invariants: every read and write
//! is a leaf (it takes a cancellation before it moves a byte), and dropping one loses no byte.
//!
//! Counterparts: `asyncio.streams`; `System.Net.Sockets`, `System.IO.Stream`.

mod duplex;
mod fd;
mod operation;
pub(crate) mod streams;
mod tcp;
mod udp;
mod unix;

use std::{
    future::{Future, poll_fn},
    task::{Context, Poll},
};

pub use duplex::{DuplexStream, duplex};
pub use fd::{FdReader, FdWriter};
pub use tcp::{TcpListener, TcpStream};
pub use udp::UdpSocket;
pub use unix::{UnixListener, UnixStream};

use crate::{
    cancel::take_cancellation,
    error::{Error, Result},
};

/// Bytes come out of it. Object safe; implementors hold no self-references, so nothing is pinned.
pub trait AsyncRead {
    /// Reads into `buf` what is there, at least one byte. 0 is the end of the stream, or an empty `buf`.
    fn poll_read(&mut self, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<Result<usize>>;

    /// Whether something has arrived that was not read, as far as is known without asking the kernel. An idle
    /// connection with news is not fit to be used again: it has ended, or has said something that nobody asked for.
    fn has_news(&self) -> bool {
        false
    }
}

/// Bytes go into it.
pub trait AsyncWrite {
    /// Writes at least one byte of `buf` (none if it is empty) and returns how many.
    fn poll_write(&mut self, cx: &mut Context<'_>, buf: &[u8]) -> Poll<Result<usize>>;

    /// Says that nothing more will be written: the peer reads the end of the stream.
    fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<Result<()>>;
}

impl<S: AsyncRead + ?Sized> AsyncRead for Box<S> {
    fn poll_read(&mut self, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<Result<usize>> {
        (**self).poll_read(cx, buf)
    }

    fn has_news(&self) -> bool {
        (**self).has_news()
    }
}

impl<S: AsyncWrite + ?Sized> AsyncWrite for Box<S> {
    fn poll_write(&mut self, cx: &mut Context<'_>, buf: &[u8]) -> Poll<Result<usize>> {
        (**self).poll_write(cx, buf)
    }

    fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<Result<()>> {
        (**self).poll_shutdown(cx)
    }
}

/// What can be awaited of an [`AsyncRead`].
pub trait AsyncReadExt: AsyncRead {
    /// Reads what is there, at least one byte; 0 is the end of the stream. Cancellation safe.
    fn read(&mut self, buf: &mut [u8]) -> impl Future<Output = Result<usize>> {
        poll_fn(|cx| self.poll_read(cx, buf))
    }

    /// Fills `buf`. Not cancellation safe: what had been read of it stays in `buf`, but is not counted.
    ///
    /// Errors: `IncompleteRead` if the stream ends before.
    fn read_exact(&mut self, buf: &mut [u8]) -> impl Future<Output = Result<()>> {
        async {
            let mut filled = 0;
            while filled < buf.len() {
                match self.read(&mut buf[filled..]).await? {
                    0 => return Err(Error::incomplete_read(&buf[..filled], Some(buf.len()))),
                    count => filled += count,
                }
            }
            Ok(())
        }
    }
}

/// What can be awaited of an [`AsyncWrite`].
pub trait AsyncWriteExt: AsyncWrite {
    /// Writes some of `buf` and returns how much. Cancellation safe.
    fn write(&mut self, buf: &[u8]) -> impl Future<Output = Result<usize>> {
        poll_fn(|cx| self.poll_write(cx, buf))
    }

    /// Writes all of `buf`. Not cancellation safe: how much was written is not known afterwards.
    fn write_all(&mut self, buf: &[u8]) -> impl Future<Output = Result<()>> {
        async {
            let mut written = 0;
            while written < buf.len() {
                written += self.write(&buf[written..]).await?;
            }
            Ok(())
        }
    }

    /// Says that nothing more will be written.
    fn shutdown(&mut self) -> impl Future<Output = Result<()>> {
        poll_fn(|cx| self.poll_shutdown(cx))
    }
}

impl<S: AsyncRead + ?Sized> AsyncReadExt for S {}
impl<S: AsyncWrite + ?Sized> AsyncWriteExt for S {}

/// What a read or a write of no bytes gives: there is nothing to wait for. It takes a cancellation, as every leaf does.
fn no_bytes() -> Poll<Result<usize>> {
    Poll::Ready(if take_cancellation() { Err(Error::Cancelled) } else { Ok(0) })
}
