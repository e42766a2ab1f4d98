//! Museum: the turn without an end. `cargo museum no_snapshot` shows the mended loop, `cargo museum no_snapshot bug`
//! the fault.
//!
//! A loop runs what is ready until nothing is. Then a task that wakes itself, because it has more to do, is ready again before
//! the turn has ended, and again; the loop never comes to its selector and its timers, and they might as well not exist.
//!
//! The rule: a turn runs what was ready when it began. What becomes ready meanwhile waits for the next one, behind a look at
//! sockets and clocks. asyncio counts (`ntodo = len(self._ready)`), and so does oneloop. A pump
//! that looks at its timers only when its queue is empty has this fault; tokio looks at the kernel after every 61 steps, whatever is ready.

use std::cell::Cell;
use std::collections::VecDeque;
use std::rc::Rc;

fn main() {
    let takes_snapshot = std::env::args().nth(1).is_none_or(|word| word != "bug");
    let event_loop = EventLoop::default();
    event_loop.timer.set(Some(3)); // due after three pieces of work
    let finished = Rc::new(Cell::new(false));
    let done = finished.clone();
    event_loop.on_timer.set(Some(Box::new(move || {
        println!("timer: fires, and ends the work");
        done.set(true);
    })));
    event_loop.call_soon(Box::new(move |event_loop| work(event_loop, 1, finished)));
    event_loop.run(takes_snapshot);
}

/// One piece of endless work, which queues the next before it returns: as fair as can be, it thinks.
fn work(event_loop: &EventLoop, piece: u32, finished: Rc<Cell<bool>>) {
    event_loop.clock.set(event_loop.clock.get() + 1);
    if finished.get() {
        return println!("work: ends after {piece} pieces");
    }
    if piece == 1_000 {
        return println!("work: 1000 pieces in one turn, and it would go on for ever");
    }
    event_loop.call_soon(Box::new(move |event_loop| work(event_loop, piece + 1, finished)));
}

type Callback = Box<dyn FnOnce(&EventLoop)>;

#[derive(Default)]
struct EventLoop {
    /// A piece of work takes one unit of time.
    clock: Cell<u32>,
    timer: Cell<Option<u32>>,
    on_timer: Cell<Option<Box<dyn FnOnce()>>>,
    ready: Cell<VecDeque<Callback>>,
}

impl EventLoop {
    fn call_soon(&self, callback: Callback) {
        let mut ready = self.ready.take();
        ready.push_back(callback);
        self.ready.set(ready);
    }

    // ANCHOR: run
    fn run(&self, takes_snapshot: bool) {
        for turn in 1.. {
            // Sockets and timers have their place at the beginning of a turn, and nowhere else.
            if self.timer.get().is_some_and(|deadline| deadline <= self.clock.get()) {
                self.timer.set(None);
                self.on_timer.take().into_iter().for_each(|callback| callback());
            }
            let batch = self.ready.take();
            let mut left = batch.len();
            println!("loop: turn {turn} runs {left}");
            self.ready.set(batch);
            while left > 0 {
                let mut ready = self.ready.take();
                let next = ready.pop_front();
                self.ready.set(ready);
                next.into_iter().for_each(|callback| callback(self));
                let ready = self.ready.take();
                left = if takes_snapshot { left - 1 } else { ready.len() };
                let idle = ready.is_empty();
                self.ready.set(ready);
                if idle {
                    return;
                }
            }
        }
    }
    // ANCHOR_END: run
}
