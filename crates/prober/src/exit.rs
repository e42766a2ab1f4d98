//! How a run ends, as a number: the process's exit status, and the `exitcode` that each result bears.
//!
//! Neighbours: `main` turns an [`Ending`] into the process's status; `report::jsonl` asks [`curl_code`].
//! Invariant: a run that lost or skipped anything never ends with 0.
//! Counterparts: `sys.exit` in Python, `Environment.ExitCode` in .NET.

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
pub(crate) fn curl_code(kind: Option<&str>) -> u8 {
    match kind {
        None => 0,
        Some("unsupported-scheme") => 1,
        Some("bad-url") => 3,
        Some("resolve") => 6,
        Some("connect" | "local") => 7,
        Some("protocol") => 8,
        Some("truncated-body") => 18,
        // curl's `--fail`: the status is not one that the caller accepts.
        Some("status" | "assertion") => 22,
        Some("resolve-timeout" | "connect-timeout" | "tls-timeout" | "timeout" | "ttfb-timeout") => 28,
        Some("tls-handshake") => 35,
        Some("interrupted") => 42,
        Some("too-many-redirects") => 47,
        Some("empty-reply") => 52,
        Some("send") => 55,
        Some("receive") => 56,
        Some("tls-client-cert") => 58,
        Some(
            "tls-untrusted" | "tls-expired" | "tls-not-yet-valid" | "tls-wrong-host" | "tls-bad-signature"
            | "tls-revoked",
        ) => 60,
        Some("decode") => 61,
        Some("too-large") => 63,
        Some("proxy") => 97,
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
        let kinds = "bad-url unsupported-scheme resolve resolve-timeout connect connect-timeout tls-handshake \
            tls-untrusted tls-expired tls-not-yet-valid tls-wrong-host tls-bad-signature tls-revoked \
            tls-client-cert tls-timeout proxy send receive local timeout ttfb-timeout empty-reply protocol \
            truncated-body too-large too-many-redirects decode status assertion interrupted";
        for kind in kinds.split_whitespace() {
            let code = curl_code(Some(kind));
            assert!(code != 0 && code != 2, "{kind} has no code");
        }
        assert_eq!(curl_code(None), 0);
    }
}
