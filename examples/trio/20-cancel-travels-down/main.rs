//! A cancellation travels down. See README.md beside this file.

use std::time::Duration;

use oneloop::{Error, Result, ReturnWhen, Task, create_task, sleep, wait, yield_now};

/// As Python and C# write it.
fn word(yes: bool) -> &'static str {
    if yes { "True" } else { "False" }
}

async fn inner() -> Result<&'static str> {
    match sleep(Duration::from_secs(3600)).await {
        Err(Error::Cancelled) => {
            println!("inner: told; cleans up");
            yield_now().await?;
            println!("inner: refuses, and gives a value");
            Ok("value")
        }
        _ => Ok("slept"),
    }
}

async fn outer(task: Task<&'static str>) -> Result<()> {
    match (&task).await {
        Ok(value) => println!("outer: got {value}"),
        Err(Error::Cancelled) => {
            println!("outer: cancelled");
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
    println!("cancel the outer");
    outer_task.cancel();
    wait([&outer_task], ReturnWhen::AllCompleted, None).await?;
    println!("outer cancelled {}, inner cancelled {}", word(outer_task.cancelled()), word(inner_task.cancelled()));
    Ok(())
}

fn main() -> Result<()> {
    oneloop::run(run())
}
