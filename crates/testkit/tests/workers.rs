//! The number of threads changes nothing: random networks with changes, faults and every kind of application, and all
//! scenarios of the project.

use std::{
    fs,
    hash::{DefaultHasher, Hash, Hasher},
    ops::ControlFlow,
    path::{Path, PathBuf},
};

use proptest::{collection::vec, prelude::*};
use vnetsim_analysis::timeline_of;
use vnetsim_model::{
    Application, LinkCondition, LinkEnd, LinkFault, Network, Operation, OperationKind, Role, Traffic,
};
use vnetsim_scenario::{Scenario, load};
use vnetsim_sim::{Change, Play, Report};
use vnetsim_testkit::{OperationPlan, RandomNetwork, network, operation, traffic};
use vnetsim_trace::TraceObserver;
use vnetsim_types::{
    FileId, IpProtocol, NoObserver, Observer, PacketId, PacketTag, ProtoPort, SimTime, Span, Step, VmId,
    VnetId,
};

fn play(
    network: &Network,
    traffic: &[Traffic],
    timeline: &[Change],
    workers: usize,
) -> (Report, TraceObserver) {
    let mut trace = TraceObserver::default();
    let play = Play { network: network.clone(), traffic, timeline, injections: &[], seed: 7, workers };
    let report = play.run(&mut trace, &mut |_| ControlFlow::Continue(()));
    (report, trace)
}

/// Everything that a run says, as text.
fn said((report, trace): &(Report, TraceObserver)) -> String {
    format!("{}\n{:#?}", figures(report), trace.conversations())
}

fn figures(report: &Report) -> String {
    let Report { traffic, changes, epochs, end, sent, delivered, dropped, events, meter, stuck_at, stopped } =
        report;
    let changes: Vec<_> = changes.iter().map(|change| (change.at, &change.result)).collect();
    let epochs: Vec<_> = epochs.iter().map(|epoch| epoch.from).collect();
    format!(
        "{traffic:#?}\n{changes:?}\n{epochs:?}\n{end:?} {sent} {delivered} {dropped:?} {events} {meter:?} \
         {stuck_at:?} {stopped}"
    )
}

/// Wants every packet, and counts steps.
#[derive(Default)]
struct Everything(u64);

impl Observer for Everything {
    fn wants_all(&self) -> bool {
        true
    }
    fn wants_frames(&self) -> bool {
        true
    }
    fn packet(&mut self, _: PacketId, _: PacketTag) {}
    fn step(&mut self, _: PacketId, _: SimTime, _: Step) {
        self.0 += 1;
    }
}

fn play_to<O: Observer>(
    network: &Network,
    traffic: &[Traffic],
    timeline: &[Change],
    workers: usize,
    observer: &mut O,
) -> Report {
    let play = Play { network: network.clone(), traffic, timeline, injections: &[], seed: 7, workers };
    play.run(observer, &mut |_| ControlFlow::Continue(()))
}

/// Appliances that take `delay` for each packet.
fn with_delay(random: &RandomNetwork, delay: SimTime) -> Network {
    let mut draft = random.draft.clone();
    for guest in draft.virtual_machines.iter_mut().filter_map(|vm| vm.guest.as_mut()) {
        let appliance = guest.role.as_ref().is_some_and(|role| role.value != Role::Host);
        if appliance && guest.ip_forwarding.as_ref().is_none_or(|forwards| forwards.value) {
            guest.processing_delay = Some(delay.into());
        }
    }
    RandomNetwork::new(draft, random.semantics).expect("a delay within bounds").network
}

/// Some machine stops and starts again while others talk to it.
fn restarts(network: &Network, timeline: &mut Vec<Change>, vms: &[u8]) {
    for vm in vms {
        let vm = VmId::new(usize::from(*vm) % network.vms().len().max(1));
        for (at, runs) in [(SimTime::from_millis(6), false), (SimTime::from_millis(9), true)] {
            let operation = OperationKind::SetRunning(vm, runs).into();
            timeline.push(Change { name: None, at, operation, span: Span::default() });
        }
    }
    timeline.sort_by_key(|change| change.at);
}

