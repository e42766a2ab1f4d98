//! What a run adds up to: counts by kind, and how the times are spread.
//!
//! Memory does not grow with the number of results: times go into histograms that keep two significant figures, so a
//! percentile is off by no more than 1 %; the fastest and the slowest are exact, and none lies beyond them. Phases are
//! counted only when somebody asked for them. Counterpart: `statistics.quantiles` in Python, which wants every value at
//! once.

use std::collections::BTreeMap;
use std::time::Duration;

use hdrhistogram::Histogram;
use oneloop_http::Phase;

use super::Outcome;
use crate::job::Failed;
use crate::target::Target;

/// Times longer than this count as this.
const LONGEST: u64 = 24 * 3_600 * 1_000_000_000;

/// The running totals of one run. Attempts that were repeated are not in them.
#[derive(Debug)]
pub(crate) struct Stats {
    /// Probes that passed.
    pub(crate) passed: u64,
    /// Probes that failed, by kind.
    pub(crate) failed: BTreeMap<&'static str, u64>,
    /// Attempts that were followed by another one.
    pub(crate) repeated: u64,
    /// Results that are marked because the prober was slow.
    pub(crate) lagged: u64,
    /// The largest of their lags.
    pub(crate) worst_lag: Duration,
    /// The slowest headers and where they came from.
    pub(crate) slowest: Option<Slowest>,
    headers: Spread,
    lag: Spread,
    /// The times of passed probes by phase, and in all, where they are wanted.
    pub(crate) phases: Option<Box<PhaseStats>>,
}

/// The probe whose headers took longest.
#[derive(Debug)]
pub(crate) struct Slowest {
    pub(crate) headers: Duration,
    pub(crate) url: Box<str>,
    /// The phase that took most of that time.
    pub(crate) phase: Option<(Phase, Duration)>,
}

/// How the phases are spread.
#[derive(Debug)]
pub(crate) struct PhaseStats {
    pub(crate) phases: [Spread; 6],
    pub(crate) headers: Spread,
    pub(crate) total: Spread,
}

/// How times are spread, in nanoseconds.
#[derive(Debug)]
pub(crate) struct Spread {
    histogram: Option<Histogram<u32>>,
    fastest: u64,
    slowest: u64,
}

impl Spread {
    fn new() -> Spread {
        // These bounds are good ones; should the library think otherwise, nothing is counted.
        let histogram = Histogram::new_with_bounds(1, LONGEST, 2).ok();
        Spread { histogram, fastest: u64::MAX, slowest: 0 }
    }

    fn count(&mut self, time: Duration) {
        let time = u64::try_from(time.as_nanos()).unwrap_or(LONGEST).min(LONGEST);
        self.fastest = self.fastest.min(time);
        self.slowest = self.slowest.max(time);
        if let Some(histogram) = &mut self.histogram {
            histogram.saturating_record(time);
        }
    }

    /// How many times were counted.
    pub(crate) fn len(&self) -> u64 {
        self.histogram.as_ref().map_or(0, Histogram::len)
    }

    /// Milliseconds that `share` (0 to 1) of all counted times do not exceed; `None` when none was counted.
    pub(crate) fn percentile(&self, share: f64) -> Option<f64> {
        let histogram = self.histogram.as_ref().filter(|histogram| !histogram.is_empty())?;
        // A bucket's ends may lie beyond what was counted.
        let time = if share > 0.0 { histogram.value_at_quantile(share) } else { self.fastest };
        Some(time.clamp(self.fastest, self.slowest) as f64 / 1e6)
    }

    /// Milliseconds on the average.
    pub(crate) fn mean(&self) -> Option<f64> {
        self.histogram.as_ref().filter(|histogram| !histogram.is_empty()).map(|histogram| histogram.mean() / 1e6)
    }

    /// How many times lie from `low` to below `high`, in milliseconds, to within a bucket.
    pub(crate) fn between(&self, low: f64, high: f64) -> u64 {
        let Some(histogram) = &self.histogram else { return 0 };
        let middle = |value: u64| histogram.median_equivalent(value) as f64 / 1e6;
        histogram
            .iter_recorded()
            .filter(|step| (low..high).contains(&middle(step.value_iterated_to())))
            .map(|step| u64::from(step.count_at_value()))
            .sum()
    }
}

impl Stats {
    pub(crate) fn new(with_phases: bool) -> Stats {
        let phases = || PhaseStats {
            phases: std::array::from_fn(|_| Spread::new()),
            headers: Spread::new(),
            total: Spread::new(),
        };
        Stats {
            passed: 0,
            failed: BTreeMap::new(),
            repeated: 0,
            lagged: 0,
            worst_lag: Duration::ZERO,
            slowest: None,
            headers: Spread::new(),
            lag: Spread::new(),
            phases: with_phases.then(|| Box::new(phases())),
        }
    }

