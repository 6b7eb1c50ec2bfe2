//! Virtual networks and what lives in them: subnets, peerings, tables, filters, interfaces, machines.

use std::net::IpAddr;

use vnetsim_types::{At, Direction, IpNet, ProtoPort, SimTime, Span};

use super::Ref;

/// JSON-01.
#[derive(Clone, Debug, Default)]
pub struct VirtualNetwork {
    /// The whole object.
    pub span: Span,
    /// `name`.
    pub name: At<String>,
    /// `location`, a region such as `koreacentral`.
    pub location: Option<At<String>>,
    /// Simulator extension: the subscription; one that all such networks share when not given.
    pub subscription: Option<Ref>,
    /// Simulator extension: classic networks have another resource type in Azure (PEER-28).
    pub deployment_model: Option<At<crate::DeploymentModel>>,
    /// `addressSpace.addressPrefixes`.
    pub address_prefixes: Vec<At<IpNet>>,
    /// `subnets`.
    pub subnets: Vec<Subnet>,
    /// `virtualNetworkPeerings`.
    pub peerings: Vec<Peering>,
    /// `flowTimeoutInMinutes`, 4 to 30.
    pub flow_timeout_in_minutes: Option<At<u64>>,
}

/// JSON-02.
#[derive(Clone, Debug, Default)]
pub struct Subnet {
    /// The whole object.
    pub span: Span,
    /// `name`.
    pub name: At<String>,
    /// `addressPrefix` or `addressPrefixes`.
    pub address_prefixes: Vec<At<IpNet>>,
    /// `networkSecurityGroup`.
    pub network_security_group: Option<Ref>,
    /// `routeTable`.
    pub route_table: Option<Ref>,
    /// `natGateway`.
    pub nat_gateway: Option<Ref>,
    /// `serviceEndpoints[].service`, as in `Microsoft.Storage`.
    pub service_endpoints: Vec<At<String>>,
    /// `defaultOutboundAccess`.
    pub default_outbound_access: Option<At<bool>>,
    /// `privateEndpointNetworkPolicies` (RT-08, NSG-25).
    pub private_endpoint_network_policies: Option<At<crate::PrivateEndpointPolicies>>,
}

/// JSON-03: one link, child of one virtual network.
#[derive(Clone, Debug, Default)]
pub struct Peering {
    /// The whole object.
    pub span: Span,
    /// `name`.
    pub name: At<String>,
    /// `remoteVirtualNetwork`.
    pub remote_virtual_network: Ref,
    /// `allowVirtualNetworkAccess`.
    pub allow_virtual_network_access: Option<At<bool>>,
    /// `allowForwardedTraffic`.
    pub allow_forwarded_traffic: Option<At<bool>>,
    /// `allowGatewayTransit`.
    pub allow_gateway_transit: Option<At<bool>>,
    /// `useRemoteGateways`.
    pub use_remote_gateways: Option<At<bool>>,
    /// `peeringState` as an export shows it; computed when not given.
    pub peering_state: Option<At<crate::PeeringState>>,
    /// `remoteAddressSpace.addressPrefixes`: the synced copy (PEER-16); the remote space when not given.
    pub remote_address_space: Option<Vec<At<IpNet>>>,
    /// `peerCompleteVnets`: false for subnet peering (PEER-24).
    pub peer_complete_vnets: Option<At<bool>>,
    /// `localSubnetNames`, for subnet peering.
    pub local_subnet_names: Vec<At<String>>,
    /// `remoteSubnetNames`, for subnet peering.
    pub remote_subnet_names: Vec<At<String>>,
    /// `enableOnlyIPv6Peering` (PEER-24).
    pub enable_only_ipv6_peering: Option<At<bool>>,
    /// `doNotVerifyRemoteGateways` (PEER-09).
    pub do_not_verify_remote_gateways: Option<At<bool>>,
}

