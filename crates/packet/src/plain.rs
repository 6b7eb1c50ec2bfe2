//! The common frame at a glance: whole IPv4, no options, TCP or UDP.
//!
//! Owns a shortcut to what [`parse`](crate::parse) finds, for callers who only need the five-tuple. Called once per
//! frame on the hot path; must say nothing rather than anything that `parse` would not (a test compares them).
//! Costs the bytes of the headers.

use crate::TcpFlags;

/// The five-tuple of a common frame, and what else decides about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Plain {
    /// IPv4 source.
    pub src: u32,
    /// IPv4 destination.
    pub dst: u32,
    /// Source port.
    pub src_port: u16,
    /// Destination port.
    pub dst_port: u16,
    /// 6 or 17.
    pub protocol: u8,
    /// Length of the IP packet in bytes.
    pub ip_len: u16,
    /// A TCP segment that ends a connection: FIN or RST.
    pub ends: bool,
}

const TCP: u8 = 6;
const UDP: u8 = 17;

/// Reads a common frame; `None` for any other, which may be a good one.
#[inline(always)]
pub fn plain(frame: &[u8]) -> Option<Plain> {
    let head = frame.first_chunk::<42>()?;
    let word = |at: usize| u16::from_be_bytes([head[at], head[at + 1]]);
    let long = |at: usize| u32::from_be_bytes([head[at], head[at + 1], head[at + 2], head[at + 3]]);
    // EtherType IPv4, version 4, five words of header; neither an offset nor more fragments.
    if head[12..15] != [0x08, 0x00, 0x45] || word(20) & 0x3fff != 0 {
        return None;
    }
    let (ip_len, protocol) = (word(16), head[23]);
    let l4_len = usize::from(ip_len).checked_sub(20)?;
    if frame.len() < 14 + usize::from(ip_len) {
        return None;
    }
    let ends = match protocol {
        TCP => {
            let tcp = frame.get(46..48)?;
            let header_len = usize::from(tcp[0] >> 4) * 4;
            if header_len < 20 || header_len > l4_len {
                return None;
            }
            tcp[1] & (TcpFlags::FIN.0 | TcpFlags::RST.0) != 0
        }
        UDP => {
            let length = usize::from(word(38));
            if length < 8 || length > l4_len {
                return None;
            }
            false
        }
        _ => return None,
    };
    Some(Plain {
        src: long(26),
        dst: long(30),
        src_port: word(34),
        dst_port: word(36),
        protocol,
        ip_len,
        ends,
    })
}
