//! Listeners who bring other listeners.

use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;

pub type Listener = Rc<dyn Fn()>;

pub trait Happens: Default + 'static {
    /// Adds somebody who is told of each time that it happens from now on.
    fn listen(&self, listener: Listener);

    /// It happens.
    fn tell(&self);
}

pub fn check<E: Happens>() -> Result<(), String> {
    let event = Rc::new(E::default());
    let heard = Rc::new(RefCell::new(Vec::new()));
    let note = |name: &'static str| {
        let heard = heard.clone();
        move || heard.borrow_mut().push(name)
    };
    let (again, first, third) = (Rc::downgrade(&event), note("first"), note("third"));
    event.listen(Rc::new(move || {
        first();
        if let Some(event) = again.upgrade() {
            event.listen(Rc::new(third.clone()));
        }
    }));
    event.listen(Rc::new(note("second")));
    if catch_unwind(AssertUnwindSafe(|| event.tell())).is_err() {
        return Err(format!(
            "it happened; {} heard of it, brought another listener, and the program panicked.\n\
             What did `tell` hold while somebody else's code ran?",
            heard.borrow().join(", ")
        ));
    }
    if *heard.borrow() != ["first", "second"] {
        return Err(format!(
            "those who listened when it happened are first and second; told were {:?}",
            heard.borrow()
        ));
    }
    heard.borrow_mut().clear();
    event.tell();
    match *heard.borrow() == ["first", "second", "third"] {
        true => Ok(()),
        false => Err(format!("it happened again; first, second and third listen; told were {:?}", heard.borrow())),
    }
}
