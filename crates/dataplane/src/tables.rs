//! What a compiled network is: immutable tables of numbers, built by `compile`, read by the stages.
//!
//! The reader defines the layout, the builder pays the cost. Nothing here holds a name: `compile`
//! keeps the names and reasons beside the tables, under the same indices.

use std::net::IpAddr;

use rustc_hash::FxHashMap;

use vnetsim_types::{
    AclIx, AddrSet, FlowKey, GatewayId, IpNet, IpProtocol, LbId, NicId, PeeringId, PrivateEndpointId,
    RouteIx, RuleIx, SimTime, SiteId, SubnetId, VmId, VnetId,
};

use crate::{Lpm, RuleList, flow_hash};

/// A compiled network. Never changes; a changed network is another one with a higher `epoch`.
#[derive(Clone, Debug, Default)]
pub struct Tables {
    /// Counts the compilations of a run, from 0.
    pub epoch: u32,
    /// The disputed switches that the stages ask for.
    pub settings: Settings,
    /// By [`VnetId`].
    pub vnets: Vec<VnetTable>,
    /// One way between two regions in nanoseconds, by [`VnetTable::region`] of both; 0 inside one.
    pub region_latency_ns: Vec<Vec<u64>>,
    /// By [`SubnetId`].
    pub subnets: Vec<SubnetTable>,
    /// By [`NicId`].
    pub nics: Vec<NicTable>,
    /// By [`RouteIx`].
    pub next_hops: Vec<NextHop>,
    /// Equal routes that share the traffic of one prefix (FE-04): what [`NextHop::Several`] names.
    pub several: Vec<Vec<(RouteIx, NextHop)>>,
    /// By [`AclIx`].
    pub acls: Vec<Acl>,
    /// Address sets that rules share.
    pub sets: Vec<AddrSet>,
    /// By [`PeeringId`].
    pub links: Vec<LinkTable>,
    /// By [`LbId`].
    pub balancers: Vec<Balancer>,
    /// By [`GatewayId`].
    pub gateways: Vec<GatewayTable>,
    /// By [`SiteId`].
    pub sites: Vec<SiteTable>,
    /// By [`PrivateEndpointId`].
    pub endpoints: Vec<EndpointTable>,
    /// Who answers for which public address.
    pub public: PublicOwners,
}

/// Who answers for which public address.
pub type PublicOwners = FxHashMap<IpAddr, PublicOwner>;

/// Switches of Part 12 that change what a stage does.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Settings {
    /// U-01 `strict`: a link without allowVirtualNetworkAccess drops in the fabric.
    pub strict_access: bool,
    /// U-02 `field`: forwarded traffic passes where the receiver's own return route names an appliance.
    pub forwarded_field: bool,
    /// U-08 `decrement`: gateways lower the time to live.
    pub gateway_lowers_ttl: bool,
    /// NSG-14: what a new set of tables does to flow records.
    pub live_flows: LiveFlows,
    /// U-09 `at_1400`: the fabric fragments whatever is larger.
    pub fragment_at_1400: bool,
    /// OUT-05: connections of one address of a NAT gateway to one address and port.
    pub nat_connections_max: u32,
}

/// NSG-14: what a new set of tables does to flow records of earlier ones.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum LiveFlows {
    /// They stay.
    #[default]
    Keep,
    /// Each stays if the present rules would let its connection begin; asked when its next packet comes.
    Resimulate,
    /// They end.
    Flush,
}

/// A virtual network.
#[derive(Clone, Debug, Default)]
pub struct VnetTable {
    /// Last address of each IPv4 subnet prefix: the subnet-directed broadcasts (FAB-05), ascending.
    pub broadcasts: Vec<IpAddr>,
    /// Who has which private address.
    pub owners: FxHashMap<IpAddr, Owner>,
    /// Connected peers: the link towards this network that each peer's packets are checked against,
    /// by the peer's id, ascending.
    pub links_from: Vec<(VnetId, PeeringId)>,
    /// Region, as a number; equal numbers are equal regions.
    pub region: u16,
    /// How long an idle flow record lives (NSG-32, U-13).
    pub flow_timeout: SimTime,
}

