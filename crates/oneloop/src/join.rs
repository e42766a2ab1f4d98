//! The handle of a task, through which it is awaited and cancelled.
//!
//! Job: the public face of `task.rs`. Neighbours: `future.rs` (waiting), `cancel.rs`. Invariant: a handle is not
//! the task: dropping it stops nothing; dropping the last one is when an error that nobody saw is reported.
//!
//! Counterparts: `asyncio.Task`, `create_task` (`tasks.py`); .NET's `Task`.

use std::{
    future::Future,
    panic::resume_unwind,
    pin::Pin,
    rc::{Rc, Weak},
    task::{Context, Poll},
};

use crate::{
    cancel::cancel,
    cancel_message::shown,
    debug::{note_await, panic_message},
    error::{Error, Result},
    event_loop::running,
    future::{Awaitable, Awaiting, FutureState, Outcome},
    handle::Listener,
    loop_ref::LoopRef,
    ready::TaskId,
    task::TaskInner,
    task_ref::TaskRef,
    waiters::Waiter,
};

/// A handle to a task. Awaiting it by value moves the result out; awaiting `&task` clones it, so several may wait.
/// Clones are handles to the same task, so several may cancel it and look at it.
///
/// Dropping the handles doesn't stop the task, [`cancel`](Task::cancel) does. A panic in the task is raised again
/// where it is awaited. An error that nobody awaits is reported when the last chance is gone.
///
/// ```
/// # oneloop::run(async {
/// let task = oneloop::create_task(async { Ok(6 * 7) });
/// assert!(!task.done(), "nothing of it has run: its first step is queued");
/// assert_eq!((&task).await?, 42);
/// assert_eq!(task.await?, 42);
/// # Ok(()) }).unwrap();
/// ```
pub struct Task<T: 'static> {
    pub(crate) inner: Rc<TaskInner<T>>,
}

impl<T: 'static> Task<T> {
    /// Asks the task to stop: the await that it is in returns `Err(Cancelled)` at its next step. Nothing runs now.
    /// The task may clean up, and may refuse by going on. False if it is done already, or its loop is closed.
    pub fn cancel(&self) -> bool {
        self.inner.state.home.upgrade().is_some_and(|core| cancel(&core, self.inner.clone()))
    }

    /// Whether it has ended, in whatever way.
    pub fn done(&self) -> bool {
        self.inner.state.is_done()
    }

    /// Whether it ended by cancellation. False for a task that was asked to stop and refused.
    pub fn cancelled(&self) -> bool {
        self.inner.state.is_cancelled()
    }

    /// How many requests to cancel it are not withdrawn by [`uncancel`](Task::uncancel).
    pub fn cancelling(&self) -> u32 {
        self.inner.header.cancellation.requests()
    }

    /// Withdraws one request, for a scope that made it and has dealt with it. Returns how many are left.
    pub fn uncancel(&self) -> u32 {
        self.inner.header.cancellation.withdraw()
    }

    /// The task's id in its loop.
    pub fn id(&self) -> TaskId {
        self.inner.header.id
    }

    /// Its name: `Task-N` unless it was given one.
    pub fn get_name(&self) -> String {
        self.inner.header.to_string()
    }

    /// Gives it another name, for reports and logs.
    pub fn set_name(&self, name: &str) {
        self.inner.header.rename(name, self.inner.state.home.upgrade());
    }

    /// A copy of its value, without waiting.
    ///
    /// # Errors
    /// `InvalidState` ("Result is not set.") before its end; `Cancelled` if it was cancelled; else its own error.
    ///
    /// # Panics
    /// With the task's panic, if it has panicked.
    pub fn result(&self) -> Result<T>
    where
        T: Clone,
    {
        self.inner.state.result()
    }

    /// Its error (Python: `exception()`), or `None` if it ended well. What was asked for isn't reported as unseen.
    ///
    /// # Errors
    /// `InvalidState` ("Exception is not set.") before its end; `Cancelled` if it was cancelled.
    pub fn error(&self) -> Result<Option<Error>> {
        self.inner.state.error()
    }

    /// Queues `callback` when the task ends: behind those who wait already, at once if it has ended. It runs in a copy
    /// of the context that runs now, and gets the task. It is dropped if the loop is gone. The id is for
    /// [`remove_done_callback`](Task::remove_done_callback).
    pub fn add_done_callback(&self, callback: impl FnOnce(&Task<T>) + 'static) -> CallbackId {
        let this = self.clone();
        let listener = Listener::once(move || callback(&this));
        let id = CallbackId::of(&listener);
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

    /// The loop that it runs on, unless that is gone.
    pub fn get_loop(&self) -> Option<LoopRef> {
        self.inner.state.home.upgrade().map(|core| LoopRef { core })
    }
}

