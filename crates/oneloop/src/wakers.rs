//! The one waker of each task, and what becomes of it afterwards.
//!
//! Job: a task needs a waker from its first step to its last. Most tasks end with nobody holding a clone of it; then
//! the next task gets it, which saves an allocation and four atomic operations. Neighbours: `ready.rs` says what a
//! waker does, `task.rs` asks for one and gives it back. Invariant: a waker is given to another task only when
//! nobody else has it, so one that outlives its task never wakes an heir.
//!
//! Counterpart: none. asyncio makes a bound method (`task.__wakeup`) for each wait.

use std::task::Waker;

use crate::{
    event_loop::Core,
    ready::{TaskId, TaskWaker},
    sync::{Arc, Ordering, fence},
};

/// The waker that is lent to every step of one task.
pub(crate) struct OwnWaker {
    pub(crate) waker: Waker,
    shared: Arc<TaskWaker>,
}

/// How many wakers without a task a loop keeps.
const SPARE_WAKERS: usize = 128;

impl Core {
    /// A waker for a task that has none yet.
    pub(crate) fn waker_for(&self, task: TaskId) -> OwnWaker {
        let spare = self.wakers.borrow_mut().pop();
        let Some(spare) = spare else {
            let shared = Arc::new(TaskWaker::new(task, self.inbox.clone()));
            return OwnWaker { waker: as_std(&shared), shared };
        };
        spare.shared.index.store(task.index, Ordering::Relaxed);
        spare.shared.generation.store(task.generation, Ordering::Relaxed);
        spare
    }

    /// The waker of a task that has ended: kept for another, unless somebody still has a clone of it.
    pub(crate) fn take_back(&self, waker: OwnWaker) {
        let ours = 2; // `waker` and `shared`; whoever has no clone can't make one
        if Arc::strong_count(&waker.shared) == ours && self.wakers.borrow().len() < SPARE_WAKERS {
            fence(Ordering::Acquire); // what other threads did with their clones was before this
            self.wakers.borrow_mut().push(waker);
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
