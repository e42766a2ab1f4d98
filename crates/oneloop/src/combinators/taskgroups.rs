//! `TaskGroup`: tasks that end together.
//!
//! Job: a scope that is left only when all tasks that were made in it have ended; the first that fails has the others
//! cancelled, and the body too. Neighbours: `scope.rs`, the task that the body runs in; `error_kinds.rs`, the errors as
//! one. Invariants:
//!
//! - The body is cancelled by a request of the group's own, which the group takes back: who cancels from outside is
//!   told apart.
//! - Errors come in the order in which the tasks failed, the body's last. A task that was cancelled hasn't failed.
//! - Siblings are cancelled in the order in which they were made (CPython's is that of a set).
//!
//! Counterparts: `asyncio.TaskGroup` (`taskgroups.py`, the rules of 3.13). .NET has none: `WhenAll` and a
//! `CancellationTokenSource`, by hand.

use std::{
    any::Any,
    cell::{Cell, RefCell},
    collections::BTreeMap,
    fmt,
    future::{Future, poll_fn},
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    pin::pin,
    rc::Rc,
    task::Poll,
};

use super::scope::{ScopeTask, poll_body};
use crate::{
    any_future::Failure,
    cancel_message::Reason,
    error::{Error, Result},
    event_loop::with_running,
    handle::Listener,
    join::Task,
    observer::WaitsFor,
    ready::TaskId,
    settable::SettableFuture,
    task_builder::TaskBuilder,
};

/// A group of tasks that end together. Clones are the same group, so that its tasks can add others.
///
/// ```
/// use oneloop::{Error, TaskGroup, sleep};
/// # use std::time::Duration;
/// # let event_loop = oneloop::EventLoop::builder().virtual_clock(true).build()?;
/// # event_loop.run_until_complete(async {
/// let result = TaskGroup::scope(async |group| {           // async with asyncio.TaskGroup() as group:
///     let fails = group.create_task(async {
///         sleep(Duration::from_secs(1)).await?;
///         Err::<(), _>(Error::other("boom"))
///     })?;
///     let other = group.create_task(sleep(Duration::from_secs(3600)))?; // cancelled when the first has failed
///     drop((fails, other));
///     sleep(Duration::from_secs(3600)).await              // so is this
/// });
/// let error = result.await.unwrap_err();                  // except* Exception as group:
/// assert_eq!(error.errors().map(Error::to_string).collect::<Vec<_>>(), ["boom"]);
/// # Ok(()) })?;
/// # Ok::<(), oneloop::Error>(())
/// ```
#[derive(Clone, Default)]
pub struct TaskGroup {
    inner: Rc<Inner>,
}

#[derive(Default)]
struct Inner {
    /// The task that the group was entered in.
    parent: RefCell<Option<ScopeTask>>,
    state: Cell<State>,
    /// No new tasks: the others are being cancelled.
    aborting: Cell<bool>,
    /// The group has cancelled its own parent.
    parent_cancel_requested: Cell<bool>,
    /// Those that have not ended, by their numbers: in the order in which they were made.
    tasks: RefCell<BTreeMap<u32, TaskId>>,
    errors: RefCell<Vec<Error>>,
    /// The first panic; it goes on when all have ended.
    panic: Cell<Option<Box<dyn Any + Send>>>,
    /// Settled when the last task has ended.
    on_completed: RefCell<Option<SettableFuture<()>>>,
}

#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
enum State {
    #[default]
    Created,
    Entered,
    /// The body has ended. With no tasks left, so has the group.
    Exiting,
    /// The scope was dropped half-way.
    Abandoned,
}

impl TaskGroup {
    /// A group that is not entered yet, for [`enter`](TaskGroup::enter).
    pub fn new() -> TaskGroup {
        TaskGroup::default()
    }

    /// Runs `body` with a new group, and waits for its tasks: `async with TaskGroup() as group`.
    ///
    /// # Errors
    /// As [`enter`](TaskGroup::enter).
    pub async fn scope<T>(body: impl AsyncFnOnce(TaskGroup) -> Result<T>) -> Result<T> {
        let group = TaskGroup::new();
        group.enter(body(group.clone())).await
    }

