//! What the tasks of a run share: how many probes are in flight, what waits for a place, and how the run ends.
//!
//! Neighbours: the feeder in `rounds` asks for room and starts jobs, `place` gives the room back, `settle` says what
//! follows from a result, `showing` prints. Invariant: whatever changes the room calls [`Engine::pump`] afterwards.
//! Counterparts: the state behind `asyncio.Semaphore`; `SemaphoreSlim` in .NET.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;
use std::time::{Duration, Instant};

use oneloop::{LoopRef, SettableFuture, Task};
use oneloop_http::Exchange;

use super::Parts;
use super::announced::Announced;
use super::hosts::Hosts;
use super::pace::{Governor, Rate};
use super::place::Place;
use crate::cli::Rounds;
use crate::exit::Ending;
use crate::input::{Input, Size};
use crate::job::Job;
use crate::output::Output;
use crate::probe::Prober;
use crate::report::Reporter;
use crate::stderr::Stderr;
use crate::target::Target;

/// Everything that tasks of a run share.
pub(super) struct Engine {
    pub(super) event_loop: LoopRef,
    pub(super) prober: Prober,
    pub(super) reporter: RefCell<Reporter>,
    pub(super) output: Rc<Output>,
    pub(super) errors: Rc<Stderr>,
    pub(super) recorded: bool,
    pub(super) max_time: Duration,
    /// What the demo's site said of itself beforehand.
    pub(super) announced: Announced,
    pub(super) in_flight: Cell<usize>,
    /// How many may be in flight: `--parallel-max`, less when descriptors ran out.
    pub(super) capacity: Cell<usize>,
    pub(super) lowered_to: Cell<Option<usize>>,
    /// It was said that descriptors ran out.
    pub(super) lack_told: Cell<bool>,
    pub(super) hosts: Option<Hosts>,
    pub(super) rate: Option<Rate>,
    pub(super) governor: Governor,
    pub(super) rounds: Rounds,
    pub(super) round: Cell<u64>,
    /// How many URLs have been taken from lists, all rounds together: the number of the next start.
    pub(super) started: Cell<u64>,
    /// When the next start is due: since then it has only waited for the feeder.
    pub(super) slot: Cell<Instant>,
    /// Probes that are to be started before anything new: repeated ones, those that found no descriptor, those that have
    /// got a place at their host.
    pub(super) again: RefCell<VecDeque<Job>>,
    /// Those that wait for `--retry-delay` to pass, the next one first.
    pub(super) delayed: RefCell<VecDeque<Job>>,
    /// Of this round, those that failed and may pass in another one; only with `--until-ok`.
    pub(super) failed: RefCell<Vec<Target>>,
    /// Of all rounds, those that can never pass.
    pub(super) hopeless: Cell<usize>,
    /// Of `--until-ok`, how many have not passed in the end.
    pub(super) never_passed: Cell<Option<usize>>,
    /// A probe has failed and `--fail-early` was asked for.
    pub(super) failed_early: Cell<bool>,
    /// The probes in flight; only with `--fail-early`.
    pub(super) tasks: RefCell<Vec<Task<()>>>,
    /// What the feeder waits for, if it does.
    pub(super) room: RefCell<Option<SettableFuture<()>>>,
    pub(super) held_back: Cell<u64>,
    /// How far the list has been read.
    pub(super) read: Cell<Size>,
    pub(super) input_ended: Cell<bool>,
    /// Set at the end: what is dropped from then on has no result.
    pub(super) closing: Cell<bool>,
    /// Set once, with the reason to stop.
    pub(super) stop: SettableFuture<Ending>,
}

impl Engine {
    /// An engine that has started nothing yet, and the list that it is to be fed with.
    pub(super) fn new(event_loop: &LoopRef, parts: Parts) -> (Rc<Engine>, Input) {
        let engine = Engine {
            event_loop: event_loop.clone(),
            prober: parts.prober,
            reporter: RefCell::new(parts.reporter),
            output: Rc::default(),
            errors: Rc::default(),
            recorded: parts.recorded,
            max_time: parts.max_time,
            announced: Announced::new(parts.announced),
            in_flight: Cell::new(0),
            capacity: Cell::new(parts.parallel),
            lowered_to: Cell::new(None),
            lack_told: Cell::new(false),
            hosts: parts.parallel_host.map(Hosts::new),
            rate: parts.gap.map(Rate::new),
            governor: Governor::default(),
            rounds: parts.rounds,
            round: Cell::new(0),
            started: Cell::new(0),
            slot: Cell::new(event_loop.time()),
            again: RefCell::default(),
            delayed: RefCell::default(),
            failed: RefCell::default(),
            hopeless: Cell::new(0),
            never_passed: Cell::new(None),
            failed_early: Cell::new(false),
            tasks: RefCell::default(),
            room: RefCell::default(),
            held_back: Cell::new(0),
            read: Cell::new(parts.input.size()),
            input_ended: Cell::new(false),
            closing: Cell::new(false),
            stop: event_loop.create_future(),
        };
        let engine = Rc::new(engine);
        if engine.capacity.get() > 1 {
            // Where there is room for a single probe, it needs the descriptor more.
            engine.errors.keep_descriptor();
        }
        let held_up = Rc::downgrade(&engine);
        engine.errors.when_room(move || held_up.upgrade().iter().for_each(|engine| engine.pump()));
        (engine, parts.input)
    }

