//! Cancellation as a value: the request, its delivery, and who it concerns.
//!
//! Job: what a task remembers between `cancel()` and the moment at which the await that it sleeps in returns
//! `Err(Cancelled)`. Neighbours: `task.rs` calls [`Cancellation`] at the edges of a step; every leaf (an awaitable of
//! this crate that can return `Pending`: a sleep, a future, a socket) calls [`take_cancellation`] before anything
//! else. Invariants:
//!
//! - `cancel()` runs nothing: the request is delivered at the task's next step.
//! - A request is delivered once (an edge, not a level): a task that goes on afterwards isn't cancelled again.
//! - It travels down: if the task awaits another task or a future, that one is cancelled, and answers.
//!
//! Counterparts: `Task.cancel`, `_fut_waiter`, `_must_cancel`, `_num_cancels_requested` (`tasks.py`). .NET passes a
//! `CancellationToken` by hand, and it is a level.

use std::{cell::Cell, rc::Rc};

use crate::event_loop::with_running;

/// Something a task can wait for that can be cancelled itself: a task, a settable future, a gather.
pub(crate) trait CancelTarget {
    /// Cancels it. False if it is done already: then the waiting task itself has to take the cancellation.
    fn cancel_target(&self) -> bool;

    /// Whether it is about to end though it has not: so who waits for it is about to be woken, and must not be woken
    /// for a cancellation ahead of that. True of a gather whose children have ended and not told it yet.
    fn is_ending(&self) -> bool {
        false
    }
}

/// What a task waits for, if it is something that can be cancelled in the task's place (asyncio: `_fut_waiter`).
type Waiting = Option<Rc<dyn CancelTarget>>;

/// What the leaves and the loop tell each other during one step. The loop has one, since one task steps at a time.
#[derive(Default)]
pub(crate) struct Step {
    /// A cancellation was thrown into the task that is being stepped; the leaf that is polled first takes it.
    thrown: Cell<bool>,
    /// What the task has begun to wait for in this step.
    waiting: Cell<Waiting>,
}

impl Step {
    /// Whether a cancellation is still to be taken: when the body ends or suspends without any leaf of ours having
    /// seen it, the task itself takes it.
    pub(crate) fn take_undelivered(&self) -> bool {
        self.thrown.take()
    }

    /// What belongs to the step of one task, while another one is stepped inside of it (an eager start).
    pub(crate) fn set_aside(&self) -> Step {
        Step { thrown: Cell::new(self.thrown.take()), waiting: Cell::new(self.waiting.take()) }
    }

    /// Takes that up again.
    pub(crate) fn resume(&self, step: Step) {
        self.thrown.set(step.thrown.take());
        drop(self.waiting.replace(step.waiting.take()));
    }
}

/// One task's share of cancellation.
#[derive(Default)]
pub(crate) struct Cancellation {
    waiting: Cell<Waiting>,
    /// A request that is to be thrown at the next step (asyncio: `_must_cancel`).
    must_cancel: Cell<bool>,
    /// Requests less withdrawals (asyncio: `cancelling()`).
    requests: Cell<u32>,
}

impl Cancellation {
    /// Counts a request and sends it down. True if somebody below has taken it, or is about to end; else the task must
    /// be woken. If nobody has taken it, it is thrown at the task's next step.
    pub(crate) fn request(&self) -> bool {
        self.requests.set(self.requests.get() + 1);
        self.pass_down()
    }

    /// `cancel()` of what the task waits for may call back into the loop, so no borrow is held meanwhile.
    fn pass_down(&self) -> bool {
        let target = self.waiting.take();
        self.waiting.set(target.clone());
        let taken = target.as_ref().is_some_and(|target| target.cancel_target());
        self.must_cancel.set(!taken);
        taken || target.is_some_and(|target| target.is_ending())
    }

    /// A step begins: a request that waits for it is thrown. What a task that has ended had begun to wait for is
    /// forgotten.
    pub(crate) fn begin_step(&self, step: &Step) {
        drop(step.waiting.take());
        drop(self.waiting.take());
        step.thrown.set(self.must_cancel.take());
    }

    /// A step ends with `Pending`. True if the task must be stepped again to take a request of its own making.
    pub(crate) fn suspend(&self, step: &Step) -> bool {
        self.waiting.swap(&step.waiting);
        self.must_cancel.get() && !self.pass_down()
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

    /// As `withdraw`, by a scope of the task that is being stepped: what was thrown into this step is forgotten too.
    pub(crate) fn withdraw_own(&self, step: &Step) -> u32 {
        let left = self.withdraw();
        if left == 0 {
            step.thrown.set(false);
        }
        left
    }
}

/// The first thing that a leaf does when it is polled: if a cancellation was thrown into the current task, the leaf
/// takes it and returns `Err(Cancelled)`, even when its value is there (rule 30: a late cancel wins).
pub(crate) fn take_cancellation() -> bool {
    with_running(|core| core.step.thrown.take()).unwrap_or(false)
}

/// Says that the current task waits for something that can be cancelled in its place. Of several such leaves in one
/// task (inside a foreign `join!`), the last one is cancelled; a sleep or a socket takes the cancellation itself.
pub(crate) fn waiting_for(target: Rc<dyn CancelTarget>) {
    let before = with_running(|core| core.step.waiting.replace(Some(target)));
    drop(before);
}

/// Takes that back: the leaf is dropped, in the step in which it was polled. A request must not go where nobody waits.
pub(crate) fn not_waiting_for(target: *const ()) {
    let gone = with_running(|core| {
        let waiting = core.step.waiting.take()?;
        if Rc::as_ptr(&waiting).cast::<()>() == target {
            return Some(waiting);
        }
        core.step.waiting.set(Some(waiting));
        None
    });
    drop(gone);
}
