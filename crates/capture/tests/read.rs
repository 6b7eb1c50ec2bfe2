//! Files made by hand, byte by byte, and what is read of them.

#![allow(clippy::unwrap_used)]

mod common;

use common::{ORDERS, Order, REAL};
use vnetsim_capture::{
    Capture, CapturedPacket, Link, MAX_PACKET_BYTES, MAX_PROBLEMS, NotACapture, read, read_up_to,
};

const LITTLE: Order = ORDERS[0];

fn packet(number: u32, time_ns: u64, link: Link, original_len: u32, data: &[u8]) -> CapturedPacket<'_> {
    CapturedPacket { time_ns, link, data, original_len, number }
}

#[test]
fn pcap_in_both_byte_orders_and_both_resolutions() {
    for order in ORDERS {
        for (nanoseconds, second) in [(false, 7_000_000_123_000), (true, 7_000_000_000_123)] {
            let file = [
                order.pcap(nanoseconds, 1),
                order.record(u32::MAX, 0, 100, b"abc"),
                order.record(7_000, 123, 0, b"defgh"),
            ]
            .concat();
            let packets = vec![
                packet(1, 4_294_967_295_000_000_000, Link::Ethernet, 100, b"abc"),
                packet(2, second, Link::Ethernet, 5, b"defgh"),
            ];
            assert_eq!(read(&file).unwrap(), Capture { packets, problems: vec![] });
        }
    }
}

#[test]
fn pcap_with_the_longer_records_of_an_old_linux() {
    let mut file = LITTLE.pcap(false, 1);
    file[..4].copy_from_slice(&0xa1b2_cd34_u32.to_le_bytes());
    let record = LITTLE.record(1, 2, 3, b"abc");
    file.extend([&record[..16], &[0; 8], &record[16..]].concat());
    assert_eq!(read(&file).unwrap().packets, [packet(1, 1_000_002_000, Link::Ethernet, 3, b"abc")]);
}

#[test]
fn links_by_number() {
    let links = [
        (0, Link::Loopback),
        (1, Link::Ethernet),
        (12, Link::RawIp),
        (14, Link::RawIp),
        (101, Link::RawIp),
        (108, Link::Loopback),
        (113, Link::LinuxSll),
        (228, Link::RawIp),
        (229, Link::RawIp),
        (276, Link::LinuxSll2),
        (127, Link::Other(127)),
        (0x5400_0001, Link::Ethernet), // with the length of a frame check sequence
    ];
    for (number, link) in links {
        let file = [LITTLE.pcap(false, number), LITTLE.record(0, 0, 1, b"a")].concat();
        assert_eq!(read(&file).unwrap().packets[0].link, link);
    }
}

#[test]
fn pcapng_in_both_byte_orders_even_in_one_file() {
    for [first, second] in [ORDERS, [ORDERS[1], ORDERS[0]]] {
        let file = [
            first.section(),
            first.interface(1, 0, &[]),
            first.interface(101, 0, &[(2, b"tun0"), (9, &[9]), (0, &[]), (9, &[0])]),
            first.packet(1, 0x1_0000_0002, 3, b"abc"),
            second.section(),
            second.interface(113, 0, &[(9, &[3]), (14, &second.i64(-10))]),
            second.packet(0, 12_345, 900, b"defg"),
            second.packet(1, 0, 3, b"abc"),
        ]
        .concat();
        let Capture { packets, problems } = read(&file).unwrap();
        let expected = [
            packet(1, 0x1_0000_0002, Link::RawIp, 3, b"abc"),
            packet(2, 2_345_000_000, Link::LinuxSll, 900, b"defg"),
        ];
        assert_eq!(packets, expected);
        assert_eq!(problems, ["packet 3 names interface 1, which its section does not describe: left out"]);
    }
}

