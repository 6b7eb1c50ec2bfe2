//! Files that are right: what they mean, and that different spellings mean the same.

use vnetsim_model::{Era, ForwardedModel, Network, OperationKind, TtlGateway, VnetAccessModel};
use vnetsim_scenario::{Leg, NextHopType, RouteSource, Subject, Verdict};
use vnetsim_types::{DropReason, IpProtocol, Place, Severity, SimTime};

use crate::common::{FULL, good, meaning, read};

const FULL_JSON: &str = include_str!("data/full.json");

/// A network with one VM; `rest` goes beside `network`.
fn small(rest: &str) -> String {
    format!(
        "network:\n  virtualNetworks:\n  - name: v\n    addressSpace: {{addressPrefixes: [10.0.0.0/16]}}\n    \
         subnets: [{{name: s, addressPrefix: 10.0.0.0/24}}]\n  virtualMachines:\n  \
         - {{name: vm1, subnet: v/s}}\n  - {{name: vm2, subnet: v/s}}\n{rest}"
    )
}

#[test]
fn the_whole_format_loads() {
    let scenario = good(FULL);
    assert_eq!(scenario.name.as_deref(), Some("Hub und Spoke – mit Prüfgerät"));
    assert_eq!(scenario.cites.iter().map(|c| c.as_str()).collect::<Vec<_>>(), ["V-05", "S30"]);
    let rules = scenario.network.semantics();
    assert_eq!(rules.forwarded_model, ForwardedModel::Field);
    assert_eq!(rules.ttl_gateway, TtlGateway::Transparent);
    assert_eq!(rules.vnet_access_model, VnetAccessModel::TagOnly);
    let sizes = (scenario.network.vnets().len(), scenario.network.vms().len(), scenario.network.nics().len());
    assert_eq!(sizes, (4, 5, 5));
    assert_eq!(scenario.network.nics()[2].name.value, "vm1-nic");
}

#[test]
fn the_timeline_is_sorted_and_stable() {
    let scenario = good(FULL);
    let times: Vec<_> = scenario.timeline.iter().map(|op| op.at.0 / 1_000_000).collect();
    assert_eq!(times[..7], [5000, 5000, 7000, 8000, 8500, 9000, 10_000]);
    assert!(times.is_sorted());
    assert!(matches!(scenario.timeline[0].operation.kind, OperationKind::DeletePeering(..)));
    assert!(matches!(scenario.timeline[1].operation.kind, OperationKind::PutPeering { .. }));
    assert!(matches!(scenario.timeline[6].operation.kind, OperationKind::SetNsg(_, None)));
}

#[test]
fn traffic_has_its_defaults() {
    let scenario = good(&small("traffic: [{name: t, from: vm1, to: vm2, protocol: udp/53}]"));
    let traffic = &scenario.traffic[0];
    assert_eq!((traffic.count, traffic.source_port, traffic.payload_bytes), (1, 50_000, 0));
    assert_eq!((traffic.start, traffic.interval), (SimTime::ZERO, SimTime::from_millis(10)));
    assert!(matches!(traffic.from.place, Place::Nic(_)));
    let full = good(FULL);
    assert_eq!(full.traffic[1].interval, SimTime::from_millis(10), "rate: 100");
    assert_eq!(full.traffic[1].protocol.protocol, IpProtocol::ICMP);
}

#[test]
fn expectations_come_out_as_said() {
    let scenario = good(FULL);
    let Subject::Traffic(web) = &scenario.expect[0].subject else { panic!("first is about traffic") };
    assert_eq!(web.verdict.as_ref().unwrap().value, Verdict::Delivered);
    assert_eq!(web.via.as_ref().unwrap()[0][0].value, "nva");
    let route = web.route.as_ref().unwrap();
    assert_eq!(route.source.as_ref().unwrap().value, RouteSource::User);
    assert_eq!(route.next_hop_type.as_ref().unwrap().value, NextHopType::VirtualAppliance);
    assert_eq!(scenario.expect[0].because.as_ref().unwrap().value, "PEER-08");
    let Subject::Traffic(ping) = &scenario.expect[1].subject else { panic!("second is about traffic") };
    assert_eq!(ping.drop_reason.as_ref().unwrap().value, DropReason::RouteNone);
    assert_eq!(ping.verdict.as_ref().unwrap().value, Verdict::Dropped, "implied");
    assert_eq!(ping.direction.as_ref().unwrap().value, Leg::Forward);
    let Subject::Routes(routes) = &scenario.expect[2].subject else { panic!("third is about routes") };
    assert_eq!(routes.exactly.as_ref().unwrap().len(), 0, "an empty table is an expectation");
    assert_eq!(routes.after.as_ref().unwrap().value, SimTime::from_secs(5));
    let Subject::NextHop(hop) = &scenario.expect[3].subject else { panic!("fourth is about a next hop") };
    assert_eq!((hop.from.as_str(), hop.to.as_str()), ("vm1", "10.30.0.1"));
    assert!(matches!(scenario.expect[4].subject, Subject::Peering(_)));
}

