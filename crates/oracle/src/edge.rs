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
            Place::Nic(_) | Place::Platform => Err((from, DropReason::InsufficientInput)),
        }
    }

    /// ADDR-18: a reply to something that went out, or a packet to somebody's public address.
    fn enter_from_internet(&mut self, packet: &mut Packet) -> Fate {
        let here = Place::Internet;
        let reply_to = self.edge.iter().find(|edge| edge.outside.reversed() == packet.key);
        if let Some(edge) = reply_to {
            packet.key = edge.inside.reversed();
            return Ok(Next::Arrive(edge.nic, here));
        }
        let dst = packet.key.dst;
        if let Some((nic, private)) = self.public_owner(dst) {
            if !runs(self.network, nic) {
                return Err((here, DropReason::NoSuchDestination));
            }
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
<<<<<<< HEAD
        let Place::Nic(nic) = from else { return drop(DropReason::SourceNotTranslatable) };
        let configs = &self.network[nic].ip_configurations;
        let Some(config) = configs.iter().find(|config| config.address == packet.key.src) else {
            return drop(DropReason::SourceNotTranslatable); // OUT-08
        };
        let Some(public) = self.outbound_address(packet, nic, config) else {
            return drop(DropReason::NoOutboundPath);
        };
        let inside = packet.key;
        let outside = FlowKey { src: public, ..inside };
        self.edge.push(EdgeTranslation { nic, inside, outside });
        packet.key = outside;
        Ok(Next::Delivered(Place::Internet))
    }

    /// OUT-01, U-16: the first method there is; `None` when there is none or it does not carry the protocol.
    fn outbound_address(&self, packet: &Packet, nic: NicId, config: &IpConfiguration) -> Option<IpAddr> {
        let src = packet.key.src;
        let subnet = &self.network[self.network[nic].subnet];
        let same_family = |address: &IpAddr| address.is_ipv4() == src.is_ipv4();
        if let Some(nat) = subnet.nat_gateway.iter().copied().find(same_family) {
            return packet.key.protocol.has_ports().then_some(nat); // OUT-05: TCP and UDP only
        }
        if let Some(public) = config.public_address.filter(same_family) {
            return Some(public); // OUT-03
        }
        // OUT-07: an address nobody knows. IPv4 only: there is no default outbound access for IPv6 [GK].
        let default_access = subnet.default_outbound_access.value && !self.behind_standard_lb(nic);
        (default_access && src.is_ipv4()).then_some(Ipv4Addr::UNSPECIFIED.into())
    }

    /// LB-15: members of a pool of a Standard balancer have no default outbound access.
    fn behind_standard_lb(&self, nic: NicId) -> bool {
        let mut standard = self.network.load_balancers().iter().filter(|lb| lb.sku == LbSku::Standard);
        standard.any(|lb| lb.pools.iter().any(|pool| pool.iter().any(|(member, _)| *member == nic)))
=======
>>>>>>> testkit
    }
}
