//! Expectations on what applications achieve, held against runs: they hold when they are right, and say what was got
//! when they are not.

use std::ops::ControlFlow;

use vnetsim_analysis::{Played, Setup, judge, play, readings};
use vnetsim_scenario::{Scenario, load};
use vnetsim_sim::Outcome;
use vnetsim_types::{DropReason, FileId, SimTime, TrafficId};

/// Two spokes behind an appliance of the hub; what `rest` adds stands at the top level.
fn scenario(rest: &str) -> Scenario {
    let text = format!(
        "
network:
  virtualNetworks:
    - name: hub
      location: koreacentral
      addressSpace: {{addressPrefixes: [10.10.0.0/16]}}
      subnets: [{{name: snet, addressPrefix: 10.10.0.0/24}}]
      virtualNetworkPeerings: [{{name: to-s1, remoteVirtualNetwork: s1}}, {{name: to-s2, remoteVirtualNetwork: s2}}]
    - name: s1
      location: koreacentral
      addressSpace: {{addressPrefixes: [10.20.0.0/16]}}
      subnets: [{{name: snet, addressPrefix: 10.20.0.0/24, routeTable: rt}}]
      virtualNetworkPeerings: [{{name: to-hub, remoteVirtualNetwork: hub, allowForwardedTraffic: true}}]
    - name: s2
      location: koreacentral
      addressSpace: {{addressPrefixes: [10.30.0.0/16]}}
      subnets: [{{name: snet, addressPrefix: 10.30.0.0/24, routeTable: rt}}]
      virtualNetworkPeerings: [{{name: to-hub, remoteVirtualNetwork: hub, allowForwardedTraffic: true}}]
  routeTables:
    - name: rt
      routes:
        - {{name: a, addressPrefix: 10.20.0.0/16, nextHopType: VirtualAppliance, nextHopIpAddress: 10.10.0.4}}
        - {{name: b, addressPrefix: 10.30.0.0/16, nextHopType: VirtualAppliance, nextHopIpAddress: 10.10.0.4}}
  virtualMachines:
    - {{name: fw, subnet: hub/snet, privateIPAddress: 10.10.0.4, enableIPForwarding: true, guest: {{role: firewall}}}}
    - {{name: vm1, subnet: s1/snet, privateIPAddress: 10.20.0.4}}
    - {{name: vm2, subnet: s2/snet, privateIPAddress: 10.30.0.4, guest: {{listen: [tcp/443, udp/9000]}}}}
{rest}"
    );
    let loaded = load(text.as_bytes(), FileId(0));
    assert!(loaded.problems.is_empty(), "{:#?}", loaded.problems);
    loaded.scenario.expect("a scenario without problems")
}

fn played(scenario: &Scenario, workers: usize) -> Played {
    let setup = Setup { workers, ..Setup::default() };
    play(scenario, setup, &mut |_| ControlFlow::Continue(()))
}

/// What does not hold, whatever the number of workers.
fn failures(rest: &str) -> Vec<String> {
    let scenario = scenario(rest);
    let of = |workers| -> Vec<String> {
        judge(&scenario, &played(&scenario, workers)).into_iter().flat_map(|j| j.failures).collect()
    };
    let alone = of(1);
    assert_eq!(alone, of(3));
    alone
}

fn holds(rest: &str) {
    assert_eq!(failures(rest), Vec::<String>::new());
}

#[test]
fn a_transfer_through_an_appliance() {
    const TRAFFIC: &str = "traffic: [{name: t, from: vm1, to: vm2, protocol: tcp/443, transfer: 10MB}]";
    holds(&format!(
        "{TRAFFIC}
expect:
  - {{traffic: t, verdict: Delivered, delivered: 1, via: [fw], replyVia: [fw], bytes: 10000000, lost: 0,
     retransmissions: 0, throughputMbps: {{min: 100}}, duration: {{min: 10ms, max: 1s}}, ttl: 63,
     roundTrip: {{min: 1ms, max: 3ms}}, sent: {{min: 7000, max: 15000}}}}"
    ));
    let wrong = failures(&format!(
        "{TRAFFIC}
expect:
  - {{traffic: t, bytes: 5, throughputMbps: {{min: 1, max: 2}}, duration: {{max: 1ms}}, retransmissions: {{min: 3}},
     roundTrip: 1ms, lost: {{min: 1}}, sent: 1}}"
    ));
    let begins = [
        "expected 1 packets sent, got ",
        "expected at least 1 packets lost, got none",
        "expected 5 bytes, got 10000000 bytes",
        "expected 1 to 2 Mbps, got ",
        "expected at least 3 retransmissions, got 0 retransmissions",
        "expected a duration of at most 1 ms, got ",
        "expected a round trip of 1 ms, got 1.64 ms",
    ];
    assert_eq!(wrong.len(), begins.len(), "{wrong:#?}");
    for (got, begin) in wrong.iter().zip(begins) {
        assert!(got.starts_with(begin), "{got} is not {begin}");
    }
}

