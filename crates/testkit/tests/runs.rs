//! Small scenarios, each about one thing that a run must get right whoever watches and however many threads play.

use std::ops::ControlFlow;

use vnetsim_analysis::timeline_of;
use vnetsim_scenario::load;
use vnetsim_sim::{Outcome, Play, Report};
use vnetsim_types::{DropReason, FileId, NoObserver, Observer, PacketId, PacketTag, SimTime, Step};

/// Wants every packet.
struct Everything;

impl Observer for Everything {
    fn wants_all(&self) -> bool {
        true
    }
    fn packet(&mut self, _: PacketId, _: PacketTag) {}
    fn step(&mut self, _: PacketId, _: SimTime, _: Step) {}
}

fn play<O: Observer>(text: &str, workers: usize, observer: &mut O) -> Report {
    let loaded = load(text.as_bytes(), FileId(0));
    let scenario = loaded.scenario.unwrap_or_else(|| panic!("{:#?}\n{text}", loaded.problems));
    let timeline = timeline_of(&scenario);
    let (traffic, injections) = (&scenario.traffic, &[][..]);
    let play = Play { network: scenario.network, traffic, timeline: &timeline, injections, seed: 7, workers };
    play.run(observer, &mut |_| ControlFlow::Continue(()))
}

/// Plays `text` in every way, which must come to the same.
fn played(text: &str) -> Report {
    let report = play(text, 1, &mut NoObserver);
    assert_eq!(report.in_flight(), 0);
    let figures = |report: &Report| {
        let Report { traffic, end, sent, delivered, dropped, events, meter, .. } = report;
        let epochs: Vec<_> = report.epochs.iter().map(|epoch| epoch.from).collect();
        format!("{end} {sent} {delivered} {dropped:?} {events} {meter:?} {epochs:?}\n{traffic:#?}")
    };
    let expected = figures(&report);
    for workers in [1, 2, 3] {
        for all in [false, true] {
            let other = match all {
                false => play(text, workers, &mut NoObserver),
                true => play(text, workers, &mut Everything),
            };
            let other = figures(&other);
            let differs = expected.lines().zip(other.lines()).find(|(a, b)| a != b);
            assert!(expected == other, "{workers} workers, all watched {all}: {differs:?}");
        }
    }
    report
}

/// A hub with an appliance between two spokes; more of each section may be given.
struct Hub<'a> {
    rules: &'a str,
    /// Of the appliance.
    guest: &'a str,
    /// Lines of the network, of its machines, of traffic and timeline.
    network: &'a str,
    machines: &'a str,
    traffic: &'a str,
    timeline: &'a str,
}

const HUB: Hub<'static> = Hub {
    rules: "era: modern",
    guest: "role: router",
    network: "",
    machines: "",
    traffic: "",
    timeline: "  - {at: 0s, startVm: vm1}",
};

