//! One probe: a request with its redirects and body, within its time, judged.
//!
//! Neighbours: `spec` says what; `run` calls [`Prober::probe`] in a task of its own; oneloop-http does the work and
//! keeps the record; `report` shows what comes out. Invariant: whatever happens, what was known by then is in the
//! outcome. Counterpart: the `fetch` of the script that this program grew from.

use std::fmt::Write;
use std::future::{Future, poll_fn};
use std::net::IpAddr;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::time::{Duration, Instant, SystemTime};

use http::Method;
use oneloop::LoopRef;
use oneloop_http::proto::{BodyLength, Headers, Limits, ProtoError, RequestHead, write_request};
use oneloop_http::resolver::SystemResolver;
use oneloop_http::{ClientSession, Error, ErrorKind, Exchange, Hop, Phase, SessionBuilder};
use sha2::{Digest, Sha256};
use url::Url;

use crate::escape;
use crate::lag::Lag;
use crate::report::Outcome;
use crate::report::certificate::Certificate;
use crate::spec::{Pem, Spec};
use crate::target::Failure;

/// What all probes of a run share.
#[derive(Debug)]
pub(crate) struct Prober {
    session: ClientSession,
    method: Method,
    spec: Rc<Spec>,
    /// Whether a format shows what costs a system call or two to know.
    detailed: bool,
    /// What this program itself keeps waiting.
    lag: Lag,
}

impl Prober {
    /// Reads the CA file and checks the headers; the sentence says what cannot be used. `ca_pem` takes the place of the
    /// CA file. `detailed` asks for the time of day of each start and for our own address.
    pub(crate) fn new(spec: Rc<Spec>, ca_pem: Option<&str>, detailed: bool) -> Result<Prober, String> {
        let mut session = session_for(&spec);
        if let Some(pem) = ca_pem {
            session = session.ca_pem(pem);
        }
        Prober::with(session, spec, detailed)
    }

    /// Probes by `spec` through `session`, which was made for it.
    pub(crate) fn with(session: SessionBuilder, spec: Rc<Spec>, detailed: bool) -> Result<Prober, String> {
        let mut session = session.record_local_addr(detailed);
        for (name, value) in spec.fields() {
            check_header(name, value)?;
            session = session.header(name, value);
        }
        if spec.fields().iter().filter(|(name, _)| name.eq_ignore_ascii_case("host")).count() > 1 {
            return Err("the header 'Host' is given more than once; a request has one".to_owned());
        }
        let method = Method::from_bytes(spec.method.as_bytes()).map_err(|error| error.to_string())?;
        check_method(&method, spec.body.as_deref())?;
        let session = session.build().map_err(|error| error.to_string())?;
        Ok(Prober { session, method, spec, detailed, lag: Lag::default() })
    }

    /// The longest that a step has waited for its turn since this was asked last.
    pub(crate) fn take_worst_wait(&self) -> Duration {
        self.lag.take_worst()
    }

    /// Probes `url` within `limit`, at `address` if one is given; it was due at `due`. What is learned goes into
    /// `exchange`. An error is the loop's own: the task was cancelled.
    pub(crate) async fn probe(
        &self,
        event_loop: &LoopRef,
        url: Rc<Url>,
        address: Option<IpAddr>,
        limit: Duration,
        due: Instant,
        exchange: &Exchange,
    ) -> oneloop::Result<Outcome> {
        let begun = self.begin(event_loop, due);
        let probed = url.clone();
        let mut lag = Duration::ZERO;
        let result = {
            // Handed on by reference: a future that is moved into another takes up room in both.
            let request = pin!(self.request(url, address, exchange));
            let request = pin!(oneloop::wait_for(limit, request));
            self.stepped(event_loop, begun.at, request, &mut lag).await
        };
        if result.is_err() {
            // The end of a response has stopped it already.
            exchange.stop(event_loop.time());
        }
        let (failure, body_sha256) = match result {
            Err(error) if error.is_cancelled() => return Err(oneloop::Error::Cancelled),
            Err(error) => {
                let hops = exchange.hops();
                (Some(failure(&error, limit, hops.last(), &self.spec)), None)
            }
            Ok(read) => (self.spec.expect.judge(exchange, &read.body, self.spec.redirects.is_some()), read.sha256),
        };
        Ok(begun.outcome(&probed, failure, exchange, lag, body_sha256))
    }

