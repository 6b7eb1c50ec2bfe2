//! Plain questions about a network that several parts of the oracle ask.

use std::net::IpAddr;

use vnetsim_model::{AddressOwner, Network, PeeringLink, PeeringState};
use vnetsim_types::{GatewayId, IpNet, NicId, SiteId, VnetId};

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

/// Whether two networks stand in different regions (RT-05: VNetGlobalPeering).
pub(crate) fn is_global(network: &Network, a: VnetId, b: VnetId) -> bool {
    network[a].location != network[b].location
}

/// The network whose gateways serve `vnet`: itself if it has any, else the lender (RT-06, GW-07).
pub(crate) fn gateway_vnet(network: &Network, vnet: VnetId) -> Option<VnetId> {
    if network.gateways_of(vnet).next().is_some() {
        return Some(vnet);
    }
    network.borrowed_gateway_link(vnet).map(|(_, link)| link.remote.value)
}

/// The gateways that serve `vnet`, own or borrowed.
pub(crate) fn gateways_serving(network: &Network, vnet: VnetId) -> Vec<GatewayId> {
    match gateway_vnet(network, vnet) {
        Some(owner) => network.gateways_of(owner).map(|(id, _)| id).collect(),
        None => Vec::new(),
    }
}

/// The prefixes of every site behind `gateway`, in the order of its connections.
pub(crate) fn site_prefixes(network: &Network, gateway: GatewayId) -> Vec<IpNet> {
    let sites = network[gateway].sites.iter();
    sites.flat_map(|&site| network[site].prefixes.iter().map(|prefix| prefix.value)).collect()
}

/// The site behind `gateway` that holds `ip`: longest prefix, the first of equals.
pub(crate) fn site_behind(network: &Network, gateway: GatewayId, ip: IpAddr) -> Option<SiteId> {
    let mut best: Option<(u8, SiteId)> = None;
    for &site in &network[gateway].sites {
        for prefix in network[site].prefixes.iter().filter(|prefix| prefix.value.contains(&ip)) {
            let length = prefix.value.prefix_len();
            if best.is_none_or(|(longest, _)| length > longest) {
                best = Some((length, site));
            }
        }
    }
    best.map(|(_, site)| site)
}

/// Who owns the private address `ip` in `vnet` (ADDR-06: at most one owner).
pub(crate) fn owner(network: &Network, vnet: VnetId, ip: IpAddr) -> Option<AddressOwner> {
    network.addresses_of(vnet).into_iter().find(|(address, _)| *address == ip).map(|(_, owner)| owner)
}

/// The NIC belongs to a VM that runs.
pub(crate) fn runs(network: &Network, nic: NicId) -> bool {
    network[nic].vm.is_some_and(|vm| network[vm].running)
}
