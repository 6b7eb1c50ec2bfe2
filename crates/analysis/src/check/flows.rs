//! Probes between the ends of a network, for the mistakes that only a packet's whole way shows.
//!
//! Owns which pairs are probed, and with what. `fates` says which mistake a probe's fate stands for.

use vnetsim_model::{Application, Endpoint, Traffic};
use vnetsim_scenario::Scenario;
use vnetsim_types::{FindingCode, Place, TrafficId};

use super::{
    Look,
    ends::{self, End},
    fates,
};
use crate::{
    Finding, Played, Probe,
    sweep::{alone, other_ports},
};

/// More pairs than this are not probed.
const PROBES_MAX: usize = 20_000;

/// Findings of all probes, how many there were, and how many pairs were left out.
pub(super) fn all(look: &Look<'_>, scenario: &Scenario) -> (Vec<Finding>, usize, usize) {
    let network = look.network;
    let (asked, left_out) = probed(look);
    // Whoever the scenario sends is probed as it says.
    let single = |t: &Traffic| Traffic { application: Application::Exchange, count: 1, ..t.clone() };
    let own = scenario.traffic.iter().filter(|t| t.application != Application::Replay).map(single);
    let traffic: Vec<Traffic> = asked.iter().map(Probe::traffic).chain(own).collect();
    let played = alone(network, traffic);
    let again = other_ports(network, &played);
    let mut found = of_run(&played);
    found.extend(of_run(&again));
    found.extend(silent_gateways(scenario, &played));
    (found, played.traffic.len() + again.traffic.len(), left_out)
}

/// The mistakes of a run. A pair that lacks the way back in one direction is no pair of spokes without any in the other.
fn of_run(played: &Played) -> Vec<Finding> {
    let one = |ix: usize| Some((ix, fates::finding(played, TrafficId::new(ix))?));
    let all: Vec<(usize, Finding)> = (0..played.traffic.len()).filter_map(one).collect();
    let ends = |ix: usize| (played.traffic[ix].from.place, played.traffic[ix].to.place);
    let missing =
        |(ix, f): &&(usize, Finding)| (f.code == FindingCode::ReturnRouteMissing).then(|| ends(*ix));
    let lacking: Vec<(Place, Place)> = all.iter().filter_map(|found| missing(&found)).collect();
    let told = |ix: usize| {
        let (from, to) = ends(ix);
        lacking.contains(&(to, from))
    };
    let new = |(ix, f): &(usize, Finding)| f.code != FindingCode::NoTransit || !told(*ix);
    all.into_iter().filter(new).map(|(_, finding)| finding).collect()
}

/// FAB-16: traceroutes of the scenario whose way leads through a gateway, which shows in none.
fn silent_gateways(scenario: &Scenario, played: &Played) -> Vec<Finding> {
    let routes = scenario.traffic.iter().filter(|t| matches!(t.application, Application::Traceroute { .. }));
    let one = |traffic: &Traffic| {
        let same = |t: &Traffic| t.name.value == traffic.name.value;
        let fate = played.fate(TrafficId::new(played.traffic.iter().position(same)?))?;
        let hop = fate.forward.iter().position(|place| matches!(place, Place::Gateway(_)))?;
        let Place::Gateway(gateway) = fate.forward[hop] else { return None };
        let gateway = &scenario.network[gateway];
        let what = format!(
            "traceroute {} shows a star at hop {} where {} forwards",
            traffic.name.value,
            hop + 1,
            gateway.name.value
        );
        Some(super::gateways::silent(traffic, gateway, what))
    };
    routes.filter_map(one).collect()
}

/// The probes, and how many more there would be.
pub(super) fn probed(look: &Look<'_>) -> (Vec<Probe>, usize) {
    let mut asked = pairs(look);
    let left_out = asked.len().saturating_sub(PROBES_MAX);
    asked.truncate(PROBES_MAX);
    (asked, left_out)
}

fn pairs(look: &Look<'_>) -> Vec<Probe> {
    let network = look.network;
    let (hosts, sites, services) = (ends::hosts(look), ends::sites(network), ends::services(look));
    let internet = |port| {
        let (place, addresses) = (Place::Internet, ends::INTERNET.to_vec());
        End { place, addresses, port, members: Vec::new() }
    };
    let hairpin = |from: &End, to: &End| matches!(from.place, Place::Nic(nic) if to.members.contains(&nic));
    let mut all = Vec::new();
    for from in &hosts {
        let others = hosts.iter().chain(&sites).chain(&services);
        let others = others.filter(|to| *to != from && !hairpin(from, to));
        all.extend(others.flat_map(|to| probes(from, to)));
        all.extend(probes(from, &internet(from.port)));
    }
    for from in &sites {
        all.extend(hosts.iter().flat_map(|to| probes(from, to)));
    }
    for to in ends::public(network) {
        all.extend(probes(&internet(to.port), &to));
    }
    all
}

/// One for each family that both have.
fn probes(from: &End, to: &End) -> Vec<Probe> {
    let pairs = from.addresses.iter().filter_map(|ours| {
        let theirs = to.addresses.iter().find(|theirs| theirs.is_ipv4() == ours.is_ipv4())?;
        Some((*ours, *theirs))
    });
    let end = |place, address| Endpoint { place, address };
    pairs
        .map(|(ours, theirs)| Probe {
            from: end(from.place, ours),
            to: end(to.place, theirs),
            protocol: to.port,
        })
        .collect()
}
