//! The response reader: bytes in, events out.
//!
//! ```text
//!           1xx
//!          ┌───┐ final head        all of the body
//!          ▼   │
//!         Head ┴───────────▶ Body ───────────────▶ Done
//!           └──────── a broken rule ───────▶ Failed, for good
//! ```
//!
//! The rules of framing are in [`frame`]: it is the whole of RFC 9112, 6.3, for a client. The counterpart is
//! aiohttp's `HttpResponseParser`, and h11's client side.

use super::body::{BodyEvent, BodyReader, Coding, Declared, Length};
use super::head::{Lines, Parsed, Section, parse_fields};
use super::headers::is_value_byte;
use super::{Framing, Headers, Limits, ProtoError, ProtoErrorKind};
use http::{StatusCode, Version};

/// The status line and fields of a response.
#[derive(Clone, Debug, PartialEq)]
pub struct ResponseHead {
    /// HTTP/1.0 or HTTP/1.1; a higher minor version counts as 1.1.
    pub version: Version,
    /// 100 to 999.
    pub status: StatusCode,
    /// The fields, in order.
    pub headers: Headers,
    /// How the end of the body will be known.
    pub framing: Framing,
    /// Where the reason phrase lies in the head, which `headers` keeps.
    reason: (u32, u32),
}

impl ResponseHead {
    /// The reason phrase, often empty; any octets but controls.
    pub fn reason(&self) -> &[u8] {
        self.headers.slice(self.reason)
    }
}

/// What the bytes so far amount to.
#[derive(Debug, PartialEq)]
pub enum Event<'a> {
    /// All of the input was taken: read more (or, at the end of the stream, call [`ResponseReader::eof`]).
    NeedMore,
    /// An interim response (1xx other than 101). The final one follows.
    Interim(ResponseHead),
    /// The final response's head. Comes once.
    Head(ResponseHead),
    /// A piece of the body, lent from the input; never empty.
    Data(&'a [u8]),
    /// The trailer section of a chunked body, when it has fields. Never part of the headers.
    Trailers(Headers),
    /// The message is complete.
    End {
        /// Whether HTTP allows another exchange on this connection. The caller must also see that no byte
        /// of its input is left over: left-over bytes belong to nobody.
        persistent: bool,
    },
}

/// Reads one response (and the interim ones before it).
///
/// The loop around it is shown at the [module](super).
#[derive(Debug)]
pub struct ResponseReader {
    state: State,
    /// The incomplete head, if the last input ended inside one.
    head: Section,
    limits: Limits,
    /// The request was HEAD, so no body comes whatever the fields say.
    head_request: bool,
    /// Interim responses so far.
    interim: u32,
    /// Bytes of heads so far, not counting the incomplete one.
    head_bytes: u64,
    /// Set with the final head.
    persistent: bool,
    /// Bytes of body handed out; kept for after the body.
    body_bytes: u64,
    /// The status in the line of the final response.
    status: Option<StatusCode>,
}

#[derive(Debug)]
enum State {
    Head,
    Body(BodyReader),
    Done,
    Failed(ProtoError),
}

impl ResponseReader {
    /// A reader for the answer to one request. `head_request`: whether its method was HEAD.
    pub fn new(head_request: bool, limits: Limits) -> ResponseReader {
        ResponseReader {
            state: State::Head,
            head: Section::default(),
            limits,
            head_request,
            interim: 0,
            head_bytes: 0,
            persistent: false,
            body_bytes: 0,
            status: None,
        }
    }

