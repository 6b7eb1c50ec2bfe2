//! Names in expectations and timeline entries: that they exist, and what was meant if they do not.
//!
//! Owns no ids: expectations keep their names. Called by `load`.

use std::{
    collections::{HashMap, HashSet},
    net::IpAddr,
};

use vnetsim_model::{
    Network,
    draft::{self, Change, ConnectionEnd},
};
use vnetsim_types::{At, IpProtocol, PeeringId, Problem, Span, SubnetId};

use crate::{
    decode::{Cx, shown},
    expectation::{Expectation, Subject, TrafficExpectation},
};

/// Names of one kind. Case does not count.
#[derive(Default)]
struct Pool {
    lower: HashSet<String>,
    names: Vec<String>,
}

impl Pool {
    fn add(&mut self, name: String) {
        if self.lower.insert(name.to_ascii_lowercase()) {
            self.names.push(name);
        }
    }

    fn has(&self, name: &str) -> bool {
        self.lower.contains(&name.to_ascii_lowercase())
    }
}

impl FromIterator<String> for Pool {
    fn from_iter<I: IntoIterator<Item = String>>(names: I) -> Self {
        let mut pool = Self::default();
        names.into_iter().for_each(|name| pool.add(name));
        pool
    }
}

/// The traffic entries and captures that expectations may name.
#[derive(Default)]
pub(crate) struct Played {
    /// Names as they are written, for suggestions.
    pool: Pool,
    /// They are no Azure objects: case counts.
    known: HashMap<String, (Span, Kind)>,
}

/// What bears a name.
#[derive(Clone, Copy)]
enum Kind {
    Traffic { protocol: IpProtocol, traceroute: bool },
    Capture,
}

impl Played {
    /// A traffic entry.
    pub(crate) fn add(&mut self, name: &At<String>, protocol: IpProtocol, traceroute: bool, cx: &mut Cx) {
        self.enter("traffic entries", name, Kind::Traffic { protocol, traceroute }, cx);
    }

    /// A capture.
    pub(crate) fn add_capture(&mut self, name: &At<String>, cx: &mut Cx) {
        self.enter("entries of traffic and captures", name, Kind::Capture, cx);
    }

    fn enter(&mut self, what: &str, name: &At<String>, kind: Kind, cx: &mut Cx) {
        if let Some((first, _)) = self.known.get(name.as_str()) {
            let message = format!("two {what} are called {}", shown(&name.value));
            let problem = Problem::error("DUPLICATE_NAME", name.span, message);
            cx.problems.push(problem.related(*first, "first one here"));
        } else {
            self.known.insert(name.value.clone(), (name.span, kind));
            self.pool.add(name.value.clone());
        }
    }

    /// Reports an expectation on traffic that does not exist, unless the entries are not `complete`, and what the
    /// entry that it names cannot fulfil.
    pub(crate) fn check(&self, expectation: &Expectation, complete: bool, cx: &mut Cx) {
        let Subject::Traffic(subject) = &expectation.subject else { return };
        let name = &subject.traffic;
        let Some((_, kind)) = self.known.get(name.as_str()) else {
            if complete {
                known("traffic entry or capture", name, &[&self.pool], cx);
            }
            return;
        };
        let mut cannot = |what: &str, why: &str| {
            let message = format!("expectation on {}: {why}", shown(&name.value));
            let problem = Problem::error("CONFLICTING_PROPERTIES", name.span, message);
            cx.problems.push(problem.help(format!("remove `{what}`")));
        };
        match kind {
            Kind::Capture => {
                if let Some(what) = subject.not_of_captures() {
                    cannot(what, &format!("`{what}` is not asked of a capture"));
                }
            }
            Kind::Traffic { protocol, traceroute } => {
                if subject.homeless.is_some() {
                    cannot("homeless", "only packets of a capture can be homeless");
                }
                if subject.hops.is_some() && !traceroute {
                    cannot("hops", "only a traceroute shows hops");
                }
                if subject.retransmissions.is_some() && *protocol != IpProtocol::TCP {
                    cannot("retransmissions", "only TCP sends again");
                }
            }
        }
    }
}

