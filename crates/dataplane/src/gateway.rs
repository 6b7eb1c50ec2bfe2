//! A virtual network gateway: forwards between its network's routes and its sites (GW-21).

use vnetsim_packet::set_ttl;
use vnetsim_types::{DropReason, GatewayId, Observer, Place, Step};

use crate::{
    Context, Leg, LegEnd, NextHop, Origin, Packet,
    stages::{peering, route},
};

/// What a gateway does with a packet: the leg it takes next.
pub type GatewayOut = Result<Leg, DropReason>;

/// A packet arrives at `gateway`, from a virtual network or from a site.
///
/// The routes of `GatewaySubnet` decide; those that name this gateway lead to the site with the longest
/// prefix. No NSG, no flow record, no address check (GW-02, GW-18).
pub fn at_gateway<O: Observer>(
    cx: &mut Context<'_, O>,
    origin: Origin,
    gateway: GatewayId,
    packet: &mut Packet,
) -> GatewayOut {
    let verdict =
        peering::cross_to_gateway(cx, origin, gateway, packet).and_then(|()| forward(cx, gateway, packet));
    cx.report_drop(packet, Place::Gateway(gateway), &verdict);
    verdict
}

fn forward<O: Observer>(cx: &mut Context<'_, O>, gateway: GatewayId, packet: &mut Packet) -> GatewayOut {
    let tables = cx.tables;
    let table = &tables.gateways[gateway.ix()];
    // U-08: a router in the path, but a silent one.
    let ttl = packet.headers.ttl.saturating_sub(u8::from(tables.settings.gateway_lowers_ttl));
    set_ttl(&mut packet.frame, &mut packet.headers, ttl);
    if ttl == 0 {
        return Err(DropReason::TtlExpired);
    }
    let dst = packet.headers.dst;
    let end = match route::choose(cx, table.subnet, packet)? {
        NextHop::Gateway(own) if own == gateway => {
            let site = table.prefixes.iter().find(|(prefix, _)| prefix.contains(&dst));
            LegEnd::Site(site.ok_or(DropReason::GatewayUnavailable)?.1)
        }
        NextHop::Gateway(_) => return Err(DropReason::GatewayUnavailable), // GW-13: no transit between gateways
        next_hop => route::resolve(cx, table.vnet, None, next_hop, packet)?,
    };
    let to = match end {
        LegEnd::Nic(nic) => Place::Nic(nic),
        LegEnd::Gateway(gateway) => Place::Gateway(gateway),
        LegEnd::Site(site) => Place::Site(site),
        LegEnd::Internet { .. } => Place::Internet,
    };
    cx.report(packet, Step::Gateway { gateway, to, ttl });
    Ok(Leg { origin: Origin::Gateway(table.vnet), end })
}
