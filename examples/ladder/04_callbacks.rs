//! Rung 4: the kernel says whose socket has news. The program hands it all the sockets, parks, and calls back whoever
//! waits for the socket that woke it: `prober demo --serve | cargo ladder 04_callbacks`. Parked, it costs nothing.
//!
//! Read `EventLoop`, then `send` and `receive`, which are one probe. This is how Node.js and .NET's `BeginRead` were used.
//! **Its flaw**: the probe is inside out. Each wait ends a function, and what comes after it is a closure; a `while` around
//! a wait has become a recursion; and `?` has nobody to return to, so each error must be carried to `done` by hand.
//! Rung 5 puts the probe's memory into one value again.

use mio::{Events, Interest, Token, net::TcpStream};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io::{self, Error, ErrorKind, Read, Result, Write};
use std::net::SocketAddr;
use std::os::fd::AsRawFd;
use std::rc::Rc;
use std::time::{Duration, Instant};

/// What one probe may take. All start at once, so there is one deadline for all.
const LIMIT: Duration = Duration::from_secs(2);

fn main() -> Result<()> {
    let mut urls: Vec<String> = std::env::args().skip(1).collect();
    if urls.is_empty() {
        let lines = io::stdin().lines().map_while(Result::ok);
        urls.extend(lines.take_while(|line| !line.is_empty()));
    }
    let start = Instant::now();
    let event_loop = EventLoop { selector: RefCell::new(mio::Poll::new()?), waiting: RefCell::default() };
    let lines = Rc::new(RefCell::new(vec![None; urls.len()]));
    for (number, url) in urls.iter().enumerate() {
        let (lines, url) = (lines.clone(), url.clone()); // kept by a closure that outlives this turn
        let done = move |outcome| lines.borrow_mut()[number] = Some(line(&url, start.elapsed(), outcome));
        probe(&event_loop, &urls[number], Box::new(done));
    }
    event_loop.run(start + LIMIT)?;
    let late = || Err(ErrorKind::WouldBlock.into());
    let lines = lines.take().into_iter().zip(&urls).map(|(done, url)| done.unwrap_or_else(|| line(url, LIMIT, late())));
    writeln!(io::stdout(), "{}", lines.collect::<Vec<_>>().join("\n"))
}

type Callback = Box<dyn FnOnce(&EventLoop)>;
type Done = Box<dyn FnOnce(Result<u16>)>;

/// The kernel's selector, and for each socket what to do when it has news.
struct EventLoop {
    selector: RefCell<mio::Poll>,
    waiting: RefCell<BTreeMap<Token, Callback>>,
}

impl EventLoop {
    /// Calls back once, after the next change of the socket.
    fn when_ready(&self, socket: Token, callback: Callback) {
        self.waiting.borrow_mut().insert(socket, callback);
    }

    /// Calls back until nobody waits any more, or the time is up.
    fn run(&self, deadline: Instant) -> Result<()> {
        let mut events = Events::with_capacity(256);
        while !self.waiting.borrow().is_empty() && Instant::now() < deadline {
            let left = deadline.saturating_duration_since(Instant::now());
            match self.selector.borrow_mut().poll(&mut events, Some(left)) {
                Err(error) if error.kind() != ErrorKind::Interrupted => return Err(error),
                _ => {} // a signal may have cut the sleep short
            }
            for event in &events {
                let callback = self.waiting.borrow_mut().remove(&event.token()); // it may wait again at once
                callback.into_iter().for_each(|callback| callback(self));
            }
        }
        Ok(())
    }
}

/// Asks for a URL; some day `done` gets the status, or what went wrong.
fn probe(event_loop: &EventLoop, url: &str, done: Done) {
    let start = || {
        let (address, unsent) = request(url)?;
        let mut stream = TcpStream::connect(address)?;
        let (socket, both) = (Token(stream.as_raw_fd() as usize), Interest::READABLE | Interest::WRITABLE);
        event_loop.selector.borrow().registry().register(&mut stream, socket, both)?;
        Ok((socket, stream, unsent))
    };
    match start() {
        Ok((socket, stream, unsent)) => connect(event_loop, socket, stream, unsent, done),
        Err(error) => done(Err(error)),
    }
}

