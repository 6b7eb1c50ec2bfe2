//! What stands between virtual networks and the rest: balancers (Part 5.2), NAT gateways and public addresses
//! (Part 5.3), gateways, sites and connections (Part 6), route servers and private endpoints.

use vnetsim_model::{
    ConnectionEnd as End, GatewayType, LbProtocol, LbSku, Network, ProbeProtocol, Semantics, SiteKind,
    VpnType,
    draft::{
        ApplicationSecurityGroup, BgpConnection, Connection, ConnectionEnd, Draft, ExpressRouteCircuit,
        Frontend, GatewayIpConfiguration, InboundNatRule, LoadBalancer, LoadBalancingRule, NatGateway,
        OutboundRule, PrivateEndpoint, Probe, RouteServer, VirtualNetworkGateway,
    },
};
use vnetsim_types::{At, NicId, Span};

use crate::build::{
    address, block, connection, errors, gateway, good, hub_draft, nic, of_2017, problems, public, site,
    subnet, text, tunnel, vm, vnet,
};

const FINE: [&str; 0] = [];

// Balancers.

/// An internal Standard balancer with one rule, two NICs in its pool.
fn balanced() -> Draft {
    let mut draft = hub_draft();
    for name in ["a", "b"] {
        let mut member = nic(name, "hub/snet");
        member.ip_configurations[0].backend_address_pools = vec![text("lb/pool")];
        draft.network_interfaces.push(member);
    }
    draft.public_ip_addresses = ["pip", "pip2"].map(public).to_vec();
    draft.load_balancers.push(balancer("lb"));
    draft
}

fn balancer(name: &str) -> LoadBalancer {
    LoadBalancer {
        name: text(name),
        frontends: vec![internal("front")],
        backend_pools: vec![text("pool")],
        rules: vec![balancing("web", LbProtocol::Tcp, 443)],
        ..LoadBalancer::default()
    }
}

fn internal(name: &str) -> Frontend {
    Frontend { name: text(name), subnet: Some(text("hub/snet")), ..Frontend::default() }
}

fn outside(name: &str, address: &str) -> Frontend {
    Frontend { name: text(name), public_ip_address: Some(text(address)), ..Frontend::default() }
}

fn balancing(name: &str, protocol: LbProtocol, port: u64) -> LoadBalancingRule {
    LoadBalancingRule {
        span: Span::default(),
        name: text(name),
        frontend: text("front"),
        backend_pool: text("pool"),
        probe: None,
        protocol: protocol.into(),
        frontend_port: port.into(),
        backend_port: port.into(),
        load_distribution: None,
        enable_floating_ip: None,
        idle_timeout_in_minutes: None,
        disable_outbound_snat: None,
    }
}

fn nat_rule(name: &str, protocol: LbProtocol, ports: [u64; 2], nic: &str) -> InboundNatRule {
    InboundNatRule {
        span: Span::default(),
        name: text(name),
        frontend: text("front"),
        protocol: protocol.into(),
        frontend_port: ports[0].into(),
        backend_port: ports[1].into(),
        network_interface: text(nic),
    }
}

fn outbound(frontends: &[&str], ports: Option<u64>) -> OutboundRule {
    OutboundRule {
        span: Span::default(),
        name: text("out"),
        frontends: frontends.iter().map(|name| text(name)).collect(),
        backend_pool: text("pool"),
        allocated_outbound_ports: ports.map(At::from),
    }
}

/// Codes of the problems of the balanced network after a change of its balancer.
fn balancer_problems(change: impl FnOnce(&mut LoadBalancer)) -> Vec<&'static str> {
    problems(|draft| {
        *draft = balanced();
        change(&mut draft.load_balancers[0]);
    })
}

#[test]
fn a_frontend_has_one_home() {
    assert_eq!(balancer_problems(|_| {}), FINE); // LB-01
    assert_eq!(balancer_problems(|lb| lb.frontends[0] = outside("front", "pip")), FINE);
    assert_eq!(balancer_problems(|lb| lb.frontends[0].subnet = None), ["MISSING_PROPERTY"]);
    let both = |lb: &mut LoadBalancer| lb.frontends[0].public_ip_address = Some(text("pip"));
    assert_eq!(balancer_problems(both), ["MISSING_PROPERTY"]);
    let taken = |lb: &mut LoadBalancer| lb.frontends[0].private_ip_address = Some(address("10.10.0.1"));
    assert_eq!(balancer_problems(taken), ["RESERVED_ADDRESS"]); // ADDR-05
    let elsewhere = |lb: &mut LoadBalancer| lb.frontends[0].private_ip_address = Some(address("10.10.1.4"));
    assert_eq!(balancer_problems(elsewhere), ["ADDRESS_OUTSIDE_SUBNET"]);
}

