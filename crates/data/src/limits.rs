//! How many of what: Azure's limits, per era, each with the rule that states it.
//!
//! The table `modern` is complete. `2017` lists what is known to have been different; where no figure of
//! that time was found the modern one stands.

use std::collections::BTreeMap;

use serde::Deserialize;
use toml::Spanned;

use crate::file::{Header, Parsed, Text, unless};

/// One limit.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limit {
    /// The figure; 0 means that the thing did not exist.
    pub value: u64,
    /// Id of the rule that states it, such as `PEER-34`.
    pub rule: String,
}

/// OUT-04: SNAT ports that a public load balancer sets aside for each ipConfiguration of a pool.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SnatPreallocation {
    /// Id of the rule that states the table.
    pub rule: String,
    /// The table, by growing pool size.
    pub steps: Vec<SnatStep>,
}

/// One line of the pre-allocation table.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SnatStep {
    /// Largest pool that the line is for.
    pub pool_max: u64,
    /// Ports for each ipConfiguration.
    pub ports: u64,
}

impl SnatPreallocation {
    /// Ports per ipConfiguration for a pool of this size; `None` beyond the table.
    pub fn ports(&self, pool_size: u64) -> Option<u64> {
        self.steps.iter().find(|step| pool_size <= step.pool_max).map(|step| step.ports)
    }
}

