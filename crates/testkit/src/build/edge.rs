//! Gateways, sites, circuits, tunnels, route servers and private endpoints (Part 6 of the semantics).

use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
};

use vnetsim_model::{Era, GatewayType, HubRoutingPreference, VpnType, draft};
use vnetsim_types::{At, IpNet};

use super::{Build, pick};
use crate::plan::{ConnectionPlan, GatewayPlan, PeerPlan, Plan, PrefixPlan};

/// Pools of point-to-site clients.
const CLIENTS: [&str; 3] = ["172.31.200.0/24", "192.168.77.0/24", "10.0.0.0/24"];

/// First autonomous systems of gateways that say one, of sites, and of appliances.
const GATEWAY_ASN: u64 = 65_010;
const SITE_ASN: u64 = 65_101;
const PEER_ASN: u64 = 65_001;

impl Build {
    /// RT-08.
    pub(super) fn private_endpoints(&mut self, plan: &Plan) {
        for (ix, said) in plan.endpoints.iter().enumerate() {
            let home = usize::from(said.subnet) % self.homes.len();
            let (address, _) = self.address(home);
            self.endpoints.push(address);
            let vnet = self.homes[home].vnet;
            // NSG-21: group n lives in network n.
            let group = (said.group && vnet < 2).then(|| format!("asg{vnet}").into());
            self.draft.private_endpoints.push(draft::PrivateEndpoint {
                name: format!("pe{ix}").into(),
                subnet: self.homes[home].path.clone().into(),
                private_ip_address: Some(address.into()),
                application_security_groups: group.into_iter().collect(),
                ..Default::default()
            });
        }
    }

    /// GW-01, GW-02; GW-23: a single one in 2017.
    pub(super) fn gateways(&mut self, plan: &Plan) {
        let mut taken: BTreeSet<(usize, bool)> = BTreeSet::new();
        let mut at_home: BTreeMap<usize, u32> = BTreeMap::new();
        for said in &plan.gateways {
            let with: Vec<usize> = self.gateway_subnets.keys().copied().collect();
            let Some(vnet) = pick(&with, said.vnet).copied() else { continue };
            let beside = taken.contains(&(vnet, !said.express));
            let rival = taken.contains(&(vnet, said.express)) || self.era == Era::Y2017 && beside;
            if rival || beside && said.express && !self.lends(vnet) {
                continue;
            }
            // GW-13: beside ExpressRoute a VPN gateway is route-based and not Basic.
            let plain = GatewayPlan { policy_based: false, basic: false, ..said.clone() };
            let said = if beside { &plain } else { said };
            taken.insert((vnet, said.express));
            // The lowest free ones, in the order in which the check hands them out.
            let base = u32::from(self.gateway_subnets[&vnet].network());
            let count = at_home.entry(vnet).or_default();
            for _ in 0..1 + u32::from(said.active_active) {
                self.gateway_addresses.push(IpAddr::V4((base + 4 + *count).into()));
                *count += 1;
            }
            let gateway = self.gateway(said, vnet);
            self.draft.virtual_network_gateways.push(gateway);
        }
    }

    fn gateway(&mut self, said: &GatewayPlan, vnet: usize) -> draft::VirtualNetworkGateway {
        let kind = if said.express { GatewayType::ExpressRoute } else { GatewayType::Vpn };
        let policy_based = said.policy_based && !said.express;
        let instances = if !said.public { 0 } else { 1 + usize::from(said.active_active) };
        let configurations = (0..instances).map(|_| draft::GatewayIpConfiguration {
            public_ip_address: Some(self.public_address(false)),
            ..Default::default()
        });
        let ip_configurations = configurations.collect();
        // GW-20: point-to-site is for route-based VPN gateways.
        let clients = said.clients.filter(|_| !said.express && !policy_based);
        let pool = clients.map(|number| CLIENTS[usize::from(number) % CLIENTS.len()]);
        let count = self.draft.virtual_network_gateways.len();
        draft::VirtualNetworkGateway {
            span: Default::default(),
            name: format!("gw{count}").into(),
            gateway_type: kind.into(),
            virtual_network: format!("vnet{vnet}").into(),
            ip_configurations,
            active_active: said.active_active.then(|| true.into()),
            vpn_type: policy_based.then(|| VpnType::PolicyBased.into()),
            sku: (said.basic && !said.express).then(|| "Basic".to_owned().into()),
            asn: said.own_asn.then(|| At::from(GATEWAY_ASN + count as u64)),
            client_address_pool: pool
                .into_iter()
                .filter_map(|text| text.parse::<IpNet>().ok())
                .map(At::from)
                .collect(),
        }
    }

