//! What a response must be to pass: status, version, headers, body, TLS, days left, time.
//!
//! The first expectation that is missed is the failure: kind `status` for the status, `assertion` for all others, with
//! the finer reason as its detail. Neighbours: `spec` holds the [`Expectations`]; `probe` asks [`Expectations::judge`]
//! once a whole response has come. Counterpart: blackbox_exporter's `matchRegularExpressions` and its kin.

use std::time::Duration;

use jiff::Timestamp;
use oneloop_http::{ErrorKind, Exchange, Hop, Phase};

use crate::escape;
use crate::pattern::Pattern;
use crate::report::certificate::Certificate;
use crate::status::StatusSet;
use crate::target::Failure;

/// Everything that is expected; empty lists expect nothing.
#[derive(Debug, Clone, Default)]
pub(crate) struct Expectations {
    pub(crate) status: StatusSet,
    /// As they stand in the status line: `HTTP/1.1`. Empty for any.
    pub(crate) versions: Vec<String>,
    /// Headers whose values may not match.
    pub(crate) fail_if_header_matches: Vec<HeaderRule>,
    /// Headers one value of which must match.
    pub(crate) fail_if_header_not_matches: Vec<HeaderRule>,
    /// What the body may not match, anywhere in it.
    pub(crate) fail_if_body_matches: Vec<Pattern>,
    /// What the body must match, all of them.
    pub(crate) fail_if_body_not_matches: Vec<Pattern>,
    /// Whether the last hop must be over TLS.
    pub(crate) fail_if_not_ssl: bool,
    /// Whether it may not be.
    pub(crate) fail_if_ssl: bool,
    /// How many days the leaf certificate must be valid for, at least. Without TLS there is nothing to be judged.
    pub(crate) cert_days: Option<i64>,
    /// Bounds on times, all of which must hold.
    pub(crate) slos: Vec<Slo>,
}

/// A regular expression for the values of a header.
#[derive(Debug, Clone)]
pub(crate) struct HeaderRule {
    pub(crate) name: String,
    pub(crate) regex: Pattern,
    /// What becomes of the rule when the response is without the header.
    pub(crate) when_missing: Missing,
}

/// What becomes of a rule whose header is missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Missing {
    /// The rule is met.
    Passes,
    /// The rule is missed.
    Fails,
    /// There is nothing to match: missed where a match is wanted, met where none is.
    MatchesNothing,
}

impl HeaderRule {
    /// Reads `Name: regex`.
    pub(crate) fn parse(text: &str) -> Result<HeaderRule, String> {
        let (name, regex) = text.split_once(':').ok_or("write it 'Name: regex'")?;
        let name = name.trim();
        if name.is_empty() || !name.bytes().all(crate::cli::values::is_token) {
            return Err(format!("'{}' cannot be the name of a header", name.escape_debug()));
        }
        let regex = Pattern::parse(regex.trim()).map_err(|error| format!("not a regular expression: {error}"))?;
        Ok(HeaderRule { name: name.to_owned(), regex, when_missing: Missing::MatchesNothing })
    }

    /// Whether any value of the header matches; what else is to be said when there is none.
    fn matches(&self, hop: &Hop) -> Option<bool> {
        let mut found = None;
        for (name, value) in hop.head.iter().flat_map(|head| head.headers.iter()) {
            if name.eq_ignore_ascii_case(&self.name) {
                found = Some(found.unwrap_or(false) || self.regex.is_match(value));
            }
        }
        found
    }
}

/// A bound on a time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Slo {
    pub(crate) what: Measure,
    pub(crate) most: Duration,
}

/// A time that can have a bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Measure {
    Phase(Phase),
    Headers,
    Total,
}

impl Measure {
    fn as_str(self) -> &'static str {
        match self {
            Measure::Phase(phase) => phase.as_str(),
            Measure::Headers => "headers",
            Measure::Total => "total",
        }
    }
}

