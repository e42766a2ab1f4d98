//! The state of a loop at any moment of a log, by folding its events.
//!
//! Job: [`State::apply`] takes one event; what every picture shows is read off the state between two events. It says
//! when an event breaks a promise: [`check`] folds a whole log and lists them. Neighbours: `chrome.rs` folds with it;
//! the page has the same fold in JavaScript (`page/fold.js`), and both are compared with the loop's own snapshots.
//! Invariants checked: no poll without a wake, every wake that was not coalesced leads to a poll or an end, nothing
//! happens to a task after its end, spans nest, and each turn begins with the queue, timers and sources that were
//! expected.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::log::{By, Ended, Log, On, Record, What};

/// What a task is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum TaskState {
    /// In the ready queue.
    Scheduled,
    /// Being polled.
    Running,
    /// Neither: it waits for a wake.
    Waiting,
    /// Gone.
    Ended(Ended),
}

/// What is known of a task.
#[derive(Clone, Debug, PartialEq)]
pub struct TaskView {
    /// Its name: `Task-N` unless it got another.
    pub name: String,
    /// What it is doing.
    pub state: TaskState,
    /// Who made it.
    pub parent: Option<u32>,
    /// Where it was made: `file:line:column`; empty if that was lost.
    pub at: String,
    /// How often it was polled.
    pub polls: u64,
    /// How often it was woken and was not in the queue already.
    pub wakes: u64,
    /// Who woke it last.
    pub woken_by: Option<By>,
    /// The stretches of work that it is in, innermost last.
    pub spans: Vec<String>,
    /// What its last step has begun, or went on, to wait for.
    pub waits: Vec<On>,
    /// Where in the source it awaits, if what it waits for says so. While its step runs: where it awaited last.
    pub awaits: Option<String>,
    /// What it had waited for when the step before ended.
    waited: Vec<On>,
    /// The step that runs, or has run last, has said where it awaits.
    awaited: bool,
}

/// Sums over a log, which must be the same in every picture.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Turns begun.
    pub turns: u64,
    /// Steps begun.
    pub polls: u64,
    /// Wakes, those that were coalesced included.
    pub wakes: u64,
    /// Tasks made.
    pub tasks: u64,
    /// Timers that came due.
    pub timers_fired: u64,
    /// Times that the loop parked.
    pub parks: u64,
}

/// The loop as it was between two events.
#[derive(Clone, Debug, Default)]
pub struct State {
    /// Every task that was ever made, by number; those that were made in a lost beginning since they were met first.
    pub tasks: BTreeMap<u32, TaskView>,
    /// The tasks in the ready queue, in order.
    pub ready: Vec<u32>,
    /// Those whose steps are on the stack: one, or two while a task starts another eagerly.
    pub running: Vec<u32>,
    /// Timers that are armed: deadline and number.
    pub timers: BTreeSet<(u64, u32)>,
    /// Sources that are registered, and for which task.
    pub sources: BTreeMap<u32, Option<u32>>,
    /// Sums so far.
    pub counts: Counts,
    /// The log does not begin with the run: what is not known is no fault.
    partial: bool,
    deadlines: BTreeMap<u32, u64>,
}

/// The task that an event speaks of, and that therefore lives: it is news only where the beginning of the log was lost.
pub(crate) fn met(what: &What) -> Option<u32> {
    match *what {
        What::Name { task, .. } | What::Wake { task, .. } | What::PollBegin { task, .. } => Some(task),
        What::SpanBegin { task, .. } | What::Await { task, .. } | What::Wait { task, .. } => task,
        _ => None,
    }
}

impl TaskView {
    /// A task of which nothing is known but its number.
    fn unknown(task: u32) -> TaskView {
        TaskView {
            name: format!("Task-{task}"),
            state: TaskState::Waiting,
            parent: None,
            at: String::new(),
            polls: 0,
            wakes: 0,
            woken_by: None,
            spans: Vec::new(),
            waits: Vec::new(),
            awaits: None,
            waited: Vec::new(),
            awaited: false,
        }
    }
}

