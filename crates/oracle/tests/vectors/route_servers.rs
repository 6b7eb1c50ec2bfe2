//! Route servers: what appliances advertise, and who hears of it (GW-13, FE-04, FE-05, FE-18).

use vnetsim_model::{GatewayType, HubRoutingPreference, LbProtocol, LbSku, Network, Role, Snat};
use vnetsim_oracle::{Question, choose_routes, conversation_deciding};
use vnetsim_types::{DropReason, FlowKey, GatewayId, Place, SiteId};

use crate::lab::*;

/// Hub H with a route server; network N has two appliances and is peered with X, which the hub is not. The
/// appliances tell the hub of X.
fn beyond_the_appliances(role: Role) -> Lab {
    let mut lab = hub_and_spokes();
    lab.subnet("H/RouteServerSubnet", "10.10.254.0/27");
    lab.vnet("N", &["10.40.0.0/16"]);
    lab.subnet("N/s", "10.40.0.0/24");
    lab.nva("nva1", "N/s", "10.40.0.4", role, Snat::Never);
    lab.nva("nva2", "N/s", "10.40.0.5", role, Snat::Never);
    lab.vnet("X", &["172.30.0.0/16"]);
    lab.subnet("X/s", "172.30.0.0/24");
    lab.vm("vmX", "X/s", "172.30.0.4");
    lab.peer("H", "N");
    lab.peer("N", "X");
    lab.the_link("X", "N").allow_forwarded_traffic = Some(true.into());
    lab.the_link("H", "N").allow_forwarded_traffic = Some(true.into());
    lab.table("X/s", &["10.10.0.0/16 VirtualAppliance 10.40.0.4"]);
    lab.route_server("H");
    lab.tells("10.40.0.4", &["172.30.0.0/16"], None);
    lab
}

fn at(network: &Network, vm: &str) -> Place {
    Place::Nic(nic(network, vm))
}

#[test]
fn appliances_teach_the_network_and_its_borrowers() {
    let mut lab = beyond_the_appliances(Role::Firewall);
    let row = "Gateway Active 172.30.0.0/16 VirtualNetworkGateway 10.40.0.4".to_owned();
    let network = lab.build();
    assert!(learned(&network, "H/snet-hub").contains(&row));
    assert!(learned(&network, "S1/snet").is_empty());
    let packets = tcp(&network, "vm-hub", "172.30.0.4");
    assert_complete(&packets);
    assert_eq!(packets[0].outcome, delivered(at(&network, "vmX"), "10.10.9.9", 63));
    assert_eq!((appliances(&packets[0]), gateways(&packets[0]).len()), (1, 0));

    borrow(&mut lab, "S1");
    let network = lab.build();
    assert!(learned(&network, "S1/snet").contains(&row));
    // RT-18: N is two peerings away from S1.
    let far = dropped(at(&network, "vm1"), DropReason::NextHopNotDirectlyConnected);
    assert_eq!(last(&tcp(&network, "vm1", "172.30.0.4")), far);
    // RT-14
    lab.table("S1/snet", &[]).disable_bgp_route_propagation = Some(true.into());
    assert!(learned(&lab.build(), "S1/snet").is_empty());
}

#[test]
fn a_stopped_appliance_s_routes_vanish() {
    let mut lab = beyond_the_appliances(Role::Router);
    lab.the_vm("nva1").running = Some(false.into());
    assert!(!learned(&lab.build(), "H/snet-hub").iter().any(|row| row.contains("172.30")));
}

#[test]
fn fe04_equal_next_hops_are_chosen_per_direction() {
    for (role, works) in [(Role::Router, true), (Role::Firewall, false)] {
        let mut lab = beyond_the_appliances(role);
        lab.tells("10.40.0.5", &["172.30.0.0/16"], None);
        let network = lab.build();
        let rows = ["10.40.0.4", "10.40.0.5"]
            .map(|ip| format!("Gateway Active 172.30.0.0/16 VirtualNetworkGateway {ip}"));
        let listed = learned(&network, "H/snet-hub");
        assert!(rows.iter().all(|row| listed.contains(row)));
        let hub = subnet_id(&network, "H/snet-hub");
        assert_eq!(choose_routes(&network, hub, ip("172.30.0.4")).len(), 2);
        // The request takes the second appliance, the answer the first one.
        let second = |_: &FlowKey, question: Question<'_>| match question {
            Question::Route { allowed, .. } => allowed.len() - 1,
            _ => 0,
        };
        let ask = |protocol| {
            let traffic = traffic(&network, "vm-hub", "172.30.0.4", protocol);
            conversation_deciding(&network, &traffic, &second).packets
        };
        let packets = ask("tcp/443");
        if works {
            assert_complete(&packets);
        } else {
            assert_eq!(last(&packets), dropped(at(&network, "nva1"), DropReason::NvaNoSession));
        }
        let echo = ask("icmp");
        assert_eq!(last(&echo), delivered(at(&network, "vm-hub"), "172.30.0.4", 63));
    }
}

#[test]
fn fe04_a_balancer_as_next_hop_keeps_both_directions_together() {
    let mut lab = beyond_the_appliances(Role::Firewall);
    lab.balancer("ilb", LbSku::Standard, "N/s", "10.40.0.10", (LbProtocol::All, 0));
    lab.pool_member("nva1-nic", "ilb");
    lab.pool_member("nva2-nic", "ilb");
    lab.the_route_server().bgp_connections.clear();
    lab.tells("10.40.0.4", &["172.30.0.0/16"], Some("10.40.0.10"));
    lab.tells("10.40.0.5", &["172.30.0.0/16"], Some("10.40.0.10"));
    lab.table("X/s", &["10.10.0.0/16 VirtualAppliance 10.40.0.10"]);
    assert_complete(&tcp(&lab.build(), "vm-hub", "172.30.0.4"));
}

