//! The generator reaches what it is for: every outcome of a list happens in a fixed sample.
//!
//! `cargo test --test coverage -- --nocapture` prints how often.
#![allow(clippy::print_stdout)]

use std::{collections::BTreeMap, net::IpAddr};

use proptest::{
    collection::vec,
    strategy::{Strategy, ValueTree},
    test_runner::{Config, RngAlgorithm, TestRng, TestRunner},
};
use vnetsim_compile::{Compiled, RouteOrigin};
use vnetsim_model::{
    ConnectionEnd, DeploymentModel, Endpoint, Era, LbTarget, Network, PeeringScope, SiteKind, Traffic,
    VpnType,
};
use vnetsim_sim::run;
use vnetsim_testkit::{RandomNetwork, network, public_addresses, real, traffic};
use vnetsim_trace::PacketTrace;
use vnetsim_types::{
    ApplianceAction, DropReason, IpProtocol, NoObserver, Part, Place, ProtoPort, SimTime, SiteId, Step,
    VnetId,
};

/// Networks in the sample.
const NETWORKS: usize = 1_000;

/// What must happen at least once, beside the reasons of drops. `Delivered...` are whole conversations.
const WANTED: &[&str] = &[
    "Completed tcp",
    "Completed udp",
    "Completed icmp",
    "Completed esp",
    "Completed v6",
    "Delivered across peering",
    "Delivered across peering v6",
    "Delivered across peering of another region",
    "Delivered across subnet peering",
    "Delivered via appliance",
    "Delivered via appliance v6",
    "Delivered via two appliances",
    "Delivered via appliance in a peered network",
    "Delivered via translating appliance",
    "Delivered via balancer",
    "Delivered via balancer v6",
    "Delivered by translation of a balancer",
    "Delivered via gateway",
    "Delivered via gateway v6",
    "Delivered via borrowed gateway",
    "Delivered via two gateways",
    "Delivered by one of several equal routes",
    "Delivered by a route server",
    "Delivered to a private endpoint",
    "Delivered to a gateway",
    "Delivered to the platform",
    "Delivered to the internet",
    "Delivered to the internet v6",
    "Delivered to a public address inside",
    "Delivered from the internet",
    "Delivered from the internet v6",
    "Delivered to a local network gateway",
    "Delivered to an ExpressRoute circuit",
    "Delivered to point-to-site clients",
    "Delivered from a site",
    "Allowed by a custom rule",
    "Ttl ran out with an ICMP error",
];

/// Reasons that one conversation, or a few, cannot have.
const TOO_MANY: &[DropReason] = &[DropReason::FlowTableFull];

/// Reasons of a timeline's faults and of appliances that are told what they can carry: random networks have neither.
const FAULTS: &[DropReason] =
    &[DropReason::GuestDead, DropReason::ApplianceOverloaded, DropReason::LinkDown, DropReason::LinkLoss];

#[test]
fn every_interesting_outcome_happens() {
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &[7; 32]);
    let mut runner = TestRunner::new_with_rng(Config::default(), rng);
    let strategy = (network(), vec(traffic(), 16));
    let mut seen: BTreeMap<String, u64> = BTreeMap::new();
    let mut sent = 0;
    for _ in 0..NETWORKS {
        let tree = strategy.new_tree(&mut runner).expect("plans are not filtered");
        let (random, plans) = tree.current();
        let made: Vec<Traffic> = plans.iter().filter_map(|plan| plan.traffic(&random.network)).collect();
        sent += made.len();
        let all = made.iter().flat_map(|traffic| outcomes(&random.network, traffic));
        for what in all.chain(floods(&random, &made)) {
            *seen.entry(what).or_default() += 1;
        }
    }
    println!("{sent} conversations in {NETWORKS} networks");
    for (what, count) in &seen {
        println!("{count:>6} {what}");
    }
    let reasons =
        DropReason::ALL.iter().filter(|reason| !TOO_MANY.contains(reason) && !FAULTS.contains(reason));
    let wanted = reasons.map(|reason| reason.name()).chain(WANTED.iter().copied());
    let missing: Vec<_> = wanted.filter(|what| !seen.contains_key(*what)).collect();
    assert!(missing.is_empty(), "never happened: {missing:?}");
}

/// What happens to many datagrams at once: large ones, which exceed a machine's rate, and many connections, which
/// use up shared ports.
fn floods(random: &RandomNetwork, made: &[Traffic]) -> Vec<String> {
    let first = made.iter().find(|traffic| matches!(traffic.from.place, Place::Nic(_)));
    let flood = |payload_bytes: u16, count: u64| {
        let protocol = ProtoPort { protocol: IpProtocol::UDP, port: 53 };
        let interval = SimTime::from_micros(10);
        // Large ones go where they went, small ones out to the internet.
        let host = Endpoint { place: Place::Internet, address: IpAddr::from([8, 8, 8, 8]) };
        let to = |traffic: &Traffic| match payload_bytes == 0 && traffic.from.address.is_ipv4() {
            true => host,
            false => traffic.to,
        };
        let flood = first.map(|traffic| Traffic {
            to: to(traffic),
            protocol,
            interval,
            count,
            payload_bytes,
            one_way: true,
            dont_fragment: false,
            source_port: 30_000,
            ..traffic.clone()
        });
        run(random.network.clone(), flood.as_slice(), &[], &mut NoObserver).dropped
    };
    let dropped = [flood(60_000, 60), flood(0, 40)];
    dropped.iter().flat_map(|dropped| dropped.keys()).map(|reason| reason.name().to_owned()).collect()
}

