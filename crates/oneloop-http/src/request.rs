//! One request from start to response head: the hops of a redirect, the retry of a stale connection.
//!
//! The state of a request that waits is small on purpose, since thousands wait at once: the connection and the
//! half-read response are in one box ([`Incoming`]), buffers exist only while they hold something, and whatever is
//! rarely needed and large (resolving, time limits) is boxed when it is needed.
//!
//! Counterparts: aiohttp's `ClientSession._request`, .NET's `RedirectHandler` and `HttpConnection.SendAsync`.

use std::future::poll_fn;
use std::rc::Rc;
use std::task::Poll;
use std::time::{Duration, Instant};

use http::Method;
use oneloop::LoopRef;
use url::{Position, Url};

use crate::client::{RequestBuilder, Session};
use crate::coding::ACCEPT_ENCODING;
use crate::connector::now;
use crate::error::{Error, ErrorKind, Result};
use crate::exchange::{Exchange, Hop};
use crate::incoming::Incoming;
use crate::pool::Idle;
use crate::proto::{self, BodyLength, Headers, RequestHead};
use crate::redirect;
use crate::response::Response;
use crate::target;
use crate::timings::Phase;

/// See [`RequestBuilder::send`].
pub(crate) async fn send(mut request: RequestBuilder) -> Result<Response> {
    let exchange = request.exchange.take().unwrap_or_default();
    exchange.clear();
    if let Some(refused) = request.refused.take() {
        return Err(refused);
    }
    let outcome = match request.timeout {
        None => run(&mut request, &exchange, None).await,
        Some(limit) => {
            let deadline = now()?.checked_add(limit);
            // Boxed, so that requests without a limit do not carry the room for it.
            Box::pin(oneloop::wait_for(limit, run(&mut request, &exchange, deadline))).await
        }
    };
    outcome.map_err(|error| place(error, &exchange))
}

/// Says where an error happened, if it does not yet, and stops the clock.
pub(crate) fn place(error: Error, exchange: &Exchange) -> Error {
    let Some(phase) = exchange.last_phase() else { return error };
    if let Ok(now) = now() {
        exchange.stop(now);
    }
    if error.phase().is_some() {
        return error;
    }
    let error =
        if error.kind() == ErrorKind::Timeout { error.in_context(timed_out_in(phase, exchange)) } else { error };
    error.with_phase(phase)
}

fn timed_out_in(phase: Phase, exchange: &Exchange) -> String {
    let doing = match phase {
        Phase::Resolve => "resolving the name",
        Phase::Connect => "connecting",
        Phase::Tls => "the TLS handshake",
        Phase::Send => "sending the request",
        Phase::Wait => "waiting for the response",
        Phase::Transfer => "reading the response",
    };
    match exchange.hops().last().and_then(|hop| hop.remote) {
        Some(remote) => format!("{doing} ({remote})"),
        None => doing.to_owned(),
    }
}

async fn run(request: &mut RequestBuilder, exchange: &Exchange, deadline: Option<Instant>) -> Result<Response> {
    let event_loop = oneloop::get_running_loop()?;
    let mut url = match &mut request.url {
        Ok(url) => url.clone(),
        Err(refused) => return Err(std::mem::replace(refused, Error::new(ErrorKind::BadUrl, "taken"))),
    };
    if let Some(credentials) = target::basic_credentials(&url).filter(|_| !request.headers.contains("authorization")) {
        Rc::make_mut(&mut request.headers).push("Authorization", credentials).map_err(Error::from_proto)?;
    }
    if request.session.0.compressed && !request.headers.contains("accept-encoding") {
        Rc::make_mut(&mut request.headers).push("Accept-Encoding", ACCEPT_ENCODING).map_err(Error::from_proto)?;
    }
    for followed in 0.. {
        let begun = event_loop.time();
        exchange.push(Hop::new(url.clone(), request.method.clone(), begun));
        let mut incoming = hop(request, &event_loop, &url, begun, exchange).await?;
        let location = redirect::location(incoming.head()?, &url);
        if let Some(Ok(next)) = &location {
            exchange.hop().redirect_url = Some(next.clone());
        }
        let Some(next) = location.filter(|_| request.allow_redirects) else {
            return Response::new(incoming, url, deadline);
        };
        let next = next?;
        if followed >= request.max_redirects {
            let next = target::shown(next.as_str());
            let message = format!("gave up after {followed} redirects; the last one was to {next}");
            return Err(Error::new(ErrorKind::TooManyRedirects, message));
        }
        let status = incoming.head()?.status;
        redirect::adapt(status, &url, &next, request)?;
        incoming.discard().await?;
        exchange.stop(event_loop.time());
        url = next;
    }
    Err(Error::new(ErrorKind::TooManyRedirects, "gave up after very many redirects"))
}

