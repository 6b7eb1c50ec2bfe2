//! Every kind of operation, accepted and refused. A refusal changes nothing, which `refused` looks at.

use vnetsim_model::{
    ConnectionEnd as End, DeploymentModel, GatewayType, Network, NsgTarget, Operation, OperationKind,
    PeeringState, Semantics, SiteKind,
    draft::{
        ConnectionEnd, Draft, GatewayIpConfiguration, Peering, Route, SecurityRule, VirtualNetworkGateway,
    },
};
use vnetsim_types::{At, Direction, NicId, NsgId, RouteTableId, SubnetId, VmId, VnetId};

use crate::build::{
    accepted, address, block, connection, delete, gateway, good, hub_draft, id, link, nic, nsg, of_2017,
    public, put, put_with, refused, route, rule, site, space, subnet, sync, table, text, tunnel, vm, vnet,
};

const HUB: VnetId = VnetId(0);

/// The hub with a machine, a table, a group, two sites; `spoke` and `far` beside it, a classic network, no link.
fn draft() -> Draft {
    let mut draft = hub_draft();
    let mut spoke = vnet("spoke", &["10.20.0.0/16"]);
    spoke.subnets = vec![subnet("snet", "10.20.0.0/24"), subnet("GatewaySubnet", "10.20.255.0/27")];
    let mut classic = vnet("classic", &["10.40.0.0/16"]);
    classic.deployment_model = Some(DeploymentModel::Classic.into());
    draft.virtual_networks.extend([spoke, vnet("far", &["10.30.0.0/16"]), classic]);
    draft.network_interfaces.push(nic("nic", "hub/snet"));
    draft.virtual_machines.push(vm("vm", &["nic"]));
    draft.route_tables.push(table("rt", vec![route("one", "10.50.0.0/16")]));
    draft.network_security_groups.push(nsg("nsg", vec![rule("one", 100)]));
    draft.local_network_gateways =
        vec![site("onprem", &["192.168.0.0/16"]), site("branch", &["172.20.0.0/16"])];
    draft.public_ip_addresses.push(public("pip"));
    draft
}

fn network() -> Network {
    good(&draft(), Semantics::default())
}

/// Hub and spoke peered, both ways.
fn peered() -> Draft {
    let mut draft = draft();
    draft.virtual_networks[0].peerings.push(link("h", "spoke"));
    draft.virtual_networks[1].peerings.push(link("s", "hub"));
    draft
}

fn vpn(name: &str, vnet: &str) -> VirtualNetworkGateway {
    gateway(name, vnet, GatewayType::Vpn)
}

/// A gateway in the hub with a tunnel, lent to the spoke, which does not borrow yet.
fn lending() -> Draft {
    let mut draft = peered();
    draft.virtual_networks[0].peerings[0].allow_gateway_transit = Some(true.into());
    draft.virtual_network_gateways.push(vpn("gw", "hub"));
    draft.connections.push(tunnel("tunnel", "gw", "onprem"));
    draft
}

fn borrows(link: &mut Peering) {
    link.use_remote_gateways = Some(true.into());
}

#[test]
fn put_peering_keeps_target_and_type_of_a_link() {
    let mut network = good(&peered(), Semantics::default());
    let elsewhere = put(&network, "hub", "H", "far");
    refused(&mut network, &elsewhere, "PeeringRemoteVnetCannotChange"); // PEER-01
    let again = put(&network, "hub", "second", "spoke");
    refused(&mut network, &again, "AnotherPeeringAlreadyReferencesRemoteVnet");
    let itself = put(&network, "hub", "me", "hub");
    refused(&mut network, &itself, "VnetCannotPeerWithItself");
    let some_subnets = put_with(&network, "hub", "h", "spoke", |link| {
        link.peer_complete_vnets = Some(false.into());
        link.local_subnet_names = vec![text("snet")];
        link.remote_subnet_names = vec![text("snet")];
    });
    refused(&mut network, &some_subnets, "PeeringTypeCannotChange"); // PEER-21
    let contradiction = put_with(&network, "hub", "h", "spoke", |link| {
        link.local_subnet_names = vec![text("snet")];
    });
    refused(&mut network, &contradiction, "InvalidRequestFormat"); // PEER-24
}

