//! A small HTTP/1.1 server on the loop: what the demo site, the exporter and tests stand on.
//!
//! **Job.** Accept connections, read requests from them, call an async handler for each, write what it answers; keep
//! connections alive; give slow and silent clients a limited time; stop in good order. A handler that wants to
//! *misbehave* (drip, stall, cut off, send garbage) takes the connection over with [`Reply::raw`], and
//! [`Server::bind_raw`] hands connections over before a byte is read.
//!
//! **Neighbours.** `proto` reads and writes the messages; `oneloop::net` moves the bytes; `tls_server` wraps a stream
//! for https. Nothing here knows which kind of stream it has: [`serve_connection`] takes any.
//!
//! **Invariants.** One task a connection. One request at a time on it; the next is not looked at before the answer to
//! this one is written. Whatever a client sends costs bounded memory and time. It is not meant to face the internet.
//!
//! **Counterparts.** `aiohttp.web` with `AppRunner`/`TCPSite`; ASP.NET's minimal API on Kestrel.
//!
//! ```
//! use oneloop::net::{AsyncReadExt, AsyncWriteExt, TcpStream};
//! use oneloop_http::server::{Options, Reply, Request, Response, Server};
//! use std::time::Duration;
//!
//! oneloop::run(async {
//!     let server = Server::bind("127.0.0.1:0".parse().unwrap(), Options::default(), async |request: Request| {
//!         Ok(match request.path() {
//!             "/" => Reply::from(Response::text(200, "hello")),
//!             "/garbage" => Reply::raw(async |mut connection| connection.write_all(b"no HTTP at all").await),
//!             _ => Reply::from(Response::text(404, "no such page")),
//!         })
//!     })?;
//!
//!     let mut client = TcpStream::connect(server.local_addr()).await?;
//!     client.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").await?;
//!     let mut answer = Vec::new();
//!     let mut buf = [0; 1024];
//!     loop {
//!         match client.read(&mut buf).await? {
//!             0 => break,
//!             count => answer.extend_from_slice(&buf[..count]),
//!         }
//!     }
//!     assert!(answer.starts_with(b"HTTP/1.1 200 OK\r\n") && answer.ends_with(b"\r\n\r\nhello"));
//!
//!     server.stop(Duration::from_secs(1)).await
//! })
//! # .unwrap();
//! ```

mod connection;
mod messages;
#[cfg(test)]
mod tests;

use std::{
    cell::{Cell, RefCell},
    collections::BTreeMap,
    fmt,
    future::Future,
    net::SocketAddr,
    pin::Pin,
    rc::Rc,
    time::Duration,
};

use oneloop::{
    Result, Semaphore, SettableFuture, Task,
    net::{TcpListener, TcpStream},
};

use crate::{TlsAcceptor, proto::Limits};

pub use connection::serve_connection;
pub use messages::{RawConnection, Reply, Request, Response};

type BoxFuture<T> = Pin<Box<dyn Future<Output = T>>>;

/// A request handler, as all connections of a server share it. Cheap to clone.
#[derive(Clone)]
pub struct Handler(Rc<dyn Fn(Request) -> BoxFuture<Result<Reply>>>);

impl Handler {
    /// From an async closure or function. What it answers is a [`Response`] or a [`Reply`]; an error becomes a
    /// response with status 500, except cancellation, which ends the connection.
    pub fn new<R: Into<Reply>>(handler: impl AsyncFn(Request) -> Result<R> + 'static) -> Handler {
        let handler = Rc::new(handler);
        Handler(Rc::new(move |request| {
            let handler = handler.clone();
            Box::pin(async move { handler(request).await.map(Into::into) })
        }))
    }
}

/// How much a server puts up with.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Of requests: 16 KiB of head and 1 MiB of body by default.
    pub limits: Limits,
    /// How long a kept-alive connection may be silent between requests. 60 s by default.
    pub idle_timeout: Duration,
    /// From a request's first byte to its last. 10 s by default.
    pub request_timeout: Duration,
    /// For each piece of an answer to be written. 30 s by default. Raw replies see to it themselves.
    pub write_timeout: Duration,
    /// Connections at once. More wait in the kernel's queue. 1,000 by default.
    pub max_connections: usize,
    /// Drop the handler of a client that ends its side of the connection, or breaks it, before it has its answer. For
    /// handlers that work for long and for nobody else. A client that sends no more and still listens gets no answer
    /// then. False by default.
    pub drop_when_gone: bool,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            limits: Limits { max_head_bytes: 16 * 1024, max_body_bytes: 1024 * 1024, ..Limits::default() },
            idle_timeout: Duration::from_secs(60),
            request_timeout: Duration::from_secs(10),
            write_timeout: Duration::from_secs(30),
            max_connections: 1000,
            drop_when_gone: false,
        }
    }
}

