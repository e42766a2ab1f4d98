//! The client that people use: [`ClientSession`] and [`RequestBuilder`], with aiohttp's names.
//!
//! ```no_run
//! oneloop::run(async {
//!     let session = oneloop_http::ClientSession::new().map_err(oneloop::Error::other)?;
//!     let mut response = session.get("https://example.org/").send().await.map_err(oneloop::Error::other)?;
//!     println!("{} {}", response.status(), response.text().await.map_err(oneloop::Error::other)?.len());
//!     Ok(())
//! }).unwrap();
//! ```
//!
//! A session holds what its requests share: the TLS configuration, the resolver, the pool of idle connections, default
//! headers. It stays on its thread and is cheap to clone. What one request does is in [`request`](crate::request).
//! Counterparts: `aiohttp.ClientSession`, .NET's `HttpClient`.

use std::cell::RefCell;
use std::path::PathBuf;
use std::rc::Rc;
use std::time::Duration;

use http::Method;
use url::Url;

use crate::connector::{Connect, Connector, Resolve};
use crate::error::{Error, ErrorKind, Result};
use crate::exchange::Exchange;
use crate::pool::Pool;
use crate::proto::{Headers, Limits};
use crate::request;
use crate::resolver::{Family, Resolver};
use crate::response::Response;
use crate::target;
use crate::tls::{Authorities, LazyConfig};

/// Makes requests. Clones share everything.
#[derive(Clone)]
pub struct ClientSession(pub(crate) Rc<Session>);

/// What the requests of a session share.
pub(crate) struct Session {
    pub(crate) connector: Connector,
    pub(crate) pool: RefCell<Pool>,
    pub(crate) keepalive: bool,
    pub(crate) limits: Limits,
    pub(crate) max_redirects: usize,
    timeout: Option<Duration>,
    headers: Headers,
}

impl ClientSession {
    /// A session with the defaults of [`SessionBuilder`].
    pub fn new() -> Result<ClientSession> {
        ClientSession::builder().build()
    }

    /// A session of your own making.
    pub fn builder() -> SessionBuilder {
        SessionBuilder::default()
    }

    /// A GET request. `url` is text, or a [`Url`] that has been parsed before (by [`parse_url`](crate::parse_url), which
    /// is stricter than `Url::parse`). A malformed one is reported by [`send`](RequestBuilder::send).
    pub fn get(&self, url: impl IntoUrl) -> RequestBuilder {
        self.request(Method::GET, url)
    }

    /// A HEAD request.
    pub fn head(&self, url: impl IntoUrl) -> RequestBuilder {
        self.request(Method::HEAD, url)
    }

    /// A POST request.
    pub fn post(&self, url: impl IntoUrl) -> RequestBuilder {
        self.request(Method::POST, url)
    }

    /// A request with any method.
    pub fn request(&self, method: Method, url: impl IntoUrl) -> RequestBuilder {
        RequestBuilder {
            session: self.clone(),
            url: url.into_url(),
            method,
            headers: self.0.headers.clone(),
            body: Vec::new(),
            refused: None,
            timeout: self.0.timeout,
            allow_redirects: true,
            max_redirects: self.0.max_redirects,
            limits: self.0.limits,
            exchange: None,
        }
    }

    /// Closes the idle connections. Requests under way are not touched; later ones connect anew.
    pub async fn close(&self) -> Result<()> {
        let idle = self.0.pool.borrow_mut().drain();
        for connection in idle {
            connection.wire.close().await?;
        }
        Ok(())
    }
}

impl std::fmt::Debug for ClientSession {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ClientSession").field("keepalive", &self.0.keepalive).finish_non_exhaustive()
    }
}

/// How a [`ClientSession`] is to be.
#[derive(Default)]
pub struct SessionBuilder {
    authorities: Authorities,
    insecure: bool,
    fresh_connections: bool,
    family: Option<Family>,
    limits: Limits,
    max_redirects: Option<usize>,
    timeout: Option<Duration>,
    record_local_addr: bool,
    resolver: Option<Rc<dyn Resolve>>,
    connect: Option<Box<dyn Connect>>,
    headers: Headers,
    refused: Option<Error>,
}

