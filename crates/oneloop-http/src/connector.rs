//! From a URL to a connection that can carry a request: resolve, connect, TLS.
//!
//! Each step enters its [`Phase`] and leaves what it learned in the [`Exchange`]. One address is connected to; several
//! are [raced](crate::race). A proxy's tunnel is part of connecting. How names are resolved and how streams are made
//! can be replaced ([`Resolve`], [`Connect`]): tests use in-memory streams on the virtual clock.
//!
//! Counterparts: aiohttp's `TCPConnector` and `AbstractResolver`; .NET's `SocketsHttpHandler.ConnectCallback`.

use std::cell::Cell;
use std::future::{Future, poll_fn};
use std::net::{IpAddr, SocketAddr};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use oneloop::net::TcpStream;
use url::{Host, Position, Url};

use crate::error::{Error, ErrorKind, Result};
use crate::exchange::Exchange;
use crate::overrides::{ConnectTo, ResolveOverride};
use crate::proto::Headers;
use crate::proxy::{NoProxy, Proxy, tunnel};
use crate::race::{AddressChoice, could_not_connect, race};
use crate::resolver::{Family, ResolveErrorKind, Resolved, Resolver};
use crate::timeouts::{Limit, Timeouts, within};
use crate::timings::Phase;
use crate::tls_config::TlsConfig;
use crate::wire::{Io, Stream, Wire};

/// A boxed future that stays on its thread.
pub type LocalBoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + 'a>>;

/// Turns names into addresses.
pub trait Resolve {
    /// The addresses of `host` in the order in which they should be tried. An empty list fails the request, with a
    /// sentence of the session's own (detail `no-data`).
    fn resolve<'a>(&'a self, host: &'a str, family: Family) -> LocalBoxFuture<'a, Result<Resolved>>;
}

impl Resolve for Resolver {
    fn resolve<'a>(&'a self, host: &'a str, family: Family) -> LocalBoxFuture<'a, Result<Resolved>> {
        Box::pin(async move {
            self.look_up(host, family).await.map_err(|error| {
                if let Some(loop_error) = error.loop_error().filter(|error| error.is_cancelled() || error.is_timeout())
                {
                    return loop_error.clone().into();
                }
                if let (ResolveErrorKind::Local, Some(lack)) = (error.kind(), error.loop_error()) {
                    let doing = format_args!("looking up {host}");
                    return Error::from_loop(lack.clone(), ErrorKind::Local, doing);
                }
                let kind = if error.is_timeout() { ErrorKind::ResolveTimeout } else { ErrorKind::Resolve };
                let detail = error.kind().as_str();
                Error::new(kind, error.to_string()).with_detail(detail).with_source(error)
            })
        })
    }
}

/// Makes a stream to an address. Implemented for closures, so that a test can answer from memory:
///
/// ```no_run
/// # fn example() -> oneloop_http::Result<()> {
/// use oneloop_http::ClientSession;
/// let session = ClientSession::builder()
///     .connector(|_remote| async {
///         let (ours, theirs) = oneloop::net::duplex(1024);
///         drop(oneloop::create_task(async move { drop(theirs); Ok(()) })); // the scripted peer, which hangs up
///         Ok(ours)
///     })
///     .build()?;
/// # drop(session); Ok(())
/// # }
/// ```
pub trait Connect {
    /// Connects to `remote`.
    fn connect(&self, remote: SocketAddr) -> LocalBoxFuture<'static, oneloop::Result<Box<dyn Stream>>>;
}

impl<F, Made, S> Connect for F
where
    F: Fn(SocketAddr) -> Made,
    Made: Future<Output = oneloop::Result<S>> + 'static,
    S: Stream + 'static,
{
    fn connect(&self, remote: SocketAddr) -> LocalBoxFuture<'static, oneloop::Result<Box<dyn Stream>>> {
        let made = self(remote);
        Box::pin(async { Ok(Box::new(made.await?) as Box<dyn Stream>) })
    }
}

/// What a session asks before each hop and each connection: see [`SessionBuilder::guard`](crate::SessionBuilder::guard).
pub(crate) type Guard = Box<dyn Fn(&Url, Option<IpAddr>) -> Result<()>>;

/// How long a family of addresses that comes late is waited for when those of the other have failed.
const LATE_FAMILY: Duration = Duration::from_secs(2);

/// How a session makes connections.
pub(crate) struct Connector {
    pub(crate) resolver: Rc<dyn Resolve>,
    /// `None`: TCP.
    pub(crate) connect: Option<Box<dyn Connect>>,
    pub(crate) tls: TlsConfig,
    pub(crate) family: Family,
    pub(crate) choice: AddressChoice,
    pub(crate) timeouts: Timeouts,
    /// `None` for nearly all sessions, which go where the URL says.
    pub(crate) detours: Option<Box<Detours>>,
    pub(crate) guard: Option<Guard>,
    pub(crate) record_local_addr: bool,
    /// How many connections there have been.
    pub(crate) opened: Cell<u32>,
}

