//! The generator reaches what it is for: every outcome of a list happens in a fixed sample.
//!
//! `cargo test --test coverage -- --nocapture` prints how often.
#![allow(clippy::print_stdout)]

use std::collections::BTreeMap;

use proptest::{
    collection::vec,
    strategy::{Strategy, ValueTree},
    test_runner::{Config, RngAlgorithm, TestRng, TestRunner},
};
use vnetsim_testkit::{network, real, traffic};
use vnetsim_types::{ApplianceAction, Part, Place, Step};

/// Networks in the sample.
const NETWORKS: usize = 500;

/// What must happen at least once. `Delivered...` are whole conversations.
const WANTED: &[&str] = &[
    "Completed tcp",
    "Completed udp",
    "Completed icmp",
    "Completed v6",
    "Delivered across peering",
    "Delivered across peering of another region",
    "Delivered via appliance",
    "Delivered via two appliances",
    "Delivered via appliance in a peered network",
    "Delivered via translating appliance",
    "Delivered via balancer",
    "Delivered via gateway",
    "Delivered via borrowed gateway",
    "Delivered to the internet",
    "Delivered from the internet",
    "Delivered to a site",
    "Delivered from a site",
    "Allowed by a custom rule",
    "Ttl ran out with an ICMP error",
    "SenderStopped",
    "ReservedPort",
    "SourceNotOwned",
    "IpForwardingDisabled",
    "GuestNotForwarding",
    "GuestPortClosed",
    "NsgDeny",
    "RouteNone",
    "NoSuchDestination",
    "NextHopUnreachable",
    "NextHopNotDirectlyConnected",
    "GatewayUnavailable",
    "PeeringAccessDisabled",
    "ForwardedTrafficBlocked",
    "NoLoadBalancerRule",
    "NoHealthyBackend",
    "GlobalPeeringBasicLb",
    "NoOutboundPath",
    "SourceNotTranslatable",
    "RoutingLoop",
    "NvaNoSession",
    "NoRouteOnPrem",
    "AnswerMismatch",
];

/// Rarer outcomes: counted and printed, not asserted.
const RARE: &[&str] = &["MulticastOrBroadcast", "InsufficientInput", "NoPublicAddress", "TtlExpired"];

#[test]
fn every_interesting_outcome_happens() {
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &[7; 32]);
    let mut runner = TestRunner::new_with_rng(Config::default(), rng);
    let strategy = (network(), vec(traffic(), 12));
    let mut seen: BTreeMap<String, u64> = BTreeMap::new();
    let mut sent = 0;
    for _ in 0..NETWORKS {
        let tree = strategy.new_tree(&mut runner).expect("plans are not filtered");
        let (random, plans) = tree.current();
        for traffic in plans.iter().filter_map(|plan| plan.traffic(&random.network)) {
            sent += 1;
            for what in outcomes(&random.network, &traffic) {
                *seen.entry(what).or_default() += 1;
            }
        }
    }
    println!("{sent} conversations in {NETWORKS} networks");
    for (what, count) in &seen {
        let known = WANTED.contains(&what.as_str()) || RARE.contains(&what.as_str());
        println!("{count:>6} {what}{}", if known { "" } else { " (not listed)" });
    }
    let missing: Vec<_> = WANTED.iter().filter(|what| !seen.contains_key(**what)).collect();
    assert!(missing.is_empty(), "never happened: {missing:?}");
}

fn outcomes(network: &vnetsim_model::Network, traffic: &vnetsim_model::Traffic) -> Vec<String> {
    let run = real(network, traffic);
    let mut all: Vec<String> = run.report.dropped.keys().map(|reason| reason.name().to_owned()).collect();
    if run.trace.part(Part::IcmpError).is_some() {
        all.push("Ttl ran out with an ICMP error".to_owned());
    }
    let steps = || run.trace.packets.iter().flat_map(|packet| &packet.steps).map(|(_, step)| step);
    if run.report.epochs.len() != 1 || !run.report.dropped.is_empty() {
        return all;
    }
    let mut note = |what: &str| all.push(what.to_owned());
    note(&format!(
        "Completed {}",
        match traffic.protocol.protocol.0 {
            6 => "tcp",
            17 => "udp",
            _ => "icmp",
        }
    ));
    if traffic.to.address.is_ipv6() {
        note("Completed v6");
    }
    let compiled = &run.report.epochs[0].compiled;
    let first = run.trace.part(Part::Request).map_or(&[][..], |packet| &packet.steps);
    let appliances: Vec<_> = first
        .iter()
        .filter_map(|(_, step)| match step {
            Step::Appliance { nic_in, .. } => Some(*nic_in),
            _ => None,
        })
        .collect();
    match appliances.len() {
        0 => {}
        1 => note("Delivered via appliance"),
        _ => note("Delivered via two appliances"),
    }
    if let (Place::Nic(from), Some(first)) = (traffic.from.place, appliances.first())
        && network[from].vnet != network[*first].vnet
    {
        note("Delivered via appliance in a peered network");
    }
    for step in steps() {
        match step {
            Step::Peering { link, .. } => {
                let link = &network[*link];
                note("Delivered across peering");
                if network[link.vnet].location != network[link.remote.value].location {
                    note("Delivered across peering of another region");
                }
            }
            Step::Appliance { action: ApplianceAction::Translated { .. }, .. } => {
                note("Delivered via translating appliance");
            }
            Step::LoadBalancer { .. } => note("Delivered via balancer"),
            Step::Gateway { gateway, .. } => {
                note("Delivered via gateway");
                if let Place::Nic(nic) = traffic.from.place
                    && network[nic].vnet != network[*gateway].vnet
                {
                    note("Delivered via borrowed gateway");
                }
            }
            Step::Nsg { rule, .. } if compiled.rule(*rule).custom.is_some() => {
                note("Allowed by a custom rule");
            }
            Step::Delivered { to: Place::Internet, .. } => note("Delivered to the internet"),
            Step::Delivered { to: Place::Site(_), .. } => note("Delivered to a site"),
            Step::Sent { from: Place::Internet, .. } => note("Delivered from the internet"),
            Step::Sent { from: Place::Site(_), .. } => note("Delivered from a site"),
            _ => {}
        }
    }
    all.sort_unstable();
    all.dedup();
    all
}
