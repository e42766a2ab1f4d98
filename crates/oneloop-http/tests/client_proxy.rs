//! Through a proxy: plain requests in absolute form, tunnels with TLS to the server inside, and every way in which the
//! proxy can spoil it. On the virtual clock.

mod client_support;
mod tls_support;

use std::cell::{Cell, RefCell};
use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use client_support::{Names, OK, Peer, noting, pause, scripted, scripted_with, spawn, virtually};
use oneloop::net::duplex;
use oneloop_http::resolver::{Family, Resolved};
use oneloop_http::{
    ClientSession, ErrorKind, Exchange, LocalBoxFuture, Phase, Resolve, Result, SessionBuilder, Timeouts,
};
use rustls::ServerConfig;
use tls_support::{Authority, ServerSetup, TlsPeer};

const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

const ESTABLISHED: &str = "HTTP/1.1 200 Connection established\r\n\r\n";

/// The server name in the ClientHello, and the request, of each exchange inside a tunnel.
type Inside = Rc<RefCell<Vec<(Option<String>, String)>>>;

/// What the proxy, the server behind it and the resolver saw.
#[derive(Clone, Default)]
struct Log {
    remotes: Rc<RefCell<Vec<SocketAddr>>>,
    connects: Rc<RefCell<Vec<String>>>,
    inside: Inside,
    names: Rc<RefCell<Vec<String>>>,
    open: Rc<Cell<usize>>,
}

struct Noting(Rc<RefCell<Vec<String>>>);

impl Resolve for Noting {
    fn resolve<'a>(&'a self, host: &'a str, _family: Family) -> LocalBoxFuture<'a, Result<Resolved>> {
        self.0.borrow_mut().push(host.to_owned());
        Box::pin(std::future::ready(Ok(vec![IpAddr::from([192, 0, 2, 9])].into())))
    }
}

/// A proxy that says `answer` to each CONNECT, in pieces where that has a `|`, and behind it a TLS server that answers
/// every request with `reply`. Ports other than 3128 lead to the server at once.
fn proxied(
    config: Arc<ServerConfig>,
    capacity: usize,
    answer: &'static str,
    reply: &'static str,
) -> (SessionBuilder, Log) {
    let log = Log::default();
    let noted = log.clone();
    let builder = ClientSession::builder().resolver(Noting(log.names.clone())).connector(move |remote: SocketAddr| {
        let (ours, theirs) = duplex(capacity);
        let (log, config) = (noted.clone(), config.clone());
        log.remotes.borrow_mut().push(remote);
        log.open.set(log.open.get() + 1);
        spawn(async move {
            serve(theirs, remote, &log, &config, answer, reply).await;
            log.open.set(log.open.get() - 1);
            Ok(())
        });
        std::future::ready(Ok(ours))
    });
    (builder, log)
}

async fn serve(
    theirs: oneloop::net::DuplexStream,
    remote: SocketAddr,
    log: &Log,
    config: &Arc<ServerConfig>,
    answer: &str,
    reply: &str,
) {
    let mut peer = Peer::on(theirs);
    if remote.port() == 3128 {
        let Some(connect) = peer.request().await else { return };
        log.connects.borrow_mut().push(connect);
        for piece in answer.split('|') {
            peer.send(piece).await;
            pause(1).await;
        }
    }
    let mut server = TlsPeer::new(peer.stream, config);
    while let Some(request) = server.request().await {
        let name = server.tls.server_name().map(str::to_owned);
        log.inside.borrow_mut().push((name, request));
        server.send(reply).await;
    }
    server.closed().await;
}

fn through(builder: SessionBuilder, authority: &Authority) -> SessionBuilder {
    builder.ca_pem(authority.root_pem.clone()).proxy("http://user:pw@proxy.example:3128".parse().unwrap())
}

