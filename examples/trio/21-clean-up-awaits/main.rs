//! Clean-up that awaits. See README.md beside this file.

use std::time::Duration;

use oneloop::{Error, Result, create_task, sleep, yield_now};

async fn worker(name: &'static str) -> Result<()> {
    let result = sleep(Duration::from_secs(3600)).await;
    println!("{name}: begins to clean up");
    yield_now().await?;
    println!("{name}: half-way");
    yield_now().await?;
    println!("{name}: has cleaned up");
    result
}

async fn run() -> Result<()> {
    let patient = create_task(worker("patient"));
    let hasty = create_task(worker("hasty"));
    yield_now().await?;
    patient.cancel();
    hasty.cancel();
    yield_now().await?;
    yield_now().await?;
    println!("cancel the hasty one again");
    hasty.cancel();
    for (name, task) in [("patient", patient), ("hasty", hasty)] {
        if let Err(Error::Cancelled) = task.await {
            println!("{name} is gone");
        }
    }
    Ok(())
}

fn main() -> Result<()> {
    oneloop::run(run())
}