impl Hub<'_> {
    fn text(&self) -> String {
        let Self { rules, guest, network, machines, traffic, timeline } = self;
        format!(
            "
name: hub
rules: {{{rules}}}
network:
  virtualNetworks:
    - name: hub
      location: koreacentral
      addressSpace: {{addressPrefixes: [10.10.0.0/16]}}
      subnets:
        - {{name: snet-nva, addressPrefix: 10.10.0.0/24, networkSecurityGroup: nsg-nva}}
        - {{name: snet-h, addressPrefix: 10.10.1.0/24, routeTable: rt}}
      virtualNetworkPeerings:
        - {{name: hub-to-s1, remoteVirtualNetwork: s1}}
        - {{name: hub-to-s2, remoteVirtualNetwork: s2}}
    - name: s1
      location: koreacentral
      addressSpace: {{addressPrefixes: [10.20.0.0/16]}}
      subnets: [{{name: snet, addressPrefix: 10.20.0.0/24, routeTable: rt}}]
      virtualNetworkPeerings: [{{name: s1-to-hub, remoteVirtualNetwork: hub, allowForwardedTraffic: true}}]
    - name: s2
      location: koreacentral
      addressSpace: {{addressPrefixes: [10.30.0.0/16]}}
      subnets: [{{name: snet, addressPrefix: 10.30.0.0/24, routeTable: rt}}]
      virtualNetworkPeerings: [{{name: s2-to-hub, remoteVirtualNetwork: hub, allowForwardedTraffic: true}}]
  networkSecurityGroups:
    - name: nsg-nva
      securityRules:
        - {{name: in, priority: 100, direction: Inbound, access: Allow, protocol: '*'}}
        - {{name: icmp, priority: 100, direction: Outbound, access: Allow, protocol: Icmp}}
        - {{name: no-s1, priority: 110, direction: Outbound, access: Deny, protocol: '*',
           destinationAddressPrefix: 10.20.0.0/24}}
        - {{name: out, priority: 200, direction: Outbound, access: Allow, protocol: '*'}}
  routeTables:
    - name: rt
      routes:
        - {{name: h, addressPrefix: 10.10.1.0/24, nextHopType: VirtualAppliance, nextHopIpAddress: 10.10.0.4}}
        - {{name: a, addressPrefix: 10.20.0.0/16, nextHopType: VirtualAppliance, nextHopIpAddress: 10.10.0.4}}
        - {{name: b, addressPrefix: 10.30.0.0/16, nextHopType: VirtualAppliance, nextHopIpAddress: 10.10.0.4}}
{network}
  virtualMachines:
    - {{name: nva, subnet: hub/snet-nva, privateIPAddress: 10.10.0.4, enableIPForwarding: true, guest: {{{guest}}}}}
    - {{name: vm1, subnet: s1/snet, privateIPAddress: 10.20.0.4}}
    - {{name: vm2, subnet: s2/snet, privateIPAddress: 10.30.0.4}}
{machines}
traffic:
{traffic}
timeline:
{timeline}
"
        )
    }
}

#[test]
fn what_dies_at_an_appliance_leaves_nothing_behind() {
    let text = |more: &str| {
        let traffic = format!(
            "  - {{name: bulk, from: h1, to: h2, protocol: tcp/80, bulk: 20ms, sourcePort: 50000}}\n{more}"
        );
        Hub {
            machines: "    - {name: h1, subnet: hub/snet-nva, privateIPAddress: 10.10.0.8}
    - {name: h2, subnet: hub/snet-nva, privateIPAddress: 10.10.0.9}
    - {name: off, subnet: s2/snet, privateIPAddress: 10.30.0.9, powerState: stopped}",
            traffic: &traffic,
            ..HUB
        }
        .text()
    };
    let dies = "  - {name: dies, from: vm1, to: off, protocol: udp/53, stream: 20ms, interval: 50us}";
    let (alone, beside) = (played(&text("")), played(&text(dies)));
    assert!(beside.traffic[1].packets.forward.dropped.contains_key(&DropReason::NoSuchDestination));
    assert_eq!(alone.traffic[0], beside.traffic[0]);
}

#[test]
fn platform_services_answer_whatever_asks() {
    let report = played(
        &Hub {
            traffic: "  - {name: datagrams, from: vm2, to: 168.63.129.16, protocol: udp/53, stream: 10ms, interval: 1ms}
  - {name: pings, from: vm2, to: 169.254.169.254, protocol: icmp, traceroute: true}
  - {name: same, from: vm1, to: 168.63.129.16, protocol: udp/53, traceroute: true}",
            ..HUB
        }
        .text(),
    );
    assert_eq!(report.dropped.len(), 0, "{:?}", report.dropped);
    for (traffic, hops) in report.traffic.iter().zip([0, 1, 1]) {
        assert_eq!(traffic.completed(), 1, "{traffic:#?}");
        assert_eq!(traffic.achieved.as_ref().map(|achieved| achieved.hops.len()), Some(hops));
    }
    let echoes = &report.traffic[0].packets.backward;
    assert_eq!((echoes.sent, echoes.delivered), (10, 10));
}

