//! The ways into a loop from other threads.
//!
//! Job: `call_soon_threadsafe` and `run_coroutine_threadsafe`, and [`LoopLocal`], by which a thread names a queue or an
//! event of the loop. Neighbours: `ready.rs`, whose inbox it fills. Invariant: nothing else of a loop is `Send`, so the
//! compiler refuses what asyncio can only warn of in debug mode (`_check_thread`).
//!
//! Counterparts: the functions of these names (`base_events.py`, `tasks.py`); `SynchronizationContext.Post`.

use std::{
    any::Any,
    fmt,
    future::Future,
    marker::PhantomData,
    panic::resume_unwind,
    rc::Rc,
    sync::{Condvar, Mutex as StdMutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use crate::{
    context::{current_values, with_values},
    error::{Error, Result},
    event_loop::running,
    future::Outcome,
    handle::{Callback, Listener},
    loop_ref::LoopRef,
    ready::{Inbox, Letter, Ready, TaskId},
    sync::Arc,
};

/// A loop as other threads may know it: they can queue calls on it, and nothing else.
#[derive(Clone)]
pub struct LoopHandle {
    inbox: Arc<Inbox>,
}

impl LoopRef {
    /// A reference for other threads.
    pub fn handle(&self) -> LoopHandle {
        LoopHandle { inbox: self.core.inbox.clone() }
    }
}

impl LoopHandle {
    /// Queues `callback` on the loop's thread, and ends its park: `call_soon_threadsafe`. Called from a turn of the
    /// loop itself it is `call_soon`, in one order with that.
    ///
    /// # Errors
    /// `Runtime` when the loop is closed.
    pub fn call_soon_threadsafe(&self, callback: impl FnOnce() + Send + 'static) -> Result<()> {
        match running().filter(|core| Arc::ptr_eq(&core.inbox, &self.inbox)) {
            Some(core) if core.closed.get() => Err(Error::LOOP_CLOSED),
            Some(core) => {
                core.push(Ready::Call(Callback::new(callback)));
                Ok(())
            }
            None => {
                let values = current_values(); // of this thread's context: they run with the callback
                let letter = Letter::Call(Box::new(move || with_values(values, callback)));
                self.inbox.add(letter).map_err(|_| Error::LOOP_CLOSED)
            }
        }
    }

    /// Makes a task, on the loop's thread, of the future that `make` gives there: `asyncio.run_coroutine_threadsafe`.
    /// It takes a closure because a future of the loop can't go from thread to thread, only what it is made of.
    ///
    /// ```
    /// oneloop::run(async {
    ///     let handle = oneloop::get_running_loop()?.handle();
    ///     oneloop::to_thread(move || {
    ///         let answer = handle.run_coroutine_threadsafe(|| async { Ok(42) });
    ///         assert_eq!(answer.result()?, 42);
    ///         Ok(())
    ///     })
    ///     .await
    /// })?;
    /// # Ok::<(), oneloop::Error>(())
    /// ```
    pub fn run_coroutine_threadsafe<T, F>(&self, make: impl FnOnce() -> F + Send + 'static) -> ThreadFuture<T>
    where
        T: Send + 'static,
        F: Future<Output = Result<T>> + 'static,
    {
        let shared = Arc::new(Shared { state: StdMutex::new(State::Waiting(None)), done: Condvar::new() });
        let promise = Promise(shared.clone());
        // A letter that can't be delivered is dropped, and with it the promise: the future is cancelled.
        let _closed = self.call_soon_threadsafe(move || promise.keep(make()));
        ThreadFuture { shared, event_loop: self.clone() }
    }
}

/// Names a value of the loop's thread to other threads, which may have things done to it *there*. It is what
/// `loop.call_soon_threadsafe(queue.put_nowait, item)` needs in Rust, where a queue can't go to the other thread. Made by
/// [`LoopRef::local`]; clones name the same value, which is dropped after the last of them, or with the loop.
///
/// ```
/// # oneloop::run(async {
/// let queue = oneloop::Queue::new(0);
/// let local = oneloop::get_running_loop()?.local(queue.clone());
/// std::thread::spawn(move || local.call_soon_threadsafe(|queue| drop(queue.put_nowait("from the thread"))));
/// assert_eq!(queue.get().await?, "from the thread");
/// # Ok(()) }).unwrap();
/// ```
pub struct LoopLocal<T> {
    place: Arc<Place>,
    value: PhantomData<fn(&T)>,
}

/// A number in the loop's table of such values. The table forgets it when this is dropped.
struct Place {
    event_loop: LoopHandle,
    number: usize,
}

impl LoopRef {
    /// Lets other threads name `value`, which stays on this one.
    pub fn local<T: 'static>(&self, value: T) -> LoopLocal<T> {
        let number = self.core.jobs.locals.borrow_mut().insert(Rc::new(value));
        LoopLocal { place: Arc::new(Place { event_loop: self.handle(), number }), value: PhantomData }
    }
}

impl<T: 'static> LoopLocal<T> {
    /// Queues a call of `callback` with the value on the loop's thread, as [`LoopHandle::call_soon_threadsafe`] does.
    ///
    /// # Errors
    /// `Runtime` when the loop is closed.
    pub fn call_soon_threadsafe(&self, callback: impl FnOnce(&T) + Send + 'static) -> Result<()> {
        let place = self.place.clone(); // the value stays until this has run
        self.place.event_loop.call_soon_threadsafe(move || {
            let value = running().and_then(|core| core.jobs.locals.borrow().get(place.number).cloned());
            if let Some(value) = value.and_then(|value| value.downcast::<T>().ok()) {
                callback(&value);
            }
        })
    }
}

impl<T> Clone for LoopLocal<T> {
    fn clone(&self) -> LoopLocal<T> {
        LoopLocal { place: self.place.clone(), value: PhantomData }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let number = self.number;
        let _closed = self.event_loop.call_soon_threadsafe(move || {
            let value = running().and_then(|core| core.jobs.locals.borrow_mut().try_remove(number));
            drop(value); // with nothing borrowed
        });
    }
}

impl<T> fmt::Debug for LoopLocal<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LoopLocal")
    }
}

