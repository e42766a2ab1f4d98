//! curl's `-w`: a format of one's own, with curl's variables.
//!
//! `%{name}` is a variable, `%header{Name}` a response header, `%%` a percent sign; `\n`, `\r` and `\t` are escapes.
//! Times are cumulative seconds as in curl. What curl has and a probe has not is empty or 0. A variable that nobody
//! knows is an error before anything is probed (curl prints nothing for it, and a note).
//! Neighbour: the table in docs/prober.md.

use std::time::Duration;

use oneloop_http::{ErrorKind, Hop, Phase};
use url::Url;

use super::jsonl::{Json, printable, redirect_url, shown, version};
use super::text::header_value;
use super::{Outcome, Render};
use crate::cli::Settings;
use crate::escape;
use crate::exit::curl_code;
use crate::job::Job;
use crate::nearest::nearest;

/// A format that has been read.
#[derive(Debug, Clone)]
pub(crate) struct Template(Vec<Part>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Text(String),
    Variable(String),
    Header(String),
}

/// All variables; those of URLs (`url.host`, `urle.path`) beside them.
const VARIABLES: [&str; 58] = [
    "certs",
    "conn_id",
    "content_type",
    "errormsg",
    "exitcode",
    "filename_effective",
    "ftp_entry_path",
    "header_json",
    "http_code",
    "http_connect",
    "http_version",
    "json",
    "local_ip",
    "local_port",
    "method",
    "num_certs",
    "num_connects",
    "num_headers",
    "num_redirects",
    "num_retries",
    "onerror",
    "proxy_ssl_verify_result",
    "proxy_used",
    "redirect_url",
    "referer",
    "remote_ip",
    "remote_port",
    "response_code",
    "scheme",
    "size_delivered",
    "size_download",
    "size_header",
    "size_request",
    "size_upload",
    "speed_download",
    "speed_upload",
    "ssl_verify_result",
    "stderr",
    "stdout",
    "time_appconnect",
    "time_connect",
    "time_namelookup",
    "time_posttransfer",
    "time_pretransfer",
    "time_queue",
    "time_redirect",
    "time_starttransfer",
    "time_total",
    "tls_earlydata",
    "url",
    "url_effective",
    "urlnum",
    "xfer_id",
    "urle",
    "index",
    "round",
    "attempt",
    "kind",
];

const URL_PARTS: [&str; 10] =
    ["scheme", "user", "password", "options", "host", "port", "path", "query", "fragment", "zoneid"];

impl Template {
    /// Reads a format.
    pub(crate) fn parse(text: &str) -> Result<Template, String> {
        let mut parts = Vec::new();
        let mut plain = String::new();
        let mut rest = text;
        while let Some(character) = rest.chars().next() {
            rest = &rest[character.len_utf8()..];
            let found = match character {
                '%' if rest.starts_with('%') => {
                    plain.push('%');
                    rest = &rest[1..];
                    continue;
                }
                '%' => bracketed(rest, "{", &mut rest)
                    .map(Part::Variable)
                    .or_else(|| bracketed(rest, "header{", &mut rest).map(Part::Header)),
                '\\' => {
                    let escaped = rest.chars().next();
                    let meant = match escaped {
                        Some('n') => '\n',
                        Some('r') => '\r',
                        Some('t') => '\t',
                        _ => {
                            plain.push('\\');
                            continue;
                        }
                    };
                    plain.push(meant);
                    rest = &rest[1..];
                    continue;
                }
                _ => None,
            };
            match found {
                None => plain.push(character),
                Some(part) => {
                    if let Part::Variable(name) = &part {
                        check(name)?;
                    }
                    if !plain.is_empty() {
                        parts.push(Part::Text(std::mem::take(&mut plain)));
                    }
                    parts.push(part);
                }
            }
        }
        if !plain.is_empty() {
            parts.push(Part::Text(plain));
        }
        Ok(Template(parts))
    }
}

/// What stands between `open` and `}` at the start of `text`; `rest` is moved behind it.
fn bracketed<'a>(text: &'a str, open: &str, rest: &mut &'a str) -> Option<String> {
    let (inside, after) = text.strip_prefix(open)?.split_once('}')?;
    *rest = after;
    Some(inside.to_owned())
}

