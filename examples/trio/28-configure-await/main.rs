//! `ConfigureAwait(false)`: nothing to configure. See README.md beside this file.

use std::{thread, time::Duration};

use oneloop::{Result, create_task, sleep};

async fn run() -> Result<()> {
    let here = thread::current().id();
    let pause = move || async move {
        sleep(Duration::from_millis(10)).await?;
        let same = if thread::current().id() == here { "True" } else { "False" };
        Ok::<String, oneloop::Error>(format!("on the same thread: {same}"))
    };
    println!("await: {}", pause().await?);
    println!("await of a task: {}", create_task(pause()).await?);
    Ok(())
}

fn main() -> Result<()> {
    oneloop::run(run())
}
