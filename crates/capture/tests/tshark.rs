//! What Wireshark's own reader says of the same files: those that we read, and those that we write.
//!
//! Skipped with a message where `tshark` is not installed; where the environment says `CI=true` it must be.

#![allow(clippy::unwrap_used, clippy::print_stderr)]

mod common;

use std::{
    io::Write,
    path::PathBuf,
    process::{Command, Stdio},
};

use common::{ORDERS, REAL};
use vnetsim_capture::{Direction, Interface, PcapngWriter, Record, Verdict, read, rehome};
use vnetsim_packet::{Endpoints, TcpFlags, tcp};

/// False when there is no `tshark`.
fn tshark_is_here() -> bool {
    let here =
        Command::new("tshark").arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok();
    let needed = std::env::var("CI").is_ok_and(|ci| ci == "true");
    assert!(here || !needed, "CI has no tshark: nothing would be compared");
    if !here {
        eprintln!("skipped: tshark is not installed");
    }
    here
}

/// Rows of `fields`, one per packet that passes `filter`. Every complaint of `tshark` fails the test.
fn tshark(name: &str, file: &[u8], filter: &str, fields: &[&str]) -> Vec<Vec<String>> {
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::File::create(&path).unwrap().write_all(file).unwrap();
    let mut command = Command::new("tshark");
    command.arg("-r").arg(&path).args(["-Y", filter, "-T", "fields", "-E", "separator=/t"]);
    // The defaults of versions differ; a user's own settings must not matter.
    command.env("HOME", env!("CARGO_TARGET_TMPDIR")).env("TZ", "UTC");
    for protocol in ["ip", "tcp", "udp"] {
        command.arg("-o").arg(format!("{protocol}.check_checksum:TRUE"));
    }
    for field in fields {
        command.args(["-e", field]);
    }
    let output = command.output().unwrap();
    let complaints = String::from_utf8(output.stderr).unwrap();
    let complaints: Vec<_> = complaints.lines().filter(|line| !line.contains("Running as user")).collect();
    assert!(output.status.success() && complaints.is_empty(), "{name}: {complaints:?}");
    let rows = String::from_utf8(output.stdout).unwrap();
    rows.lines().map(|row| row.split('\t').map(str::to_owned).collect()).collect()
}

/// Number, time in nanoseconds, length kept and length sent of every frame that has a time: what has none is no packet.
fn as_tshark_says(name: &str, file: &[u8]) -> Vec<(u32, u64, usize, u32)> {
    let fields = ["frame.number", "frame.time_epoch", "frame.cap_len", "frame.len"];
    let rows = tshark(name, file, "frame.time_epoch", &fields);
    rows.iter()
        .map(|row| {
            let (seconds, fraction) = row[1].split_once('.').unwrap();
            let time_ns = format!("{seconds}{fraction:0<9}").parse().unwrap();
            (row[0].parse().unwrap(), time_ns, row[2].parse().unwrap(), row[3].parse().unwrap())
        })
        .collect()
}

fn as_we_say(file: &[u8]) -> Vec<(u32, u64, usize, u32)> {
    let capture = read(file).unwrap();
    assert_eq!(capture.problems, [""; 0]);
    capture.packets.iter().map(|p| (p.number, p.time_ns, p.data.len(), p.original_len)).collect()
}

#[test]
fn real_captures_are_read_alike() {
    if !tshark_is_here() {
        return;
    }
    for (name, file) in REAL {
        let ours = as_we_say(file);
        assert!(ours.len() > 50);
        assert_eq!(ours, as_tshark_says(name, file), "{name}");
    }
}

#[test]
fn files_of_both_byte_orders_are_read_alike() {
    if !tshark_is_here() {
        return;
    }
    let frame = tcp(&ends(), 1, 2, TcpFlags::SYN, 3, 4, 90).unwrap();
    for order in ORDERS {
        let old =
            [order.u16(0), order.u16(0), order.u32(7), order.u32(5), order.u32(60), order.u32(154)].concat();
        let custom = [order.u32(1), order.u32(2)].concat();
        let pcapng = [
            order.section(),
            order.interface(1, 0, &[(9, &[0x80 | 20]), (14, &order.i64(1_700_000_000))]),
            order.interface(1, 0, &[(9, &[7])]),
            order.packet(0, (5 << 20) + 77, 154, &frame),
            order.block(0x0bad, &custom),
            order.packet(1, 17_000_000_001_234_567, 1_000, &frame[..64]),
            order.block(2, &[&old[..], &frame[..60]].concat()),
        ];
        let pcapng = pcapng.concat();
        assert_eq!(as_we_say(&pcapng), as_tshark_says("both.pcapng", &pcapng));
        for nanoseconds in [false, true] {
            let pcap =
                [order.pcap(nanoseconds, 1), order.record(1_700_000_000, 999_999, 200, &frame)].concat();
            assert_eq!(as_we_say(&pcap), as_tshark_says("both.pcap", &pcap));
        }
    }
}

