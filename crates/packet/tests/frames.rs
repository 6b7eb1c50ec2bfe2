//! Single frames with known answers.

#![allow(clippy::unwrap_used)]

mod common;

use common::{
    assert_checksums, both_families, checksums, dressed, ends, fragment_header, raw_extension, routing,
    v4_frame, v6_frame,
};
use etherparse::{Ipv6Extensions, ip_number};
use vnetsim_packet::{
    BuildError, EditError, Fragment, IcmpErrorKind, L4, ParseError, TcpFlags, icmp_echo,
    icmp_fragmentation_needed, icmp_time_exceeded, parse, raw, set_destination, set_macs, set_source,
    set_ttl, tcp, udp,
};
use vnetsim_types::IpProtocol;

#[test]
fn a_tcp_frame_byte_by_byte() {
    let frame = tcp(&ends("10.20.0.4", "10.30.0.4"), 50000, 443, TcpFlags::SYN, 1, 0, 2).unwrap();
    #[rustfmt::skip]
    let expected = [
        2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 0x08, 0x00, // Ethernet
        0x45, 0, 0, 42, 0, 0, 0x40, 0, 64, 6, 0x26, 0x95, 10, 20, 0, 4, 10, 30, 0, 4, // IPv4
        0xc3, 0x50, 0x01, 0xbb, 0, 0, 0, 1, 0, 0, 0, 0, 0x50, 0x02, 0xfa, 0xf0, 0xdb, 0xa8, 0, 0, // TCP
        0, 1, // data
    ];
    // The two checksums come from a few lines of Python after RFC 1071, not from this crate.
    assert_eq!(frame, expected);
}

#[test]
fn digests_of_built_frames() {
    for ends in both_families() {
        let h = parse(&tcp(&ends, 50000, 443, TcpFlags::SYN | TcpFlags::ACK, 7, 8, 100).unwrap()).unwrap();
        let flags = TcpFlags::SYN | TcpFlags::ACK;
        let l4 = L4::Tcp { src_port: 50000, dst_port: 443, flags, seq: 7, ack: 8, payload_len: 100 };
        assert_eq!((h.protocol, h.l4), (IpProtocol::TCP, l4));
        assert_eq!((h.flow_key().src_port, h.flow_key().dst_port), (50000, 443));
        let h = parse(&icmp_echo(&ends, false, 77, 3, 0).unwrap()).unwrap();
        assert_eq!(h.l4, L4::IcmpEcho { request: false, id: 77, seq: 3 });
        assert_eq!((h.flow_key().src_port, h.flow_key().dst_port), (77, 77));
        assert!(h.protocol.is_icmp());
    }
}

#[test]
fn every_truncation_of_every_kind_is_an_error() {
    for ends in both_families() {
        let original = udp(&ends, 1, 2, 10).unwrap();
        let frames = [
            tcp(&ends, 1, 2, TcpFlags::ACK, 3, 4, 10).unwrap(),
            original.clone(),
            icmp_echo(&ends, true, 1, 2, 10).unwrap(),
            icmp_time_exceeded(&ends, &original).unwrap(),
            dressed(&ends, &original),
        ];
        for frame in frames {
            for len in 0..frame.len() {
                assert_eq!(parse(&frame[..len]), Err(ParseError::Truncated), "{len} of {}", frame.len());
            }
            assert!(parse(&frame).is_ok());
        }
    }
}

