//! Time limits: `timeout`, `timeout_at`, `wait_for`.
//!
//! Job: a scope that cancels its own task when the time is over, and turns that cancellation, and no other, into
//! `Err(Timeout)` on the way out. What runs inside is *cancelled and waited for*, as in asyncio: it may clean up, and
//! it may refuse. C#'s `WaitAsync` leaves the loser running; other Rust runtimes drop it.
//! Neighbours: `cancel.rs`, whose counting tells whose cancellation it is.
//!
//! Counterparts: `asyncio.timeout`, `timeout_at`, `wait_for` (`timeouts.py`, 3.12's rules); `CancelAfter` on a linked
//! `CancellationTokenSource`.

use std::{
    cell::{Cell, RefCell},
    fmt,
    future::{Future, poll_fn},
    pin::{Pin, pin},
    rc::Rc,
    task::{Context, Poll},
    time::{Duration, Instant},
};

use crate::{
    cancel::take_cancellation,
    error::Error,
    handle::{Handle, TimerHandle},
    loop_ref::{LoopRef, get_running_loop},
    ready::TaskId,
    task_ref::current_id,
};

/// An error type that can carry the loop's own errors, so that a scope such as [`wait_for`] can let
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
#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Entered,
    /// The time is over and the task was asked to stop.
    Expired,
    Exited,
}

/// The scope that [`timeout`] lends to its body.
pub struct Timeout {
    event_loop: LoopRef,
    task: TaskId,
    /// The task's requests when the scope was entered: one more than that on the way out is ours.
    cancelling: u32,
    state: Rc<Cell<State>>,
    alarm: RefCell<Option<Alarm>>,
}

/// What will end the scope. Dropping it takes it back.
enum Alarm {
    /// The deadline is over: a callback is queued.
    Now(Instant, Handle),
    Later(TimerHandle),
}

impl Drop for Alarm {
    fn drop(&mut self) {
        match self {
            Alarm::Now(_, callback) => callback.cancel(),
            Alarm::Later(timer) => timer.cancel(),
        }
    }
}

impl Timeout {
    fn enter(when: Option<Instant>) -> Result<Timeout, Error> {
        let event_loop = get_running_loop()?;
        let task = current_id().ok_or(Error::Runtime("Timeout should be used inside a task"))?;
        let cancelling = event_loop.core.task(task).map_or(0, |task| task.header().cancellation.requests());
        let scope = Timeout {
            event_loop,
            task,
            cancelling,
            state: Rc::new(Cell::new(State::Entered)),
            alarm: RefCell::new(None),
        };
        scope.reschedule(when);
        Ok(scope)
    }

    /// Moves the deadline; `None` takes it away. No effect once it has expired.
    pub fn reschedule(&self, when: Option<Instant>) {
        if self.state.get() != State::Entered {
            return;
        }
        let alarm = when.map(|when| {
            let (state, event_loop, task) = (self.state.clone(), self.event_loop.clone(), self.task);
            let expire = move || {
                state.set(State::Expired);
                event_loop.cancel_task(task);
            };
            // What is over already is queued ahead of what becomes ready from now on (timeouts.py: reschedule).
            if when <= self.event_loop.time() {
                Alarm::Now(when, self.event_loop.call_soon(expire))
            } else {
                Alarm::Later(self.event_loop.call_at(when, expire))
            }
        });
        let old = self.alarm.replace(alarm);
        drop(old);
    }

    /// Takes the request back that the expiry has made. Returns how many are left.
    fn withdraw(&self) -> u32 {
        let core = &self.event_loop.core;
        let Some(task) = core.task(self.task) else { return 0 };
        let cancellation = &task.header().cancellation;
        if core.current.get() == Some(self.task) {
            cancellation.withdraw_own(&core.step)
        } else {
            cancellation.withdraw()
        }
    }

