//! The ready queue, and the wakers that feed it.
//!
//! Job: one FIFO of everything that is to run, for task steps and callbacks alike, and two ways into it. A wake on
//! the loop's own thread finds the running loop and pushes the task's step at once: no lock, and of atomics two loads.
//! A wake from anywhere else (another thread, a destructor at the thread's end, another loop's turn) leaves the task's
//! waker in the [`Inbox`], which the loop empties before it queues anything else, and in its I/O phase. Neighbours:
//! `event_loop.rs` owns the queue and runs it; `wakers.rs` finds each task its [`TaskWaker`]. Invariants:
//!
//! - A waker holds a task's id and the inbox, never the future: it is `Send + Sync` though tasks are neither, and a
//!   waker that outlives its task finds nothing and does nothing.
//! - A task is in the queue at most once: its `scheduled` flag is set when it is pushed, cleared when its step begins.
//! - No wake is lost: whoever adds to the inbox adds and sets `pending` under one lock, and the loop clears it
//!   *before* it takes. (`ready/model.rs` has loom try the interleavings.)
//!
//! Counterparts: `BaseEventLoop._ready` with `call_soon_threadsafe` and its self-pipe; `SynchronizationContext.Post`.

use std::{cell::RefCell, collections::VecDeque, num::NonZeroU32, num::NonZeroU64, rc::Rc, task::Waker};

use crate::{
    event_loop::Core,
    handle::{Callback, Listener},
    sync::{Arc, AtomicBool, AtomicU64, Mutex, Ordering, locked},
    timers::TimerId,
};

/// Names a task: its slot in the loop's table, and its generation, which counts the loop's tasks from 1 and tells one from
/// a later one in its slot. In one word, so that a waker can keep it in one atomic number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TaskId(pub(crate) NonZeroU64);

impl TaskId {
    pub(crate) fn new(slot: usize, generation: NonZeroU32) -> TaskId {
        TaskId(NonZeroU64::from(generation) | ((slot as u64) << 32))
    }

    /// The task's generation: 7 for the loop's seventh task. A default name counts only tasks that were given none.
    pub fn number(self) -> u32 {
        self.0.get() as u32
    }

    /// Where the loop's table has it.
    pub(crate) fn slot(self) -> usize {
        (self.0.get() >> 32) as usize
    }
}

/// One thing to run. asyncio has `Handle` for all four; here the kinds that need no closure have none.
pub(crate) enum Ready {
    /// Poll a task once.
    Step(TaskId),
    /// Do what a due timer is for.
    Timer(TimerId),
    /// Run a callback of `call_soon`.
    Call(Rc<Callback>),
    /// Tell a listener which of the things it watches has happened.
    Notify(Rc<Listener>, u32),
}

/// The queue itself. Its borrow is never held while something of it runs.
pub(crate) type ReadyQueue = RefCell<VecDeque<Ready>>;

/// What other threads may leave for the loop.
pub(crate) enum Letter {
    /// Schedule this waker's task.
    Wake(Arc<TaskWaker>),
    /// Run this, from `call_soon_threadsafe`.
    Call(Box<dyn FnOnce() + Send>),
}

/// Where other threads leave what is to run, and ring the bell that ends a park.
pub(crate) struct Inbox {
    letters: Mutex<Letters>,
    /// Set after a letter was added; the bell is rung only by whoever set it. Cleared before letters are taken.
    pending: AtomicBool,
}

struct Letters {
    waiting: Vec<Letter>,
    /// Ends the park: mio's waker. A closure, so that the model below can put its own in. None once the loop is closed.
    ring: Option<Box<dyn Fn() + Send>>,
}

impl Inbox {
    pub(crate) fn new(ring: impl Fn() + Send + 'static) -> Inbox {
        let letters = Letters { waiting: Vec::new(), ring: Some(Box::new(ring)) };
        Inbox { letters: Mutex::new(letters), pending: AtomicBool::new(false) }
    }

