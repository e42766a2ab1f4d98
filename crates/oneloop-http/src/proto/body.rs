//! How a body's end is known, for both directions, and the reader of bodies.
//!
//! Two steps. While a head's fields are walked, [`Declared`] notes what they say about length and connection;
//! then the rules of RFC 9112, 6.3 make a [`Framing`] of it, once, in `response.rs` or `server.rs`. From there on
//! [`BodyReader`] only counts bytes.

use super::chunked::ChunkedReader;
use super::{Headers, Limits, ProtoError, ProtoErrorKind};

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

/// What the fields of a head say about length and connection, noted while they are walked.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Declared {
    pub(super) length: Length,
    pub(super) coding: Coding,
    /// `close` is a member of a Connection field.
    pub(super) close: bool,
    /// `keep-alive` is.
    pub(super) keep_alive: bool,
    /// How many Host fields there are.
    pub(super) hosts: u32,
}

/// What all Content-Length fields together say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Length {
    #[default]
    Absent,
    Is(u64),
    Faulty(&'static str),
}

/// What all Transfer-Encoding fields together say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Coding {
    #[default]
    Absent,
    /// `chunked` and nothing else.
    Chunked,
    /// Anything else that has one.
    Faulty(ProtoError),
}

impl Declared {
    /// Takes note of one field. Names are matched whole, so lookalikes (`Content_Length`) mean nothing.
    pub(super) fn note(&mut self, name: &[u8], value: &[u8]) {
        match name.len() {
            4 if name.eq_ignore_ascii_case(b"host") => self.hosts += 1,
            10 if name.eq_ignore_ascii_case(b"connection") => {
                for member in members(value) {
                    self.close |= member.eq_ignore_ascii_case(b"close");
                    self.keep_alive |= member.eq_ignore_ascii_case(b"keep-alive");
                }
            }
            14 if name.eq_ignore_ascii_case(b"content-length") => self.note_length(value),
            17 if name.eq_ignore_ascii_case(b"transfer-encoding") => self.note_coding(value),
            _ => {}
        }
    }

    /// Repeats of one length, in a list or in several fields, count as one (RFC 9110, 8.6, allows it).
    fn note_length(&mut self, value: &[u8]) {
        for member in members(value) {
            let length = match parse_length(member) {
                Some(length) => Length::Is(length),
                None => Length::Faulty("Content-Length must be decimal digits below 2^64"),
            };
            self.length = match (self.length, length) {
                (Length::Absent, new) => new,
                (Length::Is(old), Length::Is(new)) if old != new => Length::Faulty("two Content-Lengths differ"),
                (Length::Is(_), new) => new,
                (faulty, _) => faulty,
            };
        }
    }

    fn note_coding(&mut self, value: &[u8]) {
        const UNKNOWN: Coding = Coding::Faulty(ProtoError::new(
            ProtoErrorKind::UnsupportedCoding,
            "the only transfer coding that is understood is chunked",
        ));
        const NOT_LAST: Coding = Coding::Faulty(ProtoError::new(
            ProtoErrorKind::BadFraming,
            "chunked must come once and last in Transfer-Encoding",
        ));
        // Empty members of a list mean nothing (RFC 9110, 5.6.1.2); a list of nothing else is a fault.
        for member in members(value).filter(|member| !member.is_empty()) {
            self.coding = match self.coding {
                Coding::Absent if member.eq_ignore_ascii_case(b"chunked") => Coding::Chunked,
                Coding::Absent => UNKNOWN,
                Coding::Chunked => NOT_LAST,
                faulty => faulty,
            };
        }
        if self.coding == Coding::Absent {
            self.coding = UNKNOWN;
        }
    }

    /// Whether the sender allows another exchange on the connection, as far as these fields say.
    pub(super) fn persistent(&self, version: http::Version) -> bool {
        !self.close && (version == http::Version::HTTP_11 || self.keep_alive)
    }
}