/// JSON-04.
#[derive(Clone, Debug, Default)]
pub struct RouteTable {
    /// The whole object.
    pub span: Span,
    /// `name`.
    pub name: At<String>,
    /// `disableBgpRoutePropagation`.
    pub disable_bgp_route_propagation: Option<At<bool>>,
    /// `routes`.
    pub routes: Vec<Route>,
}

/// RT-09: one user-defined route.
#[derive(Clone, Debug, Default)]
pub struct Route {
    /// The whole object.
    pub span: Span,
    /// `name`.
    pub name: At<String>,
    /// `addressPrefix`: a CIDR block or a service tag.
    pub address_prefix: At<String>,
    /// `nextHopType`.
    pub next_hop_type: At<String>,
    /// `nextHopIpAddress`.
    pub next_hop_ip_address: Option<At<IpAddr>>,
}

/// JSON-05.
#[derive(Clone, Debug, Default)]
pub struct NetworkSecurityGroup {
    /// The whole object.
    pub span: Span,
    /// `name`.
    pub name: At<String>,
    /// `securityRules`.
    pub security_rules: Vec<SecurityRule>,
}

/// NSG-02.
#[derive(Clone, Debug)]
pub struct SecurityRule {
    /// The whole object.
    pub span: Span,
    /// `name`.
    pub name: At<String>,
    /// `priority`, 100 to 4096.
    pub priority: At<u64>,
    /// `direction`.
    pub direction: At<Direction>,
    /// `access`.
    pub access: At<crate::Access>,
    /// `protocol`.
    pub protocol: At<crate::RuleProtocol>,
    /// `sourceAddressPrefix`, `sourceAddressPrefixes` and `sourceApplicationSecurityGroups`.
    pub source: RuleSide,
    /// `destinationAddressPrefix`, `destinationAddressPrefixes` and `destinationApplicationSecurityGroups`.
    pub destination: RuleSide,
}

/// One side of a security rule.
#[derive(Clone, Debug, Default)]
pub struct RuleSide {
    /// `...AddressPrefix(es)`: `*`, addresses, CIDR blocks or one service tag.
    pub prefixes: Vec<At<String>>,
    /// `...ApplicationSecurityGroups`.
    pub application_security_groups: Vec<Ref>,
    /// `...PortRange(s)`: `*`, a port, or `from-to`; empty means any.
    pub port_ranges: Vec<At<String>>,
}

/// JSON-06.
#[derive(Clone, Debug, Default)]
pub struct ApplicationSecurityGroup {
    /// `name`.
    pub name: At<String>,
}

/// JSON-07.
#[derive(Clone, Debug, Default)]
pub struct NetworkInterface {
    /// The whole object.
    pub span: Span,
    /// `name`.
    pub name: At<String>,
    /// `enableIPForwarding`.
    pub enable_ip_forwarding: Option<At<bool>>,
    /// `networkSecurityGroup`.
    pub network_security_group: Option<Ref>,
    /// `ipConfigurations`.
    pub ip_configurations: Vec<IpConfiguration>,
}

/// One `ipConfigurations` entry.
#[derive(Clone, Debug, Default)]
pub struct IpConfiguration {
    /// The whole object.
    pub span: Span,
    /// `name`.
    pub name: At<String>,
    /// `subnet`, as `vnet/subnet`.
    pub subnet: Ref,
    /// `privateIPAddress`; the lowest free one when not given (ADDR-06).
    pub private_ip_address: Option<At<IpAddr>>,
    /// `privateIPAddressVersion` is IPv6; matters only when no address is given.
    pub ipv6: bool,
    /// `primary`.
    pub primary: Option<At<bool>>,
    /// `publicIPAddress`.
    pub public_ip_address: Option<Ref>,
    /// `applicationSecurityGroups`.
    pub application_security_groups: Vec<Ref>,
    /// `loadBalancerBackendAddressPools`, as `balancer/pool`.
    pub backend_address_pools: Vec<Ref>,
    /// `loadBalancerInboundNatRules`, as `balancer/rule` (LB-16).
    pub inbound_nat_rules: Vec<Ref>,
}

