//! A turn runs what was ready when it began. See README.md beside this file.

use oneloop::{EventLoop, Result};

fn main() -> Result<()> {
    let event_loop = EventLoop::new()?;
    let inner = event_loop.clone();
    let first = move || {
        println!("first: stops the loop, and queues another");
        inner.stop();
        inner.call_soon(|| println!("queued by first"));
    };
    event_loop.call_soon(first);
    event_loop.call_soon(|| println!("second, of the same turn"));
    println!("run");
    event_loop.run_forever()?;
    println!("stopped; run again, stopped before it begins");
    let inner = event_loop.clone();
    event_loop.call_soon(move || drop(inner.call_soon(|| println!("a turn too late"))));
    event_loop.stop();
    event_loop.run_forever()?;
    println!("end");
    Ok(())
}
