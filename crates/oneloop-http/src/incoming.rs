//! A request that has been handed to a wire, and the response that comes back.
//!
//! [`Incoming`] joins the wire (bytes) and proto's reader (events), enters the phases as bytes pass, and decides at the
//! end what becomes of the connection. All of it is poll functions on one boxed struct, so that a future which waits
//! for a response is a pointer.
//!
//! Neighbours: [`request`](crate::request) drives it to the head, [`response`](crate::response) through the body.
//! Invariant: nothing of the exchange is borrowed while a caller's sink runs.

use std::net::SocketAddr;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use http::Method;
use oneloop::LoopRef;
use url::Url;

use crate::client::{ClientSession, RequestBuilder};
use crate::coding::{Decoder, Flaw};
use crate::error::{Error, ErrorKind, Result};
use crate::exchange::Exchange;
use crate::pool::Idle;
use crate::proto::{Event, Framing, Headers, ResponseHead, ResponseReader};
use crate::timeouts::{Limit, within};
use crate::timings::Phase;
use crate::wire::{Input, Wire};

/// See the [module](self).
pub(crate) struct Incoming {
    /// `None` once the connection has been kept, closed or dropped.
    wire: Option<Wire>,
    parse: Parse,
    /// Body that came before anybody asked for it.
    early: Vec<u8>,
    /// Whether all of the request has left.
    sent: bool,
    session: ClientSession,
    url: Rc<Url>,
    remote: Option<SocketAddr>,
    /// The connection's number in the session.
    number: u32,
}

/// The reading half: apart from the wire, so that both can be borrowed at once.
struct Parse {
    reader: ResponseReader,
    exchange: Exchange,
    event_loop: LoopRef,
    /// Whether a byte of a response has come, and be it an interim one.
    started: bool,
    /// Whether the final response has begun.
    answering: bool,
    /// When what may be its beginning came, as long as it may also be an interim one's.
    perhaps: Option<Instant>,
    head: Option<Rc<ResponseHead>>,
    trailers: Option<Box<Headers>>,
    /// Takes content codings off; `None` while there are none, or nobody asked for it.
    decoder: Option<Box<Decoder>>,
    /// Whether they are to be taken off.
    compressed: bool,
    /// What was wrong with the body behind the head that was given to the caller: what its reading will find.
    failed: Option<Error>,
    /// Set at the end of the message: whether the connection may serve again.
    end: Option<bool>,
}

/// How much of a redirect's body is read for the sake of keeping its connection.
const MAX_DRAIN: u64 = 64 * 1024;
/// And for how long.
const MAX_DRAIN_TIME: Duration = Duration::from_millis(250);

impl Incoming {
    pub(crate) fn new(
        wire: Wire,
        request: &RequestBuilder,
        exchange: &Exchange,
        event_loop: &LoopRef,
        url: &Rc<Url>,
    ) -> Box<Incoming> {
        let (remote, number) = {
            let hop = exchange.hop();
            (hop.remote, hop.connection)
        };
        Box::new(Incoming {
            wire: Some(wire),
            parse: Parse {
                reader: ResponseReader::new(request.method == Method::HEAD, request.limits),
                exchange: exchange.clone(),
                event_loop: event_loop.clone(),
                started: false,
                answering: false,
                perhaps: None,
                head: None,
                trailers: None,
                decoder: None,
                compressed: request.session.0.compressed,
                failed: None,
                end: None,
            },
            early: Vec::new(),
            sent: false,
            session: request.session.clone(),
            url: url.clone(),
            remote,
            number,
        })
    }

    /// Hands the request over.
    pub(crate) fn queue(&mut self, request: Vec<u8>) -> Result<()> {
        self.wire.as_mut().map_or(Ok(()), |wire| wire.queue(request))
    }

    /// Sends the request and reads until the head of the final response is there. A response that comes while the
    /// request is still leaving counts: the server has decided, and the rest of the request is not sent.
    pub(crate) fn poll_head(&mut self, cx: &mut Context<'_>) -> Poll<Result<()>> {
        while self.parse.head.is_none() {
            let mut stuck = None;
            if !self.sent {
                let Some(wire) = &mut self.wire else { return Poll::Ready(Err(used_up())) };
                match wire.poll_flush(cx) {
                    Poll::Ready(Ok(())) => {
                        self.sent = true;
                        if !self.parse.answering {
                            self.parse.exchange.hop().clock.enter(Phase::Wait, self.parse.event_loop.time());
                        }
                    }
                    Poll::Ready(Err(error)) if error.is_cancelled() => return Poll::Ready(Err(error.into())),
                    Poll::Ready(Err(error)) => stuck = Some(error),
                    Poll::Pending => {}
                }
            }
            let mut early = std::mem::take(&mut self.early);
            let progress = self.poll_some(cx, &mut |bytes| early.extend_from_slice(bytes));
            self.early = early;
            match (stuck, progress) {
                (None, Poll::Ready(Err(error))) if self.parse.head.is_some() && !error.is_cancelled() => {
                    // The head stands, and may lead elsewhere; what is wrong with its body is told when that is read.
                    self.parse.failed = Some(error);
                }
                (None, progress) => ready!(progress)?,
                // Why the server would not take the request may be in what it said before it hung up.
                (Some(_), Poll::Ready(Ok(()))) => {}
                (Some(_), Poll::Ready(Err(error)))
                    if error.is_cancelled() || error.kind() == ErrorKind::TlsClientCert =>
                {
                    return Poll::Ready(Err(error));
                }
                (Some(error), _) => {
                    let doing = "the connection broke while the request was being sent";
                    return Poll::Ready(Err(Error::from_loop(error, ErrorKind::Send, doing)));
                }
            }
        }
        Poll::Ready(Ok(()))
    }

