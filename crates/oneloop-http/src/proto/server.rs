//! The server's side: request reader and response writer.
//!
//! Stricter than the client's side where RFC 9112 lets a server choose: bare LF, continued lines, and
//! Transfer-Encoding together with Content-Length are refused, since a proxy in front may have read them
//! differently. It stands behind the demo site and the exporter; it is not meant to face the internet.

use super::body::{BodyEvent, BodyReader, Coding, Declared, Length};
use super::head::{Lines, Parsed, Section, parse_fields};
use super::headers::{is_token_byte, is_value_byte};
use super::request::{check_headers, refuse, write_end, write_fields, write_length};
use super::response::{MAX_START_LINE, skip_blank_lines};
use super::{BodyLength, Framing, Headers, Limits, ProtoError, ProtoErrorKind};
use http::{Method, StatusCode, Version};

/// The request line and fields of a request, as a server sees it.
#[derive(Clone, Debug, PartialEq)]
pub struct ServerRequest {
    /// The method.
    pub method: Method,
    /// The target as it was sent: origin form, absolute form, or `*`; visible ASCII.
    pub target: String,
    /// HTTP/1.0 or HTTP/1.1; a higher minor version counts as 1.1.
    pub version: Version,
    /// The fields, in order.
    pub headers: Headers,
    /// How the end of the body will be known: never by close.
    pub framing: Framing,
}

/// What the bytes so far amount to.
#[derive(Debug, PartialEq)]
pub enum RequestEvent<'a> {
    /// All of the input was taken: read more.
    NeedMore,
    /// The request's head. Comes once.
    Head(ServerRequest),
    /// A piece of the body, lent from the input; never empty.
    Data(&'a [u8]),
    /// The trailer section of a chunked body, when it has fields.
    Trailers(Headers),
    /// The request is complete.
    End {
        /// Whether the client allows another request on this connection.
        persistent: bool,
    },
}

/// Reads one request. What [`ResponseReader`](super::ResponseReader) says of cuts and errors holds here too.
#[derive(Debug)]
pub struct RequestReader {
    state: State,
    /// The incomplete head, if the last input ended inside one.
    head: Section,
    limits: Limits,
    /// Set with the head.
    persistent: bool,
}

#[derive(Debug)]
enum State {
    Head,
    Body(BodyReader),
    Done,
    Failed(ProtoError),
}

impl RequestReader {
    /// A reader for one request.
    pub fn new(limits: Limits) -> RequestReader {
        RequestReader { state: State::Head, head: Section::default(), limits, persistent: false }
    }

    /// As [`ResponseReader::feed`](super::ResponseReader::feed).
    pub fn feed<'a>(&mut self, input: &'a [u8]) -> Result<(usize, RequestEvent<'a>), ProtoError> {
        let result = match &mut self.state {
            State::Head if input.is_empty() => return Ok((0, RequestEvent::NeedMore)),
            State::Head => self.feed_head(input),
            State::Body(body) => match body.feed(input, &self.limits) {
                Ok((used, event)) => Ok((used, self.body_event(event))),
                Err(error) => Err(error),
            },
            State::Done => Ok((0, RequestEvent::End { persistent: self.persistent })),
            State::Failed(error) => Err(*error),
        };
        result.inspect_err(|error| self.state = State::Failed(*error))
    }

    /// What it means that the client closed its side now: nothing (`None`) between requests, else an error.
    pub fn eof(&mut self) -> Option<ProtoError> {
        match &mut self.state {
            State::Head if !self.head.has_begun() => None,
            State::Head => {
                Some(ProtoError::new(ProtoErrorKind::TruncatedHead, "the connection ended inside a request's head"))
            }
            State::Body(body) => body.eof(&self.limits).err(),
            State::Done => None,
            State::Failed(error) => Some(*error),
        }
    }

    /// Whether any byte of a request has come (an idle connection may be closed without a word).
    pub fn has_started(&self) -> bool {
        self.head.has_begun() || !matches!(self.state, State::Head)
    }

    fn feed_head<'a>(&mut self, input: &'a [u8]) -> Result<(usize, RequestEvent<'a>), ProtoError> {
        let limits = self.limits;
        let (used, head) = self.head.feed(input, limits.max_head_bytes, |bytes| parse_head(bytes, &limits))?;
        let Some((mut request, declared)) = head else {
            return Ok((used, RequestEvent::NeedMore));
        };
        request.framing = frame(request.version, &declared)?;
        self.persistent = declared.persistent(request.version);
        self.state = State::Body(BodyReader::new(request.framing));
        Ok((used, RequestEvent::Head(request)))
    }

    fn body_event<'a>(&mut self, event: BodyEvent<'a>) -> RequestEvent<'a> {
        match event {
            BodyEvent::NeedMore => RequestEvent::NeedMore,
            BodyEvent::Data(data) => RequestEvent::Data(data),
            BodyEvent::Trailers(fields) => RequestEvent::Trailers(fields),
            BodyEvent::End => {
                self.state = State::Done;
                RequestEvent::End { persistent: self.persistent }
            }
        }
    }
}

