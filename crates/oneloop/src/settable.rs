//! Futures that are settled from outside.
//!
//! Job: the bridge from callbacks to `await`. Neighbours: `future.rs` has the mechanism. Invariant: settled once;
//! whoever waits runs in a later turn, never inside `set_result`.
//!
//! Counterparts: `asyncio.Future`; `TaskCompletionSource`, whose `SetResult` runs a waiter inside the call unless it
//! was made with `RunContinuationsAsynchronously`.

use std::{
    cell::Cell,
    rc::{Rc, Weak},
};

use crate::{
    cancel::{CancelTarget, Way},
    cancel_message::Reason,
    debug::note_await,
    error::{Error, Result},
    event_loop::Core,
    future::{Awaitable, Awaiting, FutureState, Outcome},
    handle::{Callback, Listener},
    join::{AwaitingRef, CallbackId},
    loop_ref::LoopRef,
    ready::{Ready, TaskId},
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
    /// Whether a callback was added that has this future as its argument.
    has_callbacks: Cell<bool>,
}

impl<T: 'static> SettableFuture<T> {
    pub(crate) fn new(home: Weak<Core>) -> SettableFuture<T> {
        SettableFuture { inner: Rc::new(Settable { state: FutureState::new(home), has_callbacks: Cell::new(false) }) }
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
        self.cancel_for(Reason::NONE)
    }

    /// Whether it has a result, an error, or was cancelled.
    pub fn done(&self) -> bool {
        self.inner.state.is_done()
    }

    /// Whether it was cancelled.
    pub fn cancelled(&self) -> bool {
        self.inner.state.is_cancelled()
    }

    /// A copy of its value, without waiting.
    ///
    /// # Errors
    /// `InvalidState` ("Result is not set.") before its end; `Cancelled` if it was cancelled; else its error.
    pub fn result(&self) -> Result<T>
    where
        T: Clone,
    {
        self.inner.state.result()
    }

    /// Its error (Python: `exception()`), or `None` if it has a result.
    ///
    /// # Errors
    /// `InvalidState` ("Exception is not set.") before its end; `Cancelled` if it was cancelled.
    pub fn error(&self) -> Result<Option<Error>> {
        self.inner.state.error()
    }

    /// Queues `callback` when the future is done: behind those who wait already, at once if it is done now. It runs in
    /// a copy of the context that runs now, and gets the future. A future that is dropped without having been settled
    /// drops its callbacks. The id is for [`remove_done_callback`](SettableFuture::remove_done_callback).
    pub fn add_done_callback(&self, callback: impl FnOnce(&SettableFuture<T>) + 'static) -> CallbackId
    where
        T: 'static,
    {
        let this = if self.done() { Ok(self.inner.clone()) } else { Err(Rc::downgrade(&self.inner)) };
        let listener = Listener::once(move || {
            if let Ok(inner) = this.or_else(|me| me.upgrade().ok_or(())) {
                callback(&SettableFuture { inner });
            }
        });
        let id = CallbackId::of(&listener);
        self.inner.has_callbacks.set(true);
        if let Some(core) = self.inner.state.home.upgrade() {
            self.inner.state.listen(&core, listener, 0);
        }
        id
    }

    /// Takes a callback out of the list. Whether it was there: false once it is queued. (Python looks for an equal
    /// function and removes all copies; two closures are never equal here.)
    pub fn remove_done_callback(&self, callback: &CallbackId) -> bool {
        self.inner.state.forget_listener(callback)
    }

    /// The loop that it belongs to, unless that is gone.
    pub fn get_loop(&self) -> Option<LoopRef> {
        self.inner.state.home.upgrade().map(|core| LoopRef { core })
    }

    pub(crate) fn state(&self) -> &FutureState<T> {
        &self.inner.state
    }

    pub(crate) fn target(&self) -> Rc<dyn Awaitable<T>>
    where
        T: 'static,
    {
        self.inner.clone()
    }

    pub(crate) fn cancel_for(&self, reason: Reason) -> bool {
        let cancelled = self.complete(Outcome::Cancelled(reason)).is_ok();
        if !cancelled {
            self.inner.overlook();
        }
        cancelled
    }

    pub(crate) fn complete(&self, outcome: Outcome<T>) -> Result<()> {
        // Without its loop there is nobody left to wait for it.
        let completed = self.inner.state.home.upgrade().is_some_and(|core| self.inner.complete(&core, outcome));
        if completed { Ok(()) } else { Err(Error::InvalidState("invalid state")) }
    }
}

impl<T: 'static> Settable<T> {
    fn complete(self: &Rc<Self>, core: &Core, outcome: Outcome<T>) -> bool {
        let completed = self.state.complete(core, outcome);
        if completed && self.has_callbacks.get() {
            // The queue holds this behind its callbacks, whose argument it is. They themselves must not, or a future
            // that is never settled would hold itself for ever.
            let me = self.clone();
            core.push(Ready::Call(Callback::new(move || drop(me))));
        }
        completed
    }
}

/// asyncio's "Future exception was never retrieved", at the moment at which nobody can retrieve it any more.
impl<T> Drop for Settable<T> {
    fn drop(&mut self) {
        self.state.report_dropped("Future");
    }
}

impl<T: 'static> CancelTarget for Settable<T> {
    fn takes_request(&self) -> bool {
        !self.state.is_done()
    }

    fn overlook(&self) {
        self.state.overlook();
    }

    fn tells_first(&self, core: &Core, task: TaskId) -> bool {
        self.state.tells_first(core, task)
    }

    fn request(self: Rc<Self>, core: &Core, way: &mut Way) {
        self.complete(core, Outcome::Cancelled(Reason::given(way.message.as_ref())));
    }
}

impl<T: 'static> Awaitable<T> for Settable<T> {
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

    #[track_caller]
    fn into_future(self) -> Awaiting<T> {
        note_await();
        Awaiting::new(self.inner)
    }
}

impl<T: Clone + 'static> IntoFuture for &SettableFuture<T> {
    type Output = Result<T>;
    type IntoFuture = AwaitingRef<T>;

    #[track_caller]
    fn into_future(self) -> AwaitingRef<T> {
        note_await();
        AwaitingRef::new(self.inner.clone())
    }
}
