//! Probes between the ends of a network, for the mistakes that only a packet's whole way shows.
//!
//! Owns which pairs are probed, and with what. `fates` says which mistake a probe's fate stands for.

use std::net::IpAddr;

use vnetsim_model::{Application, Endpoint, LbProtocol, Network, Traffic};
use vnetsim_scenario::Scenario;
use vnetsim_types::{FindingCode, IpProtocol, Place, ProtoPort, TrafficId};

use super::{ends, fates};
use crate::{Finding, Played, Probe, play::probes, sweep};

/// More pairs than this are not probed.
const PROBES_MAX: usize = 20_000;

/// The port that strangers are probed at.
const PORT: ProtoPort = ProtoPort { protocol: IpProtocol::TCP, port: 443 };

/// Findings of all probes, how many there were, and how many pairs were left out.
pub(super) fn all(scenario: &Scenario) -> (Vec<Finding>, usize, usize) {
    let network = &scenario.network;
    let (asked, left_out) = probed(network);
    let mut found = Vec::new();
    let played = sweep(network, &asked);
    found.extend(of_run(&played));
    // Whoever the scenario sends is probed as it says, one at a time as far as tables go.
    let single = |t: &Traffic| Traffic { application: Application::Exchange, count: 1, ..t.clone() };
    let own: Vec<Traffic> =
        scenario.traffic.iter().filter(|t| t.application != Application::Replay).map(single).collect();
    let probed = asked.len() + own.len();
    let played = probes(network, own, None);
    found.extend(of_run(&played));
    found.extend(silent_gateways(scenario, &played));
    (found, probed, left_out)
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
pub(super) fn probed(network: &Network) -> (Vec<Probe>, usize) {
    let mut asked = pairs(network);
    let left_out = asked.len().saturating_sub(PROBES_MAX);
    asked.truncate(PROBES_MAX);
    (asked, left_out)
}

fn pairs(network: &Network) -> Vec<Probe> {
    let hosts = ends::hosts(network);
    let outside: Vec<Endpoint> = ends::sites(network);
    let services = ends::private_endpoints(network);
    let probe = |from: &Endpoint, to: &Endpoint| Probe { from: *from, to: *to, protocol: PORT };
    let mut all = Vec::new();
    for from in &hosts {
        let others = hosts.iter().filter(|to| *to != from);
        all.extend(others.chain(&outside).chain(&services).map(|to| probe(from, to)));
        all.push(probe(from, &Endpoint { place: Place::Internet, address: ends::INTERNET }));
    }
    for from in &outside {
        all.extend(hosts.iter().map(|to| probe(from, to)));
    }
    let internet = Endpoint { place: Place::Internet, address: ends::INTERNET };
    for address in ends::public(network) {
        if let Ok(to) = network.endpoint(&address.to_string(), None) {
            let port = open_port(network, address).unwrap_or(PORT);
            all.push(Probe { from: internet, to, protocol: port });
        }
    }
    all
}

/// A port that somebody behind a public address serves.
fn open_port(network: &Network, address: IpAddr) -> Option<ProtoPort> {
    let rules = network.load_balancers().iter().flat_map(|lb| lb.rules.iter().map(move |rule| (lb, rule)));
    let mut ports = rules.filter(|(lb, rule)| lb.frontends[rule.frontend].address == address);
    let by_rule = ports.find_map(|(_, rule)| {
        let protocol = match rule.protocol {
            LbProtocol::Udp => IpProtocol::UDP,
            _ => IpProtocol::TCP,
        };
        (rule.frontend_port > 0).then_some(ProtoPort { protocol, port: rule.frontend_port })
    });
    let owner = network
        .nics()
        .iter()
        .find(|nic| nic.ip_configurations.iter().any(|config| config.public_address == Some(address)));
    let listens = || {
        let guest = &network[owner?.vm?].guest;
        guest.dnat.first().map(|rule| rule.port).or_else(|| guest.listen.as_ref()?.first().copied())
    };
    by_rule.or_else(listens)
}
