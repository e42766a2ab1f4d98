//! One DNS question, and what a message that comes back says about it. Bytes in, verdict out: no
//! socket, no clock.
//!
//! Neighbours: `exchange.rs` sends the bytes and acts on the [`Verdict`]; `shape.rs` has looked at
//! each message before simple-dns reads it. Invariants: a message that is not the answer to this
//! very question is a [`Verdict::Stray`] and changes nothing (RFC 5452, section 9.1); whatever the
//! bytes are, [`Query::check`] returns, in time and memory bounded by `shape.rs`. Counterparts:
//! libc's `res_mkquery` and `res_nsend`, which asyncio and .NET reach through `getaddrinfo`.

use std::net::IpAddr;

use simple_dns::rdata::{OPT, RData};
use simple_dns::{CLASS, Name, Packet, PacketFlag, Question, ResourceRecord, SimpleDnsError, TYPE};

use super::shape::{self, HEADER};

/// What we offer to receive over UDP: fits into IPv6's smallest MTU, so that nothing is fragmented
/// (RFC 9715; DNS flag day 2020).
pub(super) const UDP_PAYLOAD: u16 = 1232;
/// Aliases followed for one name: within an answer here, over several answers in `lookup.rs`.
pub(super) const MAX_ALIASES: usize = 16;
/// Addresses kept from one answer. Nobody tries that many.
const MAX_ADDRESSES: usize = 64;

const FLAG_RESPONSE: u16 = 0x8000;
const MASK_OPCODE: u16 = 0x7800;
const FLAG_AUTHORITATIVE: u16 = 0x0400;
const FLAG_TRUNCATED: u16 = 0x0200;
const FLAG_RECURSION_AVAILABLE: u16 = 0x0080;
const MASK_RCODE: u16 = 0x000F;

/// Which kind of address is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum RecordType {
    A,
    Aaaa,
}

impl RecordType {
    /// Its name in zone files, for sentences.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::A => "A",
            Self::Aaaa => "AAAA",
        }
    }

    fn wire(self) -> TYPE {
        match self {
            Self::A => TYPE::A,
            Self::Aaaa => TYPE::AAAA,
        }
    }
}

/// A question that is on its way.
#[derive(Debug)]
pub(super) struct Query {
    record: RecordType,
    name: Name<'static>,
    /// The whole message: header, question and, with EDNS, the OPT record.
    bytes: Vec<u8>,
    /// Where the question ends in it.
    question_end: usize,
}

/// What an answer was worth keeping for, and for how long.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Addresses {
    pub(super) addresses: Vec<IpAddr>,
    /// The smallest TTL of the records that led here.
    pub(super) ttl: u32,
}

