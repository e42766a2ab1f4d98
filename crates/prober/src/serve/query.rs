//! What a scrape may ask: the parameters of `/probe`, each at most once and of a sensible size.

use std::time::Duration;

use oneloop_http::proto::Headers;
use url::form_urlencoded;

use crate::modules::DEFAULT;

/// A probe is given so much time where neither its module nor the scraper says anything.
const LONGEST: Duration = Duration::from_secs(120);

/// Longer than this is no target, module or host name.
pub(super) const LONGEST_VALUE: usize = 2_048;

/// Where Prometheus says how long it waits.
pub(super) const SCRAPE_TIMEOUT: &str = "X-Prometheus-Scrape-Timeout-Seconds";

/// The parameters of `/probe`.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Query {
    pub(super) target: String,
    pub(super) module: String,
    /// Goes into Host and into TLS instead of the target's host.
    pub(super) hostname: Option<String>,
    pub(super) debug: bool,
}

impl Query {
    /// Reads the part after the question mark; the error is a sentence for the client. Parameters that nobody knows
    /// are left alone, as in blackbox_exporter: Prometheus may send more.
    pub(super) fn read(text: &str) -> Result<Query, String> {
        let (mut target, mut module, mut hostname, mut debug) = (None, None, None, None);
        for (name, value) in form_urlencoded::parse(text.as_bytes()) {
            let place = match &*name {
                "target" => &mut target,
                "module" => &mut module,
                "hostname" => &mut hostname,
                "debug" => &mut debug,
                _ => continue,
            };
            if value.len() > LONGEST_VALUE {
                return Err(format!("the parameter {name} is longer than {LONGEST_VALUE} bytes"));
            }
            if place.replace(value.into_owned()).is_some() {
                return Err(format!("the parameter {name} stands more than once"));
            }
        }
        let target = target.filter(|target| !target.is_empty()).ok_or("the parameter target is missing")?;
        let hostname = hostname.filter(|name| !name.is_empty());
        if hostname.as_ref().is_some_and(|name| name.bytes().any(|byte| !byte.is_ascii_graphic())) {
            return Err("the parameter hostname is no name of a host".to_owned());
        }
        Ok(Query {
            target,
            module: module.filter(|module| !module.is_empty()).unwrap_or_else(|| DEFAULT.to_owned()),
            hostname,
            debug: debug.as_deref() == Some("true"),
        })
    }
}

/// The time for a probe: what the scraper allows less the offset, or the module's own, if that is shorter.
pub(super) fn time_limit(headers: &Headers, module: Option<Duration>, offset: Duration) -> Result<Duration, String> {
    let allowed = match headers.get(SCRAPE_TIMEOUT).map(|value| std::str::from_utf8(value).map(str::parse::<f64>)) {
        None => LONGEST,
        Some(Ok(Ok(0.0))) => LONGEST,
        Some(Ok(Ok(seconds))) if seconds > 0.0 && seconds <= 86_400.0 => Duration::from_secs_f64(seconds),
        Some(_) => return Err(format!("{SCRAPE_TIMEOUT} is not a number of seconds")),
    };
    let left = allowed.saturating_sub(offset);
    Ok(match module {
        Some(own) if own < left || left.is_zero() => own,
        // An offset as long as the time itself leaves nothing: then all of it is used.
        _ if left.is_zero() => allowed,
        _ => left,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_read_once_each() {
        let query =
            Query::read("target=http%3A%2F%2Fa%2F%3Fb%3Dc&module=m&other=1&debug=true&hostname=h").expect("a query");
        assert_eq!((query.target.as_str(), query.module.as_str()), ("http://a/?b=c", "m"));
        assert_eq!((query.hostname.as_deref(), query.debug), (Some("h"), true));
        assert_eq!(Query::read("target=a&module=").expect("a query").module, "http_2xx");
        let long = format!("target={}", "a".repeat(3_000));
        for bad in [
            "",
            "module=m",
            "target=",
            "target=a&target=b",
            "target=a&module=m&module=m",
            &long,
            "target=a&hostname=a%20b",
        ] {
            assert!(Query::read(bad).is_err(), "{bad}");
        }
    }
}
