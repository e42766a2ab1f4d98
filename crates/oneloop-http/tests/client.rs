//! The client against scripted peers: phases, redirects, reuse, bodies, time limits. No socket, no real time.

mod client_support;

use std::cell::Cell;
use std::net::IpAddr;
use std::time::Duration;

use client_support::{Names, OK, Peer, pause, scripted, scripted_with, spawn, virtually};
use http::Method;
use oneloop::net::{AsyncReadExt, AsyncWriteExt};
use oneloop_http::proto::Limits;
use oneloop_http::{ClientSession, ErrorKind, Exchange, Phase};

fn millis(exchange: &Exchange) -> Vec<Option<u128>> {
    let lengths: Vec<_> = Phase::ALL.iter().map(|phase| exchange.phase(*phase)).collect();
    assert_eq!(lengths.iter().flatten().sum::<Duration>(), exchange.total(), "phases must add up");
    lengths.into_iter().map(|length| length.map(|length| length.as_millis())).collect()
}

#[test]
fn each_phase_is_reported_exactly() {
    virtually(async {
        let session = ClientSession::builder()
            .resolver(Names { delay: 3, ..Names::one() })
            .connector(|_| async {
                pause(5).await;
                let (ours, theirs) = oneloop::net::duplex(16);
                spawn(async move {
                    let mut peer = theirs;
                    pause(11).await; // the request does not fit into the buffer: sending takes so long
                    let mut buf = [0; 4096];
                    let mut request = Vec::new();
                    while !request.ends_with(b"\r\n\r\n") {
                        let count = peer.read(&mut buf).await?;
                        request.extend_from_slice(&buf[..count]);
                    }
                    pause(17).await;
                    peer.write_all(b"HTTP/1.1 200 ").await?;
                    pause(2).await;
                    peer.write_all(b"OK\r\nContent-Length: 2\r\n\r\n").await?;
                    pause(29).await;
                    peer.write_all(b"ok").await
                });
                Ok(ours)
            })
            .build()
            .unwrap();
        let exchange = Exchange::new();
        let mut response = session.get("http://example.org/").exchange(&exchange).send().await.unwrap();
        assert_eq!(exchange.headers(), Some(Duration::from_millis(3 + 5 + 11 + 17 + 2)));
        assert_eq!(response.read().await.unwrap(), b"ok");
        assert_eq!(millis(&exchange), [Some(3), Some(5), Some(0), Some(11), Some(17), Some(31)]);
        let hops = exchange.hops();
        assert_eq!(hops[0].addresses, [IpAddr::from([192, 0, 2, 1])]);
        assert_eq!(hops[0].remote.unwrap().to_string(), "192.0.2.1:80");
        assert_eq!(hops[0].body_bytes, 2);
        assert!(!hops[0].reused);
    });
}

#[test]
fn a_time_limit_leaves_the_phases_so_far_and_names_where_it_struck() {
    for (limit, phase, expected) in [
        (2, Phase::Resolve, vec![Some(2), None, None, None, None, None]),
        (7, Phase::Connect, vec![Some(4), Some(3), None, None, None, None]),
        (30, Phase::Wait, vec![Some(4), Some(6), Some(0), Some(0), Some(20), None]),
        (60, Phase::Transfer, vec![Some(4), Some(6), Some(0), Some(0), Some(40), Some(10)]),
    ] {
        virtually(async move {
            let session = ClientSession::builder()
                .resolver(Names { delay: 4, ..Names::one() })
                .connector(|_| async {
                    oneloop::sleep(Duration::from_millis(6)).await?;
                    let (ours, mut theirs) = oneloop::net::duplex(4096);
                    spawn(async move {
                        pause(40).await;
                        theirs.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab").await?;
                        pause(100_000).await;
                        Ok(())
                    });
                    Ok(ours)
                })
                .build()
                .unwrap();
            let exchange = Exchange::new();
            let request = session.get("http://example.org/").exchange(&exchange).timeout(Duration::from_millis(limit));
            let error = match request.send().await {
                Ok(mut response) => response.read().await.unwrap_err(),
                Err(error) => error,
            };
            assert_eq!(error.kind(), ErrorKind::Timeout, "{error}");
            assert_eq!(error.phase(), Some(phase), "{error}");
            assert_eq!(millis(&exchange), expected);
            assert_eq!(exchange.total(), Duration::from_millis(limit));
            if phase == Phase::Transfer {
                assert_eq!(exchange.hops()[0].body_bytes, 2, "what arrived is known");
                assert_eq!(exchange.hops()[0].status().unwrap(), 200);
            }
        });
    }
}

