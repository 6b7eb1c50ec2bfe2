//! What must hold whatever the network is: the checks that Part 11 of the semantics asks for, and the books.

use std::collections::BTreeSet;

use proptest::{collection::vec, prelude::*};
use vnetsim_compile::{Compiled, RouteOrigin, RouteState, compile};
use vnetsim_dataplane::NextHop;
use vnetsim_model::{LbProtocol, Network, OperationKind, PeeringState, Traffic, TtlGateway, VnetAccessModel};
use vnetsim_sim::{Report, run};
use vnetsim_testkit::{RandomNetwork, TrafficPlan, compare_routes, network, plain_network, real, traffic};
use vnetsim_trace::{ConversationTrace, PacketTrace, TraceObserver};
use vnetsim_types::{
    ApplianceAction, LbId, NicId, NoObserver, Part, PeeringId, Place, ProtoPort, SimTime, Step, SubnetId,
    TrafficId, VnetId,
};

fn connected(network: &Network, a: VnetId, b: VnetId) -> bool {
    let one =
        |x, y| network.link_between(x, y).is_some_and(|(_, link)| link.state == PeeringState::Connected);
    one(a, b) && one(b, a)
}

/// (a): every crossing has two Connected links, and only crossings, gateways, appliances and the edge lead
/// from one network to another.
fn crossings_are_allowed(network: &Network, packet: &PacketTrace) -> Result<(), String> {
    let mut helped = false;
    let mut sender = None;
    for (_, step) in &packet.steps {
        match step {
            Step::Sent { from: Place::Nic(nic), .. } => sender = Some(network[*nic].vnet),
            Step::Peering { link, .. } => {
                let link = &network[*link];
                if !connected(network, link.vnet, link.remote.value) {
                    return Err(format!("{} crosses a peering that is not Connected", link.name.value));
                }
            }
            Step::Appliance { .. } | Step::Gateway { .. } | Step::PublicAddress { .. } => helped = true,
            Step::Delivered { to: Place::Nic(nic), .. } => {
                let receiver = network[*nic].vnet;
                let crossed = sender.is_some_and(|sender| sender != receiver);
                if crossed && !helped && !sender.is_some_and(|sender| connected(network, sender, receiver)) {
                    return Err("delivered between networks that nothing joins".to_owned());
                }
            }
            _ => {}
        }
    }
    Ok(())
}

/// (d): one step down per appliance, and per gateway where the switch says so (U-08).
fn time_to_live_is_exact(network: &Network, packet: &PacketTrace) -> Result<(), String> {
    let sent = packet.steps.iter().find_map(|(_, step)| match step {
        Step::Sent { ttl, .. } => Some(*ttl),
        _ => None,
    });
    let (Some(sent), Some((_, _, received))) = (sent, packet.delivery()) else { return Ok(()) };
    let gateways = network.semantics().ttl_gateway == TtlGateway::Decrement;
    let routers = packet.steps.iter().filter(|(_, step)| match step {
        Step::Appliance { .. } => true,
        Step::Gateway { .. } => gateways,
        _ => false,
    });
    let routers = routers.count();
    match usize::from(sent) - usize::from(received) == routers {
        true => Ok(()),
        false => Err(format!("ttl {sent} became {received} behind {routers} routers")),
    }
}

/// LB-10: behind HA ports both directions of an untranslated flow meet the same backend.
fn balancing_is_symmetric(network: &Network, trace: &ConversationTrace) -> Result<(), String> {
    // An ICMP error is a flow of its own.
    let packets = || trace.packets.iter().filter(|packet| packet.part != Part::IcmpError);
    let steps = || packets().flat_map(|packet| &packet.steps).map(|(_, step)| step);
    let translated = steps().any(|step| {
        let changed = ApplianceAction::Forwarded { ttl: 0 };
        matches!(step, Step::PublicAddress { .. })
            || matches!(step, Step::Appliance { action, .. }
                if std::mem::discriminant(action) != std::mem::discriminant(&changed))
    });
    let mut chosen: BTreeSet<(LbId, u32, NicId)> = BTreeSet::new();
    for step in steps() {
        if let Step::LoadBalancer { lb, rule, backend, .. } = step
            && network[*lb].rules[*rule as usize].protocol == LbProtocol::All
        {
            chosen.insert((*lb, *rule, *backend));
        }
    }
    let balancers: BTreeSet<_> = chosen.iter().map(|(lb, rule, _)| (*lb, *rule)).collect();
    match translated || balancers.len() == chosen.len() {
        true => Ok(()),
        false => Err(format!("one flow, several backends: {chosen:?}")),
    }
}

