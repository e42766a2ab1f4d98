//! What an [`Error`] says: its kind for programs, its sentence for people, and the parts of the larger ones.
//!
//! Neighbours: `error.rs` has the enum. Invariant: [`Error::kind`] never changes, so programs may match on it. Where
//! asyncio's exception has a text, the sentence is that text.
//!
//! Counterparts: `asyncio.IncompleteReadError`, `LimitOverrunError` (`exceptions.py`), `ExceptionGroup`;
//! .NET's `EndOfStreamException`, `AggregateException`.

use std::{fmt, io, sync::Arc};

use crate::error::Error;

/// What had arrived when a stream ended too early: `asyncio.IncompleteReadError`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IncompleteRead {
    /// The bytes that had arrived.
    pub partial: Vec<u8>,
    /// How many were asked for; `None` when the end was to be found by a separator.
    pub expected: Option<usize>,
}

/// The errors of a task group, in the order in which they happened: `ExceptionGroup`, `AggregateException`.
#[derive(Clone, Debug)]
pub struct ErrorGroup {
    message: String,
    errors: Vec<Error>,
}

impl ErrorGroup {
    /// What the errors have in common, in a few words.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// The errors, the first that happened first. An error of a group inside the group is a `Group` itself.
    pub fn errors(&self) -> &[Error] {
        &self.errors
    }
}

impl Error {
    /// What is asked of a loop after its end.
    pub(crate) const LOOP_CLOSED: Error = Error::Runtime("Event loop is closed");
    /// What is asked of the running loop where none runs (`asyncio.get_running_loop`).
    pub(crate) const NO_RUNNING_LOOP: Error = Error::Runtime("no running event loop");

    /// Wraps an error of the code that runs on the loop: `Error::other("the cache is cold")`.
    pub fn other(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Error {
        Error::Other(Arc::from(error.into()))
    }

    /// Whether a `timeout` scope of this crate expired.
    pub fn is_timeout(&self) -> bool {
        matches!(self, Error::Timeout)
    }

    /// Several errors as one: `ExceptionGroup(message, errors)`.
    ///
    /// ```
    /// let group = oneloop::Error::group("two tasks failed", vec![oneloop::Error::QueueFull, oneloop::Error::Timeout]);
    /// assert_eq!(group.errors().map(oneloop::Error::kind).collect::<Vec<_>>(), ["queue-full", "timeout"]);
    /// assert_eq!(group.to_string(), "two tasks failed (2 sub-exceptions)");
    /// ```
    pub fn group(message: impl Into<String>, errors: Vec<Error>) -> Error {
        Error::Group(Arc::new(ErrorGroup { message: message.into(), errors }))
    }

    /// The errors of a `Group`; of any other, none: `except* E` is a loop over them.
    pub fn errors(&self) -> impl Iterator<Item = &Error> {
        let errors: &[Error] = match self {
            Error::Group(group) => group.errors(),
            _ => &[],
        };
        errors.iter()
    }

    /// Parts the errors of a `Group`, also of groups inside it, into those for which `matches` holds and the rest:
    /// `ExceptionGroup.split`, and what `except*` does. A group for which it holds, this one or one inside, goes as a
    /// whole; one of which nothing is left is none; an error that is no group is on one side itself.
    ///
    /// ```
    /// use oneloop::Error;
    /// let group = Error::group("two failed", vec![Error::QueueFull, Error::Timeout]);
    /// let (timeouts, rest) = group.split(&Error::is_timeout);       // except* TimeoutError:
    /// assert_eq!(timeouts.unwrap().to_string(), "two failed (1 sub-exception)");
    /// assert_eq!(rest.unwrap().errors().next().unwrap().kind(), "queue-full"); // goes on
    /// ```
    pub fn split(&self, matches: &dyn Fn(&Error) -> bool) -> (Option<Error>, Option<Error>) {
        if matches(self) {
            return (Some(self.clone()), None);
        }
        let Error::Group(group) = self else { return (None, Some(self.clone())) };
        let (mut matching, mut rest) = (Vec::new(), Vec::new());
        for error in &group.errors {
            let (yes, no) = error.split(matches);
            matching.extend(yes);
            rest.extend(no);
        }
        let regroup = |errors: Vec<Error>| (!errors.is_empty()).then(|| Error::group(group.message.clone(), errors));
        (regroup(matching), regroup(rest))
    }

    /// The first half of a [`split`](Error::split): `ExceptionGroup.subgroup`.
    pub fn subgroup(&self, matches: &dyn Fn(&Error) -> bool) -> Option<Error> {
        self.split(matches).0
    }

    /// A read that ended too early, after `partial`.
    pub fn incomplete_read(partial: impl Into<Vec<u8>>, expected: Option<usize>) -> Error {
        Error::IncompleteRead(Arc::new(IncompleteRead { partial: partial.into(), expected }))
    }

    /// The kind, for programs: a stable name in lower case.
    pub fn kind(&self) -> &'static str {
        match self {
            Error::Cancelled => "cancelled",
            Error::Timeout => "timeout",
            Error::InvalidState(_) => "invalid-state",
            Error::Runtime(_) => "runtime",
            Error::Value(_) => "value",
            Error::Io(_) => "io",
            Error::IncompleteRead(_) => "incomplete-read",
            Error::LimitOverrun { .. } => "limit-overrun",
            Error::QueueEmpty => "queue-empty",
            Error::QueueFull => "queue-full",
            Error::QueueShutDown => "queue-shut-down",
            Error::BrokenBarrier(_) => "broken-barrier",
            Error::Interrupted => "interrupted",
            Error::Group(_) => "group",
            Error::Other(_) => "other",
        }
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

    /// The error that [`Error::other`] has wrapped, if it is an `E`: what `except E` is in Python.
    ///
    /// ```
    /// let error = oneloop::Error::other("12x".parse::<u8>().unwrap_err());
    /// assert!(error.downcast_ref::<std::num::ParseIntError>().is_some());
    /// ```
    pub fn downcast_ref<E: std::error::Error + 'static>(&self) -> Option<&E> {
        match self {
            Error::Other(error) => error.downcast_ref(),
            _ => None,
        }
    }
}

