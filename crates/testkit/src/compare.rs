//! Whole conversations: the real run and the oracle, packet by packet.
//!
//! Both are brought to one form ([`Story`]) and must be equal in it. Left out, because the two report them
//! at different moments or not at all: gateways passed (routes and time to live show them), and public
//! addresses. A source that the oracle does not know (default outbound access, OUT-07) equals any.

use std::{
    fmt,
    fmt::Write,
    net::{IpAddr, Ipv4Addr},
};

use vnetsim_compile::Compiled;
use vnetsim_model::{Network, Traffic};
use vnetsim_oracle::{OracleConversation, OracleHop, OraclePacket, PacketDirection, conversation_deciding};
use vnetsim_sim::{Report, run};
use vnetsim_trace::{ConversationTrace, PacketTrace, TraceObserver};
use vnetsim_types::{
    ApplianceAction, Direction, DropReason, FlowKey, IpNet, LbId, NicId, Part, Place, Step, SubnetId,
    TrafficId,
};

use crate::{
    PLATFORM,
    choice::Choices,
    plan::Feature,
    words::{from_real, real_kind},
};

/// What is left out of comparisons, because the oracle does not know it yet.
pub const NOT_COMPARED: &[Feature] = &[];

/// What a run takes for the address of default outbound access.
const DEFAULT_OUTBOUND: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));

/// One decision on a packet's way, in the words of the oracle.
#[derive(Clone, PartialEq, Eq, Debug)]
#[allow(missing_docs)] // the oracle's `OracleHop` says what the fields are
pub enum StoryHop {
    /// The routes of a subnet were asked.
    Route {
        subnet: SubnetId,
        prefix: Option<IpNet>,
        source: vnetsim_oracle::RouteSource,
        kind: vnetsim_oracle::NextHopType,
    },
    /// A rule decided.
    Nsg { at: Place, direction: Direction, nsg: String, rule: String, allowed: bool },
    /// A flow record let the packet pass.
    FlowHit { nic: NicId, direction: Direction },
    /// The packet crossed a peering.
    Peering { receiver: vnetsim_types::VnetId, sender: vnetsim_types::VnetId, forwarded: bool },
    /// An appliance forwarded the packet.
    Appliance { vm: String },
    /// A balancer chose.
    Balancer { lb: LbId, backend: NicId },
}

/// How a packet ended.
#[derive(Clone, Copy, Debug)]
pub enum End {
    /// It arrived: who got it, with which source (if known), and which time to live.
    Delivered(Place, Option<IpAddr>, u8),
    /// It died.
    Dropped(Place, DropReason),
}

impl PartialEq for End {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Delivered(a, from_a, ttl_a), Self::Delivered(b, from_b, ttl_b)) => {
                let source = from_a == from_b || from_a.is_none() || from_b.is_none();
                a == b && ttl_a == ttl_b && source
            }
            (Self::Dropped(a, why_a), Self::Dropped(b, why_b)) => a == b && why_a == why_b,
            _ => false,
        }
    }
}

/// What became of one packet.
#[derive(Clone, PartialEq, Debug)]
pub struct Told {
    /// From the opener, or back to it.
    pub direction: PacketDirection,
    /// The decisions it met.
    pub hops: Vec<StoryHop>,
    /// How it ended; `None` for a packet that nobody saw end.
    pub end: Option<End>,
}

/// A conversation, as either side tells it.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Story {
    /// Its packets in order, ICMP errors left out.
    pub packets: Vec<Told>,
}

/// A real run of one traffic entry.
#[derive(Debug)]
pub struct RealRun {
    /// The books.
    pub report: Report,
    /// The steps of the first conversation.
    pub trace: ConversationTrace,
}

/// Plays `traffic` on `network`, alone.
pub fn real(network: &Network, traffic: &Traffic) -> RealRun {
    let mut observer = TraceObserver::default();
    let report = run(network.clone(), std::slice::from_ref(traffic), &[], &mut observer);
    let trace = observer.conversation(TrafficId(0), 0).cloned().unwrap_or_default();
    RealRun { report, trace }
}

/// Plays `traffic` both ways. The story if they agree, else what differs.
pub fn compare(network: &Network, traffic: &Traffic) -> Result<Story, String> {
    let real = real(network, traffic);
    let compiled = real.report.epochs[0].compiled();
    let said = told_by_run(network, compiled, &real.trace);
    let choices = Choices::of(compiled, &real.trace);
    let oracle = conversation_deciding(network, traffic, &|key, question| choices.answer(key, question));
    let expected = told_by_oracle(&oracle);
    if said == expected || goes_round_translated(&real.trace) || unknown_source_inside(&real.trace) {
        Ok(said)
    } else {
        Err(difference(network, &said, &expected))
    }
}

