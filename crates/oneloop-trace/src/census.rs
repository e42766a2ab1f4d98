//! What every task is doing now: kept while the loop runs, read from anywhere, also while the loop is stuck.
//!
//! Job: an observer that keeps, of each task that lives, its name, its state and since when, what it waits for, where
//! it was made and where it awaited last; and of the loop, which step it is in. A [`Snapshot`] is a copy of that.
//! Neighbours: `tasks.rs` prints a snapshot as a table and a tree; `watchdog.rs` reads from its thread. Invariants:
//! memory is a few hundred bytes a task that lives; the lock is held for one event or one copy, never while anything is
//! printed; the observer calls nothing of the loop's but its clock.
//!
//! Counterparts: `python -m asyncio ps` and `pstree` (3.14), which read the interpreter's memory from outside; in .NET
//! `dotnet-dump`'s `dumpasync`, which reads a dump of it.

use std::collections::{BTreeMap, HashMap};
use std::panic::Location;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use oneloop::{LoopEvent, LoopRef, Observer, Stamp, StepResult, TaskId, WaitsFor};

/// Keeps what every task is doing. Give it to the loop's builder, and its [`reader`](Census::reader) to whoever asks.
///
/// ```
/// use std::{rc::Rc, time::Duration};
/// let census = Rc::new(oneloop_trace::Census::default());
/// let reader = census.reader();
/// let event_loop = oneloop::EventLoop::builder().virtual_clock(true).observer(census).build()?;
/// event_loop.run_until_complete(async move {
///     let sleeps = oneloop::create_task(oneloop::sleep(Duration::from_millis(5)));
///     oneloop::yield_now().await?;
///     let text = oneloop_trace::tasks_text(&reader.snapshot(oneloop::get_running_loop()?.time()));
///     assert!(text.contains("a timer, due in 5.0 ms"), "{text}");
///     sleeps.await
/// })?;
/// # Ok::<(), oneloop::Error>(())
/// ```
#[derive(Debug, Default)]
pub struct Census(Arc<Mutex<State>>);

/// Reads a [`Census`], on any thread.
#[derive(Clone, Debug)]
pub struct CensusReader(Arc<Mutex<State>>);

impl Census {
    /// What reads it.
    pub fn reader(&self) -> CensusReader {
        CensusReader(self.0.clone())
    }
}

impl CensusReader {
    /// How things stand. `now` is on the loop's clock: what the snapshot's times are counted back from.
    pub fn snapshot(&self, now: Instant) -> Snapshot {
        lock(&self.0).snapshot(now)
    }

    /// Since when the loop has been busy with one thing, and with which task's step; `None` while it is parked, or not
    /// in a turn. A turn is one thing when no task is stepped in it.
    pub fn busy(&self) -> Option<Busy> {
        lock(&self.0).busy
    }
}

/// One thing that the loop does, during which it can do nothing else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Busy {
    /// The task whose step it is; else it is a callback, or the loop itself.
    pub task: Option<u32>,
    /// When it began, on the loop's clock.
    pub since: Instant,
    /// In which turn.
    pub turn: u64,
    /// Tells it from all others.
    pub number: u64,
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A place in the source. It is written out when a snapshot is printed: not while the lock is held.
type Place = &'static Location<'static>;

#[derive(Debug, Default)]
struct State {
    tasks: HashMap<u32, Known>,
    timers: HashMap<u32, Instant>,
    /// Sources by token, numbered in the order of their making. So does the recorder, if its ring has dropped nothing.
    sources: HashMap<usize, u32>,
    numbered: u32,
    began: Option<Instant>,
    turn: u64,
    busy: Option<Busy>,
    /// Steps within steps: an eager task is stepped inside of the step that makes it.
    outer: Vec<Busy>,
    /// How many things the loop has been busy with.
    count: u64,
    threads: Vec<(String, &'static str)>,
}

/// What is kept of a task.
#[derive(Debug)]
struct Known {
    name: Option<Box<str>>,
    parent: Option<u32>,
    at: Place,
    doing: Doing,
    since: Instant,
    polls: u64,
    waits: Vec<WaitsFor>,
    /// What it had waited for when the step before ended.
    waited: Vec<WaitsFor>,
    awaits: Option<Place>,
    /// The step that runs, or has run last, has said where it awaits.
    awaited: bool,
    spans: Vec<&'static str>,
}

/// What a task is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Doing {
    /// Its step is running.
    Running,
    /// It is in the ready queue.
    Scheduled,
    /// It waits for a wake.
    Waiting,
}

/// How things stood at a moment.
#[derive(Clone, Debug)]
pub struct Snapshot {
    /// Since the first event, if that is known.
    pub age: Option<Duration>,
    /// The turn.
    pub turn: u64,
    /// The tasks that live, in the order of their making.
    pub tasks: Vec<TaskNow>,
    /// Timers that are armed.
    pub timers: usize,
    /// Sources that are registered.
    pub sources: usize,
    /// Threads beside the loop's that it was told of: name, and what for.
    pub threads: Vec<(String, String)>,
}

