//! A line of waiting tasks.
//!
//! Job: what each lock and queue keeps of the tasks that wait for it. asyncio gives each of them a future of its own
//! and keeps these in a deque; a [`Waiter`] is what such a future comes to when all that it says is "go on".
//! Neighbours: the leaves of this folder and of `queues.rs`, which poll a [`Waiter`] and take it out of its [`Line`]
//! when they are finished or dropped; `cancel.rs`. Invariants:
//!
//! - A waiter is woken or cancelled once, whichever is first: `cancel()` of one that was woken is left to its task.
//! - Who is woken stays in the line until it runs, unless the waker takes it out (queues do).
//! - No borrow of the line is held while a waker is called.
//!
//! Counterparts: `_waiters` of `locks.py` and `queues.py`; `_LoopBoundMixin` of `mixins.py`.

use std::{
    cell::{Cell, OnceCell, RefCell},
    collections::VecDeque,
    rc::{Rc, Weak},
    task::{Context, Poll},
};

use crate::{
    cancel::{CancelTarget, Way, take_cancellation},
    error::{Error, Result},
    event_loop::{Core, running, with_running},
    observer::WaitsFor,
    ready::{Sleeper, TaskId},
};

/// What a line belongs to.
#[derive(Clone, Copy)]
pub(crate) enum At {
    Condition,
    Event,
    Lock,
    QueueGet,
    QueuePut,
    Semaphore,
}

impl At {
    fn name(self) -> &'static str {
        match self {
            At::Condition => "Condition.wait",
            At::Event => "Event.wait",
            At::Lock => "Lock.acquire",
            At::QueueGet => "Queue.get",
            At::QueuePut => "Queue.put",
            At::Semaphore => "Semaphore.acquire",
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Waiting,
    Woken,
    /// Its task was asked to stop, or does not wait any more.
    Cancelled,
}

/// One task that waits.
pub(crate) struct Waiter {
    state: Cell<State>,
    /// What it waits at: for those who look at the tasks.
    at: Cell<At>,
    sleeper: Cell<Option<Sleeper>>,
}

impl Waiter {
    /// Whether it was woken or cancelled: it runs soon, or is gone.
    pub(crate) fn is_done(&self) -> bool {
        self.state.get() != State::Waiting
    }

    /// Whether it was woken, and has not been cancelled before.
    pub(crate) fn is_woken(&self) -> bool {
        self.state.get() == State::Woken
    }

    pub(crate) fn is_cancelled(&self) -> bool {
        self.state.get() == State::Cancelled
    }

    /// Has its task go on, in a later turn. False if it is done already.
    pub(crate) fn wake(&self, bound: &LoopBound) -> bool {
        if self.is_done() {
            return false;
        }
        self.state.set(State::Woken);
        bound.wake(self.sleeper.take());
        true
    }

    /// The part of a leaf's poll that waits.
    pub(crate) fn poll(self: &Rc<Waiter>, cx: &mut Context<'_>) -> Poll<Result<()>> {
        if take_cancellation() {
            return Poll::Ready(Err(Error::Cancelled));
        }
        match self.state.get() {
            State::Woken => Poll::Ready(Ok(())),
            State::Cancelled => {
                with_running(|core| core.messages.deliver(core));
                Poll::Ready(Err(Error::Cancelled))
            }
            State::Waiting => {
                let Some(core) = running() else { return Poll::Ready(Err(Error::NO_RUNNING_LOOP)) };
                self.sleep(&core, cx);
                Poll::Pending
            }
        }
    }

    /// Leaves word of who is to be woken, and with the task of what it waits for.
    pub(crate) fn sleep(self: &Rc<Waiter>, core: &Core, cx: &mut Context<'_>) {
        let before = self.sleeper.replace(Some(Sleeper::new(core, cx.waker())));
        core.observe_targets(|| [self.clone()]);
        core.step.wait_for(self.clone());
        drop(before);
    }

    /// Its leaf is dropped: a request to cancel must not end here, where nobody waits any more.
    pub(crate) fn abandon(&self) {
        if !self.is_done() {
            self.state.set(State::Cancelled);
            drop(self.sleeper.take());
        }
    }
}

impl CancelTarget for Waiter {
    fn waits_for(&self, tell: &mut dyn FnMut(WaitsFor)) {
        tell(WaitsFor::Line(self.at.get().name()));
    }

