//! Exercise 3, solved: poll when woken, park when not.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use super::check::World;

/// Runs one future to its end. `world.park()` waits until something happens outside.
pub fn block_on(world: &World, future: impl Future<Output = u32>) -> u32 {
    let mut future = pin!(future);
    let woken = Arc::new(Woken(AtomicBool::new(true))); // the first poll is due
    let waker = Waker::from(woken.clone());
    loop {
        while !woken.0.swap(false, Ordering::AcqRel) {
            world.park();
        }
        if let Poll::Ready(value) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
            return value;
        }
    }
}

struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Release);
    }
}
