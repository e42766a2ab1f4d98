//! What a catch-all catches. See README.md beside this file.

use std::time::Duration;

use oneloop::{Error, Result, ReturnWhen, create_task, sleep, wait, yield_now};

async fn worker() -> Result<()> {
    for attempt in [1, 2] {
        println!("attempt {attempt}");
        match sleep(Duration::from_secs(3600)).await {
            Ok(()) => {}
            // Without this line the next one would swallow it, as in C#.
            Err(Error::Cancelled) => return Err(Error::Cancelled),
            Err(error) => println!("attempt {attempt} failed: {error}; try again"),
        }
    }
    Ok(())
}

async fn run() -> Result<()> {
    let task = create_task(worker());
    yield_now().await?;
    task.cancel();
    wait([&task], ReturnWhen::AllCompleted, Duration::from_millis(50)).await?;
    println!("done {}", if task.done() { "True" } else { "False" });
    task.cancel();
    Ok(())
}

fn main() -> Result<()> {
    oneloop::run(run())
}
