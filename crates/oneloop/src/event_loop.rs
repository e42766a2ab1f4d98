//! The event loop: one thread, one queue, one place in which things run.
//!
//! Job: [`EventLoop::run_forever`] turns; a turn (`run_once`) parks in the selector, collects what has become ready, and
//! runs exactly what was ready at that moment. Neighbours: every file of tier 1 has one part of [`Core`]; read
//! `run_once` first. Invariants:
//!
//! - Callbacks run and futures are polled in `run_once`, or in what only it calls.
//! - What becomes ready during a turn waits for the next one, behind another look at the selector: a task that wakes
//!   itself for ever starves neither sockets nor timers.
//! - No borrow of a part of `Core` is held while user code runs (callback, poll, waker, drop): it may call back.
//! - The thread-local below says which loop runs on this thread. It is how a waker and a leaf find their loop, and
//!   why a second run inside the first is an error at once, instead of the deadlock that `.Result` is in C#.
//!
//! Counterparts: `BaseEventLoop._run_once`, `run_forever`, `run_until_complete` (`base_events.py`); in .NET, the
//! message pump under a `SynchronizationContext`, which a console program doesn't even have.

use std::{
    cell::{Cell, RefCell},
    future::Future,
    mem,
    num::NonZeroU32,
    ops::Deref,
    panic::Location,
    rc::{Rc, Weak},
    time::{Duration, Instant},
};

use slab::Slab;

use crate::{
    any_future::EnsureFuture,
    builder::Builder,
    cancel::Step,
    cancel_message::Messages,
    clock::Clock,
    debug::DebugMode,
    error::{Error, Result},
    executor::Jobs,
    handle::{Callback, Listener},
    join::Task,
    loop_ref::LoopRef,
    observer::{Event, Observer, StepResult, WokenBy},
    ready::{Inbox, Letter, Ready, ReadyQueue, TaskId},
    selector::Selector,
    signals::Signals,
    sync::Arc,
    task::{AnyTask, TaskInner},
    timers::{Action, TimerId, Timers},
    wakers::KeptWaker,
};

thread_local! {
    /// The loop that runs on this thread now, or whose future is being set between two runs.
    static RUNNING: RefCell<Option<Rc<Core>>> = const { RefCell::new(None) };
}

/// Calls `look` with the loop that runs on this thread. `None` if none does, also while the thread is being torn down.
pub(crate) fn with_running<R>(look: impl FnOnce(&Rc<Core>) -> R) -> Option<R> {
    RUNNING.try_with(|running| running.borrow().as_ref().map(look)).ok().flatten()
}

/// The loop that runs on this thread.
pub(crate) fn running() -> Option<Rc<Core>> {
    with_running(Rc::clone)
}

/// The longest park, as in asyncio (`MAXIMUM_SELECT_TIMEOUT`): a day.
const LONGEST_PARK: Duration = Duration::from_secs(24 * 3600);

/// A place in the table of tasks.
pub(crate) struct TaskSlot {
    pub(crate) task: Rc<dyn AnyTask>,
    /// The task's, so that a wake need not look further than here.
    pub(crate) id: TaskId,
    /// Whether the ready queue holds a step of this task.
    pub(crate) scheduled: Cell<bool>,
}

