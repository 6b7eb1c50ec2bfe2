//! Who teaches which prefixes to whom: sites, gateways, circuits, route servers and their appliances (Part 6).
//!
//! Gateways exchange prefixes until nothing changes, as BGP does; static prefixes take part like learned ones
//! (GW-09). Then each virtual network gets the best of what its own or borrowed gateways and route servers
//! know. Called by `rib`, `tags` and `tables`, once per compilation. Costs nothing per packet.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use vnetsim_model::{
    BgpPeer, BgpRoute, Connection, ConnectionEnd, Gateway, GatewayType, HubRoutingPreference, Network,
    SiteKind,
};
use vnetsim_types::{GatewayId, IpNet, RouteServerId, SiteId, VnetId};

/// Where a gateway has a prefix from.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Taught {
    /// Beyond one of its connections.
    Beyond(ConnectionEnd),
    /// From the other gateway or the appliances of its own network, by a route server (GW-13).
    Hub,
}

/// How good a path is, and whom it crosses.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Path {
    length: usize,
    /// Announced, not configured.
    bgp: bool,
    /// Learned by the other gateway of the network, and told by a route server.
    sibling: bool,
    /// Sites and gateways on the way; what one of them said is not told to it again.
    through: Vec<ConnectionEnd>,
}

type Table = BTreeMap<(IpNet, Taught), Path>;

/// What every gateway knows.
pub(crate) struct Propagation<'a> {
    network: &'a Network,
    tables: Vec<Table>,
}

/// A prefix that a virtual network learns.
#[derive(Clone, Debug)]
pub(crate) struct Learned {
    pub(crate) prefix: IpNet,
    pub(crate) hop: Hop,
    /// Number of autonomous systems on the way.
    pub(crate) length: usize,
    /// What the effective routes print as next hop.
    pub(crate) printed: IpAddr,
}

/// Who a learned route leads to.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Hop {
    /// A gateway.
    Gateway(GatewayId),
    /// An appliance that a route server learned from: the server and the position of the peer.
    Appliance(RouteServerId, usize),
}

impl<'a> Propagation<'a> {
    /// Lets the gateways of `network` talk until nothing changes.
    pub(crate) fn of(network: &'a Network) -> Self {
        let count = network.gateways().len();
        let mut all = Self { network, tables: vec![Table::new(); count] };
        // A path crosses each gateway at most once, so this many rounds are enough.
        for _ in 0..count + 2 {
            let next: Vec<Table> = (0..count).map(|ix| all.round(GatewayId::new(ix))).collect();
            if next == all.tables {
                break;
            }
            all.tables = next;
        }
        all
    }

    /// What `gateway` knows after its neighbours told it what they knew before.
    fn round(&self, gateway: GatewayId) -> Table {
        let mut table = Table::new();
        if self.network[gateway].deleted || !self.network[gateway].running {
            return table;
        }
        let network = self.network;
        for (_, connection, end) in
            network.connections_of(gateway).filter(|(_, c, _)| network.is_connected(c))
        {
            match end {
                ConnectionEnd::Site(site) => self.site_teaches(&mut table, gateway, site, connection.bgp),
                ConnectionEnd::Gateway(other) => {
                    self.gateway_teaches(&mut table, gateway, other, connection.bgp);
                }
            }
        }
        if let Some(server) = self.branch_server(gateway) {
            for peer in running_peers(self.network, server) {
                for route in accepted(&self.network[server].peers[peer]) {
                    let path = Path {
                        length: route.as_path.len() + 1,
                        bgp: true,
                        sibling: false,
                        through: Vec::new(),
                    };
                    self.add(&mut table, gateway, route.prefix.value, Taught::Hub, path);
                }
            }
            for sibling in self.siblings(gateway) {
                for ((prefix, from), path) in &self.tables[sibling.ix()] {
                    if matches!(from, Taught::Beyond(_))
                        && !path.through.contains(&ConnectionEnd::Gateway(gateway))
                    {
                        let path = Path {
                            length: path.length + 1,
                            bgp: true,
                            sibling: true,
                            through: path.through.clone(),
                        };
                        self.add(&mut table, gateway, *prefix, Taught::Hub, path);
                    }
                }
            }
        }
        table
    }

