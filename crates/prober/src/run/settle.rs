//! What follows from a result: another attempt, another round, the end of everything, the other addresses of a name.
//!
//! Neighbours: `place` hands in each outcome; what is to start again goes to the engine's queue, which the feeder in
//! `rounds` empties first. Invariant: each attempt is reported once, and the last one judges.

use std::cell::Cell;
use std::rc::Rc;
use std::time::{Duration, Instant};

use oneloop_http::{ErrorKind, Exchange};

use super::engine::Engine;
use super::hosts::Hosts;
use crate::exit::Ending;
use crate::job::Job;
use crate::report::{Outcome, Then};
use crate::target::Target;

impl Engine {
    /// The time that this URL gets.
    pub(super) fn limit(&self, target: &Target) -> Duration {
        self.announced.timeout(target).unwrap_or(self.max_time)
    }

    /// What counts as failed when the run is over.
    pub(super) fn failures(&self, ending: &Ending) -> u64 {
        match (self.announced.is_empty(), self.never_passed.get()) {
            (false, _) => self.announced.judge(ending),
            (true, Some(left)) => left as u64,
            (true, None) => self.reporter.borrow().stats.failures(),
        }
    }

    /// One attempt has ended: reports it, and sees to what follows from it.
    pub(super) fn settle(self: &Rc<Engine>, job: Job, outcome: &Outcome) {
        self.announced.compare(&job.target, outcome);
        let again = job.attempt <= self.rounds.retry && !self.failed_early.get() && may_pass_next_time(outcome);
        let then = match again {
            true => Then::AnotherAttempt,
            false if job.is_last() => Then::Nothing,
            false => Then::Others,
        };
        self.output.append(|out| self.reporter.borrow_mut().finished(&job, outcome, then, out));
        let errors = self.reporter.borrow_mut().take_errors();
        self.errors.say(&errors);
        if again {
            return self.repeat_later(Job { attempt: job.attempt + 1, before: outcome.failed(), ..job });
        }
        if outcome.failure.is_none() {
            return;
        }
        if self.rounds.until_ok {
            match job.target.url.is_ok() {
                true => self.failed.borrow_mut().push(job.target),
                false => self.hopeless.set(self.hopeless.get() + 1),
            }
        } else if self.rounds.fail_early && !self.failed_early.replace(true) {
            // Their places are dropped, and what they report ends up here.
            for task in self.tasks.take() {
                // Of one that has ended, nothing is left to be cancelled.
                task.cancel();
            }
            self.pump();
        }
    }

    /// Makes a job of each address that the name of `job` has; `job` becomes the first. Where they cannot be told, `job`
    /// stays as it is, and the outcome is that of its probe.
    pub(super) async fn spread(
        &self,
        job: &mut Job,
        limit: Duration,
        due: Instant,
        exchange: &Exchange,
    ) -> oneloop::Result<Option<Outcome>> {
        let Ok(url) = job.target.url.clone() else { return Ok(None) };
        let Some(url::Host::Domain(_)) = url.host() else { return Ok(None) };
        let addresses = match self.prober.addresses(&self.event_loop, &url, limit, due, exchange).await? {
            Ok(addresses) => addresses,
            Err(outcome) => return Ok(Some(outcome)),
        };
        job.siblings = Some(Rc::new(Cell::new(addresses.len())));
        let others = addresses.iter().skip(1).map(|address| Job { address: Some(*address), ..job.clone() });
        others.for_each(|other| self.queue_again(other));
        job.address = addresses.first().copied();
        Ok(None)
    }

    fn repeat_later(self: &Rc<Engine>, job: Job) {
        self.delayed.borrow_mut().push_back(job);
        let engine = self.clone();
        // The handle only serves to cancel.
        drop(self.event_loop.call_later(self.rounds.retry_delay, move || {
            // All wait equally long, so the turn is the first one's. None is left where the run has given them up.
            let job = engine.delayed.borrow_mut().pop_front();
            job.into_iter().for_each(|job| engine.queue_again(job));
            engine.pump();
        }));
    }

    /// The end has come: nothing is begun any more. What waits for another attempt is judged by the last one that it had.
    /// Gives how many there are that had none.
    pub(super) fn give_up_waiting(&self) -> usize {
        let at_hosts = self.hosts.iter().flat_map(Hosts::take_waiting);
        let waiting = self.delayed.take().into_iter().chain(self.again.take()).chain(at_hosts);
        let mut reporter = self.reporter.borrow_mut();
        waiting.filter(|job| !reporter.not_repeated(job)).count()
    }
}

/// May another attempt end better? Errors of transport may be gone, and so may 408, 429 and 5xx; a bad certificate, a
/// bad URL or an expectation that was missed is there to stay.
fn may_pass_next_time(outcome: &Outcome) -> bool {
    match outcome.kind() {
        Some(ErrorKind::Status) => matches!(outcome.status(), Some(408 | 429 | 500..=599)),
        Some(
            ErrorKind::Resolve
            | ErrorKind::ResolveTimeout
            | ErrorKind::Connect
            | ErrorKind::ConnectTimeout
            | ErrorKind::TlsHandshake
            | ErrorKind::TlsTimeout
            | ErrorKind::Proxy
            | ErrorKind::Send
            | ErrorKind::Receive
            | ErrorKind::Local
            | ErrorKind::Timeout
            | ErrorKind::TtfbTimeout
            | ErrorKind::EmptyReply
            | ErrorKind::Protocol
            | ErrorKind::TruncatedBody,
        ) => true,
        _ => false,
    }
}
