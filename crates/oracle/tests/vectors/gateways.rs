//! Part 6 beyond one static site: BGP, circuits, VNet-to-VNet, coexistence, instances, V-28.

use vnetsim_model::{GatewayType, OperationKind, Semantics, TtlGateway, VpnType};
use vnetsim_oracle::{Question, conversation_deciding};
use vnetsim_types::{DropReason, GatewayId, Place, SiteId};

use crate::lab::*;

/// Two networks with a VPN gateway each, not peered, and a machine in each.
fn two_networks() -> Lab {
    let mut lab = Lab::default();
    for (vnet, ix) in [("A", 1), ("B", 2)] {
        lab.vnet(vnet, &[&format!("10.{ix}.0.0/16")]);
        lab.subnet(&format!("{vnet}/s"), &format!("10.{ix}.0.0/24"));
        lab.subnet(&format!("{vnet}/GatewaySubnet"), &format!("10.{ix}.255.0/27"));
        lab.vm(&format!("vm{vnet}"), &format!("{vnet}/s"), &format!("10.{ix}.0.4"));
    }
    lab
}

fn tunnelled(bgp: bool) -> Lab {
    let mut lab = two_networks();
    lab.gateway("gwA", "A", GatewayType::Vpn);
    lab.gateway("gwB", "B", GatewayType::Vpn);
    lab.tunnel("gwA", "gwB", bgp);
    lab
}

fn at(network: &vnetsim_model::Network, vm: &str) -> Place {
    Place::Nic(nic(network, vm))
}

#[test]
fn v28_a_peering_beats_the_tunnel() {
    let mut lab = tunnelled(false);
    let network = lab.build();
    let packets = tcp(&network, "vmA", "vmB");
    assert_complete(&packets);
    assert_eq!(packets[0].outcome, delivered(at(&network, "vmB"), "10.1.0.4", 62));
    assert_eq!(gateways(&packets[0]), ["gwA", "gwB"]);
    assert_eq!(gateways(&packets[1]), ["gwB", "gwA"]);
    assert_eq!(learned(&network, "A/s"), ["Gateway Active 10.2.0.0/16 VirtualNetworkGateway 10.1.255.4"]);

    lab.peer("A", "B");
    let network = lab.build();
    let packets = tcp(&network, "vmA", "vmB");
    assert_complete(&packets);
    assert_eq!(packets[0].outcome, delivered(at(&network, "vmB"), "10.1.0.4", 64));
    assert!(learned(&network, "A/s").is_empty()); // FE-03
}

#[test]
fn a_tunnel_that_is_down_carries_nothing() {
    let mut lab = tunnelled(true);
    lab.take_down();
    let network = lab.build();
    let packets = tcp(&network, "vmA", "vmB");
    assert_eq!(last(&packets), dropped(at(&network, "vmA"), DropReason::RouteNone));
    assert!(learned(&network, "A/s").is_empty());
}

#[test]
fn gw08_bgp_carries_routes_through_a_tunnel() {
    for bgp in [false, true] {
        let mut lab = tunnelled(bgp);
        lab.site("branch", "gwB", &["192.168.0.0/16"]);
        lab.bgp_site("default", "gwB", &["0.0.0.0/0", "10.0.0.0/8", "172.20.0.0/16"]);
        let network = lab.build();
        let packets = tcp(&network, "vmA", "192.168.1.1");
        if !bgp {
            assert_eq!(last(&packets), dropped(at(&network, "vmA"), DropReason::RouteNone));
            continue;
        }
        assert_complete(&packets);
        assert_eq!(packets[0].outcome, delivered(Place::Site(SiteId(0)), "10.1.0.4", 62));
        // GW-09, GW-10, FE-02: neither the default nor what overlaps gwB's own network comes through.
        let rows = ["10.2.0.0/16", "10.2.255.4/32", "172.20.0.0/16", "192.168.0.0/16"]
            .map(|prefix| format!("Gateway Active {prefix} VirtualNetworkGateway 10.1.255.4"));
        assert_eq!(learned(&network, "A/s"), rows);
        let own = learned(&network, "B/s");
        assert!(own.contains(&"Gateway Active 0.0.0.0/0 VirtualNetworkGateway 10.2.255.4".to_owned()));
    }
}