    /// Takes from the front of `input` what makes one event; gives how many bytes it took, and the event.
    ///
    /// Call it again with the rest, also when the rest is empty, until it says [`Event::NeedMore`] or
    /// [`Event::End`]. With `NeedMore` every byte has been taken, so the buffer may be reused.
    /// After `End` it keeps answering `End` and takes nothing.
    pub fn feed<'a>(&mut self, input: &'a [u8]) -> Result<(usize, Event<'a>), ProtoError> {
        let result = match &mut self.state {
            State::Head if input.is_empty() => return Ok((0, Event::NeedMore)),
            State::Head => self.feed_head(input),
            State::Body(body) => match body.feed(input, &self.limits) {
                Ok((used, event)) => {
                    self.body_bytes = body.given();
                    Ok((used, self.body_event(event)))
                }
                Err(error) => Err(error),
            },
            State::Done => Ok((0, Event::End { persistent: self.persistent })),
            State::Failed(error) => Err(*error),
        };
        result.inspect_err(|error| self.state = State::Failed(*error))
    }

    /// Tells the reader that the peer closed its side: the end of a close-delimited body, or an error
    /// (`empty-reply`, `truncated-head`, `truncated-body`). Never call it for a reset: that is an error as such.
    pub fn eof(&mut self) -> Result<Event<'static>, ProtoError> {
        let result = match &mut self.state {
            State::Head => {
                let truncated = if self.has_started() {
                    ProtoError::new(
                        ProtoErrorKind::TruncatedHead,
                        "the connection ended before the head of a final response was complete",
                    )
                } else {
                    ProtoError::new(ProtoErrorKind::EmptyReply, "the connection ended before any byte of a response")
                };
                Err(self.head.eof(truncated, |bytes| parse_head(bytes, &self.limits)))
            }
            State::Body(body) => body.eof(&self.limits),
            State::Done => Ok(()),
            State::Failed(error) => Err(*error),
        };
        match result {
            Ok(()) => {
                self.state = State::Done;
                // Whatever the head said, this connection has ended.
                self.persistent = false;
                Ok(Event::End { persistent: false })
            }
            Err(error) => {
                self.state = State::Failed(error);
                Err(error)
            }
        }
    }

    /// Whether the message is complete.
    pub fn is_done(&self) -> bool {
        matches!(self.state, State::Done)
    }

    /// Whether any byte of a response has come (then a stale connection may not be retried).
    pub fn has_started(&self) -> bool {
        self.head_bytes > 0 || self.head.has_begun() || !matches!(self.state, State::Head)
    }

    /// Whether what has come is the beginning of a final response, or of none at all: false while it may be an interim
    /// one.
    pub fn is_final(&self) -> bool {
        let digit = |head: &[u8]| {
            let start = skip_blank_lines(head).ok().flatten()?;
            head.get(start + "HTTP/1.1 ".len()).copied()
        };
        match self.state {
            State::Head => self.head.peek(digit).is_some_and(|digit| digit != b'1'),
            _ => true,
        }
    }

    /// The limits that it was made with.
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// The status of the final response as soon as its line has come, also when the rest of the head is faulty or never
    /// comes: what had arrived is part of the report. (A 101 counts as final: nothing that we can read follows it.)
    pub fn status(&self) -> Option<StatusCode> {
        self.status.or_else(|| self.head.peek(status_in))
    }

    /// Bytes of heads taken so far, interim ones included.
    pub fn head_bytes(&self) -> u64 {
        self.head_bytes
    }

    /// Bytes of body handed out so far.
    pub fn body_bytes(&self) -> u64 {
        self.body_bytes
    }

    fn feed_head<'a>(&mut self, input: &'a [u8]) -> Result<(usize, Event<'a>), ProtoError> {
        let limits = self.limits;
        let fed = self.head.feed(input, limits.max_head_bytes, |bytes| parse_head(bytes, &limits));
        if fed.is_err() {
            self.status = self.head.peek(status_in).or_else(|| status_in(input));
        }
        let (used, head) = fed?;
        let Some(Head { mut response, declared, len }) = head else {
            return Ok((used, Event::NeedMore));
        };
        self.head_bytes += len as u64;
        self.status = final_status(response.status);

        if response.status == StatusCode::SWITCHING_PROTOCOLS {
            return Err(ProtoError::new(
                ProtoErrorKind::UnexpectedUpgrade,
                "101 Switching Protocols, which was not asked for",
            ));
        }
        if response.status.is_informational() {
            self.interim += 1;
            let most = limits.max_head_bytes as u64;
            if self.interim > limits.max_interim || self.head_bytes > most {
                return Err(ProtoError::new(
                    ProtoErrorKind::HeadTooLarge,
                    "interim responses over their limit in number or bytes",
                ));
            }
            return Ok((used, Event::Interim(response)));
        }
        let (framing, persistent) = frame(self.head_request, response.version, response.status, &declared)?;
        response.framing = framing;
        self.persistent = persistent;
        self.state = State::Body(BodyReader::new(framing));
        Ok((used, Event::Head(response)))
    }

    fn body_event<'a>(&mut self, event: BodyEvent<'a>) -> Event<'a> {
        match event {
            BodyEvent::NeedMore => Event::NeedMore,
            BodyEvent::Data(data) => Event::Data(data),
            BodyEvent::Trailers(fields) => Event::Trailers(fields),
            BodyEvent::End => {
                self.state = State::Done;
                Event::End { persistent: self.persistent }
            }
        }
    }
}

