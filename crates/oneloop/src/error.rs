//! The one error type of the loop.
//!
//! Job: every awaitable of this crate resolves to [`Result`]. An [`Error`] is a plain value: cheap to clone, because
//! one failed task may have several waiters, and `Send + Sync`, because a result may come from another thread.
//! Neighbours: all of them. Invariant: [`Error::kind`] never changes, so programs may match on it.
//!
//! Counterparts: `asyncio.CancelledError`, `TimeoutError`, `InvalidStateError`, `RuntimeError`, `OSError`; in .NET
//! `OperationCanceledException`, `TimeoutException`, `InvalidOperationException`, `IOException`.

use std::{fmt, io, sync::Arc};

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
    /// The operating system refused.
    Io(Arc<io::Error>),
    /// The stream ended before the bytes that were asked for had arrived.
    IncompleteRead {
        /// How many bytes had arrived.
        read: usize,
        /// How many were asked for.
        expected: usize,
    },
    /// A signal (Ctrl-C) ended the run.
    Interrupted,
    /// An error of the code that runs on the loop.
    Other(Arc<dyn std::error::Error + Send + Sync>),
}

impl Error {
    /// Wraps an error of the code that runs on the loop: `Error::other("the cache is cold")`.
    pub fn other(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Error {
        Error::Other(Arc::from(error.into()))
    }

    /// The kind, for programs: a stable name in lower case.
    pub fn kind(&self) -> &'static str {
        match self {
            Error::Cancelled => "cancelled",
            Error::Timeout => "timeout",
            Error::InvalidState(_) => "invalid-state",
            Error::Runtime(_) => "runtime",
            Error::Io(_) => "io",
            Error::IncompleteRead { .. } => "incomplete-read",
            Error::Interrupted => "interrupted",
            Error::Other(_) => "other",
        }
    }

    /// Whether this is a cancellation, which must be carried outwards and never retried.
    pub fn is_cancelled(&self) -> bool {
        matches!(self, Error::Cancelled)
    }

    /// Whether a `timeout` scope of this crate expired.
    pub fn is_timeout(&self) -> bool {
        matches!(self, Error::Timeout)
    }

    /// The operating system's kind of error, if it was one.
    pub fn io_kind(&self) -> Option<io::ErrorKind> {
        match self {
            Error::Io(error) => Some(error.kind()),
            _ => None,
        }
    }

    /// The operating system's number (`errno`), if there was one.
    pub fn raw_os_error(&self) -> Option<i32> {
        match self {
            Error::Io(error) => error.raw_os_error(),
            _ => None,
        }
    }
}

impl From<io::Error> for Error {
    fn from(error: io::Error) -> Error {
        Error::Io(Arc::new(error))
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Cancelled => f.write_str("the task was cancelled"),
            Error::Timeout => f.write_str("the time allowed for the operation has passed"),
            Error::InvalidState(what) | Error::Runtime(what) => f.write_str(what),
            Error::Io(error) => error.fmt(f),
            Error::IncompleteRead { read, expected } => {
                write!(f, "the stream ended after {read} of the {expected} bytes that were asked for")
            }
            Error::Interrupted => f.write_str("interrupted by a signal"),
            Error::Other(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Error::Io(error) => Some(error.as_ref()),
            Error::Other(error) => error.source(),
            _ => None,
        }
    }
}
