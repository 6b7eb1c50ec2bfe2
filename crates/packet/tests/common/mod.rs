//! Frames to try, and etherparse as the second opinion on their checksums.

#![allow(dead_code)] // each test binary uses its own part

use std::net::IpAddr;

use etherparse::{
    IpFragOffset, IpHeaders, IpNumber, Ipv4Extensions, Ipv4Header, Ipv6Extensions, Ipv6FragmentHeader,
    Ipv6Header, Ipv6RawExtHeader, Ipv6RoutingExtensions, NetSlice, PacketBuilder, SlicedPacket,
    TransportSlice, ip_number,
};
use proptest::prelude::*;
use vnetsim_packet::{
    Endpoints, TcpFlags, icmp_echo, icmp_fragmentation_needed, icmp_time_exceeded, tcp, udp,
};

/// Ends with the given addresses.
pub(crate) fn ends(src: &str, dst: &str) -> Endpoints {
    Endpoints {
        src_mac: [2, 0, 0, 0, 0, 1],
        dst_mac: [2, 0, 0, 0, 0, 2],
        src: src.parse().unwrap(),
        dst: dst.parse().unwrap(),
        ttl: 64,
        dont_fragment: true,
    }
}

/// One end pair of each family.
pub(crate) fn both_families() -> [Endpoints; 2] {
    [ends("10.20.0.4", "10.30.0.4"), ends("fd00:20::4", "fd00:30::4")]
}

/// Every checksum in the frame: what it is, the stored value and the value computed from scratch.
pub(crate) fn checksums(frame: &[u8]) -> Vec<(&'static str, u16, u16)> {
    let packet = SlicedPacket::from_ethernet(frame).unwrap();
    let mut found = Vec::new();
    if let Some(NetSlice::Ipv4(ip)) = &packet.net {
        let header = ip.header().to_header();
        found.push(("ipv4", header.header_checksum, header.calc_header_checksum()));
    }
    let (net, Some(transport)) = (packet.net.unwrap(), packet.transport) else { return found };
    found.push(match (&net, transport) {
        (NetSlice::Ipv4(ip), TransportSlice::Tcp(t)) => (
            "tcp",
            t.checksum(),
            t.calc_checksum_ipv4(ip.header().source(), ip.header().destination()).unwrap(),
        ),
        (NetSlice::Ipv6(ip), TransportSlice::Tcp(t)) => (
            "tcp",
            t.checksum(),
            t.calc_checksum_ipv6(ip.header().source(), ip.header().destination()).unwrap(),
        ),
        // No checksum was sent: nothing to compare.
        (NetSlice::Ipv4(_), TransportSlice::Udp(u)) if u.checksum() == 0 => return found,
        (NetSlice::Ipv4(ip), TransportSlice::Udp(u)) => {
            let header = u.to_header();
            ("udp", u.checksum(), header.calc_checksum_ipv4(&ip.header().to_header(), u.payload()).unwrap())
        }
        (NetSlice::Ipv6(ip), TransportSlice::Udp(u)) => {
            let header = u.to_header();
            ("udp", u.checksum(), header.calc_checksum_ipv6(&ip.header().to_header(), u.payload()).unwrap())
        }
        (_, TransportSlice::Icmpv4(i)) => ("icmp", i.checksum(), i.icmp_type().calc_checksum(i.payload())),
        (NetSlice::Ipv6(ip), TransportSlice::Icmpv6(i)) => {
            let (src, dst) = (ip.header().source(), ip.header().destination());
            ("icmpv6", i.checksum(), i.icmp_type().calc_checksum(src, dst, i.payload()).unwrap())
        }
        other => panic!("unexpected layers {other:?}"),
    });
    found
}

/// Fails when a stored checksum is not the one computed from scratch.
pub(crate) fn assert_checksums(frame: &[u8]) {
    for (name, stored, fresh) in checksums(frame) {
        assert_eq!(stored, fresh, "{name} checksum of {frame:02x?}");
    }
}

/// An IPv4 frame around `l4`, with options.
pub(crate) fn v4_frame(
    ends: &Endpoints,
    options: &[u8],
    protocol: IpNumber,
    l4: &[u8],
    part: (u16, bool),
) -> Vec<u8> {
    let (IpAddr::V4(src), IpAddr::V4(dst)) = (ends.src, ends.dst) else { panic!("IPv4 only") };
    let header = Ipv4Header {
        time_to_live: ends.ttl,
        source: src.octets(),
        destination: dst.octets(),
        dont_fragment: false,
        fragment_offset: IpFragOffset::try_new(part.0 / 8).unwrap(),
        more_fragments: part.1,
        options: options.try_into().unwrap(),
        ..Ipv4Header::default()
    };
    let headers = IpHeaders::Ipv4(header, Ipv4Extensions::default());
    write(ends, headers, protocol, l4)
}