#[test]
fn resolutions_of_ten_and_of_two() {
    let second = |resolution: u8, ticks: u64| {
        let file = [
            LITTLE.section(),
            LITTLE.interface(1, 0, &[(9, &[resolution])]),
            LITTLE.packet(0, ticks, 1, b"a"),
        ];
        let file = file.concat();
        let capture = read(&file).unwrap();
        (capture.packets[0].time_ns, capture.problems.len())
    };
    assert_eq!(second(0, 3), (3_000_000_000, 0));
    assert_eq!(second(6, 3), (3_000, 0));
    assert_eq!(second(9, 3), (3, 0));
    assert_eq!(second(12, 3_999), (3, 0));
    assert_eq!(second(127, u64::MAX), (0, 0));
    assert_eq!(second(0x80, 3), (3_000_000_000, 0));
    assert_eq!(second(0x80 | 10, 1_536), (1_500_000_000, 0));
    assert_eq!(second(0x80 | 30, 1 << 29), (500_000_000, 0));
    assert_eq!(second(0xff, u64::MAX), (0, 0));
    // Beyond what 64 bits of nanoseconds can say.
    assert_eq!(second(0, u64::MAX), (u64::MAX, 1));
}

#[test]
fn packets_of_the_other_blocks() {
    for order in ORDERS {
        let old =
            [order.u16(0), order.u16(9), order.u32(0), order.u32(5), order.u32(3), order.u32(60)].concat();
        let file = [
            order.section(),
            order.interface(1, 4, &[]),
            order.block(2, &[&old[..], b"abc"].concat()),
            order.block(4, &[0; 4]),              // names, none
            order.block(0x0bad, b"\0\0\0\x01hi"), // a custom block, which Wireshark numbers
            order.block(77, b"who knows"),
            order.block(3, &[&order.u32(600)[..], b"defg"].concat()),
            order.block(3, &[&order.u32(2)[..], b"hi"].concat()),
            order.block(5, &[0; 12]), // statistics
        ]
        .concat();
        let packets = vec![
            packet(1, 5_000, Link::Ethernet, 60, b"abc"),
            packet(3, 5_000, Link::Ethernet, 600, b"defg"),
            packet(4, 5_000, Link::Ethernet, 2, b"hi"),
        ];
        assert_eq!(read(&file).unwrap(), Capture { packets, problems: vec![] });
    }
}

#[test]
fn a_broken_packet_block_is_left_out_and_numbered() {
    let mut too_long = LITTLE.packet(0, 0, 3, b"abc");
    too_long[20] = 200;
    let old = LITTLE.block(2, &[0; 16]);
    let file = [
        LITTLE.section(),
        LITTLE.interface(1, 0, &[]),
        too_long,
        LITTLE.block(6, &[0; 8]),
        old,
        LITTLE.packet(0, 0, 3, &vec![0; MAX_PACKET_BYTES + 1]),
        LITTLE.packet(0, 1, 3, b"abc"),
    ]
    .concat();
    let Capture { packets, problems } = read(&file).unwrap();
    assert_eq!(packets, [packet(5, 1_000, Link::Ethernet, 3, b"abc")]);
    assert_eq!(
        problems,
        [
            "packet 1 contradicts the length of its block: left out",
            "packet 2 contradicts the length of its block: left out",
            "packet 3 contradicts the length of its block: left out",
            "packet 4 is longer than 262144 bytes: left out",
        ]
    );
}

#[test]
fn a_broken_frame_of_a_block_ends_the_reading() {
    let start = [LITTLE.section(), LITTLE.interface(1, 0, &[]), LITTLE.packet(0, 0, 3, b"abc")].concat();
    let at = start.len();
    let block = LITTLE.packet(0, 0, 3, b"abc");
    let changed = |change: fn(&mut Vec<u8>)| {
        let mut block = block.clone();
        change(&mut block);
        block
    };
    let cases = [
        (changed(|b| b[4] = 8), "has an impossible length"),
        (changed(|b| b[4] = 37), "has an impossible length"),
        (changed(|b| b[4] = 252), "is cut off"),
        (changed(|b| *b.last_mut().unwrap() = 1), "has two different lengths"),
        (changed(|b| b[..4].copy_from_slice(b"\n\r\r\n")), "has no byte order"),
        (LITTLE.block(1, &[0; 4]), "is damaged"),
        (LITTLE.block(0x0a0d_0d0a, &LITTLE.u32(0x1a2b_3c4d)), "is damaged"),
    ];
    for (block, problem) in cases {
        let file = [start.clone(), block, LITTLE.packet(0, 0, 3, b"abc")].concat();
        let capture = read(&file).unwrap();
        assert_eq!(capture.packets.len(), 1, "{problem}");
        let expected = format!("the block at byte {at} {problem}: nothing behind it was read");
        assert_eq!(capture.problems, [expected]);
    }
}

