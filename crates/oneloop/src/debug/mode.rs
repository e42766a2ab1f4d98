//! Debug mode: which step or callback has kept everything else waiting, and where it is now.
//!
//! Job: `set_debug` and `slow_callback_duration`; and an observer is told here of steps and of the places of awaits. In
//! debug mode each step and each callback is timed, and a slow one is logged with the task's name, the place where it
//! was made, and the place of the last `.await` that its step came to.
//! Neighbours: `event_loop.rs` steps through [`Core::watched`]; `join.rs`, `settable.rs` and `sleep.rs` note where they
//! are awaited. Invariant: switched off, each of these costs one test of a flag.
//!
//! Counterparts: `loop.set_debug`, `slow_callback_duration` (`base_events.py: _run_once`), the logger "asyncio". What
//! asyncio's debug mode checks besides, the compiler does here: wrong threads, and coroutines that nobody awaits.

use std::{
    any::Any,
    cell::{Cell, RefCell},
    collections::HashMap,
    io::{self, Write},
    panic::{AssertUnwindSafe, Location, catch_unwind},
    rc::Rc,
    time::{Duration, Instant},
};

use crate::{
    cells::peek,
    event_loop::{Core, with_running},
    exceptions::ExceptionHandler,
    loop_ref::LoopRef,
    observer::{Event, StepResult},
    ready::TaskId,
    task_ref::{TaskRef, current_id},
};

type Place = &'static Location<'static>;

thread_local! {
    /// Whether a loop in debug mode is stepping a task on this thread.
    static WATCHED: Cell<bool> = const { Cell::new(false) };
    /// Where the step that is watched awaited last.
    static AWAITED_AT: Cell<Option<Place>> = const { Cell::new(None) };
}

/// Is given each line that the loop logs.
type Logger = Rc<dyn Fn(&str)>;

/// Whom a loop tells what, and what it notes in debug mode.
#[derive(Default)]
pub(crate) struct DebugMode {
    pub(crate) exception_handler: ExceptionHandler,
    logger: Cell<Option<Logger>>,
    on: Cell<bool>,
    /// Whether steps are looked at: in debug mode, or for an observer.
    looks: Cell<bool>,
    /// The next task is given a name of its own right after it is made.
    pub(crate) is_named_next: Cell<bool>,
    slow_callback_duration: Cell<Option<Duration>>,
    /// Where the tasks that live were made. Kept in debug mode alone.
    made_at: RefCell<HashMap<TaskId, Place>>,
}

/// What asyncio takes for slow.
const SLOW: Duration = Duration::from_millis(100);

impl LoopRef {
    /// Whether steps and callbacks are timed: `loop.get_debug()`.
    pub fn get_debug(&self) -> bool {
        self.core.debug.on.get()
    }

    /// Times each step and callback from now on, and logs the slow ones, with the place of the last `.await` of a
    /// sleep, a task or another future of this crate's that the step came to (a [`yield_now`](crate::yield_now) isn't
    /// noted).
    ///
    /// ```
    /// use std::{cell::RefCell, rc::Rc, time::Duration};
    /// let event_loop = oneloop::EventLoop::new()?;
    /// event_loop.set_debug(true);
    /// event_loop.set_slow_callback_duration(Duration::ZERO);
    /// let log = Rc::new(RefCell::new(Vec::new()));
    /// let lines = log.clone();
    /// event_loop.set_logger(move |line| lines.borrow_mut().push(line.to_owned()));
    /// event_loop.run_until_complete(async { Ok(()) })?;
    /// assert!(log.borrow()[0].starts_with("Executing Task-1 (made at "));
    /// # Ok::<(), oneloop::Error>(())
    /// ```
    pub fn set_debug(&self, on: bool) {
        self.core.debug.on.set(on);
        self.core.debug.looks.set(on || self.core.observer.is_some());
        if !on {
            self.core.debug.made_at.take();
        }
    }

    /// How long a step or a callback may take in debug mode before it is logged: 0.1 seconds unless it was set.
    pub fn slow_callback_duration(&self) -> Duration {
        self.core.debug.slow_callback_duration.get().unwrap_or(SLOW)
    }

    /// Sets that.
    pub fn set_slow_callback_duration(&self, duration: Duration) {
        self.core.debug.slow_callback_duration.set(Some(duration));
    }

    /// Has `logger` given each line that the loop logs: slow callbacks, and what the default exception handler says.
    /// The default prints them to stderr. Python: a handler of `logging.getLogger("asyncio")`.
    pub fn set_logger(&self, logger: impl Fn(&str) + 'static) {
        self.core.debug.logger.set(Some(Rc::new(logger)));
    }
}

