//! Whose cancellation is it? See README.md beside this file.

use std::time::Duration;

use oneloop::{Error, Result, create_task, current_task, sleep, timeout, yield_now};

const HOUR: Duration = Duration::from_secs(3600);

async fn worker() -> Result<()> {
    if let Err(Error::Cancelled) = sleep(HOUR).await {
        let me = current_task().expect("a task runs this");
        println!("cancelling {}", me.cancelling());
        println!("uncancel gives {}, then {}", me.uncancel(), me.uncancel());
    }
    yield_now().await?;
    println!("goes on");
    Ok(())
}

async fn limited() -> Result<()> {
    timeout(Duration::ZERO, async |_| sleep(HOUR).await).await
}

async fn run() -> Result<()> {
    let task = create_task(worker());
    yield_now().await?;
    task.cancel();
    task.cancel();
    (&task).await?;
    println!("cancelled {}", if task.cancelled() { "True" } else { "False" });

    let task = create_task(limited());
    yield_now().await?;
    task.cancel();
    match task.await {
        Err(Error::Timeout) => println!("timed out"),
        Err(Error::Cancelled) => println!("cancelled from outside, though the time was over as well"),
        other => other?,
    }
    Ok(())
}

fn main() -> Result<()> {
    oneloop::run(run())
}