#[test]
fn use_remote_gateways_is_verified() {
    let mut network = good(&lending(), Semantics::default());
    let borrow = put_with(&network, "spoke", "s", "hub", borrows);
    accepted(&mut network, &borrow); // PEER-09
    let (_, link) = network.borrowed_gateway_link(id(&network, "spoke")).expect("a borrowed gateway");
    assert_eq!(link.remote.value, HUB);

    let refusal = |change: &dyn Fn(&mut Draft), code: &str| {
        let mut draft = lending();
        change(&mut draft);
        let mut network = good(&draft, Semantics::default());
        let borrow = put_with(&network, "spoke", "s", "hub", borrows);
        refused(&mut network, &borrow, code);
    };
    refusal(
        &|draft| draft.virtual_networks[0].peerings[0].allow_gateway_transit = None,
        "AllowGatewayTransitRequired",
    );
    refusal(&|draft| draft.virtual_network_gateways.push(vpn("own", "spoke")), "VnetHasOwnGateway");
    let no_gateway = |draft: &mut Draft| {
        draft.virtual_network_gateways.clear();
        draft.connections.clear();
    };
    refusal(&no_gateway, "RemoteVnetHasNoGateways"); // FE-14: though there is a GatewaySubnet
}

#[test]
fn the_remote_gateway_need_not_be_verified() {
    let mut draft = peered();
    draft.virtual_networks[0].peerings[0].allow_gateway_transit = Some(true.into());
    let mut network = good(&draft, Semantics::default());
    let trusting = put_with(&network, "spoke", "s", "hub", |link| {
        borrows(link);
        link.do_not_verify_remote_gateways = Some(true.into());
    });
    accepted(&mut network, &trusting); // PEER-09
}

#[test]
fn only_one_link_borrows() {
    let mut draft = lending();
    let mut far = link("f", "spoke");
    far.allow_gateway_transit = Some(true.into());
    draft.virtual_networks[2].peerings.push(far);
    draft.virtual_networks[2].subnets.push(subnet("GatewaySubnet", "10.30.255.0/27"));
    draft.virtual_networks[1].peerings.push(link("to-far", "far"));
    draft.virtual_network_gateways.push(vpn("far-gw", "far"));
    let mut network = good(&draft, Semantics::default());
    let first = put_with(&network, "spoke", "s", "hub", borrows);
    accepted(&mut network, &first);
    let second = put_with(&network, "spoke", "to-far", "far", borrows);
    refused(&mut network, &second, "AnotherLinkUsesRemoteGateways"); // PEER-09
    let asked = put(&network, "spoke", "s", "hub");
    accepted(&mut network, &asked);
    accepted(&mut network, &second);
}

#[test]
fn nobody_borrows_before_the_opposite_link_lends() {
    let mut draft = lending();
    draft.virtual_networks[0].peerings.clear();
    draft.virtual_networks[1].peerings.clear();
    let mut network = good(&draft, Semantics::default());
    let early = put_with(&network, "spoke", "s", "hub", borrows);
    refused(&mut network, &early, "AllowGatewayTransitRequired"); // FE-14
}

#[test]
fn delete_and_sync_peering() {
    let mut network = good(&peered(), Semantics::default());
    for missing in [delete(&network, "hub", "none"), sync(&network, "hub", "none")] {
        refused(&mut network, &missing, "ResourceNotFound");
    }
    let asked = sync(&network, "hub", "h");
    accepted(&mut network, &asked);
    let asked = delete(&network, "hub", "h");
    accepted(&mut network, &asked);
    let (_, back) = network.link_between(VnetId(1), HUB).expect("a link");
    assert_eq!(back.state, PeeringState::Disconnected); // PEER-20
    let asked = sync(&network, "hub", "h");
    refused(&mut network, &asked, "ResourceNotFound");
}

