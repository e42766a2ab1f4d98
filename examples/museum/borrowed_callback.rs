//! Museum: the borrow across a callback. `cargo museum borrowed_callback` shows the mended event, `cargo museum
//! borrowed_callback bug` the fault.
//!
//! An event keeps its listeners in a list, and calls them while it holds the list. A listener that takes itself off, or
//! adds another, reaches for the list that is held. A `RefCell` panics, a lock deadlocks, and a language without either
//! walks a list that changes under its feet: C# throws "Collection was modified", and Python skips the neighbour of one
//! that takes itself off.
//!
//! The rule: nothing is held while somebody else's code runs; and wakers, destructors and clones are somebody else's
//! code, too. Take the list out, or copy it, then call. asyncio's futures queue their callbacks with `call_soon` and
//! never call them in place. oneloop does the same, and has a test that re-enters the loop from each place where
//! foreign code runs.

use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;

fn main() {
    let bug = std::env::args().nth(1).is_some_and(|word| word == "bug");
    std::panic::set_hook(Box::new(|_| {})); // it is reported below
    let event = Rc::new(Event::default());
    let again = event.clone();
    event.listen(Box::new(move || {
        println!("first: hears it, and brings a third listener");
        again.listen(Box::new(|| println!("third: hears it")));
    }));
    event.listen(Box::new(|| println!("second: hears it")));
    for number in 1..=2 {
        println!("event: happens, time {number}");
        let calls = || if bug { event.call_while_borrowed() } else { event.call() };
        if catch_unwind(AssertUnwindSafe(calls)).is_err() {
            println!("event: panics, as its list is borrowed already; nobody else hears it");
        }
    }
}

type Listener = Rc<dyn Fn()>;

#[derive(Default)]
struct Event {
    listeners: RefCell<Vec<Listener>>,
}

impl Event {
    fn listen(&self, listener: Box<dyn Fn()>) {
        self.listeners.borrow_mut().push(listener.into());
    }

    // ANCHOR: calls
    /// The fault: the list is held while strangers run.
    fn call_while_borrowed(&self) {
        for listener in self.listeners.borrow().iter() {
            listener();
        }
    }

    /// Mended: those who listened when it happened, with nothing held.
    fn call(&self) {
        let listeners = self.listeners.borrow().clone();
        for listener in listeners {
            listener();
        }
    }
    // ANCHOR_END: calls
}