/// Names a done-callback, to remove it.
#[derive(Clone)]
pub struct CallbackId(Weak<Listener>);

impl CallbackId {
    pub(crate) fn of(listener: &Rc<Listener>) -> CallbackId {
        CallbackId(Rc::downgrade(listener))
    }

    pub(crate) fn is_of(&self, listener: &Rc<Listener>) -> bool {
        std::ptr::eq(self.0.as_ptr(), Rc::as_ptr(listener))
    }
}

/// Clones are handles to the same task.
impl<T: 'static> Clone for Task<T> {
    fn clone(&self) -> Task<T> {
        let handles = &self.inner.header.handles;
        handles.set(handles.get() + 1);
        Task { inner: self.inner.clone() }
    }
}

impl<T: 'static> Drop for Task<T> {
    fn drop(&mut self) {
        let left = self.inner.header.handles.get() - 1;
        self.inner.header.handles.set(left);
        if left == 0
            && self.inner.state.has_unseen_error()
            && let Some(core) = self.inner.state.home.upgrade()
        {
            core.report_error(Some(TaskRef::from(&*self)), &self.inner.state);
        }
    }
}

impl<T: 'static> IntoFuture for Task<T> {
    type Output = Result<T>;
    type IntoFuture = JoinTask<T>;

    #[track_caller]
    fn into_future(self) -> JoinTask<T> {
        note_await();
        JoinTask { awaiting: Awaiting::new(self.inner.clone()), _task: self }
    }
}

impl<T: Clone + 'static> IntoFuture for &Task<T> {
    type Output = Result<T>;
    type IntoFuture = AwaitingRef<T>;

    #[track_caller]
    fn into_future(self) -> AwaitingRef<T> {
        note_await();
        AwaitingRef { awaiting: Awaiting::new(self.inner.clone()), _task: Some(self.clone()) }
    }
}

/// Awaits a task by value. It holds the handle: dropped half-way, it leaves the task as dropping the handle does.
#[must_use = "futures do nothing unless awaited"]
pub struct JoinTask<T: 'static> {
    awaiting: Awaiting<T>,
    _task: Task<T>,
}

impl<T: 'static> Future for JoinTask<T> {
    type Output = Result<T>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<T>> {
        Pin::new(&mut self.awaiting).poll(cx)
    }
}

/// Makes a task of `future` on the running loop: `asyncio.create_task`. Its first step is queued, nothing runs now;
/// a C# `async` method would run to its first suspension inside the call.
///
/// # Panics
/// When no loop runs on this thread. Use [`LoopRef::create_task`](crate::LoopRef::create_task) before the run.
#[track_caller]
#[must_use = "a task that nobody awaits still runs, but its errors are only reported; say `drop(task)` to mean that"]
pub fn create_task<T: 'static>(future: impl Future<Output = Result<T>> + 'static) -> Task<T> {
    let core = running().expect("create_task needs a running event loop: use oneloop::run, or a LoopRef's create_task");
    core.create_task(future)
}

/// Waits for a task or a settable future and clones its result, so that several can wait: `(&task).await`.
#[must_use = "futures do nothing unless awaited"]
pub struct AwaitingRef<T: 'static> {
    awaiting: Awaiting<T>,
    /// Whoever waits for a task has a handle to it: an error isn't reported while it can still be seen.
    _task: Option<Task<T>>,
}

