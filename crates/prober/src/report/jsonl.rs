//! A JSON object a result, for programs: schema version 1, every key always present.
//!
//! `jsonl` prints one a line in the order of completion, `json` one array in the order of the list, and curl's
//! `%{json}` of `-w` the same object. Neighbours: `report` hands in each outcome; `docs` describe the schema. Keys
//! stand in the order of the fields below. Durations are milliseconds with up to six decimals, so that whole
//! nanoseconds survive and the phases add up to the total in decimal arithmetic. Header names are in lower case; bytes
//! that are not UTF-8 are written as `\xNN`.

use std::io;
use std::net::IpAddr;
use std::rc::Rc;
use std::time::{Duration, SystemTime};

use jiff::Timestamp;
use oneloop_http::{Hop, Phase};
use serde::ser::SerializeSeq;
use serde::{Serialize, Serializer};
use serde_json::ser::{CompactFormatter, Formatter};

use super::certificate::Certificate;
use super::text::header_value;
use super::{Outcome, Render};
use crate::escape::url_without_secrets;
use crate::exit::curl_code;
use crate::job::Job;
use crate::target::Failure;

/// Writes results as JSON objects.
#[derive(Debug, Clone)]
pub(crate) struct Json {
    /// The method of a probe that made no request.
    method: Rc<str>,
}

impl Json {
    pub(super) fn new(method: &str) -> Json {
        Json { method: method.into() }
    }

    /// Appends the object of one result.
    pub(super) fn object(&self, out: &mut Vec<u8>, job: &Job, outcome: &Outcome) {
        printable(out, &Line::new(job, outcome, &self.method));
    }
}

/// The renderer of `--format jsonl`.
#[derive(Debug)]
pub(super) struct Lines(pub(super) Json);

impl Render for Lines {
    fn result(&mut self, out: &mut Vec<u8>, job: &Job, outcome: &Outcome) {
        self.0.object(out, job, outcome);
        out.push(b'\n');
    }
}

/// The renderer of `--format json`.
#[derive(Debug)]
pub(super) struct Array(pub(super) Json);

impl Render for Array {
    fn begin(&mut self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"[\n");
    }

    fn result(&mut self, out: &mut Vec<u8>, job: &Job, outcome: &Outcome) {
        self.0.object(out, job, outcome);
    }

    fn end(&mut self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"\n]\n");
    }
}

/// One result. The order of the fields is the order of the keys.
#[derive(Debug, Serialize)]
struct Line<'a> {
    schema_version: u32,
    index: u64,
    round: u64,
    attempt: u64,
    started_at: Option<String>,
    url: &'a str,
    url_effective: Option<String>,
    ok: bool,
    status: Option<u16>,
    error: Option<Problem<'a>>,
    exitcode: u8,
    method: &'a str,
    http_version: Option<String>,
    addresses: &'a [IpAddr],
    remote_ip: Option<IpAddr>,
    remote_port: Option<u16>,
    local_ip: Option<IpAddr>,
    local_port: Option<u16>,
    reused: bool,
    body_bytes: u64,
    body_sha256: Option<&'a str>,
    headers: Option<Fields<'a>>,
    redirect_url: Option<String>,
    redirects: Vec<Redirect<'a>>,
    phases_ms: Phases,
    headers_ms: Option<Ms>,
    total_ms: Ms,
    queue_ms: Ms,
    loop_lag_ms: Ms,
    tls: Option<Tls>,
}

impl<'a> Line<'a> {
    fn new(job: &'a Job, outcome: &'a Outcome, method: &'a str) -> Line<'a> {
        let (last, answered) = (outcome.hops.last(), outcome.answered());
        let before = outcome.hops.split_last().map_or(&[][..], |(_, before)| before);
        let remote = last.and_then(|hop| hop.remote);
        let local = last.and_then(|hop| hop.local);
        Line {
            schema_version: 1,
            index: job.target.index,
            round: job.round,
            attempt: u64::from(job.attempt),
            started_at: outcome.started_at.and_then(microseconds),
            url: &job.target.text,
            url_effective: last.map(|hop| shown(hop.url.as_str())),
            ok: outcome.failure.is_none(),
            status: outcome.last_status(),
            error: outcome.failure.as_ref().map(Problem::new),
            exitcode: curl_code(outcome.kind()),
            method: last.map_or(method, |hop| hop.method.as_str()),
            http_version: answered.and_then(version),
            addresses: last.map_or(&[], |hop| hop.addresses.as_slice()),
            remote_ip: remote.map(|address| address.ip()),
            remote_port: remote.map(|address| address.port()),
            local_ip: local.map(|address| address.ip()),
            local_port: local.map(|address| address.port()),
            reused: last.is_some_and(|hop| hop.reused),
            body_bytes: last.map_or(0, |hop| hop.body_bytes),
            body_sha256: outcome.body_sha256.as_deref(),
            headers: answered.filter(|hop| hop.head.is_some()).map(Fields),
            redirect_url: last.and_then(redirect_url),
            redirects: before.iter().map(Redirect::new).collect(),
            phases_ms: Phases::new(|phase| outcome.phase(phase)),
            headers_ms: outcome.headers().map(Ms),
            total_ms: Ms(outcome.total()),
            queue_ms: Ms(outcome.queue),
            loop_lag_ms: Ms(outcome.lag),
            tls: last.and_then(Tls::new),
        }
    }
}

/// A hop that was followed by another one.
#[derive(Debug, Serialize)]
struct Redirect<'a> {
    url: String,
    status: Option<u16>,
    method: &'a str,
    http_version: Option<String>,
    addresses: &'a [IpAddr],
    remote_ip: Option<IpAddr>,
    remote_port: Option<u16>,
    reused: bool,
    body_bytes: u64,
    headers: Option<Fields<'a>>,
    redirect_url: Option<String>,
    phases_ms: Phases,
    headers_ms: Option<Ms>,
    total_ms: Ms,
    tls: Option<Tls>,
}