impl Slo {
    /// Reads `total=500ms`.
    pub(crate) fn parse(text: &str) -> Result<Slo, String> {
        let (name, most) = text.split_once('=').ok_or("write it total=500ms,ttfb=200ms")?;
        let what = match name.trim() {
            "total" => Measure::Total,
            "headers" | "ttfb" => Measure::Headers,
            name => match Phase::ALL.iter().find(|phase| phase.as_str() == name) {
                Some(phase) => Measure::Phase(*phase),
                None => {
                    return Err(format!(
                        "'{}' has no time: resolve, connect, tls, send, wait, transfer, headers (= ttfb) and total have",
                        name.escape_debug()
                    ));
                }
            },
        };
        Ok(Slo { what, most: crate::cli::values::duration(most.trim())? })
    }
}

/// The finer reasons for a failure that are of regular expressions.
const OF_A_REGEX: [&str; 5] = ["HeaderMatches", "HeaderNotMatches", "HeaderMissing", "BodyMatches", "BodyNotMatches"];

/// Whether a regular expression is why the probe failed: one that has matched, or that has found nothing to match.
pub(crate) fn is_of_a_regex(failure: &Failure) -> bool {
    failure.kind == ErrorKind::Assertion && OF_A_REGEX.contains(&failure.detail.as_str())
}

impl Expectations {
    /// Must the body be kept until its end?
    pub(crate) fn wants_body(&self) -> bool {
        !self.fail_if_body_matches.is_empty() || !self.fail_if_body_not_matches.is_empty()
    }

    /// Why the response that `exchange` ended with does not pass; `None` when it does. `follows` says whether redirects
    /// are followed: a redirect fails with another sentence where they are not.
    pub(crate) fn judge(&self, exchange: &Exchange, body: &[u8], follows: bool) -> Option<Failure> {
        let hops = exchange.hops();
        let last = hops.last()?;
        if !last.status().is_some_and(|status| self.status.contains(status.as_u16())) {
            let mut failure = self.unexpected_status(last, follows);
            // Who asks for the certificate's days wants to hear of them whatever the page says.
            if let Some(days) = self.judge_days(last) {
                failure.message.push_str(&format!("; {}", days.message));
            }
            return Some(failure);
        }
        self.judge_head(last)
            .or_else(|| self.judge_body(body))
            .or_else(|| self.judge_tls(last))
            .or_else(|| self.slos.iter().find_map(|slo| slo.judge(&hops)))
    }

    fn judge_head(&self, hop: &Hop) -> Option<Failure> {
        if !self.versions.is_empty() {
            let version = hop.head.as_ref().map(|head| format!("{:?}", head.version)).unwrap_or_default();
            if !self.versions.contains(&version) {
                return missed("HttpVersion", format!("{version}: expected {}", self.versions.join(" or ")));
            }
        }
        for rule in &self.fail_if_header_matches {
            let name = &rule.name;
            match (rule.matches(hop), rule.when_missing) {
                (Some(true), _) => {
                    return missed("HeaderMatches", format!("the header {name} matches {}", rule.regex));
                }
                (None, Missing::Fails) => return missed("HeaderMissing", format!("there is no header {name}")),
                _ => {}
            }
        }
        for rule in &self.fail_if_header_not_matches {
            let name = &rule.name;
            match (rule.matches(hop), rule.when_missing) {
                (Some(false), _) => {
                    return missed("HeaderNotMatches", format!("no header {name} matches {}", rule.regex));
                }
                (None, Missing::Fails | Missing::MatchesNothing) => {
                    return missed("HeaderMissing", format!("there is no header {name}"));
                }
                _ => {}
            }
        }
        None
    }

    fn judge_body(&self, body: &[u8]) -> Option<Failure> {
        if let Some(regex) = self.fail_if_body_matches.iter().find(|regex| regex.is_match(body)) {
            return missed("BodyMatches", format!("the body matches {regex}"));
        }
        let regex = self.fail_if_body_not_matches.iter().find(|regex| !regex.is_match(body))?;
        missed("BodyNotMatches", format!("the body does not match {regex}"))
    }

    fn judge_tls(&self, hop: &Hop) -> Option<Failure> {
        let is_ssl = hop.url.scheme() == "https";
        if self.fail_if_not_ssl && !is_ssl {
            return missed("NotSsl", "the connection was not encrypted".to_owned());
        }
        if self.fail_if_ssl && is_ssl {
            return missed("Ssl", "the connection was encrypted".to_owned());
        }
        self.judge_days(hop)
    }

