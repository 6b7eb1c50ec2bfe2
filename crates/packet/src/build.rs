//! Frames from scratch.
//!
//! Owns making frames, with every length and checksum right. Called by guests and routers of the
//! simulator; must never make two different frames from the same arguments. Costs one allocation and
//! one pass over the payload for its checksum.
//!
//! IPv4 packets have identification zero; DF is the sender's choice.

use std::{fmt, net::IpAddr};

use etherparse::{
    IcmpEchoHeader, Icmpv4Header, Icmpv4Type, Icmpv6Header, Icmpv6Type, IpHeaders, IpNumber, Ipv4Header,
    Ipv6Header, PacketBuilder, PacketBuilderStep, TcpHeader, UdpHeader, err::packet::BuildVecWriteError,
    icmpv4, icmpv6, ip_number,
};

use vnetsim_types::IpProtocol;

use crate::{Mac, ParseError, TcpFlags, parse};

/// What a frame says about both ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Endpoints {
    /// Ethernet source.
    pub src_mac: Mac,
    /// Ethernet destination.
    pub dst_mac: Mac,
    /// IP source.
    pub src: IpAddr,
    /// IP destination, of the same family.
    pub dst: IpAddr,
    /// Time to live, or hop limit.
    pub ttl: u8,
    /// DF, which only IPv4 has.
    pub dont_fragment: bool,
}

/// Why a frame cannot be built.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BuildError {
    /// The addresses, or the packet an ICMP error is about, are of different families.
    MixedFamilies,
    /// The IP packet would be longer than 65535 bytes.
    TooLarge,
    /// The frame an ICMP error is about cannot be read.
    BadOriginal(ParseError),
}

impl fmt::Display for BuildError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::MixedFamilies => f.write_str("the addresses are of different IP families"),
            Self::TooLarge => f.write_str("the IP packet would be longer than 65535 bytes"),
            Self::BadOriginal(e) => write!(f, "the original frame cannot be read: {e}"),
        }
    }
}

impl std::error::Error for BuildError {}

/// A TCP segment with `payload_len` bytes of data and no options.
///
/// # Errors
///
/// Mixed families, or too much payload.
pub fn tcp(
    ends: &Endpoints,
    src_port: u16,
    dst_port: u16,
    flags: TcpFlags,
    seq: u32,
    ack: u32,
    payload_len: usize,
) -> Result<Vec<u8>, BuildError> {
    let [fin, syn, rst, psh, ack_flag, urg, ece, cwr] = std::array::from_fn(|bit| flags.0 >> bit & 1 == 1);
    let header = TcpHeader {
        acknowledgment_number: ack,
        fin,
        syn,
        rst,
        psh,
        ack: ack_flag,
        urg,
        ece,
        cwr,
        ..TcpHeader::new(src_port, dst_port, seq, WINDOW)
    };
    let payload = payload(payload_len)?;
    let step = ip(ends, header.header_len() + payload.len())?.tcp_header(header);
    write(step.size(payload.len()), |frame| step.write_to_vec(frame, payload))
}

/// A UDP datagram with `payload_len` bytes of data.
///
/// # Errors
///
/// Mixed families, or too much payload.
pub fn udp(
    ends: &Endpoints,
    src_port: u16,
    dst_port: u16,
    payload_len: usize,
) -> Result<Vec<u8>, BuildError> {
    let payload = payload(payload_len)?;
    let step = ip(ends, UdpHeader::LEN + payload.len())?.udp(src_port, dst_port);
    write(step.size(payload.len()), |frame| step.write_to_vec(frame, payload))
}

