//! Captures in and out: what a replay sends, and what a run writes, as Wireshark's own reader sees it.
//!
//! What needs `tshark` is skipped with a message where it is not installed; where the environment says `CI=true` it must be.

#![allow(clippy::unwrap_used, clippy::print_stderr)]

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    ops::ControlFlow,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

use vnetsim_analysis::{Played, Setup, play, replays};
use vnetsim_report::{Sources, write_taps};
use vnetsim_scenario::{Scenario, load};
use vnetsim_trace::{TapFilter, TapRecorder};
use vnetsim_types::{Part, Step};

const REPLAY: &str = "scenarios/captures/replay.yaml";
/// Appliances, gateways, sites, the internet, balancers, private endpoints, both families, every kind of application.
const VARIED: &[&str] = &[
    REPLAY,
    "scenarios/hub-and-spoke.yaml",
    "scenarios/hubs/dual-stack.yaml",
    "scenarios/hubs/private-endpoints.yaml",
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn vnetsim(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_vnetsim")).args(args).current_dir(root()).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// A file for this test to write.
fn out(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name)
}

fn scenario(file: &Path, sources: &mut Sources) -> Scenario {
    let bytes = fs::read(file).unwrap();
    let id = sources.add(file.display().to_string(), &bytes);
    load(&bytes, id).scenario.unwrap()
}

fn played(scenario: &Scenario, folder: &Path, workers: usize, taps: Option<TapRecorder>) -> Played {
    let files: Vec<_> =
        scenario.captures.iter().map(|c| fs::read(folder.join(&c.file.value)).unwrap()).collect();
    let (replays, warnings) = replays(scenario, &files).unwrap();
    assert!(warnings.is_empty(), "{warnings:?}");
    play(scenario, Setup { replays, workers, taps }, &mut |_| ControlFlow::Continue(()))
}

fn all_taps(packets_max: usize) -> Option<TapRecorder> {
    Some(TapRecorder::new(TapFilter::default(), packets_max))
}

fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, found);
        } else if path.extension().is_some_and(|e| e == "yaml") {
            found.push(path);
        }
    }
}

/// Of every packet of every scenario there is a frame; recording changes nothing; workers change no byte.
#[test]
fn every_packet_is_seen_and_nothing_changes() {
    /// Larger runs say nothing new here and take their time.
    const EVENTS_MAX: u64 = 5_000;
    let mut found = Vec::new();
    files(&root().join("scenarios"), &mut found);
    found.sort();
    let (mut looked_at, mut wrong) = (0, Vec::new());
    for path in found {
        let mut sources = Sources::default();
        let (scenario, folder) = (scenario(&path, &mut sources), path.parent().unwrap());
        let plain = played(&scenario, folder, 1, None);
        if plain.report.events > EVENTS_MAX {
            continue;
        }
        looked_at += 1;
        let one = played(&scenario, folder, 1, all_taps(usize::MAX));
        let shown =
            |played: &Played| format!("{:?} {:?}", played.report.traffic, played.trace.conversations());
        if shown(&plain) != shown(&one) {
            wrong.push(format!("{}: recording changes what is shown", path.display()));
        }
        let taps = one.trace.taps().unwrap();
        // Nobody watches the copies that a fault makes.
        let faults = fs::read_to_string(&path).unwrap().contains("duplicate:");
        if taps.packets().len() as u64 != one.report.sent && !faults {
            let seen = taps.packets().len();
            wrong.push(format!("{}: {seen} packets seen of {}", path.display(), one.report.sent));
        }
        for packet in taps.packets() {
            let ends = |(_, step): &(_, Step)| matches!(step, Step::Delivered { .. } | Step::Dropped { .. });
            if packet.trace.steps.iter().filter(|step| ends(step)).count() != 1 {
                wrong.push(format!("{}: {:?} has no single end", path.display(), packet.trace));
            }
        }
        let two = played(&scenario, folder, 2, all_taps(usize::MAX));
        let bytes = |played: &Played| {
            let mut bytes = Vec::new();
            write_taps(&mut bytes, played, &sources).unwrap();
            bytes
        };
        if bytes(&one) != bytes(&two) {
            wrong.push(format!("{}: one and two workers differ", path.display()));
        }
    }
    assert!(looked_at > 100, "only {looked_at} scenarios are small");
    assert!(wrong.is_empty(), "{} wrong, first {:#?}", wrong.len(), &wrong[..wrong.len().min(10)]);
}

