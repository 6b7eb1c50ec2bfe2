//! Inbound NAT rules: a port of a frontend for one ipConfiguration, and who that is (LB-16).

use vnetsim_types::{At, LbId, NicId, Problem, SimTime, Span};

use super::{Checker, balancers::IDLE_MINUTES_DEFAULT, resolve};
use crate::{
    LbProtocol, LbRule, LbTarget, LoadDistribution, did_you_mean,
    draft::{self, Draft, Ref},
};

impl Checker {
    /// `id` is the balancer and the rule's place in it. Such a rule lends its frontend to no outbound connection
    /// (OUT-04).
    pub(super) fn nat_rule(
        &mut self,
        draft: &Draft,
        lb: &draft::LoadBalancer,
        id: (LbId, usize),
        rule: &draft::InboundNatRule,
    ) -> Option<LbRule> {
        let frontend = self.member(lb, "frontend", &rule.frontend, lb.frontends.iter().map(|f| &f.name));
        let what = format!("inbound NAT rule `{}` of `{}`", rule.name.value, lb.name.value);
        let target = self.nat_target(draft, &what, id, rule);
        let front = self.real_port(&what, "frontendPort", &rule.frontend_port);
        let back = self.real_port(&what, "backendPort", &rule.backend_port);
        if rule.protocol.value == LbProtocol::All {
            self.problem(
                Problem::error("BAD_VALUE", rule.protocol.span, format!("{what} has protocol All"))
                    .help("an inbound NAT rule is for one port of Tcp or Udp (LB-16)"),
            );
            return None;
        }
        let (nic, place) = target?;
        Some(LbRule {
            name: rule.name.clone(),
            frontend: frontend?,
            target: LbTarget::Nic(nic, place),
            probe: None,
            protocol: rule.protocol.value,
            frontend_port: front?,
            backend_port: back?,
            distribution: LoadDistribution::Default,
            floating_ip: false,
            idle_timeout: SimTime::from_secs(60 * IDLE_MINUTES_DEFAULT),
            disable_outbound_snat: true,
        })
    }

    /// Who gets the traffic: the ipConfiguration that names the rule, as in templates, or what the rule names, which
    /// exports write beside it.
    fn nat_target(
        &mut self,
        draft: &Draft,
        what: &str,
        id: (LbId, usize),
        rule: &draft::InboundNatRule,
    ) -> Option<(NicId, Option<usize>)> {
        let listed = self.who_names(draft, id);
        let first = listed.first().map(|(nic, place, span)| (*nic, Some(*place), *span));
        let said = match &rule.backend {
            Some(name) => {
                let (nic, place) = self.nat_backend(name)?;
                Some((nic, place.or(first.and_then(|(_, place, _)| place)), name.span))
            }
            None => first,
        };
        let Some((nic, place, span)) = said else {
            let what = format!("{what} leads to nobody");
            let help = "name it in loadBalancerInboundNatRules of an ipConfiguration (LB-16)";
            self.problem(Problem::warning("RULE_WITHOUT_BACKEND", rule.name.span, what).help(help));
            return None;
        };
        let other = listed.iter().find(|(n, p, _)| (*n, Some(*p)) != (nic, place));
        if let Some((.., other)) = other {
            let what = format!("{what} leads to two ipConfigurations");
            let problem =
                Problem::error("CONFLICTING_PROPERTIES", *other, what).related(span, "the other one");
            self.problem(problem.help("an inbound NAT rule is for one of them (LB-16); remove the other"));
            return None;
        }
        Some((nic, place))
    }

    /// The ipConfigurations that name a rule, and where they do.
    fn who_names(&self, draft: &Draft, id: (LbId, usize)) -> Vec<(NicId, usize, Span)> {
        let mut found = Vec::new();
        for (ix, nic) in draft.network_interfaces.iter().enumerate() {
            for config in &nic.ip_configurations {
                let names = |name: &&Ref| self.names.nat_rules.get(&name.value).is_ok_and(|rule| rule == id);
                let place = self.place_of(NicId::new(ix), config);
                found.extend(
                    config
                        .inbound_nat_rules
                        .iter()
                        .filter(names)
                        .map(|name| (NicId::new(ix), place, name.span)),
                );
            }
        }
        found
    }

    /// `nic/ipConfiguration`, a NIC, or the VM whose primary NIC it is.
    fn nat_backend(&mut self, name: &Ref) -> Option<(NicId, Option<usize>)> {
        let (owner, config) = match name.value.split_once('/') {
            Some((owner, config)) => (owner, Some(config)),
            None => (name.value.as_str(), None),
        };
        let nic = match self.network.nic_named(owner) {
            Some(nic) => nic,
            None => {
                let owner = At::new(owner.to_owned(), name.span);
                self.look_up("network interface or virtual machine", &owner, |x| &x.nics)?
            }
        };
        let Some(config) = config else {
            let only = self.network[nic].ip_configurations.len() == 1;
            return Some((nic, only.then_some(0)));
        };
        let all = self.network[nic].ip_configurations.iter().map(|c| c.name.value.as_str());
        if let Some(place) = all.clone().position(|known| known.eq_ignore_ascii_case(config)) {
            return Some((nic, Some(place)));
        }
        let near = did_you_mean(config, all).map(str::to_owned);
        let kind = format!("ipConfiguration of `{owner}`");
        let problem = resolve::unknown(&kind, &At::new(config.to_owned(), name.span), &near);
        self.problem(problem);
        None
    }
}
