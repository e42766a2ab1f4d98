//! `gather`: wait for all, in the order of the arguments.
//!
//! Job: make tasks of what is given, watch them with one shared listener, and settle an outer future: with all
//! results when the last is done, with the first error at once. Neighbours: `future.rs`, `task.rs`. Invariants: the
//! siblings of a failed one run on; cancelling the outer cancels every unfinished child and then waits for them.
//!
//! Counterparts: `asyncio.gather` (`tasks.py: gather, _GatheringFuture`); `Task.WhenAll` waits for all even when one
//! has failed. Rust's `try_join!` drops the siblings.

use std::{
    cell::{Cell, RefCell},
    fmt,
    future::Future,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll},
};

use crate::{
    cancel::CancelTarget,
    error::{Error, Result},
    event_loop::running,
    future::{Awaitable, Awaiting, FutureState, Outcome},
    handle::Listener,
    join::Task,
    loop_ref::LoopRef,
};

/// What [`gather`] takes: tasks, and futures, of which it makes tasks.
pub trait IntoTask<T: 'static> {
    /// The task.
    fn into_task(self) -> Task<T>;
}

impl<T: 'static> IntoTask<T> for Task<T> {
    fn into_task(self) -> Task<T> {
        self
    }
}

impl<T: 'static, F: Future<Output = Result<T>> + 'static> IntoTask<T> for F {
    fn into_task(self) -> Task<T> {
        crate::create_task(self)
    }
}

struct Gathering<T: 'static> {
    state: FutureState<Vec<T>>,
    event_loop: LoopRef,
    children: RefCell<Vec<Task<T>>>,
    finished: Cell<usize>,
    /// The outer was cancelled: when the children are done it gives `Err(Cancelled)`, even if all refused.
    cancel_requested: Cell<bool>,
}

/// Awaits all, and gives their values in the order of the arguments. When one
/// fails, its error is given at once and the others run on. Futures are made tasks in that order, at this call.
///
/// ```
/// # oneloop::run(async {
/// let squares = oneloop::gather((1..4).map(|n| async move { Ok(n * n) })).await?;
/// assert_eq!(squares, [1, 4, 9]);
/// # Ok(()) }).unwrap();
/// ```
///
/// # Panics
/// When no loop runs on this thread; when awaited, with the panic of a child.
pub fn gather<T: 'static, A: IntoTask<T>>(awaitables: impl IntoIterator<Item = A>) -> Gather<T> {
    let core = running().expect("gather needs a running event loop");
    let children: Vec<Task<T>> = awaitables.into_iter().map(IntoTask::into_task).collect();
    let gathering = Rc::new(Gathering {
        state: FutureState::new(),
        event_loop: LoopRef { core: core.clone() },
        children: RefCell::default(),
        finished: Cell::new(0),
        cancel_requested: Cell::new(false),
    });
    if children.is_empty() {
        gathering.state.complete(&core, Outcome::Finished(Ok(Vec::new())));
    }
    let listener = Listener::new({
        let gathering = gathering.clone();
        move |which| gathering.child_done(which as usize)
    });
    for (which, child) in children.iter().enumerate() {
        child.inner.state.listen(&core, listener.clone(), which as u32);
    }
    *gathering.children.borrow_mut() = children;
    Gather(Awaiting::new(gathering))
}

/// What [`gather`] returns.
#[must_use = "futures do nothing unless awaited"]
pub struct Gather<T: 'static>(Awaiting<Vec<T>>);

impl<T: 'static> Gathering<T> {
    fn child_done(&self, which: usize) {
        self.finished.set(self.finished.get() + 1);
        let failure = if self.state.is_done() { None } else { self.failure(which) };
        let all_done = self.finished.get() == self.children.borrow().len();
        if let Some(failure) = failure {
            self.settle(failure);
        } else if all_done && self.cancel_requested.get() {
            self.settle(Outcome::Finished(Err(Error::Cancelled)));
        } else if all_done {
            self.settle_with_values();
        }
        if all_done {
            for child in self.children.take() {
                drop(child.inner.state.take()); // an error that came after the first counts as seen
            }
        }
    }

    /// How the child failed, if it did. A cancelled child is a failure with `Cancelled` as its error: the outer
    /// itself wasn't cancelled.
    fn failure(&self, which: usize) -> Option<Outcome<Vec<T>>> {
        let children = self.children.borrow();
        let state = &children[which].inner.state;
        if state.is_cancelled() {
            return Some(Outcome::Finished(Err(Error::Cancelled)));
        }
        if !state.has_failed() {
            return None;
        }
        match state.take() {
            Outcome::Finished(Err(error)) => Some(Outcome::Finished(Err(error))),
            Outcome::Panicked(payload) => Some(Outcome::Panicked(payload)),
            _ => None,
        }
    }

    fn settle_with_values(&self) {
        let children = self.children.borrow();
        let values = children.iter().map(|child| match child.inner.state.take() {
            Outcome::Finished(result) => result,
            _ => Err(Error::InvalidState("the result was taken by another await")),
        });
        let values = values.collect();
        drop(children);
        self.settle(Outcome::Finished(values));
    }

    fn settle(&self, outcome: Outcome<Vec<T>>) {
        self.state.complete(&self.event_loop.core, outcome);
    }
}

impl<T: 'static> CancelTarget for Gathering<T> {
    fn cancel_target(&self) -> bool {
        if self.state.is_done() {
            return false;
        }
        let mut any = false;
        for child in &*self.children.borrow() {
            any |= child.cancel();
        }
        if any {
            self.cancel_requested.set(true);
        }
        any
    }
}

impl<T: 'static> Awaitable<Vec<T>> for Gathering<T> {
    fn state(&self) -> &FutureState<Vec<T>> {
        &self.state
    }
}

impl<T: 'static> Future for Gather<T> {
    type Output = Result<Vec<T>>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.0).poll(cx)
    }
}

impl<T: 'static> fmt::Debug for Gather<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Gather")
    }
}
