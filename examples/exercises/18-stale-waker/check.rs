//! A future that moves from one task to another between two polls.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::{Context, Poll, Wake, Waker};

/// What the kernel's news are put into.
pub trait Source: Default {
    /// Pending until it is ready; leaves the waker of whoever asks.
    fn poll(&self, context: &mut Context<'_>) -> Poll<()>;

    /// It is ready: wakes.
    fn set_ready(&self);
}

pub fn check<S: Source>() -> Result<(), String> {
    let (first, second) = (Arc::new(Wakes::default()), Arc::new(Wakes::default()));
    let source = S::default();
    let mut future = pin!(poll_fn(|context| source.poll(context)));
    let mut poll = |by: &Arc<Wakes>| future.as_mut().poll(&mut Context::from_waker(&Waker::from(by.clone())));
    if poll(&first).is_ready() || poll(&first).is_ready() || poll(&second).is_ready() {
        return Err("it is ready before anything has happened".into());
    }
    source.set_ready();
    let (first, others) = (first.0.load(Ordering::Relaxed), second.0.load(Ordering::Relaxed));
    if others == 0 {
        return Err(format!(
            "two tasks polled the future, the second one last; the first was woken {first} time, the second never.\n\
             The first has gone on to other things. Which waker counts?"
        ));
    }
    if (first, others) != (0, 1) {
        return Err(format!("the last to poll is woken, once: it was {others} times, and the first {first} times"));
    }
    match poll(&second) {
        Poll::Ready(()) => Ok(()),
        Poll::Pending => Err("it is ready, and says that it is not".into()),
    }
}

#[derive(Default)]
struct Wakes(AtomicU32);

impl Wake for Wakes {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}
