//! What a recorder and a census cost an event: `cargo bench -p oneloop-trace --bench recorder`.
//!
//! A hundred tasks yield in turn, as in M3, on a loop without an observer and on one with. Prints the nanoseconds an event
//! by the clock; under `valgrind --tool=callgrind` the argument `none`, `recorder` or `census` runs one of them alone, and
//! the difference of two counts, by the number of events that is printed, is the instructions.

#![forbid(unsafe_code)]

use std::rc::Rc;
use std::time::{Duration, Instant};

use oneloop::{EventLoop, Observer, Result, create_task, gather, yield_now};
use oneloop_trace::{Census, Recorder};

const TASKS: usize = 100;
const YIELDS: usize = 1_000;

fn run(observer: Option<Rc<dyn Observer>>) -> Result<Duration> {
    let builder = EventLoop::builder();
    let event_loop = match observer {
        Some(observer) => builder.observer(observer).build()?,
        None => builder.build()?,
    };
    let begun = Instant::now();
    event_loop.run_until_complete(async {
        let each = || async {
            for _ in 0..YIELDS {
                yield_now().await?;
            }
            Ok(())
        };
        gather((0..TASKS).map(|_| create_task(each()))).await.map(drop)
    })?;
    Ok(begun.elapsed())
}

fn main() -> Result<()> {
    let only = std::env::args().skip(1).find(|arg| !arg.starts_with('-'));
    let wanted = |name: &str| only.as_deref().is_none_or(|only| only == name);
    let recorder = Rc::new(Recorder::with_capacity(1_000_000));
    let none = if wanted("none") { run(None)? } else { Duration::ZERO };
    let recorded = if wanted("recorder") { run(Some(recorder.clone()))? } else { Duration::ZERO };
    let counted = if wanted("census") { run(Some(Rc::new(Census::default())))? } else { Duration::ZERO };
    let events = recorder.log().records.len().max(1);
    let each = |with: Duration| with.saturating_sub(none).as_nanos() as f64 / events as f64;
    println!("{events} events; recorder {:.1} ns, census {:.1} ns an event", each(recorded), each(counted));
    Ok(())
}
