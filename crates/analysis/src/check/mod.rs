//! `vnetsim check`: mistakes of a network that can be seen without its traffic (Part 10).
//!
//! Owns which mistakes there are and how their evidence is gathered. Two kinds of check: those that read objects and compiled
//! rows (`peerings`, `routes`, `next_hops`, `balancers`, `gateways`, `filters`, `timeline`), and those that send probes through
//! the one pipeline and name what the packets met (`flows` between `ends`, judged by `fates` and, for two ways, `one_way`). Called by `cli`; `trace` asks for
//! what explains one flow. Must never decide a packet's fate itself. Costs a compile, and a conversation for each probe.

mod balancers;
mod ends;
mod fates;
mod filters;
mod flows;
mod gateways;
mod next_hops;
mod one_way;
mod peerings;
mod routes;
mod timeline;

use std::{collections::BTreeSet, net::IpAddr};

use vnetsim_compile::{Compiled, Epoch, RibRoute};
use vnetsim_dataplane::{Appliance, NextHop};
use vnetsim_model::{LbTarget, Network, UserNextHop, UserRoute};
use vnetsim_scenario::Scenario;
use vnetsim_trace::Explainer;
use vnetsim_types::{
    At, Direction, DropReason, FindingCode, LbId, NicId, Place, SimTime, Span, Step, SubnetId, TrafficId,
    VnetId,
};

use crate::{Finding, Played, Probe};

/// Lines of evidence of one kind that a finding keeps.
const EVIDENCE_MAX: usize = 6;

/// What a check found, and how far it looked.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Checkup {
    /// The worst first; of equal severity by code and object.
    pub findings: Vec<Finding>,
    /// Probes sent.
    pub probes: usize,
    /// Pairs of ends that were not probed, because there are too many.
    pub left_out: usize,
    /// Entries of the timeline, after which the network is another one; it is checked as it is at the start.
    pub changes: usize,
}

/// Checks the network of `scenario` at its start, with what its traffic and its timeline add.
pub fn check(scenario: &Scenario) -> Checkup {
    let epochs = [Epoch::new(0, SimTime::ZERO, scenario.network.clone())];
    let look = Look::at(&epochs);
    let mut found = objects(&look, scenario);
    let (of_flows, probes, left_out) = flows::all(&look, scenario);
    found.extend(of_flows);
    Checkup { findings: merged(found), probes, left_out, changes: scenario.timeline.len() }
}

/// The pairs of ends that a check probes.
pub(crate) fn probed_pairs(network: &Network) -> Vec<Probe> {
    let epochs = [Epoch::new(0, SimTime::ZERO, network.clone())];
    flows::probed(&Look::at(&epochs)).0
}

/// What explains the fate of entry `id` of a run: what its packets met, and mistakes of the objects that decided.
pub fn findings_of(scenario: &Scenario, played: &Played, id: TrafficId) -> Vec<Finding> {
    let touched = touched(played, id);
    let on_the_way = |finding: &Finding| {
        let is = |span: &Span| !span.is_none() && touched.contains(span);
        is(&finding.span) && (finding.related.is_empty() || finding.related.iter().any(|(span, _)| is(span)))
    };
    let epochs = [Epoch::new(0, SimTime::ZERO, scenario.network.clone())];
    let mut found = objects(&Look::at(&epochs), scenario);
    found.retain(on_the_way);
    found.extend(fates::finding(played, id));
    merged(found)
}

/// The checks that send nothing.
fn objects(look: &Look<'_>, scenario: &Scenario) -> Vec<Finding> {
    let mut found = Vec::new();
    peerings::find(look, &mut found);
    gateways::find(look, scenario, &mut found);
    routes::find(look, scenario, &mut found);
    next_hops::find(look, &mut found);
    balancers::find(look, scenario, &mut found);
    filters::find(look, &mut found);
    timeline::find(look, scenario, &mut found);
    found
}

