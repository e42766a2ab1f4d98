//! One loop, several runs. See README.md beside this file.

use std::time::Duration;

use oneloop::{EventLoop, Result, Semaphore, sleep, yield_now};

async fn background(gate: Semaphore) -> Result<()> {
    for number in [1, 2, 3] {
        println!("background {number}");
        gate.acquire().await?.forget();
    }
    Ok(())
}

async fn run(name: &'static str, gate: Semaphore) -> Result<String> {
    println!("{name}");
    gate.release();
    yield_now().await?;
    yield_now().await?;
    Ok(format!("{name}'s result"))
}

fn main() -> Result<()> {
    let event_loop = EventLoop::new()?;
    let gate = Semaphore::new(0);
    let task = event_loop.create_task(background(gate.clone()));
    println!("{}", event_loop.run_until_complete(run("first run", gate.clone()))?);
    println!("between the runs nothing moves");
    println!("{}", event_loop.run_until_complete(run("second run", gate))?);
    let inner = event_loop.clone();
    event_loop.call_soon(move || inner.stop());
    let forever = std::rc::Rc::new(event_loop.create_task(sleep(Duration::from_secs(3600))));
    let waits = forever.clone();
    if let Err(error) = event_loop.run_until_complete(async move { (&*waits).await }) {
        println!("{error}");
    }
    forever.cancel();
    task.cancel();
    let (ends, also_ends) = (forever.clone(), task);
    let both = async move {
        let forever = (&*ends).await.is_err_and(|error| error.is_cancelled());
        let task = also_ends.await.is_err_and(|error| error.is_cancelled());
        Ok((forever, task))
    };
    let word = |yes| if yes { "True" } else { "False" };
    let (forever, task) = event_loop.run_until_complete(both)?;
    println!("cancelled {}, {}", word(forever), word(task));
    Ok(())
}
