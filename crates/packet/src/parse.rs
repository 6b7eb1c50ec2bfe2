//! From bytes to the digest.
//!
//! Owns every read of a frame's structure. Called once per frame that enters the simulator, and by
//! `build` and `edit`. Must never allocate, trust a length field, or accept a frame that is shorter
//! than its IP length says. Costs the headers' bytes and, for an ICMP error, those of the embedded
//! headers; checksums are not verified.

use std::{fmt, net::IpAddr};

use etherparse::{
    EtherType, Ethernet2HeaderSlice, IpNumber, Ipv4HeaderSlice, Ipv6FragmentHeaderSlice, Ipv6Header,
    Ipv6HeaderSlice, Ipv6RawExtHeaderSlice, TcpHeaderSlice, UdpHeader, UdpHeaderSlice, err, icmpv4, icmpv6,
    ip_number,
};
use vnetsim_types::{FlowKey, IpProtocol};

use crate::{Fragment, Headers, IcmpErrorKind, L4, TcpFlags};

/// Why bytes are not a frame that this crate reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ParseError {
    /// The frame, or its IP packet, ends before a header or before the length it states.
    Truncated,
    /// Not IPv4 or IPv6, by this EtherType.
    NotIp(u16),
    /// The version field contradicts the EtherType.
    BadVersion(u8),
    /// A length field is smaller or larger than it can be.
    BadLength,
    /// An IPv6 hop-by-hop header that is not the first.
    BadExtensionOrder,
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Truncated => f.write_str("the frame is shorter than its headers say"),
            Self::NotIp(ether_type) => write!(f, "EtherType {ether_type:#06x} is neither IPv4 nor IPv6"),
            Self::BadVersion(version) => write!(f, "IP version {version} contradicts the EtherType"),
            Self::BadLength => f.write_str("a header has an impossible length field"),
            Self::BadExtensionOrder => f.write_str("an IPv6 hop-by-hop header is not the first"),
        }
    }
}

impl std::error::Error for ParseError {}

/// Digests an Ethernet II frame. Bytes after the IP packet are padding and ignored.
///
/// # Errors
///
/// See [`ParseError`]. A packet or first fragment without room for its upper layer's header is
/// refused, as receivers do.
pub fn parse(frame: &[u8]) -> Result<Headers, ParseError> {
    let eth = Ethernet2HeaderSlice::from_slice(frame).map_err(|_| ParseError::Truncated)?;
    let l3 = eth.slice().len();
    let packet = &frame[l3..];
    let ip = match eth.ether_type() {
        EtherType::IPV4 => Ip::v4(packet)?,
        EtherType::IPV6 => Ip::v6(packet)?,
        EtherType(other) => return Err(ParseError::NotIp(other)),
    };
    let (start, end) = (ip.header_len, usize::from(ip.len));
    if start > end {
        return Err(ParseError::BadLength);
    }
    let payload = packet.get(start..end).ok_or(ParseError::Truncated)?;
    Ok(Headers {
        eth_src: eth.source(),
        eth_dst: eth.destination(),
        l3_offset: small(l3)?,
        l4_offset: small(l3 + start)?,
        src: ip.src,
        dst: ip.dst,
        protocol: ip.protocol,
        ttl: ip.ttl,
        ip_len: ip.len,
        dont_fragment: ip.dont_fragment,
        fragment: ip.fragment,
        l4: l4(&ip, payload)?,
    })
}

/// The digest of the packet that an ICMP error quotes, from the start of the quote, which may be cut. `None` when it ends
/// within the upper layer's header.
pub(crate) fn quoted_headers(quote: &[u8]) -> Option<Headers> {
    let (ip, payload) = quoted(quote)?;
    let l4 = match ip.protocol {
        IpProtocol::UDP if ip.has_l4_start() => udp(payload, true),
        _ => l4(&ip, payload),
    };
    Some(Headers {
        eth_src: [0; 6],
        eth_dst: [0; 6],
        l3_offset: 0,
        l4_offset: small(ip.header_len).ok()?,
        src: ip.src,
        dst: ip.dst,
        protocol: ip.protocol,
        ttl: ip.ttl,
        ip_len: ip.len,
        dont_fragment: ip.dont_fragment,
        fragment: ip.fragment,
        l4: l4.ok()?,
    })
}

