//! Cancellation as a value: the request, its delivery, and who it concerns.
//!
//! Job: what a task remembers between `cancel()` and the moment at which the await that it sleeps in returns
//! `Err(Cancelled)`. Neighbours: `task.rs` calls [`Cancellation`] at the edges of a step; every leaf (an awaitable of
//! this crate that can return `Pending`: a sleep, a future, a socket) calls [`take_cancellation`] before anything
//! else. Invariants:
//!
//! - `cancel()` runs nothing: the request is delivered at the task's next step.
//! - A request is delivered once (an edge, not a level): a task that goes on afterwards isn't cancelled again.
//! - It travels down: if the task awaits another task or a future, that one is cancelled, and answers. The way down is
//!   a loop and no recursion: a chain of tasks may be longer than the stack is deep, or a circle.
//!
//! Counterparts: `Task.cancel`, `_fut_waiter`, `_must_cancel`, `_num_cancels_requested` (`tasks.py`). .NET passes a
//! `CancellationToken` by hand, and it is a level.

use std::{
    cell::Cell,
    ptr,
    rc::Rc,
    sync::Arc,
    task::{RawWakerVTable, Waker},
};

use crate::{
    cells::peek,
    event_loop::{Core, with_running},
    observer::WaitsFor,
    ready::TaskId,
    task::TaskInner,
};

/// Something a task can wait for that can be cancelled itself: a task, a settable future, a gather.
pub(crate) trait CancelTarget {
    /// Whether a request would still do something. If not, the task that waits for it has to take the request itself.
    fn takes_request(&self) -> bool;

    /// It was asked to stop when it had ended. Whoever asks doesn't care how: an error isn't reported as unseen (in
    /// `tasks.py` and `futures.py`, `cancel` sets `_log_traceback` first; a gather's does not).
    fn overlook(&self) {}

    /// Takes a request, and has it go on to what this one waits for in turn, if that takes it.
    fn request(self: Rc<Self>, core: &Core, way: &mut Way);

    /// The request has gone on, and all below this one have had it.
    fn passed(&self) {}

    /// Whether it is about to end though it has not: so who waits for it is about to be woken, and must not be woken
    /// for a cancellation ahead of that. True of a gather whose children have ended and not told it yet.
    fn is_ending(&self) -> bool {
        false
    }

    /// Whether it was cancelled. Then what its canceller said is what `task` catches, which waits for it and is yet to
    /// run, whatever a later canceller of the task says.
    fn tells_first(&self, _core: &Core, _task: TaskId) -> bool {
        false
    }

    /// Which task this is, if it is one: a task must not wait for itself.
    fn task_id(&self) -> Option<TaskId> {
        None
    }

    /// Tells what somebody waits for who waits for this, for those who look at the tasks.
    fn waits_for(&self, tell: &mut dyn FnMut(WaitsFor)) {
        tell(self.task_id().map_or(WaitsFor::Future, WaitsFor::Task));
    }
}

/// The way of a request: those who are still to have it, the next one last, and what its maker says.
pub(crate) struct Way {
    hops: Vec<Hop>,
    pub(crate) message: Option<Arc<str>>,
}

enum Hop {
    Down(Rc<dyn CancelTarget>),
    Up(Rc<dyn CancelTarget>),
}

impl Way {
    /// Sends the request on to `target`. Of several, the last that is named here has it first.
    pub(crate) fn down(&mut self, target: Rc<dyn CancelTarget>) {
        self.hops.push(Hop::Down(target));
    }
}

/// Cancels `target` of this loop, or rather the innermost of what it waits for. False if it is done.
pub(crate) fn cancel(core: &Core, target: Rc<dyn CancelTarget>) -> bool {
    send(core, target, None)
}

/// As `cancel`, with a sentence that goes along.
pub(crate) fn cancel_because(core: &Core, target: Rc<dyn CancelTarget>, message: &str) -> bool {
    send(core, target, Some(message.into()))
}

fn send(core: &Core, target: Rc<dyn CancelTarget>, message: Option<Arc<str>>) -> bool {
    if core.closed.get() || !target.takes_request() {
        target.overlook();
        return false;
    }
    let mut way = Way { hops: vec![Hop::Down(target)], message };
    while let Some(hop) = way.hops.pop() {
        match hop {
            Hop::Down(target) => {
                way.hops.push(Hop::Up(target.clone()));
                target.request(core, &mut way);
            }
            Hop::Up(target) => target.passed(),
        }
    }
    true
}

/// What a task waits for, if it is something that can be cancelled in the task's place (asyncio: `_fut_waiter`).
pub(crate) type Waiting = Option<Rc<dyn CancelTarget>>;

