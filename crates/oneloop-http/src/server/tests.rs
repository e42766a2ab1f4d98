//! The server over streams in memory and on the virtual clock; over sockets where it is about sockets.

use std::{
    cell::Cell,
    rc::Rc,
    task::{Context, Poll},
    time::{Duration, Instant},
};

use oneloop::{
    EventLoop, Result,
    net::{AsyncReadExt, AsyncWriteExt, DuplexStream, TcpStream, duplex},
    sleep,
};

use super::*;
use crate::proto::{Event, Limits, ResponseReader};

/// Runs on the virtual clock, where a second costs nothing.
fn run_virtual<T: 'static>(body: impl Future<Output = Result<T>> + 'static) -> T {
    let event_loop = EventLoop::builder().virtual_clock(true).build().unwrap();
    event_loop.run_until_complete(body).unwrap()
}

fn now() -> Instant {
    oneloop::get_running_loop().unwrap().time()
}

/// The site of these tests.
async fn site(request: Request) -> Result<Reply> {
    Ok(match request.path() {
        "/echo" => Response::new(200).body(request.body).into(),
        "/chunks" => Response::new(200).chunks(["one", "two", ""]).into(),
        "/query" => Response::text(200, request.query()).into(),
        "/empty" => Response::new(204).body("ignored").into(),
        "/close" => Response::text(200, "bye").close().into(),
        "/fail" => return Err(oneloop::Error::other("a bug")),
        "/bad-field" => Response::new(200).header("X", "a\r\nInjected: 1").into(),
        "/bad-status" => Response::new(7).into(),
        "/slow" => {
            sleep(Duration::from_secs(5)).await?;
            Response::text(200, "slow").into()
        }
        "/truncated" => Reply::raw(async |mut connection| {
            connection.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhi").await
        }),
        "/stall" => Reply::raw(async |mut connection| connection.until_closed().await),
        _ => Response::text(404, "no such page").header("X-Path", request.path()).into(),
    })
}

/// A client's end of a connection that is being served; and the task that serves it.
fn connect() -> (DuplexStream, oneloop::Task<()>) {
    let (client, server) = duplex(1 << 16);
    let serving =
        oneloop::create_task(async { serve_connection(server, &Handler::new(site), Options::default()).await });
    (client, serving)
}

/// Reads to the end of the stream.
async fn read_all(stream: &mut impl oneloop::net::AsyncRead) -> Result<String> {
    let mut all = Vec::new();
    let mut buf = [0; 1000];
    loop {
        match stream.read(&mut buf).await? {
            0 => return Ok(String::from_utf8(all).unwrap()),
            count => all.extend_from_slice(&buf[..count]),
        }
    }
}

/// What the server answers to these bytes, until it ends the connection.
async fn answer(pieces: &[&[u8]]) -> Result<String> {
    let (mut client, serving) = connect();
    for piece in pieces {
        client.write_all(piece).await?;
        // The server reads each piece by itself.
        sleep(Duration::from_millis(1)).await?;
    }
    let all = read_all(&mut client).await?;
    drop(client);
    serving.await?;
    Ok(all)
}

fn get(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
}

/// Status and body of the one response in `bytes`.
fn parse(bytes: &str) -> (u16, String) {
    let mut reader = ResponseReader::new(false, Limits::default());
    let (mut at, mut status, mut body) = (0, 0, Vec::new());
    loop {
        let (used, event) = reader.feed(&bytes.as_bytes()[at..]).unwrap();
        at += used;
        match event {
            Event::Head(head) => status = head.status.as_u16(),
            Event::Data(data) => body.extend_from_slice(data),
            Event::End { .. } => break,
            Event::NeedMore => panic!("incomplete: {bytes:?}"),
            Event::Interim(_) | Event::Trailers(_) => {}
        }
    }
    assert_eq!(at, bytes.len(), "more than one response in {bytes:?}");
    (status, String::from_utf8(body).unwrap())
}

