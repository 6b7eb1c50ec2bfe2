//! Who may ask for what: the matrix of PEER-30, across subscriptions (PEER-29), models (PEER-28) and eras.

use vnetsim_model::{
    DeploymentModel, GatewayType, Network, NsgTarget, Operation, OperationKind, Semantics,
    draft::{Draft, RoleAssignment, RoleDefinition, Subscription, VirtualNetwork},
};
use vnetsim_types::{At, NicId, NsgId, RouteTableId, SubnetId, VmId, VnetId};

use crate::build::{
    accepted, delete, errors, gateway, good, hub, id, link, nic, nsg, of_2017, put, refused, route, rule,
    site, space, subnet, sync, table, text, tunnel, vm, vnet,
};

const LINK_WRITE: &str = "Microsoft.Network/virtualNetworks/virtualNetworkPeerings/write";
const LINK_DELETE: &str = "Microsoft.Network/virtualNetworks/virtualNetworkPeerings/delete";
const PEER: &str = "Microsoft.Network/virtualNetworks/peer/action";
const PEER_CLASSIC: &str = "Microsoft.ClassicNetwork/virtualNetworks/peer/action";

/// `hub` and its things in subscription `A`; `spoke` and the classic `old` in `B`. Alice has the given rights:
/// role and scope, everywhere where the scope is empty.
fn draft(rights: &[(&str, &str)]) -> Draft {
    let of = |name: &str, vnet: VirtualNetwork| VirtualNetwork { subscription: Some(text(name)), ..vnet };
    let mut spoke = vnet("spoke", &["10.20.0.0/16"]);
    spoke.subnets.push(subnet("GatewaySubnet", "10.20.255.0/27"));
    let mut old = vnet("old", &["10.40.0.0/16"]);
    old.deployment_model = Some(DeploymentModel::Classic.into());
    let mut centre = hub();
    (centre.subnets[0].route_table, centre.subnets[0].network_security_group) =
        (Some(text("rt")), Some(text("nsg")));
    Draft {
        virtual_networks: vec![of("A", centre), of("B", spoke), of("B", old)],
        network_interfaces: vec![nic("nic", "hub/snet")],
        virtual_machines: vec![vm("machine", &["nic"])],
        route_tables: vec![table("rt", vec![route("r", "10.50.0.0/16")])],
        network_security_groups: vec![nsg("nsg", vec![rule("r", 100)])],
        virtual_network_gateways: vec![gateway("gw", "hub", GatewayType::Vpn)],
        local_network_gateways: vec![site("onprem", &["192.168.0.0/16"])],
        connections: vec![tunnel("tunnel", "gw", "onprem")],
        subscriptions: ["A", "B"]
            .map(|name| Subscription { name: text(name), ..Subscription::default() })
            .to_vec(),
        role_assignments: rights.iter().map(|(role, scope)| assignment(role, scope)).collect(),
        ..Draft::default()
    }
}

fn assignment(role: &str, scope: &str) -> RoleAssignment {
    let scope = (!scope.is_empty()).then(|| text(scope));
    RoleAssignment { principal: text("alice"), role: text(role), scope }
}

fn with(rights: &[(&str, &str)]) -> Network {
    good(&draft(rights), Semantics::default())
}

/// A custom role per list of actions; scope as above.
fn with_actions(rights: &[(&[&str], &str)], semantics: Semantics) -> Network {
    let mut draft = draft(&[]);
    for (ix, (actions, scope)) in rights.iter().enumerate() {
        let name = format!("custom{ix}");
        let actions = actions.iter().map(|action| text(action)).collect();
        draft.role_definitions.push(RoleDefinition { name: text(&name), actions });
        draft.role_assignments.push(assignment(&name, scope));
    }
    good(&draft, semantics)
}

fn by(principal: &str, operation: Operation) -> Operation {
    Operation { principal: Some(principal.to_owned()), ..operation }
}

/// What Alice is told; `None` when it is done.
fn answer(network: &Network, operation: Operation) -> Option<&'static str> {
    let before = format!("{network:?}");
    let mut network = network.clone();
    let refusal = network.apply(&by("Alice", operation)).err().map(|refusal| refusal.code);
    assert!(refusal.is_none() || before == format!("{network:?}"), "a refusal changes nothing");
    refusal
}

fn peers(network: &Network, to: &str) -> Option<&'static str> {
    answer(network, put(network, "hub", "h", to))
}

const NO_RIGHT: Option<&str> = Some("AuthorizationFailed");
const NO_RIGHT_THERE: Option<&str> = Some("LinkedAuthorizationFailed");

