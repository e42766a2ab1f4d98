//! Scripted peers on in-memory streams and the virtual clock.
#![allow(dead_code, reason = "each test file uses a part")]

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;
use std::time::Duration;

use oneloop::net::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use oneloop_http::resolver::{Family, Resolved};
use oneloop_http::{ClientSession, LocalBoxFuture, Resolve, Result, SessionBuilder};

/// Runs a test on a loop whose clock jumps.
pub(crate) fn virtually<T: 'static>(test: impl Future<Output = T> + 'static) -> T {
    let event_loop = oneloop::EventLoop::builder().virtual_clock(true).build().unwrap();
    let runner = oneloop::Runner::with_loop(event_loop).handle_interrupt(false);
    let outcome = runner.run(async { Ok(test.await) }).unwrap();
    runner.close().unwrap(); // cancels the peers that still wait for something
    outcome
}

pub(crate) async fn pause(millis: u64) {
    // A peer that is torn down with its loop is cancelled here; it just ends.
    let _ = oneloop::sleep(Duration::from_millis(millis)).await;
}

/// Runs a peer beside the test; it is torn down with the loop.
pub(crate) fn spawn(script: impl Future<Output = oneloop::Result<()>> + 'static) {
    drop(oneloop::create_task(script));
}

/// Gives every name the same addresses, after a delay.
pub(crate) struct Names {
    pub(crate) addresses: Vec<IpAddr>,
    pub(crate) delay: u64,
}

impl Names {
    pub(crate) fn one() -> Names {
        Names { addresses: vec![IpAddr::from([192, 0, 2, 1])], delay: 0 }
    }
}

impl Resolve for Names {
    fn resolve<'a>(&'a self, _host: &'a str, _family: Family) -> LocalBoxFuture<'a, Result<Resolved>> {
        Box::pin(async {
            oneloop::sleep(Duration::from_millis(self.delay)).await?;
            Ok(self.addresses.clone().into())
        })
    }
}

/// What the peers of a test saw.
#[derive(Clone, Default)]
pub(crate) struct Seen {
    pub(crate) connections: Rc<Cell<usize>>,
    /// Connections whose peer script has not ended.
    pub(crate) open: Rc<Cell<usize>>,
    pub(crate) requests: Rc<RefCell<Vec<String>>>,
}

/// A session whose connections lead to `script`, which gets the stream and its number (from 0).
pub(crate) fn scripted<F, Fut>(script: F) -> (SessionBuilder, Seen)
where
    F: Fn(usize, Peer) -> Fut + 'static,
    Fut: Future<Output = ()> + 'static,
{
    scripted_with(64 * 1024, script)
}

/// As [`scripted`], with so many bytes of buffer in each direction.
pub(crate) fn scripted_with<F, Fut>(capacity: usize, script: F) -> (SessionBuilder, Seen)
where
    F: Fn(usize, Peer) -> Fut + 'static,
    Fut: Future<Output = ()> + 'static,
{
    let seen = Seen::default();
    let noted = seen.clone();
    let builder = ClientSession::builder().resolver(Names::one()).connector(move |_remote| {
        let (ours, theirs) = duplex(capacity);
        let number = noted.connections.get();
        noted.connections.set(number + 1);
        noted.open.set(noted.open.get() + 1);
        let script = script(number, Peer { stream: theirs, requests: noted.requests.clone() });
        let open = noted.open.clone();
        spawn(async move {
            script.await;
            open.set(open.get() - 1);
            Ok(())
        });
        std::future::ready(Ok(ours))
    });
    (builder, seen)
}

/// The server's end of a connection.
pub(crate) struct Peer {
    pub(crate) stream: DuplexStream,
    requests: Rc<RefCell<Vec<String>>>,
}

impl Peer {
    /// The server's end on a stream of the test's own.
    pub(crate) fn on(stream: DuplexStream) -> Peer {
        Peer { stream, requests: Rc::default() }
    }

    /// The next request's head; `None` when the client has closed.
    pub(crate) async fn request(&mut self) -> Option<String> {
        let mut head = Vec::new();
        let mut byte = [0];
        while !head.ends_with(b"\r\n\r\n") {
            match self.stream.read(&mut byte).await {
                Ok(1) => head.push(byte[0]),
                _ => return None,
            }
        }
        let head = String::from_utf8(head).unwrap();
        self.requests.borrow_mut().push(head.clone());
        Some(head)
    }

    /// Sends text; a client that has gone is not our business.
    pub(crate) async fn send(&mut self, text: impl AsRef<[u8]>) {
        let _ = self.stream.write_all(text.as_ref()).await;
    }

    /// Answers every request with the same bytes until the client closes.
    pub(crate) async fn answer_all(mut self, answer: &str) {
        while self.request().await.is_some() {
            self.send(answer).await;
        }
    }

    /// Waits until the client closes.
    pub(crate) async fn closed(&mut self) {
        let mut rest = [0; 64];
        while self.stream.read(&mut rest).await.is_ok_and(|count| count > 0) {}
    }
}

pub(crate) const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

/// Requests, each with the address that it came to.
pub(crate) type Requests = Rc<RefCell<Vec<(String, String)>>>;

/// A session whose peers answer 200, and what they were asked.
pub(crate) fn noting() -> (SessionBuilder, Requests) {
    let seen = Requests::default();
    let log = seen.clone();
    let session = ClientSession::builder().resolver(Names::one()).connector(move |remote: SocketAddr| {
        let (ours, theirs) = duplex(64 * 1024);
        let log = log.clone();
        spawn(async move {
            let mut peer = Peer::on(theirs);
            while let Some(request) = peer.request().await {
                log.borrow_mut().push((remote.to_string(), request));
                peer.send(OK).await;
            }
            Ok(())
        });
        std::future::ready(Ok(ours))
    });
    (session, seen)
}