#[test]
fn requests_on_one_connection_are_answered_in_order_however_they_are_cut() {
    let requests = "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc\
        HEAD /query?a=b HTTP/1.1\r\nHost: h\r\n\r\n\
        POST /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nde\r\n0\r\n\r\n\
        GET /close HTTP/1.1\r\nHost: h\r\n\r\n";
    let expected = "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc\
        HTTP/1.1 200 OK\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: 3\r\n\r\n\
        HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nde\
        HTTP/1.1 200 OK\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: 3\r\nConnection: close\r\n\r\nbye";
    run_virtual(async move {
        for cut in 0..requests.len() {
            let (first, second) = requests.as_bytes().split_at(cut);
            assert_eq!(answer(&[first, second]).await?, expected, "cut at {cut}");
        }
        Ok(())
    });
}

#[test]
fn each_handler_gets_the_framing_that_its_response_needs() {
    run_virtual(async {
        for (path, expected) in [
            ("/chunks", (200, "onetwo")),
            ("/query?x=%20", (200, "x=%20")),
            ("/empty", (204, "")),
            ("/nothing", (404, "no such page")),
            ("/fail", (500, "the handler failed\n")),
            ("/bad-field", (500, "the handler's response cannot be sent\n")),
            ("/bad-status", (500, "the handler's response cannot be sent\n")),
        ] {
            let (status, body) = parse(&answer(&[get(path).as_bytes()]).await?);
            assert_eq!((status, body.as_str()), expected, "{path}");
        }
        let old = answer(&[b"GET /chunks HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"]).await?;
        assert!(old.contains("Content-Length: 6\r\nConnection: close\r\n"), "{old}");
        Ok(())
    });
}

#[test]
fn what_breaks_a_rule_is_told_so_and_the_connection_ends() {
    let large = format!("GET /{} HTTP/1.1\r\nHost: h\r\n\r\n", "a".repeat(20_000));
    run_virtual(async move {
        for (request, status) in [
            ("GET / HTTP/1.1\r\n\r\n", 400),
            ("nonsense\r\n\r\n", 400),
            ("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n", 400),
            ("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 99999999\r\n\r\n", 413),
            ("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: gzip\r\n\r\n", 501),
            (&large, 431),
        ] {
            let answer = answer(&[request.as_bytes()]).await?;
            assert!(answer.contains("Connection: close\r\n"), "{answer}");
            assert_eq!(parse(&answer).0, status, "{request:?}");
        }
        Ok(())
    });
}

#[test]
fn a_client_that_waits_for_100_gets_it() {
    run_virtual(async {
        let head =
            b"POST /echo HTTP/1.1\r\nHost: h\r\nConnection: close\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n";
        let answer = answer(&[head, b"hi"]).await?;
        assert!(answer.starts_with("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n"), "{answer}");
        Ok(())
    });
}

#[test]
fn silence_and_dripping_end_at_their_time() {
    run_virtual(async {
        let options = Options::default();
        let began = now();
        assert_eq!(answer(&[]).await?, "");
        assert_eq!(now() - began, options.idle_timeout);

        // Half a request, then nothing; progress does not extend the time.
        let began = now();
        let (mut client, _serving) = connect();
        for byte in b"GET / HT" {
            client.write_all(&[*byte]).await?;
            sleep(Duration::from_secs(1)).await?;
        }
        assert_eq!(parse(&read_all(&mut client).await?).0, 408);
        assert_eq!(now() - began, options.request_timeout);
        Ok(())
    });
}

#[test]
fn a_raw_reply_does_what_it_likes() {
    run_virtual(async {
        let truncated = answer(&[get("/truncated").as_bytes()]).await?;
        assert_eq!(truncated, "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhi");

        let (mut client, serving) = connect();
        client.write_all(get("/stall").as_bytes()).await?;
        sleep(Duration::from_secs(3600)).await?;
        assert!(!serving.done(), "it stalls for as long as the client stays");
        drop(client);
        serving.await
    });
}

