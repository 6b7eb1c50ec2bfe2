//! Conversations that share a fate and a way: what a sweep over many pairs of machines comes down to.
//!
//! Owns when two ways are the same: the same verdict for the same reason, the same appliances, the same deciding routes and
//! rules in the same order, at the sender, the receiver or the same place in between. Routes and rules count by the object
//! that they come from, so that two subnets with one route table are one. Called for a trace of sets. Costs a few words for
//! each step of the packets.

use std::collections::BTreeMap;

use vnetsim_model::Traffic;
use vnetsim_sim::Outcome;
use vnetsim_trace::{ConversationTrace, Explainer};
use vnetsim_types::{DropReason, Part, Place, Step, TrafficId};

use crate::Played;

/// Entries of a run whose only conversation went the same way to the same end.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PathGroup {
    /// Why it died; `None` when it lived, or ended without a packet's death.
    pub reason: Option<DropReason>,
    /// Where: `the sender`, `the receiver`, or the place in between.
    pub at: Option<String>,
    /// How it ended, of the first of them.
    pub outcome: Outcome,
    /// The entries, ascending; the first stands for all.
    pub entries: Vec<TrafficId>,
}

/// What makes two conversations the same: verdict, place of death, way there, way back.
type Sameness = (String, Option<String>, Vec<String>, Vec<String>);

/// The groups of a run of single conversations: the dead first, then by size, then by their first entry.
pub fn path_groups(played: &Played) -> Vec<PathGroup> {
    let explainer = played.explainer();
    let mut known: BTreeMap<Sameness, usize> = BTreeMap::new();
    let mut groups: Vec<PathGroup> = Vec::new();
    for (ix, entry) in played.traffic.iter().enumerate() {
        let id = TrafficId::new(ix);
        let Some(end) = played.report.traffic[ix].outcomes.first() else { continue };
        let trace = played.trace.conversation(id, end.first);
        let (verdict, at, reason) = verdict(&explainer, entry, end.outcome);
        let way = |part| trace.map(|trace| way(&explainer, trace, part)).unwrap_or_default();
        let key = (verdict, at.clone(), way(Part::Request), way(Part::Reply));
        let number = *known.entry(key).or_insert_with(|| {
            groups.push(PathGroup { reason, at, outcome: end.outcome, entries: Vec::new() });
            groups.len() - 1
        });
        groups[number].entries.push(id);
    }
    let lived = |group: &PathGroup| group.outcome == Outcome::Completed;
    groups.sort_by_key(|g| (lived(g), std::cmp::Reverse(g.entries.len()), g.entries.first().copied()));
    groups
}

fn verdict(
    explainer: &Explainer<'_>,
    entry: &Traffic,
    outcome: Outcome,
) -> (String, Option<String>, Option<DropReason>) {
    let Outcome::Dropped { part, at, reason } = outcome else {
        return (outcome.words().unwrap_or_default().to_owned(), None, None);
    };
    let place = match at {
        at if at == entry.from.place => "the sender".to_owned(),
        at if at == entry.to.place => "the receiver".to_owned(),
        at => explainer.place(at),
    };
    (format!("{reason} {part:?}"), Some(place), Some(reason))
}

/// The decisions on a packet's way, without those that name the ends.
fn way(explainer: &Explainer<'_>, trace: &ConversationTrace, part: Part) -> Vec<String> {
    let Some(packet) = trace.way(part) else { return Vec::new() };
    let network = explainer.network;
    let words = packet.steps.iter().filter_map(|(now, step)| match *step {
        Step::Nsg { acl, rule, allowed, .. } => {
            let compiled = explainer.at(*now);
            let nsg = &network[compiled.acl(acl).nsg].name.value;
            Some(format!("{nsg}/{} {allowed}", compiled.rule(rule).name))
        }
        Step::Route { route, .. } => {
            let row = route.map(|ix| explainer.route_words(explainer.at(*now).route(ix)));
            Some(row.unwrap_or_else(|| "no route".to_owned()))
        }
        Step::Peering { link, .. } => Some(network.link_path(link)),
        Step::LoadBalancer { lb, rule, .. } => {
            let lb = &network[lb];
            let rule = lb.rules.get(rule as usize).map_or("", |rule| rule.name.value.as_str());
            Some(format!("{}/{rule}", lb.name.value))
        }
        Step::Appliance { nic_in, .. } => Some(explainer.place(Place::Nic(nic_in))),
        Step::Gateway { gateway, to, .. } => {
            Some(format!("{} -> {}", network[gateway].name.value, explainer.place(to)))
        }
        _ => None,
    });
    words.collect()
}