#[test]
fn a_capture_is_replayed() {
    let run = vnetsim(&["run", REPLAY]);
    let out = text(&run.stdout);
    assert!(
        out.contains("capture office: 62 packets in 5 connections, 2 without a home: 2 ARP, not IP\n"),
        "{out}"
    );
    let mut sources = Sources::default();
    let file = root().join(REPLAY);
    let scenario = scenario(&file, &mut sources);
    let played = played(&scenario, file.parent().unwrap(), 1, None);
    assert_eq!(played.homeless, [("office".to_owned(), 2)]);
    let office = &played.report.traffic[1];
    let packets = &office.packets;
    assert_eq!((packets.forward.sent + packets.backward.sent, packets.lost()), (60, 2));
    assert_eq!((office.started, office.completed()), (5, 4));
    // The connections: pings, DNS, web, the closed port, the refused datagram whose error belongs to it.
    let mut parts: BTreeMap<u32, Vec<Part>> = BTreeMap::new();
    for packet in &played.injections {
        parts.entry(packet.conversation).or_default().push(packet.part);
    }
    use Part::{Backward, Forward, IcmpError, Reply, Request};
    assert_eq!(parts[&0], [Request, Reply, Forward, Backward, Forward, Backward]);
    assert_eq!(parts[&1], [Request, Reply]);
    assert_eq!((parts[&2].len(), parts[&2][0], parts[&2][1], parts[&2][2]), (48, Request, Reply, Forward));
    assert_eq!(parts[&3], [Request, Reply]);
    assert_eq!(parts[&4], [Request, IcmpError]);
    // A hundredth of the speed.
    assert_eq!(played.injections[0].at.0, 1_900_000);
}

/// Packets of one moment, and of places that share a worker or do not.
#[test]
fn packets_of_one_moment_have_one_order() {
    let mut sources = Sources::default();
    let file = root().join(REPLAY);
    let scenario = scenario(&file, &mut sources);
    let mut bytes = fs::read(root().join("scenarios/captures/office-http.pcap")).unwrap();
    // The file's header has 24 bytes, that of a packet 16: seconds, microseconds, length kept, length.
    let mut at = 24;
    while at < bytes.len() {
        let len = u32::from_le_bytes(*bytes[at + 8..].first_chunk().unwrap()) as usize;
        bytes[at..at + 8].fill(0);
        at += 16 + len;
    }
    let written = |workers| {
        let (replays, _) = replays(&scenario, std::slice::from_ref(&bytes)).unwrap();
        let setup = Setup { replays, workers, taps: all_taps(usize::MAX) };
        let played = play(&scenario, setup, &mut |_| ControlFlow::Continue(()));
        let mut written = Vec::new();
        let count = write_taps(&mut written, &played, &sources).unwrap();
        assert_eq!(count.packets, 63);
        written
    };
    let one = written(1);
    assert!((2..=3).all(|workers| written(workers) == one));
}

#[test]
fn a_capture_that_cannot_be_read_is_a_problem_with_its_place() {
    let file = out("missing.yaml");
    let said = fs::read_to_string(root().join(REPLAY)).unwrap();
    for (name, code) in
        [("nowhere.pcap", "CANNOT_READ"), ("missing.yaml", "NOT_A_CAPTURE"), (".", "CANNOT_READ")]
    {
        fs::write(&file, said.replace("office-http.pcap\n", &format!("{name}\n"))).unwrap();
        let path = file.to_str().unwrap();
        for command in ["run", "check"] {
            let run = vnetsim(&[command, path]);
            let err = text(&run.stderr);
            assert_eq!(run.status.code(), Some(2), "{err}");
            assert!(err.contains(code) && err.contains("missing.yaml:") && err.contains("file: "), "{err}");
            let json = text(&vnetsim(&[command, path, "-o", "json"]).stdout);
            assert!(json.contains(code) && json.contains("\"line\""), "{json}");
        }
    }
}

