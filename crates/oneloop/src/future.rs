//! Futures that are settled from outside, and the two smallest leaves: `sleep` and `yield_now`.
//!
//! Job: [`FutureState`] is what a settable future and a task have in common, as `Task` is a subclass of `Future` in
//! asyncio: an outcome, and one list of those who wait for it. Neighbours: `task.rs`, `gather.rs` and `locks.rs` are
//! made of it; `event_loop.rs` runs what it schedules. Invariants:
//!
//! - An outcome is set once.
//! - Waiting tasks and done-callbacks stand in *one* list and are scheduled in its order: never run inline. A C#
//!   `SetResult` runs the continuation inside the call unless told otherwise; here it always takes another turn.
//! - A waiter that is dropped leaves the list.
//!
//! Counterparts: `asyncio.Future`, `asyncio.sleep`; `TaskCompletionSource`, `Task.Delay`, `Task.Yield`.

use std::{
    any::Any,
    cell::RefCell,
    fmt,
    future::Future,
    panic::resume_unwind,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll, Waker},
    time::{Duration, Instant},
};

use crate::{
    cancel::{CancelTarget, Waiting, take_cancellation, waiting},
    error::{Error, Result},
    event_loop::{Core, LoopRef, running},
    handle::{Callback, Listener},
    ready::{Ready, TaskId},
    timers::{Action, TimerId},
};

/// How a future or a task ended, or that it has not.
pub(crate) enum Outcome<T> {
    Pending,
    /// It ended by itself. The error may be a `Cancelled` that somebody put there as a value: gather does.
    Finished(Result<T>),
    /// It was cancelled.
    Cancelled,
    /// Its body panicked; the payload is re-raised in whoever awaits it.
    Panicked(Box<dyn Any + Send>),
    /// The result was moved out to the one who awaited it by value.
    Taken,
}

/// One entry of the list of those who wait. Keys rise along the list, and let a waiter find itself again.
enum Waiter {
    Wake { key: u32, waker: Waker },
    Notify { key: u32, listener: Rc<Listener>, which: u32 },
    Call { key: u32, callback: Rc<Callback> },
}

impl Waiter {
    fn key(&self) -> u32 {
        match self {
            Waiter::Wake { key, .. } | Waiter::Notify { key, .. } | Waiter::Call { key, .. } => *key,
        }
    }
}

/// Most futures have one waiter, so one needs no allocation.
enum Waiters {
    None,
    One(Waiter),
    Many(Vec<Waiter>),
}

/// An outcome and those who wait for it.
pub(crate) struct FutureState<T> {
    outcome: RefCell<Outcome<T>>,
    waiters: RefCell<Waiters>,
}

impl<T> FutureState<T> {
    pub(crate) fn new() -> FutureState<T> {
        FutureState { outcome: RefCell::new(Outcome::Pending), waiters: RefCell::new(Waiters::None) }
    }

    pub(crate) fn is_done(&self) -> bool {
        !matches!(*self.outcome.borrow(), Outcome::Pending)
    }

    pub(crate) fn is_cancelled(&self) -> bool {
        matches!(*self.outcome.borrow(), Outcome::Cancelled)
    }

    /// Sets the outcome and schedules all who wait. False, and nothing done, if there was an outcome before.
    pub(crate) fn complete(&self, core: &Core, outcome: Outcome<T>) -> bool {
        if self.is_done() {
            return false;
        }
        *self.outcome.borrow_mut() = outcome;
        match self.waiters.replace(Waiters::None) {
            Waiters::None => {}
            Waiters::One(waiter) => schedule(core, waiter),
            Waiters::Many(list) => list.into_iter().for_each(|waiter| schedule(core, waiter)),
        }
        true
    }

    /// Moves the outcome out. `Pending` is left where it is; a cancelled future stays cancelled.
    pub(crate) fn take(&self) -> Outcome<T> {
        let mut outcome = self.outcome.borrow_mut();
        match *outcome {
            Outcome::Pending => Outcome::Pending,
            Outcome::Cancelled => Outcome::Cancelled,
            _ => std::mem::replace(&mut *outcome, Outcome::Taken),
        }
    }

    /// Whether it failed, and nobody has taken the error.
    pub(crate) fn has_unseen_error(&self) -> bool {
        matches!(*self.outcome.borrow(), Outcome::Finished(Err(_)) | Outcome::Panicked(_))
    }

