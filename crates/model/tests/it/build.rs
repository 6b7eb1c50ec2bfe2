//! Short words for drafts, networks and operations.

use std::net::IpAddr;

use vnetsim_model::{
    Access, Checked, Era, GatewayType, Network, Operation, OperationKind, RuleProtocol, Semantics, check,
    draft::{
        Connection, ConnectionEnd, Draft, IpConfiguration, LocalNetworkGateway, NetworkInterface,
        NetworkSecurityGroup, Peering, PublicIpAddress, Route, RouteTable, RuleSide, SecurityRule, Subnet,
        VirtualMachine, VirtualNetwork, VirtualNetworkGateway,
    },
};
use vnetsim_types::{At, Direction, IpNet, Severity, Span, VnetId};

/// No codes.
pub(crate) const FINE: [&str; 0] = [];

pub(crate) fn text(name: &str) -> At<String> {
    name.to_owned().into()
}

pub(crate) fn block(text: &str) -> At<IpNet> {
    text.parse::<IpNet>().expect("a block").into()
}

pub(crate) fn vnet(name: &str, blocks: &[&str]) -> VirtualNetwork {
    let address_prefixes = blocks.iter().map(|text| block(text)).collect();
    VirtualNetwork { name: text(name), address_prefixes, ..VirtualNetwork::default() }
}

pub(crate) fn subnet(name: &str, prefix: &str) -> Subnet {
    Subnet { name: text(name), address_prefixes: vec![block(prefix)], ..Subnet::default() }
}

/// The network that most drafts start from: `hub` with a subnet for machines and those of gateways and route servers.
pub(crate) fn hub() -> VirtualNetwork {
    let subnets = vec![
        subnet("snet", "10.10.0.0/24"),
        subnet("GatewaySubnet", "10.10.255.0/27"),
        subnet("RouteServerSubnet", "10.10.254.0/27"),
    ];
    VirtualNetwork { subnets, ..vnet("hub", &["10.10.0.0/16"]) }
}

pub(crate) fn hub_draft() -> Draft {
    Draft { virtual_networks: vec![hub()], ..Draft::default() }
}

pub(crate) fn of_2017() -> Semantics {
    Semantics::of(Era::Y2017)
}

pub(crate) fn address(text: &str) -> At<IpAddr> {
    text.parse::<IpAddr>().expect("an address").into()
}

pub(crate) fn public(name: &str) -> PublicIpAddress {
    PublicIpAddress { name: text(name), ip_address: None }
}

/// A NIC with one ipConfiguration in `subnet`, given as `vnet/subnet`.
pub(crate) fn nic(name: &str, subnet: &str) -> NetworkInterface {
    let config = IpConfiguration { name: text("ip"), subnet: text(subnet), ..IpConfiguration::default() };
    NetworkInterface { name: text(name), ip_configurations: vec![config], ..NetworkInterface::default() }
}

/// A machine with these NICs.
pub(crate) fn vm(name: &str, nics: &[&str]) -> VirtualMachine {
    let network_interfaces = nics.iter().map(|nic| text(nic)).collect();
    VirtualMachine { name: text(name), network_interfaces, ..VirtualMachine::default() }
}

/// A route to None, whose prefix may be a service tag.
pub(crate) fn route(name: &str, prefix: &str) -> Route {
    let (address_prefix, next_hop_type) = (text(prefix), text("None"));
    Route { name: text(name), address_prefix, next_hop_type, ..Route::default() }
}

pub(crate) fn table(name: &str, routes: Vec<Route>) -> RouteTable {
    RouteTable { name: text(name), routes, ..RouteTable::default() }
}

/// Deny everything inbound.
pub(crate) fn rule(name: &str, priority: u64) -> SecurityRule {
    SecurityRule {
        span: Span::default(),
        name: text(name),
        priority: priority.into(),
        direction: Direction::Inbound.into(),
        access: Access::Deny.into(),
        protocol: RuleProtocol::Any.into(),
        source: RuleSide::default(),
        destination: RuleSide::default(),
    }
}

pub(crate) fn nsg(name: &str, security_rules: Vec<SecurityRule>) -> NetworkSecurityGroup {
    NetworkSecurityGroup { name: text(name), security_rules, ..NetworkSecurityGroup::default() }
}

pub(crate) fn site(name: &str, prefixes: &[&str]) -> LocalNetworkGateway {
    let address_prefixes = prefixes.iter().map(|text| block(text)).collect();
    LocalNetworkGateway { name: text(name), address_prefixes, ..LocalNetworkGateway::default() }
}

