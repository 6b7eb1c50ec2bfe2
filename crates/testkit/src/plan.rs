//! What a random network is made of before it is a network: small numbers that shrink well.
//!
//! Every number selects among what there is ("modulo"), so that any plan can be built (`build.rs`). A
//! simpler plan has fewer and smaller numbers: proptest shrinks plans, not drafts.

use proptest::{collection::vec, option, prelude::*};

/// Percentage of subnets with a service endpoint.
const ENDPOINTS: u8 = 15;

/// A whole network.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) switches: [u8; 7],
    pub(crate) vnets: Vec<VnetPlan>,
    pub(crate) links: Vec<LinkPlan>,
    pub(crate) machines: Vec<MachinePlan>,
    pub(crate) balancers: Vec<BalancerPlan>,
    pub(crate) gateways: Vec<GatewayPlan>,
    pub(crate) sites: Vec<SitePlan>,
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
    pub(crate) gateway_subnet: bool,
    pub(crate) gateway_table: Option<u8>,
    pub(crate) subnets: Vec<SubnetPlan>,
}

#[derive(Clone, Debug)]
pub(crate) struct SubnetPlan {
    pub(crate) in_extra: bool,
    pub(crate) table: Option<u8>,
    pub(crate) nsg: Option<u8>,
    pub(crate) nat: bool,
    pub(crate) private: bool,
    pub(crate) endpoint: bool,
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

#[derive(Clone, Debug)]
pub(crate) struct LinkPlan {
    pub(crate) ends: (u8, u8),
    pub(crate) shape: Shape,
    pub(crate) there: FlagsPlan,
    pub(crate) back: FlagsPlan,
}

#[derive(Clone, Debug)]
pub(crate) struct FlagsPlan {
    pub(crate) no_access: bool,
    pub(crate) forwarded: bool,
    pub(crate) transit: bool,
    pub(crate) use_remote: bool,
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
    pub(crate) listen: Option<u8>,
    pub(crate) nsg: Option<u8>,
    pub(crate) groups: u8,
    pub(crate) public: bool,
    pub(crate) pool: Option<u8>,
    pub(crate) stopped: bool,
}

#[derive(Clone, Debug)]
pub(crate) struct BalancerPlan {
    pub(crate) subnet: u8,
    pub(crate) public: bool,
    pub(crate) basic: bool,
    pub(crate) rules: u8,
    pub(crate) distribution: u8,
}

#[derive(Clone, Debug)]
pub(crate) struct GatewayPlan {
    pub(crate) vnet: u8,
    pub(crate) express: bool,
    pub(crate) public: bool,
}

#[derive(Clone, Debug)]
pub(crate) struct SitePlan {
    pub(crate) prefixes: Vec<PrefixPlan>,
    pub(crate) known: Option<Vec<PrefixPlan>>,
    pub(crate) gateway: u8,
    pub(crate) second_gateway: Option<u8>,
}

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
    /// Shorter than a block by some bits.
    Around(u8, u8),
    /// Longer than a block by some bits, at some offset.
    Inside(u8, u8, u16),
    /// Prefix of a site.
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
    /// Space of a virtual network, owned by nobody.
    Nobody(u8),
    /// Space of nobody.
    Outside,
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

/// True in `percent` of cases; shrinks to false.
fn rarely(percent: u8) -> impl Strategy<Value = bool> {
    prop::bool::weighted(f64::from(percent) / 100.0)
}

fn sometimes(percent: u8) -> impl Strategy<Value = Option<u8>> {
    option::weighted(f64::from(percent) / 100.0, 0..8_u8)
}

pub(crate) fn plan() -> impl Strategy<Value = Plan> {
    let core = (switches(), vec(vnet(), 1..=5), vec(link(), 0..=6), vec(machine(), 1..=9));
    let edge = (vec(balancer(), 0..=2), vec(gateway(), 0..=2), vec(site(), 0..=2));
    let hub = option::weighted(0.5, 0..64_u8);
    let policy = (vec(table(), 0..=4), vec(vec(rule(), 0..=5), 0..=3), hub);
    (core, edge, policy).prop_map(
        |((switches, vnets, links, machines), (balancers, gateways, sites), (tables, nsgs, hub))| {
            let plan =
                Plan { switches, vnets, links, machines, balancers, gateways, sites, tables, nsgs, hub };
            plan.with_hub()
        },
    )
}

fn switches() -> impl Strategy<Value = [u8; 7]> {
    prop::array::uniform7(prop_oneof![2 => Just(0_u8), 1 => 0..3_u8])
}

fn vnet() -> impl Strategy<Value = VnetPlan> {
    let block = prop_oneof![3 => Just(0_u8), 1 => 0..24_u8];
    let flags = (rarely(30), rarely(30), rarely(40));
    (block, option::weighted(0.25, 0..24_u8), flags, sometimes(25), vec(subnet(), 1..=3)).prop_map(
        |(block, extra_block, (v6, other_region, gateway_subnet), gateway_table, subnets)| VnetPlan {
            block,
            extra_block,
            v6,
            other_region,
            gateway_subnet,
            gateway_table,
            subnets,
        },
    )
}

fn subnet() -> impl Strategy<Value = SubnetPlan> {
    (rarely(30), sometimes(60), sometimes(35), rarely(10), rarely(10), rarely(ENDPOINTS)).prop_map(
        |(in_extra, table, nsg, nat, private, endpoint)| SubnetPlan {
            in_extra,
            table,
            nsg,
            nat,
            private,
            endpoint,
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
    // Stars around the first network are what people build.
    let ends = (prop_oneof![2 => Just(0_u8), 1 => 0..5_u8], 0..5_u8);
    (ends, shape, flags(), flags()).prop_map(|(ends, shape, there, back)| LinkPlan {
        ends,
        shape,
        there,
        back,
    })
}

fn flags() -> impl Strategy<Value = FlagsPlan> {
    (rarely(15), rarely(65), rarely(70), rarely(60), rarely(8)).prop_map(
        |(no_access, forwarded, transit, use_remote, stale)| FlagsPlan {
            no_access,
            forwarded,
            transit,
            use_remote,
            stale,
        },
    )
}

fn machine() -> impl Strategy<Value = MachinePlan> {
    let role = prop_oneof![3 => Just(0_u8), 2 => Just(1_u8), 2 => Just(2_u8)];
    let nics = (0..12_u8, sometimes(20), rarely(75), rarely(75), rarely(5));
    let snat = prop_oneof![3 => Just(0_u8), 1 => 1..3_u8];
    let guest = (role, option::weighted(0.1, any::<bool>()), snat, sometimes(20));
    let rest = (sometimes(20), prop_oneof![2 => Just(0_u8), 1 => 0..4_u8], rarely(25), sometimes(60));
    (nics, guest, rest).prop_map(
        |(
            (subnet, second, nic_forwards, second_forwards, stopped),
            (role, guest_forwards, snat, listen),
            (nsg, groups, public, pool),
        )| MachinePlan {
            subnet,
            second,
            role,
            nic_forwards,
            second_forwards,
            guest_forwards,
            snat,
            listen,
            nsg,
            groups,
            public,
            pool,
            stopped,
        },
    )
}

fn balancer() -> impl Strategy<Value = BalancerPlan> {
    (0..12_u8, rarely(10), rarely(30), 0..4_u8, 0..3_u8).prop_map(
        |(subnet, public, basic, rules, distribution)| BalancerPlan {
            subnet,
            public,
            basic,
            rules,
            distribution,
        },
    )
}

fn gateway() -> impl Strategy<Value = GatewayPlan> {
    let vnet = prop_oneof![2 => Just(0_u8), 1 => 0..5_u8];
    (vnet, rarely(30), rarely(50)).prop_map(|(vnet, express, public)| GatewayPlan { vnet, express, public })
}

fn site() -> impl Strategy<Value = SitePlan> {
    let prefixes = vec(site_prefix(), 1..=3);
    let known = option::weighted(0.2, vec(prefix(), 1..=2));
    (prefixes, known, 0..4_u8, sometimes(15)).prop_map(|(prefixes, known, gateway, second_gateway)| {
        SitePlan { prefixes, known, gateway, second_gateway }
    })
}

fn site_prefix() -> impl Strategy<Value = PrefixPlan> {
    prop_oneof![
        6 => (0..16_u8).prop_map(PrefixPlan::Fixed),
        2 => prefix(),
        1 => Just(PrefixPlan::Default),
    ]
}

fn table() -> impl Strategy<Value = TablePlan> {
    (rarely(20), vec((prefix(), hop()), 1..=6))
        .prop_map(|(no_propagation, routes)| TablePlan { no_propagation, routes })
}

fn prefix() -> impl Strategy<Value = PrefixPlan> {
    let offset = prop_oneof![2 => Just(0_u16), 1 => any::<u16>()];
    prop_oneof![
        4 => Just(PrefixPlan::Default),
        1 => Just(PrefixPlan::DefaultV6),
        9 => (0..12_u8).prop_map(PrefixPlan::Block),
        4 => (0..12_u8).prop_map(PrefixPlan::Subnet),
        3 => (0..12_u8).prop_map(PrefixPlan::Nic),
        2 => (0..8_u8, 1..10_u8).prop_map(|(block, bits)| PrefixPlan::Around(block, bits)),
        2 => (0..8_u8, 1..12_u8, offset).prop_map(|(b, bits, at)| PrefixPlan::Inside(b, bits, at)),
        2 => (0..8_u8).prop_map(PrefixPlan::Site),
        2 => (0..16_u8).prop_map(PrefixPlan::Fixed),
        1 => Just(PrefixPlan::Tag),
    ]
}

fn hop() -> impl Strategy<Value = HopPlan> {
    prop_oneof![
        12 => (0..12_u8).prop_map(|nic| HopPlan::Nic(nic, true)),
        5 => (0..12_u8).prop_map(|nic| HopPlan::Nic(nic, false)),
        4 => (0..4_u8).prop_map(HopPlan::Frontend),
        1 => (0..8_u8).prop_map(HopPlan::Nobody),
        1 => Just(HopPlan::Outside),
        1 => (0..4_u8).prop_map(HopPlan::GatewayAddress),
        3 => Just(HopPlan::Gateway),
        2 => Just(HopPlan::VnetLocal),
        2 => Just(HopPlan::Internet),
        2 => Just(HopPlan::None),
    ]
}

fn rule() -> impl Strategy<Value = RulePlan> {
    let port = || prop_oneof![3 => Just(0_u8), 2 => 0..8_u8];
    let sides = (side(), port(), side(), port());
    (any::<bool>(), rarely(65), 0..8_u8, sides).prop_map(
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
        4 => (0..12_u8).prop_map(SidePlan::Tag),
        4 => vec(prefix(), 1..=2).prop_map(SidePlan::Prefixes),
        2 => (0..2_u8).prop_map(SidePlan::Group),
    ]
}