/// Folds a log, and lists what broke a promise. Empty for a log of a loop that is right.
pub fn check(log: &Log) -> Vec<String> {
    let mut state = State::of(log);
    let mut faults = Vec::new();
    for record in &log.records {
        if let Err(fault) = state.apply(record) {
            faults.push(format!("event {}, turn {}: {fault}", record.n, record.turn));
        }
    }
    faults
}

impl State {
    /// The state before the first event of `log`.
    pub fn of(log: &Log) -> State {
        State { partial: log.dropped > 0, ..State::default() }
    }

    /// The state after one more event.
    ///
    /// # Errors
    /// A sentence, if the event breaks a promise. The state is then as if the event were true.
    pub fn apply(&mut self, record: &Record) -> Result<(), String> {
        if self.partial
            && let Some(task) = met(&record.what)
        {
            self.tasks.entry(task).or_insert_with(|| TaskView::unknown(task));
        }
        match &record.what {
            What::TurnBegin { ready, timers, next_deadline, registrations } => {
                self.counts.turns += 1;
                self.compare(ready, *timers, *next_deadline, *registrations)
            }
            What::Park { .. } => {
                self.counts.parks += 1;
                Ok(())
            }
            What::TurnEnd | What::Unpark { .. } | What::ThreadStart { .. } | What::ThreadEnd { .. } => Ok(()),
            What::IoEvent { source, .. } => self.known_source(*source),
            What::TimerAdd { timer, deadline, .. } => {
                self.timers.insert((*deadline, *timer));
                self.deadlines.insert(*timer, *deadline);
                Ok(())
            }
            What::TimerFire { timer } => {
                self.counts.timers_fired += 1;
                if self.take_timer(*timer) {
                    Ok(())
                } else {
                    self.unknown(format!("timer {timer} fires, and is not armed"))
                }
            }
            What::TimerCancel { timer } => {
                self.take_timer(*timer); // one that is due and queued can still be taken back
                Ok(())
            }
            What::Register { source, task, .. } => {
                self.sources.insert(*source, *task);
                Ok(())
            }
            What::Deregister { source } => {
                let known = self.known_source(*source);
                self.sources.remove(source);
                known
            }
            What::Spawn { task, parent, at } => {
                self.counts.tasks += 1;
                let view = TaskView { parent: *parent, at: at.clone(), ..TaskView::unknown(*task) };
                match self.tasks.insert(*task, view) {
                    None => Ok(()),
                    Some(_) => Err(format!("task {task} is made a second time")),
                }
            }
            What::Name { task, name } => {
                if let Some(view) = self.tasks.get_mut(task) {
                    view.name.clone_from(name);
                }
                Ok(())
            }
            What::SpanBegin { task, name } => {
                let view = task.and_then(|task| self.tasks.get_mut(&task));
                if let Some(view) = view {
                    view.spans.push(name.clone());
                }
                Ok(())
            }
            What::SpanEnd { task, name } => self.end_span(*task, name),
            What::Await { task, at } => {
                if let Some(view) = task.and_then(|task| self.tasks.get_mut(&task)) {
                    (view.awaits, view.awaited) = (Some(at.clone()), true);
                }
                Ok(())
            }
            What::Wait { task, on } => self.wait(*task, on),
            What::Wake { task, by, coalesced, .. } => self.wake(*task, *by, *coalesced),
            What::PollBegin { task, wake } => self.poll(*task, *wake),
            What::PollEnd { task, result } => self.end_poll(*task, *result),
            What::Drop { task, reason } => self.end(*task, *reason),
        }
    }

    /// What a turn begins with, as the loop sees it and as it follows from the events before.
    fn compare(&mut self, ready: &[u32], timers: usize, next: Option<u64>, sources: usize) -> Result<(), String> {
        let expected =
            (self.ready.clone(), self.timers.len(), self.timers.first().map(|timer| timer.0), self.sources.len());
        let found = (ready.to_vec(), timers, next, sources);
        self.ready = found.0.clone();
        if self.partial || expected == found {
            return Ok(());
        }
        Err(format!("the turn begins with {found:?} (ready, timers, next deadline, sources), expected {expected:?}"))
    }