/// An ICMP or ICMPv6 echo, by the family of the addresses, with `payload_len` bytes of data.
///
/// # Errors
///
/// Mixed families, or too much payload.
pub fn icmp_echo(
    ends: &Endpoints,
    request: bool,
    id: u16,
    seq: u16,
    payload_len: usize,
) -> Result<Vec<u8>, BuildError> {
    let echo = IcmpEchoHeader { id, seq };
    let (v4, v6) = if request {
        (Icmpv4Type::EchoRequest(echo), Icmpv6Type::EchoRequest(echo))
    } else {
        (Icmpv4Type::EchoReply(echo), Icmpv6Type::EchoReply(echo))
    };
    icmp(ends, v4, v6, payload(payload_len)?)
}

/// A packet of a protocol whose header means nothing here (ESP, AH, GRE, ...), with `payload_len` bytes after
/// the IP header.
///
/// # Errors
///
/// Mixed families, or too much payload.
pub fn raw(ends: &Endpoints, protocol: IpProtocol, payload_len: usize) -> Result<Vec<u8>, BuildError> {
    let payload = payload(payload_len)?;
    let step = ip(ends, payload.len())?;
    write(step.size(payload.len()), |frame| step.write_to_vec(frame, IpNumber(protocol.0), payload))
}

/// The error that a router sends when a packet's time to live ran out: ICMP type 11, ICMPv6 type 3.
/// Quotes as much of the packet as the error may hold: 576 bytes in all for IPv4 (RFC 1812), 1280 for
/// IPv6 (RFC 4443). Asking whether an error may be sent at all (never about an error) is up to the
/// caller.
///
/// # Errors
///
/// Mixed families, or an original that cannot be read.
pub fn icmp_time_exceeded(ends: &Endpoints, original_frame: &[u8]) -> Result<Vec<u8>, BuildError> {
    let v4 = Icmpv4Type::TimeExceeded(icmpv4::TimeExceededCode::TtlExceededInTransit);
    let v6 = Icmpv6Type::TimeExceeded(icmpv6::TimeExceededCode::HopLimitExceeded);
    icmp(ends, v4, v6, quote(ends, original_frame)?)
}

/// The error that a router sends when a packet does not fit the next link: ICMP type 3 code 4, ICMPv6
/// type 2. Quotes like [`icmp_time_exceeded`].
///
/// # Errors
///
/// Mixed families, or an original that cannot be read.
pub fn icmp_fragmentation_needed(
    ends: &Endpoints,
    original_frame: &[u8],
    mtu: u16,
) -> Result<Vec<u8>, BuildError> {
    let v4 = Icmpv4Type::DestinationUnreachable(icmpv4::DestUnreachableHeader::FragmentationNeeded {
        next_hop_mtu: mtu,
    });
    let v6 = Icmpv6Type::PacketTooBig { mtu: mtu.into() };
    icmp(ends, v4, v6, quote(ends, original_frame)?)
}

/// The error that a host sends when nothing listens on a datagram's port: ICMP type 3 code 3, ICMPv6 type 1 code 4.
/// Quotes like [`icmp_time_exceeded`].
///
/// # Errors
///
/// Mixed families, or an original that cannot be read.
pub fn icmp_port_unreachable(ends: &Endpoints, original_frame: &[u8]) -> Result<Vec<u8>, BuildError> {
    let v4 = Icmpv4Type::DestinationUnreachable(icmpv4::DestUnreachableHeader::Port);
    let v6 = Icmpv6Type::DestinationUnreachable(icmpv6::DestUnreachableCode::Port);
    icmp(ends, v4, v6, quote(ends, original_frame)?)
}

/// Receive window of every segment; vnetsim does not model TCP's flow control.
const WINDOW: u16 = 64_240;
/// Bytes of the original that an ICMP error quotes: 576 less an IPv4 and an ICMP header.
const QUOTE_V4: usize = 576 - Ipv4Header::MIN_LEN - Icmpv4Header::MIN_LEN;
/// Bytes of the original that an ICMPv6 error quotes: 1280 less an IPv6 and an ICMPv6 header.
const QUOTE_V6: usize = 1280 - Ipv6Header::LEN - Icmpv6Header::MIN_LEN;

