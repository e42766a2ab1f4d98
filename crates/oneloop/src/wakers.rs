//! Wakers: which one a step is lent, and who keeps it.
//!
//! Job: a task is polled with a waker, and most tasks never keep it: the leaves of this crate remember who waits by
//! the task's id. So the loop has one spare waker, which it hands from step to step. Whoever clones it (a combinator
//! of another crate, a leaf that hands it to a thread) has made it the task's own: then the task keeps it, as long as
//! there are clones. Neighbours: `ready.rs` says what a waker does; `task.rs` asks for one for each step. Invariant: a
//! waker is given to another task only when nobody else has it, so a clone never wakes an heir.
//!
//! Counterpart: none. asyncio makes a bound method (`task.__wakeup`) for each wait.

use std::{cell::Cell, task::Waker};

use crate::{
    event_loop::Core,
    ready::{TaskId, TaskWaker},
    sync::{Arc, Ordering, fence},
};

/// A waker that is lent to steps, in its two forms.
pub(crate) struct OwnWaker {
    pub(crate) waker: Waker,
    shared: Arc<TaskWaker>,
}

/// Where a task keeps the waker that has become its own, and the loop its spare one.
pub(crate) type KeptWaker = Cell<Option<Box<OwnWaker>>>;

impl Core {
    /// The waker for a step of `task`: its own, else the spare one, which names this task from now on.
    #[inline]
    pub(crate) fn waker_for(&self, task: TaskId, kept: &KeptWaker) -> Box<OwnWaker> {
        let own = kept.take().or_else(|| self.spare_waker.take()).unwrap_or_else(|| self.new_waker(task));
        own.shared.task.store(task.0.get(), Ordering::Relaxed);
        own
    }

    #[cold]
    fn new_waker(&self, task: TaskId) -> Box<OwnWaker> {
        let shared = Arc::new(TaskWaker::new(task, self.inbox.clone()));
        Box::new(OwnWaker { waker: as_std(&shared), shared })
    }

    /// The step is over: the waker is spare again, or the task's own if somebody has a clone of it.
    #[inline]
    pub(crate) fn take_back(&self, own: Box<OwnWaker>, kept: &KeptWaker) {
        let ours = 2; // `waker` and `shared`; whoever has no clone can't make one
        if Arc::strong_count(&own.shared) == ours {
            fence(Ordering::Acquire); // what other threads did with their clones was before this
            self.spare_waker.set(Some(own));
        } else {
            kept.set(Some(own));
        }
    }
}

/// The waker in std's form.
#[cfg(not(loom))]
fn as_std(shared: &Arc<TaskWaker>) -> Waker {
    Waker::from(shared.clone())
}

#[cfg(loom)]
fn as_std(_shared: &Arc<TaskWaker>) -> Waker {
    unimplemented!("the model drives the inbox without a loop")
}
