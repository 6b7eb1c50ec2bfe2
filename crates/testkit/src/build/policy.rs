//! From a plan to a draft: prefixes, route tables, NSGs, tags, and who uses which.

use std::net::{IpAddr, Ipv4Addr};

use vnetsim_model::{
    Access, Era, Role, RuleProtocol,
    draft::{self, Ref},
};
use vnetsim_types::{At, Direction, IpNet, ProtoPort};

use super::{Build, nsg_name, pick};
use crate::plan::{HopPlan, Plan, PolicyPlan, PrefixPlan, RulePlan, SidePlan};

/// Prefixes of interest to routes, sites and rules.
const FIXED: [&str; 16] = [
    "192.168.100.0/24",
    "192.168.0.0/16",
    "10.200.0.0/16",
    "10.0.0.0/8",
    "172.31.0.0/16",
    "172.16.0.0/12",
    "100.64.0.0/10",
    "131.107.0.0/16",
    "8.8.8.8/32",
    "8.8.0.0/16",
    "20.60.0.0/16",
    "20.60.1.0/24",
    "0.0.0.0/1",
    "128.0.0.0/1",
    "fd99::/48",
    "2603:1030::/32",
];

/// The service tag that the drafts describe.
pub const KNOWN_TAG: &str = "Storage";
const KNOWN_TAG_PREFIXES: [&str; 3] = ["20.60.0.0/16", "52.239.0.0/17", "2603:1030::/32"];
/// The service tag that they use without describing it.
pub const UNKNOWN_TAG: &str = "Sql";

/// What the rules of a firewall's own policy are about.
const POLICY_PORTS: [&[&str]; 6] =
    [&[], &["tcp/443"], &["tcp/443", "udp/53"], &["icmp"], &["tcp/22", "tcp/80"], &["esp", "udp/53"]];

/// Port fields of rules.
const PORTS: [&str; 8] = ["*", "443", "0-65535", "53", "1-1024", "443-50000", "49000-65535", "22"];

impl Build {
    /// The prefix that `said` means; `None` when it refers to something that is not there.
    pub(crate) fn prefix(&self, said: &PrefixPlan) -> Option<IpNet> {
        let blocks: Vec<IpNet> =
            self.draft.virtual_networks.iter().flat_map(|v| &v.address_prefixes).map(|p| p.value).collect();
        match said {
            PrefixPlan::Default => "0.0.0.0/0".parse().ok(),
            PrefixPlan::DefaultV6 => "::/0".parse().ok(),
            PrefixPlan::Block(number) => pick(&blocks, *number).copied(),
            PrefixPlan::Subnet(number) => {
                pick(&self.homes, *number).map(|home| match home.v6.filter(|_| *number > 8) {
                    Some(v6) => IpNet::V6(v6),
                    None => IpNet::V4(home.v4),
                })
            }
            PrefixPlan::Nic(number) => {
                let card = pick(&self.cards, *number)?;
                Some(IpNet::from(card.v6.filter(|_| *number > 8).unwrap_or(card.v4)))
            }
            PrefixPlan::Endpoint(number) => pick(&self.endpoints, *number).copied().map(IpNet::from),
            PrefixPlan::Frontend(number) => pick(&self.frontends, *number).copied().map(IpNet::from),
            PrefixPlan::Around(number, bits) => {
                let block = pick(&blocks, *number)?;
                IpNet::new(block.addr(), block.prefix_len().saturating_sub(*bits)).ok().map(|p| p.trunc())
            }
            PrefixPlan::Inside(number, bits, offset) => inside(pick(&blocks, *number)?, *bits, *offset),
            PrefixPlan::Site(number) => {
                let sites = self.draft.local_network_gateways.iter();
                let sites =
                    sites.flat_map(|site| site.address_prefixes.iter().chain(&site.advertised_prefixes));
                let circuits = self.draft.express_route_circuits.iter().flat_map(|c| &c.advertised_prefixes);
                let all: Vec<IpNet> = sites.chain(circuits).map(|p| p.value).collect();
                pick(&all, *number).copied()
            }
            PrefixPlan::Fixed(number) => FIXED[usize::from(*number) % FIXED.len()].parse().ok(),
            PrefixPlan::Tag => KNOWN_TAG_PREFIXES[0].parse().ok(),
        }
    }

