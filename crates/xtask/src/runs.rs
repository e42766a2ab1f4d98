//! The short runs whose pictures stand in the book.
//!
//! Job: each is a small program on the virtual clock, recorded and drawn. Neighbours: `docs` writes the pictures and
//! compares them; `oneloop-trace` draws. Invariant: a run has no clock, no socket and no thread of the machine's, so its
//! picture is the same everywhere, byte for byte.

use std::rc::Rc;
use std::time::Duration;

use oneloop::net::{AsyncReadExt, AsyncWriteExt, duplex};
use oneloop::{EventLoop, Result, create_task, gather, get_running_loop, sleep};
use oneloop_trace::{Recorder, turns_svg};

type Draw = fn() -> Result<String>;

/// Where the picture goes, and how to draw it.
pub(crate) const PICTURES: [(&str, Draw); 3] =
    [("docs/img/wakes.svg", wakes), ("docs/img/request.svg", request), ("docs/img/together.svg", together)];

fn record(title: &str, main: impl Future<Output = Result<()>> + 'static) -> Result<String> {
    let recorder = Rc::new(Recorder::default());
    let event_loop = EventLoop::builder().virtual_clock(true).observer(recorder.clone()).build()?;
    let main = async move {
        if let Some(me) = oneloop::current_task() {
            me.set_name("main");
        }
        main.await
    };
    event_loop.run_until_complete(main)?;
    Ok(turns_svg(&recorder.log(), title))
}

// ANCHOR: wakes
/// One task waits for a timer, one for another task, one for nobody but itself.
async fn who_wakes_whom() -> Result<()> {
    let answer = get_running_loop()?.create_future();
    let asks = answer.clone();
    let waits = create_task(async move { asks.await });
    waits.set_name("waits");
    let sets = create_task(async move {
        sleep(Duration::from_millis(5)).await?;
        answer.set_result(42)
    });
    sets.set_name("sets");
    let yields = create_task(oneloop::yield_now());
    yields.set_name("yields");
    yields.await?;
    waits.await?;
    Ok(())
}
// ANCHOR_END: wakes

fn wakes() -> Result<String> {
    record(
        "Who wakes whom: a timer wakes sets, sets wakes waits, waits wakes main; yields wakes itself",
        who_wakes_whom(),
    )
}

// ANCHOR: request
/// A client and a server, with a pipe in memory between them.
async fn one_request() -> Result<()> {
    let (mut near, mut far) = duplex(64);
    let server = create_task(async move {
        let mut request = [0; 64];
        let count = far.read(&mut request).await?;
        sleep(Duration::from_millis(count as u64)).await?; // thinks
        far.write_all(b"200 OK").await
    });
    server.set_name("server");
    let client = create_task(async move {
        near.write_all(b"GET /").await?;
        let mut answer = [0; 64];
        near.read(&mut answer).await
    });
    client.set_name("client");
    client.await?;
    server.await
}
// ANCHOR_END: request

fn request() -> Result<String> {
    record(
        "One request: the client's bytes wake the server, its timer wakes it again, its bytes wake the client",
        one_request(),
    )
}

// ANCHOR: together
/// Three sleeps at once.
async fn three_sleeps() -> Result<()> {
    let sleeps = [3, 1, 2].map(|time| {
        let task = create_task(sleep(Duration::from_millis(time)));
        task.set_name(&format!("sleep {time} ms"));
        task
    });
    gather(sleeps).await.map(drop)
}
// ANCHOR_END: together

fn together() -> Result<String> {
    record("gather: each sleep is woken by its timer, and the last one's end wakes main, a turn later", three_sleeps())
}
