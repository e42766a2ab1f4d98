//! How long this program itself keeps its probes waiting: what a result says of its own error, and what the pace obeys.
//!
//! A socket that becomes ready while the thread is busy is seen when the selector is asked next, and its probe steps when
//! all that was ready before it has had its turn. Both waits are ours. So a step has waited, at most, since the selector
//! returned; and where the selector was asked because a turn was over and had not to be waited for, also for that turn.
//! Where the thread slept in the selector, nothing was ready before, and the wait began with its return. Turns are known
//! by the steps of probes in them; what else runs (the feeder, the writer) is short.
//! Neighbours: `probe` asks at each step; `run/pace.rs` takes the length of turns from here.
//! Invariant: O(1) a step, one reading of the clock before it and one after it.
//! Counterpart: `loop.slow_callback_duration` in asyncio, which only logs.

use std::cell::Cell;
use std::time::{Duration, Instant};

/// A thread that was away from its work for longer than this was asleep in the selector. Asking it without sleeping
/// takes some ten microseconds, and a hundred when it has hundreds of sockets to tell of.
const ASLEEP: Duration = Duration::from_micros(200);

/// What is known of the present turn and the one before it.
#[derive(Debug, Default)]
pub(crate) struct Lag {
    /// The latest turn that had a step, by when its selector returned.
    turn: Cell<Option<Instant>>,
    /// Since when that turn has kept the thread busy, as far as it is known here.
    since: Cell<Option<Instant>>,
    /// The end of the latest step.
    worked_until: Cell<Option<Instant>>,
    /// How long a socket may have been ready, at most, before the selector returned.
    before: Cell<Duration>,
    /// The longest part of a turn that a step has waited for since somebody asked.
    worst: Cell<Duration>,
}

impl Lag {
    /// A probe's first step begins at `now`. Nothing has woken it, so it has not waited for the selector; while nothing
    /// is in flight the loop may not even have noted its turn (see
    /// [`LoopRef::collected_at`](oneloop::LoopRef::collected_at)).
    pub(crate) fn first_step(&self, turn: Instant, now: Instant) {
        let is_new = self.turn.replace(Some(turn)) != Some(turn);
        let idle = self.has_slept_until(now);
        if is_new || idle {
            self.begin_turn(now, idle);
        }
        let waited = self.since.get().map_or(Duration::ZERO, |since| now.saturating_duration_since(since));
        self.worst.set(self.worst.get().max(waited));
    }

    /// A later step begins at `now`, in the turn whose selector returned at `turn`: how long has it waited, at most?
    pub(crate) fn step(&self, turn: Instant, now: Instant) -> Duration {
        if self.turn.replace(Some(turn)) != Some(turn) {
            self.begin_turn(turn, self.has_slept_until(turn));
        }
        let waited = now.saturating_duration_since(turn);
        self.worst.set(self.worst.get().max(waited));
        waited + self.before.get()
    }

    fn begin_turn(&self, from: Instant, slept: bool) {
        let previous = self.since.replace(Some(from));
        let busy = previous.map_or(Duration::ZERO, |previous| from.saturating_duration_since(previous));
        self.before.set(if slept { Duration::ZERO } else { busy });
    }

    fn has_slept_until(&self, now: Instant) -> bool {
        self.worked_until.get().is_none_or(|end| now.saturating_duration_since(end) > ASLEEP)
    }

    /// The step has ended at `now`.
    pub(crate) fn worked(&self, now: Instant) {
        self.worked_until.set(Some(now));
    }

    /// The longest part of a turn that a step has waited for since this was asked last.
    pub(crate) fn take_worst(&self) -> Duration {
        self.worst.take()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_has_waited_for_its_turn_and_for_the_one_in_which_nobody_asked_the_selector() {
        let (lag, begin) = (Lag::default(), Instant::now());
        let at = |micros| begin + Duration::from_micros(micros);
        let step = |turn, now, length| {
            let waited = lag.step(at(turn), at(now)).as_micros();
            lag.worked(at(now + length));
            waited
        };
        assert_eq!(step(0, 10, 500), 10, "nothing was there before the first turn");
        assert_eq!(step(0, 510, 400), 510, "behind another step of its turn");
        assert_eq!(step(915, 920, 30), 5 + 915, "it may have been ready since the turn before began");
        assert_eq!(step(915, 950, 30), 35 + 915);
        assert_eq!(step(990, 991, 9), 1 + 75, "and no longer than that: the selector had been asked");
        assert_eq!(step(5_000, 5_003, 7), 3, "the thread slept: it became ready when it woke");
        assert_eq!(
            (lag.take_worst().as_micros(), lag.take_worst().as_micros()),
            (510, 0),
            "of a single turn, and once"
        );
    }
}
