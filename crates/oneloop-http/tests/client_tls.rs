//! The client's TLS against scripted servers in memory: certificates, truncation, the number of writes.

mod client_support;
mod tls_support;

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use client_support::{Names, OK, pause, spawn, virtually};
use oneloop::net::{AsyncRead, AsyncWrite, AsyncWriteExt, DuplexStream, duplex};
use oneloop_http::{ClientSession, ErrorKind, Exchange, Phase, SessionBuilder, TlsInfo};
use rcgen::{CertificateParams, ExtendedKeyUsagePurpose, date_time_ymd};
use rustls::ServerConfig;
use tls_support::{Authority, TlsPeer, file};

/// A session whose connections lead to `script` on a fresh server connection of `config`.
fn session_to<F, Fut>(config: Arc<ServerConfig>, capacity: usize, script: F) -> SessionBuilder
where
    F: Fn(TlsPeer) -> Fut + 'static,
    Fut: Future<Output = ()> + 'static,
{
    ClientSession::builder().resolver(Names::one()).connector(move |_| {
        let (ours, theirs) = duplex(capacity);
        let script = script(TlsPeer::new(theirs, &config));
        spawn(async move {
            script.await;
            Ok(())
        });
        std::future::ready(Ok(ours))
    })
}

async fn serve(mut peer: TlsPeer) {
    while peer.request().await.is_some() {
        peer.send(OK).await;
    }
}

fn info(exchange: &Exchange) -> Rc<TlsInfo> {
    exchange.hops()[0].tls.clone().expect("TLS has begun")
}

#[test]
fn the_handshake_has_its_phase_and_its_facts_in_both_versions() {
    let authority = Authority::new();
    for (version, name, cipher) in [
        (&rustls::version::TLS13, "TLSv1.3", "TLS_AES_128_GCM_SHA256"),
        (&rustls::version::TLS12, "TLSv1.2", "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256"),
    ] {
        let mut setup = authority.server(&["example.org"], |_| ());
        setup.versions = vec![version];
        setup.alpn = vec![b"http/1.1".to_vec()];
        let chain = setup.chain.clone();
        let ca = authority.ca_file("facts.pem");
        virtually(async move {
            let session = session_to(setup.build(), 65536, |mut peer| async move {
                peer.read().await;
                pause(20).await;
                peer.request().await;
                pause(7).await;
                peer.send(OK).await;
                peer.closed().await;
            });
            let session = session.ca_file(ca).build().unwrap();
            let exchange = Exchange::new();
            let mut response = session.get("https://example.org/").exchange(&exchange).send().await.unwrap();
            assert_eq!(response.text().await.unwrap(), "ok");
            let expected = [0, 0, 20, 0, 7, 0].map(Duration::from_millis);
            assert_eq!(Phase::ALL.map(|phase| exchange.phase(phase).unwrap()), expected);
            let info = info(&exchange);
            assert_eq!((info.version, info.cipher, info.alpn.as_deref()), (Some(name), Some(cipher), Some("http/1.1")));
            assert!(info.verified && info.verify_error.is_none());
            assert!(info.chain.iter().map(|cert| &**cert).eq(chain.iter().map(|cert| cert.as_ref())));
        });
    }
}