/// True for an IPv6 packet on its way along a routing header: its destination is not the final one,
/// which is the one that checksums cover (RFC 8200, section 8.1).
pub(crate) fn is_source_routed(frame: &[u8], h: &Headers) -> bool {
    let without_extensions = usize::from(h.l3_offset) + Ipv6Header::LEN;
    if h.src.is_ipv4() || usize::from(h.l4_offset) <= without_extensions {
        return false;
    }
    let packet = frame.get(usize::from(h.l3_offset)..).unwrap_or_default();
    let Ok(ip) = Ipv6HeaderSlice::from_slice(packet) else { return false };
    Extensions::walk(ip.next_header(), &packet[Ipv6Header::LEN..]).is_ok_and(|e| e.source_routed)
}

fn small(n: usize) -> Result<u16, ParseError> {
    u16::try_from(n).map_err(|_| ParseError::BadLength)
}

/// The IP layer of a packet.
struct Ip {
    src: IpAddr,
    dst: IpAddr,
    protocol: IpProtocol,
    ttl: u8,
    len: u16,
    dont_fragment: bool,
    fragment: Option<Fragment>,
    /// With options or extension headers.
    header_len: usize,
}

impl Ip {
    /// Reads an IPv4 header. The packet may be cut after it.
    fn v4(packet: &[u8]) -> Result<Self, ParseError> {
        use err::ipv4::{HeaderError, HeaderSliceError};
        let ip = Ipv4HeaderSlice::from_slice(packet).map_err(|e| match e {
            HeaderSliceError::Len(_) => ParseError::Truncated,
            HeaderSliceError::Content(HeaderError::UnexpectedVersion { version_number }) => {
                ParseError::BadVersion(version_number)
            }
            HeaderSliceError::Content(HeaderError::HeaderLengthSmallerThanHeader { .. }) => {
                ParseError::BadLength
            }
        })?;
        Ok(Self {
            src: ip.source_addr().into(),
            dst: ip.destination_addr().into(),
            protocol: IpProtocol(ip.protocol().0),
            ttl: ip.ttl(),
            len: ip.total_len(),
            dont_fragment: ip.dont_fragment(),
            fragment: fragment(ip.fragments_offset().byte_offset(), ip.more_fragments()),
            header_len: ip.slice().len(),
        })
    }

    /// Reads an IPv6 header and its extension headers. The packet may be cut after them.
    fn v6(packet: &[u8]) -> Result<Self, ParseError> {
        use err::ipv6::{HeaderError, HeaderSliceError};
        let ip = Ipv6HeaderSlice::from_slice(packet).map_err(|e| match e {
            HeaderSliceError::Len(_) => ParseError::Truncated,
            HeaderSliceError::Content(HeaderError::UnexpectedVersion { version_number }) => {
                ParseError::BadVersion(version_number)
            }
        })?;
        let len = small(Ipv6Header::LEN + usize::from(ip.payload_length()))?;
        let stated = packet.len().min(usize::from(len));
        let extensions = Extensions::walk(ip.next_header(), &packet[Ipv6Header::LEN..stated])?;
        Ok(Self {
            src: ip.source_addr().into(),
            dst: ip.destination_addr().into(),
            protocol: extensions.protocol,
            ttl: ip.hop_limit(),
            len,
            dont_fragment: true,
            fragment: extensions.fragment,
            header_len: Ipv6Header::LEN + extensions.len,
        })
    }

    fn has_l4_start(&self) -> bool {
        self.fragment.is_none_or(|part| part.offset_bytes == 0)
    }
}

/// `None` for a packet that is the whole datagram.
fn fragment(offset_bytes: u16, more: bool) -> Option<Fragment> {
    (more || offset_bytes > 0).then_some(Fragment { offset_bytes, more })
}

/// A chain of IPv6 extension headers.
struct Extensions {
    /// What follows the chain.
    protocol: IpProtocol,
    fragment: Option<Fragment>,
    /// Bytes of the chain.
    len: usize,
    source_routed: bool,
}