/// The members of a comma-separated list, without the white space around them. Empty members stay: in
/// Content-Length they are a fault.
fn members(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    value.split(|&byte| byte == b',').map(|member| {
        let start = member.iter().position(|&byte| !is_blank(byte)).unwrap_or(member.len());
        let end = member.iter().rposition(|&byte| !is_blank(byte)).map_or(start, |last| last + 1);
        &member[start..end]
    })
}

fn is_blank(byte: u8) -> bool {
    byte == b' ' || byte == b'\t'
}

fn parse_length(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() {
        return None;
    }
    digits.iter().try_fold(0u64, |length, &byte| {
        let digit = byte.is_ascii_digit().then(|| u64::from(byte - b'0'))?;
        length.checked_mul(10)?.checked_add(digit)
    })
}

/// What the bytes of a body amount to.
#[derive(Debug)]
pub(super) enum BodyEvent<'a> {
    NeedMore,
    Data(&'a [u8]),
    Trailers(Headers),
    End,
}

/// Hands out the bytes of one body and knows its end.
#[derive(Debug)]
pub(super) struct BodyReader {
    state: State,
    /// Bytes handed out.
    given: u64,
}

#[derive(Debug)]
enum State {
    /// So many bytes are still to come.
    Length(u64),
    /// Boxed: few connections at a time are in it, and all would carry its size.
    Chunked(Box<ChunkedReader>),
    Close,
    Done,
}

impl BodyReader {
    pub(super) fn new(framing: Framing) -> BodyReader {
        let state = match framing {
            Framing::None => State::Done,
            Framing::Length(length) => State::Length(length),
            Framing::Chunked => State::Chunked(Box::default()),
            Framing::Close => State::Close,
        };
        BodyReader { state, given: 0 }
    }

    /// Bytes handed out so far.
    pub(super) fn given(&self) -> u64 {
        self.given
    }

    pub(super) fn feed<'a>(&mut self, input: &'a [u8], limits: &Limits) -> Result<(usize, BodyEvent<'a>), ProtoError> {
        let room = limits.max_body_bytes.saturating_sub(self.given);
        let (used, event) = match &mut self.state {
            State::Done | State::Length(0) => (0, BodyEvent::End),
            // A length beyond the limit fails before any of the body is read.
            State::Length(left) if *left > room => return Err(TOO_LARGE),
            State::Length(left) => {
                let data = prefix(input, *left);
                *left -= data.len() as u64;
                (data.len(), data_or_more(data))
            }
            State::Close => {
                let data = prefix(input, room);
                if data.is_empty() && !input.is_empty() {
                    return Err(TOO_LARGE);
                }
                (data.len(), data_or_more(data))
            }
            State::Chunked(chunks) => chunks.feed(input, room, limits)?,
        };
        match event {
            BodyEvent::Data(data) => self.given += data.len() as u64,
            BodyEvent::End => self.state = State::Done,
            BodyEvent::NeedMore | BodyEvent::Trailers(_) => {}
        }
        Ok((used, event))
    }

    /// The peer has closed its side: the end of the body, or an error.
    pub(super) fn eof(&mut self, limits: &Limits) -> Result<(), ProtoError> {
        match &self.state {
            State::Done | State::Close | State::Length(0) => {
                self.state = State::Done;
                Ok(())
            }
            State::Length(_) => Err(ProtoError::new(
                ProtoErrorKind::TruncatedBody,
                "the connection ended before Content-Length bytes of body had come",
            )),
            State::Chunked(chunks) => Err(chunks.eof(limits)),
        }
    }
}

pub(super) const TOO_LARGE: ProtoError =
    ProtoError::new(ProtoErrorKind::BodyTooLarge, "the body is larger than the limit");

/// At most `most` bytes from the front.
pub(super) fn prefix(input: &[u8], most: u64) -> &[u8] {
    &input[..usize::try_from(most).unwrap_or(usize::MAX).min(input.len())]
}

fn data_or_more(data: &[u8]) -> BodyEvent<'_> {
    if data.is_empty() { BodyEvent::NeedMore } else { BodyEvent::Data(data) }
}
