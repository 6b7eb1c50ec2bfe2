//! NSG verdicts (Part 4), spoof and cast checks, sockets.

use vnetsim_model::draft;
use vnetsim_oracle::{NsgVerdict, OracleHop, nsg_verdict};
use vnetsim_types::{Direction, DropReason, FlowKey, IpProtocol, Place};

use crate::lab::*;

fn key(protocol: IpProtocol, src: &str, dst: &str) -> FlowKey {
    let (src_port, dst_port) = if protocol.has_ports() { (50_000, 443) } else { (7, 7) };
    FlowKey { protocol, src: ip(src), dst: ip(dst), src_port, dst_port }
}

fn decided(nsg: &str, rule: &str, allowed: bool) -> NsgVerdict {
    NsgVerdict { allowed, deciding: Some((nsg.to_owned(), rule.to_owned())), unknown: false }
}

fn out(lab: &Lab, dst: &str) -> NsgVerdict {
    let network = lab.build();
    nsg_verdict(&network, nic(&network, "vm1"), Direction::Outbound, &key(IpProtocol::TCP, "10.20.0.4", dst))
}

fn with_nsg(rules: &[&str]) -> Lab {
    let mut lab = hub_and_spokes();
    lab.nsg_on("S1/snet", "n", rules);
    lab
}

#[test]
fn nsg11_nothing_attached_allows() {
    assert_eq!(
        out(&hub_and_spokes(), "8.8.8.8"),
        NsgVerdict { allowed: true, deciding: None, unknown: false }
    );
}

#[test]
fn nsg19_the_worked_tags() {
    let vnet = decided("n", "AllowVnetOutBound", true);
    let internet = decided("n", "AllowInternetOutBound", true);
    let denied = decided("n", "DenyAllOutBound", false);
    // No table, borrowed gateway.
    let mut lab = with_nsg(&[]);
    borrow(&mut lab, "S1");
    for dst in ["10.20.0.9", "10.10.9.9", "192.168.1.1", "168.63.129.16"] {
        assert_eq!(out(&lab, dst), vnet, "{dst}");
    }
    assert_eq!(out(&lab, "8.8.8.8"), internet);
    assert_eq!(out(&lab, "10.30.0.4"), denied);
    // 10.30.0.0/16 -> NVA, then 0/0 -> NVA.
    lab.table("S1/snet", &["10.30.0.0/16 VirtualAppliance 10.10.0.4"]);
    assert_eq!(out(&lab, "10.30.0.4"), vnet);
    lab.table("S1/snet", &["0.0.0.0/0 VirtualAppliance 10.10.0.4"]);
    assert_eq!(out(&lab, "8.8.8.8"), vnet);
    // U-11, FE-20: other types do not feed it. U-12: on-premises stays without propagation.
    lab.table("S1/snet", &["0.0.0.0/0 Internet"]).disable_bgp_route_propagation = Some(true.into());
    assert_eq!(out(&lab, "8.8.8.8"), internet);
    assert_eq!(out(&lab, "192.168.1.1"), vnet);
    // No access to the hub.
    lab.the_link("S1", "H").allow_virtual_network_access = Some(false.into());
    assert_eq!(out(&lab, "10.10.9.9"), denied);
}

#[test]
fn fe21_public_space_on_premises_is_in_both_tags() {
    let mut lab = with_nsg(&["no-net 100 Out Deny * * * Internet *"]);
    lab.site("public", "gw", &["131.107.0.0/16"]);
    borrow(&mut lab, "S1");
    assert_eq!(out(&lab, "131.107.0.1"), decided("n", "no-net", false));
    let mut lab = with_nsg(&[]);
    lab.site("public", "gw", &["131.107.0.0/16"]);
    borrow(&mut lab, "S1");
    assert_eq!(out(&lab, "131.107.0.1"), decided("n", "AllowVnetOutBound", true));
}

#[test]
fn nsg03_nsg09_order_of_rules_and_of_groups() {
    let rules = ["second 200 Out Deny Tcp * * * 443", "first 100 Out Allow Tcp * * * 400-500"];
    let mut lab = with_nsg(&rules);
    assert_eq!(out(&lab, "8.8.8.8"), decided("n", "first", true));
    lab.nsg("of-nic", &["stop 100 Out Deny * * * 8.8.8.0/24 *"]);
    lab.the_nic("vm1-nic").network_security_group = Some("of-nic".to_owned().into());
    assert_eq!(out(&lab, "8.8.8.8"), decided("of-nic", "stop", false));
    assert_eq!(out(&lab, "9.9.9.9"), decided("n", "first", true));
}

