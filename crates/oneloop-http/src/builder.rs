//! How a [`ClientSession`] is to be: every option in one place, each with its counterpart in curl.
//!
//! Nothing is connected or resolved here; files (CAs, certificates, revocation lists) are read by [`build`]. An option
//! that is not used costs its requests nothing. Counterparts: the arguments of `aiohttp.ClientSession` and
//! `TCPConnector`, .NET's `SocketsHttpHandler`.
//!
//! [`build`]: SessionBuilder::build

use std::cell::{Cell, RefCell};
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::rc::Rc;
use std::time::Duration;

use url::Url;

use crate::client::{ClientSession, Session, bad_header};
use crate::connector::{Connect, Connector, Detours, Guard, Resolve};
use crate::error::{Error, Result};
use crate::overrides::{ConnectTo, ResolveOverride};
use crate::proto::{Headers, Limits};
use crate::proxy::{NoProxy, Proxy};
use crate::race::AddressChoice;
use crate::resolver::{Family, Resolver};
use crate::timeouts::Timeouts;
use crate::tls_config::{Pem, TlsConfig, TlsOptions, TlsVersion};

/// How a [`ClientSession`] is to be.
///
/// ```
/// use std::time::Duration;
/// use oneloop_http::{ClientSession, Timeouts};
/// let session = ClientSession::builder()
///     .timeout(Duration::from_secs(10))
///     .timeouts(Timeouts { connect: Some(Duration::from_secs(2)), ..Timeouts::default() })
///     .resolve_to("example.org:443:192.0.2.7".parse()?)
///     .compressed(true)
///     .build()?;
/// # drop(session); Ok::<(), oneloop_http::Error>(())
/// ```
#[derive(Default)]
pub struct SessionBuilder {
    tls: TlsOptions,
    fresh_connections: bool,
    family: Option<Family>,
    choice: AddressChoice,
    limits: Limits,
    max_redirects: Option<usize>,
    allow_downgrade: bool,
    compressed: bool,
    timeout: Option<Duration>,
    timeouts: Timeouts,
    record_local_addr: bool,
    resolver: Option<Rc<dyn Resolve>>,
    connect: Option<Box<dyn Connect>>,
    detours: Detours,
    guard: Option<Guard>,
    headers: Headers,
    refused: Option<Error>,
}

/// Whom to trust, and who we are.
impl SessionBuilder {
    /// Trust the certificates in this PEM file, instead of Mozilla's roots; repeat it for more. curl: `--cacert`.
    #[must_use]
    pub fn ca_file(mut self, file: impl Into<PathBuf>) -> SessionBuilder {
        self.tls.authorities.push(Pem::File(file.into()));
        self
    }

    /// Trust the certificates in this PEM text, instead of Mozilla's roots; repeat it for more.
    #[must_use]
    pub fn ca_pem(mut self, pem: impl Into<Vec<u8>>) -> SessionBuilder {
        self.tls.authorities.push(Pem::Text(pem.into()));
        self
    }

    /// Trust the certificates in this PEM file *beside* those that are trusted anyway. curl has no such option.
    #[must_use]
    pub fn extra_ca_file(mut self, file: impl Into<PathBuf>) -> SessionBuilder {
        self.tls.extra_authorities.push(Pem::File(file.into()));
        self
    }

    /// Trust what other programs of this system trust, instead of Mozilla's roots as compiled in; together with
    /// [`ca_file`](Self::ca_file), both. Default: false. curl: `--ca-native`.
    #[must_use]
    pub fn native_roots(mut self, native: bool) -> SessionBuilder {
        self.tls.system_authorities = native;
        self
    }

    /// Refuse the certificates that the lists in this PEM file revoke. An issuer that no list is from revokes nothing,
    /// and a list that is out of date still counts. curl: `--crlfile`, which wants a list of every issuer.
    #[must_use]
    pub fn crl_file(mut self, file: impl Into<PathBuf>) -> SessionBuilder {
        self.tls.crls.push(Pem::File(file.into()));
        self
    }

    /// The same from PEM text.
    #[must_use]
    pub fn crl_pem(mut self, pem: impl Into<Vec<u8>>) -> SessionBuilder {
        self.tls.crls.push(Pem::Text(pem.into()));
        self
    }