/// RFC 9112, 6.3, for a server, and 3.2: one Host.
fn frame(version: Version, declared: &Declared) -> Result<Framing, ProtoError> {
    let fault = |rule| Err(ProtoError::new(ProtoErrorKind::BadFraming, rule));
    if declared.hosts > 1 || (declared.hosts == 0 && version == Version::HTTP_11) {
        return fault("a request must have exactly one Host field");
    }
    match (declared.coding, declared.length) {
        (Coding::Faulty(error), _) => Err(error),
        (Coding::Chunked, Length::Absent) if version == Version::HTTP_11 => Ok(Framing::Chunked),
        (Coding::Chunked, Length::Absent) => fault("Transfer-Encoding in an HTTP/1.0 request"),
        (Coding::Chunked, _) => fault("Transfer-Encoding and Content-Length in one request"),
        (Coding::Absent, Length::Absent) => Ok(Framing::None),
        (Coding::Absent, Length::Is(length)) => Ok(Framing::Length(length)),
        (Coding::Absent, Length::Faulty(rule)) => fault(rule),
    }
}

fn parse_head(bytes: &[u8], limits: &Limits) -> Parsed<(ServerRequest, Declared)> {
    let Some(start) = skip_blank_lines(bytes)? else {
        return Ok(None);
    };
    let Some(line) = parse_request_line(&bytes[start..])? else {
        return Ok(None);
    };
    let Some((len, (headers, declared))) = parse_fields(bytes, start + line.len, limits, Lines::Strict)? else {
        return Ok(None);
    };
    let RequestLine { method, target, version, .. } = line;
    let request = ServerRequest { method, target, version, headers, framing: Framing::None };
    Ok(Some((len, (request, declared))))
}

struct RequestLine {
    method: Method,
    target: String,
    version: Version,
    /// With its CRLF.
    len: usize,
}

/// `method SP target SP HTTP/1.x CRLF`, one space each.
fn parse_request_line(line: &[u8]) -> Result<Option<RequestLine>, ProtoError> {
    let bad = |rule| Err(ProtoError::new(ProtoErrorKind::BadStartLine, rule));
    let window = &line[..line.len().min(MAX_START_LINE)];

    let method_end = window.iter().position(|&byte| !is_token_byte(byte));
    let Some(method_end) = method_end else {
        return more_or_too_long(window);
    };
    if window[method_end] != b' ' || method_end == 0 {
        return bad("a request must begin with a method and a space");
    }
    let target_start = method_end + 1;
    let target_len = window[target_start..].iter().position(|byte| !byte.is_ascii_graphic());
    let Some(target_len) = target_len else {
        return more_or_too_long(window);
    };
    let target_end = target_start + target_len;
    if window[target_end] != b' ' || target_len == 0 {
        return bad("a request's target must be visible ASCII, with a space and a version after it");
    }
    const SHAPE: &[u8; 10] = b"HTTP/1.d\r\n";
    let rest = &window[target_end + 1..];
    for (&byte, &wanted) in rest.iter().zip(SHAPE) {
        if !(byte == wanted || wanted == b'd' && byte.is_ascii_digit()) {
            return bad("a request line must end with HTTP/1.x");
        }
    }
    if rest.len() < SHAPE.len() {
        return more_or_too_long(window);
    }
    let Ok(method) = Method::from_bytes(&window[..method_end]) else {
        return bad("a request's method is not one");
    };
    Ok(Some(RequestLine {
        method,
        target: String::from_utf8_lossy(&window[target_start..target_end]).into_owned(),
        version: if rest[7] == b'0' { Version::HTTP_10 } else { Version::HTTP_11 },
        len: target_end + 1 + SHAPE.len(),
    }))
}

fn more_or_too_long<T>(window: &[u8]) -> Result<Option<T>, ProtoError> {
    if window.len() < MAX_START_LINE {
        return Ok(None);
    }
    Err(ProtoError::new(ProtoErrorKind::HeadTooLarge, "the request line is too long"))
}

/// The first line of a response, and what decides its framing.
#[derive(Clone, Copy, Debug)]
pub struct ResponseLine<'a> {
    /// The status.
    pub status: StatusCode,
    /// The reason phrase; `None` takes the usual one.
    pub reason: Option<&'a str>,
    /// What follows the head. [`BodyLength::None`] writes no length: right for 1xx, 204 and 304,
    /// and for a body that ends with the connection (then `close` must be set).
    pub body: BodyLength,
    /// Whether to say `Connection: close`.
    pub close: bool,
}

/// Appends a response's head to `out`; the body is the caller's to append. On an error `out` is as it was.
pub fn write_response(out: &mut Vec<u8>, line: &ResponseLine<'_>, headers: &Headers) -> Result<(), ProtoError> {
    const OWN_FIELDS: &[&str] = &["Connection", "Content-Length", "Transfer-Encoding"];
    check_headers(headers, OWN_FIELDS)?;
    let reason = line.reason.or(line.status.canonical_reason()).unwrap_or_default();
    if !reason.bytes().all(is_value_byte) {
        return refuse("a reason phrase must not hold a control character");
    }
    let bodiless =
        line.status.is_informational() || matches!(line.status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
    if bodiless && line.body != BodyLength::None {
        return refuse("a response with status 1xx, 204 or 304 has no body");
    }
    for part in ["HTTP/1.1 ", line.status.as_str(), " ", reason, "\r\n"] {
        out.extend_from_slice(part.as_bytes());
    }
    write_fields(out, headers);
    write_length(out, line.body);
    write_end(out, line.close);
    Ok(())
}
