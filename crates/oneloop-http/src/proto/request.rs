//! The request writer: what goes on the wire, and what is refused before it does.

use super::{BodyLength, Headers, ProtoError};

/// A request about to be written.
#[derive(Clone, Copy, Debug)]
pub struct RequestHead<'a> {
    /// Any method but CONNECT.
    pub method: &'a http::Method,
    /// Origin form: `/path?query`, already escaped and without fragment (or `*` for OPTIONS).
    pub target: &'a str,
    /// The Host field: host, plus `:port` unless it is the scheme's own; IPv6 in brackets.
    pub host: &'a str,
    /// The caller's fields, in order. Those that decide framing or the connection are refused here:
    /// Host, Content-Length, Transfer-Encoding, Connection, Expect, Upgrade, TE and their kin.
    pub headers: &'a Headers,
    /// What follows the head.
    pub body: BodyLength,
    /// Whether to say `Connection: close`.
    pub close: bool,
}

/// Appends the request's head to `out`; the body, if any, is the caller's to append.
/// On an error `out` is as it was.
pub fn write_request(_out: &mut Vec<u8>, _request: &RequestHead<'_>) -> Result<(), ProtoError> {
    unimplemented!()
}

/// Appends one chunk of a chunked body. An empty one is skipped, since it would mean the end.
pub fn write_chunk(_out: &mut Vec<u8>, _data: &[u8]) {
    unimplemented!()
}

/// Appends the end of a chunked body, without trailers.
pub fn write_last_chunk(_out: &mut Vec<u8>) {
    unimplemented!()
}
