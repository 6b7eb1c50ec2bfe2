//! The properties of `network`: virtual networks, peerings, routes, filters and addresses.
//!
//! Owns ARM's names for them. Fills [`draft`] structs; called through [`Decode`].
//! Must never judge meaning: that is `vnetsim_model::check`'s.

use serde_json::{Value, json};
use vnetsim_model::{
    Access, DeploymentModel, PeeringState, PrivateEndpointPolicies, RuleProtocol,
    draft::{self, Draft, RuleSide},
};
use vnetsim_types::{At, Direction, IpNet};

use crate::{
    decode::{Cx, Decode},
    gateways::{Connection, ExpressRouteCircuit, LocalNetworkGateway, VirtualNetworkGateway},
    hubs::{PrivateEndpoint, RouteServer},
    load_balancers::LoadBalancer,
    machines::{NetworkInterface, VirtualMachine},
    record::record,
    rights::{RoleAssignment, RoleDefinition, Subscription},
    values::{Ignored, Reference},
    yaml::{Kind, Node},
};

/// What was said under `network`.
pub(crate) struct Said {
    pub(crate) draft: Draft,
    /// Names of the objects that were left out because of their own errors.
    pub(crate) left_out: Vec<Option<String>>,
}

record! {
    Network -> Said, Arm "network" "name",
        "The objects of the network, by ARM's resource types.";
    table vnets: VirtualNetwork = "virtualNetworks", "Microsoft.Network/virtualNetworks.";
    table tables: RouteTable = "routeTables", "Microsoft.Network/routeTables.";
    table nsgs: NetworkSecurityGroup = "networkSecurityGroups", "Microsoft.Network/networkSecurityGroups.";
    table asgs: ApplicationSecurityGroup = "applicationSecurityGroups",
        "Microsoft.Network/applicationSecurityGroups.";
    table nics: NetworkInterface = "networkInterfaces", "Microsoft.Network/networkInterfaces.";
    table vms: VirtualMachine = "virtualMachines", "Microsoft.Compute/virtualMachines.";
    table ips: PublicIpAddress = "publicIPAddresses", "Microsoft.Network/publicIPAddresses.";
    table nats: NatGateway = "natGateways", "Microsoft.Network/natGateways.";
    table lbs: LoadBalancer = "loadBalancers", "Microsoft.Network/loadBalancers.";
    table gateways: VirtualNetworkGateway = "virtualNetworkGateways", "Microsoft.Network/virtualNetworkGateways.";
    table sites: LocalNetworkGateway = "localNetworkGateways",
        "Microsoft.Network/localNetworkGateways: on-premises sites.";
    table circuits: ExpressRouteCircuit = "expressRouteCircuits",
        "Microsoft.Network/expressRouteCircuits, with the site behind each.";
    table connections: Connection = "connections", "Microsoft.Network/connections.";
    table servers: RouteServer = "routeServers|virtualHubs", "Microsoft.Network/virtualHubs of kind RouteServer.";
    table endpoints: PrivateEndpoint = "privateEndpoints", "Microsoft.Network/privateEndpoints.";
    table subscriptions: Subscription = "subscriptions", "Simulator extension: subscriptions of the networks.";
    table roles: RoleDefinition = "roleDefinitions", "Simulator extension: custom roles.";
    table assignments: RoleAssignment = "roleAssignments", "Simulator extension: who has which role where.";
    table tags: ServiceTag = "serviceTags", "Simulator extension: what service tags such as Storage stand for.";
    => |_span, _place, cx| {
        let (vms, inline_nics) = vms.items.into_iter().unzip::<_, _, Vec<_>, Vec<_>>();
        let mut network_interfaces = nics.items;
        network_interfaces.extend(inline_nics.into_iter().flatten());
        let draft = Draft {
            virtual_networks: vnets.items,
            route_tables: tables.items,
            network_security_groups: nsgs.items,
            application_security_groups: asgs.items,
            network_interfaces,
            virtual_machines: vms,
            public_ip_addresses: ips.items,
            nat_gateways: nats.items,
            load_balancers: lbs.items,
            virtual_network_gateways: gateways.items,
            local_network_gateways: sites.items,
            express_route_circuits: circuits.items,
            connections: connections.items,
            route_servers: servers.items,
            private_endpoints: endpoints.items,
            subscriptions: subscriptions.items,
            role_definitions: roles.items,
            role_assignments: assignments.items,
            service_tags: tags.items,
        };
        Some(Said { draft, left_out: std::mem::take(&mut cx.left_out) })
    }
}

