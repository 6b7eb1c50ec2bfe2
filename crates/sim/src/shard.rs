//! A shard: some of the virtual networks with their switches and guests, and the loop that takes its events.
//!
//! Owns everything that belongs to its nodes: flow records, guests, TCP/IP stacks, sums, streams of chance. What goes to a
//! node of another shard leaves through the outbox at the end of the window. Called by `engine.rs`. Must never read the wall
//! clock, depend on which other nodes it has, or decide what a switch decides. Cost per packet and leg: one event, and the
//! data plane's cost.

use std::sync::Arc;

use rustc_hash::FxHashMap;
use vnetsim_compile::{Compiled, Epoch};
use vnetsim_dataplane::{Backends, Edge, LegEnd, Meter, Packet, Switches, Tables, prefetch};
use vnetsim_model::{Application, Network, Traffic};
use vnetsim_packet::Headers;
use vnetsim_types::{
    DropReason, Observer, PacketId, PacketTag, Part, Place, SimTime, Step, Tap, TrafficId, limits,
};

use crate::{
    Change, Injection,
    control::Control,
    event::{Entry, Event, Flight, Key, Kind, Node},
    fault::Faults,
    guest::Guest,
    hosts::Hosts,
    journal::Journal,
    ports::Ports,
    probe::Probes,
    senders::Senders,
    tally::{PROBES, Tally, Telling},
    wheel::Wheel,
};

/// Conversations that last whose first packets, one for each direction, are watched.
const WATCHED_CONVERSATIONS_MAX: u32 = 256;
/// Later packets of a traffic entry that are watched at a node, in each direction and each epoch.
const WATCHED_MAX: u32 = 4;
/// Connections of a capture that are watched so each; those behind them together.
const REPLAYED_WATCHED_MAX: u32 = 1_000;
/// Parcels kept for further packets.
const POOL_MAX: usize = 1 << 16;

/// How many events ahead a packet is asked for, and what it will look up.
const FAR_AHEAD: usize = 6;
const NEAR_AHEAD: usize = 2;
/// With fewer flow records nothing is asked for.
const WORTH_RECORDS: usize = 256;

/// Asks for the lines of a packet that its next event reads.
#[inline]
fn prefetch_flight(flight: &Flight) {
    let packet = &flight.packet;
    prefetch(&packet.id);
    prefetch(&packet.headers.src);
    prefetch(&packet.headers.l4);
    prefetch(&packet.passed);
    prefetch(&flight.leg);
}

/// What all shards read.
pub(crate) struct Setting<'a> {
    pub(crate) traffic: &'a [Traffic],
    pub(crate) timeline: &'a [Change],
    pub(crate) injections: &'a [Injection],
    pub(crate) seed: u64,
    /// Which shard has which virtual network; sites and the internet are the first one's.
    pub(crate) homes: Vec<usize>,
    pub(crate) shards: usize,
    pub(crate) control: &'a Control,
    /// By [`TrafficId`]: see [`Setting::lasts`].
    pub(crate) lasting: Vec<bool>,
    /// A server waits as long as the most patient client.
    pub(crate) patience: SimTime,
    pub(crate) all_packets: bool,
    pub(crate) frames: bool,
}

impl Setting<'_> {
    /// True for packets of a capture.
    pub(crate) fn replays(&self, traffic: TrafficId) -> bool {
        self.traffic.get(traffic.ix()).is_some_and(|t| t.application == Application::Replay)
    }

    /// Which dead packet of a conversation tells how it ended.
    fn telling(&self, traffic: TrafficId) -> Telling {
        match (self.lasts(traffic), self.replays(traffic)) {
            (false, _) => Telling::None,
            (true, false) => Telling::Last,
            (true, true) => Telling::First,
        }
    }

    /// True for conversations that last: their packets are counted, not followed one by one.
    pub(crate) fn lasts(&self, traffic: TrafficId) -> bool {
        self.lasting.get(traffic.ix()).copied().unwrap_or_default()
    }
}

