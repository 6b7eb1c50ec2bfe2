//! Gateways, sites and the internet.

use vnetsim_model::{GatewayType, LbProtocol, LbSku, Role, Semantics, Snat, TtlGateway};
use vnetsim_types::{DropReason, GatewayId, Place, SiteId};

use crate::lab::*;

const SITE: Place = Place::Site(SiteId(0));
const GATEWAY: Place = Place::Gateway(GatewayId(0));

#[test]
fn u08_transparent_gateways_keep_the_ttl() {
    let mut lab = hub_and_spokes();
    borrow(&mut lab, "S1");
    let semantics = Semantics { ttl_gateway: TtlGateway::Transparent, ..Semantics::default() };
    let packets = tcp(&lab.build_as(semantics), "vm1", "192.168.1.1");
    assert_eq!(packets[0].outcome, delivered(SITE, "10.20.0.4", 64));
}

#[test]
fn gw17_spoke_to_spoke_through_the_vpn_gateway() {
    let mut lab = hub_and_spokes();
    borrow(&mut lab, "S1");
    borrow(&mut lab, "S2");
    lab.table("S1/snet", &["10.30.0.0/16 VirtualNetworkGateway"]);
    lab.table("S2/snet", &["10.20.0.0/16 VirtualNetworkGateway"]);
    let network = lab.build();
    let packets = tcp(&network, "vm1", "vm2");
    assert_complete(&packets);
    assert_eq!(packets[0].outcome, delivered(Place::Nic(nic(&network, "vm2")), "10.20.0.4", 63));
    // RT-27: not beside an ExpressRoute gateway, and not without any.
    lab.gateway("er", "H", GatewayType::ExpressRoute);
    let network = lab.build();
    let expected = dropped(Place::Nic(nic(&network, "vm1")), DropReason::GatewayUnavailable);
    assert_eq!(last(&tcp(&network, "vm1", "vm2")), expected);
    let mut lab = hub_and_spokes();
    lab.table("S1/snet", &["10.30.0.0/16 VirtualNetworkGateway"]);
    assert_eq!(last(&tcp(&lab.build(), "vm1", "vm2")), expected);
}

#[test]
fn gw19_on_premises_through_the_appliance() {
    let mut lab = hub_and_spokes();
    borrow(&mut lab, "S1");
    lab.guest("nva", Role::Firewall, Snat::Never);
    lab.table("H/GatewaySubnet", &["10.20.0.0/16 VirtualAppliance 10.10.0.4"]);
    lab.table("S1/snet", &["192.168.0.0/16 VirtualAppliance 10.10.0.4"]);
    let network = lab.build();
    // PEER-23: the appliance makes it forwarded traffic.
    let blocked = dropped(Place::Nic(nic(&network, "vm1")), DropReason::ForwardedTrafficBlocked);
    assert_eq!(last(&tcp(&network, "192.168.1.1", "10.20.0.4")), blocked);
    lab.the_link("S1", "H").allow_forwarded_traffic = Some(true.into());
    let network = lab.build();
    let packets = tcp(&network, "192.168.1.1", "10.20.0.4");
    assert_complete(&packets);
    assert_eq!(packets[0].outcome, delivered(Place::Nic(nic(&network, "vm1")), "192.168.1.1", 62));
    assert_eq!(packets[1].outcome, delivered(SITE, "10.20.0.4", 62));

    // FAIL-11: a summary on GatewaySubnet loses against the peering row; the answer meets no session.
    lab.table("H/GatewaySubnet", &["10.0.0.0/8 VirtualAppliance 10.10.0.4"]);
    let network = lab.build();
    let packets = tcp(&network, "192.168.1.1", "10.20.0.4");
    let expected = dropped(Place::Nic(nic(&network, "nva")), DropReason::NvaNoSession);
    assert_eq!((packets.len(), last(&packets)), (2, expected));
}

