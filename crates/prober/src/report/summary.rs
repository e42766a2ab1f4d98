//! What stands below the results: counts, times, and what the run has to say of itself.
//!
//! Neighbours: `stats` has the numbers, `histogram` draws them, `run` says where the summary goes and what it met.

use std::io::Write;
use std::time::Duration;

use super::text::put;
use super::{Reporter, Stats, histogram, wrap};
use crate::colour::Palette;
use crate::escape;
use crate::exit::Ending;

/// What the summary is about, beside the results.
#[derive(Debug)]
pub(crate) struct Notes {
    pub(crate) elapsed: Duration,
    pub(crate) ending: Ending,
    /// Whether the built-in site was probed.
    pub(crate) is_demo: bool,
    /// How often starting was held up because too many results waited for an earlier one.
    pub(crate) held_back: u64,
    /// The parallelism in the end, where it had to be lowered for want of file descriptors.
    pub(crate) lowered_to: Option<usize>,
    /// Probes that were under way when the run was stopped.
    pub(crate) unfinished: usize,
    /// Whether every URL of the list was begun, or the list is probed in rounds.
    pub(crate) all_begun: bool,
    /// Rounds that were begun.
    pub(crate) rounds: u64,
    /// Of `--until-ok`, URLs that have not passed.
    pub(crate) never_passed: Option<usize>,
    /// Print the table of percentiles.
    pub(crate) table: bool,
    /// Draw the histogram.
    pub(crate) histogram: bool,
    /// How wide the place is.
    pub(crate) columns: usize,
    /// The same, if it is a terminal.
    pub(crate) wrap: Option<usize>,
}

impl Reporter {
    /// Appends the totals of the run.
    pub(crate) fn summary(&self, out: &mut Vec<u8>, palette: Palette, notes: &Notes) {
        let from = out.len();
        let Palette { warn, reset, .. } = palette;
        let stats = &self.stats;
        put(out, "\n");
        put_line(out, &counts(stats, palette, notes), notes);
        if let Some(line) = times(stats, palette) {
            put_line(out, &line, notes);
        }
        if notes.table {
            histogram::table(out, palette, stats);
        }
        if notes.histogram {
            histogram::draw(out, palette, stats, notes.columns);
        }
        let mut note = |text: String| {
            drop(write!(out, "{warn}note:{reset} "));
            wrap::sentence(out, &text, "note: ".len(), "note: ".len(), notes.wrap);
            put(out, "\n");
        };
        self.own_share(notes, &mut note);
        if notes.held_back > 0 {
            let which = "while 10,000 finished results, or 16 MiB of them, waited for an earlier one";
            note(format!("starting paused {which} (--format jsonl does not wait)"));
        }
        if let Some(lowered) = notes.lowered_to {
            note(format!("file descriptors ran out: at most {lowered} probes ran at once in the end"));
        }
        if let Some(left) = notes.never_passed.filter(|left| *left > 0) {
            note(format!("{left} never passed"));
        }
        if let Ending::Signal(_) = notes.ending {
            let probes =
                if notes.unfinished == 1 { "1 probe was" } else { &format!("{} probes were", notes.unfinished) };
            let left = if notes.all_begun { "" } else { ", and what was left of the list was not begun" };
            note(format!("interrupted: {probes} under way{left}"));
        }
        self.secrets.hide(out, from);
    }

    /// Says how much of the times may be the prober's own, where that is worth a word.
    fn own_share(&self, notes: &Notes, note: &mut impl FnMut(String)) {
        let (stats, count) = (&self.stats, self.stats.finished());
        let marked = match self.marks {
            true => format!("~ marks {} of {count} results", stats.lagged),
            false => format!("in {} of {count} results", stats.lagged),
        };
        let worst = stats.worst_lag.as_secs_f64() * 1e3;
        if notes.is_demo {
            if stats.lagged > 0 {
                note(format!(
                    "{marked}: the demo's servers run on the prober's own thread, so their work (up to {worst:.0} ms at the \
                     start, when all handshakes come at once) is part of these times; other servers' is not"
                ));
            }
            return;
        }
        // A probe alone waits for nothing of ours but the machine, and is its own median.
        let advice = if count > 1 { "fewer at once measure better (--parallel-max)" } else { "the machine is busy" };
        let of_median = stats
            .untrustworthy()
            .filter(|_| count > 1)
            .map(|(lag, median)| format!("{lag:.2} ms of the median of {median:.2} ms"));
        match (stats.lagged > 0, of_median) {
            (true, of_median) => {
                let of_median = of_median.map(|text| format!(", and {text}")).unwrap_or_default();
                note(format!(
                    "{marked}: more than 5 % of the time, at worst {worst:.1} ms{of_median}, may be the prober's own and \
                     not the server's; {advice}"
                ));
            }
            (false, Some(of_median)) => {
                note(format!("{of_median} may be the prober's own and not the server's; {advice}"))
            }
            (false, None) => {}
        }
    }
}

/// How many were probed, how many of them passed and failed of what, and how long it took.
fn counts(stats: &Stats, palette: Palette, notes: &Notes) -> Vec<u8> {
    let Palette { good, bad, reset, .. } = palette;
    let mut line = Vec::new();
    drop(write!(line, "{} probed", stats.finished()));
    if notes.rounds > 1 {
        drop(write!(line, " in {} rounds", notes.rounds));
    }
    drop(write!(line, ": {}{} ok{reset}", if stats.passed > 0 { good } else { "" }, stats.passed));
    if stats.failures() > 0 {
        let kinds = stats.failed.iter().map(|(kind, count)| format!("{count}\u{a0}{kind}")).collect::<Vec<_>>();
        drop(write!(line, ", {bad}{} failed{reset} ({})", stats.failures(), kinds.join(", ")));
    }
    if stats.repeated > 0 {
        drop(write!(line, ", {} repeated after a failure", stats.repeated));
    }
    drop(write!(line, ", in\u{a0}{:.2}\u{a0}s", notes.elapsed.as_secs_f64()));
    line
}

/// How the times to the headers are spread, where more than one probe has passed.
fn times(stats: &Stats, palette: Palette) -> Option<Vec<u8>> {
    let Palette { dim, reset, .. } = palette;
    let ([fastest, median, late, _], slow) = (stats.headers()?, stats.slowest.as_ref()?);
    if stats.passed <= 1 {
        return None;
    }
    // The percentiles are off by up to a per cent; this one is known exactly, and stands in a result's line.
    let slowest = slow.headers.as_secs_f64() * 1e3;
    let mut line = dim.as_bytes().to_vec();
    drop(write!(
        line,
        "to the headers: fastest {fastest:.2}\u{a0}ms, median {median:.2}\u{a0}ms, 95\u{a0}% within {late:.2}\u{a0}ms, \
         slowest {slowest:.2}\u{a0}ms ("
    ));
    escape::terminal(&mut line, &slow.url);
    if let Some((phase, length)) = slow.phase {
        drop(write!(line, ": {}\u{a0}{:.2}\u{a0}ms", phase.as_str(), length.as_secs_f64() * 1e3));
    }
    drop(write!(line, "){reset}"));
    Some(line)
}

/// Appends a line, which on a terminal goes on below where it is too long, but not between a number and what it counts:
/// there stands a blank that does not break, which becomes one that does.
fn put_line(out: &mut Vec<u8>, line: &[u8], notes: &Notes) {
    let mut broken = Vec::new();
    wrap::sentence(&mut broken, &String::from_utf8_lossy(line), 0, 0, notes.wrap);
    put(out, &String::from_utf8_lossy(&broken).replace('\u{a0}', " "));
    put(out, "\n");
}
