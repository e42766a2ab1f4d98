//! What a session can be told: limits of phases, where to connect, proxies, codings, a guard. On the virtual clock.

mod client_support;

use std::cell::RefCell;
use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;
use std::time::Duration;

use client_support::{Names, OK, Peer, noting, pause, scripted, scripted_with, spawn, virtually};
use oneloop::net::{AsyncWriteExt, DuplexStream, duplex};
use oneloop_http::proto::Limits;
use oneloop_http::resolver::{Family, Resolved};
use oneloop_http::{
    AddressChoice, AttemptEnd, ClientSession, Error, ErrorKind, Exchange, LocalBoxFuture, Phase, Resolve, Result,
    SessionBuilder, Timeouts,
};

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// Resolving takes 10 ms, connecting 20, the response 40.
fn slow() -> SessionBuilder {
    ClientSession::builder().resolver(Names { delay: 10, ..Names::one() }).connector(|_| async {
        oneloop::sleep(ms(20)).await?;
        let (ours, mut theirs) = oneloop::net::duplex(4096);
        spawn(async move {
            pause(40).await;
            theirs.write_all(b"HTTP/1.1 200 OK\r\n").await?;
            pause(1000).await;
            theirs.write_all(b"Content-Length: 0\r\n\r\n").await
        });
        Ok(ours)
    })
}

#[test]
fn each_phase_has_a_limit_with_a_kind_of_its_own() {
    let limits = |resolve, connect, tls, ttfb| {
        let some = |millis: u64| (millis > 0).then_some(ms(millis));
        Timeouts { resolve: some(resolve), connect: some(connect), tls: some(tls), ttfb: some(ttfb) }
    };
    for (timeouts, scheme, expected, total) in [
        (limits(9, 0, 0, 0), "http", Some((ErrorKind::ResolveTimeout, Phase::Resolve)), 9),
        (limits(0, 9, 0, 0), "http", Some((ErrorKind::ResolveTimeout, Phase::Resolve)), 9),
        (limits(0, 29, 0, 0), "http", Some((ErrorKind::ConnectTimeout, Phase::Connect)), 29),
        (limits(0, 29, 0, 0), "https", Some((ErrorKind::ConnectTimeout, Phase::Connect)), 29),
        (limits(0, 50, 0, 0), "https", Some((ErrorKind::TlsTimeout, Phase::Tls)), 50),
        (limits(0, 0, 15, 0), "https", Some((ErrorKind::TlsTimeout, Phase::Tls)), 45),
        (limits(0, 60, 25, 0), "https", Some((ErrorKind::TlsTimeout, Phase::Tls)), 55),
        (limits(0, 0, 0, 39), "http", Some((ErrorKind::TtfbTimeout, Phase::Wait)), 69),
        // The rest of the head may take longer than its first byte.
        (limits(11, 31, 1, 41), "http", None, 1070),
    ] {
        virtually(async move {
            let session = slow().timeouts(timeouts).build().unwrap();
            let exchange = Exchange::new();
            let url = format!("{scheme}://example.org/");
            let outcome = session.get(&url).exchange(&exchange).send().await;
            let failed = outcome.as_ref().err().map(|error| (error.kind(), error.phase().unwrap()));
            assert_eq!(failed, expected, "{timeouts:?}");
            assert_eq!(exchange.total(), ms(total), "{timeouts:?}");
        });
    }
}

