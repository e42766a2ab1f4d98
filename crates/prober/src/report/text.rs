//! Lines for people: `ok    http://host/      200     12.34ms`, and why, where a probe failed.
//!
//! The number is the seed's: milliseconds from the start of the probe to the end of the response headers. For a probe
//! that has no response it is the time until it failed. Everything that a server can influence is escaped.

use std::rc::Rc;
use std::time::Duration;

use jiff::Timestamp;
use oneloop_http::{Hop, Phase};

use super::certificate::Certificate;
use super::{Outcome, Render, wrap};
use crate::cli::Settings;
use crate::colour::Palette;
use crate::escape::{self, Secrets};
use crate::job::Job;
use crate::target::Target;

/// The column of URLs is at least and at most this wide; a longer URL pushes its own line's rest to the right.
const NARROWEST: usize = 24;
const WIDEST: usize = 64;

/// The renderer of `--format text`.
#[derive(Debug)]
pub(crate) struct Text {
    palette: Palette,
    verbose: bool,
    /// The widest URL started so far, within bounds.
    width: usize,
    /// How wide the terminal is, if it is one.
    wrap: Option<usize>,
    /// Hidden before a sentence is broken: a secret of two words must not escape in two lines.
    secrets: Rc<Secrets>,
}

impl Text {
    pub(crate) fn new(settings: &Settings, palette: Palette, wrap: Option<usize>, secrets: Rc<Secrets>) -> Text {
        Text { palette, verbose: settings.verbose, width: NARROWEST, wrap, secrets }
    }

    /// Appends the line of one result.
    fn line(&self, out: &mut Vec<u8>, job: &Job, outcome: &Outcome) {
        let target = &job.target;
        let Palette { good, bad, warn, reset, .. } = self.palette;
        let (mark, colour) = match outcome.failure {
            None => ("ok    ", good),
            Some(_) => ("FAIL  ", bad),
        };
        put(out, colour);
        put(out, mark);
        let begin = out.len();
        escape::terminal(out, &target.text);
        let shown = &out[begin..];
        let columns = if shown.is_ascii() { shown.len() } else { String::from_utf8_lossy(shown).chars().count() };
        put(out, reset);
        out.resize(out.len() + self.width.saturating_sub(columns), b' ');
        match outcome.status() {
            Some(status) => {
                put(out, "  ");
                out.extend([status / 100, status / 10 % 10, status % 10].map(|digit| b'0' + digit as u8));
            }
            None => put(out, "    -"),
        }
        if outcome.hops.is_empty() {
            put(out, "            -");
        } else {
            put(out, "  ");
            milliseconds(out, outcome.headers().unwrap_or_else(|| outcome.total()), 9);
        }
        if outcome.lagged() {
            put(out, warn);
            put(out, "~");
            put(out, reset);
        }
        if let Some(failure) = &outcome.failure {
            put(out, if outcome.lagged() { " " } else { "  " });
            put(out, bad);
            // Mark, URL, status, time, and what divides them.
            let at = "FAIL  ".len() + self.width.max(columns) + "  200".len() + "  123456.78ms".len() + "  ".len();
            let mut message = Vec::new();
            escape::terminal(&mut message, &self.secrets.hidden(&failure.message));
            wrap::sentence(out, &String::from_utf8_lossy(&message), at, "FAIL  ".len(), self.wrap);
            put(out, reset);
        }
        if job.attempt > 1 {
            put(out, &format!("  (attempt {})", job.attempt));
        }
        out.push(b'\n');
    }

    /// `-v`: for each hop its address, phases, certificates and response head.
    fn details(&self, out: &mut Vec<u8>, outcome: &Outcome) {
        let Palette { dim, reset, .. } = self.palette;
        let mut row = |text: &str| {
            put(out, dim);
            put(out, "      ");
            escape::terminal(out, text);
            put(out, reset);
            out.push(b'\n');
        };
        for hop in &outcome.hops {
            let reused = if hop.reused { " (connection used again)" } else { "" };
            let remote = hop.remote.map(|remote| format!(" at {remote}")).unwrap_or_default();
            let url = escape::url_without_secrets(hop.url.as_str());
            row(&format!("> {} {url}{remote}{reused}", hop.method));
            row(&format!("* {}", phases(hop)));
            tls(hop, &mut row);
            if let Some(head) = &hop.head {
                let reason = escape::bytes_as_text(head.reason()).into_owned();
                row(format!("< {:?} {} {reason}", head.version, head.status.as_u16()).trim_end());
                for (name, value) in &head.headers {
                    row(&format!("< {name}: {}", header_value(name, value)));
                }
            }
        }
    }
}

