//! Why a name has no addresses: one kind for each thing that can be done about it.
//!
//! Neighbours: every other file of the resolver makes these; the connector turns them into
//! `error.kind` `resolve` or `resolve-timeout` with [`ResolveErrorKind::as_str`] as the detail.
//! Invariant: [`ResolveErrorKind::Cancelled`] and [`ResolveErrorKind::Local`] say nothing of the
//! name, so no other server and no other name is tried after them.
//! Counterparts: asyncio's `socket.gaierror` (EAI_NONAME, EAI_AGAIN …), aiohttp's
//! `ClientConnectorDNSError`, .NET's `SocketException` with `HostNotFound`, `TryAgain`, `NoData`.

use std::fmt;
use std::io;

use crate::lack::Lack;

/// What went wrong, in one stable word ([`as_str`](Self::as_str)).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ResolveErrorKind {
    /// The text can't be a host name: empty, too long, an empty label, a control character, a zone id.
    BadName,
    /// The name does not exist (RCODE 3, or a name under `.invalid`).
    NxDomain,
    /// The name exists, but has no address of the wanted family.
    NoData,
    /// The server tried and failed (RCODE 2), or answered with a code that means nothing here.
    ServFail,
    /// The server does not want to answer (RCODE 5).
    Refused,
    /// No server answered in time, or the caller's deadline passed.
    Timeout,
    /// A server's answer breaks the format, or its aliases never end.
    Malformed,
    /// No server could be reached: nothing listens there, or there is no route.
    Unreachable,
    /// There is no server to ask: the list given is empty.
    NoServers,
    /// This process is at fault: no descriptors, ports or buffers left. Fewer at once may help.
    Local,
    /// The task was cancelled.
    Cancelled,
    /// The event loop failed in a way that has nothing to do with names.
    Runtime,
}

impl ResolveErrorKind {
    /// The stable word for reports and metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::BadName => "bad-name",
            Self::NxDomain => "nxdomain",
            Self::NoData => "no-data",
            Self::ServFail => "servfail",
            Self::Refused => "refused",
            Self::Timeout => "timeout",
            Self::Malformed => "malformed",
            Self::Unreachable => "unreachable",
            Self::NoServers => "no-servers",
            Self::Local => "local",
            Self::Cancelled => "cancelled",
            Self::Runtime => "runtime",
        }
    }

    /// How much this outcome tells, when several servers or both families failed and one outcome
    /// must stand for all: what was not found out outranks what was, or a `no-data` for IPv6 would
    /// hide that nobody answered for IPv4; and among failures an answer outranks a silence.
    pub(super) fn weight(self) -> u8 {
        match self {
            Self::Cancelled => 11,
            Self::Local => 10,
            Self::Runtime => 9,
            Self::ServFail => 8,
            Self::Refused => 7,
            Self::Malformed => 6,
            Self::Timeout => 5,
            Self::Unreachable => 4,
            Self::NoServers => 3,
            Self::NoData => 2,
            Self::NxDomain => 1,
            Self::BadName => 0,
        }
    }
}

impl fmt::Display for ResolveErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A lookup that gave no address: the kind for programs, the sentence for people.
#[derive(Clone)]
pub struct ResolveError(Box<Inner>);

#[derive(Clone)]
struct Inner {
    kind: ResolveErrorKind,
    /// The name as the caller gave it; empty when only the loop spoke.
    host: Box<str>,
    /// The last name that the host is an alias of, where that is the one without addresses.
    alias: Option<Box<str>>,
    /// What was being done and with whom, e.g. `192.0.2.53:53 did not answer within 5 s`.
    message: Box<str>,
    /// The loop's error where there is one: cancellation, the system's error of a socket call.
    source: Option<oneloop::Error>,
}

impl ResolveError {
    pub(super) fn new(kind: ResolveErrorKind, message: impl Into<Box<str>>) -> Self {
        Self(Box::new(Inner { kind, host: "".into(), alias: None, message: message.into(), source: None }))
    }

    pub(super) fn with_host(mut self, host: &str) -> Self {
        self.0.host = host.into();
        self
    }

    pub(super) fn with_alias(mut self, alias: Option<String>) -> Self {
        self.0.alias = alias.map(Into::into);
        self
    }

    pub(super) fn alias(&self) -> Option<&str> {
        self.0.alias.as_deref()
    }

    /// What failed while talking to a server, as `doing` ("192.0.2.53:53 over TCP") names it.
    pub(super) fn of_socket(doing: impl fmt::Display, error: oneloop::Error) -> Self {
        let mut this = Self::from(error);
        this.0.message = format!("{doing}: {}", this.0.message).into();
        this
    }

    /// The kind; its [`as_str`](ResolveErrorKind::as_str) is stable.
    pub fn kind(&self) -> ResolveErrorKind {
        self.0.kind
    }

