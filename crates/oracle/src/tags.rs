//! What the service tags stand for at one subnet (NSG-15 to NSG-18, FE-20, FE-21).

use std::net::IpAddr;

use vnetsim_model::{Network, UserNextHop};
use vnetsim_types::SubnetId;

use crate::{
    platform::is_metadata,
    propagation::Propagation,
    route_server::{appliance_routes, hubs_of},
    routes::table,
    topology::{connected_links, exchanged, gateways_serving, in_own_space, net, within, within_listed},
};

/// FAB-08: the host, source of health probes.
pub(crate) const HOST: &str = "168.63.129.16";

/// NSG-22: the tag of key management (KMS); its addresses are data.
pub(crate) const KEY_MANAGEMENT: &str = "AzurePlatformLKM";

/// NSG-16: the parts of IPv4 that are never Internet.
const NOT_PUBLIC: [&str; 9] = [
    "0.0.0.0/8",
    "10.0.0.0/8",
    "100.64.0.0/10",
    "127.0.0.0/8",
    "169.254.0.0/16",
    "172.16.0.0/12",
    "192.168.0.0/16",
    "224.0.0.0/3",
    "168.63.129.16/32",
];

/// Whether `tag`, as a NIC of `subnet` sees it, holds `ip`; `None` when nobody gave its prefixes, or none of the
/// family of `ip`.
pub(crate) fn tag_holds(network: &Network, subnet: SubnetId, tag: &str, ip: IpAddr) -> Option<bool> {
    let is = |name: &str| tag.eq_ignore_ascii_case(name);
    if is("VirtualNetwork") {
        return Some(virtual_network(network, subnet, ip));
    }
    if is("Internet") {
        return Some(internet(network, subnet, ip));
    }
    if is("AzureLoadBalancer") {
        return Some(is_host(ip)); // NSG-17
    }
    // NSG-22
    if is("AzurePlatformDNS") {
        return Some(is_host(ip));
    }
    if is("AzurePlatformIMDS") {
        return Some(is_metadata(ip));
    }
    if ip.is_ipv6() && !network.service_tag_has_ipv6(tag) {
        return None; // NSG-18
    }
    network.service_tag(tag).map(|prefixes| within(ip, prefixes))
}

/// NSG-22: the tags that reach what no other rule does.
pub(crate) fn is_platform_tag(tag: &str) -> bool {
    let all = ["AzurePlatformDNS", "AzurePlatformIMDS", KEY_MANAGEMENT];
    all.iter().any(|name| tag.eq_ignore_ascii_case(name))
}

/// 168.63.129.16.
pub(crate) fn is_host(ip: IpAddr) -> bool {
    ip.to_string() == HOST
}

/// NSG-15.
fn virtual_network(network: &Network, subnet: SubnetId, ip: IpAddr) -> bool {
    virtual_network_without_sites(network, subnet, ip) || on_premises(network, subnet, ip)
}

/// NSG-16 with FE-21: public space that is not VirtualNetwork for another reason than being on-premises.
fn internet(network: &Network, subnet: SubnetId, ip: IpAddr) -> bool {
    let public = match ip {
        IpAddr::V4(_) => !within_listed(ip, &NOT_PUBLIC),
        IpAddr::V6(_) => net("2000::/3").contains(&ip),
    };
    public && !virtual_network_without_sites(network, subnet, ip)
}

/// NSG-15 (1), (2), (4) and (5).
fn virtual_network_without_sites(network: &Network, subnet: SubnetId, ip: IpAddr) -> bool {
    let vnet = network[subnet].vnet;
    // (1) own space
    in_own_space(network, vnet, ip)
        // (2) what links that allow access bring (PEER-06, U-34)
        || connected_links(network, vnet)
            .iter()
            .any(|link| link.allow_virtual_network_access.value && within(ip, &exchanged(network, link)))
        // (4) the host
        || is_host(ip)
        // (5) user routes of this subnet towards an appliance or a gateway (U-11, FE-20)
        || user_routes(network, subnet, ip)
}

/// NSG-15 (3): what the gateways owned or borrowed know, VNets behind tunnels included, propagated or not (U-12).
/// What route servers learned counts like it: its rows say VirtualNetworkGateway, too (FE-05).
fn on_premises(network: &Network, subnet: SubnetId, ip: IpAddr) -> bool {
    let vnet = network[subnet].vnet;
    let propagation = Propagation::of(network);
    let by_gateway = gateways_serving(network, vnet).into_iter().any(|gateway| {
        let known = propagation.known(gateway);
        known.iter().any(|route| route.prefix.contains(&ip))
    });
    let hubs = hubs_of(network, vnet).into_iter();
    let mut by_appliance = hubs.flat_map(|hub| appliance_routes(network, hub));
    by_gateway || by_appliance.any(|route| route.prefix.contains(&ip))
}

/// NSG-15 (5).
fn user_routes(network: &Network, subnet: SubnetId, ip: IpAddr) -> bool {
    let routes = table(network, subnet).map_or(&[][..], |table| &table.routes);
    routes.iter().any(|route| match route.next_hop {
        UserNextHop::VirtualAppliance(_) | UserNextHop::VirtualNetworkGateway => within(ip, &route.prefixes),
        UserNextHop::VnetLocal | UserNextHop::Internet | UserNextHop::None => false,
    })
}
