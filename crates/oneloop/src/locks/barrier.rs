//! `Barrier`: tasks that wait for each other.
//!
//! Neighbours: `condition.rs`, of which it is made. Invariant: a round is over when all who were in it have left it:
//! until then who comes for the next one waits outside.
//!
//! Counterparts: `asyncio.Barrier` (`locks.py`). .NET's `Barrier` blocks a thread for each party.

use std::{cell::Cell, fmt, future::Future, rc::Rc};

use super::condition::Condition;
use crate::error::{Error, Result};

/// Has a fixed number of tasks wait for each other. Clones are the same barrier.
///
/// ```
/// # oneloop::run(async {
/// let barrier = oneloop::Barrier::new(3)?;
/// let runners = (0..3).map(|_| oneloop::create_task(barrier.wait()));
/// let mut places = oneloop::gather(runners).await?;
/// places.sort();
/// assert_eq!(places, [0, 1, 2]);
/// # Ok(()) }).unwrap();
/// ```
#[derive(Clone)]
pub struct Barrier {
    shared: Rc<Shared>,
}

struct Shared {
    condition: Condition,
    parties: usize,
    state: Cell<State>,
    /// How many tasks are inside.
    count: Cell<usize>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    Filling,
    /// All came; nobody comes in until all have left.
    Draining,
    /// `reset` throws out who is inside.
    Resetting,
    Broken,
}

impl Barrier {
    /// A barrier for so many tasks.
    ///
    /// # Errors
    /// `Value` for none.
    pub fn new(parties: usize) -> Result<Barrier> {
        if parties < 1 {
            return Err(Error::Value("parties must be > 0"));
        }
        let (condition, state, count) = (Condition::new(), Cell::new(State::Filling), Cell::new(0));
        Ok(Barrier { shared: Rc::new(Shared { condition, parties, state, count }) })
    }

    /// Waits until all parties do. Gives each another index from 0: so one of them can be told to do what is to be
    /// done once. Cancellation safe: a task that goes is not counted any more.
    ///
    /// # Errors
    /// `BrokenBarrier` after `abort`, or when `reset` comes meanwhile; `Cancelled`.
    pub fn wait(&self) -> impl Future<Output = Result<usize>> + use<> {
        let shared = self.shared.clone();
        async move {
            let _guard = shared.condition.acquire().await?;
            shared.come_in().await?;
            let index = shared.count.get();
            shared.count.set(index + 1);
            let _inside = Inside(&shared);
            if index + 1 == shared.parties {
                shared.state.set(State::Draining);
                shared.condition.notify_all()?;
            } else {
                shared.stay().await?;
            }
            Ok(index)
        }
    }

    /// Begins anew. Who waits gets `BrokenBarrier`.
    ///
    /// # Errors
    /// `Cancelled`, while it waits for the barrier's lock.
    pub fn reset(&self) -> impl Future<Output = Result<()>> + use<> {
        let shared = self.shared.clone();
        async move {
            let _guard = shared.condition.acquire().await?;
            shared.state.set(if shared.count.get() > 0 { State::Resetting } else { State::Filling });
            shared.condition.notify_all()
        }
    }

    /// Breaks the barrier: who waits, and who will, gets `BrokenBarrier`, until a [`reset`](Barrier::reset).
    ///
    /// # Errors
    /// `Cancelled`, while it waits for the barrier's lock.
    pub fn abort(&self) -> impl Future<Output = Result<()>> + use<> {
        let shared = self.shared.clone();
        async move {
            let _guard = shared.condition.acquire().await?;
            shared.state.set(State::Broken);
            shared.condition.notify_all()
        }
    }

    /// How many tasks it takes.
    pub fn parties(&self) -> usize {
        self.shared.parties
    }

    /// How many tasks wait for the others.
    pub fn n_waiting(&self) -> usize {
        if self.shared.state.get() == State::Filling { self.shared.count.get() } else { 0 }
    }

    /// Whether it was aborted.
    pub fn broken(&self) -> bool {
        self.shared.state.get() == State::Broken
    }
}

impl Shared {
    /// Waits until the round before is over.
    async fn come_in(&self) -> Result<()> {
        self.condition.wait_for(|| !matches!(self.state.get(), State::Draining | State::Resetting)).await?;
        match self.state.get() {
            State::Broken => Err(Error::BrokenBarrier("Barrier aborted")),
            _ => Ok(()),
        }
    }

    /// Waits until the last one has come.
    async fn stay(&self) -> Result<()> {
        self.condition.wait_for(|| self.state.get() != State::Filling).await?;
        match self.state.get() {
            State::Broken | State::Resetting => Err(Error::BrokenBarrier("Abort or reset of barrier")),
            _ => Ok(()),
        }
    }
}

/// A task inside the barrier. The last one that leaves opens it for the next round.
struct Inside<'a>(&'a Shared);

impl Drop for Inside<'_> {
    fn drop(&mut self) {
        let left = self.0.count.get() - 1;
        self.0.count.set(left);
        if left > 0 {
            return;
        }
        if matches!(self.0.state.get(), State::Resetting | State::Draining) {
            self.0.state.set(State::Filling);
        }
        self.0.condition.notify_unchecked(usize::MAX);
    }
}

impl fmt::Debug for Barrier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Barrier")
            .field("state", &self.shared.state.get())
            .field("waiting", &self.n_waiting())
            .field("parties", &self.parties())
            .finish()
    }
}