#[test]
fn json_means_the_same_as_yaml() {
    // The JSON file is indented with tabs and escapes what is not ASCII.
    assert_eq!(meaning(&good(FULL_JSON)), meaning(&good(FULL)));
}

#[test]
fn windows_line_ends_and_a_byte_order_mark_change_nothing() {
    let text = format!("\u{feff}{}", FULL.replace('\n', "\r\n"));
    assert_eq!(meaning(&good(&text)), meaning(&good(FULL)));
}

#[test]
fn places_are_bytes_even_after_other_letters() {
    let scenario = good(FULL);
    let name = &scenario.network.vnets()[0].name;
    assert_eq!(&FULL[name.span.start as usize..name.span.end as usize], "hub");
    assert_eq!(name.span.file.0, 3);
    let text = &FULL[scenario.expect[4].span.start as usize..scenario.expect[4].span.end as usize];
    assert_eq!(text, "{peering: s1/s1-to-hub, peeringState: Disconnected, after: 5s}");
    let block = &FULL[scenario.expect[3].span.start as usize..scenario.expect[3].span.end as usize];
    assert!(block.starts_with("nextHop:") && block.ends_with("nextHopIpAddress: 10.10.0.4"), "{block}");
}

#[test]
fn rules_in_every_spelling() {
    for (rules, era) in
        [("modern", Era::Modern), ("2017", Era::Y2017), ("\"2017\"", Era::Y2017), ("Modern", Era::Modern)]
    {
        let scenario = good(&small(&format!("rules: {rules}")));
        assert_eq!(scenario.network.semantics().era, era, "{rules}");
    }
    let scenario = good(&small("rules: {era: 2017, vnetAccessModel: tag_only}"));
    assert_eq!(scenario.network.semantics().era, Era::Y2017);
    assert_eq!(scenario.network.semantics().vnet_access_model, VnetAccessModel::TagOnly);
}

/// The network of an ARM-shaped file.
fn network(text: &str) -> Network {
    let loaded = read(text);
    assert!(loaded.problems.iter().all(|p| p.severity == Severity::Warning), "{:?}", loaded.problems);
    loaded.scenario.unwrap().network
}

#[test]
fn a_pasted_arm_fragment_means_the_same_as_the_flat_form() {
    let arm = network(include_str!("data/arm.json"));
    let flat = network(include_str!("data/flat.yaml"));
    assert_eq!(meaning(&arm), meaning(&flat));
}

#[test]
fn an_arm_fragment_needs_no_warning_for_its_envelope() {
    let problems = read(include_str!("data/arm.json")).problems;
    let messages: Vec<_> = problems.iter().map(|p| p.message.as_str()).collect();
    assert_eq!(messages, ["`dhcpOptions` of virtual network `vnet-s1` is not modelled"]);
}

#[test]
fn a_nic_may_carry_its_only_address_itself() {
    let vnet = "{virtualNetworks: [{name: v, addressSpace: {addressPrefixes: [10.0.0.0/16]}, \
                subnets: [{name: s, addressPrefix: 10.0.0.0/24}]}], ";
    let long = format!(
        "network: {vnet} networkInterfaces: [{{name: n, ipConfigurations: \
         [{{name: ipconfig1, subnet: v/s, privateIPAddress: 10.0.0.9}}]}}]}}"
    );
    let short = format!(
        "network: {vnet} networkInterfaces: [{{name: n, subnet: v/s, privateIPAddress: 10.0.0.9}}]}}"
    );
    let mapped = |text: &str| meaning(&network(text));
    assert_eq!(mapped(&long), mapped(&short));
}

#[test]
fn aliases_copy_values() {
    let text = small(
        "traffic:\n- &t {name: a, from: vm1, to: &other vm2, protocol: tcp/1}\n- {name: b, from: *other, to: vm1, protocol: tcp/2}",
    );
    let scenario = good(&text);
    assert_eq!(scenario.traffic[1].from.address, scenario.traffic[0].to.address);
}

#[test]
fn ipv6_ends_choose_the_family_and_the_protocol() {
    let text = "network:\n  virtualNetworks:\n  - name: v\n    addressSpace: {addressPrefixes: [10.0.0.0/16, 'fd00::/48']}\n    \
                subnets: [{name: s, addressPrefixes: [10.0.0.0/24, 'fd00::/64']}]\n  networkInterfaces:\n  - name: n\n    \
                ipConfigurations:\n    - {name: a, subnet: v/s}\n    - {name: b, subnet: v/s, privateIPAddressVersion: IPv6}\n  \
                virtualMachines: [{name: vm1, networkInterfaces: [n]}]\n\
                traffic: [{name: t, from: vm1, to: 'fd00::99', protocol: icmp}]\n";
    let scenario = good(text);
    assert!(scenario.traffic[0].from.address.is_ipv6());
    assert_eq!(scenario.traffic[0].protocol.protocol, IpProtocol::ICMPV6);
}
