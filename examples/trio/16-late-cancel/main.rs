//! A cancellation that comes late. See README.md beside this file.

use oneloop::{Error, Result, SettableFuture, create_task, current_task, get_running_loop, yield_now};

/// As Python and C# write it.
fn word(yes: bool) -> &'static str {
    if yes { "True" } else { "False" }
}

async fn waiter(future: SettableFuture<&'static str>) -> Result<()> {
    match future.await {
        Ok(value) => println!("got {value}"),
        Err(Error::Cancelled) => println!("cancelled, though the result was there"),
        Err(error) => return Err(error),
    }
    Ok(())
}

async fn cancels_itself() -> Result<&'static str> {
    current_task().expect("a task runs this").cancel();
    println!("cancels itself, and returns a value");
    Ok("the value")
}

async fn run() -> Result<()> {
    let future = get_running_loop()?.create_future();
    let task = create_task(waiter(future.clone()));
    yield_now().await?;
    future.set_result("the result")?;
    println!("the result is set; cancel: {}", word(task.cancel()));
    task.await?;
    let task = create_task(cancels_itself());
    match (&task).await {
        Ok(value) => println!("got {value}"),
        Err(_cancelled) => println!("awaited: cancelled {}", word(task.cancelled())),
    }
    Ok(())
}

fn main() -> Result<()> {
    oneloop::run(run())
}
