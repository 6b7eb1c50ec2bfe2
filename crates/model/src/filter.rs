//! Route tables and network security groups as a checked network has them. Parts 2.3 and 4 of the semantics.

use std::net::IpAddr;

use vnetsim_types::{AsgId, At, Direction, IpNet, Span, named_enum};

/// A route table.
#[derive(Clone, Debug)]
pub struct RouteTable {
    /// `name`.
    pub name: At<String>,
    /// `disableBgpRoutePropagation` (RT-14).
    pub disable_bgp_route_propagation: At<bool>,
    /// Its routes.
    pub routes: Vec<UserRoute>,
}

/// A user-defined route (RT-09).
#[derive(Clone, Debug)]
pub struct UserRoute {
    /// `name`.
    pub name: At<String>,
    /// The prefixes: one, or those of a service tag (RT-13).
    pub prefixes: Vec<IpNet>,
    /// The tag, when `addressPrefix` is one.
    pub tag: Option<String>,
    /// The next hop.
    pub next_hop: UserNextHop,
    /// The whole route.
    pub span: Span,
}

/// `nextHopType` and `nextHopIpAddress` of a user-defined route (RT-10).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum UserNextHop {
    /// An appliance or an internal load balancer in front of appliances.
    VirtualAppliance(IpAddr),
    /// The VPN gateway, own or borrowed (RT-27).
    VirtualNetworkGateway,
    /// The own virtual network.
    VnetLocal,
    /// The internet edge.
    Internet,
    /// Drop.
    None,
}

/// A network security group with its own rules; the default rules are implied (NSG-07).
#[derive(Clone, Debug)]
pub struct Nsg {
    /// `name`.
    pub name: At<String>,
    /// `securityRules`, ascending by priority; equal priorities differ in direction.
    pub rules: Vec<SecurityRule>,
}

named_enum! {
    /// `access` of a security rule.
    Access {
        /// Let pass.
        Allow = "Allow",
        /// Drop.
        Deny = "Deny",
    }
}

named_enum! {
    /// `protocol` of a security rule (NSG-02). `Any` covers every protocol (U-14).
    RuleProtocol {
        /// `*`.
        Any = "*",
        /// TCP.
        Tcp = "Tcp",
        /// UDP.
        Udp = "Udp",
        /// ICMP, for IPv6 also ICMPv6.
        Icmp = "Icmp",
        /// Encapsulating Security Payload.
        Esp = "Esp",
        /// Authentication Header.
        Ah = "Ah",
    }
}

/// A security rule (NSG-02).
#[derive(Clone, Debug)]
pub struct SecurityRule {
    /// `name`.
    pub name: At<String>,
    /// `priority`, 100 to 4096.
    pub priority: u16,
    /// `direction`.
    pub direction: Direction,
    /// `access`.
    pub access: Access,
    /// `protocol`.
    pub protocol: RuleProtocol,
    /// Source addresses.
    pub source: AddressSpec,
    /// Source ports.
    pub source_ports: Vec<PortRange>,
    /// Destination addresses.
    pub destination: AddressSpec,
    /// Destination ports.
    pub destination_ports: Vec<PortRange>,
    /// The whole rule.
    pub span: Span,
}

/// The addresses of one side of a rule.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum AddressSpec {
    /// `*`.
    Any,
    /// Addresses and blocks.
    Prefixes(Vec<IpNet>),
    /// A service tag in its usual spelling: `VirtualNetwork`, `Internet`, `AzureLoadBalancer`, or
    /// one of [`crate::Network::service_tag`].
    Tag(String),
    /// Application security groups (NSG-20).
    Asgs(Vec<AsgId>),
}

/// Ports `from` to `to`, both included.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct PortRange {
    /// First.
    pub from: u16,
    /// Last.
    pub to: u16,
}

impl PortRange {
    /// Every port.
    pub const ANY: Self = Self { from: 0, to: u16::MAX };
}

/// An application security group; its members are the ipConfigurations that name it.
#[derive(Clone, Debug)]
pub struct Asg {
    /// `name`.
    pub name: At<String>,
}
