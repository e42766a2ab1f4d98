//! Redirects: what is followed, what is taken along, what ends them.

mod client_support;

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use client_support::{OK, Peer, Seen, pause, scripted, virtually};
use http::Method;
use oneloop_http::proto::Limits;
use oneloop_http::{ErrorKind, Exchange, Phase, RequestBuilder, SessionBuilder};

fn redirect(status: u16, location: &str) -> String {
    format!("HTTP/1.1 {status} Moved\r\nLocation: {location}\r\nContent-Length: 5\r\n\r\nmoved")
}

/// A site that gives these answers one after the other, over as many connections as the client makes.
fn answering(answers: Vec<String>) -> (SessionBuilder, Seen) {
    let answers = Rc::new(RefCell::new(answers.into_iter()));
    scripted(move |_, mut peer: Peer| {
        let answers = answers.clone();
        async move {
            while peer.request().await.is_some() {
                let next = answers.borrow_mut().next();
                peer.send(next.unwrap_or_else(|| OK.into())).await;
            }
        }
    })
}

/// Sends a request that is answered so, and gives the outcome and the requests as the site saw them.
async fn follow(
    answers: Vec<String>,
    request: impl FnOnce(&oneloop_http::ClientSession) -> RequestBuilder,
) -> (Result<u16, ErrorKind>, Vec<String>, Exchange) {
    let (builder, seen) = answering(answers);
    let session = builder.build().unwrap();
    let exchange = Exchange::new();
    let outcome = request(&session).exchange(&exchange).send().await;
    let outcome = outcome.map(|response| response.status().as_u16()).map_err(|error| error.kind());
    (outcome, seen.requests.take(), exchange)
}

#[test]
fn locations_are_resolved_against_the_url_and_host_is_computed_anew() {
    for (location, target, host) in [
        ("/x", "/x", "a:8080"),
        ("x", "/d/x", "a:8080"),
        ("../x/./y", "/x/y", "a:8080"),
        ("?q=1", "/d/e?q=1", "a:8080"),
        ("//b/x", "/x", "b"),
        ("http://b:81/x#frag", "/x", "b:81"),
        ("http://[::1]/", "/", "[::1]"),
    ] {
        virtually(async move {
            let answers = vec![redirect(302, location)];
            let (outcome, requests, exchange) = follow(answers, |session| session.get("http://a:8080/d/e")).await;
            assert_eq!(outcome, Ok(200), "{location}");
            assert_eq!(requests[1].lines().next(), Some(format!("GET {target} HTTP/1.1").as_str()), "{location}");
            assert!(
                requests[1].to_lowercase().contains(&format!("\r\nhost: {host}\r\n")),
                "{location}: {}",
                requests[1]
            );
            let hops = exchange.hops();
            assert_eq!(hops.len(), 2);
            assert_eq!(hops[0].redirect_url.as_ref(), Some(&hops[1].url));
        });
    }
}

