//! `wait`: until the first, the first failure, or all. See README.md beside this file.

use std::time::Duration;

use oneloop::{Error, Result, ReturnWhen, Task, sleep, task_builder, wait, yield_now};

async fn child(name: &'static str, steps: u32, fails: bool) -> Result<&'static str> {
    for _ in 0..steps {
        yield_now().await?;
    }
    if fails { Err(Error::other(name)) } else { Ok(name) }
}

fn names<T>(tasks: &[Task<T>]) -> String {
    let names: Vec<String> = tasks.iter().map(Task::get_name).collect();
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}

fn start() -> Result<Vec<Task<&'static str>>> {
    Ok(vec![
        task_builder()?.name("a").create_task(child("a", 9, false)),
        task_builder()?.name("b").create_task(child("b", 2, false)),
        task_builder()?.name("c").create_task(child("c", 4, true)),
    ])
}

async fn run() -> Result<()> {
    for (name, mode) in [
        ("FIRST_COMPLETED", ReturnWhen::FirstCompleted),
        ("FIRST_EXCEPTION", ReturnWhen::FirstException),
        ("ALL_COMPLETED", ReturnWhen::AllCompleted),
    ] {
        let (done, pending) = wait(start()?, mode, None).await?;
        println!("{name}: done {}; pending {}", names(&done), names(&pending));
        for task in done {
            task.error()?;
        }
        for task in pending {
            wait([&task], ReturnWhen::AllCompleted, None).await?;
            task.error()?;
        }
    }
    let never = task_builder()?.name("never").create_task(sleep(Duration::from_secs(3600)));
    let (done, pending) = wait([never.clone()], ReturnWhen::AllCompleted, Duration::ZERO).await?;
    let cancelled = if never.cancelled() { "True" } else { "False" };
    println!("time is over: done {}; pending {}; cancelled {cancelled}", names(&done), names(&pending));
    if let Err(Error::Value(_)) = wait([never; 0], ReturnWhen::AllCompleted, None).await {
        println!("nothing to wait for: refused");
    }
    Ok(())
}

fn main() -> Result<()> {
    oneloop::run(run())
}
