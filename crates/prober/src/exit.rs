//! How a run ends, as a number: the process's exit status, and the `exitcode` that each result bears.
//!
//! Neighbours: `main` turns an [`Ending`] into the process's status; `report::jsonl` asks [`curl_code`].
//! Invariant: a run that lost or skipped anything never ends with 0.
//! Counterparts: `sys.exit` in Python, `Environment.ExitCode` in .NET.

use oneloop_http::ErrorKind;

/// Every probe passed.
pub(crate) const OK: u8 = 0;
/// At least one probe failed.
pub(crate) const FAILED: u8 = 1;
/// The command line, a file named on it, or the place for the results is at fault.
pub(crate) const USAGE: u8 = 2;
/// What a shell reports for a process that wrote to a closed pipe: 128 + SIGPIPE.
pub(crate) const CLOSED_PIPE: u8 = 141;

/// Why a run stopped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Ending {
    /// Every URL of the list has its result.
    Complete,
    /// A signal asked for the end; the shell's convention is 128 + its number.
    Signal(i32),
    /// Nobody reads the results any more.
    ClosedOutput,
    /// The list or the place for the results failed; the sentence says how.
    Broken(String),
}

impl Ending {
    /// The process's status, given whether any probe failed.
    pub(crate) fn status(&self, any_failed: bool) -> u8 {
        match self {
            Ending::Complete if any_failed => FAILED,
            Ending::Complete => OK,
            Ending::Signal(number) => u8::try_from(128 + number).unwrap_or(FAILED),
            Ending::ClosedOutput => CLOSED_PIPE,
            Ending::Broken(_) => USAGE,
        }
    }
}

/// The exit code that curl gives for a failure of this kind (`man curl`, EXIT CODES); 0 for none.
///
/// A kind that curl does not know maps to the nearest code that a script would treat alike. curl has one code
/// for every timeout, and calls its own lack of file descriptors a failure to connect.
pub(crate) fn curl_code(kind: Option<ErrorKind>) -> u8 {
    match kind {
        None => 0,
        Some(ErrorKind::UnsupportedScheme) => 1,
        Some(ErrorKind::BadUrl) => 3,
        Some(ErrorKind::Resolve) => 6,
        Some(ErrorKind::Connect | ErrorKind::Local) => 7,
        Some(ErrorKind::Protocol) => 8,
        Some(ErrorKind::TruncatedBody) => 18,
        // curl's `--fail`: the status is not one that the caller accepts.
        Some(ErrorKind::Status | ErrorKind::Assertion) => 22,
        Some(
            ErrorKind::ResolveTimeout
            | ErrorKind::ConnectTimeout
            | ErrorKind::TlsTimeout
            | ErrorKind::Timeout
            | ErrorKind::TtfbTimeout,
        ) => 28,
        Some(ErrorKind::TlsHandshake) => 35,
        Some(ErrorKind::Interrupted) => 42,
        Some(ErrorKind::TooManyRedirects) => 47,
        Some(ErrorKind::EmptyReply) => 52,
        Some(ErrorKind::Send) => 55,
        Some(ErrorKind::Receive) => 56,
        Some(ErrorKind::TlsClientCert) => 58,
        Some(
            ErrorKind::TlsUntrusted
            | ErrorKind::TlsExpired
            | ErrorKind::TlsNotYetValid
            | ErrorKind::TlsWrongHost
            | ErrorKind::TlsBadSignature
            | ErrorKind::TlsRevoked,
        ) => 60,
        Some(ErrorKind::Decode) => 61,
        Some(ErrorKind::TooLarge) => 63,
        Some(ErrorKind::Proxy) => 97,
        // A kind that this table has not heard of is still a failure; curl's own "failed to initialise".
        Some(_) => 2,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_ending_has_the_status_that_shells_expect() {
        assert_eq!(Ending::Complete.status(false), 0);
        assert_eq!(Ending::Complete.status(true), 1);
        assert_eq!(Ending::Signal(2).status(false), 130);
        assert_eq!(Ending::Signal(15).status(true), 143);
        assert_eq!(Ending::ClosedOutput.status(true), 141);
        assert_eq!(Ending::Broken(String::new()).status(false), 2);
    }

    #[test]
    fn every_kind_of_the_schema_has_a_code_of_its_own_choosing() {
        for kind in ErrorKind::ALL {
            let code = curl_code(Some(*kind));
            assert!(code != 0 && code != 2, "{kind} has no code");
        }
        assert_eq!(curl_code(None), 0);
    }
}