#[test]
fn parts_are_named_and_found() {
    for break_one in [
        |lb: &mut LoadBalancer| lb.rules[0].frontend = text("none"),
        |lb: &mut LoadBalancer| lb.rules[0].backend_pool = text("none"),
        |lb: &mut LoadBalancer| lb.rules[0].probe = Some(text("none")),
        |lb: &mut LoadBalancer| lb.frontends[0].subnet = Some(text("hub/none")),
        |lb: &mut LoadBalancer| {
            lb.inbound_nat_rules.push(nat_rule("ssh", LbProtocol::Tcp, [50_022, 22], "none"));
        },
    ] {
        assert_eq!(balancer_problems(break_one)[0], "UNKNOWN_REFERENCE");
    }
    assert_eq!(balancer_problems(|lb| lb.frontends.push(internal("FRONT"))), ["DUPLICATE_NAME"]);
    let again = |lb: &mut LoadBalancer| lb.rules.push(balancing("web", LbProtocol::Udp, 53));
    assert_eq!(balancer_problems(again), ["DUPLICATE_NAME"]);
}

#[test]
fn rules_of_one_frontend_differ_in_protocol_or_port() {
    let with = |protocol, port| {
        balancer_problems(|lb| lb.rules.push(balancing("second", protocol, port))) // LB-02
    };
    assert_eq!(with(LbProtocol::Tcp, 443), ["DUPLICATE_FRONTEND_PORT"]);
    assert_eq!(with(LbProtocol::Udp, 443), FINE);
    assert_eq!(with(LbProtocol::Tcp, 80), FINE);
    let same = |lb: &mut LoadBalancer| {
        lb.inbound_nat_rules.push(nat_rule("https", LbProtocol::Tcp, [443, 443], "a"));
    };
    assert_eq!(balancer_problems(same), ["DUPLICATE_FRONTEND_PORT"]);
    let other_frontend = |lb: &mut LoadBalancer| {
        lb.frontends.push(internal("front2"));
        lb.rules.push(LoadBalancingRule { frontend: text("front2"), ..balancing("2", LbProtocol::Tcp, 443) });
    };
    assert_eq!(balancer_problems(other_frontend), FINE);
}

#[test]
fn ha_ports_are_protocol_all_and_port_0() {
    let only = |protocol, port| balancer_problems(|lb| lb.rules = vec![balancing("one", protocol, port)]);
    assert_eq!(only(LbProtocol::All, 0), FINE); // LB-09
    assert_eq!(only(LbProtocol::All, 443), ["BAD_VALUE"]);
    assert_eq!(only(LbProtocol::Tcp, 0), ["BAD_VALUE"]);
    assert_eq!(only(LbProtocol::Udp, 65_536), ["BAD_VALUE"]);
}

#[test]
fn ha_ports_are_for_internal_standard_balancers() {
    let ha = || vec![balancing("ha", LbProtocol::All, 0)];
    let basic = |lb: &mut LoadBalancer| (lb.rules, lb.sku) = (ha(), Some(LbSku::Basic.into()));
    assert_eq!(balancer_problems(basic), ["CONFLICTING_PROPERTIES"]); // LB-09
    let public = |lb: &mut LoadBalancer| (lb.rules, lb.frontends[0]) = (ha(), outside("front", "pip"));
    assert_eq!(balancer_problems(public), ["CONFLICTING_PROPERTIES"]);
}

