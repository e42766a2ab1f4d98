//! The front page: where everything is, and how the latest probes went.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::time::{Duration, SystemTime};

use oneloop_http::server::Response;

use super::Exporter;
use crate::escape::{self, Secrets};
use crate::report::Outcome;
use crate::target::Target;

/// So many probes are remembered, and so many characters of what they were about.
const REMEMBERED: usize = 100;
const LONGEST_TEXT: usize = 200;

/// The latest probes, the newest last.
#[derive(Debug, Default)]
pub(super) struct Recent(RefCell<VecDeque<Entry>>);

#[derive(Debug)]
struct Entry {
    at: SystemTime,
    module: String,
    target: String,
    status: Option<u16>,
    /// Kind and sentence of a failure.
    failure: Option<(&'static str, String)>,
    took: Duration,
}

impl Recent {
    pub(super) fn note(&self, module: &str, secrets: &Secrets, target: &Target, outcome: &Outcome, took: Duration) {
        // Hidden before it is cut: the page would not know half a secret.
        let short = |text: &str| secrets.hidden(text).chars().take(LONGEST_TEXT).collect::<String>();
        let failure = outcome.failure.as_ref();
        let entry = Entry {
            at: SystemTime::now(),
            module: short(module),
            target: short(&target.text),
            status: outcome.status(),
            failure: failure
                .map(|failure| (failure.kind.as_str(), short(&escape::text_without_secrets(&failure.message)))),
            took,
        };
        let mut entries = self.0.borrow_mut();
        if entries.len() >= REMEMBERED {
            entries.pop_front();
        }
        entries.push_back(entry);
    }
}

/// `/`.
pub(super) fn front(exporter: &Exporter) -> Response {
    let loaded = exporter.loaded();
    let secrets = loaded.modules.by_name.values().flat_map(|module| module.spec.all_secrets());
    let secrets = escape::Secrets::new(secrets);
    let names: Vec<_> = loaded.modules.by_name.keys().map(|name| format!("<code>{}</code>", html(name))).collect();
    let mut page = format!(
        "<!doctype html>\n<html lang=\"en\">\n<head><meta charset=\"utf-8\"><title>prober</title>\n\
         <style>body{{font-family:sans-serif;margin:2em}}table{{border-collapse:collapse}}\
         td,th{{padding:.2em .8em;text-align:left;border-bottom:1px solid #ccc}}</style></head>\n<body>\n\
         <h1>prober {}</h1>\n<p>Probe: <code>/probe?target=URL&amp;module=NAME</code>, with <code>&amp;debug=true</code> for what it met.\n\
         Also: <a href=\"/metrics\">/metrics</a>, <a href=\"/config\">/config</a>, <a href=\"/-/healthy\">/-/healthy</a>.</p>\n\
         <p>Modules: {}.</p>\n<h2>Latest probes</h2>\n\
         <table>\n<tr><th>When</th><th>Module</th><th>Target</th><th>Result</th><th>Status</th><th>Took</th><th>Why</th></tr>\n",
        env!("CARGO_PKG_VERSION"),
        names.join(", ")
    );
    for entry in exporter.recent.0.borrow().iter().rev() {
        let at = jiff::Timestamp::try_from(entry.at).map(|at| format!("{at:.0}")).unwrap_or_default();
        let (result, why) = match &entry.failure {
            None => ("ok", String::new()),
            Some((kind, message)) => ("FAIL", format!("{kind}: {message}")),
        };
        let status = entry.status.map(|status| status.to_string()).unwrap_or_default();
        page += &format!(
            "<tr><td>{at}</td><td>{}</td><td>{}</td><td>{result}</td><td>{status}</td><td>{:.1} ms</td><td>{}</td></tr>\n",
            html(&entry.module),
            html(&entry.target),
            entry.took.as_secs_f64() * 1e3,
            html(&why)
        );
    }
    page += "</table>\n</body>\n</html>\n";
    let mut bytes = page.into_bytes();
    secrets.hide(&mut bytes, 0);
    let policy = "default-src 'none'; style-src 'unsafe-inline'";
    Response::new(200)
        .header("Content-Type", "text/html; charset=utf-8")
        .header("Content-Security-Policy", policy)
        .header("X-Content-Type-Options", "nosniff")
        .body(bytes)
}

fn html(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            _ if oneloop_trace::drives(character) => safe.push('\u{fffd}'),
            _ => safe.push(character),
        }
    }
    safe
}
