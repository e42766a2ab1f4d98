//! The record of what happened to a request, written while it happens.
//!
//! A caller that times out, cancels or gets an error still wants the addresses, the certificates, the phases so far.
//! So the client writes them into an [`Exchange`] that the caller holds as well, instead of giving them back at the
//! end. One request has one exchange; each redirect adds a [`Hop`] to it.
//!
//! ```no_run
//! # async fn example(session: oneloop_http::ClientSession) -> oneloop_http::Result<()> {
//! use oneloop_http::{Exchange, Phase};
//! let exchange = Exchange::new();
//! let outcome = session.get("https://example.org/").exchange(&exchange).send().await;
//! for hop in exchange.hops().iter() {
//!     println!("{} {:?} took {:?} to connect", hop.url, hop.remote, hop.clock.phase(Phase::Connect));
//! }
//! # outcome.map(drop)
//! # }
//! ```
//!
//! Neighbours: connector, TLS and client write, the prober's report reads.
//! Counterpart: aiohttp's `TraceConfig`, whose callbacks would each have to store something like this.

use std::cell::{Ref, RefCell, RefMut};
use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;
use std::time::{Duration, Instant};

use http::{Method, StatusCode};
use url::Url;

use crate::error::ErrorKind;
use crate::proto::ResponseHead;
use crate::target::shown;
use crate::timings::{Phase, PhaseClock};

/// A shared record of one request: clones are the same record.
#[derive(Clone, Debug, Default)]
pub struct Exchange(Rc<RefCell<Vec<Hop>>>);

impl Exchange {
    /// An empty record, to be handed to [`RequestBuilder::exchange`](crate::RequestBuilder::exchange).
    /// Reusing one for a second request starts it afresh.
    pub fn new() -> Exchange {
        Exchange::default()
    }

    /// The hops so far, the latest last; empty when the URL was refused. Do not hold the `Ref` across an await.
    pub fn hops(&self) -> Ref<'_, [Hop]> {
        Ref::map(self.0.borrow(), Vec::as_slice)
    }

    /// Takes the hops out, for the report.
    pub fn take(&self) -> Vec<Hop> {
        std::mem::take(&mut self.0.borrow_mut())
    }

    /// The time spent in `phase` over all hops; `None` when no hop reached it.
    pub fn phase(&self, phase: Phase) -> Option<Duration> {
        Hop::phase_of(&self.0.borrow(), phase)
    }

    /// From the start of the first hop to the end of the head of the last; `None` while the last has none.
    pub fn headers(&self) -> Option<Duration> {
        Hop::headers_of(&self.0.borrow())
    }

    /// From the start to the latest event: exactly the sum of all phases of all hops.
    pub fn total(&self) -> Duration {
        Hop::total_of(&self.0.borrow())
    }

    /// The phase that the last hop has reached: of a failed request, the one in which it failed.
    pub fn last_phase(&self) -> Option<Phase> {
        self.0.borrow().last().map(|hop| hop.clock.last())
    }

    /// Stops the clock of the last hop at `now`, if it still runs. The client does this at the end and on every error;
    /// call it yourself only when you drop a request's future half-way.
    pub fn stop(&self, now: Instant) {
        if let Some(hop) = self.0.borrow_mut().last_mut() {
            hop.clock.stop(now);
        }
    }

    pub(crate) fn clear(&self) {
        self.0.borrow_mut().clear();
    }

    pub(crate) fn push(&self, hop: Hop) {
        let mut hops = self.0.borrow_mut();
        // A hop is large, most requests have one, and thousands may wait at once: no room is made for more by guess.
        hops.reserve_exact(1);
        hops.push(hop);
    }

    /// The hop that is under way. Panics before the first `push`, which the client does before anything else.
    pub(crate) fn hop(&self) -> RefMut<'_, Hop> {
        RefMut::map(self.0.borrow_mut(), |hops| hops.last_mut().expect("a hop is pushed before work on it begins"))
    }
}

