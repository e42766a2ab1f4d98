//! Cancellation, dropping and deadlines.

use super::*;

/// Whether a lookup's socket is gone: its port is free again.
fn is_closed(asked: &Asked) -> bool {
    UdpSocket::bind(SocketAddr::from(([127, 0, 0, 1], asked.from.port()))).is_ok()
}

#[test]
fn cancellation_ends_everything_at_once_and_closes_the_sockets() {
    run(async {
        let (first, second) =
            (NameServer::start(|_| vec![])?, NameServer::start(|asked| vec![Send(asked.address(1))])?);
        let resolver = resolver_of([first.address, second.address]).search(["one.example"]).build();
        let task = create_task(async move { Ok(resolver.addresses("www.example", Family::Any).await) });
        first.was_asked(2).await?;
        assert!(!first.asked.borrow().iter().any(is_closed));
        assert!(task.cancel());
        let error = task.await?.unwrap_err();
        assert!(error.is_cancelled(), "{error}");
        assert!(error.loop_error().is_some_and(oneloop::Error::is_cancelled));
        assert!(first.asked.borrow().iter().all(is_closed));
        assert!(second.asked.borrow().is_empty());
        Ok(())
    });
}

#[test]
fn cancellation_closes_a_tcp_connection() {
    run(async {
        let listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0)))?;
        let resolver = resolver_of([listener.local_addr()?]).use_tcp(true).build();
        let task = create_task(async move { Ok(resolver.addresses("www.example", Family::V4).await) });
        let (mut stream, _) = listener.accept().await?;
        let mut bytes = [0; 64];
        assert!(stream.read(&mut bytes).await? > 0);
        task.cancel();
        assert!(task.await?.unwrap_err().is_cancelled());
        assert_eq!(stream.read(&mut bytes).await?, 0);
        Ok(())
    });
}

#[test]
fn dropping_a_lookup_closes_its_sockets() {
    run(async {
        let server = NameServer::start(|_| vec![])?;
        let resolver = server.resolver();
        {
            let mut lookup = std::pin::pin!(resolver.addresses("www.example", Family::Any));
            while server.asked.borrow().len() < 2 {
                let waiting = std::future::poll_fn(|cx| std::task::Poll::Ready(lookup.as_mut().poll(cx).is_pending()));
                assert!(waiting.await);
                yield_now().await?;
            }
            assert!(!server.asked.borrow().iter().any(is_closed));
        }
        assert!(server.asked.borrow().iter().all(is_closed));
        Ok(())
    });
}

#[test]
fn the_callers_deadline_ends_it() {
    run(async {
        let server = NameServer::start(|_| vec![])?;
        let resolver = server.resolver();
        let outcome = oneloop::wait_for(SOON, resolver.addresses("www.example", Family::Any)).await;
        let error = outcome.unwrap_err();
        assert!(error.is_timeout() && error.loop_error().is_some(), "{error}");
        assert!(server.asked.borrow().len() <= 2, "no further server, name or attempt");
        assert!(server.asked.borrow().iter().all(is_closed));
        Ok(())
    });
}
