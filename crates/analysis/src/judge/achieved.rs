//! Expectations on what the packets and the applications of a traffic entry came to.
//!
//! Owns what each figure is taken from. Called by `traffic`.

use std::fmt::Display;

use vnetsim_scenario::{Range, TrafficExpectation};
use vnetsim_sim::{Hop, Outcome, TrafficReport};
use vnetsim_types::{At, SimTime, TrafficId};

use crate::{Played, owner_names};

pub(super) fn achieved(
    expected: &TrafficExpectation,
    played: &Played,
    id: TrafficId,
    failures: &mut Vec<String>,
) {
    let report = &played.report.traffic[id.ix()];
    let packets = &report.packets;
    held(expected.sent.as_ref(), packets.forward.sent + packets.backward.sent, " packets sent", failures);
    if let Some(want) = expected.lost.as_ref().filter(|want| !want.value.contains(packets.lost())) {
        let got = losses_words(played, id);
        failures.push(format!("expected {} packets lost, got {got}", want.value));
    }
    figures(expected, report, failures);
    if let Some(want) = &expected.hops {
        let hops = report.achieved.as_ref().map_or(&[][..], |achieved| &achieved.hops);
        hops_match(want, hops, played, failures);
    }
    if let Some(want) = &expected.homeless {
        let name = &expected.traffic.value;
        match played.homeless.iter().find(|(capture, _)| capture.eq_ignore_ascii_case(name)) {
            Some((_, got)) => held(Some(want), *got, " packets of nobody", failures),
            None => failures.push(format!("{name} was not read, so its packets were not counted")),
        }
    }
}

/// `want` holds of `got`, or is reported with its unit.
fn held<T: PartialOrd + Copy + PartialEq + Display>(
    want: Option<&At<Range<T>>>,
    got: T,
    unit: &str,
    failures: &mut Vec<String>,
) {
    if let Some(want) = want.filter(|want| !want.value.contains(got)) {
        failures.push(format!("expected {}{unit}, got {got}{unit}", want.value));
    }
}

/// Bytes, rate, times and what was sent again.
fn figures(expected: &TrafficExpectation, report: &TrafficReport, failures: &mut Vec<String>) {
    let achieved = report.achieved.as_ref();
    let of_exchanges = "single exchanges carry no data; say transfer, request, bulk or stream";
    match achieved {
        Some(achieved) => {
            held(expected.bytes.as_ref(), achieved.bytes, " bytes", failures);
            if let Some(want) = &expected.throughput_mbps {
                // To a thousandth: what is compared is what is shown.
                match achieved.bits_per_s() {
                    Some(bits) => held(Some(want), (bits as f64 / 1e3).round() / 1e3, " Mbps", failures),
                    None => failures.push(format!("expected {} Mbps, but it took no time", want.value)),
                }
            }
            held(expected.retransmissions.as_ref(), achieved.retransmissions, " retransmissions", failures);
        }
        None if expected.bytes.is_some() || expected.throughput_mbps.is_some() => {
            failures.push(of_exchanges.to_owned());
        }
        // A handshake without data is not sent again.
        None => held(expected.retransmissions.as_ref(), 0, " retransmissions", failures),
    }
    let mut time = |what: &str, want: Option<&At<Range<SimTime>>>, got: Option<SimTime>| {
        let Some(want) = want else { return };
        match got {
            Some(got) if want.value.contains(got) => {}
            Some(got) => failures.push(format!("expected {what} of {}, got {got}", want.value)),
            None => failures.push(format!("expected {what} of {}, but none was measured", want.value)),
        }
    };
    time("a duration", expected.duration.as_ref(), longest(report));
    time("a round trip", expected.round_trip.as_ref(), round_trip(report));
}

/// The longest conversation; of exchanges, of which only sums are kept, the slowest kind on average.
fn longest(report: &TrafficReport) -> Option<SimTime> {
    match &report.achieved {
        Some(achieved) => (achieved.durations.count > 0).then_some(achieved.durations.most),
        None => report.outcomes.iter().filter_map(|g| g.total_ns.checked_div(g.count)).max().map(SimTime),
    }
}

/// The mean of the handshakes of TCP connections or of the hops of a traceroute; of exchanges that completed, the mean
/// time until nothing of them was under way: there and back, and for TCP there once more.
fn round_trip(report: &TrafficReport) -> Option<SimTime> {
    if let Some(achieved) = &report.achieved {
        return achieved.round_trips.mean();
    }
    let completed = report.outcomes.iter().filter(|group| group.outcome == Outcome::Completed);
    let (total, count) =
        completed.fold((0_u64, 0), |(ns, n), g| (ns.saturating_add(g.total_ns), n + g.count));
    total.checked_div(count).map(SimTime)
}

/// `12: 11 LINK_LOSS at vm2, 1 NSG_DENY at vm1 on the way back`.
fn losses_words(played: &Played, id: TrafficId) -> String {
    let losses = played.losses(id);
    let words: Vec<String> = losses.iter().map(ToString::to_string).collect();
    match losses.iter().map(|loss| loss.count).sum() {
        0_u64 => "none".to_owned(),
        all => format!("{all}: {}", words.join(", ")),
    }
}

/// Hop by hop: silence for `*`, an address, or a name of the one who has it.
fn hops_match(want: &[At<String>], got: &[Hop], played: &Played, failures: &mut Vec<String>) {
    let network = played.explainer().network;
    let is = |want: &At<String>, hop: &Hop| match hop.address {
        None => want.value == "*",
        Some(address) => {
            want.value.parse() == Ok(address)
                || owner_names(network, address).iter().any(|name| name.eq_ignore_ascii_case(&want.value))
        }
    };
    if want.len() == got.len() && want.iter().zip(got).all(|(want, hop)| is(want, hop)) {
        return;
    }
    let seen = |hop: &Hop| match hop.address {
        None => "*".to_owned(),
        Some(address) => match owner_names(network, address).first() {
            Some(name) => format!("{name} ({address})"),
            None => address.to_string(),
        },
    };
    let want: Vec<&str> = want.iter().map(|hop| hop.value.as_str()).collect();
    let got: Vec<String> = got.iter().map(seen).collect();
    failures.push(format!("expected hops [{}], got [{}]", want.join(", "), got.join(", ")));
}
