//! A lock belongs to one loop. See README.md beside this file.

use oneloop::{Error, Lock, Result, create_task, yield_now};

async fn contend(lock: Lock) -> Result<()> {
    let takes = lock.clone();
    let holder = create_task(async move { takes.acquire().await.map(|guard| guard.forget()) });
    yield_now().await?;
    let takes = lock.clone();
    let waiter = create_task(async move { takes.acquire().await.map(|guard| guard.forget()) });
    yield_now().await?;
    lock.release()?;
    waiter.await?;
    holder.await?;
    println!("first loop: locked {}", if lock.locked() { "True" } else { "False" });
    Ok(())
}

async fn again(lock: Lock) -> Result<()> {
    if let Err(Error::Runtime(_)) = lock.acquire().await {
        println!("second loop: it would have to wait, and is refused");
    }
    lock.release()?;
    let _guard = lock.acquire().await?;
    println!("second loop: free, so nobody has to wait");
    Ok(())
}

fn main() -> Result<()> {
    let lock = Lock::new();
    oneloop::run(contend(lock.clone()))?;
    oneloop::run(again(lock))
}
