//! One question to one server: over UDP, over TCP when the answer is too long, once more without
//! EDNS when the server does not know it.
//!
//! Neighbours: `message.rs` writes the question and judges what comes back; `lookup.rs` decides which
//! server and which name is next. Invariants: each query has a socket of its own, so that its port is
//! fresh, and the socket is gone when the future is; nothing but the answer ends the waiting early.
//! Counterparts: `res_nsend` of libc; Go's `net.(*Resolver).exchange`.
//!
//! # What an off-path attacker would have to guess (RFC 5452)
//!
//! * The id, 16 bits: [`Ids`].
//! * The source port: each query binds port 0, and the kernel picks at random in its ephemeral
//!   range (`ip_local_port_range`, some 28,000 ports on Linux). Choosing in the whole range
//!   ourselves would add one bit, and take ports that others on this machine listen on.
//! * The server's address and port: the socket is connected, so the kernel drops what comes from
//!   anywhere else, before it costs a system call.
//! * The question: name without case, type and class.
//!
//! Whoever floods the right port with wrong answers gets [`MAX_STRAYS`] guesses; then the same
//! question goes over TCP, where guessing means guessing a sequence number, too.

use std::cell::Cell;
use std::future::{Future, poll_fn};
use std::hash::{BuildHasher, RandomState};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use oneloop::net::{AsyncReadExt, AsyncWriteExt, TcpStream, UdpSocket};
use simple_dns::Name;

use super::error::{ResolveError, ResolveErrorKind};
use super::message::{Addresses, Query, RecordType, UDP_PAYLOAD, Verdict};

/// Messages that are no answer to our question, after which a server is asked over TCP instead.
const MAX_STRAYS: usize = 32;

/// Unpredictable message ids.
///
/// Each is a keyed hash of a counter: SipHash under the 128-bit key that std draws from the system's
/// random source for its hash maps (on Linux without waiting for it to be seeded, so it is weak in
/// the first moments after boot). Whoever does not know the key can't tell the next id from those
/// before it, and getting one costs no system call. `fastrand` would give its whole sequence away
/// to whoever sees a few ids.
#[derive(Debug, Default)]
pub(super) struct Ids {
    key: RandomState,
    drawn: Cell<u64>,
}

impl Ids {
    pub(super) fn next(&self) -> u16 {
        self.drawn.set(self.drawn.get().wrapping_add(1));
        let [high, low, ..] = self.key.hash_one(self.drawn.get()).to_be_bytes();
        u16::from_be_bytes([high, low])
    }
}

/// What a server said, when it said something to build on. The TTLs are for the cache.
#[derive(Clone, Debug)]
pub(super) enum Reply {
    Found(Addresses),
    Alias(Name<'static>),
    /// `alias`: the last name that the one asked for is an alias of, if it is one.
    NoData {
        ttl: Option<u32>,
        alias: Option<Name<'static>>,
    },
    NxDomain {
        ttl: Option<u32>,
        alias: Option<Name<'static>>,
    },
}

impl Reply {
    /// For how many seconds it holds; `None` when it does not say.
    pub(super) fn ttl(&self) -> Option<u32> {
        match self {
            Reply::Found(found) => Some(found.ttl),
            Reply::Alias(_) => None,
            Reply::NoData { ttl, .. } | Reply::NxDomain { ttl, .. } => *ttl,
        }
    }
}

/// One way of asking: the server and how long it may take altogether.
#[derive(Clone, Copy, Debug)]
pub(super) struct Server {
    pub(super) address: SocketAddr,
    pub(super) timeout: Duration,
    /// TCP from the start (`use-vc`).
    pub(super) use_tcp: bool,
}

impl Server {
    /// Asks for the records of a name. An error is this server's, unless
    /// [`ResolveError::is_final`] says that it is the caller's or this machine's.
    pub(super) async fn ask(self, ids: &Ids, name: &Name<'static>, record: RecordType) -> Result<Reply, ResolveError> {
        let outcome = in_time(self.timeout, self.ask_patiently(ids, name, record)).await?;
        outcome.unwrap_or_else(|| {
            let message = format!("{} did not answer within {:?}", self.address, self.timeout);
            Err(ResolveError::new(ResolveErrorKind::Timeout, message))
        })
    }

