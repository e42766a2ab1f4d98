//! A server: sockets that listen, and the connections that came through them.
//!
//! Job: accept, put each connection on the loop, and run the handler as a task. Neighbours: `transport.rs`. Invariants:
//! closing stops the accepting and leaves the connections; `wait_closed` waits for both. From a readable socket to the
//! first line of the handler it is three turns, as in asyncio: a task is made for each connection, which puts it on the
//! loop, and that calls the handler.
//!
//! Counterparts: `asyncio.Server` (`base_events.py`), `_accept_connection`, `_accept_connection2`
//! (`selector_events.py`); `TcpListener.AcceptAsync`, which completes on the pool.

use std::{
    cell::{Cell, RefCell},
    collections::BTreeMap,
    fmt, fs,
    future::Future,
    io,
    net::SocketAddr,
    os::{
        fd::{AsRawFd, RawFd},
        unix::{fs::MetadataExt, net::UnixListener},
    },
    path::{Path, PathBuf},
    pin::Pin,
    rc::{Rc, Weak},
    time::Duration,
};

use super::{
    StreamOptions, StreamReader, StreamWriter,
    transport::{Socket, Transport},
};
use crate::{
    error::{Error, Result},
    exceptions::ExceptionContext,
    loop_ref::LoopRef,
    settable::SettableFuture,
    task_ref::TaskRef,
};

/// How long no connection is accepted after the system had no descriptor left for one (`constants.py`).
const ACCEPT_RETRY_DELAY: Duration = Duration::from_secs(1);

/// What listens.
pub(super) enum Listener {
    Tcp(std::net::TcpListener),
    /// Its file goes after it, unless that is to stay.
    Unix {
        listener: UnixListener,
        _file: Option<SocketFile>,
    },
}

/// The file of a Unix socket. Dropping this removes it, if it is still the same one (`unix_events.py: _stop_serving`).
pub(super) struct SocketFile {
    path: PathBuf,
    inode: u64,
}

impl SocketFile {
    pub(super) fn new(path: &Path) -> io::Result<SocketFile> {
        Ok(SocketFile { path: path.to_owned(), inode: fs::symlink_metadata(path)?.ino() })
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        if fs::symlink_metadata(&self.path).is_ok_and(|file| file.ino() == self.inode) {
            let _gone_meanwhile = fs::remove_file(&self.path);
        }
    }
}

impl Listener {
    fn accept(&self) -> io::Result<Socket> {
        match self {
            Listener::Tcp(listener) => {
                let (socket, _) = listener.accept()?;
                socket.set_nonblocking(true)?;
                Ok(Socket::Tcp(socket))
            }
            Listener::Unix { listener, .. } => {
                let (socket, _) = listener.accept()?;
                socket.set_nonblocking(true)?;
                Ok(Socket::Unix(socket))
            }
        }
    }
}

impl AsRawFd for Listener {
    fn as_raw_fd(&self) -> RawFd {
        match self {
            Listener::Tcp(listener) => listener.as_raw_fd(),
            Listener::Unix { listener, .. } => listener.as_raw_fd(),
        }
    }
}

/// What is called for each connection.
type Handler = dyn Fn(StreamReader, StreamWriter) -> Pin<Box<dyn Future<Output = Result<()>>>>;

/// A server: `asyncio.Server`. Clones are the same server. Dropping them all closes it.
#[derive(Clone)]
pub struct Server(Rc<Inner>);

struct Inner {
    shared: Rc<Shared>,
}

/// What the loop's callbacks have of a server.
struct Shared {
    event_loop: LoopRef,
    /// None once it is closed.
    listeners: RefCell<Option<Vec<Rc<Listener>>>>,
    serving: Cell<bool>,
    serving_forever: RefCell<Option<SettableFuture<()>>>,
    clients: Clients,
    options: StreamOptions,
    handler: Rc<Handler>,
}

/// The connections of a server, oldest first, and who waits for the last to go.
#[derive(Clone)]
pub(crate) struct Clients(Rc<Register>);

struct Register {
    transports: RefCell<BTreeMap<u64, Weak<Transport>>>,
    /// How many there ever were.
    count: Cell<u64>,
    /// The server is closed.
    closed: Cell<bool>,
    /// None once they were woken: nobody has to wait any more.
    waiters: RefCell<Option<Vec<SettableFuture<()>>>>,
}

impl Clients {
    /// Takes a connection in, and gives its number.
    pub(super) fn attach(&self, transport: &Rc<Transport>) -> u64 {
        let number = self.0.count.get();
        self.0.count.set(number + 1);
        self.0.transports.borrow_mut().insert(number, Rc::downgrade(transport));
        number
    }

