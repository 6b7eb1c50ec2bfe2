//! Which edits are worth trying for a flow: those of objects that its packets met, or that its two ends have near them.
//!
//! Owns the space of the search, in a fixed order. Must never judge an edit: most of these are wrong, and the simulation says
//! which are right.

use std::{
    collections::BTreeSet,
    net::{IpAddr, Ipv4Addr},
};

use vnetsim_model::{LbTarget, Network, Role, Snat, Traffic, UserNextHop, draft::Draft};
use vnetsim_trace::Explainer;
use vnetsim_types::{IpNet, NicId, Place, RouteTableId, Step, SubnetId, TrafficId, VnetId};

use super::edit::{Edit, Hop, PeeringFlag, is_half, route_name};
use crate::Played;

/// A route is narrowed to at most so many subnets.
const PARTS_MAX: usize = 8;

/// What a flow should do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Wish {
    /// Arrive, perhaps by another way.
    Pass,
    /// Die.
    Die,
}

/// The edits to try for traffic entry `id` of a run, single ones and such that belong together.
pub(super) fn candidates(draft: &Draft, played: &Played, id: TrafficId, wish: Wish) -> Vec<Vec<Edit>> {
    let mut space = Space::of(draft, played, id);
    if wish == Wish::Die {
        space.denials();
        return space.all;
    }
    space.peerings();
    space.machines();
    space.routes();
    space.tables();
    space.rules();
    space.balancers();
    space.services();
    space.all
}

pub(super) struct Space<'a> {
    pub(super) network: &'a Network,
    pub(super) explainer: Explainer<'a>,
    pub(super) traffic: &'a Traffic,
    pub(super) played: &'a Played,
    pub(super) id: TrafficId,
    /// Networks that the packets met, those of the ends, and hubs between them.
    pub(super) vnets: BTreeSet<VnetId>,
    pub(super) subnets: BTreeSet<SubnetId>,
    pub(super) nics: BTreeSet<NicId>,
    /// Names of NAT gateways that the file has.
    pub(super) nat_gateways: Vec<String>,
    pub(super) all: Vec<Vec<Edit>>,
}

impl<'a> Space<'a> {
    fn of(draft: &Draft, played: &'a Played, id: TrafficId) -> Self {
        let mut space = Self {
            network: &played.report.epochs[0].network,
            explainer: played.explainer(),
            traffic: &played.traffic[id.ix()],
            played,
            id,
            vnets: BTreeSet::new(),
            subnets: BTreeSet::new(),
            nics: BTreeSet::new(),
            nat_gateways: draft.nat_gateways.iter().map(|nat| nat.name.value.clone()).collect(),
            all: Vec::new(),
        };
        space.meet();
        space
    }

    pub(super) fn add(&mut self, edits: Vec<Edit>) {
        if !edits.is_empty() && !self.all.contains(&edits) {
            self.all.push(edits);
        }
    }

