//! The decisions about a flow, and the first in which two networks differ.
//!
//! Owns which steps decide anything (routes, denials, choices, appliances, gateways, ends) and how they are told so that
//! flows with one cause have equal words. Called by `diff`. Must never look at addresses of the flow itself.

use vnetsim_types::{Direction, DropReason, NsgLevel, Part, Place, SimTime, Step};

use crate::story::{Stories, Story, Told, Verdict};

/// What decided that a flow goes another way: an object, and what it did before and does now.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Cause {
    /// The object: a prefix, an NSG, a link, a machine.
    pub object: String,
    /// Its decision before.
    pub was: String,
    /// Its decision now.
    pub now: String,
}

/// A cause, and where it acts: a subnet or a NIC; empty where the object says it.
pub(crate) type Located = (String, Cause);

/// One decision.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Decision {
    /// What it means for the packet; equal for decisions that lead on in the same way.
    meaning: String,
    /// Where: a subnet or NIC; empty where the object says it.
    place: String,
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
    passed: Vec<((String, String), String)>,
}

/// What was recorded, as decisions.
pub(crate) fn decisions(told: &Told<'_>) -> Decisions {
    let mut found = Decisions::default();
    let trace = told.trace;
    let packets = trace.into_iter().flat_map(|trace| &trace.packets);
    for packet in packets.filter(|packet| packet.part != Part::IcmpError) {
        let words = told.explainer.hops_apart(&packet.steps);
        for ((now, step), (place, decision, by)) in packet.steps.iter().zip(words) {
            match step {
                Step::Nsg { at, allowed: true, level, direction, .. } => {
                    found
                        .passed
                        .push((filter(told, *at, *level, *direction, &place), format!("allow  {by}")));
                }
                Step::NoNsg { at, level, direction } => {
                    found.passed.push((filter(told, *at, *level, *direction, &place), "no NSG".to_owned()));
                }
                _ => found.all.extend(one(told, *now, step, place, decision, by)),
            }
        }
    }
    found
}

/// The filter of a whole subnet, or of one NIC: where and what.
fn filter(told: &Told<'_>, at: Place, level: NsgLevel, direction: Direction, nic: &str) -> (String, String) {
    let network = told.explainer.network;
    let direction = if direction == Direction::Inbound { "inbound" } else { "outbound" };
    match (level, at) {
        (NsgLevel::Subnet, Place::Nic(nic)) => {
            (network.subnet_path(network[nic].subnet), format!("NSG of the subnet, {direction}"))
        }
        _ => (nic.to_owned(), format!("NSG of the NIC, {direction}")),
    }
}

fn one(
    told: &Told<'_>,
    now: SimTime,
    step: &Step,
    place: String,
    decision: String,
    by: String,
) -> Option<Decision> {
    let name = |at| told.explainer.place(at);
    let nowhere = String::new;
    let (meaning, place, object, words) = match *step {
        Step::Route { route: Some(route), .. } => {
            let row = told.explainer.at(now).route(route);
            let hop = decision.split_once(" -> ").map_or(decision.as_str(), |(_, hop)| hop).to_owned();
            // Which network a peering leads to, the next decision says.
            (format!("{place} {hop}"), place, row.prefix.to_string(), format!("-> {hop}  {by}"))
        }
        Step::Route { route: None, .. } => {
            (format!("{place} none"), place, "no prefix".to_owned(), "no route".to_owned())
        }
        Step::Nsg { at, level, direction, .. } => {
            let (place, object) = filter(told, at, level, direction, &place);
            ("deny".to_owned(), place, object, format!("DENY  {by}"))
        }
        Step::LoadBalancer { .. } => {
            (format!("balancer {place}"), nowhere(), format!("load balancer {place}"), by)
        }
        Step::Peering { .. } => (format!("peering {place}"), nowhere(), format!("peering {place}"), by),
        Step::Gateway { gateway, to, .. } => {
            let (gateway, to) = (name(Place::Gateway(gateway)), name(to));
            (format!("gateway {gateway} {to}"), nowhere(), format!("gateway {gateway}"), format!("-> {to}"))
        }
        Step::PublicAddress { nic, .. } => {
            let own = name(Place::Nic(nic));
            (format!("public {own}"), own, "way to the internet".to_owned(), "translated".to_owned())
        }
        Step::Appliance { nic_in, .. } => {
            let own = name(Place::Nic(nic_in));
            let verb = decision.split([' ', ',']).next().unwrap_or_default().to_owned();
            (format!("appliance {own} {verb}"), nowhere(), format!("appliance {own}"), verb)
        }
        Step::Delivered { to, .. } => {
            (format!("delivered {}", name(to)), nowhere(), name(to), "delivered".to_owned())
        }
        // The NSG said so itself.
        Step::Dropped { reason: DropReason::NsgDeny, .. } => return None,
        Step::Dropped { at, reason } => {
            (format!("dropped {} {reason}", name(at)), nowhere(), name(at), format!("DROP {reason}"))
        }
        _ => return None,
    };
    Some(Decision { meaning, place, object, words })
}

