//! `run`: a loop from its making to its closing, around one main future.
//!
//! Job: `asyncio.run` (`runners.py`). Neighbours: `event_loop.rs`. Invariant: when it returns, nothing that was
//! started on the loop is left: what still runs is cancelled and waited for, then the loop is closed.

use std::{
    cell::Cell,
    future::Future,
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
};

use crate::{
    error::{Error, Result},
    event_loop::{Core, EventLoop, with_running},
    handle::Listener,
    loop_ref::get_running_loop,
};

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
        return Err(Error::Runtime("oneloop::run() cannot be called from a running event loop"));
    }
    let event_loop = EventLoop::new()?;
    let result = catch_unwind(AssertUnwindSafe(|| event_loop.run_until_complete(main)));
    let cancelled = cancel_leftovers(&event_loop);
    let result = result.unwrap_or_else(|payload| resume_unwind(payload));
    cancelled.and(result)
}

/// Asks every task that is left to stop, in the order in which they were made, and waits until all have.
fn cancel_leftovers(event_loop: &EventLoop) -> Result<()> {
    let mut leftovers = event_loop.all_tasks();
    leftovers.sort_by_key(|task| task.number());
    if leftovers.is_empty() {
        return Ok(());
    }
    let all_done = event_loop.create_future::<()>();
    let listener = Listener::new({
        let (left, all_done) = (Cell::new(leftovers.len()), all_done.clone());
        move |_| {
            left.set(left.get() - 1);
            if left.get() == 0 {
                let _ = all_done.set_result(());
            }
        }
    });
    for id in leftovers {
        if let Some(task) = event_loop.core.task(id) {
            task.listen(&event_loop.core, listener.clone());
            event_loop.cancel_task(id);
        }
    }
    event_loop.run_until_complete(async { all_done.await })
}

impl Core {
    /// A loop runs once at a time, and a thread runs one loop: the errors and their texts are asyncio's.
    pub(crate) fn check_can_run(&self) -> Result<()> {
        if self.closed.get() {
            return Err(Error::Runtime("Event loop is closed"));
        }
        if self.running.get() {
            return Err(Error::Runtime("This event loop is already running"));
        }
        if with_running(|_| ()).is_some() {
            return Err(Error::Runtime("Cannot run the event loop while another loop is running"));
        }
        Ok(())
    }
}