/// The places in the input of everything that the packets of an entry met: objects, all routes of each contest, rules that
/// would have matched, links and networks that a packet should have crossed.
fn touched(played: &Played, id: TrafficId) -> BTreeSet<Span> {
    let explainer = played.explainer();
    let network = explainer.network;
    let mut all = BTreeSet::new();
    for packet in played.trace.conversations_of(id).flat_map(|trace| &trace.packets) {
        all.extend(explainer.hops(&packet.steps).iter().map(|hop| hop.span));
        for (now, step) in &packet.steps {
            match step {
                Step::Route { subnet, dst, .. } => routed(&explainer, *now, *subnet, *dst, &mut all),
                Step::Nsg { acl, direction, .. } => {
                    let compiled = explainer.at(*now);
                    let (rules, sets) = (&compiled.tables.acls[acl.ix()], &compiled.tables.sets);
                    let list =
                        if *direction == Direction::Inbound { &rules.inbound } else { &rules.outbound };
                    let matching =
                        list.rules().iter().filter(|r| packet.key().is_some_and(|key| r.matches(sets, &key)));
                    all.extend(matching.map(|rule| compiled.rule(rule.ix).span));
                    all.insert(network[compiled.acl(*acl).nsg].name.span);
                }
                Step::LoadBalancer { lb, .. } => {
                    all.insert(network[*lb].name.span);
                }
                Step::Dropped { at: Place::Nic(nic), reason } => {
                    all.insert(network[*nic].name.span);
                    all.insert(network[*nic].enable_ip_forwarding.span);
                    if *reason == DropReason::NoHealthyBackend {
                        all.extend(network.load_balancers().iter().map(|lb| lb.name.span));
                        all.extend(network.nics().iter().map(|nic| nic.name.span));
                    }
                }
                _ => {}
            }
        }
    }
    all.remove(&Span::default());
    all
}

/// What a route decision looked at, and what stands between the subnet and the one who has the destination.
fn routed(explainer: &Explainer<'_>, now: SimTime, subnet: SubnetId, dst: IpAddr, all: &mut BTreeSet<Span>) {
    let network = explainer.network;
    let rows = explainer.at(now).all_routes(subnet).filter(|(_, row)| row.prefix.contains(&dst));
    all.extend(rows.map(|(_, row)| explainer.origin_span(row)));
    let here = &network[subnet];
    all.insert(here.name.span);
    all.extend(here.route_table.as_ref().map(|table| table.span));
    // Tables that nobody has, although they know the way.
    let knows = |table: &&vnetsim_model::RouteTable| {
        table.routes.iter().any(|route| route.prefixes.iter().any(|prefix| prefix.contains(&dst)))
    };
    all.extend(network.route_tables().iter().filter(knows).map(|table| table.name.span));
    let holds = |vnet: VnetId| network[vnet].address_space.iter().any(|block| block.contains(&dst));
    let to_site = network.site_of(dst).is_some();
    for (_, link) in network.existing_links() {
        let (a, b) = (link.vnet, link.remote.value);
        let between = (a == here.vnet && holds(b)) || (b == here.vnet && holds(a));
        if between || (to_site && (a == here.vnet || b == here.vnet)) {
            all.insert(link.name.span);
            all.insert(link.use_remote_gateways.span);
            all.insert(link.allow_gateway_transit.span);
            all.insert(link.allow_virtual_network_access.span);
        }
    }
    let named = network.existing_vnets().filter(|(id, _)| holds(*id)).map(|(_, vnet)| vnet.name.span);
    all.extend(named);
}

/// One finding for each code and object; evidence is put together and cut.
fn merged(found: Vec<Finding>) -> Vec<Finding> {
    let mut all: Vec<Finding> = Vec::new();
    for finding in found {
        match all.iter_mut().find(|f| f.code == finding.code && f.object == finding.object) {
            Some(known) => {
                known.severity = known.severity.min(finding.severity);
                add_new(&mut known.flows, finding.flows);
                // What an object's check says first is said once; so is the remedy for all pairs of spokes.
                if !SAID_ONCE.contains(&finding.code) {
                    add_new(&mut known.because, finding.because);
                    add_new(&mut known.fix, finding.fix);
                    add_new(&mut known.related, finding.related);
                }
            }
            None => all.push(finding),
        }
    }
    for finding in &mut all {
        // What was put together reads: do this and that, or that.
        finding.fix.sort_by_key(|line| line.starts_with("or "));
        cut(&mut finding.because);
        cut(&mut finding.flows);
        cut(&mut finding.fix);
        finding.related.truncate(EVIDENCE_MAX);
    }
    all.sort_by(|a, b| (a.severity, a.code, &a.object).cmp(&(b.severity, b.code, &b.object)));
    all
}

/// Findings of which probes only add the flows.
const SAID_ONCE: [FindingCode; 6] = [
    FindingCode::NicNoIpForwarding,
    FindingCode::GuestNoForward,
    FindingCode::UdrLoop,
    FindingCode::IlbAllBackendsDown,
    FindingCode::IlbHairpin,
    FindingCode::NoTransit,
];

fn add_new<T: PartialEq>(known: &mut Vec<T>, more: Vec<T>) {
    for line in more {
        if !known.contains(&line) {
            known.push(line);
        }
    }
}

fn cut(lines: &mut Vec<String>) {
    if lines.len() > EVIDENCE_MAX {
        let more = lines.len() - EVIDENCE_MAX;
        lines.truncate(EVIDENCE_MAX);
        lines.push(format!("and {more} more"));
    }
}

