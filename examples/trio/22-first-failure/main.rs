//! One of several fails. See README.md beside this file.

use std::time::Duration;

use oneloop::{Error, Result, gather, sleep};

async fn child(name: &'static str, milliseconds: u64, fails: bool) -> Result<&'static str> {
    let slept = sleep(Duration::from_millis(milliseconds)).await;
    println!("{name} ends");
    slept?;
    if fails { Err(Error::other(name)) } else { Ok(name) }
}

async fn run() -> Result<()> {
    if let Err(error) = gather([child("slow", 120, true), child("fast", 40, true), child("good", 80, false)]).await {
        println!("gather failed with {error}");
    }
    sleep(Duration::from_millis(160)).await?;
    println!("end");
    Ok(())
}

fn main() -> Result<()> {
    oneloop::run(run())
}
