//! The observer that keeps everything, up to a limit.
//!
//! Job: append what the loop tells to a ring, as it comes and as cheaply as can be: the loop waits for it. What costs
//! more (numbering wakes and sources, texts) is done when the log is asked for. Neighbours: `raw.rs` has an event as it
//! is kept, `log.rs` the form in which it is handed out. Invariants: memory is bounded by the capacity; what was pushed
//! out is counted, never silent; the recorder calls nothing of the loop's but its clock.
//!
//! **The clock is read where time may have passed**, since a reading costs as much as everything else about an event:
//! when a turn, a step, a span or a thread begins or ends, when the selector comes back from a park with news or
//! without, and for what a callback does. What a step does is stamped with the last reading before it. `cargo xtask
//! hooks` measures the whole.

use std::cell::{Cell, RefCell};
use std::collections::{HashMap, VecDeque};
use std::time::Instant;

use oneloop::{LoopEvent, Observer, Stamp, StepResult, WokenBy};

use crate::log::{By, Ended, Log, On, Record, What};
use crate::raw::{NEVER, Raw};

/// Keeps the last events of a loop. Share it by `Rc`: one with the loop's builder, one to ask afterwards.
#[derive(Debug)]
pub struct Recorder {
    capacity: usize,
    ring: RefCell<Ring>,
    clock: Reading,
}

impl Default for Recorder {
    /// Keeps the last 200,000 events: some 7 MB when full.
    fn default() -> Recorder {
        Recorder::with_capacity(200_000)
    }
}

impl Recorder {
    /// Keeps the last `capacity` events, of 32 bytes each, and what the names of tasks and threads take. Memory is taken
    /// as they come, not at once.
    pub fn with_capacity(capacity: usize) -> Recorder {
        Recorder { capacity: capacity.max(1), ring: RefCell::default(), clock: Reading::default() }
    }

    /// What was recorded so far, and how much was lost before it.
    pub fn log(&self) -> Log {
        let mut numbers = Numbers::default();
        let ring = self.ring.borrow();
        let (mut turn, mut ready, mut texts) = (ring.turn, ring.ready.iter(), ring.texts.iter());
        let records = ring.events.iter().zip(ring.dropped..).map(|((t, raw), n)| {
            turn += u64::from(matches!(raw, Raw::TurnBegin { .. }));
            Record { n, t: *t, turn, what: numbers.export(raw, &mut ready, &mut texts) }
        });
        Log { dropped: ring.dropped, records: records.collect() }
    }
}

impl Observer for Recorder {
    fn event(&self, stamp: &Stamp<'_>, event: &LoopEvent<'_>) {
        let t = self.clock.stamp(stamp, event);
        let mut ring = self.ring.borrow_mut();
        let Some(raw) = Raw::of(event, |at| self.clock.since_start(at)) else { return };
        if ring.events.len() >= self.capacity {
            ring.forget_oldest();
        }
        match *event {
            LoopEvent::TurnBegin { ready, .. } => ring.ready.extend(ready.iter().map(|task| task.number())),
            LoopEvent::Name { name, .. } | LoopEvent::ThreadStart { name, .. } | LoopEvent::ThreadEnd { name } => {
                ring.texts.push_back(name.into());
            }
            _ => {}
        }
        ring.events.push_back((t, raw));
    }
}

/// The last events, and beside them what some of them have that differs in length, in the same order.
#[derive(Debug, Default)]
struct Ring {
    /// With nanoseconds since the first event.
    events: VecDeque<(u64, Raw)>,
    /// The ready queues of the turns.
    ready: VecDeque<u32>,
    /// Names.
    texts: VecDeque<Box<str>>,
    /// How many events were pushed out, and how many turns began among them: turns are counted from 1.
    dropped: u64,
    turn: u64,
}

impl Ring {
    fn forget_oldest(&mut self) {
        self.dropped += 1;
        match self.events.pop_front() {
            Some((_, Raw::TurnBegin { ready, .. })) => {
                self.turn += 1;
                drop(self.ready.drain(..ready as usize));
            }
            Some((_, Raw::Name(_) | Raw::ThreadStart(_) | Raw::ThreadEnd)) => drop(self.texts.pop_front()),
            _ => {}
        }
    }
}

/// The last reading of the clock.
#[derive(Debug, Default)]
struct Reading {
    start: Cell<Option<Instant>>,
    last: Cell<u64>,
    /// How many steps are on the stack.
    steps: Cell<u32>,
    /// The loop went into the selector, and nothing has come from there since.
    parked: Cell<bool>,
}

impl Reading {
    fn stamp(&self, stamp: &Stamp<'_>, event: &LoopEvent<'_>) -> u64 {
        if self.passes(event) {
            self.last.set(self.since_start(stamp.now()));
        }
        self.last.get()
    }

