//! Museum: the lost wake. `cargo museum lost_wake` shows the mended leaf, `cargo museum lost_wake bug` the fault.
//!
//! A leaf looks whether its answer is there, hears no, and then leaves its waker. If the answer comes between the two,
//! whoever brings it finds no waker and wakes nobody, and the task waits for a wake that will never be. Two threads must
//! meet in a window of nanoseconds for that, so the fault passes every test but the millionth. Here the window is held open.
//!
//! The rule: leave the waker first, look afterwards; or do both under one lock. On asyncio's one thread nothing comes
//! between two lines of a callback, and `call_soon_threadsafe` appends first and writes to the self-pipe afterwards, for
//! the same reason. .NET's awaiters and tokio's `AtomicWaker` exchange state and continuation in one atomic operation.
//! In oneloop `ready.rs` has the order, and loom tries the ways to meet in it, with up to three preemptions.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::task::{Context, Poll, Wake, Waker};
use std::thread;

fn main() {
    let bug = std::env::args().nth(1).is_some_and(|word| word == "bug");
    let answer = Arc::new(Answer::default());
    // The other thread answers when it is told to, and is waited for: so the window stays open for as long as it takes.
    let (now, told) = mpsc::channel::<()>();
    let theirs = answer.clone();
    let thread = thread::spawn(move || told.recv().map(|()| theirs.bring(42)));
    let mut other = Some((now, thread));
    let window = || {
        if let Some((now, thread)) = other.take() {
            now.send(()).expect("the thread listens");
            let _ = thread.join().expect("the thread brings its answer and ends");
        }
    };
    run(async {
        println!("task: waits for another thread's answer");
        let number = if bug { answer.look_then_leave(window).await } else { answer.leave_then_look(window).await };
        println!("task: the answer is {number}");
    });
}

#[derive(Default)]
struct Answer {
    number: Mutex<Option<u32>>,
    waiter: Mutex<Option<Waker>>,
}

impl Answer {
    // ANCHOR: leaves
    /// The fault: whatever comes between the look and the waker is never heard of.
    async fn look_then_leave(&self, mut window: impl FnMut()) -> u32 {
        poll_fn(|context| {
            let number = self.look();
            if number.is_none() {
                window();
                self.leave(context.waker());
            }
            number.map_or(Poll::Pending, Poll::Ready)
        })
        .await
    }

    /// Mended: what comes before the look is seen by it, and what comes after finds a waker.
    async fn leave_then_look(&self, mut window: impl FnMut()) -> u32 {
        poll_fn(|context| {
            self.leave(context.waker());
            window();
            self.look().map_or(Poll::Pending, Poll::Ready)
        })
        .await
    }
    // ANCHOR_END: leaves

    fn look(&self) -> Option<u32> {
        let number = *self.number.lock().unwrap();
        println!("task: looks, and {}", if number.is_some() { "it is there" } else { "there is nothing yet" });
        number
    }

    fn leave(&self, waker: &Waker) {
        println!("task: leaves its waker");
        *self.waiter.lock().unwrap() = Some(waker.clone());
    }

    /// Called on the other thread.
    fn bring(&self, number: u32) {
        *self.number.lock().unwrap() = Some(number);
        let waker = self.waiter.lock().unwrap().take();
        println!("thread: brings the answer, and {}", if waker.is_some() { "wakes" } else { "finds nobody to wake" });
        waker.into_iter().for_each(Waker::wake);
    }
}

/// The whole loop: one task, and whether it was woken.
fn run(task: impl Future<Output = ()>) {
    let ready = Arc::new(Ready(AtomicBool::new(true)));
    let waker = Waker::from(ready.clone());
    let mut task = pin!(task);
    while ready.0.swap(false, Ordering::Acquire) {
        println!("loop: steps the task");
        if task.as_mut().poll(&mut Context::from_waker(&waker)).is_ready() {
            return println!("loop: done");
        }
    }
    // A real loop waits in the kernel here. The other thread has ended, so this one would wait for ever.
    println!("loop: parks, and nobody is left to wake it");
}

struct Ready(AtomicBool);

impl Wake for Ready {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Release);
    }
}
