//! The two smallest leaves: `sleep`, which waits for a timer, and `yield_now`, which waits for its next turn.
//!
//! Job: read this file to see what a leaf is. It takes a cancellation first; if it can't go on, it leaves the waker
//! where somebody will call it (here: with a timer) and returns `Pending`; dropped, it takes that back.
//! Neighbours: `timers.rs`. Invariant: after a sleep the task runs one turn after its timer's callback would, as in
//! asyncio, where the timer settles a future and that wakes the task.
//!
//! Counterparts: `asyncio.sleep` (`tasks.py: sleep, __sleep0`); `Task.Delay`, `Task.Yield`.

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll},
    time::{Duration, Instant},
};

use crate::{
    cancel::take_cancellation,
    error::{Error, Result},
    event_loop::{Core, running},
    loop_ref::LoopRef,
    ready::Sleeper,
    timers::{Action, TimerId},
};

/// Lets all that is ready now run first: `asyncio.sleep(0)`, `Task.Yield()`.
pub fn yield_now() -> YieldNow {
    YieldNow(false)
}

/// What [`yield_now`] returns: whether it has yielded.
#[must_use = "futures do nothing unless awaited"]
pub struct YieldNow(bool);

impl Future for YieldNow {
    type Output = Result<()>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
        if take_cancellation() {
            return Poll::Ready(Err(Error::Cancelled));
        }
        if self.0 {
            return Poll::Ready(Ok(()));
        }
        self.0 = true;
        cx.waker().wake_by_ref(); // to the end of the queue
        Poll::Pending
    }
}

/// Waits for `delay`: `asyncio.sleep`, `Task.Delay`. A delay of zero is a bare yield, as in asyncio
/// (`Task.Delay(0)` in C# doesn't yield at all). Dropping it takes the timer back.
///
/// ```
/// oneloop::run(async { oneloop::sleep(std::time::Duration::from_millis(1)).await }).unwrap();
/// ```
#[track_caller]
pub fn sleep(delay: Duration) -> Sleep {
    crate::debug::note_await();
    Sleep(State::For(delay))
}

/// Waits until `when`, on the loop's clock.
#[track_caller]
pub fn sleep_until(when: Instant) -> Sleep {
    crate::debug::note_await();
    Sleep(State::Until(when))
}

/// What [`sleep`] returns. Its time begins to run when it is first polled.
#[must_use = "futures do nothing unless awaited"]
pub struct Sleep(State);

enum State {
    For(Duration),
    Until(Instant),
    Armed(LoopRef, TimerId),
    Yielding(YieldNow),
}

impl Sleep {
    fn arm(&mut self, when: impl FnOnce(&Core) -> Instant, cx: &mut Context<'_>) -> Poll<Result<()>> {
        let Some(core) = running() else {
            return Poll::Ready(Err(Error::NO_RUNNING_LOOP));
        };
        let sleeper = Sleeper::new(&core, cx.waker());
        let timer = core.add_timer(when(&core), Action::Wake(sleeper));
        core.observe_timer_wait(timer);
        self.0 = State::Armed(LoopRef { core }, timer);
        Poll::Pending
    }
}

impl Future for Sleep {
    type Output = Result<()>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
        if take_cancellation() {
            return Poll::Ready(Err(Error::Cancelled));
        }
        match &mut self.0 {
            State::For(Duration::ZERO) => {
                self.0 = State::Yielding(YieldNow(false));
                self.poll(cx)
            }
            State::Yielding(yielding) => Pin::new(yielding).poll(cx),
            &mut State::For(delay) => self.arm(|core| core.after(delay), cx),
            &mut State::Until(when) => self.arm(|_| when, cx),
            State::Armed(event_loop, timer) => {
                let sleeper = Sleeper::new(&event_loop.core, cx.waker());
                let replaced = event_loop.core.timers.borrow_mut().wake_instead(*timer, sleeper);
                if replaced.is_err() {
                    return Poll::Ready(Ok(())); // it has fired, and its slot is gone
                }
                event_loop.core.observe_timer_wait(*timer);
                Poll::Pending
            }
        }
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        if let State::Armed(event_loop, timer) = &self.0 {
            event_loop.core.cancel_timer(*timer);
        }
    }
}
