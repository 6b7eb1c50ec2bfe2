//! What `GatewaySubnet` may not have (ADDR-09, GW-02, RT-14, RT-28, NSG-26): a warning in a file, a refusal in the
//! timeline.

use vnetsim_model::{
    GatewayType, Network, NsgTarget, Operation, OperationKind, Semantics,
    draft::{ConnectionEnd, Draft, ExpressRouteCircuit, NatGateway},
};
use vnetsim_types::{At, NsgId, RouteTableId, SubnetId};

use crate::build::{
    FINE, accepted, address, block, connection, gateway, good, hub_draft, nic, nsg, public, refused, route,
    table, text, warnings,
};

const GATEWAY_SUBNET: SubnetId = SubnetId(1);

/// The hub with a VPN gateway, whose `GatewaySubnet` is still without anything.
fn vpn() -> Draft {
    let mut draft = hub_draft();
    draft.virtual_network_gateways.push(gateway("vpn", "hub", GatewayType::Vpn));
    draft.network_security_groups.push(nsg("nsg", Vec::new()));
    draft
}

/// The draft after a change of its `GatewaySubnet`'s route table, which it is associated with.
fn with_route(prefix: &str) -> Draft {
    let mut draft = vpn();
    draft.route_tables.push(table("rt", vec![route("r", prefix)]));
    draft.virtual_networks[0].subnets[1].route_table = Some(text("rt"));
    draft
}

#[test]
fn no_security_group() {
    let mut draft = vpn();
    assert_eq!(warnings(&draft), FINE);
    draft.virtual_networks[0].subnets[1].network_security_group = Some(text("nsg"));
    assert_eq!(warnings(&draft), ["NSG_ON_GATEWAY_SUBNET"]); // NSG-26
    draft.virtual_networks[0].subnets[1].network_security_group = None;
    draft.virtual_networks[0].subnets[0].network_security_group = Some(text("nsg"));
    assert_eq!(warnings(&draft), FINE, "any other subnet may");
}

#[test]
fn no_default_route_beside_a_vpn_gateway() {
    assert_eq!(warnings(&with_route("0.0.0.0/0")), ["DEFAULT_ROUTE_ON_GATEWAY_SUBNET"]); // RT-28
    let mut express_route = with_route("0.0.0.0/0");
    express_route.virtual_network_gateways[0].gateway_type = GatewayType::ExpressRoute.into();
    assert_eq!(warnings(&express_route), FINE, "RT-28 says: when VPN");
}

#[test]
fn no_route_over_the_gateway_itself() {
    for own in ["10.10.255.0/27", "10.10.0.0/16", "10.10.255.4/32"] {
        assert_eq!(warnings(&with_route(own)), ["ROUTE_OVERLAPS_GATEWAY_SUBNET"], "{own}"); // RT-28
    }
    assert_eq!(warnings(&with_route("10.20.0.0/16")), FINE); // what the table is for
    let mut public_address = with_route("20.1.2.0/24");
    public_address.public_ip_addresses.push(public("pip"));
    public_address.public_ip_addresses[0].ip_address = Some(address("20.1.2.3"));
    let config = vnetsim_model::draft::GatewayIpConfiguration {
        public_ip_address: Some(text("pip")),
        private_ip_address: None,
    };
    public_address.virtual_network_gateways[0].ip_configurations.push(config);
    assert_eq!(warnings(&public_address), ["ROUTE_OVERLAPS_GATEWAY_SUBNET"]);
}

#[test]
fn propagation_stays_enabled() {
    let mut draft = with_route("10.20.0.0/16");
    draft.route_tables[0].disable_bgp_route_propagation = Some(true.into());
    assert_eq!(warnings(&draft), ["PROPAGATION_OFF_ON_GATEWAY_SUBNET"]); // RT-14
}

#[test]
fn no_nat_gateway() {
    let mut draft = vpn();
    draft.public_ip_addresses.push(public("pip"));
    draft.nat_gateways.push(NatGateway { name: text("nat"), public_ip_addresses: vec![text("pip")] });
    draft.virtual_networks[0].subnets[1].nat_gateway = Some(text("nat"));
    assert_eq!(warnings(&draft), ["NAT_GATEWAY_ON_GATEWAY_SUBNET"]); // GW-02
}

#[test]
fn nobody_else_lives_there() {
    let mut draft = vpn();
    draft.network_interfaces.push(nic("guest", "hub/GatewaySubnet"));
    assert_eq!(warnings(&draft), ["RESIDENT_IN_GATEWAY_SUBNET"]); // ADDR-09
}

fn of_size(prefix: &str) -> Draft {
    let mut draft = vpn();
    draft.virtual_networks[0].subnets[1].address_prefixes = vec![block(prefix)];
    draft
}

#[test]
fn both_types_need_a_27() {
    for size in [28, 29] {
        assert_eq!(warnings(&of_size(&format!("10.10.255.0/{size}"))), FINE, "GW-02: at least /29");
    }
    let both = |prefix: &str| {
        let mut draft = of_size(prefix);
        draft.virtual_network_gateways.push(gateway("er", "hub", GatewayType::ExpressRoute));
        warnings(&draft)
    };
    assert_eq!(both("10.10.255.0/28"), ["SMALL_GATEWAY_SUBNET"]); // GW-02
    assert_eq!(both("10.10.255.0/27"), FINE);
    assert_eq!(both("10.10.255.0/26"), FINE);
}

