//! The coding `br` (RFC 7932), by brotli-decompressor. "Large windows", which are no part of it, are refused: they could
//! ask for a gigabyte.

use brotli_decompressor::{BrotliDecompressStream, BrotliResult, BrotliState, StandardAlloc};

use super::{Coding, Flaw, PIECE, Sink};

pub(super) struct Brotli {
    /// Boxed by the caller; it is some kilobytes, and its window grows with what is decoded, up to 16 MiB.
    state: BrotliState<StandardAlloc, StandardAlloc, StandardAlloc>,
    made: usize,
    ended: bool,
}

impl Brotli {
    pub(super) fn new() -> Brotli {
        let alloc = StandardAlloc::default;
        Brotli { state: BrotliState::new_strict(alloc(), alloc(), alloc()), made: 0, ended: false }
    }
}

impl Coding for Brotli {
    fn feed(&mut self, input: &[u8], sink: &mut Sink<'_>) -> Result<(), Flaw> {
        if input.is_empty() {
            return Ok(());
        }
        if self.ended {
            return Err(Flaw::TrailingBytes);
        }
        let mut piece = vec![0; PIECE];
        let (mut left, mut used) = (input.len(), 0);
        loop {
            let (mut room, mut made) = (piece.len(), 0);
            let result = BrotliDecompressStream(
                &mut left,
                &mut used,
                input,
                &mut room,
                &mut made,
                &mut piece,
                &mut self.made,
                &mut self.state,
            );
            if made > 0 {
                sink(piece.get(..made).unwrap_or_default())?;
            }
            match result {
                BrotliResult::NeedsMoreOutput => {}
                BrotliResult::NeedsMoreInput => return Ok(()),
                BrotliResult::ResultSuccess => {
                    self.ended = true;
                    return if left > 0 { Err(Flaw::TrailingBytes) } else { Ok(()) };
                }
                BrotliResult::ResultFailure => return Err(Flaw::Corrupt("the compressed data is corrupt")),
            }
        }
    }

    fn finish(&mut self) -> Result<(), Flaw> {
        if self.ended { Ok(()) } else { Err(Flaw::Truncated) }
    }
}
