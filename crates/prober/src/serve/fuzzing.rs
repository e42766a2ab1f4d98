//! A scrape as the fuzz target makes it up: everything that happens to its words before something is connected to.
//!
//! Under `cargo fuzz` only the files that this one uses are built (`fuzz/fuzz_targets/exporter_query.rs` names them).

use std::time::Duration;

use oneloop_http::proto::Headers;
use url::form_urlencoded;

use super::allow::{Allowed, Pattern};
use super::query::{LONGEST_VALUE, Query, SCRAPE_TIMEOUT, time_limit};
use crate::escape;
use crate::target::{Origin, Target};

/// The query of a scrape and the time that its client allows. Panics where a promise is broken.
pub(crate) fn judge_scrape(text: &str, seconds: &str) {
    let mut headers = Headers::new();
    if headers.push(SCRAPE_TIMEOUT, seconds).is_ok() {
        let own = Duration::from_secs(7);
        if let Ok(limit) = time_limit(&headers, Some(own), Duration::from_millis(500)) {
            assert!(!limit.is_zero() && limit <= own.max(Duration::from_secs(1)), "{seconds:?} allows {limit:?}");
        }
    }
    let Ok(query) = Query::read(text) else { return };
    for value in [Some(&query.target), Some(&query.module), query.hostname.as_ref()].into_iter().flatten() {
        assert!(!value.is_empty() && value.len() <= LONGEST_VALUE);
    }
    let mut again = form_urlencoded::Serializer::new(String::new());
    again.append_pair("target", &query.target).append_pair("module", &query.module);
    if let Some(hostname) = &query.hostname {
        assert!(hostname.is_ascii(), "what becomes a field cannot break out of it");
        again.append_pair("hostname", hostname);
    }
    if query.debug {
        again.append_pair("debug", "true");
    }
    assert_eq!(Query::read(&again.finish()).as_ref(), Ok(&query));
    judge_target(&query.target);
}

fn judge_target(written: &str) {
    let target = Target::parse(0, written.as_bytes(), Origin::Argument);
    let Ok(url) = &target.url else { return };
    assert!(matches!(url.scheme(), "http" | "https") && url.port() != Some(0));
    let host = url.host_str().unwrap_or_default();
    assert!(!host.is_empty() && host.bytes().all(|byte| byte.is_ascii_graphic()), "{host:?}");
    // What is shown of it holds no password. One that stands in the path as well is no secret.
    if let Some(password) = url.password().filter(|password| password.len() > 8) {
        let shows = |shown: &str, all: &str| all.matches(password).count() == 1 && shown.contains(password);
        assert!(!shows(&escape::url_without_secrets(url.as_str()), url.as_str()), "{url}");
        assert!(!shows(&target.text, written), "{}", target.text);
    }
    let allowed = |pattern: &str| Pattern::parse(pattern).map(|pattern| Allowed::new(vec![pattern]));
    for pattern in ["*.example.org", "https://example.org/*", "10.0.0.0/8"] {
        let Ok(allowed) = allowed(pattern) else { panic!("{pattern} is a pattern") };
        if !allowed.names(url) {
            continue;
        }
        let plain = host.trim_end_matches('.');
        assert!(plain.ends_with("example.org") || plain.starts_with("10."), "{pattern} allows {url}");
    }
}
