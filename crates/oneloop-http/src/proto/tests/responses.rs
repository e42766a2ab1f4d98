//! The response reader against the table, and what a table cannot say.

use super::cases::{Expect, RESPONSES};
use super::*;
use crate::proto::Framing;

/// The table is written as text; a `char` is an octet.
fn octets(text: &str) -> Vec<u8> {
    text.chars().map(|c| u8::try_from(u32::from(c)).expect("Latin-1 in the table")).collect()
}

#[test]
fn each_response_comes_to_what_the_table_says() {
    for case in RESPONSES {
        let outcome = read_whole(false, &octets(case.bytes));
        match &case.expect {
            Expect::Ok(status, body, persistent) => {
                assert_eq!(outcome.end, Some(Ok(*persistent)), "{}", case.name);
                assert_eq!(outcome.head.map(|head| head.status.as_u16()), Some(*status), "{}", case.name);
                assert_eq!(outcome.body, body.as_bytes(), "{}", case.name);
                assert_eq!(outcome.left_over, 0, "{}", case.name);
            }
            Expect::Err(kind) => {
                let found = outcome.end.map(|end| end.map_err(|(kind, _)| kind));
                assert_eq!(found, Some(Err(*kind)), "{}", case.name);
            }
        }
    }
}

#[test]
fn cutting_the_bytes_anywhere_changes_nothing() {
    for case in RESPONSES {
        let bytes = octets(case.bytes);
        let whole = read_whole(false, &bytes);
        let one_by_one: Vec<&[u8]> = bytes.chunks(1).collect();
        let dripped = read(&mut ResponseReader::new(false, small_limits()), &one_by_one);
        assert_eq!(dripped, whole, "{} byte by byte", case.name);
        for cut in 0..=bytes.len() {
            let pieces = [&bytes[..cut], &bytes[cut..]];
            let outcome = read(&mut ResponseReader::new(false, small_limits()), &pieces);
            assert_eq!(outcome, whole, "{} cut at {cut}", case.name);
        }
    }
}

/// Ending a good response early is always noticed, except where its close is its end.
#[test]
fn a_response_cut_off_anywhere_is_an_error_or_delimited_by_its_close() {
    for case in RESPONSES {
        let Expect::Ok(_, body, _) = case.expect else { continue };
        let bytes = octets(case.bytes);
        let whole = read_whole(false, &bytes);
        let framing = whole.head.expect("a good response has a head").framing;
        for end in 0..bytes.len() {
            let mut reader = ResponseReader::new(false, small_limits());
            let outcome = read(&mut reader, &[&bytes[..end]]);
            match outcome.end.expect("an end") {
                Ok(persistent) => {
                    assert_eq!(framing, Framing::Close, "{} ended at {end}", case.name);
                    assert!(!persistent && body.as_bytes().starts_with(&outcome.body));
                }
                Err((kind, _)) => {
                    let expected = match (&outcome.head, end) {
                        (_, 0) => ProtoErrorKind::EmptyReply,
                        (None, _) => ProtoErrorKind::TruncatedHead,
                        (Some(_), _) => ProtoErrorKind::TruncatedBody,
                    };
                    assert_eq!(kind, expected, "{} ended at {end}", case.name);
                }
            }
        }
    }
}

#[test]
fn bytes_beyond_the_body_stay_with_the_caller() {
    for case in RESPONSES {
        let Expect::Ok(..) = case.expect else { continue };
        let mut bytes = octets(case.bytes);
        let whole = read_whole(false, &bytes);
        if whole.head.as_ref().is_some_and(|head| head.framing == Framing::Close) {
            continue;
        }
        bytes.extend_from_slice(b"HTTP/1.1 200 OK\r\n");
        let longer = read_whole(false, &bytes);
        assert_eq!(longer.left_over, 17, "{}", case.name);
        assert_eq!(longer.body, whole.body, "{}", case.name);
        assert_eq!(longer.end, whole.end, "{}", case.name);
    }
}

#[test]
fn a_head_response_has_no_body_whatever_it_says() {
    for (fields, persistent) in [
        ("Content-Length: 5\r\n", true),
        ("Content-Length: 5000000\r\n", true),
        ("Transfer-Encoding: chunked\r\n", true),
        ("", true),
        ("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", false),
        ("Content-Length: 5\r\nContent-Length: 6\r\n", false),
        ("Transfer-Encoding: gzip\r\n", false),
        ("Connection: close\r\n", false),
    ] {
        let outcome = read_whole(true, format!("HTTP/1.1 200 OK\r\n{fields}\r\n").as_bytes());
        assert_eq!(outcome.end, Some(Ok(persistent)), "{fields}");
        assert_eq!(outcome.body, b"", "{fields}");
    }
}

