//! A thread that says what the loop is stuck in.
//!
//! Job: look at a [`Census`](crate::Census) every so often; when the loop has been busy with one step or callback for
//! longer than a limit, say with which, and print what every task waits for: the loop itself can't say anything then.
//! Neighbours: `census.rs` tells what it is busy with. Invariants: there is no such thread unless somebody starts one;
//! it is called `watchdog`, the observer is told of it, and it has ended when the value is dropped; one stuck step is
//! reported when it passes the limit and each time that its length has doubled, not more often.
//!
//! Counterparts: asyncio's debug mode speaks when the slow callback is over; .NET's has nothing but a growing pool.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{Builder, JoinHandle};
use std::time::{Duration, Instant};

use crate::census::{Busy, CensusReader, Doing, Snapshot};
use crate::tasks::tasks_text;
use crate::text::printable;

const NAME: &str = "watchdog";

/// How often it looks, at least, and how long the loop must be stuck for the thread to answer in its place.
const LOOKS_EVERY: Duration = Duration::from_millis(100);

/// The thread, as long as this lives.
pub struct Watchdog {
    ended: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Watchdog {
    /// Starts the thread. `say` is given each report, a text of several lines, on that thread. Start it on the loop's
    /// thread, while the loop runs, for the observer to be told of it. The loop's clock must be the real one.
    ///
    /// # Errors
    /// When the operating system has no thread to give.
    pub fn start(
        reader: CensusReader,
        limit: Duration,
        say: impl FnMut(&str) + Send + 'static,
    ) -> std::io::Result<Watchdog> {
        Watchdog::start_asked(reader, limit, Arc::default(), say)
    }

    /// As [`start`](Watchdog::start); and whoever sets `asked`, a signal handler for one, gets a report when the loop has
    /// been stuck for a tenth of a second, or `limit` if that is less, and has not taken the question back by then.
    /// Whoever answers, this thread or the loop, does it with `swap(false)`, so that there is one answer.
    ///
    /// # Errors
    /// When the operating system has no thread to give.
    pub fn start_asked(
        reader: CensusReader,
        limit: Duration,
        asked: Arc<AtomicBool>,
        mut say: impl FnMut(&str) + Send + 'static,
    ) -> std::io::Result<Watchdog> {
        let ended = Arc::new(AtomicBool::new(false));
        let (ends, mut patience) = (ended.clone(), Patience::new(limit));
        let thread = Builder::new().name(NAME.to_owned()).spawn(move || {
            while !ends.load(Ordering::Acquire) {
                let now = Instant::now();
                if let Some(report) = patience.look(&reader, now).or_else(|| patience.answer(&reader, now, &asked)) {
                    say(&report);
                }
                std::thread::park_timeout((limit / 4).clamp(Duration::from_millis(1), LOOKS_EVERY));
            }
        })?;
        oneloop::thread_started(NAME, "looks whether the loop is stuck");
        Ok(Watchdog { ended, thread: Some(thread) })
    }
}

impl Drop for Watchdog {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Release);
        if let Some(thread) = self.thread.take() {
            thread.thread().unpark();
            let _ = thread.join(); // a panic of `say` was its own
            oneloop::thread_ended(NAME);
        }
    }
}

impl fmt::Debug for Watchdog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Watchdog")
    }
}

/// When to say something.
struct Patience {
    limit: Duration,
    /// What was reported last, and how long it must take to be reported again.
    reported: Option<(Busy, Duration)>,
}

impl Patience {
    fn new(limit: Duration) -> Patience {
        Patience { limit, reported: None }
    }

    /// A report, if it is time for one.
    fn look(&mut self, reader: &CensusReader, now: Instant) -> Option<String> {
        let busy = reader.busy();
        if let Some((before, _)) = self.reported
            && busy.is_none_or(|busy| busy.number != before.number)
        {
            self.reported = None;
        }
        let busy = busy?;
        let stuck = now.saturating_duration_since(busy.since);
        let wanted = self.reported.map_or(self.limit, |(_, next)| next);
        if stuck < wanted {
            return None;
        }
        self.reported = Some((busy, stuck * 2));
        Some(describe(busy, stuck, &reader.snapshot(now)))
    }

    /// A report for somebody who has asked, if the loop can't give one.
    fn answer(&self, reader: &CensusReader, now: Instant, asked: &AtomicBool) -> Option<String> {
        let busy = reader.busy()?;
        let stuck = now.saturating_duration_since(busy.since);
        let answers = stuck >= self.limit.min(LOOKS_EVERY) && asked.swap(false, Ordering::AcqRel);
        answers.then(|| format!("asked while {}", describe(busy, stuck, &reader.snapshot(now))))
    }
}

