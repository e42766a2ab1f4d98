//! `--tasks`, SIGUSR1 and `--watchdog`: what every task waits for, while the program runs.
//!
//! Job: print the table and the tree of the tasks on stderr, when SIGUSR1 comes, every so often with `--tasks`, and
//! from a thread when the loop is stuck, with `--watchdog`. Neighbours: `oneloop-trace` has the census, the text and
//! the thread; `recording` gives the loop its observers. Invariants: without these options the loop has no observer,
//! and the table is found out by looking when somebody asks; the one thread is the watchdog's, and only when asked for;
//! what is printed from the loop never blocks it; a signal has one answer, from the loop or, when that is stuck, from
//! the watchdog. Counterparts: `python -m asyncio ps PID` and `pstree PID` (3.14).

use std::io::Write;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use oneloop::{LoopRef, get_running_loop, sleep};
use oneloop_trace::{Census, CensusReader, Snapshot, Watchdog, tasks_text};

use crate::cli::Settings;
use crate::stderr::{Stderr, say};

/// The signal at which the table is printed.
const SIGUSR1: i32 = if cfg!(target_os = "macos") { 30 } else { 10 };

/// Said below a table that was found out by looking.
const HINT: &str =
    "(--tasks or --watchdog adds: since when, how many polls, and where each task was made and awaits)\n";

/// What is to be looked at, and when.
#[derive(Debug, Default)]
pub(crate) struct Looking {
    census: Option<Rc<Census>>,
    every: Option<Duration>,
    limit: Option<Duration>,
}

impl Looking {
    /// What the options ask for.
    pub(crate) fn wanted(settings: &Settings) -> Looking {
        let (every, limit) = (settings.tasks, settings.watchdog);
        let census = (every.is_some() || limit.is_some()).then(Rc::default);
        Looking { census, every, limit }
    }

    /// What the loop must have as an observer.
    pub(crate) fn observer(&self) -> Option<Rc<dyn oneloop::Observer>> {
        self.census.clone().map(|census| census as Rc<dyn oneloop::Observer>)
    }

    /// Begins to look, on the running loop. The watchdog ends when what is returned is dropped.
    ///
    /// # Errors
    /// When the signal can't be caught, or there is no thread to be had.
    pub(crate) fn begin(&self) -> oneloop::Result<Option<Watchdog>> {
        let event_loop = get_running_loop()?;
        let reader = self.census.as_ref().map(|census| census.reader());
        // Set by the signal itself, before the loop hears of it: so that the watchdog can answer for a loop that is
        // stuck.
        let asked = self.limit.map(|_| Arc::<AtomicBool>::default());
        if let Some(asked) = &asked {
            signal_hook::flag::register(SIGUSR1, asked.clone())?;
        }
        let (looked_at, looks, open) = (event_loop.clone(), reader.clone(), asked.clone());
        let stderr: Rc<Stderr> = Rc::default();
        event_loop.add_signal_handler(SIGUSR1, move || {
            // Who asks again and again, and never reads, does not fill the memory.
            if open.as_ref().is_none_or(|open| open.swap(false, Ordering::AcqRel)) && !stderr.is_full() {
                stderr.say(table(&looked_at, looks.as_ref(), "SIGUSR1").as_bytes());
            }
        })?;
        let Some(reader) = reader else { return Ok(None) };
        if let Some(every) = self.every {
            let looks = reader.clone();
            let prints = oneloop::create_task(async move {
                loop {
                    sleep(every).await?;
                    say(table(&event_loop, Some(&looks), "--tasks").as_bytes()).await?;
                }
                #[allow(unreachable_code, reason = "gives the task its type")]
                Ok(())
            });
            prints.set_name("--tasks");
        }
        let say = |report: &str| drop(write!(std::io::stderr(), "prober: {report}"));
        let watch = |limit| Watchdog::start_asked(reader, limit, asked.unwrap_or_default(), say);
        self.limit.map(watch).transpose().map_err(oneloop::Error::from)
    }
}

/// The table and the tree under a heading.
fn table(event_loop: &LoopRef, reader: Option<&CensusReader>, why: &str) -> String {
    let (snapshot, hint) = match reader {
        Some(reader) => (reader.snapshot(Instant::now()), ""),
        None => (Snapshot::look(event_loop), HINT),
    };
    format!("prober: what each task waits for ({why}): {}{hint}", tasks_text(&snapshot))
}
