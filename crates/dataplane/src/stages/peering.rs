//! Stage 9: a packet crosses from one virtual network into a peered one (PEER-05 to PEER-08).

use vnetsim_types::{DropReason, GatewayId, NicId, Observer, Step};

use crate::{Context, NextHop, Origin, Packet};

/// Checks the link of the receiving network. Inside one network, and from the internet, nothing is checked.
pub(crate) fn cross<O: Observer>(
    cx: &mut Context<'_, O>,
    origin: Origin,
    nic: NicId,
    packet: &Packet,
) -> Result<(), DropReason> {
    let tables = cx.tables;
    let port = &tables.nics[nic.ix()];
    let (from, by_gateway) = match origin {
        Origin::Vnet(from) => (from, false),
        Origin::Gateway(from) => (from, true),
        Origin::Site | Origin::Internet => return Ok(()),
    };
    if from == port.vnet {
        return Ok(());
    }
    // The tables may have changed while the packet was under way: no link, no way (PEER-04).
    let link = tables.link_from(port.vnet, from).ok_or(DropReason::NoSuchDestination)?;
    // PEER-08: foreign to the network it comes from; GW-18: never so for a gateway.
    let flags = &tables.links[link.ix()];
    let forwarded = !by_gateway && !flags.remote_space.contains(packet.headers.src);
    cx.report(packet, Step::Peering { link, forwarded });
    if tables.settings.strict_access && !flags.both_allow_access {
        return Err(DropReason::PeeringAccessDisabled);
    }
    if forwarded && !flags.allow_forwarded && !field_reading_accepts(cx, nic, packet) {
        return Err(DropReason::ForwardedTrafficBlocked);
    }
    Ok(())
}

/// A packet reaches the gateway that a peer borrows. Only the strict reading of PEER-06 can stop it: what
/// goes to a gateway is not forwarded traffic (PEER-08).
pub(crate) fn cross_to_gateway<O: Observer>(
    cx: &mut Context<'_, O>,
    origin: Origin,
    gateway: GatewayId,
    packet: &Packet,
) -> Result<(), DropReason> {
    let vnet = cx.tables.gateways[gateway.ix()].vnet;
    let (Origin::Vnet(from) | Origin::Gateway(from)) = origin else { return Ok(()) };
    if from == vnet {
        return Ok(());
    }
    let link = cx.tables.link_from(vnet, from).ok_or(DropReason::NoSuchDestination)?;
    cx.report(packet, Step::Peering { link, forwarded: false });
    let access = cx.tables.links[link.ix()].both_allow_access || !cx.tables.settings.strict_access;
    if access { Ok(()) } else { Err(DropReason::PeeringAccessDisabled) }
}

/// U-02 `field`: symmetric user-defined routes let the packet in whatever the flag says.
fn field_reading_accepts<O: Observer>(cx: &Context<'_, O>, nic: NicId, packet: &Packet) -> bool {
    let subnet = cx.tables.nics[nic.ix()].subnet;
    let back = cx.tables.route(subnet, packet.headers.src);
    cx.tables.settings.forwarded_field && matches!(back, Some((_, NextHop::Appliance(_))))
}
