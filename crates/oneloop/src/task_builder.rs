//! `task_builder`: a task with a name, in a context, or started at once.
//!
//! Job: the keyword arguments of `asyncio.create_task`. Neighbours: `event_loop.rs` makes the task, `context.rs`.
//! Invariant: an eager start is the one place outside of a turn in which a task is polled. It is a step like any other:
//! the task that makes it is not the current one meanwhile, nor does a cancellation of one reach the other.
//!
//! Counterparts: `create_task(coro, name=, context=, eager_start=)`, `eager_task_factory` (`tasks.py`); in .NET every
//! async method starts eagerly.

use std::{fmt, future::Future};

use crate::{
    context::Context,
    error::Result,
    event_loop::Core,
    join::Task,
    loop_ref::{LoopRef, get_running_loop},
    ready::{Ready, TaskId},
};

/// How to make a task that differs from what [`create_task`](crate::create_task) makes.
///
/// ```
/// # oneloop::run(async {
/// let task = oneloop::task_builder()?.name("answer").eager_start(true).create_task(async { Ok(42) });
/// assert!(task.done(), "it has run to its end already");
/// assert_eq!((task.get_name().as_str(), task.await?), ("answer", 42));
/// # Ok(()) }).unwrap();
/// ```
#[must_use = "a builder does nothing until create_task"]
pub struct TaskBuilder {
    event_loop: LoopRef,
    name: Option<Box<str>>,
    context: Option<Context>,
    eager_start: bool,
}

/// A builder of tasks on the running loop.
///
/// # Errors
/// `Runtime` when no loop runs on this thread.
pub fn task_builder() -> Result<TaskBuilder> {
    Ok(get_running_loop()?.task_builder())
}

impl LoopRef {
    /// A builder of tasks on this loop.
    pub fn task_builder(&self) -> TaskBuilder {
        TaskBuilder { event_loop: self.clone(), name: None, context: None, eager_start: false }
    }
}

impl TaskBuilder {
    /// Names it, in place of `Task-N`. No number is used up.
    pub fn name(mut self, name: impl Into<Box<str>>) -> TaskBuilder {
        self.name = Some(name.into());
        self
    }

    /// Runs it in `context` itself: what it sets is seen there. The default is a copy of the context that runs.
    pub fn context(mut self, context: Context) -> TaskBuilder {
        self.context = Some(context);
        self
    }

    /// Polls it for the first time inside `create_task`, if the loop runs: it may be done when that returns. It runs as
    /// a task of its own (`current_task` is the new one) and what it sets stays in its context.
    pub fn eager_start(mut self, on: bool) -> TaskBuilder {
        self.eager_start = on;
        self
    }

    /// Makes the task.
    #[track_caller]
    #[must_use = "a task that nobody awaits still runs, but its errors are only reported; say `drop(task)` to mean that"]
    pub fn create_task<T: 'static>(self, future: impl Future<Output = Result<T>> + 'static) -> Task<T> {
        let core = self.event_loop.core;
        core.debug.is_named_next.set(self.name.is_some());
        let task = core.create_task(future);
        if let Some(name) = self.name {
            core.unnamed.set(core.unnamed.get().wrapping_sub(1)); // the number that it was just given
            task.inner.header.rename(&name, Some(core.clone()));
        }
        if let Some(context) = self.context {
            task.inner.header.context.set(Some(context));
        }
        if self.eager_start && core.running.get() && !task.done() {
            core.step_eagerly(task.inner.header.id);
        }
        task
    }
}

impl Core {
    /// Steps a task that was made just now, instead of leaving its first step in the queue.
    fn step_eagerly(&self, id: TaskId) {
        let queued = self.ready.borrow_mut().pop_back();
        debug_assert!(matches!(queued, Some(Ready::Step(step)) if step == id));
        let current = self.current.replace(None);
        let outer = self.step.set_aside();
        self.step::<true>(id);
        self.step.resume(outer);
        self.current.set(current);
    }
}

impl fmt::Debug for TaskBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, eager_start) = (&self.name, self.eager_start);
        f.debug_struct("TaskBuilder").field("name", name).field("eager_start", &eager_start).finish_non_exhaustive()
    }
}
