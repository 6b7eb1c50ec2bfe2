//! What holds for every frame, judged by etherparse's own reading of it.

#![allow(clippy::unwrap_used)]

mod common;

use std::net::IpAddr;

use common::{any_dressed_frame, any_frame, assert_checksums};
use etherparse::{NetSlice, SlicedPacket, TransportSlice};
use proptest::{prelude::*, sample::Index};
use vnetsim_packet::{
    EditError, Headers, L4, TcpFlags, parse, set_destination, set_macs, set_source, set_ttl,
};

/// One change to a frame.
#[derive(Clone, Debug)]
enum Edit {
    Macs([u8; 6], [u8; 6]),
    Ttl(u8),
    Source([u8; 16], Option<u16>),
    Destination([u8; 16], Option<u16>),
}

fn any_edit() -> impl Strategy<Value = Edit> {
    // Words of zeros and ones are where one's complement has two spellings.
    let byte = prop_oneof![Just(0u8), Just(0xff), any::<u8>()];
    let address = proptest::array::uniform16(byte);
    let port = proptest::option::of(prop_oneof![Just(0u16), Just(0xffff), any::<u16>()]);
    prop_oneof![
        any::<([u8; 6], [u8; 6])>().prop_map(|(a, b)| Edit::Macs(a, b)),
        any::<u8>().prop_map(Edit::Ttl),
        (address.clone(), port.clone()).prop_map(|(a, p)| Edit::Source(a, p)),
        (address, port).prop_map(|(a, p)| Edit::Destination(a, p)),
    ]
}

/// An address of the frame's family from random bytes.
fn address(h: &Headers, bytes: [u8; 16]) -> IpAddr {
    if h.src.is_ipv4() { [bytes[0], bytes[1], bytes[2], bytes[3]].into() } else { bytes.into() }
}

fn apply(frame: &mut [u8], h: &mut Headers, edit: &Edit) {
    let result = match *edit {
        Edit::Macs(src, dst) => return set_macs(frame, h, src, dst),
        Edit::Ttl(ttl) => return set_ttl(frame, h, ttl),
        Edit::Source(bytes, port) => set_source(frame, h, address(h, bytes), port),
        Edit::Destination(bytes, port) => set_destination(frame, h, address(h, bytes), port),
    };
    let has_no_port = matches!(h.l4, L4::IcmpError { .. } | L4::Other);
    let port = matches!(edit, Edit::Source(_, Some(_)) | Edit::Destination(_, Some(_)));
    let expected = if has_no_port && port { Err(EditError::NoPort) } else { Ok(()) };
    assert_eq!(result, expected);
}

/// Fails when the digest is not what etherparse reads.
fn assert_agrees(frame: &[u8], h: &Headers) {
    let packet = SlicedPacket::from_ethernet(frame).unwrap();
    let (src, dst, ttl, len) = match packet.net.as_ref().unwrap() {
        NetSlice::Ipv4(ip) => {
            let ip = ip.header();
            assert_eq!(h.dont_fragment, ip.dont_fragment());
            (ip.source_addr().into(), ip.destination_addr().into(), ip.ttl(), usize::from(ip.total_len()))
        }
        NetSlice::Ipv6(ip) => {
            let ip = ip.header();
            let len = 40 + usize::from(ip.payload_length());
            (IpAddr::from(ip.source_addr()), IpAddr::from(ip.destination_addr()), ip.hop_limit(), len)
        }
        NetSlice::Arp(_) => panic!("no ARP here"),
    };
    assert_eq!((h.src, h.dst, h.ttl, usize::from(h.ip_len)), (src, dst, ttl, len));
    assert_eq!((&h.eth_dst[..], &h.eth_src[..]), (&frame[..6], &frame[6..12]));
    assert_eq!(h.fragment, None);
    let payload = packet.ip_payload().unwrap();
    assert_eq!(h.protocol.0, payload.ip_number.0);
    assert_eq!(&frame[usize::from(h.l4_offset)..][..payload.payload.len()], payload.payload);
    assert_transport_agrees(packet.transport.as_ref().unwrap(), h);
}

