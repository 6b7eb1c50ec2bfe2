//! A scenario, run and recorded.

use vnetsim_model::{Network, Traffic};
use vnetsim_scenario::Scenario;
use vnetsim_sim::{Change, Outcome, Report};
use vnetsim_trace::{ConversationTrace, Explainer, TraceObserver};
use vnetsim_types::{DropReason, Part, TrafficId};

/// A run with its recording.
#[derive(Debug)]
pub struct Played {
    /// What came of it.
    pub report: Report,
    /// The first conversation of each kind of ending.
    pub trace: TraceObserver,
}

/// Runs all of a scenario.
pub fn play(scenario: &Scenario) -> Played {
    let timeline = timeline_of(scenario);
    let mut trace = TraceObserver::default();
    let report = vnetsim_sim::run(scenario.network.clone(), &scenario.traffic, &timeline, &mut trace);
    Played { report, trace }
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
pub fn probe(network: &Network, traffic: &Traffic) -> Played {
    let mut trace = TraceObserver::default();
    let report = vnetsim_sim::run(network.clone(), std::slice::from_ref(traffic), &[], &mut trace);
    Played { report, trace }
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
