//! Effective routes of a subnet and the choice among them (RT-01 to RT-14, FE-01 to FE-08).

use std::net::IpAddr;

use vnetsim_model::{
    BgpVsPeering, DeploymentModel, Network, NoneRoutesOnDefaultOverride, RouteTable, UserNextHop, UserRoute,
};
use vnetsim_types::{GatewayId, IpNet, PrivateEndpointId, SubnetId, VnetId};

use crate::{
    answer::{NextHopType, OracleRoute, RouteSource},
    endpoint::endpoint_rows,
    learned::learned_rows,
    topology::{connected_links, exchanged, is_global, net},
};

/// RT-02: the four documented None prefixes (U-23: in every era).
const NONE_PREFIXES: [&str; 4] = ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10"];

/// A row, and what resolving its next hop needs beyond what Azure prints.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    /// As printed.
    pub(crate) route: OracleRoute,
    /// What the row leads to beyond that.
    pub(crate) via: Via,
    /// RT-08: a user route took the place of this row of a private endpoint.
    pub(crate) displaced: bool,
    /// RT-13: 0 for an explicit prefix, more for ever broader tags.
    tag_rank: u8,
}

/// The object behind a row.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Via {
    /// None; the type and the address say it all.
    Nothing,
    /// The network that a peering row leads to.
    Peer(VnetId),
    /// The gateway that taught a learned row.
    Gateway(GatewayId),
    /// A private endpoint.
    Endpoint(PrivateEndpointId),
    /// A route server taught a learned row; packets go to its next-hop address.
    RouteServer,
}

/// Every row that Azure lists for `subnet`, Active and Invalid.
///
/// In the order system (own space, peerings, service endpoints, internet, None), learned, user.
pub fn effective_routes(network: &Network, subnet: SubnetId) -> Vec<OracleRoute> {
    let mut all = rows(network, subnet, true);
    // RT-32: classic tables show neither peerings nor service endpoints; the traffic takes them all the same.
    if network[network[subnet].vnet].deployment_model == DeploymentModel::Classic {
        all.retain(|row| !matches!(row.via, Via::Peer(_)) && !is_service_endpoint(row));
    }
    all.into_iter().map(|row| row.route).collect()
}

/// The row that a packet to `dst` leaving `subnet` follows; `None` when nothing matches. The first listed one
/// of several equal ones.
pub fn choose_route(network: &Network, subnet: SubnetId, dst: IpAddr) -> Option<OracleRoute> {
    choose_routes(network, subnet, dst).into_iter().next()
}

/// The rows that a packet to `dst` leaving `subnet` may follow: several where learned ones are equal (FE-04).
pub fn choose_routes(network: &Network, subnet: SubnetId, dst: IpAddr) -> Vec<OracleRoute> {
    choose_rows(network, subnet, dst).into_iter().map(|row| row.route).collect()
}

/// [`choose_routes`] with the facts behind the rows.
pub(crate) fn choose_rows(network: &Network, subnet: SubnetId, dst: IpAddr) -> Vec<Row> {
    choose_among(rows(network, subnet, true), dst)
}

/// [`choose_rows`] as if the subnet had no route table.
pub(crate) fn choose_system_rows(network: &Network, subnet: SubnetId, dst: IpAddr) -> Vec<Row> {
    choose_among(rows(network, subnet, false), dst)
}

fn choose_among(mut candidates: Vec<Row>, dst: IpAddr) -> Vec<Row> {
    // RT-11: rows beaten on their own prefix do not take part.
    candidates.retain(|row| row.route.active && row.route.prefix.contains(&dst));
    // RT-07: a destination of a service endpoint cannot be drawn away by a user route, however long;
    // RT-12: nor by a learned one.
    if candidates.iter().any(is_service_endpoint) {
        candidates.retain(|row| row.route.source == RouteSource::Default);
    }
    // RT-11: longest prefix; among equals the others are Invalid.
    let longest = candidates.iter().map(|row| row.route.prefix.prefix_len()).max();
    candidates.retain(|row| Some(row.route.prefix.prefix_len()) == longest);
    candidates
}

