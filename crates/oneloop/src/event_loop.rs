//! The event loop: one thread, one queue, one place in which things run.
//!
//! Job: [`EventLoop::run_forever`] turns; a turn ([`LoopRef::run_once`]) drops what is dead, parks in the selector,
//! collects what has become ready, and runs exactly what was ready at that moment. Neighbours: every file of tier 1
//! has one part of [`Core`]; read `run_once` first. Invariants:
//!
//! - Callbacks run and futures are polled in `run_once`, or in what only it calls.
//! - What becomes ready during a turn waits for the next one, behind another look at the selector: a task that wakes
//!   itself for ever starves neither sockets nor timers.
//! - No borrow of a part of `Core` is held while user code runs: callbacks, polls, wakers, destructors, observers.
//!   So any of these may call back into the loop.
//! - The thread-local below says which loop runs on this thread. It is how a waker and a leaf find their loop, and
//!   why a second run inside the first is an error at once, instead of the deadlock that `.Result` is in C#.
//!
//! Counterparts: `BaseEventLoop._run_once`, `run_forever`, `run_until_complete` (`base_events.py`); in .NET, the
//! message pump under a `SynchronizationContext`, which a console program doesn't even have.

use std::{
    cell::{Cell, RefCell},
    collections::VecDeque,
    fmt,
    future::Future,
    ops::Deref,
    panic::{Location, resume_unwind},
    rc::Rc,
    time::{Duration, Instant},
};

use mio::Token;
use slab::Slab;

use crate::{
    clock::Clock,
    error::{Error, Result},
    future::{Outcome, SettableFuture, panic_message},
    handle::{Callback, Handle, TimerHandle},
    observer::{Event, Observer, Stamp, StepResult, WokenBy},
    ready::{Arc, Inbox, Letter, Ready, ReadyQueue, TaskId},
    selector::Selector,
    signals::Signals,
    task::{AnyTask, Task, TaskInner, drop_fenced, fenced},
    timers::{Action, TimerId, Timers},
};