#[test]
fn bad_certificates_each_have_their_kind_and_show_their_chain() {
    let authority = Authority::new();
    let other = Authority::named("Other");
    let plain: fn(&mut CertificateParams) = |_| ();
    for (case, signer, name, change, kind, detail) in [
        (
            "expired",
            &authority,
            "example.org",
            (|params| params.not_after = date_time_ymd(2020, 1, 1)) as fn(&mut CertificateParams),
            ErrorKind::TlsExpired,
            "Expired",
        ),
        (
            "not yet",
            &authority,
            "example.org",
            |params| params.not_before = date_time_ymd(3000, 1, 1),
            ErrorKind::TlsNotYetValid,
            "NotValidYet",
        ),
        ("wrong host", &authority, "example.com", plain, ErrorKind::TlsWrongHost, "NotValidForName"),
        ("untrusted", &other, "example.org", plain, ErrorKind::TlsUntrusted, "UnknownIssuer"),
        (
            "for clients",
            &authority,
            "example.org",
            |params| params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth],
            ErrorKind::TlsUntrusted,
            "InvalidPurpose",
        ),
    ] {
        for version in [&rustls::version::TLS13, &rustls::version::TLS12] {
            let mut setup = signer.server(&[name], change);
            setup.versions = vec![version];
            let config = setup.build();
            let ca = authority.ca_file("bad.pem");
            virtually(async move {
                let requests = Rc::new(Cell::new(0));
                let counted = requests.clone();
                let build = |insecure: bool| {
                    let counted = counted.clone();
                    session_to(config.clone(), 65536, move |mut peer| {
                        let counted = counted.clone();
                        async move {
                            while peer.request().await.is_some() {
                                counted.set(counted.get() + 1);
                                peer.send(OK).await;
                            }
                        }
                    })
                    .ca_file(&ca)
                    .insecure(insecure)
                    .build()
                    .unwrap()
                };
                let exchange = Exchange::new();
                let error = build(false).get("https://example.org/").exchange(&exchange).send().await.unwrap_err();
                assert_eq!(
                    (error.kind(), error.detail(), error.phase()),
                    (kind, detail, Some(Phase::Tls)),
                    "{case}: {error}"
                );
                let seen = info(&exchange);
                assert_eq!(seen.chain.len(), 2, "{case}: the chain is kept");
                assert!(!seen.verified);
                assert_eq!(seen.verify_error, Some((kind, detail.to_owned())));
                assert_eq!(requests.get(), 0, "nothing was asked of a server that is not trusted");

                let response = build(true).get("https://example.org/").exchange(&exchange).send().await.unwrap();
                assert_eq!(response.status(), 200);
                let seen = info(&exchange);
                assert!(!seen.verified && seen.version.is_some());
                assert_eq!(seen.verify_error, Some((kind, detail.to_owned())), "what verification would have said");
            });
        }
    }
}

#[test]
fn names_match_as_they_should() {
    let authority = Authority::new();
    for (certified, url, accepted) in [
        ("*.example.org", "https://a.example.org/", true),
        ("*.example.org", "https://a.b.example.org/", false),
        ("*.example.org", "https://example.org/", false),
        ("example.org", "https://example.org./", true),
        ("example.org", "https://EXAMPLE.org/", true),
        ("192.0.2.1", "https://192.0.2.1/", true),
        ("192.0.2.2", "https://192.0.2.1/", false),
        ("2001:db8::1", "https://[2001:db8::1]/", true),
        ("example.org", "https://192.0.2.1/", false),
    ] {
        let config = authority.server(&[certified], |_| ()).build();
        let ca = authority.ca_file("names.pem");
        virtually(async move {
            let sni = Rc::new(RefCell::new(None));
            let noted = sni.clone();
            let session = session_to(config, 65536, move |mut peer| {
                let noted = noted.clone();
                async move {
                    peer.read().await;
                    *noted.borrow_mut() = peer.tls.server_name().map(str::to_owned);
                    serve(peer).await;
                }
            });
            let outcome = session.ca_file(ca).build().unwrap().get(url).send().await;
            match outcome {
                Ok(_) => assert!(accepted, "{certified} for {url}"),
                Err(error) => {
                    assert!(!accepted, "{certified} for {url}: {error}");
                    assert_eq!(error.kind(), ErrorKind::TlsWrongHost);
                }
            }
            let host = url.trim_start_matches("https://").trim_end_matches('/').trim_end_matches('.').to_lowercase();
            let is_name = host.ends_with("org");
            assert_eq!(*sni.borrow(), is_name.then_some(host), "SNI of {url}");
        });
    }
}

#[test]
fn a_body_that_only_the_end_delimits_needs_a_close_notify() {
    let authority = Authority::new();
    for (answer, close_notify, expected) in [
        ("HTTP/1.1 200 OK\r\n\r\nok", true, Ok("ok")),
        ("HTTP/1.1 200 OK\r\n\r\nok", false, Err(ErrorKind::TruncatedBody)),
        ("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", false, Ok("ok")),
        ("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok", true, Err(ErrorKind::TruncatedBody)),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n", true, Err(ErrorKind::TruncatedBody)),
        ("", true, Err(ErrorKind::EmptyReply)),
        ("", false, Err(ErrorKind::EmptyReply)),
    ] {
        let config = authority.server(&["example.org"], |_| ()).build();
        let ca = authority.ca_file("truncated.pem");
        virtually(async move {
            let session = session_to(config, 65536, move |mut peer| async move {
                peer.request().await;
                peer.send(answer).await;
                if close_notify {
                    peer.close().await;
                }
            });
            let session = session.ca_file(ca).build().unwrap();
            let outcome = async { session.get("https://example.org/").send().await?.text().await }.await;
            let outcome = outcome.as_deref().map_err(|error| error.kind());
            assert_eq!(outcome, expected, "{answer:?}, close_notify {close_notify}");
        });
    }
}

