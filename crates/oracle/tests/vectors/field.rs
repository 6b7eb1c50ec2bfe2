//! Field evidence (Part 14) about appliances and gateways together: FE-09, FE-13, FE-16, FE-20, FE-25.

use vnetsim_model::{Network, Role, Snat};
use vnetsim_oracle::nsg_verdict;
use vnetsim_types::{Direction, DropReason, FlowKey, IpProtocol, Place};

use crate::lab::*;

fn at(network: &Network, vm: &str) -> Place {
    Place::Nic(nic(network, vm))
}

#[test]
fn fe09_a_route_for_the_own_subnet_diverts_neighbours() {
    let mut lab = hub_and_spokes();
    lab.vm("neighbour", "S1/snet", "10.20.0.5");
    lab.table("S1/snet", &["10.20.0.0/24 VirtualAppliance 10.10.0.4"]);
    // The appliance sends the neighbour's own source back into S1.
    lab.the_link("S1", "H").allow_forwarded_traffic = Some(true.into());
    let packets = tcp(&lab.build(), "vm1", "neighbour");
    assert_complete(&packets);
    assert_eq!((appliances(&packets[0]), appliances(&packets[1])), (1, 1));
}

#[test]
fn fe13_the_hub_s_own_links_need_no_flag() {
    let lab = chained();
    let network = lab.build();
    let hub = network.vnets().iter().position(|vnet| vnet.name.value == "H").expect("the hub");
    let mut links = network.links_of(vnetsim_types::VnetId::new(hub));
    assert!(links.all(|(_, link)| !link.allow_forwarded_traffic.value));
    assert_complete(&tcp(&network, "vm1", "vm2"));
}

#[test]
fn fe16_a_gateway_route_bypasses_the_appliance() {
    let mut lab = hub_and_spokes();
    borrow(&mut lab, "S1");
    lab.guest("nva", Role::Firewall, Snat::Never);
    lab.the_link("S1", "H").allow_forwarded_traffic = Some(true.into());
    lab.table("S1/snet", &["0.0.0.0/0 VirtualAppliance 10.10.0.4"]);
    let packets = tcp(&lab.build(), "vm1", "192.168.1.1");
    assert_eq!((appliances(&packets[0]), appliances(&packets[1])), (0, 0));
    // Propagation off mends the spoke's direction only: the answer comes past the appliance.
    lab.table("S1/snet", &["0.0.0.0/0 VirtualAppliance 10.10.0.4"]).disable_bgp_route_propagation =
        Some(true.into());
    let network = lab.build();
    let packets = tcp(&network, "vm1", "192.168.1.1");
    assert_eq!((appliances(&packets[0]), appliances(&packets[1])), (1, 0));
    assert_eq!(last(&packets), dropped(at(&network, "nva"), DropReason::NvaNoSession));
    // The route on GatewaySubnet mends the other one.
    lab.table("H/GatewaySubnet", &["10.20.0.0/16 VirtualAppliance 10.10.0.4"]);
    let packets = tcp(&lab.build(), "vm1", "192.168.1.1");
    assert_complete(&packets);
    assert_eq!((appliances(&packets[0]), appliances(&packets[1])), (1, 1));
}

#[test]
fn fe20_the_tag_on_the_appliance_s_nic() {
    let mut lab = hub_and_spokes();
    lab.nsg_on("H/snet-nva", "n", &[]);
    lab.table("H/snet-nva", &["0.0.0.0/0 Internet"]);
    let allowed = |lab: &Lab, dst: &str| {
        let network = lab.build();
        let (src, dst) = (ip("10.20.0.4"), ip(dst));
        let key = FlowKey { protocol: IpProtocol::TCP, src, dst, src_port: 50_000, dst_port: 443 };
        nsg_verdict(&network, nic(&network, "nva"), Direction::Inbound, &key).allowed
    };
    for dst in ["10.10.9.9", "10.30.0.4", "192.168.1.1", "168.63.129.16"] {
        assert!(allowed(&lab, dst), "{dst}");
    }
    assert!(!allowed(&lab, "8.8.8.8"));
    lab.table("H/snet-nva", &["0.0.0.0/0 VirtualAppliance 10.10.0.9"]);
    assert!(allowed(&lab, "8.8.8.8"));
}

#[test]
fn fe25_each_appliance_in_a_chain_needs_its_routes() {
    // vm1 - nva - second - vm2; the second appliance stands in a subnet of its own.
    let mut lab = chained();
    lab.subnet("H/snet-second", "10.10.1.0/24");
    lab.nva("second", "H/snet-second", "10.10.1.4", Role::Firewall, Snat::Never);
    lab.guest("nva", Role::Firewall, Snat::Never);
    lab.table("S2/snet", &["10.20.0.0/16 VirtualAppliance 10.10.1.4"]);
    // Without a route at the first one the request goes round the second, which has no session for the answer.
    let network = lab.build();
    let packets = tcp(&network, "vm1", "vm2");
    assert_eq!(last(&packets), dropped(at(&network, "second"), DropReason::NvaNoSession));
    lab.table("H/snet-nva", &["10.30.0.0/16 VirtualAppliance 10.10.1.4"]);
    // Then the answer goes round the first one.
    let network = lab.build();
    let packets = tcp(&network, "vm1", "vm2");
    assert_eq!(last(&packets), dropped(at(&network, "nva"), DropReason::NvaNoSession));
    assert_eq!((appliances(&packets[0]), appliances(&packets[1])), (2, 1));
    lab.table("H/snet-second", &["10.20.0.0/16 VirtualAppliance 10.10.0.4"]);
    let packets = tcp(&lab.build(), "vm1", "vm2");
    assert_complete(&packets);
    assert_eq!((appliances(&packets[0]), appliances(&packets[1])), (2, 2));
}
