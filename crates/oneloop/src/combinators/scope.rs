//! The task that a scope runs in: what `timeout` and `TaskGroup` have in common.
//!
//! Job: a scope may cancel its own task, and must later tell its own request from those of others. It counts the
//! task's requests when it is entered, and takes its own back on the way out. Neighbours: `cancel.rs`, `timeouts.rs`,
//! `taskgroups.rs`. Invariants: whatever a scope has requested it withdraws, also when it is dropped half-way; its
//! request reaches what is inside of its body and nothing else, also where the body is one branch of a foreign `join!`.
//!
//! Counterparts: `Task.cancelling`, `Task.uncancel` as `timeouts.py` and `taskgroups.py` use them. A linked
//! `CancellationTokenSource` of .NET knows by itself which of its sources was cancelled.

use std::{
    cell::Cell,
    future::Future,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll},
};

use super::timeouts::LoopError;
use crate::{
    cancel::{Waiting, cancel, take_cancellation},
    cells::peek,
    error::{Error, Result},
    loop_ref::{LoopRef, get_running_loop},
    ready::{Sleeper, TaskId},
};

/// The task that a scope was entered in.
#[derive(Clone)]
pub(crate) struct ScopeTask {
    pub(crate) event_loop: LoopRef,
    task: TaskId,
    body: Rc<Body>,
}

/// What is known of a scope's body between two polls.
#[derive(Default)]
struct Body {
    /// The scope has asked it to stop, and it has not been polled since.
    requested: Cell<bool>,
    /// What it waits for that can be cancelled in its place.
    waiting: Cell<Waiting>,
    /// Who polls it.
    sleeper: Cell<Option<Sleeper>>,
}

impl ScopeTask {
    /// The task whose step runs.
    ///
    /// # Errors
    /// `Runtime` with the text `otherwise` if none does.
    pub(crate) fn current(otherwise: &'static str) -> Result<ScopeTask> {
        let event_loop = get_running_loop()?;
        let task = event_loop.core.current.get().ok_or(Error::Runtime(otherwise))?;
        Ok(ScopeTask { event_loop, task, body: Rc::default() })
    }

    /// Its requests less withdrawals: `cancelling()`.
    pub(crate) fn requests(&self) -> u32 {
        self.event_loop.core.task(self.task).map_or(0, |task| task.header().cancellation.requests())
    }

    /// Asks what is inside of the scope's body to stop, and counts that as a request to the task.
    pub(crate) fn cancel(&self) {
        let core = &self.event_loop.core;
        let Some(task) = core.task(self.task).filter(|task| !task.is_done()) else { return };
        task.header().cancellation.count();
        let below = peek(&self.body.waiting);
        if below.clone().is_some_and(|below| cancel(core, below)) {
            return;
        }
        self.body.requested.set(true);
        task.header().cancellation.strike(core, self.task);
        if !below.is_some_and(|below| below.is_ending()) {
            core.wake(self.body.sleeper.take().unwrap_or(Sleeper::Task(self.task)));
        }
    }

    /// Asks the task itself to stop, wherever it is.
    pub(crate) fn cancel_task(&self) {
        self.event_loop.cancel_task(self.task);
    }

    /// The body has ended or is dropped: nothing waits any more.
    pub(crate) fn leave_body(&self) {
        drop((self.body.waiting.take(), self.body.sleeper.take()));
    }

    /// Takes one request back. Returns how many are left.
    pub(crate) fn uncancel(&self) -> u32 {
        let core = &self.event_loop.core;
        let Some(task) = core.task(self.task) else { return 0 };
        let cancellation = &task.header().cancellation;
        if core.current.get() == Some(self.task) {
            cancellation.withdraw_own(&core.step)
        } else {
            cancellation.withdraw()
        }
    }
}

/// Polls the body of a scope. If it is at a foreign future, which can't take a cancellation, the scope takes it
/// instead, and the body is dropped.
pub(crate) fn poll_body<T, E: LoopError>(
    scope: &ScopeTask,
    body: Pin<&mut impl Future<Output = Result<T, E>>>,
    cx: &mut Context<'_>,
) -> Poll<Result<T, E>> {
    let (core, state) = (&scope.event_loop.core, &scope.body);
    let outside = core.step.enter_body(state.requested.take());
    let poll = body.poll(cx);
    let before = state.waiting.replace(core.step.leave_body(outside, poll.is_pending()));
    drop(before);
    match poll {
        Poll::Pending if take_cancellation() => Poll::Ready(Err(Error::Cancelled.into())),
        Poll::Pending => {
            let before = state.sleeper.replace(Some(Sleeper::new(core, cx.waker())));
            drop(before);
            Poll::Pending
        }
        poll => poll,
    }
}
