//! One connection's life: read a request, call the handler, write the answer, again.

use std::{
    future::poll_fn,
    task::{Poll, ready},
    time::Duration,
};

use http::{Method, StatusCode, Version};
use oneloop::{
    Error, Result,
    net::{AsyncRead, AsyncWriteExt},
    wait_for, yield_now,
};

use super::{BoxFuture, Handler, Options, Presence, RawConnection, Request, Response, messages::*};
use crate::Stream;
use crate::proto::{
    BodyLength, Framing, Headers, ProtoError, ProtoErrorKind, RequestEvent, RequestReader, ResponseLine, write_chunk,
    write_last_chunk, write_response,
};

/// How long a client has to end its side once ours is ended.
const END: Duration = Duration::from_secs(2);

/// Serves HTTP/1.1 on one stream, plain or TLS or in memory, until it ends. This is what [`Server`](super::Server)
/// runs for each connection that it accepts; on its own it is for tests without sockets.
///
/// # Errors
/// `Cancelled`, or why the stream could not be read or written. What a client does wrong is answered, not returned.
pub async fn serve_connection(stream: impl Stream + 'static, handler: &Handler, options: Options) -> Result<()> {
    serve(stream, handler.clone(), options, Presence::default()).await
}

pub(super) async fn serve<S: Stream + 'static>(
    stream: S,
    handler: Handler,
    options: Options,
    presence: Presence,
) -> Result<()> {
    let mut connection = Incoming { stream, buffer: Vec::new(), reads: 0, options };
    loop {
        presence.idle.set(true);
        let begun = wait_for(options.idle_timeout, connection.begin()).await;
        presence.idle.set(false);
        match begun {
            Ok(true) => {}
            Ok(false) => return Ok(()),
            // Nobody is waiting for an answer.
            Err(error) if error.is_timeout() => return Ok(()),
            Err(error) => return Err(error),
        }
        let request = wait_for(options.request_timeout, connection.read_request()).await;
        let (request, mut persistent) = match request {
            Ok(read) => read,
            Err(Refused::Broken(error)) => return connection.refuse(refusal(&error)).await,
            Err(Refused::Stream(error)) if error.is_timeout() => {
                return connection.refuse(Response::text(408, "the request took too long\n")).await;
            }
            Err(Refused::Stream(error)) => return Err(error),
        };
        let (head_request, version) = (request.method == Method::HEAD, request.version);
        let reply = match connection.handled((handler.0)(request)).await {
            Ok(Some(reply)) => reply.0,
            Ok(None) => return Ok(()),
            Err(error) if error.is_cancelled() => return Err(error),
            Err(_) => ReplyKind::Response(Response::text(500, "the handler failed\n")),
        };
        match reply {
            ReplyKind::Raw(take_over) => return take_over(RawConnection::new(connection.stream)).await,
            ReplyKind::Response(response) => {
                // An HTTP/1.0 client that wants more must be told that it gets it; it is easier not to give it.
                persistent &= version == Version::HTTP_11 && !response.close && !presence.stopping.get();
                let manner = Manner { head_only: head_request, version, close: !persistent };
                connection.respond(response, manner).await?;
            }
        }
        if !persistent {
            presence.idle.set(true);
            return connection.end(END).await;
        }
    }
}

/// Answers a connection for which there is no room with `response`, and closes it.
pub(super) async fn turn_away<S: Stream + 'static>(
    stream: S,
    response: Response,
    options: Options,
    presence: Presence,
) -> Result<()> {
    /// Many clients take an answer that overtakes their request for a fault, so the request is waited for. One that has
    /// not sent it by then has none.
    const PATIENCE: Duration = Duration::from_secs(1);
    // Nothing is lost when it is cancelled.
    presence.idle.set(true);
    let mut connection = Incoming { stream, buffer: Vec::new(), reads: 0, options };
    let (head_only, is_silent) = match wait_for(PATIENCE, connection.read_request()).await {
        Ok((request, _)) => (request.method == Method::HEAD, false),
        Err(Refused::Broken(_)) => (false, false),
        Err(Refused::Stream(error)) if error.is_timeout() => (false, true),
        Err(Refused::Stream(error)) => return Err(error),
    };
    let manner = Manner { head_only, version: Version::HTTP_11, close: true };
    wait_for(PATIENCE, connection.respond(response, manner)).await?;
    // Nothing is unread of one that sends nothing, and its place is wanted.
    if is_silent { Ok(()) } else { connection.end(PATIENCE).await }
}

