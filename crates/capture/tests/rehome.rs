//! Captured packets on their way into a simulated network.

#![allow(clippy::unwrap_used)]

mod common;

use std::net::IpAddr;

use common::REAL;
use etherparse::{NetSlice, SlicedPacket, TransportSlice};
use vnetsim_capture::{CapturedPacket, Link, NoHome, Rehomed, read, rehome};
use vnetsim_packet::{
    EditError, Endpoints, IcmpErrorKind, L4, ParseError, TcpFlags, icmp_echo, icmp_time_exceeded, parse, tcp,
    udp,
};

fn ends(src: &str, dst: &str) -> Endpoints {
    Endpoints {
        src_mac: [2; 6],
        dst_mac: [4; 6],
        src: src.parse().unwrap(),
        dst: dst.parse().unwrap(),
        ttl: 64,
        dont_fragment: true,
    }
}

fn v4() -> Endpoints {
    ends("192.168.50.10", "192.168.50.20")
}

fn v6() -> Endpoints {
    ends("fd50::10", "fd50::20")
}

fn captured(link: Link, data: &[u8]) -> CapturedPacket<'_> {
    CapturedPacket { time_ns: 0, link, data, original_len: data.len() as u32, number: 1 }
}

/// The hosts of all tests, in a simulated network.
fn moved(address: IpAddr) -> Option<IpAddr> {
    let to = match address.to_string().as_str() {
        "192.168.50.10" => "10.20.0.4",
        "192.168.50.20" => "10.30.7.5",
        "fd50::10" => "fd00:20::4",
        "fd50::20" => "fd00:30:7::5",
        _ => return None,
    };
    Some(to.parse().unwrap())
}

fn home(packet: &CapturedPacket<'_>) -> Rehomed {
    let rehomed = rehome(packet, &moved).unwrap();
    assert_eq!(parse(&rehomed.frame), Ok(rehomed.headers));
    rehomed
}

/// The checksums of a whole frame, computed by another library from the parsed fields.
fn assert_checksums(frame: &[u8]) {
    let packet = SlicedPacket::from_ethernet(frame).unwrap();
    let (src, dst): (IpAddr, IpAddr) = match packet.net.as_ref().unwrap() {
        NetSlice::Ipv4(ip) => {
            let header = ip.header().to_header();
            assert_eq!(header.header_checksum, header.calc_header_checksum());
            (header.source.into(), header.destination.into())
        }
        NetSlice::Ipv6(ip) => (ip.header().source_addr().into(), ip.header().destination_addr().into()),
        NetSlice::Arp(_) => panic!("ARP has no home"),
    };
    match (packet.transport, src, dst) {
        (Some(TransportSlice::Tcp(tcp)), IpAddr::V4(a), IpAddr::V4(b)) => {
            assert_eq!(tcp.checksum(), tcp.calc_checksum_ipv4(a.octets(), b.octets()).unwrap());
        }
        (Some(TransportSlice::Tcp(tcp)), IpAddr::V6(a), IpAddr::V6(b)) => {
            assert_eq!(tcp.checksum(), tcp.calc_checksum_ipv6(a.octets(), b.octets()).unwrap());
        }
        (Some(TransportSlice::Udp(udp)), IpAddr::V4(a), IpAddr::V4(b)) => {
            let sum = udp.to_header().calc_checksum_ipv4_raw(a.octets(), b.octets(), udp.payload()).unwrap();
            assert_eq!(udp.checksum(), sum);
        }
        (Some(TransportSlice::Udp(udp)), IpAddr::V6(a), IpAddr::V6(b)) => {
            let sum = udp.to_header().calc_checksum_ipv6_raw(a.octets(), b.octets(), udp.payload()).unwrap();
            assert_eq!(udp.checksum(), sum);
        }
        (Some(TransportSlice::Icmpv4(icmp)), ..) => {
            assert_eq!(icmp.checksum(), icmp.icmp_type().calc_checksum(icmp.payload()));
        }
        (Some(TransportSlice::Icmpv6(icmp)), IpAddr::V6(a), IpAddr::V6(b)) => {
            let sum = icmp.icmp_type().calc_checksum(a.octets(), b.octets(), icmp.payload()).unwrap();
            assert_eq!(icmp.checksum(), sum);
        }
        (other, ..) => panic!("{other:?}"),
    }
}