/// Part of a run.
pub(crate) struct Shard<'a, const WATCHED: bool> {
    pub(crate) setting: &'a Setting<'a>,
    pub(crate) number: usize,
    pub(crate) now: SimTime,
    pub(crate) queue: Wheel,
    /// By shard: what goes there.
    pub(crate) outbox: Vec<Vec<Entry>>,
    sequences: Sequences,
    packets: Sequences,
    // The present network.
    pub(crate) epoch: Arc<Epoch>,
    compiled: Option<Arc<Compiled>>,
    pub(crate) tables: Arc<Tables>,
    pub(crate) ports: Ports,
    changes: usize,
    // State of the nodes.
    pub(crate) switches: Switches,
    pub(crate) guests: Vec<Guest>,
    pub(crate) edge: Edge,
    /// Balancer choices of packets that gateways forward.
    pub(crate) gateway_backends: Backends,
    pub(crate) faults: Faults,
    pub(crate) hosts: Hosts,
    pub(crate) senders: Senders,
    pub(crate) probes: Probes,
    // What is told.
    pub(crate) journal: Journal<WATCHED>,
    pub(crate) tally: Tally,
    pub(crate) meter: Meter,
    watched: FxHashMap<(TrafficId, bool, u64, u32), (u32, u32)>,
    #[expect(clippy::vec_box, reason = "events hold boxes, and those are what is used again")]
    pool: Vec<Box<Flight>>,
    pub(crate) events: u64,
    /// Packets made.
    pub(crate) sent: u64,
    /// Virtual time of the last event that was not in the background.
    pub(crate) end: SimTime,
    at_this_instant: u64,
    pub(crate) stuck_at: Option<SimTime>,
    /// When the present window ends: what others do is known until then.
    pub(crate) known_until: SimTime,
}

/// A count for each node.
#[derive(Debug, Default)]
struct Sequences {
    vnets: Vec<u64>,
    others: FxHashMap<u64, u64>,
}

impl Sequences {
    #[inline]
    fn next(&mut self, node: Node) -> u64 {
        if let Node::Vnet(ix) = node
            && let Some(count) = self.vnets.get_mut(ix as usize)
        {
            *count += 1;
            return *count;
        }
        self.next_of_others(node)
    }

    #[cold]
    fn next_of_others(&mut self, node: Node) -> u64 {
        let count = match node {
            Node::Vnet(ix) => {
                self.vnets.resize(ix as usize + 1, 0);
                &mut self.vnets[ix as usize]
            }
            other => self.others.entry(other.number()).or_default(),
        };
        *count += 1;
        *count
    }
}

/// What a stage of the data plane may use; borrows only what it names.
macro_rules! context {
    ($shard:expr) => {
        vnetsim_dataplane::Context {
            now: $shard.now,
            tables: &$shard.tables,
            observer: &mut $shard.journal,
            meter: &mut $shard.meter,
        }
    };
}
pub(crate) use context;

impl<'a, const WATCHED: bool> Shard<'a, WATCHED> {
    /// One that plays what the scenario says.
    pub(crate) fn new(setting: &'a Setting<'a>, number: usize) -> Self {
        let mut shard = Self::idle(setting, number);
        shard.plan();
        shard
    }

    /// One that has nothing to do yet.
    pub(crate) fn idle(setting: &'a Setting<'a>, number: usize) -> Self {
        let epoch = setting.control.first();
        let compiled = epoch.lend();
        let network = &epoch.network;
        Self {
            number,
            now: SimTime::ZERO,
            queue: Wheel::default(),
            outbox: (0..setting.shards).map(|_| Vec::new()).collect(),
            sequences: Sequences::default(),
            packets: Sequences::default(),
            ports: Ports::of(network, &compiled.tables),
            tables: compiled.tables.clone(),
            changes: 0,
            switches: Switches::repeating(),
            guests: vec![Guest::default(); network.vms().len()],
            edge: Edge::default(),
            gateway_backends: Backends::default(),
            faults: Faults::new(setting.seed, network.link_faults()),
            hosts: Hosts::default(),
            senders: Senders::default(),
            probes: Probes::default(),
            journal: Journal {
                key: Key::new(SimTime::ZERO, Kind::Change, Node::Scenario, 0),
                entries: Vec::new(),
                frames: setting.frames,
            },
            tally: Tally::new(setting.traffic.len()),
            meter: Meter::default(),
            watched: FxHashMap::default(),
            pool: Vec::new(),
            events: 0,
            sent: 0,
            end: SimTime::ZERO,
            at_this_instant: 0,
            stuck_at: None,
            known_until: SimTime(u64::MAX),
            compiled: Some(compiled),
            epoch,
            setting,
        }
    }