#[test]
fn a_tunnel_carries_tls_with_the_server_itself() {
    let authority = Authority::new();
    let names = ["example.org", "xn--bcher-kva.example", "2001:db8::7", "192.0.2.7"];
    let config = authority.server(&names, |_| ()).build();
    for (url, connect, sni, host) in [
        ("https://u:p@example.org/x?y#z", "example.org:443", Some("example.org"), "example.org"),
        ("https://example.org:8443/x?y", "example.org:8443", Some("example.org"), "example.org:8443"),
        ("https://EXAMPLE.org:443/x?y", "example.org:443", Some("example.org"), "example.org"),
        (
            "https://bücher.example/x?y",
            "xn--bcher-kva.example:443",
            Some("xn--bcher-kva.example"),
            "xn--bcher-kva.example",
        ),
        ("https://[2001:db8::7]/x?y", "[2001:db8::7]:443", None, "[2001:db8::7]"),
        ("https://[2001:DB8:0::7]:44/x?y", "[2001:db8::7]:44", None, "[2001:db8::7]:44"),
        ("https://192.0.2.7/x?y", "192.0.2.7:443", None, "192.0.2.7"),
    ] {
        let (config, root) = (config.clone(), authority.root_pem.clone());
        virtually(async move {
            let (builder, log) = proxied(config, 65536, ESTABLISHED, OK);
            let builder = builder.ca_pem(root).header("User-Agent", "me");
            let session = builder.proxy("user:pw@proxy.example:3128".parse().unwrap()).build().unwrap();
            let exchange = Exchange::new();
            let request = session.get(url).header("Cookie", "a=b").exchange(&exchange);
            let mut response = request.send().await.unwrap();
            assert_eq!(response.read().await.unwrap(), b"ok", "{url}");
            // The proxy learns where to, who asks and who pays, and nothing else.
            assert_eq!(
                *log.connects.borrow(),
                [format!(
                    "CONNECT {connect} HTTP/1.1\r\nHost: {connect}\r\nUser-Agent: me\r\n\
                     Proxy-Authorization: Basic dXNlcjpwdw==\r\n\r\n"
                )]
            );
            let (name, request) = log.inside.borrow()[0].clone();
            assert_eq!(name.as_deref(), sni, "{url}");
            assert!(request.starts_with(&format!("GET /x?y HTTP/1.1\r\nHost: {host}\r\n")), "{request}");
            assert!(!request.contains("Proxy-Authorization") && request.contains("Cookie: a=b\r\n"), "{request}");
            assert_eq!(request.contains("Authorization: Basic dTpw\r\n"), url.contains('@'), "{request}");
            // Names are the proxy's to resolve.
            assert_eq!(*log.names.borrow(), ["proxy.example"]);
            let hop = exchange.hops()[0].clone();
            assert_eq!(hop.remote, Some("192.0.2.9:3128".parse().unwrap()));
            assert_eq!(hop.proxy_status.unwrap(), 200);
            assert!(hop.tls.unwrap().verified);
            assert_eq!(hop.body_bytes, 2, "the proxy's answer is no part of the response");
        });
    }
}

#[test]
fn credentials_for_the_proxy_that_the_caller_gives_do_not_go_on_into_the_tunnel() {
    let authority = Authority::new();
    let config = authority.server(&["example.org"], |_| ()).build();
    virtually(async move {
        let (builder, log) = proxied(config, 65536, ESTABLISHED, OK);
        let builder = builder.ca_pem(authority.root_pem.clone());
        let session = builder.proxy("proxy.example:3128".parse().unwrap()).build().unwrap();
        let request = session.get("https://example.org/").header("Proxy-Authorization", "mine");
        request.send().await.unwrap();
        assert!(log.connects.borrow()[0].contains("\r\nProxy-Authorization: mine\r\n"));
        let (_, request) = log.inside.borrow()[0].clone();
        assert!(!request.to_lowercase().contains("proxy-authorization"), "{request}");
    });
}

