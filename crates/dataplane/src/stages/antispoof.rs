//! Stages 3 and 11: a NIC without IP forwarding sends and receives for its own addresses only.

use vnetsim_types::DropReason;

use crate::{NicTable, Packet};

/// FAB-12.
pub(crate) fn egress(port: &NicTable, packet: &Packet) -> Result<(), DropReason> {
    if port.ip_forwarding || port.serves(packet.headers.src) {
        Ok(())
    } else {
        Err(DropReason::SourceNotOwned)
    }
}

/// FAB-13.
pub(crate) fn ingress(port: &NicTable, packet: &Packet) -> Result<(), DropReason> {
    if port.ip_forwarding || port.serves(packet.headers.dst) {
        Ok(())
    } else {
        Err(DropReason::IpForwardingDisabled)
    }
}