fn connect(event_loop: &EventLoop, socket: Token, stream: TcpStream, unsent: Vec<u8>, done: Done) {
    match connected(&stream) {
        Ok(()) => send(event_loop, socket, stream, unsent, done),
        Err(error) if not_yet(&error) => {
            let again = move |event_loop: &EventLoop| connect(event_loop, socket, stream, unsent, done);
            event_loop.when_ready(socket, Box::new(again));
        }
        Err(error) => done(Err(error)),
    }
}

fn send(event_loop: &EventLoop, socket: Token, mut stream: TcpStream, mut unsent: Vec<u8>, done: Done) {
    while !unsent.is_empty() {
        match stream.write(&unsent) {
            Ok(sent) => drop(unsent.drain(..sent)), // the kernel may have taken only a part
            Err(error) if not_yet(&error) => {
                let again = move |event_loop: &EventLoop| send(event_loop, socket, stream, unsent, done);
                return event_loop.when_ready(socket, Box::new(again));
            }
            Err(error) => return done(Err(error)),
        }
    }
    receive(event_loop, socket, stream, Vec::new(), done);
}

fn receive(event_loop: &EventLoop, socket: Token, mut stream: TcpStream, mut head: Vec<u8>, done: Done) {
    let mut chunk = [0; 4096];
    loop {
        match stream.read(&mut chunk) {
            Ok(count) => {
                head.extend_from_slice(&chunk[..count]);
                if let Some(outcome) = status(&head, count == 0) {
                    return done(outcome);
                }
            }
            Err(error) if not_yet(&error) => {
                let again = move |event_loop: &EventLoop| receive(event_loop, socket, stream, head, done);
                return event_loop.when_ready(socket, Box::new(again));
            }
            Err(error) => return done(Err(error)),
        }
    }
}

/// The probe's beginning: where to connect to, and what to say there.
fn request(url: &str) -> Result<(SocketAddr, Vec<u8>)> {
    let wrong = |why| Error::new(ErrorKind::InvalidData, why);
    let plain = url.bytes().all(|byte| byte.is_ascii_graphic()); // a line end would forge a header
    let rest = url.strip_prefix("http://").filter(|_| plain).ok_or(wrong("not an http:// URL"))?;
    let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
    // std looks names up by blocking, which would halt every probe; oneloop-http has a better way.
    let address = host.parse().or_else(|_| format!("{host}:80").parse());
    let address = address.map_err(|_| wrong("an IP address, please, not a name"))?;
    Ok((address, format!("GET /{path} HTTP/1.0\r\nHost: {host}\r\n\r\n").into_bytes()))
}

/// Whether the connection stands; `WouldBlock` while the kernel is at it.
fn connected(stream: &TcpStream) -> Result<()> {
    match stream.take_error()? {
        Some(refused) => Err(refused),
        None => stream.peer_addr().map(drop).map_err(|_| ErrorKind::WouldBlock.into()),
    }
}

/// The probe's end: the status, once the headers are whole; None while more has to come.
fn status(head: &[u8], closed: bool) -> Option<Result<u16>> {
    let wrong = |why| Error::new(ErrorKind::InvalidData, why);
    if !head.windows(4).any(|end| end == b"\r\n\r\n") {
        let hopeless = closed || head.len() > 65_536;
        return hopeless.then(|| Err(wrong("no end of the headers")));
    }
    let digits = head.strip_prefix(b"HTTP/1.").and_then(|rest| str::from_utf8(rest.get(2..5)?).ok());
    Some(digits.and_then(|digits| digits.parse().ok()).ok_or(wrong("not HTTP")))
}

fn not_yet(error: &Error) -> bool {
    error.kind() == ErrorKind::WouldBlock
}

/// One probe as one line: green with the status 200, red with any other or with what went wrong.
fn line(url: &str, time: Duration, outcome: Result<u16>) -> String {
    let (colour, text) = match outcome {
        Ok(200) => (32, "200".to_string()),
        Ok(status) => (31, status.to_string()),
        Err(error) if not_yet(&error) => (31, "timed out".to_string()),
        Err(error) => (31, error.to_string()),
    };
    let ms = time.as_secs_f64() * 1000.0;
    format!("\x1b[{colour}m{url:<40} {ms:>8.2} ms  {text}\x1b[0m")
}
