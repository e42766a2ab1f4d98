//! `--allow-target`: whom the exporter may be used against.
//!
//! A pattern is an address, a network (`10.0.0.0/8`), a host with or without a port and with `*` for any part
//! (`*.example.org`, `db:8080`), or a whole URL with `*` (`https://example.org/health*`). A destination is allowed when
//! its URL or its host matches a pattern, or its address does. It is asked for the target, for each hop of a redirect,
//! and for each address that a name turns out to have. Without a pattern everything is allowed.

use std::net::IpAddr;

use oneloop_http::Network;
use url::{Host, Url};

/// All patterns.
#[derive(Debug, Clone, Default)]
pub(crate) struct Allowed(Vec<Pattern>);

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Pattern {
    Network(Network),
    /// A host and, if one was given, a port.
    Host(String, Option<u16>),
    Url(String),
}

impl Pattern {
    /// Reads one pattern.
    pub(crate) fn parse(text: &str) -> Result<Pattern, String> {
        let wrong = || "not a pattern: write *.example.org, host:8080, 10.0.0.0/8 or https://example.org/*".to_owned();
        if text.is_empty() || text.contains(char::is_whitespace) {
            return Err(wrong());
        }
        if text.contains("://") {
            return Ok(Pattern::Url(text.to_owned()));
        }
        if let Some(network) = Network::parse(text) {
            return Ok(Pattern::Network(network));
        }
        if text.contains('/') {
            return Err(wrong());
        }
        match text.rsplit_once(':') {
            Some((host, port)) => {
                let port = port.parse().map_err(|_| wrong())?;
                Ok(Pattern::Host(host.trim_matches(['[', ']']).to_ascii_lowercase(), Some(port)))
            }
            None => Ok(Pattern::Host(text.to_ascii_lowercase(), None)),
        }
    }

    fn covers(&self, address: IpAddr) -> bool {
        matches!(self, Pattern::Network(network) if network.contains(address))
    }

    fn names(&self, url: &Url) -> bool {
        match self {
            Pattern::Network(..) => match url.host() {
                Some(Host::Ipv4(address)) => self.covers(address.into()),
                Some(Host::Ipv6(address)) => self.covers(address.into()),
                _ => false,
            },
            Pattern::Host(pattern, port) => {
                let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']).trim_end_matches('.');
                let port_fits = port.is_none_or(|port| url.port_or_known_default() == Some(port));
                port_fits && glob(pattern, host)
            }
            Pattern::Url(pattern) => {
                let mut plain = url.clone();
                // Credentials are no part of where a URL leads.
                let _ = plain.set_username("");
                let _ = plain.set_password(None);
                glob(pattern, plain.as_str())
            }
        }
    }
}

impl Allowed {
    pub(crate) fn new(patterns: Vec<Pattern>) -> Allowed {
        Allowed(patterns)
    }

    pub(crate) fn is_everything(&self) -> bool {
        self.0.is_empty()
    }

    /// May `url` be asked, as far as that can be said before its name is resolved?
    pub(crate) fn may_ask(&self, url: &Url) -> bool {
        let networks = self.0.iter().any(|pattern| matches!(pattern, Pattern::Network(..)));
        let is_name = matches!(url.host(), Some(Host::Domain(_)));
        self.names(url) || (networks && is_name)
    }

    /// May `url` be asked at this address of its host?
    pub(crate) fn may_connect(&self, url: &Url, address: IpAddr) -> bool {
        self.names(url) || self.0.iter().any(|pattern| pattern.covers(address))
    }

    /// Whether a pattern matches the URL or its host, whatever its address.
    pub(super) fn names(&self, url: &Url) -> bool {
        self.0.is_empty() || self.0.iter().any(|pattern| pattern.names(url))
    }
}

/// Does `text` match `pattern`, in which `*` stands for any characters, none included?
fn glob(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let Some(mut rest) = parts.next().and_then(|first| text.strip_prefix(first)) else { return false };
    let mut parts = parts.peekable();
    if parts.peek().is_none() {
        return rest.is_empty();
    }
    while let Some(part) = parts.next() {
        if parts.peek().is_none() {
            return rest.ends_with(part);
        }
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allowed(patterns: &[&str]) -> Allowed {
        Allowed::new(patterns.iter().map(|text| Pattern::parse(text).expect(text)).collect())
    }

    #[test]
    fn hosts_ports_networks_and_urls() {
        let url = |text: &str| Url::parse(text).expect(text);
        for (pattern, good, bad) in [
            ("example.org", "https://example.org:8443/x", "http://example.org.evil/"),
            ("*.example.org", "http://a.b.example.org/", "http://example.org/"),
            ("db:8080", "http://DB:8080/", "http://db/"),
            ("10.0.0.0/8", "http://10.200.0.1/", "http://11.0.0.1/"),
            ("127.0.0.1", "http://127.1/", "http://127.0.0.2/"),
            ("::1", "http://[::1]:80/", "http://[::2]/"),
            ("https://example.org/health*", "https://me:pw@example.org/healthz?a", "https://example.org/admin"),
            ("*", "http://anything/", "file:///etc/passwd/x"),
        ] {
            let allowed = allowed(&[pattern]);
            assert!(allowed.may_ask(&url(good)), "{pattern} {good}");
            assert!(pattern == "*" || !allowed.may_ask(&url(bad)), "{pattern} {bad}");
        }
        assert!(allowed(&[]).may_ask(&url("http://anything/")));
        for text in ["", "a b", "10.0.0.0/33", "::ffff:10.0.0.0/95", "a/8", "a:b"] {
            assert!(Pattern::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_name_is_judged_by_itself_or_by_its_address() {
        let (name, inside, outside) = (Url::parse("http://name/").expect("a URL"), "10.1.1.1", "192.0.2.1");
        let address = |text: &str| text.parse::<IpAddr>().expect("an address");
        let networks = allowed(&["10.0.0.0/8"]);
        assert!(networks.may_ask(&name), "nobody knows its address yet");
        assert!(networks.may_connect(&name, address(inside)) && !networks.may_connect(&name, address(outside)));
        assert!(networks.may_connect(&name, address("::ffff:10.1.1.1")));
        let mapped = allowed(&["::ffff:10.0.0.0/104"]);
        assert!(mapped.may_connect(&name, address(inside)) && !mapped.may_connect(&name, address(outside)));
        let names = allowed(&["name"]);
        assert!(names.may_connect(&name, address(outside)));
        assert!(!names.may_ask(&Url::parse("http://other/").expect("a URL")));
    }
}
