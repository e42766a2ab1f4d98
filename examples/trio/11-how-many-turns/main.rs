//! How many turns from the end to the next line? See README.md beside this file.

use std::{cell::Cell, rc::Rc};

use oneloop::{LoopRef, Result, SettableFuture, create_task, gather, get_running_loop, yield_now};

type Turns = Rc<Cell<u32>>;

fn tick(turns: Turns, event_loop: LoopRef) {
    turns.set(turns.get() + 1);
    let again = event_loop.clone();
    event_loop.call_soon(move || tick(turns, again));
}

async fn settle(future: SettableFuture<()>, turns: Turns) -> Result<()> {
    yield_now().await?;
    turns.set(0);
    future.set_result(())
}

async fn child(turns: Turns) -> Result<()> {
    yield_now().await?;
    turns.set(0);
    Ok(())
}

async fn run() -> Result<()> {
    let event_loop = get_running_loop()?;
    let turns = Turns::default();
    let (ticks, inner) = (turns.clone(), event_loop.clone());
    event_loop.call_soon(move || tick(ticks, inner));
    let future = event_loop.create_future();
    let task = create_task(settle(future.clone(), turns.clone()));
    future.await?;
    println!("future: {}", turns.get());
    task.await?;
    create_task(child(turns.clone())).await?;
    println!("task: {}", turns.get());
    gather([child(turns.clone()), child(turns.clone())]).await?;
    println!("gather: {}", turns.get());
    child(turns.clone()).await?;
    println!("plain await: {}", turns.get());
    Ok(())
}

fn main() -> Result<()> {
    oneloop::run(run())
}
