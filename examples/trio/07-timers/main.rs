//! Timers stand behind what is ready. See README.md beside this file.

use std::{rc::Rc, thread, time::Duration};

use oneloop::{Result, get_running_loop, sleep};

const fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

async fn run() -> Result<()> {
    let event_loop = get_running_loop()?;
    event_loop.call_later(ms(40), || println!("timer of 40 ms"));
    event_loop.call_later(ms(20), || println!("timer of 20 ms"));
    event_loop.call_later(ms(0), || println!("timer of 0 ms"));
    // A `Duration` is never negative: what was due before is said with `call_at`.
    let past = event_loop.time() - Duration::from_secs(1);
    event_loop.call_at(past, || println!("timer of -1 s, which was due before it was made"));
    let inner = event_loop.clone();
    event_loop.call_soon(move || {
        println!("callback");
        inner.call_soon(|| println!("callback of the callback"));
    });
    sleep(ms(80)).await?;
    let cancelled = Rc::new(event_loop.call_later(ms(20), || println!("cancelled, never seen")));
    event_loop.call_later(ms(10), move || {
        println!("cancels a timer that is due as well");
        cancelled.cancel();
    });
    thread::sleep(ms(50));
    sleep(ms(10)).await?;
    println!("end");
    Ok(())
}

fn main() -> Result<()> {
    oneloop::run(run())
}
