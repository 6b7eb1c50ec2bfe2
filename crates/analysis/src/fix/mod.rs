//! `vnetsim fix`: the smallest change after which a scenario's expectations hold, found by trying.
//!
//! Owns the search: single edits of objects near the failing flows, then pairs of which the first changes their fate; each is
//! carried out on what the file says, checked as a file would be, played through the one pipeline and judged by all
//! expectations. Called by `cli`. Must never call something a remedy that was not played. Costs a run for each edit tried.

mod candidates;
mod edit;

use std::ops::ControlFlow;

use vnetsim_model::Network;
use vnetsim_scenario::{Expectation, Scenario, Subject, TrafficExpectation, Verdict};
use vnetsim_types::TrafficId;

pub use edit::{Edit, Hop, NewRule, PeeringFlag, route_name};

use crate::{
    Fate, Judgement, Played, Replays, Setup,
    check::probed_pairs,
    judge, play,
    sweep::{Probe, sweep},
};
use candidates::{Wish, candidates};

/// At most so many edits and pairs are tried.
const TRIES_MAX: usize = 4_000;
/// At most so many events are simulated in all.
const EVENTS_MAX: u64 = 60_000_000;
/// So many remedies are told.
const REPAIRS_MAX: usize = 3;
/// So many that work have their side effects looked at.
const COMPARED_MAX: usize = 12;

/// A change after which every expectation holds.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Repair {
    /// What is changed; all of it belongs together.
    pub edits: Vec<Edit>,
    /// Probes between subnets, sites and the internet whose fate or way differs afterwards.
    pub others_changed: usize,
    /// How many of those there are.
    pub others: usize,
}

/// What a search found.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Search {
    /// Titles of the expectations that do not hold.
    pub failing: Vec<String>,
    /// Expectations in all.
    pub expectations: usize,
    /// Single edits that were played, and pairs.
    pub tried: (usize, usize),
    /// Edits that Azure refuses, or that the file's checks do.
    pub refused: usize,
    /// True when the search ended at its limit.
    pub cut_short: bool,
    /// What works, the smallest first.
    pub repairs: Vec<Repair>,
}

/// Adds the wish that `traffic` arrives, for those who ask about a flow that no expectation names.
pub fn wishing(scenario: &Scenario, traffic: vnetsim_model::Traffic) -> Scenario {
    let expected = TrafficExpectation {
        traffic: traffic.name.clone(),
        verdict: Some(Verdict::Delivered.into()),
        ..TrafficExpectation::default()
    };
    let mut wished = scenario.clone();
    let span = traffic.name.span;
    wished.traffic.push(traffic);
    let subject = Subject::Traffic(Box::new(expected));
    wished.expect.push(Expectation { span, subject, because: None });
    wished
}

/// Searches for changes after which all expectations of `scenario` hold. `progress` hears how many were tried, and may break
/// the search off.
pub fn fix(
    scenario: &Scenario,
    replays: &Replays,
    progress: &mut dyn FnMut(usize) -> ControlFlow<()>,
) -> Search {
    let base = run(scenario, replays);
    let judged = judge(scenario, &base);
    let failing: Vec<usize> = failing(&judged).collect();
    let mut search = Search {
        failing: failing.iter().map(|ix| judged[*ix].title.clone()).collect(),
        expectations: judged.len(),
        tried: (0, 0),
        refused: 0,
        cut_short: false,
        repairs: Vec::new(),
    };
    if failing.is_empty() {
        return search;
    }
    let wishes = wishes(scenario, &base, &failing);
    let mut all: Vec<Vec<Edit>> = Vec::new();
    for (id, wish) in &wishes {
        for edits in candidates(&scenario.draft, &base, *id, *wish) {
            if !all.contains(&edits) {
                all.push(edits);
            }
        }
    }
    all.sort_by_key(|edits| weight(edits));
    let mut trial =
        Trial { scenario, replays, holds: &judged, before: fates(&base, &wishes), wishes, events: 0 };
    let found = trial.all(&all, &mut search, progress);
    search.repairs = compared(scenario, found);
    search
}

fn failing(judged: &[Judgement]) -> impl Iterator<Item = usize> {
    judged.iter().enumerate().filter(|(_, j)| !j.failures.is_empty()).map(|(ix, _)| ix)
}

fn run(scenario: &Scenario, replays: &Replays) -> Played {
    let setup = Setup { replays: replays.clone(), ..Setup::default() };
    play(scenario, setup, &mut |_| ControlFlow::Continue(()))
}

fn weight(edits: &[Edit]) -> u32 {
    edits.iter().map(Edit::weight).sum()
}

/// The flows that failing expectations are about, and what these want of them; all flows when they are about none.
fn wishes(scenario: &Scenario, base: &Played, failing: &[usize]) -> Vec<(TrafficId, Wish)> {
    let mut all = Vec::new();
    for ix in failing {
        let Subject::Traffic(expected) = &scenario.expect[*ix].subject else { continue };
        let named = |t: &vnetsim_model::Traffic| t.name.value.eq_ignore_ascii_case(&expected.traffic.value);
        let Some(at) = base.traffic.iter().position(named) else { continue };
        let die = expected.verdict.as_ref().is_some_and(|v| v.value == Verdict::Dropped);
        let arrives = base.report.traffic[at].completed() > 0;
        all.push((TrafficId::new(at), if die && arrives { Wish::Die } else { Wish::Pass }));
    }
    if all.is_empty() {
        all.extend((0..base.traffic.len()).map(|ix| (TrafficId::new(ix), Wish::Pass)));
    }
    all
}