#[test]
fn a_virtual_network_in_use_stays() {
    let mut network = good(&peered(), Semantics::default());
    let gone = |ix| Operation::from(OperationKind::DeleteVnet(VnetId(ix)));
    refused(&mut network, &gone(0), "InUseSubnetCannotBeDeleted"); // ADDR-08: a machine
    refused(&mut network, &gone(1), "InUseByPeerings"); // PEER-03
    accepted(&mut network, &gone(2));
    for operation in [gone(2), space(&network, "far", &["10.31.0.0/16"]), put(&network, "hub", "f", "far")] {
        refused(&mut network, &operation, "ResourceNotFound");
    }
}

#[test]
fn a_deleted_network_takes_no_gateway_and_no_association() {
    let mut network = network();
    accepted(&mut network, &OperationKind::DeleteVnet(VnetId(1)).into());
    let snet = network.subnet_named(VnetId(1), "snet").expect("ids stay");
    let gateway = Box::new(vpn("gw", "spoke"));
    refused(&mut network, &OperationKind::PutGateway { vnet: VnetId(1), gateway }.into(), "ResourceNotFound");
    refused(&mut network, &OperationKind::SetRouteTable(snet, None).into(), "ResourceNotFound");
    let filter = OperationKind::SetNsg(NsgTarget::Subnet(snet), None);
    refused(&mut network, &filter.into(), "ResourceNotFound");
}

#[test]
fn an_address_space_obeys_the_rules_of_creation() {
    let mut network = network();
    let (fine, shrunk) = (["10.10.0.0/16", "10.11.0.0/16"], ["10.11.0.0/16"]);
    let asked = space(&network, "hub", &fine);
    accepted(&mut network, &asked);
    let asked = space(&network, "hub", &shrunk);
    refused(&mut network, &asked, "InUsePrefixCannotBeDeleted"); // ADDR-08
    for wrong in [
        &["10.10.0.0/16", "224.0.0.0/8"][..], // ADDR-01
        &["10.10.0.0/16", "168.0.0.0/8"],     // ADDR-01, U-22
        &["10.10.0.0/16", "10.10.128.0/17"],  // ADDR-03
        &["10.10.0.0/16", "10.11.0.1/16"],    // host bits
        &[],
    ] {
        let asked = space(&network, "hub", wrong);
        refused(&mut network, &asked, "InvalidRequestFormat");
    }
}

/// PEER-14: the checks of creation run again when a space grows.
#[test]
fn an_address_space_stays_disjoint_from_peers() {
    let mut draft = peered();
    draft.virtual_networks[0].peerings.push(link("f", "far"));
    draft.virtual_networks[2].peerings.push(link("h", "hub"));
    let mut network = good(&draft, Semantics::default());
    let into = |blocks: &[&str]| space(&good(&draft, Semantics::default()), "spoke", blocks);
    refused(&mut network, &into(&["10.20.0.0/16", "10.10.4.0/24"]), "VnetAddressSpacesOverlap"); // PEER-12
    let code = "VnetAddressSpaceOverlapsWithAlreadyPeeredVnet"; // PEER-13: the hub's other peer
    refused(&mut network, &into(&["10.20.0.0/16", "10.30.4.0/24"]), code);
    accepted(&mut network, &into(&["10.20.0.0/16", "10.21.0.0/16"]));
    let hub_again = space(&network, "hub", &["10.10.0.0/16", "10.21.128.0/17"]);
    refused(&mut network, &hub_again, "VnetAddressSpacesOverlap");
}

#[test]
fn a_deleted_peer_overlaps_nobody() {
    let mut draft = draft();
    draft.virtual_networks[0].peerings.push(link("f", "far"));
    let mut network = good(&draft, Semantics::default());
    accepted(&mut network, &OperationKind::DeleteVnet(VnetId(2)).into());
    let asked = space(&network, "hub", &["10.10.0.0/16", "10.30.0.0/16"]);
    accepted(&mut network, &asked);
}