/// All rows of `subnet` with their states; with the route table that it has, or as if it had none.
fn rows(network: &Network, subnet: SubnetId, with_table: bool) -> Vec<Row> {
    let table = table(network, subnet).filter(|_| with_table);
    let own = own_rows(network, subnet);
    let peering = peering_rows(network, subnet);
    let mut endpoint = service_endpoint_rows(network, subnet);
    endpoint.extend(endpoint_rows(network, subnet, table));
    let user = user_rows(table);
    let mut learned = match table {
        Some(table) if table.disable_bgp_route_propagation.value => Vec::new(), // RT-14
        _ => learned_rows(network, subnet),
    };
    if network.semantics().bgp_vs_peering == BgpVsPeering::SystemWins {
        // RT-12, FE-03, GW-10: not even listed.
        let system: Vec<&Row> = own.iter().chain(&peering).chain(&endpoint).collect();
        learned.retain(|row| !system.iter().any(|s| s.route.prefix.contains(&row.route.prefix)));
    }
    let internet = internet_rows(network, subnet, &learned);
    let none = none_rows(network, &own, &peering, &learned, &user);

    let mut all = own;
    for more in [peering, endpoint, internet, none, learned, user] {
        all.extend(more);
    }
    mark_invalid(&mut all);
    all
}

/// RT-02: one row per block of the own address space.
fn own_rows(network: &Network, subnet: SubnetId) -> Vec<Row> {
    let vnet = network[subnet].vnet;
    let blocks = network[vnet].address_space.iter();
    blocks.map(|block| system_row(block.value, NextHopType::VnetLocal)).collect()
}

/// RT-05: one row per block that a Connected link brings, the same for every subnet (PEER-26).
fn peering_rows(network: &Network, subnet: SubnetId) -> Vec<Row> {
    let vnet = network[subnet].vnet;
    let mut rows = Vec::new();
    for link in connected_links(network, vnet) {
        let peer = link.remote.value;
        let kind = match is_global(network, vnet, peer) {
            true => NextHopType::VNetGlobalPeering,
            false => NextHopType::VNetPeering,
        };
        let blocks = exchanged(network, link).into_iter();
        rows.extend(blocks.map(|block| Row { via: Via::Peer(peer), ..system_row(block, kind) }));
    }
    rows
}

/// RT-07: the prefixes of each enabled service; a service without known prefixes has no rows.
fn service_endpoint_rows(network: &Network, subnet: SubnetId) -> Vec<Row> {
    let mut rows = Vec::new();
    for tag in &network[subnet].service_endpoints {
        for &prefix in network.service_tag(&tag.value).unwrap_or_default() {
            rows.push(system_row(prefix, NextHopType::VirtualNetworkServiceEndpoint));
        }
    }
    rows
}

/// RT-02: 0.0.0.0/0, and ::/0 where the network has IPv6. FE-02: gone when a learned one is listed.
fn internet_rows(network: &Network, subnet: SubnetId, learned: &[Row]) -> Vec<Row> {
    let blocks = &network[network[subnet].vnet].address_space;
    let has_v6 = blocks.iter().any(|block| matches!(block.value, IpNet::V6(_)));
    let mut rows = vec![system_row(net("0.0.0.0/0"), NextHopType::Internet)];
    if has_v6 {
        rows.push(system_row(net("::/0"), NextHopType::Internet));
    }
    rows.retain(|row| !has_prefix(learned, row.route.prefix));
    rows
}

/// RT-02 to RT-04, FE-01: the None rows that are left.
fn none_rows(network: &Network, own: &[Row], peering: &[Row], learned: &[Row], user: &[Row]) -> Vec<Row> {
    let default = net("0.0.0.0/0");
    let user_default = user.iter().find(|row| row.route.prefix == default);
    let learned_default = has_prefix(learned, default);
    let all_removed = match network.semantics().none_routes_on_default_override {
        NoneRoutesOnDefaultOverride::Remove => user_default.is_some() || learned_default,
        NoneRoutesOnDefaultOverride::Documented => {
            let to_hop = [NextHopType::VirtualAppliance, NextHopType::VirtualNetworkGateway];
            user_default.is_some_and(|row| to_hop.contains(&row.route.next_hop_type)) || learned_default
        }
        NoneRoutesOnDefaultOverride::Keep => false,
    };
    if all_removed {
        return Vec::new();
    }
    let mut prefixes: Vec<IpNet> = NONE_PREFIXES.iter().map(|text| net(text)).collect();
    // RT-03 (a) and (b): the own block equals or contains it.
    prefixes.retain(|none| !own.iter().any(|row| row.route.prefix.contains(none)));
    // A row of the same prefix replaces it: a peering's, a user route's (FE-01), a learned one's (FE-28).
    prefixes.retain(|&none| ![peering, user, learned].iter().any(|rows| has_prefix(rows, none)));
    prefixes.into_iter().map(|prefix| system_row(prefix, NextHopType::None)).collect()
}