#[test]
fn refuses_what_is_not_ip_or_lies_about_lengths() {
    let good = udp(&ends("10.0.0.1", "10.0.0.2"), 1, 2, 30).unwrap();
    let with = |changes: &[(usize, u8)]| {
        let mut frame = good.clone();
        for &(at, value) in changes {
            frame[at] = value;
        }
        parse(&frame).unwrap_err()
    };
    assert_eq!(with(&[(12, 0x81), (13, 0x00)]), ParseError::NotIp(0x8100));
    assert_eq!(with(&[(12, 0x86), (13, 0xdd)]), ParseError::BadVersion(4));
    assert_eq!(with(&[(14, 0x65)]), ParseError::BadVersion(6));
    assert_eq!(with(&[(14, 0x44)]), ParseError::BadLength); // header length below 20
    assert_eq!(with(&[(16, 0), (17, 19)]), ParseError::BadLength); // total length below header
    assert_eq!(with(&[(17, 27)]), ParseError::Truncated); // no room for UDP
    assert_eq!(with(&[(38, 0), (39, 7)]), ParseError::BadLength); // UDP length below its header
    assert_eq!(with(&[(38, 0), (39, 39)]), ParseError::BadLength); // and beyond the packet
    assert_eq!(ParseError::NotIp(0x0806).to_string(), "EtherType 0x0806 is neither IPv4 nor IPv6");

    let mut segment = tcp(&ends("10.0.0.1", "10.0.0.2"), 1, 2, TcpFlags::SYN, 0, 0, 0).unwrap();
    segment[46] = 0x40; // data offset below five words
    assert_eq!(parse(&segment), Err(ParseError::BadLength));
    let mut giant = udp(&ends("fd00::1", "fd00::2"), 1, 2, 65_487).unwrap();
    giant[18..20].copy_from_slice(&[0xff, 0xff]); // 40 + 65535 does not fit 16 bits
    assert_eq!(parse(&giant), Err(ParseError::BadLength));
}

#[test]
fn extension_headers() {
    let ends = ends("fd00::1", "fd00::2");
    let mut frame = v6_frame(
        &ends,
        Ipv6Extensions { hop_by_hop_options: Some(raw_extension()), ..Default::default() },
        ip_number::UDP,
        &[0, 1, 0, 2, 0, 8, 0xaa, 0xaa],
    );
    let h = parse(&frame).unwrap();
    assert_eq!((h.l4_offset, h.protocol, h.ip_len), (14 + 40 + 8, IpProtocol::UDP, 40 + 8 + 8));
    frame[20] = 60; // destination options, and behind them
    frame[54] = 0; // hop-by-hop
    assert_eq!(parse(&frame), Err(ParseError::BadExtensionOrder));
    frame[54] = 51; // AH ends the chain: the fabric carries it as a protocol
    let h = parse(&frame).unwrap();
    assert_eq!((h.protocol, h.l4), (IpProtocol::AH, L4::Other));
    frame[54] = 59; // no next header
    assert_eq!(parse(&frame).unwrap().protocol, IpProtocol(59));
}

#[test]
fn a_source_routed_destination_cannot_be_translated() {
    let ends = ends("fd00::1", "fd00::2");
    for (segments_left, expected) in [(0, Ok(())), (1, Err(EditError::SourceRouted))] {
        let extensions = Ipv6Extensions { routing: Some(routing(segments_left)), ..Default::default() };
        let mut frame = v6_frame(&ends, extensions, ip_number::UDP, &[0, 1, 0, 2, 0, 8, 0xaa, 0xaa]);
        let before = frame.clone();
        let mut h = parse(&frame).unwrap();
        assert_eq!(set_destination(&mut frame, &mut h, "fd00::9".parse().unwrap(), None), expected);
        assert_eq!(frame == before, expected.is_err());
        assert!(set_source(&mut frame, &mut h, "fd00::9".parse().unwrap(), None).is_ok());
    }
}