#[test]
fn built_in_roles_on_a_resource_manager_pair() {
    for role in ["Network Contributor", "Owner", "Contributor"] {
        assert_eq!(peers(&with(&[(role, "")]), "spoke"), None, "{role}"); // S44: at least Network Contributor
        assert_eq!(peers(&with(&[(role, "hub"), (role, "spoke")]), "spoke"), None);
        assert_eq!(peers(&with(&[(role, "hub")]), "spoke"), NO_RIGHT_THERE, "PEER-29: rights on both");
        assert_eq!(peers(&with(&[(role, "spoke")]), "spoke"), NO_RIGHT);
    }
    for role in ["Reader", "Classic Network Contributor", "Virtual Machine Contributor"] {
        assert_eq!(peers(&with(&[(role, "")]), "spoke"), NO_RIGHT, "{role}");
        assert_eq!(peers(&with(&[("Owner", "hub"), (role, "spoke")]), "spoke"), NO_RIGHT_THERE, "{role}");
    }
    assert_eq!(peers(&with(&[]), "spoke"), NO_RIGHT);
}

#[test]
fn scopes_cover_what_is_below_them() {
    let role = "Network Contributor";
    assert_eq!(peers(&with(&[(role, "A"), (role, "B")]), "spoke"), None);
    assert_eq!(peers(&with(&[(role, "a"), (role, "SPOKE")]), "spoke"), None, "JSON-15");
    assert_eq!(peers(&with(&[(role, "A")]), "spoke"), NO_RIGHT_THERE);
    assert_eq!(peers(&with(&[(role, "B")]), "spoke"), NO_RIGHT);
    // A right on one subnet is not one on its virtual network.
    assert_eq!(peers(&with(&[(role, "hub/snet"), (role, "spoke")]), "spoke"), NO_RIGHT);
}

#[test]
fn a_classic_target_needs_the_classic_role() {
    let (arm, old) = ("Network Contributor", "Classic Network Contributor");
    assert_eq!(peers(&with(&[(arm, "hub"), (old, "old")]), "old"), None); // PEER-30
    assert_eq!(peers(&with(&[(arm, "hub"), (arm, "old")]), "old"), NO_RIGHT_THERE);
    assert_eq!(peers(&with(&[(old, "hub"), (old, "old")]), "old"), NO_RIGHT);
    assert_eq!(peers(&with(&[("Owner", "")]), "old"), None);
}

#[test]
fn custom_roles_name_single_actions() {
    let modern =
        |rights: &[(&[&str], &str)], to: &str| peers(&with_actions(rights, Semantics::default()), to);
    assert_eq!(modern(&[(&[LINK_WRITE], "hub"), (&[PEER], "spoke")], "spoke"), None); // PEER-30
    assert_eq!(modern(&[(&[PEER], "hub"), (&[LINK_WRITE], "spoke")], "spoke"), NO_RIGHT);
    assert_eq!(modern(&[(&[LINK_WRITE], "hub"), (&[LINK_WRITE], "spoke")], "spoke"), NO_RIGHT_THERE);
    assert_eq!(modern(&[(&[LINK_WRITE], "hub"), (&[PEER_CLASSIC], "old")], "old"), None);
    assert_eq!(modern(&[(&[LINK_WRITE], "hub"), (&[PEER], "old")], "old"), NO_RIGHT_THERE);
    assert_eq!(modern(&[(&[LINK_WRITE], "hub"), (&[PEER_CLASSIC], "spoke")], "spoke"), NO_RIGHT_THERE);
    let wildcards: [&[&str]; 4] = [
        &["*"],
        &["microsoft.network/virtualnetworks/*"],
        &["Microsoft.Network/*/write", "*/peer/action"],
        &["Microsoft.Network/virtualNetworks/*/write", "Microsoft.Network/virtualNetworks/peer/*"],
    ];
    for actions in wildcards {
        assert_eq!(modern(&[(actions, "")], "spoke"), None, "{actions:?}");
    }
    let not_enough: [&[&str]; 3] =
        [&[], &["Microsoft.Network/virtualNetworks/read"], &["Microsoft.Network/routeTables/*"]];
    for actions in not_enough {
        assert_eq!(modern(&[(actions, "")], "spoke"), NO_RIGHT, "{actions:?}");
    }
}

/// PEER-30: the documents of 2017 spell the action without `/action`.
#[test]
fn the_action_of_2017() {
    let old: &[&str] = &["Microsoft.Network/virtualNetworks/peer"];
    let network = with_actions(&[(&[LINK_WRITE], "hub"), (old, "spoke")], of_2017());
    assert_eq!(peers(&network, "spoke"), None);
}

#[test]
fn nobody_in_particular_may_do_everything() {
    let mut network = with(&[]);
    let anyone = put(&network, "hub", "h", "spoke");
    accepted(&mut network, &anyone);
    let mallory = by("mallory", put(&network, "spoke", "s", "hub"));
    refused(&mut network, &mallory, "AuthorizationFailed");
}

