//! `async void`, and what stands for it. See README.md beside this file.

use std::time::Duration;

use oneloop::{Error, Result, create_task, get_running_loop, sleep, yield_now};

async fn handler() -> Result<()> {
    println!("handler: begins");
    yield_now().await?;
    Err(Error::other("broken"))
}

async fn run() -> Result<()> {
    let event_loop = get_running_loop()?;
    event_loop.set_exception_handler(|_event_loop, _context| println!("the handler of last resort is told"));
    drop(create_task(handler())); // nothing to catch here: no line of it has run
    sleep(Duration::from_millis(20)).await?;
    println!("the loop goes on");
    Ok(())
}

fn main() -> Result<()> {
    oneloop::run(run())
}
