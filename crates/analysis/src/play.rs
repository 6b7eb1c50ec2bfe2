//! A scenario, run and recorded.
//!
//! Owns what a run is made of (its traffic with that of captures, its timeline, its seed) and which recorded packets show
//! how conversations ended. Called by `cli`; `readings` plays the same again. Costs what the simulation costs.

use std::{fmt, ops::ControlFlow};

use vnetsim_model::{Network, Traffic};
use vnetsim_scenario::Scenario;
use vnetsim_sim::{Change, Injection, Outcome, OutcomeGroup, Play, Progress, Report};
use vnetsim_trace::{ConversationTrace, Diagnosis, Explainer, PacketTrace, TapRecorder, TraceObserver};
use vnetsim_types::{DropReason, FlowKey, Part, Place, TrafficId};

use crate::{Replayed, Replays};

/// How a scenario is played, and what beside it.
#[derive(Clone, Debug)]
pub struct Setup {
    /// Threads that play; results do not depend on it.
    pub workers: usize,
    /// What the scenario's captures hold.
    pub replays: Replays,
    /// Records frames, if they are wanted.
    pub taps: Option<TapRecorder>,
}

/// One thread, no captures.
impl Default for Setup {
    fn default() -> Self {
        Self { workers: 1, replays: Replays::default(), taps: None }
    }
}

/// A run with its recording.
#[derive(Debug)]
pub struct Played {
    /// What was sent: the scenario's traffic, then its captures; by [`TrafficId`].
    pub traffic: Vec<Traffic>,
    /// The packets of captures.
    pub injections: Vec<Injection>,
    /// By name of the capture: packets that nobody in the network could send.
    pub homeless: Vec<(String, u64)>,
    /// What the captures held.
    pub captures: Vec<Replayed>,
    /// What came of it.
    pub report: Report,
    /// The first conversation of each kind of ending; of those that last, the first packets. Frames, if they were wanted.
    pub trace: TraceObserver,
}

/// Runs all of a scenario. `progress` is told from time to time how far it is, and may break it off.
pub fn play(
    scenario: &Scenario,
    setup: Setup,
    progress: &mut dyn FnMut(Progress) -> ControlFlow<()>,
) -> Played {
    let Replays { traffic: of_captures, injections, homeless, captures } = setup.replays;
    let traffic: Vec<Traffic> = scenario.traffic.iter().cloned().chain(of_captures).collect();
    let mut trace = observer(setup.taps);
    let play = Play {
        network: scenario.network.clone(),
        traffic: &traffic,
        timeline: &timeline_of(scenario),
        injections: &injections,
        seed: scenario.seed,
        workers: setup.workers,
    };
    let report = play.run(&mut trace, progress);
    Played { report, trace, traffic, injections, homeless, captures }
}

fn observer(taps: Option<TapRecorder>) -> TraceObserver {
    taps.map_or_else(TraceObserver::default, TraceObserver::with_taps)
}

/// The scenario's timeline as the simulation takes it.
pub fn timeline_of(scenario: &Scenario) -> Vec<Change> {
    let one = |op: &vnetsim_scenario::TimelineOperation| Change {
        at: op.at,
        name: op.name.as_ref().map(|name| name.value.clone()),
        operation: op.operation.clone(),
        span: op.span,
    };
    scenario.timeline.iter().map(one).collect()
}

/// Runs one conversation on a network: what `vnetsim trace` shows.
pub fn probe(network: &Network, traffic: &Traffic, taps: Option<TapRecorder>) -> Played {
    probes(network, vec![traffic.clone()], taps)
}

/// Runs some traffic on a network and nothing else.
pub(crate) fn probes(network: &Network, traffic: Vec<Traffic>, taps: Option<TapRecorder>) -> Played {
    let mut trace = observer(taps);
    let report = vnetsim_sim::run(network.clone(), &traffic, &[], &mut trace);
    let (injections, homeless, captures) = (Vec::new(), Vec::new(), Vec::new());
    Played { report, trace, traffic, injections, homeless, captures }
}

/// The packets that show how conversations ended.
#[derive(Clone, Copy, Debug)]
pub struct Shown<'a> {
    /// The first conversation that ended so, or, of those that last, another one of the entry that was recorded.
    pub trace: &'a ConversationTrace,
    /// One of its packets that died as the outcome says.
    pub dead: Option<&'a PacketTrace>,
}

