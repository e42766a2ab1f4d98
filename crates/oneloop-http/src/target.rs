//! URLs that may be requested: what is accepted, and what is refused before anything is resolved or sent.
//!
//! The `url` crate parses as browsers do and forgives much: it drops line breaks, takes `\` for `/` and `http:host`
//! for `http://host`. A tool that reads lists of URLs should not guess where a request will go, so those are refused
//! here. What is left names one host without doubt, and nothing in it can add to the request.

use base64::prelude::{BASE64_STANDARD, Engine as _};
use percent_encoding::percent_decode_str;
use url::{Host, Position, Url};

use crate::error::{Error, ErrorKind, Result};

/// Parses and checks a URL for a request: absolute, http or https, with a host and a usable port.
///
/// Errors are of kind `bad-url` or `unsupported-scheme`.
///
/// ```
/// assert!(oneloop_http::parse_url("http://[::1]:8080/a?b").is_ok());
/// assert_eq!(oneloop_http::parse_url("ftp://example.org/").unwrap_err().kind().as_str(), "unsupported-scheme");
/// assert_eq!(oneloop_http::parse_url("http://example.org:0/").unwrap_err().kind().as_str(), "bad-url");
/// ```
pub fn parse_url(text: &str) -> Result<Url> {
    parse_url_near(text, None)
}

/// As [`parse_url`], with a URL that came before it in a list. Where both begin with the same origin, which is common,
/// that part is taken from there: a host is more than half of the work. What comes out is the same.
///
/// ```
/// use oneloop_http::{parse_url, parse_url_near};
/// let first = parse_url("https://example.org/a")?;
/// assert_eq!(parse_url_near("https://example.org/b?c", Some(&first))?, parse_url("https://example.org/b?c")?);
/// # Ok::<(), oneloop_http::Error>(())
/// ```
pub fn parse_url_near(text: &str, before: Option<&Url>) -> Result<Url> {
    let bad = |why: &str| {
        Error::new(ErrorKind::BadUrl, format!("{:?} is not a URL that can be requested", shown(text))).because(why)
    };
    let is_control = |byte: u8| byte.is_ascii_control() || byte == b' ';
    if text.bytes().any(is_control) || (!text.is_ascii() && text.chars().any(char::is_control)) {
        return Err(bad("it contains a space or a control character").with_detail("Character"));
    }
    let parsed = match before.and_then(|before| Some((before, path_within(text, before)?))) {
        Some((before, path)) => before.join(path),
        None => Url::parse(text),
    };
    let url = parsed.map_err(|error| bad(&error.to_string()).with_detail(format!("{error:?}")))?;
    check(&url)?;
    // The forgiveness of browsers: what stands between the scheme and the path must be `//authority`.
    let rest = text.as_bytes().get(url.scheme().len() + 1..).unwrap_or_default();
    let mut before_query = rest.iter().take_while(|byte| !matches!(byte, b'?' | b'#'));
    if !rest.starts_with(b"//") || rest.starts_with(b"///") || before_query.any(|byte| *byte == b'\\') {
        return Err(bad("expected scheme://host, with forward slashes").with_detail("Slashes"));
    }
    Ok(url)
}

/// What of `text` follows the origin of `before`, if it begins with just that and a path follows: not a port or more
/// of a name, and nothing that would be taken for another authority.
fn path_within<'a>(text: &'a str, before: &Url) -> Option<&'a str> {
    let path = text.strip_prefix(&before[..Position::BeforePath])?;
    (path.starts_with('/') && !path[1..].starts_with(['/', '\\'])).then_some(path)
}

