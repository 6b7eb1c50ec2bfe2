//! Gateways and what lies beyond them: sites, circuits, other gateways (Part 6).

use vnetsim_model::{ConnectionEnd, GatewayType, SiteKind, TtlGateway, VpnType};
use vnetsim_types::{DropReason, GatewayId, Place, SiteId, VnetId};

use crate::{
    answer::{OracleHop, RouteSource},
    choice::Question,
    propagation::{Node, Propagation, live_connections},
    resolve::usable,
    routes::{Row, Via},
    topology::{gateways_serving, within},
    world::{Fate, Next, Packet, World},
};

impl World<'_> {
    /// GW-21: `packet` is at `gateway`, from a NIC (which its route sent there), a site or another gateway.
    pub(crate) fn at_gateway(
        &mut self,
        packet: &mut Packet,
        gateway: GatewayId,
        from: Place,
        tunnel: bool,
    ) -> Fate {
        let here = Place::Gateway(gateway);
        if !self.network[gateway].running {
            return Err((here, DropReason::GatewayUnavailable));
        }
        self.narrow_path(packet, from)?;
        // A tunnel or a circuit between two gateways is no peering.
        if !tunnel {
            self.cross(packet, from, self.network[gateway].vnet, here)?;
        }
        let mut own = self.network[gateway].instances.iter();
        if own.any(|instance| instance.address == packet.key.dst) {
            return self.at_gateway_itself(packet, gateway);
        }
        packet.hops.push(OracleHop::Gateway { name: self.network[gateway].name.value.clone() });
        // FAB-16, U-08.
        if self.network.semantics().ttl_gateway == TtlGateway::Decrement {
            packet.ttl = packet.ttl.saturating_sub(1);
            if packet.ttl == 0 {
                return Err((here, DropReason::TtlExpired));
            }
        }
        let passed = packet.hops.iter().filter(|hop| matches!(hop, OracleHop::Gateway { .. })).count();
        if passed > 255 {
            return Err((here, DropReason::RoutingLoop));
        }
        packet.entered_by = Some(from);
        // GatewaySubnet's table decides, wherever the packet comes from; `to_gateway` finds the way out.
        self.route(packet, here, self.network[gateway].subnet)
    }

    /// RT-06, RT-27: the gateway that taught the row, or the VPN gateway that a user route means.
    pub(crate) fn to_gateway(&self, packet: &Packet, from: Place, vnet: VnetId, row: &Row) -> Fate {
        let gateway = match (row.route.source, row.via) {
            (RouteSource::User, _) => self.vpn_gateway(vnet, row.route.prefix.prefix_len() == 0),
            (_, Via::Gateway(gateway)) => Some(gateway),
            _ => None,
        };
        let unavailable = Err((from, DropReason::GatewayUnavailable));
        let Some(gateway) = gateway else { return unavailable };
        match from {
            Place::Gateway(here) if here == gateway => self.beyond(packet, gateway),
            // There is no transit between two gateways of one network (GW-13).
            Place::Gateway(_) if !usable(self.network, from, row) => unavailable,
            _ => Ok(Next::Gateway(gateway, from)),
        }
    }

    /// `packet` leaves Azure, or its network, through `gateway`.
    fn beyond(&self, packet: &Packet, gateway: GatewayId) -> Fate {
        let here = Place::Gateway(gateway);
        let ends: Vec<Place> = Propagation::of(self.network)
            .ways(gateway, packet.key.dst)
            .into_iter()
            .map(|node| match node {
                Node::Site(site) => Place::Site(site),
                Node::Gateway(other) => Place::Gateway(other),
            })
            .collect();
        let end = match ends.as_slice() {
            [] => return Err((here, DropReason::GatewayUnavailable)),
            [only] => *only,
            several => several[self.choose(packet, Question::Tunnel { gateway, allowed: several })],
        };
        match end {
            Place::Gateway(other) => Ok(Next::Tunnel(other, here)),
            // GW-20: no way from one client of a gateway to another one.
            Place::Site(site)
                if packet.entered_by == Some(end) && self.network[site].kind == SiteKind::Clients =>
            {
                Err((here, DropReason::GatewayUnavailable))
            }
            site => Ok(Next::Delivered(site)),
        }
    }

    /// RT-27: a gateway of kind Vpn that runs, own or borrowed, with no ExpressRoute gateway beside it; for a default
    /// route a route-based one.
    fn vpn_gateway(&self, vnet: VnetId, default: bool) -> Option<GatewayId> {
        let all = gateways_serving(self.network, vnet);
        let express = |gateway: &&GatewayId| self.network[**gateway].kind == GatewayType::ExpressRoute;
        let (None, [vpn]) = (all.iter().find(express), all.as_slice()) else { return None };
        let fits = !default || self.network[*vpn].vpn_type == VpnType::RouteBased;
        let usable = fits && self.network[*vpn].running;
        usable.then_some(*vpn)
    }

    /// FE-17: a VPN gateway answers ping. What else a gateway does with packets for itself is not modelled.
    fn at_gateway_itself(&self, packet: &Packet, gateway: GatewayId) -> Fate {
        let here = Place::Gateway(gateway);
        match self.network[gateway].kind == GatewayType::Vpn && packet.key.protocol.is_icmp() {
            true => Ok(Next::Delivered(here)),
            false => Err((here, DropReason::InsufficientInput)),
        }
    }

    /// GW-06, GW-09: a site sends `packet` to one of its gateways, if its device knows the destination: what it
    /// was told to know, else what the gateways tell it, else (without BGP) everything.
    pub(crate) fn enter_from_site(&self, packet: &Packet, site: SiteId) -> Fate {
        let here = Place::Site(site);
        let dst = packet.key.dst;
        let unknown = Err((here, DropReason::NoRouteOnPrem));
        let said = self.network[site].known_prefixes.as_ref();
        if said.is_some_and(|known| !within(dst, known)) {
            return unknown;
        }
        let propagation = Propagation::of(self.network);
        let mut ways: Vec<(GatewayId, Offer)> = Vec::new();
        let mine = live_connections(self.network).filter(|c| c.end == ConnectionEnd::Site(site));
        for connection in mine {
            // GW-20: point-to-site clients get their routes from the gateway.
            let told_only = connection.bgp || self.network[site].kind == SiteKind::Clients;
            let told = propagation.told(connection.gateway, Node::Site(site));
            let holding = told.iter().filter(|route| route.prefix.contains(&dst));
            let offer = holding.map(|route| (route.prefix.prefix_len().into(), -(route.length as i64))).max();
            match offer {
                Some(offer) => ways.push((connection.gateway, offer)),
                None if said.is_some() || !told_only => ways.push((connection.gateway, NO_OFFER)),
                None => {}
            }
        }
        let best = ways.iter().map(|(_, offer)| *offer).max();
        ways.retain(|(_, offer)| Some(*offer) == best);
        let gateways: Vec<GatewayId> = ways.into_iter().map(|(gateway, _)| gateway).collect();
        let gateway = match gateways.as_slice() {
            [] => return unknown,
            [only] => *only,
            several => several[self.choose(packet, Question::Entrance { site, allowed: several })],
        };
        Ok(Next::Tunnel(gateway, here))
    }
}

/// How good a gateway's offer is: length of the prefix, then shortness of the path.
type Offer = (i64, i64);

/// A gateway that says nothing about the destination.
const NO_OFFER: Offer = (-1, 0);