/// What every payload is cut from: 0, 1, 2, ... 255, 0, ... Static, so that no frame needs a second
/// allocation.
static PAYLOAD: [u8; MAX_IP_LEN] = {
    let mut bytes = [0; MAX_IP_LEN];
    let mut i = 0;
    while i < MAX_IP_LEN {
        bytes[i] = (i % 256) as u8;
        i += 1;
    }
    bytes
};
/// The longest IP packet that a 16-bit length can state.
const MAX_IP_LEN: usize = u16::MAX as usize;

fn payload(len: usize) -> Result<&'static [u8], BuildError> {
    PAYLOAD.get(..len).ok_or(BuildError::TooLarge)
}

/// The Ethernet and IP headers of a packet with `l4_len` bytes after them. The builder fills in
/// lengths, protocol and checksums.
fn ip(ends: &Endpoints, l4_len: usize) -> Result<PacketBuilderStep<IpHeaders>, BuildError> {
    let (headers, header_len) = match (ends.src, ends.dst) {
        (IpAddr::V4(src), IpAddr::V4(dst)) => {
            let header = Ipv4Header {
                time_to_live: ends.ttl,
                source: src.octets(),
                destination: dst.octets(),
                dont_fragment: ends.dont_fragment,
                ..Ipv4Header::default()
            };
            (IpHeaders::Ipv4(header, Default::default()), Ipv4Header::MIN_LEN)
        }
        (IpAddr::V6(src), IpAddr::V6(dst)) => {
            let header = Ipv6Header {
                hop_limit: ends.ttl,
                source: src.octets(),
                destination: dst.octets(),
                next_header: ip_number::IPV6_NO_NEXT_HEADER,
                ..Ipv6Header::default()
            };
            (IpHeaders::Ipv6(header, Default::default()), Ipv6Header::LEN)
        }
        _ => return Err(BuildError::MixedFamilies),
    };
    if header_len + l4_len > MAX_IP_LEN {
        return Err(BuildError::TooLarge);
    }
    Ok(PacketBuilder::ethernet2(ends.src_mac, ends.dst_mac).ip(headers))
}

/// Writes the message of the family of the addresses.
fn icmp(ends: &Endpoints, v4: Icmpv4Type, v6: Icmpv6Type, body: &[u8]) -> Result<Vec<u8>, BuildError> {
    let step = ip(ends, Icmpv4Header::MIN_LEN + body.len())?;
    if ends.src.is_ipv4() {
        let step = step.icmpv4(v4);
        write(step.size(body.len()), |frame| step.write_to_vec(frame, body))
    } else {
        let step = step.icmpv6(v6);
        write(step.size(body.len()), |frame| step.write_to_vec(frame, body))
    }
}

/// Lets `fill` write a frame of `size` bytes. [`ip`] has checked length and families, and nothing else
/// can be refused; if something were, it would be a length.
fn write(
    size: usize,
    fill: impl FnOnce(&mut Vec<u8>) -> Result<(), BuildVecWriteError>,
) -> Result<Vec<u8>, BuildError> {
    let mut frame = Vec::with_capacity(size);
    fill(&mut frame).map_err(|_| BuildError::TooLarge)?;
    Ok(frame)
}

/// The start of the original's IP packet, as much as an error may quote.
fn quote<'a>(ends: &Endpoints, original_frame: &'a [u8]) -> Result<&'a [u8], BuildError> {
    let original = parse(original_frame).map_err(BuildError::BadOriginal)?;
    if original.src.is_ipv4() != ends.src.is_ipv4() {
        return Err(BuildError::MixedFamilies);
    }
    let limit = if ends.src.is_ipv4() { QUOTE_V4 } else { QUOTE_V6 };
    let start = usize::from(original.l3_offset);
    let end = start + usize::from(original.ip_len).min(limit);
    original_frame.get(start..end).ok_or(BuildError::BadOriginal(ParseError::Truncated))
}
