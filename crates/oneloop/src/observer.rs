//! The hooks through which a run can be watched.
//!
//! Job: one trait, [`Observer`], that is told of everything the loop does, and [`Recorder`], which keeps it. Absent
//! by default, and then each hook is one test of a flag. Neighbours: `event_loop.rs`, `selector.rs` and `task.rs`
//! call `observe`; whatever draws a picture is a function of the recorded events. Invariant: an observer must not
//! call back into the loop; it is told while the loop is in the middle of something.
//!
//! Counterparts: trio's `Instrument`; in asyncio, `set_debug` and `sys.monitoring`; in .NET, `TplEventSource`.

use std::{
    cell::RefCell,
    panic::Location,
    rc::Rc,
    time::{Duration, Instant},
};

use mio::{Interest, Token};

use crate::{
    cancel::CancelTarget,
    clock::Clock,
    event_loop::{Core, with_running},
    ready::TaskId,
    selector::Direction,
    task_ref::current_id,
    timers::TimerId,
};

/// Is told of each event, in order.
pub trait Observer {
    /// Called at each event. Keep it short: the loop waits for it.
    fn event(&self, stamp: &Stamp<'_>, event: &Event<'_>);
}

/// When an event happened.
pub struct Stamp<'a> {
    pub(crate) clock: &'a Clock,
    pub(crate) turn: u64,
}

impl Stamp<'_> {
    /// The turn, counted from 1; 0 before the first.
    pub fn turn(&self) -> u64 {
        self.turn
    }

    /// The time on the loop's clock. Read only when asked for.
    pub fn now(&self) -> Instant {
        self.clock.now()
    }
}

/// What the selector came back with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Unpark {
    /// Events of sockets and other sources.
    pub events: usize,
    /// Whether another thread rang.
    pub notified: bool,
}

/// Who woke a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WokenBy {
    /// The selector, for the source with this token.
    Io(usize),
    /// A timer.
    Timer,
    /// The step of another task.
    Task(TaskId),
    /// Its own step.
    Itself,
    /// A callback.
    Callback,
    /// Something outside the loop: another thread, or code between two runs.
    Outside,
}

/// What a task has begun, or goes on, to wait for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum WaitsFor {
    /// This timer: a sleep.
    Timer(u32),
    /// A source of the selector, for one of its directions.
    Source {
        /// The source's token. Its upper half counts the sources that the loop has had, from 1.
        token: usize,
        /// Until it can be written to; else until it can be read from.
        writable: bool,
    },
    /// The end of this task.
    Task(TaskId),
    /// A future that somebody settles: another task, a callback, a thread.
    Future,
    /// A turn at a lock, an event, a queue; its name.
    Line(&'static str),
    /// The other end of a pipe in memory.
    Pipe,
}

impl WaitsFor {
    pub(crate) fn source(token: Token, direction: Direction) -> WaitsFor {
        WaitsFor::Source { token: token.0, writable: direction == Direction::Write }
    }
}

/// How a task's step, or the task, ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StepResult {
    /// It waits for something.
    Pending,
    /// It is finished, with a value or an error.
    Done,
    /// It was cancelled.
    Cancelled,
    /// It panicked.
    Panicked,
}

