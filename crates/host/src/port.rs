//! The network card that smoltcp sees.
//!
//! Owns how a packet leaves smoltcp: into a recycled buffer, with the connection's time to live, its checksums, and
//! a note of what was sent. Made by `connection` and `host` for one call into smoltcp. Must never hold a frame.
//! Costs per frame sent: the copy that smoltcp makes, and a sum over the headers.
//!
//! smoltcp writes neither TTL (its immediate ACKs and RSTs always have 64) nor the checksums of IPv4 and TCP as they
//! leave. The payload of a segment is zeros, because no application writes into its buffer: the sum over the headers
//! is the sum over the segment.

use smoltcp::{
    phy::{Checksum, ChecksumCapabilities, Device, DeviceCapabilities, Medium, RxToken, TxToken},
    time::Instant,
};

use vnetsim_types::SimTime;

use crate::{
    ConversationId, Outgoing, Wire,
    peek::{ETHERNET_LEN, FIN, SYN},
};

/// Time of smoltcp at the start of a run, in microseconds: some of its timers start at zero, and must be over by then.
const EPOCH_US: i64 = 3_600_000_000;

/// Time as smoltcp counts it: whole microseconds, rounded down.
pub(crate) fn to_instant(time: SimTime) -> Instant {
    Instant::from_micros(EPOCH_US + (time.0 / 1_000) as i64)
}

/// The first moment that smoltcp takes for `instant`.
pub(crate) fn from_instant(instant: Instant) -> SimTime {
    let us = instant.total_micros().saturating_sub(EPOCH_US);
    SimTime(u64::try_from(us).unwrap_or(0).saturating_mul(1_000))
}

/// What the frames of one call have in common.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Label {
    pub(crate) id: ConversationId,
    pub(crate) forward: bool,
    pub(crate) ttl: u8,
    pub(crate) now: SimTime,
}

/// What one end of a connection has sent.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Sent {
    /// The highest sequence number sent, plus one.
    pub(crate) next_seq: Option<u32>,
    /// The acknowledgment number sent last.
    pub(crate) last_ack: u32,
    /// Bytes of data, each counted once.
    pub(crate) bytes: u64,
    pub(crate) segments: u64,
    pub(crate) retransmissions: u64,
    /// When the last SYN was sent.
    pub(crate) syn_at: SimTime,
}

impl Sent {
    /// A segment with header `tcp` and `payload_len` bytes leaves. True when it is a retransmission.
    fn note(&mut self, tcp: &[u8; 20], payload_len: usize, now: SimTime) -> bool {
        let seq = u32::from_be_bytes([tcp[4], tcp[5], tcp[6], tcp[7]]);
        let flags = tcp[13];
        self.last_ack = u32::from_be_bytes([tcp[8], tcp[9], tcp[10], tcp[11]]);
        self.segments += 1;
        if flags & SYN != 0 {
            self.syn_at = now;
        }
        let len = payload_len as u32 + u32::from(flags & (SYN | FIN) != 0);
        if len == 0 {
            return false;
        }
        let end = seq.wrapping_add(len);
        let next = self.next_seq.unwrap_or(seq);
        let fresh = end.wrapping_sub(next) as i32; // negative when all of it was sent before
        if fresh > 0 {
            self.next_seq = Some(end);
            self.bytes += u64::from(fresh as u32).min(payload_len as u64);
        }
        let again = (seq.wrapping_sub(next) as i32) < 0;
        self.retransmissions += u64::from(again);
        again
    }
}

/// A network card for one call into smoltcp.
pub(crate) struct Port<'a> {
    pub(crate) mtu: u16,
    pub(crate) arriving: Option<&'a [u8]>,
    pub(crate) label: Label,
    pub(crate) sent: &'a mut Sent,
    pub(crate) wire: &'a mut Wire,
}

impl Device for Port<'_> {
    type RxToken<'t>
        = Rx<'t>
    where
        Self: 't;
    type TxToken<'t>
        = Tx<'t>
    where
        Self: 't;

    fn receive(&mut self, now: Instant) -> Option<(Rx<'_>, Tx<'_>)> {
        let packet = self.arriving.take()?.get(ETHERNET_LEN..)?;
        Some((Rx(packet), self.transmit(now)?))
    }

    fn transmit(&mut self, _: Instant) -> Option<Tx<'_>> {
        Some(Tx { label: self.label, sent: self.sent, wire: self.wire })
    }

    fn capabilities(&self) -> DeviceCapabilities {
        capabilities(self.mtu)
    }
}

/// What smoltcp leaves to this module: all checksums but those of ICMP, which it writes and nobody verifies.
fn capabilities(mtu: u16) -> DeviceCapabilities {
    let mut checksum = ChecksumCapabilities::ignored();
    checksum.icmpv4 = Checksum::Tx;
    checksum.icmpv6 = Checksum::Tx;
    let mut capabilities = DeviceCapabilities::default();
    capabilities.medium = Medium::Ip;
    capabilities.max_transmission_unit = usize::from(mtu);
    capabilities.checksum = checksum;
    capabilities
}

