//! The handle of a task, through which it is awaited and cancelled.
//!
//! Job: the public face of `task.rs`. Neighbours: `future.rs` (waiting), `cancel.rs`. Invariant: a handle is not
//! the task: dropping it stops nothing; dropping the last one is when an error that nobody saw is reported.
//!
//! Counterparts: `asyncio.Task`, `create_task`, `current_task` (`tasks.py`); .NET's `Task`.

use std::{
    future::Future,
    pin::Pin,
    rc::{Rc, Weak},
    task::{Context, Poll},
};

use crate::{
    cancel::CancelTarget,
    debug::panic_message,
    error::Result,
    event_loop::{Core, running, with_running},
    future::{Awaitable, Awaiting, Outcome},
    handle::Listener,
    ready::TaskId,
    task::TaskInner,
};

/// A handle to a task. Awaiting it by value moves the result out; awaiting `&task` clones it, so several may wait.
/// Clones are handles to the same task, so several may cancel it and look at it.
///
/// Dropping the handle doesn't stop the task, [`cancel`](Task::cancel) does. A panic in the task is raised again
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
#[must_use = "a task that nobody awaits still runs, but its errors are only reported; say `drop(task)` to mean that"]
pub struct Task<T: 'static> {
    pub(crate) inner: Rc<TaskInner<T>>,
    /// Its loop, which may be gone before the handle.
    pub(crate) core: Weak<Core>,
}

impl<T: 'static> Task<T> {
    /// Asks the task to stop: the await that it is in returns `Err(Cancelled)` at its next step. Nothing runs now.
    /// The task may clean up, and may refuse by going on. False if it is done already.
    pub fn cancel(&self) -> bool {
        // Between two runs the loop is made current, so that the task's step is queued in order with other calls.
        let idle = self.core.upgrade().filter(|core| !core.running.get());
        let _entered = idle.as_ref().map(Core::enter);
        self.inner.cancel_target()
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
    pub fn name(&self) -> String {
        self.inner.header.to_string()
    }

    /// Names it, for reports. A task keeps the first name that it is given.
    pub fn set_name(&self, name: &str) {
        let _ = self.inner.header.name.set(Box::new(name.to_owned()));
    }

    /// Queues `callback` when the task ends: behind those who wait already, at once if it has ended. Drops it if the
    /// loop is gone.
    pub fn add_done_callback(&self, callback: impl FnOnce() + 'static) {
        if let Some(core) = self.core.upgrade() {
            self.inner.state.listen(&core, Listener::once(callback), 0);
        }
    }
}

/// Clones are handles to the same task.
impl<T: 'static> Clone for Task<T> {
    fn clone(&self) -> Task<T> {
        let handles = &self.inner.header.handles;
        handles.set(handles.get() + 1);
        Task { inner: self.inner.clone(), core: self.core.clone() }
    }
}

impl<T: 'static> Drop for Task<T> {
    fn drop(&mut self) {
        let left = self.inner.header.handles.get() - 1;
        self.inner.header.handles.set(left);
        if left == 0
            && self.inner.state.has_unseen_error()
            && let Some(core) = self.core.upgrade()
        {
            core.report_unseen(&self.inner.header, &self.inner.state);
        }
    }
}

impl<T: 'static> IntoFuture for Task<T> {
    type Output = Result<T>;
    type IntoFuture = JoinTask<T>;

    fn into_future(self) -> JoinTask<T> {
        JoinTask { awaiting: Awaiting::new(self.inner.clone()), _task: self }
    }
}

impl<T: Clone + 'static> IntoFuture for &Task<T> {
    type Output = Result<T>;
    type IntoFuture = AwaitingRef<T>;

    fn into_future(self) -> AwaitingRef<T> {
        AwaitingRef::new(self.inner.clone())
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
pub fn create_task<T: 'static>(future: impl Future<Output = Result<T>> + 'static) -> Task<T> {
    let core = running().expect("create_task needs a running event loop: use oneloop::run, or a LoopRef's create_task");
    core.create_task(future)
}

/// The task whose step is running, or `None` in a callback or outside the loop: `asyncio.current_task`.
pub fn current_task() -> Option<TaskId> {
    with_running(|core| core.current.get()).flatten()
}

/// Waits for a task or a settable future and clones its result, so that several can wait: `(&task).await`.
#[must_use = "futures do nothing unless awaited"]
pub struct AwaitingRef<T>(Awaiting<T>);

impl<T> AwaitingRef<T> {
    pub(crate) fn new(target: Rc<dyn Awaitable<T>>) -> AwaitingRef<T> {
        AwaitingRef(Awaiting::new(target))
    }
}

impl<T: Clone + 'static> Future for AwaitingRef<T> {
    type Output = Result<T>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<T>> {
        self.0.poll_done(cx, |state| match &*state.outcome.borrow() {
            Outcome::Finished(result) => {
                state.seen.set(true);
                Outcome::Finished(result.clone())
            }
            Outcome::Pending => Outcome::Pending,
            Outcome::Cancelled => Outcome::Cancelled,
            Outcome::Taken => Outcome::Taken,
            // A payload can't be cloned; each waiter gets its message.
            Outcome::Panicked(payload) => {
                state.seen.set(true);
                Outcome::Panicked(Box::new(panic_message(&**payload).to_owned()))
            }
        })
    }
}
