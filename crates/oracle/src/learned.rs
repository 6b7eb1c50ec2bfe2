//! Rows that a subnet learns from the gateways and route servers that serve its network (RT-06, FE-04 to FE-06).

use std::net::IpAddr;

use vnetsim_model::{Gateway, GatewayType, HubRoutingPreference, Network};
use vnetsim_types::{IpNet, SubnetId};

use crate::{
    answer::{NextHopType, RouteSource},
    propagation::Propagation,
    route_server::{appliance_routes, branch_to_branch, hubs_of, preference},
    routes::{Row, Via, system_row},
    topology::gateways_serving,
};

/// One way to a prefix, before the best ones are chosen.
#[derive(PartialEq, Eq)]
struct Way {
    prefix: IpNet,
    via: Via,
    next_hops: Vec<IpAddr>,
    /// Smaller is better.
    rank: (usize, usize),
}

/// The learned rows of `subnet`: of each prefix the best ways, one row per next hop.
pub(crate) fn learned_rows(network: &Network, subnet: SubnetId) -> Vec<Row> {
    let ways = ways(network, subnet);
    let mut rows = Vec::new();
    for way in &ways {
        let beaten = ways.iter().any(|other| other.prefix == way.prefix && other.rank < way.rank);
        if !beaten {
            rows.extend(way.next_hops.iter().map(|&ip| learned_row(way, ip)));
        }
    }
    rows
}

fn ways(network: &Network, subnet: SubnetId) -> Vec<Way> {
    let vnet = network[subnet].vnet;
    let (propagation, preference) = (Propagation::of(network), preference(network, vnet));
    let mut ways: Vec<Way> = Vec::new();
    for gateway in gateways_serving(network, vnet) {
        for route in propagation.known(gateway) {
            let via = Via::Gateway(gateway);
            // Two tunnels of one gateway to one prefix are one row: the gateway chooses between them (U-32).
            if ways.iter().any(|way| way.prefix == route.prefix && way.via == via) {
                continue;
            }
            let next_hops = addresses(&network[gateway]);
            let express = network[gateway].kind == GatewayType::ExpressRoute;
            let rank = rank(preference, express, route.length);
            ways.push(Way { prefix: route.prefix, via, next_hops, rank });
        }
    }
    // GW-13: gateways learn from appliances only where branches are joined.
    let of_gateways = network[subnet].name.value.eq_ignore_ascii_case("GatewaySubnet");
    for hub in
        hubs_of(network, vnet).into_iter().filter(|hub| !of_gateways || branch_to_branch(network, *hub))
    {
        for route in appliance_routes(network, hub) {
            let (prefix, next_hops) = (route.prefix, vec![route.next_hop]);
            let new =
                Way { prefix, via: Via::RouteServer, next_hops, rank: rank(preference, false, route.length) };
            // FE-27: appliances that name the same next hop, such as their balancer, make one row.
            if !ways.contains(&new) {
                ways.push(new);
            }
        }
    }
    ways
}

/// FE-06, GW-13: ExpressRoute first, then the shorter path, unless a route server prefers something else.
fn rank(preference: HubRoutingPreference, express: bool, length: usize) -> (usize, usize) {
    match preference {
        HubRoutingPreference::ExpressRoute => (usize::from(!express), length),
        HubRoutingPreference::VpnGateway => (usize::from(express), length),
        HubRoutingPreference::AsPath => (length, usize::from(!express)),
    }
}

/// RT-06, FE-26: the public address of a VPN gateway with one instance, else the private address of each instance
/// (FE-04).
fn addresses(gateway: &Gateway) -> Vec<IpAddr> {
    match gateway.instances.as_slice() {
        [only] if gateway.kind == GatewayType::Vpn => vec![only.public_address.unwrap_or(only.address)],
        all => all.iter().map(|instance| instance.address).collect(),
    }
}

/// U-30.
fn learned_row(way: &Way, next_hop: IpAddr) -> Row {
    let mut row = system_row(way.prefix, NextHopType::VirtualNetworkGateway);
    row.route.source = RouteSource::VirtualNetworkGateway;
    row.route.next_hop_ip = Some(next_hop);
    row.via = way.via;
    row
}