    fn site_teaches(&self, table: &mut Table, gateway: GatewayId, site: SiteId, bgp: bool) {
        let end = ConnectionEnd::Site(site);
        let known = &self.network[site];
        for prefix in &known.prefixes {
            let path =
                Path { length: 0, bgp: known.kind == SiteKind::Circuit, sibling: false, through: vec![end] };
            self.add(table, gateway, prefix.value, Taught::Beyond(end), path);
        }
        if bgp {
            for prefix in &known.advertised {
                let path = Path { length: 1, bgp: true, sibling: false, through: vec![end] };
                self.add(table, gateway, prefix.value, Taught::Beyond(end), path);
            }
        }
        if known.kind == SiteKind::Circuit {
            // GW-16: virtual networks on one circuit reach each other through it.
            for other in self.gateways_of_site(site).filter(|other| *other != gateway) {
                self.take(table, gateway, other, end, 2);
            }
        }
    }

    /// GW-05, GW-09: a neighbour's network, and over BGP what the neighbour knows itself. Either is reached by
    /// configured prefixes: the neighbour's networks, or over BGP the addresses of its speakers (FE-05).
    fn gateway_teaches(&self, table: &mut Table, gateway: GatewayId, other: GatewayId, bgp: bool) {
        let configured = match bgp {
            true => self.network[other].instances.iter().map(|i| IpNet::from(i.address)).collect(),
            false => self.served(other),
        };
        let end = ConnectionEnd::Gateway(other);
        let own = &self.network[self.network[gateway].vnet].address_space;
        let foreign = |prefix: &IpNet| !own.iter().any(|block| block.value == *prefix);
        for prefix in configured.into_iter().filter(foreign) {
            let path = Path { length: 0, bgp: false, sibling: false, through: vec![end] };
            self.add(table, gateway, prefix, Taught::Beyond(end), path);
        }
        if bgp {
            self.take(table, gateway, other, ConnectionEnd::Gateway(gateway), 1);
        }
    }

    /// `gateway` takes what `other` tells the neighbour that it calls `end`.
    fn take(&self, table: &mut Table, gateway: GatewayId, other: GatewayId, end: ConnectionEnd, more: usize) {
        for (prefix, path) in self.exports(other, end) {
            if !path.through.contains(&ConnectionEnd::Gateway(gateway)) {
                let from = Taught::Beyond(ConnectionEnd::Gateway(other));
                let through = path.through.iter().copied().chain([ConnectionEnd::Gateway(other)]).collect();
                let path = Path { length: path.length + more, bgp: true, sibling: false, through };
                self.add(table, gateway, prefix, from, path);
            }
        }
    }

    /// Keeps the shortest path per origin. GW-10: what is announced and lies inside the own network is refused.
    fn add(&self, table: &mut Table, gateway: GatewayId, prefix: IpNet, from: Taught, path: Path) {
        let space = &self.network[self.network[gateway].vnet].address_space;
        if path.bgp && space.iter().any(|block| block.contains(&prefix)) {
            return;
        }
        let known = table.entry((prefix, from)).or_insert_with(|| path.clone());
        if path.length < known.length {
            *known = path;
        }
    }

    /// GW-09: what `gateway` tells the neighbour at `end`: its own network, those that borrow it, and what it
    /// knows from elsewhere, but for what was announced and overlaps the own network. A default never goes on
    /// (FE-02). A circuit is told nothing of other tunnels
    /// unless a route server joins them (GW-13).
    fn exports(&self, gateway: GatewayId, end: ConnectionEnd) -> Vec<(IpNet, Path)> {
        let home = |prefix| (prefix, Path { length: 0, bgp: true, sibling: false, through: Vec::new() });
        let own = self.served(gateway).into_iter().map(home);
        let space = &self.network[self.network[gateway].vnet].address_space;
        let overlaps = |prefix: &IpNet| space.iter().any(|b| b.contains(prefix) || prefix.contains(&b.value));
        let mut all: Vec<(IpNet, Path)> = own.collect();
        let express = self.network[gateway].kind == GatewayType::ExpressRoute;
        for ((prefix, from), path) in &self.tables[gateway.ix()] {
            let goes_on = match from {
                Taught::Hub => !overlaps(prefix) || (express && !path.sibling),
                Taught::Beyond(origin) => !express && *origin != end && !(path.bgp && overlaps(prefix)),
            };
            if goes_on && prefix.prefix_len() > 0 && !path.through.contains(&end) {
                all.push((*prefix, path.clone()));
            }
        }
        all
    }

    /// The network of `gateway` and those that borrow it (PEER-10).
    pub(crate) fn served(&self, gateway: GatewayId) -> Vec<IpNet> {
        let network = self.network;
        let home = network[gateway].vnet;
        let mut all: Vec<IpNet> = network[home].address_space.iter().map(|p| p.value).collect();
        for (_, link) in network.connected_links_of(home).filter(|_| network[gateway].is_lent()) {
            if lender(network, link.remote.value) == Some(home) {
                all.extend(crate::peered_prefixes(network, link));
            }
        }
        all
    }

