//! Draft to checked network: resolves names, fills in defaults, enforces what Azure enforces.
//!
//! Reports everything it finds, never just the first. Order of work: names, then the objects in the
//! order in which they refer to each other, then addresses, then peerings.

mod addresses;
mod edge;
pub(crate) mod peerings;
pub(crate) mod resolve;
mod routes;
mod security;

use vnetsim_types::{Problem, Severity};

use crate::{
    Asg, Network, Semantics,
    draft::{Draft, Ref},
};
use resolve::Names;

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

struct Checker {
    network: Network,
    names: Names,
    problems: Vec<Problem>,
}

impl Checker {
    fn new(draft: &Draft, semantics: Semantics) -> Self {
        let mut problems = Vec::new();
        let names = Names::collect(draft, &mut problems);
        Self { network: Network { semantics, ..Network::default() }, names, problems }
    }

    fn run(&mut self, draft: &Draft) {
        self.service_tags(draft);
        let asgs = draft.application_security_groups.iter();
        self.network.asgs = asgs.map(|asg| Asg { name: asg.name.clone() }).collect();
        self.route_tables(draft);
        self.nsgs(draft);
        self.public_addresses(draft);
        self.vnets(draft);
        self.nics(draft);
        self.vms(draft);
        self.load_balancers(draft);
        self.gateways(draft);
        self.allocate_addresses(draft);
        self.asg_members();
        self.peerings(draft);
    }

    fn problem(&mut self, problem: Problem) {
        self.problems.push(problem);
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
