//! The observer that keeps everything, up to a limit.
//!
//! Job: append what the loop tells to a ring, as it comes and as cheaply as can be: the loop waits for it. What costs
//! more (numbering wakes and sources, texts) is done when the log is asked for. Neighbours: `log.rs` has the form in which
//! it is handed out. Invariants: memory is bounded by the capacity; what was pushed out is counted, never silent; the
//! recorder calls nothing of the loop's but its clock.

use std::cell::{Cell, RefCell};
use std::collections::{HashMap, VecDeque};
use std::panic::Location;
use std::time::Instant;

use oneloop::{LoopEvent, Observer, Stamp, StepResult, WaitsFor, WokenBy};

use crate::log::{By, Ended, Log, On, Record, What};

/// Keeps the last events of a loop. Share it by `Rc`: one with the loop's builder, one to ask afterwards.
#[derive(Debug)]
pub struct Recorder {
    capacity: usize,
    start: Cell<Option<Instant>>,
    ring: RefCell<VecDeque<Raw>>,
    dropped: Cell<u64>,
}

impl Default for Recorder {
    /// Keeps the last 200,000 events: some 15 MB when full.
    fn default() -> Recorder {
        Recorder::with_capacity(200_000)
    }
}

impl Recorder {
    /// Keeps the last `capacity` events. Memory is taken as they come, not at once.
    pub fn with_capacity(capacity: usize) -> Recorder {
        let capacity = capacity.max(1);
        Recorder { capacity, start: Cell::new(None), ring: RefCell::default(), dropped: Cell::new(0) }
    }

    /// What was recorded so far, and how much was lost before it.
    pub fn log(&self) -> Log {
        let mut numbers = Numbers::default();
        let first = self.dropped.get();
        let ring = self.ring.borrow();
        let start = self.start.get();
        let records = ring.iter().zip(first..).map(|(raw, n)| {
            let since = |at: Instant| start.map_or(0, |start| at.saturating_duration_since(start).as_nanos() as u64);
            Record { n, t: since(raw.at), turn: raw.turn, what: numbers.export(&raw.what, since) }
        });
        Log { dropped: first, records: records.collect() }
    }

    fn push(&self, raw: Raw) {
        let mut ring = self.ring.borrow_mut();
        if ring.len() == self.capacity {
            ring.pop_front();
            self.dropped.set(self.dropped.get() + 1);
        }
        ring.push_back(raw);
    }
}

impl Observer for Recorder {
    fn event(&self, stamp: &Stamp<'_>, event: &LoopEvent<'_>) {
        let at = stamp.now();
        if self.start.get().is_none() {
            self.start.set(Some(at));
        }
        if let Some(what) = RawWhat::of(event) {
            self.push(Raw { at, turn: stamp.turn(), what });
        }
    }
}

#[derive(Debug)]
struct Raw {
    at: Instant,
    turn: u64,
    what: RawWhat,
}