#[test]
fn length_and_chunks_end_without_the_close() {
    let length = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi";
    let chunks = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n";
    for bytes in [&length[..], chunks] {
        let mut reader = ResponseReader::new(false, Limits::default());
        let mut at = 0;
        loop {
            let (used, event) = reader.feed(&bytes[at..]).unwrap();
            at += used;
            match event {
                Event::End { .. } => break,
                Event::NeedMore => panic!("waits for more after a complete message"),
                _ => {}
            }
        }
        assert!(reader.is_done());
        assert_eq!(reader.body_bytes(), 2);
        // The close that follows is harmless, and leaves nothing to use again.
        assert_eq!(reader.eof(), Ok(Event::End { persistent: false }));
    }
}

#[test]
fn fields_keep_order_case_repeats_and_bytes() {
    let bytes = b"HTTP/1.1 404 Not \xe9 found\r\nSet-Cookie: a=1\r\nX-Raw: \xff\r\nset-cookie: b=2\r\nEmpty:\r\n\r\n";
    let head = read_whole(false, bytes).head.unwrap();
    assert_eq!(head.reason(), b"Not \xe9 found");
    assert_eq!(head.version, http::Version::HTTP_11);
    let fields: Vec<_> = head.headers.iter().collect();
    assert_eq!(fields, [("Set-Cookie", &b"a=1"[..]), ("X-Raw", b"\xff"), ("set-cookie", b"b=2"), ("Empty", b"")],);
    let cookies: Vec<_> = head.headers.get_all("SET-COOKIE").collect();
    assert_eq!(cookies, [b"a=1", b"b=2"]);
    assert_eq!(head.headers.get_str("x-raw"), None);
    assert_eq!(head.headers.get("empty"), Some(&b""[..]));
    assert_eq!(head.headers.get("absent"), None);
}

#[test]
fn a_folded_value_is_joined_with_spaces() {
    let bytes = b"HTTP/1.1 200 OK\r\nX: one\r\n two\n\tthree\r\nY: z\r\n\r\n";
    let head = read_whole(false, bytes).head.unwrap();
    assert_eq!(head.headers.get("x"), Some(&b"one   two \tthree"[..]));
    assert_eq!(head.headers.get("y"), Some(&b"z"[..]));
}

#[test]
fn trailers_and_interim_fields_stay_out_of_the_headers() {
    let bytes = b"HTTP/1.1 103 Early\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n\
        0\r\nDigest: x\r\nContent-Length: 7\r\n\r\n";
    let outcome = read_whole(false, bytes);
    let headers = outcome.head.unwrap().headers;
    assert_eq!(outcome.interim, [103]);
    assert!(!headers.contains("link") && !headers.contains("digest") && !headers.contains("content-length"));
    assert_eq!(outcome.trailers.unwrap().get("digest"), Some(&b"x"[..]));
}

#[test]
fn every_octet_in_a_name_and_a_value_is_judged_by_the_grammar() {
    for octet in 0..=255u8 {
        // At both ends of names long enough for the vectorised paths.
        for pad in [0, 5, 40] {
            let pad = "a".repeat(pad);
            for (before, after) in [(format!("X{pad}"), "b: v"), (format!("X: {pad}"), "v")] {
                let in_name = !before.contains(':');
                let mut bytes = format!("HTTP/1.1 200 OK\r\n{before}").into_bytes();
                bytes.push(octet);
                bytes.extend_from_slice(format!("{after}\r\n\r\n").as_bytes());
                let good = if in_name {
                    // A colon ends the name early, and well.
                    crate::proto::headers::is_token_byte(octet) || octet == b':'
                } else {
                    crate::proto::headers::is_value_byte(octet)
                };
                // An LF begins a line "v" without colon, or one "b: v" after one without colon.
                let ended = read_whole(false, &bytes).end.unwrap();
                assert_eq!(ended.is_ok(), good, "{octet:#x} in {before:?}");
            }
        }
    }
}

