//! The run: takes events in order and lets switches, guests, gateways, sites and the edge act on them.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use vnetsim_compile::Epoch;
use vnetsim_dataplane::{
    Backends, Context, Edge, FABRIC_MAC, GatewayOut, Leg, LegEnd, Meter, Origin, PATH_MTU, Packet, Switches,
    at_gateway, cut, from_gateway,
};
use vnetsim_model::{GatewayType, Network, Operation, Refusal, Traffic};
use vnetsim_types::{
    DropReason, FlowKey, GatewayId, NicId, Observer, PacketId, PacketTag, Part, Place, PrivateEndpointId,
    SimTime, SiteId, Span, Step, TrafficId, limits,
};

use crate::{
    TrafficReport,
    conversation::Books,
    event::{Event, Node, Queue},
    frames,
    guest::{Exchange, Guest, Reaction},
    link::{GUEST_DELAY, latency},
};

/// An entry of the timeline.
#[derive(Clone, Debug)]
pub struct Change {
    /// When.
    pub at: SimTime,
    /// What the scenario calls it.
    pub name: Option<String>,
    /// What.
    pub operation: Operation,
    /// Where the scenario says so.
    pub span: Span,
}

/// What became of a timeline entry.
#[derive(Clone, Debug)]
pub struct ChangeReport {
    /// When it ran.
    pub at: SimTime,
    /// What the scenario calls it.
    pub name: Option<String>,
    /// Accepted, or refused with a reason.
    pub result: Result<(), Refusal>,
    /// Where the scenario says so.
    pub span: Span,
}

/// What came of a run.
#[derive(Debug)]
pub struct Report {
    /// By [`TrafficId`].
    pub traffic: Vec<TrafficReport>,
    /// The timeline, in the order in which it ran.
    pub changes: Vec<ChangeReport>,
    /// Network and tables from change to change, at least one; steps name routes and rules of their epoch.
    pub epochs: Vec<Epoch>,
    /// Virtual time of the last event.
    pub end: SimTime,
    /// Packets made.
    pub sent: u64,
    /// Packets that reached the one they were for.
    pub delivered: u64,
    /// Packets that died, by reason.
    pub dropped: BTreeMap<DropReason, u64>,
    /// Events handled.
    pub events: u64,
    /// Bytes that crossed peerings.
    pub meter: Meter,
    /// Set when too many events happened at one moment and the run was stopped there.
    pub stuck_at: Option<SimTime>,
}

/// Plays `traffic` and `timeline` on `network`. The timeline is in ascending order of time.
pub fn run<O: Observer>(
    network: Network,
    traffic: &[Traffic],
    timeline: &[Change],
    observer: &mut O,
) -> Report {
    let mut world = World::new(network, traffic, timeline, observer);
    for (ix, change) in timeline.iter().enumerate() {
        world.queue.push(change.at, Node::Scenario, Event::Change(ix));
    }
    for (ix, entry) in traffic.iter().enumerate().filter(|(_, t)| t.count > 0) {
        world.queue.push(entry.start, Node::Scenario, Event::Start(TrafficId::new(ix), 0));
    }
    world.play();
    world.report()
}

struct World<'a, O: Observer> {
    network: Network,
    epochs: Vec<Epoch>,
    traffic: &'a [Traffic],
    timeline: &'a [Change],
    observer: &'a mut O,
    queue: Queue,
    switches: Switches,
    guests: Vec<Guest>,
    edge: Edge,
    /// Balancer choices of packets that gateways forward.
    gateway_backends: Backends,
    /// Who asked a platform service, by the key of the answer.
    platform_clients: HashMap<FlowKey, NicId>,
    meter: Meter,
    books: Books,
    changes: Vec<ChangeReport>,
    now: SimTime,
    packets: u64,
    events: u64,
    stuck_at: Option<SimTime>,
}