/// Nothing is lost: every packet made was delivered or dropped, and every conversation ended.
fn books_balance(report: &Report) -> Result<(), String> {
    let dropped: u64 = report.dropped.values().sum();
    if report.sent != report.delivered + dropped {
        return Err(format!("{} sent, {} delivered, {dropped} dropped", report.sent, report.delivered));
    }
    for traffic in &report.traffic {
        let ended: u64 = traffic.outcomes.iter().map(|group| group.count).sum();
        if ended != traffic.started {
            return Err(format!("{} conversations started, {ended} ended", traffic.started));
        }
    }
    Ok(())
}

/// All of `plans` at once, three conversations each.
fn together(random: &RandomNetwork, plans: &[TrafficPlan]) -> Vec<Traffic> {
    let made = plans.iter().filter_map(|plan| plan.traffic(&random.network)).enumerate();
    made.map(|(ix, traffic)| Traffic {
        name: format!("t{ix}").into(),
        start: SimTime::from_micros(ix as u64 / 2 * 100),
        interval: SimTime::from_micros(150),
        count: 3,
        ..traffic
    })
    .collect()
}

fn figures(report: &Report) -> impl PartialEq + std::fmt::Debug + use<> {
    let traffic = report.traffic.clone();
    (traffic, report.sent, report.delivered, report.dropped.clone(), report.events, report.end)
}

/// Rows of `subnet` that lead over `link`, or to a gateway of `lender`.
fn rows_by(
    compiled: &Compiled,
    network: &Network,
    subnet: SubnetId,
    link: PeeringId,
    lender: VnetId,
) -> usize {
    let rows = compiled.effective_routes(subnet).filter(|(_, row)| match row.origin {
        RouteOrigin::Peering(id) => id == link,
        RouteOrigin::Gateway(gateway) => network[gateway].vnet == lender,
        _ => matches!(row.next_hop, NextHop::Peering { remote, .. } if remote == lender),
    });
    rows.count()
}