/// It ended the waiting and met the limit, and the server could then take its time.
#[test]
fn an_interim_response_ends_neither_the_waiting_nor_its_limit() {
    fn stalling(pieces: &'static [&'static str]) -> SessionBuilder {
        let (session, _) = scripted(move |_, mut peer: Peer| async move {
            peer.request().await;
            for piece in pieces {
                pause(10).await;
                peer.send(piece).await;
            }
            pause(1000).await;
            peer.send("\r\n").await;
        });
        session.timeouts(Timeouts { ttfb: Some(ms(35)), ..Timeouts::default() })
    }
    const EARLY: &str = "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n";
    const HEAD: &str = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n";
    const BOTH: &str = "HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 20";
    // The pieces, and for how long it was waited for the final response; `None`: too long.
    for (pieces, wait) in [
        (&[EARLY][..], None),
        (&[EARLY, EARLY], None),
        (&[EARLY, "HTTP/1.1 "], None),
        (&["HTTP/1.1 10"], None),
        (&[HEAD], Some(10)),
        (&[EARLY, HEAD], Some(20)),
        (&[BOTH, "0 OK\r\nContent-Length: 0\r\n"], Some(10)),
        // The first byte counts, as soon as it is known whose it is.
        (&["H", "TTP/1.1 200 OK\r\nContent-Length: 0\r\n"], Some(10)),
    ] {
        virtually(async move {
            let exchange = Exchange::new();
            let outcome = stalling(pieces).build().unwrap().get("http://a/").exchange(&exchange).send().await;
            let failed = outcome.as_ref().err().map(|error| (error.kind(), error.phase()));
            let expected = wait.is_none().then_some((ErrorKind::TtfbTimeout, Some(Phase::Wait)));
            assert_eq!(failed, expected, "{pieces:?}");
            assert_eq!(exchange.phase(Phase::Wait), Some(ms(wait.unwrap_or(35))), "{pieces:?}");
            let interim = exchange.hops()[0].interim;
            if let Err(error) = outcome {
                assert_eq!(error.message().contains("only an interim one"), interim > 0, "{error}");
            }
        });
    }
}

/// Of the limit for all of connecting, less is left for its later parts.
#[test]
fn the_sentence_of_a_limit_has_what_was_asked_for_and_not_what_was_left() {
    let timeouts = |connect, tls| Timeouts { connect, tls, ..Timeouts::default() };
    let together = "(the limit for name, connection and TLS together)";
    for (timeouts, scheme, sentence) in [
        (timeouts(Some(ms(9)), None), "http", format!("resolving the name was not done within 9ms {together}")),
        (timeouts(Some(ms(29)), None), "http", format!("connecting was not done within 29ms {together}")),
        (timeouts(Some(ms(50)), None), "https", format!("the TLS handshake was not done within 50ms {together}")),
        (timeouts(Some(ms(60)), Some(ms(25))), "https", "the TLS handshake was not done within 25ms".into()),
    ] {
        virtually(async move {
            let session = slow().timeouts(timeouts).build().unwrap();
            let error = session.get(&format!("{scheme}://example.org/")).send().await.unwrap_err();
            assert!(error.message().ends_with(&sentence), "{error}");
        });
    }
}

#[test]
fn a_cancellation_inside_a_limit_is_a_cancellation() {
    let everything =
        Timeouts { resolve: Some(ms(500)), connect: Some(ms(500)), tls: Some(ms(500)), ttfb: Some(ms(500)) };
    for after in [5, 15, 40] {
        virtually(async move {
            let session = slow().timeouts(everything).build().unwrap();
            let task = oneloop::create_task(async move { Ok(session.get("http://example.org/").send().await) });
            pause(after).await;
            task.cancel();
            match task.await {
                Ok(outcome) => assert!(outcome.unwrap_err().is_cancelled(), "after {after} ms"),
                Err(error) => assert!(error.is_cancelled()),
            }
        });
    }
}

type Log = Rc<RefCell<Vec<(String, Duration)>>>;

