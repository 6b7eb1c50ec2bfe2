//! What became of a flow, in names: what `matrix` groups and `diff` compares between two networks.
//!
//! Owns how a recorded conversation is told without addresses, times and ids, and which source ports are tried where the
//! flow's hash decides. Called by `matrix` and `diff`. Must never decide a fate: everything comes from recorded steps.

use std::{
    collections::{BTreeMap, BTreeSet},
    num::NonZeroUsize,
};

use vnetsim_compile::Epoch;
use vnetsim_model::{Network, SOURCE_PORT_DEFAULT, Traffic};
use vnetsim_sim::{Alone, Outcome, OutcomeGroup, run_apart};
use vnetsim_trace::{ConversationTrace, Diagnosis, Explainer, PacketTrace, TraceObserver};
use vnetsim_types::{DropReason, NicId, Part, Place, SimTime, Step};

use crate::{Probe, sweep::is_way_back};

/// Source ports that are tried where the flow's hash decides and one flow stands for many.
pub(crate) use crate::sweep::PORTS_TRIED;

/// How a flow ended.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Verdict {
    /// Request and answer arrived.
    Delivered,
    /// A packet died.
    Dropped {
        /// Why.
        reason: DropReason,
        /// Where.
        at: String,
        /// The object that decided.
        object: String,
        /// The request had arrived.
        on_return: bool,
    },
    /// It did not end: too much happened at one moment.
    Stuck,
}

/// What became of a flow.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Story {
    /// How it ended.
    pub verdict: Verdict,
    /// Appliances and gateways that forwarded the request, in order; for one that a balancer chose, the balancer.
    pub forward: Vec<String>,
    /// The same for the answer.
    pub back: Vec<String>,
    /// The answer took the way of the request, as far as it went.
    pub symmetric: bool,
    /// Peerings crossed, both ways.
    pub peerings: u32,
    /// Gateways passed, both ways.
    pub gateways: u32,
    /// IP bytes that peerings bill (PEER-39).
    pub billed_bytes: u64,
    /// From the first packet to the last one's end.
    pub lasted: SimTime,
    /// The flow's hash chose among several ways.
    pub hashed: bool,
}

impl Story {
    /// True when both directions got through.
    pub fn is_delivered(&self) -> bool {
        self.verdict == Verdict::Delivered
    }

    /// `delivered`, `NSG_DENY`, ...
    pub fn verdict_word(&self) -> &'static str {
        match &self.verdict {
            Verdict::Delivered => "delivered",
            Verdict::Dropped { reason, .. } => reason.code(),
            Verdict::Stuck => "stuck",
        }
    }

    /// The same without what only explains: what two networks are compared by.
    pub(crate) fn plain(&self) -> Self {
        let mut plain = Self { hashed: false, ..self.clone() };
        if let Verdict::Dropped { object, .. } = &mut plain.verdict {
            object.clear();
        }
        plain
    }

    /// Everyone who forwarded one of its packets.
    pub fn via(&self) -> BTreeSet<&str> {
        self.forward.iter().chain(&self.back).map(String::as_str).collect()
    }
}

/// The stories of a flow: one, or, where the flow's hash decides, those that its source ports lead to.
pub type Stories = Vec<Story>;

/// The stories of all `probes`, in their order; where the flow's hash decides, those of `ports` source ports.
pub(crate) fn stories(
    network: &Network,
    probes: &[Probe],
    ports: u16,
    workers: NonZeroUsize,
) -> Vec<Stories> {
    let traffic: Vec<Traffic> = probes.iter().map(Probe::traffic).collect();
    let mut all = told(network, &traffic, workers, |told| vec![told.story()]);
    let hashed: Vec<usize> = (0..all.len()).filter(|ix| all[*ix][0].hashed).collect();
    let others = 1..ports;
    let again: Vec<Traffic> = hashed
        .iter()
        .flat_map(|ix| others.clone().map(move |n| (ix, n)))
        .map(|(ix, n)| Traffic { source_port: SOURCE_PORT_DEFAULT + n, ..traffic[*ix].clone() })
        .collect();
    let mut more = told(network, &again, workers, |told| told.story()).into_iter();
    for ix in hashed {
        all[ix].extend(more.by_ref().take(others.len()));
        all[ix].sort_unstable();
        all[ix].dedup();
    }
    all
}

/// Plays every entry alone and hands what was recorded to `tell`.
pub(crate) fn told<T: Send>(
    network: &Network,
    traffic: &[Traffic],
    workers: NonZeroUsize,
    tell: impl Fn(&Told<'_>) -> T + Sync,
) -> Vec<T> {
    let judge = |epoch: &Epoch, alone: Alone<TraceObserver>| {
        let epochs = std::slice::from_ref(epoch);
        tell(&Told {
            explainer: Explainer::new(epochs),
            trace: alone.observer.conversation(alone.id, 0),
            group: alone.report.outcomes.first(),
            billed_bytes: alone.meter.total(),
        })
    };
    run_apart(network.clone(), traffic, workers, judge).0
}

/// A conversation that was played: alone, or as one of many.
pub(crate) struct Told<'a> {
    pub(crate) explainer: Explainer<'a>,
    /// What was recorded; nothing, when it never ended.
    pub(crate) trace: Option<&'a ConversationTrace>,
    /// How it ended.
    pub(crate) group: Option<&'a OutcomeGroup>,
    /// IP bytes that peerings bill.
    pub(crate) billed_bytes: u64,
}