struct Incoming<S> {
    stream: S,
    /// What was read and belongs to the next request. Empty, and without memory, while the connection idles.
    buffer: Vec<u8>,
    /// How often it was read.
    reads: u32,
    options: Options,
}

/// Why there is no request.
enum Refused {
    /// The client broke a rule, and can be told.
    Broken(ProtoError),
    /// The stream failed, the time was over, or the task was cancelled.
    Stream(Error),
}

impl From<Error> for Refused {
    fn from(error: Error) -> Refused {
        Refused::Stream(error)
    }
}

impl oneloop::LoopError for Refused {
    fn is_cancelled(&self) -> bool {
        matches!(self, Refused::Stream(error) if error.is_cancelled())
    }
}

impl<S: Stream> Incoming<S> {
    /// Waits for the first byte of a request; false if the stream ended instead.
    async fn begin(&mut self) -> Result<bool> {
        Ok(!self.buffer.is_empty() || self.fill().await? > 0)
    }

    /// Reads some more into the buffer; 0 is the end.
    async fn fill(&mut self) -> Result<usize> {
        let Incoming { stream, buffer, reads, .. } = self;
        give_way(reads).await?;
        read_some(stream, |bytes| buffer.extend_from_slice(bytes)).await
    }

    /// Reads one request, and says whether the client allows another after it.
    async fn read_request(&mut self) -> std::result::Result<(Request, bool), Refused> {
        let mut reader = RequestReader::new(self.options.limits);
        let mut head = None;
        let mut body = Vec::new();
        loop {
            let mut at = 0;
            loop {
                let (used, event) = reader.feed(&self.buffer[at..]).map_err(Refused::Broken)?;
                at += used;
                match event {
                    RequestEvent::NeedMore => break,
                    RequestEvent::Head(request) => {
                        let waits = request.headers.get("expect").is_some_and(|value| {
                            value.eq_ignore_ascii_case(b"100-continue") && request.framing != Framing::None
                        });
                        head = Some(request);
                        if waits && at == self.buffer.len() {
                            self.stream.write_all(b"HTTP/1.1 100 Continue\r\n\r\n").await?;
                        }
                    }
                    RequestEvent::Data(data) => body.extend_from_slice(data),
                    RequestEvent::Trailers(_) => {}
                    RequestEvent::End { persistent } => {
                        // What the client has sent of its next request stays; usually nothing, and no memory.
                        self.buffer = self.buffer.split_off(at);
                        match head.take() {
                            Some(head) => return Ok((Request::new(head, body), persistent)),
                            None => return Err(Error::InvalidState("a request's end came before its head").into()),
                        }
                    }
                }
            }
            self.buffer.clear();
            if self.fill().await? == 0 {
                let ended = std::io::Error::from(std::io::ErrorKind::UnexpectedEof);
                return Err(reader.eof().map_or(Refused::Stream(ended.into()), Refused::Broken));
            }
        }
    }

    /// Runs the handler; `None` when the client has gone before the end and the answer is for nobody else.
    async fn handled(&mut self, mut handling: BoxFuture<Result<Reply>>) -> Result<Option<Reply>> {
        // A client may send its next requests meanwhile; so much of them is read, and then no more.
        const AHEAD: usize = 16 * 1024;
        if !self.options.drop_when_gone {
            return handling.await.map(Some);
        }
        let Incoming { stream, buffer, .. } = self;
        poll_fn(|cx| {
            if let Poll::Ready(reply) = handling.as_mut().poll(cx) {
                return Poll::Ready(reply.map(Some));
            }
            while buffer.len() < AHEAD {
                let mut buf = [0; 4096];
                match ready!(stream.poll_read(cx, &mut buf)) {
                    Ok(count) if count > 0 => buffer.extend_from_slice(&buf[..count]),
                    Err(error) if error.is_cancelled() => return Poll::Ready(Err(error)),
                    _ => return Poll::Ready(Ok(None)),
                }
            }
            Poll::Pending
        })
        .await
    }

    /// Writes a response. HEAD gets the head alone, as it would be for GET.
    async fn respond(&mut self, response: Response, manner: Manner) -> Result<()> {
        let timeout = self.options.write_timeout;
        for part in encode(&response, manner) {
            wait_for(timeout, self.stream.write_all(&part)).await?;
        }
        Ok(())
    }

    /// Answers a request that could not be read, and ends the connection.
    async fn refuse(mut self, response: Response) -> Result<()> {
        let manner = Manner { head_only: false, version: Version::HTTP_11, close: true };
        self.respond(response, manner).await?;
        self.end(END).await
    }