impl Extensions {
    /// Walks the chain. It ends at the fragment header of a fragment that is not the first, behind
    /// which there is only payload, and at AH, which the fabric treats as a protocol.
    fn walk(first: IpNumber, bytes: &[u8]) -> Result<Self, ParseError> {
        let (mut next, mut rest) = (first, bytes);
        let (mut part, mut source_routed) = (None, false);
        loop {
            let (following, len) = match next {
                ip_number::IPV6_HOP_BY_HOP if rest.len() < bytes.len() => {
                    return Err(ParseError::BadExtensionOrder);
                }
                ip_number::IPV6_HOP_BY_HOP | ip_number::IPV6_DEST_OPTIONS | ip_number::IPV6_ROUTE => {
                    let header =
                        Ipv6RawExtHeaderSlice::from_slice(rest).map_err(|_| ParseError::Truncated)?;
                    // Byte 3 of a routing header counts the segments left.
                    source_routed |= next == ip_number::IPV6_ROUTE && header.slice()[3] > 0;
                    (header.next_header(), header.slice().len())
                }
                ip_number::IPV6_FRAG => {
                    let header =
                        Ipv6FragmentHeaderSlice::from_slice(rest).map_err(|_| ParseError::Truncated)?;
                    part = fragment(header.fragment_offset().byte_offset(), header.more_fragments()).or(part);
                    (header.next_header(), header.slice().len())
                }
                _ => break,
            };
            (next, rest) = (following, &rest[len..]);
            if part.is_some_and(|p| p.offset_bytes > 0) {
                break;
            }
        }
        let len = bytes.len() - rest.len();
        Ok(Self { protocol: IpProtocol(next.0), fragment: part, len, source_routed })
    }
}

fn l4(ip: &Ip, payload: &[u8]) -> Result<L4, ParseError> {
    if !ip.has_l4_start() {
        return Ok(L4::Other);
    }
    match (ip.protocol, ip.src.is_ipv4()) {
        (IpProtocol::TCP, _) => tcp(payload),
        (IpProtocol::UDP, _) => udp(payload, ip.fragment.is_some()),
        (IpProtocol::ICMP, true) => icmp(payload, icmp_v4_message),
        (IpProtocol::ICMPV6, false) => icmp(payload, icmp_v6_message),
        _ => Ok(L4::Other),
    }
}

fn tcp(payload: &[u8]) -> Result<L4, ParseError> {
    use err::tcp::HeaderSliceError;
    let tcp = TcpHeaderSlice::from_slice(payload).map_err(|e| match e {
        HeaderSliceError::Len(_) => ParseError::Truncated,
        HeaderSliceError::Content(_) => ParseError::BadLength,
    })?;
    Ok(L4::Tcp {
        src_port: tcp.source_port(),
        dst_port: tcp.destination_port(),
        flags: TcpFlags(tcp.slice()[13]),
        seq: tcp.sequence_number(),
        ack: tcp.acknowledgment_number(),
        payload_len: small(payload.len() - tcp.slice().len())?,
    })
}

fn udp(payload: &[u8], fragmented: bool) -> Result<L4, ParseError> {
    let udp = UdpHeaderSlice::from_slice(payload).map_err(|_| ParseError::Truncated)?;
    let len = usize::from(udp.length());
    // The first fragment states the length of the whole datagram.
    if len < UdpHeader::LEN || (len > payload.len() && !fragmented) {
        return Err(ParseError::BadLength);
    }
    Ok(L4::Udp { src_port: udp.source_port(), dst_port: udp.destination_port() })
}

/// What type and code of an ICMP message make it.
enum IcmpMessage {
    Echo { request: bool },
    Error(IcmpErrorKind),
    Other,
}

/// Reads an ICMP or ICMPv6 message. Both have eight bytes before the body.
fn icmp(payload: &[u8], message: fn(&[u8; 8]) -> IcmpMessage) -> Result<L4, ParseError> {
    let (head, body) = payload.split_first_chunk::<8>().ok_or(ParseError::Truncated)?;
    Ok(match message(head) {
        IcmpMessage::Echo { request } => {
            let [.., id0, id1, seq0, seq1] = *head;
            L4::IcmpEcho {
                request,
                id: u16::from_be_bytes([id0, id1]),
                seq: u16::from_be_bytes([seq0, seq1]),
            }
        }
        IcmpMessage::Error(kind) => L4::IcmpError { kind, about: embedded_key(body) },
        IcmpMessage::Other => L4::Other,
    })
}

