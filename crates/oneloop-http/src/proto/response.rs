//! The response reader: bytes in, events out.

use super::{Framing, Headers, Limits, ProtoError};

/// The status line and fields of a response.
#[derive(Clone, Debug, PartialEq)]
pub struct ResponseHead {
    /// HTTP/1.0 or HTTP/1.1; a higher minor version counts as 1.1.
    pub version: http::Version,
    /// 100 to 999.
    pub status: http::StatusCode,
    /// The fields, in order.
    pub headers: Headers,
    /// How the end of the body will be known.
    pub framing: Framing,
}

impl ResponseHead {
    /// The reason phrase, often empty; any octets but controls.
    pub fn reason(&self) -> &[u8] {
        unimplemented!()
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
#[derive(Debug)]
pub struct ResponseReader {}

impl ResponseReader {
    /// A reader for the answer to one request. `head_request`: whether its method was HEAD.
    pub fn new(_head_request: bool, _limits: Limits) -> ResponseReader {
        unimplemented!()
    }

    /// Takes from the front of `input` what makes one event; gives how many bytes it took, and the event.
    ///
    /// Call it again with the rest, also when the rest is empty, until it says [`Event::NeedMore`] or
    /// [`Event::End`]. With `NeedMore` every byte has been taken, so the buffer may be reused.
    /// After `End` it keeps answering `End` and takes nothing.
    pub fn feed<'a>(&mut self, _input: &'a [u8]) -> Result<(usize, Event<'a>), ProtoError> {
        unimplemented!()
    }

    /// Tells the reader that the peer closed its side: the end of a close-delimited body, or an error
    /// (`empty-reply`, `truncated-head`, `truncated-body`). Never call it for a reset: that is an error as such.
    pub fn eof(&mut self) -> Result<Event<'static>, ProtoError> {
        unimplemented!()
    }

    /// Whether the message is complete.
    pub fn is_done(&self) -> bool {
        unimplemented!()
    }

    /// Whether any byte of a response has come (then a stale connection may not be retried).
    pub fn has_started(&self) -> bool {
        unimplemented!()
    }

    /// Bytes of heads taken so far, interim ones included.
    pub fn head_bytes(&self) -> u64 {
        unimplemented!()
    }

    /// Bytes of body handed out so far.
    pub fn body_bytes(&self) -> u64 {
        unimplemented!()
    }
}