impl<'a> Redirect<'a> {
    fn new(hop: &'a Hop) -> Redirect<'a> {
        Redirect {
            url: shown(hop.url.as_str()),
            status: hop.status().map(|status| status.as_u16()),
            method: hop.method.as_str(),
            http_version: version(hop),
            addresses: &hop.addresses,
            remote_ip: hop.remote.map(|address| address.ip()),
            remote_port: hop.remote.map(|address| address.port()),
            reused: hop.reused,
            body_bytes: hop.body_bytes,
            headers: hop.head.is_some().then_some(Fields(hop)),
            redirect_url: redirect_url(hop),
            phases_ms: Phases::new(|phase| hop.clock.phase(phase)),
            headers_ms: hop.clock.headers().map(Ms),
            total_ms: Ms(hop.clock.total()),
            tls: Tls::new(hop),
        }
    }
}

#[derive(Debug, Serialize)]
struct Problem<'a> {
    kind: &'a str,
    detail: Option<&'a str>,
    message: &'a str,
    phase: Option<&'a str>,
}

impl<'a> Problem<'a> {
    fn new(failure: &'a Failure) -> Problem<'a> {
        let detail = Some(failure.detail.as_str()).filter(|detail| !detail.is_empty());
        let (kind, phase) = (failure.kind.as_str(), failure.phase.map(Phase::as_str));
        Problem { kind, detail, message: &failure.message, phase }
    }
}

#[derive(Debug, Serialize)]
struct Phases {
    resolve: Option<Ms>,
    connect: Option<Ms>,
    tls: Option<Ms>,
    send: Option<Ms>,
    wait: Option<Ms>,
    transfer: Option<Ms>,
}

impl Phases {
    fn new(length: impl Fn(Phase) -> Option<Duration>) -> Phases {
        let length = |phase| length(phase).map(Ms);
        Phases {
            resolve: length(Phase::Resolve),
            connect: length(Phase::Connect),
            tls: length(Phase::Tls),
            send: length(Phase::Send),
            wait: length(Phase::Wait),
            transfer: length(Phase::Transfer),
        }
    }
}

#[derive(Debug, Serialize)]
struct Tls {
    version: Option<&'static str>,
    cipher: Option<&'static str>,
    alpn: Option<String>,
    verified: bool,
    verify_error: Option<VerifyError>,
    chain: Vec<Certificate>,
    days_left: Option<i64>,
}

#[derive(Debug, Serialize)]
struct VerifyError {
    kind: &'static str,
    detail: String,
}

impl Tls {
    fn new(hop: &Hop) -> Option<Tls> {
        let tls = hop.tls.as_ref()?;
        let chain: Vec<_> = tls.chain.iter().map(|der| Certificate::read(der)).collect();
        let verify_error = tls.verify_error.as_ref();
        Some(Tls {
            version: tls.version,
            cipher: tls.cipher,
            alpn: tls.alpn.clone(),
            verified: tls.verified,
            verify_error: verify_error
                .map(|(kind, detail)| VerifyError { kind: kind.as_str(), detail: detail.clone() }),
            days_left: chain.first().and_then(|leaf| leaf.days_left(Timestamp::now())),
            chain,
        })
    }
}

/// The fields of a response head as `[name, value]` pairs, repeats kept.
#[derive(Debug)]
struct Fields<'a>(&'a Hop);