impl DebugMode {
    /// Of a loop that has an observer, or has none.
    pub(crate) fn new(observed: bool) -> DebugMode {
        DebugMode { looks: Cell::new(observed), ..DebugMode::default() }
    }

    /// Has `drop_one` drop the exception handler and the logger, either of which may hold the loop.
    pub(crate) fn forget_closures(&self, drop_one: impl Fn(Box<dyn Any>)) {
        drop_one(Box::new(self.exception_handler.take()));
        drop_one(Box::new(self.logger.take()));
    }
}

impl Core {
    /// Tells the observer of a new task, and in debug mode notes where it was made. One test for both.
    #[inline]
    pub(crate) fn made(&self, task: TaskId, at: Place) {
        if self.debug.looks.get() {
            self.note_made(task, at);
        }
    }

    #[cold]
    #[inline(never)]
    fn note_made(&self, task: TaskId, at: Place) {
        self.observe(|| Event::Spawn { task, parent: current_id(), at });
        let its_default = self.unnamed.get(); // as `default_name` has given it just now
        if !self.debug.is_named_next.take() && its_default != task.number() {
            let name = format!("Task-{its_default}");
            self.observe(|| Event::Name { task, name: &name });
        }
        if self.debug.on.get() {
            self.debug.made_at.borrow_mut().insert(task, at);
        }
    }

    /// Runs a step of `task`, or a callback, neither of which lets a panic through. The observer is told of a step; in
    /// debug mode a slow one is logged. One test for both, since every step comes by.
    #[inline]
    pub(crate) fn watched<R: Stepped>(&self, task: impl FnOnce() -> Option<TaskId>, run: impl FnOnce() -> R) -> R {
        if self.debug.looks.get() { self.watch(task(), run) } else { run() }
    }

    #[cold]
    fn watch<R: Stepped>(&self, task: Option<TaskId>, run: impl FnOnce() -> R) -> R {
        let outer = (WATCHED.replace(true), AWAITED_AT.take());
        task.inspect(|&task| self.observe(|| Event::PollBegin { task }));
        let began = self.debug.on.get().then(Instant::now);
        let result = run();
        let took = began.map(|began| began.elapsed());
        if let (Some(task), Some(result)) = (task, result.step_result()) {
            self.observe(|| Event::PollEnd { task, result });
        }
        let awaited_at = AWAITED_AT.replace(outer.1);
        WATCHED.set(outer.0);
        let Some(took) = took else { return result };
        if took >= self.debug.slow_callback_duration.get().unwrap_or(SLOW) {
            let who = task.map_or_else(|| "a callback".to_owned(), |task| self.describe(task, awaited_at));
            self.log(&format!("Executing {who} took {:.3} seconds", took.as_secs_f64()));
        }
        // Looked up once a step: a task that has ended is described, then forgotten.
        if let Some(task) = task
            && self.task(task).is_none_or(|task| task.is_done())
        {
            self.debug.made_at.borrow_mut().remove(&task);
        }
        result
    }

    fn describe(&self, task: TaskId, awaited_at: Option<Place>) -> String {
        let named = self.task(task).map(|task| TaskRef::new(task, self.me.clone()).get_name());
        let name = named.unwrap_or_else(|| task.to_string());
        let made_at = self.debug.made_at.borrow().get(&task).map(|place| format!("made at {place}"));
        let awaits = awaited_at.map(|place| format!("last await at {place}"));
        let places: Vec<String> = made_at.into_iter().chain(awaits).collect();
        if places.is_empty() { name } else { format!("{name} ({})", places.join(", ")) }
    }

    /// Logs a line. Never panics.
    pub(crate) fn log(&self, line: &str) {
        let logger = peek(&self.debug.logger);
        let logged = catch_unwind(AssertUnwindSafe(|| logger.map(|logger| logger(line))));
        if !matches!(logged, Ok(Some(()))) {
            let _ = writeln!(io::stderr(), "oneloop: {line}"); // eprintln would panic if stderr is closed
        }
        if let Err(payload) = logged {
            crate::exceptions::forget_if_it_panics(payload);
        }
    }
}

/// What is run under watch: a step, which has a result, or a callback.
pub(crate) trait Stepped {
    fn step_result(&self) -> Option<StepResult>;
}

impl Stepped for StepResult {
    fn step_result(&self) -> Option<StepResult> {
        Some(*self)
    }
}

impl Stepped for () {
    fn step_result(&self) -> Option<StepResult> {
        None
    }
}

/// Notes where the step that is watched awaits.
#[inline]
#[track_caller]
pub(crate) fn note_await() {
    if WATCHED.get() {
        awaits(Location::caller());
    }
}

#[cold]
#[inline(never)]
fn awaits(at: Place) {
    AWAITED_AT.set(Some(at));
    with_running(|core| core.observe(|| Event::Await { task: core.current.get(), at }));
}