#[test]
fn methods_and_bodies_change_as_they_should() {
    for (status, method, expected, keeps_body) in [
        (301, Method::POST, "GET", false),
        (302, Method::POST, "GET", false),
        (303, Method::POST, "GET", false),
        (303, Method::PUT, "GET", false),
        (303, Method::HEAD, "HEAD", false),
        (302, Method::PUT, "PUT", true),
        (307, Method::POST, "POST", true),
        (308, Method::POST, "POST", true),
        (301, Method::HEAD, "HEAD", false),
    ] {
        virtually(async move {
            let answer =
                format!("HTTP/1.1 {status} Moved\r\nLocation: /x\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
            let with_body = method != Method::HEAD;
            let (builder, seen) = scripted(move |number, mut peer: Peer| {
                let answer = answer.clone();
                async move {
                    peer.request().await;
                    peer.send(if number == 0 { &answer } else { OK }).await;
                    peer.closed().await;
                }
            });
            let mut request =
                builder.build().unwrap().request(method, "http://a/").header("Content-Type", "text/plain");
            if with_body {
                request = request.body("body");
            }
            request.send().await.unwrap();
            let second = seen.requests.borrow()[1].to_lowercase();
            assert!(second.starts_with(&format!("{} /x", expected.to_lowercase())), "{status}: {second}");
            assert_eq!(second.contains("content-length: 4"), keeps_body, "{status}: {second}");
            assert_eq!(second.contains("content-type"), keeps_body || !with_body, "{status}: {second}");
        });
    }
}

#[test]
fn credentials_never_cross_an_origin_and_do_not_come_back() {
    virtually(async {
        let answers = ["/same", "http://b/", "http://a/back"].map(|location| redirect(302, location)).into();
        let request = |session: &oneloop_http::ClientSession| {
            session
                .get("http://a/")
                .header("Authorization", "Basic c2VjcmV0")
                .header("Cookie", "secret=1")
                .header("Proxy-Authorization", "secret")
                .header("X-Other", "kept")
        };
        let (outcome, requests, _) = follow(answers, request).await;
        assert_eq!((outcome, requests.len()), (Ok(200), 4));
        for (index, request) in requests.iter().enumerate() {
            let secrets = ["Authorization: Basic", "Cookie:", "Proxy-Authorization:"];
            let sent = secrets.iter().filter(|name| request.contains(*name)).count();
            assert_eq!(sent, if index < 2 { 3 } else { 0 }, "{request}");
            assert!(request.contains("X-Other: kept"));
        }
        // Another port is another origin, and userinfo is a credential like the others.
        let answers = vec![redirect(302, "http://a:81/")];
        let (_, requests, _) = follow(answers, |session| session.get("http://user:pw@a/")).await;
        assert!(requests[0].contains("Authorization") && !requests[1].contains("Authorization"));
    });
}

#[test]
fn what_cannot_be_followed_is_an_error_that_keeps_the_response() {
    for (location, kind) in [
        ("ftp://a/", ErrorKind::UnsupportedScheme),
        ("javascript:alert(1)", ErrorKind::UnsupportedScheme),
        ("http://", ErrorKind::BadUrl),
        ("http://a:0/", ErrorKind::BadUrl),
        ("http://a:99999/", ErrorKind::BadUrl),
        ("/\\evil/", ErrorKind::BadUrl),
        ("\\\\evil/", ErrorKind::BadUrl),
        ("///evil/", ErrorKind::BadUrl),
        ("http:/evil/", ErrorKind::BadUrl),
        ("http:evil", ErrorKind::BadUrl),
        ("HTTPS:///evil", ErrorKind::BadUrl),
        ("http://a\tb/", ErrorKind::BadUrl),
        ("http://b%00c/", ErrorKind::BadUrl),
        ("http://b c/", ErrorKind::BadUrl),
    ] {
        virtually(async move {
            let (outcome, requests, exchange) =
                follow(vec![redirect(302, location)], |session| session.get("http://a/")).await;
            assert_eq!((outcome, requests.len()), (Err(kind), 1), "{location}");
            assert_eq!(exchange.hops()[0].status().unwrap(), 302);
            assert!(exchange.hops()[0].clock.current().is_none());
        });
    }
}

#[test]
fn a_location_of_another_scheme_is_told_with_where_it_stood_and_without_what_may_be_a_password() {
    for (location, shown) in
        [("mailto:a@b", "mailto:…@b"), ("ftp://me:hunter2@b/", "ftp://b/"), ("me:hunter2@b", "me:…@b")]
    {
        virtually(async move {
            let (builder, _) = answering(vec![redirect(302, location)]);
            let error = builder.build().unwrap().get("http://a/").send().await.unwrap_err();
            let scheme = location.split(':').next().unwrap();
            assert_eq!(
                error.message(),
                format!(
                    "http://a/ redirects to what cannot be followed: \"{shown}\" has the scheme {scheme}; only http and \
                     https can be requested"
                )
            );
        });
    }
}

#[test]
fn two_locations_that_differ_are_not_followed_and_two_that_do_not_are_one() {
    let answer =
        |second| format!("HTTP/1.1 302 Found\r\nLocation: /x\r\nlocation: {second}\r\nContent-Length: 0\r\n\r\n");
    for (second, outcome) in [("/y", Err(ErrorKind::BadUrl)), ("", Err(ErrorKind::BadUrl)), ("/x", Ok(200))] {
        virtually(async move {
            let answers = vec![answer(second), "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n".into()];
            let (got, requests, exchange) = follow(answers, |session| session.get("http://a/")).await;
            assert_eq!((got, requests.len()), (outcome, 1 + usize::from(outcome.is_ok())), "{second:?}");
            assert_eq!(exchange.hops()[0].status().unwrap(), 302);
        });
    }
}

#[test]
fn the_sentence_of_a_redirect_that_is_not_followed_shows_no_password() {
    for location in ["ftp://me:hunter2@b/", "http://me:hunter2@b:0/", "http://me:hunter2@b c/", "http:///", "/\\"] {
        virtually(async move {
            let session = answering(vec![redirect(302, location)]).0.build().unwrap();
            let error = session.get("http://me:hunter2@a/").send().await.unwrap_err();
            assert!(!error.to_string().contains("hunter2"), "{location}: {error}");
        });
    }
}

#[test]
fn a_response_that_is_no_redirect_is_given_as_it_is() {
    for answer in [
        "HTTP/1.1 302 Found\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 302 Found\r\nLocation: \r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 304 Not Modified\r\nLocation: /x\r\n\r\n",
        "HTTP/1.1 201 Created\r\nLocation: /x\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 300 Choices\r\nLocation: /x\r\nContent-Length: 0\r\n\r\n",
    ] {
        virtually(async move {
            let (outcome, requests, _) = follow(vec![answer.into()], |session| session.get("http://a/")).await;
            assert_eq!((outcome, requests.len()), (Ok(answer[9..12].parse().unwrap()), 1));
        });
    }
    virtually(async {
        let answers = vec![redirect(302, "/x")];
        let (outcome, requests, exchange) =
            follow(answers, |session| session.get("http://a/").allow_redirects(false)).await;
        assert_eq!((outcome, requests.len()), (Ok(302), 1));
        assert_eq!(exchange.hops()[0].redirect_url.as_ref().unwrap().as_str(), "http://a/x", "told, not followed");
    });
}

#[test]
fn loops_end() {
    virtually(async {
        let (builder, seen) =
            scripted(|_, peer| peer.answer_all("HTTP/1.1 302 F\r\nLocation: /\r\nContent-Length: 0\r\n\r\n"));
        let session = builder.build().unwrap();
        let error = session.get("http://a/").max_redirects(3).send().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TooManyRedirects);
        assert_eq!(seen.requests.borrow().len(), 4);
        let error = session.get("http://a/").max_redirects(0).send().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TooManyRedirects);
    });
}