impl SessionBuilder {
    /// Trust the certificates in this PEM file, instead of Mozilla's roots.
    #[must_use]
    pub fn ca_file(mut self, file: impl Into<PathBuf>) -> SessionBuilder {
        self.authorities = Authorities::File(file.into());
        self
    }

    /// Trust the certificates in this PEM text, instead of Mozilla's roots.
    #[must_use]
    pub fn ca_pem(mut self, pem: impl Into<Vec<u8>>) -> SessionBuilder {
        self.authorities = Authorities::Pem(pem.into());
        self
    }

    /// Accept any certificate, and note in [`TlsInfo::verify_error`](crate::TlsInfo) what verification would have said.
    /// The handshake's signatures are still checked. Default: false.
    #[must_use]
    pub fn insecure(mut self, insecure: bool) -> SessionBuilder {
        self.insecure = insecure;
        self
    }

    /// Whether connections are kept for later requests. Without, each request says `Connection: close`. Default: true.
    #[must_use]
    pub fn keepalive(mut self, keepalive: bool) -> SessionBuilder {
        self.fresh_connections = !keepalive;
        self
    }

    /// Use addresses of this family alone. Default: any.
    #[must_use]
    pub fn family(mut self, family: Family) -> SessionBuilder {
        self.family = Some(family);
        self
    }

    /// Bounds on what a server may send.
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> SessionBuilder {
        self.limits = limits;
        self
    }

    /// How many redirects a request follows at most. Default: 10, as in aiohttp.
    #[must_use]
    pub fn max_redirects(mut self, hops: usize) -> SessionBuilder {
        self.max_redirects = Some(hops);
        self
    }

    /// The time for a request with redirects and body, unless the request has its own. Default: none.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> SessionBuilder {
        self.timeout = Some(timeout);
        self
    }

    /// A header of every request. A name or value that HTTP does not allow is an error of [`build`](Self::build).
    #[must_use]
    pub fn header(mut self, name: &str, value: impl AsRef<[u8]>) -> SessionBuilder {
        if let Err(error) = self.headers.push(name, value) {
            self.refused.get_or_insert(bad_header(name, error));
        }
        self
    }

    /// Whether to note our own address of each connection, for one system call each. Default: false.
    #[must_use]
    pub fn record_local_addr(mut self, record: bool) -> SessionBuilder {
        self.record_local_addr = record;
        self
    }

    /// How names become addresses. Default: the [stub resolver](crate::resolver) with the system's configuration.
    #[must_use]
    pub fn resolver(mut self, resolver: impl Resolve + 'static) -> SessionBuilder {
        self.resolver = Some(Rc::new(resolver));
        self
    }

    /// How streams are made. Default: TCP. See [`Connect`] for an example.
    #[must_use]
    pub fn connector(mut self, connect: impl Connect + 'static) -> SessionBuilder {
        self.connect = Some(Box::new(connect));
        self
    }

    /// The session. Fails when the CA file cannot be used (the message names it) or a default header is not allowed.
    pub fn build(self) -> Result<ClientSession> {
        if let Some(error) = self.refused {
            return Err(error);
        }
        let connector = Connector {
            resolver: self.resolver.unwrap_or_else(|| Rc::new(Resolver::system())),
            connect: self.connect,
            tls: LazyConfig::new(&self.authorities, self.insecure)?,
            family: self.family.unwrap_or(Family::Any),
            record_local_addr: self.record_local_addr,
        };
        Ok(ClientSession(Rc::new(Session {
            connector,
            pool: RefCell::default(),
            keepalive: !self.fresh_connections,
            limits: self.limits,
            max_redirects: self.max_redirects.unwrap_or(10),
            timeout: self.timeout,
            headers: self.headers,
        })))
    }
}

impl std::fmt::Debug for SessionBuilder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SessionBuilder")
            .field("authorities", &self.authorities)
            .field("insecure", &self.insecure)
            .finish_non_exhaustive()
    }
}