#[test]
fn sixteen_circuits_need_a_26() {
    let circuits = |prefix: &str, count: usize| {
        let mut draft = of_size(prefix);
        draft.virtual_network_gateways = vec![gateway("er", "hub", GatewayType::ExpressRoute)];
        for ix in 0..count {
            let name = text(&format!("circuit{ix}"));
            let end = ConnectionEnd::Circuit(name.clone());
            draft.express_route_circuits.push(ExpressRouteCircuit { name, ..ExpressRouteCircuit::default() });
            draft.connections.push(connection(&format!("c{ix}"), "er", end));
        }
        draft
    };
    assert_eq!(warnings(&circuits("10.10.255.0/27", 15)), FINE);
    assert_eq!(warnings(&circuits("10.10.255.0/27", 16)), ["SMALL_GATEWAY_SUBNET"]); // GW-02
    assert_eq!(warnings(&circuits("10.10.255.0/26", 16)), FINE);

    let mut draft = circuits("10.10.255.0/27", 16);
    let last = draft.connections.pop().expect("a connection");
    let mut network = good(&draft, Semantics::default());
    refused(&mut network, &OperationKind::PutConnection(Box::new(last)).into(), "GatewaySubnetTooSmall");
}

// The timeline.

fn network(draft: &Draft) -> Network {
    good(draft, Semantics::default())
}

fn associate(table: Option<u32>) -> Operation {
    let table = table.map(|ix| At::from(RouteTableId(ix)));
    OperationKind::SetRouteTable(GATEWAY_SUBNET, table).into()
}

#[test]
fn associations_are_refused() {
    let mut draft = vpn();
    let mut off = table("off", vec![route("r", "10.20.0.0/16")]);
    off.disable_bgp_route_propagation = Some(true.into());
    draft.route_tables = vec![
        table("default", vec![route("r", "0.0.0.0/0")]),
        table("own", vec![route("r", "10.10.0.0/16")]),
        off,
        table("good", vec![route("r", "10.20.0.0/16")]),
    ];
    let mut network = network(&draft);
    refused(&mut network, &associate(Some(0)), "DefaultRouteNotAllowedOnGatewaySubnet");
    refused(&mut network, &associate(Some(1)), "RouteOverlapsGatewaySubnet");
    refused(&mut network, &associate(Some(2)), "RoutePropagationRequiredOnGatewaySubnet");
    accepted(&mut network, &associate(Some(3)));
    accepted(&mut network, &associate(None));
    let group = Some(At::from(NsgId(0)));
    let filter: Operation = OperationKind::SetNsg(NsgTarget::Subnet(GATEWAY_SUBNET), group.clone()).into();
    refused(&mut network, &filter, "NetworkSecurityGroupNotAllowedOnGatewaySubnet");
    accepted(&mut network, &OperationKind::SetNsg(NsgTarget::Subnet(SubnetId(0)), group).into());
}

#[test]
fn routes_of_an_associated_table_are_refused() {
    let mut network = network(&with_route("10.20.0.0/16"));
    let put = |prefix: &str| {
        let route = Box::new(route("more", prefix));
        Operation::from(OperationKind::PutRoute(RouteTableId(0), route))
    };
    refused(&mut network, &put("0.0.0.0/0"), "DefaultRouteNotAllowedOnGatewaySubnet");
    refused(&mut network, &put("10.10.255.0/27"), "RouteOverlapsGatewaySubnet");
    accepted(&mut network, &put("10.30.0.0/16"));
}

#[test]
fn what_was_wrong_before_may_stay() {
    let mut network = network(&with_route("0.0.0.0/0"));
    let put = OperationKind::PutRoute(RouteTableId(0), Box::new(route("more", "10.30.0.0/16")));
    accepted(&mut network, &put.into());
    accepted(&mut network, &OperationKind::DeleteRoute(RouteTableId(0), text("r")).into());
    let again = OperationKind::PutRoute(RouteTableId(0), Box::new(route("r", "0.0.0.0/0")));
    refused(&mut network, &again.into(), "DefaultRouteNotAllowedOnGatewaySubnet");
}

/// NSG-26, RT-28: creation of the gateway is blocked.
#[test]
fn no_gateway_comes_into_a_bad_subnet() {
    let put = || {
        Operation::from(OperationKind::PutGateway {
            vnet: vnetsim_types::VnetId(0),
            gateway: Box::new(gateway("vpn", "hub", GatewayType::Vpn)),
        })
    };
    let without_gateway = |mut draft: Draft| {
        draft.virtual_network_gateways.clear();
        network(&draft)
    };
    let mut filtered = vpn();
    filtered.virtual_networks[0].subnets[1].network_security_group = Some(text("nsg"));
    refused(&mut without_gateway(filtered), &put(), "NetworkSecurityGroupNotAllowedOnGatewaySubnet");
    let mut forced = without_gateway(with_route("0.0.0.0/0"));
    refused(&mut forced, &put(), "DefaultRouteNotAllowedOnGatewaySubnet");
    let mut inhabited = vpn();
    inhabited.network_interfaces.push(nic("guest", "hub/GatewaySubnet"));
    refused(&mut without_gateway(inhabited), &put(), "GatewaySubnetHasOtherResidents");
    let mut small = of_size("10.10.255.0/28");
    small.virtual_network_gateways[0].gateway_type = GatewayType::ExpressRoute.into();
    small.virtual_network_gateways[0].name = text("er");
    refused(&mut network(&small), &put(), "GatewaySubnetTooSmall");
    accepted(&mut without_gateway(vpn()), &put());
}