/// One thing that happened.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Event<'a> {
    /// A turn begins.
    TurnBegin {
        /// The tasks in the ready queue, in order. Callbacks are not listed.
        ready: &'a [TaskId],
        /// How many timers there are.
        timers: usize,
        /// The earliest deadline.
        next_deadline: Option<Instant>,
        /// How many sources are registered.
        registrations: usize,
    },
    /// A turn ends.
    TurnEnd,
    /// The loop goes into the selector.
    Park {
        /// For how long at most; `None` is until something happens.
        timeout: Option<Duration>,
    },
    /// The loop comes out of the selector.
    Unpark(Unpark),
    /// A source is ready.
    IoEvent {
        /// The source's token.
        token: usize,
        /// It can be read from.
        readable: bool,
        /// It can be written to.
        writable: bool,
    },
    /// A timer was added.
    TimerAdd {
        /// The timers of a loop are numbered from 1.
        timer: u32,
        /// When it is due.
        deadline: Instant,
        /// By whose step.
        task: Option<TaskId>,
    },
    /// A timer is due and was queued.
    TimerFire {
        /// Its number.
        timer: u32,
    },
    /// A timer was taken back.
    TimerCancel {
        /// Its number.
        timer: u32,
    },
    /// A source was registered.
    Register {
        /// Its token.
        token: usize,
        /// What the loop wants to hear of.
        interest: Interest,
        /// By whose step.
        task: Option<TaskId>,
    },
    /// A source is gone.
    Deregister {
        /// Its token.
        token: usize,
    },
    /// A task was made.
    Spawn {
        /// The new task.
        task: TaskId,
        /// The task in whose step it was made.
        parent: Option<TaskId>,
        /// Where in the source.
        at: &'static Location<'static>,
    },
    /// A task was named.
    Name {
        /// Which.
        task: TaskId,
        /// From now on.
        name: &'a str,
    },
    /// A stretch of a task's work begins: a phase of a request, for one.
    SpanBegin {
        /// Whose; `None` outside a step.
        task: Option<TaskId>,
        /// One of few.
        name: &'static str,
    },
    /// The innermost stretch of a task's work ends.
    SpanEnd {
        /// Whose.
        task: Option<TaskId>,
        /// The name that it began with.
        name: &'static str,
    },
    /// A thread of the loop's was started.
    ThreadStart {
        /// Its name.
        name: &'a str,
        /// What for.
        why: &'static str,
    },
    /// A thread of the loop's has ended.
    ThreadEnd {
        /// Its name.
        name: &'a str,
    },
    /// A task's step has come to an `.await` whose place is known: of a `sleep`, a task, a settable future.
    Await {
        /// Whose; `None` in a future that no task drives.
        task: Option<TaskId>,
        /// Where in the source.
        at: &'static Location<'static>,
    },
    /// A step can't go on: what it waits for keeps its waker. A step may say so several times.
    Wait {
        /// Whose; `None` in a future that no task drives.
        task: Option<TaskId>,
        /// What for.
        on: WaitsFor,
    },
    /// A task was woken.
    Wake {
        /// Who is to run.
        task: TaskId,
        /// Who said so.
        by: WokenBy,
        /// It was in the ready queue already.
        coalesced: bool,
    },
    /// A task's step begins.
    PollBegin {
        /// Whose.
        task: TaskId,
    },
    /// A task's step ends.
    PollEnd {
        /// Whose.
        task: TaskId,
        /// How.
        result: StepResult,
    },
    /// A task is gone.
    Drop {
        /// Which.
        task: TaskId,
        /// Why; never `Pending`.
        reason: StepResult,
    },
}

/// Tells the observer of the running loop that a stretch of the current task's work begins. Without one it does nothing.
///
/// ```
/// oneloop::run(async {
///     oneloop::span_begin("resolve");
///     oneloop::yield_now().await?;
///     oneloop::span_end("resolve");
///     Ok(())
/// })?;
/// # Ok::<(), oneloop::Error>(())
/// ```
pub fn span_begin(name: &'static str) {
    with_running(|core| core.observe(|| Event::SpanBegin { task: current_id(), name }));
}

/// The counterpart of [`span_begin`]. Spans of one task nest.
pub fn span_end(name: &'static str) {
    with_running(|core| core.observe(|| Event::SpanEnd { task: current_id(), name }));
}

/// Tells the observer of the running loop that the program has started a thread that has to do with the loop. The threads
/// of [`run_in_executor`](crate::LoopRef::run_in_executor) are told of without it.
pub fn thread_started(name: &str, why: &'static str) {
    with_running(|core| core.observe(|| Event::ThreadStart { name, why }));
}

/// The counterpart of [`thread_started`].
pub fn thread_ended(name: &str) {
    with_running(|core| core.observe(|| Event::ThreadEnd { name }));
}

impl Core {
    /// Whether there is somebody to tell. `cargo xtask hooks` builds without hooks, to count what they cost.
    #[inline(always)]
    pub(crate) fn is_observed(&self) -> bool {
        cfg!(not(oneloop_no_hooks)) && self.observer.is_some()
    }

    /// Tells the observer what the step that runs waits for.
    #[inline]
    pub(crate) fn observe_wait(&self, on: impl FnOnce() -> WaitsFor) {
        self.observe(move || Event::Wait { task: self.current.get(), on: on() });
    }

    /// Tells the observer that the step waits for a source. What it takes are plain words: a closure would be laid out in
    /// memory before the test.
    #[inline]
    pub(crate) fn observe_source_wait(&self, token: Token, direction: Direction) {
        if self.is_observed() {
            self.tell_of_wait(WaitsFor::source(token, direction));
        }
    }

    /// Tells the observer that the step waits for a timer.
    #[inline]
    pub(crate) fn observe_timer_wait(&self, timer: TimerId) {
        if self.is_observed() {
            self.tell_of_wait(WaitsFor::Timer(timer.number()));
        }
    }

