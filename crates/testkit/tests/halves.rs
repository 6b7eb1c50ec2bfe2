//! Switches that repeat halves of ways against switches that decide each, on networks that change while packets are
//! under way: one set of switches for all networks, or one for each half of them.

use std::collections::VecDeque;

use proptest::{collection::vec, prelude::*};
use vnetsim_compile::compile;
use vnetsim_dataplane::{
    Backends, Context, Edge, FABRIC_MAC, Leg, LegEnd, Meter, Origin, Packet, Switches, Tables, at_gateway,
};
use vnetsim_packet::{TcpFlags, set_destination, set_macs, set_source, set_ttl, tcp};
use vnetsim_scenario::load;
use vnetsim_testkit::{Sent, epochs, frames, network, operation, order, traffic};
use vnetsim_trace::TraceObserver;
use vnetsim_types::{
    DropReason, FileId, NicId, NoObserver, Observer, PacketId, PacketTag, Part, Place, SimTime, TrafficId,
    VnetId,
};

const TAG: PacketTag = PacketTag { traffic: TrafficId(0), conversation: 0, part: Part::Request };
/// Legs of a packet before it is forgotten.
const LEGS_MAX: usize = 8;
/// Between two things that happen, in milliseconds: less than a queue, and about the life of a record, closing or open.
const PAUSES_MS: [u64; 10] = [0, 1, 30, 1_000, 4_900, 5_100, 60_000, 130_000, 239_000, 245_000];

/// Something that happens. Numbers choose among what there is.
#[derive(Clone, Copy, Debug)]
enum Happens {
    /// The next frame is sent.
    Send,
    /// One of the packets under way arrives.
    Arrive(u8),
    /// Time passes.
    Pause(u8),
    /// The network is the next one.
    Change,
}

fn happens() -> impl Strategy<Value = Happens> {
    prop_oneof![
        20 => Just(Happens::Send),
        30 => any::<u8>().prop_map(Happens::Arrive),
        4 => any::<u8>().prop_map(Happens::Pause),
        1 => Just(Happens::Change),
    ]
}

/// A packet on a leg.
struct UnderWay {
    leg: Leg,
    packet: Packet,
    legs: usize,
}

/// What a switch did with a packet, and all of the packet that can be seen.
type Done = (Result<Option<Leg>, DropReason>, String);

/// Networks, who forwards in them, and what came of it.
struct World {
    /// One for all networks, or one for those of even and one for those of odd number.
    switches: Vec<Switches>,
    edge: Edge,
    backends: Backends,
    meter: Meter,
    under_way: VecDeque<UnderWay>,
    now: SimTime,
    done: Vec<Done>,
}

/// All that is to be the same.
#[derive(PartialEq, Debug)]
struct Shown {
    done: Vec<Done>,
    meter: Meter,
    records: Vec<usize>,
}

fn shown(packet: &Packet) -> String {
    let Packet { id, frame, headers, fragmented, entered, passed, handed_by, wait, .. } = packet;
    format!("{id:?} {frame:?} {headers:?} {fragmented} {entered:?} {passed:?} {handed_by:?} {wait}")
}

impl World {
    fn new(switches: Vec<Switches>) -> Self {
        Self {
            switches,
            edge: Edge::default(),
            backends: Backends::default(),
            meter: Meter::default(),
            under_way: VecDeque::new(),
            now: SimTime::from_secs(1_000),
            done: Vec::new(),
        }
    }