#[test]
fn the_request_is_as_announced() {
    virtually(async {
        let (builder, seen) = scripted(|_, peer| peer.answer_all(OK));
        let session = builder.keepalive(false).header("User-Agent", "test").build().unwrap();
        let url = "http://user:pw@example.org:8080/a%20b?c=d#fragment";
        session.get(url).header("X-One", "1").send().await.unwrap();
        session.post("http://[::1]/").body("body").send().await.unwrap();
        let requests = seen.requests.borrow();
        assert_eq!(requests[0].lines().next(), Some("GET /a%20b?c=d HTTP/1.1"));
        for line in [
            "Host: example.org:8080",
            "User-Agent: test",
            "X-One: 1",
            "Connection: close",
            "Authorization: Basic dXNlcjpwdw==",
        ] {
            assert_eq!(
                requests[0].lines().filter(|found| found.eq_ignore_ascii_case(line)).count(),
                1,
                "{line} in {}",
                requests[0]
            );
        }
        assert!(!requests[0].contains("ragment") && !requests[0].to_lowercase().contains("content-length"));
        assert!(
            requests[1].to_lowercase().contains("host: [::1]\r\n")
                && requests[1].to_lowercase().contains("content-length: 4\r\n")
        );
    });
}

#[test]
fn a_refused_header_or_url_is_an_error_before_anything_is_connected() {
    virtually(async {
        let (builder, seen) = scripted(|_, peer| peer.answer_all(OK));
        let session = builder.build().unwrap();
        for request in [
            session.get("http://a/").header("X", "a\r\nInjected: 1"),
            session.get("http://a/").header("Bad Name", "a"),
            session.get("http://a/").header("Host", "b").header("Host", "c"),
            session.get("http://a/").header("Host", "b/c"),
            session.get("http://a/").header("Host", "u@b"),
            session.get("http://a/").header("Content-Length", "1"),
        ] {
            assert_eq!(request.send().await.unwrap_err().kind(), ErrorKind::Protocol);
        }
        for url in ["", "nonsense", "http://", "http://a:0/"] {
            let error = session.get(url).send().await.unwrap_err();
            assert_eq!((error.kind(), error.phase()), (ErrorKind::BadUrl, None));
        }
        assert!(seen.requests.borrow().is_empty());
    });
}

#[test]
fn the_next_address_is_tried_when_one_fails() {
    virtually(async {
        let addresses: Vec<IpAddr> = ["192.0.2.1", "2001:db8::2", "192.0.2.3"].map(|text| text.parse().unwrap()).into();
        let session = ClientSession::builder()
            .resolver(Names { addresses: addresses.clone(), delay: 0 })
            .connector(|remote: std::net::SocketAddr| async move {
                pause(1).await;
                if remote.ip() != IpAddr::from([192, 0, 2, 3]) {
                    return Err(std::io::Error::from(std::io::ErrorKind::ConnectionRefused).into());
                }
                let (ours, mut theirs) = oneloop::net::duplex(4096);
                spawn(async move {
                    theirs.write_all(OK.as_bytes()).await?;
                    pause(9).await;
                    Ok(())
                });
                Ok(ours)
            })
            .build()
            .unwrap();
        let exchange = Exchange::new();
        session.get("http://a/").exchange(&exchange).send().await.unwrap();
        assert_eq!(exchange.hops()[0].addresses, addresses);
        assert_eq!(exchange.hops()[0].remote.unwrap().ip(), addresses[2]);
        assert_eq!(exchange.phase(Phase::Connect), Some(Duration::from_millis(3)));
    });
}