/// Every prefix of a file gives the packets before the cut, and says that it is cut unless it ends with a packet.
#[test]
fn a_file_cut_anywhere() {
    for (name, file) in REAL {
        let whole = read(file).unwrap();
        assert_eq!(whole.problems, [""; 0]);
        for len in (4..file.len()).filter(|len| *len < 4_000 || len % 97 == 0) {
            let Capture { packets, problems } = read(&file[..len]).unwrap();
            assert_eq!(packets, whole.packets[..packets.len()], "{name}");
            if name.ends_with("pcap") {
                let end = packets
                    .last()
                    .map_or(24, |last| last.data.as_ptr_range().end.addr() - file.as_ptr().addr());
                assert_eq!(problems.len(), usize::from(end != len), "{name} {len}");
            }
            assert!(problems.len() <= 1);
        }
    }
    let file =
        [LITTLE.pcap(false, 1), LITTLE.record(0, 0, 3, b"abc"), LITTLE.record(0, 0, 3, b"ab")].concat();
    let problems = read(&file[..60]).unwrap().problems;
    assert_eq!(problems, ["the file ends within packet 2, which begins at byte 43"]);
}

#[test]
fn a_damaged_length_ends_a_pcap_file() {
    let long = vec![0; MAX_PACKET_BYTES + 1];
    let file =
        [LITTLE.pcap(false, 1), LITTLE.record(0, 0, 0, b"abc"), LITTLE.record(0, 0, 0, &long)].concat();
    let Capture { packets, problems } = read(&file).unwrap();
    assert_eq!(packets.len(), 1);
    assert_eq!(
        problems,
        ["packet 2 at byte 43 claims 262145 bytes: the file is damaged and was not read further"]
    );
}

#[test]
fn a_full_capture_is_an_ordinary_one() {
    for (name, file) in REAL {
        let whole = read(file).unwrap().packets;
        let first = read_up_to(file, 10).unwrap();
        assert_eq!(first.packets, whole[..10]);
        assert_eq!(first.problems, ["the file has more than 10 packets: the rest was not read"], "{name}");
        assert_eq!(read_up_to(file, whole.len()).unwrap().problems, [""; 0], "{name}");
    }
}

#[test]
fn problems_are_limited_too() {
    let mut file = LITTLE.section();
    for _ in 0..250 {
        file.extend(LITTLE.packet(0, 0, 3, b"abc"));
    }
    let problems = read(&file).unwrap().problems;
    assert_eq!(problems.len(), MAX_PROBLEMS + 1);
    assert_eq!(problems.last().unwrap(), "150 more problems");
}

#[test]
fn an_unknown_version_is_said() {
    let mut file = LITTLE.section();
    file[12] = 2;
    assert_eq!(read(&file).unwrap().problems, ["a section has version 2.0: it may be misread"]);
}

#[test]
fn what_is_no_capture_is_named() {
    let cases: [(&[u8], NotACapture, &str); 4] = [
        (b"", NotACapture::TooShort, "the file is too short for a capture"),
        (b"\n\r\r", NotACapture::TooShort, "the file is too short for a capture"),
        (
            b"\x1f\x8b\x08\0...",
            NotACapture::Compressed("gzip"),
            "the file is compressed (gzip): unpack it first",
        ),
        (
            b"%PDF-1.7",
            NotACapture::Unknown(*b"%PDF"),
            "neither pcap nor pcapng: the file begins with 25 50 44 46",
        ),
    ];
    for (bytes, error, sentence) in cases {
        assert_eq!(read(bytes), Err(error));
        assert_eq!(error.to_string(), sentence);
    }
}
