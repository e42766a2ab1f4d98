//! Some trios' programs as they stand, on a loop that records: `cargo run --example recorded -- 04-yielding`.
//!
//! Prints the log behind what the program has printed, as the recorders of the other two languages do.

#[allow(dead_code, reason = "its main is not called")]
#[path = "../trio/41-event/main.rs"]
mod event;
#[allow(dead_code, reason = "its main is not called")]
#[path = "../trio/42-lock/main.rs"]
mod lock;
#[allow(dead_code, reason = "its main is not called")]
#[path = "../trio/05-ready-queue/main.rs"]
mod ready_queue;
#[allow(dead_code, reason = "its main is not called")]
#[path = "../trio/43-semaphore/main.rs"]
mod semaphore;
#[allow(dead_code, reason = "its main is not called")]
#[path = "../trio/04-yielding/main.rs"]
mod yielding;

use std::pin::Pin;
use std::rc::Rc;

use oneloop::{Error, EventLoop, Result};
use oneloop_trace::Recorder;

fn main() -> Result<()> {
    let name = std::env::args().nth(1).unwrap_or_default();
    let program: Pin<Box<dyn Future<Output = Result<()>>>> = match name.as_str() {
        "04-yielding" => Box::pin(yielding::run()),
        "05-ready-queue" => Box::pin(ready_queue::run()),
        "41-event" => Box::pin(event::run()),
        "42-lock" => Box::pin(lock::run()),
        "43-semaphore" => Box::pin(semaphore::run()),
        _ => return Err(Error::other(format!("'{name}' is none of the trios that are recorded"))),
    };
    let recorder = Rc::new(Recorder::default());
    let event_loop = EventLoop::builder().observer(recorder.clone()).build()?;
    event_loop.run_until_complete(program)?;
    println!("{}", serde_json::to_string(&recorder.log()).map_err(Error::other)?);
    Ok(())
}