    /// Ends our side, then waits a little for the client to end its own: a socket that is closed over unread bytes is
    /// reset, and the reset may overtake the answer.
    async fn end(mut self, patience: Duration) -> Result<()> {
        self.stream.shutdown().await?;
        // The scope ends a client that sends on and on, too.
        match wait_for(patience, discard(&mut self.stream)).await {
            Err(error) if error.is_timeout() => Ok(()),
            result => result,
        }
    }
}

/// Reads what is there and lends it to `take`; 0 is the end. The buffer lives on the stack of one poll, so a
/// connection that waits holds none.
async fn read_some(stream: &mut impl AsyncRead, mut take: impl FnMut(&[u8])) -> Result<usize> {
    poll_fn(|cx| {
        let mut buf = [0; 4096];
        let count = ready!(stream.poll_read(cx, &mut buf))?;
        take(&buf[..count]);
        Poll::Ready(Ok(count))
    })
    .await
}

/// Lets everything else on the loop have its turn once in 64 reads (256 KiB): a client that sends faster than we read
/// would otherwise keep the thread to itself, and no time limit would ever be noticed.
async fn give_way(reads: &mut u32) -> Result<()> {
    *reads = reads.wrapping_add(1);
    if reads.is_multiple_of(64) { yield_now().await } else { Ok(()) }
}

/// Reads to the end, of whatever sort, and forgets it.
pub(super) async fn discard(stream: &mut impl AsyncRead) -> Result<()> {
    let mut reads = 0;
    loop {
        give_way(&mut reads).await?;
        match read_some(stream, |_| {}).await {
            Ok(0) => return Ok(()),
            Ok(_) => {}
            Err(error) if error.is_cancelled() => return Err(error),
            Err(_) => return Ok(()),
        }
    }
}

/// The status that says what was wrong.
fn refusal(error: &ProtoError) -> Response {
    let status = match error.kind {
        ProtoErrorKind::BodyTooLarge => 413,
        ProtoErrorKind::HeadTooLarge => 431,
        ProtoErrorKind::UnsupportedCoding => 501,
        _ => 400,
    };
    Response::text(status, format!("{error}\n"))
}

/// How a response is written, whatever it is.
#[derive(Clone, Copy, Debug)]
struct Manner {
    /// For HEAD: the head alone, as it would be for GET.
    head_only: bool,
    /// The client's: HTTP/1.0 knows no chunks.
    version: Version,
    /// Whether the connection ends behind it, and the head says so.
    close: bool,
}

/// A response in the pieces in which it is written: head and body together, or a piece a chunk. One that cannot be
/// sent as it is (a bad status, a field with a line end in it) becomes a 500: a bug in the handler, not in the client.
fn encode(response: &Response, manner: Manner) -> Vec<Vec<u8>> {
    match try_encode(response, manner) {
        Ok(parts) => parts,
        Err(_) => {
            let apology = Response::text(500, "the handler's response cannot be sent\n");
            try_encode(&apology, manner).unwrap_or_default()
        }
    }
}

fn try_encode(response: &Response, manner: Manner) -> std::result::Result<Vec<Vec<u8>>, ProtoError> {
    let Manner { head_only, version, close } = manner;
    let status = StatusCode::from_u16(response.status)
        .map_err(|_| ProtoError::new(ProtoErrorKind::BadOutgoing, "a status must be between 100 and 999"))?;
    let mut headers = Headers::new();
    for (name, value) in &response.headers {
        headers.push(name, value)?;
    }
    let bodiless = matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
    let length = match &response.body {
        _ if bodiless => BodyLength::None,
        Body::Full(body) => BodyLength::Known(body.len() as u64),
        Body::Chunks(chunks) if version == Version::HTTP_10 => {
            BodyLength::Known(chunks.iter().map(|chunk| chunk.len() as u64).sum())
        }
        Body::Chunks(_) => BodyLength::Chunked,
    };
    let line = ResponseLine { status, reason: response.reason.as_deref(), body: length, close };
    let mut head = Vec::new();
    write_response(&mut head, &line, &headers)?;
    if head_only || bodiless {
        return Ok(vec![head]);
    }
    let mut parts = vec![head];
    match &response.body {
        Body::Full(body) => parts[0].extend_from_slice(body),
        Body::Chunks(chunks) if length == BodyLength::Chunked => {
            for chunk in chunks {
                let mut part = Vec::new();
                write_chunk(&mut part, chunk);
                parts.push(part);
            }
            let mut last = Vec::new();
            write_last_chunk(&mut last);
            parts.push(last);
        }
        Body::Chunks(chunks) => parts[0].extend(chunks.iter().flatten()),
    }
    Ok(parts)
}