/// Every link layer gives the same frame.
#[test]
fn from_every_link_layer() {
    for (ends, ether_type, family) in [(v4(), [8, 0], 2_u32), (v6(), [0x86, 0xdd], 30)] {
        let frame = tcp(&ends, 50_000, 443, TcpFlags::SYN, 1, 0, 7).unwrap();
        let (ip, fcs) = (&frame[14..], &[1, 2, 3, 4][..]);
        let layers = [
            (Link::Ethernet, [&[2; 12], &ether_type[..], ip, fcs].concat()),
            (Link::Ethernet, [&[2; 12], &[0x81, 0, 0, 9][..], &ether_type[..], ip].concat()),
            (
                Link::Ethernet,
                [&[2; 12], &[0x88, 0xa8, 0, 9, 0x81, 0, 0, 9][..], &ether_type[..], ip].concat(),
            ),
            (Link::RawIp, ip.to_vec()),
            (Link::LinuxSll, [&[0; 14], &ether_type[..], ip].concat()),
            (Link::LinuxSll2, [&ether_type[..], &[0; 18], ip].concat()),
            (Link::Loopback, [&family.to_be_bytes(), ip].concat()),
            (Link::Loopback, [&family.to_le_bytes(), ip].concat()),
        ];
        for (link, data) in layers {
            let rehomed = home(&captured(link, &data));
            assert_eq!(rehomed.frame.len(), frame.len());
            assert_eq!(rehomed.frame[..12], [0; 12]);
            assert_checksums(&rehomed.frame);
            assert_eq!((rehomed.captured_src, rehomed.captured_dst), (ends.src, ends.dst));
            let now = (rehomed.headers.src, rehomed.headers.dst);
            assert_eq!(now, (moved(ends.src).unwrap(), moved(ends.dst).unwrap()));
            assert_eq!(rehomed.filled_bytes, 0);
        }
    }
}

#[test]
fn addresses_without_a_translation_stay() {
    let frame = udp(&ends("192.168.50.10", "8.8.8.8"), 1, 53, 5).unwrap();
    let rehomed = home(&captured(Link::Ethernet, &frame));
    assert_eq!(rehomed.headers.src, "10.20.0.4".parse::<IpAddr>().unwrap());
    assert_eq!(rehomed.headers.dst, "8.8.8.8".parse::<IpAddr>().unwrap());
    assert_checksums(&rehomed.frame);
    let kept = rehome(&captured(Link::Ethernet, &frame), &|_| None).unwrap();
    assert_eq!(kept.frame[14..], frame[14..]);
}

#[test]
fn unfinished_checksums_are_finished() {
    for ends in [v4(), v6()] {
        let l4 = if ends.src.is_ipv4() { 34 } else { 54 };
        let frames = [
            (tcp(&ends, 1, 2, TcpFlags::ACK, 3, 4, 101).unwrap(), l4 + 16),
            (udp(&ends, 1, 2, 101).unwrap(), l4 + 6),
            (icmp_echo(&ends, true, 1, 2, 9).unwrap(), l4 + 2),
        ];
        for (mut frame, at) in frames {
            frame[at..at + 2].copy_from_slice(&[0x12, 0x34]);
            if ends.src.is_ipv4() {
                frame[24..26].fill(0);
            }
            assert_checksums(&home(&captured(Link::Ethernet, &frame)).frame);
        }
    }
}

#[test]
fn no_udp_checksum_stays_none() {
    let mut frame = udp(&v4(), 1, 2, 10).unwrap();
    frame[40..42].fill(0);
    let rehomed = home(&captured(Link::Ethernet, &frame));
    assert_eq!(rehomed.frame[40..42], [0, 0]);
}

/// Padding of a short frame, which no length counts.
#[test]
fn padding_is_cut() {
    let mut frame = tcp(&v4(), 1, 2, TcpFlags::ACK, 3, 4, 0).unwrap();
    frame.resize(60, 0xaa);
    assert_eq!(home(&captured(Link::Ethernet, &frame)).frame.len(), 54);
}

