//! Names to ids. Names of one kind are unique; case does not count (JSON-15).

use std::{collections::BTreeMap, net::IpAddr};

use vnetsim_types::{
    AsgId, At, GatewayId, LbId, NicId, NsgId, Problem, RouteTableId, SiteId, Span, SubnetId, VmId, VnetId,
};

use crate::{
    did_you_mean,
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
    pub(crate) gateways: Index<GatewayId>,
    pub(crate) sites: Index<SiteId>,
    /// Addresses of the public IP objects, by position.
    pub(crate) public_addresses: Vec<IpAddr>,
    /// First public IP object of each NAT gateway, by position.
    pub(crate) nat_gateway_addresses: Vec<Option<Ref>>,
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
        let nat_gateways = draft.nat_gateways.iter();
        all.nat_gateway_addresses = nat_gateways.map(|n| n.public_ip_addresses.first().cloned()).collect();
        let mut next = 0;
        for vnet in &draft.virtual_networks {
            for subnet in &vnet.subnets {
                let full = format!("{}/{}", vnet.name.value, subnet.name.value);
                all.subnets.add("subnet", &subnet.name, full, SubnetId::new(next), problems);
                next += 1;
            }
        }
        for (ix, lb) in draft.load_balancers.iter().enumerate() {
            for (place, pool) in lb.backend_pools.iter().enumerate() {
                let full = format!("{}/{}", lb.name.value, pool.value);
                all.pools.add("backend pool", pool, full, (LbId::new(ix), place), problems);
            }
        }
        all
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
