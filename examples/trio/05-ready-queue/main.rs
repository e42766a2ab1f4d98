//! One queue, first in, first out. See README.md beside this file.

use oneloop::{Result, create_task, get_running_loop, yield_now};

async fn step(name: &'static str) -> Result<()> {
    println!("task {name}");
    Ok(())
}

pub(crate) async fn run() -> Result<()> {
    let event_loop = get_running_loop()?;
    event_loop.call_soon(|| println!("callback 1"));
    let first = create_task(step("1"));
    let handle = event_loop.call_soon(|| println!("callback 2, never seen"));
    let inner = event_loop.clone();
    event_loop.call_soon(move || drop(inner.call_soon(|| println!("callback 3, queued by a callback"))));
    let second = create_task(step("2"));
    handle.cancel();
    println!("all is queued");
    first.await?;
    second.await?;
    yield_now().await?;
    println!("end");
    Ok(())
}

fn main() -> Result<()> {
    oneloop::run(run())
}