#[test]
fn what_is_no_tls_is_a_prompt_error() {
    for (answer, close, detail) in [
        (&b"HTTP/1.1 400 Bad Request\r\n\r\n"[..], true, "PlainHttp"),
        (b"HTTP/1.1 400 Bad", false, "PlainHttp"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", true, "InvalidMessage"),
        (b"\0\0\0\0\0\0\0\0", true, "InvalidMessage"),
        // This is TLS, and one octet longer than a record may be.
        (b"\x16\x03\x03\x48\x01", false, "MessageTooLarge"),
        (b"\x15\x03\x03\0\x02\x02\x28", false, "HandshakeFailure"),
        (b"", true, "Closed"),
        (b"\x15\x03\x03\0", true, "Closed"),
    ] {
        virtually(async move {
            let session = ClientSession::builder().resolver(Names::one()).connector(move |_| {
                let (ours, mut theirs) = duplex(65536);
                spawn(async move {
                    theirs.write_all(answer).await?;
                    if !close {
                        pause(100_000).await;
                    }
                    theirs.shutdown().await?;
                    pause(100_000).await;
                    Ok(())
                });
                std::future::ready(Ok(ours))
            });
            let error = session.build().unwrap().get("https://example.org/").send().await.unwrap_err();
            assert_eq!(
                (error.kind(), error.detail(), error.phase()),
                (ErrorKind::TlsHandshake, detail, Some(Phase::Tls)),
                "{error}"
            );
            let sentence = match detail {
                "InvalidMessage" => "is not TLS (is this an http port?)",
                "MessageTooLarge" => "the server sent a TLS record that is larger than TLS allows",
                _ => "",
            };
            assert!(error.message().ends_with(sentence), "{error}");
        });
    }
}

#[test]
fn a_required_client_certificate_is_named_as_the_reason_in_both_versions() {
    let authority = Authority::new();
    for version in [&rustls::version::TLS13, &rustls::version::TLS12] {
        let mut setup = authority.server(&["example.org"], |_| ());
        setup.versions = vec![version];
        setup.client_root = Some(authority.root());
        let ca = authority.ca_file("client-cert.pem");
        virtually(async move {
            let session = session_to(setup.build(), 65536, |mut peer| async move {
                peer.request().await;
                peer.closed().await;
            });
            let exchange = Exchange::new();
            let session = session.ca_file(ca).build().unwrap();
            let error = session.get("https://example.org/").exchange(&exchange).send().await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::TlsClientCert, "{error}");
            let info = info(&exchange);
            assert!(info.verified && info.chain.len() == 2, "the chain is kept");
        });
    }
}

#[test]
fn a_record_that_was_tampered_with_is_an_error() {
    let authority = Authority::new();
    let config = authority.server(&["example.org"], |_| ()).build();
    let ca = authority.ca_file("tampered.pem");
    virtually(async move {
        let session = session_to(config, 65536, |mut peer| async move {
            peer.request().await;
            std::io::Write::write_all(&mut peer.tls.writer(), OK.as_bytes()).unwrap();
            let mut out = Vec::new();
            while peer.tls.wants_write() {
                peer.tls.write_tls(&mut out).unwrap();
            }
            *out.last_mut().unwrap() ^= 1;
            let _ = peer.stream.write_all(&out).await;
            peer.closed().await;
        });
        let error = session.ca_file(ca).build().unwrap().get("https://example.org/").send().await.unwrap_err();
        assert_eq!((error.kind(), error.detail()), (ErrorKind::Receive, "DecryptError"), "{error}");
    });
}

