//! Where the time of a request goes: the phases, and the clock that divides the total among them.
//!
//! The clock is always in at most one phase. Entering the next one closes the one before at the same instant, and all
//! instants are kept as whole nanoseconds since the start. The phases therefore add up to the total *by construction*,
//! not by luck of rounding. Callers pass the instants in (they take them from [`oneloop::LoopRef::time`]), so the loop's
//! virtual clock gives exact phases in tests.
//!
//! Neighbours: the connector and the client enter phases; [`Hop`](crate::Hop) keeps the clock for whoever asks.
//! Counterparts: aiohttp's `TraceConfig` signals and .NET's `HttpTelemetry` events, which give instants and leave the
//! subtraction to the reader.

use std::time::{Duration, Instant};

/// A stretch of a request's life. The order is the order in which they happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Phase {
    /// From the start until the addresses of the host are known.
    Resolve,
    /// Until a TCP connection stands; failed attempts at earlier addresses are part of it.
    Connect,
    /// Until both sides of the TLS handshake are computed; zero over plain HTTP.
    Tls,
    /// Until the kernel has taken the last byte of the request.
    Send,
    /// Until the first byte of the final response: an interim one (1xx) is no answer.
    Wait,
    /// Until the last byte of that response: the rest of its head, and its body.
    Transfer,
}

impl Phase {
    /// All phases in their order.
    pub const ALL: [Phase; 6] = [Phase::Resolve, Phase::Connect, Phase::Tls, Phase::Send, Phase::Wait, Phase::Transfer];

    /// The stable, lower-case name: the key in the prober's JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Phase::Resolve => "resolve",
            Phase::Connect => "connect",
            Phase::Tls => "tls",
            Phase::Send => "send",
            Phase::Wait => "wait",
            Phase::Transfer => "transfer",
        }
    }

    fn bit(self) -> u8 {
        1 << self as u8
    }
}

impl std::fmt::Display for Phase {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Divides the time since its start among the phases; the head of `timings.rs` says why they add up.
#[derive(Clone, Debug)]
pub struct PhaseClock {
    started: Instant,
    /// Nanoseconds since `started` of the latest event: up to here everything is accounted for.
    mark: u64,
    /// Nanoseconds spent in each phase, meaningful where `reached` has its bit.
    spent: [u64; 6],
    reached: u8,
    /// The phase that is running; `None` once stopped.
    current: Option<Phase>,
    /// When the head of the final response was complete, in nanoseconds since `started`.
    headers: Option<u64>,
}

impl PhaseClock {
    /// A clock that runs from `now`, in [`Phase::Resolve`].
    pub fn start(now: Instant) -> PhaseClock {
        oneloop::span_begin(Phase::Resolve.as_str());
        PhaseClock {
            started: now,
            mark: 0,
            spent: [0; 6],
            reached: Phase::Resolve.bit(),
            current: Some(Phase::Resolve),
            headers: None,
        }
    }

    /// Closes the running phase at `now` and enters `phase`. Phases jumped over are marked as reached with zero length:
    /// a reused connection jumps from `Resolve` to `Send`, plain HTTP jumps over `Tls`. Does nothing once stopped.
    pub fn enter(&mut self, phase: Phase, now: Instant) {
        if self.current.is_none() {
            return;
        }
        self.account(now);
        self.end_span();
        oneloop::span_begin(phase.as_str());
        self.current = Some(phase);
        self.reached |= (phase.bit() << 1) - 1;
    }

    /// The head of the response ended at `now`.
    pub fn headers_done(&mut self, now: Instant) {
        self.headers = Some(self.nanos(now));
    }

    /// Closes the running phase for good: at the end of the body, or where the request failed. Later calls do nothing,
    /// so that the first to notice the end decides.
    pub fn stop(&mut self, now: Instant) {
        self.account(now);
        self.end_span();
        self.current = None;
    }

    /// Tells the loop's observer, if there is one, that the running phase is over.
    fn end_span(&self) {
        if let Some(phase) = self.current {
            oneloop::span_end(phase.as_str());
        }
    }

    /// The running phase, or `None` once stopped.
    pub fn current(&self) -> Option<Phase> {
        self.current
    }

