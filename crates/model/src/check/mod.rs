//! Draft to checked network: resolves names, fills in defaults, enforces what Azure enforces.
//!
//! Reports everything it finds, never just the first. Order of work: names, then the objects in the
//! order in which they refer to each other, then addresses, then peerings. `operation` borrows the parts that
//! judge one object, so that a file and a timeline obey the same rules.

mod addresses;
mod allocate;
mod balancer_rules;
mod balancers;
mod connections;
mod endpoints;
mod gateway_subnet;
mod gateways;
mod groups;
mod guests;
mod links;
mod machines;
mod nat_rules;
mod nics;
mod peerings;
mod public;
pub(crate) mod resolve;
mod rights;
mod routes;
mod security;
mod who_may_peer;

use std::collections::BTreeMap;

use vnetsim_data::{Limit, Limits};
use vnetsim_types::{At, Problem, Severity, Span};

use crate::{
    Era, Network, Semantics,
    draft::{Draft, Ref},
    limits,
};
pub(crate) use allocate::Taken;
pub(crate) use gateway_subnet::GatewaySubnetFault;
pub(crate) use gateways::{GATEWAY_SUBNET, rival_gateway};
pub(crate) use links::{implied_link, new_link};
use resolve::Names;
pub(crate) use routes::same_prefix;
pub(crate) use who_may_peer::{
    PeeringRefusal, may_borrow_gateways, may_have_flags, may_peer, must_be_disjoint, transit_first,
};

/// What came of checking a draft.
#[derive(Clone, Debug)]
pub struct Checked {
    /// The network, when there was no error.
    pub network: Option<Network>,
    /// Errors and warnings, in the order of the checks.
    pub problems: Vec<Problem>,
}

/// Checks `draft` under the rules of `semantics`.
pub fn check(draft: &Draft, semantics: Semantics) -> Checked {
    let mut checker = Checker::new(draft, semantics);
    checker.run(draft);
    let failed = checker.problems.iter().any(|p| p.severity == Severity::Error);
    Checked { network: (!failed).then_some(checker.network), problems: checker.problems }
}

/// A network in the making, or one that an operation is about to change.
pub(crate) struct Checker {
    pub(crate) network: Network,
    names: Names,
    pub(crate) problems: Vec<Problem>,
}

impl Checker {
    fn new(draft: &Draft, semantics: Semantics) -> Self {
        let mut problems = Vec::new();
        let names = Names::collect(draft, &mut problems);
        Self { network: Network { semantics, ..Network::default() }, names, problems }
    }

    /// For one more object in a network that is checked already.
    pub(crate) fn around(network: Network) -> Self {
        let names = Names::of(&network);
        Self { network, names, problems: Vec::new() }
    }

    fn run(&mut self, draft: &Draft) {
        self.service_tags(draft);
        self.groups(draft);
        self.rights(draft);
        self.route_tables(draft);
        self.nsgs(draft);
        self.public_addresses(draft);
        self.public_address_owners(draft);
        self.nat_gateways(draft);
        self.vnets(draft);
        self.nat_gateway_homes(draft);
        self.nics(draft);
        self.vms(draft);
        self.load_balancers(draft);
        self.balancer_rules(draft);
        self.sites(draft);
        self.gateways(draft);
        self.connections(draft);
        self.route_servers(draft);
        self.private_endpoints(draft);
        self.allocate_addresses(draft);
        self.group_members();
        self.peerings(draft);
        self.gateway_subnets();
    }

    fn problem(&mut self, problem: Problem) {
        self.problems.push(problem);
    }

    /// Azure's limits in the era of the network.
    fn limits(&self) -> &'static Limits {
        limits::of(self.network.semantics.era)
    }

    /// An error when there is more of something than Azure allows; `what` says who has too many.
    fn at_most(&mut self, limit: &Limit, count: usize, span: Span, what: impl FnOnce() -> String) {
        if count as u64 > limit.value {
            self.problem(Problem::error("OVER_LIMIT", span, what()).help(limits::allowed(limit)));
        }
    }

    /// An error about something that era 2017 does not know.
    fn only_modern(&mut self, span: Span, what: String, rule: &str) {
        if self.network.semantics.era == Era::Y2017 {
            let help = format!("era 2017 does not know it ({rule}); remove it, or set era: modern");
            self.problem(Problem::error("NOT_IN_ERA", span, what).help(help));
        }
    }

    /// Errors for parts of `parent` that have the same name (JSON-15).
    fn unique_names<'a>(&mut self, kind: &str, parent: &str, names: impl Iterator<Item = &'a At<String>>) {
        let mut seen: BTreeMap<String, Span> = BTreeMap::new();
        for name in names {
            if let Some(first) = seen.insert(name.value.to_ascii_lowercase(), name.span) {
                let what = format!("two {kind}s of `{parent}` are called `{}`", name.value);
                self.problem(
                    Problem::error("DUPLICATE_NAME", name.span, what)
                        .related(first, "first one here")
                        .help("rename one; case does not count (JSON-15)"),
                );
            }
        }
    }

    /// The id that `name` stands for in `index`, or a problem with a suggestion.
    fn look_up<Id: Copy>(
        &mut self,
        kind: &str,
        name: &Ref,
        index: impl Fn(&Names) -> &resolve::Index<Id>,
    ) -> Option<Id> {
        match index(&self.names).get(&name.value) {
            Ok(id) => Some(id),
            Err(why) => {
                let problem = resolve::unknown(kind, name, &why);
                self.problem(problem);
                None
            }
        }
    }
}
