//! Which addresses are connected to, in which order, and how many at once: happy eyeballs (RFC 8305).
//!
//! With several addresses, attempts overlap: the next one starts 250 ms after the last, or at once when one fails; the
//! first connection that stands wins, and the others are dropped, which closes them. The families take turns, so that
//! a network where one of them is broken costs a quarter of a second and not a timeout.
//!
//! Neighbours: the connector has the addresses and a way to connect. Invariants: after the end, whichever it is, no
//! attempt goes on; a cancellation ends the race at once and starts nothing.
//! Counterparts: `loop.create_connection(happy_eyeballs_delay=…)` (`staggered.py`), aiohappyeyeballs;
//! .NET's `SocketsHttpHandler` connects to one address after the other.

use std::future::{Future, poll_fn};
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use crate::error::{Error, ErrorKind, Result};
use crate::exchange::{Attempt, AttemptEnd, Exchange};
use crate::lack::Lack;
use crate::resolver::Family;
use crate::wire::Io;

/// RFC 8305, section 5: "Connection Attempt Delay".
const ATTEMPT_DELAY: Duration = Duration::from_millis(250);

/// Which of a name's addresses are tried, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AddressChoice {
    /// All of them by RFC 8305, as curl does: those of this family first (for `Any`: of the family that the resolver
    /// names first), the families in turn, 250 ms between attempts, the first connection wins.
    Race(Family),
    /// One alone, as blackbox_exporter does: the first of the preferred family; without one, the first of the other if
    /// `fallback` allows it.
    One {
        /// `Any` takes the first address, whatever it is.
        preferred: Family,
        /// Whether an address of the other family will do.
        fallback: bool,
    },
}

impl Default for AddressChoice {
    fn default() -> AddressChoice {
        AddressChoice::Race(Family::Any)
    }
}

impl AddressChoice {
    /// Puts the addresses into the order in which they are tried, and leaves out those that are not.
    pub(crate) fn arrange(self, addresses: &mut Vec<IpAddr>) {
        match self {
            AddressChoice::Race(preferred) => {
                if addresses.len() > 1 {
                    *addresses = interleaved(preferred, addresses);
                }
            }
            AddressChoice::One { preferred, fallback } => {
                let first = addresses.iter().find(|address| preferred.has(address));
                let chosen = first.or(addresses.first().filter(|_| fallback)).copied();
                *addresses = chosen.into_iter().collect();
            }
        }
    }
}

/// The families in turn, each in its own order.
fn interleaved(preferred: Family, addresses: &[IpAddr]) -> Vec<IpAddr> {
    let first = match preferred {
        Family::Any => addresses.first().is_some_and(IpAddr::is_ipv4),
        Family::V4 => true,
        Family::V6 => false,
    };
    let mut one = addresses.iter().filter(|address| address.is_ipv4() == first).copied();
    let mut other = addresses.iter().filter(|address| address.is_ipv4() != first).copied();
    let mut order = Vec::with_capacity(addresses.len());
    loop {
        let before = order.len();
        order.extend(one.next());
        order.extend(other.next());
        if order.len() == before {
            return order;
        }
    }
}

type Connecting<'a> = Pin<Box<dyn Future<Output = oneloop::Result<Io>> + 'a>>;

/// The attempts that are under way, and what comes next.
struct Race<'a, C> {
    connect: C,
    exchange: &'a Exchange,
    port: u16,
    /// When connecting began; what the attempts' times are counted from.
    begun: Instant,
    /// How many attempts of an earlier race are in the record already: those of a family that came in time, if this one
    /// is among the addresses of one that came late.
    earlier: usize,
    event_loop: oneloop::LoopRef,
    /// Index of the address (its record stands behind the earlier ones), with the connection that is being made.
    running: Vec<(usize, Connecting<'a>)>,
    next: usize,
    /// Until the next attempt starts though none has failed.
    pause: Option<Pin<Box<oneloop::Sleep>>>,
    failure: Option<Error>,
    /// Whether that is the one that came first.
    is_first_failure: bool,
}

/// Connects to one of the addresses of the exchange's hop.
pub(crate) async fn race<'a, C>(connect: C, port: u16, exchange: &'a Exchange) -> Result<Io>
where
    C: Fn(SocketAddr) -> Connecting<'a>,
{
    let (begun, earlier) = {
        let hop = exchange.hop();
        // The clock's latest event is that its connecting phase was entered.
        (hop.clock.latest(), hop.attempts.len())
    };
    let mut race = Race {
        connect,
        exchange,
        port,
        begun,
        earlier,
        event_loop: oneloop::get_running_loop()?,
        running: Vec::new(),
        next: 0,
        pause: None,
        failure: None,
        is_first_failure: true,
    };
    poll_fn(|cx| race.poll(cx)).await
}

