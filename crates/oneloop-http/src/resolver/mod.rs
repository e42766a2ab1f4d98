//! Host names to addresses on the loop itself: a stub resolver without a thread.
//!
//! `getaddrinfo` blocks, so asyncio and .NET call it on a pool of threads. This resolver reads the
//! same two files, asks the same servers and awaits their answers like any other bytes.
//!
//! Reading order: [`Resolver::addresses`] here; `names.rs` and `hosts.rs` for what is known without asking; `config.rs`
//! (resolv.conf); `lookup.rs` for which question goes where; `exchange.rs` for one question to one server; `cache.rs`
//! for what need not be asked again; `message.rs` and `shape.rs` for the bytes. Neighbour: the connector.
//!
//! Invariants:
//! * No thread, and no blocking but for reading two regular files, each once a [`Resolver`] or when it has changed.
//! * A cancellation is carried out at once; dropping a lookup closes its sockets.
//! * Addresses come IPv6 first, then IPv4, each in the order of the file or the server.
//!
//! Counterparts: aiohttp's `AsyncResolver` (on c-ares), asyncio's `loop.getaddrinfo`, .NET's
//! `Dns.GetHostAddressesAsync`. The order of RFC 6724 is not computed: the connector tries the
//! families in turn (RFC 8305), and an address without a route fails at once.

mod cache;
mod config;
mod error;
mod exchange;
mod hosts;
mod lookup;
mod message;
mod names;
mod shape;
mod system;
#[cfg(test)]
mod tests;

use std::cell::{Cell, RefCell};
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::{Duration, Instant, SystemTime};

pub use error::{ResolveError, ResolveErrorKind};
pub use system::SystemResolver;

use cache::Cache;
use config::Config;
use exchange::Ids;
use hosts::Hosts;
use lookup::Lookup;
use names::{Host, LOOPBACK, classify};

/// RFC 8305, section 3, "Resolution Delay".
const RESOLUTION_DELAY: Duration = Duration::from_millis(50);

/// Answers kept at most, unless the builder says otherwise: some 200 bytes each.
const CACHE_ENTRIES: usize = 4_096;

/// Which addresses are wanted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Family {
    /// Both families.
    #[default]
    Any,
    /// IPv4 alone.
    V4,
    /// IPv6 alone.
    V6,
}

impl Family {
    /// Whether an address is of this family.
    pub fn has(self, address: &IpAddr) -> bool {
        match self {
            Self::Any => true,
            Self::V4 => address.is_ipv4(),
            Self::V6 => address.is_ipv6(),
        }
    }
}

/// Finds the addresses of host names. Clones share everything: files, which are read at the first lookup
/// that needs them, and answers, which are kept for their TTL.
///
/// ```
/// use oneloop_http::resolver::{Family, ResolveErrorKind, Resolver};
/// oneloop::run(async {
///     let resolver = Resolver::system();
///     let addresses = resolver.addresses("localhost", Family::V4).await.map_err(oneloop::Error::other)?;
///     assert_eq!(addresses, [std::net::Ipv4Addr::LOCALHOST]);
///     let error = resolver.addresses("nothing.invalid", Family::Any).await.unwrap_err();
///     assert_eq!(error.kind(), ResolveErrorKind::NxDomain);
///     Ok(())
/// })
/// # .unwrap();
/// ```
#[derive(Clone, Debug)]
pub struct Resolver {
    shared: Rc<Shared>,
}

#[derive(Debug)]
struct Shared {
    builder: Builder,
    files: RefCell<Files>,
    ids: Ids,
    /// A new one when the files have changed: who asks by the old ones keeps the old one, too.
    cache: RefCell<Rc<Cache>>,
    /// Counts lookups, for `rotate`.
    lookups: Cell<usize>,
}

/// What was read from the files.
#[derive(Debug, Default)]
struct Files {
    /// Read when the first name is looked up; a run on addresses alone opens no file.
    hosts: Option<Rc<Hosts>>,
    /// Read when the first question has to be asked.
    config: Option<Rc<Config>>,
    /// When they were last looked at, and what they looked like; only where [`Builder::reread`] asks for it.
    checked: Option<(Instant, [Stamp; 2])>,
}

