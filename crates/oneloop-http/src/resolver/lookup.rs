//! From a host to its addresses by asking: which names, which families, which servers, in which order.
//!
//! Neighbours: `mod.rs` comes here for what it can't answer itself; `exchange.rs` asks one server.
//! Invariants: a cancellation, or a fault of this machine, ends everything at once; all sockets are
//! inside the futures here, so dropping a lookup closes them. Counterparts: `res_search` and
//! `res_query` of libc, whose rules for going on are kept; RFC 8305, section 3, for the two families.

use std::cell::Cell;
use std::future::{Future, poll_fn};
use std::net::IpAddr;
use std::pin::{Pin, pin};
use std::task::Poll;
use std::time::Duration;

use simple_dns::Name;

use super::Family;
use super::cache::Cache;
use super::config::Config;
use super::error::{ResolveError, ResolveErrorKind};
use super::exchange::{Ids, Reply, Server, in_time};
use super::message::{MAX_ALIASES, RecordType};
use super::names::{candidates, wire_name};

/// One host being looked up.
pub(super) struct Lookup<'a> {
    pub(super) config: &'a Config,
    pub(super) ids: &'a Ids,
    pub(super) cache: &'a Cache,
    /// Set when something had to be asked.
    pub(super) asked: Cell<bool>,
    /// Set when one family's addresses were taken without the other's answer.
    pub(super) is_partial: Cell<bool>,
    /// Which server is asked first.
    pub(super) first_server: usize,
    /// How long one family's addresses wait for the other's answer.
    pub(super) resolution_delay: Duration,
}

impl Lookup<'_> {
    /// Goes through the names that `host` may stand for. Only what a name itself is to blame for
    /// leads to the next one: when the servers don't answer, more names won't make them.
    pub(super) async fn run(&self, host: &str, family: Family) -> Result<Vec<IpAddr>, ResolveError> {
        let mut failure: Option<ResolveError> = None;
        for name in candidates(host, &self.config.search, self.config.ndots) {
            if self.config.no_tld_query && !name.contains('.') {
                continue;
            }
            let error = match self.addresses(&name, family).await {
                Ok(addresses) => return Ok(addresses),
                Err(error) => error,
            };
            match error.kind() {
                ResolveErrorKind::NxDomain | ResolveErrorKind::NoData | ResolveErrorKind::ServFail => {
                    failure = Some(match failure {
                        Some(before) => before.or_weightier(error),
                        None => error,
                    });
                }
                _ => return Err(error),
            }
        }
        Err(failure.unwrap_or_else(|| {
            ResolveError::new(ResolveErrorKind::NxDomain, "resolv.conf allows no name to be asked for")
        }))
    }

    /// The addresses of one full name: IPv6 first.
    async fn addresses(&self, name: &str, family: Family) -> Result<Vec<IpAddr>, ResolveError> {
        let wire = wire_name(name);
        let single = |record| self.one_family(name, &wire, record);
        match family {
            Family::V4 => single(RecordType::A).await,
            Family::V6 if self.config.no_aaaa => {
                Err(ResolveError::new(ResolveErrorKind::NoData, "resolv.conf has the option no-aaaa"))
            }
            Family::V6 => single(RecordType::Aaaa).await,
            Family::Any if self.config.no_aaaa => single(RecordType::A).await,
            Family::Any if self.config.single_request => {
                let six = single(RecordType::Aaaa).await;
                if six.as_ref().is_err_and(ResolveError::is_final) {
                    return six;
                }
                both(name, six, single(RecordType::A).await)
            }
            Family::Any => self.in_parallel(name, single(RecordType::Aaaa), single(RecordType::A)).await,
        }
    }

    /// Asks for both families at once. A family without addresses, or whose servers fail, leaves it
    /// to the other; once one has addresses, the other gets the resolution delay to come up with its
    /// own. (RFC 8305 goes ahead at once when IPv6 is first; but it can add IPv4 later, and a list
    /// that has been handed out can't grow. The connector asks again when all of a partial list have failed.)
    async fn in_parallel(
        &self,
        name: &str,
        six: impl Future<Output = Result<Vec<IpAddr>, ResolveError>>,
        four: impl Future<Output = Result<Vec<IpAddr>, ResolveError>>,
    ) -> Result<Vec<IpAddr>, ResolveError> {
        let (mut six, mut four) = (pin!(six), pin!(four));
        match first_of(six.as_mut(), four.as_mut()).await {
            First::Six(six) => {
                let four = self.other(&six, four).await?;
                both(name, six, four)
            }
            First::Four(four) => {
                let six = self.other(&four, six).await?;
                both(name, six, four)
            }
        }
    }

    /// The second family's outcome, given the first one's.
    async fn other(
        &self,
        first: &Result<Vec<IpAddr>, ResolveError>,
        second: impl Future<Output = Result<Vec<IpAddr>, ResolveError>>,
    ) -> Result<Result<Vec<IpAddr>, ResolveError>, ResolveError> {
        match first {
            Err(error) if error.is_final() => Err(error.clone()),
            Err(_) => Ok(second.await),
            Ok(_) => {
                let second = in_time(self.resolution_delay, second).await?;
                self.is_partial.set(second.is_none());
                Ok(second.unwrap_or_else(|| Ok(Vec::new())))
            }
        }
    }

    /// One family of one full name, through the aliases that its answers leave open.
    async fn one_family(
        &self,
        name: &str,
        wire: &Name<'static>,
        record: RecordType,
    ) -> Result<Vec<IpAddr>, ResolveError> {
        let without = |kind, alias: Option<Name<'static>>, what: &str| {
            let alias = alias.map(|alias| alias.to_string());
            let message = format!("{} {what}", subject(name, alias.as_deref()));
            Err(ResolveError::new(kind, message).with_alias(alias))
        };
        let mut alias = None;
        for _ in 0..=MAX_ALIASES {
            let target = alias.as_ref().unwrap_or(wire);
            let (reply, known) = self.cache.get_or_ask(target, record, || self.ask_servers(target, record)).await;
            if !known {
                self.asked.set(true);
            }
            match reply? {
                Reply::Found(found) => return Ok(found.addresses),
                Reply::Alias(target) => alias = Some(target),
                Reply::NoData { alias: last, .. } => {
                    let what = format!("has no {} record", record.as_str());
                    return without(ResolveErrorKind::NoData, last.or(alias), &what);
                }
                Reply::NxDomain { alias: last, .. } => {
                    return without(ResolveErrorKind::NxDomain, last.or(alias), "does not exist (NXDOMAIN)");
                }
            }
        }
        without(ResolveErrorKind::Malformed, None, "has aliases that never end")
    }

    /// One question, to each server in turn, as often as resolv.conf allows, until one gives a
    /// reply to build on.
    async fn ask_servers(&self, name: &Name<'static>, record: RecordType) -> Result<Reply, ResolveError> {
        let Config { servers, timeout, attempts, use_tcp, .. } = self.config;
        let mut failure: Option<ResolveError> = None;
        for _ in 0..*attempts {
            let (before, from_first) = servers.split_at(self.first_server % servers.len().max(1));
            for &address in from_first.iter().chain(before) {
                let server = Server { address, timeout: *timeout, use_tcp: *use_tcp };
                match server.ask(self.ids, name, record).await {
                    Ok(reply) => return Ok(reply),
                    Err(error) if error.is_final() => return Err(error),
                    Err(error) => {
                        failure = Some(match failure {
                            Some(before) => before.or_weightier(error),
                            None => error,
                        });
                    }
                }
            }
        }
        Err(failure.unwrap_or_else(|| ResolveError::new(ResolveErrorKind::NoServers, "there is no name server to ask")))
    }
}

