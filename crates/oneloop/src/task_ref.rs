//! A task whatever its result: what [`current_task`] and [`all_tasks`] give.
//!
//! Job: in Python a task is one object for whoever meets it; here the handle that was returned by `create_task` knows
//! the type of the result, and this one doesn't. Also a task's name. Neighbours: `join.rs` has the handle with a type.
//! Invariant: a `TaskRef` isn't a handle: having one doesn't keep an error from being reported, and it sees no value.
//!
//! Counterparts: `asyncio.current_task`, `asyncio.all_tasks` (`tasks.py`); .NET knows neither.

use std::{
    fmt,
    future::Future,
    hash::{Hash, Hasher},
    pin::Pin,
    rc::{Rc, Weak},
    task::{self, Poll, Waker},
};

use crate::{
    cancel::{cancel, not_waiting_for, take_cancellation},
    error::{Error, Result},
    event_loop::{Core, running},
    future::Outcome,
    handle::Listener,
    join::Task,
    loop_ref::LoopRef,
    observer::Event,
    ready::{Sleeper, TaskId},
    task::{AnyTask, Header, TaskInner},
};

/// A task's name. The default is `Task-N`, and takes no memory of its own.
pub(crate) enum Name {
    Default(u32),
    Given(Box<str>),
}

impl Default for Name {
    fn default() -> Name {
        Name::Default(0)
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Name::Default(number) => write!(f, "Task-{number}"),
            Name::Given(name) => f.write_str(name),
        }
    }
}

impl Core {
    /// The next default name. A task that is given a name of its own takes none.
    pub(crate) fn default_name(&self) -> Name {
        self.unnamed.set(self.unnamed.get().wrapping_add(1));
        Name::Default(self.unnamed.get())
    }
}

impl Header {
    /// Gives the task another name. `core` is its loop, if that is still there.
    pub(crate) fn rename(&self, name: &str, core: Option<Rc<Core>>) {
        self.name.set(Name::Given(name.into()));
        if let Some(core) = core {
            core.observe(|| Event::Name { task: self.id, name });
        }
    }
}

/// How a task has ended, for those who don't know its result's type.
pub(crate) trait Ending {
    fn is_done(&self) -> bool;
    fn is_cancelled(&self) -> bool;

    /// The end without the value. `Pending` leaves word of who waits in the list, under `key`.
    fn poll_ended(&self, key: &mut Option<u32>, core: &Core, waker: &Waker) -> Poll<Outcome<()>>;

    /// Takes a waker out of the list.
    fn stop_waiting(&self, key: u32);
}

impl<T> Ending for TaskInner<T> {
    fn is_done(&self) -> bool {
        self.state.is_done()
    }

    fn is_cancelled(&self) -> bool {
        self.state.is_cancelled()
    }

    fn poll_ended(&self, key: &mut Option<u32>, core: &Core, waker: &Waker) -> Poll<Outcome<()>> {
        let copy = self.state.copy_without_value(&self.state.outcome.borrow());
        let ended = match copy {
            Outcome::Pending => {
                *key = Some(self.state.wait(*key, Sleeper::new(core, waker)));
                return Poll::Pending;
            }
            Outcome::Taken => Outcome::Finished(Ok(())),
            ended => ended,
        };
        self.state.seen.set(true);
        Poll::Ready(ended)
    }

    fn stop_waiting(&self, key: u32) {
        self.state.leave(key);
    }
}

/// A task whatever its result: what [`current_task`] and [`all_tasks`] give. It can be cancelled, asked and awaited;
/// awaiting it gives `Ok(())` in place of the value, and may be done by several.
///
/// ```
/// # oneloop::run(async {
/// let task = oneloop::create_task(async { Ok(oneloop::current_task().unwrap().get_name()) });
/// let others: Vec<_> = oneloop::all_tasks().into_iter().filter(|task| *task != oneloop::current_task().unwrap()).collect();
/// assert_eq!(others.len(), 1);
/// (&others[0]).await?;
/// assert_eq!(task.await?, "Task-2");
/// # Ok(()) }).unwrap();
/// ```
#[derive(Clone)]
pub struct TaskRef {
    pub(crate) task: Rc<dyn AnyTask>,
    pub(crate) core: Weak<Core>,
}

