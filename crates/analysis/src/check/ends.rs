//! Whom a check probes: one machine for each kind of subnet, sites, private endpoints, the internet.
//!
//! Owns the choice of representatives, so that large networks stay quick. Must never leave out a kind of subnet: those that
//! share network, route table, NSG and NAT gateway are of one kind.

use std::net::{IpAddr, Ipv4Addr};

use vnetsim_model::{Endpoint, Network, Role, SiteKind};
use vnetsim_types::{NicId, Place, PrivateEndpointId, SiteId, SubnetId};

/// A public address that nobody in a network has: a well-known resolver.
pub(crate) const INTERNET: IpAddr = IpAddr::V4(Ipv4Addr::new(8, 8, 8, 8));

/// One host for each kind of subnet, in the order of the subnets.
pub(super) fn hosts(network: &Network) -> Vec<Endpoint> {
    let mut kinds = Vec::new();
    let mut all = Vec::new();
    for (ix, subnet) in network.subnets().iter().enumerate() {
        let id = SubnetId::new(ix);
        let kind = (
            subnet.vnet,
            subnet.route_table.as_ref().map(|table| table.value),
            subnet.nsg.as_ref().map(|nsg| nsg.value),
            subnet.nat_gateway.clone(),
            subnet.default_outbound_access.value,
            subnet.service_endpoints.iter().map(|e| e.value.clone()).collect::<Vec<_>>(),
        );
        let Some(endpoint) = host_in(network, id) else { continue };
        if !kinds.contains(&kind) {
            kinds.push(kind);
            all.push(endpoint);
        }
    }
    all
}

/// The first host of a subnet that runs and is no appliance.
fn host_in(network: &Network, subnet: SubnetId) -> Option<Endpoint> {
    let mut nics = network.nics().iter().enumerate().filter(|(_, nic)| nic.subnet == subnet);
    nics.find_map(|(ix, nic)| {
        let vm = &network[nic.vm?];
        let host = vm.running && vm.guest.role == Role::Host && !network[nic.vnet].deleted;
        let address = nic.ip_configurations.iter().map(|c| c.address).find(IpAddr::is_ipv4)?;
        host.then_some(Endpoint { place: Place::Nic(NicId::new(ix)), address })
    })
}

/// A machine in each site.
pub(super) fn sites(network: &Network) -> Vec<Endpoint> {
    let all = network.sites().iter().enumerate().filter(|(_, site)| site.kind != SiteKind::Clients);
    let one = |(ix, site): (usize, &vnetsim_model::Site)| {
        let mut prefixes = site.prefixes.iter().chain(&site.advertised).filter(|p| p.prefix_len() > 0);
        let address = prefixes.find_map(|prefix| prefix.hosts().next().filter(IpAddr::is_ipv4))?;
        Some(Endpoint { place: Place::Site(SiteId::new(ix)), address })
    };
    all.filter_map(one).collect()
}

/// The private endpoints.
pub(super) fn private_endpoints(network: &Network) -> Vec<Endpoint> {
    let all = network.private_endpoints().iter().enumerate();
    all.map(|(ix, e)| Endpoint {
        place: Place::PrivateEndpoint(PrivateEndpointId::new(ix)),
        address: e.address,
    })
    .collect()
}

/// Public addresses that somebody in the network has: of interfaces, and of balancers before them.
pub(super) fn public(network: &Network) -> Vec<IpAddr> {
    let configs = network.nics().iter().flat_map(|nic| &nic.ip_configurations);
    let of_nics = configs.filter_map(|config| config.public_address);
    let frontends = network.load_balancers().iter().flat_map(|lb| &lb.frontends);
    let of_balancers = frontends.filter(|frontend| frontend.vnet.is_none()).map(|frontend| frontend.address);
    of_nics.chain(of_balancers).filter(IpAddr::is_ipv4).collect()
}
