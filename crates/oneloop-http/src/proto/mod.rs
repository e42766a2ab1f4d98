//! HTTP/1.1 as bytes and events, and nothing else.
//!
//! **Job.** Turn a request into bytes and bytes into the events of a response (for a client), and the other
//! way round (for a server). This is the "sans-I/O" style: nothing here touches a socket, a clock or the loop.
//! Whoever owns the socket reads some bytes, hands them in, and does what the event says. So one parser serves
//! plain TCP, TLS and an in-memory pipe, and a test can cut the bytes wherever it likes.
//!
//! **Neighbours.** The client drives [`write_request`] and [`ResponseReader`]; the small server drives
//! [`RequestReader`] and [`write_response`]. `httparse` finds the fields; the rules of framing are ours.
//!
//! **Invariants.**
//! - How the bytes were cut into reads never changes the outcome.
//! - Whatever a peer sends costs a bounded amount of memory ([`Limits`]) and time in proportion to its length.
//! - Body data is lent from the caller's input, never copied.
//! - An error is final: a reader that has failed keeps giving the same error.
//! - Nothing panics on what a peer sent.
//!
//! **Counterparts.** aiohttp's `http_parser.py` and `http_writer.py`, Python's h11; in .NET the inner parts of
//! `HttpConnection` (client) and Kestrel's `HttpParser` (server).
//!
//! ```
//! use oneloop_http::proto::{Event, Limits, ResponseReader};
//!
//! let input = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";
//! let mut reader = ResponseReader::new(false, Limits::default());
//! let (mut at, mut body) = (0, Vec::new());
//! let persistent = loop {
//!     let (used, event) = reader.feed(&input[at..])?;
//!     at += used;
//!     match event {
//!         Event::Head(head) => assert_eq!(head.status, 200),
//!         Event::Data(bytes) => body.extend_from_slice(bytes),
//!         Event::End { persistent } => break persistent,
//!         Event::NeedMore => unreachable!("a real caller reads from its socket here"),
//!         Event::Interim(_) | Event::Trailers(_) => {}
//!     }
//! };
//! assert_eq!(body, b"hello");
//! assert!(persistent);
//! # Ok::<(), oneloop_http::proto::ProtoError>(())
//! ```

mod body;
mod chunked;
mod error;
mod head;
mod headers;
mod request;
mod response;
mod server;
#[cfg(test)]
mod tests;

pub use body::{BodyLength, Framing};
pub use error::{ProtoError, ProtoErrorKind};
pub use headers::{Headers, HeadersIter};
pub use request::{RequestHead, write_chunk, write_connect, write_last_chunk, write_request};
pub use response::{Event, ResponseHead, ResponseReader};
pub use server::{RequestEvent, RequestReader, ResponseLine, ServerRequest, write_response};

/// How much of a peer's bytes a reader is willing to take.
///
/// Each limit ends in an error of class `too-large` ([`ProtoErrorKind::class`]), never in silent truncation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of one head: the first line, the fields, the empty line, and blank lines before it.
    /// All interim responses of one exchange together may take as much again. 512 KiB by default: room for sixty
    /// fields of 8 KB each, which is more than curl takes (300 KB) and hyper (some 400 KB).
    pub max_head_bytes: usize,
    /// Fields in one head, and in one trailer section. 256 by default.
    pub max_headers: usize,
    /// Bytes of body after chunked framing is taken off, before any content coding is. 64 MiB by default.
    pub max_body_bytes: u64,
    /// Interim (1xx) responses before the final one. 32 by default.
    pub max_interim: u32,
    /// Bytes of the trailer section of a chunked body. 16 KiB by default.
    pub max_trailer_bytes: usize,
    /// Bytes of one chunk's size line with its extensions. 4 KiB by default.
    pub max_chunk_line: usize,
    /// Bytes of chunk extensions in all of one body. 64 KiB by default.
    pub max_chunk_extensions: usize,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            max_head_bytes: 512 * 1024,
            max_headers: 256,
            max_body_bytes: 64 * 1024 * 1024,
            max_interim: 32,
            max_trailer_bytes: 16 * 1024,
            max_chunk_line: 4 * 1024,
            max_chunk_extensions: 64 * 1024,
        }
    }
}