    fn takes_request(&self) -> bool {
        !self.is_done()
    }

    fn tells_first(&self, _core: &Core, _task: TaskId) -> bool {
        self.is_cancelled() // with the request below, which has left its sentence with the task
    }

    fn request(self: Rc<Self>, core: &Core, way: &mut Way) {
        self.state.set(State::Cancelled);
        if let Some(sleeper) = self.sleeper.take() {
            if let Sleeper::Task(task) = sleeper {
                core.messages.request(core, task, way.message.as_ref());
            }
            core.wake(sleeper);
        }
    }
}

/// Those who wait, in the order in which they came.
#[derive(Default)]
pub(crate) struct Line(RefCell<VecDeque<Rc<Waiter>>>);

impl Line {
    /// Puts a new waiter at the end.
    pub(crate) fn join(&self, at: At) -> Rc<Waiter> {
        let waiter = Rc::new(Waiter { state: Cell::new(State::Waiting), at: Cell::new(at), sleeper: Cell::new(None) });
        self.0.borrow_mut().push_back(waiter.clone());
        waiter
    }

    /// Puts a waiter that is used again at the end, if nobody else has it in hand any more; else a new one.
    pub(crate) fn join_again(&self, at: At, spare: Option<Rc<Waiter>>) -> Rc<Waiter> {
        let Some(waiter) = spare.filter(|waiter| Rc::strong_count(waiter) == 1) else { return self.join(at) };
        waiter.state.set(State::Waiting);
        waiter.at.set(at);
        self.0.borrow_mut().push_back(waiter.clone());
        waiter
    }

    /// Takes `waiter` out, wherever it stands.
    pub(crate) fn leave(&self, waiter: &Rc<Waiter>) {
        waiter.abandon();
        let mut line = self.0.borrow_mut();
        if let Some(at) = line.iter().position(|other| Rc::ptr_eq(other, waiter)) {
            line.remove(at);
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.0.borrow().len()
    }

    /// Who stands first, done or not.
    pub(crate) fn first(&self) -> Option<Rc<Waiter>> {
        self.0.borrow().front().cloned()
    }

    /// The first who is not done.
    pub(crate) fn first_waiting(&self) -> Option<Rc<Waiter>> {
        self.0.borrow().iter().find(|waiter| !waiter.is_done()).cloned()
    }

    /// Takes the first out.
    pub(crate) fn pop(&self) -> Option<Rc<Waiter>> {
        self.0.borrow_mut().pop_front()
    }

    /// Whether somebody stands here who has not been cancelled. One that was will leave when it runs.
    pub(crate) fn is_taken(&self) -> bool {
        self.0.borrow().iter().any(|waiter| !waiter.is_cancelled())
    }

    /// The first `most` who are not done.
    pub(crate) fn waiting(&self, most: usize) -> Vec<Rc<Waiter>> {
        self.0.borrow().iter().filter(|waiter| !waiter.is_done()).take(most).cloned().collect()
    }
}

/// The loop that a primitive belongs to, since a task has first had to wait for it.
#[derive(Default)]
pub(crate) struct LoopBound(OnceCell<Weak<Core>>);

impl LoopBound {
    /// Binds to the running loop.
    ///
    /// # Errors
    /// `Runtime` with the text `otherwise` if another loop was bound before, or none runs.
    pub(crate) fn bind(&self, otherwise: &'static str) -> Result<()> {
        with_running(|core| self.bind_to(core, otherwise)).unwrap_or(Err(Error::NO_RUNNING_LOOP))
    }

    /// As `bind`, to the running loop that the caller has at hand.
    pub(crate) fn bind_to(&self, core: &Rc<Core>, otherwise: &'static str) -> Result<()> {
        let bound = self.0.get_or_init(|| Rc::downgrade(core));
        if std::ptr::eq(bound.as_ptr(), Rc::as_ptr(core)) { Ok(()) } else { Err(Error::Runtime(otherwise)) }
    }

    fn wake(&self, sleeper: Option<Sleeper>) {
        if let (Some(sleeper), Some(core)) = (sleeper, self.0.get().and_then(Weak::upgrade)) {
            core.wake(sleeper);
        }
    }
}
