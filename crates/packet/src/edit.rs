//! Edits in place: addresses, ports, time to live.
//!
//! Owns every write to an existing frame. Called by the data plane's routers and translators; must
//! never change a frame's length. Each edit changes the frame, its checksums (RFC 1624) and the
//! digest, or nothing at all. Costs the changed words; the payload is not read.
//!
//! Checksums kept: IPv4 header, TCP, UDP and ICMPv6. Not kept: those of other transports over a
//! pseudo-header (UDP-Lite, DCCP), and the AH integrity value. The packet embedded in an ICMP error stays as it is, but for
//! [`set_quoted_source`]. IPv4 source-route options are not interpreted.

use std::{fmt, net::IpAddr, ops::Range};

use vnetsim_types::IpProtocol;

use crate::{
    Headers, L4, Mac,
    checksum::Delta,
    parse::{is_source_routed, quoted_headers},
};

/// Bytes of an ICMP or ICMPv6 error before what it quotes.
const ICMP_HEADER_LEN: usize = 8;

/// Why an edit was refused. The frame and its digest are unchanged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EditError {
    /// The new address is of the other family.
    MixedFamilies,
    /// A port was given, but this packet has neither ports nor an echo identifier.
    NoPort,
    /// The destination of an IPv6 packet on its way along a routing header is not its final one.
    SourceRouted,
    /// The digest is not that of this frame.
    NotThisFrame,
}

impl fmt::Display for EditError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::MixedFamilies => "the new address is of the other IP family",
            Self::NoPort => "the packet has neither ports nor an echo identifier",
            Self::SourceRouted => "the destination of a source-routed packet cannot be translated",
            Self::NotThisFrame => "the digest does not belong to the frame",
        })
    }
}

impl std::error::Error for EditError {}

/// Sets the Ethernet addresses. Does nothing when `h` is not the digest of `frame`.
pub fn set_macs(frame: &mut [u8], h: &mut Headers, src: Mac, dst: Mac) {
    let Some(addresses) = frame.get_mut(..12) else { return };
    addresses[..6].copy_from_slice(&dst);
    addresses[6..].copy_from_slice(&src);
    (h.eth_src, h.eth_dst) = (src, dst);
}

/// Sets the time to live or hop limit. Does nothing when `h` is not the digest of `frame`.
pub fn set_ttl(frame: &mut [u8], h: &mut Headers, ttl: u8) {
    let Some(ip) = frame.get_mut(usize::from(h.l3_offset)..) else { return };
    if h.src.is_ipv6() {
        let Some(hop_limit) = ip.get_mut(7) else { return };
        *hop_limit = ttl;
    } else {
        let Some(header) = ip.get_mut(..20) else { return };
        // The checksum works on words: time to live and protocol share one.
        let mut delta = Delta::default();
        let protocol = header[9];
        delta.overwrite(&mut header[8..10], &[ttl, protocol]);
        update(header, 10, delta);
    }
    h.ttl = ttl;
}

/// Sets the source address, and with `port` the source port or the echo identifier; `None` leaves it.
///
/// # Errors
///
/// See [`EditError`]; the packet embedded in an ICMP error is left alone, so a port is refused there.
pub fn set_source(frame: &mut [u8], h: &mut Headers, ip: IpAddr, port: Option<u16>) -> Result<(), EditError> {
    rewrite(frame, h, Side::Source, ip, port)?;
    h.src = ip;
    match (&mut h.l4, port) {
        (L4::Tcp { src_port, .. } | L4::Udp { src_port, .. }, Some(port)) => *src_port = port,
        (L4::IcmpEcho { id, .. }, Some(port)) => *id = port,
        _ => {}
    }
    Ok(())
}

/// Sets the destination address, and with `port` the destination port or the echo identifier; `None`
/// leaves it.
///
/// # Errors
///
/// See [`EditError`]; the packet embedded in an ICMP error is left alone, so a port is refused there.
pub fn set_destination(
    frame: &mut [u8],
    h: &mut Headers,
    ip: IpAddr,
    port: Option<u16>,
) -> Result<(), EditError> {
    if is_source_routed(frame, h) {
        return Err(EditError::SourceRouted);
    }
    rewrite(frame, h, Side::Destination, ip, port)?;
    h.dst = ip;
    match (&mut h.l4, port) {
        (L4::Tcp { dst_port, .. } | L4::Udp { dst_port, .. }, Some(port)) => *dst_port = port,
        (L4::IcmpEcho { id, .. }, Some(port)) => *id = port,
        _ => {}
    }
    Ok(())
}