/// RT-09, RT-13: the routes of a table, one row per prefix.
fn user_rows(table: Option<&RouteTable>) -> Vec<Row> {
    let routes = table.map_or(&[][..], |table| &table.routes);
    let mut rows = Vec::new();
    for route in routes {
        rows.extend(route.prefixes.iter().map(|&prefix| user_row(route, prefix)));
    }
    rows
}

fn user_row(route: &UserRoute, prefix: IpNet) -> Row {
    let (kind, ip) = match route.next_hop {
        UserNextHop::VirtualAppliance(ip) => (NextHopType::VirtualAppliance, Some(ip)),
        UserNextHop::VirtualNetworkGateway => (NextHopType::VirtualNetworkGateway, None),
        UserNextHop::VnetLocal => (NextHopType::VnetLocal, None),
        UserNextHop::Internet => (NextHopType::Internet, None),
        UserNextHop::None => (NextHopType::None, None),
    };
    let mut row = system_row(prefix, kind);
    row.route.source = RouteSource::User;
    row.route.next_hop_ip = ip;
    row.route.name = Some(route.name.value.clone());
    row.tag_rank = tag_rank(route.tag.as_deref());
    row
}

/// RT-13: explicit, then Storage.EastUS, Storage, AzureCloud.region, AzureCloud.
fn tag_rank(tag: Option<&str>) -> u8 {
    let Some(tag) = tag else { return 0 };
    let regional = tag.contains('.');
    let top = tag.split('.').next().unwrap_or(tag);
    match (top.eq_ignore_ascii_case("AzureCloud"), regional) {
        (false, true) => 1,
        (false, false) => 2,
        (true, true) => 3,
        (true, false) => 4,
    }
}

/// RT-11, RT-30, FE-07: of several rows with one prefix the best stays Active, the others are Invalid. Learned
/// ones that got this far are equal, and stay together (FE-04).
fn mark_invalid(rows: &mut [Row]) {
    let learned = |row: &Row| row.route.source == RouteSource::VirtualNetworkGateway;
    for ix in 0..rows.len() {
        let beaten = (0..rows.len()).any(|other| {
            let same = rows[other].route.prefix == rows[ix].route.prefix;
            let equal = learned(&rows[other]) && learned(&rows[ix]);
            same && !equal && (strength(&rows[other]), other) < (strength(&rows[ix]), ix)
        });
        rows[ix].route.active = !beaten && !rows[ix].displaced;
    }
}

/// Order among equal prefixes, best first: service endpoint (RT-07) and private endpoint (RT-08) where no user
/// route may displace it, user (RT-13 among them), learned, system.
fn strength(row: &Row) -> (u8, u8) {
    let private_endpoint = matches!(row.via, Via::Endpoint(_)) && !row.displaced;
    match row.route.source {
        RouteSource::Default if is_service_endpoint(row) || private_endpoint => (0, 0),
        RouteSource::User => (1, row.tag_rank),
        RouteSource::VirtualNetworkGateway => (2, 0),
        RouteSource::Default => (3, 0),
    }
}

fn is_service_endpoint(row: &Row) -> bool {
    row.route.next_hop_type == NextHopType::VirtualNetworkServiceEndpoint
}

fn has_prefix(rows: &[Row], prefix: IpNet) -> bool {
    rows.iter().any(|row| row.route.prefix == prefix)
}

/// The route table of `subnet`.
pub(crate) fn table(network: &Network, subnet: SubnetId) -> Option<&RouteTable> {
    network[subnet].route_table.as_ref().map(|id| &network[id.value])
}

/// A row of source Default.
pub(crate) fn system_row(prefix: IpNet, next_hop_type: NextHopType) -> Row {
    let source = RouteSource::Default;
    let route = OracleRoute { prefix, source, next_hop_type, next_hop_ip: None, active: true, name: None };
    Row { route, via: Via::Nothing, displaced: false, tag_rank: 0 }
}
