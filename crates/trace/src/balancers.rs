//! Causes at load balancers: no rule, nobody healthy, out of reach, hairpin, closed.

use vnetsim_model::{Era, GuestState, LbProtocol, LbRule, LbSku, LbTarget, LoadBalancer};
use vnetsim_types::{DropReason, IpProtocol, NicId, Place, ProtoPort, Step};

use crate::diagnose::{Case, Finding};

impl Case<'_> {
    /// The balancer and frontend that the packet, or the route that it took, is addressed to.
    fn frontend(&self) -> Option<(&LoadBalancer, usize)> {
        let route = self.last_route().and_then(|(_, ix)| ix).map(|ix| self.explainer.at(self.now).route(ix));
        let hop = route.and_then(|route| route.next_hop_ip);
        let wanted = [hop, Some(self.key.dst)];
        wanted.into_iter().flatten().find_map(|address| {
            let of = |lb: &LoadBalancer| lb.frontends.iter().position(|f| f.address == address);
            self.network.load_balancers().iter().find_map(|lb| Some((lb, of(lb)?)))
        })
    }

    /// FAIL-15, FAIL-16, FAIL-18: the balancer, its rules or its members, and why they do not serve.
    pub(crate) fn balancer(&self, reason: DropReason) -> Finding {
        let Some((lb, frontend)) = self.frontend() else { return self.route_object() };
        let name = &lb.name.value;
        let mut finding = Finding {
            object: format!("load balancer {name}, frontend {}", lb.frontends[frontend].name.value),
            span: lb.name.span,
            ..Finding::default()
        };
        let rules: Vec<&LbRule> = lb.rules.iter().filter(|rule| rule.frontend == frontend).collect();
        match reason {
            DropReason::NoLoadBalancerRule => {
                let all: Vec<String> = rules.iter().map(|rule| rule_words(rule)).collect();
                let all = if all.is_empty() { "no rule".to_owned() } else { all.join(", ") };
                finding.because.push(format!("it has {all}; the packet is {}", self.key));
                // LB-09: HA ports are for internal frontends of Standard balancers.
                let inside = lb.frontends[frontend].vnet.is_some() && lb.sku == LbSku::Standard;
                let or = if inside { ", or one for HA ports (LB-09)" } else { "" };
                finding.fix.push(format!("{name}: add a rule for {}{or}", self.asked()));
            }
            DropReason::NoHealthyBackend => {
                let rule = rules.iter().find(|rule| self.covers(rule)).or(rules.first());
                finding.because.extend(rule.into_iter().flat_map(|rule| self.members_down(lb, rule)));
            }
            _ if self.network.semantics().era == Era::Y2017 => {
                let why = "in 2017 no internal balancer could be reached from another region (ERA-05)";
                finding.because.push(why.to_owned());
                finding.fix.push("address the backends directly".to_owned());
            }
            _ => finding
                .because
                .push(format!("{name} is Basic and stands in another region than the sender (LB-13)")),
        }
        finding
    }

    fn asked(&self) -> String {
        match self.key.protocol.has_ports() {
            true => format!("{}/{}", self.key.protocol, self.key.dst_port),
            false => self.key.protocol.to_string(),
        }
    }

    fn covers(&self, rule: &LbRule) -> bool {
        let protocol = match rule.protocol {
            LbProtocol::Tcp => self.key.protocol == IpProtocol::TCP,
            LbProtocol::Udp => self.key.protocol == IpProtocol::UDP,
            LbProtocol::All => true,
        };
        protocol && (rule.frontend_port == 0 || rule.frontend_port == self.key.dst_port)
    }

    /// Each member of the rule's pool, and why it gets nothing (LB-07).
    fn members_down(&self, lb: &LoadBalancer, rule: &LbRule) -> Vec<String> {
        let members: Vec<NicId> = match rule.target {
            LbTarget::Pool(pool) => lb.pools[pool].iter().map(|(nic, _)| *nic).collect(),
            LbTarget::Nic(nic, _) => vec![nic],
        };
        if members.is_empty() {
            return vec![format!("rule {} has an empty pool", rule.name.value)];
        }
        let port = rule.probe.and_then(|probe| lb.probes[probe].port);
        members.into_iter().map(|nic| self.member_down(nic, port)).collect()
    }

    fn member_down(&self, nic: NicId, port: Option<u16>) -> String {
        let place = self.explainer.place(Place::Nic(nic));
        let Some(vm) = self.network[nic].vm.map(|vm| &self.network[vm]) else {
            return format!("{place} is attached to no machine");
        };
        if !vm.running {
            return format!("{place} is stopped since {}", self.stopped_since(vm));
        }
        if vm.guest.state == GuestState::Dead {
            return format!("the guest of {place} hangs and does not answer the probe");
        }
        let Some(port) = port else { return format!("{place} gets no probe") };
        let asked = ProtoPort { protocol: IpProtocol::TCP, port };
        if vm.guest.listen.as_ref().is_some_and(|open| !open.contains(&asked)) {
            return format!("{place} does not listen on the probe's port {port}");
        }
        format!("the NSGs of {place} do not let the probe, 168.63.129.16, reach port {port} (FE-19)")
    }

    /// LB-12.
    pub(crate) fn hairpin(&self) -> Finding {
        let balancer = self.packet.steps.iter().rev().find_map(|(_, step)| match step {
            Step::LoadBalancer { lb, backend, members, .. } => Some((*lb, *backend, *members)),
            _ => None,
        });
        let Some((lb, backend, members)) = balancer else { return Finding::default() };
        let (lb, backend) = (&self.network[lb], self.explainer.place(Place::Nic(backend)));
        Finding {
            object: format!("load balancer {}: {backend} called it and was chosen itself", lb.name.value),
            span: lb.name.span,
            because: vec![format!("it happens to about one in {members} of {backend}'s connections")],
            fix: Vec::new(),
        }
    }

    /// LB-15: nothing denied it, and nothing allowed it.
    pub(crate) fn closed_balancer(&self) -> Finding {
        let Some(nic) = self.nic_at() else { return Finding::default() };
        let name = self.explainer.nic(nic);
        Finding {
            object: format!("NIC {name}: no NSG behind a Standard load balancer"),
            span: self.network[nic].name.span,
            because: vec![
                "a Standard load balancer is closed to the internet until an NSG allows it (LB-15)"
                    .to_owned(),
            ],
            fix: vec![format!(
                "give {name} or its subnet an NSG with an inbound Allow rule for port {}",
                self.key.dst_port
            )],
        }
    }
}

/// `https tcp 443`, or `ha every port`.
fn rule_words(rule: &LbRule) -> String {
    match rule.protocol {
        LbProtocol::All => format!("{} for every port", rule.name.value),
        protocol => format!("{} for {} {}", rule.name.value, protocol.text(), rule.frontend_port),
    }
}
