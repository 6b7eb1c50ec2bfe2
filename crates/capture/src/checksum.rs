//! Checksums from scratch.
//!
//! Owns which checksums of a whole packet are computed anew. Called once per packet by `rehome`; must never touch a
//! checksum that it cannot know: that of a fragment, or behind IPv6 extension headers, where a routing header may hide
//! the address that counts. Costs one pass over the packet.

use std::net::IpAddr;

use etherparse::{Ipv6Header, checksum::Sum16BitWords};
use vnetsim_packet::Headers;
use vnetsim_types::IpProtocol;

/// Computes the IPv4 header's checksum, and that of TCP, UDP, ICMP or ICMPv6. `h` is the digest of `frame`, which ends
/// with the IP packet.
pub(crate) fn renew(frame: &mut [u8], h: &Headers) {
    let (l3, l4) = (usize::from(h.l3_offset), usize::from(h.l4_offset));
    if h.src.is_ipv4()
        && let Some(header) = frame.get_mut(l3..l4)
    {
        store(header, 10, Sum16BitWords::new());
    }
    let extended = h.src.is_ipv6() && l4 > l3 + Ipv6Header::LEN;
    if h.fragment.is_none()
        && !extended
        && let Some(segment) = frame.get_mut(l4..)
    {
        renew_segment(segment, h);
    }
}

fn renew_segment(segment: &mut [u8], h: &Headers) {
    match (h.protocol, h.src.is_ipv4()) {
        (IpProtocol::TCP, _) => store(segment, 16, pseudo_header(h, segment.len())),
        (IpProtocol::UDP, _) => {
            let Some(&[_, _, _, _, high, low, sum @ ..]) = segment.first_chunk::<8>() else { return };
            let len = usize::from(u16::from_be_bytes([high, low]));
            // Zero says that there is none; a computed zero is sent as its other zero.
            if sum == [0, 0] {
                return;
            }
            let Some(datagram) = segment.get_mut(..len) else { return };
            store(datagram, 6, pseudo_header(h, len));
            if datagram[6..8] == [0, 0] {
                datagram[6..8].fill(0xff);
            }
        }
        (IpProtocol::ICMP, true) => store(segment, 2, Sum16BitWords::new()),
        (IpProtocol::ICMPV6, false) => store(segment, 2, pseudo_header(h, segment.len())),
        _ => {}
    }
}

/// Writes the checksum of `bytes` and of what was summed before into its place at `at`.
fn store(bytes: &mut [u8], at: usize, before: Sum16BitWords) {
    let Some(place) = bytes.get_mut(at..at + 2) else { return };
    place.fill(0);
    let sum = before.add_slice(bytes).ones_complement().to_ne_bytes();
    bytes[at..at + 2].copy_from_slice(&sum);
}

/// Addresses, length and protocol, which upper layers cover too.
fn pseudo_header(h: &Headers, len: usize) -> Sum16BitWords {
    let add = |sum: Sum16BitWords, address: IpAddr| match address {
        IpAddr::V4(address) => sum.add_slice(&address.octets()),
        IpAddr::V6(address) => sum.add_slice(&address.octets()),
    };
    // A length that fits an IP packet has 16 bits, wherever the pseudo-header has its other zeros.
    let words = [(len as u16).to_be_bytes(), [0, h.protocol.0]];
    add(add(Sum16BitWords::new(), h.src), h.dst).add_slice(words.as_flattened())
}
