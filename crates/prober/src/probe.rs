//! One probe: a request with its redirects and body, within its time, judged.
//!
//! Neighbours: `run` calls [`Prober::probe`] in a task of its own; oneloop-http does the work and keeps the record;
//! `report` shows what comes out. Invariant: whatever happens, what was known by then is in the outcome.
//! Counterpart: the `fetch` of the script that this program grew from.

use std::future::poll_fn;
use std::pin::pin;
use std::rc::Rc;
use std::time::{Duration, Instant, SystemTime};

use http::Method;
use oneloop::LoopRef;
use oneloop_http::proto::{BodyLength, Headers, Limits, RequestHead, write_request};
use oneloop_http::resolver::Family;
use oneloop_http::{ClientSession, Error, ErrorKind, Exchange, Phase};
use url::Url;

use crate::cli::{Addresses, Format, Settings};
use crate::escape;
use crate::report::Outcome;
use crate::report::text::unexpected_status;
use crate::target::Failure;

/// No body may be larger: a probe is no download.
const LARGEST_BODY: u64 = 10 * 1024 * 1024;

/// What all probes of a run share.
#[derive(Debug)]
pub(crate) struct Prober {
    session: ClientSession,
    method: Method,
    settings: Rc<Settings>,
}

impl Prober {
    /// Reads the CA file and checks the headers; the sentence says what cannot be used. `ca_pem` takes the place of the
    /// CA file.
    pub(crate) fn new(settings: Rc<Settings>, ca_pem: Option<&str>) -> Result<Prober, String> {
        let mut session = ClientSession::builder()
            .insecure(settings.insecure)
            .keepalive(settings.keepalive)
            .limits(Limits { max_body_bytes: LARGEST_BODY, ..Limits::default() })
            .record_local_addr(settings.format == Format::Jsonl)
            .family(match settings.addresses {
                Addresses::Any => Family::Any,
                Addresses::V4 => Family::V4,
                Addresses::V6 => Family::V6,
            });
        if let Some(file) = &settings.cacert {
            session = session.ca_file(file);
        }
        if let Some(pem) = ca_pem {
            session = session.ca_pem(pem);
        }
        let own = [("User-Agent", concat!("prober/", env!("CARGO_PKG_VERSION"))), ("Accept", "*/*")];
        for (name, value) in own {
            if !settings.headers.iter().any(|(given, _)| given.eq_ignore_ascii_case(name)) {
                session = session.header(name, value);
            }
        }
        for (name, value) in &settings.headers {
            if let Some(value) = value {
                check_header(name, value)?;
                session = session.header(name, value);
            }
        }
        let method = Method::from_bytes(settings.method.as_bytes()).map_err(|error| error.to_string())?;
        let session = session.build().map_err(|error| error.to_string())?;
        Ok(Prober { session, method, settings })
    }

    /// Probes `url` within `limit`; it was due at `due`. An error is the loop's own: the task was cancelled.
    pub(crate) async fn probe(
        &self,
        event_loop: &LoopRef,
        url: Rc<Url>,
        limit: Duration,
        due: Instant,
    ) -> oneloop::Result<Outcome> {
        let queue = event_loop.time().saturating_duration_since(due);
        let started_at = (self.settings.format == Format::Jsonl).then(SystemTime::now);
        let exchange = Exchange::new();
        let mut lag = Duration::ZERO;
        let result = {
            // Handed on by reference: a future that is moved into another takes up room in both.
            let request = pin!(self.request(url, &exchange));
            let mut request = pin!(oneloop::wait_for(limit, request));
            let mut woken = false;
            poll_fn(|cx| {
                // For so long, at most, has this program itself kept the step waiting: the time limit keeps a timer armed.
                // The first step is no wake; it waited as `queue`.
                if std::mem::replace(&mut woken, true) {
                    lag += event_loop.time().saturating_duration_since(event_loop.collected_at());
                }
                request.as_mut().poll(cx)
            })
            .await
        };
        exchange.stop(event_loop.time());
        let failure = match result {
            Err(error) if error.is_cancelled() => return Err(oneloop::Error::Cancelled),
            Err(error) => Some(failure(&error, limit, exchange.hops().last().map(|hop| hop.clock.last()))),
            Ok(()) => self.judge(&exchange),
        };
        Ok(Outcome { failure, hops: exchange.take(), started_at, queue, lag })
    }

    /// Closes the connections that are kept for later, to have their descriptors.
    pub(crate) async fn close_idle(&self) -> oneloop::Result<()> {
        match self.session.close().await {
            Err(error) if error.is_cancelled() => Err(oneloop::Error::Cancelled),
            // A connection that cannot be closed in good order is closed all the same.
            _ => Ok(()),
        }
    }

    async fn request(&self, url: Rc<Url>, exchange: &Exchange) -> oneloop_http::Result<()> {
        let mut response = self
            .session
            .request(self.method.clone(), url)
            .allow_redirects(self.settings.redirects.is_some())
            .max_redirects(self.settings.redirects.unwrap_or(0) as usize)
            .exchange(exchange)
            .send()
            .await?;
        response.read_with(|_| ()).await?;
        Ok(())
    }

    /// A response came whole: is its status one of those expected?
    fn judge(&self, exchange: &Exchange) -> Option<Failure> {
        let hops = exchange.hops();
        let last = hops.last()?;
        let expected = last.status().is_some_and(|status| self.settings.expected.contains(status.as_u16()));
        (!expected).then(|| unexpected_status(last, &self.settings))
    }
}

/// Finds out now what would otherwise fail every probe. The message leaves the value out: it may be a secret.
fn check_header(name: &str, value: &str) -> Result<(), String> {
    let mut headers = Headers::new();
    let pushed = headers.push(name, value);
    let head = RequestHead {
        method: &Method::GET,
        target: "/",
        host: "host",
        headers: &headers,
        body: BodyLength::None,
        close: true,
    };
    let written = pushed.and_then(|()| write_request(&mut Vec::new(), &head));
    written.map_err(|error| format!("the header '{name}' (-H) cannot be sent: {error}"))
}

/// The request failed: in which words is that reported?
fn failure(error: &Error, limit: Duration, phase: Option<Phase>) -> Failure {
    let phase = error.phase().or(phase);
    let message = match (error.kind(), phase) {
        (ErrorKind::Timeout, Some(phase)) => {
            format!("no result within {}: time ran out {}", seconds(limit), doing(phase))
        }
        _ => escape::text_without_secrets(error.message()).into_owned(),
    };
    Failure { kind: error.kind().as_str(), detail: error.detail().to_owned(), message, phase: phase.map(Phase::as_str) }
}

/// A time limit as people write it.
fn seconds(limit: Duration) -> String {
    match limit.as_secs_f64() {
        seconds if seconds < 1.0 => format!("{} ms", seconds * 1e3),
        seconds => format!("{seconds} s"),
    }
}

/// What is being done in a phase.
fn doing(phase: Phase) -> &'static str {
    match phase {
        Phase::Resolve => "resolving the name",
        Phase::Connect => "connecting",
        Phase::Tls => "in the TLS handshake",
        Phase::Send => "sending the request",
        Phase::Wait => "waiting for the response",
        Phase::Transfer => "reading the response",
    }
}