/// Everything that an expectation or a timeline entry may name.
#[derive(Default)]
pub(crate) struct Names {
    vms: Pool,
    nics: Pool,
    gateways: Pool,
    connections: Pool,
    sites: Pool,
    endpoints: Pool,
    operations: Pool,
    subnets: Pool,
    /// Links of the start and those that the timeline makes; so are gateways, connections, routes and rules.
    links: Pool,
    /// `table/route`.
    routes: Pool,
    /// False when a timeline entry with an error may have made more objects.
    timeline_known: bool,
    nsgs: Vec<(String, Pool)>,
}

/// Every NSG ends with these (NSG-07).
const DEFAULT_RULES: [&str; 6] = [
    "AllowVnetInBound",
    "AllowAzureLoadBalancerInBound",
    "DenyAllInBound",
    "AllowVnetOutBound",
    "AllowInternetOutBound",
    "DenyAllOutBound",
];

impl Names {
    /// The names of `network` and of what `timeline` makes.
    pub(crate) fn of(network: &Network, timeline: &[draft::TimelineEntry], timeline_complete: bool) -> Self {
        let operations = timeline.iter().filter_map(|entry| entry.name.as_ref());
        let routes = network.route_tables().iter().flat_map(|table| {
            table.routes.iter().map(|route| format!("{}/{}", table.name.value, route.name.value))
        });
        let rules = |nsg: &vnetsim_model::Nsg| {
            let own = nsg.rules.iter().map(|rule| rule.name.value.clone());
            own.chain(DEFAULT_RULES.map(str::to_owned)).collect::<Pool>()
        };
        let mut names = Self {
            vms: network.vms().iter().map(|vm| vm.name.value.clone()).collect(),
            nics: network.nics().iter().map(|nic| nic.name.value.clone()).collect(),
            gateways: network.gateways().iter().map(|gateway| gateway.name.value.clone()).collect(),
            connections: network.connections().iter().map(|c| c.name.value.clone()).collect(),
            sites: network.sites().iter().map(|site| site.name.value.clone()).collect(),
            endpoints: network.private_endpoints().iter().map(|e| e.name.value.clone()).collect(),
            operations: operations.map(|name| name.value.clone()).collect(),
            subnets: (0..network.subnets().len()).map(|ix| network.subnet_path(SubnetId::new(ix))).collect(),
            links: (0..network.peerings().len()).map(|ix| network.link_path(PeeringId::new(ix))).collect(),
            routes: routes.collect(),
            timeline_known: timeline_complete,
            nsgs: network.nsgs().iter().map(|nsg| (nsg.name.value.clone(), rules(nsg))).collect(),
        };
        timeline.iter().for_each(|entry| names.add_made_by(&entry.change));
        names
    }

    /// Adds the name of what `change` makes.
    fn add_made_by(&mut self, change: &Change) {
        match change {
            Change::PutPeering { virtual_network, peering } => {
                self.links.add(format!("{}/{}", virtual_network.value, peering.name.value));
            }
            Change::PutRoute { route_table, route } => {
                self.routes.add(format!("{}/{}", route_table.value, route.name.value));
            }
            Change::PutSecurityRule { network_security_group, rule } => {
                let same = |known: &str| known.eq_ignore_ascii_case(&network_security_group.value);
                if let Some((_, rules)) = self.nsgs.iter_mut().find(|(known, _)| same(known)) {
                    rules.add(rule.name.value.clone());
                }
            }
            Change::PutGateway(gateway) => self.gateways.add(gateway.name.value.clone()),
            Change::PutConnection(connection) => self.connections.add(connection.name.value.clone()),
            _ => {}
        }
    }

    /// Reports names in `expectation` that nothing in the network has.
    pub(crate) fn check(&self, expectation: &Expectation, cx: &mut Cx) {
        match &expectation.subject {
            Subject::Traffic(subject) => self.check_fate(subject, cx),
            Subject::Routes(subject) => {
                known("subnet, VM or NIC", &subject.routes, &[&self.subnets, &self.vms, &self.nics], cx);
            }
            Subject::NextHop(subject) => {
                known("VM or NIC", &subject.from, &[&self.vms, &self.nics], cx);
                if subject.to.parse::<IpAddr>().is_err() {
                    let pools = [&self.vms, &self.nics, &self.endpoints];
                    known("address, VM, NIC or private endpoint", &subject.to, &pools, cx);
                }
            }
            Subject::Peering(subject) => self.check_link(&subject.peering, cx),
            Subject::Operation(subject) if self.timeline_known => {
                known("timeline entry", &subject.operation, &[&self.operations], cx);
            }
            Subject::Operation(_) => {}
            Subject::Bill(subject) => self.check_link(&subject.bill, cx),
        }
    }

