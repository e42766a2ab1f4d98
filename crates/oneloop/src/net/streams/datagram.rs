//! Datagrams by callbacks: an endpoint with a protocol.
//!
//! Job: `create_datagram_endpoint`. Neighbours: `watch.rs` calls it when the socket is ready. For datagrams that are
//! awaited there is [`UdpSocket`](crate::net::UdpSocket). Invariants: one datagram is received a turn, as in asyncio; the
//! protocol is never borrowed while the loop's other callbacks run; `connection_lost` is called once.
//!
//! Counterparts: `loop.create_datagram_endpoint`, `_SelectorDatagramTransport` (`selector_events.py`),
//! `DatagramProtocol` (`protocols.py`); `UdpClient`.

use std::{
    cell::{Cell, RefCell},
    collections::VecDeque,
    fmt, io,
    net::{Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket},
    os::fd::{AsRawFd, RawFd},
    rc::Rc,
};

use crate::{
    error::{Error, Result},
    loop_ref::{LoopRef, get_running_loop},
};

/// How large a datagram may be (`selector_events.py: max_size`).
const MAX_SIZE: usize = 256 * 1024;

/// What an endpoint calls: `asyncio.DatagramProtocol`. Each method does nothing unless it is written.
pub trait DatagramProtocol: 'static {
    /// The endpoint is there. The transport may be kept, to send with.
    fn connection_made(&mut self, transport: &DatagramTransport) {
        let _ = transport;
    }

    /// A datagram came.
    fn datagram_received(&mut self, data: &[u8], address: SocketAddr) {
        let _ = (data, address);
    }

    /// Sending or receiving failed; the endpoint goes on.
    fn error_received(&mut self, error: Error) {
        let _ = error;
    }

    /// The endpoint is closed. The error is what has closed it; so far nothing but its owner does, and it is `None`.
    fn connection_lost(&mut self, error: Option<Error>) {
        let _ = error;
    }
}

/// Sends datagrams, and closes the endpoint: `asyncio.DatagramTransport`. Clones are the same endpoint.
#[derive(Clone)]
pub struct DatagramTransport(Rc<Endpoint>);

struct Endpoint {
    event_loop: LoopRef,
    /// Gone once the connection is lost: that closes it.
    socket: RefCell<Option<UdpSocket>>,
    remote: Option<SocketAddr>,
    /// Gone with the socket: it may keep the transport, and then they would hold each other for ever.
    protocol: RefCell<Option<Rc<RefCell<dyn DatagramProtocol>>>>,
    /// What the kernel has not taken yet.
    buffer: RefCell<VecDeque<(Vec<u8>, Option<SocketAddr>)>>,
    closing: Cell<bool>,
}