impl<T: 'static> AwaitingRef<T> {
    /// For what isn't a task.
    pub(crate) fn new(target: Rc<dyn Awaitable<T>>) -> AwaitingRef<T> {
        AwaitingRef { awaiting: Awaiting::new(target), _task: None }
    }
}

impl<T: Clone + 'static> Future for AwaitingRef<T> {
    type Output = Result<T>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<T>> {
        self.awaiting.poll_done(cx, FutureState::copy)
    }
}

impl<T> Outcome<T> {
    /// What whoever asks for the result is given: `pending`, if there is none yet.
    ///
    /// # Panics
    /// With the payload of the panic, if it is one.
    #[inline]
    pub(crate) fn into_result(self, pending: Error) -> Result<T> {
        match self {
            Outcome::Finished(result) => result,
            Outcome::Cancelled(reason) => Err(reason.raise()),
            Outcome::Panicked(payload) => resume_unwind(payload),
            Outcome::Pending => Err(pending),
            Outcome::Taken => Err(Error::InvalidState("the result was taken by another await")),
        }
    }
}

/// Looks at an outcome that others may have as well.
impl<T> FutureState<T> {
    /// A copy of the outcome, which is out of its place meanwhile: `clone` is user code, and may come back to this
    /// future. What was shown isn't reported as unseen.
    pub(crate) fn copy(&self) -> Outcome<T>
    where
        T: Clone,
    {
        /// Puts the outcome back, also when `clone` panics.
        struct Lent<'a, T>(&'a FutureState<T>, Outcome<T>);
        impl<T> Drop for Lent<'_, T> {
            fn drop(&mut self) {
                *self.0.outcome.borrow_mut() = std::mem::replace(&mut self.1, Outcome::Taken);
            }
        }
        match &*self.outcome.borrow() {
            Outcome::Finished(Ok(_)) => {}
            other => return self.copy_without_value(other),
        }
        match &Lent(self, self.take()).1 {
            Outcome::Finished(Ok(value)) => Outcome::Finished(Ok(value.clone())),
            other => self.copy_without_value(other),
        }
    }

    /// A copy of an outcome without its value: `Taken` in place of that.
    pub(crate) fn copy_without_value<U, V>(&self, outcome: &Outcome<U>) -> Outcome<V> {
        match outcome {
            Outcome::Pending => Outcome::Pending,
            Outcome::Cancelled(reason) => Outcome::Cancelled(reason.tell()),
            Outcome::Finished(Ok(_)) | Outcome::Taken => Outcome::Taken,
            Outcome::Finished(Err(error)) => Outcome::Finished(Err(self.show(error))),
            // A payload can't be cloned; each gets its message.
            Outcome::Panicked(payload) => {
                self.seen.set(true);
                Outcome::Panicked(Box::new(panic_message(&**payload).to_owned()))
            }
        }
    }

    /// If it has ended, an error isn't reported.
    pub(crate) fn overlook(&self) {
        self.seen.set(self.seen.get() || self.is_done());
    }

    /// A copy of the error, which somebody has seen with that.
    pub(crate) fn show(&self, error: &Error) -> Error {
        self.seen.set(true);
        shown(error)
    }

    /// Takes a done-callback out of the list. Whether it was there.
    pub(crate) fn forget_listener(&self, callback: &CallbackId) -> bool {
        self.remove(|waiter| matches!(waiter, Waiter::Notify(listener, _) if callback.is_of(listener)))
    }

    pub(crate) fn result(&self) -> Result<T>
    where
        T: Clone,
    {
        self.copy().into_result(Error::InvalidState("Result is not set."))
    }

    pub(crate) fn error(&self) -> Result<Option<Error>> {
        match self.copy_without_value::<T, T>(&self.outcome.borrow()) {
            Outcome::Finished(result) => Ok(result.err()),
            Outcome::Cancelled(reason) => Err(reason.raise()),
            Outcome::Panicked(payload) => Ok(Some(Error::other(panic_message(&*payload)))),
            Outcome::Pending => Err(Error::InvalidState("Exception is not set.")),
            Outcome::Taken => Ok(None),
        }
    }
}
