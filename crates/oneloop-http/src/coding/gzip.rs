//! The coding `gzip`: members of header, DEFLATE stream, checksum and length (RFC 1952), one after the other.
//!
//! The header is stepped through byte by byte, so that no cut between reads matters and nothing of it is kept.

use flate2::Crc;

use super::inflate::Inflate;
use super::{Coding, Flaw, Sink};

/// The bits of the flags byte.
const HEADER_CRC: u8 = 1 << 1;
const EXTRA: u8 = 1 << 2;
const NAME: u8 = 1 << 3;
const COMMENT: u8 = 1 << 4;
const RESERVED: u8 = 0xe0;

/// Longest file name, comment or extra field that is put up with: none has a use here.
const MAX_FIELD: u32 = 64 * 1024;

/// Members without a limit to their number would cost time and make nothing: some twenty bytes are an empty one, and
/// packed a second time a hundred thousand of them are a few. So many may come, and one more for each [`BYTES_A_MEMBER`]
/// that are made.
const MEMBERS: u64 = 1_000;
const BYTES_A_MEMBER: u64 = 256;

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    /// In the ten bytes that every header has; how many of them have come.
    Fixed(u8),
    /// In the length of the extra field; its first byte once that has come.
    ExtraLength(Option<u8>),
    /// So many bytes of the extra field are to come.
    Extra(u16),
    /// In the file name, up to its NUL; how many bytes have come.
    Name(u32),
    Comment(u32),
    /// So many bytes of the header's checksum are to come.
    HeaderCrc(u8),
    Data,
    /// In checksum and length; how many of their eight bytes have come.
    Trailer(u8),
}

/// A gzip stream of any number of members.
pub(super) struct Gzip {
    state: State,
    flags: u8,
    /// Over the present header, then over the data.
    crc: Crc,
    stored_crc: u16,
    trailer: [u8; 8],
    data: Inflate,
    members: u64,
    /// Bytes, of all members.
    made: u64,
}

impl Gzip {
    pub(super) fn new() -> Gzip {
        Gzip {
            state: State::Fixed(0),
            flags: 0,
            crc: Crc::new(),
            stored_crc: 0,
            trailer: [0; 8],
            data: Inflate::new(false),
            members: 0,
            made: 0,
        }
    }

    /// One byte of a header or trailer.
    fn step(&mut self, byte: u8) -> Result<(), Flaw> {
        if !matches!(self.state, State::HeaderCrc(_) | State::Trailer(_)) {
            self.crc.update(&[byte]);
        }
        self.state = match self.state {
            State::Fixed(at) => {
                let fits = match at {
                    0 => byte == 0x1f,
                    1 => byte == 0x8b,
                    2 => byte == 8,
                    3 => byte & RESERVED == 0,
                    _ => true,
                };
                if !fits {
                    return Err(Flaw::Corrupt("the compressed data does not begin as gzip does"));
                }
                if at == 3 {
                    self.flags = byte;
                }
                if at < 9 { State::Fixed(at + 1) } else { self.after(0) }
            }
            State::ExtraLength(None) => State::ExtraLength(Some(byte)),
            State::ExtraLength(Some(low)) => match u16::from_le_bytes([low, byte]) {
                0 => self.after(EXTRA),
                length => State::Extra(length),
            },
            State::Extra(1) => self.after(EXTRA),
            State::Extra(left) => State::Extra(left - 1),
            State::Name(_) if byte == 0 => self.after(NAME),
            State::Comment(_) if byte == 0 => self.after(COMMENT),
            State::Name(MAX_FIELD) | State::Comment(MAX_FIELD) => {
                return Err(Flaw::Corrupt("the header of the gzip data is too long"));
            }
            State::Name(length) => State::Name(length + 1),
            State::Comment(length) => State::Comment(length + 1),
            State::HeaderCrc(left) => {
                self.stored_crc = self.stored_crc >> 8 | u16::from(byte) << 8;
                match left {
                    1 if self.stored_crc == (self.crc.sum() & 0xffff) as u16 => self.after(HEADER_CRC),
                    1 => return Err(Flaw::Corrupt("the checksum of the gzip header is wrong")),
                    left => State::HeaderCrc(left - 1),
                }
            }
            State::Trailer(at) => {
                if let Some(place) = self.trailer.get_mut(usize::from(at)) {
                    *place = byte;
                }
                if at < 7 { State::Trailer(at + 1) } else { self.member_ends()? }
            }
            State::Data => State::Data,
        };
        Ok(())
    }

    /// The state after the part of the header with this flag (0: the fixed part).
    fn after(&mut self, part: u8) -> State {
        let has = |flag| self.flags & flag != 0;
        match part {
            0 if has(EXTRA) => State::ExtraLength(None),
            0 | EXTRA if has(NAME) => State::Name(0),
            0 | EXTRA | NAME if has(COMMENT) => State::Comment(0),
            0 | EXTRA | NAME | COMMENT if has(HEADER_CRC) => State::HeaderCrc(2),
            _ => {
                self.crc.reset();
                self.data.reset();
                State::Data
            }
        }
    }

    fn member_ends(&mut self) -> Result<State, Flaw> {
        let [a, b, c, d, e, f, g, h] = self.trailer;
        if u32::from_le_bytes([a, b, c, d]) != self.crc.sum() {
            return Err(Flaw::Corrupt("the checksum of the compressed data is wrong"));
        }
        if u32::from_le_bytes([e, f, g, h]) != self.crc.amount() {
            return Err(Flaw::Corrupt("the length of the compressed data is wrong"));
        }
        self.members += 1;
        if self.members > MEMBERS + self.made / BYTES_A_MEMBER {
            return Err(Flaw::TooManyMembers);
        }
        self.crc.reset();
        Ok(State::Fixed(0))
    }
}

impl Coding for Gzip {
    fn feed(&mut self, input: &[u8], sink: &mut Sink<'_>) -> Result<(), Flaw> {
        let mut rest = input;
        while let Some((&byte, tail)) = rest.split_first() {
            if self.state != State::Data {
                self.step(byte)?;
                rest = tail;
                continue;
            }
            let (crc, made) = (&mut self.crc, &mut self.made);
            let used = self.data.feed(rest, &mut |bytes| {
                crc.update(bytes);
                *made += bytes.len() as u64;
                sink(bytes)
            })?;
            rest = rest.get(used..).unwrap_or_default();
            if self.data.ended {
                self.state = State::Trailer(0);
            }
        }
        Ok(())
    }

    fn finish(&mut self) -> Result<(), Flaw> {
        // Between two members. The first one was whole: a body without a byte is not asked, and one with any has left
        // this state until its member ends.
        if self.state == State::Fixed(0) { Ok(()) } else { Err(Flaw::Truncated) }
    }
}