fn ends() -> Endpoints {
    Endpoints {
        src_mac: [2; 6],
        dst_mac: [4; 6],
        src: [10, 20, 0, 4].into(),
        dst: [10, 30, 0, 4].into(),
        ttl: 64,
        dont_fragment: true,
    }
}

/// Every option that we write, in the words of the other reader.
#[test]
fn what_we_write_is_understood() {
    if !tshark_is_here() {
        return;
    }
    let file = written();
    let fields = [
        "frame.time_epoch",
        "frame.interface_name",
        "frame.interface_description",
        "frame.packet_id",
        "frame.packet_flags_direction",
        "frame.verdict.ebpf_tc",
        "frame.comment",
    ];
    let rows = tshark("written.pcapng", &file, "tcp.checksum.status == 1", &fields);
    let comment = "NSG_DENY: dies at vm2 — „rule“ nsg/deny, line 12";
    let expected = [
        ["1795999026.148571279", "vm1-nic", "NIC of vm1", "18446744073709551615", "0x00000002", "0", ""],
        ["1795999026.148571280", "vm2-nic", "", "18446744073709551615", "0x00000001", "2", comment],
        ["18446744073.709551615", "nva-nic", "added later", "", "", "", ""],
    ];
    assert_eq!(rows, expected);
    let dropped = tshark("written.pcapng", &file, "frame.verdict.ebpf_tc == 2", &["frame.number"]);
    assert_eq!(dropped, [["2"]]);
}

/// Three frames, with all options, some and none.
fn written() -> Vec<u8> {
    let frame = tcp(&ends(), 50_000, 443, TcpFlags::SYN, 1, 0, 7).unwrap();
    let interfaces = [
        Interface { name: "vm1-nic", description: "NIC of vm1" },
        Interface { name: "vm2-nic", description: "" },
    ];
    let mut writer = PcapngWriter::new(Vec::new(), "vnetsim 0.1.0", &interfaces).unwrap();
    let sent = Record {
        interface: 0,
        time_ns: 1_795_999_026_148_571_279,
        frame: &frame,
        packet_id: Some(u64::MAX),
        direction: Some(Direction::Outbound),
        comment: None,
        verdict: Some(Verdict::Passed),
    };
    let dropped = Record {
        interface: 1,
        time_ns: sent.time_ns + 1,
        direction: Some(Direction::Inbound),
        comment: Some("NSG_DENY: dies at vm2 — „rule“ nsg/deny, line 12"),
        verdict: Some(Verdict::Dropped),
        ..sent
    };
    writer.packet(&sent).unwrap();
    writer.packet(&dropped).unwrap();
    let later = writer.interface(&Interface { name: "nva-nic", description: "added later" }).unwrap();
    let plain = Record {
        interface: later,
        time_ns: u64::MAX,
        packet_id: None,
        direction: None,
        comment: None,
        verdict: None,
        ..sent
    };
    writer.packet(&plain).unwrap();
    writer.finish().unwrap()
}

/// The real captures in a new home: no checksum that the other reader would call wrong, and nothing malformed.
#[test]
fn rehomed_packets_are_sound() {
    if !tshark_is_here() {
        return;
    }
    let wrong = "ip.checksum.status == 0 || tcp.checksum.status == 0 || udp.checksum.status == 0 \
        || icmp.checksum.status == 0 || icmpv6.checksum.status == 0 || _ws.malformed";
    for (name, file) in REAL {
        assert!(
            !tshark(name, file, "tcp.checksum.status == 0", &["frame.number"]).is_empty(),
            "{name}: nothing to do"
        );
        let mut writer =
            PcapngWriter::new(Vec::new(), "test", &[Interface { name: "a", description: "" }]).unwrap();
        let mut written = 0;
        for packet in read(file).unwrap().packets {
            let Ok(rehomed) = rehome(&packet, &|address| match address {
                std::net::IpAddr::V4(address) => Some([10, 20, 0, address.octets()[3]].into()),
                std::net::IpAddr::V6(_) => Some("fd00:20::4".parse().unwrap()),
            }) else {
                continue;
            };
            written += 1;
            let (time_ns, frame) = (packet.time_ns, &rehomed.frame[..]);
            let record = Record {
                interface: 0,
                time_ns,
                frame,
                packet_id: Some(packet.number.into()),
                direction: None,
                comment: None,
                verdict: None,
            };
            writer.packet(&record).unwrap();
        }
        let rehomed = format!("rehomed-{name}.pcapng");
        let file = writer.finish().unwrap();
        assert_eq!(tshark(&rehomed, &file, wrong, &["frame.number"]), [[""; 0]; 0], "{name}");
        let translated = "ip.src == 10.20.0.0/24 || ipv6.src == fd00:20::4";
        assert_eq!(tshark(&rehomed, &file, translated, &["frame.number"]).len(), written, "{name}");
    }
}