    /// The name that was asked for, as the caller gave it.
    pub fn host(&self) -> &str {
        &self.0.host
    }

    /// The sentence without the name: which server, and what it did.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// The loop's own error where one is the cause: a cancellation, or a socket call that failed.
    pub fn loop_error(&self) -> Option<&oneloop::Error> {
        self.0.source.as_ref()
    }

    /// Whether the task was cancelled: to be carried out at once, never answered with a retry.
    pub fn is_cancelled(&self) -> bool {
        self.0.kind == ResolveErrorKind::Cancelled
    }

    /// Whether waiting ended before an answer came.
    pub fn is_timeout(&self) -> bool {
        self.0.kind == ResolveErrorKind::Timeout
    }

    /// Whether it is no use to ask another server or for another name. No address of our own to
    /// ask from is the exception among this machine's faults: it may be so for one family alone.
    pub(super) fn is_final(&self) -> bool {
        match self.0.kind {
            ResolveErrorKind::Cancelled | ResolveErrorKind::Runtime => true,
            ResolveErrorKind::Local => self.0.source.as_ref().and_then(oneloop::Error::io_kind) != Some(NO_ADDRESS),
            _ => false,
        }
    }

    /// The one of two failures that says more; the first one on a draw.
    pub(super) fn or_weightier(self, other: Self) -> Self {
        if other.0.kind.weight() > self.0.kind.weight() { other } else { self }
    }
}

impl fmt::Debug for ResolveError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResolveError")
            .field("kind", &self.0.kind)
            .field("host", &self.0.host)
            .field("message", &self.0.message)
            .field("source", &self.0.source)
            .finish()
    }
}

impl fmt::Display for ResolveError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.host.is_empty() {
            f.write_str(&self.0.message)
        } else {
            write!(f, "no address for {}: {}", self.0.host.escape_debug(), self.0.message)
        }
    }
}

impl std::error::Error for ResolveError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.source.as_ref().map(|e| e as _)
    }
}

/// What the loop said, in the resolver's words. `timeout` and `wait_for` around a lookup come
/// through here, too.
impl From<oneloop::Error> for ResolveError {
    fn from(error: oneloop::Error) -> Self {
        let kind = if error.is_cancelled() {
            ResolveErrorKind::Cancelled
        } else if error.is_timeout() {
            ResolveErrorKind::Timeout
        } else if is_local(&error) {
            ResolveErrorKind::Local
        } else if let oneloop::Error::IncompleteRead(_) = error {
            ResolveErrorKind::Malformed
        } else if error.io_kind().is_some() {
            ResolveErrorKind::Unreachable
        } else {
            ResolveErrorKind::Runtime
        };
        let message = error.to_string().into();
        Self(Box::new(Inner { kind, host: "".into(), alias: None, message, source: Some(error) }))
    }
}

impl oneloop::LoopError for ResolveError {
    fn is_cancelled(&self) -> bool {
        ResolveError::is_cancelled(self)
    }
}

const NO_ADDRESS: io::ErrorKind = io::ErrorKind::AddrNotAvailable;

/// Whether the fault is this machine's lack of something: descriptors, buffers, memory, ports.
fn is_local(error: &oneloop::Error) -> bool {
    let lacks_more = matches!(error.io_kind(), Some(io::ErrorKind::AddrInUse | io::ErrorKind::OutOfMemory));
    Lack::of(error).is_some() || lacks_more
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_of_this_machine_is_never_the_servers() {
        let of_io = |error: io::Error| ResolveError::of_socket("192.0.2.1:53", error.into());
        for number in [23, 24, if cfg!(target_os = "linux") { 105 } else { 55 }] {
            let error = of_io(io::Error::from_raw_os_error(number));
            assert!(error.kind() == ResolveErrorKind::Local && error.is_final(), "{error}");
            assert_eq!(error.loop_error().unwrap().raw_os_error(), Some(number));
        }
        // IPv6 switched off looks like this; a server on IPv4 may do better.
        let error = of_io(NO_ADDRESS.into());
        assert!(error.kind() == ResolveErrorKind::Local && !error.is_final(), "{error}");
        let error = of_io(io::ErrorKind::NetworkUnreachable.into());
        assert!(error.kind() == ResolveErrorKind::Unreachable && !error.is_final(), "{error}");
        assert!(error.message().starts_with("192.0.2.1:53: "), "{error}");
    }

    #[test]
    fn the_loops_own_errors_keep_their_meaning() {
        let cancelled = ResolveError::from(oneloop::Error::Cancelled).with_host("www.example");
        assert!(cancelled.is_cancelled() && cancelled.is_final() && !cancelled.is_timeout());
        let timeout = ResolveError::from(oneloop::Error::Timeout);
        assert!(timeout.is_timeout() && timeout.kind() == ResolveErrorKind::Timeout);
        let weightier = timeout.or_weightier(cancelled);
        assert!(weightier.is_cancelled());
    }
}