    /// Everything is as at the start, in the same network; sums and numbers of packets go on.
    pub(crate) fn forget(&mut self) {
        self.queue.restart();
        self.sequences = Sequences::default();
        self.switches = Switches::repeating();
        self.guests.iter_mut().for_each(Guest::forget);
        self.edge = Edge::default();
        self.gateway_backends = Backends::default();
        self.faults = Faults::new(self.setting.seed, self.epoch.network.link_faults());
        self.hosts = Hosts::default();
        self.senders = Senders::default();
        self.watched.clear();
        (self.now, self.end, self.events, self.at_this_instant, self.stuck_at) = Default::default();
    }

    /// The events that the scenario says beforehand.
    fn plan(&mut self) {
        for (ix, change) in self.setting.timeline.iter().enumerate() {
            let key = Key::new(change.at, Kind::Change, Node::Scenario, ix as u64);
            self.queue.push(Entry { key, event: Event::Change(ix as u32) });
        }
        for (ix, entry) in self.setting.traffic.iter().enumerate() {
            if entry.count > 0 && entry.application != Application::Replay && self.has(entry.from.place) {
                self.plan_start(TrafficId::new(ix), 0, entry.start);
            }
        }
        self.plan_replays();
        self.plan_probes();
    }

    pub(crate) fn plan_start(&mut self, traffic: TrafficId, conversation: u32, at: SimTime) {
        let key = Key::new(at, Kind::Start, Node::Traffic(traffic.0), u64::from(conversation));
        self.queue.push(Entry { key, event: Event::Start(traffic, conversation) });
    }

    /// True when `place` is one of this shard's.
    pub(crate) fn has(&self, place: Place) -> bool {
        self.setting.shards == 1 || self.home(place) == self.number
    }

    fn home(&self, place: Place) -> usize {
        let vnet = match place {
            Place::Nic(nic) => self.tables.nics[nic.ix()].vnet,
            Place::Gateway(gateway) => self.tables.gateways[gateway.ix()].vnet,
            Place::PrivateEndpoint(id) => self.tables.endpoints[id.ix()].vnet,
            Place::Site(_) | Place::Internet | Place::Platform => return 0,
        };
        self.setting.homes[vnet.ix()]
    }

    pub(crate) fn network(&self) -> &Network {
        &self.epoch.network
    }

    /// Plays about `events_max` events of a run without other shards. False when nothing keeps it alive.
    pub(crate) fn play_alone(&mut self, events_max: u64) -> bool {
        let until = self.events + events_max;
        while self.events < until {
            let next = if self.is_alive() { self.queue.pop_before(SimTime(u64::MAX)) } else { None };
            let Some(entry) = next else { return false };
            if !self.meet(entry) {
                return false;
            }
        }
        true
    }

    /// True while something is still to happen here.
    pub(crate) fn is_alive(&self) -> bool {
        self.queue.is_alive() || self.hosts.are_waiting()
    }

    /// Plays what happens before `end`.
    pub(crate) fn play_window(&mut self, end: SimTime) {
        self.known_until = end;
        while let Some(entry) = self.queue.pop_before(end) {
            if !self.meet(entry) {
                return;
            }
        }
    }

    /// False when time does not advance. Events in the background do not count: how many of them come after the last
    /// one that does depends on the windows.
    fn meet(&mut self, Entry { key, event }: Entry) -> bool {
        self.at_this_instant = if key.time == self.now { self.at_this_instant + 1 } else { 0 };
        if self.at_this_instant > limits::EVENTS_PER_INSTANT_MAX {
            self.stuck_at = Some(key.time);
            return false;
        }
        self.now = key.time;
        self.journal.key = key;
        self.look_ahead();
        if !key.is_background() {
            // All shards meet the same changes.
            self.events += u64::from(self.number == 0 || !matches!(event, Event::Change(_)));
            self.end = key.time;
        }
        self.happen(event);
        true
    }

    /// Asks for the memory of the packets whose events come next: first for the packet, then for what it will look up.
    #[inline]
    fn look_ahead(&self) {
        if self.switches.flow_records() < WORTH_RECORDS {
            return; // they are in the caches
        }
        if let Some(Event::Arrive(flight) | Event::Emit(_, flight)) = self.queue.upcoming(FAR_AHEAD) {
            prefetch_flight(flight);
        }
        if let Some(Event::Arrive(flight) | Event::Emit(_, flight)) = self.queue.upcoming(NEAR_AHEAD) {
            self.switches.fetch(&flight.packet);
            flight.packet.frame.first().inspect(|byte| prefetch(*byte));
            if let LegEnd::Nic(nic) = flight.leg.end {
                prefetch(&self.tables.nics[nic.ix()].vnet);
            }
        }
    }

