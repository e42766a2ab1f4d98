//! Tasks: futures that the loop drives.
//!
//! Job: a task is a boxed future, the one waker that is handed to it at every poll, and the outcome that its body
//! leaves. [`TaskInner::step`] is the only place of the crate in which a future is polled by the loop. Neighbours:
//! `event_loop.rs` keeps the table of tasks and calls `step`; `future.rs` has the outcome and those who wait for it;
//! `cancel.rs` says what a step must deliver. Invariants:
//!
//! - The future is taken out of its cell while it is polled, so it may call back into the loop, and even wake,
//!   cancel or look at its own task.
//! - It is dropped as soon as it is finished, before anyone who waits for the result runs.
//! - A panic in a poll or in a destructor is caught here, kept, and raised again in whoever awaits the task.
//! - The loop owns its tasks: dropping the handle stops nothing (asyncio holds tasks weakly and may lose them).
//!
//! Counterparts: `asyncio.Task`; .NET's `Task`, which starts running inside the call that makes it.

use std::{
    any::Any,
    cell::{Cell, RefCell},
    fmt,
    future::Future,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    rc::Rc,
    task::{Context, Poll, Waker},
};

use crate::{
    cancel::{CancelTarget, Cancellation, with_current},
    error::{Error, Result},
    event_loop::{Core, running},
    future::{Awaitable, Awaiting, AwaitingRef, FutureState, Outcome},
    handle::Callback,
    observer::StepResult,
    ready::{TaskId, task_waker},
};

type BoxFuture<T> = Pin<Box<dyn Future<Output = Result<T>>>>;

/// What the loop and the leaves know of a task, whatever its result's type.
pub(crate) struct Header {
    pub(crate) id: TaskId,
    /// Made once, lent to every poll.
    waker: Waker,
    /// Whether the ready queue holds a step of this task.
    pub(crate) scheduled: Cell<bool>,
    started: Cell<bool>,
    stepping: Cell<bool>,
    /// The handle is gone, so an error that nobody awaits must be reported when the task ends.
    detached: Cell<bool>,
    pub(crate) cancellation: Cancellation,
    /// None is the default name, `Task-N`.
    name: RefCell<Option<Box<str>>>,
}

/// A task and its result.
pub(crate) struct TaskInner<T> {
    header: Header,
    /// Empty while it is being polled, and once it has ended.
    future: Cell<Option<BoxFuture<T>>>,
    pub(crate) state: FutureState<T>,
}

/// A task as the loop's table has it.
pub(crate) trait AnyTask: CancelTarget {
    fn header(&self) -> &Header;

    /// Polls the future once. Called from `run_once` alone.
    fn step(&self, core: &Core) -> StepResult;

    /// Drops the future of a task that will never be stepped again, because its loop closes.
    fn abandon(&self, core: &Core);
}

impl<T: 'static> TaskInner<T> {
    pub(crate) fn new(id: TaskId, core: &Core, future: impl Future<Output = Result<T>> + 'static) -> Rc<TaskInner<T>> {
        Rc::new(TaskInner {
            header: Header {
                id,
                waker: task_waker(id, &core.inbox),
                scheduled: Cell::new(false),
                started: Cell::new(false),
                stepping: Cell::new(false),
                detached: Cell::new(false),
                cancellation: Cancellation::default(),
                name: RefCell::new(None),
            },
            future: Cell::new(Some(Box::pin(future))),
            state: FutureState::new(),
        })
    }

    /// Polls `future` with the panic fence around it. What the body returned, or why it has ended otherwise.
    fn poll(&self, core: &Core, mut future: BoxFuture<T>) -> Option<Outcome<T>> {
        let cancellation = &self.header.cancellation;
        let mut context = Context::from_waker(&self.header.waker);
        let outcome = match catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(&mut context))) {
            // The body is at a foreign future, and no leaf or scope of ours was there to take the cancellation.
            Ok(Poll::Pending) if cancellation.take_undelivered() => Outcome::Cancelled,
            Ok(Poll::Pending) => {
                self.future.set(Some(future));
                if cancellation.suspend() {
                    core.schedule(self.header.id);
                }
                return None;
            }
            // A request that came too late for any await beats a value, but not an error (tasks.py: __step).
            Ok(Poll::Ready(Ok(_))) if cancellation.take_undelivered() | cancellation.must_cancel() => {
                Outcome::Cancelled
            }
            Ok(Poll::Ready(Err(Error::Cancelled))) => Outcome::Cancelled,
            Ok(Poll::Ready(result)) => Outcome::Finished(result),
            Err(payload) => Outcome::Panicked(payload),
        };
        Some(drop_fenced(future).map_or(outcome, Outcome::Panicked))
    }

    /// Sets the outcome, schedules those who wait, and reports an error that nobody can see any more.
    fn finish(&self, core: &Core, outcome: Outcome<T>) -> StepResult {
        let result = match &outcome {
            Outcome::Panicked(_) => StepResult::Panicked,
            Outcome::Cancelled => StepResult::Cancelled,
            _ => StepResult::Done,
        };
        self.state.complete(core, outcome);
        if self.header.detached.get() {
            self.report_unseen(core);
        }
        result
    }

    /// asyncio's "Task exception was never retrieved", at the moment at which nobody can retrieve it any more.
    fn report_unseen(&self, core: &Core) {
        if !self.state.has_unseen_error() {
            return;
        }
        match self.state.take() {
            Outcome::Finished(Err(error)) => {
                core.report(&format!("{} failed and nobody awaited it", self.header), &error.to_string());
            }
            Outcome::Panicked(payload) => {
                let message = crate::future::panic_message(&*payload);
                core.report(&format!("{} panicked and nobody awaited it", self.header), message);
            }
            _ => {}
        }
    }
}

