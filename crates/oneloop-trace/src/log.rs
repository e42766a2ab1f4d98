//! What was recorded, in the form that every picture is made from.
//!
//! Job: the one schema. A log is JSON as it stands (serde), so that another language's loop can write one, too.
//! Neighbours: `recorder.rs` makes logs, `fold.rs`, `chrome.rs` and the page read them. Invariants: `n` counts without
//! a gap, `t` never falls, tasks, timers, sources and wakes are numbered from 1.

use serde::{Deserialize, Serialize};

/// A recorded run, or the end of one.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Log {
    /// How many earlier events were pushed out of the ring.
    pub dropped: u64,
    /// The events, in order.
    pub records: Vec<Record>,
}

/// One event.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// Its number. With nothing dropped the first one has 0.
    pub n: u64,
    /// Nanoseconds since the first event, on the loop's clock.
    pub t: u64,
    /// The turn, from 1; 0 before the first.
    pub turn: u64,
    /// What happened.
    #[serde(flatten)]
    pub what: What,
}

/// What happened. Times are nanoseconds on the scale of [`Record::t`].
#[allow(missing_docs, reason = "the fields say what their names say; the variants have the words")]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum What {
    /// A turn begins. The snapshot is the loop's own; a fold must have come to the same.
    TurnBegin { ready: Vec<u32>, timers: usize, next_deadline: Option<u64>, registrations: usize },
    /// A turn ends.
    TurnEnd,
    /// The loop goes into the selector, for `timeout` at most; without one until something happens.
    Park { timeout: Option<u64> },
    /// It comes out. `notified`: another thread rang.
    Unpark { events: usize, notified: bool },
    /// A source has news.
    IoEvent { source: u32, readable: bool, writable: bool },
    /// A timer is added, by the step of `task` if there is one.
    TimerAdd { timer: u32, deadline: u64, task: Option<u32> },
    /// A timer is due, and queued.
    TimerFire { timer: u32 },
    /// A timer is taken back.
    TimerCancel { timer: u32 },
    /// A source is registered with the selector.
    Register { source: u32, readable: bool, writable: bool, task: Option<u32> },
    /// A source is gone.
    Deregister { source: u32 },
    /// A task is made, at this place in somebody's source.
    Spawn { task: u32, parent: Option<u32>, at: String },
    /// A task gets another name than `Task-N`.
    Name { task: u32, name: String },
    /// A stretch of a task's work begins.
    SpanBegin { task: Option<u32>, name: String },
    /// And ends.
    SpanEnd { task: Option<u32>, name: String },
    /// A thread was started.
    ThreadStart { name: String, why: String },
    /// A thread has ended.
    ThreadEnd { name: String },
    /// A step has come to an `.await` in somebody's source.
    Await { task: Option<u32>, at: String },
    /// A step can't go on: it waits for this. It may say so several times.
    Wait { task: Option<u32>, on: On },
    /// A task is woken. One that was in the queue already is not queued again (`coalesced`).
    Wake { wake: u32, task: u32, by: By, coalesced: bool },
    /// A task's step begins, because of this wake.
    PollBegin { task: u32, wake: Option<u32> },
    /// A task's step ends.
    PollEnd { task: u32, result: Ended },
    /// A task is gone.
    Drop { task: u32, reason: Ended },
}

/// What a task waits for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum On {
    /// This timer.
    Timer(u32),
    /// This source, until it can be read from.
    Readable(u32),
    /// This source, until it can be written to.
    Writable(u32),
    /// The end of this task.
    Task(u32),
    /// A future that somebody settles.
    Future,
    /// A turn at a lock, an event or a queue: `Lock.acquire`.
    Line(String),
    /// The other end of a pipe in memory.
    Pipe,
}

/// Who woke a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum By {
    /// The selector, for this source.
    Io(u32),
    /// A timer.
    Timer,
    /// The step of this task.
    Task(u32),
    /// Its own step.
    #[serde(rename = "self")]
    Itself,
    /// A callback.
    Callback,
    /// Another thread, or code between two runs.
    Thread,
}

/// How a step or a task ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ended {
    /// It waits.
    Pending,
    /// With a value or an error.
    Done,
    /// It was cancelled.
    Cancelled,
    /// It panicked.
    Panicked,
}