#[test]
fn peer10_borrowers_are_known_across_a_tunnel() {
    for bgp in [false, true] {
        let mut lab = tunnelled(bgp);
        lab.vnet("S", &["10.3.0.0/16"]);
        lab.subnet("S/s", "10.3.0.0/24");
        lab.vm("vmS", "S/s", "10.3.0.4");
        lab.peer("B", "S");
        let network = lab.build();
        assert_eq!(last(&tcp(&network, "vmA", "vmS")), dropped(at(&network, "vmA"), DropReason::RouteNone));
        lab.the_link("B", "S").allow_gateway_transit = Some(true.into());
        lab.the_link("S", "B").use_remote_gateways = Some(true.into());
        let network = lab.build();
        assert_complete(&tcp(&network, "vmA", "vmS"));
        assert_complete(&tcp(&network, "vmS", "vmA"));
    }
}

#[test]
fn gw09_a_bgp_site_knows_what_it_is_told() {
    let mut lab = hub_and_spokes();
    lab.bgp_site("branch", "gw", &["172.20.0.0/16"]);
    // FE-15: without the flags a spoke neither learns nor is advertised.
    let network = lab.build();
    let packets = tcp(&network, "172.20.0.1", "10.20.0.4");
    assert_eq!(last(&packets), dropped(Place::Site(SiteId(1)), DropReason::NoRouteOnPrem));
    borrow(&mut lab, "S1");
    let network = lab.build();
    assert_complete(&tcp(&network, "172.20.0.1", "10.20.0.4"));
    assert_complete(&tcp(&network, "vm1", "172.20.0.1"));
    // Prefixes of the other site, and of nobody.
    assert_complete(&tcp(&network, "172.20.0.1", "192.168.1.1"));
    let packets = tcp(&network, "172.20.0.1", "10.99.0.1");
    assert_eq!(last(&packets), dropped(Place::Site(SiteId(1)), DropReason::NoRouteOnPrem));
    // What it was told to know counts instead.
    lab.the_site("branch").known_prefixes = Some(vec![net("10.10.0.0/16").into()]);
    let network = lab.build();
    let packets = tcp(&network, "172.20.0.1", "10.20.0.4");
    assert_eq!(last(&packets), dropped(Place::Site(SiteId(1)), DropReason::NoRouteOnPrem));
    assert_complete(&tcp(&network, "172.20.0.1", "10.10.9.9"));
}

#[test]
fn gw10_nothing_inside_the_own_network_is_learned() {
    let mut lab = tunnelled(true);
    lab.bgp_site("branch", "gwA", &["10.1.0.0/16", "10.1.7.0/24", "10.0.0.0/8"]);
    let lpm = Semantics { bgp_vs_peering: vnetsim_model::BgpVsPeering::Lpm, ..Semantics::default() };
    let rows = ["10.0.0.0/8", "10.2.0.0/16", "10.2.255.4/32"]
        .map(|prefix| format!("Gateway Active {prefix} VirtualNetworkGateway 10.1.255.4"));
    assert_eq!(learned(&lab.build_as(lpm), "A/s"), rows);
}

#[test]
fn fe05_peering_addresses_are_learned() {
    let mut lab = tunnelled(true);
    lab.bgp_site("branch", "gwA", &["192.168.0.0/16"]);
    lab.bgp_address("branch", "192.168.255.1");
    lab.table("A/s", &["192.168.0.0/16 VirtualAppliance 10.1.0.9"]);
    let rows = learned(&lab.build(), "A/s");
    assert!(rows.contains(&"Gateway Active 192.168.255.1/32 VirtualNetworkGateway 10.1.255.4".to_owned()));
    assert!(rows.contains(&"Gateway Invalid 192.168.0.0/16 VirtualNetworkGateway 10.1.255.4".to_owned()));
}

