//! A place among the probes in flight: taken when a probe starts, given back whatever becomes of it.
//!
//! Neighbours: `engine` makes one for each probe. Invariants: every job that was started gets a result, even when its
//! probe panics or is cancelled by `--fail-early`; a probe that found no descriptor is put back and gets none yet.
//! Counterparts: `async with semaphore` in asyncio; `SemaphoreSlim.Release` in a `finally` in C#.

use std::pin::pin;
use std::rc::Rc;
use std::time::{Duration, Instant};

use oneloop_http::{ErrorKind, Exchange, Lack};

use super::engine::Engine;
use crate::job::Job;
use crate::limits::ASK_AGAIN;
use crate::report::Outcome;
use crate::target::Failure;

/// How long, at most, a probe that is alone asks again for a descriptor: another program may give some back, but
/// nothing here does.
const PATIENCE: Duration = Duration::from_secs(1);

/// A place among those in flight, and the probe that holds it.
pub(super) struct Place {
    pub(super) engine: Rc<Engine>,
    /// Gone once the probe has its result.
    pub(super) job: Option<Job>,
    /// What is known of the request so far.
    pub(super) exchange: Exchange,
}

impl Place {
    /// Probes, and reports the result; the place is given back when this ends or is dropped.
    pub(super) async fn probe(mut self, due: Instant) -> oneloop::Result<()> {
        let engine = self.engine.clone();
        if engine.prober.takes_all_addresses()
            && let Some(job) = self.job.as_mut().filter(|job| job.siblings.is_none())
        {
            let limit = engine.limit(&job.target);
            // Boxed: nearly no run asks for it. For want of descriptors it is tried again, below.
            if let Some(outcome) = Box::pin(engine.spread(job, limit, due, &self.exchange)).await?
                && !lacks_descriptors(&outcome)
            {
                self.settle(&outcome);
                return Ok(());
            }
        }
        let mut patience = None;
        loop {
            let Some(job) = &self.job else { return Ok(()) };
            let Ok(url) = &job.target.url else { return Ok(()) };
            let limit = engine.limit(&job.target);
            let outcome = {
                let (event_loop, exchange) = (&engine.event_loop, &self.exchange);
                // Pinned where it is made: a future that is awaited by value is moved once more.
                pin!(engine.prober.probe(event_loop, url.clone(), job.address, limit, due, exchange)).await?
            };
            if lacks_descriptors(&outcome) {
                engine.prober.close_idle().await?;
                engine.lower_parallelism();
                if engine.in_flight.get() > 1 {
                    engine.leave_host(job);
                    if let Some(job) = self.job.take() {
                        engine.queue_again(job);
                    }
                    return Ok(());
                }
                // Alone, there is no other probe to wait for: someone else has taken all descriptors.
                engine.errors.say_now();
                let left = *patience.get_or_insert((limit / 10).min(PATIENCE));
                if !left.is_zero() {
                    let pause = ASK_AGAIN.min(left);
                    oneloop::sleep(pause).await?;
                    patience = Some(left.saturating_sub(pause));
                    continue;
                }
            }
            self.settle(&outcome);
            return Ok(());
        }
    }

    /// Hands in the result.
    fn settle(&mut self, outcome: &Outcome) {
        if let Some(job) = self.job.take() {
            self.engine.leave_host(&job);
            self.engine.settle(job, outcome);
        }
    }
}

impl Drop for Place {
    /// Gives the place back, whatever became of the probe.
    fn drop(&mut self) {
        let engine = self.engine.clone();
        engine.in_flight.set(engine.in_flight.get() - 1);
        if engine.closing.get() {
            return;
        }
        if let Some(job) = self.job.take() {
            let failure = if engine.failed_early.get() {
                interrupted()
            } else {
                // Only a panic comes here. Its report is on stderr; the URL still gets its line.
                let message = "the prober failed at this URL, which is a bug: please report it".to_owned();
                Failure { kind: ErrorKind::Local, detail: "Panic".to_owned(), message, phase: None }
            };
            self.exchange.stop(engine.event_loop.time());
            let mut outcome = Outcome::refused(failure);
            outcome.hops = self.exchange.take();
            engine.leave_host(&job);
            engine.settle(job, &outcome);
        }
        engine.pump();
    }
}

/// What a probe that was cancelled failed of.
fn interrupted() -> Failure {
    let message = "stopped because another probe failed (--fail-early)".to_owned();
    Failure { kind: ErrorKind::Interrupted, detail: "FailEarly".to_owned(), message, phase: None }
}

/// Did this probe fail for want of a file descriptor, which says nothing of its server?
fn lacks_descriptors(outcome: &Outcome) -> bool {
    outcome.failure.as_ref().and_then(Failure::lack).is_some_and(Lack::is_of_descriptors)
}