/// What leads elsewhere than the URL.
#[derive(Default)]
pub(crate) struct Detours {
    pub(crate) resolve: Vec<ResolveOverride>,
    pub(crate) connect_to: Vec<ConnectTo>,
    pub(crate) proxy: Option<Proxy>,
    pub(crate) no_proxy: NoProxy,
}

/// Where a connection leads.
struct Route<'a> {
    host: Host<&'a str>,
    port: u16,
    /// Given addresses, so that nothing is resolved.
    addresses: Option<&'a [IpAddr]>,
    /// The proxy that is connected to first, and the `host:port` that it is asked for a tunnel to.
    tunnel: Option<(&'a Proxy, String)>,
    via_proxy: bool,
}

impl Detours {
    fn proxy_for(&self, host: &Host<&str>) -> Option<&Proxy> {
        self.proxy.as_ref().filter(|_| !self.no_proxy.covers(host))
    }

    fn route<'a>(&'a self, https: bool, host: Host<&'a str>, port: u16) -> Route<'a> {
        let elsewhere = self.connect_to.iter().find(|entry| entry.matches(&host, port));
        let proxy = self.proxy_for(&host);
        let (host, port) = elsewhere.map_or((host.clone(), port), |entry| entry.target(host, port));
        let (tunnel, host, port) = match proxy {
            None => (None, host, port),
            Some(proxy) => {
                // A proxy that is to connect elsewhere than the URL says can be told so only for a tunnel.
                let tunnel = (https || elsewhere.is_some()).then(|| (proxy, format!("{host}:{port}")));
                let (host, port) = proxy.endpoint();
                (tunnel, host, port)
            }
        };
        Route { addresses: self.addresses(&host, port), via_proxy: proxy.is_some(), host, port, tunnel }
    }

    fn addresses(&self, host: &Host<&str>, port: u16) -> Option<&[IpAddr]> {
        let specific = self.resolve.iter().filter(|entry| entry.is_specific());
        let general = self.resolve.iter().filter(|entry| !entry.is_specific());
        // Of two for one host the later one counts, as in curl.
        specific.rev().chain(general.rev()).find_map(|entry| entry.addresses(host, port))
    }
}

/// What is on its way to a server.
#[derive(Clone, Copy)]
struct Way<'a> {
    url: &'a Url,
    route: Option<&'a Route<'a>>,
    /// When it began: limits count from there.
    begun: Instant,
    /// For a proxy's tunnel.
    headers: &'a Headers,
    exchange: &'a Exchange,
}

impl Connector {
    /// The proxy to which requests for `url` are written in absolute form, if any.
    pub(crate) fn proxy_in_clear(&self, url: &Url) -> Option<&Proxy> {
        let detours = self.detours.as_ref()?;
        let host = url.host().filter(|_| url.scheme() == "http")?;
        let port = url.port_or_known_default()?;
        let elsewhere = detours.connect_to.iter().any(|entry| entry.matches(&host, port));
        detours.proxy_for(&host).filter(|_| !elsewhere)
    }

    /// Whether requests for `url` go through a proxy in any way.
    pub(crate) fn is_proxied(&self, url: &Url) -> bool {
        let proxied = |detours: &Detours| url.host().is_some_and(|host| detours.proxy_for(&host).is_some());
        self.detours.as_deref().is_some_and(proxied)
    }