impl TaskRef {
    pub(crate) fn new(task: Rc<dyn AnyTask>, core: Weak<Core>) -> TaskRef {
        TaskRef { task, core }
    }

    /// The task's id in its loop.
    pub fn id(&self) -> TaskId {
        self.task.header().id
    }

    /// Its name: `Task-N` unless it was given one.
    pub fn get_name(&self) -> String {
        self.task.header().to_string()
    }

    /// Gives it another name.
    pub fn set_name(&self, name: &str) {
        self.task.header().rename(name, self.core.upgrade());
    }

    /// As [`Task::cancel`].
    pub fn cancel(&self) -> bool {
        self.core.upgrade().is_some_and(|core| cancel(&core, self.task.clone()))
    }

    /// As [`Task::cancelling`].
    pub fn cancelling(&self) -> u32 {
        self.task.header().cancellation.requests()
    }

    /// As [`Task::uncancel`].
    pub fn uncancel(&self) -> u32 {
        self.task.header().cancellation.withdraw()
    }

    /// Whether it has ended, in whatever way.
    pub fn done(&self) -> bool {
        self.task.is_done()
    }

    /// Whether it ended by cancellation.
    pub fn cancelled(&self) -> bool {
        self.task.is_cancelled()
    }

    /// As [`Task::add_done_callback`], for a callback that can't be removed.
    pub fn add_done_callback(&self, callback: impl FnOnce(&TaskRef) + 'static) {
        if let Some(core) = self.core.upgrade() {
            let this = self.clone();
            self.task.listen(&core, Listener::once(move || callback(&this)));
        }
    }

    /// The loop that it runs on, unless that is gone.
    pub fn get_loop(&self) -> Option<LoopRef> {
        self.core.upgrade().map(|core| LoopRef { core })
    }

    /// Counts as so many handles, so that an unseen error isn't reported meanwhile.
    pub(crate) fn hold(&self, handles: i32) {
        let count = &self.task.header().handles;
        count.set(count.get().wrapping_add_signed(handles));
    }
}

impl<T: 'static> From<&Task<T>> for TaskRef {
    fn from(task: &Task<T>) -> TaskRef {
        TaskRef { task: task.inner.clone(), core: task.inner.state.home.clone() }
    }
}

impl PartialEq for TaskRef {
    fn eq(&self, other: &TaskRef) -> bool {
        self.id() == other.id() && self.core.ptr_eq(&other.core)
    }
}

impl Eq for TaskRef {}

impl Hash for TaskRef {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.id().hash(state);
    }
}

impl<T: 'static> PartialEq<Task<T>> for TaskRef {
    fn eq(&self, other: &Task<T>) -> bool {
        self.id() == other.id() && self.core.ptr_eq(&other.inner.state.home)
    }
}

impl<T: 'static> PartialEq<TaskRef> for Task<T> {
    fn eq(&self, other: &TaskRef) -> bool {
        other == self
    }
}

impl fmt::Debug for TaskRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TaskRef").field("name", &self.get_name()).field("done", &self.done()).finish_non_exhaustive()
    }
}

/// The task whose step is running, or `None` in a callback or outside the loop: `asyncio.current_task`.
pub fn current_task() -> Option<TaskRef> {
    let core = running()?;
    let task = core.task(core.current.get()?)?;
    Some(TaskRef::new(task, core.me.clone()))
}

/// The tasks of the running loop that have not ended, in the order in which they were made: `asyncio.all_tasks`. Empty
/// outside of a run.
pub fn all_tasks() -> Vec<TaskRef> {
    running().map(|core| LoopRef { core }.all_tasks()).unwrap_or_default()
}

