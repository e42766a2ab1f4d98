//! One URL of the list: its place, its text, and what parsing made of it.
//!
//! Each URL is parsed once, here. A URL that cannot be probed is no error of the run: it becomes a [`Failure`] of its
//! own probe and stops nothing else.
//! Neighbours: `input` makes targets, `run` starts them, `report` prints their text.

use std::rc::Rc;

use oneloop_http::{ErrorKind, Lack, Phase};
use url::Url;

use crate::escape;

/// Why a probe failed; the report turns kind and phase into words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Failure {
    /// One of the short list of kinds.
    pub(crate) kind: ErrorKind,
    /// The finer reason, of low cardinality; may be empty.
    pub(crate) detail: String,
    /// The sentence for people.
    pub(crate) message: String,
    /// The phase in which it happened, if any had begun.
    pub(crate) phase: Option<Phase>,
}

impl Failure {
    /// What this machine has run out of, if that is why: it says nothing of the server.
    pub(crate) fn lack(&self) -> Option<Lack> {
        if self.kind == ErrorKind::Local { Lack::of_detail(&self.detail) } else { None }
    }
}

/// One URL to be probed.
#[derive(Debug, Clone)]
pub(crate) struct Target {
    /// Its place among all URLs of this run, from 0.
    pub(crate) index: u64,
    /// As it was written, less its user information.
    pub(crate) text: Box<str>,
    /// What to probe, or why not.
    pub(crate) url: Result<Rc<Url>, Box<Failure>>,
}

/// Where a URL was written.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Origin<'a> {
    /// On the command line.
    Argument,
    /// In a list of this name, on this line (from 1).
    Line(&'a str, u64),
}

impl Target {
    /// What must not be shown of its own user information, which most have not.
    pub(crate) fn own_secrets(&self) -> impl Iterator<Item = String> {
        self.url.iter().flat_map(|url| escape::url_secrets(url.as_str()))
    }

    /// Parses what was written at `origin`.
    pub(crate) fn parse(index: u64, written: &[u8], origin: Origin<'_>) -> Target {
        Target::parse_near(index, written, origin, None)
    }

    /// As [`Target::parse`], after another URL of the same list: in long lists many are of one host.
    pub(crate) fn parse_near(index: u64, written: &[u8], origin: Origin<'_>, before: Option<&Url>) -> Target {
        let text = escape::bytes_as_text(written);
        let url = match std::str::from_utf8(written) {
            Ok(written) => parse_url(written, before),
            Err(_) => Err(bad_url("InvalidUtf8", "it is not UTF-8")),
        };
        let url = url.map(Rc::new).map_err(|failure| Box::new(located(failure, origin)));
        let shown =
            if url.is_ok() { escape::url_without_secrets(&text) } else { escape::bad_url_without_secrets(&text) };
        Target { index, text: shown.into(), url }
    }

    /// A target that stands for something too odd to be parsed at all.
    pub(crate) fn unusable(index: u64, text: &str, detail: &'static str, reason: &str, origin: Origin<'_>) -> Target {
        Target { index, text: text.into(), url: Err(Box::new(located(bad_url(detail, reason), origin))) }
    }
}

fn located(mut failure: Failure, origin: Origin<'_>) -> Failure {
    failure.message = match origin {
        Origin::Argument => format!("bad URL: {}", failure.message),
        Origin::Line(name, line) => format!("{name}:{line}: bad URL: {}", failure.message),
    };
    failure
}

fn bad_url(detail: &str, reason: &str) -> Failure {
    Failure { kind: ErrorKind::BadUrl, detail: detail.to_owned(), message: reason.to_owned(), phase: None }
}

/// Parses a URL as people write it: without a scheme it is `http://`, as in curl.
fn parse_url(written: &str, before: Option<&Url>) -> Result<Url, Failure> {
    if written.trim().is_empty() {
        return Err(bad_url("Empty", "it is empty"));
    }
    if written.starts_with('@') {
        return Err(bad_url("NestedList", "a list cannot name another list"));
    }
    let parsed = match scheme(written) {
        Some("http" | "https") => oneloop_http::parse_url_near(written, before),
        Some(scheme) => {
            return Err(Failure {
                kind: ErrorKind::UnsupportedScheme,
                detail: scheme.to_owned(),
                message: format!("only http and https can be probed, not {scheme}"),
                phase: None,
            });
        }
        None if starts_without_case(written, "http:") || starts_without_case(written, "https:") => {
            return Err(bad_url("MissingSlashes", "the scheme is not followed by //"));
        }
        None => oneloop_http::parse_url(&format!("http://{written}")),
    };
    // The line shows the URL already, so of the message only the reason is wanted.
    parsed.map_err(|error| bad_url(error.detail(), error.reason()))
}

/// The scheme, if `written` begins with one and `://`. The two that matter are told in any case of letters.
fn scheme(written: &str) -> Option<&str> {
    let (scheme, _) = written.split_once("://")?;
    let begins = scheme.bytes().next().is_some_and(|byte| byte.is_ascii_alphabetic());
    let goes_on = scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte));
    match scheme {
        _ if !begins || !goes_on => None,
        _ if scheme.eq_ignore_ascii_case("http") => Some("http"),
        _ if scheme.eq_ignore_ascii_case("https") => Some("https"),
        _ => Some(scheme),
    }
}

fn starts_without_case(text: &str, prefix: &str) -> bool {
    text.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(written: &str) -> String {
        match Target::parse(0, written.as_bytes(), Origin::Argument).url {
            Ok(url) => url.to_string(),
            Err(failure) => format!("{} {}", failure.kind, failure.detail),
        }
    }

    #[test]
    fn urls_as_people_write_them() {
        for (written, url) in [
            ("http://a/b?c#d", "http://a/b?c#d"),
            ("HTTPS://A:443/", "https://a/"),
            ("example.com", "http://example.com/"),
            ("example.com:8080/x", "http://example.com:8080/x"),
            ("localhost:80", "http://localhost/"),
            ("[::1]:9/", "http://[::1]:9/"),
            ("bücher.example", "http://xn--bcher-kva.example/"),
            ("host/to?u=http://x", "http://host/to?u=http://x"),
        ] {
            assert_eq!(parsed(written), url, "{written}");
        }
    }

    #[test]
    fn what_cannot_be_probed_says_why() {
        for (written, failure) in [
            ("", "bad-url Empty"),
            ("http://", "bad-url EmptyHost"),
            ("http://[::1", "bad-url InvalidIpv6Address"),
            ("http://a:99999/", "bad-url InvalidPort"),
            ("http://a:0/", "bad-url Port"),
            ("http://a b/", "bad-url Character"),
            ("http:/a", "bad-url MissingSlashes"),
            ("HTTPS:a", "bad-url MissingSlashes"),
            ("@other.txt", "bad-url NestedList"),
            ("http://a/\tb", "bad-url Character"),
            ("ftp://a/", "unsupported-scheme ftp"),
        ] {
            assert_eq!(parsed(written), failure, "{written}");
        }
    }

    #[test]
    fn the_place_is_named_and_the_password_is_not() {
        let target = Target::parse(7, b"http://me:pw@a b/", Origin::Line("list.txt", 3));
        assert_eq!(&*target.text, "http://<secret>@a b/");
        let failure = target.url.expect_err("a space in a host");
        assert!(failure.message.starts_with("list.txt:3: bad URL: "), "{}", failure.message);
        assert!(!failure.message.contains("pw"));
        assert_eq!(&*Target::parse(0, b"http://caf\xe9/", Origin::Argument).text, "http://caf\\xe9/");
    }
}
