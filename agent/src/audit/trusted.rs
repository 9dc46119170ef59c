//! Proxies that are believed: whose forwarding headers count.
//!
//! In: networks as text (`identity.trusted_proxies`). Out: whether an address is in one of them.
//! Always: an IPv4 address that is mapped into IPv6 counts as IPv4; none are trusted unless some are named.
//! Not here: what a trusted proxy says (`audit::source`).

use std::net::{IpAddr, Ipv4Addr};

use ipnet::{IpNet, Ipv4Net};

/// Addresses of proxies that are believed.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Trusted {
    networks: Box<[IpNet]>,
}

/// A network that is none.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("`{text}` is neither a network (`10.0.0.0/8`) nor an address")]
pub struct NetworkError {
    /// Position in the list, from 0.
    pub index: usize,
    /// As it is written there.
    pub text: String,
}

impl Trusted {
    /// Networks in CIDR notation and single addresses. Errors: the first that is neither, or has bits set
    /// behind its prefix: who writes `10.1.2.3/8` may mean one host.
    pub fn new(networks: &[String]) -> Result<Self, NetworkError> {
        let networks = networks.iter().enumerate().map(|(index, text)| {
            network(text).ok_or_else(|| NetworkError { index, text: text.clone() })
        });
        Ok(Self { networks: networks.collect::<Result<_, _>>()? })
    }

    /// Whether nobody is trusted.
    pub fn is_empty(&self) -> bool {
        self.networks.is_empty()
    }

    /// Whether that address is trusted.
    pub fn contains(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.networks.iter().any(|network| network.contains(&address))
    }
}

fn network(text: &str) -> Option<IpNet> {
    if let Ok(address) = text.parse::<IpAddr>() {
        return Some(address.to_canonical().into());
    }
    let network = text.parse::<IpNet>().ok()?;
    (network.addr() == network.network()).then(|| canonical(network))
}

/// A network of mapped IPv4 addresses as one of IPv4.
fn canonical(network: IpNet) -> IpNet {
    let mapped = match network {
        IpNet::V6(v6) => v6.addr().to_ipv4_mapped().zip(v6.prefix_len().checked_sub(MAPPED_BITS)),
        IpNet::V4(_) => None,
    };
    let v4 = |(address, bits): (Ipv4Addr, u8)| Ipv4Net::new(address, bits).ok();
    mapped.and_then(v4).map_or(network, IpNet::V4)
}

/// Bits of the prefix of mapped IPv4 addresses (RFC 4291 section 2.5.5.2).
const MAPPED_BITS: u8 = 96;

#[cfg(test)]
mod tests {
    use super::*;

    fn trusted(networks: &[&str]) -> Result<Trusted, NetworkError> {
        let networks: Vec<String> = networks.iter().map(|&text| text.to_owned()).collect();
        Trusted::new(&networks)
    }

    fn contains(networks: &[&str], address: &str) -> bool {
        trusted(networks).unwrap().contains(address.parse().unwrap())
    }

    #[test]
    fn networks_and_addresses() {
        let networks =
            ["10.0.0.0/8", "192.0.2.7", "2001:db8::/32", "fd00::1", "::ffff:172.16.0.0/108"];
        for address in ["10.255.0.1", "::ffff:10.1.2.3", "192.0.2.7", "2001:db8:1::9", "fd00::1"] {
            assert!(contains(&networks, address), "{address}");
        }
        for address in ["172.16.0.1", "172.31.255.255", "::ffff:172.20.0.1"] {
            assert!(contains(&networks, address), "{address}");
        }
        for address in
            ["11.0.0.1", "192.0.2.8", "2001:db9::1", "fd00::2", "172.32.0.1", "::10.1.2.3"]
        {
            assert!(!contains(&networks, address), "{address}");
        }
        assert!(!contains(&[], "127.0.0.1") && trusted(&[]).unwrap().is_empty());
        assert!(
            contains(&["0.0.0.0/0"], "203.0.113.1") && !contains(&["0.0.0.0/0"], "2001:db8::1")
        );
    }

    #[test]
    fn what_is_no_network_is_named_with_its_place() {
        for text in
            ["", "10.0.0.0/33", "10.1.2.3/8", "proxy.example", "10.0.0.0/8 ", "::1/129", "10.0.0/8"]
        {
            let error = trusted(&["10.0.0.0/8", text]).unwrap_err();
            assert_eq!(error, NetworkError { index: 1, text: text.to_owned() });
        }
    }
}
