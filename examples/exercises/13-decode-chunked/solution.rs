//! Exercise 13, solved: a state for each place where the network may cut, and what must be known there kept in it.
//! Compare `crates/oneloop-http/src/proto`, which is stricter and faster.

use super::check::Decode;

#[derive(Default)]
pub struct Decoder {
    state: State,
    /// The line that has begun to come.
    line: Vec<u8>,
}

#[derive(Clone, Copy, Default)]
enum State {
    /// In the line with the size.
    #[default]
    Size,
    /// In a chunk of which so many bytes are still to come.
    Chunk(usize),
    /// In the empty line behind a chunk.
    Behind,
    /// In the lines behind the last chunk.
    Trailers,
    Complete,
}

/// A longer line is nobody's honest chunk size.
const LONGEST_LINE: usize = 8192;

impl Decode for Decoder {
    fn feed(&mut self, mut bytes: &[u8], body: &mut Vec<u8>) -> Result<bool, String> {
        while !bytes.is_empty() {
            self.state = match self.state {
                State::Complete => return Err("bytes behind the end".into()),
                State::Chunk(left) => {
                    let (chunk, rest) = bytes.split_at(left.min(bytes.len()));
                    body.extend(chunk);
                    bytes = rest;
                    if chunk.len() == left { State::Behind } else { State::Chunk(left - chunk.len()) }
                }
                state => match self.line(&mut bytes)? {
                    None => state,
                    Some(line) => after(state, &line)?,
                },
            };
        }
        Ok(matches!(self.state, State::Complete))
    }
}

impl Decoder {
    /// Takes bytes up to the end of the line. `None` if that has not come yet.
    fn line(&mut self, bytes: &mut &[u8]) -> Result<Option<Vec<u8>>, String> {
        while let Some((byte, rest)) = bytes.split_first() {
            *bytes = rest;
            self.line.push(*byte);
            if self.line.ends_with(b"\r\n") {
                let mut line = std::mem::take(&mut self.line);
                line.truncate(line.len() - 2);
                return Ok(Some(line));
            }
            if self.line.len() > LONGEST_LINE {
                return Err("the line has no end".into());
            }
        }
        Ok(None)
    }
}

/// The state after a line.
fn after(state: State, line: &[u8]) -> Result<State, String> {
    match state {
        State::Size => {
            let digits = line.split(|byte| *byte == b';').next().unwrap_or_default();
            Ok(match number(digits)? {
                0 => State::Trailers,
                size => State::Chunk(size),
            })
        }
        State::Behind if line.is_empty() => Ok(State::Size),
        State::Behind => Err("no end of line behind the chunk".into()),
        _ if line.is_empty() => Ok(State::Complete),
        _ => Ok(State::Trailers),
    }
}

fn number(digits: &[u8]) -> Result<usize, String> {
    let text = std::str::from_utf8(digits).map_err(|error| error.to_string())?;
    usize::from_str_radix(text.trim(), 16).map_err(|_| format!("'{text}' is no size"))
}