#[test]
fn next_hop_addresses_of_gateway_rows() {
    let mut lab = hub_and_spokes();
    lab.gateway_public("gw", "20.0.0.1");
    lab.bgp_site("branch", "gw", &["172.20.0.0/16"]);
    let of = |lab: &Lab| learned(&lab.build(), "H/snet-hub");
    let row = |prefix: &str, ip: &str| format!("Gateway Active {prefix} VirtualNetworkGateway {ip}");
    assert_eq!(of(&lab), [row("172.20.0.0/16", "20.0.0.1"), row("192.168.0.0/16", "20.0.0.1")]);
    // FE-04: one row for each instance.
    lab.active_active("gw");
    let both = |prefix: &str| ["10.10.255.4", "10.10.255.5"].map(|ip| row(prefix, ip));
    assert_eq!(of(&lab), [both("172.20.0.0/16"), both("192.168.0.0/16")].concat());
    assert_complete(&tcp(&lab.build(), "vm-hub", "192.168.1.1"));
}

#[test]
fn the_shorter_path_wins_and_equal_ones_are_left_to_the_flow() {
    let mut lab = hub_and_spokes();
    lab.bgp_site("branch", "gw", &["192.168.0.0/16"]);
    let network = lab.build();
    let to = |network: &vnetsim_model::Network, number: usize| {
        let traffic = traffic(network, "vm-hub", "192.168.1.1", "udp/53");
        let decide = |_: &vnetsim_types::FlowKey, question: Question<'_>| match question {
            Question::Tunnel { allowed, .. } => number.min(allowed.len() - 1),
            _ => 0,
        };
        conversation_deciding(network, &traffic, &decide).packets[0].outcome
    };
    // Configured routes have no path.
    for number in [0, 1] {
        assert_eq!(to(&network, number), delivered(Place::Site(SiteId(0)), "10.10.9.9", 63));
    }
    lab.site("twin", "gw", &["192.168.0.0/16"]);
    let network = lab.build();
    assert_eq!(to(&network, 0), delivered(Place::Site(SiteId(0)), "10.10.9.9", 63));
    assert_eq!(to(&network, 1), delivered(Place::Site(SiteId(2)), "10.10.9.9", 63));
}

/// GW-16: two networks on one circuit.
fn on_one_circuit() -> Lab {
    let mut lab = two_networks();
    lab.gateway("erA", "A", GatewayType::ExpressRoute);
    lab.gateway("erB", "B", GatewayType::ExpressRoute);
    lab.circuit("circuit", &["erA", "erB"], &["192.168.0.0/16"]);
    lab
}

#[test]
fn gw16_networks_on_one_circuit_reach_each_other() {
    let mut lab = on_one_circuit();
    let network = lab.build();
    let rows = ["10.2.0.0/16", "192.168.0.0/16"]
        .map(|prefix| format!("Gateway Active {prefix} VirtualNetworkGateway 10.1.255.4"));
    assert_eq!(learned(&network, "A/s"), rows);
    let packets = tcp(&network, "vmA", "vmB");
    assert_complete(&packets);
    assert_eq!(packets[0].outcome, delivered(at(&network, "vmB"), "10.1.0.4", 62));
    assert_eq!(gateways(&packets[0]), ["erA", "erB"]);
    assert_complete(&tcp(&network, "192.168.1.1", "10.2.0.4"));
    // S40: peered, they use the peering.
    lab.peer("A", "B");
    let packets = tcp(&lab.build(), "vmA", "vmB");
    assert!(gateways(&packets[0]).is_empty());
    // A direct path of the site's is shorter than the way round by the other gateway.
    let mut lab = on_one_circuit();
    lab.draft.express_route_circuits[0].advertised_prefixes.push(net("10.2.0.0/16").into());
    let packets = tcp(&lab.build(), "vmA", "vmB");
    assert_eq!(packets[0].outcome, delivered(Place::Site(SiteId(0)), "10.1.0.4", 63));
}

#[test]
fn gw16_what_one_circuit_says_is_not_repeated_to_another() {
    let mut lab = on_one_circuit();
    lab.circuit("other", &["erB"], &["172.20.0.0/16"]);
    let network = lab.build();
    assert!(!learned(&network, "A/s").iter().any(|row| row.contains("172.20")));
    assert_complete(&tcp(&network, "vmB", "172.20.0.1"));
    let packets = tcp(&network, "192.168.1.1", "172.20.0.1");
    assert_eq!(last(&packets), dropped(Place::Site(SiteId(0)), DropReason::NoRouteOnPrem));
}