    /// Local network gateways, circuits, and connections to them and between gateways.
    pub(super) fn sites(&mut self, plan: &Plan) {
        for (ix, said) in plan.sites.iter().enumerate() {
            let name = format!("site{ix}");
            let number = ix as u64;
            let speaker = said.speaker.then(|| IpAddr::from([10, 250, 0, ix as u8 + 1]));
            let site = draft::LocalNetworkGateway {
                name: name.clone().into(),
                address_prefixes: self.prefixes(&said.prefixes),
                known_prefixes: said.known.as_ref().map(|known| self.prefixes(known)),
                bgp_peering_address: speaker.map(At::from),
                asn: said.asn.then(|| At::from(SITE_ASN + number)),
                advertised_prefixes: self.prefixes(&said.advertised),
                ..Default::default()
            };
            self.draft.local_network_gateways.push(site);
            self.connections(&said.connections, &draft::ConnectionEnd::LocalNetworkGateway(name.into()));
        }
        for (ix, said) in plan.circuits.iter().enumerate() {
            let name = format!("circuit{ix}");
            let circuit = draft::ExpressRouteCircuit {
                name: name.clone().into(),
                advertised_prefixes: self.prefixes(&said.advertised),
                known_prefixes: said.known.as_ref().map(|known| self.prefixes(known)),
                ..Default::default()
            };
            self.draft.express_route_circuits.push(circuit);
            self.connections(&said.connections, &draft::ConnectionEnd::Circuit(name.into()));
        }
        self.tunnels(plan);
    }

    fn prefixes(&self, said: &[PrefixPlan]) -> Vec<At<IpNet>> {
        let mut all: Vec<At<IpNet>> = Vec::new();
        for prefix in said.iter().filter_map(|said| self.prefix(said)) {
            if all.iter().all(|known| known.value != prefix) {
                all.push(prefix.into());
            }
        }
        all
    }

    /// Names of the gateways of `kind`, each with whether it is policy-based.
    fn gateways_of_kind(&self, kind: GatewayType) -> Vec<(draft::Ref, bool)> {
        let all = self.draft.virtual_network_gateways.iter().filter(|g| g.gateway_type.value == kind);
        all.map(|g| (g.name.clone(), g.vpn_type.is_some())).collect()
    }

    fn is_connected(&self, gateway: &draft::Ref) -> bool {
        let touches = |c: &draft::Connection| match &c.end {
            draft::ConnectionEnd::VirtualNetworkGateway(far) => far.value == gateway.value,
            _ => false,
        };
        self.draft.connections.iter().any(|c| c.virtual_network_gateway.value == gateway.value || touches(c))
    }

    fn connections(&mut self, plans: &[ConnectionPlan], end: &draft::ConnectionEnd) {
        let circuit = matches!(end, draft::ConnectionEnd::Circuit(_));
        let kind = if circuit { GatewayType::ExpressRoute } else { GatewayType::Vpn };
        let mut taken: Vec<String> = Vec::new();
        for said in plans {
            let all = self.gateways_of_kind(kind);
            let Some((gateway, policy_based)) = pick(&all, said.gateway).cloned() else { continue };
            // GW-03: a policy-based gateway has one tunnel.
            if taken.contains(&gateway.value) || policy_based && self.is_connected(&gateway) {
                continue;
            }
            taken.push(gateway.value.clone());
            self.connect(gateway, end.clone(), said.bgp && !policy_based && !circuit, said.down);
        }
    }

    fn connect(&mut self, gateway: draft::Ref, end: draft::ConnectionEnd, bgp: bool, down: bool) {
        self.draft.connections.push(draft::Connection {
            span: Default::default(),
            name: format!("connection{}", self.draft.connections.len()).into(),
            virtual_network_gateway: gateway,
            end,
            enable_bgp: bgp.then(|| true.into()),
            up: down.then(|| false.into()),
        });
    }

    /// GW-05: between route-based VPN gateways, each pair once.
    fn tunnels(&mut self, plan: &Plan) {
        let all: Vec<draft::Ref> = self
            .gateways_of_kind(GatewayType::Vpn)
            .into_iter()
            .filter(|(_, p)| !p)
            .map(|(name, _)| name)
            .collect();
        let mut taken: BTreeSet<(String, String)> = BTreeSet::new();
        for said in &plan.tunnels {
            let (Some(a), Some(b)) = (pick(&all, said.ends.0), pick(&all, said.ends.1)) else { continue };
            let pair = (a.value.clone().min(b.value.clone()), a.value.clone().max(b.value.clone()));
            if a.value == b.value || !taken.insert(pair) {
                continue;
            }
            let far = |name: &draft::Ref| draft::ConnectionEnd::VirtualNetworkGateway(name.clone());
            self.connect(a.clone(), far(b), said.bgp, said.down);
            if said.both {
                self.connect(b.clone(), far(a), said.bgp, said.down);
            }
        }
    }

