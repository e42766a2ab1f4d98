//! When does a cancellation take effect? See README.md beside this file.

use std::time::Duration;

use oneloop::{Error, Result, create_task, sleep, yield_now};

/// As Python and C# write it.
fn word(yes: bool) -> &'static str {
    if yes { "True" } else { "False" }
}

async fn worker() -> Result<()> {
    println!("works");
    match sleep(Duration::from_secs(3600)).await {
        Err(Error::Cancelled) => {
            println!("is told, and cleans up");
            Err(Error::Cancelled)
        }
        other => other,
    }
}

async fn run() -> Result<()> {
    let task = create_task(worker());
    yield_now().await?;
    println!("cancel");
    task.cancel();
    println!("cancelled: done {}", word(task.done()));
    if let Err(Error::Cancelled) = (&task).await {
        println!("awaited: done {}, cancelled {}", word(task.done()), word(task.cancelled()));
    }
    Ok(())
}

fn main() -> Result<()> {
    oneloop::run(run())
}