    pub(crate) fn policy(&mut self, plan: &Plan) {
        self.draft.service_tags.push(draft::ServiceTag {
            name: KNOWN_TAG.to_owned().into(),
            address_prefixes: KNOWN_TAG_PREFIXES
                .iter()
                .map(|text| At::from(text.parse::<IpNet>().expect("a prefix written in the source")))
                .collect(),
        });
        for vnet in 0..2 {
            let name = format!("asg{vnet}").into();
            self.draft.application_security_groups.push(draft::ApplicationSecurityGroup { name });
        }
        self.tables(plan);
        self.firewalls(plan);
        for (ix, rules) in plan.nsgs.iter().enumerate() {
            let rule = |(number, rule): (usize, &RulePlan)| self.rule(number, rule);
            let security_rules = rules.iter().enumerate().map(rule).collect();
            let name = format!("nsg{ix}").into();
            let nsg = draft::NetworkSecurityGroup { name, security_rules, ..Default::default() };
            self.draft.network_security_groups.push(nsg);
        }
        self.associations(plan);
    }

    fn tables(&mut self, plan: &Plan) {
        for (ix, table) in plan.tables.iter().enumerate() {
            let mut routes: Vec<draft::Route> = Vec::new();
            for (said, hop) in &table.routes {
                let Some(prefix) = self.prefix(said) else { continue };
                // ERA-10.
                let tag = matches!(said, PrefixPlan::Tag) && self.era == Era::Modern;
                let text = if tag { KNOWN_TAG.to_owned() } else { prefix.to_string() };
                // RT-09: no two routes of one prefix.
                if routes.iter().any(|route| route.address_prefix.value == text) {
                    continue;
                }
                let Some((kind, address)) = self.hop(hop, prefix.addr().is_ipv6()) else { continue };
                routes.push(draft::Route {
                    name: format!("r{}", routes.len()).into(),
                    address_prefix: text.into(),
                    next_hop_type: kind.to_owned().into(),
                    next_hop_ip_address: address.map(At::from),
                    ..Default::default()
                });
            }
            self.draft.route_tables.push(draft::RouteTable {
                name: format!("rt{ix}").into(),
                disable_bgp_route_propagation: table.no_propagation.then(|| true.into()),
                routes,
                ..Default::default()
            });
        }
    }

    /// Next-hop type and address of the wanted family.
    pub(super) fn hop(&self, said: &HopPlan, v6: bool) -> Option<(&'static str, Option<IpAddr>)> {
        let appliance = |ip: IpAddr| (ip.is_ipv6() == v6).then_some(("VirtualAppliance", Some(ip)));
        match said {
            HopPlan::Nic(number, forwarder) => {
                let wanted: Vec<_> = self.cards.iter().filter(|card| card.forwards || !forwarder).collect();
                let card = pick(&wanted, *number)?;
                appliance(if v6 { card.v6? } else { card.v4 })
            }
            HopPlan::Frontend(number) => appliance(*pick(&self.frontends, *number)?),
            HopPlan::Endpoint(number) => appliance(*pick(&self.endpoints, *number)?),
            HopPlan::Nobody(number) => {
                let home = pick(&self.homes, *number)?;
                appliance(IpAddr::V4((u32::from(home.v4.broadcast()) - 1).into()))
            }
            HopPlan::Outside => appliance(IpAddr::V4(Ipv4Addr::new(198, 18, 0, 1))),
            HopPlan::GatewayAddress(number) => appliance(*pick(&self.gateway_addresses, *number)?),
            HopPlan::Gateway => Some(("VirtualNetworkGateway", None)),
            HopPlan::VnetLocal => Some(("VnetLocal", None)),
            HopPlan::Internet => Some(("Internet", None)),
            HopPlan::None => Some(("None", None)),
        }
    }

    /// The own policies of firewalls.
    fn firewalls(&mut self, plan: &Plan) {
        for (ix, said) in plan.machines.iter().enumerate() {
            let rules = said.policy.iter().enumerate().map(|(number, rule)| self.policy_rule(number, rule));
            let rules = rules.collect();
            let guest = self.draft.virtual_machines[ix].guest.as_mut();
            let is_firewall = |guest: &&mut draft::Guest| {
                guest.role.as_ref().is_some_and(|role| role.value == Role::Firewall)
            };
            if let Some(guest) = guest.filter(is_firewall) {
                guest.rules = rules;
            }
        }
    }

    fn policy_rule(&self, number: usize, plan: &PolicyPlan) -> draft::PolicyRule {
        let block = |said: &Option<PrefixPlan>| {
            let block = said.as_ref().and_then(|said| self.prefix(said));
            block.into_iter().map(At::from).collect()
        };
        let ports = POLICY_PORTS[usize::from(plan.ports) % POLICY_PORTS.len()].iter();
        draft::PolicyRule {
            name: format!("rule{number}").into(),
            access: if plan.allow { Access::Allow } else { Access::Deny }.into(),
            source: block(&plan.source),
            destination: block(&plan.destination),
            ports: ports.filter_map(|text| text.parse::<ProtoPort>().ok()).map(At::from).collect(),
        }
    }

