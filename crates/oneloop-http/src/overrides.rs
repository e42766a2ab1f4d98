//! Going somewhere else than the URL says: addresses for a name (`--resolve`), another endpoint (`--connect-to`).
//!
//! Both change only where the connection leads: Host, SNI and the certificate's check stay with the URL. The texts are
//! curl's. Neighbours: the [builder](crate::SessionBuilder) collects them, the connector asks them.

use std::net::IpAddr;
use std::str::FromStr;

use url::Host;

use crate::error::{Error, ErrorKind, Result};

/// Addresses to use for a host and port instead of resolving it: curl's `--resolve HOST:PORT:ADDR[,ADDR]...`.
///
/// `HOST` may be `*` for every host; IPv6 addresses may have brackets. A leading `+`, by which curl lets an entry age,
/// is accepted and means nothing: an entry holds for the session.
///
/// ```
/// use oneloop_http::ResolveOverride;
/// assert!("example.org:443:192.0.2.7,[2001:db8::7]".parse::<ResolveOverride>().is_ok());
/// assert!("example.org:443:elsewhere".parse::<ResolveOverride>().is_err());
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResolveOverride {
    /// `None`: any.
    host: Option<Host>,
    port: u16,
    addresses: Vec<IpAddr>,
}

impl ResolveOverride {
    /// These addresses for `host` (as in a URL: IPv6 in brackets) at `port`.
    pub fn new(host: &str, port: u16, addresses: Vec<IpAddr>) -> Result<ResolveOverride> {
        Ok(ResolveOverride { host: Some(parse_host(host)?), port, addresses })
    }

    /// The addresses, if this is about `host` and `port`.
    pub(crate) fn addresses(&self, host: &Host<&str>, port: u16) -> Option<&[IpAddr]> {
        let matches = self.port == port && self.host.as_ref().is_none_or(|own| same(own, host));
        matches.then_some(&self.addresses)
    }

    /// Whether it names its host, and so goes before one for all.
    pub(crate) fn is_specific(&self) -> bool {
        self.host.is_some()
    }
}

impl FromStr for ResolveOverride {
    type Err = Error;

    fn from_str(text: &str) -> Result<ResolveOverride> {
        let bad = |why: &str| malformed("--resolve", "HOST:PORT:ADDR[,ADDR]...", text, why);
        let rest = text.strip_prefix('+').unwrap_or(text);
        let (host, rest) = split_host(rest).ok_or_else(|| bad("the host is not followed by a port"))?;
        let (port, list) = rest.split_once(':').ok_or_else(|| bad("the port is not followed by an address"))?;
        let host = match host {
            "*" => None,
            host => Some(parse_host(host).map_err(|error| bad(error.message()))?),
        };
        let port = parse_port(port).ok_or_else(|| bad("the port is not a number from 1 to 65535"))?;
        let addresses = list
            .split(',')
            .map(|address| unbracketed(address.trim()).parse())
            .collect::<Result<Vec<IpAddr>, _>>()
            .map_err(|_| bad("what follows the port is not a list of addresses"))?;
        Ok(ResolveOverride { host, port, addresses })
    }
}

/// Connect to another host and port than the URL's: curl's `--connect-to HOST1:PORT1:HOST2:PORT2`.
///
/// An empty `HOST1` or `PORT1` matches all, an empty `HOST2` or `PORT2` keeps the URL's.
///
/// ```
/// use oneloop_http::ConnectTo;
/// assert!("example.org:443:backend-3.example.net:8443".parse::<ConnectTo>().is_ok());
/// assert!("::[::1]:8080".parse::<ConnectTo>().is_ok());
/// assert!("example.org:443".parse::<ConnectTo>().is_err());
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConnectTo {
    from: (Option<Host>, Option<u16>),
    to: (Option<Host>, Option<u16>),
}

impl ConnectTo {
    /// Whether this is about `host` and `port`.
    pub(crate) fn matches(&self, host: &Host<&str>, port: u16) -> bool {
        self.from.0.as_ref().is_none_or(|own| same(own, host)) && self.from.1.is_none_or(|own| own == port)
    }

    /// Where to connect instead of `host` and `port`.
    pub(crate) fn target<'a>(&'a self, host: Host<&'a str>, port: u16) -> (Host<&'a str>, u16) {
        (self.to.0.as_ref().map_or(host, borrowed), self.to.1.unwrap_or(port))
    }
}

impl FromStr for ConnectTo {
    type Err = Error;

    fn from_str(text: &str) -> Result<ConnectTo> {
        let bad = |why: &str| malformed("--connect-to", "HOST1:PORT1:HOST2:PORT2", text, why);
        let parts = split_host(text).and_then(|(host, rest)| {
            let (port, rest) = rest.split_once(':')?;
            let (to_host, to_port) = split_host(rest)?;
            Some([host, port, to_host, to_port])
        });
        let [host, port, to_host, to_port] = parts.ok_or_else(|| bad("expected four parts (each may be empty)"))?;
        let host_of = |text: &str| match text {
            "" => Ok(None),
            text => parse_host(text).map(Some).map_err(|error| bad(error.message())),
        };
        let port_of = |text: &str| match text {
            "" => Ok(None),
            text => parse_port(text).map(Some).ok_or_else(|| bad("a port is a number from 1 to 65535")),
        };
        Ok(ConnectTo { from: (host_of(host)?, port_of(port)?), to: (host_of(to_host)?, port_of(to_port)?) })
    }
}