    /// Show the certificate chain in this PEM file to servers that ask for one. Its key is in `key`, or else in the same
    /// file; an encrypted key is refused. curl: `--cert` (`-E`) and `--key`.
    #[must_use]
    pub fn identity_file(mut self, chain: impl Into<PathBuf>, key: Option<PathBuf>) -> SessionBuilder {
        self.tls.identity = Some((Pem::File(chain.into()), key.map(Pem::File)));
        self
    }

    /// The same from PEM text, which holds the chain and the key.
    #[must_use]
    pub fn identity_pem(mut self, pem: impl Into<Vec<u8>>) -> SessionBuilder {
        self.tls.identity = Some((Pem::Text(pem.into()), None));
        self
    }

    /// Accept any certificate, and note in [`TlsInfo::verify_error`](crate::TlsInfo) what verification would have said.
    /// The handshake's signatures are still checked. Default: false. curl: `--insecure` (`-k`).
    #[must_use]
    pub fn insecure(mut self, insecure: bool) -> SessionBuilder {
        self.tls.insecure = insecure;
        self
    }

    /// The name to send (SNI) and to verify instead of each URL's host; for an address, SNI is left out. openssl's
    /// `-servername`, blackbox_exporter's `server_name`; curl has none (`--connect-to` is its way).
    #[must_use]
    pub fn server_name(mut self, name: impl Into<String>) -> SessionBuilder {
        self.tls.server_name = Some(name.into());
        self
    }

    /// Refuse older versions of TLS. Default: 1.2. curl: `--tlsv1.2`, `--tlsv1.3`.
    #[must_use]
    pub fn min_tls(mut self, version: TlsVersion) -> SessionBuilder {
        self.tls.min = Some(version);
        self
    }

    /// Refuse newer versions of TLS. Default: 1.3. curl: `--tls-max`.
    #[must_use]
    pub fn max_tls(mut self, version: TlsVersion) -> SessionBuilder {
        self.tls.max = Some(version);
        self
    }
}

/// Where connections lead.
impl SessionBuilder {
    /// How names become addresses. Default: the [stub resolver](crate::resolver) with the system's configuration.
    #[must_use]
    pub fn resolver(mut self, resolver: impl Resolve + 'static) -> SessionBuilder {
        self.resolver = Some(Rc::new(resolver));
        self
    }

    /// Ask these name servers instead of resolv.conf's; takes the place of [`resolver`](Self::resolver).
    /// curl: `--dns-servers`, where it is built with c-ares.
    #[must_use]
    pub fn dns_servers(self, servers: impl IntoIterator<Item = SocketAddr>) -> SessionBuilder {
        self.resolver(Resolver::builder().servers(servers).build())
    }

    /// Use addresses of this family alone. Default: any. curl: `-4`, `-6`.
    #[must_use]
    pub fn family(mut self, family: Family) -> SessionBuilder {
        self.family = Some(family);
        self
    }

    /// Which of several addresses are tried, and how. Default: all, by RFC 8305. curl: `--happy-eyeballs-timeout-ms`
    /// is fixed at 250 here.
    #[must_use]
    pub fn addresses(mut self, choice: AddressChoice) -> SessionBuilder {
        self.choice = choice;
        self
    }

    /// Use given addresses for a host and port; repeat it for more hosts. curl: `--resolve`.
    #[must_use]
    pub fn resolve_to(mut self, entry: ResolveOverride) -> SessionBuilder {
        self.detours.resolve.push(entry);
        self
    }

    /// Connect elsewhere for a host and port; the first entry that matches counts. curl: `--connect-to`.
    #[must_use]
    pub fn connect_to(mut self, entry: ConnectTo) -> SessionBuilder {
        self.detours.connect_to.push(entry);
        self
    }

    /// Go through an HTTP proxy. The environment is never asked for one. curl: `--proxy` (`-x`).
    #[must_use]
    pub fn proxy(mut self, proxy: Proxy) -> SessionBuilder {
        self.detours.proxy = Some(proxy);
        self
    }

    /// Hosts that are reached without the proxy: names (and what is under them), addresses, networks, `*`; separated by
    /// commas or blanks. curl: `--noproxy`.
    #[must_use]
    pub fn no_proxy(mut self, list: &str) -> SessionBuilder {
        self.detours.no_proxy = NoProxy::parse(list);
        self
    }

    /// A function that may forbid a destination: asked with the URL of each hop before anything is done for it, and
    /// with each of its addresses before one is connected to. Its error is the request's. An address that it refuses is
    /// left out, as long as another remains. With a proxy, the addresses are the proxy's.
    #[must_use]
    pub fn guard(mut self, guard: impl Fn(&Url, Option<IpAddr>) -> Result<()> + 'static) -> SessionBuilder {
        self.guard = Some(Box::new(guard));
        self
    }

