//! Azure's own limits, one place for all of them, each with its rule.
//!
//! Editions of Azure's documents differ (U-24): these are the recommended figures. The limits of the
//! simulator itself are [`vnetsim_types::limits`].

use std::ops::RangeInclusive;

use crate::Era;

/// ADDR-04, ERA-18: prefix lengths of IPv4 subnets.
pub fn subnet_prefix_lens(era: Era) -> RangeInclusive<u8> {
    match era {
        Era::Y2017 => 8..=29,
        Era::Modern => 2..=29,
    }
}

/// ADDR-04: the prefix length of every IPv6 subnet.
pub const SUBNET_PREFIX_LEN_V6: u8 = 64;

/// PEER-34, ERA-07: links of one virtual network; a subscription may have a raised limit.
pub fn peerings_per_vnet(era: Era) -> u64 {
    match era {
        Era::Y2017 => 50,
        Era::Modern => 500,
    }
}

/// PEER-34: links of a virtual network with an ExpressRoute gateway, whatever was raised.
pub const PEERINGS_WITH_EXPRESS_ROUTE: u64 = 500;

/// PEER-25: subnets on one side of a link of subnet peering.
pub const SUBNETS_PER_PEERING_SIDE: usize = 200;

/// RT-33: routes of one table.
pub const ROUTES_PER_TABLE: usize = 400;

/// RT-33, RT-13: routes of one table whose prefix is a service tag.
pub const TAG_ROUTES_PER_TABLE: usize = 25;

/// NSG-27: rules in one group.
pub const RULES_PER_NSG: usize = 1_000;

/// NSG-04: blocks on one side of a rule.
pub const PREFIXES_PER_RULE_SIDE: usize = 4_000;

/// NSG-02: priorities of rules.
pub const RULE_PRIORITIES: RangeInclusive<u16> = 100..=4_096;

/// NSG-32: minutes of `flowTimeoutInMinutes`.
pub const FLOW_TIMEOUT_MINUTES: RangeInclusive<u64> = 4..=30;

/// LB-14: minutes of `idleTimeoutInMinutes` of load-balancing and inbound NAT rules.
pub const LB_IDLE_MINUTES: RangeInclusive<u64> = 4..=30;

/// OUT-04: SNAT ports of one frontend address.
pub const SNAT_PORTS_PER_FRONTEND: u64 = 64_000;

/// OUT-05: public addresses of one NAT gateway.
pub const PUBLIC_IPS_PER_NAT_GATEWAY: usize = 16;

/// FAB-18: largest IP packet of a guest; below the smallest value hosts stop working.
pub const GUEST_MTU: RangeInclusive<u64> = 576..=9_000;

/// GW-02: largest prefix length of a `GatewaySubnet` with gateways of both types.
pub const COEXISTENCE_PREFIX_LEN: u8 = 27;

/// PEER-33, ERA-01: regions of the global-peering preview of 2017.
pub const GLOBAL_PEERING_PREVIEW: [&str; 3] = ["westcentralus", "canadacentral", "westus2"];

/// PEER-33: the feature that a subscription registers for that preview, in lower case.
pub const GLOBAL_PEERING_FEATURE: &str = "allowglobalvnetpeering";