    /// Everything near the flow.
    fn meet(&mut self) {
        let network = self.network;
        let asked = self.traffic.to.address;
        for lb in network.load_balancers().iter().filter(|lb| lb.frontends.iter().any(|f| f.address == asked))
        {
            for (nic, _) in lb.pools.iter().flatten() {
                self.meet_place(Place::Nic(*nic));
            }
        }
        for end in [self.traffic.from, self.traffic.to] {
            self.meet_place(end.place);
            // Frontends of balancers belong to nobody but their network.
            let holds =
                |vnet: &vnetsim_model::Vnet| vnet.address_space.iter().any(|b| b.contains(&end.address));
            let homes = network.existing_vnets().filter(|(_, vnet)| holds(vnet)).map(|(id, _)| id);
            if !matches!(end.place, Place::Site(_)) {
                self.vnets.extend(homes);
            }
        }
        for packet in self.played.trace.conversations_of(self.id).flat_map(|trace| &trace.packets) {
            for (_, step) in &packet.steps {
                match *step {
                    Step::Route { subnet, .. } => self.meet_subnet(subnet),
                    Step::Delivered { to, .. } => self.meet_place(to),
                    Step::Dropped { at, .. } => self.meet_place(at),
                    Step::Appliance { nic_in, nic_out, .. } => {
                        self.meet_place(Place::Nic(nic_in));
                        self.meet_place(Place::Nic(nic_out));
                    }
                    Step::Gateway { gateway, .. } => self.meet_place(Place::Gateway(gateway)),
                    _ => {}
                }
            }
        }
        // Neighbours with appliances or gateways: where a packet should have gone.
        let met: Vec<VnetId> = self.vnets.iter().copied().collect();
        let neighbours = network.existing_links().filter(|(_, link)| met.contains(&link.vnet));
        for vnet in neighbours.map(|(_, link)| link.remote.value) {
            let forwards = network.nics().iter().any(|nic| nic.vnet == vnet && is_appliance(network, nic.vm));
            if forwards || network.gateways_of(vnet).next().is_some() {
                self.vnets.insert(vnet);
            }
        }
        for (ix, nic) in network.nics().iter().enumerate() {
            if self.vnets.contains(&nic.vnet) && is_appliance(network, nic.vm) {
                self.nics.insert(NicId::new(ix));
                self.subnets.insert(nic.subnet);
            }
        }
        let gateways = self.vnets.iter().flat_map(|vnet| network.gateways_of(*vnet));
        self.subnets.extend(gateways.map(|(_, gateway)| gateway.subnet));
    }

    fn meet_subnet(&mut self, subnet: SubnetId) {
        self.subnets.insert(subnet);
        self.vnets.insert(self.network[subnet].vnet);
    }

    fn meet_place(&mut self, place: Place) {
        match place {
            Place::Nic(nic) => {
                self.nics.insert(nic);
                self.meet_subnet(self.network[nic].subnet);
            }
            Place::Gateway(gateway) => self.meet_subnet(self.network[gateway].subnet),
            Place::PrivateEndpoint(id) => self.meet_subnet(self.network[id].subnet),
            Place::Site(site) => {
                let network = self.network;
                let ends = |c: &&vnetsim_model::Connection| c.end == vnetsim_model::ConnectionEnd::Site(site);
                for connection in network.connections().iter().filter(ends) {
                    self.meet_subnet(network[connection.gateway].subnet);
                }
            }
            Place::Internet | Place::Platform => {}
        }
    }

    /// Flags, copies of address spaces, links that are missing.
    fn peerings(&mut self) {
        let network = self.network;
        for (id, link) in network.existing_links().filter(|(_, link)| !link.implied) {
            if !self.vnets.contains(&link.vnet) {
                continue;
            }
            let (vnet, name) = (network[link.vnet].name.value.clone(), link.name.value.clone());
            let remote = network[link.remote.value].name.value.clone();
            let flag = |flag| Edit::Flag { vnet: vnet.clone(), link: name.clone(), flag };
            if !link.allow_forwarded_traffic.value {
                self.add(vec![flag(PeeringFlag::ForwardedTraffic)]);
            }
            if !link.allow_virtual_network_access.value {
                self.add(vec![flag(PeeringFlag::VirtualNetworkAccess)]);
            }
            if network.sync_level(id) != vnetsim_model::PeeringSyncLevel::FullyInSync {
                self.add(vec![Edit::Sync { vnet: vnet.clone(), link: name.clone() }]);
            }
            let Some((_, back)) = network.link_between(link.remote.value, link.vnet) else {
                let link = format!("{remote}-to-{vnet}");
                self.add(vec![Edit::CreateLink { vnet: remote, link, remote: vnet }]);
                continue;
            };
            if is_half(link.state) {
                self.add(vec![Edit::CreateLink {
                    vnet: vnet.clone(),
                    link: name.clone(),
                    remote: remote.clone(),
                }]);
            }
            let lend =
                Edit::Flag { vnet: remote, link: back.name.value.clone(), flag: PeeringFlag::GatewayTransit };
            let lent = back.allow_gateway_transit.value;
            match (link.use_remote_gateways.value, lent) {
                (false, true) => self.add(vec![flag(PeeringFlag::RemoteGateways)]),
                (true, false) => self.add(vec![lend]),
                (false, false) => self.add(vec![lend, flag(PeeringFlag::RemoteGateways)]),
                (true, true) => {}
            }
        }
    }

