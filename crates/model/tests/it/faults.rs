//! What the timeline breaks and mends: guests, links, gateways.

use vnetsim_model::{
    GatewayType, GuestState, LinkCondition, LinkEnd, LinkFault, Network, Operation, OperationKind, Semantics,
    draft::{Change, ConnectionEnd, TimelineEntry},
};
use vnetsim_types::{ConnectionId, SimTime, SiteId, Span, VmId, VnetId};

use crate::build::{
    accepted, connection, gateway, good, hub_draft, nic, refused, site, subnet, text, tunnel, vm, vnet,
};

/// A hub with a machine and a gateway, which has a tunnel to a site and one to the gateway of a spoke.
fn network() -> Network {
    let mut draft = hub_draft();
    let mut spoke = vnet("spoke", &["10.20.0.0/16"]);
    spoke.subnets = vec![subnet("snet", "10.20.0.0/24"), subnet("GatewaySubnet", "10.20.255.0/27")];
    draft.virtual_networks.push(spoke);
    draft.network_interfaces = vec![nic("a", "hub/snet"), nic("b", "spoke/snet")];
    draft.virtual_machines = vec![vm("nva", &["a"]), vm("spoke", &["b"])];
    draft.local_network_gateways.push(site("onprem", &["192.168.0.0/16"]));
    draft.virtual_network_gateways =
        vec![gateway("gw", "hub", GatewayType::Vpn), gateway("far", "spoke", GatewayType::Vpn)];
    let between = connection("between", "gw", ConnectionEnd::VirtualNetworkGateway(text("far")));
    draft.connections = vec![tunnel("tunnel", "gw", "onprem"), between];
    good(&draft, Semantics::default())
}

fn resolved(change: Change) -> Result<OperationKind, Vec<String>> {
    let (span, at) = (Span::default(), SimTime::ZERO.into());
    let entry = TimelineEntry { span, at, name: None, principal: None, change };
    let operation = Operation::resolve(&network(), &entry);
    let shown = |p: &vnetsim_types::Problem| format!("{} {} ({})", p.code, p.message, p.help);
    operation.map(|operation| operation.kind).map_err(|problems| problems.iter().map(shown).collect())
}

const LOSSY: LinkCondition = LinkCondition {
    down: false,
    loss_ppm: 10_000,
    duplicate_ppm: 0,
    reorder_ppm: 0,
    reorder_delay: LinkCondition::REORDER_DELAY_DEFAULT,
    delay: SimTime::ZERO,
    jitter: SimTime::ZERO,
};

fn set_link(from: &str, to: Option<&str>, both_ways: bool) -> Change {
    Change::SetLink { from: text(from), to: to.map(text), both_ways, condition: LOSSY }
}

fn link(from: &str, to: Option<&str>, both_ways: bool) -> LinkFault {
    match resolved(set_link(from, to, both_ways)) {
        Ok(OperationKind::SetLink(fault)) => fault,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_guest_changes_its_state() {
    let change = Change::SetGuest { virtual_machine: text("NVA"), state: GuestState::Dead };
    let kind = resolved(change).expect("a VM");
    let mut network = network();
    network.apply(&kind.into()).expect("guests need no rights");
    assert_eq!((network.vms()[0].guest.state, network.vms()[0].running), (GuestState::Dead, true));
    let change = Change::SetGuest { virtual_machine: text("nvb"), state: GuestState::Working };
    let problem = "UNKNOWN_REFERENCE no virtual machine is called `nvb` (did you mean `nva`?)";
    assert_eq!(resolved(change).expect_err("no VM"), [problem]);
}

#[test]
fn ends_of_links() {
    let fault = link("HUB", Some("onprem"), false);
    assert_eq!((fault.from, fault.to), (LinkEnd::Vnet(VnetId(0)), Some(LinkEnd::Site(SiteId(0)))));
    assert_eq!((link("nva", None, true).from, fault.both_ways), (LinkEnd::Vm(VmId(0)), false));
    assert_eq!(link("Internet", Some("hub"), false).from, LinkEnd::Internet);
    // Between two ends, either may be said first; one way, order counts.
    assert_eq!(link("internet", Some("hub"), true), link("hub", Some("internet"), true));
    assert_ne!(link("internet", Some("hub"), false), link("hub", Some("internet"), false));
    assert_eq!(
        resolved(set_link("spoke", Some("onprm"), true)).expect_err("two mistakes"),
        [
            "BAD_VALUE several objects are called `spoke` (an end is a virtual network, a VM or a site; rename one of \
             them)",
            "UNKNOWN_REFERENCE no virtual network, VM or site is called `onprm` (did you mean `onprem`?)",
        ]
    );
}

#[test]
fn the_last_word_on_a_link_counts() {
    let mut network = network();
    let set = |fault: LinkFault| Operation::from(OperationKind::SetLink(fault));
    let (one, two) = (link("hub", Some("onprem"), true), link("nva", None, true));
    accepted(&mut network, &set(one));
    accepted(&mut network, &set(two));
    let worse = LinkCondition { down: true, ..LOSSY };
    accepted(&mut network, &set(LinkFault { condition: worse, ..one }));
    assert_eq!(network.link_faults(), [two, LinkFault { condition: worse, ..one }]);
    let good = LinkCondition { reorder_delay: SimTime::from_millis(2), ..LinkCondition::default() };
    accepted(&mut network, &set(LinkFault { condition: good, ..two }));
    assert_eq!(network.link_faults().len(), 1, "repaired");
}

#[test]
fn a_gateway_that_is_down_is_connected_to_nobody() {
    let mut network = network();
    let connected = |network: &Network| [0, 1].map(|ix| network.is_connected(&network[ConnectionId(ix)]));
    assert_eq!(connected(&network), [true, true]);
    let running = |name: &str, on| Operation::from(OperationKind::SetGatewayRunning(text(name), on));
    refused(&mut network, &running("none", false), "ResourceNotFound");
    accepted(&mut network, &running("FAR", false));
    assert_eq!(connected(&network), [true, false], "the far end counts too");
    accepted(&mut network, &running("gw", false));
    assert_eq!(connected(&network), [false, false]);
    accepted(&mut network, &running("gw", true));
    accepted(&mut network, &running("far", true));
    assert_eq!(connected(&network), [true, true]);
    let stop = resolved(Change::StopGateway(text("made-later")));
    assert!(matches!(stop, Ok(OperationKind::SetGatewayRunning(name, false)) if name.value == "made-later"));
    let start = resolved(Change::StartGateway(text("gw")));
    assert!(matches!(start, Ok(OperationKind::SetGatewayRunning(_, true))));
}

/// Faults befall a network; nobody asks the control plane for them.
#[test]
fn faults_need_no_rights() {
    let mut network = network();
    let guest = OperationKind::SetGuest(VmId(0), GuestState::Dead);
    let gateway = OperationKind::SetGatewayRunning(text("gw"), false);
    for kind in [guest, gateway, OperationKind::SetLink(link("hub", None, true))] {
        let operation = Operation { principal: Some("nobody".to_owned()), kind };
        assert_eq!(network.apply(&operation), Ok(()), "{operation:?}");
    }
}
