//! Next hop Internet: may the packet leave, and by which public address (OUT-01 to OUT-08).

use std::net::{IpAddr, Ipv4Addr};

use vnetsim_types::{DropReason, IpProtocol, NicId, SimTime};

use super::balance::flow_hash;
use crate::{Entered, HashInput, LegEnd, Packet, Tables, WayOut};

/// Stands for the changing, Microsoft-owned address of default outbound access (OUT-07); RFC 5737.
const DEFAULT_OUTBOUND: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));

/// Ports that NAT gateways (OUT-05) and default outbound access give out on one address.
const PORTS: (u16, u16) = (1_024, 64_512);

/// OUT-06: how long a NAT gateway keeps a port after its connection ended.
const NAT_HOLD: SimTime = SimTime::from_secs(65);

/// OUT-01, in the order of U-16. An answer to a connection from outside leaves the way it came in.
pub(crate) fn choose(
    tables: &Tables,
    nic: NicId,
    entered: Option<Entered>,
    packet: &Packet,
) -> Result<LegEnd, DropReason> {
    let headers = &packet.headers;
    let port = &tables.nics[nic.ix()];
    let leave = |way| Ok(LegEnd::Internet { nic, way });
    match entered {
        Some(entered) if entered.edge => return leave(WayOut::Answer(entered)),
        // The host has put the frontend's address there (LB-03).
        Some(entered) if entered.address == headers.src && is_public(headers.src) => {
            return leave(WayOut::Unchanged);
        }
        _ => {}
    }
    if port.floating.contains(&headers.src) && is_public(headers.src) {
        return leave(WayOut::Unchanged);
    }
    let own = port.addresses.iter().find(|(private, _)| *private == headers.src);
    let (_, public) = own.ok_or(DropReason::SourceNotTranslatable)?; // OUT-08
    let subnet = &tables.subnets[port.subnet.ix()];
    let carried = matches!(headers.protocol, IpProtocol::TCP | IpProtocol::UDP);
    if let Some(address) = shared_address(&subnet.nat_gateway, packet) {
        // OUT-05: TCP and UDP only.
        if !carried {
            return Err(DropReason::NoOutboundPath);
        }
        let limits = (tables.settings.nat_connections_max, NAT_HOLD);
        return shared(nic, address, PORTS, limits, packet);
    }
    if let Some(public) = public {
        return leave(WayOut::OneToOne(*public));
    }
    let primary = port.addresses.iter().find(|(ip, _)| ip.is_ipv4() == headers.src.is_ipv4());
    // OUT-04 shares ports of TCP and UDP, with the primary address only; OUT-07: then there is no other way.
    if let Some(out) = &port.shared_out[usize::from(headers.src.is_ipv6())]
        && let Some(address) = shared_address(&out.addresses, packet)
    {
        return match carried && primary.is_some_and(|(ip, _)| *ip == headers.src) {
            true => shared(nic, address, (out.first_port, out.ports), (u32::MAX, SimTime::ZERO), packet),
            false => Err(DropReason::NoOutboundPath),
        };
    }
    let told_apart = carried || headers.protocol.is_icmp();
    if subnet.default_outbound && !port.behind_standard_lb && headers.src.is_ipv4() && told_apart {
        return shared(nic, DEFAULT_OUTBOUND, PORTS, (u32::MAX, SimTime::ZERO), packet);
    }
    Err(DropReason::NoOutboundPath)
}

/// FAB-21: fragments cannot share an address.
fn shared(
    nic: NicId,
    address: IpAddr,
    (first_port, ports): (u16, u16),
    (per_destination, hold): (u32, SimTime),
    packet: &Packet,
) -> Result<LegEnd, DropReason> {
    if packet.fragmented {
        return Err(DropReason::FragmentUnsupported);
    }
    Ok(LegEnd::Internet { nic, way: WayOut::Shared { address, first_port, ports, per_destination, hold } })
}

/// One of the addresses of the packet's family, by the flow's hash.
fn shared_address(all: &[IpAddr], packet: &Packet) -> Option<IpAddr> {
    let key = packet.headers.flow_key();
    let like = |ip: &&IpAddr| ip.is_ipv4() == key.src.is_ipv4();
    let count = all.iter().filter(like).count() as u64;
    if count == 0 {
        return None;
    }
    let turn = flow_hash(&key, HashInput::FiveTuple, false) % count;
    all.iter().filter(like).nth(turn as usize).copied()
}

/// ADDR-02: everything that is not RFC 1918, RFC 6598, link-local or unique local.
pub fn is_public(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => {
            let [a, b, ..] = ip.octets();
            !(ip.is_private()
                || ip.is_link_local()
                || ip.is_loopback()
                || (a == 100 && (64..128).contains(&b)))
        }
        IpAddr::V6(ip) => !(ip.is_unique_local() || ip.is_unicast_link_local() || ip.is_loopback()),
    }
}
