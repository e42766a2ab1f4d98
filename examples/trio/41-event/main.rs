//! An event wakes all who wait. See README.md beside this file.

use oneloop::{Event, Result, create_task, gather_return_exceptions, get_running_loop, yield_now};

/// As Python and C# write it.
fn word(yes: bool) -> &'static str {
    if yes { "True" } else { "False" }
}

async fn waiter(name: &'static str, event: Event) -> Result<()> {
    event.wait().await?;
    println!("{name} goes on; set {}", word(event.is_set()));
    Ok(())
}

pub(crate) async fn run() -> Result<()> {
    let event = Event::new();
    let tasks = ["a", "b", "c"].map(|name| create_task(waiter(name, event.clone())));
    yield_now().await?;
    tasks[1].cancel();
    event.set();
    event.clear();
    println!("set, and cleared at once");
    gather_return_exceptions(&tasks).await?;
    println!("b is cancelled: {}", word(tasks[1].cancelled()));
    event.set();
    get_running_loop()?.call_soon(|| println!("a callback that was ready"));
    event.wait().await?;
    println!("no waiting for what is set");
    yield_now().await
}

fn main() -> Result<()> {
    oneloop::run(run())
}