/// A fragment has no upper-layer checksum of its own: the first one's is updated by the difference.
#[test]
fn fragments_keep_the_checksum_of_their_datagram() {
    let whole = udp(&v4(), 1, 2, 100).unwrap();
    let expected = home(&captured(Link::Ethernet, &whole)).frame;
    let mut first = whole[..14 + 20 + 48].to_vec();
    first[16..18].copy_from_slice(&68_u16.to_be_bytes());
    first[20] = 0x20; // more fragments
    let rehomed = home(&captured(Link::Ethernet, &first));
    assert_eq!(rehomed.frame[34..], expected[34..82]);
    let later = [&whole[..34], &whole[82..]].concat();
    let mut later = later;
    later[16..18].copy_from_slice(&80_u16.to_be_bytes());
    later[20..22].copy_from_slice(&[0, 6]);
    let rehomed = home(&captured(Link::Ethernet, &later));
    assert_eq!(rehomed.frame[34..], expected[82..]);
}

/// Behind extension headers the checksum is updated, and right because it was.
#[test]
fn extension_headers_do_not_hide_the_checksum() {
    let plain = udp(&v6(), 1, 2, 10).unwrap();
    let mut extended = plain.clone();
    extended[20] = 0; // hop-by-hop
    extended[18..20].copy_from_slice(&26_u16.to_be_bytes());
    extended.splice(54..54, [17, 0, 1, 4, 0, 0, 0, 0]);
    let rehomed = home(&captured(Link::Ethernet, &extended));
    assert_eq!(rehomed.frame[62..], home(&captured(Link::Ethernet, &plain)).frame[54..]);
}

/// What an ICMP error quotes is translated like the packet that it is about, wherever the quote ends.
#[test]
fn quotes_are_translated() {
    for (ends, back) in [(v4(), ends("192.168.50.1", "192.168.50.10")), (v6(), ends("fd50::1", "fd50::10"))] {
        let (l4, ip) = if ends.src.is_ipv4() { (34, 20) } else { (54, 40) };
        let originals = [
            tcp(&ends, 50_000, 443, TcpFlags::SYN, 1, 0, 30).unwrap(),
            udp(&ends, 50_000, 53, 30).unwrap(),
            icmp_echo(&ends, true, 77, 1, 30).unwrap(),
        ];
        for original in originals {
            let translated = home(&captured(Link::Ethernet, &original)).frame;
            let whole = icmp_time_exceeded(&back, &original).unwrap();
            for quoted in [ip + 8, ip + 12, ip + 13, ip + 17, ip + 20, original.len() - 14] {
                let mut error = whole[..(l4 + 8 + quoted).min(whole.len())].to_vec();
                let payload_len = error.len() - 14 - if ends.src.is_ipv4() { 0 } else { 40 };
                let at = if ends.src.is_ipv4() { 16 } else { 18 };
                error[at..at + 2].copy_from_slice(&(payload_len as u16).to_be_bytes());
                let rehomed = home(&captured(Link::Ethernet, &error));
                assert_checksums(&rehomed.frame);
                let expected = &translated[14..14 + rehomed.frame.len() - l4 - 8];
                assert_eq!(&rehomed.frame[l4 + 8..], expected, "{quoted} bytes quoted");
                let L4::IcmpError { kind: IcmpErrorKind::TimeExceeded { code: 0 }, about } =
                    rehomed.headers.l4
                else {
                    panic!("{:?}", rehomed.headers.l4);
                };
                assert_eq!(about.unwrap(), parse(&translated).unwrap().flow_key());
            }
        }
    }
}

#[test]
fn a_quote_that_makes_no_sense_stays() {
    let mut error =
        icmp_time_exceeded(&ends("192.168.50.1", "192.168.50.10"), &udp(&v4(), 1, 2, 30).unwrap()).unwrap();
    error[42] = 0x95; // version 9
    let rehomed = home(&captured(Link::Ethernet, &error));
    assert_eq!(rehomed.frame[42..], error[42..]);
    assert_checksums(&rehomed.frame);
}

/// A capture with a snapshot length keeps headers: the payload becomes zeros, the sizes stay.
#[test]
fn payload_that_was_not_kept_is_filled() {
    for ends in [v4(), v6()] {
        let frame = tcp(&ends, 50_000, 443, TcpFlags::ACK, 1, 0, 500).unwrap();
        let headers = frame.len() - 500;
        for kept in headers..frame.len() {
            let packet = CapturedPacket {
                original_len: frame.len() as u32,
                ..captured(Link::Ethernet, &frame[..kept])
            };
            let rehomed = home(&packet);
            assert_eq!((rehomed.frame.len(), rehomed.filled_bytes), (frame.len(), frame.len() - kept));
            assert_checksums(&rehomed.frame);
        }
        for kept in 0..headers {
            let packet = CapturedPacket {
                original_len: frame.len() as u32,
                ..captured(Link::Ethernet, &frame[..kept])
            };
            assert_eq!(rehome(&packet, &moved), Err(NoHome::Truncated), "{kept}");
        }
    }
}