/// A datagram in two fragments, translated one by one, is the translated datagram.
#[test]
fn fragments_are_translated_one_by_one() {
    for ends in both_families() {
        let whole = udp(&ends, 1000, 2000, 100).unwrap();
        let l4_offset = usize::from(parse(&whole).unwrap().l4_offset);
        let (first, second) = whole[l4_offset..].split_at(48);
        let cut = |offset: u16, more: bool, bytes: &[u8]| {
            if ends.src.is_ipv4() {
                return v4_frame(&ends, &[], ip_number::UDP, bytes, (offset, more));
            }
            let extensions =
                Ipv6Extensions { fragment: Some(fragment_header(offset, more)), ..Default::default() };
            v6_frame(&ends, extensions, ip_number::UDP, bytes)
        };
        let (mut a, mut b) = (cut(0, true, first), cut(48, false, second));
        let (mut ha, mut hb) = (parse(&a).unwrap(), parse(&b).unwrap());
        assert_eq!(ha.fragment, Some(Fragment { offset_bytes: 0, more: true }));
        assert_eq!(ha.l4, L4::Udp { src_port: 1000, dst_port: 2000 });
        assert_eq!(hb.fragment, Some(Fragment { offset_bytes: 48, more: false }));
        assert_eq!((hb.l4, hb.flow_key().src_port, hb.protocol), (L4::Other, 0, IpProtocol::UDP));
        assert_eq!((ha.dont_fragment, hb.dont_fragment), (ends.src.is_ipv6(), ends.src.is_ipv6()));

        let new = if ends.src.is_ipv4() { "192.0.2.77" } else { "2001:db8::77" }.parse().unwrap();
        set_source(&mut a, &mut ha, new, Some(1024)).unwrap();
        assert_eq!(set_source(&mut b, &mut hb, new, Some(1024)), Err(EditError::NoPort));
        set_source(&mut b, &mut hb, new, None).unwrap();
        let (mut translated, mut h) = (whole.clone(), parse(&whole).unwrap());
        set_source(&mut translated, &mut h, new, Some(1024)).unwrap();
        let joined = [&a[usize::from(ha.l4_offset)..], &b[usize::from(hb.l4_offset)..]].concat();
        assert_eq!(joined, &translated[l4_offset..]);
        assert_checksums(&translated);
        assert_checksums(&b);
    }
}

#[test]
fn udp_without_a_checksum_stays_without() {
    let mut frame = udp(&ends("10.0.0.1", "10.0.0.2"), 1, 2, 10).unwrap();
    frame[40..42].fill(0);
    let mut h = parse(&frame).unwrap();
    set_source(&mut frame, &mut h, "10.9.9.9".parse().unwrap(), Some(99)).unwrap();
    set_destination(&mut frame, &mut h, "10.8.8.8".parse().unwrap(), Some(98)).unwrap();
    assert_eq!(frame[40..42], [0, 0]);
    assert_checksums(&frame); // the IPv4 header's
}

/// Over all ports one sum comes out as zero, which UDP spells 0xffff.
#[test]
fn a_udp_checksum_never_becomes_zero() {
    for ends in both_families() {
        let mut frame = udp(&ends, 1, 2, 3).unwrap();
        let mut h = parse(&frame).unwrap();
        let mut all_ones = 0;
        for port in 0..=u16::MAX {
            set_destination(&mut frame, &mut h, ends.dst, Some(port)).unwrap();
            let (_, stored, fresh) = *checksums(&frame).last().unwrap();
            assert_eq!(stored, fresh);
            assert_ne!(stored, 0);
            all_ones += u32::from(stored == 0xffff);
        }
        assert!(all_ones > 0);
    }
}

#[test]
fn refused_edits_change_nothing() {
    let other_family = "fd00::9".parse().unwrap();
    let ends = ends("10.0.0.1", "10.0.0.2");
    let original = udp(&ends, 1, 2, 10).unwrap();
    let error = icmp_time_exceeded(&ends, &original).unwrap();
    let esp = v4_frame(&ends, &[], ip_number::ENCAP_SEC, &[0; 16], (0, false));
    for frame in [original, error, esp] {
        let (mut edited, mut h) = (frame.clone(), parse(&frame).unwrap());
        assert_eq!(set_source(&mut edited, &mut h, other_family, None), Err(EditError::MixedFamilies));
        assert_eq!(set_destination(&mut edited, &mut h, other_family, None), Err(EditError::MixedFamilies));
        if !matches!(h.l4, L4::Udp { .. }) {
            assert_eq!(set_source(&mut edited, &mut h, ends.dst, Some(1)), Err(EditError::NoPort));
        }
        assert_eq!(set_source(&mut edited[..20], &mut h, ends.dst, None), Err(EditError::NotThisFrame));
        set_macs(&mut edited[..11], &mut h, [9; 6], [9; 6]);
        set_ttl(&mut edited[..20], &mut h, 9);
        assert_eq!((edited, h), (frame.clone(), parse(&frame).unwrap()));
    }
}

