//! The list of those who wait for one outcome.
//!
//! Job: keep tasks and done-callbacks in the order in which they came, as cheaply as can be for the one entry that
//! most lists have. Neighbours: `future.rs`. Invariant: an entry keeps its place until it is removed or all are taken.
//!
//! Counterpart: `_callbacks` of `asyncio.Future`.

use std::rc::Rc;

use crate::{handle::Listener, ready::Sleeper};

/// One entry of the list of those who wait.
pub(crate) enum Waiter {
    /// Somebody who awaits. The key is how the entry is found again.
    Wake(u32, Sleeper),
    /// A done-callback, and which of the things that it watches this is.
    Notify(Rc<Listener>, u32),
}

/// Most futures have one waiter at most, so one needs no allocation.
#[derive(Default)]
#[allow(clippy::box_collection)] // small, since every task has one of these
pub(crate) enum Waiters {
    #[default]
    None,
    One(Waiter),
    Many(Box<Vec<Waiter>>),
}

impl Waiters {
    pub(crate) fn push(&mut self, waiter: Waiter) {
        match self {
            Waiters::None => *self = Waiters::One(waiter),
            Waiters::Many(list) => list.push(waiter),
            Waiters::One(_) => {
                let Waiters::One(first) = std::mem::replace(self, Waiters::None) else { return };
                *self = Waiters::Many(Box::new(vec![first, waiter]));
            }
        }
    }

    pub(crate) fn as_mut_slice(&mut self) -> &mut [Waiter] {
        match self {
            Waiters::None => &mut [],
            Waiters::One(waiter) => std::slice::from_mut(waiter),
            Waiters::Many(list) => list,
        }
    }

    pub(crate) fn remove(&mut self, is_it: impl Fn(&Waiter) -> bool) -> Option<Waiter> {
        let at = self.as_mut_slice().iter().position(is_it)?;
        match self {
            Waiters::Many(list) => Some(list.remove(at)),
            _ => match std::mem::replace(self, Waiters::None) {
                Waiters::One(waiter) => Some(waiter),
                _ => None,
            },
        }
    }
}
