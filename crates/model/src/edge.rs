//! What stands between virtual networks and the rest: balancers, gateways, sites, route servers, private
//! endpoints. Parts 5 and 6 of the semantics.

use std::net::IpAddr;

use vnetsim_types::{AsgId, At, GatewayId, IpNet, NicId, SimTime, SiteId, SubnetId, VnetId, named_enum};

named_enum! {
    /// `sku.name` of a load balancer.
    LbSku {
        /// Basic.
        Basic = "Basic",
        /// Standard.
        Standard = "Standard",
    }
}

named_enum! {
    /// `protocol` of a load-balancing rule.
    LbProtocol {
        /// TCP.
        Tcp = "Tcp",
        /// UDP.
        Udp = "Udp",
        /// Every protocol: HA ports (LB-09).
        All = "All",
    }
}

named_enum! {
    /// `loadDistribution`: what a backend is chosen by (LB-05).
    LoadDistribution {
        /// Five-tuple.
        Default = "Default",
        /// Addresses.
        SourceIp = "SourceIP",
        /// Addresses and protocol.
        SourceIpProtocol = "SourceIPProtocol",
    }
}

/// A load balancer (LB-01).
#[derive(Clone, Debug)]
pub struct LoadBalancer {
    /// `name`.
    pub name: At<String>,
    /// `sku.name`.
    pub sku: LbSku,
    /// Frontends.
    pub frontends: Vec<Frontend>,
    /// Members of each backend pool: NIC and position of the ipConfiguration.
    pub pools: Vec<Vec<(NicId, usize)>>,
    /// Load-balancing rules, then inbound NAT rules.
    pub rules: Vec<LbRule>,
    /// Health probes.
    pub probes: Vec<Probe>,
    /// Outbound rules (OUT-04).
    pub outbound_rules: Vec<OutboundRule>,
}

named_enum! {
    /// `protocol` of a health probe (LB-07).
    ProbeProtocol {
        /// A TCP handshake.
        Tcp = "Tcp",
        /// An HTTP request.
        Http = "Http",
        /// An HTTPS request.
        Https = "Https",
    }
}

/// A health probe (LB-07).
#[derive(Clone, Debug)]
pub struct Probe {
    /// `name`.
    pub name: At<String>,
    /// `protocol`. All of them come over TCP.
    pub protocol: ProbeProtocol,
    /// `port`; `None` asks only whether the machine runs.
    pub port: Option<u16>,
    /// Between two probes of a member.
    pub interval: SimTime,
    /// Equal results, one after the other, that change a member's state (U-29).
    pub threshold: u32,
}

impl Probe {
    /// Seconds between two probes when nothing is said: the portal's default (LB-07).
    pub const INTERVAL_DEFAULT_S: u64 = 5;
}

/// An outbound rule: members of a pool share the addresses of frontends (OUT-04).
#[derive(Clone, Debug)]
pub struct OutboundRule {
    /// `name`.
    pub name: At<String>,
    /// Positions in [`LoadBalancer::frontends`].
    pub frontends: Vec<usize>,
    /// Position in [`LoadBalancer::pools`].
    pub pool: usize,
    /// Ports per member; `None` for the share that the size of the pool gives.
    pub ports: Option<u16>,
}

/// Who gets the traffic of a rule.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum LbTarget {
    /// A backend pool: position in [`LoadBalancer::pools`].
    Pool(usize),
    /// An inbound NAT rule (LB-16): one NIC, and which of its ipConfigurations; not said, the first one of the
    /// frontend's family.
    Nic(NicId, Option<usize>),
}

/// A frontend of a load balancer.
#[derive(Clone, Debug)]
pub struct Frontend {
    /// `name`.
    pub name: At<String>,
    /// Private or public address.
    pub address: IpAddr,
    /// The virtual network of an internal frontend; `None` for a public one.
    pub vnet: Option<VnetId>,
}

