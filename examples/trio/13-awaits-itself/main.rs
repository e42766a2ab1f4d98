//! A task that awaits itself. See README.md beside this file.

use std::{cell::RefCell, rc::Rc, time::Duration};

use oneloop::{Error, Result, Task, create_task, wait_for};

async fn run() -> Result<()> {
    let holder: Rc<RefCell<Vec<Task<()>>>> = Rc::default();
    let inner = holder.clone();
    let body = async move {
        let me = inner.borrow()[0].clone();
        if let Err(Error::Runtime(_)) = (&me).await {
            println!("refused");
        }
        Ok(())
    };
    let task = create_task(body);
    holder.borrow_mut().push(task.clone());
    wait_for(Duration::from_secs(5), &task).await?;
    println!("end");
    Ok(())
}

fn main() -> Result<()> {
    oneloop::run(run())
}
