//! The engine: a task a probe, as many at once as there is room for, from the first URL to the last result.
//!
//! One feeder (`rounds.rs`) reads the list and starts a task for each URL as soon as there is room: a place among those
//! in flight, an output that is not full, and not too many results that wait for an earlier one. A finished probe gives
//! its place back and tells the feeder. So memory depends on what is in flight, never on the length of the list.
//! Neighbours: `input` before it, `probe` within it, `report` and `output` after it.
//! Invariants: no probe fails because this process ran out of descriptors; a probe that waits is not on the clock.
//! Counterparts: `asyncio.Semaphore` around tasks; `Parallel.ForEachAsync` in .NET.

mod hosts;
mod pace;
mod place;
mod rounds;

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::io::Write;
use std::rc::Rc;
use std::time::{Duration, Instant};

use oneloop::net::{AsyncWriteExt, FdWriter};
use oneloop::{LoopRef, SettableFuture, Task, get_running_loop};
use oneloop_http::Exchange;

use crate::cli::Rounds;
use crate::colour::Palette;
use crate::demo::Endpoint;
use crate::exit::Ending;
use crate::input::{Input, Size};
use crate::job::Job;
use crate::output::{Destination, Output};
use crate::probe::Prober;
use crate::progress::{self, Position, Progress};
use crate::report::summary::Notes;
use crate::report::{Outcome, Reporter, Then};
use crate::target::Target;
use hosts::Hosts;
use pace::{Governor, Rate};
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
    /// Whether the summary follows the results, instead of going to stderr; `None` for no summary.
    pub(crate) summary: Option<SummaryPlace>,
    /// What the summary has beside the counts: the table, the histogram.
    pub(crate) table: bool,
    pub(crate) histogram: bool,
    pub(crate) columns: usize,
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

/// Everything that tasks of a run share.
struct Engine {
    event_loop: LoopRef,
    prober: Prober,
    reporter: RefCell<Reporter>,
    output: Rc<Output>,
    recorded: bool,
    max_time: Duration,
    announced: Vec<Endpoint>,
    /// Of those announced, how many ended otherwise.
    surprises: RefCell<Vec<String>>,
    in_flight: Cell<usize>,
    /// How many may be in flight: `--parallel-max`, less when descriptors ran out.
    capacity: Cell<usize>,
    lowered_to: Cell<Option<usize>>,
    hosts: Option<Hosts>,
    rate: Option<Rate>,
    governor: Governor,
    rounds: Rounds,
    round: Cell<u64>,
    /// How many URLs have been taken from lists, all rounds together: the number of the next start.
    started: Cell<u64>,
    /// When the next start is due: since then it has only waited for the feeder.
    slot: Cell<Instant>,
    /// Probes that are to be started before anything new: repeated ones, those that found no descriptor, those that have
    /// got a place at their host.
    again: RefCell<VecDeque<Job>>,
    /// How many wait for `--retry-delay` to pass.
    delayed: Cell<usize>,
    /// Of this round, those that failed and may pass in another one; only with `--until-ok`.
    failed: RefCell<Vec<Target>>,
    /// Of all rounds, those that can never pass.
    hopeless: Cell<usize>,
    /// Of `--until-ok`, how many have not passed in the end.
    never_passed: Cell<Option<usize>>,
    /// A probe has failed and `--fail-early` was asked for.
    failed_early: Cell<bool>,
    /// The probes in flight; only with `--fail-early`.
    tasks: RefCell<Vec<Task<()>>>,
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
        recorded: parts.recorded,
        max_time: parts.max_time,
        announced: parts.announced,
        surprises: RefCell::default(),
        in_flight: Cell::new(0),
        capacity: Cell::new(parts.parallel),
        lowered_to: Cell::new(None),
        hosts: parts.parallel_host.map(Hosts::new),
        rate: parts.gap.map(Rate::new),
        governor: Governor::default(),
        rounds: parts.rounds,
        round: Cell::new(0),
        started: Cell::new(0),
        slot: Cell::new(event_loop.time()),
        again: RefCell::default(),
        delayed: Cell::new(0),
        failed: RefCell::default(),
        hopeless: Cell::new(0),
        never_passed: Cell::new(None),
        failed_early: Cell::new(false),
        tasks: RefCell::default(),
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
    writer.set_name("writer");
    feeder.set_name("feeder");
    let drawing = parts.show_progress.then(|| oneloop::create_task(engine.clone().draw(bar.clone())));

