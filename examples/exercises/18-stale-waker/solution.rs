//! Exercise 18, solved: the last waker counts. `clone_from` clones only if it is another's.

use std::cell::{Cell, RefCell};
use std::task::{Context, Poll, Waker};

#[derive(Default)]
pub struct Socket {
    ready: Cell<bool>,
    waiter: RefCell<Option<Waker>>,
}

impl super::check::Source for Socket {
    fn poll(&self, context: &mut Context<'_>) -> Poll<()> {
        if self.ready.get() {
            return Poll::Ready(());
        }
        match &mut *self.waiter.borrow_mut() {
            Some(kept) => kept.clone_from(context.waker()),
            none => *none = Some(context.waker().clone()),
        }
        Poll::Pending
    }

    fn set_ready(&self) {
        self.ready.set(true);
        let waiter = self.waiter.take();
        waiter.into_iter().for_each(Waker::wake);
    }
}