fn assert_transport_agrees(transport: &TransportSlice<'_>, h: &Headers) {
    use etherparse::{Icmpv4Type as V4, Icmpv6Type as V6};
    let expected = match transport {
        TransportSlice::Tcp(t) => L4::Tcp {
            src_port: t.source_port(),
            dst_port: t.destination_port(),
            flags: flags_of(t),
            seq: t.sequence_number(),
            ack: t.acknowledgment_number(),
            payload_len: t.payload().len().try_into().unwrap(),
        },
        TransportSlice::Udp(u) => L4::Udp { src_port: u.source_port(), dst_port: u.destination_port() },
        TransportSlice::Icmpv4(i) => match i.icmp_type() {
            V4::EchoRequest(e) => L4::IcmpEcho { request: true, id: e.id, seq: e.seq },
            V4::EchoReply(e) => L4::IcmpEcho { request: false, id: e.id, seq: e.seq },
            _ => return assert!(matches!(h.l4, L4::IcmpError { about: Some(_), .. })),
        },
        TransportSlice::Icmpv6(i) => match i.icmp_type() {
            V6::EchoRequest(e) => L4::IcmpEcho { request: true, id: e.id, seq: e.seq },
            V6::EchoReply(e) => L4::IcmpEcho { request: false, id: e.id, seq: e.seq },
            _ => return assert!(matches!(h.l4, L4::IcmpError { about: Some(_), .. })),
        },
        TransportSlice::Igmp(_) => panic!("no IGMP here"),
    };
    assert_eq!(h.l4, expected);
}

fn flags_of(t: &etherparse::TcpSlice<'_>) -> TcpFlags {
    let bits = [t.fin(), t.syn(), t.rst(), t.psh(), t.ack(), t.urg(), t.ece(), t.cwr()];
    TcpFlags(bits.iter().enumerate().map(|(i, set)| u8::from(*set) << i).sum())
}

/// Reads the frame, and where it can be read tries every edit. Nothing may panic, and a digest may
/// not point outside the frame.
fn parse_and_edit_anything(frame: &[u8]) {
    let Ok(h) = parse(frame) else { return };
    let end = usize::from(h.l3_offset) + usize::from(h.ip_len);
    assert!(h.l3_offset < h.l4_offset && usize::from(h.l4_offset) <= end && end <= frame.len());
    let _ = h.flow_key();
    let (mut copy, mut edited) = (frame.to_vec(), h);
    set_macs(&mut copy, &mut edited, [1; 6], [2; 6]);
    set_ttl(&mut copy, &mut edited, 3);
    for port in [None, Some(4)] {
        let _ = set_source(&mut copy, &mut edited, address(&h, [5; 16]), port);
        let _ = set_destination(&mut copy, &mut edited, address(&h, [6; 16]), port);
    }
    assert_eq!(parse(&copy), Ok(edited), "the digest must follow the edits");
}

