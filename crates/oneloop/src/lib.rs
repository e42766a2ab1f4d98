//! An event loop that you can read in one sitting: a single-threaded executor and reactor that mirrors Python's
//! asyncio, small enough to be the explanation of itself.
//!
//! ```
//! use std::time::Duration;
//!
//! let event_loop = oneloop::EventLoop::new()?;                      // asyncio.new_event_loop()
//! let greetings = event_loop.run_until_complete(async {
//!     let tasks = ["hello", "world"].map(|word| {
//!         oneloop::create_task(async move {                         // asyncio.create_task
//!             oneloop::sleep(Duration::from_millis(1)).await?;      // asyncio.sleep = Task.Delay
//!             Ok(word)
//!         })
//!     });
//!     oneloop::gather(tasks).await                                  // asyncio.gather = Task.WhenAll
//! })?;
//! assert_eq!(greetings, ["hello", "world"]);
//! # Ok::<(), oneloop::Error>(())
//! ```
//!
//! # Reading order
//!
//! Tier 1 is the loop. Read it in this order; `event_loop.rs` names all the parts, and its `run_once` is where
//! everything that ever runs is run from.
//!
//! | file | what it has | in asyncio |
//! |---|---|---|
//! | `event_loop.rs` | the turn, and the parts of a loop | `base_events.py` |
//! | `ready.rs` | the queue of what is to run, and the wakers that feed it | `_ready`, the self-pipe |
//! | `handle.rs` | callbacks that can be taken back | `Handle`, `TimerHandle` |
//! | `timers.rs` | deadlines in a heap | `_scheduled` |
//! | `clock.rs` | the real clock and the virtual one | `loop.time()` |
//! | `selector.rs` | sockets: readiness, and who waits for it | `selector_events.py` |
//! | `task.rs` | futures that the loop drives | `tasks.py` |
//! | `future.rs` | an outcome, and those who wait for it | `futures.py` |
//! | `sleep.rs` | the two smallest awaitables | `tasks.py: sleep` |
//! | `error.rs` | the one error type | `exceptions.py` |
//!
//! Tier 2 stands on it, one concept a file: first `join.rs` (a task's handle), `loop_ref.rs` (a loop's), `cancel.rs`.
//!
//! # What to know before using it
//!
//! - One thread. Tasks need not be `Send`; other threads reach the loop by [`LoopHandle::call_soon_threadsafe`].
//! - Cancellation is a value: any await of this crate may give `Err(Error::Cancelled)`. Carry it outwards with `?`.
//! - A panic in a task is raised again where the task is awaited. `panic = "unwind"` is needed for that.

#![forbid(unsafe_code)]
#![deny(missing_docs)]

#[cfg(not(any(target_os = "linux", target_os = "macos")))]
compile_error!("oneloop runs on Linux (tested) and macOS (best effort); on Windows, use it inside WSL");

mod any_future;
mod builder;
mod cancel;
mod cancel_message;
mod cells;
mod clock;
mod close;
mod combinators;
mod context;
mod debug;
mod error;
mod error_kinds;
mod event_loop;
mod exceptions;
mod executor;
mod future;
mod handle;
mod join;
mod locks;
mod look;
mod loop_ref;
pub mod net;
mod observer;
mod queues;
mod ready;
mod runner;
mod selector;
mod settable;
mod signals;
mod sleep;
mod sources;
mod sync;
mod task;
mod task_builder;
mod task_ref;
mod threads;
mod timers;
mod waiters;
mod wakers;
mod watch;

pub use any_future::{AnyFuture, AwaitingAny, EnsureFuture, ensure_future};
pub use builder::Builder;
pub use cancel_message::cancel_message;
pub use combinators::*;
pub use context::{Context, ContextVar, Token, copy_context};
pub use error::{Error, Result};
pub use error_kinds::{ErrorGroup, IncompleteRead};
pub use event_loop::EventLoop;
pub use exceptions::ExceptionContext;
pub use executor::{ThreadPoolExecutor, to_thread};
pub use future::Awaiting;
pub use handle::{Handle, TimerHandle};
pub use join::{AwaitingRef, CallbackId, JoinTask, Task, create_task};
pub use locks::*;
pub use look::TaskLook;
pub use loop_ref::{LoopRef, get_running_loop};
pub use net::streams::*;
pub use observer::{Event as LoopEvent, Observer, Recorder, Stamp, StepResult, Unpark, WaitsFor, WokenBy};
pub use observer::{span_begin, span_end, thread_ended, thread_started};
pub use queues::{Queue, QueueGet, QueuePut};
pub use ready::TaskId;
pub use runner::{Runner, run};
pub use settable::SettableFuture;
pub use sleep::{Sleep, YieldNow, sleep, sleep_until, yield_now};
pub use sources::SOURCES;
pub use task_builder::{TaskBuilder, task_builder};
pub use task_ref::{AwaitingEnd, TaskRef, all_tasks, current_task};
pub use threads::{LoopHandle, LoopLocal, ThreadFuture};