/// The singular or the plural spelling of a property. An export writes an empty plural beside the singular.
fn either<T>(one: Option<At<T>>, many: Vec<At<T>>) -> Vec<At<T>> {
    one.into_iter().chain(many).collect()
}

record! {
    AddressSpace -> Vec<At<IpNet>>, Arm "address space" "name", "A set of prefixes.";
    req prefixes: crate::decode::List<At<IpNet>> = "addressPrefixes", "CIDR blocks.";
    => |_span, _place, _cx| Some(prefixes)
}

record! {
    VirtualNetwork -> draft::VirtualNetwork, Arm "virtual network" "name", "A virtual network.";
    req name: At<String> = "name", "Unique among virtual networks.";
    opt location: At<String> = "location", "Region, such as koreacentral.";
    opt subscription: Reference = "subscription",
        "Simulator extension: its subscription; one that all such networks share when absent.";
    opt deployment_model: At<DeploymentModel> = "deploymentModel",
        "Simulator extension: ResourceManager or Classic.";
    req address_prefixes: AddressSpace = "addressSpace", "Its address space.";
    children subnets: Subnet = "subnets", "Its subnets.";
    children peerings: Peering = "virtualNetworkPeerings", "Its links to other virtual networks.";
    opt flow_timeout_in_minutes: At<u64> = "flowTimeoutInMinutes", "4 to 30.";
    => |span, _place, _cx| Some(draft::VirtualNetwork {
        span, name, location, subscription, deployment_model, address_prefixes, subnets, peerings,
        flow_timeout_in_minutes,
    })
}

record! {
    Subnet -> draft::Subnet, Arm "subnet" "name", "A subnet.";
    req name: At<String> = "name", "Unique in its virtual network.";
    opt prefix: At<IpNet> = "addressPrefix", "Its CIDR block.";
    list prefixes: At<IpNet> = "addressPrefixes", "Its CIDR blocks, instead of addressPrefix.";
    opt network_security_group: Reference = "networkSecurityGroup", "The NSG that filters at every NIC of it.";
    opt route_table: Reference = "routeTable", "Its route table.";
    opt nat_gateway: Reference = "natGateway", "Its NAT gateway.";
    list service_endpoints: ServiceEndpoint = "serviceEndpoints",
        "Services reached directly, such as Microsoft.Storage.";
    opt default_outbound_access: At<bool> = "defaultOutboundAccess",
        "Whether VMs without a public IP reach the internet.";
    opt private_endpoint_network_policies: At<PrivateEndpointPolicies> = "privateEndpointNetworkPolicies",
        "Whether NSGs and route tables apply to private endpoints.";
    opt _link_policies: Ignored = "privateLinkServiceNetworkPolicies", "Means nothing to the simulator.";
    opt _delegations: Ignored = "delegations", "Means nothing to the simulator.";
    opt _configurations: Ignored = "ipConfigurations", "Read-only; the owners say it.";
    => check |given, cx| [
        given.exclusive("addressPrefix", &["addressPrefixes"], cx),
        given.need("addressPrefix", &["addressPrefixes"], cx),
    ]
    => |span, _place, _cx| Some(draft::Subnet {
        span, name, address_prefixes: either(prefix, prefixes), network_security_group, route_table, nat_gateway,
        service_endpoints, default_outbound_access, private_endpoint_network_policies,
    })
}

record! {
    ServiceEndpointObject -> At<String>, Arm "service endpoint" "service", "A service endpoint.";
    req service: At<String> = "service", "Such as Microsoft.Storage.";
    opt _locations: Ignored = "locations", "Means nothing to the simulator.";
    => |_span, _place, _cx| Some(service)
}

/// A service endpoint, or just the name of its service.
pub(crate) struct ServiceEndpoint;

impl Decode for ServiceEndpoint {
    type Out = At<String>;
    fn decode(node: &Node, cx: &mut Cx) -> Option<At<String>> {
        match node.kind {
            Kind::Map(_) => ServiceEndpointObject::decode(node, cx),
            _ => <At<String>>::decode(node, cx),
        }
    }
    fn schema() -> Value {
        json!({ "anyOf": [{ "type": "string" }, ServiceEndpointObject::schema()] })
    }
}

