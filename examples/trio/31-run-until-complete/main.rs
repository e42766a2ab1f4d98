//! One loop, several runs. See README.md beside this file.

use std::time::Duration;

use oneloop::{EventLoop, Result, ReturnWhen, Semaphore, sleep, wait, yield_now};

/// As Python and C# write it.
fn word(yes: bool) -> &'static str {
    if yes { "True" } else { "False" }
}

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
    let forever = event_loop.create_task(sleep(Duration::from_secs(3600)));
    let waits = forever.clone();
    if let Err(error) = event_loop.run_until_complete(async move { waits.await }) {
        println!("{error}");
    }
    forever.cancel();
    task.cancel();
    let both = [forever.clone(), task.clone()];
    event_loop.run_until_complete(wait(both, ReturnWhen::AllCompleted, None))?;
    println!("cancelled {}, {}", word(forever.cancelled()), word(task.cancelled()));
    Ok(())
}
