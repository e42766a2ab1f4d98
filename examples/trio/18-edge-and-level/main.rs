//! Refusing a cancellation: an edge and a level. See README.md beside this file.

use std::time::Duration;

use oneloop::{Result, create_task, sleep, yield_now};

async fn stubborn() -> Result<&'static str> {
    for attempt in [1, 2, 3] {
        let delay = if attempt == 2 { Duration::from_millis(10) } else { Duration::from_secs(3600) };
        match sleep(delay).await {
            Ok(()) => println!("sleep {attempt}: slept"),
            Err(_cancelled) => println!("sleep {attempt}: refuses"),
        }
    }
    Ok("ended by itself")
}

async fn run() -> Result<()> {
    let task = create_task(stubborn());
    yield_now().await?;
    println!("cancel");
    task.cancel();
    sleep(Duration::from_millis(50)).await?;
    println!("cancel again");
    task.cancel();
    println!("{}", (&task).await?);
    println!("cancelled {}, cancelling {}", if task.cancelled() { "True" } else { "False" }, task.cancelling());
    Ok(())
}

fn main() -> Result<()> {
    oneloop::run(run())
}