#[test]
fn gw06_the_site_must_know_the_way_back() {
    let mut lab = hub_and_spokes();
    borrow(&mut lab, "S1");
    lab.draft.local_network_gateways[0].known_prefixes = Some(vec![net("10.10.0.0/16").into()]);
    let network = lab.build();
    let packets = tcp(&network, "vm1", "192.168.1.1");
    assert_eq!((packets.len(), last(&packets)), (2, dropped(SITE, DropReason::NoRouteOnPrem)));
    assert_complete(&tcp(&network, "vm-hub", "192.168.1.1"));
    // What GatewaySubnet does not know dies at the gateway.
    let packets = tcp(&hub_and_spokes().build(), "192.168.1.1", "10.99.0.1");
    assert_eq!(last(&packets), dropped(GATEWAY, DropReason::RouteNone));
}

#[test]
fn out01_methods_in_order() {
    let mut lab = hub_and_spokes();
    let first = |lab: &Lab, protocol: &str| talk(&lab.build(), "vm1", "8.8.8.8", protocol).packets;
    // Default access: the address is nobody's business; the answer finds its way.
    let packets = first(&lab, "tcp/443");
    assert_complete(&packets);
    assert_eq!(packets[0].outcome, delivered(Place::Internet, "0.0.0.0", 64));
    // OUT-07
    lab.the_subnet("S1/snet").default_outbound_access = Some(false.into());
    let network = lab.build();
    let none = dropped(Place::Nic(nic(&network, "vm1")), DropReason::NoOutboundPath);
    assert_eq!(last(&first(&lab, "tcp/443")), none);
    lab.public_ip("vm1-nic", "20.0.0.1");
    assert_eq!(first(&lab, "icmp")[0].outcome, delivered(Place::Internet, "20.0.0.1", 64));
    // U-16, OUT-05
    lab.nat_gateway("S1/snet", "20.0.0.2");
    assert_eq!(first(&lab, "udp/53")[0].outcome, delivered(Place::Internet, "20.0.0.2", 64));
    assert_eq!(last(&first(&lab, "icmp")), none);
}

#[test]
fn a_standard_balancer_takes_default_access_away() {
    let mut lab = hub_and_spokes();
    lab.balancer("ilb", LbSku::Standard, "S1/snet", "10.20.0.10", (LbProtocol::Tcp, 443));
    lab.pool_member("vm1-nic", "ilb");
    let network = lab.build();
    let vm1 = Place::Nic(nic(&network, "vm1"));
    assert_eq!(last(&tcp(&network, "vm1", "8.8.8.8")), dropped(vm1, DropReason::NoOutboundPath));
    // Private destinations die at the edge (RT-25).
    lab.table("S1/snet", &["10.99.0.0/16 Internet"]);
    assert_eq!(last(&tcp(&lab.build(), "vm1", "10.99.0.1")), dropped(vm1, DropReason::NoSuchDestination));
}

#[test]
fn out08_the_appliance_must_translate() {
    let mut lab = hub_and_spokes();
    lab.table("S1/snet", &["0.0.0.0/0 VirtualAppliance 10.10.0.4"]);
    lab.the_link("S1", "H").allow_forwarded_traffic = Some(true.into());
    lab.public_ip("nva-nic", "20.0.0.1");
    let network = lab.build();
    let nva = Place::Nic(nic(&network, "nva"));
    assert_eq!(last(&tcp(&network, "vm1", "8.8.8.8")), dropped(nva, DropReason::SourceNotTranslatable));

    for role in [Role::Router, Role::Firewall] {
        lab.guest("nva", role, Snat::Internet);
        let network = lab.build();
        let packets = tcp(&network, "vm1", "8.8.8.8");
        assert_complete(&packets);
        assert_eq!(packets[0].outcome, delivered(Place::Internet, "20.0.0.1", 63));
        assert_eq!(packets[1].outcome, delivered(Place::Nic(nic(&network, "vm1")), "8.8.8.8", 63));
    }
}