#[test]
fn gw16_spokes_of_a_circuit_s_gateway_are_advertised() {
    let mut lab = on_one_circuit();
    lab.vnet("S", &["10.3.0.0/16"]);
    lab.subnet("S/s", "10.3.0.0/24");
    lab.vm("vmS", "S/s", "10.3.0.4");
    lab.link("B", "S").allow_gateway_transit = Some(true.into());
    lab.link("S", "B").use_remote_gateways = Some(true.into());
    let network = lab.build();
    let packets = tcp(&network, "vmA", "vmS");
    assert_complete(&packets);
    assert_eq!(packets[0].outcome, delivered(at(&network, "vmS"), "10.1.0.4", 62));
    assert_complete(&tcp(&network, "vmS", "192.168.1.1"));
}

#[test]
fn fe15_point_to_site_clients() {
    let mut lab = hub_and_spokes();
    borrow(&mut lab, "S1");
    lab.the_gateway("gw").client_address_pool.push(net("172.16.99.0/24").into());
    let network = lab.build();
    assert!(learned(&network, "S1/snet").iter().any(|row| row.contains("172.16.99.0/24")));
    assert_complete(&tcp(&network, "vm1", "172.16.99.5"));
    assert_complete(&tcp(&network, "172.16.99.5", "10.20.0.4"));
    assert_complete(&tcp(&network, "172.16.99.5", "192.168.1.1")); // GW-07
    // GW-20: they know what the gateway tells them, each other not.
    let unknown = dropped(Place::Site(SiteId(1)), DropReason::NoRouteOnPrem);
    for to in ["172.16.99.6", "10.30.0.4", "8.8.8.8"] {
        assert_eq!(last(&tcp(&network, "172.16.99.5", to)), unknown, "{to}");
    }
}

#[test]
fn fe17_a_vpn_gateway_as_appliance() {
    let mut lab = hub_and_spokes();
    lab.table("S1/snet", &["10.30.0.0/16 VirtualAppliance 10.10.255.4"]);
    lab.table("S2/snet", &["10.20.0.0/16 VirtualAppliance 10.10.255.4"]);
    let network = lab.build();
    let packets = tcp(&network, "vm1", "vm2");
    assert_complete(&packets);
    assert_eq!(packets[0].outcome, delivered(at(&network, "vm2"), "10.20.0.4", 63));
    let packets = talk(&network, "vm1", "10.10.255.4", "icmp").packets;
    assert_eq!(packets[0].outcome, delivered(Place::Gateway(GatewayId(0)), "10.20.0.4", 64));
    assert_eq!(last(&packets), delivered(at(&network, "vm1"), "10.10.255.4", 64));
    let unknown = dropped(Place::Gateway(GatewayId(0)), DropReason::InsufficientInput);
    assert_eq!(last(&tcp(&network, "vm1", "10.10.255.4")), unknown);
    let packets = talk(&network, "192.168.1.1", "10.10.255.4", "icmp").packets;
    assert_eq!(packets[0].outcome, delivered(Place::Gateway(GatewayId(0)), "192.168.1.1", 64));
    assert_eq!(last(&packets), delivered(Place::Site(SiteId(0)), "10.10.255.4", 64));
}

#[test]
fn rt27_a_default_route_needs_a_route_based_gateway() {
    let mut lab = hub_and_spokes();
    lab.site("all", "gw", &["0.0.0.0/0"]);
    lab.table("H/snet-hub", &["0.0.0.0/0 VirtualNetworkGateway"]);
    let network = lab.build();
    // GW-14: forced tunnelling.
    let packets = tcp(&network, "vm-hub", "8.8.8.8");
    assert_eq!(packets[0].outcome, delivered(Place::Site(SiteId(1)), "10.10.9.9", 63));
    lab.draft.connections.pop();
    lab.the_gateway("gw").vpn_type = Some(VpnType::PolicyBased.into());
    let network = lab.build();
    let expected = dropped(at(&network, "vm-hub"), DropReason::GatewayUnavailable);
    assert_eq!(last(&tcp(&network, "vm-hub", "8.8.8.8")), expected);
}

