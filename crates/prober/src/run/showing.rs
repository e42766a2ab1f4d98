//! What a run shows while it runs and when it ends: results, the bar, the summary.
//!
//! Neighbours: `report` renders, `output` buffers and writes, `progress` draws. Invariant: whoever reads slowly, or has
//! gone, never keeps the loop: what cannot be written is waited for, or is a reason to stop.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Instant;

use oneloop::Task;
use oneloop::net::{AsyncWriteExt, FdWriter};

use super::engine::Engine;
use super::place::ASK_AGAIN;
use super::{Closing, SummaryPlace};
use crate::exit::Ending;
use crate::output::{Destination, Output};
use crate::progress::{self, Position, Progress};
use crate::report::summary::Notes;

impl Engine {
    /// Writes results until the end. A failure to write is a reason to stop, and what this gives.
    pub(super) async fn write(
        self: Rc<Engine>,
        destination: Rc<Destination>,
        bar: Rc<Progress>,
    ) -> oneloop::Result<Option<Ending>> {
        let engine = self.clone();
        let bar = destination.is_terminal.then_some(bar);
        let written = match destination.writer() {
            Ok(writer) => self.output.clone().write(writer, bar, move || engine.pump()).await,
            Err(error) => Err(error),
        };
        match written {
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

    /// Says something on stderr beside the run, for which nothing waits but the start of more probes.
    pub(super) fn say_later(self: &Rc<Engine>, text: &[u8]) {
        if text.is_empty() || self.errors.has_ended() {
            return;
        }
        self.errors.output.append(|out| out.extend_from_slice(text));
        let mut writer = self.errors.writer.borrow_mut();
        // Made with the first of it: most runs have nothing to say there.
        writer.get_or_insert_with(|| {
            let task = oneloop::create_task(self.clone().write_errors());
            task.set_name("stderr writer");
            task
        });
    }

    /// Says so, as [`warn`](super::warn) does where nothing else is going on.
    pub(super) fn warn_later(self: &Rc<Engine>, message: &str) {
        self.say_later(format!("prober: {message}\n").as_bytes());
    }

    /// Writes what is said on stderr, until the end or until nobody reads it any more.
    async fn write_errors(self: Rc<Engine>) -> oneloop::Result<()> {
        let writer = loop {
            match FdWriter::new(&std::io::stderr()) {
                Ok(writer) => break writer,
                Err(_) if self.closing.get() => return Ok(()),
                // The news may be that there are no descriptors left, and this takes one.
                Err(_) => oneloop::sleep(ASK_AGAIN).await?,
            }
        };
        let engine = self.clone();
        match self.errors.output.clone().write(writer, None, move || engine.pump()).await {
            Err(error) if error.is_cancelled() => return Err(error),
            // Nobody is left to be told that stderr is closed.
            _ => self.errors.ended.set(true),
        }
        self.pump();
        Ok(())
    }

    /// Waits until everything that was said on stderr is there.
    pub(super) async fn end_errors(&self) -> oneloop::Result<()> {
        self.errors.output.close();
        match self.errors.writer.take() {
            Some(writer) => writer.await,
            None => Ok(()),
        }
    }

    /// Draws the progress bar for as long as the run lasts.
    pub(super) async fn draw(self: Rc<Engine>, bar: Rc<Progress>) -> oneloop::Result<()> {
        oneloop::sleep(progress::PATIENCE).await?;
        loop {
            let (finished, failed) = {
                let stats = &self.reporter.borrow().stats;
                (stats.finished(), stats.failures())
            };
            let position = Position { finished, failed, in_flight: self.in_flight.get(), expected: self.expected() };
            bar.draw(position, self.event_loop.time());
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
    pub(super) fn summarize(&self, closing: &Closing, begun: Instant, ending: &Ending) -> Option<Vec<u8>> {
        let reporter = self.reporter.borrow();
        if reporter.stats.finished() == 0 && !matches!(ending, Ending::Signal(_)) {
            return None;
        }
        let notes = Notes {
            elapsed: self.event_loop.time().saturating_duration_since(begun),
            ending: ending.clone(),
            is_demo: !self.announced.is_empty(),
            held_back: self.held_back.get(),
            lowered_to: self.lowered_to.get(),
            unfinished: self.in_flight.get() + self.again.borrow().len() + self.delayed.get(),
            all_begun: self.input_ended.get() || self.round.get() > 0,
            rounds: self.round.get() + 1,
            never_passed: self.never_passed.get(),
            table: closing.table,
            histogram: closing.histogram,
            columns: closing.columns,
            wrap: closing.wrap,
        };
        match closing.summary? {
            SummaryPlace::AfterResults(palette) => {
                self.output.append(|out| reporter.summary(out, palette, &notes));
                None
            }
            SummaryPlace::Stderr(palette) => {
                let mut out = Vec::new();
                reporter.summary(&mut out, palette, &notes);
                Some(out)
            }
        }
    }
}

/// What is said on stderr while probes are in flight.
#[derive(Debug, Default)]
pub(super) struct Errors {
    output: Rc<Output>,
    writer: RefCell<Option<Task<()>>>,
    /// Set when nobody reads it any more.
    ended: Cell<bool>,
}

impl Errors {
    /// Should nothing new be started until some of it is written?
    pub(super) fn is_full(&self) -> bool {
        self.output.is_full() && !self.has_ended()
    }

    fn has_ended(&self) -> bool {
        self.ended.get()
    }
}

/// As [`say`], in a task of its own: for those who cannot wait.
pub(crate) fn tell(message: &str) {
    let text = format!("prober: {message}\n");
    // What becomes of it is nobody's concern.
    drop(oneloop::create_task(async move { say(text.as_bytes()).await }));
}

/// Writes to stderr when it can take it: a full pipe must not keep the loop.
pub(crate) async fn say(text: &[u8]) -> oneloop::Result<()> {
    let mut stderr = FdWriter::new(&std::io::stderr())?;
    match stderr.write_all(text).await {
        Err(error) if error.is_cancelled() => Err(error),
        // Nobody is left to be told that stderr is closed.
        _ => Ok(()),
    }
}
