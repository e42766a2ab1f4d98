//! `shield`: wait for something without being able to cancel it.
//!
//! Neighbours: `any_future.rs`, `settable.rs`: the outer future is one. Invariant: cancelling the outer one, or a task
//! that awaits it, leaves the inner one alone; the inner one's end, cancellation included, becomes the outer one's.
//!
//! Counterparts: `asyncio.shield` (`tasks.py`). In .NET every task is shielded: `WaitAsync(token)` stops the waiting.

use std::rc::Rc;

use crate::{
    any_future::{AnyFuture, EnsureFuture, Failure, Watched, running_loop},
    cancel_message::Reason,
    future::Outcome,
    handle::Listener,
    join::CallbackId,
    loop_ref::LoopRef,
};

/// Protects `awaitable` from the cancellation of whoever awaits what this returns. A Rust future is made a task at
/// this call. It takes two turns from the inner one's end until its awaiter runs.
///
/// Made of a task by value it moves the task's result to its own awaiter; of `&task`, it clones it.
///
/// ```
/// # use std::time::Duration;
/// # let event_loop = oneloop::EventLoop::builder().virtual_clock(true).build()?;
/// # event_loop.run_until_complete(async {
/// let inner = oneloop::create_task(async {
///     oneloop::sleep(Duration::from_secs(2)).await?;
///     Ok("done")
/// });
/// let shielded = oneloop::wait_for(Duration::from_secs(1), oneloop::shield(&inner)).await;
/// assert!(shielded.is_err_and(|error: oneloop::Error| error.is_timeout()));
/// assert_eq!(inner.await?, "done"); // it has gone on
/// # Ok(()) })?;
/// # Ok::<(), oneloop::Error>(())
/// ```
///
/// # Panics
/// When a task has to be made and no loop runs on this thread; when awaited, with the panic of the inner one.
#[track_caller]
pub fn shield<A: EnsureFuture>(awaitable: A) -> AnyFuture<A::Value> {
    let inner = awaitable.ensure_future();
    if inner.done() {
        return inner;
    }
    let event_loop = inner.home().upgrade().map_or_else(running_loop, |core| LoopRef { core });
    let outer = event_loop.create_future();
    let ends = Listener::new({
        let (inner, outer) = (inner.clone(), outer.clone());
        move |_| {
            if outer.cancelled() {
                inner.state().seen.set(true); // it failed, and who waited for it has been told of something else
                return;
            }
            let _ = outer.complete(match inner.failure() {
                // What was said stays for those who await the inner one.
                _ if inner.cancelled() => Outcome::Cancelled(Reason::NONE),
                Some(Failure::Error(error)) => Outcome::Finished(Err(error)),
                Some(Failure::Panic(payload)) => Outcome::Panicked(payload),
                None => inner.outcome(),
            });
        }
    });
    inner.state().listen(&event_loop.core, ends.clone(), 0);
    let gives_up = {
        let ends = Rc::downgrade(&ends);
        Listener::once(move || {
            if let Some(ends) = ends.upgrade().filter(|_| !inner.done()) {
                inner.state().forget_listener(&CallbackId::of(&ends));
            }
        })
    };
    let outer = outer.ensure_future();
    outer.state().listen(&event_loop.core, gives_up, 0);
    outer
}
