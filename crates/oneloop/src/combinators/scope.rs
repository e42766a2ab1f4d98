//! The task that a scope runs in: what `timeout` and `TaskGroup` have in common.
//!
//! Job: a scope may cancel its own task, and must later tell its own request from those of others. It counts the
//! task's requests when it is entered, and takes its own back on the way out. Neighbours: `cancel.rs`, `timeouts.rs`,
//! `taskgroups.rs`. Invariant: whatever a scope has requested it withdraws, also when it is dropped half-way.
//!
//! Counterparts: `Task.cancelling`, `Task.uncancel` as `timeouts.py` and `taskgroups.py` use them. A linked
//! `CancellationTokenSource` of .NET knows by itself which of its sources was cancelled.

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};

use super::timeouts::LoopError;
use crate::{
    cancel::take_cancellation,
    error::{Error, Result},
    loop_ref::{LoopRef, get_running_loop},
    ready::TaskId,
};

/// The task that a scope was entered in.
#[derive(Clone)]
pub(crate) struct ScopeTask {
    pub(crate) event_loop: LoopRef,
    task: TaskId,
}

impl ScopeTask {
    /// The task whose step runs.
    ///
    /// # Errors
    /// `Runtime` with the text `otherwise` if none does.
    pub(crate) fn current(otherwise: &'static str) -> Result<ScopeTask> {
        let event_loop = get_running_loop()?;
        let task = event_loop.core.current.get().ok_or(Error::Runtime(otherwise))?;
        Ok(ScopeTask { event_loop, task })
    }

    /// Its requests less withdrawals: `cancelling()`.
    pub(crate) fn requests(&self) -> u32 {
        self.event_loop.core.task(self.task).map_or(0, |task| task.header().cancellation.requests())
    }

    /// Asks it to stop.
    pub(crate) fn cancel(&self) {
        self.event_loop.cancel_task(self.task);
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
    body: Pin<&mut impl Future<Output = Result<T, E>>>,
    cx: &mut Context<'_>,
) -> Poll<Result<T, E>> {
    match body.poll(cx) {
        Poll::Pending if take_cancellation() => Poll::Ready(Err(Error::Cancelled.into())),
        poll => poll,
    }
}
