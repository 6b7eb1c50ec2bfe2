//! From the chosen route to the next node: stage 8 of Part 11.

use std::net::IpAddr;

use vnetsim_model::{AddressOwner, GatewayType, Network};
use vnetsim_types::{DropReason, Place, VnetId};

use crate::{
    answer::NextHopType,
    route_server::branch_to_branch,
    routes::{Row, Via},
    topology::{connected_links, in_own_space, owner, runs, vnet_of, within},
    world::{Fate, Next, Packet, World},
};

impl World<'_> {
    /// Follows `row`, chosen for `packet` at `from`, a NIC or a gateway.
    pub(crate) fn follow(&mut self, packet: &mut Packet, from: Place, row: &Row) -> Fate {
        let drop = |reason| Err((from, reason));
        let Some(vnet) = vnet_of(self.network, from) else { return drop(DropReason::InsufficientInput) };
        match row.route.next_hop_type {
            NextHopType::None => drop(DropReason::RouteNone), // RT-26
            NextHopType::VnetLocal => self.deliver_in(packet, from, vnet),
            NextHopType::VNetPeering | NextHopType::VNetGlobalPeering => match row.via {
                Via::Peer(peer) => self.deliver_in(packet, from, peer),
                _ => drop(DropReason::InsufficientInput),
            },
            NextHopType::VirtualAppliance => match row.route.next_hop_ip {
                Some(ip) => self.hand_to_appliance(packet, from, vnet, ip),
                None => drop(DropReason::NextHopUnreachable),
            },
            NextHopType::VirtualNetworkGateway => match (row.via, row.route.next_hop_ip) {
                (Via::RouteServer, Some(ip)) if usable(self.network, from, row) => {
                    self.hand_to_appliance(packet, from, vnet, ip)
                }
                (Via::RouteServer, _) => drop(DropReason::GatewayUnavailable),
                _ => self.to_gateway(packet, from, vnet, row),
            },
            NextHopType::Internet => self.leave_for_internet(packet, from),
            NextHopType::InterfaceEndpoint => match row.via {
                Via::Endpoint(endpoint) => Ok(Next::Endpoint(endpoint, from)),
                _ => drop(DropReason::InsufficientInput),
            },
            NextHopType::VirtualNetworkServiceEndpoint => self.ask_service(packet, from),
        }
    }

    /// RT-24, U-06: the owner of the destination inside `vnet`.
    fn deliver_in(&mut self, packet: &mut Packet, from: Place, vnet: VnetId) -> Fate {
        match owner(self.network, vnet, packet.key.dst) {
            Some(AddressOwner::Nic(nic)) if runs(self.network, nic) => Ok(Next::Arrive(nic, from)),
            // A route server answers nobody but its peers.
            Some(AddressOwner::Nic(_) | AddressOwner::RouteServer(_)) | None => {
                Err((from, DropReason::NoSuchDestination))
            }
            Some(AddressOwner::Gateway(gateway)) => Ok(Next::Gateway(gateway, from)),
            Some(AddressOwner::PrivateEndpoint(endpoint)) => Ok(Next::Endpoint(endpoint, from)),
            Some(AddressOwner::Frontend(lb, frontend)) => self.enter_frontend(packet, from, lb, frontend),
        }
    }

    /// RT-16 to RT-21: the owner of the next-hop address; the packet stays as it is.
    fn hand_to_appliance(&mut self, packet: &mut Packet, from: Place, vnet: VnetId, ip: IpAddr) -> Fate {
        let Some(there) = self.adjacent_vnet(vnet, ip) else {
            return Err((from, DropReason::NextHopNotDirectlyConnected)); // RT-18, RT-20, U-05
        };
        match owner(self.network, there, ip) {
            Some(AddressOwner::Nic(nic)) if runs(self.network, nic) => Ok(Next::Arrive(nic, from)),
            // FE-17; what an ExpressRoute gateway would do nobody says.
            Some(AddressOwner::Gateway(gateway)) => match self.network[gateway].kind {
                GatewayType::Vpn => Ok(Next::Gateway(gateway, from)),
                GatewayType::ExpressRoute => Err((from, DropReason::InsufficientInput)),
            },
            // RT-19: nobody there who forwards.
            Some(AddressOwner::Nic(_) | AddressOwner::PrivateEndpoint(_) | AddressOwner::RouteServer(_))
            | None => Err((from, DropReason::NextHopUnreachable)),
            Some(AddressOwner::Frontend(lb, frontend)) => self.pass_frontend(packet, from, lb, frontend),
        }
    }

    /// RT-18: the own network, else the Connected peer, whose space holds `ip`.
    fn adjacent_vnet(&self, vnet: VnetId, ip: IpAddr) -> Option<VnetId> {
        if in_own_space(self.network, vnet, ip) {
            return Some(vnet);
        }
        let links = connected_links(self.network, vnet);
        let holding = links.into_iter().find(|link| {
            let family = !link.only_ipv6 || ip.is_ipv6(); // PEER-24
            family && within(ip, &link.remote_address_space)
        });
        holding.map(|link| link.remote.value)
    }
}

/// GW-13: a gateway uses what it has learned itself; what the other gateway of its network or an appliance knows
/// only with a route server that joins branches. Everybody else uses every row.
pub(crate) fn usable(network: &Network, from: Place, row: &Row) -> bool {
    let Place::Gateway(here) = from else { return true };
    match row.via {
        Via::Gateway(gateway) if gateway == here => true,
        Via::Gateway(_) | Via::RouteServer => branch_to_branch(network, network[here].vnet),
        Via::Nothing | Via::Peer(_) | Via::Endpoint(_) => true,
    }
}