/// `host:rest`, where the host may be an IPv6 address in brackets.
fn split_host(text: &str) -> Option<(&str, &str)> {
    if text.starts_with('[') {
        let end = text.find(']')? + 1;
        let rest = text.get(end..)?.strip_prefix(':')?;
        return Some((text.get(..end)?, rest));
    }
    text.split_once(':')
}

/// A host in the form that URLs have theirs in: lower case, A-labels, no trailing dot.
pub(crate) fn parse_host(text: &str) -> Result<Host> {
    let bare = text.strip_suffix('.').unwrap_or(text);
    Host::parse(bare)
        .map_err(|error| Error::new(ErrorKind::BadUrl, format!("{text:?} is not a host: {error}")).with_detail("Host"))
}

pub(crate) fn parse_port(text: &str) -> Option<u16> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|port| digits && *port != 0)
}

fn unbracketed(text: &str) -> &str {
    text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text)
}

fn same(own: &Host, other: &Host<&str>) -> bool {
    match (own, other) {
        (Host::Domain(own), Host::Domain(other)) => own == other.strip_suffix('.').unwrap_or(other),
        (Host::Ipv4(own), Host::Ipv4(other)) => own == other,
        (Host::Ipv6(own), Host::Ipv6(other)) => own == other,
        _ => false,
    }
}

pub(crate) fn borrowed(host: &Host) -> Host<&str> {
    match host {
        Host::Domain(name) => Host::Domain(name),
        Host::Ipv4(address) => Host::Ipv4(*address),
        Host::Ipv6(address) => Host::Ipv6(*address),
    }
}

fn malformed(option: &str, form: &str, text: &str, why: &str) -> Error {
    let message = format!("{text:?} cannot be used for {option} (expected {form}): {why}");
    Error::new(ErrorKind::BadUrl, message).with_detail("Override")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolve(text: &str, host: &str, port: u16) -> Option<String> {
        let parsed: ResolveOverride = text.parse().unwrap();
        let host = Host::parse(host).unwrap();
        Some(format!("{:?}", parsed.addresses(&borrowed(&host), port)?))
    }

    #[test]
    fn resolve_is_read_as_curl_reads_it() {
        assert_eq!(resolve("Example.ORG:80:192.0.2.1", "example.org", 80).unwrap(), "[192.0.2.1]");
        assert_eq!(resolve("example.org.:80:192.0.2.1", "example.org.", 80).unwrap(), "[192.0.2.1]");
        assert_eq!(resolve("+a:80:[::1], 192.0.2.1", "a", 80).unwrap(), "[::1, 192.0.2.1]");
        assert_eq!(resolve("*:443:::1", "anything.example", 443).unwrap(), "[::1]");
        assert_eq!(resolve("[::2]:443:::1", "[::2]", 443).unwrap(), "[::1]");
        assert_eq!(resolve("bücher.example:80:192.0.2.1", "xn--bcher-kva.example", 80).unwrap(), "[192.0.2.1]");
        assert_eq!(resolve("example.org:80:192.0.2.1", "example.org", 81), None);
        assert_eq!(resolve("example.org:80:192.0.2.1", "www.example.org", 80), None);
        for bad in [
            "",
            "a",
            "a:80",
            "a:80:",
            "a:0:::1",
            "a:x:::1",
            "a:+80:::1",
            "-a:80",
            "a:80:b",
            "a b:80:::1",
            "[::1:80:::1",
        ] {
            assert!(bad.parse::<ResolveOverride>().is_err(), "{bad}");
        }
    }

    #[test]
    fn connect_to_is_read_as_curl_reads_it() {
        let to = |text: &str, host: &str, port| {
            let parsed: ConnectTo = text.parse().unwrap();
            let host = Host::parse(host).unwrap();
            let host = borrowed(&host);
            parsed.matches(&host, port).then(|| {
                let (host, port) = parsed.target(host, port);
                format!("{host}:{port}")
            })
        };
        assert_eq!(to("a:80:b:81", "a", 80).unwrap(), "b:81");
        assert_eq!(to("a:80:b:81", "a", 81), None);
        assert_eq!(to("a:80:b:81", "c", 80), None);
        assert_eq!(to("::b:", "a", 80).unwrap(), "b:80");
        assert_eq!(to(":::81", "a", 80).unwrap(), "a:81");
        assert_eq!(to("[::1]:80:[::2]:81", "[::1]", 80).unwrap(), "[::2]:81");
        for bad in ["", "a", "a:80", "a:80:b", "a:x:b:1", "a:1:b:0", "a:1:b c:1"] {
            assert!(bad.parse::<ConnectTo>().is_err(), "{bad}");
        }
    }
}
