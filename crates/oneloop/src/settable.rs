//! Futures that are settled from outside.
//!
//! Job: the bridge from callbacks to `await`. Neighbours: `future.rs` has the mechanism. Invariant: settled once;
//! whoever waits runs in a later turn, never inside `set_result`.
//!
//! Counterparts: `asyncio.Future`; `TaskCompletionSource`, whose `SetResult` runs a waiter inside the call unless it
//! was made with `RunContinuationsAsynchronously`.

use std::rc::Rc;

use crate::{
    cancel::CancelTarget,
    error::{Error, Result},
    future::{Awaitable, Awaiting, FutureState, Outcome},
    handle::Listener,
    join::AwaitingRef,
    loop_ref::LoopRef,
};

/// A future whose result is set by calling it: `asyncio.Future`, `TaskCompletionSource`. Clones are the same future.
///
/// Cancelling one task that awaits it cancels the future itself, for all who wait, as in asyncio.
///
/// ```
/// # oneloop::run(async {
/// let event_loop = oneloop::get_running_loop()?;
/// let answer = event_loop.create_future();
/// let setter = answer.clone();
/// event_loop.call_soon(move || drop(setter.set_result(42)));
/// assert_eq!(answer.await?, 42);
/// # Ok(()) }).unwrap();
/// ```
pub struct SettableFuture<T> {
    inner: Rc<Settable<T>>,
}

struct Settable<T> {
    state: FutureState<T>,
    event_loop: LoopRef,
}

impl<T> SettableFuture<T> {
    pub(crate) fn new(event_loop: LoopRef) -> SettableFuture<T> {
        SettableFuture { inner: Rc::new(Settable { state: FutureState::new(), event_loop }) }
    }

    /// Sets the result and schedules all who wait. `Err(InvalidState)` if the future is done.
    pub fn set_result(&self, value: T) -> Result<()> {
        self.complete(Outcome::Finished(Ok(value)))
    }

    /// Sets an error (asyncio: `set_exception`). `Err(InvalidState)` if the future is done.
    pub fn set_error(&self, error: Error) -> Result<()> {
        self.complete(Outcome::Finished(Err(error)))
    }

    /// Cancels the future: all who wait get `Err(Cancelled)`. False if it is done.
    pub fn cancel(&self) -> bool {
        self.complete(Outcome::Cancelled).is_ok()
    }

    /// Whether it has a result, an error, or was cancelled.
    pub fn done(&self) -> bool {
        self.inner.state.is_done()
    }

    /// Whether it was cancelled.
    pub fn cancelled(&self) -> bool {
        self.inner.state.is_cancelled()
    }

    /// Queues `callback` when the future is done: behind those who wait already, at once if it is done now.
    pub fn add_done_callback(&self, callback: impl FnOnce() + 'static) {
        self.inner.state.listen(&self.inner.event_loop.core, Listener::once(callback), 0);
    }

    pub(crate) fn complete(&self, outcome: Outcome<T>) -> Result<()> {
        if self.inner.complete(outcome) {
            Ok(())
        } else {
            Err(Error::InvalidState("the future has a result, an error, or was cancelled"))
        }
    }
}

impl<T> Settable<T> {
    /// Between two runs the loop is made current meanwhile: the wakers find it, so that whoever waits is queued in the
    /// order of the list, callbacks and tasks alike.
    fn complete(&self, outcome: Outcome<T>) -> bool {
        let core = &self.event_loop.core;
        let _entered = (!core.running.get()).then(|| core.enter());
        self.state.complete(core, outcome)
    }
}

impl<T> CancelTarget for Settable<T> {
    fn cancel_target(&self) -> bool {
        self.complete(Outcome::Cancelled)
    }
}

impl<T> Awaitable<T> for Settable<T> {
    fn state(&self) -> &FutureState<T> {
        &self.state
    }
}

impl<T> Clone for SettableFuture<T> {
    fn clone(&self) -> SettableFuture<T> {
        SettableFuture { inner: self.inner.clone() }
    }
}

impl<T: 'static> IntoFuture for SettableFuture<T> {
    type Output = Result<T>;
    type IntoFuture = Awaiting<T>;

    fn into_future(self) -> Awaiting<T> {
        Awaiting::new(self.inner)
    }
}

impl<T: Clone + 'static> IntoFuture for &SettableFuture<T> {
    type Output = Result<T>;
    type IntoFuture = AwaitingRef<T>;

    fn into_future(self) -> AwaitingRef<T> {
        AwaitingRef::new(self.inner.clone())
    }
}