    /// May the next URL of the list be started?
    pub(super) fn has_room(&self) -> bool {
        if self.in_flight.get() >= self.capacity.get() || !self.again.borrow().is_empty() || self.is_output_full() {
            return false;
        }
        !self.hosts.as_ref().is_some_and(Hosts::is_full) && !self.is_window_full()
    }

    /// Do too many finished results wait for an earlier one?
    pub(super) fn is_window_full(&self) -> bool {
        self.reporter.borrow().holds_back(self.started.get(), self.capacity.get())
    }

    /// Is there something to be started before anything new, and a place for it?
    pub(super) fn may_start_again(&self) -> bool {
        !self.again.borrow().is_empty() && self.in_flight.get() < self.capacity.get() && !self.is_output_full()
    }

    /// Does too much wait for those who read it?
    fn is_output_full(&self) -> bool {
        self.output.is_full() || self.errors.is_full()
    }

    /// Has everything of this round its result?
    pub(super) fn has_ended(&self) -> bool {
        // Who waits for a repetition or for a host is given up with --fail-early.
        let waiting = self.delayed.borrow().len() + self.hosts.as_ref().map_or(0, Hosts::waiting);
        let waits = waiting > 0 && !self.failed_early.get();
        self.input_ended.get() && self.in_flight.get() == 0 && self.again.borrow().is_empty() && !waits
    }

    /// Waits until a probe has finished or some output was written.
    pub(super) async fn wait(&self) -> oneloop::Result<()> {
        if !self.input_ended.get() && self.in_flight.get() < self.capacity.get() && self.is_window_full() {
            self.held_back.set(self.held_back.get() + 1);
        }
        let room = self.event_loop.create_future();
        *self.room.borrow_mut() = Some(room.clone());
        room.await
    }

    /// Tells the feeder if it has something to do.
    pub(super) fn pump(&self) {
        if self.room.borrow().is_none() {
            return;
        }
        let more = !self.input_ended.get() && self.has_room();
        if (more || self.may_start_again() || self.has_ended() || self.failed_early.get())
            && let Some(room) = self.room.take()
        {
            drop(room.set_result(()));
        }
    }

    pub(super) fn start(self: &Rc<Engine>, job: Job) {
        self.in_flight.set(self.in_flight.get() + 1);
        let name = self.recorded.then(|| job.target.text.clone());
        let place = Place { engine: self.clone(), job: Some(job), exchange: Exchange::new() };
        // Boxed here already: a future is moved several times on its way into the loop's table, and this one is large.
        let task = oneloop::create_task(Box::pin(place.probe(self.slot.get())));
        if let Some(name) = name {
            task.set_name(&name);
        }
        // Otherwise nobody awaits the task: its result goes to the reporter, its end is told by dropping the place.
        if self.rounds.fail_early {
            let mut tasks = self.tasks.borrow_mut();
            tasks.retain(|task| !task.done());
            tasks.push(task);
        }
    }

    /// To be started again as soon as there is a place.
    pub(super) fn queue_again(&self, job: Job) {
        let job = match &self.hosts {
            Some(hosts) => hosts.admit(job),
            None => Some(job),
        };
        self.again.borrow_mut().extend(job);
    }

    /// A probe has given back its place at its host.
    pub(super) fn leave_host(&self, job: &Job) {
        if let Some(hosts) = &self.hosts {
            self.again.borrow_mut().extend(hosts.leave(&job.target));
        }
    }

    /// A probe found no descriptor: from now on fewer run at once, and it is said once.
    pub(super) fn lower_parallelism(self: &Rc<Engine>) {
        let others = self.in_flight.get().saturating_sub(1);
        if !self.lack_told.replace(true) {
            self.errors.warn_later(match others {
                0 => "no file descriptor left for a single probe: asking again for a short while (see ulimit -n)",
                _ => "no file descriptors left: running fewer probes at once (see ulimit -n, --parallel-max)",
            });
        }
        let fewer = others.max(1);
        if fewer < self.capacity.get() {
            self.capacity.set(fewer);
            self.lowered_to.set(Some(fewer));
        }
    }
}
