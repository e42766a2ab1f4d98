//! The reader of chunked bodies (RFC 9112, 7.1), as a table of states.
//!
//! ```text
//!            hex              hex, ; , blanks, CR            LF, size > 0
//!   Start ─────────▶ Size ─▶ (Blank ─▶ Extension) ─▶ SizeLf ──────────────▶ Data
//!     ▲                                                │ LF, size = 0         │ all of it
//!     │                                                ▼                      ▼
//!     └────────────── DataLf ◀────── DataCr ◀──    Trailers ─▶ Done        DataCr
//! ```
//!
//! Size lines are stepped through byte by byte, so nothing of them is buffered and no cut between reads matters.
//! Nothing is allocated from a declared size. The strictness is deliberate: whatever two parties read differently
//! in these lines is how requests and responses are smuggled.

use super::body::{BodyEvent, TOO_LARGE, prefix};
use super::head::{Lines, Parsed, Section, parse_fields};
use super::headers::is_value_byte;
use super::{Headers, Limits, ProtoError, ProtoErrorKind};

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    /// At a size line's first digit.
    #[default]
    Start,
    /// After at least one digit.
    Size,
    /// After blanks behind the size: only `;` may follow.
    Blank,
    /// After `;`.
    Extension,
    /// After the size line's CR.
    SizeLf,
    /// In a chunk's data.
    Data,
    /// After a chunk's data.
    DataCr,
    /// After the CR after a chunk's data.
    DataLf,
    /// After the last chunk's size line.
    Trailers,
    /// After the empty line.
    Done,
}

/// Takes chunked framing off a body.
#[derive(Debug, Default)]
pub(super) struct ChunkedReader {
    state: State,
    /// The size while its digits come, then how much of the data is still to come.
    left: u64,
    /// Bytes of the present size line.
    line: usize,
    /// Bytes of extensions in all size lines.
    extensions: usize,
    trailers: Section,
}

impl ChunkedReader {
    /// `room`: how many more bytes of body may be handed out.
    pub(super) fn feed<'a>(
        &mut self,
        input: &'a [u8],
        room: u64,
        limits: &Limits,
    ) -> Result<(usize, BodyEvent<'a>), ProtoError> {
        let mut used = 0;
        loop {
            match self.state {
                State::Data if self.left > room => return Err(TOO_LARGE),
                State::Data => {
                    let data = prefix(&input[used..], self.left);
                    if data.is_empty() {
                        return Ok((used, BodyEvent::NeedMore));
                    }
                    self.left -= data.len() as u64;
                    if self.left == 0 {
                        self.state = State::DataCr;
                    }
                    return Ok((used + data.len(), BodyEvent::Data(data)));
                }
                State::Trailers => {
                    let (more, fields) = self.feed_trailers(&input[used..], limits)?;
                    used += more;
                    match fields {
                        None => return Ok((used, BodyEvent::NeedMore)),
                        Some(fields) if fields.is_empty() => self.state = State::Done,
                        Some(fields) => {
                            self.state = State::Done;
                            return Ok((used, BodyEvent::Trailers(fields)));
                        }
                    }
                }
                State::Done => return Ok((used, BodyEvent::End)),
                _ => match input.get(used) {
                    None => return Ok((used, BodyEvent::NeedMore)),
                    Some(&byte) => {
                        used += 1;
                        self.step(byte, limits)?;
                    }
                },
            }
        }
    }

    /// One byte of a size line, or of the line end after a chunk's data.
    fn step(&mut self, byte: u8, limits: &Limits) -> Result<(), ProtoError> {
        self.state = match (self.state, byte) {
            (State::Start | State::Size, b'0'..=b'9' | b'a'..=b'f' | b'A'..=b'F') => {
                self.push_digit(byte)?;
                State::Size
            }
            (State::Start, _) => return bad("a chunk's size must be hexadecimal digits"),
            (State::Size | State::Blank, b';') => State::Extension,
            (State::Size | State::Blank, b' ' | b'\t') => State::Blank,
            (State::Size | State::Extension, b'\r') => State::SizeLf,
            (State::Size, _) => {
                return bad("a chunk's size must be hexadecimal digits and no more");
            }
            (State::Blank, _) => {
                return bad("only an extension may follow blanks after a chunk's size");
            }
            (State::Extension, byte) if is_value_byte(byte) => State::Extension,
            (State::Extension, _) => return bad("a control character in a chunk extension"),
            (State::SizeLf, b'\n') if self.left == 0 => State::Trailers,
            (State::SizeLf, b'\n') => State::Data,
            (State::SizeLf, _) => return bad("a bare CR in a chunk's size line"),
            (State::DataCr, b'\r') => State::DataLf,
            (State::DataCr, _) => return bad("a chunk's data is longer than its size"),
            (State::DataLf, b'\n') => {
                self.line = 0;
                State::Start
            }
            (State::DataLf, _) => return bad("CRLF must follow a chunk's data"),
            // `feed` handles these itself.
            (state @ (State::Data | State::Trailers | State::Done), _) => state,
        };
        self.line += 1;
        self.extensions += usize::from(matches!(self.state, State::Blank | State::Extension));
        if self.line > limits.max_chunk_line || self.extensions > limits.max_chunk_extensions {
            return Err(ProtoError::new(
                ProtoErrorKind::HeadTooLarge,
                "a chunk's size line or the chunk extensions are over their limit",
            ));
        }
        Ok(())
    }

    fn push_digit(&mut self, byte: u8) -> Result<(), ProtoError> {
        let digit = match byte {
            b'0'..=b'9' => byte - b'0',
            _ => (byte | 0x20) - b'a' + 10,
        };
        match self.left.checked_mul(16) {
            Some(size) => self.left = size | u64::from(digit),
            None => return bad("a chunk's size is 2^64 or more"),
        }
        Ok(())
    }

    fn feed_trailers(&mut self, input: &[u8], limits: &Limits) -> Result<(usize, Option<Headers>), ProtoError> {
        if input.is_empty() {
            return Ok((0, None));
        }
        self.trailers.feed(input, limits.max_trailer_bytes, |bytes| parse_trailers(bytes, limits))
    }

    /// The stream has ended before the last chunk and its empty line.
    pub(super) fn eof(&self, limits: &Limits) -> ProtoError {
        let truncated = ProtoError::new(
            ProtoErrorKind::TruncatedBody,
            "the connection ended before the last chunk and the empty line after it",
        );
        self.trailers.eof(truncated, |bytes| parse_trailers(bytes, limits))
    }
}

/// Trailers decide nothing: their framing fields, if any, are fields like others.
fn parse_trailers(bytes: &[u8], limits: &Limits) -> Parsed<Headers> {
    if bytes.starts_with(b"\r\n") {
        return Ok(Some((2, Headers::new())));
    }
    let parsed = parse_fields(bytes, 0, limits, Lines::Strict)?;
    Ok(parsed.map(|(len, (fields, _))| (len, fields)))
}

fn bad<T>(rule: &'static str) -> Result<T, ProtoError> {
    Err(ProtoError::new(ProtoErrorKind::BadChunk, rule))
}
