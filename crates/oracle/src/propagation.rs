//! Who learns which prefix from whom (Part 6): gateways over tunnels and circuits, and through route servers.
//!
//! Routes travel in rounds, like rumours, until nobody learns anything new. No route comes back to somebody whom
//! it has passed, and only the shortest ones are passed on.

use std::net::IpAddr;

use vnetsim_model::{Connection, ConnectionEnd, GatewayType, Network, SiteKind};
use vnetsim_types::{GatewayId, IpNet, SiteId, VnetId};

use crate::{
    route_server::{appliance_routes, branch_to_branch},
    topology::{connected_links, exchanged, lends_to, overlap},
};

/// A gateway or a site on a route's way.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Node {
    /// A gateway.
    Gateway(GatewayId),
    /// A site, a circuit, or the point-to-site clients.
    Site(SiteId),
}

/// A prefix that a gateway knows, or tells.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Learned {
    /// The prefix.
    pub(crate) prefix: IpNet,
    /// Who told it: where packets go.
    pub(crate) from: Node,
    /// Length of the path; what somebody configured has 0.
    pub(crate) length: usize,
    /// Learned by BGP, not configured.
    pub(crate) bgp: bool,
    /// Everybody on the way, whoever told it last at the end.
    passed: Vec<Node>,
}

/// What every gateway has learned.
pub(crate) struct Propagation<'a> {
    network: &'a Network,
    learned: Vec<Vec<Learned>>,
}

impl<'a> Propagation<'a> {
    /// Lets every route travel as far as it goes.
    pub(crate) fn of(network: &'a Network) -> Self {
        let count = network.gateways().len();
        let mut now = Self { network, learned: vec![Vec::new(); count] };
        // Each further gateway on a path takes one more round.
        for _ in 0..=2 * count {
            let learned = (0..count).map(|ix| now.hear(GatewayId::new(ix))).collect();
            if now.learned == learned {
                break;
            }
            now.learned = learned;
        }
        now
    }

    /// What `gateway` knows: of each prefix the shortest paths.
    pub(crate) fn known(&self, gateway: GatewayId) -> Vec<Learned> {
        let all = &self.learned[gateway.ix()];
        let shortest = |route: &&Learned| {
            !all.iter().any(|other| other.prefix == route.prefix && other.length < route.length)
        };
        all.iter().filter(shortest).cloned().collect()
    }

    /// Where `gateway` sends packets for `ip`: longest prefix, shortest path; several when they are equal.
    pub(crate) fn ways(&self, gateway: GatewayId, ip: IpAddr) -> Vec<Node> {
        let mut all = self.known(gateway);
        all.retain(|route| route.prefix.contains(&ip));
        let longest = all.iter().map(|route| route.prefix.prefix_len()).max();
        let mut nodes = Vec::new();
        for route in all.iter().filter(|route| Some(route.prefix.prefix_len()) == longest) {
            if !nodes.contains(&route.from) {
                nodes.push(route.from);
            }
        }
        nodes
    }

    /// One round of one gateway: everything that its connections tell it now.
    fn hear(&self, gateway: GatewayId) -> Vec<Learned> {
        let mut all = Vec::new();
        for connection in live_connections(self.network) {
            match connection.end_beyond(gateway) {
                Some(ConnectionEnd::Site(site)) => self.hear_site(connection, site, gateway, &mut all),
                Some(ConnectionEnd::Gateway(other)) => {
                    self.hear_gateway(connection.bgp, other, gateway, &mut all);
                }
                None => {}
            }
        }
        // GW-10: what is told by BGP and lies inside the own network is refused.
        let own = &self.network[self.network[gateway].vnet].address_space;
        all.retain(|route| !route.bgp || !own.iter().any(|block| block.contains(&route.prefix)));
        all.retain(|route| !route.passed.contains(&Node::Gateway(gateway)));
        all
    }

    /// GW-06, GW-16: what is configured for a site, what it advertises, and the other gateways of a circuit.
    fn hear_site(&self, connection: &Connection, site: SiteId, gateway: GatewayId, all: &mut Vec<Learned>) {
        let from = Node::Site(site);
        let new = |prefix, length, bgp| Learned { prefix, from, length, bgp, passed: vec![from] };
        let said = &self.network[site];
        all.extend(said.prefixes.iter().map(|prefix| new(prefix.value, 0, false)));
        if connection.bgp {
            all.extend(said.advertised.iter().map(|prefix| new(prefix.value, 1, true)));
        }
        if said.kind != SiteKind::Circuit {
            return;
        }
        for other in live_connections(self.network).filter(|c| c.end == ConnectionEnd::Site(site)) {
            if other.gateway != gateway {
                let told = self.told(other.gateway, from);
                all.extend(told.into_iter().map(|route| Learned { length: route.length + 2, ..route }));
            }
        }
    }