/// Connections to each address do what `plan` says: after so many milliseconds they stand, or are refused.
fn racing(addresses: &[&str], plan: impl Fn(IpAddr) -> (u64, bool) + 'static) -> (SessionBuilder, Log, Log) {
    let addresses = addresses.iter().map(|text| ip(text)).collect();
    let (started, dropped) = (Log::default(), Log::default());
    let (start_log, drop_log) = (started.clone(), dropped.clone());
    let begun = oneloop::get_running_loop().unwrap().time();
    let passed = move || oneloop::get_running_loop().unwrap().time() - begun;
    struct Noted<F: Fn()>(F);
    impl<F: Fn()> Drop for Noted<F> {
        fn drop(&mut self) {
            (self.0)();
        }
    }
    let session =
        ClientSession::builder().resolver(Names { addresses, delay: 0 }).connector(move |remote: SocketAddr| {
            let address = remote.ip();
            start_log.borrow_mut().push((address.to_string(), passed()));
            let (delay, accepts) = plan(address);
            let log = drop_log.clone();
            let noted = Noted(move || log.borrow_mut().push((address.to_string(), passed())));
            async move {
                let _noted = noted;
                oneloop::sleep(ms(delay)).await?;
                if !accepts {
                    return Err(std::io::Error::from(std::io::ErrorKind::ConnectionRefused).into());
                }
                let (ours, mut theirs) = oneloop::net::duplex(4096);
                spawn(async move {
                    theirs.write_all(OK.as_bytes()).await?;
                    pause(1).await;
                    Ok(())
                });
                Ok(ours)
            }
        });
    (session, started, dropped)
}

fn entries(log: &Log) -> Vec<(String, u64)> {
    log.borrow().iter().map(|(name, at)| (name.clone(), at.as_millis() as u64)).collect()
}

fn expect(log: &Log, wanted: &[(&str, u64)]) {
    let wanted: Vec<_> = wanted.iter().map(|(name, at)| ((*name).to_owned(), *at)).collect();
    assert_eq!(entries(log), wanted);
}

const FOUR: [&str; 4] = ["2001:db8::1", "2001:db8::2", "192.0.2.1", "192.0.2.2"];

#[test]
fn happy_eyeballs_takes_turns_every_250_ms_and_closes_the_losers() {
    virtually(async {
        // The first address never answers, the second one takes 300 ms, the third would take long.
        let (session, started, dropped) = racing(&FOUR, |address| match address.to_string().as_str() {
            "2001:db8::1" => (60_000, true),
            "192.0.2.1" => (300, true),
            _ => (60_000, true),
        });
        let exchange = Exchange::new();
        session.build().unwrap().get("http://a/").exchange(&exchange).send().await.unwrap();
        expect(&started, &[("2001:db8::1", 0), ("192.0.2.1", 250), ("2001:db8::2", 500)]);
        let mut closed = entries(&dropped);
        closed.sort();
        assert_eq!(closed.iter().map(|(_, at)| *at).collect::<Vec<_>>(), [550; 3], "all at the moment of the win");
        let hops = exchange.hops();
        assert_eq!(hops[0].remote.unwrap().ip(), ip("192.0.2.1"));
        let ends: Vec<_> =
            hops[0].attempts.iter().map(|attempt| (attempt.remote.ip(), attempt.started, &attempt.end)).collect();
        assert_eq!(
            ends,
            [
                (ip("2001:db8::1"), ms(0), &AttemptEnd::Overtaken),
                (ip("192.0.2.1"), ms(250), &AttemptEnd::Connected),
                (ip("2001:db8::2"), ms(500), &AttemptEnd::Overtaken),
            ]
        );
        assert_eq!(hops[0].clock.phase(Phase::Connect), Some(ms(550)));
    });
}

#[test]
fn a_failed_attempt_starts_the_next_at_once_and_the_first_failure_is_told() {
    virtually(async {
        let (session, started, _) = racing(&FOUR, |_| (10, false));
        let exchange = Exchange::new();
        let error = session.build().unwrap().get("http://a/").exchange(&exchange).send().await.unwrap_err();
        assert_eq!((error.kind(), error.detail()), (ErrorKind::Connect, "ConnectionRefused"));
        assert!(error.message().contains("all 4 addresses failed") && error.message().contains("[2001:db8::1]:80"));
        expect(&started, &[("2001:db8::1", 0), ("192.0.2.1", 10), ("2001:db8::2", 20), ("192.0.2.2", 30)]);
        let failed = AttemptEnd::Failed("ConnectionRefused".into());
        assert!(exchange.hops()[0].attempts.iter().all(|attempt| attempt.end == failed));
    });
}

