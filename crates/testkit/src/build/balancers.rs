//! Load balancers: frontends and pools, then rules of the three kinds (Part 5.2 of the semantics).

use std::collections::BTreeMap;

use vnetsim_model::{LbProtocol, LbSku, LoadDistribution, ProbeProtocol, draft};
use vnetsim_types::At;

use super::{Build, pick};
use crate::plan::{BalancerPlan, LbRulePlan, MachinePlan, NatRulePlan, OutboundPlan, Plan};

/// Pools for IPv4 frontends; the second one is for variety.
const POOLS: [&str; 2] = ["pool", "other"];
/// The pool for IPv6 frontends.
const POOL_V6: &str = "pool6";

/// What machines need to know of a balancer.
pub(super) struct Pools {
    /// Home of an internal one.
    vnet: Option<usize>,
    basic: bool,
    transit: bool,
    v6: bool,
    /// By frontend.
    frontends: Vec<bool>,
}

/// LB-09: without floating IP an HA-ports rule is the only rule of internal balancers for its backends.
#[derive(Default)]
struct Internal {
    /// By backend: whether its rule stands alone.
    rules: BTreeMap<String, bool>,
}

impl Internal {
    /// Takes note of one more rule for these backends; false when it may not be.
    fn add(&mut self, backends: &[String], alone: bool) -> bool {
        let fits = |nic: &String| self.rules.get(nic).is_none_or(|before| !before && !alone);
        let fits = backends.iter().all(fits);
        if fits {
            self.rules.extend(backends.iter().map(|nic| (nic.clone(), alone)));
        }
        fits
    }
}

impl Build {
    /// Frontends and pools.
    pub(super) fn balancers(&mut self, plan: &Plan) {
        for (ix, said) in plan.balancers.iter().enumerate() {
            let vnet = self.homes[usize::from(said.subnet) % self.homes.len()].vnet;
            let frontends: Vec<_> = said
                .frontends
                .iter()
                .enumerate()
                .map(|(place, f)| self.frontend(said, vnet, place, *f))
                .collect();
            let v6: Vec<bool> = frontends.iter().map(|(_, v6)| *v6).collect();
            let pools = POOLS.into_iter().chain(v6.contains(&true).then_some(POOL_V6));
            self.draft.load_balancers.push(draft::LoadBalancer {
                name: format!("lb{ix}").into(),
                sku: Some(if said.basic { LbSku::Basic } else { LbSku::Standard }.into()),
                frontends: frontends.into_iter().map(|(frontend, _)| frontend).collect(),
                backend_pools: pools.map(|name| name.to_owned().into()).collect(),
                ..Default::default()
            });
            self.pools.push(Pools {
                vnet: (!said.public).then_some(vnet),
                basic: said.basic,
                transit: said.transit,
                v6: v6.contains(&true),
                frontends: v6,
            });
        }
    }

    /// A frontend, and whether it has an IPv6 address.
    fn frontend(
        &mut self,
        plan: &BalancerPlan,
        vnet: usize,
        place: usize,
        (subnet, wants_v6): (u8, bool),
    ) -> (draft::Frontend, bool) {
        let name = At::from(format!("fe{place}"));
        if plan.public {
            let public_ip_address = Some(self.public_address(wants_v6));
            return (draft::Frontend { name, public_ip_address, ..Default::default() }, wants_v6);
        }
        let near = self.homes_of(vnet);
        let first = usize::from(plan.subnet) % self.homes.len();
        let home = if place == 0 { first } else { *pick(&near, subnet).unwrap_or(&first) };
        let (v4, v6) = self.address(home);
        let address = v6.filter(|_| wants_v6).unwrap_or(v4);
        self.frontends.push(address);
        let frontend = draft::Frontend {
            name,
            subnet: Some(self.homes[home].path.clone().into()),
            private_ip_address: Some(address.into()),
            ..Default::default()
        };
        (frontend, address.is_ipv6())
    }

    /// The pools that a NIC of `vnet` joins, each with its family: true for IPv6.
    pub(super) fn pools_of(&self, machine: &MachinePlan, vnet: usize, forwards: bool) -> Vec<(String, bool)> {
        let fits = |lb: &Pools| lb.vnet.is_none_or(|home| home == vnet) && (forwards || !lb.transit);
        let near: Vec<usize> = (0..self.pools.len()).filter(|ix| fits(&self.pools[*ix])).collect();
        // Most members forward: balancers in front of appliances are what routes lead to.
        let wanted = |number: &u8| forwards || number % 2 == 1;
        let (mut all, mut sku) = (Vec::new(), None);
        for number in [machine.pool, machine.second_pool].into_iter().flatten().filter(wanted) {
            let Some(lb) = pick(&near, number) else { continue };
            // Azure does not mix SKUs behind one interface.
            if *sku.get_or_insert(self.pools[*lb].basic) != self.pools[*lb].basic {
                continue;
            }
            let pool = POOLS[usize::from(number >= 6)];
            all.push((format!("lb{lb}/{pool}"), false));
            if self.pools[*lb].v6 {
                all.push((format!("lb{lb}/{POOL_V6}"), true));
            }
        }
        all.sort();
        all.dedup();
        all
    }