    /// The addresses of the host of `url` within `limit`, as a probe that was due at `due` would find them; or, where
    /// that fails, what the probe comes to. An error is the loop's own.
    pub(crate) async fn addresses(
        &self,
        event_loop: &LoopRef,
        url: &Rc<Url>,
        limit: Duration,
        due: Instant,
        exchange: &Exchange,
    ) -> oneloop::Result<Result<Vec<IpAddr>, Outcome>> {
        let begun = self.begin(event_loop, due);
        let mut lag = Duration::ZERO;
        let search = pin!(oneloop::wait_for(limit, self.session.resolve_for(url, self.method.clone(), exchange)));
        match self.stepped(event_loop, begun.at, search, &mut lag).await {
            Ok(addresses) => Ok(Ok(addresses)),
            Err(error) if error.is_cancelled() => Err(oneloop::Error::Cancelled),
            Err(error) => {
                exchange.stop(event_loop.time());
                let failure = failure(&error, limit, exchange.hops().last(), &self.spec);
                Ok(Err(begun.outcome(url, Some(failure), exchange, lag, None)))
            }
        }
    }

    fn begin(&self, event_loop: &LoopRef, due: Instant) -> Begun {
        let at = event_loop.time();
        Begun { at, queue: at.saturating_duration_since(due), started_at: self.detailed.then(SystemTime::now) }
    }

    /// Awaits `work`, which begins now, at `begun`, and adds to `lag` for how long, at most, this program itself has
    /// kept it waiting. `work` is within a time limit, so that a timer is armed. (Not an `async fn`, which would keep
    /// its arguments twice.)
    fn stepped<'a, T>(
        &'a self,
        event_loop: &'a LoopRef,
        begun: Instant,
        mut work: Pin<&'a mut impl Future<Output = T>>,
        lag: &'a mut Duration,
    ) -> impl Future<Output = T> {
        let mut stepped = None;
        poll_fn(move |cx| {
            let (turn, before) = (event_loop.collected_at(), stepped);
            let now = before.map_or(begun, |_| event_loop.time());
            stepped = Some(now);
            match before {
                // No wake; it waited as `queue`.
                None => self.lag.first_step(turn, now),
                // For so long, at most, has this program itself kept it waiting: the time limit keeps a timer armed.
                // What it waits for it found not ready in its last step, whatever else that turn had done before.
                Some(last) => *lag += self.lag.step(turn, now).min(now.saturating_duration_since(last)),
            }
            let progress = work.as_mut().poll(cx);
            self.lag.worked(event_loop.time());
            progress
        })
    }

    /// Is each address of a name probed by itself?
    pub(crate) fn takes_all_addresses(&self) -> bool {
        self.spec.connection.all_addresses
    }

    /// Closes the connections that are kept for later, to have their descriptors.
    pub(crate) async fn close_idle(&self) -> oneloop::Result<()> {
        match self.session.close().await {
            Err(error) if error.is_cancelled() => Err(oneloop::Error::Cancelled),
            // A connection that cannot be closed in good order is closed all the same.
            _ => Ok(()),
        }
    }

    async fn request(&self, url: Rc<Url>, address: Option<IpAddr>, exchange: &Exchange) -> oneloop_http::Result<Read> {
        let mut request = self
            .session
            .request(self.method.clone(), url)
            .allow_redirects(self.spec.redirects.is_some())
            .max_redirects(self.spec.redirects.unwrap_or(0) as usize)
            .exchange(exchange);
        if let Some(address) = address {
            request = request.address(address);
        }
        if let Some(body) = &self.spec.body {
            request = request.body(&body[..]);
        }
        let mut response = request.send().await?;
        let mut read = Read::default();
        if !self.spec.expect.wants_body() && !self.spec.hash_body {
            // Nearly every probe: the body is read and forgotten.
            response.read_with(|_| ()).await?;
            return Ok(read);
        }
        let mut hasher = self.spec.hash_body.then(Sha256::new);
        let keep = self.spec.expect.wants_body();
        response
            .read_with(|piece| {
                if let Some(hasher) = &mut hasher {
                    hasher.update(piece);
                }
                if keep {
                    read.body.extend_from_slice(piece);
                }
            })
            .await?;
        read.sha256 = hasher.map(|hasher| {
            hasher.finalize().iter().fold(String::with_capacity(64), |mut text, byte| {
                // Writing into a String cannot fail.
                let _ = write!(text, "{byte:02x}");
                text
            })
        });
        Ok(read)
    }
}