/// How the body of a response is delimited, and whether the connection may be used again after it.
fn frame(
    head_request: bool,
    version: Version,
    status: StatusCode,
    declared: &Declared,
) -> Result<(Framing, bool), ProtoError> {
    let persistent = declared.persistent(version);
    // HEAD, 204 and 304 end with their head whatever the fields say (1xx never come here). Fields that
    // contradict each other are no error then, but nothing to build another exchange on.
    if head_request || matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED) {
        let consistent = match (declared.coding, declared.length) {
            (Coding::Absent, Length::Absent | Length::Is(0)) => true,
            // A HEAD or a 304 may tell what a GET would have had. A 204 may not (RFC 9110, 8.6; RFC 9112, 6.1): a server
            // that announces a body there may send it, and it would be read as the next answer.
            (Coding::Absent, Length::Is(_)) => status != StatusCode::NO_CONTENT,
            (Coding::Chunked, Length::Absent) => version == Version::HTTP_11 && status != StatusCode::NO_CONTENT,
            _ => false,
        };
        return Ok((Framing::None, persistent && consistent));
    }
    match (declared.coding, declared.length) {
        (Coding::Faulty(error), _) => Err(error),
        // With a Content-Length too, or in HTTP/1.0, someone on the way may have seen another end of this
        // body than we do: it is read, and the connection is not used again.
        (Coding::Chunked, length) => {
            let sound = length == Length::Absent && version == Version::HTTP_11;
            Ok((Framing::Chunked, persistent && sound))
        }
        (Coding::Absent, Length::Is(length)) => Ok((Framing::Length(length), persistent)),
        (Coding::Absent, Length::Faulty(rule)) => Err(ProtoError::new(ProtoErrorKind::BadFraming, rule)),
        (Coding::Absent, Length::Absent) => Ok((Framing::Close, false)),
    }
}

/// A whole head, its framing not yet decided.
struct Head {
    response: ResponseHead,
    declared: Declared,
    len: usize,
}

/// The status at the front of a head of which only the first line need be there and good.
fn status_in(head: &[u8]) -> Option<StatusCode> {
    let start = skip_blank_lines(head).ok().flatten()?;
    let line = parse_status_line(head, start).ok().flatten()?;
    final_status(line.status)
}

fn final_status(status: StatusCode) -> Option<StatusCode> {
    (!status.is_informational() || status == StatusCode::SWITCHING_PROTOCOLS).then_some(status)
}