/// What the leaves and the loop tell each other during one step. The loop has one, since one task steps at a time.
#[derive(Default)]
pub(crate) struct Step {
    /// A cancellation was thrown into the task that is being stepped; the leaf that is polled first takes it.
    thrown: Cell<bool>,
    /// What the task has begun to wait for in this step.
    waiting: Cell<Waiting>,
    /// What tells the waker that the step was lent from all others.
    lent: Cell<Option<(*const (), &'static RawWakerVTable)>>,
}

impl Step {
    /// The current task is polled with `waker` now.
    pub(crate) fn lend(&self, waker: &Waker) {
        self.lent.set(Some((waker.data(), waker.vtable())));
    }

    /// The step is over.
    pub(crate) fn end(&self) {
        self.lent.set(None);
    }

    /// Whether this very waker was lent to the step.
    pub(crate) fn is_lent(&self, waker: &Waker) -> bool {
        self.lent.get().is_some_and(|(data, vtable)| data == waker.data() && ptr::eq(vtable, waker.vtable()))
    }

    /// The task that is stepped waits for something that can be cancelled in its place. Of several such leaves in one
    /// task (inside a foreign `join!`), the last one is cancelled; a sleep or a socket takes the cancellation itself.
    pub(crate) fn wait_for(&self, target: Rc<dyn CancelTarget>) {
        let before = self.waiting.replace(Some(target));
        drop(before);
    }

    /// A scope of the task begins to poll its body, into which a request of its own is thrown, if there is one. Returns
    /// what holds outside of the body.
    pub(crate) fn enter_body(&self, request: bool) -> (bool, Waiting) {
        let outside = (self.thrown.get(), self.waiting.take());
        self.thrown.set(outside.0 || request);
        outside
    }

    /// The body has been polled. Returns what it waits for; outside it is what the task waits for, if it is anything.
    pub(crate) fn leave_body(&self, (thrown, waiting): (bool, Waiting), is_pending: bool) -> Waiting {
        let inside = self.waiting.take();
        let before = self.waiting.replace(inside.clone().or(waiting));
        drop(before);
        if !is_pending {
            self.thrown.set(self.thrown.get() && thrown); // nobody else takes a request of the scope's
        }
        inside.filter(|_| is_pending)
    }

    /// Whether a cancellation is still to be taken: when the body ends or suspends without any leaf of ours having
    /// seen it, the task itself takes it.
    pub(crate) fn take_thrown(&self, core: &Core) -> bool {
        let taken = self.thrown.take();
        if taken {
            core.messages.deliver(core);
        }
        taken
    }

    /// What belongs to the step of one task, while another one is stepped inside of it (an eager start).
    pub(crate) fn set_aside(&self) -> Step {
        Step {
            thrown: Cell::new(self.thrown.take()),
            waiting: Cell::new(self.waiting.take()),
            lent: Cell::new(self.lent.take()),
        }
    }

    /// Takes that up again.
    pub(crate) fn resume(&self, step: Step) {
        self.thrown.set(step.thrown.take());
        self.lent.set(step.lent.take());
        drop(self.waiting.replace(step.waiting.take()));
    }
}

impl Core {
    /// Whether a step of the task is in the queue: then no leaf of it waits.
    pub(crate) fn is_scheduled(&self, task: TaskId) -> bool {
        self.tasks.borrow().get(task.slot()).is_some_and(|slot| slot.id == task && slot.scheduled.get())
    }
}

/// One task's share of cancellation.
#[derive(Default)]
pub(crate) struct Cancellation {
    waiting: Cell<Waiting>,
    /// A request that is to be thrown at the next step (asyncio: `_must_cancel`).
    must_cancel: Cell<bool>,
    /// A request has ended a leaf's wait: it is delivered though it is withdrawn, and its message stands, whatever a
    /// second one says. In asyncio the leaf's future is cancelled then.
    has_struck: Cell<bool>,
    /// Requests less withdrawals (asyncio: `cancelling()`).
    requests: Cell<u32>,
    /// A request is on its way through this task: if it comes here again, the tasks wait for each other in a circle.
    on_its_way: Cell<bool>,
}

impl Cancellation {
    /// Whether a request isn't on its way through here already.
    pub(crate) fn takes_request(&self) -> bool {
        !self.on_its_way.get()
    }

    /// Counts a request and sends it down. True if the task must be stepped, since it has one to take itself and nobody
    /// below is about to wake it.
    pub(crate) fn request(&self, core: &Core, task: TaskId, way: &mut Way) -> bool {
        self.count();
        self.on_its_way.set(true);
        let below = self.waiting().filter(|below| below.takes_request());
        match below {
            Some(below) => way.down(below),
            None => {
                self.must_cancel.set(true);
                let told = self.waiting().is_some_and(|below| below.tells_first(core, task));
                if !told && !self.has_struck.get() {
                    self.strike(core, task);
                    core.messages.request(core, task, way.message.as_ref());
                }
            }
        }
        self.must_be_stepped()
    }