/// What is wrong with a line that is longer than its stream's limit, in asyncio's words.
pub(crate) fn limit_overrun(found: bool) -> &'static str {
    match found {
        true => "Separator is found, but chunk is longer than limit",
        false => "Separator is not found, and chunk exceed the limit",
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Cancelled => f.write_str("the task was cancelled"),
            Error::Timeout => f.write_str("the time allowed for the operation has passed"),
            Error::InvalidState(what) | Error::Runtime(what) | Error::Value(what) | Error::BrokenBarrier(what) => {
                f.write_str(what)
            }
            Error::Io(error) => error.fmt(f),
            Error::IncompleteRead(read) => read.fmt(f),
            Error::LimitOverrun { found, .. } => f.write_str(limit_overrun(*found)),
            Error::QueueEmpty => f.write_str("the queue is empty"),
            Error::QueueFull => f.write_str("the queue is full"),
            Error::QueueShutDown => f.write_str("the queue was shut down"),
            Error::Interrupted => f.write_str("interrupted by a signal"),
            Error::Group(group) => group.fmt(f),
            Error::Other(error) => error.fmt(f),
        }
    }
}

impl fmt::Display for IncompleteRead {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let read = self.partial.len();
        match self.expected {
            Some(expected) => write!(f, "{read} bytes read on a total of {expected} expected bytes"),
            None => write!(f, "{read} bytes read on a total of undefined expected bytes"),
        }
    }
}

impl fmt::Display for ErrorGroup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plural = if self.errors.len() == 1 { "" } else { "s" };
        write!(f, "{} ({} sub-exception{plural})", self.message, self.errors.len())
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_takes_three_words() {
        assert_eq!(size_of::<Error>(), 3 * size_of::<usize>(), "each result of each task has room for one");
    }

    #[test]
    fn a_split_keeps_the_groups_within() {
        let inner = Error::group("inner", vec![Error::Timeout, Error::QueueFull]);
        let outer =
            Error::group("outer", vec![Error::QueueEmpty, inner, Error::group("timeouts", vec![Error::Timeout])]);
        let (timeouts, rest) = outer.split(&Error::is_timeout);
        let shown = |error: &Error| error.errors().map(Error::to_string).collect::<Vec<_>>();
        assert_eq!(shown(&timeouts.unwrap()), ["inner (1 sub-exception)", "timeouts (1 sub-exception)"]);
        assert_eq!(shown(&rest.unwrap()), ["the queue is empty", "inner (1 sub-exception)"]);
        assert!(Error::QueueFull.split(&Error::is_timeout).0.is_none());
    }

    #[test]
    fn a_split_did_not_ask_about_groups() {
        let inner = Error::group("inner", vec![Error::QueueFull]);
        let outer = Error::group("outer", vec![Error::Timeout, inner]);
        let is_inner = |error: &Error| error.to_string().starts_with("inner");
        let (matching, rest) = outer.split(&is_inner);
        assert_eq!(matching.unwrap().errors().next().unwrap().to_string(), "inner (1 sub-exception)");
        assert_eq!(rest.unwrap().to_string(), "outer (1 sub-exception)");
        let (whole, nothing) = outer.split(&|error| matches!(error, Error::Group(_)));
        assert!(whole.unwrap().errors().count() == 2 && nothing.is_none());
        assert!(outer.subgroup(&Error::is_cancelled).is_none());
    }

    #[test]
    fn it_crosses_threads() {
        fn crosses<T: Send + Sync + 'static>() {}
        crosses::<Error>();
    }
}
