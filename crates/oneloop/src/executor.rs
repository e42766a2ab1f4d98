//! Work on other threads, awaited on the loop: `run_in_executor`, `to_thread`, `getaddrinfo`.
//!
//! Job: hand a closure to a pool, and settle a future of the loop with what it gave. Neighbours: `thread_pool.rs`;
//! `ready.rs`, through whose inbox the result comes back; `event_loop.rs`, whose virtual clock stands still while a job
//! is out. Invariants: nothing of the loop goes to the thread but the job's number and the inbox; a panic of the closure
//! comes out where the future is awaited; a job of a loop that is gone still ends, and its result is dropped.
//!
//! Counterparts: `loop.run_in_executor` (`base_events.py`), `_chain_future` (`futures.py`), `threads.py`; `Task.Run`,
//! whose continuation returns to the captured context.

mod thread_pool;

use std::{
    any::Any,
    cell::{Cell, RefCell},
    net::{SocketAddr, ToSocketAddrs},
    panic::{AssertUnwindSafe, catch_unwind},
    rc::Rc,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use slab::Slab;

use thread_pool::AtEnd;
pub use thread_pool::ThreadPoolExecutor;

use crate::{
    cancel_message::Reason,
    context::{current_values, with_values},
    error::{Error, Result},
    event_loop::{Core, running},
    exceptions::ExceptionContext,
    future::Outcome,
    loop_ref::{LoopRef, get_running_loop},
    observer::{Event, thread_ended},
    ready::Letter,
    settable::SettableFuture,
};

/// A loop's share of the work on other threads.
#[derive(Default)]
pub(crate) struct Jobs {
    default_executor: RefCell<Option<ThreadPoolExecutor>>,
    /// The default executor was shut down: it won't be made again.
    shut_down: Cell<bool>,
    /// What to do on the loop when a job is done, by the job's number.
    waiting: RefCell<Slab<Box<dyn FnOnce()>>>,
    /// What other threads may name, by its number: see [`LoopLocal`](crate::LoopLocal).
    pub(crate) locals: RefCell<Slab<Rc<dyn Any>>>,
}

/// What a closure gave: a result, or a panic.
type Given<T> = std::result::Result<Result<T>, Box<dyn Any + Send>>;

/// What the loop and the thread share of one job.
struct Shared<T> {
    /// Set by whoever is first: the thread that begins it, or the loop that cancels it.
    taken: AtomicBool,
    given: Mutex<Option<Given<T>>>,
}

impl LoopRef {
    /// Calls `function` on a thread of `executor`, or of the loop's default one: at most 32 threads, four more than
    /// there are processors, made when they are needed. It begins now; the future has its result.
    ///
    /// Cancelling the future stops a call that no thread has begun; one that runs goes on, and its result is dropped. A
    /// panic comes out where the future is awaited. Context variables don't go along: [`to_thread`] takes
    /// those of the caller, and inside [`Context::run`](crate::Context::run) those of a context of one's own.
    ///
    /// ```
    /// # oneloop::run(async {
    /// let event_loop = oneloop::get_running_loop()?;
    /// let name = event_loop.run_in_executor(None, || Ok(std::thread::current().name().map(str::to_owned))).await?;
    /// assert_eq!(name.as_deref(), Some("asyncio_0"));
    /// # Ok(()) }).unwrap();
    /// ```
    pub fn run_in_executor<T: Send + 'static>(
        &self,
        executor: Option<&ThreadPoolExecutor>,
        function: impl FnOnce() -> Result<T> + Send + 'static,
    ) -> SettableFuture<T> {
        let future = self.create_future();
        let submitted = match executor {
            Some(executor) => self.submit(executor, &future, function),
            None => self.default_executor().and_then(|executor| self.submit(&executor, &future, function)),
        };
        if let Err(error) = submitted {
            let _ = future.set_error(error);
        }
        future
    }

    /// Has `run_in_executor(None, ..)` and `to_thread` use `executor` from now on.
    pub fn set_default_executor(&self, executor: ThreadPoolExecutor) {
        let old = self.core.jobs.default_executor.replace(Some(executor));
        drop(old);
    }

    /// Resolves a host's name with the operating system's resolver, on a thread of the default executor.
    ///
    /// # Errors
    /// `Io`, when there is no such name or no server answers.
    pub async fn getaddrinfo(&self, host: &str, port: u16) -> Result<Vec<SocketAddr>> {
        let host = host.to_owned();
        self.run_in_executor(None, move || Ok((host.as_str(), port).to_socket_addrs()?.collect())).await
    }

    /// Waits until the default executor's jobs are done and its threads have ended; after `timeout` it gives up and
    /// reports that. No further job is taken. [`run`](crate::run) does this at its end, with five minutes.
    ///
    /// # Errors
    /// `Cancelled`.
    pub async fn shutdown_default_executor(&self, timeout: Option<Duration>) -> Result<()> {
        self.core.jobs.shut_down.set(true);
        let Some(executor) = self.core.jobs.default_executor.take() else { return Ok(()) };
        // A thread that waits for the others, as in base_events.py: the loop goes on meanwhile, since they may need it.
        let joiner = ThreadPoolExecutor::named(1, "asyncio_shutdown");
        let waits = executor.clone();
        let joined = self.run_in_executor(Some(&joiner), move || {
            waits.shutdown(true);
            Ok(())
        });
        joiner.shutdown(false);
        let Some(timeout) = timeout else { return joined.await };
        match crate::wait_for(timeout, joined).await {
            Err(Error::Timeout) => {
                let what = format!(
                    "The executor did not finishing joining its threads within {} seconds.",
                    timeout.as_secs_f64()
                );
                self.call_exception_handler(&ExceptionContext::new(what));
                Ok(())
            }
            result => result,
        }
    }

    /// Whether there is anything for [`shutdown_default_executor`](LoopRef::shutdown_default_executor) to do.
    pub(crate) fn has_default_executor(&self) -> bool {
        self.core.jobs.default_executor.borrow().is_some()
    }

    fn default_executor(&self) -> Result<ThreadPoolExecutor> {
        if self.is_closed() {
            return Err(Error::LOOP_CLOSED);
        }
        if self.core.jobs.shut_down.get() {
            return Err(Error::Runtime("Executor shutdown has been called"));
        }
        let mut executor = self.core.jobs.default_executor.borrow_mut();
        Ok(executor
            .get_or_insert_with(|| {
                let processors = std::thread::available_parallelism().map_or(1, usize::from);
                ThreadPoolExecutor::named(32.min(processors + 4), "asyncio")
            })
            .clone())
    }

    fn submit<T: Send + 'static>(
        &self,
        executor: &ThreadPoolExecutor,
        future: &SettableFuture<T>,
        function: impl FnOnce() -> Result<T> + Send + 'static,
    ) -> Result<()> {
        let shared = Arc::new(Shared { taken: AtomicBool::new(false), given: Mutex::new(None) });
        let settles = {
            let (shared, future) = (shared.clone(), future.clone());
            move || {
                let given = lock(&shared.given).take();
                let _ = future.complete(match given {
                    Some(Ok(result)) => Outcome::Finished(result),
                    Some(Err(payload)) => Outcome::Panicked(payload),
                    None => Outcome::Cancelled(Reason::NONE),
                });
            }
        };
        let number = self.core.jobs.waiting.borrow_mut().insert(Box::new(settles));
        let (on_thread, inbox) = (shared.clone(), self.core.inbox.clone());
        let job = Box::new(move || {
            if on_thread.taken.swap(true, Ordering::AcqRel) {
                return; // cancelled while it waited for a thread
            }
            let given = catch_unwind(AssertUnwindSafe(function));
            *lock(&on_thread.given) = Some(given);
            let _loop_is_gone = inbox.add(Letter::Call(Box::new(move || job_done(number))));
        });
        match executor.submit(job, || self.at_threads_end()) {
            Ok(Some(name)) => self.core.observe(|| Event::ThreadStart { name: &name, why: "run_in_executor" }),
            Ok(None) => {}
            Err(error) => {
                drop(self.core.jobs.take(number));
                return Err(error);
            }
        }
        let jobs_loop = self.core.me.clone();
        future.add_done_callback(move |future| {
            if future.cancelled()
                && !shared.taken.swap(true, Ordering::AcqRel)
                && let Some(core) = jobs_loop.upgrade()
            {
                drop(core.jobs.take(number)); // no thread will begin it
            }
        });
        Ok(())
    }
}