#[test]
fn a_stream_over_a_link_that_loses() {
    const REST: &str = "
seed: 3
traffic: [{name: s, from: vm1, to: vm2, protocol: udp/9000, start: 1s, stream: 10s, rate: 1000, size: 100, oneWay: true}]
timeline: [{at: 500ms, setLink: {between: [hub, s2], loss: 1%}}]";
    holds(&format!(
        "{REST}
expect:
  - {{traffic: s, verdict: Dropped, dropReason: LinkLoss, sent: 10000, lost: {{min: 60, max: 140}},
     throughputMbps: {{min: 0.78, max: 0.8}}, duration: {{min: 9.9s, max: 10.1s}}}}"
    ));
    let wrong = failures(&format!("{REST}\nexpect: [{{traffic: s, verdict: Delivered, lost: 0}}]"));
    assert!(wrong[0].starts_with("expected Delivered, got 1 dropped: LINK_LOSS at fw"), "{wrong:#?}");
    assert!(wrong[1].starts_with("expected 0 packets lost, got "), "{wrong:#?}");
    assert!(wrong[1].ends_with(" LINK_LOSS at fw"), "{wrong:#?}");
    let scenario = scenario(REST);
    let played = played(&scenario, 1);
    let group = played.report.traffic[0].outcomes[0];
    let diagnosis = played.diagnosis(TrafficId(0), &group).expect("a reason");
    assert_eq!((diagnosis.reason, diagnosis.place.as_str()), (DropReason::LinkLoss, "fw"));
    // The link loses under every reading, and the same seed loses the same packets.
    assert_eq!(readings(&scenario, &played), Some(Vec::new()));
}

#[test]
fn a_traceroute_shows_the_appliance_and_no_fabric() {
    for protocol in ["udp/33434", "icmp"] {
        let traffic =
            format!("traffic: [{{name: r, from: vm1, to: vm2, protocol: {protocol}, traceroute: true}}]");
        holds(&format!(
            "{traffic}\nexpect: [{{traffic: r, verdict: Delivered, hops: [fw, 10.30.0.4], via: [fw], lost: 1}}]"
        ));
        let wrong = failures(&format!("{traffic}\nexpect: [{{traffic: r, hops: [vm2]}}]"));
        assert_eq!(wrong, ["expected hops [vm2], got [fw (10.10.0.4), vm2 (10.30.0.4)]"]);
    }
}

#[test]
fn silence_is_a_star() {
    holds(
        "
traffic: [{name: r, from: vm1, to: vm2, protocol: icmp, traceroute: 3}]
timeline: [{at: 0s, setGuest: {virtualMachine: fw, state: dead}}]
expect: [{traffic: r, verdict: Dropped, dropReason: GuestDead, hops: ['*', '*', '*'], at: fw}]",
    );
}

#[test]
fn a_refused_connection() {
    const REST: &str = "traffic: [{name: c, from: vm1, to: vm2, protocol: tcp/22, transfer: 1kB}]";
    holds(&format!(
        "{REST}
expect:
  - {{traffic: c, verdict: Dropped, dropReason: GuestPortClosed, at: vm2, bytes: 0, via: [fw], delivered: 0, lost: 0}}"
    ));
    let played = played(&scenario(REST), 1);
    let group = played.report.traffic[0].outcomes[0];
    let diagnosis = played.diagnosis(TrafficId(0), &group).expect("a reason");
    assert_eq!(diagnosis.place, "vm2");
    assert!(diagnosis.because[0].contains("10.30.0.4:22"), "{diagnosis:?}");
}

