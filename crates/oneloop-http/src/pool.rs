//! Connections that have served and may serve again.
//!
//! A connection comes here only after a complete response that allows another exchange, with no byte left over, and
//! leaves only if it is still quiet: one that was closed meanwhile, or on which something came unasked, is thrown away.
//! Looking costs no system call, because the selector has already told the loop. (A server may still close it in the
//! same moment: the client then tries once more, see [`client`](crate::client).)
//!
//! Counterparts: aiohttp's `BaseConnector._conns`, .NET's `HttpConnectionPool`.

use std::collections::HashMap;
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
    idle: HashMap<Box<str>, Vec<Idle>>,
    count: usize,
}

/// How many idle connections are kept in all.
const MAX_IDLE: usize = 256;
/// How long one is kept: less than what common servers allow, so that we are the ones who close.
const MAX_AGE: Duration = Duration::from_secs(15);

/// The part of the URL that names the origin; the url crate has already normalised it.
fn origin(url: &Url) -> &str {
    &url[..Position::AfterPort]
}

impl Pool {
    /// A connection to the origin of `url` that is fit for use: the one that was used last.
    pub(crate) fn take(&mut self, url: &Url, cx: &mut Context<'_>, now: Instant) -> Result<Option<Idle>> {
        let Some(list) = self.idle.get_mut(origin(url)) else { return Ok(None) };
        while let Some(mut idle) = list.pop() {
            self.count -= 1;
            if now.saturating_duration_since(idle.since) < MAX_AGE && idle.wire.is_quiet(cx)? {
                return Ok(Some(idle));
            }
        }
        Ok(None)
    }

    /// Keeps a connection. When there are too many, those that have outlived their time go, else this one.
    pub(crate) fn put(&mut self, url: &Url, idle: Idle) {
        if self.count >= MAX_IDLE {
            self.sweep(idle.since);
        }
        if self.count >= MAX_IDLE {
            return;
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

    fn sweep(&mut self, now: Instant) {
        self.idle.retain(|_, list| {
            list.retain(|idle| now.saturating_duration_since(idle.since) < MAX_AGE);
            !list.is_empty()
        });
        self.count = self.idle.values().map(Vec::len).sum();
    }
}