impl fmt::Debug for Handler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Handler")
    }
}

/// A server that is running: its tasks are on the loop that was running when it was bound.
///
/// Dropping it without [`stop`](Server::stop) lets it run on, as dropping a task does.
pub struct Server {
    local_addr: SocketAddr,
    accepting: Task<()>,
    shared: Rc<Shared>,
}

impl Server {
    /// Listens at `address` (port 0: the system chooses one) and serves plain HTTP.
    ///
    /// # Errors
    /// As [`TcpListener::bind`].
    pub fn bind<R: Into<Reply>>(
        address: SocketAddr,
        options: Options,
        handler: impl AsyncFn(Request) -> Result<R> + 'static,
    ) -> Result<Server> {
        Server::bind_admitting(address, options, || None, handler)
    }

    /// As [`bind`](Server::bind), and asks `admit` about each connection when it has come. A connection for which it
    /// returns a response is turned away: it gets that response to its first request, or unasked after a second without
    /// one, and is closed. So one that is silent keeps its place among `max_connections` for no longer than that.
    ///
    /// # Errors
    /// As [`bind`](Server::bind).
    pub fn bind_admitting<R: Into<Reply>>(
        address: SocketAddr,
        options: Options,
        admit: impl Fn() -> Option<Response> + 'static,
        handler: impl AsyncFn(Request) -> Result<R> + 'static,
    ) -> Result<Server> {
        let handler = Handler::new(handler);
        Server::listen(address, options, move |stream, presence| match admit() {
            None => Box::pin(connection::serve(stream, handler.clone(), options, presence)),
            Some(response) => {
                presence.turned_away.set(true);
                Box::pin(connection::turn_away(stream, response, options, presence))
            }
        })
    }

    /// As [`bind`](Server::bind), over TLS. The handshake is under the request timeout; one that fails ends its
    /// connection and nothing else.
    ///
    /// # Errors
    /// As [`bind`](Server::bind).
    pub fn bind_tls<R: Into<Reply>>(
        address: SocketAddr,
        acceptor: TlsAcceptor,
        options: Options,
        handler: impl AsyncFn(Request) -> Result<R> + 'static,
    ) -> Result<Server> {
        let handler = Handler::new(handler);
        Server::listen(address, options, move |stream, presence| {
            let (acceptor, handler) = (acceptor.clone(), handler.clone());
            Box::pin(async move {
                let stream = oneloop::wait_for(options.request_timeout, acceptor.accept(stream)).await?;
                connection::serve(stream, handler, options, presence).await
            })
        })
    }

    /// Hands each connection to `handler` as it was accepted, before a byte is read. For what no HTTP server does:
    ///
    /// - close at once: drop the stream;
    /// - *reset*: await [`TcpStream::readable`] and drop the stream. A socket closed over bytes that were not read is
    ///   reset by the kernel;
    /// - never answer: await [`RawConnection::until_closed`].
    ///
    /// # Errors
    /// As [`bind`](Server::bind).
    pub fn bind_raw(
        address: SocketAddr,
        options: Options,
        handler: impl AsyncFn(TcpStream) -> Result<()> + 'static,
    ) -> Result<Server> {
        let handler = Rc::new(handler);
        Server::listen(address, options, move |stream, _presence| {
            let handler = handler.clone();
            Box::pin(async move { handler(stream).await })
        })
    }

    /// Where it listens.
    pub fn local_addr(&self) -> SocketAddr {
        self.local_addr
    }

    /// How many connections there are now, but for those that are being turned away.
    pub fn connections(&self) -> usize {
        self.shared.admitted.get()
    }

    /// Stops in good order: takes no more connections, ends those that wait for a request, lets the others finish
    /// what they are at, and after `grace` cancels what is left.
    ///
    /// # Errors
    /// `Cancelled`; then what is left goes on.
    pub async fn stop(self, grace: Duration) -> Result<()> {
        self.shared.stopping.set(true);
        self.accepting.cancel();
        self.shared.cancel_connections(|connection| connection.presence.idle.get());
        match oneloop::wait_for(grace, self.shared.ended()).await {
            Err(error) if error.is_timeout() => {
                self.shared.cancel_connections(|_| true);
                self.shared.ended().await
            }
            result => result,
        }
    }