#[test]
fn any_segmentation_of_the_records_gives_the_same_body() {
    let authority = Authority::new();
    let body: Rc<Vec<u8>> = Rc::new((0..200_000u32).map(|n| (n % 251) as u8).collect());
    for version in [&rustls::version::TLS13, &rustls::version::TLS12] {
        for capacity in [1, 7, 1000, 40_000] {
            let size = if capacity < 1000 { 5_000 } else { 200_000 };
            let mut setup = authority.server(&["example.org"], |_| ());
            setup.versions = vec![version];
            let config = setup.build();
            let ca = authority.ca_file("pieces.pem");
            let (sent, expected) = (body.clone(), body.clone());
            virtually(async move {
                let session = session_to(config, capacity, move |mut peer| {
                    let body = sent.clone();
                    async move {
                        while peer.request().await.is_some() {
                            peer.send(format!("HTTP/1.1 200 OK\r\nContent-Length: {size}\r\n\r\n")).await;
                            peer.send(&body[..size]).await;
                        }
                    }
                });
                let session = session.ca_file(ca).build().unwrap();
                for round in 0..2 {
                    let mut response = session.get("https://example.org/").send().await.unwrap();
                    assert_eq!(response.read().await.unwrap(), expected[..size]);
                    assert_eq!(response.exchange().hops()[0].reused, round == 1);
                    assert!(info(response.exchange()).verified, "facts of TLS are known on a reused connection too");
                }
            });
        }
    }
}

/// Counts what would be system calls.
struct Counting {
    stream: DuplexStream,
    reads: Rc<Cell<usize>>,
    writes: Rc<Cell<usize>>,
}

impl AsyncRead for Counting {
    fn poll_read(&mut self, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<oneloop::Result<usize>> {
        let read = self.stream.poll_read(cx, buf);
        self.reads.set(self.reads.get() + usize::from(read.is_ready()));
        read
    }
}

impl AsyncWrite for Counting {
    fn poll_write(&mut self, cx: &mut Context<'_>, buf: &[u8]) -> Poll<oneloop::Result<usize>> {
        let written = self.stream.poll_write(cx, buf);
        self.writes.set(self.writes.get() + usize::from(written.is_ready()));
        written
    }

    fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<oneloop::Result<()>> {
        self.stream.poll_shutdown(cx)
    }
}

#[test]
fn a_tls_13_probe_is_three_writes_and_two_reads_and_says_goodbye() {
    let authority = Authority::new();
    let config = authority.server(&["example.org"], |_| ()).build();
    let ca = authority.ca_file("budget.pem");
    virtually(async move {
        let (reads, writes) = (Rc::new(Cell::new(0)), Rc::new(Cell::new(0)));
        let (counted_reads, counted_writes) = (reads.clone(), writes.clone());
        let goodbye = Rc::new(Cell::new(false));
        let noted = goodbye.clone();
        let session = ClientSession::builder().resolver(Names::one()).connector(move |_| {
            let (ours, theirs) = duplex(65536);
            let mut peer = TlsPeer::new(theirs, &config);
            let noted = noted.clone();
            spawn(async move {
                let request = peer.request().await.unwrap();
                assert!(request.to_lowercase().contains("connection: close"));
                std::io::Write::write_all(&mut peer.tls.writer(), OK.as_bytes()).unwrap();
                peer.flush().await; // tickets and response together
                peer.closed().await;
                noted.set(peer.closed_cleanly);
                Ok(())
            });
            std::future::ready(Ok(Counting {
                stream: ours,
                reads: counted_reads.clone(),
                writes: counted_writes.clone(),
            }))
        });
        let session = session.ca_file(ca).keepalive(false).build().unwrap();
        let mut response = session.get("https://example.org/").send().await.unwrap();
        assert_eq!(response.text().await.unwrap(), "ok");
        assert_eq!((reads.get(), writes.get()), (2, 3), "hello, finished + request, close_notify");
        pause(1).await;
        assert!(goodbye.get(), "close_notify was sent");
    });
}

#[test]
fn an_unusable_ca_file_is_named() {
    let authority = Authority::new();
    let cut: String = authority.root_pem.chars().take(300).collect();
    for (name, text) in [
        ("empty.pem", &b""[..]),
        ("text.pem", b"not a certificate\n"),
        ("binary.pem", b"\xff\xfe\0\x01"),
        ("cut.pem", cut.as_bytes()),
        ("not-der.pem", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"),
        ("not-base64.pem", b"-----BEGIN CERTIFICATE-----\n!!!\n-----END CERTIFICATE-----\n"),
    ] {
        let error = ClientSession::builder().ca_file(file(name, text)).build().unwrap_err();
        assert!(error.message().contains(name), "{error}");
    }
    let error = ClientSession::builder().ca_file("/nonexistent/ca.pem").build().unwrap_err();
    assert!(error.message().contains("/nonexistent/ca.pem"), "{error}");
    // Text around the certificates is usual.
    let good = file("commented.pem", format!("# our root\n{}\n# end\n", authority.root_pem));
    ClientSession::builder().ca_file(good).build().unwrap();
}
