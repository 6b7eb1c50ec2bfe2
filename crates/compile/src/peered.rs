//! Which prefixes a peering link brings (PEER-16, PEER-24).

use std::net::IpAddr;

use vnetsim_model::{Network, PeeringLink, PeeringScope};
use vnetsim_types::IpNet;

/// RT-18: does the peer of `link` have `ip`? Subnet peering leaves the rest of the peer where it is (PEER-26): its
/// addresses are within reach, though no packet gets there.
pub(crate) fn within_reach(network: &Network, link: &PeeringLink, ip: IpAddr) -> bool {
    match link.scope {
        PeeringScope::Complete => peered_prefixes(network, link).iter().any(|prefix| prefix.contains(&ip)),
        PeeringScope::Subnets { .. } if link.only_ipv6 && ip.is_ipv4() => false,
        PeeringScope::Subnets { .. } => link.remote_address_space.iter().any(|prefix| prefix.contains(&ip)),
    }
}

/// The synced copy of the remote space, or the prefixes of the remote subnets that take part (FE-23).
pub(crate) fn peered_prefixes(network: &Network, link: &PeeringLink) -> Vec<IpNet> {
    let all: Vec<IpNet> = match &link.scope {
        PeeringScope::Complete => link.remote_address_space.clone(),
        PeeringScope::Subnets { remote, .. } => {
            remote.iter().flat_map(|subnet| network[*subnet].prefixes.iter().map(|p| p.value)).collect()
        }
    };
    all.into_iter().filter(|prefix| !link.only_ipv6 || prefix.addr().is_ipv6()).collect()
}
