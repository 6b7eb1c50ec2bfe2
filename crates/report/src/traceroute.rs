//! What a guest's traceroute prints, beside what is truly there.
//!
//! Called by `cli` for `trace --traceroute`.

use serde_json::{Value, json};
use vnetsim_analysis::{TracedHop, Traceroute};
use vnetsim_trace::{Hop, HopKind};
use vnetsim_types::DropReason;

use crate::{units::time, wrap::wrap};

/// Narrowest and widest column of what is shown.
const SHOWN_COLUMN: std::ops::RangeInclusive<usize> = 8..=40;

/// What a probe is meant to die of.
const ENDS: [DropReason; 2] = [DropReason::TtlExpired, DropReason::RoutingLoop];

/// One line for each hop as the guest sees it, and under it what its probe met.
pub fn traceroute_text(traceroute: &Traceroute, from: &str, to: &str) -> String {
    let head = format!(
        "\ntraceroute from {from} to {to} by {}: left what the guest sees, right what is there",
        traceroute.protocol
    );
    let mut out = wrap("", &head, 2);
    if let Some(asked) = traceroute.instead_of {
        let note =
            format!("its probes are {}: rules for {asked} do not match them", traceroute.protocol.protocol);
        out.push_str(&wrap("  note   ", &note, 9));
    }
    out.push_str(&wrap("  guest  ", &guest_sees(traceroute), 9));
    let shown: Vec<String> = traceroute.hops.iter().map(shown_words).collect();
    let widest = shown.iter().map(|text| text.chars().count()).max().unwrap_or_default();
    let column = widest.clamp(*SHOWN_COLUMN.start(), *SHOWN_COLUMN.end());
    for (hop, shown) in traceroute.hops.iter().zip(&shown) {
        let mut left = format!("{:>4}  {shown:<column$}  ", hop.ttl);
        let under = column + 8;
        let silent = hop.silent.as_ref().map(|why| format!("silent: {why}"));
        for text in hop.there.iter().map(there_words).chain(silent) {
            out.push_str(&wrap(&left, &text, under + 2));
            left = " ".repeat(under);
        }
        if left.trim().is_empty() {
            continue;
        }
        out.push_str(&format!("{}\n", left.trim_end()));
    }
    if traceroute.repeated > 0 {
        let (listed, who) = (traceroute.hops.len(), shown.last().map_or("*", |text| text.as_str()));
        let who = who.split("  ").next().unwrap_or_default();
        let last = listed + traceroute.repeated;
        out.push_str(&format!("{:>4}  {who}  and so on to {last}, for the same reason\n", listed + 1));
    }
    out
}

/// `* * 10.30.0.4`: the addresses alone, in order.
fn guest_sees(traceroute: &Traceroute) -> String {
    let address =
        |hop: &TracedHop| hop.shown.map_or_else(|| "*".to_owned(), |(address, _)| address.to_string());
    let mut all: Vec<String> = traceroute.hops.iter().map(address).collect();
    if traceroute.repeated > 0 {
        all.push("...".to_owned());
    }
    if all.is_empty() { "nothing was sent".to_owned() } else { all.join(" ") }
}

fn shown_words(hop: &TracedHop) -> String {
    let Some((address, round_trip)) = hop.shown else { return "*".to_owned() };
    let name = hop.name.as_ref().map_or_else(String::new, |name| format!(" ({name})"));
    format!("{address}{name}  {}", time(round_trip))
}

/// `route s1/snet-a: 10.30.0.0/16 -> VirtualAppliance 10.10.0.4  User rt-s1/to-s2`
fn there_words(hop: &Hop) -> String {
    let kind = match hop.kind {
        HopKind::Nsg => "NSG at",
        HopKind::Route => "route at",
        HopKind::Peering => "peering",
        HopKind::LoadBalancer => "balancer",
        HopKind::Appliance => "appliance",
        HopKind::Gateway => "gateway",
        HopKind::FlowRecord => "flow record at",
        HopKind::PublicAddress => "public address at",
        HopKind::Sent | HopKind::Delivered | HopKind::Dropped => "",
    };
    if hop.kind == HopKind::Dropped && ENDS.iter().any(|reason| hop.decision.ends_with(reason.code())) {
        return format!("{}: the time to live ends here", hop.place);
    }
    let by = if hop.by.is_empty() { String::new() } else { format!("  {}", hop.by) };
    format!("{kind} {}: {}{by}", hop.place, hop.decision).trim_start().to_owned()
}

/// `traceroute` of a trace's JSON.
pub fn traceroute_json(traceroute: &Traceroute) -> Value {
    let hop = |hop: &TracedHop| {
        json!({
            "ttl": hop.ttl,
            "address": hop.shown.map(|(address, _)| address.to_string()),
            "name": hop.name,
            "roundTripNs": hop.shown.map(|(_, time)| time.0),
            "there": hop.there.iter().map(there_words).collect::<Vec<_>>(),
            "silentBecause": hop.silent,
        })
    };
    json!({
        "protocol": traceroute.protocol.to_string(), "guestSees": guest_sees(traceroute), "reached": traceroute.reached,
        "hops": traceroute.hops.iter().map(hop).collect::<Vec<_>>(), "repeated": traceroute.repeated,
    })
}
