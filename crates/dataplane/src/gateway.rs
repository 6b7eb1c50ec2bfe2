//! A virtual network gateway: forwards between its network's routes and what its connections reach (GW-21).

use vnetsim_packet::set_ttl;
use vnetsim_types::{DropReason, GatewayId, Observer, Place, Step};

use crate::{
    Backends, Beyond, Context, HandedBy, HashInput, Leg, LegEnd, NextHop, Origin, Packet, flow_hash,
    stages::{
        peering,
        route::{self, Sender},
    },
};

/// No time to live would let more gateways forward a packet.
const GATEWAYS_MAX: u8 = 255;

/// What a gateway does with a packet: the leg it takes next, or `None` when it is for the gateway itself.
pub type GatewayOut = Result<Option<Leg>, DropReason>;

/// A packet arrives at `gateway`, from a virtual network, a site or another gateway.
///
/// The routes of `GatewaySubnet` decide; those that name this gateway lead to what is beyond its connections,
/// by the longest prefix. No NSG, no flow record, no address check (GW-02, GW-18).
pub fn at_gateway<O: Observer>(
    cx: &mut Context<'_, O>,
    memory: &mut Backends,
    origin: Origin,
    gateway: GatewayId,
    packet: &mut Packet,
) -> GatewayOut {
    let table = &cx.tables.gateways[gateway.ix()];
    let mut verdict = match table.running {
        true => peering::cross_to_gateway(cx, origin, table.subnet, packet).map(|()| None),
        false => Err(DropReason::GatewayUnavailable),
    };
    if verdict.is_ok() && !table.addresses.contains(&packet.headers.dst) {
        verdict = forward(cx, memory, gateway, packet).map(Some);
    }
    cx.report_drop(packet, Place::Gateway(gateway), &verdict);
    verdict
}

/// `gateway` itself sends `packet`.
pub fn from_gateway<O: Observer>(
    cx: &mut Context<'_, O>,
    memory: &mut Backends,
    gateway: GatewayId,
    packet: &mut Packet,
) -> GatewayOut {
    let verdict = next_leg(cx, memory, gateway, packet).map(Some);
    cx.report_drop(packet, Place::Gateway(gateway), &verdict);
    verdict
}

fn forward<O: Observer>(
    cx: &mut Context<'_, O>,
    memory: &mut Backends,
    gateway: GatewayId,
    packet: &mut Packet,
) -> Result<Leg, DropReason> {
    // U-08: a router in the path, but a silent one.
    let ttl = packet.headers.ttl.saturating_sub(u8::from(cx.tables.settings.gateway_lowers_ttl));
    set_ttl(&mut packet.frame, &mut packet.headers, ttl);
    if ttl == 0 {
        return Err(DropReason::TtlExpired);
    }
    // Gateways that do not lower it lead nobody in circles for ever.
    if packet.gateways == GATEWAYS_MAX {
        return Err(DropReason::RoutingLoop);
    }
    packet.gateways += 1;
    let leg = next_leg(cx, memory, gateway, packet)?;
    let to = match leg.end {
        LegEnd::Nic(nic) | LegEnd::Platform(nic) | LegEnd::Internet { nic, .. } => Place::Nic(nic),
        LegEnd::Gateway(gateway) => Place::Gateway(gateway),
        LegEnd::Site(site) => Place::Site(site),
        LegEnd::PrivateEndpoint(id) => Place::PrivateEndpoint(id),
    };
    cx.report(packet, Step::Gateway { gateway, to, ttl });
    packet.handed_by = Some(HandedBy::Gateway(gateway));
    Ok(leg)
}

fn next_leg<O: Observer>(
    cx: &mut Context<'_, O>,
    memory: &mut Backends,
    gateway: GatewayId,
    packet: &mut Packet,
) -> Result<Leg, DropReason> {
    let tables = cx.tables;
    let table = &tables.gateways[gateway.ix()];
    let lpm = &tables.subnets[table.subnet.ix()].lpm;
    let from_here = |end| Ok(Leg { origin: Origin::Gateway(table.subnet), end });
    let tunnel = |end| Ok(Leg { origin: Origin::Tunnel, end });
    match route::choose(cx, table.subnet, lpm, packet)? {
        NextHop::Gateway(own) if own == gateway => match beyond(cx, gateway, packet)? {
            Beyond::Site(site) => tunnel(LegEnd::Site(site)),
            Beyond::Gateway(other) => tunnel(LegEnd::Gateway(other)),
        },
        // GW-13: no transit between the gateways of a network, unless a route server joins them.
        NextHop::Gateway(other) if table.transit.contains(&other) => from_here(LegEnd::Gateway(other)),
        NextHop::Gateway(_) => Err(DropReason::GatewayUnavailable),
        next_hop => {
            let sender = Sender { vnet: table.vnet, nic: None, entered: None };
            from_here(route::resolve(cx, memory, sender, next_hop, packet)?)
        }
    }
}

/// The connection with the longest prefix; among equal ones by the flow's hash (U-32).
fn beyond<O: Observer>(
    cx: &Context<'_, O>,
    gateway: GatewayId,
    packet: &Packet,
) -> Result<Beyond, DropReason> {
    let key = packet.headers.flow_key();
    let mut holding = cx.tables.gateways[gateway.ix()].beyond.iter().filter(|(p, _)| p.contains(&key.dst));
    let (longest, first) = holding.next().ok_or(DropReason::GatewayUnavailable)?;
    let equal: Vec<Beyond> = holding.take_while(|(p, _)| p == longest).map(|(_, end)| *end).collect();
    if equal.is_empty() {
        return Ok(*first);
    }
    let turn = flow_hash(&key, HashInput::FiveTuple, false) % (equal.len() as u64 + 1);
    Ok((turn as usize).checked_sub(1).map_or(*first, |ix| equal[ix]))
}
