//! Exercise 14, solved: the list is copied, and the borrow is over before the first stranger is called.

use std::cell::RefCell;

use super::check::{Happens, Listener};

#[derive(Default)]
pub struct Event {
    listeners: RefCell<Vec<Listener>>,
}

impl Happens for Event {
    fn listen(&self, listener: Listener) {
        self.listeners.borrow_mut().push(listener);
    }

    fn tell(&self) {
        let listeners = self.listeners.borrow().clone();
        for listener in listeners {
            listener();
        }
    }
}
