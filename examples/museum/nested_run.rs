//! Museum: the nested run. `cargo museum nested_run` shows the loop that refuses, `cargo museum nested_run bug` the fault.
//!
//! Somewhere deep in plain code a result is needed, and it will only come from the loop; so the code runs the loop
//! until it is there. But that code is itself a step of a task. Whatever waits for that task now waits for a step that
//! can't end before the run inside it does. C#'s `.Result` on a thread with a message pump is this fault, and says
//! nothing: the window just hangs.
//!
//! The rule: a loop that runs knows it, and refuses a second run at once. asyncio raises "This event loop is already running";
//! tokio panics when `block_on` is called inside a runtime; oneloop returns `Err(Runtime)` with asyncio's words.
//! What is needed inside a task is awaited.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::future::poll_fn;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

fn main() {
    let refuses = std::env::args().nth(1).is_none_or(|word| word != "bug");
    let event_loop = Rc::new(EventLoop { refuses, ..EventLoop::default() });
    let (said, written) = (Rc::new(Cell::new(false)), Rc::new(Cell::new(false)));
    let is = |flag: &Rc<Cell<bool>>| {
        let flag = flag.clone();
        move || flag.get()
    };

    let (word, report_is) = (is(&said), written.clone());
    event_loop.spawn("writer", async move {
        println!("writer: waits for the editor's word");
        until(word).await;
        println!("writer: writes the report");
        report_is.set(true);
    });
    let (inside, report, word) = (event_loop.clone(), is(&written), said.clone());
    event_loop.spawn("editor", async move {
        println!("editor: needs the report, and runs the loop until it is there");
        match inside.run(&report) {
            Ok(()) => println!("editor: has the report"),
            Err(refusal) => println!("editor: refused: {refusal}"),
        }
        println!("editor: gives the word");
        word.set(true);
        until(report).await;
        println!("editor: reads the report");
    });
    event_loop.run(&|| event_loop.ready.borrow().is_empty()).expect("nobody runs it yet");
}

/// A wait for a flag: looks again in each turn. A real leaf would leave a waker.
async fn until(flag: impl Fn() -> bool) {
    poll_fn(|_| if flag() { Poll::Ready(()) } else { Poll::Pending }).await;
}

struct Task {
    name: &'static str,
    future: Pin<Box<dyn Future<Output = ()>>>,
}

#[derive(Default)]
struct EventLoop {
    /// Whether a run inside a run is refused. The fault is the loop without this.
    refuses: bool,
    running: Cell<bool>,
    ready: RefCell<VecDeque<Task>>,
    /// Whose step is on top of the stack.
    stepping: Cell<&'static str>,
}

impl EventLoop {
    fn spawn(&self, name: &'static str, future: impl Future<Output = ()> + 'static) {
        self.ready.borrow_mut().push_back(Task { name, future: Box::pin(future) });
    }

    // ANCHOR: run
    /// Steps the tasks in turn until `done`.
    fn run(&self, done: &dyn Fn() -> bool) -> Result<(), &'static str> {
        if self.refuses && self.running.get() {
            return Err("This event loop is already running");
        }
        let outer = self.running.replace(true);
        let mut fruitless = 0;
        while !done() {
            let Some(mut task) = self.ready.borrow_mut().pop_front() else { break };
            let outside = self.stepping.replace(task.name);
            let step = task.future.as_mut().poll(&mut Context::from_waker(Waker::noop()));
            self.stepping.set(outside);
            match step {
                Poll::Pending => self.ready.borrow_mut().push_back(task),
                Poll::Ready(()) => fruitless = 0,
            }
            fruitless += 1;
            if fruitless > 3 {
                // A real loop would park here, for ever.
                println!(
                    "loop: nobody can go on; the step of {outside} will not end before this run, nor this run before it"
                );
                std::process::exit(0);
            }
        }
        self.running.set(outer);
        Ok(())
    }
    // ANCHOR_END: run
}
