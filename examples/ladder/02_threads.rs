//! Rung 2: a thread for each URL. The probe is rung 1's, word for word; only `main` has changed. While one thread
//! waits in the kernel, the others get on: `prober demo --serve | cargo ladder 02_threads`.
//!
//! **Its flaw**: a thread is paid for by its waiting. Each has a stack and a place in the kernel's schedule, all for
//! doing nothing; with 5,000 URLs there are 5,000 of them. And whatever two threads share needs a lock.
//! Rung 3 does without threads, by asking every socket in turn.

use std::io::{self, Error, ErrorKind, Read, Result, Write};
use std::net::TcpStream;
use std::thread;
use std::time::{Duration, Instant};

/// What one probe may take.
const LIMIT: Duration = Duration::from_secs(2);

fn main() -> Result<()> {
    let mut urls: Vec<String> = std::env::args().skip(1).collect();
    if urls.is_empty() {
        let lines = io::stdin().lines().map_while(Result::ok);
        urls.extend(lines.take_while(|line| !line.is_empty()));
    }
    let mut threads = Vec::new();
    for url in urls {
        threads.push(thread::Builder::new().spawn(move || line(&url))?); // the system may refuse one more
    }
    let lines = threads.into_iter().map(|thread| thread.join().expect("a probe does not panic"));
    let lines: Vec<String> = lines.collect();
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

/// Asks for a URL and gives the status. Each call to `stream` is a place where this thread stands still.
fn probe(url: &str, deadline: Instant) -> Result<u16> {
    let wrong = |why| Error::new(ErrorKind::InvalidData, why);
    let plain = url.bytes().all(|byte| byte.is_ascii_graphic()); // a line end would forge a header
    let rest = url.strip_prefix("http://").filter(|_| plain).ok_or(wrong("not an http:// URL"))?;
    let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
    // Names could be looked up here, where blocking harms this thread alone. On the later rungs it would not.
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