    fn happen(&mut self, event: Event) {
        if self.compiled.is_none() && !matches!(event, Event::Change(_) | Event::Flip(_)) {
            let compiled = self.epoch.lend();
            self.tables = compiled.tables.clone();
            self.ports = Ports::of(&self.epoch.network, &self.tables);
            self.compiled = Some(compiled);
        }
        match event {
            Event::Change(ix) => self.change(ix as usize),
            Event::Flip(flip) => self.flip(&flip),
            Event::Arrive(flight) => self.arrive(flight),
            Event::Emit(nic, flight) => self.emit(nic, flight),
            Event::Wake(host) => self.wake(host),
            Event::Tick(sender) => self.tick(sender),
            Event::Start(traffic, conversation) => self.start(traffic, conversation),
            Event::Probe(probe) => self.probe(probe),
        }
    }

    fn change(&mut self, ix: usize) {
        let changed = self.setting.control.change(self.changes, self.now, &self.setting.timeline[ix]);
        self.changed(changed);
    }

    fn flip(&mut self, flip: &crate::probe::ProbeFlip) {
        let changed = self.setting.control.happens(self.changes, self.now, &flip.operation());
        self.changed(changed);
    }

    fn changed(&mut self, changed: crate::control::Changed) {
        self.changes += 1;
        if let Some(vm) = changed.stopped {
            self.guests[vm.ix()] = Guest::default(); // a stopped machine forgets its sessions
            self.hosts.forget(vm);
        }
        if let Some(epoch) = changed.epoch {
            self.faults.replace(epoch.network.link_faults());
            self.epoch = epoch;
            self.compiled = None; // made when a packet meets it
        }
    }

    /// Conversation number `conversation` of a traffic entry begins.
    fn start(&mut self, id: TrafficId, conversation: u32) {
        let traffic = &self.setting.traffic[id.ix()];
        match traffic.application {
            Application::Exchange => self.start_exchange(id, conversation),
            Application::Requests { .. } | Application::Bulk { .. } => {
                self.start_connection(id, conversation)
            }
            Application::Stream { .. } | Application::Traceroute { .. } => {
                self.start_sender(id, conversation)
            }
            Application::Replay => {}
        }
        let next = conversation + 1;
        if u64::from(next) < traffic.count {
            self.plan_start(id, next, self.now + traffic.interval);
        }
    }

    /// The next number of an event that `node` makes.
    pub(crate) fn sequence(&mut self, node: Node) -> u64 {
        self.sequences.next(node)
    }

    /// Makes `event` of this shard happen at `time`.
    pub(crate) fn push(&mut self, time: SimTime, kind: Kind, node: Node, event: Event) {
        assert!(time >= self.now, "an event in the past: {time} before {}", self.now);
        let key = Key::new(time, kind, node, self.sequences.next(node));
        self.queue.push(Entry { key, event });
    }

    /// The node of a place.
    pub(crate) fn node_of(&self, place: Place) -> Node {
        match place {
            Place::Nic(nic) => Node::Vnet(self.ports.nics[nic.ix()].vnet.0),
            Place::Gateway(gateway) => Node::Gateway(gateway.0),
            Place::Site(site) => Node::Site(site.0),
            Place::PrivateEndpoint(id) => Node::Vnet(self.tables.endpoints[id.ix()].vnet.0),
            Place::Internet | Place::Platform => Node::Internet,
        }
    }

    /// `from` makes a packet of `frame`, which must be one.
    pub(crate) fn made(&mut self, from: Place, tag: PacketTag, frame: Vec<u8>) -> Option<Box<Flight>> {
        self.made_at(from, self.node_of(from), tag, frame)
    }

    /// The same, where `node` makes it.
    pub(crate) fn made_at(
        &mut self,
        from: Place,
        node: Node,
        tag: PacketTag,
        frame: Vec<u8>,
    ) -> Option<Box<Flight>> {
        let headers = vnetsim_packet::parse(&frame).ok();
        debug_assert!(headers.is_some(), "frames made here parse");
        let mut flight = self.flight();
        flight.packet.frame = frame;
        self.begin(from, node, tag, headers?, &mut flight);
        Some(flight)
    }

