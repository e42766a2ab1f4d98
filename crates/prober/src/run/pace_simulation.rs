//! The admission rule on a clock of its own: does a server that takes 100 ms keep its times among thousands of fast ones?
//!
//! A model of the loop: a turn takes what is ready when the selector returns, each step costs its time, and what
//! becomes ready meanwhile waits. The rule and the lag are the real ones; time is counted, not measured, so every run
//! is the same. `cargo xtask slow-server` shows the same with the real program.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::{Duration, Instant};

use super::Governor;
use crate::lag::Lag;

/// Microseconds of this thread: to start a probe (a socket, a connect), to send once it is connected, to read and report.
const START: u64 = 35;
const SEND: u64 = 20;
const FINISH: u64 = 40;
/// What the fast servers and the slow one take.
const FAST: u64 = 60;
const SLOW: u64 = 100_000;

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Step {
    Start,
    Send,
    Finish,
}

/// Of a run: the slow server's times, by the prober's own account and with the lag that it owns up to; and how long all
/// took.
struct Simulated {
    slow: Vec<u64>,
    lags: Vec<u64>,
    took: u64,
}

/// Probes `count` URLs, of which every `slow_each`th is slow, with at most `capacity` in flight.
fn simulate(count: usize, slow_each: usize, capacity: usize, governed: bool) -> Simulated {
    let (governor, lag, begin) = (Governor::default(), Lag::default(), Instant::now());
    let at = |micros: u64| begin + Duration::from_micros(micros);
    let is_slow = |probe: usize| probe.is_multiple_of(slow_each);
    let mut now = 0;
    // What becomes ready when, and what the feeder has queued for the next turn.
    let mut arriving: BinaryHeap<Reverse<(u64, usize, Step)>> = BinaryHeap::new();
    let mut queued = Vec::new();
    let (mut begun_at, mut waited) = (vec![0; count], vec![Duration::ZERO; count]);
    let (mut next, mut in_flight, mut finished) = (0, 0, 0);
    let mut result = Simulated { slow: Vec::new(), lags: Vec::new(), took: 0 };
    while finished < count {
        let more = next < count && in_flight < capacity;
        if let (Some(Reverse((first, ..))), true, false) = (arriving.peek(), queued.is_empty(), more) {
            now = now.max(*first);
        }
        now += 5;
        let turn = now;
        let mut batch = std::mem::take(&mut queued);
        while let Some(Reverse((_, probe, step))) = arriving.peek().copied().filter(|event| event.0.0 <= turn) {
            arriving.pop();
            batch.push((probe, step));
        }
        for (probe, step) in batch {
            match step {
                Step::Start => lag.first_step(at(turn), at(now)),
                _ => waited[probe] += lag.step(at(turn), at(now)),
            }
            match step {
                Step::Start => {
                    begun_at[probe] = now;
                    now += START;
                    arriving.push(Reverse((now, probe, Step::Send)));
                }
                Step::Send => {
                    now += SEND;
                    arriving.push(Reverse((now + if is_slow(probe) { SLOW } else { FAST }, probe, Step::Finish)));
                }
                Step::Finish => {
                    if is_slow(probe) {
                        result.slow.push(now - begun_at[probe]);
                        result.lags.push(waited[probe].as_micros() as u64);
                    }
                    now += FINISH;
                    in_flight -= 1;
                    finished += 1;
                }
            }
            lag.worked(at(now));
        }
        while next < count && in_flight < capacity && (!governed || governor.admits(at(turn), || lag.take_worst())) {
            queued.push((next, Step::Start));
            in_flight += 1;
            next += 1;
        }
    }
    result.took = now;
    result
}

fn median(mut times: Vec<u64>) -> f64 {
    times.sort_unstable();
    times[times.len() / 2] as f64
}

#[test]
fn a_slow_server_keeps_its_times_among_thousands_of_fast_ones() {
    let alone = median(simulate(20, 1, 20, true).slow);
    for capacity in [50, 500] {
        let among = simulate(5_000, 50, capacity, true);
        let ratio = median(among.slow) / alone;
        assert!((1.0..1.03).contains(&ratio), "{capacity} in flight: {ratio}");
    }
}

#[test]
fn without_the_rule_hundreds_in_flight_would_be_taken_for_a_slower_server() {
    let alone = median(simulate(20, 1, 20, true).slow);
    let ratio = median(simulate(5_000, 50, 500, false).slow) / alone;
    assert!(ratio > 1.03, "the model shows what the rule is there for: {ratio}");
}

#[test]
fn the_rule_costs_little_of_the_speed() {
    let [free, governed] = [false, true].map(|governed| simulate(20_000, 20_001, 500, governed).took as f64);
    assert!(governed / free < 1.1, "{governed} against {free} microseconds");
}

#[test]
fn the_lag_of_a_result_bounds_by_how_much_its_time_was_inflated() {
    for (capacity, governed) in [(50, true), (500, true), (500, false)] {
        let run = simulate(5_000, 50, capacity, governed);
        // Start, send and the server's own time: what the probe would have taken on a thread of its own.
        let own = START + SEND + SLOW;
        let all = run.slow.iter().zip(&run.lags);
        let worst = all.map(|(time, lag)| (time - own).saturating_sub(*lag)).max().unwrap_or(u64::MAX);
        assert!(worst <= 10, "{capacity} in flight: {worst} microseconds are in no lag");
    }
}
