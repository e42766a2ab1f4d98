//! The response: its head, and its body as it comes.
//!
//! Counterparts: `aiohttp.ClientResponse`, .NET's `HttpResponseMessage` read with `ResponseHeadersRead`.

use std::cell::Ref;
use std::future::poll_fn;
use std::rc::Rc;
use std::time::Instant;

use http::{StatusCode, Version};
use url::Url;

use crate::error::{Error, ErrorKind, Result};
use crate::exchange::{Exchange, Hop};
use crate::incoming::Incoming;
use crate::proto::{Framing, Headers, ResponseHead};
use crate::request::place;
use crate::target::shown;

/// A response whose head has arrived. Dropping it drops the connection, unless the body was read to its end.
pub struct Response {
    incoming: Box<Incoming>,
    head: Rc<ResponseHead>,
    url: Rc<Url>,
    deadline: Option<Instant>,
}

impl Response {
    pub(crate) fn new(incoming: Box<Incoming>, url: Rc<Url>, deadline: Option<Instant>) -> Result<Response> {
        let head = incoming.head()?.clone();
        Ok(Response { incoming, head, url, deadline })
    }

    /// The status. Error statuses are responses too.
    pub fn status(&self) -> StatusCode {
        self.head.status
    }

    /// HTTP/1.0 or HTTP/1.1.
    pub fn version(&self) -> Version {
        self.head.version
    }

    /// The reason phrase: any bytes, often none.
    pub fn reason(&self) -> &[u8] {
        self.head.reason()
    }

    /// The header fields in their order, repeats kept.
    pub fn headers(&self) -> &Headers {
        &self.head.headers
    }

    /// The fields after a chunked body, once it has been read.
    pub fn trailers(&self) -> Option<&Headers> {
        self.incoming.trailers()
    }

    /// The URL that answered: the last one, when redirects were followed.
    pub fn url(&self) -> &Url {
        &self.url
    }

    /// The whole record: phases, addresses, TLS, all hops.
    pub fn exchange(&self) -> &Exchange {
        self.incoming.exchange()
    }

    /// The hops before this response, oldest first (aiohttp's `history`). Do not hold the `Ref` across an await.
    pub fn history(&self) -> Ref<'_, [Hop]> {
        Ref::map(self.exchange().hops(), |hops| hops.split_last().map_or(&[][..], |(_, before)| before))
    }

    /// The next piece of the body as it came, `None` at its end. Cancellation safe: nothing is lost.
    ///
    /// # Errors
    /// The connection broke (`receive`); the body is cut short, faulty, too large or wrongly encoded
    /// (`truncated-body`, `protocol`, `too-large`, `decode`); the request's time is over (`timeout`); a cancellation.
    pub async fn chunk(&mut self) -> Result<Option<Vec<u8>>> {
        if self.incoming.early().is_empty() && !self.incoming.is_done() {
            let deadline = self.deadline;
            let outcome = until(deadline, fill(&mut self.incoming)).await;
            outcome.map_err(|error| place(error, self.incoming.exchange()))?;
        }
        let piece = std::mem::take(self.incoming.early());
        Ok((!piece.is_empty()).then_some(piece))
    }

    /// Reads the rest of the body, lending each piece to `sink` from the buffer into which it was read. Gives the
    /// number of bytes. Use this to count, hash or search a body without keeping it. Cancellation safe for what `sink`
    /// gets: a later call goes on where this one was; only the number is lost.
    ///
    /// # Errors
    /// As [`chunk`](Self::chunk).
    pub async fn read_with(&mut self, mut sink: impl FnMut(&[u8])) -> Result<u64> {
        let early = std::mem::take(self.incoming.early());
        let mut count = early.len() as u64;
        if !early.is_empty() {
            sink(&early);
            drop(early);
        }
        if !self.incoming.is_done() {
            let deadline = self.deadline;
            let mut counting = |bytes: &[u8]| {
                count += bytes.len() as u64;
                sink(bytes);
            };
            let outcome = until(deadline, drain(&mut self.incoming, &mut counting)).await;
            outcome.map_err(|error| place(error, self.incoming.exchange()))?;
        }
        Ok(count)
    }

    /// The rest of the body. Bounded by [`Limits::max_body_bytes`](crate::proto::Limits): more is the error `too-large`.
    /// Not cancellation safe: what had been read is lost.
    ///
    /// # Errors
    /// As [`chunk`](Self::chunk).
    pub async fn read(&mut self) -> Result<Vec<u8>> {
        let mut body = std::mem::take(self.incoming.early());
        if !self.incoming.is_done() {
            if let Framing::Length(length) = self.head.framing {
                // What a peer declares is not allocated on its word.
                let rest = usize::try_from(length).unwrap_or(usize::MAX).saturating_sub(body.len());
                body.reserve_exact(rest.min(64 * 1024));
            }
            self.read_with(|bytes| body.extend_from_slice(bytes)).await?;
        }
        Ok(body)
    }

    /// The rest of the body as text. Not cancellation safe: what had been read is lost.
    ///
    /// # Errors
    /// As [`chunk`](Self::chunk), and `decode` if it is not UTF-8.
    pub async fn text(&mut self) -> Result<String> {
        let body = self.read().await?;
        String::from_utf8(body).map_err(|error| {
            let message = format!("the body of {} is not UTF-8: {error}", shown(self.url.as_str()));
            Error::new(ErrorKind::Decode, message).with_detail("Utf8").with_source(error)
        })
    }
}

impl std::fmt::Debug for Response {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Response")
            .field("status", &self.status())
            .field("url", &shown(self.url.as_str()))
            .finish_non_exhaustive()
    }
}

/// Reads until there is some body, or its end.
async fn fill(incoming: &mut Incoming) -> Result<()> {
    while incoming.early().is_empty() && !incoming.is_done() {
        let mut early = std::mem::take(incoming.early());
        let outcome = poll_fn(|cx| incoming.poll_some(cx, &mut |bytes| early.extend_from_slice(bytes))).await;
        *incoming.early() = early;
        outcome?;
    }
    incoming.release_if_done().await
}

/// Reads to the end.
async fn drain(incoming: &mut Incoming, sink: &mut dyn FnMut(&[u8])) -> Result<()> {
    while !incoming.is_done() {
        poll_fn(|cx| incoming.poll_some(cx, sink)).await?;
    }
    incoming.release_if_done().await
}

/// Runs `step` until the deadline of its request, if there is one.
async fn until(deadline: Option<Instant>, step: impl Future<Output = Result<()>>) -> Result<()> {
    match deadline {
        None => step.await,
        Some(deadline) => {
            let left = deadline.saturating_duration_since(crate::connector::now()?);
            Box::pin(oneloop::wait_for(left, step)).await
        }
    }
}
