//! The feeder: reads the list and starts its probes, round after round, as soon as there is room and the pace allows it.
//!
//! A round is every URL once; the next begins when this one has ended and its tick has come. Ticks are an interval
//! apart, counted from the first; those that an overlong round has missed are skipped. The list is read in the first
//! round; it is kept, as URLs, only when another round may need it. Neighbours: `input` before it, `pace` beside it,
//! the engine in the parent module after it.

use std::rc::Rc;
use std::time::Instant;

use oneloop::sleep;

use super::engine::Engine;
use crate::exit::Ending;
use crate::input::{Input, InputError};
use crate::job::Job;
use crate::target::Target;

/// Where a round's URLs come from.
enum Listing {
    /// The list, as it is read.
    Stream(Box<Input>),
    /// What is known from earlier rounds.
    Known(std::vec::IntoIter<Target>),
}

impl Listing {
    async fn next(&mut self) -> Result<Option<Target>, InputError> {
        match self {
            Listing::Stream(input) => input.next().await,
            Listing::Known(targets) => Ok(targets.next()),
        }
    }
}

impl Engine {
    /// Runs all rounds, until everything has its result.
    pub(super) async fn feed(self: Rc<Engine>, input: Input) -> oneloop::Result<()> {
        let mut listing = Listing::Stream(Box::new(input));
        let mut known = Vec::new();
        let begun = self.event_loop.time();
        let mut tick = begun;
        for round in 0.. {
            self.round.set(round);
            self.slot.set(tick);
            self.input_ended.set(false);
            let broken = self.feed_round(&mut listing, &mut known).await?;
            self.output.append(|out| self.reporter.borrow_mut().round_ended(out));
            if let Listing::Stream(input) = &listing
                && let Some(ending) = self.judge_list(input, broken)
            {
                drop(self.stop.set_result(ending));
                return Ok(());
            }
            if self.rounds.until_ok {
                known = self.failed.take();
                known.sort_by_key(|target| target.index);
                // Several addresses of one URL may have failed.
                known.dedup_by_key(|target| target.index);
            }
            let used_up = self.rounds.count.is_some_and(|count| round + 1 >= count);
            if used_up || known.is_empty() || self.failed_early.get() {
                self.never_passed.set(self.rounds.until_ok.then_some(known.len() + self.hopeless.get()));
                drop(self.stop.set_result(Ending::Complete));
                return Ok(());
            }
            tick = next_tick(begun, tick, self.event_loop.time(), self.rounds.interval);
            sleep(tick.saturating_duration_since(self.event_loop.time())).await?;
            listing = Listing::Known(known.clone().into_iter());
        }
        Ok(())
    }

    /// What the list's end means for the run; `None` when it was a good list.
    fn judge_list(self: &Rc<Engine>, input: &Input, broken: Option<String>) -> Option<Ending> {
        if broken.is_some() {
            return broken.map(Ending::Broken);
        }
        if self.started.get() == 0 {
            let lists = input.empty_lists().join(", ");
            return Some(Ending::Broken(format!("there is no URL in {lists}: nothing was probed")));
        }
        for name in input.empty_lists() {
            self.errors.warn_later(&format!("there is no URL in {name}"));
        }
        None
    }

