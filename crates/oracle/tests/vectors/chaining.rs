//! V-05 to V-16 and V-35: appliances, load balancers in front of them, loops.

use vnetsim_model::{LbProtocol, LbSku, Role, Snat};
use vnetsim_oracle::{OracleHop, OracleRoute, conversation_with, effective_routes};
use vnetsim_types::{DropReason, Place};

use crate::lab::*;

#[test]
fn v05_spoke_to_spoke_through_the_appliance() {
    let network = chained().build();
    let packets = tcp(&network, "vm1", "vm2");
    assert_complete(&packets);
    assert_eq!(packets[0].outcome, delivered(Place::Nic(nic(&network, "vm2")), "10.20.0.4", 63));
    assert_eq!(packets[1].outcome, delivered(Place::Nic(nic(&network, "vm1")), "10.30.0.4", 63));
    assert_eq!(routes_taken(&packets[0]), ["10.30.0.0/16 VirtualAppliance", "10.30.0.0/16 VNetPeering"]);
    for protocol in ["udp/53", "icmp"] {
        assert_eq!(talk(&network, "vm1", "vm2", protocol).packets.len(), 2);
    }
}

#[test]
fn v06_v07_allow_forwarded_traffic_is_the_receiver_s() {
    let mut lab = chained();
    lab.the_link("S2", "H").allow_forwarded_traffic = None;
    let network = lab.build();
    let packets = tcp(&network, "vm1", "vm2");
    let at_vm2 = dropped(Place::Nic(nic(&network, "vm2")), DropReason::ForwardedTrafficBlocked);
    assert_eq!((packets.len(), last(&packets)), (1, at_vm2));

    let mut lab = chained();
    lab.the_link("S1", "H").allow_forwarded_traffic = None;
    let network = lab.build();
    let packets = tcp(&network, "vm1", "vm2");
    let at_vm1 = dropped(Place::Nic(nic(&network, "vm1")), DropReason::ForwardedTrafficBlocked);
    assert_eq!((packets.len(), last(&packets)), (2, at_vm1));
}

#[test]
fn v08_translated_source_is_not_forwarded_traffic() {
    let mut lab = chained();
    lab.the_link("S2", "H").allow_forwarded_traffic = None;
    lab.guest("nva", Role::Router, Snat::Always);
    let network = lab.build();
    let packets = tcp(&network, "vm1", "vm2");
    assert_complete(&packets);
    assert_eq!(packets[0].outcome, delivered(Place::Nic(nic(&network, "vm2")), "10.10.0.4", 63));
    assert_eq!(packets[1].outcome, delivered(Place::Nic(nic(&network, "vm1")), "10.30.0.4", 63));
}

#[test]
fn v09_forwarding_off_at_the_nic_or_in_the_guest() {
    let mut lab = chained();
    lab.the_nic("nva-nic").enable_ip_forwarding = Some(false.into());
    let network = lab.build();
    let at_nva = |network, reason| dropped(Place::Nic(nic(network, "nva")), reason);
    assert_eq!(last(&tcp(&network, "vm1", "vm2")), at_nva(&network, DropReason::IpForwardingDisabled));

    let mut lab = chained();
    lab.the_vm("nva").guest = None;
    let network = lab.build();
    assert_eq!(last(&tcp(&network, "vm1", "vm2")), at_nva(&network, DropReason::GuestNotForwarding));
}

#[test]
fn v10_the_reply_needs_its_own_route() {
    let mut lab = chained();
    lab.the_subnet("S2/snet").route_table = None;
    let network = lab.build();
    let packets = tcp(&network, "vm1", "vm2");
    let expected = dropped(Place::Nic(nic(&network, "vm2")), DropReason::RouteNone);
    assert_eq!((packets.len(), last(&packets)), (2, expected));
}

#[test]
fn v11_v12_the_user_route_feeds_the_tag() {
    let mut lab = chained();
    lab.nsg_on("S2/snet", "nsg2", &[]);
    let packets = tcp(&lab.build(), "vm1", "vm2");
    assert_complete(&packets);
    assert_eq!(last_rule(&packets[0]).as_deref(), Some("nsg2/AllowVnetInBound true"));

    lab.the_subnet("S2/snet").route_table = None;
    let network = lab.build();
    let packets = tcp(&network, "vm1", "vm2");
    let expected = dropped(Place::Nic(nic(&network, "vm2")), DropReason::NsgDeny);
    assert_eq!((packets.len(), last(&packets)), (1, expected));
    assert_eq!(last_rule(&packets[0]).as_deref(), Some("nsg2/DenyAllInBound false"));
}

