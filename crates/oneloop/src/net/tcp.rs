//! TCP: connect, listen, accept, read, write.
//!
//! Job: mio's non-blocking sockets as leaves of the loop. Neighbours: `selector.rs`. Invariants: a connection costs
//! `socket`, `connect`, `epoll_ctl` and, in the end, `close`, and nothing else: the error of a connection is asked
//! for only when the event says that there is one, and closing is what takes the socket out of epoll. A read that
//! came back short is taken as the last for now; the next waits for an event without asking the kernel in vain.
//!
//! Counterparts: `loop.sock_connect`, `sock_recv`, `sock_sendall`, `sock_accept`; `Socket` with `ConnectAsync` etc.

use std::{
    fmt,
    future::poll_fn,
    io::{self, Read, Write},
    net::{Shutdown, SocketAddr},
    task::{Context, Poll},
};

use mio::Interest;

use super::{AsyncRead, AsyncWrite, no_bytes};
use crate::{
    error::Result,
    selector::{Direction, Registration},
};

/// A TCP connection. Dropping it closes it.
pub struct TcpStream {
    // The socket goes first: it is closed before its place in the selector is free.
    socket: mio::net::TcpStream,
    registration: Registration,
}

impl TcpStream {
    /// Connects to `address`. Cancellation safe: dropping it closes the half-made connection.
    ///
    /// # Errors
    /// `Io` with the operating system's reason: refused, unreachable, out of descriptors.
    pub async fn connect(address: SocketAddr) -> Result<TcpStream> {
        let stream = TcpStream::new(mio::net::TcpStream::connect(address)?)?;
        // The kernel reports a socket as writable when it is connected, and as ended when it has failed.
        poll_fn(|cx| stream.registration.poll_io(cx, Direction::Write, 0, || Ok(()))).await?;
        if stream.registration.has_ended()
            && let Some(error) = stream.socket.take_error()?
        {
            return Err(error.into());
        }
        Ok(stream)
    }

    fn new(mut socket: mio::net::TcpStream) -> Result<TcpStream> {
        let registration = Registration::new(&mut socket, Interest::READABLE | Interest::WRITABLE)?;
        Ok(TcpStream { socket, registration })
    }

    /// Whom it is connected to: one system call.
    ///
    /// # Errors
    /// The operating system's.
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.socket.peer_addr()
    }

    /// Its own address: one system call.
    ///
    /// # Errors
    /// The operating system's.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }

    /// Turns Nagle's algorithm off (true) or on.
    ///
    /// # Errors
    /// The operating system's.
    pub fn set_nodelay(&self, on: bool) -> io::Result<()> {
        self.socket.set_nodelay(on)
    }

    /// Ends one or both directions at once.
    ///
    /// # Errors
    /// The operating system's.
    pub fn shutdown_now(&self, how: Shutdown) -> io::Result<()> {
        self.socket.shutdown(how)
    }

    /// Waits until there is something to read, or the end. Cancellation safe.
    ///
    /// # Errors
    /// `Cancelled`.
    pub async fn readable(&self) -> Result<()> {
        self.registration.operation(Direction::Read, || Ok(())).await
    }
}

impl AsyncRead for TcpStream {
    fn poll_read(&mut self, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<Result<usize>> {
        self.registration.poll_read(cx, &self.socket, buf)
    }

    fn has_news(&self) -> bool {
        self.registration.has_news(Direction::Read)
    }
}

impl AsyncWrite for TcpStream {
    fn poll_write(&mut self, cx: &mut Context<'_>, buf: &[u8]) -> Poll<Result<usize>> {
        self.registration.poll_write(cx, &self.socket, buf)
    }

    fn poll_shutdown(&mut self, _cx: &mut Context<'_>) -> Poll<Result<()>> {
        Poll::Ready(ended(self.socket.shutdown(Shutdown::Write)))
    }
}

/// What ending a connection's writing side gives.
pub(super) fn ended(shutdown: io::Result<()>) -> Result<()> {
    match shutdown {
        Err(error) if error.kind() != io::ErrorKind::NotConnected => Err(error.into()),
        _ => Ok(()), // the peer was first
    }
}

/// A socket that accepts connections.
pub struct TcpListener {
    socket: mio::net::TcpListener,
    registration: Registration,
}

impl TcpListener {
    /// Listens at `address`; port 0 lets the system choose one.
    ///
    /// # Errors
    /// `Io` with the operating system's reason: the address is in use, or not ours.
    pub fn bind(address: SocketAddr) -> Result<TcpListener> {
        let mut socket = mio::net::TcpListener::bind(address)?;
        let registration = Registration::new(&mut socket, Interest::READABLE)?;
        Ok(TcpListener { socket, registration })
    }

    /// Where it listens.
    ///
    /// # Errors
    /// The operating system's.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }

    /// Waits for a connection. Cancellation safe. Several may wait: an event wakes all, and who comes
    /// too late waits again.
    ///
    /// # Errors
    /// `Io`: among others when no descriptor is left; the connection then stays in the kernel's queue, and
    /// accepting again at once would spin: sleep first.
    pub async fn accept(&self) -> Result<(TcpStream, SocketAddr)> {
        let (socket, peer) = self.registration.operation(Direction::Read, || self.socket.accept()).await?;
        Ok((TcpStream::new(socket)?, peer))
    }
}

impl fmt::Debug for TcpStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.socket.fmt(f)
    }
}

impl fmt::Debug for TcpListener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.socket.fmt(f)
    }
}

/// What reading and writing have in common, whatever the kind of the connection.
impl Registration {
    /// Reads once. Less than `buf` has room for was all for now: that is not asked again.
    #[inline]
    pub(super) fn poll_read(&self, cx: &mut Context<'_>, mut socket: impl Read, buf: &mut [u8]) -> Poll<Result<usize>> {
        if buf.is_empty() {
            return no_bytes();
        }
        let read = self.poll_io(cx, Direction::Read, 0, || socket.read(buf));
        if let Poll::Ready(Ok(count)) = read
            && count < buf.len()
        {
            self.drained(Direction::Read);
        }
        read
    }

    /// Writes once. A write that took less than `buf` has filled the kernel's buffer.
    #[inline]
    pub(super) fn poll_write(&self, cx: &mut Context<'_>, mut socket: impl Write, buf: &[u8]) -> Poll<Result<usize>> {
        if buf.is_empty() {
            return no_bytes();
        }
        let written = self.poll_io(cx, Direction::Write, 0, || socket.write(buf));
        if let Poll::Ready(Ok(count)) = written
            && count < buf.len()
        {
            self.drained(Direction::Write);
        }
        written
    }

    /// Whether the kernel has announced an end or a failure of the writing side: after `connect`, that it failed.
    pub(crate) fn has_ended(&self) -> bool {
        self.with_half(Direction::Write, |half| half.ended).unwrap_or(true)
    }

    /// Whether the kernel has announced something that was not read yet: data or the end. Costs no system call.
    pub(crate) fn has_news(&self, direction: Direction) -> bool {
        self.with_half(direction, |half| half.ready).unwrap_or(true)
    }
}
