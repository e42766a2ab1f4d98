//! Results to look at: bars of phases, all on one axis; for a single URL, a staircase with its times.
//!
//! Each bar begins where its probe began, so that phases can be compared from line to line. The axis ends with the
//! slowest. Everything fits the width of the terminal; the signs of the phases differ, so colour adds but says nothing
//! alone. Neighbours: `colour` has signs and colours. Counterparts: a browser's network panel, and httpstat.

use std::io::Write;
use std::rc::Rc;
use std::time::Duration;

use oneloop_http::Phase;

use super::text::{milliseconds, put};
use super::{Outcome, Render, wrap};
use crate::colour::Palette;
use crate::escape::{self, Secrets};
use crate::job::Job;

/// More rows than this are not drawn: nobody looks at them, and they would have to be kept until the end.
const MOST: usize = 10_000;

/// The renderer of `--format waterfall`.
#[derive(Debug)]
pub(super) struct Waterfall {
    palette: Palette,
    columns: usize,
    wrap: Option<usize>,
    /// Hidden before anything is broken or cut: half a secret is none that the reporter would know.
    secrets: Rc<Secrets>,
    rows: Vec<Row>,
    left_out: u64,
}

/// What a bar needs to know.
#[derive(Debug)]
struct Row {
    order: (u64, u32),
    url: Box<str>,
    status: Option<u16>,
    phases: [Option<Duration>; 6],
    total: Duration,
    failure: Option<(&'static str, Box<str>)>,
    hops: usize,
}

impl Waterfall {
    /// `columns` is how wide the place is, `wrap` the same if it is a terminal.
    pub(super) fn new(palette: Palette, columns: usize, wrap: Option<usize>, secrets: Rc<Secrets>) -> Waterfall {
        Waterfall { palette, columns, wrap, secrets, rows: Vec::new(), left_out: 0 }
    }

    fn bars(&self, out: &mut Vec<u8>) {
        let Palette { good, bad, dim, reset, phases, glyphs, .. } = self.palette;
        let longest = self.rows.iter().map(|row| row.url.chars().count()).max().unwrap_or_default();
        let label = longest.clamp(10, self.columns * 2 / 5);
        // A blank, the status, two blanks, the bar, a cross, the time, a blank, the kind or the phase that took most.
        let kinds = self.rows.iter().filter_map(|row| row.failure.as_ref().map(|(kind, _)| kind.len()));
        let last = kinds.max().unwrap_or_default().max("transfer".len());
        let room = self.columns.saturating_sub(label + 1 + 4 + 2 + 1 + 11 + 1 + last).max(8);
        let end = self.rows.iter().map(|row| row.total).max().unwrap_or_default().max(Duration::from_micros(1));
        let column = |time: Duration| (time.as_secs_f64() / end.as_secs_f64() * room as f64).round() as usize;

        for (phase, (sign, colour)) in Phase::ALL.iter().zip(glyphs.phases.iter().zip(phases)) {
            drop(write!(out, "{colour}{sign}{reset} {}  ", phase.as_str()));
        }
        put(out, "\n");
        for row in &self.rows {
            let colour = if row.failure.is_some() { bad } else { good };
            put(out, colour);
            label_in(out, &row.url, label);
            match row.status {
                Some(status) => drop(write!(out, " {status}  {reset}")),
                None => drop(write!(out, " FAIL {reset}")),
            }
            let slowest = Phase::ALL.iter().zip(row.phases).filter_map(|(phase, length)| Some((length?, *phase))).max();
            let mut drawn = 0;
            let mut sum = Duration::ZERO;
            // What took time is seen, however short: one column at least, and a single one is for the phase that took
            // most.
            let only = slowest.filter(|_| column(row.total) <= 1).map(|(_, phase)| phase as usize);
            for (nth, (length, (sign, colour))) in row.phases.iter().zip(glyphs.phases.iter().zip(phases)).enumerate() {
                sum += length.unwrap_or_default();
                let until = only.map_or_else(|| column(sum), |only| usize::from(only <= nth));
                put(out, colour);
                put(out, &sign.repeat(until.saturating_sub(drawn)));
                put(out, reset);
                drawn = drawn.max(until);
            }
            if row.failure.is_some() {
                put(out, bad);
                put(out, glyphs.cross);
                put(out, reset);
                drawn += 1;
            }
            put(out, &" ".repeat((room + 1).saturating_sub(drawn)));
            milliseconds(out, row.total, 9);
            match (&row.failure, slowest) {
                (Some((kind, _)), _) => drop(writeln!(out, " {bad}{kind}{reset}")),
                (None, Some((_, phase))) => drop(writeln!(out, " {dim}{}{reset}", phase.as_str())),
                (None, None) => put(out, "\n"),
            }
        }
        self.axis(out, label + 1 + 4 + 1, room, end);
        for row in &self.rows {
            if let Some((_, message)) = &row.failure {
                let mut line = bad.as_bytes().to_vec();
                escape::terminal(&mut line, &row.url);
                put(&mut line, reset);
                put(&mut line, ": ");
                escape::terminal(&mut line, message);
                wrap::sentence(out, &String::from_utf8_lossy(&line), 0, 0, self.wrap);
                put(out, "\n");
            }
        }
        if self.left_out > 0 {
            drop(writeln!(out, "{} more are not drawn", self.left_out));
        }
    }

