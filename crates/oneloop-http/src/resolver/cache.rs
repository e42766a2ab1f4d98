//! What servers have said, for as long as they said it holds; and one query at a time for each name.
//!
//! Keyed by full name and record type, below the search list and the families, so that every way to a name shares its
//! answers. The name is the one on the wire: labels may hold any octet, and as text two names can look the same. An
//! answer is kept for its TTL (RFC 1035), "does not exist" and "no such record" for what the zone's SOA allows (RFC
//! 2308); a TTL of zero, and a negative answer without an SOA, serve those who are waiting and nobody after. Failures
//! (SERVFAIL, timeouts) are not kept. Who asks for a name that is being asked for waits for that answer; when the one
//! who asks is cancelled, the next one in line asks.
//!
//! Neighbour: `lookup.rs` asks through [`Cache::get_or_ask`]. Invariants: the number of entries is bounded; no entry is
//! used past its time, by the loop's clock; a cancellation is never handed to anyone else.
//! Counterparts: aiohttp's `_DNSCacheTable` with its `throttle_dns_events`; a caching stub such as systemd-resolved.

use std::cell::RefCell;
use std::collections::{BTreeSet, HashMap};
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
type Key = (Rc<[u8]>, RecordType);

/// See the [module](self).
#[derive(Debug)]
pub(super) struct Cache {
    /// Entries kept at most; none when 0, and then queries are not shared either.
    capacity: usize,
    kept: RefCell<Answers>,
    flights: RefCell<HashMap<Key, Rc<Flight>>>,
}

/// The answers that are kept.
#[derive(Debug, Default)]
struct Answers {
    by_key: HashMap<Key, Kept>,
    /// The same ones by the end of their time: a full cache has to know for every new name which one goes.
    by_end: BTreeSet<(Instant, Key)>,
}

#[derive(Debug)]
struct Kept {
    reply: Reply,
    until: Instant,
}

impl Answers {
    fn insert(&mut self, key: Key, reply: Reply, until: Instant) {
        self.by_end.insert((until, key.clone()));
        self.by_key.insert(key, Kept { reply, until });
    }

    fn remove(&mut self, key: &Key) {
        if let Some(Kept { until, .. }) = self.by_key.remove(key) {
            self.by_end.remove(&(until, key.clone()));
        }
    }

    /// Removes the one whose time ends first, and all others whose time is over.
    fn make_room(&mut self, now: Instant) {
        while let Some((_, key)) = self.by_end.pop_first() {
            self.by_key.remove(&key);
            if self.by_end.first().is_none_or(|(until, _)| now < *until) {
                return;
            }
        }
    }
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
        let entry = kept.by_key.get(key)?;
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
        // What may be known of this name makes way for what is known now.
        kept.remove(key);
        if kept.by_key.len() >= self.capacity {
            kept.make_room(now);
        }
        kept.insert(key.clone(), reply.clone(), until);
    }

    #[cfg(test)]
    pub(super) fn sizes(&self) -> (usize, usize) {
        let kept = self.kept.borrow();
        assert!(kept.by_end.iter().all(|(until, key)| kept.by_key.get(key).is_some_and(|kept| kept.until == *until)));
        assert_eq!(kept.by_end.len(), kept.by_key.len());
        (kept.by_key.len(), self.flights.borrow().len())
    }
}

fn wire_key(name: &Name<'_>) -> Rc<[u8]> {
    let mut key = Vec::new();
    for label in name.as_bytes() {
        // A label has at most 63 octets.
        key.push(label.len() as u8);
        key.extend(label.iter().map(u8::to_ascii_lowercase));
    }
    key.into()
}
