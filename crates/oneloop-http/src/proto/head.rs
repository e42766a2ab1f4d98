//! Sections of field lines: the head of a message, and the trailer section of a chunked body.
//!
//! Two halves. [`Section`] gathers a section from however many pieces it comes in; the usual case, all of it in
//! the first piece, is parsed in place and never buffered. [`parse_fields`] finds the fields with `httparse` and
//! notes on the way those that decide framing, so that a head is walked once.
//!
//! Parsing again from the start at each dripped byte would cost the square of the head's length. So an incomplete
//! section is parsed again only when an empty line has come or its length has doubled: at most twice the work of
//! parsing it once, and a fault early in it is still found early.

use super::body::Declared;
use super::headers::Field;
use super::{Headers, Limits, ProtoError, ProtoErrorKind};
use httparse::Status;

/// What parsing the front of a section gives: its length and what it says, or `None` while it is incomplete.
///
/// A parser must be a function of its input that never takes back a fault: once a prefix is an error, every
/// longer input is the same error. That is what makes the cuts between reads invisible.
pub(super) type Parsed<T> = Result<Option<(usize, T)>, ProtoError>;

/// Gathers one section of lines up to its empty line.
#[derive(Debug, Default)]
pub(super) struct Section {
    /// The incomplete section; empty while the usual case holds.
    buffer: Vec<u8>,
    /// How long the buffer was when it was last parsed.
    tried: usize,
}

impl Section {
    /// Takes what belongs to the section from the front of `input`: how many bytes, and the section once whole.
    pub(super) fn feed<T>(
        &mut self,
        input: &[u8],
        limit: usize,
        parse: impl Fn(&[u8]) -> Parsed<T>,
    ) -> Result<(usize, Option<T>), ProtoError> {
        if self.buffer.is_empty() {
            let window = &input[..input.len().min(limit)];
            if let Some((len, section)) = parse(window)? {
                return Ok((len, Some(section)));
            }
            if window.len() == limit {
                return Err(TOO_LARGE);
            }
            self.buffer.extend_from_slice(input);
            self.tried = input.len();
            return Ok((input.len(), None));
        }

        let before = self.buffer.len();
        let taken = input.len().min(limit.saturating_sub(before));
        self.buffer.extend_from_slice(&input[..taken]);
        let full = self.buffer.len() >= limit;
        if full || self.buffer.len() >= 2 * self.tried || self.has_empty_line(before) {
            self.tried = self.buffer.len();
            if let Some((len, section)) = parse(&self.buffer)? {
                *self = Section::default();
                // Every earlier byte had been taken without completing the section, so `len` is past them.
                return Ok((len.saturating_sub(before), Some(section)));
            }
            if full {
                return Err(TOO_LARGE);
            }
        }
        Ok((taken, None))
    }

    /// The stream has ended inside the section: what was wrong with it anyway, or else `truncated`.
    pub(super) fn eof<T>(&self, truncated: ProtoError, parse: impl Fn(&[u8]) -> Parsed<T>) -> ProtoError {
        // The latest bytes may not have been parsed yet.
        parse(&self.buffer).err().unwrap_or(truncated)
    }

    /// Looks at the part of a section that waits for the rest, or at which a fault was found; `None` if there is none.
    pub(super) fn peek<T>(&self, look: impl Fn(&[u8]) -> Option<T>) -> Option<T> {
        if self.buffer.is_empty() { None } else { look(&self.buffer) }
    }

    /// Whether part of a section is waiting for the rest.
    pub(super) fn has_begun(&self) -> bool {
        !self.buffer.is_empty()
    }

    /// Whether an empty line ends at or after `from`. The section's start counts as the start of a line.
    fn has_empty_line(&self, from: usize) -> bool {
        let bytes = &self.buffer;
        (from..bytes.len()).filter(|&at| bytes[at] == b'\n').any(|at| is_empty_line(&bytes[..at]))
    }
}

const TOO_LARGE: ProtoError =
    ProtoError::new(ProtoErrorKind::HeadTooLarge, "a section of fields is over its limit in bytes");

const TOO_MANY: ProtoError = ProtoError::new(ProtoErrorKind::HeadTooLarge, "a section has more fields than its limit");

/// Which line ends and continuation lines are put up with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lines {
    /// In the head of a response: LF alone ends a line too, and a continued line ("obs-fold") is joined with
    /// spaces, as RFC 9112 (2.2, 5.2) allows or asks of a client.
    Lenient,
    /// In requests and trailers, where the leniency of one party is the other's security hole: CRLF, one line a field.
    Strict,
}

/// Parses field lines from `at` in `bytes` to the empty line. The fields keep a copy of `bytes` up to there.
pub(super) fn parse_fields(bytes: &[u8], at: usize, limits: &Limits, lines: Lines) -> Parsed<(Headers, Declared)> {
    let result = collect_fields(bytes, at, limits.max_headers, lines);
    match result {
        Err(error) if error.kind == ProtoErrorKind::BadField && lines == Lines::Lenient => match unfold(bytes, at) {
            Some(unfolded) => collect_fields(&unfolded, at, limits.max_headers, lines),
            None => result,
        },
        _ => result,
    }
}

