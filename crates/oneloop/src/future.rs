//! An outcome that is waited for: the half that tasks and settable futures have in common.
//!
//! Job: [`FutureState`] is an outcome and one list of those who wait for it; [`Awaiting`] is the leaf that waits. In
//! asyncio `Task` is a subclass of `Future`; here both have one of these. Neighbours: `task.rs`, `settable.rs` and
//! `gather.rs` are made of it; `event_loop.rs` runs what it schedules. Invariants:
//!
//! - An outcome is set once. It is never borrowed while user code runs: to be copied it is taken out and put back.
//! - Waiting tasks and done-callbacks stand in *one* list and are scheduled in its order: never run inline. A C#
//!   `SetResult` runs the continuation inside the call unless told otherwise; here it always takes another turn.
//! - A waiter that is dropped leaves the list.
//!
//! Counterparts: `asyncio.Future` (`futures.py`); `TaskCompletionSource`.

use std::{
    any::Any,
    cell::{Cell, RefCell},
    future::Future,
    mem,
    pin::Pin,
    rc::{Rc, Weak},
    task::{Context, Poll, Waker},
};

use crate::{
    cancel::{CancelTarget, not_waiting_for},
    cancel_message::Reason,
    error::{Error, Result},
    event_loop::{Core, running},
    handle::Listener,
    ready::{Ready, Sleeper},
    task_ref::{refusal, throw_later},
    waiters::{Waiter, Waiters},
};

/// How a future or a task ended, or that it has not.
pub(crate) enum Outcome<T> {
    Pending,
    /// It ended by itself. The error may be a `Cancelled` that somebody put there as a value: gather does.
    Finished(Result<T>),
    /// It was cancelled, for a reason that the canceller may have given.
    Cancelled(Reason),
    /// Its body panicked; the payload is re-raised in whoever awaits it.
    Panicked(Box<dyn Any + Send>),
    /// The result was moved out to the one who awaited it by value.
    Taken,
}

/// An outcome and those who wait for it.
pub(crate) struct FutureState<T> {
    pub(crate) outcome: RefCell<Outcome<T>>,
    pub(crate) waiters: RefCell<Waiters>,
    next_key: Cell<u32>,
    /// Somebody was given a copy of the result.
    pub(crate) seen: Cell<bool>,
    /// The loop on which it is waited for. It may be gone first.
    pub(crate) home: Weak<Core>,
}

impl<T> FutureState<T> {
    pub(crate) fn new(home: Weak<Core>) -> FutureState<T> {
        FutureState {
            outcome: RefCell::new(Outcome::Pending),
            waiters: RefCell::default(),
            next_key: Cell::new(0),
            seen: Cell::new(false),
            home,
        }
    }

    pub(crate) fn is_done(&self) -> bool {
        !matches!(*self.outcome.borrow(), Outcome::Pending)
    }

    /// Whether somebody waits who will look at the outcome.
    pub(crate) fn is_awaited(&self) -> bool {
        self.waiters.borrow_mut().as_mut_slice().iter().any(|waiter| matches!(waiter, Waiter::Wake(..)))
    }

    pub(crate) fn is_cancelled(&self) -> bool {
        matches!(*self.outcome.borrow(), Outcome::Cancelled(_))
    }

    /// Whether it failed, and nobody has taken the error or a copy of it.
    pub(crate) fn has_unseen_error(&self) -> bool {
        self.has_failed() && !self.seen.get()
    }

    /// Whether it failed. A panic that was taken counts no more.
    pub(crate) fn has_failed(&self) -> bool {
        matches!(*self.outcome.borrow(), Outcome::Finished(Err(_)) | Outcome::Panicked(_))
    }

    /// Sets the outcome and schedules all who wait. False, and nothing done, if there was an outcome before.
    pub(crate) fn complete(&self, core: &Core, outcome: Outcome<T>) -> bool {
        if self.is_done() {
            return false;
        }
        *self.outcome.borrow_mut() = outcome;
        self.waiters.take().schedule(core);
        true
    }

