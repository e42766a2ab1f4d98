//! A lock with a line. See README.md beside this file.

use oneloop::{Lock, Result, create_task, gather, yield_now};

/// As Python and C# write it.
fn word(yes: bool) -> &'static str {
    if yes { "True" } else { "False" }
}

async fn worker(name: &'static str, lock: Lock) -> Result<()> {
    {
        let _guard = lock.acquire().await?;
        println!("{name} has it");
        yield_now().await?;
    }
    println!("{name} has let go; locked {}", word(lock.locked()));
    Ok(())
}

pub(crate) async fn run() -> Result<()> {
    let lock = Lock::new();
    lock.acquire().await?.forget();
    let tasks = ["a", "b"].map(|name| create_task(worker(name, lock.clone())));
    yield_now().await?;
    lock.release()?;
    println!("released: locked {}", word(lock.locked()));
    {
        let _guard = lock.acquire().await?;
        println!("main has it again, after the others");
    }
    if let Err(error) = lock.release() {
        println!("{error}");
    }
    gather(tasks).await?;
    Ok(())
}

fn main() -> Result<()> {
    oneloop::run(run())
}