thread_local! {
    /// The loop that runs on this thread now.
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
/// With `poll_every(n)`, the kernel is asked at least this often while tasks are ready.
const POLL_AT_LEAST_EVERY: Duration = Duration::from_millis(1);

/// The parts of a loop.
pub(crate) struct Core {
    /// What is to run, in order.
    pub(crate) ready: ReadyQueue,
    /// Every task that has not ended.
    tasks: RefCell<Slab<Rc<dyn AnyTask>>>,
    pub(crate) timers: RefCell<Timers>,
    pub(crate) selector: Selector,
    /// What other threads left for this one.
    pub(crate) inbox: Arc<Inbox>,
    clock: Clock,
    /// The task whose step is running.
    pub(crate) current: RefCell<Option<Rc<dyn AnyTask>>>,
    pub(crate) signals: RefCell<Signals>,
    observer: Option<Rc<dyn Observer>>,
    /// Who wakes what is woken now. Kept for the observer alone.
    waking: Cell<WokenBy>,
    /// How many tasks were ever made: the source of ids.
    spawned: Cell<u32>,
    /// How many turns were begun.
    turn: Cell<u64>,
    poll_every: u32,
    /// When the kernel was last asked. Kept only with `poll_every` above 1.
    polled_at: Cell<Instant>,
    running: Cell<bool>,
    /// `stop()` was called: this turn is the last.
    stopping: Cell<bool>,
    closed: Cell<bool>,
    exception_handler: RefCell<Rc<dyn Fn(&str)>>,
}

/// How to make an [`EventLoop`] that differs from the default.
#[derive(Default)]
pub struct Builder {
    virtual_clock: bool,
    poll_every: Option<u32>,
    observer: Option<Rc<dyn Observer>>,
}

impl Builder {
    /// A clock that stands still while anything runs and jumps to the next deadline when only timers are left.
    /// For tests and pictures; sockets are meant to have both their ends on the loop, or to be in-memory ones.
    pub fn virtual_clock(mut self, on: bool) -> Builder {
        self.virtual_clock = on;
        self
    }

    /// Asks the kernel every `turns` turns while tasks are ready, and at least once a millisecond. The default is 1,
    /// as in asyncio: each turn pays for one `epoll_wait`, and no socket waits longer than a turn.
    pub fn poll_every(mut self, turns: u32) -> Builder {
        self.poll_every = Some(turns.max(1));
        self
    }

    /// Has `observer` told of everything that the loop does.
    pub fn observer(mut self, observer: Rc<dyn Observer>) -> Builder {
        self.observer = Some(observer);
        self
    }

    /// Makes the loop.
    ///
    /// # Errors
    /// `Io` when the operating system has no descriptors left for the selector.
    pub fn build(self) -> Result<EventLoop> {
        let selector = Selector::new()?;
        let bell = selector.waker()?;
        let clock = Clock::new(self.virtual_clock);
        let core = Rc::new(Core {
            ready: RefCell::new(VecDeque::new()),
            tasks: RefCell::new(Slab::new()),
            timers: RefCell::default(),
            selector,
            inbox: Arc::new(Inbox::new(move || drop(bell.wake()))),
            polled_at: Cell::new(clock.now()),
            clock,
            current: RefCell::new(None),
            signals: RefCell::default(),
            observer: self.observer,
            waking: Cell::new(WokenBy::Outside),
            spawned: Cell::new(0),
            turn: Cell::new(0),
            poll_every: self.poll_every.unwrap_or(1),
            running: Cell::new(false),
            stopping: Cell::new(false),
            closed: Cell::new(false),
            exception_handler: RefCell::new(Rc::new(|message| eprintln!("oneloop: {message}"))),
        });
        Ok(EventLoop(LoopRef { core }))
    }
}

/// An event loop: `asyncio.new_event_loop()`. It owns its tasks: dropping it drops them.
///
/// ```
/// let event_loop = oneloop::EventLoop::new()?;
/// let answer = event_loop.run_until_complete(async {
///     oneloop::yield_now().await?;
///     Ok(42)
/// })?;
/// assert_eq!(answer, 42);
/// # Ok::<(), oneloop::Error>(())
/// ```
pub struct EventLoop(LoopRef);

/// A reference to a loop, for the code that runs on it: what [`get_running_loop`] returns. It doesn't keep the loop's
/// tasks alive, and it stays on its thread; for other threads there is [`LoopHandle`].
#[derive(Clone)]
pub struct LoopRef {
    pub(crate) core: Rc<Core>,
}

/// What other threads may have of a loop.
#[derive(Clone)]
pub struct LoopHandle {
    inbox: Arc<Inbox>,
}

/// The loop that runs on this thread: `asyncio.get_running_loop()`. In a C# console program the counterpart,
/// `SynchronizationContext.Current`, is null: there is no loop to get.
///
/// # Errors
/// `Runtime` when none does.
pub fn get_running_loop() -> Result<LoopRef> {
    running().map(|core| LoopRef { core }).ok_or(Error::Runtime("no running event loop"))
}

impl EventLoop {
    /// A loop on the system's clock.
    ///
    /// # Errors
    /// `Io` when the operating system has no descriptors left for the selector.
    pub fn new() -> Result<EventLoop> {
        EventLoop::builder().build()
    }

    /// For a loop that differs from the default.
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// Turns until `future` is finished, and returns what it gave. Other tasks stay where they are, for the next run.
    ///
    /// # Errors
    /// What `future` gives; `Runtime` inside another run, after close, or when `stop()` came first.
    ///
    /// # Panics
    /// With the panic of `future`, if it panics.
    #[track_caller]
    pub fn run_until_complete<T: 'static>(&self, future: impl Future<Output = Result<T>> + 'static) -> Result<T> {
        self.core.check_can_run()?;
        let task = self.create_task(future);
        let stopper = Callback::new({
            let event_loop = self.0.clone();
            move || event_loop.stop()
        });
        task.inner.state.call_when_done(&self.core, stopper.clone());
        let ran = self.run_forever();
        Handle { callback: stopper }.cancel();
        ran?;
        match task.inner.state.take() {
            Outcome::Finished(result) => result,
            Outcome::Cancelled => Err(Error::Cancelled),
            Outcome::Panicked(payload) => resume_unwind(payload),
            Outcome::Pending => Err(Error::Runtime("Event loop stopped before Future completed.")),
            Outcome::Taken => Err(Error::InvalidState("the result was taken by another await")),
        }
    }

    /// Turns until [`stop`](LoopRef::stop) is called. Stopped before it began, it makes exactly one turn.
    ///
    /// # Errors
    /// `Runtime` inside another run or after close; `Io` if the selector fails.
    pub fn run_forever(&self) -> Result<()> {
        let _entered = self.core.enter()?;
        loop {
            self.run_once()?;
            if self.core.stopping.take() {
                return Ok(());
            }
        }
    }

    /// Drops every task, callback and timer, with the loop still current for their destructors. What those start is
    /// dropped too. Dropping the loop does the same.
    pub fn close(self) {}
}

