//! Rows that a subnet learns from the gateways that serve its network (RT-06, RT-14, FE-04 to FE-06).

use std::net::IpAddr;

use vnetsim_model::{Gateway, GatewayType, Network};
use vnetsim_types::{GatewayId, IpNet, SubnetId};

use crate::{
    answer::{NextHopType, RouteSource},
    propagation::Propagation,
    routes::{Row, Via, system_row, table},
    topology::gateways_serving,
};

/// One way to a prefix, before the best ones are chosen.
struct Way {
    prefix: IpNet,
    via: Via,
    next_hops: Vec<IpAddr>,
    /// Smaller is better.
    rank: (usize, usize),
}

/// The learned rows of `subnet`: of each prefix the best ways, one row per next hop.
pub(crate) fn learned_rows(network: &Network, subnet: SubnetId) -> Vec<Row> {
    if table(network, subnet).is_some_and(|table| table.disable_bgp_route_propagation.value) {
        return Vec::new(); // RT-14
    }
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
    let propagation = Propagation::of(network);
    let mut ways: Vec<Way> = Vec::new();
    for gateway in gateways_serving(network, network[subnet].vnet) {
        for route in propagation.known(gateway) {
            let via = Via::Gateway(gateway);
            // Two tunnels of one gateway to one prefix are one row: the gateway chooses between them (U-32).
            if ways.iter().any(|way| way.prefix == route.prefix && way.via == via) {
                continue;
            }
            let next_hops = addresses(&network[gateway], route.bgp);
            let rank = rank(network, gateway, route.length);
            ways.push(Way { prefix: route.prefix, via, next_hops, rank });
        }
    }
    ways
}

/// FE-06, GW-13: ExpressRoute first, then the shorter path.
fn rank(network: &Network, gateway: GatewayId, length: usize) -> (usize, usize) {
    let express = network[gateway].kind == GatewayType::ExpressRoute;
    (usize::from(!express), length)
}

/// RT-06: the public address of a gateway with one instance and configured routes, else the private address of
/// each instance (FE-04).
fn addresses(gateway: &Gateway, bgp: bool) -> Vec<IpAddr> {
    match gateway.instances.as_slice() {
        [only] if !bgp => vec![only.public_address.unwrap_or(only.address)],
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
