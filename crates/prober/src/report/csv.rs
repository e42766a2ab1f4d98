//! Comma-separated values: a line of names, then a line a result in the order of the list (RFC 4180).
//!
//! The columns are the keys of the JSON that hold one value; durations are milliseconds. What was not reached is empty.

use std::io::Write;

use oneloop_http::Phase;

use super::certificate::Certificate;
use super::jsonl::{microseconds, redirect_url, shown, version};
use super::{Outcome, Render};
use crate::escape;
use crate::exit::curl_code;
use crate::job::Job;

const COLUMNS: &str = "index,round,attempt,started_at,url,url_effective,ok,status,error_kind,error_detail,error_message,\
error_phase,exitcode,method,http_version,remote_ip,remote_port,local_ip,local_port,reused,body_bytes,body_sha256,\
redirect_url,redirects,resolve_ms,connect_ms,tls_ms,send_ms,wait_ms,transfer_ms,headers_ms,total_ms,queue_ms,\
loop_lag_ms,tls_version,tls_cipher,tls_verified,cert_days_left";

/// The renderer of `--format csv`.
#[derive(Debug)]
pub(super) struct Csv;

impl Render for Csv {
    fn begin(&mut self, out: &mut Vec<u8>) {
        out.extend_from_slice(COLUMNS.as_bytes());
        out.extend_from_slice(b"\r\n");
    }

    fn result(&mut self, out: &mut Vec<u8>, job: &Job, outcome: &Outcome) {
        let mut row = Row { out, first: true };
        let last = outcome.hops.last();
        let remote = last.and_then(|hop| hop.remote);
        let local = last.and_then(|hop| hop.local);
        let failure = outcome.failure.as_ref();
        let tls = last.and_then(|hop| hop.tls.as_ref());
        row.display(job.target.index);
        row.display(job.round);
        row.display(job.attempt);
        row.text(outcome.started_at.and_then(microseconds).as_deref());
        row.text(Some(&job.target.text));
        row.text(last.map(|hop| shown(hop.url.as_str())).as_deref());
        row.display(failure.is_none());
        row.maybe(outcome.last_status());
        row.text(failure.map(|failure| failure.kind.as_str()));
        row.text(failure.map(|failure| failure.detail.as_str()));
        row.text(failure.map(|failure| failure.message.as_str()));
        row.text(failure.and_then(|failure| failure.phase).map(Phase::as_str));
        row.display(curl_code(outcome.kind()));
        row.text(last.map(|hop| hop.method.as_str()));
        row.text(outcome.answered().and_then(version).as_deref());
        row.maybe(remote.map(|address| address.ip()));
        row.maybe(remote.map(|address| address.port()));
        row.maybe(local.map(|address| address.ip()));
        row.maybe(local.map(|address| address.port()));
        row.display(last.is_some_and(|hop| hop.reused));
        row.display(last.map_or(0, |hop| hop.body_bytes));
        row.text(outcome.body_sha256.as_deref());
        row.text(last.and_then(redirect_url).as_deref());
        row.display(outcome.hops.len().saturating_sub(1));
        for phase in Phase::ALL {
            row.milliseconds(outcome.phase(phase));
        }
        row.milliseconds(outcome.headers());
        row.milliseconds(Some(outcome.total()));
        row.milliseconds(Some(outcome.queue));
        row.milliseconds(Some(outcome.lag));
        row.text(tls.and_then(|tls| tls.version));
        row.text(tls.and_then(|tls| tls.cipher));
        row.maybe(tls.map(|tls| tls.verified));
        let leaf = tls.and_then(|tls| tls.chain.first());
        row.maybe(leaf.and_then(|der| Certificate::read(der).days_left(jiff::Timestamp::now())));
        out.extend_from_slice(b"\r\n");
    }
}

/// A line that is being written.
struct Row<'a> {
    out: &'a mut Vec<u8>,
    first: bool,
}

impl Row<'_> {
    fn comma(&mut self) {
        if !std::mem::replace(&mut self.first, false) {
            self.out.push(b',');
        }
    }

    /// A value whose text needs no quotes.
    fn display(&mut self, value: impl std::fmt::Display) {
        self.comma();
        drop(write!(self.out, "{value}"));
    }

    fn maybe(&mut self, value: Option<impl std::fmt::Display>) {
        match value {
            Some(value) => self.display(value),
            None => self.comma(),
        }
    }

    /// Whole nanoseconds, as decimals of a millisecond.
    fn milliseconds(&mut self, time: Option<std::time::Duration>) {
        self.maybe(time.map(|time| time.as_nanos() as f64 / 1e6));
    }

    /// Text with its control characters spelt out, in quotes where a comma, a quote or a blank at an end asks for them.
    fn text(&mut self, text: Option<&str>) {
        self.comma();
        let Some(text) = text else { return };
        let mut plain = Vec::new();
        escape::terminal(&mut plain, text);
        let quoted = plain.iter().any(|byte| b",\"".contains(byte)) || plain.trim_ascii().len() != plain.len();
        if !quoted {
            return self.out.extend_from_slice(&plain);
        }
        self.out.push(b'"');
        for byte in plain {
            if byte == b'"' {
                self.out.push(b'"');
            }
            self.out.push(byte);
        }
        self.out.push(b'"');
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::target::{Failure, Target};

    #[test]
    fn every_line_has_every_column_and_quotes_where_they_are_needed() {
        let message = "a \"quoted\", comma\nand line".to_owned();
        let failure = Failure { kind: oneloop_http::ErrorKind::BadUrl, detail: String::new(), message, phase: None };
        let target = Target { index: 1, text: "http://a,b/".into(), url: Err(Box::new(failure.clone())) };
        let job = Job::new(target, 1, 2);
        let mut out = Vec::new();
        Csv.result(&mut out, &job, &Outcome::refused(failure));
        let line = String::from_utf8(out).expect("text");
        let start = "1,2,1,,\"http://a,b/\",,false,,bad-url,,\"a \"\"quoted\"\", comma\\nand line\",,3,";
        assert!(line.starts_with(start) && line.ends_with("\r\n"), "{line}");
        let commas = line.replace("http://a,b/", "").replace("\"\", comma", "").matches(',').count();
        assert_eq!(commas, COLUMNS.matches(',').count());
    }
}
