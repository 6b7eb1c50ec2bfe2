//! Keys of flow records: a connection, and the end of it that a record belongs to.
//!
//! Both directions and all ends of a connection have one key and one hash, so that their records lie together
//! (FLOW-01). Which of the two sides an end stands on follows from the order of the addresses.

use std::net::{IpAddr, Ipv4Addr};

use vnetsim_types::{Direction, FlowKey, IpProtocol};

/// Ends are numbered in 24 bits; the last number is nobody's.
pub(crate) const OWNERS_MAX: u32 = (1 << 24) - 1;
/// Notes are numbered in 24 bits; see [`Key::note`].
pub(crate) const NOTES_MAX: u32 = 1 << 24;

/// A connection. Its spare bits carry a note, which is no part of it.
pub(crate) trait Key: Copy {
    /// Bits that no connection has.
    const NONE: Self;
    /// True for the same connection, whatever the notes.
    fn is(&self, other: &Self) -> bool;
    fn hash(&self) -> u64;
    /// The note: 0 for none.
    fn note(&self) -> u32;
    fn with_note(self, note: u32) -> Self;
}

/// IPv4: addresses and ports as frames hold them ([`vnetsim_packet::Plain`]), so that the hot path turns no byte; those
/// of the lower side first.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) struct Key4 {
    addresses: u64,
    /// Ports, protocol, note, from the high bits down.
    rest: u64,
}

/// IPv6.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) struct Key6 {
    addresses: [u128; 2],
    rest: u64,
}

/// One end of a connection.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) struct End<K> {
    pub(crate) key: K,
    /// The NIC or private endpoint.
    pub(crate) owner: u32,
    /// 0 or 1.
    pub(crate) side: usize,
}

/// An end of a connection of either family.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) enum AnyEnd {
    V4(End<Key4>),
    V6(End<Key6>),
}

impl End<Key4> {
    /// The end at the sender, NIC or endpoint `owner`, of a packet with these addresses and ports.
    #[inline(always)]
    pub(crate) fn of_sender(owner: u32, protocol: u8, addresses: u64, ports: u32) -> Self {
        let (turned, turned_ports) = (addresses.rotate_left(32), ports.rotate_left(16));
        // The address in the high half counts; with equal ones the ports do.
        let mut higher = turned > addresses;
        if turned == addresses {
            higher = turned_ports > ports;
        }
        let (addresses, ports) = if higher { (turned, turned_ports) } else { (addresses, ports) };
        let rest = u64::from(ports) << 32 | u64::from(protocol) << 24;
        Self { key: Key4 { addresses, rest }, owner, side: usize::from(higher) }
    }
}

impl Key4 {
    /// What all connections between two addresses by one protocol have in common.
    #[inline(always)]
    pub(crate) fn without_ports(self) -> Self {
        Self { rest: self.rest as u32 as u64 >> 24 << 24, ..self }
    }

    /// Source and destination port of packets from `side`.
    #[inline(always)]
    pub(crate) fn ports(&self, side: usize) -> (u16, u16) {
        let turned = ((self.rest >> 32) as u32).swap_bytes();
        let [low, high] = [(turned >> 16) as u16, turned as u16];
        if side == 0 { (low, high) } else { (high, low) }
    }

    pub(crate) fn protocol(&self) -> IpProtocol {
        IpProtocol((self.rest >> 24) as u8)
    }
}

impl Key for Key4 {
    const NONE: Self = Self { addresses: u64::MAX, rest: u64::MAX };

    #[inline(always)]
    fn is(&self, other: &Self) -> bool {
        (self.addresses ^ other.addresses) | (self.rest ^ other.rest) >> 24 == 0
    }

    #[inline(always)]
    fn hash(&self) -> u64 {
        fold(self.addresses ^ 0x9e37_79b9_7f4a_7c15, self.rest >> 24 ^ 0xd1b5_4a32_d192_ed03)
    }

    #[inline(always)]
    fn note(&self) -> u32 {
        self.rest as u32 & (NOTES_MAX - 1)
    }

    fn with_note(self, note: u32) -> Self {
        Self { rest: self.rest >> 24 << 24 | u64::from(note), ..self }
    }
}

impl Key for Key6 {
    const NONE: Self = Self { addresses: [u128::MAX; 2], rest: u64::MAX };

    fn is(&self, other: &Self) -> bool {
        self.addresses == other.addresses && (self.rest ^ other.rest) >> 24 == 0
    }

    fn hash(&self) -> u64 {
        let [low, high] = self.addresses;
        let half = |ip: u128, salt: u64| fold((ip >> 64) as u64 ^ salt, ip as u64 ^ 0xe703_7ed1_a0b4_28db);
        let addresses = half(low, 0xa076_1d64_78bd_642f) ^ half(high, 0x8ebc_6af0_9c88_c6e3).rotate_left(32);
        fold(addresses ^ 0x9e37_79b9_7f4a_7c15, self.rest >> 24 ^ 0xd1b5_4a32_d192_ed03)
    }

