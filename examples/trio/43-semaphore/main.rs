//! A semaphore, and who may pass. See README.md beside this file.

use oneloop::{BoundedSemaphore, Result, Semaphore, create_task, gather_return_exceptions, yield_now};

async fn worker(name: &'static str, semaphore: Semaphore) -> Result<()> {
    let _permit = semaphore.acquire().await?;
    println!("{name} enters");
    yield_now().await?;
    yield_now().await?;
    println!("{name} leaves");
    Ok(())
}

pub(crate) async fn run() -> Result<()> {
    let semaphore = Semaphore::new(2);
    let tasks = ["a", "b", "c", "d"].map(|name| create_task(worker(name, semaphore.clone())));
    yield_now().await?;
    println!("locked {}", if semaphore.locked() { "True" } else { "False" });
    yield_now().await?;
    tasks[2].cancel();
    println!("c is cancelled, while it waits");
    gather_return_exceptions(&tasks).await?;
    let bounded = BoundedSemaphore::new(1);
    if bounded.release().is_err() {
        println!("one permit too many: refused");
    }
    Ok(())
}

fn main() -> Result<()> {
    oneloop::run(run())
}
