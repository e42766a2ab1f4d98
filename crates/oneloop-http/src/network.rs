//! Networks: the addresses whose first so many bits are the same (`10.0.0.0/8`).
//!
//! Neighbours: the exempt of a [`proxy`](crate::proxy), and whoever guards a session by address.
//! Counterparts: Python's `ipaddress.ip_network`, .NET's `IPNetwork`.

use std::net::IpAddr;

/// An address and how many of its bits count. An IPv4 address that is written as an IPv6 one (`::ffff:10.0.0.1`) is
/// what it stands for, in the network as in what is asked for.
///
/// ```
/// use oneloop_http::Network;
/// let network = Network::parse("10.0.0.0/8").unwrap();
/// assert!(network.contains("10.1.2.3".parse().unwrap()));
/// assert!(network.contains("::ffff:10.1.2.3".parse().unwrap()));
/// assert_eq!(Network::parse("::ffff:10.0.0.0/104"), Some(network));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    /// Never an IPv4 address as an IPv6 one.
    address: IpAddr,
    /// At most 32 or 128, after the family of the address.
    bits: u32,
}

impl Network {
    /// Reads `address/bits`, or an address alone, which is a network of one; IPv6 addresses may stand in brackets.
    pub fn parse(text: &str) -> Option<Network> {
        let (address, bits) = text.split_once('/').map_or((text, None), |(address, bits)| (address, Some(bits)));
        let address = address.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(address);
        let written = address.parse::<IpAddr>().ok()?;
        let address = written.to_canonical();
        let width = width(written);
        let bits = bits.map_or(Some(width), |bits| bits.parse().ok().filter(|bits| *bits <= width))?;
        // Of an IPv4 address in IPv6 the last 32 bits are the address. A network that ends before them has others in it.
        let bits = bits.checked_sub(width - self::width(address))?;
        Some(Network { address, bits })
    }

    /// Whether `address` belongs to it.
    pub fn contains(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        let differing = match (self.address, address) {
            (IpAddr::V4(network), IpAddr::V4(address)) => u128::from(network.to_bits() ^ address.to_bits()),
            (IpAddr::V6(network), IpAddr::V6(address)) => network.to_bits() ^ address.to_bits(),
            _ => return false,
        };
        // With no bit that counts, all of an IPv6 address would be shifted away, which is none of the shifts there are.
        differing.checked_shr(width(address) - self.bits).is_none_or(|differing| differing == 0)
    }
}

/// How many bits an address of this family has.
fn width(address: IpAddr) -> u32 {
    if address.is_ipv4() { 32 } else { 128 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_bits_decide() {
        for (network, good, bad) in [
            ("10.0.0.0/8", "10.255.0.1", "11.0.0.1"),
            ("10.0.0.0/31", "10.0.0.1", "10.0.0.2"),
            ("192.0.2.1", "192.0.2.1", "192.0.2.2"),
            ("0.0.0.0/0", "1.2.3.4", "::1"),
            ("2001:db8::/32", "2001:db8:1::1", "2001:db9::1"),
            ("[::1]", "::1", "::2"),
            ("::/0", "2001:db8::1", "1.2.3.4"),
        ] {
            let parsed = Network::parse(network).unwrap();
            assert!(parsed.contains(good.parse().unwrap()), "{network} {good}");
            assert!(!parsed.contains(bad.parse().unwrap()), "{network} {bad}");
        }
        for text in ["", "a", "10.0.0.0/33", "::/129", "10.0.0.0/", "10.0.0.0/a", "10.0.0.0/-1", "300.1.1.1/9", "[::1"]
        {
            assert_eq!(Network::parse(text), None, "{text}");
        }
    }

    #[test]
    fn an_ipv4_network_in_ipv6_has_96_bits_fewer() {
        let network = |text| Network::parse(text).unwrap();
        assert_eq!(network("::ffff:10.0.0.0/104"), network("10.0.0.0/8"));
        assert_eq!(network("::ffff:0.0.0.0/96"), network("0.0.0.0/0"));
        assert_eq!(network("::ffff:10.0.0.1"), network("10.0.0.1/32"));
        assert_eq!(Network::parse("::ffff:10.0.0.0/95"), None, "it would hold more than IPv4");
        assert!(network("10.0.0.0/8").contains("::ffff:10.9.9.9".parse().unwrap()));
    }
}