/// Who has a private address.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Owner {
    /// A NIC.
    Nic(NicId),
    /// An internal frontend of a balancer: position in its frontends.
    Frontend(LbId, u32),
    /// A virtual network gateway.
    Gateway(GatewayId),
    /// A private endpoint.
    PrivateEndpoint(PrivateEndpointId),
    /// Something that answers nobody here, such as a route server.
    Silent,
}

/// Who answers for a public address.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PublicOwner {
    /// It stands one to one for a private address of a NIC (ADDR-18).
    Nic(NicId, IpAddr),
    /// A public frontend of a balancer: position in its frontends.
    Frontend(LbId, u32),
    /// An instance of a gateway, which answers pings at most; nothing is modelled.
    Gateway(GatewayId),
}

/// A subnet.
#[derive(Clone, Debug)]
pub struct SubnetTable {
    /// Its virtual network.
    pub vnet: VnetId,
    /// Its routes.
    pub lpm: Lpm,
    /// Public addresses of its NAT gateway.
    pub nat_gateway: Vec<IpAddr>,
    /// Default outbound access (OUT-07).
    pub default_outbound: bool,
}

/// A network interface.
#[derive(Clone, Debug)]
pub struct NicTable {
    /// Its virtual network.
    pub vnet: VnetId,
    /// Its subnet.
    pub subnet: SubnetId,
    /// Its private addresses, the primary one first, each with its public address.
    pub addresses: Vec<(IpAddr, Option<IpAddr>)>,
    /// `enableIPForwarding` (FAB-11).
    pub ip_forwarding: bool,
    /// NSG of the subnet.
    pub subnet_acl: Option<AclIx>,
    /// NSG of the NIC.
    pub nic_acl: Option<AclIx>,
    /// A running VM has it.
    pub up: bool,
    /// The VM that has it; its NICs share one egress limit (VM-01).
    pub vm: Option<VmId>,
    /// What the size of its VM lets out, in bits per second (VM-04).
    pub egress_bits_per_s: Option<u64>,
    /// It belongs to the pool of a Standard balancer, which ends default outbound access (LB-15).
    pub behind_standard_lb: bool,
    /// Public addresses of a balancer that it may leave with, and its share of their ports (OUT-04).
    pub shared_out: [Option<SharedOut>; 2],
    /// Frontends with floating IP that it serves: addresses that its guest owns too (LB-11).
    pub floating: Vec<IpAddr>,
    /// The MAC address of its guest (ADDR-15).
    pub mac: [u8; 6],
}

impl NicTable {
    /// True when `ip` is one of its private addresses.
    #[inline]
    pub fn owns(&self, ip: IpAddr) -> bool {
        self.addresses.iter().any(|(own, _)| *own == ip)
    }

    /// True when its guest takes packets for `ip`: its own, or a floating frontend (LB-11).
    #[inline]
    pub fn serves(&self, ip: IpAddr) -> bool {
        self.owns(ip) || self.floating.contains(&ip)
    }

    /// True when the size of its VM limits what it sends (VM-01).
    #[inline]
    pub fn is_limited(&self) -> bool {
        self.vm.is_some() && self.egress_bits_per_s.is_some()
    }

    /// Its first address of `like`'s family.
    pub fn address_like(&self, like: IpAddr) -> Option<IpAddr> {
        self.addresses.iter().map(|(own, _)| *own).find(|own| own.is_ipv4() == like.is_ipv4())
    }
}

/// Public addresses shared by the members of a pool (OUT-04).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SharedOut {
    /// The addresses.
    pub addresses: Vec<IpAddr>,
    /// First port of this member.
    pub first_port: u16,
    /// Ports of this member on each address.
    pub ports: u16,
}

/// What a route does with a packet. Everything that can be known before the packet is resolved here.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum NextHop {
    /// Deliver inside the own virtual network.
    VnetLocal,
    /// Deliver inside a peered network.
    Peering {
        /// That network.
        remote: VnetId,
        /// It is in another region.
        global: bool,
    },
    /// Hand to an appliance, packet unchanged (RT-16).
    Appliance(Appliance),
    /// An appliance that a route server learned the prefix from.
    Learned(Appliance),
    /// Hand to a virtual network gateway.
    Gateway(GatewayId),
    /// Names the gateway, but no usable one serves the subnet (RT-27).
    GatewayUnavailable,
    /// Send to the internet edge.
    Internet,
    /// A service endpoint: the platform service itself (RT-07).
    ServiceEndpoint,
    /// A private endpoint (RT-08).
    PrivateEndpoint(PrivateEndpointId),
    /// One of several equal routes, by the flow's hash: position in [`Tables::several`].
    Several(u32),
    /// Drop.
    None,
}

