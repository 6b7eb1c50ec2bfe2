//! What rules of load balancers may not ask for, alone and beside each other (LB-02, LB-07, LB-09, LB-11).

use std::collections::BTreeMap;

use vnetsim_types::{At, NicId, Problem};

use super::Checker;
use crate::{
    LbProtocol, LbRule, LbSku, LbTarget, LoadBalancer, ProbeProtocol,
    draft::{self, Draft},
};

impl Checker {
    /// Positions of frontends are those of the draft: a frontend with a problem is missing in the network.
    pub(super) fn balancer_rules(&mut self, draft: &Draft) {
        let balancers = std::mem::take(&mut self.network.load_balancers);
        for (said, lb) in draft.load_balancers.iter().zip(&balancers) {
            self.part_names(said);
            self.same_port(said, lb);
            for rule in &lb.rules {
                self.ha_ports(said, lb, rule);
                self.floating_ip(said, lb, rule);
            }
            for probe in lb.probes.iter().filter(|p| p.protocol == ProbeProtocol::Https) {
                if lb.sku == LbSku::Basic {
                    let what = format!(
                        "probe `{}` of Basic `{}` has protocol Https",
                        probe.name.value, lb.name.value
                    );
                    self.conflict(&probe.name, what, "use Http or Tcp, or sku: Standard (LB-07)");
                }
            }
        }
        self.alone_with_ha_ports(draft, &balancers);
        self.network.load_balancers = balancers;
    }

    fn part_names(&mut self, said: &draft::LoadBalancer) {
        let lb = &said.name.value;
        self.unique_names("frontend", lb, said.frontends.iter().map(|f| &f.name));
        self.unique_names("probe", lb, said.probes.iter().map(|p| &p.name));
        let rules = said.rules.iter().map(|r| &r.name).chain(said.inbound_nat_rules.iter().map(|r| &r.name));
        self.unique_names("rule", lb, rules);
        self.unique_names("outbound rule", lb, said.outbound_rules.iter().map(|r| &r.name));
    }

    /// LB-02: frontend, protocol and port say which rule a packet meets.
    fn same_port(&mut self, said: &draft::LoadBalancer, lb: &LoadBalancer) {
        for (ix, rule) in lb.rules.iter().enumerate() {
            let Some(first) = lb.rules[..ix].iter().find(|first| meet(first, rule)) else { continue };
            let what = format!(
                "rules `{}` and `{}` of `{}` share port {} of frontend `{}`",
                first.name.value,
                rule.name.value,
                lb.name.value,
                rule.frontend_port,
                frontend(said, rule).name.value
            );
            self.problem(
                Problem::error("DUPLICATE_FRONTEND_PORT", rule.name.span, what)
                    .related(first.name.span, "the other rule")
                    .help("one frontend has one rule for each protocol and port (LB-02); change one"),
            );
        }
    }

    /// LB-09: HA ports are for internal frontends of Standard balancers.
    fn ha_ports(&mut self, said: &draft::LoadBalancer, lb: &LoadBalancer, rule: &LbRule) {
        if rule.protocol != LbProtocol::All || !matches!(rule.target, LbTarget::Pool(_)) {
            return;
        }
        let internal = frontend(said, rule).subnet.is_some();
        if lb.sku == LbSku::Basic || !internal {
            let kind = if internal { "Basic" } else { "public" };
            let what = format!("rule `{}` of {kind} `{}` has HA ports", rule.name.value, lb.name.value);
            self.conflict(
                &rule.name,
                what,
                "only internal Standard balancers have them (LB-09); name a port",
            );
        }
    }

    /// LB-11.
    fn floating_ip(&mut self, said: &draft::LoadBalancer, lb: &LoadBalancer, rule: &LbRule) {
        let frontend = frontend(said, rule);
        let ipv6 = frontend.private_ip_address.as_ref().is_some_and(|address| address.value.is_ipv6());
        let secondary = match rule.target {
            LbTarget::Pool(pool) => lb.pools[pool].iter().any(|(_, place)| *place > 0),
            LbTarget::Nic(..) => false,
        };
        let wrong = if frontend.subnet.is_some() && ipv6 {
            "an internal IPv6 frontend"
        } else if secondary {
            "secondary ipConfigurations in its pool"
        } else {
            return;
        };
        if rule.floating_ip {
            let what =
                format!("rule `{}` of `{}` has floating IP and {wrong}", rule.name.value, lb.name.value);
            self.conflict(&rule.name, what, "set enableFloatingIP: false (LB-11)");
        }
    }

    /// LB-09: without floating IP an HA-ports rule is the only rule of internal balancers for its backends.
    fn alone_with_ha_ports(&mut self, draft: &Draft, balancers: &[LoadBalancer]) {
        let mut rules: BTreeMap<NicId, Vec<(&LoadBalancer, &LbRule)>> = BTreeMap::new();
        for (said, lb) in draft.load_balancers.iter().zip(balancers) {
            for rule in lb.rules.iter().filter(|rule| frontend(said, rule).subnet.is_some()) {
                for nic in members(lb, rule) {
                    rules.entry(nic).or_default().push((lb, rule));
                }
            }
        }
        let mut told = Vec::new();
        for (lb, rule) in rules.values().filter(|rules| rules.len() > 1).flatten() {
            let alone = rule.protocol == LbProtocol::All && !rule.floating_ip;
            let place = (lb.name.value.clone(), rule.name.value.clone());
            if alone && !told.contains(&place) {
                let what = format!(
                    "rule `{}` of `{}` has HA ports, and its backends have another rule of an internal balancer",
                    rule.name.value, lb.name.value
                );
                self.conflict(
                    &rule.name,
                    what,
                    "keep one of the rules, or set enableFloatingIP: true (LB-09)",
                );
                told.push(place);
            }
        }
    }

    fn conflict(&mut self, rule: &At<String>, what: String, help: &str) {
        self.problem(Problem::error("CONFLICTING_PROPERTIES", rule.span, what).help(help));
    }
}

fn frontend<'a>(said: &'a draft::LoadBalancer, rule: &LbRule) -> &'a draft::Frontend {
    &said.frontends[rule.frontend]
}

fn members(lb: &LoadBalancer, rule: &LbRule) -> Vec<NicId> {
    match rule.target {
        LbTarget::Pool(pool) => lb.pools[pool].iter().map(|(nic, _)| *nic).collect(),
        LbTarget::Nic(nic, _) => vec![nic],
    }
}

/// Whether one packet can meet both rules.
fn meet(a: &LbRule, b: &LbRule) -> bool {
    let all = a.protocol == LbProtocol::All || b.protocol == LbProtocol::All;
    a.frontend == b.frontend && (all || (a.protocol == b.protocol && a.frontend_port == b.frontend_port))
}