    /// Forwarding, translation, machines that stand still.
    fn machines(&mut self) {
        let network = self.network;
        for nic in self.nics.clone() {
            let interface = &network[nic];
            if !interface.enable_ip_forwarding.value {
                self.add(vec![Edit::IpForwarding { nic: interface.name.value.clone() }]);
            }
            let Some(vm) = interface.vm.map(|vm| &network[vm]) else { continue };
            let name = || vm.name.value.clone();
            if !vm.running {
                self.add(vec![Edit::Start { vm: name() }]);
            }
            if !vm.guest.ip_forwarding.value && interface.enable_ip_forwarding.value {
                self.add(vec![Edit::GuestForwarding { vm: name() }]);
            }
            if vm.guest.role != Role::Host {
                let more = [Snat::Internet, Snat::Always].into_iter().filter(|snat| *snat > vm.guest.snat);
                for snat in more {
                    self.add(vec![Edit::SourceNat { vm: name(), snat }]);
                }
            }
        }
    }

    /// The blocks of addresses that stand for the two ends.
    pub(super) fn blocks(&self) -> Vec<IpNet> {
        let network = self.network;
        let mut all = Vec::new();
        for end in [&self.traffic.from, &self.traffic.to] {
            match end.place {
                Place::Site(site) => {
                    let site = &network[site];
                    let prefixes = site.prefixes.iter().chain(&site.advertised).map(|p| p.value);
                    all.extend(prefixes.filter(|p| p.contains(&end.address) && p.prefix_len() > 0));
                }
                Place::PrivateEndpoint(id) => {
                    all.extend(network[network[id].subnet].prefixes.iter().map(|p| p.value));
                    all.push(end.address.into());
                }
                Place::Nic(nic) => {
                    let blocks = network[network[nic].vnet].address_space.iter().map(|p| p.value);
                    all.extend(blocks.filter(|block| block.contains(&end.address)));
                }
                _ => all.push(end.address.into()),
            }
        }
        all.dedup();
        all
    }

    /// The addresses by which appliances near the flow can be named.
    ///
    /// Frontends first: a single machine behind one is the poorer choice.
    fn hops(&self) -> Vec<IpAddr> {
        let network = self.network;
        let mut all = BTreeSet::new();
        let mut balanced = BTreeSet::new();
        for table in network.route_tables() {
            all.extend(table.routes.iter().filter_map(|route| match route.next_hop {
                UserNextHop::VirtualAppliance(ip) => Some(ip),
                _ => None,
            }));
        }
        for nic in network.nics().iter().filter(|nic| is_appliance(network, nic.vm)) {
            all.extend(nic.ip_configurations.iter().map(|config| config.address));
        }
        for lb in network.load_balancers() {
            let of_appliances = |frontend: usize| {
                lb.rules.iter().any(|rule| match rule.target {
                    LbTarget::Pool(pool) if rule.frontend == frontend => {
                        lb.pools[pool].iter().any(|(nic, _)| is_appliance(network, network[*nic].vm))
                    }
                    _ => false,
                })
            };
            let frontends = lb.frontends.iter().enumerate().filter(|(_, f)| f.vnet.is_some());
            balanced.extend(frontends.filter(|(at, _)| of_appliances(*at)).map(|(_, f)| f.address));
        }
        all.retain(|address| !balanced.contains(address));
        balanced.into_iter().chain(all).collect()
    }

    /// Routes that are missing.
    fn routes(&mut self) {
        let (network, blocks, hops) = (self.network, self.blocks(), self.hops());
        for subnet in self.subnets.clone() {
            let home = network[subnet].vnet;
            let own = |block: &IpNet| network[home].address_space.iter().any(|p| p.value.contains(block));
            let near = |ip: IpAddr| {
                let inside = |vnet: VnetId| network[vnet].address_space.iter().any(|p| p.contains(&ip));
                inside(home) || network.connected_links_of(home).any(|(_, l)| inside(l.remote.value))
            };
            for block in blocks.iter().filter(|block| !own(block)) {
                for hop in hops.iter().copied().filter(|hop| near(*hop)) {
                    self.add_route(subnet, *block, Hop::Appliance(hop));
                }
                if block.prefix_len() == 32 || block.prefix_len() == 128 {
                    self.add_route(subnet, *block, Hop::Internet);
                }
            }
        }
    }

