//! A scenario, run and recorded.

use std::ops::ControlFlow;

use vnetsim_model::{Network, Traffic};
use vnetsim_scenario::Scenario;
use vnetsim_sim::{Change, Injection, Outcome, Play, Progress, Report};
use vnetsim_trace::{ConversationTrace, Explainer, TapRecorder, TraceObserver};
use vnetsim_types::{DropReason, Part, TrafficId};

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
    /// The first conversation of each kind of ending; frames, if they were wanted.
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
pub(crate) fn timeline_of(scenario: &Scenario) -> Vec<Change> {
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
    let mut trace = observer(taps);
    let traffic = vec![traffic.clone()];
    let report = vnetsim_sim::run(network.clone(), &traffic, &[], &mut trace);
    let (injections, homeless, captures) = (Vec::new(), Vec::new(), Vec::new());
    Played { report, trace, traffic, injections, homeless, captures }
}

impl Played {
    /// Turns the recording into words.
    pub fn explainer(&self) -> Explainer<'_> {
        Explainer::new(&self.report.epochs)
    }

    /// The recorded conversation that first ended in the way of outcome group `group`.
    pub fn example(&self, traffic: TrafficId, group: usize) -> Option<&ConversationTrace> {
        let group = self.report.traffic.get(traffic.ix())?.outcomes.get(group)?;
        self.trace.conversation(traffic, group.first)
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

/// Names of the appliances and gateways that forwarded the packet of that part, in order.
pub(crate) fn via(explainer: &Explainer<'_>, trace: &ConversationTrace, part: Part) -> Option<Vec<String>> {
    trace.part(part).map(|packet| packet.via().map(|place| explainer.place(place)).collect())
}