/// RESTRICTION: a packet that comes back to an appliance after somebody translated it. Which port the second
/// translation takes is anybody's choice, and with it which flow records the next rounds meet.
fn goes_round_translated(trace: &ConversationTrace) -> bool {
    trace.packets.iter().any(|packet| {
        let mut passed: Vec<_> = packet.via().collect();
        let all = passed.len();
        passed.sort_unstable();
        passed.dedup();
        passed.len() < all && packet.translated()
    })
}

/// RESTRICTION: default outbound access inside the network. Nobody knows its address (OUT-07), so that what rules
/// and routes say about it is nobody's business either.
fn unknown_source_inside(trace: &ConversationTrace) -> bool {
    trace.packets.iter().any(|packet| {
        let unknown =
            |step: &Step| matches!(step, Step::PublicAddress { key, .. } if key.src == DEFAULT_OUTBOUND);
        let left = packet.steps.iter().any(|(_, step)| unknown(step));
        left && packet.delivery().is_none_or(|(to, ..)| to != Place::Internet)
    })
}

/// The story of the real run.
pub fn told_by_run(network: &Network, compiled: &Compiled, trace: &ConversationTrace) -> Story {
    let packets = trace.packets.iter().filter(|p| p.part != Part::IcmpError);
    Story { packets: packets.map(|packet| packet_by_run(network, compiled, packet)).collect() }
}

fn packet_by_run(network: &Network, compiled: &Compiled, packet: &PacketTrace) -> Told {
    let steps = packet.steps.iter().map(|(_, step)| step);
    // What the host answers passes as its own traffic (FAB-10); that a flow is counted decides nothing (FLOW-03).
    let by_host = |key: &FlowKey| PLATFORM.iter().any(|address| key.src == IpAddr::from(*address));
    let of_host = steps.clone().any(|step| matches!(step, Step::Sent { key, .. } if by_host(key)));
    let passed = |step: &&Step| matches!(step, Step::Appliance { .. });
    let first = if of_host { steps.clone().position(|step| passed(&step)).unwrap_or(usize::MAX) } else { 0 };
    let counted = |(at, step): &(usize, &Step)| *at < first && matches!(step, Step::FlowHit { .. });
    let steps = steps.enumerate().filter(|step| !counted(step)).map(|(_, step)| step);
    let hops = steps.filter_map(|step| hop_by_run(network, compiled, step)).collect();
    let delivered = packet.delivery().map(|(to, key, ttl)| End::Delivered(to, Some(key.src), ttl));
    let dropped = packet.drop().map(|(at, reason)| End::Dropped(at, reason));
    let direction = if packet.part.is_forward() { PacketDirection::Forward } else { PacketDirection::Reply };
    Told { direction, hops, end: delivered.or(dropped) }
}

fn hop_by_run(network: &Network, compiled: &Compiled, step: &Step) -> Option<StoryHop> {
    Some(match *step {
        Step::Route { subnet, route: Some(route), .. } => {
            let row = compiled.route(route);
            let (source, kind) = (from_real(row.source), real_kind(row.next_hop_type));
            StoryHop::Route { subnet, prefix: Some(row.prefix), source, kind }
        }
        Step::Route { subnet, route: None, .. } => {
            let (source, kind) = (vnetsim_oracle::RouteSource::Default, vnetsim_oracle::NextHopType::None);
            StoryHop::Route { subnet, prefix: None, source, kind }
        }
        Step::Nsg { at, direction, acl, rule, allowed, .. } => {
            let nsg = network[compiled.acl(acl).nsg].name.value.clone();
            StoryHop::Nsg { at, direction, nsg, rule: compiled.rule(rule).name.clone(), allowed }
        }
        Step::FlowHit { nic, direction, .. } => StoryHop::FlowHit { nic, direction },
        Step::Peering { link, forwarded } => {
            let link = &network[link];
            StoryHop::Peering { receiver: link.vnet, sender: link.remote.value, forwarded }
        }
        Step::Appliance { nic_in, action, .. } => {
            let (ApplianceAction::Forwarded { .. } | ApplianceAction::Translated { .. }) = action;
            let vm = network[nic_in].vm.map_or_else(String::new, |vm| network[vm].name.value.clone());
            StoryHop::Appliance { vm }
        }
        Step::LoadBalancer { lb, backend, .. } => StoryHop::Balancer { lb, backend },
        _ => return None,
    })
}

/// The oracle's story.
pub fn told_by_oracle(conversation: &OracleConversation) -> Story {
    Story { packets: conversation.packets.iter().map(packet_by_oracle).collect() }
}

fn packet_by_oracle(packet: &OraclePacket) -> Told {
    let end = match packet.outcome {
        vnetsim_oracle::Outcome::Delivered { at, source, ttl } => {
            End::Delivered(at, Some(source).filter(|ip| !ip.is_unspecified()), ttl)
        }
        vnetsim_oracle::Outcome::Dropped { at, reason } => End::Dropped(at, reason),
    };
    let hops = packet.hops.iter().filter_map(hop_by_oracle).collect();
    Told { direction: packet.direction, hops, end: Some(end) }
}