#[test]
fn an_address_space_is_fixed_in_2017_and_beside_a_classic_network() {
    let mut network = good(&peered(), of_2017());
    let more = space(&network, "hub", &["10.10.0.0/16", "10.11.0.0/16"]);
    refused(&mut network, &more, "VnetAddressSpaceCannotChangeDueToPeerings"); // PEER-19
    let asked = space(&network, "far", &["10.31.0.0/16"]);
    accepted(&mut network, &asked);

    let mut draft = draft();
    draft.virtual_networks[0].peerings.push(link("c", "classic"));
    let mut network = good(&draft, Semantics::default());
    for vnet in ["hub", "classic"] {
        let more = space(&network, vnet, &["10.10.0.0/16", "10.40.0.0/16"]);
        refused(&mut network, &more, "AddressSpaceChangeWithClassicPeerNotSupported"); // PEER-18
    }
}

fn put_route(route: Route) -> Operation {
    OperationKind::PutRoute(RouteTableId(0), Box::new(route)).into()
}

#[test]
fn put_route_creates_and_replaces() {
    let mut network = network();
    accepted(&mut network, &put_route(route("two", "10.60.0.0/16")));
    accepted(&mut network, &put_route(route("ONE", "10.61.0.0/16")));
    let routes = &network.route_tables()[0].routes;
    let prefixes: Vec<_> = routes.iter().map(|route| route.prefixes[0].to_string()).collect();
    assert_eq!(prefixes, ["10.61.0.0/16", "10.60.0.0/16"]);
    refused(&mut network, &put_route(route("three", "10.60.0.0/16")), "DuplicateAddressPrefix"); // RT-09
    accepted(&mut network, &put_route(route("two", "10.60.0.0/16")));
}

#[test]
fn put_route_refuses_what_a_file_may_not_say() {
    let mut network = network();
    let wrong = [
        route("r", "10.60.0.0"),
        route("r", "Storage.Atlantis"),
        Route { next_hop_type: text("VNetPeering"), ..route("r", "10.60.0.0/16") }, // RT-10
        Route { next_hop_type: text("VirtualAppliance"), ..route("r", "10.60.0.0/16") }, // RT-09
        Route { next_hop_ip_address: Some(address("10.10.0.9")), ..route("r", "10.60.0.0/16") },
        Route {
            next_hop_type: text("VirtualAppliance"),
            next_hop_ip_address: Some(address("10.10.0.9")),
            ..route("r", "fd00::/8")
        },
    ];
    for route in wrong {
        refused(&mut network, &put_route(route), "InvalidRequestFormat");
    }
}

#[test]
fn a_route_table_is_full_at_400() {
    let mut draft = draft();
    let all = (0..399).map(|ix| route(&format!("r{ix}"), &format!("10.{}.{}.0/24", 60 + ix / 256, ix % 256)));
    draft.route_tables[0].routes.extend(all);
    let mut network = good(&draft, Semantics::default());
    refused(&mut network, &put_route(route("more", "10.80.0.0/16")), "LimitExceeded"); // RT-33
    accepted(&mut network, &put_route(route("one", "10.80.0.0/16"))); // in place of another
}

#[test]
fn tag_routes_are_25_and_none_in_2017() {
    let mut network = network();
    accepted(&mut network, &put_route(route("tag", "Storage.KoreaCentral"))); // RT-13
    let mut old = good(&draft(), of_2017());
    refused(&mut old, &put_route(route("tag", "Storage.KoreaCentral")), "LimitExceeded"); // ERA-10
}

#[test]
fn delete_route() {
    let mut network = network();
    let gone = |name: &str| Operation::from(OperationKind::DeleteRoute(RouteTableId(0), text(name)));
    refused(&mut network, &gone("none"), "ResourceNotFound");
    accepted(&mut network, &gone("One")); // JSON-15
    assert!(network.route_tables()[0].routes.is_empty());
}