/// LB-09: "without floating IP it is the only rule possible for those backends on internal LBs".
#[test]
fn ha_ports_stand_alone_unless_they_float() {
    let second_balancer = |first_floats: bool, second: LoadBalancingRule| {
        problems(|draft| {
            *draft = balanced();
            let first = balancing("ha", LbProtocol::All, 0);
            draft.load_balancers[0].rules =
                vec![LoadBalancingRule { enable_floating_ip: Some(first_floats.into()), ..first }];
            draft.load_balancers.push(LoadBalancer { rules: vec![second], ..balancer("lb2") });
            draft.network_interfaces[0].ip_configurations[0].backend_address_pools.push(text("lb2/pool"));
        })
    };
    let web = || balancing("web", LbProtocol::Tcp, 443);
    let floating =
        LoadBalancingRule { enable_floating_ip: Some(true.into()), ..balancing("2", LbProtocol::All, 0) };
    assert_eq!(second_balancer(false, web()), ["CONFLICTING_PROPERTIES"]);
    assert_eq!(second_balancer(true, floating), FINE);
    let own_frontend = |lb: &mut LoadBalancer| {
        lb.rules = vec![balancing("ha", LbProtocol::All, 0), web()];
        lb.rules[0].enable_floating_ip = Some(true.into());
    };
    assert_eq!(balancer_problems(own_frontend), ["DUPLICATE_FRONTEND_PORT"]);
    let public_beside = problems(|draft| {
        *draft = balanced();
        draft.load_balancers[0].rules = vec![balancing("ha", LbProtocol::All, 0)];
        let frontends = vec![outside("front", "pip")];
        draft.load_balancers.push(LoadBalancer { frontends, ..balancer("lb2") });
        draft.network_interfaces[0].ip_configurations[0].backend_address_pools.push(text("lb2/pool"));
    });
    assert_eq!(public_beside, FINE);
}

#[test]
fn floating_ip_has_its_limits() {
    let floats = |lb: &mut LoadBalancer| lb.rules[0].enable_floating_ip = Some(true.into());
    assert_eq!(balancer_problems(floats), FINE); // LB-11
    let ipv6 = problems(|draft| {
        *draft = balanced();
        let hub = &mut draft.virtual_networks[0];
        hub.address_prefixes.push(block("fd00:10::/48"));
        hub.subnets[0].address_prefixes.push(block("fd00:10::/64"));
        draft.load_balancers[0].frontends[0].private_ip_address = Some(address("fd00:10::9"));
        floats(&mut draft.load_balancers[0]);
    });
    assert_eq!(ipv6, ["CONFLICTING_PROPERTIES"]);
    let secondary = problems(|draft| {
        *draft = balanced();
        let configs = &mut draft.network_interfaces[0].ip_configurations;
        let mut second = configs[0].clone();
        second.name = text("second");
        configs[0].primary = Some(true.into());
        configs.push(second);
        floats(&mut draft.load_balancers[0]);
    });
    assert_eq!(secondary, ["CONFLICTING_PROPERTIES"]);
}

#[test]
fn idle_timeouts_go_from_4_to_30_minutes() {
    let minutes = |minutes: u64| {
        balancer_problems(|lb| lb.rules[0].idle_timeout_in_minutes = Some(minutes.into())) // LB-14
    };
    assert_eq!([minutes(4), minutes(30)], [FINE, FINE]);
    assert_eq!([minutes(3), minutes(31)], [["BAD_VALUE"], ["BAD_VALUE"]]);
}

#[test]
fn probes_have_a_port_and_https_is_for_standard() {
    let with = |protocol: ProbeProtocol, port: u64, sku: LbSku| {
        balancer_problems(|lb| {
            let probe = Probe { name: text("p"), protocol: Some(protocol.into()), port: Some(port.into()) };
            lb.probes.push(probe);
            lb.rules[0].probe = Some(text("P"));
            lb.sku = Some(sku.into());
        })
    };
    assert_eq!(with(ProbeProtocol::Tcp, 443, LbSku::Basic), FINE); // LB-07
    assert_eq!(with(ProbeProtocol::Https, 443, LbSku::Standard), FINE);
    assert_eq!(with(ProbeProtocol::Https, 443, LbSku::Basic), ["CONFLICTING_PROPERTIES"]);
    assert_eq!(with(ProbeProtocol::Http, 0, LbSku::Standard), ["BAD_VALUE"]);
    assert_eq!(with(ProbeProtocol::Http, 70_000, LbSku::Standard), ["BAD_VALUE"]);
}

