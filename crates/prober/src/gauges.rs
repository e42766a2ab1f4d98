//! A probe's outcome as the metrics of blackbox_exporter's HTTP prober: the same names, labels and meanings.
//!
//! What goes beyond blackbox_exporter is declared in docs/exporter.md: `probe_failure_info`, and the two metrics of the
//! chain that are there although its verification failed. Neighbours: `serve` prints them for a scrape, `report::prom`
//! with the URL as a label for a run.

use std::hash::Hasher;
use std::net::IpAddr;
use std::time::Duration;

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use oneloop_http::{Hop, Phase};

use crate::expect;
use crate::exposition::{Family, Sample};
use crate::report::Outcome;
use crate::report::certificate::{Certificate, Leaf};

static SUCCESS: Family = Family::gauge("probe_success", "1 if the probe passed, 0 if it failed.");
static DURATION: Family = Family::gauge("probe_duration_seconds", "How long the whole probe took.");
static DNS: Family = Family::gauge("probe_dns_lookup_time_seconds", "How long it took to resolve the target's name.");
static IP_PROTOCOL: Family = Family::gauge("probe_ip_protocol", "4 or 6: the version of IP that was used.");
static IP_HASH: Family =
    Family::gauge("probe_ip_addr_hash", "A hash of the address that was probed; it changes when the address does.");
static PHASES: Family = Family::gauge("probe_http_duration_seconds", "The time of each phase, summed over redirects.");
static STATUS: Family = Family::gauge("probe_http_status_code", "The status of the last response, 0 without one.");
static CONTENT_LENGTH: Family = Family::gauge(
    "probe_http_content_length",
    "The length that the last response announced, -1 where it announced none.",
);
static BODY_LENGTH: Family = Family::gauge("probe_http_uncompressed_body_length", "Bytes of the last body, decoded.");
static REDIRECTS: Family = Family::gauge("probe_http_redirects", "How many redirects there were.");
static SSL: Family = Family::gauge("probe_http_ssl", "1 if the last response came over TLS.");
static VERSION: Family = Family::gauge("probe_http_version", "The version of HTTP of the last response.");
static REGEX: Family = Family::gauge("probe_failed_due_to_regex", "1 if a regular expression is why the probe failed.");
static LAST_MODIFIED: Family = Family::gauge(
    "probe_http_last_modified_timestamp_seconds",
    "The Last-Modified of the last response, in Unix time.",
);
static EARLIEST: Family =
    Family::gauge("probe_ssl_earliest_cert_expiry", "When the first certificate of the chain expires, in Unix time.");
static LAST_CHAIN: Family = Family::gauge(
    "probe_ssl_last_chain_expiry_timestamp_seconds",
    "When the chain that was verified expires, in Unix time.",
);
static CHAIN_INFO: Family = Family::gauge("probe_ssl_last_chain_info", "What the server's own certificate says.");
static TLS_VERSION: Family = Family::gauge("probe_tls_version_info", "The version of TLS that was agreed on.");
static TLS_CIPHER: Family = Family::gauge("probe_tls_cipher_info", "The cipher suite that was agreed on.");
static FAILURE: Family =
    Family::gauge("probe_failure_info", "Why the probe failed: prober's kind of error, and the phase.");

/// Unix time of the year 1, which is how Go says that there is no time: no chain was verified.
const GO_ZERO_TIME: f64 = -62_135_596_800.0;

/// All samples of one probe, which took `duration` in all.
pub(crate) fn samples(outcome: &Outcome, duration: Duration) -> Vec<Sample> {
    let mut samples = vec![
        Sample::new(&SUCCESS, f64::from(u8::from(outcome.failure.is_none()))),
        Sample::new(&DURATION, duration.as_secs_f64()),
    ];
    if let Some(first) = outcome.hops.first() {
        samples.extend(address(first));
    }
    samples.extend(http(outcome));
    if let Some(hop) = outcome.hops.last() {
        samples.extend(tls(hop));
    }
    if let Some(failure) = &outcome.failure {
        let info = Sample::new(&FAILURE, 1.0).label("kind", failure.kind.as_str());
        samples.push(info.label("phase", failure.phase.map_or("", Phase::as_str)));
    }
    samples
}