fn put_rule(rule: SecurityRule) -> Operation {
    OperationKind::PutSecurityRule(NsgId(0), Box::new(rule)).into()
}

#[test]
fn put_security_rule_creates_and_replaces_in_order() {
    let mut network = network();
    accepted(&mut network, &put_rule(rule("late", 4_096)));
    accepted(&mut network, &put_rule(rule("middle", 200)));
    refused(&mut network, &put_rule(rule("other", 200)), "SecurityRuleConflict"); // NSG-03
    let outbound = SecurityRule { direction: Direction::Outbound.into(), ..rule("out", 200) };
    accepted(&mut network, &put_rule(outbound)); // per direction
    accepted(&mut network, &put_rule(rule("ONE", 300)));
    let rules = network.nsgs()[0].rules.iter().filter(|rule| rule.direction == Direction::Inbound);
    let order: Vec<_> = rules.map(|rule| (rule.name.value.as_str(), rule.priority)).collect();
    assert_eq!(order, [("middle", 200), ("ONE", 300), ("late", 4_096)]);
}

#[test]
fn put_security_rule_refuses_what_a_file_may_not_say() {
    let mut network = network();
    for (name, priority) in [("r", 99), ("r", 4_097), ("", 200), ("-r", 200), ("r-", 200), ("a b", 200)] {
        refused(&mut network, &put_rule(rule(name, priority)), "InvalidRequestFormat"); // NSG-02
    }
    refused(&mut network, &put_rule(rule(&"r".repeat(81), 200)), "InvalidRequestFormat");
    accepted(&mut network, &put_rule(rule(&"r".repeat(80), 200)));
    accepted(&mut network, &put_rule(rule("8.a_b-c_", 201)));
    let mut tags = rule("tags", 300);
    tags.source.prefixes = vec![text("Internet"), text("VirtualNetwork")];
    refused(&mut network, &put_rule(tags), "InvalidRequestFormat"); // NSG-04: one tag at most
}

#[test]
fn a_security_group_is_full_at_1000() {
    let mut draft = draft();
    let all = (0..999).map(|ix| rule(&format!("r{ix}"), 101 + ix));
    draft.network_security_groups[0].security_rules.extend(all);
    let mut network = good(&draft, Semantics::default());
    refused(&mut network, &put_rule(rule("more", 4_000)), "LimitExceeded"); // NSG-27
    accepted(&mut network, &put_rule(rule("one", 4_000)));
}

#[test]
fn delete_security_rule() {
    let mut network = network();
    let gone = |name: &str| Operation::from(OperationKind::DeleteSecurityRule(NsgId(0), text(name)));
    refused(&mut network, &gone("none"), "ResourceNotFound");
    accepted(&mut network, &gone("ONE"));
    assert!(network.nsgs()[0].rules.is_empty());
}

fn put_gateway(network: &Network, gateway: VirtualNetworkGateway) -> Operation {
    let vnet = id(network, &gateway.virtual_network.value);
    OperationKind::PutGateway { vnet, gateway: Box::new(gateway) }.into()
}

#[test]
fn put_gateway_gives_addresses() {
    let mut network = network();
    let mut active = vpn("gw", "hub");
    active.active_active = Some(true.into());
    let config = GatewayIpConfiguration { private_ip_address: None, public_ip_address: Some(text("pip")) };
    active.ip_configurations.push(config);
    active.client_address_pool = vec![block("172.31.0.0/24")];
    let operation = put_gateway(&network, active);
    accepted(&mut network, &operation);
    let gateway = &network.gateways()[0];
    let addresses: Vec<_> = gateway.instances.iter().map(|i| i.address.to_string()).collect();
    assert_eq!(addresses, ["10.10.255.4", "10.10.255.5"]); // ADDR-06
    assert!(gateway.instances[0].public_address.is_some());
    assert_eq!(network.sites().last().map(|site| site.kind), Some(SiteKind::Clients)); // FE-15
    refused(&mut network, &operation, "ResourceAlreadyExists");
}