/// Sets source address and port of the packet that an ICMP error quotes, as a translator does that lets the error back to
/// the packet's sender (RFC 5508): in the quoted headers, and in the checksum over them.
///
/// # Errors
///
/// See [`EditError`]; [`EditError::NotThisFrame`] where the quote is too short for its checksums.
pub fn set_quoted_source(
    frame: &mut [u8],
    h: &mut Headers,
    ip: IpAddr,
    port: Option<u16>,
) -> Result<(), EditError> {
    let at = usize::from(h.l4_offset) + ICMP_HEADER_LEN;
    let quoted = frame.get(at..).and_then(quoted_headers).ok_or(EditError::NotThisFrame)?;
    let L4::IcmpError { about: Some(about), .. } = &mut h.l4 else { return Err(EditError::NoPort) };
    let inside = frame.get_mut(at..).ok_or(EditError::NotThisFrame)?;
    // What is changed lies in the headers.
    let len = (usize::from(quoted.l4_offset) + 20).min(inside.len()) & !1;
    let mut before: Vec<u8> = inside.get(..len).ok_or(EditError::NotThisFrame)?.to_vec();
    rewrite(inside, &quoted, Side::Source, ip, port)?;
    about.src = ip;
    if let Some(port) = port {
        about.src_port = port;
        if !about.protocol.has_ports() {
            about.dst_port = port; // an echo identifier
        }
    }
    let mut delta = Delta::default();
    delta.overwrite(&mut before, &frame[at..at + len]);
    update(frame, usize::from(h.l4_offset) + 2, delta);
    Ok(())
}

#[derive(Clone, Copy, PartialEq)]
enum Side {
    Source,
    Destination,
}

/// Writes address and port of one side into the frame and updates its checksums.
fn rewrite(
    frame: &mut [u8],
    h: &Headers,
    side: Side,
    ip: IpAddr,
    port: Option<u16>,
) -> Result<(), EditError> {
    if ip.is_ipv4() != h.src.is_ipv4() {
        return Err(EditError::MixedFamilies);
    }
    let (l3, l4) = (usize::from(h.l3_offset), usize::from(h.l4_offset));
    let address_at = address_range(side, h.src.is_ipv4(), l3);
    let port_at = match port {
        Some(_) => Some(l4 + port_offset(side, &h.l4).ok_or(EditError::NoPort)?),
        None => None,
    };
    let checksum = L4Checksum::of(h);
    let l4_end = port_at.map_or(0, |at| at + 2).max(checksum.map_or(0, |c| l4 + c.offset + 2));
    if frame.len() < address_at.end.max(l4_end) {
        return Err(EditError::NotThisFrame);
    }

    let (mut address_delta, mut l4_delta) = (Delta::default(), Delta::default());
    match ip {
        IpAddr::V4(ip) => {
            address_delta.overwrite(&mut frame[address_at], &ip.octets());
            update(frame, l3 + 10, address_delta);
        }
        IpAddr::V6(ip) => address_delta.overwrite(&mut frame[address_at], &ip.octets()),
    }
    if checksum.is_some_and(|c| c.covers_addresses) {
        l4_delta = address_delta;
    }
    if let (Some(at), Some(port)) = (port_at, port) {
        l4_delta.overwrite(&mut frame[at..at + 2], &port.to_be_bytes());
    }
    match checksum {
        Some(c) if c.optional => update_udp(frame, l4 + c.offset, l4_delta),
        Some(c) => update(frame, l4 + c.offset, l4_delta),
        None => {}
    }
    Ok(())
}

fn address_range(side: Side, v4: bool, l3: usize) -> Range<usize> {
    let (offset, len) = match (side, v4) {
        (Side::Source, true) => (12, 4),
        (Side::Destination, true) => (16, 4),
        (Side::Source, false) => (8, 16),
        (Side::Destination, false) => (24, 16),
    };
    l3 + offset..l3 + offset + len
}

/// Where the field that `port` stands for lies in the upper layer's header.
fn port_offset(side: Side, l4: &L4) -> Option<usize> {
    match (l4, side) {
        (L4::Tcp { .. } | L4::Udp { .. }, Side::Source) => Some(0),
        (L4::Tcp { .. } | L4::Udp { .. }, Side::Destination) => Some(2),
        (L4::IcmpEcho { .. }, _) => Some(4),
        (L4::IcmpError { .. } | L4::Other, _) => None,
    }
}

