//! An outcome that is waited for: the half that tasks and settable futures have in common.
//!
//! Job: [`FutureState`] is an outcome and one list of those who wait for it; [`Awaiting`] is the leaf that waits. In
//! asyncio `Task` is a subclass of `Future`; here both have one of these. Neighbours: `task.rs`, `settable.rs` and
//! `gather.rs` are made of it; `event_loop.rs` runs what it schedules. Invariants:
//!
//! - An outcome is set once.
//! - Waiting tasks and done-callbacks stand in *one* list and are scheduled in its order: never run inline. A C#
//!   `SetResult` runs the continuation inside the call unless told otherwise; here it always takes another turn.
//! - A waiter that is dropped leaves the list.
//!
//! Counterparts: `asyncio.Future` (`futures.py`); `TaskCompletionSource`.

use std::{
    any::Any,
    cell::{Cell, RefCell},
    future::Future,
    panic::resume_unwind,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll, Waker},
};

use crate::{
    cancel::{CancelTarget, not_waiting_for, take_cancellation, waiting_for},
    error::{Error, Result},
    event_loop::Core,
    handle::Listener,
    ready::{Ready, TaskId},
    task_ref::current_id,
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

/// One entry of the list of those who wait.
pub(crate) enum Waiter {
    /// A task that awaits. The key is how it finds its entry again.
    Wake(u32, Waker),
    /// A done-callback, and which of the things that it watches this is.
    Notify(Rc<Listener>, u32),
}

/// Most futures have one waiter at most, so one needs no allocation.
#[derive(Default)]
enum Waiters {
    #[default]
    None,
    One(Waiter),
    Many(Vec<Waiter>),
}

impl Waiters {
    fn push(&mut self, waiter: Waiter) {
        match self {
            Waiters::None => *self = Waiters::One(waiter),
            Waiters::Many(list) => list.push(waiter),
            Waiters::One(_) => {
                let Waiters::One(first) = std::mem::replace(self, Waiters::None) else { return };
                *self = Waiters::Many(vec![first, waiter]);
            }
        }
    }

    fn as_mut_slice(&mut self) -> &mut [Waiter] {
        match self {
            Waiters::None => &mut [],
            Waiters::One(waiter) => std::slice::from_mut(waiter),
            Waiters::Many(list) => list,
        }
    }

    fn remove(&mut self, is_it: impl Fn(&Waiter) -> bool) -> Option<Waiter> {
        let at = self.as_mut_slice().iter().position(is_it)?;
        match self {
            Waiters::Many(list) => Some(list.remove(at)),
            _ => match std::mem::replace(self, Waiters::None) {
                Waiters::One(waiter) => Some(waiter),
                _ => None,
            },
        }
    }
}

/// An outcome and those who wait for it.
pub(crate) struct FutureState<T> {
    pub(crate) outcome: RefCell<Outcome<T>>,
    /// Never lent to user code: taken, changed and put back.
    waiters: Cell<Waiters>,
    next_key: Cell<u32>,
    /// Somebody was given a copy of the result.
    pub(crate) seen: Cell<bool>,
}

impl<T> FutureState<T> {
    pub(crate) fn new() -> FutureState<T> {
        FutureState {
            outcome: RefCell::new(Outcome::Pending),
            waiters: Cell::new(Waiters::None),
            next_key: Cell::new(0),
            seen: Cell::new(false),
        }
    }

    pub(crate) fn is_done(&self) -> bool {
        !matches!(*self.outcome.borrow(), Outcome::Pending)
    }

    pub(crate) fn is_cancelled(&self) -> bool {
        matches!(*self.outcome.borrow(), Outcome::Cancelled)
    }

    /// Whether it failed, and nobody has taken the error or a copy of it.
    pub(crate) fn has_unseen_error(&self) -> bool {
        self.has_failed() && !self.seen.get()
    }

    /// Whether it failed, and nobody has taken the error.
    pub(crate) fn has_failed(&self) -> bool {
        matches!(*self.outcome.borrow(), Outcome::Finished(Err(_)) | Outcome::Panicked(_))
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

    /// Moves the value or the panic out. All else is left where it is: an error may be awaited again.
    pub(crate) fn take(&self) -> Outcome<T> {
        let mut outcome = self.outcome.borrow_mut();
        match *outcome {
            Outcome::Pending => Outcome::Pending,
            Outcome::Cancelled => Outcome::Cancelled,
            Outcome::Finished(Err(ref error)) => Outcome::Finished(Err(self.show(error))),
            _ => std::mem::replace(&mut *outcome, Outcome::Taken),
        }
    }

    /// Registers a done-callback: behind those who wait already, queued at once if this is done.
    pub(crate) fn listen(&self, core: &Core, listener: Rc<Listener>, which: u32) {
        if self.is_done() {
            core.push(Ready::Notify(listener, which));
        } else {
            let mut waiters = self.waiters.take();
            waiters.push(Waiter::Notify(listener, which));
            self.waiters.set(waiters);
        }
    }

    /// Puts a task's waker at the end of the list, or in place of its old one if `key` says that it has one.
    pub(crate) fn wait(&self, key: Option<u32>, waker: &Waker) -> u32 {
        let mut waiters = self.waiters.take();
        let known = waiters.as_mut_slice().iter_mut().find_map(|waiter| match waiter {
            Waiter::Wake(its, waker) if Some(*its) == key => Some(waker),
            _ => None,
        });
        let (key, _old) = match (known, key) {
            (Some(old), Some(key)) if old.will_wake(waker) => (key, None),
            (Some(old), Some(key)) => (key, Some(std::mem::replace(old, waker.clone()))),
            _ => {
                let key = self.next_key.get();
                self.next_key.set(key.wrapping_add(1));
                waiters.push(Waiter::Wake(key, waker.clone()));
                (key, None)
            }
        };
        self.waiters.set(waiters);
        key
    }

    /// Takes an entry out of the list, and drops it once nothing is borrowed. Whether it was there.
    pub(crate) fn remove(&self, is_it: impl Fn(&Waiter) -> bool) -> bool {
        let mut waiters = self.waiters.take();
        let gone = waiters.remove(is_it);
        self.waiters.set(waiters);
        gone.is_some()
    }

    /// Takes a task's waker out of the list.
    pub(crate) fn leave(&self, key: u32) {
        self.remove(|waiter| matches!(waiter, Waiter::Wake(its, _) if *its == key));
    }
}

fn schedule(core: &Core, waiter: Waiter) {
    match waiter {
        Waiter::Wake(_, waker) => core.fence(|| waker.wake()), // a foreign waker may panic: the next one is woken still
        Waiter::Notify(listener, which) => core.push(Ready::Notify(listener, which)),
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
    pub(crate) fn poll_done(
        &mut self,
        cx: &mut Context<'_>,
        take: impl FnOnce(&FutureState<T>) -> Outcome<T>,
    ) -> Poll<Result<T>>
    where
        T: 'static,
    {
        if take_cancellation() {
            return Poll::Ready(Err(Error::Cancelled));
        }
        let state = self.target.state();
        match take(state) {
            Outcome::Pending => {
                let me = current_id();
                if me.is_some() && me == self.target.task_id() {
                    return Poll::Ready(Err(Error::Runtime("Task cannot await on itself")));
                }
                self.key = Some(state.wait(self.key, cx.waker()));
                waiting_for(self.target.clone());
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
            not_waiting_for(Rc::as_ptr(&self.target).cast());
        }
    }
}