/// A load-balancing rule (LB-02).
#[derive(Clone, Debug)]
pub struct LbRule {
    /// `name`.
    pub name: At<String>,
    /// Position in [`LoadBalancer::frontends`].
    pub frontend: usize,
    /// A pool, or one NIC.
    pub target: LbTarget,
    /// Position in [`LoadBalancer::probes`].
    pub probe: Option<usize>,
    /// Protocol.
    pub protocol: LbProtocol,
    /// Port; 0 with `All` covers every port.
    pub frontend_port: u16,
    /// Port at the backend.
    pub backend_port: u16,
    /// What a backend is chosen by.
    pub distribution: LoadDistribution,
    /// LB-11.
    pub floating_ip: bool,
    /// How long an idle connection keeps its backend (LB-14).
    pub idle_timeout: SimTime,
    /// `disableOutboundSnat`: the frontend's address does not serve as source of outbound connections (OUT-04).
    pub disable_outbound_snat: bool,
}

named_enum! {
    /// `gatewayType`.
    GatewayType {
        /// VPN.
        Vpn = "Vpn",
        /// ExpressRoute.
        ExpressRoute = "ExpressRoute",
    }
}

named_enum! {
    /// `vpnType` (GW-03).
    VpnType {
        /// Any-to-any selectors, BGP, several tunnels.
        RouteBased = "RouteBased",
        /// Prefix-pair selectors, one tunnel, no BGP.
        PolicyBased = "PolicyBased",
    }
}

/// A virtual network gateway (GW-01).
#[derive(Clone, Debug)]
pub struct Gateway {
    /// `name`.
    pub name: At<String>,
    /// `gatewayType`.
    pub kind: GatewayType,
    /// Its virtual network.
    pub vnet: VnetId,
    /// Its `GatewaySubnet`.
    pub subnet: SubnetId,
    /// Its instances: one, or two when active-active.
    pub instances: Vec<GatewayInstance>,
    /// GW-03.
    pub vpn_type: VpnType,
    /// `sku.name`.
    pub sku: Option<String>,
    /// GW-12.
    pub asn: u32,
    /// False while all its instances are down (simulator extension).
    pub running: bool,
    /// True once it was deleted; its id is not used again.
    pub deleted: bool,
}

impl Gateway {
    /// GW-07: peers may borrow it; VPN gateways of SKU Basic are not lent.
    pub fn is_lent(&self) -> bool {
        !(self.is_basic() && self.kind == GatewayType::Vpn)
    }

    /// The Basic SKU: no gateway transit (GW-07), no coexistence (GW-13).
    pub fn is_basic(&self) -> bool {
        self.sku.as_ref().is_some_and(|sku| sku.eq_ignore_ascii_case("Basic"))
    }
}

/// One instance of a gateway.
#[derive(Clone, Debug)]
pub struct GatewayInstance {
    /// Its address in `GatewaySubnet`.
    pub address: IpAddr,
    /// Its public address.
    pub public_address: Option<IpAddr>,
}

/// What joins a gateway to something outside its virtual network (GW-04).
#[derive(Clone, Debug)]
pub struct Connection {
    /// `name`.
    pub name: At<String>,
    /// `virtualNetworkGateway1`.
    pub gateway: GatewayId,
    /// The other end.
    pub end: ConnectionEnd,
    /// Prefixes travel by BGP; otherwise the ends know only what is configured.
    pub bgp: bool,
    /// `connectionStatus` is Connected.
    pub up: bool,
    /// True once it was deleted; its id is not used again.
    pub deleted: bool,
}

/// An end of a [`Connection`].
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum ConnectionEnd {
    /// A site: behind a tunnel, behind a circuit, or the point-to-site clients.
    Site(SiteId),
    /// Another gateway (GW-05).
    Gateway(GatewayId),
}

impl Connection {
    /// What lies beyond this connection, seen from `gateway`; `None` when it does not touch it.
    pub fn end_beyond(&self, gateway: GatewayId) -> Option<ConnectionEnd> {
        if self.gateway == gateway {
            Some(self.end)
        } else {
            (self.end == ConnectionEnd::Gateway(gateway)).then_some(ConnectionEnd::Gateway(self.gateway))
        }
    }
}

named_enum! {
    /// What an on-premises site is reached by.
    SiteKind {
        /// A local network gateway, over a tunnel (GW-06).
        LocalNetworkGateway = "local network gateway",
        /// An ExpressRoute circuit (GW-16).
        Circuit = "ExpressRoute circuit",
        /// Point-to-site clients of one gateway (GW-20).
        Clients = "point-to-site clients",
    }
}

