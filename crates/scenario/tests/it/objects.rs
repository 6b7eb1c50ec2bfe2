//! What the properties of objects, traffic, operations and expectations become, one by one.

use std::net::IpAddr;

use vnetsim_model::{
    Access, Cloud, ConnectionEnd, FabricFragment, GatewayType, HubRoutingPreference, LbTarget, Network,
    NsgTarget, OperationKind, PeeringScope, PeeringState, PeeringSyncLevel, PrivateEndpointPolicies,
    ProbeProtocol, Role, SiteKind, VpnType,
};
use vnetsim_scenario::{OperationResult, Range, Scenario, Subject};
use vnetsim_types::{IpProtocol, NicId, Place, ProtoPort, SimTime};

use crate::common::{FULL, good, meaning};

fn network() -> Network {
    good(FULL).network
}

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

#[test]
fn rights() {
    let network = network();
    let main = &network.subscriptions()[0];
    assert_eq!((main.name.as_str(), main.tenant.as_str(), main.cloud), ("main", "tenant-1", Cloud::Public));
    assert_eq!(
        (main.features.as_slice(), main.peerings_per_vnet),
        (&["allowglobalvnetpeering".to_owned()][..], Some(600))
    );
    assert_eq!(network.vnets()[0].subscription, 0, "hub names it");
    assert_ne!(network.vnets()[1].subscription, 0, "s1 names none");
    let said = meaning(&network);
    assert!(said.contains("virtualNetworkPeerings/read"), "the custom role");
    assert!(said.contains(r#"principal: "reader", role: "link reader", scope: Some("main")"#));
}

#[test]
fn links_of_subnet_peering() {
    let network = network();
    let named = |name: &str| network.peerings().iter().find(|link| link.name.value == name).unwrap();
    let subnet = |path: &str| network.subnets().iter().position(|s| s.name.value == path).unwrap();
    let PeeringScope::Subnets { local, remote } = &named("s2-to-lab").scope else { panic!("subnet peering") };
    assert_eq!((local[0].ix(), remote[0].ix()), (subnet("snet-b"), subnet("snet-l")));
    assert_eq!(named("s1-to-hub").scope, PeeringScope::Complete);
    assert!(!named("s2-to-lab").only_ipv6 && !named("s1-to-hub").do_not_verify_remote_gateways);
}

#[test]
fn private_endpoints() {
    let network = network();
    let addresses: Vec<_> = network.private_endpoints().iter().map(|e| e.address).collect();
    assert_eq!(addresses, [ip("10.30.1.10"), ip("10.30.1.11")]);
    assert_eq!(network.private_endpoints()[0].asgs.len(), 1);
    let home = &network[network.private_endpoints()[0].subnet];
    assert_eq!(home.private_endpoint_policies, PrivateEndpointPolicies::RouteTableEnabled);
}

#[test]
fn balancers() {
    let network = network();
    let [internal, public] = network.load_balancers() else { panic!("two balancers") };
    let probe = &internal.probes[0];
    assert_eq!((probe.protocol, probe.port), (ProbeProtocol::Tcp, Some(22)));
    let rule = &internal.rules[0];
    assert_eq!(
        (rule.probe, rule.idle_timeout, rule.disable_outbound_snat),
        (Some(0), SimTime::from_secs(240), true)
    );
    let nat = &public.rules[0];
    let fw = network.nic_named("fw").unwrap();
    assert_eq!((nat.target, nat.frontend_port, nat.backend_port), (LbTarget::Nic(fw, Some(0)), 2222, 22));
    let outbound = &public.outbound_rules[0];
    assert_eq!((outbound.frontends.as_slice(), outbound.pool, outbound.ports), (&[0][..], 0, Some(1024)));
    assert_eq!(public.pools[0], [(fw, 0)]);
}

#[test]
fn guests() {
    let network = network();
    let fw = network.vms().iter().find(|vm| vm.name.value == "fw").unwrap();
    assert_eq!((fw.guest.role, fw.guest.mtu), (Role::Firewall, 9000));
    let [web, rest] = fw.guest.policy.as_deref().unwrap() else { panic!("two rules") };
    assert_eq!((web.access, rest.access), (Access::Allow, Access::Deny));
    assert_eq!(web.source, ["10.30.0.0/16".parse().unwrap()]);
    assert_eq!(web.destination, ["10.40.0.0/16".parse().unwrap()], "a single block needs no brackets");
    let any_udp = ProtoPort { protocol: IpProtocol::UDP, port: 0 };
    assert_eq!(web.ports, ["tcp/443".parse().unwrap(), any_udp, "icmp".parse().unwrap()]);
    assert!(rest.source.is_empty() && rest.destination.is_empty() && rest.ports.is_empty());
    assert_eq!(network.vms()[2].size.as_deref(), Some("Standard_B1s"));
}

#[test]
fn gateways_and_what_they_connect() {
    let network = network();
    let [gw, er, lab] = network.gateways() else { panic!("three gateways") };
    assert_eq!((gw.kind, gw.vpn_type, gw.asn), (GatewayType::Vpn, VpnType::RouteBased, 65_515));
    assert_eq!(
        (gw.sku.as_deref(), er.sku.as_deref(), er.kind),
        (Some("VpnGw1"), Some("Standard"), GatewayType::ExpressRoute)
    );
    assert_eq!(gw.instances[0].address, ip("10.10.255.5"));
    let public = |gateway: &vnetsim_model::Gateway| {
        gateway.instances.iter().filter(|i| i.public_address.is_some()).count()
    };
    assert_eq!((public(gw), public(er), public(lab)), (1, 1, 2), "one instance, and two when active-active");
    let clients = network.sites().iter().find(|site| site.kind == SiteKind::Clients).unwrap();
    assert_eq!(clients.prefixes[0].value, "172.16.0.0/24".parse().unwrap());
    let site = &network.sites()[0];
    assert_eq!((site.asn, site.bgp_peering_address), (Some(65_001), Some(ip("192.168.0.1"))));
    assert_eq!(site.advertised[0].value, "192.168.0.0/17".parse().unwrap());
    let circuit = &network.sites()[1];
    assert_eq!((circuit.kind, circuit.known_prefixes.as_ref().map(Vec::len)), (SiteKind::Circuit, Some(1)));
    let connection = |name: &str| &network[network.connection_named(name).unwrap()];
    let site_of = |name: &str| match connection(name).end {
        ConnectionEnd::Site(site) => network[site].name.value.clone(),
        ConnectionEnd::Gateway(gateway) => network[gateway].name.value.clone(),
    };
    assert_eq!(
        (site_of("s2s"), site_of("v2v"), site_of("private")),
        ("onprem".into(), "gw-lab".into(), "circuit".into())
    );
    assert_eq!(
        (connection("s2s").bgp, connection("v2v").bgp, connection("private").bgp),
        (true, false, true)
    );
    assert!(connection("s2s").up && connection("v2v").up);
}

#[test]
fn a_network_beside_the_addresses_of_a_gateway() {
    let text = |gateway: &str| {
        format!(
            "network:\n  virtualNetworks: [{{name: v, addressSpace: {{addressPrefixes: [10.0.0.0/16]}}, \
             subnets: [{{name: GatewaySubnet, addressPrefix: 10.0.0.0/27}}]}}]\n  \
             publicIPAddresses: [{{name: a, ipAddress: 203.0.113.1}}, {{name: b, ipAddress: 203.0.113.2}}]\n  \
             virtualNetworkGateways: [{{name: g, gatewayType: Vpn, {gateway}}}]\n"
        )
    };
    let of = |gateway: &str| meaning(&good(&text(gateway)).network);
    let arm = of("ipConfigurations: [{name: c, subnet: v/GatewaySubnet, publicIPAddress: a}, \
                  {name: d, subnet: v/gatewaysubnet, publicIPAddress: b}]");
    assert_eq!(of("virtualNetwork: v, ipConfigurations: [{publicIPAddress: a}, {publicIPAddress: b}]"), arm);
    assert_eq!(of("virtualNetwork: v, publicIPAddresses: [a, b]"), arm);
    assert_eq!(
        of("virtualNetwork: v, ipConfigurations: [{name: c}, {name: d}], publicIPAddresses: [a, b]"),
        arm
    );
}

#[test]
fn route_servers() {
    let network = network();
    let server = &network.route_servers()[0];
    assert!(server.branch_to_branch);
    assert_eq!((server.preference, server.peers[0].asn), (HubRoutingPreference::AsPath, 65_010));
    let route = &server.peers[0].routes[0];
    assert_eq!((route.next_hop, route.as_path.as_slice()), (ip("10.10.0.100"), &[65_010, 65_020][..]));
}

#[test]
fn switches() {
    assert_eq!(network().semantics().fabric_fragment, FabricFragment::At1400);
}

#[test]
fn traffic() {
    let scenario = good(FULL);
    let burst = &scenario.traffic[2];
    assert_eq!(burst.protocol.protocol, IpProtocol(47));
    assert!(burst.one_way && burst.dont_fragment);
    assert_eq!((burst.ttl, burst.payload_bytes), (32, 1000));
    assert_eq!(burst.from.address, ip("10.20.0.99"), "the lie");
    assert_eq!(burst.from.place, Place::Nic(scenario.network.nic_named("vm1").unwrap()), "the truth");
    assert!(matches!(burst.to.place, Place::PrivateEndpoint(_)));
    let web = &scenario.traffic[0];
    assert_eq!((web.one_way, web.dont_fragment, web.ttl), (false, false, 64), "the defaults");
}

#[test]
fn protocols_by_name_and_by_number() {
    let words = ["tcp/443", "udp/53", "icmp", "esp", "ah", "gre", "ipip", "ip/47", "IP/50", "ip/132"];
    let rest: String =
        words.iter().map(|w| format!("- {{name: {w}, from: a, to: b, protocol: {w}}}\n")).collect();
    let scenario = good(&format!(
        "network: {{virtualNetworks: [{{name: v, addressSpace: {{addressPrefixes: [10.0.0.0/16]}}, subnets: \
         [{{name: s, addressPrefix: 10.0.0.0/24}}]}}], virtualMachines: [{{name: a, subnet: v/s}}, {{name: b, subnet: v/s}}]}}\n\
         traffic:\n{rest}"
    ));
    let numbers: Vec<u8> = scenario.traffic.iter().map(|t| t.protocol.protocol.0).collect();
    assert_eq!(numbers, [6, 17, 1, 50, 51, 47, 4, 47, 50, 132]);
}

/// The operation that happens at a second.
fn at(scenario: &Scenario, second: u64) -> &OperationKind {
    let op = scenario.timeline.iter().find(|op| op.at == SimTime::from_secs(second)).unwrap();
    &op.operation.kind
}

#[test]
fn operations() {
    let scenario = good(FULL);
    let at = |second| at(&scenario, second);
    let vm1 = scenario.network.nic_named("vm1").unwrap();
    assert!(matches!(at(11), OperationKind::SetNsg(NsgTarget::Nic(nic), Some(_)) if *nic == vm1));
    assert!(matches!(at(12), OperationKind::PutRoute(_, route) if route.next_hop_type.value == "None"));
    assert!(matches!(at(13), OperationKind::DeleteRoute(_, name) if name.value == "drop"));
    assert!(matches!(at(14), OperationKind::PutSecurityRule(_, rule) if rule.priority.value == 400));
    assert!(matches!(at(15), OperationKind::DeleteSecurityRule(_, name) if name.value == "ssh"));
    assert!(matches!(at(16), OperationKind::SetIpForwarding(nic, on) if *nic == NicId::new(0) && !on.value));
    assert!(matches!(at(17), OperationKind::SetAddressSpace(_, space) if space.len() == 1));
    assert!(matches!(at(18), OperationKind::DeleteConnection(name) if name.value == "v2v"));
    assert!(matches!(at(19), OperationKind::DeleteGateway(name) if name.value == "gw-lab"));
    assert!(matches!(at(20), OperationKind::PutGateway { gateway, .. } if gateway.name.value == "gw-lab"));
    assert!(matches!(at(21), OperationKind::PutConnection(c) if c.up.as_ref().is_some_and(|up| !up.value)));
    assert!(matches!(at(22), OperationKind::DeleteVnet(vnet) if vnet.ix() == 3));
    let widen = scenario.timeline.iter().find(|op| op.name.is_some()).unwrap();
    assert_eq!(widen.name.as_ref().map(|name| name.as_str()), Some("widen"));
    assert_eq!(widen.operation.principal.as_deref(), Some("reader"));
    assert!(scenario.timeline[0].operation.principal.is_none(), "somebody with every right");
}

#[test]
fn expectations() {
    let scenario = good(FULL);
    let [burst, operation, peering, bill] = &scenario.expect[5..9] else { panic!("four of the new ones") };
    let Subject::Traffic(burst) = &burst.subject else { panic!("about traffic") };
    assert_eq!(burst.delivered.as_ref().unwrap().value, Range { min: Some(0), max: Some(1) });
    assert_eq!(burst.backend.as_ref().unwrap()[0].value, "vm2");
    let switches = burst.depends_on.as_ref().unwrap().iter().map(|s| s.as_str()).collect::<Vec<_>>();
    assert_eq!(switches, ["forwarded_model", "ttl_gateway"], "one spelling comes out");
    let Subject::Operation(operation) = &operation.subject else { panic!("about an operation") };
    assert_eq!((operation.operation.as_str(), operation.result.value), ("widen", OperationResult::Refused));
    assert_eq!(operation.error_code.as_ref().unwrap().value, "AuthorizationFailed");
    let Subject::Peering(peering) = &peering.subject else { panic!("about a link") };
    assert_eq!(peering.exists.as_ref().map(|e| e.value), Some(true));
    assert_eq!(peering.peering_sync_level.as_ref().unwrap().value, PeeringSyncLevel::FullyInSync);
    assert!(peering.peering_state.is_none());
    let Subject::Bill(bill) = &bill.subject else { panic!("about a bill") };
    assert_eq!(bill.egress_bytes.as_ref().unwrap().value, Range { min: Some(1000), max: Some(1000) });
    assert_eq!(bill.ingress_bytes.as_ref().unwrap().value, Range { min: None, max: Some(2000) });
    assert_eq!(bill.cost_usd.as_ref().unwrap().value, Range { min: Some(0.0), max: Some(0.01) });
}

#[test]
fn a_code_alone_expects_a_refusal() {
    let text = format!(
        "{FULL}  - {{operation: widen, errorCode: X}}\n  - {{peering: hub/hub-to-s1, peeringState: Initiated}}\n"
    );
    let scenario = good(&text);
    let Subject::Operation(operation) = &scenario.expect[12].subject else { panic!("about an operation") };
    assert_eq!(operation.result.value, OperationResult::Refused);
    let Subject::Peering(peering) = &scenario.expect[13].subject else { panic!("about a link") };
    assert_eq!(peering.peering_state.as_ref().unwrap().value, PeeringState::Initiated);
}

#[test]
fn ranges_say_what_they_hold() {
    let held = Range { min: Some(2), max: Some(4) };
    assert_eq!([1, 2, 4, 5].map(|number| held.contains(number)), [false, true, true, false]);
    assert_eq!(held.to_string(), "2 to 4");
    assert_eq!(Range { min: Some(2), max: None }.to_string(), "at least 2");
    assert_eq!(Range { min: None, max: Some(0.5) }.to_string(), "at most 0.5");
    assert_eq!(Range { min: Some(3), max: Some(3) }.to_string(), "3");
}