/// The parts of a loop.
pub(crate) struct Core {
    /// Itself, for what is told of a loop by reference.
    pub(crate) me: Weak<Core>,
    /// What is to run, in order.
    pub(crate) ready: ReadyQueue,
    /// The waker that the next step is lent, unless its task has one of its own.
    pub(crate) spare_waker: KeptWaker,
    /// Every task that has not ended.
    pub(crate) tasks: RefCell<Slab<TaskSlot>>,
    /// What is to happen later, the earliest first.
    pub(crate) timers: RefCell<Timers>,
    /// Sockets, and what the loop parks in.
    pub(crate) selector: Selector,
    /// What other threads left for this one.
    pub(crate) inbox: Arc<Inbox>,
    pub(crate) clock: Clock,
    /// The task whose step is running.
    pub(crate) current: Cell<Option<TaskId>>,
    /// What the leaves of that step have to say about cancellation.
    pub(crate) step: Step,
    /// What cancellers have said.
    pub(crate) messages: Messages,
    pub(crate) signals: RefCell<Signals>,
    /// The callbacks of `add_reader` and `add_writer`.
    pub(crate) watches: RefCell<crate::watch::Watches>,
    /// What runs on other threads for this loop.
    pub(crate) jobs: Jobs,
    pub(crate) observer: Option<Rc<dyn Observer>>,
    /// Who wakes what is woken now, if it isn't a task's step. Kept for the observer alone.
    pub(crate) waking: Cell<WokenBy>,
    /// The generation of the next task.
    pub(crate) next_number: Cell<NonZeroU32>,
    /// How many tasks have a default name.
    pub(crate) unnamed: Cell<u32>,
    /// How many turns were begun.
    pub(crate) turn: Cell<u64>,
    /// In how many turns the kernel is asked once while something is ready.
    pub(crate) poll_every: u32,
    /// When a turn that had something to run last asked the kernel. Kept only with `poll_every` above 1.
    pub(crate) polled_at: Cell<Instant>,
    /// When this turn looked for due timers, right after the selector had returned. Kept only while a timer is armed.
    pub(crate) collected_at: Cell<Instant>,
    pub(crate) running: Cell<bool>,
    /// `stop()` was called: this turn is the last.
    pub(crate) stopping: Cell<bool>,
    pub(crate) closed: Cell<bool>,
    pub(crate) debug: DebugMode,
}

/// An event loop: `asyncio.new_event_loop()`. It owns its tasks: dropping it drops them. The [crate]'s first example
/// shows one at work.
pub struct EventLoop(pub(crate) LoopRef);

impl EventLoop {
    /// A loop on the system's clock. The error is the operating system's: no descriptors left for the selector.
    pub fn new() -> Result<EventLoop> {
        EventLoop::builder().build()
    }

    /// For a loop that differs from the default.
    pub fn builder() -> Builder {
        Builder::default()
    }
}

impl LoopRef {
    /// Turns until `future` is finished, and returns what it gave. Other tasks stay where they are, for the next run.
    ///
    /// # Errors
    /// What `future` gives; `Runtime` in another run, after close, or when `stop()` came first; `Value` for another loop's.
    ///
    /// # Panics
    /// With the panic of `future`, if it panics.
    #[track_caller]
    pub fn run_until_complete<A: EnsureFuture>(&self, future: A) -> Result<A::Value> {
        self.core.check_can_run()?;
        let entered = self.core.enter();
        let future = future.ensure_future().here(self);
        drop(entered);
        let (event_loop, this_run) = (self.clone(), Rc::new(Cell::new(true)));
        let run_of_task = this_run.clone();
        let stop = move || {
            if run_of_task.get() {
                event_loop.stop();
            }
        };
        future.state().listen(&self.core, Listener::once(stop), 0);
        let ran = self.run_forever();
        this_run.set(future.done()); // asyncio takes the callback back unless it is queued
        ran?;
        future.outcome().into_result(Error::Runtime("Event loop stopped before Future completed."))
    }

    /// Turns until [`stop`](LoopRef::stop) is called. Stopped before it began, it makes exactly one turn.
    ///
    /// # Errors
    /// `Runtime` inside another run or after close; `Io` if the selector fails.
    pub fn run_forever(&self) -> Result<()> {
        self.core.check_can_run()?;
        self.core.running.set(true);
        let _entered = self.core.enter();
        if self.core.is_observed() { self.turn_until_stopped::<true>() } else { self.turn_until_stopped::<false>() }
    }

    #[inline(never)] // compiled twice, so that hooks cost nothing in a turn that nobody observes
    fn turn_until_stopped<const OBSERVED: bool>(&self) -> Result<()> {
        self.core.wakes_for::<OBSERVED>(WokenBy::Callback);
        while !self.run_once::<OBSERVED>()? {}
        self.core.wakes_for::<OBSERVED>(WokenBy::Outside);
        Ok(())
    }
}

