//! What servers, and those who pretend to be servers, may send.

use super::*;
use crate::resolver::names::wire_name;

const IN: u16 = 1;
const A: u16 = 1;
const CNAME: u16 = 5;
const SOA: u16 = 6;
const AAAA: u16 = 28;
const OPT_TYPE: u16 = 41;
/// A pointer to the name of the question.
const ASKED: &[u8] = &[0xC0, 12];

fn query(name: &str, record: RecordType) -> Query {
    Query::new(0xBEEF, wire_name(name), record, true).unwrap()
}

fn ask() -> Query {
    query("www.example", RecordType::A)
}

fn wire(name: &str) -> Vec<u8> {
    let mut bytes: Vec<u8> = Vec::new();
    for label in name.split('.').filter(|label| !label.is_empty()) {
        bytes.push(label.len() as u8);
        bytes.extend_from_slice(label.as_bytes());
    }
    bytes.push(0);
    bytes
}

/// A message written by hand, byte by byte, so that it can be wrong in every way.
struct Message(Vec<u8>);

impl Message {
    /// The answer to `query` with these flags and nothing in it yet.
    fn to(query: &Query, flags: u16) -> Self {
        let mut bytes = query.as_bytes()[..query.question_end].to_vec();
        bytes[2..4].copy_from_slice(&(0x8180 | flags).to_be_bytes());
        bytes[4..12].copy_from_slice(&[0, 1, 0, 0, 0, 0, 0, 0]);
        Self(bytes)
    }

    /// Appends a record and counts it in the header's word `section` (3, 4 or 5).
    fn record(mut self, section: usize, name: &[u8], kind: u16, class: u16, ttl: u32, data: &[u8]) -> Self {
        self.0.extend_from_slice(name);
        self.0.extend_from_slice(&kind.to_be_bytes());
        self.0.extend_from_slice(&class.to_be_bytes());
        self.0.extend_from_slice(&ttl.to_be_bytes());
        self.0.extend_from_slice(&(data.len() as u16).to_be_bytes());
        self.0.extend_from_slice(data);
        let count = u16::from_be_bytes([self.0[section * 2], self.0[section * 2 + 1]]) + 1;
        self.0[section * 2..section * 2 + 2].copy_from_slice(&count.to_be_bytes());
        self
    }

    fn answer(self, name: &[u8], kind: u16, ttl: u32, data: &[u8]) -> Self {
        self.record(3, name, kind, IN, ttl, data)
    }

    fn soa(self, ttl: u32, minimum: u32) -> Self {
        let mut data = [wire("ns.example"), wire("me.example")].concat();
        data.extend_from_slice(&[0; 16]);
        data.extend_from_slice(&minimum.to_be_bytes());
        self.record(4, &wire("example"), SOA, IN, ttl, &data)
    }

    fn verdict(&self, query: &Query) -> Verdict {
        query.check(&self.0)
    }
}

fn found(addresses: &[&str], ttl: u32) -> Verdict {
    Verdict::Found(Addresses { addresses: addresses.iter().map(|text| text.parse().unwrap()).collect(), ttl })
}

fn is_stray(verdict: &Verdict) -> bool {
    matches!(verdict, Verdict::Stray(_))
}

fn is_malformed(verdict: &Verdict) -> bool {
    matches!(verdict, Verdict::Malformed(_))
}

#[test]
fn the_query_is_what_rfc_1035_and_6891_say() {
    let query = query("www.example", RecordType::Aaaa);
    let mut expected = vec![0xBE, 0xEF, 0x01, 0x00, 0, 1, 0, 0, 0, 0, 0, 1];
    expected.extend_from_slice(b"\x03www\x07example\x00\x00\x1c\x00\x01");
    assert_eq!(query.question_end, expected.len());
    expected.extend_from_slice(&[0, 0, 41, 0x04, 0xD0, 0, 0, 0, 0, 0, 0]);
    assert_eq!(query.as_bytes(), expected);
    let plain = Query::new(0xBEEF, wire_name("www.example"), RecordType::Aaaa, false).unwrap();
    assert_eq!(plain.as_bytes()[12..], expected[12..query.question_end]);
    assert_eq!(plain.as_bytes()[10..12], [0, 0]);
}