#[test]
fn a_certificate_is_verified_for_the_server_and_not_for_the_proxy() {
    let authority = Authority::new();
    let expired = |params: &mut rcgen::CertificateParams| params.not_after = rcgen::date_time_ymd(2001, 1, 1);
    let cases: Vec<(ServerSetup, ErrorKind)> = vec![
        (authority.server(&["proxy.example"], |_| ()), ErrorKind::TlsWrongHost),
        (authority.server(&["example.org"], expired), ErrorKind::TlsExpired),
        (Authority::named("Stranger").server(&["example.org"], |_| ()), ErrorKind::TlsUntrusted),
    ];
    for (setup, kind) in cases {
        let (config, root) = (setup.build(), authority.root_pem.clone());
        virtually(async move {
            let (builder, log) = proxied(config, 65536, ESTABLISHED, OK);
            let session = builder.ca_pem(root).proxy("proxy.example:3128".parse().unwrap()).build().unwrap();
            let exchange = Exchange::new();
            let error = session.get("https://example.org/").exchange(&exchange).send().await.unwrap_err();
            assert_eq!((error.kind(), error.phase()), (kind, Some(Phase::Tls)), "{error}");
            assert_eq!(exchange.hops()[0].tls.as_ref().unwrap().chain.len(), 2, "the chain is shown");
            assert!(log.inside.borrow().is_empty(), "no request is sent to such a server");
            pause(1).await;
            assert_eq!(log.open.get(), 0);
        });
    }
}

#[test]
fn a_tunnel_opens_however_the_answer_is_worded_and_cut() {
    let authority = Authority::new();
    let config = authority.server(&["example.org"], |_| ()).build();
    for answer in [
        ESTABLISHED,
        "HTTP/1.0 200 Connection established\r\nProxy-agent: x\r\n\r\n",
        "HTTP/1.1 200\r\n\r\n",
        "HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n",
        "HTTP/1.1 299 Whatever\n\n",
        "HTTP/1.1 100 Continue\r\n\r\n|HTTP/1.1 103 Early Hints\r\nA: b\r\n\r\nHTTP/1.1 200 OK\r\n\r\n",
        "HTTP/1.1 200 OK\r|\nVia: a|\r\n\r|\n",
        // RFC 9110, 9.3.6: no body comes, whatever these say.
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\nTransfer-Encoding: gzip\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
    ] {
        for capacity in [1, 65536] {
            let (config, root) = (config.clone(), authority.root_pem.clone());
            virtually(async move {
                let (builder, log) = proxied(config, capacity, answer, OK);
                let session = builder.ca_pem(root).proxy("proxy.example:3128".parse().unwrap()).build().unwrap();
                for _ in 0..2 {
                    let mut response = session.get("https://example.org/").send().await.unwrap();
                    assert_eq!(response.read().await.unwrap(), b"ok", "{answer}");
                }
                assert_eq!((log.connects.borrow().len(), log.inside.borrow().len()), (1, 2), "the tunnel is kept");
            });
        }
    }
}

#[test]
fn a_tunnel_is_kept_for_its_own_origin_and_no_other() {
    let authority = Authority::new();
    let config = authority.server(&["example.org", "other.example"], |_| ()).build();
    virtually(async move {
        let (builder, log) = proxied(config, 65536, ESTABLISHED, OK);
        let session = through(builder, &authority).no_proxy("direct.example,.internal").build().unwrap();
        let mut reused = Vec::new();
        for url in
            ["https://example.org/1", "https://example.org/2", "https://example.org:444/", "https://other.example/"]
        {
            let exchange = Exchange::new();
            session.get(url).exchange(&exchange).send().await.unwrap().read().await.unwrap();
            let hop = exchange.hops()[0].clone();
            reused.push(hop.reused);
            // A kept tunnel's handshake is not done again, and the proxy not asked.
            assert_eq!(hop.proxy_status.is_some(), !hop.reused);
        }
        assert_eq!(reused, [false, true, false, false]);
        assert_eq!(log.connects.borrow().len(), 3);
        assert_eq!(log.open.get(), 3);
        session.close().await.unwrap();
        pause(1).await;
        assert_eq!(log.open.get(), 0);
    });
}

