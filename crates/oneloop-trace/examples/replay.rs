//! Records three small probes of a server on the same loop, and writes the page that replays them:
//! `cargo run -p oneloop-trace --example replay > replay.html`; with `trace`, the Chrome trace JSON.

use std::rc::Rc;
use std::time::Duration;

use oneloop::net::{AsyncReadExt, AsyncWriteExt, TcpListener, TcpStream};
use oneloop::{EventLoop, Result, create_task, gather, sleep, span_begin, span_end};
use oneloop_trace::{Recorder, chrome_trace, report};

fn main() -> Result<()> {
    let recorder = Rc::new(Recorder::default());
    let event_loop = EventLoop::builder().observer(recorder.clone()).build()?;
    event_loop.run_until_complete(probes())?;
    let log = recorder.log();
    let trace = std::env::args().nth(1).is_some_and(|word| word == "trace");
    println!("{}", if trace { chrome_trace(&log) } else { report(&log, "Three probes of a slow server") });
    Ok(())
}

async fn probes() -> Result<()> {
    let listener = TcpListener::bind(([127, 0, 0, 1], 0).into())?;
    let address = listener.local_addr()?;
    let server = create_task(async move {
        loop {
            let (stream, _) = listener.accept().await?;
            create_task(answer(stream)).set_name("answer");
        }
        #[allow(unreachable_code, reason = "gives the task its type")]
        Ok(())
    });
    server.set_name("server");
    let probes = ["/fast", "/slow", "/slower"].map(|path| {
        let probe = create_task(probe(address, path));
        probe.set_name(path);
        probe
    });
    gather(probes).await?;
    server.cancel();
    Ok(())
}

/// Answers a path after 5 ms for each letter.
async fn answer(mut stream: TcpStream) -> Result<()> {
    let mut request = [0; 64];
    let count = stream.read(&mut request).await?;
    sleep(Duration::from_millis(5 * count as u64)).await?;
    stream.write_all(b"200 OK").await
}

async fn probe(address: std::net::SocketAddr, path: &'static str) -> Result<usize> {
    span_begin("connect");
    let mut stream = TcpStream::connect(address).await?;
    span_end("connect");
    stream.write_all(path.as_bytes()).await?;
    span_begin("wait");
    let mut answer = [0; 64];
    let count = stream.read(&mut answer).await?;
    span_end("wait");
    Ok(count)
}