#[test]
fn icmp_errors_name_the_packet_they_are_about() {
    for ends in both_families() {
        let originals = [
            tcp(&ends, 50000, 443, TcpFlags::SYN, 0, 0, 2000).unwrap(),
            udp(&ends, 5, 6, 0).unwrap(),
            icmp_echo(&ends, true, 42, 1, 56).unwrap(),
            dressed(&ends, &udp(&ends, 5, 6, 0).unwrap()),
        ];
        for original in originals {
            let about = Some(parse(&original).unwrap().flow_key());
            let quoted = usize::from(parse(&original).unwrap().ip_len);
            let (header, limit) = if ends.src.is_ipv4() { (28, 576) } else { (48, 1280) };

            let expired = icmp_time_exceeded(&ends, &original).unwrap();
            let h = parse(&expired).unwrap();
            assert_eq!(h.l4, L4::IcmpError { kind: IcmpErrorKind::TimeExceeded { code: 0 }, about });
            assert_eq!(usize::from(h.ip_len), (header + quoted).min(limit));
            assert_eq!((h.flow_key().src_port, h.flow_key().dst_port), (0, 0));

            let too_big = icmp_fragmentation_needed(&ends, &original, 1400).unwrap();
            let kind = IcmpErrorKind::FragmentationNeeded { mtu: 1400 };
            assert_eq!(parse(&too_big).unwrap().l4, L4::IcmpError { kind, about });
            assert_checksums(&expired);
            assert_checksums(&too_big);
        }
    }
}

/// RFC 792 promises eight bytes of the upper layer; the ports are in the first four.
#[test]
fn icmp_errors_with_short_quotes() {
    let ends = ends("10.0.0.1", "10.0.0.2");
    let original = tcp(&ends, 50000, 443, TcpFlags::SYN, 0, 0, 0).unwrap();
    let about = parse(&original).unwrap().flow_key();
    for (l4_bytes, expected) in [(8, Some(about)), (4, Some(about)), (3, None), (0, None)] {
        for icmp_type in [3, 11, 12] {
            let message = [&[icmp_type, 1, 0, 0, 0, 0, 0, 0], &original[14..34 + l4_bytes]].concat();
            let h = parse(&v4_frame(&ends, &[], ip_number::ICMP, &message, (0, false))).unwrap();
            let L4::IcmpError { about, .. } = h.l4 else { panic!("{h:?}") };
            assert_eq!(about, expected);
        }
    }
    let redirect = v4_frame(&ends, &[], ip_number::ICMP, &[5, 1, 0, 0, 10, 0, 0, 9], (0, false));
    assert_eq!(parse(&redirect).unwrap().l4, L4::Other);
}

/// A quoted packet ends where its own length says, and a quoted later fragment has no ports.
#[test]
fn icmp_errors_about_odd_packets() {
    let ends = ends("10.0.0.1", "10.0.0.2");
    let quoting = |original: &[u8], trailer: &[u8]| {
        let message = [&[11, 0, 0, 0, 0, 0, 0, 0], &original[14..], trailer].concat();
        match parse(&v4_frame(&ends, &[], ip_number::ICMP, &message, (0, false))).unwrap().l4 {
            L4::IcmpError { about, .. } => about,
            other => panic!("{other:?}"),
        }
    };
    let tiny = v4_frame(&ends, &[], ip_number::UDP, &[0, 1], (0, false));
    assert_eq!(quoting(&tiny, &[0; 8]), None);
    let later = v4_frame(&ends, &[], ip_number::UDP, &[0xff; 16], (48, false));
    assert_eq!(quoting(&later, &[]), Some(parse(&later).unwrap().flow_key()));
    assert_eq!(quoting(&later, &[]).unwrap().src_port, 0);
}

