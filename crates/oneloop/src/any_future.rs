//! What asyncio calls a future: a task, a settable future, the outer future of a `gather` or a `shield`.
//!
//! Job: [`AnyFuture`] is a handle to any of them, and [`EnsureFuture`] makes one of whatever can be awaited: it is
//! what the combinators take. Neighbours: `gather.rs`, `wait.rs`, `as_completed.rs`, `shield.rs`, `timeouts.rs`.
//! Invariant: a future that exists already is referred to, never wrapped: watching it costs no turn.
//!
//! Counterparts: `asyncio.ensure_future`, `isfuture` (`tasks.py`, `base_futures.py`); .NET's `Task`, which is all of
//! these in one type.

mod identity;

use std::{
    any::Any,
    fmt,
    future::Future,
    pin::Pin,
    rc::{Rc, Weak},
    task::{Context, Poll},
};

use crate::{
    cancel::{CancelTarget, cancel},
    cancel_message::Reason,
    debug::panic_message,
    error::{Error, Result},
    event_loop::{Core, running},
    future::{Awaitable, Awaiting, FutureState, Outcome},
    handle::Listener,
    join::{AwaitingRef, CallbackId, Task},
    loop_ref::LoopRef,
    settable::SettableFuture,
};

/// A handle to anything that asyncio calls a future. Awaiting it by value moves the result out, or clones it where it
/// was made of a reference (`ensure_future(&task)`); awaiting `&future` always clones. Clones are the same future, and
/// so is what compares as equal: also a `Task` or a `SettableFuture` of which it was made.
///
/// ```
/// # oneloop::run(async {
/// let task = oneloop::create_task(async { Ok(42) });
/// let future = oneloop::ensure_future(&task);
/// assert!(future == task && !future.done());
/// assert_eq!(future.await?, 42);
/// # Ok(()) }).unwrap();
/// ```
#[must_use = "dropping it cancels nothing; say `drop(future)` to mean that"]
pub struct AnyFuture<T: 'static> {
    target: Rc<dyn Awaitable<T>>,
    /// How awaiting it by value gets at the outcome: moves it or copies it.
    take: fn(&FutureState<T>) -> Outcome<T>,
    /// Counts as a handle of the task, if it is one.
    task: Option<Task<T>>,
}

/// Whatever can be awaited: tasks, settable futures, [`AnyFuture`]s, references to these, and Rust's own futures, of
/// which a task is made. It is asyncio's "awaitable" as the combinators take it.
pub trait EnsureFuture {
    /// What awaiting it gives, if all goes well.
    type Value: 'static;

    /// The future, or a task made of it: `asyncio.ensure_future`.
    #[track_caller]
    fn ensure_future(self) -> AnyFuture<Self::Value>;
}

/// Makes a task of a Rust future, and refers to what is a task or a future already: `asyncio.ensure_future`.
///
/// # Panics
/// When a task has to be made and no loop runs on this thread.
#[track_caller]
pub fn ensure_future<A: EnsureFuture>(awaitable: A) -> AnyFuture<A::Value> {
    awaitable.ensure_future()
}

impl<T: 'static> AnyFuture<T> {
    pub(crate) fn new(target: Rc<dyn Awaitable<T>>) -> AnyFuture<T> {
        AnyFuture { target, take: FutureState::take, task: None }
    }

    /// Asks it to stop, as its own `cancel` does: a task is asked, a settable future is cancelled, a gather asks all
    /// its children. False if it is done.
    pub fn cancel(&self) -> bool {
        self.state().home.upgrade().is_some_and(|core| cancel(&core, self.target.clone()))
    }

    /// Whether it has ended, in whatever way.
    pub fn done(&self) -> bool {
        self.state().is_done()
    }

    /// Whether it ended by cancellation.
    pub fn cancelled(&self) -> bool {
        self.state().is_cancelled()
    }

    /// A copy of its value, without waiting.
    ///
    /// # Errors
    /// `InvalidState` ("Result is not set.") before its end; `Cancelled` if it was cancelled; else its own error.
    ///
    /// # Panics
    /// With its panic, if it is a task that has panicked.
    pub fn result(&self) -> Result<T>
    where
        T: Clone,
    {
        self.state().result()
    }

    /// Its error (Python: `exception()`), or `None` if it ended well. What was asked for isn't reported as unseen.
    ///
    /// # Errors
    /// `InvalidState` ("Exception is not set.") before its end; `Cancelled` if it was cancelled.
    pub fn error(&self) -> Result<Option<Error>> {
        self.state().error()
    }

    /// Queues `callback` when it ends: behind those who wait already, at once if it has ended. It is dropped if the
    /// loop is gone.
    pub fn add_done_callback(&self, callback: impl FnOnce(&AnyFuture<T>) + 'static) -> CallbackId {
        let this = self.clone();
        let listener = Listener::once(move || callback(&this));
        let id = CallbackId::of(&listener);
        if let Some(core) = self.state().home.upgrade() {
            self.state().listen(&core, listener, 0);
        }
        id
    }

    /// Takes a callback out of the list. Whether it was there: false once it is queued.
    pub fn remove_done_callback(&self, callback: &CallbackId) -> bool {
        self.state().forget_listener(callback)
    }

    pub(crate) fn state(&self) -> &FutureState<T> {
        self.target.state()
    }

    /// The outcome, moved or copied: `Pending` if there is none yet.
    pub(crate) fn outcome(&self) -> Outcome<T> {
        (self.take)(self.state())
    }

    /// The result of one that is done.
    pub(crate) fn into_result(self) -> Result<T> {
        self.outcome().into_result(Error::InvalidState("Result is not set."))
    }

    /// Which future it is.
    pub(crate) fn identity(&self) -> *const () {
        Rc::as_ptr(&self.target).cast()
    }
}

