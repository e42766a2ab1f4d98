//! From outcomes to lines: rendering, order, and the totals.
//!
//! Text keeps the order of the list, so a result may have to wait for an earlier one. It waits as the finished line,
//! which is far smaller than what it was made from, and `run` starts nothing new while too many wait. JSON lines go
//! out as they come.
//! Neighbours: `run` hands in each [`Outcome`]; `output` takes the bytes; `text` and `jsonl` render.

pub(crate) mod certificate;
pub(crate) mod jsonl;
pub(crate) mod stats;
pub(crate) mod text;

use std::collections::VecDeque;
use std::time::{Duration, SystemTime};

use oneloop_http::{Hop, Phase};

use crate::cli::{Format, Settings};
use crate::colour::Palette;
use crate::target::{Failure, Target};
use stats::Stats;

/// What became of one probe.
#[derive(Debug)]
pub(crate) struct Outcome {
    /// Why it failed; `None` when it passed.
    pub(crate) failure: Option<Failure>,
    /// Each request made: one, and one more for each redirect followed; none when the URL was refused.
    pub(crate) hops: Vec<Hop>,
    /// When it started by the calendar; only when the format shows it.
    pub(crate) started_at: Option<SystemTime>,
    /// From when it was due to its start.
    pub(crate) queue: Duration,
    /// An upper bound on the time for which the prober itself kept it waiting.
    pub(crate) lag: Duration,
}

impl Outcome {
    /// An outcome without a single request.
    pub(crate) fn refused(failure: Failure) -> Outcome {
        Outcome {
            failure: Some(failure),
            hops: Vec::new(),
            started_at: None,
            queue: Duration::ZERO,
            lag: Duration::ZERO,
        }
    }

    /// The final status, if a response head arrived in the last hop.
    pub(crate) fn status(&self) -> Option<u16> {
        self.hops.last()?.status().map(|status| status.as_u16())
    }

    /// From the start to the end of the last response's head.
    pub(crate) fn headers(&self) -> Option<Duration> {
        let (last, before) = self.hops.split_last()?;
        Some(before.iter().map(|hop| hop.clock.total()).sum::<Duration>() + last.clock.headers()?)
    }

    /// From the start to the end.
    pub(crate) fn total(&self) -> Duration {
        self.hops.iter().map(|hop| hop.clock.total()).sum()
    }

    /// The time in `phase` over all hops, if any of them reached it.
    pub(crate) fn phase(&self, phase: Phase) -> Option<Duration> {
        self.hops.iter().filter_map(|hop| hop.clock.phase(phase)).reduce(|sum, length| sum + length)
    }

    /// May more than 5 % of the total be the prober's own doing?
    pub(crate) fn lagged(&self) -> bool {
        !self.hops.is_empty() && self.lag * 20 > self.total()
    }
}

/// Renders, orders and counts.
#[derive(Debug)]
pub(crate) struct Reporter {
    format: Renderer,
    quiet: bool,
    order: Order,
    pub(crate) stats: Stats,
    scratch: Vec<u8>,
}

#[derive(Debug)]
enum Renderer {
    Text(text::Text),
    Jsonl(jsonl::Jsonl),
}

impl Reporter {
    /// A reporter for these settings, colouring its lines with `palette`.
    pub(crate) fn new(settings: &Settings, palette: Palette) -> Reporter {
        let format = match settings.format {
            Format::Text => Renderer::Text(text::Text::new(settings, palette)),
            Format::Jsonl => Renderer::Jsonl(jsonl::Jsonl::new(settings)),
        };
        Reporter { format, quiet: settings.quiet, order: Order::default(), stats: Stats::new(), scratch: Vec::new() }
    }

    /// A probe is about to start: its URL counts for the width of the column.
    pub(crate) fn started(&mut self, target: &Target) {
        if let Renderer::Text(text) = &mut self.format {
            text.widen(&target.text);
        }
    }