/// One task at that moment.
#[derive(Clone, Debug)]
pub struct TaskNow {
    /// Its number.
    pub number: u32,
    /// Its name.
    pub name: String,
    /// What it is doing.
    pub doing: Doing,
    /// For how long, if that is known.
    pub since: Option<Duration>,
    /// Its steps, if they were counted.
    pub polls: Option<u64>,
    /// What it waits for. Empty while it is not waiting, or if it waits for something of another crate.
    pub waits: Vec<WaitNow>,
    /// The stretch of its work that it is in: a phase of a request.
    pub span: Option<String>,
    /// Where it awaits, if what it waits for says so: a sleep, a task, a settable future. While its step runs: where it
    /// awaited last.
    pub awaits: Option<&'static Location<'static>>,
    /// Where it was made.
    pub at: Option<&'static Location<'static>>,
    /// The task in whose step it was made.
    pub parent: Option<u32>,
}

/// What a task waits for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WaitNow {
    /// A timer, and when it is due; `None` once it was due, and is queued.
    Timer(Option<Duration>),
    /// A source, by its number, until it can be written to (true) or read from.
    Source(u32, bool),
    /// The end of a task.
    Task(u32),
    /// A future that somebody settles.
    Future,
    /// A turn at a lock, an event or a queue.
    Line(&'static str),
    /// The other end of a pipe in memory.
    Pipe,
}

impl Observer for Census {
    fn event(&self, stamp: &Stamp<'_>, event: &LoopEvent<'_>) {
        lock(&self.0).event(stamp, event);
    }
}

impl State {
    fn event(&mut self, stamp: &Stamp<'_>, event: &LoopEvent<'_>) {
        self.turn = stamp.turn();
        match *event {
            LoopEvent::TurnBegin { .. } | LoopEvent::Unpark(_) => drop(self.begin(stamp, None)),
            LoopEvent::Park { .. } | LoopEvent::TurnEnd => self.busy = None,
            LoopEvent::TimerAdd { timer, deadline, .. } => drop(self.timers.insert(timer, deadline)),
            LoopEvent::TimerFire { timer } | LoopEvent::TimerCancel { timer } => drop(self.timers.remove(&timer)),
            LoopEvent::Register { token, .. } => {
                self.numbered += 1;
                self.sources.insert(token, self.numbered);
            }
            LoopEvent::Deregister { token } => drop(self.sources.remove(&token)),
            LoopEvent::Spawn { task, parent, at } => self.spawn(stamp, task, parent, at),
            LoopEvent::Name { task, name } => self.with(Some(task), |known| known.name = Some(name.into())),
            LoopEvent::SpanBegin { task, name } => self.with(task, |known| known.spans.push(name)),
            LoopEvent::SpanEnd { task, .. } => self.with(task, |known| {
                known.spans.pop();
            }),
            LoopEvent::ThreadStart { name, why } => self.threads.push((name.into(), why)),
            LoopEvent::ThreadEnd { name } => self.threads.retain(|(other, _)| other != name),
            LoopEvent::Await { task, at } => self.with(task, |known| (known.awaits, known.awaited) = (Some(at), true)),
            LoopEvent::Wait { task, on } => self.with(task, |known| {
                if !known.waits.contains(&on) {
                    known.waits.push(on);
                }
            }),
            LoopEvent::Wake { task, coalesced: false, .. } => {
                let now = stamp.now();
                // One that is woken during its own step is scheduled for another.
                self.with(Some(task), |known| {
                    (known.doing, known.since) = (Doing::Scheduled, now);
                });
            }
            LoopEvent::PollBegin { task } => {
                let now = self.begin(stamp, Some(task.number()));
                self.with(Some(task), |known| {
                    (known.doing, known.since) = (Doing::Running, now);
                    known.polls += 1;
                    known.awaited = false;
                    known.waited = std::mem::take(&mut known.waits);
                });
            }
            LoopEvent::PollEnd { task, result } => self.end_poll(stamp, task, result),
            LoopEvent::Drop { task, .. } => drop(self.tasks.remove(&task.number())),
            _ => {}
        }
    }

    fn with(&mut self, task: Option<TaskId>, change: impl FnOnce(&mut Known)) {
        if let Some(known) = task.and_then(|task| self.tasks.get_mut(&task.number())) {
            change(known);
        }
    }

    /// The loop begins something that keeps all else waiting.
    fn begin(&mut self, stamp: &Stamp<'_>, task: Option<u32>) -> Instant {
        let since = stamp.now();
        self.began.get_or_insert(since);
        self.count += 1;
        let before = self.busy.replace(Busy { task, since, turn: stamp.turn(), number: self.count });
        self.outer.extend(before.filter(|before| task.is_some() && before.task.is_some()));
        since
    }