    /// At most one per network; their peers follow once the links are there.
    pub(super) fn route_servers(&mut self, plan: &Plan) {
        let mut taken: Vec<usize> = Vec::new();
        for said in &plan.servers {
            let with: Vec<usize> =
                self.server_subnets.keys().copied().filter(|v| !taken.contains(v)).collect();
            let Some(vnet) = pick(&with, said.vnet).copied() else { continue };
            taken.push(vnet);
            let base = u32::from(self.server_subnets[&vnet].network());
            self.gateway_addresses.extend([4, 5].map(|host| IpAddr::V4((base + host).into())));
            let all = HubRoutingPreference::ALL;
            let (_, preference) = all[usize::from(said.preference) % all.len()];
            self.draft.route_servers.push(draft::RouteServer {
                name: format!("rs{vnet}").into(),
                virtual_network: format!("vnet{vnet}").into(),
                allow_branch_to_branch_traffic: said.branches.then(|| true.into()),
                hub_routing_preference: (said.preference != 0).then(|| preference.into()),
                ..Default::default()
            });
        }
    }

    pub(super) fn route_server_peers(&mut self, plan: &Plan) {
        for ix in 0..self.draft.route_servers.len() {
            let home = self.draft.route_servers[ix].virtual_network.value.clone();
            let vnet = self.draft.virtual_networks.iter().position(|v| v.name.value == home);
            let Some(vnet) = vnet else { continue };
            let mut near = self.peers(vnet);
            near.push(vnet);
            let peers = plan.servers.get(ix).map_or(&[][..], |said| &said.peers);
            let mut made: Vec<draft::BgpConnection> = Vec::new();
            for said in peers {
                let fits = |card: &&super::Card| card.forwards && near.contains(&card.vnet);
                let cards: Vec<_> = self.cards.iter().filter(fits).collect();
                let Some(address) = pick(&cards, said.nic).map(|card| card.v4) else { continue };
                if made.iter().any(|peer| peer.peer_ip == Some(address.into())) {
                    continue;
                }
                made.push(self.bgp_peer(made.len(), address, said));
            }
            self.draft.route_servers[ix].bgp_connections = made;
        }
    }

    fn bgp_peer(&self, number: usize, address: IpAddr, plan: &PeerPlan) -> draft::BgpConnection {
        let said_asn = u64::from(plan.asn);
        let asn = PEER_ASN + said_asn;
        let mut routes: Vec<draft::AdvertisedRoute> = Vec::new();
        for said in &plan.routes {
            let hop = said.hop.as_ref().and_then(|hop| {
                let v6 = said.prefixes.iter().filter_map(|p| self.prefix(p)).next()?.addr().is_ipv6();
                self.hop(hop, v6)?.1
            });
            let v6 = hop.unwrap_or(address).is_ipv6();
            let mut prefixes = self.prefixes(&said.prefixes);
            prefixes.retain(|prefix| {
                let known = routes.iter().flat_map(|route| &route.address_prefixes);
                prefix.value.addr().is_ipv6() == v6
                    && known.into_iter().all(|other| other.value != prefix.value)
            });
            if !prefixes.is_empty() {
                let path = said.path.map(|more| {
                    let beyond = (0..u64::from(more)).map(|n| At::from(64_600 + n));
                    [At::from(asn)].into_iter().chain(beyond).collect()
                });
                routes.push(draft::AdvertisedRoute {
                    address_prefixes: prefixes,
                    next_hop_ip_address: hop.map(At::from),
                    as_path: path,
                });
            }
        }
        draft::BgpConnection {
            name: format!("peer{number}").into(),
            peer_ip: Some(address.into()),
            peer_asn: (said_asn != 0).then(|| At::from(asn)),
            routes,
            ..Default::default()
        }
    }

    /// Something that can be borrowed: GW-07 leaves out what is Basic, which policy-based gateways always are.
    pub(super) fn lends(&self, vnet: usize) -> bool {
        let name = &self.draft.virtual_networks[vnet].name.value;
        let gateway = self
            .draft
            .virtual_network_gateways
            .iter()
            .any(|g| g.virtual_network.value == *name && g.vpn_type.is_none() && g.sku.is_none());
        gateway || self.draft.route_servers.iter().any(|s| s.virtual_network.value == *name)
    }

    /// A gateway or a route server (PEER-09).
    pub(super) fn has_gateway(&self, vnet: usize) -> bool {
        let name = &self.draft.virtual_networks[vnet].name.value;
        let gateway = self.draft.virtual_network_gateways.iter().any(|g| g.virtual_network.value == *name);
        gateway || self.draft.route_servers.iter().any(|s| s.virtual_network.value == *name)
    }
}
