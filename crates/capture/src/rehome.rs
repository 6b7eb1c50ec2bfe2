//! From a captured packet to a frame that a simulated network can carry.
//!
//! Owns the change of link layer, lengths and addresses. Called once per packet that is replayed; must never decide
//! whether or where a packet is sent, or touch its payload. Costs one allocation of the frame's size and one pass over
//! it for the checksums.
//!
//! Kept as captured: identification, time to live, options, ports, payload, and packets larger than any MTU that
//! segmentation offload leaves in captures. Not translated: addresses in payloads, also in those of neighbour
//! discovery; checksums of UDP-Lite and DCCP; quotes in fragmented ICMP errors.

use std::{fmt, net::IpAddr};

use etherparse::Ipv6Header;
use vnetsim_packet::{EditError, Headers, L4, ParseError, parse, set_destination, set_source};
use vnetsim_types::IpProtocol;

use crate::{
    CapturedPacket, checksum,
    link::{IPV4, ip_packet},
    quote,
};

/// A captured packet, ready to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rehomed {
    /// Ethernet II without VLAN tags or padding. Both MAC addresses are zero.
    pub frame: Vec<u8>,
    /// The digest of `frame`.
    pub headers: Headers,
    /// The source address before it was translated.
    pub captured_src: IpAddr,
    /// The destination address before it was translated.
    pub captured_dst: IpAddr,
    /// Bytes of payload at the end of `frame` that the capture did not keep and that are zeros instead.
    pub filled_bytes: usize,
}

/// Why a captured packet cannot be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoHome {
    /// Neither IPv4 nor IPv6, by this EtherType: ARP is 0x0806, LLDP 0x88cc. Below 0x0600 it is the length of an 802.3
    /// frame.
    NotIp(u16),
    /// Neither IPv4 nor IPv6, by this address family of a loopback capture.
    OtherFamily(u32),
    /// The capture did not keep all headers.
    Truncated,
    /// The packet was broken when it was captured.
    Malformed(ParseError),
    /// The link layer with this number is not known.
    UnknownLink(u16),
    /// An address cannot be translated as asked.
    NotTranslatable(EditError),
}

impl fmt::Display for NoHome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotIp(length @ ..0x0600) => write!(f, "an 802.3 frame of {length} bytes, not IP"),
            Self::NotIp(0x0806) => f.write_str("ARP, not IP"),
            Self::NotIp(ether_type) => write!(f, "EtherType {ether_type:#06x}, not IP"),
            Self::OtherFamily(family) => write!(f, "address family {family}, not IP"),
            Self::Truncated => f.write_str("the capture did not keep all headers"),
            Self::Malformed(e) => write!(f, "the packet is malformed: {e}"),
            Self::UnknownLink(number) => write!(f, "link layer {number} is not known"),
            Self::NotTranslatable(e) => write!(f, "an address cannot be translated: {e}"),
        }
    }
}

impl std::error::Error for NoHome {}

/// Makes a frame of a captured packet: takes off its link layer and padding, translates its addresses and those of a
/// packet quoted in an ICMP error through `addresses` (`None` keeps one), and makes its checksums right.
///
/// Checksums of whole packets are computed anew, because captures on a sending host have them unfinished; those of
/// fragments and behind IPv6 extension headers are updated, so that a wrong one stays wrong; a UDP checksum of zero
/// stays zero. Payload that the capture did not keep becomes zeros ([`Rehomed::filled_bytes`]).
///
/// # Errors
///
/// See [`NoHome`].
pub fn rehome(
    packet: &CapturedPacket<'_>,
    addresses: &dyn Fn(IpAddr) -> Option<IpAddr>,
) -> Result<Rehomed, NoHome> {
    let (mut frame, filled_bytes) = ethernet(packet)?;
    let mut headers = parse(&frame).map_err(|e| broken(e, filled_bytes))?;
    if headers_end(&frame, &headers) + filled_bytes > frame.len() {
        return Err(NoHome::Truncated);
    }
    let (captured_src, captured_dst) = (headers.src, headers.dst);
    if let Some(src) = addresses(captured_src) {
        set_source(&mut frame, &mut headers, src, None).map_err(NoHome::NotTranslatable)?;
    }
    if let Some(dst) = addresses(captured_dst) {
        set_destination(&mut frame, &mut headers, dst, None).map_err(NoHome::NotTranslatable)?;
    }
    if matches!(headers.l4, L4::IcmpError { .. }) && headers.fragment.is_none() {
        if let Some(quoted) = frame.get_mut(usize::from(headers.l4_offset) + 8..) {
            quote::translate(quoted, addresses);
        }
        headers = parse(&frame).map_err(NoHome::Malformed)?;
    }
    checksum::renew(&mut frame, &headers);
    Ok(Rehomed { frame, headers, captured_src, captured_dst, filled_bytes })
}

