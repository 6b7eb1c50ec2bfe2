//! Senders without a stack: streams of datagrams, traceroutes, and packets of captures; and who receives those.
//!
//! Owns what a sender does next. Frames of a stream are copies of one; what a datagram's receiver answers is made as in an
//! exchange. Called for `Application::{Stream, Traceroute, Replay}`. Costs one event and one copy of the frame for each
//! packet sent.

use std::{collections::BTreeMap, net::IpAddr};

use rustc_hash::FxHashMap;
use vnetsim_dataplane::FABRIC_MAC;
use vnetsim_model::{Application, TTL_DEFAULT, Traffic};
use vnetsim_packet::{self as packet, Endpoints, Headers, L4, set_macs};
use vnetsim_types::{DropReason, IpProtocol, NicId, PacketTag, Part, Place, SimTime, TrafficId};

use crate::{
    event::{Event, Flight, Kind, Node},
    frames::{self, source_port},
    shard::Shard,
};

/// How long a traceroute waits for an answer: what the usual programs do, less patience.
const HOP_TIMEOUT: SimTime = SimTime::from_secs(1);
/// UDP port of a traceroute's first packet.
const TRACEROUTE_PORT: u16 = 33_434;

/// A packet of a capture, and who sends it.
#[derive(Clone, Debug)]
pub struct Injection {
    /// The traffic entry that stands for the capture.
    pub traffic: TrafficId,
    /// The connection that it belongs to.
    pub conversation: u32,
    /// From the one who sent the connection's first packet; the first is [`Part::Request`].
    pub part: Part,
    /// When.
    pub at: SimTime,
    /// Who sends it.
    pub from: Place,
    /// Ethernet frame; its MACs are filled in.
    pub frame: Vec<u8>,
}

/// One hop of a traceroute, as the guest sees it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Hop {
    /// Who answered; `None` for silence.
    pub address: Option<IpAddr>,
    /// How long that took; zero for silence.
    pub round_trip: SimTime,
}

#[derive(Debug, Default)]
pub(crate) struct Senders {
    all: Vec<Sender>,
    /// Traceroutes, by their conversation.
    traceroutes: FxHashMap<(TrafficId, u32), u32>,
    /// Ends of traceroutes.
    pub(crate) traced: Vec<Traced>,
}

/// A traceroute that ended.
#[derive(Clone, Debug)]
pub(crate) struct Traced {
    pub(crate) traffic: TrafficId,
    pub(crate) conversation: u32,
    pub(crate) started: SimTime,
    pub(crate) ended: SimTime,
    pub(crate) hops: Vec<Hop>,
    pub(crate) reached: bool,
}

#[derive(Debug)]
enum Sender {
    Stream(Stream),
    Traceroute(Traceroute),
    /// What a node injects, by position in the injections, the next one last.
    Replay(Vec<u32>),
}

#[derive(Debug)]
struct Stream {
    traffic: TrafficId,
    conversation: u32,
    frame: Vec<u8>,
    headers: Headers,
    started: SimTime,
    until: SimTime,
    interval: SimTime,
    begun: bool,
}

#[derive(Debug)]
struct Traceroute {
    result: Traced,
    sent_at: SimTime,
    waiting: bool,
}

impl Senders {
    /// Streams that began, and when.
    pub(crate) fn streams(&self) -> Vec<(TrafficId, u32, SimTime)> {
        let stream = |sender: &Sender| match sender {
            Sender::Stream(s) => Some((s.traffic, s.conversation, s.started)),
            _ => None,
        };
        self.all.iter().filter_map(stream).collect()
    }
}

