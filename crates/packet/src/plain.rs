//! The common frame at a glance: whole IPv4, no options, TCP or UDP.
//!
//! Owns a shortcut to what [`parse`](crate::parse) finds, for callers who only need the five-tuple. Called once per
//! frame on the hot path; must say nothing rather than anything that `parse` would not (a test compares them).
//! Costs the bytes of the headers.

use crate::TcpFlags;

/// The five-tuple of a common frame, and what else decides about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Plain {
    /// Source and destination address as they stand in the frame, read as a little-endian word: the source is in the
    /// low half. A key, not a number to calculate with.
    pub addresses: u64,
    /// Source and destination port, read alike.
    pub ports: u32,
    /// 6 or 17.
    pub protocol: u8,
    /// Length of the IP packet in bytes.
    pub ip_len: u16,
    /// A TCP segment that ends a connection: FIN or RST.
    pub ends: bool,
}

const TCP: u8 = 6;
const UDP: u8 = 17;

/// Reads a common frame of `len` bytes that begins with `head`; `None` for any other, which may be a good one.
#[inline(always)]
pub fn plain(head: &[u8; 64], len: usize) -> Option<Plain> {
    let raw = |at: usize| u32::from_le_bytes([head[at], head[at + 1], head[at + 2], head[at + 3]]);
    let word = |at: usize| u16::from_be_bytes([head[at], head[at + 1]]);
    // EtherType IPv4, version 4, five words of header; neither an offset nor more fragments.
    let odd = (raw(12) & 0x00ff_ffff) ^ 0x0045_0008 | raw(20) & 0xff3f;
    let (ip_len, protocol) = (word(16), head[23]);
    let end = usize::from(ip_len);
    let (least, needs, ends) = match protocol {
        TCP => (20, usize::from(head[46] >> 4) * 4, head[47] & (TcpFlags::FIN.0 | TcpFlags::RST.0) != 0),
        UDP => (8, usize::from(word(38)), false),
        _ => return None,
    };
    if odd != 0 || len < 14 + end || needs < least || 20 + needs > end {
        return None;
    }
    let addresses = u64::from(raw(26)) | u64::from(raw(30)) << 32;
    Some(Plain { addresses, ports: raw(34), protocol, ip_len, ends })
}

/// What a router does with a common frame: lowers its time to live, and keeps its checksum valid (RFC 1624). The new
/// time to live; `None`, and nothing done, when none would be left.
#[inline(always)]
pub fn lower_ttl(head: &mut [u8; 64]) -> Option<u8> {
    let ttl = head[22].checked_sub(1).filter(|ttl| *ttl > 0)?;
    head[22] = ttl;
    // The high byte of a word of the header is one less, so the sum of their complements is 0x100 more.
    let (sum, carried) = u16::from_be_bytes([head[24], head[25]]).overflowing_add(0x0100);
    head[24..26].copy_from_slice(&(sum + u16::from(carried)).to_be_bytes());
    Some(ttl)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{Endpoints, L4, parse, set_ttl, tcp, udp};

    /// A frame of either protocol.
    fn built(udp_frame: bool, payload: usize) -> Vec<u8> {
        let ends = Endpoints {
            src_mac: [2; 6],
            dst_mac: [4; 6],
            src: [10, 0, 0, 4].into(),
            dst: [10, 1, 0, 4].into(),
            ttl: 64,
            dont_fragment: payload.is_multiple_of(2),
        };
        let frame = match udp_frame {
            true => udp(&ends, 1000, 53, payload),
            false => tcp(&ends, 1000, 443, TcpFlags::ACK, 1, 1, payload),
        };
        frame.unwrap()
    }

    fn head(frame: &[u8]) -> [u8; 64] {
        std::array::from_fn(|ix| frame.get(ix).copied().unwrap_or_default())
    }

    proptest! {
        /// Whatever bytes are changed, what is said is what `parse` says.
        #[test]
        fn says_nothing_that_parse_does_not(
            udp_frame: bool,
            payload in 0..200_usize,
            cut in 0..300_usize,
            changes in prop::collection::vec((12..48_usize, any::<u8>()), 0..4),
        ) {
            let mut frame = built(udp_frame, payload);
            for (at, byte) in changes {
                if let Some(old) = frame.get_mut(at) {
                    *old = byte;
                }
            }
            frame.truncate(cut.max(14));
            let Some(plain) = plain(&head(&frame), frame.len()) else { return Ok(()) };
            let parsed = parse(&frame).unwrap();
            let key = parsed.flow_key();
            let [a, b, c, d, e, f, g, h] = plain.addresses.to_le_bytes();
            prop_assert_eq!((key.src, key.dst), ([a, b, c, d].into(), [e, f, g, h].into()));
            let [a, b, c, d] = plain.ports.to_le_bytes();
            prop_assert_eq!((key.src_port, key.dst_port), (u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d])));
            prop_assert_eq!((key.protocol.0, parsed.ip_len), (plain.protocol, plain.ip_len));
            prop_assert_eq!(parsed.fragment, None);
            let ends = match parsed.l4 {
                L4::Tcp { flags, .. } => flags.0 & (TcpFlags::FIN.0 | TcpFlags::RST.0) != 0,
                _ => false,
            };
            prop_assert_eq!(ends, plain.ends);
        }

        #[test]
        fn lowers_the_time_to_live_as_the_edit_does(udp_frame: bool, payload in 0..200_usize, ttl: u8, sum: u16) {
            let mut frame = built(udp_frame, payload);
            let mut parsed = parse(&frame).unwrap();
            set_ttl(&mut frame, &mut parsed, ttl);
            frame[18..20].copy_from_slice(&sum.to_be_bytes()); // any identification, and its checksum
            let total: u32 = (14..34)
                .step_by(2)
                .filter(|at| *at != 24)
                .map(|at| u32::from(u16::from_be_bytes([frame[at], frame[at + 1]])))
                .sum();
            let folded = (total & 0xffff) + (total >> 16);
            let folded = (folded & 0xffff) + (folded >> 16);
            frame[24..26].copy_from_slice(&(!(folded as u16)).to_be_bytes());
            let mut head = head(&frame);
            let lowered = lower_ttl(&mut head);
            prop_assert_eq!(lowered, ttl.checked_sub(1).filter(|t| *t > 0));
            if let Some(ttl) = lowered {
                set_ttl(&mut frame, &mut parsed, ttl);
            }
            prop_assert_eq!(&head[..34], &frame[..34]);
        }
    }

    #[test]
    fn reads_the_common_frame() {
        for udp_frame in [false, true] {
            assert!(plain(&head(&built(udp_frame, 10)), 64).is_some());
        }
    }
}