fn check(name: &str) -> Result<(), String> {
    let of_url = name.strip_prefix("url.").or_else(|| name.strip_prefix("urle."));
    let known = of_url.map_or_else(|| VARIABLES.contains(&name), |part| URL_PARTS.contains(&part));
    if known {
        return Ok(());
    }
    let parts = ["url.", "urle."].map(|of| URL_PARTS.map(|part| format!("{of}{part}")));
    let all = || VARIABLES.into_iter().chain(parts.as_flattened().iter().map(String::as_str));
    let longer: Vec<_> = all().filter(|other| !name.is_empty() && other.starts_with(name)).collect();
    let hint = match nearest(name, all()) {
        Some(near) => format!("; did you mean '{near}'?"),
        None if !longer.is_empty() => format!("; there are {}", longer.join(", ")),
        None => String::new(),
    };
    Err(format!("-w knows no variable '{}'{hint}", name.escape_debug()))
}

/// The renderer of `-w`.
#[derive(Debug)]
pub(super) struct WriteOut {
    template: Template,
    json: Json,
    /// The method and the length of the body that are asked for.
    method: String,
    sent: u64,
    /// What stands behind `%{stderr}`, until the run takes it.
    errors: Vec<u8>,
}

impl WriteOut {
    pub(super) fn new(template: Template, settings: &Settings) -> WriteOut {
        let sent = settings.spec.body.as_ref().map_or(0, |body| body.len() as u64);
        let method = settings.spec.method.clone();
        WriteOut { template, json: Json::new(&method), method, sent, errors: Vec::new() }
    }
}

impl Render for WriteOut {
    fn result(&mut self, out: &mut Vec<u8>, job: &Job, outcome: &Outcome) {
        let mut errors = std::mem::take(&mut self.errors);
        let mut to_stderr = false;
        for part in &self.template.0 {
            let place = if to_stderr { &mut errors } else { &mut *out };
            match part {
                Part::Text(text) => place.extend_from_slice(text.as_bytes()),
                Part::Header(name) => {
                    let head = outcome.hops.last().and_then(|hop| hop.head.as_ref());
                    if let Some(value) = head.and_then(|head| head.headers.get(name)) {
                        escape::terminal(place, &header_value(name, value));
                    }
                }
                Part::Variable(name) => match name.as_str() {
                    "stderr" => to_stderr = true,
                    "stdout" => to_stderr = false,
                    // Nothing more is wanted of a probe that passed.
                    "onerror" if outcome.failure.is_none() => break,
                    "json" => self.json.object(place, job, outcome),
                    "certs" => certificates(place, outcome),
                    "header_json" => header_json(place, outcome),
                    name => escape::terminal(place, &self.value(name, job, outcome)),
                },
            }
        }
        self.errors = errors;
    }

    fn errors(&mut self) -> Option<&mut Vec<u8>> {
        Some(&mut self.errors)
    }
}

