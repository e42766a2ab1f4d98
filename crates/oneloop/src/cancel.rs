//! Cancellation as a value: the request, its delivery, and who it concerns.
//!
//! Job: what a task remembers between `cancel()` and the moment at which the await that it sleeps in returns
//! `Err(Cancelled)`. Neighbours: `task.rs` calls [`Cancellation`] at the edges of a step; every leaf (an awaitable of
//! this crate that can return `Pending`: a sleep, a future, a socket) calls [`take_cancellation`] first and
//! [`waiting`] last. Invariants:
//!
//! - `cancel()` runs nothing: the request is delivered at the task's next step.
//! - A request is delivered once (an edge, not a level): a task that goes on afterwards isn't cancelled again.
//! - It travels down: if the task awaits another task or a future, that one is cancelled, and answers.
//!
//! Counterparts: `Task.cancel`, `_fut_waiter`, `_must_cancel`, `_num_cancels_requested` (`tasks.py`). .NET passes a
//! `CancellationToken` by hand, and it is a level.

use std::{
    cell::{Cell, RefCell},
    rc::Rc,
};

use crate::{event_loop::with_running, task::Header};

/// Something a task can wait for that can be cancelled itself: a task, a settable future, a gather.
pub(crate) trait CancelTarget {
    /// Cancels it. False if it is done already: then the waiting task itself has to take the cancellation.
    fn cancel_target(&self) -> bool;
}

/// What a suspended task waits for.
#[derive(Default)]
pub(crate) enum Waiting {
    /// No awaitable of this crate: it was never polled, or it waits in a foreign future.
    #[default]
    Unknown,
    /// A leaf that takes the cancellation when it is polled.
    Leaf,
    /// Something that is cancelled in the task's place.
    For(Rc<dyn CancelTarget>),
}

/// One task's share of cancellation.
#[derive(Default)]
pub(crate) struct Cancellation {
    /// Set by the leaf that returns `Pending`, emptied when a step begins (asyncio: `_fut_waiter`).
    waiting: RefCell<Waiting>,
    /// A request that is to be thrown at the next step (asyncio: `_must_cancel`).
    must_cancel: Cell<bool>,
    /// During a step: the request has been thrown, and the leaf that is polled first takes it.
    thrown: Cell<bool>,
    /// Requests less withdrawals (asyncio: `cancelling()`).
    requests: Cell<u32>,
}

impl Cancellation {
    /// Counts a request and sends it down. True if somebody below has taken it; else the task must be woken, and
    /// will find it thrown at its next step.
    pub(crate) fn request(&self) -> bool {
        self.requests.set(self.requests.get() + 1);
        self.pass_down() || {
            self.must_cancel.set(true);
            false
        }
    }

    /// `cancel()` of what the task waits for may call back into the loop, so no borrow is held meanwhile.
    fn pass_down(&self) -> bool {
        let target = match &*self.waiting.borrow() {
            Waiting::For(target) => target.clone(),
            Waiting::Leaf | Waiting::Unknown => return false,
        };
        target.cancel_target()
    }

    /// A step begins.
    pub(crate) fn begin_step(&self) {
        drop(self.waiting.take());
        self.thrown.set(self.must_cancel.take());
    }

    /// A step ends with `Pending`. True if the task must be stepped again to take a request of its own making.
    pub(crate) fn suspend(&self) -> bool {
        if !self.must_cancel.get() {
            return false;
        }
        if self.pass_down() {
            self.must_cancel.set(false);
            return false;
        }
        true
    }

    /// Whether a request is still to be taken: when the body ends or suspends without any leaf of ours having seen
    /// it, the task itself takes it.
    pub(crate) fn take_undelivered(&self) -> bool {
        self.thrown.take()
    }

    /// Whether a request waits for the next step.
    pub(crate) fn must_cancel(&self) -> bool {
        self.must_cancel.get()
    }

    /// Requests less withdrawals.
    pub(crate) fn requests(&self) -> u32 {
        self.requests.get()
    }

    /// Withdraws a request, and returns how many are left. With none left, one that waits is forgotten (as in 3.13).
    pub(crate) fn withdraw(&self) -> u32 {
        let left = self.requests.get().saturating_sub(1);
        self.requests.set(left);
        if left == 0 {
            self.must_cancel.set(false);
        }
        left
    }
}

/// The first thing that a leaf does when it is polled: if a cancellation was thrown into the current task, the leaf
/// takes it and returns `Err(Cancelled)`, even when its value is there (rule 30: a late cancel wins).
pub(crate) fn take_cancellation() -> bool {
    with_current(|task| task.cancellation.thrown.take()).unwrap_or(false)
}

/// The last thing that a leaf does before it returns `Pending`. When several leaves of one task are pending (inside
/// a foreign `join!`), a request reaches the last one; the first that is polled takes it.
pub(crate) fn waiting(what: Waiting) {
    with_current(|task| *task.cancellation.waiting.borrow_mut() = what);
}

/// Calls `look` with the task whose step is running on this thread, if there is one.
pub(crate) fn with_current<R>(look: impl FnOnce(&Header) -> R) -> Option<R> {
    with_running(|core| core.current.borrow().as_ref().map(|task| look(task.header()))).flatten()
}
