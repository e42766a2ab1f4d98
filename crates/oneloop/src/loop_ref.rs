//! The face of a loop for the code that runs on it.
//!
//! Job: the methods of asyncio's loop object, each a line or two over `event_loop.rs` and `handle.rs`.
//! Counterparts: `AbstractEventLoop` (`events.py`); `SynchronizationContext`, which has only `Post`.

use std::{
    cell::Cell,
    future::Future,
    rc::Rc,
    time::{Duration, Instant},
};

use crate::{
    cancel::cancel,
    error::{Error, Result},
    event_loop::{Core, running},
    handle::{Callback, Handle, TimerHandle},
    join::Task,
    ready::{Ready, TaskId},
    settable::SettableFuture,
    task::AnyTask,
    timers::Action,
};

/// A reference to a loop, for the code that runs on it: what [`get_running_loop`] returns. It doesn't keep the loop's
/// tasks alive, and it stays on its thread; for other threads there is [`LoopHandle`](crate::LoopHandle). An
/// [`EventLoop`](crate::EventLoop) derefs to one: `(*event_loop).clone()` is a reference to it.
#[derive(Clone)]
pub struct LoopRef {
    pub(crate) core: Rc<Core>,
}

/// The loop that runs on this thread: `asyncio.get_running_loop()`. In a C# console program the counterpart,
/// `SynchronizationContext.Current`, is null: there is no loop to get.
///
/// # Errors
/// `Runtime` when none does.
pub fn get_running_loop() -> Result<LoopRef> {
    running().map(|core| LoopRef { core }).ok_or(Error::NO_RUNNING_LOOP)
}

impl LoopRef {
    /// The time on the loop's clock.
    pub fn time(&self) -> Instant {
        self.core.now()
    }

    /// When this turn had collected what the selector reported: what a socket woke in this turn has waited since then,
    /// and for no other reason than that this thread was busy. The loop notes it where it reads the clock anyway, for
    /// the timers: with no timer armed it stands still.
    pub fn collected_at(&self) -> Instant {
        self.core.collected_at.get()
    }

    /// Queues `callback` for the next turn, behind all that is ready: `call_soon`, `SynchronizationContext.Post`.
    pub fn call_soon(&self, callback: impl FnOnce() + 'static) -> Handle {
        let callback = Callback::new(callback);
        self.core.push(Ready::Call(callback.clone()));
        Handle { callback, cancelled: Cell::new(false) }
    }

    /// Runs `callback` once `delay` has passed.
    pub fn call_later(&self, delay: Duration, callback: impl FnOnce() + 'static) -> TimerHandle {
        self.call_at(self.core.after(delay), callback)
    }

    /// Runs `callback` at `when`, on the loop's clock.
    pub fn call_at(&self, when: Instant, callback: impl FnOnce() + 'static) -> TimerHandle {
        let timer = self.core.add_timer(when, Action::Call(Callback::new(callback)));
        TimerHandle { event_loop: self.clone(), timer, when, cancelled: Cell::new(false) }
    }

    /// Makes a task of `future`, before or during a run. Its first step is queued.
    #[track_caller]
    #[must_use = "a task that nobody awaits still runs, but its errors are only reported; say `drop(task)` to mean that"]
    pub fn create_task<T: 'static>(&self, future: impl Future<Output = Result<T>> + 'static) -> Task<T> {
        self.core.create_task(future)
    }

    /// Makes a future whose result is set from outside.
    pub fn create_future<T: 'static>(&self) -> SettableFuture<T> {
        SettableFuture::new(Rc::downgrade(&self.core))
    }

    /// Ends the run after this turn; the rest of what is ready in it still runs.
    pub fn stop(&self) {
        self.core.stopping.set(true);
    }

    /// Whether the loop is running.
    pub fn is_running(&self) -> bool {
        self.core.running.get()
    }

    /// Whether the loop was closed.
    pub fn is_closed(&self) -> bool {
        self.core.closed.get()
    }

    /// Cancels the task with this id. False if it has ended.
    pub fn cancel_task(&self, task: TaskId) -> bool {
        self.core.task(task).is_some_and(|task| cancel(&self.core, task))
    }
}

impl Handle {
    /// Whether `cancel` was called.
    pub fn cancelled(&self) -> bool {
        self.cancelled.get()
    }
}

impl TimerHandle {
    /// Whether `cancel` was called.
    pub fn cancelled(&self) -> bool {
        self.cancelled.get()
    }
}

impl Core {
    /// The deadline that is `delay` from now; one that is further off than the clock can count is a century off.
    pub(crate) fn after(&self, delay: Duration) -> Instant {
        const CENTURY: Duration = Duration::from_secs(100 * 365 * 24 * 3600);
        let now = self.clock.now();
        now.checked_add(delay).unwrap_or_else(|| now + CENTURY)
    }

    pub(crate) fn now(&self) -> Instant {
        self.clock.now()
    }

    pub(crate) fn task(&self, id: TaskId) -> Option<Rc<dyn AnyTask>> {
        let tasks = self.tasks.borrow();
        tasks.get(id.slot()).filter(|slot| slot.id == id).map(|slot| slot.task.clone())
    }
}