#[test]
fn inbound_nat_rules_lead_one_port_to_one_nic() {
    let with = |protocol, ports, to: &str| {
        problems(|draft| {
            *draft = balanced();
            draft.virtual_machines.push(vm("machine", &["a"]));
            draft.load_balancers[0].inbound_nat_rules.push(nat_rule("ssh", protocol, ports, to));
        })
    };
    assert_eq!(with(LbProtocol::Tcp, [50_022, 22], "b"), FINE); // LB-16
    assert_eq!(with(LbProtocol::Tcp, [50_022, 22], "machine"), FINE);
    assert_eq!(with(LbProtocol::All, [50_022, 22], "a"), ["BAD_VALUE"]);
    assert_eq!(with(LbProtocol::Tcp, [0, 22], "a"), ["BAD_VALUE"]);
    assert_eq!(with(LbProtocol::Tcp, [50_022, 65_536], "a"), ["BAD_VALUE"]);
}

#[test]
fn outbound_rules_share_out_the_ports_of_public_frontends() {
    let with = |frontends: &[&str], ports| {
        balancer_problems(|lb| {
            lb.frontends.extend([outside("out", "pip"), outside("out2", "pip2")]);
            lb.outbound_rules.push(outbound(frontends, ports));
        })
    };
    assert_eq!(with(&["out"], None), FINE); // OUT-04
    assert_eq!(with(&["out"], Some(0)), FINE); // by the size of the pool
    assert_eq!(with(&["out"], Some(32_000)), FINE); // two members, 64,000 ports
    assert_eq!(with(&["out"], Some(32_008)), ["OVER_LIMIT"]);
    assert_eq!(with(&["out", "out2"], Some(64_000)), FINE);
    assert_eq!(with(&["out", "out2"], Some(64_008)), ["OVER_LIMIT"]);
    assert_eq!(with(&["front"], None), ["BAD_VALUE"]);
    assert_eq!(with(&[], None), ["MISSING_PROPERTY"]);
}

#[test]
fn members_are_the_ip_configurations_that_name_the_pool() {
    let network = good(&balanced(), Semantics::default());
    assert_eq!(network.load_balancers()[0].pools, [[(NicId(0), 0), (NicId(1), 0)]]);
    let unknown = problems(|draft| {
        *draft = balanced();
        draft.network_interfaces[0].ip_configurations[0].backend_address_pools = vec![text("lb/poll")];
    });
    assert_eq!(unknown, ["UNKNOWN_REFERENCE"]);
}

// Public addresses.

#[test]
fn a_public_address_has_one_owner() {
    let two_frontends = |lb: &mut LoadBalancer| {
        lb.frontends.extend([outside("one", "pip"), outside("two", "PIP")]);
    };
    assert_eq!(balancer_problems(two_frontends), ["DUPLICATE_ADDRESS"]); // ADDR-06
    let nic_and_nat = problems(|draft| {
        *draft = balanced();
        draft.network_interfaces[0].ip_configurations[0].public_ip_address = Some(text("pip"));
        let nat = NatGateway { name: text("nat"), public_ip_addresses: vec![text("pip")] };
        draft.nat_gateways.push(nat);
    });
    assert_eq!(nic_and_nat, ["DUPLICATE_ADDRESS"]);
    let same_address = problems(|draft| {
        draft.public_ip_addresses = ["a", "b"].map(public).to_vec();
        for public in &mut draft.public_ip_addresses {
            public.ip_address = Some(address("20.1.2.3"));
        }
    });
    assert_eq!(same_address, ["DUPLICATE_ADDRESS"]);
}

#[test]
fn a_nat_gateway_has_1_to_16_public_addresses() {
    let with = |count: usize| {
        problems(|draft| {
            let names: Vec<String> = (0..count).map(|ix| format!("pip{ix}")).collect();
            draft.public_ip_addresses = names.iter().map(|name| public(name)).collect();
            let public_ip_addresses = names.iter().map(|name| text(name)).collect();
            draft.nat_gateways.push(NatGateway { name: text("nat"), public_ip_addresses });
            draft.virtual_networks[0].subnets[0].nat_gateway = Some(text("nat"));
        })
    };
    assert_eq!([with(1), with(16)], [FINE, FINE]); // OUT-05
    assert_eq!(with(17), ["OVER_LIMIT"]);
    assert_eq!(with(0), ["MISSING_PROPERTY"]);
}

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
        routes: vec![vnetsim_model::draft::AdvertisedRoute {
            address_prefixes: vec![block("10.200.0.0/16")],
            ..Default::default()
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