#[test]
fn a_handler_is_dropped_with_its_client_where_that_is_asked_for() {
    struct Dropped(Rc<Cell<usize>>);
    impl Drop for Dropped {
        fn drop(&mut self) {
            self.0.set(self.0.get() + 1);
        }
    }
    run_virtual(async {
        for (drop_when_gone, took) in [(true, 1), (false, 10)] {
            let dropped = Rc::new(Cell::new(0));
            let counter = dropped.clone();
            let handler = Handler::new(async move |_| {
                let _dropped = Dropped(counter.clone());
                sleep(Duration::from_secs(10)).await?;
                Ok(Response::text(200, "late"))
            });
            let (mut client, server) = duplex(1 << 16);
            let options = Options { drop_when_gone, ..Options::default() };
            let began = now();
            let serving = oneloop::create_task(async move { serve_connection(server, &handler, options).await });
            // What comes early is the next request, not the end; it is read while the handler works.
            client.write_all(get("/").repeat(2).as_bytes()).await?;
            sleep(Duration::from_secs(1)).await?;
            assert_eq!((dropped.get(), serving.done()), (0, false));
            drop(client);
            // Whoever writes to a client that has gone is told so by the stream.
            let _ = serving.await;
            assert_eq!((dropped.get(), (now() - began).as_secs()), (1, took), "{drop_when_gone}");
        }
        Ok(())
    });
}

#[test]
fn a_whole_url_is_a_target_like_its_path() {
    run_virtual(async {
        for (target, body) in [("http://h/query?a=b", "a=b"), ("https://h:1/query?u=http://x/", "u=http://x/")] {
            let text = answer(&[get(target).as_bytes()]).await?;
            assert!(text.ends_with(&format!("\r\n\r\n{body}")), "{target}: {text}");
        }
        assert!(answer(&[get("http://h").as_bytes()]).await?.contains("X-Path: /\r\n"));
        assert!(answer(&[get("/a://b/c").as_bytes()]).await?.contains("X-Path: /a://b/c\r\n"));
        Ok(())
    });
}

/// Over real sockets from here on.
fn bind() -> Result<Server> {
    Server::bind("127.0.0.1:0".parse().unwrap(), Options::default(), site)
}

