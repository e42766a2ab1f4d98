//! What goes on the wire for a URL, a method and a caller's fields: lines 1 to 17 of docs/conformance.md.

mod client_support;

use std::time::Duration;

use client_support::{OK, Peer, pause, scripted, scripted_with, virtually};
use http::Method;
use oneloop_http::{ErrorKind, Exchange};

/// The request that a URL leads to, or the kind of error.
fn sent(url: &'static str) -> Result<String, ErrorKind> {
    virtually(async move {
        let (session, seen) = scripted(|_, peer| peer.answer_all(OK));
        let session = session.build().unwrap();
        session.get(url).send().await.map_err(|error| error.kind())?;
        let request = seen.requests.borrow()[0].clone();
        Ok(request)
    })
}

#[test]
fn a_url_becomes_one_line_and_one_host() {
    for (url, target, host) in [
        ("http://example.org", "/", "example.org"),
        ("http://example.org?a=b", "/?a=b", "example.org"),
        ("http://example.org/a?b?c=/d#e?f", "/a?b?c=/d", "example.org"),
        ("http://example.org/#x", "/", "example.org"),
        ("http://example.org:80/", "/", "example.org"),
        ("http://example.org:8080/", "/", "example.org:8080"),
        ("http://example.org:443/", "/", "example.org:443"),
        ("http://EXAMPLE.org/Path", "/Path", "example.org"),
        ("http://[2001:DB8::1]:81/", "/", "[2001:db8::1]:81"),
        ("http://[::1]", "/", "[::1]"),
        ("http://u:p@example.org/", "/", "example.org"),
        ("http://u%40x:p%3A@example.org:81/y@z", "/y@z", "example.org:81"),
        ("http://evil.example@example.org/", "/", "example.org"),
        ("http://example.org/@evil.example/", "/@evil.example/", "example.org"),
        ("http://example.org?@evil.example/", "/?@evil.example/", "example.org"),
        ("http://example.org#@evil.example/", "/", "example.org"),
        ("http://example.org/a%2Fb%00c%0d%0a%7E%ff", "/a%2Fb%00c%0d%0a%7E%ff", "example.org"),
        ("http://example.org/?q=%20%26+x%zz%", "/?q=%20%26+x%zz%", "example.org"),
        ("http://example.org/\u{e4}?\u{fc}", "/%C3%A4?%C3%BC", "example.org"),
        ("http://b\u{fc}cher.example/", "/", "xn--bcher-kva.example"),
        ("http://\u{ff45}xample\u{3002}org/", "/", "example.org"),
        ("http://example.org./x", "/x", "example.org."),
        ("http://example.org//a//b/", "//a//b/", "example.org"),
        ("http://2130706433/", "/", "127.0.0.1"),
        ("http://0x7f.1/", "/", "127.0.0.1"),
    ] {
        let request = sent(url).unwrap_or_else(|kind| panic!("{url}: {kind}"));
        let mut lines = request.split("\r\n");
        assert_eq!(lines.next(), Some(format!("GET {target} HTTP/1.1").as_str()), "{url}");
        let hosts: Vec<_> =
            request.split("\r\n").filter(|line| line.to_ascii_lowercase().starts_with("host:")).collect();
        assert_eq!(hosts, [format!("Host: {host}")], "{url}");
        assert!(
            request.ends_with("\r\n\r\n") && request.bytes().all(|byte| matches!(byte, b'\r' | b'\n' | b' '..=b'~'))
        );
        for framing in ["Content-Length", "Transfer-Encoding", "Expect", "Accept-Encoding", "TE:", "Upgrade"] {
            assert!(!request.contains(framing), "{request}");
        }
        let authority = url.split(['/', '?', '#']).nth(2).unwrap();
        assert_eq!(request.contains("Authorization"), authority.contains('@'), "{request}");
    }
}

#[test]
fn what_names_no_host_without_doubt_is_refused() {
    for url in [
        "http://example.org:0/",
        "http://example.org:65536/",
        "http://example.org:8o/",
        "http://example.org:-1/",
        "http://example.org:80:80/",
        "http:///",
        "http://:80/",
        "http://@/",
        "http://u@/",
        "http://.",
        "http://a..b/",
        "http://a%00b/",
        "http://a%2fb/",
        "http://a%20b/",
        "http://%2e/",
        "http://a<b>/",
        "http://a^b/",
        "http://a|b/",
        "http://[::1",
        "http://[::1]x/",
        "http://[fe80::1%25lo]/",
        "http://[fe80::1%lo]/",
        "http://[v1.a]/",
        "http://1.2.3.4.5/",
        "http://256.1.1.1/",
        "http://0x100000000/",
        "http://xn--/",
        "http://xn--zzzzzz/",
        "http://xn--a-ecp.ru\u{ad}\u{200d}/",
        "http://a\\@b/",
        "http://a\\b/",
        "http:\\\\a/",
        "http://a\tb/",
        "http://a\r\nHost: evil/",
        "http://a/\r\nX: y",
        "http://a/ HTTP/1.1",
        "http://a/\0",
        "\u{1}http://a/",
        "a",
        "/a",
        "//a/",
        "?a",
    ] {
        assert_eq!(sent(url), Err(ErrorKind::BadUrl), "{url:?}");
    }
    for url in ["ftp://a/", "file:///etc/passwd", "ws://a/", "gopher://a/", "javascript:alert(1)", "HTTPX://a/", "a:80"]
    {
        assert_eq!(sent(url), Err(ErrorKind::UnsupportedScheme), "{url:?}");
    }
}