#[test]
fn a_connection_whose_firewall_dies() {
    const REST: &str = "
traffic: [{name: c, from: vm1, to: vm2, protocol: tcp/443, bulk: 30s, giveUp: 5s}]
timeline: [{at: 1s, setGuest: {virtualMachine: fw, state: dead}}]";
    holds(&format!(
        "{REST}
expect:
  - {{traffic: c, verdict: Dropped, dropReason: GuestDead, at: fw, via: [fw], duration: {{min: 5s, max: 10s}},
     retransmissions: {{min: 1}}, lost: {{min: 2}}}}"
    ));
    let played = played(&scenario(REST), 2);
    let group = played.report.traffic[0].outcomes[0];
    let shown = played.shown(TrafficId(0), &group).expect("the first packets after the change were recorded");
    assert!(shown.dead.is_some(), "{group:?}");
    assert_eq!(played.report.in_flight(), 0);
}

#[test]
fn requests_and_their_answers() {
    holds(
        "
traffic: [{name: q, from: vm1, to: vm2, protocol: tcp/443, request: 300B, response: 2kB, requests: 10, count: 5}]
expect:
  - {traffic: q, verdict: Delivered, delivered: 5, bytes: 115000, duration: {min: 15ms, max: 30ms}}",
    );
}

#[test]
fn a_machine_that_stops_in_the_middle() {
    const TRAFFIC: &str =
        "traffic: [{name: c, from: vm1, to: vm2, protocol: tcp/443, bulk: 30s, giveUp: 5s}]";
    // What its answers met is known; what it received before it stopped is not forgotten with it.
    for vm in ["vm1", "vm2"] {
        holds(&format!(
            "{TRAFFIC}
timeline: [{{at: 1s, stopVm: {vm}}}]
expect: [{{traffic: c, verdict: Dropped, dropReason: NoSuchDestination, at: fw, bytes: {{min: 1000000}}}}]"
        ));
    }
    // One that is back does not know the connection.
    let restart = format!("{TRAFFIC}\ntimeline: [{{at: 1s, stopVm: vm2}}, {{at: 2s, startVm: vm2}}]");
    let played = played(&scenario(&restart), 1);
    assert_eq!(played.report.traffic[0].outcomes[0].outcome, Outcome::Reset);
}

#[test]
fn a_firewall_that_restarts_forgets_connections() {
    const REST: &str = "
traffic: [{name: c, from: vm1, to: vm2, protocol: tcp/443, bulk: 10s, giveUp: 15s}]
timeline: [{at: 1s, stopVm: fw}, {at: 2s, startVm: fw}]";
    holds(&format!("{REST}\nexpect: [{{traffic: c, verdict: Dropped, dropReason: NvaNoSession, at: fw}}]"));
    let played = played(&scenario(REST), 1);
    let diagnosis = played.diagnosis(TrafficId(0), &played.report.traffic[0].outcomes[0]).expect("a reason");
    assert_eq!(diagnosis.because, ["fw knew the connection, was stopped at 1 s and forgot it"]);
}

#[test]
fn exchanges_have_times_and_packets_but_no_data() {
    const TRAFFIC: &str = "traffic: [{name: p, from: vm1, to: vm2, protocol: icmp, count: 4}]";
    holds(&format!(
        "{TRAFFIC}
expect: [{{traffic: p, sent: 8, lost: 0, roundTrip: {{min: 1ms, max: 3ms}}, duration: {{max: 3ms}}}}]"
    ));
    let wrong = failures(&format!("{TRAFFIC}\nexpect: [{{traffic: p, bytes: 1}}]"));
    assert_eq!(wrong, ["single exchanges carry no data; say transfer, request, bulk or stream"]);
}

#[test]
fn a_run_that_is_broken_off_says_what_it_knows() {
    let scenario = scenario("traffic: [{name: c, from: vm1, to: vm2, protocol: tcp/443, bulk: 60s}]");
    let mut looks = 0;
    let played = play(&scenario, Setup::default(), &mut |_| {
        looks += 1;
        if looks == 2 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    let report = &played.report;
    assert!(report.stopped && report.end < SimTime::from_secs(60));
    assert_eq!(report.traffic[0].outcomes[0].outcome, Outcome::Unfinished);
    assert_eq!(report.sent, report.delivered + report.dropped.values().sum::<u64>() + report.in_flight());
    assert_eq!(readings(&scenario, &played), None);
}