    /// Whether time may have passed since the last event: else only the loop's own work has, or a part of a step.
    fn passes(&self, event: &LoopEvent<'_>) -> bool {
        match event {
            LoopEvent::PollBegin { .. } => self.steps.set(self.steps.get() + 1),
            LoopEvent::PollEnd { .. } => self.steps.set(self.steps.get().saturating_sub(1)),
            LoopEvent::Park { .. } => {
                self.parked.set(true);
                return false;
            }
            // The first piece of news may come a long time after the park began; the others come with it.
            LoopEvent::IoEvent { .. } => return self.parked.take(),
            LoopEvent::Unpark(_) => self.parked.set(false),
            LoopEvent::TurnBegin { .. } | LoopEvent::TurnEnd => {}
            LoopEvent::SpanBegin { .. } | LoopEvent::SpanEnd { .. } => {}
            LoopEvent::ThreadStart { .. } | LoopEvent::ThreadEnd { .. } => {}
            LoopEvent::Drop { .. } => return false,
            LoopEvent::Wake { by: WokenBy::Io(_), .. } => return false,
            _ => return self.steps.get() == 0,
        }
        true
    }

    /// Nanoseconds since the first event; 0 for what was before.
    fn since_start(&self, at: Instant) -> u64 {
        let start = self.start.get().unwrap_or_else(|| {
            self.start.set(Some(at));
            at
        });
        at.saturating_duration_since(start).as_nanos() as u64
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

    fn export<'a>(
        &mut self,
        raw: &Raw,
        ready: &mut impl Iterator<Item = &'a u32>,
        texts: &mut impl Iterator<Item = &'a Box<str>>,
    ) -> What {
        let mut text = || texts.next().map(ToString::to_string).unwrap_or_default();
        let some = |task| (task != 0).then_some(task);
        match *raw {
            Raw::TurnBegin { ready: count, timers, next_deadline, registrations } => What::TurnBegin {
                ready: ready.take(count as usize).copied().collect(),
                timers: timers as usize,
                next_deadline: (next_deadline != NEVER).then_some(next_deadline),
                registrations: registrations as usize,
            },
            Raw::TurnEnd => What::TurnEnd,
            Raw::Park(timeout) => What::Park { timeout: (timeout != NEVER).then_some(timeout) },
            Raw::Unpark(unpark) => What::Unpark { events: unpark.events, notified: unpark.notified },
            Raw::IoEvent { token, readable, writable } => {
                What::IoEvent { source: self.source(token), readable, writable }
            }
            Raw::TimerAdd { timer, deadline, task } => What::TimerAdd { timer, deadline, task: some(task) },
            Raw::TimerFire(timer) => What::TimerFire { timer },
            Raw::TimerCancel(timer) => What::TimerCancel { timer },
            Raw::Register { token, readable, writable, task } => {
                What::Register { source: self.source(token), readable, writable, task: some(task) }
            }
            Raw::Deregister(token) => What::Deregister { source: self.source(token) },
            Raw::Spawn { task, parent, at } => What::Spawn { task, parent: some(parent), at: at.to_string() },
            Raw::Name(task) => What::Name { task, name: text() },
            Raw::SpanBegin { task, name } => What::SpanBegin { task: some(task), name: name.into() },
            Raw::SpanEnd { task, name } => What::SpanEnd { task: some(task), name: name.into() },
            Raw::ThreadStart(why) => What::ThreadStart { name: text(), why: why.to_string() },
            Raw::ThreadEnd => What::ThreadEnd { name: text() },
            Raw::Await { task, at } => What::Await { task: some(task), at: at.to_string() },
            Raw::WaitTimer { task, timer } => What::Wait { task: some(task), on: On::Timer(timer) },
            Raw::WaitSource { task, token, writable } => {
                let source = self.source(token);
                What::Wait { task: some(task), on: if writable { On::Writable(source) } else { On::Readable(source) } }
            }
            Raw::WaitTask { task, other } => What::Wait { task: some(task), on: On::Task(other) },
            Raw::WaitFuture(task) => What::Wait { task: some(task), on: On::Future },
            Raw::WaitLine { task, name } => What::Wait { task: some(task), on: On::Line(name.into()) },
            Raw::WaitPipe(task) => What::Wait { task: some(task), on: On::Pipe },
            Raw::Wake { task, by, coalesced } => {
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
            Raw::PollBegin(task) => What::PollBegin { task, wake: self.pending.remove(&task) },
            Raw::PollEnd(task, result) => What::PollEnd { task, result: result.into() },
            Raw::Drop(task, reason) => What::Drop { task, reason: reason.into() },
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
