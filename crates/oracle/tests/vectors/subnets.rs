//! Subnet peering and IPv6-only peering (PEER-24 to PEER-27, U-34, FE-08, FE-23).

use vnetsim_model::{Network, Role, Snat};
use vnetsim_types::{DropReason, Place, PrivateEndpointId};

use crate::lab::*;

/// A: subnets in (10.1.1.0/24) and out (10.1.2.0/24); B: the same at 10.2; peered by `in` on both sides.
fn lab() -> Lab {
    let mut lab = Lab::default();
    for (vnet, ix) in [("A", 1), ("B", 2)] {
        lab.vnet(vnet, &[&format!("10.{ix}.0.0/16")]);
        lab.subnet(&format!("{vnet}/in"), &format!("10.{ix}.1.0/24"));
        lab.subnet(&format!("{vnet}/out"), &format!("10.{ix}.2.0/24"));
        lab.vm(&format!("in{vnet}"), &format!("{vnet}/in"), &format!("10.{ix}.1.4"));
        lab.vm(&format!("out{vnet}"), &format!("{vnet}/out"), &format!("10.{ix}.2.4"));
    }
    lab.peer_subnets(("A", &["in"]), ("B", &["in"]));
    lab
}

fn at(network: &Network, vm: &str) -> Place {
    Place::Nic(nic(network, vm))
}

#[test]
fn fe23_only_the_peered_subnets_are_exchanged() {
    let network = lab().build();
    // PEER-26: every subnet gets the rows.
    for subnet in ["A/in", "A/out"] {
        let rows = printed(&network, subnet);
        let peering: Vec<_> = rows.iter().filter(|row| row.contains("VNetPeering")).collect();
        assert_eq!(peering, ["Default Active 10.2.1.0/24 VNetPeering"], "{subnet}");
    }
    assert_complete(&tcp(&network, "inA", "inB"));
    let expected = dropped(at(&network, "inB"), DropReason::SubnetNotPeered);
    assert_eq!(last(&tcp(&network, "outA", "inB")), expected);
    let none = dropped(at(&network, "inA"), DropReason::RouteNone);
    assert_eq!(last(&tcp(&network, "inA", "10.2.2.4")), none);
}

#[test]
fn fe08_peered_subnets_beat_summaries() {
    let mut lab = lab();
    lab.table("A/in", &["10.0.0.0/8 VirtualAppliance 10.1.1.9", "10.2.0.0/16 VirtualAppliance 10.1.1.9"]);
    let packets = tcp(&lab.build(), "inA", "inB");
    assert_complete(&packets);
    assert_eq!(routes_taken(&packets[0]), ["10.2.1.0/24 VNetPeering"]);
}

#[test]
fn both_links_must_list_both_subnets() {
    // A lists `out`, B does not.
    let mut lab = lab();
    lab.the_link("A", "B").local_subnet_names.push(name("out"));
    let network = lab.build();
    let expected = dropped(at(&network, "inB"), DropReason::SubnetNotPeered);
    assert_eq!(last(&tcp(&network, "outA", "inB")), expected);
    lab.the_link("B", "A").remote_subnet_names.push(name("out"));
    assert_complete(&tcp(&lab.build(), "outA", "inB"));
}

#[test]
fn u34_the_tag_holds_the_peered_subnets() {
    let mut lab = lab();
    lab.nsg_on("A/in", "n", &[]);
    let network = lab.build();
    assert_complete(&tcp(&network, "inA", "inB"));
    let denied = dropped(at(&network, "inA"), DropReason::NsgDeny);
    assert_eq!(last(&tcp(&network, "inA", "10.2.2.4")), denied);
}

#[test]
fn a_next_hop_in_a_subnet_that_is_not_peered() {
    let mut lab = lab();
    lab.nva("nva", "B/out", "10.2.2.9", Role::Router, Snat::Never);
    lab.table("A/in", &["10.9.0.0/16 VirtualAppliance 10.2.2.9"]);
    let network = lab.build();
    let expected = dropped(at(&network, "nva"), DropReason::SubnetNotPeered);
    assert_eq!(last(&tcp(&network, "inA", "10.9.0.1")), expected);
}

#[test]
fn private_endpoints_cross_with_their_subnet() {
    let mut lab = lab();
    lab.endpoint("near", "B/in", "10.2.1.9");
    lab.endpoint("far", "B/out", "10.2.2.9");
    let network = lab.build();
    let rows = printed(&network, "A/out");
    assert!(rows.contains(&"Default Active 10.2.1.9/32 InterfaceEndpoint".to_owned()));
    assert!(!rows.iter().any(|row| row.contains("10.2.2.9")));
    assert_complete(&tcp(&network, "inA", "10.2.1.9"));
    let endpoint = Place::PrivateEndpoint(PrivateEndpointId(0));
    assert_eq!(last(&tcp(&network, "outA", "10.2.1.9")), dropped(endpoint, DropReason::SubnetNotPeered));
}

#[test]
fn ipv6_only_peering() {
    let mut lab = Lab::default();
    for (vnet, ix) in [("A", 1), ("B", 2)] {
        lab.vnet(vnet, &["10.1.0.0/16", &format!("fd00:{ix}::/48")]);
        let prefixes = nets(&["10.1.0.0/24", &format!("fd00:{ix}::/64")]);
        lab.subnet(&format!("{vnet}/s"), "10.1.0.0/24").address_prefixes = prefixes;
        lab.vm(&format!("vm{vnet}"), &format!("{vnet}/s"), &format!("10.1.0.{}", 3 + ix));
        let nic = lab.the_nic(&format!("vm{vnet}-nic"));
        let mut second = nic.ip_configurations[0].clone();
        second.name = name("v6");
        second.private_ip_address = Some(ip(&format!("fd00:{ix}::4")).into());
        nic.ip_configurations.push(second);
    }
    // PEER-24: the shared IPv4 block does not matter.
    lab.peer("A", "B");
    for (a, b) in [("A", "B"), ("B", "A")] {
        lab.the_link(a, b).enable_only_ipv6_peering = Some(true.into());
    }
    lab.nsg_on("A/s", "n", &[]);
    lab.table("A/s", &["10.9.0.0/16 VirtualAppliance 10.1.0.5"]);
    let network = lab.build();
    let rows = printed(&network, "A/s");
    let peering: Vec<_> = rows.iter().filter(|row| row.contains("VNetPeering")).collect();
    assert_eq!(peering, ["Default Active fd00:2::/48 VNetPeering"]);
    assert_complete(&tcp(&network, "vmA", "fd00:2::4"));
    // 10.1.0.5 is nobody in A, where the next hop is looked for.
    let unreachable = dropped(at(&network, "vmA"), DropReason::NextHopUnreachable);
    assert_eq!(last(&tcp(&network, "vmA", "10.9.0.1")), unreachable);
}
