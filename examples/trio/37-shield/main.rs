//! Shield: cancelled is only the waiting. See README.md beside this file.

use oneloop::{Error, Result, ReturnWhen, Task, create_task, shield, wait, yield_now};

/// As Python and C# write it.
fn word(yes: bool) -> &'static str {
    if yes { "True" } else { "False" }
}

async fn inner() -> Result<&'static str> {
    yield_now().await?;
    yield_now().await?;
    yield_now().await?;
    println!("inner: has gone on to its end");
    Ok("value")
}

async fn outer(task: Task<&'static str>) -> Result<()> {
    match shield(&task).await {
        Ok(value) => println!("outer: {value}"),
        Err(Error::Cancelled) => {
            println!("outer: cancelled; the inner one is done: {}", word(task.done()));
            return Err(Error::Cancelled);
        }
        Err(error) => return Err(error),
    }
    Ok(())
}

async fn run() -> Result<()> {
    let inner_task = create_task(inner());
    let outer_task = create_task(outer(inner_task.clone()));
    yield_now().await?;
    outer_task.cancel();
    wait([&outer_task], ReturnWhen::AllCompleted, None).await?;
    println!("main: the inner one gives {}", inner_task.await?);

    let inner_task = create_task(inner());
    let outer_task = create_task(outer(inner_task.clone()));
    yield_now().await?;
    inner_task.cancel();
    wait([&outer_task], ReturnWhen::AllCompleted, None).await?;
    println!("main: cancelled inside, and outside {}", word(outer_task.cancelled()));
    Ok(())
}

fn main() -> Result<()> {
    oneloop::run(run())
}
