//! Timers: what is to happen when, and how long the loop may park.
//!
//! Job: a binary heap of deadlines, earliest first, beside a slab of what to do then. Neighbours: `event_loop.rs`
//! asks for the next deadline before it parks and moves what is due to the ready queue after; `sleep.rs` and
//! `handle.rs` (`call_later`) add and cancel. Invariants:
//!
//! - Equal deadlines fire in the order in which they were added: the heap's key is (deadline, sequence). asyncio
//!   compares the deadline alone and leaves ties to the heap's shape (`events.py: TimerHandle.__lt__`).
//! - Cancelling is lazy, as in asyncio: the slot goes at once, the heap's entry stays until it comes up, or until
//!   more than half of over a hundred entries are dead; then the heap is rebuilt (`_timer_handle_cancelled`).
//! - A timer that is due keeps its slot until its place in the ready queue comes, so it can be cancelled until then.
//!
//! Counterparts: `BaseEventLoop._scheduled`; `System.Threading.Timer`, whose callbacks run on the pool.

use std::{cmp::Reverse, collections::BinaryHeap, mem, rc::Rc, time::Instant};

use slab::Slab;

use crate::{handle::Callback, ready::Sleeper};

mod look;

/// Names a timer. The generation tells a timer from a later one that has inherited its slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct TimerId {
    index: u32,
    generation: u32,
}

impl TimerId {
    /// The id of no timer: what a closed loop gives out.
    pub(crate) const NEVER: TimerId = TimerId { index: u32::MAX, generation: 0 };

    /// Counts the timers of a loop from 1: what an observer is told.
    pub(crate) fn number(self) -> u32 {
        self.generation
    }
}

/// What happens when a timer is due.
pub(crate) enum Action {
    /// A sleep is over: wake whoever polled it last.
    Wake(Sleeper),
    /// A callback of `call_later` or `call_at`.
    Call(Rc<Callback>),
}

pub(crate) struct Slot {
    action: Action,
    generation: u32,
    /// Whether the heap still holds its entry. False once it is due and queued.
    in_heap: bool,
}

/// The field order is the order of comparison.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Entry {
    when: Instant,
    sequence: u64,
    id: TimerId,
}

/// Every timer of one loop.
#[derive(Default)]
pub(crate) struct Timers {
    heap: BinaryHeap<Reverse<Entry>>,
    pub(crate) slots: Slab<Slot>,
    /// How many timers were ever added: the tie-breaker, and the source of generations.
    pub(crate) sequence: u64,
    /// Entries of the heap whose slot is gone.
    dead: usize,
}

/// As in asyncio: below this many entries a rebuild of the heap isn't worth it.
const MIN_ENTRIES_TO_COMPACT: usize = 100;

impl Timers {
    /// Adds a timer. Costs O(log n).
    pub(crate) fn add(&mut self, when: Instant, action: Action) -> TimerId {
        self.sequence += 1;
        let generation = self.sequence as u32;
        let index = self.slots.insert(Slot { action, generation, in_heap: true }) as u32;
        let id = TimerId { index, generation };
        self.heap.push(Reverse(Entry { when, sequence: self.sequence, id }));
        id
    }

    /// Removes a timer and returns what it would have done, for the caller to drop once no borrow is held.
    /// None if it has fired or was cancelled before.
    pub(crate) fn remove(&mut self, id: TimerId) -> Option<Action> {
        self.slot(id)?;
        let slot = self.slots.remove(id.index as usize);
        if slot.in_heap {
            self.dead += 1;
            self.compact();
        }
        Some(slot.action)
    }

    /// If the timer has neither fired nor been cancelled, `sleeper` is who it wakes from now on. Gives back who it was
    /// before, for the caller to drop once no borrow is held, or else `sleeper`.
    pub(crate) fn wake_instead(&mut self, id: TimerId, sleeper: Sleeper) -> Result<Action, Sleeper> {
        match self.slot(id) {
            Some(slot) => Ok(mem::replace(&mut slot.action, Action::Wake(sleeper))),
            None => Err(sleeper),
        }
    }

    /// The earliest deadline, after dropping the dead entries above it.
    pub(crate) fn next_deadline(&mut self) -> Option<Instant> {
        while let Some(Reverse(entry)) = self.heap.peek() {
            if is_live(&self.slots, entry.id) {
                return Some(entry.when);
            }
            self.heap.pop();
            self.dead -= 1;
        }
        None
    }

    /// Takes the next timer that is due at `now` out of the heap. Its slot stays until [`Timers::remove`].
    pub(crate) fn pop_due(&mut self, now: Instant) -> Option<TimerId> {
        if self.next_deadline()? > now {
            return None;
        }
        let Reverse(entry) = self.heap.pop()?;
        if let Some(slot) = self.slot(entry.id) {
            slot.in_heap = false;
        }
        Some(entry.id)
    }

    fn slot(&mut self, id: TimerId) -> Option<&mut Slot> {
        self.slots.get_mut(id.index as usize).filter(|slot| slot.generation == id.generation)
    }

    fn compact(&mut self) {
        if self.heap.len() > MIN_ENTRIES_TO_COMPACT && self.dead * 2 > self.heap.len() {
            let slots = &self.slots;
            self.heap.retain(|Reverse(entry)| is_live(slots, entry.id));
            self.dead = 0;
        }
    }
}

fn is_live(slots: &Slab<Slot>, id: TimerId) -> bool {
    slots.get(id.index as usize).is_some_and(|slot| slot.generation == id.generation)
}

#[cfg(test)]
mod tests;