/// What a message says about a query.
#[derive(Debug, PartialEq)]
pub(super) enum Verdict {
    /// Not an answer to this query. Ignored, and waiting goes on; the reason is for tests.
    Stray(&'static str),
    /// The answer did not fit: the same server has the whole of it over TCP.
    Truncated,
    /// At least one address.
    Found(Addresses),
    /// The name is another's alias, and the answer says nothing of that one: ask again.
    Alias(Name<'static>),
    /// The name exists without such an address. The TTL is the negative answer's; `alias` is the last name that the one
    /// asked for is an alias of, if it is one: then that is the one without.
    NoData { ttl: Option<u32>, alias: Option<Name<'static>> },
    /// The name does not exist, or the one that it is an alias of (RFC 6604, section 3).
    NxDomain { ttl: Option<u32>, alias: Option<Name<'static>> },
    /// The server failed.
    ServFail,
    /// The server does not want to answer.
    Refused,
    /// The server doesn't understand the query: EDNS may be what it doesn't know.
    NotUnderstood(u16),
    /// Neither an answer nor a server that would look further: nothing here to build on.
    Lame,
    /// Any other response code.
    OtherCode(u16),
    /// The message breaks the format: this server's fault.
    Malformed(shape::Flaw),
}

impl Query {
    /// Writes the message: one question, recursion desired, and an OPT record when `edns`.
    pub(super) fn new(id: u16, name: Name<'static>, record: RecordType, edns: bool) -> Result<Self, SimpleDnsError> {
        let mut packet = Packet::new_query(id);
        packet.set_flags(PacketFlag::RECURSION_DESIRED);
        packet.questions.push(Question::new(name.clone(), record.wire().into(), CLASS::IN.into(), false));
        if edns {
            *packet.opt_mut() = Some(OPT { opt_codes: Vec::new(), udp_packet_size: UDP_PAYLOAD, version: 0 });
        }
        let bytes = packet.build_bytes_vec()?;
        // The name, its type and its class; simple-dns does not compress a question.
        let question_end = HEADER + name.as_bytes().map(|label| label.len() + 1).sum::<usize>() + 1 + 4;
        Ok(Self { record, name, bytes, question_end })
    }

    /// The message as UDP carries it. TCP puts its length in front.
    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Judges a message that came from the server's address and port.
    pub(super) fn check(&self, message: &[u8]) -> Verdict {
        if message.len() < HEADER {
            return Verdict::Stray("shorter than a header");
        }
        if message[..2] != self.bytes[..2] {
            return Verdict::Stray("another id");
        }
        let (Ok(flags), Ok(questions)) = (shape::header_word(message, 1), shape::header_word(message, 2)) else {
            return Verdict::Stray("shorter than a header");
        };
        if flags & FLAG_RESPONSE == 0 || flags & MASK_OPCODE != 0 {
            return Verdict::Stray("not a response to a query");
        }
        let rcode = flags & MASK_RCODE;
        if questions == 0 {
            return without_question(rcode);
        }
        // Names without regard to case: the comparison below can't mistake a length octet, a type
        // or a class for a letter, as those are all below `A`.
        let asked = &self.bytes[HEADER..self.question_end];
        let same = message.get(HEADER..self.question_end).is_some_and(|theirs| theirs.eq_ignore_ascii_case(asked));
        if questions != 1 || !same {
            return Verdict::Stray("another question");
        }
        if flags & FLAG_TRUNCATED != 0 {
            return Verdict::Truncated;
        }
        if matches!(rcode, 1 | 4) {
            // What else it holds may be no good: some send the query back without its OPT record, which is still counted.
            return Verdict::NotUnderstood(rcode);
        }
        match shape::walk(message, self.question_end) {
            Ok(shape) => self.read(message, flags, &shape),
            Err(flaw) => Verdict::Malformed(flaw),
        }
    }

    /// Reads a message that answers this question and is in good order.
    fn read(&self, message: &[u8], flags: u16, shape: &shape::Shape) -> Verdict {
        let rcode = u16::from(shape.extended_rcode) << 4 | flags & MASK_RCODE;
        match rcode {
            0 | 3 => {}
            16 => return Verdict::NotUnderstood(rcode),
            2 => return Verdict::ServFail,
            5 => return Verdict::Refused,
            other => return Verdict::OtherCode(other),
        }
        let answers = self.answers_alone(message, shape);
        let Ok(packet) = Packet::parse(&answers) else {
            return Verdict::Malformed("a record that can't be read");
        };
        let chain = match self.follow(&packet.answers) {
            Ok(chain) => chain,
            Err(flaw) => return Verdict::Malformed(flaw),
        };
        let ttl = shape.negative_ttl.map(|ttl| in_bounds(ttl).min(chain.ttl));
        let alias = || chain.target.map(|target| target.clone().into_owned());
        if rcode == 3 {
            return Verdict::NxDomain { ttl, alias: alias() };
        }
        if !chain.addresses.is_empty() {
            return Verdict::Found(Addresses { addresses: chain.addresses, ttl: chain.ttl });
        }
        match chain.target {
            // With an SOA the answer is complete: the alias's target has no such address (RFC 2308,
            // section 2.2). Without, the server may not have looked.
            Some(target) if ttl.is_none() => Verdict::Alias(target.clone().into_owned()),
            None if ttl.is_none() && flags & (FLAG_AUTHORITATIVE | FLAG_RECURSION_AVAILABLE) == 0 => Verdict::Lame,
            _ => Verdict::NoData { ttl, alias: alias() },
        }
    }

    /// The message up to its last answer, its header saying so: what comes after can't hold what we
    /// look for, and one odd record there is no reason to give up. Reserved header bits, which
    /// simple-dns refuses, are cleared for the same reason.
    fn answers_alone(&self, message: &[u8], shape: &shape::Shape) -> Vec<u8> {
        let mut answers = message.get(..shape.answers_end).unwrap_or(message).to_vec();
        if let Some(header) = answers.first_chunk_mut::<HEADER>() {
            header[3] &= !0x40;
            header[8..].fill(0);
        }
        answers
    }

    /// Goes from the name asked for through its aliases to the addresses of the last one.
    fn follow<'a>(&'a self, answers: &'a [ResourceRecord<'a>]) -> Result<Chain<'a>, shape::Flaw> {
        let mut chain = Chain { target: None, addresses: Vec::new(), ttl: u32::MAX };
        for _ in 0..=MAX_ALIASES {
            let owner = chain.target.unwrap_or(&self.name);
            let mut alias = None;
            for answer in answers.iter().filter(|answer| is_internet(answer) && answer.name == *owner) {
                match (&answer.rdata, self.record) {
                    (RData::A(a), RecordType::A) => chain.add(answer.ttl, IpAddr::from(a.address.to_be_bytes())),
                    (RData::AAAA(a), RecordType::Aaaa) => chain.add(answer.ttl, IpAddr::from(a.address.to_be_bytes())),
                    (RData::CNAME(target), _) => alias = alias.or(Some((&target.0, answer.ttl))),
                    _ => {}
                }
            }
            match alias {
                Some((target, ttl)) if chain.addresses.is_empty() => {
                    chain.target = Some(target);
                    chain.ttl = chain.ttl.min(in_bounds(ttl));
                }
                _ => return Ok(chain),
            }
        }
        Err("aliases that never end")
    }
}

/// What a message that repeats no question may say: that the server fails, or does not understand. Servers from before
/// EDNS send the bare header back, and so do some that are overloaded or do not serve us. Nothing that holds of a name is
/// taken from it: whoever guesses id and port could otherwise say it of any.
fn without_question(rcode: u16) -> Verdict {
    match rcode {
        0 | 3 => Verdict::Stray("an answer without its question"),
        1 | 4 => Verdict::NotUnderstood(rcode),
        2 => Verdict::ServFail,
        5 => Verdict::Refused,
        other => Verdict::OtherCode(other),
    }
}

/// simple-dns reads the class's top bit as multicast DNS's "flush your cache", which has no place here.
fn is_internet(record: &ResourceRecord<'_>) -> bool {
    record.class == CLASS::IN && !record.cache_flush
}

/// Where the aliases of an answer lead.
struct Chain<'a> {
    /// The last alias's target; `None` while there was no alias.
    target: Option<&'a Name<'a>>,
    addresses: Vec<IpAddr>,
    ttl: u32,
}

impl Chain<'_> {
    fn add(&mut self, ttl: u32, address: IpAddr) {
        if self.addresses.len() < MAX_ADDRESSES && !self.addresses.contains(&address) {
            self.addresses.push(address);
        }
        self.ttl = self.ttl.min(in_bounds(ttl));
    }
}

/// A TTL with the top bit set means zero (RFC 2181, section 8).
fn in_bounds(ttl: u32) -> u32 {
    if ttl > i32::MAX as u32 { 0 } else { ttl }
}

#[cfg(test)]
#[path = "message_tests.rs"]
mod tests;
