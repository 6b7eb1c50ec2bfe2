//! The decisions about a flow, and the first in which two networks differ.
//!
//! Owns which steps decide anything (routes, denials, choices, appliances, gateways, ends) and how they are told so that
//! flows with one cause have equal words. Called by `diff`. Must never look at addresses of the flow itself.

use vnetsim_types::{DropReason, NsgLevel, Part, Place, Step};

use crate::{
    diff::Changed,
    story::{Story, Told, Verdict},
};

/// What decided that a flow goes another way: an object, and what it did before and does now.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Cause {
    /// The object: a subnet and prefix, an NSG, a link, a NIC, an appliance.
    pub object: String,
    /// Its decision before.
    pub was: String,
    /// Its decision now.
    pub now: String,
}

/// One decision.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Decision {
    /// What it means for the packet; equal for decisions that lead on in the same way.
    meaning: String,
    /// Who decided.
    object: String,
    /// How, in words.
    words: String,
}

/// The decisions about the packets of a flow, in order.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Decisions {
    all: Vec<Decision>,
    /// NSG decisions that let a packet pass: object and words.
    passed: Vec<(String, String)>,
}

/// What was recorded, as decisions.
pub(crate) fn decisions(told: &Told<'_>) -> Decisions {
    let mut found = Decisions::default();
    let trace = told.trace();
    let packets = trace.into_iter().flat_map(|trace| &trace.packets);
    for packet in packets.filter(|packet| packet.part != Part::IcmpError) {
        let words = told.explainer.hops_apart(&packet.steps);
        for ((_, step), (place, decision, by)) in packet.steps.iter().zip(words) {
            match step {
                Step::Nsg { allowed: true, level, direction, .. } => {
                    found.passed.push((filter(*level, *direction, &place), format!("allow  {by}")));
                }
                Step::NoNsg { level, direction, .. } => {
                    found.passed.push((filter(*level, *direction, &place), "no NSG".to_owned()));
                }
                _ => found.all.extend(one(told, step, place, decision, by)),
            }
        }
    }
    found
}

fn filter(level: NsgLevel, direction: vnetsim_types::Direction, place: &str) -> String {
    let level = if level == NsgLevel::Subnet { "subnet" } else { "NIC" };
    format!("{place}, NSG of the {level}, {}", format!("{direction:?}").to_lowercase())
}

fn one(told: &Told<'_>, step: &Step, place: String, decision: String, by: String) -> Option<Decision> {
    let name = |at| told.explainer.place(at);
    let (meaning, object, words) = match *step {
        Step::Route { route: Some(route), .. } => {
            let row = told.explainer.at(vnetsim_types::SimTime::ZERO).route(route);
            let hop = decision.split_once(" -> ").map_or(decision.as_str(), |(_, hop)| hop).to_owned();
            // Which network a peering leads to, the prefix says.
            (format!("{place} {hop}"), format!("{place}: {}", row.prefix), format!("-> {hop}  {by}"))
        }
        Step::Route { route: None, .. } => (format!("{place} none"), place, "no route".to_owned()),
        Step::Nsg { level, direction, .. } => {
            ("deny".to_owned(), filter(level, direction, &place), format!("DENY  {by}"))
        }
        Step::LoadBalancer { .. } => (format!("balancer {place}"), format!("load balancer {place}"), by),
        Step::Peering { .. } => (format!("peering {place}"), format!("peering {place}"), by),
        Step::Gateway { gateway, to, .. } => {
            let gateway = name(Place::Gateway(gateway));
            (
                format!("gateway {gateway} {}", name(to)),
                format!("gateway {gateway}"),
                format!("-> {}", name(to)),
            )
        }
        Step::PublicAddress { nic, .. } => (
            format!("public {}", name(Place::Nic(nic))),
            format!("{place}, way to the internet"),
            "translated".to_owned(),
        ),
        Step::Appliance { nic_in, .. } => {
            let own = name(Place::Nic(nic_in));
            let verb = decision.split([' ', ',']).next().unwrap_or_default().to_owned();
            (format!("appliance {own} {verb}"), format!("appliance {own}"), verb)
        }
        Step::Delivered { to, .. } => (format!("delivered {}", name(to)), name(to), "delivered".to_owned()),
        // The NSG said so itself.
        Step::Dropped { reason: DropReason::NsgDeny, .. } => return None,
        Step::Dropped { at, reason } => {
            (format!("dropped {} {reason}", name(at)), name(at), format!("DROP {reason}"))
        }
        _ => return None,
    };
    Some(Decision { meaning, object, words })
}

