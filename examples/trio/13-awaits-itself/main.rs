//! A task that awaits itself. See README.md beside this file.

use std::{cell::RefCell, rc::Rc, time::Duration};

use oneloop::{Error, Result, SettableFuture, Task, create_task, get_running_loop, wait_for};

async fn run() -> Result<()> {
    let holder: Rc<RefCell<Option<Task<()>>>> = Rc::default();
    let finished: SettableFuture<()> = get_running_loop()?.create_future();
    let (inner, ends) = (holder.clone(), finished.clone());
    let body = async move {
        // By value: there is one handle, and the task itself holds it now.
        let task = inner.take();
        if let Some(task) = task
            && let Err(Error::Runtime(_)) = task.await
        {
            println!("refused");
        }
        ends.set_result(())
    };
    *holder.borrow_mut() = Some(create_task(body));
    wait_for(Duration::from_secs(5), finished).await?;
    println!("end");
    Ok(())
}

fn main() -> Result<()> {
    oneloop::run(run())
}
