//! Which prefixes a peering link brings (PEER-16, PEER-24).

use vnetsim_model::{Network, PeeringLink, PeeringScope};
use vnetsim_types::IpNet;

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
