//! An event as the recorder keeps it.
//!
//! Job: 24 bytes of plain words for each event, so that keeping one is a few stores and two of them with their times
//! share a line of the cache. Neighbours: `recorder.rs` keeps them in its ring, and beside it what differs in length
//! (ready queues, names). Invariants: nothing here owns memory; tasks and timers are numbered from 1, so 0 is none;
//! places and names of spans are `'static`, and are kept as they are.

use std::panic::Location;
use std::time::Instant;

use oneloop::{LoopEvent, StepResult, TaskId, Unpark, WaitsFor, WokenBy};

/// A time that never comes.
pub(crate) const NEVER: u64 = u64::MAX;

/// What a [`LoopEvent`] says, without what it borrows. Times are nanoseconds since the recorder's start, or long.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Raw {
    /// `ready` is how many numbers it has in the ring's list.
    TurnBegin {
        ready: u32,
        timers: u32,
        registrations: u32,
        next_deadline: u64,
    },
    TurnEnd,
    Park(u64),
    Unpark(Unpark),
    IoEvent {
        token: usize,
        readable: bool,
        writable: bool,
    },
    TimerAdd {
        timer: u32,
        task: u32,
        deadline: u64,
    },
    TimerFire(u32),
    TimerCancel(u32),
    Register {
        token: usize,
        task: u32,
        readable: bool,
        writable: bool,
    },
    Deregister(usize),
    Spawn {
        task: u32,
        parent: u32,
        at: &'static Location<'static>,
    },
    /// With a text of the ring's list.
    Name(u32),
    SpanBegin {
        task: u32,
        name: &'static str,
    },
    SpanEnd {
        task: u32,
        name: &'static str,
    },
    /// With a text, its name; this is what for.
    ThreadStart(&'static str),
    /// With a text.
    ThreadEnd,
    Await {
        task: u32,
        at: &'static Location<'static>,
    },
    WaitTimer {
        task: u32,
        timer: u32,
    },
    WaitSource {
        task: u32,
        writable: bool,
        token: usize,
    },
    WaitTask {
        task: u32,
        other: u32,
    },
    WaitFuture(u32),
    WaitLine {
        task: u32,
        name: &'static str,
    },
    WaitPipe(u32),
    Wake {
        task: u32,
        coalesced: bool,
        by: WokenBy,
    },
    PollBegin(u32),
    PollEnd(u32, StepResult),
    Drop(u32, StepResult),
}

const _: () = assert!(size_of::<(u64, Raw)>() == 32, "an event has grown");

impl Raw {
    /// `None` for an event that is newer than this crate. `since` gives a time on the recorder's scale.
    #[inline]
    pub(crate) fn of(event: &LoopEvent<'_>, since: impl Fn(Instant) -> u64) -> Option<Raw> {
        Some(match *event {
            LoopEvent::TurnBegin { ready, timers, next_deadline, registrations } => Raw::TurnBegin {
                ready: ready.len() as u32,
                timers: timers as u32,
                registrations: registrations as u32,
                next_deadline: next_deadline.map_or(NEVER, since),
            },
            LoopEvent::TurnEnd => Raw::TurnEnd,
            LoopEvent::Park { timeout } => Raw::Park(timeout.map_or(NEVER, |time| time.as_nanos() as u64)),
            LoopEvent::Unpark(unpark) => Raw::Unpark(unpark),
            LoopEvent::IoEvent { token, readable, writable } => Raw::IoEvent { token, readable, writable },
            LoopEvent::TimerAdd { timer, deadline, task } => {
                Raw::TimerAdd { timer, task: number(task), deadline: since(deadline) }
            }
            LoopEvent::TimerFire { timer } => Raw::TimerFire(timer),
            LoopEvent::TimerCancel { timer } => Raw::TimerCancel(timer),
            LoopEvent::Register { token, interest, task } => {
                let (readable, writable) = (interest.is_readable(), interest.is_writable());
                Raw::Register { token, task: number(task), readable, writable }
            }
            LoopEvent::Deregister { token } => Raw::Deregister(token),
            LoopEvent::Spawn { task, parent, at } => Raw::Spawn { task: task.number(), parent: number(parent), at },
            LoopEvent::Name { task, .. } => Raw::Name(task.number()),
            LoopEvent::SpanBegin { task, name } => Raw::SpanBegin { task: number(task), name },
            LoopEvent::SpanEnd { task, name } => Raw::SpanEnd { task: number(task), name },
            LoopEvent::ThreadStart { why, .. } => Raw::ThreadStart(why),
            LoopEvent::ThreadEnd { .. } => Raw::ThreadEnd,
            LoopEvent::Await { task, at } => Raw::Await { task: number(task), at },
            LoopEvent::Wait { task, on } => Raw::wait(number(task), on),
            LoopEvent::Wake { task, by, coalesced } => Raw::Wake { task: task.number(), coalesced, by },
            LoopEvent::PollBegin { task } => Raw::PollBegin(task.number()),
            LoopEvent::PollEnd { task, result } => Raw::PollEnd(task.number(), result),
            LoopEvent::Drop { task, reason } => Raw::Drop(task.number(), reason),
            _ => return None,
        })
    }

    fn wait(task: u32, on: WaitsFor) -> Raw {
        match on {
            WaitsFor::Timer(timer) => Raw::WaitTimer { task, timer },
            WaitsFor::Source { token, writable } => Raw::WaitSource { task, writable, token },
            WaitsFor::Task(other) => Raw::WaitTask { task, other: other.number() },
            WaitsFor::Line(name) => Raw::WaitLine { task, name },
            WaitsFor::Pipe => Raw::WaitPipe(task),
            _ => Raw::WaitFuture(task),
        }
    }
}

fn number(task: Option<TaskId>) -> u32 {
    task.map_or(0, TaskId::number)
}