proptest! {
    #[test]
    fn parse_agrees_with_etherparse(frame in any_dressed_frame(), padding in 0..20usize) {
        assert_checksums(&frame);
        let h = parse(&frame).unwrap();
        assert_agrees(&frame, &h);
        let mut padded = frame;
        padded.resize(padded.len() + padding, 0xee);
        prop_assert_eq!(parse(&padded), Ok(h));
    }

    #[test]
    fn built_frames_say_what_they_were_asked_to((ends, frame) in any_frame()) {
        let h = parse(&frame).unwrap();
        prop_assert_eq!((h.eth_src, h.eth_dst), (ends.src_mac, ends.dst_mac));
        prop_assert_eq!((h.src, h.dst, h.ttl), (ends.src, ends.dst, ends.ttl));
        prop_assert_eq!(frame.len(), 14 + usize::from(h.ip_len));
        prop_assert_eq!(h.dont_fragment, ends.dont_fragment || ends.src.is_ipv6());
    }

    #[test]
    fn edits_keep_every_checksum_and_the_digest(
        frame in any_dressed_frame(),
        edits in proptest::collection::vec(any_edit(), 1..8),
    ) {
        let (mut edited, mut h) = (frame.clone(), parse(&frame).unwrap());
        for edit in &edits {
            apply(&mut edited, &mut h, edit);
            assert_checksums(&edited);
            prop_assert_eq!(parse(&edited), Ok(h));
        }
        prop_assert_eq!(edited.len(), frame.len());
    }

    #[test]
    fn undoing_an_edit_restores_the_frame(frame in any_dressed_frame(), bytes in any::<[u8; 16]>()) {
        let (mut edited, mut h) = (frame.clone(), parse(&frame).unwrap());
        let before = h;
        let port = |port: u16| matches!(before.l4, L4::Tcp { .. } | L4::Udp { .. }).then_some(port);
        set_source(&mut edited, &mut h, address(&before, bytes), port(9)).unwrap();
        set_ttl(&mut edited, &mut h, before.ttl.wrapping_add(1));
        set_ttl(&mut edited, &mut h, before.ttl);
        set_source(&mut edited, &mut h, before.src, port(before.flow_key().src_port)).unwrap();
        prop_assert_eq!(h, before);
        prop_assert_eq!(edited, frame);
    }

    #[test]
    fn a_wrong_checksum_stays_wrong(frame in any_frame(), at in any::<Index>(), bit in 0..8u8, edit in any_edit()) {
        let mut broken = frame.1;
        let start = usize::from(parse(&broken).unwrap().l4_offset) + 8;
        prop_assume!(start < broken.len());
        let at = start + at.index(broken.len() - start);
        broken[at] ^= 1 << bit;
        if let Ok(mut h) = parse(&broken) {
            let wrong = |frame: &[u8]| common::checksums(frame).iter().any(|(_, stored, fresh)| stored != fresh);
            // etherparse drops TCP's reserved bits, so flips there do not show.
            prop_assume!(wrong(&broken));
            apply(&mut broken, &mut h, &edit);
            prop_assert!(wrong(&broken));
        }
    }

    #[test]
    fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        parse_and_edit_anything(&bytes);
        for ether_type in [[0x08, 0x00, 0x45], [0x86, 0xdd, 0x60]] {
            let mut frame = vec![0; 12];
            frame.extend_from_slice(&ether_type);
            frame.extend_from_slice(&bytes);
            parse_and_edit_anything(&frame);
        }
    }

    #[test]
    fn mutated_frames_never_panic(
        frame in any_dressed_frame(),
        mutations in proptest::collection::vec((any::<Index>(), any::<u8>()), 1..12),
        in_headers in any::<bool>(),
    ) {
        let mut mutated = frame;
        let reach = if in_headers { mutated.len().min(120) } else { mutated.len() };
        for (at, value) in mutations {
            mutated[at.index(reach)] = value;
        }
        parse_and_edit_anything(&mutated);
    }

    #[test]
    fn a_digest_of_another_frame_never_panics(a in any_dressed_frame(), mut b in any_dressed_frame(), cut in any::<Index>(), edit in any_edit()) {
        let mut h = parse(&a).unwrap();
        b.truncate(cut.index(b.len() + 1));
        match edit {
            Edit::Macs(src, dst) => set_macs(&mut b, &mut h, src, dst),
            Edit::Ttl(ttl) => set_ttl(&mut b, &mut h, ttl),
            Edit::Source(bytes, port) => drop(set_source(&mut b, &mut h, address(&parse(&a).unwrap(), bytes), port)),
            Edit::Destination(bytes, port) => drop(set_destination(&mut b, &mut h, address(&parse(&a).unwrap(), bytes), port)),
        }
    }

    #[test]
    fn truncation_is_an_error(frame in any_dressed_frame(), cut in any::<Index>()) {
        // Built frames have no padding, so every byte counts.
        prop_assert!(parse(&frame[..cut.index(frame.len())]).is_err());
    }
}
