//! What stands between virtual networks and the rest: public addresses, balancers, gateways, sites, route
//! servers, private endpoints.

use std::net::IpAddr;

use vnetsim_types::{At, IpNet, Span};

use super::Ref;

/// JSON-12.
#[derive(Clone, Debug, Default)]
pub struct PublicIpAddress {
    /// `name`.
    pub name: At<String>,
    /// `ipAddress`; one from the documentation ranges when not given.
    pub ip_address: Option<At<IpAddr>>,
}

/// JSON-13.
#[derive(Clone, Debug, Default)]
pub struct NatGateway {
    /// `name`.
    pub name: At<String>,
    /// `publicIpAddresses`.
    pub public_ip_addresses: Vec<Ref>,
}

/// JSON-08.
#[derive(Clone, Debug, Default)]
pub struct LoadBalancer {
    /// The whole object.
    pub span: Span,
    /// `name`.
    pub name: At<String>,
    /// `sku.name`: `Basic` or `Standard`.
    pub sku: Option<At<crate::LbSku>>,
    /// `frontendIPConfigurations`.
    pub frontends: Vec<Frontend>,
    /// `backendAddressPools[].name`.
    pub backend_pools: Vec<At<String>>,
    /// `probes`.
    pub probes: Vec<Probe>,
    /// `loadBalancingRules`.
    pub rules: Vec<LoadBalancingRule>,
    /// `inboundNatRules`.
    pub inbound_nat_rules: Vec<InboundNatRule>,
    /// `outboundRules`.
    pub outbound_rules: Vec<OutboundRule>,
}

/// One `probes` entry (LB-07).
#[derive(Clone, Debug)]
pub struct Probe {
    /// `name`.
    pub name: At<String>,
    /// `protocol`; TCP when not given.
    pub protocol: Option<At<crate::ProbeProtocol>>,
    /// `port`; not given, a probe asks only whether the machine runs.
    pub port: Option<At<u64>>,
    /// `intervalInSeconds`.
    pub interval_s: Option<At<u64>>,
    /// `probeThreshold`, else `numberOfProbes` (U-29).
    pub threshold: Option<At<u64>>,
}

/// One `inboundNatRules` entry (LB-16).
#[derive(Clone, Debug)]
pub struct InboundNatRule {
    /// The whole object.
    pub span: Span,
    /// `name`.
    pub name: At<String>,
    /// `frontendIPConfiguration`, by name.
    pub frontend: Ref,
    /// `protocol`.
    pub protocol: At<crate::LbProtocol>,
    /// `frontendPort`.
    pub frontend_port: At<u64>,
    /// `backendPort`.
    pub backend_port: At<u64>,
    /// `backendIPConfiguration` as `nic/ipConfiguration`, or the simulator's shorthand for it: a NIC or a VM. Not
    /// given, the ipConfiguration that names the rule gets the traffic.
    pub backend: Option<Ref>,
}

/// One `outboundRules` entry (OUT-04).
#[derive(Clone, Debug)]
pub struct OutboundRule {
    /// The whole object.
    pub span: Span,
    /// `name`.
    pub name: At<String>,
    /// `frontendIPConfigurations`, by name.
    pub frontends: Vec<Ref>,
    /// `backendAddressPool`, by name.
    pub backend_pool: Ref,
    /// `allocatedOutboundPorts`; by pool size when not given or 0.
    pub allocated_outbound_ports: Option<At<u64>>,
}

/// One `frontendIPConfigurations` entry.
#[derive(Clone, Debug, Default)]
pub struct Frontend {
    /// The whole object.
    pub span: Span,
    /// `name`.
    pub name: At<String>,
    /// `subnet` of an internal frontend.
    pub subnet: Option<Ref>,
    /// `privateIPAddress`.
    pub private_ip_address: Option<At<IpAddr>>,
    /// `publicIPAddress` of a public frontend.
    pub public_ip_address: Option<Ref>,
}

/// One `loadBalancingRules` entry.
#[derive(Clone, Debug)]
pub struct LoadBalancingRule {
    /// The whole object.
    pub span: Span,
    /// `name`.
    pub name: At<String>,
    /// `frontendIPConfiguration`, by name.
    pub frontend: Ref,
    /// `backendAddressPool`, by name.
    pub backend_pool: Ref,
    /// `probe`, by name.
    pub probe: Option<Ref>,
    /// `protocol`.
    pub protocol: At<crate::LbProtocol>,
    /// `frontendPort`; 0 with `All` means HA ports (LB-09).
    pub frontend_port: At<u64>,
    /// `backendPort`.
    pub backend_port: At<u64>,
    /// `loadDistribution`.
    pub load_distribution: Option<At<crate::LoadDistribution>>,
    /// `enableFloatingIP`.
    pub enable_floating_ip: Option<At<bool>>,
    /// `idleTimeoutInMinutes` (LB-14).
    pub idle_timeout_in_minutes: Option<At<u64>>,
    /// `disableOutboundSnat` (OUT-04).
    pub disable_outbound_snat: Option<At<bool>>,
}

/// JSON-09.
#[derive(Clone, Debug)]
pub struct VirtualNetworkGateway {
    /// The whole object.
    pub span: Span,
    /// `name`.
    pub name: At<String>,
    /// `gatewayType`.
    pub gateway_type: At<crate::GatewayType>,
    /// The virtual network whose `GatewaySubnet` holds it, from `ipConfigurations[].subnet` or by name.
    pub virtual_network: Ref,
    /// `ipConfigurations`, one per instance; at least one is implied.
    pub ip_configurations: Vec<GatewayIpConfiguration>,
    /// `activeActive`.
    pub active_active: Option<At<bool>>,
    /// `vpnType`; route-based when not given (GW-03).
    pub vpn_type: Option<At<crate::VpnType>>,
    /// `sku.name`.
    pub sku: Option<At<String>>,
    /// `bgpSettings.asn`; 65515 when not given (GW-12).
    pub asn: Option<At<u64>>,
    /// `vpnClientConfiguration.vpnClientAddressPool` (FE-15).
    pub client_address_pool: Vec<At<IpNet>>,
}