#[test]
fn when_no_address_accepts_the_error_says_so() {
    virtually(async {
        let refuse = |errno: i32| {
            let session = ClientSession::builder()
                .resolver(Names {
                    addresses: vec![IpAddr::from([192, 0, 2, 1]), IpAddr::from([192, 0, 2, 2])],
                    delay: 0,
                })
                .connector(move |_| async move {
                    Err::<oneloop::net::DuplexStream, _>(std::io::Error::from_raw_os_error(errno).into())
                })
                .build()
                .unwrap();
            async move {
                let exchange = Exchange::new();
                let error = session.get("http://a/").exchange(&exchange).send().await.unwrap_err();
                let tried = exchange.hops()[0].remote.unwrap().ip();
                (error.kind(), error.detail().to_owned(), error.phase(), tried)
            }
        };
        let (first, last) = (IpAddr::from([192, 0, 2, 1]), IpAddr::from([192, 0, 2, 2]));
        let refused = if cfg!(target_os = "macos") { 61 } else { 111 };
        assert_eq!(refuse(refused).await, (ErrorKind::Connect, "ConnectionRefused".into(), Some(Phase::Connect), last));
        // Out of descriptors: our own fault, and the next address would fail alike.
        assert_eq!(refuse(24).await, (ErrorKind::Local, "EMFILE".into(), Some(Phase::Connect), first));
    });
}

#[test]
fn a_connection_is_reused_after_a_complete_response_and_not_after_others() {
    for (answer, reused) in [
        (OK, true),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n", true),
        ("HTTP/1.1 304 Not Modified\r\n\r\n", true),
        ("HTTP/1.1 304 Not Modified\r\nContent-Length: 2\r\n\r\n", true),
        ("HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n", true),
        ("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: CLOSE\r\n\r\nok", false),
        ("HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok", false),
        ("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil", false),
    ] {
        virtually(async move {
            let (builder, seen) = scripted(move |_, peer| peer.answer_all(answer));
            let session = builder.build().unwrap();
            for round in 0..2 {
                let exchange = Exchange::new();
                let mut response = session.get("http://a/").exchange(&exchange).send().await.unwrap();
                response.read().await.unwrap();
                assert_eq!(exchange.hops()[0].reused, reused && round == 1, "{answer}");
                if exchange.hops()[0].reused {
                    assert_eq!(&millis(&exchange)[..3], [Some(0), Some(0), Some(0)]);
                    assert!(exchange.hops()[0].remote.is_some());
                }
            }
            assert_eq!(seen.connections.get(), if reused { 1 } else { 2 }, "{answer}");
            // Another origin does not share.
            session.get("http://a:81/").send().await.unwrap();
            assert_eq!(seen.connections.get(), if reused { 2 } else { 3 });
        });
    }
}

/// The body that a 204 must not have may come all the same, and later than its head.
#[test]
fn the_connection_of_a_204_that_announces_a_body_is_not_used_again() {
    virtually(async {
        let (builder, seen) = scripted(|number, mut peer: Peer| async move {
            peer.request().await;
            if number == 0 {
                peer.send("HTTP/1.1 204 No Content\r\nContent-Length: 41\r\n\r\n").await;
                peer.request().await;
                peer.send("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil").await;
            }
            peer.send(OK).await;
            peer.closed().await;
        });
        let session = builder.build().unwrap();
        session.get("http://a/").send().await.unwrap();
        let mut response = session.get("http://a/").send().await.unwrap();
        assert_eq!(response.text().await.unwrap(), "ok");
        assert_eq!(seen.connections.get(), 2);
    });
}