impl LoopRef {
    /// Has an observer told of a thread's end, if the loop is still there then. Without an observer there is nothing.
    fn at_threads_end(&self) -> Option<AtEnd> {
        self.core.observer.as_ref()?;
        let inbox = self.core.inbox.clone();
        Some(Box::new(move |name| {
            let _loop_is_gone = inbox.add(Letter::Call(Box::new(move || thread_ended(&name))));
        }))
    }
}

/// Runs on the loop when a thread has finished a job.
fn job_done(number: usize) {
    let settles = running().and_then(|core| core.jobs.take(number));
    if let Some(settles) = settles {
        settles();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

impl Jobs {
    fn take(&self, number: usize) -> Option<Box<dyn FnOnce()>> {
        self.waiting.borrow_mut().try_remove(number)
    }

    /// The loop closes: threads that are idle end, those that work do so when they have finished. Returns what was to
    /// be done on the loop, for the caller to drop.
    pub(crate) fn close(&self) -> impl Iterator<Item = Box<dyn Any>> + use<> {
        self.shut_down.set(true);
        if let Some(executor) = self.default_executor.take() {
            executor.shutdown(false);
        }
        let waiting = self.waiting.take().into_iter().map(|(_, settles)| Box::new(settles) as Box<dyn Any>);
        waiting.chain(self.locals.take().into_iter().map(|(_, value)| Box::new(value) as Box<dyn Any>))
    }
}

impl Core {
    /// Whether a virtual clock may jump: not while a thread is at work whose result may come before the next timer.
    pub(crate) fn may_jump(&self) -> bool {
        self.clock.is_virtual() && self.jobs.waiting.borrow().is_empty()
    }
}

/// Calls `function` on a thread, in a copy of the context that runs: `asyncio.to_thread`, `Task.Run`. It begins when
/// this is first polled. What the function sets in context variables stays on the thread. Cancelling stops it only if
/// no thread has begun it.
///
/// ```
/// let sum = oneloop::run(async { oneloop::to_thread(|| Ok((1..=100).sum::<u32>())).await })?;
/// assert_eq!(sum, 5050);
/// # Ok::<(), oneloop::Error>(())
/// ```
///
/// # Errors
/// What `function` gives; `Cancelled`; `Runtime` outside of a run.
pub async fn to_thread<T: Send + 'static>(function: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    let event_loop = get_running_loop()?;
    let values = current_values();
    event_loop.run_in_executor(None, move || with_values(values, function)).await
}
