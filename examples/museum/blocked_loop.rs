//! Museum: the blocked loop. `cargo museum blocked_loop` shows the work in slices, `cargo museum blocked_loop bug` the fault.
//!
//! One task computes for 45 ms, or calls something that blocks. Nothing is wrong with it; but the loop has one thread, and all
//! the others stand still: timers fire late, answers lie unread in the kernel, timeouts strike that no server has earned.
//!
//! The rule: a step is short. Long work yields now and then (`yield_now().await`, `asyncio.sleep(0)`), or goes to a thread
//! (`to_thread`, `Task.Run`). asyncio's debug mode reports each step over 100 ms, and so does oneloop's; .NET hides the fault
//! by adding threads to its pool, one a second or so; tokio moves other tasks to other threads, unless it has only one.
//!
//! Time in this program is a number that only work and waiting move, so it prints the same lines on every machine.

use std::cell::Cell;
use std::future::poll_fn;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

fn main() {
    let bug = std::env::args().nth(1).is_some_and(|word| word == "bug");
    let event_loop = Rc::new(EventLoop::default());
    let (heart, clock) = (event_loop.clone(), event_loop.clone());
    let heartbeat = async move {
        for due in [10, 20, 30, 40, 50, 60] {
            heart.sleep_until(due).await;
            match heart.now() - due {
                0 => println!("{:3} ms  heartbeat", heart.now()),
                late => println!("{:3} ms  heartbeat, {late} ms late", heart.now()),
            }
        }
    };
    let report = async move {
        clock.sleep_until(12).await;
        println!("{:3} ms  report: begins 45 ms of work", clock.now());
        if bug {
            clock.work(45);
        } else {
            for _slice in 0..15 {
                clock.work(3);
                clock.yield_now().await;
            }
        }
        println!("{:3} ms  report: done", clock.now());
    };
    event_loop.run(vec![Box::pin(heartbeat), Box::pin(report)]);
}

/// A clock, and what the tasks wait for. It polls every task in every turn, which a real loop must not: wakers are another
/// piece's subject.
#[derive(Default)]
struct EventLoop {
    now: Cell<u64>,
    /// Whether a task only let the others go first, in this turn.
    yielded: Cell<bool>,
    /// The first deadline that a task waits for.
    next: Cell<Option<u64>>,
}

impl EventLoop {
    fn now(&self) -> u64 {
        self.now.get()
    }

    /// Uses up time, with nobody else running.
    fn work(&self, time: u64) {
        self.now.set(self.now() + time);
    }

    async fn sleep_until(&self, deadline: u64) {
        poll_fn(|_| {
            if self.now() >= deadline {
                return Poll::Ready(());
            }
            self.next.set(Some(self.next.get().map_or(deadline, |next| next.min(deadline))));
            Poll::Pending
        })
        .await;
    }

    async fn yield_now(&self) {
        let mut first = true;
        poll_fn(|_| {
            if !std::mem::take(&mut first) {
                return Poll::Ready(());
            }
            self.yielded.set(true);
            Poll::Pending
        })
        .await;
    }

    fn run(&self, mut tasks: Vec<Pin<Box<dyn Future<Output = ()>>>>) {
        while !tasks.is_empty() {
            tasks.retain_mut(|task| task.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
            // Park: if nobody can go on now, time passes until somebody can.
            if let (false, Some(deadline)) = (self.yielded.take(), self.next.take()) {
                self.now.set(self.now().max(deadline));
            }
        }
    }
}
