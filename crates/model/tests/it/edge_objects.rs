//! Gateways, sites and connections (Part 6), route servers and private endpoints.

use vnetsim_model::{
    ConnectionEnd as End, GatewayType, Network, Semantics, SiteKind, VpnType,
    draft::{
        AdvertisedRoute, ApplicationSecurityGroup, BgpConnection, Connection, ConnectionEnd, Draft,
        ExpressRouteCircuit, GatewayIpConfiguration, PrivateEndpoint, RouteServer, VirtualNetworkGateway,
    },
};
use vnetsim_types::At;

use crate::build::{
    FINE, address, block, connection, errors, gateway, good, hub_draft, nic, of_2017, problems, public, site,
    subnet, text, tunnel, vnet,
};

// Gateways.

fn gateway_problems(change: impl FnOnce(&mut VirtualNetworkGateway)) -> Vec<&'static str> {
    problems(|draft| {
        let mut gateway = gateway("gw", "hub", GatewayType::Vpn);
        draft.public_ip_addresses = ["pip", "pip2"].map(public).to_vec();
        change(&mut gateway);
        draft.virtual_network_gateways.push(gateway);
    })
}

fn instance(private: Option<&str>, public: Option<&str>) -> GatewayIpConfiguration {
    GatewayIpConfiguration { private_ip_address: private.map(address), public_ip_address: public.map(text) }
}

#[test]
fn a_gateway_lives_in_gateway_subnet() {
    let mut draft = hub_draft();
    draft.virtual_network_gateways.push(gateway("gw", "hub", GatewayType::Vpn));
    let network = good(&draft, Semantics::default());
    let gateway = &network.gateways()[0];
    assert_eq!(gateway.subnet, network.subnet_named(gateway.vnet, "gatewaysubnet").expect("a subnet"));
    assert_eq!(gateway.instances[0].address, address("10.10.255.4").value); // ADDR-06
    assert_eq!((gateway.asn, gateway.vpn_type), (65_515, VpnType::RouteBased)); // GW-12
    draft.virtual_networks[0].subnets.remove(1);
    assert_eq!(errors(&draft, Semantics::default()), ["NO_GATEWAY_SUBNET"]); // GW-01
}

#[test]
fn one_gateway_of_each_type() {
    let mut draft = hub_draft();
    draft.virtual_network_gateways =
        vec![gateway("vpn", "hub", GatewayType::Vpn), gateway("er", "hub", GatewayType::ExpressRoute)];
    good(&draft, Semantics::default()); // GW-01
    assert_eq!(errors(&draft, of_2017()), ["TWO_GATEWAYS"]); // GW-23
    draft.virtual_network_gateways[1].gateway_type = GatewayType::Vpn.into();
    assert_eq!(errors(&draft, Semantics::default()), ["TWO_GATEWAYS"]);
}

#[test]
fn coexistence_needs_route_based_and_no_basic_sku() {
    let with = |change: fn(&mut VirtualNetworkGateway)| {
        problems(|draft| {
            let mut vpn = gateway("vpn", "hub", GatewayType::Vpn);
            change(&mut vpn);
            draft.virtual_network_gateways = vec![vpn, gateway("er", "hub", GatewayType::ExpressRoute)];
        })
    };
    assert_eq!(with(|vpn| vpn.sku = Some(text("VpnGw1"))), FINE); // GW-13
    assert_eq!(with(|vpn| vpn.sku = Some(text("basic"))), ["CANNOT_COEXIST"]);
    assert_eq!(with(|vpn| vpn.vpn_type = Some(VpnType::PolicyBased.into())), ["CANNOT_COEXIST"]);
}

#[test]
fn instances_follow_the_ip_configurations() {
    let mut draft = hub_draft();
    draft.public_ip_addresses = ["pip", "pip2"].map(public).to_vec();
    let mut active = gateway("gw", "hub", GatewayType::Vpn);
    active.active_active = Some(true.into());
    active.ip_configurations = vec![instance(Some("10.10.255.9"), Some("pip")), instance(None, Some("pip2"))];
    draft.virtual_network_gateways.push(active);
    let network = good(&draft, Semantics::default());
    let private: Vec<_> = network.gateways()[0].instances.iter().map(|i| i.address.to_string()).collect();
    assert_eq!(private, ["10.10.255.9", "10.10.255.4"]);
    assert!(network.gateways()[0].instances.iter().all(|i| i.public_address.is_some()));

    let two_for_one = |gateway: &mut VirtualNetworkGateway| {
        gateway.active_active = Some(false.into());
        gateway.ip_configurations = vec![instance(None, None); 2];
    };
    assert_eq!(gateway_problems(two_for_one), ["CONFLICTING_PROPERTIES"]); // JSON-09
    assert_eq!(gateway_problems(|gw| gw.ip_configurations = vec![instance(None, None); 4]), ["BAD_VALUE"]);
    let elsewhere = |gw: &mut VirtualNetworkGateway| {
        gw.ip_configurations = vec![instance(Some("10.10.0.4"), None)];
    };
    assert_eq!(gateway_problems(elsewhere), ["ADDRESS_OUTSIDE_SUBNET"]);
}

