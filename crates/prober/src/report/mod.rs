//! From outcomes to what is printed: rendering, order, and the totals.
//!
//! Each format is a [`Render`]. What is printed a result at a time keeps the order of the list, so a result may have to
//! wait for an earlier one: it waits as the finished text, which is far smaller than what it was made from, and `run`
//! starts nothing new while too many wait. JSON lines go out as they come. Formats that show all results together
//! (waterfall, prom, junit) keep the little of each that they need and print at the end of the round or the run.
//! Neighbours: `run` hands in each [`Outcome`]; `output` takes the bytes.
//! Invariant: whatever is appended has passed through [`Secrets::hide`](crate::escape::Secrets::hide).

pub(crate) mod certificate;
mod csv;
mod har;
mod histogram;
pub(crate) mod jsonl;
mod junit;
mod order;
pub(crate) mod prom;
pub(crate) mod stats;
pub(crate) mod summary;
pub(crate) mod text;
mod waterfall;
mod wrap;
pub(crate) mod write_out;

use std::rc::Rc;
use std::time::{Duration, SystemTime};

use oneloop_http::{ErrorKind, Hop, Phase};

use crate::cli::{Format, Settings};
use crate::colour::Palette;
use crate::escape::Secrets;
use crate::job::{Failed, Job};
use crate::target::{Failure, Target};
use order::Order;
use stats::Stats;

/// A lag that marks a result has at least this length, that of a long turn (`run/pace.rs`). Servers on the same machine
/// answer in less than a millisecond, of which a twentieth is no more than a few system calls.
pub(crate) const NOTABLE: Duration = Duration::from_millis(1);

/// What became of one attempt.
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
    /// SHA-256 of the last body, in hexadecimal, where it was asked for.
    pub(crate) body_sha256: Option<String>,
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
            body_sha256: None,
        }
    }

    /// The last hop that had a response. It is not the last one where a redirect leads to what does not answer.
    pub(crate) fn answered(&self) -> Option<&Hop> {
        self.hops.iter().rfind(|hop| hop.status().is_some())
    }

    /// The status of the last response that there was; for what judges, there is [`status`](Outcome::status).
    pub(crate) fn last_status(&self) -> Option<u16> {
        self.answered()?.status().map(|status| status.as_u16())
    }

    /// The final status, if a response head arrived in the last hop.
    pub(crate) fn status(&self) -> Option<u16> {
        self.hops.last()?.status().map(|status| status.as_u16())
    }

    /// The kind of its failure.
    pub(crate) fn kind(&self) -> Option<ErrorKind> {
        self.failure.as_ref().map(|failure| failure.kind)
    }

    /// What is counted of its failure.
    pub(crate) fn failed(&self) -> Option<Failed> {
        Some(Failed { kind: self.kind()?, lagged: self.lagged().then_some(self.lag) })
    }

    /// From the start to the end of the last response's head.
    pub(crate) fn headers(&self) -> Option<Duration> {
        Hop::headers_of(&self.hops)
    }

    /// From the start to the end.
    pub(crate) fn total(&self) -> Duration {
        Hop::total_of(&self.hops)
    }

    /// The time in `phase` over all hops, if any of them reached it.
    pub(crate) fn phase(&self, phase: Phase) -> Option<Duration> {
        Hop::phase_of(&self.hops, phase)
    }

    /// May more than 5 % of the total be the prober's own doing, and so much of it that a person who compares servers
    /// would take it for theirs?
    pub(crate) fn lagged(&self) -> bool {
        !self.hops.is_empty() && self.lag >= NOTABLE && self.lag * 20 > self.total()
    }
}

/// What follows a result, of the same start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Then {
    Nothing,
    AnotherAttempt,
    /// The results of other addresses.
    Others,
}

/// A format.
pub(crate) trait Render: std::fmt::Debug {
    /// A probe is about to start: its URL may count for the width of a column.
    fn started(&mut self, _: &Target) {}

    /// Before the first result.
    fn begin(&mut self, _: &mut Vec<u8>) {}

    /// One result: appended, or noted for later.
    fn result(&mut self, out: &mut Vec<u8>, job: &Job, outcome: &Outcome);

    /// What follows the result that was last, be it shown or not: for formats that tell apart what judges and what was
    /// repeated.
    fn followed(&mut self, _: &Job, _: Then) {}

    /// The attempt before this one is the last after all: the run ends before this one has begun.
    fn not_repeated(&mut self, _: &Job) {}

    /// All results of a round are there.
    fn round_ended(&mut self, _: &mut Vec<u8>) {}

    /// After the last result, also of a run that was stopped.
    fn end(&mut self, _: &mut Vec<u8>) {}

    /// What of the results goes to stderr, for formats that send something there.
    fn errors(&mut self) -> Option<&mut Vec<u8>> {
        None
    }
}

/// Renders, orders and counts.
#[derive(Debug)]
pub(crate) struct Reporter {
    format: Box<dyn Render>,
    /// `None` where results are not held back for the sake of order.
    order: Option<Order>,
    quiet: bool,
    /// Whether results bear a `~` where the prober was slow.
    marks: bool,
    pub(crate) stats: Stats,
    secrets: Rc<Secrets>,
    begun: bool,
    scratch: Vec<u8>,
}