#[test]
fn addresses_of_the_type_asked_for() {
    let both = |query: &Query| {
        Message::to(query, 0)
            .answer(ASKED, A, 300, &[192, 0, 2, 1])
            .answer(ASKED, AAAA, 60, &[0x20, 1, 0xD, 0xB8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1])
            .answer(&wire("WWW.Example"), A, 200, &[192, 0, 2, 2])
            .answer(ASKED, A, 300, &[192, 0, 2, 1])
            .verdict(query)
    };
    assert_eq!(both(&ask()), found(&["192.0.2.1", "192.0.2.2"], 200));
    assert_eq!(both(&query("www.example", RecordType::Aaaa)), found(&["2001:db8::1"], 60));
}

#[test]
fn records_of_other_names_and_classes_are_no_answer() {
    let query = ask();
    let message = Message::to(&query, 0)
        .answer(&wire("evil.example"), A, 300, &[192, 0, 2, 66])
        .record(3, ASKED, A, 3, 300, &[192, 0, 2, 67])
        .record(3, ASKED, A, 0x8001, 300, &[192, 0, 2, 68])
        .record(5, ASKED, A, IN, 300, &[192, 0, 2, 69]);
    assert_eq!(message.verdict(&query), Verdict::NoData { ttl: None, alias: None });
}

#[test]
fn what_is_not_the_answer_to_this_question_is_ignored() {
    let query = ask();
    let good = Message::to(&query, 0).answer(ASKED, A, 1, &[192, 0, 2, 1]).0;
    let change = |at: usize, to: u8| {
        let mut bytes = good.clone();
        bytes[at] = to;
        query.check(&bytes)
    };
    assert_eq!(query.check(&good), found(&["192.0.2.1"], 1));
    assert!(is_stray(&change(0, 0xBF)), "id");
    assert!(is_stray(&change(1, 0xEE)), "id");
    assert!(is_stray(&change(2, 0x01)), "a query, not a response");
    assert!(is_stray(&change(2, 0x91)), "opcode");
    assert!(is_stray(&change(5, 2)), "two questions");
    assert!(is_stray(&change(5, 0)), "no question");
    assert!(is_stray(&change(13, b'x')), "name");
    assert!(is_stray(&change(query.question_end - 3, 28)), "type");
    assert!(is_stray(&change(query.question_end - 1, 3)), "class");
    for length in 0..query.question_end {
        assert!(is_stray(&query.check(&good[..length])), "{length} octets");
    }
    assert_eq!(change(13, b'W'), found(&["192.0.2.1"], 1), "case does not matter");
}

#[test]
fn response_codes() {
    let query = ask();
    let code = |code: u16| Message::to(&query, code).verdict(&query);
    assert_eq!(code(1), Verdict::NotUnderstood(1));
    assert_eq!(code(2), Verdict::ServFail);
    assert_eq!(code(3), Verdict::NxDomain { ttl: None, alias: None });
    assert_eq!(code(4), Verdict::NotUnderstood(4));
    assert_eq!(code(5), Verdict::Refused);
    assert_eq!(code(9), Verdict::OtherCode(9));
    let badvers = Message::to(&query, 0).record(5, &[0], OPT_TYPE, 1232, 1 << 24, &[]);
    assert_eq!(badvers.verdict(&query), Verdict::NotUnderstood(16));
    // A bare header: what a server from before EDNS makes of a query that it can't read.
    assert_eq!(query.check(&[0xBE, 0xEF, 0x81, 0x81, 0, 0, 0, 0, 0, 0, 0, 0]), Verdict::NotUnderstood(1));
    assert!(is_stray(&query.check(&[0xBE, 0xEF, 0x81, 0x83, 0, 0, 0, 0, 0, 0, 0, 0])));
}

