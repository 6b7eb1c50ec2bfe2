//! Names to ids. Names of one kind are unique; case does not count (JSON-15).

use std::{collections::BTreeMap, net::IpAddr};

use vnetsim_types::{
    AsgId, At, GatewayId, LbId, NicId, NsgId, Problem, RouteTableId, SiteId, Span, SubnetId, VmId, VnetId,
};

use crate::{
    Network, SiteKind, did_you_mean,
    draft::{Draft, Ref},
};

/// The names of one kind of object.
pub(crate) struct Index<Id> {
    ids: BTreeMap<String, (Id, Span, String)>,
}

impl<Id> Default for Index<Id> {
    fn default() -> Self {
        Self { ids: BTreeMap::new() }
    }
}

impl<Id: Copy> Index<Id> {
    /// The id of `name`; the error is the nearest name, if any is near.
    pub(crate) fn get(&self, name: &str) -> Result<Id, Option<String>> {
        match self.ids.get(&name.to_ascii_lowercase()) {
            Some((id, ..)) => Ok(*id),
            None => Err(did_you_mean(name, self.ids.values().map(|v| v.2.as_str())).map(str::to_owned)),
        }
    }

    /// Every name as it is written.
    pub(crate) fn all(&self) -> impl Iterator<Item = &str> {
        self.ids.values().map(|(_, _, name)| name.as_str())
    }

    /// A name of a checked network, where names are unique already.
    fn insert(&mut self, name: &str, id: Id) {
        self.ids.insert(name.to_ascii_lowercase(), (id, Span::default(), name.to_owned()));
    }

    fn add(&mut self, kind: &str, name: &At<String>, full: String, id: Id, problems: &mut Vec<Problem>) {
        if name.value.is_empty() {
            return problems.push(Problem::error("BAD_NAME", name.span, format!("{kind} has an empty name")));
        }
        match self.ids.get(&full.to_ascii_lowercase()) {
            Some((_, first, _)) => problems.push(
                Problem::error("DUPLICATE_NAME", name.span, format!("two {kind}s are called `{full}`"))
                    .related(*first, "first one here")
                    .help("names of one kind must differ in more than case"),
            ),
            None => drop(self.ids.insert(full.to_ascii_lowercase(), (id, name.span, full))),
        }
    }
}

/// The names of a draft. Subnets are called `vnet/subnet`.
#[derive(Default)]
pub(crate) struct Names {
    pub(crate) vnets: Index<VnetId>,
    pub(crate) subnets: Index<SubnetId>,
    pub(crate) route_tables: Index<RouteTableId>,
    pub(crate) nsgs: Index<NsgId>,
    pub(crate) asgs: Index<AsgId>,
    pub(crate) nics: Index<NicId>,
    pub(crate) vms: Index<VmId>,
    pub(crate) public_ips: Index<usize>,
    pub(crate) nat_gateways: Index<usize>,
    pub(crate) lbs: Index<LbId>,
    /// `balancer/pool`, as balancer and position.
    pub(crate) pools: Index<(LbId, usize)>,
    /// `balancer/rule` of inbound NAT rules.
    pub(crate) nat_rules: Index<(LbId, usize)>,
    pub(crate) gateways: Index<GatewayId>,
    /// Local network gateways.
    pub(crate) sites: Index<SiteId>,
    /// ExpressRoute circuits; their sites follow those of the local network gateways.
    pub(crate) circuits: Index<SiteId>,
    pub(crate) connections: Index<usize>,
    pub(crate) route_servers: Index<usize>,
    pub(crate) private_endpoints: Index<usize>,
    pub(crate) subscriptions: Index<usize>,
    pub(crate) role_definitions: Index<usize>,
    /// Public addresses of each NAT gateway, by position.
    pub(crate) nat_gateway_addresses: Vec<Vec<IpAddr>>,
}

