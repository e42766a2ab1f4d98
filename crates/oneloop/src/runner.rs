//! `run` and `Runner`: a loop from its making to its closing, around one main future or several in turn.
//!
//! Job: `asyncio.run` and `asyncio.Runner` (`runners.py`). Neighbours: `event_loop.rs`; `signals.rs` for Ctrl-C.
//! Invariant: when a runner is closed, nothing that was started on its loop is left: what still runs is cancelled and
//! waited for, then the loop is closed.

use std::{
    cell::Cell,
    fmt,
    future::Future,
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    rc::Rc,
    task::{Poll, Waker},
    time::Duration,
};

use crate::{
    context::{Context, copy_context},
    error::{Error, Result},
    event_loop::{Core, EventLoop, with_running},
    exceptions::ExceptionContext,
    future::Outcome,
    handle::Listener,
    loop_ref::LoopRef,
    task_ref::TaskRef,
};

/// Makes a loop, runs `main` on it, cancels what is left and waits for that, and closes the loop.
///
/// On the program's main thread, Ctrl-C (SIGINT) cancels `main`; if that ends as cancelled, this gives
/// `Err(Interrupted)`, and if it goes on, what it returns. A second Ctrl-C doesn't wait for `main`, and one while what is
/// left is waited for ends that; both give `Err(Interrupted)`, whatever `main` has returned. A handler of one's own
/// ([`add_signal_handler`](LoopRef::add_signal_handler)) takes the place of that. A signal that was caught once doesn't
/// end the process by itself any more, also after the run.
///
/// ```
/// let answer = oneloop::run(async { Ok(42) })?;
/// assert_eq!(answer, 42);
/// # Ok::<(), oneloop::Error>(())
/// ```
///
/// # Errors
/// What `main` gives; `Interrupted`; `Runtime` when a loop runs on this thread already; `Io` when no loop can be made.
///
/// # Panics
/// With the panic of `main`, if it panics.
#[track_caller]
pub fn run<T: 'static>(main: impl Future<Output = Result<T>> + 'static) -> Result<T> {
    if with_running(|_| ()).is_some() {
        return Err(Error::Runtime("asyncio.run() cannot be called from a running event loop"));
    }
    let runner = Runner::new()?;
    let result = catch_unwind(AssertUnwindSafe(|| runner.run(main)));
    let closed = runner.close();
    let result = result.unwrap_or_else(|payload| resume_unwind(payload));
    closed.and(result)
}

/// A loop on which several main futures run in turn: `asyncio.Runner`. They share one context, so that a
/// [`ContextVar`](crate::ContextVar) that one has set is set for the next. Dropping it closes it.
///
/// ```
/// let runner = oneloop::Runner::new()?;
/// let task = runner.run(async { Ok(oneloop::create_task(async { Ok("from the first run") })) })?;
/// assert_eq!(runner.run(async { task.await })?, "from the first run");
/// runner.close()?;
/// # Ok::<(), oneloop::Error>(())
/// ```
///
/// It can't be used once it is closed:
///
/// ```
/// # let runner = oneloop::Runner::new()?;
/// runner.close()?;
/// assert_eq!(runner.run(async { Ok(()) }).unwrap_err().to_string(), "Runner is closed");
/// # Ok::<(), oneloop::Error>(())
/// ```
pub struct Runner {
    event_loop: EventLoop,
    context: Context,
    /// None is what `run` does: on the main thread.
    handles_interrupt: Option<bool>,
    closed: Cell<bool>,
}

/// The number of the signal that Ctrl-C sends.
const SIGINT: i32 = 2;
/// How long the threads of the default executor may take to end (`constants.py`).
const THREAD_JOIN_TIMEOUT: Duration = Duration::from_secs(300);

impl Runner {
    /// A runner with a loop of its own.
    ///
    /// # Errors
    /// `Io` when the operating system has no descriptors left for the selector.
    pub fn new() -> Result<Runner> {
        EventLoop::new().map(Runner::with_loop)
    }