    fn play<O: Observer>(
        mut self,
        epochs: &[Tables],
        sent: &[Sent],
        script: &[Happens],
        observer: &mut O,
    ) -> (Shown, (u64, u64)) {
        let (mut tables, mut frames) = (epochs.iter(), sent.iter().enumerate());
        let mut present = tables.next().expect("a first epoch");
        for happens in script {
            match happens {
                Happens::Send => {
                    // Tracing some packets of a connection is no reason to treat the others otherwise.
                    if let Some((ix, sent)) = frames.next()
                        && let Ok(packet) =
                            Packet::new(PacketId(ix as u64), TAG, ix % 3 == 0, sent.frame.clone())
                    {
                        self.send(present, sent.from, packet, observer);
                    }
                }
                Happens::Arrive(which) => {
                    let which = usize::from(*which) % self.under_way.len().max(1);
                    if let Some(one) = self.under_way.remove(which) {
                        self.arrive(present, one, observer);
                    }
                }
                Happens::Pause(which) => {
                    let pause = PAUSES_MS[usize::from(*which) % PAUSES_MS.len()];
                    self.now = self.now + SimTime::from_millis(pause);
                }
                Happens::Change => present = tables.next().unwrap_or(present),
            }
        }
        let records = self.switches.iter().map(Switches::flow_records).collect();
        let counts = self.switches.iter().map(Switches::counts);
        let counts = counts.fold((0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1));
        (Shown { done: self.done, meter: self.meter, records }, counts)
    }

    fn send<O: Observer>(&mut self, tables: &Tables, from: Place, mut packet: Packet, observer: &mut O) {
        match from {
            Place::Nic(nic) => self.leave(tables, nic, packet, 0, observer),
            Place::Internet => {
                let mut cx = Context { now: self.now, tables, observer, meter: &mut self.meter };
                let entered = self.edge.enter(&mut cx, &mut packet);
                let leg = entered.map(|nic| Some(Leg { origin: Origin::Internet, end: LegEnd::Nic(nic) }));
                self.next(leg, packet, 0);
            }
            _ => {}
        }
    }

    fn leave<O: Observer>(
        &mut self,
        tables: &Tables,
        nic: NicId,
        mut packet: Packet,
        legs: usize,
        observer: &mut O,
    ) {
        let vnet = tables.nics[nic.ix()].vnet;
        let mut cx = Context { now: self.now, tables, observer, meter: &mut self.meter };
        let leg = of(&mut self.switches, vnet).egress(&mut cx, nic, &mut packet);
        self.next(leg.map(Some), packet, legs);
    }

    /// Notes what was done with `packet`, which takes its next leg, if any.
    fn next(&mut self, done: Result<Option<Leg>, DropReason>, packet: Packet, legs: usize) {
        self.done.push((done, shown(&packet)));
        if let Ok(Some(leg)) = done
            && legs < LEGS_MAX
        {
            self.under_way.push_back(UnderWay { leg, packet, legs: legs + 1 });
        }
    }

    fn arrive<O: Observer>(&mut self, tables: &Tables, one: UnderWay, observer: &mut O) {
        let UnderWay { leg: Leg { origin, end }, mut packet, legs } = one;
        let mut cx = Context { now: self.now, tables, observer, meter: &mut self.meter };
        let answers = |packet: &mut Packet| TAG == packet.tag && turn(packet);
        match end {
            LegEnd::Nic(nic) => {
                let port = &tables.nics[nic.ix()];
                let passed = of(&mut self.switches, port.vnet).ingress(&mut cx, origin, nic, &mut packet);
                self.done.push((passed.map(|()| None), shown(&packet)));
                let forwards = port.ip_forwarding && !port.serves(packet.headers.dst);
                if passed.is_ok() && forwards && packet.headers.ttl > 1 {
                    let ttl = packet.headers.ttl - 1;
                    set_ttl(&mut packet.frame, &mut packet.headers, ttl);
                    set_macs(&mut packet.frame, &mut packet.headers, port.mac, FABRIC_MAC);
                    packet.passed.push(nic);
                    self.leave(tables, nic, packet, legs, observer);
                }
            }
            LegEnd::Gateway(gateway) => {
                let out = at_gateway(&mut cx, &mut self.backends, origin, gateway, &mut packet);
                self.next(out, packet, legs);
            }
            LegEnd::PrivateEndpoint(id) => {
                let switches = of(&mut self.switches, tables.endpoints[id.ix()].vnet);
                let passed = switches.ingress_endpoint(&mut cx, origin, id, &mut packet);
                self.done.push((passed.map(|()| None), shown(&packet)));
                if passed.is_ok() && answers(&mut packet) {
                    let switches = of(&mut self.switches, tables.endpoints[id.ix()].vnet);
                    let leg = switches.egress_endpoint(&mut cx, id, &mut packet);
                    self.next(leg.map(Some), packet, legs);
                }
            }
            LegEnd::Platform(nic) => {
                if answers(&mut packet) {
                    let leg = Leg { origin: Origin::Platform, end: LegEnd::Nic(nic) };
                    self.next(Ok(Some(leg)), packet, legs);
                }
            }
            LegEnd::Internet { nic, way } => {
                let left = self.edge.leave(&mut cx, nic, way, &mut packet);
                self.done.push((left.map(|()| None), shown(&packet)));
                let inside = tables.public.contains_key(&packet.headers.dst) || self.edge.is_answer(&packet);
                if left.is_ok() && (inside || answers(&mut packet)) {
                    self.send(tables, Place::Internet, packet, observer);
                }
            }
            LegEnd::Site(_) => {}
        }
    }
}