record! {
    Peering -> draft::Peering, Arm "peering" "name", "One direction of a peering.";
    req name: At<String> = "name", "Unique in its virtual network.";
    req remote_virtual_network: Reference = "remoteVirtualNetwork|remoteVnet", "The other virtual network.";
    opt allow_virtual_network_access: At<bool> = "allowVirtualNetworkAccess|allowVnetAccess",
        "Whether the peer belongs to the VirtualNetwork tag; true by default.";
    opt allow_forwarded_traffic: At<bool> = "allowForwardedTraffic",
        "Whether packets that did not originate in the peer are accepted from it; false by default.";
    opt allow_gateway_transit: At<bool> = "allowGatewayTransit", "Whether the peer may use this network's gateway.";
    opt use_remote_gateways: At<bool> = "useRemoteGateways", "Whether this network uses the peer's gateway.";
    opt peering_state: At<PeeringState> = "peeringState", "As an export shows it; computed when absent.";
    opt remote_address_space: AddressSpace = "remoteAddressSpace", "The synced copy of the peer's address space.";
    opt peer_complete_vnets: At<bool> = "peerCompleteVnets", "false: only the named subnets are peered.";
    list local_subnet_names: At<String> = "localSubnetNames", "Own subnets, for subnet peering.";
    list remote_subnet_names: At<String> = "remoteSubnetNames", "The peer's subnets, for subnet peering.";
    opt enable_only_ipv6_peering: At<bool> = "enableOnlyIPv6Peering", "Leaves out IPv4, for subnet peering.";
    opt do_not_verify_remote_gateways: At<bool> = "doNotVerifyRemoteGateways",
        "Accepts useRemoteGateways although there is no gateway yet.";
    opt _level: Ignored = "peeringSyncLevel", "Read-only; computed.";
    opt _vnet_space: Ignored = "remoteVirtualNetworkAddressSpace", "Read-only; the remote network says it.";
    opt _local_space: Ignored = "localAddressSpace", "Read-only; the network says it.";
    opt _local_vnet_space: Ignored = "localVirtualNetworkAddressSpace", "Read-only; the network says it.";
    => |span, _place, _cx| Some(draft::Peering {
        span, name, remote_virtual_network, allow_virtual_network_access, allow_forwarded_traffic,
        allow_gateway_transit, use_remote_gateways, peering_state, remote_address_space, peer_complete_vnets,
        local_subnet_names, remote_subnet_names, enable_only_ipv6_peering, do_not_verify_remote_gateways,
    })
}

record! {
    RouteTable -> draft::RouteTable, Arm "route table" "name", "A route table.";
    req name: At<String> = "name", "Unique among route tables.";
    opt disable_bgp_route_propagation: At<bool> = "disableBgpRoutePropagation",
        "Keeps routes of the gateway out of the subnets that use the table.";
    children routes: Route = "routes", "User-defined routes.";
    opt _subnets: Ignored = "subnets", "Read-only; the subnets say it.";
    => |span, _place, _cx| Some(draft::RouteTable { span, name, disable_bgp_route_propagation, routes })
}

record! {
    Route -> draft::Route, Arm "route" "name", "A user-defined route.";
    req name: At<String> = "name", "Unique in its table.";
    req address_prefix: At<String> = "addressPrefix", "A CIDR block or a service tag.";
    req next_hop_type: At<String> = "nextHopType",
        "VirtualAppliance, VirtualNetworkGateway, VnetLocal, Internet or None.";
    opt next_hop_ip_address: At<std::net::IpAddr> = "nextHopIpAddress",
        "The appliance or internal load balancer; with VirtualAppliance only.";
    opt _override: Ignored = "hasBgpOverride", "Read-only.";
    => |span, _place, _cx| Some(draft::Route { span, name, address_prefix, next_hop_type, next_hop_ip_address })
}

record! {
    NetworkSecurityGroup -> draft::NetworkSecurityGroup, Arm "network security group" "name",
        "A network security group.";
    req name: At<String> = "name", "Unique among network security groups.";
    children security_rules: SecurityRule = "securityRules", "Its own rules; Azure's default rules are implied.";
    opt _defaults: Ignored = "defaultSecurityRules", "Read-only; implied.";
    opt _subnets: Ignored = "subnets", "Read-only; the subnets say it.";
    opt _nics: Ignored = "networkInterfaces", "Read-only; the NICs say it.";
    => |span, _place, _cx| Some(draft::NetworkSecurityGroup { span, name, security_rules })
}