    pub(super) fn detach(&self, number: u64) {
        self.0.transports.borrow_mut().remove(&number);
        if self.0.closed.get() {
            self.wake_if_none();
        }
    }

    fn all(&self) -> Vec<Rc<Transport>> {
        self.0.transports.borrow().values().filter_map(Weak::upgrade).collect()
    }

    fn wake_if_none(&self) {
        if self.all().is_empty() {
            for waiter in self.0.waiters.take().into_iter().flatten() {
                let _cancelled = waiter.set_result(());
            }
        }
    }
}

impl Server {
    pub(super) fn new(
        event_loop: LoopRef,
        listeners: Vec<Listener>,
        options: StreamOptions,
        handler: Rc<Handler>,
    ) -> Server {
        let register = Register {
            transports: RefCell::default(),
            closed: Cell::new(false),
            count: Cell::new(0),
            waiters: RefCell::new(Some(Vec::new())),
        };
        let shared = Shared {
            event_loop,
            listeners: RefCell::new(Some(listeners.into_iter().map(Rc::new).collect())),
            serving: Cell::new(false),
            serving_forever: RefCell::new(None),
            clients: Clients(Rc::new(register)),
            options,
            handler,
        };
        Server(Rc::new(Inner { shared: Rc::new(shared) }))
    }

    /// Begins to accept, unless it does so already.
    ///
    /// # Errors
    /// `Io` if the sockets can't be watched; `Cancelled`.
    pub fn start_serving(&self) -> impl Future<Output = Result<()>> + use<> {
        let server = self.clone();
        async move {
            server.0.shared.start_serving()?;
            crate::yield_now().await
        }
    }

    /// Accepts until it is cancelled or closed. When it is cancelled, it closes the server and waits for the connections.
    ///
    /// # Errors
    /// Always: `Cancelled`, also when [`close`](Server::close) ends it. `Runtime` when the server is closed or another
    /// task serves.
    pub fn serve_forever(&self) -> impl Future<Output = Result<()>> + use<> {
        let server = self.clone();
        async move { server.serve().await }
    }

    async fn serve(&self) -> Result<()> {
        let shared = &self.0.shared;
        if shared.serving_forever.borrow().is_some() {
            return Err(Error::Runtime("server is already being awaited on serve_forever()"));
        }
        if shared.listeners.borrow().is_none() {
            return Err(Error::Runtime("server is closed"));
        }
        shared.start_serving()?;
        let future = shared.event_loop.create_future();
        *shared.serving_forever.borrow_mut() = Some(future.clone());
        /// Leaves the place free, also when this is dropped half-way.
        struct Leave<'a>(&'a Shared);
        impl Drop for Leave<'_> {
            fn drop(&mut self) {
                drop(self.0.serving_forever.take());
            }
        }
        let _leave = Leave(shared);
        let ended = future.await;
        if ended.is_err() {
            self.close();
            self.wait_closed().await?;
        }
        ended
    }

    /// Stops accepting and closes the listening sockets. Connections stay.
    pub fn close(&self) {
        self.0.shared.close();
    }

    /// Closes the connections, each when what was written to it has gone out.
    pub fn close_clients(&self) {
        self.0.shared.clients.all().iter().for_each(Transport::close);
    }

    /// Closes the connections at once.
    pub fn abort_clients(&self) {
        self.0.shared.clients.all().iter().for_each(Transport::abort);
    }

    /// Waits until the server is closed and its last connection is gone (the rule of Python 3.12.1).
    ///
    /// # Errors
    /// `Cancelled`.
    pub fn wait_closed(&self) -> impl Future<Output = Result<()>> + use<> {
        let server = self.clone();
        async move {
            let waiter = {
                let mut waiters = server.0.shared.clients.0.waiters.borrow_mut();
                let Some(waiters) = &mut *waiters else { return Ok(()) };
                let waiter = server.0.shared.event_loop.create_future();
                waiters.push(waiter.clone());
                waiter
            };
            waiter.await
        }
    }

    /// Whether it accepts connections.
    pub fn is_serving(&self) -> bool {
        self.0.shared.serving.get()
    }

    /// Where it listens (Python: `[socket.getsockname() for socket in server.sockets]`): nowhere once it is closed.
    /// Unix sockets have no address here.
    pub fn sockets(&self) -> Vec<SocketAddr> {
        let listeners = self.0.shared.listeners.borrow();
        let addresses = listeners.iter().flatten().filter_map(|listener| match &**listener {
            Listener::Tcp(listener) => listener.local_addr().ok(),
            Listener::Unix { .. } => None,
        });
        addresses.collect()
    }

    /// The loop that it runs on.
    pub fn get_loop(&self) -> LoopRef {
        self.0.shared.event_loop.clone()
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.shared.close();
    }
}

