//! Health probes of load balancers, as the flows that they are (LB-07).
//!
//! The host of each member asks its port every interval: a TCP handshake from 168.63.129.16 that the NIC's inbound rules
//! must let in and the guest must answer. As many equal results as the threshold says change the member's state; the change
//! reaches everybody as a change of the network, one leg's time later. Probes keep no run alive, and begin only where the
//! scenario has a timeline: without one nothing can change what they find. Costs four events for each probe.

use std::net::IpAddr;

use vnetsim_dataplane::{FABRIC_MAC, WIRE_SERVER};
use vnetsim_model::{LbTarget, LoadBalancer, Network, Operation, OperationKind, TTL_DEFAULT};
use vnetsim_packet::{self as packet, Endpoints, Headers, L4, TcpFlags};
use vnetsim_types::{LbId, NicId, PacketTag, Part, Place, SimTime, VmId};

use crate::{
    event::{Entry, Event, Flight, Key, Kind, Node},
    link::SAME_REGION,
    shard::Shard,
    tally::PROBES,
};

/// The dynamic ports that probes come from.
const FIRST_PORT: u16 = 49_152;
const PORTS: u16 = 16_000; // below 65330, which the host keeps (FAB-07)

/// A probe changed its mind.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ProbeFlip {
    lb: LbId,
    probe: usize,
    nic: NicId,
    up: bool,
}

impl ProbeFlip {
    pub(crate) fn operation(self) -> Operation {
        OperationKind::SetProbeResult(self.lb, self.probe, self.nic, self.up).into()
    }
}

/// The probes of a shard's NICs.
#[derive(Debug, Default)]
pub(crate) struct Probes {
    all: Vec<Probe>,
}

#[derive(Debug)]
struct Probe {
    lb: LbId,
    probe: usize,
    nic: NicId,
    port: u16,
    /// What it says of the member.
    up: bool,
    /// Results to the contrary, one after the other.
    contrary: u32,
    /// How often it asked.
    asked: u32,
    /// The answer to the last time, once there is one.
    answer: Option<bool>,
}

/// Every probe that is played, and what the state of the machines makes of each member at first.
pub(crate) fn all(network: &Network) -> Vec<(LbId, usize, NicId)> {
    let mut all = Vec::new();
    for (ix, lb) in network.load_balancers().iter().enumerate() {
        for rule in &lb.rules {
            let Some(probe) = rule.probe.filter(|probe| lb.probes[*probe].port.is_some()) else { continue };
            all.extend(members(lb, rule.target).map(|nic| (LbId::new(ix), probe, nic)));
        }
    }
    all.sort_unstable();
    all.dedup();
    all
}

fn members(lb: &LoadBalancer, target: LbTarget) -> impl Iterator<Item = NicId> {
    let (pool, one) = match target {
        LbTarget::Pool(pool) => (lb.pools[pool].as_slice(), None),
        LbTarget::Nic(nic, _) => (&[][..], Some(nic)),
    };
    pool.iter().map(|(nic, _)| *nic).chain(one)
}