impl Told<'_> {
    pub(crate) fn story(&self) -> Story {
        let packets = || self.trace.into_iter().flat_map(|trace| &trace.packets);
        let way = |part| self.trace.and_then(|trace| trace.way(part));
        let steps = || packets().flat_map(|p| &p.steps).map(|(_, step)| step);
        let count = |is: fn(&Step) -> bool| steps().filter(|step| is(step)).count() as u32;
        let (machines, machines_back) = (self.machines(way(Part::Request)), self.machines(way(Part::Reply)));
        let chosen = self.chosen();
        let came_back = way(Part::Reply).is_some_and(|packet| packet.delivery().is_some());
        let group = self.group;
        let verdict = match group.map(|group| group.outcome) {
            Some(Outcome::Completed) => Verdict::Delivered,
            Some(Outcome::Dropped { part, at, reason }) => self.death(part, at, reason),
            _ => Verdict::Stuck,
        };
        Story {
            symmetric: is_way_back(&machines, &machines_back, came_back),
            verdict,
            forward: self.via(way(Part::Request), &chosen),
            back: self.via(way(Part::Reply), &chosen),
            peerings: count(|step| matches!(step, Step::Peering { .. })),
            gateways: count(|step| matches!(step, Step::Gateway { .. })),
            billed_bytes: self.billed_bytes,
            lasted: SimTime(group.map_or(0, |group| group.total_ns)),
            hashed: steps().any(is_choice),
        }
    }

    fn death(&self, part: Part, at: Place, reason: DropReason) -> Verdict {
        let at_name = self.explainer.place(at);
        let object = self.diagnosis(at, reason).map(|d| d.object).filter(|object| !object.is_empty());
        let object = object.map(|object| of_rule(&object)).unwrap_or_else(|| at_name.clone());
        Verdict::Dropped { reason, at: at_name, object, on_return: !part.is_forward() }
    }

    fn diagnosis(&self, at: Place, reason: DropReason) -> Option<Diagnosis> {
        let trace = self.trace?;
        let dead = trace.all_dead().find(|packet| packet.drop() == Some((at, reason)));
        let dead = dead.or_else(|| trace.way(Part::Request))?;
        self.explainer.diagnosis_of(trace, dead, at, reason)
    }

    /// Whom the packet came to on its way: machines, whichever of their NICs it came in by, one that refused it included.
    fn machines(&self, packet: Option<&PacketTrace>) -> Vec<String> {
        let refused = |packet: &PacketTrace| match packet.drop() {
            Some((at, DropReason::NvaNoSession | DropReason::NvaPolicyDeny)) => Some(at),
            _ => None,
        };
        let places = packet.into_iter().flat_map(|packet| packet.via().chain(refused(packet)));
        places.map(|place| self.explainer.place(place)).collect()
    }

    /// Who forwarded it; what a hash chose is named by who chose, so that the name says the same of every flow.
    fn via(&self, packet: Option<&PacketTrace>, chosen: &BTreeMap<NicId, String>) -> Vec<String> {
        let name = |place| match place {
            Place::Nic(nic) => chosen.get(&nic).cloned().unwrap_or_else(|| self.explainer.place(place)),
            other => self.explainer.place(other),
        };
        packet.into_iter().flat_map(PacketTrace::via).map(name).collect()
    }

    /// Appliances that a hash chose, and what offered the choice. The answer may come back to one without being asked.
    fn chosen(&self) -> BTreeMap<NicId, String> {
        let mut all = BTreeMap::new();
        for packet in self.trace.into_iter().flat_map(|trace| &trace.packets) {
            let mut offered: Option<String> = None;
            for (now, step) in &packet.steps {
                match *step {
                    Step::LoadBalancer { lb, backend, healthy, .. } if healthy > 1 => {
                        all.insert(backend, self.explainer.network[lb].name.value.clone());
                    }
                    Step::Route { route: Some(route), ways, .. } if ways > 1 => {
                        let prefix = self.explainer.at(*now).route(route).prefix;
                        offered = Some(format!("one of {ways} equal routes to {prefix}"));
                    }
                    Step::Appliance { nic_in, .. } => {
                        if let Some(offered) = offered.take() {
                            all.entry(nic_in).or_insert(offered);
                        }
                    }
                    Step::Gateway { .. } => offered = None,
                    _ => {}
                }
            }
        }
        all
    }
}

/// The object without the interface at which it was met: one rule of one NSG is one cause.
fn of_rule(object: &str) -> String {
    let Some(subnet_level) =
        object.strip_prefix("NSG ").and_then(|rest| rest.split_once(" on the subnet of "))
    else {
        return object.to_owned();
    };
    let (nsg, rest) = subnet_level;
    rest.split_once(": ").map_or(object.to_owned(), |(_, rule)| format!("NSG {nsg}: {rule}"))
}

fn is_choice(step: &Step) -> bool {
    match step {
        Step::LoadBalancer { healthy, .. } => *healthy > 1,
        Step::Route { ways, .. } => *ways > 1,
        _ => false,
    }
}
