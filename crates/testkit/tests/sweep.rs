//! Probes, classes of ends and diffs on random networks, each held against conversations that are played alone.

use std::{
    collections::BTreeSet,
    net::{IpAddr, Ipv4Addr},
    num::NonZeroUsize,
};

use proptest::prelude::*;
use vnetsim_analysis::{
    Cell, DiffQuestion, Fate, Grouping, Kind, MatrixQuestion, Played, Probe, Who, addresses, diff, ends,
    matrix, probe, sweep,
};
use vnetsim_model::{
    Network, Traffic,
    draft::{Guest, IpConfiguration},
};
use vnetsim_sim::Outcome;
use vnetsim_testkit::{OperationPlan, RandomNetwork, network, operation};
use vnetsim_types::{IpProtocol, ProtoPort, Step, TrafficId};

const INTERNET: IpAddr = IpAddr::V4(Ipv4Addr::new(8, 8, 8, 8));

const PROTOCOLS: [ProtoPort; 4] = [
    ProtoPort { protocol: IpProtocol::TCP, port: 443 },
    ProtoPort { protocol: IpProtocol::UDP, port: 53 },
    ProtoPort { protocol: IpProtocol::ICMP, port: 0 },
    ProtoPort { protocol: IpProtocol::ESP, port: 0 },
];

fn alone(network: &Network, asked: &Probe) -> Played {
    probe(network, &Traffic::probe("alone", asked.from, asked.to, asked.protocol), None)
}

/// Every ordered pair of the ends of a network, one VM each, both ways, with every protocol.
fn all_pairs(network: &Network) -> Vec<Probe> {
    let all: Vec<Who> = ends(network, INTERNET, Grouping::Vms).iter().map(|end| end.members[0].who).collect();
    let pairs = all.iter().flat_map(|a| all.iter().map(move |b| (*a, *b)));
    let known: Vec<_> = pairs.filter_map(|(a, b)| addresses(network, a, b)).collect();
    let of = |protocol| known.iter().map(move |(from, to)| Probe { from: *from, to: *to, protocol });
    PROTOCOLS.into_iter().flat_map(of).collect()
}

/// True when the flow's hash chose among several ways.
fn hashed(played: &Played, id: TrafficId) -> bool {
    let steps = played.trace.conversations_of(id).flat_map(|c| &c.packets).flat_map(|p| &p.steps);
    steps.into_iter().any(|(_, step)| match step {
        Step::LoadBalancer { healthy, .. } => *healthy > 1,
        Step::Route { ways, .. } => *ways > 1,
        _ => false,
    })
}

/// What people are told of a fate: names instead of ids.
fn told(played: &Played, fate: &Fate) -> String {
    let explainer = played.explainer();
    let outcome = match fate.outcome {
        Outcome::Dropped { part, at, reason } => format!("{reason} {part:?} at {}", explainer.place(at)),
        other => format!("{other:?}"),
    };
    let names = |via: &[vnetsim_types::Place]| {
        via.iter().map(|at| explainer.place(*at)).collect::<Vec<_>>().join(" ")
    };
    format!("{outcome}, forward {}, back {}", names(&fate.forward), names(&fate.back))
}

fn workers(number: usize) -> NonZeroUsize {
    NonZeroUsize::new(number).unwrap_or(NonZeroUsize::MIN)
}

fn question(grouping: Grouping, number: usize) -> MatrixQuestion {
    let (from, to) = (Vec::new(), Vec::new());
    MatrixQuestion {
        grouping,
        protocols: PROTOCOLS.to_vec(),
        from,
        to,
        internet: INTERNET,
        workers: workers(number),
    }
}

fn diff_question() -> DiffQuestion {
    DiffQuestion { protocols: PROTOCOLS.to_vec(), internet: INTERNET, workers: workers(2) }
}

