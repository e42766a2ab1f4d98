//! Eager tasks: C#'s rule in asyncio. See README.md beside this file.

use std::future::Future;

use oneloop::{Result, Task, current_task, task_builder, yield_now};

/// As Python and C# write it.
fn word(yes: bool) -> &'static str {
    if yes { "True" } else { "False" }
}

fn current_name() -> String {
    current_task().expect("a task runs this").get_name()
}

async fn body(name: &'static str, waits: bool) -> Result<&'static str> {
    println!("{name} starts in {}", current_name());
    if waits {
        yield_now().await?;
        println!("{name} goes on");
    }
    Ok(name)
}

fn eager<T: 'static>(future: impl Future<Output = Result<T>> + 'static, name: &str) -> Result<Task<T>> {
    Ok(task_builder()?.name(name).eager_start(true).create_task(future))
}

async fn run() -> Result<()> {
    current_task().expect("a task runs this").set_name("the main task");
    let quick = eager(body("quick", false), "task of quick")?;
    println!("made: done {}; here is {}", word(quick.done()), current_name());
    quick.add_done_callback(|_| println!("done-callback of quick"));
    let slow = eager(body("slow", true), "task of slow")?;
    println!("made: done {}", word(slow.done()));
    println!("awaiting one that is done takes no turn: {}", quick.await?);
    println!("awaited: {}", slow.await?);
    Ok(())
}

fn main() -> Result<()> {
    oneloop::run(run())
}
