//! Connections that have served and may serve again.
//!
//! A connection comes here only after a complete response that allows another exchange, with no byte left over, and
//! leaves only if it is still quiet: one that was closed meanwhile, or on which something came unasked, is thrown away.
//! Looking costs no system call, because the selector has already told the loop. (A server may still close it in the
//! same moment: the client then tries once more, see [`request`](crate::request).)
//!
//! Counterparts: aiohttp's `BaseConnector._conns`, .NET's `HttpConnectionPool`.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::task::Context;
use std::time::{Duration, Instant};

use url::{Position, Url};

use crate::error::Result;
use crate::wire::Wire;

/// A connection, and where it leads.
pub(crate) struct Idle {
    pub(crate) wire: Wire,
    pub(crate) remote: Option<SocketAddr>,
    /// Its number in the session.
    pub(crate) number: u32,
    pub(crate) since: Instant,
}

/// Idle connections by origin: scheme, host and port (and userinfo, if the URL has some).
#[derive(Default)]
pub(crate) struct Pool {
    /// A list that has become empty stays until the next sweep: most origins get their connection back.
    idle: BTreeMap<Box<str>, Vec<Idle>>,
    count: usize,
    /// When those that have outlived their time were last thrown away.
    swept: Option<Instant>,
}

/// How many idle connections are kept in all, and for how many origins.
const MAX_IDLE: usize = 256;
/// How long one may be idle and be used again: less than what common servers allow, so that a request seldom meets one
/// that is just being closed. No timer closes it then: it goes when it is next looked at, or with the next sweep.
const MAX_AGE: Duration = Duration::from_secs(15);

/// The part of the URL that names the origin; the url crate has already normalised it.
fn origin(url: &Url) -> &str {
    &url[..Position::AfterPort]
}

impl Pool {
    /// A connection to the origin of `url` that is fit for use: the one that was used last. Those that aren't go to
    /// `gone`, for the caller to drop with nothing borrowed: a stream may be the user's own.
    pub(crate) fn take(
        &mut self,
        url: &Url,
        cx: &mut Context<'_>,
        now: Instant,
        gone: &mut Vec<Idle>,
    ) -> Result<Option<Idle>> {
        let Some(list) = self.idle.get_mut(origin(url)) else { return Ok(None) };
        while let Some(mut idle) = list.pop() {
            self.count -= 1;
            if now.saturating_duration_since(idle.since) < MAX_AGE && idle.wire.is_quiet(cx)? {
                return Ok(Some(idle));
            }
            gone.push(idle);
        }
        Ok(None)
    }

    /// Keeps a connection. Now and then, and when there are too many, those that have outlived their time go to `gone`;
    /// if there still are too many, so does this one.
    pub(crate) fn put(&mut self, url: &Url, idle: Idle, gone: &mut Vec<Idle>) {
        let swept = *self.swept.get_or_insert(idle.since);
        let is_due = idle.since.saturating_duration_since(swept) >= MAX_AGE;
        if is_due || self.count >= MAX_IDLE || self.idle.len() >= MAX_IDLE {
            self.sweep(idle.since, gone);
        }
        if self.count >= MAX_IDLE {
            return gone.push(idle);
        }
        self.count += 1;
        match self.idle.get_mut(origin(url)) {
            Some(list) => list.push(idle),
            None => {
                self.idle.insert(origin(url).into(), vec![idle]);
            }
        }
    }

    /// Takes all of them out, to be closed.
    pub(crate) fn drain(&mut self) -> Vec<Idle> {
        self.count = 0;
        std::mem::take(&mut self.idle).into_values().flatten().collect()
    }

    fn sweep(&mut self, now: Instant, gone: &mut Vec<Idle>) {
        self.swept = Some(now);
        self.idle.retain(|_, list| {
            gone.extend(list.extract_if(.., |idle| now.saturating_duration_since(idle.since) >= MAX_AGE));
            !list.is_empty()
        });
        self.count = self.idle.values().map(Vec::len).sum();
    }
}

#[cfg(test)]
mod tests {
    use std::future::{Future, poll_fn};
    use std::task::Poll;

    use oneloop::net::AsyncReadExt;

    use super::*;
    use crate::wire::Io;

    fn virtually(test: impl Future<Output = ()> + 'static) {
        let event_loop = oneloop::EventLoop::builder().virtual_clock(true).build().unwrap();
        let runner = oneloop::Runner::with_loop(event_loop).handle_interrupt(false);
        runner
            .run(async {
                test.await;
                Ok(())
            })
            .unwrap();
    }

    fn now() -> Instant {
        oneloop::get_running_loop().unwrap().time()
    }

    /// A connection that stays open for as long as its other end is held.
    fn idle() -> (Idle, oneloop::net::DuplexStream) {
        let (ours, theirs) = oneloop::net::duplex(16);
        (Idle { wire: Wire::new(Io::Other(Box::new(ours))), remote: None, number: 1, since: now() }, theirs)
    }

    async fn take(pool: &mut Pool, url: &Url) -> Option<Idle> {
        poll_fn(|cx| Poll::Ready(pool.take(url, cx, now(), &mut Vec::new()))).await.unwrap()
    }

    #[test]
    fn origins_that_are_left_behind_are_forgotten() {
        virtually(async {
            let mut pool = Pool::default();
            for number in 0..2_000 {
                let url = Url::parse(&format!("http://host-{number}.example/")).unwrap();
                let (idle, _peer) = idle();
                pool.put(&url, idle, &mut Vec::new());
                assert!(take(&mut pool, &url).await.is_some());
                assert!(pool.idle.len() <= MAX_IDLE, "after {number}");
            }
        });
    }

    #[test]
    fn what_has_outlived_its_time_goes_when_another_one_comes() {
        virtually(async {
            let mut pool = Pool::default();
            let [one, other] = ["http://one.example/", "http://other.example/"].map(|url| Url::parse(url).unwrap());
            let ((first, mut peer), (second, _other_peer)) = (idle(), idle());
            pool.put(&one, first, &mut Vec::new());
            oneloop::sleep(MAX_AGE).await.unwrap();
            let mut gone = Vec::new();
            pool.put(&other, Idle { since: now(), ..second }, &mut gone);
            assert_eq!(gone.len(), 1);
            drop(gone);
            assert_eq!((pool.count, pool.idle.len()), (1, 1));
            assert_eq!(peer.read(&mut [0]).await.unwrap(), 0, "it was closed");
            assert!(take(&mut pool, &other).await.is_some());
        });
    }
}