/// One `ipConfigurations` entry of a gateway.
#[derive(Clone, Debug, Default)]
pub struct GatewayIpConfiguration {
    /// `privateIPAddress`; the lowest free one of `GatewaySubnet` when not given.
    pub private_ip_address: Option<At<IpAddr>>,
    /// `publicIPAddress`.
    pub public_ip_address: Option<Ref>,
}

/// JSON-10: an on-premises site.
#[derive(Clone, Debug, Default)]
pub struct LocalNetworkGateway {
    /// The whole object.
    pub span: Span,
    /// `name`.
    pub name: At<String>,
    /// `localNetworkAddressSpace.addressPrefixes`.
    pub address_prefixes: Vec<At<IpNet>>,
    /// Simulator extension: Azure prefixes that the site's device knows. When not given: what the gateway
    /// advertises over a BGP connection, else all of them (GW-06, GW-09).
    pub known_prefixes: Option<Vec<At<IpNet>>>,
    /// `bgpSettings.bgpPeeringAddress`.
    pub bgp_peering_address: Option<At<IpAddr>>,
    /// `bgpSettings.asn`.
    pub asn: Option<At<u64>>,
    /// Simulator extension: what the site advertises by BGP, beside `localNetworkAddressSpace`.
    pub advertised_prefixes: Vec<At<IpNet>>,
}

/// `Microsoft.Network/expressRouteCircuits`, with the site behind it as simulator extension.
#[derive(Clone, Debug, Default)]
pub struct ExpressRouteCircuit {
    /// The whole object.
    pub span: Span,
    /// `name`.
    pub name: At<String>,
    /// Simulator extension: what the site advertises.
    pub advertised_prefixes: Vec<At<IpNet>>,
    /// Simulator extension: Azure prefixes that the site knows; what its gateways advertise when not given.
    pub known_prefixes: Option<Vec<At<IpNet>>>,
}

/// JSON-11.
#[derive(Clone, Debug)]
pub struct Connection {
    /// The whole object.
    pub span: Span,
    /// `name`.
    pub name: At<String>,
    /// `virtualNetworkGateway1`.
    pub virtual_network_gateway: Ref,
    /// The other end.
    pub end: ConnectionEnd,
    /// `enableBgp`; always on for circuits.
    pub enable_bgp: Option<At<bool>>,
    /// `connectionStatus`: false for `NotConnected`; up when not given.
    pub up: Option<At<bool>>,
}

/// The other end of a [`Connection`]; its variant is `connectionType`.
#[derive(Clone, Debug)]
pub enum ConnectionEnd {
    /// `IPsec`: `localNetworkGateway2`.
    LocalNetworkGateway(Ref),
    /// `Vnet2Vnet`: `virtualNetworkGateway2`. Azure has one connection object per direction; either suffices here.
    VirtualNetworkGateway(Ref),
    /// `ExpressRoute`: `peer`.
    Circuit(Ref),
}

/// An Azure Route Server.
#[derive(Clone, Debug, Default)]
pub struct RouteServer {
    /// The whole object.
    pub span: Span,
    /// `name`.
    pub name: At<String>,
    /// The virtual network whose `RouteServerSubnet` holds it.
    pub virtual_network: Ref,
    /// `allowBranchToBranchTraffic`.
    pub allow_branch_to_branch_traffic: Option<At<bool>>,
    /// `hubRoutingPreference`; ExpressRoute when not given.
    pub hub_routing_preference: Option<At<crate::HubRoutingPreference>>,
    /// `bgpConnections`: the appliances that it peers with.
    pub bgp_connections: Vec<BgpConnection>,
}

/// One `bgpConnections` entry of a route server.
#[derive(Clone, Debug, Default)]
pub struct BgpConnection {
    /// The whole object.
    pub span: Span,
    /// `name`.
    pub name: At<String>,
    /// `peerIp`.
    pub peer_ip: Option<At<IpAddr>>,
    /// `peerAsn`.
    pub peer_asn: Option<At<u64>>,
    /// Simulator extension: what the appliance advertises.
    pub routes: Vec<AdvertisedRoute>,
}

/// Simulator extension: prefixes that an appliance advertises to a route server.
#[derive(Clone, Debug, Default)]
pub struct AdvertisedRoute {
    /// `addressPrefixes`.
    pub address_prefixes: Vec<At<IpNet>>,
    /// `nextHopIpAddress`: another next hop than the peer, such as a balancer in front of it.
    pub next_hop_ip_address: Option<At<IpAddr>>,
    /// `asPath`, the peer's own number first; just that when not given.
    pub as_path: Option<Vec<At<u64>>>,
}

/// `Microsoft.Network/privateEndpoints`.
#[derive(Clone, Debug, Default)]
pub struct PrivateEndpoint {
    /// The whole object.
    pub span: Span,
    /// `name`.
    pub name: At<String>,
    /// `subnet`, as `vnet/subnet`.
    pub subnet: Ref,
    /// Its address; the lowest free one when not given.
    pub private_ip_address: Option<At<IpAddr>>,
    /// `applicationSecurityGroups`.
    pub application_security_groups: Vec<Ref>,
}
