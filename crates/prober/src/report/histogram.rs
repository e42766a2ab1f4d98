//! `--stats` and `--histogram`: the spread of the times as a table and as bars.
//!
//! Both show passed probes only: the time of a failure says something else. Neighbours: `stats` has the numbers,
//! `summary` the place.

use std::io::Write;

use oneloop_http::Phase;

use super::stats::{Spread, Stats};
use super::text::put;
use crate::colour::Palette;

/// The columns of the table: a name and a share.
const COLUMNS: [(&str, f64); 6] =
    [("fastest", 0.0), ("median", 0.5), ("90 %", 0.9), ("95 %", 0.95), ("99 %", 0.99), ("slowest", 1.0)];

/// Bars in a histogram.
const BARS: usize = 12;

/// Appends a row a phase, in milliseconds.
pub(super) fn table(out: &mut Vec<u8>, palette: Palette, stats: &Stats) {
    let Some(phases) = stats.phases.as_ref().filter(|phases| phases.total.len() > 0) else {
        return put(out, "no probe passed: there are no times to show\n");
    };
    let Palette { dim, reset, .. } = palette;
    drop(write!(out, "{dim}{:<10}", "ms"));
    for (name, _) in COLUMNS {
        drop(write!(out, "{name:>10}"));
    }
    drop(writeln!(out, "{:>10}{reset}", "mean"));
    let mut row = |name: &str, spread: &Spread| {
        drop(write!(out, "{name:<10}"));
        for (_, share) in COLUMNS {
            drop(write!(out, "{:>10.2}", spread.percentile(share).unwrap_or_default()));
        }
        drop(writeln!(out, "{:>10.2}", spread.mean().unwrap_or_default()));
    };
    for (phase, spread) in Phase::ALL.iter().zip(&phases.phases) {
        row(phase.as_str(), spread);
    }
    row("headers", &phases.headers);
    row("total", &phases.total);
}

/// Appends bars of the total times, of equal steps from the fastest to the slowest.
pub(super) fn draw(out: &mut Vec<u8>, palette: Palette, stats: &Stats, columns: usize) {
    let Some(total) = stats.phases.as_ref().map(|phases| &phases.total).filter(|total| total.len() > 0) else { return };
    let (Some(low), Some(high)) = (total.percentile(0.0), total.percentile(1.0)) else { return };
    let Palette { good, dim, reset, glyphs, .. } = palette;
    let step = ((high - low) / BARS as f64).max(low / 100.0).max(1e-6);
    let last = ((high - low) / step).ceil().max(1.0) as usize;
    let bars: Vec<_> = (0..last.min(BARS))
        .map(|nth| {
            let from = low + step * nth as f64;
            // Buckets have a width: the ends are open, so that every time is in one bar.
            let low = if nth == 0 { 0.0 } else { from };
            let high = if nth + 1 == last.min(BARS) { f64::INFINITY } else { from + step };
            (from, total.between(low, high))
        })
        .collect();
    let most = bars.iter().map(|(_, count)| *count).max().unwrap_or_default().max(1);
    let digits = most.to_string().len().max(5);
    let room = columns.saturating_sub(16 + digits).clamp(10, 60);
    drop(writeln!(out, "{dim}total time of {} probes that passed{reset}", total.len()));
    for (from, count) in bars {
        let length = (count as f64 / most as f64 * room as f64).ceil() as usize;
        let bar = glyphs.bar.repeat(length);
        drop(writeln!(out, "{from:>10.2} ms {count:>digits$} {good}{bar}{reset}"));
    }
}
