//! Rung 5: the probe is one value again, a state machine written by hand. Its states are the places where it can wait, each
//! with what is needed there; `step` goes from state to state until it would have to wait, and can be called again.
//! `prober demo --serve | cargo ladder 05_state_machine`. Compilers make this of an `async` function, C#'s as well as Rust's.
//!
//! Read `Probe` and `Probe::step`, and look for rung 1's `probe` in them.
//! **Its flaw**: a person keeps the book. Each wait is a variant and an arm, each value that outlives a wait is carried by
//! hand from one variant to the next, and a loop around two waits is a puzzle. Rung 6 has the compiler do it.

use mio::{Events, Interest, Token, net::TcpStream};
use std::collections::BTreeMap;
use std::io::{self, Error, ErrorKind, Read, Result, Write};
use std::net::SocketAddr;
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
    let mut selector = mio::Poll::new()?;
    let (mut lines, mut probes) = (vec![String::new(); urls.len()], BTreeMap::new());
    for (number, url) in urls.iter().enumerate() {
        match Probe::start(url, selector.registry(), Token(number)) {
            Ok(probe) => drop(probes.insert(Token(number), probe)),
            Err(error) => lines[number] = line(url, start.elapsed(), Err(error)),
        }
    }
    let mut events = Events::with_capacity(256);
    while !probes.is_empty() && start.elapsed() < LIMIT {
        match selector.poll(&mut events, Some(LIMIT.saturating_sub(start.elapsed()))) {
            Err(error) if error.kind() != ErrorKind::Interrupted => return Err(error),
            _ => {} // a signal may have cut the sleep short
        }
        for event in &events {
            let Some(probe) = probes.remove(&event.token()) else { continue };
            match probe.step() {
                Probe::Done(outcome) => {
                    let Token(number) = event.token();
                    lines[number] = line(&urls[number], start.elapsed(), outcome);
                }
                waiting => drop(probes.insert(event.token(), waiting)),
            }
        }
    }
    for Token(number) in probes.into_keys() {
        lines[number] = line(&urls[number], start.elapsed(), Err(ErrorKind::WouldBlock.into()));
    }
    writeln!(io::stdout(), "{}", lines.join("\n"))
}

/// A probe between two steps: where it waits, and what it will need when it goes on.
enum Probe {
    Connecting { stream: TcpStream, unsent: Vec<u8> },
    Sending { stream: TcpStream, unsent: Vec<u8> },
    Receiving { stream: TcpStream, head: Vec<u8> },
    Done(Result<u16>),
}

impl Probe {
    fn start(url: &str, registry: &mio::Registry, socket: Token) -> Result<Probe> {
        let (address, unsent) = request(url)?;
        let mut stream = TcpStream::connect(address)?;
        registry.register(&mut stream, socket, Interest::READABLE | Interest::WRITABLE)?;
        Ok(Probe::Connecting { stream, unsent })
    }

    /// From state to state, until one has to wait. The kernel tells only of changes (edge-triggered), so a step must
    /// not end before it was told `WouldBlock`: there might be no further event.
    fn step(mut self) -> Probe {
        loop {
            self = match self {
                Probe::Connecting { stream, unsent } => match connected(&stream) {
                    Ok(()) => Probe::Sending { stream, unsent },
                    Err(error) if not_yet(&error) => return Probe::Connecting { stream, unsent },
                    Err(error) => Probe::Done(Err(error)),
                },
                Probe::Sending { stream, unsent } if unsent.is_empty() => Probe::Receiving { stream, head: unsent },
                Probe::Sending { mut stream, mut unsent } => match stream.write(&unsent) {
                    Ok(sent) => {
                        unsent.drain(..sent); // the kernel may have taken only a part
                        Probe::Sending { stream, unsent }
                    }
                    Err(error) if not_yet(&error) => return Probe::Sending { stream, unsent },
                    Err(error) => Probe::Done(Err(error)),
                },
                Probe::Receiving { mut stream, mut head } => {
                    let mut chunk = [0; 4096];
                    match stream.read(&mut chunk) {
                        Ok(count) => {
                            head.extend_from_slice(&chunk[..count]);
                            match status(&head, count == 0) {
                                Some(outcome) => Probe::Done(outcome),
                                None => Probe::Receiving { stream, head },
                            }
                        }
                        Err(error) if not_yet(&error) => return Probe::Receiving { stream, head },
                        Err(error) => Probe::Done(Err(error)),
                    }
                }
                Probe::Done(outcome) => return Probe::Done(outcome),
            }
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