    /// Round times under the bars.
    fn axis(&self, out: &mut Vec<u8>, indent: usize, room: usize, end: Duration) {
        let Palette { dim, reset, .. } = self.palette;
        let end = end.as_secs_f64() * 1e3;
        // As many round steps as leave a label room.
        let least = end / (room as f64 / 12.0).max(1.0);
        let power = 10f64.powi(decade(least));
        let step =
            [1.0, 2.0, 5.0, 10.0].into_iter().map(|factor| factor * power).find(|step| *step >= least).unwrap_or(end);
        let mut line = vec![b' '; indent];
        let mut at = 0.0;
        while at <= end {
            let column = indent + (at / end * room as f64).round() as usize;
            let text = if at == 0.0 { "0".to_owned() } else { format!("{} ms", round(at, step)) };
            if column >= line.len() || at == 0.0 {
                line.resize(column.max(line.len()), b' ');
                line.extend_from_slice(text.as_bytes());
                line.push(b' ');
            }
            at += step;
        }
        put(out, dim);
        out.extend_from_slice(line.trim_ascii_end());
        put(out, reset);
        put(out, "\n");
    }

    fn staircase(&self, out: &mut Vec<u8>, row: &Row) {
        const CELL: usize = 12;
        let Palette { good, bad, dim, reset, phases, glyphs, .. } = self.palette;
        let (mark, colour) = if row.failure.is_some() { ("FAIL", bad) } else { ("ok", good) };
        drop(write!(out, "{colour}{mark}{reset}  "));
        escape::terminal(out, &row.url);
        if let Some(status) = row.status {
            drop(write!(out, "  {status}"));
        }
        if row.hops > 1 {
            drop(write!(out, "  {dim}(sums over {} requests){reset}", row.hops));
        }
        put(out, "\n");
        if let Some((kind, message)) = &row.failure {
            let mut line = format!("{bad}{kind}: ").into_bytes();
            escape::terminal(&mut line, message);
            put(&mut line, reset);
            wrap::sentence(out, &String::from_utf8_lossy(&line), 0, 0, self.wrap);
            put(out, "\n");
        }
        put(out, "\n ");
        for (phase, colour) in Phase::ALL.iter().zip(phases) {
            drop(write!(out, "{colour}{:^CELL$}{reset}", phase.as_str()));
        }
        put(out, "\n[");
        for (nth, (length, colour)) in row.phases.iter().zip(phases).enumerate() {
            let text = length.map_or("-".to_owned(), |length| format!("{:.2}ms", length.as_secs_f64() * 1e3));
            let border = if nth == 5 { "]" } else { glyphs.down };
            drop(write!(out, "{colour}{text:^width$}{reset}{border}", width = CELL - 1));
        }
        put(out, "\n");
        let reached = row.phases.iter().take_while(|length| length.is_some()).count();
        let names = ["resolved", "connected", "tls done", "sent", "first byte", "total"];
        // One line of nothing but lines down, then a step for each phase.
        let mut sum = Duration::ZERO;
        let mut lines = vec![(0, String::new())];
        for (nth, (length, name)) in row.phases.iter().zip(names).enumerate().take(reached) {
            sum += length.unwrap_or_default();
            let name = if nth + 1 == reached && nth < 5 { "failed" } else { name };
            lines.push((nth + 1, format!("{name}: {:.2}ms", sum.as_secs_f64() * 1e3)));
        }
        for (step, text) in lines {
            // The text ends under the border that it belongs to, over the borders before.
            let end = if step == 0 { 0 } else { step * CELL };
            let begin = end.saturating_sub(text.chars().count());
            let mut line: Vec<String> = vec![" ".to_owned(); reached * CELL + 1];
            for border in (1..=reached).map(|border| border * CELL).filter(|border| *border > end) {
                if let Some(cell) = line.get_mut(border) {
                    *cell = glyphs.down.to_owned();
                }
            }
            for (at, character) in (begin + 1..).zip(text.chars()) {
                if let Some(cell) = line.get_mut(at) {
                    *cell = character.to_string();
                }
            }
            put(out, dim);
            put(out, line.concat().trim_end());
            put(out, reset);
            put(out, "\n");
        }
    }
}

impl Render for Waterfall {
    fn result(&mut self, _: &mut Vec<u8>, job: &Job, outcome: &Outcome) {
        if self.rows.len() >= MOST {
            self.left_out += 1;
            return;
        }
        self.rows.push(Row {
            order: (job.seq, job.attempt),
            url: job.target.text.clone(),
            status: outcome.status(),
            phases: Phase::ALL.map(|phase| outcome.phase(phase)),
            total: outcome.total(),
            failure: outcome.failure.as_ref().map(|failure| (failure.kind.as_str(), failure.message.as_str().into())),
            hops: outcome.hops.len(),
        });
    }

