//! What a random network is made of before it is a network: small numbers that shrink well.
//!
//! Every number selects among what there is ("modulo"), so that any plan can be built (`build`). A
//! simpler plan has fewer and smaller numbers: proptest shrinks plans, not drafts.

mod edge;
mod feature;
mod hub;
mod policy;
mod wan;

use proptest::{collection::vec, option, prelude::*};

pub(crate) use edge::*;
pub use feature::Feature;
pub(crate) use policy::*;

/// Percentage of subnets with a service endpoint.
const ENDPOINTS: u8 = 15;

/// Disputed switches, each a small number.
pub(crate) type Switches = [u8; 8];

/// A whole network.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) switches: Switches,
    pub(crate) vnets: Vec<VnetPlan>,
    pub(crate) links: Vec<LinkPlan>,
    pub(crate) machines: Vec<MachinePlan>,
    pub(crate) balancers: Vec<BalancerPlan>,
    pub(crate) gateways: Vec<GatewayPlan>,
    pub(crate) sites: Vec<SitePlan>,
    pub(crate) circuits: Vec<CircuitPlan>,
    pub(crate) tunnels: Vec<TunnelPlan>,
    pub(crate) servers: Vec<ServerPlan>,
    pub(crate) endpoints: Vec<EndpointPlan>,
    pub(crate) tables: Vec<TablePlan>,
    pub(crate) nsgs: Vec<Vec<RulePlan>>,
    /// A hub with appliances is laid over the rest (`hub.rs`); the bits say which kind.
    pub(crate) hub: Option<u8>,
}

#[derive(Clone, Debug)]
pub(crate) struct VnetPlan {
    pub(crate) block: u8,
    pub(crate) extra_block: Option<u8>,
    pub(crate) v6: bool,
    pub(crate) other_region: bool,
    pub(crate) classic: bool,
    pub(crate) gateway_subnet: bool,
    pub(crate) gateway_table: Option<u8>,
    pub(crate) server_subnet: bool,
    pub(crate) subnets: Vec<SubnetPlan>,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct SubnetPlan {
    pub(crate) in_extra: bool,
    pub(crate) table: Option<u8>,
    pub(crate) nsg: Option<u8>,
    pub(crate) nat: bool,
    pub(crate) private: bool,
    pub(crate) endpoint: bool,
    /// `privateEndpointNetworkPolicies`.
    pub(crate) policies: u8,
}

/// Which links of a pair exist, and what `peeringState` says.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) enum Shape {
    Both,
    OneSide,
    DisconnectedAlone,
    /// Both exist, the first says Disconnected.
    DisconnectedBeside,
}

/// What a pair of links joins.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) enum Scope {
    Complete,
    /// Some subnets of each side, by bits.
    Subnets(u8, u8),
}

#[derive(Clone, Debug)]
pub(crate) struct LinkPlan {
    pub(crate) ends: (u8, u8),
    pub(crate) shape: Shape,
    pub(crate) scope: Scope,
    pub(crate) only_v6: bool,
    pub(crate) there: FlagsPlan,
    pub(crate) back: FlagsPlan,
}

#[derive(Clone, Debug)]
pub(crate) struct FlagsPlan {
    pub(crate) no_access: bool,
    pub(crate) forwarded: bool,
    pub(crate) transit: bool,
    pub(crate) use_remote: bool,
    pub(crate) unverified: bool,
    pub(crate) stale: bool,
}

#[derive(Clone, Debug)]
pub(crate) struct MachinePlan {
    pub(crate) subnet: u8,
    pub(crate) second: Option<u8>,
    pub(crate) role: u8,
    pub(crate) nic_forwards: bool,
    pub(crate) second_forwards: bool,
    pub(crate) guest_forwards: Option<bool>,
    pub(crate) snat: u8,
    pub(crate) policy: Vec<PolicyPlan>,
    pub(crate) listen: Option<u8>,
    pub(crate) mtu: u8,
    pub(crate) size: u8,
    pub(crate) nsg: Option<u8>,
    pub(crate) groups: u8,
    pub(crate) public: bool,
    pub(crate) pool: Option<u8>,
    pub(crate) second_pool: Option<u8>,
    pub(crate) stopped: bool,
}

/// True in `percent` of cases; shrinks to false.
fn rarely(percent: u8) -> impl Strategy<Value = bool> {
    prop::bool::weighted(f64::from(percent) / 100.0)
}

fn sometimes(percent: u8) -> impl Strategy<Value = Option<u8>> {
    option::weighted(f64::from(percent) / 100.0, 0..8_u8)
}

/// 0 in most cases.
fn seldom(most: u8) -> impl Strategy<Value = u8> {
    prop_oneof![4 => Just(0_u8), 1 => 0..most]
}