/// A future of whatever type, to be watched.
pub(crate) trait Watched {
    fn is_done(&self) -> bool;
    /// Why it was cancelled, if it was. Counts as told.
    fn reason(&self) -> Option<Reason>;

    /// Its error or panic, if it ended with one. Counts as seen.
    fn failure(&self) -> Option<Failure>;

    /// Whether it ended with an error or a panic. Doesn't count as seen.
    fn has_failed(&self) -> bool;

    /// Has the listener called when it ends: behind those who wait already, queued at once if it has ended.
    fn listen(&self, core: &Core, listener: Rc<Listener>, which: u32);

    /// Takes the listener back.
    fn unlisten(&self, listener: &Rc<Listener>);

    fn cancel(&self) -> bool;

    /// Its loop, which may be gone before it.
    fn home(&self) -> &Weak<Core>;

    /// Itself, for a request to cancel.
    fn target(&self) -> Rc<dyn CancelTarget>;

    /// Which future it is.
    fn id(&self) -> *const ();
}

/// Why a future has failed.
pub(crate) enum Failure {
    Error(Error),
    Panic(Box<dyn Any + Send>),
}

impl<T: 'static> Watched for AnyFuture<T> {
    fn is_done(&self) -> bool {
        self.done()
    }

    fn reason(&self) -> Option<Reason> {
        match &*self.state().outcome.borrow() {
            Outcome::Cancelled(reason) => Some(reason.tell()),
            _ => None,
        }
    }

    fn failure(&self) -> Option<Failure> {
        match self.state().failure() {
            // The payload itself goes to the one who awaits by value.
            Some(Failure::Panic(_)) => match self.outcome() {
                Outcome::Panicked(payload) => Some(Failure::Panic(payload)),
                _ => None,
            },
            failure => failure,
        }
    }

    fn has_failed(&self) -> bool {
        self.state().has_failed()
    }

    fn listen(&self, core: &Core, listener: Rc<Listener>, which: u32) {
        self.state().listen(core, listener, which);
    }

    fn unlisten(&self, listener: &Rc<Listener>) {
        self.state().forget_listener(&CallbackId::of(listener));
    }

    fn cancel(&self) -> bool {
        AnyFuture::cancel(self)
    }

    fn target(&self) -> Rc<dyn CancelTarget> {
        self.target.clone()
    }

    fn home(&self) -> &Weak<Core> {
        &self.state().home
    }

    fn id(&self) -> *const () {
        self.identity()
    }
}

impl<T> FutureState<T> {
    /// The error or the panic with which it ended. A panic's payload can't be cloned: this has its message.
    pub(crate) fn failure(&self) -> Option<Failure> {
        let failure = match &*self.outcome.borrow() {
            Outcome::Finished(Err(error)) => Failure::Error(error.clone()),
            Outcome::Panicked(payload) => Failure::Panic(Box::new(panic_message(&**payload).to_owned())),
            _ => return None,
        };
        self.seen.set(true);
        Some(failure)
    }
}

impl<T: 'static> Clone for AnyFuture<T> {
    fn clone(&self) -> AnyFuture<T> {
        AnyFuture { target: self.target.clone(), take: self.take, task: self.task.clone() }
    }
}

