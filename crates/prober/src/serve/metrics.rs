//! What the exporter says of itself: `/metrics`.
//!
//! Names are blackbox_exporter's with our own prefix where it has one. Labels have few values: modules of the
//! configuration, two outcomes, four reasons.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::time::{Duration, UNIX_EPOCH};

use super::Exporter;
use crate::exposition::{self, Family, Kind, Sample, number};
use crate::modules::Modules;
use crate::report::Outcome;

static BUILD: Family = Family::gauge("prober_build_info", "The version that is running.");
static RELOAD_GOOD: Family =
    Family::gauge("prober_config_last_reload_successful", "1 if the configuration could be loaded the last time.");
static RELOAD_AT: Family = Family::gauge(
    "prober_config_last_reload_success_timestamp_seconds",
    "When a configuration was loaded last, in Unix time.",
);
static UNKNOWN: Family =
    Family::counter("prober_module_unknown_total", "Probes that asked for a module that there is not.");
static PROBES: Family = Family::counter("prober_probes_total", "Probes, by module and how they ended.");
static DURATIONS: Family =
    Family { name: "prober_probe_duration_seconds", kind: Kind::Histogram, help: "How long probes took, by module." };
static IN_FLIGHT: Family = Family::gauge("prober_probes_in_flight", "Probes now.");
static CONNECTIONS: Family = Family::gauge("prober_connections", "Connections to the exporter now.");
static REJECTED: Family = Family::counter("prober_rejected_total", "Scrapes that were turned away, by reason.");
static LAG: Family = Family::gauge(
    "prober_loop_lag_seconds",
    "The longest that a step of a probe has waited for its turn since the last scrape of this page.",
);

/// The upper ends of the histogram's buckets, in seconds: those of most exporters.
const BUCKETS: [f64; 11] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];

/// All counters.
#[derive(Debug)]
pub(super) struct Metrics {
    pub(super) in_flight: Cell<usize>,
    unknown: Cell<u64>,
    rejected: RefCell<BTreeMap<&'static str, u64>>,
    modules: RefCell<BTreeMap<String, OfModule>>,
    worst_wait: Cell<Duration>,
}

#[derive(Debug, Default, Clone)]
struct OfModule {
    passed: u64,
    failed: u64,
    /// Not cumulative; the last is for all above.
    buckets: [u64; BUCKETS.len() + 1],
    seconds: f64,
}

impl Metrics {
    pub(super) fn new(modules: &Modules) -> Metrics {
        let metrics = Metrics {
            in_flight: Cell::new(0),
            unknown: Cell::new(0),
            rejected: RefCell::new(["connections", "probes", "resources", "target"].map(|reason| (reason, 0)).into()),
            modules: RefCell::default(),
            worst_wait: Cell::default(),
        };
        metrics.know(modules);
        metrics
    }

    /// These modules may be counted; what was counted of others is forgotten.
    pub(super) fn know(&self, modules: &Modules) {
        let mut counted = self.modules.borrow_mut();
        let http = modules.by_name.iter().filter(|(_, module)| module.prober == "http");
        *counted = http.map(|(name, _)| (name.clone(), counted.remove(name).unwrap_or_default())).collect();
    }

    pub(super) fn count(&self, module: &str, outcome: &Outcome, took: Duration, wait: Duration) {
        self.worst_wait.set(self.worst_wait.get().max(wait));
        let mut modules = self.modules.borrow_mut();
        // A probe may outlive its module.
        let Some(counted) = modules.get_mut(module) else { return };
        match outcome.failure {
            None => counted.passed += 1,
            Some(_) => counted.failed += 1,
        }
        let took = took.as_secs_f64();
        counted.seconds += took;
        let bucket = BUCKETS.iter().position(|end| took <= *end).unwrap_or(BUCKETS.len());
        if let Some(bucket) = counted.buckets.get_mut(bucket) {
            *bucket += 1;
        }
    }

    pub(super) fn count_unknown_module(&self) {
        self.unknown.set(self.unknown.get() + 1);
    }

    pub(super) fn reject(&self, reason: &'static str) {
        *self.rejected.borrow_mut().entry(reason).or_default() += 1;
    }

    /// The page.
    pub(super) fn text(&self, exporter: &Exporter) -> Vec<u8> {
        let reloaded = exporter.reloaded_at.get().and_then(|at| at.duration_since(UNIX_EPOCH).ok()).unwrap_or_default();
        let mut samples = vec![
            Sample::new(&BUILD, 1.0).label("version", env!("CARGO_PKG_VERSION")),
            Sample::new(&RELOAD_GOOD, f64::from(u8::from(!exporter.reload_failed.get()))),
            Sample::new(&RELOAD_AT, reloaded.as_secs_f64()),
            Sample::new(&UNKNOWN, self.unknown.get() as f64),
            Sample::new(&IN_FLIGHT, self.in_flight.get() as f64),
            Sample::new(&CONNECTIONS, exporter.connections() as f64),
            Sample::new(&LAG, self.worst_wait.take().as_secs_f64()),
        ];
        for (reason, count) in self.rejected.borrow().iter() {
            samples.push(Sample::new(&REJECTED, *count as f64).label("reason", *reason));
        }
        for (name, counted) in self.modules.borrow().iter() {
            for (outcome, count) in [("failure", counted.failed), ("success", counted.passed)] {
                let sample = Sample::new(&PROBES, count as f64).label("module", name.as_str());
                samples.push(sample.label("outcome", outcome));
            }
            let mut sum = 0;
            for (end, count) in BUCKETS.iter().copied().chain([f64::INFINITY]).zip(counted.buckets) {
                sum += count;
                let sample = Sample::new(&DURATIONS, sum as f64).suffix("_bucket").label("module", name.as_str());
                samples.push(sample.label("le", number(end)));
            }
            let of = |suffix, value| Sample::new(&DURATIONS, value).suffix(suffix).label("module", name.as_str());
            samples.push(of("_sum", counted.seconds));
            samples.push(of("_count", sum as f64));
        }
        let mut text = Vec::new();
        exposition::write(&mut text, &samples);
        text
    }
}