/// What a traceroute takes for a hop answers the packet that it waits for, not an earlier one or the same once more.
#[test]
fn copies_and_late_answers_are_no_hops() {
    let traffic = "  - {name: udp, from: vm1, to: vm2, protocol: udp/33434, traceroute: 4}
  - {name: icmp, from: vm1, to: vm2, protocol: icmp, traceroute: 4}";
    let (nva, vm2) = (Some("10.10.0.4"), Some("10.30.0.4"));
    let all_at_once = ("between: [hub, s1], duplicate: 100%", vec![nva, vm2]);
    let too_late = ("between: [hub, s2], delay: 550ms", vec![nva, None, None, None]);
    for (fault, expected) in [all_at_once, too_late] {
        let timeline = format!("  - {{at: 0s, setLink: {{{fault}}}}}");
        let report = played(&Hub { traffic, timeline: &timeline, ..HUB }.text());
        for traffic in &report.traffic {
            let hops = traffic.achieved.as_ref().map(|achieved| &achieved.hops);
            let hops: Vec<_> =
                hops.into_iter().flatten().map(|hop| hop.address.map(|ip| ip.to_string())).collect();
            assert_eq!(hops.iter().map(|hop| hop.as_deref()).collect::<Vec<_>>(), expected, "{fault}");
        }
    }
}

/// A probe changes its mind while packets wait in an appliance: they leave under the new rules.
#[test]
fn probes_change_the_network_while_appliances_work() {
    let report = played(
        &Hub {
            rules: "era: modern, nsg_live_flows: flush",
            guest: "role: router, processingDelay: 2ms",
            network: "  loadBalancers:
    - name: lb
      sku: Standard
      frontendIPConfigurations: [{name: fe, subnet: s2/snet, privateIPAddress: 10.30.0.100}]
      backendAddressPools: [{name: pool}]
      probes: [{name: health, protocol: Tcp, port: 80, intervalInSeconds: 5, probeThreshold: 1}]
      loadBalancingRules:
        - {name: web, frontendIPConfiguration: fe, backendAddressPool: pool, probe: health, protocol: Tcp,
           frontendPort: 80, backendPort: 80}",
            machines: "    - {name: web, subnet: s2/snet, privateIPAddress: 10.30.0.5,
       loadBalancerBackendAddressPools: [lb/pool]}",
            traffic: "  - {name: s, from: vm1, to: vm2, protocol: udp/53, start: 8800us, stream: 16s,
     interval: 10ms}",
            timeline: "  - {at: 100ms, stopVm: web}\n  - {at: 8s, startVm: web}",
        }
        .text(),
    );
    assert_eq!(report.epochs.len(), 5, "two changes, and the probe twice");
    assert!(report.dropped[&DropReason::NsgDeny] > 0, "{:?}", report.dropped);
}

/// A client comes back and knows nothing of its download: its RST ends the flow records at the appliance, and what waits
/// there goes no further.
#[test]
fn connections_end_while_their_packets_wait_in_an_appliance() {
    let mut denied = 0;
    for at in [20_000, 21_000, 40_000, 41_500, 60_000] {
        let timeline = format!("  - {{at: {at}us, stopVm: vm1}}\n  - {{at: {}us, startVm: vm1}}", at + 10);
        let report = played(
            &Hub {
                guest: "role: router, processingDelay: 300us",
                machines: "    - {name: slow, subnet: s2/snet, privateIPAddress: 10.30.0.5, vmSize: Standard_DS1_v2}",
                traffic: "  - {name: t, from: vm1, to: slow, protocol: tcp/443, download: 50MB, giveUp: 1s}",
                timeline: &timeline,
                ..HUB
            }
            .text(),
        );
        denied += report.dropped.get(&DropReason::NsgDeny).copied().unwrap_or_default();
    }
    assert!(denied > 0);
}

