//! Waiting inside the loop for the loop. See README.md beside this file.

use oneloop::{EventLoop, Result, get_running_loop, yield_now};

async fn work() -> Result<&'static str> {
    yield_now().await?;
    Ok("work")
}

async fn run(event_loop: std::rc::Weak<EventLoop>) -> Result<()> {
    if let Some(event_loop) = event_loop.upgrade() {
        match event_loop.run_until_complete(work()) {
            Ok(value) => println!("{value}"),
            Err(error) => println!("the same loop: {error}"),
        }
    }
    let other = EventLoop::new()?;
    match other.run_until_complete(work()) {
        Ok(value) => println!("{value}"),
        Err(error) => println!("another loop: {error}"),
    }
    println!("awaited: {}", work().await?);
    Ok(())
}

fn main() -> Result<()> {
    // What owns a loop is not to be had inside it, so the program has to carry it in.
    let event_loop = std::rc::Rc::new(EventLoop::new()?);
    event_loop.run_until_complete(run(std::rc::Rc::downgrade(&event_loop)))?;
    if let Err(error) = get_running_loop() {
        println!("outside: {error}");
    }
    Ok(())
}