    /// Waits for the next piece of the response, and lends what of it is body to `sink`.
    /// Ready when something has come; the caller looks at [`is_done`](Self::is_done).
    pub(crate) fn poll_some(&mut self, cx: &mut Context<'_>, sink: &mut dyn FnMut(&[u8])) -> Poll<Result<()>> {
        if self.parse.end.is_some() {
            return Poll::Ready(Ok(()));
        }
        if let Some(error) = self.parse.failed.take() {
            return Poll::Ready(Err(error));
        }
        let Some(wire) = &mut self.wire else { return Poll::Ready(Err(used_up())) };
        let parse = &mut self.parse;
        let mut outcome = Ok(());
        let input = ready!(wire.poll_receive(cx, &mut |bytes| {
            if outcome.is_ok() {
                outcome = parse.feed(bytes, sink);
            }
        }));
        let input = input.map_err(|error| parse.broken(error));
        let outcome = outcome.and(input).and_then(|input| match input {
            Input::Data => Ok(()),
            Input::End { .. } if parse.end.is_some() => Ok(()),
            Input::End { clean } => parse.eof(clean),
        });
        if outcome.is_err() {
            self.wire = None;
        }
        Poll::Ready(outcome)
    }

    /// Whether the response is complete.
    pub(crate) fn is_done(&self) -> bool {
        self.parse.end.is_some()
    }

    /// Whether not a byte of a response has come.
    pub(crate) fn is_untouched(&self) -> bool {
        !self.parse.started
    }

    /// Whether the final response has begun: an interim one is no answer.
    pub(crate) fn is_answering(&self) -> bool {
        self.parse.answering
    }

    /// The head; an error before [`poll_head`](Self::poll_head) has succeeded.
    pub(crate) fn head(&self) -> Result<&Rc<ResponseHead>> {
        self.parse.head.as_ref().ok_or_else(used_up)
    }

    pub(crate) fn exchange(&self) -> &Exchange {
        &self.parse.exchange
    }

    pub(crate) fn trailers(&self) -> Option<&Headers> {
        self.parse.trailers.as_deref()
    }

    /// Body that was read ahead.
    pub(crate) fn early(&mut self) -> &mut Vec<u8> {
        &mut self.early
    }

    /// After the end of the response: keeps the connection if it may serve again, else closes it.
    pub(crate) async fn release_if_done(&mut self) -> Result<()> {
        let Some(persistent) = self.parse.end else { return Ok(()) };
        let Some(wire) = self.wire.take() else { return Ok(()) };
        if persistent && self.sent && self.session.0.keepalive {
            let (remote, number) = (self.remote, self.number);
            let idle = Idle { wire, remote, number, since: self.parse.exchange.hop().clock.latest() };
            let mut gone = Vec::new();
            self.session.0.pool.borrow_mut().put(&self.url, idle, &mut gone);
            drop(gone);
            return Ok(());
        }
        Ok(wire.close().await?)
    }

    /// Has done with the response (it was a redirect). Its body is read only if that is short, keeps a connection, and is
    /// there soon.
    pub(crate) async fn discard(&mut self) -> Result<()> {
        self.early = Vec::new();
        if self.session.0.keepalive && !self.is_done() {
            // The redirect stands, however its body ends; a slow one is not worth waiting for.
            let (limit, drain) = (Limit::of(MAX_DRAIN_TIME), Box::pin(self.drain()));
            let drained = within(Some(limit), ErrorKind::Timeout, "a redirect's body", drain).await;
            if let Err(error) = drained
                && error.is_cancelled()
            {
                return Err(error);
            }
        }
        if self.is_done() {
            return self.release_if_done().await;
        }
        match self.wire.take() {
            Some(wire) => Ok(wire.close().await?),
            None => Ok(()),
        }
    }
}

impl Incoming {
    /// Reads on to the end of a short body.
    async fn drain(&mut self) -> Result<()> {
        while !self.is_done() && self.parse.reader.body_bytes() < MAX_DRAIN {
            std::future::poll_fn(|cx| self.poll_some(cx, &mut |_| ())).await?;
        }
        Ok(())
    }
}

