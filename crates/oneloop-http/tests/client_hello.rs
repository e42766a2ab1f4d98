//! What we say first in TLS, and servers that abuse the handshake: lines 86 to 92, 97 and 98 of docs/conformance.md.

mod client_support;
mod tls_support;

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use client_support::{Names, pause, spawn, virtually};
use oneloop::net::{AsyncReadExt, AsyncWriteExt, duplex};
use oneloop_http::{ClientSession, ErrorKind, Exchange, Timeouts};
use tls_support::{Authority, TlsPeer};

/// The ClientHello for a URL: cipher suites, and extensions by number.
fn hello(url: &'static str) -> (Vec<u16>, Vec<(u16, Vec<u8>)>) {
    virtually(async move {
        let heard = Rc::new(RefCell::new(Vec::new()));
        let log = heard.clone();
        let session = ClientSession::builder().resolver(Names::one()).connector(move |_| {
            let (ours, mut theirs) = duplex(65536);
            let log = log.clone();
            spawn(async move {
                let mut buf = vec![0; 65536];
                let count = theirs.read(&mut buf).await?;
                log.borrow_mut().extend_from_slice(&buf[..count]);
                Ok(())
            });
            std::future::ready(Ok(ours))
        });
        session.build().unwrap().get(url).send().await.unwrap_err();
        let bytes = heard.borrow();
        let word = |at: usize| usize::from(bytes[at]) << 8 | usize::from(bytes[at + 1]);
        assert_eq!((bytes[0], bytes[5]), (22, 1), "a handshake record with a ClientHello");
        let mut at = 5 + 4 + 2 + 32;
        at += 1 + usize::from(bytes[at]); // session id
        let suites = (0..word(at) / 2).map(|index| word(at + 2 + 2 * index) as u16).collect();
        at += 2 + word(at);
        at += 1 + usize::from(bytes[at]); // compression
        let end = at + 2 + word(at);
        at += 2;
        let mut extensions = Vec::new();
        while at < end {
            let length = word(at + 2);
            extensions.push((word(at) as u16, bytes[at + 4..at + 4 + length].to_vec()));
            at += 4 + length;
        }
        (suites, extensions)
    })
}

fn extension(extensions: &[(u16, Vec<u8>)], number: u16) -> Option<&[u8]> {
    extensions.iter().find(|(known, _)| *known == number).map(|(_, bytes)| bytes.as_slice())
}

#[test]
fn only_strong_suites_two_versions_and_http_1_1_are_offered_and_nothing_early() {
    let (suites, extensions) = hello("https://example.org/");
    // TLS 1.3's AEAD suites, TLS 1.2's ECDHE with AEAD, and the signal for renegotiation.
    let strong = [0x1301, 0x1302, 0x1303, 0xC02B, 0xC02C, 0xC02F, 0xC030, 0xCCA8, 0xCCA9, 0x00FF];
    assert!(suites.iter().all(|suite| strong.contains(suite)), "{suites:x?}");
    let place = |suite: u16| suites.iter().position(|offered| *offered == suite);
    assert!(place(0x1301) == Some(0) && place(0xC02B) < place(0xC02C) && place(0xC02F) < place(0xC030), "{suites:x?}");
    assert_eq!(extension(&extensions, 43), Some(&[4, 3, 4, 3, 3][..]), "supported versions");
    assert_eq!(extension(&extensions, 16), Some(&b"\0\x09\x08http/1.1"[..]), "ALPN");
    assert_eq!(extension(&extensions, 41), None, "no session is resumed");
    assert_eq!(extension(&extensions, 42), None, "no early data");
}

#[test]
fn the_name_is_sent_without_its_dot_and_addresses_are_not() {
    for (url, name) in [
        ("https://example.org/", Some("example.org")),
        ("https://example.org./", Some("example.org")),
        ("https://EXAMPLE.org:444/", Some("example.org")),
        ("https://b\u{fc}cher.example/", Some("xn--bcher-kva.example")),
        ("https://192.0.2.1/", None),
        ("https://[2001:db8::1]/", None),
    ] {
        let (_, extensions) = hello(url);
        let sent = extension(&extensions, 0).map(|bytes| String::from_utf8(bytes[5..].to_vec()).unwrap());
        assert_eq!(sent.as_deref(), name, "{url}");
    }
}