/// How a probe began.
struct Begun {
    at: Instant,
    queue: Duration,
    started_at: Option<SystemTime>,
}

impl Begun {
    /// What became of it; `exchange` gives up what it knows.
    fn outcome(
        self,
        url: &Url,
        failure: Option<Failure>,
        exchange: &Exchange,
        lag: Duration,
        body_sha256: Option<String>,
    ) -> Outcome {
        let failure = failure.map(|failure| {
            let secrets = escape::Secrets::new(escape::url_secrets(url.as_str()));
            Failure { message: secrets.hidden(&failure.message), ..failure }
        });
        let Begun { queue, started_at, .. } = self;
        let mut outcome = Outcome { failure, hops: exchange.take(), started_at, queue, lag, body_sha256 };
        // The first step began a moment before the probe's clock did.
        outcome.lag = outcome.lag.min(outcome.total());
        outcome
    }
}

/// A session that connects, trusts and follows as `spec` says; without the headers.
pub(crate) fn session_for(spec: &Spec) -> SessionBuilder {
    let Spec { connection, tls, .. } = spec;
    let mut session = ClientSession::builder()
        .timeouts(spec.timeouts)
        .compressed(spec.compressed)
        .allow_downgrade(spec.downgrades)
        .limits(Limits { max_body_bytes: spec.largest_body, ..Limits::default() })
        .keepalive(connection.keepalive)
        .family(connection.family)
        .addresses(connection.choice)
        .insecure(tls.insecure)
        .native_roots(tls.native);
    if connection.system_resolver {
        session = session.resolver(SystemResolver::new());
    } else if !connection.dns_servers.is_empty() {
        session = session.dns_servers(connection.dns_servers.clone());
    }
    session = connection.resolve.iter().cloned().fold(session, SessionBuilder::resolve_to);
    session = connection.connect_to.iter().cloned().fold(session, SessionBuilder::connect_to);
    if let Some(proxy) = &connection.proxy {
        session = session.proxy(proxy.clone()).no_proxy(connection.no_proxy.as_deref().unwrap_or_default());
    }
    session = match &tls.cacert {
        None => session,
        Some(Pem::File(file)) => session.ca_file(file),
        Some(Pem::Text(pem)) => session.ca_pem(pem.as_str()),
    };
    if let Some(file) = &tls.crl {
        session = session.crl_file(file);
    }
    if let Some((chain, key)) = &tls.identity {
        session = session.identity_file(chain, key.clone());
    }
    if let Some(name) = &tls.server_name {
        session = session.server_name(name);
    }
    if let Some(version) = tls.min {
        session = session.min_tls(version);
    }
    if let Some(version) = tls.max {
        session = session.max_tls(version);
    }
    session
}

/// What is kept of a body.
#[derive(Debug, Default)]
struct Read {
    /// All of it, where an expectation looks at it.
    body: Vec<u8>,
    sha256: Option<String>,
}

/// Finds out now what would otherwise fail every probe. The message leaves the value out: it may be a secret.
fn check_header(name: &str, value: &str) -> Result<(), String> {
    let mut headers = Headers::new();
    let is_host = name.eq_ignore_ascii_case("host");
    let pushed = if is_host { Ok(()) } else { headers.push(name, value) };
    let host = if is_host { value } else { "host" };
    let written = pushed.and_then(|()| try_request(&Method::GET, host, &headers, BodyLength::None));
    written.map_err(|error| format!("the header '{name}' cannot be sent: {error}"))
}

/// The same for the method: whether it can be sent at all, and with this body.
fn check_method(method: &Method, body: Option<&[u8]>) -> Result<(), String> {
    let length = match body {
        None | Some([]) => BodyLength::None,
        Some(body) => BodyLength::Known(body.len() as u64),
    };
    try_request(method, "host", &Headers::new(), length)
        .map_err(|error| format!("the method {method} cannot be used: {error}"))
}

fn try_request(method: &Method, host: &str, headers: &Headers, body: BodyLength) -> Result<(), ProtoError> {
    let head = RequestHead { method, target: "/", host, headers, body, close: true };
    write_request(&mut Vec::new(), &head)
}