pub(crate) fn plan() -> impl Strategy<Value = Plan> {
    let core = (switches(), vec(vnet(), 1..=5), vec(link(), 0..=6), vec(machine(), 1..=9));
    let edge = (vec(balancer(), 0..=3), vec(gateway(), 0..=3), vec(site(), 0..=2), vec(endpoint(), 0..=2));
    let wan = (vec(circuit(), 0..=2), vec(tunnel(), 0..=2), vec(server(), 0..=2));
    let hub = option::weighted(0.5, 0..64_u8);
    let wan_kind = option::weighted(0.35, 0..16_u8);
    let policy = (vec(table(), 0..=4), vec(vec(rule(), 0..=5), 0..=3), (hub, wan_kind));
    (core, edge, wan, policy).prop_map(|(core, edge, wan, policy)| {
        let (switches, vnets, links, machines) = core;
        let (balancers, gateways, sites, endpoints) = edge;
        let (circuits, tunnels, servers) = wan;
        let (tables, nsgs, (hub, wan_kind)) = policy;
        let plan = Plan {
            switches,
            vnets,
            links,
            machines,
            balancers,
            gateways,
            sites,
            circuits,
            tunnels,
            servers,
            endpoints,
            tables,
            nsgs,
            hub,
        };
        plan.with_hub().with_wan(wan_kind.unwrap_or_default())
    })
}

fn switches() -> impl Strategy<Value = Switches> {
    prop::array::uniform8(prop_oneof![2 => Just(0_u8), 1 => 0..3_u8])
}

fn vnet() -> impl Strategy<Value = VnetPlan> {
    let block = prop_oneof![3 => Just(0_u8), 1 => 0..24_u8];
    let flags = (rarely(30), rarely(30), rarely(8), rarely(50), rarely(25));
    (block, option::weighted(0.25, 0..24_u8), flags, sometimes(25), vec(subnet(), 1..=3)).prop_map(
        |(block, extra_block, flags, gateway_table, subnets)| {
            let (v6, other_region, classic, gateway_subnet, server_subnet) = flags;
            VnetPlan {
                block,
                extra_block,
                v6,
                other_region,
                classic,
                gateway_subnet,
                gateway_table,
                server_subnet,
                subnets,
            }
        },
    )
}

fn subnet() -> impl Strategy<Value = SubnetPlan> {
    let flags = (rarely(10), rarely(10), rarely(ENDPOINTS));
    (rarely(30), sometimes(60), sometimes(35), flags, 0..4_u8).prop_map(
        |(in_extra, table, nsg, (nat, private, endpoint), policies)| SubnetPlan {
            in_extra,
            table,
            nsg,
            nat,
            private,
            endpoint,
            policies,
        },
    )
}

fn link() -> impl Strategy<Value = LinkPlan> {
    let shape = prop_oneof![
        16 => Just(Shape::Both),
        2 => Just(Shape::OneSide),
        1 => Just(Shape::DisconnectedAlone),
        1 => Just(Shape::DisconnectedBeside),
    ];
    let scope = prop_oneof![
        7 => Just(Scope::Complete),
        1 => (1..8_u8, 1..8_u8).prop_map(|(local, remote)| Scope::Subnets(local, remote)),
    ];
    // Stars around the first network are what people build.
    let ends = (prop_oneof![2 => Just(0_u8), 1 => 0..5_u8], 0..5_u8);
    (ends, shape, (scope, rarely(4)), flags(), flags()).prop_map(
        |(ends, shape, (scope, only_v6), there, back)| LinkPlan { ends, shape, scope, only_v6, there, back },
    )
}

fn flags() -> impl Strategy<Value = FlagsPlan> {
    (rarely(15), rarely(65), rarely(70), rarely(60), rarely(10), rarely(8)).prop_map(
        |(no_access, forwarded, transit, use_remote, unverified, stale)| FlagsPlan {
            no_access,
            forwarded,
            transit,
            use_remote,
            unverified,
            stale,
        },
    )
}

fn machine() -> impl Strategy<Value = MachinePlan> {
    let role = prop_oneof![3 => Just(0_u8), 2 => Just(1_u8), 2 => Just(2_u8)];
    let nics = (0..12_u8, sometimes(20), rarely(75), rarely(75), rarely(5));
    let snat = prop_oneof![3 => Just(0_u8), 1 => 1..3_u8];
    let rules = prop_oneof![3 => Just(Vec::new()), 1 => vec(policy(), 1..=3)];
    let guest = (role, option::weighted(0.1, any::<bool>()), snat, sometimes(20), rules);
    let size = (seldom(5), seldom(4));
    let pools = (sometimes(60), sometimes(20));
    let rest = (sometimes(20), prop_oneof![2 => Just(0_u8), 1 => 0..4_u8], rarely(25), pools, size);
    (nics, guest, rest).prop_map(|(nics, guest, rest)| {
        let (subnet, second, nic_forwards, second_forwards, stopped) = nics;
        let (role, guest_forwards, snat, listen, policy) = guest;
        let (nsg, groups, public, (pool, second_pool), (mtu, size)) = rest;
        MachinePlan {
            subnet,
            second,
            role,
            nic_forwards,
            second_forwards,
            guest_forwards,
            snat,
            policy,
            listen,
            mtu,
            size,
            nsg,
            groups,
            public,
            pool,
            second_pool,
            stopped,
        }
    })
}
