//! Unix sockets: connect, listen, accept, read, write.
//!
//! Job: as `tcp.rs`, for sockets that are named by a path of the file system and never leave the machine. Neighbours:
//! `tcp.rs` has what reading and writing have in common. Invariant: the listener leaves its path in the file system
//! when it is dropped, as asyncio's sockets do: who bound it removes it, and it can't be bound twice before.
//!
//! Counterparts: `loop.sock_connect`, `sock_recv`, `sock_sendall`, `sock_accept` on an `AF_UNIX` socket; `Socket` with a
//! `UnixDomainSocketEndPoint`.

use std::{
    fmt, io,
    net::Shutdown,
    path::Path,
    task::{Context, Poll},
};

use mio::Interest;

use super::{AsyncRead, AsyncWrite, tcp::ended};
use crate::{
    error::Result,
    selector::{Direction, Registration},
};

/// A connection over a Unix socket. Dropping it closes it.
///
/// ```
/// use oneloop::net::{AsyncReadExt, AsyncWriteExt, UnixStream};
///
/// oneloop::run(async {
///     let (mut here, mut there) = UnixStream::pair()?;
///     here.write_all(b"hello").await?;
///     here.shutdown().await?;
///     let mut word = [0; 5];
///     there.read_exact(&mut word).await?;
///     assert_eq!((&word, there.read(&mut [0; 8]).await?), (b"hello", 0));
///     Ok(())
/// })?;
/// # Ok::<(), oneloop::Error>(())
/// ```
pub struct UnixStream {
    // The socket goes first: it is closed before its place in the selector is free.
    socket: mio::net::UnixStream,
    registration: Registration,
}

impl UnixStream {
    /// Connects to whoever listens at `path`. The kernel answers at once: nothing is waited for.
    ///
    /// # Errors
    /// `Io` with the operating system's reason: no such path, nobody listens, or (as `WouldBlock`) the listener's queue
    /// is full. `Runtime` outside of a run.
    pub fn connect(path: impl AsRef<Path>) -> Result<UnixStream> {
        UnixStream::new(mio::net::UnixStream::connect(path)?)
    }

    /// Two ends that are connected to each other: `socket.socketpair()`.
    ///
    /// # Errors
    /// The operating system's; `Runtime` outside of a run.
    pub fn pair() -> Result<(UnixStream, UnixStream)> {
        let (one, other) = mio::net::UnixStream::pair()?;
        Ok((UnixStream::new(one)?, UnixStream::new(other)?))
    }

    fn new(mut socket: mio::net::UnixStream) -> Result<UnixStream> {
        let registration = Registration::new(&mut socket, Interest::READABLE | Interest::WRITABLE)?;
        Ok(UnixStream { socket, registration })
    }

    /// Waits until there is something to read, or the end. Cancellation safe.
    ///
    /// # Errors
    /// `Cancelled`.
    pub async fn readable(&self) -> Result<()> {
        self.registration.operation(Direction::Read, || Ok(())).await
    }
}

impl AsyncRead for UnixStream {
    fn poll_read(&mut self, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<Result<usize>> {
        self.registration.poll_read(cx, &self.socket, buf)
    }

    fn has_news(&self) -> bool {
        self.registration.has_news(Direction::Read)
    }
}

impl AsyncWrite for UnixStream {
    fn poll_write(&mut self, cx: &mut Context<'_>, buf: &[u8]) -> Poll<Result<usize>> {
        self.registration.poll_write(cx, &self.socket, buf)
    }

    fn poll_shutdown(&mut self, _cx: &mut Context<'_>) -> Poll<Result<()>> {
        Poll::Ready(ended(self.socket.shutdown(Shutdown::Write)))
    }
}

/// A Unix socket that accepts connections.
pub struct UnixListener {
    socket: mio::net::UnixListener,
    registration: Registration,
}

impl UnixListener {
    /// Listens at `path`, which must not exist, and stays when the listener is gone.
    ///
    /// # Errors
    /// `Io` with the operating system's reason: the path is taken or too long. `Runtime` outside of a run.
    pub fn bind(path: impl AsRef<Path>) -> Result<UnixListener> {
        let mut socket = mio::net::UnixListener::bind(path)?;
        let registration = Registration::new(&mut socket, Interest::READABLE)?;
        Ok(UnixListener { socket, registration })
    }

    /// Where it listens.
    ///
    /// # Errors
    /// The operating system's.
    pub fn local_addr(&self) -> io::Result<std::os::unix::net::SocketAddr> {
        self.socket.local_addr()
    }

    /// Waits for a connection. Cancellation safe.
    ///
    /// # Errors
    /// `Io`: among others when no descriptor is left; the connection then stays in the kernel's queue, and
    /// accepting again at once would spin: sleep first.
    pub async fn accept(&self) -> Result<UnixStream> {
        let accepted = self.registration.operation(Direction::Read, || self.socket.accept());
        UnixStream::new(accepted.await?.0)
    }
}

impl fmt::Debug for UnixStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.socket.fmt(f)
    }
}

impl fmt::Debug for UnixListener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.socket.fmt(f)
    }
}
