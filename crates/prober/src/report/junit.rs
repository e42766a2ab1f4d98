//! JUnit's XML: a test suite with a test case a result, as CI systems read it.
//!
//! The suite's attributes count its cases, so everything is printed at the end; until then each case waits as its text.
//! A case that a later one overrules, another attempt or another round of `--until-ok`, is `skipped`: JUnit has no
//! other word for what is reported and does not judge, and with it the suite is red exactly when the run is.

use std::collections::{BTreeMap, HashMap};
use std::io::Write;
use std::net::IpAddr;
use std::time::Duration;

use oneloop_http::{ErrorKind, Phase};

use super::{Outcome, Render, Then};
use crate::escape;
use crate::job::Job;
use crate::target::Failure;

/// The renderer of `--format junit`.
#[derive(Debug)]
pub(super) struct Junit {
    cases: BTreeMap<Key, Case>,
    /// Of each URL, by its place in the list, the failures that its next round overrules: round and case. Only with
    /// `--until-ok`.
    failing: Option<HashMap<u64, Vec<(u64, Key)>>>,
    time: Duration,
}

/// Number of its start, attempt, and how many cases there were before it: the order in which cases are printed.
type Key = (u64, u32, usize);

/// A result that waits for the end.
#[derive(Debug)]
struct Case {
    /// The tag, still open.
    tag: Box<[u8]>,
    address: Option<IpAddr>,
    failed: Option<Failed>,
}

#[derive(Debug)]
struct Failed {
    kind: ErrorKind,
    /// Escaped, as is the other one.
    message: Box<str>,
    text: Box<str>,
    /// Whether something later judges in its place, and what that is.
    overruled: Option<&'static str>,
}

impl Junit {
    pub(super) fn new(until_ok: bool) -> Junit {
        Junit { cases: BTreeMap::new(), failing: until_ok.then(HashMap::new), time: Duration::ZERO }
    }

    /// The case of this attempt at `job`, where it is shown.
    fn find(&mut self, job: &Job, attempt: u32) -> Option<(Key, &mut Case)> {
        let same = (job.seq, attempt, 0)..=(job.seq, attempt, usize::MAX);
        let mut cases = self.cases.range_mut(same).map(|(key, case)| (*key, case));
        cases.find(|(_, case)| case.address == job.address)
    }

    fn overrule(&mut self, key: Key, by: &'static str) {
        if let Some(failed) = self.cases.get_mut(&key).and_then(|case| case.failed.as_mut()) {
            failed.overruled = Some(by);
        }
    }
}

impl Render for Junit {
    fn result(&mut self, _: &mut Vec<u8>, job: &Job, outcome: &Outcome) {
        let mut tag = Vec::new();
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
        drop(write!(tag, "    <testcase name=\"{name}\" classname=\"{host}\" time=\"{seconds:.6}\""));
        let case = Case { tag: tag.into(), address: job.address, failed: outcome.failure.as_ref().map(Failed::new) };
        self.time += outcome.total();
        self.cases.insert((job.seq, job.attempt, self.cases.len()), case);
    }

    fn followed(&mut self, job: &Job, then: Then) {
        let index = job.target.index;
        if let Some(before) = self.failing.as_mut().and_then(|failing| failing.get_mut(&index)) {
            for (_, key) in before.extract_if(.., |(round, _)| *round < job.round).collect::<Vec<_>>() {
                self.overrule(key, "repeated in the next round");
            }
        }
        let Some((key, Case { failed: Some(failed), .. })) = self.find(job, job.attempt) else { return };
        if then == Then::AnotherAttempt {
            failed.overruled = Some("repeated by another attempt");
        } else if let Some(failing) = &mut self.failing {
            failing.entry(index).or_default().push((job.round, key));
        }
    }

    fn not_repeated(&mut self, job: &Job) {
        if let Some((_, Case { failed: Some(failed), .. })) = self.find(job, job.attempt - 1) {
            failed.overruled = None;
        }
    }

    fn end(&mut self, out: &mut Vec<u8>) {
        let failed = || self.cases.values().filter_map(|case| case.failed.as_ref());
        let failures = failed().filter(|failed| failed.overruled.is_none()).count();
        let (tests, skipped) = (self.cases.len(), failed().count() - failures);
        let time = self.time.as_secs_f64();
        let counts =
            format!("tests=\"{tests}\" failures=\"{failures}\" errors=\"0\" skipped=\"{skipped}\" time=\"{time:.6}\"");
        drop(writeln!(out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>"));
        drop(writeln!(out, "<testsuites name=\"prober\" {counts}>\n  <testsuite name=\"prober\" {counts}>"));
        for case in std::mem::take(&mut self.cases).into_values() {
            out.extend_from_slice(&case.tag);
            match case.failed {
                None => out.extend_from_slice(b"/>\n"),
                Some(failed) => drop(writeln!(out, ">\n      {}\n    </testcase>", failed.element())),
            }
        }
        drop(writeln!(out, "  </testsuite>\n</testsuites>"));
    }
}

impl Failed {
    fn new(failure: &Failure) -> Failed {
        let (kind, message, detail) = (failure.kind, xml(&failure.message), xml(&failure.detail));
        let phase = failure.phase.map_or("none", Phase::as_str);
        Failed {
            kind,
            text: format!("{message} ({kind}: {detail}, phase: {phase})").into(),
            message: message.into(),
            overruled: None,
        }
    }

    fn element(&self) -> String {
        let Failed { kind, message, text, overruled } = self;
        match overruled {
            None => format!("<failure type=\"{kind}\" message=\"{message}\">{text}</failure>"),
            Some(by) => format!("<skipped message=\"{by} after: {message}\">{text}</skipped>"),
        }
    }
}

/// `text` as it may stand in an attribute or between tags: XML's own signs escaped, and what XML has no place for as
/// well.
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