/// What tells one version of a file from the next: its length and when it was changed. `None`: there is none.
type Stamp = Option<(u64, Option<SystemTime>)>;

/// Addresses, and where they are from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Resolved {
    /// In the order in which they should be tried.
    pub addresses: Vec<IpAddr>,
    /// Whether every one of them is from an earlier answer, so that no server was asked.
    pub cached: bool,
    /// Whether one family had not answered when these were handed out: it may have addresses, too.
    pub is_partial: bool,
}

impl Resolved {
    /// The family that has not answered, of a partial result.
    pub(crate) fn missing(&self) -> Option<Family> {
        let only_six = self.addresses.iter().all(IpAddr::is_ipv6);
        self.is_partial.then_some(if only_six { Family::V4 } else { Family::V6 })
    }
}

impl From<Vec<IpAddr>> for Resolved {
    fn from(addresses: Vec<IpAddr>) -> Resolved {
        Resolved { addresses, cached: false, is_partial: false }
    }
}

impl Resolver {
    /// The resolver that `/etc/hosts` and `/etc/resolv.conf` describe. A missing file is an empty
    /// hosts file, or a name server on this machine.
    pub fn system() -> Self {
        Self::builder().build()
    }

    /// The system's resolver with changes.
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// The addresses of `host`: at least one, without repeats, IPv6 first.
    ///
    /// `host` is what a URL has there: a name (A-labels, a trailing dot makes it absolute), an
    /// IPv4 address in any form of the URL standard, an IPv6 address with or without brackets.
    /// In this order, the first that knows ends it: addresses are themselves; `localhost` and
    /// `*.localhost` are loopback in both families, `*.invalid` does not exist (RFC 6761); the hosts
    /// file, if it has an address of the family; the name servers.
    ///
    /// Waiting is bounded by resolv.conf's `timeout` and `attempts`, for each server and name; wrap
    /// the call in [`oneloop::wait_for`] for a deadline. Cancellation safe: dropping the future closes its sockets.
    ///
    /// # Errors
    /// A [`ResolveError`], whose kind says which of the things that can go wrong did.
    pub async fn addresses(&self, host: &str, family: Family) -> Result<Vec<IpAddr>, ResolveError> {
        self.look_up(host, family).await.map(|resolved| resolved.addresses)
    }

    /// As [`addresses`](Self::addresses), and says whether the addresses were known from an earlier answer.
    pub async fn look_up(&self, host: &str, family: Family) -> Result<Resolved, ResolveError> {
        self.refresh();
        match self.resolve_locally(host, family) {
            Some(outcome) => outcome.map(Resolved::from),
            // Boxed, as the questions' state is large, and most futures of this kind never need it.
            None => Box::pin(self.ask(host, family)).await.map_err(|error| error.with_host(host)),
        }
    }

    /// What can be said of `host` without asking anyone; `None` when a server has to be asked.
    pub fn resolve_locally(&self, host: &str, family: Family) -> Option<Result<Vec<IpAddr>, ResolveError>> {
        let no = |kind, message: &str| Some(Err(ResolveError::new(kind, message).with_host(host)));
        match classify(host) {
            Ok(Host::Address(address)) if family.has(&address) => Some(Ok(vec![address])),
            Ok(Host::Address(_)) => no(ResolveErrorKind::NoData, "it is an address of the other family"),
            Ok(Host::Loopback) => Some(Ok(of_family(&LOOPBACK, family))),
            Ok(Host::Invalid) => no(ResolveErrorKind::NxDomain, "names under .invalid do not exist (RFC 6761)"),
            Ok(Host::Name) => {
                let known = of_family(self.hosts().lookup(host), family);
                (!known.is_empty()).then_some(Ok(known))
            }
            Err(error) => Some(Err(error.with_host(host))),
        }
    }

    async fn ask(&self, host: &str, family: Family) -> Result<Resolved, ResolveError> {
        let shared = &*self.shared;
        let (config, cache) = (self.config(), shared.cache.borrow().clone());
        let lookups = shared.lookups.get();
        shared.lookups.set(lookups.wrapping_add(1));
        let lookup = Lookup {
            config: &config,
            ids: &shared.ids,
            cache: &cache,
            asked: Cell::new(false),
            is_partial: Cell::new(false),
            first_server: if config.rotate { lookups } else { 0 },
            resolution_delay: shared.builder.resolution_delay,
        };
        let addresses = lookup.run(host, family).await?;
        Ok(Resolved { addresses, cached: !lookup.asked.get(), is_partial: lookup.is_partial.get() })
    }

