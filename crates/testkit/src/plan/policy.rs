//! Plans of prefixes, route tables, security rules and the policies of firewalls.

use proptest::{collection::vec, option, prelude::*};

use super::rarely;

#[derive(Clone, Debug)]
pub(crate) struct TablePlan {
    pub(crate) no_propagation: bool,
    pub(crate) routes: Vec<(PrefixPlan, HopPlan)>,
}

/// A prefix, said in relation to what there is.
#[derive(Clone, Debug)]
pub(crate) enum PrefixPlan {
    Default,
    DefaultV6,
    /// Block of a virtual network.
    Block(u8),
    /// A subnet.
    Subnet(u8),
    /// One NIC.
    Nic(u8),
    /// One private endpoint.
    Endpoint(u8),
    /// One internal frontend.
    Frontend(u8),
    /// Shorter than a block by some bits.
    Around(u8, u8),
    /// Longer than a block by some bits, at some offset.
    Inside(u8, u8, u16),
    /// Prefix of a site or circuit.
    Site(u8),
    /// Of a fixed list: None prefixes, on-premises and public space.
    Fixed(u8),
    /// A service tag with known prefixes.
    Tag,
}

#[derive(Clone, Debug)]
pub(crate) enum HopPlan {
    /// A NIC, of a forwarding machine if `true`.
    Nic(u8, bool),
    Frontend(u8),
    /// A private endpoint, which is no appliance.
    Endpoint(u8),
    /// Space of a virtual network, owned by nobody.
    Nobody(u8),
    /// Space of nobody.
    Outside,
    /// An instance of a gateway or of a route server.
    GatewayAddress(u8),
    Gateway,
    VnetLocal,
    Internet,
    None,
}

#[derive(Clone, Debug)]
pub(crate) struct RulePlan {
    pub(crate) inbound: bool,
    pub(crate) allow: bool,
    pub(crate) protocol: u8,
    pub(crate) source: SidePlan,
    pub(crate) source_ports: u8,
    pub(crate) destination: SidePlan,
    pub(crate) destination_ports: u8,
}

#[derive(Clone, Debug)]
pub(crate) enum SidePlan {
    Any,
    Tag(u8),
    Prefixes(Vec<PrefixPlan>),
    Group(u8),
}

/// One rule of a firewall's own policy.
#[derive(Clone, Debug)]
pub(crate) struct PolicyPlan {
    pub(crate) allow: bool,
    pub(crate) source: Option<PrefixPlan>,
    pub(crate) destination: Option<PrefixPlan>,
    pub(crate) ports: u8,
}

pub(super) fn site_prefix() -> impl Strategy<Value = PrefixPlan> {
    prop_oneof![
        6 => (0..16_u8).prop_map(PrefixPlan::Fixed),
        2 => prefix(),
        1 => Just(PrefixPlan::Default),
    ]
}

pub(super) fn table() -> impl Strategy<Value = TablePlan> {
    (rarely(20), vec((prefix(), hop()), 1..=6))
        .prop_map(|(no_propagation, routes)| TablePlan { no_propagation, routes })
}

pub(super) fn prefix() -> impl Strategy<Value = PrefixPlan> {
    let offset = prop_oneof![2 => Just(0_u16), 1 => any::<u16>()];
    prop_oneof![
        4 => Just(PrefixPlan::Default),
        1 => Just(PrefixPlan::DefaultV6),
        9 => (0..12_u8).prop_map(PrefixPlan::Block),
        4 => (0..12_u8).prop_map(PrefixPlan::Subnet),
        3 => (0..12_u8).prop_map(PrefixPlan::Nic),
        1 => (0..4_u8).prop_map(PrefixPlan::Endpoint),
        1 => (0..4_u8).prop_map(PrefixPlan::Frontend),
        2 => (0..8_u8, 1..10_u8).prop_map(|(block, bits)| PrefixPlan::Around(block, bits)),
        2 => (0..8_u8, 1..12_u8, offset).prop_map(|(b, bits, at)| PrefixPlan::Inside(b, bits, at)),
        2 => (0..8_u8).prop_map(PrefixPlan::Site),
        2 => (0..16_u8).prop_map(PrefixPlan::Fixed),
        1 => Just(PrefixPlan::Tag),
    ]
}

pub(super) fn hop() -> impl Strategy<Value = HopPlan> {
    prop_oneof![
        12 => (0..12_u8).prop_map(|nic| HopPlan::Nic(nic, true)),
        5 => (0..12_u8).prop_map(|nic| HopPlan::Nic(nic, false)),
        4 => (0..4_u8).prop_map(HopPlan::Frontend),
        1 => (0..4_u8).prop_map(HopPlan::Endpoint),
        1 => (0..8_u8).prop_map(HopPlan::Nobody),
        1 => Just(HopPlan::Outside),
        2 => (0..6_u8).prop_map(HopPlan::GatewayAddress),
        3 => Just(HopPlan::Gateway),
        2 => Just(HopPlan::VnetLocal),
        2 => Just(HopPlan::Internet),
        2 => Just(HopPlan::None),
    ]
}

pub(super) fn rule() -> impl Strategy<Value = RulePlan> {
    let port = || prop_oneof![3 => Just(0_u8), 2 => 0..8_u8];
    let sides = (side(), port(), side(), port());
    (any::<bool>(), rarely(65), 0..9_u8, sides).prop_map(
        |(inbound, allow, protocol, (source, source_ports, destination, destination_ports))| RulePlan {
            inbound,
            allow,
            protocol,
            source,
            source_ports,
            destination,
            destination_ports,
        },
    )
}

fn side() -> impl Strategy<Value = SidePlan> {
    prop_oneof![
        4 => Just(SidePlan::Any),
        4 => (0..15_u8).prop_map(SidePlan::Tag),
        4 => vec(prefix(), 1..=2).prop_map(SidePlan::Prefixes),
        2 => (0..2_u8).prop_map(SidePlan::Group),
    ]
}

pub(super) fn policy() -> impl Strategy<Value = PolicyPlan> {
    let block = || option::weighted(0.5, prefix());
    (rarely(75), block(), block(), prop_oneof![1 => Just(0_u8), 1 => 0..6_u8])
        .prop_map(|(allow, source, destination, ports)| PolicyPlan { allow, source, destination, ports })
}
