//! Rung 1: one URL after the other. Each call blocks until the kernel has its answer, and with it the
//! whole program waits: `cargo ladder 01_blocking http://127.0.0.1:8080/ ...`, or
//! `prober demo --serve | cargo ladder 01_blocking`, which reads URLs up to the first empty line.
//!
//! Read `probe` first: connect, send, receive, in the order of the page. All rungs keep that probe.
//! **Its flaw**: the time is the sum of all the times. One server that stalls holds up all the URLs after it.
//! Rung 2 mends it with a thread for each URL.

use std::io::{self, Error, ErrorKind, Read, Result, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

/// What one probe may take.
const LIMIT: Duration = Duration::from_secs(2);

fn main() -> Result<()> {
    let mut urls: Vec<String> = std::env::args().skip(1).collect();
    if urls.is_empty() {
        let lines = io::stdin().lines().map_while(Result::ok);
        urls.extend(lines.take_while(|line| !line.is_empty()));
    }
    let lines: Vec<String> = urls.iter().map(|url| line(url)).collect();
    writeln!(io::stdout(), "{}", lines.join("\n"))
}

/// One probe as one line: green with the status 200, red with any other or with what went wrong.
fn line(url: &str) -> String {
    let start = Instant::now();
    let (colour, text) = match probe(url, start + LIMIT) {
        Ok(200) => (32, "200".to_string()),
        Ok(status) => (31, status.to_string()),
        Err(error) => (31, error.to_string()),
    };
    let ms = start.elapsed().as_secs_f64() * 1000.0;
    format!("\x1b[{colour}m{url:<40} {ms:>8.2} ms  {text}\x1b[0m")
}

/// Asks for a URL and gives the status. Each call to `stream` is a place where everything stands still.
fn probe(url: &str, deadline: Instant) -> Result<u16> {
    let wrong = |why| Error::new(ErrorKind::InvalidData, why);
    let plain = url.bytes().all(|byte| byte.is_ascii_graphic()); // a line end would forge a header
    let rest = url.strip_prefix("http://").filter(|_| plain).ok_or(wrong("not an http:// URL"))?;
    let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
    // Names could be looked up here, where blocking does no more harm. On the later rungs it would.
    let address = host.parse().or_else(|_| format!("{host}:80").parse());
    let address = address.map_err(|_| wrong("an IP address, please, not a name"))?;

    let mut stream = TcpStream::connect_timeout(&address, left(deadline)?)?;
    stream.set_write_timeout(Some(left(deadline)?))?;
    stream.write_all(format!("GET /{path} HTTP/1.0\r\nHost: {host}\r\n\r\n").as_bytes()).map_err(late)?;
    let (mut head, mut chunk) = (Vec::new(), [0; 4096]);
    while !head.windows(4).any(|end| end == b"\r\n\r\n") {
        stream.set_read_timeout(Some(left(deadline)?))?; // for one read: a drip would begin it anew
        let count = stream.read(&mut chunk).map_err(late)?;
        head.extend_from_slice(&chunk[..count]);
        if count == 0 || head.len() > 65_536 {
            return Err(wrong("no end of the headers"));
        }
    }
    let digits = head.strip_prefix(b"HTTP/1.").and_then(|rest| str::from_utf8(rest.get(2..5)?).ok());
    digits.and_then(|digits| digits.parse().ok()).ok_or(wrong("not HTTP"))
}

/// The time until the deadline, if there is some.
fn left(deadline: Instant) -> Result<Duration> {
    let left = deadline.saturating_duration_since(Instant::now());
    if left.is_zero() { Err(ErrorKind::TimedOut.into()) } else { Ok(left) }
}

/// A socket's timeout shows as `WouldBlock` on Unix. Everyone else calls it timed out.
fn late(error: Error) -> Error {
    if error.kind() == ErrorKind::WouldBlock { ErrorKind::TimedOut.into() } else { error }
}
