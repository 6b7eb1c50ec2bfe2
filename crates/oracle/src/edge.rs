//! The edge between the fabric and the internet (Part 5.3).

use std::net::{IpAddr, Ipv4Addr};

use vnetsim_model::{IpConfiguration, LbSku};
use vnetsim_types::{DropReason, FlowKey, NicId, Place};

use crate::{
    topology::{is_private, runs},
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
    fn enter_from_internet(&self, packet: &mut Packet) -> Fate {
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
            packet.key.dst = private;
            return Ok(Next::Arrive(nic, here));
        }
        // Public frontends and the gateways' own addresses exist, but are not modelled as destinations.
        let mut frontends = self.network.load_balancers().iter().flat_map(|lb| &lb.frontends);
        let frontend = frontends.any(|frontend| frontend.vnet.is_none() && frontend.address == dst);
        let mut instances = self.network.gateways().iter().flat_map(|gateway| &gateway.instances);
        let gateway = instances.any(|instance| instance.public_address == Some(dst));
        match frontend || gateway {
            true => Err((here, DropReason::InsufficientInput)),
            false => Err((here, DropReason::NoPublicAddress)),
        }
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

    /// RT-25, OUT-01, OUT-08: out to the internet with a translated source.
    pub(crate) fn leave_for_internet(&mut self, packet: &mut Packet, from: Place) -> Fate {
        let drop = |reason| Err((from, reason));
        if is_private(packet.key.dst) {
            return drop(DropReason::NoSuchDestination); // RT-25
        }
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
        standard.any(|lb| lb.pools.iter().any(|pool| pool.contains(&nic)))
    }
}
