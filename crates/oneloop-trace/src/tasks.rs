//! A snapshot as text: a table of what every task waits for, and the tree of who awaits whom.
//!
//! Job: what `prober --tasks` and SIGUSR1 print. Neighbours: `census.rs` makes the snapshots. Invariants: one line a
//! task; columns of which nothing is known are left out; a name can't break a line or drive a terminal; of very many
//! tasks the first are shown and the others counted by what they wait for; tasks that wait for each other in a circle
//! end the tree there, and it says so.
//!
//! Counterparts: `python -m asyncio ps` (the table), `pstree` (the tree), both of 3.14.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::panic::Location;
use std::time::Duration;

use crate::census::{Doing, Snapshot, TaskNow, WaitNow};
use crate::text::printable;

/// Rows that are shown, at most.
const MOST: usize = 200;

/// The table and the tree, each with a heading, and a line of sums above.
pub fn tasks_text(snapshot: &Snapshot) -> String {
    let mut out = sums(snapshot);
    table(&mut out, snapshot);
    out.push_str("who awaits whom:\n");
    Tree::new(snapshot).draw(&mut out);
    out
}

fn sums(snapshot: &Snapshot) -> String {
    let count = |doing| snapshot.tasks.iter().filter(|task| task.doing == doing).count();
    let (running, ready, waiting) = (count(Doing::Running), count(Doing::Scheduled), count(Doing::Waiting));
    let mut out = format!(
        "{}: {running} running, {ready} ready, {waiting} waiting; {}, {}",
        many(snapshot.tasks.len(), "task"),
        many(snapshot.timers, "timer"),
        many(snapshot.sources, "source"),
    );
    if !snapshot.threads.is_empty() {
        let names: Vec<String> = snapshot.threads.iter().map(|(name, why)| format!("{name} ({why})")).collect();
        let _ = write!(out, "; {} beside the loop's: {}", many(names.len(), "thread"), printable(&names.join(", ")));
    }
    let _ = write!(out, "; turn {}", snapshot.turn);
    if let Some(age) = snapshot.age {
        let _ = write!(out, ", {} after the first", time(age));
    }
    out.push('\n');
    out
}

fn many(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

/// A duration with three figures or so: for a person.
fn time(duration: Duration) -> String {
    let milliseconds = duration.as_secs_f64() * 1e3;
    match milliseconds {
        _ if milliseconds >= 1e5 => format!("{:.0} s", milliseconds / 1e3),
        _ if milliseconds >= 1e3 => format!("{:.2} s", milliseconds / 1e3),
        _ => format!("{milliseconds:.1} ms"),
    }
}

fn doing(task: &TaskNow) -> &'static str {
    match task.doing {
        Doing::Running => "running",
        Doing::Scheduled => "ready",
        Doing::Waiting => "waiting",
    }
}

/// What a task waits for, in words. `name` gives a task's name.
fn wait(on: &WaitNow, name: impl Fn(u32) -> String) -> String {
    match *on {
        WaitNow::Timer(Some(left)) if left.is_zero() => "a timer, due now".into(),
        WaitNow::Timer(Some(left)) => format!("a timer, due in {}", time(left)),
        WaitNow::Timer(None) => "a timer that was due".into(),
        WaitNow::Source(number, writable) => {
            format!("source {number}, to {}", if writable { "write" } else { "read" })
        }
        WaitNow::Task(task) => name(task),
        WaitNow::Future => "a future".into(),
        WaitNow::Line(what) => what.into(),
        WaitNow::Pipe => "a pipe in memory".into(),
    }
}

/// What a row says of the waits: a gather may have thousands.
fn waits(task: &TaskNow, name: impl Fn(u32) -> String) -> String {
    const MANY: usize = 3;
    match task.doing {
        Doing::Running => "(its step is running)".into(),
        Doing::Scheduled => "its turn in the ready queue".into(),
        Doing::Waiting if task.polls == Some(0) => "its first step".into(),
        Doing::Waiting if task.waits.is_empty() => "something of its own".into(),
        Doing::Waiting => {
            let mut shown: Vec<String> = task.waits.iter().take(MANY).map(|on| wait(on, &name)).collect();
            if task.waits.len() > MANY {
                shown.push(format!("and {} more", task.waits.len() - MANY));
            }
            shown.join(", ")
        }
    }
}

/// A task's name, with its number if the name does not tell it.
fn named(snapshot: &Snapshot) -> impl Fn(u32) -> String + use<'_> {
    let names: BTreeMap<u32, &str> = snapshot.tasks.iter().map(|task| (task.number, task.name.as_str())).collect();
    move |number| match names.get(&number) {
        Some(name) if *name != format!("Task-{number}") => format!("{} (#{number})", printable(name)),
        _ => format!("Task-{number}"),
    }
}

fn table(out: &mut String, snapshot: &Snapshot) {
    let name = named(snapshot);
    let heads = ["#", "task", "is", "since", "waits for", "doing", "polls", "awaits at", "made at"];
    let mut rows = vec![heads.map(str::to_owned)];
    let place = |place: Option<&Location<'_>>| place.map(|place| printable(&place.to_string())).unwrap_or_default();
    rows.extend(snapshot.tasks.iter().take(MOST).map(|task| {
        [
            task.number.to_string(),
            printable(&task.name),
            doing(task).to_owned(),
            task.since.map(time).unwrap_or_default(),
            waits(task, &name),
            task.span.as_deref().map(printable).unwrap_or_default(),
            task.polls.map(|polls| polls.to_string()).unwrap_or_default(),
            place(task.awaits),
            place(task.at),
        ]
    }));
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let known: Vec<(usize, usize)> = (0..heads.len())
        .filter(|&column| rows.iter().skip(1).any(|row| !row[column].is_empty()))
        .map(|column| (column, width(column)))
        .collect();
    for row in &rows {
        let cells = known.iter().map(|&(column, width)| match heads[column] {
            "#" | "since" | "polls" => format!("{:>width$}", row[column]),
            _ => format!("{:<width$}", row[column]),
        });
        let line = cells.collect::<Vec<_>>().join("  ");
        out.push_str(line.trim_end());
        out.push('\n');
    }
    rest(out, snapshot, &name);
}

