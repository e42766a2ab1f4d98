//! A place among the probes in flight: taken when a probe starts, given back whatever becomes of it.
//!
//! Neighbours: the engine in `run` makes one for each probe. Invariants: every target that was started gets a result, even
//! when its probe panics; a probe that found no descriptor is put back and gets none yet.
//! Counterparts: `async with semaphore` in asyncio; `SemaphoreSlim.Release` in a `finally` in C#.

use std::rc::Rc;
use std::time::{Duration, Instant};

use super::Engine;
use crate::report::Outcome;
use crate::target::{Failure, Target};

/// How often a lone probe asks again for a descriptor.
const ASK_AGAIN: Duration = Duration::from_millis(100);

/// A place among those in flight, and the probe that holds it.
pub(super) struct Place {
    pub(super) engine: Rc<Engine>,
    /// Gone once the probe has its result.
    pub(super) target: Option<Target>,
}

impl Place {
    /// Probes, and reports the result; the place is given back when this ends or is dropped.
    pub(super) async fn probe(mut self, due: Instant) -> oneloop::Result<()> {
        let engine = self.engine.clone();
        loop {
            let Some(target) = &self.target else { return Ok(()) };
            let Ok(url) = &target.url else { return Ok(()) };
            let limit = engine.limit(target);
            let outcome = engine.prober.probe(&engine.event_loop, url.clone(), limit, due).await?;
            if lacks_descriptors(&outcome) {
                engine.prober.close_idle().await?;
                engine.lower_parallelism();
                if engine.in_flight.get() > 1 {
                    engine.again.borrow_mut().extend(self.target.take());
                    return Ok(());
                }
                // Alone, there is no other probe to wait for: someone else has taken all descriptors.
                if engine.event_loop.time().saturating_duration_since(due) < limit {
                    oneloop::sleep(ASK_AGAIN).await?;
                    continue;
                }
            }
            if let Some(target) = self.target.take() {
                engine.finish(&target, &outcome);
            }
            return Ok(());
        }
    }
}

impl Drop for Place {
    /// Gives the place back, whatever became of the probe.
    fn drop(&mut self) {
        let engine = &self.engine;
        engine.in_flight.set(engine.in_flight.get() - 1);
        if engine.closing.get() {
            return;
        }
        if let Some(target) = self.target.take() {
            // Only a panic comes here. Its report is on stderr; the URL still gets its line.
            let message = "the prober failed at this URL, which is a bug: please report it".to_owned();
            let failure = Failure { kind: "local", detail: "Panic".to_owned(), message, phase: None };
            engine.finish(&target, &Outcome::refused(failure));
        }
        engine.pump();
    }
}

/// Did this probe fail for want of a file descriptor, which says nothing of its server?
fn lacks_descriptors(outcome: &Outcome) -> bool {
    outcome
        .failure
        .as_ref()
        .is_some_and(|failure| failure.kind == "local" && matches!(failure.detail.as_str(), "EMFILE" | "ENFILE"))
}