#[test]
fn exempt_hosts_are_asked_directly_over_tls_too() {
    let authority = Authority::new();
    let config = authority.server(&["direct.example", "a.internal", "192.0.2.77"], |_| ()).build();
    virtually(async move {
        let (builder, log) = proxied(config, 65536, ESTABLISHED, OK);
        let session = through(builder, &authority).no_proxy("direct.example, .internal 192.0.2.0/24").build().unwrap();
        for url in ["https://direct.example/", "https://a.internal:8443/", "https://192.0.2.77/"] {
            let request = session.get(url).header("Proxy-Authorization", "Basic mine");
            request.send().await.unwrap().read().await.unwrap();
        }
        assert!(log.connects.borrow().is_empty());
        let ports: Vec<u16> = log.remotes.borrow().iter().map(SocketAddr::port).collect();
        assert_eq!(ports, [443, 8443, 443]);
    });
}

#[test]
fn the_phases_of_a_tunnelled_request_are_the_proxys_and_then_the_servers() {
    let authority = Authority::new();
    let config = authority.server(&["example.org"], |_| ()).build();
    let root = authority.root_pem.clone();
    virtually(async move {
        let builder = ClientSession::builder().resolver(Names { delay: 5, ..Names::one() }).connector(move |_| {
            let config = config.clone();
            async move {
                oneloop::sleep(ms(7)).await?;
                let (ours, theirs) = duplex(65536);
                spawn(async move {
                    let mut peer = Peer::on(theirs);
                    peer.request().await;
                    pause(11).await; // the proxy connects to the server
                    peer.send(ESTABLISHED).await;
                    let mut server = TlsPeer::new(peer.stream, &config);
                    server.read().await;
                    pause(13).await; // the server shows its certificate
                    server.request().await;
                    pause(17).await;
                    server.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n").await;
                    pause(19).await;
                    server.send("ok").await;
                    Ok(())
                });
                Ok(ours)
            }
        });
        let session = builder.ca_pem(root).proxy("proxy".parse().unwrap()).build().unwrap();
        let exchange = Exchange::new();
        let mut response = session.get("https://example.org/").exchange(&exchange).send().await.unwrap();
        response.read().await.unwrap();
        let phase = |phase| exchange.phase(phase).unwrap().as_millis();
        let phases = [Phase::Resolve, Phase::Connect, Phase::Tls, Phase::Send, Phase::Wait, Phase::Transfer].map(phase);
        assert_eq!(phases, [5, 7 + 11, 13, 0, 17, 19]);
        assert_eq!(exchange.total(), ms(5 + 7 + 11 + 13 + 17 + 19));
    });
}

#[test]
fn a_proxy_that_stalls_is_bounded_by_the_limits_of_connecting() {
    for (said, limit, kind) in [
        ("", "connect", ErrorKind::ConnectTimeout),
        ("HTTP/1.1 20", "connect", ErrorKind::ConnectTimeout),
        ("HTTP/1.1 100 Continue\r\n\r\n", "connect", ErrorKind::ConnectTimeout),
        ("HTTP/1.1 200 OK\r\n\r\n", "tls", ErrorKind::TlsTimeout),
        ("HTTP/1.1 200 OK\r\n\r\n", "connect", ErrorKind::TlsTimeout),
        ("HTTP/1.1 20", "whole", ErrorKind::Timeout),
    ] {
        virtually(async move {
            let (builder, seen) = scripted(move |_, mut peer| async move {
                peer.request().await;
                peer.send(said).await;
                peer.closed().await;
            });
            let builder = builder.proxy("proxy".parse().unwrap());
            let builder = match limit {
                "connect" => builder.timeouts(Timeouts { connect: Some(ms(300)), ..Timeouts::default() }),
                "tls" => builder.timeouts(Timeouts { tls: Some(ms(300)), ..Timeouts::default() }),
                _ => builder.timeout(ms(300)),
            };
            let exchange = Exchange::new();
            let session = builder.build().unwrap();
            let error = session.get("https://example.org/").exchange(&exchange).send().await.unwrap_err();
            assert_eq!(error.kind(), kind, "{said:?} {limit}: {error}");
            assert_eq!(exchange.total(), ms(300), "{said:?} {limit}");
            pause(1).await;
            assert_eq!(seen.open.get(), 0, "the connection to the proxy is closed");
        });
    }
}