/// A link with its opposite, made by somebody else.
fn linked(rights: &[(&[&str], &str)]) -> Network {
    let mut network = with_actions(rights, Semantics::default());
    for asked in [put(&network, "hub", "h", "spoke"), put(&network, "spoke", "s", "hub")] {
        accepted(&mut network, &asked);
    }
    network
}

#[test]
fn deleting_and_syncing_links() {
    let network = linked(&[(&[LINK_DELETE], "hub")]);
    assert_eq!(answer(&network, delete(&network, "hub", "h")), None); // PEER-30
    assert_eq!(answer(&network, delete(&network, "spoke", "s")), NO_RIGHT);
    assert_eq!(answer(&network, sync(&network, "hub", "h")), NO_RIGHT);
    let network = linked(&[(&[LINK_WRITE], "hub")]);
    assert_eq!(answer(&network, sync(&network, "hub", "h")), NO_RIGHT_THERE); // PEER-18: permission in both
    let network = linked(&[(&[LINK_WRITE], "hub"), (&[PEER], "spoke")]);
    assert_eq!(answer(&network, sync(&network, "hub", "h")), None);
    assert_eq!(answer(&network, delete(&network, "hub", "h")), NO_RIGHT);
}

/// Every other request, with the one right that it needs and without it.
#[test]
fn one_action_per_request() {
    let hub = VnetId(0);
    let (rt, group) = (RouteTableId(0), NsgId(0));
    let requests: Vec<(OperationKind, &str)> = vec![
        (OperationKind::DeleteVnet(VnetId(1)), "Microsoft.Network/virtualNetworks/delete"),
        (OperationKind::DeleteVnet(VnetId(2)), "Microsoft.ClassicNetwork/virtualNetworks/delete"),
        (
            space(&with(&[]), "spoke", &["10.21.0.0/16", "10.20.0.0/16"]).kind,
            "Microsoft.Network/virtualNetworks/write",
        ),
        (
            OperationKind::PutRoute(rt, Box::new(route("more", "10.51.0.0/16"))),
            "Microsoft.Network/routeTables/routes/write",
        ),
        (OperationKind::DeleteRoute(rt, text("r")), "Microsoft.Network/routeTables/routes/delete"),
        (
            OperationKind::PutSecurityRule(group, Box::new(rule("more", 200))),
            "Microsoft.Network/networkSecurityGroups/securityRules/write",
        ),
        (
            OperationKind::DeleteSecurityRule(group, text("r")),
            "Microsoft.Network/networkSecurityGroups/securityRules/delete",
        ),
        (OperationKind::SetIpForwarding(NicId(0), true.into()), "Microsoft.Network/networkInterfaces/write"),
        (OperationKind::SetRunning(VmId(0), true), "Microsoft.Compute/virtualMachines/start/action"),
        (OperationKind::SetRunning(VmId(0), false), "Microsoft.Compute/virtualMachines/powerOff/action"),
        (OperationKind::SetRunning(VmId(0), false), "Microsoft.Compute/virtualMachines/deallocate/action"),
        (OperationKind::SetRouteTable(SubnetId(0), None), "Microsoft.Network/virtualNetworks/subnets/write"),
        (
            OperationKind::SetNsg(NsgTarget::Subnet(SubnetId(0)), None),
            "Microsoft.Network/virtualNetworks/subnets/write",
        ),
        (OperationKind::SetNsg(NsgTarget::Nic(NicId(0)), None), "Microsoft.Network/networkInterfaces/write"),
        (OperationKind::DeleteConnection(text("tunnel")), "Microsoft.Network/connections/delete"),
    ];
    for (kind, action) in requests {
        let one = with_actions(&[(&[action], "")], Semantics::default());
        assert_eq!(answer(&one, kind.clone().into()), None, "{action}");
        let other = with_actions(&[(&[LINK_WRITE, PEER], "")], Semantics::default());
        assert_eq!(answer(&other, kind.into()), NO_RIGHT, "{action}");
    }
    assert_eq!(id(&with(&[]), "hub"), hub);
}