pub(crate) fn connection(name: &str, gateway: &str, end: ConnectionEnd) -> Connection {
    Connection {
        span: Span::default(),
        name: text(name),
        virtual_network_gateway: text(gateway),
        end,
        enable_bgp: None,
        up: None,
    }
}

/// A connection to a local network gateway.
pub(crate) fn tunnel(name: &str, gateway: &str, site: &str) -> Connection {
    connection(name, gateway, ConnectionEnd::LocalNetworkGateway(text(site)))
}

pub(crate) fn link(name: &str, to: &str) -> Peering {
    Peering { name: text(name), remote_virtual_network: text(to), ..Peering::default() }
}

pub(crate) fn gateway(name: &str, vnet: &str, kind: GatewayType) -> VirtualNetworkGateway {
    VirtualNetworkGateway {
        span: Span::default(),
        name: text(name),
        gateway_type: kind.into(),
        virtual_network: text(vnet),
        ip_configurations: Vec::new(),
        active_active: None,
        vpn_type: None,
        sku: None,
        asn: None,
        client_address_pool: Vec::new(),
    }
}

/// The network, which must have no error.
pub(crate) fn good(draft: &Draft, semantics: Semantics) -> Network {
    let Checked { network, problems } = check(draft, semantics);
    network.unwrap_or_else(|| panic!("{problems:#?}"))
}

/// Codes of the errors of a draft that must have some.
pub(crate) fn errors(draft: &Draft, semantics: Semantics) -> Vec<&'static str> {
    let checked = check(draft, semantics);
    assert!(checked.network.is_none(), "no error");
    codes(&checked, Severity::Error)
}

/// Codes of the warnings of a draft that must have no error.
pub(crate) fn warnings(draft: &Draft) -> Vec<&'static str> {
    let checked = check(draft, Semantics::default());
    assert!(checked.network.is_some(), "{:#?}", checked.problems);
    codes(&checked, Severity::Warning)
}

fn codes(checked: &Checked, severity: Severity) -> Vec<&'static str> {
    checked.problems.iter().filter(|p| p.severity == severity).map(|p| p.code).collect()
}

pub(crate) fn id(network: &Network, vnet: &str) -> VnetId {
    let position = network.vnets().iter().position(|v| v.name.value == vnet);
    VnetId::new(position.unwrap_or_else(|| panic!("no network {vnet}")))
}

/// Create or update the link `name` from one network to another.
pub(crate) fn put(network: &Network, from: &str, name: &str, to: &str) -> Operation {
    put_with(network, from, name, to, |_| {})
}

pub(crate) fn put_with(
    network: &Network,
    from: &str,
    name: &str,
    to: &str,
    flags: impl FnOnce(&mut Peering),
) -> Operation {
    let mut peering = link(name, to);
    flags(&mut peering);
    let (vnet, remote) = (id(network, from), id(network, to));
    OperationKind::PutPeering { vnet, remote, peering: Box::new(peering) }.into()
}

pub(crate) fn delete(network: &Network, from: &str, name: &str) -> Operation {
    OperationKind::DeletePeering(id(network, from), text(name)).into()
}

pub(crate) fn sync(network: &Network, from: &str, name: &str) -> Operation {
    OperationKind::SyncPeering(id(network, from), text(name)).into()
}

pub(crate) fn space(network: &Network, vnet: &str, blocks: &[&str]) -> Operation {
    OperationKind::SetAddressSpace(id(network, vnet), blocks.iter().map(|text| block(text)).collect()).into()
}

/// Codes of the problems, errors and warnings, of a modern draft that `change` makes of the hub's.
pub(crate) fn problems(change: impl FnOnce(&mut Draft)) -> Vec<&'static str> {
    let mut draft = hub_draft();
    change(&mut draft);
    check(&draft, Semantics::default()).problems.iter().map(|problem| problem.code).collect()
}

pub(crate) fn accepted(network: &mut Network, operation: &Operation) {
    if let Err(refusal) = network.apply(operation) {
        panic!("{operation:?}: {refusal:?}");
    }
}

/// Refused with that code, and nothing changed.
pub(crate) fn refused(network: &mut Network, operation: &Operation, code: &str) {
    let before = format!("{network:?}");
    let refusal = network.apply(operation).expect_err("a refusal");
    assert_eq!(refusal.code, code, "{}", refusal.message);
    assert!(!refusal.message.is_empty());
    assert_eq!(before, format!("{network:?}"), "a refused operation changed something");
}