fn of(switches: &mut [Switches], vnet: VnetId) -> &mut Switches {
    let count = switches.len();
    &mut switches[vnet.ix() % count]
}

/// Source and destination change places, once in the life of a packet. False when they cannot.
fn turn(packet: &mut Packet) -> bool {
    let (key, frame, headers) = (packet.headers.flow_key(), &mut packet.frame, &mut packet.headers);
    let ports = key.protocol.has_ports() && headers.fragment.is_none();
    let port = |port: u16| ports.then_some(port);
    packet.tag = PacketTag { part: Part::Reply, ..TAG };
    set_source(frame, headers, key.dst, port(key.dst_port)).is_ok()
        && set_destination(frame, headers, key.src, port(key.src_port)).is_ok()
}

proptest! {
    /// Verdicts, legs, bytes, meters and records are the same.
    #[test]
    fn halves_repeated_are_halves_decided(
        random in network(),
        plans in vec(traffic(), 1..8),
        order in order(),
        operations in vec(operation(), 0..4),
        script in vec(happens(), 1..400),
        bits_per_s in prop_oneof![Just(200_000_u64), Just(5_000_000)],
    ) {
        let mut tables = epochs(&random, &operations);
        // Limits that a few packets reach.
        for limit in tables.iter_mut().flat_map(|t| &mut t.nics).filter_map(|nic| nic.egress_bits_per_s.as_mut()) {
            *limit = bits_per_s;
        }
        let sent = frames(&random.network, &plans, &order);
        let played = |make: fn() -> Switches, sets: usize| {
            let world = World::new((0..sets).map(|_| make()).collect());
            world.play(&tables, &sent, &script, &mut NoObserver).0
        };
        let (one, two) = (played(Switches::default, 1), played(Switches::default, 2));
        prop_assert_eq!(&one.done, &two.done, "two sets of switches");
        prop_assert_eq!(&played(Switches::repeating, 1), &one, "one set that repeats");
        prop_assert_eq!(&played(Switches::repeating, 2), &two, "two sets that repeat");
        let mut observer = TraceObserver::default();
        let watched = World::new(vec![Switches::repeating()]).play(&tables, &sent, &script, &mut observer).0;
        prop_assert_eq!(&watched, &one, "watched");
    }
}

