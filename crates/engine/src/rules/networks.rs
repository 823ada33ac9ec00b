//! IP addresses and networks: the entries around an address, whatever their number.

use std::collections::HashMap;
use std::net::IpAddr;

use super::lists::EntryId;

/// An address or a network. IPv4 is kept as IPv6 sees it (RFC 4291 §2.5.5.2), so that one table
/// serves both.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Network {
    /// With the bits beyond the prefix cleared.
    bits: u128,
    prefix: u8,
}

impl Network {
    /// Reads `192.0.2.1`, `192.0.2.0/24`, `2001:db8::1` or `2001:db8::/32`.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address.parse().ok()?, Some(prefix.parse::<u8>().ok()?)),
            None => (text.parse().ok()?, None),
        };
        let (longest, ahead) = match address {
            IpAddr::V4(_) => (32, 96),
            IpAddr::V6(_) => (128, 0),
        };
        let prefix = prefix.unwrap_or(longest);
        (prefix <= longest).then(|| Self::around(address, prefix + ahead))
    }

    fn around(address: IpAddr, prefix: u8) -> Self {
        let bits = match address {
            IpAddr::V4(v4) => v4.to_ipv6_mapped().to_bits(),
            IpAddr::V6(v6) => v6.to_bits(),
        };
        let mask = u128::MAX.checked_shl(128 - u32::from(prefix)).unwrap_or_default();
        Self { bits: bits & mask, prefix }
    }
}

/// Networks, with the entries that name them.
#[derive(Debug, Default)]
pub(super) struct Networks {
    entries: HashMap<Network, Vec<EntryId>>,
    /// Every prefix length that occurs: one look-up each.
    prefixes: Vec<u8>,
}

impl Networks {
    pub(super) fn add(&mut self, network: Network, entry: EntryId) {
        if !self.prefixes.contains(&network.prefix) {
            self.prefixes.push(network.prefix);
        }
        self.entries.entry(network).or_default().push(entry);
    }

    /// Calls `each` with every entry that is the address or a network around it.
    pub(super) fn around(&self, address: IpAddr, mut each: impl FnMut(EntryId)) {
        for prefix in &self.prefixes {
            let found = self.entries.get(&Network::around(address, *prefix));
            found.into_iter().flatten().copied().for_each(&mut each);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_found_in_every_network_around_it() {
        let mut networks = Networks::default();
        let given = ["192.0.2.7", "192.0.2.0/24", "10.0.0.0/8", "2001:db8::/32", "2001:db8::1", "0.0.0.0/0"];
        for (number, text) in (0..).zip(given) {
            networks.add(Network::parse(text).unwrap(), EntryId(number));
        }
        let around = |text: &str| {
            let mut found = Vec::new();
            networks.around(text.parse().unwrap(), |entry| found.push(entry.0));
            found.sort_unstable();
            found
        };
        assert_eq!(around("192.0.2.7"), [0, 1, 5]);
        assert_eq!(around("192.0.3.7"), [5]);
        assert_eq!(around("10.200.0.1"), [2, 5]);
        assert_eq!(around("2001:db8::1"), [3, 4]);
        assert_eq!(around("::ffff:192.0.2.9"), [1, 5]);
    }

    #[test]
    fn what_is_no_network_is_refused() {
        for text in ["", "192.0.2", "192.0.2.0/33", "2001:db8::/129", "192.0.2.0/", "/8", "example.com"] {
            assert_eq!(Network::parse(text), None, "{text}");
        }
    }
}
