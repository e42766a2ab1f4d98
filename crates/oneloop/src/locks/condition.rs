//! `Condition`: wait for what another task will change, with a lock around it.
//!
//! Neighbours: `lock.rs`, which it gives up while it waits; `line.rs`; `barrier.rs` is made of it. Invariants:
//!
//! - Whoever comes back from `wait` holds the lock, also when the wait was cancelled: a request to cancel that comes
//!   while it queues for the lock is kept until it has it.
//! - A notification is never lost: a wait that fails passes it on to the next, which may so be woken for nothing.
//!
//! Counterparts: `asyncio.Condition` (`locks.py`, the rules of 3.13). .NET has `Monitor.Wait`, which blocks its thread.

use std::{fmt, future::Future, rc::Rc};

use super::{
    line::{At, Line, LoopBound, Waiter},
    lock::{Lock, LockAcquire},
};
use crate::error::{Error, Result};

/// Lets tasks wait until another task has changed something, and be told by [`notify`](Condition::notify). Clones are
/// the same condition.
///
/// ```
/// # oneloop::run(async {
/// let (condition, stock) = (oneloop::Condition::new(), std::rc::Rc::new(std::cell::Cell::new(0)));
/// let (waits, sees) = (condition.clone(), stock.clone());
/// let buyer = oneloop::create_task(async move {
///     let _guard = waits.acquire().await?;       // async with condition:
///     waits.wait_for(|| sees.get() >= 2).await?; //     await condition.wait_for(..)
///     Ok(sees.get())
/// });
/// while !buyer.done() {
///     let _guard = condition.acquire().await?;
///     stock.set(stock.get() + 1);
///     condition.notify(1)?;
///     drop(_guard);
///     oneloop::yield_now().await?;
/// }
/// assert!(buyer.await? >= 2);
/// # Ok(()) }).unwrap();
/// ```
#[derive(Clone, Default)]
pub struct Condition {
    lock: Lock,
    shared: Rc<Shared>,
}

#[derive(Default)]
struct Shared {
    line: Line,
    bound: LoopBound,
}

impl Condition {
    /// A condition with a lock of its own.
    pub fn new() -> Condition {
        Condition::default()
    }

    /// A condition on a lock that others may share: `Condition(lock)`.
    pub fn with_lock(lock: &Lock) -> Condition {
        Condition { lock: lock.clone(), shared: Rc::default() }
    }

    /// As [`Lock::acquire`]: `async with condition`.
    ///
    /// # Errors
    /// As there.
    pub fn acquire(&self) -> LockAcquire {
        self.lock.acquire()
    }

    /// As [`Lock::release`].
    ///
    /// # Errors
    /// As there.
    pub fn release(&self) -> Result<()> {
        self.lock.release()
    }

    /// As [`Lock::locked`].
    pub fn locked(&self) -> bool {
        self.lock.locked()
    }

    /// Frees the lock, waits for a notification, and takes the lock again. It may return without one: see
    /// [`wait_for`](Condition::wait_for). When it is cancelled it takes the lock again, too, before it returns.
    /// Dropped half-way it can't: then the lock is not held any more, and the guard of the caller does nothing.
    ///
    /// # Errors
    /// `Runtime` if the lock is not held; `Cancelled`.
    pub fn wait(&self) -> impl Future<Output = Result<()>> + use<> {
        let this = self.clone();
        async move {
            let acquisition = this.lock.held_by().ok_or(Error::Runtime("cannot wait on un-acquired lock"))?;
            this.shared.bound.bind("the Condition is bound to a different event loop")?;
            this.lock.release()?;
            let mut pass_on = PassOn { condition: &this, armed: true };
            let place = Place { shared: &this.shared, waiter: this.shared.line.join(At::Condition) };
            let mut result = std::future::poll_fn(|cx| place.waiter.poll(cx)).await;
            drop(place);
            loop {
                match this.lock.acquire_again(acquisition).await {
                    Ok(guard) => break guard.forget(), // the caller's own guard is good again
                    Err(error) => {
                        let lost = !error.is_cancelled();
                        result = Err(error);
                        if lost {
                            break;
                        }
                    }
                }
            }
            pass_on.armed = result.is_err();
            result
        }
    }

    /// Waits until `predicate` is true, or is `Some`, and gives that. It is asked with the lock held, at once and after
    /// each notification.
    ///
    /// # Errors
    /// As [`wait`](Condition::wait).
    pub fn wait_for<R: Truth, P: FnMut() -> R>(&self, mut predicate: P) -> impl Future<Output = Result<R>> + use<R, P> {
        let this = self.clone();
        async move {
            loop {
                let answer = predicate();
                if answer.is_true() {
                    return Ok(answer);
                }
                this.wait().await?;
            }
        }
    }

    /// Wakes the `n` who have waited longest. They go on when they have the lock, which the caller still holds.
    ///
    /// # Errors
    /// `Runtime` if the lock is not held.
    pub fn notify(&self, n: usize) -> Result<()> {
        if !self.locked() {
            return Err(Error::Runtime("cannot notify on un-acquired lock"));
        }
        self.notify_unchecked(n);
        Ok(())
    }

    /// Wakes all who wait.
    ///
    /// # Errors
    /// `Runtime` if the lock is not held.
    pub fn notify_all(&self) -> Result<()> {
        self.notify(usize::MAX)
    }

    /// Notifies although the lock may be free: in a destructor.
    pub(crate) fn notify_unchecked(&self, n: usize) {
        for waiter in self.shared.line.waiting(n) {
            waiter.wake(&self.shared.bound);
        }
    }
}

/// What the predicate of [`Condition::wait_for`] answers.
pub trait Truth {
    /// Whether the wait is over.
    fn is_true(&self) -> bool;
}

impl Truth for bool {
    fn is_true(&self) -> bool {
        *self
    }
}

impl<T> Truth for Option<T> {
    fn is_true(&self) -> bool {
        self.is_some()
    }
}

/// A wait's place in the line.
struct Place<'a> {
    shared: &'a Shared,
    waiter: Rc<Waiter>,
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.shared.line.leave(&self.waiter);
    }
}

/// Notifies another one in the place of a wait that fails or is dropped, since it may have been notified before.
struct PassOn<'a> {
    condition: &'a Condition,
    armed: bool,
}

impl Drop for PassOn<'_> {
    fn drop(&mut self) {
        if self.armed {
            self.condition.notify_unchecked(1);
        }
    }
}

impl fmt::Debug for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Condition")
            .field("locked", &self.locked())
            .field("waiters", &self.shared.line.len())
            .finish_non_exhaustive()
    }
}
