//! Load balancers: frontends, pools, probes and the three kinds of rules (Part 5.2 of the semantics).

use std::net::Ipv4Addr;

use vnetsim_types::{At, LbId, NicId, Problem, SimTime};

use super::{Checker, resolve};
use crate::{
    Frontend, LbProtocol, LbRule, LbSku, LbTarget, LoadBalancer, LoadDistribution, OutboundRule, Probe,
    ProbeProtocol, did_you_mean,
    draft::{self, Draft, Ref},
    limits,
};

/// LB-14: minutes that an idle connection keeps its backend.
pub(super) const IDLE_MINUTES_DEFAULT: u64 = 4;

impl Checker {
    pub(super) fn load_balancers(&mut self, draft: &Draft) {
        for (ix, lb) in draft.load_balancers.iter().enumerate() {
            let frontends = lb.frontends.iter().filter_map(|f| self.frontend(lb, f)).collect();
            let mut rules: Vec<_> = lb.rules.iter().filter_map(|r| self.lb_rule(lb, r)).collect();
            let nat_rules = lb.inbound_nat_rules.iter().enumerate();
            let nat_rules =
                nat_rules.filter_map(|(place, r)| self.nat_rule(draft, lb, (LbId::new(ix), place), r));
            rules.extend(nat_rules);
            let pools = self.pools(draft, LbId::new(ix), lb);
            let probes = lb.probes.iter().map(|probe| self.probe(lb, probe)).collect();
            let outbound = lb.outbound_rules.iter();
            let outbound_rules = outbound.filter_map(|r| self.outbound_rule(lb, &pools, r)).collect();
            let sku = lb.sku.as_ref().map_or(LbSku::Standard, |s| s.value);
            self.network.load_balancers.push(LoadBalancer {
                name: lb.name.clone(),
                sku,
                frontends,
                pools,
                rules,
                probes,
                outbound_rules,
            });
        }
    }

    fn frontend(&mut self, lb: &draft::LoadBalancer, frontend: &draft::Frontend) -> Option<Frontend> {
        let given = frontend.private_ip_address.as_ref().map(|a| a.value);
        let (address, vnet) = match (&frontend.subnet, &frontend.public_ip_address) {
            (Some(subnet), None) => {
                let subnet = self.look_up("subnet", subnet, |x| &x.subnets)?;
                let vnet = self.network.subnets.get(subnet.ix())?.vnet;
                (given.unwrap_or(Ipv4Addr::UNSPECIFIED.into()), Some(vnet))
            }
            (None, Some(public)) => (self.public_address_named(public)?, None),
            _ => {
                let what = format!("frontend `{}` of `{}`", frontend.name.value, lb.name.value);
                self.problem(
                    Problem::error("MISSING_PROPERTY", frontend.span, format!("{what} has no single home"))
                        .help("give it either a subnet or a publicIPAddress (LB-01)"),
                );
                return None;
            }
        };
        Some(Frontend { name: frontend.name.clone(), address, vnet })
    }

    fn lb_rule(&mut self, lb: &draft::LoadBalancer, rule: &draft::LoadBalancingRule) -> Option<LbRule> {
        let frontend = self.member(lb, "frontend", &rule.frontend, lb.frontends.iter().map(|f| &f.name));
        let pool = self.member(lb, "backend pool", &rule.backend_pool, lb.backend_pools.iter());
        let probe = rule.probe.as_ref();
        let probe = probe.and_then(|p| self.member(lb, "probe", p, lb.probes.iter().map(|p| &p.name)));
        let (front, back) = (port(&rule.frontend_port), port(&rule.backend_port));
        let ha_ports = rule.protocol.value == LbProtocol::All;
        if front.is_none() || back.is_none() || ha_ports != (front == Some(0)) {
            let what = format!(
                "rule `{}` of `{}` has protocol {} and port {}",
                rule.name.value,
                lb.name.value,
                rule.protocol.value.text(),
                rule.frontend_port.value
            );
            self.problem(
                Problem::error("BAD_VALUE", rule.frontend_port.span, what)
                    .help("protocol All goes with port 0 (HA ports, LB-09), Tcp and Udp with 1 to 65535"),
            );
        }
        let idle_timeout = self.idle_timeout(lb, rule);
        Some(LbRule {
            name: rule.name.clone(),
            frontend: frontend?,
            target: LbTarget::Pool(pool?),
            probe,
            protocol: rule.protocol.value,
            frontend_port: front?,
            backend_port: back?,
            distribution: rule.load_distribution.as_ref().map_or(LoadDistribution::Default, |d| d.value),
            floating_ip: rule.enable_floating_ip.as_ref().is_some_and(|f| f.value),
            idle_timeout,
            disable_outbound_snat: rule.disable_outbound_snat.as_ref().is_some_and(|d| d.value),
        })
    }

