//! Due first is not run first. See README.md beside this file.

use std::{thread, time::Duration};

use oneloop::{Result, get_running_loop, sleep};

async fn run() -> Result<()> {
    let event_loop = get_running_loop()?;
    let handle = event_loop.handle();
    let work = move || {
        thread::sleep(Duration::from_millis(100));
        handle.call_soon_threadsafe(|| println!("the thread's callback, handed over after 100 ms"))
    };
    event_loop.call_later(Duration::from_millis(20), || println!("the timer of 20 ms"));
    let thread = thread::spawn(work);
    println!("busy for 300 ms");
    thread::sleep(Duration::from_millis(300));
    thread.join().expect("it does not panic")?;
    sleep(Duration::from_millis(10)).await
}

fn main() -> Result<()> {
    oneloop::run(run())
}