    /// Puts a waiter at the end of the list, or a new waker in place of the old one with this key.
    fn wait(&self, key: Option<u32>, waker: &Waker) -> u32 {
        let mut waiters = self.waiters.borrow_mut();
        if let Some(key) = key {
            let old = match &mut *waiters {
                Waiters::None => None,
                Waiters::One(waiter) => Some(waiter),
                Waiters::Many(list) => list.iter_mut().find(|waiter| waiter.key() == key),
            };
            if let Some(Waiter::Wake { waker: old, .. }) = old {
                old.clone_from(waker);
                return key;
            }
        }
        waiters.push(|key| Waiter::Wake { key, waker: waker.clone() })
    }

    /// Registers a done-callback that many futures share. Queued at once if this one is done.
    pub(crate) fn listen(&self, core: &Core, listener: &Rc<Listener>, which: u32) {
        if self.is_done() {
            core.push(Ready::Notify(listener.clone(), which));
        } else {
            self.waiters.borrow_mut().push(|key| Waiter::Notify { key, listener: listener.clone(), which });
        }
    }

    /// Registers a done-callback of its own.
    pub(crate) fn call_when_done(&self, core: &Core, callback: Rc<Callback>) {
        if self.is_done() {
            core.push(Ready::Call(callback));
        } else {
            self.waiters.borrow_mut().push(|key| Waiter::Call { key, callback });
        }
    }

    /// Takes a waiter out of the list; it is dropped once no borrow is held.
    fn leave(&self, key: u32) {
        let mut waiters = self.waiters.borrow_mut();
        let _gone = match &mut *waiters {
            Waiters::One(waiter) if waiter.key() == key => Some(std::mem::replace(&mut *waiters, Waiters::None)),
            Waiters::Many(list) => {
                list.iter().position(|waiter| waiter.key() == key).map(|at| Waiters::One(list.remove(at)))
            }
            _ => None,
        };
        drop(waiters);
    }
}

impl Waiters {
    /// Appends what `make` makes of the key that it gets.
    fn push(&mut self, make: impl FnOnce(u32) -> Waiter) -> u32 {
        match std::mem::replace(self, Waiters::None) {
            Waiters::None => {
                *self = Waiters::One(make(0));
                0
            }
            Waiters::One(first) => {
                let key = first.key() + 1;
                *self = Waiters::Many(vec![first, make(key)]);
                key
            }
            Waiters::Many(mut list) => {
                let key = list.last().map_or(0, |last| last.key() + 1);
                list.push(make(key));
                *self = Waiters::Many(list);
                key
            }
        }
    }
}

fn schedule(core: &Core, waiter: Waiter) {
    match waiter {
        Waiter::Wake { waker, .. } => waker.wake(),
        Waiter::Notify { listener, which, .. } => core.push(Ready::Notify(listener, which)),
        Waiter::Call { callback, .. } => core.push(Ready::Call(callback)),
    }
}

/// What [`Awaiting`] can wait for: a task, a settable future, the outer future of a gather.
pub(crate) trait Awaitable<T>: CancelTarget {
    fn state(&self) -> &FutureState<T>;

    /// Which task this is, if it is one: a task must not wait for itself.
    fn task_id(&self) -> Option<TaskId> {
        None
    }
}

/// Waits for a task or a settable future and moves its result out. Dropping it stops the waiting, not the task.
#[must_use = "futures do nothing unless awaited"]
pub struct Awaiting<T> {
    target: Rc<dyn Awaitable<T>>,
    key: Option<u32>,
}

impl<T> Awaiting<T> {
    pub(crate) fn new(target: Rc<dyn Awaitable<T>>) -> Awaiting<T> {
        Awaiting { target, key: None }
    }

    /// Polls for the end, whose outcome `take` reads.
    fn poll_done(&mut self, cx: &mut Context<'_>, take: impl FnOnce(&FutureState<T>) -> Outcome<T>) -> Poll<Result<T>>
    where
        T: 'static,
    {
        if take_cancellation() {
            return Poll::Ready(Err(Error::Cancelled));
        }
        let state = self.target.state();
        match take(state) {
            Outcome::Pending => {
                let me = crate::task::current_task();
                if me.is_some() && me == self.target.task_id() {
                    return Poll::Ready(Err(Error::Runtime("Task cannot await on itself")));
                }
                self.key = Some(state.wait(self.key, cx.waker()));
                waiting(Waiting::For(self.target.clone()));
                Poll::Pending
            }
            Outcome::Finished(result) => Poll::Ready(result),
            Outcome::Cancelled => Poll::Ready(Err(Error::Cancelled)),
            Outcome::Panicked(payload) => resume_unwind(payload),
            Outcome::Taken => Poll::Ready(Err(Error::InvalidState("the result was taken by another await"))),
        }
    }
}

impl<T: 'static> Future for Awaiting<T> {
    type Output = Result<T>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<T>> {
        self.poll_done(cx, FutureState::take)
    }
}