fn outcomes(network: &Network, traffic: &Traffic) -> Vec<String> {
    let run = real(network, traffic);
    let mut all: Vec<String> = run.report.dropped.keys().map(|reason| reason.name().to_owned()).collect();
    if run.trace.part(Part::IcmpError).is_some() {
        all.push("Ttl ran out with an ICMP error".to_owned());
    }
    if !run.report.dropped.is_empty() {
        return all;
    }
    all.extend(completed(traffic));
    let compiled = run.report.epochs[0].compiled();
    if let Some(request) = run.trace.part(Part::Request) {
        all.extend(ways(network, traffic, request));
    }
    let steps = run.trace.packets.iter().flat_map(|packet| &packet.steps).map(|(_, step)| step);
    all.extend(steps.flat_map(|step| told(network, compiled, step)).map(str::to_owned));
    let v6 = traffic.to.address.is_ipv6();
    let both = all.iter().filter(|_| v6).map(|what| format!("{what} v6")).collect::<Vec<_>>();
    all.extend(both);
    all.sort_unstable();
    all.dedup();
    all
}

fn completed(traffic: &Traffic) -> Vec<String> {
    let name = match traffic.protocol.protocol {
        IpProtocol::TCP => "tcp",
        IpProtocol::UDP => "udp",
        IpProtocol::ESP | IpProtocol::AH => "esp",
        _ => "icmp",
    };
    let v6 = traffic.to.address.is_ipv6().then(|| "Completed v6".to_owned());
    [format!("Completed {name}")].into_iter().chain(v6).collect()
}

/// What the way of the first packet is an example of.
fn ways(network: &Network, traffic: &Traffic, request: &PacketTrace) -> Vec<String> {
    let mut all = Vec::new();
    let nics: Vec<_> = request
        .via()
        .filter_map(|place| match place {
            Place::Nic(nic) => Some(nic),
            _ => None,
        })
        .collect();
    let gateways = request.via().filter(|place| matches!(place, Place::Gateway(_))).count();
    match nics.len() {
        0 => {}
        1 => all.push("Delivered via appliance"),
        _ => all.push("Delivered via two appliances"),
    }
    if gateways > 1 {
        all.push("Delivered via two gateways");
    }
    if let (Place::Nic(from), Some(first)) = (traffic.from.place, nics.first())
        && network[from].vnet != network[*first].vnet
    {
        all.push("Delivered via appliance in a peered network");
    }
    let borrowed = |place: Place| match (traffic.from.place, place) {
        (Place::Nic(nic), Place::Gateway(gateway)) => network[nic].vnet != network[gateway].vnet,
        _ => false,
    };
    if request.via().any(borrowed) {
        all.push("Delivered via borrowed gateway");
    }
    let inside = traffic.from.place != Place::Internet;
    if inside && public_addresses(network).contains(&traffic.to.address) {
        all.push("Delivered to a public address inside");
    }
    all.into_iter().map(str::to_owned).collect()
}

/// What one step is an example of.
fn told(network: &Network, compiled: &Compiled, step: &Step) -> Vec<&'static str> {
    let mut all = Vec::new();
    match *step {
        Step::Peering { link, .. } => {
            let link = &network[link];
            all.push("Delivered across peering");
            if network[link.vnet].location != network[link.remote.value].location {
                all.push("Delivered across peering of another region");
            }
            if link.scope != PeeringScope::Complete {
                all.push("Delivered across subnet peering");
            }
        }
        Step::Appliance { action: ApplianceAction::Translated { .. }, .. } => {
            all.push("Delivered via translating appliance");
        }
        Step::LoadBalancer { .. } => all.push("Delivered via balancer"),
        Step::Rewritten { .. } => all.push("Delivered by translation of a balancer"),
        Step::Gateway { .. } => all.push("Delivered via gateway"),
        Step::Nsg { rule, .. } if compiled.rule(rule).custom.is_some() => {
            all.push("Allowed by a custom rule")
        }
        Step::Route { route: Some(route), ways, .. } => {
            if ways > 1 {
                all.push("Delivered by one of several equal routes");
            }
            if matches!(compiled.route(route).origin, RouteOrigin::RouteServer(..)) {
                all.push("Delivered by a route server");
            }
        }
        Step::Delivered { to, .. } => all.extend(arrived(network, to)),
        Step::Sent { from: Place::Internet, .. } => all.push("Delivered from the internet"),
        Step::Sent { from: Place::Site(_), .. } => all.push("Delivered from a site"),
        _ => {}
    }
    all
}