/// Packets of an entry that died in one place for one reason.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Loss {
    /// From those who open the conversations.
    pub forward: bool,
    /// Where.
    pub place: String,
    /// Why.
    pub reason: DropReason,
    /// How many.
    pub count: u64,
}

impl Played {
    /// Turns the recording into words.
    pub fn explainer(&self) -> Explainer<'_> {
        Explainer::new(&self.report.epochs)
    }

    /// What was recorded of conversations that ended in the way of `group`. Nothing may have been, when they last.
    pub fn shown(&self, id: TrafficId, group: &OutcomeGroup) -> Option<Shown<'_>> {
        let own = self.trace.conversation(id, group.first);
        let recorded = || own.into_iter().chain(self.trace.conversations_of(id));
        let dying = recorded()
            .find_map(|trace| dead_as(group.outcome, trace).map(|dead| Shown { trace, dead: Some(dead) }));
        dying.or_else(|| recorded().next().map(|trace| Shown { trace, dead: None }))
    }

    /// Why conversations ended in the way of `group`; `None` when they completed or when no packet's death tells.
    pub fn diagnosis(&self, id: TrafficId, group: &OutcomeGroup) -> Option<Diagnosis> {
        let (explainer, shown) = (self.explainer(), self.shown(id, group));
        let known = shown.and_then(|Shown { trace, dead }| {
            let (at, reason) = dead?.drop()?;
            explainer.diagnosis_of(trace, dead?, at, reason)
        });
        let Outcome::Dropped { part, at, reason } = group.outcome else { return known };
        // A SYN that was refused has arrived.
        let refused = || {
            let Shown { trace, .. } = shown.filter(|_| reason == DropReason::GuestPortClosed)?;
            explainer.diagnosis_of(trace, trace.way(Part::Request)?, at, reason)
        };
        let of_reason = || {
            let key = self.key(id, group.first);
            Diagnosis::of_reason(&explainer, reason, at, key, !part.is_forward())
        };
        Some(known.or_else(refused).unwrap_or_else(of_reason))
    }

    /// The packets of an entry that died, most first.
    pub fn losses(&self, id: TrafficId) -> Vec<Loss> {
        let explainer = self.explainer();
        let losses = self.report.traffic.get(id.ix()).map(|report| &report.packets.losses);
        let one = |((forward, at, reason), count): (&(bool, Place, DropReason), &u64)| Loss {
            forward: *forward,
            place: explainer.place(*at),
            reason: *reason,
            count: *count,
        };
        let mut losses: Vec<Loss> = losses.into_iter().flatten().map(one).collect();
        losses.sort_by_key(|loss| std::cmp::Reverse(loss.count));
        losses
    }

    fn key(&self, id: TrafficId, conversation: u32) -> FlowKey {
        let entry = &self.traffic[id.ix()];
        FlowKey {
            protocol: entry.protocol.protocol,
            src: entry.from.address,
            dst: entry.to.address,
            src_port: entry.source_port.wrapping_add(conversation as u16),
            dst_port: entry.protocol.port,
        }
    }

    /// True when some packet's fate rests on something not modelled.
    pub fn rests_on_unmodelled(&self) -> bool {
        self.report.dropped.contains_key(&DropReason::InsufficientInput)
    }

    /// True when every conversation of every traffic entry completed.
    pub fn all_completed(&self) -> bool {
        self.report.traffic.iter().all(|t| t.outcomes.iter().all(|g| g.outcome == Outcome::Completed))
    }
}

/// `11 LINK_LOSS at vm2`, `1 NSG_DENY at vm1 on the way back`.
impl fmt::Display for Loss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { forward, place, reason, count } = self;
        let back = if *forward { "" } else { " on the way back" };
        write!(f, "{count} {reason} at {place}{back}")
    }
}

/// The packet of `trace` whose death made `outcome`, or of one that ended without a word the first that died.
fn dead_as(outcome: Outcome, trace: &ConversationTrace) -> Option<&PacketTrace> {
    let mut all = trace.all_dead();
    match outcome {
        Outcome::Completed => None,
        Outcome::Dropped { at, reason, .. } => all.find(|packet| packet.drop() == Some((at, reason))),
        _ => all.next(),
    }
}

/// Names of the appliances and gateways that forwarded the packet of that part, in order.
pub(crate) fn via(explainer: &Explainer<'_>, trace: &ConversationTrace, part: Part) -> Option<Vec<String>> {
    trace.way(part).map(|packet| packet.via().map(|place| explainer.place(place)).collect())
}
