//! A log as Chrome trace JSON, for Perfetto (ui.perfetto.dev) and chrome://tracing.
//!
//! Job: track 1 is the loop, with turns that hold parks and polls; each task has a track of its own with what it does
//! (scheduled, running, waiting) and the spans of its work; arrows go from a wake to the poll that it led to; counters
//! show queue, timers and sources. Neighbours: `fold.rs` knows the states. Invariants: slices of one track nest, times
//! are microseconds since the first event, and nothing is left open at the end of the log; each slice stands where it
//! began, since Perfetto ties an end of an arrow to the slice that was begun last before it, in the file's order.
//! Source: the Trace Event Format of Chromium's catapult project; Perfetto's `slice_tracker.cc` and `flow_tracker.cc`.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::fold::{State, TaskState, met};
use crate::log::{By, Ended, Log, On, Record, What};

const PROCESS: u32 = 1;
const LOOP: u32 = 1;

/// The track of a task.
fn track(task: u32) -> u32 {
    100 + task
}

/// Renders a log as one JSON document.
pub fn chrome_trace(log: &Log) -> String {
    let mut tracer = Tracer { state: State::of(log), ..Tracer::default() };
    tracer.named(LOOP, "loop", 0);
    for record in &log.records {
        tracer.now = Moment { t: record.t, n: record.n };
        tracer.before(record);
        let _ = tracer.state.apply(record); // a fault of the log's is `check`'s to tell
        tracer.after(record);
    }
    tracer.close(tracer.now.t);
    tracer.events.sort_by_key(|(place, _)| *place);
    let events: Vec<Value> = tracer.events.into_iter().map(|(_, event)| event).collect();
    let counts = serde_json::to_value(tracer.state.counts).unwrap_or_default();
    let other = json!({ "counts": counts, "dropped": log.dropped, "clock": "nanoseconds of the loop's clock" });
    json!({ "displayTimeUnit": "ns", "otherData": other, "traceEvents": events }).to_string()
}

/// When something began: the time, and the number of the record.
#[derive(Clone, Copy, Default)]
struct Moment {
    t: u64,
    n: u64,
}

/// Where an event stands in the file: by the record in which it is or begins, and there slices before all else.
type Place = (u64, bool);

#[derive(Default)]
struct Tracer {
    state: State,
    now: Moment,
    events: Vec<(Place, Value)>,
    turn: Option<(Moment, u64)>,
    park: Option<(Moment, Value)>,
    /// When the poll on the stack began, with its arguments.
    polls: Vec<(Moment, u32, Value)>,
    /// Since when a task is in its state.
    since: BTreeMap<u32, Moment>,
}

fn micros(nanoseconds: u64) -> f64 {
    nanoseconds as f64 / 1000.0
}

impl Tracer {
    /// What ends with an event must be drawn with the state before it.
    fn before(&mut self, record: &Record) {
        let task = match record.what {
            What::Wake { task, coalesced: false, .. } => task,
            What::PollBegin { task, .. } | What::PollEnd { task, .. } | What::Drop { task, .. } => task,
            _ => return,
        };
        self.leave_state(task, record.t);
    }

    /// Draws the stretch for which a task was in its state.
    fn leave_state(&mut self, task: u32, now: u64) {
        let Some(view) = self.state.tasks.get(&task) else { return };
        let name = match view.state {
            TaskState::Scheduled => "scheduled",
            TaskState::Running => "running",
            TaskState::Waiting => waiting(&view.waits),
            TaskState::Ended(_) => return,
        };
        let mut arguments = json!({ "task": view.name });
        if view.state == TaskState::Waiting {
            arguments["for"] = json!(view.waits);
            arguments["at"] = json!(view.awaits);
        }
        let began = self.since.insert(task, self.now).unwrap_or(self.now);
        // A step has its slice also when no time has passed in it: its arrow leads there.
        if began.t < now || self.polls.last().is_some_and(|poll| poll.1 == task && name == "running") {
            self.slice(track(task), name, began, now, arguments);
        }
    }

    fn after(&mut self, record: &Record) {
        let t = record.t;
        if let Some(task) = met(&record.what).filter(|task| !self.since.contains_key(task)) {
            self.since.insert(task, self.now);
            self.named(track(task), &format!("Task-{task}"), task);
        }
        match &record.what {
            What::TurnBegin { ready, timers, registrations, .. } => {
                self.turn = Some((self.now, record.turn));
                self.counter("ready", t, ready.len());
                self.counter("timers", t, *timers);
                self.counter("registrations", t, *registrations);
            }
            What::TurnEnd => {
                if let Some((began, turn)) = self.turn.take() {
                    self.slice(LOOP, &format!("turn {turn}"), began, t, json!({}));
                }
            }
            What::Park { timeout } => {
                self.park = Some((self.now, json!({ "timeout_ms": timeout.map(|time| micros(time) / 1e3) })))
            }
            What::Unpark { events, notified } => {
                if let Some((began, mut arguments)) = self.park.take() {
                    arguments["events"] = json!(events);
                    arguments["cause"] = json!(cause(*events, *notified));
                    self.slice(LOOP, "park", began, t, arguments);
                }
            }
            What::Spawn { task, parent, at } => {
                self.since.insert(*task, self.now);
                self.named(track(*task), &format!("Task-{task}"), *task);
                self.instant(track(*task), "spawn", t, json!({ "at": at, "parent": parent }));
            }
            What::Name { task, name } => self.named(track(*task), name, *task),
            What::Wake { wake, task, by, coalesced } => {
                let by = by_text(*by);
                self.instant(LOOP, "wake", t, json!({ "task": task, "by": by, "coalesced": coalesced, "wake": wake }));
                if !coalesced {
                    self.flow("s", *wake, LOOP, t);
                }
            }
            What::PollBegin { task, wake } => {
                self.polls.push((self.now, *task, json!({ "task": task, "wake": wake })));
                if let Some(wake) = wake {
                    self.flow("f", *wake, track(*task), t);
                }
            }
            What::PollEnd { result, .. } => {
                if let Some((began, task, mut arguments)) = self.polls.pop() {
                    arguments["result"] = json!(result);
                    let name = self.state.tasks.get(&task).map_or_else(String::new, |view| view.name.clone());
                    self.slice(LOOP, &format!("poll {name}"), began, t, arguments);
                }
            }
            What::Drop { task, reason } => self.instant(track(*task), ended(*reason), t, json!({})),
            What::SpanBegin { task: Some(task), name } => self.span("b", *task, name, t),
            What::SpanEnd { task: Some(task), name } => self.span("e", *task, name, t),
            What::TimerFire { timer } => self.instant(LOOP, "timer", t, json!({ "timer": timer })),
            What::IoEvent { source, readable, writable } => {
                let arguments = json!({ "source": source, "readable": readable, "writable": writable });
                self.instant(LOOP, "io", t, arguments);
            }
            What::ThreadStart { name, why } => {
                self.instant(LOOP, "thread start", t, json!({ "name": name, "why": why }))
            }
            What::ThreadEnd { name } => self.instant(LOOP, "thread end", t, json!({ "name": name })),
            _ => {}
        }
    }

