//! Packets larger than their path carries (FAB-18 to FAB-20).
//!
//! A datagram that is fragmented stays one packet here, marked: what drops fragments drops it (FAB-21).

use vnetsim_types::{DropReason, VnetId};

use crate::{LegEnd, Packet, Tables};

/// FAB-18: promised through peerings, gateways and to the internet.
pub const PATH_MTU: u16 = 1_500;
/// FAB-18: the largest that NICs send inside one virtual network.
const VNET_MTU: u16 = 9_000;
/// FAB-19, U-09.
const FABRIC_FRAGMENT: u16 = 1_400;

/// FAB-19: what the fabric cuts before anything else happens to it.
pub(crate) fn fabric(tables: &Tables, packet: &mut Packet) {
    let (length, fixed) = (packet.headers.ip_len, packet.headers.dont_fragment);
    packet.fragmented |= tables.settings.fragment_at_1400 && length > FABRIC_FRAGMENT && !fixed;
}

/// A sender cuts what is larger than its own `mtu`; IPv4 with DF it cannot send.
pub fn cut(packet: &mut Packet, mtu: u16) -> Result<(), DropReason> {
    if packet.headers.ip_len > mtu {
        if packet.headers.src.is_ipv4() && packet.headers.dont_fragment {
            return Err(DropReason::MtuExceeded);
        }
        packet.fragmented = true;
    }
    Ok(())
}

/// FAB-20 for a packet that leaves its virtual network, whoever gets it.
pub(crate) fn narrow(packet: &mut Packet) -> Result<(), DropReason> {
    fits(packet, PATH_MTU)
}

/// Largest IP packet between `vnet` and the end of the leg.
fn path_mtu(tables: &Tables, vnet: VnetId, end: LegEnd) -> u16 {
    let there = match end {
        LegEnd::Nic(nic) => Some(tables.nics[nic.ix()].vnet),
        LegEnd::PrivateEndpoint(id) => Some(tables.endpoints[id.ix()].vnet),
        _ => None,
    };
    let host = matches!(end, LegEnd::Platform(_));
    if host || there == Some(vnet) { VNET_MTU } else { PATH_MTU }
}

/// Largest IP packet that goes whole from a NIC of `vnet` to the end of the leg.
pub(crate) fn whole_max(tables: &Tables, vnet: VnetId, end: LegEnd) -> u16 {
    let path = path_mtu(tables, vnet, end);
    if tables.settings.fragment_at_1400 { path.min(FABRIC_FRAGMENT) } else { path }
}

/// FAB-20.
pub(crate) fn check(
    tables: &Tables,
    vnet: VnetId,
    end: LegEnd,
    packet: &mut Packet,
) -> Result<(), DropReason> {
    fits(packet, path_mtu(tables, vnet, end))
}

/// Fragments already made are smaller than any path.
fn fits(packet: &mut Packet, mtu: u16) -> Result<(), DropReason> {
    if !packet.fragmented && packet.headers.ip_len > mtu {
        if packet.headers.dont_fragment {
            return Err(DropReason::MtuExceeded);
        }
        packet.fragmented = true;
    }
    Ok(())
}