impl<const WATCHED: bool> Shard<'_, WATCHED> {
    /// The packets of captures that this shard's places send.
    pub(crate) fn plan_replays(&mut self) {
        // Each node has its own, so that the order of events does not depend on who shares its shard.
        let mut by_node: BTreeMap<Node, Vec<u32>> = BTreeMap::new();
        for (at, packet) in self.setting.injections.iter().enumerate() {
            if self.has(packet.from) {
                by_node.entry(self.node_of(packet.from)).or_default().push(at as u32);
            }
        }
        for mut own in by_node.into_values() {
            own.sort_by_key(|at| self.setting.injections[*at as usize].at);
            let first = self.setting.injections[own[0] as usize].at;
            own.reverse();
            let ix = self.senders.all.len() as u32;
            self.senders.all.push(Sender::Replay(own));
            self.tick_at(ix, first);
        }
    }

    fn tick_at(&mut self, ix: u32, time: SimTime) {
        let place = match &self.senders.all[ix as usize] {
            Sender::Stream(stream) => self.setting.traffic[stream.traffic.ix()].from.place,
            Sender::Traceroute(trace) => self.setting.traffic[trace.result.traffic.ix()].from.place,
            Sender::Replay(left) => match left.last() {
                Some(next) => self.setting.injections[*next as usize].from,
                None => return,
            },
        };
        self.push(time, Kind::Tick, self.node_of(place), Event::Tick(ix));
    }

    pub(crate) fn start_sender(&mut self, id: TrafficId, conversation: u32) {
        let traffic = &self.setting.traffic[id.ix()];
        let ix = self.senders.all.len() as u32;
        match traffic.application {
            Application::Stream { lasts, interval } => {
                let frame = frames::request(traffic, conversation, self.mac_of(traffic.from.place));
                let Ok(frame) = frame else { return };
                let Ok(headers) = packet::parse(&frame) else { return };
                let stream = Stream {
                    traffic: id,
                    conversation,
                    frame,
                    headers,
                    started: self.now,
                    until: self.now + lasts,
                    interval: interval.max(SimTime(1)),
                    begun: false,
                };
                self.senders.all.push(Sender::Stream(stream));
            }
            Application::Traceroute { .. } => {
                let result = Traced {
                    traffic: id,
                    conversation,
                    started: self.now,
                    ended: self.now,
                    hops: Vec::new(),
                    reached: false,
                };
                self.senders.all.push(Sender::Traceroute(Traceroute {
                    result,
                    sent_at: self.now,
                    waiting: false,
                }));
                self.senders.traceroutes.insert((id, conversation), ix);
            }
            _ => return,
        }
        self.tick(ix);
    }

    /// A sender's next packet is due, or the answer to its last one overdue.
    pub(crate) fn tick(&mut self, ix: u32) {
        match &mut self.senders.all[ix as usize] {
            Sender::Stream(_) => self.next_datagram(ix),
            Sender::Traceroute(trace) => {
                let overdue = trace.waiting && self.now.since(trace.sent_at) >= HOP_TIMEOUT;
                if overdue {
                    self.hop(ix, None, false);
                } else if !trace.waiting && trace.result.hops.is_empty() {
                    self.next_hop(ix);
                }
            }
            Sender::Replay(left) => {
                let Some(next) = left.pop() else { return };
                self.replay(next);
                self.plan_next_replay(ix);
            }
        }
    }

    fn next_datagram(&mut self, ix: u32) {
        let mut flight = self.flight();
        let Sender::Stream(stream) = &mut self.senders.all[ix as usize] else { return };
        flight.packet.frame.clear();
        flight.packet.frame.extend_from_slice(&stream.frame);
        let (headers, id, conversation) = (stream.headers, stream.traffic, stream.conversation);
        let part = if stream.begun { Part::Forward } else { Part::Request };
        stream.begun = true;
        let next = self.now + stream.interval;
        let goes_on = next < stream.until;
        let place = self.setting.traffic[id.ix()].from.place;
        let node = self.node_of(place);
        self.begin(place, node, PacketTag { traffic: id, conversation, part }, headers, &mut flight);
        self.dispatch(place, flight);
        if goes_on {
            self.push(next, Kind::Tick, node, Event::Tick(ix));
        }
    }

    fn replay(&mut self, at: u32) {
        let Injection { traffic, conversation, part, from, ref frame, .. } =
            self.setting.injections[at as usize];
        let Ok(mut headers) = packet::parse(frame) else { return };
        let mut flight = self.flight();
        flight.packet.frame.clone_from(frame);
        set_macs(&mut flight.packet.frame, &mut headers, self.mac_of(from), FABRIC_MAC);
        let node = self.node_of(from);
        self.begin(from, node, PacketTag { traffic, conversation, part }, headers, &mut flight);
        self.dispatch(from, flight);
    }

    fn plan_next_replay(&mut self, ix: u32) {
        let Sender::Replay(left) = &self.senders.all[ix as usize] else { return };
        if let Some(next) = left.last() {
            let at = self.setting.injections[*next as usize].at.max(self.now);
            self.tick_at(ix, at);
        }
    }

    fn next_hop(&mut self, ix: u32) {
        let now = self.now;
        let Sender::Traceroute(trace) = &mut self.senders.all[ix as usize] else { return };
        (trace.sent_at, trace.waiting) = (now, true);
        let (id, conversation) = (trace.result.traffic, trace.result.conversation);
        let hop = trace.result.hops.len() as u16 + 1;
        let traffic = &self.setting.traffic[id.ix()];
        let place = traffic.from.place;
        self.tick_at(ix, now + HOP_TIMEOUT);
        let frame = traceroute_probe(traffic, conversation, hop, self.mac_of(place));
        if let Ok(frame) = frame {
            self.send(place, PacketTag { traffic: id, conversation, part: Part::Request }, frame);
        }
    }

    /// The present hop of a traceroute is known, or known to be silent.
    fn hop(&mut self, ix: u32, address: Option<IpAddr>, reached: bool) {
        let now = self.now;
        let Sender::Traceroute(trace) = &mut self.senders.all[ix as usize] else { return };
        if !trace.waiting {
            return;
        }
        trace.waiting = false;
        let round_trip = if address.is_some() { now.since(trace.sent_at) } else { SimTime::ZERO };
        trace.result.hops.push(Hop { address, round_trip });
        let traffic = &self.setting.traffic[trace.result.traffic.ix()];
        let Application::Traceroute { hops_max } = traffic.application else { return };
        if reached || trace.result.hops.len() >= usize::from(hops_max) {
            trace.result.reached = reached;
            trace.result.ended = now;
            let result = trace.result.clone();
            self.senders.traceroutes.remove(&(result.traffic, result.conversation));
            self.senders.traced.push(result);
        } else {
            self.next_hop(ix);
        }
    }

    /// A packet of a stream, a traceroute or a capture is where it was meant to go; a platform service answers the NIC that
    /// asked.
    pub(crate) fn at_receiver(&mut self, place: Place, asked_by: Option<NicId>, flight: Box<Flight>) {
        let (tag, headers) = (flight.packet.tag, flight.packet.headers);
        let traffic = &self.setting.traffic[tag.traffic.ix()];
        let probes = matches!(traffic.application, Application::Traceroute { .. });
        let closed = match place {
            Place::Nic(nic) => self.network()[nic].vm.is_some_and(|vm| self.is_closed(vm, &flight)),
            _ => false,
        };
        if closed && !probes && tag.part.is_forward() && traffic.application != Application::Replay {
            return self.lost(flight, place, DropReason::GuestPortClosed);
        }
        self.arrived(place, &flight);
        let answer = match traffic.application {
            Application::Stream { .. } if !traffic.one_way && tag.part.is_forward() => {
                let style = frames::Style::of(traffic);
                let answer = frames::answer(&headers, Part::Request, style, self.mac_of(place));
                let part = if tag.part == Part::Request { Part::Reply } else { Part::Backward };
                answer.map(|(_, frame)| (part, frame))
            }
            Application::Traceroute { .. } if tag.part == Part::Request => {
                probe_answer(traffic, &headers, &flight.packet.frame, self.mac_of(place))
            }
            _ => None,
        };
        if probes && !tag.part.is_forward() && place == traffic.from.place {
            self.hop_answered(tag, &headers, &flight.packet.frame);
        }
        if let Some((part, frame)) = answer {
            let tag = PacketTag { part, ..tag };
            match asked_by {
                Some(nic) => self.platform_sends(nic, tag, frame),
                None => self.send(place, tag, frame),
            }
        }
        self.delivered(flight, place);
    }

    fn hop_answered(&mut self, tag: PacketTag, headers: &Headers, frame: &[u8]) {
        let Some(ix) = self.senders.traceroutes.get(&(tag.traffic, tag.conversation)).copied() else {
            return;
        };
        let traffic = &self.setting.traffic[tag.traffic.ix()];
        let Sender::Traceroute(trace) = &self.senders.all[ix as usize] else { return };
        let present = trace.result.hops.len() as u16 + 1;
        if answers_hop(traffic, headers, frame) != Some(present) {
            return; // too late, or once more
        }
        let to = traffic.to.address;
        let reached = tag.part != Part::IcmpError || headers.src == to;
        self.hop(ix, Some(headers.src), reached);
    }
}

