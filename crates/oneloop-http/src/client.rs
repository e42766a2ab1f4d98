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
use std::net::IpAddr;
use std::pin::pin;
use std::rc::Rc;
use std::time::Duration;

use http::Method;
use url::{Host, Url};

use crate::builder::SessionBuilder;
use crate::connector::{Connector, host_of, now, resolving};
use crate::error::{Error, ErrorKind, Result};
use crate::exchange::{Exchange, Hop};
use crate::pool::Pool;
use crate::proto::{Headers, Limits};
use crate::request;
use crate::response::Response;
use crate::target;

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
    /// Whether a redirect may lead from https to http.
    pub(crate) allow_downgrade: bool,
    /// Whether content codings are asked for and taken off.
    pub(crate) compressed: bool,
    pub(crate) timeout: Option<Duration>,
    /// Shared with each request, and copied only for one that has its own.
    pub(crate) headers: Rc<Headers>,
}

impl ClientSession {
    /// A session with the defaults of [`SessionBuilder`].
    ///
    /// # Errors
    /// As [`SessionBuilder::build`]; with the defaults, none is known.
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
            address: None,
            exchange: None,
        }
    }

    /// The addresses of `host`, as the session's requests find them: what `--all-addresses` goes through, with
    /// [`RequestBuilder::address`]. Cancellation safe.
    ///
    /// # Errors
    /// `resolve` or `resolve-timeout`, with the resolver's reason as the detail; `local` when this machine lacks
    /// something; a cancellation.
    pub async fn resolve(&self, host: &str) -> Result<Vec<IpAddr>> {
        let connector = &self.0.connector;
        let mut resolved = connector.resolver.resolve(host, connector.family).await?;
        if let Some(family) = resolved.missing() {
            resolved.addresses.extend(connector.resolve_late(host, family).await?);
        }
        Ok(resolved.addresses)
    }

    /// As [`resolve`](Self::resolve), for the host of `url` and as the first part of a request for it: within the
    /// session's time limit for resolving, and with a hop in `exchange` that tells how long it took, also when it
    /// fails. Cancellation safe.
    ///
    /// # Errors
    /// As [`resolve`](Self::resolve), and `bad-url` for a URL without a host.
    pub async fn resolve_for(&self, url: &Rc<Url>, method: Method, exchange: &Exchange) -> Result<Vec<IpAddr>> {
        let begun = now()?;
        exchange.clear();
        exchange.push(Hop::new(url.clone(), method, begun));
        let search = async {
            match host_of(url)? {
                Host::Domain(name) => self.resolve(name).await,
                Host::Ipv4(address) => Ok(vec![address.into()]),
                Host::Ipv6(address) => Ok(vec![address.into()]),
            }
        };
        let found = resolving(self.0.connector.timeouts.resolve_left(begun, begun), pin!(search)).await;
        if found.is_ok() {
            exchange.stop(now()?);
        }
        found.map_err(|error| request::place(error, exchange))
    }

    /// Closes the idle connections. Requests under way are not touched; later ones connect anew. Cancellation safe:
    /// what is left is then closed without TLS's goodbye.
    ///
    /// # Errors
    /// A cancellation, and nothing else: a server that cannot be told is not waited for.
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
    pub(crate) headers: Rc<Headers>,
    pub(crate) body: Vec<u8>,
    pub(crate) refused: Option<Error>,
    pub(crate) timeout: Option<Duration>,
    pub(crate) allow_redirects: bool,
    pub(crate) max_redirects: usize,
    pub(crate) limits: Limits,
    pub(crate) address: Option<IpAddr>,
    pub(crate) exchange: Option<Exchange>,
}

impl RequestBuilder {
    /// Adds a header. A name or value that HTTP does not allow, or one that the client decides itself (Content-Length,
    /// Connection and their kin), is an error of [`send`](Self::send). `Host` takes the place of the URL's own, until a
    /// redirect leads to another host; it changes neither the name that is resolved nor the one that TLS verifies.
    pub fn header(mut self, name: &str, value: impl AsRef<[u8]>) -> RequestBuilder {
        if let Err(error) = Rc::make_mut(&mut self.headers).push(name, value) {
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
    /// A caller that reads the body at once can as well put `oneloop::wait_for` around both, for one timer instead of
    /// two.
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

    /// Connects to this address and no other, without resolving, until a redirect leads to another host. It does not
    /// use an idle connection either: the caller wants to know of this address.
    pub fn address(mut self, address: IpAddr) -> RequestBuilder {
        self.address = Some(address);
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
    /// Cancellation safe: the connection is dropped at once, nothing further is connected, and the exchange keeps what
    /// is known. The server may have got the request.
    ///
    /// # Errors
    /// What the URL, the name, the connection, TLS, the proxy, redirects, the head of the response or a time limit can
    /// fail of: see [`ErrorKind`]. Each has the phase in which it happened. A response with an error status is no error.
    pub fn send(self) -> impl Future<Output = Result<Response>> {
        request::send(self)
    }
}

impl std::fmt::Debug for RequestBuilder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let url = self.url.as_ref().map(|url| target::shown(url.as_str()));
        f.debug_struct("RequestBuilder").field("method", &self.method).field("url", &url).finish_non_exhaustive()
    }
}

pub(crate) fn bad_header(name: &str, error: crate::proto::ProtoError) -> Error {
    let name: String = name.chars().take(80).collect();
    Error::new(ErrorKind::Protocol, format!("the header {name:?} cannot be sent: {error}"))
        .with_detail(error.kind.as_str())
}