#[test]
fn a_cancelled_or_timed_out_race_starts_nothing_more() {
    for by_timeout in [false, true] {
        virtually(async move {
            let (session, started, dropped) = racing(&FOUR, |_| (60_000, true));
            let session = if by_timeout {
                session.timeouts(Timeouts { connect: Some(ms(299)), ..Timeouts::default() })
            } else {
                session
            };
            let session = session.build().unwrap();
            let task = oneloop::create_task(async move { Ok(session.get("http://a/").send().await) });
            pause(300).await;
            task.cancel();
            match task.await {
                Ok(outcome) if by_timeout => assert_eq!(outcome.unwrap_err().kind(), ErrorKind::ConnectTimeout),
                Ok(outcome) => assert!(outcome.unwrap_err().is_cancelled()),
                Err(error) => assert!(error.is_cancelled()),
            }
            pause(10_000).await;
            expect(&started, &[("2001:db8::1", 0), ("192.0.2.1", 250)]);
            assert_eq!(dropped.borrow().len(), 2);
        });
    }
}

#[test]
fn localhost_is_tried_in_both_families() {
    virtually(async {
        let seen = Rc::new(RefCell::new(Vec::new()));
        let log = seen.clone();
        let session = ClientSession::builder().connector(move |remote: SocketAddr| {
            log.borrow_mut().push(remote.to_string());
            std::future::ready(Err::<oneloop::net::DuplexStream, _>(
                std::io::Error::from(std::io::ErrorKind::ConnectionRefused).into(),
            ))
        });
        session.build().unwrap().get("http://localhost:81/").send().await.unwrap_err();
        assert_eq!(*seen.borrow(), ["[::1]:81", "127.0.0.1:81"]);
    });
}

#[test]
fn one_address_alone_is_a_choice_and_so_is_a_given_one() {
    let connected = |choose: fn(SessionBuilder) -> SessionBuilder, address: Option<&'static str>| {
        virtually(async move {
            let (session, started, _) = racing(&FOUR, |_| (0, false));
            let session = choose(session).build().unwrap();
            let mut request = session.get("http://a/");
            if let Some(address) = address {
                request = request.address(ip(address));
            }
            request.send().await.unwrap_err();
            entries(&started).into_iter().map(|(name, _)| name).collect::<Vec<_>>()
        })
    };
    assert_eq!(
        connected(|s| s.addresses(AddressChoice::One { preferred: Family::V4, fallback: false }), None),
        ["192.0.2.1"]
    );
    assert_eq!(
        connected(|s| s.addresses(AddressChoice::Race(Family::V4)), None),
        ["192.0.2.1", "2001:db8::1", "192.0.2.2", "2001:db8::2"]
    );
    assert_eq!(connected(|s| s, Some("203.0.113.9")), ["203.0.113.9"]);
}

#[test]
fn resolve_and_connect_to_change_the_way_and_not_the_request() {
    virtually(async {
        let (session, seen) = noting();
        let session = session
            .resolve_to("one.example:80:198.51.100.1".parse().unwrap())
            .resolve_to("*:81:198.51.100.2".parse().unwrap())
            .connect_to("two.example:80:[2001:db8::2]:8080".parse().unwrap())
            .connect_to("three.example::one.example:80".parse().unwrap())
            .build()
            .unwrap();
        for (url, remote, host) in [
            ("http://one.example/", "198.51.100.1:80", "one.example"),
            ("http://any.example:81/", "198.51.100.2:81", "any.example:81"),
            ("http://two.example/", "[2001:db8::2]:8080", "two.example"),
            ("http://three.example:99/", "198.51.100.1:80", "three.example:99"),
            ("http://other.example/", "192.0.2.1:80", "other.example"),
        ] {
            session.get(url).send().await.unwrap();
            let (at, request) = seen.borrow_mut().pop().unwrap();
            assert_eq!(at, remote, "{url}");
            assert!(request.contains(&format!("\r\nHost: {host}\r\n")), "{request}");
        }
    });
}

