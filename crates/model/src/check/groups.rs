//! Application security groups: who is a member, and which rules may name them (NSG-20, NSG-21).

use std::collections::BTreeMap;

use vnetsim_types::{AsgId, At, Problem, VnetId};

use super::Checker;
use crate::{AddressSpec, Asg, Network, SecurityRule, draft::Draft};

/// The virtual network of each group's first member.
type Homes = BTreeMap<AsgId, VnetId>;

impl Checker {
    pub(super) fn groups(&mut self, draft: &Draft) {
        let asgs = &draft.application_security_groups;
        self.network.asgs = asgs.iter().map(|asg| Asg { name: asg.name.clone() }).collect();
        let span = asgs.last().map(|asg| asg.name.span).unwrap_or_default();
        let what = || format!("there are {} application security groups", asgs.len());
        self.at_most(&self.limits().asgs, asgs.len(), span, what);
    }

    /// NSG-21: all members of a group, private endpoints among them, are in one virtual network, and so are those
    /// of the groups that one rule names.
    pub(super) fn group_members(&mut self) {
        let network = std::mem::take(&mut self.network);
        let mut homes = Homes::new();
        let mut counts: BTreeMap<AsgId, usize> = BTreeMap::new();
        for (asg, vnet, member) in members(&network) {
            *counts.entry(asg).or_default() += 1;
            if *homes.entry(asg).or_insert(vnet) != vnet {
                let group = &network[asg].name.value;
                let what = format!(
                    "`{}` joins `{group}`, whose members are in another virtual network",
                    member.value
                );
                self.problem(
                    Problem::error("ASG_ACROSS_VNETS", member.span, what)
                        .help("all members of a group are in one virtual network (NSG-21)"),
                );
            }
        }
        for rule in network.nsgs.iter().flat_map(|nsg| &nsg.rules) {
            self.sides_fit(&network, &homes, rule);
        }
        self.network = network;
        for (asg, count) in counts {
            let name = self.network[asg].name.clone();
            let what = || format!("application security group `{}` has {count} members", name.value);
            self.at_most(&self.limits().ip_configurations_per_asg, count, name.span, what);
        }
    }

    /// The same for one more rule.
    pub(crate) fn rule_fits_groups(&mut self, rule: &SecurityRule) {
        let network = std::mem::take(&mut self.network);
        let mut homes = Homes::new();
        for (asg, vnet, _) in members(&network) {
            homes.entry(asg).or_insert(vnet);
        }
        self.sides_fit(&network, &homes, rule);
        self.network = network;
    }

    fn sides_fit(&mut self, network: &Network, homes: &Homes, rule: &SecurityRule) {
        let mut named = groups_of(rule).filter_map(|asg| Some((asg, homes.get(asg)?)));
        let Some((first, home)) = named.next() else { return };
        if let Some((other, _)) = named.find(|(_, vnet)| *vnet != home) {
            let what = format!(
                "rule `{}` names `{}` and `{}`, whose members are in different virtual networks",
                rule.name.value, network[*first].name.value, network[*other].name.value
            );
            self.problem(
                Problem::error("ASG_ACROSS_VNETS", rule.name.span, what)
                    .help("the groups of one rule have their members in one virtual network (NSG-21)"),
            );
        }
    }

    /// NSG-21, NSG-27: how much one security group may hold.
    pub(crate) fn rule_limits(&mut self, nsg: &At<String>, rules: &[SecurityRule]) {
        let limits = self.limits();
        let count = rules.len();
        self.at_most(&limits.rules_per_nsg, count, nsg.span, || format!("`{}` has {count} rules", nsg.value));
        for rule in rules {
            let count = groups_of(rule).count();
            let what = || format!("rule `{}` names {count} application security groups", rule.name.value);
            self.at_most(&limits.asgs_per_rule, count, rule.name.span, what);
        }
        let mut all: Vec<_> = rules.iter().flat_map(groups_of).collect();
        all.sort_unstable();
        all.dedup();
        let what = || format!("rules of `{}` name {} application security groups", nsg.value, all.len());
        self.at_most(&limits.asgs_per_nsg, all.len(), nsg.span, what);
    }
}

/// Every membership: the group, the virtual network, and the name of the member.
fn members(network: &Network) -> impl Iterator<Item = (AsgId, VnetId, &At<String>)> {
    let nics = network.nics.iter().flat_map(|nic| {
        let asgs = nic.ip_configurations.iter().flat_map(|config| &config.asgs);
        asgs.map(move |asg| (*asg, nic.vnet, &nic.name))
    });
    let endpoints = network.private_endpoints.iter();
    nics.chain(endpoints.flat_map(|e| e.asgs.iter().map(move |asg| (*asg, e.vnet, &e.name))))
}

fn groups_of(rule: &SecurityRule) -> impl Iterator<Item = &AsgId> {
    [&rule.source, &rule.destination].into_iter().flat_map(|side| match side {
        AddressSpec::Asgs(asgs) => asgs.as_slice(),
        _ => &[],
    })
}