#[test]
fn autonomous_systems_are_32_bit_numbers() {
    let with = |asn: u64| gateway_problems(|gateway| gateway.asn = Some(asn.into())); // GW-12
    assert_eq!([with(65_001), with(u64::from(u32::MAX))], [FINE, FINE]);
    assert_eq!([with(0), with(1 << 32)], [["BAD_VALUE"], ["BAD_VALUE"]]);
}

#[test]
fn point_to_site_needs_a_route_based_vpn_gateway() {
    let pool =
        |gateway: &mut VirtualNetworkGateway| gateway.client_address_pool = vec![block("172.31.0.0/24")];
    assert_eq!(gateway_problems(pool), FINE); // GW-03
    let policy = |gateway: &mut VirtualNetworkGateway| {
        pool(gateway);
        gateway.vpn_type = Some(VpnType::PolicyBased.into());
    };
    assert_eq!(gateway_problems(policy), ["CONFLICTING_PROPERTIES"]);
    let circuit = |gateway: &mut VirtualNetworkGateway| {
        pool(gateway);
        gateway.gateway_type = GatewayType::ExpressRoute.into();
    };
    assert_eq!(gateway_problems(circuit), ["CONFLICTING_PROPERTIES"]);
    let mut draft = hub_draft();
    draft.virtual_network_gateways.push(gateway("gw", "hub", GatewayType::Vpn));
    pool(&mut draft.virtual_network_gateways[0]);
    let network = good(&draft, Semantics::default());
    let kinds: Vec<_> = network.sites().iter().map(|site| site.kind).collect();
    assert_eq!((kinds, network.connections().len()), (vec![SiteKind::Clients], 1)); // FE-15
}

// Connections.

/// Two networks with a VPN gateway each, a third with an ExpressRoute gateway, a site and a circuit.
fn connected(connections: Vec<Connection>) -> Draft {
    let mut draft = hub_draft();
    for (name, space, inside) in
        [("east", "10.20.0.0/16", "10.20.255.0/27"), ("north", "10.30.0.0/16", "10.30.255.0/27")]
    {
        let mut vnet = vnet(name, &[space]);
        vnet.subnets.push(subnet("GatewaySubnet", inside));
        draft.virtual_networks.push(vnet);
    }
    draft.virtual_network_gateways = vec![
        gateway("gw-hub", "hub", GatewayType::Vpn),
        gateway("gw-east", "east", GatewayType::Vpn),
        gateway("er", "north", GatewayType::ExpressRoute),
    ];
    let mut onprem = site("onprem", &["192.168.0.0/16"]);
    (onprem.asn, onprem.bgp_peering_address) = (Some(65_010.into()), Some(address("192.168.0.1")));
    draft.local_network_gateways = vec![onprem, site("branch", &["172.20.0.0/16"])];
    let circuit = ExpressRouteCircuit { name: text("circuit"), ..ExpressRouteCircuit::default() };
    draft.express_route_circuits.push(circuit);
    draft.connections = connections;
    draft
}

fn connection_problems(connections: Vec<Connection>, change: fn(&mut Draft)) -> Vec<&'static str> {
    problems(|draft| {
        *draft = connected(connections);
        change(draft);
    })
}

fn to_gateway(name: &str, from: &str, to: &str) -> Connection {
    connection(name, from, ConnectionEnd::VirtualNetworkGateway(text(to)))
}

fn to_circuit(name: &str, from: &str, to: &str) -> Connection {
    connection(name, from, ConnectionEnd::Circuit(text(to)))
}

fn with_bgp(connection: Connection) -> Connection {
    Connection { enable_bgp: Some(true.into()), ..connection }
}