    fn round_ended(&mut self, out: &mut Vec<u8>) {
        self.rows.sort_by_key(|row| row.order);
        for row in &mut self.rows {
            row.url = self.secrets.hidden(&row.url).into();
            row.failure = row.failure.take().map(|(kind, message)| (kind, self.secrets.hidden(&message).into()));
        }
        match self.rows.as_slice() {
            [] => return,
            [row] => self.staircase(out, row),
            _ => self.bars(out),
        }
        self.rows.clear();
    }

    fn end(&mut self, out: &mut Vec<u8>) {
        self.round_ended(out);
    }
}

/// Appends the URL in so many columns; of a longer one, its beginning and its end.
fn label_in(out: &mut Vec<u8>, url: &str, columns: usize) {
    let mut shown = Vec::new();
    escape::terminal(&mut shown, url);
    let shown = String::from_utf8_lossy(&shown).into_owned();
    let length = shown.chars().count();
    if length <= columns {
        put(out, &shown);
        return put(out, &" ".repeat(columns - length));
    }
    let head = columns.saturating_sub(2) / 2;
    let tail = columns.saturating_sub(2) - head;
    let text: String = shown.chars().take(head).chain("..".chars()).chain(shown.chars().skip(length - tail)).collect();
    put(out, &text);
}

/// `at` with as many decimals as its step has.
fn round(at: f64, step: f64) -> String {
    let decimals = decade(step).min(0).unsigned_abs() as usize;
    format!("{at:.decimals$}")
}

/// The power of ten that `value` begins with: 0 from 1 to below 10, -2 for 0.05. A logarithm would do, for the price of
/// the whole library of floating-point functions in memory.
fn decade(mut value: f64) -> i32 {
    let mut decade = 0;
    while value >= 10.0 && decade < 18 {
        value /= 10.0;
        decade += 1;
    }
    while value < 1.0 && decade > -9 {
        value *= 10.0;
        decade -= 1;
    }
    decade
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_has_as_many_decimals_as_its_step() {
        let steps = [(0.05, "3.00"), (0.1, "3.0"), (1.0, "3"), (2.0, "3"), (9.99, "3"), (10.0, "3"), (500.0, "3")];
        for (step, text) in steps {
            assert_eq!(round(3.0, step), text, "{step}");
        }
        assert_eq!([0.001, 0.002, 99.9, 100.0, 12_345.0].map(decade), [-3, -3, 1, 2, 4]);
        assert_eq!([0.0, f64::INFINITY].map(decade), [-9, 18], "it ends");
    }

    fn row(url: &str, millis: [u64; 6], kind: Option<&'static str>) -> Row {
        let phases = millis.map(|length| Some(Duration::from_millis(length)));
        Row {
            order: (0, 1),
            url: url.into(),
            status: Some(200),
            phases,
            total: phases.iter().flatten().sum(),
            failure: kind.map(|kind| (kind, "why".into())),
            hops: 1,
        }
    }

    /// A secret of two words stood in two lines, and half of a long one in a label; neither was known any more.
    #[test]
    fn a_secret_is_hidden_before_lines_are_broken_and_labels_cut() {
        let secrets = Secrets::new(["open sesame and be quick".to_owned()]);
        let mut waterfall = Waterfall::new(Palette::new(false, false), 40, Some(40), Rc::new(secrets));
        let failing = |url: &str| Row {
            failure: Some(("status", "expected another answer than open sesame and be quick, you".into())),
            ..row(url, [0, 1, 0, 0, 1, 0], None)
        };
        for rows in [
            vec![failing("http://a/open sesame and be quick")],
            vec![failing("http://a/"), failing("http://b/open sesame and be quick")],
        ] {
            waterfall.rows = rows;
            let mut out = Vec::new();
            waterfall.round_ended(&mut out);
            let text = String::from_utf8(out).expect("text");
            assert!(text.contains("<secret>") && !text.contains("open") && !text.contains("sesame"), "{text}");
        }
    }

    fn drawn(rows: Vec<Row>, columns: usize) -> String {
        let mut waterfall = Waterfall::new(Palette::new(false, false), columns, None, Rc::default());
        waterfall.rows = rows;
        let mut out = Vec::new();
        waterfall.round_ended(&mut out);
        String::from_utf8(out).expect("text")
    }

    #[test]
    fn bars_share_an_axis_and_fit_the_width() {
        for columns in [80, 160] {
            let rows = || {
                vec![
                    row("http://a/", [0, 10, 0, 0, 90, 0], None),
                    row("http://b/", [0, 10, 20, 0, 20, 0], Some("status")),
                ]
            };
            let text = drawn(rows(), columns);
            assert!(text.lines().all(|line| line.chars().count() <= columns), "{text}");
            let bar = |name: &str| {
                let line = text.lines().find(|line| line.starts_with(name)).expect("a line");
                line.chars().filter(|sign| "rcts=x".contains(*sign)).count() as f64
            };
            // 'http://b/' and the kind have letters of their own; the bars are long enough not to mind.
            assert!(bar("http://a/") > 1.5 * bar("http://b/"), "{text}");
            assert!(text.contains("wait\n") && text.contains("status\n") && text.contains(" ms"), "{text}");
        }
    }

    #[test]
    fn a_short_bar_is_one_sign_of_the_phase_that_took_most() {
        // The second is a whole column long, and its last phase alone would round up to it.
        for short in [[0, 1, 0, 0, 3, 1], [0, 1, 100, 0, 80, 0]] {
            let rows = vec![row("http://a/", [0, 0, 0, 0, 9_000, 0], None), row("http://b/", short, None)];
            let text = drawn(rows, 80);
            let line = text.lines().find(|line| line.starts_with("http://b/")).expect("a line");
            let sign = if short[2] > 0 { " 200  t " } else { " 200  = " };
            assert!(line.contains(sign), "{text}");
        }
    }

    #[test]
    fn a_single_url_is_a_staircase_of_sums() {
        let text = drawn(vec![row("http://a/", [1, 2, 0, 0, 90, 7], None)], 80);
        for step in ["resolved: 1.00ms", "connected: 3.00ms", "first byte: 93.00ms", "total: 100.00ms"] {
            assert!(text.contains(step), "{text}");
        }
        assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
    }
}
