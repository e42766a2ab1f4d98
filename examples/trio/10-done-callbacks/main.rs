//! Callbacks and awaiting tasks wait in one line. See README.md beside this file.

use oneloop::{Result, SettableFuture, create_task, get_running_loop, yield_now};

async fn waiter(name: &'static str, future: SettableFuture<()>) -> Result<()> {
    future.await?;
    println!("task {name}");
    Ok(())
}

async fn run() -> Result<()> {
    let future = get_running_loop()?.create_future();
    future.add_done_callback(|_| println!("callback 1"));
    let task = create_task(waiter("2", future.clone()));
    yield_now().await?;
    future.add_done_callback(|_| println!("callback 3"));
    println!("set");
    future.set_result(())?;
    println!("is set");
    future.add_done_callback(|_| println!("callback 4, added late"));
    println!("no callback has run yet");
    task.await?;
    yield_now().await?;
    println!("end");
    Ok(())
}

fn main() -> Result<()> {
    oneloop::run(run())
}
