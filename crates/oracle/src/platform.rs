//! Azure itself as a destination: the host's services (FAB-08 to FAB-10) and service endpoints (RT-07).

use std::net::IpAddr;

use vnetsim_types::{Direction, DropReason, NicId, Place};

use crate::{
    answer::OracleHop,
    nsg::platform_denial,
    tags::is_host,
    world::{Fate, Next, Packet, World},
};

/// FAB-09: the instance metadata service.
const METADATA: &str = "169.254.169.254";

/// FAB-08, FAB-09: the host and the instance metadata service.
pub(crate) fn is_platform(ip: IpAddr) -> bool {
    is_host(ip) || is_metadata(ip)
}

/// 169.254.169.254.
pub(crate) fn is_metadata(ip: IpAddr) -> bool {
    ip.to_string() == METADATA
}

impl World<'_> {
    /// FAB-10: the sender's host answers, before NSGs and routes (U-33); only rules that name a platform service
    /// stop it (NSG-22).
    pub(crate) fn ask_platform(&mut self, packet: &mut Packet, nic: NicId) -> Fate {
        let here = Place::Nic(nic);
        // FAB-09: for the NIC itself; nothing is forwarded there.
        if !self.network[nic].owns(packet.key.src) {
            return Err((here, DropReason::SourceNotOwned));
        }
        if let Some((nsg, rule)) = platform_denial(self.network, nic, &packet.key) {
            let direction = Direction::Outbound;
            packet.hops.push(OracleHop::Nsg { nic, direction, nsg, rule, allowed: false });
            return Err((here, DropReason::NsgDeny));
        }
        self.asked.push((packet.key, nic));
        Ok(Next::Delivered(Place::Platform))
    }

    /// RT-07: the service behind a service endpoint sees the sender's private address, so it must be the NIC's own.
    pub(crate) fn ask_service(&mut self, packet: &Packet, from: Place) -> Fate {
        match from {
            Place::Nic(nic) if self.network[nic].owns(packet.key.src) => {
                self.asked.push((packet.key, nic));
                Ok(Next::Delivered(Place::Platform))
            }
            Place::Nic(_) => Err((from, DropReason::SourceNotTranslatable)),
            _ => Err((from, DropReason::InsufficientInput)),
        }
    }

    /// Azure answers the NIC that asked. What the host says passes no NSG (FAB-10).
    pub(crate) fn leave_platform(&mut self, packet: &mut Packet) -> Fate {
        match self.asked.iter().find(|(key, _)| key.reversed() == packet.key) {
            Some(&(_, nic)) if is_platform(packet.key.src) => self.guest(packet, nic),
            Some(&(_, nic)) => Ok(Next::Arrive(nic, Place::Platform)),
            None => Err((Place::Platform, DropReason::NoSuchDestination)),
        }
    }
}
