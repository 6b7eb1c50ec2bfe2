//! Network interfaces and their ipConfigurations (Part 1.2 of the semantics).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use vnetsim_types::{At, Problem, SubnetId, VnetId};

use super::Checker;
use crate::{
    IpConfiguration, Nic,
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
        self.nic_limits(nic);
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

    /// ADDR-13.
    fn nic_limits(&mut self, nic: &draft::NetworkInterface) {
        let (name, configs) = (&nic.name, &nic.ip_configurations);
        let what = || format!("network interface `{}` has {} ipConfigurations", name.value, configs.len());
        self.at_most(&self.limits().ip_configurations_per_nic, configs.len(), name.span, what);
        self.unique_names("ipConfiguration", &name.value, configs.iter().map(|config| &config.name));
        let primary = |config: &&draft::IpConfiguration| config.primary.as_ref().is_some_and(|p| p.value);
        if let Some(second) = configs.iter().filter(primary).nth(1) {
            let what = format!("network interface `{}` has two primary ipConfigurations", name.value);
            self.problem(
                Problem::error("CONFLICTING_PROPERTIES", second.name.span, what)
                    .help("exactly one is primary (ADDR-13)"),
            );
        }
    }

    fn ip_configuration(&mut self, config: &draft::IpConfiguration) -> IpConfiguration {
        let unspecified: IpAddr =
            if config.ipv6 { Ipv6Addr::UNSPECIFIED.into() } else { Ipv4Addr::UNSPECIFIED.into() };
        let asgs = config.application_security_groups.iter();
        let asgs = asgs.filter_map(|r| self.look_up("application security group", r, |x| &x.asgs)).collect();
        let (groups, name) = (&config.application_security_groups, &config.name);
        let what = || format!("ipConfiguration `{}` is in {} groups", name.value, groups.len());
        self.at_most(&self.limits().asgs_per_ip_configuration, groups.len(), name.span, what);
        for pool in &config.backend_address_pools {
            self.look_up("backend pool", pool, |x| &x.pools);
        }
        for rule in &config.inbound_nat_rules {
            self.look_up("inbound NAT rule", rule, |x| &x.nat_rules);
        }
        let public = config.public_ip_address.as_ref();
        IpConfiguration {
            name: config.name.clone(),
            address: config.private_ip_address.as_ref().map_or(unspecified, |a| a.value),
            public_address: public.and_then(|r| self.public_address_named(r)),
            asgs,
        }
    }
}
