//! A network as an input says it: ARM's properties, references by name, everything with its place.
//!
//! Field names are ARM's in snake case; what ARM nests under `properties` stands flat here. `None`
//! means "not said", and [`crate::check`] fills in Azure's default. Simulator extensions say so.

use std::net::IpAddr;

use vnetsim_types::{At, Direction, IpNet, ProtoPort, SimTime, Span};

/// The name of another object: `nsg-web`, or `vnet-hub/snet-a` for a subnet. Case does not matter (JSON-15).
pub type Ref = At<String>;

/// Everything under `network`.
#[derive(Clone, Debug, Default)]
pub struct Draft {
    /// `Microsoft.Network/virtualNetworks`.
    pub virtual_networks: Vec<VirtualNetwork>,
    /// `Microsoft.Network/routeTables`.
    pub route_tables: Vec<RouteTable>,
    /// `Microsoft.Network/networkSecurityGroups`.
    pub network_security_groups: Vec<NetworkSecurityGroup>,
    /// `Microsoft.Network/applicationSecurityGroups`.
    pub application_security_groups: Vec<ApplicationSecurityGroup>,
    /// `Microsoft.Network/networkInterfaces`.
    pub network_interfaces: Vec<NetworkInterface>,
    /// `Microsoft.Compute/virtualMachines`.
    pub virtual_machines: Vec<VirtualMachine>,
    /// `Microsoft.Network/publicIPAddresses`.
    pub public_ip_addresses: Vec<PublicIpAddress>,
    /// `Microsoft.Network/natGateways`.
    pub nat_gateways: Vec<NatGateway>,
    /// `Microsoft.Network/loadBalancers`.
    pub load_balancers: Vec<LoadBalancer>,
    /// `Microsoft.Network/virtualNetworkGateways`.
    pub virtual_network_gateways: Vec<VirtualNetworkGateway>,
    /// `Microsoft.Network/localNetworkGateways`: an on-premises site.
    pub local_network_gateways: Vec<LocalNetworkGateway>,
    /// `Microsoft.Network/connections`.
    pub connections: Vec<Connection>,
    /// Simulator extension: what service tags such as `Storage` stand for (NSG-18, RT-07).
    pub service_tags: Vec<ServiceTag>,
}

/// JSON-01.
#[derive(Clone, Debug, Default)]
pub struct VirtualNetwork {
    /// The whole object.
    pub span: Span,
    /// `name`.
    pub name: At<String>,
    /// `location`, a region such as `koreacentral`.
    pub location: Option<At<String>>,
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
}

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
    /// `probes[].name`.
    pub probes: Vec<At<String>>,
    /// `loadBalancingRules`.
    pub rules: Vec<LoadBalancingRule>,
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
    /// `publicIPAddress` of its first ipConfiguration.
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
    /// Simulator extension: Azure prefixes that the site's device knows; all of them when not given (GW-06).
    pub known_prefixes: Option<Vec<At<IpNet>>>,
}

/// JSON-11, `connectionType` `IPsec`.
#[derive(Clone, Debug, Default)]
pub struct Connection {
    /// The whole object.
    pub span: Span,
    /// `name`.
    pub name: At<String>,
    /// `virtualNetworkGateway1`.
    pub virtual_network_gateway: Ref,
    /// `localNetworkGateway2`.
    pub local_network_gateway: Ref,
}

/// Simulator extension: the prefixes behind a service tag.
#[derive(Clone, Debug, Default)]
pub struct ServiceTag {
    /// The tag, such as `Storage` or `Storage.KoreaCentral`.
    pub name: At<String>,
    /// Its prefixes.
    pub address_prefixes: Vec<At<IpNet>>,
}

/// One `timeline` entry: something happens to the network at a moment of virtual time.
#[derive(Clone, Debug)]
pub struct TimelineEntry {
    /// The whole entry.
    pub span: Span,
    /// When.
    pub at: At<SimTime>,
    /// What.
    pub change: Change,
}

/// What a timeline entry does. References are names.
#[derive(Clone, Debug)]
pub enum Change {
    /// Create a link, or update the flags of an existing one of the same name.
    PutPeering {
        /// The link's virtual network.
        virtual_network: Ref,
        /// The link.
        peering: Peering,
    },
    /// Delete a link, `vnet/link`.
    DeletePeering(Ref),
    /// Refresh a link's copy of the remote address space, `vnet/link` (PEER-17).
    SyncPeering(Ref),
    /// Start a VM.
    StartVm(Ref),
    /// Stop a VM.
    StopVm(Ref),
    /// Associate a subnet with a route table, or with none.
    SetRouteTable {
        /// `vnet/subnet`.
        subnet: Ref,
        /// The table; `None` removes the association.
        route_table: Option<Ref>,
    },
    /// Associate a subnet with an NSG, or with none.
    SetNetworkSecurityGroup {
        /// `vnet/subnet`.
        subnet: Ref,
        /// The group; `None` removes the association.
        network_security_group: Option<Ref>,
    },
}
