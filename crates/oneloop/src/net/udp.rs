//! UDP datagrams.
//!
//! Job: mio's `UdpSocket` as leaves of the loop. Neighbours: `selector.rs`; the resolver of `oneloop-http` is its
//! main user. Invariant: a datagram that doesn't fit into the buffer is cut, as the system does it.
//!
//! Counterparts: `loop.create_datagram_endpoint`, `UdpClient`.

use std::{fmt, io, net::SocketAddr};

use mio::Interest;

use crate::{
    error::Result,
    selector::{Direction, Registration},
};

/// A UDP socket. Dropping it closes it.
pub struct UdpSocket {
    socket: mio::net::UdpSocket,
    registration: Registration,
}

impl UdpSocket {
    /// Binds to `address`; port 0 lets the system choose one.
    ///
    /// # Errors
    /// `Io` with the operating system's reason.
    pub fn bind(address: SocketAddr) -> Result<UdpSocket> {
        let mut socket = mio::net::UdpSocket::bind(address)?;
        let registration = Registration::new(&mut socket, Interest::READABLE | Interest::WRITABLE)?;
        Ok(UdpSocket { socket, registration })
    }

    /// Fixes the peer: from then on the kernel drops what comes from anyone else.
    ///
    /// # Errors
    /// `Io`, when there is no route.
    pub fn connect(&self, peer: SocketAddr) -> Result<()> {
        Ok(self.socket.connect(peer)?)
    }

    /// Its own address.
    ///
    /// # Errors
    /// The operating system's.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }

    /// Sends a datagram to the peer. Cancellation safe.
    ///
    /// # Errors
    /// `Io`, also for what an earlier datagram has met (refused).
    pub async fn send(&self, datagram: &[u8]) -> Result<usize> {
        self.registration.operation(Direction::Write, || self.socket.send(datagram)).await
    }

    /// Receives a datagram of the peer. Cancellation safe.
    ///
    /// # Errors
    /// `Io`, also for what an earlier datagram has met (refused).
    pub async fn recv(&self, buf: &mut [u8]) -> Result<usize> {
        self.registration.operation(Direction::Read, || self.socket.recv(buf)).await
    }

    /// Sends a datagram to `target`. Cancellation safe.
    ///
    /// # Errors
    /// `Io`.
    pub async fn send_to(&self, datagram: &[u8], target: SocketAddr) -> Result<usize> {
        self.registration.operation(Direction::Write, || self.socket.send_to(datagram, target)).await
    }

    /// Receives a datagram of anyone. Cancellation safe.
    ///
    /// # Errors
    /// `Io`.
    pub async fn recv_from(&self, buf: &mut [u8]) -> Result<(usize, SocketAddr)> {
        self.registration.operation(Direction::Read, || self.socket.recv_from(buf)).await
    }
}

impl fmt::Debug for UdpSocket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.socket.fmt(f)
    }
}