#[test]
fn a_host_of_the_callers_choice_lasts_until_another_host() {
    virtually(async {
        let (session, seen) = scripted(|_, mut peer| async move {
            while let Some(request) = peer.request().await {
                let next = match request.split(' ').nth(1).unwrap() {
                    "/1" => "/2",
                    "/2" => "http://b/3",
                    _ => return peer.send(OK).await,
                };
                peer.send(format!("HTTP/1.1 302 Found\r\nLocation: {next}\r\nContent-Length: 0\r\n\r\n")).await;
            }
        });
        session.build().unwrap().get("http://a/1").header("host", "virtual.example:8").send().await.unwrap();
        let hosts: Vec<_> = seen.requests.borrow().iter().map(|text| text.lines().nth(1).unwrap().to_owned()).collect();
        assert_eq!(hosts, ["Host: virtual.example:8", "Host: virtual.example:8", "Host: b"]);
    });
}

fn coded(coding: &str, body: &[u8]) -> Vec<u8> {
    let head = format!("HTTP/1.1 200 OK\r\nContent-Encoding: {coding}\r\nContent-Length: {}\r\n\r\n", body.len());
    [head.as_bytes(), body].concat()
}

/// "hello" in gzip, without a time or a name.
const HELLO: &[u8] =
    &[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3, 0xcb, 0x48, 0xcd, 0xc9, 0xc9, 7, 0, 0x86, 0xa6, 0x10, 0x36, 5, 0, 0, 0];

#[test]
fn codings_are_offered_and_taken_off_only_where_that_is_asked_for() {
    for compressed in [true, false] {
        virtually(async move {
            let (session, seen) = scripted(|_, mut peer| async move {
                while peer.request().await.is_some() {
                    peer.send(coded("gzip", HELLO)).await;
                }
            });
            let session = session.compressed(compressed).build().unwrap();
            let exchange = Exchange::new();
            let mut response = session.get("http://a/").exchange(&exchange).send().await.unwrap();
            let body = response.read().await.unwrap();
            assert_eq!(body, if compressed { b"hello" } else { HELLO });
            let offered = seen.requests.borrow()[0].contains("Accept-Encoding: gzip, deflate, br\r\n");
            assert_eq!(offered, compressed);
            let hop = exchange.hops()[0].clone();
            assert_eq!((hop.body_bytes, hop.decoded_bytes), (HELLO.len() as u64, compressed.then_some(5)));
            // The connection serves again.
            session.get("http://a/").header("Accept-Encoding", "identity").send().await.unwrap();
            assert_eq!((seen.connections.get(), seen.requests.borrow().len()), (1, 2));
            assert_eq!(seen.requests.borrow()[1].matches("Accept-Encoding").count(), 1, "the caller's own counts");
        });
    }
}