#[test]
fn a_proxy_that_answers_nonsense_fails_the_tunnel_and_is_not_asked_again() {
    let flood = "HTTP/1.1 100 Continue\r\n\r\n".repeat(2_000);
    let fields = format!("HTTP/1.1 200 OK\r\n{}", "A: b\r\n".repeat(100_000));
    let cases: Vec<(String, &str)> = vec![
        ("HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n".into(), "unexpected-upgrade"),
        ("HTTP/2 200\r\n\r\n".into(), "bad-start-line"),
        ("HTTP/1.1 200 OK\r\nA b: c\r\n\r\n".into(), "bad-field"),
        ("HTTP/1.1 302 Found\r\nLocation: https://evil.example/\r\nContent-Length: 0\r\n\r\n".into(), "302"),
        ("HTTP/1.1 407 Who\r\nProxy-Authenticate: Basic realm=\"x\"\r\nContent-Length: 3\r\n\r\nwho".into(), "407"),
        ("SSH-2.0-OpenSSH\r\n".into(), "bad-start-line"),
        ("\u{15}\u{3}\u{3}\0\u{2}\u{2}(".into(), "bad-start-line"),
        (flood, "head-too-large"),
        (fields, "head-too-large"),
    ];
    for (answer, detail) in cases {
        for capacity in [7, 65536] {
            let answer = answer.clone();
            virtually(async move {
                let (builder, seen) = scripted_with(capacity, move |_, mut peer| {
                    let answer = answer.clone();
                    async move {
                        peer.request().await;
                        peer.send(answer).await;
                        peer.closed().await;
                    }
                });
                let session = builder.proxy("proxy".parse().unwrap()).build().unwrap();
                let exchange = Exchange::new();
                let error = session.get("https://example.org/").exchange(&exchange).send().await.unwrap_err();
                assert_eq!((error.kind(), error.detail()), (ErrorKind::Proxy, detail), "{error}");
                assert_eq!(error.phase(), Some(Phase::Connect));
                assert!(error.message().contains("example.org:443"), "{error}");
                assert!(exchange.hops()[0].head.is_none(), "a proxy's answer is not the server's");
                pause(1).await;
                assert_eq!((seen.connections.get(), seen.open.get()), (1, 0));
            });
        }
    }
}

#[test]
fn a_proxy_that_wants_to_know_who_asks_is_answered_or_the_sentence_says_how() {
    virtually(async {
        let (builder, _) = scripted(|_, mut peer| async move {
            while let Some(request) = peer.request().await {
                let known = request.contains("Proxy-Authorization: Basic dTpw\r\n");
                // The tunnel ends at once: what matters here is that it was opened.
                peer.send(if known { ESTABLISHED } else { "HTTP/1.1 407 Who\r\n\r\n" }).await;
                if known {
                    return;
                }
            }
        });
        let session = builder.proxy("proxy".parse().unwrap()).build().unwrap();
        let error = session.get("https://example.org/").send().await.unwrap_err();
        assert_eq!((error.kind(), error.detail()), (ErrorKind::Proxy, "407"));
        assert!(error.message().contains("credentials"), "{error}");
        // Of the caller's own, for this request.
        let request = session.get("https://example.org/").header("Proxy-Authorization", "Basic dTpw");
        let error = request.send().await.unwrap_err();
        assert_eq!((error.kind(), error.detail()), (ErrorKind::TlsHandshake, "Closed"), "{error}");
    });
}

