//! `--parallel-max-host`: how many probes of one host are in flight, and those that wait for one of them to end.
//!
//! A host is a name and a port, as in curl. Neighbours: the feeder asks for a place before it starts a job; the place is
//! given back with the probe's end. Invariant: at most [`MOST_WAITING`] jobs wait here, then the list is not read on.

use std::cell::{Cell, RefCell};
use std::collections::{HashMap, VecDeque};

use crate::job::Job;
use crate::target::Target;

/// So many jobs may wait for their hosts.
const MOST_WAITING: usize = 1_000;

/// All hosts that are being probed.
#[derive(Debug)]
pub(super) struct Hosts {
    most: usize,
    hosts: RefCell<HashMap<Box<str>, Host>>,
    waiting: Cell<usize>,
}

#[derive(Debug, Default)]
struct Host {
    in_flight: usize,
    waiting: VecDeque<Job>,
}

impl Hosts {
    pub(super) fn new(most: usize) -> Hosts {
        Hosts { most, hosts: RefCell::default(), waiting: Cell::new(0) }
    }

    /// Takes a place at the job's host and gives the job back; `None` when it has to wait for one.
    pub(super) fn admit(&self, job: Job) -> Option<Job> {
        let Some(key) = key(&job.target) else { return Some(job) };
        let mut hosts = self.hosts.borrow_mut();
        let host = hosts.entry(key).or_default();
        if host.in_flight < self.most {
            host.in_flight += 1;
            return Some(job);
        }
        host.waiting.push_back(job);
        self.waiting.set(self.waiting.get() + 1);
        None
    }

    /// Gives a place back, and the job that has got it.
    pub(super) fn leave(&self, target: &Target) -> Option<Job> {
        let key = key(target)?;
        let mut hosts = self.hosts.borrow_mut();
        let host = hosts.get_mut(&key)?;
        if let Some(job) = host.waiting.pop_front() {
            self.waiting.set(self.waiting.get() - 1);
            return Some(job);
        }
        host.in_flight = host.in_flight.saturating_sub(1);
        if host.in_flight == 0 {
            hosts.remove(&key);
        }
        None
    }

    pub(super) fn waiting(&self) -> usize {
        self.waiting.get()
    }

    pub(super) fn is_full(&self) -> bool {
        self.waiting.get() >= MOST_WAITING
    }

    /// Gives up all that wait: they are not to be started any more.
    pub(super) fn take_waiting(&self) -> Vec<Job> {
        self.waiting.set(0);
        self.hosts.borrow_mut().values_mut().flat_map(|host| host.waiting.drain(..)).collect()
    }
}

fn key(target: &Target) -> Option<Box<str>> {
    let url = target.url.as_ref().ok()?;
    Some(format!("{}:{}", url.host_str()?, url.port_or_known_default()?).into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::target::Origin;

    fn job(seq: u64, url: &str) -> Job {
        Job::new(Target::parse(seq, url.as_bytes(), Origin::Argument), seq, 0)
    }

    #[test]
    fn a_full_host_keeps_its_jobs_in_order_and_no_others() {
        let hosts = Hosts::new(2);
        let admitted = |seq, url| hosts.admit(job(seq, url)).map(|job| job.seq);
        assert_eq!((admitted(0, "http://a/"), admitted(1, "http://a:80/x")), (Some(0), Some(1)));
        assert_eq!(
            (admitted(2, "http://a/"), admitted(3, "http://a/"), admitted(4, "https://a/")),
            (None, None, Some(4))
        );
        assert_eq!(hosts.waiting(), 2);
        let left = |url| hosts.leave(&job(9, url).target).map(|job| job.seq);
        assert_eq!(
            (left("http://a/"), left("http://a/"), left("http://a/"), left("https://a/")),
            (Some(2), Some(3), None, None)
        );
        assert_eq!((hosts.waiting(), hosts.hosts.borrow().len()), (0, 1));
        assert_eq!(admitted(5, "http://a/"), Some(5));
    }
}
