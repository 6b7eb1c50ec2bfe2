//! Keys of flow records: a connection as one of its ends sees it.
//!
//! The hash leaves out the end and the direction, so that the records of all ends of a connection lie
//! together: who finds one has the others in the same cache line or the next (FLOW-01).

use std::net::{IpAddr, Ipv4Addr};

use vnetsim_types::{Direction, FlowKey, IpProtocol};

/// Ends are numbered in 24 bits: the protocol shares their word.
pub(crate) const OWNERS_MAX: u32 = 1 << 24;

/// A key: exactly the end, the five-tuple, and nothing else.
pub(crate) trait Key: Copy + Eq {
    /// What no connection has.
    const NONE: Self;
    /// The end.
    fn owner(&self) -> u32;
    /// Equal for every end of a connection, in both directions.
    fn hash(&self) -> u64;
}

/// IPv4: local address, remote address, local port, remote port, protocol and owner, from the high bits down.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) struct Key4(u128);

/// IPv6.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) struct Key6 {
    local: u128,
    remote: u128,
    /// Local port, remote port, protocol, owner.
    rest: u64,
}

/// A key of either family.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) enum AnyKey {
    V4(Key4),
    V6(Key6),
}

impl Key4 {
    /// The connection from `local` to `remote` as the NIC or endpoint `owner` at `local` has it.
    #[inline(always)]
    pub(crate) fn new(owner: u32, protocol: u8, local: (u32, u16), remote: (u32, u16)) -> Self {
        let addresses = u64::from(local.0) << 32 | u64::from(remote.0);
        Self(u128::from(addresses) << 64 | u128::from(rest(owner, protocol, local.1, remote.1)))
    }
}

impl Key4 {
    /// The same connection as `owner` at its other end has it.
    #[inline(always)]
    pub(crate) fn at_other_end(self, owner: u32) -> Self {
        let (addresses, rest) = ((self.0 >> 64) as u64, self.0 as u64);
        let ports = ((rest >> 32) as u32).rotate_left(16);
        let rest = u64::from(ports) << 32 | rest & 0xff00_0000 | u64::from(owner & (OWNERS_MAX - 1));
        Self(u128::from(addresses.rotate_left(32)) << 64 | u128::from(rest))
    }
}

impl From<Key4> for AnyKey {
    fn from(key: Key4) -> Self {
        Self::V4(key)
    }
}

impl From<Key6> for AnyKey {
    fn from(key: Key6) -> Self {
        Self::V6(key)
    }
}

impl Key for Key4 {
    const NONE: Self = Self(u128::MAX);

    #[inline(always)]
    fn owner(&self) -> u32 {
        self.0 as u32 & (OWNERS_MAX - 1)
    }

    #[inline(always)]
    fn hash(&self) -> u64 {
        let (addresses, rest) = ((self.0 >> 64) as u64, self.0 as u64);
        let local = addresses >> 32 << 16 | rest >> 48;
        let remote = addresses << 32 >> 16 | rest << 16 >> 48;
        mix(local, remote, rest >> 24 & 0xff)
    }
}

impl Key for Key6 {
    const NONE: Self = Self { local: u128::MAX, remote: u128::MAX, rest: u64::MAX };

    fn owner(&self) -> u32 {
        self.rest as u32 & (OWNERS_MAX - 1)
    }

    fn hash(&self) -> u64 {
        let end = |ip: u128, port: u64| {
            fold((ip >> 64) as u64 ^ 0xa076_1d64_78bd_642f, ip as u64 ^ 0xe703_7ed1_a0b4_28db) ^ port
        };
        let (local, remote) = (end(self.local, self.rest >> 48), end(self.remote, self.rest << 16 >> 48));
        mix(local, remote, self.rest >> 24 & 0xff)
    }
}

impl AnyKey {
    /// The key of a packet with `key` that passes the NIC or endpoint `owner`.
    pub(crate) fn new(owner: u32, direction: Direction, key: &FlowKey) -> Self {
        let FlowKey { protocol: IpProtocol(protocol), .. } = *key;
        let (source, destination) = ((key.src, key.src_port), (key.dst, key.dst_port));
        let ((local, lport), (remote, rport)) = match direction {
            Direction::Outbound => (source, destination),
            Direction::Inbound => (destination, source),
        };
        match (local, remote) {
            (IpAddr::V4(local), IpAddr::V4(remote)) => {
                Self::V4(Key4::new(owner, protocol, (bits4(local), lport), (bits4(remote), rport)))
            }
            // The other family in a mapped form; a packet never mixes them.
            (local, remote) => Self::V6(Key6 {
                local: bits6(local),
                remote: bits6(remote),
                rest: rest(owner, protocol, lport, rport),
            }),
        }
    }
}

fn bits4(ip: Ipv4Addr) -> u32 {
    u32::from(ip)
}

fn bits6(ip: IpAddr) -> u128 {
    match ip {
        IpAddr::V4(ip) => u128::from(ip.to_ipv6_mapped()),
        IpAddr::V6(ip) => u128::from(ip),
    }
}

#[inline(always)]
fn rest(owner: u32, protocol: u8, lport: u16, rport: u16) -> u64 {
    let ports = u64::from(lport) << 16 | u64::from(rport);
    ports << 32 | u64::from(protocol) << 24 | u64::from(owner & (OWNERS_MAX - 1))
}

/// Of the unordered pair of ends.
#[inline(always)]
fn mix(a: u64, b: u64, protocol: u64) -> u64 {
    let (low, high) = if a < b { (a, b) } else { (b, a) };
    fold(low ^ 0x9e37_79b9_7f4a_7c15, (high ^ protocol << 56).wrapping_add(0xd1b5_4a32_d192_ed03))
}

/// Both halves of the product: every input bit reaches the middle, folding brings it everywhere.
#[inline(always)]
fn fold(a: u64, b: u64) -> u64 {
    let product = u128::from(a) * u128::from(b);
    (product >> 64) as u64 ^ product as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_ends_of_a_connection_hash_alike_and_differ_as_keys() {
        for (src, dst) in [("10.0.0.4", "10.1.0.4"), ("fd00::4", "fd00:1::4")] {
            let key = FlowKey {
                protocol: IpProtocol::TCP,
                src: src.parse().expect("test address"),
                dst: dst.parse().expect("test address"),
                src_port: 50_000,
                dst_port: 443,
            };
            let hash = |key| match key {
                AnyKey::V4(key) => key.hash(),
                AnyKey::V6(key) => key.hash(),
            };
            let out = AnyKey::new(1, Direction::Outbound, &key);
            assert_eq!(out, AnyKey::new(1, Direction::Inbound, &key.reversed()));
            let others = [
                AnyKey::new(2, Direction::Inbound, &key),
                AnyKey::new(2, Direction::Outbound, &key),
                AnyKey::new(1, Direction::Inbound, &key),
            ];
            if let AnyKey::V4(out) = out {
                assert_eq!(AnyKey::V4(out.at_other_end(2)), others[0]);
            }
            for other in others {
                assert_ne!(out, other);
                assert_eq!(hash(out), hash(other));
            }
        }
    }
}
