//! The packet inside an ICMP error.
//!
//! Owns the translation of a quote, which may be cut anywhere. Called by `rehome` for ICMP errors only; must never
//! change more of a quote than addresses and checksums. Costs one copy of the quoted packet's length.

use std::net::IpAddr;

use etherparse::{Ipv4Header, Ipv6Header};
use vnetsim_packet::{parse, set_destination, set_source};
use vnetsim_types::IpProtocol;

use crate::{
    checksum,
    link::{IPV4, IPV6},
    rehome::{ETHERNET_LEN, ethernet_header, stated_len},
};

/// Translates both addresses of a quoted packet, and its checksums as far as they are quoted: anew when all of it is.
/// A quote that cannot be read stays as it is.
pub(crate) fn translate(quote: &mut [u8], addresses: &dyn Fn(IpAddr) -> Option<IpAddr>) {
    let Some(mut frame) = whole(quote) else { return };
    let Ok(mut headers) = parse(&frame) else { return };
    // A refused edit changes nothing, and the other address may still be translated.
    if let Some(src) = addresses(headers.src) {
        let _ = set_source(&mut frame, &mut headers, src, None);
    }
    if let Some(dst) = addresses(headers.dst) {
        let _ = set_destination(&mut frame, &mut headers, dst, None);
    }
    // Quoted whole, it may have come from a sender that leaves checksums to its hardware.
    let end = ETHERNET_LEN + usize::from(headers.ip_len);
    if end <= ETHERNET_LEN + quote.len() {
        checksum::renew(&mut frame[..end], &headers);
    }
    if let Some(translated) = frame.get(ETHERNET_LEN..ETHERNET_LEN + quote.len()) {
        quote.copy_from_slice(translated);
    }
}

/// The quoted packet as a frame, with zeros for what is not quoted: edits read no payload, and what they write into the
/// zeros is not copied back.
fn whole(quote: &[u8]) -> Option<Vec<u8>> {
    let (ether_type, l4, protocol) = match quote.first()? >> 4 {
        4 => (IPV4, usize::from(quote[0] & 0xf) * 4, *quote.get(9)?),
        6 => (IPV6, Ipv6Header::LEN, *quote.get(6)?),
        _ => return None,
    };
    let len = stated_len(ether_type, quote)?.max(quote.len());
    let mut frame = ethernet_header(ether_type, len);
    frame.extend_from_slice(quote);
    frame.resize(ETHERNET_LEN + len, 0);
    // RFC 792 asks for eight bytes of TCP only; without this one there is no header to edit.
    let data_offset = l4 + 12;
    if IpProtocol(protocol) == IpProtocol::TCP && quote.len() <= data_offset {
        *frame.get_mut(ETHERNET_LEN + data_offset)? = 5 << 4;
    }
    Some(frame)
}

/// How much of an error must be there before its quote means anything, in bytes of the ICMP message: its own header,
/// the quoted IP header and eight bytes more.
pub(crate) fn least_len(message: &[u8]) -> usize {
    let ip = match message.get(8) {
        Some(first) if first >> 4 == 6 => Ipv6Header::LEN,
        Some(first) => (usize::from(first & 0xf) * 4).max(Ipv4Header::MIN_LEN),
        None => Ipv4Header::MIN_LEN,
    };
    8 + ip + 8
}