    /// Counts a result; one that is not final is repeated.
    pub(crate) fn count(&mut self, target: &Target, outcome: &Outcome, is_final: bool) {
        if !is_final {
            self.repeated += 1;
            return;
        }
        if let Some(failed) = outcome.failed() {
            return self.fail(failed);
        }
        self.mark(outcome.lagged().then_some(outcome.lag));
        self.passed += 1;
        let headers = outcome.headers().unwrap_or_default();
        self.time(headers, &target.text, |phase| outcome.phase(phase));
        self.lag.count(outcome.lag);
        if let Some(stats) = &mut self.phases {
            for (phase, spread) in Phase::ALL.iter().zip(&mut stats.phases) {
                spread.count(outcome.phase(*phase).unwrap_or_default());
            }
            stats.headers.count(headers);
            stats.total.count(outcome.total());
        }
    }

    /// A result that was counted as repeated is final after all.
    pub(crate) fn not_repeated(&mut self, failed: Failed) {
        self.repeated -= 1;
        self.fail(failed);
    }

    fn fail(&mut self, failed: Failed) {
        self.mark(failed.lagged);
        *self.failed.entry(failed.kind.as_str()).or_default() += 1;
    }

    fn mark(&mut self, lagged: Option<Duration>) {
        if let Some(lag) = lagged {
            self.lagged += 1;
            self.worst_lag = self.worst_lag.max(lag);
        }
    }

    fn time(&mut self, headers: Duration, url: &str, length: impl Fn(Phase) -> Option<Duration>) {
        self.headers.count(headers);
        if self.slowest.as_ref().is_none_or(|slowest| headers > slowest.headers) {
            // The transfer comes after the headers.
            let before = Phase::ALL.into_iter().filter(|phase| *phase != Phase::Transfer);
            let phase = before.filter_map(|phase| Some((phase, length(phase)?))).max_by_key(|(_, length)| *length);
            self.slowest = Some(Slowest { headers, url: url.into(), phase });
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

    /// Of the times to the headers in milliseconds: fastest, median, 95 %, slowest.
    pub(crate) fn headers(&self) -> Option<[f64; 4]> {
        let at = |share| self.headers.percentile(share);
        Some([at(0.0)?, at(0.5)?, at(0.95)?, at(1.0)?])
    }

    /// The median of the prober's own share and of the times, in milliseconds, where the first is more than 5 % of the
    /// other and of a size that shows in the number that is printed for each.
    pub(crate) fn untrustworthy(&self) -> Option<(f64, f64)> {
        let (lag, median) = (self.lag.percentile(0.5)?, self.headers.percentile(0.5)?);
        (lag > 0.05 * median && lag >= 0.1).then_some((lag, median))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_near_the_truth() {
        let mut stats = Stats::new(false);
        assert_eq!(stats.headers(), None);
        for millis in 1..=1_000 {
            stats.time(Duration::from_millis(millis), "http://a", |_| None);
        }
        let [fastest, median, late, slowest] = stats.headers().expect("times were counted");
        for (got, truth) in [(fastest, 1.0), (median, 500.0), (late, 950.0), (slowest, 1_000.0)] {
            assert!((got / truth - 1.0_f64).abs() < 0.01, "{truth}: {got}");
        }
        assert_eq!(stats.slowest.map(|slowest| slowest.headers), Some(Duration::from_secs(1)));
        assert_eq!(stats.headers.between(0.0, 100.5), 100);
    }

    #[test]
    fn no_percentile_lies_beyond_the_fastest_or_the_slowest() {
        for millis in [0.01, 2.997, 302.604, 90_000.0] {
            let mut spread = Spread::new();
            spread.count(Duration::from_secs_f64(millis / 1e3));
            for share in [0.0, 0.5, 0.95, 1.0] {
                assert_eq!(spread.percentile(share), Some(millis), "{share}");
            }
        }
    }

    #[test]
    fn the_prober_is_under_suspicion_when_its_share_is_more_than_a_twentieth() {
        let mut stats = Stats::new(false);
        stats.time(Duration::from_millis(100), "http://a", |_| None);
        stats.lag.count(Duration::from_millis(4));
        assert_eq!(stats.untrustworthy(), None);
        stats.lag.count(Duration::from_millis(9));
        stats.lag.count(Duration::from_millis(9));
        assert!(stats.untrustworthy().is_some());
    }
}