/// The first decision that differs about a flow to `to`, of which `stories` tell before and now. A swap of the networks
/// swaps `was` and `now` and changes nothing else.
pub(crate) fn cause(
    was: Option<&Decisions>,
    now: Option<&Decisions>,
    to: &str,
    stories: [Option<&Stories>; 2],
) -> Located {
    let (Some(was), Some(now)) = (was, now) else {
        let words = |there: bool| if there { "has an address" } else { "no address to send to" }.to_owned();
        let cause = Cause { object: to.to_owned(), was: words(was.is_some()), now: words(now.is_some()) };
        return (String::new(), cause);
    };
    let at = was.all.iter().zip(&now.all).position(|(a, b)| a.meaning != b.meaning);
    let at = at.unwrap_or(was.all.len().min(now.all.len()));
    let (a, b) = (was.all.get(at), now.all.get(at));
    if let (Some(a), Some(b)) = (a, b)
        && !a.place.is_empty()
        && a.place == b.place
        && a.is_route()
        && b.is_route()
        && a.object != b.object
    {
        let words = |d: &Decision| format!("{} {}", d.object, d.words);
        return (a.place.clone(), Cause { object: "route".to_owned(), was: words(a), now: words(b) });
    }
    let (one, other) = (Side::of(a, stories[0]), Side::of(b, stories[1]));
    // What kills tells more than what lets pass.
    let heaviest = one.weight.max(other.weight);
    let sides = [&one, &other].into_iter().filter(|side| side.weight == heaviest);
    let mut objects: Vec<&(String, String)> = sides.filter_map(|side| side.object.as_ref()).collect();
    objects.sort_unstable();
    objects.dedup();
    let several = stories.into_iter().flatten().any(|told| told.len() > 1);
    let (place, object) = match objects.as_slice() {
        [] if several => (String::new(), "what the flow's hash chooses from".to_owned()),
        [] => (String::new(), "time or cost on the same way".to_owned()),
        [(place, object)] => (place.clone(), object.clone()),
        all => (String::new(), all.iter().map(|named| full(named)).collect::<Vec<_>>().join(" / ")),
    };
    let words = |side: &Side, there: &Decisions| {
        let lighter = side.weight < heaviest;
        let passed = objects.first().filter(|_| lighter).and_then(|object| there.passed_by(object));
        let words = passed.or_else(|| match (&side.own, &side.words) {
            (Some(own), Some(words)) if lighter && !objects.contains(&own) => {
                let colon = if words.starts_with("-> ") { "" } else { ":" };
                Some(format!("{}{colon} {words}", full(own)))
            }
            (_, words) => words.clone(),
        });
        words.unwrap_or_else(|| "nothing".to_owned())
    };
    (place, Cause { was: words(&one, was), now: words(&other, now), object })
}

fn full((place, object): &(String, String)) -> String {
    if place.is_empty() { object.clone() } else { format!("{place}: {object}") }
}

/// One network's decision where both differ.
struct Side {
    weight: u8,
    /// What to name: place and object.
    object: Option<(String, String)>,
    own: Option<(String, String)>,
    words: Option<String>,
}

impl Side {
    fn of(decision: Option<&Decision>, told: Option<&Vec<Story>>) -> Self {
        let own = decision.map(|d| (d.place.clone(), d.object.clone()));
        let death = death(decision, told).map(|object| (String::new(), object));
        let words = decision.map(|d| d.words.clone());
        let (weight, object) = (weight(decision), death.or_else(|| own.clone()));
        // Who received it differs from flow to flow.
        Self { weight, object, own: own.filter(|_| weight > 1), words }
    }
}

impl Decision {
    fn is_route(&self) -> bool {
        self.words.starts_with("-> ") || self.words == "no route"
    }
}

impl Decisions {
    /// True when some decision means something else.
    pub(crate) fn differs(&self, other: &Self) -> bool {
        !self.all.iter().map(|d| &d.meaning).eq(other.all.iter().map(|d| &d.meaning))
    }

    /// How the NSG called so let the packets pass.
    fn passed_by(&self, object: &(String, String)) -> Option<String> {
        self.passed.iter().find(|(known, _)| known == object).map(|(_, words)| words.clone())
    }
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