    fn wait(&mut self, task: Option<u32>, on: &On) -> Result<(), String> {
        let Some(task) = task else { return Ok(()) };
        let running = self.running.contains(&task);
        let Some(view) = self.tasks.get_mut(&task) else {
            return self.unknown(format!("task {task} waits before it was made"));
        };
        if !view.waits.contains(on) {
            view.waits.push(on.clone());
        }
        if running { Ok(()) } else { self.unknown(format!("task {task} begins to wait outside of its step")) }
    }

    fn wake(&mut self, task: u32, by: By, coalesced: bool) -> Result<(), String> {
        self.counts.wakes += 1;
        let queued = self.ready.contains(&task);
        if !coalesced {
            self.ready.push(task);
        }
        let running = self.running.contains(&task);
        let Some(view) = self.tasks.get_mut(&task) else {
            return self.unknown(format!("task {task} is woken before it was made"));
        };
        let ended = matches!(view.state, TaskState::Ended(_));
        view.woken_by = Some(by);
        view.wakes += u64::from(!coalesced);
        if !running {
            view.state = TaskState::Scheduled;
        }
        match () {
            () if ended => Err(format!("task {task} is woken after its end")),
            () if queued != coalesced && !self.partial => {
                Err(format!("task {task}: queued {queued}, coalesced {coalesced}"))
            }
            () => Ok(()),
        }
    }

    fn poll(&mut self, task: u32, wake: Option<u32>) -> Result<(), String> {
        self.counts.polls += 1;
        self.ready.retain(|other| *other != task);
        self.running.push(task);
        let Some(view) = self.tasks.get_mut(&task) else {
            return self.unknown(format!("task {task} is polled before it was made"));
        };
        let before = std::mem::replace(&mut view.state, TaskState::Running);
        view.polls += 1;
        view.awaited = false;
        view.waited = std::mem::take(&mut view.waits);
        match before {
            TaskState::Ended(_) => Err(format!("task {task} is polled after its end")),
            _ if wake.is_none() => self.unknown(format!("task {task} is polled, and nobody woke it")),
            _ => Ok(()),
        }
    }

    fn end_poll(&mut self, task: u32, result: Ended) -> Result<(), String> {
        let top = self.running.pop();
        let queued = self.ready.contains(&task);
        if let Some(view) = self.tasks.get_mut(&task)
            && result == Ended::Pending
        {
            view.state = if queued { TaskState::Scheduled } else { TaskState::Waiting };
            // The place is that of another await, unless this step has come to wait for the same thing again.
            if !view.awaited && !view.waits.iter().any(|on| view.waited.contains(on)) {
                view.awaits = None;
            }
        }
        if top == Some(task) { Ok(()) } else { self.unknown(format!("a step of task {task} ends, and {top:?} runs")) }
    }

    fn end(&mut self, task: u32, reason: Ended) -> Result<(), String> {
        self.ready.retain(|other| *other != task);
        let Some(view) = self.tasks.get_mut(&task) else {
            return self.unknown(format!("task {task} ends before it was made"));
        };
        match std::mem::replace(&mut view.state, TaskState::Ended(reason)) {
            TaskState::Ended(_) => Err(format!("task {task} ends twice")),
            _ => Ok(()),
        }
    }

    fn end_span(&mut self, task: Option<u32>, name: &str) -> Result<(), String> {
        let Some(view) = task.and_then(|task| self.tasks.get_mut(&task)) else { return Ok(()) };
        match view.spans.pop() {
            Some(innermost) if innermost == name => Ok(()),
            innermost => self.unknown(format!("span {name} ends, and {innermost:?} is the innermost")),
        }
    }

    fn take_timer(&mut self, timer: u32) -> bool {
        self.deadlines.remove(&timer).is_some_and(|deadline| self.timers.remove(&(deadline, timer)))
    }

    fn known_source(&self, source: u32) -> Result<(), String> {
        if self.sources.contains_key(&source) {
            Ok(())
        } else {
            self.unknown(format!("source {source} is not registered"))
        }
    }

    /// A fault, unless the beginning of the run was lost: then its cause may lie there.
    fn unknown(&self, fault: String) -> Result<(), String> {
        if self.partial { Ok(()) } else { Err(fault) }
    }
}
