//! The edge between the fabric and the internet, inbound (ADDR-18, LB-15).

use std::net::IpAddr;

use vnetsim_model::{Frontend, LbSku};
use vnetsim_types::{DropReason, LbId, NicId, Place};

use crate::{
    topology::runs,
    world::{EdgeTranslation, Fate, Next, Packet, World},
};

impl World<'_> {
    /// Something that is no NIC sends `packet` into a virtual network.
    pub(crate) fn enter(&mut self, packet: &mut Packet, from: Place) -> Fate {
        match from {
            Place::Site(site) => self.enter_from_site(packet, site),
            Place::Internet => self.enter_from_internet(packet),
            // A gateway that answers (FE-17).
            Place::Gateway(gateway) => self.route(packet, from, self.network[gateway].subnet),
            Place::PrivateEndpoint(endpoint) => self.leave_endpoint(packet, endpoint),
            Place::Platform => self.leave_platform(packet),
            Place::Nic(_) => Err((from, DropReason::InsufficientInput)),
        }
    }

    /// ADDR-18: a reply to something that went out, or a packet to somebody's public address.
    fn enter_from_internet(&mut self, packet: &mut Packet) -> Fate {
        let here = Place::Internet;
        let reply_to = self.edge.iter().find(|edge| edge.outside.reversed() == packet.key);
        if let Some(edge) = reply_to {
            self.narrow_path(packet, here)?;
            packet.key = edge.inside.reversed();
            return Ok(Next::Arrive(edge.nic, here));
        }
        let dst = packet.key.dst;
        if let Some((nic, private)) = self.public_owner(dst) {
            if !runs(self.network, nic) {
                return Err((here, DropReason::NoSuchDestination));
            }
            self.narrow_path(packet, here)?;
            let outside = packet.key;
            packet.key.dst = private;
            self.invited.push(EdgeTranslation { nic, inside: packet.key, outside });
            return Ok(Next::Arrive(nic, here));
        }
        if let Some((lb, frontend)) = self.public_frontend(dst) {
            return self.enter_public_frontend(packet, lb, frontend);
        }
        // What a gateway does with packets for itself is not modelled.
        let mut instances = self.network.gateways().iter().flat_map(|gateway| &gateway.instances);
        match instances.any(|instance| instance.public_address == Some(dst)) {
            true => Err((here, DropReason::InsufficientInput)),
            false => Err((here, DropReason::NoPublicAddress)),
        }
    }

    /// LB-15: a Standard balancer is closed to the outside until an NSG opens it.
    fn enter_public_frontend(&mut self, packet: &mut Packet, lb: LbId, frontend: u32) -> Fate {
        let next = self.enter_frontend(packet, Place::Internet, lb, frontend)?;
        if let Next::Arrive(backend, _) = next {
            let receiver = &self.network[backend];
            let filtered = receiver.nsg.is_some() || self.network[receiver.subnet].nsg.is_some();
            if self.network[lb].sku == LbSku::Standard && !filtered {
                return Err((Place::Nic(backend), DropReason::NsgDeny));
            }
        }
        Ok(next)
    }

    /// The public frontend with that address.
    pub(crate) fn public_frontend(&self, address: IpAddr) -> Option<(LbId, u32)> {
        for (ix, balancer) in self.network.load_balancers().iter().enumerate() {
            let of = |frontend: &Frontend| frontend.vnet.is_none() && frontend.address == address;
            if let Some(frontend) = balancer.frontends.iter().position(of) {
                return Some((LbId::new(ix), frontend as u32));
            }
        }
        None
    }

    /// The NIC and private address behind a public address of an ipConfiguration.
    fn public_owner(&self, public: IpAddr) -> Option<(NicId, IpAddr)> {
        for (ix, nic) in self.network.nics().iter().enumerate() {
            for config in &nic.ip_configurations {
                if config.public_address == Some(public) {
                    return Some((NicId::new(ix), config.address));
                }
            }
        }
        None
    }

    /// `packet` has left Azure's edge: for somebody outside, or for a public address of this network.
    pub(crate) fn outside(&mut self, packet: &mut Packet) -> Fate {
        let dst = packet.key.dst;
        let answers = self.edge.iter().any(|edge| edge.outside.reversed() == packet.key);
        let mut gateways = self.network.gateways().iter().flat_map(|gateway| &gateway.instances);
        let mut nat = self.network.subnets().iter().flat_map(|subnet| &subnet.nat_gateway);
        let ours = self.public_owner(dst).is_some()
            || self.public_frontend(dst).is_some()
            || gateways.any(|instance| instance.public_address == Some(dst))
            || nat.any(|address| *address == dst);
        match answers || ours {
            true => self.enter_from_internet(packet),
            false => Ok(Next::Delivered(Place::Internet)),
        }
    }
}