fn address(hop: &Hop) -> [Sample; 3] {
    let address = hop.remote.map(|remote| remote.ip()).or_else(|| hop.addresses.first().copied());
    let protocol = match address {
        Some(IpAddr::V4(_)) => 4.0,
        Some(IpAddr::V6(_)) => 6.0,
        None => 0.0,
    };
    let lookup = hop.clock.phase(Phase::Resolve).unwrap_or_default();
    [
        Sample::new(&DNS, lookup.as_secs_f64()),
        Sample::new(&IP_PROTOCOL, protocol),
        Sample::new(&IP_HASH, address.map_or(0.0, |address| f64::from(hash(address)))),
    ]
}

/// FNV-1a of the address's bytes, 32 bits wide.
fn hash(address: IpAddr) -> u32 {
    struct Fnv(u32);
    impl Hasher for Fnv {
        fn write(&mut self, bytes: &[u8]) {
            for byte in bytes {
                self.0 = (self.0 ^ u32::from(*byte)).wrapping_mul(0x0100_0193);
            }
        }
        fn finish(&self) -> u64 {
            self.0.into()
        }
    }
    let mut hasher = Fnv(0x811c_9dc5);
    match address {
        IpAddr::V4(address) => hasher.write(&address.octets()),
        IpAddr::V6(address) => hasher.write(&address.octets()),
    }
    hasher.0
}

fn http(outcome: &Outcome) -> Vec<Sample> {
    let seconds = |phase| outcome.phase(phase).unwrap_or_default().as_secs_f64();
    let phases = [
        ("connect", seconds(Phase::Connect)),
        ("processing", seconds(Phase::Send) + seconds(Phase::Wait)),
        ("resolve", seconds(Phase::Resolve)),
        ("tls", seconds(Phase::Tls)),
        ("transfer", seconds(Phase::Transfer)),
    ];
    // As in blackbox_exporter: a name without an address has but the one phase, and what is no URL has none.
    let reached = match outcome.hops.first() {
        None => 0..0,
        Some(hop) if hop.clock.phase(Phase::Connect).is_none() => 2..3,
        Some(_) => 0..phases.len(),
    };
    let mut samples: Vec<_> = phases
        .into_iter()
        .enumerate()
        .filter(|(nth, _)| reached.contains(nth))
        .map(|(_, phase)| phase)
        .map(|(phase, time)| Sample::new(&PHASES, time).label("phase", phase))
        .collect();
    let last = outcome.hops.last();
    let answered = last.filter(|hop| hop.head.is_some());
    let is_redirect = answered.is_some_and(|hop| hop.redirect_url.is_some());
    // blackbox_exporter counts the redirect that it does not follow, and does not read its body.
    let redirects = outcome.hops.len().saturating_sub(1) + usize::from(is_redirect);
    let regex = outcome.failure.as_ref().is_some_and(expect::is_of_a_regex);
    let version = answered.and_then(crate::report::jsonl::version).and_then(|version| version.parse().ok());
    samples.extend([
        Sample::new(&CONTENT_LENGTH, answered.map_or(0.0, content_length)),
        Sample::new(
            &BODY_LENGTH,
            answered.filter(|_| !is_redirect).map_or(0.0, |hop| hop.decoded_bytes.unwrap_or(hop.body_bytes) as f64),
        ),
        Sample::new(&REDIRECTS, redirects as f64),
        Sample::new(&SSL, f64::from(u8::from(answered.is_some_and(|hop| hop.tls.is_some())))),
        Sample::new(
            &STATUS,
            answered.and_then(|hop| hop.head.as_ref()).map_or(0.0, |head| head.status.as_u16().into()),
        ),
        Sample::new(&VERSION, version.unwrap_or(0.0)),
        Sample::new(&REGEX, f64::from(u8::from(regex))),
    ]);
    let modified = answered.and_then(|hop| hop.head.as_ref()?.headers.get("last-modified"));
    let modified = modified.and_then(|value| std::str::from_utf8(value).ok());
    if let Some(at) = modified.and_then(http_date) {
        samples.push(Sample::new(&LAST_MODIFIED, at.as_second() as f64));
    }
    samples
}

