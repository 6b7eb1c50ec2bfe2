//! From the chosen route to the next node: stage 8 of Part 11.

use std::net::IpAddr;

use vnetsim_model::{AddressOwner, GatewayType, LbProtocol, LbRule, LbSku};
use vnetsim_types::{DropReason, FlowKey, GatewayId, IpProtocol, LbId, NicId, Place, VnetId};

use crate::{
    answer::{NextHopType, OracleHop, RouteSource},
    routes::Row,
    topology::{connected_links, gateway_vnet, in_own_space, is_global, owner, runs, site_behind, within},
    world::{Fate, Next, Packet, World},
};

impl World<'_> {
    /// Follows `row`, chosen for `packet` at `from`, a NIC or a gateway.
    pub(crate) fn follow(&mut self, packet: &mut Packet, from: Place, row: &Row) -> Fate {
        let drop = |reason| Err((from, reason));
        let Some(vnet) = self.vnet_of(from) else { return drop(DropReason::InsufficientInput) };
        match row.route.next_hop_type {
            NextHopType::None => drop(DropReason::RouteNone), // RT-26
            NextHopType::VnetLocal => self.deliver_in(packet, from, vnet),
            NextHopType::VNetPeering | NextHopType::VNetGlobalPeering => {
                self.deliver_in(packet, from, row.peer.unwrap_or(vnet))
            }
            NextHopType::VirtualAppliance => match row.route.next_hop_ip {
                Some(ip) => self.to_appliance(packet, from, vnet, ip),
                None => drop(DropReason::NextHopUnreachable),
            },
            NextHopType::VirtualNetworkGateway => self.to_gateway(packet, from, vnet, row),
            NextHopType::Internet => self.leave_for_internet(packet, from),
            // RT-07: the endpoint is not modelled yet.
            NextHopType::VirtualNetworkServiceEndpoint => drop(DropReason::InsufficientInput),
        }
    }

    /// RT-24, U-06: the owner of the destination inside `vnet`.
    fn deliver_in(&self, packet: &Packet, from: Place, vnet: VnetId) -> Fate {
        match owner(self.network, vnet, packet.key.dst) {
            Some(AddressOwner::Nic(nic)) if runs(self.network, nic) => Ok(Next::Arrive(nic, from)),
            Some(AddressOwner::Nic(_)) | None => Err((from, DropReason::NoSuchDestination)),
            // Frontends and gateways as destinations are not modelled yet.
            Some(AddressOwner::Frontend(..) | AddressOwner::Gateway(_)) => {
                Err((from, DropReason::InsufficientInput))
            }
        }
    }

    /// RT-16 to RT-21: the owner of the next-hop address; the packet stays as it is.
    fn to_appliance(&self, packet: &mut Packet, from: Place, vnet: VnetId, ip: IpAddr) -> Fate {
        let Some(there) = self.adjacent_vnet(vnet, ip) else {
            return Err((from, DropReason::NextHopNotDirectlyConnected)); // RT-18, RT-20, U-05
        };
        match owner(self.network, there, ip) {
            Some(AddressOwner::Nic(nic)) if runs(self.network, nic) => Ok(Next::Arrive(nic, from)),
            Some(AddressOwner::Nic(_)) | None => Err((from, DropReason::NextHopUnreachable)), // RT-19
            Some(AddressOwner::Gateway(_)) => Err((from, DropReason::InsufficientInput)),     // FE-17
            Some(AddressOwner::Frontend(lb, frontend)) => {
                let global = is_global(self.network, vnet, there);
                let backend = self.balance(packet, lb, frontend, global).map_err(|reason| (from, reason))?;
                Ok(Next::Arrive(backend, from))
            }
        }
    }

    /// RT-18: the own network, else the Connected peer, whose space holds `ip`.
    fn adjacent_vnet(&self, vnet: VnetId, ip: IpAddr) -> Option<VnetId> {
        if in_own_space(self.network, vnet, ip) {
            return Some(vnet);
        }
        let links = connected_links(self.network, vnet);
        let holding = links.into_iter().find(|link| within(ip, &link.remote_address_space));
        holding.map(|link| link.remote.value)
    }

    /// RT-21, LB-02, LB-04, LB-08, LB-13: the backend of frontend number `frontend`.
    fn balance(
        &self,
        packet: &mut Packet,
        lb: LbId,
        frontend: u32,
        global: bool,
    ) -> Result<NicId, DropReason> {
        let balancer = &self.network[lb];
        // LB-13 first: over global peering a Basic frontend is not there at all.
        if global && balancer.sku == LbSku::Basic {
            return Err(DropReason::GlobalPeeringBasicLb);
        }
        let of_frontend = |rule: &&LbRule| rule.frontend == frontend as usize;
        let mut rules = balancer.rules.iter().filter(of_frontend);
        let Some(rule) = rules.find(|rule| lb_rule_matches(rule, &packet.key)) else {
            return Err(DropReason::NoLoadBalancerRule);
        };
        let members = balancer.pools[rule.pool].iter().copied();
        let healthy: Vec<NicId> = members.filter(|&nic| runs(self.network, nic)).collect();
        let Some(&first) = healthy.first() else {
            return Err(DropReason::NoHealthyBackend);
        };
        let ambiguous = healthy.len() > 1;
        let backend = if ambiguous { (self.choose)(&packet.key, lb, &healthy) } else { first };
        packet.hops.push(OracleHop::LoadBalancer { lb, backend, ambiguous });
        Ok(backend)
    }

    /// RT-06, RT-27: the gateway that taught the row, or the VPN gateway that a user route means.
    fn to_gateway(&self, packet: &Packet, from: Place, vnet: VnetId, row: &Row) -> Fate {
        let gateway = match row.route.source {
            RouteSource::User => self.vpn_gateway(vnet),
            RouteSource::VirtualNetworkGateway | RouteSource::Default => row.gateway,
        };
        let unavailable = Err((from, DropReason::GatewayUnavailable));
        let Some(gateway) = gateway else { return unavailable };
        let Place::Gateway(here) = from else { return Ok(Next::Gateway(gateway, from)) };
        // Already at a gateway: it can only serve its own sites; there is no transit between two gateways
        // of one network (GW-13).
        match site_behind(self.network, gateway, packet.key.dst) {
            Some(site) if gateway == here => Ok(Next::Delivered(Place::Site(site))),
            _ => unavailable,
        }
    }

    /// RT-27: a gateway of kind Vpn, own or borrowed, with no ExpressRoute gateway beside it.
    fn vpn_gateway(&self, vnet: VnetId) -> Option<GatewayId> {
        let owner = gateway_vnet(self.network, vnet)?;
        if self.network.gateways_of(owner).any(|(_, gateway)| gateway.kind == GatewayType::ExpressRoute) {
            return None;
        }
        let mut gateways = self.network.gateways_of(owner);
        gateways.find(|(_, gateway)| gateway.kind == GatewayType::Vpn).map(|(id, _)| id)
    }
}

/// LB-02, LB-09: All with port 0 covers everything (U-07), else protocol and port must match.
fn lb_rule_matches(rule: &LbRule, key: &FlowKey) -> bool {
    let protocol = match rule.protocol {
        LbProtocol::All if rule.frontend_port == 0 => return true,
        LbProtocol::All => key.protocol.has_ports(),
        LbProtocol::Tcp => key.protocol == IpProtocol::TCP,
        LbProtocol::Udp => key.protocol == IpProtocol::UDP,
    };
    protocol && rule.frontend_port == key.dst_port
}
