//! One start of a run: a URL in a round, and which attempt at it this is.
//!
//! Neighbours: `run` makes jobs out of targets and starts them; `report` prints their numbers.

use std::cell::Cell;
use std::net::IpAddr;
use std::rc::Rc;
use std::time::Duration;

use oneloop_http::ErrorKind;

use crate::target::Target;

/// A target that is to be probed now, or was.
#[derive(Debug, Clone)]
pub(crate) struct Job {
    pub(crate) target: Target,
    /// Its place among all starts of the run, from 0: the order in which results are printed. Attempts share it.
    pub(crate) seq: u64,
    /// From 0.
    pub(crate) round: u64,
    /// From 1.
    pub(crate) attempt: u32,
    /// What became of the attempt before this one.
    pub(crate) before: Option<Failed>,
    /// The address to connect to, of those that the name has (`--all-addresses`).
    pub(crate) address: Option<IpAddr>,
    /// Of the jobs that one URL has become, one an address: how many have no final result yet.
    pub(crate) siblings: Option<Rc<Cell<usize>>>,
}

/// What is counted of a failure.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Failed {
    pub(crate) kind: ErrorKind,
    /// The prober's own share, where that marks the result.
    pub(crate) lagged: Option<Duration>,
}

impl Job {
    pub(crate) fn new(target: Target, seq: u64, round: u64) -> Job {
        Job { target, seq, round, attempt: 1, before: None, address: None, siblings: None }
    }

    /// Takes note of its final result. True if it is the last one of its start.
    pub(crate) fn is_last(&self) -> bool {
        self.siblings.as_ref().is_none_or(|left| {
            left.set(left.get().saturating_sub(1));
            left.get() == 0
        })
    }
}