/// Which of a traceroute's packets is answered: the one with that sequence number, or to that port.
fn answers_hop(traffic: &Traffic, answer: &Headers, frame: &[u8]) -> Option<u16> {
    match answer.l4 {
        L4::IcmpEcho { request: false, seq, .. } => Some(seq),
        L4::IcmpError { about: Some(about), .. } if about.protocol == IpProtocol::UDP => {
            Some(about.dst_port.wrapping_sub(first_port(traffic)).wrapping_add(1))
        }
        L4::IcmpError { about: Some(_), .. } => quoted_sequence(answer, frame),
        _ => None,
    }
}

/// The sequence number of the echo request that an ICMP error quotes.
fn quoted_sequence(error: &Headers, frame: &[u8]) -> Option<u16> {
    let quote = frame.get(usize::from(error.l4_offset) + 8..)?;
    let first = *quote.first()?;
    let header_len = if first >> 4 == 4 { usize::from(first & 0x0f) * 4 } else { 40 };
    quote.get(header_len + 6..)?.first_chunk().map(|bytes| u16::from_be_bytes(*bytes))
}

fn first_port(traffic: &Traffic) -> u16 {
    if traffic.protocol.port == 0 { TRACEROUTE_PORT } else { traffic.protocol.port }
}

/// A packet that dies at router number `hop`.
fn traceroute_probe(
    traffic: &Traffic,
    conversation: u32,
    hop: u16,
    mac: packet::Mac,
) -> Result<Vec<u8>, packet::BuildError> {
    let (src, dst) = (traffic.from.address, traffic.to.address);
    let ttl = hop.min(255) as u8;
    let ends = Endpoints { src_mac: mac, dst_mac: FABRIC_MAC, src, dst, ttl, dont_fragment: false };
    let size = usize::from(traffic.payload_bytes);
    let own = source_port(traffic.source_port, conversation);
    match traffic.protocol.protocol {
        IpProtocol::UDP => packet::udp(&ends, own, first_port(traffic).wrapping_add(hop - 1), size),
        _ => packet::icmp_echo(&ends, true, own, hop, size),
    }
}

/// What the last hop says: an echo reply, or that nothing listens on the port.
fn probe_answer(traffic: &Traffic, got: &Headers, frame: &[u8], mac: packet::Mac) -> Option<(Part, Vec<u8>)> {
    let (src, dst) = (got.dst, got.src);
    let ends =
        Endpoints { src_mac: mac, dst_mac: FABRIC_MAC, src, dst, ttl: TTL_DEFAULT, dont_fragment: false };
    let size = usize::from(traffic.payload_bytes);
    match got.l4 {
        L4::IcmpEcho { request: true, id, seq } => {
            packet::icmp_echo(&ends, false, id, seq, size).ok().map(|frame| (Part::Reply, frame))
        }
        L4::Udp { .. } => {
            packet::icmp_port_unreachable(&ends, frame).ok().map(|frame| (Part::IcmpError, frame))
        }
        _ => None,
    }
}
