//! Stages 7 and 8: the route, and who its next hop is.

use vnetsim_types::{DropReason, NicId, Observer, Step, SubnetId, VnetId};

use super::{balance, outbound};
use crate::{Appliance, Context, LegEnd, NextHop, Owner, Packet};

/// RT-01: the routes of the sending subnet, longest prefix.
pub(crate) fn choose<O: Observer>(
    cx: &mut Context<'_, O>,
    subnet: SubnetId,
    packet: &Packet,
) -> Result<NextHop, DropReason> {
    let dst = packet.headers.dst;
    let found = cx.tables.route(subnet, dst);
    cx.report(packet, Step::Route { subnet, dst, route: found.map(|(ix, _)| ix) });
    found.map(|(_, next_hop)| next_hop).ok_or(DropReason::RouteNone)
}

/// RT-16 to RT-27. `nic` is the sender; `None` when a gateway sends.
pub(crate) fn resolve<O: Observer>(
    cx: &mut Context<'_, O>,
    vnet: VnetId,
    nic: Option<NicId>,
    next_hop: NextHop,
    packet: &mut Packet,
) -> Result<LegEnd, DropReason> {
    match next_hop {
        NextHop::VnetLocal => owner(cx, vnet, packet),
        NextHop::Peering { remote, .. } => owner(cx, remote, packet),
        NextHop::Appliance(appliance) => to_appliance(cx, appliance, packet),
        NextHop::Gateway(gateway) => Ok(LegEnd::Gateway(gateway)),
        NextHop::GatewayUnavailable => Err(DropReason::GatewayUnavailable),
        NextHop::Internet => match nic {
            Some(nic) => outbound::choose(cx.tables, nic, packet),
            // A gateway has no public address to lend to what it forwards.
            None if outbound::is_public(packet.headers.dst) => Err(DropReason::SourceNotTranslatable),
            None => Err(DropReason::NoSuchDestination),
        },
        NextHop::ServiceEndpoint => Err(DropReason::InsufficientInput),
        NextHop::None => Err(DropReason::RouteNone),
    }
}

/// The one in `vnet` who has the destination address.
fn owner<O: Observer>(cx: &Context<'_, O>, vnet: VnetId, packet: &Packet) -> Result<LegEnd, DropReason> {
    match cx.tables.vnets[vnet.ix()].owners.get(&packet.headers.dst) {
        Some(Owner::Nic(nic)) if cx.tables.nics[nic.ix()].up => Ok(LegEnd::Nic(*nic)),
        Some(Owner::Nic(_)) | None => Err(DropReason::NoSuchDestination),
        // Balancers and gateways as destinations are not modelled yet.
        Some(Owner::Frontend(..) | Owner::Gateway(_)) => Err(DropReason::InsufficientInput),
    }
}

/// RT-16 to RT-21. No fallback to another route (RT-19).
fn to_appliance<O: Observer>(
    cx: &mut Context<'_, O>,
    appliance: Appliance,
    packet: &Packet,
) -> Result<LegEnd, DropReason> {
    match appliance {
        Appliance::Nic(nic) if cx.tables.nics[nic.ix()].up => Ok(LegEnd::Nic(nic)),
        Appliance::Nic(_) | Appliance::Nobody => Err(DropReason::NextHopUnreachable),
        Appliance::NotAdjacent => Err(DropReason::NextHopNotDirectlyConnected),
        Appliance::Balancer { lb, frontend, global } => {
            balance::choose(cx, lb, frontend, global, packet).map(LegEnd::Nic)
        }
        Appliance::Gateway => Err(DropReason::InsufficientInput),
    }
}
