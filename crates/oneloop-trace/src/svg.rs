//! A short run as one picture: a row for each task, a column for each turn, an arrow from each wake to its poll.
//!
//! Job: the pictures in the book. Neighbours: `log.rs`; `cargo xtask docs` draws them anew and CI compares. Invariants:
//! the same log gives the same bytes; text reaches the picture escaped; nothing is said by colour alone.

use std::collections::BTreeMap;
use std::fmt::Write;

use crate::log::{By, Ended, Log, What};
use crate::text::{escaped, printable};

const LABELS: usize = 150;
const COLUMN: usize = 96;
const ROW: usize = 44;
const TOP: usize = 62;

const STYLE: &str = "\
.bg{fill:#fff}.pending{fill:#eef2f7;stroke:#57606a}.done{fill:#ddf4e4;stroke:#1a7f37}.cancelled,.panicked{fill:#ffe3e0;stroke:#b3261e}\
.row{stroke:#d0d7de}.life{stroke:#8c959f;stroke-width:2}.wake{fill:none;stroke:#0969da;stroke-width:1.5}.tip{fill:#0969da}\
text{font:13px system-ui,-apple-system,\"Segoe UI\",sans-serif;fill:#1f2328}.small{font-size:11px;fill:#57606a}.b{font-weight:600}\
@media(prefers-color-scheme:dark){.bg{fill:#0d1117}.pending{fill:#1c2430;stroke:#8b949e}.done{fill:#12301b;stroke:#3fb950}\
.cancelled,.panicked{fill:#3d1614;stroke:#f85149}.row{stroke:#30363d}.wake{stroke:#58a6ff}.tip{fill:#58a6ff}text{fill:#e6edf3}.small{fill:#9da7b3}}";

/// One poll of one task.
struct Poll {
    turn: u64,
    task: u32,
    wake: Option<u32>,
    result: Ended,
}

/// Draws a log: for some dozen turns of a few tasks. `title` is read out instead of the picture.
pub fn turns_svg(log: &Log, title: &str) -> String {
    let picture = Picture::of(log);
    let width = LABELS + picture.columns.len() * COLUMN + 20;
    let height = TOP + (picture.rows.len() + 1) * ROW + 10;
    let mut out = String::new();
    let text = escaped(&printable(title));
    // Writing to a String cannot fail.
    let _ = writeln!(
        out,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" height=\"{height}\" role=\"img\" aria-label=\"{text}\">\n<style>{STYLE}</style>\n<defs><marker id=\"w\" viewBox=\"0 0 8 8\" refX=\"7\" refY=\"4\" markerWidth=\"7\" markerHeight=\"7\" orient=\"auto\"><path class=\"tip\" d=\"M0 0 8 4 0 8z\"/></marker></defs>\n<rect class=\"bg\" width=\"{width}\" height=\"{height}\"/>"
    );
    picture.draw_frame(&mut out, width);
    picture.draw_lives(&mut out);
    picture.draw_wakes(&mut out);
    picture.draw_polls(&mut out);
    out.push_str("</svg>\n");
    out
}

#[derive(Default)]
struct Picture {
    /// The turns in which something is polled or woken, and their time in nanoseconds.
    columns: Vec<(u64, u64)>,
    /// Tasks in order of their making, with their names.
    rows: Vec<(u32, String)>,
    polls: Vec<Poll>,
    /// Who woke, and in which turn.
    wakes: BTreeMap<u32, (By, u64)>,
    /// In which turn a task was made, and in which it ended.
    lives: BTreeMap<u32, (u64, Option<u64>)>,
}

impl Picture {
    fn of(log: &Log) -> Picture {
        let mut picture = Picture::default();
        let mut times = BTreeMap::new();
        for record in &log.records {
            let turn = record.turn.max(1);
            match &record.what {
                What::Spawn { task, .. } => {
                    picture.rows.push((*task, format!("Task-{task}")));
                    picture.lives.insert(*task, (turn, None));
                }
                What::Name { task, name } => {
                    picture.rows.iter_mut().filter(|row| row.0 == *task).for_each(|row| row.1.clone_from(name));
                }
                What::Wake { wake, by, coalesced: false, .. } => {
                    picture.wakes.insert(*wake, (*by, turn));
                    times.entry(turn).or_insert(record.t);
                }
                What::PollBegin { task, wake } => {
                    picture.polls.push(Poll { turn, task: *task, wake: *wake, result: Ended::Pending });
                    times.entry(turn).or_insert(record.t);
                }
                What::PollEnd { task, result } => {
                    let open = picture.polls.iter_mut().rev().find(|poll| poll.task == *task);
                    open.into_iter().for_each(|poll| poll.result = *result);
                }
                What::Drop { task, .. } => {
                    picture.lives.entry(*task).and_modify(|life| life.1 = Some(turn));
                }
                _ => {}
            }
        }
        picture.columns = times.into_iter().collect();
        picture
    }

