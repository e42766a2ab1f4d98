//! From a URL to a connection that can carry a request: resolve, connect, TLS.
//!
//! Each step enters its [`Phase`] and leaves what it learned in the [`Exchange`]. Addresses are tried in order, the next
//! when one fails, except after a cancellation (which is not a failure of the address) and when this machine lacks
//! descriptors (the next address would fail alike). How names are resolved and how streams are made can be replaced
//! ([`Resolve`], [`Connect`]): tests use in-memory streams on the virtual clock.
//!
//! Counterparts: aiohttp's `TCPConnector` and `AbstractResolver`; .NET's `SocketsHttpHandler.ConnectCallback`.

use std::future::{Future, poll_fn};
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::rc::Rc;

use oneloop::net::TcpStream;
use url::{Host, Url};

use crate::error::{Error, ErrorKind, Result};
use crate::exchange::Exchange;
use crate::resolver::{Family, ResolveErrorKind, Resolver};
use crate::timings::Phase;
use crate::tls;
use crate::wire::{Io, Stream, Wire};

/// A boxed future that stays on its thread.
pub type LocalBoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + 'a>>;

/// Turns names into addresses.
pub trait Resolve {
    /// The addresses of `host` in the order in which they should be tried. An empty list is an error of the caller's
    /// wording.
    fn resolve<'a>(&'a self, host: &'a str, family: Family) -> LocalBoxFuture<'a, Result<Vec<IpAddr>>>;
}

impl Resolve for Resolver {
    fn resolve<'a>(&'a self, host: &'a str, family: Family) -> LocalBoxFuture<'a, Result<Vec<IpAddr>>> {
        Box::pin(async move {
            Resolver::resolve(self, host, family).await.map_err(|error| {
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

/// How a session makes connections.
pub(crate) struct Connector {
    pub(crate) resolver: Rc<dyn Resolve>,
    /// `None`: TCP.
    pub(crate) connect: Option<Box<dyn Connect>>,
    pub(crate) tls: tls::LazyConfig,
    pub(crate) family: Family,
    pub(crate) record_local_addr: bool,
}

impl Connector {
    /// A fresh connection for `url`, through all three phases.
    pub(crate) async fn open(&self, url: &Url, exchange: &Exchange) -> Result<Wire> {
        let host = url.host().ok_or_else(|| Error::new(ErrorKind::BadUrl, format!("{url} has no host")))?;
        let port = url.port_or_known_default().unwrap_or(80);
        match host {
            Host::Ipv4(address) => self.check_family(address.into(), exchange)?,
            Host::Ipv6(address) => self.check_family(address.into(), exchange)?,
            // Boxed: a small part of all connections are in this phase at a time, and its state is large.
            Host::Domain(name) => {
                let addresses = Box::pin(self.resolver.resolve(name, self.family)).await?;
                exchange.hop().addresses = addresses;
            }
        }
        exchange.hop().clock.enter(Phase::Connect, now()?);
        let mut wire = Wire::new(self.connect_any(url, port, exchange).await?);
        if self.record_local_addr {
            exchange.hop().local = wire.io().local_addr();
        }
        exchange.hop().clock.enter(Phase::Tls, now()?);
        if url.scheme() == "https" {
            wire.start_tls(self.tls.get()?, tls::server_name(host)?)?;
            poll_fn(|cx| {
                let progress = wire.poll_handshake(cx);
                note_tls(&wire, exchange);
                progress
            })
            .await
            .map_err(|error| error.in_context(format_args!("TLS with {}", url.authority())))?;
        }
        Ok(wire)
    }

    /// A host that is an address needs no resolving, but must be of a family that is wanted.
    fn check_family(&self, address: IpAddr, exchange: &Exchange) -> Result<()> {
        if !self.family.has(&address) {
            let message = format!("{address} is not of the address family that was asked for (-4 or -6)");
            return Err(Error::new(ErrorKind::Resolve, message).with_detail("Family"));
        }
        exchange.hop().addresses = vec![address];
        Ok(())
    }

    /// Tries the addresses in order. (The place for RFC 8305's racing, when it comes.)
    async fn connect_any(&self, url: &Url, port: u16, exchange: &Exchange) -> Result<Io> {
        let mut failure = None;
        let mut index = 0;
        loop {
            let Some(address) = exchange.hop().addresses.get(index).copied() else { break };
            index += 1;
            let remote = SocketAddr::new(address, port);
            exchange.hop().remote = Some(remote);
            let error = match self.connect_one(remote).await {
                Ok(io) => return Ok(io),
                Err(error) => error,
            };
            let error = Error::from_loop(error, ErrorKind::Connect, format_args!("could not connect to {remote}"));
            if error.is_cancelled() || matches!(error.detail(), "EMFILE" | "ENFILE" | "ENOBUFS") {
                return Err(error);
            }
            // The first failure tells most, unless it was our own (no IPv6 here) and a later one is the server's.
            if failure.as_ref().is_none_or(|first: &Error| first.kind() == ErrorKind::Local) {
                failure = Some(error);
            }
        }
        let failure = failure.unwrap_or_else(|| {
            Error::new(ErrorKind::Resolve, format!("{} has no address to connect to", url.authority()))
        });
        Err(if index > 1 {
            failure.in_context(format_args!("all {index} addresses failed, the first"))
        } else {
            failure
        })
    }

    async fn connect_one(&self, remote: SocketAddr) -> oneloop::Result<Io> {
        match &self.connect {
            None => Ok(Io::Tcp(TcpStream::connect(remote).await?)),
            Some(connect) => Ok(Io::Other(connect.connect(remote).await?)),
        }
    }
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