impl Drop for EventLoop {
    fn drop(&mut self) {
        self.core.close();
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
    /// One turn. Everything that ever runs on the loop runs from here.
    fn run_once(&self) -> Result<()> {
        let core = &*self.core;
        core.begin_turn();

        // 1. Park: not at all if something is ready, else until the next timer, a socket or another thread.
        let idle = core.ready.borrow().is_empty() && !core.stopping.get();
        let next_deadline = core.timers.borrow_mut().next_deadline();
        if idle || core.is_poll_due() {
            let timeout = match next_deadline {
                _ if !idle => Some(Duration::ZERO),
                Some(_) if core.clock.is_virtual() => Some(Duration::ZERO),
                Some(deadline) => Some(deadline.saturating_duration_since(core.clock.now()).min(LONGEST_PARK)),
                None => None,
            };
            core.observe(|| Event::Park { timeout });
            core.selector.park(timeout)?;
            // 2. I/O: wake those whose sockets are ready. They are stepped in this very turn.
            let unpark = core.selector.dispatch(core);
            core.observe(|| Event::Unpark(unpark));
        }
        core.open_letters();

        // 3. Timers: a virtual clock jumps to the next one if nothing else is left to do. Queue what is due.
        if let Some(deadline) = next_deadline {
            if core.clock.is_virtual() && core.ready.borrow().is_empty() && !core.stopping.get() {
                core.clock.advance_to(deadline);
            }
            core.queue_due_timers();
        }

        // 4. Run what is ready now, and nothing that becomes ready meanwhile.
        let ready_now = core.ready.borrow().len();
        for _ in 0..ready_now {
            let Some(next) = core.ready.borrow_mut().pop_front() else { break };
            let panicked = fenced(|| match next {
                Ready::Step(task) => core.step(task),
                Ready::Timer(timer) => core.fire(timer),
                Ready::Call(callback) => callback.run(),
                Ready::Notify(listener, which) => listener.run(which),
            });
            if let Some(payload) = panicked {
                core.report("a callback panicked", panic_message(&*payload));
            }
        }
        core.observe(|| Event::TurnEnd);
        Ok(())
    }
}
// ANCHOR_END: run_once

impl Core {
    fn begin_turn(&self) {
        self.turn.set(self.turn.get() + 1);
        if self.observer.is_none() {
            return;
        }
        let ready: Vec<TaskId> = self.ready.borrow().iter().filter_map(Ready::task).collect();
        let (timers, next_deadline) = {
            let mut timers = self.timers.borrow_mut();
            (timers.len(), timers.next_deadline())
        };
        let registrations = self.selector.len();
        self.observe(|| Event::TurnBegin { ready: &ready, timers, next_deadline, registrations });
    }

    /// Whether this turn asks the kernel though something is ready.
    fn is_poll_due(&self) -> bool {
        if self.poll_every == 1 {
            return true;
        }
        let now = self.clock.now();
        let due = self.turn.get().is_multiple_of(u64::from(self.poll_every))
            || now.saturating_duration_since(self.polled_at.get()) >= POLL_AT_LEAST_EVERY;
        if due {
            self.polled_at.set(now);
        }
        due
    }

    /// Queues what other threads have left.
    fn open_letters(&self) {
        for letter in self.inbox.take() {
            self.waking.set(WokenBy::Outside);
            match letter {
                Letter::Wake(waker) => self.schedule(waker.opened()),
                Letter::Call(function) => self.push(Ready::Call(Callback::new(function))),
            }
        }
    }

    fn queue_due_timers(&self) {
        let now = self.clock.now();
        let mut timers = self.timers.borrow_mut();
        while let Some(timer) = timers.pop_due(now) {
            self.push(Ready::Timer(timer));
            self.observe(|| Event::TimerFire);
        }
    }

    /// A due timer's place in the queue has come. It may have been cancelled meanwhile.
    fn fire(&self, timer: TimerId) {
        self.waking.set(WokenBy::Timer);
        let action = self.timers.borrow_mut().remove(timer);
        match action {
            Some(Action::Wake(waker)) => waker.wake(),
            Some(Action::Call(callback)) => callback.run(),
            None => {}
        }
        self.waking.set(WokenBy::Callback);
    }

    /// One step of one task: the loop's half of `TaskInner::step`.
    fn step(&self, id: TaskId) {
        let Some(task) = self.task(id) else { return };
        self.observe(|| Event::PollBegin { task: id });
        self.waking.set(WokenBy::Task(id));
        *self.current.borrow_mut() = Some(task.clone());
        let result = task.step(self);
        let stepped = self.current.borrow_mut().take();
        self.waking.set(WokenBy::Callback);
        self.observe(|| Event::PollEnd { task: id, result });
        if result != StepResult::Pending {
            let gone = self.tasks.borrow_mut().try_remove(id.index as usize);
            self.observe(|| Event::Drop { task: id, reason: result });
            drop(drop_fenced((gone, stepped, task)));
        }
    }