proptest! {
    /// (a), (d), LB-10 and the books, one conversation at a time.
    #[test]
    fn every_packet_keeps_the_rules(random in network(), plans in vec(traffic(), 10)) {
        for traffic in plans.iter().filter_map(|plan| plan.traffic(&random.network)) {
            let run = real(&random.network, &traffic);
            let check = || {
                for packet in &run.trace.packets {
                    crossings_are_allowed(&random.network, packet)?;
                    time_to_live_is_exact(&random.network, packet)?;
                }
                balancing_is_symmetric(&random.network, &run.trace)?;
                books_balance(&run.report)
            };
            let failed = |what: String| format!("{what}\n{:#?}\n{}", run.trace, random.scenario_with(&traffic));
            check().map_err(|what| TestCaseError::fail(failed(what)))?;
        }
    }

    /// (b): default rules, no routes of users, no gateway: who reaches can be reached.
    #[test]
    fn plain_peerings_are_symmetric(random in plain_network()) {
        let network = &random.network;
        let alone = |ix: &usize| network.nics()[*ix].vm.is_some_and(|vm| network[vm].nics.len() == 1 && network[vm].running);
        let nics: Vec<usize> = (0..network.nics().len()).filter(alone).collect();
        let completes = |from: usize, to: usize| {
            let end = |ix: usize| {
                let address = network.nics()[ix].ip_configurations[0].address;
                vnetsim_model::Endpoint { place: Place::Nic(NicId::new(ix)), address }
            };
            let protocol: ProtoPort = "tcp/443".parse().expect("a port written in the source");
            let traffic = Traffic::probe("probe", end(from), end(to), protocol);
            let trace = real(network, &traffic).trace;
            let ack = trace.part(Part::Ack).and_then(PacketTrace::delivery);
            ack.is_some_and(|(place, ..)| place == Place::Nic(NicId::new(to)))
        };
        for (place, a) in nics.iter().enumerate() {
            for b in &nics[..place] {
                let (there, back) = (completes(*a, *b), completes(*b, *a));
                let (a, b) = (&network.nics()[*a], &network.nics()[*b]);
                prop_assert_eq!(there, back, "{} and {}", &a.name.value, &b.name.value);
                let joined = a.vnet == b.vnet || connected(network, a.vnet, b.vnet);
                let strict = network.semantics().vnet_access_model == VnetAccessModel::Strict;
                prop_assert!(strict || there == joined, "{} and {}: {}", &a.name.value, &b.name.value, there);
            }
        }
    }

    /// (c): a deleted link takes its routes, and those of a gateway borrowed by it, out of every subnet.
    #[test]
    fn deleted_links_leave_no_routes(random in network(), number in any::<prop::sample::Index>()) {
        let mut network = random.network.clone();
        if network.peerings().is_empty() {
            return Ok(());
        }
        let id = PeeringId::new(number.index(network.peerings().len()));
        let (vnet, remote, name) = (network[id].vnet, network[id].remote.value, network[id].name.clone());
        let opposite = network.link_between(remote, vnet).map(|(id, _)| id);
        prop_assert!(network.apply(&OperationKind::DeletePeering(vnet, name).into()).is_ok());
        let compiled = compile(&network, 1);
        for ix in 0..network.subnets().len() {
            let subnet = SubnetId::new(ix);
            compare_routes(&network, &compiled, subnet).map_err(TestCaseError::fail)?;
            if network[subnet].vnet == vnet {
                prop_assert_eq!(rows_by(&compiled, &network, subnet, id, remote), 0);
            }
            if let Some(opposite) = opposite.filter(|_| network[subnet].vnet == remote) {
                prop_assert_eq!(rows_by(&compiled, &network, subnet, opposite, vnet), 0);
            }
        }
    }

    /// (e): RT-11 leaves one winner per prefix.
    #[test]
    fn one_active_route_per_prefix(random in network()) {
        let compiled = compile(&random.network, 0);
        for ix in 0..random.network.subnets().len() {
            let mut seen = BTreeSet::new();
            let rows = compiled.effective_routes(SubnetId::new(ix));
            for (_, row) in rows.filter(|(_, row)| row.state == RouteState::Active) {
                prop_assert!(seen.insert(row.prefix), "{} is Active twice", row.prefix);
            }
        }
    }

    /// Watching changes nothing, and the same input gives the same trace; many conversations at once.
    #[test]
    fn runs_repeat_and_watching_changes_nothing(random in network(), plans in vec(traffic(), 10)) {
        let traffic = together(&random, &plans);
        let (mut first, mut second) = (TraceObserver::default(), TraceObserver::default());
        let watched = run(random.network.clone(), &traffic, &[], &mut first);
        let again = run(random.network.clone(), &traffic, &[], &mut second);
        let unwatched = run(random.network.clone(), &traffic, &[], &mut NoObserver);
        prop_assert_eq!(figures(&watched), figures(&unwatched));
        prop_assert_eq!(figures(&watched), figures(&again));
        prop_assert_eq!(format!("{:?}", first.conversations()), format!("{:?}", second.conversations()));
        books_balance(&watched).map_err(TestCaseError::fail)?;
        for (ix, entry) in traffic.iter().enumerate() {
            prop_assert_eq!(watched.traffic[ix].started, entry.count);
            prop_assert!(first.conversations().keys().any(|(id, _)| *id == TrafficId::new(ix)));
        }
    }
}