impl Shared {
    fn close(&self) {
        let Some(listeners) = self.listeners.take() else { return };
        for listener in &listeners {
            self.event_loop.remove_reader(&**listener);
        }
        drop(listeners);
        self.serving.set(false);
        if let Some(future) = self.serving_forever.take() {
            future.cancel();
        }
        self.clients.0.closed.set(true);
        self.clients.wake_if_none();
    }

    fn start_serving(self: &Rc<Shared>) -> Result<()> {
        if self.serving.replace(true) {
            return Ok(());
        }
        let listeners = self.listeners.borrow().iter().flatten().cloned().collect::<Vec<_>>();
        listeners.into_iter().try_for_each(|listener| self.watch(&listener))
    }

    fn watch(self: &Rc<Shared>, listener: &Rc<Listener>) -> Result<()> {
        let accepts = Accepts { shared: Rc::downgrade(self), listener: Rc::downgrade(listener) };
        self.event_loop.add_reader(&**listener, move || {
            if let (Some(shared), Some(listener)) = (accepts.shared.upgrade(), accepts.listener.upgrade()) {
                shared.accept_all(&listener);
            }
        })
    }

    /// Accepts what waits, at most so many as may wait, and makes a task for each.
    fn accept_all(self: &Rc<Shared>, listener: &Rc<Listener>) {
        for _ in 0..self.options.backlog {
            match listener.accept() {
                Ok(socket) => {
                    let connected = self.clone();
                    drop(self.event_loop.create_task(async move { connected.connected(socket).await }));
                }
                Err(error) => return self.accept_failed(listener, error),
            }
        }
    }

    fn accept_failed(self: &Rc<Shared>, listener: &Rc<Listener>, error: io::Error) {
        use io::ErrorKind::{ConnectionAborted, Interrupted, WouldBlock};
        if matches!(error.kind(), WouldBlock | Interrupted | ConnectionAborted) {
            return;
        }
        let context = ExceptionContext::new("socket.accept() out of system resource").with_error(error.into());
        self.event_loop.call_exception_handler(&context);
        // The kernel would report the socket again at once: a pause, in which descriptors may be closed.
        self.event_loop.remove_reader(&**listener);
        let (shared, listener) = (Rc::downgrade(self), Rc::downgrade(listener));
        self.event_loop.call_later(ACCEPT_RETRY_DELAY, move || {
            if let (Some(shared), Some(listener)) = (shared.upgrade(), listener.upgrade())
                && shared.serving.get()
            {
                let _loop_is_closing = shared.watch(&listener);
            }
        });
    }

    /// The task of one connection: puts it on the loop (`_accept_connection2`).
    async fn connected(self: Rc<Shared>, socket: Socket) -> Result<()> {
        let event_loop = self.event_loop.clone();
        let reader = StreamReader::on(event_loop.clone(), self.options.limit);
        let waiter = event_loop.create_future();
        let (shared, stream_reader) = (self.clone(), reader.clone());
        let made = move |transport: &Rc<Transport>| shared.handle(transport, stream_reader);
        let clients = Some(self.clients.clone());
        let transport = Transport::start(&event_loop, socket, reader, clients, made, waiter.clone());
        waiter.await.inspect_err(|_| transport.close())
    }

    /// Runs the handler as a task. When it fails, that is reported, and the connection is closed.
    fn handle(&self, transport: &Rc<Transport>, reader: StreamReader) {
        let future = (self.handler)(reader, StreamWriter::new(transport));
        let (event_loop, transport) = (self.event_loop.core.me.clone(), transport.clone());
        let task = self.event_loop.create_task(future);
        task.add_done_callback(move |task| {
            if task.cancelled() {
                return transport.close();
            }
            if let (Ok(Some(error)), Some(core)) = (task.error(), event_loop.upgrade()) {
                let context = ExceptionContext::new("Unhandled exception in client_connected_cb");
                let context = context.with_error(error).with_task(TaskRef::from(task));
                LoopRef { core }.call_exception_handler(&context);
                transport.close();
            }
        });
    }
}

/// What the loop's accepting callback knows. It goes with the loop, and with it the sockets, which nothing accepts from
/// any more: a handler may hold its own server, and then nobody else would close them.
struct Accepts {
    shared: Weak<Shared>,
    listener: Weak<Listener>,
}

impl Drop for Accepts {
    fn drop(&mut self) {
        if let Some(shared) = self.shared.upgrade().filter(|shared| shared.event_loop.is_closed()) {
            drop(shared.listeners.take());
        }
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server").field("sockets", &self.sockets()).field("serving", &self.is_serving()).finish()
    }
}