#[test]
fn ends_fit_the_kind_of_connection() {
    let alone = |connection| connection_problems(vec![connection], |_| {});
    assert_eq!(alone(tunnel("c", "gw-hub", "onprem")), FINE); // GW-04
    assert_eq!(alone(to_gateway("c", "gw-hub", "gw-east")), FINE); // GW-05
    assert_eq!(alone(to_circuit("c", "er", "circuit")), FINE);
    assert_eq!(alone(tunnel("c", "er", "onprem")), ["CONNECTION_MISMATCH"]);
    assert_eq!(alone(to_circuit("c", "gw-hub", "circuit")), ["CONNECTION_MISMATCH"]);
    assert_eq!(alone(to_gateway("c", "gw-hub", "er")), ["CONNECTION_MISMATCH"]);
    assert_eq!(alone(to_gateway("c", "gw-hub", "GW-HUB")), ["CONNECTION_MISMATCH"]);
    for unknown in
        [tunnel("c", "gw", "onprem"), tunnel("c", "gw-hub", "circuit"), to_circuit("c", "er", "onprem")]
    {
        assert_eq!(alone(unknown), ["UNKNOWN_REFERENCE"]);
    }
}

#[test]
fn policy_based_gateways_have_one_static_tunnel() {
    let policy = |draft: &mut Draft| {
        draft.virtual_network_gateways[0].vpn_type = Some(VpnType::PolicyBased.into());
    };
    let with = |connections| connection_problems(connections, policy); // GW-03
    assert_eq!(with(vec![tunnel("1", "gw-hub", "onprem")]), FINE);
    let two = vec![tunnel("1", "gw-hub", "onprem"), tunnel("2", "gw-hub", "branch")];
    assert_eq!(with(two.clone()), ["CONNECTION_MISMATCH"]);
    assert_eq!(connection_problems(two, |_| {}), FINE);
    assert_eq!(with(vec![with_bgp(tunnel("1", "gw-hub", "onprem"))]), ["CONNECTION_MISMATCH"]);
    assert_eq!(with(vec![to_gateway("1", "gw-hub", "gw-east")]), ["CONNECTION_MISMATCH"]);
    assert_eq!(with(vec![to_gateway("1", "gw-east", "gw-hub")]), ["CONNECTION_MISMATCH"]);
}

#[test]
fn sites_have_their_own_autonomous_system() {
    for reserved in [8_074, 8_075, 12_076, 65_515, 65_517, 65_520] {
        let problems = problems(|draft| {
            let mut onprem = site("onprem", &["192.168.0.0/16"]);
            onprem.asn = Some(reserved.into());
            draft.local_network_gateways.push(onprem);
        });
        assert_eq!(problems, ["BAD_VALUE"], "{reserved}"); // GW-12
    }
    let bgp = || vec![with_bgp(tunnel("c", "gw-hub", "onprem"))];
    assert_eq!(connection_problems(bgp(), |_| {}), FINE);
    let same = |draft: &mut Draft| draft.virtual_network_gateways[0].asn = Some(65_010.into());
    assert_eq!(connection_problems(bgp(), same), ["CONNECTION_MISMATCH"]);
    assert_eq!(connection_problems(vec![tunnel("c", "gw-hub", "onprem")], same), FINE, "no BGP, no numbers");
}

#[test]
fn two_objects_of_opposite_directions_are_one_connection() {
    let there_and_back =
        vec![to_gateway("there", "gw-hub", "gw-east"), to_gateway("back", "gw-east", "gw-hub")];
    let network = good(&connected(there_and_back), Semantics::default());
    assert_eq!(network.connections().len(), 1); // JSON-11
    let seen = |network: &Network, name: &str| {
        let gateway = network.gateway_named(name).expect("a gateway");
        network.connections_of(gateway).map(|(.., end)| end).collect::<Vec<_>>()
    };
    let ends = [seen(&network, "gw-hub"), seen(&network, "gw-east")];
    let east = network.gateway_named("gw-east").expect("a gateway");
    let hub = network.gateway_named("gw-hub").expect("a gateway");
    assert_eq!(ends, [[End::Gateway(east)], [End::Gateway(hub)]]);
}

