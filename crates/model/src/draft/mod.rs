//! A network as an input says it: ARM's properties, references by name, everything with its place.
//!
//! Field names are ARM's in snake case; what ARM nests under `properties` stands flat here. `None`
//! means "not said", and [`crate::check`] fills in Azure's default. Simulator extensions say so.
//!
//! Filled by `scenario` and `import`. Must never know a file format, and resolves nothing.

mod change;
mod edge;
mod network;
mod rights;

use vnetsim_types::At;

pub use change::*;
pub use edge::*;
pub use network::*;
pub use rights::*;

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