    #[cold]
    #[inline(never)]
    fn tell_of_wait(&self, on: WaitsFor) {
        self.observe(|| Event::Wait { task: self.current.get(), on });
    }

    /// Tells the observer that the step waits for these.
    #[inline]
    pub(crate) fn observe_targets<T: CancelTarget + ?Sized, I: IntoIterator<Item = Rc<T>>>(
        &self,
        targets: impl FnOnce() -> I,
    ) {
        if self.is_observed() {
            self.tell_of_targets(targets);
        }
    }

    #[cold]
    #[inline(never)]
    fn tell_of_targets<T: CancelTarget + ?Sized, I: IntoIterator<Item = Rc<T>>>(&self, targets: impl FnOnce() -> I) {
        targets().into_iter().for_each(|target| target.waits_for(&mut |on| self.observe_wait(|| on)));
    }

    /// Tells the observer of a timer that is about to be added. First, so that without an observer there is nothing to
    /// keep meanwhile.
    #[inline]
    pub(crate) fn observe_timer(&self, deadline: Instant) {
        if self.is_observed() {
            self.tell_of_timer(deadline);
        }
    }

    #[cold]
    #[inline(never)]
    fn tell_of_timer(&self, deadline: Instant) {
        let timer = if self.closed.get() { 0 } else { self.timers.borrow().sequence as u32 + 1 };
        self.observe(|| Event::TimerAdd { timer, deadline, task: current_id() });
    }

    /// Tells the observer of a wake. Called before the step is queued, so that the order of events is that of causes.
    #[inline]
    pub(crate) fn observe_wake(&self, task: TaskId) {
        if self.is_observed() {
            self.tell_of_wake(task);
        }
    }

    #[cold]
    #[inline(never)]
    fn tell_of_wake(&self, task: TaskId) {
        let tasks = self.tasks.borrow();
        let slot = tasks.get(task.slot()).filter(|slot| slot.id == task);
        let coalesced = slot.map(|slot| slot.scheduled.get());
        drop(tasks);
        if let Some(coalesced) = coalesced {
            self.observe(|| Event::Wake { task, by: self.woken_by(task), coalesced });
        }
    }

    /// Tells the observer, in the one of two compilations of a turn that is for a loop that has one.
    #[inline(always)]
    pub(crate) fn observe_if<'a, const OBSERVED: bool>(&self, event: impl FnOnce() -> Event<'a>) {
        if OBSERVED {
            self.observe(event);
        }
    }

    /// Tells the observer, if there is one: else this is one test.
    #[inline]
    pub(crate) fn observe<'a>(&self, event: impl FnOnce() -> Event<'a>) {
        if self.is_observed() {
            self.tell_observer(event);
        }
    }

    /// Out of the way of those who have no observer: the event is made here, too.
    #[cold]
    #[inline(never)]
    fn tell_observer<'a>(&self, event: impl FnOnce() -> Event<'a>) {
        if let Some(observer) = &self.observer {
            observer.event(&Stamp { clock: &self.clock, turn: self.turn.get() }, &event());
        }
    }

    /// Who wakes what is woken from now on, outside of steps.
    pub(crate) fn wakes_for<const OBSERVED: bool>(&self, who: WokenBy) {
        if OBSERVED {
            self.waking.set(who);
        }
    }

    /// Who wakes `task` now.
    pub(crate) fn woken_by(&self, task: TaskId) -> WokenBy {
        match self.current.get() {
            Some(current) if current == task => WokenBy::Itself,
            Some(current) => WokenBy::Task(current),
            None => self.waking.get(),
        }
    }
}

/// The simplest observer: keeps a line for each event, with its turn.
///
/// ```
/// use std::rc::Rc;
/// let recorder = Rc::new(oneloop::Recorder::default());
/// let event_loop = oneloop::EventLoop::builder().observer(recorder.clone()).build()?;
/// event_loop.run_until_complete(async { oneloop::yield_now().await })?;
/// assert!(recorder.lines().iter().any(|line| line.contains("PollBegin")));
/// # Ok::<(), oneloop::Error>(())
/// ```
#[derive(Debug, Default)]
pub struct Recorder {
    lines: RefCell<Vec<String>>,
}

impl Recorder {
    /// What was recorded so far.
    pub fn lines(&self) -> Vec<String> {
        self.lines.borrow().clone()
    }
}

impl Observer for Recorder {
    fn event(&self, stamp: &Stamp<'_>, event: &Event<'_>) {
        self.lines.borrow_mut().push(format!("{} {event:?}", stamp.turn));
    }
}
