//! The shape of a DNS message: are the counted records all there, and is each in bounds?
//!
//! Neighbours: `message.rs` walks every message here before simple-dns sees it. That parser is
//! sound, but it reserves memory for as many records as a header claims, follows chains of
//! thousands of pointers, lets bytes after the last record pass, and gives up on a whole message
//! for an odd record in a section that a stub resolver does not need. Invariants: nothing is
//! allocated; the steps are bounded by [`MAX_STEPS`], whatever the bytes say; no byte is read
//! outside of the message. Counterpart: `ns_initparse` and `dn_expand` of libc's resolver.

pub(super) const HEADER: usize = 12;
pub(super) const TYPE_A: u16 = 1;
const TYPE_CNAME: u16 = 5;
const TYPE_SOA: u16 = 6;
pub(super) const TYPE_AAAA: u16 = 28;
const TYPE_OPT: u16 = 41;

/// A name on the wire, with its length octets and the root's.
const MAX_WIRE_NAME: usize = 255;
/// Labels and pointers followed in one message: some five for each of as many records as fit into
/// 64 KiB would be 27,000. It bounds both the time and what simple-dns allocates for labels.
const MAX_STEPS: usize = 32_768;

/// What the walk found besides order.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Shape {
    /// Where the answer section ends.
    pub(super) answers_end: usize,
    /// How long a negative answer holds, from the authority section's SOA (RFC 2308, section 5).
    pub(super) negative_ttl: Option<u32>,
    /// The upper eight bits of the response code, from the OPT record (RFC 6891, section 6.1.3).
    pub(super) extended_rcode: u8,
}

/// What is wrong with a message, for the report.
pub(super) type Flaw = &'static str;

/// The `index`th 16-bit word of the header.
pub(super) fn header_word(message: &[u8], index: usize) -> Result<u16, Flaw> {
    word(message, index * 2)
}

/// Walks the records of a message whose question section ends at `position`.
pub(super) fn walk(message: &[u8], mut position: usize) -> Result<Shape, Flaw> {
    let mut walker = Walker { message, steps: 0 };
    let mut shape = Shape::default();
    let mut opts = 0;
    for section in [Section::Answer, Section::Authority, Section::Additional] {
        for _ in 0..header_word(message, section as usize)? {
            let record = walker.record(position)?;
            position = record.end;
            match (section, record.kind) {
                (Section::Authority, TYPE_SOA) => {
                    let minimum = long(message, record.end - 4)?;
                    shape.negative_ttl = Some(record.ttl.min(minimum));
                }
                (Section::Additional, TYPE_OPT) => {
                    opts += 1;
                    shape.extended_rcode = record.ttl.to_be_bytes()[0];
                }
                _ => {}
            }
        }
        if section == Section::Answer {
            shape.answers_end = position;
        }
    }
    if opts > 1 {
        return Err("more than one OPT record");
    }
    if position != message.len() {
        return Err("more bytes than the counted records have");
    }
    Ok(shape)
}

/// The record sections, with the place of each one's count in the header.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Section {
    Answer = 3,
    Authority = 4,
    Additional = 5,
}

struct Record {
    kind: u16,
    ttl: u32,
    end: usize,
}

struct Walker<'a> {
    message: &'a [u8],
    /// Labels and pointers so far, in all names.
    steps: usize,
}

impl Walker<'_> {
    /// One record: name, type, class, TTL, length, data.
    fn record(&mut self, position: usize) -> Result<Record, Flaw> {
        let fixed = self.name(position, self.message.len())?;
        let kind = word(self.message, fixed)?;
        let ttl = long(self.message, fixed + 4)?;
        let data = fixed + 10;
        let length = usize::from(word(self.message, fixed + 8)?);
        let end = data + length;
        if end > self.message.len() {
            return Err("a record's length goes past the end");
        }
        match kind {
            TYPE_A if length != 4 => return Err("an A record that is not four octets"),
            TYPE_AAAA if length != 16 => return Err("an AAAA record that is not sixteen octets"),
            TYPE_CNAME if self.name(data, end)? != end => {
                return Err("a CNAME record with more than a name");
            }
            // Two names and five numbers; the last of these is the one that counts here.
            TYPE_SOA if self.name(data, end).and_then(|next| self.name(next, end))? + 20 != end => {
                return Err("an SOA record of the wrong length");
            }
            _ => {}
        }
        Ok(Record { kind, ttl, end })
    }

    /// Goes over a name, pointers included, and gives where it ends in the record. `limit` holds
    /// for the part before the first pointer. A pointer may only go to before the place where the
    /// piece that holds it begins, so that a chain of them always ends (RFC 1035, section 4.1.4:
    /// "a prior occurrence").
    fn name(&mut self, start: usize, limit: usize) -> Result<usize, Flaw> {
        let (mut position, mut piece, mut limit) = (start, start, limit);
        let mut length = 1;
        let mut end = None;
        loop {
            self.steps += 1;
            if self.steps > MAX_STEPS {
                return Err("too many labels and pointers");
            }
            let octet = if position < limit {
                byte(self.message, position)?
            } else {
                return Err("a name goes past the end");
            };
            match octet {
                0 => return Ok(end.unwrap_or(position + 1)),
                1..=63 => {
                    length += 1 + usize::from(octet);
                    position += 1 + usize::from(octet);
                    if length > MAX_WIRE_NAME {
                        return Err("a name of more than 255 octets");
                    }
                }
                0xC0.. => {
                    if position + 2 > limit {
                        return Err("a name goes past the end");
                    }
                    let target = usize::from(word(self.message, position)? & 0x3FFF);
                    if target >= piece {
                        return Err("a compression pointer that does not go back");
                    }
                    end.get_or_insert(position + 2);
                    (position, piece, limit) = (target, target, self.message.len());
                }
                64..=0xBF => return Err("a label of more than 63 octets"),
            }
        }
    }
}

fn byte(message: &[u8], position: usize) -> Result<u8, Flaw> {
    message.get(position).copied().ok_or("it ends in the middle")
}

fn word(message: &[u8], position: usize) -> Result<u16, Flaw> {
    let bytes = message.get(position..).and_then(<[u8]>::first_chunk).ok_or("it ends in the middle")?;
    Ok(u16::from_be_bytes(*bytes))
}

fn long(message: &[u8], position: usize) -> Result<u32, Flaw> {
    let bytes = message.get(position..).and_then(<[u8]>::first_chunk).ok_or("it ends in the middle")?;
    Ok(u32::from_be_bytes(*bytes))
}
