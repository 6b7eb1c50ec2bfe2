//! The control plane: a checked network becomes immutable forwarding tables, and the reasons for them.
//!
//! [`compile`] is a pure function: same network, same tables. The tables (layout: `dataplane`) hold
//! numbers only; [`Compiled`] keeps the names beside them under the same indices: every route that
//! won *or lost* and why, every rule of every NSG as each subnet sees it, every tag expanded.
//!
//! Called for each [`Epoch`] of a run that a packet or an explanation meets, and by the commands that print
//! tables. Must never look at a packet. Costs nothing per packet.

mod acl;
mod balancers;
mod near_miss;
mod peered;
mod propagation;
mod rib;
mod route_source;
mod tables;
mod tags;

use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};

use vnetsim_dataplane::Tables;
// What a row of `tables.acls` is, and what asking one says, for those that list rules.
pub use vnetsim_dataplane::{NsgAnswer, Rule as CompiledRule};
use vnetsim_model::Network;
use vnetsim_types::{AclIx, IpNet, NsgId, RouteIx, RuleIx, SimTime, Span, SubnetId};

pub(crate) use peered::{peered_prefixes, within_reach};

pub use near_miss::RuleField;
pub use rib::{RibRoute, RouteOrigin, RouteState, Withheld};
pub use route_source::{NextHopType, RouteSource};

/// A compiled network: what forwards, and what explains.
#[derive(Clone, Debug)]
pub struct Compiled {
    /// What forwards.
    pub tables: Arc<Tables>,
    /// By [`RouteIx`]: every row of every subnet, winners and losers, in print order.
    pub routes: Vec<RibRoute>,
    /// By [`SubnetId`]: where a subnet's rows stand in `routes`.
    pub subnet_routes: Vec<std::ops::Range<usize>>,
    /// By [`RuleIx`].
    pub rules: Vec<RuleInfo>,
    /// By [`AclIx`].
    pub acls: Vec<AclInfo>,
    /// By [`SubnetId`]: what the tags mean to the NICs of a subnet (NSG-15, NSG-16).
    pub tags: Vec<TagExpansion>,
}

/// The network and its tables from one moment of a run to the next change.
#[derive(Debug)]
pub struct Epoch {
    /// When it begins.
    pub from: SimTime,
    /// The network.
    pub network: Network,
    number: u32,
    compiled: OnceLock<Arc<Compiled>>,
    lent: Mutex<Weak<Compiled>>,
}

impl Clone for Epoch {
    fn clone(&self) -> Self {
        Self { compiled: self.compiled.clone(), ..Self::new(self.number, self.from, self.network.clone()) }
    }
}

impl Epoch {
    /// Epoch `number` of a run.
    pub fn new(number: u32, from: SimTime, network: Network) -> Self {
        Self { from, network, number, compiled: OnceLock::new(), lent: Mutex::default() }
    }

    /// What the network compiles to, made when it is first asked for and kept.
    pub fn compiled(&self) -> &Compiled {
        self.compiled.get_or_init(|| self.lend())
    }

    /// The same for as long as somebody holds it: on a long timeline no packet meets most epochs, and tables are far
    /// larger than their network. Several threads that ask get the same one.
    pub fn lend(&self) -> Arc<Compiled> {
        if let Some(kept) = self.compiled.get() {
            return kept.clone();
        }
        let mut lent = self.lent.lock().unwrap_or_else(PoisonError::into_inner);
        lent.upgrade().unwrap_or_else(|| {
            let made = Arc::new(compile(&self.network, self.number));
            *lent = Arc::downgrade(&made);
            made
        })
    }
}

/// What the computed tags stand for at one subnet.
#[derive(Clone, Debug)]
pub struct TagExpansion {
    /// `VirtualNetwork`, its members as they come (NSG-15): own space, peers, host, routes, on-premises.
    pub virtual_network: Vec<IpNet>,
    /// `Internet`.
    pub internet: Vec<IpNet>,
    /// `AzureLoadBalancer`.
    pub azure_load_balancer: Vec<IpNet>,
}

/// A security rule as people know it.
#[derive(Clone, Debug)]
pub struct RuleInfo {
    /// `securityRules` position in the group, or `None` for a default rule.
    pub custom: Option<usize>,
    /// Its name.
    pub name: String,
    /// Its priority.
    pub priority: u16,
    /// Where it stands; empty for default rules.
    pub span: Span,
    /// Source as written.
    pub source: String,
    /// Destination as written.
    pub destination: String,
}

/// An NSG as one subnet sees it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct AclInfo {
    /// The group.
    pub nsg: NsgId,
    /// The subnet whose tags it was expanded with.
    pub subnet: SubnetId,
}

/// Compiles `network`; `epoch` numbers the result.
pub fn compile(network: &Network, epoch: u32) -> Compiled {
    let mut build = Compiled {
        tables: Arc::default(),
        routes: Vec::new(),
        subnet_routes: Vec::new(),
        rules: Vec::new(),
        acls: Vec::new(),
        tags: Vec::new(),
    };
    build.tables = Arc::new(tables::build(network, epoch, &mut build));
    build
}

impl Compiled {
    /// The rows of `subnet` in print order, those that Azure does not list left out.
    pub fn effective_routes(&self, subnet: SubnetId) -> impl Iterator<Item = (RouteIx, &RibRoute)> {
        self.all_routes(subnet).filter(|(_, r)| r.listed && !matches!(r.state, RouteState::Withheld(_)))
    }

    /// Every row of `subnet`, those that Azure does not list included.
    pub fn all_routes(&self, subnet: SubnetId) -> impl Iterator<Item = (RouteIx, &RibRoute)> {
        let range = self.subnet_routes[subnet.ix()].clone();
        range.map(|ix| (RouteIx::new(ix), &self.routes[ix]))
    }

    /// The row of a route.
    pub fn route(&self, ix: RouteIx) -> &RibRoute {
        &self.routes[ix.ix()]
    }

    /// The rule of a number.
    pub fn rule(&self, ix: RuleIx) -> &RuleInfo {
        &self.rules[ix.ix()]
    }

    /// The group of a number.
    pub fn acl(&self, ix: AclIx) -> AclInfo {
        self.acls[ix.ix()]
    }
}