#[test]
fn what_cannot_be_decoded_is_told_with_the_head_and_never_a_success() {
    let mut wrong_sum = HELLO.to_vec();
    wrong_sum[18] ^= 1;
    let cases: Vec<(Vec<u8>, ErrorKind, &str)> = vec![
        (coded("gzip", &wrong_sum), ErrorKind::Decode, "Corrupt"),
        (coded("gzip", b"hello"), ErrorKind::Decode, "Corrupt"),
        (coded("gzip", &HELLO[..20]), ErrorKind::Decode, "Truncated"),
        (coded("deflate", &[HELLO, b"x"].concat()[10..]), ErrorKind::Decode, "TrailingBytes"),
        (coded("zstd", HELLO), ErrorKind::Decode, "UnknownCoding"),
        (coded("gzip, gzip, gzip, gzip, gzip, gzip", HELLO), ErrorKind::Decode, "TooManyCodings"),
        // Cut short by the connection: that is what is told.
        (coded("gzip", HELLO)[..80].to_vec(), ErrorKind::TruncatedBody, "truncated-body"),
        ([b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n", &HELLO[..20]].concat(), ErrorKind::Decode, "Truncated"),
    ];
    for (answer, kind, detail) in cases {
        for capacity in [1, 64 * 1024] {
            let answer = answer.clone();
            virtually(async move {
                let (session, _) = scripted_with(capacity, move |_, mut peer| {
                    let answer = answer.clone();
                    async move {
                        peer.request().await;
                        peer.send(answer).await;
                    }
                });
                let limits = Limits { max_body_bytes: 1000, ..Limits::default() };
                let session = session.compressed(true).limits(limits).build().unwrap();
                let exchange = Exchange::new();
                let mut response = session.get("http://a/").exchange(&exchange).send().await.unwrap();
                let error = response.read().await.unwrap_err();
                assert_eq!(
                    (error.kind(), error.detail(), error.phase()),
                    (kind, detail, Some(Phase::Transfer)),
                    "{error}"
                );
                assert_eq!(exchange.hops()[0].status().unwrap(), 200);
            });
        }
    }
}

#[test]
fn a_small_bomb_is_too_large() {
    virtually(async {
        // Bare DEFLATE: stored blocks are no bomb, so this repeats one byte by back references.
        let bomb: Vec<u8> = {
            use std::io::Write;
            let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
            encoder.write_all(&vec![0; 1 << 20]).unwrap();
            encoder.finish().unwrap()
        };
        assert!(bomb.len() < 2000);
        let (session, seen) = scripted(move |_, mut peer| {
            let answer = coded("gzip", &bomb);
            async move {
                peer.request().await;
                peer.send(answer).await;
                peer.closed().await;
            }
        });
        let limits = Limits { max_body_bytes: 10_000, ..Limits::default() };
        let session = session.compressed(true).limits(limits).build().unwrap();
        let exchange = Exchange::new();
        let mut response = session.get("http://a/").exchange(&exchange).send().await.unwrap();
        let mut seen_bytes = 0;
        let error = response.read_with(|bytes| seen_bytes += bytes.len()).await.unwrap_err();
        assert_eq!((error.kind(), error.detail()), (ErrorKind::TooLarge, "DecodedTooLarge"));
        assert!(seen_bytes <= 10_000, "{seen_bytes} bytes were given out");
        drop(response);
        pause(1).await;
        assert_eq!(seen.open.get(), 0, "the connection is closed");
    });
}

#[test]
fn no_body_needs_no_decoding() {
    for answer in [
        "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 204 No Content\r\nContent-Encoding: unheard-of\r\n\r\n",
        "HTTP/1.1 304 Not Modified\r\nContent-Encoding: gzip\r\nContent-Length: 99\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    ] {
        virtually(async move {
            let (session, seen) = scripted(move |_, peer| peer.answer_all(answer));
            let session = session.compressed(true).build().unwrap();
            for _ in 0..2 {
                let mut response = session.get("http://a/").send().await.unwrap();
                assert_eq!(response.read().await.unwrap(), b"", "{answer}");
            }
            assert_eq!(seen.connections.get(), 1, "{answer}");
        });
    }
    virtually(async {
        let (session, _) = scripted(|_, peer| {
            peer.answer_all("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 1234\r\n\r\n")
        });
        let mut response = session.compressed(true).build().unwrap().head("http://a/").send().await.unwrap();
        assert_eq!(response.read().await.unwrap(), b"");
    });
}

#[test]
fn a_redirect_stands_whatever_its_body_holds() {
    for body in [
        "Content-Encoding: zstd\r\nContent-Length: 1\r\n\r\nx",
        "Transfer-Encoding: chunked\r\n\r\nzz",
        "Content-Length: 5\r\n\r\n",
    ] {
        virtually(async move {
            let (session, seen) = scripted(move |_, mut peer| async move {
                while let Some(request) = peer.request().await {
                    if request.starts_with("GET /1") {
                        peer.send(format!("HTTP/1.1 302 Found\r\nLocation: /2\r\n{body}")).await;
                    } else {
                        peer.send(OK).await;
                    }
                }
            });
            let session = session.compressed(true).build().unwrap();
            let exchange = Exchange::new();
            assert_eq!(session.get("http://a/1").exchange(&exchange).send().await.unwrap().status(), 200);
            assert_eq!(seen.connections.get(), 2, "{body}");
            assert!(exchange.total() <= ms(250), "a body that does not come is not waited for");
        });
    }
}

#[test]
fn a_guard_sees_each_hop_and_each_address() {
    virtually(async {
        let refuse = |what: &str| Error::new(ErrorKind::Assertion, format!("{what} is not allowed"));
        let (session, seen) = scripted(|_, mut peer| async move {
            peer.request().await;
            peer.send("HTTP/1.1 302 Found\r\nLocation: http://forbidden/\r\nContent-Length: 0\r\n\r\n").await;
        });
        let addresses = vec![ip("192.0.2.1"), ip("10.0.0.1")];
        let session = session
            .resolver(Names { addresses, delay: 0 })
            .guard(move |url, address| match (url.host_str(), address) {
                (Some("forbidden"), _) => Err(refuse("that host")),
                (_, Some(IpAddr::V4(address))) if address.is_private() => Err(refuse("that address")),
                _ => Ok(()),
            })
            .build()
            .unwrap();
        let exchange = Exchange::new();
        let error = session.get("http://a/").exchange(&exchange).send().await.unwrap_err();
        assert_eq!((error.kind(), error.message()), (ErrorKind::Assertion, "that host is not allowed"));
        assert_eq!(exchange.hops()[0].addresses, [ip("192.0.2.1")], "the other address is left out");
        assert_eq!(seen.connections.get(), 1);
        let error = session.get("http://a/").address(ip("10.0.0.2")).send().await.unwrap_err();
        assert_eq!(error.message(), "that address is not allowed");
        assert_eq!(seen.connections.get(), 1);
    });
}

/// Knows the IPv6 address at once, and the IPv4 address late or never, as a name server of two minds.
struct TwoMinds {
    late: Option<u64>,
}

impl Resolve for TwoMinds {
    fn resolve<'a>(&'a self, _host: &'a str, family: Family) -> LocalBoxFuture<'a, Result<Resolved>> {
        Box::pin(async move {
            if family == Family::Any {
                let mut resolved = Resolved::from(vec![IpAddr::from([0x2001, 0xdb8, 0, 0, 0, 0, 0, 1])]);
                resolved.is_partial = true;
                return Ok(resolved);
            }
            assert_eq!(family, Family::V4);
            oneloop::sleep(Duration::from_millis(self.late.unwrap_or(3_600_000))).await?;
            Ok(vec![IpAddr::from([192, 0, 2, 1])].into())
        })
    }
}

/// An attack on the finished program found it: the slower family was thrown away, and the host was said to be down.
#[test]
fn a_family_that_comes_late_is_tried_when_the_other_has_failed() {
    for (late, outcome) in [(Some(900), Ok(900)), (None, Err(2_000))] {
        virtually(async move {
            let connector = |remote: SocketAddr| {
                if remote.is_ipv6() {
                    return std::future::ready(Err(std::io::Error::from(std::io::ErrorKind::ConnectionRefused).into()));
                }
                let (ours, theirs) = duplex(1024);
                let mut peer = Peer::on(theirs);
                spawn(async move {
                    peer.request().await;
                    peer.send(OK).await;
                    Ok(())
                });
                std::future::ready(Ok(ours))
            };
            let session = ClientSession::builder().resolver(TwoMinds { late }).connector(connector).build().unwrap();
            let (begin, exchange) = (oneloop::get_running_loop().unwrap().time(), Exchange::new());
            let answer = session.get("http://two.example/").exchange(&exchange).send().await;
            let took = (oneloop::get_running_loop().unwrap().time() - begin).as_millis();
            let (addresses, remote) =
                exchange.hops().last().map(|hop| (hop.addresses.len(), hop.remote)).expect("a hop");
            match outcome {
                Ok(after) => {
                    assert_eq!((answer.map(|answer| answer.status().as_u16()).unwrap(), took), (200, after));
                    assert_eq!((addresses, remote.map(|remote| remote.is_ipv4())), (2, Some(true)));
                }
                Err(after) => {
                    let Err(error) = answer else { panic!("nobody answers") };
                    assert_eq!((error.kind(), error.detail(), took), (ErrorKind::Connect, "ConnectionRefused", after));
                    assert_eq!(addresses, 1);
                }
            }
            let all = session.resolve("two.example").await.unwrap();
            assert_eq!(all.len(), if late.is_some() { 2 } else { 1 });
        });
    }
}

/// The records of the first race were overwritten by the second: an address that had refused was said to be connected.
#[test]
fn a_family_that_comes_late_is_recorded_behind_the_other() {
    /// Two addresses of one family at once, two of the other after 900 ms.
    struct TwoAndTwo;

    impl Resolve for TwoAndTwo {
        fn resolve<'a>(&'a self, _host: &'a str, family: Family) -> LocalBoxFuture<'a, Result<Resolved>> {
            Box::pin(async move {
                if family == Family::Any {
                    let mut resolved = Resolved::from(vec![ip("2001:db8::1"), ip("2001:db8::2")]);
                    resolved.is_partial = true;
                    return Ok(resolved);
                }
                oneloop::sleep(ms(900)).await?;
                Ok(vec![ip("192.0.2.1"), ip("192.0.2.2")].into())
            })
        }
    }

    virtually(async {
        let connector = |remote: SocketAddr| async move {
            if remote.ip() != ip("192.0.2.2") {
                oneloop::sleep(ms(10)).await?;
                return Err(std::io::Error::from(std::io::ErrorKind::ConnectionRefused).into());
            }
            let (ours, theirs) = duplex(1024);
            spawn(async move {
                Peer::on(theirs).answer_all(OK).await;
                Ok(())
            });
            Ok(ours)
        };
        let session = ClientSession::builder().resolver(TwoAndTwo).connector(connector).build().unwrap();
        let exchange = Exchange::new();
        assert_eq!(session.get("http://two.example/").exchange(&exchange).send().await.unwrap().status(), 200);
        let hops = exchange.hops();
        let refused = AttemptEnd::Failed("ConnectionRefused".into());
        let attempts: Vec<_> =
            hops[0].attempts.iter().map(|attempt| (attempt.remote.ip(), attempt.started, &attempt.end)).collect();
        assert_eq!(
            attempts,
            [
                (ip("2001:db8::1"), ms(0), &refused),
                (ip("2001:db8::2"), ms(10), &refused),
                (ip("192.0.2.1"), ms(920), &refused),
                (ip("192.0.2.2"), ms(930), &AttemptEnd::Connected),
            ]
        );
    });
}

#[test]
fn the_failure_that_is_told_is_called_the_first_only_if_it_was() {
    for (first, told) in [(std::io::ErrorKind::AddrNotAvailable, "one of them"), (REFUSED, "the first")] {
        virtually(async move {
            let connector = move |remote: SocketAddr| {
                let kind = if remote.is_ipv6() { first } else { REFUSED };
                std::future::ready(Err::<DuplexStream, _>(std::io::Error::from(kind).into()))
            };
            let names = Names { addresses: vec![ip("2001:db8::1"), ip("192.0.2.1")], delay: 0 };
            let session = ClientSession::builder().resolver(names).connector(connector).build().unwrap();
            let error = session.get("http://two.example/").send().await.unwrap_err();
            let address = if told == "the first" { "[2001:db8::1]:80" } else { "192.0.2.1:80" };
            let start = format!("all 2 addresses failed, {told}: could not connect to {address}: ");
            assert!(error.kind() == ErrorKind::Connect && error.message().starts_with(&start), "{error}");
        });
    }
}

const REFUSED: std::io::ErrorKind = std::io::ErrorKind::ConnectionRefused;
