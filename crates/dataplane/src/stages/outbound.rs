//! Next hop Internet: may the packet leave, and by which public address (OUT-01 to OUT-08).

use std::net::{IpAddr, Ipv4Addr};

use vnetsim_types::{DropReason, IpProtocol, NicId};

use crate::{LegEnd, Packet, Tables};

/// Stands for the changing, Microsoft-owned address of default outbound access (OUT-07); RFC 5737.
const DEFAULT_OUTBOUND: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));

/// OUT-01, in the order of U-16.
pub(crate) fn choose(tables: &Tables, nic: NicId, packet: &Packet) -> Result<LegEnd, DropReason> {
    let headers = &packet.headers;
    if !is_public(headers.dst) {
        return Err(DropReason::NoSuchDestination); // RT-25: private destinations die at the edge
    }
    let port = &tables.nics[nic.ix()];
    let own = port.addresses.iter().find(|(private, _)| *private == headers.src);
    let (_, public) = own.ok_or(DropReason::SourceNotTranslatable)?; // OUT-08
    let subnet = &tables.subnets[port.subnet.ix()];
    let shared = |public| LegEnd::Internet { nic, public, one_to_one: false };
    if let Some(nat) = subnet.nat_gateway.filter(|nat| nat.is_ipv4() == headers.src.is_ipv4()) {
        // OUT-05: TCP and UDP only.
        let carried = matches!(headers.protocol, IpProtocol::TCP | IpProtocol::UDP);
        return if carried { Ok(shared(nat)) } else { Err(DropReason::NoOutboundPath) };
    }
    if let Some(public) = public {
        return Ok(LegEnd::Internet { nic, public: *public, one_to_one: true });
    }
    if subnet.default_outbound && !port.behind_standard_lb && headers.src.is_ipv4() {
        return Ok(shared(DEFAULT_OUTBOUND));
    }
    Err(DropReason::NoOutboundPath)
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