#[test]
fn fe18_a_default_from_an_appliance_applies_to_itself() {
    let mut lab = hub_and_spokes();
    lab.subnet("H/RouteServerSubnet", "10.10.254.0/27");
    lab.route_server("H");
    lab.tells("10.10.0.4", &["0.0.0.0/0"], None);
    lab.guest("nva", Role::Router, Snat::Internet);
    lab.public_ip("nva-nic", "20.0.0.1");
    let network = lab.build();
    let looping = dropped(at(&network, "nva"), DropReason::RoutingLoop);
    assert_eq!(last(&tcp(&network, "vm-hub", "8.8.8.8")), looping);
    lab.table("H/snet-nva", &["0.0.0.0/0 Internet"]);
    let packets = tcp(&lab.build(), "vm-hub", "8.8.8.8");
    assert_complete(&packets);
    assert_eq!(packets[0].outcome, delivered(Place::Internet, "20.0.0.1", 63));
}

/// A hub with both gateways, a site behind each, and a route server.
fn both_branches(join: bool) -> Lab {
    let mut lab = hub_and_spokes();
    lab.gateway("er", "H", GatewayType::ExpressRoute);
    lab.circuit("circuit", &["er"], &["172.20.0.0/16"]);
    lab.bgp_site("branch", "gw", &["172.21.0.0/16"]);
    lab.subnet("H/RouteServerSubnet", "10.10.254.0/27");
    lab.route_server("H").allow_branch_to_branch_traffic = Some(join.into());
    lab
}

#[test]
fn gw13_branches_reach_each_other_through_a_route_server() {
    let network = both_branches(false).build();
    let alone = dropped(Place::Site(SiteId(1)), DropReason::NoRouteOnPrem);
    assert_eq!(last(&tcp(&network, "172.21.0.1", "172.20.0.1")), alone);
    let no_transit = dropped(Place::Gateway(GatewayId(0)), DropReason::GatewayUnavailable);
    assert_eq!(last(&tcp(&network, "192.168.1.1", "172.20.0.1")), no_transit);

    let network = both_branches(true).build();
    let packets = tcp(&network, "172.21.0.1", "172.20.0.1");
    assert_complete(&packets);
    assert_eq!(gateways(&packets[0]), ["gw", "er"]);
    assert_eq!(packets[0].outcome, delivered(Place::Site(SiteId(2)), "172.21.0.1", 62));
}

#[test]
fn gateways_learn_from_appliances_only_when_branches_are_joined() {
    for join in [false, true] {
        let mut lab = beyond_the_appliances(Role::Firewall);
        lab.bgp_site("branch", "gw", &["172.21.0.0/16"]);
        lab.the_route_server().allow_branch_to_branch_traffic = Some(join.into());
        lab.table("X/s", &["172.21.0.0/16 VirtualAppliance 10.40.0.4"]);
        borrow(&mut lab, "N");
        let network = lab.build();
        let packets = tcp(&network, "172.21.0.1", "172.30.0.4");
        if join {
            assert_complete(&packets);
            assert_eq!((gateways(&packets[0]).len(), appliances(&packets[0])), (1, 1));
        } else {
            assert_eq!(last(&packets), dropped(Place::Site(SiteId(1)), DropReason::NoRouteOnPrem));
        }
    }
}

#[test]
fn hub_routing_preference() {
    use HubRoutingPreference::{AsPath, ExpressRoute, VpnGateway};
    let mut lab = both_branches(false);
    // 172.22.0.0/16 from all three: circuit 1, branch 1, appliance 2 systems long.
    lab.draft.express_route_circuits[0].advertised_prefixes.push(net("172.22.0.0/16").into());
    lab.the_site("branch").advertised_prefixes.push(net("172.22.0.0/16").into());
    lab.tells("10.10.0.4", &["172.22.0.0/16"], None);
    let longer = Some(vec![65_001.into(), 65_002.into()]);
    lab.the_route_server().bgp_connections[0].routes[0].as_path = longer;
    let next_hops = |lab: &mut Lab, preference: HubRoutingPreference| {
        lab.the_route_server().hub_routing_preference = Some(preference.into());
        let rows = learned(&lab.build(), "H/snet-hub").into_iter();
        let of = |row: String| row.rsplit_once(' ').map(|(_, ip)| ip.to_owned());
        rows.filter(|row| row.contains("172.22")).filter_map(of).collect::<Vec<_>>()
    };
    let (vpn, express) = ("10.10.255.4", "10.10.255.5");
    assert_eq!(next_hops(&mut lab, ExpressRoute), [express]);
    assert_eq!(next_hops(&mut lab, VpnGateway), [vpn]);
    assert_eq!(next_hops(&mut lab, AsPath), [express]);
    // The configured prefix of a static site has no path at all.
    lab.the_site("onprem").address_prefixes.push(net("172.22.0.0/16").into());
    assert_eq!(next_hops(&mut lab, AsPath), [vpn]);
    // Beside the branch, the appliance is as good when its path is as long.
    lab.the_site("onprem").address_prefixes.pop();
    lab.the_route_server().bgp_connections[0].routes[0].as_path = None;
    assert_eq!(next_hops(&mut lab, VpnGateway), ["10.10.0.4", vpn]);
}
