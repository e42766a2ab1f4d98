//! Host names before any server is asked: what they may look like, which are answered by rule, and
//! which full names a short one may stand for.
//!
//! Neighbours: `mod.rs` goes through [`classify`], then [`candidates`]; `message.rs` writes the names.
//! Invariant: a name that gets past [`classify`] fits into a DNS message.
//! Counterparts: `getaddrinfo` hides all of this from asyncio and .NET; RFC 6761 has the rules of
//! `localhost` and `invalid`, resolv.conf(5) those of the search list.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use simple_dns::{Label, Name};

use super::error::{ResolveError, ResolveErrorKind};

/// A name is at most 253 characters of text (255 octets on the wire), a label at most 63.
pub(super) const MAX_NAME: usize = 253;
const MAX_LABEL: usize = 63;

/// What can be said of a host from its text alone.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Host {
    /// An address, in any of the forms of the URL standard.
    Address(IpAddr),
    /// `localhost` or a name under it: loopback, whatever a server or file would say.
    Loopback,
    /// `invalid` or a name under it: does not exist, and nobody is asked.
    Invalid,
    /// A name to look up.
    Name,
}

/// Sorts a host by its text.
pub(super) fn classify(host: &str) -> Result<Host, ResolveError> {
    if let Ok(address) = host.parse::<IpAddr>() {
        return Ok(Host::Address(address));
    }
    if let Some(inner) = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        // A zone id fails here, as it should: it means something on this machine alone.
        let address = inner.parse::<Ipv6Addr>().map_err(|_| bad_name("not an IPv6 address in the brackets"))?;
        return Ok(Host::Address(address.into()));
    }
    let name = host.strip_suffix('.').unwrap_or(host);
    let last = name.rsplit('.').next().unwrap_or_default();
    if last.as_bytes().first().is_some_and(u8::is_ascii_digit) {
        // `127.1`, `0x7f000001`, `1.2.3.256`: in a URL a host that ends in a number is an IPv4
        // address or an error, never a name (https://url.spec.whatwg.org/#ends-in-a-number-checker).
        match url::Host::parse(host) {
            Ok(url::Host::Ipv4(address)) => return Ok(Host::Address(address.into())),
            Ok(_) => {}
            Err(_) => return Err(bad_name("ends in a number, but is not an IPv4 address")),
        }
    }
    check(name)?;
    if last.eq_ignore_ascii_case("localhost") {
        return Ok(Host::Loopback);
    }
    if last.eq_ignore_ascii_case("invalid") {
        return Ok(Host::Invalid);
    }
    Ok(Host::Name)
}

/// Refuses what no server could be asked for.
fn check(name: &str) -> Result<(), ResolveError> {
    if name.is_empty() {
        return Err(bad_name("the host name is empty"));
    }
    if name.len() > MAX_NAME {
        return Err(bad_name("the host name is longer than 253 characters"));
    }
    for label in name.split('.') {
        if label.is_empty() {
            return Err(bad_name("the host name has an empty label"));
        }
        if label.len() > MAX_LABEL {
            return Err(bad_name("the host name has a label of more than 63 characters"));
        }
        // The URL parser has made A-labels of everything else; a colon is a half-written address.
        if let Some(odd) = label.bytes().find(|byte| !byte.is_ascii_graphic() || matches!(byte, b':' | b'%' | b'/')) {
            return Err(bad_name(format!("the host name has a character that no name has: {:?}", char::from(odd))));
        }
    }
    Ok(())
}

fn bad_name(message: impl Into<Box<str>>) -> ResolveError {
    ResolveError::new(ResolveErrorKind::BadName, message)
}

/// Loopback in both families, the newer first as everywhere in the resolver.
pub(super) const LOOPBACK: [IpAddr; 2] = [IpAddr::V6(Ipv6Addr::LOCALHOST), IpAddr::V4(Ipv4Addr::LOCALHOST)];

/// The full names that `host` may stand for, in the order in which to ask (resolv.conf(5): `search`
/// and `ndots`): one with a trailing dot for itself alone; one with enough dots first for itself;
/// another first with each of the search list's domains. What gets too long is left out.
pub(super) fn candidates(host: &str, search: &[String], ndots: usize) -> Vec<String> {
    if let Some(absolute) = host.strip_suffix('.') {
        return vec![absolute.to_owned()];
    }
    let itself_first = host.bytes().filter(|byte| *byte == b'.').count() >= ndots;
    let mut names = Vec::with_capacity(search.len() + 1);
    if itself_first {
        names.push(host.to_owned());
    }
    names.extend(search.iter().map(|domain| join(host, domain)).filter(|name| name.len() <= MAX_NAME));
    if !itself_first {
        names.push(host.to_owned());
    }
    names
}

/// `search .` is a way to write "the root": the name itself.
fn join(host: &str, domain: &str) -> String {
    if domain.is_empty() { host.to_owned() } else { format!("{host}.{domain}") }
}