macro_rules! limits {
    ($($(#[$doc:meta])* $name:ident,)*) => {
        /// The limits of one era.
        #[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
        #[serde(deny_unknown_fields)]
        pub struct Limits {
            $($(#[$doc])* pub $name: Limit,)*
            /// SNAT ports set aside by pool size.
            pub snat_preallocation: SnatPreallocation,
        }

        /// What an older era says; the rest is taken from the modern one.
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Differences {
            $($name: Option<Limit>,)*
            snat_preallocation: Option<SnatPreallocation>,
        }

        impl Differences {
            fn over(self, modern: &Limits) -> Limits {
                Limits {
                    $($name: self.$name.unwrap_or_else(|| modern.$name.clone()),)*
                    snat_preallocation: self
                        .snat_preallocation
                        .unwrap_or_else(|| modern.snat_preallocation.clone()),
                }
            }
        }

        impl Limits {
            /// Every single limit with its name in the file, for listings.
            pub fn rows(&self) -> Vec<(&'static str, &Limit)> {
                vec![$((stringify!($name), &self.$name)),*]
            }
        }
    };
}

limits! {
    /// Peerings of one virtual network.
    peerings_per_vnet,
    /// Peerings of one virtual network when Azure Virtual Network Manager makes them.
    peerings_per_vnet_network_manager,
    /// Peerings of a virtual network that has an ExpressRoute gateway.
    peerings_per_vnet_expressroute_gateway,
    /// Subnets of one side that take part in a subnet peering.
    subnet_peering_subnets_per_side,
    /// Subnets of both sides that take part in a subnet peering.
    subnet_peering_subnets_per_link,
    /// Virtual networks per region and subscription.
    vnets_per_region,
    /// Subnets of one virtual network.
    subnets_per_vnet,
    /// Prefix length of the smallest IPv4 subnet.
    subnet_prefix_length_longest,
    /// Prefix length of the largest IPv4 subnet.
    subnet_prefix_length_shortest,
    /// Largest IP packet of a guest, in bytes.
    guest_mtu_longest,
    /// Private addresses in use in one virtual network.
    private_ips_per_vnet,
    /// Private addresses in use across a group of peered virtual networks.
    private_ips_per_peered_group,
    /// Private addresses of one network interface.
    private_ips_per_nic,
    /// Public addresses of one network interface.
    public_ips_per_nic,
    /// `ipConfigurations` of one network interface.
    ip_configurations_per_nic,
    /// DNS servers of one virtual network.
    dns_servers_per_vnet,
    /// Route tables per region and subscription.
    route_tables_per_region,
    /// User-defined routes of one route table.
    routes_per_route_table,
    /// Routes of one route table whose prefix is a service tag.
    service_tag_routes_per_route_table,
    /// Network security groups per region and subscription.
    nsgs_per_region,
    /// Rules of one network security group.
    rules_per_nsg,
    /// Addresses and ranges on one side of a rule.
    prefixes_per_rule_side,
    /// Application security groups.
    asgs,
    /// Application security groups that one rule may name.
    asgs_per_rule,
    /// Application security groups that all rules of one network security group may name.
    asgs_per_nsg,
    /// Application security groups of one ipConfiguration.
    asgs_per_ip_configuration,
    /// ipConfigurations of one application security group.
    ip_configurations_per_asg,
    /// Shortest `flowTimeoutInMinutes` of a virtual network.
    flow_timeout_minutes_shortest,
    /// Longest `flowTimeoutInMinutes` of a virtual network.
    flow_timeout_minutes_longest,
    /// Inbound flow records of one machine.
    flow_records_inbound_per_vm,
    /// Outbound flow records of one machine.
    flow_records_outbound_per_vm,
    /// Shortest `idleTimeoutInMinutes` of a load-balancing rule.
    load_balancer_idle_minutes_shortest,
    /// Longest `idleTimeoutInMinutes` of a load-balancing rule.
    load_balancer_idle_minutes_longest,
    /// SNAT ports of one frontend address of a load balancer.
    snat_ports_per_frontend_ip,
    /// SNAT ports that each port of a load-balancing or NAT rule takes away.
    snat_ports_per_rule_port,
    /// Public addresses of one NAT gateway.
    nat_gateway_public_ips,
    /// SNAT ports of each public address of a NAT gateway.
    nat_gateway_ports_per_ip,
    /// Connections of one public address of a NAT gateway to one destination.
    nat_gateway_connections_per_ip_and_destination,
    /// Throughput of a NAT gateway, in Mbps.
    nat_gateway_mbps,
    /// Virtual network gateways of each type in one virtual network.
    gateways_of_each_type_per_vnet,
    /// Prefix length of the smallest `GatewaySubnet` that has room for gateways of both types.
    gateway_subnet_coexistence_prefix_length_longest,
    /// Prefix length of the smallest `GatewaySubnet` for [`Self::gateway_subnet_many_circuits`].
    gateway_subnet_many_circuits_prefix_length_longest,
    /// ExpressRoute circuits of one gateway that need the larger `GatewaySubnet`.
    gateway_subnet_many_circuits,
    /// Prefixes from one BGP peer of a VPN gateway; more end the session.
    bgp_prefixes_per_vpn_peer,
    /// IPv4 prefixes from on-premises over an ExpressRoute circuit.
    expressroute_prefixes_from_on_premises,
    /// The same with the Premium add-on.
    expressroute_premium_prefixes_from_on_premises,
    /// Prefixes from virtual networks towards on-premises over an ExpressRoute circuit.
    expressroute_prefixes_to_on_premises,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    date: Spanned<String>,
    sources: Spanned<Vec<String>>,
    modern: Spanned<Limits>,
    #[serde(rename = "2017")]
    y2017: Spanned<Differences>,
}

/// Era name -> limits.
pub(crate) fn read(text: &Text<'_>) -> Parsed<BTreeMap<String, Limits>> {
    let raw: Raw = text.parse()?;
    let (modern_span, y2017_span) = (raw.modern.span(), raw.y2017.span());
    let modern = raw.modern.into_inner();
    let y2017 = raw.y2017.into_inner().over(&modern);
    let mut problems = Vec::new();
    for (limits, span) in [(&modern, modern_span), (&y2017, y2017_span)] {
        if !limits.snat_preallocation.steps.is_sorted_by(|a, b| a.pool_max < b.pool_max) {
            problems.push(text.problem(
                &span,
                "the pool sizes of `snat_preallocation` do not grow",
                "sort them",
            ));
        }
    }
    let eras = BTreeMap::from([("2017".to_owned(), y2017), ("modern".to_owned(), modern)]);
    unless(problems, (Header { date: raw.date, sources: raw.sources }, eras))
}
