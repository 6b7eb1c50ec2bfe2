//! Link layers: where the IP packet begins.
//!
//! Owns what is known of each link layer. Called once per packet by `rehome`; must never look into the IP packet beyond
//! its version. Costs a few bytes read.

use vnetsim_packet::ParseError;

use crate::{Link, NoHome};

/// EtherTypes of the two IP versions.
pub(crate) const IPV4: u16 = 0x0800;
pub(crate) const IPV6: u16 = 0x86dd;

/// VLAN tags taken off: customer's and provider's.
const MAX_VLAN_TAGS: usize = 2;

/// EtherType and bytes of the IP packet in `data`, with whatever follows it.
pub(crate) fn ip_packet(link: Link, data: &[u8]) -> Result<(u16, &[u8]), NoHome> {
    match link {
        Link::Ethernet => after_ether_type(data, 12, 14),
        Link::LinuxSll => after_ether_type(data, 14, 16),
        Link::LinuxSll2 => after_ether_type(data, 0, 20),
        Link::RawIp => by_version(data),
        Link::Loopback => {
            let (family, packet) = data.split_first_chunk::<4>().ok_or(NoHome::Truncated)?;
            // AF_INET is 2 everywhere; AF_INET6 is 10, 24, 28 or 30. The other byte order makes them large.
            match u32::from_be_bytes(*family).min(u32::from_le_bytes(*family)) {
                2 | 10 | 24 | 28 | 30 => by_version(packet),
                other => Err(NoHome::OtherFamily(other)),
            }
        }
        Link::Other(number) => Err(NoHome::UnknownLink(number)),
    }
}

/// A header of `header_len` bytes with an EtherType at `type_at`, and perhaps VLAN tags behind it.
fn after_ether_type(data: &[u8], type_at: usize, header_len: usize) -> Result<(u16, &[u8]), NoHome> {
    let mut packet = data.get(header_len..).ok_or(NoHome::Truncated)?;
    let mut ether_type = u16::from_be_bytes([data[type_at], data[type_at + 1]]);
    for _ in 0..MAX_VLAN_TAGS {
        if !matches!(ether_type, 0x8100 | 0x88a8 | 0x9100) {
            break;
        }
        let (&[_, _, a, b], behind) = packet.split_first_chunk().ok_or(NoHome::Truncated)?;
        (ether_type, packet) = (u16::from_be_bytes([a, b]), behind);
    }
    match ether_type {
        IPV4 | IPV6 => Ok((ether_type, packet)),
        other => Err(NoHome::NotIp(other)),
    }
}

/// A packet that only its own version says the kind of.
fn by_version(packet: &[u8]) -> Result<(u16, &[u8]), NoHome> {
    match packet.first().ok_or(NoHome::Truncated)? >> 4 {
        4 => Ok((IPV4, packet)),
        6 => Ok((IPV6, packet)),
        other => Err(NoHome::Malformed(ParseError::BadVersion(other))),
    }
}
