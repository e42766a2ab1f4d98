//! The engine: a task a probe, as many at once as there is room for, from the first URL to the last result.
//!
//! One feeder reads the list and starts a task for each URL as soon as there is room: a place among those in flight,
//! an output that is not full, and not too many results that wait for an earlier one. A finished probe gives its place
//! back and tells the feeder. So memory depends on what is in flight, never on the length of the list.
//! Neighbours: `input` before it, `probe` within it, `report` and `output` after it.
//! Invariants: no probe fails because this process ran out of descriptors; a probe that waits is not on the clock.
//! Counterparts: `asyncio.Semaphore` around tasks; `Parallel.ForEachAsync` in .NET.

mod place;

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::io::Write;
use std::rc::Rc;
use std::time::Duration;

use oneloop::{LoopRef, SettableFuture, get_running_loop};

use crate::colour::Palette;
use crate::demo::Endpoint;
use crate::exit::Ending;
use crate::input::{Input, InputError, Size};
use crate::output::{Destination, Output};
use crate::probe::Prober;
use crate::progress::{self, Position, Progress};
use crate::report::text::Notes;
use crate::report::{Outcome, Reporter};
use crate::target::Target;
use place::Place;

/// At most so many finished results wait for an earlier one.
const WINDOW: u64 = 10_000;

/// What a run is made of.
#[derive(Debug)]
pub(crate) struct Parts {
    pub(crate) input: Input,
    pub(crate) prober: Prober,
    pub(crate) reporter: Reporter,
    pub(crate) destination: Destination,
    /// Probes at once, at most.
    pub(crate) parallel: usize,
    /// Time for one probe.
    pub(crate) max_time: Duration,
    /// In the demo, what is known of each URL of the list, in its order.
    pub(crate) announced: Vec<Endpoint>,
    /// Whether a bar may be drawn on stderr.
    pub(crate) show_progress: bool,
    /// Whether the summary follows the results, instead of going to stderr; `None` for no summary.
    pub(crate) summary: Option<SummaryPlace>,
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
    /// Probes that failed; in the demo, those that did not end as announced.
    pub(crate) failures: u64,
}

/// Everything that tasks of a run share.
struct Engine {
    event_loop: LoopRef,
    prober: Prober,
    reporter: RefCell<Reporter>,
    output: Rc<Output>,
    max_time: Duration,
    announced: Vec<Endpoint>,
    /// Of those announced, how many ended otherwise.
    surprises: RefCell<Vec<String>>,
    in_flight: Cell<usize>,
    /// How many may be in flight: `--parallel-max`, less when descriptors ran out.
    capacity: Cell<usize>,
    lowered_to: Cell<Option<usize>>,
    /// The index of the URL that is started next.
    next: Cell<u64>,
    /// Probes that found no descriptor, to be started again before anything new.
    again: RefCell<VecDeque<Target>>,
    /// What the feeder waits for, if it does.
    room: RefCell<Option<SettableFuture<()>>>,
    held_back: Cell<u64>,
    /// How far the list has been read.
    read: Cell<Size>,
    input_ended: Cell<bool>,
    /// Set at the end: what is dropped from then on has no result.
    closing: Cell<bool>,
    /// Set once, with the reason to stop.
    stop: SettableFuture<Ending>,
}

