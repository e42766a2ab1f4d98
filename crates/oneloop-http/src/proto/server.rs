//! The server's side: request reader and response writer.

use super::{BodyLength, Framing, Headers, Limits, ProtoError};

/// The request line and fields of a request, as a server sees it.
#[derive(Clone, Debug, PartialEq)]
pub struct ServerRequest {
    /// The method.
    pub method: http::Method,
    /// The target as it was sent: origin form, absolute form, or `*`.
    pub target: String,
    /// HTTP/1.0 or HTTP/1.1.
    pub version: http::Version,
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
    /// The request is complete; `persistent`: whether the client allows another one on this connection.
    End {
        /// See above.
        persistent: bool,
    },
}

/// Reads one request.
#[derive(Debug)]
pub struct RequestReader {}

impl RequestReader {
    /// A reader for one request.
    pub fn new(_limits: Limits) -> RequestReader {
        unimplemented!()
    }

    /// As [`ResponseReader::feed`](super::ResponseReader::feed).
    pub fn feed<'a>(&mut self, _input: &'a [u8]) -> Result<(usize, RequestEvent<'a>), ProtoError> {
        unimplemented!()
    }

    /// Whether any byte of a request has come (an idle connection may be closed without a word).
    pub fn has_started(&self) -> bool {
        unimplemented!()
    }
}

/// The first line of a response, and what decides its framing.
#[derive(Clone, Copy, Debug)]
pub struct ResponseLine<'a> {
    /// The status.
    pub status: http::StatusCode,
    /// The reason phrase; `None` takes the usual one.
    pub reason: Option<&'a str>,
    /// What follows the head. [`BodyLength::None`] writes no length: right for 1xx, 204 and 304,
    /// and for a body that ends with the connection (then `close` must be set).
    pub body: BodyLength,
    /// Whether to say `Connection: close`.
    pub close: bool,
}

/// Appends a response's head to `out`; the body is the caller's to append. On an error `out` is as it was.
pub fn write_response(
    _out: &mut Vec<u8>,
    _line: &ResponseLine<'_>,
    _headers: &Headers,
) -> Result<(), ProtoError> {
    unimplemented!()
}