/// A checked name in the form in which messages carry it. simple-dns's own reading of text knows
/// escapes (`\.`), which host names do not have, so the labels are cut here.
pub(super) fn wire_name(name: &str) -> Name<'static> {
    let labels: Vec<Label<'static>> = name
        .split('.')
        .filter(|label| !label.is_empty())
        .map(|label| Label::new_unchecked(label.as_bytes().to_vec()))
        .collect();
    Name::new_with_labels(&labels)
}

/// A domain of the search list that can be used, in the form that [`candidates`] wants.
pub(super) fn search_domain(text: &str) -> Option<String> {
    let domain = text.strip_suffix('.').unwrap_or(text);
    (domain.is_empty() || check(domain).is_ok()).then(|| domain.to_owned())
}

/// Calls `use_it` with `name` in lower case, on the stack; `None` for what is too long for a name.
pub(super) fn with_lower_case<T>(name: &str, use_it: impl FnOnce(&str) -> T) -> Option<T> {
    let mut buffer = [0_u8; MAX_NAME];
    let lower = buffer.get_mut(..name.len())?;
    lower.copy_from_slice(name.as_bytes());
    lower.make_ascii_lowercase();
    std::str::from_utf8(lower).ok().map(use_it)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(host: &str) -> Option<ResolveErrorKind> {
        classify(host).err().map(|error| error.kind())
    }

    #[test]
    fn addresses_in_every_form_of_the_url_standard() {
        for (text, address) in [
            ("127.0.0.1", "127.0.0.1"),
            ("127.0.0.1.", "127.0.0.1"),
            ("127.1", "127.0.0.1"),
            ("0x7f.0.0.1", "127.0.0.1"),
            ("2130706433", "127.0.0.1"),
            ("017700000001", "127.0.0.1"),
            ("1.2.0x304", "1.2.3.4"),
            ("::1", "::1"),
            ("[2001:DB8::1]", "2001:db8::1"),
            ("::ffff:192.0.2.1", "::ffff:192.0.2.1"),
        ] {
            assert_eq!(classify(text).unwrap(), Host::Address(address.parse().unwrap()), "{text}");
        }
        for text in ["1.2.3.256", "1.2.3.4.5", "example.1", "0x100000000", "4294967296", "08"] {
            assert_eq!(kind(text), Some(ResolveErrorKind::BadName), "{text}");
        }
        // A last label that only begins with a digit is a name.
        assert_eq!(classify("example.1st").unwrap(), Host::Name);
        assert_eq!(classify("3com").unwrap(), Host::Name);
    }

    #[test]
    fn names_of_rfc_6761_are_known_by_rule() {
        for name in ["localhost", "LOCALHOST.", "a.b.LocalHost", "foo.localhost."] {
            assert_eq!(classify(name).unwrap(), Host::Loopback, "{name}");
        }
        for name in ["invalid", "nothing.invalid", "Nothing.INVALID."] {
            assert_eq!(classify(name).unwrap(), Host::Invalid, "{name}");
        }
        for name in ["localhost.example", "notlocalhost", "invalid.example", "localhost6"] {
            assert_eq!(classify(name).unwrap(), Host::Name, "{name}");
        }
    }

    #[test]
    fn what_no_server_could_be_asked_for() {
        let long_label = "a".repeat(64);
        let long = ["a"; 128].join(".");
        let hosts = [
            "",
            ".",
            "..",
            "a..b",
            ".a",
            "a b",
            "a\0b",
            "a\r\nb",
            "bücher.example",
            "fe80::1%eth0",
            "[fe80::1%25eth0]",
            "[::1",
            "[]",
            "a:80",
            "a%2eb",
            "a/b",
            &long_label,
            &long,
        ];
        for host in hosts {
            assert_eq!(kind(host), Some(ResolveErrorKind::BadName), "{host:?}");
        }
        assert_eq!(classify(&"a".repeat(63)).unwrap(), Host::Name);
        assert_eq!(classify(&["a"; 127].join(".")).unwrap(), Host::Name);
        assert_eq!(classify("under_score.example").unwrap(), Host::Name);
        assert_eq!(classify(r"back\.slash").unwrap(), Host::Name);
    }

    #[test]
    fn search_list_and_ndots() {
        let search = ["one.example".to_owned(), "two.example".to_owned()];
        assert_eq!(candidates("web", &search, 1), ["web.one.example", "web.two.example", "web"]);
        assert_eq!(candidates("web.", &search, 1), ["web"]);
        assert_eq!(candidates("a.b", &search, 1), ["a.b", "a.b.one.example", "a.b.two.example"]);
        assert_eq!(candidates("a.b", &search, 2), ["a.b.one.example", "a.b.two.example", "a.b"]);
        assert_eq!(candidates("web", &[], 1), ["web"]);
        let long = ["a"; 122].join(".");
        assert_eq!(candidates(&long, &search, 1), [long.as_str()]);
    }

    #[test]
    fn escapes_are_not_interpreted_in_host_names() {
        let name = wire_name(r"a\.b");
        let labels: Vec<&[u8]> = name.as_bytes().collect();
        assert_eq!(labels, [b"a\\".as_slice(), b"b"]);
    }
}
