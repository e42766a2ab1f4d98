//! Every response cut at every byte, in every way that a connection can end; plain and through TLS.
//!
//! A case says what its bytes mean (where the head ends, how much body has come at each byte, where it is complete).
//! From that, and the way it ends, [`expected`] computes the one outcome that is allowed, with the exact number of body
//! bytes. Nothing here is recorded from what the client does.

mod client_support;
mod tls_support;

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use client_support::{Names, Peer, pause, spawn, virtually};
use http::Method;
use oneloop::net::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use oneloop_http::{ClientSession, ErrorKind, Exchange};
use rustls::ServerConfig;
use tls_support::{Authority, TlsPeer};

/// How a body is delimited.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Delimited {
    /// By its head alone.
    Head,
    Length,
    Chunks,
    End,
}

/// A response, byte by byte.
#[derive(Clone)]
struct Case {
    name: &'static str,
    method: Method,
    bytes: Vec<u8>,
    head: usize,
    by: Delimited,
    /// How much body the first so many bytes hold.
    body_at: Vec<u64>,
    /// The first byte after the message; for [`Delimited::End`], none.
    complete: Option<usize>,
}

impl Case {
    /// A head, and pieces that are body or framing.
    fn new(name: &'static str, by: Delimited, head: &str, pieces: &[(&str, bool)]) -> Case {
        let mut bytes = head.as_bytes().to_vec();
        let mut body_at = vec![0; bytes.len() + 1];
        for (piece, is_body) in pieces {
            for byte in piece.bytes() {
                bytes.push(byte);
                let before = body_at.last().copied().unwrap();
                body_at.push(before + u64::from(*is_body));
            }
        }
        let complete = (by != Delimited::End).then_some(bytes.len());
        Case { name, method: Method::GET, head: head.len(), bytes, by, body_at, complete }
    }

    /// How many bytes there are up to the end of the final response's first line.
    fn status_line(&self) -> usize {
        let head = &self.bytes[..self.head];
        let begins = head.windows(5).rposition(|window| window == b"HTTP/").unwrap();
        begins + head[begins..].iter().position(|&byte| byte == b'\n').unwrap() + 1
    }
}

fn cases() -> Vec<Case> {
    let mut cases = vec![
        Case::new(
            "length",
            Delimited::Length,
            "HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\n",
            &[("hello world", true)],
        ),
        Case::new("no body", Delimited::Head, "HTTP/1.1 204 No Content\r\nServer: x\r\n\r\n", &[]),
        Case::new("empty", Delimited::Head, "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", &[]),
        Case::new("to the end", Delimited::End, "HTTP/1.1 200 OK\r\n\r\n", &[("hello", true)]),
        Case::new("HTTP/1.0", Delimited::End, "HTTP/1.0 500 \r\nX: y\r\n\r\n", &[("gone", true)]),
        Case::new(
            "chunks",
            Delimited::Chunks,
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
            &[
                ("5;x=y\r\n", false),
                ("hello", true),
                ("\r\n1\r\n", false),
                ("!", true),
                ("\r\n0\r\nT: u\r\n\r\n", false),
            ],
        ),
        Case::new(
            "after interim ones",
            Delimited::Length,
            "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 200\r\ncontent-length:2\r\n\r\n",
            &[("ok", true)],
        ),
        Case::new("bare LF", Delimited::Length, "HTTP/1.1 200 OK\nContent-Length: 3\n\n", &[("abc", true)]),
    ];
    let head = "HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n";
    cases.push(Case { method: Method::HEAD, ..Case::new("to HEAD", Delimited::Head, head, &[]) });
    cases
}

/// What the server does after the cut.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Ending {
    /// Ends the stream in good order (TLS: says so first).
    Close,
    /// Ends one direction, and goes on reading.
    HalfClose,
    /// TLS: ends the stream without saying so.
    Vanish,
    Reset,
    Stall,
    /// TLS: a fatal alert.
    Alert,
    /// TLS: bytes that are no record.
    Garbage,
    /// TLS: a record of a kind that has no place here.
    WrongRecord,
}