/// A compiled network with the words for it.
pub(crate) struct Look<'a> {
    pub(crate) network: &'a Network,
    pub(crate) compiled: &'a Compiled,
    pub(crate) explainer: Explainer<'a>,
}

impl<'a> Look<'a> {
    /// At the last of `epochs`.
    pub(crate) fn at(epochs: &'a [Epoch]) -> Self {
        let last = epochs.last().expect("at least one epoch");
        Self { network: &last.network, compiled: last.compiled(), explainer: Explainer::new(epochs) }
    }

    /// Subnets of networks that exist.
    pub(crate) fn subnets(&self) -> impl Iterator<Item = SubnetId> {
        let all = (0..self.network.subnets().len()).map(SubnetId::new);
        all.filter(|id| !self.network[self.network[*id].vnet].deleted)
    }

    /// The machines' interfaces that a route to an appliance leads to; none for other routes.
    pub(crate) fn appliances(&self, hop: NextHop) -> Vec<NicId> {
        match hop {
            NextHop::Appliance(Appliance::Nic(nic)) => vec![nic],
            NextHop::Appliance(Appliance::Balancer { lb, frontend, .. }) => {
                self.members(lb, frontend as usize)
            }
            _ => Vec::new(),
        }
    }

    /// The members of the pools behind a frontend.
    pub(crate) fn members(&self, lb: LbId, frontend: usize) -> Vec<NicId> {
        let lb = &self.network[lb];
        let mut all = Vec::new();
        for rule in lb.rules.iter().filter(|rule| rule.frontend == frontend) {
            match rule.target {
                LbTarget::Pool(pool) => all.extend(lb.pools[pool].iter().map(|(nic, _)| *nic)),
                LbTarget::Nic(nic, _) => all.push(nic),
            }
        }
        all.sort_unstable();
        all.dedup();
        all
    }

    /// The name of the VM that has the interface, or of the interface.
    pub(crate) fn machine(&self, nic: NicId) -> String {
        self.explainer.place(Place::Nic(nic))
    }

    /// `10.2.0.0/16 -> VNetPeering  Default, link s1/s1-to-hub`.
    pub(crate) fn words(&self, route: &RibRoute) -> String {
        self.explainer.route_words(route)
    }

    /// Where the input says that a subnet has its route table, or the subnet.
    pub(crate) fn table_span(&self, subnet: SubnetId) -> Span {
        let subnet = &self.network[subnet];
        subnet.route_table.as_ref().map_or(subnet.name.span, |table| table.span)
    }

    /// What to call the route table of a subnet in a remedy.
    pub(crate) fn table_of(&self, subnet: SubnetId) -> String {
        table_of(self.network, subnet)
    }
}

/// Where a flag stands, or where its object does when it is not written.
pub(crate) fn span_of<T>(flag: &At<T>, object: &At<String>) -> Span {
    if flag.span.is_none() { object.span } else { flag.span }
}

/// Packets go from one network to the other in one leg: peered, or their gateways are connected.
pub(crate) fn joined(network: &Network, a: VnetId, b: VnetId) -> bool {
    let peered = network.connected_links_of(a).any(|(_, link)| link.remote.value == b);
    peered
        || network.gateways_of(a).any(|(gateway, _)| {
            network.connections_of(gateway).any(|(_, _, end)| {
                matches!(end, vnetsim_model::ConnectionEnd::Gateway(far) if network[far].vnet == b)
            })
        })
}

/// What to call the route table of a subnet in a remedy.
pub(crate) fn table_of(network: &Network, subnet: SubnetId) -> String {
    let path = network.subnet_path(subnet);
    match &network[subnet].route_table {
        Some(table) => format!("route table {} (for {path})", network[table.value].name.value),
        None => format!("a route table for {path}"),
    }
}

/// How a subnet is given a route to an appliance; `None` when its table has it, or when it takes no table.
pub(crate) fn give_route(network: &Network, subnet: SubnetId, prefix: &str, hop: &str) -> Option<String> {
    if !network[subnet].takes_route_table() {
        return None;
    }
    let table = network[subnet].route_table.as_ref().map(|table| &network[table.value]);
    let same = |route: &&UserRoute| route.prefixes.iter().any(|p| p.to_string() == prefix);
    match table.and_then(|table| table.routes.iter().find(same)) {
        Some(UserRoute { next_hop: UserNextHop::VirtualAppliance(ip), .. }) if ip.to_string() == hop => None,
        Some(route) => {
            let (name, path) =
                (format!("{}/{}", table?.name.value, route.name.value), network.subnet_path(subnet));
            Some(format!("{name} (for {path}): change it to {prefix} -> VirtualAppliance {hop}"))
        }
        None => Some(format!("{}: add {prefix} -> VirtualAppliance {hop}", table_of(network, subnet))),
    }
}