#[test]
fn what_breaks_inside_a_tunnel_is_not_the_proxys() {
    for (said, kind, detail, phase) in [
        ("HTTP/1.1 400 Bad Request\r\n\r\n", ErrorKind::TlsHandshake, "PlainHttp", Phase::Tls),
        ("SSH-2.0-OpenSSH\r\n", ErrorKind::TlsHandshake, "InvalidMessage", Phase::Tls),
        ("\u{15}\u{3}\u{3}\0\u{2}\u{2}\u{28}", ErrorKind::TlsHandshake, "HandshakeFailure", Phase::Tls),
        ("", ErrorKind::TlsHandshake, "Closed", Phase::Tls),
    ] {
        virtually(async move {
            let (builder, _) = scripted(move |_, mut peer| async move {
                peer.request().await;
                peer.send(ESTABLISHED).await;
                let mut hello = [0; 5];
                oneloop::net::AsyncReadExt::read_exact(&mut peer.stream, &mut hello).await.unwrap();
                assert_eq!(hello[..2], [0x16, 3], "the first bytes in the tunnel are a ClientHello");
                pause(1).await;
                peer.send(said).await;
            });
            let session = builder.proxy("proxy".parse().unwrap()).build().unwrap();
            let error = session.get("https://example.org/").send().await.unwrap_err();
            assert_eq!((error.kind(), error.detail(), error.phase()), (kind, detail, Some(phase)), "{error}");
        });
    }
}

#[test]
fn a_kept_tunnel_that_went_stale_is_opened_once_more() {
    let authority = Authority::new();
    let config = authority.server(&["example.org"], |_| ()).build();
    virtually(async move {
        let log = Log::default();
        let noted = log.clone();
        let builder = ClientSession::builder().resolver(Names::one()).connector(move |_| {
            let (ours, theirs) = duplex(65536);
            let (log, config) = (noted.clone(), config.clone());
            spawn(async move {
                let mut peer = Peer::on(theirs);
                let connect = peer.request().await;
                log.connects.borrow_mut().extend(connect);
                peer.send(ESTABLISHED).await;
                let mut server = TlsPeer::new(peer.stream, &config);
                server.request().await;
                server.send(OK).await;
                // The next request comes just as the server gives up.
                server.request().await;
                Ok(())
            });
            std::future::ready(Ok(ours))
        });
        let session = through(builder, &authority).build().unwrap();
        for expected in 1..=2 {
            let exchange = Exchange::new();
            session.get("https://example.org/").exchange(&exchange).send().await.unwrap().read().await.unwrap();
            assert_eq!(log.connects.borrow().len(), expected);
            assert!(!exchange.hops()[0].reused);
            assert_eq!(exchange.hops()[0].proxy_status.unwrap(), 200);
        }
    });
}

#[test]
fn a_redirect_to_another_server_has_a_tunnel_of_its_own() {
    let authority = Authority::new();
    let config = authority.server(&["a.example", "b.example"], |_| ()).build();
    virtually(async move {
        let (builder, log) = proxied(
            config,
            65536,
            ESTABLISHED,
            "HTTP/1.1 302 Found\r\nLocation: https://b.example/next\r\nContent-Length: 0\r\n\r\n",
        );
        let session = through(builder, &authority).build().unwrap();
        let request = session.get("https://a.example/").max_redirects(1).header("Authorization", "secret");
        assert_eq!(request.send().await.unwrap_err().kind(), ErrorKind::TooManyRedirects);
        let connects = log.connects.borrow();
        assert_eq!(connects.len(), 2);
        assert!(connects[1].starts_with("CONNECT b.example:443 HTTP/1.1\r\n"), "{}", connects[1]);
        assert!(connects.iter().all(|connect| connect.contains("Proxy-Authorization: Basic dXNlcjpwdw==\r\n")));
        assert!(!connects.iter().any(|connect| connect.contains("secret")));
        let inside = log.inside.borrow();
        assert_eq!(
            inside.iter().map(|(name, _)| name.clone().unwrap()).collect::<Vec<_>>(),
            ["a.example", "b.example"]
        );
        assert!(
            inside[0].1.contains("secret") && !inside[1].1.contains("secret"),
            "credentials stay with their origin"
        );
    });
}