impl<'a, O: Observer> World<'a, O> {
    fn new(network: Network, traffic: &'a [Traffic], timeline: &'a [Change], observer: &'a mut O) -> Self {
        Self {
            epochs: vec![Epoch::new(0, SimTime::ZERO, network.clone())],
            traffic,
            timeline,
            observer,
            queue: Queue::default(),
            switches: Switches::default(),
            guests: vec![Guest::default(); network.vms().len()],
            edge: Edge::default(),
            gateway_backends: Backends::default(),
            platform_clients: HashMap::new(),
            meter: Meter::default(),
            books: Books::new(traffic.len()),
            changes: Vec::new(),
            now: SimTime::ZERO,
            packets: 0,
            events: 0,
            stuck_at: None,
            network,
        }
    }

    fn play(&mut self) {
        let mut at_this_instant = 0;
        while let Some((time, event)) = self.queue.pop() {
            at_this_instant = if time == self.now { at_this_instant + 1 } else { 0 };
            if at_this_instant > limits::EVENTS_PER_INSTANT_MAX {
                self.stuck_at = Some(time);
                return;
            }
            self.now = time;
            self.events += 1;
            match event {
                Event::Change(ix) => self.change(ix),
                Event::Start(traffic, conversation) => self.start(traffic, conversation),
                Event::Emit(nic, packet) => self.emit(nic, packet),
                Event::Arrive(leg, packet) => self.arrive(leg, packet),
            }
        }
    }

    fn report(self) -> Report {
        Report {
            traffic: self.books.reports,
            changes: self.changes,
            epochs: self.epochs,
            end: self.now,
            sent: self.books.sent,
            delivered: self.books.delivered,
            dropped: self.books.dropped,
            events: self.events,
            meter: self.meter,
            stuck_at: self.stuck_at,
        }
    }

    fn change(&mut self, ix: usize) {
        let change = &self.timeline[ix];
        let result = self.network.apply(&change.operation);
        if result.is_ok() {
            if let Some(vm) = change.operation.stops_vm() {
                self.guests[vm.ix()] = Guest::default(); // a stopped machine forgets its sessions
            }
            self.epochs.last_mut().expect("the first epoch is always there").forget_tables();
            let number = self.epochs.len() as u32;
            self.epochs.push(Epoch::new(number, self.now, self.network.clone()));
        }
        let name = change.name.clone();
        self.changes.push(ChangeReport { at: self.now, name, result, span: change.span });
    }

    /// Conversation number `conversation` of a traffic entry begins.
    fn start(&mut self, id: TrafficId, conversation: u32) {
        let traffic = &self.traffic[id.ix()];
        let mac = self.mac_of(traffic.from.place);
        match frames::request(traffic, conversation, mac) {
            Ok(frame) => self.send(
                traffic.from.place,
                PacketTag { traffic: id, conversation, part: Part::Request },
                frame,
            ),
            Err(_) => debug_assert!(false, "the scenario checks sizes and families"),
        }
        let next = conversation + 1;
        if u64::from(next) < traffic.count {
            self.queue.push(self.now + traffic.interval, Node::Scenario, Event::Start(id, next));
        }
    }

    fn mac_of(&self, place: Place) -> vnetsim_packet::Mac {
        match place {
            Place::Nic(nic) => self.tables().nics[nic.ix()].mac,
            _ => FABRIC_MAC,
        }
    }

    fn tables(&self) -> Arc<vnetsim_dataplane::Tables> {
        self.epochs.last().expect("the first epoch is always there").compiled().tables.clone()
    }

    /// `from` makes a packet of `frame`.
    fn made(&mut self, from: Place, tag: PacketTag, frame: Vec<u8>) -> Packet {
        let id = PacketId(self.packets);
        self.packets += 1;
        let traced = O::ENABLED && self.observer.packet(id, tag);
        let packet = Packet::new(id, tag, traced, frame).expect("frames made here parse");
        self.books.sent(self.now, tag);
        if packet.traced {
            let (key, ttl) = (packet.headers.flow_key(), packet.headers.ttl);
            self.observer.step(id, self.now, Step::Sent { from, key, ttl });
        }
        packet
    }

    /// `from` makes a packet of `frame` and sends it.
    fn send(&mut self, from: Place, tag: PacketTag, frame: Vec<u8>) {
        let packet = self.made(from, tag, frame);
        match from {
            Place::Nic(nic) => self.guest_sends(nic, packet),
            Place::Site(site) => self.site_sends(site, packet),
            Place::Internet => self.internet_sends(packet),
            Place::Gateway(gateway) => self.gateway_sends(gateway, packet),
            Place::PrivateEndpoint(id) => self.endpoint_sends(id, packet),
            Place::Platform => self.platform_sends(packet),
        }
    }