#[test]
fn v13_a_default_route_does_not_catch_the_peer() {
    let mut lab = hub_and_spokes();
    lab.table("S1/snet", &["0.0.0.0/0 VirtualAppliance 10.10.0.4"]);
    let packets = tcp(&lab.build(), "vm1", "10.10.9.9");
    assert_complete(&packets);
    assert_eq!(routes_taken(&packets[0]), ["10.10.0.0/16 VNetPeering"]);
}

fn v14() -> Lab {
    let mut lab = hub_and_spokes();
    lab.guest("nva", Role::Firewall, Snat::Never);
    let hop = "VirtualAppliance 10.10.0.4";
    lab.table("S1/snet", &[&format!("0.0.0.0/0 {hop}"), &format!("10.10.0.0/16 {hop}")]);
    lab
}

#[test]
fn v14_asymmetric_path_breaks_at_the_firewall() {
    let network = v14().build();
    let rows = effective_routes(&network, subnet_id(&network, "S1/snet"));
    let hub_row = |row: &&OracleRoute| row.prefix == net("10.10.0.0/16") && row.name.is_none();
    assert!(rows.iter().find(hub_row).is_some_and(|row| !row.active));

    let packets = tcp(&network, "vm1", "10.10.9.9");
    assert_eq!(packets.len(), 3);
    assert_eq!((appliances(&packets[0]), appliances(&packets[1])), (1, 0));
    assert_eq!(last(&packets), dropped(Place::Nic(nic(&network, "nva")), DropReason::NvaNoSession));
}

#[test]
fn v14_the_mirror_route_repairs_it() {
    let mut lab = v14();
    lab.table("H/snet-hub", &["10.20.0.0/16 VirtualAppliance 10.10.0.4"]);
    // RT-36: forwarded replies come out of the hub with a hub source, so the link needs nothing.
    let packets = tcp(&lab.build(), "vm1", "10.10.9.9");
    assert_complete(&packets);
    assert_eq!(appliances(&packets[1]), 1);
}

#[test]
fn v15_v16_none_routes_go_with_the_default() {
    let mut lab = hub_and_spokes();
    let network = lab.build();
    let packets = tcp(&network, "vm1", "172.20.1.1");
    assert_eq!(last(&packets), dropped(Place::Nic(nic(&network, "vm1")), DropReason::RouteNone));

    lab.table("S1/snet", &["0.0.0.0/0 VirtualAppliance 10.10.0.4"]);
    let packets = tcp(&lab.build(), "vm1", "172.20.1.1");
    assert_eq!(routes_taken(&packets[0]), ["0.0.0.0/0 VirtualAppliance", "172.16.0.0/12 None"]);
    assert_eq!(appliances(&packets[0]), 1);
}

#[test]
fn v35_the_spokes_table_on_the_appliance_loops() {
    let mut lab = chained();
    lab.table("H/snet-nva", &["10.30.0.0/16 VirtualAppliance 10.10.0.4"]);
    let network = lab.build();
    let packets = tcp(&network, "vm1", "vm2");
    assert_eq!(last(&packets), dropped(Place::Nic(nic(&network, "nva")), DropReason::RoutingLoop));
    assert_eq!(appliances(&packets[0]), 63);
}

#[test]
fn v35b_a_default_alone_loops_only_what_has_no_longer_route() {
    let mut lab = chained();
    lab.table("H/snet-nva", &["0.0.0.0/0 VirtualAppliance 10.10.0.4"]);
    lab.table("S1/snet", &["0.0.0.0/0 VirtualAppliance 10.10.0.4"]);
    let network = lab.build();
    assert_complete(&tcp(&network, "vm1", "vm2"));
    let expected = dropped(Place::Nic(nic(&network, "nva")), DropReason::RoutingLoop);
    assert_eq!(last(&tcp(&network, "vm1", "8.8.8.8")), expected);
}

#[test]
fn next_hops_that_do_not_work() {
    let at_vm1 = |network| Place::Nic(nic(network, "vm1"));
    let mut lab = hub_and_spokes();
    // RT-18, FAIL-22: two peerings away. RT-19, FAIL-23: nobody, or stopped.
    lab.table("S1/snet", &["10.30.0.0/16 VirtualAppliance 10.30.0.4"]);
    let network = lab.build();
    let far = dropped(at_vm1(&network), DropReason::NextHopNotDirectlyConnected);
    assert_eq!(last(&tcp(&network, "vm1", "vm2")), far);

    lab.table("S1/snet", &["10.30.0.0/16 VirtualAppliance 10.10.0.77"]);
    let network = lab.build();
    let unreachable = dropped(at_vm1(&network), DropReason::NextHopUnreachable);
    assert_eq!(last(&tcp(&network, "vm1", "vm2")), unreachable);

    let mut lab = chained();
    lab.the_vm("nva").running = Some(false.into());
    let network = lab.build();
    assert_eq!(last(&tcp(&network, "vm1", "vm2")), unreachable);
}

