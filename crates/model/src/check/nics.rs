//! Network interfaces and their ipConfigurations (Part 1.2 of the semantics).

use std::{
    collections::BTreeMap,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

use vnetsim_types::{AsgId, At, Problem, SubnetId, VnetId};

use super::Checker;
use crate::{
    AddressSpec, IpConfiguration, Network, Nic, SecurityRule,
    draft::{self, Draft},
};

impl Checker {
    pub(super) fn nics(&mut self, draft: &Draft) {
        for nic in &draft.network_interfaces {
            let resolved = self.nic(nic);
            self.network.nics.push(resolved);
        }
    }

    /// Addresses that the file does not give stay unspecified until [`Self::allocate_addresses`].
    fn nic(&mut self, nic: &draft::NetworkInterface) -> Nic {
        let mut subnet = None;
        let mut configs = Vec::new();
        let mut ordered: Vec<_> = nic.ip_configurations.iter().collect();
        ordered.sort_by_key(|c| !c.primary.as_ref().is_some_and(|p| p.value));
        for config in ordered {
            let Some(id) = self.look_up("subnet", &config.subnet, |x| &x.subnets) else { continue };
            if *subnet.get_or_insert(id) != id {
                let what = format!(
                    "ipConfiguration `{}` of `{}` is in another subnet",
                    config.name.value, nic.name.value
                );
                self.problem(
                    Problem::error("TWO_SUBNETS", config.subnet.span, what)
                        .help("all ipConfigurations of a NIC sit in one subnet (ADDR-13)"),
                );
            }
            configs.push(self.ip_configuration(config));
        }
        if nic.ip_configurations.is_empty() {
            let what = format!("network interface `{}` has no ipConfigurations", nic.name.value);
            self.problem(
                Problem::error("MISSING_PROPERTY", nic.name.span, what).help("give it a subnet (ADDR-13)"),
            );
        }
        let nsg = nic.network_security_group.as_ref();
        let nsg =
            nsg.and_then(|r| Some(At::new(self.look_up("network security group", r, |x| &x.nsgs)?, r.span)));
        // An error was reported when there is no subnet; the first one only keeps the types whole.
        let subnet = subnet.unwrap_or(SubnetId(0));
        let vnet = self.network.subnets.get(subnet.ix()).map_or(VnetId(0), |s| s.vnet);
        let forwarding = nic.enable_ip_forwarding.clone().unwrap_or(At::new(false, nic.name.span));
        Nic {
            name: nic.name.clone(),
            vm: None,
            vnet,
            subnet,
            ip_configurations: configs,
            enable_ip_forwarding: forwarding,
            nsg,
        }
    }

    fn ip_configuration(&mut self, config: &draft::IpConfiguration) -> IpConfiguration {
        let unspecified: IpAddr =
            if config.ipv6 { Ipv6Addr::UNSPECIFIED.into() } else { Ipv4Addr::UNSPECIFIED.into() };
        let asgs = config.application_security_groups.iter();
        let asgs = asgs.filter_map(|r| self.look_up("application security group", r, |x| &x.asgs)).collect();
        for pool in &config.backend_address_pools {
            self.look_up("backend pool", pool, |x| &x.pools);
        }
        let public = config.public_ip_address.as_ref();
        IpConfiguration {
            name: config.name.clone(),
            address: config.private_ip_address.as_ref().map_or(unspecified, |a| a.value),
            public_address: public.and_then(|r| self.public_address_named(r)),
            asgs,
        }
    }

    /// NSG-21: all members of an ASG, private endpoints among them, are in one virtual network.
    pub(super) fn asg_members(&mut self) {
        let mut found = Vec::new();
        let mut members = Vec::new();
        for nic in &self.network.nics {
            let asgs = nic.ip_configurations.iter().flat_map(|config| &config.asgs);
            members.extend(asgs.map(|asg| (*asg, nic.vnet, &nic.name)));
        }
        for endpoint in &self.network.private_endpoints {
            members.extend(endpoint.asgs.iter().map(|asg| (*asg, endpoint.vnet, &endpoint.name)));
        }
        let mut home: BTreeMap<AsgId, VnetId> = BTreeMap::new();
        for (asg, vnet, member) in members {
            if *home.entry(asg).or_insert(vnet) != vnet {
                let what = format!(
                    "`{}` joins `{}`, whose members are in another virtual network",
                    member.value, self.network[asg].name.value
                );
                found.push(
                    Problem::error("ASG_ACROSS_VNETS", member.span, what)
                        .help("all members of a group are in one virtual network (NSG-21)"),
                );
            }
        }
        let rules = self.network.nsgs.iter().flat_map(|nsg| &nsg.rules);
        found.extend(rules.filter_map(|rule| groups_apart(&self.network, rule, &home)));
        self.problems.append(&mut found);
    }

    /// NSG-21 for a rule that comes later.
    pub(crate) fn rule_groups(&mut self, rule: &SecurityRule) {
        let nics = self.network.nics.iter();
        let members = nics.flat_map(|nic| nic.ip_configurations.iter().map(move |c| (nic.vnet, &c.asgs)));
        let endpoints = self.network.private_endpoints.iter().map(|e| (e.vnet, &e.asgs));
        let all = members.chain(endpoints).flat_map(|(vnet, asgs)| asgs.iter().map(move |asg| (*asg, vnet)));
        let home: BTreeMap<AsgId, VnetId> = all.collect();
        let problem = groups_apart(&self.network, rule, &home);
        self.problems.extend(problem);
    }
}

/// NSG-21: the groups on both sides of a rule share one virtual network.
fn groups_apart(network: &Network, rule: &SecurityRule, home: &BTreeMap<AsgId, VnetId>) -> Option<Problem> {
    let groups = |side: &AddressSpec| match side {
        AddressSpec::Asgs(asgs) => asgs.clone(),
        _ => Vec::new(),
    };
    let all: Vec<AsgId> = groups(&rule.source).into_iter().chain(groups(&rule.destination)).collect();
    let mut homes = all.iter().filter_map(|asg| Some((*asg, *home.get(asg)?)));
    let (first, vnet) = homes.next()?;
    let (other, _) = homes.find(|(_, other)| *other != vnet)?;
    let what = format!(
        "rule `{}` names `{}` and `{}`, whose members are in different virtual networks",
        rule.name.value, network[first].name.value, network[other].name.value
    );
    let problem = Problem::error("ASG_ACROSS_VNETS", rule.name.span, what);
    Some(problem.help("the groups of both sides share one virtual network (NSG-21)"))
}
