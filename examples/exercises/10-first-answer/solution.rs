//! Exercise 10, solved: go on until one is good, then stop the others and wait until they have stopped.

use oneloop::{Error, Result, ReturnWhen, Task, create_task, wait};

use super::check::Mirror;

pub async fn first(mirrors: Vec<Mirror>) -> Result<&'static str> {
    let tasks: Vec<_> = mirrors.into_iter().map(|mirror| create_task(mirror.get())).collect();
    let answer = first_good(&tasks).await; // no `?` yet: whatever came of it, a cancellation too, the others must go
    for task in &tasks {
        task.cancel(); // of no effect on what has ended
    }
    for task in &tasks {
        let _ = task.await; // its answer came too late; what matters is that it has ended
    }
    answer
}

async fn first_good(tasks: &[Task<&'static str>]) -> Result<&'static str> {
    let mut pending: Vec<_> = tasks.iter().collect();
    let mut answer = Err(Error::Runtime("no mirror was given"));
    while !pending.is_empty() {
        let (done, rest) = wait(pending, ReturnWhen::FirstCompleted, None).await?;
        pending = rest;
        for task in done {
            answer = task.result();
            if answer.is_ok() {
                return answer;
            }
        }
    }
    answer
}