/// Probes everything in `parts.input`; returns when every result is written, or nobody wants it any more.
pub(crate) async fn run(parts: Parts) -> oneloop::Result<Run> {
    let event_loop = get_running_loop()?;
    let stop = event_loop.create_future();
    let destination = Rc::new(parts.destination);
    stop_on_signals(&event_loop, &stop, &destination)?;
    let engine = Rc::new(Engine {
        event_loop: event_loop.clone(),
        prober: parts.prober,
        reporter: RefCell::new(parts.reporter),
        output: Rc::default(),
        max_time: parts.max_time,
        announced: parts.announced,
        surprises: RefCell::default(),
        in_flight: Cell::new(0),
        capacity: Cell::new(parts.parallel),
        lowered_to: Cell::new(None),
        next: Cell::new(0),
        again: RefCell::default(),
        room: RefCell::default(),
        held_back: Cell::new(0),
        read: Cell::new(parts.input.size()),
        input_ended: Cell::new(false),
        closing: Cell::new(false),
        stop: stop.clone(),
    });
    let begun = event_loop.time();
    let bar = Rc::new(Progress::default());
    let writer = oneloop::create_task(engine.clone().write(destination.clone(), bar.clone()));
    let feeder = oneloop::create_task(engine.clone().feed(parts.input));
    let drawing = parts.show_progress.then(|| oneloop::create_task(engine.clone().draw(bar.clone())));

    let mut ending = stop.clone().await?;
    engine.closing.set(true);
    feeder.cancel();
    if let Some(drawing) = drawing {
        drawing.cancel();
    }
    bar.clear();
    let elapsed = event_loop.time().saturating_duration_since(begun);
    engine.output.append(|out| engine.reporter.borrow_mut().flush(out));
    if ending != Ending::ClosedOutput {
        engine.summarize(parts.summary, elapsed, &ending);
        engine.output.close();
        if let Some(broken) = writer.await? {
            ending = broken;
        }
    }
    match &ending {
        Ending::Complete | Ending::Signal(_) => {
            if let Err(message) = destination.complete() {
                ending = Ending::Broken(message);
            }
        }
        Ending::ClosedOutput | Ending::Broken(_) => destination.abandon(),
    }
    let failures = match engine.announced.is_empty() {
        true => engine.reporter.borrow().stats.failures(),
        false => engine.judge_demo(&ending),
    };
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

impl Engine {
    /// Reads the list and starts its probes, until all have a result.
    async fn feed(self: Rc<Engine>, mut input: Input) -> oneloop::Result<()> {
        let broken = loop {
            while !self.has_room() {
                self.wait().await?;
            }
            match input.next().await {
                Ok(Some(target)) => {
                    self.read.set(input.size());
                    self.next.set(target.index + 1);
                    self.reporter.borrow_mut().started(&target);
                    self.start(target);
                }
                Ok(None) => break None,
                Err(InputError::Unreadable(message)) => break Some(message),
                Err(InputError::Cancelled) => return Err(oneloop::Error::Cancelled),
            }
        };
        self.input_ended.set(true);
        while self.in_flight.get() > 0 || !self.again.borrow().is_empty() {
            self.wait().await?;
        }
        let ending = match broken {
            Some(message) => Ending::Broken(message),
            None if self.next.get() == 0 => {
                Ending::Broken(format!("there is no URL in {}: nothing was probed", input.empty_lists().join(", ")))
            }
            None => Ending::Complete,
        };
        for name in input.empty_lists().iter().filter(|_| ending == Ending::Complete) {
            warn(&format!("there is no URL in {name}"));
        }
        drop(self.stop.set_result(ending));
        Ok(())
    }

    /// May the next URL of the list be started?
    fn has_room(&self) -> bool {
        if self.in_flight.get() >= self.capacity.get() || !self.again.borrow().is_empty() || self.output.is_full() {
            return false;
        }
        let waiting = self.reporter.borrow().printed().map_or(0, |printed| self.next.get() - printed);
        let window = WINDOW.max(self.capacity.get() as u64);
        waiting <= window
    }

    /// Waits until a probe has finished or some output was written.
    async fn wait(&self) -> oneloop::Result<()> {
        if !self.input_ended.get() && self.in_flight.get() < self.capacity.get() && !self.output.is_full() {
            self.held_back.set(self.held_back.get() + 1);
        }
        let room = self.event_loop.create_future();
        *self.room.borrow_mut() = Some(room.clone());
        room.await
    }

    /// Starts what has to be started again, and tells the feeder if it has something to do.
    fn pump(self: &Rc<Engine>) {
        while self.in_flight.get() < self.capacity.get() && !self.output.is_full() {
            let Some(target) = self.again.borrow_mut().pop_front() else { break };
            self.start(target);
        }
        let ended = self.input_ended.get() && self.in_flight.get() == 0;
        if (ended || self.has_room())
            && let Some(room) = self.room.take()
        {
            drop(room.set_result(()));
        }
    }

    fn start(self: &Rc<Engine>, mut target: Target) {
        // What cannot be probed has its result at once, and needs no place.
        if let Err(failure) = &mut target.url {
            let outcome = Outcome::refused((**failure).clone());
            return self.finish(&target, &outcome);
        }
        self.in_flight.set(self.in_flight.get() + 1);
        let place = Place { engine: self.clone(), target: Some(target) };
        // Nobody awaits the task: its result goes to the reporter, its end is told by dropping the place.
        drop(oneloop::create_task(place.probe(self.event_loop.time())));
    }

    fn finish(&self, target: &Target, outcome: &Outcome) {
        if let Some(endpoint) = self.endpoint(target) {
            let kind = outcome.failure.as_ref().map(|failure| failure.kind);
            if !endpoint.expected.is_met_by(outcome.status(), kind) {
                let Endpoint { name, does, expected, .. } = endpoint;
                let ended = kind.unwrap_or("no error");
                let surprise = format!("the endpoint '{name}', which {does}, ended with {ended}, not with {expected}");
                self.surprises.borrow_mut().push(surprise);
            }
        }
        self.output.append(|out| self.reporter.borrow_mut().finished(target, outcome, out));
    }

    /// What the demo announced of this URL.
    fn endpoint(&self, target: &Target) -> Option<&Endpoint> {
        self.announced.get(usize::try_from(target.index).ok()?)
    }

    /// The time that this URL gets.
    fn limit(&self, target: &Target) -> Duration {
        self.endpoint(target).and_then(|endpoint| endpoint.timeout).unwrap_or(self.max_time)
    }

    /// Says on stderr whether the demo went as announced; gives the number of endpoints that did not.
    fn judge_demo(&self, ending: &Ending) -> u64 {
        let surprises = self.surprises.borrow();
        for surprise in surprises.iter() {
            warn(surprise);
        }
        if surprises.is_empty() && *ending == Ending::Complete {
            warn(&format!(
                "all {} endpoints of the demo behaved as announced, red ones included",
                self.announced.len()
            ));
        }
        surprises.len() as u64
    }

    /// A probe found no descriptor: from now on fewer run at once.
    fn lower_parallelism(&self) {
        let fewer = self.in_flight.get().saturating_sub(1).max(1);
        if fewer >= self.capacity.get() {
            return;
        }
        self.capacity.set(fewer);
        if self.lowered_to.replace(Some(fewer)).is_none() {
            warn("no file descriptors left: running fewer probes at once (see ulimit -n, --parallel-max)");
        }
    }

    /// Writes results until the end. A failure to write is a reason to stop, and what this gives.
    async fn write(
        self: Rc<Engine>,
        destination: Rc<Destination>,
        bar: Rc<Progress>,
    ) -> oneloop::Result<Option<Ending>> {
        let engine = self.clone();
        match self.output.clone().write(destination, bar, move || engine.pump()).await {
            Ok(()) => Ok(None),
            Err(error) if error.is_cancelled() => Err(error),
            Err(error) => {
                let ending = match error.io_kind() {
                    Some(std::io::ErrorKind::BrokenPipe) => Ending::ClosedOutput,
                    _ => Ending::Broken(format!("cannot write the results: {error}")),
                };
                drop(self.stop.set_result(ending.clone()));
                Ok(Some(ending))
            }
        }
    }

    /// Draws the progress bar for as long as the run lasts.
    async fn draw(self: Rc<Engine>, bar: Rc<Progress>) -> oneloop::Result<()> {
        oneloop::sleep(progress::PATIENCE).await?;
        loop {
            let (finished, failed) = {
                let stats = &self.reporter.borrow().stats;
                (stats.finished(), stats.failures())
            };
            bar.draw(Position { finished, failed, in_flight: self.in_flight.get(), expected: self.expected() });
            oneloop::sleep(progress::EVERY).await?;
        }
    }

    /// How many URLs there are in all, judging by the part of the list that has been read.
    fn expected(&self) -> Option<u64> {
        let (begun, read) = (self.next.get(), self.read.get());
        if self.input_ended.get() {
            return Some(begun);
        }
        let share = read.total? as f64 / read.taken.max(1) as f64;
        Some((begun as f64 * share) as u64)
    }

    fn summarize(&self, place: Option<SummaryPlace>, elapsed: Duration, ending: &Ending) {
        let notes = Notes {
            held_back: self.held_back.get(),
            lowered_to: self.lowered_to.get(),
            unfinished: self.in_flight.get() + self.again.borrow().len(),
        };
        let reporter = self.reporter.borrow();
        if reporter.stats.finished() == 0 && !matches!(ending, Ending::Signal(_)) {
            return;
        }
        match place {
            Some(SummaryPlace::AfterResults(palette)) => {
                self.output.append(|out| reporter.summary(out, palette, elapsed, ending, notes));
            }
            Some(SummaryPlace::Stderr(palette)) => {
                let mut out = Vec::new();
                reporter.summary(&mut out, palette, elapsed, ending, notes);
                // Nobody is left to be told that stderr is closed.
                drop(std::io::stderr().write_all(&out));
            }
            None => {}
        }
    }
}

/// Says something on stderr. A closed stderr is no reason to stop.
pub(crate) fn warn(message: &str) {
    drop(writeln!(std::io::stderr(), "prober: {message}"));
}