    /// How streams are made. Default: TCP. See [`Connect`] for an example.
    #[must_use]
    pub fn connector(mut self, connect: impl Connect + 'static) -> SessionBuilder {
        self.connect = Some(Box::new(connect));
        self
    }

    /// Whether connections are kept for later requests. Without, each request says `Connection: close`. Default: true.
    /// curl: `--no-keepalive` is about something else; it keeps them within one run.
    #[must_use]
    pub fn keepalive(mut self, keepalive: bool) -> SessionBuilder {
        self.fresh_connections = !keepalive;
        self
    }

    /// Whether to note our own address of each connection, for one system call each. Default: false.
    #[must_use]
    pub fn record_local_addr(mut self, record: bool) -> SessionBuilder {
        self.record_local_addr = record;
        self
    }
}

/// What requests say, and how far they go.
impl SessionBuilder {
    /// The time for a request with redirects and body, unless the request has its own. Default: none.
    /// curl: `--max-time` (`-m`).
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> SessionBuilder {
        self.timeout = Some(timeout);
        self
    }

    /// The time for single phases. Default: none. curl: `--connect-timeout`.
    #[must_use]
    pub fn timeouts(mut self, timeouts: Timeouts) -> SessionBuilder {
        self.timeouts = timeouts;
        self
    }

    /// Bounds on what a server may send. [`Limits::max_body_bytes`] bounds a body as it comes and as it is decoded;
    /// curl: `--max-filesize`.
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> SessionBuilder {
        self.limits = limits;
        self
    }

    /// Offer gzip, deflate and br, and take them off. A body that is not whole and valid in its codings is an error of
    /// kind `decode`. Without, nothing is offered and a body is what the server sent. Default: false.
    /// curl: `--compressed`.
    #[must_use]
    pub fn compressed(mut self, compressed: bool) -> SessionBuilder {
        self.compressed = compressed;
        self
    }

    /// How many redirects a request follows at most. Default: 10, as in aiohttp. curl: `--max-redirs`, 50.
    #[must_use]
    pub fn max_redirects(mut self, hops: usize) -> SessionBuilder {
        self.max_redirects = Some(hops);
        self
    }

    /// Whether to follow a redirect from https to http (without credentials, as for any other origin). Default: false.
    /// curl: does so, unless `--proto-redir =https`.
    #[must_use]
    pub fn allow_downgrade(mut self, allow: bool) -> SessionBuilder {
        self.allow_downgrade = allow;
        self
    }

    /// A header of every request. A name or value that HTTP does not allow is an error of [`build`](Self::build).
    /// curl: `-H`.
    #[must_use]
    pub fn header(mut self, name: &str, value: impl AsRef<[u8]>) -> SessionBuilder {
        if let Err(error) = self.headers.push(name, value) {
            self.refused.get_or_insert(bad_header(name, error));
        }
        self
    }

    /// The session. Reads the files that were named.
    ///
    /// # Errors
    /// A file that cannot be used (the message names it), or a header of all requests that is not allowed.
    pub fn build(self) -> Result<ClientSession> {
        if let Some(error) = self.refused {
            return Err(error);
        }
        let Detours { resolve, connect_to, proxy, .. } = &self.detours;
        let direct = resolve.is_empty() && connect_to.is_empty() && proxy.is_none();
        let connector = Connector {
            resolver: self.resolver.unwrap_or_else(|| Rc::new(Resolver::system())),
            connect: self.connect,
            tls: TlsConfig::new(&self.tls)?,
            family: self.family.unwrap_or(Family::Any),
            choice: self.choice,
            timeouts: self.timeouts,
            detours: (!direct).then(|| Box::new(self.detours)),
            guard: self.guard,
            record_local_addr: self.record_local_addr,
            opened: Cell::new(0),
        };
        Ok(ClientSession(Rc::new(Session {
            connector,
            pool: RefCell::default(),
            keepalive: !self.fresh_connections,
            limits: self.limits,
            max_redirects: self.max_redirects.unwrap_or(10),
            allow_downgrade: self.allow_downgrade,
            compressed: self.compressed,
            timeout: self.timeout,
            headers: Rc::new(self.headers),
        })))
    }
}

impl std::fmt::Debug for SessionBuilder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SessionBuilder").field("tls", &self.tls).finish_non_exhaustive()
    }
}