#[test]
fn nsg13_replies_need_no_rule() {
    // The opener refuses everything inbound, the addressed everything outbound.
    let mut lab = with_nsg(&["no-in 100 In Deny * * * * *"]);
    lab.nsg_on("H/snet-hub", "hub", &["no-out 100 Out Deny * * * * *"]);
    let network = lab.build();
    let packets = tcp(&network, "vm1", "10.10.9.9");
    assert_complete(&packets);
    let (vm1, hub) = (nic(&network, "vm1"), nic(&network, "vm-hub"));
    let hit = |nic, direction| OracleHop::FlowHit { nic, direction };
    assert!(packets[1].hops.contains(&hit(hub, Direction::Outbound)));
    assert!(packets[1].hops.contains(&hit(vm1, Direction::Inbound)));
    assert!(packets[2].hops.contains(&hit(vm1, Direction::Outbound)));
    assert_eq!(packets[0].hops.len(), 4); // outbound rule, route, peering, inbound rule
    assert_eq!(tcp(&network, "vm-hub", "10.20.0.4").len(), 1);
}

#[test]
fn nsg09_inbound_asks_the_subnet_first() {
    let mut lab = with_nsg(&["of-subnet 100 In Deny * * * * *"]);
    lab.nsg("of-nic", &["of-nic 100 In Deny * * * * *"]);
    lab.the_nic("vm1-nic").network_security_group = Some("of-nic".to_owned().into());
    let network = lab.build();
    let key = key(IpProtocol::TCP, "10.10.9.9", "10.20.0.4");
    let verdict = nsg_verdict(&network, nic(&network, "vm1"), Direction::Inbound, &key);
    assert_eq!(verdict, decided("n", "of-subnet", false));
}

#[test]
fn u14_ports_of_protocols_without_ports() {
    let rules = ["half 100 Out Deny * * * * 443", "icmp 200 Out Deny Icmp * * * *"];
    let network = with_nsg(&rules).build();
    let ask = |protocol| {
        let key = key(protocol, "10.20.0.4", "8.8.8.8");
        nsg_verdict(&network, nic(&network, "vm1"), Direction::Outbound, &key)
    };
    assert_eq!(ask(IpProtocol::ICMP), decided("n", "icmp", false));
    assert_eq!(ask(IpProtocol::ICMPV6), decided("n", "icmp", false));
    assert_eq!(ask(IpProtocol::ESP), decided("n", "AllowInternetOutBound", true));
    assert_eq!(ask(IpProtocol::TCP), decided("n", "half", false));
}

#[test]
fn nsg18_unknown_tags_only_matter_when_they_could_decide() {
    let lab = with_nsg(&["sql 100 Out Deny Udp * * Sql *", "storage 200 Out Deny Tcp * * Storage *"]);
    let verdict = out(&lab, "8.8.8.8");
    assert!(verdict.unknown && !verdict.allowed);
    assert_eq!(verdict.deciding, Some(("n".to_owned(), "storage".to_owned())));
    let network = lab.build();
    let expected = dropped(Place::Nic(nic(&network, "vm1")), DropReason::InsufficientInput);
    assert_eq!(last(&tcp(&network, "vm1", "8.8.8.8")), expected);

    let mut lab = lab;
    lab.service_tag("Storage", &["20.38.0.0/16"]);
    assert_eq!(out(&lab, "20.38.0.1"), decided("n", "storage", false));
    assert_eq!(out(&lab, "8.8.8.8"), decided("n", "AllowInternetOutBound", true));
}

#[test]
fn nsg18_the_ipv6_half_of_a_tag_may_be_unknown() {
    let lab = with_nsg(&["cloud 100 Out Deny Tcp * * AzureCloud *"]);
    let (v4, v6) = (out(&lab, "192.0.2.9"), out(&lab, "2603:1000::9"));
    assert_eq!(v4, decided("n", "AllowInternetOutBound", true));
    assert!(v6.unknown && !v6.allowed);
}

#[test]
fn nsg20_application_security_groups() {
    let mut lab = hub_and_spokes();
    lab.vm("other", "S1/snet", "10.20.0.5");
    let web = draft::ApplicationSecurityGroup { name: "web".to_owned().into() };
    lab.draft.application_security_groups.push(web);
    let config = &mut lab.the_nic("vm1-nic").ip_configurations[0];
    config.application_security_groups.push("web".to_owned().into());
    lab.nsg_on("S1/snet", "n", &["only-web 100 In Deny * * * * *"]);
    let to = &mut lab.draft.network_security_groups[0].security_rules[0].destination;
    to.prefixes.clear();
    to.application_security_groups.push("web".to_owned().into());
    let network = lab.build();
    let ask = |vm, dst| {
        let key = key(IpProtocol::TCP, "10.10.9.9", dst);
        nsg_verdict(&network, nic(&network, vm), Direction::Inbound, &key)
    };
    assert_eq!(ask("vm1", "10.20.0.4"), decided("n", "only-web", false));
    assert_eq!(ask("other", "10.20.0.5"), decided("n", "AllowVnetInBound", true));
    // NSG-21: the group has no members in the hub, where 10.20.0.4 is somebody else's address.
    lab.the_subnet("H/snet-hub").network_security_group = Some("n".to_owned().into());
    let network = lab.build();
    let key = key(IpProtocol::TCP, "10.10.0.4", "10.20.0.4");
    let verdict = nsg_verdict(&network, nic(&network, "vm-hub"), Direction::Inbound, &key);
    assert_eq!(verdict, decided("n", "AllowVnetInBound", true));
}