/// A probe that a member hands on to another machine is still a probe: it keeps no run alive and is no event of it.
#[test]
fn probes_that_are_forwarded_are_nothing_to_wait_for() {
    let report = played(
        &Hub {
            guest: "role: router, snat: always, dnat: [{name: d, port: tcp/80, to: 10.30.0.4}]",
            network: "  loadBalancers:
    - name: lb
      sku: Standard
      frontendIPConfigurations: [{name: fe, subnet: hub/snet-nva, privateIPAddress: 10.10.0.100}]
      backendAddressPools: [{name: pool}]
      probes: [{name: health, protocol: Tcp, port: 80, intervalInSeconds: 5, probeThreshold: 1}]
      loadBalancingRules:
        - {name: web, frontendIPConfiguration: fe, backendAddressPool: pool, probe: health, protocol: Tcp,
           frontendPort: 80, backendPort: 80}",
            machines: "    - {name: nva2, subnet: hub/snet-nva, privateIPAddress: 10.10.0.5, enableIPForwarding: true,
       loadBalancerBackendAddressPools: [lb/pool],
       guest: {role: router, snat: always, dnat: [{name: d, port: tcp/80, to: 10.30.0.4}]}}
    - {name: h1, subnet: hub/snet-nva, privateIPAddress: 10.10.0.8}
    - {name: h2, subnet: hub/snet-nva, privateIPAddress: 10.10.0.9}",
            // The first probe is asked at 312.5 ms and met at 312.9 ms.
            traffic: "  - {name: t, from: h1, to: h2, protocol: udp/53, oneWay: true, start: 312300us}",
            ..HUB
        }
        .text(),
    );
    assert_eq!(report.end, SimTime::from_micros(312_700));
}

/// FAB-20: whoever sent what does not fit is told, through routers and through those who translate.
#[test]
fn large_packets_behind_appliances_become_smaller() {
    for guest in
        ["role: router", "role: firewall", "role: router, snat: always", "role: firewall, snat: always"]
    {
        let report = played(
            &Hub {
                guest,
                machines:
                    "    - {name: large, subnet: hub/snet-h, privateIPAddress: 10.10.1.4, guest: {mtu: 9000}}
    - {name: far, subnet: s2/snet, privateIPAddress: 10.30.0.5, guest: {mtu: 9000}}",
                traffic: "  - {name: up, from: large, to: far, protocol: tcp/80, transfer: 100kB, giveUp: 9s}
  - {name: down, from: large, to: far, protocol: tcp/80, download: 100kB, giveUp: 9s}",
                ..HUB
            }
            .text(),
        );
        for traffic in &report.traffic {
            let outcomes: Vec<Outcome> = traffic.outcomes.iter().map(|group| group.outcome).collect();
            assert_eq!(outcomes, [Outcome::Completed], "{guest}");
        }
    }
}

/// Nothing happens after the end of time, and a run ends before it.
#[test]
fn runs_end_at_the_end_of_time() {
    let report = play(
        &Hub {
            traffic: "  - {name: t, from: vm2, to: vm1, protocol: udp/53, count: 3, interval: 18000000000s}",
            ..HUB
        }
        .text(),
        2,
        &mut NoObserver,
    );
    assert_eq!(report.traffic[0].started, 2);
}

/// A packet goes round, and a fault copies it each time: its copies go round with it, and make no more.
#[test]
fn copies_in_a_loop_have_an_end() {
    let machines = "    - {name: h, subnet: hub/snet-h, privateIPAddress: 10.10.1.4}
    - {name: loop, subnet: hub/snet-h, privateIPAddress: 10.10.1.5, enableIPForwarding: true, guest: {role: router}}";
    let report = played(
        &Hub {
            network: "    - name: rt-loop
      routes: [{name: l, addressPrefix: 10.30.0.0/16, nextHopType: VirtualAppliance, nextHopIpAddress: 10.10.1.5}]",
            machines,
            traffic: "  - {name: t, from: h, to: vm2, protocol: udp/53}",
            timeline: "  - {at: 0s, setRouteTable: {subnet: hub/snet-h, routeTable: rt-loop}}
  - {at: 0s, setLink: {at: loop, duplicate: 100%}}",
            ..HUB
        }
        .text(),
    );
    let sent = report.traffic[0].packets.forward.sent;
    assert!((60..=66).contains(&sent), "{sent}");
}