    /// Starts everything in `listing` and waits for the results. Gives why the list could not be read to its end.
    async fn feed_round(
        self: &Rc<Engine>,
        listing: &mut Listing,
        known: &mut Vec<Target>,
    ) -> oneloop::Result<Option<String>> {
        let keep = self.rounds.are_several() && !self.rounds.until_ok && matches!(listing, Listing::Stream(_));
        let (mut broken, mut begun) = (None, false);
        loop {
            if self.failed_early.get() {
                self.give_up_waiting();
                self.input_ended.set(true);
            }
            let job = if self.may_start_again() {
                self.slot.set(self.event_loop.time());
                // Until it starts, it is among those that wait, which the end of the run may have to give up.
                self.keep_pace().await?;
                match self.failed_early.get() {
                    true => None,
                    false => self.again.borrow_mut().pop_front(),
                }
            } else if !self.input_ended.get() && self.has_room() {
                match listing.next().await {
                    Ok(Some(target)) => {
                        if let Listing::Stream(input) = listing {
                            self.read.set(input.size());
                        }
                        if keep {
                            known.push(target.clone());
                        }
                        // The first of a round is due at its tick, any other one when there is room for it.
                        if std::mem::replace(&mut begun, true) {
                            self.slot.set(self.event_loop.time());
                        }
                        let job = self.admit_new(target);
                        if job.is_some() {
                            self.keep_pace().await?;
                        }
                        job.filter(|_| !self.failed_early.get())
                    }
                    Ok(None) => {
                        self.input_ended.set(true);
                        continue;
                    }
                    Err(InputError::Unreadable(message)) => {
                        self.input_ended.set(true);
                        broken = Some(message);
                        continue;
                    }
                    Err(InputError::Cancelled) => return Err(oneloop::Error::Cancelled),
                }
            } else if self.has_ended() {
                return Ok(broken);
            } else {
                self.wait().await?;
                continue;
            };
            if let Some(job) = job {
                self.start(job);
            }
        }
    }

    /// Makes a job of a URL of the list; `None` when it has its result already, or waits for its host.
    fn admit_new(self: &Rc<Engine>, target: Target) -> Option<Job> {
        let seq = self.started.get();
        self.started.set(seq + 1);
        self.reporter.borrow_mut().started(&target);
        let job = Job::new(target, seq, self.round.get());
        if let Err(failure) = &job.target.url {
            // What cannot be probed has its result at once, and needs no place.
            let outcome = crate::report::Outcome::refused((**failure).clone());
            self.settle(job, &outcome);
            return None;
        }
        match &self.hosts {
            Some(hosts) => hosts.admit(job),
            None => Some(job),
        }
    }

    /// Waits until the next start is due, by `--rate` and by the length of the loop's turns.
    async fn keep_pace(&self) -> oneloop::Result<()> {
        if let Some(rate) = &self.rate {
            let now = self.event_loop.time();
            let slot = rate.slot(now);
            self.slot.set(slot);
            if slot > now {
                sleep(slot - now).await?;
            }
        }
        while !self.governor.admits(self.event_loop.collected_at(), || self.prober.take_worst_wait()) {
            let turn = self.event_loop.collected_at();
            oneloop::yield_now().await?;
            if self.event_loop.collected_at() == turn {
                // The selector had nothing to give, so nobody in flight has waited; and the time that the turns are told
                // apart by stands still as long as that is so.
                break;
            }
        }
        Ok(())
    }
}

/// The first tick after `tick` that is not over yet.
fn next_tick(begun: Instant, tick: Instant, now: Instant, interval: std::time::Duration) -> Instant {
    let Some(next) = tick.checked_add(interval).filter(|_| !interval.is_zero()) else { return now };
    if next >= now {
        return next;
    }
    let missed = now.saturating_duration_since(begun).as_nanos().div_ceil(interval.as_nanos());
    u32::try_from(missed).ok().and_then(|ticks| begun.checked_add(interval.checked_mul(ticks)?)).unwrap_or(now)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn ticks_that_an_overlong_round_has_missed_are_skipped() {
        let begun = Instant::now();
        let at = |millis| begun + Duration::from_millis(millis);
        let next = |tick, now| (next_tick(begun, at(tick), at(now), Duration::from_millis(100)) - begun).as_millis();
        assert_eq!(next(0, 30), 100);
        assert_eq!(next(100, 199), 200);
        assert_eq!(next(0, 100), 100);
        assert_eq!(next(0, 101), 200);
        assert_eq!(next(200, 1_234), 1_300);
        assert_eq!(next_tick(begun, begun, at(5), Duration::ZERO), at(5));
    }
}
