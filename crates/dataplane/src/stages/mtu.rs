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

/// Largest IP packet between `vnet` and the end of the leg.
fn path_mtu(tables: &Tables, vnet: VnetId, end: LegEnd) -> u16 {
    let there = match end {
        LegEnd::Nic(nic) => Some(tables.nics[nic.ix()].vnet),
        LegEnd::PrivateEndpoint(id) => Some(tables.endpoints[id.ix()].vnet),
        _ => None,
    };
    if there == Some(vnet) { VNET_MTU } else { PATH_MTU }
}

/// FAB-20. Fragments already made are smaller than any path.
pub(crate) fn check(
    tables: &Tables,
    vnet: VnetId,
    end: LegEnd,
    packet: &mut Packet,
) -> Result<(), DropReason> {
    let (length, fixed) = (packet.headers.ip_len, packet.headers.dont_fragment);
    if packet.fragmented {
        return Ok(());
    }
    if length > path_mtu(tables, vnet, end) {
        if fixed {
            return Err(DropReason::MtuExceeded);
        }
        packet.fragmented = true;
    }
    packet.fragmented |= tables.settings.fragment_at_1400 && length > FABRIC_FRAGMENT && !fixed;
    Ok(())
}