/// Makes an endpoint at `local` (an address with port 0 if the system is to choose), that sends to and receives from
/// `remote` alone if there is one: `loop.create_datagram_endpoint`. Gives the transport and the protocol.
///
/// ```
/// use oneloop::{DatagramProtocol, DatagramTransport, create_datagram_endpoint};
/// struct Echo(Option<DatagramTransport>);
/// impl DatagramProtocol for Echo {
///     fn connection_made(&mut self, transport: &DatagramTransport) {
///         self.0 = Some(transport.clone());
///     }
///     fn datagram_received(&mut self, data: &[u8], address: std::net::SocketAddr) {
///         self.0.as_ref().unwrap().sendto(data, Some(address)).unwrap();
///     }
/// }
/// # oneloop::run(async {
/// let here = std::net::SocketAddr::from(([127, 0, 0, 1], 0));
/// let (transport, _echo) = create_datagram_endpoint(Echo(None), here, None).await?;
/// let client = oneloop::net::UdpSocket::bind("127.0.0.1:0".parse().unwrap())?;
/// client.send_to(b"hello", transport.sockname().unwrap()).await?;
/// let mut buf = [0; 9];
/// assert_eq!(client.recv_from(&mut buf).await?.0, 5);
/// transport.close();
/// # Ok(()) }).unwrap();
/// ```
///
/// # Errors
/// `Io`: the address is in use or not ours; `Value` with neither address; `Cancelled`; `Runtime` outside of a run.
pub async fn create_datagram_endpoint<P: DatagramProtocol>(
    protocol: P,
    local: impl Into<Option<SocketAddr>>,
    remote: impl Into<Option<SocketAddr>>,
) -> Result<(DatagramTransport, Rc<RefCell<P>>)> {
    let event_loop = get_running_loop()?;
    let remote = remote.into();
    let any = |remote: SocketAddr| match remote {
        SocketAddr::V4(_) => SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0)),
        SocketAddr::V6(_) => SocketAddr::from((Ipv6Addr::UNSPECIFIED, 0)),
    };
    let local = local.into().or(remote.map(any)).ok_or(Error::Value("unexpected address family"))?;
    let socket = UdpSocket::bind(local)?;
    socket.set_nonblocking(true)?;
    if let Some(remote) = remote {
        socket.connect(remote)?;
    }
    let protocol = Rc::new(RefCell::new(protocol));
    let transport = DatagramTransport(Rc::new(Endpoint {
        event_loop: event_loop.clone(),
        socket: RefCell::new(Some(socket)),
        remote,
        protocol: RefCell::new(Some(protocol.clone())),
        buffer: RefCell::default(),
        closing: Cell::new(false),
    }));
    let waiter = event_loop.create_future();
    let (made, reads, ready) = (transport.clone(), transport.clone(), waiter.clone());
    event_loop.call_soon(move || made.with_protocol(|protocol| protocol.connection_made(&made)));
    event_loop.call_soon(move || reads.watch_reading());
    event_loop.call_soon(move || drop(ready.set_result(())));
    /// Closes the endpoint when this is dropped or cancelled half-way.
    struct Unless(Option<DatagramTransport>);
    impl Drop for Unless {
        fn drop(&mut self) {
            if let Some(transport) = &self.0 {
                transport.close();
            }
        }
    }
    let mut unless = Unless(Some(transport.clone()));
    waiter.await?;
    unless.0 = None;
    Ok((transport, protocol))
}

