//! In the order in which they end. See README.md beside this file.

use std::time::Duration;

use oneloop::{Error, Result, as_completed, create_task, sleep, yield_now};

async fn child(name: &'static str, steps: u32, fails: bool) -> Result<&'static str> {
    for _ in 0..steps {
        yield_now().await?;
    }
    if fails { Err(Error::other(name)) } else { Ok(name) }
}

async fn run() -> Result<()> {
    let tasks = [
        create_task(child("slow", 6, false)),
        create_task(child("fast", 2, false)),
        create_task(child("broken", 4, true)),
    ];
    for next_one in as_completed(tasks, None) {
        match next_one.await {
            Ok(name) => println!("ended: {name}"),
            Err(error) => println!("failed: {error}"),
        }
    }
    let never = create_task(async { sleep(Duration::from_secs(3600)).await.map(|()| "never") });
    let quick = create_task(child("quick", 1, false));
    for next_one in as_completed([&quick, &never], Duration::from_millis(20)) {
        match next_one.await {
            Ok(name) => println!("ended: {name}"),
            Err(Error::Timeout) => {
                println!("the time is over; cancelled {}", if never.cancelled() { "True" } else { "False" });
            }
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

fn main() -> Result<()> {
    oneloop::run(run())
}
