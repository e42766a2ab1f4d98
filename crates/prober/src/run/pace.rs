//! How fast probes may start: never so many in a turn that the loop is late for those in flight, and by `--rate`.
//!
//! A probe's times are read when the loop gets to it, so a long turn shows up as a slow server. Starting costs most of a
//! turn's time; so when a step had to wait for more than a millisecond since the selector returned, half as many probes
//! may start in each turn to come, and a few more again with each turn that was short. The number in flight follows.
//! Neighbours: the feeder in `rounds` asks before each start; `probe` notes how long steps had to wait.
//! Counterpart: TCP's congestion window, whose rule this is.

use std::cell::Cell;
use std::time::{Duration, Instant};

/// A turn is long when a step in it waited for more than this.
const LONG: Duration = Duration::from_millis(1);

/// Starts in a turn: at first, and at most.
const FIRST: usize = 16;
const MOST: usize = 1_024;

/// Counts starts in a turn.
#[derive(Debug)]
pub(super) struct Governor {
    /// The turn that is being counted, by the time at which its selector returned.
    turn: Cell<Option<Instant>>,
    started: Cell<usize>,
    /// How many may start in a turn.
    burst: Cell<usize>,
}

impl Default for Governor {
    fn default() -> Governor {
        Governor { turn: Cell::new(None), started: Cell::new(0), burst: Cell::new(FIRST) }
    }
}

impl Governor {
    /// May one more start in `turn`? `worst` is the longest wait of a step since this was asked in an earlier turn.
    pub(super) fn admits(&self, turn: Instant, worst: impl FnOnce() -> Duration) -> bool {
        if self.turn.replace(Some(turn)) != Some(turn) {
            let burst = self.burst.get();
            self.burst.set(match worst() > LONG {
                true => (burst / 2).max(1),
                false => (burst + burst / 8 + 1).min(MOST),
            });
            self.started.set(0);
        }
        let admitted = self.started.get() < self.burst.get();
        self.started.set(self.started.get() + usize::from(admitted));
        admitted
    }
}

/// `--rate`: a slot for each start.
#[derive(Debug)]
pub(super) struct Rate {
    gap: Duration,
    next: Cell<Option<Instant>>,
}

/// A start that is late by less than this keeps its slot's successor where it was: small delays do not add up.
const CATCH_UP: Duration = Duration::from_millis(20);

impl Rate {
    pub(super) fn new(gap: Duration) -> Rate {
        Rate { gap, next: Cell::new(None) }
    }

    /// The slot of the next start, now or later.
    pub(super) fn slot(&self, now: Instant) -> Instant {
        let oldest = now.checked_sub(CATCH_UP).unwrap_or(now);
        let slot = self.next.get().map_or(now, |next| if next < oldest { now } else { next });
        self.next.set(slot.checked_add(self.gap));
        slot
    }
}

#[cfg(test)]
#[path = "pace_simulation.rs"]
mod simulation;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_turns_halve_the_starts_and_short_ones_bring_them_back_slowly() {
        let (governor, begin) = (Governor::default(), Instant::now());
        let turn = |number: u64, worst: u64| {
            let at = begin + Duration::from_millis(number);
            (0..2_000).take_while(|_| governor.admits(at, || Duration::from_micros(worst))).count()
        };
        assert_eq!(turn(0, 0), FIRST + FIRST / 8 + 1);
        let before = turn(1, 0);
        assert_eq!(turn(2, 1_001), before / 2);
        for number in 3..20 {
            turn(number, 5_000);
        }
        assert_eq!(turn(20, 5_000), 1, "something always starts");
        assert_eq!(turn(21, 0), 2);
        for number in 22..200 {
            turn(number, 0);
        }
        assert_eq!(turn(200, 0), MOST);
    }

    #[test]
    fn slots_are_a_gap_apart_and_a_long_pause_is_not_made_up_for() {
        let begin = Instant::now();
        let millis = |slot: Instant| (slot - begin).as_millis();
        let rate = Rate::new(Duration::from_millis(100));
        assert_eq!((millis(rate.slot(begin)), millis(rate.slot(begin))), (0, 100));
        let late = begin + Duration::from_millis(210);
        assert_eq!(millis(rate.slot(late)), 200, "ten milliseconds late: the next is at 300 all the same");
        assert_eq!(millis(rate.slot(late)), 300);
        let pause = begin + Duration::from_secs(5);
        assert_eq!((millis(rate.slot(pause)), millis(rate.slot(pause))), (5_000, 5_100));
    }
}
