//! Record a run of the loop once, and look at it in many ways.
//!
//! [`Recorder`] is an [`Observer`](oneloop::Observer): it keeps what the loop tells it, in a ring of bounded size. What
//! it kept is a [`Log`], and every picture is a function of a log alone: [`chrome_trace`] for Perfetto, [`report`] for
//! a page that replays the run step by step beside the loop's own source. [`State`] folds a log event by event, as each
//! picture does, and [`check`] says where a log breaks a promise of the loop's.
//!
//! [`Census`] is the other observer: it keeps nothing but what every task is doing *now*, so that it can be asked while
//! the loop runs ([`tasks_text`]), or by a thread when the loop is stuck ([`Watchdog`]).
//!
//! ```
//! use std::rc::Rc;
//! use std::time::Duration;
//!
//! let recorder = Rc::new(oneloop_trace::Recorder::default());
//! let event_loop = oneloop::EventLoop::builder().virtual_clock(true).observer(recorder.clone()).build()?;
//! event_loop.run_until_complete(oneloop::sleep(Duration::from_millis(5)))?;
//!
//! let log = recorder.log();
//! assert!(oneloop_trace::check(&log).is_empty());
//! let page = oneloop_trace::report(&log, "one sleep");
//! assert!(page.starts_with("<!doctype html>"));
//! # Ok::<(), oneloop::Error>(())
//! ```
//!
//! Counterparts: Python 3.14's `asyncio ps` and `pstree`, and nothing that replays; .NET's Parallel Stacks and
//! `TplEventSource`; tokio-console, which watches from outside.

#![forbid(unsafe_code)]
#![deny(missing_docs)]

mod census;
mod chrome;
mod fold;
mod log;
mod raw;
mod recorder;
mod report;
mod side;
mod svg;
mod tasks;
mod text;
mod watchdog;

pub use census::{Busy, Census, CensusReader, Doing, Several, Snapshot, TaskNow, WaitNow};
pub use chrome::chrome_trace;
pub use fold::{Counts, State, TaskState, TaskView, check};
pub use log::{By, Ended, Log, On, Record, What};
pub use recorder::Recorder;
pub use report::report;
pub use side::{Side, side_by_side};
pub use svg::turns_svg;
pub use tasks::tasks_text;
pub use text::{drives, escaped};
pub use watchdog::Watchdog;