impl WriteOut {
    /// The text of a variable that is one value.
    fn value(&self, name: &str, job: &Job, outcome: &Outcome) -> String {
        let last = outcome.hops.last();
        // As in curl, these are of the last response, and the others of the last request.
        let answered = outcome.answered();
        let head = answered.and_then(|hop| hop.head.as_ref());
        let text = |value: Option<&str>| value.unwrap_or_default().to_owned();
        let count = |number: usize| number.to_string();
        let status = || outcome.last_status().map_or("000".to_owned(), |status| format!("{status:03}"));
        let seconds = |time: Duration| format!("{:.6}", time.as_secs_f64());
        let until = |phase| seconds(outcome.hops.iter().map(|hop| reached(hop, phase)).sum());
        if let Some(part) = name.strip_prefix("url.") {
            return job.target.url.as_ref().map(|url| url_part(url, part)).unwrap_or_default();
        }
        if let Some(part) = name.strip_prefix("urle.") {
            return last.map(|hop| url_part(&hop.url, part)).unwrap_or_default();
        }
        match name {
            "content_type" => head
                .and_then(|head| head.headers.get("content-type"))
                .map(escape::bytes_as_text)
                .unwrap_or_default()
                .into_owned(),
            "errormsg" => outcome.failure.as_ref().map(|failure| failure.message.clone()).unwrap_or_default(),
            "exitcode" => curl_code(outcome.kind()).to_string(),
            "http_code" | "response_code" => status(),
            "http_version" => answered.and_then(version).unwrap_or_else(|| "0".to_owned()),
            "local_ip" => last.and_then(|hop| hop.local).map(|local| local.ip().to_string()).unwrap_or_default(),
            "local_port" => last.and_then(|hop| hop.local).map_or(0, |local| local.port()).to_string(),
            "remote_ip" => last.and_then(|hop| hop.remote).map(|remote| remote.ip().to_string()).unwrap_or_default(),
            "remote_port" => last.and_then(|hop| hop.remote).map_or(0, |remote| remote.port()).to_string(),
            "method" => last.map_or(self.method.as_str(), |hop| hop.method.as_str()).to_owned(),
            "num_certs" => count(last.and_then(|hop| hop.tls.as_ref()).map_or(0, |tls| tls.chain.len())),
            "num_connects" => count(outcome.hops.iter().filter(|hop| !hop.reused && hop.local.is_some()).count()),
            "num_headers" => count(head.map_or(0, |head| head.headers.len())),
            "num_redirects" => count(outcome.hops.len().saturating_sub(1)),
            "num_retries" => (job.attempt - 1).to_string(),
            "redirect_url" => last.and_then(redirect_url).unwrap_or_default(),
            "scheme" => text(last.map(|hop| hop.url.scheme())),
            "size_download" | "size_delivered" => last.map_or(0, |hop| hop.body_bytes).to_string(),
            "size_request" => outcome.hops.iter().map(|hop| hop.request_bytes).sum::<u64>().to_string(),
            "size_upload" => self.uploaded(last).to_string(),
            "size_header" => outcome.hops.iter().map(head_bytes).sum::<usize>().to_string(),
            "speed_download" => speed(last.map_or(0, |hop| hop.body_bytes), outcome.total()),
            "speed_upload" => speed(self.uploaded(last), outcome.total()),
            "ssl_verify_result" => {
                let tls = last.and_then(|hop| hop.tls.as_ref());
                let error = tls.and_then(|tls| tls.verify_error.as_ref());
                error.map_or(0, |(kind, detail)| verify_result(*kind, detail)).to_string()
            }
            "time_namelookup" => until(Phase::Resolve),
            "time_connect" => until(Phase::Connect),
            // Only a hop over TLS counts: over plain HTTP it is 0, as in curl.
            "time_appconnect" => seconds(
                outcome.hops.iter().filter(|hop| hop.url.scheme() == "https").map(|hop| reached(hop, Phase::Tls)).sum(),
            ),
            "time_pretransfer" => until(Phase::Tls),
            "time_posttransfer" => until(Phase::Send),
            "time_starttransfer" => until(Phase::Wait),
            "time_total" => seconds(outcome.total()),
            "time_queue" => seconds(outcome.queue),
            "time_redirect" => {
                let before = outcome.hops.split_last().map_or(&[][..], |(_, before)| before);
                seconds(Hop::total_of(before))
            }
            "url" => job.target.text.to_string(),
            "url_effective" => last.map_or_else(|| job.target.text.to_string(), |hop| shown(hop.url.as_str())),
            "urlnum" | "index" => job.target.index.to_string(),
            "xfer_id" => job.seq.to_string(),
            "round" => job.round.to_string(),
            "attempt" => job.attempt.to_string(),
            "kind" => text(outcome.kind().map(ErrorKind::as_str)),
            "http_connect" => last
                .and_then(|hop| hop.proxy_status)
                .map_or("000".to_owned(), |status| format!("{:03}", status.as_u16())),
            "proxy_used" => u8::from(last.is_some_and(|hop| hop.proxied)).to_string(),
            // Counted from 0, and -1 where there was none.
            "conn_id" => last.map_or(-1, |hop| i64::from(hop.connection) - 1).to_string(),
            // No proxy is spoken to over TLS, and nothing is sent before the handshake is over.
            "proxy_ssl_verify_result" | "tls_earlydata" => "0".to_owned(),
            _ => String::new(),
        }
    }
}

impl WriteOut {
    /// Bytes of body that the last request had: none before it was sent, and none once a redirect has made it a GET.
    fn uploaded(&self, last: Option<&Hop>) -> u64 {
        last.filter(|hop| hop.request_bytes > 0 && hop.method.as_str() == self.method).map_or(0, |_| self.sent)
    }
}

/// The number that OpenSSL has for this, and 1 for what it has no single number for (`man openssl-verification-options`).
fn verify_result(kind: ErrorKind, detail: &str) -> u8 {
    match (kind, detail) {
        (ErrorKind::TlsBadSignature, _) => 7,
        (ErrorKind::TlsNotYetValid, _) => 9,
        (ErrorKind::TlsExpired, _) => 10,
        (ErrorKind::TlsUntrusted, "SelfSigned") => 18,
        (ErrorKind::TlsUntrusted, "UnknownIssuer" | "IncompleteChain") => 20,
        (ErrorKind::TlsRevoked, _) => 23,
        (ErrorKind::TlsWrongHost, _) => 62,
        _ => 1,
    }
}