impl<'a, C: Fn(SocketAddr) -> Connecting<'a>> Race<'a, C> {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<Io>> {
        loop {
            if self.running.is_empty() && !self.start() {
                return Poll::Ready(Err(self.failed()));
            }
            match self.poll_running(cx) {
                Poll::Ready(Some(outcome)) => return Poll::Ready(outcome),
                Poll::Ready(None) => {
                    // One has failed: the next one need not wait.
                    self.start();
                    continue;
                }
                Poll::Pending => {}
            }
            match &mut self.pause {
                Some(pause) => match pause.as_mut().poll(cx) {
                    Poll::Ready(Ok(())) => {
                        self.start();
                    }
                    Poll::Ready(Err(error)) => return Poll::Ready(Err(error.into())),
                    Poll::Pending => return Poll::Pending,
                },
                None => return Poll::Pending,
            }
        }
    }

    /// Begins with the next address; false when there is none left.
    fn start(&mut self) -> bool {
        self.pause = None;
        let mut hop = self.exchange.hop();
        let Some(address) = hop.addresses.get(self.next).copied() else { return false };
        let remote = SocketAddr::new(address, self.port);
        hop.remote = Some(remote);
        if hop.addresses.len() > 1 || self.earlier > 0 {
            let started = self.event_loop.time().saturating_duration_since(self.begun);
            hop.attempts.push(Attempt { remote, started, end: AttemptEnd::Open });
        }
        let more = self.next + 1 < hop.addresses.len();
        drop(hop);
        self.running.push((self.next, (self.connect)(remote)));
        self.next += 1;
        self.pause = more.then(|| Box::pin(oneloop::sleep(ATTEMPT_DELAY)));
        true
    }

    /// Ready with an outcome of the race, or with none when an attempt has failed.
    fn poll_running(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Io>>> {
        for place in 0..self.running.len() {
            let Some((index, attempt)) = self.running.get_mut(place) else { break };
            let index = *index;
            match attempt.as_mut().poll(cx) {
                Poll::Pending => {}
                Poll::Ready(Ok(io)) => {
                    self.won(index);
                    return Poll::Ready(Some(Ok(io)));
                }
                Poll::Ready(Err(error)) => {
                    drop(self.running.remove(place));
                    return match self.lost(index, error) {
                        Some(error) => Poll::Ready(Some(Err(error))),
                        None => Poll::Ready(None),
                    };
                }
            }
        }
        Poll::Pending
    }

    fn won(&mut self, winner: usize) {
        self.running.clear();
        let mut hop = self.exchange.hop();
        for (index, attempt) in hop.attempts.iter_mut().skip(self.earlier).enumerate() {
            if index == winner {
                attempt.end = AttemptEnd::Connected;
            } else if attempt.end == AttemptEnd::Open {
                attempt.end = AttemptEnd::Overtaken;
            }
        }
        hop.remote = hop.addresses.get(winner).map(|address| SocketAddr::new(*address, self.port));
    }

    /// Notes a failure; gives it back if it ends the race.
    fn lost(&mut self, index: usize, error: oneloop::Error) -> Option<Error> {
        let mut hop = self.exchange.hop();
        let remote = SocketAddr::new(hop.addresses.get(index).copied()?, self.port);
        let error = could_not_connect(error, remote);
        if let Some(attempt) = hop.attempts.get_mut(self.earlier + index).filter(|_| !error.is_cancelled()) {
            attempt.end = AttemptEnd::Failed(error.detail().to_owned());
        }
        drop(hop);
        if ends_all(&error) {
            self.running.clear();
            return Some(error);
        }
        // The first failure tells most, unless it was our own (no IPv6 here) and a later one is the server's.
        if self.failure.as_ref().is_none_or(|first| first.kind() == ErrorKind::Local) {
            self.is_first_failure = self.failure.is_none();
            self.failure = Some(error);
        }
        None
    }

    fn failed(&mut self) -> Error {
        let failure = self.failure.take();
        let failure = failure.unwrap_or_else(|| Error::new(ErrorKind::Resolve, "there is no address to connect to"));
        if self.next > 1 {
            let which = if self.is_first_failure { "the first" } else { "one of them" };
            failure.in_context(format_args!("all {} addresses failed, {which}", self.next))
        } else {
            failure
        }
    }
}

/// An attempt that failed, in our words.
pub(crate) fn could_not_connect(error: oneloop::Error, remote: SocketAddr) -> Error {
    Error::from_loop(error, ErrorKind::Connect, format_args!("could not connect to {remote}"))
}

/// Whether the next address is not to be tried: the caller wants nothing more, or this machine would fail alike.
fn ends_all(error: &Error) -> bool {
    error.is_cancelled() || error.lack().is_some_and(|lack| lack != Lack::Addresses)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arranged(choice: AddressChoice, addresses: &[&str]) -> Vec<String> {
        let mut addresses = addresses.iter().map(|address| address.parse().unwrap()).collect();
        choice.arrange(&mut addresses);
        addresses.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn the_families_take_turns_from_the_preferred_one_on() {
        let all = ["::1", "::2", "::3", "192.0.2.1", "192.0.2.2"];
        let any = arranged(AddressChoice::default(), &all);
        assert_eq!(any, ["::1", "192.0.2.1", "::2", "192.0.2.2", "::3"]);
        assert_eq!(arranged(AddressChoice::Race(Family::V6), &all), any);
        let four = arranged(AddressChoice::Race(Family::V4), &all);
        assert_eq!(four, ["192.0.2.1", "::1", "192.0.2.2", "::2", "::3"]);
        assert_eq!(arranged(AddressChoice::default(), &["192.0.2.1", "::1"]), ["192.0.2.1", "::1"]);
        assert!(arranged(AddressChoice::default(), &[]).is_empty());
    }

    #[test]
    fn one_is_the_first_of_the_preferred_family_or_falls_back() {
        let one = |preferred, fallback| AddressChoice::One { preferred, fallback };
        assert_eq!(arranged(one(Family::V4, false), &["::1", "192.0.2.1", "192.0.2.2"]), ["192.0.2.1"]);
        assert_eq!(arranged(one(Family::V6, true), &["192.0.2.1", "192.0.2.2"]), ["192.0.2.1"]);
        assert!(arranged(one(Family::V6, false), &["192.0.2.1"]).is_empty());
        assert_eq!(arranged(one(Family::Any, false), &["192.0.2.1", "::1"]), ["192.0.2.1"]);
    }
}
