//! Timeline entries become operations: names that last become ids, names that come and go stay names, and what leads
//! nowhere is a problem with a suggestion.

use vnetsim_model::{
    GatewayType, Network, NsgTarget, Operation, OperationKind, PeeringState, Semantics,
    draft::{Change, ConnectionEnd, Draft, NsgPlace, Peering, SecurityRule, TimelineEntry},
};
use vnetsim_types::{At, NicId, NsgId, RouteTableId, SimTime, Span, SubnetId, VmId, VnetId};

use crate::build::{
    FINE, block, connection, gateway, good, hub_draft, link, nic, nsg, route, rule, site, subnet, table,
    text, tunnel, vm, vnet,
};

fn network() -> Network {
    let mut spoke = vnet("spoke", &["10.20.0.0/16"]);
    spoke.subnets.push(subnet("snet", "10.20.0.0/24"));
    let mut draft = hub_draft();
    draft.virtual_networks.push(spoke);
    draft.network_interfaces = vec![nic("nic-a", "hub/snet"), nic("nic-b", "hub/snet")];
    draft.virtual_machines.push(vm("machine", &["nic-b"]));
    draft.route_tables.push(table("rt", Vec::new()));
    draft.network_security_groups.push(nsg("nsg", Vec::new()));
    draft.local_network_gateways.push(site("onprem", &["192.168.0.0/16"]));
    good(&draft, Semantics::default())
}

fn entry(change: Change) -> TimelineEntry {
    TimelineEntry {
        span: Span::default(),
        at: SimTime::ZERO.into(),
        name: None,
        principal: Some(text("alice")),
        change,
    }
}

fn kind(change: Change) -> OperationKind {
    let network = network();
    let operation = Operation::resolve(&network, &entry(change)).expect("names that exist");
    assert_eq!(operation.principal.as_deref(), Some("alice"));
    operation.kind
}

/// Code and message of the problems, with the help behind them.
fn problems(change: Change) -> Vec<String> {
    match Operation::resolve(&network(), &entry(change)) {
        Ok(_) => Vec::new(),
        Err(problems) => problems.iter().map(|p| format!("{} {} ({})", p.code, p.message, p.help)).collect(),
    }
}

/// The only problem.
fn problem(change: Change) -> String {
    let mut all = problems(change);
    assert_eq!(all.len(), 1, "{all:#?}");
    all.remove(0)
}

fn put_peering(vnet: &str, peering: Peering) -> Change {
    Change::PutPeering { virtual_network: text(vnet), peering }
}

#[test]
fn names_that_last_become_ids() {
    let OperationKind::PutPeering { vnet, remote, .. } = kind(put_peering("HUB", link("h", "Spoke"))) else {
        panic!("a link");
    };
    assert_eq!((vnet, remote), (VnetId(0), VnetId(1))); // JSON-15: case does not count
    assert!(matches!(
        kind(Change::DeleteVirtualNetwork(text("spoke"))),
        OperationKind::DeleteVnet(VnetId(1))
    ));
    let space = Change::SetAddressSpace {
        virtual_network: text("spoke"),
        address_prefixes: vec![block("10.21.0.0/16")],
    };
    assert!(matches!(kind(space), OperationKind::SetAddressSpace(VnetId(1), blocks) if blocks.len() == 1));
    let put = Change::PutRoute { route_table: text("RT"), route: Box::new(route("r", "10.9.0.0/16")) };
    assert!(matches!(kind(put), OperationKind::PutRoute(RouteTableId(0), _)));
    let put = Change::PutSecurityRule { network_security_group: text("nsg"), rule: Box::new(rule("r", 100)) };
    assert!(matches!(kind(put), OperationKind::PutSecurityRule(NsgId(0), _)));
    assert!(matches!(kind(Change::StopVm(text("machine"))), OperationKind::SetRunning(VmId(0), false)));
    assert!(matches!(kind(Change::StartVm(text("machine"))), OperationKind::SetRunning(VmId(0), true)));
}