    fn hosts(&self) -> Rc<Hosts> {
        let mut files = self.shared.files.borrow_mut();
        files.hosts.get_or_insert_with(|| Rc::new(self.shared.builder.read_hosts())).clone()
    }

    fn config(&self) -> Rc<Config> {
        let mut files = self.shared.files.borrow_mut();
        files.config.get_or_insert_with(|| Rc::new(self.shared.builder.read_config())).clone()
    }

    /// Forgets what the files said, and what followed from it, if they have changed. Two system calls each time that
    /// the interval has passed; nothing at all without one.
    fn refresh(&self) {
        let builder = &self.shared.builder;
        let Some(interval) = builder.reread else { return };
        let Ok(event_loop) = oneloop::get_running_loop() else { return };
        let now = event_loop.time();
        let mut files = self.shared.files.borrow_mut();
        let known = match files.checked {
            Some((checked, _)) if now.saturating_duration_since(checked) < interval => return,
            Some((_, stamps)) => Some(stamps),
            None => None,
        };
        let stamps = [stamp(&builder.hosts_path), stamp(&builder.resolv_conf_path)];
        if known.is_some_and(|known| known != stamps) {
            *files = Files::default();
            *self.shared.cache.borrow_mut() = Rc::new(Cache::new(builder.cache));
        }
        files.checked = Some((now, stamps));
    }
}

fn stamp(path: &Path) -> Stamp {
    let metadata = std::fs::metadata(path).ok()?;
    Some((metadata.len(), metadata.modified().ok()))
}

/// Those of a family, IPv6 first, each family's in the order given.
fn of_family(addresses: &[IpAddr], family: Family) -> Vec<IpAddr> {
    let (six, four) = (addresses.iter().filter(|a| a.is_ipv6()), addresses.iter().filter(|a| a.is_ipv4()));
    six.chain(four).filter(|address| family.has(address)).copied().collect()
}

/// Where a [`Resolver`] differs from the system's. What is not set here is as the files say.
#[derive(Clone, Debug)]
#[must_use = "a builder does nothing until build() is called"]
pub struct Builder {
    hosts_path: PathBuf,
    resolv_conf_path: PathBuf,
    entries: Vec<(String, IpAddr)>,
    servers: Option<Vec<SocketAddr>>,
    search: Option<Vec<String>>,
    ndots: Option<usize>,
    timeout: Option<Duration>,
    attempts: Option<u32>,
    use_tcp: Option<bool>,
    rotate: Option<bool>,
    resolution_delay: Duration,
    cache: usize,
    reread: Option<Duration>,
}

impl Default for Builder {
    fn default() -> Self {
        Self {
            hosts_path: "/etc/hosts".into(),
            resolv_conf_path: "/etc/resolv.conf".into(),
            entries: Vec::new(),
            servers: None,
            search: None,
            ndots: None,
            timeout: None,
            attempts: None,
            use_tcp: None,
            rotate: None,
            resolution_delay: RESOLUTION_DELAY,
            cache: CACHE_ENTRIES,
            reread: None,
        }
    }
}

impl Builder {
    /// Another hosts file.
    pub fn hosts_path(mut self, path: impl Into<PathBuf>) -> Self {
        self.hosts_path = path.into();
        self
    }

    /// Another resolv.conf.
    pub fn resolv_conf_path(mut self, path: impl Into<PathBuf>) -> Self {
        self.resolv_conf_path = path.into();
        self
    }

    /// An address for a name, in place of what the hosts file says of that name; repeat it for more.
    pub fn host(mut self, name: impl Into<String>, address: IpAddr) -> Self {
        self.entries.push((name.into(), address));
        self
    }

    /// The name servers to ask instead of resolv.conf's, in this order.
    pub fn servers(mut self, servers: impl IntoIterator<Item = SocketAddr>) -> Self {
        self.servers = Some(servers.into_iter().collect());
        self
    }

    /// The domains to append to short names.
    pub fn search<T: Into<String>>(mut self, domains: impl IntoIterator<Item = T>) -> Self {
        self.search = Some(domains.into_iter().map(Into::into).collect());
        self
    }

