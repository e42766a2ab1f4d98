//! What a run adds up to: counts by kind, and how the times to the response headers are spread.
//!
//! Memory does not grow with the number of results: times are counted in a histogram whose buckets are at most 1/16
//! wide, so a percentile is off by no more than about 3 %.
//! Counterpart: `statistics.quantiles` in Python, which wants every value at once.

use std::collections::BTreeMap;
use std::time::Duration;

/// Buckets for each power of two.
const STEPS: u32 = 16;

/// The running totals of one run.
#[derive(Debug)]
pub(crate) struct Stats {
    /// Probes that passed.
    pub(crate) passed: u64,
    /// Probes that failed, by kind.
    pub(crate) failed: BTreeMap<&'static str, u64>,
    /// Results whose time may be more than 5 % the prober's own.
    pub(crate) lagged: u64,
    /// The largest of their lags.
    pub(crate) worst_lag: Duration,
    /// The slowest headers and where they came from.
    pub(crate) slowest: Option<(Duration, Box<str>)>,
    fastest: Duration,
    histogram: Vec<u32>,
    timed: u64,
}

impl Stats {
    pub(crate) fn new() -> Stats {
        Stats {
            passed: 0,
            failed: BTreeMap::new(),
            lagged: 0,
            worst_lag: Duration::ZERO,
            slowest: None,
            fastest: Duration::MAX,
            // Microseconds up to 2^44, half a year: 640 counters.
            histogram: vec![0; (STEPS * 40) as usize],
            timed: 0,
        }
    }

    /// Counts the headers of a passed probe.
    pub(crate) fn time(&mut self, headers: Duration, url: &str) {
        self.timed += 1;
        self.fastest = self.fastest.min(headers);
        if let Some(counter) = self.histogram.get_mut(bucket(headers)) {
            *counter = counter.saturating_add(1);
        }
        if self.slowest.as_ref().is_none_or(|(slowest, _)| headers > *slowest) {
            self.slowest = Some((headers, url.into()));
        }
    }

    /// How many probes failed.
    pub(crate) fn failures(&self) -> u64 {
        self.failed.values().sum()
    }

    /// How many probes have a result.
    pub(crate) fn finished(&self) -> u64 {
        self.passed + self.failures()
    }

    /// The shortest time counted, if any was.
    pub(crate) fn fastest(&self) -> Option<Duration> {
        (self.timed > 0).then_some(self.fastest)
    }

    /// The time that `share` (0 to 1) of all counted times do not exceed, to within a bucket.
    pub(crate) fn percentile(&self, share: f64) -> Option<Duration> {
        let wanted = ((self.timed as f64 * share).ceil() as u64).max(1);
        let mut seen = 0;
        let at = self.histogram.iter().position(|count| {
            seen += u64::from(*count);
            seen >= wanted
        })?;
        let (low, high) = (lower_bound(at), lower_bound(at + 1));
        let slowest = self.slowest.as_ref().map_or(Duration::MAX, |(slowest, _)| *slowest);
        Some(Duration::from_nanos((low + high) * 500).clamp(self.fastest, slowest))
    }
}

/// The bucket of a time: exact below 16 µs, then 16 buckets for each power of two.
fn bucket(time: Duration) -> usize {
    let micros = u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
    if micros < u64::from(STEPS) {
        return micros as usize;
    }
    let shift = micros.ilog2() - STEPS.ilog2();
    ((shift + 1) * STEPS) as usize + ((micros >> shift) as usize - STEPS as usize)
}

/// The smallest number of microseconds in a bucket.
fn lower_bound(bucket: usize) -> u64 {
    let (power, step) = (bucket as u64 / u64::from(STEPS), bucket as u64 % u64::from(STEPS));
    match power {
        0 => step,
        _ => (u64::from(STEPS) + step) << (power - 1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_time_falls_into_the_bucket_that_holds_it() {
        let interesting = (0..200).chain((4..40).flat_map(|power| [(1 << power) - 1, 1 << power, (1 << power) + 1]));
        for micros in interesting {
            let at = bucket(Duration::from_micros(micros));
            assert!(lower_bound(at) <= micros && micros < lower_bound(at + 1), "{micros}");
        }
    }

    #[test]
    fn percentiles_are_near_the_truth() {
        let mut stats = Stats::new();
        assert_eq!(stats.percentile(0.5), None);
        for millis in 1..=1_000 {
            stats.time(Duration::from_millis(millis), "http://a");
        }
        for (share, truth) in [(0.5, 500.0), (0.95, 950.0), (0.99, 990.0), (1.0, 1_000.0)] {
            let got = stats.percentile(share).expect("times were counted").as_secs_f64() * 1e3;
            assert!((got / truth - 1.0_f64).abs() < 0.04, "{share}: {got}");
        }
        assert_eq!(stats.fastest(), Some(Duration::from_millis(1)));
    }
}
