//! Who gives way: `Delay(0)`, `Yield`, `sleep(0)`. See README.md beside this file.

use std::time::Duration;

use oneloop::{Result, gather, get_running_loop, sleep};

async fn count(name: &'static str, pause: impl AsyncFn() -> Result<()>) -> Result<()> {
    for number in [1, 2, 3] {
        println!("{name} {number}");
        pause().await?;
    }
    Ok(())
}

pub(crate) async fn run() -> Result<()> {
    println!("a pause of zero");
    let nap = async || sleep(Duration::ZERO).await;
    gather([count("a", nap), count("b", nap)]).await?;
    println!("a finished future");
    let done = get_running_loop()?.create_future();
    done.set_result(())?;
    let await_done = |done: oneloop::SettableFuture<()>| async move || (&done).await;
    gather([count("a", await_done(done.clone())), count("b", await_done(done))]).await?;
    Ok(())
}

fn main() -> Result<()> {
    oneloop::run(run())
}