#[test]
fn unsolicited_data_on_an_idle_connection_never_becomes_an_answer() {
    virtually(async {
        let (builder, seen) = scripted(|number, mut peer: Peer| async move {
            peer.request().await;
            peer.send(OK).await;
            if number == 0 {
                pause(5).await;
                peer.send("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil").await;
            }
            peer.closed().await;
        });
        let session = builder.build().unwrap();
        session.get("http://a/").send().await.unwrap();
        pause(10).await;
        let mut response = session.get("http://a/").send().await.unwrap();
        assert_eq!(response.text().await.unwrap(), "ok");
        assert_eq!(seen.connections.get(), 2);
    });
}

/// A peer whose first connection answers once and hangs up on the second request without a byte.
async fn stale(number: usize, mut peer: Peer) {
    peer.request().await;
    peer.send(OK).await;
    if number > 0 {
        peer.closed().await;
    } else {
        peer.request().await;
    }
}

#[test]
fn a_stale_connection_is_retried_once_and_only_for_idempotent_methods() {
    for (method, retried) in [(Method::GET, true), (Method::HEAD, true), (Method::PUT, true), (Method::POST, false)] {
        virtually(async move {
            let (builder, seen) = scripted(stale);
            let session = builder.build().unwrap();
            session.get("http://a/").send().await.unwrap().read().await.unwrap();
            let exchange = Exchange::new();
            let outcome = session.request(method, "http://a/").exchange(&exchange).send().await;
            assert_eq!(seen.connections.get(), 1 + usize::from(retried));
            assert_eq!(millis(&exchange).iter().take(4).flatten().count(), 4);
            if retried {
                outcome.unwrap();
                assert!(!exchange.hops()[0].reused, "the connection that answered is a fresh one");
            } else {
                assert_eq!(outcome.unwrap_err().kind(), ErrorKind::EmptyReply);
            }
        });
    }
}

/// The connection that had gone stale is not the one that could not be made.
#[test]
fn a_retry_that_finds_nobody_speaks_of_no_connection() {
    virtually(async {
        let opened = Cell::new(0);
        let connect = move |_| {
            let number = opened.replace(opened.get() + 1);
            let (ours, theirs) = oneloop::net::duplex(4096);
            spawn(async move {
                stale(number, Peer::on(theirs)).await;
                Ok(())
            });
            let refused = || std::io::Error::from(std::io::ErrorKind::ConnectionRefused).into();
            std::future::ready(if number == 0 { Ok(ours) } else { Err(refused()) })
        };
        let session = ClientSession::builder().resolver(Names::one()).connector(connect).build().unwrap();
        session.get("http://a/").send().await.unwrap().read().await.unwrap();
        let exchange = Exchange::new();
        let error = session.get("http://a/").exchange(&exchange).send().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Connect);
        let hops = exchange.hops();
        assert_eq!((hops[0].reused, hops[0].connection), (false, 0));
        assert!(hops[0].remote.is_some(), "where it could not be made");
    });
}

#[test]
fn a_fresh_connection_that_fails_is_not_retried() {
    virtually(async {
        let (builder, seen) = scripted(|_, mut peer: Peer| async move {
            peer.request().await;
        });
        let session = builder.build().unwrap();
        assert_eq!(session.get("http://a/").send().await.unwrap_err().kind(), ErrorKind::EmptyReply);
        assert_eq!(seen.connections.get(), 1);
    });
}