    async fn ask_patiently(self, ids: &Ids, name: &Name<'static>, record: RecordType) -> Result<Reply, ResolveError> {
        let mut verdict = self.ask_once(ids, name, record, true).await?;
        if let Verdict::NotUnderstood(_) = verdict {
            verdict = self.ask_once(ids, name, record, false).await?;
        }
        let says = |kind, what: &str| Err(ResolveError::new(kind, format!("{} {what}", self.address)));
        match verdict {
            Verdict::Found(addresses) => Ok(Reply::Found(addresses)),
            Verdict::Alias(target) => Ok(Reply::Alias(target)),
            Verdict::NoData { ttl, alias } => Ok(Reply::NoData { ttl, alias }),
            Verdict::NxDomain { ttl, alias } => Ok(Reply::NxDomain { ttl, alias }),
            Verdict::ServFail => says(ResolveErrorKind::ServFail, "failed to find out (SERVFAIL)"),
            Verdict::Refused => says(ResolveErrorKind::Refused, "refuses to answer (REFUSED)"),
            Verdict::Lame => says(ResolveErrorKind::ServFail, "neither knows the name nor asks other servers"),
            Verdict::NotUnderstood(code) | Verdict::OtherCode(code) => {
                says(ResolveErrorKind::ServFail, &format!("answered with response code {code}"))
            }
            Verdict::Malformed(flaw) => says(ResolveErrorKind::Malformed, &format!("sent a malformed answer: {flaw}")),
            Verdict::Truncated => says(ResolveErrorKind::Malformed, "sent a truncated answer over TCP"),
            Verdict::Stray(_) => says(ResolveErrorKind::Malformed, "answered another question over TCP"),
        }
    }

    async fn ask_once(
        self,
        ids: &Ids,
        name: &Name<'static>,
        record: RecordType,
        edns: bool,
    ) -> Result<Verdict, ResolveError> {
        let query = Query::new(ids.next(), name.clone(), record, edns)
            .map_err(|error| ResolveError::new(ResolveErrorKind::BadName, error.to_string()))?;
        if !self.use_tcp {
            let verdict =
                over_udp(self.address, &query).await.map_err(|error| ResolveError::of_socket(self.address, error))?;
            if verdict != Verdict::Truncated {
                return Ok(verdict);
            }
        }
        over_tcp(self.address, &query)
            .await
            .map_err(|error| ResolveError::of_socket(format_args!("{} over TCP", self.address), error))
    }
}

/// Sends the question and waits for its answer; [`Verdict::Truncated`] means "ask over TCP".
async fn over_udp(server: SocketAddr, query: &Query) -> Result<Verdict, oneloop::Error> {
    let any: IpAddr = if server.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    let socket = UdpSocket::bind(SocketAddr::new(any, 0))?;
    socket.connect(server)?;
    socket.send(query.as_bytes()).await?;
    // One octet more than what we offered: the system cuts a longer message without a word, and
    // what was cut is to be had over TCP.
    let mut buffer = vec![0; usize::from(UDP_PAYLOAD) + 1];
    for _ in 0..MAX_STRAYS {
        let length = socket.recv(&mut buffer).await?;
        match query.check(buffer.get(..length).unwrap_or_default()) {
            Verdict::Stray(_) => {}
            Verdict::Malformed(_) if length == buffer.len() => break,
            verdict => return Ok(verdict),
        }
    }
    Ok(Verdict::Truncated)
}

/// The same over TCP, where each message has its length in front (RFC 7766, section 8).
async fn over_tcp(server: SocketAddr, query: &Query) -> Result<Verdict, oneloop::Error> {
    let mut stream = TcpStream::connect(server).await?;
    let question = query.as_bytes();
    let mut framed = Vec::with_capacity(2 + question.len());
    framed.extend_from_slice(&(question.len() as u16).to_be_bytes());
    framed.extend_from_slice(question);
    stream.write_all(&framed).await?;
    let mut length = [0; 2];
    stream.read_exact(&mut length).await?;
    let mut message = vec![0; usize::from(u16::from_be_bytes(length))];
    stream.read_exact(&mut message).await?;
    Ok(query.check(&message))
}

/// Awaits `work` for at most `limit`: `None` when that has passed. `work` is then dropped by the
/// caller's frame, which closes its sockets.
///
/// Beside [`timeouts::within`](crate::timeouts::within), since what ends in time here need be no `Result`, and to be
/// late is no error yet.
///
/// Not `oneloop::wait_for`, which cancels the task it runs in: here several limits run in one task,
/// one for each family, and a cancellation must always be the caller's.
pub(super) async fn in_time<T>(limit: Duration, work: impl Future<Output = T>) -> oneloop::Result<Option<T>> {
    let (mut work, mut timer) = (pin!(work), pin!(oneloop::sleep(limit)));
    poll_fn(|cx| {
        if let Poll::Ready(value) = work.as_mut().poll(cx) {
            return Poll::Ready(Ok(Some(value)));
        }
        timer.as_mut().poll(cx).map(|passed| passed.map(|()| None))
    })
    .await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_do_not_repeat_in_any_short_pattern() {
        let ids = Ids::default();
        let drawn: Vec<u16> = (0..4_096).map(|_| ids.next()).collect();
        let mut distinct = drawn.clone();
        distinct.sort_unstable();
        distinct.dedup();
        // 4,096 of 65,536 with repetition: some 3,970 distinct ones are expected, give or take 11.
        assert!(distinct.len() > 3_800, "{}", distinct.len());
        let steps: std::collections::HashSet<u16> = drawn.windows(2).map(|two| two[1].wrapping_sub(two[0])).collect();
        assert!(steps.len() > 3_800, "{}", steps.len());
        let others = Ids::default();
        assert!((0..16).any(|i| others.next() != drawn[i]));
    }
}