#[test]
fn a_message_without_a_question_may_say_that_the_server_fails_and_nothing_of_a_name() {
    let query = ask();
    let bare = |code: u8| query.check(&[0xBE, 0xEF, 0x81, 0x80 | code, 0, 0, 0, 0, 0, 0, 0, 0]);
    assert_eq!(bare(1), Verdict::NotUnderstood(1));
    assert_eq!(bare(2), Verdict::ServFail);
    assert_eq!(bare(4), Verdict::NotUnderstood(4));
    assert_eq!(bare(5), Verdict::Refused);
    assert_eq!(bare(9), Verdict::OtherCode(9));
    assert!(is_stray(&bare(0)), "an answer");
    assert!(is_stray(&bare(3)), "that a name does not exist");
    let others_id = [0xBE, 0xEE, 0x81, 0x82, 0, 0, 0, 0, 0, 0, 0, 0];
    assert!(is_stray(&query.check(&others_id)), "of another query");
}

#[test]
fn negative_answers_and_how_long_they_hold() {
    let query = ask();
    let nothing = Message::to(&query, 0).soa(900, 60).verdict(&query);
    assert_eq!(nothing, Verdict::NoData { ttl: Some(60), alias: None });
    let no_name = Message::to(&query, 3).soa(30, 60).verdict(&query);
    assert_eq!(no_name, Verdict::NxDomain { ttl: Some(30), alias: None });
    // An address with NXDOMAIN contradicts itself; the code counts.
    let odd = Message::to(&query, 3).answer(ASKED, A, 1, &[192, 0, 2, 1]).verdict(&query);
    assert_eq!(odd, Verdict::NxDomain { ttl: None, alias: None });
    // Nothing, from a server that neither knows the zone nor asks others.
    let mut lame = Message::to(&query, 0);
    lame.0[3] = 0;
    assert_eq!(lame.verdict(&query), Verdict::Lame);
}

#[test]
fn truncation_is_seen_even_when_the_rest_is_cut() {
    let query = ask();
    let mut message = Message::to(&query, 0x0200).answer(ASKED, A, 1, &[192, 0, 2, 1]).0;
    assert_eq!(query.check(&message), Verdict::Truncated);
    message.truncate(query.question_end + 5);
    assert_eq!(query.check(&message), Verdict::Truncated);
}

#[test]
fn aliases_within_an_answer() {
    let query = ask();
    let chain = Message::to(&query, 0)
        .answer(&wire("b.example"), A, 300, &[192, 0, 2, 1])
        .answer(&wire("A.example"), CNAME, 20, &wire("B.example"))
        .answer(ASKED, CNAME, 100, &wire("a.EXAMPLE"));
    assert_eq!(chain.verdict(&query), found(&["192.0.2.1"], 20));
    let dangling = Message::to(&query, 0).answer(ASKED, CNAME, 100, &wire("far.example.net"));
    assert_eq!(dangling.verdict(&query), Verdict::Alias(wire_name("far.example.net")));
    let complete = dangling.soa(50, 60);
    assert_eq!(complete.verdict(&query), Verdict::NoData { ttl: Some(50), alias: Some(wire_name("far.example.net")) });
    let no_target = Message::to(&query, 3).answer(ASKED, CNAME, 10, &wire("gone.example")).soa(50, 60);
    assert_eq!(no_target.verdict(&query), Verdict::NxDomain { ttl: Some(10), alias: Some(wire_name("gone.example")) });
}

#[test]
fn aliases_that_never_end() {
    let query = ask();
    let to_itself = Message::to(&query, 0).answer(ASKED, CNAME, 1, ASKED);
    assert!(is_malformed(&to_itself.verdict(&query)));
    let circle = Message::to(&query, 0).answer(ASKED, CNAME, 1, &wire("a.example")).answer(
        &wire("a.example"),
        CNAME,
        1,
        &wire("www.example"),
    );
    assert!(is_malformed(&circle.verdict(&query)));
    let long = |aliases: usize| {
        let mut message = Message::to(&query, 0).answer(ASKED, CNAME, 1, &wire("n1"));
        for i in 1..aliases {
            message = message.answer(&wire(&format!("n{i}")), CNAME, 1, &wire(&format!("n{}", i + 1)));
        }
        message.answer(&wire(&format!("n{aliases}")), A, 1, &[192, 0, 2, 1]).verdict(&query)
    };
    assert_eq!(long(MAX_ALIASES), found(&["192.0.2.1"], 1));
    assert!(is_malformed(&long(MAX_ALIASES + 1)));
}