#[test]
fn bad_wishes_are_refused() {
    let file = out("refused.pcapng");
    let path = file.to_str().unwrap();
    let refused = |args: &[&str], words: &str| {
        let run = vnetsim(args);
        let err = text(&run.stderr);
        assert_eq!(run.status.code(), Some(2), "{err}");
        assert!(err.contains(words), "{err}");
    };
    refused(&["run", REPLAY, "--capture", path, "--capture-at", "vm11"], "did you mean `vm1`?");
    refused(&["run", REPLAY, "--capture", REPLAY], "is an input of this run");
    refused(&["run", REPLAY, "--capture", "scenarios/captures/office-http.pcap"], "is an input of this run");
    refused(&["trace", REPLAY, "vm1", "vm2", "--capture", REPLAY], "is an input of this run");
    refused(
        &["run", REPLAY, "--capture", "no/such/folder/out.pcapng"],
        "cannot write no/such/folder/out.pcapng",
    );
    refused(&["run", REPLAY, "--capture-at", "vm1"], "--capture <OUT.pcapng>");
    assert!(!file.exists());
}

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

/// Rows of `fields`, one per frame that passes `filter`. Every complaint of `tshark` fails the test.
fn tshark(file: &Path, filter: &str, fields: &[&str]) -> Vec<Vec<String>> {
    let mut command = Command::new("tshark");
    command.arg("-r").arg(file).args(["-Y", filter, "-T", "fields", "-E", "separator=/t"]);
    // The defaults of versions differ; a user's own settings must not matter.
    command.env("HOME", env!("CARGO_TARGET_TMPDIR")).env("TZ", "UTC");
    for protocol in ["ip", "tcp", "udp"] {
        command.arg("-o").arg(format!("{protocol}.check_checksum:TRUE"));
    }
    // A packet is seen at many taps: its data must not be put together again and again.
    command.args(["-o", "tcp.desegment_tcp_streams:FALSE"]);
    for field in fields {
        command.args(["-e", field]);
    }
    let output = command.output().unwrap();
    let complaints = text(&output.stderr);
    let complaints: Vec<_> = complaints.lines().filter(|line| !line.contains("Running as user")).collect();
    assert!(output.status.success() && complaints.is_empty(), "{}: {complaints:?}", file.display());
    text(&output.stdout).lines().map(|row| row.split('\t').map(str::to_owned).collect()).collect()
}

const WRONG: &str = "ip.checksum.status == 0 || tcp.checksum.status == 0 || udp.checksum.status == 0 \
    || icmp.checksum.status == 0 || icmpv6.checksum.status == 0 || _ws.malformed";

#[test]
fn checksums_are_right_at_every_tap() {
    if !tshark_is_here() {
        return;
    }
    let mut all: Vec<PathBuf> = VARIED.iter().map(|name| root().join(name)).collect();
    files(&root().join("scenarios/balancers"), &mut all);
    files(&root().join("scenarios/gateways"), &mut all);
    all.sort();
    for (at, path) in all.iter().enumerate() {
        let file = out(&format!("checksums-{at}.pcapng"));
        let run = vnetsim(&[
            "run",
            path.to_str().unwrap(),
            "--capture",
            file.to_str().unwrap(),
            "--capture-limit",
            "500",
        ]);
        assert!(text(&run.stderr).contains("wrote "), "{}", text(&run.stderr));
        assert_eq!(tshark(&file, WRONG, &["frame.number"]), [[""; 0]; 0], "{}", path.display());
        fs::remove_file(&file).unwrap();
    }
}

