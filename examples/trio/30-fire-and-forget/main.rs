//! Fire and forget. See README.md beside this file.

use std::time::Duration;

use oneloop::{Result, create_task, sleep};

async fn background(name: &'static str, delay: Duration) -> Result<()> {
    println!("{name} starts");
    let slept = sleep(delay).await;
    if slept.is_ok() {
        println!("{name} has done its work");
    }
    println!("{name} cleans up");
    slept
}

async fn run() -> Result<()> {
    for (name, delay) in [("quick", Duration::from_millis(10)), ("endless", Duration::from_secs(3600))] {
        drop(create_task(background(name, delay)));
    }
    sleep(Duration::from_millis(50)).await?;
    println!("main ends");
    Ok(())
}

fn main() -> Result<()> {
    oneloop::run(run())?;
    println!("the program ends");
    Ok(())
}