/// Joins the two families' outcomes: all addresses, or the failure that says more.
fn both(
    name: &str,
    six: Result<Vec<IpAddr>, ResolveError>,
    four: Result<Vec<IpAddr>, ResolveError>,
) -> Result<Vec<IpAddr>, ResolveError> {
    match (six, four) {
        (Err(six), Err(four)) => {
            let no_data = ResolveErrorKind::NoData;
            if six.kind() == no_data && four.kind() == no_data {
                let message = format!("{} has neither AAAA nor A records", subject(name, six.alias()));
                return Err(ResolveError::new(no_data, message));
            }
            Err(six.or_weightier(four))
        }
        (Err(error), Ok(_)) | (Ok(_), Err(error)) if error.is_final() => Err(error),
        (Ok(addresses), Err(_)) | (Err(_), Ok(addresses)) => Ok(addresses),
        (Ok(mut addresses), Ok(four)) => {
            addresses.extend(four);
            Ok(addresses)
        }
    }
}

/// The name of which a sentence tells that it has no address, as its beginning.
fn subject(name: &str, alias: Option<&str>) -> String {
    match alias {
        None => format!("the name {}", name.escape_debug()),
        Some(alias) => format!("the name {} is an alias of {}, which", name.escape_debug(), alias.escape_debug()),
    }
}

/// Which of two futures was ready first.
enum First<A, B> {
    Six(A),
    Four(B),
}

/// Polls both until one is ready; the other can be awaited further.
async fn first_of<A: Future, B: Future>(mut six: Pin<&mut A>, mut four: Pin<&mut B>) -> First<A::Output, B::Output> {
    poll_fn(|cx| {
        if let Poll::Ready(value) = six.as_mut().poll(cx) {
            return Poll::Ready(First::Six(value));
        }
        four.as_mut().poll(cx).map(First::Four)
    })
    .await
}