    /// The route server that lets `gateway` exchange prefixes with the rest of its network.
    fn branch_server(&self, gateway: GatewayId) -> Option<RouteServerId> {
        let vnet = self.network[gateway].vnet;
        self.network.route_servers_of(vnet).find(|(_, s)| s.branch_to_branch).map(|(id, _)| id)
    }

    fn siblings(&self, gateway: GatewayId) -> impl Iterator<Item = GatewayId> {
        let vnet = self.network[gateway].vnet;
        self.network.gateways_of(vnet).map(|(id, _)| id).filter(move |id| *id != gateway)
    }

    /// GW-13: gateways that `gateway` forwards to inside its own network.
    pub(crate) fn transit(&self, gateway: GatewayId) -> Vec<GatewayId> {
        match self.branch_server(gateway) {
            Some(_) => self.siblings(gateway).collect(),
            None => Vec::new(),
        }
    }

    /// Working connections to `site`, in their order.
    fn connections_of_site(&self, site: SiteId) -> impl Iterator<Item = &Connection> {
        let all = self.network.connections().iter().filter(|c| self.network.is_connected(c));
        all.filter(move |c| c.end == ConnectionEnd::Site(site))
    }

    /// Gateways with a working connection to `site`, in the order of the connections.
    pub(crate) fn gateways_of_site(&self, site: SiteId) -> impl Iterator<Item = GatewayId> {
        self.connections_of_site(site).map(|c| c.gateway)
    }

    /// Does every working connection of `site` tell it what it leads to?
    pub(crate) fn all_teach(&self, site: SiteId) -> bool {
        let mut ours = self.connections_of_site(site);
        ours.all(|c| c.bgp || self.network[site].kind != SiteKind::LocalNetworkGateway)
    }

    /// The gateways of `site`, those of connections without BGP first.
    pub(crate) fn untaught(&self, site: SiteId) -> impl Iterator<Item = GatewayId> {
        let ours = |bgp: bool| self.connections_of_site(site).filter(move |c| c.bgp == bgp);
        ours(false).chain(ours(true)).map(|c| c.gateway)
    }

    /// What lies beyond the connections of `gateway`, best path per prefix, longest prefix first.
    pub(crate) fn beyond(&self, gateway: GatewayId) -> Vec<(IpNet, ConnectionEnd)> {
        let table = &self.tables[gateway.ix()];
        let mut all: Vec<(IpNet, ConnectionEnd)> = Vec::new();
        for ((prefix, from), path) in table {
            let rivals = table.range((*prefix, Taught::Beyond(FIRST_END))..=(*prefix, Taught::Hub));
            let best = rivals.filter(|((_, f), _)| *f != Taught::Hub).map(|(_, p)| p.length).min();
            if let Taught::Beyond(end) = from
                && best == Some(path.length)
            {
                all.push((*prefix, *end));
            }
        }
        all.sort_by_key(|(prefix, _)| std::cmp::Reverse(prefix.prefix_len()));
        all
    }

    /// What `site` is told by BGP or at connect time, with the gateway that tells it and the length of its path; `None` when nothing tells it anything.
    pub(crate) fn told(&self, site: SiteId) -> Option<Vec<(IpNet, GatewayId, usize)>> {
        let end = ConnectionEnd::Site(site);
        let mut told: Option<Vec<(IpNet, GatewayId, usize)>> = None;
        // GW-20: clients get routes when they connect, though not to each other.
        let always = self.network[site].kind != SiteKind::LocalNetworkGateway;
        for connection in self.connections_of_site(site) {
            if connection.bgp || always {
                let exports = self.exports(connection.gateway, end);
                told.get_or_insert_default().extend(
                    exports.into_iter().map(|(prefix, path)| (prefix, connection.gateway, path.length)),
                );
            }
        }
        told
    }

    /// What `vnet` learns from its own gateways and route servers, or from those it borrows: the best routes
    /// per prefix, several where they are equal (FE-04, FE-06). `gateway_subnet` learns from appliances only
    /// where a route server joins branches.
    pub(crate) fn learned(&self, vnet: VnetId, gateway_subnet: bool) -> Vec<Learned> {
        let network = self.network;
        let Some(lender) = lender(network, vnet) else { return Vec::new() };
        let mut offers: Vec<Learned> = Vec::new();
        for (id, gateway) in network.gateways_of(lender).filter(|(_, g)| lender == vnet || g.is_lent()) {
            for ((prefix, from), path) in &self.tables[id.ix()] {
                let Taught::Beyond(_) = from else { continue };
                let printed = self.printed(id);
                offers.extend(printed.into_iter().map(|printed| Learned {
                    prefix: *prefix,
                    hop: Hop::Gateway(id),
                    length: path.length,
                    printed,
                }));
            }
            debug_assert!(!gateway.deleted, "gateways_of skips deleted ones");
        }
        let mut preference = HubRoutingPreference::ExpressRoute;
        for (id, server) in network.route_servers_of(lender) {
            preference = server.preference;
            for peer in running_peers(network, id).filter(|_| !gateway_subnet || server.branch_to_branch) {
                offers.extend(accepted(&server.peers[peer]).map(|route| Learned {
                    prefix: route.prefix.value,
                    hop: Hop::Appliance(id, peer),
                    length: route.as_path.len(),
                    printed: route.next_hop,
                }));
            }
        }
        best(network, preference, offers)
    }

