//! JUnit's XML: a test suite with a test case a result, as CI systems read it.
//!
//! The suite's attributes count its cases, so everything is printed at the end; until then each case waits as its text.

use std::io::Write;
use std::time::Duration;

use oneloop_http::Phase;

use super::{Outcome, Render};
use crate::escape;
use crate::job::Job;

/// The renderer of `--format junit`.
#[derive(Debug, Default)]
pub(super) struct Junit {
    /// Number of its start, attempt, and text of each case.
    cases: Vec<(u64, u32, Box<[u8]>)>,
    failures: usize,
    time: Duration,
}

impl Render for Junit {
    fn result(&mut self, _: &mut Vec<u8>, job: &Job, outcome: &Outcome) {
        let mut case = Vec::new();
        let seconds = outcome.total().as_secs_f64();
        let host = job.target.url.as_ref().ok().and_then(|url| url.host_str());
        let mut name = job.target.text.to_string();
        if job.round > 0 {
            name.push_str(&format!(" (round {})", job.round));
        }
        if job.attempt > 1 {
            name.push_str(&format!(" (attempt {})", job.attempt));
        }
        let (name, host) = (xml(&name), xml(host.unwrap_or("prober")));
        drop(write!(case, "    <testcase name=\"{name}\" classname=\"{host}\" time=\"{seconds:.6}\""));
        match &outcome.failure {
            None => case.extend_from_slice(b"/>\n"),
            Some(failure) => {
                let kind = failure.kind;
                let message = xml(&failure.message);
                let detail = xml(&failure.detail);
                let phase = failure.phase.map_or("none", Phase::as_str);
                drop(write!(
                    case,
                    ">\n      <failure type=\"{kind}\" message=\"{message}\">{message} ({kind}: {detail}, phase: {phase})</failure>\n    </testcase>\n"
                ));
            }
        }
        self.failures += usize::from(outcome.failure.is_some());
        self.time += outcome.total();
        self.cases.push((job.seq, job.attempt, case.into()));
    }

    fn end(&mut self, out: &mut Vec<u8>) {
        self.cases.sort_by_key(|(seq, attempt, _)| (*seq, *attempt));
        let (tests, failures, time) = (self.cases.len(), self.failures, self.time.as_secs_f64());
        let counts = format!("tests=\"{tests}\" failures=\"{failures}\" errors=\"0\" skipped=\"0\" time=\"{time:.6}\"");
        drop(writeln!(out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>"));
        drop(writeln!(out, "<testsuites name=\"prober\" {counts}>\n  <testsuite name=\"prober\" {counts}>"));
        for (_, _, case) in self.cases.drain(..) {
            out.extend_from_slice(&case);
        }
        drop(writeln!(out, "  </testsuite>\n</testsuites>"));
    }
}

/// `text` as it may stand in an attribute or between tags: XML's own signs escaped, and what XML has no place for as well.
fn xml(text: &str) -> String {
    let mut plain = Vec::new();
    escape::terminal(&mut plain, text);
    let mut safe = String::with_capacity(plain.len());
    for character in String::from_utf8_lossy(&plain).chars() {
        match character {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\u{fffe}' | '\u{ffff}' => safe.push('\u{fffd}'),
            _ => safe.push(character),
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_a_server_says_can_break_the_document() {
        assert_eq!(xml("a<b>&\"c\"\x1b\u{ffff}"), "a&lt;b&gt;&amp;&quot;c&quot;\\x1b\u{fffd}");
    }
}