/// The checksum of an upper layer.
#[derive(Clone, Copy)]
struct L4Checksum {
    /// Where it lies in the upper layer's header.
    offset: usize,
    /// True when it also covers a pseudo-header with the addresses.
    covers_addresses: bool,
    /// True when zero means that there is none: UDP.
    optional: bool,
}

impl L4Checksum {
    /// By protocol and not by [`L4`]: an ICMPv6 message of any type covers the addresses.
    fn of(h: &Headers) -> Option<Self> {
        if !h.has_l4_start() {
            return None;
        }
        let (offset, covers_addresses, optional) = match (h.protocol, h.src.is_ipv4()) {
            (IpProtocol::TCP, _) => (16, true, false),
            (IpProtocol::UDP, _) => (6, true, true),
            (IpProtocol::ICMP, true) => (2, false, false),
            (IpProtocol::ICMPV6, false) => (2, true, false),
            _ => return None,
        };
        Some(Self { offset, covers_addresses, optional })
    }
}

fn update(bytes: &mut [u8], at: usize, delta: Delta) {
    let stored = u16::from_be_bytes([bytes[at], bytes[at + 1]]);
    bytes[at..at + 2].copy_from_slice(&delta.apply(stored).to_be_bytes());
}

/// Zero stays zero: no checksum was sent. A checksum that becomes zero is sent as its other zero.
fn update_udp(bytes: &mut [u8], at: usize, delta: Delta) {
    if bytes[at..at + 2] == [0, 0] {
        return;
    }
    update(bytes, at, delta);
    if bytes[at..at + 2] == [0, 0] {
        bytes[at..at + 2].fill(0xff);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        Endpoints, TcpFlags, icmp_echo, icmp_fragmentation_needed, icmp_time_exceeded, parse, tcp, udp,
    };

    /// What comes of translating the source of a packet, of an error about it, and of the error's quote back, is the error
    /// about the packet as it was.
    #[test]
    fn an_error_about_a_translated_packet_is_translated_back() {
        for [src, own, dst] in [["10.0.0.4", "10.1.0.4", "10.2.0.4"], ["fd00::4", "fd01::4", "fd02::4"]] {
            let [src, own, dst]: [IpAddr; 3] = [src, own, dst].map(|ip| ip.parse().unwrap());
            let ends = |src, dst| Endpoints {
                src_mac: [2; 6],
                dst_mac: [4; 6],
                src,
                dst,
                ttl: 9,
                dont_fragment: true,
            };
            let sent = [
                tcp(&ends(src, dst), 50_000, 443, TcpFlags::ACK, 7, 9, 1_460).unwrap(),
                udp(&ends(src, dst), 50_000, 53, 3).unwrap(),
                icmp_echo(&ends(src, dst), true, 50_000, 3, 11).unwrap(),
            ];
            for before in sent {
                let (mut after, mut headers) = (before.clone(), parse(&before).unwrap());
                set_source(&mut after, &mut headers, own, Some(60_001)).unwrap();
                let errors = |frame: &[u8]| {
                    let from = ends(dst, src);
                    [icmp_fragmentation_needed(&from, frame, 1_400), icmp_time_exceeded(&from, frame)]
                };
                for (expected, error) in errors(&before).into_iter().zip(errors(&after)) {
                    let (mut error, expected) = (error.unwrap(), expected.unwrap());
                    let mut headers = parse(&error).unwrap();
                    set_quoted_source(&mut error, &mut headers, src, Some(50_000)).unwrap();
                    assert_eq!(error, expected);
                    assert_eq!(headers, parse(&error).unwrap());
                }
            }
        }
    }

    #[test]
    fn what_quotes_nothing_is_left_alone() {
        let ip = IpAddr::from([10, 0, 0, 4]);
        let ends =
            Endpoints { src_mac: [2; 6], dst_mac: [4; 6], src: ip, dst: ip, ttl: 9, dont_fragment: true };
        let frame = udp(&ends, 1, 2, 40).unwrap();
        let (mut edited, mut headers) = (frame.clone(), parse(&frame).unwrap());
        assert!(set_quoted_source(&mut edited, &mut headers, ip, Some(3)).is_err());
        assert_eq!((edited, headers), (frame.clone(), parse(&frame).unwrap()));
    }
}
