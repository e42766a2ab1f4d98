//! The `Debug` face of each public type, and the picture of the loop that an observer is shown.
//!
//! Job: what a person sees who prints a handle, a loop or a panic. Neighbours: `mode.rs` is debug mode; `observer.rs` has
//! the events. Invariant: printing changes nothing, and never fails on what is borrowed.

mod mode;

use std::{any::Any, fmt};

pub(crate) use mode::{DebugMode, note_await};

use crate::{
    builder::Builder,
    event_loop::{Core, EventLoop},
    future::Awaiting,
    handle::{Handle, TimerHandle},
    join::{AwaitingRef, CallbackId, JoinTask, Task},
    loop_ref::LoopRef,
    observer::{Event, Stamp},
    ready::{Ready, TaskId},
    settable::SettableFuture,
    sleep::{Sleep, YieldNow},
    task::Header,
    threads::LoopHandle,
};

impl Core {
    /// Tells the observer how things stand when a turn begins.
    #[inline(always)]
    pub(crate) fn observe_turn<const OBSERVED: bool>(&self) {
        if OBSERVED && self.is_observed() {
            self.tell_of_turn();
        }
    }

    #[cold]
    #[inline(never)]
    fn tell_of_turn(&self) {
        let ready: Vec<TaskId> = self.ready.borrow().iter().filter_map(|ready| ready.task()).collect();
        let (timers, next_deadline) = {
            let mut timers = self.timers.borrow_mut();
            (timers.len(), timers.next_deadline())
        };
        let registrations = self.selector.len();
        self.observe(|| Event::TurnBegin { ready: &ready, timers, next_deadline, registrations });
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
        write!(f, "Task-{}", self.number())
    }
}

impl fmt::Display for Header {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.name.take();
        let written = name.fmt(f);
        self.name.set(name);
        written
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
        f.debug_struct("Task").field("name", &self.get_name()).field("done", &self.done()).finish_non_exhaustive()
    }
}

impl<T: 'static> fmt::Debug for SettableFuture<T> {
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

debug_as_name!(Builder, LoopHandle, Handle, CallbackId, Sleep, YieldNow, Awaiting<T>, AwaitingRef<T>, JoinTask<T>);
