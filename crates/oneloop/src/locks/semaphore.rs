//! `Semaphore`: so many tasks at a time.
//!
//! Neighbours: `line.rs`; `bounded_semaphore.rs`. Invariants: a permit that is released is set aside for the longest
//! waiting task, and nobody else gets it (no barging); a waiter that goes after it was chosen passes its permit on.
//!
//! Counterparts: `asyncio.Semaphore` (`locks.py`); `SemaphoreSlim` with `WaitAsync`.

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

/// Bounds how many tasks hold a permit at once. Clones are the same semaphore.
///
/// ```
/// # oneloop::run(async {
/// let semaphore = oneloop::Semaphore::new(1);
/// let permit = semaphore.acquire().await?; // async with semaphore:
/// assert!(semaphore.locked());
/// drop(permit);
/// assert!(!semaphore.locked());
/// # Ok(()) }).unwrap();
/// ```
#[derive(Clone)]
pub struct Semaphore {
    shared: Rc<Shared>,
}

struct Shared {
    permits: Cell<usize>,
    /// Those who wait, longest first. One that was chosen stays until it runs, so that nobody overtakes it.
    line: Line,
    bound: LoopBound,
}

impl Semaphore {
    /// A semaphore with this many permits.
    pub fn new(permits: usize) -> Semaphore {
        let shared = Shared { permits: Cell::new(permits), line: Line::default(), bound: LoopBound::default() };
        Semaphore { shared: Rc::new(shared) }
    }

    /// Waits for a permit, which goes back when the guard is dropped. Cancellation safe: a waiter that goes takes
    /// nothing with it.
    ///
    /// # Errors
    /// `Cancelled`; `Runtime` on another loop than the one on which a task has first waited.
    pub fn acquire(&self) -> Acquire {
        Acquire { shared: self.shared.clone(), place: None }
    }

    /// Adds a permit, for one that was [forgotten](SemaphorePermit::forget), or to raise the bound.
    pub fn release(&self) {
        self.shared.release();
    }

    /// Whether `acquire` would have to wait: no permit is free, or others came earlier.
    pub fn locked(&self) -> bool {
        self.shared.locked()
    }

    /// How many permits are free.
    pub fn available(&self) -> usize {
        self.shared.permits.get()
    }

    pub(crate) fn waiters(&self) -> usize {
        self.shared.line.len()
    }
}

impl Shared {
    fn locked(&self) -> bool {
        self.permits.get() == 0 || self.line.is_taken()
    }

    fn release(&self) {
        self.permits.set(self.permits.get() + 1);
        self.choose_next();
    }

    /// Sets a permit aside for the first who waits, and wakes it. False if nobody waits.
    fn choose_next(&self) -> bool {
        let Some(next) = self.line.first_waiting() else { return false };
        self.permits.set(self.permits.get() - 1);
        next.wake(&self.bound)
    }

    /// What a waiter does last, however its wait has ended: those who came meanwhile had to queue behind it.
    fn choose_all(&self) {
        while self.permits.get() > 0 && self.choose_next() {}
    }
}

/// What [`Semaphore::acquire`] returns.
#[must_use = "futures do nothing unless awaited"]
pub struct Acquire {
    shared: Rc<Shared>,
    place: Option<Rc<Waiter>>,
}

impl Future for Acquire {
    type Output = Result<SemaphorePermit>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        let place = match &this.place {
            Some(place) => place,
            None if take_cancellation() => return Poll::Ready(Err(Error::Cancelled)),
            None if !this.shared.locked() => {
                this.shared.permits.set(this.shared.permits.get() - 1);
                return Poll::Ready(Ok(SemaphorePermit { shared: Some(this.shared.clone()) }));
            }
            None => {
                this.shared.bound.bind("the Semaphore is bound to a different event loop")?;
                this.place.insert(this.shared.line.join(At::Semaphore))
            }
        };
        match std::task::ready!(place.poll(cx)) {
            Ok(()) => {
                this.shared.line.leave(place);
                this.place = None;
                this.shared.choose_all();
                Poll::Ready(Ok(SemaphorePermit { shared: Some(this.shared.clone()) }))
            }
            Err(error) => {
                this.give_up();
                Poll::Ready(Err(error))
            }
        }
    }
}

impl Acquire {
    /// Leaves the line, and gives back the permit that was set aside for this one.
    fn give_up(&mut self) {
        if let Some(place) = self.place.take() {
            if place.is_woken() {
                self.shared.permits.set(self.shared.permits.get() + 1);
            }
            self.shared.line.leave(&place);
            self.shared.choose_all();
        }
    }
}

impl Drop for Acquire {
    fn drop(&mut self) {
        self.give_up();
    }
}

/// One permit of a [`Semaphore`]: `async with semaphore`. Dropping it gives it back.
#[must_use = "the permit goes back when it is dropped"]
pub struct SemaphorePermit {
    /// Empty once the permit was forgotten.
    shared: Option<Rc<Shared>>,
}

impl SemaphorePermit {
    /// Keeps the permit for good: the bound is lower by one, until [`Semaphore::release`].
    pub fn forget(mut self) {
        self.shared = None;
    }
}

impl Drop for SemaphorePermit {
    fn drop(&mut self) {
        if let Some(shared) = &self.shared {
            shared.release();
        }
    }
}

impl fmt::Debug for Semaphore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Semaphore")
            .field("available", &self.available())
            .field("locked", &self.locked())
            .field("waiters", &self.waiters())
            .finish()
    }
}

impl fmt::Debug for Acquire {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Acquire")
    }
}

impl fmt::Debug for SemaphorePermit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SemaphorePermit")
    }
}
