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
    /// `Microsoft.Network/expressRouteCircuits`: an on-premises site behind a circuit.
    pub express_route_circuits: Vec<ExpressRouteCircuit>,
    /// `Microsoft.Network/connections`.
    pub connections: Vec<Connection>,
    /// `Microsoft.Network/virtualHubs` of kind RouteServer, with their `bgpConnections`.
    pub route_servers: Vec<RouteServer>,
    /// `Microsoft.Network/privateEndpoints`.
    pub private_endpoints: Vec<PrivateEndpoint>,
    /// Simulator extension: the subscriptions that virtual networks live in (PEER-28 to PEER-33).
    pub subscriptions: Vec<Subscription>,
    /// Simulator extension: roles beside the built-in ones (PEER-30).
    pub role_definitions: Vec<RoleDefinition>,
    /// Simulator extension: who may do what, where (PEER-30).
    pub role_assignments: Vec<RoleAssignment>,
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
    /// Simulator extension for `backendIPConfiguration`: the NIC that gets the traffic.
    pub network_interface: Ref,
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

/// Simulator extension: a subscription.
#[derive(Clone, Debug, Default)]
pub struct Subscription {
    /// `name`.
    pub name: At<String>,
    /// `tenant`; one that all such subscriptions share when not given.
    pub tenant: Option<At<String>>,
    /// `cloud`: `public`, `china`, `government`.
    pub cloud: Option<At<crate::Cloud>>,
    /// `registeredFeatures`: `AllowGlobalVnetPeering` opens the 2017 preview (PEER-33).
    pub registered_features: Vec<At<String>>,
    /// `peeringsPerVirtualNetwork`: a raised limit (PEER-34).
    pub peerings_per_virtual_network: Option<At<u64>>,
}

/// Simulator extension: a custom role.
#[derive(Clone, Debug, Default)]
pub struct RoleDefinition {
    /// `name`.
    pub name: At<String>,
    /// `actions`, with `*` as a wildcard.
    pub actions: Vec<At<String>>,
}

/// Simulator extension: a role given to somebody.
#[derive(Clone, Debug, Default)]
pub struct RoleAssignment {
    /// `principal`: any name.
    pub principal: At<String>,
    /// `role`: a built-in role or a role definition.
    pub role: At<String>,
    /// `scope`: a subscription, a virtual network or another resource by name; everything when not given.
    pub scope: Option<Ref>,
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
    /// What expectations call it.
    pub name: Option<At<String>>,
    /// Who asks for it; somebody with every right when not given (PEER-30).
    pub principal: Option<At<String>>,
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
    /// Delete a virtual network; the links of others to it become Disconnected (PEER-03).
    DeleteVirtualNetwork(Ref),
    /// Give a virtual network another address space (ERA-02, PEER-14 to PEER-19).
    SetAddressSpace {
        /// The virtual network.
        virtual_network: Ref,
        /// The whole new space.
        address_prefixes: Vec<At<IpNet>>,
    },
    /// Create a route, or replace the one of that name.
    PutRoute {
        /// The table.
        route_table: Ref,
        /// The route.
        route: Box<Route>,
    },
    /// Delete a route, `table/route`.
    DeleteRoute(Ref),
    /// Create a security rule, or replace the one of that name.
    PutSecurityRule {
        /// The group.
        network_security_group: Ref,
        /// The rule.
        rule: Box<SecurityRule>,
    },
    /// Delete a security rule, `nsg/rule`.
    DeleteSecurityRule(Ref),
    /// Create a virtual network gateway.
    PutGateway(Box<VirtualNetworkGateway>),
    /// Delete a virtual network gateway and its connections.
    DeleteGateway(Ref),
    /// Create a connection of a gateway.
    PutConnection(Box<Connection>),
    /// Delete a connection.
    DeleteConnection(Ref),
    /// Set `enableIPForwarding` of a NIC.
    SetIpForwarding {
        /// The NIC, or the VM whose primary NIC it is.
        network_interface: Ref,
        /// The new setting.
        enabled: bool,
    },
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
    /// Associate a subnet or a NIC with an NSG, or with none.
    SetNetworkSecurityGroup {
        /// Where.
        at: NsgPlace,
        /// The group; `None` removes the association.
        network_security_group: Option<Ref>,
    },
}

/// What an NSG is associated with.
#[derive(Clone, Debug)]
pub enum NsgPlace {
    /// A subnet, `vnet/subnet`.
    Subnet(Ref),
    /// A NIC, or the VM whose primary NIC it is.
    NetworkInterface(Ref),
}
