//! Disputed points: which verdicts depend on how one reads them (Part 12).
//!
//! Runs again under every other reading, one switch at a time, and compares: with the same traffic, captures and chance.
//! Called by `trace` and `run` commands. Costs a run per reading.

use std::ops::ControlFlow;

use vnetsim_model::{Network, Traffic};
use vnetsim_scenario::Scenario;
use vnetsim_sim::{Outcome, Play, Report, TrafficReport};
use vnetsim_types::{NoObserver, TrafficId};

use crate::{Played, play::timeline_of};

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

/// The readings under which some traffic of `scenario` ends otherwise than in `played`; `None` when the run was broken
/// off or is too long to be repeated.
pub fn readings(scenario: &Scenario, played: &Played) -> Option<Vec<Reading>> {
    let timeline = timeline_of(scenario);
    let again = |network| Play {
        network,
        traffic: &played.traffic,
        timeline: &timeline,
        injections: &played.injections,
        seed: scenario.seed,
        workers: 1,
    };
    other_readings(&scenario.network, &played.report, again)
}

/// The same for one probe.
pub fn probe_readings(network: &Network, traffic: &Traffic, report: &Report) -> Vec<Reading> {
    let again = |network| probe_again(network, traffic);
    other_readings(network, report, again).unwrap_or_default()
}

/// One conversation and nothing else, as `vnetsim_sim::run` plays it.
fn probe_again(network: Network, traffic: &Traffic) -> Play<'_> {
    let traffic = std::slice::from_ref(traffic);
    Play { network, traffic, timeline: &[], injections: &[], seed: 1, workers: 1 }
}

fn unwatched(play: Play<'_>) -> Report {
    play.run(&mut NoObserver, &mut |_| ControlFlow::Continue(()))
}

fn other_readings<'a>(
    network: &Network,
    report: &Report,
    again: impl Fn(Network) -> Play<'a>,
) -> Option<Vec<Reading>> {
    if report.traffic.is_empty() {
        return Some(Vec::new());
    }
    if report.events > EVENTS_MAX || report.stopped {
        return None;
    }
    let ours = network.semantics();
    let mut found = Vec::new();
    for (switch, point, other, semantics) in ours.alternatives() {
        let there = unwatched(again(network.with_semantics(semantics)));
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
    let run =
        |semantics| outcomes(&unwatched(probe_again(network.with_semantics(semantics), traffic)).traffic[0]);
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
