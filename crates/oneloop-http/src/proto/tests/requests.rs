//! The request writer, and the server's reader and writer.

use crate::proto::*;
use http::{Method, StatusCode};

fn written(target: &str, host: &str, headers: &Headers) -> Result<String, ProtoError> {
    let mut out = b"kept".to_vec();
    let request = RequestHead { method: &Method::GET, target, host, headers, body: BodyLength::None, close: false };
    let result = write_request(&mut out, &request);
    assert!(out.starts_with(b"kept") && (result.is_ok() || out == b"kept"));
    result.map(|()| String::from_utf8(out.split_off(4)).expect("ASCII"))
}

#[test]
fn a_get_is_its_line_its_host_and_the_callers_fields() {
    let mut headers = Headers::new();
    headers.push("User-Agent", "oneloop").unwrap();
    headers.push("x-twice", "1").unwrap();
    headers.push("X-Twice", "2").unwrap();
    assert_eq!(
        written("/a%2Fb?c=%20d", "[::1]:8080", &headers).unwrap(),
        "GET /a%2Fb?c=%20d HTTP/1.1\r\nHost: [::1]:8080\r\nUser-Agent: oneloop\r\nx-twice: 1\r\nX-Twice: 2\r\n\r\n",
    );
}

#[test]
fn a_target_that_could_inject_or_is_not_escaped_is_refused() {
    for target in [
        "",
        "a",
        "http://u@other/",
        "http:///",
        "http://other",
        "https://h/",
        "*",
        "/a b",
        "/a\r\nX: y",
        "/a\n",
        "/\0",
        "/é",
        "/a#b",
        "/\t",
        "/\x7f",
        "?a",
    ] {
        assert_eq!(written(target, "h", &Headers::new()).unwrap_err().kind, ProtoErrorKind::BadOutgoing, "{target:?}");
    }
    let long = format!("/{}", "a".repeat(100_000));
    assert!(written(&long, "h", &Headers::new()).unwrap().contains(&long));
}

#[test]
fn a_host_that_is_none_is_refused() {
    for host in ["", ":80", "a b", "u@h", "u:p@h", "h/x", "h\\x", "h?x", "h#x", "h\r\nX: y", "hé", "h\0"] {
        assert!(written("/", host, &Headers::new()).is_err(), "{host:?}");
    }
}

#[test]
fn fields_that_could_inject_are_refused() {
    let mut headers = Headers::new();
    for name in ["", "a b", "a:", "a\r", "a\n", "a\0", "é", "a(", " a", "a "] {
        assert!(headers.push(name, "v").is_err(), "{name:?}");
    }
    for value in ["a\r\nX: y", "a\nb", "a\rb", "a\0b", "a\x7f", "\x01", " a", "a\t"] {
        assert!(headers.push("x", value).is_err(), "{value:?}");
    }
    assert!(headers.is_empty());
}

#[test]
fn fields_that_decide_framing_are_ours_alone() {
    for name in [
        "host",
        "Content-Length",
        "TRANSFER-ENCODING",
        "connection",
        "Expect",
        "Upgrade",
        "TE",
        "Trailer",
        "Keep-Alive",
        "Proxy-Connection",
        "HTTP2-Settings",
    ] {
        let mut headers = Headers::new();
        headers.push(name, "1").unwrap();
        assert!(written("/", "h", &headers).is_err(), "{name}");
    }
    let mut headers = Headers::new();
    headers.push("X", "\u{e9}").unwrap();
    assert!(written("/", "h", &headers).is_err(), "non-ASCII");
}

#[test]
fn bodies_are_announced_once_and_only_where_they_are() {
    let line = |method: &Method, body, close| {
        let mut out = Vec::new();
        let headers = Headers::new();
        let request = RequestHead { method, target: "/", host: "h", headers: &headers, body, close };
        write_request(&mut out, &request).map(|()| String::from_utf8(out).unwrap())
    };
    let rest = "/ HTTP/1.1\r\nHost: h\r\n";
    let none = BodyLength::None;
    assert_eq!(line(&Method::HEAD, none, true).unwrap(), format!("HEAD {rest}Connection: close\r\n\r\n"));
    assert_eq!(line(&Method::POST, none, false).unwrap(), format!("POST {rest}Content-Length: 0\r\n\r\n"));
    assert_eq!(
        line(&Method::PUT, BodyLength::Known(12), false).unwrap(),
        format!("PUT {rest}Content-Length: 12\r\n\r\n")
    );
    assert_eq!(
        line(&Method::POST, BodyLength::Chunked, false).unwrap(),
        format!("POST {rest}Transfer-Encoding: chunked\r\n\r\n")
    );
    assert!(line(&Method::CONNECT, none, false).is_err());
    assert!(line(&Method::TRACE, BodyLength::Known(1), false).is_err());

    let mut chunks = Vec::new();
    write_chunk(&mut chunks, b"0123456789abcdef");
    write_chunk(&mut chunks, b"");
    write_last_chunk(&mut chunks);
    assert_eq!(chunks, b"10\r\n0123456789abcdef\r\n0\r\n\r\n");
}