    fn listen(
        address: SocketAddr,
        options: Options,
        serve: impl Fn(TcpStream, Presence) -> BoxFuture<Result<()>> + 'static,
    ) -> Result<Server> {
        let listener = TcpListener::bind(address)?;
        let local_addr = listener.local_addr()?;
        let shared = Rc::new(Shared::default());
        let leaving = Leaving { shared: shared.clone(), key: None };
        let accepting = oneloop::create_task(accept(leaving, options, serve, listener));
        accepting.set_name(&format!("accept {local_addr}"));
        Ok(Server { local_addr, accepting, shared })
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server").field("local_addr", &self.local_addr).finish_non_exhaustive()
    }
}

/// What a server knows of its connections.
#[derive(Default)]
struct Shared {
    /// In the order of their coming.
    connections: RefCell<BTreeMap<u64, Connection>>,
    /// How many of them are not being turned away.
    admitted: Cell<usize>,
    /// The accepting task has ended, and with it the listening socket.
    closed: Cell<bool>,
    stopping: Rc<Cell<bool>>,
    /// Those who wait for all of it to end.
    ended: RefCell<Vec<SettableFuture<()>>>,
}

/// One connection's entry in the table.
struct Connection {
    task: Task<()>,
    presence: Presence,
}

/// What a connection and its server tell each other.
#[derive(Clone, Default)]
pub(crate) struct Presence {
    /// Set by the connection while it waits for a request to begin: then it may be cancelled without harm.
    idle: Rc<Cell<bool>>,
    /// Set by the server: this request is the connection's last.
    stopping: Rc<Cell<bool>>,
    /// Set by the server before the connection is served: there is no room for it.
    turned_away: Rc<Cell<bool>>,
}

impl Shared {
    fn enter(&self, key: u64, connection: Connection) {
        self.admitted.set(self.admitted.get() + usize::from(!connection.presence.turned_away.get()));
        self.connections.borrow_mut().insert(key, connection);
    }

    fn leave(&self, key: u64) {
        let gone = self.connections.borrow_mut().remove(&key);
        let was_admitted = gone.as_ref().is_some_and(|connection| !connection.presence.turned_away.get());
        self.admitted.set(self.admitted.get() - usize::from(was_admitted));
    }

    fn cancel_connections(&self, which: impl Fn(&Connection) -> bool) {
        for connection in self.connections.borrow().values().filter(|connection| which(connection)) {
            connection.task.cancel();
        }
    }

    fn has_ended(&self) -> bool {
        self.closed.get() && self.connections.borrow().is_empty()
    }

    /// Wakes those who wait for the end, if this was it.
    fn tell(&self) {
        if self.has_ended() {
            for ended in self.ended.take() {
                // It fails for those who have given up waiting.
                let _ = ended.set_result(());
            }
        }
    }

    /// Waits until it accepts no more and there is no connection.
    async fn ended(&self) -> Result<()> {
        if self.has_ended() {
            return Ok(());
        }
        let ended = oneloop::get_running_loop()?.create_future();
        self.ended.borrow_mut().push(ended.clone());
        ended.await
    }
}

/// Notes the end of a task of the server, however it ends, also by panic or when the loop closes.
struct Leaving {
    shared: Rc<Shared>,
    /// Of a connection, or none for the accepting task.
    key: Option<u64>,
}

impl Drop for Leaving {
    fn drop(&mut self) {
        let Some(key) = self.key else {
            self.shared.closed.set(true);
            return self.shared.tell();
        };
        self.shared.leave(key);
        self.shared.tell();
    }
}

/// Arguments are dropped from the last to the first: the listening socket is closed before `accepting` tells the end.
async fn accept(
    accepting: Leaving,
    options: Options,
    serve: impl Fn(TcpStream, Presence) -> BoxFuture<Result<()>> + 'static,
    listener: TcpListener,
) -> Result<()> {
    let shared = &accepting.shared;
    let room = Semaphore::new(options.max_connections);
    for key in 0.. {
        let permit = room.acquire().await?;
        let stream = loop {
            match listener.accept().await {
                Ok((stream, _)) => break stream,
                Err(error) if error.is_cancelled() => return Err(error),
                // No descriptor is left, or the client has gone already: the loop must not spin on it.
                Err(_) => oneloop::sleep(Duration::from_millis(50)).await?,
            }
        };
        // A response in chunks is several small writes: the second must not wait for the first's acknowledgement. Where it
        // fails the connection is lost already.
        let _ = stream.set_nodelay(true);
        let presence = Presence { stopping: shared.stopping.clone(), ..Presence::default() };
        let leaving = Leaving { shared: shared.clone(), key: Some(key) };
        let serving = serve(stream, presence.clone());
        let task = oneloop::create_task(async move {
            let _here = (leaving, permit);
            // A client's misdeeds end its connection; there is nobody to tell.
            let _ = serving.await;
            Ok(())
        });
        shared.enter(key, Connection { task, presence });
    }
    Ok(())
}