/// One request and its response head, on an idle connection if there is one.
async fn hop(
    request: &RequestBuilder,
    event_loop: &LoopRef,
    url: &Rc<Url>,
    begun: Instant,
    exchange: &Exchange,
) -> Result<Box<Incoming>> {
    let session = &*request.session.0;
    if let Some(guard) = &session.connector.guard {
        guard(url, None)?;
    }
    exchange.hop().proxied = session.connector.is_proxied(url);
    let mut idle =
        if session.keepalive && request.address.is_none() { take_idle(session, url, begun).await? } else { None };
    loop {
        let reused = idle.is_some();
        let wire = match idle.take() {
            Some(idle) => {
                let mut hop = exchange.hop();
                hop.reused = true;
                hop.remote = idle.remote;
                hop.connection = idle.number;
                hop.tls = idle.wire.tls_info().cloned();
                idle.wire
            }
            // Not boxed: nearly every request goes this way, and what is large in it is boxed there.
            None => session.connector.open(url, request.address, &request.headers, exchange).await?,
        };
        let mut incoming = Incoming::new(wire, request, exchange, event_loop, url);
        exchange.hop().clock.enter(Phase::Send, event_loop.time());
        let bytes = write(url, request)?;
        exchange.hop().request_bytes += bytes.len() as u64;
        incoming.queue(bytes)?;
        let outcome = match session.connector.timeouts.ttfb {
            None => poll_fn(|cx| incoming.poll_head(cx)).await,
            Some(limit) => Box::pin(head_within(limit, &mut incoming)).await,
        };
        match outcome {
            Ok(()) => {
                incoming.release_if_done().await?;
                return Ok(incoming);
            }
            // The server closed the idle connection while we were taking it. Asking once more is safe when the method
            // is idempotent and not a byte of a response has come.
            Err(error) if reused && request.method.is_idempotent() && is_stale(&error) && incoming.is_untouched() => {
                let mut hop = exchange.hop();
                hop.reused = false;
                hop.remote = None;
                hop.connection = 0;
                hop.tls = None;
                hop.clock.enter(Phase::Resolve, event_loop.time());
            }
            Err(error) => return Err(error),
        }
    }
}

/// Whether a connection ended as one does that the server had given up.
fn is_stale(error: &Error) -> bool {
    !error.is_cancelled() && matches!(error.kind(), ErrorKind::EmptyReply | ErrorKind::Send | ErrorKind::Receive)
}

/// Waits for the head of the final response, but for its first byte no longer than `limit`.
async fn head_within(limit: Duration, incoming: &mut Incoming) -> Result<()> {
    let mut timer = Some(Box::pin(oneloop::sleep(limit)));
    poll_fn(|cx| {
        if let Poll::Ready(outcome) = incoming.poll_head(cx) {
            return Poll::Ready(outcome);
        }
        if incoming.is_answering() {
            timer = None;
        }
        let Some(timer) = &mut timer else { return Poll::Pending };
        timer.as_mut().poll(cx).map(|passed| {
            passed?;
            let only = match incoming.exchange().hop().interim {
                0 => "",
                _ => ", only an interim one (1xx)",
            };
            Err(Error::new(ErrorKind::TtfbTimeout, format!("no response had begun within {limit:?}{only}")))
        })
    })
    .await
}

async fn take_idle(session: &Session, url: &Url, now: Instant) -> Result<Option<Idle>> {
    let mut gone = Vec::new();
    let taken = poll_fn(|cx| Poll::Ready(session.pool.borrow_mut().take(url, cx, now, &mut gone))).await;
    drop(gone);
    taken
}

/// The request as it goes on the wire.
fn write(url: &Url, request: &RequestBuilder) -> Result<Vec<u8>> {
    let RequestBuilder { session, method, headers, body, .. } = request;
    let mut bytes = Vec::with_capacity(256 + body.len());
    let length = if body.is_empty() && !matches!(*method, Method::POST | Method::PUT | Method::PATCH) {
        BodyLength::None
    } else {
        BodyLength::Known(body.len() as u64)
    };
    let resource = &url[Position::BeforePath..Position::AfterQuery];
    let authority = &url[Position::BeforeHost..Position::AfterPort];
    let special = session.0.connector.is_proxied(url) || headers.contains("host");
    let adjusted = if special { Some(adjust(url, authority, resource, request)?) } else { None };
    let (target, host, headers) = match &adjusted {
        Some(Adjusted { target, host, headers }) => (target.as_str(), host.as_str(), headers),
        None => (resource, authority, &**headers),
    };
    let head = RequestHead { method, target, host, headers, body: length, close: !session.0.keepalive };
    proto::write_request(&mut bytes, &head).map_err(Error::from_proto)?;
    bytes.extend_from_slice(body);
    Ok(bytes)
}

/// A request's line and fields where they are not just the URL's and the caller's.
struct Adjusted {
    target: String,
    host: String,
    headers: Headers,
}

/// For requests through a proxy, and those whose Host the caller has chosen. The proxy's credentials go to the proxy
/// alone: here when it reads the request itself, with CONNECT when there is a tunnel.
fn adjust(url: &Url, authority: &str, resource: &str, request: &RequestBuilder) -> Result<Adjusted> {
    let mut headers = Headers::clone(&request.headers);
    let mut host = authority.to_owned();
    let mut chosen = request.headers.get_all("host");
    if let Some(given) = chosen.next() {
        let given = std::str::from_utf8(given).ok().filter(|_| chosen.next().is_none());
        let refused = || Error::new(ErrorKind::Protocol, "the header \"Host\" must be given once, and as a host");
        given.ok_or_else(refused)?.clone_into(&mut host);
        headers.remove("host");
    }
    let mut target = resource.to_owned();
    if let Some(proxy) = request.session.0.connector.proxy_in_clear(url) {
        target = format!("http://{authority}{resource}");
        if let Some(credentials) = proxy.authorization().filter(|_| !headers.contains("proxy-authorization")) {
            headers.push("Proxy-Authorization", credentials).map_err(Error::from_proto)?;
        }
    } else if request.session.0.connector.is_proxied(url) {
        headers.remove("proxy-authorization");
    }
    Ok(Adjusted { target, host, headers })
}
