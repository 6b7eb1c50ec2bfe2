//! Private endpoints: the address of a platform service inside a network (RT-08, NSG-25, FE-10).

use std::net::IpAddr;

use vnetsim_model::{Network, RouteTable, UserNextHop};
use vnetsim_types::{AsgId, Direction, DropReason, IpNet, Place, PrivateEndpointId, SubnetId};

use crate::{
    answer::{NextHopType, OracleHop},
    nsg::decide,
    routes::{Row, Via, choose_system_rows, system_row},
    topology::{connected_link, exchanged, owner, within},
    world::{Fate, FlowRecord, Next, Packet, World},
};

/// RT-08, FE-10: a block of one for each endpoint of the own network, and of each directly peered one whose link
/// brings its address.
pub(crate) fn endpoint_rows(network: &Network, subnet: SubnetId, table: Option<&RouteTable>) -> Vec<Row> {
    let vnet = network[subnet].vnet;
    let mut rows = Vec::new();
    for (ix, endpoint) in network.private_endpoints().iter().enumerate() {
        let link = connected_link(network, vnet, endpoint.vnet);
        let brought = link.is_some_and(|link| within(endpoint.address, &exchanged(network, link)));
        if endpoint.vnet == vnet || brought {
            let id = PrivateEndpointId::new(ix);
            let mut row = system_row(IpNet::from(endpoint.address), NextHopType::InterfaceEndpoint);
            row.via = Via::Endpoint(id);
            row.displaced = displaced(network, table, id);
            rows.push(row);
        }
    }
    rows
}

/// RT-08: the endpoint's subnet lets route tables apply, and a user route of the sender's subnet is at least as
/// long as the block of the endpoint's network. FE-29: a route for the very address counts wherever the endpoint is.
/// 0.0.0.0/0 and VnetLocal never count.
fn displaced(network: &Network, table: Option<&RouteTable>, id: PrivateEndpointId) -> bool {
    let endpoint = &network[id];
    let routes = table.map_or(&[][..], |table| &table.routes);
    let diverting = routes.iter().filter(|route| route.next_hop != UserNextHop::VnetLocal);
    let mut prefixes = diverting.flat_map(|route| &route.prefixes);
    if prefixes.clone().any(|prefix| *prefix == IpNet::from(endpoint.address)) {
        return true;
    }
    if !network[endpoint.subnet].private_endpoint_policies.routes() {
        return false;
    }
    let blocks = network[endpoint.vnet].address_space.iter();
    let Some(block) = blocks.map(|block| block.value).find(|block| block.contains(&endpoint.address)) else {
        return false;
    };
    prefixes.any(|prefix| {
        let long = prefix.prefix_len() > 0 && prefix.prefix_len() >= block.prefix_len();
        long && prefix.contains(&endpoint.address)
    })
}

impl World<'_> {
    /// `packet` comes to a private endpoint. The service behind it answers TCP and UDP.
    pub(crate) fn at_endpoint(&mut self, packet: &mut Packet, id: PrivateEndpointId, from: Place) -> Fate {
        let here = Place::PrivateEndpoint(id);
        self.cross(packet, from, self.network[id].vnet, here)?;
        self.filter_at_endpoint(packet, id)?;
        self.handed.retain(|(request, _)| *request != packet.key);
        if self.hands_over(from, packet.key.src) {
            self.handed.push((packet.key, from));
        }
        match packet.key.protocol.has_ports() {
            true => Ok(Next::Delivered(here)),
            false => Err((here, DropReason::GuestPortClosed)),
        }
    }

    /// NSG-25: the group of the endpoint's subnet, when the subnet lets it apply.
    fn filter_at_endpoint(
        &mut self,
        packet: &mut Packet,
        id: PrivateEndpointId,
    ) -> Result<(), (Place, DropReason)> {
        let here = Place::PrivateEndpoint(id);
        let subnet = self.network[id].subnet;
        let applies = self.network[subnet].private_endpoint_policies.filters();
        let Some(nsg) = self.network[subnet].nsg.as_ref().filter(|_| applies) else { return Ok(()) };
        let record = FlowRecord::of(&packet.key, here, Direction::Inbound);
        if self.flows.contains(&record) {
            return Ok(()); // NSG-13
        }
        let key = &packet.key;
        let decision = decide(self.network, subnet, &self.network[nsg.value], Direction::Inbound, key);
        let (allowed, unknown) = (decision.allowed, decision.unknown);
        let (nsg, rule) = (decision.nsg, decision.rule);
        packet.hops.push(OracleHop::EndpointNsg { endpoint: id, nsg, rule, allowed });
        if unknown {
            return Err((here, DropReason::InsufficientInput)); // NSG-18
        }
        if !allowed {
            return Err((here, DropReason::NsgDeny));
        }
        self.flows.push(record);
        Ok(())
    }

    /// FE-33: gateways hand over whatever they bring; machines what comes from another network than their own.
    fn hands_over(&self, from: Place, source: IpAddr) -> bool {
        match from {
            Place::Gateway(_) => true,
            Place::Nic(nic) => owner(self.network, self.network[nic].vnet, source).is_none(),
            _ => false,
        }
    }

    /// A private endpoint answers: to who handed the request over (FE-33), else by the routes of its subnet, which no
    /// table of the customer's changes.
    pub(crate) fn leave_endpoint(&mut self, packet: &mut Packet, id: PrivateEndpointId) -> Fate {
        let here = Place::PrivateEndpoint(id);
        match self.handed.iter().find(|(request, _)| request.reversed() == packet.key) {
            Some((_, Place::Nic(nic))) => return Ok(Next::Arrive(*nic, here)),
            Some((_, Place::Gateway(gateway))) => return Ok(Next::Gateway(*gateway, here)),
            _ => {}
        }
        let subnet = self.network[id].subnet;
        let rows = choose_system_rows(self.network, subnet, packet.key.dst);
        self.follow_one(packet, Place::PrivateEndpoint(id), subnet, &rows)
    }
}

/// NSG-20, NSG-21: `ip` is a private endpoint of the subnet's own network that is a member of one of the groups.
pub(crate) fn is_member(network: &Network, subnet: SubnetId, groups: &[AsgId], ip: IpAddr) -> bool {
    let mut near = network.private_endpoints().iter().filter(|e| e.vnet == network[subnet].vnet);
    near.any(|endpoint| endpoint.address == ip && endpoint.asgs.iter().any(|asg| groups.contains(asg)))
}
