//! What the applications of entries came to whose conversations last: tables of connections, streams and captures, and
//! the hops of traceroutes as a guest sees them.
//!
//! Called by `run` and `json`. Text has the units that people read, JSON the same figures unrounded.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};
use vnetsim_analysis::{Loss, Played, owner_names};
use vnetsim_model::{Application, Traffic};
use vnetsim_sim::{Achieved, Counts, Hop, Spread, TrafficReport};
use vnetsim_types::{DropReason, TrafficId};

use crate::{
    table::table,
    units::{bytes, count, rate, share, spread, time},
    wrap::wrap,
};

/// An entry that achieved something.
struct Entry<'a> {
    traffic: &'a Traffic,
    report: &'a TrafficReport,
    achieved: &'a Achieved,
    losses: Vec<Loss>,
}

/// Tables and hops; empty when all conversations were single exchanges.
pub(crate) fn achieved_text(played: &Played) -> String {
    let reports = played.traffic.iter().zip(&played.report.traffic).enumerate();
    let entries: Vec<Entry<'_>> = reports
        .filter_map(|(ix, (traffic, report))| {
            let (id, achieved) = (TrafficId::new(ix), report.achieved.as_ref()?);
            Some(Entry { traffic, report, achieved, losses: played.losses(id) })
        })
        .collect();
    let mut out = String::new();
    let mut add = |headers: &[&str], rows: Vec<Vec<String>>| {
        if !rows.is_empty() {
            out.push_str(&format!("\n{}", table(headers, &rows)));
        }
    };
    let rows_of = |is: fn(&Application) -> bool, row: fn(&Entry<'_>, &Played) -> Vec<String>| {
        let own = entries.iter().filter(|entry| is(&entry.traffic.application));
        own.map(|entry| row(entry, played)).collect::<Vec<_>>()
    };
    add(
        &["Connections", "Done", "Bytes", "Rate", "Longest", "Round trip", "Resent", "Packets", "Lost"],
        rows_of(|a| matches!(a, Application::Requests { .. } | Application::Bulk { .. }), connections),
    );
    add(
        &["Stream", "Done", "Bytes", "Rate", "Packets", "Lost", "Loss", "One way: least / mean / most"],
        rows_of(|a| matches!(a, Application::Stream { .. }), stream),
    );
    add(
        &["Capture", "Done", "Lasted", "Packets", "Lost", "Loss", "Of nobody"],
        rows_of(|a| *a == Application::Replay, capture),
    );
    for entry in entries.iter().filter(|e| matches!(e.traffic.application, Application::Traceroute { .. })) {
        out.push_str(&traceroute(entry, played));
    }
    let many = entries.iter().filter(|e| !e.losses.is_empty() && !e.is_traceroute());
    for (ix, entry) in many.enumerate() {
        let words: Vec<String> = entry.losses.iter().map(ToString::to_string).collect();
        let blank = if ix == 0 { "\n" } else { "" };
        let head = format!("{}: lost ", entry.traffic.name.value);
        out.push_str(&format!("{blank}{}", wrap(&head, &words.join(", "), 2)));
    }
    out
}

impl Entry<'_> {
    fn is_traceroute(&self) -> bool {
        matches!(self.traffic.application, Application::Traceroute { .. })
    }

    fn name(&self) -> String {
        self.traffic.name.value.clone()
    }

    fn done(&self) -> String {
        format!("{}/{}", count(self.report.completed()), count(self.report.started))
    }

    fn sent(&self) -> u64 {
        self.report.packets.forward.sent + self.report.packets.backward.sent
    }

    fn rate(&self) -> String {
        self.achieved.bits_per_s().filter(|bits| *bits > 0).map_or_else(String::new, rate)
    }

    /// Where and why they died stands below the tables.
    fn lost(&self) -> String {
        count(self.report.packets.lost())
    }

    fn loss(&self) -> String {
        share(self.report.packets.lost(), self.sent())
    }

    fn longest(&self) -> String {
        match self.achieved.durations.count {
            0 => String::new(),
            _ => time(self.achieved.durations.most),
        }
    }
}

fn connections(entry: &Entry<'_>, _: &Played) -> Vec<String> {
    let round_trip = entry.achieved.round_trips.mean().map_or_else(String::new, time);
    vec![
        entry.name(),
        entry.done(),
        bytes(entry.achieved.bytes),
        entry.rate(),
        entry.longest(),
        round_trip,
        count(entry.achieved.retransmissions),
        count(entry.sent()),
        entry.lost(),
    ]
}

