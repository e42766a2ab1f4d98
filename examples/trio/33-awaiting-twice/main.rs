//! Awaiting twice. See README.md beside this file.

use oneloop::{Result, create_task};

async fn work() -> Result<i32> {
    println!("works");
    Ok(42)
}

async fn run() -> Result<()> {
    let task = create_task(work());
    println!("task: {}, {}", (&task).await?, (&task).await?);
    let future = work();
    println!("bare: {}", future.await?);
    // `future.await` once more does not compile: "use of moved value: `future`".
    println!("again: refused");
    Ok(())
}

fn main() -> Result<()> {
    oneloop::run(run())
}