#[test]
fn sixty_fields_and_values_of_eight_kilobytes_are_taken() {
    let mut bytes = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n".to_vec();
    for index in 0..60 {
        bytes.extend_from_slice(format!("X-{index}: {index}\r\n").as_bytes());
    }
    bytes.extend_from_slice(format!("Long: {}\r\n\r\n", "v".repeat(8192)).as_bytes());
    let outcome = read(&mut ResponseReader::new(false, Limits::default()), &[&bytes]);
    assert_eq!(outcome.end, Some(Ok(true)));
    let headers = outcome.head.unwrap().headers;
    assert_eq!(headers.len(), 62);
    assert_eq!(headers.get("long").map(<[u8]>::len), Some(8192));
}

/// Both at once: the limit of the whole must not take back what the rule allows of each.
#[test]
fn sixty_fields_of_eight_kilobytes_each_are_taken() {
    let mut bytes = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n".to_vec();
    for index in 0..60 {
        bytes.extend_from_slice(format!("X-{index}: {}\r\n", "v".repeat(8192)).as_bytes());
    }
    bytes.extend_from_slice(b"\r\n");
    for size in [bytes.len(), 16 * 1024] {
        let pieces: Vec<&[u8]> = bytes.chunks(size).collect();
        let outcome = read(&mut ResponseReader::new(false, Limits::default()), &pieces);
        assert_eq!(outcome.end, Some(Ok(true)), "in pieces of {size}");
        assert_eq!(outcome.head.unwrap().headers.len(), 61);
    }
}

#[test]
fn a_head_of_more_than_half_a_mebibyte_is_refused() {
    let bytes = format!("HTTP/1.1 200 OK\r\nX: {}", "v".repeat(512 * 1024));
    let outcome = read(&mut ResponseReader::new(false, Limits::default()), &[bytes.as_bytes()]);
    assert_eq!(outcome.end.unwrap().unwrap_err().0, ProtoErrorKind::HeadTooLarge);
}

#[test]
fn heads_are_bounded_in_bytes_fields_and_first_line() {
    let field = "X: 0123456789\r\n";
    let good = format!("HTTP/1.1 204 No\r\n{}\r\n", field.repeat(35));
    let too_long = format!("HTTP/1.1 200 OK\r\nX: {}\r\n\r\n", "v".repeat(600));
    let too_many = format!("HTTP/1.1 200 OK\r\n{}\r\n", "X:\r\n".repeat(41));
    let just_enough = format!("HTTP/1.1 204 No\r\n{}\r\n", "X:\r\n".repeat(40));
    assert_eq!(read_whole(false, good.as_bytes()).end, Some(Ok(true)));
    assert_eq!(read_whole(false, just_enough.as_bytes()).end, Some(Ok(true)));
    for bad in [too_long, too_many] {
        for size in [1, 7, 10_000] {
            let pieces: Vec<&[u8]> = bad.as_bytes().chunks(size).collect();
            let outcome = read(&mut ResponseReader::new(false, small_limits()), &pieces);
            let kind = outcome.end.unwrap().unwrap_err().0;
            assert_eq!(kind, ProtoErrorKind::HeadTooLarge);
            assert_eq!(kind.class(), "too-large");
        }
    }
    let endless_reason = format!("HTTP/1.1 200 {}", "x".repeat(100_000));
    let outcome = read(&mut ResponseReader::new(false, Limits::default()), &[endless_reason.as_bytes()]);
    assert_eq!(outcome.end.unwrap().unwrap_err().0, ProtoErrorKind::HeadTooLarge);
}

/// Found by the fuzz target `response`: httparse looks at the rest of a line before it says that there is no room for
/// it, so which fault was told depended on the cuts.
#[test]
fn a_fault_behind_too_many_fields_is_told_the_same_however_it_is_cut() {
    for (fields, max) in [(3, 3), (64, 64), (70, 70), (64, 100), (2, 3)] {
        for behind in
            ["Y: \u{1}\r\n\r\n", "Y: a\n b\u{1}\r\n\r\n", "Y z: a\r\n\r\n", "\u{1}", "\rx", "\n", " y\r\n\r\n", "Y"]
        {
            let limits = Limits { max_headers: max, ..Limits::default() };
            let bytes = format!("HTTP/1.1 200 OK\r\nX: f\n g\r\n{}{behind}", "X: a\r\n".repeat(fields - 1));
            let outcome = |size: usize| {
                let pieces: Vec<&[u8]> = bytes.as_bytes().chunks(size).collect();
                read(&mut ResponseReader::new(false, limits), &pieces)
            };
            let whole = outcome(usize::MAX);
            for size in [1, 2, 5] {
                assert_eq!(outcome(size), whole, "{fields} of {max} fields, then {behind:?}");
            }
            let too_many = fields == max && behind.starts_with(['Y', '\u{1}']);
            let kind = whole.end.and_then(Result::err).map(|(kind, _)| kind);
            assert_eq!(kind == Some(ProtoErrorKind::HeadTooLarge), too_many, "{fields} of {max}, {behind:?}: {kind:?}");
        }
    }
}