fn describe(busy: Busy, stuck: Duration, snapshot: &Snapshot) -> String {
    let who = busy.task.map_or_else(
        || "a callback, or the loop's own work".to_owned(),
        |number| {
            let task = snapshot.tasks.iter().find(|task| task.number == number && task.doing == Doing::Running);
            let known = task.map(|task| {
                let made = task.at.iter().map(|at| format!("made at {at}"));
                let awaits = task.awaits.iter().map(|at| format!("last await at {at}"));
                let doing = task.span.iter().map(|span| format!("doing {span}"));
                let places: Vec<String> = doing.chain(made).chain(awaits).collect();
                format!("the step of {} (#{number}; {})", task.name, places.join(", "))
            });
            known.unwrap_or_else(|| format!("the step of task {number}"))
        },
    );
    format!(
        "the loop is stuck: turn {} has been in {} for {:.1} s\n{}",
        busy.turn,
        printable(&who),
        stuck.as_secs_f64(),
        tasks_text(snapshot)
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Census;
    use std::cell::RefCell;
    use std::rc::Rc;

    fn observed() -> (oneloop::EventLoop, CensusReader) {
        let census = Rc::new(Census::default());
        let reader = census.reader();
        let builder = oneloop::EventLoop::builder().virtual_clock(true).observer(census);
        (builder.build().expect("a selector"), reader)
    }

    /// What the watchdog would say after so many milliseconds, each time that `look` is called in a step.
    #[test]
    fn a_stuck_step_is_reported_at_the_limit_and_each_time_that_it_has_doubled() {
        let (event_loop, reader) = observed();
        let said = Rc::new(RefCell::new(Vec::new()));
        let (saying, looks) = (said.clone(), reader.clone());
        let stuck = async move {
            oneloop::span_begin("parse");
            let now = oneloop::get_running_loop()?.time();
            let mut patience = Patience::new(Duration::from_millis(100));
            for millis in [99, 100, 150, 199, 200, 399, 400] {
                let report = patience.look(&looks, now + Duration::from_millis(millis));
                saying.borrow_mut().extend(report.map(|report| (millis, report)));
            }
            oneloop::yield_now().await?;
            // Another step of the same task is another thing, and gets its own time.
            assert_eq!(patience.look(&looks, now + Duration::from_millis(99)), None);
            let report = patience.look(&looks, now + Duration::from_millis(100));
            saying.borrow_mut().extend(report.map(|report| (1100, report)));
            oneloop::span_end("parse");
            Ok(())
        };
        let task = event_loop.task_builder().name("digs\u{2066}").create_task(stuck);
        event_loop.run_until_complete(task).expect("it ends");
        let said = said.borrow();
        assert_eq!(said.iter().map(|(millis, _)| *millis).collect::<Vec<_>>(), [100, 200, 400, 1100]);
        let first = said[0].1.lines().next().expect("a line");
        assert!(
            first.starts_with(
                "the loop is stuck: turn 1 has been in the step of digs\u{fffd} (#1; doing parse, made at "
            )
        );
        assert!(first.ends_with("for 0.1 s"), "{first}");
        assert!(said[0].1.contains("digs\u{fffd}  running"), "{}", said[0].1);
        assert_eq!(reader.busy(), None, "the run is over");
    }

    #[test]
    fn a_parked_loop_is_not_stuck_and_a_callback_can_be() {
        let (event_loop, reader) = observed();
        let looks = reader.clone();
        let said = Rc::new(RefCell::new(None));
        let saying = said.clone();
        event_loop.call_soon(move || {
            let now = oneloop::get_running_loop().expect("it runs").time();
            let mut patience = Patience::new(Duration::from_millis(10));
            saying.replace(patience.look(&looks, now + Duration::from_millis(10)));
        });
        event_loop.run_until_complete(oneloop::yield_now()).expect("it ends");
        let said = said.take().expect("a report");
        assert!(said.starts_with("the loop is stuck: turn 1 has been in a callback"), "{said}");
        assert_eq!(Patience::new(Duration::ZERO).look(&reader, Instant::now()), None);
    }

    #[test]
    fn who_asks_while_the_loop_is_stuck_is_answered_once_and_else_left_to_the_loop() {
        let (event_loop, reader) = observed();
        let stuck = async move {
            let now = oneloop::get_running_loop()?.time();
            let patience = Patience::new(Duration::from_secs(60));
            let asked = AtomicBool::new(true);
            let look = |millis| patience.answer(&reader, now + Duration::from_millis(millis), &asked);
            assert_eq!(look(99), None, "the loop may still answer");
            let report = look(100).ok_or(oneloop::Error::other("no report"))?;
            assert!(
                report.starts_with("asked while the loop is stuck: turn 1 has been in the step of Task-1 (#1; "),
                "{report}"
            );
            assert_eq!(look(200), None, "asked once, answered once");
            Ok(())
        };
        event_loop.run_until_complete(stuck).expect("it ends");
    }

    #[test]
    fn the_thread_has_a_name_and_ends_with_its_owner() {
        let census = Rc::new(Census::default());
        let reader = census.reader();
        let event_loop = oneloop::EventLoop::builder().observer(census).build().expect("a selector");
        let (name, said) = std::sync::mpsc::channel();
        let looks = reader.clone();
        event_loop
            .run_until_complete(async move {
                let say = move |_: &str| drop(name.send(std::thread::current().name().map(str::to_owned)));
                let watchdog = Watchdog::start(looks.clone(), Duration::ZERO, say).map_err(oneloop::Error::other)?;
                let threads = |reader: &CensusReader| reader.snapshot(Instant::now()).threads;
                assert_eq!(threads(&looks).len(), 1);
                // This step is the one that is stuck: until the watchdog has said so.
                assert_eq!(said.recv().ok().flatten().as_deref(), Some("watchdog"));
                drop(watchdog);
                while said.recv().is_ok() {} // for ever, if the thread still had the sender
                assert_eq!(threads(&looks), []);
                Ok(())
            })
            .expect("it ends");
    }
}