    /// FAB-18: a guest's own stack sends nothing larger than its NIC takes; without DF it makes fragments.
    fn guest_sends(&mut self, nic: NicId, mut packet: Packet) {
        let mtu = self.network[nic].vm.map_or(u16::MAX, |vm| self.network[vm].guest.mtu);
        let runs = self.tables().nics[nic.ix()].up;
        if runs && let Err(reason) = cut(&mut packet, mtu) {
            return self.lost(packet, Place::Nic(nic), reason);
        }
        self.emit(nic, packet);
    }

    /// A guest puts `packet` on `nic`.
    fn emit(&mut self, nic: NicId, mut packet: Packet) {
        let tables = self.tables();
        let port = &tables.nics[nic.ix()];
        if !port.up {
            return self.lost(packet, Place::Nic(nic), DropReason::SenderStopped);
        }
        let mut cx =
            Context { now: self.now, tables: &tables, observer: &mut *self.observer, meter: &mut self.meter };
        match self.switches.egress(&mut cx, nic, &mut packet) {
            Ok(leg) => self.travel(Node::Vnet(port.vnet.0), leg, packet),
            Err(reason) => {
                if reason == DropReason::MtuExceeded {
                    self.tell_too_big(nic, &packet);
                }
                self.dropped(packet, Place::Nic(nic), reason);
            }
        }
    }

    /// FAB-20: the host tells the guest the path's MTU, in the name of the subnet's gateway address.
    fn tell_too_big(&mut self, nic: NicId, packet: &Packet) {
        let src = packet.headers.src;
        let subnet = &self.network[self.network[nic].subnet];
        let gateway = subnet.prefixes.iter().find(|p| p.contains(&src)).and_then(|p| p.hosts().next());
        let error = gateway
            .filter(|_| packet.tag.part != Part::IcmpError)
            .and_then(|from| frames::too_big(from, FABRIC_MAC, &packet.headers, &packet.frame, PATH_MTU));
        let Some(frame) = error else { return };
        let error = self.made(Place::Platform, PacketTag { part: Part::IcmpError, ..packet.tag }, frame);
        self.enter_guest(nic, error);
    }

    fn travel(&mut self, node: Node, leg: Leg, mut packet: Packet) {
        let takes = latency(&self.tables(), leg.origin, leg.end) + std::mem::take(&mut packet.wait);
        self.queue.push(self.now + takes, node, Event::Arrive(leg, packet));
    }

    fn arrive(&mut self, leg: Leg, mut packet: Packet) {
        let tables = self.tables();
        let mut cx =
            Context { now: self.now, tables: &tables, observer: &mut *self.observer, meter: &mut self.meter };
        match leg.end {
            LegEnd::Nic(nic) => match self.switches.ingress(&mut cx, leg.origin, nic, &mut packet) {
                Ok(()) => self.enter_guest(nic, packet),
                Err(reason) => self.dropped(packet, Place::Nic(nic), reason),
            },
            LegEnd::Gateway(gateway) => {
                let out = at_gateway(&mut cx, &mut self.gateway_backends, leg.origin, gateway, &mut packet);
                self.leave_gateway(gateway, out, packet);
            }
            LegEnd::Site(site) => self.at_far_end(Place::Site(site), packet),
            LegEnd::PrivateEndpoint(id) => {
                match self.switches.ingress_endpoint(&mut cx, leg.origin, id, &mut packet) {
                    Ok(()) => self.at_far_end(Place::PrivateEndpoint(id), packet),
                    Err(reason) => self.dropped(packet, Place::PrivateEndpoint(id), reason),
                }
            }
            LegEnd::Platform(nic) => {
                self.platform_clients.insert(packet.headers.flow_key().reversed(), nic);
                self.at_far_end(Place::Platform, packet);
            }
            LegEnd::Internet { nic, way } => match self.edge.leave(&mut cx, nic, way, &mut packet) {
                // A public address of this network is reached from outside, like any other.
                Ok(()) if tables.public.contains_key(&packet.headers.dst) || self.edge.is_answer(&packet) => {
                    self.internet_sends(packet);
                }
                Ok(()) => self.at_far_end(Place::Internet, packet),
                Err(reason) => self.dropped(packet, Place::Nic(nic), reason),
            },
        }
    }