#[derive(Debug, PartialEq)]
enum Outcome {
    Complete(u64),
    Failed(ErrorKind, u64),
}

/// The one outcome that is allowed.
fn expected(case: &Case, cut: usize, ending: Ending) -> Outcome {
    let body = case.body_at[cut];
    if case.complete.is_some_and(|complete| cut >= complete) {
        return Outcome::Complete(body);
    }
    let kind = match ending {
        Ending::Stall => ErrorKind::Timeout,
        Ending::Reset | Ending::Alert | Ending::Garbage | Ending::WrongRecord => ErrorKind::Receive,
        Ending::Close | Ending::HalfClose | Ending::Vanish => match () {
            () if cut == 0 => ErrorKind::EmptyReply,
            () if cut < case.head => ErrorKind::Protocol,
            () if case.by == Delimited::End && ending != Ending::Vanish => return Outcome::Complete(body),
            () => ErrorKind::TruncatedBody,
        },
    };
    Outcome::Failed(kind, body)
}

const PATIENCE: Duration = Duration::from_secs(5);

async fn fetch(session: &ClientSession, url: &str, method: &Method) -> (Outcome, Exchange) {
    let exchange = Exchange::new();
    let fetching = async {
        let request = session.request(method.clone(), url).exchange(&exchange).timeout(PATIENCE);
        let mut response = request.send().await?;
        let mut seen = 0;
        let counted = response.read_with(|bytes| seen += bytes.len() as u64).await?;
        assert_eq!(seen, counted);
        Ok::<u64, oneloop_http::Error>(seen)
    };
    let outcome = fetching.await;
    let counted = exchange.hops()[0].body_bytes;
    let outcome = match outcome {
        Ok(seen) => {
            assert_eq!(seen, counted);
            Outcome::Complete(seen)
        }
        Err(error) => {
            assert!(!error.message().is_empty() && error.phase().is_some(), "{error:?}");
            Outcome::Failed(error.kind(), counted)
        }
    };
    assert!(exchange.hops()[0].clock.current().is_none(), "the clock has stopped");
    (outcome, exchange)
}

async fn end_plain(mut stream: DuplexStream, ending: Ending) {
    match ending {
        Ending::Reset => stream.reset(),
        Ending::Stall => pause(3_600_000).await,
        Ending::HalfClose => {
            let _ = stream.shutdown().await;
            let _ = stream.read(&mut [0]).await;
        }
        _ => drop(stream),
    }
}

/// A session whose server sends the first `cut` bytes and ends so.
fn plain(case: &Case, cut: usize, ending: Ending) -> ClientSession {
    let bytes: Rc<[u8]> = case.bytes[..cut].into();
    let connect = move |_| {
        let (ours, theirs) = duplex(64 * 1024);
        let bytes = bytes.clone();
        spawn(async move {
            let mut peer = Peer::on(theirs);
            peer.request().await;
            peer.send(&bytes).await;
            pause(1).await; // a reset takes what is still on its way with it
            end_plain(peer.stream, ending).await;
            Ok(())
        });
        std::future::ready(Ok(ours))
    };
    ClientSession::builder().resolver(Names::one()).connector(connect).build().unwrap()
}

#[test]
fn a_plain_response_cut_anywhere_has_one_outcome() {
    let mut runs = 0;
    for case in cases() {
        for cut in 0..=case.bytes.len() {
            for ending in [Ending::Close, Ending::HalfClose, Ending::Reset, Ending::Stall] {
                let case = case.clone();
                virtually(async move {
                    let session = plain(&case, cut, ending);
                    let (outcome, exchange) = fetch(&session, "http://a/", &case.method).await;
                    let place = format!("{} cut at {cut} by {ending:?}", case.name);
                    assert_eq!(outcome, expected(&case, cut, ending), "{place}");
                    assert_eq!(exchange.hops()[0].status().is_some(), cut >= case.status_line(), "{place}");
                });
                runs += 1;
            }
        }
    }
    assert!(runs > 1_700, "{runs}");
}

