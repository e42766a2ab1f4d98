//! A callback that fails. See README.md beside this file.

use oneloop::{Result, get_running_loop, yield_now};

fn fails() {
    println!("the callback fails");
    panic!("broken");
}

async fn run() -> Result<()> {
    let event_loop = get_running_loop()?;
    event_loop.set_exception_handler(|_event_loop, _context| println!("the handler is told"));
    event_loop.call_soon(fails);
    event_loop.call_soon(|| println!("the next callback runs"));
    yield_now().await?;
    yield_now().await?;
    println!("end");
    Ok(())
}

fn main() -> Result<()> {
    oneloop::run(run())
}