impl Parse {
    fn feed(&mut self, bytes: &[u8], sink: &mut dyn FnMut(&[u8])) -> Result<()> {
        if self.end.is_some() {
            self.end = Some(false); // bytes beyond the response belong to nobody
            return Ok(());
        }
        let now = self.event_loop.time();
        self.started = true;
        if !self.answering {
            self.perhaps.get_or_insert(now);
        }
        let outcome = self.read_events(bytes, now, sink);
        // Half a status line may tell, and what is no response never will.
        if !self.answering && (outcome.is_err() || self.reader.is_final()) {
            self.answers(now);
        }
        self.note_progress(now);
        outcome
    }

    fn read_events(&mut self, mut bytes: &[u8], now: Instant, sink: &mut dyn FnMut(&[u8])) -> Result<()> {
        loop {
            let (used, event) = self.reader.feed(bytes).map_err(Error::from_proto)?;
            bytes = bytes.get(used..).unwrap_or_default();
            match event {
                Event::NeedMore => return Ok(()),
                Event::Data(data) => match &mut self.decoder {
                    None => sink(data),
                    Some(decoder) => decoder.feed(data, sink).map_err(undecodable)?,
                },
                Event::Interim(_) => {
                    self.exchange.hop().interim += 1;
                    self.perhaps = (!bytes.is_empty()).then_some(now);
                }
                Event::Head(head) => self.take_head(head, now)?,
                Event::Trailers(trailers) => self.trailers = Some(Box::new(trailers)),
                Event::End { persistent } => {
                    self.finish_decoding()?;
                    self.end = Some(persistent && bytes.is_empty());
                    return Ok(());
                }
            }
        }
    }

    /// The head is there, also when the body behind it can't be read.
    fn take_head(&mut self, head: ResponseHead, now: Instant) -> Result<()> {
        self.answers(now);
        let head = self.head.insert(Rc::new(head));
        let mut hop = self.exchange.hop();
        hop.clock.headers_done(now);
        hop.head = Some(head.clone());
        drop(hop);
        if self.compressed && head.framing != Framing::None {
            let decoder = Decoder::of(&head.headers, self.reader.limits().max_body_bytes).map_err(undecodable)?;
            self.decoder = decoder.map(Box::new);
        }
        Ok(())
    }

    /// A stream that failed when part of the response was there says so; any other error is as it was.
    fn broken(&self, error: Error) -> Error {
        let middle = if self.head.is_none() { "head" } else { "body" };
        let cause = std::error::Error::source(&error).and_then(|source| source.downcast_ref::<oneloop::Error>());
        match cause.filter(|_| self.started && error.kind() == ErrorKind::Receive) {
            None => error,
            Some(cause) => {
                let doing = format_args!("the connection broke in the middle of the response's {middle}");
                Error::from_loop(cause.clone(), ErrorKind::Receive, doing)
            }
        }
    }

    /// The final response has begun: waiting for it is over since its first byte.
    fn answers(&mut self, now: Instant) {
        if !self.answering {
            self.answering = true;
            self.exchange.hop().clock.enter(Phase::Transfer, self.perhaps.take().unwrap_or(now));
        }
    }

    /// The stream has ended before the message did.
    fn eof(&mut self, clean: bool) -> Result<()> {
        if self.perhaps.is_some() {
            self.answers(self.event_loop.time());
        }
        let event = self.reader.eof().map_err(Error::from_proto)?;
        if !clean {
            let message =
                "the server cut the TLS connection off without saying that the body was complete (no close_notify)";
            return Err(Error::new(ErrorKind::TruncatedBody, message).with_detail("NoCloseNotify"));
        }
        if let Event::End { .. } = event {
            self.finish_decoding()?;
            self.end = Some(false);
        }
        self.note_progress(self.event_loop.time());
        Ok(())
    }

    fn finish_decoding(&mut self) -> Result<()> {
        self.decoder.as_mut().map_or(Ok(()), |decoder| decoder.finish().map_err(undecodable))
    }

    fn note_progress(&mut self, now: Instant) {
        let mut hop = self.exchange.hop();
        // Of a final response: once it is there, it stays.
        if self.head.is_none() && hop.status_line.is_none() {
            hop.status_line = self.reader.status();
        }
        hop.body_bytes = self.reader.body_bytes();
        if let Some(decoder) = &self.decoder {
            hop.decoded_bytes = Some(decoder.given());
        }
        if self.end.is_some() {
            hop.clock.stop(now);
        }
    }
}

fn undecodable(flaw: Flaw) -> Error {
    let kind = if flaw == Flaw::TooLarge { ErrorKind::TooLarge } else { ErrorKind::Decode };
    let doing = if flaw == Flaw::TooLarge { "the response was not read on" } else { "the body cannot be decoded" };
    Error::new(kind, format!("{doing}: {flaw}")).with_detail(flaw.detail())
}

fn used_up() -> Error {
    Error::new(ErrorKind::Receive, "the response cannot be read on: it has failed before").with_detail("Failed")
}