impl DatagramTransport {
    /// Sends `data` to `address`, or to the remote end if there is one. What the kernel does not take now is sent later;
    /// an error goes to the protocol.
    ///
    /// # Errors
    /// `Other` for another address than that of the remote end.
    pub fn sendto(&self, data: &[u8], address: Option<SocketAddr>) -> Result<()> {
        if let (Some(remote), Some(address)) = (self.0.remote, address)
            && remote != address
        {
            return Err(Error::other(format!("Invalid address: must be None or {remote}")));
        }
        if self.0.buffer.borrow().is_empty() {
            match self.send(data, address) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => {
                    self.tell(error.into());
                    return Ok(());
                }
                Ok(()) => return Ok(()),
            }
            let this = Held(self.clone());
            if let Some(fd) = self.fd() {
                self.0.event_loop.add_writer(&fd, move || this.0.write_ready())?;
            }
        }
        self.0.buffer.borrow_mut().push_back((data.to_vec(), address));
        Ok(())
    }

    /// Closes the endpoint, when what waits to be sent has gone out.
    pub fn close(&self) {
        if self.0.closing.replace(true) {
            return;
        }
        if let Some(fd) = self.fd() {
            self.0.event_loop.remove_reader(&fd);
        }
        if self.0.buffer.borrow().is_empty() {
            self.lose_soon();
        }
    }

    /// Closes the endpoint at once; what waits to be sent is lost.
    pub fn abort(&self) {
        if !std::mem::take(&mut *self.0.buffer.borrow_mut()).is_empty() && self.0.closing.get() {
            self.lose_soon();
        }
        self.close();
    }

    /// Whether it is closed, or on the way there.
    pub fn is_closing(&self) -> bool {
        self.0.closing.get()
    }

    /// Its own address (Python: `get_extra_info("sockname")`).
    pub fn sockname(&self) -> Option<SocketAddr> {
        self.0.socket.borrow().as_ref().and_then(|socket| socket.local_addr().ok())
    }

    /// The remote end, if it has one (Python: `get_extra_info("peername")`).
    pub fn peername(&self) -> Option<SocketAddr> {
        self.0.remote
    }

    fn watch_reading(&self) {
        if self.0.closing.get() {
            return;
        }
        let this = Held(self.clone());
        if let Some(fd) = self.fd() {
            let _loop_is_closing = self.0.event_loop.add_reader(&fd, move || this.0.read_ready());
        }
    }

    /// The socket's number, so that nothing is borrowed while callbacks are installed, removed and dropped.
    fn fd(&self) -> Option<RawFd> {
        self.0.socket.borrow().as_ref().map(AsRawFd::as_raw_fd)
    }

    /// Calls a method of the protocol, as long as there is one.
    fn with_protocol(&self, call: impl FnOnce(&mut dyn DatagramProtocol)) {
        let protocol = self.0.protocol.borrow().clone();
        if let Some(protocol) = protocol {
            call(&mut *protocol.borrow_mut());
        }
    }

    fn read_ready(&self) {
        let mut data = vec![0; MAX_SIZE];
        let received = self.0.socket.borrow().as_ref().map(|socket| socket.recv_from(&mut data));
        match received {
            Some(Ok((n, address))) => self.with_protocol(|protocol| protocol.datagram_received(&data[..n], address)),
            Some(Err(error)) if !matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => {
                self.tell(error.into());
            }
            _ => {}
        }
    }

    fn write_ready(&self) {
        loop {
            let next = self.0.buffer.borrow_mut().pop_front();
            let Some((data, address)) = next else { break };
            match self.send(&data, address) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    return self.0.buffer.borrow_mut().push_front((data, address));
                }
                Err(error) => self.tell(error.into()),
                Ok(()) => {}
            }
        }
        if let Some(fd) = self.fd() {
            self.0.event_loop.remove_writer(&fd);
        }
        if self.0.closing.get() {
            self.lose_soon();
        }
    }

    fn send(&self, data: &[u8], address: Option<SocketAddr>) -> io::Result<()> {
        let socket = self.0.socket.borrow();
        let Some(socket) = &*socket else { return Ok(()) };
        match (self.0.remote, address) {
            (None, Some(address)) => socket.send_to(data, address).map(drop),
            _ => socket.send(data).map(drop),
        }
    }

    /// Tells the protocol of an error: in a turn of its own when it is the protocol that sends just now.
    fn tell(&self, error: Error) {
        let protocol = self.0.protocol.borrow().clone();
        let Some(protocol) = protocol else { return };
        if let Ok(mut protocol) = protocol.try_borrow_mut() {
            return protocol.error_received(error);
        }
        let this = self.clone();
        self.0.event_loop.call_soon(move || this.with_protocol(|protocol| protocol.error_received(error)));
    }

    fn lose_soon(&self) {
        let this = Held(self.clone());
        self.0.event_loop.call_soon(move || {
            let endpoint = &*this.0.0;
            let socket = endpoint.socket.take();
            if let Some(socket) = &socket {
                endpoint.event_loop.remove_writer(socket);
                this.0.with_protocol(|protocol| protocol.connection_lost(None));
            }
            let protocol = endpoint.protocol.take();
            drop(protocol);
        });
    }
}

/// What the loop's callbacks hold of an endpoint. They go with the loop, and with them what only the loop could call.
struct Held(DatagramTransport);

impl Drop for Held {
    fn drop(&mut self) {
        let endpoint = &*self.0.0;
        if endpoint.event_loop.is_closed() {
            let gone = (endpoint.socket.take(), endpoint.protocol.take());
            drop(gone); // with nothing borrowed: the protocol is the user's
        }
    }
}

impl fmt::Debug for DatagramTransport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DatagramTransport").field("sockname", &self.sockname()).finish_non_exhaustive()
    }
}