/// The request failed: in which words is that reported?
fn failure(error: &Error, limit: Duration, hop: Option<&Hop>, spec: &Spec) -> Failure {
    let phase = error.phase().or(hop.map(|hop| hop.clock.last()));
    let certificate = hop.and_then(|hop| refused_certificate(error, hop, spec.tls.server_name.as_deref()));
    let message = match (error.kind(), phase, certificate) {
        (_, _, Some(sentence)) => sentence,
        (ErrorKind::Timeout, Some(phase), _) => {
            format!("no result within {}: time ran out {}", seconds(limit), doing(phase))
        }
        (ErrorKind::TooLarge, ..) if matches!(error.detail(), "body-too-large" | "DecodedTooLarge") => format!(
            "{} of {} bytes (--max-filesize, or in a module body_size_limit, sets another)",
            error.message(),
            spec.largest_body
        ),
        _ => escape::text_without_secrets(error.message()).into_owned(),
    };
    Failure { kind: error.kind(), detail: error.detail().to_owned(), message, phase }
}

/// What is wrong with the certificate that was shown, in a short sentence, where its own facts tell. `name` is the one
/// that was verified, if it is not the URL's host.
fn refused_certificate(error: &Error, hop: &Hop, name: Option<&str>) -> Option<String> {
    let chain = &hop.tls.as_ref()?.chain;
    let leaf = Certificate::read(chain.first()?);
    let day = |at: jiff::Timestamp| at.strftime("%Y-%m-%d").to_string();
    let now = jiff::Timestamp::now();
    // The leaf, or the first above it that is at fault.
    let first = |is_bad: &dyn Fn(&Certificate) -> bool| {
        let certificates = chain.iter().map(|der| Certificate::read(der)).enumerate();
        certificates.into_iter().find(|(_, certificate)| is_bad(certificate))
    };
    let named = |depth: usize, certificate: &Certificate| match (depth, &certificate.subject) {
        (0, _) => "the certificate".to_owned(),
        (_, Some(subject)) => format!("the issuer's certificate ({subject})"),
        (_, None) => "the issuer's certificate".to_owned(),
    };
    Some(match error.kind() {
        ErrorKind::TlsExpired => {
            let (depth, certificate) = first(&|certificate| certificate.not_after.is_some_and(|end| end < now))?;
            let (what, end) = (named(depth, &certificate), certificate.not_after?);
            match certificate.days_left(now)?.unsigned_abs() {
                // Rounded down, one that has just expired has -1 day left.
                0 | 1 => format!("{what} expired on {}", day(end)),
                2 => format!("{what} expired on {}, a day ago", day(end)),
                days => format!("{what} expired on {}, {} days ago", day(end), days - 1),
            }
        }
        ErrorKind::TlsNotYetValid => {
            let (depth, certificate) = first(&|certificate| certificate.not_before.is_some_and(|begin| begin > now))?;
            format!("{} is valid from {} on, not yet", named(depth, &certificate), day(certificate.not_before?))
        }
        ErrorKind::TlsWrongHost => leaf.not_for(name.or(hop.url.host_str()).unwrap_or_default()),
        ErrorKind::TlsUntrusted => {
            let last = Certificate::read(chain.last()?);
            let (subject, issuer) = (last.subject.as_deref().unwrap_or("no name"), last.issuer?);
            match error.detail() {
                "SelfSigned" => {
                    format!(
                        "the certificate is signed by itself ({subject}): if it is the right one, and not marked as a CA's, \
                         give it with --cacert"
                    )
                }
                "IncompleteChain" => format!(
                    "the server sent its own certificate alone, issued by {issuer}, which is not trusted: \
                     the server lacks the intermediate's, or that is a private CA, to be given with --cacert"
                ),
                "UnknownIssuer" => format!(
                    "the chain leads to no trusted root: it ends with one issued by {issuer} \
                     (a private CA is given with --cacert)"
                ),
                _ => return None,
            }
        }
        _ => return None,
    })
}

/// A time limit as people write it.
fn seconds(limit: Duration) -> String {
    // Of whole nanoseconds, a single division leaves the nearest decimal.
    match limit.as_secs_f64() {
        seconds if seconds < 1.0 => format!("{} ms", limit.as_nanos() as f64 / 1e6),
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