/// What a request can be made to: text, or a [`Url`]; behind an [`Rc`], it is not copied.
pub trait IntoUrl {
    /// The URL, checked.
    fn into_url(self) -> Result<Rc<Url>>;
}

impl IntoUrl for &str {
    fn into_url(self) -> Result<Rc<Url>> {
        target::parse_url(self).map(Rc::new)
    }
}

impl IntoUrl for &String {
    fn into_url(self) -> Result<Rc<Url>> {
        target::parse_url(self).map(Rc::new)
    }
}

impl IntoUrl for Url {
    fn into_url(self) -> Result<Rc<Url>> {
        target::check(&self)?;
        Ok(Rc::new(self))
    }
}

impl IntoUrl for &Url {
    fn into_url(self) -> Result<Rc<Url>> {
        self.clone().into_url()
    }
}

impl IntoUrl for Rc<Url> {
    fn into_url(self) -> Result<Rc<Url>> {
        target::check(&self)?;
        Ok(self)
    }
}

/// A request to be [sent](RequestBuilder::send).
#[must_use = "a request does nothing until it is sent"]
pub struct RequestBuilder {
    pub(crate) session: ClientSession,
    pub(crate) url: Result<Rc<Url>>,
    pub(crate) method: Method,
    pub(crate) headers: Headers,
    pub(crate) body: Vec<u8>,
    pub(crate) refused: Option<Error>,
    pub(crate) timeout: Option<Duration>,
    pub(crate) allow_redirects: bool,
    pub(crate) max_redirects: usize,
    pub(crate) limits: Limits,
    pub(crate) exchange: Option<Exchange>,
}

impl RequestBuilder {
    /// Adds a header. A name or value that HTTP does not allow, or one that the client decides itself (Host,
    /// Content-Length, Connection and their kin), is an error of [`send`](Self::send).
    pub fn header(mut self, name: &str, value: impl AsRef<[u8]>) -> RequestBuilder {
        if let Err(error) = self.headers.push(name, value) {
            self.refused.get_or_insert(bad_header(name, error));
        }
        self
    }

    /// Sends these bytes as the body, with a Content-Length.
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> RequestBuilder {
        self.body = body.into();
        self
    }

    /// The time for everything: redirects and the body included. Measured from [`send`](Self::send).
    ///
    /// A caller that reads the body at once can as well put `oneloop::wait_for` around both, for one timer instead of two.
    pub fn timeout(mut self, timeout: Duration) -> RequestBuilder {
        self.timeout = Some(timeout);
        self
    }

    /// Whether to follow redirects. Default: true, as in aiohttp.
    pub fn allow_redirects(mut self, allow: bool) -> RequestBuilder {
        self.allow_redirects = allow;
        self
    }

    /// How many redirects to follow at most; one more is the error `too-many-redirects`.
    pub fn max_redirects(mut self, hops: usize) -> RequestBuilder {
        self.max_redirects = hops;
        self
    }

    /// Bounds on what the server may send, for this request.
    pub fn limits(mut self, limits: Limits) -> RequestBuilder {
        self.limits = limits;
        self
    }

    /// Keeps the record of this request in `exchange`, for the caller who wants it whatever the outcome.
    pub fn exchange(mut self, exchange: &Exchange) -> RequestBuilder {
        self.exchange = Some(exchange.clone());
        self
    }

    /// Sends the request, and waits for the head of the final response. What of the body came with it is kept in the
    /// response.
    ///
    /// Cancellation: the connection is dropped at once, nothing further is connected, and the exchange keeps what is
    /// known. Errors carry their phase.
    pub fn send(self) -> impl Future<Output = Result<Response>> {
        request::send(self)
    }
}

impl std::fmt::Debug for RequestBuilder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RequestBuilder").field("method", &self.method).field("url", &self.url).finish_non_exhaustive()
    }
}

fn bad_header(name: &str, error: crate::proto::ProtoError) -> Error {
    let name: String = name.chars().take(80).collect();
    Error::new(ErrorKind::Protocol, format!("the header {name:?} cannot be sent: {error}"))
        .with_detail(error.kind.as_str())
}
