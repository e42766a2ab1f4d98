//! Museum: the stale waker. `cargo museum stale_waker` shows the mended leaf, `cargo museum stale_waker bug` the fault.
//!
//! A leaf keeps the waker of its first poll and never looks at a later one. But a future can change hands: here a task begins
//! to wait for a letter, then gives the half-done wait to another task. The letter comes, the leaf wakes the task that began,
//! and the one that waits now is never stepped again.
//!
//! The rule: of several polls the last waker counts. `Waker::clone_from` copies it only when it differs, so keeping up costs
//! nothing. asyncio can't have this fault: a coroutine belongs to one task for life. Neither can C#: each `await` registers
//! its own continuation. tokio's and oneloop's leaves all keep the last waker, and a test of each hands one over.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::future::poll_fn;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};

fn main() {
    let bug = std::env::args().nth(1).is_some_and(|word| word == "bug");
    let letter = Rc::new(Letter { keeps_first: bug, ..Letter::default() });
    let begun: Rc<RefCell<Option<Waiting>>> = Rc::default();
    let (waiting, hand) = (letter.clone(), begun.clone());
    let first = async move {
        println!("first: begins to wait for a letter");
        let mut wait: Waiting = Box::pin(async move { waiting.arrival().await });
        poll_fn(|context| Poll::Ready(wait.as_mut().poll(context).is_ready())).await; // one poll, which leaves a waker
        println!("first: hands the wait over, and has nothing more to do");
        *hand.borrow_mut() = Some(wait);
    };
    let second = async move {
        let wait = begun.take().expect("the first task ran before");
        println!("second: goes on with it");
        wait.await;
        println!("second: has the letter");
    };
    let postman = async move {
        println!("postman: brings the letter");
        letter.arrive();
    };
    run(vec![("first", Box::pin(first)), ("second", Box::pin(second)), ("postman", Box::pin(postman))]);
}

type Waiting = Pin<Box<dyn Future<Output = ()>>>;

#[derive(Default)]
struct Letter {
    here: Cell<bool>,
    waiter: RefCell<Option<Waker>>,
    keeps_first: bool,
}

impl Letter {
    // ANCHOR: arrival
    async fn arrival(&self) {
        poll_fn(|context| {
            let mut waiter = self.waiter.borrow_mut();
            match &mut *waiter {
                _ if self.here.get() => return Poll::Ready(()),
                Some(_) if self.keeps_first => {} // the fault: it has one, so why another?
                Some(waker) => waker.clone_from(context.waker()),
                none => *none = Some(context.waker().clone()),
            }
            Poll::Pending
        })
        .await;
    }
    // ANCHOR_END: arrival

    fn arrive(&self) {
        self.here.set(true);
        let waker = self.waiter.take();
        waker.into_iter().for_each(Waker::wake);
    }
}

/// The loop: a queue of the numbers of those who can go on. Nothing but a step wakes anybody here, so an empty queue is
/// the end.
fn run(tasks: Vec<(&str, Waiting)>) {
    let ready: Queue = Arc::new(Mutex::new((0..tasks.len()).collect()));
    let mut tasks: Vec<_> = tasks.into_iter().map(|(name, task)| (name, Some(task))).collect();
    while let Some(number) = next(&ready) {
        let (name, task) = &mut tasks[number];
        let waker = Waker::from(Arc::new(Wakes(number, ready.clone())));
        match task.as_mut().map(|task| task.as_mut().poll(&mut Context::from_waker(&waker))) {
            Some(Poll::Ready(())) => *task = None,
            Some(Poll::Pending) => {}
            None => println!("loop: {name} is woken, which has ended"),
        }
    }
    for (name, _) in tasks.iter().filter(|(_, task)| task.is_some()) {
        println!("loop: {name} was not woken, and waits for ever");
    }
}

type Queue = Arc<Mutex<VecDeque<usize>>>;

fn next(ready: &Queue) -> Option<usize> {
    ready.lock().unwrap().pop_front()
}

struct Wakes(usize, Queue);

impl Wake for Wakes {
    fn wake(self: Arc<Self>) {
        self.1.lock().unwrap().push_back(self.0);
    }
}