/// Who stands behind the address of an appliance route.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Appliance {
    /// A NIC.
    Nic(NicId),
    /// An internal balancer: position in its frontends.
    Balancer {
        /// The balancer.
        lb: LbId,
        /// Position in its frontends.
        frontend: u32,
        /// It is in another region than the subnet.
        global: bool,
    },
    /// An instance of a gateway (FE-17).
    Gateway(GatewayId),
    /// What this owner does with a packet for somebody else is not known.
    Unknown,
    /// The address is in reachable space, but nobody has it (RT-19).
    Nobody,
    /// The address is not in reachable space (RT-20).
    NotAdjacent,
}

/// An NSG as one subnet sees it.
#[derive(Clone, Debug, Default)]
pub struct Acl {
    /// Inbound rules by priority, the default rules last.
    pub inbound: RuleList,
    /// Outbound rules by priority, the default rules last.
    pub outbound: RuleList,
}

/// One compiled security rule.
#[derive(Clone, Debug)]
pub struct Rule {
    /// Its number, for explanations.
    pub ix: RuleIx,
    /// Protocol to match; `None` for every protocol.
    pub protocol: Option<IpProtocol>,
    /// Source addresses.
    pub source: Addresses,
    /// Destination addresses.
    pub destination: Addresses,
    /// Source ports, inclusive; empty for any.
    pub source_ports: Vec<(u16, u16)>,
    /// Destination ports, inclusive; empty for any.
    pub destination_ports: Vec<(u16, u16)>,
    /// Allow or deny.
    pub allow: bool,
    /// It names one of the host's own services: the only kind of rule that reaches them (NSG-22).
    pub platform: bool,
}

/// One side of a rule.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Addresses {
    /// Every address.
    Any,
    /// Members of a set: position in [`Tables::sets`].
    Set(u32),
    /// A service tag of which only the IPv4 prefixes are known: position in [`Tables::sets`].
    Ipv4Set(u32),
    /// A service tag whose prefixes nobody said.
    Unknown,
}

impl Addresses {
    /// Whether nobody can say that `ip` is among these (NSG-18).
    pub fn unknown_for(self, ip: IpAddr) -> bool {
        match self {
            Self::Any | Self::Set(_) => false,
            Self::Ipv4Set(_) => ip.is_ipv6(),
            Self::Unknown => true,
        }
    }

    /// Whether `ip` may be among these; `sets` is [`Tables::sets`].
    pub fn may_hold(self, sets: &[AddrSet], ip: IpAddr) -> bool {
        match self {
            Self::Set(set) | Self::Ipv4Set(set) => self.unknown_for(ip) || sets[set as usize].contains(ip),
            Self::Any | Self::Unknown => true,
        }
    }
}

/// One link of a peering.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct LinkTable {
    /// The synced copy of the remote address space: what counts as the remote network's own (PEER-08, PEER-16).
    pub remote_space: AddrSet,
    /// PEER-07.
    pub allow_forwarded: bool,
    /// False when either link of the peering has allowVirtualNetworkAccess false.
    pub both_allow_access: bool,
    /// Subnets that the peering joins: of its own network, of the remote one; `None` for all (PEER-24).
    pub subnets: Option<(Vec<SubnetId>, Vec<SubnetId>)>,
}

/// A load balancer.
#[derive(Clone, Debug, Default)]
pub struct Balancer {
    /// Basic SKU.
    pub basic: bool,
    /// Its frontends answer peers of the same region only (LB-13, ERA-05).
    pub regional: bool,
    /// Its frontends: the address, and the virtual network of an internal one.
    pub frontends: Vec<(IpAddr, Option<VnetId>)>,
    /// Rules in order.
    pub rules: Vec<BalancerRule>,
}

