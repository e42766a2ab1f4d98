//! HTTP archive 1.2: an entry a request, redirects included, for the tools that browsers and testers have.
//!
//! Results are entries in the order of the list. HAR counts the TLS handshake into `connect` and names it again as
//! `ssl`; what did not happen is -1. A request without a response has the status 0, and why it failed in `_error`.

use serde_json::json;

use oneloop_http::{Hop, Phase};

use super::jsonl::{microseconds, printable, redirect_url, shown, version};
use super::text::header_value;
use super::{Outcome, Render};
use crate::escape;
use crate::job::Job;
use crate::spec::Spec;

/// The renderer of `--format har`.
#[derive(Debug)]
pub(super) struct Har {
    /// The fields that go out with each request, as they may be shown.
    fields: Vec<(String, String)>,
    /// What was asked for: a redirect may have made a GET without a body of it.
    method: String,
    body: u64,
}

impl Har {
    pub(super) fn new(spec: &Spec) -> Har {
        let fields = spec.fields().into_iter();
        let fields = fields.map(|(name, value)| (name.to_owned(), header_value(name, value.as_bytes()))).collect();
        Har { fields, method: spec.method.clone(), body: spec.body.as_ref().map_or(0, |body| body.len() as u64) }
    }

    fn entry(&self, hop: &Hop, started_at: std::time::SystemTime, outcome: Option<&Outcome>) -> serde_json::Value {
        let phase = |phase| hop.clock.phase(phase).map(|length| length.as_nanos() as f64 / 1e6);
        let or_never = |length: Option<f64>| length.map_or(json!(-1), |length| json!(length));
        // Without TLS the phase is there and lasts for a few microseconds; here it did not happen.
        let tls = phase(Phase::Tls);
        let is_tls = hop.url.scheme() == "https";
        let connect = phase(Phase::Connect).map(|connect| connect + tls.unwrap_or(0.0));
        let (reused, http) = (hop.reused, version(hop).map_or(String::new(), |version| format!("HTTP/{version}")));
        let pairs = |fields: &mut dyn Iterator<Item = (String, String)>| -> Vec<_> {
            fields.map(|(name, value)| json!({"name": name, "value": value})).collect()
        };
        let host = hop.url.host_str().unwrap_or_default();
        let host = hop.url.port().map_or(host.to_owned(), |port| format!("{host}:{port}"));
        let mut sent = std::iter::once(("Host".to_owned(), host)).chain(self.fields.iter().cloned());
        let query = hop.url.query_pairs().map(|(name, value)| (name.into_owned(), value.into_owned()));
        let head = hop.head.as_ref();
        let field = |name: &str| head.and_then(|head| head.headers.get(name)).map(escape::bytes_as_text);
        let reason = head.map(|head| escape::bytes_as_text(head.reason()).into_owned()).unwrap_or_default();
        let mut received = head
            .into_iter()
            .flat_map(|head| head.headers.iter())
            .map(|(name, value)| (name.to_owned(), header_value(name, value)));
        let mut entry = json!({
            "startedDateTime": microseconds(started_at),
            "time": hop.clock.total().as_nanos() as f64 / 1e6,
            "request": {
                "method": hop.method.as_str(),
                "url": shown(hop.url.as_str()),
                "httpVersion": "HTTP/1.1",
                "cookies": [],
                "headers": pairs(&mut sent),
                "queryString": pairs(&mut query.into_iter()),
                "headersSize": -1,
                "bodySize": if hop.method.as_str() == self.method { self.body } else { 0 },
            },
            "response": {
                "status": hop.status().map_or(0, |status| status.as_u16()),
                "statusText": reason,
                "httpVersion": http,
                "cookies": [],
                "headers": pairs(&mut received),
                "content": {
                    "size": hop.body_bytes,
                    "mimeType": field("content-type").unwrap_or_default(),
                },
                "redirectURL": redirect_url(hop).unwrap_or_default(),
                "headersSize": -1,
                "bodySize": if head.is_some() { json!(hop.body_bytes) } else { json!(-1) },
            },
            "cache": {},
            "timings": {
                "blocked": -1,
                "dns": or_never(phase(Phase::Resolve).filter(|_| !reused)),
                "connect": or_never(connect.filter(|_| !reused)),
                "ssl": or_never(tls.filter(|_| is_tls && !reused)),
                "send": phase(Phase::Send).unwrap_or(0.0),
                "wait": phase(Phase::Wait).unwrap_or(0.0),
                "receive": phase(Phase::Transfer).unwrap_or(0.0),
            },
            "serverIPAddress": hop.remote.map(|remote| remote.ip().to_string()).unwrap_or_default(),
            "connection": hop.local.map(|local| local.port().to_string()).unwrap_or_default(),
        });
        if let (Some(failure), Some(fields)) =
            (outcome.and_then(|outcome| outcome.failure.as_ref()), entry.as_object_mut())
        {
            fields.insert("_error".to_owned(), json!({"kind": failure.kind.as_str(), "message": failure.message}));
        }
        entry
    }

    /// The entry of a URL that no request was made for.
    fn never_sent(&self, job: &Job, failure: &crate::target::Failure, at: std::time::SystemTime) -> serde_json::Value {
        json!({
            "startedDateTime": microseconds(at),
            "time": 0,
            "request": {
                "method": self.method, "url": &*job.target.text, "httpVersion": "", "cookies": [], "headers": [],
                "queryString": [], "headersSize": -1, "bodySize": -1,
            },
            "response": {
                "status": 0, "statusText": "", "httpVersion": "", "cookies": [], "headers": [],
                "content": {"size": 0, "mimeType": ""}, "redirectURL": "", "headersSize": -1, "bodySize": -1,
            },
            "cache": {},
            "timings": {"blocked": -1, "dns": -1, "connect": -1, "ssl": -1, "send": 0, "wait": 0, "receive": 0},
            "_error": {"kind": failure.kind.as_str(), "message": failure.message},
        })
    }
}

impl Render for Har {
    fn begin(&mut self, out: &mut Vec<u8>) {
        let creator = json!({"name": "prober", "version": env!("CARGO_PKG_VERSION")});
        out.extend_from_slice(
            format!("{{\"log\":{{\"version\":\"1.2\",\"creator\":{creator},\"entries\":[\n").as_bytes(),
        );
    }

    fn result(&mut self, out: &mut Vec<u8>, job: &Job, outcome: &Outcome) {
        let mut at = outcome.started_at.unwrap_or_else(std::time::SystemTime::now);
        let mut entries: Vec<_> = Vec::new();
        for (nth, hop) in outcome.hops.iter().enumerate() {
            entries.push(self.entry(hop, at, (nth + 1 == outcome.hops.len()).then_some(outcome)));
            at += hop.clock.total();
        }
        if let (true, Some(failure)) = (entries.is_empty(), &outcome.failure) {
            entries.push(self.never_sent(job, failure, at));
        }
        for (nth, entry) in entries.iter().enumerate() {
            if nth > 0 {
                out.extend_from_slice(b",\n");
            }
            printable(out, entry);
        }
    }

    fn end(&mut self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"\n]}}\n");
    }
}