    /// A runner with a loop that was made by [`EventLoop::builder`] (asyncio: `loop_factory`).
    pub fn with_loop(event_loop: EventLoop) -> Runner {
        Runner { event_loop, context: copy_context(), handles_interrupt: None, closed: Cell::new(false) }
    }

    /// Whether Ctrl-C cancels the main future. The default is yes on the program's main thread, and no on others.
    pub fn handle_interrupt(mut self, on: bool) -> Runner {
        self.handles_interrupt = Some(on);
        self
    }

    /// The loop.
    pub fn get_loop(&self) -> LoopRef {
        self.event_loop.clone()
    }

    /// Runs `main` to its end. Tasks that it leaves stay for the next run.
    ///
    /// # Errors
    /// What `main` gives; `Interrupted` after Ctrl-C; `Runtime` when a loop runs on this thread, and after `close`.
    ///
    /// # Panics
    /// With the panic of `main`, if it panics.
    #[track_caller]
    pub fn run<T: 'static>(&self, main: impl Future<Output = Result<T>> + 'static) -> Result<T> {
        self.run_in(&self.context, main)
    }

    /// Runs `main` in a context other than the runner's (asyncio: `runner.run(main, context=context)`).
    ///
    /// # Errors
    /// As [`run`](Runner::run).
    ///
    /// # Panics
    /// As [`run`](Runner::run).
    #[track_caller]
    pub fn run_in<T: 'static>(&self, context: &Context, main: impl Future<Output = Result<T>> + 'static) -> Result<T> {
        if with_running(|_| ()).is_some() {
            return Err(Error::Runtime("Runner.run() cannot be called from a running event loop"));
        }
        if self.closed.get() {
            return Err(Error::Runtime("Runner is closed"));
        }
        let task = self.event_loop.task_builder().context(context.clone()).create_task(main);
        let interrupts = self.catch_interrupts(Some(TaskRef::from(&task)))?;
        let result = self.event_loop.run_until_complete(task.clone());
        match result {
            Err(Error::Cancelled) if interrupts.asked.get() && task.uncancel() == 0 => Err(Error::Interrupted),
            _ if interrupts.is_one_unheard() => Err(Error::Interrupted),
            result => result,
        }
    }

    /// Cancels all tasks that are left, waits for them, and closes the loop. A second time it does nothing.
    ///
    /// # Errors
    /// `Runtime` while it runs; `Io` if the selector fails; `Interrupted` after Ctrl-C, which ends the waiting: what has
    /// not ended then is dropped.
    pub fn close(&self) -> Result<()> {
        if self.event_loop.is_running() {
            return self.event_loop.close(); // which says so
        }
        let ended = self.shut_down();
        self.event_loop.close().and(ended)
    }

    fn shut_down(&self) -> Result<()> {
        if self.closed.replace(true) || self.event_loop.is_closed() {
            return Ok(());
        }
        if self.event_loop.all_tasks().is_empty() && !self.event_loop.has_default_executor() {
            return Ok(());
        }
        let interrupts = self.catch_interrupts(None).ok(); // there may be no descriptor left for that
        let ended = self.wait_for_leftovers();
        if interrupts.is_some_and(|interrupts| interrupts.is_one_unheard()) { Err(Error::Interrupted) } else { ended }
    }

    fn wait_for_leftovers(&self) -> Result<()> {
        cancel_leftovers(&self.event_loop)?;
        if self.event_loop.has_default_executor() {
            let event_loop = self.get_loop();
            let shutdown = async move { event_loop.shutdown_default_executor(Some(THREAD_JOIN_TIMEOUT)).await };
            self.event_loop.run_until_complete(shutdown)?;
        }
        Ok(())
    }

    /// Has Ctrl-C cancel `main`, and end the run if there is none or it comes again, until what is returned is dropped.
    fn catch_interrupts(&self, main: Option<TaskRef>) -> Result<Interrupts> {
        let (count, asked) = (Rc::new(Cell::new(0)), Rc::new(Cell::new(false)));
        let on_main_thread = std::thread::current().name() == Some("main");
        let wanted = self.handles_interrupt.unwrap_or(on_main_thread) && !self.event_loop.has_signal_handler(SIGINT);
        let mut handler = None;
        if wanted {
            let (count, asked) = (count.clone(), asked.clone());
            let event_loop = self.event_loop.core.me.clone();
            // At once, and not by a callback in the next turn: Python's handler interrupts what runs.
            let on_interrupt = move || {
                count.set(count.get() + 1);
                match &main {
                    Some(main) if main.done() => {} // the run ends by itself; a stop would be in the way of the next
                    Some(main) if count.get() == 1 => asked.set(main.cancel()),
                    _ => drop(event_loop.upgrade().map(|core| LoopRef { core }.stop())),
                }
            };
            handler = Some(self.event_loop.catch_signal(SIGINT, on_interrupt)?);
        }
        Ok(Interrupts { event_loop: self.event_loop.clone(), handler, count, asked })
    }
}

