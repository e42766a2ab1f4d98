//! The ladder's probe on tokio: rung 7 with tokio in the place of its loop. `cargo xtask ladder --tokio` runs it beside the
//! rungs; by hand: `prober demo --serve | cargo run --manifest-path peers/tokio/Cargo.toml --bin probe`.
//! With `--threads` before the URLs it takes tokio's scheduler of many threads.
//!
//! Compare `examples/ladder/07_timers.rs`: `line` and `probe` are nearly the same words. What is gone is the loop.

use std::io::{self, Error, ErrorKind, Result, Write};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::runtime::Builder;
use tokio::time::timeout;

// ANCHOR: main
fn main() -> Result<()> {
    let mut urls: Vec<String> = std::env::args().skip(1).collect();
    let threads = urls.first().is_some_and(|word| word == "--threads");
    urls.drain(..usize::from(threads));
    if urls.is_empty() {
        let lines = io::stdin().lines().map_while(Result::ok); // may block: no loop runs yet
        urls.extend(lines.take_while(|line| !line.is_empty()));
    }
    let mut builder = if threads { Builder::new_multi_thread() } else { Builder::new_current_thread() };
    let lines = builder.enable_all().build()?.block_on(async {
        let tasks: Vec<_> = urls.into_iter().map(|url| tokio::spawn(line(url))).collect();
        let mut lines = Vec::new();
        for task in tasks {
            lines.push(task.await?); // an error here is a panic of that task, or an abort
        }
        Ok::<_, Error>(lines)
    })?;
    writeln!(io::stdout(), "{}", lines.join("\n"))
}
// ANCHOR_END: main

// ANCHOR: line
/// One probe as one line: green with the status 200, red with any other or with what went wrong.
async fn line(url: String) -> String {
    let start = Instant::now();
    let probing = timeout(Duration::from_secs(2), probe(&url));
    let (colour, text) = match probing.await.unwrap_or(Err(ErrorKind::TimedOut.into())) {
        Ok(200) => (32, "200".to_string()),
        Ok(status) => (31, status.to_string()),
        Err(error) => (31, error.to_string()),
    };
    let ms = start.elapsed().as_secs_f64() * 1000.0;
    format!("\x1b[{colour}m{url:<40} {ms:>8.2} ms  {text}\x1b[0m")
}
// ANCHOR_END: line

/// Asks for a URL and gives the status. Each `.await` is a place where the other probes get on.
async fn probe(url: &str) -> Result<u16> {
    let wrong = |why| Error::new(ErrorKind::InvalidData, why);
    let plain = url.bytes().all(|byte| byte.is_ascii_graphic()); // a line end would forge a header
    let rest = url.strip_prefix("http://").filter(|_| plain).ok_or(wrong("not an http:// URL"))?;
    let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
    // With a name tokio would call getaddrinfo on a thread of its pool for what blocks.
    let address: std::result::Result<SocketAddr, _> = host.parse().or_else(|_| format!("{host}:80").parse());
    let address = address.map_err(|_| wrong("an IP address, please, not a name"))?;

    // ANCHOR: socket
    let mut stream = TcpStream::connect(address).await?;
    stream.write_all(format!("GET /{path} HTTP/1.0\r\nHost: {host}\r\n\r\n").as_bytes()).await?;
    let (mut head, mut chunk) = (Vec::new(), [0; 4096]);
    while !head.windows(4).any(|end| end == b"\r\n\r\n") {
        let count = stream.read(&mut chunk).await?;
        head.extend_from_slice(&chunk[..count]);
        if count == 0 || head.len() > 65_536 {
            return Err(wrong("no end of the headers"));
        }
    }
    // ANCHOR_END: socket
    let digits = head.strip_prefix(b"HTTP/1.").and_then(|rest| str::from_utf8(rest.get(2..5)?).ok());
    digits.and_then(|digits| digits.parse().ok()).ok_or(wrong("not HTTP"))
}
