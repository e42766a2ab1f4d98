//! What a recorder and a census cost an event: `cargo bench -p oneloop-trace --bench recorder`.
//!
//! A hundred tasks yield in turn, as in M3, on a loop without an observer and on one with, in several rounds. Prints
//! the nanoseconds an event that the observer takes of the processor: the medians of the rounds, and the least beside
//! them. Time on the processor is what is compared, so that another process that takes its turn on a shared machine is
//! not counted.

#![forbid(unsafe_code)]

use std::rc::Rc;

use oneloop::{EventLoop, Observer, Result, create_task, gather, yield_now};
use oneloop_trace::{Census, Recorder};

const TASKS: usize = 100;
const YIELDS: usize = 1_000;
const ROUNDS: usize = 11;

/// The nanoseconds that a run takes of the processor.
fn run(observer: Option<Rc<dyn Observer>>) -> Result<u64> {
    let builder = EventLoop::builder();
    let event_loop = match observer {
        Some(observer) => builder.observer(observer).build()?,
        None => builder.build()?,
    };
    let begun = on_cpu();
    event_loop.run_until_complete(async {
        let each = || async {
            for _ in 0..YIELDS {
                yield_now().await?;
            }
            Ok(())
        };
        gather((0..TASKS).map(|_| create_task(each()))).await.map(drop)
    })?;
    Ok(on_cpu() - begun)
}

/// The nanoseconds that this thread has been on a processor (Linux only).
fn on_cpu() -> u64 {
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    stat.split(' ').next().and_then(|n| n.parse().ok()).unwrap_or(0)
}

fn main() -> Result<()> {
    let (mut recorded, mut counted, mut events) = (Vec::new(), Vec::new(), 1);
    for _ in 0..ROUNDS {
        let none = run(None)?;
        let recorder = Rc::new(Recorder::with_capacity(1_000_000));
        let with_recorder = run(Some(recorder.clone()))?;
        let with_census = run(Some(Rc::new(Census::default())))?;
        events = recorder.log().records.len().max(1);
        let each = |with: u64| with.saturating_sub(none) as f64 / events as f64;
        recorded.push(each(with_recorder));
        counted.push(each(with_census));
    }
    println!("{events} events; {}; {} an event", shown("recorder", recorded), shown("census", counted));
    Ok(())
}

fn shown(name: &str, mut each: Vec<f64>) -> String {
    each.sort_by(f64::total_cmp);
    format!("{name} {:.1} ns (least {:.1})", each[each.len() / 2], each[0])
}