#[test]
fn put_gateway_refused() {
    let mut network = good(&lending(), Semantics::default());
    let nowhere = put_gateway(&network, vpn("second", "far"));
    refused(&mut network, &nowhere, "GatewaySubnetNotFound"); // GW-01
    let second = put_gateway(&network, vpn("second", "hub"));
    refused(&mut network, &second, "VnetAlreadyHasGateway");
    let bad = VirtualNetworkGateway { asn: Some(0.into()), ..vpn("second", "spoke") };
    let bad = put_gateway(&network, bad);
    refused(&mut network, &bad, "InvalidRequestFormat"); // GW-12
    let express_route = put_gateway(&network, gateway("er", "hub", GatewayType::ExpressRoute));
    accepted(&mut network, &express_route);
    let borrow = put_with(&network, "spoke", "s", "hub", borrows);
    accepted(&mut network, &borrow);
    let own = put_gateway(&network, vpn("own", "spoke"));
    refused(&mut network, &own, "VnetUsesRemoteGateways"); // PEER-09

    let mut old = good(&lending(), of_2017());
    let express_route = put_gateway(&old, gateway("er", "hub", GatewayType::ExpressRoute));
    refused(&mut old, &express_route, "VnetAlreadyHasGateway"); // GW-23
}

#[test]
fn a_public_address_has_one_owner() {
    let mut draft = draft();
    draft.network_interfaces[0].ip_configurations[0].public_ip_address = Some(text("pip"));
    let mut network = good(&draft, Semantics::default());
    let mut gateway = vpn("gw", "hub");
    let config = GatewayIpConfiguration { private_ip_address: None, public_ip_address: Some(text("pip")) };
    gateway.ip_configurations.push(config);
    let operation = put_gateway(&network, gateway);
    refused(&mut network, &operation, "PublicIPAddressInUse"); // ADDR-06
}

#[test]
fn delete_gateway() {
    let mut network = good(&lending(), Semantics::default());
    let gone = |name: &str| Operation::from(OperationKind::DeleteGateway(text(name)));
    refused(&mut network, &gone("none"), "ResourceNotFound");
    refused(&mut network, &gone("gw"), "InUseByConnections");
    accepted(&mut network, &OperationKind::DeleteConnection(text("tunnel")).into());
    let borrow = put_with(&network, "spoke", "s", "hub", borrows);
    accepted(&mut network, &borrow);
    refused(&mut network, &gone("gw"), "InUseByPeerings"); // PEER-09
    let asked = put(&network, "spoke", "s", "hub");
    accepted(&mut network, &asked);
    accepted(&mut network, &gone("gw"));
    refused(&mut network, &gone("gw"), "ResourceNotFound");
    assert!(network.addresses_of(HUB).iter().all(|(address, _)| address.to_string() != "10.10.255.4"));
    let again = put_gateway(&network, vpn("gw", "hub"));
    accepted(&mut network, &again);
    assert_eq!(network.gateway_named("gw").map(|id| id.0), Some(1), "ids are not used again");
}

#[test]
fn the_clients_of_a_gateway_go_with_it() {
    let mut draft = draft();
    draft.virtual_network_gateways.push(vpn("gw", "hub"));
    draft.virtual_network_gateways[0].client_address_pool = vec![block("172.31.0.0/24")];
    let mut network = good(&draft, Semantics::default());
    accepted(&mut network, &OperationKind::DeleteGateway(text("gw")).into());
    assert!(network.connections().iter().all(|connection| connection.deleted));
}

fn put_connection(connection: vnetsim_model::draft::Connection) -> Operation {
    OperationKind::PutConnection(Box::new(connection)).into()
}