/// An on-premises site.
#[derive(Clone, Debug)]
pub struct Site {
    /// Name of the local network gateway, of the circuit, or of the gateway whose clients these are.
    pub name: At<String>,
    /// What it is.
    pub kind: SiteKind,
    /// Prefixes that Azure was told: `localNetworkAddressSpace`, or the clients' pool.
    pub prefixes: Vec<At<IpNet>>,
    /// Prefixes that it advertises by BGP, its peering address included (FE-05).
    pub advertised: Vec<At<IpNet>>,
    /// Azure prefixes that its device knows; `None` for what its gateways tell it, or all of them without BGP.
    pub known_prefixes: Option<Vec<IpNet>>,
    /// Its autonomous system.
    pub asn: Option<u32>,
    /// `bgpPeeringAddress`: advertised as a block of one once a BGP connection uses it (FE-05).
    pub bgp_peering_address: Option<IpAddr>,
}

named_enum! {
    /// `hubRoutingPreference` of a route server: whose route wins for one prefix.
    HubRoutingPreference {
        /// ExpressRoute, then the shorter path.
        ExpressRoute = "ExpressRoute",
        /// VPN and appliances, then ExpressRoute.
        VpnGateway = "VpnGateway",
        /// The shorter path, then ExpressRoute.
        AsPath = "ASPath",
    }
}

/// A route server: takes prefixes from appliances and gives them to its virtual network and to those that
/// borrow its gateways.
#[derive(Clone, Debug)]
pub struct RouteServer {
    /// `name`.
    pub name: At<String>,
    /// Its virtual network.
    pub vnet: VnetId,
    /// Its `RouteServerSubnet`.
    pub subnet: SubnetId,
    /// Its two addresses.
    pub addresses: Vec<IpAddr>,
    /// `allowBranchToBranchTraffic`: gateways and appliances learn from each other (GW-13).
    pub branch_to_branch: bool,
    /// Whose route wins.
    pub preference: HubRoutingPreference,
    /// The appliances that it peers with.
    pub peers: Vec<BgpPeer>,
}

/// An appliance that peers with a route server.
#[derive(Clone, Debug)]
pub struct BgpPeer {
    /// `name` of the BGP connection.
    pub name: At<String>,
    /// `peerIp`.
    pub address: IpAddr,
    /// `peerAsn`.
    pub asn: u32,
    /// What it advertises.
    pub routes: Vec<BgpRoute>,
}

/// A prefix that an appliance advertises.
#[derive(Clone, Debug)]
pub struct BgpRoute {
    /// The prefix.
    pub prefix: At<IpNet>,
    /// Where it sends the traffic: itself, or what stands in front of it.
    pub next_hop: IpAddr,
    /// Autonomous systems on the way, the peer's own first.
    pub as_path: Vec<u32>,
}

named_enum! {
    /// `privateEndpointNetworkPolicies` of a subnet: what applies to the private endpoints in it.
    PrivateEndpointPolicies {
        /// Nothing.
        Disabled = "Disabled",
        /// Network security groups and route tables.
        Enabled = "Enabled",
        /// Network security groups (NSG-25).
        NetworkSecurityGroupEnabled = "NetworkSecurityGroupEnabled",
        /// Route tables of the senders (RT-08).
        RouteTableEnabled = "RouteTableEnabled",
    }
}

impl PrivateEndpointPolicies {
    /// NSG-25.
    pub fn filters(self) -> bool {
        matches!(self, Self::Enabled | Self::NetworkSecurityGroupEnabled)
    }

    /// RT-08.
    pub fn routes(self) -> bool {
        matches!(self, Self::Enabled | Self::RouteTableEnabled)
    }
}

/// A private endpoint: the address of a platform service inside a virtual network (RT-08).
#[derive(Clone, Debug)]
pub struct PrivateEndpoint {
    /// `name`.
    pub name: At<String>,
    /// Its virtual network.
    pub vnet: VnetId,
    /// Its subnet.
    pub subnet: SubnetId,
    /// Its address.
    pub address: IpAddr,
    /// Application security groups.
    pub asgs: Vec<AsgId>,
}
