//! Cancelling a request at each place where it can wait: nothing goes on, everything is released.

mod client_support;
mod tls_support;

use std::cell::Cell;
use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use client_support::{Names, Peer, pause, spawn, virtually};
use oneloop::net::DuplexStream;
use oneloop_http::{ClientSession, ErrorKind, Exchange, Timeouts};
use rustls::ServerConfig;
use tls_support::{Authority, TlsPeer};

/// What the site notices.
#[derive(Clone, Default)]
struct Watch {
    attempts: Rc<Cell<usize>>,
    open: Rc<Cell<usize>>,
}

/// What a request meets on its way.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Way {
    /// A refused address, TLS 1.2 or 1.3.
    Tls12,
    Tls13,
    /// A proxy's tunnel before TLS.
    Proxy,
    /// The first address never answers, so that the second is tried beside it.
    Race,
    /// Limits of every phase, so that each wait has a timer beside it.
    Limits,
}

/// Two addresses, TLS, a redirect, a body in two pieces, a pause at every step.
fn session(authority: &Authority, watch: &Watch, way: Way) -> ClientSession {
    let mut setup = authority.server(&["example.org"], |_| ());
    if way == Way::Tls12 {
        setup.versions = vec![&rustls::version::TLS12];
    }
    let config = setup.build();
    let watch = watch.clone();
    let addresses = vec![IpAddr::from([192, 0, 2, 1]), IpAddr::from([192, 0, 2, 2])];
    let mut builder = ClientSession::builder().ca_pem(authority.root_pem.clone());
    if way == Way::Proxy {
        builder = builder.proxy("u:p@proxy".parse().unwrap());
    }
    if way == Way::Limits {
        let limit = Some(Duration::from_secs(60));
        let limits = Timeouts { resolve: limit, connect: limit, tls: limit, ttfb: limit };
        builder = builder.timeouts(limits).timeout(Duration::from_secs(100));
    }
    builder
        .resolver(Names { addresses, delay: 1 })
        .connector(move |remote: SocketAddr| {
            let (watch, config) = (watch.clone(), config.clone());
            watch.attempts.set(watch.attempts.get() + 1);
            async move {
                if remote.ip() == IpAddr::from([192, 0, 2, 1]) {
                    oneloop::sleep(Duration::from_millis(if way == Way::Race { 100_000 } else { 1 })).await?;
                    return Err(std::io::Error::from(std::io::ErrorKind::ConnectionRefused).into());
                }
                oneloop::sleep(Duration::from_millis(1)).await?;
                let (ours, theirs) = oneloop::net::duplex(1000);
                watch.open.set(watch.open.get() + 1);
                spawn(async move {
                    site(theirs, &config, way).await;
                    watch.open.set(watch.open.get() - 1);
                    Ok(())
                });
                Ok(ours)
            }
        })
        .build()
        .unwrap()
}

async fn site(stream: DuplexStream, config: &Arc<ServerConfig>, way: Way) {
    let mut peer = Peer::on(stream);
    if way == Way::Proxy {
        if peer.request().await.is_none() {
            return;
        }
        pause(1).await;
        peer.send("HTTP/1.1 200 Conn").await;
        pause(1).await;
        peer.send("ection established\r\n\r\n").await;
    }
    let mut peer = TlsPeer::new(peer.stream, config);
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
}

/// Lets so many milliseconds pass and then so many turns, cancels, and looks at what is left. True if the request was
/// done before.
async fn cancelled_after(authority: Rc<Authority>, way: Way, millis: u64, turns: usize) -> bool {
    let at = format!("{way:?} after {millis} ms and {turns} turns");
    let watch = Watch::default();
    let session = session(&authority, &watch, way);
    let exchange = Exchange::new();
    let (own, own_session) = (exchange.clone(), session.clone());
    let task = oneloop::create_task(async move {
        let fetch = async {
            let mut response = own_session.get("https://example.org/first").exchange(&own).send().await?;
            response.text().await
        };
        Ok(fetch.await)
    });
    if millis > 0 {
        oneloop::sleep(Duration::from_millis(millis)).await.unwrap();
    }
    for _ in 0..turns {
        oneloop::yield_now().await.unwrap();
    }
    let finished = task.done();
    let attempts = watch.attempts.get();
    task.cancel();
    match task.await {
        Ok(Ok(body)) => assert!(finished && body == "body", "{at}"),
        Ok(Err(error)) => {
            assert!(error.is_cancelled(), "{at}: {error}");
            assert_eq!(error.kind(), ErrorKind::Interrupted);
            if let Some(hop) = exchange.hops().last() {
                assert!(hop.clock.current().is_none(), "{at}: the clock goes on");
                assert_eq!(error.phase(), Some(hop.clock.last()));
            }
        }
        // Cancelled before its first step, or where no leaf of the client was waiting.
        Err(error) => assert!(error.is_cancelled(), "{at}"),
    }
    pause(20).await; // the peers notice
    assert_eq!(watch.attempts.get(), attempts, "{at}: something was connected afterwards");
    if finished {
        assert_eq!(watch.attempts.get(), 2);
        assert_eq!(watch.open.get(), 1, "the connection is kept");
        session.close().await.unwrap();
        pause(1).await;
    }
    assert_eq!(watch.open.get(), 0, "{at}: a connection stays open");
    let event_loop = oneloop::get_running_loop().unwrap();
    assert_eq!(event_loop.all_tasks().len(), 1, "{at}: a task is left beside this one");
    assert_eq!(event_loop.timers_and_sources().0, 0, "{at}: a timer is left");
    finished
}

#[test]
fn cancelling_anywhere_stops_at_once_and_releases_everything() {
    let authority = Rc::new(Authority::new());
    for way in [Way::Tls12, Way::Tls13, Way::Proxy, Way::Race, Way::Limits] {
        let mut places = 0;
        for step in 0_u64.. {
            // While the race waits for its next attempt there is but one place.
            let millis = if way == Way::Race && step > 3 { step + 245 } else { step };
            let mut finished = false;
            for turns in 0..12 {
                let authority = authority.clone();
                finished = virtually(cancelled_after(authority, way, millis, turns));
                places += 1;
            }
            if finished {
                break;
            }
        }
        assert!(places > 100, "{way:?}: the sweep saw {places} places only");
    }
}