    /// Runs `body` inside the group, and waits until all tasks of the group have ended.
    ///
    /// Dropped half-way, it cancels the tasks and can't wait for them.
    ///
    /// # Errors
    /// - `Group` with all errors, in the order in which they happened, if tasks or the body failed.
    /// - `Cancelled` if the caller was cancelled by others and nothing failed. If something did, it is cancelled at
    ///   its next await.
    /// - `Runtime` outside of a task, or if the group was entered before.
    ///
    /// # Panics
    /// With the first panic of a task or of the body, after all have ended.
    pub async fn enter<T>(&self, body: impl Future<Output = Result<T>>) -> Result<T> {
        let inner = &*self.inner;
        if inner.state.get() != State::Created {
            return Err(Error::Runtime("TaskGroup has already been entered"));
        }
        let parent = ScopeTask::current("TaskGroup cannot determine the parent task")?;
        *inner.parent.borrow_mut() = Some(parent.clone());
        inner.state.set(State::Entered);
        let abandoned = Abandoned(inner);
        let result = inner.run(&parent, body).await;
        inner.state.set(State::Exiting);
        let result = inner.exit(&parent, result).await;
        std::mem::forget(abandoned);
        if let Some(panic) = inner.panic.take() {
            resume_unwind(panic);
        }
        result
    }

    /// Makes a task that belongs to the group. The group sees its error; awaiting it, too, is fine.
    ///
    /// # Errors
    /// `Runtime`, and `future` is dropped unpolled: before the group is entered, after it is finished, and while it is
    /// shutting down because something has failed.
    #[track_caller]
    pub fn create_task<T: 'static>(&self, future: impl Future<Output = Result<T>> + 'static) -> Result<Task<T>> {
        let parent = self.inner.open()?;
        Ok(self.adopt(&parent, parent.event_loop.create_task(future)))
    }

    /// As [`create_task`](TaskGroup::create_task), of a task with a name, a context or an eager start:
    /// `group.create_task(f(), name="x")` is `group.create_task_with(task_builder()?.name("x"), f())`.
    ///
    /// # Errors
    /// As there.
    #[track_caller]
    pub fn create_task_with<T: 'static>(
        &self,
        builder: TaskBuilder,
        future: impl Future<Output = Result<T>> + 'static,
    ) -> Result<Task<T>> {
        let parent = self.inner.open()?;
        Ok(self.adopt(&parent, builder.create_task(future)))
    }

    fn adopt<T: 'static>(&self, parent: &ScopeTask, task: Task<T>) -> Task<T> {
        if task.done() {
            self.inner.task_done(parent, &task); // it was started eagerly, and has ended at once
            return task;
        }
        self.inner.tasks.borrow_mut().insert(task.id().number(), task.id());
        let (group, scope, child) = (self.inner.clone(), parent.clone(), task.clone());
        let listener = Listener::once(move || group.task_done(&scope, &child));
        task.inner.state.listen(&parent.event_loop.core, listener, 0);
        task
    }
}

impl Inner {
    /// The task that the group was entered in, if the group takes new tasks.
    fn open(&self) -> Result<ScopeTask> {
        let parent = self.parent.borrow().clone();
        match (self.state.get(), parent) {
            (State::Created, _) | (_, None) => Err(Error::Runtime("TaskGroup has not been entered")),
            (State::Abandoned, _) => Err(Error::Runtime("TaskGroup is finished")),
            (State::Exiting, _) if self.tasks.borrow().is_empty() => Err(Error::Runtime("TaskGroup is finished")),
            _ if self.aborting.get() => Err(Error::Runtime("TaskGroup is shutting down")),
            (_, Some(parent)) => Ok(parent),
        }
    }

    /// The body, with a fence around it: its panic waits for the children, as its errors do.
    async fn run<T>(&self, parent: &ScopeTask, body: impl Future<Output = Result<T>>) -> Option<Result<T>> {
        let mut body = pin!(body);
        poll_fn(|cx| match catch_unwind(AssertUnwindSafe(|| poll_body(parent, body.as_mut(), cx))) {
            Ok(poll) => poll.map(Some),
            Err(panic) => {
                self.keep_first(panic);
                Poll::Ready(None)
            }
        })
        .await
    }

