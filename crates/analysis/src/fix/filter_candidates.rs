//! Edits of what lets packets in: security rules, and the rules and probes of load balancers.
//!
//! Part of `candidates`, which says for which flow and in which order.

use std::collections::BTreeSet;
use std::net::IpAddr;

use vnetsim_model::{Access, LbProtocol, LbSku, SecurityRule};
use vnetsim_types::{Direction, DropReason, IpProtocol, NicId, NsgId, Place, ProtoPort, Step};

use super::{
    candidates::Space,
    edit::{Edit, NewRule},
};

impl Space<'_> {
    /// Allow rules before those that denied.
    pub(super) fn rules(&mut self) {
        let dead = self.played.trace.conversations_of(self.id).flat_map(|trace| &trace.packets);
        let mut denied = Vec::new();
        for packet in dead.filter(|packet| packet.drop().is_some_and(|(_, why)| why == DropReason::NsgDeny)) {
            let step = packet.steps.iter().rev().find_map(|(now, step)| match step {
                Step::Nsg { acl, rule, direction, allowed: false, .. } => {
                    Some((*now, *acl, *rule, *direction))
                }
                _ => None,
            });
            denied.extend(step.zip(packet.key()));
        }
        for ((now, acl, rule, direction), key) in denied {
            let compiled = self.explainer.at(now);
            let before = compiled.rule(rule).priority;
            let (nsg, protocol) =
                (compiled.acl(acl).nsg, ProtoPort { protocol: key.protocol, port: key.dst_port });
            let (source, destination) = (self.block_of(key.src), self.block_of(key.dst));
            self.move_rules(nsg, direction, before);
            self.add_rule(nsg, direction, before, true, (source, destination), protocol);
        }
    }

    /// Allow rules that come after the one that denied.
    fn move_rules(&mut self, nsg: NsgId, direction: Direction, before: u16) {
        let group = &self.network[nsg];
        let taken = |p: u16| group.rules.iter().any(|r| r.direction == direction && r.priority == p);
        let Some(priority) = (100..before.min(4_097)).rev().find(|p| !taken(*p)) else { return };
        let later = |rule: &&SecurityRule| {
            rule.direction == direction && rule.access == Access::Allow && rule.priority > before
        };
        for rule in group.rules.iter().filter(later) {
            let (nsg, rule) = (group.name.value.clone(), rule.name.value.clone());
            self.add(vec![Edit::Priority { nsg, rule, priority }]);
        }
    }

    fn block_of(&self, ip: IpAddr) -> String {
        let subnets = self.network.subnets().iter().flat_map(|subnet| &subnet.prefixes);
        if let Some(prefix) = subnets.into_iter().find(|prefix| prefix.contains(&ip)) {
            return prefix.value.to_string();
        }
        let blocks = self.blocks();
        blocks.iter().find(|block| block.contains(&ip)).map_or_else(|| ip.to_string(), ToString::to_string)
    }

    fn add_rule(
        &mut self,
        nsg: NsgId,
        direction: Direction,
        before: u16,
        allow: bool,
        (source, destination): (String, String),
        protocol: ProtoPort,
    ) {
        let group = &self.network[nsg];
        let taken = |p: u16| group.rules.iter().any(|r| r.direction == direction && r.priority == p);
        let Some(priority) = (100..before.min(4_097)).rev().find(|p| !taken(*p)) else { return };
        let outbound = direction == Direction::Outbound;
        let name = format!("{}-fix-{priority}", if allow { "allow" } else { "deny" });
        let rule = NewRule { name, priority, outbound, allow, source, destination, protocol };
        self.add(vec![Edit::AddRule { nsg: group.name.value.clone(), rule }]);
    }

    /// Deny rules before those that allowed it.
    pub(super) fn denials(&mut self) {
        let mut allowed = BTreeSet::new();
        for packet in self.played.trace.conversations_of(self.id).flat_map(|trace| &trace.packets) {
            for (now, step) in &packet.steps {
                if let Step::Nsg { acl, rule, direction, allowed: true, .. } = step {
                    let compiled = self.explainer.at(*now);
                    let outbound = *direction == Direction::Outbound;
                    allowed.insert((compiled.acl(*acl).nsg, outbound, compiled.rule(*rule).priority));
                }
            }
        }
        for (nsg, outbound, before) in allowed {
            let direction = if outbound { Direction::Outbound } else { Direction::Inbound };
            let (from, to) = (self.traffic.from.address.to_string(), self.traffic.to.address.to_string());
            self.add_rule(nsg, direction, before, false, (from, to), self.traffic.protocol);
        }
    }

    /// Rules of balancers, and what keeps probes away.
    pub(super) fn balancers(&mut self) {
        let network = self.network;
        for lb in network.load_balancers() {
            let members: Vec<NicId> = lb.pools.iter().flatten().map(|(nic, _)| *nic).collect();
            if !members.iter().any(|nic| self.vnets.contains(&network[*nic].vnet)) {
                continue;
            }
            for rule in &lb.rules {
                if rule.protocol != LbProtocol::All && lb.frontends[rule.frontend].vnet.is_some() {
                    self.add(vec![Edit::HaPorts {
                        lb: lb.name.value.clone(),
                        rule: rule.name.value.clone(),
                    }]);
                }
            }
            if lb.sku == LbSku::Basic {
                self.add(vec![Edit::StandardSku { lb: lb.name.value.clone() }]);
            }
            if let Place::Nic(caller) = self.traffic.from.place
                && members.contains(&caller)
            {
                let nic = network[caller].name.value.clone();
                self.add(vec![Edit::LeavePool { nic, lb: lb.name.value.clone() }]);
            }
            for probe in &lb.probes {
                let Some(port) = probe.port else { continue };
                self.probe(&lb.name.value, &probe.name.value, port, &members);
            }
        }
    }

    fn probe(&mut self, lb: &str, probe: &str, port: u16, members: &[NicId]) {
        let network = self.network;
        let guests = members.iter().filter_map(|nic| Some(&network[network[*nic].vm?].guest));
        let open: BTreeSet<u16> = guests
            .filter_map(|guest| guest.listen.as_ref())
            .flatten()
            .filter(|listens| listens.protocol == IpProtocol::TCP && listens.port != port)
            .map(|listens| listens.port)
            .collect();
        for port in open.into_iter().take(3) {
            self.add(vec![Edit::ProbePort { lb: lb.to_owned(), probe: probe.to_owned(), port }]);
        }
        let mut groups = BTreeSet::new();
        for nic in members {
            groups.extend(network[*nic].nsg.as_ref().map(|nsg| nsg.value));
            groups.extend(network[network[*nic].subnet].nsg.as_ref().map(|nsg| nsg.value));
        }
        for nsg in groups {
            let denies =
                |rule: &&SecurityRule| rule.direction == Direction::Inbound && rule.access == Access::Deny;
            let rules = network[nsg].rules.iter().filter(denies);
            let before = rules.map(|rule| rule.priority).min().unwrap_or(4_097);
            let protocol = ProtoPort { protocol: IpProtocol::TCP, port };
            let sides = ("AzureLoadBalancer".to_owned(), "*".to_owned());
            self.add_rule(nsg, Direction::Inbound, before, true, sides, protocol);
        }
    }
}