#[test]
fn a_run_is_written() {
    if !tshark_is_here() {
        return;
    }
    let file = out("replay.pcapng");
    let run = vnetsim(&["run", REPLAY, "--capture", file.to_str().unwrap()]);
    assert!(text(&run.stderr).contains("frames of 63 packets at 17 taps"), "{}", text(&run.stderr));
    let fields = [
        "frame.packet_id",
        "frame.interface_name",
        "frame.comment",
        "frame.verdict.ebpf_tc",
        "frame.time_epoch",
    ];
    let rows = tshark(&file, "frame", &fields);
    let ids: BTreeSet<&str> = rows.iter().map(|row| row[0].as_str()).collect();
    assert_eq!(ids.len(), 63);
    // The way of the SYN that the firewall lets through, tap by tap.
    let syn: Vec<_> = rows.iter().filter(|row| row[0] == rows[0][0]).collect();
    let taps: Vec<&str> = syn.iter().map(|row| row[1].as_str()).collect();
    let way = [
        "vm1-nic out before NSG",
        "vm1-nic out after NSG",
        "peering hub/hub-to-s1",
        "nva-nic in before NSG",
        "nva-nic in after NSG",
        "appliance nva",
        "nva-nic out before NSG",
        "nva-nic out after NSG",
        "peering s2/s2-to-hub",
        "vm2-nic in before NSG",
        "vm2-nic in after NSG",
    ];
    assert_eq!(taps, way);
    assert_eq!((syn[0][4].as_str(), syn[10][4].as_str()), ("0.000000000", "0.000820000"));
    let says = |at: usize, words: &str| assert!(syn[at][2].contains(words), "{at}: {}", syn[at][2]);
    says(0, "vm1: sends, ttl 64 | vm1-nic OUT: allow, no NSG on NIC and subnet");
    says(0, "10.30.0.0/16 -> VirtualAppliance 10.10.0.4, User rt-s1/to-s2 (line ");
    says(0, "; beat 10.0.0.0/8 -> None, Default: shorter prefix");
    says(2, "s1 => hub: source is s1's own");
    says(4, "nva: forwards, ttl 63, firewall");
    says(8, "hub => s2: forwarded traffic");
    says(8, "allowForwardedTraffic true");
    says(9, "nsg-s2 (subnet) allow-office (100) (line ");
    says(10, "vm2: delivered, ttl 63");
    let dead: Vec<_> = rows.iter().filter(|row| row[3] == "2").collect();
    assert_eq!(dead.len(), 2);
    assert_eq!([&dead[0][1], &dead[1][1]], ["nva-nic in after NSG"; 2]);
    for (dead, words) in
        dead.iter().zip(["DROPPED NVA_POLICY_DENY at nva: ", "DROPPED NVA_NO_SESSION at nva: "])
    {
        assert!(dead[2].contains(words) && dead[2].contains("; fix: "), "{}", dead[2]);
        assert_eq!(rows.iter().rfind(|row| row[0] == dead[0]), Some(*dead), "the last of its packet");
    }
    let ways = tshark(&file, "frame.packet_flags_direction == 1", &["frame.interface_name"]);
    assert!(ways.iter().all(|row| !row[0].contains(" out ") && !row[0].contains("appliance")));
}

#[test]
fn taps_can_be_chosen_and_packets_limited() {
    if !tshark_is_here() {
        return;
    }
    let file = out("chosen.pcapng");
    let path = file.to_str().unwrap();
    vnetsim(&["run", REPLAY, "--capture", path, "--capture-at", "vm2", "--capture-at", "s1/s1-to-hub"]);
    let names: BTreeSet<String> =
        tshark(&file, "frame", &["frame.interface_name"]).into_iter().flatten().collect();
    let vm2 = ["in after NSG", "in before NSG", "out after NSG", "out before NSG"]
        .map(|tap| format!("vm2-nic {tap}"));
    let wanted: BTreeSet<String> = vm2.into_iter().chain(["peering s1/s1-to-hub".to_owned()]).collect();
    assert_eq!(names, wanted);
    // The RST dies at the firewall; the last that is in the file says so.
    let dead = tshark(&file, "frame.verdict.ebpf_tc == 2", &["frame.interface_name", "frame.comment"]);
    assert_eq!(dead.len(), 1);
    assert!(
        dead[0][0] == "vm2-nic out after NSG" && dead[0][1].contains("DROPPED NVA_NO_SESSION at nva"),
        "{dead:?}"
    );
    let run = vnetsim(&["run", REPLAY, "--capture", path, "--capture-limit", "7"]);
    assert!(
        text(&run.stderr).contains("note: 56 more packets are not in it; --capture-limit N"),
        "{}",
        text(&run.stderr)
    );
    let ids: BTreeSet<_> = tshark(&file, "frame", &["frame.packet_id"]).into_iter().flatten().collect();
    assert_eq!(ids.len(), 7);
    let trace = vnetsim(&["trace", REPLAY, "vm1", "vm2", "-p", "tcp/8081", "--capture", path]);
    assert!(text(&trace.stderr).contains("5 frames of 1 packets"), "{}", text(&trace.stderr));
    assert_eq!(
        tshark(&file, "frame.verdict.ebpf_tc == 2", &["frame.interface_name"]),
        [["nva-nic in after NSG"]]
    );
}