    /// Ends what was open when the recording did.
    fn close(&mut self, t: u64) {
        for task in self.state.tasks.keys().copied().collect::<Vec<_>>() {
            self.leave_state(task, t);
            let open = self.state.tasks.get_mut(&task).map(|view| std::mem::take(&mut view.spans)).unwrap_or_default();
            open.iter().rev().for_each(|name| self.span("e", task, name, t));
        }
        while let Some((began, task, arguments)) = self.polls.pop() {
            self.slice(LOOP, &format!("poll Task-{task}"), began, t, arguments);
        }
        if let Some((began, arguments)) = self.park.take() {
            self.slice(LOOP, "park", began, t, arguments);
        }
        if let Some((began, turn)) = self.turn.take() {
            self.slice(LOOP, &format!("turn {turn}"), began, t, json!({}));
        }
    }

    fn slice(&mut self, tid: u32, name: &str, began: Moment, ended: u64, args: Value) {
        let (ts, dur) = (micros(began.t), micros(ended - began.t));
        let slice = json!({ "ph": "X", "pid": PROCESS, "tid": tid, "name": name, "ts": ts, "dur": dur, "args": args });
        self.events.push(((began.n, false), slice));
    }

    /// Anything else than a slice: it stands where it was told.
    fn push(&mut self, event: Value) {
        self.events.push(((self.now.n, true), event));
    }

    fn instant(&mut self, tid: u32, name: &str, t: u64, args: Value) {
        let ts = micros(t);
        self.push(json!({ "ph": "i", "s": "t", "pid": PROCESS, "tid": tid, "name": name, "ts": ts, "args": args }));
    }

    /// An arrow's tail ("s") or head ("f", bound to the slice that encloses it).
    fn flow(&mut self, ph: &str, wake: u32, tid: u32, t: u64) {
        let ts = micros(t);
        let mut event =
            json!({ "ph": ph, "id": wake, "cat": "wake", "name": "wake", "pid": PROCESS, "tid": tid, "ts": ts });
        if ph == "f" {
            event["bp"] = json!("e");
        }
        self.push(event);
    }

    fn span(&mut self, ph: &str, task: u32, name: &str, t: u64) {
        let ts = micros(t);
        let tid = track(task);
        self.push(json!({ "ph": ph, "cat": "phase", "id": task, "name": name, "pid": PROCESS, "tid": tid, "ts": ts }));
    }

    fn counter(&mut self, name: &str, t: u64, value: usize) {
        self.push(json!({ "ph": "C", "pid": PROCESS, "name": name, "ts": micros(t), "args": { name: value } }));
    }

    /// Names a track, and says where it stands among the others.
    fn named(&mut self, tid: u32, name: &str, order: u32) {
        let (name, order) = (json!({ "name": name }), json!({ "sort_index": order }));
        self.push(json!({ "ph": "M", "pid": PROCESS, "tid": tid, "name": "thread_name", "args": name }));
        self.push(json!({ "ph": "M", "pid": PROCESS, "tid": tid, "name": "thread_sort_index", "args": order }));
    }
}

/// A waiting task's stretch by the first thing that it waits for.
fn waiting(waits: &[On]) -> &'static str {
    match waits.first() {
        Some(On::Timer(_)) => "waiting for a timer",
        Some(On::Readable(_)) => "waiting to read",
        Some(On::Writable(_)) => "waiting to write",
        Some(On::Task(_)) => "waiting for a task",
        Some(On::Line(_)) => "waiting in a line",
        Some(On::Future | On::Pipe) | None => "waiting",
    }
}

fn cause(events: usize, notified: bool) -> &'static str {
    match (events, notified) {
        (0, false) => "timer",
        (_, false) => "io",
        (0, true) => "notify",
        (_, true) => "io, notify",
    }
}

fn ended(reason: Ended) -> &'static str {
    match reason {
        Ended::Pending => "pending",
        Ended::Done => "done",
        Ended::Cancelled => "cancelled",
        Ended::Panicked => "panicked",
    }
}

fn by_text(by: By) -> String {
    match by {
        By::Io(source) => format!("io, source {source}"),
        By::Timer => "timer".into(),
        By::Task(task) => format!("task {task}"),
        By::Itself => "itself".into(),
        By::Callback => "callback".into(),
        By::Thread => "thread".into(),
    }
}