    /// Takes a result; appends to `out` what may be printed now.
    pub(crate) fn finished(&mut self, target: &Target, outcome: &Outcome, out: &mut Vec<u8>) {
        match &outcome.failure {
            None => {
                self.stats.passed += 1;
                self.stats.time(outcome.headers().unwrap_or_default(), &target.text);
            }
            Some(failure) => *self.stats.failed.entry(failure.kind).or_default() += 1,
        }
        if outcome.lagged() {
            self.stats.lagged += 1;
            self.stats.worst_lag = self.stats.worst_lag.max(outcome.lag);
        }
        let shown = !self.quiet || outcome.failure.is_some();
        match &mut self.format {
            Renderer::Jsonl(jsonl) if shown => jsonl.line(out, target, outcome),
            Renderer::Jsonl(_) => {}
            Renderer::Text(text) => {
                if self.order.is_next(target.index) {
                    if shown {
                        text.line(out, target, outcome);
                    }
                    self.order.release(out);
                } else {
                    self.scratch.clear();
                    if shown {
                        text.line(&mut self.scratch, target, outcome);
                    }
                    self.order.keep(target.index, self.scratch.as_slice().into());
                }
            }
        }
    }

    /// How many URLs from the beginning of the list have been printed; `None` where order does not matter.
    pub(crate) fn printed(&self) -> Option<u64> {
        match self.format {
            Renderer::Text(_) => Some(self.order.next),
            Renderer::Jsonl(_) => None,
        }
    }

    /// Appends everything that still waits for an earlier result: the end has come before that result.
    pub(crate) fn flush(&mut self, out: &mut Vec<u8>) {
        self.order.flush(out);
    }
}

/// Finished lines that wait for an earlier one.
#[derive(Debug, Default)]
struct Order {
    /// The index whose line is printed next.
    next: u64,
    /// The line of index `next + 1 + position`, where it is finished. An empty line is a finished one, too.
    waiting: VecDeque<Option<Box<[u8]>>>,
}

impl Order {
    fn is_next(&self, index: u64) -> bool {
        index == self.next
    }

    /// The line of `next` has been printed: prints those that waited for it.
    fn release(&mut self, out: &mut Vec<u8>) {
        self.next += 1;
        while let Some(slot) = self.waiting.pop_front() {
            match slot {
                Some(line) => out.extend_from_slice(&line),
                None => return,
            }
            self.next += 1;
        }
    }

    fn keep(&mut self, index: u64, line: Box<[u8]>) {
        let at = usize::try_from(index.saturating_sub(self.next + 1)).unwrap_or(usize::MAX);
        if at >= self.waiting.len() {
            self.waiting.resize(at + 1, None);
        }
        if let Some(slot) = self.waiting.get_mut(at) {
            *slot = Some(line);
        }
    }

    fn flush(&mut self, out: &mut Vec<u8>) {
        for line in self.waiting.drain(..).flatten() {
            out.extend_from_slice(&line);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn feed(order: &mut Order, out: &mut Vec<u8>, index: u64) {
        let line = format!("{index} ");
        if order.is_next(index) {
            out.extend_from_slice(line.as_bytes());
            order.release(out);
        } else {
            order.keep(index, line.into_bytes().into());
        }
    }

    #[test]
    fn lines_come_in_order_and_as_soon_as_they_can() {
        let (mut order, mut out) = (Order::default(), Vec::new());
        for index in [2, 1, 5] {
            feed(&mut order, &mut out, index);
        }
        assert_eq!(out, b"");
        feed(&mut order, &mut out, 0);
        assert_eq!(out, b"0 1 2 ");
        for index in [6, 3] {
            feed(&mut order, &mut out, index);
        }
        assert_eq!(out, b"0 1 2 3 ");
        feed(&mut order, &mut out, 4);
        assert_eq!(out, b"0 1 2 3 4 5 6 ");
        assert_eq!((order.next, order.waiting.len()), (7, 0));
    }

    #[test]
    fn at_the_end_what_waits_is_printed_though_something_is_missing() {
        let (mut order, mut out) = (Order::default(), Vec::new());
        for index in [3, 0, 5] {
            feed(&mut order, &mut out, index);
        }
        order.flush(&mut out);
        assert_eq!(out, b"0 3 5 ");
    }
}
