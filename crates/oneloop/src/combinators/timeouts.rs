//! Time limits: `timeout`, `timeout_at`, `wait_for`.
//!
//! Job: a scope that cancels its own task when the time is over, and turns that cancellation, and no other, into
//! `Err(Timeout)` on the way out. What runs inside is *cancelled and waited for*, as in asyncio: it may clean up, and
//! it may refuse. C#'s `WaitAsync` leaves the loser running; other Rust runtimes drop it.
//! Neighbours: `scope.rs`, which knows whose cancellation it is; `wait_for.rs`.
//!
//! Counterparts: `asyncio.timeout`, `timeout_at` (`timeouts.py`); `CancelAfter` on a linked
//! `CancellationTokenSource`.

use std::{
    cell::{Cell, RefCell},
    fmt,
    future::{Future, poll_fn},
    pin::pin,
    rc::Rc,
    time::{Duration, Instant},
};

use super::scope::{ScopeTask, poll_body};
use crate::{
    error::Error,
    event_loop::running,
    handle::{Handle, TimerHandle},
    loop_ref::get_running_loop,
};

/// An error type that can carry the loop's own errors, so that a scope such as [`wait_for`](crate::wait_for) can let
/// a cancellation pass through code that fails in its own vocabulary.
pub trait LoopError: From<Error> {
    /// Whether this value is the loop's [`Error::Cancelled`].
    fn is_cancelled(&self) -> bool;
}

impl LoopError for Error {
    fn is_cancelled(&self) -> bool {
        Error::is_cancelled(self)
    }
}

/// How far a timeout scope has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Created,
    Entered,
    /// The time is over and the task was asked to stop.
    Expiring,
    /// The scope was left after that.
    Expired,
    /// The scope was left in time.
    Exited,
}

/// A time limit that a body runs under: [`timeout`] lends one, and [`Timeout::after`] makes one that can be asked
/// afterwards, or moved by other tasks. Clones are the same limit.
///
/// ```
/// # use std::time::Duration;
/// # let event_loop = oneloop::EventLoop::builder().virtual_clock(true).build()?;
/// # event_loop.run_until_complete(async {
/// let limit = oneloop::Timeout::after(Duration::from_secs(1)); // limit = asyncio.timeout(1)
/// let slept = limit.enter(oneloop::sleep(Duration::from_secs(3600))).await; // async with limit:
/// assert!(slept.is_err_and(|error| error.is_timeout()) && limit.expired());
/// # Ok(()) })?;
/// # Ok::<(), oneloop::Error>(())
/// ```
#[derive(Clone)]
pub struct Timeout {
    inner: Rc<Inner>,
}

struct Inner {
    state: Cell<State>,
    when: Cell<Option<Instant>>,
    /// The task that it was entered in, and that one's requests then: one more on the way out is ours.
    scope: RefCell<Option<(ScopeTask, u32)>>,
    alarm: RefCell<Option<Alarm>>,
}

/// What will end the scope. Dropping it takes it back.
enum Alarm {
    /// The deadline is over: a callback is queued.
    Now(Handle),
    Later(TimerHandle),
}

impl Drop for Alarm {
    fn drop(&mut self) {
        match self {
            Alarm::Now(callback) => callback.cancel(),
            Alarm::Later(timer) => timer.cancel(),
        }
    }
}

impl Timeout {
    /// A limit at a moment on the loop's clock; `None` is for ever, until it is rescheduled. It does nothing before it
    /// is [entered](Timeout::enter).
    pub fn new(when: Option<Instant>) -> Timeout {
        Timeout {
            inner: Rc::new(Inner {
                state: Cell::new(State::Created),
                when: Cell::new(when),
                scope: RefCell::default(),
                alarm: RefCell::default(),
            }),
        }
    }

    /// A limit that is over `delay` from now, whenever it is entered: `limit = asyncio.timeout(delay)`. `None` is none.
    ///
    /// # Panics
    /// When no loop runs on this thread.
    pub fn after(delay: impl Into<Option<Duration>>) -> Timeout {
        let core = running().expect("Timeout::after needs a running event loop: it reads that loop's clock");
        Timeout::new(delay.into().map(|delay| core.after(delay)))
    }

    /// Runs `body` under the limit, once. On expiry the current task is cancelled inside `body`, which is waited for;
    /// a value or an error of its own that it gives in spite of it wins. A cancellation from outside stays one.
    ///
    /// # Errors
    /// `Timeout`; what `body` gives; `Runtime` outside of a task, or if it was entered before.
    pub async fn enter<T>(&self, body: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
        self.enter_with(body).await
    }

