//! The routes of one subnet: every candidate, who wins, who loses and why (Part 2).
//!
//! Every exception to "longest prefix, then source" is settled here, so that the forwarding table is
//! plain longest-prefix match over the winners.

use std::{
    collections::{BTreeMap, HashMap},
    net::IpAddr,
};

use vnetsim_data::Data;
use vnetsim_dataplane::{Appliance, NextHop};
use vnetsim_model::{
    AddressOwner, BgpVsPeering, DeploymentModel, Gateway, GatewayType, Network, NoneRoutesOnDefaultOverride,
    UserNextHop, VpnType,
};
use vnetsim_types::{
    GatewayId, IpNet, PeeringId, PrivateEndpointId, RouteIx, RouteServerId, RouteTableId, Span, SubnetId,
    VnetId,
};

use crate::{
    NextHopType, RouteSource, peered_prefixes,
    propagation::{Hop, Learned, Propagation, lender},
    within_reach,
};

/// One row of a subnet's routes.
#[derive(Clone, Debug)]
pub struct RibRoute {
    /// Its prefix.
    pub prefix: IpNet,
    /// Where it comes from.
    pub source: RouteSource,
    /// Its next hop, as Azure names it.
    pub next_hop_type: NextHopType,
    /// Address of the next hop, where Azure prints one.
    pub next_hop_ip: Option<IpAddr>,
    /// What the data plane does with it.
    pub next_hop: NextHop,
    /// Used, beaten or not even listed.
    pub state: RouteState,
    /// The object behind it.
    pub origin: RouteOrigin,
    /// False where Azure's tools leave the row out although it works (RT-32).
    pub listed: bool,
    /// Rows with the same number print as one line (service endpoints).
    pub line: u32,
}

/// The object that a row comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RouteOrigin {
    /// The platform itself.
    System,
    /// A block of the own address space.
    AddressSpace(Span),
    /// A peering link.
    Peering(PeeringId),
    /// A gateway that taught the prefix.
    Gateway(GatewayId),
    /// A route server that learned the prefix from the peer at this position.
    RouteServer(RouteServerId, usize),
    /// A private endpoint (RT-08).
    PrivateEndpoint(PrivateEndpointId),
    /// A service endpoint of the subnet.
    ServiceEndpoint(String, Span),
    /// A route of a route table.
    User {
        /// The table.
        table: RouteTableId,
        /// The route's name.
        name: String,
        /// The service tag that the prefix comes from.
        tag: Option<String>,
        /// Where it stands.
        span: Span,
    },
}

/// What became of a candidate.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RouteState {
    /// In the table.
    Active,
    /// Listed as Invalid: same prefix, better source (RT-30).
    Invalid {
        /// The row that beat it.
        by: RouteIx,
    },
    /// Listed as Active (RT-30), but never used.
    Unused(Withheld),
    /// Azure does not list it at all.
    Withheld(Withheld),
}

/// Why a candidate is not listed.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Withheld {
    /// Learned prefix inside the own or a peered network (RT-12, FE-03).
    InsideVnetOrPeer,
    /// System None route removed by a replaced 0.0.0.0/0 (RT-04, FE-01).
    DefaultReplaced,
    /// System None route equal to a user or learned route, a peering or the own space (RT-03, FE-01, FE-28).
    NoneRouteReplaced,
    /// Default Internet route replaced by a learned 0.0.0.0/0 (FE-02).
    InternetLearned,
    /// User route inside a service endpoint's prefix (RT-07).
    InsideServiceEndpoint,
    /// The route table does not accept learned routes (RT-14).
    PropagationDisabled,
}

/// Who has which private address, by virtual network.
pub(crate) type Owners = Vec<HashMap<IpAddr, AddressOwner>>;

/// What the routes of every subnet are made from.
pub(crate) struct Sources<'a> {
    pub(crate) network: &'a Network,
    pub(crate) owners: &'a Owners,
    pub(crate) propagation: &'a Propagation<'a>,
}

