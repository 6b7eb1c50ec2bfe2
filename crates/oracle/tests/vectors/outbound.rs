//! Ways out to the internet, and answers to who comes from there (Part 5.3, FE-22).

use vnetsim_model::{LbProtocol, LbSku, Network};
use vnetsim_oracle::{OraclePacket, Question, conversation_deciding};
use vnetsim_types::{DropReason, FlowKey, Place};

use crate::lab::*;

fn out(lab: &Lab, protocol: &str) -> Vec<OraclePacket> {
    talk(&lab.build(), "vm1", "8.8.8.8", protocol).packets
}

fn leaves_from(packets: &[OraclePacket], source: &str) {
    assert_eq!(packets[0].outcome, delivered(Place::Internet, source, 64));
    assert!(packets.len() > 1, "{packets:#?}");
}

fn at(network: &Network, vm: &str) -> Place {
    Place::Nic(nic(network, vm))
}

fn no_path(lab: &Lab) -> vnetsim_oracle::Outcome {
    dropped(at(&lab.build(), "vm1"), DropReason::NoOutboundPath)
}

#[test]
fn out01_the_whole_order() {
    let mut lab = hub_and_spokes();
    leaves_from(&out(&lab, "tcp/443"), "0.0.0.0");
    leaves_from(&out(&lab, "icmp"), "0.0.0.0");
    assert_eq!(last(&out(&lab, "esp")), no_path(&lab));
    // OUT-04: a load-balancing rule lends its frontend, for TCP and UDP.
    lab.public_balancer("plb", LbSku::Standard, "20.0.0.3", (LbProtocol::Tcp, 80));
    lab.pool_member("vm1-nic", "plb");
    leaves_from(&out(&lab, "udp/53"), "20.0.0.3");
    assert_eq!(last(&out(&lab, "icmp")), no_path(&lab));
    lab.the_rule("plb").disable_outbound_snat = Some(true.into());
    assert_eq!(last(&out(&lab, "udp/53")), no_path(&lab));
    // An outbound rule.
    lab.outbound_rule("plb");
    leaves_from(&out(&lab, "udp/53"), "20.0.0.3");
    // The own public address carries everything (OUT-03).
    lab.public_ip("vm1-nic", "20.0.0.1");
    leaves_from(&out(&lab, "icmp"), "20.0.0.1");
    leaves_from(&out(&lab, "esp"), "20.0.0.1");
    leaves_from(&out(&lab, "tcp/443"), "20.0.0.1");
    // U-16
    lab.nat_gateway("S1/snet", "20.0.0.2");
    leaves_from(&out(&lab, "tcp/443"), "20.0.0.2");
    assert_eq!(last(&out(&lab, "icmp")), no_path(&lab));
}

#[test]
fn lb15_members_of_standard_internal_balancers_have_no_default() {
    for (sku, works) in [(LbSku::Standard, false), (LbSku::Basic, true)] {
        let mut lab = hub_and_spokes();
        lab.balancer("ilb", sku, "S1/snet", "10.20.0.10", (LbProtocol::Tcp, 443));
        lab.pool_member("vm1-nic", "ilb");
        if works {
            leaves_from(&out(&lab, "tcp/443"), "0.0.0.0");
        } else {
            assert_eq!(last(&out(&lab, "tcp/443")), no_path(&lab));
        }
        // With an explicit method as well it has a way out.
        lab.public_ip("vm1-nic", "20.0.0.1");
        leaves_from(&out(&lab, "tcp/443"), "20.0.0.1");
    }
}

#[test]
fn out04_only_the_primary_configuration_has_ports() {
    let mut lab = hub_and_spokes();
    lab.public_balancer("plb", LbSku::Standard, "20.0.0.3", (LbProtocol::Tcp, 80));
    let nic = lab.the_nic("vm1-nic");
    let mut second = nic.ip_configurations[0].clone();
    second.name = name("second");
    second.private_ip_address = Some(ip("10.20.0.5").into());
    nic.ip_configurations.push(second);
    lab.pool_member("vm1-nic", "plb");
    let network = lab.build();
    let mut traffic = traffic(&network, "vm1", "8.8.8.8", "udp/53");
    traffic.from.address = ip("10.20.0.5");
    let packets = vnetsim_oracle::conversation(&network, &traffic).packets;
    assert_eq!(last(&packets), no_path(&lab));
}

