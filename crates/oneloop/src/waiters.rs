//! The list of those who wait for one outcome, or for one direction of a socket.
//!
//! Job: keep tasks and done-callbacks in the order in which they came, as cheaply as can be for the one entry that
//! most lists have. Neighbours: `future.rs`, `selector.rs`. Invariant: an entry keeps its place until it is removed or
//! all are taken.
//!
//! Counterpart: `_callbacks` of `asyncio.Future`.

use std::{mem, rc::Rc};

use crate::{
    event_loop::Core,
    handle::Listener,
    ready::{Ready, Sleeper},
};

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

    /// Who waits under `key`.
    pub(crate) fn sleeper(&mut self, key: u32) -> Option<&mut Sleeper> {
        self.as_mut_slice().iter_mut().find_map(|waiter| match waiter {
            Waiter::Wake(its, sleeper) if *its == key => Some(sleeper),
            _ => None,
        })
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

    /// Adds one who waits under `key`, unless it is here already. The key is 0 for those who have none of their own.
    /// Gives back who has lost its place, for the caller to drop once no borrow is held.
    pub(crate) fn wait(&mut self, key: u32, sleeper: Sleeper) -> Option<Sleeper> {
        for waiter in self.as_mut_slice() {
            if let Waiter::Wake(its, known) = waiter
                && *its == key
                && (key != 0 || known.is(&sleeper))
            {
                return Some(mem::replace(known, sleeper));
            }
        }
        self.push(Waiter::Wake(key, sleeper));
        None
    }

    /// Wakes or queues all of them, in order.
    pub(crate) fn schedule(self, core: &Core) {
        match self {
            Waiters::None => {}
            Waiters::One(waiter) => waiter.schedule(core),
            Waiters::Many(list) => list.into_iter().for_each(|waiter| waiter.schedule(core)),
        }
    }
}

impl Waiter {
    /// Whether it is somebody who awaits, and has this key.
    pub(crate) fn has_key(&self, key: u32) -> bool {
        matches!(self, Waiter::Wake(its, _) if *its == key)
    }

    fn schedule(self, core: &Core) {
        match self {
            Waiter::Wake(_, sleeper) => core.wake(sleeper),
            Waiter::Notify(listener, which) => core.push(Ready::Notify(listener, which)),
        }
    }
}

impl Sleeper {
    /// Whether `other` is the same one who waits, polled again. Foreign wakers can't be told apart from one task that is
    /// polled with a new one each time: of those the last is kept, so that they can't pile up.
    fn is(&self, other: &Sleeper) -> bool {
        match (self, other) {
            (Sleeper::Task(one), Sleeper::Task(other)) => one == other,
            (Sleeper::Foreign(_), Sleeper::Foreign(_)) => true,
            _ => false,
        }
    }
}