/// The work for a dripped head is counted, not timed: how many bytes were handed to the field parser.
#[test]
fn a_dripped_head_is_not_parsed_again_at_every_byte() {
    use crate::proto::head::Section;
    use std::cell::Cell;

    let parsed = Cell::new(0);
    let head = format!("{}\r\n\r\n", "x".repeat(60_000));
    let mut section = Section::default();
    for (at, byte) in head.bytes().enumerate() {
        let result = section.feed(&[byte], 1 << 20, |bytes| {
            parsed.set(parsed.get() + bytes.len());
            Ok(bytes.ends_with(b"\r\n\r\n").then_some((bytes.len(), ())))
        });
        assert_eq!(result, Ok((1, (at + 1 == head.len()).then_some(()))));
    }
    assert!(parsed.get() < 4 * head.len(), "{} bytes parsed for {}", parsed.get(), head.len());
}

#[test]
fn a_fault_early_in_a_head_does_not_wait_for_its_end() {
    for bytes in ["SSH-2.0-x", "HTTP/1.1 200 OK\r\nno colon\r\n", "HTTP/1.1 20", "\r\r"] {
        let mut reader = ResponseReader::new(false, Limits::default());
        let fed = reader.feed(bytes.as_bytes());
        assert_eq!(fed.is_err(), bytes != "HTTP/1.1 20", "{bytes:?}");
    }
}

/// What is read of a body is bounded, so an endless one ends; and a huge declared one is never waited for.
#[test]
fn a_body_over_the_limit_fails_at_its_declaration_with_its_head_known() {
    let mut reader = ResponseReader::new(false, small_limits());
    let bytes = b"HTTP/1.1 200 OK\r\nContent-Length: 101\r\n\r\n";
    let (used, event) = reader.feed(bytes).unwrap();
    assert_eq!(used, bytes.len());
    assert!(matches!(event, Event::Head(head) if head.framing == Framing::Length(101)));
    assert_eq!(reader.feed(b"").unwrap_err().kind, ProtoErrorKind::BodyTooLarge);
}

#[test]
fn interim_heads_are_bounded_in_bytes_too() {
    let interim = format!("HTTP/1.1 103 Early\r\nX: {}\r\n\r\n", "v".repeat(400));
    let outcome = read_whole(false, interim.repeat(2).as_bytes());
    assert_eq!(outcome.interim, [103]);
    assert_eq!(outcome.end.unwrap().unwrap_err().0, ProtoErrorKind::HeadTooLarge);
}

/// Damaged copies of the table: nothing panics, and cutting changes nothing for them either. The seed is fixed, so that
/// a failure repeats.
#[test]
fn damaged_responses_come_to_the_same_however_they_are_cut() {
    let mut random = fastrand::Rng::with_seed(9112);
    for case in RESPONSES {
        for _ in 0..60 {
            let mut bytes = octets(case.bytes);
            for _ in 0..random.usize(1..4) {
                let at = random.usize(0..=bytes.len());
                let octet = *random.choice(b"\r\n\t :;,0a\0\x7f\xff").unwrap();
                match random.u8(0..4) {
                    0 => bytes.insert(at, octet),
                    1 if at < bytes.len() => bytes[at] = octet,
                    2 if at < bytes.len() => drop(bytes.remove(at)),
                    _ => bytes.truncate(at),
                }
            }
            let whole = read_whole(false, &bytes);
            let mut pieces: Vec<&[u8]> = Vec::new();
            let mut rest = &bytes[..];
            while !rest.is_empty() {
                let (piece, after) = rest.split_at(random.usize(1..=rest.len().min(9)));
                pieces.push(piece);
                rest = after;
            }
            let cut = read(&mut ResponseReader::new(false, small_limits()), &pieces);
            assert_eq!(cut, whole, "{} as {:?}", case.name, bytes.escape_ascii().to_string());
        }
    }
}
