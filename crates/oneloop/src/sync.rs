//! The parts of the standard library that two threads share here, or loom's models of them.
//!
//! Job: let `ready/model.rs` try every interleaving of the code that runs, not of a copy. Everything else of the
//! crate lives on one thread. Under `--cfg loom` only that model runs: `std::task::Waker` can't be made of loom's `Arc`.

#[cfg(loom)]
pub(crate) use loom::sync::{
    Arc, Mutex, MutexGuard,
    atomic::{AtomicBool, AtomicU64, Ordering, fence},
};
#[cfg(not(loom))]
pub(crate) use std::sync::{
    Arc, Mutex, MutexGuard,
    atomic::{AtomicBool, AtomicU64, Ordering, fence},
};

/// Locks. A thread that panicked while it held the lock had only pushed or taken: what it guards is still whole.
pub(crate) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}
