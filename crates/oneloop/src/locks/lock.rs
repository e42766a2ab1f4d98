//! `Lock`: one task at a time.
//!
//! Neighbours: `line.rs`; `condition.rs`, which releases it and takes it again. Invariants:
//!
//! - Nobody overtakes: it can be had without waiting only if it is free and nobody waits for it.
//! - `release` wakes the first in the line, and the lock is free until that one runs: `locked()` is false meanwhile.
//! - It belongs to nobody: any code may release it. A guard releases only the acquisition that it was made for.
//!
//! Counterparts: `asyncio.Lock` (`locks.py`); `SemaphoreSlim(1, 1)`, which hands its permit over inside `Release`.

use std::{
    cell::Cell,
    fmt,
    future::Future,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll},
};

use super::line::{At, Line, LoopBound, Waiter};
use crate::{
    cancel::take_cancellation,
    error::{Error, Result},
};

/// Lets one task at a time into a place. Clones are the same lock.
///
/// ```
/// # oneloop::run(async {
/// let lock = oneloop::Lock::new();
/// {
///     let _guard = lock.acquire().await?; // async with lock:
///     assert!(lock.locked());
/// }
/// assert!(!lock.locked());
/// lock.acquire().await?.forget();         // await lock.acquire()
/// lock.release()                          // lock.release()
/// # }).unwrap();
/// ```
#[derive(Clone, Default)]
pub struct Lock {
    shared: Rc<Shared>,
}

#[derive(Default)]
struct Shared {
    /// Which acquisition holds it, if one does.
    held_by: Cell<Option<u64>>,
    /// How many acquisitions there were.
    count: Cell<u64>,
    line: Line,
    bound: LoopBound,
}

impl Lock {
    /// A lock that is free.
    pub fn new() -> Lock {
        Lock::default()
    }

    /// Waits until the lock is free and everybody who came earlier had it, then takes it. The guard gives it back when
    /// it is dropped. Cancellation safe: a waiter that goes after it was chosen wakes the next.
    ///
    /// In a task of its own (`create_task(lock.acquire())`) the guard is the task's result, and is dropped with it.
    ///
    /// # Errors
    /// `Cancelled`; `Runtime` on another loop than the one on which a task has first waited.
    pub fn acquire(&self) -> LockAcquire {
        LockAcquire { shared: self.shared.clone(), place: None, again: None }
    }

    /// Frees the lock, whoever holds it, and wakes the first who waits.
    ///
    /// # Errors
    /// `Runtime` if it is free.
    pub fn release(&self) -> Result<()> {
        match self.shared.held_by.take() {
            Some(_) => self.shared.wake_first(),
            None => return Err(Error::Runtime("Lock is not acquired.")),
        }
        Ok(())
    }

    /// Whether it is held. Between a release and the step of the one that it woke it is not.
    pub fn locked(&self) -> bool {
        self.shared.held_by.get().is_some()
    }

    /// Which acquisition holds it.
    pub(crate) fn held_by(&self) -> Option<u64> {
        self.shared.held_by.get()
    }

    /// Takes the lock again for an acquisition that had it, whose guard is still there.
    pub(crate) fn acquire_again(&self, acquisition: u64) -> LockAcquire {
        LockAcquire { shared: self.shared.clone(), place: None, again: Some(acquisition) }
    }

    pub(crate) fn waiters(&self) -> usize {
        self.shared.line.len()
    }
}

impl Shared {
    fn wake_first(&self) {
        if let Some(first) = self.line.first() {
            first.wake(&self.bound); // does nothing if it is about to run
        }
    }

    fn take(self: &Rc<Shared>, again: Option<u64>) -> LockGuard {
        let acquisition = again.unwrap_or_else(|| {
            self.count.set(self.count.get() + 1);
            self.count.get()
        });
        self.held_by.set(Some(acquisition));
        LockGuard { held: Some((self.clone(), acquisition)) }
    }
}

/// What [`Lock::acquire`] returns.
#[must_use = "futures do nothing unless awaited"]
pub struct LockAcquire {
    shared: Rc<Shared>,
    place: Option<Rc<Waiter>>,
    again: Option<u64>,
}

impl Future for LockAcquire {
    type Output = Result<LockGuard>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        let place = match &this.place {
            Some(place) => place,
            None if take_cancellation() => return Poll::Ready(Err(Error::Cancelled)),
            None if this.shared.held_by.get().is_none() && !this.shared.line.is_taken() => {
                return Poll::Ready(Ok(this.shared.take(this.again)));
            }
            None => {
                this.shared.bound.bind("the Lock is bound to a different event loop")?;
                this.place.insert(this.shared.line.join(At::Lock))
            }
        };
        match std::task::ready!(place.poll(cx)) {
            Ok(()) => {
                this.shared.line.leave(place);
                this.place = None;
                Poll::Ready(Ok(this.shared.take(this.again)))
            }
            Err(error) => {
                this.give_up();
                Poll::Ready(Err(error))
            }
        }
    }
}

impl LockAcquire {
    /// Leaves the line. If it is this one's turn, it is the next one's now.
    fn give_up(&mut self) {
        if let Some(place) = self.place.take() {
            self.shared.line.leave(&place);
            if self.shared.held_by.get().is_none() {
                self.shared.wake_first();
            }
        }
    }
}

impl Drop for LockAcquire {
    fn drop(&mut self) {
        self.give_up();
    }
}

/// A [`Lock`] that is held: `async with lock`. Dropping it frees the lock, unless somebody has released it before.
#[must_use = "the lock is free again when this is dropped"]
pub struct LockGuard {
    /// Empty once it was forgotten.
    held: Option<(Rc<Shared>, u64)>,
}

impl LockGuard {
    /// Leaves the lock held, for a [`Lock::release`] later: `await lock.acquire()` without `async with`.
    pub fn forget(mut self) {
        self.held = None;
    }
}

impl Drop for LockGuard {
    fn drop(&mut self) {
        if let Some((shared, acquisition)) = &self.held
            && shared.held_by.get() == Some(*acquisition)
        {
            shared.held_by.set(None);
            shared.wake_first();
        }
    }
}

impl fmt::Debug for Lock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lock").field("locked", &self.locked()).field("waiters", &self.waiters()).finish()
    }
}

impl fmt::Debug for LockAcquire {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LockAcquire")
    }
}

impl fmt::Debug for LockGuard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LockGuard")
    }
}