fn stream(entry: &Entry<'_>, _: &Played) -> Vec<String> {
    vec![
        entry.name(),
        entry.done(),
        bytes(entry.achieved.bytes),
        entry.rate(),
        count(entry.sent()),
        entry.lost(),
        entry.loss(),
        spread(&entry.report.packets.one_way),
    ]
}

fn capture(entry: &Entry<'_>, played: &Played) -> Vec<String> {
    let homeless = played.homeless.iter().find(|(name, _)| *name == entry.traffic.name.value);
    vec![
        entry.name(),
        entry.done(),
        time(entry.achieved.ended.since(entry.achieved.started)),
        count(entry.sent()),
        entry.lost(),
        entry.loss(),
        homeless.map_or_else(String::new, |(_, number)| count(*number)),
    ]
}

/// As the usual programs print it.
fn traceroute(entry: &Entry<'_>, played: &Played) -> String {
    let place = played.explainer().place(entry.traffic.from.place);
    let head = format!("traceroute from {place} to {}", entry.traffic.to.address);
    let mut out = format!("\n{}", wrap(&format!("{}: ", entry.name()), &head, 2));
    let network = played.explainer().network;
    for (ix, hop) in entry.achieved.hops.iter().enumerate() {
        let number = ix + 1;
        let Some(address) = hop.address else {
            out.push_str(&format!("{number:>4}  *\n"));
            continue;
        };
        let name = owner_names(network, address).into_iter().next();
        let name = name.map_or_else(String::new, |name| format!(" ({name})"));
        out.push_str(&format!("{number:>4}  {address}{name}  {}\n", time(hop.round_trip)));
    }
    if entry.achieved.hops.is_empty() {
        out.push_str("   no packet was answered\n");
    }
    out
}

/// Bytes, rates, times and hops of an entry; null for single exchanges.
pub(crate) fn achieved_json(played: &Played, id: TrafficId) -> Value {
    let Some(achieved) = &played.report.traffic[id.ix()].achieved else { return Value::Null };
    let network = played.explainer().network;
    let hop = |hop: &Hop| {
        let name = hop.address.and_then(|address| owner_names(network, address).into_iter().next());
        json!({ "address": hop.address.map(|a| a.to_string()), "name": name,
                "roundTripNs": hop.address.map(|_| hop.round_trip.0) })
    };
    json!({
        "bytes": achieved.bytes,
        "bitsPerSecond": achieved.bits_per_s(),
        "startedNs": achieved.started.0,
        "endedNs": achieved.ended.0,
        "durationNs": spread_json(&achieved.durations),
        "roundTripNs": spread_json(&achieved.round_trips),
        "retransmissions": achieved.retransmissions,
        "hops": achieved.hops.iter().map(hop).collect::<Vec<_>>(),
    })
}

/// What became of an entry's packets, by direction.
pub(crate) fn packets_json(played: &Played, id: TrafficId) -> Value {
    let packets = &played.report.traffic[id.ix()].packets;
    let counts = |c: &Counts| counts_json(c.sent, c.delivered, &c.dropped, c.in_flight());
    let loss = |loss: &Loss| {
        let direction = if loss.forward { "forward" } else { "reply" };
        json!({ "direction": direction, "at": loss.place, "reason": loss.reason.code(), "packets": loss.count })
    };
    json!({
        "forward": counts(&packets.forward),
        "backward": counts(&packets.backward),
        "losses": played.losses(id).iter().map(loss).collect::<Vec<_>>(),
        "oneWayNs": spread_json(&packets.one_way),
    })
}

/// Sent is the sum of the others.
pub(crate) fn counts_json(
    sent: u64,
    delivered: u64,
    dropped: &BTreeMap<DropReason, u64>,
    in_flight: u64,
) -> Value {
    let dropped: Map<String, Value> =
        dropped.iter().map(|(reason, n)| (reason.code().to_owned(), json!(n))).collect();
    json!({ "sent": sent, "delivered": delivered, "dropped": dropped, "inFlight": in_flight })
}

/// Null of nothing.
fn spread_json(spread: &Spread) -> Value {
    match spread.mean() {
        Some(mean) => json!({ "min": spread.least.0, "mean": mean.0, "max": spread.most.0 }),
        None => Value::Null,
    }
}