    fn keep_first(&self, panic: Box<dyn Any + Send>) {
        let first = self.panic.take();
        self.panic.set(Some(first.unwrap_or(panic)));
    }

    /// `TaskGroup.__aexit__`. The result is `None` where the body has panicked.
    async fn exit<T>(&self, parent: &ScopeTask, result: Option<Result<T>>) -> Result<T> {
        // A cancellation from outside is handed on, with the words of the first.
        let mut cancelled = matches!(&result, Some(Err(error)) if error.is_cancelled()).then(Reason::caught);
        if !matches!(result, Some(Ok(_))) && !self.aborting.get() {
            self.abort(parent);
        }
        // It may be cancelled again and again meanwhile, and still has to wait.
        while !self.tasks.borrow().is_empty() {
            let all_ended = parent.event_loop.create_future();
            *self.on_completed.borrow_mut() = Some(all_ended.clone());
            with_running(|core| {
                self.tasks.borrow().values().for_each(|task| core.observe_wait(|| WaitsFor::Task(*task)));
            });
            if all_ended.await.is_err() && !self.aborting.get() {
                cancelled = Some(Reason::caught());
                self.abort(parent);
            }
            self.on_completed.take();
        }
        let mut errors = self.errors.take();
        if self.parent_cancel_requested.take() && parent.uncancel() == 0 {
            cancelled = None;
        }
        if let Some(reason) = cancelled.filter(|_| errors.is_empty()) {
            return Err(reason.raise());
        }
        let result = match result {
            Some(Err(error)) if !error.is_cancelled() => {
                errors.push(error);
                None
            }
            result => result,
        };
        if errors.is_empty() {
            return result.unwrap_or(Err(Error::Cancelled)); // none: the body has panicked, and that goes on
        }
        if parent.requests() > 0 {
            parent.uncancel();
            parent.cancel_task(); // delivered at its next await: the errors have hidden it
        }
        Err(Error::group("unhandled errors in a TaskGroup", errors))
    }

    /// Asks all tasks to stop, in the order in which they were made.
    fn abort(&self, parent: &ScopeTask) {
        self.aborting.set(true);
        let tasks: Vec<TaskId> = self.tasks.borrow().values().copied().collect();
        for task in tasks {
            parent.event_loop.cancel_task(task);
        }
    }

    /// `TaskGroup._on_task_done`.
    fn task_done<T>(&self, parent: &ScopeTask, task: &Task<T>) {
        self.tasks.borrow_mut().remove(&task.id().number());
        let all_ended = self.on_completed.borrow().clone().filter(|_| self.tasks.borrow().is_empty());
        if let Some(all_ended) = all_ended {
            let _ = all_ended.set_result(()); // fails if the wait for it was cancelled
        }
        if self.state.get() == State::Abandoned {
            return; // its error is reported as that of any task that nobody awaits
        }
        match task.inner.state.failure() {
            None => return,
            Some(Failure::Error(error)) => self.errors.borrow_mut().push(error),
            Some(Failure::Panic(panic)) => self.keep_first(panic),
        }
        if self.aborting.get() || self.parent_cancel_requested.get() {
            return;
        }
        // The parent isn't being cancelled by others: it is cancelled by this group, which takes that back on the way
        // out.
        self.abort(parent);
        self.parent_cancel_requested.set(true);
        match self.state.get() {
            State::Exiting => parent.cancel_task(),
            _ => parent.cancel(),
        }
    }
}

/// The scope is dropped half-way.
struct Abandoned<'a>(&'a Inner);

impl Drop for Abandoned<'_> {
    fn drop(&mut self) {
        self.0.state.set(State::Abandoned);
        let parent = self.0.parent.borrow().clone();
        let Some(parent) = parent else { return };
        parent.leave_body();
        self.0.abort(&parent);
        if self.0.parent_cancel_requested.take() {
            parent.uncancel();
        }
    }
}

impl fmt::Debug for TaskGroup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TaskGroup")
            .field("state", &self.inner.state.get())
            .field("tasks", &self.inner.tasks.borrow().len())
            .field("errors", &self.inner.errors.borrow().len())
            .field("cancelling", &self.inner.aborting.get())
            .finish()
    }
}