#[test]
fn the_phases_of_all_hops_add_up_without_a_gap() {
    virtually(async {
        let (builder, _) = scripted(|number, mut peer: Peer| async move {
            peer.request().await;
            pause(10 + number as u64).await;
            peer.send(if number < 2 { redirect(302, "/next") } else { OK.into() }).await;
        });
        let exchange = Exchange::new();
        let started = oneloop::get_running_loop().unwrap().time();
        let session = builder.keepalive(false).build().unwrap();
        let mut response = session.get("http://a/").exchange(&exchange).send().await.unwrap();
        response.read().await.unwrap();
        assert_eq!(response.history().len(), 2);
        let elapsed = oneloop::get_running_loop().unwrap().time() - started;
        assert_eq!(exchange.total(), elapsed);
        assert_eq!(elapsed, Duration::from_millis(10 + 11 + 12));
        assert_eq!(exchange.phase(Phase::Wait), Some(elapsed));
        assert_eq!(exchange.headers(), Some(elapsed));
        let hops = exchange.hops();
        assert!(hops.windows(2).all(|pair| pair[0].clock.started() + pair[0].clock.total() == pair[1].clock.started()));
    });
}

#[test]
fn the_body_of_a_redirect_is_not_drained_without_bound() {
    virtually(async {
        let (builder, seen) = scripted(|number, mut peer: Peer| async move {
            peer.request().await;
            if number > 0 {
                return peer.send(OK).await;
            }
            peer.send("HTTP/1.1 302 Found\r\nLocation: /x\r\nContent-Length: 9999999999\r\n\r\n").await;
            for _ in 0..1000 {
                peer.send([b'x'; 4096]).await;
            }
        });
        let exchange = Exchange::new();
        let limits = Limits { max_body_bytes: u64::MAX, ..Limits::default() };
        let session = builder.limits(limits).build().unwrap();
        assert_eq!(session.get("http://a/").exchange(&exchange).send().await.unwrap().status(), 200);
        assert!(exchange.hops()[0].body_bytes < 256 * 1024);
        assert_eq!(seen.connections.get(), 2);
    });
}

#[test]
fn an_empty_location_is_none_and_the_answer_is_the_callers() {
    virtually(async {
        let (outcome, requests, _) = follow(vec![redirect(302, "")], |session| session.get("http://a/x")).await;
        assert_eq!((outcome, requests.len()), (Ok(302), 1));
    });
}