    fn task(&self, id: TaskId) -> Option<Rc<dyn AnyTask>> {
        let tasks = self.tasks.borrow();
        tasks.get(id.index as usize).filter(|task| task.header().id == id).cloned()
    }

    /// Puts a task's step at the end of the queue, unless it is there or the task is gone: what every wake comes to.
    pub(crate) fn schedule(&self, id: TaskId) {
        let tasks = self.tasks.borrow();
        let Some(task) = tasks.get(id.index as usize).map(|task| task.header()).filter(|task| task.id == id) else {
            return;
        };
        let coalesced = task.scheduled.replace(true);
        if !coalesced {
            self.ready.borrow_mut().push_back(Ready::Step(id));
        }
        self.observe(|| {
            let by = if self.waking.get() == WokenBy::Task(id) { WokenBy::Itself } else { self.waking.get() };
            Event::Wake { task: id, by, coalesced }
        });
    }

    pub(crate) fn push(&self, ready: Ready) {
        self.ready.borrow_mut().push_back(ready);
    }

    #[track_caller]
    pub(crate) fn create_task<T: 'static>(&self, future: impl Future<Output = Result<T>> + 'static) -> Task<T> {
        let number = self.spawned.get().wrapping_add(1);
        self.spawned.set(number);
        let index = self.tasks.borrow().vacant_key() as u32;
        let id = TaskId { index, generation: number };
        let inner = TaskInner::new(id, self, future);
        if self.closed.get() {
            inner.abandon(self);
            return Task { inner };
        }
        self.tasks.borrow_mut().insert(inner.clone());
        let at = Location::caller();
        self.observe(|| Event::Spawn { task: id, parent: crate::current_task(), at });
        self.schedule(id);
        Task { inner }
    }

    pub(crate) fn add_timer(&self, when: Instant, action: Action) -> TimerId {
        self.observe(|| Event::TimerAdd { deadline: when, task: crate::current_task() });
        self.timers.borrow_mut().add(when, action)
    }

    /// Takes a timer back, and drops what it had kept with nothing borrowed.
    pub(crate) fn cancel_timer(&self, timer: TimerId) {
        let action = self.timers.borrow_mut().remove(timer);
        if action.is_some() {
            self.observe(|| Event::TimerCancel);
        }
        drop(action);
    }

    pub(crate) fn now(&self) -> Instant {
        self.clock.now()
    }

    /// The deadline that is `delay` from now; one that is further off than the clock can count is a century off.
    pub(crate) fn after(&self, delay: Duration) -> Instant {
        const CENTURY: Duration = Duration::from_secs(100 * 365 * 24 * 3600);
        let now = self.clock.now();
        now.checked_add(delay).unwrap_or_else(|| now + CENTURY)
    }

    /// Tells the observer, if there is one: else this is one test.
    #[inline]
    pub(crate) fn observe<'a>(&self, event: impl FnOnce() -> Event<'a>) {
        if let Some(observer) = &self.observer {
            observer.event(&Stamp { clock: &self.clock, turn: self.turn.get() }, &event());
        }
    }

    /// What the selector wakes from now on, it wakes for this source.
    pub(crate) fn woken_by_io(&self, token: Token) {
        self.waking.set(WokenBy::Io(token.0));
    }

    /// Tells the exception handler of something that nobody can be given: `call_exception_handler`.
    pub(crate) fn report(&self, what: &str, why: &str) {
        let handler = self.exception_handler.borrow().clone();
        if let Some(payload) = fenced(|| handler(&format!("{what}: {why}"))) {
            eprintln!("oneloop: {what}: {why} (and the exception handler panicked: {})", panic_message(&*payload));
        }
    }

    fn check_can_run(&self) -> Result<()> {
        if self.closed.get() {
            return Err(Error::Runtime("Event loop is closed"));
        }
        if self.running.get() {
            return Err(Error::Runtime("This event loop is already running"));
        }
        if with_running(|_| ()).is_some() {
            return Err(Error::Runtime("Cannot run the event loop while another loop is running"));
        }
        Ok(())
    }

    /// Makes this the running loop of the thread, until the guard goes.
    fn enter(self: &Rc<Core>) -> Result<Entered> {
        self.check_can_run()?;
        self.running.set(true);
        RUNNING.with(|running| *running.borrow_mut() = Some(self.clone()));
        Ok(Entered { before: None })
    }

    fn close(self: &Rc<Core>) {
        self.closed.set(true);
        // Destructors find the loop: they may cancel timers, free sockets, wake, even spawn.
        let before = RUNNING.try_with(|running| running.borrow_mut().replace(self.clone())).ok().flatten();
        let _entered = Entered { before };
        let tasks = self.tasks.take();
        for (_, task) in tasks {
            task.abandon(self);
            drop(drop_fenced(task));
        }
        // Dropping callbacks may queue more; those go the same way.
        while let Some(next) = { self.ready.borrow_mut().pop_front() } {
            drop(drop_fenced(next));
        }
        let timers = self.timers.borrow_mut().take_all();
        drop(drop_fenced(timers));
        drop(drop_fenced(self.selector.take_waiters()));
        drop(drop_fenced(self.inbox.close()));
        let signals = self.signals.take();
        drop(drop_fenced(signals));
    }
}

