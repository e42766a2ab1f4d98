//! Prometheus's text format, for node_exporter's textfile collector or a push gateway: the last result of each URL.
//!
//! The families are those of the exporter, with the URL as label `url`. A family's lines must stand together, so all is
//! printed at the end, and a URL that is listed twice has one set of samples, that of its last result.

use std::collections::HashMap;

use super::{Outcome, Render};
use crate::exposition::{self, Sample};
use crate::gauges;
use crate::job::Job;

/// The renderer of `--format prom`.
#[derive(Debug, Default)]
pub(super) struct Prom {
    /// Of each URL, the start that its samples are from, and the samples.
    results: HashMap<Box<str>, (u64, Vec<Sample>)>,
}

impl Render for Prom {
    fn result(&mut self, _: &mut Vec<u8>, job: &Job, outcome: &Outcome) {
        let url = &job.target.text;
        if self.results.get(url).is_some_and(|(seq, _)| *seq > job.seq) {
            return;
        }
        let mut samples = gauges::samples(outcome, outcome.total());
        for sample in &mut samples {
            sample.labels.insert(0, ("url", url.to_string()));
        }
        self.results.insert(url.clone(), (job.seq, samples));
    }

    fn end(&mut self, out: &mut Vec<u8>) {
        let mut results: Vec<_> = self.results.drain().map(|(_, result)| result).collect();
        results.sort_by_key(|(seq, _)| *seq);
        let samples: Vec<_> = results.into_iter().flat_map(|(_, samples)| samples).collect();
        exposition::write(out, &samples);
    }
}