#[test]
fn put_connection_creates_and_updates() {
    let mut network = good(&lending(), Semantics::default());
    accepted(&mut network, &put_connection(tunnel("second", "gw", "branch")));
    let mut down = tunnel("TUNNEL", "gw", "onprem");
    (down.up, down.enable_bgp) = (Some(false.into()), Some(true.into()));
    accepted(&mut network, &put_connection(down));
    let id = network.connection_named("tunnel").expect("a connection");
    assert_eq!((id.0, network[id].up, network[id].bgp), (0, false, true));
    refused(&mut network, &put_connection(tunnel("tunnel", "gw", "branch")), "ConnectionEndsCannotChange");
    refused(&mut network, &put_connection(tunnel("third", "none", "branch")), "ResourceNotFound");
    let far = connection("v2v", "gw", ConnectionEnd::VirtualNetworkGateway(text("none")));
    refused(&mut network, &put_connection(far), "ResourceNotFound");
    let itself = connection("v2v", "gw", ConnectionEnd::VirtualNetworkGateway(text("gw")));
    refused(&mut network, &put_connection(itself), "InvalidRequestFormat");
}

#[test]
fn put_connection_to_a_gateway_made_before() {
    let mut network = good(&lending(), Semantics::default());
    let spoke = put_gateway(&network, vpn("gw-spoke", "spoke"));
    accepted(&mut network, &spoke);
    let there = connection("there", "gw", ConnectionEnd::VirtualNetworkGateway(text("gw-spoke")));
    accepted(&mut network, &put_connection(there));
    let back = connection("back", "gw-spoke", ConnectionEnd::VirtualNetworkGateway(text("gw")));
    accepted(&mut network, &put_connection(back));
    let gateway = network.gateway_named("gw-spoke").expect("a gateway");
    let ends: Vec<_> = network.connections_of(gateway).map(|(.., end)| end).collect();
    assert_eq!(ends, [End::Gateway(network.gateway_named("gw").expect("a gateway"))], "one tunnel"); // JSON-11
}

#[test]
fn delete_connection() {
    let mut network = good(&lending(), Semantics::default());
    let gone = |name: &str| Operation::from(OperationKind::DeleteConnection(text(name)));
    refused(&mut network, &gone("none"), "ResourceNotFound");
    accepted(&mut network, &gone("Tunnel"));
    refused(&mut network, &gone("tunnel"), "ResourceNotFound");
}

#[test]
fn settings_of_nics_and_machines() {
    let mut network = network();
    accepted(&mut network, &OperationKind::SetIpForwarding(NicId(0), true.into()).into());
    assert!(network.nics()[0].enable_ip_forwarding.value); // FAB-11
    let stop = Operation::from(OperationKind::SetRunning(VmId(0), false));
    assert_eq!(stop.stops_vm(), Some(VmId(0)));
    accepted(&mut network, &stop);
    assert!(!network.vms()[0].running);
    assert_eq!(network.addresses_of(HUB).len(), 1, "a stopped machine keeps its address"); // ADDR-07
    let start = Operation::from(OperationKind::SetRunning(VmId(0), true));
    assert_eq!(start.stops_vm(), None);
    accepted(&mut network, &start);
    assert!(network.vms()[0].running);
}

#[test]
fn associations_come_and_go() {
    let mut network = network();
    let snet = SubnetId(0);
    let (rt, group) = (At::from(RouteTableId(0)), At::from(NsgId(0)));
    accepted(&mut network, &OperationKind::SetRouteTable(snet, Some(rt)).into());
    accepted(&mut network, &OperationKind::SetNsg(NsgTarget::Subnet(snet), Some(group.clone())).into());
    accepted(&mut network, &OperationKind::SetNsg(NsgTarget::Nic(NicId(0)), Some(group)).into());
    assert!(network[snet].route_table.is_some() && network[snet].nsg.is_some());
    assert!(network.nics()[0].nsg.is_some());
    accepted(&mut network, &OperationKind::SetRouteTable(snet, None).into());
    accepted(&mut network, &OperationKind::SetNsg(NsgTarget::Subnet(snet), None).into());
    accepted(&mut network, &OperationKind::SetNsg(NsgTarget::Nic(NicId(0)), None).into());
    assert!(network[snet].route_table.is_none() && network[snet].nsg.is_none());
    assert!(network.nics()[0].nsg.is_none());
}
