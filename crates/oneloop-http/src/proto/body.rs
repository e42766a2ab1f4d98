//! How a body's end is known, for both directions.

/// How the body of a received message is delimited (RFC 9112, 6.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// There is none: HEAD, 1xx, 204, 304, or a request without body.
    None,
    /// Content-Length: so many bytes.
    Length(u64),
    /// Transfer-Encoding: chunked.
    Chunked,
    /// Until the peer closes its side.
    Close,
}

/// How the body of a message that we send is to be announced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyLength {
    /// No body follows the head.
    None,
    /// So many bytes follow, as they are.
    Known(u64),
    /// Chunks follow: [`write_chunk`](super::write_chunk) and [`write_last_chunk`](super::write_last_chunk).
    Chunked,
}