    fn judge_days(&self, hop: &Hop) -> Option<Failure> {
        let (least, tls) = (self.cert_days?, hop.tls.as_ref()?);
        let left = Certificate::read(tls.chain.first()?).days_left(Timestamp::now());
        match left {
            Some(left) if left >= least => None,
            Some(left) if left < 0 => {
                missed("CertDays", format!("the certificate has expired: expected {least} days or more"))
            }
            Some(left) => {
                let days = if left == 1 { "day" } else { "days" };
                missed("CertDays", format!("the certificate has {left} {days} left: expected {least} or more"))
            }
            None => missed("CertDays", "nobody can tell when the certificate expires".to_owned()),
        }
    }

    /// The reason for a status that was not expected.
    fn unexpected_status(&self, hop: &Hop, follows: bool) -> Failure {
        let status = hop.status().map_or(0, |status| status.as_u16());
        let reason = hop.head.as_ref().map(|head| escape::bytes_as_text(head.reason()).into_owned());
        let named = match reason.filter(|reason| !reason.is_empty()) {
            Some(reason) => format!("{status} {reason}"),
            None => status.to_string(),
        };
        let message = match &hop.redirect_url {
            Some(to) if !follows => {
                format!("{named}: redirects to {} (-L follows)", escape::url_without_secrets(to.as_str()))
            }
            _ => format!("{named}: expected {}", self.status),
        };
        Failure { kind: ErrorKind::Status, detail: status.to_string(), message, phase: None }
    }
}

impl Slo {
    fn judge(&self, hops: &[Hop]) -> Option<Failure> {
        let took = match self.what {
            Measure::Total => Some(Hop::total_of(hops)),
            Measure::Headers => Hop::headers_of(hops),
            Measure::Phase(phase) => Hop::phase_of(hops, phase),
        };
        let took = took.filter(|took| *took > self.most)?;
        let (name, took, most) = (self.what.as_str(), took.as_secs_f64() * 1e3, self.most.as_secs_f64() * 1e3);
        let mut failure = missed("Slo", format!("{name} took {took:.2} ms: expected {most} ms at most"))?;
        if let Measure::Phase(phase) = self.what {
            failure.phase = Some(phase);
        }
        Some(failure)
    }
}

fn missed(detail: &str, message: String) -> Option<Failure> {
    Some(Failure { kind: ErrorKind::Assertion, detail: detail.to_owned(), message, phase: None })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_name_a_phase_or_a_sum() {
        let slo = |text| Slo::parse(text).map(|slo| (slo.what, slo.most.as_millis()));
        assert_eq!(slo("total=500ms"), Ok((Measure::Total, 500)));
        assert_eq!(slo("ttfb=0.2"), Ok((Measure::Headers, 200)));
        assert_eq!(slo("tls = 1s"), Ok((Measure::Phase(Phase::Tls), 1_000)));
        for text in ["total", "dns=1s", "total=0", "total=1h", "=1s"] {
            assert!(slo(text).is_err(), "{text}");
        }
    }

    #[test]
    fn header_rules_have_a_name_and_an_expression() {
        let rule = HeaderRule::parse("Server: ^nginx/1[.]").expect("a rule");
        assert_eq!((rule.name.as_str(), rule.regex.to_string().as_str()), ("Server", "^nginx/1[.]"));
        for text in ["Server", ": x", "Server: (", "a b: x"] {
            assert!(HeaderRule::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn the_body_is_judged_by_every_expression() {
        let regex = |text| vec![Pattern::parse(text).expect("an expression")];
        let detail = |expectations: Expectations| expectations.judge_body(b"all is well").map(|failure| failure.detail);
        assert_eq!(detail(Expectations { fail_if_body_matches: regex("error"), ..Expectations::default() }), None);
        let matches = Expectations { fail_if_body_matches: regex("is"), ..Expectations::default() };
        assert_eq!(detail(matches).as_deref(), Some("BodyMatches"));
        let not_matches = Expectations { fail_if_body_not_matches: regex("^is"), ..Expectations::default() };
        assert_eq!(detail(not_matches).as_deref(), Some("BodyNotMatches"));
    }
}