#[test]
fn stop_ends_idle_connections_and_lets_busy_ones_finish() {
    let finished = oneloop::run(async {
        let release = oneloop::get_running_loop()?.create_future::<()>();
        let asked = oneloop::get_running_loop()?.create_future::<()>();
        let (wait, ask) = (release.clone(), asked.clone());
        let server =
            Server::bind("127.0.0.1:0".parse().unwrap(), Options::default(), async move |request: Request| {
                if request.path() == "/busy" {
                    ask.set_result(())?;
                    (&wait).await?;
                }
                Ok(Response::text(200, "done"))
            })?;
        let address = server.local_addr();

        let mut idle = TcpStream::connect(address).await?;
        idle.write_all(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n").await?;
        let mut buf = [0; 1000];
        let count = idle.read(&mut buf).await?;
        assert!(buf[..count].ends_with(b"done"), "and the connection stays open");

        let mut busy = TcpStream::connect(address).await?;
        busy.write_all(b"GET /busy HTTP/1.1\r\nHost: h\r\n\r\n").await?;
        asked.await?;

        let stopping = oneloop::create_task(server.stop(Duration::from_secs(3600)));
        assert_eq!(idle.read(&mut buf).await?, 0, "the idle one is closed");
        assert!(!stopping.done());
        release.set_result(())?;
        let answer = read_all(&mut busy).await?;
        assert!(answer.contains("Connection: close\r\n") && answer.ends_with("done"), "{answer}");
        drop(busy);
        stopping.await?;
        assert_eq!(
            TcpStream::connect(address).await.unwrap_err().io_kind(),
            Some(std::io::ErrorKind::ConnectionRefused)
        );
        Ok(true)
    });
    assert!(finished.unwrap());
}

#[test]
fn stop_cancels_what_outlasts_the_grace() {
    struct Dropped(Rc<Cell<bool>>);
    impl Drop for Dropped {
        fn drop(&mut self) {
            self.0.set(true);
        }
    }
    let dropped = Rc::new(Cell::new(false));
    let witness = dropped.clone();
    oneloop::run(async move {
        let asked = oneloop::get_running_loop()?.create_future::<()>();
        let ask = asked.clone();
        let server = Server::bind("127.0.0.1:0".parse().unwrap(), Options::default(), async move |_| {
            let guard = Dropped(witness.clone());
            ask.set_result(())?;
            Ok(Reply::raw(async move |mut connection| {
                let _guard = guard;
                connection.until_closed().await
            }))
        })?;
        let mut client = TcpStream::connect(server.local_addr()).await?;
        client.write_all(get("/").as_bytes()).await?;
        asked.await?;
        assert_eq!(server.connections(), 1);
        server.stop(Duration::ZERO).await
    })
    .unwrap();
    assert!(dropped.get());
}

#[test]
fn a_server_that_is_stopped_before_it_ran_ends_too() {
    oneloop::run(async { bind()?.stop(Duration::ZERO).await }).unwrap();
}

#[test]
fn a_raw_server_can_reset() {
    oneloop::run(async {
        let server =
            Server::bind_raw("127.0.0.1:0".parse().unwrap(), Options::default(), async |stream: TcpStream| {
                stream.readable().await
            })?;
        let mut client = TcpStream::connect(server.local_addr()).await?;
        client.write_all(get("/").as_bytes()).await?;
        let error = client.read(&mut [0; 10]).await.unwrap_err();
        assert_eq!(error.io_kind(), Some(std::io::ErrorKind::ConnectionReset));
        server.stop(Duration::ZERO).await
    })
    .unwrap();
}

#[test]
fn a_full_server_lets_others_wait_and_serves_them_later() {
    oneloop::run(async {
        let options = Options { max_connections: 1, ..Options::default() };
        let server = Server::bind("127.0.0.1:0".parse().unwrap(), options, site)?;
        let first = TcpStream::connect(server.local_addr()).await?;
        let mut second = TcpStream::connect(server.local_addr()).await?;
        second.write_all(get("/query?2").as_bytes()).await?;
        drop(first);
        assert_eq!(parse(&read_all(&mut second).await?), (200, "2".into()));
        drop(second);
        server.stop(Duration::ZERO).await
    })
    .unwrap();
}

/// A certificate that nobody trusts.
fn acceptor() -> TlsAcceptor {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    TlsAcceptor::from_pem(&made.cert.pem(), &made.signing_key.serialize_pem()).unwrap()
}

/// All of a response that the client gets from the site, over TLS; `Err` has the kind.
async fn fetch(session: &crate::ClientSession, server: &Server, path: &str) -> std::result::Result<String, String> {
    let kind = |error: crate::Error| error.kind().as_str().to_owned();
    let url = format!("https://{}{path}", server.local_addr());
    let mut response = session.get(url.as_str()).send().await.map_err(kind)?;
    let body = response.read().await.map_err(kind)?.to_vec();
    Ok(format!("{} {}", response.status().as_u16(), String::from_utf8_lossy(&body)))
}

#[test]
fn the_same_site_is_served_over_tls() {
    oneloop::run(async {
        let server = Server::bind_tls("127.0.0.1:0".parse().unwrap(), acceptor(), Options::default(), site)?;
        let other = |error: crate::Error| oneloop::Error::other(error);
        let insecure = || crate::ClientSession::builder().insecure(true);
        let session = insecure().build().map_err(other)?;
        let kept_alive = insecure().keepalive(true).build().map_err(other)?;
        for session in [&session, &kept_alive] {
            for (path, expected) in [
                ("/query?x", Ok("200 x")),
                ("/chunks", Ok("200 onetwo")),
                ("/empty", Ok("204 ")),
                ("/close", Ok("200 bye")),
                ("/truncated", Err("truncated-body")),
                ("/nothing", Ok("404 no such page")),
            ] {
                let answer = fetch(session, &server, path).await;
                assert_eq!(answer.as_deref().map_err(String::as_str), expected, "{path}");
            }
        }

        // A client that turns away from the certificate, one that says no TLS, one that says nothing: no other suffers.
        let careful = crate::ClientSession::new().map_err(other)?;
        assert_eq!(fetch(&careful, &server, "/").await, Err("tls-untrusted".into()));
        let mut plain = TcpStream::connect(server.local_addr()).await?;
        plain.write_all(get("/").as_bytes()).await?;
        let _silent = TcpStream::connect(server.local_addr()).await?;
        assert_eq!(fetch(&session, &server, "/query?y").await, Ok("200 y".into()));
        drop(kept_alive);
        server.stop(Duration::ZERO).await
    })
    .unwrap();
}

/// A client that sends faster than anybody can read: a request, and then so many bytes that are all there already.
struct Torrent {
    request: &'static [u8],
    left: usize,
}

impl oneloop::net::AsyncRead for Torrent {
    fn poll_read(&mut self, _: &mut Context<'_>, buf: &mut [u8]) -> Poll<Result<usize>> {
        let count = if self.request.is_empty() { self.left.min(buf.len()) } else { self.request.len() };
        match std::mem::take(&mut self.request) {
            [] => self.left -= count,
            request => buf[..count].copy_from_slice(request),
        }
        Poll::Ready(Ok(count))
    }
}

impl oneloop::net::AsyncWrite for Torrent {
    fn poll_write(&mut self, _: &mut Context<'_>, buf: &[u8]) -> Poll<Result<usize>> {
        Poll::Ready(Ok(buf.len()))
    }

    fn poll_shutdown(&mut self, _: &mut Context<'_>) -> Poll<Result<()>> {
        Poll::Ready(Ok(()))
    }
}

#[test]
fn a_client_that_sends_without_end_does_not_keep_the_loop_to_itself() {
    const SENT: usize = 8 << 20;
    for request in ["BAD\r\n\r\n", "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 8388608\r\n\r\n"] {
        run_virtual(async move {
            let stream = Torrent { request: request.as_bytes(), left: SENT };
            let serving =
                oneloop::create_task(async { serve_connection(stream, &Handler::new(site), Options::default()).await });
            let mut turns = 0;
            while !serving.done() {
                oneloop::yield_now().await?;
                turns += 1;
            }
            assert!(turns >= SENT / 4096 / 64, "{turns} turns of others while {SENT} bytes were read: {request}");
            serving.await
        });
    }
}

#[test]
fn a_connection_that_is_turned_away_is_told_so_within_a_second_also_when_it_is_silent() {
    run_virtual(async {
        for (sent, told_after) in [(get("/"), 0), (String::new(), 1), ("GET / HT".to_owned(), 1)] {
            let (mut client, server) = duplex(1 << 16);
            let busy = Response::text(503, "busy");
            let away = connection::turn_away(server, busy, Options::default(), Presence::default());
            let (away, begun) = (oneloop::create_task(away), now());
            client.write_all(sent.as_bytes()).await?;
            assert_eq!(parse(&read_all(&mut client).await?), (503, "busy".to_owned()), "{sent:?}");
            assert_eq!((now() - begun).as_secs(), told_after, "{sent:?}");
            drop(client);
            away.await?;
        }
        Ok(())
    });
}

#[test]
fn those_turned_away_are_not_among_the_connections() {
    oneloop::run(async {
        let admitted = Cell::new(0);
        let admit = move || {
            admitted.set(admitted.get() + 1);
            (admitted.get() > 1).then(|| Response::text(503, "busy"))
        };
        let server = Server::bind_admitting("127.0.0.1:0".parse().unwrap(), Options::default(), admit, site)?;
        let mut first = TcpStream::connect(server.local_addr()).await?;
        let mut second = TcpStream::connect(server.local_addr()).await?;
        second.write_all(get("/query?a=b").as_bytes()).await?;
        assert_eq!(parse(&read_all(&mut second).await?).0, 503);
        assert_eq!(server.connections(), 1);
        drop(second);
        first.write_all(get("/query?a=b").as_bytes()).await?;
        assert_eq!(parse(&read_all(&mut first).await?), (200, "a=b".to_owned()));
        drop(first);
        server.stop(Duration::from_secs(1)).await
    })
    .unwrap();
}