    fn rule(&self, number: usize, plan: &RulePlan) -> draft::SecurityRule {
        let protocol = match plan.protocol {
            0..=3 => RuleProtocol::Any,
            4 => RuleProtocol::Tcp,
            5 => RuleProtocol::Udp,
            _ if self.era == Era::Y2017 => RuleProtocol::Any, // ERA-12
            6 => RuleProtocol::Icmp,
            7 => RuleProtocol::Esp,
            _ => RuleProtocol::Ah,
        };
        // NSG-21: groups of one rule have their members in one network.
        let destination = match (&plan.source, &plan.destination) {
            (SidePlan::Group(_), SidePlan::Group(_)) => &plan.source,
            (_, other) => other,
        };
        draft::SecurityRule {
            span: Default::default(),
            name: format!("rule{number}").into(),
            priority: (100 + 10 * number as u64).into(),
            direction: if plan.inbound { Direction::Inbound } else { Direction::Outbound }.into(),
            access: if plan.allow { Access::Allow } else { Access::Deny }.into(),
            protocol: protocol.into(),
            source: self.side(&plan.source, plan.source_ports),
            destination: self.side(destination, plan.destination_ports),
        }
    }

    fn side(&self, plan: &SidePlan, ports: u8) -> draft::RuleSide {
        let ports = PORTS[usize::from(ports) % PORTS.len()];
        // U-14: two ranges that cover everything together.
        let ports: Vec<&str> = if ports == "0-65535" { vec!["30000-65535", "0-29999"] } else { vec![ports] };
        let mut side = draft::RuleSide {
            port_ranges: ports.into_iter().map(|text| text.to_owned().into()).collect(),
            ..Default::default()
        };
        match plan {
            SidePlan::Any => side.prefixes.push("*".to_owned().into()),
            SidePlan::Tag(number) => {
                let tag = match number {
                    0..=3 => "VirtualNetwork",
                    4..=7 => "Internet",
                    8 => "AzureLoadBalancer",
                    9 => UNKNOWN_TAG,
                    // NSG-22.
                    10 => "AzurePlatformDNS",
                    11 => "AzurePlatformIMDS",
                    _ => KNOWN_TAG,
                };
                side.prefixes.push(tag.to_owned().into());
            }
            SidePlan::Prefixes(list) => {
                let prefixes = list.iter().filter_map(|said| self.prefix(said));
                side.prefixes = prefixes.map(|prefix| prefix.to_string().into()).collect();
            }
            SidePlan::Group(number) => {
                side.application_security_groups.push(format!("asg{}", number % 2).into());
            }
        }
        side
    }

    fn associations(&mut self, plan: &Plan) {
        let tables: Vec<Ref> = self.draft.route_tables.iter().map(|table| table.name.clone()).collect();
        let nat = plan.vnets.iter().flat_map(|vnet| &vnet.subnets).any(|subnet| subnet.nat);
        if nat {
            // Several addresses share the connections.
            let count = 1 + plan.vnets.len() / 3;
            let names: Vec<Ref> = (0..count).map(|_| self.public_address(false)).collect();
            self.draft
                .nat_gateways
                .push(draft::NatGateway { name: "nat".to_owned().into(), public_ip_addresses: names });
        }
        for (vnet, said) in self.draft.virtual_networks.iter_mut().zip(&plan.vnets) {
            for (subnet, said) in vnet.subnets.iter_mut().zip(&said.subnets) {
                subnet.route_table = said.table.and_then(|number| pick(&tables, number).cloned());
                subnet.network_security_group = said.nsg.and_then(|number| nsg_name(plan, number));
                subnet.nat_gateway = said.nat.then(|| "nat".to_owned().into());
            }
            let mut special = vnet.subnets.iter_mut();
            let gateway = special.find(|subnet| subnet.name.value == "GatewaySubnet");
            if let (Some(subnet), Some(number)) = (gateway, said.gateway_table) {
                subnet.route_table = pick(&tables, number).cloned();
            }
        }
    }
}

/// A part of `block`, `bits` longer.
fn inside(block: &IpNet, bits: u8, offset: u16) -> Option<IpNet> {
    let length = (block.prefix_len() + bits).min(block.max_prefix_len());
    let steps = u32::from(length - block.prefix_len());
    let offset = u128::from(offset) % (1_u128 << steps);
    match block {
        IpNet::V4(net) => {
            let base = u32::from(net.network()) + ((offset as u32) << (32 - u32::from(length)));
            IpNet::new(IpAddr::V4(base.into()), length).ok()
        }
        IpNet::V6(net) => {
            let base = u128::from(net.network()) + (offset << (128 - u32::from(length)));
            IpNet::new(IpAddr::V6(base.into()), length).ok()
        }
    }
}
