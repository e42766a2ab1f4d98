//! What those who look at a loop see of its timers. Neighbours: `look.rs` and `debug.rs` ask. Invariant: it changes
//! nothing.

use std::{cmp::Reverse, time::Instant};

use super::{Action, TimerId, Timers, is_live};
use crate::ready::Sleeper;

impl Timers {
    /// How many timers wait or are due.
    pub(crate) fn len(&self) -> usize {
        self.slots.len()
    }

    /// The sleeps that are not due, in no order.
    pub(crate) fn sleeps(&self) -> impl Iterator<Item = (TimerId, Instant, &Sleeper)> {
        self.heap.iter().filter(|Reverse(entry)| is_live(&self.slots, entry.id)).filter_map(|Reverse(entry)| {
            let Action::Wake(sleeper) = &self.slots.get(entry.id.index as usize)?.action else { return None };
            Some((entry.id, entry.when, sleeper))
        })
    }
}