/// Behind the fragment header of a later fragment there is only payload, whatever its number says.
#[test]
fn a_packet_of_any_other_protocol() {
    for (src, dst) in [("10.0.0.1", "10.0.0.2"), ("fd00::1", "fd00::2")] {
        let frame = raw(&ends(src, dst), IpProtocol(50), 20).unwrap();
        let h = parse(&frame).unwrap();
        assert_eq!((h.protocol, h.l4), (IpProtocol(50), L4::Other));
        assert_eq!(&frame[usize::from(h.l4_offset)..], (0..20).collect::<Vec<u8>>());
    }
}

#[test]
fn the_extension_chain_of_a_later_fragment_ends() {
    let extensions = Ipv6Extensions { fragment: Some(fragment_header(48, true)), ..Default::default() };
    let frame = v6_frame(&ends("fd00::1", "fd00::2"), extensions, ip_number::IPV6_DEST_OPTIONS, &[0xff; 16]);
    let h = parse(&frame).unwrap();
    assert_eq!((h.protocol, h.l4_offset, h.l4), (IpProtocol(60), 14 + 40 + 8, L4::Other));
    assert_eq!(h.fragment, Some(Fragment { offset_bytes: 48, more: true }));
}

#[test]
fn any_icmpv6_message_keeps_its_checksum() {
    let ends = ends("fd00::1", "fd00::2");
    let mut frame = icmp_echo(&ends, true, 1, 2, 8).unwrap();
    frame[54] = 129; // becomes a reply by hand: type is worth 1 << 8 in the checksum
    let stored = u16::from_be_bytes([frame[56], frame[57]]);
    let [high, low] = stored.checked_sub(0x100).unwrap().to_be_bytes();
    (frame[56], frame[57]) = (high, low);
    assert_checksums(&frame);
    let mut error = icmp_time_exceeded(&ends, &frame).unwrap();
    let mut h = parse(&error).unwrap();
    set_source(&mut error, &mut h, "2001:db8::1".parse().unwrap(), None).unwrap();
    set_destination(&mut error, &mut h, "2001:db8::2".parse().unwrap(), None).unwrap();
    assert_checksums(&error);
}

#[test]
fn builders_refuse_mixed_families_and_giants() {
    let mixed = ends("10.0.0.1", "fd00::2");
    assert_eq!(udp(&mixed, 1, 2, 0), Err(BuildError::MixedFamilies));
    assert_eq!(icmp_echo(&mixed, true, 1, 2, 0), Err(BuildError::MixedFamilies));
    for (ends, ip_header) in both_families().into_iter().zip([20, 40]) {
        let room = 65_535 - ip_header;
        for (l4_header, build) in [
            (20, (|e, n| tcp(e, 1, 2, TcpFlags::ACK, 3, 4, n)) as fn(&_, usize) -> _),
            (8, |e, n| udp(e, 1, 2, n)),
            (8, |e, n| icmp_echo(e, true, 1, 2, n)),
        ] {
            let largest = build(&ends, room - l4_header).unwrap();
            assert_eq!(parse(&largest).unwrap().ip_len, 65_535);
            assert_checksums(&largest);
            assert_eq!(build(&ends, room - l4_header + 1), Err(BuildError::TooLarge));
            assert_eq!(build(&ends, usize::MAX), Err(BuildError::TooLarge));
        }
    }
    let [v4, v6] = both_families();
    let original = udp(&v6, 1, 2, 0).unwrap();
    assert_eq!(icmp_time_exceeded(&v4, &original), Err(BuildError::MixedFamilies));
    let cut = &original[..30];
    assert_eq!(icmp_time_exceeded(&v6, cut), Err(BuildError::BadOriginal(ParseError::Truncated)));
}
