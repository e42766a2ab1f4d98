//! DEFLATE, alone and in its zlib wrapping: the coding `deflate`.
//!
//! RFC 9110 means the zlib format (RFC 1950); some servers send bare DEFLATE (RFC 1951). The first two bytes tell them
//! apart: a zlib header is a multiple of 31 with 8 in its low bits, which no sensible bare stream begins with.

use flate2::{Decompress, FlushDecompress, Status};

use super::{Coding, Flaw, PIECE, Sink};

/// One DEFLATE stream, with or without the zlib wrapping.
pub(super) struct Inflate {
    state: Decompress,
    pub(super) ended: bool,
}

impl Inflate {
    pub(super) fn new(zlib: bool) -> Inflate {
        Inflate { state: Decompress::new(zlib), ended: false }
    }

    /// For another stream, without the wrapping, in the memory of this one.
    pub(super) fn reset(&mut self) {
        self.state.reset(false);
        self.ended = false;
    }

    /// Decodes up to the stream's end, and gives how much of `input` that took.
    pub(super) fn feed(&mut self, input: &[u8], sink: &mut Sink<'_>) -> Result<usize, Flaw> {
        let mut piece = [0; PIECE];
        let mut used = 0;
        while !self.ended {
            let (before_in, before_out) = (self.state.total_in(), self.state.total_out());
            let rest = input.get(used..).unwrap_or_default();
            let status = self
                .state
                .decompress(rest, &mut piece, FlushDecompress::None)
                .map_err(|_| Flaw::Corrupt("the compressed data is corrupt"))?;
            let taken = (self.state.total_in() - before_in) as usize;
            let made = (self.state.total_out() - before_out) as usize;
            used += taken;
            self.ended = status == Status::StreamEnd;
            if made > 0 {
                sink(piece.get(..made).unwrap_or_default())?;
            }
            // A full piece may mean that more is ready; else all of the input has been taken.
            if made < piece.len() && (used >= input.len() || taken == 0 && made == 0) {
                break;
            }
        }
        Ok(used)
    }
}

/// The coding `deflate`.
pub(super) struct Deflate {
    /// The first byte, while the second one has not come.
    first: Option<u8>,
    stream: Option<Inflate>,
}

impl Deflate {
    pub(super) fn new() -> Deflate {
        Deflate { first: None, stream: None }
    }
}

impl Coding for Deflate {
    fn feed(&mut self, input: &[u8], sink: &mut Sink<'_>) -> Result<(), Flaw> {
        if input.is_empty() {
            return Ok(());
        }
        let stream = match &mut self.stream {
            Some(stream) => stream,
            None => {
                let (first, second) = match (self.first, input) {
                    (Some(first), [second, ..]) => (first, *second),
                    (None, [first, second, ..]) => (*first, *second),
                    (None, [first]) => {
                        self.first = Some(*first);
                        return Ok(());
                    }
                    (_, []) => return Ok(()),
                };
                let zlib = first & 0x0f == 8 && (u16::from(first) << 8 | u16::from(second)) % 31 == 0;
                let stream = self.stream.insert(Inflate::new(zlib));
                if let Some(first) = self.first.take() {
                    stream.feed(&[first], sink)?;
                }
                stream
            }
        };
        let used = stream.feed(input, sink)?;
        if used < input.len() { Err(Flaw::TrailingBytes) } else { Ok(()) }
    }

    fn finish(&mut self) -> Result<(), Flaw> {
        match &self.stream {
            Some(stream) if stream.ended => Ok(()),
            _ => Err(Flaw::Truncated),
        }
    }
}