/// Every packet is accounted for, by entry and in all.
fn balances(report: &Report) -> Result<(), String> {
    let dropped: u64 = report.dropped.values().sum();
    if report.sent != report.delivered + dropped || report.in_flight() != 0 {
        return Err(format!("{} sent, {} delivered, {dropped} dropped", report.sent, report.delivered));
    }
    let of_entries: u64 =
        report.traffic.iter().map(|t| t.packets.forward.sent + t.packets.backward.sent).sum();
    let left = report.traffic.iter().map(|t| t.packets.forward.in_flight() + t.packets.backward.in_flight());
    match (of_entries == report.sent, left.sum::<u64>()) {
        (true, 0) => Ok(()),
        (_, left) => Err(format!("{of_entries} of {} sent by entries, {left} left", report.sent)),
    }
}

/// The same traffic as something that lasts, by turns.
fn lasting(traffic: Traffic, ix: usize) -> Traffic {
    let port = |protocol| ProtoPort { protocol, port: 443 };
    let base = Traffic {
        name: format!("t{ix}").into(),
        start: SimTime::from_micros(1_700 * ix as u64),
        interval: SimTime::from_millis(3),
        count: 2,
        give_up: SimTime::from_secs(4),
        payload_bytes: traffic.payload_bytes.min(1_200),
        ..traffic
    };
    match ix % 5 {
        0 => Traffic {
            protocol: port(IpProtocol::TCP),
            one_way: false,
            application: Application::Requests { requests: 3, request_bytes: 900, response_bytes: 20_000 },
            ..base
        },
        1 => Traffic {
            protocol: port(IpProtocol::TCP),
            one_way: false,
            application: Application::Bulk { lasts: SimTime::from_millis(30) },
            ..base
        },
        2 => {
            let (lasts, interval) = (SimTime::from_millis(20), SimTime::from_micros(310));
            Traffic {
                protocol: port(IpProtocol::UDP),
                application: Application::Stream { lasts, interval },
                ..base
            }
        }
        3 => Traffic {
            protocol: port(IpProtocol::UDP),
            one_way: false,
            application: Application::Traceroute { hops_max: 6 },
            ..base
        },
        _ => base,
    }
}