/// A load-balancing rule.
#[derive(Clone, Debug)]
pub struct BalancerRule {
    /// Position of its frontend.
    pub frontend: u32,
    /// Protocol; `None` for HA ports.
    pub protocol: Option<IpProtocol>,
    /// Port; ignored for HA ports.
    pub port: u16,
    /// What a backend is chosen by.
    pub hash: HashInput,
    /// Port at the backend; 0 leaves it.
    pub backend_port: u16,
    /// LB-11: the destination stays the frontend.
    pub floating_ip: bool,
    /// How long an idle connection keeps its backend (LB-14).
    pub idle_timeout: SimTime,
    /// Pool members with the address that they are reached by, and whether the probe finds them up (LB-07).
    pub members: Vec<(NicId, IpAddr, bool)>,
}

/// Fields that choose a backend (LB-05).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum HashInput {
    /// Addresses, ports and protocol.
    FiveTuple,
    /// Addresses.
    Addresses,
    /// Addresses and protocol.
    AddressesAndProtocol,
}

/// A virtual network gateway.
#[derive(Clone, Debug)]
pub struct GatewayTable {
    /// Its virtual network.
    pub vnet: VnetId,
    /// Its `GatewaySubnet`, whose routes it uses.
    pub subnet: SubnetId,
    /// Its instances' own addresses.
    pub addresses: Vec<IpAddr>,
    /// False while all its instances are down.
    pub running: bool,
    /// What lies beyond its connections, longest prefix first, then in the order of the connections.
    pub beyond: Vec<(IpNet, Beyond)>,
    /// Gateways of the same network that a route server lets it exchange traffic with (GW-13).
    pub transit: Vec<GatewayId>,
}

/// The far end of a gateway's connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Beyond {
    /// A site.
    Site(SiteId),
    /// Another gateway, over a tunnel or a circuit.
    Gateway(GatewayId),
}

/// A private endpoint.
#[derive(Clone, Debug)]
pub struct EndpointTable {
    /// Its virtual network.
    pub vnet: VnetId,
    /// Its subnet.
    pub subnet: SubnetId,
    /// NSG of its subnet, where the subnet's policies let it apply (NSG-25).
    pub acl: Option<AclIx>,
    /// Routes of its answers: its subnet's, without user-defined ones.
    pub lpm: Lpm,
}

/// An on-premises site.
#[derive(Clone, Debug, Default)]
pub struct SiteTable {
    /// Azure prefixes that its device knows; `None` for all.
    pub known: Option<AddrSet>,
    /// Gateways that its traffic enters Azure by, and the Azure prefixes behind each, longest first.
    pub routes: Vec<(IpNet, GatewayId)>,
    /// Gateways without regard to prefixes: of connections that teach it nothing.
    pub untaught: Vec<GatewayId>,
}

impl Tables {
    /// The link of `vnet` towards its Connected peer `from`.
    #[inline]
    pub fn link_from(&self, vnet: VnetId, from: VnetId) -> Option<PeeringId> {
        let links = &self.vnets[vnet.ix()].links_from;
        links.binary_search_by_key(&from, |(peer, _)| *peer).ok().map(|at| links[at].1)
    }

    /// The route that `subnet` has for `dst`, and its number; the first of several equal ones.
    #[inline]
    pub fn route(&self, subnet: SubnetId, dst: IpAddr) -> Option<(RouteIx, NextHop)> {
        let route = self.subnets[subnet.ix()].lpm.lookup(dst)?;
        Some(match self.next_hops[route.ix()] {
            NextHop::Several(set) => self.several[set as usize][0],
            one => (route, one),
        })
    }

    /// The route by which a packet with `key` leaves, its number, and how many equal ones there were. The hash
    /// is not symmetric: each direction chooses for itself (FE-04).
    #[inline]
    pub fn route_for(&self, lpm: &Lpm, key: &FlowKey) -> Option<(RouteIx, NextHop, u16)> {
        let route = lpm.lookup(key.dst)?;
        Some(match self.next_hops[route.ix()] {
            NextHop::Several(set) => {
                let ways = &self.several[set as usize];
                let turn = flow_hash(key, HashInput::FiveTuple, false) % ways.len() as u64;
                let (route, next_hop) = ways[turn as usize];
                (route, next_hop, ways.len() as u16)
            }
            one => (route, one, 1),
        })
    }
}