    fn check_fate(&self, subject: &TrafficExpectation, cx: &mut Cx) {
        for vm in subject.backend.iter().flatten() {
            known("VM", vm, &[&self.vms], cx);
        }
        if !self.timeline_known {
            return;
        }
        let place = |at: &&At<String>| !["internet", "Azure"].iter().any(|p| at.eq_ignore_ascii_case(p));
        if let Some(at) = subject.at.as_ref().filter(place) {
            let pools = [&self.vms, &self.nics, &self.gateways, &self.sites, &self.endpoints];
            known("VM, NIC, gateway, site or private endpoint", at, &pools, cx);
        }
        for hop in subject.via.iter().chain(&subject.reply_via).flatten().flatten() {
            known("VM or gateway", hop, &[&self.vms, &self.gateways], cx);
        }
        let shown = |hop: &&At<String>| hop.value != "*" && hop.parse::<IpAddr>().is_err();
        for hop in subject.hops.iter().flatten().filter(shown) {
            let pools = [&self.vms, &self.nics, &self.gateways, &self.sites, &self.endpoints];
            known("VM, NIC, gateway, site or private endpoint", hop, &pools, cx);
        }
        if let Some(rule) = &subject.rule {
            self.check_rule(rule, cx);
        }
    }

    fn check_rule(&self, rule: &At<String>, cx: &mut Cx) {
        let Some((nsg, name)) = rule.value.split_once('/') else {
            let message = format!("{} does not name a security rule", shown(&rule.value));
            let problem = Problem::error("BAD_VALUE", rule.span, message);
            cx.problems.push(problem.help("write it as nsg/rule, such as nsg-a/DenyAllInBound"));
            return;
        };
        let Some((_, rules)) = self.nsgs.iter().find(|(known, _)| known.eq_ignore_ascii_case(nsg)) else {
            let near = cx.near(nsg, self.nsgs.iter().map(|(name, _)| name.as_str()));
            let message = format!("no network security group is called {}", shown(nsg));
            cx.problems.push(Problem::error("UNKNOWN_REFERENCE", rule.span, message).help(near));
            return;
        };
        known("security rule of this group", &At::new(name.to_owned(), rule.span), &[rules], cx);
    }

    fn check_link(&self, link: &At<String>, cx: &mut Cx) {
        if self.timeline_known {
            known("peering link", link, &[&self.links], cx);
        }
    }

    /// Reports what a timeline entry names and nothing ever makes. `Operation::resolve` knows the other names.
    pub(crate) fn check_change(&self, change: &Change, cx: &mut Cx) {
        if !self.timeline_known {
            return;
        }
        let gateway = |name, cx: &mut Cx| known("virtual network gateway", name, &[&self.gateways], cx);
        match change {
            Change::DeletePeering(link) | Change::SyncPeering(link) => self.check_link(link, cx),
            Change::DeleteRoute(route) => known("route", route, &[&self.routes], cx),
            Change::DeleteSecurityRule(rule) => self.check_rule(rule, cx),
            Change::DeleteGateway(name) | Change::StartGateway(name) | Change::StopGateway(name) => {
                gateway(name, cx);
            }
            Change::DeleteConnection(name) => known("connection", name, &[&self.connections], cx),
            Change::PutConnection(connection) => {
                gateway(&connection.virtual_network_gateway, cx);
                if let ConnectionEnd::VirtualNetworkGateway(other) = &connection.end {
                    gateway(other, cx);
                }
            }
            _ => {}
        }
    }
}

fn known(kind: &str, name: &At<String>, pools: &[&Pool], cx: &mut Cx) {
    if pools.iter().any(|pool| pool.has(&name.value)) {
        return;
    }
    let candidates = pools.iter().flat_map(|pool| pool.names.iter().map(String::as_str));
    let near = cx.near(&name.value, candidates);
    let message = format!("no {kind} is called {}", shown(&name.value));
    cx.problems.push(Problem::error("UNKNOWN_REFERENCE", name.span, message).help(near));
}