/// LB-18: two firewalls behind an internal balancer that both spokes name as next hop.
fn balanced(sku: LbSku, rule: (LbProtocol, u64)) -> Lab {
    let mut lab = chained();
    lab.guest("nva", Role::Firewall, Snat::Never);
    lab.nva("nva-b", "H/snet-nva", "10.10.0.5", Role::Firewall, Snat::Never);
    lab.balancer("ilb", sku, "H/snet-nva", "10.10.0.10", rule);
    lab.pool_member("nva-nic", "ilb");
    lab.pool_member("nva-b-nic", "ilb");
    lab.table("S1/snet", &["10.30.0.0/16 VirtualAppliance 10.10.0.10"]);
    lab.table("S2/snet", &["10.20.0.0/16 VirtualAppliance 10.10.0.10"]);
    lab
}

#[test]
fn lb18_symmetric_choice_passes_and_asymmetric_choice_does_not() {
    let network = balanced(LbSku::Standard, (LbProtocol::All, 0)).build();
    let packets = tcp(&network, "vm1", "vm2");
    assert_complete(&packets);
    let choice = OracleHop::LoadBalancer {
        lb: vnetsim_types::LbId(0),
        backend: nic(&network, "nva"),
        ambiguous: true,
    };
    assert!(packets[0].hops.contains(&choice));
    assert_eq!(talk(&network, "vm1", "vm2", "icmp").packets.len(), 2); // U-07

    // LB-10: whatever the hash is, the answer goes to the same appliance.
    let by_port = |key: &vnetsim_types::FlowKey, _, allowed: &[_]| {
        allowed[usize::from(key.dst_port != 443) % allowed.len()]
    };
    let packets = conversation_with(&network, &traffic(&network, "vm1", "vm2", "tcp/443"), &by_port).packets;
    assert_complete(&packets);

    // LB-18: not when S2 names the other one itself.
    let mut lab = balanced(LbSku::Standard, (LbProtocol::All, 0));
    lab.table("S2/snet", &["10.20.0.0/16 VirtualAppliance 10.10.0.5"]);
    let network = lab.build();
    let expected = dropped(Place::Nic(nic(&network, "nva-b")), DropReason::NvaNoSession);
    let packets = tcp(&network, "vm1", "vm2");
    assert_eq!((packets.len(), last(&packets)), (2, expected));
}

#[test]
fn v36_rules_health_and_sku_of_the_balancer() {
    let at_vm1 = |network, reason| dropped(Place::Nic(nic(network, "vm1")), reason);
    let network = balanced(LbSku::Standard, (LbProtocol::Tcp, 443)).build();
    let packets = talk(&network, "vm1", "vm2", "tcp/22").packets;
    assert_eq!(last(&packets), at_vm1(&network, DropReason::NoLoadBalancerRule));

    let mut lab = balanced(LbSku::Standard, (LbProtocol::All, 0));
    lab.the_vm("nva").running = Some(false.into());
    assert_complete(&tcp(&lab.build(), "vm1", "vm2"));
    lab.the_vm("nva-b").running = Some(false.into());
    let network = lab.build();
    assert_eq!(last(&tcp(&network, "vm1", "vm2")), at_vm1(&network, DropReason::NoHealthyBackend));

    let mut lab = balanced(LbSku::Basic, (LbProtocol::Tcp, 443));
    lab.the_vnet("H").location = Some("koreacentral".to_owned().into());
    lab.the_vnet("S1").location = Some("westeurope".to_owned().into());
    let network = lab.build();
    assert_eq!(last(&tcp(&network, "vm1", "vm2")), at_vm1(&network, DropReason::GlobalPeeringBasicLb));
}

#[test]
fn fail31_a_second_nic_answers_by_the_first() {
    let mut lab = hub_and_spokes();
    lab.subnet("S1/second", "10.20.1.0/24");
    lab.nic("vm1-nic2", "S1/second", "10.20.1.4");
    lab.the_vm("vm1").network_interfaces.push("vm1-nic2".to_owned().into());
    let network = lab.build();
    let packets = tcp(&network, "vm-hub", "10.20.1.4");
    let expected = dropped(Place::Nic(nic(&network, "vm1")), DropReason::SourceNotOwned);
    assert_eq!((packets.len(), last(&packets)), (2, expected));
}
