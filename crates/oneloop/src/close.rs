//! How a loop ends.
//!
//! Job: drop every task, callback, timer and waiter of a loop, while the loop is still the current one: destructors
//! may cancel timers, close sockets, wake, even spawn. Neighbours: `event_loop.rs`. Invariants: what is started
//! meanwhile is dropped too; a destructor that panics is reported and stops nothing; wakes that come later find no
//! task and do nothing.
//!
//! Counterparts: `BaseEventLoop.close`, and the garbage collector after it.

use std::{mem, rc::Rc};

use crate::{
    error::{Error, Result},
    event_loop::{Core, EventLoop},
    exceptions::ExceptionContext,
    future::{FutureState, Outcome},
    handle::Listener,
    loop_ref::LoopRef,
    observer::{Event, StepResult},
    selector::Selector,
    signals::Signals,
    task::{AnyTask, TaskInner},
    task_ref::TaskRef,
    waiters::Waiters,
};

impl LoopRef {
    /// Drops every task, callback and timer, as dropping the [`EventLoop`] does. It won't run again. Closing it twice
    /// does nothing.
    ///
    /// ```
    /// let event_loop = oneloop::EventLoop::new()?;
    /// event_loop.close()?;
    /// let late = event_loop.run_until_complete(async { Ok(()) });
    /// assert_eq!(late.unwrap_err().to_string(), "Event loop is closed");
    /// # Ok::<(), oneloop::Error>(())
    /// ```
    ///
    /// # Errors
    /// `Runtime`, if it runs.
    pub fn close(&self) -> Result<()> {
        if self.is_running() {
            return Err(Error::Runtime("Cannot close a running event loop"));
        }
        self.core.close();
        Ok(())
    }
}

impl Drop for EventLoop {
    fn drop(&mut self) {
        self.core.close();
        self.core.debug.forget_closures(|closure| self.core.fence(move || drop(closure)));
    }
}

impl Core {
    fn close(self: &Rc<Core>) {
        self.closed.set(true);
        self.stopping.set(self.running.get()); // dropped by what runs on it: nothing is left to turn for
        let _entered = self.enter();
        for (_, slot) in self.tasks.take() {
            let id = slot.task.header().id;
            let pending = TaskRef::new(slot.task.clone(), self.me.clone());
            self.tell(&ExceptionContext::new("Task was destroyed but it is pending!").with_task(pending));
            self.fence(move || slot.task.abandon(self));
            self.observe(|| Event::Drop { task: id, reason: StepResult::Cancelled });
        }
        self.drop_each(self.ready.take());
        let timers = self.timers.take();
        self.drop_each(timers.slots);
        self.drop_each(self.selector.take_waiters());
        self.drop_each(self.jobs.close());
        self.drop_each(self.inbox.close());
        let (Signals { handlers, pipe, .. }, watches) = (self.signals.take(), self.watches.take());
        self.drop_each(handlers);
        self.fence(move || drop(pipe));
        self.fence(move || drop(watches));
        drop(self.selector.poll.take()); // the loop may be referred to for long: its descriptors are not kept
    }

    /// Each has a fence of its own: two destructors that panic in one would end the program.
    fn drop_each(&self, all: impl IntoIterator) {
        for one in all {
            self.fence(move || drop(one));
        }
    }
}

impl<T: 'static> TaskInner<T> {
    /// For a task that is made on a closed loop: asyncio raises where it is made, here whoever awaits it gets the error.
    pub(crate) fn refuse(&self, core: &Core) {
        self.abandon(core);
        self.state.complete(core, Outcome::Finished(Err(Error::LOOP_CLOSED)));
        self.state.seen.set(true); // a destructor that begins something meanwhile is no fault to be told
    }
}

impl<T> FutureState<T> {
    /// It stays pending for ever, as in asyncio. Who waited is forgotten: they may hold each other.
    pub(crate) fn abandon(&self) {
        let waiters = self.waiters.take();
        drop(waiters);
    }
}

impl Selector {
    /// Forgets every waiter, and returns them for the caller to drop: the loop closes.
    fn take_waiters(&self) -> Vec<(Waiters, Option<Rc<Listener>>)> {
        let mut slots = self.slots.borrow_mut();
        slots.halves().map(|(.., half)| (mem::take(&mut half.waiters), half.listener.take())).collect()
    }
}
