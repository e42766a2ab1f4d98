//! Callbacks, and the handles that cancel them.
//!
//! Job: what `call_soon` and `call_later` queue, and what they return. Neighbours: `ready.rs` queues a [`Callback`],
//! `timers.rs` keeps one until its time, `event_loop.rs` runs it. Invariant: a cancelled callback never runs, and
//! what it had captured is dropped at the moment of `cancel()`, not when its turn would have come.
//!
//! Counterparts: `asyncio.Handle` and `asyncio.TimerHandle`. `SynchronizationContext.Post` of .NET returns nothing:
//! what is posted there can't be taken back.

use std::{cell::Cell, rc::Rc, time::Instant};

use crate::{context::captured, loop_ref::LoopRef, timers::TimerId};

/// A closure that runs at most once, in the context in which it was queued, unless its [`Handle`] takes it away before.
pub(crate) struct Callback(Cell<Option<Box<dyn FnOnce()>>>);

impl Callback {
    pub(crate) fn new(function: impl FnOnce() + 'static) -> Rc<Callback> {
        Rc::new(Callback(Cell::new(Some(captured(function)))))
    }

    /// Runs the closure, if it is still there. Called by the loop alone.
    pub(crate) fn run(&self) {
        if let Some(function) = self.0.take() {
            function();
        }
    }
}

/// A closure that runs each time something happens: a child of `gather` is done (`which` is its index), a signal
/// came. Shared by all that report to it, so that watching a million tasks costs one allocation.
pub(crate) struct Listener(Box<dyn Fn(u32)>);

impl Listener {
    pub(crate) fn new(function: impl Fn(u32) + 'static) -> Rc<Listener> {
        Rc::new(Listener(Box::new(function)))
    }

    /// A done-callback of one thing, which happens once.
    pub(crate) fn once(function: impl FnOnce() + 'static) -> Rc<Listener> {
        let callback = Callback::new(function);
        Listener::new(move |_| callback.run())
    }

    /// Runs the closure. Called by the loop alone.
    pub(crate) fn run(&self, which: u32) {
        (self.0)(which);
    }
}

/// What [`call_soon`](LoopRef::call_soon) returns. Dropping it changes nothing; [`cancel`](Handle::cancel) does.
pub struct Handle {
    pub(crate) callback: Rc<Callback>,
    pub(crate) cancelled: Cell<bool>,
}

impl Handle {
    /// Takes the callback away, if it hasn't run, and drops what it had captured. Its place in the queue stays, empty.
    pub fn cancel(&self) {
        self.cancelled.set(true);
        drop(self.callback.0.take());
    }
}

/// What [`call_later`](LoopRef::call_later) and [`call_at`](LoopRef::call_at) return.
pub struct TimerHandle {
    pub(crate) event_loop: LoopRef,
    pub(crate) timer: TimerId,
    pub(crate) when: Instant,
    pub(crate) cancelled: Cell<bool>,
}

impl TimerHandle {
    /// When the callback is due, on the loop's clock.
    pub fn when(&self) -> Instant {
        self.when
    }

    /// Takes the timer back, also when it is due already and only waits for its place in this turn.
    pub fn cancel(&self) {
        self.cancelled.set(true);
        self.event_loop.core.cancel_timer(self.timer);
    }
}
