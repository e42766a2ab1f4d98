//! What a run shows while it runs and when it ends: results, the bar, the summary.
//!
//! Neighbours: `report` renders, `output` buffers and writes, `progress` draws. Invariant: whoever reads slowly, or has
//! gone, never keeps the loop: what cannot be written is waited for, or is a reason to stop.

use std::rc::Rc;
use std::time::Instant;

use super::engine::Engine;
use super::{Closing, SummaryPlace};
use crate::exit::Ending;
use crate::output::Destination;
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
    pub(super) fn summarize(
        &self,
        closing: &Closing,
        begun: Instant,
        ending: &Ending,
        unfinished: usize,
    ) -> Option<Vec<u8>> {
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
            unfinished,
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