impl Names {
    pub(crate) fn collect(draft: &Draft, problems: &mut Vec<Problem>) -> Self {
        let mut all = Self::default();
        macro_rules! index {
            ($field:ident, $list:ident, $kind:literal, $id:expr) => {
                for (ix, item) in draft.$list.iter().enumerate() {
                    all.$field.add($kind, &item.name, item.name.value.clone(), $id(ix), problems);
                }
            };
        }
        index!(vnets, virtual_networks, "virtual network", VnetId::new);
        index!(route_tables, route_tables, "route table", RouteTableId::new);
        index!(nsgs, network_security_groups, "network security group", NsgId::new);
        index!(asgs, application_security_groups, "application security group", AsgId::new);
        index!(nics, network_interfaces, "network interface", NicId::new);
        index!(vms, virtual_machines, "virtual machine", VmId::new);
        index!(public_ips, public_ip_addresses, "public IP address", |ix| ix);
        index!(nat_gateways, nat_gateways, "NAT gateway", |ix| ix);
        index!(lbs, load_balancers, "load balancer", LbId::new);
        index!(gateways, virtual_network_gateways, "virtual network gateway", GatewayId::new);
        index!(sites, local_network_gateways, "local network gateway", SiteId::new);
        let before = draft.local_network_gateways.len();
        index!(circuits, express_route_circuits, "ExpressRoute circuit", |ix| SiteId::new(before + ix));
        index!(connections, connections, "connection", |ix| ix);
        index!(route_servers, route_servers, "route server", |ix| ix);
        index!(private_endpoints, private_endpoints, "private endpoint", |ix| ix);
        index!(subscriptions, subscriptions, "subscription", |ix| ix);
        index!(role_definitions, role_definitions, "role definition", |ix| ix);
        all.children(draft, problems);
        all
    }

    /// Names that have their parent's in front.
    fn children(&mut self, draft: &Draft, problems: &mut Vec<Problem>) {
        let mut next = 0;
        for vnet in &draft.virtual_networks {
            for subnet in &vnet.subnets {
                let full = format!("{}/{}", vnet.name.value, subnet.name.value);
                self.subnets.add("subnet", &subnet.name, full, SubnetId::new(next), problems);
                next += 1;
            }
        }
        for (ix, lb) in draft.load_balancers.iter().enumerate() {
            for (place, pool) in lb.backend_pools.iter().enumerate() {
                let full = format!("{}/{}", lb.name.value, pool.value);
                self.pools.add("backend pool", pool, full, (LbId::new(ix), place), problems);
            }
            for (place, rule) in lb.inbound_nat_rules.iter().enumerate() {
                let full = format!("{}/{}", lb.name.value, rule.name.value);
                self.nat_rules.insert(&full, (LbId::new(ix), place)); // twice is a problem of the balancer
            }
        }
    }

    /// The names that a timeline entry may use, of what exists in `network` now.
    pub(crate) fn of(network: &Network) -> Self {
        let mut all = Self::default();
        for (id, vnet) in network.existing_vnets() {
            all.vnets.insert(&vnet.name.value, id);
            for subnet in &vnet.subnets {
                all.subnets.insert(&network.subnet_path(*subnet), *subnet);
            }
        }
        macro_rules! index {
            ($field:ident, $id:expr) => {
                for (ix, item) in network.$field.iter().enumerate() {
                    all.$field.insert(&item.name.value, $id(ix));
                }
            };
        }
        index!(route_tables, RouteTableId::new);
        index!(nsgs, NsgId::new);
        index!(asgs, AsgId::new);
        index!(nics, NicId::new);
        index!(vms, VmId::new);
        for (ix, (name, _)) in network.public_ips.iter().enumerate() {
            all.public_ips.insert(name, ix);
        }
        for (ix, gateway) in network.gateways.iter().enumerate().filter(|(_, g)| !g.deleted) {
            all.gateways.insert(&gateway.name.value, GatewayId::new(ix));
        }
        for (ix, site) in network.sites.iter().enumerate() {
            match site.kind {
                SiteKind::LocalNetworkGateway => all.sites.insert(&site.name.value, SiteId::new(ix)),
                SiteKind::Circuit => all.circuits.insert(&site.name.value, SiteId::new(ix)),
                SiteKind::Clients => {}
            }
        }
        all
    }

    /// Everything that a role can be given on (PEER-30).
    pub(crate) fn scopes(&self) -> impl Iterator<Item = &str> {
        let homes = self.subscriptions.all().chain(self.vnets.all()).chain(self.subnets.all());
        let tables = self.route_tables.all().chain(self.nsgs.all()).chain(self.asgs.all());
        let machines = self.nics.all().chain(self.vms.all()).chain(self.lbs.all());
        let public = self.public_ips.all().chain(self.nat_gateways.all()).chain(self.private_endpoints.all());
        let gateways = self.gateways.all().chain(self.connections.all()).chain(self.route_servers.all());
        let sites = self.sites.all().chain(self.circuits.all());
        homes.chain(tables).chain(machines).chain(public).chain(gateways).chain(sites)
    }
}

/// The problem of a name that nothing has.
pub(crate) fn unknown(kind: &str, name: &Ref, near: &Option<String>) -> Problem {
    let problem =
        Problem::error("UNKNOWN_REFERENCE", name.span, format!("no {kind} is called `{}`", name.value));
    match near {
        Some(near) => problem.help(format!("did you mean `{near}`?")),
        None => problem,
    }
}