#[test]
fn fail19_the_appliance_s_own_tag_denies_internet_bound_packets() {
    let mut lab = hub_and_spokes();
    lab.table("S1/snet", &["0.0.0.0/0 VirtualAppliance 10.10.0.4"]);
    lab.nsg_on("H/snet-nva", "n", &[]);
    let network = lab.build();
    let packets = tcp(&network, "vm1", "8.8.8.8");
    assert_eq!(last(&packets), dropped(Place::Nic(nic(&network, "nva")), DropReason::NsgDeny));
    assert_eq!(last_rule(&packets[0]).as_deref(), Some("n/DenyAllInBound false"));
}

#[test]
fn what_a_nic_may_not_send() {
    let mut lab = hub_and_spokes();
    lab.vm("peer", "S1/snet", "10.20.0.5");
    let network = lab.build();
    let vm1 = Place::Nic(nic(&network, "vm1"));
    let send = |dst: &str, protocol: &str| last(&talk(&network, "vm1", dst, protocol).packets);
    for dst in ["224.0.0.5", "255.255.255.255", "10.20.0.255"] {
        assert_eq!(send(dst, "udp/5000"), dropped(vm1, DropReason::MulticastOrBroadcast), "{dst}");
    }

    let with = |source_port, protocol, port| {
        let mut traffic = traffic(&network, "vm1", "peer", "udp/67");
        traffic.source_port = source_port;
        traffic.protocol = vnetsim_types::ProtoPort { protocol, port };
        vnetsim_oracle::conversation(&network, &traffic).packets
    };
    for (source, port) in [(68, 67), (67, 67), (65330, 53)] {
        assert_eq!(last(&with(source, IpProtocol::UDP, port)), dropped(vm1, DropReason::ReservedPort));
    }
    // The answer to a request for port 65330 dies, too.
    let answer = dropped(Place::Nic(nic(&network, "peer")), DropReason::ReservedPort);
    assert_eq!(last(&with(50_000, IpProtocol::UDP, 65330)), answer);
    for protocol in [4, 47, 132] {
        let packets = with(0, IpProtocol(protocol), 0);
        assert_eq!(last(&packets), dropped(vm1, DropReason::UnsupportedProtocol));
    }
    assert_eq!(with(0, IpProtocol::ESP, 0).len(), 2);

    // FAB-08: the host's address cannot be claimed, forwarding or not.
    let mut claimed = traffic(&network, "nva", "vm-hub", "tcp/80");
    claimed.from.address = ip("168.63.129.16");
    let packets = vnetsim_oracle::conversation(&network, &claimed).packets;
    assert_eq!(last(&packets), dropped(Place::Nic(nic(&network, "nva")), DropReason::SourceNotOwned));

    let mut spoofed = traffic(&network, "vm1", "peer", "tcp/80");
    spoofed.from.address = ip("10.20.0.6");
    let packets = vnetsim_oracle::conversation(&network, &spoofed).packets;
    assert_eq!(last(&packets), dropped(vm1, DropReason::SourceNotOwned));
}

#[test]
fn sockets_and_missing_owners() {
    let mut lab = hub_and_spokes();
    lab.vm("web", "S1/snet", "10.20.0.5");
    let listen = Some(vec!["tcp/443".parse::<vnetsim_types::ProtoPort>().expect("a port").into()]);
    lab.the_vm("web").guest = Some(draft::Guest { listen, ..Default::default() });
    lab.vm("off", "S1/snet", "10.20.0.6").running = Some(false.into());
    let network = lab.build();
    let web = Place::Nic(nic(&network, "web"));
    let vm1 = Place::Nic(nic(&network, "vm1"));
    assert_complete(&tcp(&network, "vm1", "web"));
    let closed = dropped(web, DropReason::GuestPortClosed);
    assert_eq!(last(&talk(&network, "vm1", "web", "tcp/22").packets), closed);
    assert_eq!(last(&talk(&network, "vm1", "web", "udp/443").packets), closed);
    assert_eq!(talk(&network, "vm1", "web", "icmp").packets.len(), 2);
    for dst in ["10.20.0.6", "10.20.0.7", "10.10.9.77"] {
        assert_eq!(last(&tcp(&network, "vm1", dst)), dropped(vm1, DropReason::NoSuchDestination), "{dst}");
    }
    let off = Place::Nic(nic(&network, "off"));
    assert_eq!(last(&tcp(&network, "off", "web")), dropped(off, DropReason::SenderStopped));
}