fn parse_head(bytes: &[u8], limits: &Limits) -> Parsed<Head> {
    let Some(start) = skip_blank_lines(bytes)? else {
        return Ok(None);
    };
    let Some(line) = parse_status_line(bytes, start)? else {
        return Ok(None);
    };
    let Some((len, (headers, declared))) = parse_fields(bytes, line.end, limits, Lines::Lenient)? else {
        return Ok(None);
    };
    let StatusLine { version, status, reason, .. } = line;
    let response = ResponseHead { version, status, headers, framing: Framing::None, reason };
    Ok(Some((len, Head { response, declared, len })))
}

/// How many empty lines before a first line are put up with (RFC 9112, 2.2, asks it of servers).
const MAX_BLANK_LINES: usize = 4;

/// Where the first line begins; `None` while that cannot be told.
pub(super) fn skip_blank_lines(bytes: &[u8]) -> Result<Option<usize>, ProtoError> {
    let mut at = 0;
    for _ in 0..=MAX_BLANK_LINES {
        match &bytes[at..] {
            [b'\n', ..] => at += 1,
            [b'\r', b'\n', ..] => at += 2,
            [] | [b'\r'] => return Ok(None),
            [b'\r', ..] => return Err(bad("a bare CR does not end a line")),
            _ => return Ok(Some(at)),
        }
    }
    Err(bad("more empty lines than are put up with before the first line"))
}

struct StatusLine {
    version: Version,
    status: StatusCode,
    reason: (u32, u32),
    /// Where the fields begin.
    end: usize,
}

/// The longest status line, or request line, that is taken.
pub(super) const MAX_START_LINE: usize = 16 * 1024;

/// Exactly `HTTP/1.x SP 3DIGIT`, then a space and a reason phrase or neither. A fault is found at the byte where it
/// is, so that a peer that speaks another protocol fails at once and not when it has sent enough.
fn parse_status_line(bytes: &[u8], start: usize) -> Result<Option<StatusLine>, ProtoError> {
    const SHAPE: &[u8; 12] = b"HTTP/1.d ddd";
    let line = &bytes[start..];
    // An alert or a handshake message of TLS: a plain request has met a port that expects more.
    if let [0x15 | 0x16, ..] = line {
        return Err(bad("this is no HTTP but looks like TLS (is it an https port?)"));
    }
    for (&byte, &wanted) in line.iter().zip(SHAPE) {
        let fits = if wanted == b'd' { byte.is_ascii_digit() } else { byte == wanted };
        if !fits {
            return Err(bad("a response must begin with HTTP/1.x, a space and a status of three digits"));
        }
    }
    let Some([_, _, _, _, _, _, _, minor, _, digits @ ..]) = line.first_chunk::<12>() else {
        return Ok(None);
    };
    let status = StatusCode::from_bytes(digits).map_err(|_| bad("a status below 100"))?;
    let version = if *minor == b'0' { Version::HTTP_10 } else { Version::HTTP_11 };

    // The reason is between the space after the status and the line's end; without the space there is none.
    let reason = match line.get(12) {
        Some(b' ') => 13,
        Some(b'\r' | b'\n') => 12,
        Some(_) => return Err(bad("a status must be three digits and then a space")),
        None => return Ok(None),
    };
    for (at, &byte) in line.iter().enumerate().skip(reason) {
        if at >= MAX_START_LINE {
            return Err(ProtoError::new(ProtoErrorKind::HeadTooLarge, "the status line is too long"));
        }
        let end = match byte {
            b'\n' => at,
            b'\r' => match line.get(at + 1) {
                Some(b'\n') => at,
                Some(_) => return Err(bad("a bare CR does not end a line")),
                None => return Ok(None),
            },
            byte if is_value_byte(byte) => continue,
            _ => return Err(bad("a control character in the reason phrase")),
        };
        let after = start + end + if byte == b'\r' { 2 } else { 1 };
        let reason = ((start + reason) as u32, (start + end) as u32);
        return Ok(Some(StatusLine { version, status, reason, end: after }));
    }
    Ok(None)
}

fn bad(rule: &'static str) -> ProtoError {
    ProtoError::new(ProtoErrorKind::BadStartLine, rule)
}
