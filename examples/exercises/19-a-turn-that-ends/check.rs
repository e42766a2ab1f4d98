//! A queue of callbacks, one of which queues itself again, and a selector that nobody gets to.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;

pub type Callback = Box<dyn FnOnce()>;
/// Callbacks add to it while it is worked off.
pub type Queue = Rc<RefCell<VecDeque<Callback>>>;

pub fn check(run_ready: impl Fn(&Queue)) -> Result<(), String> {
    let (queue, calls) = (Queue::default(), Rc::new(Cell::new(0)));
    let others = Rc::new(Cell::new(0));
    again(&queue, &calls);
    let other = others.clone();
    queue.borrow_mut().push_back(Box::new(move || other.set(other.get() + 1)));
    run_ready(&queue);
    if calls.get() > 1 {
        return Err(format!(
            "one turn has called the busy callback {} times, and would go on if it had not given up.\n\
             Neither a socket nor a timer is looked at meanwhile. What belongs to a turn, and what to the next?",
            calls.get()
        ));
    }
    if (calls.get(), others.get()) != (1, 1) {
        return Err(format!(
            "a turn calls each of the two that were ready; it called {} and {}",
            calls.get(),
            others.get()
        ));
    }
    run_ready(&queue);
    match (calls.get(), others.get(), queue.borrow().len()) {
        (2, 1, 1) => Ok(()),
        other => Err(format!("after two turns: 2 calls, 1 call and 1 in the queue are right; it is {other:?}")),
    }
}

/// Queues a callback that queues itself again. It gives up after a thousand times, which no honest one does.
fn again(queue: &Queue, calls: &Rc<Cell<u32>>) {
    let (theirs, count) = (Rc::downgrade(queue), calls.clone());
    queue.borrow_mut().push_back(Box::new(move || {
        count.set(count.get() + 1);
        if let Some(queue) = theirs.upgrade().filter(|_| count.get() < 1000) {
            again(&queue, &count);
        }
    }));
}