/// JSON-14.
#[derive(Clone, Debug, Default)]
pub struct VirtualMachine {
    /// The whole object.
    pub span: Span,
    /// `name`.
    pub name: At<String>,
    /// `hardwareProfile.vmSize`.
    pub vm_size: Option<At<String>>,
    /// `networkProfile.networkInterfaces`, the primary one first.
    pub network_interfaces: Vec<Ref>,
    /// Simulator extension: false while the VM is stopped.
    pub running: Option<At<bool>>,
    /// Simulator extension: what runs inside.
    pub guest: Option<Guest>,
}

/// Simulator extension: the guest of a VM.
#[derive(Clone, Debug, Default)]
pub struct Guest {
    /// The whole object.
    pub span: Span,
    /// What kind of machine it is; a plain host when not given.
    pub role: Option<At<crate::Role>>,
    /// The guest's own forwarding switch (FAB-14); on for routers and firewalls when not given.
    pub ip_forwarding: Option<At<bool>>,
    /// Which forwarded packets get the appliance's own address as source.
    pub snat: Option<At<crate::Snat>>,
    /// Ports that answer; every port when not given.
    pub listen: Option<Vec<At<ProtoPort>>>,
    /// Policy of a firewall, in order; what no rule names is denied. No rules: everything is allowed.
    pub rules: Vec<PolicyRule>,
    /// Largest IP packet that the guest sends, in bytes; 1500 when not given (FAB-18).
    pub mtu: Option<At<u64>>,
    /// How a firewall takes TCP packets without a session; strictly when not given (FAIL-03).
    pub tcp: Option<At<crate::TcpTracking>>,
    /// How long a firewall keeps a session without packets (FLOW-05).
    pub session_timeout: Option<At<SimTime>>,
    /// Destinations that an appliance translates, in order; the first that matches decides.
    pub dnat: Vec<DestinationNat>,
    /// From the receipt of a packet to its leaving, when an appliance is idle.
    pub processing_delay: Option<At<SimTime>>,
    /// Packets that an appliance forwards a second at most; any number when not given.
    pub packets_per_second: Option<At<u64>>,
    /// Bits of IP packets that an appliance forwards a second at most; any number when not given.
    pub bits_per_second: Option<At<u64>>,
    /// How long a packet waits for an appliance that is busy, at most.
    pub queue: Option<At<SimTime>>,
    /// Whether it works at the start; it does when not given.
    pub state: Option<At<crate::GuestState>>,
    /// Receive window of its TCP, in bytes (FAB-24).
    pub tcp_window: Option<At<u64>>,
}

/// Simulator extension: a destination that an appliance translates.
#[derive(Clone, Debug)]
pub struct DestinationNat {
    /// `name`.
    pub name: At<String>,
    /// Destination before translation; the appliance's own addresses when not given.
    pub address: Option<At<IpAddr>>,
    /// Protocol and destination port before translation; port 0 stands for every port of the protocol.
    pub port: At<ProtoPort>,
    /// Destination after translation.
    pub to: At<IpAddr>,
    /// Port after translation, 1 to 65535; the same when not given.
    pub to_port: Option<At<u64>>,
}

/// Simulator extension: one rule of an appliance's own policy.
#[derive(Clone, Debug)]
pub struct PolicyRule {
    /// `name`.
    pub name: At<String>,
    /// `access`.
    pub access: At<crate::Access>,
    /// Source blocks; any when empty.
    pub source: Vec<At<IpNet>>,
    /// Destination blocks; any when empty.
    pub destination: Vec<At<IpNet>>,
    /// Protocols and destination ports; any when empty.
    pub ports: Vec<At<ProtoPort>>,
}

/// Simulator extension: the prefixes behind a service tag.
#[derive(Clone, Debug, Default)]
pub struct ServiceTag {
    /// The tag, such as `Storage` or `Storage.KoreaCentral`.
    pub name: At<String>,
    /// Its prefixes.
    pub address_prefixes: Vec<At<IpNet>>,
}