    /// As `enter`, for a body that fails in its own vocabulary.
    pub(crate) async fn enter_with<T, E: LoopError>(&self, body: impl Future<Output = Result<T, E>>) -> Result<T, E> {
        let inner = &*self.inner;
        if inner.state.get() != State::Created {
            return Err(Error::Runtime("Timeout has already been entered").into());
        }
        let task = ScopeTask::current("Timeout should be used inside a task")?;
        let requests = task.requests();
        *inner.scope.borrow_mut() = Some((task.clone(), requests));
        inner.state.set(State::Entered);
        let entered = Entered(inner);
        self.reschedule(inner.when.get())?;
        let result = {
            let mut body = pin!(body);
            poll_fn(|cx| poll_body(&task, body.as_mut(), cx)).await
        };
        let ours = inner.leave();
        drop(entered);
        match result {
            Err(error) if error.is_cancelled() && ours => Err(Error::Timeout.into()),
            result => result,
        }
    }

    /// Moves the deadline; `None` takes it away.
    ///
    /// # Errors
    /// `Runtime` before it is entered, and after it has expired or was left.
    pub fn reschedule(&self, when: Option<Instant>) -> Result<(), Error> {
        let state = self.inner.state.get();
        let scope = self.inner.scope.borrow().clone().filter(|_| state == State::Entered);
        let Some((task, _)) = scope else {
            return Err(Error::Runtime(match state {
                State::Expiring => "Cannot change state of expiring Timeout",
                State::Expired => "Cannot change state of expired Timeout",
                State::Exited => "Cannot change state of finished Timeout",
                _ => "Timeout has not been entered",
            }));
        };
        self.inner.when.set(when);
        let alarm = when.map(|when| {
            let (inner, event_loop) = (Rc::downgrade(&self.inner), task.event_loop.clone());
            let expire = move || {
                if let Some(inner) = inner.upgrade() {
                    task.cancel();
                    inner.state.set(State::Expiring);
                }
            };
            // What is over already is queued ahead of what becomes ready from now on (timeouts.py: reschedule).
            if when <= event_loop.time() {
                Alarm::Now(event_loop.call_soon(expire))
            } else {
                Alarm::Later(event_loop.call_at(when, expire))
            }
        });
        let old = self.inner.alarm.replace(alarm);
        drop(old);
        Ok(())
    }

    /// When it expires, or would have.
    pub fn when(&self) -> Option<Instant> {
        self.inner.when.get()
    }

    /// Whether its time was over before the body was left.
    pub fn expired(&self) -> bool {
        matches!(self.inner.state.get(), State::Expiring | State::Expired)
    }
}

impl Inner {
    /// The way out. Whether a cancellation that comes out with it is this scope's own doing and nobody else's.
    fn leave(&self) -> bool {
        drop(self.alarm.take());
        let scope = self.scope.borrow().clone();
        if let Some((task, _)) = &scope {
            task.leave_body();
        }
        match (self.state.get(), scope) {
            (State::Expiring, Some((task, requests))) => {
                self.state.set(State::Expired);
                task.uncancel() <= requests
            }
            (State::Entered, _) => {
                self.state.set(State::Exited);
                false
            }
            _ => false,
        }
    }
}

/// A scope that is left by its end, or because it is dropped half-way: then there is nobody to tell.
struct Entered<'a>(&'a Inner);

impl Drop for Entered<'_> {
    fn drop(&mut self) {
        self.0.leave();
    }
}

impl fmt::Debug for Timeout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Timeout").field("state", &self.inner.state.get()).field("when", &self.when()).finish()
    }
}

/// Runs `body` for at most `delay`; `None` is for ever. On expiry the current task is cancelled inside `body`, waited
/// for, and the scope gives `Err(Timeout)`; a value that `body` gives in spite of it wins. A cancellation from outside
/// stays one.
///
/// ```
/// use std::time::Duration;
/// let event_loop = oneloop::EventLoop::builder().virtual_clock(true).build()?;
/// event_loop.run_until_complete(async {
///     let result = oneloop::timeout(Duration::from_secs(1), async |_scope| {
///         oneloop::sleep(Duration::from_secs(3600)).await
///     });
///     assert!(result.await.is_err_and(|error| error.is_timeout()));
///     Ok(())
/// })?;
/// # Ok::<(), oneloop::Error>(())
/// ```
///
/// # Errors
/// `Timeout`, what `body` gives, or `Runtime` outside a task.
pub async fn timeout<T>(
    delay: impl Into<Option<Duration>>,
    body: impl AsyncFnOnce(&Timeout) -> Result<T, Error>,
) -> Result<T, Error> {
    let core = get_running_loop()?.core;
    timeout_at(delay.into().map(|delay| core.after(delay)), body).await
}

/// As [`timeout`], until a moment on the loop's clock; `None` is for ever, until it is rescheduled.
///
/// # Errors
/// As [`timeout`].
pub async fn timeout_at<T>(
    when: impl Into<Option<Instant>>,
    body: impl AsyncFnOnce(&Timeout) -> Result<T, Error>,
) -> Result<T, Error> {
    let limit = Timeout::new(when.into());
    limit.enter(body(&limit)).await
}