    /// Probes and rules, once machines are there.
    pub(super) fn balancer_rules(&mut self, plan: &Plan) {
        let mut internal = Internal::default();
        for (ix, said) in plan.balancers.iter().enumerate() {
            // LB-07: HTTPS is for Standard only.
            let kinds =
                ProbeProtocol::ALL.iter().filter(|(_, kind)| !said.basic || *kind != ProbeProtocol::Https);
            let kinds: Vec<ProbeProtocol> = kinds.map(|(_, kind)| *kind).collect();
            let probe = |(number, port): (usize, &u8)| draft::Probe {
                name: format!("probe{number}").into(),
                protocol: pick(&kinds, *port).copied().map(At::from),
                port: [None, Some(443), Some(80), Some(22), Some(8_080)][usize::from(*port) % 5]
                    .map(At::from),
                interval_s: None,
                threshold: None,
            };
            let probes: Vec<_> = said.probes.iter().enumerate().map(probe).collect();
            let rules = self.rules(ix, said, probes.len(), &mut internal);
            let mut nat_rules: Vec<_> =
                said.nat_rules.iter().filter_map(|nat| self.nat_rule(ix, nat, &rules)).collect();
            if !said.public {
                nat_rules.retain(|rule| {
                    let members: Vec<String> = rule.backend.iter().map(|name| name.value.clone()).collect();
                    internal.add(&members, false)
                });
            }
            // Outbound rules are for Standard only.
            let outbound = said.outbound.as_ref().filter(|_| said.public && !said.basic);
            let outbound = outbound.map(|rule| self.outbound_rule(ix, rule));
            let lb = &mut self.draft.load_balancers[ix];
            (lb.probes, lb.rules, lb.inbound_nat_rules) = (probes, rules, nat_rules);
            lb.outbound_rules = outbound.into_iter().collect();
        }
    }

    /// No two rules of one balancer have the same frontend, protocol and port. LB-09: HA ports are for internal
    /// Standard only, and without floating IP they are the only rule of their backends.
    fn rules(
        &self,
        lb: usize,
        plan: &BalancerPlan,
        probes: usize,
        internal: &mut Internal,
    ) -> Vec<draft::LoadBalancingRule> {
        let mut rules: Vec<draft::LoadBalancingRule> = Vec::new();
        for said in &plan.rules {
            let Some((frontend, v6)) = self.place(lb, said.frontend) else { continue };
            let ha = said.kind < 2 && !plan.public && !plan.basic;
            let (protocol, front, back) = match said.kind {
                _ if ha => (LbProtocol::All, 0, 0),
                3 => (LbProtocol::Udp, 53, 53),
                4 => (LbProtocol::Tcp, 80, 443),
                5 => (LbProtocol::Udp, 80, 53),
                _ => (LbProtocol::Tcp, 443, 443),
            };
            let pool = if v6 { POOL_V6 } else { POOLS[usize::from(said.other_pool)] };
            let floating = said.floating && !v6; // LB-11
            let rival = |rule: &draft::LoadBalancingRule| {
                let here = rule.frontend.value == format!("fe{frontend}");
                let all = rule.protocol.value == LbProtocol::All;
                let same = rule.protocol.value == protocol && rule.frontend_port.value == front;
                here && (all || ha || same)
            };
            let members = || self.members(lb, pool);
            if rules.iter().any(rival) || !plan.public && !internal.add(&members(), ha && !floating) {
                continue;
            }
            let probe =
                said.probe.filter(|_| probes > 0).map(|n| format!("probe{}", usize::from(n) % probes));
            rules.push(rule(rules.len(), said, frontend, pool, (protocol, front, back), floating, probe));
        }
        rules
    }

    /// Names of the NICs in a pool.
    fn members(&self, lb: usize, pool: &str) -> Vec<String> {
        let path = format!("lb{lb}/{pool}");
        let all = self.draft.network_interfaces.iter().filter(|nic| {
            let mut pools = nic.ip_configurations.iter().flat_map(|config| &config.backend_address_pools);
            pools.any(|name| name.value == path)
        });
        all.map(|nic| nic.name.value.clone()).collect()
    }

