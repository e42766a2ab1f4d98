//! Tasks: futures that the loop drives.
//!
//! Job: a task is a boxed future, what the loop and the leaves know of it, and the outcome that its body leaves.
//! [`TaskInner::step`] is the only place of the crate in which a future is polled by the loop. Neighbours:
//! `event_loop.rs` keeps the table of tasks and calls `step`; `wakers.rs` lends a waker to each step; `future.rs` has
//! the outcome and those who wait for it; `cancel.rs` says what a step must deliver. Invariants:
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
    cell::Cell,
    future::Future,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    rc::Rc,
    task::{self, Poll},
};

use crate::{
    cancel::{CancelTarget, Cancellation},
    context::{self, Context},
    error::{Error, Result},
    event_loop::Core,
    exceptions::forget_if_it_panics,
    future::{Awaitable, FutureState, Outcome},
    handle::Listener,
    observer::StepResult,
    ready::TaskId,
    task_ref::{Ending, Name},
    wakers::KeptWaker,
};

type BoxFuture<T> = Pin<Box<dyn Future<Output = Result<T>>>>;

/// What the loop and the leaves know of a task, whatever its result's type.
pub(crate) struct Header {
    pub(crate) id: TaskId,
    /// Its own waker, while anybody has a clone of it.
    waker: KeptWaker,
    started: Cell<bool>,
    pub(crate) stepping: Cell<bool>,
    /// How many handles there are. With none, an error that nobody awaits must be reported when the task ends.
    pub(crate) handles: Cell<u32>,
    pub(crate) cancellation: Cancellation,
    pub(crate) name: Cell<Name>,
    /// The context variables of its steps; between two of them it is kept here.
    pub(crate) context: Cell<Option<Context>>,
}

/// A task and its result.
pub(crate) struct TaskInner<T> {
    pub(crate) header: Header,
    /// Empty while it is being polled, and once it has ended.
    future: Cell<Option<BoxFuture<T>>>,
    pub(crate) state: FutureState<T>,
}

/// A task as the loop's table has it.
pub(crate) trait AnyTask: CancelTarget + Ending {
    fn header(&self) -> &Header;

    /// Polls the future once. Called from `run_once` alone.
    fn step(&self, core: &Core) -> StepResult;

    /// Queues `listener` when the task has ended.
    fn listen(&self, core: &Core, listener: Rc<Listener>);

    /// Drops the future of a task that will never be stepped again, because its loop closes.
    fn abandon(&self, core: &Core);
}

impl<T: 'static> TaskInner<T> {
    pub(crate) fn new(
        id: TaskId,
        core: &Rc<Core>,
        future: impl Future<Output = Result<T>> + 'static,
    ) -> Rc<TaskInner<T>> {
        Rc::new(TaskInner {
            header: Header {
                id,
                waker: Cell::new(None),
                started: Cell::new(false),
                stepping: Cell::new(false),
                handles: Cell::new(1),
                cancellation: Cancellation::default(),
                name: Cell::new(core.default_name()),
                context: Cell::new(context::inherited()),
            },
            future: Cell::new(Some(Box::pin(future))),
            state: FutureState::new(Rc::downgrade(core)),
        })
    }

    /// Polls `future` with the panic fence around it. What the body returned, or why it has ended otherwise.
    fn poll(&self, core: &Core, mut future: BoxFuture<T>) -> Option<Outcome<T>> {
        let own = core.waker_for(self.header.id, &self.header.waker);
        core.step.lend(&own.waker);
        let mut cx = task::Context::from_waker(&own.waker);
        let mut returned = None; // what is pending is not moved out of the fence: most steps end so
        let poll = || {
            if let Poll::Ready(result) = context::within(&self.header.context, || future.as_mut().poll(&mut cx)) {
                returned = Some(result);
            }
        };
        let polled = catch_unwind(AssertUnwindSafe(poll));
        core.step.end();
        core.take_back(own, &self.header.waker);
        let undelivered = core.step.take_thrown(core);
        let outcome = match (polled, returned) {
            // The body is at a foreign future, and no leaf or scope of ours was there to take the cancellation.
            (Ok(()), None) if undelivered => Outcome::Cancelled(core.messages.reason_of_end(core, false)),
            (Ok(()), None) => {
                self.future.set(Some(future));
                if self.header.cancellation.suspend(core) {
                    core.schedule(self.header.id);
                }
                return None;
            }
            // A request that came too late for any await beats a value, but not an error (tasks.py: __step).
            (Ok(()), Some(Ok(value))) if undelivered || self.header.cancellation.must_cancel() => {
                let reason = core.messages.reason_of_end(core, !undelivered);
                drop_fenced(value).map_or(Outcome::Cancelled(reason), Outcome::Panicked)
            }
            (Ok(()), Some(Err(Error::Cancelled))) => Outcome::Cancelled(core.messages.reason_of_end(core, false)),
            (Ok(()), Some(result)) => Outcome::Finished(result),
            (Err(payload), _) => Outcome::Panicked(payload),
        };
        let Some(payload) = drop_fenced(future) else { return Some(outcome) };
        drop_fenced(outcome).into_iter().for_each(forget_if_it_panics); // the first is the one that goes on
        Some(Outcome::Panicked(payload))
    }

    /// Sets the outcome, schedules those who wait, and reports an error that nobody can see any more.
    fn finish(&self, core: &Core, outcome: Outcome<T>) -> StepResult {
        let result = match &outcome {
            Outcome::Panicked(_) => StepResult::Panicked,
            Outcome::Cancelled(_) => StepResult::Cancelled,
            _ => StepResult::Done,
        };
        let nobody_looks = self.header.handles.get() == 0 && !self.state.is_awaited();
        self.state.complete(core, outcome);
        if nobody_looks {
            core.report_unseen(&self.header, &self.state);
        }
        result
    }
}

impl<T: 'static> AnyTask for TaskInner<T> {
    fn header(&self) -> &Header {
        &self.header
    }

    fn step(&self, core: &Core) -> StepResult {
        let Some(future) = self.future.take() else { return StepResult::Done };
        self.header.cancellation.begin_step(&core.step);
        let started = self.header.started.replace(true);
        if !started && core.step.take_thrown(core) {
            // Cancelled before its first step: the body never runs.
            let reason = core.messages.reason_of_end(core, false);
            let outcome = drop_fenced(future).map_or(Outcome::Cancelled(reason), Outcome::Panicked);
            return self.finish(core, outcome);
        }
        self.header.stepping.set(true);
        let outcome = self.poll(core, future);
        self.header.stepping.set(false);
        outcome.map_or(StepResult::Pending, |outcome| self.finish(core, outcome))
    }

    fn listen(&self, core: &Core, listener: Rc<Listener>) {
        self.state.listen(core, listener, 0);
    }

    fn abandon(&self, core: &Core) {
        if let Some(payload) = self.future.take().and_then(drop_fenced) {
            core.report(&format!("{} panicked while its loop closed", self.header), payload);
        }
        self.header.cancellation.forget();
        self.state.abandon();
    }
}

/// Drops `value`, and returns the payload if its destructor panics.
fn drop_fenced<V>(value: V) -> Option<Box<dyn Any + Send>> {
    catch_unwind(AssertUnwindSafe(|| drop(value))).err()
}

impl<T: 'static> Awaitable<T> for TaskInner<T> {
    fn state(&self) -> &FutureState<T> {
        &self.state
    }
}