/// The checks that a URL must pass however it was made (redirects resolve theirs by [`Url::join`]).
pub(crate) fn check(url: &Url) -> Result<()> {
    let bad = |why: &str, detail: &'static str| {
        let message = format!("{:?} is not a URL that can be requested", shown(url.as_str()));
        Err(Error::new(ErrorKind::BadUrl, message).because(why).with_detail(detail))
    };
    if !matches!(url.scheme(), "http" | "https") {
        let (scheme, shown) = (url.scheme(), shown(url.as_str()));
        // Where the user information is cut off, the scheme may go with it.
        let shown = if shown.starts_with(&format!("{scheme}:")) { shown } else { format!("{scheme}:…@{shown}") };
        let message = format!("{shown:?} has the scheme {scheme}; only http and https can be requested");
        return Err(Error::new(ErrorKind::UnsupportedScheme, message).with_detail(url.scheme().to_owned()));
    }
    match url.host() {
        None => return bad("it has no host", "EmptyHost"),
        Some(Host::Domain(name)) => {
            let name = name.strip_suffix('.').unwrap_or(name);
            if name.is_empty() || name.split('.').any(str::is_empty) {
                return bad("its host has an empty label", "EmptyHost");
            }
        }
        Some(_) => {}
    }
    if url.port() == Some(0) {
        return bad("port 0 cannot be connected to", "Port");
    }
    Ok(())
}

/// A URL, parsed or not, for a message: without its user information, which may hold a password, and only its start.
pub(crate) fn shown(text: &str) -> String {
    let start = text.find("://").map_or(0, |at| at + 3);
    let end = text[start..].find(['/', '?', '#', '\\']).map_or(text.len(), |at| start + at);
    let (scheme, rest) = match text[start..end].rfind('@') {
        Some(at) => (&text[..start], &text[start + at + 1..]),
        None => ("", text),
    };
    let mut short: String = scheme.chars().chain(rest.chars()).take(200).collect();
    if short.len() < scheme.len() + rest.len() {
        short.push('…');
    }
    short
}

/// `Authorization: Basic …` from the userinfo of a URL, if it has some (aiohttp and curl do the same).
pub(crate) fn basic_credentials(url: &Url) -> Option<String> {
    if url.username().is_empty() && url.password().is_none() {
        return None;
    }
    let meant = |text| percent_decode_str(text).collect::<Vec<_>>();
    Some(basic(&meant(url.username()), &meant(url.password().unwrap_or_default())))
}

