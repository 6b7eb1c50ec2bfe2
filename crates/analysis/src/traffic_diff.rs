//! Traffic entries that two scenarios play in another way.
//!
//! Owns what of an entry is compared: how many of its conversations end how, by whom they go, and what they cross. Called for
//! `vnetsim diff`. Entries are the same if they bear one name. Costs a run of each scenario.

use std::ops::ControlFlow;

use vnetsim_scenario::Scenario;
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
    pub was: Vec<(u64, Story)>,
    /// The same in the second one.
    pub now: Vec<(u64, Story)>,
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

fn stories(side: &[(u64, Story)]) -> Option<Stories> {
    (!side.is_empty()).then(|| side.iter().map(|(_, story)| story.clone()).collect())
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

/// Conversations that ended alike, and what decided about one of them.
struct Ended {
    count: u64,
    /// What is compared.
    story: Story,
    /// The first one's, with what explains it.
    full: Story,
    decisions: Decisions,
}

/// What became of an entry's conversations, in an order that does not depend on when they were sent.
fn endings(played: &Played, id: TrafficId) -> Vec<Ended> {
    let mut all: Vec<Ended> = Vec::new();
    for group in played.report.traffic.get(id.ix()).into_iter().flat_map(|report| &report.outcomes) {
        let trace = played.shown(id, group).map(|shown| shown.trace);
        let told = Told { explainer: played.explainer(), trace, group: Some(group), billed_bytes: 0 };
        let full = told.story();
        let story = compared(full.clone());
        match all.iter_mut().find(|known| known.story == story) {
            Some(known) => known.count += group.count,
            None => all.push(Ended { count: group.count, story, full, decisions: decisions(&told) }),
        }
    }
    all.sort_by(|a, b| a.story.cmp(&b.story));
    all
}

/// Times and bytes of an entry depend on what else is sent, and what the dead crossed on how often they tried.
fn compared(full: Story) -> Story {
    let mut story = Story { billed_bytes: 0, lasted: SimTime::ZERO, ..full.plain() };
    if !story.is_delivered() {
        (story.peerings, story.gateways) = (0, 0);
    }
    story
}

fn change(name: &str, was: &[Ended], now: &[Ended]) -> Option<TrafficChange> {
    let told = |side: &[Ended]| -> Vec<(u64, Story)> {
        side.iter().map(|ended| (ended.count, ended.story.clone())).collect()
    };
    let (told_was, told_now) = (told(was), told(now));
    if told_was == told_now {
        return None;
    }
    // The first ending that only one side has shows what decided.
    let (a, b) = (own(was, now), own(now, was));
    let (stories_was, stories_now) = (a.map(|e| vec![e.full.clone()]), b.map(|e| vec![e.full.clone()]));
    let [before, after] = [a, b].map(|ended| ended.map(|ended| &ended.decisions));
    let known = before.is_some_and(|before| after.is_some_and(|after| before.differs(after)));
    let decided = known.then(|| cause(before, after, name, [stories_was.as_ref(), stories_now.as_ref()]));
    let (place, cause) = decided.map_or((String::new(), None), |(place, cause)| (place, Some(cause)));
    Some(TrafficChange { name: name.to_owned(), was: told_was, now: told_now, cause, place })
}

/// What only `these` have, else their first.
fn own<'a>(these: &'a [Ended], those: &[Ended]) -> Option<&'a Ended> {
    let only = |ended: &&Ended| those.iter().all(|other| other.story != ended.story);
    these.iter().find(only).or_else(|| these.first())
}