#[test]
fn a_long_target_is_sent_whole() {
    let url: &'static str = format!("http://a/{}?{}", "p".repeat(20_000), "q".repeat(20_000)).leak();
    let request = sent(url).unwrap();
    assert!(request.starts_with(&format!("GET {} HTTP/1.1\r\n", &url["http://a".len()..])));
}

#[test]
fn nothing_that_a_caller_gives_can_inject_and_only_tokens_are_names() {
    virtually(async {
        let (session, seen) = scripted(|_, peer| peer.answer_all(OK));
        let session = session.build().unwrap();
        for (name, value) in [
            ("X", "a\r\nY: b"),
            ("X", "a\nY: b"),
            ("X", "a\rb"),
            ("X", "a\0b"),
            ("X", "a\x7f"),
            ("X", " a"),
            ("X", "\u{e9}"),
            ("X\r\nY", "b"),
            ("X Y", "b"),
            ("X:", "b"),
            ("", "b"),
            ("X\u{e9}", "b"),
            ("Content-Length", "0"),
            ("transfer-encoding", "chunked"),
            ("Expect", "100-continue"),
            ("Connection", "close"),
            ("Upgrade", "h2c"),
            ("Host", "a\r\nX: y"),
            ("Host", "u@evil"),
            ("Host", ""),
        ] {
            let error = session.get("http://a/").header(name, value).send().await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Protocol, "{name:?}: {value:?}");
        }
        for method in ["GET /evil HTTP/1.1\r\nX:", "G\0ET", "GET ", "G,T", "", "G\u{e9}T"] {
            assert!(Method::from_bytes(method.as_bytes()).is_err(), "{method:?}");
        }
        assert!(seen.requests.borrow().is_empty());
        session.request(Method::from_bytes(b"X-NEW").unwrap(), "http://a/").send().await.unwrap();
        assert!(seen.requests.borrow()[0].starts_with("X-NEW / HTTP/1.1\r\n"));
        session.head("http://a/").send().await.unwrap();
        assert!(!seen.requests.borrow()[1].contains("Content-Length"));
        session.post("http://a/").send().await.unwrap();
        assert!(seen.requests.borrow()[2].contains("Content-Length: 0\r\n"));
    });
}

#[test]
fn progress_does_not_restart_the_limit_of_the_whole() {
    virtually(async {
        let (session, _) = scripted(|_, mut peer| async move {
            peer.request().await;
            peer.send("HTTP/1.1 200 OK\r\n\r\n").await;
            for _ in 0..1000 {
                peer.send("x").await;
                pause(10).await;
            }
        });
        let exchange = Exchange::new();
        let session = session.timeout(Duration::from_millis(205)).build().unwrap();
        let mut response = session.get("http://a/").exchange(&exchange).send().await.unwrap();
        let error = response.read().await.unwrap_err();
        assert_eq!((error.kind(), exchange.total()), (ErrorKind::Timeout, Duration::from_millis(205)));
        assert_eq!(exchange.hops()[0].body_bytes, 21);
    });
}

#[test]
fn a_server_that_sends_faster_than_we_read_does_not_keep_the_loop_to_itself() {
    const BODY: usize = 8 << 20;
    virtually(async {
        let (builder, _) = scripted_with(BODY + 100, |_, mut peer: Peer| async move {
            peer.request().await;
            peer.send(format!("HTTP/1.1 200 OK\r\nContent-Length: {BODY}\r\n\r\n")).await;
            peer.send(vec![b'x'; BODY]).await;
            peer.closed().await;
        });
        let session = builder.build().unwrap();
        let reading = oneloop::create_task(async move {
            let mut response = session.get("http://a/").send().await.map_err(oneloop::Error::other)?;
            response.read_with(|_| ()).await.map_err(oneloop::Error::other)
        });
        let mut turns = 0;
        while !reading.done() {
            oneloop::yield_now().await.unwrap();
            turns += 1;
        }
        assert_eq!(reading.await.unwrap(), BODY as u64);
        assert!(turns > BODY / 32_768 / 8, "{turns} turns of others while all of the body was there to be read");
    });
}

#[test]
fn debug_output_shows_no_password_of_a_url() {
    virtually(async {
        let (builder, _) = scripted(|_, peer| peer.answer_all(OK));
        let (session, exchange) = (builder.build().unwrap(), Exchange::new());
        let request = session.get("http://me:hunter2@a/").exchange(&exchange);
        let mut shown = format!("{request:?}");
        let response = request.send().await.unwrap();
        shown += &format!("{response:?} {exchange:?}");
        assert!(shown.contains("http://a/") && !shown.contains("hunter2"), "{shown}");
    });
}