#[test]
fn segmentation_alone_changes_nothing() {
    for case in cases() {
        for cut in 0..=case.bytes.len() {
            let case = case.clone();
            virtually(async move {
                let bytes: Rc<[u8]> = case.bytes.clone().into();
                let session = ClientSession::builder().resolver(Names::one()).connector(move |_| {
                    let (ours, theirs) = duplex(64 * 1024);
                    let bytes = bytes.clone();
                    spawn(async move {
                        let mut peer = Peer::on(theirs);
                        peer.request().await;
                        // In two pieces; and for the last cut, byte by byte.
                        let pieces: Vec<&[u8]> = match cut == bytes.len() {
                            true => bytes.chunks(1).collect(),
                            false => vec![&bytes[..cut], &bytes[cut..]],
                        };
                        for piece in pieces {
                            peer.send(piece).await;
                            pause(1).await;
                        }
                        Ok(())
                    });
                    std::future::ready(Ok(ours))
                });
                let session = session.build().unwrap();
                let (outcome, _) = fetch(&session, "http://a/", &case.method).await;
                let whole = case.body_at.last().copied().unwrap();
                assert_eq!(outcome, Outcome::Complete(whole), "{} split at {cut}", case.name);
            });
        }
    }
}

/// A session whose server, after the handshake, sends the first `cut` bytes and ends so.
fn through_tls(case: &Case, cut: usize, ending: Ending, config: &Arc<ServerConfig>, ca: &str) -> ClientSession {
    let (bytes, config): (Rc<[u8]>, _) = (case.bytes[..cut].into(), config.clone());
    let connect = move |_| {
        let (ours, theirs) = duplex(64 * 1024);
        let (bytes, mut peer) = (bytes.clone(), TlsPeer::new(theirs, &config));
        spawn(async move {
            peer.request().await;
            peer.send(&bytes).await;
            pause(1).await;
            match ending {
                Ending::Close | Ending::HalfClose => peer.close().await,
                Ending::Garbage => drop(peer.stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await),
                Ending::WrongRecord => drop(peer.stream.write_all(b"\x63\x03\x03\0\x04abcd").await),
                // In the clear where it should be encrypted: forged, by whoever is between.
                Ending::Alert => drop(peer.stream.write_all(b"\x15\x03\x03\0\x02\x02\x28").await),
                Ending::Vanish | Ending::Reset | Ending::Stall => {}
            }
            let ending = if matches!(ending, Ending::Garbage | Ending::WrongRecord | Ending::Alert) {
                Ending::Stall
            } else {
                ending
            };
            end_plain(peer.stream, ending).await;
            Ok(())
        });
        std::future::ready(Ok(ours))
    };
    ClientSession::builder().ca_pem(ca).resolver(Names::one()).connector(connect).build().unwrap()
}

#[test]
fn a_response_through_tls_cut_anywhere_has_one_outcome() {
    let authority = Authority::new();
    let configs = [&rustls::version::TLS13, &rustls::version::TLS12].map(|version| {
        let mut setup = authority.server(&["example.org"], |_| ());
        setup.versions = vec![version];
        setup.build()
    });
    let endings = [
        Ending::Close,
        Ending::HalfClose,
        Ending::Vanish,
        Ending::Reset,
        Ending::Stall,
        Ending::Alert,
        Ending::Garbage,
        Ending::WrongRecord,
    ];
    for case in cases() {
        for cut in 0..=case.bytes.len() {
            for (index, ending) in endings.into_iter().enumerate() {
                // Each cut goes through all endings, in turns of the version; each ending through all cuts.
                let config = configs[(cut + index) % 2].clone();
                let (case, ca) = (case.clone(), authority.root_pem.clone());
                // Handshakes are dear: after a head without a body, three endings tell all.
                if cut < case.head && cut % 4 != index % 4 {
                    continue;
                }
                virtually(async move {
                    let session = through_tls(&case, cut, ending, &config, &ca);
                    let (outcome, _) = fetch(&session, "https://example.org/", &case.method).await;
                    assert_eq!(outcome, expected(&case, cut, ending), "{} cut at {cut} by {ending:?}", case.name);
                });
            }
        }
    }
}