    /// Leaves a letter and ends the loop's park. Gives the letter back if the loop is closed.
    pub(crate) fn add(&self, letter: Letter) -> Result<(), Letter> {
        let Letters { waiting, ring: Some(ring) } = &mut *locked(&self.letters) else { return Err(letter) };
        waiting.push(letter);
        if !self.pending.swap(true, Ordering::AcqRel) {
            ring();
        }
        Ok(())
    }

    /// Whether there may be letters.
    pub(crate) fn has_letters(&self) -> bool {
        self.pending.load(Ordering::Acquire)
    }

    /// Takes all letters.
    pub(crate) fn take(&self) -> Vec<Letter> {
        self.pending.swap(false, Ordering::AcqRel);
        std::mem::take(&mut locked(&self.letters).waiting)
    }

    /// Refuses letters from now on, and returns those that wait, for the caller to drop.
    pub(crate) fn close(&self) -> Vec<Letter> {
        let mut letters = locked(&self.letters);
        letters.ring = None;
        std::mem::take(&mut letters.waiting)
    }
}

/// What a task's `Waker` points to.
pub(crate) struct TaskWaker {
    /// The id of the task. `wakers.rs` writes another there only while nobody else has the waker.
    pub(crate) task: AtomicU64,
    inbox: Arc<Inbox>,
    /// Whether a letter with this waker waits in the inbox, so that a busy thread can't fill it.
    in_inbox: AtomicBool,
}

impl TaskWaker {
    pub(crate) fn new(task: TaskId, inbox: Arc<Inbox>) -> TaskWaker {
        TaskWaker { task: AtomicU64::new(task.0.get()), inbox, in_inbox: AtomicBool::new(false) }
    }

    fn task(&self) -> Option<TaskId> {
        NonZeroU64::new(self.task.load(Ordering::Relaxed)).map(TaskId)
    }

    /// Leaves `this` in the inbox, unless it is there already.
    fn post(this: &Arc<TaskWaker>) {
        if !this.in_inbox.swap(true, Ordering::AcqRel) {
            let _closed = this.inbox.add(Letter::Wake(this.clone()));
        }
    }

    /// Called by the loop, which has taken the letter: returns whom to schedule. A swap, not a store: it reads what
    /// the last waker wrote, and with it everything that this thread did before it woke.
    pub(crate) fn opened(&self) -> Option<TaskId> {
        self.in_inbox.swap(false, Ordering::AcqRel);
        self.task()
    }
}

#[cfg(not(loom))]
impl std::task::Wake for TaskWaker {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        let here = crate::event_loop::with_running(|core| {
            let ours = Arc::ptr_eq(&core.inbox, &self.inbox);
            self.task().filter(|_| ours).inspect(|&task| core.schedule(task)).is_some()
        });
        if here != Some(true) {
            TaskWaker::post(self);
        }
    }
}

/// Who waits, and is to be woken: what a leaf keeps of the waker with which it was polled.
pub(crate) enum Sleeper {
    /// A task of this loop. It was polled with the very waker that its step was lent, so its id will do.
    Task(TaskId),
    /// Whoever stands behind a waker that somebody else has made: a combinator of another crate, another loop.
    Foreign(Waker),
}

impl Sleeper {
    /// Cloning a foreign waker is user code: call it with nothing borrowed.
    pub(crate) fn new(core: &Core, waker: &Waker) -> Sleeper {
        match core.current.get() {
            Some(task) if core.step.is_lent(waker) => Sleeper::Task(task),
            _ => Sleeper::Foreign(waker.clone()),
        }
    }
}

impl Core {
    /// Wakes whoever it is. A foreign waker may panic, or call back into the loop.
    pub(crate) fn wake(&self, sleeper: Sleeper) {
        match sleeper {
            Sleeper::Task(id) => self.schedule(id),
            Sleeper::Foreign(waker) => self.fence(|| waker.wake()),
        }
    }
}

#[cfg(all(test, loom))]
mod model;
