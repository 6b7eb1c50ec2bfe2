//! What is written is what is read, and no bytes are too broken to be read.

#![allow(clippy::unwrap_used)]

mod common;

use common::REAL;
use proptest::prelude::*;
use vnetsim_capture::{
    CapturedPacket, Direction, Interface, Link, MAX_PACKET_BYTES, PcapngWriter, Record, Verdict, read, rehome,
};

fn interface(name: &str) -> Interface<'_> {
    Interface { name, description: "" }
}

fn record(frame: &[u8]) -> Record<'_> {
    Record { interface: 0, time_ns: 0, frame, packet_id: None, direction: None, comment: None, verdict: None }
}

type Owned = (u32, u64, Vec<u8>, Option<u64>, Option<bool>, Option<String>, Option<bool>);

fn records() -> impl Strategy<Value = Vec<Owned>> {
    let one = (
        0..3_u32,
        any::<u64>(),
        prop::collection::vec(any::<u8>(), 0..300),
        any::<Option<u64>>(),
        any::<Option<bool>>(),
        prop::option::of("\\PC{0,40}"),
        any::<Option<bool>>(),
    );
    prop::collection::vec(one, 0..20)
}

proptest! {
    #[test]
    fn written_is_read(name in "\\PC{0,20}", description in "\\PC{0,20}", records in records()) {
        let interfaces = [Interface { name: &name, description: &description }, interface("b")];
        let mut writer = PcapngWriter::new(Vec::new(), &name, &interfaces).unwrap();
        prop_assert_eq!(writer.interface(&interface("later")).unwrap(), 2);
        for (interface, time_ns, frame, packet_id, inbound, comment, dropped) in &records {
            let direction = inbound.map(|inbound| if inbound { Direction::Inbound } else { Direction::Outbound });
            let verdict = dropped.map(|dropped| if dropped { Verdict::Dropped } else { Verdict::Passed });
            let (interface, time_ns, packet_id) = (*interface, *time_ns, *packet_id);
            let comment = comment.as_deref();
            writer
                .packet(&Record { interface, time_ns, frame, packet_id, direction, comment, verdict })
                .unwrap();
        }
        let file = writer.finish().unwrap();
        let capture = read(&file).unwrap();
        prop_assert_eq!(capture.problems, Vec::<String>::new());
        prop_assert_eq!(capture.packets.len(), records.len());
        for (packet, (_, time_ns, frame, ..)) in capture.packets.iter().zip(&records) {
            prop_assert_eq!((packet.time_ns, packet.data), (*time_ns, &frame[..]));
            prop_assert_eq!((packet.link, packet.original_len), (Link::Ethernet, frame.len() as u32));
        }
    }

    /// Behind every way in that the first bytes decide.
    #[test]
    fn any_bytes_are_read(start in 0..7_usize, bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let magics: [&[u8]; 7] = [
            b"",
            b"\xd4\xc3\xb2\xa1",
            b"\xa1\xb2\x3c\x4d",
            b"\x34\xcd\xb2\xa1",
            b"\n\r\r\n\x1c\0\0\0\x4d\x3c\x2b\x1a",
            b"\n\r\r\n\0\0\0\x1c\x1a\x2b\x3c\x4d",
            b"\n\r\r\n",
        ];
        let file = [magics[start], &bytes].concat();
        if let Ok(capture) = read(&file) {
            prop_assert!(capture.packets.iter().all(|packet| packet.data.len() <= packet.original_len as usize));
        }
    }

    /// Blocks of every kind, framed so that their insides are reached.
    #[test]
    fn any_blocks_are_read(
        big_endian: bool,
        blocks in prop::collection::vec((0..12_u32, prop::collection::vec(any::<u8>(), 0..60)), 0..8),
    ) {
        let order = common::Order { big_endian };
        let mut file = [order.section(), order.interface(1, 0, &[])].concat();
        for (kind, body) in blocks {
            file.extend(order.block(if kind == 11 { 0x0bad } else { kind }, &body));
        }
        prop_assert!(read(&file).is_ok());
    }

    /// Real files with some bytes changed: read, and every packet offered a new home.
    #[test]
    fn damaged_captures_are_read(
        which in 0..2_usize,
        early: bool,
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..60),
    ) {
        let mut file = REAL[which].1.to_vec();
        let end = if early { 4_000 } else { file.len() };
        for (at, byte) in changes {
            file[4 + at.index(end - 4)] = byte;
        }
        for packet in read(&file).unwrap().packets {
            let _ = rehome(&packet, &|_| Some([10, 0, 0, 4].into()));
        }
    }

    /// Any bytes behind any link layer.
    #[test]
    fn any_packet_may_ask_for_a_home(
        link in prop::sample::select(vec![0_u16, 1, 101, 113, 276, 9]),
        lost in prop::sample::select(vec![0, 7, 70_000_u32, u32::MAX]),
        start in prop::sample::select(vec![&b""[..], b"\x45\0\0\x40", b"\x60\0\0\0\0\x20\x3a", b"\x45\0\0\0", b"\x46"]),
        bytes in prop::collection::vec(any::<u8>(), 0..200),
    ) {
        let data = [&[0; 12], &b"\x08\0"[..], start, &bytes].concat();
        let data = if link == 1 { &data[..] } else { &data[14..] };
        let original_len = (data.len() as u32).saturating_add(lost);
        let packet = CapturedPacket { time_ns: 0, link: Link::from_number(link), data, original_len, number: 1 };
        if let Ok(rehomed) = rehome(&packet, &|_| None) {
            prop_assert_eq!(vnetsim_packet::parse(&rehomed.frame), Ok(rehomed.headers));
            prop_assert_eq!(rehomed.frame.len(), 14 + usize::from(rehomed.headers.ip_len));
        }
    }
}

#[test]
fn an_interface_must_be_there() {
    let mut writer = PcapngWriter::new(Vec::new(), "test", &[]).unwrap();
    let error = writer.packet(&record(b"abc")).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::InvalidInput);
    writer.interface(&interface("a")).unwrap();
    writer.packet(&record(b"abc")).unwrap();
}

#[test]
fn what_is_too_long_is_cut() {
    let mut writer = PcapngWriter::new(Vec::new(), "test", &[interface("a")]).unwrap();
    let comment = "é".repeat(40_000);
    let frame = vec![7; MAX_PACKET_BYTES + 5];
    writer.packet(&Record { comment: Some(&comment), ..record(&frame) }).unwrap();
    let file = writer.finish().unwrap();
    let capture = read(&file).unwrap();
    assert_eq!(capture.problems, [""; 0]);
    assert_eq!(capture.packets[0].data, &frame[..MAX_PACKET_BYTES]);
    assert_eq!(capture.packets[0].missing_bytes(), 5);
}

/// A writer that is full says so.
#[test]
fn errors_of_the_writer_come_through() {
    let mut room = [0; 30];
    assert!(PcapngWriter::new(&mut room[..], "test", &[]).is_err());
}