    /// RT-06, FE-26: the public address of a VPN gateway with one instance, otherwise the private address of each
    /// instance.
    fn printed(&self, gateway: GatewayId) -> Vec<IpAddr> {
        let Gateway { instances, kind, .. } = &self.network[gateway];
        match instances.as_slice() {
            [one] if *kind == GatewayType::Vpn => vec![one.public_address.unwrap_or(one.address)],
            all => all.iter().map(|i| i.address).collect(),
        }
    }
}

const FIRST_END: ConnectionEnd = ConnectionEnd::Site(SiteId(0));

/// The network whose gateways and route servers serve `vnet`: itself, else the one it borrows from (PEER-09).
pub(crate) fn lender(network: &Network, vnet: VnetId) -> Option<VnetId> {
    let own = network.gateways_of(vnet).next().is_some() || network.route_servers_of(vnet).next().is_some();
    if own {
        return Some(vnet);
    }
    network.borrowed_gateway_link(vnet).map(|(_, link)| link.remote.value)
}

/// Positions of the peers of `server` whose machine runs, in its own network or a peer: a stopped appliance ends its
/// BGP session.
fn running_peers(network: &Network, server: RouteServerId) -> impl Iterator<Item = usize> {
    let home = network[server].vnet;
    let near = move |vnet: VnetId, address: IpAddr| {
        let link = network.connected_links_of(home).find(|(_, link)| link.remote.value == vnet);
        let held = |(_, link)| crate::peered_prefixes(network, link).iter().any(|p| p.contains(&address));
        vnet == home || link.is_some_and(held)
    };
    let runs = move |address: IpAddr| {
        let owner = network.nics().iter().find(|nic| nic.owns(address) && near(nic.vnet, address));
        owner.is_some_and(|nic| nic.vm.is_some_and(|vm| network[vm].running))
    };
    let peers = network[server].peers.iter().enumerate();
    peers.filter(move |(_, peer)| runs(peer.address)).map(|(ix, _)| ix)
}

/// What a route server takes from an appliance: BGP drops what already passed its own autonomous system.
fn accepted(peer: &BgpPeer) -> impl Iterator<Item = &BgpRoute> {
    const AZURE: u32 = 65_515; // GW-12
    peer.routes.iter().filter(|route| !route.as_path.contains(&AZURE))
}

/// The winners among `offers`, prefix by prefix: GW-13 and FE-06 without a route server, its preference with one.
fn best(network: &Network, preference: HubRoutingPreference, offers: Vec<Learned>) -> Vec<Learned> {
    let express = |offer: &Learned| match offer.hop {
        Hop::Gateway(id) => network[id].kind == GatewayType::ExpressRoute,
        Hop::Appliance(..) => false,
    };
    let rank = |offer: &Learned| match preference {
        HubRoutingPreference::ExpressRoute => (usize::from(!express(offer)), offer.length),
        HubRoutingPreference::VpnGateway => (usize::from(express(offer)), offer.length),
        HubRoutingPreference::AsPath => (offer.length, usize::from(!express(offer))),
    };
    let mut winners: BTreeMap<IpNet, (usize, usize)> = BTreeMap::new();
    for offer in &offers {
        let entry = winners.entry(offer.prefix).or_insert_with(|| rank(offer));
        *entry = rank(offer).min(*entry);
    }
    // FE-27: appliances that name the same next hop make one row.
    let taught_by = |offer: &Learned| match offer.hop {
        Hop::Gateway(id) => Some(id),
        Hop::Appliance(..) => None,
    };
    let mut seen: BTreeSet<(IpNet, Option<GatewayId>, IpAddr)> = BTreeSet::new();
    let wins = |offer: &Learned| winners.get(&offer.prefix) == Some(&rank(offer));
    let first = |offer: &Learned| seen.insert((offer.prefix, taught_by(offer), offer.printed));
    offers.into_iter().filter(wins).filter(first).collect()
}
