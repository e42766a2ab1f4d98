//! The engine: a task a probe, as many at once as there is room for, from the first URL to the last result.
//!
//! One feeder (`rounds.rs`) reads the list and starts a task for each URL as soon as there is room: a place among those
//! in flight, an output that is not full, and not too many results that wait for an earlier one. A finished probe gives
//! its place back and tells the feeder. So memory depends on what is in flight, never on the length of the list.
//! Neighbours: `input` before it, `probe` within it, `report` and `output` after it.
//! Invariants: no probe fails because this process ran out of descriptors; a probe that waits is not on the clock.
//! Counterparts: `asyncio.Semaphore` around tasks; `Parallel.ForEachAsync` in .NET.

mod announced;
mod engine;
mod hosts;
mod pace;
mod place;
mod rounds;
mod settle;
mod showing;

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use oneloop::{LoopRef, SettableFuture, get_running_loop};

use crate::cli::Rounds;
use crate::colour::Palette;
use crate::demo::Endpoint;
use crate::exit::Ending;
use crate::input::Input;
use crate::output::Destination;
use crate::probe::Prober;
use crate::progress::Progress;
use crate::report::Reporter;
use engine::Engine;

/// What a run is made of.
#[derive(Debug)]
pub(crate) struct Parts {
    pub(crate) input: Input,
    pub(crate) prober: Prober,
    pub(crate) reporter: Reporter,
    pub(crate) destination: Rc<Destination>,
    /// Whether somebody will look at the tasks, so that they need names.
    pub(crate) recorded: bool,
    /// Probes at once, at most.
    pub(crate) parallel: usize,
    /// Probes at once of one host, at most.
    pub(crate) parallel_host: Option<usize>,
    /// From one start to the next, at least.
    pub(crate) gap: Option<Duration>,
    pub(crate) rounds: Rounds,
    /// Time for one probe.
    pub(crate) max_time: Duration,
    /// In the demo, what is known of each URL of the list, in its order.
    pub(crate) announced: Vec<Endpoint>,
    /// Whether a bar may be drawn on stderr.
    pub(crate) show_progress: bool,
    pub(crate) closing: Closing,
}

/// What stands below the results.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Closing {
    /// Whether the summary follows the results, instead of going to stderr; `None` for no summary.
    pub(crate) summary: Option<SummaryPlace>,
    /// What the summary has beside the counts: the table, the histogram.
    pub(crate) table: bool,
    pub(crate) histogram: bool,
    /// How wide the place is.
    pub(crate) columns: usize,
    /// The same, if the summary goes to a terminal.
    pub(crate) wrap: Option<usize>,
}

/// Where the summary goes, and in which colours.
#[derive(Debug, Clone, Copy)]
pub(crate) enum SummaryPlace {
    AfterResults(Palette),
    Stderr(Palette),
}

/// How a run went.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) ending: Ending,
    /// Probes that failed; in the demo, those that did not end as announced; of `--until-ok`, those that never passed.
    pub(crate) failures: u64,
}

/// Probes everything in `parts.input`; returns when every result is written, or nobody wants it any more.
pub(crate) async fn run(parts: Parts) -> oneloop::Result<Run> {
    let event_loop = get_running_loop()?;
    let destination = parts.destination.clone();
    let (closing, show_progress) = (parts.closing, parts.show_progress);
    let (engine, input) = Engine::new(&event_loop, parts);
    stop_on_signals(&event_loop, &engine.stop, &destination)?;
    let begun = event_loop.time();
    let bar = Rc::new(Progress::default());
    let writer = oneloop::create_task(engine.clone().write(destination.clone(), bar.clone()));
    let feeder = oneloop::create_task(engine.clone().feed(input));
    writer.set_name("writer");
    feeder.set_name("feeder");
    let drawing = show_progress.then(|| oneloop::create_task(engine.clone().draw(bar.clone())));

    let mut ending = engine.stop.clone().await?;
    engine.closing.set(true);
    feeder.cancel();
    if let Some(drawing) = drawing {
        drawing.cancel();
    }
    bar.clear();
    let unfinished = engine.in_flight.get() + engine.give_up_waiting();
    engine.output.append(|out| engine.reporter.borrow_mut().end(out));
    if ending != Ending::ClosedOutput {
        let to_stderr = engine.summarize(&closing, begun, &ending, unfinished);
        engine.output.close();
        if let Some(broken) = writer.await? {
            ending = broken;
        }
        engine.errors.say(&to_stderr.unwrap_or_default());
    }
    engine.errors.end().await?;
    match &ending {
        Ending::Complete | Ending::Signal(_) => {
            if let Err(message) = destination.complete() {
                ending = Ending::Broken(message);
            }
        }
        Ending::ClosedOutput | Ending::Broken(_) => destination.abandon(),
    }
    let failures = engine.failures(&ending);
    Ok(Run { ending, failures })
}

/// The first SIGINT or SIGTERM ends the run in good order; the next one ends it at once.
pub(crate) fn stop_on_signals(
    event_loop: &LoopRef,
    stop: &SettableFuture<Ending>,
    destination: &Rc<Destination>,
) -> oneloop::Result<()> {
    const SIGINT: i32 = 2;
    const SIGTERM: i32 = 15;
    let asked = Rc::new(Cell::new(false));
    for signal in [SIGINT, SIGTERM] {
        let (stop, asked, destination) = (stop.clone(), asked.clone(), destination.clone());
        event_loop.add_signal_handler(signal, move || {
            if asked.replace(true) {
                destination.abandon();
                std::process::exit(128 + signal);
            }
            // Where the run has come to its end by itself, that end stands.
            drop(stop.set_result(Ending::Signal(signal)));
        })?;
    }
    Ok(())
}