#[test]
fn bodies_in_pieces_are_whole_however_they_are_read() {
    for pieces in [
        &["HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nab", "cd", "ef"][..],
        &[
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n",
            "2\r\ncd",
            "\r\n2\r\nef\r\n0\r\n",
            "\r\n",
        ],
        &["HTTP/1.1 200 OK\r\n", "\r\nabc", "def"],
        &["HTTP/1.1 103 Early Hints\r\nX: 1\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n", "abcdef"],
    ] {
        virtually(async move {
            let (builder, _) = scripted(move |_, mut peer: Peer| async move {
                peer.request().await;
                for piece in pieces {
                    peer.send(piece).await;
                    pause(1).await;
                }
            });
            let session = builder.build().unwrap();
            let mut body = Vec::new();
            let mut response = session.get("http://a/").send().await.unwrap();
            while let Some(piece) = response.chunk().await.unwrap() {
                body.extend(piece);
            }
            assert_eq!(body, b"abcdef");
            assert_eq!(response.chunk().await.unwrap(), None);
            assert!(!response.headers().contains("x"), "interim fields do not leak");
            let mut body = Vec::new();
            let mut response = session.get("http://a/").send().await.unwrap();
            let count = response.read_with(|piece| body.extend_from_slice(piece)).await.unwrap();
            assert_eq!((count, &body[..]), (6, &b"abcdef"[..]));
            assert_eq!(session.get("http://a/").send().await.unwrap().text().await.unwrap(), "abcdef");
        });
    }
}

#[test]
fn a_response_of_known_length_does_not_wait_for_the_end_of_the_stream() {
    virtually(async {
        let (builder, _) = scripted(|_, mut peer: Peer| async move {
            peer.request().await;
            peer.send(OK).await;
            pause(1_000_000).await;
        });
        let session = builder.keepalive(false).build().unwrap();
        let exchange = Exchange::new();
        session.get("http://a/").exchange(&exchange).send().await.unwrap().read().await.unwrap();
        assert_eq!(exchange.total(), Duration::ZERO);
    });
}

#[test]
fn faulty_responses_have_their_kinds_and_keep_what_arrived() {
    for (case, capacity) in [
        ("", ErrorKind::EmptyReply, None),
        ("SSH-2.0-x\r\n", ErrorKind::Protocol, None),
        ("HTTP/1.1 200 O", ErrorKind::Protocol, None),
        // The status line is there, the rest of the head is not, or not good.
        ("HTTP/1.1 200 OK\r\nContent-", ErrorKind::Protocol, Some(200)),
        ("HTTP/1.1 103 Early\r\nA: b\r\n\r\nHTTP/1.1 404 No\r\nb", ErrorKind::Protocol, Some(404)),
        ("HTTP/1.1 103 Early\r\nA", ErrorKind::Protocol, None),
        ("HTTP/1.1 101 Switch\r\nUpgrade: x\r\n\r\n", ErrorKind::Protocol, Some(101)),
        ("HTTP/1.1 500 X\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\na", ErrorKind::Protocol, Some(500)),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", ErrorKind::Protocol, Some(200)),
        ("HTTP/1.1 302 F\r\nLocation: /x\r\nContent-Length: -1\r\n\r\n", ErrorKind::Protocol, Some(302)),
        ("HTTP/1.1 200 OK\r\nA b: c\r\n\r\n", ErrorKind::Protocol, Some(200)),
        ("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nab", ErrorKind::TruncatedBody, Some(200)),
        ("HTTP/1.1 500 X\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab", ErrorKind::TruncatedBody, Some(500)),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", ErrorKind::Protocol, Some(200)),
        ("HTTP/1.1 200 OK\r\nContent-Length: 2000\r\n\r\n", ErrorKind::TooLarge, Some(200)),
    ]
    .into_iter()
    .flat_map(|case| [(case, 1), (case, 64 * 1024)])
    {
        let (answer, kind, status) = case;
        virtually(async move {
            let (builder, _) = scripted_with(capacity, move |_, mut peer: Peer| async move {
                peer.request().await;
                peer.send(answer).await;
            });
            let limits = Limits { max_body_bytes: 1000, ..Limits::default() };
            let session = builder.limits(limits).build().unwrap();
            let exchange = Exchange::new();
            let error = match session.get("http://a/").exchange(&exchange).send().await {
                Ok(mut response) => {
                    let error = response.read().await.unwrap_err();
                    assert!(response.read().await.is_err(), "it stays failed");
                    error
                }
                Err(error) => error,
            };
            assert_eq!(error.kind(), kind, "{answer:?}: {error}");
            assert!(error.phase().is_some());
            let hops = exchange.hops();
            if kind != ErrorKind::TooLarge {
                assert_eq!(hops[0].status().map(|status| status.as_u16()), status, "{answer:?}");
            }
            assert_eq!(hops[0].clock.current(), None, "the clock has stopped");
        });
    }
}