    /// A fresh connection for `url`, through all three phases. `fixed`: the one address to use.
    ///
    /// Everything that nearly no request needs (detours, limits, several addresses) is boxed, since the state of this
    /// future is part of every request that waits.
    pub(crate) async fn open(
        &self,
        url: &Url,
        fixed: Option<IpAddr>,
        headers: &Headers,
        exchange: &Exchange,
    ) -> Result<Wire> {
        let begun = now()?;
        let route = self.route(url)?;
        let mut missing = None;
        if let Some(search) = self.find(url, route.as_deref(), fixed, exchange)? {
            let resolved = resolving(self.timeouts.resolve_left(begun, now()?), search).await;
            let resolved = resolved.map_err(|error| of_proxy(error, route.as_deref()))?;
            missing = resolved.missing();
            let mut hop = exchange.hop();
            hop.addresses = resolved.addresses;
            hop.resolve_cached = resolved.cached;
        }
        self.arrange(url, exchange)?;
        exchange.hop().clock.enter(Phase::Connect, now()?);
        let way = Way { url, route: route.as_deref(), begun, headers, exchange };
        let reached = match self.only_address(url, route.as_deref(), exchange) {
            Some(remote) => {
                exchange.hop().remote = Some(remote);
                self.connect_one(remote).await.map(Wire::new).map_err(|error| could_not_connect(error, remote))
            }
            None => Box::pin(self.reach(way)).await,
        };
        let mut wire = match (reached, missing) {
            (Err(error), Some(family)) if error.kind() == ErrorKind::Connect => {
                Box::pin(self.reach_late(way, family, error)).await?
            }
            (reached, _) => reached?,
        };
        self.opened.set(self.opened.get().wrapping_add(1));
        exchange.hop().connection = self.opened.get();
        if self.record_local_addr {
            exchange.hop().local = wire.io().local_addr();
        }
        exchange.hop().clock.enter(Phase::Tls, now()?);
        if url.scheme() == "https" {
            wire.start_tls(self.tls.get()?, self.tls.server_name(host_of(url)?)?)?;
            let limit = self.timeouts.tls_left(begun, now()?);
            let work = poll_fn(|cx| handshake(&mut wire, cx, exchange));
            let done = within(limit, ErrorKind::TlsTimeout, "the TLS handshake", work).await;
            done.map_err(|error| error.in_context(format_args!("TLS with {}", host_and_port(url))))?;
        }
        Ok(wire)
    }

    /// Where a connection for `url` leads, if not where the URL says.
    fn route<'a>(&'a self, url: &'a Url) -> Result<Option<Box<Route<'a>>>> {
        let Some(detours) = &self.detours else { return Ok(None) };
        let port = url.port_or_known_default().unwrap_or(80);
        Ok(Some(Box::new(detours.route(url.scheme() == "https", host_of(url)?, port))))
    }

    /// The addresses of the host, into the exchange; or what has to be awaited to know them.
    fn find<'a>(
        &'a self,
        url: &'a Url,
        route: Option<&Route<'a>>,
        fixed: Option<IpAddr>,
        exchange: &Exchange,
    ) -> Result<Option<LocalBoxFuture<'a, Result<Resolved>>>> {
        let given = route.and_then(|route| route.addresses);
        let addresses = match (fixed, given, host_on_the_way(url, route)?) {
            (Some(address), ..) => vec![address],
            (None, Some(given), _) => given.iter().filter(|address| self.family.has(address)).copied().collect(),
            (None, None, Host::Ipv4(address)) => self.of_wanted_family(address.into())?,
            (None, None, Host::Ipv6(address)) => self.of_wanted_family(address.into())?,
            (None, None, Host::Domain(name)) => return Ok(Some(self.resolver.resolve(name, self.family))),
        };
        exchange.hop().addresses = addresses;
        Ok(None)
    }

    /// A host that is an address needs no resolving, but must be of a family that is wanted.
    fn of_wanted_family(&self, address: IpAddr) -> Result<Vec<IpAddr>> {
        if !self.family.has(&address) {
            let message = format!("{address} is not of the address family that was asked for (-4 or -6)");
            return Err(Error::new(ErrorKind::Resolve, message).with_detail("Family"));
        }
        Ok(vec![address])
    }

    /// Leaves out the addresses that are not to be connected to, and orders the others. At least one stays.
    fn arrange(&self, url: &Url, exchange: &Exchange) -> Result<()> {
        let mut addresses = std::mem::take(&mut exchange.hop().addresses);
        let mut refusal = None;
        if let Some(guard) = &self.guard {
            addresses.retain(|address| match guard(url, Some(*address)) {
                Ok(()) => true,
                Err(error) => {
                    refusal.get_or_insert(error);
                    false
                }
            });
        }
        self.choice.arrange(&mut addresses);
        let empty = addresses.is_empty();
        exchange.hop().addresses = addresses;
        if !empty {
            return Ok(());
        }
        Err(refusal.unwrap_or_else(|| {
            let message = format!("{} has no address to connect to", host_and_port(url));
            Error::new(ErrorKind::Resolve, message).with_detail("no-data")
        }))
    }

    /// Where to connect, when that is all there is to it: one address, no tunnel, no limit.
    fn only_address(&self, url: &Url, route: Option<&Route<'_>>, exchange: &Exchange) -> Option<SocketAddr> {
        let plain = self.timeouts.connect.is_none() && route.is_none_or(|route| !route.via_proxy);
        match exchange.hop().addresses[..] {
            [address] if plain => Some(SocketAddr::new(address, port_of(url, route))),
            _ => None,
        }
    }

    /// Connects to one of the addresses within its time, and opens the tunnel where there is a proxy.
    async fn reach(&self, way: Way<'_>) -> Result<Wire> {
        let Way { url, route, begun, headers, exchange } = way;
        let work = async {
            let connect = |remote| Box::pin(self.connect_one(remote)) as LocalBoxFuture<'_, _>;
            let io = race(connect, port_of(url, route), exchange).await.map_err(|error| of_proxy(error, route))?;
            let mut wire = Wire::new(io);
            if let Some((proxy, authority)) = route.and_then(|route| route.tunnel.as_ref()) {
                tunnel(&mut wire, proxy, authority, headers, exchange).await?;
            }
            Ok(wire)
        };
        within(self.timeouts.connect_left(begun, now()?), ErrorKind::ConnectTimeout, "connecting", pin!(work)).await
    }

    /// All addresses at hand have `failed`, and this family's answer had come too late to be among them: now it is waited
    /// for, though not for long, since a server may never answer for a family that it does not know.
    async fn reach_late(&self, way: Way<'_>, family: Family, failed: Error) -> Result<Wire> {
        let Way { url, route, exchange, .. } = way;
        let tried = std::mem::take(&mut exchange.hop().addresses);
        let found = match host_on_the_way(url, route)? {
            Host::Domain(name) => self.resolve_late(name, family).await?,
            _ => Vec::new(),
        };
        exchange.hop().addresses = found;
        let reached = match self.arrange(url, exchange) {
            Ok(()) => self.reach(way).await,
            Err(_) => Err(failed),
        };
        exchange.hop().addresses.splice(0..0, tried);
        reached
    }

    /// The addresses of a family that had not answered in time; none where that fails or takes too long again. An error
    /// is a cancellation.
    pub(crate) async fn resolve_late(&self, name: &str, family: Family) -> Result<Vec<IpAddr>> {
        let search = self.resolver.resolve(name, family);
        match resolving(Some(Limit::of(LATE_FAMILY)), search).await {
            Ok(resolved) => Ok(resolved.addresses),
            Err(error) if error.is_cancelled() => Err(error),
            Err(_) => Ok(Vec::new()),
        }
    }

    async fn connect_one(&self, remote: SocketAddr) -> oneloop::Result<Io> {
        match &self.connect {
            None => Ok(Io::Tcp(TcpStream::connect(remote).await?)),
            Some(connect) => Ok(Io::Other(connect.connect(remote).await?)),
        }
    }
}