/// Every route of `subnet`, in print order; `base` is the number of the first. Private endpoints answer by the
/// same routes without user-defined ones.
pub(crate) fn routes(sources: &Sources<'_>, subnet: SubnetId, base: usize, with_user: bool) -> Vec<RibRoute> {
    let Sources { network, owners, propagation } = *sources;
    let vnet = network[subnet].vnet;
    let table = network[subnet].route_table.as_ref().filter(|_| with_user).map(|table| table.value);
    let mut rib = Rib { network, owners, propagation, subnet, vnet, table, rows: Vec::new() };
    rib.own_space();
    rib.peerings();
    rib.learned();
    rib.service_endpoints();
    rib.private_endpoints();
    rib.defaults();
    rib.user_routes();
    rib.withhold();
    rib.sort();
    rib.displace_endpoints(base);
    rib.contest(base);
    rib.rows
}

struct Rib<'a> {
    network: &'a Network,
    owners: &'a Owners,
    propagation: &'a Propagation<'a>,
    subnet: SubnetId,
    vnet: VnetId,
    table: Option<RouteTableId>,
    rows: Vec<RibRoute>,
}

impl Rib<'_> {
    fn push(
        &mut self,
        prefix: IpNet,
        source: RouteSource,
        kind: NextHopType,
        hop: NextHop,
        origin: RouteOrigin,
    ) {
        let line = self.rows.len() as u32;
        let classic = self.network[self.vnet].deployment_model == DeploymentModel::Classic;
        let hidden = matches!(origin, RouteOrigin::Peering(_) | RouteOrigin::ServiceEndpoint(..));
        self.rows.push(RibRoute {
            prefix,
            source,
            next_hop_type: kind,
            next_hop_ip: None,
            next_hop: hop,
            state: RouteState::Active,
            origin,
            listed: !(classic && hidden),
            line,
        });
    }

    /// RT-02: one route per block, none per subnet.
    fn own_space(&mut self) {
        for block in &self.network[self.vnet].address_space {
            let origin = RouteOrigin::AddressSpace(block.span);
            self.push(block.value, RouteSource::Default, NextHopType::VnetLocal, NextHop::VnetLocal, origin);
        }
    }

    /// RT-05: one route per block of the synced copy, for Connected links only.
    fn peerings(&mut self) {
        let network = self.network;
        for (id, link) in network.connected_links_of(self.vnet) {
            let remote = link.remote.value;
            let global = network[self.vnet].location != network[remote].location;
            let kind = if global { NextHopType::VNetGlobalPeering } else { NextHopType::VNetPeering };
            for block in peered_prefixes(network, link) {
                let hop = NextHop::Peering { remote, global };
                self.push(block, RouteSource::Default, kind, hop, RouteOrigin::Peering(id));
            }
        }
    }

    /// RT-06, FE-04: one row per next hop.
    fn learned(&mut self) {
        let network = self.network;
        let gateway_subnet = network[self.subnet].is_gateway_subnet();
        for Learned { prefix, hop, printed, .. } in self.propagation.learned(self.vnet, gateway_subnet) {
            let (hop, origin) = match hop {
                Hop::Gateway(gateway) => (NextHop::Gateway(gateway), RouteOrigin::Gateway(gateway)),
                Hop::Appliance(server, peer) => {
                    (NextHop::Learned(self.appliance(printed)), RouteOrigin::RouteServer(server, peer))
                }
            };
            let kind = NextHopType::VirtualNetworkGateway;
            self.push(prefix, RouteSource::VirtualNetworkGateway, kind, hop, origin);
            if let Some(row) = self.rows.last_mut() {
                row.next_hop_ip = Some(printed);
            }
        }
    }

    /// RT-08: a route to each private endpoint of the own network and of direct peers.
    fn private_endpoints(&mut self) {
        let network = self.network;
        for (ix, endpoint) in network.private_endpoints().iter().enumerate() {
            let near = endpoint.vnet == self.vnet
                || network.connected_links_of(self.vnet).any(|(_, link)| {
                    let all = peered_prefixes(network, link);
                    link.remote.value == endpoint.vnet && all.iter().any(|p| p.contains(&endpoint.address))
                });
            if near {
                let id = PrivateEndpointId::new(ix);
                let (kind, hop) = (NextHopType::InterfaceEndpoint, NextHop::PrivateEndpoint(id));
                let origin = RouteOrigin::PrivateEndpoint(id);
                self.push(IpNet::from(endpoint.address), RouteSource::Default, kind, hop, origin);
            }
        }
    }

    /// RT-07: all prefixes of one service print as one line.
    fn service_endpoints(&mut self) {
        let network = self.network;
        for endpoint in &network[self.subnet].service_endpoints {
            let line = self.rows.len() as u32;
            for prefix in network.service_tag(&endpoint.value).unwrap_or_default() {
                let origin = RouteOrigin::ServiceEndpoint(endpoint.value.clone(), endpoint.span);
                let kind = NextHopType::VirtualNetworkServiceEndpoint;
                self.push(*prefix, RouteSource::Default, kind, NextHop::ServiceEndpoint, origin);
                if let Some(row) = self.rows.last_mut() {
                    row.line = line;
                }
            }
        }
    }

    /// RT-02, per family (FE-07).
    fn defaults(&mut self) {
        let has_v6 = self.network[self.vnet].address_space.iter().any(|p| p.addr().is_ipv6());
        for text in ["0.0.0.0/0", "::/0"].into_iter().take(1 + usize::from(has_v6)) {
            let prefix = text.parse().expect("a constant prefix");
            let (kind, hop) = (NextHopType::Internet, NextHop::Internet);
            self.push(prefix, RouteSource::Default, kind, hop, RouteOrigin::System);
        }
        for prefix in &Data::current().none_routes().documented {
            self.push(*prefix, RouteSource::Default, NextHopType::None, NextHop::None, RouteOrigin::System);
        }
    }

    fn user_routes(&mut self) {
        let network = self.network;
        let Some(table) = self.table else { return };
        for route in &network[table].routes {
            let default = route.prefixes.iter().any(|prefix| prefix.prefix_len() == 0);
            let (kind, hop) = self.user_next_hop(route.next_hop, default);
            let line = self.rows.len() as u32;
            for prefix in &route.prefixes {
                let origin = RouteOrigin::User {
                    table,
                    name: route.name.value.clone(),
                    tag: route.tag.clone(),
                    span: route.span,
                };
                self.push(*prefix, RouteSource::User, kind, hop, origin);
                if let Some(row) = self.rows.last_mut() {
                    row.line = line;
                    if let UserNextHop::VirtualAppliance(ip) = route.next_hop {
                        row.next_hop_ip = Some(ip);
                    }
                }
            }
        }
    }

    fn user_next_hop(&self, hop: UserNextHop, default: bool) -> (NextHopType, NextHop) {
        match hop {
            UserNextHop::VirtualAppliance(ip) => {
                (NextHopType::VirtualAppliance, NextHop::Appliance(self.appliance(ip)))
            }
            UserNextHop::VirtualNetworkGateway => {
                (NextHopType::VirtualNetworkGateway, self.named_gateway(default))
            }
            UserNextHop::VnetLocal => (NextHopType::VnetLocal, NextHop::VnetLocal),
            UserNextHop::Internet => (NextHopType::Internet, NextHop::Internet),
            UserNextHop::None => (NextHopType::None, NextHop::None),
        }
    }

    /// RT-27: a VPN gateway that runs, and no ExpressRoute gateway beside it; a default route needs a route-based one.
    fn named_gateway(&self, default: bool) -> NextHop {
        let lender = lender(self.network, self.vnet);
        let gateways = lender.into_iter().flat_map(|vnet| self.network.gateways_of(vnet));
        let ours = gateways.filter(|(_, g)| lender == Some(self.vnet) || g.is_lent());
        let all: Vec<GatewayId> = ours.map(|(id, _)| id).collect();
        let express = all.iter().any(|id| self.network[*id].kind == GatewayType::ExpressRoute);
        let fits = |gateway: &Gateway| {
            gateway.kind == GatewayType::Vpn && !(default && gateway.vpn_type == VpnType::PolicyBased)
        };
        match all.iter().find(|id| fits(&self.network[**id])) {
            Some(vpn) if !express && self.network[*vpn].running => NextHop::Gateway(*vpn),
            _ => NextHop::GatewayUnavailable,
        }
    }

    /// RT-18 to RT-21: the own network or a Connected peer, not recursive.
    fn appliance(&self, ip: IpAddr) -> Appliance {
        let network = self.network;
        let mut home = network[self.vnet].address_space.iter().any(|p| p.contains(&ip)).then_some(self.vnet);
        for (_, link) in network.connected_links_of(self.vnet) {
            if within_reach(network, link, ip) {
                home = home.or(Some(link.remote.value));
            }
        }
        let Some(home) = home else { return Appliance::NotAdjacent };
        let global = network[home].location != network[self.vnet].location;
        match self.owners[home.ix()].get(&ip).copied() {
            Some(AddressOwner::Nic(nic)) => Appliance::Nic(nic),
            Some(AddressOwner::Frontend(lb, frontend)) => Appliance::Balancer { lb, frontend, global },
            // FE-17 shows VPN gateways only.
            Some(AddressOwner::Gateway(gateway)) => match network[gateway].kind {
                GatewayType::Vpn => Appliance::Gateway(gateway),
                GatewayType::ExpressRoute => Appliance::Unknown,
            },
            Some(AddressOwner::PrivateEndpoint(_) | AddressOwner::RouteServer(_)) | None => Appliance::Nobody,
        }
    }

    /// Takes out what Azure does not list at all.
    fn withhold(&mut self) {
        let no_learning = self.table.is_some_and(|t| self.network[t].disable_bgp_route_propagation.value);
        let system_wins = self.network.semantics().bgp_vs_peering == BgpVsPeering::SystemWins;
        let prefixes = |of: fn(&RouteOrigin) -> bool| -> Vec<IpNet> {
            self.rows.iter().filter(|r| of(&r.origin)).map(|r| r.prefix).collect()
        };
        let near = prefixes(|o| matches!(o, RouteOrigin::AddressSpace(_) | RouteOrigin::Peering(_)));
        let endpoints = prefixes(|o| matches!(o, RouteOrigin::ServiceEndpoint(..)));
        for row in &mut self.rows {
            // A wider one before an equal one.
            let around = endpoints.iter().copied().filter(|outer| outer.contains(&row.prefix));
            let endpoint = around.min_by_key(|p| p.prefix_len());
            row.state = match row.source {
                RouteSource::VirtualNetworkGateway if no_learning => {
                    RouteState::Withheld(Withheld::PropagationDisabled)
                }
                RouteSource::VirtualNetworkGateway
                    if system_wins && near.iter().any(|outer| outer.contains(&row.prefix)) =>
                {
                    RouteState::Withheld(Withheld::InsideVnetOrPeer)
                }
                // RT-12 names endpoints too.
                RouteSource::VirtualNetworkGateway if system_wins && endpoint.is_some() => {
                    RouteState::Withheld(Withheld::InsideServiceEndpoint)
                }
                // RT-07, newest text: nothing overrides an endpoint. Equal prefixes are settled by rank.
                RouteSource::User | RouteSource::VirtualNetworkGateway
                    if endpoint.is_some_and(|outer| outer != row.prefix) =>
                {
                    RouteState::Unused(Withheld::InsideServiceEndpoint)
                }
                _ => RouteState::Active,
            };
        }
        for ix in 0..self.rows.len() {
            if self.rows[ix].origin == RouteOrigin::System
                && let Some(why) = self.system_route_gone(&self.rows[ix])
            {
                self.rows[ix].state = RouteState::Withheld(why);
            }
        }
    }

    fn inside(&self, prefix: IpNet, outer: impl Fn(&RibRoute) -> bool) -> bool {
        self.rows.iter().any(|r| outer(r) && r.prefix.contains(&prefix))
    }

    /// RT-03, RT-04, FE-01, FE-02, FE-28: None routes and the Default Internet route that vanish.
    fn system_route_gone(&self, row: &RibRoute) -> Option<Withheld> {
        let listed = |r: &&RibRoute| !matches!(r.state, RouteState::Withheld(_));
        let equal =
            |source| self.rows.iter().filter(listed).any(|r| r.source == source && r.prefix == row.prefix);
        if row.next_hop_type == NextHopType::Internet {
            return equal(RouteSource::VirtualNetworkGateway).then_some(Withheld::InternetLearned);
        }
        // RT-03 (a) and (b): own space equal to or around the None route; a peer's block equal to it.
        let own_space = self.inside(row.prefix, |r| matches!(r.origin, RouteOrigin::AddressSpace(_)));
        let peer =
            self.rows.iter().any(|r| matches!(r.origin, RouteOrigin::Peering(_)) && r.prefix == row.prefix);
        if own_space || peer || equal(RouteSource::User) || equal(RouteSource::VirtualNetworkGateway) {
            return Some(Withheld::NoneRouteReplaced);
        }
        self.default_replaced().then_some(Withheld::DefaultReplaced)
    }

    /// U-04: does a user or learned 0.0.0.0/0 remove the None routes?
    fn default_replaced(&self) -> bool {
        use NoneRoutesOnDefaultOverride as Switch;
        let switch = self.network.semantics().none_routes_on_default_override;
        let removes = |r: &RibRoute| match (switch, r.source) {
            (Switch::Keep, _) | (_, RouteSource::Default) => false,
            (Switch::Remove, _) | (Switch::Documented, RouteSource::VirtualNetworkGateway) => true,
            (Switch::Documented, RouteSource::User) => {
                matches!(r.next_hop_type, NextHopType::VirtualAppliance | NextHopType::VirtualNetworkGateway)
            }
        };
        let default = |r: &&RibRoute| r.prefix.prefix_len() == 0 && r.prefix.addr().is_ipv4();
        let listed = |r: &&RibRoute| !matches!(r.state, RouteState::Withheld(_));
        self.rows.iter().filter(default).filter(listed).any(removes)
    }

    /// Print order: each user route stands beside the system routes it competes with, losers first.
    fn sort(&mut self) {
        let groups: Vec<(u8, IpNet)> = self.rows.iter().map(|r| (self.group(r), r.prefix)).collect();
        let mut order: Vec<usize> = (0..self.rows.len()).collect();
        order.sort_by_key(|ix| (groups[*ix].0, self.rows[*ix].source, self.rows[*ix].line));
        self.rows = order.into_iter().map(|ix| self.rows[ix].clone()).collect();
    }

    /// Which kind of system route the row belongs to: that of the longest one around it.
    fn group(&self, row: &RibRoute) -> u8 {
        let own = |r: &RibRoute| match (&r.origin, r.next_hop_type) {
            (RouteOrigin::AddressSpace(_), _) => 0,
            (RouteOrigin::Peering(_), _) => 1,
            (RouteOrigin::Gateway(_) | RouteOrigin::RouteServer(..), _) => 2,
            (RouteOrigin::ServiceEndpoint(..) | RouteOrigin::PrivateEndpoint(_), _) => 3,
            (_, NextHopType::Internet) => 4,
            _ => 5,
        };
        if row.source != RouteSource::User {
            return own(row);
        }
        let system =
            self.rows.iter().filter(|r| r.source != RouteSource::User && r.prefix.contains(&row.prefix));
        system.max_by_key(|r| r.prefix.prefix_len()).map_or(4, own)
    }

    /// RT-08: a user route displaces a private endpoint where the endpoint's subnet lets route tables apply and
    /// the route is at least as long as the endpoint's block; one for just its address does so everywhere (FE-29).
    /// A VnetLocal route does not.
    fn displace_endpoints(&mut self, base: usize) {
        for ix in 0..self.rows.len() {
            let RouteOrigin::PrivateEndpoint(id) = self.rows[ix].origin else { continue };
            let endpoint = &self.network[id];
            let blocks = &self.network[endpoint.vnet].address_space;
            let block = blocks.iter().find(|b| b.contains(&endpoint.address));
            let enough = block.map_or(u8::MAX, |b| b.prefix_len());
            let applies = self.network[endpoint.subnet].private_endpoint_policies.routes();
            let own = self.rows[ix].prefix;
            let displaces = |row: &RibRoute| {
                row.source == RouteSource::User
                    && row.next_hop_type != NextHopType::VnetLocal
                    && (row.prefix == own || (applies && row.prefix.prefix_len() >= enough))
                    && row.prefix.contains(&endpoint.address)
            };
            let rivals = self.rows.iter().enumerate().filter(|(_, row)| displaces(row));
            if let Some((by, _)) = rivals.max_by_key(|(_, row)| row.prefix.prefix_len()) {
                self.rows[ix].state = RouteState::Invalid { by: RouteIx::new(base + by) };
            }
        }
    }

    /// RT-11: of equal prefixes the better source wins; the others are Invalid. Equals stay both Active.
    fn contest(&mut self, base: usize) {
        let mut rivals: BTreeMap<IpNet, Vec<usize>> = BTreeMap::new();
        let listed = |row: &RibRoute| matches!(row.state, RouteState::Active | RouteState::Unused(_));
        for (ix, row) in self.rows.iter().enumerate().filter(|(_, row)| listed(row)) {
            rivals.entry(row.prefix).or_default().push(ix);
        }
        for rivals in rivals.into_values() {
            let best = rivals.iter().map(|ix| self.rank(&self.rows[*ix])).max().unwrap_or_default();
            let winner = rivals.iter().copied().find(|ix| self.rank(&self.rows[*ix]) == best);
            for loser in rivals.into_iter().filter(|ix| self.rank(&self.rows[*ix]) < best).collect::<Vec<_>>()
            {
                if let Some(winner) = winner {
                    self.rows[loser].state = RouteState::Invalid { by: RouteIx::new(base + winner) };
                }
            }
        }
    }

    /// Precedence at equal prefix. Service endpoints beat everything (RT-07); then the source decides
    /// (RT-11), but for system routes of the own network and of peerings against learned ones (RT-12, U-03).
    fn rank(&self, row: &RibRoute) -> (u8, u8) {
        let system_wins = self.network.semantics().bgp_vs_peering == BgpVsPeering::SystemWins;
        match (&row.origin, row.source) {
            (RouteOrigin::ServiceEndpoint(..) | RouteOrigin::PrivateEndpoint(_), _) => (5, 0),
            (RouteOrigin::User { tag, .. }, _) => (4, tag_rank(tag.as_deref())),
            (RouteOrigin::AddressSpace(_) | RouteOrigin::Peering(_), _) if system_wins => (3, 0),
            (_, RouteSource::VirtualNetworkGateway) => (2, 0),
            (RouteOrigin::AddressSpace(_) | RouteOrigin::Peering(_), _) => (1, 0),
            _ => (0, 0),
        }
    }
}

/// RT-13: an explicit prefix beats a regional tag, that a top-level one, that `AzureCloud.region`, that `AzureCloud`.
fn tag_rank(tag: Option<&str>) -> u8 {
    let Some(tag) = tag else { return 4 };
    let (service, region) =
        tag.split_once('.').map_or((tag, None), |(service, region)| (service, Some(region)));
    match (service.eq_ignore_ascii_case("AzureCloud"), region) {
        (false, Some(_)) => 3,
        (false, None) => 2,
        (true, Some(_)) => 1,
        (true, None) => 0,
    }
}
