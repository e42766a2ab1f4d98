//! `BoundedSemaphore`: a semaphore that notices one release too many.
//!
//! Neighbours: `semaphore.rs`, which does the work. Invariant: it never has more free permits than it was made with.
//!
//! Counterparts: `asyncio.BoundedSemaphore` (`locks.py`); `SemaphoreSlim` with a maximum, and its
//! `SemaphoreFullException`.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};

use super::semaphore::{Acquire, Semaphore, SemaphorePermit};
use crate::error::{Error, Result};

/// A [`Semaphore`] that can't be released more often than it was acquired. Clones are the same semaphore.
///
/// ```
/// # oneloop::run(async {
/// let semaphore = oneloop::BoundedSemaphore::new(1);
/// semaphore.acquire().await?.forget();
/// semaphore.release()?;
/// assert!(semaphore.release().is_err(), "once too often");
/// # Ok(()) }).unwrap();
/// ```
#[derive(Clone)]
pub struct BoundedSemaphore {
    semaphore: Semaphore,
    bound: usize,
}

impl BoundedSemaphore {
    /// A semaphore with this many permits, and never more.
    pub fn new(permits: usize) -> BoundedSemaphore {
        BoundedSemaphore { semaphore: Semaphore::new(permits), bound: permits }
    }

    /// As [`Semaphore::acquire`].
    ///
    /// # Errors
    /// As there.
    pub fn acquire(&self) -> impl Future<Output = Result<BoundedSemaphorePermit>> + use<> {
        AcquireBounded { acquire: self.semaphore.acquire(), semaphore: self.clone() }
    }

    /// Gives a permit back that was [forgotten](BoundedSemaphorePermit::forget).
    ///
    /// # Errors
    /// `Value` if none is out.
    pub fn release(&self) -> Result<()> {
        if self.semaphore.available() >= self.bound {
            return Err(Error::Value("BoundedSemaphore released too many times"));
        }
        self.semaphore.release();
        Ok(())
    }

    /// As [`Semaphore::locked`].
    pub fn locked(&self) -> bool {
        self.semaphore.locked()
    }

    /// How many permits are free.
    pub fn available(&self) -> usize {
        self.semaphore.available()
    }
}

struct AcquireBounded {
    acquire: Acquire,
    semaphore: BoundedSemaphore,
}

impl Future for AcquireBounded {
    type Output = Result<BoundedSemaphorePermit>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let permit = std::task::ready!(Pin::new(&mut self.acquire).poll(cx));
        permit.map(SemaphorePermit::forget)?;
        Poll::Ready(Ok(BoundedSemaphorePermit { semaphore: Some(self.semaphore.clone()) }))
    }
}

/// One permit of a [`BoundedSemaphore`]. Dropping it gives it back, unless it was given back by hand.
#[must_use = "the permit goes back when it is dropped"]
pub struct BoundedSemaphorePermit {
    /// Empty once the permit was forgotten.
    semaphore: Option<BoundedSemaphore>,
}

impl BoundedSemaphorePermit {
    /// Keeps the permit, until [`BoundedSemaphore::release`].
    pub fn forget(mut self) {
        self.semaphore = None;
    }
}

impl Drop for BoundedSemaphorePermit {
    fn drop(&mut self) {
        if let Some(semaphore) = &self.semaphore {
            let _ = semaphore.release();
        }
    }
}

impl fmt::Debug for BoundedSemaphore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BoundedSemaphore")
            .field("available", &self.available())
            .field("bound", &self.bound)
            .field("waiters", &self.semaphore.waiters())
            .finish()
    }
}

impl fmt::Debug for BoundedSemaphorePermit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("BoundedSemaphorePermit")
    }
}
