//! Why was I cancelled? See README.md beside this file.

use std::time::Duration;

use oneloop::{Error, Result, cancel_message, create_task, current_task, sleep, yield_now};

const HOUR: Duration = Duration::from_secs(3600);

fn said() -> String {
    cancel_message().map_or("nothing".into(), |message| message.to_string())
}

async fn inner() -> Result<()> {
    let slept = sleep(HOUR).await;
    if let Err(Error::Cancelled) = slept {
        println!("inner: {}", said());
    }
    slept
}

async fn outer() -> Result<()> {
    if let Err(Error::Cancelled) = create_task(inner()).await {
        println!("outer: {}", said());
    }
    let slept = sleep(HOUR).await;
    if let Err(Error::Cancelled) = slept {
        println!("outer, the second time: {}", said());
    }
    slept
}

async fn run() -> Result<()> {
    let task = create_task(outer());
    yield_now().await?;
    yield_now().await?;
    task.cancel_with("the user has left");
    yield_now().await?;
    yield_now().await?;
    task.cancel();
    if let Err(Error::Cancelled) = task.await {
        println!("main: {}", said());
    }
    current_task().expect("a task runs this").cancel_with("closing time");
    yield_now().await
}

fn main() {
    if let Err(Error::Cancelled) = oneloop::run(run()) {
        println!("outside: {}", said());
    }
}