    fn note(&self) -> u32 {
        self.rest as u32 & (NOTES_MAX - 1)
    }

    fn with_note(self, note: u32) -> Self {
        Self { rest: self.rest >> 24 << 24 | u64::from(note), ..self }
    }
}

impl AnyEnd {
    /// The NIC or private endpoint.
    #[inline]
    pub(crate) fn owner(&self) -> u32 {
        match self {
            Self::V4(end) => end.owner,
            Self::V6(end) => end.owner,
        }
    }

    /// The end at the NIC or endpoint `owner`, which a packet with `key` passes.
    #[inline]
    pub(crate) fn new(owner: u32, direction: Direction, key: &FlowKey) -> Self {
        let (source, destination) = ((key.src, key.src_port), (key.dst, key.dst_port));
        let (local, remote) = match direction {
            Direction::Outbound => (source, destination),
            Direction::Inbound => (destination, source),
        };
        let protocol = key.protocol.0;
        match (local.0, remote.0) {
            (IpAddr::V4(ip), IpAddr::V4(other)) => {
                let raw = |ip: Ipv4Addr| u64::from(u32::from_le_bytes(ip.octets()));
                let ports = u32::from(local.1.swap_bytes()) | u32::from(remote.1.swap_bytes()) << 16;
                Self::V4(End::of_sender(owner, protocol, raw(ip) | raw(other) << 32, ports))
            }
            // A packet never mixes families.
            _ => {
                let [local, remote] = [local, remote].map(|(ip, port)| (bits(ip), port));
                let higher = local > remote;
                let (low, high) = if higher { (remote, local) } else { (local, remote) };
                let ports = u64::from(high.1) << 16 | u64::from(low.1);
                let rest = ports << 32 | u64::from(protocol) << 24;
                let key = Key6 { addresses: [low.0, high.0], rest };
                Self::V6(End { key, owner, side: usize::from(higher) })
            }
        }
    }
}

impl From<End<Key4>> for AnyEnd {
    fn from(end: End<Key4>) -> Self {
        Self::V4(end)
    }
}

impl From<End<Key6>> for AnyEnd {
    fn from(end: End<Key6>) -> Self {
        Self::V6(end)
    }
}

fn bits(ip: IpAddr) -> u128 {
    match ip {
        IpAddr::V4(ip) => u128::from(ip.to_ipv6_mapped()),
        IpAddr::V6(ip) => u128::from(ip),
    }
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
    fn all_ends_of_a_connection_have_one_key_and_two_sides() {
        for (src, dst) in [("10.0.0.4", "10.1.0.4"), ("10.1.0.4", "10.0.0.4"), ("fd00::4", "fd00:1::4")] {
            let key = FlowKey {
                protocol: IpProtocol::TCP,
                src: src.parse().expect("test address"),
                dst: dst.parse().expect("test address"),
                src_port: 50_000,
                dst_port: 443,
            };
            let sender = AnyEnd::new(1, Direction::Outbound, &key);
            assert_eq!(sender, AnyEnd::new(1, Direction::Inbound, &key.reversed()));
            let receiver = AnyEnd::new(1, Direction::Inbound, &key);
            assert_ne!(sender, receiver);
            match (sender, receiver) {
                (AnyEnd::V4(a), AnyEnd::V4(b)) => assert!(a.key == b.key && a.side + b.side == 1),
                (AnyEnd::V6(a), AnyEnd::V6(b)) => assert!(a.key == b.key && a.side + b.side == 1),
                _ => unreachable!("one family"),
            }
        }
    }

    #[test]
    fn a_key_knows_the_ports_of_both_sides() {
        let key = |src: [u8; 4], dst: [u8; 4], src_port, dst_port| FlowKey {
            protocol: IpProtocol::UDP,
            src: src.into(),
            dst: dst.into(),
            src_port,
            dst_port,
        };
        for (src, dst) in [([10, 0, 0, 4], [10, 1, 0, 4]), ([10, 1, 0, 4], [10, 0, 0, 4]), ([1; 4], [1; 4])] {
            for ports in [(50_000, 443), (443, 50_000), (7, 7)] {
                let key = key(src, dst, ports.0, ports.1);
                let AnyEnd::V4(end) = AnyEnd::new(1, Direction::Outbound, &key) else { unreachable!("IPv4") };
                assert_eq!((end.key.ports(end.side), end.key.protocol()), (ports, IpProtocol::UDP));
                assert!(end.key.without_ports().ports(0) == (0, 0) && end.key.without_ports().note() == 0);
            }
        }
    }

    #[test]
    fn a_note_is_no_part_of_a_key() {
        let end = End::of_sender(7, 6, 0x0400_000a_0400_010a, 0xbb01_50c3);
        let noted = end.key.with_note(NOTES_MAX - 1);
        assert!(end.key.is(&noted) && noted.note() == NOTES_MAX - 1 && end.key.note() == 0);
        assert_eq!((noted.hash(), noted.with_note(0)), (end.key.hash(), end.key));
        assert!(!Key4::NONE.is(&end.key));
    }
}