    /// Moves the value or the panic out. All else is left where it is: an error may be awaited again.
    pub(crate) fn take(&self) -> Outcome<T> {
        let mut outcome = self.outcome.borrow_mut();
        match *outcome {
            Outcome::Pending => Outcome::Pending,
            Outcome::Cancelled(ref reason) => Outcome::Cancelled(reason.tell()),
            Outcome::Finished(Err(ref error)) => Outcome::Finished(Err(self.show(error))),
            _ => mem::replace(&mut *outcome, Outcome::Taken),
        }
    }

    /// Registers a done-callback: behind those who wait already, queued at once if this is done.
    pub(crate) fn listen(&self, core: &Core, listener: Rc<Listener>, which: u32) {
        if self.is_done() {
            core.push(Ready::Notify(listener, which));
        } else {
            self.waiters.borrow_mut().push(Waiter::Notify(listener, which));
        }
    }

    /// Puts `sleeper` at the end of the list, or in the place of the one who has `key` there.
    pub(crate) fn wait(&self, key: Option<u32>, mut sleeper: Sleeper) -> u32 {
        let mut waiters = self.waiters.borrow_mut();
        if let Some(key) = key
            && let Some(known) = waiters.sleeper(key)
        {
            mem::swap(known, &mut sleeper);
            drop(waiters);
            drop(sleeper); // the one before, which may be foreign
            return key;
        }
        let key = self.next_key.get();
        self.next_key.set(key.wrapping_add(1));
        waiters.push(Waiter::Wake(key, sleeper));
        key
    }

    /// Takes an entry out of the list, and drops it once nothing is borrowed. Whether it was there.
    pub(crate) fn remove(&self, is_it: impl Fn(&Waiter) -> bool) -> bool {
        let gone = self.waiters.borrow_mut().remove(is_it);
        gone.is_some()
    }

    /// Takes one who waits out of the list.
    pub(crate) fn leave(&self, key: u32) {
        self.remove(|waiter| waiter.has_key(key));
    }
}

/// What [`Awaiting`] can wait for: a task, a settable future, the outer future of a gather.
pub(crate) trait Awaitable<T>: CancelTarget {
    fn state(&self) -> &FutureState<T>;
}

/// Waits for a task or a settable future and moves its result out. Dropping it stops the waiting, not the task.
#[must_use = "futures do nothing unless awaited"]
pub struct Awaiting<T> {
    target: Rc<dyn Awaitable<T>>,
    key: Option<u32>,
}

impl<T: 'static> Awaiting<T> {
    pub(crate) fn new(target: Rc<dyn Awaitable<T>>) -> Awaiting<T> {
        Awaiting { target, key: None }
    }

    /// Polls for the end, whose outcome `take` reads.
    pub(crate) fn poll_done(
        &mut self,
        cx: &mut Context<'_>,
        take: impl FnOnce(&FutureState<T>) -> Outcome<T>,
    ) -> Poll<Result<T>> {
        let core = running();
        if core.as_ref().is_some_and(|core| core.step.take_thrown(core)) {
            return Poll::Ready(Err(Error::Cancelled));
        }
        let result = match take(self.target.state()) {
            Outcome::Pending => match self.wait(core, cx.waker()) {
                Ok(()) => return Poll::Pending,
                Err(error) => Err(error),
            },
            outcome => outcome.into_result(Error::InvalidState("Result is not set.")),
        };
        self.key = None; // there is no list any more
        Poll::Ready(result)
    }

    /// Leaves word of who waits: with the target for its end, with the task for a request to cancel it.
    fn wait(&mut self, running: Option<Rc<Core>>, waker: &Waker) -> Result<()> {
        let state = self.target.state();
        let home = || state.home.upgrade().filter(|core| !core.closed.get());
        let Some(core) = running.or_else(home) else { return Err(Error::LOOP_CLOSED) };
        if let Some(error) = refusal(&core, &state.home, self.target.task_id()) {
            return throw_later(&mut self.key, waker, error);
        }
        self.key = Some(state.wait(self.key, Sleeper::new(&core, waker)));
        core.observe_targets(|| [self.target.clone()]);
        core.step.wait_for(self.target.clone());
        Ok(())
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
            not_waiting_for(Rc::as_ptr(&self.target).cast());
        }
    }
}
