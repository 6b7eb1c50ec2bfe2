//! Stage 9: a packet crosses from one virtual network into a peered one (PEER-05 to PEER-08).

use vnetsim_types::{DropReason, Observer, PeeringId, Step, SubnetId, VnetId};

use crate::{Context, NextHop, Origin, Packet, Tables};

/// In place of the link of a packet that crosses none.
pub(crate) const NO_LINK: PeeringId = PeeringId(u32::MAX);

/// Bytes that crossed peerings, by the receiving network's link (PEER-39).
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Meter {
    received: Vec<u64>,
}

impl Meter {
    /// IP bytes that the network of `link` received over it.
    pub fn received(&self, link: PeeringId) -> u64 {
        self.received.get(link.ix()).copied().unwrap_or_default()
    }

    /// IP bytes that crossed peerings, over all links.
    pub fn total(&self) -> u64 {
        self.received.iter().sum()
    }

    /// Adds what another one counted.
    pub fn add(&mut self, other: &Self) {
        self.fit(other.received.len());
        for (own, theirs) in self.received.iter_mut().zip(&other.received) {
            *own += theirs;
        }
    }

    /// Room for `links` links.
    #[inline]
    pub(crate) fn fit(&mut self, links: usize) {
        if self.received.len() < links {
            self.received.resize(links, 0);
        }
    }

    /// Counts a packet of a link that there is room for.
    #[inline]
    pub(crate) fn count(&mut self, link: PeeringId, bytes: u16) {
        if let Some(received) = self.received.get_mut(link.ix()) {
            *received += u64::from(bytes);
        }
    }
}

/// A packet from `origin` arrives in `subnet`: checks the link of the receiving network, and counts. Inside one
/// network, from tunnels and from the internet nothing is checked.
pub(crate) fn cross<O: Observer>(
    cx: &mut Context<'_, O>,
    origin: Origin,
    subnet: SubnetId,
    packet: &Packet,
) -> Result<(), DropReason> {
    let tables = cx.tables;
    let here = tables.subnets[subnet.ix()].vnet;
    let Some((link, from, by_gateway)) = crossing(cx.tables, origin, here)? else { return Ok(()) };
    // PEER-08: foreign to the network it comes from; GW-18: never so for a gateway.
    let flags = &tables.links[link.ix()];
    let forwarded = !by_gateway && !flags.remote_space.contains(packet.headers.src);
    cx.report(packet, Step::Peering { link, forwarded });
    if tables.settings.strict_access && !flags.both_allow_access {
        return Err(DropReason::PeeringAccessDisabled);
    }
    if let Some((local, remote)) = &flags.subnets
        && !(local.contains(&subnet) && remote.contains(&from))
    {
        return Err(DropReason::SubnetNotPeered); // PEER-26
    }
    if forwarded && !flags.allow_forwarded && !field_reading_accepts(cx, subnet, packet) {
        return Err(DropReason::ForwardedTrafficBlocked);
    }
    cx.meter.fit(tables.links.len());
    cx.meter.count(link, packet.headers.ip_len);
    Ok(())
}

/// The link by which `here` receives from `origin`, where there is one to cross.
pub(crate) fn link(tables: &Tables, origin: Origin, here: VnetId) -> Option<PeeringId> {
    crossing(tables, origin, here).ok().flatten().map(|(link, ..)| link)
}

/// The link by which `here` receives from another network; `None` when the packet comes from no other.
fn crossing(
    tables: &Tables,
    origin: Origin,
    here: VnetId,
) -> Result<Option<(PeeringId, SubnetId, bool)>, DropReason> {
    let (from, by_gateway) = match origin {
        Origin::Subnet(from) => (from, false),
        Origin::Gateway(from) => (from, true),
        Origin::Tunnel | Origin::Internet | Origin::Platform => return Ok(None),
    };
    let there = tables.subnets[from.ix()].vnet;
    if there == here {
        return Ok(None);
    }
    // The tables may have changed while the packet was under way: no link, no way (PEER-04).
    let link = tables.link_from(here, there).ok_or(DropReason::NoSuchDestination)?;
    Ok(Some((link, from, by_gateway)))
}

/// A packet reaches a gateway in `subnet` that a peer borrows or names. What goes to a gateway is not forwarded
/// traffic (PEER-08).
pub(crate) fn cross_to_gateway<O: Observer>(
    cx: &mut Context<'_, O>,
    origin: Origin,
    subnet: SubnetId,
    packet: &Packet,
) -> Result<(), DropReason> {
    let here = cx.tables.subnets[subnet.ix()].vnet;
    let Some((link, from, _)) = crossing(cx.tables, origin, here)? else { return Ok(()) };
    cx.report(packet, Step::Peering { link, forwarded: false });
    let flags = &cx.tables.links[link.ix()];
    if cx.tables.settings.strict_access && !flags.both_allow_access {
        return Err(DropReason::PeeringAccessDisabled);
    }
    if let Some((local, remote)) = &flags.subnets
        && !(local.contains(&subnet) && remote.contains(&from))
    {
        return Err(DropReason::SubnetNotPeered); // PEER-26
    }
    cx.meter.fit(cx.tables.links.len());
    cx.meter.count(link, packet.headers.ip_len);
    Ok(())
}

/// U-02 `field`: a route back to an appliance, user-defined or learned from it, lets the packet in whatever the flag
/// says.
fn field_reading_accepts<O: Observer>(cx: &Context<'_, O>, subnet: SubnetId, packet: &Packet) -> bool {
    let back = cx.tables.route(subnet, packet.headers.src);
    cx.tables.settings.forwarded_field
        && matches!(back, Some((_, NextHop::Appliance(_) | NextHop::Learned(_))))
}
