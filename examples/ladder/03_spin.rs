//! Rung 3: one thread, and sockets that never block. A call that would have to wait says `WouldBlock` at once, and the
//! program asks the next socket, round and round: `prober demo --serve | cargo ladder 03_spin`.
//!
//! The probe is torn where it waits: what it has to remember from one try to the next lives in a struct now.
//! **Its flaw**: it asks without pause. While the servers think, the processor runs at full speed to be told,
//! a million times, that there is nothing yet. On rung 4 the kernel says when there is something.

use mio::net::TcpStream; // std's connect blocks; this one returns at once, while the kernel connects
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
    let (mut lines, mut probes) = (vec![String::new(); urls.len()], Vec::new());
    for (number, url) in urls.iter().enumerate() {
        match Probe::start(url) {
            Ok(probe) => probes.push((number, probe)),
            Err(error) => lines[number] = line(url, start.elapsed(), Err(error)),
        }
    }
    while !probes.is_empty() {
        probes.retain_mut(|(number, probe)| match probe.step() {
            Err(error) if not_yet(&error) && start.elapsed() < LIMIT => true, // the next one, then
            outcome => {
                lines[*number] = line(&urls[*number], start.elapsed(), outcome);
                false
            }
        });
    }
    writeln!(io::stdout(), "{}", lines.join("\n"))
}

/// What a probe remembers between two tries: how far it has come can be read from it.
struct Probe {
    stream: TcpStream,
    connected: bool,
    unsent: Vec<u8>,
    head: Vec<u8>,
}

impl Probe {
    fn start(url: &str) -> Result<Probe> {
        let (address, unsent) = request(url)?;
        let stream = TcpStream::connect(address)?;
        Ok(Probe { stream, connected: false, unsent, head: Vec::new() })
    }

    /// Goes on as far as it can without waiting: to the status, or to a `WouldBlock`.
    fn step(&mut self) -> Result<u16> {
        if !self.connected {
            connected(&self.stream)?;
            self.connected = true;
        }
        while !self.unsent.is_empty() {
            let sent = self.stream.write(&self.unsent)?;
            self.unsent.drain(..sent); // the kernel may have taken only a part
        }
        let mut chunk = [0; 4096];
        loop {
            let count = self.stream.read(&mut chunk)?;
            self.head.extend_from_slice(&chunk[..count]);
            if let Some(outcome) = status(&self.head, count == 0) {
                return outcome;
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
