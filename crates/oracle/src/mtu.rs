//! How large a packet may be (FAB-18 to FAB-21).

use vnetsim_model::FabricFragment;
use vnetsim_types::{DropReason, FlowKey, IpProtocol, Place};

use crate::world::{Packet, World};

/// FAB-18: between networks, through gateways and to the internet.
const PATH_MTU: usize = 1_500;

/// U-09: where the fabric fragments by the 2019 tuning page.
const FABRIC_MTU_2019: usize = 1_400;

/// Bytes of the IP packet with that key and payload; TCP handshakes carry none.
pub(crate) fn packet_size(key: &FlowKey, payload: u16) -> usize {
    let ip = if key.src.is_ipv4() { 20 } else { 40 };
    let payload = usize::from(payload);
    ip + match key.protocol {
        IpProtocol::TCP => 20,
        IpProtocol::UDP => 8 + payload,
        protocol if protocol.is_icmp() => 8 + payload,
        _ => payload,
    }
}

/// FAB-20: what is larger than `limit` goes on as fragments, or dies at `here`. A sender may cut IPv6, nobody else.
fn narrow(packet: &mut Packet, limit: usize, here: Place, sender: bool) -> Result<(), (Place, DropReason)> {
    if packet.size <= limit || packet.fragments {
        return Ok(());
    }
    let fixed = if packet.key.src.is_ipv4() { packet.dont_fragment } else { !sender };
    if fixed {
        return Err((here, DropReason::MtuExceeded));
    }
    packet.fragments = true;
    Ok(())
}

impl World<'_> {
    /// The packet leaves the place where larger ones are promised: its own network.
    pub(crate) fn narrow_path(&self, packet: &mut Packet, from: Place) -> Result<(), (Place, DropReason)> {
        narrow(packet, PATH_MTU, from, matches!(from, Place::Internet | Place::Site(_)))
    }

    /// FAB-19, U-09: the fabric of 2019 tries to fragment; what may not be fragmented stays whole.
    pub(crate) fn narrow_fabric(&self, packet: &mut Packet) {
        let at_1400 = self.network.semantics().fabric_fragment == FabricFragment::At1400;
        if at_1400 && packet.size > FABRIC_MTU_2019 && packet.key.src.is_ipv4() && !packet.dont_fragment {
            packet.fragments = true;
        }
    }

    /// FAB-18: what the guest behind `from` may send; others send as their path allows.
    pub(crate) fn narrow_guest(&self, packet: &mut Packet, from: Place) -> Result<(), (Place, DropReason)> {
        let Place::Nic(nic) = from else { return Ok(()) };
        match self.network[nic].vm {
            Some(vm) => narrow(packet, self.network[vm].guest.mtu.into(), from, true),
            None => Ok(()),
        }
    }
}
