//! What Azure's tools are said to answer, held against what the packets of every scenario met: asking and forwarding agree.

use std::{
    fs,
    path::{Path, PathBuf},
};

use vnetsim_analysis::{Bearing, HopType, azure_verdicts, connectivity, next_hop, probe};
use vnetsim_model::{Application, Traffic};
use vnetsim_scenario::load;
use vnetsim_trace::PacketTrace;
use vnetsim_types::{ApplianceAction, FileId, FlowKey, Part, Place, SimTime, Step, TrafficId};

fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder of scenarios") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            files(&path, found);
        } else if path.extension().is_some_and(|e| e == "yaml") {
            found.push(path);
        }
    }
}

/// Asks `check` about a probe for each traffic entry of each scenario; returns how many there were.
fn each_probe(mut check: impl FnMut(&str, &vnetsim_analysis::Played)) -> usize {
    let mut all = Vec::new();
    files(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scenarios"), &mut all);
    all.sort();
    let mut asked = 0;
    for path in all {
        let bytes = fs::read(&path).expect("a scenario");
        let Some(scenario) = load(&bytes, FileId(0)).scenario else { continue };
        let exchanges = scenario.traffic.iter().filter(|t| t.application == Application::Exchange);
        for entry in exchanges {
            let name = format!("{}, {}", path.display(), entry.name.value);
            let traffic = Traffic {
                source_port: 40_000,
                ..Traffic::probe(&name, entry.from, entry.to, entry.protocol)
            };
            check(&name, &probe(&scenario.network, &traffic, None));
            asked += 1;
        }
    }
    asked
}

/// The steps of a packet with the five-tuple that it has there.
fn with_key(packet: &PacketTrace) -> Vec<(SimTime, Step, Option<FlowKey>)> {
    let mut now = packet.key();
    let steps = packet.steps.iter().map(|(time, step)| {
        match step {
            Step::Rewritten { key, .. } | Step::PublicAddress { key, .. } => now = Some(*key),
            Step::Appliance { action: ApplianceAction::Translated { key, .. }, .. } => now = Some(*key),
            _ => {}
        }
        (*time, *step, now)
    });
    steps.collect()
}

#[test]
fn ip_flow_verify_and_next_hop_say_what_packets_met() {
    let (mut rules, mut routes) = (0, 0);
    each_probe(|name, played| {
        let explainer = played.explainer();
        let Some(trace) = played.trace.conversation(TrafficId(0), 0) else { return };
        let Some(request) = trace.way(Part::Request) else { return };
        for (now, step, key) in with_key(request) {
            let compiled = explainer.at(now);
            match (step, key) {
                (Step::Nsg { at: Place::Nic(nic), direction, level, rule, allowed, .. }, Some(key)) => {
                    let to_platform =
                        ["168.63.129.16", "169.254.169.254"].contains(&key.dst.to_string().as_str());
                    if to_platform {
                        continue; // NSG-22: other rules count there
                    }
                    let answers = compiled.ask_nsgs(nic, direction, &key);
                    let same = answers.iter().find(|answer| answer.level == level);
                    let same = same.map(|answer| (answer.rule, answer.allowed));
                    assert_eq!(same, Some((rule, allowed)), "{name} at {}", explainer.nic(nic));
                    rules += 1;
                }
                (Step::Route { subnet, dst, route, ways: 1 }, _) => {
                    assert_eq!(next_hop(compiled, subnet, dst).route, route, "{name}");
                    routes += 1;
                }
                _ => {}
            }
        }
    });
    assert!(rules > 100 && routes > 300, "{rules} rules, {routes} routes");
}

#[test]
fn connections_are_those_of_the_probe() {
    let asked = each_probe(|name, played| {
        let Some(answer) = connectivity(played, TrafficId(0)) else { return };
        assert_eq!(answer.reachable, played.all_completed(), "{name}");
        assert_eq!(answer.round_trip.is_some(), answer.reachable, "{name}");
        assert_eq!(answer.hops[0].kind, HopType::Source, "{name}");
        let mut ids: Vec<&str> = answer.hops.iter().map(|hop| hop.id.as_str()).collect();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), answer.hops.len(), "{name}: ids are unique");
        let issues: usize = answer.hops.iter().map(|hop| hop.issues.len()).sum();
        assert!(
            issues <= usize::from(!answer.reachable),
            "{name}: at most one issue, and none without a death"
        );
        if answer.reachable {
            let trace = played.trace.conversation(TrafficId(0), 0).expect("a trace");
            let request = trace.way(Part::Request).expect("a request");
            let via = request.via().filter(|place| matches!(place, Place::Nic(_))).count();
            let appliances = answer.hops.iter().filter(|hop| hop.kind == HopType::VirtualAppliance).count();
            assert_eq!(appliances, via, "{name}");
            assert_eq!(answer.hops.len(), via + 2, "{name}");
        }
    });
    assert!(asked > 300, "{asked} probes");
}

/// A living flow misleads nobody; of a dead one some tool hides the cause or shows it.
#[test]
fn verdicts_fit_the_fate() {
    each_probe(|name, played| {
        let dead = !played.all_completed();
        for verdict in azure_verdicts(played, TrafficId(0)) {
            assert!(!verdict.says.is_empty() && !verdict.at.is_empty(), "{name}");
            let unlisted = matches!(&verdict.bearing, Bearing::Misleading(why) if why.ends_with("(RT-32)"));
            assert!(dead || unlisted || verdict.bearing == Bearing::Neutral, "{name}: {verdict:?}");
        }
    });
}