    /// The last phase that was reached: of a failed request, the one in which it failed.
    pub fn last(&self) -> Phase {
        let last = Phase::ALL.iter().rev().find(|phase| self.reached & phase.bit() != 0);
        last.copied().unwrap_or(Phase::Resolve)
    }

    /// The length of `phase` so far, `None` when it was not reached.
    pub fn phase(&self, phase: Phase) -> Option<Duration> {
        (self.reached & phase.bit() != 0).then(|| Duration::from_nanos(self.spent[phase as usize]))
    }

    /// From the start to the end of the response head, `None` while there is none.
    pub fn headers(&self) -> Option<Duration> {
        self.headers.map(Duration::from_nanos)
    }

    /// From the start to the latest event (the end, once stopped): exactly the sum of the phases.
    pub fn total(&self) -> Duration {
        Duration::from_nanos(self.mark)
    }

    /// The moment of the latest event.
    pub(crate) fn latest(&self) -> Instant {
        self.started + self.total()
    }

    /// When the clock was started.
    pub fn started(&self) -> Instant {
        self.started
    }

    fn nanos(&self, now: Instant) -> u64 {
        // 584 years fit; an instant before the start (there should be none) counts as the start.
        u64::try_from(now.saturating_duration_since(self.started).as_nanos()).unwrap_or(u64::MAX)
    }

    fn account(&mut self, now: Instant) {
        let Some(phase) = self.current else { return };
        let now = self.nanos(now).max(self.mark);
        self.spent[phase as usize] += now - self.mark;
        self.mark = now;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sum(clock: &PhaseClock) -> Duration {
        Phase::ALL.iter().filter_map(|phase| clock.phase(*phase)).sum()
    }

    #[test]
    fn phases_add_up_to_the_total() {
        let start = Instant::now();
        let mut clock = PhaseClock::start(start);
        let mut at = start;
        for (nanos, phase) in [3, 1_000_000_007, 0, 17, 999].into_iter().zip(&Phase::ALL[1..]) {
            at += Duration::from_nanos(nanos);
            clock.enter(*phase, at);
        }
        clock.headers_done(at);
        clock.stop(at + Duration::from_nanos(1));
        let lengths: Vec<_> = Phase::ALL.iter().map(|phase| clock.phase(*phase).unwrap().as_nanos()).collect();
        assert_eq!(lengths, [3, 1_000_000_007, 0, 17, 999, 1]);
        assert_eq!(sum(&clock), clock.total());
        assert_eq!(clock.headers(), Some(at - start));
    }

    #[test]
    fn a_failed_phase_holds_its_elapsed_time_and_later_ones_were_not_reached() {
        let start = Instant::now();
        let mut clock = PhaseClock::start(start);
        clock.enter(Phase::Connect, start + Duration::from_millis(2));
        clock.stop(start + Duration::from_millis(9));
        clock.stop(start + Duration::from_millis(50)); // the first end counts
        clock.enter(Phase::Tls, start + Duration::from_millis(60));
        assert_eq!(clock.last(), Phase::Connect);
        assert_eq!(clock.phase(Phase::Connect), Some(Duration::from_millis(7)));
        assert_eq!(clock.phase(Phase::Tls), None);
        assert_eq!(clock.headers(), None);
        assert_eq!(clock.total(), Duration::from_millis(9));
    }

    #[test]
    fn a_reused_connection_has_three_phases_of_zero() {
        let start = Instant::now();
        let mut clock = PhaseClock::start(start);
        clock.enter(Phase::Send, start);
        for phase in [Phase::Resolve, Phase::Connect, Phase::Tls] {
            assert_eq!(clock.phase(phase), Some(Duration::ZERO));
        }
        assert_eq!(clock.phase(Phase::Wait), None);
    }

    #[test]
    fn an_instant_that_goes_back_neither_panics_nor_breaks_the_sum() {
        let start = Instant::now() + Duration::from_secs(5);
        let mut clock = PhaseClock::start(start);
        clock.enter(Phase::Connect, start + Duration::from_secs(1));
        clock.enter(Phase::Send, start);
        clock.stop(start - Duration::from_secs(1));
        assert_eq!(sum(&clock), clock.total());
    }
}
