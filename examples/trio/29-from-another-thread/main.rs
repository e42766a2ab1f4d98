//! From another thread. See README.md beside this file.

use std::thread;

use oneloop::{LoopHandle, Result, SettableFuture, get_running_loop};

thread_local! {
    /// What the loop's thread keeps for itself: the future is not `Send`, so the thread below can only name it.
    static TOLD: std::cell::RefCell<Option<SettableFuture<&'static str>>> = const { std::cell::RefCell::new(None) };
}

async fn run() -> Result<LoopHandle> {
    let event_loop = get_running_loop()?;
    let told = event_loop.create_future();
    TOLD.set(Some(told.clone()));
    let handle = event_loop.handle();
    let thread = thread::spawn({
        let handle = handle.clone();
        move || {
            for number in [1, 2, 3] {
                handle.call_soon_threadsafe(move || println!("call {number} of the thread"))?;
            }
            handle.call_soon_threadsafe(|| {
                if let Some(told) = TOLD.take() {
                    let _ = told.set_result("the thread's result");
                }
            })
        }
    });
    println!("got {}", told.await?);
    thread.join().expect("it does not panic")?;
    Ok(handle)
}

fn main() -> Result<()> {
    let handle = oneloop::run(run())?;
    if let Err(error) = handle.call_soon_threadsafe(|| println!("never seen")) {
        println!("refused: {error}");
    }
    Ok(())
}
