//! Route servers: what appliances tell them, and who hears of it (GW-13, FE-04, FE-05, FE-18).

use std::net::IpAddr;

use vnetsim_model::{AddressOwner, HubRoutingPreference, Network, PeeringLink, RouteServer};
use vnetsim_types::{IpNet, VnetId};

use crate::topology::{connected_links, exchanged, in_own_space, lender, owner, runs, within};

/// A prefix that an appliance told a route server.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct ApplianceRoute {
    /// The prefix.
    pub(crate) prefix: IpNet,
    /// The appliance, or what it named instead.
    pub(crate) next_hop: IpAddr,
    /// Length of the path.
    pub(crate) length: usize,
}

/// What appliances that run told the route servers of `vnet`.
pub(crate) fn appliance_routes(network: &Network, vnet: VnetId) -> Vec<ApplianceRoute> {
    let mut all = Vec::new();
    for (_, server) in network.route_servers_of(vnet) {
        for peer in server.peers.iter().filter(|peer| speaks(network, vnet, peer.address)) {
            all.extend(peer.routes.iter().map(|route| ApplianceRoute {
                prefix: route.prefix.value,
                next_hop: route.next_hop,
                length: route.as_path.len(),
            }));
        }
    }
    all
}

/// A machine in the own network, or in what a peering brings, has the peer's address, and runs; else its routes
/// vanish.
fn speaks(network: &Network, vnet: VnetId, peer: IpAddr) -> bool {
    let brings = |link: &&PeeringLink| within(peer, &exchanged(network, link));
    let home = match in_own_space(network, vnet, peer) {
        true => Some(vnet),
        false => connected_links(network, vnet).into_iter().find(brings).map(|link| link.remote.value),
    };
    let owner = home.and_then(|home| owner(network, home, peer));
    matches!(owner, Some(AddressOwner::Nic(nic)) if runs(network, nic))
}

/// The networks whose route servers serve `vnet`: itself, and the one whose gateways it borrows.
pub(crate) fn hubs_of(network: &Network, vnet: VnetId) -> Vec<VnetId> {
    std::iter::once(vnet).chain(lender(network, vnet)).collect()
}

/// Whose routes win in `vnet`; without a route server those of ExpressRoute (FE-06).
pub(crate) fn preference(network: &Network, vnet: VnetId) -> HubRoutingPreference {
    let hubs = hubs_of(network, vnet);
    let server = hubs.into_iter().find_map(|hub| server_of(network, hub));
    server.map_or(HubRoutingPreference::ExpressRoute, |server| server.preference)
}

/// GW-13: the gateways and appliances of `vnet` reach each other.
pub(crate) fn branch_to_branch(network: &Network, vnet: VnetId) -> bool {
    server_of(network, vnet).is_some_and(|server| server.branch_to_branch)
}

fn server_of(network: &Network, vnet: VnetId) -> Option<&RouteServer> {
    network.route_servers_of(vnet).next().map(|(_, server)| server)
}