fn hop_by_oracle(hop: &OracleHop) -> Option<StoryHop> {
    Some(match hop.clone() {
        OracleHop::Route { subnet, prefix, source, next_hop_type } => {
            StoryHop::Route { subnet, prefix, source, kind: next_hop_type }
        }
        OracleHop::Nsg { nic, direction, nsg, rule, allowed } => {
            StoryHop::Nsg { at: Place::Nic(nic), direction, nsg, rule, allowed }
        }
        OracleHop::EndpointNsg { endpoint, nsg, rule, allowed } => {
            let (at, direction) = (Place::PrivateEndpoint(endpoint), Direction::Inbound);
            StoryHop::Nsg { at, direction, nsg, rule, allowed }
        }
        OracleHop::FlowHit { nic, direction } => StoryHop::FlowHit { nic, direction },
        OracleHop::Peering { receiver, sender, forwarded } => {
            StoryHop::Peering { receiver, sender, forwarded }
        }
        OracleHop::Appliance { vm } => StoryHop::Appliance { vm },
        OracleHop::LoadBalancer { lb, backend, .. } => StoryHop::Balancer { lb, backend },
        OracleHop::Gateway { .. } => return None,
    })
}

/// Both stories side by side; `!` marks lines that differ.
fn difference(network: &Network, real: &Story, oracle: &Story) -> String {
    let mut text = String::from("the run (left) and the oracle (right) disagree\n");
    for ix in 0..real.packets.len().max(oracle.packets.len()) {
        let lines = |told: Option<&Told>| match told {
            Some(told) => lines_of(network, told),
            None => vec!["no such packet".to_owned()],
        };
        let (left, right) = (real.packets.get(ix), oracle.packets.get(ix));
        let same = left == right;
        let (left, right) = (lines(left), lines(right));
        let _ = writeln!(text, "packet {ix}{}", if same { "" } else { " DIFFERS" });
        for row in 0..left.len().max(right.len()) {
            let part = |lines: &[String]| lines.get(row).cloned().unwrap_or_default();
            let (left, right) = (part(&left), part(&right));
            let mark = if left == right || same { ' ' } else { '!' };
            let _ = writeln!(text, "{mark} {left:<62} | {right}");
        }
    }
    text
}

fn lines_of(network: &Network, told: &Told) -> Vec<String> {
    let mut lines = vec![format!("{:?}", told.direction)];
    lines.extend(told.hops.iter().map(|hop| Shown(network, hop).to_string()));
    lines.push(match told.end {
        Some(End::Delivered(place, source, ttl)) => {
            let source = source.map_or_else(|| "any".to_owned(), |ip| ip.to_string());
            format!("delivered at {} from {source} ttl {ttl}", named(network, place))
        }
        Some(End::Dropped(place, reason)) => format!("{} at {}", reason.name(), named(network, place)),
        None => "no end".to_owned(),
    });
    lines
}

fn named(network: &Network, place: Place) -> String {
    match place {
        Place::Nic(nic) => network[nic].name.value.clone(),
        Place::Gateway(gateway) => network[gateway].name.value.clone(),
        Place::Site(site) => network[site].name.value.clone(),
        Place::Internet => "internet".to_owned(),
        Place::PrivateEndpoint(id) => network[id].name.value.clone(),
        Place::Platform => "platform".to_owned(),
    }
}

struct Shown<'a>(&'a Network, &'a StoryHop);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let network = self.0;
        let nic = |nic: &NicId| network[*nic].name.value.as_str();
        match self.1 {
            StoryHop::Route { subnet, prefix, source, kind } => {
                let prefix = prefix.map_or_else(|| "nothing".to_owned(), |p| p.to_string());
                write!(f, "{}: {prefix} {source:?} {kind:?}", network.subnet_path(*subnet))
            }
            StoryHop::Nsg { at, direction, nsg, rule, allowed } => {
                let verdict = if *allowed { "allows" } else { "stops" };
                write!(f, "{} {direction:?}: {nsg}/{rule} {verdict}", named(network, *at))
            }
            StoryHop::FlowHit { nic: at, direction } => write!(f, "{} {direction:?}: flow", nic(at)),
            StoryHop::Peering { receiver, sender, forwarded } => {
                let (to, from) = (&network[*receiver].name.value, &network[*sender].name.value);
                write!(f, "peering {from} to {to}{}", if *forwarded { ", forwarded" } else { "" })
            }
            StoryHop::Appliance { vm } => write!(f, "appliance {vm}"),
            StoryHop::Balancer { lb, backend } => {
                write!(f, "{} chooses {}", network[*lb].name.value, nic(backend))
            }
        }
    }
}