impl Drop for Runner {
    fn drop(&mut self) {
        let _ = self.shut_down();
    }
}

/// While this lives, Ctrl-C is counted. Dropping it removes the handler, unless another has taken its place.
struct Interrupts {
    event_loop: LoopRef,
    handler: Option<u64>,
    count: Rc<Cell<u32>>,
    /// The first has cancelled main: it came before main's end.
    asked: Rc<Cell<bool>>,
}

impl Interrupts {
    /// Whether one has come that main was not told of: a second, or one at its end, which no turn may have seen.
    fn is_one_unheard(&self) -> bool {
        let pending = self.handler.is_some_and(|handler| self.event_loop.is_signal_pending(handler));
        pending || self.count.get() > u32::from(self.asked.get())
    }
}

impl Drop for Interrupts {
    fn drop(&mut self) {
        if let Some(handler) = self.handler {
            self.event_loop.release_signal(SIGINT, handler);
        }
    }
}

/// Asks every task that is left to stop, in the order in which they were made, waits until all have, and reports those
/// that failed instead (`runners.py: _cancel_all_tasks`).
fn cancel_leftovers(event_loop: &EventLoop) -> Result<()> {
    let leftovers = event_loop.all_tasks();
    if leftovers.is_empty() {
        return Ok(());
    }
    for task in &leftovers {
        task.cancel();
    }
    let all_done = event_loop.create_future::<()>();
    let listener = Listener::new({
        let (left, all_done) = (Cell::new(leftovers.len()), all_done.clone());
        move |_| {
            left.set(left.get() - 1);
            if left.get() == 0 {
                let _ = all_done.set_result(());
            }
        }
    });
    for task in &leftovers {
        task.hold(1); // as a handle: an error isn't reported at the task's end, but here
        task.task.listen(&event_loop.core, listener.clone());
    }
    let finished = event_loop.run_until_complete(async { all_done.await });
    for task in leftovers {
        task.hold(-1);
        if let Poll::Ready(Outcome::Finished(Err(error))) =
            task.task.poll_ended(&mut None, &event_loop.core, Waker::noop())
        {
            let context = ExceptionContext::new("unhandled exception during asyncio.run() shutdown");
            event_loop.call_exception_handler(&context.with_error(error).with_task(task));
        }
    }
    finished
}

impl fmt::Debug for Runner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Runner").field("event_loop", &self.event_loop).finish_non_exhaustive()
    }
}

impl Core {
    /// A loop runs once at a time, and a thread runs one loop: the errors and their texts are asyncio's.
    pub(crate) fn check_can_run(&self) -> Result<()> {
        if self.closed.get() {
            return Err(Error::LOOP_CLOSED);
        }
        if self.running.get() {
            return Err(Error::Runtime("This event loop is already running"));
        }
        if with_running(|_| ()).is_some() {
            return Err(Error::Runtime("Cannot run the event loop while another loop is running"));
        }
        Ok(())
    }
}