/// An IPv6 frame around `l4`, with extension headers.
pub(crate) fn v6_frame(
    ends: &Endpoints,
    extensions: Ipv6Extensions,
    protocol: IpNumber,
    l4: &[u8],
) -> Vec<u8> {
    let (IpAddr::V6(src), IpAddr::V6(dst)) = (ends.src, ends.dst) else { panic!("IPv6 only") };
    let header = Ipv6Header {
        hop_limit: ends.ttl,
        source: src.octets(),
        destination: dst.octets(),
        ..Ipv6Header::default()
    };
    write(ends, IpHeaders::Ipv6(header, extensions), protocol, l4)
}

fn write(ends: &Endpoints, headers: IpHeaders, protocol: IpNumber, l4: &[u8]) -> Vec<u8> {
    let mut frame = Vec::new();
    PacketBuilder::ethernet2(ends.src_mac, ends.dst_mac)
        .ip(headers)
        .write_to_vec(&mut frame, protocol, l4)
        .unwrap();
    frame
}

/// A hop-by-hop or destination options header of eight bytes, all padding.
pub(crate) fn raw_extension() -> Ipv6RawExtHeader {
    Ipv6RawExtHeader::new_raw(ip_number::TCP, &[1, 4, 0, 0, 0, 0]).unwrap()
}

/// A routing header with this many segments left.
pub(crate) fn routing(segments_left: u8) -> Ipv6RoutingExtensions {
    let routing = Ipv6RawExtHeader::new_raw(ip_number::TCP, &[4, segments_left, 0, 0, 0, 0]).unwrap();
    Ipv6RoutingExtensions { routing, final_destination_options: None }
}

/// A fragment header.
pub(crate) fn fragment_header(offset_bytes: u16, more: bool) -> Ipv6FragmentHeader {
    Ipv6FragmentHeader::new(ip_number::TCP, IpFragOffset::try_new(offset_bytes / 8).unwrap(), more, 7)
}

/// The same upper layer as in a built frame, with IPv4 options or IPv6 extension headers before it.
pub(crate) fn dressed(ends: &Endpoints, frame: &[u8]) -> Vec<u8> {
    let h = vnetsim_packet::parse(frame).unwrap();
    let (protocol, l4) = (IpNumber(h.protocol.0), &frame[usize::from(h.l4_offset)..]);
    if ends.src.is_ipv4() {
        return v4_frame(ends, &[1, 1, 1, 1, 1, 1, 1, 0], protocol, l4, (0, false));
    }
    let extensions = Ipv6Extensions {
        hop_by_hop_options: Some(raw_extension()),
        destination_options: Some(raw_extension()),
        routing: Some(routing(0)),
        fragment: Some(fragment_header(0, false)),
        auth: None,
    };
    v6_frame(ends, extensions, protocol, l4)
}

/// Ends of either family.
pub(crate) fn any_ends() -> impl Strategy<Value = Endpoints> {
    let addresses = prop_oneof![
        any::<([u8; 4], [u8; 4])>().prop_map(|(a, b)| (IpAddr::from(a), IpAddr::from(b))),
        any::<([u8; 16], [u8; 16])>().prop_map(|(a, b)| (IpAddr::from(a), IpAddr::from(b))),
    ];
    (any::<[u8; 6]>(), any::<[u8; 6]>(), addresses, any::<u8>(), any::<bool>()).prop_map(
        |(src_mac, dst_mac, (src, dst), ttl, dont_fragment)| Endpoints {
            src_mac,
            dst_mac,
            src,
            dst,
            ttl,
            dont_fragment,
        },
    )
}

/// Ends and a frame between them that a builder made.
pub(crate) fn any_frame() -> impl Strategy<Value = (Endpoints, Vec<u8>)> {
    let words = any::<(u16, u16, u8, u32, u32)>();
    (any_ends(), 0..5u8, words, 0..1400usize).prop_map(|(ends, kind, (a, b, flags, seq, ack), len)| {
        let frame = match kind {
            0 => tcp(&ends, a, b, TcpFlags(flags), seq, ack, len),
            1 => udp(&ends, a, b, len),
            2 => icmp_echo(&ends, flags & 1 == 0, a, b, len),
            3 => icmp_time_exceeded(&ends, &udp(&ends, a, b, len).unwrap()),
            _ => icmp_fragmentation_needed(&ends, &icmp_echo(&ends, true, a, b, len).unwrap(), b),
        };
        (ends, frame.unwrap())
    })
}

/// Like [`any_frame`], half of them with options or extension headers.
pub(crate) fn any_dressed_frame() -> impl Strategy<Value = Vec<u8>> {
    (any_frame(), any::<bool>())
        .prop_map(|((ends, frame), dress)| if dress { dressed(&ends, &frame) } else { frame })
}
