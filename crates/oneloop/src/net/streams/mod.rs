//! Streams: connections as a reader and a writer with buffers, and servers of them.
//!
//! Job: `open_connection` and `start_server`, with the order of events that asyncio has. They stand on callbacks
//! (`watch.rs`), as asyncio's do. Who wants the shortest way from the kernel to a task takes
//! [`TcpStream`](crate::net::TcpStream) instead: it wakes the task in the turn in which the socket is ready.
//!
//! Counterparts: `streams.py`; `TcpClient`, `TcpListener` and `System.IO.Pipelines`.

mod datagram;
mod reader;
mod server;
mod transport;
mod writer;

use std::{
    cell::Cell,
    future::Future,
    io,
    net::SocketAddr,
    os::{fd::AsRawFd, unix::net::UnixStream},
    path::Path,
    rc::Rc,
};

pub use datagram::{DatagramProtocol, DatagramTransport, create_datagram_endpoint};
pub use reader::StreamReader;
pub use server::Server;
use transport::{Socket, Transport};
pub use writer::StreamWriter;

use crate::{
    combinators::gather,
    error::{Error, Result},
    loop_ref::{LoopRef, get_running_loop},
};

/// Connects to `host`, a name or an address: `asyncio.open_connection`. A name is resolved on a thread, and its
/// addresses are tried one after the other.
///
/// ```
/// # oneloop::run(async {
/// let server = oneloop::start_server(
///     async |reader, writer| {
///         writer.write(reader.readline().await?)?;
///         writer.close();
///         Ok(())
///     },
///     "127.0.0.1",
///     0,
/// )
/// .await?;
/// let (reader, writer) = oneloop::open_connection("127.0.0.1", server.sockets()[0].port()).await?;
/// writer.write("hello\n")?;
/// assert_eq!(reader.readline().await?, b"hello\n");
/// writer.close();
/// writer.wait_closed().await?;
/// server.close();
/// server.wait_closed().await
/// # }).unwrap();
/// ```
///
/// # Errors
/// `Io`: no such name (std's error, without a number), or the last address's reason; `Cancelled`; `Runtime` outside of
/// a run.
pub async fn open_connection(host: &str, port: u16) -> Result<(StreamReader, StreamWriter)> {
    StreamOptions::new().open_connection(host, port).await
}

/// Listens at `host` and calls `client_connected` with each connection's reader and writer, as a task:
/// `asyncio.start_server`. An empty host is every IPv4 address of the machine; port 0 lets the system choose one. For a
/// plain function (Python's `client_connected_cb` need be no coroutine) give a closure that does its work and returns
/// `async { Ok(()) }`: what stands before runs where asyncio calls it, in no task.
///
/// # Errors
/// `Io`: the address is in use or not ours; `Cancelled`; `Runtime` outside of a run.
pub async fn start_server<H, F>(client_connected: H, host: &str, port: u16) -> Result<Server>
where
    H: Fn(StreamReader, StreamWriter) -> F + 'static,
    F: Future<Output = Result<()>> + 'static,
{
    StreamOptions::new().start_server(client_connected, host, port).await
}

/// Connects to the Unix socket at `path`: `asyncio.open_unix_connection`.
///
/// # Errors
/// `Io`: nobody listens there; `Cancelled`; `Runtime` outside of a run.
pub async fn open_unix_connection(path: impl AsRef<Path>) -> Result<(StreamReader, StreamWriter)> {
    StreamOptions::new().open_unix_connection(path).await
}

/// Listens at `path` as [`start_server`] does at an address: `asyncio.start_unix_server`. A socket that is there
/// already is removed first, any other file is an error.
///
/// # Errors
/// `Io`: the path is in use or can't be made; `Cancelled`; `Runtime` outside of a run.
pub async fn start_unix_server<H, F>(client_connected: H, path: impl AsRef<Path>) -> Result<Server>
where
    H: Fn(StreamReader, StreamWriter) -> F + 'static,
    F: Future<Output = Result<()>> + 'static,
{
    StreamOptions::new().start_unix_server(client_connected, path).await
}

