//! What a service tag stands for at one subnet, in words, and which route of the subnet's table made it so (NSG-15, NSG-16).
//!
//! Called for hops and diagnoses here, and by `report` for what IP flow verify and effective rules answer. Reads what
//! `compile` computed and decides nothing. Costs a look at one route table.

use std::net::IpAddr;

use vnetsim_compile::Compiled;
use vnetsim_model::{Network, UserNextHop};
use vnetsim_types::{IpNet, SubnetId};

use crate::explain::list;

/// The prefixes of a tag at `subnet`, with the route that makes it every address or none. `None` for what is no tag.
pub fn tag_words(network: &Network, compiled: &Compiled, subnet: SubnetId, written: &str) -> Option<String> {
    let tags = &compiled.tags[subnet.ix()];
    let all = every_address(network, subnet);
    match written {
        "VirtualNetwork" => {
            let members = list(&tags.virtual_network);
            let wide = all.map(|route| format!("; every address by {route} (NSG-15)"));
            Some(format!("{members}{}", wide.unwrap_or_default()))
        }
        "Internet" => Some(match all {
            Some(route) if !tags.internet.iter().any(|p| p.addr().is_ipv4()) => {
                empty_internet(&route, "0.0.0.0/0")
            }
            _ => "public space outside VirtualNetwork".to_owned(),
        }),
        "AzureLoadBalancer" => Some(list(&tags.azure_load_balancer)),
        tag => network.service_tag(tag).map(list),
    }
}

/// Why `Internet` does not hold the public address `ip` at `subnet`: a route that puts it into `VirtualNetwork`. `None`
/// where the tag holds it, or no route is to blame.
pub fn tag_without(network: &Network, subnet: SubnetId, written: &str, ip: IpAddr) -> Option<String> {
    if written != "Internet" || !is_public(ip) {
        return None;
    }
    let (prefix, route) = feeding(network, subnet).find(|(prefix, _)| prefix.contains(&ip))?;
    if prefix.prefix_len() == 0 {
        return Some(format!("Internet is {}", empty_internet(&route, &prefix.to_string())));
    }
    Some(format!("Internet is without {prefix} here: {route} puts it into VirtualNetwork (NSG-15, NSG-16)"))
}

fn empty_internet(route: &str, prefix: &str) -> String {
    format!("empty here: {route} puts {prefix} into VirtualNetwork (NSG-15, NSG-16)")
}

/// The route that makes `VirtualNetwork` every IPv4 address.
fn every_address(network: &Network, subnet: SubnetId) -> Option<String> {
    let default = |prefix: &IpNet| prefix.prefix_len() == 0 && prefix.addr().is_ipv4();
    feeding(network, subnet).find(|(prefix, _)| default(prefix)).map(|(_, route)| route)
}

/// The prefixes that the subnet's own table puts into `VirtualNetwork`, each with its route (U-11).
fn feeding(network: &Network, subnet: SubnetId) -> impl Iterator<Item = (IpNet, String)> {
    let table = network[subnet].route_table.as_ref().map(|table| &network[table.value]);
    table.into_iter().flat_map(|table| {
        let feeds =
            |hop| matches!(hop, UserNextHop::VirtualAppliance(_) | UserNextHop::VirtualNetworkGateway);
        let routes = table.routes.iter().filter(move |route| feeds(route.next_hop));
        routes.flat_map(|route| {
            let name = format!("{}/{}", table.name.value, route.name.value);
            route.prefixes.iter().map(move |prefix| (*prefix, name.clone()))
        })
    })
}

/// Close to what NSG-16 calls public: the rest is no route's fault.
fn is_public(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(v4) => !(v4.is_private() || v4.is_loopback() || v4.is_link_local() || v4.is_multicast()),
        IpAddr::V6(v6) => v6.segments()[0] & 0xe000 == 0x2000,
    }
}
