//! The properties of route servers and private endpoints.
//!
//! Owns ARM's names for them. Must never judge meaning.

use std::net::IpAddr;

use vnetsim_model::{HubRoutingPreference, draft};
use vnetsim_types::{At, IpNet};

use crate::{
    decode::List,
    gateways::home,
    record::record,
    values::{Ignored, Reference},
};

/// The only name that Azure accepts for a route server's subnet.
const ROUTE_SERVER_SUBNET: &str = "RouteServerSubnet";

record! {
    HubIpConfiguration -> Option<At<String>>, Arm "ipConfiguration" "name", "The subnet of a route server.";
    opt _name: Ignored = "name", "Means nothing to the simulator.";
    opt subnet: Reference = "subnet", "vnet/RouteServerSubnet.";
    opt _public: Ignored = "publicIPAddress", "Means nothing to the simulator.";
    opt _method: Ignored = "privateIPAllocationMethod", "Means nothing.";
    => |_span, _place, _cx| Some(subnet)
}

record! {
    RouteServer -> draft::RouteServer, Arm "route server" "name", "An Azure Route Server.";
    req name: At<String> = "name", "Unique among route servers.";
    opt vnet: Reference = "virtualNetwork", "Shorthand: the virtual network that holds it in its RouteServerSubnet.";
    list configurations: HubIpConfiguration = "ipConfigurations", "ARM's place for the subnet.";
    opt allow_branch_to_branch_traffic: At<bool> = "allowBranchToBranchTraffic",
        "Whether gateways and appliances learn from each other; false by default.";
    opt hub_routing_preference: At<HubRoutingPreference> = "hubRoutingPreference",
        "ExpressRoute, VpnGateway or ASPath: whose route wins for one prefix.";
    children bgp_connections: BgpConnection = "bgpConnections", "The appliances that it peers with.";
    opt _sku: Ignored = "sku", "Means nothing to the simulator.";
    opt _asn: Ignored = "virtualRouterAsn", "Always 65515.";
    opt _ips: Ignored = "virtualRouterIps", "Read-only.";
    => |span, place, cx| {
        let virtual_network = home(vnet, configurations, ROUTE_SERVER_SUBNET, place, cx)?;
        Some(draft::RouteServer {
            span, name, virtual_network, allow_branch_to_branch_traffic, hub_routing_preference, bgp_connections,
        })
    }
}

record! {
    BgpConnection -> draft::BgpConnection, Arm "BGP connection" "name", "A BGP session with an appliance.";
    req name: At<String> = "name", "Unique in the route server.";
    opt peer_ip: At<IpAddr> = "peerIp", "Address of the appliance.";
    opt peer_asn: At<u64> = "peerAsn", "Its autonomous system.";
    list routes: AdvertisedRoute = "routes", "Simulator extension: what the appliance advertises.";
    opt _hub: Ignored = "hubVirtualNetworkConnection", "Means nothing to the simulator.";
    => |span, _place, _cx| Some(draft::BgpConnection { span, name, peer_ip, peer_asn, routes })
}

record! {
    AdvertisedRoute -> draft::AdvertisedRoute, Own "advertised route" "-",
        "Simulator extension: prefixes that an appliance advertises.";
    req address_prefixes: List<At<IpNet>> = "addressPrefixes", "The prefixes.";
    opt next_hop_ip_address: At<IpAddr> = "nextHopIpAddress",
        "Another next hop than the appliance, such as a balancer in front of it.";
    opt as_path: List<At<u64>> = "asPath", "The appliance's own number first; just that when absent.";
    => |_span, _place, _cx| Some(draft::AdvertisedRoute { address_prefixes, next_hop_ip_address, as_path })
}

record! {
    EndpointAddress -> Option<At<IpAddr>>, Arm "ipConfiguration" "name", "ARM's place for a static address.";
    opt _name: Ignored = "name", "Means nothing to the simulator.";
    opt address: At<IpAddr> = "privateIPAddress", "The address.";
    opt _group: Ignored = "groupId", "Means nothing to the simulator.";
    opt _member: Ignored = "memberName", "Means nothing to the simulator.";
    => |_span, _place, _cx| Some(address)
}

record! {
    PrivateEndpoint -> draft::PrivateEndpoint, Arm "private endpoint" "name", "A private endpoint.";
    req name: At<String> = "name", "Unique among private endpoints.";
    req subnet: Reference = "subnet", "vnet/subnet.";
    opt address: At<IpAddr> = "privateIPAddress", "Shorthand; the lowest free one when absent.";
    list configurations: EndpointAddress = "ipConfigurations", "ARM's place for the address.";
    list application_security_groups: Reference = "applicationSecurityGroups", "Groups that it belongs to.";
    opt _services: Ignored = "privateLinkServiceConnections", "The service is not simulated.";
    opt _manual: Ignored = "manualPrivateLinkServiceConnections", "The service is not simulated.";
    opt _dns: Ignored = "customDnsConfigs", "Names are not simulated.";
    opt _nics: Ignored = "networkInterfaces", "Read-only.";
    opt _nic: Ignored = "customNetworkInterfaceName", "Means nothing to the simulator.";
    => check |given, cx| [given.exclusive("privateIPAddress", &["ipConfigurations"], cx)]
    => |span, _place, _cx| {
        let private_ip_address = address.or(configurations.into_iter().flatten().next());
        Some(draft::PrivateEndpoint { span, name, subnet, private_ip_address, application_security_groups })
    }
}
