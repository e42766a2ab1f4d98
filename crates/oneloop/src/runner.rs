//! `run`: a loop from its making to its closing, around one main future.
//!
//! Job: `asyncio.run` (`runners.py`). Neighbours: `event_loop.rs`. Invariant: when it returns, nothing that was
//! started on the loop is left: what still runs is cancelled and waited for, then the loop is closed.

use std::future::Future;

use crate::{error::Result, event_loop::EventLoop, loop_ref::get_running_loop, sleep::yield_now};

/// Makes a loop, runs `main` on it, cancels what is left and waits for that, and closes the loop.
///
/// ```
/// let answer = oneloop::run(async { Ok(42) })?;
/// assert_eq!(answer, 42);
/// # Ok::<(), oneloop::Error>(())
/// ```
///
/// # Errors
/// What `main` gives; `Runtime` when a loop runs on this thread already; `Io` when no loop can be made.
///
/// # Panics
/// With the panic of `main`, if it panics.
#[track_caller]
pub fn run<T: 'static>(main: impl Future<Output = Result<T>> + 'static) -> Result<T> {
    if get_running_loop().is_ok() {
        return Err(crate::Error::Runtime("oneloop::run() cannot be called from a running event loop"));
    }
    let event_loop = EventLoop::new()?;
    let result = event_loop.run_until_complete(main);
    cancel_leftovers(&event_loop)?;
    result
}

/// Asks every task that is left to stop, once, and turns until all have.
fn cancel_leftovers(event_loop: &EventLoop) -> Result<()> {
    let leftovers = event_loop.all_tasks();
    if leftovers.is_empty() {
        return Ok(());
    }
    for task in &leftovers {
        event_loop.cancel_task(*task);
    }
    event_loop.run_until_complete(async move {
        let event_loop = get_running_loop()?;
        let me = crate::current_task();
        while event_loop.all_tasks().iter().any(|task| Some(*task) != me && leftovers.contains(task)) {
            yield_now().await?;
        }
        Ok(())
    })
}