impl Deref for EventLoop {
    type Target = LoopRef;

    fn deref(&self) -> &LoopRef {
        &self.0
    }
}

// ANCHOR: run_once
impl LoopRef {
    /// One turn. Everything that ever runs on the loop runs from here. True if it is the last: `stop()` was called.
    fn run_once<const OBSERVED: bool>(&self) -> Result<bool> {
        let core = &*self.core;
        core.turn.set(core.turn.get() + 1);
        core.observe_turn::<OBSERVED>();

        // 1. Park: not at all if something is ready, else until the next timer, a socket or another thread.
        let idle = core.ready.borrow().is_empty() && !core.stopping.get();
        let next_deadline = core.timers.borrow_mut().next_deadline();
        if idle || core.is_poll_due() {
            let timeout = match next_deadline {
                _ if !idle => Some(Duration::ZERO),
                Some(_) if core.clock.is_virtual() => core.may_jump().then_some(Duration::ZERO),
                Some(deadline) => Some(deadline.saturating_duration_since(core.clock.now()).min(LONGEST_PARK)),
                None => None,
            };
            core.observe_if::<OBSERVED>(move || Event::Park { timeout });
            core.selector.park(timeout)?;
            // 2. I/O: wake those whose sockets are ready. They are stepped in this very turn.
            let unpark = core.selector.dispatch::<OBSERVED>(core);
            core.observe_if::<OBSERVED>(move || Event::Unpark(unpark));
        }
        core.open_letters();

        // 3. Timers: a virtual clock jumps to the next one if nothing else is left to do. Queue what is due.
        if let Some(deadline) = next_deadline {
            if core.may_jump() && core.ready.borrow().is_empty() && !core.stopping.get() {
                core.clock.advance_to(deadline);
            }
            core.queue_due_timers::<OBSERVED>();
        }

        // 4. Run what is ready now, and nothing that becomes ready meanwhile: that stands behind.
        let count = core.ready.borrow().len();
        for _ in 0..count {
            let next = core.ready.borrow_mut().pop_front();
            match next {
                Some(Ready::Step(task)) => core.step::<OBSERVED>(task),
                Some(Ready::Timer(timer)) => core.fence(|| core.fire(timer)),
                Some(Ready::Call(callback)) => core.fence(move || callback.run()),
                Some(Ready::Notify(listener, which)) => core.fence(move || listener.run(which)),
                None => break, // the loop was closed by what ran
            }
        }
        core.observe_if::<OBSERVED>(|| Event::TurnEnd);
        Ok(core.stopping.take())
    }
}
// ANCHOR_END: run_once

impl Core {
    /// Queues what other threads have left: it came before this moment, and stands before what is queued now.
    #[inline]
    fn open_letters(&self) {
        if self.inbox.has_letters() {
            self.take_letters();
        }
    }

    #[cold]
    fn take_letters(&self) {
        let waking = self.waking.replace(WokenBy::Outside);
        for letter in self.inbox.take() {
            match letter {
                Letter::Wake(waker) => drop(waker.opened().map(|task| self.enqueue_step(task))),
                Letter::Call(function) => self.enqueue(Ready::Call(Callback::new(function))),
            }
        }
        self.waking.set(waking);
    }

    fn queue_due_timers<const OBSERVED: bool>(&self) {
        let now = self.clock.now();
        self.collected_at.set(now);
        let mut timers = self.timers.borrow_mut();
        while let Some(timer) = timers.pop_due(now) {
            self.push(Ready::Timer(timer));
            self.observe_if::<OBSERVED>(move || Event::TimerFire { timer: timer.number() });
        }
    }

    /// A due timer's place in the queue has come. It may have been cancelled meanwhile.
    fn fire(&self, timer: TimerId) {
        self.waking.set(WokenBy::Timer);
        let action = self.timers.borrow_mut().remove(timer);
        match action {
            Some(Action::Wake(sleeper)) => self.wake(sleeper),
            Some(Action::Call(callback)) => callback.run(),
            None => {}
        }
        self.waking.set(WokenBy::Callback);
    }