fn arrived(network: &Network, to: Place) -> Option<&'static str> {
    Some(match to {
        Place::Internet => "Delivered to the internet",
        Place::PrivateEndpoint(_) => "Delivered to a private endpoint",
        Place::Gateway(_) => "Delivered to a gateway",
        Place::Platform => "Delivered to the platform",
        Place::Site(site) => match network[site].kind {
            SiteKind::LocalNetworkGateway => "Delivered to a local network gateway",
            SiteKind::Circuit => "Delivered to an ExpressRoute circuit",
            SiteKind::Clients => "Delivered to point-to-site clients",
        },
        Place::Nic(_) => return None,
    })
}

type Kind = (&'static str, fn(&Network) -> bool);

/// What some networks must have.
const KINDS: &[Kind] = &[
    ("era 2017", |n| n.semantics().era == Era::Y2017),
    ("classic network", |n| n.vnets().iter().any(|v| v.deployment_model == DeploymentModel::Classic)),
    ("subnet peering", |n| n.peerings().iter().any(|l| l.scope != PeeringScope::Complete)),
    ("IPv6-only peering", |n| n.peerings().iter().any(|l| l.only_ipv6)),
    ("gateways of both kinds in one network", |n| {
        (0..n.vnets().len()).any(|ix| n.gateways_of(VnetId::new(ix)).count() > 1)
    }),
    ("active-active gateway", |n| n.gateways().iter().any(|g| g.instances.len() > 1)),
    ("policy-based gateway", |n| n.gateways().iter().any(|g| g.vpn_type == VpnType::PolicyBased)),
    ("connection with BGP", |n| n.connections().iter().any(|c| c.bgp)),
    ("connection that is down", |n| n.connections().iter().any(|c| !c.up)),
    ("connection between gateways", |n| {
        n.connections().iter().any(|c| matches!(c.end, ConnectionEnd::Gateway(_)))
    }),
    ("site with two connections", |n| {
        let ends = |site: usize| ConnectionEnd::Site(SiteId::new(site));
        let count = |site: usize| n.connections().iter().filter(|c| c.end == ends(site)).count();
        (0..n.sites().len()).any(|site| count(site) > 1)
    }),
    ("circuit", |n| n.sites().iter().any(|s| s.kind == SiteKind::Circuit)),
    ("point-to-site clients", |n| n.sites().iter().any(|s| s.kind == SiteKind::Clients)),
    ("route server with peers", |n| n.route_servers().iter().any(|s| !s.peers.is_empty())),
    ("private endpoint", |n| !n.private_endpoints().is_empty()),
    ("balancer with two frontends", |n| n.load_balancers().iter().any(|lb| lb.frontends.len() > 1)),
    ("IPv6 frontend", |n| {
        let mut frontends = n.load_balancers().iter().flat_map(|lb| &lb.frontends);
        frontends.any(|frontend| frontend.address.is_ipv6())
    }),
    ("probed rule", |n| n.load_balancers().iter().flat_map(|lb| &lb.rules).any(|r| r.probe.is_some())),
    ("floating IP", |n| n.load_balancers().iter().flat_map(|lb| &lb.rules).any(|r| r.floating_ip)),
    ("inbound NAT rule", |n| {
        let mut rules = n.load_balancers().iter().flat_map(|lb| &lb.rules);
        rules.any(|rule| !matches!(rule.target, LbTarget::Pool(_)))
    }),
    ("outbound rule", |n| n.load_balancers().iter().any(|lb| !lb.outbound_rules.is_empty())),
    ("NAT gateway with two addresses", |n| n.subnets().iter().any(|s| s.nat_gateway.len() > 1)),
    ("firewall with a policy", |n| n.vms().iter().any(|vm| vm.guest.policy.is_some())),
    ("guest with another MTU", |n| n.vms().iter().any(|vm| vm.guest.mtu != 1_500)),
    ("machine with a size", |n| n.vms().iter().any(|vm| vm.size.is_some())),
];

/// The generator makes objects of every kind, each in one network of a hundred at least.
#[test]
fn every_kind_of_object_is_drawn() {
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &[8; 32]);
    let mut runner = TestRunner::new_with_rng(Config::default(), rng);
    let mut seen: BTreeMap<&str, usize> = BTreeMap::new();
    for _ in 0..NETWORKS {
        let random = network().new_tree(&mut runner).expect("plans are not filtered").current();
        for (what, _) in KINDS.iter().filter(|(_, is)| is(&random.network)) {
            *seen.entry(what).or_default() += 1;
        }
    }
    println!("{seen:#?}");
    let often = |what: &str| seen.get(what).is_some_and(|count| *count >= NETWORKS / 100);
    let missing: Vec<_> = KINDS.iter().map(|(what, _)| what).filter(|what| !often(what)).collect();
    assert!(missing.is_empty(), "too seldom: {missing:?}");
}