impl<T> Drop for Awaiting<T> {
    fn drop(&mut self) {
        if let Some(key) = self.key {
            self.target.state().leave(key);
        }
    }
}

/// Waits for a task or a settable future and clones its result, so that several can wait: `(&task).await`.
#[must_use = "futures do nothing unless awaited"]
pub struct AwaitingRef<T>(Awaiting<T>);

impl<T> AwaitingRef<T> {
    pub(crate) fn new(target: Rc<dyn Awaitable<T>>) -> AwaitingRef<T> {
        AwaitingRef(Awaiting::new(target))
    }
}

impl<T: Clone + 'static> Future for AwaitingRef<T> {
    type Output = Result<T>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<T>> {
        self.0.poll_done(cx, |state| match &*state.outcome.borrow() {
            Outcome::Finished(result) => Outcome::Finished(result.clone()),
            Outcome::Pending => Outcome::Pending,
            Outcome::Cancelled => Outcome::Cancelled,
            Outcome::Taken => Outcome::Taken,
            // A payload can't be cloned; each waiter gets its message.
            Outcome::Panicked(payload) => Outcome::Panicked(Box::new(panic_message(&**payload).to_owned())),
        })
    }
}

/// The sentence in a panic's payload.
pub(crate) fn panic_message(payload: &(dyn Any + Send)) -> &str {
    let text = payload.downcast_ref::<&str>().copied();
    text.or_else(|| payload.downcast_ref::<String>().map(String::as_str)).unwrap_or("a panic without a message")
}

/// A future whose result is set by calling it: `asyncio.Future`, `TaskCompletionSource`. Clones are the same future.
///
/// Cancelling one task that awaits it cancels the future itself, for all who wait, as in asyncio.
///
/// ```
/// # oneloop::run(async {
/// let event_loop = oneloop::get_running_loop()?;
/// let answer = event_loop.create_future();
/// let setter = answer.clone();
/// event_loop.call_soon(move || drop(setter.set_result(42)));
/// assert_eq!(answer.await?, 42);
/// # Ok(()) }).unwrap();
/// ```
pub struct SettableFuture<T> {
    inner: Rc<Settable<T>>,
}

struct Settable<T> {
    state: FutureState<T>,
    event_loop: LoopRef,
}

impl<T> SettableFuture<T> {
    pub(crate) fn new(event_loop: LoopRef) -> SettableFuture<T> {
        SettableFuture { inner: Rc::new(Settable { state: FutureState::new(), event_loop }) }
    }

    /// Sets the result and schedules all who wait. `Err(InvalidState)` if the future is done.
    pub fn set_result(&self, value: T) -> Result<()> {
        self.complete(Outcome::Finished(Ok(value)))
    }

    /// Sets an error (asyncio: `set_exception`). `Err(InvalidState)` if the future is done.
    pub fn set_error(&self, error: Error) -> Result<()> {
        self.complete(Outcome::Finished(Err(error)))
    }

    /// Cancels the future: all who wait get `Err(Cancelled)`. False if it is done.
    pub fn cancel(&self) -> bool {
        self.complete(Outcome::Cancelled).is_ok()
    }

    /// Whether it has a result, an error, or was cancelled.
    pub fn done(&self) -> bool {
        self.inner.state.is_done()
    }

    /// Whether it was cancelled.
    pub fn cancelled(&self) -> bool {
        self.inner.state.is_cancelled()
    }

    /// Queues `callback` when the future is done: behind those who wait already, at once if it is done now.
    pub fn add_done_callback(&self, callback: impl FnOnce() + 'static) {
        self.inner.state.call_when_done(&self.inner.event_loop.core, Callback::new(callback));
    }