/// From the hop's start to the end of `phase`; nothing where the hop did not come so far.
fn reached(hop: &Hop, phase: Phase) -> Duration {
    // The phase after it was entered, or there is none after it.
    let next = Phase::ALL.iter().find(|next| **next > phase);
    match next.is_none_or(|next| hop.clock.phase(*next).is_some()) {
        true => {
            Phase::ALL.iter().filter(|earlier| **earlier <= phase).filter_map(|phase| hop.clock.phase(*phase)).sum()
        }
        false => Duration::ZERO,
    }
}

/// Bytes of a head as it was sent, give or take the blanks that a server may add.
fn head_bytes(hop: &Hop) -> usize {
    let Some(head) = &hop.head else { return 0 };
    let fields: usize = head.headers.iter().map(|(name, value)| name.len() + value.len() + ": \r\n".len()).sum();
    "HTTP/1.1 200 \r\n".len() + head.reason().len() + fields + "\r\n".len()
}

fn speed(bytes: u64, time: Duration) -> String {
    match time.as_secs_f64() {
        seconds if seconds > 0.0 => format!("{:.0}", (bytes as f64 / seconds).floor()),
        _ => "0".to_owned(),
    }
}

fn url_part(url: &Url, part: &str) -> String {
    match part {
        "scheme" => url.scheme().to_owned(),
        "host" => url.host_str().unwrap_or_default().to_owned(),
        "port" => url.port_or_known_default().map(|port| port.to_string()).unwrap_or_default(),
        "path" => url.path().to_owned(),
        "query" => url.query().unwrap_or_default().to_owned(),
        "fragment" => url.fragment().unwrap_or_default().to_owned(),
        "user" | "password" if !url.username().is_empty() || url.password().is_some() => escape::SECRET.to_owned(),
        _ => String::new(),
    }
}

/// The certificates of the last hop in PEM, as curl prints them.
fn certificates(out: &mut Vec<u8>, outcome: &Outcome) {
    let tls = outcome.hops.last().and_then(|hop| hop.tls.as_ref());
    for der in tls.iter().flat_map(|tls| tls.chain.iter()) {
        out.extend_from_slice(super::certificate::pem(der).as_bytes());
    }
}

/// The head's fields as an object of lists in the order in which they came, a name a line, as curl prints them.
fn header_json(out: &mut Vec<u8>, outcome: &Outcome) {
    let mut fields = Vec::<(String, Vec<String>)>::new();
    let head = outcome.hops.last().and_then(|hop| hop.head.as_ref());
    for (name, value) in head.into_iter().flat_map(|head| head.headers.iter()) {
        let (name, value) = (name.to_ascii_lowercase(), header_value(name, value));
        match fields.iter_mut().find(|(other, _)| *other == name) {
            Some((_, values)) => values.push(value),
            None => fields.push((name, vec![value])),
        }
    }
    out.push(b'{');
    for (nth, (name, values)) in fields.iter().enumerate() {
        out.extend_from_slice(if nth > 0 { b",\n" } else { b"" });
        printable(out, name);
        out.push(b':');
        printable(out, values);
    }
    out.extend_from_slice(b"\n}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_are_read_as_curl_reads_them() {
        let text = |text: &str| Part::Text(text.to_owned());
        let parts = |format| Template::parse(format).map(|template| template.0);
        assert_eq!(
            parts(r"%{http_code}\t100%% %header{Server}\n"),
            Ok(vec![Part::Variable("http_code".into()), text("\t100% "), Part::Header("Server".into()), text("\n")])
        );
        assert_eq!(parts(r"a % b %{unclosed \x"), Ok(vec![text(r"a % b %{unclosed \x")]));
        assert!(parts("%{time_totl}").is_err_and(|error| error.contains("time_totl")));
        assert!(parts("%{time_totl}").is_err_and(|error| error.ends_with("; did you mean 'time_total'?")));
        assert!(parts("%{time}").is_err_and(|error| error.contains("; there are time_appconnect, time_connect, ")));
        assert!(parts("%{url.host} %{urle.port}").is_ok() && parts("%{url.colour}").is_err());
    }
}
