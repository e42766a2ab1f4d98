//! One busy body blocks all. See README.md beside this file.

use std::{thread, time::Duration};

use oneloop::{Result, create_task, sleep, yield_now};

async fn ticker() -> Result<()> {
    for _ in 0..3 {
        sleep(Duration::from_millis(20)).await?;
        println!("tick");
    }
    Ok(())
}

async fn busy() -> Result<()> {
    println!("busy: computes");
    thread::sleep(Duration::from_millis(200));
    println!("busy: has computed");
    Ok(())
}

async fn run() -> Result<()> {
    let ticks = create_task(ticker());
    yield_now().await?;
    busy().await?;
    ticks.await?;
    println!("end");
    Ok(())
}

fn main() -> Result<()> {
    oneloop::run(run())
}