    pub(crate) fn complete(&self, outcome: Outcome<T>) -> Result<()> {
        if self.inner.state.complete(&self.inner.event_loop.core, outcome) {
            Ok(())
        } else {
            Err(Error::InvalidState("the future has a result, an error, or was cancelled"))
        }
    }
}

impl<T> CancelTarget for Settable<T> {
    fn cancel_target(&self) -> bool {
        self.state.complete(&self.event_loop.core, Outcome::Cancelled)
    }
}

impl<T> Awaitable<T> for Settable<T> {
    fn state(&self) -> &FutureState<T> {
        &self.state
    }
}

impl<T> Clone for SettableFuture<T> {
    fn clone(&self) -> SettableFuture<T> {
        SettableFuture { inner: self.inner.clone() }
    }
}

impl<T> fmt::Debug for SettableFuture<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SettableFuture").field("done", &self.done()).finish_non_exhaustive()
    }
}

impl<T> fmt::Debug for Awaiting<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Awaiting").field("done", &self.target.state().is_done()).finish_non_exhaustive()
    }
}

impl<T> fmt::Debug for AwaitingRef<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl<T: 'static> IntoFuture for SettableFuture<T> {
    type Output = Result<T>;
    type IntoFuture = Awaiting<T>;

    fn into_future(self) -> Awaiting<T> {
        Awaiting::new(self.inner)
    }
}

impl<T: Clone + 'static> IntoFuture for &SettableFuture<T> {
    type Output = Result<T>;
    type IntoFuture = AwaitingRef<T>;

    fn into_future(self) -> AwaitingRef<T> {
        AwaitingRef::new(self.inner.clone())
    }
}

/// Waits for `delay`: `asyncio.sleep`, `Task.Delay`. A delay of zero is a bare yield, as in asyncio
/// (`Task.Delay(0)` in C# doesn't yield at all). Dropping it takes the timer back.
///
/// ```
/// oneloop::run(async { oneloop::sleep(std::time::Duration::from_millis(1)).await }).unwrap();
/// ```
pub fn sleep(delay: Duration) -> Sleep {
    Sleep(SleepState::For(delay))
}

/// Waits until `when`, on the loop's clock.
pub fn sleep_until(when: Instant) -> Sleep {
    Sleep(SleepState::Until(when))
}

/// Lets every task and callback that is ready now run first: `asyncio.sleep(0)`, `Task.Yield()`.
pub fn yield_now() -> Sleep {
    sleep(Duration::ZERO)
}

/// What [`sleep`] and [`yield_now`] return. It starts when it is first polled.
#[must_use = "futures do nothing unless awaited"]
pub struct Sleep(SleepState);

enum SleepState {
    For(Duration),
    Until(Instant),
    Yielded,
    Armed(LoopRef, TimerId),
    Over,
}

impl Sleep {
    fn arm(&mut self, when: impl FnOnce(&Core) -> Instant, cx: &mut Context<'_>) -> Poll<Result<()>> {
        let Some(core) = running() else {
            return Poll::Ready(Err(Error::Runtime("no running event loop")));
        };
        let timer = core.add_timer(when(&core), Action::Wake(cx.waker().clone()));
        self.0 = SleepState::Armed(LoopRef { core }, timer);
        waiting(Waiting::Leaf);
        Poll::Pending
    }
}

impl Future for Sleep {
    type Output = Result<()>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
        if take_cancellation() {
            return Poll::Ready(Err(Error::Cancelled));
        }
        match &self.0 {
            SleepState::For(Duration::ZERO) => {
                self.0 = SleepState::Yielded;
                waiting(Waiting::Leaf);
                cx.waker().wake_by_ref();
                Poll::Pending
            }
            &SleepState::For(delay) => self.arm(|core| core.after(delay), cx),
            &SleepState::Until(when) => self.arm(|_| when, cx),
            SleepState::Armed(event_loop, timer) => {
                if event_loop.core.timers.borrow_mut().still_waits(*timer, cx.waker()) {
                    waiting(Waiting::Leaf);
                    return Poll::Pending;
                }
                self.0 = SleepState::Over;
                Poll::Ready(Ok(()))
            }
            SleepState::Yielded | SleepState::Over => Poll::Ready(Ok(())),
        }
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        if let SleepState::Armed(event_loop, timer) = &self.0 {
            event_loop.core.cancel_timer(*timer);
        }
    }
}

impl fmt::Debug for Sleep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sleep")
    }
}