/// They would be warnings of the same object in the network.
#[test]
fn what_an_entry_puts_may_be_warned_of() {
    let warnings = |change| -> Vec<&str> {
        Operation::warnings(&network(), &entry(change)).iter().map(|problem| problem.code).collect()
    };
    let mut tagged = rule("r", 100);
    tagged.source.prefixes = vec![text("NoSuchTag")];
    let nsg = text("nsg");
    let put = Change::PutSecurityRule { network_security_group: nsg, rule: Box::new(tagged) };
    assert_eq!(warnings(put), ["UNKNOWN_SERVICE_TAG"]);
    let route = Box::new(route("r", "10.30.0.1/16"));
    assert_eq!(warnings(Change::PutRoute { route_table: text("rt"), route }), ["HOST_BITS"]);
    let address_prefixes = vec![block("10.20.0.1/16")];
    let set = Change::SetAddressSpace { virtual_network: text("spoke"), address_prefixes };
    assert_eq!(warnings(set), ["HOST_BITS"]);
    assert_eq!(warnings(Change::StopVm(text("machine"))), FINE);
}

#[test]
fn a_machine_stands_for_its_primary_nic() {
    for (name, expected) in [("nic-a", NicId(0)), ("nic-b", NicId(1)), ("machine", NicId(1))] {
        let forwarding = Change::SetIpForwarding { network_interface: text(name), enabled: true };
        let OperationKind::SetIpForwarding(nic, enabled) = kind(forwarding) else { panic!("forwarding") };
        assert_eq!((nic, enabled.value), (expected, true));
        let at = NsgPlace::NetworkInterface(text(name));
        let filter = Change::SetNetworkSecurityGroup { at, network_security_group: Some(text("nsg")) };
        let OperationKind::SetNsg(target, nsg) = kind(filter) else { panic!("a filter") };
        assert_eq!((target, nsg.map(|nsg| nsg.value)), (NsgTarget::Nic(expected), Some(NsgId(0))));
    }
}

#[test]
fn subnets_are_paths() {
    let associate = |subnet: &str, table: Option<&str>| Change::SetRouteTable {
        subnet: text(subnet),
        route_table: table.map(text),
    };
    let OperationKind::SetRouteTable(subnet, table) = kind(associate("spoke/SNET", Some("rt"))) else {
        panic!("an association");
    };
    assert_eq!((subnet, table.map(|t| t.value)), (SubnetId(3), Some(RouteTableId(0))));
    let none = kind(associate("hub/snet", None));
    assert!(matches!(none, OperationKind::SetRouteTable(SubnetId(0), None)));
    let said = problem(associate("hub/snett", None));
    assert_eq!(said, "UNKNOWN_REFERENCE no subnet is called `hub/snett` (did you mean `hub/snet`?)");
    assert_eq!(problems(associate("nowhere", Some("none"))).len(), 2, "both names are looked at");
}

/// Links, routes, rules, gateways and connections are looked up when the operation runs.
#[test]
fn names_that_come_and_go_stay_names() {
    let name = |kind: &OperationKind| match kind {
        OperationKind::DeletePeering(VnetId(0), name)
        | OperationKind::SyncPeering(VnetId(0), name)
        | OperationKind::DeleteRoute(RouteTableId(0), name)
        | OperationKind::DeleteSecurityRule(NsgId(0), name)
        | OperationKind::DeleteGateway(name)
        | OperationKind::DeleteConnection(name) => name.value.clone(),
        other => panic!("{other:?}"),
    };
    assert_eq!(name(&kind(Change::DeletePeering(text("hub/later")))), "later");
    assert_eq!(name(&kind(Change::SyncPeering(text("hub/later")))), "later");
    assert_eq!(name(&kind(Change::DeleteRoute(text("rt/later")))), "later");
    assert_eq!(name(&kind(Change::DeleteSecurityRule(text("nsg/later")))), "later");
    assert_eq!(name(&kind(Change::DeleteGateway(text("later")))), "later");
    assert_eq!(name(&kind(Change::DeleteConnection(text("later")))), "later");
    let tunnel = Change::PutConnection(Box::new(tunnel("c", "made-later", "onprem")));
    assert!(matches!(kind(tunnel), OperationKind::PutConnection(_)));
}

#[test]
fn a_child_is_named_with_its_parent() {
    for change in [
        Change::DeletePeering(text("later")),
        Change::SyncPeering(text("later")),
        Change::DeleteRoute(text("later")),
        Change::DeleteSecurityRule(text("later")),
    ] {
        assert!(problem(change).starts_with("BAD_VALUE `later` does not name a "));
    }
    let said = problem(Change::DeletePeering(text("hubb/later")));
    assert_eq!(said, "UNKNOWN_REFERENCE no virtual network is called `hubb` (did you mean `hub`?)");
}

