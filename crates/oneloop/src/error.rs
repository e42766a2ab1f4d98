//! The one error type of the loop.
//!
//! Job: every awaitable of this crate resolves to [`Result`]. An [`Error`] is a plain value: cheap to clone, because
//! one failed task may have several waiters, and `Send + Sync`, because a result may come from another thread.
//! Neighbours: all of them; `error_kinds.rs` has what an error says. Invariant: it is small, since every result has
//! room for it: what takes more than two words stands behind an `Arc`.
//!
//! Counterparts: `asyncio.CancelledError`, `TimeoutError`, `InvalidStateError`, `RuntimeError`, `OSError`; in .NET
//! `OperationCanceledException`, `TimeoutException`, `InvalidOperationException`, `IOException`.

use std::{io, sync::Arc};

use crate::error_kinds::{ErrorGroup, IncompleteRead};

/// What every awaitable of the loop gives.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why an operation of the loop did not give its value.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Error {
    /// Somebody called `cancel()` on the task. It travels outwards through `?`, as `CancelledError` does in Python.
    /// A catch-all `Err(_)` swallows it, as `catch (Exception)` does in C#: ask [`Error::is_cancelled`] first.
    Cancelled,
    /// A `timeout` or `wait_for` scope ran out of time.
    Timeout,
    /// A future was asked for what its state does not allow: a second result, or a result that was taken before.
    InvalidState(&'static str),
    /// The loop was used in a way that can't work: nested runs, no running loop, use after close.
    Runtime(&'static str),
    /// An argument that can't be, or one call too many: asyncio's `ValueError`.
    Value(&'static str),
    /// The operating system refused.
    Io(Arc<io::Error>),
    /// The stream ended before the bytes that were asked for had arrived. It has those that had.
    IncompleteRead(Arc<IncompleteRead>),
    /// A stream's buffer is full and what was looked for is not whole in it. Nothing of it was taken out.
    LimitOverrun {
        /// How many bytes are known not to begin what was looked for: so many may be read and thrown away.
        consumed: usize,
        /// Whether the separator was found, further off than the limit.
        found: bool,
    },
    /// `get_nowait` found nothing.
    QueueEmpty,
    /// `put_nowait` found no room.
    QueueFull,
    /// The queue was shut down.
    QueueShutDown,
    /// The barrier was aborted or reset while the task stood before it.
    BrokenBarrier(&'static str),
    /// A signal (Ctrl-C) ended the run.
    Interrupted,
    /// Children of a task group failed.
    Group(Arc<ErrorGroup>),
    /// An error of the code that runs on the loop.
    Other(Arc<dyn std::error::Error + Send + Sync>),
}

impl Error {
    /// Whether this is a cancellation, which must be carried outwards and never retried.
    pub fn is_cancelled(&self) -> bool {
        matches!(self, Error::Cancelled)
    }
}

impl From<io::Error> for Error {
    fn from(error: io::Error) -> Error {
        Error::Io(Arc::new(error))
    }
}
