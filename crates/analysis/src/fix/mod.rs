//! `vnetsim fix`: the smallest change after which a scenario's expectations hold, found by trying.
//!
//! Owns the search: single edits of objects near the failing flows, then pairs of which the first changes their fate; each is
//! carried out on what the file says, checked as a file would be, played through the one pipeline and judged by all
//! expectations. Called by `cli`. Must never call something a remedy that was not played. Costs a run for each edit tried.

mod candidates;
mod edit;
mod filter_candidates;

use std::ops::ControlFlow;

use vnetsim_model::{Application, Network, Traffic};
use vnetsim_scenario::{Expectation, Scenario, Subject, TrafficExpectation, Verdict};
use vnetsim_sim::Outcome;
use vnetsim_types::{Place, SimTime, TrafficId};

pub use edit::{Edit, Hop, NewRule, PeeringFlag, route_name};

use crate::{
    Fate, Judgement, Played, Replays, Setup,
    check::probed_pairs,
    judge, play,
    sweep::{Probe, alone, sweep},
};
use candidates::{Wish, candidates};

/// Conversations of a wished flow where balancers choose.
const PORTS_TRIED: u64 = 8;
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
    /// Appliances that the wished flow met before and no longer meets.
    pub past: Vec<String>,
}

/// What a search found.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Search {
    /// Titles of the expectations that do not hold and shall.
    pub failing: Vec<String>,
    /// Expectations in all.
    pub expectations: usize,
    /// The search was about one flow: others of the file may fail before and after. How many did.
    pub only: Option<usize>,
    /// Single edits that were played, and pairs.
    pub tried: (usize, usize),
    /// Edits that Azure refuses, or that the file's checks do.
    pub refused: usize,
    /// True when the search ended at its limit.
    pub cut_short: bool,
    /// What works, the smallest first.
    pub repairs: Vec<Repair>,
}

/// The quickest remedies for a flow of which somebody asked why it dies: single edits, guarded by the scenario's own
/// expectations unless these take long to play.
pub fn quick_fix(scenario: &Scenario, traffic: &Traffic) -> Search {
    let lasts = |t: &Traffic| t.application != Application::Exchange;
    let alone =
        !scenario.timeline.is_empty() || !scenario.captures.is_empty() || scenario.traffic.iter().any(lasts);
    let mut guarded = scenario.clone();
    if alone {
        (guarded.traffic, guarded.expect) = (Vec::new(), Vec::new());
        (guarded.timeline, guarded.captures) = (Vec::new(), Vec::new());
    }
    let wished = wishing(&guarded, traffic.clone());
    let only = wished.expect.len() - 1;
    fix(&wished, &Replays::default(), Some(only), Effort::QUICK, &mut |_| ControlFlow::Continue(()))
}

/// Adds the wish that `traffic` arrives, in place of what is expected of the same flow.
pub fn wishing(scenario: &Scenario, traffic: Traffic) -> Scenario {
    let expected = TrafficExpectation {
        traffic: traffic.name.clone(),
        verdict: Some(Verdict::Delivered.into()),
        ..TrafficExpectation::default()
    };
    let mut wished = scenario.clone();
    // That this very flow dies is what shall change; by which way it goes still counts.
    let same = |name: &str| {
        let named = |t: &&Traffic| t.name.value.eq_ignore_ascii_case(name);
        let entry = scenario.traffic.iter().find(named);
        entry.is_some_and(|t| (t.from, t.to, t.protocol) == (traffic.from, traffic.to, traffic.protocol))
    };
    wished.expect.retain(|e| match &e.subject {
        Subject::Traffic(of) if same(&of.traffic.value) => {
            of.verdict.as_ref().is_none_or(|v| v.value != Verdict::Dropped)
        }
        _ => true,
    });
    // Behind a balancer one source port proves nothing.
    let several = |lb: &vnetsim_model::LoadBalancer| lb.pools.iter().any(|pool| pool.len() > 1);
    let mut traffic = traffic;
    if traffic.count == 1 && scenario.network.load_balancers().iter().any(several) {
        traffic.count = PORTS_TRIED;
    }
    let span = traffic.name.span;
    wished.traffic.push(traffic);
    let subject = Subject::Traffic(Box::new(expected));
    wished.expect.push(Expectation { span, subject, because: None });
    wished
}

/// How far a search goes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Effort {
    /// Edits and pairs tried.
    pub tries: usize,
    /// Events simulated in all.
    pub events: u64,
    /// Pairs are tried when no single edit works.
    pub pairs: bool,
}

impl Effort {
    /// For those who asked for a remedy.
    pub const THOROUGH: Self = Self { tries: 4_000, events: 60_000_000, pairs: true };
    /// For those who asked something else.
    pub const QUICK: Self = Self { tries: 300, events: 1_500_000, pairs: false };
}