#[test]
fn malformed_names() {
    let query = ask();
    let end = query.question_end as u8;
    let named = |name: &[u8]| Message::to(&query, 0).answer(name, A, 1, &[192, 0, 2, 1]).verdict(&query);
    assert!(is_malformed(&named(&[0xC0, end])), "a pointer to itself");
    assert!(is_malformed(&named(&[1, b'a', 0xC0, end])), "a pointer to its own name's begin");
    assert!(is_malformed(&named(&[0xC0, end + 2, 0xC0, end])), "a pair of pointers");
    assert!(is_malformed(&named(&[0xC0, end + 4])), "a pointer forward");
    assert!(is_malformed(&named(&[0xFF, 0xFF])), "a pointer past the end");
    assert!(is_malformed(&named(&[0x40, 0])), "a label type that nobody uses");
    assert!(is_malformed(&named(&[0x80, 0])), "a label type that nobody uses");
    // A pointer into the header is back, and reads as the name `\x01\x00…` or breaks; both must end.
    let _ = named(&[0xC0, 0]);
    let label = [&[63_u8][..], &[b'a'; 63]].concat();
    let full = [&label[..], &label, &label, &[61], &[b'a'; 61], &[0]].concat();
    assert_eq!(full.len(), 255);
    assert_eq!(named(&full), Verdict::NoData { ttl: None, alias: None });
    let over = [&label[..], &label, &label, &[62], &[b'a'; 62], &[0]].concat();
    assert!(is_malformed(&named(&over)), "256 octets");
    // 250 octets, then a pointer to 13 more.
    let over = [&label[..], &label, &label, &[57], &[b'a'; 57], ASKED].concat();
    assert!(is_malformed(&named(&over)), "too long by a pointer");
}

#[test]
fn malformed_records() {
    let query = ask();
    let good = Message::to(&query, 0).answer(ASKED, A, 1, &[192, 0, 2, 1]).0;
    for length in query.question_end..good.len() {
        assert!(is_malformed(&query.check(&good[..length])), "cut after {length} octets");
    }
    for section in [7, 9, 11] {
        let mut more = good.clone();
        more[section] += 1;
        assert!(is_malformed(&query.check(&more)), "more records counted than there are");
        more[section - 1] = 0xFF;
        assert!(is_malformed(&query.check(&more)), "tens of thousands of records counted");
    }
    let mut less = good.clone();
    less[7] = 0;
    assert!(is_malformed(&query.check(&less)), "more records than counted");
    let with = |kind: u16, data: &[u8]| Message::to(&query, 0).answer(ASKED, kind, 1, data).verdict(&query);
    for length in [0, 3, 5, 16] {
        assert!(is_malformed(&with(A, &vec![1; length])), "an A record of {length} octets");
    }
    assert!(is_malformed(&with(AAAA, &[1; 4])));
    assert!(is_malformed(&with(CNAME, &[])));
    assert!(is_malformed(&with(CNAME, &[3, b'a'])));
    assert!(is_malformed(&with(CNAME, &[0, 0])));
    assert!(is_malformed(&Message::to(&query, 3).record(4, ASKED, SOA, IN, 1, &[0; 10]).verdict(&query)));
    let opts = Message::to(&query, 0).record(5, &[0], OPT_TYPE, 1232, 0, &[]).record(5, &[0], OPT_TYPE, 1232, 0, &[]);
    assert!(is_malformed(&opts.verdict(&query)));
}