/// The network, with two machines more for each that has one NIC and no public address. Every second one, and its copies,
/// becomes a plain host: appliances are like nobody else. Else copies differ in name and address only.
fn tripled(random: &RandomNetwork) -> Option<RandomNetwork> {
    let mut draft = random.draft.clone();
    for ix in 0..draft.virtual_machines.len() {
        let vm = &mut draft.virtual_machines[ix];
        let [nic] = vm.network_interfaces.as_slice() else { continue };
        let Some(nic) = draft.network_interfaces.iter_mut().find(|n| n.name.value == nic.value) else {
            continue;
        };
        let named = |c: &IpConfiguration| c.public_ip_address.is_some() || !c.inbound_nat_rules.is_empty();
        if nic.ip_configurations.iter().any(named) {
            continue;
        }
        if ix % 2 == 1 {
            let listen = vm.guest.take().and_then(|guest| guest.listen);
            vm.guest = Some(Guest { listen, ..Guest::default() });
            nic.enable_ip_forwarding = None;
        }
        let (nic, vm) = (nic.clone(), vm.clone());
        for copy in ["b", "c"] {
            let (mut nic, mut vm) = (nic.clone(), vm.clone());
            nic.name = format!("{}-{copy}", nic.name.value).into();
            vm.name = format!("{}-{copy}", vm.name.value).into();
            vm.network_interfaces = vec![nic.name.clone()];
            nic.ip_configurations.iter_mut().for_each(|c| c.private_ip_address = None);
            draft.network_interfaces.push(nic);
            draft.virtual_machines.push(vm);
        }
    }
    RandomNetwork::new(draft, random.semantics).ok()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Nothing of one probe is left for the next: each ends, step by step, as in a run of its own.
    #[test]
    fn a_sweep_gives_each_probe_the_fate_that_it_has_alone(random in network()) {
        let asked = all_pairs(&random.network);
        let swept = sweep(&random.network, &asked);
        prop_assert_eq!(swept.report.traffic.len(), asked.len());
        for (ix, one) in asked.iter().enumerate() {
            let (id, alone) = (TrafficId::new(ix), alone(&random.network, one));
            prop_assert_eq!(swept.fate(id), alone.fate(TrafficId(0)), "{:?}", one);
            let steps = |played: &Played, id| -> Vec<_> {
                played.trace.conversations_of(id).flat_map(|c| &c.packets).map(|p| (p.part, p.steps.clone())).collect()
            };
            prop_assert_eq!(steps(&swept, id), steps(&alone, TrafficId(0)), "{:?}", one);
            prop_assert_eq!(&swept.report.traffic[ix].packets, &alone.report.traffic[0].packets);
        }
    }

    /// The number of threads changes nothing.
    #[test]
    fn threads_do_not_change_a_matrix(random in network()) {
        let one = matrix(&random.network, &question(Grouping::Vms, 1)).map_err(TestCaseError::fail)?;
        let three = matrix(&random.network, &question(Grouping::Vms, 3)).map_err(TestCaseError::fail)?;
        prop_assert_eq!(format!("{one:?}"), format!("{three:?}"));
    }

    /// What the first of a class meets, all of them meet.
    #[test]
    fn members_of_a_class_have_one_fate(random in network()) {
        let Some(random) = tripled(&random) else { return Ok(()) };
        let network = &random.network;
        let classes = ends(network, INTERNET, Grouping::Classes);
        for (from, to) in classes.iter().flat_map(|a| classes.iter().map(move |b| (a, b))) {
            let pairs = from.members.iter().flat_map(|a| to.members.iter().map(move |b| (a, b)));
            let pairs = pairs.filter(|(a, b)| a != b);
            let asked: Vec<Probe> = pairs
                .filter_map(|(a, b)| addresses(network, a.who, b.who))
                .map(|(from, to)| Probe { from, to, protocol: PROTOCOLS[0] })
                .collect();
            let played = sweep(network, &asked);
            let ids = (0..asked.len()).map(TrafficId::new).filter(|id| !hashed(&played, *id));
            // Where it died, by role: the ends are others each time.
            let own = |id: TrafficId, text: String| {
                let at = |place| format!("at {},", played.explainer().place(place));
                let Probe { from, to, .. } = asked[id.ix()];
                text.replace(&at(from.place), "at SENDER,").replace(&at(to.place), "at RECEIVER,")
            };
            let fates: BTreeSet<String> =
                ids.filter_map(|id| played.fate(id).map(|fate| own(id, told(&played, &fate)))).collect();
            prop_assert!(fates.len() <= 1, "{} -> {}: {:#?}", from.name(), to.name(), fates);
        }
    }

    /// A network does not differ from itself.
    #[test]
    fn nothing_differs_from_itself(random in network()) {
        prop_assert!(diff(&random.network, &random.network, &diff_question()).is_empty());
    }

    /// After any change: the flows whose fate differs when they are sent alone, and no others; and the other way round the
    /// mirror image.
    #[test]
    fn a_diff_has_the_flows_that_change_and_no_others(
        random in network(),
        plans in prop::collection::vec(operation(), 1..4),
    ) {
        let mut now = random.network.clone();
        for plan in &plans {
            let _ = plan.operation(&now).map(|operation| now.apply(&operation));
        }
        check_diff(&random.network, &now, &plans)?;
    }
}