fn icmp_v4_message(head: &[u8; 8]) -> IcmpMessage {
    use IcmpErrorKind as Kind;
    let &[icmp_type, code, _, _, _, _, mtu0, mtu1] = head;
    match (icmp_type, code) {
        (icmpv4::TYPE_ECHO_REQUEST, 0) => IcmpMessage::Echo { request: true },
        (icmpv4::TYPE_ECHO_REPLY, 0) => IcmpMessage::Echo { request: false },
        (icmpv4::TYPE_DEST_UNREACH, icmpv4::CODE_DST_UNREACH_NEED_FRAG) => {
            IcmpMessage::Error(Kind::FragmentationNeeded { mtu: u16::from_be_bytes([mtu0, mtu1]).into() })
        }
        (icmpv4::TYPE_DEST_UNREACH, code) => IcmpMessage::Error(Kind::Unreachable { code }),
        (icmpv4::TYPE_TIME_EXCEEDED, code) => IcmpMessage::Error(Kind::TimeExceeded { code }),
        (icmpv4::TYPE_PARAMETER_PROBLEM, code) => IcmpMessage::Error(Kind::ParameterProblem { code }),
        _ => IcmpMessage::Other,
    }
}

fn icmp_v6_message(head: &[u8; 8]) -> IcmpMessage {
    use IcmpErrorKind as Kind;
    let &[icmp_type, code, _, _, mtu @ ..] = head;
    match (icmp_type, code) {
        (icmpv6::TYPE_ECHO_REQUEST, 0) => IcmpMessage::Echo { request: true },
        (icmpv6::TYPE_ECHO_REPLY, 0) => IcmpMessage::Echo { request: false },
        (icmpv6::TYPE_DST_UNREACH, code) => IcmpMessage::Error(Kind::Unreachable { code }),
        (icmpv6::TYPE_PACKET_TOO_BIG, _) => {
            IcmpMessage::Error(Kind::FragmentationNeeded { mtu: u32::from_be_bytes(mtu) })
        }
        (icmpv6::TYPE_TIME_EXCEEDED, code) => IcmpMessage::Error(Kind::TimeExceeded { code }),
        (icmpv6::TYPE_PARAMETER_PROBLEM, code) => IcmpMessage::Error(Kind::ParameterProblem { code }),
        _ => IcmpMessage::Other,
    }
}

/// The IP header of a quoted packet, and what the quote holds of its upper layer.
fn quoted(quote: &[u8]) -> Option<(Ip, &[u8])> {
    let ip = match quote.first()? >> 4 {
        4 => Ip::v4(quote),
        6 => Ip::v6(quote),
        _ => return None,
    }
    .ok()?;
    // Bytes beyond the quoted packet are not its own (RFC 4884 puts extensions there).
    let end = usize::from(ip.len).min(quote.len());
    let payload = quote.get(ip.header_len..end)?;
    Some((ip, payload))
}

/// The key of the packet that an ICMP error quotes. The quote may be cut, so lengths are not checked;
/// `None` when it ends before the ports or the echo identifier.
fn embedded_key(quote: &[u8]) -> Option<FlowKey> {
    let (ip, payload) = quoted(quote)?;
    let (src_port, dst_port) = match (ip.protocol, ip.src.is_ipv4()) {
        _ if !ip.has_l4_start() => (0, 0),
        (IpProtocol::TCP | IpProtocol::UDP, _) => {
            let [s0, s1, d0, d1] = *payload.first_chunk()?;
            (u16::from_be_bytes([s0, s1]), u16::from_be_bytes([d0, d1]))
        }
        (IpProtocol::ICMP, true) => embedded_echo_id(payload, icmp_v4_message)?,
        (IpProtocol::ICMPV6, false) => embedded_echo_id(payload, icmp_v6_message)?,
        _ => (0, 0),
    };
    Some(FlowKey { protocol: ip.protocol, src: ip.src, dst: ip.dst, src_port, dst_port })
}

/// The identifier in both places for an echo, zeros for another ICMP message.
fn embedded_echo_id(payload: &[u8], message: fn(&[u8; 8]) -> IcmpMessage) -> Option<(u16, u16)> {
    let head = payload.first_chunk()?;
    let id = u16::from_be_bytes([head[4], head[5]]);
    Some(match message(head) {
        IcmpMessage::Echo { .. } => (id, id),
        IcmpMessage::Error(_) | IcmpMessage::Other => (0, 0),
    })
}
