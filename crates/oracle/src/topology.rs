//! Plain questions about a network that several parts of the oracle ask.

use std::net::IpAddr;

use vnetsim_model::{AddressOwner, GatewayType, Network, PeeringLink, PeeringScope, PeeringState};
use vnetsim_types::{GatewayId, IpNet, NicId, Place, SubnetId, VnetId};

/// Any of `prefixes` holds `ip`.
pub(crate) fn within<'a>(ip: IpAddr, prefixes: impl IntoIterator<Item = &'a IpNet>) -> bool {
    prefixes.into_iter().any(|prefix| prefix.contains(&ip))
}

/// Parses a prefix that is written in this crate.
pub(crate) fn net(text: &str) -> IpNet {
    text.parse().expect("a prefix written in the source is well formed")
}

/// Any of the listed prefixes, written in this crate, holds `ip`.
pub(crate) fn within_listed(ip: IpAddr, prefixes: &[&str]) -> bool {
    prefixes.iter().any(|text| net(text).contains(&ip))
}

/// The two blocks share an address.
pub(crate) fn overlap(a: &IpNet, b: &IpNet) -> bool {
    a.contains(b) || b.contains(a)
}

/// What the internet does not carry: RFC 1918 and RFC 6598 (ADDR-02), loopback and link-local addresses; for IPv6
/// also the unique local ones.
pub(crate) fn is_private(ip: IpAddr) -> bool {
    let v4 =
        ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16"];
    within_listed(ip, &v4) || within_listed(ip, &["fc00::/7", "fe80::/10", "::1/128"])
}

/// `ip` lies in the current address space of `vnet`.
pub(crate) fn in_own_space(network: &Network, vnet: VnetId, ip: IpAddr) -> bool {
    network[vnet].address_space.iter().any(|block| block.value.contains(&ip))
}

/// The links of `vnet` that carry anything: both directions Connected (PEER-02).
pub(crate) fn connected_links(network: &Network, vnet: VnetId) -> Vec<&PeeringLink> {
    let both = |link: &&PeeringLink| {
        let back = network.link_between(link.remote.value, vnet);
        let back_connected = back.is_some_and(|(_, back)| back.state == PeeringState::Connected);
        link.state == PeeringState::Connected && back_connected
    };
    network.links_of(vnet).map(|(_, link)| link).filter(both).collect()
}

/// The link of `vnet` to `remote`, if both directions are Connected.
pub(crate) fn connected_link(network: &Network, vnet: VnetId, remote: VnetId) -> Option<&PeeringLink> {
    connected_links(network, vnet).into_iter().find(|link| link.remote.value == remote)
}

/// What the link brings into its network: the synced copy of the remote space (PEER-16), or the remote subnets
/// that it names (FE-23, U-34); of both families, or of IPv6 alone (PEER-24).
pub(crate) fn exchanged(network: &Network, link: &PeeringLink) -> Vec<IpNet> {
    let mut all: Vec<IpNet> = match &link.scope {
        PeeringScope::Complete => link.remote_address_space.clone(),
        PeeringScope::Subnets { remote, .. } => {
            let prefixes = remote.iter().flat_map(|&subnet| &network[subnet].prefixes);
            prefixes.map(|prefix| prefix.value).collect()
        }
    };
    all.retain(|prefix| !link.only_ipv6 || prefix.addr().is_ipv6());
    all
}

/// Whether two networks stand in different regions (RT-05: VNetGlobalPeering).
pub(crate) fn is_global(network: &Network, a: VnetId, b: VnetId) -> bool {
    network[a].location != network[b].location
}

/// The network that lends its gateways to `vnet` (PEER-09, GW-07): both flags, both links Connected. Who has a
/// gateway or a route server borrows none.
pub(crate) fn lender(network: &Network, vnet: VnetId) -> Option<VnetId> {
    if network.gateways_of(vnet).next().is_some() || network.route_servers_of(vnet).next().is_some() {
        return None;
    }
    let lends = |link: &&PeeringLink| {
        let back = connected_link(network, link.remote.value, vnet);
        link.use_remote_gateways.value && back.is_some_and(|back| back.allow_gateway_transit.value)
    };
    connected_links(network, vnet).into_iter().find(lends).map(|link| link.remote.value)
}

/// `borrower` uses `gateway`. GW-07: those of SKU Basic are not lent.
pub(crate) fn lends_to(network: &Network, gateway: GatewayId, borrower: VnetId) -> bool {
    let (sku, kind) = (network[gateway].sku.as_deref().unwrap_or_default(), network[gateway].kind);
    let basic = kind == GatewayType::Vpn && sku.eq_ignore_ascii_case("Basic");
    !basic && lender(network, borrower) == Some(network[gateway].vnet)
}

/// The gateways that serve `vnet`: its own if it has any, else borrowed ones (RT-06, GW-07).
pub(crate) fn gateways_serving(network: &Network, vnet: VnetId) -> Vec<GatewayId> {
    let Some(lender) = lender(network, vnet) else {
        return network.gateways_of(vnet).map(|(id, _)| id).collect();
    };
    let all = network.gateways_of(lender).map(|(id, _)| id);
    all.filter(|&gateway| lends_to(network, gateway, vnet)).collect()
}

/// Who owns the private address `ip` in `vnet` (ADDR-06: at most one owner).
pub(crate) fn owner(network: &Network, vnet: VnetId, ip: IpAddr) -> Option<AddressOwner> {
    network.addresses_of(vnet).into_iter().find(|(address, _)| *address == ip).map(|(_, owner)| owner)
}

/// The NIC belongs to a VM that runs.
pub(crate) fn runs(network: &Network, nic: NicId) -> bool {
    network[nic].vm.is_some_and(|vm| network[vm].running)
}

/// The subnet that something in a virtual network stands in; none for sites, the internet and Azure itself.
pub(crate) fn subnet_of(network: &Network, place: Place) -> Option<SubnetId> {
    match place {
        Place::Nic(nic) => Some(network[nic].subnet),
        Place::Gateway(gateway) => Some(network[gateway].subnet),
        Place::PrivateEndpoint(endpoint) => Some(network[endpoint].subnet),
        Place::Site(_) | Place::Internet | Place::Platform => None,
    }
}

/// The network that something stands in.
pub(crate) fn vnet_of(network: &Network, place: Place) -> Option<VnetId> {
    subnet_of(network, place).map(|subnet| network[subnet].vnet)
}
