//! A server that holds requests.
//!
//! Job: keep every request open for a while *and* until so many are open at once, so that 'N in flight' is a fact and
//! no matter of how fast the client is; then answer them all. Neighbours: nginx stands before it for HTTPS.
//! Invariants: one thread, driven by mio, that ends when the value is dropped; it stands on nothing that is under test.

use std::collections::VecDeque;
use std::io::{ErrorKind, Read, Write};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Token, Waker};
use slab::Slab;

const LISTENER: Token = Token(usize::MAX);
const WAKER: Token = Token(usize::MAX - 1);
const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nConnection: close\r\n\r\nok\n";

/// The running server.
#[derive(Debug)]
pub struct Holding {
    address: SocketAddr,
    most: Arc<AtomicUsize>,
    waker: Arc<Waker>,
    thread: Option<JoinHandle<()>>,
}

impl Holding {
    /// Starts it on a free port of loopback. A request is held for `time` and until `count` have come.
    ///
    /// # Panics
    /// When no socket can be opened.
    #[must_use]
    pub fn start(time: Duration, count: usize) -> Holding {
        let poll = Poll::new().expect("a selector");
        let mut listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).expect("a free port");
        let address = listener.local_addr().expect("an address");
        let waker = Arc::new(Waker::new(poll.registry(), WAKER).expect("a waker"));
        poll.registry().register(&mut listener, LISTENER, Interest::READABLE).expect("a registered listener");
        let most = Arc::new(AtomicUsize::new(0));
        let server = Server {
            poll,
            listener,
            peers: Slab::new(),
            held: VecDeque::new(),
            time,
            count,
            came: 0,
            most: Arc::clone(&most),
        };
        let thread = std::thread::spawn(move || server.run());
        Holding { address, most, waker, thread: Some(thread) }
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The most requests that were held at once so far.
    #[must_use]
    pub fn most_at_once(&self) -> usize {
        self.most.load(Ordering::SeqCst)
    }

    /// Returns when so many requests have been held at once.
    pub fn wait_for(&self, count: usize) {
        while self.most_at_once() < count {
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}

impl Drop for Holding {
    fn drop(&mut self) {
        let _ = self.waker.wake();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

struct Peer {
    stream: TcpStream,
    request: Vec<u8>,
    held: bool,
}

struct Server {
    poll: Poll,
    listener: TcpListener,
    peers: Slab<Peer>,
    /// Who is held, and since when: the first to come is the first to go.
    held: VecDeque<(Instant, usize)>,
    time: Duration,
    count: usize,
    /// How many whole requests have come in all.
    came: usize,
    most: Arc<AtomicUsize>,
}

impl Server {
    fn run(mut self) {
        let mut events = Events::with_capacity(1024);
        loop {
            let wait = (self.came >= self.count).then(|| self.held.front()).flatten();
            let timeout = wait.map(|(since, _)| (*since + self.time).saturating_duration_since(Instant::now()));
            match self.poll.poll(&mut events, timeout) {
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                result => result.expect("a selector that works"),
            }
            for event in &events {
                match event.token() {
                    WAKER => return,
                    LISTENER => self.accept(),
                    Token(key) => self.read(key),
                }
            }
            self.answer_due();
        }
    }

    fn accept(&mut self) {
        loop {
            let mut stream = match self.listener.accept() {
                Ok((stream, _)) => stream,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                // A client that has gone again is no reason to stop.
                Err(_) => continue,
            };
            let slot = self.peers.vacant_entry();
            self.poll
                .registry()
                .register(&mut stream, Token(slot.key()), Interest::READABLE)
                .expect("a registered peer");
            slot.insert(Peer { stream, request: Vec::new(), held: false });
        }
    }

    fn read(&mut self, key: usize) {
        let Some(peer) = self.peers.get_mut(key) else {
            return;
        };
        let mut buffer = [0; 4096];
        loop {
            match peer.stream.read(&mut buffer) {
                Ok(count) if count > 0 => peer.request.extend_from_slice(&buffer[..count]),
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Ok(_) | Err(_) => {
                    // The client has gone: whoever waits behind it still gets an answer.
                    self.held.retain(|(_, held)| *held != key);
                    self.peers.remove(key);
                    return;
                }
            }
        }
        if !peer.held && peer.request.windows(4).any(|end| end == b"\r\n\r\n") {
            peer.held = true;
            self.came += 1;
            self.held.push_back((Instant::now(), key));
            self.most.fetch_max(self.held.len(), Ordering::SeqCst);
        }
    }

    fn answer_due(&mut self) {
        while self.came >= self.count
            && let Some((since, key)) = self.held.front().copied()
            && since.elapsed() >= self.time
        {
            self.held.pop_front();
            // The answer fits any socket's buffer, and the peer is closed when it falls out of the slab.
            let mut peer = self.peers.remove(key);
            let _ = peer.stream.write_all(ANSWER);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpStream as Blocking;

    #[test]
    fn nobody_is_answered_before_all_have_come() {
        let server = Holding::start(Duration::ZERO, 2);
        let ask = || {
            let mut stream = Blocking::connect(server.address()).expect("a connection");
            stream.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").expect("a request sent");
            stream
        };
        let mut first = ask();
        first.set_nonblocking(true).expect("a non-blocking socket");
        let early = first.read(&mut [0; 1]).expect_err("nothing to read yet");
        assert_eq!(early.kind(), ErrorKind::WouldBlock);
        first.set_nonblocking(false).expect("a blocking socket");

        let mut second = ask();
        for stream in [&mut first, &mut second] {
            let mut answer = Vec::new();
            stream.read_to_end(&mut answer).expect("an answer");
            assert_eq!(answer, ANSWER);
        }
        assert_eq!(server.most_at_once(), 2);
    }
}
