//! Time limits of single phases, beside the one for the whole request.
//!
//! A limit that is not set costs nothing: no timer is armed. One that strikes drops what it bounds, which closes the
//! sockets in it, and is an error of a kind of its own; it is never mistaken for a cancellation, which always is the
//! caller's. Counterparts: `aiohttp.ClientTimeout` (`connect`, `sock_connect`, `sock_read`), .NET's `ConnectTimeout`.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::Poll;
use std::time::{Duration, Instant};

use crate::error::{Error, ErrorKind, Result};

/// How long each part of a request may take. `None`, the default, is no limit. They hold for each hop of a redirect
/// anew; [`SessionBuilder::timeout`](crate::SessionBuilder::timeout) bounds all of it together, and nothing restarts
/// that one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Timeouts {
    /// For resolving the name. Error: `resolve-timeout`. The prober's `--dns-timeout`; curl has none.
    pub resolve: Option<Duration>,
    /// From the start of a hop until the connection can carry the request: name, TCP, proxy and TLS together, as curl's
    /// `--connect-timeout`. Error: `resolve-timeout`, `connect-timeout` or `tls-timeout`, after the phase it struck in.
    pub connect: Option<Duration>,
    /// For the TLS handshake. Error: `tls-timeout`. The prober's `--tls-timeout`; curl has none.
    pub tls: Option<Duration>,
    /// From the moment when the connection can carry the request until the first byte of the final response: sending and
    /// waiting. An interim response (1xx) does not end it. Error: `ttfb-timeout`. The prober's `--ttfb-timeout`; curl has
    /// none, .NET neither, Go has `ResponseHeaderTimeout`.
    pub ttfb: Option<Duration>,
}

impl Timeouts {
    /// What is left at `now` for resolving, in a hop that has begun at `begun`.
    pub(crate) fn resolve_left(&self, begun: Instant, now: Instant) -> Option<Limit> {
        self.left(self.resolve, begun, now)
    }

    /// What is left for connecting.
    pub(crate) fn connect_left(&self, begun: Instant, now: Instant) -> Option<Limit> {
        self.left(None, begun, now)
    }

    /// What is left for TLS.
    pub(crate) fn tls_left(&self, begun: Instant, now: Instant) -> Option<Limit> {
        self.left(self.tls, begun, now)
    }

    fn left(&self, own: Option<Duration>, begun: Instant, now: Instant) -> Option<Limit> {
        let own = own.map(Limit::of);
        let whole = self.connect.map(|limit| {
            let left = limit.saturating_sub(now.saturating_duration_since(begun));
            Limit { left, asked: limit, is_shared: true }
        });
        match (own, whole) {
            (Some(own), Some(whole)) => Some(if whole.left < own.left { whole } else { own }),
            (one, other) => one.or(other),
        }
    }
}

/// A time limit under way.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limit {
    /// What is left of it.
    left: Duration,
    /// What was asked for, which is what a person is told.
    asked: Duration,
    /// Whether it is the one for all of connecting.
    is_shared: bool,
}

impl Limit {
    /// One that begins now.
    pub(crate) fn of(limit: Duration) -> Limit {
        Limit { left: limit, asked: limit, is_shared: false }
    }
}

/// Awaits `work` for at most `limit`, then fails with `kind`. Without a limit it just awaits.
///
/// Not [`oneloop::wait_for`], which cancels its own task to end it: whatever is cancelled in here was cancelled by the
/// caller, and goes up as it is. What the limit needs is boxed: this future's state is part of every request that waits,
/// and most have no limit. For the same reason `work` comes boxed or pinned, so that it isn't moved in here once more.
pub(crate) fn within<T>(
    limit: Option<Limit>,
    kind: ErrorKind,
    doing: &'static str,
    mut work: impl Future<Output = Result<T>> + Unpin,
) -> impl Future<Output = Result<T>> {
    let mut timer = limit.map(|limit| {
        Box::pin(async move {
            match oneloop::sleep(limit.left).await {
                Ok(()) => over(limit, kind, doing),
                Err(error) => error.into(),
            }
        })
    });
    poll_fn(move |cx| match (Pin::new(&mut work).poll(cx), &mut timer) {
        (Poll::Pending, Some(timer)) => timer.as_mut().poll(cx).map(Err),
        (outcome, _) => outcome,
    })
}

/// The error of a limit that has struck.
fn over(limit: Limit, kind: ErrorKind, doing: &str) -> Error {
    let of = if limit.is_shared { " (the limit for name, connection and TLS together)" } else { "" };
    Error::new(kind, format!("{doing} was not done within {:?}{of}", limit.asked))
}