#[test]
fn a_bgp_peer_is_advertised_as_a_block_of_one() {
    let advertised = |connection| {
        let network = good(&connected(vec![connection]), Semantics::default());
        network.sites()[0].advertised.iter().map(|p| p.value.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(advertised(with_bgp(tunnel("c", "gw-hub", "onprem"))), ["192.168.0.1/32"]); // FE-05
    assert_eq!(advertised(tunnel("c", "gw-hub", "onprem")), FINE);
}

// Route servers.

fn server_problems(change: impl FnOnce(&mut RouteServer)) -> Vec<&'static str> {
    problems(|draft| {
        let mut server = server();
        change(&mut server);
        draft.route_servers.push(server);
    })
}

fn server() -> RouteServer {
    let peer = BgpConnection {
        name: text("nva"),
        peer_ip: Some(address("10.10.0.4")),
        peer_asn: Some(65_001.into()),
        routes: vec![AdvertisedRoute {
            address_prefixes: vec![block("10.200.0.0/16")],
            ..AdvertisedRoute::default()
        }],
        ..BgpConnection::default()
    };
    let bgp_connections = vec![peer];
    RouteServer { name: text("rs"), virtual_network: text("hub"), bgp_connections, ..RouteServer::default() }
}

#[test]
fn a_route_server_lives_in_its_subnet() {
    let mut draft = hub_draft();
    draft.route_servers.push(server());
    let network = good(&draft, Semantics::default());
    let addresses: Vec<_> = network.route_servers()[0].addresses.iter().map(ToString::to_string).collect();
    assert_eq!(addresses, ["10.10.254.4", "10.10.254.5"]); // ADDR-06, ADDR-09
    let route = &network.route_servers()[0].peers[0].routes[0];
    assert_eq!((route.as_path.as_slice(), route.next_hop), (&[65_001][..], address("10.10.0.4").value));
    draft.route_servers.push(RouteServer { name: text("rs2"), ..server() });
    assert_eq!(errors(&draft, Semantics::default()), ["TWO_ROUTE_SERVERS"]);
    draft.virtual_networks[0].subnets.pop();
    draft.route_servers.pop();
    assert_eq!(errors(&draft, Semantics::default()), ["NO_ROUTE_SERVER_SUBNET"]);
}

#[test]
fn peers_of_a_route_server_say_who_they_are() {
    assert_eq!(server_problems(|server| server.bgp_connections[0].peer_ip = None), ["MISSING_PROPERTY"]);
    assert_eq!(server_problems(|server| server.bgp_connections[0].peer_asn = Some(0.into())), ["BAD_VALUE"]);
    let twice = |server: &mut RouteServer| server.bgp_connections.push(server.bgp_connections[0].clone());
    assert_eq!(server_problems(twice), ["DUPLICATE_NAME"]);
    let path = |path: &[u64]| {
        let path = path.iter().map(|asn| At::from(*asn)).collect();
        server_problems(|server| server.bgp_connections[0].routes[0].as_path = Some(path))
    };
    assert_eq!([path(&[65_001, 65_002]), path(&[65_001])], [FINE, FINE]);
    assert_eq!([path(&[65_002]), path(&[])], [["BAD_VALUE"], ["BAD_VALUE"]]);
    let family = |server: &mut RouteServer| {
        server.bgp_connections[0].routes[0].next_hop_ip_address = Some(address("fd00::4"));
    };
    assert_eq!(server_problems(family), ["BAD_VALUE"]);
}

// Private endpoints.

#[test]
fn a_private_endpoint_owns_one_address() {
    let endpoint = |subnet: &str, at: Option<&str>| PrivateEndpoint {
        name: text("pe"),
        subnet: text(subnet),
        private_ip_address: at.map(address),
        ..PrivateEndpoint::default()
    };
    let with = |endpoint| {
        problems(|draft| {
            draft.network_interfaces.push(nic("a", "hub/snet"));
            draft.network_interfaces[0].ip_configurations[0].private_ip_address = Some(address("10.10.0.5"));
            draft.private_endpoints.push(endpoint);
        })
    };
    assert_eq!(with(endpoint("hub/snet", Some("10.10.0.9"))), FINE);
    assert_eq!(with(endpoint("hub/snet", None)), FINE); // ADDR-06
    assert_eq!(with(endpoint("hub/snet", Some("10.10.0.5"))), ["DUPLICATE_ADDRESS"]);
    assert_eq!(with(endpoint("hub/snet", Some("10.10.0.3"))), ["RESERVED_ADDRESS"]); // ADDR-05
    assert_eq!(with(endpoint("hub/snet", Some("10.10.1.9"))), ["ADDRESS_OUTSIDE_SUBNET"]);
    assert_eq!(with(endpoint("hub/none", None)), ["UNKNOWN_REFERENCE"]);
    assert_eq!(with(endpoint("hub/GatewaySubnet", None)), ["RESIDENT_IN_GATEWAY_SUBNET"]); // ADDR-09
}

#[test]
fn a_private_endpoint_is_a_member_like_any_other() {
    let across = problems(|draft| {
        let mut other = vnet("other", &["10.20.0.0/16"]);
        other.subnets.push(subnet("snet", "10.20.0.0/24"));
        draft.virtual_networks.push(other);
        draft.application_security_groups.push(ApplicationSecurityGroup { name: text("asg") });
        draft.network_interfaces.push(nic("a", "hub/snet"));
        draft.network_interfaces[0].ip_configurations[0].application_security_groups = vec![text("asg")];
        draft.private_endpoints.push(PrivateEndpoint {
            name: text("pe"),
            subnet: text("other/snet"),
            application_security_groups: vec![text("asg")],
            ..PrivateEndpoint::default()
        });
    });
    assert_eq!(across, ["ASG_ACROSS_VNETS"]); // NSG-21
}