    fn add_route(&mut self, subnet: SubnetId, prefix: IpNet, hop: Hop) {
        let network = self.network;
        if !network[subnet].takes_route_table()
            || (network[subnet].is_gateway_subnet() && self.is_outside(prefix))
        {
            return;
        }
        let path = network.subnet_path(subnet);
        let known = network[subnet].route_table.as_ref().map(|table| &network[table.value]);
        let new_name = format!("rt-{}", path.replace('/', "-"));
        let taken = known.is_some_and(|table| {
            let same = |route: &vnetsim_model::UserRoute| route.prefixes.contains(&prefix);
            let named = |route: &vnetsim_model::UserRoute| route.name.value == route_name(prefix);
            table.routes.iter().any(|route| same(route) || named(route))
        });
        if taken || (known.is_none() && network.route_tables().iter().any(|t| t.name.value == new_name)) {
            return;
        }
        let table = known.map_or(new_name, |table| table.name.value.clone());
        self.add(vec![Edit::AddRoute { subnet: path, table, new_table: known.is_none(), prefix, hop }]);
    }

    /// Routes and tables that are wrong.
    fn tables(&mut self) {
        let (network, hops) = (self.network, self.hops());
        let ends = [self.traffic.from.address, self.traffic.to.address];
        for subnet in self.subnets.clone() {
            let path = network.subnet_path(subnet);
            let own = network[subnet].route_table.as_ref().map(|table| table.value);
            for table in self.tables_for(subnet).into_iter().filter(|table| own != Some(*table)) {
                let table = Some(network[table].name.value.clone());
                self.add(vec![Edit::Associate { subnet: path.clone(), table, replaces: own.is_some() }]);
            }
            let Some(table) = own.map(|table| &network[table]) else { continue };
            let name = || table.name.value.clone();
            let disable = !table.disable_bgp_route_propagation.value;
            self.add(vec![Edit::Propagation { table: name(), disable }]);
            self.add(vec![Edit::Associate { subnet: path.clone(), table: None, replaces: true }]);
            let decides = |route: &&vnetsim_model::UserRoute| {
                route.prefixes.iter().any(|prefix| ends.iter().any(|ip| prefix.contains(ip)))
            };
            for route in table.routes.iter().filter(decides) {
                let route_name = || route.name.value.clone();
                if let UserNextHop::VirtualAppliance(now) = route.next_hop {
                    for address in hops.iter().copied().filter(|hop| *hop != now) {
                        let balanced = network
                            .load_balancers()
                            .iter()
                            .any(|lb| lb.frontends.iter().any(|f| f.address == address));
                        let (table, route) = (name(), route_name());
                        self.add(vec![Edit::NextHop { table, route, address, balanced }]);
                    }
                }
                for prefix in self.parts_of(route) {
                    self.add(vec![Edit::Prefix { table: name(), route: route_name(), prefix }]);
                }
                self.add(vec![Edit::RemoveRoute { table: name(), route: route_name() }]);
            }
        }
    }

    /// The subnets inside a route's prefix that hold neither end of the flow: what it may have been meant for.
    fn parts_of(&self, route: &vnetsim_model::UserRoute) -> Vec<IpNet> {
        let ends = [self.traffic.from.address, self.traffic.to.address];
        let inside = |p: &IpNet| {
            route.prefixes.iter().any(|whole| whole.prefix_len() > 0 && whole != p && whole.contains(p))
        };
        let subnets = self.network.subnets().iter().flat_map(|subnet| &subnet.prefixes).map(|p| p.value);
        subnets.filter(|p| inside(p) && !ends.iter().any(|end| p.contains(end))).take(PARTS_MAX).collect()
    }

