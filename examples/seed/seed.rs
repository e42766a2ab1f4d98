//! The seed's script on oneloop, line for line: see README.md beside it.

use std::io::IsTerminal;
use std::time::{Duration, Instant};

use oneloop::{Error, EventLoop, Result, create_task, gather};
use oneloop_http::ClientSession;

fn urls() -> Vec<String> {
    let given: Vec<String> = std::env::args().skip(1).collect();
    if given.is_empty() {
        return ["https://www.tabsoverspaces.com", "https://www.id3renamer.com"].map(String::from).to_vec();
    }
    given
}

async fn fetch(url: String) -> Result<(String, f64)> {
    let session = ClientSession::new().map_err(Error::other)?;
    let start_time = Instant::now();
    let timeout = Duration::from_secs(10);
    match session.get(&url).allow_redirects(false).timeout(timeout).send().await {
        Ok(response) => {
            let end_time = Instant::now();
            if response.status() == 200 {
                let duration = (end_time - start_time).as_secs_f64() * 1000.0;
                Ok((url, duration))
            } else {
                Ok((url, -1.0))
            }
        }
        Err(error) if error.is_cancelled() => Err(Error::Cancelled), // no failure of the URL's: pass it on
        Err(_) => Ok((url, -1.0)),
    }
}

async fn run() -> Result<()> {
    let mut tasks = Vec::new();
    for url in urls() {
        tasks.push(create_task(fetch(url)));
    }
    let results = gather(tasks).await?;
    for fetch_result in results {
        let (url, result) = fetch_result;
        let color = if result != -1.0 { "\x1b[32m" } else { "\x1b[31m" };
        println!("{}{result:.2}ms", colored(&format!("{url:<40}"), color));
    }
    Ok(())
}

fn main() -> Result<()> {
    let event_loop = EventLoop::new()?;
    event_loop.run_until_complete(run())
}

/// What Python's termcolor does: nothing but on a terminal.
fn colored(text: &str, color: &str) -> String {
    if std::io::stdout().is_terminal() { format!("{color}{text}\x1b[0m") } else { text.to_owned() }
}
