//! What a person is told: reports of what nobody can be given, and the `Debug` face of each public type.
//!
//! Job: asyncio's `call_exception_handler`, and its "exception was never retrieved". Neighbours: `event_loop.rs` and
//! `task.rs` meet it through one call each. Invariant: a report never unwinds into the loop.

use std::{
    any::Any,
    cell::Cell,
    fmt,
    io::{self, Write},
    panic::{AssertUnwindSafe, catch_unwind},
    rc::Rc,
};

use crate::{
    builder::Builder,
    event_loop::{Core, EventLoop},
    future::{Awaiting, FutureState, Outcome},
    handle::{Handle, TimerHandle},
    join::{AwaitingRef, JoinTask, Task},
    loop_ref::LoopRef,
    observer::{Event, Stamp},
    ready::{Ready, TaskId},
    settable::SettableFuture,
    sleep::{Sleep, YieldNow},
    task::Header,
    threads::LoopHandle,
};

/// Who is told, a sentence at a time.
pub(crate) type ExceptionHandler = Cell<Option<Rc<dyn Fn(&str)>>>;

impl LoopRef {
    /// Has `handler` told, in one sentence each, of what nobody can be given: a panic in a callback, an error that
    /// nobody awaited. The default prints it to stderr.
    pub fn set_exception_handler(&self, handler: impl Fn(&str) + 'static) {
        self.core.exception_handler.set(Some(Rc::new(handler)));
    }
}

impl Core {
    /// Runs user code that isn't a task's body. A panic in it is reported, and the loop goes on.
    pub(crate) fn fence(&self, function: impl FnOnce()) {
        if let Err(payload) = catch_unwind(AssertUnwindSafe(function)) {
            self.report("a callback panicked", payload);
        }
    }

    /// Tells the exception handler of a panic that nobody can be given.
    pub(crate) fn report(&self, what: &str, payload: Box<dyn Any + Send>) {
        self.tell(|| format!("{what}: {}", panic_message(&*payload)));
        forget_if_it_panics(payload);
    }

    /// The sentence is made inside the fence: the `Display` of a user's error is user code too.
    fn tell(&self, sentence: impl FnOnce() -> String) {
        let handler = self.exception_handler.take();
        self.exception_handler.set(handler.clone());
        let sentence = catch_unwind(AssertUnwindSafe(sentence)).unwrap_or_else(|payload| {
            forget_if_it_panics(payload);
            "an error whose Display panics".to_owned()
        });
        let told = catch_unwind(AssertUnwindSafe(|| handler.map(|handler| handler(&sentence))));
        if !matches!(told, Ok(Some(()))) {
            let _ = writeln!(io::stderr(), "oneloop: {sentence}"); // eprintln would panic if stderr is closed
        }
        if let Err(payload) = told {
            forget_if_it_panics(payload);
        }
    }

    /// asyncio's "Task exception was never retrieved", at the moment at which nobody can retrieve it any more.
    pub(crate) fn report_unseen<T>(&self, task: &dyn fmt::Display, state: &FutureState<T>) {
        if !state.has_unseen_error() {
            return;
        }
        match state.take() {
            Outcome::Finished(Err(error)) => self.tell(move || format!("{task} failed and nobody awaited it: {error}")),
            Outcome::Panicked(payload) => self.report(&format!("{task} panicked and nobody awaited it"), payload),
            _ => {}
        }
    }

    /// Tells the observer how things stand when a turn begins.
    pub(crate) fn observe_turn(&self) {
        if self.observer.is_none() {
            return;
        }
        let ready: Vec<TaskId> = self.ready.borrow().iter().filter_map(|ready| ready.task()).collect();
        let (timers, next_deadline) = {
            let mut timers = self.timers.borrow_mut();
            (timers.len(), timers.next_deadline())
        };
        let registrations = self.selector.len();
        self.observe(|| Event::TurnBegin { ready: &ready, timers, next_deadline, registrations });
    }
}

/// Drops what a panic carried. Its destructor may panic as well, and is given up on then.
fn forget_if_it_panics(payload: Box<dyn Any + Send>) {
    if let Err(again) = catch_unwind(AssertUnwindSafe(|| drop(payload))) {
        std::mem::forget(again);
    }
}

impl Ready {
    /// The task that it steps, if it is a step.
    pub(crate) fn task(&self) -> Option<TaskId> {
        match self {
            Ready::Step(task) => Some(*task),
            _ => None,
        }
    }
}

/// The sentence in a panic's payload.
pub(crate) fn panic_message(payload: &(dyn Any + Send)) -> &str {
    let text = payload.downcast_ref::<&str>().copied();
    text.or_else(|| payload.downcast_ref::<String>().map(String::as_str)).unwrap_or("a panic without a message")
}

impl fmt::Display for TaskId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Task-{}", self.generation)
    }
}

impl fmt::Display for Header {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name.get() {
            Some(name) => f.write_str(name),
            None => self.id.fmt(f),
        }
    }
}

impl fmt::Debug for EventLoop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

impl fmt::Debug for LoopRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EventLoop")
            .field("running", &self.is_running())
            .field("closed", &self.is_closed())
            .field("tasks", &self.all_tasks().len())
            .finish_non_exhaustive()
    }
}

impl<T: 'static> fmt::Debug for Task<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Task").field("name", &self.name()).field("done", &self.done()).finish_non_exhaustive()
    }
}

impl<T> fmt::Debug for SettableFuture<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SettableFuture").field("done", &self.done()).finish_non_exhaustive()
    }
}

impl fmt::Debug for TimerHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TimerHandle").field("when", &self.when()).finish_non_exhaustive()
    }
}

impl fmt::Debug for Stamp<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stamp").field("turn", &self.turn()).finish_non_exhaustive()
    }
}

/// Types of which there is nothing to show but the name.
macro_rules! debug_as_name {
    ($($name:ident $(<$t:ident>)?),*) => {$(
        impl$(<$t: 'static>)? fmt::Debug for $name$(<$t>)? {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(stringify!($name))
            }
        }
    )*};
}

debug_as_name!(Builder, LoopHandle, Handle, Sleep, YieldNow, Awaiting<T>, AwaitingRef<T>, JoinTask<T>);