/// Requests that refer to a second object need a right there too.
#[test]
fn requests_with_two_objects() {
    let join = "join/action";
    let subnet_write = "Microsoft.Network/virtualNetworks/subnets/write";
    let rt = Some(At::from(RouteTableId(0)));
    let group = Some(At::from(NsgId(0)));
    let put_gateway = OperationKind::PutGateway {
        vnet: VnetId(1),
        gateway: Box::new(gateway("second", "spoke", GatewayType::Vpn)),
    };
    let put_connection = OperationKind::PutConnection(Box::new(tunnel("more", "gw", "onprem")));
    let requests = [
        (
            OperationKind::SetRouteTable(SubnetId(0), rt),
            subnet_write,
            format!("Microsoft.Network/routeTables/{join}"),
        ),
        (
            OperationKind::SetNsg(NsgTarget::Subnet(SubnetId(0)), group),
            subnet_write,
            format!("Microsoft.Network/networkSecurityGroups/{join}"),
        ),
        (
            put_gateway,
            "Microsoft.Network/virtualNetworkGateways/write",
            format!("Microsoft.Network/virtualNetworks/subnets/{join}"),
        ),
        (
            put_connection,
            "Microsoft.Network/connections/write",
            format!("Microsoft.Network/virtualNetworkGateways/{join}"),
        ),
    ];
    for (kind, write, join) in requests {
        let network = |actions: &[&str]| with_actions(&[(actions, "")], Semantics::default());
        assert_eq!(answer(&network(&[write, &join]), kind.clone().into()), None, "{write}");
        assert_eq!(answer(&network(&[write]), kind.clone().into()), NO_RIGHT_THERE, "{write}");
        assert_eq!(answer(&network(&[&join]), kind.into()), NO_RIGHT, "{write}");
    }
}

/// ADDR-12, RT-09: whatever belongs to a virtual network is in its subscription.
#[test]
fn subscriptions_cover_machines_tables_and_gateways() {
    let requests = || {
        [
            OperationKind::PutRoute(RouteTableId(0), Box::new(route("more", "10.51.0.0/16"))),
            OperationKind::PutSecurityRule(NsgId(0), Box::new(rule("more", 200))),
            OperationKind::SetIpForwarding(NicId(0), true.into()),
            OperationKind::SetRunning(VmId(0), false),
            OperationKind::SetRouteTable(SubnetId(0), None),
            OperationKind::DeleteConnection(text("tunnel")),
        ]
    };
    for kind in requests() {
        assert_eq!(answer(&with(&[("Owner", "A")]), kind.clone().into()), None, "{kind:?}");
        assert_eq!(answer(&with(&[("Owner", "B")]), kind.clone().into()), NO_RIGHT, "{kind:?}");
    }
    let mut idle = with(&[("Owner", "A")]);
    accepted(&mut idle, &OperationKind::DeleteConnection(text("tunnel")).into());
    assert_eq!(answer(&idle, OperationKind::DeleteGateway(text("gw")).into()), None);
    let clear = OperationKind::SetRouteTable(SubnetId(0), None);
    assert_eq!(
        answer(&with(&[("Network Contributor", "hub")]), clear.into()),
        None,
        "a subnet is part of it"
    );
}

/// A table that nobody uses is in no subscription that could be known, unless there is only one.
#[test]
fn unused_tables() {
    let put =
        || Operation::from(OperationKind::PutRoute(RouteTableId(0), Box::new(route("r2", "10.51.0.0/16"))));
    let unused = |mut draft: Draft| {
        draft.virtual_networks[0].subnets[0].route_table = None;
        good(&draft, Semantics::default())
    };
    assert_eq!(answer(&unused(draft(&[("Owner", "A")])), put()), NO_RIGHT);
    assert_eq!(answer(&unused(draft(&[("Owner", "rt")])), put()), None);
    let mut alone = draft(&[("Owner", "A")]);
    alone.virtual_networks.truncate(1);
    alone.subscriptions.truncate(1);
    assert_eq!(answer(&unused(alone), put()), None);
}

#[test]
fn assignments_are_checked() {
    let codes = |role: &str, scope: &str| errors(&draft(&[(role, scope)]), Semantics::default());
    assert_eq!(codes("Network Contributer", ""), ["UNKNOWN_REFERENCE"]);
    assert_eq!(codes("Owner", "none"), ["UNKNOWN_REFERENCE"]);
    for scope in ["A", "hub", "hub/snet", "rt", "nsg", "nic", "machine", "gw", "tunnel", "onprem"] {
        with(&[("Owner", scope)]);
    }
    let mut with_link = draft(&[("Owner", "hub/h")]);
    assert_eq!(errors(&with_link, Semantics::default()), ["UNKNOWN_REFERENCE"]);
    with_link.virtual_networks[0].peerings.push(link("h", "spoke"));
    good(&with_link, Semantics::default());
    let mut redefined = draft(&[]);
    redefined.role_definitions.push(RoleDefinition { name: text("reader"), actions: Vec::new() });
    assert_eq!(errors(&redefined, Semantics::default()), ["DUPLICATE_NAME"]);
    let mut elsewhere = draft(&[]);
    elsewhere.virtual_networks[0].subscription = Some(text("C"));
    assert_eq!(errors(&elsewhere, Semantics::default()), ["UNKNOWN_REFERENCE"]);
}