pub(crate) struct Rx<'a>(&'a [u8]);

impl RxToken for Rx<'_> {
    fn consume<R, F: FnOnce(&[u8]) -> R>(self, read: F) -> R {
        read(self.0)
    }
}

pub(crate) struct Tx<'a> {
    label: Label,
    sent: &'a mut Sent,
    wire: &'a mut Wire,
}

impl TxToken for Tx<'_> {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, len: usize, write: F) -> R {
        let mut frame = self.wire.buffer(ETHERNET_LEN + len);
        let (ethernet, packet) = frame.split_at_mut(ETHERNET_LEN);
        ethernet[..12].fill(0);
        let result = write(packet);
        let segment = finish(ethernet, packet, self.label.ttl);
        let retransmission = segment.is_some_and(|(tcp, len)| self.sent.note(&tcp, len, self.label.now));
        let Label { id, forward, .. } = self.label;
        self.wire.send(Outgoing { frame, id, forward, retransmission });
        result
    }
}

/// Writes what smoltcp left open. For a TCP segment: its fixed header, and the length of its payload.
fn finish(ethernet: &mut [u8], packet: &mut [u8], ttl: u8) -> Option<([u8; 20], usize)> {
    let v4 = packet.first()? >> 4 == 4;
    let (ethertype, header_len, addresses_at, protocol_at) =
        if v4 { ([0x08, 0x00], 20, 12, 9) } else { ([0x86, 0xdd], 40, 8, 6) };
    ethernet.get_mut(12..14)?.copy_from_slice(&ethertype);
    let (ip, upper) = packet.split_at_mut_checked(header_len)?;
    if v4 {
        ip[8] = ttl;
        ip[10..12].fill(0);
        let checksum = fold(sum(ip));
        ip[10..12].copy_from_slice(&checksum);
    } else {
        ip[7] = ttl;
    }
    const TCP: u8 = 6;
    if ip[protocol_at] != TCP {
        return None;
    }
    let payload_at = usize::from(upper.get(12)? >> 4) * 4;
    let (header, payload) = upper.split_at_mut_checked(payload_at)?;
    debug_assert!(payload.iter().all(|byte| *byte == 0), "payload is zeros");
    let pseudo = sum(&ip[addresses_at..]) + u64::from(TCP) + (header.len() + payload.len()) as u64;
    let checksum = fold(pseudo + sum(header)); // smoltcp leaves the field zero
    header.get_mut(16..18)?.copy_from_slice(&checksum);
    Some((*header.first_chunk()?, payload.len()))
}

/// What the big-endian words of `bytes` add up to, of which there is an even number; four bytes at a time.
fn sum(bytes: &[u8]) -> u64 {
    bytes.as_chunks::<4>().0.iter().map(|word| u64::from(u32::from_be_bytes(*word))).sum()
}

/// The internet checksum of what adds up to `sum`.
fn fold(mut sum: u64) -> [u8; 2] {
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    (!(sum as u16)).to_be_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn smoltcp_never_wakes_before_or_after_its_microsecond() {
        for ns in [0, 1, 999, 1_000, 1_001, 123_456_789, u64::MAX] {
            let instant = to_instant(SimTime(ns));
            let back = from_instant(instant);
            assert_eq!(back.0, ns / 1_000 * 1_000);
            assert_eq!(to_instant(back), instant);
        }
        assert_eq!(from_instant(Instant::from_millis(0)), SimTime::ZERO); // "now"
    }

    #[test]
    fn bytes_sent_before_are_retransmissions() {
        let segment = |seq: u32, flags: u8| {
            let mut tcp = [0; 20];
            tcp[4..8].copy_from_slice(&seq.to_be_bytes());
            tcp[13] = flags;
            tcp
        };
        let mut sent = Sent::default();
        let start = u32::MAX - 100; // the numbers wrap
        let at = |offset: u32| start.wrapping_add(offset);
        let sends = [
            (at(0), SYN, 0, false),
            (at(0), SYN, 0, true),
            (at(1), 0, 1_000, false),
            (at(1_001), 0, 1_000, false),
            (at(1), 0, 1_000, true),
            (at(2_001), 0, 0, false), // an ACK
            (at(2_001), FIN, 10, false),
            (at(2_001), FIN, 10, true),
        ];
        for (seq, flags, len, again) in sends {
            assert_eq!(sent.note(&segment(seq, flags), len, SimTime::ZERO), again, "{seq} {flags} {len}");
        }
        assert_eq!((sent.bytes, sent.retransmissions, sent.next_seq), (2_010, 3, Some(at(2_012))));
    }
}
