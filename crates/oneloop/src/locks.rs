//! Synchronization between tasks: the semaphore. (Its siblings of asyncio's `locks.py` come with the rest of the surface.)
//!
//! Job: bound how many tasks are in a place at once, first come, first served. Neighbours: `future.rs`. Invariants:
//! a permit that is released goes to the longest waiting task and to nobody else (no barging); a waiter that is
//! cancelled or dropped after it was chosen passes its permit on. The latter stands in `Drop`, because code after an
//! `.await` doesn't run when the future is dropped.
//!
//! Counterparts: `asyncio.Semaphore` (`locks.py`); `SemaphoreSlim` with `WaitAsync`.

use std::{
    cell::{Cell, RefCell},
    collections::VecDeque,
    fmt,
    future::Future,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll, Waker},
};

use crate::{
    cancel::take_cancellation,
    error::{Error, Result},
};

/// Bounds how many tasks hold a permit at once. Clones are the same semaphore.
///
/// ```
/// # oneloop::run(async {
/// let semaphore = oneloop::Semaphore::new(1);
/// let permit = semaphore.acquire().await?;
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
    queue: RefCell<VecDeque<Rc<Place>>>,
}

/// A place in the queue.
struct Place {
    waker: RefCell<Waker>,
    /// A permit has been set aside for it.
    chosen: Cell<bool>,
}

impl Semaphore {
    /// A semaphore with this many permits.
    pub fn new(permits: usize) -> Semaphore {
        Semaphore { shared: Rc::new(Shared { permits: Cell::new(permits), queue: RefCell::default() }) }
    }

    /// Waits for a permit, which goes back when the guard is dropped. Cancellation safe: a waiter that goes takes
    /// nothing with it.
    pub fn acquire(&self) -> Acquire {
        Acquire { shared: self.shared.clone(), place: None }
    }

    /// Adds a permit, for one that was [forgotten](SemaphorePermit::forget), or to raise the bound.
    pub fn release(&self) {
        self.shared.release();
    }

    /// Whether `acquire` would have to wait.
    pub fn locked(&self) -> bool {
        self.shared.permits.get() == 0 || !self.shared.queue.borrow().is_empty()
    }

    /// How many permits are free.
    pub fn available(&self) -> usize {
        self.shared.permits.get()
    }
}

impl Shared {
    fn release(&self) {
        self.permits.set(self.permits.get() + 1);
        self.choose_next();
    }

    /// Sets free permits aside for those who have waited longest, and wakes them.
    fn choose_next(&self) {
        while self.permits.get() > 0 {
            let next = self.queue.borrow().iter().find(|place| !place.chosen.get()).cloned();
            let Some(place) = next else { return };
            self.permits.set(self.permits.get() - 1);
            place.chosen.set(true);
            let waker = place.waker.borrow().clone();
            waker.wake();
        }
    }

    fn leave(&self, place: &Rc<Place>) {
        self.queue.borrow_mut().retain(|other| !Rc::ptr_eq(other, place));
    }
}

/// What [`Semaphore::acquire`] returns.
#[must_use = "futures do nothing unless awaited"]
pub struct Acquire {
    shared: Rc<Shared>,
    place: Option<Rc<Place>>,
}

impl Future for Acquire {
    type Output = Result<SemaphorePermit>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        if take_cancellation() {
            return Poll::Ready(Err(Error::Cancelled)); // Drop passes on what it was given
        }
        let this = &mut *self;
        match &this.place {
            None if this.shared.permits.get() > 0 && this.shared.queue.borrow().is_empty() => {
                this.shared.permits.set(this.shared.permits.get() - 1);
                return Poll::Ready(Ok(SemaphorePermit { shared: Some(this.shared.clone()) }));
            }
            Some(place) if place.chosen.get() => {
                this.shared.leave(place);
                this.place = None;
                this.shared.choose_next();
                return Poll::Ready(Ok(SemaphorePermit { shared: Some(this.shared.clone()) }));
            }
            Some(place) => place.waker.borrow_mut().clone_from(cx.waker()),
            None => {
                let place = Rc::new(Place { waker: RefCell::new(cx.waker().clone()), chosen: Cell::new(false) });
                this.shared.queue.borrow_mut().push_back(place.clone());
                this.place = Some(place);
            }
        }
        Poll::Pending
    }
}

impl Drop for Acquire {
    fn drop(&mut self) {
        if let Some(place) = self.place.take() {
            self.shared.leave(&place);
            if place.chosen.get() {
                self.shared.release();
            }
        }
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
        f.debug_struct("Semaphore").field("available", &self.available()).field("locked", &self.locked()).finish()
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
