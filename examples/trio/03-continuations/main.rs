//! Where does the line after `await` run? See README.md beside this file.

use oneloop::{Result, SettableFuture, create_task, get_running_loop, yield_now};

async fn waiter(name: &'static str, future: SettableFuture<&'static str>) -> Result<()> {
    let value = future.await?;
    println!("{name} got {value}");
    Ok(())
}

async fn run() -> Result<()> {
    let future = get_running_loop()?.create_future();
    let task = create_task(waiter("waiter", future.clone()));
    yield_now().await?;
    println!("before set_result");
    future.set_result("the result")?;
    println!("after set_result");
    task.await
}

fn main() -> Result<()> {
    oneloop::run(run())
}
