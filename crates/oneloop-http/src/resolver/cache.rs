//! What servers have said, for as long as they said it holds; and one query at a time for each name.
//!
//! Keyed by full name and record type, below the search list and the families, so that every way to a name shares its
//! answers. The name is the one on the wire: labels may hold any octet, and as text two names can look the same. An answer is kept for its TTL (RFC 1035), "does not exist" and "no such record" for what the zone's SOA
//! allows (RFC 2308); a TTL of zero, and a negative answer without an SOA, serve those who are waiting and nobody
//! after. Failures (SERVFAIL, timeouts) are not kept. Who asks for a name that is being asked for waits for that
//! answer; when the one who asks is cancelled, the next one in line asks.
//!
//! Neighbour: `lookup.rs` asks through [`Cache::get_or_ask`]. Invariants: the number of entries is bounded; no entry is
//! used past its time, by the loop's clock; a cancellation is never handed to anyone else.
//! Counterparts: aiohttp's `_DNSCacheTable` with its `throttle_dns_events`; a caching stub such as systemd-resolved.

use std::cell::RefCell;
use std::collections::HashMap;
use std::future::Future;
use std::rc::Rc;
use std::time::{Duration, Instant};

use oneloop::SettableFuture;
use simple_dns::Name;

use super::error::ResolveError;
use super::exchange::Reply;
use super::message::RecordType;

/// No answer is kept longer, whatever it says: a run that lasts for days should notice a name that has moved.
const LONGEST: Duration = Duration::from_secs(86_400);

/// The labels of a full name in lower case, each behind its length, and what is asked of it.
type Key = (Box<[u8]>, RecordType);

/// See the [module](self).
#[derive(Debug)]
pub(super) struct Cache {
    /// Entries kept at most; none when 0, and then queries are not shared either.
    capacity: usize,
    kept: RefCell<HashMap<Key, Kept>>,
    flights: RefCell<HashMap<Key, Rc<Flight>>>,
}

#[derive(Debug)]
struct Kept {
    reply: Reply,
    until: Instant,
}

/// A query under way.
#[derive(Debug, Default)]
struct Flight {
    /// What came of it; stays `None` when whoever asked went away.
    outcome: RefCell<Option<Result<Reply, ResolveError>>>,
    waiting: RefCell<Vec<SettableFuture<()>>>,
}

/// The one who asks. When it goes, however it goes, those who wait are told.
struct Leader<'a> {
    cache: &'a Cache,
    key: Key,
    flight: Rc<Flight>,
}

impl Drop for Leader<'_> {
    fn drop(&mut self) {
        self.cache.flights.borrow_mut().remove(&self.key);
        for waiting in self.flight.waiting.take() {
            drop(waiting.set_result(()));
        }
    }
}

impl Cache {
    pub(super) fn new(capacity: usize) -> Cache {
        Cache { capacity, kept: RefCell::default(), flights: RefCell::default() }
    }

    /// What is known of a name, or what `ask` finds out; and whether it was known.
    pub(super) async fn get_or_ask<F>(
        &self,
        name: &Name<'_>,
        record: RecordType,
        ask: impl Fn() -> F,
    ) -> (Result<Reply, ResolveError>, bool)
    where
        F: Future<Output = Result<Reply, ResolveError>>,
    {
        if self.capacity == 0 {
            return (ask().await, false);
        }
        let event_loop = match oneloop::get_running_loop() {
            Ok(event_loop) => event_loop,
            Err(error) => return (Err(error.into()), false),
        };
        let key = (wire_key(name), record);
        loop {
            if let Some(reply) = self.fresh(&key, event_loop.time()) {
                return (Ok(reply), true);
            }
            let Some(flight) = self.flights.borrow().get(&key).cloned() else { break };
            let told = event_loop.create_future();
            flight.waiting.borrow_mut().push(told.clone());
            if let Err(error) = told.await {
                return (Err(error.into()), false);
            }
            if let Some(outcome) = &*flight.outcome.borrow() {
                return (outcome.clone(), false);
            }
        }
        let flight = Rc::new(Flight::default());
        self.flights.borrow_mut().insert(key.clone(), flight.clone());
        let leader = Leader { cache: self, key, flight };
        let outcome = ask().await;
        if !outcome.as_ref().is_err_and(ResolveError::is_cancelled) {
            if let Ok(reply) = &outcome {
                self.keep(&leader.key, reply, event_loop.time());
            }
            *leader.flight.outcome.borrow_mut() = Some(outcome.clone());
        }
        (outcome, false)
    }

    fn fresh(&self, key: &Key, now: Instant) -> Option<Reply> {
        let mut kept = self.kept.borrow_mut();
        let entry = kept.get(key)?;
        if now < entry.until {
            return Some(entry.reply.clone());
        }
        kept.remove(key);
        None
    }

    fn keep(&self, key: &Key, reply: &Reply, now: Instant) {
        let Some(ttl) = reply.ttl().filter(|ttl| *ttl > 0) else { return };
        let Some(until) = now.checked_add(Duration::from_secs(ttl.into()).min(LONGEST)) else { return };
        let mut kept = self.kept.borrow_mut();
        if kept.len() >= self.capacity {
            kept.retain(|_, entry| now < entry.until);
        }
        if kept.len() >= self.capacity {
            // The one that would be the first to go anyway.
            let soonest = kept.iter().min_by_key(|(_, entry)| entry.until).map(|(key, _)| key.clone());
            soonest.map(|key| kept.remove(&key));
        }
        kept.insert(key.clone(), Kept { reply: reply.clone(), until });
    }

    #[cfg(test)]
    pub(super) fn sizes(&self) -> (usize, usize) {
        (self.kept.borrow().len(), self.flights.borrow().len())
    }
}

fn wire_key(name: &Name<'_>) -> Box<[u8]> {
    let mut key = Vec::new();
    for label in name.as_bytes() {
        // A label has at most 63 octets.
        key.push(label.len() as u8);
        key.extend(label.iter().map(u8::to_ascii_lowercase));
    }
    key.into()
}
