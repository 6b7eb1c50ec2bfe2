//! How packets leave and reach the places of a shard: NICs, gateways, sites, the internet's edge, private endpoints, the host.
//!
//! Owns which function of the data plane acts where, and the times between. Called for every event of a packet. Must never
//! decide what the data plane decides.

use std::net::IpAddr;

use vnetsim_dataplane::{
    FABRIC_MAC, GatewayOut, Leg, LegEnd, Origin, PATH_MTU, Packet, at_gateway, cut, from_gateway,
};
use vnetsim_model::LinkEnd;
use vnetsim_types::{
    Direction, DropReason, GatewayId, NicId, Observer, PacketTag, Part, Place, PrivateEndpointId, SimTime,
    SiteId, Step, Tap, VnetId,
};

use crate::{
    event::{Entry, Event, Flight, Key, Kind, Node},
    fault::{Ends, Fate},
    frames,
    guest::{At, Reaction},
    link::{SAME_REGION, latency},
    shard::{Shard, context},
    tally::PROBES,
};

impl<const WATCHED: bool> Shard<'_, WATCHED> {
    /// `from` makes a packet of `frame` and sends it.
    pub(crate) fn send(&mut self, from: Place, tag: PacketTag, frame: Vec<u8>) {
        if let Some(flight) = self.made(from, tag, frame) {
            self.dispatch(from, flight);
        }
    }

    /// The packet in `flight` leaves `from`.
    pub(crate) fn dispatch(&mut self, from: Place, flight: Box<Flight>) {
        match from {
            Place::Nic(nic) => self.guest_sends(nic, flight),
            Place::Site(site) => self.site_sends(site, flight),
            Place::Internet => self.internet_sends(flight),
            Place::Gateway(gateway) => self.gateway_sends(gateway, flight),
            Place::PrivateEndpoint(id) => self.endpoint_sends(id, flight),
            // It answers the NIC that asked, which `arrive` knows.
            Place::Platform => self.lost(flight, Place::Platform, DropReason::NoSuchDestination),
        }
    }

    /// FAB-18: a guest's own stack sends nothing larger than its NIC takes; without DF it makes fragments.
    fn guest_sends(&mut self, nic: NicId, mut flight: Box<Flight>) {
        let port = &self.ports.nics[nic.ix()];
        if port.up
            && let Err(reason) = cut(&mut flight.packet, port.mtu)
        {
            self.show(&flight.packet, Tap::Guest(nic, Direction::Outbound));
            return self.lost(flight, Place::Nic(nic), reason);
        }
        self.emit(nic, flight);
    }

    /// A guest puts the packet on `nic`.
    pub(crate) fn emit(&mut self, nic: NicId, mut flight: Box<Flight>) {
        let port = &self.tables.nics[nic.ix()];
        let vnet = port.vnet;
        let up = port.up;
        self.show(&flight.packet, Tap::Guest(nic, Direction::Outbound));
        if !up {
            return self.lost(flight, Place::Nic(nic), DropReason::SenderStopped);
        }
        let mut cx = context!(self);
        match self.switches.egress(&mut cx, nic, &mut flight.packet) {
            Ok(leg) => {
                self.show(&flight.packet, Tap::Fabric(nic, Direction::Outbound));
                self.travel(Node::Vnet(vnet.0), Some(nic), leg, flight);
            }
            Err(reason) => {
                if reason == DropReason::MtuExceeded {
                    self.tell_too_big(nic, &flight.packet);
                }
                self.dropped(flight, Place::Nic(nic), reason);
            }
        }
    }

    /// FAB-20: the host tells the guest the path's MTU, in the name of the subnet's gateway address. What the guest only
    /// forwarded, it hands back to the sender.
    fn tell_too_big(&mut self, nic: NicId, packet: &Packet) {
        let src = packet.headers.src;
        let network = self.network();
        let subnet = &network[network[nic].subnet];
        let like = |ip: &IpAddr| ip.is_ipv4() == src.is_ipv4();
        let mut blocks: Vec<_> = subnet.prefixes.iter().collect();
        blocks.sort_by_key(|block| !block.contains(&src));
        let gateway = blocks.iter().find_map(|block| block.hosts().next().filter(like));
        let error = gateway
            .filter(|_| packet.tag.part != Part::IcmpError)
            .and_then(|from| frames::too_big(from, FABRIC_MAC, &packet.headers, &packet.frame, PATH_MTU));
        let Some(frame) = error else { return };
        let tag = PacketTag { part: Part::IcmpError, ..packet.tag };
        if let Some(error) = self.made_at(Place::Platform, self.node_of(Place::Nic(nic)), tag, frame) {
            self.show(&error.packet, Tap::Guest(nic, Direction::Inbound));
            self.enter_guest(nic, error);
        }
    }

    /// Sends the packet on its leg. `node` sends it, by `nic` if a guest did.
    pub(crate) fn travel(&mut self, node: Node, nic: Option<NicId>, leg: Leg, mut flight: Box<Flight>) {
        let begins = self.now + std::mem::take(&mut flight.packet.wait);
        self.travel_from(begins, node, nic, leg, flight);
    }

    /// The same for a leg that begins at `begins`.
    fn travel_from(
        &mut self,
        begins: SimTime,
        node: Node,
        nic: Option<NicId>,
        leg: Leg,
        mut flight: Box<Flight>,
    ) {
        let mut at = begins + latency(&self.tables, &self.ports, leg.origin, leg.end);
        flight.leg = leg;
        if !self.faults.is_empty() {
            let (from, to) = (self.ends_of_sender(node, nic), self.ends_of(leg.end));
            match self.faults.strike(node, from, to) {
                Fate::Lost(reason) => {
                    let place = nic.map_or_else(|| place_of(node, leg.end), Place::Nic);
                    return self.lost(flight, place, reason);
                }
                Fate::Passes { late, copy } => {
                    if let Some(later) = copy.filter(|_| !flight.copy) {
                        self.copy(node, at + later, &flight);
                    }
                    at = at + late;
                }
            }
        }
        self.fly(node, at, flight);
    }

    fn fly(&mut self, node: Node, at: SimTime, mut flight: Box<Flight>) {
        let probe = flight.packet.tag.traffic == PROBES;
        let kind = if probe { Kind::Background } else { Kind::Arrive };
        let sequence = match std::mem::take(&mut flight.sequence) {
            0 => self.sequence(node),
            settled => settled,
        };
        let key = Key::new(at, kind, node, sequence);
        let to = self.shard_of(flight.leg.end);
        let entry = Entry { key, event: Event::Arrive(flight) };
        if to == self.number { self.queue.push(entry) } else { self.outbox[to].push(entry) }
    }

    /// A fault makes a second packet of one; nobody watches it.
    fn copy(&mut self, node: Node, at: SimTime, flight: &Flight) {
        let mut copy = Box::new(flight.clone());
        (copy.packet.traced, copy.sequence, copy.copy) = (false, 0, true);
        self.sent += 1;
        self.tally.sent(copy.packet.tag);
        if self.is_followed(copy.packet.tag) {
            self.journal.sent(copy.packet.tag, true);
        }
        self.fly(node, at, copy);
    }

    fn shard_of(&self, end: LegEnd) -> usize {
        if self.setting.shards == 1 {
            return 0;
        }
        let vnet = match end {
            LegEnd::Nic(nic) | LegEnd::Platform(nic) => self.tables.nics[nic.ix()].vnet,
            LegEnd::Gateway(gateway) => self.tables.gateways[gateway.ix()].vnet,
            LegEnd::PrivateEndpoint(id) => self.tables.endpoints[id.ix()].vnet,
            LegEnd::Site(_) | LegEnd::Internet { .. } => return 0,
        };
        self.setting.homes[vnet.ix()]
    }

    fn ends_of_sender(&self, node: Node, nic: Option<NicId>) -> Ends {
        match (node, nic) {
            (_, Some(nic)) => self.ends_of(LegEnd::Nic(nic)),
            (Node::Vnet(vnet), None) => [Some(LinkEnd::Vnet(VnetId(vnet))), None],
            (Node::Gateway(gateway), None) => self.ends_of(LegEnd::Gateway(GatewayId(gateway))),
            (Node::Site(site), None) => [Some(LinkEnd::Site(SiteId(site))), None],
            (Node::Internet, None) => [Some(LinkEnd::Internet), None],
            (Node::Scenario | Node::Traffic(_), None) => [None, None],
        }
    }

    fn ends_of(&self, end: LegEnd) -> Ends {
        let vnet = |vnet| Some(LinkEnd::Vnet(vnet));
        match end {
            LegEnd::Nic(nic) => {
                [vnet(self.tables.nics[nic.ix()].vnet), self.network()[nic].vm.map(LinkEnd::Vm)]
            }
            LegEnd::Gateway(gateway) => [vnet(self.tables.gateways[gateway.ix()].vnet), None],
            LegEnd::PrivateEndpoint(id) => [vnet(self.tables.endpoints[id.ix()].vnet), None],
            LegEnd::Site(site) => [Some(LinkEnd::Site(site)), None],
            LegEnd::Internet { .. } => [Some(LinkEnd::Internet), None],
            LegEnd::Platform(_) => [None, None],
        }
    }

    /// A packet ends a leg.
    pub(crate) fn arrive(&mut self, mut flight: Box<Flight>) {
        let Leg { origin, end } = flight.leg;
        match end {
            LegEnd::Nic(nic) => self.arrive_at_nic(origin, nic, flight),
            LegEnd::Gateway(gateway) => {
                self.show_link(origin, self.tables.gateways[gateway.ix()].vnet, &flight.packet);
                self.show(&flight.packet, Tap::Other(Place::Gateway(gateway)));
                let mut cx = context!(self);
                let out =
                    at_gateway(&mut cx, &mut self.gateway_backends, origin, gateway, &mut flight.packet);
                self.leave_gateway(gateway, out, flight);
            }
            LegEnd::Site(site) => {
                self.show(&flight.packet, Tap::Other(Place::Site(site)));
                self.at_far_end(Place::Site(site), flight);
            }
            LegEnd::PrivateEndpoint(id) => {
                self.show_link(origin, self.tables.endpoints[id.ix()].vnet, &flight.packet);
                self.show(&flight.packet, Tap::Other(Place::PrivateEndpoint(id)));
                let mut cx = context!(self);
                match self.switches.ingress_endpoint(&mut cx, origin, id, &mut flight.packet) {
                    Ok(()) => self.at_far_end(Place::PrivateEndpoint(id), flight),
                    Err(reason) => self.dropped(flight, Place::PrivateEndpoint(id), reason),
                }
            }
            LegEnd::Platform(nic) => {
                self.show(&flight.packet, Tap::Other(Place::Platform));
                self.at_platform(nic, flight);
            }
            LegEnd::Internet { nic, way } => {
                let mut cx = context!(self);
                match self.edge.leave(&mut cx, nic, way, &mut flight.packet) {
                    Ok(()) => self.at_internet(flight),
                    Err(reason) => self.dropped(flight, Place::Nic(nic), reason),
                }
            }
        }
    }

    /// A public address of this network is reached from outside, like any other.
    fn at_internet(&mut self, flight: Box<Flight>) {
        self.show(&flight.packet, Tap::Other(Place::Internet));
        let comes_back = self.tables.public.contains_key(&flight.packet.headers.dst)
            || self.edge.is_answer(&flight.packet);
        if comes_back { self.internet_sends(flight) } else { self.at_far_end(Place::Internet, flight) }
    }

    fn arrive_at_nic(&mut self, origin: Origin, nic: NicId, mut flight: Box<Flight>) {
        self.show_link(origin, self.tables.nics[nic.ix()].vnet, &flight.packet);
        self.show(&flight.packet, Tap::Fabric(nic, Direction::Inbound));
        let mut cx = context!(self);
        match self.switches.ingress(&mut cx, origin, nic, &mut flight.packet) {
            Ok(()) => {
                self.show(&flight.packet, Tap::Guest(nic, Direction::Inbound));
                self.enter_guest(nic, flight);
            }
            Err(reason) => self.dropped(flight, Place::Nic(nic), reason),
        }
    }

    /// Shows the packet on the link by which it comes to `here`, if it comes from another network.
    #[inline]
    fn show_link(&mut self, origin: Origin, here: VnetId, packet: &Packet) {
        if !(WATCHED && self.journal.frames) {
            return;
        }
        let (Origin::Subnet(subnet) | Origin::Gateway(subnet)) = origin else { return };
        let there = self.tables.subnets[subnet.ix()].vnet;
        if let Some(link) = self.tables.link_from(here, there).filter(|_| here != there) {
            self.show(packet, Tap::Peering(link));
        }
    }

    fn leave_gateway(&mut self, gateway: GatewayId, out: GatewayOut, flight: Box<Flight>) {
        match out {
            Ok(Some(next)) => {
                self.passed(&flight.packet, Place::Gateway(gateway));
                self.travel(Node::Gateway(gateway.0), None, next, flight);
            }
            Ok(None) => self.at_far_end(Place::Gateway(gateway), flight),
            Err(reason) => self.dropped(flight, Place::Gateway(gateway), reason),
        }
    }

    /// The packet is inside the machine behind `nic`.
    pub(crate) fn enter_guest(&mut self, nic: NicId, mut flight: Box<Flight>) {
        let port = &self.ports.nics[nic.ix()];
        if let Some(vm) = port.vm.filter(|_| port.is_for(flight.packet.headers.dst)) {
            return self.at_host(vm, nic, flight);
        }
        let vnet = port.vnet;
        let network = &self.epoch.network;
        let Some(vm) = network[nic].vm.filter(|_| self.tables.nics[nic.ix()].up) else {
            return self.lost(flight, Place::Nic(nic), DropReason::NoSuchDestination);
        };
        let at = At { network, machine: &network[vm], nic };
        let mut cx = context!(self);
        match self.guests[vm.ix()].receive(&mut cx, at, &mut flight.packet) {
            Reaction::Own => self.at_host(vm, nic, flight),
            Reaction::Forwarded(out, after) => {
                self.show(&flight.packet, Tap::Appliance(out));
                self.passed(&flight.packet, Place::Nic(nic));
                self.leave_appliance(Node::Vnet(vnet.0), out, after, flight);
            }
            Reaction::Dropped(reason, error) => {
                let at = Place::Nic(nic);
                if flight.packet.traced {
                    self.journal.step(flight.packet.id, self.now, Step::Dropped { at, reason });
                }
                if let Some(frame) = error {
                    let tag = PacketTag { part: Part::IcmpError, ..flight.packet.tag };
                    self.send(at, tag, frame);
                }
                self.dropped(flight, at, reason);
            }
        }
    }

    /// The packet leaves an appliance by `out`, that much later. Where it goes then is settled now if it is known and
    /// nothing can come in between; that saves an event and changes nothing. What comes before the shortest leg is over is
    /// under way by now, and so known.
    fn leave_appliance(&mut self, node: Node, out: NicId, after: SimTime, mut flight: Box<Flight>) {
        let leaves = self.now + after;
        flight.sequence = self.sequence(node);
        let foreseeable = after < SAME_REGION
            && leaves < self.known_until
            && self.queue.nothing_changes_until(leaves)
            && self.faults.is_empty();
        let probe = flight.packet.tag.traffic == PROBES;
        if foreseeable {
            let cx = context!(self);
            if let Some(leg) = self.switches.egress_ahead(&cx, leaves, out, &flight.packet) {
                self.events += u64::from(!probe); // what happened is the same, and so is its number
                return self.travel_from(leaves, node, Some(out), leg, flight);
            }
        }
        let kind = if probe { Kind::Background } else { Kind::Emit };
        let key = Key::new(leaves, kind, node, flight.sequence);
        self.queue.push(Entry { key, event: Event::Emit(out, flight) });
    }

    /// GW-06: a site sends into Azure by the gateway that serves the destination, if its device knows it.
    fn site_sends(&mut self, site: SiteId, mut flight: Box<Flight>) {
        let table = &self.tables.sites[site.ix()];
        let dst = flight.packet.headers.dst;
        let known = table.known.as_ref().is_none_or(|set| set.contains(dst));
        let routed =
            table.routes.iter().find(|(prefix, _)| prefix.contains(&dst)).map(|(_, gateway)| *gateway);
        match routed.or(table.untaught.first().copied()).filter(|_| known) {
            Some(gateway) => {
                if let Err(reason) = cut(&mut flight.packet, PATH_MTU) {
                    return self.lost(flight, Place::Site(site), reason);
                }
                let leg = Leg { origin: Origin::Tunnel, end: LegEnd::Gateway(gateway) };
                self.travel(Node::Site(site.0), None, leg, flight);
            }
            None => self.lost(flight, Place::Site(site), DropReason::NoRouteOnPrem),
        }
    }

    fn gateway_sends(&mut self, gateway: GatewayId, mut flight: Box<Flight>) {
        if let Err(reason) = cut(&mut flight.packet, PATH_MTU) {
            return self.lost(flight, Place::Gateway(gateway), reason);
        }
        let mut cx = context!(self);
        match from_gateway(&mut cx, &mut self.gateway_backends, gateway, &mut flight.packet) {
            Ok(Some(leg)) => self.travel(Node::Gateway(gateway.0), None, leg, flight),
            Ok(None) => self.lost(flight, Place::Gateway(gateway), DropReason::NoSuchDestination),
            Err(reason) => self.dropped(flight, Place::Gateway(gateway), reason),
        }
    }

    fn endpoint_sends(&mut self, id: PrivateEndpointId, mut flight: Box<Flight>) {
        let vnet = self.tables.endpoints[id.ix()].vnet;
        let mut cx = context!(self);
        match self.switches.egress_endpoint(&mut cx, id, &mut flight.packet) {
            Ok(leg) => self.travel(Node::Vnet(vnet.0), None, leg, flight),
            Err(reason) => self.dropped(flight, Place::PrivateEndpoint(id), reason),
        }
    }

    fn internet_sends(&mut self, mut flight: Box<Flight>) {
        let mut cx = context!(self);
        match self.edge.enter(&mut cx, &mut flight.packet) {
            Ok(nic) => {
                if let Err(reason) = cut(&mut flight.packet, PATH_MTU) {
                    return self.lost(flight, Place::Internet, reason);
                }
                let leg = Leg { origin: Origin::Internet, end: LegEnd::Nic(nic) };
                self.travel(Node::Internet, None, leg, flight);
            }
            Err(reason) => self.dropped(flight, Place::Internet, reason),
        }
    }
}

/// Where a packet is that a node without a NIC sends.
fn place_of(node: Node, end: LegEnd) -> Place {
    match (node, end) {
        (Node::Gateway(gateway), _) => Place::Gateway(GatewayId(gateway)),
        (Node::Site(site), _) => Place::Site(SiteId(site)),
        (Node::Vnet(_), LegEnd::Nic(nic)) => Place::Nic(nic),
        _ => Place::Internet,
    }
}