/// The value of an Authorization field for the scheme Basic (RFC 7617).
pub(crate) fn basic(user: &[u8], password: &[u8]) -> String {
    format!("Basic {}", BASE64_STANDARD.encode([user, b":", password].concat()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(text: &str) -> &'static str {
        parse_url(text).map_or_else(|error| error.kind().as_str(), |_| "ok")
    }

    #[test]
    fn only_absolute_http_urls_with_a_usable_host_and_port_are_accepted() {
        for good in [
            "http://a",
            "https://a:444/b?c#d",
            "http://[::1]/",
            "http://1.2.3.4:65535",
            "http://a./",
            "http://ä.example/ö",
        ] {
            assert_eq!(kind(good), "ok", "{good}");
        }
        for bad in [
            "",
            "a",
            "/a",
            "//a/b",
            "http:",
            "http://",
            "http:a",
            "http:/a",
            "http:///a",
            "http://:80/",
            "http://a:0/",
            "http://a:65536/",
            "http://a:x/",
            "http://a b/",
            "http://a/b c",
            "http://a\r\nX: y/",
            "http://a/\n",
            "http://a\\@b/",
            "http://a\\b",
            "http://[fe80::1%25eth0]/",
            "http://a%00b/",
            "http://a<b/",
            "http://xn--zzzzzz/",
            "http://a..b/",
            "http://./",
            "http://1.2.3.256/",
            " http://a",
            "http://a%2fb/",
        ] {
            assert_eq!(kind(bad), "bad-url", "{bad:?}");
        }
        for scheme in ["ftp://a/", "file:///etc/passwd", "ws://a/", "data:x"] {
            assert_eq!(kind(scheme), "unsupported-scheme", "{scheme}");
        }
    }

    #[test]
    fn a_url_beside_another_one_is_parsed_as_it_would_be_alone() {
        let befores =
            ["http://a/x/y?z#w", "https://a:444", "http://u:p@a/", "http://[::1]/", "http://1.2.3.4/", "http://a./"];
        let rests = [
            "",
            "/",
            "/b",
            "/b/../c?d=/../#e",
            "//b",
            "///b",
            "/\\b",
            "\\b",
            "/b\\c",
            "/b?c\\d",
            "?q",
            "#f",
            ":80/",
            ":444/b",
            ".b/c",
            "@b/c",
            "/%zz/ä|`",
            "/ x",
            "/x\ny",
            "/\u{85}",
            "/@b:c",
            "/.//b",
            "/%2e%2e//b",
        ];
        for before in befores {
            let before = parse_url(before).unwrap();
            for after in befores {
                let origin = after.strip_suffix("/x/y?z#w").unwrap_or(after).trim_end_matches('/');
                for rest in rests {
                    let text = format!("{origin}{rest}");
                    let alone = parse_url(&text).map_err(|error| error.to_string());
                    let beside = parse_url_near(&text, Some(&before)).map_err(|error| error.to_string());
                    assert_eq!(beside, alone, "{text:?} after {before}");
                }
            }
        }
    }

    #[test]
    fn no_message_shows_a_password() {
        for text in [
            "http://me:hunter2@a b/",
            "http://me:hunter2@",
            "http://me:hunter2@a:0/",
            "http://me:hunter2@a..b/",
            "ftp://me:hunter2@a/",
            "me:hunter2@a/b@c",
            "mailto:hunter2@a",
        ] {
            let message = parse_url(text).unwrap_err().to_string();
            assert!(!message.contains("hunter2"), "{message}");
        }
        assert_eq!(shown("http://me:pw@a/b@c"), "http://a/b@c");
        assert_eq!(shown("http://a/b@c"), "http://a/b@c");
        assert_eq!(shown(&"é".repeat(300)).chars().count(), 201);
    }

    #[test]
    fn a_scheme_that_is_refused_is_told_with_what_it_is_the_scheme_of() {
        let message = |text| parse_url(text).unwrap_err().to_string();
        assert_eq!(
            message("mailto:me@example.org"),
            "\"mailto:…@example.org\" has the scheme mailto; only http and https can be requested"
        );
        assert_eq!(message("ftp://a/b"), "\"ftp://a/b\" has the scheme ftp; only http and https can be requested");
    }

    #[test]
    fn userinfo_becomes_basic_credentials() {
        let credentials = |text| basic_credentials(&parse_url(text).unwrap());
        assert_eq!(credentials("http://a/"), None);
        assert_eq!(credentials("http://user:pass@a/").as_deref(), Some("Basic dXNlcjpwYXNz"));
        assert_eq!(
            credentials("http://Aladdin:open%20sesame@a/").as_deref(),
            Some("Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==")
        );
        assert_eq!(credentials("http://u@a/").as_deref(), Some("Basic dTo="));
        // No escapes: a sign is no digit, and one digit is no octet. Each stays the text that it is.
        assert_eq!(credentials("http://u:%+1%1@a/"), Some(basic(b"u", b"%+1%1")));
    }

    #[test]
    fn the_reason_is_the_sentence_without_the_url() {
        for (text, reason) in [
            ("http://a/requested: b", "it contains a space or a control character"),
            ("http://a:0/", "port 0 cannot be connected to"),
            ("http:a", "expected scheme://host, with forward slashes"),
        ] {
            let error = parse_url(text).unwrap_err();
            assert_eq!(error.reason(), reason);
            assert!(error.message().ends_with(&format!(" is not a URL that can be requested: {reason}")), "{error}");
            assert_eq!(error.in_context("a list").reason(), reason);
        }
        let whole = parse_url("ftp://a/").unwrap_err();
        assert_eq!(whole.reason(), whole.message());
    }
}
