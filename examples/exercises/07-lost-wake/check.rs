//! An answer from another thread, which comes at the worst moment there is: right after somebody looked for it.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};

/// The other thread is played here, so that it meets the window each time and not once in a million.
#[derive(Default)]
pub struct Answer {
    number: Cell<Option<u32>>,
    waiter: RefCell<Option<Waker>>,
}

impl Answer {
    /// Looks whether the number is there.
    pub fn look(&self) -> Option<u32> {
        let seen = self.number.get();
        if seen.is_none() {
            // The other thread: brings its number, and wakes whoever has left a waker.
            self.number.set(Some(42));
            let waiter = self.waiter.take();
            waiter.into_iter().for_each(Waker::wake);
        }
        seen
    }

    /// Leaves a waker for the one who brings the number.
    pub fn leave(&self, waker: &Waker) {
        *self.waiter.borrow_mut() = Some(waker.clone());
    }
}

pub fn check(poll: impl Fn(&Answer, &mut Context<'_>) -> Poll<u32>) -> Result<(), String> {
    let answer = Answer::default();
    let woken = Arc::new(Woken(AtomicBool::new(true)));
    let waker = Waker::from(woken.clone());
    let mut task = pin!(poll_fn(|context| poll(&answer, context)));
    let mut polls = 0;
    while woken.0.swap(false, Ordering::AcqRel) && polls < 10 {
        polls += 1;
        match task.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(42) => return Ok(()),
            Poll::Ready(other) => return Err(format!("the number is 42, and the task got {other}")),
            Poll::Pending => {}
        }
    }
    if polls == 10 {
        return Err("the task wakes itself without end: that is no waiting".into());
    }
    Err("the answer is there, and the task sleeps: the loop parks, and nobody is left to wake it.\n\
         Who came between the look and the waker, and found no waker?"
        .into())
}

struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Release);
    }
}