    /// How many dots make a name be tried as it stands before the search list.
    pub fn ndots(mut self, ndots: usize) -> Self {
        self.ndots = Some(ndots);
        self
    }

    /// How long a server may take to answer one question, a change to TCP included.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// How often to go through the servers; 0 counts as 1.
    pub fn attempts(mut self, attempts: u32) -> Self {
        self.attempts = Some(attempts.max(1));
        self
    }

    /// Whether to use TCP from the start (`use-vc`).
    pub fn use_tcp(mut self, use_tcp: bool) -> Self {
        self.use_tcp = Some(use_tcp);
        self
    }

    /// Whether each lookup begins with the next server.
    pub fn rotate(mut self, rotate: bool) -> Self {
        self.rotate = Some(rotate);
        self
    }

    /// How long addresses of one family wait for the other's answer (50 ms, RFC 8305).
    pub fn resolution_delay(mut self, delay: Duration) -> Self {
        self.resolution_delay = delay;
        self
    }

    /// How many answers are kept, for as long as their TTL allows; 0 keeps none and has every lookup ask for itself.
    /// Default: 4,096.
    pub fn cache(mut self, entries: usize) -> Self {
        self.cache = entries;
        self
    }

    /// Looks at the two files again when so much time has passed, and reads those that have changed; what was cached is
    /// then forgotten. Default: they are read once.
    pub fn reread(mut self, interval: Duration) -> Self {
        self.reread = Some(interval);
        self
    }

    /// The resolver. No file is read yet.
    pub fn build(self) -> Resolver {
        let shared = Shared {
            cache: RefCell::new(Rc::new(Cache::new(self.cache))),
            builder: self,
            files: RefCell::default(),
            ids: Ids::default(),
            lookups: Cell::new(0),
        };
        Resolver { shared: Rc::new(shared) }
    }

    fn read_hosts(&self) -> Hosts {
        let mut hosts = Hosts::default();
        hosts.read(&read_regular(&self.hosts_path));
        for (name, _) in &self.entries {
            hosts.forget(name);
        }
        for (name, address) in &self.entries {
            hosts.add(name, *address);
        }
        hosts
    }

    fn read_config(&self) -> Config {
        let mut config = Config::parse(&read_regular(&self.resolv_conf_path));
        let Self { servers, search, ndots, timeout, attempts, use_tcp, rotate, .. } = self;
        set(&mut config.servers, servers);
        if let Some(search) = search {
            config.search = search.iter().filter_map(|text| names::search_domain(text)).collect();
        }
        set(&mut config.ndots, ndots);
        set(&mut config.timeout, timeout);
        set(&mut config.attempts, attempts);
        set(&mut config.use_tcp, use_tcp);
        set(&mut config.rotate, rotate);
        config
    }
}

fn set<T: Clone>(place: &mut T, value: &Option<T>) {
    if let Some(value) = value {
        place.clone_from(value);
    }
}

/// The bytes of a regular file; nothing for anything else, as a pipe or a device could block the
/// loop, and an unreadable file has the same meaning as a missing one (as in libc).
fn read_regular(path: &Path) -> Vec<u8> {
    let is_regular = std::fs::metadata(path).is_ok_and(|metadata| metadata.is_file());
    if is_regular { std::fs::read(path).unwrap_or_default() } else { Vec::new() }
}

/// For [`crate::fuzzing`]: any bytes as the answer to a fixed question.
pub(crate) mod fuzzing {
    use super::message::{Query, RecordType, Verdict};
    use super::{IpAddr, names};

    /// The addresses that a message would give. Its id is made to fit, or nearly everything would end there.
    pub(crate) fn judge(input: &[u8]) -> Vec<IpAddr> {
        let mut all = Vec::new();
        for record in [RecordType::A, RecordType::Aaaa] {
            let Ok(query) = Query::new(0x1234, names::wire_name("www.example"), record, true) else { continue };
            let mut message = input.to_vec();
            if let Some(id) = message.first_chunk_mut::<2>() {
                *id = 0x1234_u16.to_be_bytes();
            }
            if let Verdict::Found(found) = query.check(&message) {
                all = found.addresses;
            }
        }
        all
    }
}
