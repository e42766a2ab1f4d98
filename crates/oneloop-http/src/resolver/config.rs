//! resolv.conf: which servers, how long, how often, and what to append to short names.
//!
//! Neighbours: resolv-conf reads the syntax; this file gives the values their bounds and turns the
//! servers into socket addresses. Invariants: a line that makes no sense is passed over; the result
//! always has at least one attempt and a timeout above zero. Counterparts: `getaddrinfo` does this
//! for asyncio and .NET inside libc; resolv.conf(5) is the reference, glibc the model for the bounds.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, SocketAddrV6};
use std::time::Duration;

use resolv_conf::ScopedIp;

use super::names::search_domain;

const DNS_PORT: u16 = 53;
const MAX_SERVERS: usize = 3;
/// glibc has none since 2.26; a list that long is a mistake, and each entry costs queries.
const MAX_SEARCH: usize = 32;

/// How to ask, with every default filled in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Config {
    /// Whom to ask, in this order; at most three from a file, any number from the builder.
    pub(super) servers: Vec<SocketAddr>,
    /// Domains to append to short names, without trailing dots.
    pub(super) search: Vec<String>,
    /// How many dots make a name be tried as it stands first.
    pub(super) ndots: usize,
    /// How long one server may take to answer one query.
    pub(super) timeout: Duration,
    /// How often to go through the servers.
    pub(super) attempts: u32,
    /// Whether each lookup begins with the server after the last lookup's.
    pub(super) rotate: bool,
    /// Whether to use TCP from the start.
    pub(super) use_tcp: bool,
    /// Whether to ask for one family after the other.
    pub(super) single_request: bool,
    /// Whether never to ask for IPv6 addresses.
    pub(super) no_aaaa: bool,
    /// Whether never to ask for a name without a dot as it stands.
    pub(super) no_tld_query: bool,
}

impl Default for Config {
    /// What resolv.conf(5) says of an absent file: the server on this machine.
    fn default() -> Self {
        Self::parse(b"")
    }
}

impl Config {
    /// Reads the text of a resolv.conf. `edns0` needs no place here: the resolver always begins
    /// with EDNS(0), and goes on without it when a server does not know it.
    pub(super) fn parse(text: &[u8]) -> Self {
        let (file, _passed_over) = resolv_conf::Config::parse_with_errors(text);
        let mut servers: Vec<SocketAddr> =
            file.nameservers.iter().filter_map(server_address).take(MAX_SERVERS).collect();
        if servers.is_empty() {
            servers.push(SocketAddr::from((Ipv4Addr::LOCALHOST, DNS_PORT)));
        }
        let search = file.get_last_search_or_domain().filter_map(|text| search_domain(text)).take(MAX_SEARCH).collect();
        Self {
            servers,
            search,
            ndots: file.ndots.min(15) as usize,
            timeout: Duration::from_secs(file.timeout.clamp(1, 30).into()),
            attempts: file.attempts.clamp(1, 5),
            rotate: file.rotate,
            use_tcp: file.use_vc,
            single_request: file.single_request,
            no_aaaa: file.no_aaaa,
            no_tld_query: file.no_tld_query,
        }
    }
}

/// Port 53 at the address; `None` for a scope that this machine does not have.
fn server_address(server: &ScopedIp) -> Option<SocketAddr> {
    match server {
        ScopedIp::V6(address, Some(scope)) => Some(SocketAddrV6::new(*address, DNS_PORT, 0, scope_id(scope)?).into()),
        ScopedIp::V6(address, None) => Some(SocketAddr::new(IpAddr::V6(*address), DNS_PORT)),
        ScopedIp::V4(address) => Some(SocketAddr::new(IpAddr::V4(*address), DNS_PORT)),
    }
}

/// The index of an interface, given as a number or by name. std has no `if_nametoindex`; Linux
/// shows the same number as a file. Elsewhere only the numeric form works.
fn scope_id(scope: &str) -> Option<u32> {
    // resolv-conf lets only letters and digits through, so the name can't lead out of the directory.
    scope.parse().ok().or_else(|| {
        let index = std::fs::read_to_string(format!("/sys/class/net/{scope}/ifindex")).ok()?;
        index.trim().parse().ok()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn servers(text: &str) -> Vec<String> {
        Config::parse(text.as_bytes()).servers.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn nothing_at_all_means_this_machine() {
        let config = Config::default();
        assert_eq!(servers(""), ["127.0.0.1:53"]);
        assert_eq!((config.ndots, config.timeout, config.attempts), (1, Duration::from_secs(5), 2));
        assert!(config.search.is_empty() && !config.rotate && !config.use_tcp);
    }

    #[test]
    fn three_servers_at_most_of_both_families() {
        let text = "nameserver 192.0.2.1\nnameserver 2001:db8::1\nnameserver 192.0.2.3\nnameserver 192.0.2.4\n";
        assert_eq!(servers(text), ["192.0.2.1:53", "[2001:db8::1]:53", "192.0.2.3:53"]);
    }

    #[test]
    fn scopes_by_number_and_by_name() {
        assert_eq!(servers("nameserver fe80::1%7"), ["[fe80::1%7]:53"]);
        assert_eq!(servers("nameserver fe80::1%nosuchinterface\nnameserver 192.0.2.1"), ["192.0.2.1:53"]);
        if cfg!(target_os = "linux") {
            assert_eq!(servers("nameserver ::1%lo"), ["[::1%1]:53"]);
        }
    }

    #[test]
    fn options_within_their_bounds() {
        let config = Config::parse(
            b"options ndots:3 timeout:2 attempts:4 rotate use-vc edns0 no-aaaa single-request no-tld-query\n",
        );
        assert_eq!((config.ndots, config.timeout, config.attempts), (3, Duration::from_secs(2), 4));
        assert!(config.rotate && config.use_tcp && config.no_aaaa);
        assert!(config.single_request && config.no_tld_query);
        let config = Config::parse(b"options ndots:99 timeout:0 attempts:0");
        assert_eq!((config.ndots, config.timeout, config.attempts), (15, Duration::from_secs(1), 1));
        let config = Config::parse(b"options timeout:4000000000 attempts:4000000000 ndots:-1");
        assert_eq!((config.ndots, config.timeout, config.attempts), (1, Duration::from_secs(30), 5));
    }

    #[test]
    fn the_last_of_search_and_domain_counts() {
        assert_eq!(Config::parse(b"search a.example b.example.\ndomain c.example").search, ["c.example"]);
        assert_eq!(Config::parse(b"domain c.example\nsearch a.example b.example.").search, ["a.example", "b.example"]);
        assert_eq!(Config::parse(b"search . ok.example bad..example").search, ["", "ok.example"]);
    }

    #[test]
    fn garbage_lines_spoil_no_other() {
        let text =
            b"\xff\xfe\nnameserver\nnameserver not.an.address\nnonsense 1 2 3\noptions timeout:x unknown ndots:2\n\
            ; comment\n# \xff\nnameserver 192.0.2.1 extra\nsortlist 1.2.3.4/zz\n";
        let config = Config::parse(text);
        assert_eq!(config.servers, ["192.0.2.1:53".parse().unwrap()]);
        assert_eq!(config.ndots, 2);
    }
}
