//! What becomes of the loser of a timeout? See README.md beside this file.

use std::time::Duration;

use oneloop::{Error, Result, sleep, wait_for, yield_now};

async fn slow(name: &'static str, refuses: bool) -> Result<String> {
    match sleep(Duration::from_secs(3600)).await {
        Err(Error::Cancelled) => {
            println!("{name}: is told, and cleans up");
            sleep(Duration::from_millis(20)).await?;
            println!("{name}: has cleaned up");
            if !refuses {
                return Err(Error::Cancelled);
            }
        }
        other => other?,
    }
    Ok(format!("{name}'s value"))
}

async fn attempt(name: &'static str, refuses: bool) -> Result<()> {
    match wait_for(Duration::from_millis(20), slow(name, refuses)).await {
        Ok(value) => println!("{value}"),
        Err(Error::Timeout) => println!("{name}: timed out"),
        Err(error) => return Err(error),
    }
    Ok(())
}

async fn run() -> Result<()> {
    attempt("obedient", false).await?;
    attempt("stubborn", true).await?;
    let in_time = async { yield_now().await.map(|()| "in time") };
    println!("{}", wait_for(Duration::from_secs(5), in_time).await?);
    Ok(())
}

fn main() -> Result<()> {
    oneloop::run(run())
}