    fn leave_gateway(&mut self, gateway: GatewayId, out: GatewayOut, packet: Packet) {
        match out {
            Ok(Some(next)) => {
                self.books.passed(packet.tag, Place::Gateway(gateway));
                self.travel(Node::Gateway(gateway.0), next, packet);
            }
            Ok(None) => self.at_far_end(Place::Gateway(gateway), packet),
            Err(reason) => self.dropped(packet, Place::Gateway(gateway), reason),
        }
    }

    fn enter_guest(&mut self, nic: NicId, mut packet: Packet) {
        let tables = self.tables();
        let vnet = tables.nics[nic.ix()].vnet;
        let Some(vm) = self.network[nic].vm.filter(|_| tables.nics[nic.ix()].up) else {
            return self.lost(packet, Place::Nic(nic), DropReason::NoSuchDestination);
        };
        let exchange = self.exchange(packet.tag);
        let mut cx =
            Context { now: self.now, tables: &tables, observer: &mut *self.observer, meter: &mut self.meter };
        match self.guests[vm.ix()].receive(&mut cx, &self.network, vm, nic, exchange, &mut packet) {
            Reaction::Delivered(answer) => {
                let (place, answer) = match answer {
                    Some((out, part, frame)) => (Place::Nic(out), Some((part, frame))),
                    None => (Place::Nic(nic), None),
                };
                self.delivered(place, packet, answer);
            }
            Reaction::Forwarded(out) => {
                self.books.passed(packet.tag, Place::Nic(nic));
                self.queue.push(self.now + GUEST_DELAY, Node::Vnet(vnet.0), Event::Emit(out, packet));
            }
            Reaction::Dropped(reason, error) => {
                if let Some(frame) = error {
                    self.send(Place::Nic(nic), PacketTag { part: Part::IcmpError, ..packet.tag }, frame);
                }
                self.dropped(packet, Place::Nic(nic), reason);
            }
        }
    }

    fn exchange(&self, tag: PacketTag) -> Exchange {
        let traffic = &self.traffic[tag.traffic.ix()];
        Exchange {
            style: frames::Style::of(traffic),
            opener: traffic.from.place,
            answer: frames::expected_answer(traffic, tag.conversation),
        }
    }

    /// Sites, services and the internet stand for hosts that have every address and answer everything. A gateway
    /// answers pings (FE-17), a private endpoint does not.
    fn at_far_end(&mut self, place: Place, packet: Packet) {
        let (headers, exchange) = (packet.headers, self.exchange(packet.tag));
        let icmp = headers.protocol.is_icmp();
        let deaf = match place {
            // IKE and BGP listen there; what else does is not known.
            Place::Gateway(gateway) if !icmp || self.network[gateway].kind == GatewayType::ExpressRoute => {
                Some(DropReason::InsufficientInput)
            }
            // FE-10: an endpoint serves TCP and UDP.
            Place::PrivateEndpoint(_)
                if !headers.protocol.has_ports() && packet.tag.part == Part::Request =>
            {
                Some(DropReason::GuestPortClosed)
            }
            _ => None,
        };
        if let Some(reason) = deaf {
            return self.lost(packet, place, reason);
        }
        let mismatch = exchange.opener != place || headers.flow_key() != exchange.answer;
        if packet.tag.part == Part::Reply && mismatch {
            return self.lost(packet, place, DropReason::AnswerMismatch);
        }
        if packet.traced {
            let step = Step::Delivered { to: place, key: headers.flow_key(), ttl: headers.ttl };
            self.observer.step(packet.id, self.now, step);
        }
        let mac = self.mac_of(place);
        let answer = frames::answer(&headers, packet.tag.part, exchange.style, mac);
        self.delivered(place, packet, answer);
    }