    fn spawn(&mut self, stamp: &Stamp<'_>, task: TaskId, parent: Option<TaskId>, at: Place) {
        let known = Known {
            name: None,
            parent: parent.map(TaskId::number),
            at,
            doing: Doing::Waiting,
            since: stamp.now(),
            polls: 0,
            waits: Vec::new(),
            waited: Vec::new(),
            awaits: None,
            awaited: false,
            spans: Vec::new(),
        };
        self.tasks.insert(task.number(), known);
    }

    fn end_poll(&mut self, stamp: &Stamp<'_>, task: TaskId, result: StepResult) {
        let now = match self.outer.pop() {
            Some(outer) => {
                self.busy = Some(outer);
                stamp.now()
            }
            None => self.begin(stamp, None),
        };
        if result == StepResult::Pending {
            self.with(Some(task), |known| {
                // It may have been woken during its own step.
                let doing = if known.doing == Doing::Running { Doing::Waiting } else { known.doing };
                (known.doing, known.since) = (doing, now);
                // The place is that of another await, unless this step has come to wait for the same thing again.
                if !known.awaited && !known.waits.iter().any(|on| known.waited.contains(on)) {
                    known.awaits = None;
                }
            });
        }
    }

    fn snapshot(&self, now: Instant) -> Snapshot {
        let by_number: BTreeMap<u32, &Known> = self.tasks.iter().map(|(number, known)| (*number, known)).collect();
        let running: Vec<u32> = self.outer.iter().chain(&self.busy).filter_map(|busy| busy.task).collect();
        let tasks = by_number.into_iter().map(|(number, known)| {
            let doing = if running.contains(&number) { Doing::Running } else { known.doing };
            let due = |on: &WaitsFor| match on {
                WaitsFor::Timer(timer) => self.timers.get(timer).copied(),
                _ => None,
            };
            let source = |token| self.sources.get(&token).copied().unwrap_or_default();
            let wait = |on: &WaitsFor| wait_now(on, due(on), now, source);
            TaskNow {
                number,
                name: known.name.as_deref().map_or_else(|| format!("Task-{number}"), str::to_owned),
                doing,
                since: Some(now.saturating_duration_since(known.since)),
                polls: Some(known.polls),
                waits: if doing == Doing::Waiting { known.waits.iter().map(wait).collect() } else { Vec::new() },
                span: known.spans.last().map(|span| (*span).to_owned()),
                awaits: known.awaits,
                at: Some(known.at),
                parent: known.parent,
            }
        });
        Snapshot {
            age: self.began.map(|began| now.saturating_duration_since(began)),
            turn: self.turn,
            tasks: tasks.collect(),
            timers: self.timers.len(),
            sources: self.sources.len(),
            threads: self.threads.iter().map(|(name, why)| (name.clone(), (*why).to_owned())).collect(),
        }
    }
}

impl Snapshot {
    /// How things stand in a loop that has no census: by looking. Nothing is known of what was before, so neither since
    /// when nor how many steps.
    pub fn look(event_loop: &LoopRef) -> Snapshot {
        let now = event_loop.time();
        let (timers, sources) = event_loop.timers_and_sources();
        let tasks = event_loop.look_at_tasks().into_iter().map(|look| TaskNow {
            number: look.task.id().number(),
            name: look.task.get_name(),
            doing: match (look.running, look.scheduled) {
                (true, _) => Doing::Running,
                (false, true) => Doing::Scheduled,
                (false, false) => Doing::Waiting,
            },
            since: None,
            polls: None,
            waits: look.waits.iter().map(|(on, due)| wait_now(on, *due, now, number_of_source)).collect(),
            span: None,
            awaits: None,
            at: None,
            parent: None,
        });
        Snapshot { age: None, turn: event_loop.turn(), tasks: tasks.collect(), timers, sources, threads: Vec::new() }
    }
}

/// The number of a source that a census would have given it, had it seen all since the loop was made.
fn number_of_source(token: usize) -> u32 {
    (token >> (usize::BITS / 2)) as u32
}

/// A wait as a snapshot has it. `source` gives the number of a source.
fn wait_now(on: &WaitsFor, due: Option<Instant>, now: Instant, source: impl Fn(usize) -> u32) -> WaitNow {
    match *on {
        WaitsFor::Timer(_) => WaitNow::Timer(due.map(|due| due.saturating_duration_since(now))),
        WaitsFor::Source { token, writable } => WaitNow::Source(source(token), writable),
        WaitsFor::Task(task) => WaitNow::Task(task.number()),
        WaitsFor::Line(name) => WaitNow::Line(name),
        WaitsFor::Pipe => WaitNow::Pipe,
        _ => WaitNow::Future,
    }
}

/// Several observers of one loop, told in this order.
pub struct Several(pub Vec<std::rc::Rc<dyn Observer>>);

impl Observer for Several {
    fn event(&self, stamp: &Stamp<'_>, event: &LoopEvent<'_>) {
        self.0.iter().for_each(|observer| observer.event(stamp, event));
    }
}

impl std::fmt::Debug for Several {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Several").field(&self.0.len()).finish()
    }
}
