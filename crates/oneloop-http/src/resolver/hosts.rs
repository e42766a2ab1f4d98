//! The hosts file as a map from name to addresses.
//!
//! Neighbours: `mod.rs` asks it before any server. Invariants: a line that makes no sense is passed
//! over and spoils no other; a lookup allocates nothing. Counterparts: `getaddrinfo` reads the same
//! file for asyncio and .NET, once a call; here it is read once a [`Resolver`](super::Resolver).

use std::collections::HashMap;
use std::net::IpAddr;

use super::names::{MAX_NAME, with_lower_case};

/// What the file says, by lower-case name without a trailing dot.
#[derive(Debug, Default)]
pub(super) struct Hosts {
    by_name: HashMap<Box<str>, Vec<IpAddr>>,
}

impl Hosts {
    /// Adds the `address name alias… # comment` lines of a file; several lines for one name add up
    /// (glibc's `multi on`). Bytes that are no UTF-8 spoil their own line alone.
    pub(super) fn read(&mut self, text: &[u8]) {
        for line in text.split(|byte| *byte == b'\n') {
            let line = line.split(|byte| *byte == b'#').next().unwrap_or_default();
            let Ok(line) = std::str::from_utf8(line) else {
                continue;
            };
            let mut words = line.split_ascii_whitespace();
            // `fe80::1%lo0`, which macOS has, is no address without its zone, and no host to probe.
            let Some(Ok(address)) = words.next().map(str::parse::<IpAddr>) else {
                continue;
            };
            for name in words {
                self.add(name, address);
            }
        }
    }

    /// Adds one address to a name, unless it is there already.
    pub(super) fn add(&mut self, name: &str, address: IpAddr) {
        let name = name.strip_suffix('.').unwrap_or(name);
        if name.is_empty() || name.len() > MAX_NAME {
            return;
        }
        let addresses = self.by_name.entry(name.to_ascii_lowercase().into()).or_default();
        if !addresses.contains(&address) {
            addresses.push(address);
        }
    }

    /// Takes a name out.
    pub(super) fn forget(&mut self, name: &str) {
        let name = name.strip_suffix('.').unwrap_or(name);
        with_lower_case(name, |name| self.by_name.remove(name));
    }

    /// The addresses of `name`, in the file's order; empty when the file does not know it.
    pub(super) fn lookup(&self, name: &str) -> &[IpAddr] {
        if self.by_name.is_empty() {
            return &[];
        }
        let name = name.strip_suffix('.').unwrap_or(name);
        with_lower_case(name, |name| self.by_name.get(name)).flatten().map_or(&[], Vec::as_slice)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &[u8]) -> Hosts {
        let mut hosts = Hosts::default();
        hosts.read(text);
        hosts
    }

    fn lookup(text: &str, name: &str) -> Vec<String> {
        parse(text.as_bytes()).lookup(name).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn names_aliases_and_both_families_without_case() {
        let text = "192.0.2.1\tWeb.Example www alias.example. # not.this\n2001:db8::1   web.example\n";
        assert_eq!(lookup(text, "WEB.example"), ["192.0.2.1", "2001:db8::1"]);
        assert_eq!(lookup(text, "web.example."), ["192.0.2.1", "2001:db8::1"]);
        assert_eq!(lookup(text, "www"), ["192.0.2.1"]);
        assert_eq!(lookup(text, "alias.example"), ["192.0.2.1"]);
        assert!(lookup(text, "not.this").is_empty());
        assert!(lookup(text, "example").is_empty());
        assert!(lookup(text, "").is_empty());
    }

    #[test]
    fn a_name_can_be_replaced() {
        let mut hosts = parse(b"192.0.2.1 web\n");
        hosts.forget("WEB.");
        hosts.add("Web", "192.0.2.2".parse().unwrap());
        assert_eq!(hosts.lookup("web"), ["192.0.2.2".parse::<IpAddr>().unwrap()]);
    }

    #[test]
    fn garbage_lines_spoil_no_other() {
        let long = "x".repeat(70_000);
        let text = format!(
            "# a comment\n\nname.first 192.0.2.1\n192.0.2.999 bad\n192.0.2.2\n{long}\n192.0.2.3 {long}\n\
             fe80::1%lo0 zone\n::ffff:zz bad\r\n0x7f.1 bad\n#192.0.2.4 off\n \t192.0.2.5 good\r\n192.0.2.5 good"
        );
        let mut bytes = b"192.0.2.7 \xff\xfe\n\x00\x01\x02\n".to_vec();
        bytes.extend_from_slice(text.as_bytes());
        let hosts = parse(&bytes);
        assert_eq!(hosts.lookup("good"), ["192.0.2.5".parse::<IpAddr>().unwrap()]);
        for name in ["bad", "zone", "off", "name.first", &long] {
            assert!(hosts.lookup(name).is_empty(), "{}", &name[..4.min(name.len())]);
        }
    }
}
