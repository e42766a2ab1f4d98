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
    time::{Duration, Instant},
};

use mio::Token;

use crate::{clock::Clock, event_loop::Core, ready::TaskId};

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
        /// When it is due.
        deadline: Instant,
        /// By whose step.
        task: Option<TaskId>,
    },
    /// A timer is due and was queued.
    TimerFire,
    /// A timer was taken back.
    TimerCancel,
    /// A source was registered.
    Register {
        /// Its token.
        token: usize,
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

impl Core {
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