    /// The packet in `flight`, whose frame has these headers, begins its way at `from`.
    pub(crate) fn begin(
        &mut self,
        from: Place,
        node: Node,
        tag: PacketTag,
        headers: Headers,
        flight: &mut Flight,
    ) {
        let id = PacketId(node.number() << 40 | self.packets.next(node));
        let watched = WATCHED && self.is_watched(node, tag);
        let traced = watched || WATCHED && self.setting.all_packets && tag.traffic != PROBES;
        flight.packet.renew(id, tag, traced, headers);
        flight.packet.sent_at = self.now;
        flight.copy = false;
        flight.sequence = 0; // what was settled for a packet that died before it left
        self.sent += 1;
        self.tally.sent(tag);
        if self.is_followed(tag) {
            self.journal.sent(tag, false);
        }
        if traced {
            if watched {
                self.journal.packet(id, tag)
            } else {
                self.journal.further(id, tag)
            }
            let (key, ttl) = (headers.flow_key(), headers.ttl);
            self.journal.step(id, self.now, Step::Sent { from, key, ttl });
        }
        if !matches!(from, Place::Nic(_)) {
            self.show(&flight.packet, Tap::Other(from));
        }
    }

    /// A packet of an exchange: the books follow it.
    pub(crate) fn is_followed(&self, tag: PacketTag) -> bool {
        tag.traffic != PROBES && !self.setting.lasts(tag.traffic)
    }

    fn is_watched(&mut self, node: Node, tag: PacketTag) -> bool {
        // How many probes there are depends on the windows of the shards.
        if tag.traffic == PROBES || self.is_followed(tag) {
            return tag.traffic != PROBES;
        }
        if matches!(tag.part, Part::Request | Part::Reply) {
            return tag.conversation < WATCHED_CONVERSATIONS_MAX;
        }
        let (epoch, forward) = (self.tables.epoch, tag.part.is_forward());
        // The connections of a capture differ from each other.
        let replayed = self.setting.replays(tag.traffic);
        let which = if replayed { tag.conversation.min(REPLAYED_WATCHED_MAX) } else { 0 };
        let seen = self.watched.entry((tag.traffic, forward, node.number(), which)).or_default();
        if seen.0 != epoch {
            *seen = (epoch, 0);
        }
        seen.1 += 1;
        seen.1 <= WATCHED_MAX
    }

    /// Room for a packet: an old one's, where there is one.
    pub(crate) fn flight(&mut self) -> Box<Flight> {
        self.pool.pop().unwrap_or_else(|| Box::new(Flight::empty()))
    }

    /// The packet in `flight` has come to its end.
    pub(crate) fn retire(&mut self, flight: Box<Flight>) {
        if self.pool.len() < POOL_MAX {
            self.pool.push(flight);
        }
    }

    /// A packet dies outside the data plane, which therefore did not report it.
    pub(crate) fn lost(&mut self, flight: Box<Flight>, at: Place, reason: DropReason) {
        if flight.packet.traced {
            self.journal.step(flight.packet.id, self.now, Step::Dropped { at, reason });
        }
        self.dropped(flight, at, reason);
    }

    /// A packet died, and whoever decided has said so.
    pub(crate) fn dropped(&mut self, flight: Box<Flight>, at: Place, reason: DropReason) {
        let tag = flight.packet.tag;
        self.tally.dropped(self.journal.key, tag, at, reason, self.setting.telling(tag.traffic));
        if self.is_followed(tag) {
            self.journal.dropped(tag, at, reason);
        }
        self.retire(flight);
    }

    /// A packet reached the one it was for, and what is sent because of it has been sent.
    pub(crate) fn delivered(&mut self, flight: Box<Flight>, at: Place) {
        let tag = flight.packet.tag;
        self.tally.delivered(self.now, &flight.packet);
        if self.is_followed(tag) {
            self.journal.delivered(tag, at);
        } else if tag.part == Part::Request && tag.traffic != PROBES {
            *self.tally.receivers.entry((tag.traffic, at)).or_default() += 1;
        }
        self.retire(flight);
    }

    /// An appliance or a gateway forwarded the packet.
    pub(crate) fn passed(&mut self, packet: &Packet, via: Place) {
        if self.is_followed(packet.tag) {
            self.journal.passed(packet.tag, via);
        }
    }

    /// Shows the frame to whoever wants frames.
    #[inline]
    pub(crate) fn show(&mut self, packet: &Packet, tap: Tap) {
        if WATCHED && self.journal.frames && packet.traced {
            self.journal.frame(packet.id, self.now, tap, &packet.frame);
        }
    }
}