#[test]
fn a_gateway_that_is_down_teaches_and_forwards_nothing() {
    let mut lab = hub_and_spokes();
    lab.table("S1/snet", &["192.168.0.0/16 VirtualNetworkGateway"]);
    let mut network = lab.build();
    let running = |on| OperationKind::SetGatewayRunning("gw".to_owned().into(), on).into();
    assert_complete(&tcp(&network, "vm-hub", "192.168.1.1"));
    network.apply(&running(false)).expect("a gateway");
    assert_eq!(
        last(&tcp(&network, "vm-hub", "192.168.1.1")),
        dropped(at(&network, "vm-hub"), DropReason::RouteNone),
        "no learned route"
    );
    let unavailable = dropped(at(&network, "vm1"), DropReason::GatewayUnavailable);
    assert_eq!(last(&tcp(&network, "vm1", "192.168.1.1")), unavailable, "RT-27");
    let unheard = dropped(Place::Site(SiteId(0)), DropReason::NoRouteOnPrem);
    assert_eq!(last(&tcp(&network, "192.168.1.1", "vm-hub")), unheard);
    let silent = dropped(Place::Gateway(GatewayId(0)), DropReason::GatewayUnavailable);
    assert_eq!(last(&talk(&network, "vm-hub", "10.10.255.4", "icmp").packets), silent, "FE-17");
    network.apply(&running(true)).expect("a gateway");
    assert_complete(&tcp(&network, "vm-hub", "192.168.1.1"));
}

#[test]
fn nsg15_networks_behind_a_tunnel_are_in_the_tag() {
    let mut lab = tunnelled(false);
    lab.nsg_on("A/s", "n", &[]);
    lab.nsg_on("B/s", "m", &[]);
    let packets = tcp(&lab.build(), "vmA", "vmB");
    assert_complete(&packets);
    assert_eq!(last_rule(&packets[0]).as_deref(), Some("m/AllowVnetInBound true"));
}

#[test]
fn a_site_with_two_gateways_takes_the_one_that_offers_more() {
    let mut lab = two_networks();
    lab.gateway("gwA", "A", GatewayType::Vpn);
    lab.gateway("gwB", "B", GatewayType::Vpn);
    lab.site("onprem", "gwA", &["192.168.0.0/16"]);
    lab.connect("gwB", vnetsim_model::draft::ConnectionEnd::LocalNetworkGateway(name("onprem")), false);
    let semantics = Semantics { ttl_gateway: TtlGateway::Transparent, ..Semantics::default() };
    let network = lab.build_as(semantics);
    for (vm, gateway) in [("vmA", "gwA"), ("vmB", "gwB")] {
        let packets = tcp(&network, vm, "192.168.1.1");
        assert_complete(&packets);
        assert_eq!(gateways(&packets[1]), [gateway]);
    }
}

#[test]
fn pairs_of_static_tunnels_are_no_transit() {
    // A - B - C: B's tunnels are configured, so A is told of B alone, and C of B alone.
    let mut lab = tunnelled(false);
    lab.vnet("C", &["10.3.0.0/16"]);
    lab.subnet("C/s", "10.3.0.0/24");
    lab.subnet("C/GatewaySubnet", "10.3.255.0/27");
    lab.vm("vmC", "C/s", "10.3.0.4");
    lab.gateway("gwC", "C", GatewayType::Vpn);
    lab.tunnel("gwB", "gwC", false);
    let network = lab.build();
    assert_eq!(last(&tcp(&network, "vmA", "vmC")), dropped(at(&network, "vmA"), DropReason::RouteNone));
    for connection in &mut lab.draft.connections {
        connection.enable_bgp = Some(true.into());
    }
    let network = lab.build();
    let packets = tcp(&network, "vmA", "vmC");
    assert_complete(&packets);
    assert_eq!(gateways(&packets[0]), ["gwA", "gwB", "gwC"]);
    assert_eq!(packets[0].outcome, delivered(at(&network, "vmC"), "10.1.0.4", 61));
}