/// Where the bytes of TLS itself are cut, handshake included.
#[test]
fn tls_records_cut_anywhere_end_promptly() {
    let authority = Authority::new();
    for version in [&rustls::version::TLS13, &rustls::version::TLS12] {
        let mut setup = authority.server(&["example.org"], |_| ());
        setup.versions = vec![version];
        let config = setup.build();
        let mut cut = 0;
        loop {
            let (config, ca) = (config.clone(), authority.root_pem.clone());
            let ending = [Ending::Close, Ending::Reset, Ending::Stall][cut % 3];
            let whole = virtually(async move {
                let sent_all = Rc::new(std::cell::Cell::new(false));
                let told = sent_all.clone();
                let session = ClientSession::builder().ca_pem(ca).resolver(Names::one()).connector(move |_| {
                    let (ours, theirs) = duplex(64 * 1024);
                    let (config, told) = (config.clone(), told.clone());
                    spawn(async move {
                        if relay(theirs, &config, cut, ending).await {
                            told.set(true);
                        }
                        Ok(())
                    });
                    std::future::ready(Ok(ours))
                });
                let (outcome, exchange) = fetch(&session.build().unwrap(), "https://example.org/", &Method::GET).await;
                match outcome {
                    Outcome::Complete(body) => assert_eq!(body, 5, "at {cut}"),
                    Outcome::Failed(kind, body) => {
                        let allowed: &[ErrorKind] = match ending {
                            Ending::Stall => &[ErrorKind::Timeout],
                            Ending::Reset => &[ErrorKind::TlsHandshake, ErrorKind::Receive],
                            _ => &[
                                ErrorKind::TlsHandshake,
                                ErrorKind::EmptyReply,
                                ErrorKind::Protocol,
                                ErrorKind::TruncatedBody,
                            ],
                        };
                        assert!(allowed.contains(&kind) && body == 0, "{kind:?} with {body} at {cut} by {ending:?}");
                        assert!(exchange.total() <= PATIENCE);
                    }
                }
                sent_all.get()
            });
            if whole {
                break;
            }
            cut += 7;
            assert!(cut < 20_000, "no handshake is that long");
        }
        assert!(cut > 1_000, "{cut}");
    }
}

/// Serves one exchange; passes on the first `cut` bytes of what the server says, then ends so. Whether that was all.
async fn relay(stream: DuplexStream, config: &Arc<ServerConfig>, cut: usize, ending: Ending) -> bool {
    let mut peer = TlsPeer::new(stream, config);
    let (mut left, mut answered) = (cut, false);
    loop {
        let mut out = Vec::new();
        while peer.tls.wants_write() {
            peer.tls.write_tls(&mut out).unwrap();
        }
        let allowed = left.min(out.len());
        let _ = peer.stream.write_all(&out[..allowed]).await;
        left -= allowed;
        if allowed < out.len() {
            pause(1).await;
            end_plain(peer.stream, ending).await;
            return false;
        }
        if answered {
            return true; // what is in the stream stays there
        }
        if !peer.read().await {
            return true;
        }
        let mut request = [0; 4096];
        if std::io::Read::read(&mut peer.tls.reader(), &mut request).is_ok_and(|count| count > 0) {
            let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";
            std::io::Write::write_all(&mut peer.tls.writer(), answer).unwrap();
            answered = true;
        }
    }
}