/// While this lives, its loop is the running one of its thread.
struct Entered {
    /// The loop that ran before: none, but for a loop that is dropped inside another's run.
    before: Option<Rc<Core>>,
}

impl Drop for Entered {
    fn drop(&mut self) {
        let before = self.before.take();
        let left = RUNNING.try_with(|running| std::mem::replace(&mut *running.borrow_mut(), before));
        if let Ok(Some(core)) = left {
            core.running.set(false);
        }
    }
}

impl LoopRef {
    /// The time on the loop's clock.
    pub fn time(&self) -> Instant {
        self.core.now()
    }

    /// Queues `callback` for the next turn, behind all that is ready: `call_soon`, `SynchronizationContext.Post`.
    pub fn call_soon(&self, callback: impl FnOnce() + 'static) -> Handle {
        let callback = Callback::new(callback);
        if !self.core.closed.get() {
            self.core.push(Ready::Call(callback.clone()));
        }
        Handle { callback }
    }

    /// Runs `callback` once `delay` has passed.
    pub fn call_later(&self, delay: Duration, callback: impl FnOnce() + 'static) -> TimerHandle {
        self.call_at(self.core.after(delay), callback)
    }

    /// Runs `callback` at `when`, on the loop's clock.
    pub fn call_at(&self, when: Instant, callback: impl FnOnce() + 'static) -> TimerHandle {
        let timer = self.core.add_timer(when, Action::Call(Callback::new(callback)));
        TimerHandle { event_loop: self.clone(), timer, when }
    }

    /// Makes a task of `future`, before or during a run. Its first step is queued.
    #[track_caller]
    pub fn create_task<T: 'static>(&self, future: impl Future<Output = Result<T>> + 'static) -> Task<T> {
        self.core.create_task(future)
    }

    /// Makes a future whose result is set from outside.
    pub fn create_future<T>(&self) -> SettableFuture<T> {
        SettableFuture::new(self.clone())
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

    /// The tasks that have not ended, oldest slot first: `asyncio.all_tasks`.
    pub fn all_tasks(&self) -> Vec<TaskId> {
        self.core.tasks.borrow().iter().map(|(_, task)| task.header().id).collect()
    }

    /// Cancels the task with this id. False if it has ended.
    pub fn cancel_task(&self, task: TaskId) -> bool {
        self.core.task(task).is_some_and(|task| task.cancel_target())
    }

    /// A reference for other threads.
    pub fn handle(&self) -> LoopHandle {
        LoopHandle { inbox: self.core.inbox.clone() }
    }

    /// Is told, in one sentence each, of what nobody can be given: a panic in a callback, an error that nobody
    /// awaited. The default prints it to stderr.
    pub fn set_exception_handler(&self, handler: impl Fn(&str) + 'static) {
        *self.core.exception_handler.borrow_mut() = Rc::new(handler);
    }
}

impl LoopHandle {
    /// Queues `callback` on the loop's thread, and ends its park: `call_soon_threadsafe`.
    ///
    /// # Errors
    /// `Runtime` when the loop is closed.
    pub fn call_soon_threadsafe(&self, callback: impl FnOnce() + Send + 'static) -> Result<()> {
        self.inbox.add(Letter::Call(Box::new(callback))).map_err(|_| Error::Runtime("Event loop is closed"))
    }
}

impl fmt::Debug for EventLoop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for LoopRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EventLoop")
            .field("running", &self.is_running())
            .field("closed", &self.is_closed())
            .field("tasks", &self.core.tasks.borrow().len())
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for LoopHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LoopHandle").finish_non_exhaustive()
    }
}

impl fmt::Debug for Builder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder").field("virtual_clock", &self.virtual_clock).finish_non_exhaustive()
    }
}