fn check_diff(before: &Network, now: &Network, plans: &[OperationPlan]) -> Result<(), TestCaseError> {
    let found = diff(before, now, &diff_question());
    let mirror = diff(now, before, &diff_question());
    let image = |swap: bool, diff: &vnetsim_analysis::Diff| -> BTreeSet<String> {
        let one = |cause: &vnetsim_analysis::Cause, c: &vnetsim_analysis::Changed| {
            let (was, is) = if swap { (&c.now, &c.was) } else { (&c.was, &c.now) };
            let (cause_was, cause_is) =
                if swap { (&cause.now, &cause.was) } else { (&cause.was, &cause.now) };
            format!(
                "{} {} {} {was:?} {is:?} {} {cause_was} {cause_is}",
                c.from.name(),
                c.to.name(),
                c.protocol,
                cause.object
            )
        };
        diff.causes.iter().flat_map(|group| group.changed.iter().map(|c| one(&group.cause, c))).collect()
    };
    prop_assert_eq!(image(false, &found), image(true, &mirror), "{:?}", plans);
    let mut listed: BTreeSet<(String, String, ProtoPort)> = BTreeSet::new();
    let mut only_cost: BTreeSet<(String, String, ProtoPort)> = BTreeSet::new();
    for changed in found.changed() {
        let pairs = changed.from.members.iter().flat_map(|a| changed.to.members.iter().map(move |b| (a, b)));
        for (a, b) in pairs {
            let key = (a.name.clone(), b.name.clone(), changed.protocol);
            if changed.kind() == Kind::OtherCost {
                only_cost.insert(key)
            } else {
                listed.insert(key)
            };
        }
    }
    let all = ends(before, INTERNET, Grouping::Vms);
    for (a, b) in all.iter().flat_map(|a| all.iter().map(move |b| (a, b))) {
        let (from, to) = (&a.members[0], &b.members[0]);
        for protocol in PROTOCOLS {
            let ask = |network: &Network| {
                let other = ends(network, INTERNET, Grouping::Vms);
                let who =
                    |name: &str| other.iter().map(|e| &e.members[0]).find(|m| m.name == name).map(|m| m.who);
                let (from, to) = addresses(network, who(&from.name)?, who(&to.name)?)?;
                let played = alone(network, &Probe { from, to, protocol });
                let fate = played.fate(TrafficId(0))?;
                Some((hashed(&played, TrafficId(0)), told(&played, &fate)))
            };
            let (was, is) = (ask(before), ask(now));
            if [&was, &is].into_iter().flatten().any(|(hashed, _)| *hashed) {
                continue;
            }
            let key = (from.name.clone(), to.name.clone(), protocol);
            if was != is {
                prop_assert!(listed.contains(&key), "{key:?} is missing: {was:?} -> {is:?}\n{plans:?}");
            } else {
                prop_assert!(!listed.contains(&key), "{key:?} does not change: {was:?}\n{plans:?}");
            }
            prop_assert!(was == is || !only_cost.contains(&key), "{key:?}: {was:?} -> {is:?}\n{plans:?}");
        }
    }
    Ok(())
}