#[test]
fn a_reset_is_never_the_end_of_a_body() {
    virtually(async {
        let (builder, _) = scripted(|_, mut peer: Peer| async move {
            peer.request().await;
            peer.send("HTTP/1.1 200 OK\r\n\r\nabc").await;
            pause(1).await;
            peer.stream.reset();
        });
        let mut response = builder.build().unwrap().get("http://a/").send().await.unwrap();
        let error = response.read().await.unwrap_err();
        assert_eq!((error.kind(), error.phase()), (ErrorKind::Receive, Some(Phase::Transfer)), "{error}");
    });
}

#[test]
fn the_sentence_of_a_reset_says_how_far_the_response_had_come() {
    for (sent, when) in [
        ("", "while a response was awaited"),
        ("HTTP/1.1 200 OK\r\nServ", "in the middle of the response's head"),
        ("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc", "in the middle of the response's body"),
    ] {
        virtually(async move {
            let (builder, _) = scripted(move |_, mut peer: Peer| async move {
                peer.request().await;
                peer.send(sent).await;
                pause(1).await;
                peer.stream.reset();
            });
            let session = builder.build().unwrap();
            let outcome = async { session.get("http://a/").send().await?.read().await }.await;
            let message = outcome.unwrap_err().to_string();
            assert!(message.starts_with(&format!("the connection broke {when}: ")), "{message}");
        });
    }
}

/// The limits are the caller's: what is over them is no fault of the server's.
#[test]
fn a_response_over_a_limit_is_not_called_faulty() {
    for (answer, sentence) in [
        ("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabcdefghi", "the body is larger than the limit"),
        ("HTTP/1.1 200 OK\r\nA:\r\nB:\r\n\r\n", "a section has more fields than its limit"),
    ] {
        virtually(async move {
            let (builder, _) = scripted(move |_, peer: Peer| peer.answer_all(answer));
            let limits = Limits { max_body_bytes: 8, max_headers: 1, ..Limits::default() };
            let session = builder.limits(limits).build().unwrap();
            let outcome = async { session.get("http://a/").send().await?.read().await }.await;
            let error = outcome.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::TooLarge);
            assert_eq!(error.message(), format!("the response was not read on: {sentence}"));
        });
    }
}

#[test]
fn a_final_response_that_comes_early_is_delivered_and_the_connection_is_not_kept() {
    virtually(async {
        let (builder, seen) = scripted_with(512, |_, mut peer: Peer| async move {
            peer.request().await;
            peer.send("HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n").await;
            pause(1_000_000).await;
        });
        let session = builder.build().unwrap();
        let response = session.post("http://a/").body(vec![0; 100_000]).send().await.unwrap();
        assert_eq!(response.status(), 413);
        assert_eq!(session.post("http://a/").send().await.unwrap().status(), 413);
        assert_eq!(seen.connections.get(), 2);
    });
}

#[test]
fn the_futures_are_small() {
    let (builder, _) = scripted(|_, peer| peer.answer_all(OK));
    let session = builder.build().unwrap();
    let request = session.get("http://a/");
    let builder_size = size_of_val(&request);
    let send = size_of_val(&request.send());
    println!("RequestBuilder {builder_size}, send {send}, Response {}", size_of::<oneloop_http::Response>());
    assert!(send <= 1536, "the future of a request has grown to {send} bytes");
    assert!(size_of::<oneloop_http::Error>() == size_of::<usize>());
}