impl<T: 'static> EnsureFuture for AnyFuture<T> {
    type Value = T;

    fn ensure_future(self) -> AnyFuture<T> {
        self
    }
}

impl<T: Clone + 'static> EnsureFuture for &AnyFuture<T> {
    type Value = T;

    fn ensure_future(self) -> AnyFuture<T> {
        AnyFuture { take: FutureState::copy, ..self.clone() }
    }
}

impl<T: 'static> EnsureFuture for Task<T> {
    type Value = T;

    fn ensure_future(self) -> AnyFuture<T> {
        AnyFuture { target: self.inner.clone(), take: FutureState::take, task: Some(self) }
    }
}

impl<T: Clone + 'static> EnsureFuture for &Task<T> {
    type Value = T;

    fn ensure_future(self) -> AnyFuture<T> {
        AnyFuture { take: FutureState::copy, ..self.clone().ensure_future() }
    }
}

impl<T: 'static> EnsureFuture for SettableFuture<T> {
    type Value = T;

    fn ensure_future(self) -> AnyFuture<T> {
        AnyFuture::new(self.target())
    }
}

impl<T: Clone + 'static> EnsureFuture for &SettableFuture<T> {
    type Value = T;

    fn ensure_future(self) -> AnyFuture<T> {
        AnyFuture { take: FutureState::copy, ..self.clone().ensure_future() }
    }
}

impl<T: 'static, F: Future<Output = Result<T>> + 'static> EnsureFuture for F {
    type Value = T;

    #[track_caller]
    fn ensure_future(self) -> AnyFuture<T> {
        crate::create_task(self).ensure_future()
    }
}

/// All of them, in order. Not by `map`: a closure would hide who called.
#[track_caller]
pub(crate) fn ensure_all<A: EnsureFuture>(awaitables: impl IntoIterator<Item = A>) -> Vec<AnyFuture<A::Value>> {
    let awaitables = awaitables.into_iter();
    let mut futures = Vec::with_capacity(awaitables.size_hint().0);
    for awaitable in awaitables {
        futures.push(awaitable.ensure_future());
    }
    futures
}

/// In place of a future of another loop: one that has failed (`tasks.py: ensure_future`).
pub(crate) fn elsewhere<T: 'static>(event_loop: &LoopRef) -> AnyFuture<T> {
    const WHY: &str = "The future belongs to a different loop than the one specified as the loop argument";
    let failed = event_loop.create_future();
    let _ = failed.set_error(Error::Value(WHY));
    failed.ensure_future()
}

impl<T: 'static> AnyFuture<T> {
    /// This one, if it belongs to `event_loop`.
    pub(crate) fn here(self, event_loop: &LoopRef) -> AnyFuture<T> {
        if event_loop.core.is_other_than(&self.state().home) { elsewhere(event_loop) } else { self }
    }
}

impl Core {
    /// Whether what has this `home` belongs to another loop.
    pub(crate) fn is_other_than(&self, home: &Weak<Core>) -> bool {
        !Weak::ptr_eq(home, &self.me)
    }
}

/// What the combinators hold on to: the loop that runs.
///
/// # Panics
/// When none does.
#[track_caller]
pub(crate) fn running_loop() -> LoopRef {
    LoopRef { core: running().expect("this needs a running event loop: use oneloop::run") }
}

impl<T: 'static> IntoFuture for AnyFuture<T> {
    type Output = Result<T>;
    type IntoFuture = AwaitingAny<T>;

    fn into_future(self) -> AwaitingAny<T> {
        AwaitingAny { awaiting: Awaiting::new(self.target.clone()), future: self }
    }
}

impl<T: Clone + 'static> IntoFuture for &AnyFuture<T> {
    type Output = Result<T>;
    type IntoFuture = AwaitingRef<T>;

    fn into_future(self) -> AwaitingRef<T> {
        AwaitingRef::new(self.target.clone())
    }
}

/// Awaits an [`AnyFuture`] by value. It holds the handle, as long as it waits.
#[must_use = "futures do nothing unless awaited"]
pub struct AwaitingAny<T: 'static> {
    awaiting: Awaiting<T>,
    future: AnyFuture<T>,
}

impl<T: 'static> Future for AwaitingAny<T> {
    type Output = Result<T>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<T>> {
        let take = self.future.take;
        self.awaiting.poll_done(cx, take)
    }
}

impl<T: 'static> fmt::Debug for AnyFuture<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AnyFuture").field("done", &self.done()).finish_non_exhaustive()
    }
}

impl<T: 'static> fmt::Debug for AwaitingAny<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AwaitingAny")
    }
}
