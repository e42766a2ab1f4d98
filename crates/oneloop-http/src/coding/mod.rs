//! Content codings: `Content-Encoding: gzip`, `deflate`, `br` and chains of them, taken off as the body comes.
//!
//! A [`Decoder`] is fed what the framing gives and lends out what it decodes, piece by piece; nothing is kept but the
//! codings' own windows. Three bounds hold against what a peer may send: the number of codings in a chain, the bytes
//! that any one of them may make (not only the last: a chain whose middle swells is as dear), and the number of gzip
//! members, since empty ones make nothing. These hold for a body as a whole: what came in one read is decoded to its end
//! in one step, so a bomb can keep the thread for as long as it takes to make the limit once in each coding of its chain.
//! Whatever is not a whole, valid stream from its first byte to its last is an error: a body that is cut short, a wrong
//! checksum, bytes after the end. An empty body is an empty body, coded or not, because servers announce a coding for
//! nothing.
//!
//! Neighbours: [`incoming`](crate::incoming) puts one behind the response reader when the session asks for
//! [`compressed`](crate::SessionBuilder::compressed) responses. flate2 and brotli-decompressor do the decoding.
//! Counterparts: aiohttp's `DeflateBuffer`, .NET's `AutomaticDecompression`, curl's `--compressed`.

mod brotli;
mod gzip;
mod inflate;
#[cfg(test)]
mod tests;

use crate::proto::Headers;

/// The field that offers what is decoded here, no more and no less.
pub(crate) const ACCEPT_ENCODING: &str = "gzip, deflate, br";

/// Codings in one chain. Nobody has a reason for more than two; curl takes five.
const MAX_CODINGS: usize = 5;

/// What one call of a coding makes at most before it is handed on.
const PIECE: usize = 16 * 1024;

/// Why a body cannot be decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flaw {
    /// A coding that was not offered.
    Unknown,
    /// More codings than are put up with.
    TooManyCodings,
    /// The stream breaks its format, or its checksum or length is wrong.
    Corrupt(&'static str),
    /// Bytes follow the end of the stream.
    TrailingBytes,
    /// The body ended before the stream did.
    Truncated,
    /// A coding makes more than the limit.
    TooLarge,
    /// Gzip members that hold next to nothing.
    TooManyMembers,
}

impl Flaw {
    /// The stable word: the error's detail.
    pub(crate) fn detail(self) -> &'static str {
        match self {
            Flaw::Unknown => "UnknownCoding",
            Flaw::TooManyCodings => "TooManyCodings",
            Flaw::Corrupt(_) => "Corrupt",
            Flaw::TrailingBytes => "TrailingBytes",
            Flaw::Truncated => "Truncated",
            Flaw::TooLarge => "DecodedTooLarge",
            Flaw::TooManyMembers => "TooManyMembers",
        }
    }
}

impl std::fmt::Display for Flaw {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Flaw::Unknown => "its Content-Encoding was not offered (only gzip, deflate and br are decoded)",
            Flaw::TooManyCodings => "its Content-Encoding names too many codings",
            Flaw::Corrupt(why) => why,
            Flaw::TrailingBytes => "bytes follow the end of the compressed data",
            Flaw::Truncated => "the compressed data ends before its end",
            Flaw::TooLarge => "decoded, the body is larger than the limit",
            Flaw::TooManyMembers => "its gzip data has thousands of members that hold next to nothing",
        })
    }
}

/// One coding: compressed bytes in, plain bytes to `sink`. `finish` says whether the stream was whole.
trait Coding {
    fn feed(&mut self, input: &[u8], sink: &mut Sink<'_>) -> Result<(), Flaw>;
    fn finish(&mut self) -> Result<(), Flaw>;
}

/// Where decoded bytes go.
type Sink<'a> = dyn FnMut(&[u8]) -> Result<(), Flaw> + 'a;

/// A coding with the count of what it has made.
struct Stage {
    coding: Box<dyn Coding>,
    made: u64,
}

/// Takes all codings off a body.
pub(crate) struct Decoder {
    /// In the order in which they are taken off: the last one named comes first.
    stages: Vec<Stage>,
    limit: u64,
    given: u64,
    /// Whether a byte has come in.
    begun: bool,
}

impl Decoder {
    /// The decoder for what a head says, `None` when the body is plain. No stage may make more than `limit` bytes.
    pub(crate) fn of(headers: &Headers, limit: u64) -> Result<Option<Decoder>, Flaw> {
        let mut stages = Vec::new();
        for value in headers.get_all("content-encoding") {
            for name in value.split(|byte| *byte == b',').map(<[u8]>::trim_ascii) {
                if name.is_empty() || name.eq_ignore_ascii_case(b"identity") {
                    continue;
                }
                if stages.len() == MAX_CODINGS {
                    return Err(Flaw::TooManyCodings);
                }
                stages.push(Stage { coding: coding(name)?, made: 0 });
            }
        }
        stages.reverse();
        let decoder = Decoder { stages, limit, given: 0, begun: false };
        Ok((!decoder.stages.is_empty()).then_some(decoder))
    }

    /// Takes the next piece of the body, and lends what it decodes to, in pieces, to `sink`.
    pub(crate) fn feed(&mut self, input: &[u8], sink: &mut dyn FnMut(&[u8])) -> Result<(), Flaw> {
        self.begun |= !input.is_empty();
        let given = &mut self.given;
        push(&mut self.stages, input, self.limit, &mut |bytes| {
            *given += bytes.len() as u64;
            sink(bytes);
        })
    }

    /// The body has ended: was it whole?
    pub(crate) fn finish(&mut self) -> Result<(), Flaw> {
        if !self.begun {
            return Ok(());
        }
        self.stages.iter_mut().try_for_each(|stage| stage.coding.finish())
    }

    /// Bytes lent out so far.
    pub(crate) fn given(&self) -> u64 {
        self.given
    }
}

fn coding(name: &[u8]) -> Result<Box<dyn Coding>, Flaw> {
    // `x-gzip` is another name for `gzip` (RFC 9110, 8.4.1.3).
    if name.eq_ignore_ascii_case(b"gzip") || name.eq_ignore_ascii_case(b"x-gzip") {
        Ok(Box::new(gzip::Gzip::new()))
    } else if name.eq_ignore_ascii_case(b"deflate") {
        Ok(Box::new(inflate::Deflate::new()))
    } else if name.eq_ignore_ascii_case(b"br") {
        Ok(Box::new(brotli::Brotli::new()))
    } else {
        Err(Flaw::Unknown)
    }
}

/// Sends `input` through all stages. At most [`MAX_CODINGS`] deep.
fn push(stages: &mut [Stage], input: &[u8], limit: u64, sink: &mut dyn FnMut(&[u8])) -> Result<(), Flaw> {
    let Some((stage, rest)) = stages.split_first_mut() else {
        sink(input);
        return Ok(());
    };
    let made = &mut stage.made;
    stage.coding.feed(input, &mut |bytes| {
        *made += bytes.len() as u64;
        if *made > limit {
            return Err(Flaw::TooLarge);
        }
        push(rest, bytes, limit, sink)
    })
}
