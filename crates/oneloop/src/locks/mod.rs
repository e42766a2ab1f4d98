//! What tasks wait for each other with: asyncio's `locks.py`, one primitive a file.
//!
//! Job: [`Event`], [`Lock`], [`Condition`], [`Semaphore`], [`BoundedSemaphore`], [`Barrier`]. Neighbours: all of them
//! stand in a [`line`](line), whose waiters are woken by the one who sets, releases or notifies; `queues.rs` does too.
//! Invariants:
//!
//! - First come, first served. Who was woken runs in a later turn, and nobody overtakes it meanwhile.
//! - Nothing is lost with a waiter that goes: whoever is cancelled, or dropped, after it was chosen passes on what it
//!   was chosen for. That stands in `Drop`, because code after an `.await` doesn't run when a future is dropped.
//! - Clones are the same object, so each task can have one. All are for one thread, and are bound to the loop on which
//!   a task first had to wait.
//!
//! | here | in asyncio | in .NET |
//! |---|---|---|
//! | `event.set()`, `event.wait().await?` | the same | an asynchronous `ManualResetEvent` made of a `TaskCompletionSource` |
//! | `let guard = lock.acquire().await?;` | `async with lock:` | `await semaphore.WaitAsync()` on `SemaphoreSlim(1, 1)` |
//! | `lock.acquire().await?.forget(); lock.release()?;` | `await lock.acquire(); lock.release()` | `Release()` |
//! | `condition.wait_for(predicate).await?` | the same | none |
//! | `barrier.wait().await?` | the same, and `async with barrier as index:` | `Barrier` blocks its thread |

mod barrier;
mod bounded_semaphore;
mod condition;
mod event;
pub(crate) mod line;
mod lock;
mod semaphore;

pub use barrier::Barrier;
pub use bounded_semaphore::{BoundedSemaphore, BoundedSemaphorePermit};
pub use condition::{Condition, Truth};
pub use event::{Event, EventWait};
pub use lock::{Lock, LockAcquire, LockGuard};
pub use semaphore::{Acquire, Semaphore, SemaphorePermit};
