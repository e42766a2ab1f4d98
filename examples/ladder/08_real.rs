//! Rung 8: the real crates. `oneloop` is rung 7 grown up (tasks that start tasks, cancellation, contained panics, a trace of
//! every turn), and `oneloop-http` asks names without a thread, speaks TLS and reads whatever a server may answer:
//! `prober demo --serve | cargo ladder 08_real`. Now `https://` and names will do, too.
//!
//! What is left here is what a program has to say; `crates/prober` says the same with more options.

use oneloop::{EventLoop, create_task, gather};
use oneloop_http::{ClientSession, Error};
use std::io::{self, Write};
use std::time::{Duration, Instant};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut urls: Vec<String> = std::env::args().skip(1).collect();
    if urls.is_empty() {
        let lines = io::stdin().lines().map_while(Result::ok); // may block: no loop runs yet
        urls.extend(lines.take_while(|line| !line.is_empty()));
    }
    let session = ClientSession::new()?;
    let lines = EventLoop::new()?.run_until_complete(async move {
        let probes = urls.into_iter().map(|url| create_task(line(session.clone(), url)));
        gather(probes.collect::<Vec<_>>()).await
    })?;
    writeln!(io::stdout(), "{}", lines.join("\n"))?;
    Ok(())
}

/// One probe as one line: green with the status 200, red with any other or with what went wrong.
async fn line(session: ClientSession, url: String) -> oneloop::Result<String> {
    let start = Instant::now();
    let (colour, text) = match probe(&session, &url).await {
        Ok(200) => (32, "200".to_string()),
        Ok(status) => (31, status.to_string()),
        Err(error) if error.is_cancelled() => return Err(oneloop::Error::Cancelled), // says nothing of the URL
        Err(error) => (31, error.to_string()),
    };
    let ms = start.elapsed().as_secs_f64() * 1000.0;
    Ok(format!("\x1b[{colour}m{url:<40} {ms:>8.2} ms  {text}\x1b[0m"))
}

async fn probe(session: &ClientSession, url: &str) -> Result<u16, Error> {
    let limit = Duration::from_secs(2);
    let response = session.get(url).allow_redirects(false).timeout(limit).send().await?;
    Ok(response.status().as_u16())
}
