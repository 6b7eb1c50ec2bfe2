//! A traceroute as the guest sees it, beside what is truly there.
//!
//! Owns which probe met what between two hops, and why a hop is silent (FAB-15 to FAB-17). The probes are played by the
//! simulation; everything said comes from their recorded steps. Called for `trace --traceroute`. Costs at most 30 packets and
//! their answers.

use std::net::IpAddr;

use vnetsim_model::{Application, Endpoint, Network, Traffic};
use vnetsim_trace::{Explainer, Hop, HopKind, PacketTrace};
use vnetsim_types::{DropReason, IpProtocol, Part, Place, ProtoPort, SimTime, Step, TrafficId};

use crate::{Played, owner_names, play::probe};

/// The usual most hops.
const HOPS_MAX: u8 = 30;
/// UDP port of the first probe, as the usual programs choose it.
const FIRST_PORT: u16 = 33_434;

/// What a traceroute shows and hides.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Traceroute {
    /// What the probes are; of UDP the first port.
    pub protocol: ProtoPort,
    /// What was asked about, where the probes are something else: rules may treat them otherwise.
    pub instead_of: Option<ProtoPort>,
    /// True when the last hop is the destination.
    pub reached: bool,
    /// The hops; of a row of equal ones at the end only the first.
    pub hops: Vec<TracedHop>,
    /// How many more hops are like the last one: silent for the same reason, or one round more of a loop.
    pub repeated: usize,
}

/// One hop.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TracedHop {
    /// Time to live of the probe.
    pub ttl: u8,
    /// Who answers, and after which time; `None` for `*`.
    pub shown: Option<(IpAddr, SimTime)>,
    /// The best name of that address.
    pub name: Option<String>,
    /// The decisions that the probe met behind the hop before.
    pub there: Vec<Hop>,
    /// Why nobody answers.
    pub silent: Option<String>,
}

/// Plays a traceroute: ICMP echoes when `asked` is ICMP, else UDP datagrams to 33434 and up, or from a UDP port given.
pub fn traceroute(network: &Network, from: Endpoint, to: Endpoint, asked: ProtoPort) -> Traceroute {
    let protocol = match asked.protocol {
        protocol if protocol.is_icmp() => ProtoPort { protocol: IpProtocol::ICMP, port: 0 },
        IpProtocol::UDP => asked,
        _ => ProtoPort { protocol: IpProtocol::UDP, port: FIRST_PORT },
    };
    let application = Application::Traceroute { hops_max: HOPS_MAX };
    let traffic = Traffic { application, ..Traffic::probe("traceroute", from, to, protocol) };
    let played = probe(network, &traffic, None);
    let mut hops = hops(&played, to);
    let mut repeated = 0;
    while let [.., before, last] = hops.as_slice()
        && last.is_like(before)
    {
        hops.pop();
        repeated += 1;
    }
    let reached = played.all_completed();
    let instead_of = (asked.protocol != protocol.protocol).then_some(asked);
    Traceroute { protocol: traffic.protocol, instead_of, reached, hops, repeated }
}

impl TracedHop {
    /// True when the same one answers, or nobody for the same reason, and the way there was the same.
    fn is_like(&self, other: &Self) -> bool {
        let who = |hop: &Self| hop.shown.map(|(address, _)| address);
        let way =
            |hop: &Self| hop.there.iter().map(|h| (h.place.clone(), h.decision.clone())).collect::<Vec<_>>();
        let silent = self.shown.is_none() && self.silent == other.silent;
        who(self) == who(other) && (silent || way(self) == way(other))
    }
}

fn hops(played: &Played, to: Endpoint) -> Vec<TracedHop> {
    let explainer = played.explainer();
    let seen = played.report.traffic.first().and_then(|t| t.achieved.as_ref());
    let Some(trace) = played.trace.conversation(TrafficId(0), 0) else { return Vec::new() };
    // Each probe, and what was sent because of it.
    let mut probes: Vec<(&PacketTrace, Vec<&PacketTrace>)> = Vec::new();
    for packet in &trace.packets {
        match (packet.part, probes.last_mut()) {
            (Part::Request, _) => probes.push((packet, Vec::new())),
            (_, Some((_, answers))) => answers.push(packet),
            (_, None) => {}
        }
    }
    let shown = seen.map(|achieved| achieved.hops.as_slice()).unwrap_or_default();
    let one = |(ix, (probe, answers)): (usize, &(&PacketTrace, Vec<&PacketTrace>))| {
        let hop = shown.get(ix).and_then(|hop| Some((hop.address?, hop.round_trip)));
        TracedHop {
            ttl: ix as u8 + 1,
            shown: hop,
            name: hop.and_then(|(address, _)| owner_names(explainer.network, address).into_iter().next()),
            there: behind(&explainer, probe, ix),
            silent: hop.is_none().then(|| silence(&explainer, probe, answers, to)),
        }
    };
    probes.iter().enumerate().map(one).collect()
}

/// The decisions behind the router number `routers`; what lets everything pass is left out.
fn behind(explainer: &Explainer<'_>, probe: &PacketTrace, routers: usize) -> Vec<Hop> {
    let lowers = |step: &Step| matches!(step, Step::Appliance { .. } | Step::Gateway { .. });
    let mut left = routers;
    let mut steps = probe.steps.iter();
    while left > 0
        && let Some((_, step)) = steps.next()
    {
        left -= usize::from(lowers(step));
    }
    let there = explainer.hops(steps.as_slice());
    let says = |hop: &Hop| match hop.kind {
        HopKind::Sent | HopKind::FlowRecord => false,
        HopKind::Nsg => !hop.by.starts_with("no NSG"),
        _ => true,
    };
    there.into_iter().filter(says).collect()
}

/// Why `probe` was not answered, or its answer not seen.
fn silence(explainer: &Explainer<'_>, probe: &PacketTrace, answers: &[&PacketTrace], to: Endpoint) -> String {
    let dead_answer = answers.iter().find_map(|answer| answer.drop());
    match (probe.drop(), dead_answer) {
        (Some((Place::Gateway(id), DropReason::TtlExpired)), _) => {
            let name = &explainer.network[id].name.value;
            format!("gateway {name} lowers the time to live and answers nobody (FAB-16)")
        }
        (Some((at, DropReason::TtlExpired | DropReason::RoutingLoop)), Some((died, reason))) => {
            let (at, died) = (explainer.place(at), explainer.place(died));
            format!("{at} answers, but its answer dies at {died}: {reason}")
        }
        (Some((at, DropReason::TtlExpired | DropReason::RoutingLoop)), None) => {
            format!("the time to live ends at {}, which sends no answer", explainer.place(at))
        }
        (Some((at, reason)), _) => {
            format!("the probe dies at {}: {reason}; drops are silent (FAB-17)", explainer.place(at))
        }
        (None, Some((died, reason))) => {
            format!("{} answers, but the answer dies at {}: {reason}", to.address, explainer.place(died))
        }
        (None, None) => format!("{} got the probe and did not answer", to.address),
    }
}
