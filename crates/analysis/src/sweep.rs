//! Many probes through one network at once, recorded as one run: what `check`, `fix` and traces of sets ask.
//!
//! Owns the probe, and the short form of what became of it, by ids; `story` has it in names. Every probe is a conversation
//! through the one pipeline and is played alone, so that it ends as `vnetsim trace` says. Must never put what it met in
//! words. Costs a conversation each, and compiles the network once.

use std::num::NonZeroUsize;

use vnetsim_compile::Epoch;
use vnetsim_model::{Endpoint, Network, Traffic};
use vnetsim_sim::{Alone, Meter, Outcome, Report, run_apart};
use vnetsim_trace::TraceObserver;
use vnetsim_types::{Part, Place, ProtoPort, SimTime, Step, TrafficId};

use crate::Played;

/// One question: can these two talk?
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Probe {
    /// Who sends first.
    pub from: Endpoint,
    /// To whom.
    pub to: Endpoint,
    /// With what.
    pub protocol: ProtoPort,
}

impl Probe {
    /// The conversation that asks it, the same that `vnetsim trace` sends.
    pub(crate) fn traffic(&self) -> Traffic {
        Traffic::probe("", self.from, self.to, self.protocol)
    }
}

/// What became of a probe.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Fate {
    /// How it ended.
    pub outcome: Outcome,
    /// True when the request reached its receiver.
    pub arrived: bool,
    /// True when the answer reached who had asked.
    pub answered: bool,
    /// Appliances and gateways that forwarded the request, in order. A machine is its primary NIC.
    pub forward: Vec<Place>,
    /// The same for the answer.
    pub back: Vec<Place>,
}

impl Fate {
    /// True when the answer took the way of the request, as far as it went.
    pub(crate) fn is_symmetric(&self) -> bool {
        is_way_back(&self.forward, &self.back, self.answered)
    }
}

/// True when `back` is `forward` the other way round: all of it if the packet came `whole` the way, else its start.
pub(crate) fn is_way_back<T: PartialEq>(forward: &[T], back: &[T], whole: bool) -> bool {
    let far_enough = if whole { back.len() == forward.len() } else { back.len() <= forward.len() };
    far_enough && back.iter().eq(forward.iter().rev().take(back.len()))
}

/// Sends every probe through `network`. Entry `n` of what was played is `probes[n]`.
pub fn sweep(network: &Network, asked: &[Probe]) -> Played {
    let named =
        |(ix, probe): (usize, &Probe)| Traffic { name: format!("probe {ix}").into(), ..probe.traffic() };
    alone(network, asked.iter().enumerate().map(named).collect())
}

/// Plays the first conversation of every entry, each alone.
pub(crate) fn alone(network: &Network, traffic: Vec<Traffic>) -> Played {
    let (all, epoch) =
        run_apart(network.clone(), &traffic, threads(), |_, alone: Alone<TraceObserver>| alone);
    let mut report = empty_report(epoch);
    let mut trace = TraceObserver::default();
    for alone in all {
        let packets = &alone.report.packets;
        for counts in [&packets.forward, &packets.backward] {
            report.sent += counts.sent;
            report.delivered += counts.delivered;
            counts.dropped.iter().for_each(|(why, n)| *report.dropped.entry(*why).or_default() += n);
        }
        report.events += alone.events;
        report.meter.add(&alone.meter);
        report.end = report.end.max(alone.end);
        report.stuck_at = report.stuck_at.or(alone.stuck_at);
        report.traffic.push(alone.report);
        trace.add(alone.observer);
    }
    let (injections, homeless, captures) = (Vec::new(), Vec::new(), Vec::new());
    Played { report, trace, traffic, injections, homeless, captures }
}

/// A flow that a hash sends to one of several is asked from so many source ports.
pub(crate) const PORTS_TRIED: u16 = 8;

/// The entries of a run that a balancer of several members decided, from other source ports, each alone.
pub fn other_ports(network: &Network, played: &Played) -> Played {
    let chosen = |(_, step): &(SimTime, Step)| matches!(step, Step::LoadBalancer { members: 2.., .. });
    let hashed = |ix: usize| {
        let mut traces = played.trace.conversations_of(TrafficId::new(ix));
        traces.any(|trace| trace.packets.iter().any(|packet| packet.steps.iter().any(chosen)))
    };
    let entries = played.traffic.iter().enumerate().filter(|(ix, _)| hashed(*ix)).map(|(_, entry)| entry);
    let from =
        |entry: &Traffic, n: u16| Traffic { source_port: entry.source_port.wrapping_add(n), ..entry.clone() };
    alone(network, entries.flat_map(|entry| (1..PORTS_TRIED).map(move |n| from(entry, n))).collect())
}

/// Threads that play probes; the answers do not depend on it.
fn threads() -> NonZeroUsize {
    std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN)
}

fn empty_report(epoch: Epoch) -> Report {
    Report {
        traffic: Vec::new(),
        changes: Vec::new(),
        epochs: vec![epoch],
        end: SimTime::ZERO,
        sent: 0,
        delivered: 0,
        dropped: Default::default(),
        events: 0,
        meter: Meter::default(),
        stuck_at: None,
        stopped: false,
    }
}

impl Played {
    /// What became of entry `id`, if it was a single conversation.
    pub fn fate(&self, id: TrafficId) -> Option<Fate> {
        let group = self.report.traffic.get(id.ix())?.outcomes.first()?;
        let trace = self.trace.conversation(id, group.first);
        let network = self.explainer().network;
        let machine = |place| match place {
            Place::Nic(nic) => {
                Place::Nic(network[nic].vm.and_then(|vm| network[vm].nics.first().copied()).unwrap_or(nic))
            }
            other => other,
        };
        let via = |part| {
            trace.and_then(|t| t.way(part)).map(|p| p.via().map(machine).collect()).unwrap_or_default()
        };
        let came = |part| trace.and_then(|t| t.way(part)).is_some_and(|p| p.delivery().is_some());
        Some(Fate {
            outcome: group.outcome,
            arrived: came(Part::Request),
            answered: came(Part::Reply),
            forward: via(Part::Request),
            back: via(Part::Reply),
        })
    }
}
