//! Stages 1 and 2: what the fabric does not carry at all, and the host's own addresses.

use std::net::{IpAddr, Ipv4Addr};

use vnetsim_packet::L4;
use vnetsim_types::{DropReason, IpProtocol};

use crate::{NicTable, Packet, Tables};

/// FAB-08: DHCP, DNS, agent and probe address of the host.
pub const WIRE_SERVER: IpAddr = IpAddr::V4(Ipv4Addr::new(168, 63, 129, 16));
/// FAB-09: instance metadata service.
const METADATA: IpAddr = IpAddr::V4(Ipv4Addr::new(169, 254, 169, 254));
/// FAB-07: reserved for the host.
const HOST_UDP_PORT: u16 = 65_330;
const DHCP_SERVER_PORT: u16 = 67;
const DHCP_CLIENT_PORT: u16 = 68;

/// FAB-10: the host answers these before NSGs and routes.
pub(crate) fn is_platform(dst: IpAddr) -> bool {
    dst == WIRE_SERVER || dst == METADATA
}

/// FAB-05 to FAB-08.
pub(crate) fn check(tables: &Tables, port: &NicTable, packet: &Packet) -> Result<(), DropReason> {
    let headers = &packet.headers;
    if is_group(headers.dst) || tables.vnets[port.vnet.ix()].broadcasts.binary_search(&headers.dst).is_ok() {
        return Err(DropReason::MulticastOrBroadcast);
    }
    if !carried(headers.protocol) {
        return Err(DropReason::UnsupportedProtocol);
    }
    if let L4::Udp { src_port, dst_port } = headers.l4 {
        // Between guests; the host itself is the DHCP server (FAB-08), though not for relays.
        let client = headers.dst == WIRE_SERVER && src_port == DHCP_CLIENT_PORT;
        let dhcp = !client
            && dst_port == DHCP_SERVER_PORT
            && matches!(src_port, DHCP_SERVER_PORT | DHCP_CLIENT_PORT);
        if dhcp || src_port == HOST_UDP_PORT {
            return Err(DropReason::ReservedPort);
        }
    }
    // Only the platform sends from its address, whatever the NIC's settings (FAB-08).
    if headers.src == WIRE_SERVER {
        return Err(DropReason::SourceNotOwned);
    }
    Ok(())
}

/// Whether UDP ports may be the host's own, so that [`check`] is to be asked.
pub(crate) fn may_be_reserved(src_port: u16, dst_port: u16) -> bool {
    src_port == HOST_UDP_PORT || dst_port == DHCP_SERVER_PORT
}

/// FAB-05.
fn is_group(dst: IpAddr) -> bool {
    match dst {
        IpAddr::V4(ip) => ip.is_multicast() || ip.is_broadcast(),
        IpAddr::V6(ip) => ip.is_multicast(),
    }
}

/// FAB-06, U-10.
fn carried(protocol: IpProtocol) -> bool {
    use IpProtocol as P;
    matches!(protocol, P::TCP | P::UDP | P::ICMP | P::ICMPV6 | P::ESP | P::AH)
}
