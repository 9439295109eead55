//! Which addresses a build may reach: [`Network::permits`].

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, UdpSocket};

use crate::machine::Network;

/// Why an address may not be reached.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{address} is {what}, which builds may not reach unless the builder's admin allows it")]
pub struct Refused {
    /// The address.
    pub address: IpAddr,
    /// What it is, with its article.
    pub what: &'static str,
}

/// Networks of IPv4 that are not public: IANA's registry of special-purpose addresses, what RFC 5771 and RFC 1112 set
/// aside, and a public address that is no public place.
const SPECIAL: &[(Ipv4Addr, u8, &str)] = &[
    (Ipv4Addr::new(0, 0, 0, 0), 8, "an address of \"this network\""),
    (Ipv4Addr::new(10, 0, 0, 0), 8, "a private address"),
    (Ipv4Addr::new(100, 64, 0, 0), 10, "an address behind a carrier's NAT"),
    (Ipv4Addr::new(127, 0, 0, 0), 8, "a loopback address"),
    (Ipv4Addr::new(169, 254, 0, 0), 16, "a link-local address"),
    (Ipv4Addr::new(172, 16, 0, 0), 12, "a private address"),
    (Ipv4Addr::new(192, 0, 0, 0), 24, "an address for protocols"),
    (Ipv4Addr::new(192, 0, 2, 0), 24, "an address for documentation"),
    (Ipv4Addr::new(192, 88, 99, 0), 24, "a relay's address"),
    (Ipv4Addr::new(192, 168, 0, 0), 16, "a private address"),
    (Ipv4Addr::new(198, 18, 0, 0), 15, "an address for benchmarks"),
    (Ipv4Addr::new(198, 51, 100, 0), 24, "an address for documentation"),
    (Ipv4Addr::new(203, 0, 113, 0), 24, "an address for documentation"),
    (Ipv4Addr::new(224, 0, 0, 0), 4, "a multicast address"),
    (Ipv4Addr::new(240, 0, 0, 0), 4, "a reserved address"),
    // Microsoft's cloud answers its machines there, and tells them secrets.
    (Ipv4Addr::new(168, 63, 129, 16), 32, "a cloud platform's address"),
];

/// Of IPv6 only `2000::/3` is public; these within it are not.
const SPECIAL_6: &[(Ipv6Addr, u8, &str)] = &[
    (Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, 0, 0), 23, "an address for protocols"),
    (Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0), 32, "an address for documentation"),
    (Ipv6Addr::new(0x2002, 0, 0, 0, 0, 0, 0, 0), 16, "a relay's address"),
    (Ipv6Addr::new(0x3fff, 0, 0, 0, 0, 0, 0, 0), 20, "an address for documentation"),
];

impl Network {
    /// Whether a build may reach an address: it is in [`Network::allow`], or it is public and not this host's own. Ask
    /// for the very address that is then connected to; what a name resolves to changes from question to question.
    ///
    /// # Errors
    /// When it may not, with why.
    pub fn permits(&self, address: IpAddr) -> Result<(), Refused> {
        let meant = meant(address);
        if self.allow.iter().any(|(network, length)| within(meant, *network, *length)) {
            return Ok(());
        }
        match special(meant) {
            Some(what) => Err(Refused { address, what }),
            // What listens on all addresses of this host expects a firewall between itself and strangers.
            None if is_own(meant) => Err(Refused { address, what: "an address of the builder's host" }),
            None => Ok(()),
        }
    }
}

/// The IPv4 address that an IPv6 address stands for: mapped (`::ffff:0:0/96`), or behind a NAT64 (`64:ff9b::/96`).
fn meant(address: IpAddr) -> IpAddr {
    let IpAddr::V6(six) = address else { return address };
    let behind_nat64 = match six.segments() {
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] => Some(Ipv4Addr::from_bits(u32::from(high) << 16 | u32::from(low))),
        _ => None,
    };
    six.to_ipv4_mapped().or(behind_nat64).map_or(address, IpAddr::V4)
}

fn special(address: IpAddr) -> Option<&'static str> {
    match address {
        IpAddr::V4(_) => {
            let found = SPECIAL.iter().find(|(network, length, _)| within(address, IpAddr::V4(*network), *length));
            found.map(|(_, _, what)| *what)
        }
        IpAddr::V6(six) if six.is_loopback() => Some("a loopback address"),
        IpAddr::V6(six) if six.is_unique_local() => Some("a private address"),
        IpAddr::V6(six) if six.is_unicast_link_local() => Some("a link-local address"),
        IpAddr::V6(six) if six.is_multicast() => Some("a multicast address"),
        IpAddr::V6(six) if six.segments()[0] & 0xe000 != 0x2000 => Some("a reserved address"),
        IpAddr::V6(_) => {
            let found = SPECIAL_6.iter().find(|(network, length, _)| within(address, IpAddr::V6(*network), *length));
            found.map(|(_, _, what)| *what)
        }
    }
}