impl<T: 'static> AnyTask for TaskInner<T> {
    fn header(&self) -> &Header {
        &self.header
    }

    fn step(&self, core: &Core) -> StepResult {
        let Some(future) = self.future.take() else { return StepResult::Done };
        self.header.scheduled.set(false);
        self.header.cancellation.begin_step();
        let started = self.header.started.replace(true);
        if !started && self.header.cancellation.take_undelivered() {
            // Cancelled before its first step: the body never runs.
            let outcome = drop_fenced(future).map_or(Outcome::Cancelled, Outcome::Panicked);
            return self.finish(core, outcome);
        }
        self.header.stepping.set(true);
        let outcome = self.poll(core, future);
        self.header.stepping.set(false);
        outcome.map_or(StepResult::Pending, |outcome| self.finish(core, outcome))
    }

    fn abandon(&self, core: &Core) {
        if let Some(payload) = self.future.take().and_then(drop_fenced) {
            core.report(
                &format!("{} panicked while its loop closed", self.header),
                crate::future::panic_message(&*payload),
            );
        }
        self.state.complete(core, Outcome::Cancelled);
    }
}

/// Calls user code, and returns the payload if it panics.
pub(crate) fn fenced(function: impl FnOnce()) -> Option<Box<dyn Any + Send>> {
    catch_unwind(AssertUnwindSafe(function)).err()
}

/// Drops `value`, and returns the payload if its destructor panics.
pub(crate) fn drop_fenced<V>(value: V) -> Option<Box<dyn Any + Send>> {
    fenced(|| drop(value))
}

impl<T> CancelTarget for TaskInner<T> {
    fn cancel_target(&self) -> bool {
        if self.state.is_done() {
            return false;
        }
        // A task that is being stepped finds the request when it suspends or ends.
        if !self.header.cancellation.request() && !self.header.stepping.get() {
            self.header.waker.wake_by_ref();
        }
        true
    }
}

impl<T: 'static> Awaitable<T> for TaskInner<T> {
    fn state(&self) -> &FutureState<T> {
        &self.state
    }

    fn task_id(&self) -> Option<TaskId> {
        Some(self.header.id)
    }
}

impl fmt::Display for Header {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &*self.name.borrow() {
            Some(name) => f.write_str(name),
            None => self.id.fmt(f),
        }
    }
}

/// A handle to a task. Awaiting it by value moves the result out; awaiting `&task` clones it, so several may wait.
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
}

impl<T: 'static> Task<T> {
    /// Asks the task to stop: the await that it is in returns `Err(Cancelled)` at its next step. Nothing runs now.
    /// The task may clean up, and may refuse by going on. False if it is done already.
    pub fn cancel(&self) -> bool {
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

    /// Names it, for reports.
    pub fn set_name(&self, name: &str) {
        *self.inner.header.name.borrow_mut() = Some(name.into());
    }

    /// Queues `callback` when the task ends: behind those who wait already, at once if it has ended.
    ///
    /// # Panics
    /// When no loop runs on this thread.
    pub fn add_done_callback(&self, callback: impl FnOnce() + 'static) {
        let core = running().expect("add_done_callback needs a running event loop");
        self.inner.state.call_when_done(&core, Callback::new(callback));
    }
}

impl<T: 'static> Drop for Task<T> {
    fn drop(&mut self) {
        self.inner.header.detached.set(true);
        if self.inner.state.has_unseen_error()
            && let Some(core) = running()
        {
            self.inner.report_unseen(&core);
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
#[derive(Debug)]
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

impl<T: 'static> fmt::Debug for Task<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Task").field("name", &self.name()).field("done", &self.done()).finish_non_exhaustive()
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
    with_current(|task| task.id)
}