/// Two connected streams without a peer elsewhere, for tests: with a virtual clock they cost no time. (Python:
/// `socket.socketpair()` and `open_connection(sock=...)`.)
///
/// # Errors
/// `Io`: no descriptor is left; `Cancelled`; `Runtime` outside of a run.
pub async fn stream_pair() -> Result<((StreamReader, StreamWriter), (StreamReader, StreamWriter))> {
    let (one, other) = UnixStream::pair()?;
    one.set_nonblocking(true)?;
    other.set_nonblocking(true)?;
    let options = StreamOptions::new();
    let event_loop = get_running_loop()?;
    Ok((
        options.streams(&event_loop, Socket::Unix(one)).await?,
        options.streams(&event_loop, Socket::Unix(other)).await?,
    ))
}

/// The keyword arguments of asyncio's stream functions.
///
/// ```
/// # oneloop::run(async {
/// let echo = async |reader: oneloop::StreamReader, writer: oneloop::StreamWriter| writer.write(reader.read(9).await?);
/// let server = oneloop::StreamOptions::new().limit(1024).start_serving(false).start_server(echo, "127.0.0.1", 0).await?;
/// assert!(!server.is_serving());
/// # Ok(()) }).unwrap();
/// ```
#[derive(Clone, Debug)]
#[must_use = "options do nothing until a connection or a server is made with them"]
pub struct StreamOptions {
    limit: usize,
    backlog: usize,
    start_serving: bool,
    cleanup_socket: bool,
}

impl Default for StreamOptions {
    fn default() -> StreamOptions {
        StreamOptions::new()
    }
}

impl StreamOptions {
    /// The defaults: lines of at most 64 KiB, 100 connections that may wait, and servers that serve at once.
    pub fn new() -> StreamOptions {
        StreamOptions { limit: reader::DEFAULT_LIMIT, backlog: 100, start_serving: true, cleanup_socket: true }
    }

    /// The reader's limit in bytes: no line is longer, and about twice as much is kept. A limit of 0 is a `Value` error
    /// when a connection is opened or a server started.
    pub fn limit(mut self, bytes: usize) -> StreamOptions {
        self.limit = bytes;
        self
    }

    /// How many connections are accepted in one turn at most.
    pub fn backlog(mut self, connections: usize) -> StreamOptions {
        self.backlog = connections.max(1);
        self
    }

    /// Whether a server accepts connections at once, or when [`Server::start_serving`] is called.
    pub fn start_serving(mut self, on: bool) -> StreamOptions {
        self.start_serving = on;
        self
    }

    /// Whether a Unix server's file is removed when the server closes, if it is still its own (Python 3.13). It is.
    pub fn cleanup_socket(mut self, on: bool) -> StreamOptions {
        self.cleanup_socket = on;
        self
    }

    /// As the function [`open_connection`].
    ///
    /// # Errors
    /// As there.
    pub async fn open_connection(&self, host: &str, port: u16) -> Result<(StreamReader, StreamWriter)> {
        self.check()?;
        let event_loop = get_running_loop()?;
        let mut last = Error::from(io::Error::new(io::ErrorKind::NotFound, "getaddrinfo() returned empty list"));
        for address in resolve(&event_loop, host, port).await? {
            match connect(&event_loop, address).await {
                Ok(socket) => return self.streams(&event_loop, Socket::Tcp(socket)).await,
                Err(error @ Error::Io(_)) => last = error,
                Err(error) => return Err(error),
            }
        }
        Err(last)
    }

    /// As the function [`open_unix_connection`].
    ///
    /// # Errors
    /// As there.
    pub async fn open_unix_connection(&self, path: impl AsRef<Path>) -> Result<(StreamReader, StreamWriter)> {
        self.check()?;
        let socket = UnixStream::from(mio::net::UnixStream::connect(path)?); // at once or not at all
        self.streams(&get_running_loop()?, Socket::Unix(socket)).await
    }

    /// As the function [`start_server`].
    ///
    /// # Errors
    /// As there.
    pub async fn start_server<H, F>(&self, client_connected: H, host: &str, port: u16) -> Result<Server>
    where
        H: Fn(StreamReader, StreamWriter) -> F + 'static,
        F: Future<Output = Result<()>> + 'static,
    {
        self.check()?;
        let event_loop = get_running_loop()?;
        // A task that resolves, as in base_events.py: create_server, which does it for several hosts at once.
        let (resolves, host) = (event_loop.clone(), host.to_owned());
        let mut addresses = gather([async move { resolve(&resolves, &host, port).await }]).await?.concat();
        addresses.dedup();
        let mut listeners = Vec::new();
        for address in addresses {
            listeners.push(server::Listener::Tcp(mio::net::TcpListener::bind(address)?.into()));
        }
        self.serve(event_loop, listeners, client_connected).await
    }