/// Target, body, persistent; or the kind of error.
type Read = Result<(String, Vec<u8>, bool), ProtoErrorKind>;

fn read_request(pieces: &[&[u8]]) -> Read {
    let mut reader = RequestReader::new(Limits { max_head_bytes: 500, ..Limits::default() });
    let (mut target, mut body) = (String::new(), Vec::new());
    for piece in pieces {
        let mut at = 0;
        loop {
            let (used, event) = reader.feed(&piece[at..]).map_err(|error| error.kind)?;
            at += used;
            match event {
                RequestEvent::NeedMore => break,
                RequestEvent::Head(head) => target = head.target,
                RequestEvent::Data(data) => body.extend_from_slice(data),
                RequestEvent::Trailers(_) => {}
                RequestEvent::End { persistent } => return Ok((target, body, persistent)),
            }
        }
    }
    Err(reader.eof().map_or(ProtoErrorKind::EmptyReply, |error| error.kind))
}

#[test]
fn each_request_comes_to_what_the_table_says_however_it_is_cut() {
    use ProtoErrorKind::*;
    let good = |target: &str, body: &str, persistent| Ok((target.into(), body.into(), persistent));
    let long_target = format!("GET /{} HTTP/1.1\r\nHost: h\r\n\r\n", "a".repeat(600));
    #[rustfmt::skip]
    let table: &[(&str, Read)] = &[
        ("GET /a?b HTTP/1.1\r\nHost: h\r\n\r\n", good("/a?b", "", true)),
        ("\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\n", good("/", "", true)),
        ("GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n", good("/", "", false)),
        ("GET / HTTP/1.0\r\n\r\n", good("/", "", false)),
        ("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", good("/", "", true)),
        ("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nhi", good("/", "hi", true)),
        ("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n", good("/", "hi", true)),
        ("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", Err(BadFraming)),
        ("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", Err(BadFraming)),
        ("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: gzip\r\n\r\n", Err(UnsupportedCoding)),
        ("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 2, 3\r\n\r\nhi", Err(BadFraming)),
        ("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nhi", Err(TruncatedBody)),
        ("GET / HTTP/1.1\r\n\r\n", Err(BadFraming)),
        ("GET / HTTP/1.1\r\nHost: h\r\nHost: h\r\n\r\n", Err(BadFraming)),
        ("GET / HTTP/1.1\nHost: h\n\n", Err(BadStartLine)),
        ("GET / HTTP/1.1\r\nHost: h\nX: y\r\n\r\n", Err(BadField)),
        ("GET / HTTP/1.1\r\nHost: h\r\nX: y\r\n z\r\n\r\n", Err(BadField)),
        ("GET / HTTP/1.1\r\nHost : h\r\n\r\n", Err(BadField)),
        ("GET  / HTTP/1.1\r\nHost: h\r\n\r\n", Err(BadStartLine)),
        ("GET / HTTP/2.0\r\nHost: h\r\n\r\n", Err(BadStartLine)),
        ("GET /\r\n\r\n", Err(BadStartLine)),
        ("GET / HTTP/1.1 \r\nHost: h\r\n\r\n", Err(BadStartLine)),
        ("G@T / HTTP/1.1\r\nHost: h\r\n\r\n", Err(BadStartLine)),
        ("GET /\u{e9} HTTP/1.1\r\nHost: h\r\n\r\n", Err(BadStartLine)),
        ("\x16\x03\x01\x02\0\x01", Err(BadStartLine)),
        ("GET / HT", Err(TruncatedHead)),
        ("", Err(EmptyReply)),
        (&long_target, Err(HeadTooLarge)),
    ];
    for (bytes, expected) in table {
        assert_eq!(&read_request(&[bytes.as_bytes()]), expected, "{bytes:?}");
        for cut in 0..bytes.len() {
            let (first, second) = bytes.as_bytes().split_at(cut);
            assert_eq!(&read_request(&[first, second]), expected, "{bytes:?} cut at {cut}");
        }
    }
}

#[test]
fn what_the_writer_writes_the_reader_reads() {
    let mut headers = Headers::new();
    headers.push("X-Mark", "1").unwrap();
    let line = ResponseLine { status: StatusCode::OK, reason: None, body: BodyLength::Known(2), close: true };
    let mut out = Vec::new();
    write_response(&mut out, &line, &headers).unwrap();
    assert_eq!(out, b"HTTP/1.1 200 OK\r\nX-Mark: 1\r\nContent-Length: 2\r\nConnection: close\r\n\r\n");
    assert_eq!(super::read_whole(false, &[&out[..], b"hi"].concat()).end, Some(Ok(false)));

    let split = ResponseLine { reason: Some("a\r\nX: y"), ..line };
    assert!(write_response(&mut out, &split, &headers).is_err(), "response splitting");
    let bodiless = ResponseLine { status: StatusCode::NO_CONTENT, ..line };
    assert!(write_response(&mut out, &bodiless, &headers).is_err(), "204 with a body");
}