/// The first decision that differs.
pub(crate) fn cause(was: Option<&Decisions>, now: Option<&Decisions>, changed: &Changed) -> Cause {
    let (was_told, now_told) = (changed.was.as_ref(), changed.now.as_ref());
    let (Some(was), Some(now)) = (was, now) else {
        let words = |there: bool| if there { "has an address" } else { "no address to send to" }.to_owned();
        let object = changed.to.name();
        return Cause { object, was: words(was.is_some()), now: words(now.is_some()) };
    };
    let at = was.all.iter().zip(&now.all).position(|(a, b)| a.meaning != b.meaning);
    let at = at.unwrap_or(was.all.len().min(now.all.len()));
    let (a, b) = (was.all.get(at), now.all.get(at));
    let stories = |told: Option<&Vec<Story>>| told.and_then(|all| all.first()).cloned();
    match (a, b) {
        (Some(a), Some(b)) if a.object == b.object => {
            Cause { object: a.object.clone(), was: a.words.clone(), now: b.words.clone() }
        }
        // Two routes of one subnet with different prefixes.
        (Some(a), Some(b)) if subnet(a).is_some() && subnet(a) == subnet(b) => {
            let words = |d: &Decision| format!("{} {}", prefix(d), d.words);
            Cause { object: subnet(a).unwrap_or_default().to_owned(), was: words(a), now: words(b) }
        }
        (Some(a), other) if a.meaning == "deny" => {
            let now = passed(now, &a.object).or(other.map(|d| d.words.clone()));
            Cause {
                object: a.object.clone(),
                was: a.words.clone(),
                now: now.unwrap_or_else(|| "not asked".to_owned()),
            }
        }
        (other, Some(b)) if b.meaning == "deny" => {
            let was = passed(was, &b.object).or(other.map(|d| d.words.clone()));
            Cause {
                object: b.object.clone(),
                was: was.unwrap_or_else(|| "not asked".to_owned()),
                now: b.words.clone(),
            }
        }
        (a, b) => {
            let (was_death, now_death) = (death(a, stories(was_told)), death(b, stories(now_told)));
            let object = now_death.as_ref().or(was_death.as_ref()).map(|(object, _)| object.clone());
            let object = object.or_else(|| b.or(a).map(|d| d.object.clone()));
            let side = |death: Option<(String, String)>, d: Option<&Decision>| {
                death.map(|(_, words)| words).or(d.map(|d| format!("{}: {}", d.object, d.words)))
            };
            let same = "the same steps".to_owned();
            Cause {
                object: object.unwrap_or_else(|| "time or cost on the same way".to_owned()),
                was: side(was_death, a).unwrap_or_else(|| same.clone()),
                now: side(now_death, b).unwrap_or(same),
            }
        }
    }
}

/// The object that the diagnosis names, where the decision is a death.
fn death(decision: Option<&Decision>, story: Option<Story>) -> Option<(String, String)> {
    let decision = decision.filter(|d| d.meaning.starts_with("dropped "))?;
    match story?.verdict {
        Verdict::Dropped { object, .. } => Some((object, decision.words.clone())),
        _ => None,
    }
}

fn passed(there: &Decisions, object: &str) -> Option<String> {
    there.passed.iter().find(|(known, _)| known == object).map(|(_, words)| words.clone())
}

/// The subnet of a route's decision.
fn subnet(decision: &Decision) -> Option<&str> {
    let (subnet, rest) = decision.object.split_once(": ")?;
    rest.parse::<vnetsim_types::IpNet>().is_ok().then_some(subnet)
}

fn prefix(decision: &Decision) -> &str {
    decision.object.split_once(": ").map_or("", |(_, prefix)| prefix)
}