/// Searches for changes after which all expectations of `scenario` hold; or, `only` one, after which that one holds, and
/// all that did hold. `progress` hears how many were tried, and may break the search off.
pub fn fix(
    scenario: &Scenario,
    replays: &Replays,
    only: Option<usize>,
    effort: Effort,
    progress: &mut dyn FnMut(usize) -> ControlFlow<()>,
) -> Search {
    let base = run(scenario, replays);
    let judged = judge(scenario, &base);
    let failing: Vec<usize> = failing(&judged).filter(|ix| only.is_none_or(|one| one == *ix)).collect();
    let mut search = Search {
        failing: failing.iter().map(|ix| judged[*ix].title.clone()).collect(),
        expectations: judged.len(),
        only: only.map(|_| self::failing(&judged).count().saturating_sub(failing.len())),
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
    let before = fates(&base, &wishes);
    let mut trial =
        Trial { scenario, replays, holds: &judged, wanted: failing, before, wishes, effort, events: 0 };
    let found = trial.all(&all, &mut search, progress);
    let wished = only.and_then(|ix| wish_of(scenario, ix));
    search.repairs = compared(scenario, wished, found);
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
        let named = |t: &Traffic| t.name.value.eq_ignore_ascii_case(&expected.traffic.value);
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
    /// The expectations that shall hold in the end.
    wanted: Vec<usize>,
    before: Vec<Option<Fate>>,
    wishes: Vec<(TrafficId, Wish)>,
    effort: Effort,
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
        if !found.is_empty() || !self.effort.pairs {
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
        search.tried.0 + search.tried.1 >= self.effort.tries || self.events >= self.effort.events
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
        let left = self.wanted.iter().filter(|ix| !judged[**ix].failures.is_empty()).count();
        if left == 0 {
            return Tried::Works;
        }
        let better = left < self.wanted.len();
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
pub fn edited(scenario: &Scenario, edits: &[Edit]) -> Option<Scenario> {
    let mut draft = scenario.draft.clone();
    edits.iter().try_for_each(|edit| edit.apply(&mut draft))?;
    let network = vnetsim_model::check(&draft, *scenario.network.semantics()).network?;
    Some(Scenario { draft, network, ..scenario.clone() })
}

/// The remedies with their side effects: the smallest first, and of equal ones those that change least.
fn compared(scenario: &Scenario, wished: Option<&Traffic>, mut found: Vec<Vec<Edit>>) -> Vec<Repair> {
    found.sort_by_key(|edits| weight(edits));
    found.truncate(COMPARED_MAX);
    if found.is_empty() {
        return Vec::new();
    }
    let pairs = probed_pairs(&scenario.network);
    let before = all_fates(&scenario.network, &pairs);
    let met = |network: &Network| wished.map(|wish| appliances_met(network, wish)).unwrap_or_default();
    let met_before = met(&scenario.network);
    let repair = |edits: Vec<Edit>| {
        let network =
            edited(scenario, &edits).map_or_else(|| scenario.network.clone(), |edited| edited.network);
        let after = all_fates(&network, &pairs);
        let others_changed = before.iter().zip(&after).filter(|(a, b)| a != b).count();
        let met_after = met(&network);
        let past = met_before.iter().filter(|name| !met_after.contains(name)).cloned().collect();
        Repair { edits, others_changed, others: pairs.len(), past }
    };
    let mut all: Vec<Repair> = found.into_iter().map(repair).collect();
    all.sort_by_key(|repair| (!repair.past.is_empty(), weight(&repair.edits), repair.others_changed));
    all.truncate(REPAIRS_MAX);
    all
}

/// The traffic that expectation number `ix` is about.
fn wish_of(scenario: &Scenario, ix: usize) -> Option<&Traffic> {
    let Subject::Traffic(expected) = &scenario.expect[ix].subject else { return None };
    scenario.traffic.iter().find(|t| t.name.value.eq_ignore_ascii_case(&expected.traffic.value))
}

/// Names of the appliances that the first conversation of `traffic` meets, on both ways.
fn appliances_met(network: &Network, traffic: &Traffic) -> Vec<String> {
    let single =
        Traffic { application: Application::Exchange, count: 1, start: SimTime::ZERO, ..traffic.clone() };
    let played = alone(network, vec![single]);
    let Some(fate) = played.fate(TrafficId(0)) else { return Vec::new() };
    let died = match fate.outcome {
        Outcome::Dropped { at, .. } if fate.forward.is_empty() => Some(at),
        _ => None,
    };
    let nics = fate.forward.iter().chain(&fate.back).copied().chain(died);
    let own = [traffic.from.place, traffic.to.place];
    let nics = nics.filter(|place| matches!(place, Place::Nic(_)) && !own.contains(place));
    let mut names: Vec<String> = nics.map(|place| played.explainer().place(place)).collect();
    names.sort_unstable();
    names.dedup();
    names
}

fn all_fates(network: &Network, pairs: &[Probe]) -> Vec<Option<Fate>> {
    let played = sweep(network, pairs);
    (0..pairs.len()).map(|ix| played.fate(TrafficId::new(ix))).collect()
}