fn timeline(network: &Network, plans: &[OperationPlan], loss_ppm: u32) -> Vec<Change> {
    let change = |at, operation: Operation| Change { name: None, at, operation, span: Span::default() };
    let condition = LinkCondition {
        loss_ppm,
        duplicate_ppm: loss_ppm / 2,
        reorder_ppm: loss_ppm,
        reorder_delay: SimTime::from_millis(1),
        jitter: SimTime::from_micros(50),
        ..LinkCondition::default()
    };
    let fault = LinkFault { from: LinkEnd::Vnet(VnetId(0)), to: None, both_ways: true, condition };
    let mut all = vec![change(SimTime::ZERO, OperationKind::SetLink(fault).into())];
    let mut network = network.clone();
    for (ix, plan) in plans.iter().enumerate() {
        if let Some(operation) = plan.operation(&network) {
            let _ = network.apply(&operation);
            all.push(change(SimTime::from_millis(5 * ix as u64 + 3), operation));
        }
    }
    all
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, ..ProptestConfig::default() })]

    #[test]
    fn workers_make_no_difference(
        random in network(),
        plans in vec(traffic(), 1..10),
        operations in vec(operation(), 0..4),
        loss_ppm in prop_oneof![Just(0_u32), 0..200_000_u32],
    ) {
        let made = plans.iter().filter_map(|plan| plan.traffic(&random.network)).enumerate();
        let made: Vec<Traffic> = made.map(|(ix, traffic)| lasting(traffic, ix)).collect();
        let timeline = timeline(&random.network, &operations, loss_ppm);
        let alone = play(&random.network, &made, &timeline, 1);
        prop_assert_eq!(balances(&alone.0), Ok(()));
        for workers in [2, 3, 8] {
            let together = play(&random.network, &made, &timeline, workers);
            prop_assert!(said(&alone) == said(&together), "{workers} workers: {}", differ(&alone, &together));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, ..ProptestConfig::default() })]

    /// Who watches, and how much, makes no difference: packets that nobody watches take short cuts.
    #[test]
    fn watching_makes_no_difference(
        random in network(),
        plans in vec(traffic(), 1..10),
        operations in vec(operation(), 0..4),
        loss_ppm in prop_oneof![3 => Just(None), 1 => (0..200_000_u32).prop_map(Some)],
        delay_us in prop_oneof![Just(0_u64), Just(20), Just(900), Just(5_000)],
        stopped in vec(any::<u8>(), 0..3),
    ) {
        let network = with_delay(&random, SimTime::from_micros(delay_us));
        let made = plans.iter().filter_map(|plan| plan.traffic(&network)).enumerate();
        let made: Vec<Traffic> = made.map(|(ix, traffic)| lasting(traffic, ix)).collect();
        let mut timeline = timeline(&network, &operations, loss_ppm.unwrap_or(0));
        if loss_ppm.is_none() {
            timeline.remove(0);
        }
        restarts(&network, &mut timeline, &stopped);
        let unwatched = play_to(&network, &made, &timeline, 1, &mut NoObserver);
        let expected = figures(&unwatched);
        prop_assert_eq!(balances(&unwatched), Ok(()));
        for workers in [1, 2, 3] {
            let few = figures(&play_to(&network, &made, &timeline, workers, &mut TraceObserver::default()));
            prop_assert!(few == expected, "few watched, {workers} workers: {}", first_difference(&few, &expected));
            let all = figures(&play_to(&network, &made, &timeline, workers, &mut Everything::default()));
            prop_assert!(all == expected, "all watched, {workers} workers: {}", first_difference(&all, &expected));
            let none = figures(&play_to(&network, &made, &timeline, workers, &mut NoObserver));
            prop_assert!(none == expected, "none watched, {workers} workers: {}", first_difference(&none, &expected));
        }
    }

    /// Somebody breaks the run off: it ends, and the books balance with what was under way.
    #[test]
    fn a_run_may_be_stopped_at_any_time(
        random in network(),
        plans in vec(traffic(), 1..10),
        operations in vec(operation(), 0..4),
        after in 0..60_u32,
    ) {
        let made = plans.iter().filter_map(|plan| plan.traffic(&random.network)).enumerate();
        let made: Vec<Traffic> = made.map(|(ix, traffic)| lasting(traffic, ix)).collect();
        let timeline = timeline(&random.network, &operations, 100_000);
        for workers in [1, 2, 3] {
            let network = random.network.clone();
            let play = Play { network, traffic: &made, timeline: &timeline, injections: &[], seed: 7, workers };
            let mut told = 0;
            let report = play.run(&mut TraceObserver::default(), &mut |_| {
                told += 1;
                if told > after { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
            });
            prop_assert_eq!(report.stopped, told > after);
            let left = |t: &vnetsim_sim::TrafficReport| t.packets.forward.in_flight() + t.packets.backward.in_flight();
            prop_assert_eq!(report.traffic.iter().map(left).sum::<u64>(), report.in_flight());
        }
    }
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path());
    let mut all: Vec<PathBuf> = entries
        .flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] })
        .filter(|path| path.extension().is_some_and(|e| e == "yaml"))
        .collect();
    all.sort();
    all
}

fn played(scenario: &Scenario, workers: usize) -> (Report, TraceObserver) {
    let timeline = timeline_of(scenario);
    play(&scenario.network, &scenario.traffic, &timeline, workers)
}

/// The first lines that differ, and what stands before them.
fn differ(a: &(Report, TraceObserver), b: &(Report, TraceObserver)) -> String {
    first_difference(&said(a), &said(b))
}

fn first_difference(a: &str, b: &str) -> String {
    let at = a.lines().zip(b.lines()).position(|(a, b)| a != b).unwrap_or_default();
    let lines = |text: &str| text.lines().skip(at.saturating_sub(12)).take(16).collect::<Vec<_>>().join("\n");
    format!("\n{}\n--- against\n{}", lines(a), lines(b))
}

fn hash(text: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    hasher.finish()
}

#[test]
fn every_scenario_is_the_same_with_any_number_of_workers() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scenarios");
    let mut seen = 0;
    for path in files(&folder) {
        let bytes = fs::read(&path).expect("a readable file");
        let Some(scenario) = load(&bytes, FileId(0)).scenario else { continue };
        let alone = played(&scenario, 1);
        assert_eq!(balances(&alone.0), Ok(()), "{}", path.display());
        let expected = hash(&said(&alone));
        for workers in [2, 3] {
            let together = played(&scenario, workers);
            let same = hash(&said(&together)) == expected;
            assert!(same, "{} with {workers} workers: {}", path.display(), differ(&alone, &together));
        }
        seen += 1;
    }
    assert!(seen > 250, "{seen} scenarios");
}