    /// A request comes to a leaf of the task, which waits unless the task is stepped now or soon.
    pub(crate) fn strike(&self, core: &Core, task: TaskId) {
        if !core.is_scheduled(task) && core.current.get() != Some(task) {
            self.has_struck.set(true);
        }
    }

    /// Counts a request that goes another way: a scope's, to what its body waits for.
    pub(crate) fn count(&self) {
        self.requests.set(self.requests.get() + 1);
    }

    pub(crate) fn passed(&self) {
        self.on_its_way.set(false);
    }

    fn must_be_stepped(&self) -> bool {
        self.must_cancel.get() && !self.waiting().is_some_and(|below| below.is_ending())
    }

    pub(crate) fn waiting(&self) -> Waiting {
        peek(&self.waiting)
    }

    /// The task will not be stepped again. What it had waited for may be the last that keeps a chain of others.
    pub(crate) fn forget(&self) {
        drop(self.waiting.take());
    }

    /// A step begins: a request that waits for it is thrown. What a task that has ended had begun to wait for is
    /// forgotten.
    pub(crate) fn begin_step(&self, step: &Step) {
        drop(step.waiting.take());
        drop(self.waiting.take());
        self.has_struck.set(false);
        step.thrown.set(self.must_cancel.take());
    }

    /// A step ends with `Pending`. True if the task must be stepped again to take a request of its own making.
    #[inline]
    pub(crate) fn suspend(&self, core: &Core) -> bool {
        if let Some(target) = core.step.waiting.take() {
            self.waiting.set(Some(target));
        }
        self.must_cancel.get() && self.send_down_own(core)
    }

    #[cold]
    fn send_down_own(&self, core: &Core) -> bool {
        self.must_cancel.set(false); // before: what is below may be waiting for this task, and pass the request back
        let below = self.waiting().filter(|below| below.takes_request());
        match below {
            Some(below) => drop(send(core, below, core.messages.send_on(core))),
            None => {
                self.must_cancel.set(true);
                self.has_struck.set(core.current.get().is_some_and(|me| !core.is_scheduled(me)));
            }
        }
        self.must_be_stepped()
    }

    /// Whether a request waits for the next step.
    pub(crate) fn must_cancel(&self) -> bool {
        self.must_cancel.get()
    }

    /// Requests less withdrawals.
    pub(crate) fn requests(&self) -> u32 {
        self.requests.get()
    }

    /// Withdraws a request, and returns how many are left. With none left, one that waits for the next await
    /// is forgotten (as in 3.13).
    pub(crate) fn withdraw(&self) -> u32 {
        let left = self.requests.get().saturating_sub(1);
        self.requests.set(left);
        if left == 0 && !self.has_struck.get() {
            self.must_cancel.set(false);
        }
        left
    }

    /// As `withdraw`, by a scope of the task that is being stepped: what was thrown into this step is forgotten too.
    pub(crate) fn withdraw_own(&self, step: &Step) -> u32 {
        let left = self.withdraw();
        if left == 0 {
            step.thrown.set(false);
        }
        left
    }
}

impl<T> CancelTarget for TaskInner<T> {
    fn takes_request(&self) -> bool {
        !self.state.is_done() && self.header.cancellation.takes_request()
    }

    fn overlook(&self) {
        self.state.overlook();
    }

    fn tells_first(&self, core: &Core, task: TaskId) -> bool {
        self.state.tells_first(core, task)
    }

    fn request(self: Rc<Self>, core: &Core, way: &mut Way) {
        // A task that is being stepped finds the request when it suspends or ends.
        if self.header.cancellation.request(core, self.header.id, way) && !self.header.stepping.get() {
            core.schedule(self.header.id);
        }
    }

    fn passed(&self) {
        self.header.cancellation.passed();
    }

    fn task_id(&self) -> Option<TaskId> {
        Some(self.header.id)
    }
}

/// The first thing that a leaf does when it is polled: if a cancellation was thrown into the current task, the leaf
/// takes it and returns `Err(Cancelled)`, even when its value is there: a late cancel wins (trio 16).
pub(crate) fn take_cancellation() -> bool {
    with_running(|core| core.step.take_thrown(core)).unwrap_or(false)
}

/// The leaf is dropped, in the step in which it was polled. A request must not go where nobody waits.
pub(crate) fn not_waiting_for(target: *const ()) {
    let gone = with_running(|core| {
        let waiting = core.step.waiting.take()?;
        if Rc::as_ptr(&waiting).cast::<()>() == target {
            return Some(waiting);
        }
        core.step.waiting.set(Some(waiting));
        None
    });
    drop(gone);
}