/// Those that were not shown, by what they wait for.
fn rest(out: &mut String, snapshot: &Snapshot, name: impl Fn(u32) -> String) {
    let mut kinds: BTreeMap<String, usize> = BTreeMap::new();
    for task in snapshot.tasks.iter().skip(MOST) {
        let kind = match (task.doing, task.waits.first()) {
            (Doing::Waiting, Some(WaitNow::Timer(_))) => "a timer".into(),
            (Doing::Waiting, Some(WaitNow::Source(_, writable))) => {
                format!("a source, to {}", if *writable { "write" } else { "read" })
            }
            (Doing::Waiting, Some(WaitNow::Task(_))) => "a task".into(),
            (Doing::Waiting, Some(on)) => wait(on, &name),
            _ => waits(task, &name),
        };
        *kinds.entry(kind).or_default() += 1;
    }
    if !kinds.is_empty() {
        let kinds: Vec<String> = kinds.iter().map(|(kind, count)| format!("{count} for {kind}")).collect();
        let _ = writeln!(out, "and {} more: {}", snapshot.tasks.len() - MOST, kinds.join("; "));
    }
}

/// Who awaits whom: under each task those whose end it waits for.
struct Tree<'a> {
    snapshot: &'a Snapshot,
    tasks: BTreeMap<u32, &'a TaskNow>,
    drawn: BTreeSet<u32>,
    lines: usize,
}

/// What is still to be done while a task and those below it are drawn.
enum Step<'a> {
    /// Draw this one. It may have siblings: then whether it is the last of them.
    Draw(&'a TaskNow, Option<bool>),
    /// All below this task are drawn, and what stands before a line has so many bytes again.
    Leave(u32, usize),
}

impl<'a> Tree<'a> {
    fn new(snapshot: &'a Snapshot) -> Tree<'a> {
        let tasks = snapshot.tasks.iter().map(|task| (task.number, task)).collect();
        Tree { snapshot, tasks, drawn: BTreeSet::new(), lines: 0 }
    }

    /// The tasks that `task` awaits.
    fn below(&self, task: &TaskNow) -> Vec<&'a TaskNow> {
        let awaited = task.waits.iter().filter_map(|on| match on {
            WaitNow::Task(number) => self.tasks.get(number).copied(),
            _ => None,
        });
        awaited.collect()
    }

    fn draw(mut self, out: &mut String) {
        let awaited: BTreeSet<u32> =
            self.snapshot.tasks.iter().flat_map(|task| self.below(task)).map(|task| task.number).collect();
        let name = named(self.snapshot);
        let roots = self.snapshot.tasks.iter().filter(|task| !awaited.contains(&task.number));
        for root in roots {
            self.task(out, root, &name);
        }
        // Whoever is left stands in a circle, or below one.
        for task in &self.snapshot.tasks {
            if !self.drawn.contains(&task.number) {
                self.task(out, task, &name);
            }
        }
        if self.lines > MOST {
            let _ = writeln!(out, "and {} more", self.lines - MOST);
        }
    }

    /// Draws a task that nobody awaits, and all below it. A chain of tasks may be longer than the stack is deep, so the
    /// way down is kept here: who stands on it, and what stands before a line.
    fn task(&mut self, out: &mut String, root: &'a TaskNow, name: impl Fn(u32) -> String) {
        let mut open = vec![Step::Draw(root, None)];
        let (mut above, mut before) = (BTreeSet::new(), String::new());
        while let Some(step) = open.pop() {
            let (task, last) = match step {
                Step::Draw(task, last) => (task, last),
                Step::Leave(task, length) => {
                    above.remove(&task);
                    before.truncate(length);
                    continue;
                }
            };
            self.lines += 1;
            let (branch, bar) = match last {
                None => ("", ""),
                Some(false) => ("├── ", "│   "),
                Some(true) => ("└── ", "    "),
            };
            let circle = above.contains(&task.number);
            let again = !circle && self.drawn.contains(&task.number);
            let below = if circle || again { Vec::new() } else { self.below(task) };
            if self.lines <= MOST {
                let note = match () {
                    () if circle => ": they wait for each other in a circle".to_owned(),
                    () if again => ": see above".to_owned(),
                    () if !below.is_empty() && below.len() == task.waits.len() => " awaits".to_owned(),
                    () if task.doing == Doing::Waiting => format!(" waits for {}", waits(task, &name)),
                    () => format!(" is {}", doing(task)),
                };
                let _ = writeln!(out, "{before}{branch}{}{note}", name(task.number));
            }
            self.drawn.insert(task.number);
            if below.is_empty() {
                continue;
            }
            above.insert(task.number);
            open.push(Step::Leave(task.number, before.len()));
            before.push_str(bar);
            let count = below.len();
            open.extend(
                below.into_iter().enumerate().rev().map(|(at, child)| Step::Draw(child, Some(at + 1 == count))),
            );
        }
    }
}
