//! What `vnetsim bench` found.

use std::fmt::Write;

use serde_json::{Value, json};
use vnetsim_throughput::{Measured, Rate};

use crate::table::table;

/// Figures for people.
pub fn bench_text(measured: &Measured) -> String {
    let mut text = String::new();
    let sizes = &measured.sizes;
    let _ = writeln!(
        text,
        "{} connections, frames of {} bytes, {} virtual networks, {} NICs, {} routes, {} rules",
        grouped(measured.flows as u64),
        measured.packet_size,
        sizes.vnets,
        sizes.nics,
        grouped(sizes.routes as u64),
        grouped(sizes.rules as u64),
    );
    let paths: Vec<String> = measured
        .paths_by_appliances
        .iter()
        .enumerate()
        .filter(|(_, count)| **count > 0)
        .map(|(appliances, count)| match appliances {
            0 => format!("{count} direct"),
            1 => format!("{count} through 1 appliance"),
            n => format!("{count} through {n} appliances"),
        })
        .collect();
    let _ = writeln!(text, "pairs of VMs: {}\n", paths.join(", "));
    let headers = ["", "Workers", "Mpps", "Mpps per core", "ns per packet", "Mhops/s", "Gbit/s"];
    let row = |(name, rate): (&str, &Rate)| {
        vec![
            name.to_owned(),
            rate.workers.to_string(),
            format!("{:.2}", rate.packets_per_s() / 1e6),
            format!("{:.2}", rate.packets_per_s() / 1e6 / rate.workers as f64),
            format!("{:.1}", rate.ns_per_packet()),
            format!("{:.2}", rate.hops_per_s() / 1e6),
            format!("{:.2}", gbits(rate, measured.packet_size)),
        ]
    };
    text.push_str(&table(&headers, &rates(measured).map(row).collect::<Vec<_>>()));
    let _ = writeln!(text);
    if let Some(known) = &measured.known {
        let ratio = known.packets_per_s() / measured.known_alone.packets_per_s();
        let _ = writeln!(text, "{} workers do {ratio:.2} times the work of one", known.workers);
    }
    let _ = writeln!(
        text,
        "flow records {}, network compiled in {:.1} ms",
        bytes(sizes.flow_bytes),
        sizes.compile_ns as f64 / 1e6
    );
    let dropped: Vec<String> = measured
        .new
        .sum
        .dropped
        .iter()
        .map(|(reason, count)| format!("{} {}", reason.code(), grouped(*count)))
        .collect();
    if !dropped.is_empty() {
        let _ = writeln!(text, "dropped: {}", dropped.join(", "));
    }
    text
}

/// Figures for machines.
pub fn bench_json(measured: &Measured) -> Value {
    let phase = |(name, rate): (&str, &Rate)| {
        json!({
            "phase": name,
            "workers": rate.workers,
            "seconds": rate.seconds,
            "packetsPerSecond": rate.packets_per_s(),
            "hopsPerSecond": rate.hops_per_s(),
            "nsPerPacket": rate.ns_per_packet(),
            "gbitPerSecond": gbits(rate, measured.packet_size),
            "delivered": rate.sum.delivered,
            "left": rate.sum.left,
            "dropped": rate.sum.dropped.iter().map(|(reason, n)| (reason.code().to_owned(), json!(n))).collect::<serde_json::Map<_, _>>(),
        })
    };
    let sizes = &measured.sizes;
    json!({
        "vnetsim": 1,
        "command": "bench",
        "flows": measured.flows,
        "packetSize": measured.packet_size,
        "pathsByAppliances": measured.paths_by_appliances,
        "phases": rates(measured).map(phase).collect::<Vec<_>>(),
        "tables": {
            "virtualNetworks": sizes.vnets,
            "networkInterfaces": sizes.nics,
            "routes": sizes.routes,
            "rules": sizes.rules,
            "flowBytes": sizes.flow_bytes,
            "compileNs": sizes.compile_ns,
        },
    })
}

fn rates(measured: &Measured) -> impl Iterator<Item = (&'static str, &Rate)> {
    let alone = [("known connections", &measured.known_alone)].into_iter();
    let known = measured.known.iter().map(|rate| ("known connections", rate));
    alone.chain(known).chain([("new connections", &measured.new)])
}

fn gbits(rate: &Rate, packet_size: usize) -> f64 {
    rate.packets_per_s() * packet_size as f64 * 8.0 / 1e9
}

fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (ix, digit) in digits.chars().enumerate() {
        if ix > 0 && (digits.len() - ix).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

fn bytes(count: usize) -> String {
    match count {
        0..1_000_000 => format!("{:.1} kB", count as f64 / 1e3),
        _ => format!("{:.1} MB", count as f64 / 1e6),
    }
}