/// One request and its response: what is known of it so far. `Debug` shows the main things, and no password.
#[derive(Clone)]
#[non_exhaustive]
pub struct Hop {
    /// The URL asked for. Set from the start.
    pub url: Rc<Url>,
    /// The method used. Set from the start.
    pub method: Method,
    /// The phases. Runs from the start until the end of the body or the failure.
    pub clock: PhaseClock,
    /// What the name resolved to, in the order in which they are tried. Set at the end of [`Phase::Resolve`].
    pub addresses: Vec<IpAddr>,
    /// The address that is being connected to, then the one that accepted; of a failed connect, the last one tried.
    pub remote: Option<SocketAddr>,
    /// The attempts at connecting, in the order in which they began, when there was more than one address to try at a
    /// time; else empty: `remote` then says it all.
    pub attempts: Vec<Attempt>,
    /// What the proxy answered when it was asked for a tunnel; `None` when it was not asked.
    pub proxy_status: Option<StatusCode>,
    /// Whether the addresses come from an earlier answer for the same name, and no server was asked.
    pub resolve_cached: bool,
    /// Our own address, when [`SessionBuilder::record_local_addr`](crate::SessionBuilder::record_local_addr) asks
    /// for it (it costs a system call).
    pub local: Option<SocketAddr>,
    /// Whether the connection had served an earlier request.
    pub reused: bool,
    /// Which connection of its session this is, counted from 1; 0 while there is none.
    pub connection: u32,
    /// Whether the request goes through a proxy: in clear, or in a tunnel.
    pub proxied: bool,
    /// How many bytes of request have been handed over for sending: head and body, before TLS.
    pub request_bytes: u64,
    /// What is known of TLS: as soon as the server has shown its certificates, also when they are refused.
    pub tls: Option<Rc<TlsInfo>>,
    /// How many interim (1xx) responses came before the final one.
    pub interim: u32,
    /// The head of the final response, once complete.
    pub head: Option<Rc<ResponseHead>>,
    /// The status of a final response whose head was not complete or not good; see [`status`](Hop::status).
    pub(crate) status_line: Option<StatusCode>,
    /// How many bytes of body have arrived, framing taken off.
    pub body_bytes: u64,
    /// How many bytes the body is with its content codings taken off, so far; `None` when none was.
    pub decoded_bytes: Option<u64>,
    /// Where the response points to, resolved against `url`, when it is a redirect with a usable Location;
    /// whether or not it is followed.
    pub redirect_url: Option<Rc<Url>>,
}

impl Hop {
    pub(crate) fn new(url: Rc<Url>, method: Method, now: Instant) -> Hop {
        Hop {
            url,
            method,
            clock: PhaseClock::start(now),
            addresses: Vec::new(),
            remote: None,
            attempts: Vec::new(),
            proxy_status: None,
            resolve_cached: false,
            local: None,
            reused: false,
            connection: 0,
            proxied: false,
            request_bytes: 0,
            tls: None,
            interim: 0,
            head: None,
            status_line: None,
            body_bytes: 0,
            decoded_bytes: None,
            redirect_url: None,
        }
    }

    /// The time spent in `phase` over all `hops` of a request; `None` when no hop reached it.
    pub fn phase_of(hops: &[Hop], phase: Phase) -> Option<Duration> {
        hops.iter().filter_map(|hop| hop.clock.phase(phase)).reduce(|sum, length| sum + length)
    }

    /// From the start of the first of `hops` to the end of the head of the last; `None` while the last has none.
    pub fn headers_of(hops: &[Hop]) -> Option<Duration> {
        let (last, before) = hops.split_last()?;
        Some(Hop::total_of(before) + last.clock.headers()?)
    }

    /// From the start of the first of `hops` to the latest event: exactly the sum of all phases of all hops.
    pub fn total_of(hops: &[Hop]) -> Duration {
        hops.iter().map(|hop| hop.clock.total()).sum()
    }

    /// The status of the final response, once its line has arrived: also when the rest of the head never came or was
    /// refused.
    pub fn status(&self) -> Option<StatusCode> {
        self.head.as_ref().map(|head| head.status).or(self.status_line)
    }
}

impl std::fmt::Debug for Hop {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Hop")
            .field("method", &self.method)
            .field("url", &shown(self.url.as_str()))
            .field("clock", &self.clock)
            .field("addresses", &self.addresses)
            .field("remote", &self.remote)
            .field("attempts", &self.attempts)
            .field("tls", &self.tls)
            .field("status", &self.status())
            .field("body_bytes", &self.body_bytes)
            .finish_non_exhaustive()
    }
}

/// One attempt at connecting, of several.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Attempt {
    /// Whom to.
    pub remote: SocketAddr,
    /// When it began, counted from the start of [`Phase::Connect`].
    pub started: Duration,
    /// What became of it.
    pub end: AttemptEnd,
}

/// What became of an attempt at connecting.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum AttemptEnd {
    /// Nothing yet; or it was dropped with the whole request (cancelled, out of time).
    Open,
    /// It is the connection that was used.
    Connected,
    /// Another one was first; this one was closed.
    Overtaken,
    /// It failed; the word is the detail of its error, `ConnectionRefused` for one.
    Failed(String),
}

/// What the TLS handshake showed.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct TlsInfo {
    /// `TLSv1.2` or `TLSv1.3`, once negotiated.
    pub version: Option<&'static str>,
    /// The cipher suite by its IANA name, once negotiated.
    pub cipher: Option<&'static str>,
    /// The protocol that the server chose by ALPN; `None` when it chose none.
    pub alpn: Option<String>,
    /// The certificates as the server sent them (DER), the leaf first; captured before they are verified.
    pub chain: Rc<[Box<[u8]>]>,
    /// Whether chain and name were verified and found good.
    pub verified: bool,
    /// Why not: the kind and the finer reason. With verification switched off, what it would have said.
    pub verify_error: Option<(ErrorKind, String)>,
}