/// Classes are there, and large: else the property above says little.
#[test]
fn the_large_network_has_few_classes() {
    let text = vnetsim_testkit::hub_and_spokes(20, 25);
    let loaded = vnetsim_scenario::load(text.as_bytes(), vnetsim_types::FileId(0));
    let network = loaded.scenario.unwrap_or_else(|| panic!("{:#?}", loaded.problems)).network;
    let classes = ends(&network, INTERNET, Grouping::Classes);
    assert_eq!(network.vms().len(), 503);
    // An app and a db for each spoke, both firewalls, dns, the site, the internet.
    assert_eq!(classes.len(), 45);
    assert_eq!(classes[3].name(), "s1/app (vm1-1 .. vm1-15, 15)");
}

/// 500 machines in a few screens, and what it says is right.
#[test]
fn the_large_network_stays_readable() {
    let text = vnetsim_testkit::hub_and_spokes(20, 25);
    let loaded = vnetsim_scenario::load(text.as_bytes(), vnetsim_types::FileId(0));
    let network = loaded.scenario.unwrap_or_else(|| panic!("{:#?}", loaded.problems)).network;
    for grouping in [Grouping::Classes, Grouping::Subnets] {
        let mut question = question(grouping, 2);
        question.protocols.truncate(1);
        let answer = matrix(&network, &question).expect("no names are asked for");
        let text = vnetsim_report::matrix_text(&answer);
        assert!(text.lines().count() <= 120, "{} lines\n{text}", text.lines().count());
        assert!(text.lines().all(|line| line.chars().count() <= 100), "{text}");
        let row = |name: &str| answer.rows.iter().position(|end| end.group() == name).expect("an end");
        let story = |from: &str, to: &str| {
            let cell = answer.grids[0].cells[row(from) * answer.columns.len() + row(to)];
            let Cell::Known(story) = cell else { panic!("{from} -> {to}: {cell:?}") };
            &answer.stories[story as usize]
        };
        assert!(story("s1/app", "s1/db").iter().all(|s| s.is_delivered() && s.forward.is_empty()));
        assert!(story("s1/app", "s2/app").iter().any(|s| s.forward == ["ilb-fw"]));
        assert!(story("s1/app", "s2/db").iter().all(|s| s.verdict_word() == "NSG_DENY"));
        assert!(story("s1/app", "internet").iter().any(|s| s.is_delivered() && s.forward == ["ilb-fw"]));
    }
}

/// The property about classes is not empty: random networks can be tripled, and machines are alike then.
#[test]
fn random_networks_have_classes() {
    use proptest::{strategy::ValueTree, test_runner::TestRunner};
    let mut runner = TestRunner::deterministic();
    let (mut tripled_ones, mut alike) = (0, 0);
    for _ in 0..64 {
        let random = network().new_tree(&mut runner).expect("nothing is discarded").current();
        let Some(random) = tripled(&random) else { continue };
        tripled_ones += 1;
        let classes = ends(&random.network, INTERNET, Grouping::Classes);
        alike += classes.iter().filter(|end| end.members.len() > 1).count();
    }
    assert!(tripled_ones > 40 && alike > 40, "{tripled_ones} networks, {alike} classes");
}

/// No scenario of the project differs from itself, and each has a matrix in 100 columns.
#[test]
fn every_scenario_equals_itself() {
    let mut files = Vec::new();
    files_of(std::path::Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../scenarios")), &mut files);
    files.sort();
    assert!(files.len() > 100, "{} scenarios", files.len());
    for file in files {
        let bytes = std::fs::read(&file).expect("a file of the project");
        let loaded = vnetsim_scenario::load(&bytes, vnetsim_types::FileId(0));
        let Some(scenario) = loaded.scenario else { continue };
        let mut asked = diff_question();
        asked.protocols.truncate(1);
        assert!(diff(&scenario.network, &scenario.network, &asked).is_empty(), "{}", file.display());
        let answer =
            matrix(&scenario.network, &question(Grouping::Classes, 2)).expect("no names are asked for");
        let text = vnetsim_report::matrix_text(&answer);
        let long: Vec<&str> = text.lines().filter(|line| line.chars().count() > 100).collect();
        assert!(long.is_empty(), "{}: {long:#?}", file.display());
    }
}

fn files_of(folder: &std::path::Path, found: &mut Vec<std::path::PathBuf>) {
    for entry in std::fs::read_dir(folder).expect("a folder of the project") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            files_of(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "yaml") {
            found.push(path);
        }
    }
}
