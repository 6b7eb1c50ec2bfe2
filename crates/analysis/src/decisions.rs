//! The decisions about a flow, and the first in which two networks differ.
//!
//! Owns which steps decide anything (routes, denials, choices, appliances, gateways, ends) and how they are told so that
//! flows with one cause have equal words. Called by `diff`. Must never look at addresses of the flow itself.

use vnetsim_types::{Direction, DropReason, NsgLevel, Part, Place, Step};

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
                Step::Nsg { at, allowed: true, level, direction, .. } => {
                    found
                        .passed
                        .push((filter(told, *at, *level, *direction, &place), format!("allow  {by}")));
                }
                Step::NoNsg { at, level, direction } => {
                    found.passed.push((filter(told, *at, *level, *direction, &place), "no NSG".to_owned()));
                }
                _ => found.all.extend(one(told, step, place, decision, by)),
            }
        }
    }
    found
}

/// The filter of a whole subnet, or of one NIC.
fn filter(told: &Told<'_>, at: Place, level: NsgLevel, direction: Direction, nic: &str) -> String {
    let network = told.explainer.network;
    let place = match (level, at) {
        (NsgLevel::Subnet, Place::Nic(nic)) => network.subnet_path(network[nic].subnet),
        _ => nic.to_owned(),
    };
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
        Step::Nsg { at, level, direction, .. } => {
            ("deny".to_owned(), filter(told, at, level, direction, &place), format!("DENY  {by}"))
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

/// The first decision that differs. A swap of the networks swaps `was` and `now` and changes nothing else.
pub(crate) fn cause(was: Option<&Decisions>, now: Option<&Decisions>, changed: &Changed) -> Cause {
    let (Some(was), Some(now)) = (was, now) else {
        let words = |there: bool| if there { "has an address" } else { "no address to send to" }.to_owned();
        return Cause { object: changed.to.name(), was: words(was.is_some()), now: words(now.is_some()) };
    };
    let at = was.all.iter().zip(&now.all).position(|(a, b)| a.meaning != b.meaning);
    let at = at.unwrap_or(was.all.len().min(now.all.len()));
    let (a, b) = (was.all.get(at), now.all.get(at));
    let subnets = (a.and_then(subnet), b.and_then(subnet));
    if let (Some(a), Some(b), (Some(one), Some(other))) = (a, b, subnets)
        && one == other
        && a.object != b.object
    {
        // Two routes of one subnet with different prefixes.
        let words = |d: &Decision| format!("{} {}", prefix(d), d.words);
        return Cause { object: one.to_owned(), was: words(a), now: words(b) };
    }
    let side = |d: Option<&Decision>, told: Option<&Vec<Story>>| Side {
        weight: weight(d),
        object: death(d, told).or(d.map(|d| d.object.clone())),
        own: d.map(|d| d.object.clone()),
        words: d.map(|d| d.words.clone()),
    };
    let (a, b) = (side(a, changed.was.as_ref()), side(b, changed.now.as_ref()));
    // What kills tells more than what lets pass.
    let heaviest = a.weight.max(b.weight);
    let sides = [&a, &b].into_iter().filter(|side| side.weight == heaviest);
    let mut objects: Vec<&str> = sides.filter_map(|side| side.object.as_deref()).collect();
    objects.sort_unstable();
    objects.dedup();
    let object =
        if objects.is_empty() { "time or cost on the same way".to_owned() } else { objects.join(" / ") };
    let words = |side: &Side, there: &Decisions| {
        let of_object =
            objects.first().and_then(|object| passed(there, object)).filter(|_| side.weight < heaviest);
        let words = of_object.or_else(|| match (&side.own, &side.words) {
            (Some(own), Some(words)) if side.weight < heaviest && *own != object => {
                Some(format!("{own}: {words}"))
            }
            (_, words) => words.clone(),
        });
        words.unwrap_or_else(|| "nothing".to_owned())
    };
    Cause { was: words(&a, was), now: words(&b, now), object }
}

/// One network's decision where both differ.
struct Side {
    weight: u8,
    /// What to name.
    object: Option<String>,
    own: Option<String>,
    words: Option<String>,
}

fn weight(decision: Option<&Decision>) -> u8 {
    match decision {
        Some(d) if d.meaning.starts_with("dropped ") => 4,
        Some(d) if d.meaning == "deny" => 3,
        Some(d) if d.meaning.starts_with("delivered ") => 1,
        Some(_) => 2,
        None => 0,
    }
}

/// The object that the diagnosis names, where the decision is a death.
fn death(decision: Option<&Decision>, told: Option<&Vec<Story>>) -> Option<String> {
    let deadly = decision.is_some_and(|d| d.meaning.starts_with("dropped "));
    match &told.filter(|_| deadly)?.first()?.verdict {
        Verdict::Dropped { object, .. } => Some(object.clone()),
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