    /// Tables that a subnet may be given: those of most other subnets first, none that only GatewaySubnet has.
    fn tables_for(&self, subnet: SubnetId) -> Vec<RouteTableId> {
        let network = self.network;
        if !network[subnet].takes_route_table() || network[subnet].is_gateway_subnet() {
            return Vec::new();
        }
        let users = |table: RouteTableId| {
            let all = (0..network.subnets().len()).map(SubnetId::new);
            let has = move |s: &SubnetId| network[*s].route_table.as_ref().is_some_and(|t| t.value == table);
            all.filter(has).collect::<Vec<_>>()
        };
        let tables = (0..network.route_tables().len()).map(RouteTableId::new);
        let mut all: Vec<(usize, RouteTableId)> = tables
            .map(|table| (users(table), table))
            .filter(|(users, _)| users.is_empty() || users.iter().any(|s| !network[*s].is_gateway_subnet()))
            .map(|(users, table)| (users.len(), table))
            .collect();
        all.sort_by_key(|(users, table)| (std::cmp::Reverse(*users), *table));
        all.into_iter().map(|(_, table)| table).collect()
    }

    /// A prefix of no virtual network: what GatewaySubnet sends to an appliance comes back to it for ever.
    fn is_outside(&self, prefix: IpNet) -> bool {
        let blocks = self.network.existing_vnets().flat_map(|(_, vnet)| &vnet.address_space);
        blocks.into_iter().all(|block| !block.contains(&prefix.addr()))
    }

    /// Endpoints' policies, ways out, what sites know.
    fn services(&mut self) {
        let network = self.network;
        for subnet in self.subnets.clone() {
            for endpoint in &network[subnet].service_endpoints {
                let (subnet, service) = (network.subnet_path(subnet), endpoint.value.clone());
                self.add(vec![Edit::NoServiceEndpoint { subnet, service }]);
            }
        }
        for endpoint in network.private_endpoints() {
            if self.vnets.contains(&endpoint.vnet)
                && !network[endpoint.subnet].private_endpoint_policies.routes()
            {
                self.add(vec![Edit::EndpointPolicies { subnet: network.subnet_path(endpoint.subnet) }]);
            }
        }
        if let Place::Nic(nic) = self.traffic.from.place
            && self.traffic.to.place == Place::Internet
            && network[network[nic].subnet].nat_gateway.is_empty()
        {
            let subnet = network.subnet_path(network[nic].subnet);
            for name in self.nat_gateways.clone() {
                self.add(vec![Edit::NatGateway { subnet: subnet.clone(), name, address: None }]);
            }
            let name = format!("nat-{}", subnet.replace('/', "-"));
            self.add(vec![Edit::NatGateway { subnet, name, address: Some(self.free_public_address()) }]);
        }
        for end in [self.traffic.from.place, self.traffic.to.place] {
            let Place::Site(site) = end else { continue };
            if network[site].known_prefixes.is_some() {
                for prefix in self.blocks() {
                    self.add(vec![Edit::Announce { site: network[site].name.value.clone(), prefix }]);
                }
            }
        }
    }

    /// An address for documentation that nobody in the network has.
    fn free_public_address(&self) -> IpAddr {
        let network = self.network;
        let taken = |ip: IpAddr| {
            let of_nics = network.nics().iter().flat_map(|nic| &nic.ip_configurations);
            let frontends = network.load_balancers().iter().flat_map(|lb| &lb.frontends);
            let gateways = network.gateways().iter().flat_map(|gateway| &gateway.instances);
            of_nics.filter_map(|c| c.public_address).any(|other| other == ip)
                || frontends.map(|f| f.address).any(|other| other == ip)
                || gateways.filter_map(|i| i.public_address).any(|other| other == ip)
                || network.subnets().iter().any(|subnet| subnet.nat_gateway.contains(&ip))
        };
        let all = (1..=254).rev().map(|last| IpAddr::V4(Ipv4Addr::new(203, 0, 113, last)));
        let mut free = all.filter(|ip| !taken(*ip));
        free.next().unwrap_or(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 254)))
    }
}

fn is_appliance(network: &Network, vm: Option<vnetsim_types::VmId>) -> bool {
    vm.is_some_and(|vm| network[vm].guest.role != Role::Host)
}
