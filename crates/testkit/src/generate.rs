//! Random networks: the strategies that tests draw from.

use std::fmt;

use proptest::prelude::*;
use vnetsim_model::{
    BgpVsPeering, Era, FabricFragment, ForwardedModel, Network, NoneRoutesOnDefaultOverride, NsgLiveFlows,
    Semantics, Traffic, TtlGateway, VnetAccessModel, check, draft::Draft,
};

use crate::{
    build::build,
    plan::{Feature, Plan, Switches, plan},
    yaml,
};

/// A random network that [`check`] accepts. `Debug` prints it as a scenario.
#[derive(Clone)]
pub struct RandomNetwork {
    /// What was said.
    pub draft: Draft,
    /// Under which rules.
    pub semantics: Semantics,
    /// What it means.
    pub network: Network,
}

impl RandomNetwork {
    /// Checks `draft`; the error lists the problems.
    pub fn new(draft: Draft, semantics: Semantics) -> Result<Self, String> {
        let checked = check(&draft, semantics);
        match checked.network {
            Some(network) => Ok(Self { draft, semantics, network }),
            None => {
                let scenario = yaml::scenario(&draft, &semantics, &[]);
                Err(format!("{:#?}\n{scenario}", checked.problems))
            }
        }
    }

    /// The network as a scenario file.
    pub fn scenario(&self) -> String {
        yaml::scenario(&self.draft, &self.semantics, &[])
    }

    /// The network and `traffic` as a scenario file.
    pub fn scenario_with(&self, traffic: &Traffic) -> String {
        let entry = yaml::traffic(&self.network, traffic);
        yaml::scenario(&self.draft, &self.semantics, &[entry])
    }
}

impl fmt::Debug for RandomNetwork {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\n{}", self.scenario())
    }
}

/// Random networks: one to five virtual networks with everything that vnetsim models, under random rules.
/// Nothing is discarded: plans are built so that the check accepts them.
pub fn network() -> impl Strategy<Value = RandomNetwork> {
    plan().prop_map(|plan| made(&plan))
}

/// As [`network`], but with nothing of `features`.
pub fn network_without(features: &'static [Feature]) -> impl Strategy<Value = RandomNetwork> {
    plan().prop_map(|plan| made(&plan.without(features)))
}

/// As [`network`], but without route tables, gateways, security rules, service and private endpoints, and with
/// whole networks peered, under the default rules.
pub fn plain_network() -> impl Strategy<Value = RandomNetwork> {
    plan().prop_map(|plan| {
        let mut plan =
            plan.without(&[Feature::SubnetPeering, Feature::RouteServers, Feature::PrivateEndpoints]);
        plan.switches = Switches::default();
        (plan.tables, plan.gateways) = (Vec::new(), Vec::new());
        plan.nsgs.iter_mut().for_each(Vec::clear);
        for link in &mut plan.links {
            (link.there.no_access, link.back.no_access) = (false, false);
            (link.there.stale, link.back.stale) = (false, false);
        }
        plan.machines.iter_mut().for_each(|machine| machine.listen = None);
        for subnet in plan.vnets.iter_mut().flat_map(|vnet| &mut vnet.subnets) {
            subnet.endpoint = false;
        }
        made(&plan)
    })
}

fn made(plan: &Plan) -> RandomNetwork {
    let semantics = semantics(plan.switches);
    let draft = build(plan, semantics.era);
    RandomNetwork::new(draft, semantics).expect("plans are built to be accepted")
}

/// Every switch by itself; 0 is its modern default.
fn semantics(switches: Switches) -> Semantics {
    let [era, access, forwarded, bgp, none, ttl, flows, fragment] = switches.map(usize::from);
    Semantics {
        era: [Era::Modern, Era::Y2017][era % 2],
        vnet_access_model: [VnetAccessModel::TagOnly, VnetAccessModel::Strict][access % 2],
        forwarded_model: [ForwardedModel::Documented, ForwardedModel::Field][forwarded % 2],
        bgp_vs_peering: [BgpVsPeering::SystemWins, BgpVsPeering::Lpm][bgp % 2],
        none_routes_on_default_override: [
            NoneRoutesOnDefaultOverride::Remove,
            NoneRoutesOnDefaultOverride::Documented,
            NoneRoutesOnDefaultOverride::Keep,
        ][none % 3],
        ttl_gateway: [TtlGateway::Decrement, TtlGateway::Transparent][ttl % 2],
        fabric_fragment: [FabricFragment::Off, FabricFragment::At1400][fragment % 2],
        nsg_live_flows: NsgLiveFlows::ALL[flows % NsgLiveFlows::ALL.len()].1,
    }
}