/// The result of a task, for another thread than the loop's: `concurrent.futures.Future`.
pub struct ThreadFuture<T> {
    shared: Arc<Shared<T>>,
    event_loop: LoopHandle,
}

struct Shared<T> {
    state: StdMutex<State<T>>,
    done: Condvar,
}

enum State<T> {
    /// Not done. The task, once there is one.
    Waiting(Option<TaskId>),
    /// Somebody has cancelled it. The task may not have ended yet, or may refuse; nobody waits for that.
    Cancelled,
    Done(Result<T>),
    Panicked(Box<dyn Any + Send>),
    Taken,
}

impl<T> Shared<T> {
    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> ThreadFuture<T> {
    /// Blocks this thread until the task has ended, and returns its result.
    ///
    /// # Errors
    /// The task's; `Cancelled` also when the loop is closed before; `Runtime` on the loop's own thread, which would
    /// wait for itself for ever.
    ///
    /// # Panics
    /// With the task's panic, if it has panicked.
    pub fn result(self) -> Result<T> {
        self.wait(None)
    }

    /// As [`result`](ThreadFuture::result), for at most `timeout`. The task goes on.
    ///
    /// # Errors
    /// As `result`, or `Timeout`.
    ///
    /// # Panics
    /// As `result`.
    pub fn result_timeout(&self, timeout: Duration) -> Result<T> {
        self.wait(Instant::now().checked_add(timeout))
    }

    /// Cancels the task. False if it is done. The future is done by that at once, though the task cleans up, or refuses.
    pub fn cancel(&self) -> bool {
        let mut state = self.shared.lock();
        let task = match *state {
            State::Waiting(task) => task,
            State::Cancelled => return true,
            _ => return false,
        };
        *state = State::Cancelled;
        drop(state);
        self.shared.done.notify_all();
        if let Some(task) = task {
            let _closed = self.event_loop.call_soon_threadsafe(move || {
                if let Some(core) = running() {
                    LoopRef { core }.cancel_task(task);
                }
            });
        }
        true
    }

    /// Whether the task has ended, or was cancelled from here.
    pub fn done(&self) -> bool {
        !matches!(*self.shared.lock(), State::Waiting(_))
    }

    /// Whether it has ended by cancellation, or was cancelled from here.
    pub fn cancelled(&self) -> bool {
        matches!(*self.shared.lock(), State::Cancelled | State::Done(Err(Error::Cancelled)))
    }

    fn wait(&self, until: Option<Instant>) -> Result<T> {
        if running().is_some_and(|core| Arc::ptr_eq(&core.inbox, &self.event_loop.inbox)) {
            return Err(Error::Runtime("the loop's own thread cannot wait for a task of the loop"));
        }
        let mut state = self.shared.lock();
        loop {
            match &*state {
                State::Waiting(_) => {}
                State::Cancelled => return Err(Error::Cancelled),
                State::Taken => return Err(Error::InvalidState("the result was taken before")),
                State::Done(_) | State::Panicked(_) => break,
            }
            state = match until {
                None => self.shared.done.wait(state).unwrap_or_else(PoisonError::into_inner),
                Some(until) => {
                    let left = until.saturating_duration_since(Instant::now());
                    if left.is_zero() {
                        return Err(Error::Timeout);
                    }
                    self.shared.done.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0
                }
            };
        }
        let was_cancelled = matches!(*state, State::Done(Err(Error::Cancelled)));
        let left = if was_cancelled { State::Cancelled } else { State::Taken };
        let ended = std::mem::replace(&mut *state, left);
        drop(state);
        match ended {
            State::Done(result) => result,
            State::Panicked(payload) => resume_unwind(payload),
            _ => Err(Error::Cancelled),
        }
    }
}

/// The loop's end of a [`ThreadFuture`]. Dropped without having been kept, it cancels that.
struct Promise<T>(Arc<Shared<T>>);

impl<T: Send + 'static> Promise<T> {
    /// Runs on the loop: makes the task, and passes its outcome on.
    fn keep(self, future: impl Future<Output = Result<T>> + 'static) {
        let Some(core) = running() else { return };
        if matches!(*self.0.lock(), State::Cancelled) {
            return;
        }
        let task = core.create_task(future);
        let is_wanted = match &mut *self.0.lock() {
            State::Waiting(made) => {
                *made = Some(task.id());
                true
            }
            _ => false, // it was cancelled since it was looked at above, and there was no task to tell
        };
        if !is_wanted {
            task.cancel(); // without the lock: an observer may ask for the future
        }
        let inner = task.inner.clone();
        let passes_on = move || {
            let _held = &task; // a handle: an error isn't reported as unseen before this has run
            self.settle(match task.inner.state.take() {
                Outcome::Finished(result) => State::Done(result),
                Outcome::Panicked(payload) => State::Panicked(payload),
                _ => State::Done(Err(Error::Cancelled)),
            });
        };
        inner.state.listen(&core, Listener::once(passes_on), 0);
    }

    fn settle(&self, outcome: State<T>) {
        let mut state = self.0.lock();
        if matches!(*state, State::Waiting(_)) {
            *state = outcome;
        }
        drop(state);
        self.0.done.notify_all();
    }
}

impl<T> Drop for Promise<T> {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        if matches!(*state, State::Waiting(_)) {
            *state = State::Done(Err(Error::Cancelled));
        }
        drop(state);
        self.0.done.notify_all();
    }
}

impl<T> fmt::Debug for ThreadFuture<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ThreadFuture").field("done", &self.done()).finish_non_exhaustive()
    }
}