#[test]
fn what_leads_nowhere_is_a_problem() {
    let unknown = |change| assert!(problem(change).starts_with("UNKNOWN_REFERENCE no "));
    unknown(put_peering("none", link("h", "spoke")));
    unknown(put_peering("hub", link("h", "none")));
    unknown(Change::DeleteVirtualNetwork(text("none")));
    unknown(Change::SetAddressSpace { virtual_network: text("none"), address_prefixes: Vec::new() });
    unknown(Change::PutRoute { route_table: text("none"), route: Box::new(route("r", "10.9.0.0/16")) });
    unknown(Change::DeleteRoute(text("none/r")));
    unknown(Change::DeleteSecurityRule(text("none/r")));
    unknown(Change::StartVm(text("nic-a")));
    unknown(Change::SetIpForwarding { network_interface: text("none"), enabled: true });
    let nowhere = Box::new(gateway("gw", "none", GatewayType::Vpn));
    unknown(Change::PutGateway(nowhere));
    unknown(Change::PutConnection(Box::new(tunnel("c", "gw", "none"))));
    let circuit = connection("c", "gw", ConnectionEnd::Circuit(text("onprem")));
    unknown(Change::PutConnection(Box::new(circuit)));
    let at = NsgPlace::Subnet(text("hub/none"));
    unknown(Change::SetNetworkSecurityGroup { at, network_security_group: None });
    let mut group = rule("r", 100);
    group.source.application_security_groups = vec![text("none")];
    let rule = Box::new(group);
    unknown(Change::PutSecurityRule { network_security_group: text("nsg"), rule });
}

#[test]
fn subnets_of_a_subnet_peering_are_looked_up() {
    let with = |local: &str, remote: &str| {
        let mut peering = link("h", "spoke");
        peering.peer_complete_vnets = Some(false.into());
        peering.local_subnet_names = vec![text(local)];
        peering.remote_subnet_names = vec![text(remote)];
        problems(put_peering("hub", peering))
    };
    assert_eq!(with("snet", "snet"), FINE);
    let said = ["UNKNOWN_REFERENCE no subnet of `spoke` is called `snat` (did you mean `snet`?)"];
    assert_eq!(with("snet", "snat"), said);
}

/// Only names are problems of the file; the rest is for the control plane to refuse at its moment.
#[test]
fn other_mistakes_are_refused_later() {
    let mut bad_gateway = gateway("gw", "spoke", GatewayType::Vpn); // no GatewaySubnet there
    bad_gateway.asn = Some(0.into());
    let bad_rule = SecurityRule { priority: 1.into(), ..rule("r", 100) };
    let mut no_sides = link("h", "spoke");
    no_sides.peer_complete_vnets = Some(false.into());
    for change in [
        Change::PutGateway(Box::new(bad_gateway)),
        Change::PutSecurityRule { network_security_group: text("nsg"), rule: Box::new(bad_rule) },
        Change::PutRoute { route_table: text("rt"), route: Box::new(route("r", "nonsense")) },
        put_peering("hub", no_sides),
    ] {
        let mut network = network();
        let operation = Operation::resolve(&network, &entry(change)).expect("names that exist");
        let operation = Operation { principal: None, ..operation };
        assert!(network.apply(&operation).is_err());
    }
}

/// JSON-03: read-only properties are not ignored in silence.
#[test]
fn a_request_cannot_set_what_azure_computes() {
    let mut state = link("h", "spoke");
    state.peering_state = Some(PeeringState::Connected.into());
    assert!(problem(put_peering("hub", state)).starts_with("READ_ONLY_PROPERTY "));
    let mut copy = link("h", "spoke");
    copy.remote_address_space = Some(vec![At::from(block("10.99.0.0/16").value)]);
    assert!(problem(put_peering("hub", copy)).starts_with("READ_ONLY_PROPERTY "));
}

#[test]
fn an_empty_network_has_no_names() {
    let network = good(&Draft::default(), Semantics::default());
    let change = Change::DeleteVirtualNetwork(text("hub"));
    assert!(Operation::resolve(&network, &entry(change)).is_err());
}