    /// LB-14.
    fn idle_timeout(&mut self, lb: &draft::LoadBalancer, rule: &draft::LoadBalancingRule) -> SimTime {
        let limits = self.limits();
        let (least, most) =
            (&limits.load_balancer_idle_minutes_shortest, &limits.load_balancer_idle_minutes_longest);
        let range = limits::range(least, most);
        let minutes = match &rule.idle_timeout_in_minutes {
            Some(minutes) if !range.contains(&minutes.value) => {
                let what = format!(
                    "idleTimeoutInMinutes of rule `{}` of `{}` is {}",
                    rule.name.value, lb.name.value, minutes.value
                );
                let help = format!("it goes from {} to {} (LB-14)", range.start(), range.end());
                self.problem(Problem::error("BAD_VALUE", minutes.span, what).help(help));
                IDLE_MINUTES_DEFAULT
            }
            Some(minutes) => minutes.value,
            None => IDLE_MINUTES_DEFAULT,
        };
        SimTime::from_secs(60 * minutes)
    }

    /// LB-07.
    fn probe(&mut self, lb: &draft::LoadBalancer, probe: &draft::Probe) -> Probe {
        let what = format!("probe `{}` of `{}`", probe.name.value, lb.name.value);
        let (interval_s, threshold) = self.probe_time(&what, probe);
        Probe {
            name: probe.name.clone(),
            protocol: probe.protocol.as_ref().map_or(ProbeProtocol::Tcp, |p| p.value),
            port: probe.port.as_ref().and_then(|port| self.real_port(&what, "port", port)),
            interval: SimTime::from_secs(interval_s),
            threshold: threshold as u32,
        }
    }

    /// LB-07: every 5 s at most, and a verdict within 120 s.
    fn probe_time(&mut self, what: &str, probe: &draft::Probe) -> (u64, u64) {
        let (interval, threshold) = (probe.interval_s.as_ref(), probe.threshold.as_ref());
        let interval_s = interval.map_or(Probe::INTERVAL_DEFAULT_S, |s| s.value);
        let times = threshold.map_or(1, |t| t.value);
        let fits = (5..=120).contains(&interval_s) && (1..=24).contains(&times) && interval_s * times <= 120;
        let wrong = threshold.filter(|t| !(1..=24).contains(&t.value)).or(interval).or(threshold);
        if let Some(said) = wrong.filter(|_| !fits) {
            let found = format!("{what} has intervalInSeconds {interval_s} and probeThreshold {times}");
            let help = "intervalInSeconds is 5 or more, probeThreshold 1 or more, and their product 120 at most (LB-07)";
            self.problem(Problem::error("BAD_VALUE", said.span, found).help(help));
        }
        (interval_s.min(120), times.clamp(1, 24))
    }