    /// As the function [`start_unix_server`].
    ///
    /// # Errors
    /// As there.
    pub async fn start_unix_server<H, F>(&self, client_connected: H, path: impl AsRef<Path>) -> Result<Server>
    where
        H: Fn(StreamReader, StreamWriter) -> F + 'static,
        F: Future<Output = Result<()>> + 'static,
    {
        use std::os::unix::fs::FileTypeExt;
        self.check()?;
        let event_loop = get_running_loop()?;
        let path = path.as_ref();
        if std::fs::symlink_metadata(path).is_ok_and(|file| file.file_type().is_socket()) {
            std::fs::remove_file(path)?;
        }
        let listener = std::os::unix::net::UnixListener::bind(path)?;
        listener.set_nonblocking(true)?;
        let _file = if self.cleanup_socket { server::SocketFile::new(path).ok() } else { None };
        self.serve(event_loop, vec![server::Listener::Unix { listener, _file }], client_connected).await
    }

    async fn serve<H, F>(
        &self,
        event_loop: LoopRef,
        listeners: Vec<server::Listener>,
        client_connected: H,
    ) -> Result<Server>
    where
        H: Fn(StreamReader, StreamWriter) -> F + 'static,
        F: Future<Output = Result<()>> + 'static,
    {
        let handler = Rc::new(move |reader, writer| Box::pin(client_connected(reader, writer)) as _);
        let server = Server::new(event_loop, listeners, self.clone(), handler);
        if self.start_serving {
            server.start_serving().await?;
        }
        Ok(server)
    }

    fn check(&self) -> Result<()> {
        if self.limit == 0 { Err(reader::NO_LIMIT) } else { Ok(()) }
    }

    /// Puts a connected socket on the loop (`_create_connection_transport`).
    async fn streams(&self, event_loop: &LoopRef, socket: Socket) -> Result<(StreamReader, StreamWriter)> {
        let reader = StreamReader::on(event_loop.clone(), self.limit);
        let waiter = event_loop.create_future();
        let transport = Transport::start(event_loop, socket, reader.clone(), None, |_| (), waiter.clone());
        let writer = StreamWriter::new(&transport); // dropped when this is cancelled: that closes the connection
        waiter.await?;
        Ok((reader, writer))
    }
}

/// The addresses of `host`: an address means itself, without a thread.
async fn resolve(event_loop: &LoopRef, host: &str, port: u16) -> Result<Vec<SocketAddr>> {
    if host.is_empty() {
        return Ok(vec![SocketAddr::from(([0, 0, 0, 0], port))]);
    }
    match host.parse() {
        Ok(address) => Ok(vec![SocketAddr::new(address, port)]),
        Err(_) => event_loop.getaddrinfo(host, port).await,
    }
}

/// `loop.sock_connect`: a future that a callback settles when the socket is writable.
async fn connect(event_loop: &LoopRef, address: SocketAddr) -> Result<std::net::TcpStream> {
    let socket = Rc::new(mio::net::TcpStream::connect(address)?);
    let connected = event_loop.create_future();
    let (settles, asks, done) = (connected.clone(), Rc::downgrade(&socket), Cell::new(false));
    event_loop.add_writer(&*socket, move || {
        if let Some(socket) = asks.upgrade().filter(|_| !done.replace(true)) {
            let _cancelled = match socket.take_error() {
                Ok(None) => settles.set_result(()),
                Ok(Some(error)) | Err(error) => settles.set_error(error.into()),
            };
        }
    })?;
    /// Stops the watching, however the wait ends, while the socket is open.
    struct Unwatch<'a>(&'a LoopRef, Rc<mio::net::TcpStream>);
    impl Drop for Unwatch<'_> {
        fn drop(&mut self) {
            self.0.remove_writer(&self.1.as_raw_fd());
        }
    }
    let unwatch = Unwatch(event_loop, socket);
    let result = connected.await;
    let socket = unwatch.1.clone();
    drop(unwatch);
    result?;
    Ok(Rc::into_inner(socket).ok_or(Error::Runtime("the socket is still watched"))?.into())
}