impl<const WATCHED: bool> Shard<'_, WATCHED> {
    pub(crate) fn plan_probes(&mut self) {
        if self.setting.timeline.is_empty() {
            return;
        }
        for (number, (lb, probe, nic)) in all(self.network()).into_iter().enumerate() {
            let known = &self.network().load_balancers()[lb.ix()].probes[probe];
            let (Some(port), true) = (known.port, self.has(Place::Nic(nic))) else { continue };
            let up = self.network().probe_result(lb, probe, nic).unwrap_or(true);
            let ix = self.probes.all.len();
            // Members are asked at different moments, as hosts that know nothing of each other do.
            let first = SimTime(known.interval.0 * (number as u64 % 16 + 1) / 16);
            self.probes.all.push(Probe { lb, probe, nic, port, up, contrary: 0, asked: 0, answer: None });
            self.probe_at(ix as u32, first);
        }
    }

    fn probe_at(&mut self, ix: u32, time: SimTime) {
        let node = self.node_of(Place::Nic(self.probes.all[ix as usize].nic));
        self.push(time, Kind::Probe, node, Event::Probe(ix));
    }

    /// A probe is due: the last answer is judged, and the next question asked.
    pub(crate) fn probe(&mut self, ix: u32) {
        let probe = &mut self.probes.all[ix as usize];
        if probe.asked > 0 && probe.answer.is_none() {
            self.probe_result(ix, false);
        }
        let probe = &mut self.probes.all[ix as usize];
        (probe.answer, probe.asked) = (None, probe.asked.wrapping_add(1));
        let Probe { nic, port, asked, lb, probe: number, .. } = *probe;
        let interval = self.network().load_balancers()[lb.ix()].probes[number].interval;
        self.probe_at(ix, self.now + interval);
        let own = self.tables.nics[nic.ix()].addresses.iter().map(|(own, _)| *own).find(IpAddr::is_ipv4);
        let Some(own) = own else { return };
        let source_port = FIRST_PORT + (asked % u32::from(PORTS)) as u16;
        let syn = packet::tcp(&ends(own), source_port, port, TcpFlags::SYN, asked, 0, 0);
        self.host_sends(nic, PacketTag { traffic: PROBES, conversation: ix, part: Part::Request }, syn.ok());
    }

    fn host_sends(&mut self, nic: NicId, tag: PacketTag, frame: Option<Vec<u8>>) {
        if let Some(frame) = frame {
            self.platform_sends(nic, tag, frame);
        }
    }

    /// The probe's packet is inside the machine.
    pub(crate) fn at_probed(&mut self, vm: VmId, nic: NicId, flight: Box<Flight>) {
        let headers = flight.packet.headers;
        let (tag, closed) = (flight.packet.tag, self.is_closed(vm, &flight));
        self.arrived(Place::Nic(nic), &flight);
        self.delivered(flight, Place::Nic(nic));
        if tag.part == Part::Request
            && let Some(frame) = guest_answer(&headers, closed, self.tables.nics[nic.ix()].mac)
        {
            self.send(Place::Nic(nic), PacketTag { part: Part::Reply, ..tag }, frame);
        }
    }

    /// The guest's answer is back at the host, which closes what it opened.
    pub(crate) fn probe_answered(&mut self, flight: Box<Flight>) {
        let (tag, headers) = (flight.packet.tag, flight.packet.headers);
        self.arrived(Place::Platform, &flight);
        self.delivered(flight, Place::Platform);
        let L4::Tcp { src_port, dst_port, flags, seq, .. } = headers.l4 else { return };
        let ix = tag.conversation;
        let Some(probe) = self.probes.all.get_mut(ix as usize) else { return };
        let (nic, late) = (probe.nic, dst_port != FIRST_PORT + (probe.asked % u32::from(PORTS)) as u16);
        let up = flags.contains(TcpFlags::SYN);
        if !late && probe.answer.is_none() {
            probe.answer = Some(up);
            self.probe_result(ix, up);
        }
        if up {
            let ack = seq.wrapping_add(1);
            let rst = packet::tcp(
                &ends(headers.src),
                dst_port,
                src_port,
                TcpFlags::RST | TcpFlags::ACK,
                ack,
                ack,
                0,
            );
            self.host_sends(nic, PacketTag { part: Part::Ack, ..tag }, rst.ok());
        }
    }

    /// One more result; enough equal ones change the member's state for everybody.
    fn probe_result(&mut self, ix: u32, up: bool) {
        let probe = &mut self.probes.all[ix as usize];
        if up == probe.up {
            probe.contrary = 0;
            return;
        }
        probe.contrary += 1;
        let Probe { lb, probe: number, nic, contrary, .. } = *probe;
        let threshold = self.network().load_balancers()[lb.ix()].probes[number].threshold;
        if contrary < threshold {
            return;
        }
        let probe = &mut self.probes.all[ix as usize];
        (probe.up, probe.contrary) = (up, 0);
        let node = self.node_of(Place::Nic(nic));
        self.tell_all(node, ProbeFlip { lb, probe: number, nic, up });
    }

    /// Every shard learns of it at the same moment.
    fn tell_all(&mut self, node: Node, flip: ProbeFlip) {
        let key = Key::new(self.now + SAME_REGION, Kind::Background, node, self.sequence(node));
        for shard in 0..self.setting.shards {
            let entry = Entry { key, event: Event::Flip(Box::new(flip)) };
            if shard == self.number { self.queue.push(entry) } else { self.outbox[shard].push(entry) }
        }
    }
}

fn ends(own: IpAddr) -> Endpoints {
    let (src_mac, dst_mac) = (FABRIC_MAC, FABRIC_MAC);
    Endpoints { src_mac, dst_mac, src: WIRE_SERVER, dst: own, ttl: TTL_DEFAULT, dont_fragment: true }
}

/// A handshake's second packet, or a refusal.
fn guest_answer(got: &Headers, closed: bool, mac: packet::Mac) -> Option<Vec<u8>> {
    let L4::Tcp { src_port, dst_port, seq, flags, .. } = got.l4 else { return None };
    if !flags.contains(TcpFlags::SYN) {
        return None;
    }
    let answer = if closed { TcpFlags::RST | TcpFlags::ACK } else { TcpFlags::SYN | TcpFlags::ACK };
    let ends = Endpoints {
        src_mac: mac,
        dst_mac: FABRIC_MAC,
        src: got.dst,
        dst: got.src,
        ttl: TTL_DEFAULT,
        dont_fragment: true,
    };
    packet::tcp(&ends, dst_port, src_port, answer, 0, seq.wrapping_add(1), 0).ok()
}