fn collect_fields(bytes: &[u8], at: usize, max: usize, lines: Lines) -> Parsed<(Headers, Declared)> {
    let source = &bytes[at..];
    if lines == Lines::Strict
        && let Some(bare) = first_bare_lf(source)
    {
        // A fault before it is the first fault, and the one to tell.
        collect_fields(&bytes[..at + bare], at, max, Lines::Lenient)?;
        return Err(ProtoError::new(ProtoErrorKind::BadField, "a bare LF does not end a line here"));
    }
    let mut few = [httparse::EMPTY_HEADER; 64];
    let room = max.min(few.len());
    // Only for heads of more fields than nearly all have.
    let mut many = Vec::new();
    let mut slots = &mut few[..room];
    let mut status = httparse::parse_headers(source, slots).map(counted);
    if let Err(httparse::Error::TooManyHeaders) = status
        && max > room
    {
        many.resize(max, httparse::EMPTY_HEADER);
        slots = &mut many;
        status = httparse::parse_headers(source, slots).map(counted);
    }
    let (len, found) = match status {
        Ok(Some((len, count))) => (len, slots.get(..count).unwrap_or_default()),
        _ if one_too_many(source, slots.get(max.wrapping_sub(1))) => return Err(TOO_MANY),
        Ok(None) => return Ok(None),
        Err(error) => return Err(broken_rule(error)),
    };

    let end = at + len;
    if u32::try_from(end).is_err() {
        return Err(TOO_LARGE);
    }
    let base = bytes.as_ptr() as usize;
    // Names and values are slices of `bytes`: their places in it are differences of addresses.
    let place = |slice: &[u8]| {
        let start = slice.as_ptr() as usize - base;
        (start as u32, (start + slice.len()) as u32)
    };
    let mut declared = Declared::default();
    let mut fields = Vec::with_capacity(found.len());
    for header in found {
        declared.note(header.name.as_bytes(), header.value);
        fields.push(Field { name: place(header.name.as_bytes()), value: place(header.value) });
    }
    Ok(Some((end, (Headers { bytes: bytes[..end].to_vec(), fields }, declared))))
}

/// How long the section is and how many fields it has, once it is whole.
fn counted(status: Status<(usize, &[httparse::Header<'_>])>) -> Option<(usize, usize)> {
    match status {
        Status::Complete((len, found)) => Some((len, found.len())),
        Status::Partial => None,
    }
}

/// Whether a line has begun behind the last field that is allowed. Its first byte decides, since httparse would first
/// look at the rest of the line, and then it would depend on how much of that has come which fault is told.
fn one_too_many(section: &[u8], last: Option<&httparse::Header<'_>>) -> bool {
    let Some(last) = last.filter(|last| !last.name.is_empty()) else { return false };
    let value_end = last.value.as_ptr() as usize + last.value.len() - section.as_ptr() as usize;
    let mut rest = section.get(value_end..).unwrap_or_default().iter();
    let next = rest.find(|byte| **byte == b'\n').and_then(|_| rest.next());
    next.is_some_and(|byte| !matches!(byte, b'\r' | b'\n' | b' ' | b'\t'))
}

fn broken_rule(error: httparse::Error) -> ProtoError {
    let rule = match error {
        httparse::Error::TooManyHeaders => return TOO_MANY,
        httparse::Error::HeaderName => {
            "a field line must be a name of token characters, a colon right after it, and a value"
        }
        httparse::Error::HeaderValue => "a field value must not hold a bare CR, a NUL or another control character",
        _ => "a bare CR does not end a line",
    };
    ProtoError::new(ProtoErrorKind::BadField, rule)
}

/// Where an LF without CR stands, up to the empty line.
fn first_bare_lf(section: &[u8]) -> Option<usize> {
    let mut line_ends = (0..section.len()).filter(|&at| section[at] == b'\n');
    line_ends
        .find(|&at| section[..at].last() != Some(&b'\r') || is_empty_line(&section[..at]))
        .filter(|&at| section[..at].last() != Some(&b'\r'))
}

/// Whether the line that an LF after these bytes would end is empty.
fn is_empty_line(before: &[u8]) -> bool {
    matches!(before, [] | [.., b'\n'] | [b'\r'] | [.., b'\n', b'\r'])
}

/// A copy in which each line break before white space is spaces, if there is such a break. The first field line
/// has no line to continue, so white space at its start stays the fault that it is.
fn unfold(bytes: &[u8], at: usize) -> Option<Vec<u8>> {
    let mut copy = bytes.to_vec();
    let mut folded = false;
    for index in at..copy.len().saturating_sub(1) {
        if copy[index] != b'\n' {
            continue;
        }
        if matches!(&copy[at..index], [] | [b'\r'] | [.., b'\n'] | [.., b'\n', b'\r']) {
            // The empty line: what follows is the body.
            break;
        }
        if matches!(copy[index + 1], b' ' | b'\t') {
            if copy[index - 1] == b'\r' {
                copy[index - 1] = b' ';
            }
            copy[index] = b' ';
            folded = true;
        }
    }
    folded.then_some(copy)
}
