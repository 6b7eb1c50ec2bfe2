//! What must hold whatever the network is: the checks that Part 11 of the semantics asks for, and the books.

use std::collections::{BTreeMap, BTreeSet};

use proptest::{collection::vec, prelude::*};
use vnetsim_compile::{RouteSource, RouteState, compile};
use vnetsim_data::Data;
use vnetsim_model::{
    Endpoint, Era, LbProtocol, LbSku, Network, PeeringState, Semantics, Traffic, TtlGateway, VnetAccessModel,
    check,
};
use vnetsim_sim::{Report, run};
use vnetsim_testkit::{RandomNetwork, TrafficPlan, network, plain_network, real, traffic};
use vnetsim_trace::{ConversationTrace, PacketTrace, TraceObserver};
use vnetsim_types::{
    ApplianceAction, DropReason, IpProtocol, LbId, NicId, NoObserver, Observer, PacketId, PacketTag, Part,
    PeeringId, Place, ProtoPort, SimTime, Step, SubnetId, TrafficId, VmId, VnetId,
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

/// Every packet ends, and nothing happens to it afterwards.
fn ends_once(packet: &PacketTrace) -> Result<(), String> {
    let end = |step: &Step| matches!(step, Step::Delivered { .. } | Step::Dropped { .. });
    let ends = packet.steps.iter().filter(|(_, step)| end(step)).count();
    let last = packet.steps.last().is_some_and(|(_, step)| end(step));
    match ends == 1 && last {
        true => Ok(()),
        false => Err(format!("packet {:?} has {ends} ends", packet.id)),
    }
}

/// Length of the IP packets of `traffic`; TCP handshakes carry nothing.
fn ip_length(traffic: &Traffic) -> u64 {
    let ip = if traffic.to.address.is_ipv4() { 20 } else { 40 };
    let payload = u64::from(traffic.payload_bytes);
    match traffic.protocol.protocol {
        IpProtocol::TCP => ip + 20,
        IpProtocol::UDP | IpProtocol::ICMP | IpProtocol::ICMPV6 => ip + 8 + payload,
        _ => ip + payload,
    }
}

/// PEER-39: what the books say about each link is what the packets say that crossed it.
fn meter_is_exact(
    network: &Network,
    traffic: &Traffic,
    trace: &ConversationTrace,
    report: &Report,
) -> Result<(), String> {
    // The size of an ICMP error is nobody's business here.
    if trace.part(Part::IcmpError).is_some() {
        return Ok(());
    }
    let mut crossed: BTreeMap<PeeringId, u64> = BTreeMap::new();
    for packet in &trace.packets {
        for (place, (_, step)) in packet.steps.iter().enumerate() {
            let refused = matches!(packet.steps.get(place + 1), Some((_, Step::Dropped { reason, .. })) if matches!(
                reason,
                DropReason::PeeringAccessDisabled | DropReason::ForwardedTrafficBlocked | DropReason::SubnetNotPeered
            ));
            if let (Step::Peering { link, .. }, false) = (step, refused) {
                *crossed.entry(*link).or_default() += ip_length(traffic);
            }
        }
    }
    for ix in 0..network.peerings().len() {
        let id = PeeringId::new(ix);
        let (booked, seen) = (report.meter.received(id), crossed.get(&id).copied().unwrap_or_default());
        if booked != seen {
            return Err(format!("{}: {booked} bytes booked, {seen} seen", network.link_path(id)));
        }
    }
    Ok(())
}

/// When each VM put packets on the wire: those that got as far as their route.
#[derive(Default)]
struct Senders {
    at: BTreeMap<PacketId, NicId>,
    sent: BTreeMap<NicId, Vec<SimTime>>,
}

impl Observer for Senders {
    fn packet(&mut self, _: PacketId, _: PacketTag) {}

    fn step(&mut self, packet: PacketId, now: SimTime, step: Step) {
        match step {
            Step::Sent { from: Place::Nic(nic), .. } | Step::Appliance { nic_out: nic, .. } => {
                self.at.insert(packet, nic);
            }
            Step::Route { .. } => {
                if let Some(nic) = self.at.remove(&packet) {
                    self.sent.entry(nic).or_default().push(now);
                }
            }
            _ => {}
        }
    }
}

/// VM-02: in no stretch of time enters more than the rate lets out and the queue of 50 ms holds, beside the last packet,
/// which finds the queue as full as it may be.
fn keeps_to_its_rate(times: &[SimTime], bits: u64, mbps: u64) -> bool {
    let allowed = |from: SimTime, to: SimTime| (to.since(from).0 / 1_000 + 50_000) * mbps;
    let starts = times.iter().enumerate();
    starts.into_iter().all(|(first, from)| {
        let ends = times.iter().enumerate().skip(first);
        ends.into_iter().all(|(last, to)| (last - first) as u64 * bits <= allowed(*from, *to))
    })
}

proptest! {
    /// (a), (d), LB-10, PEER-39 and the books, one conversation at a time.
    #[test]
    fn every_packet_keeps_the_rules(random in network(), plans in vec(traffic(), 10)) {
        for traffic in plans.iter().filter_map(|plan| plan.traffic(&random.network)) {
            let run = real(&random.network, &traffic);
            let check = || {
                for packet in &run.trace.packets {
                    ends_once(packet)?;
                    crossings_are_allowed(&random.network, packet)?;
                    time_to_live_is_exact(&random.network, packet)?;
                }
                balancing_is_symmetric(&random.network, &run.trace)?;
                meter_is_exact(&random.network, &traffic, &run.trace, &run.report)?;
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
                Endpoint { place: Place::Nic(NicId::new(ix)), address }
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

    /// (e): RT-11 leaves one winner per prefix, equal learned ones aside (FE-04).
    #[test]
    fn one_active_route_per_prefix(random in network()) {
        let compiled = compile(&random.network, 0);
        for ix in 0..random.network.subnets().len() {
            let mut seen = BTreeMap::new();
            let rows = compiled.effective_routes(SubnetId::new(ix));
            for (_, row) in rows.filter(|(_, row)| row.state == RouteState::Active) {
                let learned = row.source == RouteSource::VirtualNetworkGateway;
                let before = seen.insert(row.prefix, learned);
                prop_assert!(before.is_none_or(|before| before && learned), "{} is Active twice", row.prefix);
            }
        }
    }

    /// (g): what is legal in 2017 is legal now, Basic SKUs aside.
    #[test]
    fn whatever_2017_allows_is_still_allowed(random in network()) {
        let then = random.semantics.era == Era::Y2017;
        let basic = random.network.load_balancers().iter().any(|lb| lb.sku == LbSku::Basic);
        if then && !basic {
            let now = check(&random.draft, Semantics::of(Era::Modern));
            prop_assert!(now.network.is_some(), "{:#?}", now.problems);
        }
    }

    /// (f), VM-01, VM-02: a flood of datagrams from every machine at once.
    #[test]
    fn no_machine_exceeds_its_size(random in network(), plans in vec(traffic(), 6)) {
        let protocol: ProtoPort = "udp/53".parse().expect("a port written in the source");
        let inside = |t: &Traffic| matches!(t.from.place, Place::Nic(_)) && t.from.address.is_ipv4();
        let made = plans.iter().filter_map(|plan| plan.traffic(&random.network)).filter(inside).enumerate();
        let traffic: Vec<Traffic> = made
            .map(|(ix, traffic)| Traffic {
                name: format!("t{ix}").into(),
                protocol,
                source_port: 20_000 + 1_000 * ix as u16,
                interval: SimTime::from_micros(40),
                count: 150,
                payload_bytes: 60_000,
                one_way: true,
                dont_fragment: false,
                ..traffic
            })
            .collect();
        let mut senders = Senders::default();
        run(random.network.clone(), &traffic, &[], &mut senders);
        let mut by_vm: BTreeMap<VmId, Vec<SimTime>> = BTreeMap::new();
        for (nic, times) in senders.sent {
            if let Some(vm) = random.network[nic].vm {
                by_vm.entry(vm).or_default().extend(times);
            }
        }
        for (vm, mut times) in by_vm {
            times.sort_unstable();
            let size = random.network[vm].size.as_deref().and_then(|size| Data::current().vm_size(size)?.mbps);
            let keeps = size.is_none_or(|mbps| keeps_to_its_rate(&times, 60_028 * 8, mbps));
            prop_assert!(keeps, "{} sends more than {size:?} Mbps", &random.network[vm].name.value);
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