record! {
    SecurityRule -> draft::SecurityRule, Arm "security rule" "name", "A security rule.";
    req name: At<String> = "name", "Unique in its group.";
    req priority: At<u64> = "priority", "100 to 4096; lower numbers are evaluated first.";
    req direction: At<Direction> = "direction", "Inbound is towards the guest.";
    req access: At<Access> = "access", "Allow or Deny.";
    req protocol: At<RuleProtocol> = "protocol", "* covers every protocol.";
    opt from: At<String> = "sourceAddressPrefix", "*, an address, a CIDR block or a service tag.";
    list froms: At<String> = "sourceAddressPrefixes", "Addresses and CIDR blocks, instead of sourceAddressPrefix.";
    list from_asgs: Reference = "sourceApplicationSecurityGroups", "Instead of source prefixes.";
    opt from_port: At<String> = "sourcePortRange", "*, a port, or from-to.";
    list from_ports: At<String> = "sourcePortRanges", "Several, instead of sourcePortRange.";
    opt to: At<String> = "destinationAddressPrefix", "*, an address, a CIDR block or a service tag.";
    list tos: At<String> = "destinationAddressPrefixes",
        "Addresses and CIDR blocks, instead of destinationAddressPrefix.";
    list to_asgs: Reference = "destinationApplicationSecurityGroups", "Instead of destination prefixes.";
    opt to_port: At<String> = "destinationPortRange", "*, a port, or from-to.";
    list to_ports: At<String> = "destinationPortRanges", "Several, instead of destinationPortRange.";
    opt _description: Ignored = "description", "For people.";
    => check |given, cx| [
        given.exclusive("sourceAddressPrefix", &["sourceAddressPrefixes", "sourceApplicationSecurityGroups"], cx),
        given.exclusive("sourceAddressPrefixes", &["sourceApplicationSecurityGroups"], cx),
        given.exclusive("sourcePortRange", &["sourcePortRanges"], cx),
        given.exclusive(
            "destinationAddressPrefix",
            &["destinationAddressPrefixes", "destinationApplicationSecurityGroups"],
            cx,
        ),
        given.exclusive("destinationAddressPrefixes", &["destinationApplicationSecurityGroups"], cx),
        given.exclusive("destinationPortRange", &["destinationPortRanges"], cx),
    ]
    => |span, _place, _cx| {
        let source = RuleSide {
            prefixes: either(from, froms),
            application_security_groups: from_asgs,
            port_ranges: either(from_port, from_ports),
        };
        let destination = RuleSide {
            prefixes: either(to, tos),
            application_security_groups: to_asgs,
            port_ranges: either(to_port, to_ports),
        };
        Some(draft::SecurityRule { span, name, priority, direction, access, protocol, source, destination })
    }
}

record! {
    ApplicationSecurityGroup -> draft::ApplicationSecurityGroup, Arm "application security group" "name",
        "An application security group; ipConfigurations name the groups that they belong to.";
    req name: At<String> = "name", "Unique among application security groups.";
    => |_span, _place, _cx| Some(draft::ApplicationSecurityGroup { name })
}

record! {
    PublicIpAddress -> draft::PublicIpAddress, Arm "public IP address" "name", "A public IP address.";
    req name: At<String> = "name", "Unique among public IP addresses.";
    opt ip_address: At<std::net::IpAddr> = "ipAddress", "One from the documentation ranges when absent.";
    opt _sku: Ignored = "sku", "Means nothing to the simulator.";
    opt _method: Ignored = "publicIPAllocationMethod", "Means nothing to the simulator.";
    opt _version: Ignored = "publicIPAddressVersion", "The address says it.";
    opt _timeout: Ignored = "idleTimeoutInMinutes", "Means nothing to the simulator.";
    opt _owner: Ignored = "ipConfiguration", "Read-only; the owner says it.";
    => |_span, _place, _cx| Some(draft::PublicIpAddress { name, ip_address })
}

record! {
    NatGateway -> draft::NatGateway, Arm "NAT gateway" "name", "A NAT gateway.";
    req name: At<String> = "name", "Unique among NAT gateways.";
    list public_ip_addresses: Reference = "publicIpAddresses", "The addresses that it translates to.";
    opt _sku: Ignored = "sku", "Means nothing to the simulator.";
    opt _timeout: Ignored = "idleTimeoutInMinutes", "Means nothing to the simulator.";
    opt _subnets: Ignored = "subnets", "Read-only; the subnets say it.";
    => |_span, _place, _cx| Some(draft::NatGateway { name, public_ip_addresses })
}

record! {
    ServiceTag -> draft::ServiceTag, Arm "service tag" "name",
        "Simulator extension: the prefixes behind a service tag.";
    req name: At<String> = "name", "Such as Storage or Storage.KoreaCentral.";
    list address_prefixes: At<IpNet> = "addressPrefixes", "Its prefixes.";
    => |_span, _place, _cx| Some(draft::ServiceTag { name, address_prefixes })
}