/// A moment in one of the three forms that HTTP has had for it (RFC 9110, section 5.6.7). The day of the week is not held
/// against it, as Go's `http.ParseTime` doesn't.
fn http_date(text: &str) -> Option<Timestamp> {
    let (weekday, rest) = text.split_once(' ')?;
    let forms: &[&str] = match weekday.strip_suffix(',') {
        Some(_) => &["%d %b %Y %H:%M:%S GMT", "%d-%b-%y %H:%M:%S GMT"],
        None => &["%b %e %H:%M:%S %Y"],
    };
    let moment = forms.iter().find_map(|form| DateTime::strptime(form, rest).ok())?;
    moment.to_zoned(TimeZone::UTC).ok().map(|moment| moment.timestamp())
}

/// The length that a response announced: -1 for none, 0 where the status allows no body.
fn content_length(hop: &Hop) -> f64 {
    let Some(head) = &hop.head else { return 0.0 };
    if matches!(head.status.as_u16(), 100..=199 | 204 | 304) && hop.method != http::Method::HEAD {
        return 0.0;
    }
    if head.headers.contains("transfer-encoding") {
        return -1.0;
    }
    let length = head.headers.get("content-length").and_then(|value| std::str::from_utf8(value).ok());
    length.and_then(|value| value.trim().parse().ok()).unwrap_or(-1.0)
}

fn tls(hop: &Hop) -> Vec<Sample> {
    let Some(tls) = hop.tls.as_ref().filter(|tls| !tls.chain.is_empty()) else { return Vec::new() };
    let mut samples = Vec::new();
    let ends = tls.chain.iter().filter_map(|der| Certificate::read(der).not_after);
    let earliest = ends.min().map(Timestamp::as_second);
    samples.extend(earliest.map(|end| Sample::new(&EARLIEST, end as f64)));
    if hop.head.is_some() {
        let end = earliest.filter(|_| tls.verified).map_or(GO_ZERO_TIME, |end| end as f64);
        samples.push(Sample::new(&LAST_CHAIN, end));
    }
    if let Some(leaf) = tls.chain.first().and_then(|der| Leaf::read(der)) {
        samples.push(
            Sample::new(&CHAIN_INFO, 1.0)
                .label("fingerprint_sha256", leaf.sha256)
                .label("issuer", leaf.issuer)
                .label("serialnumber", leaf.serial)
                .label("subject", leaf.subject)
                .label("subjectalternative", leaf.names),
        );
    }
    if hop.head.is_some() {
        let version = match tls.version {
            Some("TLSv1.3") => "TLS 1.3",
            Some("TLSv1.2") => "TLS 1.2",
            _ => "unknown",
        };
        samples.push(Sample::new(&TLS_VERSION, 1.0).label("version", version));
        samples.push(Sample::new(&TLS_CIPHER, 1.0).label("cipher", tls.cipher.unwrap_or("unknown")));
    }
    samples
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_have_three_forms() {
        for text in [
            "Sun, 06 Nov 1994 08:49:37 GMT",
            "Sunday, 06-Nov-94 08:49:37 GMT",
            "Sun Nov  6 08:49:37 1994",
            "Mon Nov 16 08:49:37 1994",
        ] {
            let days = if text.contains("16") { 10 } else { 0 }; // no Monday, and read all the same
            let at = http_date(text).map(Timestamp::as_second);
            assert_eq!(at, Some(784_111_777 + days * 86_400), "{text}");
        }
        for text in [
            "Sun, 06 Nov 1994 08:49:37 +0200",
            "Sun, 06 Nov 1994 08:49:37",
            "yesterday",
            "",
            "Sun, 31 Feb 1994 08:49:37 GMT",
        ] {
            assert_eq!(http_date(text), None, "{text}");
        }
    }

    #[test]
    fn the_hash_is_the_published_one() {
        assert_eq!(hash("127.0.0.1".parse().expect("an address")), 3_668_918_509);
        assert_eq!(hash("::".parse().expect("an address")), {
            (0..16).fold(0x811c_9dc5_u32, |hash, _| hash.wrapping_mul(0x0100_0193))
        });
    }
}