    /// One step of one task: the loop's half of `TaskInner::step`.
    pub(crate) fn step<const OBSERVED: bool>(&self, id: TaskId) {
        let task = match self.tasks.borrow().get(id.slot()) {
            Some(slot) if slot.id == id => {
                slot.scheduled.set(false); // before the poll: what wakes it from now on is news
                slot.task.clone()
            }
            _ => return,
        };
        self.current.set(Some(id));
        let result = self.watched(|| Some(id), || task.step(self));
        self.current.set(None);
        if result != StepResult::Pending {
            drop(self.tasks.borrow_mut().try_remove(id.slot())); // not the last: `task` is another
            self.observe_if::<OBSERVED>(move || Event::Drop { task: id, reason: result });
            if Rc::strong_count(&task) == 1 {
                self.fence(move || drop(task)); // nobody has a handle: what it returned is dropped here
            }
        }
    }

    /// Puts a task's step at the end of the queue, unless it is there or the task is gone: what every wake comes to.
    pub(crate) fn schedule(&self, id: TaskId) {
        self.open_letters();
        self.enqueue_step(id);
    }

    fn enqueue_step(&self, id: TaskId) {
        self.observe_wake(id);
        let tasks = self.tasks.borrow();
        let Some(slot) = tasks.get(id.slot()).filter(|slot| slot.id == id) else { return };
        if !slot.scheduled.replace(true) {
            self.ready.borrow_mut().push_back(Ready::Step(id));
        }
    }

    /// Queues something. A closed loop drops it instead, since it could hold the loop and be held by it for ever.
    pub(crate) fn push(&self, ready: Ready) {
        self.open_letters();
        self.enqueue(ready);
    }

    fn enqueue(&self, ready: Ready) {
        if !self.closed.get() {
            self.ready.borrow_mut().push_back(ready);
        }
    }

    #[track_caller]
    pub(crate) fn create_task<T: 'static>(
        self: &Rc<Core>,
        future: impl Future<Output = Result<T>> + 'static,
    ) -> Task<T> {
        let number = self.next_number.get();
        self.next_number.set(number.checked_add(1).unwrap_or(NonZeroU32::MIN));
        let id = TaskId::new(self.tasks.borrow().vacant_key(), number);
        let inner = TaskInner::new(id, self, future);
        if self.closed.get() {
            inner.refuse(self);
            return Task { inner };
        }
        self.tasks.borrow_mut().insert(TaskSlot { task: inner.clone(), id, scheduled: Cell::new(false) });
        self.made(id, Location::caller());
        self.schedule(id);
        Task { inner }
    }

    pub(crate) fn add_timer(&self, when: Instant, action: Action) -> TimerId {
        self.observe_timer(when);
        if self.closed.get() { TimerId::NEVER } else { self.timers.borrow_mut().add(when, action) }
    }

    /// Takes a timer back, and drops what it had kept with nothing borrowed.
    pub(crate) fn cancel_timer(&self, timer: TimerId) {
        let action = self.timers.borrow_mut().remove(timer);
        drop(action.inspect(|_| self.observe(move || Event::TimerCancel { timer: timer.number() })));
    }

    /// Makes this the running loop of the thread, until the guard goes.
    pub(crate) fn enter(self: &Rc<Core>) -> Entered {
        let before = RUNNING.try_with(|running| running.borrow_mut().replace(self.clone())).ok().flatten();
        Entered { before }
    }
}

/// While this lives, its loop is the running one of its thread.
pub(crate) struct Entered {
    /// The loop that ran before: none, but for a loop that is dropped inside another's run.
    before: Option<Rc<Core>>,
}

impl Drop for Entered {
    fn drop(&mut self) {
        let before = self.before.take();
        let left = RUNNING.try_with(|running| mem::replace(&mut *running.borrow_mut(), before));
        if let Ok(Some(core)) = left {
            core.running.set(false);
        }
    }
}
