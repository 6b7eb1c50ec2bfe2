//! Disputed points: which verdicts depend on how one reads them (Part 12).
//!
//! Runs again under every other reading, one switch at a time, and compares. Called by `trace` and `run`
//! commands. Costs a run per reading.

use vnetsim_model::{Network, Traffic};
use vnetsim_scenario::Scenario;
use vnetsim_sim::{Change, Outcome, Report, TrafficReport};
use vnetsim_types::{NoObserver, TrafficId};

use crate::play::timeline_of;

/// Runs with more events than this are not repeated: the answer would take too long.
const EVENTS_MAX: u64 = 200_000;

/// Another reading under which a traffic entry ends otherwise.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Reading {
    /// The traffic entry.
    pub traffic: TrafficId,
    /// Switch, as scenarios spell it: `forwarded_model`.
    pub switch: &'static str,
    /// The disputed point: `U-02`.
    pub point: &'static str,
    /// The switch's value in this run.
    pub ours: &'static str,
    /// The other value.
    pub other: &'static str,
    /// How the conversations end then.
    pub outcomes: Vec<(Outcome, u64)>,
}

/// The readings under which some traffic of `scenario` ends otherwise than in `report`; `None` when the run is
/// too long to be repeated.
pub fn readings(scenario: &Scenario, report: &Report) -> Option<Vec<Reading>> {
    other_readings(&scenario.network, &scenario.traffic, &timeline_of(scenario), report)
}

/// The same for one probe.
pub fn probe_readings(network: &Network, traffic: &Traffic, report: &Report) -> Vec<Reading> {
    other_readings(network, std::slice::from_ref(traffic), &[], report).unwrap_or_default()
}

fn other_readings(
    network: &Network,
    traffic: &[Traffic],
    timeline: &[Change],
    report: &Report,
) -> Option<Vec<Reading>> {
    if traffic.is_empty() {
        return Some(Vec::new());
    }
    if report.events > EVENTS_MAX {
        return None;
    }
    let ours = network.semantics();
    let mut found = Vec::new();
    for (switch, point, other, semantics) in ours.alternatives() {
        let network = network.with_semantics(semantics);
        let there = vnetsim_sim::run(network, traffic, timeline, &mut NoObserver);
        for (ix, (a, b)) in report.traffic.iter().zip(&there.traffic).enumerate() {
            if outcomes(a) != outcomes(b) {
                let (traffic, ours) = (TrafficId::new(ix), ours.text_of(switch).unwrap_or_default());
                found.push(Reading { traffic, switch, point, ours, other, outcomes: outcomes(b) });
            }
        }
    }
    Some(found)
}

/// A combination of readings that the probe's fate depends on.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Combination {
    /// Disputed point, switch and value, where they differ from the run's own.
    pub changed: Vec<(&'static str, &'static str, &'static str)>,
    /// How the conversation ends then.
    pub outcomes: Vec<(Outcome, u64)>,
}

/// Every combination of readings that one comes to by changing one switch after the other, as long as each
/// change changes the verdict; the run's own first.
pub fn all_readings(network: &Network, traffic: &Traffic) -> Vec<Combination> {
    let run = |semantics| {
        let network = network.with_semantics(semantics);
        let report = vnetsim_sim::run(network, std::slice::from_ref(traffic), &[], &mut NoObserver);
        outcomes(&report.traffic[0])
    };
    let ours = *network.semantics();
    let mut found = vec![(ours, Combination { changed: Vec::new(), outcomes: run(ours) })];
    let mut next = 0;
    while let Some((from, here)) = found.get(next).cloned() {
        next += 1;
        for (switch, point, value, semantics) in from.alternatives() {
            if found.iter().any(|(known, _)| *known == semantics) {
                continue;
            }
            let outcomes = run(semantics);
            if outcomes != here.outcomes {
                let mut changed: Vec<_> =
                    here.changed.iter().copied().filter(|(_, other, _)| *other != switch).collect();
                changed.push((point, switch, value));
                found.push((semantics, Combination { changed, outcomes }));
            }
        }
    }
    found.into_iter().map(|(_, combination)| combination).collect()
}

/// Endings and how often, without regard to the path.
fn outcomes(report: &TrafficReport) -> Vec<(Outcome, u64)> {
    let mut all: Vec<(Outcome, u64)> = Vec::new();
    for group in &report.outcomes {
        match all.iter_mut().find(|(outcome, _)| *outcome == group.outcome) {
            Some((_, count)) => *count += group.count,
            None => all.push((group.outcome, group.count)),
        }
    }
    all.sort_unstable();
    all
}