    /// The middle of a turn's column.
    fn x(&self, turn: u64) -> usize {
        let column =
            self.columns.iter().position(|(other, _)| *other >= turn).unwrap_or(self.columns.len().saturating_sub(1));
        LABELS + column * COLUMN + COLUMN / 2
    }

    /// The middle of a task's row; the first row is what is outside the loop.
    fn y(&self, task: Option<u32>) -> usize {
        let row = self.rows.iter().position(|(number, _)| Some(*number) == task).map_or(0, |row| row + 1);
        TOP + row * ROW + ROW / 2
    }

    fn draw_frame(&self, out: &mut String, width: usize) {
        for (turn, time) in &self.columns {
            let x = self.x(*turn);
            let _ = writeln!(out, "<text x=\"{x}\" y=\"24\" text-anchor=\"middle\" class=\"b\">turn {turn}</text>");
            let time = *time as f64 / 1e6;
            let _ = writeln!(out, "<text x=\"{x}\" y=\"42\" text-anchor=\"middle\" class=\"small\">{time} ms</text>");
        }
        let outside = (None, "sockets, timers");
        for (task, name) in std::iter::once(outside).chain(self.rows.iter().map(|row| (Some(row.0), row.1.as_str()))) {
            let y = self.y(task);
            let (line, name) = (y + ROW / 2, escaped(&printable(name)));
            let _ = writeln!(
                out,
                "<path class=\"row\" d=\"M0 {line}H{width}\"/><text x=\"10\" y=\"{}\">{name}</text>",
                y + 4
            );
        }
    }

    fn draw_lives(&self, out: &mut String) {
        let last = self.columns.last().map_or(0, |column| column.0);
        for (task, (from, to)) in &self.lives {
            let (x, end, y) = (self.x(*from), self.x(to.unwrap_or(last)), self.y(Some(*task)));
            let _ = writeln!(out, "<path class=\"life\" d=\"M{x} {y}H{end}\"/>");
        }
    }

    fn draw_wakes(&self, out: &mut String) {
        for poll in &self.polls {
            let Some((by, turn)) = poll.wake.and_then(|wake| self.wakes.get(&wake)) else { continue };
            let waker = match by {
                By::Task(task) => Some(*task),
                By::Itself => Some(poll.task),
                By::Io(_) | By::Timer | By::Callback | By::Thread => None,
            };
            let (x, y) = (self.x(*turn), self.y(waker));
            let (to_x, to_y) = (self.x(poll.turn), self.y(Some(poll.task)));
            // A wake from outside in the same turn comes down beside the column's middle, and an arrow to itself bows.
            let (from, to) = if x == to_x { (x.saturating_sub(30), to_x - 30) } else { (x + 26, to_x - 28) };
            let bow = if y == to_y { y - 30 } else { (y + to_y) / 2 };
            let _ = writeln!(
                out,
                "<path class=\"wake\" marker-end=\"url(#w)\" d=\"M{from} {y}Q{} {bow} {to} {}\"/>",
                (from + to) / 2,
                to_y - 6
            );
        }
    }

    fn draw_polls(&self, out: &mut String) {
        for poll in &self.polls {
            let (x, y) = (self.x(poll.turn), self.y(Some(poll.task)));
            let (class, text) = match poll.result {
                Ended::Pending => ("pending", "Pending"),
                Ended::Done => ("done", "Ready"),
                Ended::Cancelled => ("cancelled", "cancelled"),
                Ended::Panicked => ("panicked", "panicked"),
            };
            let (left, top) = (x - 30, y - 13);
            let _ = writeln!(
                out,
                "<rect class=\"{class}\" x=\"{left}\" y=\"{top}\" width=\"60\" height=\"26\" rx=\"5\"/><text x=\"{x}\" y=\"{}\" text-anchor=\"middle\" class=\"small\">{text}</text>",
                y + 4
            );
        }
    }
}