/// Whether an address is in the network of this prefix; a prefix longer than an address is all of it.
fn within(address: IpAddr, network: IpAddr, length: u8) -> bool {
    let differ = |bits: u128, width: u32| bits.checked_shr(width.saturating_sub(length.into())).unwrap_or(0) != 0;
    match (address, network) {
        (IpAddr::V4(address), IpAddr::V4(network)) => !differ((address.to_bits() ^ network.to_bits()).into(), 32),
        (IpAddr::V6(address), IpAddr::V6(network)) => !differ(address.to_bits() ^ network.to_bits(), 128),
        _ => false,
    }
}

/// Whether this host has the address: then the kernel takes the same one as the sender's. Nothing is sent for it.
fn is_own(address: IpAddr) -> bool {
    let any: IpAddr = if address.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    let sender = UdpSocket::bind((any, 0)).and_then(|socket| {
        socket.connect((address, 9))?;
        socket.local_addr()
    });
    sender.is_ok_and(|sender| sender.ip() == address)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn permits(network: &Network, address: &str) -> Result<(), Refused> {
        network.permits(address.parse().unwrap())
    }

    #[test]
    fn only_public_addresses_are_permitted() {
        let public = [
            "1.1.1.1",
            "9.255.255.255",
            "11.0.0.0",
            "100.63.255.255",
            "100.128.0.0",
            "126.255.255.255",
            "128.0.0.1",
            "169.253.255.255",
            "172.15.255.255",
            "172.32.0.0",
            "192.0.1.1",
            "192.167.255.255",
            "198.17.255.255",
            "198.20.0.0",
            "223.255.255.255",
            "168.63.129.17",
            "2606:4700::1111",
            "2a00:1450::1",
            "2620:4f:8000::1",
            "::ffff:1.1.1.1",
            "64:ff9b::101:101",
        ];
        for address in public {
            assert_eq!(permits(&Network::default(), address), Ok(()), "{address}");
        }
        let refused = [
            ("0.0.0.0", "this network"),
            ("0.255.255.255", "this network"),
            ("10.0.0.0", "private"),
            ("10.255.255.255", "private"),
            ("100.64.0.1", "NAT"),
            ("100.100.100.200", "NAT"),
            ("100.127.255.255", "NAT"),
            ("127.0.0.1", "loopback"),
            ("127.255.255.255", "loopback"),
            ("169.254.169.254", "link-local"),
            ("172.16.0.0", "private"),
            ("172.31.255.255", "private"),
            ("192.0.0.192", "protocols"),
            ("192.0.2.1", "documentation"),
            ("192.88.99.1", "relay"),
            ("192.168.0.1", "private"),
            ("192.168.255.255", "private"),
            ("198.18.0.0", "benchmarks"),
            ("198.19.255.255", "benchmarks"),
            ("198.51.100.7", "documentation"),
            ("203.0.113.7", "documentation"),
            ("224.0.0.1", "multicast"),
            ("239.255.255.255", "multicast"),
            ("240.0.0.0", "reserved"),
            ("255.255.255.255", "reserved"),
            ("168.63.129.16", "cloud"),
            ("::", "reserved"),
            ("::1", "loopback"),
            ("::7f00:1", "reserved"),
            ("::ffff:127.0.0.1", "loopback"),
            ("::ffff:10.1.2.3", "private"),
            ("64:ff9b::7f00:1", "loopback"),
            ("64:ff9b::a01:203", "private"),
            ("64:ff9b:1::1", "reserved"),
            ("100::1", "reserved"),
            ("2001::1", "protocols"),
            ("2001:1ff::1", "protocols"),
            ("2001:db8::1", "documentation"),
            ("2002:7f00:1::1", "relay"),
            ("3fff:fff::1", "documentation"),
            ("4000::1", "reserved"),
            ("5f00::1", "reserved"),
            ("fc00::1", "private"),
            ("fd00:ec2::254", "private"),
            ("fe80::1", "link-local"),
            ("fec0::1", "reserved"),
            ("ff02::1", "multicast"),
        ];
        for (address, what) in refused {
            let said = permits(&Network::default(), address).expect_err(address).to_string();
            assert!(said.contains(what) && said.contains(address), "{address}: {said}");
        }
    }

    #[test]
    fn an_admin_may_allow_networks_and_single_addresses() {
        let allow = [("10.1.0.0", 16), ("127.0.0.1", 32), ("fd00::", 8), ("192.168.7.7", 200)];
        let network = Network {
            allow: allow.iter().map(|(network, length)| (network.parse().unwrap(), *length)).collect(),
            ..Network::default()
        };
        for address in ["10.1.255.1", "127.0.0.1", "::ffff:127.0.0.1", "fdff::1", "192.168.7.7", "1.1.1.1"] {
            assert_eq!(permits(&network, address), Ok(()), "{address}");
        }
        for address in ["10.2.0.1", "127.0.0.2", "::1", "fc00::1", "192.168.7.6"] {
            assert!(permits(&network, address).is_err(), "{address}");
        }
        let all = Network { allow: vec![("0.0.0.0".parse().unwrap(), 0)], ..Network::default() };
        assert_eq!(permits(&all, "127.0.0.1"), Ok(()));
        assert!(permits(&all, "::1").is_err(), "IPv4 only was allowed");
    }

    #[test]
    fn this_hosts_own_addresses_are_known() {
        assert!(is_own("127.0.0.1".parse().unwrap()));
        assert!(!is_own("1.1.1.1".parse().unwrap()));
    }
}