#[test]
fn odd_records_beside_the_answer_spoil_nothing() {
    let query = ask();
    let mut message = Message::to(&query, 0)
        .answer(ASKED, 65_280, 1, &[9; 40]) // a type for private use
        .answer(ASKED, A, 1, &[192, 0, 2, 1])
        .record(4, ASKED, 16, IN, 1, &[200, 1]) // a TXT record that goes past its end
        .record(5, ASKED, 65_280, 999, 1, &[1, 2, 3])
        .record(5, &[0], OPT_TYPE, 4096, 0, &[0, 10, 0, 0]);
    message.0[3] |= 0x60; // reserved and "authentic data" bits
    assert_eq!(message.verdict(&query), found(&["192.0.2.1"], 1));
}

#[test]
fn a_full_tcp_message_is_read_and_bounded() {
    let query = ask();
    let mut many = Message::to(&query, 0);
    while many.0.len() < 65_000 {
        let octets = (many.0.len() as u32).to_be_bytes();
        many = many.answer(ASKED, A, 1, &octets);
    }
    let Verdict::Found(Addresses { addresses, .. }) = many.verdict(&query) else { panic!("4,000 addresses") };
    assert_eq!(addresses.len(), MAX_ADDRESSES);
    // Each record's name runs through 100 labels of the first one: work that grows faster than bytes.
    let labels = [1, b'a'].repeat(120);
    let mut heavy = Message::to(&query, 0).answer(&[&labels[..], &[0]].concat(), A, 1, &[192, 0, 2, 1]);
    let start = query.question_end as u8;
    while heavy.0.len() < 65_000 {
        heavy = heavy.answer(&[0xC0, start], A, 1, &[192, 0, 2, 1]);
    }
    assert_eq!(heavy.verdict(&query), Verdict::Malformed("too many labels and pointers"));
    // A ladder of 4,000 pointers, and thousands of names at its top.
    let mut ladder = Vec::new();
    let base = query.question_end + 12;
    ladder.extend_from_slice(ASKED);
    for rung in 0..4_000_u16 {
        ladder.extend_from_slice(&(0xC000 | (base as u16 + rung * 2)).to_be_bytes());
    }
    let mut message = Message::to(&query, 0).answer(ASKED, 99, 1, &ladder);
    let top = (0xC000 | (base as u16 + 8_000)).to_be_bytes();
    while message.0.len() < 65_000 {
        message = message.answer(&top, A, 1, &[192, 0, 2, 1]);
    }
    assert_eq!(message.verdict(&query), Verdict::Malformed("too many labels and pointers"));
}

/// Good messages with bytes changed, cut and repeated at random: any verdict will do, a panic won't.
#[test]
fn no_bytes_make_it_panic() {
    let query = ask();
    let good = Message::to(&query, 0)
        .answer(ASKED, CNAME, 100, &[1, b'a', 0xC0, 16])
        .answer(&[1, b'a', 0xC0, 16], A, 300, &[192, 0, 2, 1])
        .answer(ASKED, 16, 1, b"\x03txt")
        .soa(900, 60)
        .record(5, &[0], OPT_TYPE, 4096, 0, &[0, 10, 0, 2, 1, 2])
        .0;
    assert_eq!(query.check(&good), found(&["192.0.2.1"], 100));
    let mut random = fastrand::Rng::with_seed(1035);
    for _ in 0..50_000 {
        let mut bytes = good.clone();
        for _ in 0..random.usize(1..6) {
            // The question mostly stays as it is, or nothing behind it would ever be read.
            let from = if random.u8(..) < 16 { 2 } else { query.question_end };
            let at = random.usize(from..bytes.len());
            match random.u8(..8) {
                0 => bytes.truncate(at.max(query.question_end + 1)),
                1 => bytes.insert(at, random.u8(..)),
                2 => bytes[at] = 0xC0,
                3 => bytes[6 + random.usize(..6)] = random.u8(..4),
                _ => bytes[at] = random.u8(..),
            }
        }
        let _ = query.check(&bytes);
    }
}
