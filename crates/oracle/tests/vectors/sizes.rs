//! Large packets (FAB-18 to FAB-21, ERA-19, U-09).

use vnetsim_model::{FabricFragment, LbProtocol, LbSku, Network, Role, Semantics, Snat};
use vnetsim_oracle::{OraclePacket, conversation};
use vnetsim_types::{DropReason, Place};

use crate::lab::*;

/// A datagram with that payload and its answer.
fn send(network: &Network, from: &str, to: &str, payload: u16, dont_fragment: bool) -> Vec<OraclePacket> {
    let mut traffic = traffic(network, from, to, "udp/4500");
    (traffic.payload_bytes, traffic.dont_fragment) = (payload, dont_fragment);
    conversation(network, &traffic).packets
}

fn at(network: &Network, vm: &str) -> Place {
    Place::Nic(nic(network, vm))
}

/// Jumbo frames everywhere.
fn lab() -> Lab {
    let mut lab = hub_and_spokes();
    lab.vm("neighbour", "S1/snet", "10.20.0.5");
    lab.vm("ordinary", "S1/snet", "10.20.0.6");
    for vm in ["vm1", "neighbour", "vm-hub", "nva"] {
        lab.mtu(vm, 9_000);
    }
    lab
}

#[test]
fn fab18_large_packets_stay_inside_one_network() {
    let mut lab = lab();
    borrow(&mut lab, "S1");
    let network = lab.build();
    assert_eq!(send(&network, "vm1", "neighbour", 8_972, true).len(), 2);
    let too_large = |vm| dropped(at(&network, vm), DropReason::MtuExceeded);
    // A guest's own limit, a peering, a gateway, the internet.
    assert_eq!(last(&send(&network, "vm1", "neighbour", 8_973, true)), too_large("vm1"));
    assert_eq!(last(&send(&network, "ordinary", "neighbour", 1_473, true)), too_large("ordinary"));
    for to in ["vm-hub", "192.168.1.1", "8.8.8.8"] {
        assert_eq!(last(&send(&network, "vm1", to, 1_473, true)), too_large("vm1"), "{to}");
        assert_eq!(send(&network, "vm1", to, 1_472, true).len(), 2, "{to}");
    }
    // An ordinary guest answers a large datagram in fragments.
    assert_eq!(send(&network, "vm1", "ordinary", 5_000, false).len(), 2);
}

#[test]
fn fab20_fragments_cross_what_whole_packets_do_not() {
    let mut lab = lab();
    borrow(&mut lab, "S1");
    let network = lab.build();
    for to in ["vm-hub", "192.168.1.1"] {
        assert_eq!(send(&network, "vm1", to, 8_000, false).len(), 2, "{to}");
    }
}

#[test]
fn fab21_who_does_not_take_fragments() {
    let unsupported = |network: &Network| dropped(at(network, "vm1"), DropReason::FragmentUnsupported);
    let large = |lab: &Lab, to: &str| last(&send(&lab.build(), "vm1", to, 2_000, false));
    // Default access, a balancer's frontend, a NAT gateway; not the own public address.
    let mut lab = lab();
    let network = lab.build();
    assert_eq!(large(&lab, "8.8.8.8"), unsupported(&network));
    lab.public_balancer("plb", LbSku::Standard, "20.0.0.3", (LbProtocol::Tcp, 80));
    lab.pool_member("vm1-nic", "plb");
    assert_eq!(large(&lab, "8.8.8.8"), unsupported(&network));
    lab.public_ip("vm1-nic", "20.0.0.1");
    assert_eq!(large(&lab, "8.8.8.8"), delivered(at(&network, "vm1"), "8.8.8.8", 64));
    lab.nat_gateway("S1/snet", "20.0.0.2");
    assert_eq!(large(&lab, "8.8.8.8"), unsupported(&network));
    // HA ports, where they come as fragments: from a peered network, or a guest that cannot send larger ones.
    lab.balancer("ilb", LbSku::Standard, "H/snet-nva", "10.10.0.10", (LbProtocol::All, 0));
    lab.pool_member("nva-nic", "ilb");
    let network = lab.build();
    assert_eq!(large(&lab, "10.10.0.10"), unsupported(&network));
    assert_eq!(send(&network, "vm-hub", "10.10.0.10", 2_000, false).len(), 2);
}

#[test]
fn an_appliance_has_a_limit_of_its_own() {
    let mut lab = lab();
    lab.subnet("S1/relay", "10.20.1.0/24");
    lab.nva("relay", "S1/relay", "10.20.1.9", Role::Router, Snat::Never);
    lab.table("S1/snet", &["10.20.0.5/32 VirtualAppliance 10.20.1.9"]);
    let network = lab.build();
    let expected = dropped(at(&network, "relay"), DropReason::MtuExceeded);
    assert_eq!(last(&send(&network, "vm1", "neighbour", 2_000, true)), expected);
    assert_eq!(send(&network, "vm1", "neighbour", 2_000, false).len(), 2);
}

#[test]
fn u09_the_fabric_of_2019_fragments_at_1400() {
    let semantics = Semantics { fabric_fragment: FabricFragment::At1400, ..Semantics::default() };
    let mut lab = lab();
    lab.balancer("ilb", LbSku::Standard, "S1/snet", "10.20.0.10", (LbProtocol::All, 0));
    lab.pool_member("neighbour-nic", "ilb");
    let network = lab.build_as(semantics);
    let to_pool = |payload, dont_fragment| last(&send(&network, "vm1", "10.20.0.10", payload, dont_fragment));
    let whole = delivered(at(&network, "vm1"), "10.20.0.10", 64);
    assert_eq!(to_pool(1_372, false), whole);
    assert_eq!(to_pool(1_373, false), dropped(at(&network, "vm1"), DropReason::FragmentUnsupported));
    assert_eq!(to_pool(1_373, true), whole);
}