fn fates(played: &Played, wishes: &[(TrafficId, Wish)]) -> Vec<Option<Fate>> {
    wishes.iter().map(|(id, _)| played.fate(*id)).collect()
}

struct Trial<'a> {
    scenario: &'a Scenario,
    replays: &'a Replays,
    holds: &'a [Judgement],
    before: Vec<Option<Fate>>,
    wishes: Vec<(TrafficId, Wish)>,
    events: u64,
}

/// What came of an edit.
enum Tried {
    Refused,
    /// Everything holds.
    Works,
    /// The failing flows meet another fate, and nothing that held is broken.
    Moves,
    Nothing,
}

impl Trial<'_> {
    /// Single edits, then pairs if none works.
    fn all(
        &mut self,
        all: &[Vec<Edit>],
        search: &mut Search,
        progress: &mut dyn FnMut(usize) -> ControlFlow<()>,
    ) -> Vec<Vec<Edit>> {
        let (mut found, mut moving) = (Vec::new(), Vec::new());
        for edits in all {
            if self.enough(search) || progress(search.tried.0).is_break() {
                search.cut_short = true;
                return found;
            }
            search.tried.0 += 1;
            match self.one(edits) {
                Tried::Refused => search.refused += 1,
                Tried::Works => found.push(edits.clone()),
                Tried::Moves => moving.push(edits),
                Tried::Nothing => {}
            }
        }
        if !found.is_empty() {
            return found;
        }
        let mut pairs: Vec<Vec<Edit>> = Vec::new();
        for first in &moving {
            for second in all.iter().filter(|second| second != first) {
                let (pair, swapped) = ([&first[..], second].concat(), [&second[..], first].concat());
                if !pairs.contains(&swapped) && !clash(first, second) {
                    pairs.push(pair);
                }
            }
        }
        pairs.sort_by_key(|pair| weight(pair));
        let mut lightest = u32::MAX;
        for pair in pairs {
            if weight(&pair) > lightest {
                break;
            }
            if self.enough(search) || progress(search.tried.0 + search.tried.1).is_break() {
                search.cut_short = true;
                break;
            }
            search.tried.1 += 1;
            match self.one(&pair) {
                Tried::Refused => search.refused += 1,
                Tried::Works => {
                    lightest = weight(&pair);
                    found.push(pair);
                }
                Tried::Moves | Tried::Nothing => {}
            }
        }
        found
    }

    fn enough(&self, search: &Search) -> bool {
        search.tried.0 + search.tried.1 >= TRIES_MAX || self.events >= EVENTS_MAX
    }

    fn one(&mut self, edits: &[Edit]) -> Tried {
        let Some(changed) = edited(self.scenario, edits) else { return Tried::Refused };
        let played = run(&changed, self.replays);
        self.events += played.report.events;
        let judged = judge(&changed, &played);
        let broken = self
            .holds
            .iter()
            .zip(&judged)
            .any(|(was, is)| was.failures.is_empty() && !is.failures.is_empty());
        if broken {
            return Tried::Nothing;
        }
        if failing(&judged).next().is_none() {
            return Tried::Works;
        }
        let better = failing(&judged).count() < failing(self.holds).count();
        if better || fates(&played, &self.wishes) != self.before { Tried::Moves } else { Tried::Nothing }
    }
}

/// Two edits of the same table that cannot stand together.
fn clash(first: &[Edit], second: &[Edit]) -> bool {
    let new_table = |edit: &Edit| match edit {
        Edit::AddRoute { table, new_table: true, .. } => Some(table.clone()),
        _ => None,
    };
    first
        .iter()
        .filter_map(new_table)
        .any(|table| second.iter().filter_map(new_table).any(|other| other == table))
}

/// The scenario with the edits carried out; `None` when they are refused.
fn edited(scenario: &Scenario, edits: &[Edit]) -> Option<Scenario> {
    let mut draft = scenario.draft.clone();
    edits.iter().try_for_each(|edit| edit.apply(&mut draft))?;
    let network = vnetsim_model::check(&draft, *scenario.network.semantics()).network?;
    Some(Scenario { draft, network, ..scenario.clone() })
}

/// The remedies with their side effects: the smallest first, and of equal ones those that change least.
fn compared(scenario: &Scenario, mut found: Vec<Vec<Edit>>) -> Vec<Repair> {
    found.sort_by_key(|edits| weight(edits));
    found.truncate(COMPARED_MAX);
    if found.is_empty() {
        return Vec::new();
    }
    let pairs = probed_pairs(&scenario.network);
    let before = all_fates(&scenario.network, &pairs);
    let repair = |edits: Vec<Edit>| {
        let after =
            edited(scenario, &edits).map(|changed| all_fates(&changed.network, &pairs)).unwrap_or_default();
        let others_changed = before.iter().zip(&after).filter(|(a, b)| a != b).count();
        Repair { edits, others_changed, others: pairs.len() }
    };
    let mut all: Vec<Repair> = found.into_iter().map(repair).collect();
    all.sort_by_key(|repair| (weight(&repair.edits), repair.others_changed));
    all.truncate(REPAIRS_MAX);
    all
}

fn all_fates(network: &Network, pairs: &[Probe]) -> Vec<Option<Fate>> {
    let played = sweep(network, pairs);
    (0..pairs.len()).map(|ix| played.fate(TrafficId::new(ix))).collect()
}