impl LoopRef {
    /// The tasks that have not ended, in the order in which they were made: `asyncio.all_tasks(loop)`.
    pub fn all_tasks(&self) -> Vec<TaskRef> {
        let tasks = self.core.tasks.borrow();
        let mut all: Vec<TaskRef> =
            tasks.iter().map(|(_, slot)| TaskRef::new(slot.task.clone(), self.core.me.clone())).collect();
        drop(tasks);
        all.retain(|task| !task.done());
        all.sort_by_key(|task| task.id().number());
        all
    }
}

impl IntoFuture for &TaskRef {
    type Output = Result<()>;
    type IntoFuture = AwaitingEnd;

    fn into_future(self) -> AwaitingEnd {
        AwaitingEnd { task: self.clone(), key: None }
    }
}

impl IntoFuture for TaskRef {
    type Output = Result<()>;
    type IntoFuture = AwaitingEnd;

    fn into_future(self) -> AwaitingEnd {
        (&self).into_future()
    }
}

/// Waits for the end of a task whatever its result: a [`TaskRef`]'s future. Dropping it stops the waiting alone.
#[must_use = "futures do nothing unless awaited"]
pub struct AwaitingEnd {
    task: TaskRef,
    key: Option<u32>,
}

impl Future for AwaitingEnd {
    type Output = Result<()>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut task::Context<'_>) -> Poll<Result<()>> {
        if take_cancellation() {
            return Poll::Ready(Err(Error::Cancelled));
        }
        let AwaitingEnd { task: TaskRef { task, core: home }, key } = &mut *self;
        let Some(core) = running().or_else(|| home.upgrade()) else {
            return Poll::Ready(Err(Error::LOOP_CLOSED));
        };
        if let Some(error) = refusal(&core, home, Some(task.header().id)).filter(|_| !task.is_done()) {
            return throw_later(key, cx.waker(), error)
                .map_or_else(|error| Poll::Ready(Err(error)), |()| Poll::Pending);
        }
        match task.poll_ended(key, &core, cx.waker()) {
            Poll::Pending => {
                core.observe_targets(|| [task.clone()]);
                core.step.wait_for(task.clone());
                Poll::Pending
            }
            Poll::Ready(ended) => Poll::Ready(ended.into_result(Error::InvalidState("Result is not set."))),
        }
    }
}

impl Drop for AwaitingEnd {
    fn drop(&mut self) {
        if let Some(key) = self.key {
            self.task.task.stop_waiting(key);
            not_waiting_for(Rc::as_ptr(&self.task.task).cast());
        }
    }
}

impl fmt::Debug for AwaitingEnd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AwaitingEnd")
    }
}

/// Why the task whose step is running must not wait for what has this `home` and, if it is one, is this task
/// (`tasks.py: __step_run_and_handle_result`).
pub(crate) fn refusal(core: &Rc<Core>, home: &Weak<Core>, target: Option<TaskId>) -> Option<Error> {
    if Rc::as_ptr(core) != home.as_ptr() {
        return Some(Error::Runtime("Task got Future attached to a different loop"));
    }
    let is_own = target.is_some() && target == core.current.get();
    is_own.then_some(Error::Runtime("Task cannot await on itself"))
}

/// Has the task step once more, and gives the error then: unless a request to cancel comes before, which goes first, as in
/// asyncio. `key` says that it has been so.
pub(crate) fn throw_later(key: &mut Option<u32>, waker: &Waker, error: Error) -> Result<()> {
    const REFUSED: u32 = u32::MAX; // in no list
    if key.replace(REFUSED) == Some(REFUSED) {
        return Err(error);
    }
    waker.wake_by_ref();
    Ok(())
}

/// The id of the task whose step is running.
pub(crate) fn current_id() -> Option<TaskId> {
    crate::event_loop::with_running(|core| core.current.get()).flatten()
}