impl Serialize for Fields<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut list = serializer.serialize_seq(None)?;
        if let Some(head) = &self.0.head {
            for (name, value) in &head.headers {
                list.serialize_element(&[name.to_ascii_lowercase(), header_value(name, value)])?;
            }
        }
        list.end()
    }
}

/// Milliseconds; the nearest double to so few digits prints as exactly those digits.
#[derive(Debug, Clone, Copy)]
struct Ms(Duration);

impl Serialize for Ms {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_f64(self.0.as_nanos() as f64 / 1e6)
    }
}

pub(super) fn microseconds(time: SystemTime) -> Option<String> {
    Timestamp::try_from(time).ok().map(|time| format!("{time:.6}"))
}

pub(super) fn shown(url: &str) -> String {
    url_without_secrets(url).into_owned()
}

pub(super) fn redirect_url(hop: &Hop) -> Option<String> {
    hop.redirect_url.as_ref().map(|url| shown(url.as_str()))
}

pub(crate) fn version(hop: &Hop) -> Option<String> {
    let head = hop.head.as_ref()?;
    Some(format!("{:?}", head.version).trim_start_matches("HTTP/").to_owned())
}

/// Appends `value` as JSON in one line.
pub(super) fn printable(out: &mut Vec<u8>, value: &impl Serialize) {
    let before = out.len();
    let mut serializer = serde_json::Serializer::with_formatter(&mut *out, Printable(CompactFormatter));
    if value.serialize(&mut serializer).is_err() {
        // Writing to memory does not fail and no key is anything but text: this cannot happen, and must not print half
        // a line.
        out.truncate(before);
    }
}

/// serde_json's compact form, with everything else escaped as well that a terminal obeys: DEL, the C1 controls, and the
/// marks that reorder a line.
#[derive(Debug)]
struct Printable(CompactFormatter);

impl Formatter for Printable {
    fn write_string_fragment<W: io::Write + ?Sized>(&mut self, writer: &mut W, fragment: &str) -> io::Result<()> {
        let mut plain = 0;
        for (at, character) in fragment.char_indices().filter(|(_, c)| oneloop_trace::drives(*c)) {
            self.0.write_string_fragment(writer, &fragment[plain..at])?;
            write!(writer, "\\u{:04x}", character as u32)?;
            plain = at + character.len_utf8();
        }
        self.0.write_string_fragment(writer, &fragment[plain..])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::target::Target;

    fn json(value: &impl Serialize) -> String {
        let mut out = Vec::new();
        printable(&mut out, value);
        String::from_utf8(out).expect("JSON is UTF-8")
    }

    #[test]
    fn whole_nanoseconds_survive_as_decimals() {
        for (nanos, text) in
            [(0, "0.0"), (1, "1e-6"), (100_000, "0.1"), (4_300_001, "4.300001"), (9_999_999_999, "9999.999999")]
        {
            assert_eq!(json(&Ms(Duration::from_nanos(nanos))).parse::<f64>().ok(), text.parse().ok());
        }
    }

    #[test]
    fn controls_that_json_allows_are_escaped_all_the_same() {
        assert_eq!(json(&"a\x7f\u{9b}2J\x1b\n\u{a0}é"), "\"a\\u007f\\u009b2J\\u001b\\n\u{a0}é\"");
        assert_eq!(json(&"\u{202e}gpj.exe"), "\"\\u202egpj.exe\"");
    }

    #[test]
    fn a_probe_that_never_began_has_every_key() {
        let failure = Failure {
            kind: oneloop_http::ErrorKind::BadUrl,
            detail: "EmptyHost".into(),
            message: "empty host".into(),
            phase: None,
        };
        let target = Target { index: 3, text: "http://".into(), url: Err(Box::new(failure.clone())) };
        let job = Job::new(target, 3, 0);
        let outcome = Outcome::refused(failure);
        assert_eq!(
            json(&Line::new(&job, &outcome, "GET")),
            concat!(
                r#"{"schema_version":1,"index":3,"round":0,"attempt":1,"started_at":null,"url":"http://","url_effective":null,"#,
                r#""ok":false,"status":null,"error":{"kind":"bad-url","detail":"EmptyHost","message":"empty host","phase":null},"#,
                r#""exitcode":3,"method":"GET","http_version":null,"addresses":[],"remote_ip":null,"remote_port":null,"#,
                r#""local_ip":null,"local_port":null,"reused":false,"body_bytes":0,"body_sha256":null,"headers":null,"#,
                r#""redirect_url":null,"redirects":[],"#,
                r#""phases_ms":{"resolve":null,"connect":null,"tls":null,"send":null,"wait":null,"transfer":null},"#,
                r#""headers_ms":null,"total_ms":0.0,"queue_ms":0.0,"loop_lag_ms":0.0,"tls":null}"#
            )
        );
    }
}