#[test]
fn a_plain_url_is_asked_of_the_proxy_whole() {
    virtually(async {
        let (session, seen) = noting();
        let session = session
            .proxy("http://user:pw@proxy.example:3128".parse().unwrap())
            .no_proxy("direct.example")
            .build()
            .unwrap();
        session.get("http://u:p@a.example:81/x?y#z").send().await.unwrap();
        session.get("http://direct.example/x").send().await.unwrap();
        session.get("http://a.example/").header("Proxy-Authorization", "mine").send().await.unwrap();
        let seen = seen.borrow();
        let (at, request) = &seen[0];
        assert_eq!(at, "192.0.2.1:3128");
        assert!(request.starts_with("GET http://a.example:81/x?y HTTP/1.1\r\nHost: a.example:81\r\n"), "{request}");
        assert!(request.contains("Proxy-Authorization: Basic dXNlcjpwdw==\r\n"));
        let (at, request) = &seen[1];
        assert_eq!(at, "192.0.2.1:80");
        assert!(request.starts_with("GET /x HTTP/1.1\r\n") && !request.contains("Proxy-Authorization"), "{request}");
        assert_eq!(seen[2].1.matches("Proxy-Authorization").count(), 1);
        assert!(seen[2].1.contains("Proxy-Authorization: mine"));
    });
}

#[test]
fn what_goes_wrong_at_a_proxy_is_the_proxys_and_no_credentials_go_on() {
    for (answer, detail) in [
        ("HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n", "407"),
        ("HTTP/1.1 502 Bad Gateway\r\n\r\n", "502"),
        ("HTTP/1.1 200 OK\r\n\r\nleft over", "TrailingBytes"),
        ("", "empty-reply"),
        ("nonsense", "bad-start-line"),
        ("HTTP/1.1 200", "truncated-head"),
    ] {
        virtually(async move {
            let (session, seen) = scripted(move |_, mut peer| async move {
                peer.request().await;
                peer.send(answer).await;
            });
            let session = session.proxy("u:p@proxy".parse().unwrap()).header("User-Agent", "me").build().unwrap();
            let request = session.get("https://example.org/").header("Authorization", "secret");
            let exchange = Exchange::new();
            let error = request.exchange(&exchange).send().await.unwrap_err();
            assert_eq!(
                (error.kind(), error.detail(), error.phase()),
                (ErrorKind::Proxy, detail, Some(Phase::Connect)),
                "{error}"
            );
            assert_eq!(exchange.hops()[0].proxy_status.is_some(), matches!(detail, "407" | "502" | "TrailingBytes"));
            let requests = seen.requests.borrow();
            assert_eq!(
                requests[0],
                "CONNECT example.org:443 HTTP/1.1\r\nHost: example.org:443\r\nUser-Agent: me\r\n\
                 Proxy-Authorization: Basic dTpw\r\n\r\n"
            );
            assert_eq!(requests.len(), 1);
        });
    }
    virtually(async {
        let session = ClientSession::builder().resolver(Names::one()).connector(|_| {
            let refused = std::io::Error::from(std::io::ErrorKind::ConnectionRefused);
            std::future::ready(Err::<oneloop::net::DuplexStream, _>(refused.into()))
        });
        let session = session.proxy("proxy".parse().unwrap()).build().unwrap();
        let error = session.get("http://example.org/").send().await.unwrap_err();
        assert_eq!((error.kind(), error.detail()), (ErrorKind::Proxy, "ConnectionRefused"));
    });
}