pub(crate) const ETHERNET_LEN: usize = 14;

/// An Ethernet II header with zeros for addresses, and room for `ip_len` bytes more.
pub(crate) fn ethernet_header(ether_type: u16, ip_len: usize) -> Vec<u8> {
    let mut frame = Vec::with_capacity(ETHERNET_LEN + ip_len);
    frame.resize(ETHERNET_LEN - 2, 0);
    frame.extend_from_slice(&ether_type.to_be_bytes());
    frame
}

/// Where an IP header has its length.
fn len_field(ether_type: u16) -> usize {
    if ether_type == IPV4 { 2 } else { 4 }
}

/// How long an IP packet says it is, in bytes; `None` when its header does not reach so far.
pub(crate) fn stated_len(ether_type: u16, ip: &[u8]) -> Option<usize> {
    let field = usize::from(u16::from_be_bytes(*ip.get(len_field(ether_type)..)?.first_chunk()?));
    Some(if ether_type == IPV4 { field } else { Ipv6Header::LEN + field })
}

/// The frame of the captured packet, as long as its IP packet says, and how many bytes of it are filled in.
fn ethernet(packet: &CapturedPacket<'_>) -> Result<(Vec<u8>, usize), NoHome> {
    let missing = packet.missing_bytes();
    let (ether_type, ip) = ip_packet(packet.link, packet.data)?;
    let was_there = ip.len() + missing;
    let broken =
        |missing| if missing > 0 { NoHome::Truncated } else { NoHome::Malformed(ParseError::Truncated) };
    let stated = stated_len(ether_type, ip).ok_or(broken(missing))?;
    let unset = leaves_length_to_hardware(ether_type, ip);
    let len = if unset { was_there } else { stated };
    if len > was_there {
        return Err(NoHome::Malformed(ParseError::Truncated));
    }
    let fixed = if ether_type == IPV4 { 0 } else { Ipv6Header::LEN };
    let field =
        u16::try_from(len.saturating_sub(fixed)).map_err(|_| NoHome::Malformed(ParseError::BadLength))?;
    let mut frame = ethernet_header(ether_type, len);
    frame.extend_from_slice(&ip[..len.min(ip.len())]);
    frame.resize(ETHERNET_LEN + len, 0);
    if unset {
        let at = ETHERNET_LEN + len_field(ether_type);
        frame[at..at + 2].copy_from_slice(&field.to_be_bytes());
    }
    Ok((frame, len.saturating_sub(ip.len())))
}

/// True for a packet that segmentation offload was to split, captured before: its length is zero. In IPv6 zero is a
/// length too, but not with TCP behind it.
fn leaves_length_to_hardware(ether_type: u16, ip: &[u8]) -> bool {
    match ether_type {
        IPV4 => ip.get(2..4) == Some(&[0, 0]),
        _ => ip.get(4..6) == Some(&[0, 0]) && ip.len() > Ipv6Header::LEN && ip[6] == IpProtocol::TCP.0,
    }
}

/// What a frame that cannot be parsed means: behind filled-in bytes it is not the packet's fault.
fn broken(error: ParseError, filled_bytes: usize) -> NoHome {
    match error {
        ParseError::Truncated | ParseError::BadLength | ParseError::BadExtensionOrder if filled_bytes > 0 => {
            NoHome::Truncated
        }
        other => NoHome::Malformed(other),
    }
}

/// Where the headers end that a network looks at, in bytes from the start of the frame; for an ICMP error, where the
/// ports of its quote end.
fn headers_end(frame: &[u8], h: &Headers) -> usize {
    let l4 = usize::from(h.l4_offset);
    match h.l4 {
        L4::Tcp { payload_len, .. } => {
            usize::from(h.l3_offset) + usize::from(h.ip_len) - usize::from(payload_len)
        }
        L4::Udp { .. } | L4::IcmpEcho { .. } => l4 + 8,
        L4::IcmpError { .. } => (l4 + quote::least_len(&frame[l4..])).min(frame.len()),
        L4::Other => l4,
    }
}