    /// OUT-04.
    fn outbound_rule(
        &mut self,
        lb: &draft::LoadBalancer,
        pools: &[Vec<(NicId, usize)>],
        rule: &draft::OutboundRule,
    ) -> Option<OutboundRule> {
        let names = || lb.frontends.iter().map(|f| &f.name);
        let pool = self.member(lb, "backend pool", &rule.backend_pool, lb.backend_pools.iter());
        let mut frontends = Vec::new();
        for name in &rule.frontends {
            let Some(place) = self.member(lb, "frontend", name, names()) else { continue };
            if lb.frontends[place].public_ip_address.is_none() {
                let what = format!(
                    "outbound rule `{}` of `{}` uses internal frontend `{}`",
                    rule.name.value, lb.name.value, name.value
                );
                self.problem(
                    Problem::error("BAD_VALUE", name.span, what)
                        .help("outbound connections need frontends with a publicIPAddress (OUT-04)"),
                );
            }
            frontends.push(place);
        }
        if rule.frontends.is_empty() {
            let what = format!("outbound rule `{}` of `{}` has no frontend", rule.name.value, lb.name.value);
            self.problem(
                Problem::error("MISSING_PROPERTY", rule.span, what).help("list frontendIPConfigurations"),
            );
        }
        let members = pool.and_then(|pool| pools.get(pool)).map_or(0, |members| members.len() as u64);
        let ports = self.outbound_ports(lb, rule, members);
        Some(OutboundRule { name: rule.name.clone(), frontends, pool: pool?, ports })
    }

    /// OUT-04: what is allocated must fit the frontends. 0 stands for "by the size of the pool".
    fn outbound_ports(
        &mut self,
        lb: &draft::LoadBalancer,
        rule: &draft::OutboundRule,
        members: u64,
    ) -> Option<u16> {
        let said = rule.allocated_outbound_ports.as_ref().filter(|ports| ports.value != 0)?;
        let most = self.limits().snat_ports_per_frontend_ip.value;
        let all = most * rule.frontends.len() as u64;
        if said.value > most || said.value * members > all {
            let what = format!(
                "outbound rule `{}` of `{}` gives {} ports to each of {members} members",
                rule.name.value, lb.name.value, said.value
            );
            self.problem(
                Problem::error("OVER_LIMIT", said.span, what)
                    .help(format!("a frontend has {most} ports, its frontends together {all} (OUT-04)")),
            );
            return None;
        }
        u16::try_from(said.value).ok()
    }

    /// A port from 1 to 65535.
    pub(super) fn real_port(&mut self, what: &str, property: &str, written: &At<u64>) -> Option<u16> {
        let found = port(written).filter(|port| *port != 0);
        if found.is_none() {
            let what = format!("{what} has {property} {}", written.value);
            self.problem(Problem::error("BAD_VALUE", written.span, what).help("ports go from 1 to 65535"));
        }
        found
    }

    /// Position of `name` among the parts of a balancer.
    pub(super) fn member<'a>(
        &mut self,
        lb: &draft::LoadBalancer,
        kind: &str,
        name: &Ref,
        mut all: impl Iterator<Item = &'a At<String>> + Clone,
    ) -> Option<usize> {
        let found = all.clone().position(|other| other.value.eq_ignore_ascii_case(&name.value));
        if found.is_none() {
            let near = did_you_mean(&name.value, all.by_ref().map(|n| n.value.as_str())).map(str::to_owned);
            let kind = format!("{kind} of `{}`", lb.name.value);
            self.problem(resolve::unknown(&kind, name, &near));
        }
        found
    }

    /// Where `config` of `nic` stands in the checked NIC, which has the primary one first.
    pub(super) fn place_of(&self, nic: NicId, config: &draft::IpConfiguration) -> usize {
        let checked = &self.network.nics[nic.ix()].ip_configurations;
        checked.iter().position(|c| c.name.value == config.name.value).unwrap_or_default()
    }

    /// Pool members: the ipConfigurations that name the pool.
    fn pools(&self, draft: &Draft, id: LbId, lb: &draft::LoadBalancer) -> Vec<Vec<(NicId, usize)>> {
        let mut pools = vec![Vec::new(); lb.backend_pools.len()];
        for (ix, nic) in draft.network_interfaces.iter().enumerate() {
            for config in &nic.ip_configurations {
                let at = self.place_of(NicId::new(ix), config);
                for name in &config.backend_address_pools {
                    if let Ok((owner, place)) = self.names.pools.get(&name.value)
                        && owner == id
                    {
                        pools[place].push((NicId::new(ix), at));
                    }
                }
            }
        }
        pools
    }
}

fn port(written: &At<u64>) -> Option<u16> {
    u16::try_from(written.value).ok()
}
