//! What the behavioural tests share: a loop on the virtual clock, a log, and wakers that are not the loop's own.
#![allow(dead_code, unreachable_pub, reason = "each test program uses a part of it")]

use std::{
    cell::RefCell,
    fmt::Display,
    future::Future,
    pin::Pin,
    rc::Rc,
    sync::Arc,
    task::{Context, Poll, Wake, Waker},
};

use oneloop::{EventLoop, LoopRef, Result};

pub fn virtual_loop() -> EventLoop {
    EventLoop::builder().virtual_clock(true).build().unwrap()
}

/// Runs `future` on a loop of its own with the virtual clock.
pub fn run<T: 'static>(future: impl Future<Output = Result<T>> + 'static) -> Result<T> {
    virtual_loop().run_until_complete(future)
}

pub fn here() -> LoopRef {
    oneloop::get_running_loop().unwrap()
}

/// One turn of a loop that doesn't run.
pub fn one_turn(event_loop: &EventLoop) {
    event_loop.stop();
    event_loop.run_forever().unwrap();
}

/// What happened, in order.
#[derive(Clone, Debug, Default)]
pub struct Log(Rc<RefCell<Vec<String>>>);

impl Log {
    pub fn add(&self, what: impl Display) {
        self.0.borrow_mut().push(what.to_string());
    }

    /// A closure that adds `what`.
    pub fn adds(&self, what: impl Display + 'static) -> impl FnOnce() + 'static {
        let log = self.clone();
        move || log.add(what)
    }

    /// As `adds`, for a callback that is called often.
    pub fn repeats(&self, what: impl Display + 'static) -> impl Fn() + 'static {
        let log = self.clone();
        move || log.add(&what)
    }

    /// As `adds`, for a done-callback.
    pub fn calls<F: ?Sized>(&self, what: impl Display + 'static) -> impl FnOnce(&F) + 'static {
        let log = self.clone();
        move |_| log.add(what)
    }

    /// All that was added, with blanks between.
    pub fn text(&self) -> String {
        self.0.borrow().join(" ")
    }

    /// All that was added, a line each.
    pub fn lines(&self) -> String {
        self.0.borrow().iter().map(|line| format!("{line}\n")).collect()
    }

    /// As `text`, and forgets it.
    pub fn take(&self) -> String {
        std::mem::take(&mut *self.0.borrow_mut()).join(" ")
    }
}

/// Runs a closure when it is dropped.
pub struct OnDrop<F: FnMut()>(pub F);

impl<F: FnMut()> Drop for OnDrop<F> {
    fn drop(&mut self) {
        (self.0)();
    }
}

/// A waker that runs a closure, as the ones of combinators of other crates do.
pub fn foreign_waker(function: impl Fn() + Send + Sync + 'static) -> Waker {
    struct Foreign<F>(F);
    impl<F: Fn() + Send + Sync> Wake for Foreign<F> {
        fn wake(self: Arc<Self>) {
            (self.0)();
        }
    }
    Waker::from(Arc::new(Foreign(function)))
}

/// Polls `future` once with `waker`.
pub fn poll_with<F: Future>(waker: &Waker, future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(waker))
}

/// What the exception handler of `event_loop` is told, from now on.
pub fn reports(event_loop: &LoopRef) -> Log {
    let log = Log::default();
    let told = log.clone();
    event_loop.set_exception_handler(move |_, context| told.add(format!("[{context}]")));
    log
}

/// A future that is pending until its slot is filled, and knows nothing of any loop: as one of another crate.
pub async fn foreign<T: Clone>(slot: Rc<RefCell<ForeignSlot<T>>>) -> T {
    std::future::poll_fn(|cx| {
        let mut slot = slot.borrow_mut();
        match slot.value.clone() {
            Some(value) => Poll::Ready(value),
            None => {
                slot.waker = Some(cx.waker().clone());
                Poll::Pending
            }
        }
    })
    .await
}

#[derive(Default)]
pub struct ForeignSlot<T> {
    pub value: Option<T>,
    pub waker: Option<Waker>,
}

impl<T> ForeignSlot<T> {
    pub fn fill(slot: &RefCell<Self>, value: T) {
        let waker = {
            let mut slot = slot.borrow_mut();
            slot.value = Some(value);
            slot.waker.take()
        };
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}