#[test]
fn snat_internet_spares_public_space_of_the_network() {
    let mut lab = hub_and_spokes();
    lab.the_vnet("H").address_prefixes.push(net("131.107.0.0/16").into());
    lab.subnet("H/public", "131.107.0.0/24");
    lab.vm("public", "H/public", "131.107.0.4");
    lab.guest("nva", Role::Router, Snat::Internet);
    lab.table("S1/snet", &["131.107.0.0/16 VirtualAppliance 10.10.0.4"]);
    let network = lab.build();
    let packets = tcp(&network, "vm1", "131.107.0.4");
    assert_eq!(packets[0].outcome, delivered(Place::Nic(nic(&network, "public")), "10.20.0.4", 63));
}

#[test]
fn gw13_no_transit_between_two_gateways() {
    let mut lab = hub_and_spokes();
    lab.gateway("er", "H", GatewayType::ExpressRoute);
    lab.circuit("circuit", &["er"], &["172.20.0.0/16"]);
    lab.site("branch", "gw", &["172.21.0.0/16"]);
    let network = lab.build();
    let packets = tcp(&network, "192.168.1.1", "172.20.0.1");
    assert_eq!(last(&packets), dropped(GATEWAY, DropReason::GatewayUnavailable));
    // Two sites of one gateway reach each other; the gateway lowers the time to live once.
    let packets = tcp(&network, "192.168.1.1", "172.21.0.1");
    assert_complete(&packets);
    assert_eq!(packets[0].outcome, delivered(Place::Site(SiteId(1)), "192.168.1.1", 63));
}

#[test]
fn gw21_a_wide_site_does_not_swallow_its_own_packets() {
    // 10.0.0.0/8 on premises is legal (GW-10); what comes from there follows GatewaySubnet's table.
    let mut lab = hub_and_spokes();
    lab.site("wide", "gw", &["10.0.0.0/8"]);
    borrow(&mut lab, "S1");
    let network = lab.build();
    assert_complete(&tcp(&network, "192.168.1.1", "10.20.0.4"));
    assert_complete(&tcp(&network, "vm1", "10.77.0.1"));
}

#[test]
fn adr18_from_the_internet() {
    let mut lab = hub_and_spokes();
    lab.public_ip("vm1-nic", "20.0.0.1");
    let network = lab.build();
    let vm1 = Place::Nic(nic(&network, "vm1"));
    let from_internet = |network: &vnetsim_model::Network, dst: &str| tcp(network, "8.8.8.8", dst);
    let packets = from_internet(&network, "20.0.0.1");
    assert_complete(&packets);
    assert_eq!(packets[0].outcome, delivered(vm1, "8.8.8.8", 64));
    assert_eq!(packets[1].outcome, delivered(Place::Internet, "20.0.0.1", 64));
    let nobody = dropped(Place::Internet, DropReason::NoPublicAddress);
    assert_eq!(last(&from_internet(&network, "20.0.0.9")), nobody);
    assert_eq!(last(&from_internet(&network, "10.20.0.4")), nobody);

    // FAIL-30: the answer goes to the firewall.
    lab.guest("nva", Role::Firewall, Snat::Never);
    lab.table("S1/snet", &["0.0.0.0/0 VirtualAppliance 10.10.0.4"]);
    let network = lab.build();
    let expected = dropped(Place::Nic(nic(&network, "nva")), DropReason::NvaNoSession);
    assert_eq!(last(&from_internet(&network, "20.0.0.1")), expected);

    // NSG-08: inbound internet is denied by default.
    lab.nsg_on("S1/snet", "n", &[]);
    let network = lab.build();
    lab.the_subnet("S1/snet").route_table = None;
    let packets = from_internet(&lab.build(), "20.0.0.1");
    assert_eq!(last(&packets), dropped(vm1, DropReason::NsgDeny));
    // FAIL-21: with 0/0 -> appliance the tag admits everything.
    assert_eq!(from_internet(&network, "20.0.0.1").len(), 2);
}