    /// GW-05, GW-08: without BGP only the other network and those that borrow its gateway are known (PEER-10).
    fn hear_gateway(&self, bgp: bool, other: GatewayId, to: GatewayId, all: &mut Vec<Learned>) {
        let from = Node::Gateway(other);
        if bgp {
            // FE-05: the speakers themselves are configured, not announced.
            for speaker in &self.network[other].instances {
                let prefix = IpNet::from(speaker.address);
                all.push(Learned { prefix, from, length: 0, bgp: false, passed: vec![from] });
            }
            let told = self.told(other, Node::Gateway(to));
            all.extend(told.into_iter().map(|route| Learned { length: route.length + 1, ..route }));
            return;
        }
        for prefix in self.reached_from(self.network[other].vnet, other) {
            all.push(Learned { prefix, from, length: 0, bgp: false, passed: vec![from] });
        }
    }

    /// GW-09, PEER-10: what `gateway` tells `listener` by BGP, or a device there was told of it.
    pub(crate) fn told(&self, gateway: GatewayId, listener: Node) -> Vec<Learned> {
        let from = Node::Gateway(gateway);
        let vnet = self.network[gateway].vnet;
        let mut all: Vec<Learned> = Vec::new();
        for prefix in self.reached_from(vnet, gateway) {
            all.push(Learned { prefix, from, length: 0, bgp: true, passed: vec![from] });
        }
        // GW-16: what one circuit says is not repeated to another one.
        if self.network[gateway].kind == GatewayType::Vpn {
            all.extend(self.passed_on(gateway).into_iter().map(|route| via(route, from)));
        }
        all.extend(self.other_branches(gateway).into_iter().map(|route| via(route, from)));
        all.retain(|route| !route.passed.contains(&listener));
        all
    }

    /// GW-13: with a route server that joins branches, also what the other gateway of the network and the
    /// appliances know.
    fn other_branches(&self, gateway: GatewayId) -> Vec<Learned> {
        let vnet = self.network[gateway].vnet;
        if !branch_to_branch(self.network, vnet) {
            return Vec::new();
        }
        let (mut all, mut appliances) = (Vec::new(), Vec::new());
        for (other, _) in self.network.gateways_of(vnet).filter(|(other, _)| *other != gateway) {
            let routes = self.passed_on(other).into_iter();
            let node = Node::Gateway(other);
            all.extend(routes.map(|route| Learned { length: route.length + 1, ..via(route, node) }));
        }
        for route in appliance_routes(self.network, vnet) {
            let (prefix, length, from) = (route.prefix, route.length, Node::Gateway(gateway));
            appliances.push(Learned { prefix, from, length, bgp: true, passed: Vec::new() });
        }
        // GW-10: inside the own network nothing is taken from them. GW-09 is about VPN gateways; a circuit hears the
        // summaries of appliances as they are.
        let own = &self.network[vnet].address_space;
        appliances.retain(|route| !own.iter().any(|block| block.contains(&route.prefix)));
        match self.network[gateway].kind {
            GatewayType::Vpn => all.append(&mut appliances),
            GatewayType::ExpressRoute => appliances.retain(|route| route.prefix.prefix_len() > 0),
        }
        let mut all = self.without_own_and_default(vnet, all);
        all.append(&mut appliances);
        all
    }

    /// The gateway's own network, and those that borrow it.
    fn reached_from(&self, vnet: VnetId, gateway: GatewayId) -> Vec<IpNet> {
        let own = self.network[vnet].address_space.iter().map(|block| block.value);
        let mut all: Vec<IpNet> = own.collect();
        for link in connected_links(self.network, vnet) {
            if lends_to(self.network, gateway, link.remote.value) {
                all.extend(exchanged(self.network, link));
            }
        }
        all
    }

    /// What `gateway` knows and may pass on.
    fn passed_on(&self, gateway: GatewayId) -> Vec<Learned> {
        self.without_own_and_default(self.network[gateway].vnet, self.known(gateway))
    }

    /// GW-09, GW-10, FE-02: never a default route, and nothing learned by BGP that overlaps the own network.
    fn without_own_and_default(&self, vnet: VnetId, mut all: Vec<Learned>) -> Vec<Learned> {
        let own = &self.network[vnet].address_space;
        all.retain(|route| route.prefix.prefix_len() > 0);
        all.retain(|route| !route.bgp || !own.iter().any(|block| overlap(&block.value, &route.prefix)));
        all
    }
}

/// `route` as `from` passes it on.
fn via(route: Learned, from: Node) -> Learned {
    let mut passed = route.passed;
    passed.push(from);
    Learned { from, bgp: true, passed, ..route }
}

/// Connections that exist and are up, between gateways that run.
pub(crate) fn live_connections(network: &Network) -> impl Iterator<Item = &Connection> {
    network.connections().iter().filter(|connection| {
        let alive = |gateway: GatewayId| !network[gateway].deleted && network[gateway].running;
        let far_alive = match connection.end {
            ConnectionEnd::Gateway(far) => alive(far),
            ConnectionEnd::Site(_) => true,
        };
        !connection.deleted && connection.up && alive(connection.gateway) && far_alive
    })
}
