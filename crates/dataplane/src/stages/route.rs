//! Stages 7 and 8: the route, and who its next hop is.

use vnetsim_types::{DropReason, NicId, Observer, Step, SubnetId, VnetId};

use super::{
    balance::{self, Backends},
    mtu, outbound,
};
use crate::{Appliance, Context, Entered, LegEnd, Lpm, NextHop, Owner, Packet, packet::Alike};

/// Who sends.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sender {
    /// Its virtual network.
    pub(crate) vnet: VnetId,
    /// The NIC; `None` for a gateway or a private endpoint.
    pub(crate) nic: Option<NicId>,
    /// The translation that the packet, an answer, undoes at the edge.
    pub(crate) entered: Option<Entered>,
}

/// RT-01: the routes of the sending subnet, longest prefix.
pub(crate) fn choose<O: Observer>(
    cx: &mut Context<'_, O>,
    subnet: SubnetId,
    lpm: &Lpm,
    packet: &mut Packet,
) -> Result<NextHop, DropReason> {
    let key = packet.headers.flow_key();
    let found = cx.tables.route_for(lpm, &key);
    let (route, ways) = (found.map(|(ix, ..)| ix), found.map_or(0, |(.., ways)| ways));
    if ways > 1 {
        packet.only(Alike::Connection); // FE-04: each connection has its way
    }
    cx.report(packet, Step::Route { subnet, dst: key.dst, route, ways });
    found.map(|(_, next_hop, _)| next_hop).ok_or(DropReason::RouteNone)
}

/// RT-16 to RT-27.
pub(crate) fn resolve<O: Observer>(
    cx: &mut Context<'_, O>,
    memory: &mut Backends,
    sender: Sender,
    next_hop: NextHop,
    packet: &mut Packet,
) -> Result<LegEnd, DropReason> {
    match next_hop {
        NextHop::VnetLocal => owner(cx, memory, sender, (sender.vnet, false), packet),
        NextHop::Peering { remote, global } => owner(cx, memory, sender, (remote, global), packet),
        NextHop::Appliance(appliance) | NextHop::Learned(appliance) => {
            to_appliance(cx, memory, sender, appliance, packet)
        }
        NextHop::Gateway(gateway) => Ok(LegEnd::Gateway(gateway)),
        NextHop::GatewayUnavailable => Err(DropReason::GatewayUnavailable),
        NextHop::PrivateEndpoint(id) => Ok(LegEnd::PrivateEndpoint(id)),
        NextHop::Internet => match sender.nic {
            // RT-25: private destinations die at the edge, whatever their size.
            Some(_) if !outbound::is_public(packet.headers.dst) => Err(DropReason::NoSuchDestination),
            Some(nic) => {
                mtu::narrow(packet)?;
                outbound::choose(cx.tables, nic, sender.entered, packet)
            }
            // A gateway has no public address to lend to what it forwards.
            None if outbound::is_public(packet.headers.dst) => Err(DropReason::SourceNotTranslatable),
            None => Err(DropReason::NoSuchDestination),
        },
        // RT-07: the service sees the private address, which must be the sender's own.
        NextHop::ServiceEndpoint => match sender.nic {
            Some(nic) if cx.tables.nics[nic.ix()].owns(packet.headers.src) => Ok(LegEnd::Platform(nic)),
            Some(_) => Err(DropReason::SourceNotTranslatable),
            // Nothing says what becomes of it.
            None => Err(DropReason::InsufficientInput),
        },
        // The tables resolve equal routes before they hand one out.
        NextHop::None | NextHop::Several(_) => Err(DropReason::RouteNone),
    }
}

/// The one in `vnet` who has the destination address.
fn owner<O: Observer>(
    cx: &mut Context<'_, O>,
    memory: &mut Backends,
    sender: Sender,
    (vnet, global): (VnetId, bool),
    packet: &mut Packet,
) -> Result<LegEnd, DropReason> {
    match cx.tables.vnets[vnet.ix()].owners.get(&packet.headers.dst).copied() {
        Some(Owner::Nic(nic)) if cx.tables.nics[nic.ix()].up => Ok(LegEnd::Nic(nic)),
        Some(Owner::Frontend(lb, frontend)) => {
            balance::to_frontend(cx, memory, Some(sender.vnet), (lb, frontend), global, packet)
                .map(LegEnd::Nic)
        }
        Some(Owner::Gateway(gateway)) => Ok(LegEnd::Gateway(gateway)),
        Some(Owner::PrivateEndpoint(id)) => Ok(LegEnd::PrivateEndpoint(id)),
        Some(Owner::Nic(_) | Owner::Silent) | None => Err(DropReason::NoSuchDestination),
    }
}

/// RT-16 to RT-21. No fallback to another route (RT-19).
fn to_appliance<O: Observer>(
    cx: &mut Context<'_, O>,
    memory: &mut Backends,
    sender: Sender,
    appliance: Appliance,
    packet: &mut Packet,
) -> Result<LegEnd, DropReason> {
    match appliance {
        Appliance::Nic(nic) if cx.tables.nics[nic.ix()].up => Ok(LegEnd::Nic(nic)),
        Appliance::Nic(_) | Appliance::Nobody => Err(DropReason::NextHopUnreachable),
        Appliance::Unknown => Err(DropReason::InsufficientInput),
        Appliance::NotAdjacent => Err(DropReason::NextHopNotDirectlyConnected),
        Appliance::Balancer { lb, frontend, global } => {
            let from = Some(sender.vnet);
            balance::choose(cx, memory, from, (lb, frontend), global, packet)
                .map(|((nic, _), _)| LegEnd::Nic(nic))
        }
        Appliance::Gateway(gateway) => Ok(LegEnd::Gateway(gateway)),
    }
}