    fn delivered(&mut self, place: Place, packet: Packet, answer: Option<(Part, Vec<u8>)>) {
        if let Some((part, frame)) = answer {
            self.send(place, PacketTag { part, ..packet.tag }, frame);
        }
        self.books.delivered(self.now, packet.tag, place, self.observer);
    }

    /// GW-06: a site sends into Azure by the gateway that serves the destination, if its device knows it.
    fn site_sends(&mut self, site: SiteId, mut packet: Packet) {
        let tables = self.tables();
        let table = &tables.sites[site.ix()];
        let dst = packet.headers.dst;
        let known = table.known.as_ref().is_none_or(|set| set.contains(dst));
        let routed =
            table.routes.iter().find(|(prefix, _)| prefix.contains(&dst)).map(|(_, gateway)| *gateway);
        match routed.or(table.untaught.first().copied()).filter(|_| known) {
            Some(gateway) => {
                if let Err(reason) = cut(&mut packet, PATH_MTU) {
                    return self.lost(packet, Place::Site(site), reason);
                }
                let leg = Leg { origin: Origin::Tunnel, end: LegEnd::Gateway(gateway) };
                self.travel(Node::Site(site.0), leg, packet);
            }
            None => self.lost(packet, Place::Site(site), DropReason::NoRouteOnPrem),
        }
    }

    fn gateway_sends(&mut self, gateway: GatewayId, mut packet: Packet) {
        if let Err(reason) = cut(&mut packet, PATH_MTU) {
            return self.lost(packet, Place::Gateway(gateway), reason);
        }
        let tables = self.tables();
        let mut cx =
            Context { now: self.now, tables: &tables, observer: &mut *self.observer, meter: &mut self.meter };
        match from_gateway(&mut cx, &mut self.gateway_backends, gateway, &mut packet) {
            Ok(Some(leg)) => self.travel(Node::Gateway(gateway.0), leg, packet),
            Ok(None) => {}
            Err(reason) => self.dropped(packet, Place::Gateway(gateway), reason),
        }
    }

    fn endpoint_sends(&mut self, id: PrivateEndpointId, mut packet: Packet) {
        let tables = self.tables();
        let vnet = tables.endpoints[id.ix()].vnet;
        let mut cx =
            Context { now: self.now, tables: &tables, observer: &mut *self.observer, meter: &mut self.meter };
        match self.switches.egress_endpoint(&mut cx, id, &mut packet) {
            Ok(leg) => self.travel(Node::Vnet(vnet.0), leg, packet),
            Err(reason) => self.dropped(packet, Place::PrivateEndpoint(id), reason),
        }
    }

    /// A platform service answers the NIC that asked.
    fn platform_sends(&mut self, packet: Packet) {
        match self.platform_clients.get(&packet.headers.flow_key()) {
            Some(nic) => {
                let leg = Leg { origin: Origin::Platform, end: LegEnd::Nic(*nic) };
                self.travel(Node::Internet, leg, packet);
            }
            None => self.lost(packet, Place::Platform, DropReason::NoSuchDestination),
        }
    }

    fn internet_sends(&mut self, mut packet: Packet) {
        let tables = self.tables();
        let mut cx =
            Context { now: self.now, tables: &tables, observer: &mut *self.observer, meter: &mut self.meter };
        match self.edge.enter(&mut cx, &mut packet) {
            Ok(nic) => {
                if let Err(reason) = cut(&mut packet, PATH_MTU) {
                    return self.lost(packet, Place::Internet, reason);
                }
                let leg = Leg { origin: Origin::Internet, end: LegEnd::Nic(nic) };
                self.travel(Node::Internet, leg, packet);
            }
            Err(reason) => self.dropped(packet, Place::Internet, reason),
        }
    }

    /// A packet dies outside the data plane, which therefore did not report it.
    fn lost(&mut self, packet: Packet, at: Place, reason: DropReason) {
        if packet.traced {
            self.observer.step(packet.id, self.now, Step::Dropped { at, reason });
        }
        self.dropped(packet, at, reason);
    }

    fn dropped(&mut self, packet: Packet, at: Place, reason: DropReason) {
        self.books.dropped(self.now, packet.tag, at, reason, self.observer);
    }
}
