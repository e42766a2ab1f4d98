//! A barrier: go on when all are here. See README.md beside this file.

use oneloop::{Barrier, Error, Result, create_task, gather, yield_now};

async fn party(name: &'static str, barrier: Barrier) -> Result<()> {
    match barrier.wait().await {
        Ok(index) => println!("{name} goes on, index {index}"),
        Err(Error::BrokenBarrier(_)) => println!("{name} is sent away"),
        Err(error) => return Err(error),
    }
    Ok(())
}

async fn run() -> Result<()> {
    let barrier = Barrier::new(3)?;
    let tasks = ["a", "b"].map(|name| create_task(party(name, barrier.clone())));
    yield_now().await?;
    println!("waiting: {} of {}", barrier.n_waiting(), barrier.parties());
    party("main", barrier.clone()).await?;
    gather(tasks).await?;
    let task = create_task(party("c", barrier.clone()));
    yield_now().await?;
    barrier.reset().await?;
    task.await?;
    println!("broken {}", if barrier.broken() { "True" } else { "False" });
    Ok(())
}

fn main() -> Result<()> {
    oneloop::run(run())
}
