//! Cancelled before it began. See README.md beside this file.

use oneloop::{Error, Result, create_task, yield_now};

/// What `finally` is in Python: runs when the body ends, in whatever way.
struct Cleaner(&'static str);

impl Drop for Cleaner {
    fn drop(&mut self) {
        println!("{} cleans up", self.0);
    }
}

async fn body(name: &'static str) -> Result<()> {
    println!("{name} starts");
    let _cleaner = Cleaner(name);
    yield_now().await
}

async fn run() -> Result<()> {
    let task = create_task(body("task"));
    task.cancel();
    if let Err(Error::Cancelled) = (&task).await {
        println!("cancelled {}", if task.cancelled() { "True" } else { "False" });
    }
    Ok(())
}

fn main() -> Result<()> {
    oneloop::run(run())
}
