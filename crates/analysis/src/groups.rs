//! Conversations that share a fate and a way: what a sweep over many pairs of machines comes down to.
//!
//! Owns when two are the same: the same end, decided by the same object (rule, route, link), past the same balancers,
//! appliances and gateways. The subnets and links of who sends do not count. Called for a trace of sets. Costs a few words
//! for each step of the packets.

use std::collections::BTreeMap;

use vnetsim_compile::RouteOrigin;
use vnetsim_model::Traffic;
use vnetsim_sim::Outcome;
use vnetsim_trace::{ConversationTrace, Explainer, PacketTrace};
use vnetsim_types::{DropReason, Part, Place, Step, TrafficId};

use crate::Played;

/// Entries of a run whose only conversation went the same way to the same end.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PathGroup {
    /// Why it died; `None` when it lived, or ended without a packet's death.
    pub reason: Option<DropReason>,
    /// Where: `the sender`, `the receiver`, or the place in between.
    pub at: Option<String>,
    /// The object that decided: a rule, a route, a link.
    pub object: Option<String>,
    /// True when the answer died.
    pub on_return: bool,
    /// How it ended, of the first of them.
    pub outcome: Outcome,
    /// The entries, ascending; the first stands for all.
    pub entries: Vec<TrafficId>,
}

/// What makes two conversations the same: verdict, what decided, way there, way back.
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
        let dead = trace.and_then(|trace| trace.dead());
        let object = reason.and_then(|reason| decided_by(&explainer, dead?, reason));
        let on_return = matches!(end.outcome, Outcome::Dropped { part, .. } if !part.is_forward());
        let decided = object.clone().or_else(|| at.clone());
        let key = (verdict, decided, way(Part::Request), way(Part::Reply));
        let number = *known.entry(key).or_insert_with(|| {
            let (outcome, entries) = (end.outcome, Vec::new());
            groups.push(PathGroup { reason, at, object, on_return, outcome, entries });
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

/// The rule, route or link that a packet died of, by its name; `None` where the place says it all.
fn decided_by(explainer: &Explainer<'_>, packet: &PacketTrace, reason: DropReason) -> Option<String> {
    use DropReason as R;
    let network = explainer.network;
    packet.steps.iter().rev().find_map(|(now, step)| match (reason, *step) {
        (R::NsgDeny | R::InsufficientInput, Step::Nsg { acl, rule, .. }) => {
            let compiled = explainer.at(*now);
            let nsg = &network[compiled.acl(acl).nsg].name.value;
            Some(format!("rule {nsg}/{}", compiled.rule(rule).name))
        }
        (R::ForwardedTrafficBlocked | R::PeeringAccessDisabled, Step::Peering { link, .. }) => {
            Some(format!("link {}", network.link_path(link)))
        }
        (
            R::RouteNone
            | R::NextHopUnreachable
            | R::NextHopNotDirectlyConnected
            | R::NoSuchDestination
            | R::GatewayUnavailable
            | R::SubnetNotPeered
            | R::RoutingLoop,
            Step::Route { subnet, route, .. },
        ) => Some(match route {
            Some(ix) => {
                let row = explainer.at(*now).route(ix);
                let words = format!("route {}", explainer.route_words(row));
                // A user's route is one object, however many subnets have its table.
                match row.origin {
                    RouteOrigin::User { .. } => words,
                    _ => format!("{words} in {}", network.subnet_path(subnet)),
                }
            }
            None => format!("no route in {}", network.subnet_path(subnet)),
        }),
        _ => None,
    })
}

/// The balancers, appliances and gateways on a packet's way.
fn way(explainer: &Explainer<'_>, trace: &ConversationTrace, part: Part) -> Vec<String> {
    let Some(packet) = trace.way(part) else { return Vec::new() };
    let network = explainer.network;
    let words = packet.steps.iter().filter_map(|(_, step)| match *step {
        Step::LoadBalancer { lb, .. } => Some(network[lb].name.value.clone()),
        Step::Appliance { nic_in, .. } => Some(explainer.place(Place::Nic(nic_in))),
        Step::Gateway { gateway, .. } => Some(network[gateway].name.value.clone()),
        _ => None,
    });
    words.collect()
}