    /// When it expires.
    pub fn when(&self) -> Option<Instant> {
        self.alarm.borrow().as_ref().map(|alarm| match alarm {
            Alarm::Now(when, _) => *when,
            Alarm::Later(timer) => timer.when(),
        })
    }

    /// Whether the time is over.
    pub fn expired(&self) -> bool {
        self.state.get() == State::Expired
    }

    /// Polls the body. If it is at a foreign future, which can't take a cancellation, the scope takes it instead,
    /// and the body is dropped.
    fn poll_body<T, E: LoopError>(
        &self,
        body: Pin<&mut impl Future<Output = Result<T, E>>>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<T, E>> {
        match body.poll(cx) {
            Poll::Pending if take_cancellation() => Poll::Ready(Err(Error::Cancelled.into())),
            poll => poll,
        }
    }

    /// The way out: `Err(Cancelled)` becomes `Err(Timeout)` if it is this scope's own doing and nobody else's.
    fn exit<T, E: LoopError>(&self, result: Result<T, E>) -> Result<T, E> {
        if self.state.replace(State::Exited) != State::Expired {
            return result;
        }
        let left = self.withdraw();
        match result {
            Err(error) if error.is_cancelled() && left <= self.cancelling => Err(Error::Timeout.into()),
            result => result,
        }
    }
}

impl Drop for Timeout {
    fn drop(&mut self) {
        // Dropped between its expiry and its way out, it has nobody left to tell of the cancellation.
        if self.state.get() == State::Expired {
            self.withdraw();
        }
    }
}

impl fmt::Debug for Timeout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Timeout").field("when", &self.when()).field("expired", &self.expired()).finish()
    }
}

/// Runs `body` for at most `delay`. On expiry the current task is cancelled inside `body`, waited for, and the scope
/// gives `Err(Timeout)`; a value that `body` gives in spite of it wins. A cancellation from outside stays one.
///
/// ```
/// use std::time::Duration;
/// let event_loop = oneloop::EventLoop::builder().virtual_clock(true).build()?;
/// event_loop.run_until_complete(async {
///     let result = oneloop::timeout(Duration::from_secs(1), async |_scope| {
///         oneloop::sleep(Duration::from_secs(3600)).await
///     });
///     assert!(result.await.is_err_and(|error: oneloop::Error| error.is_timeout()));
///     Ok(())
/// })?;
/// # Ok::<(), oneloop::Error>(())
/// ```
///
/// # Errors
/// `Timeout`, what `body` gives, or `Runtime` outside a task.
pub async fn timeout<T, E: LoopError>(
    delay: Duration,
    body: impl AsyncFnOnce(&Timeout) -> Result<T, E>,
) -> Result<T, E> {
    let when = get_running_loop()?.core.after(delay);
    timeout_at(Some(when), body).await
}

/// As [`timeout`], until a moment on the loop's clock; `None` is for ever, until it is rescheduled.
///
/// # Errors
/// As [`timeout`].
pub async fn timeout_at<T, E: LoopError>(
    when: Option<Instant>,
    body: impl AsyncFnOnce(&Timeout) -> Result<T, E>,
) -> Result<T, E> {
    let scope = Timeout::enter(when)?;
    let result = {
        let mut body = pin!(body(&scope));
        poll_fn(|cx| scope.poll_body(body.as_mut(), cx)).await
    };
    scope.exit(result)
}

/// Awaits `future` for at most `delay`, in the caller's own task (as Python does since 3.12).
///
/// # Errors
/// As [`timeout`]. With a delay of zero, `future` is polled once.
pub async fn wait_for<T, E: LoopError>(
    delay: Duration,
    future: impl IntoFuture<Output = Result<T, E>>,
) -> Result<T, E> {
    let scope = Timeout::enter(Some(get_running_loop()?.core.after(delay)))?;
    let result = {
        let mut future = pin!(future.into_future());
        poll_fn(|cx| scope.poll_body(future.as_mut(), cx)).await
    };
    scope.exit(result)
}