impl Render for Text {
    /// Makes room for this URL in the column.
    fn started(&mut self, target: &Target) {
        if target.text.len() > self.width {
            self.width = target.text.chars().count().clamp(self.width, WIDEST);
        }
    }

    /// The line, with its details if they are wanted.
    fn result(&mut self, out: &mut Vec<u8>, job: &Job, outcome: &Outcome) {
        self.line(out, job, outcome);
        if self.verbose {
            self.details(out, outcome);
        }
    }
}

/// The value of a header as it may be shown.
pub(super) fn header_value(name: &str, value: &[u8]) -> String {
    if escape::is_secret_header(name) {
        return escape::SECRET.to_owned();
    }
    let text = escape::bytes_as_text(value);
    match name.eq_ignore_ascii_case("location") || name.eq_ignore_ascii_case("content-location") {
        true => escape::url_without_secrets(&text).into_owned(),
        false => text.into_owned(),
    }
}

/// `resolve 0.10 ms, connect 0.21 ms, ... = 3.20 ms`
fn phases(hop: &Hop) -> String {
    let reached = Phase::ALL.iter().filter_map(|phase| {
        let length = hop.clock.phase(*phase)?;
        Some(format!("{} {:.2} ms", phase.as_str(), length.as_secs_f64() * 1e3))
    });
    let total = hop.clock.total().as_secs_f64() * 1e3;
    format!("{} = {total:.2} ms", reached.collect::<Vec<_>>().join(", "))
}

/// What the handshake showed, a certificate a row.
fn tls(hop: &Hop, row: &mut impl FnMut(&str)) {
    let Some(tls) = &hop.tls else { return };
    let verdict = match &tls.verify_error {
        Some((kind, detail)) => format!("not verified: {} {detail}", kind.as_str()),
        None if tls.verified => "verified".to_owned(),
        None => "not verified".to_owned(),
    };
    row(&format!("* {} {}, {verdict}", tls.version.unwrap_or("TLS"), tls.cipher.unwrap_or("(no cipher agreed on)")));
    let now = Timestamp::now();
    for (depth, der) in tls.chain.iter().enumerate() {
        let certificate = Certificate::read(der);
        let subject = certificate.subject.as_deref().unwrap_or("(unreadable certificate)");
        let issuer = certificate.issuer.as_deref().unwrap_or("?");
        let ends = match (certificate.not_after, certificate.days_left(now)) {
            (Some(end), Some(days)) if days < 0 => format!("expired {end:.0}"),
            (Some(end), Some(days)) => format!("until {end:.0} ({days} days)"),
            _ => String::new(),
        };
        row(&format!("* certificate {depth}: {subject}, issued by {issuer}, {ends}"));
        if depth == 0 && !certificate.san.is_empty() {
            row(&format!("*   for {}", certificate.san.join(", ")));
        }
    }
}

pub(super) fn put(out: &mut Vec<u8>, text: &str) {
    out.extend_from_slice(text.as_bytes());
}

/// Appends `12.34ms`, the number padded on the left to `width`. By hand, since this runs for each result.
pub(super) fn milliseconds(out: &mut Vec<u8>, time: Duration, width: usize) {
    let mut hundredths = (time.as_nanos() + 5_000) / 10_000;
    let mut text = [b' '; 40];
    let mut at = text.len();
    // Both decimals and one digit before them always; a u128 has no more than 39 digits.
    for position in 0.. {
        if position == 2 {
            at -= 1;
            text[at] = b'.';
        }
        at -= 1;
        text[at] = b'0' + (hundredths % 10) as u8;
        hundredths /= 10;
        if position >= 2 && hundredths == 0 {
            break;
        }
    }
    out.extend_from_slice(&text[at.min(text.len() - width)..]);
    put(out, "ms");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn milliseconds_are_rounded_and_aligned() {
        for (nanos, text) in [
            (0, "     0.00ms"),
            (4_999, "     0.00ms"),
            (5_000, "     0.01ms"),
            (12_340_000, "    12.34ms"),
            (9_999_995_000, " 10000.00ms"),
            (123_456_789_012_345, "123456789.01ms"),
        ] {
            let mut out = Vec::new();
            milliseconds(&mut out, Duration::from_nanos(nanos), 9);
            assert_eq!(String::from_utf8_lossy(&out), text);
        }
    }

    #[test]
    fn secrets_of_headers_are_left_out() {
        assert_eq!(header_value("Set-Cookie", b"id=1"), "<secret>");
        assert_eq!(header_value("Location", b"http://a:b@c/"), "http://<secret>@c/");
        assert_eq!(header_value("Server", b"x\xff"), "x\\xff");
    }
}