#[test]
fn out05_several_addresses_are_left_to_the_flow() {
    let mut lab = hub_and_spokes();
    lab.nat_gateway("S1/snet", "20.0.0.2");
    lab.public_address("pip-nat-2", "20.0.0.4");
    lab.draft.nat_gateways[0].public_ip_addresses.push(name("pip-nat-2"));
    let network = lab.build();
    let traffic = traffic(&network, "vm1", "8.8.8.8", "tcp/443");
    let second = |_: &FlowKey, question: Question<'_>| match question {
        Question::Address { allowed, .. } => allowed.len() - 1,
        _ => 0,
    };
    let packets = conversation_deciding(&network, &traffic, &second).packets;
    assert_complete(&packets);
    assert_eq!(packets[2].outcome, delivered(Place::Internet, "20.0.0.4", 64));
}

#[test]
fn answers_leave_the_way_the_question_came() {
    // OUT-05: a NAT gateway does not take part in what comes to the NIC's own public address.
    let mut lab = hub_and_spokes();
    lab.nat_gateway("S1/snet", "20.0.0.2");
    lab.public_ip("vm1-nic", "20.0.0.1");
    let packets = tcp(&lab.build(), "8.8.8.8", "20.0.0.1");
    assert_complete(&packets);
    assert_eq!(packets[1].outcome, delivered(Place::Internet, "20.0.0.1", 64));
    // Nor in what comes to a public frontend.
    lab.public_balancer("plb", LbSku::Basic, "20.0.0.3", (LbProtocol::Tcp, 443));
    lab.pool_member("vm1-nic", "plb");
    let packets = tcp(&lab.build(), "8.8.8.8", "20.0.0.3");
    assert_complete(&packets);
    assert_eq!(packets[1].outcome, delivered(Place::Internet, "20.0.0.3", 64));
    // And nobody is invited by it.
    let expected = dropped(Place::Internet, DropReason::NoPublicAddress);
    assert_eq!(last(&tcp(&lab.build(), "8.8.8.8", "20.0.0.2")), expected);
}

#[test]
fn public_addresses_of_the_same_network_are_reached_from_outside() {
    let mut lab = hub_and_spokes();
    lab.public_ip("vm2-nic", "20.0.0.1");
    let network = lab.build();
    // The way there is the internet's, so the source is what the sender leaves with.
    let packets = tcp(&network, "vm1", "20.0.0.1");
    assert_complete(&packets);
    assert_eq!(packets[0].outcome, delivered(at(&network, "vm2"), "0.0.0.0", 64));
    assert_eq!(packets[1].outcome, delivered(at(&network, "vm1"), "20.0.0.1", 64));
    // NSG-08: and inbound internet is closed.
    lab.nsg_on("S2/snet", "n", &[]);
    let network = lab.build();
    assert_eq!(last(&tcp(&network, "vm1", "20.0.0.1")), dropped(at(&network, "vm2"), DropReason::NsgDeny));
    lab.draft.network_security_groups.clear();
    lab.nsg_on("S2/snet", "n", &["web 100 In Allow Tcp Internet * * 443"]);
    assert_complete(&tcp(&lab.build(), "vm1", "20.0.0.1"));
}

#[test]
fn fe22_a_route_to_the_internet_is_no_way_out() {
    let mut lab = hub_and_spokes();
    lab.the_subnet("S1/snet").default_outbound_access = Some(false.into());
    lab.table("S1/snet", &["0.0.0.0/0 Internet"]);
    assert_eq!(last(&out(&lab, "tcp/443")), no_path(&lab));
    lab.nat_gateway("S1/snet", "20.0.0.2");
    leaves_from(&out(&lab, "tcp/443"), "20.0.0.2");
    // OUT-02: what has another next hop does not leave by it.
    lab.table("S1/snet", &["0.0.0.0/0 None"]);
    let network = lab.build();
    let none = dropped(at(&network, "vm1"), DropReason::RouteNone);
    assert_eq!(last(&tcp(&network, "vm1", "8.8.8.8")), none);
}
