//! Traffic entries that two scenarios play in another way.
//!
//! Owns what of an entry is compared: how many of its conversations end how, by whom they go, and what they cross. Called for
//! `vnetsim diff`. Entries are the same if they bear one name. Costs a run of each scenario.

use std::ops::ControlFlow;

use vnetsim_scenario::Scenario;
use vnetsim_sim::Outcome;
use vnetsim_types::{SimTime, TrafficId};

use crate::{
    Played, Setup,
    decisions::{Cause, Decisions, cause, decisions},
    diff::Kind,
    play,
    story::{Stories, Story, Told},
};

/// What two scenarios make of the traffic entries that both have.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct TrafficDiff {
    /// Entries that were compared.
    pub entries: usize,
    /// Those that differ, in the order of the first scenario.
    pub changes: Vec<TrafficChange>,
}

/// A traffic entry that ends in another way, goes another way or crosses something else.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TrafficChange {
    /// The entry.
    pub name: String,
    /// Conversations of the first scenario by what became of them.
    pub was: Vec<Ended>,
    /// The same in the second one.
    pub now: Vec<Ended>,
    /// What decided; `None` when no recorded decision differs.
    pub cause: Option<Cause>,
    /// Where: a subnet or a NIC; empty where the object says it.
    pub place: String,
}

impl TrafficChange {
    /// How it changed.
    pub fn kind(&self) -> Kind {
        let [was, now] = [&self.was, &self.now].map(|side| stories(side));
        Kind::of(was.as_ref(), now.as_ref())
    }
}

fn stories(side: &[Ended]) -> Option<Stories> {
    (!side.is_empty()).then(|| side.iter().map(|ended| ended.story.clone()).collect())
}

/// Compares the entries of both scenarios. Captures are not sent.
pub fn traffic_diff(before: &Scenario, now: &Scenario) -> TrafficDiff {
    let named = |scenario: &Scenario, name: &str| scenario.traffic.iter().position(|t| t.name.value == name);
    let names = before.traffic.iter().enumerate().map(|(ix, entry)| (ix, entry.name.value.as_str()));
    let both: Vec<(&str, usize, usize)> =
        names.filter_map(|(ix, name)| Some((name, ix, named(now, name)?))).collect();
    if both.is_empty() {
        return TrafficDiff::default();
    }
    let [was, is] =
        [before, now].map(|scenario| play(scenario, Setup::default(), &mut |_| ControlFlow::Continue(())));
    let changes = both.iter().filter_map(|(name, a, b)| {
        change(name, &endings(&was, TrafficId::new(*a)), &endings(&is, TrafficId::new(*b)))
    });
    TrafficDiff { entries: both.len(), changes: changes.collect() }
}

/// Conversations of an entry that ended alike.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Ended {
    /// In words: `delivered`, `NSG_DENY at vm2`.
    pub ending: String,
    /// Their ways and what they crossed; no times and bytes.
    pub story: Story,
    /// How many.
    pub count: u64,
}

/// The same, with what explains one of them.
struct Explained {
    ended: Ended,
    full: Story,
    decisions: Decisions,
}

/// What became of an entry's conversations, in an order that does not depend on when they were sent.
fn endings(played: &Played, id: TrafficId) -> Vec<Explained> {
    let mut all: Vec<Explained> = Vec::new();
    for group in played.report.traffic.get(id.ix()).into_iter().flat_map(|report| &report.outcomes) {
        let trace = played.shown(id, group).map(|shown| shown.trace);
        let told = Told { explainer: played.explainer(), trace, group: Some(group), billed_bytes: 0 };
        let full = told.story();
        let ending = match group.outcome {
            Outcome::Dropped { at, reason, part } => {
                let back = if part.is_forward() { "" } else { " on the way back" };
                format!("{reason} at {}{back}", told.explainer.place(at))
            }
            other => other.words().unwrap_or_default().to_owned(),
        };
        let ended = Ended { ending, story: compared(full.clone()), count: group.count };
        match all.iter_mut().find(|known| known.ended.is_like(&ended)) {
            Some(known) => known.ended.count += group.count,
            None => all.push(Explained { ended, full, decisions: decisions(&told) }),
        }
    }
    all.sort_by(|a, b| a.ended.cmp(&b.ended));
    all
}

impl Ended {
    fn is_like(&self, other: &Self) -> bool {
        (&self.ending, &self.story) == (&other.ending, &other.story)
    }
}

/// Times and bytes of an entry depend on what else is sent, and what the dead crossed on how often they tried.
fn compared(full: Story) -> Story {
    let mut story = Story { billed_bytes: 0, lasted: SimTime::ZERO, ..full.plain() };
    if !story.is_delivered() {
        (story.peerings, story.gateways) = (0, 0);
    }
    story
}

fn change(name: &str, was: &[Explained], now: &[Explained]) -> Option<TrafficChange> {
    let told = |side: &[Explained]| -> Vec<Ended> { side.iter().map(|one| one.ended.clone()).collect() };
    let (told_was, told_now) = (told(was), told(now));
    if told_was == told_now {
        return None;
    }
    // The first ending that only one side has shows what decided.
    let (a, b) = (own(was, now), own(now, was));
    let (stories_was, stories_now) =
        (a.map(|one| vec![one.full.clone()]), b.map(|one| vec![one.full.clone()]));
    let [before, after] = [a, b].map(|one| one.map(|one| &one.decisions));
    let known = before.is_some_and(|before| after.is_some_and(|after| before.differs(after)));
    let decided = known.then(|| cause(before, after, name, [stories_was.as_ref(), stories_now.as_ref()]));
    let (place, cause) = decided.map_or((String::new(), None), |(place, cause)| (place, Some(cause)));
    Some(TrafficChange { name: name.to_owned(), was: told_was, now: told_now, cause, place })
}

/// What only `these` have, else their first.
fn own<'a>(these: &'a [Explained], those: &[Explained]) -> Option<&'a Explained> {
    let only = |one: &&Explained| those.iter().all(|other| !other.ended.is_like(&one.ended));
    these.iter().find(only).or_else(|| these.first())
}
