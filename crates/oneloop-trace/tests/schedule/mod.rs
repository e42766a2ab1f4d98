//! Random schedules, recorded: what the pictures of a log are tried on.
//!
//! Neighbours: `schedules.rs` beside it; `random_tasks.rs` of `oneloop`'s tests has the tasks; the end-to-end tests,
//! which try the page's fold on them in a browser.

#[path = "../../../oneloop/tests/harness/random_tasks.rs"]
mod random_tasks;

use std::rc::Rc;
use std::time::Duration;

use oneloop::{EventLoop, sleep};
use oneloop_trace::{Log, Recorder};
use random_tasks::{Shared, act};

/// A run that depends on nothing but `seed`, as `recorder` kept it.
pub(crate) fn schedule(seed: u64, recorder: Recorder) -> Log {
    let recorder = Rc::new(recorder);
    let event_loop = EventLoop::builder().virtual_clock(true).observer(recorder.clone()).build().expect("a selector");
    event_loop.set_exception_handler(|_, _| ());
    let shared = Shared::new(&event_loop, seed, 8);
    for number in 0..6 {
        let task = event_loop.create_task(act(shared.clone(), 0));
        task.set_name(&format!("act {number}"));
    }
    let end = async {
        sleep(Duration::from_millis(40)).await.or(Ok(())) // a cancelled wait will do as well
    };
    let _ = event_loop.run_until_complete(end); // or it was cancelled before it began
    drop(event_loop);
    recorder.log()
}

/// Turns, polls and wakes in a Chrome trace.
pub(crate) fn drawn(json: &str) -> (usize, usize, usize) {
    let trace: serde_json::Value = serde_json::from_str(json).expect("JSON");
    let events = trace["traceEvents"].as_array().expect("a list");
    let count = |ph: &str, name: &str| {
        let of_loop = events.iter().filter(|event| event["tid"] == 1 && event["ph"] == ph);
        of_loop.filter(|event| event["name"].as_str().is_some_and(|it| it.starts_with(name))).count()
    };
    (count("X", "turn "), count("X", "poll "), count("i", "wake"))
}