    /// Frontend number `number`, wrapping round, and whether it has an IPv6 address.
    fn place(&self, lb: usize, number: u8) -> Option<(usize, bool)> {
        let all = &self.pools[lb].frontends;
        let place = usize::from(number).checked_rem(all.len())?;
        Some((place, all[place]))
    }

    /// Azure does not mix SKUs behind one interface.
    fn suits(&self, lb: usize, nic: &str) -> bool {
        let all = 0..self.pools.len();
        let mut others = all.filter(|other| self.pools[*other].basic != self.pools[lb].basic);
        let behind = |other: usize| {
            let pools = POOLS.iter().chain([&POOL_V6]);
            let by_nat = self.draft.load_balancers[other].inbound_nat_rules.iter();
            pools.into_iter().any(|pool| self.members(other, pool).iter().any(|name| name == nic))
                || by_nat.into_iter().any(|rule| rule.backend.as_ref().is_some_and(|name| name.value == nic))
        };
        !others.any(behind)
    }

    fn nat_rule(
        &self,
        lb: usize,
        plan: &NatRulePlan,
        rules: &[draft::LoadBalancingRule],
    ) -> Option<draft::InboundNatRule> {
        let (place, v6) = self.place(lb, plan.frontend)?;
        let (protocol, front, back) = [
            (LbProtocol::Tcp, 22, 22),
            (LbProtocol::Tcp, 80, 22),
            (LbProtocol::Udp, 53, 53),
            (LbProtocol::Tcp, 443, 443),
        ][usize::from(plan.kind) % 4];
        let frontend = format!("fe{place}");
        let taken = |rule: &draft::LoadBalancingRule| {
            let all = rule.protocol.value == LbProtocol::All;
            let same = rule.protocol.value == protocol && rule.frontend_port.value == front;
            rule.frontend.value == frontend && (all || same)
        };
        if rules.iter().any(taken) {
            return None;
        }
        let home = self.pools[lb].vnet;
        let fits =
            |card: &&super::Card| home.is_none_or(|home| card.vnet == home) && (!v6 || card.v6.is_some());
        let cards: Vec<_> =
            self.cards.iter().filter(fits).filter(|card| self.suits(lb, &card.name)).collect();
        Some(draft::InboundNatRule {
            span: Default::default(),
            name: "nat".to_owned().into(),
            frontend: frontend.into(),
            protocol: protocol.into(),
            frontend_port: front.into(),
            backend_port: back.into(),
            backend: Some(pick(&cards, plan.nic)?.name.clone().into()),
        })
    }

    fn outbound_rule(&self, lb: usize, plan: &OutboundPlan) -> draft::OutboundRule {
        let mut frontends: Vec<draft::Ref> = Vec::new();
        for (place, _) in plan.frontends.iter().filter_map(|number| self.place(lb, *number)) {
            let name: draft::Ref = format!("fe{place}").into();
            if !frontends.contains(&name) {
                frontends.push(name);
            }
        }
        let ports = [None, Some(8), Some(1_024)][usize::from(plan.ports) % 3];
        draft::OutboundRule {
            span: Default::default(),
            name: "out".to_owned().into(),
            frontends,
            backend_pool: POOLS[usize::from(plan.other_pool)].to_owned().into(),
            allocated_outbound_ports: ports.map(At::from),
        }
    }
}

fn rule(
    number: usize,
    said: &LbRulePlan,
    frontend: usize,
    pool: &str,
    (protocol, front, back): (LbProtocol, u64, u64),
    floating: bool,
    probe: Option<String>,
) -> draft::LoadBalancingRule {
    let all = LoadDistribution::ALL;
    let (_, distribution) = all[usize::from(said.distribution) % all.len()];
    draft::LoadBalancingRule {
        span: Default::default(),
        name: format!("rule{number}").into(),
        frontend: format!("fe{frontend}").into(),
        backend_pool: pool.to_owned().into(),
        probe: probe.map(At::from),
        protocol: protocol.into(),
        frontend_port: front.into(),
        // LB-11: the guest sees the frontend's port, too.
        backend_port: if floating { front } else { back }.into(),
        load_distribution: Some(distribution.into()),
        enable_floating_ip: floating.then(|| true.into()),
        idle_timeout_in_minutes: said.idle_minutes.map(|minutes| At::from(4 + u64::from(minutes))),
        disable_outbound_snat: said.no_snat.then(|| true.into()),
    }
}
