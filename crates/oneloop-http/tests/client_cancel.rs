//! Cancelling a request at each place where it can wait: nothing goes on, everything is released.

mod client_support;
mod tls_support;

use std::cell::Cell;
use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;

use client_support::{Names, pause, spawn, virtually};
use oneloop_http::{ClientSession, ErrorKind, Exchange};
use tls_support::{Authority, TlsPeer};

/// What the site notices.
#[derive(Clone, Default)]
struct Watch {
    attempts: Rc<Cell<usize>>,
    open: Rc<Cell<usize>>,
}

/// Two addresses of which the first refuses, TLS, a redirect, a body in two pieces, a pause at every step.
fn session(authority: &Authority, watch: &Watch, ca: std::path::PathBuf, tls12: bool) -> ClientSession {
    let mut setup = authority.server(&["example.org"], |_| ());
    if tls12 {
        setup.versions = vec![&rustls::version::TLS12];
    }
    let config = setup.build();
    let watch = watch.clone();
    let addresses = vec![IpAddr::from([192, 0, 2, 1]), IpAddr::from([192, 0, 2, 2])];
    ClientSession::builder()
        .ca_file(ca)
        .resolver(Names { addresses, delay: 1 })
        .connector(move |remote: SocketAddr| {
            let (watch, config) = (watch.clone(), config.clone());
            watch.attempts.set(watch.attempts.get() + 1);
            async move {
                oneloop::sleep(std::time::Duration::from_millis(1)).await?;
                if remote.ip() == IpAddr::from([192, 0, 2, 1]) {
                    return Err(std::io::Error::from(std::io::ErrorKind::ConnectionRefused).into());
                }
                let (ours, theirs) = oneloop::net::duplex(1000);
                watch.open.set(watch.open.get() + 1);
                spawn(async move {
                    let mut peer = TlsPeer::new(theirs, &config);
                    peer.read().await;
                    pause(1).await;
                    while let Some(request) = peer.request().await {
                        pause(1).await;
                        if request.starts_with("GET /first") {
                            peer.send("HTTP/1.1 302 Found\r\nLocation: /second\r\n").await;
                            pause(1).await;
                            peer.send("Content-Length: 5\r\n\r\n").await;
                            pause(1).await;
                            peer.send("moved").await;
                        } else {
                            peer.send("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nbo").await;
                            pause(1).await;
                            peer.send("dy").await;
                        }
                    }
                    watch.open.set(watch.open.get() - 1);
                    Ok(())
                });
                Ok(ours)
            }
        })
        .build()
        .unwrap()
}

#[test]
fn cancelling_anywhere_stops_at_once_and_releases_everything() {
    let authority = Rc::new(Authority::new());
    for tls12 in [false, true] {
        let mut places = 0;
        let mut finished = false;
        // Each run lets one turn more pass before it cancels.
        while !finished {
            let authority = authority.clone();
            finished = virtually(async move {
                let watch = Watch::default();
                let session = session(&authority, &watch, authority.ca_file("cancel.pem"), tls12);
                let exchange = Exchange::new();
                let (own, own_session) = (exchange.clone(), session.clone());
                let task = oneloop::create_task(async move {
                    let fetch = async {
                        let mut response = own_session.get("https://example.org/first").exchange(&own).send().await?;
                        response.text().await
                    };
                    Ok(fetch.await)
                });
                for _ in 0..places {
                    if task.done() {
                        break;
                    }
                    // A turn, and at times a tick of the virtual clock.
                    oneloop::sleep(std::time::Duration::from_micros(100)).await.unwrap();
                }
                let finished = task.done();
                let attempts = watch.attempts.get();
                task.cancel();
                match task.await {
                    Ok(Ok(body)) => assert!(finished && body == "body"),
                    Ok(Err(error)) => {
                        assert!(error.is_cancelled(), "at {places}: {error}");
                        assert_eq!(error.kind(), ErrorKind::Interrupted);
                        if let Some(hop) = exchange.hops().last() {
                            assert!(hop.clock.current().is_none(), "at {places} the clock goes on");
                            assert_eq!(error.phase(), Some(hop.clock.last()));
                        }
                    }
                    // Cancelled before its first step, or where no leaf of the client was waiting.
                    Err(error) => assert!(error.is_cancelled()),
                }
                pause(1000).await;
                assert_eq!(watch.attempts.get(), attempts, "at {places} something was connected afterwards");
                if finished {
                    assert_eq!(watch.attempts.get(), 2);
                    assert_eq!(watch.open.get(), 1, "the connection is kept");
                    session.close().await.unwrap();
                    pause(1).await;
                }
                assert_eq!(watch.open.get(), 0, "at {places} a connection stays open");
                finished
            });
            places += 1;
        }
        assert!(places > 50, "the sweep saw {places} places only");
    }
}
