//! Captures into packets that a simulation sends.
//!
//! Owns who sends a captured packet, which connection it belongs to, and which packets nobody in the network can send.
//! Called by `cli` with the bytes of the files. Must never decide what becomes of a packet: its destination is whatever
//! the network makes of it. Costs one frame for each packet, and a search for each address.
//!
//! A packet is sent at its time in the capture, from the first packet on, whichever way it goes: nobody answers, and how
//! long packets are under way here moves no other packet.

use std::{collections::BTreeMap, net::IpAddr};

use vnetsim_capture::{CapturedPacket, Rehomed, read, rehome};
use vnetsim_model::{Application, Endpoint, Network, Traffic};
use vnetsim_packet::L4;
use vnetsim_scenario::{CaptureReplay, Scenario};
use vnetsim_sim::{Injection, is_public};
use vnetsim_types::{FlowKey, IpProtocol, Part, Place, Problem, ProtoPort, SimTime, TrafficId};

/// Packets of captures that are sent again.
#[derive(Clone, Debug, Default)]
pub struct Replays {
    /// An entry for each capture, with its name. They are played after the scenario's own traffic.
    pub traffic: Vec<Traffic>,
    /// Their packets; [`TrafficId`]s count the scenario's own entries first.
    pub injections: Vec<Injection>,
    /// By name of the capture: packets whose addresses nobody in the network has.
    pub homeless: Vec<(String, u64)>,
    /// What each capture holds.
    pub captures: Vec<Replayed>,
}

/// What a capture holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Replayed {
    /// Its name in the scenario.
    pub name: String,
    /// Packets that could be read.
    pub packets: u64,
    /// Connections of those that are sent.
    pub connections: u32,
    /// Packets that are not sent, by reason; the most frequent first.
    pub homeless: Vec<(String, u64)>,
    /// Packets whose payload the capture cut; zeros are sent instead.
    pub cut: u64,
}

impl Replayed {
    /// Packets that are not sent.
    pub fn homeless_packets(&self) -> u64 {
        self.homeless.iter().map(|(_, count)| count).sum()
    }
}

/// What the captures of `scenario` send; `files` are their contents, in its order. Beside it warnings about files that
/// are damaged.
///
/// # Errors
///
/// A problem for each file that is no capture.
pub fn replays(scenario: &Scenario, files: &[Vec<u8>]) -> Result<(Replays, Vec<Problem>), Vec<Problem>> {
    let (mut all, mut warnings, mut errors) = (Replays::default(), Vec::new(), Vec::new());
    for (capture, bytes) in scenario.captures.iter().zip(files) {
        let problem = |what: &dyn std::fmt::Display| format!("{}: {what}", capture.file.value);
        let read = match read(bytes) {
            Ok(read) => read,
            Err(why) => {
                let problem = Problem::error("NOT_A_CAPTURE", capture.file.span, problem(&why));
                errors.push(problem.help("name a pcap or pcapng file"));
                continue;
            }
        };
        let damages = read.problems.iter();
        warnings.extend(
            damages.map(|what| Problem::warning("DAMAGED_CAPTURE", capture.file.span, problem(what))),
        );
        let id = TrafficId::new(scenario.traffic.len() + all.traffic.len());
        let mut one = One::new(&scenario.network, capture, id);
        let mut packets = read.packets;
        packets.sort_by_key(|packet| packet.time_ns);
        let first = packets.first().map_or(0, |packet| packet.time_ns);
        all.injections.extend(packets.iter().filter_map(|packet| one.packet(packet, first)));
        one.end(&mut all);
    }
    if errors.is_empty() { Ok((all, warnings)) } else { Err(errors) }
}

/// A capture being read.
struct One<'a> {
    network: &'a Network,
    capture: &'a CaptureReplay,
    id: TrafficId,
    /// Who sends with an address of the capture; `Err` says why nobody does.
    senders: BTreeMap<IpAddr, Result<Endpoint, String>>,
    connections: BTreeMap<FlowKey, Connection>,
    homeless: BTreeMap<String, u64>,
    result: Replayed,
    first: Option<(Endpoint, Endpoint, FlowKey)>,
}

#[derive(Clone, Copy)]
struct Connection {
    number: u32,
    /// The five-tuple of its first packet.
    opened_by: FlowKey,
    answered: bool,
}

impl<'a> One<'a> {
    fn new(network: &'a Network, capture: &'a CaptureReplay, id: TrafficId) -> Self {
        let result = Replayed { name: capture.name.value.clone(), ..Replayed::default() };
        let (senders, connections, homeless) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        Self { network, capture, id, senders, connections, homeless, result, first: None }
    }

    fn packet(&mut self, packet: &CapturedPacket<'_>, first_ns: u64) -> Option<Injection> {
        self.result.packets += 1;
        match self.injection(packet, first_ns) {
            Ok(injection) => Some(injection),
            Err(why) => {
                *self.homeless.entry(why).or_default() += 1;
                None
            }
        }
    }