#[test]
fn no_second_connection_resumes_the_first() {
    let authority = Authority::new();
    let config = authority.server(&["example.org"], |_| ()).build();
    let ca = authority.root_pem.clone();
    virtually(async move {
        let kinds = Rc::new(RefCell::new(Vec::new()));
        let log = kinds.clone();
        let session =
            ClientSession::builder().ca_pem(ca).keepalive(false).resolver(Names::one()).connector(move |_| {
                let (ours, theirs) = duplex(65536);
                let (mut peer, log) = (TlsPeer::new(theirs, &config), log.clone());
                spawn(async move {
                    if peer.request().await.is_some() {
                        log.borrow_mut().push(peer.tls.handshake_kind());
                        peer.send(client_support::OK).await;
                    }
                    peer.closed().await;
                    Ok(())
                });
                std::future::ready(Ok(ours))
            });
        let session = session.build().unwrap();
        for _ in 0..2 {
            session.get("https://example.org/").send().await.unwrap().read().await.unwrap();
        }
        assert!(kinds.borrow().iter().all(|kind| *kind != Some(rustls::HandshakeKind::Resumed)));
        assert_eq!(kinds.borrow().len(), 2);
    });
}

/// How a request ends whose server writes this, piece by piece with so many milliseconds between.
fn abused(pieces: impl Iterator<Item = Vec<u8>> + 'static, between: u64) -> (ErrorKind, Duration) {
    virtually(async move {
        let pieces = RefCell::new(Some(pieces));
        let session = ClientSession::builder().resolver(Names::one()).connector(move |_| {
            let (ours, mut theirs) = duplex(65536);
            let pieces = pieces.take().expect("one connection");
            spawn(async move {
                for piece in pieces {
                    if theirs.write_all(&piece).await.is_err() {
                        break;
                    }
                    pause(between).await;
                }
                theirs.read(&mut [0; 1024]).await?;
                pause(1_000_000).await;
                Ok(())
            });
            std::future::ready(Ok(ours))
        });
        let limits = Timeouts { tls: Some(Duration::from_secs(3)), ..Timeouts::default() };
        let exchange = Exchange::new();
        let session = session.timeouts(limits).build().unwrap();
        let error = session.get("https://example.org/").exchange(&exchange).send().await.unwrap_err();
        (error.kind(), exchange.total())
    })
}

#[test]
fn stalls_drips_and_floods_end() {
    let limit = Duration::from_secs(3);
    assert_eq!(abused(std::iter::empty(), 0), (ErrorKind::TlsTimeout, limit), "silence");
    let endless = std::iter::once(vec![22, 3, 3, 0x40, 0, 2, 0, 0x3f, 0xfc]).chain(std::iter::repeat(vec![3]));
    let (kind, after) = abused(endless, 100);
    assert!(
        matches!(kind, ErrorKind::TlsTimeout | ErrorKind::TlsHandshake) && after <= limit,
        "a drip: {kind} {after:?}"
    );
    // A goodbye in place of an answer, on a connection that stays open: nothing can come any more.
    let goodbye = std::iter::once(vec![21, 3, 3, 0, 2, 1, 0]);
    assert_eq!(abused(goodbye, 0), (ErrorKind::TlsHandshake, Duration::ZERO), "an early close_notify");
    for (name, record) in [
        ("warnings", vec![21, 3, 3, 0, 2, 1, 90]),
        ("empty records", vec![22, 3, 3, 0, 0]),
        ("changes of cipher", vec![20, 3, 3, 0, 1, 1]),
        ("hello requests", vec![22, 3, 3, 0, 4, 0, 0, 0, 0]),
    ] {
        let (kind, after) = abused(std::iter::repeat(record), 1);
        assert_eq!(kind, ErrorKind::TlsHandshake, "{name}");
        assert!(after < Duration::from_millis(500), "{name} are put up with for {after:?}");
    }
}

#[test]
fn an_oversized_chain_is_bounded() {
    let authority = Authority::new();
    for (copies, accepted) in [(3, true), (1_000, false)] {
        let mut setup = authority.server(&["example.org"], |_| ());
        let intermediate = setup.chain[1].clone();
        setup.chain.extend(std::iter::repeat_n(intermediate, copies));
        let (config, ca) = (setup.build(), authority.root_pem.clone());
        virtually(async move {
            let session = ClientSession::builder().ca_pem(ca).resolver(Names::one()).connector(move |_| {
                let (ours, theirs) = duplex(1 << 20);
                let mut peer = TlsPeer::new(theirs, &config);
                spawn(async move {
                    if peer.request().await.is_some() {
                        peer.send(client_support::OK).await;
                    }
                    peer.closed().await;
                    Ok(())
                });
                std::future::ready(Ok(ours))
            });
            let outcome = session.build().unwrap().get("https://example.org/").send().await;
            assert_eq!(outcome.is_ok(), accepted, "{copies} certificates too many");
            if let Err(error) = outcome {
                assert_eq!(error.kind(), ErrorKind::TlsHandshake, "{error}");
                assert!(error.message().contains("a TLS handshake message (its chain of certificates?)"), "{error}");
            }
        });
    }
}
