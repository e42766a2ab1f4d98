//! Where does the line after `await` run? See README.md beside this file.

use std::{cell::Cell, rc::Rc};

use oneloop::{Result, SettableFuture, create_task, get_running_loop, yield_now};

/// As Python and C# write it.
fn word(yes: bool) -> &'static str {
    if yes { "True" } else { "False" }
}

async fn waiter(future: SettableFuture<&'static str>, inside: Rc<Cell<bool>>) -> Result<String> {
    let value = (&future).await?;
    Ok(format!("got {value}, inside set_result: {}", word(inside.get())))
}

async fn run() -> Result<()> {
    let inside = Rc::new(Cell::new(false));
    let future = get_running_loop()?.create_future();
    let tasks = [(); 3].map(|()| create_task(waiter(future.clone(), inside.clone())));
    yield_now().await?;
    println!("before set_result");
    inside.set(true);
    future.set_result("the result")?;
    inside.set(false);
    println!("after set_result: the first waiter is done: {}", word(tasks[0].done()));
    for (number, task) in (1..).zip(tasks) {
        println!("waiter {number} {}", task.await?);
    }
    Ok(())
}

fn main() -> Result<()> {
    oneloop::run(run())
}
