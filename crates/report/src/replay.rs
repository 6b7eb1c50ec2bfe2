//! What captures held, and why some of it was not sent.

use serde_json::{Value, json};
use vnetsim_analysis::Replayed;

use crate::wrap::wrap;

/// Reasons that are named; the others are counted together.
const REASONS_SHOWN: usize = 6;

/// A paragraph for each capture.
pub(crate) fn replays_text(captures: &[Replayed]) -> String {
    let mut out = String::new();
    for capture in captures {
        out.push_str(&wrap("", &sentence(capture), 2));
    }
    if out.is_empty() { out } else { format!("\n{out}") }
}

/// `capture office: 62 packets in 5 connections, 2 without a home: 2 ARP, not IP`
fn sentence(capture: &Replayed) -> String {
    let plural = |count: u64| if count == 1 { "" } else { "s" };
    let (packets, connections) = (capture.packets, u64::from(capture.connections));
    let mut text = format!(
        "capture {}: {packets} packet{} in {connections} connection{}",
        capture.name,
        plural(packets),
        plural(connections)
    );
    match capture.homeless_packets() {
        0 => text.push_str(", all with a home"),
        homeless => {
            let named = capture.homeless.iter().take(REASONS_SHOWN);
            let mut reasons: Vec<String> = named.map(|(why, count)| format!("{count} {why}")).collect();
            let others: u64 = capture.homeless.iter().skip(REASONS_SHOWN).map(|(_, count)| count).sum();
            if others > 0 {
                reasons.push(format!("{others} for other reasons"));
            }
            text.push_str(&format!(", {homeless} without a home: {}", reasons.join("; ")));
        }
    }
    if capture.cut > 0 {
        text.push_str(&format!("; {} cut by the capture, with zeros for what is missing", capture.cut));
    }
    text
}

/// The same for machines, with all reasons.
pub(crate) fn replays_json(captures: &[Replayed]) -> Value {
    let one = |capture: &Replayed| {
        let reason = |(reason, packets): &(String, u64)| json!({ "reason": reason, "packets": packets });
        json!({
            "name": capture.name,
            "packets": capture.packets,
            "connections": capture.connections,
            "homeless": capture.homeless_packets(),
            "homelessReasons": capture.homeless.iter().map(reason).collect::<Vec<_>>(),
            "cut": capture.cut,
        })
    };
    captures.iter().map(one).collect()
}
