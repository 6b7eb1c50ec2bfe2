//! Whose a frame is, at a glance.
//!
//! Owns reading what decides where a frame goes inside a host. Called once per frame received; smoltcp reads the rest.
//! Must never panic on any bytes. Costs the bytes of the headers.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Bytes of an Ethernet II header.
pub(crate) const ETHERNET_LEN: usize = 14;
pub(crate) const FIN: u8 = 0x01;
pub(crate) const SYN: u8 = 0x02;
pub(crate) const RST: u8 = 0x04;
pub(crate) const ACK: u8 = 0x10;

/// A five-tuple as one end sees it. IPv4 addresses are mapped into IPv6.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) struct Tuple {
    pub(crate) local: u128,
    pub(crate) remote: u128,
    pub(crate) local_port: u16,
    pub(crate) remote_port: u16,
}

impl Tuple {
    pub(crate) fn new(local: (IpAddr, u16), remote: (IpAddr, u16)) -> Self {
        let bits = |ip: IpAddr| match ip {
            IpAddr::V4(ip) => ip.to_ipv6_mapped().to_bits(),
            IpAddr::V6(ip) => ip.to_bits(),
        };
        Self { local: bits(local.0), remote: bits(remote.0), local_port: local.1, remote_port: remote.1 }
    }
}

/// What a frame is about.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Peek {
    pub(crate) from: IpAddr,
    pub(crate) to: IpAddr,
    /// `None` for ICMP.
    pub(crate) segment: Option<Segment>,
}

/// A TCP segment.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Segment {
    pub(crate) from_port: u16,
    pub(crate) to_port: u16,
    pub(crate) flags: u8,
    /// The sequence number after its data, and after its FIN.
    pub(crate) next_seq: u32,
    pub(crate) payload_len: usize,
}

/// Reads `frame`. `None` for what a host ignores: broken frames, fragments, extension headers, protocols that are
/// neither TCP nor ICMP, and addresses that no host has.
pub(crate) fn peek(frame: &[u8]) -> Option<Peek> {
    let ip = frame.get(ETHERNET_LEN..)?;
    let (from, to, protocol, upper) = match (frame.get(12..14)?, *ip.first()? >> 4) {
        ([0x08, 0x00], 4) => peek_v4(ip)?,
        ([0x86, 0xdd], 6) => peek_v6(ip)?,
        _ => return None,
    };
    let unicast = |ip: IpAddr| match ip {
        IpAddr::V4(ip) => !(ip.is_unspecified() || ip.is_multicast() || ip.is_broadcast()),
        IpAddr::V6(ip) => !(ip.is_unspecified() || ip.is_multicast()),
    };
    let segment = match (protocol, to) {
        (6, _) => Some(peek_tcp(upper)?),
        (1, IpAddr::V4(_)) | (58, IpAddr::V6(_)) => None,
        _ => return None,
    };
    (unicast(from) && unicast(to)).then_some(Peek { from, to, segment })
}

type Split<'a> = (IpAddr, IpAddr, u8, &'a [u8]);

fn peek_v4(ip: &[u8]) -> Option<Split<'_>> {
    let header: &[u8; 20] = ip.first_chunk()?;
    let (header_len, total_len) = (usize::from(header[0] & 0x0f) * 4, usize::from(word(header, 2)?));
    let whole = word(header, 6)? & 0x3fff == 0; // neither an offset nor more fragments
    let address = |at: usize| header.get(at..)?.first_chunk::<4>().map(|b| IpAddr::V4(Ipv4Addr::from(*b)));
    let upper = ip.get(header_len..total_len).filter(|_| whole && header_len >= 20)?;
    Some((address(12)?, address(16)?, header[9], upper))
}

fn peek_v6(ip: &[u8]) -> Option<Split<'_>> {
    let header: &[u8; 40] = ip.first_chunk()?;
    let payload_len = usize::from(word(header, 4)?);
    let address = |at: usize| header.get(at..)?.first_chunk::<16>().map(|b| IpAddr::V6(Ipv6Addr::from(*b)));
    let upper = ip.get(40..40 + payload_len)?;
    Some((address(8)?, address(24)?, header[6], upper))
}

fn peek_tcp(tcp: &[u8]) -> Option<Segment> {
    let header: &[u8; 20] = tcp.first_chunk()?;
    let header_len = usize::from(header[12] >> 4) * 4;
    let payload_len = tcp.len().checked_sub(header_len).filter(|_| header_len >= 20)?;
    let seq = u32::from_be_bytes([header[4], header[5], header[6], header[7]]);
    let flags = header[13];
    let len = payload_len as u32 + u32::from(flags & FIN != 0) + u32::from(flags & SYN != 0);
    let (from_port, to_port) = (word(header, 0)?, word(header, 2)?);
    Some(Segment { from_port, to_port, flags, next_seq: seq.wrapping_add(len), payload_len })
}

/// The big-endian word at `at`.
fn word(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..)?.first_chunk().map(|b| u16::from_be_bytes(*b))
}