/// What the authority is without user information, which may hold a password.
fn host_and_port(url: &Url) -> &str {
    &url[Position::BeforeHost..Position::AfterPort]
}

pub(crate) fn host_of(url: &Url) -> Result<Host<&str>> {
    url.host().ok_or_else(|| Error::new(ErrorKind::BadUrl, "the URL has no host"))
}

/// The host that is connected to: the URL's, or where the route leads instead.
fn host_on_the_way<'a>(url: &'a Url, route: Option<&Route<'a>>) -> Result<Host<&'a str>> {
    route.map_or_else(|| host_of(url), |route| Ok(route.host.clone()))
}

fn port_of(url: &Url, route: Option<&Route<'_>>) -> u16 {
    route.map_or_else(|| url.port_or_known_default().unwrap_or(80), |route| route.port)
}

/// Awaits a `search` for addresses within its limit.
pub(crate) fn resolving<T>(
    limit: Option<Limit>,
    search: impl Future<Output = Result<T>> + Unpin,
) -> impl Future<Output = Result<T>> {
    within(limit, ErrorKind::ResolveTimeout, "resolving the name", search)
}

fn handshake(wire: &mut Wire, cx: &mut Context<'_>, exchange: &Exchange) -> Poll<Result<()>> {
    let progress = wire.poll_handshake(cx);
    note_tls(wire, exchange);
    progress
}

/// An error on the way to a proxy says that it is the proxy's. Cancellations, limits and lacks of our own stay.
fn of_proxy(error: Error, route: Option<&Route<'_>>) -> Error {
    let via_proxy = route.is_some_and(|route| route.via_proxy);
    if !via_proxy || !matches!(error.kind(), ErrorKind::Resolve | ErrorKind::Connect) {
        return error;
    }
    let detail = error.detail().to_owned();
    Error::new(ErrorKind::Proxy, format!("the proxy cannot be reached: {error}")).with_detail(detail).with_source(error)
}

/// Copies what TLS knows into the record whenever it is news, so that it is there even if the next step never ends.
fn note_tls(wire: &Wire, exchange: &Exchange) {
    let Some(info) = wire.tls_info() else { return };
    let mut hop = exchange.hop();
    if !hop.tls.as_ref().is_some_and(|known| Rc::ptr_eq(known, info)) {
        hop.tls = Some(info.clone());
    }
}

/// The loop's time: real, or virtual in tests.
pub(crate) fn now() -> Result<std::time::Instant> {
    Ok(oneloop::get_running_loop()?.time())
}
