//! A condition: wait for what others do to the shared state. See README.md beside this file.

use std::{cell::RefCell, collections::VecDeque, rc::Rc};

use oneloop::{Condition, Result, create_task, gather, yield_now};

type Stock = Rc<RefCell<VecDeque<i32>>>;

async fn consumer(name: &'static str, condition: Condition, stock: Stock) -> Result<()> {
    let _guard = condition.acquire().await?;
    condition.wait_for(|| !stock.borrow().is_empty()).await?;
    let thing = stock.borrow_mut().pop_front();
    println!("{name} takes {}", thing.unwrap_or_default());
    Ok(())
}

async fn run() -> Result<()> {
    let (condition, stock) = (Condition::new(), Stock::default());
    let tasks = ["a", "b", "c"].map(|name| create_task(consumer(name, condition.clone(), stock.clone())));
    yield_now().await?;
    {
        let _guard = condition.acquire().await?;
        stock.borrow_mut().push_back(1);
        condition.notify_all()?;
        println!("one thing, and all are told");
    }
    yield_now().await?;
    yield_now().await?;
    yield_now().await?;
    {
        let _guard = condition.acquire().await?;
        stock.borrow_mut().extend([2, 3]);
        condition.notify(2)?;
        println!("two things, and two are told");
    }
    gather(tasks).await?;
    if condition.notify(1).is_err() {
        println!("without the lock: refused");
    }
    Ok(())
}

fn main() -> Result<()> {
    oneloop::run(run())
}