#[test]
fn an_error_whose_quote_was_not_kept_has_no_home() {
    let frame =
        icmp_time_exceeded(&ends("192.168.50.1", "192.168.50.10"), &udp(&v4(), 1, 2, 30).unwrap()).unwrap();
    for kept in 14..frame.len() {
        let packet =
            CapturedPacket { original_len: frame.len() as u32, ..captured(Link::Ethernet, &frame[..kept]) };
        assert_eq!(rehome(&packet, &moved).is_ok(), kept >= 34 + 8 + 28, "{kept}");
    }
}

/// Segmentation offload leaves the length to the hardware.
#[test]
fn a_length_that_was_left_to_the_hardware() {
    for ends in [v4(), v6()] {
        let mut frame = tcp(&ends, 50_000, 443, TcpFlags::ACK, 1, 0, 5_000).unwrap();
        let expected = home(&captured(Link::Ethernet, &frame));
        let at = if ends.src.is_ipv4() { 16 } else { 18 };
        frame[at..at + 2].fill(0);
        assert_eq!(home(&captured(Link::Ethernet, &frame)), expected);
        frame.resize(70_000, 0);
        assert_eq!(
            rehome(&captured(Link::Ethernet, &frame), &moved),
            Err(NoHome::Malformed(ParseError::BadLength))
        );
    }
}

#[test]
fn what_has_no_home() {
    let ethernet = |ether_type: u16| [&[0; 12], &ether_type.to_be_bytes()[..], &[0; 46]].concat();
    let good = udp(&v4(), 1, 2, 10).unwrap();
    let mut version = good.clone();
    version[14] = 0x65;
    let cases = [
        (Link::Ethernet, ethernet(0x0806), NoHome::NotIp(0x0806), "ARP, not IP"),
        (Link::Ethernet, ethernet(0x88cc), NoHome::NotIp(0x88cc), "EtherType 0x88cc, not IP"),
        (Link::Ethernet, ethernet(46), NoHome::NotIp(46), "an 802.3 frame of 46 bytes, not IP"),
        (
            Link::LinuxSll2,
            vec![8, 6, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
            NoHome::NotIp(0x0806),
            "",
        ),
        (Link::Loopback, vec![0, 0, 0, 7, 0], NoHome::OtherFamily(7), "address family 7, not IP"),
        (Link::Other(127), good.clone(), NoHome::UnknownLink(127), "link layer 127 is not known"),
        (Link::RawIp, vec![0x90; 40], NoHome::Malformed(ParseError::BadVersion(9)), ""),
        (Link::Ethernet, version, NoHome::Malformed(ParseError::BadVersion(6)), ""),
        (Link::Ethernet, good[..40].to_vec(), NoHome::Malformed(ParseError::Truncated), ""),
        (Link::Ethernet, good[..16].to_vec(), NoHome::Malformed(ParseError::Truncated), ""),
        (Link::Ethernet, vec![0; 13], NoHome::Truncated, "the capture did not keep all headers"),
    ];
    for (link, data, reason, sentence) in cases {
        let answer = rehome(&captured(link, &data), &moved);
        assert_eq!(answer, Err(reason));
        assert!(sentence.is_empty() || reason.to_string() == sentence, "{reason}");
    }
    let to_v6 = rehome(&captured(Link::Ethernet, &good), &|_| Some("fd00::1".parse().unwrap()));
    assert_eq!(to_v6, Err(NoHome::NotTranslatable(EditError::MixedFamilies)));
}

/// The real captures: all but ARP have a home, with right checksums where the sending host had not finished them.
#[test]
fn real_captures() {
    for (name, file) in REAL {
        let mut not_ip = 0;
        for packet in read(file).unwrap().packets {
            match rehome(&packet, &moved) {
                Ok(rehomed) if rehomed.headers.fragment.is_none() => assert_checksums(&rehomed.frame),
                Ok(_) => {}
                Err(NoHome::NotIp(0x0806)) => not_ip += 1,
                Err(other) => panic!("{name}: packet {}: {other}", packet.number),
            }
        }
        assert_eq!(not_ip, 2, "{name}");
    }
}
