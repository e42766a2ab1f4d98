//! A small pool of threads, for what can't be done without blocking.
//!
//! Job: run closures on at most so many threads, made when they are first needed. Neighbours: `executor.rs` brings the
//! results back to a loop. Invariants: a thread is made only if none is idle; a job that was cancelled before a thread
//! took it never runs; the loop's thread never waits here, but in [`ThreadPoolExecutor::shutdown`] when it is told to.
//!
//! Counterparts: `concurrent.futures.ThreadPoolExecutor` (`thread.py`); .NET's thread pool, which every program has.

use std::{
    collections::VecDeque,
    fmt,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc, Condvar, Mutex, MutexGuard,
        atomic::{AtomicU64, Ordering},
    },
    thread::JoinHandle,
};

use crate::error::{Error, Result};

/// What a thread of the pool does.
pub(crate) type Job = Box<dyn FnOnce() + Send>;

/// What a thread that was made for a job does at its very end; it is given its name.
pub(crate) type AtEnd = Box<dyn FnOnce(String) + Send>;

/// At most so many threads, which are made when they are first needed and named. Clones are the same pool. When the last
/// is dropped, the jobs that wait are still done, and then the threads end.
///
/// ```
/// let pool = oneloop::ThreadPoolExecutor::new(2);
/// let inner = pool.clone();
/// let answer = oneloop::run(async move {
///     oneloop::get_running_loop()?.run_in_executor(Some(&inner), || Ok(6 * 7)).await
/// })?;
/// assert_eq!(answer, 42);
/// pool.shutdown(true);
/// # Ok::<(), oneloop::Error>(())
/// ```
#[derive(Clone)]
pub struct ThreadPoolExecutor(Arc<Owner>);

/// What all clones share, and the threads have no part in.
struct Owner(Arc<Pool>);

impl Drop for Owner {
    fn drop(&mut self) {
        drop(self.0.take_no_more());
    }
}

struct Pool {
    name: String,
    max_workers: usize,
    state: Mutex<State>,
    /// Rung when there is a job, or no more will come.
    bell: Condvar,
}

#[derive(Default)]
struct State {
    jobs: VecDeque<Job>,
    /// Threads that wait for a job.
    idle: usize,
    /// Threads that were made and have not begun to work.
    starting: usize,
    threads: Vec<JoinHandle<()>>,
    shut_down: bool,
}

impl ThreadPoolExecutor {
    /// A pool of at most `max_workers` threads, at least one: `ThreadPoolExecutor-0_0` and so on.
    pub fn new(max_workers: usize) -> ThreadPoolExecutor {
        static POOLS: AtomicU64 = AtomicU64::new(0);
        let number = POOLS.fetch_add(1, Ordering::Relaxed);
        ThreadPoolExecutor::named(max_workers, format!("ThreadPoolExecutor-{number}"))
    }

    /// A pool whose threads are `name_0`, `name_1` and so on (Python: `thread_name_prefix`).
    pub fn named(max_workers: usize, name: impl Into<String>) -> ThreadPoolExecutor {
        let (name, max_workers) = (name.into(), max_workers.max(1));
        let pool = Pool { name, max_workers, state: Mutex::default(), bell: Condvar::new() };
        ThreadPoolExecutor(Arc::new(Owner(Arc::new(pool))))
    }

    /// How many threads it has made.
    pub fn threads(&self) -> usize {
        self.0.0.lock().threads.len()
    }

    /// Takes no jobs any more. Those that wait are still done. With `wait`, blocks this thread until all are done and
    /// the pool's threads have ended.
    pub fn shutdown(&self, wait: bool) {
        let mut state = self.0.0.take_no_more();
        let threads = if wait { std::mem::take(&mut state.threads) } else { Vec::new() };
        drop(state);
        for thread in threads {
            // A job can't panic through its fence. The pool's own thread may be the one that says shutdown.
            if thread.thread().id() != std::thread::current().id() {
                let _ = thread.join();
            }
        }
    }

    /// Queues a job, and makes a thread for it if none is idle and the pool isn't full. Gives the name of a thread that
    /// it has made, which will do what `at_end` gives.
    pub(crate) fn submit(&self, job: Job, at_end: impl FnOnce() -> Option<AtEnd>) -> Result<Option<String>> {
        let pool = &self.0.0;
        let mut state = pool.lock();
        if state.shut_down {
            return Err(Error::Runtime("cannot schedule new futures after shutdown"));
        }
        state.jobs.push_back(job);
        let mut made = None;
        if state.jobs.len() > state.idle + state.starting && state.threads.len() < pool.max_workers {
            let pool = pool.clone();
            let name = format!("{}_{}", pool.name, state.threads.len());
            let (at_end, its_name) = (at_end(), name.clone());
            let work = move || {
                pool.work();
                if let Some(at_end) = at_end {
                    at_end(its_name);
                }
            };
            match std::thread::Builder::new().name(name.clone()).spawn(work) {
                Ok(thread) => {
                    state.threads.push(thread);
                    state.starting += 1;
                    made = Some(name);
                }
                Err(error) if state.threads.is_empty() => {
                    drop(state.jobs.pop_back());
                    return Err(error.into());
                }
                Err(_) => {} // the threads that there are will do it
            }
        }
        drop(state);
        pool.bell.notify_one();
        Ok(made)
    }
}

impl Pool {
    /// A job that panicked while the lock was held is not possible: jobs run without it.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    /// No further job comes: threads that are idle, or become so, end.
    fn take_no_more(&self) -> MutexGuard<'_, State> {
        let mut state = self.lock();
        state.shut_down = true;
        self.bell.notify_all();
        state
    }

    /// What each thread does, to its end.
    fn work(&self) {
        let mut state = self.lock();
        state.starting -= 1;
        loop {
            if let Some(job) = state.jobs.pop_front() {
                drop(state);
                // The job has its own fence for what the user gave; this one is for destructors.
                let _ = catch_unwind(AssertUnwindSafe(job));
                state = self.lock();
            } else if state.shut_down {
                return;
            } else {
                state.idle += 1;
                state = self.bell.wait(state).unwrap_or_else(|poisoned| poisoned.into_inner());
                state.idle -= 1;
            }
        }
    }
}

impl fmt::Debug for ThreadPoolExecutor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ThreadPoolExecutor").field("threads", &self.threads()).finish_non_exhaustive()
    }
}
