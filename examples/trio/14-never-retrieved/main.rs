//! A failed task that nobody awaits. See README.md beside this file.

use oneloop::{Error, Result, create_task, get_running_loop, yield_now};

async fn fails() -> Result<()> {
    println!("fails");
    Err(Error::other("broken"))
}

async fn run() -> Result<()> {
    let event_loop = get_running_loop()?;
    event_loop.set_exception_handler(|_event_loop, _context| println!("the handler is told"));
    let task = create_task(fails());
    yield_now().await?;
    println!("done {}; the last reference goes", if task.done() { "True" } else { "False" });
    drop(task);
    println!("end");
    Ok(())
}

fn main() -> Result<()> {
    oneloop::run(run())
}
