//! What a task is on tokio, for those who know one of oneloop: when it starts, what ends it, and what it may do then.
//! Its output is `expected.txt`; the trios 1, 15, 21 and 30 say the same of asyncio, C# and oneloop.

use std::time::Duration;

use tokio::runtime::Builder;
use tokio::task::{JoinHandle, spawn, yield_now};
use tokio::time::sleep;

// ANCHOR: worker
/// Says what becomes of it when it is dropped, since that is the only thing that it can still do then.
struct Duty(&'static str);

impl Drop for Duty {
    fn drop(&mut self) {
        println!("{}: dropped; a Drop cannot await", self.0);
    }
}

async fn worker(name: &'static str) {
    let _duty = Duty(name);
    println!("{name}: begins");
    sleep(Duration::from_secs(3600)).await;
    println!("{name}: this line is never reached");
}
// ANCHOR_END: worker

// ANCHOR: main
async fn run() {
    println!("spawn");
    let task: JoinHandle<()> = spawn(worker("worker"));
    println!("spawned; it has not begun");
    yield_now().await;
    println!("abort");
    task.abort();
    println!("aborted: finished {}", task.is_finished());
    let ended = task.await;
    println!("awaited: cancelled {}", ended.is_err_and(|error| error.is_cancelled()));

    drop(spawn(async {
        yield_now().await;
        println!("nobody has my handle, and I run on");
    }));
    yield_now().await;
    yield_now().await;
}
// ANCHOR_END: main

fn main() -> std::io::Result<()> {
    Builder::new_current_thread().enable_time().build()?.block_on(run());
    println!("the runtime is dropped, and its tasks with it");
    Ok(())
}