impl Reporter {
    /// A reporter for these settings, colouring with `palette` on `columns` columns.
    /// `wrap` is how wide the terminal is that the results go to, if it is one.
    pub(crate) fn new(
        settings: &Settings,
        palette: Palette,
        columns: usize,
        wrap: Option<usize>,
        secrets: Rc<Secrets>,
    ) -> Reporter {
        let marks = settings.write_out.is_none() && settings.format == Format::Text;
        let json = || jsonl::Json::new(&settings.spec.method);
        let (format, separator): (Box<dyn Render>, Option<&'static str>) = match (&settings.write_out, settings.format)
        {
            (Some(template), _) => (Box::new(write_out::WriteOut::new(template.clone(), settings)), Some("")),
            (None, Format::Text) => (Box::new(text::Text::new(settings, palette, wrap, secrets.clone())), Some("")),
            (None, Format::Jsonl) => (Box::new(jsonl::Lines(json())), None),
            (None, Format::Json) => (Box::new(jsonl::Array(json())), Some(",\n")),
            (None, Format::Csv) => (Box::new(csv::Csv), Some("")),
            (None, Format::Har) => (Box::new(har::Har::new(&settings.spec)), Some(",\n")),
            (None, Format::Prom) => (Box::<prom::Prom>::default(), None),
            (None, Format::Junit) => (Box::new(junit::Junit::new(settings.rounds.until_ok)), None),
            (None, Format::Waterfall) => {
                (Box::new(waterfall::Waterfall::new(palette, columns, wrap, secrets.clone())), None)
            }
        };
        Reporter {
            format,
            order: separator.map(Order::new),
            quiet: settings.quiet,
            marks,
            stats: Stats::new(settings.stats || settings.histogram),
            secrets,
            begun: false,
            scratch: Vec::new(),
        }
    }

    /// A probe is about to start.
    pub(crate) fn started(&mut self, target: &Target) {
        self.format.started(target);
    }

    /// Takes a result; appends to `out` what may be printed now. `then` says what follows.
    pub(crate) fn finished(&mut self, job: &Job, outcome: &Outcome, then: Then, out: &mut Vec<u8>) {
        self.stats.count(&job.target, outcome, then != Then::AnotherAttempt);
        let is_last = then == Then::Nothing;
        let from = out.len();
        self.begin(out);
        let shown = !self.quiet || outcome.failure.is_some();
        let own_secrets = Secrets::new(job.target.own_secrets());
        match &mut self.order {
            None if shown => self.format.result(out, job, outcome),
            None => {}
            Some(order) if order.is_next(job.seq) => {
                if shown {
                    order.separate(out);
                    self.format.result(out, job, outcome);
                }
                if is_last {
                    order.release(out);
                }
            }
            Some(order) => {
                self.scratch.clear();
                if shown {
                    self.format.result(&mut self.scratch, job, outcome);
                }
                self.secrets.hide(&mut self.scratch, 0);
                own_secrets.hide(&mut self.scratch, 0);
                order.keep(job.seq, &self.scratch, is_last);
            }
        }
        self.format.followed(job, then);
        self.secrets.hide(out, from);
        own_secrets.hide(out, from);
        if let Some(errors) = self.format.errors() {
            self.secrets.hide(errors, 0);
            own_secrets.hide(errors, 0);
        }
    }

    /// The run ends before this attempt has begun: the one before it judges. False if there was none.
    pub(crate) fn not_repeated(&mut self, job: &Job) -> bool {
        let Some(failed) = job.before else { return false };
        self.stats.not_repeated(failed);
        self.format.not_repeated(job);
        true
    }

    /// What the results so far have for stderr; nothing but the run writes there, since it can wait.
    pub(crate) fn take_errors(&mut self) -> Vec<u8> {
        self.format.errors().map(std::mem::take).unwrap_or_default()
    }

    /// Whether so much waits for an earlier result that nothing new is to be started, of which so many are already.
    pub(crate) fn holds_back(&self, started: u64, capacity: usize) -> bool {
        self.order.as_ref().is_some_and(|order| order.holds_back(started, capacity))
    }

    /// Every URL of a round has its result.
    pub(crate) fn round_ended(&mut self, out: &mut Vec<u8>) {
        let from = out.len();
        self.format.round_ended(out);
        self.secrets.hide(out, from);
    }

    /// Appends everything that still waits for an earlier result, and what closes the format: the end has come.
    pub(crate) fn end(&mut self, out: &mut Vec<u8>) {
        let from = out.len();
        self.begin(out);
        if let Some(order) = &mut self.order {
            order.flush(out);
        }
        self.format.end(out);
        self.secrets.hide(out, from);
    }

    fn begin(&mut self, out: &mut Vec<u8>) {
        if !std::mem::replace(&mut self.begun, true) {
            self.format.begin(out);
        }
    }
}
