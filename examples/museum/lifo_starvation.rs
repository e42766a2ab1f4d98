//! Museum: the stack that should have been a queue. `cargo museum lifo_starvation` shows the mended loop, `cargo museum
//! lifo_starvation bug` the fault.
//!
//! What was woken last is still warm in the cache, so a loop that steps it first is fast in every benchmark. But two
//! tasks that play ping-pong wake each other for ever, each is always the last one woken, and a third never has its
//! turn.
//!
//! The rule: first come, first served. asyncio and oneloop have one queue, and take from its front. tokio has a slot for the
//! task that was woken last, *and* a budget after which the slot is passed over; .NET's pool has a LIFO queue for each thread,
//! from whose other end the other threads steal.

use std::cell::Cell;
use std::collections::VecDeque;
use std::future::poll_fn;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};

fn main() {
    let bug = std::env::args().nth(1).is_some_and(|word| word == "bug");
    let (ball, waits) = (Rc::new(Cell::new("ping")), Rc::new(Cell::new([const { None::<Waker> }; 2])));
    let player = |me: &'static str, other: &'static str, place: usize| {
        let (ball, waits) = (ball.clone(), waits.clone());
        poll_fn(move |context| {
            let mut both = waits.take();
            if ball.get() == me {
                ball.set(other);
                both[1 - place].take().into_iter().for_each(Waker::wake); // the other one can play
            }
            both[place] = Some(context.waker().clone());
            waits.set(both);
            Poll::<()>::Pending
        })
    };
    let third = async { println!("third: has its turn") };
    run(
        bug,
        vec![
            ("third", Box::pin(third)),
            ("pong", Box::pin(player("pong", "ping", 1))),
            ("ping", Box::pin(player("ping", "pong", 0))),
        ],
    );
}

// ANCHOR: run
/// Steps the tasks 1,000 times, taking from the front of the queue or, as the fault, from its back.
fn run(takes_last: bool, tasks: Vec<(&str, Task)>) {
    let ready: Queue = Arc::new(Mutex::new((0..tasks.len()).collect()));
    let mut tasks: Vec<_> = tasks.into_iter().map(|(name, task)| (name, Some(task), 0)).collect();
    for _step in 0..1_000 {
        let next = if takes_last { ready.lock().unwrap().pop_back() } else { ready.lock().unwrap().pop_front() };
        let Some(number) = next else { break };
        let (_, task, steps) = &mut tasks[number];
        *steps += 1;
        let waker = Waker::from(Arc::new(Wakes(number, ready.clone())));
        if task.as_mut().is_some_and(|task| task.as_mut().poll(&mut Context::from_waker(&waker)).is_ready()) {
            *task = None;
        }
    }
    for (name, _, steps) in tasks {
        println!("{name}: {steps} of 1000 steps");
    }
}
// ANCHOR_END: run

type Task = Pin<Box<dyn Future<Output = ()>>>;
type Queue = Arc<Mutex<VecDeque<usize>>>;

struct Wakes(usize, Queue);

impl Wake for Wakes {
    fn wake(self: Arc<Self>) {
        self.1.lock().unwrap().push_back(self.0);
    }
}