/// An event as it came, with what it borrowed copied.
#[derive(Debug)]
enum RawWhat {
    TurnBegin { ready: Box<[u32]>, timers: usize, next_deadline: Option<Instant>, registrations: usize },
    TurnEnd,
    Park(Option<u64>),
    Unpark { events: usize, notified: bool },
    IoEvent { token: usize, readable: bool, writable: bool },
    TimerAdd { timer: u32, deadline: Instant, task: Option<u32> },
    TimerFire(u32),
    TimerCancel(u32),
    Register { token: usize, readable: bool, writable: bool, task: Option<u32> },
    Deregister(usize),
    Spawn { task: u32, parent: Option<u32>, at: &'static Location<'static> },
    Name { task: u32, name: Box<str> },
    SpanBegin { task: Option<u32>, name: &'static str },
    SpanEnd { task: Option<u32>, name: &'static str },
    ThreadStart { name: Box<str>, why: &'static str },
    ThreadEnd(Box<str>),
    Await { task: Option<u32>, at: &'static Location<'static> },
    Wait { task: Option<u32>, on: WaitsFor },
    Wake { task: u32, by: WokenBy, coalesced: bool },
    PollBegin(u32),
    PollEnd(u32, StepResult),
    Drop(u32, StepResult),
}

impl RawWhat {
    /// `None` for an event that is newer than this crate.
    fn of(event: &LoopEvent<'_>) -> Option<RawWhat> {
        Some(match *event {
            LoopEvent::TurnBegin { ready, timers, next_deadline, registrations } => {
                let ready = ready.iter().map(|task| task.number()).collect();
                RawWhat::TurnBegin { ready, timers, next_deadline, registrations }
            }
            LoopEvent::TurnEnd => RawWhat::TurnEnd,
            LoopEvent::Park { timeout } => RawWhat::Park(timeout.map(|time| time.as_nanos() as u64)),
            LoopEvent::Unpark(unpark) => RawWhat::Unpark { events: unpark.events, notified: unpark.notified },
            LoopEvent::IoEvent { token, readable, writable } => RawWhat::IoEvent { token, readable, writable },
            LoopEvent::TimerAdd { timer, deadline, task } => {
                RawWhat::TimerAdd { timer, deadline, task: task.map(|task| task.number()) }
            }
            LoopEvent::TimerFire { timer } => RawWhat::TimerFire(timer),
            LoopEvent::TimerCancel { timer } => RawWhat::TimerCancel(timer),
            LoopEvent::Register { token, interest, task } => {
                let (readable, writable) = (interest.is_readable(), interest.is_writable());
                RawWhat::Register { token, readable, writable, task: task.map(|task| task.number()) }
            }
            LoopEvent::Deregister { token } => RawWhat::Deregister(token),
            LoopEvent::Spawn { task, parent, at } => {
                RawWhat::Spawn { task: task.number(), parent: parent.map(|task| task.number()), at }
            }
            LoopEvent::Name { task, name } => RawWhat::Name { task: task.number(), name: name.into() },
            LoopEvent::SpanBegin { task, name } => RawWhat::SpanBegin { task: task.map(|task| task.number()), name },
            LoopEvent::SpanEnd { task, name } => RawWhat::SpanEnd { task: task.map(|task| task.number()), name },
            LoopEvent::ThreadStart { name, why } => RawWhat::ThreadStart { name: name.into(), why },
            LoopEvent::ThreadEnd { name } => RawWhat::ThreadEnd(name.into()),
            LoopEvent::Await { task, at } => RawWhat::Await { task: task.map(|task| task.number()), at },
            LoopEvent::Wait { task, on } => RawWhat::Wait { task: task.map(|task| task.number()), on },
            LoopEvent::Wake { task, by, coalesced } => RawWhat::Wake { task: task.number(), by, coalesced },
            LoopEvent::PollBegin { task } => RawWhat::PollBegin(task.number()),
            LoopEvent::PollEnd { task, result } => RawWhat::PollEnd(task.number(), result),
            LoopEvent::Drop { task, reason } => RawWhat::Drop(task.number(), reason),
            _ => return None,
        })
    }
}

/// Gives small numbers to what the loop names by large ones, and links a poll to the wake that led to it.
#[derive(Default)]
struct Numbers {
    sources: HashMap<usize, u32>,
    wakes: u32,
    /// The wake of each task that has not led to a poll yet.
    pending: HashMap<u32, u32>,
}

impl Numbers {
    /// In order of first appearance, from 1.
    fn source(&mut self, token: usize) -> u32 {
        let next = self.sources.len() as u32 + 1;
        *self.sources.entry(token).or_insert(next)
    }

    fn on(&mut self, on: WaitsFor) -> On {
        match on {
            WaitsFor::Timer(timer) => On::Timer(timer),
            WaitsFor::Source { token, writable: false } => On::Readable(self.source(token)),
            WaitsFor::Source { token, writable: true } => On::Writable(self.source(token)),
            WaitsFor::Task(task) => On::Task(task.number()),
            WaitsFor::Line(name) => On::Line(name.into()),
            WaitsFor::Pipe => On::Pipe,
            _ => On::Future,
        }
    }

    fn wake(&mut self, task: u32, coalesced: bool) -> u32 {
        match self.pending.get(&task) {
            Some(first) if coalesced => *first,
            _ => {
                self.wakes += 1;
                self.pending.insert(task, self.wakes);
                self.wakes
            }
        }
    }

    fn export(&mut self, raw: &RawWhat, since: impl Fn(Instant) -> u64) -> What {
        match *raw {
            RawWhat::TurnBegin { ref ready, timers, next_deadline, registrations } => What::TurnBegin {
                ready: ready.to_vec(),
                timers,
                next_deadline: next_deadline.map(since),
                registrations,
            },
            RawWhat::TurnEnd => What::TurnEnd,
            RawWhat::Park(timeout) => What::Park { timeout },
            RawWhat::Unpark { events, notified } => What::Unpark { events, notified },
            RawWhat::IoEvent { token, readable, writable } => {
                What::IoEvent { source: self.source(token), readable, writable }
            }
            RawWhat::TimerAdd { timer, deadline, task } => What::TimerAdd { timer, deadline: since(deadline), task },
            RawWhat::TimerFire(timer) => What::TimerFire { timer },
            RawWhat::TimerCancel(timer) => What::TimerCancel { timer },
            RawWhat::Register { token, readable, writable, task } => {
                What::Register { source: self.source(token), readable, writable, task }
            }
            RawWhat::Deregister(token) => What::Deregister { source: self.source(token) },
            RawWhat::Spawn { task, parent, at } => What::Spawn { task, parent, at: at.to_string() },
            RawWhat::Name { task, ref name } => What::Name { task, name: name.to_string() },
            RawWhat::SpanBegin { task, name } => What::SpanBegin { task, name: name.into() },
            RawWhat::SpanEnd { task, name } => What::SpanEnd { task, name: name.into() },
            RawWhat::ThreadStart { ref name, why } => {
                What::ThreadStart { name: name.to_string(), why: why.to_string() }
            }
            RawWhat::ThreadEnd(ref name) => What::ThreadEnd { name: name.to_string() },
            RawWhat::Await { task, at } => What::Await { task, at: at.to_string() },
            RawWhat::Wait { task, on } => What::Wait { task, on: self.on(on) },
            RawWhat::Wake { task, by, coalesced } => {
                let by = match by {
                    WokenBy::Io(token) => By::Io(self.source(token)),
                    WokenBy::Timer => By::Timer,
                    WokenBy::Task(task) => By::Task(task.number()),
                    WokenBy::Itself => By::Itself,
                    WokenBy::Callback => By::Callback,
                    WokenBy::Outside => By::Thread,
                };
                What::Wake { wake: self.wake(task, coalesced), task, by, coalesced }
            }
            RawWhat::PollBegin(task) => What::PollBegin { task, wake: self.pending.remove(&task) },
            RawWhat::PollEnd(task, result) => What::PollEnd { task, result: result.into() },
            RawWhat::Drop(task, reason) => What::Drop { task, reason: reason.into() },
        }
    }
}

impl From<StepResult> for Ended {
    fn from(result: StepResult) -> Ended {
        match result {
            StepResult::Pending => Ended::Pending,
            StepResult::Done => Ended::Done,
            StepResult::Cancelled => Ended::Cancelled,
            StepResult::Panicked => Ended::Panicked,
        }
    }
}