    let mut ending = stop.clone().await?;
    engine.closing.set(true);
    feeder.cancel();
    if let Some(drawing) = drawing {
        drawing.cancel();
    }
    bar.clear();
    engine.output.append(|out| engine.reporter.borrow_mut().end(out));
    if ending != Ending::ClosedOutput {
        let notes = Notes {
            elapsed: event_loop.time().saturating_duration_since(begun),
            ending: ending.clone(),
            held_back: engine.held_back.get(),
            lowered_to: engine.lowered_to.get(),
            unfinished: engine.in_flight.get() + engine.again.borrow().len() + engine.delayed.get(),
            rounds: engine.round.get() + 1,
            never_passed: engine.never_passed.get(),
            table: parts.table,
            histogram: parts.histogram,
            columns: parts.columns,
        };
        let to_stderr = engine.summarize(parts.summary, &notes);
        engine.output.close();
        if let Some(broken) = writer.await? {
            ending = broken;
        }
        if let Some(text) = to_stderr {
            say(&text).await?;
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
        true => match engine.never_passed.get() {
            Some(left) => left as u64,
            None => engine.reporter.borrow().stats.failures(),
        },
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
    /// May the next URL of the list be started?
    fn has_room(&self) -> bool {
        if self.in_flight.get() >= self.capacity.get() || !self.again.borrow().is_empty() || self.output.is_full() {
            return false;
        }
        !self.hosts.as_ref().is_some_and(Hosts::is_full) && !self.is_window_full()
    }

    /// Do too many finished results wait for an earlier one?
    fn is_window_full(&self) -> bool {
        let waiting = self.reporter.borrow().printed().map_or(0, |printed| self.started.get() - printed);
        waiting > WINDOW.max(self.capacity.get() as u64)
    }

    /// Is there something to be started before anything new, and a place for it?
    fn may_start_again(&self) -> bool {
        !self.again.borrow().is_empty() && self.in_flight.get() < self.capacity.get() && !self.output.is_full()
    }

    /// Has everything of this round its result?
    fn has_ended(&self) -> bool {
        // Who waits for a repetition or for a host is given up with --fail-early.
        let waiting = self.delayed.get() + self.hosts.as_ref().map_or(0, Hosts::waiting);
        let waits = waiting > 0 && !self.failed_early.get();
        self.input_ended.get() && self.in_flight.get() == 0 && self.again.borrow().is_empty() && !waits
    }

    /// Waits until a probe has finished or some output was written.
    async fn wait(&self) -> oneloop::Result<()> {
        if !self.input_ended.get() && self.in_flight.get() < self.capacity.get() && self.is_window_full() {
            self.held_back.set(self.held_back.get() + 1);
        }
        let room = self.event_loop.create_future();
        *self.room.borrow_mut() = Some(room.clone());
        room.await
    }

    /// Tells the feeder if it has something to do.
    fn pump(&self) {
        if self.room.borrow().is_none() {
            return;
        }
        let more = !self.input_ended.get() && self.has_room();
        if (more || self.may_start_again() || self.has_ended() || self.failed_early.get())
            && let Some(room) = self.room.take()
        {
            drop(room.set_result(()));
        }
    }

    fn start(self: &Rc<Engine>, job: Job) {
        self.in_flight.set(self.in_flight.get() + 1);
        let name = self.recorded.then(|| job.target.text.clone());
        let place = Place { engine: self.clone(), job: Some(job), exchange: Exchange::new() };
        let task = oneloop::create_task(place.probe(self.slot.get()));
        if let Some(name) = name {
            task.set_name(&name);
        }
        // Otherwise nobody awaits the task: its result goes to the reporter, its end is told by dropping the place.
        if self.rounds.fail_early {
            let mut tasks = self.tasks.borrow_mut();
            tasks.retain(|task| !task.done());
            tasks.push(task);
        }
    }

    /// To be started again as soon as there is a place.
    fn queue_again(&self, job: Job) {
        let job = match &self.hosts {
            Some(hosts) => hosts.admit(job),
            None => Some(job),
        };
        self.again.borrow_mut().extend(job);
    }

    /// A probe has given back its place at its host.
    fn leave_host(&self, job: &Job) {
        if let Some(hosts) = &self.hosts {
            self.again.borrow_mut().extend(hosts.leave(&job.target));
        }
    }

    /// One attempt has ended: reports it, and sees to what follows from it.
    fn settle(self: &Rc<Engine>, job: Job, outcome: &Outcome) {
        self.compare_with_announced(&job.target, outcome);
        let again = job.attempt <= self.rounds.retry && !self.failed_early.get() && may_pass_next_time(outcome);
        let then = match again {
            true => Then::AnotherAttempt,
            false if job.is_last() => Then::Nothing,
            false => Then::Others,
        };
        self.output.append(|out| self.reporter.borrow_mut().finished(&job, outcome, then, out));
        if again {
            return self.repeat_later(job);
        }
        if outcome.failure.is_none() {
            return;
        }
        if self.rounds.until_ok {
            match job.target.url.is_ok() {
                true => self.failed.borrow_mut().push(job.target),
                false => self.hopeless.set(self.hopeless.get() + 1),
            }
        } else if self.rounds.fail_early && !self.failed_early.replace(true) {
            // Their places are dropped, and what they report ends up here.
            for task in self.tasks.take() {
                // Of one that has ended, nothing is left to be cancelled.
                task.cancel();
            }
            self.pump();
        }
    }

    /// Makes a job of each address that the name of `job` has; `job` becomes the first. Where there is none, `job` stays
    /// as it is, and fails as it would without `--all-addresses`.
    async fn spread(&self, job: &mut Job, limit: Duration) -> oneloop::Result<()> {
        let Ok(url) = job.target.url.clone() else { return Ok(()) };
        let Some(url::Host::Domain(name)) = url.host() else { return Ok(()) };
        let addresses = match oneloop::wait_for(limit, self.prober.resolve(name)).await {
            Ok(addresses) => addresses,
            Err(error) if error.is_cancelled() => return Err(oneloop::Error::Cancelled),
            Err(_) => return Ok(()),
        };
        job.siblings = Some(Rc::new(Cell::new(addresses.len())));
        let others = addresses.iter().skip(1).map(|address| Job { address: Some(*address), ..job.clone() });
        others.for_each(|other| self.queue_again(other));
        job.address = addresses.first().copied();
        Ok(())
    }

    fn repeat_later(self: &Rc<Engine>, mut job: Job) {
        job.attempt += 1;
        self.delayed.set(self.delayed.get() + 1);
        let engine = self.clone();
        // The handle only serves to cancel.
        drop(self.event_loop.call_later(self.rounds.retry_delay, move || {
            engine.delayed.set(engine.delayed.get() - 1);
            engine.queue_again(job);
            engine.pump();
        }));
    }

    fn compare_with_announced(&self, target: &Target, outcome: &Outcome) {
        let Some(endpoint) = self.endpoint(target) else { return };
        let kind = outcome.kind();
        if !endpoint.expected.is_met_by(outcome.status(), kind) {
            let Endpoint { name, does, expected, .. } = endpoint;
            let ended = kind.unwrap_or("no error");
            let surprise = format!("the endpoint '{name}', which {does}, ended with {ended}, not with {expected}");
            self.surprises.borrow_mut().push(surprise);
        }
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

    /// How many results there will be in all, judging by the part of the list that has been read.
    fn expected(&self) -> Option<u64> {
        let (begun, read) = (self.started.get(), self.read.get());
        let round = self.round.get();
        if self.rounds.until_ok || (self.rounds.count.is_none() && round == 0) {
            return None;
        }
        let rounds = self.rounds.count?;
        if round > 0 {
            // All rounds are alike: those before this one tell how long each is.
            return self.input_ended.get().then(|| begun / (round + 1) * rounds);
        }
        if self.input_ended.get() {
            return Some(begun * rounds);
        }
        let share = read.total? as f64 / read.taken.max(1) as f64;
        Some((begun as f64 * share) as u64 * rounds)
    }

    /// Appends the summary to the results, or gives it back for stderr.
    fn summarize(&self, place: Option<SummaryPlace>, notes: &Notes) -> Option<Vec<u8>> {
        let reporter = self.reporter.borrow();
        if reporter.stats.finished() == 0 && !matches!(notes.ending, Ending::Signal(_)) {
            return None;
        }
        match place? {
            SummaryPlace::AfterResults(palette) => {
                self.output.append(|out| reporter.summary(out, palette, notes));
                None
            }
            SummaryPlace::Stderr(palette) => {
                let mut out = Vec::new();
                reporter.summary(&mut out, palette, notes);
                Some(out)
            }
        }
    }
}

/// May another attempt end better? Errors of transport may be gone, and so may 408, 429 and 5xx; a bad certificate, a
/// bad URL or an expectation that was missed is there to stay.
fn may_pass_next_time(outcome: &Outcome) -> bool {
    match outcome.kind() {
        Some("status") => matches!(outcome.status(), Some(408 | 429 | 500..=599)),
        Some(
            "resolve" | "resolve-timeout" | "connect" | "connect-timeout" | "tls-handshake" | "tls-timeout" | "proxy"
            | "send" | "receive" | "local" | "timeout" | "ttfb-timeout" | "empty-reply" | "protocol" | "truncated-body",
        ) => true,
        _ => false,
    }
}

/// Writes to stderr when it can take it: a full pipe must not keep the loop.
async fn say(text: &[u8]) -> oneloop::Result<()> {
    let mut stderr = FdWriter::new(&std::io::stderr())?;
    match stderr.write_all(text).await {
        Err(error) if error.is_cancelled() => Err(error),
        // Nobody is left to be told that stderr is closed.
        _ => Ok(()),
    }
}

/// Says something on stderr. A closed stderr is no reason to stop.
pub(crate) fn warn(message: &str) {
    drop(writeln!(std::io::stderr(), "prober: {message}"));
}