/// Two spokes that reach each other through an appliance in a hub.
const HUB: &str = "vnetsim: 1
network:
  virtualNetworks:
    - { name: hub, addressSpace: { addressPrefixes: [10.0.0.0/16] }, subnets: [{ name: s, addressPrefix: 10.0.0.0/24 }],
        virtualNetworkPeerings: [{ name: to-a, remoteVirtualNetwork: a, allowForwardedTraffic: true },
                                 { name: to-b, remoteVirtualNetwork: b, allowForwardedTraffic: true }] }
    - { name: a, addressSpace: { addressPrefixes: [10.1.0.0/16] },
        subnets: [{ name: s, addressPrefix: 10.1.0.0/24, routeTable: rta }],
        virtualNetworkPeerings: [{ name: to-hub, remoteVirtualNetwork: hub, allowForwardedTraffic: true }] }
    - { name: b, addressSpace: { addressPrefixes: [10.2.0.0/16] },
        subnets: [{ name: s, addressPrefix: 10.2.0.0/24, routeTable: rtb }],
        virtualNetworkPeerings: [{ name: to-hub, remoteVirtualNetwork: hub, allowForwardedTraffic: true }] }
  routeTables:
    - { name: rta, routes: [{ name: r, addressPrefix: 10.2.0.0/16, nextHopType: VirtualAppliance, nextHopIpAddress: 10.0.0.4 }] }
    - { name: rtb, routes: [{ name: r, addressPrefix: 10.1.0.0/16, nextHopType: VirtualAppliance, nextHopIpAddress: 10.0.0.4 }] }
  virtualMachines:
    - { name: nva, subnet: hub/s, privateIPAddress: 10.0.0.4, enableIPForwarding: true, guest: { role: router } }
    - { name: vma, subnet: a/s, privateIPAddress: 10.1.0.4 }
    - { name: vmb, subnet: b/s, privateIPAddress: 10.2.0.4 }";

/// Tables of [`HUB`], and `count` packets of one connection from `vma`, each answered.
fn hub(count: usize) -> (Tables, Vec<Sent>, Vec<Happens>) {
    let network = load(HUB.as_bytes(), FileId(0)).scenario.expect("a scenario without errors").network;
    let place = |name: &str| Place::Nic(network.nic_named(name).expect("a NIC of this name"));
    let sent = (0..2 * count).map(|ix| {
        let ends = vnetsim_packet::Endpoints {
            src_mac: [2; 6],
            dst_mac: [4; 6],
            src: [10, 1, 0, 4].into(),
            dst: [10, 2, 0, 4].into(),
            ttl: 64,
            dont_fragment: true,
        };
        let back = vnetsim_packet::Endpoints { src: ends.dst, dst: ends.src, ..ends };
        let frame = match ix % 2 {
            0 => tcp(&ends, 50_000, 443, TcpFlags::ACK, 1, 1, 10),
            _ => tcp(&back, 443, 50_000, TcpFlags::ACK, 1, 1, 10),
        };
        Sent { from: place(["vma", "vmb"][ix % 2]), frame: frame.expect("a frame that fits") }
    });
    let script = [Happens::Send, Happens::Arrive(0), Happens::Arrive(0)].repeat(2 * count);
    ((*compile(&network, 0).tables).clone(), sent.collect(), script)
}

/// Four halves for each packet: the sender's, the appliance's two, the receiver's.
#[test]
fn only_the_first_packet_of_each_direction_is_decided() {
    let (tables, sent, script) = hub(50);
    for sets in [1, 2] {
        let world = World::new((0..sets).map(|_| Switches::repeating()).collect());
        let epochs = std::slice::from_ref(&tables);
        let (shown, counts) = world.play(epochs, &sent, &script, &mut NoObserver);
        assert!(shown.done.iter().all(|(done, _)| done.is_ok()) && shown.done.len() == 400);
        assert_eq!(counts, (392, 8), "{sets} sets of switches");
    }
}

/// A limit of the sender's VM is charged for repeated packets too, and what waits is told.
#[test]
fn repeated_packets_wait_for_their_vm() {
    let (mut tables, sent, script) = hub(1_000);
    // Nothing but what `vma` sends passes time; 64 bytes take 0.64 ms.
    for nic in tables.nics.iter_mut().filter(|nic| nic.owns([10, 1, 0, 4].into())) {
        nic.egress_bits_per_s = Some(400_000);
    }
    let world = World::new(vec![Switches::repeating()]);
    let (shown, _) = world.play(std::slice::from_ref(&tables), &sent, &script, &mut NoObserver);
    let dropped = shown.done.iter().filter(|(done, _)| *done == Err(DropReason::EgressBandwidthExceeded));
    // IP packets of 50 bytes last 1 ms each: those that wait 0 to 50 ms pass.
    assert_eq!(dropped.count(), 1_000 - 51);
}
