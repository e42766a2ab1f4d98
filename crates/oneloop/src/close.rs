//! How a loop ends.
//!
//! Job: drop every task, callback, timer and waiter of a loop, while the loop is still the current one: destructors
//! may cancel timers, close sockets, wake, even spawn. Neighbours: `event_loop.rs`. Invariants: what is started
//! meanwhile is dropped too; a destructor that panics is reported and stops nothing; wakes that come later find no
//! task and do nothing.
//!
//! Counterparts: `BaseEventLoop.close`, and the garbage collector after it.

use std::rc::Rc;

use crate::event_loop::{Core, EventLoop};

impl EventLoop {
    /// Drops every task, callback and timer. Dropping the loop does the same.
    pub fn close(self) {}
}

impl Drop for EventLoop {
    fn drop(&mut self) {
        self.core.close();
    }
}

impl Core {
    fn close(self: &Rc<Core>) {
        self.closed.set(true);
        let _entered = self.enter();
        for (_, task) in self.tasks.take() {
            self.fence(move || task.abandon(self));
        }
        let ready = self.ready.take();
        for next in ready {
            self.fence(move || drop(next));
        }
        let timers = self.timers.borrow_mut().take_all();
        self.fence(move || drop(timers));
        let waiters = self.selector.take_waiters();
        self.fence(move || drop(waiters));
        let letters = self.inbox.close();
        self.fence(move || drop(letters));
        let signals = self.signals.take();
        self.fence(move || drop(signals));
    }
}
