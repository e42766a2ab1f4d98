//! What each task waits for, found out by looking.
//!
//! Job: [`LoopRef::look_at_tasks`]. Every wait leaves a trace in some table of the loop: a sleep in the timers, a read
//! in the selector, an await in the task itself, since a request to cancel must find its way. So the loop can be asked
//! at any moment what its tasks wait for, and nothing is kept for that. Neighbours: an [`Observer`](crate::Observer) is
//! told of waits as they begin, and so knows since when, and all of a foreign `join!`'s. Invariant: it changes nothing.
//!
//! Counterpart: `Task.get_stack`, and the `_fut_waiter` that `asyncio ps` follows.

use std::time::Instant;

use crate::{
    loop_ref::LoopRef,
    observer::WaitsFor,
    ready::{Sleeper, TaskId},
    task_ref::TaskRef,
    waiters::Waiter,
};

/// One task, as it is now.
#[derive(Debug)]
pub struct TaskLook {
    /// Which.
    pub task: TaskRef,
    /// Its step is the one that runs.
    pub running: bool,
    /// Its step is in the ready queue.
    pub scheduled: bool,
    /// What it waits for, and when that is due if it is a timer. Of several futures that it awaits in one step the last
    /// is known, and all its timers and sources; nothing, of what wakes it by a waker that it has handed on.
    pub waits: Vec<(WaitsFor, Option<Instant>)>,
}

impl LoopRef {
    /// What each task that has not ended is doing, in the order in which they were made. It looks through all timers and
    /// sources of the loop: for a person who asks, not for every turn.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # oneloop::run(async {
    /// let sleeps = oneloop::create_task(oneloop::sleep(Duration::from_secs(9)));
    /// oneloop::yield_now().await?;
    /// let looks = oneloop::get_running_loop()?.look_at_tasks();
    /// assert!(looks[0].running && looks[1].waits[0].1.is_some());
    /// sleeps.cancel();
    /// # Ok(()) }).unwrap();
    /// ```
    pub fn look_at_tasks(&self) -> Vec<TaskLook> {
        let mut looks: Vec<TaskLook> = self.all_tasks().into_iter().map(|task| self.look_at(task)).collect();
        let mut add = |task: TaskId, on, due| {
            // In the order of their making is in the order of their numbers.
            if let Ok(at) = looks.binary_search_by_key(&task.number(), |look| look.task.id().number()) {
                looks[at].waits.push((on, due));
            }
        };
        for (timer, when, sleeper) in self.core.timers.borrow().sleeps() {
            if let Sleeper::Task(task) = sleeper {
                add(*task, WaitsFor::Timer(timer.number()), Some(when));
            }
        }
        for (token, direction, half) in self.core.selector.slots.borrow_mut().halves() {
            for waiter in half.waiters.as_mut_slice() {
                if let Waiter::Wake(_, Sleeper::Task(task)) = waiter {
                    add(*task, WaitsFor::source(token, direction), None);
                }
            }
        }
        looks
    }

    fn look_at(&self, task: TaskRef) -> TaskLook {
        let header = task.task.header();
        let mut waits = Vec::new();
        if let Some(target) = header.cancellation.waiting() {
            target.waits_for(&mut |on| waits.push((on, None)));
        }
        let scheduled = self.core.is_scheduled(header.id);
        TaskLook { running: self.core.current.get() == Some(header.id), scheduled, waits, task }
    }

    /// The turn, counted from 1; 0 before the first.
    pub fn turn(&self) -> u64 {
        self.core.turn.get()
    }

    /// How many timers are armed, and how many sources are registered.
    pub fn timers_and_sources(&self) -> (usize, usize) {
        (self.core.timers.borrow().len(), self.core.selector.len())
    }
}
