//! A group that ends together. See README.md beside this file.

use std::time::Duration;

use oneloop::{Error, Result, TaskGroup, current_task, sleep, yield_now};

async fn child(name: &'static str, steps: u32, fails_while_cleaning: bool) -> Result<()> {
    for _ in 0..steps {
        if let Err(Error::Cancelled) = yield_now().await {
            println!("{name} is cancelled");
            if fails_while_cleaning {
                return Err(Error::other(format!("{name}, while it cleaned up")));
            }
            return Err(Error::Cancelled);
        }
    }
    Err(Error::other(name))
}

async fn run() -> Result<()> {
    let result = TaskGroup::scope(async |group| {
        drop(group.create_task(child("first", 2, false))?);
        drop(group.create_task(child("second", 99, true))?);
        drop(group.create_task(child("third", 99, false))?);
        let slept = sleep(Duration::from_secs(3600)).await;
        if let Err(Error::Cancelled) = slept {
            println!("the body is cancelled");
        }
        slept
    });
    if let Err(error) = result.await {
        let errors: Vec<String> = error.errors().map(|error| format!("'{error}'")).collect();
        println!("failed: [{}]", errors.join(", "));
    }
    println!("main itself is not: cancelling {}", current_task().expect("a task runs this").cancelling());

    TaskGroup::scope(async |group| {
        let inner = group.clone();
        let adds_another = async move {
            yield_now().await?;
            let added = inner.create_task(yield_now())?;
            added.add_done_callback(|_| println!("added while the group was closing"));
            Ok(())
        };
        drop(group.create_task(adds_another)?);
        Ok(())
    })
    .await?;
    println!("end");
    Ok(())
}

fn main() -> Result<()> {
    oneloop::run(run())
}
