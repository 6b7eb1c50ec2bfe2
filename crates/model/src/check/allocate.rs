//! Who gets which private address (ADDR-05, ADDR-06).

use std::{
    collections::BTreeMap,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

use vnetsim_types::{At, IpNet, Problem, Span, SubnetId, VnetId};

use super::Checker;
use crate::{Network, draft::Draft};

/// Addresses given out so far, and those of each subnet and family that were not tried yet.
#[derive(Default)]
pub(crate) struct Taken {
    by: BTreeMap<(VnetId, IpAddr), Span>,
    left: BTreeMap<(SubnetId, bool), Box<dyn Iterator<Item = IpAddr>>>,
}

impl Taken {
    /// What is taken in `vnet` of a checked network.
    pub(crate) fn of(network: &Network, vnet: VnetId) -> Self {
        let owned = network.addresses_of(vnet).into_iter();
        let by = owned.map(|(address, _)| ((vnet, address), Span::default())).collect();
        Self { by, left: BTreeMap::new() }
    }
}

/// Somebody who needs an address; an unspecified one stands for any of its family.
struct Claim {
    subnet: SubnetId,
    span: Span,
    address: IpAddr,
    slot: Slot,
}

/// Where the address is written, by positions in the network.
#[derive(Clone, Copy)]
enum Slot {
    IpConfiguration(usize, usize),
    Frontend(usize, usize),
    Instance(usize, usize),
    PrivateEndpoint(usize),
    RouteServer(usize, usize),
}

impl Checker {
    /// Given addresses first, then the lowest free one for each of the others.
    pub(super) fn allocate_addresses(&mut self, draft: &Draft) {
        let mut taken = Taken::default();
        let mut claims = self.claims_of_nics(draft);
        claims.extend(self.claims_of_frontends(draft));
        claims.extend(self.claims_of_the_edge(draft));
        let (given, free): (Vec<_>, Vec<_>) = claims.into_iter().partition(|c| !c.address.is_unspecified());
        for claim in given.into_iter().chain(free) {
            let address = self.claim(claim.subnet, claim.span, claim.address, &mut taken);
            *self.slot(claim.slot) = address;
        }
        self.address_limits(&taken);
    }

    /// ADDR-11.
    fn address_limits(&mut self, taken: &Taken) {
        let mut counts: BTreeMap<VnetId, usize> = BTreeMap::new();
        for (vnet, _) in taken.by.keys() {
            *counts.entry(*vnet).or_default() += 1;
        }
        for (vnet, count) in counts {
            let name = self.network[vnet].name.clone();
            let what = || format!("virtual network `{}` has {count} private addresses in use", name.value);
            self.at_most(&self.limits().private_ips_per_vnet, count, name.span, what);
        }
    }

    fn slot(&mut self, slot: Slot) -> &mut IpAddr {
        let network = &mut self.network;
        match slot {
            Slot::IpConfiguration(nic, ix) => &mut network.nics[nic].ip_configurations[ix].address,
            Slot::Frontend(lb, ix) => &mut network.load_balancers[lb].frontends[ix].address,
            Slot::Instance(gateway, ix) => &mut network.gateways[gateway].instances[ix].address,
            Slot::PrivateEndpoint(ix) => &mut network.private_endpoints[ix].address,
            Slot::RouteServer(server, ix) => &mut network.route_servers[server].addresses[ix],
        }
    }

    fn claims_of_nics(&self, draft: &Draft) -> Vec<Claim> {
        let mut claims = Vec::new();
        for (ix, nic) in self.network.nics.iter().enumerate() {
            let written = &draft.network_interfaces[ix].ip_configurations;
            for (place, config) in nic.ip_configurations.iter().enumerate() {
                let said = written.iter().find(|c| c.name.value == config.name.value);
                let said = said.and_then(|c| c.private_ip_address.as_ref());
                claims.push(Claim {
                    subnet: nic.subnet,
                    span: said.map_or(config.name.span, |a| a.span),
                    address: config.address,
                    slot: Slot::IpConfiguration(ix, place),
                });
            }
        }
        claims
    }

    fn claims_of_frontends(&self, draft: &Draft) -> Vec<Claim> {
        let mut claims = Vec::new();
        for (ix, lb) in self.network.load_balancers.iter().enumerate() {
            for (place, frontend) in lb.frontends.iter().enumerate() {
                let written = draft.load_balancers[ix].frontends.iter();
                let Some(said) = written.clone().find(|f| f.name == frontend.name) else { continue };
                let subnet = said.subnet.as_ref().and_then(|r| self.names.subnets.get(&r.value).ok());
                let Some(subnet) = subnet else { continue };
                claims.push(Claim {
                    subnet,
                    span: said.private_ip_address.as_ref().map_or(said.name.span, |a| a.span),
                    address: frontend.address,
                    slot: Slot::Frontend(ix, place),
                });
            }
        }
        claims
    }

    /// Gateways, private endpoints and route servers.
    fn claims_of_the_edge(&self, draft: &Draft) -> Vec<Claim> {
        let mut claims = Vec::new();
        for (ix, gateway) in self.network.gateways.iter().enumerate() {
            let said = draft.virtual_network_gateways.iter().find(|g| g.name == gateway.name);
            for (place, instance) in gateway.instances.iter().enumerate() {
                let said = said.and_then(|g| g.ip_configurations.get(place)?.private_ip_address.as_ref());
                let span = said.map_or(gateway.name.span, |a| a.span);
                let (subnet, address) = (gateway.subnet, instance.address);
                claims.push(Claim { subnet, span, address, slot: Slot::Instance(ix, place) });
            }
        }
        for (ix, endpoint) in self.network.private_endpoints.iter().enumerate() {
            let said = draft.private_endpoints.iter().find(|e| e.name == endpoint.name);
            let said = said.and_then(|e| e.private_ip_address.as_ref());
            let span = said.map_or(endpoint.name.span, |a| a.span);
            let (subnet, address) = (endpoint.subnet, endpoint.address);
            claims.push(Claim { subnet, span, address, slot: Slot::PrivateEndpoint(ix) });
        }
        for (ix, server) in self.network.route_servers.iter().enumerate() {
            for (place, address) in server.addresses.iter().enumerate() {
                let (subnet, address) = (server.subnet, *address);
                let slot = Slot::RouteServer(ix, place);
                claims.push(Claim { subnet, span: server.name.span, address, slot });
            }
        }
        claims
    }

    /// `address` if it may be used in `subnet`, or the lowest free one when it is unspecified.
    pub(crate) fn claim(
        &mut self,
        subnet: SubnetId,
        span: Span,
        address: IpAddr,
        taken: &mut Taken,
    ) -> IpAddr {
        let Some(home) = self.network.subnets.get(subnet.ix()) else { return address };
        let vnet = home.vnet;
        if address.is_unspecified() {
            return self.lowest_free(subnet, span, address, taken);
        }
        let mut same_family = home.prefixes.iter().filter(|p| p.addr().is_ipv4() == address.is_ipv4());
        match same_family.find(|p| p.contains(&address)) {
            None => {
                let what = format!("{address} lies outside subnet `{}`", self.network.subnet_path(subnet));
                let help = "take an address of the subnet's prefixes (ADDR-06)";
                self.problem(Problem::error("ADDRESS_OUTSIDE_SUBNET", span, what).help(help));
            }
            Some(prefix) if reserved(prefix.value, address) => {
                let what = format!("{address} is reserved in {}", prefix.value);
                self.problem(
                    Problem::error("RESERVED_ADDRESS", span, what)
                        .help("the first four addresses and the last one belong to Azure (ADDR-05)"),
                );
            }
            Some(_) => {
                if let Some(first) = taken.by.insert((vnet, address), span) {
                    let what = format!("{address} is given twice in `{}`", self.network[vnet].name.value);
                    self.problem(
                        Problem::error("DUPLICATE_ADDRESS", span, what)
                            .related(first, "the other owner")
                            .help("an address has at most one owner (ADDR-06)"),
                    );
                }
            }
        }
        address
    }

    /// ADDR-06: the lowest address of the subnet that nobody has, of the family of `any`; `any` after a problem.
    fn lowest_free(&mut self, subnet: SubnetId, span: Span, any: IpAddr, taken: &mut Taken) -> IpAddr {
        let home = &self.network[subnet];
        let vnet = home.vnet;
        let left = taken.left.entry((subnet, any.is_ipv4())).or_insert_with(|| {
            let same_family = home.prefixes.iter().filter(|p| p.addr().is_ipv4() == any.is_ipv4());
            let prefixes: Vec<IpNet> = same_family.map(|p| p.value).collect();
            Box::new(prefixes.into_iter().flat_map(assignable))
        });
        let Some(address) = left.find(|a| !taken.by.contains_key(&(vnet, *a))) else {
            let what = format!("subnet `{}` has no free address left", self.network.subnet_path(subnet));
            self.problem(Problem::error("SUBNET_FULL", span, what).help("give it a larger prefix (ADDR-05)"));
            return any;
        };
        taken.by.insert((vnet, address), span);
        address
    }
}

/// ADDR-05: base to base+3, and the last address of an IPv4 subnet.
fn reserved(prefix: IpNet, address: IpAddr) -> bool {
    match (prefix, address) {
        (IpNet::V4(net), IpAddr::V4(a)) => {
            u32::from(a) - u32::from(net.network()) < 4 || a == net.broadcast()
        }
        (IpNet::V6(net), IpAddr::V6(a)) => u128::from(a) - u128::from(net.network()) < 4,
        _ => false,
    }
}

/// The addresses of `prefix` that may be given out, ascending.
fn assignable(prefix: IpNet) -> Box<dyn Iterator<Item = IpAddr>> {
    match prefix {
        IpNet::V4(net) => {
            let (first, last) = (u32::from(net.network()), u32::from(net.broadcast()));
            Box::new((first.saturating_add(4)..last).map(|a| Ipv4Addr::from(a).into()))
        }
        IpNet::V6(net) => {
            let first = u128::from(net.network());
            let last = u128::from(net.broadcast()).min(first.saturating_add(1 << 20));
            Box::new((first.saturating_add(4)..last).map(|a| Ipv6Addr::from(a).into()))
        }
    }
}

/// An address as it is said, or the one that stands for "any IPv4 address".
pub(super) fn said_or_any(said: &Option<At<IpAddr>>) -> IpAddr {
    said.as_ref().map_or(Ipv4Addr::UNSPECIFIED.into(), |address| address.value)
}
