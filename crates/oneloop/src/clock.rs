//! What time it is, for the loop.
//!
//! Job: one place to ask. The real clock is the system's monotonic one (`loop.time()` in asyncio,
//! `Stopwatch.GetTimestamp` in .NET). The virtual clock stands still while anything runs and jumps to the next
//! deadline when only timers are left, so that a test of an hour's timeout takes microseconds and always gives the
//! same log. Neighbours: `timers.rs` (deadlines), `event_loop.rs` (the only one that advances it).
//! Invariant: time never goes backwards.

use std::{cell::Cell, time::Instant};

/// The loop's source of time.
#[derive(Debug)]
pub(crate) enum Clock {
    /// The system's monotonic clock, read at each call.
    Real,
    /// A clock that moves only when it is told to.
    Virtual(Cell<Instant>),
}

impl Clock {
    pub(crate) fn new(is_virtual: bool) -> Clock {
        if is_virtual { Clock::Virtual(Cell::new(Instant::now())) } else { Clock::Real }
    }

    pub(crate) fn now(&self) -> Instant {
        match self {
            Clock::Real => Instant::now(),
            Clock::Virtual(now) => now.get(),
        }
    }

    pub(crate) fn is_virtual(&self) -> bool {
        matches!(self, Clock::Virtual(_))
    }

    /// Jumps to `deadline`. The real clock can't be told, and goes on as it does.
    pub(crate) fn advance_to(&self, deadline: Instant) {
        if let Clock::Virtual(now) = self {
            now.set(now.get().max(deadline));
        }
    }
}