    fn injection(&mut self, packet: &CapturedPacket<'_>, first_ns: u64) -> Result<Injection, String> {
        let capture = self.capture;
        let mapped = |address| capture.mapped(address).map(|mapped| mapped.to.address);
        let rehomed = rehome(packet, &mapped).map_err(|why| why.to_string())?;
        let from = self.sender(rehomed.captured_src)?;
        let key = connection_key(&rehomed);
        if self.first.is_none() {
            let to = end_at(self.network, rehomed.headers.dst);
            self.first = Some((from, to, rehomed.headers.flow_key()));
        }
        let (conversation, part) = self.place_in(key, &rehomed);
        self.result.cut += u64::from(rehomed.filled_bytes > 0);
        let at = capture.at(SimTime(packet.time_ns - first_ns));
        Ok(Injection { traffic: self.id, conversation, part, at, from: from.place, frame: rehomed.frame })
    }

    /// Who sends what the capture's `address` sent.
    fn sender(&mut self, address: IpAddr) -> Result<Endpoint, String> {
        let (network, capture) = (self.network, self.capture);
        let sender = || {
            let end = match capture.mapped(address) {
                Some(mapped) => mapped.to,
                None => network.endpoint(&address.to_string(), None)?,
            };
            match end.place {
                Place::Internet if !is_somebodys(end.address) => Err(format!("nobody has {}", end.address)),
                _ => Ok(end),
            }
        };
        self.senders.entry(address).or_insert_with(sender).clone()
    }

    /// Number of the packet's connection, and which of its packets it is.
    fn place_in(&mut self, key: FlowKey, rehomed: &Rehomed) -> (u32, Part) {
        let next = self.result.connections;
        let error = matches!(rehomed.headers.l4, L4::IcmpError { .. });
        let fresh = || Connection { number: next, opened_by: key, answered: false };
        let connection = self.connections.entry(canonical(key)).or_insert_with(fresh);
        let opens = connection.number == next;
        self.result.connections += u32::from(opens);
        let forward = connection.opened_by == key;
        let part = match (opens, forward) {
            (true, _) => Part::Request,
            (false, _) if error => Part::IcmpError,
            (false, true) => Part::Forward,
            (false, false) if !connection.answered => Part::Reply,
            (false, false) => Part::Backward,
        };
        connection.answered |= !forward && !error;
        (connection.number, part)
    }

    fn end(self, all: &mut Replays) {
        let Self { capture, homeless, mut result, first, .. } = self;
        result.homeless = homeless.into_iter().collect();
        result.homeless.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        all.traffic.push(entry(capture, result.connections, first));
        all.homeless.push((result.name.clone(), result.homeless_packets()));
        all.captures.push(result);
    }
}

/// The five-tuple of a packet, or of the one that an ICMP error is about, seen from the error's sender: it belongs there.
fn connection_key(rehomed: &Rehomed) -> FlowKey {
    match rehomed.headers.l4 {
        L4::IcmpError { about: Some(about), .. } => about.reversed(),
        _ => rehomed.headers.flow_key(),
    }
}

/// Who is meant by a destination, for the words of a report.
fn end_at(network: &Network, address: IpAddr) -> Endpoint {
    let unknown = Endpoint { place: Place::Internet, address };
    network.endpoint(&address.to_string(), None).unwrap_or(unknown)
}

/// True for an address that somebody on the internet may have.
fn is_somebodys(address: IpAddr) -> bool {
    is_public(address) && !address.is_unspecified() && !address.is_multicast()
}

/// One key for both directions.
fn canonical(key: FlowKey) -> FlowKey {
    let back = key.reversed();
    if (back.src, back.src_port) < (key.src, key.src_port) { back } else { key }
}

/// The traffic entry that stands for a capture, whose first packet that is sent has these ends.
fn entry(capture: &CaptureReplay, connections: u32, first: Option<(Endpoint, Endpoint, FlowKey)>) -> Traffic {
    let nobody = Endpoint { place: Place::Internet, address: IpAddr::from([0; 4]) };
    let (from, to) = first.map_or((nobody, nobody), |(from, to, _)| (from, to));
    let key = first.map(|(.., key)| key);
    let none = ProtoPort { protocol: IpProtocol::UDP, port: 0 };
    let protocol = key.map_or(none, |key| ProtoPort {
        protocol: key.protocol,
        port: if key.protocol.has_ports() { key.dst_port } else { 0 },
    });
    Traffic {
        name: capture.name.clone(),
        start: capture.start,
        count: u64::from(connections),
        source_port: key.map_or(0, |key| key.src_port),
        application: Application::Replay,
        ..Traffic::probe("", from, to, protocol)
    }
}
