//! Plans of what stands between virtual networks and the rest.

use proptest::{collection::vec, option, prelude::*};

use super::{HopPlan, PrefixPlan, hop, prefix, rarely, seldom, site_prefix, sometimes};

#[derive(Clone, Debug)]
pub(crate) struct BalancerPlan {
    pub(crate) subnet: u8,
    pub(crate) public: bool,
    pub(crate) basic: bool,
    /// Only machines that forward belong to its pools.
    pub(crate) transit: bool,
    /// Its frontends, each with its subnet and whether it has an IPv6 address.
    pub(crate) frontends: Vec<(u8, bool)>,
    pub(crate) probes: Vec<u8>,
    pub(crate) rules: Vec<LbRulePlan>,
    pub(crate) nat_rules: Vec<NatRulePlan>,
    pub(crate) outbound: Option<OutboundPlan>,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct LbRulePlan {
    pub(crate) frontend: u8,
    /// Protocol and ports; 0 and 1 mean HA ports where they may be.
    pub(crate) kind: u8,
    pub(crate) other_pool: bool,
    pub(crate) probe: Option<u8>,
    pub(crate) distribution: u8,
    pub(crate) floating: bool,
    pub(crate) no_snat: bool,
    pub(crate) idle_minutes: Option<u8>,
}

#[derive(Clone, Debug)]
pub(crate) struct NatRulePlan {
    pub(crate) frontend: u8,
    pub(crate) kind: u8,
    pub(crate) nic: u8,
}

#[derive(Clone, Debug)]
pub(crate) struct OutboundPlan {
    pub(crate) frontends: Vec<u8>,
    pub(crate) other_pool: bool,
    pub(crate) ports: u8,
}

#[derive(Clone, Debug)]
pub(crate) struct GatewayPlan {
    pub(crate) vnet: u8,
    pub(crate) express: bool,
    pub(crate) public: bool,
    pub(crate) active_active: bool,
    pub(crate) policy_based: bool,
    pub(crate) basic: bool,
    pub(crate) own_asn: bool,
    pub(crate) clients: Option<u8>,
}

/// One end of a connection, seen from a site or circuit.
#[derive(Clone, Debug)]
pub(crate) struct ConnectionPlan {
    pub(crate) gateway: u8,
    pub(crate) bgp: bool,
    pub(crate) down: bool,
}

#[derive(Clone, Debug)]
pub(crate) struct SitePlan {
    pub(crate) prefixes: Vec<PrefixPlan>,
    pub(crate) advertised: Vec<PrefixPlan>,
    pub(crate) known: Option<Vec<PrefixPlan>>,
    pub(crate) asn: bool,
    /// It says where BGP speaks from.
    pub(crate) speaker: bool,
    pub(crate) connections: Vec<ConnectionPlan>,
}

#[derive(Clone, Debug)]
pub(crate) struct CircuitPlan {
    pub(crate) advertised: Vec<PrefixPlan>,
    pub(crate) known: Option<Vec<PrefixPlan>>,
    pub(crate) connections: Vec<ConnectionPlan>,
}

/// A connection between two gateways.
#[derive(Clone, Debug)]
pub(crate) struct TunnelPlan {
    pub(crate) ends: (u8, u8),
    pub(crate) bgp: bool,
    pub(crate) down: bool,
    /// The way back has an object, too.
    pub(crate) both: bool,
}

#[derive(Clone, Debug)]
pub(crate) struct ServerPlan {
    pub(crate) vnet: u8,
    pub(crate) branches: bool,
    pub(crate) preference: u8,
    pub(crate) peers: Vec<PeerPlan>,
}

#[derive(Clone, Debug)]
pub(crate) struct PeerPlan {
    pub(crate) nic: u8,
    pub(crate) asn: u8,
    pub(crate) routes: Vec<AdvertPlan>,
}

#[derive(Clone, Debug)]
pub(crate) struct AdvertPlan {
    pub(crate) prefixes: Vec<PrefixPlan>,
    pub(crate) hop: Option<HopPlan>,
    /// Further autonomous systems on the way.
    pub(crate) path: Option<u8>,
}

#[derive(Clone, Debug)]
pub(crate) struct EndpointPlan {
    pub(crate) subnet: u8,
    pub(crate) group: bool,
}

pub(super) fn balancer() -> impl Strategy<Value = BalancerPlan> {
    let frontends = vec((0..12_u8, rarely(35)), 1..=2);
    let parts = (frontends, vec(0..5_u8, 0..=2), vec(lb_rule(), 1..=3));
    let rest = (vec(nat_rule(), 0..=1), option::weighted(0.25, outbound()));
    (0..12_u8, rarely(40), rarely(25), parts, rest).prop_map(
        |(subnet, public, basic, (frontends, probes, rules), (nat_rules, outbound))| BalancerPlan {
            subnet,
            public,
            basic,
            transit: false,
            frontends,
            probes,
            rules,
            nat_rules,
            outbound,
        },
    )
}

fn lb_rule() -> impl Strategy<Value = LbRulePlan> {
    let flags = (rarely(25), rarely(20), rarely(20));
    (0..2_u8, 0..6_u8, flags, sometimes(50), 0..3_u8, sometimes(10)).prop_map(
        |(frontend, kind, (other_pool, floating, no_snat), probe, distribution, idle_minutes)| LbRulePlan {
            frontend,
            kind,
            other_pool,
            probe,
            distribution,
            floating,
            no_snat,
            idle_minutes,
        },
    )
}

fn nat_rule() -> impl Strategy<Value = NatRulePlan> {
    (0..2_u8, 0..4_u8, 0..12_u8).prop_map(|(frontend, kind, nic)| NatRulePlan { frontend, kind, nic })
}

fn outbound() -> impl Strategy<Value = OutboundPlan> {
    (vec(0..2_u8, 1..=2), rarely(20), 0..3_u8).prop_map(|(frontends, other_pool, ports)| OutboundPlan {
        frontends,
        other_pool,
        ports,
    })
}

pub(super) fn gateway() -> impl Strategy<Value = GatewayPlan> {
    let vnet = prop_oneof![2 => Just(0_u8), 1 => 0..5_u8];
    let flags = (rarely(30), rarely(50), rarely(25), rarely(8), rarely(8), rarely(30));
    (vnet, flags, sometimes(15)).prop_map(
        |(vnet, (express, public, active_active, policy_based, basic, own_asn), clients)| GatewayPlan {
            vnet,
            express,
            public,
            active_active,
            policy_based,
            basic,
            own_asn,
            clients,
        },
    )
}

fn connection() -> impl Strategy<Value = ConnectionPlan> {
    (0..4_u8, rarely(40), rarely(5)).prop_map(|(gateway, bgp, down)| ConnectionPlan { gateway, bgp, down })
}

pub(super) fn site() -> impl Strategy<Value = SitePlan> {
    let advertised = prop_oneof![1 => Just(Vec::new()), 1 => vec(site_prefix(), 1..=2)];
    let known = option::weighted(0.2, vec(prefix(), 1..=2));
    let connections = prop_oneof![5 => vec(connection(), 1..=1), 1 => vec(connection(), 2..=2)];
    (vec(site_prefix(), 0..=3), advertised, known, (rarely(60), rarely(30)), connections).prop_map(
        |(prefixes, advertised, known, (asn, speaker), connections)| SitePlan {
            prefixes,
            advertised,
            known,
            asn,
            speaker,
            connections,
        },
    )
}

pub(super) fn circuit() -> impl Strategy<Value = CircuitPlan> {
    let known = option::weighted(0.15, vec(prefix(), 1..=2));
    (vec(site_prefix(), 1..=3), known, vec(connection(), 1..=2))
        .prop_map(|(advertised, known, connections)| CircuitPlan { advertised, known, connections })
}

pub(super) fn tunnel() -> impl Strategy<Value = TunnelPlan> {
    ((0..4_u8, 0..4_u8), rarely(50), rarely(5), rarely(30)).prop_map(|(ends, bgp, down, both)| TunnelPlan {
        ends,
        bgp,
        down,
        both,
    })
}

pub(super) fn server() -> impl Strategy<Value = ServerPlan> {
    let vnet = prop_oneof![2 => Just(0_u8), 1 => 0..5_u8];
    (vnet, rarely(50), 0..3_u8, vec(peer(), 0..=2))
        .prop_map(|(vnet, branches, preference, peers)| ServerPlan { vnet, branches, preference, peers })
}

fn peer() -> impl Strategy<Value = PeerPlan> {
    (0..12_u8, seldom(3), vec(advert(), 0..=2)).prop_map(|(nic, asn, routes)| PeerPlan { nic, asn, routes })
}

fn advert() -> impl Strategy<Value = AdvertPlan> {
    let prefixes = vec(prop_oneof![3 => site_prefix(), 1 => prefix()], 1..=2);
    (prefixes, option::weighted(0.3, hop()), option::weighted(0.3, 0..3_u8))
        .prop_map(|(prefixes, hop, path)| AdvertPlan { prefixes, hop, path })
}

pub(super) fn endpoint() -> impl Strategy<Value = EndpointPlan> {
    (0..12_u8, rarely(30)).prop_map(|(subnet, group)| EndpointPlan { subnet, group })
}
