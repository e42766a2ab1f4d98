//! Cancelling the one who gathers. See README.md beside this file.

use std::time::Duration;

use oneloop::{Error, Result, ReturnWhen, create_task, gather, sleep, wait, yield_now};

async fn child(name: &'static str) -> Result<&'static str> {
    match sleep(Duration::from_secs(3600)).await {
        Err(Error::Cancelled) => {
            println!("{name} is told, and refuses");
            Ok(name)
        }
        other => other.map(|()| name),
    }
}

async fn outer() -> Result<()> {
    match gather([child("a"), child("b")]).await {
        Ok(names) => println!("{names:?}"),
        Err(Error::Cancelled) => {
            println!("the outer is cancelled");
            return Err(Error::Cancelled);
        }
        Err(error) => return Err(error),
    }
    Ok(())
}

async fn run() -> Result<()> {
    let task = create_task(outer());
    yield_now().await?;
    yield_now().await?;
    println!("cancel the outer");
    task.cancel();
    wait([&task], ReturnWhen::AllCompleted, None).await?;

    let single = create_task(async { sleep(Duration::from_secs(3600)).await.map(|()| "") });
    let other = create_task(child("other"));
    yield_now().await?;
    println!("cancel one child");
    single.cancel();
    if let Err(Error::Cancelled) = gather([&single, &other]).await {
        println!("the gather fails; the other is done: {}", if other.done() { "True" } else { "False" });
    }
    other.cancel();
    println!("the other gives {}", other.await?);
    Ok(())
}

fn main() -> Result<()> {
    oneloop::run(run())
}
