//! The entries of `timeline`: what happens to the network in a run, as said and not yet resolved.

use serde_json::{Value, json};
use vnetsim_model::{
    GuestState, LinkCondition,
    draft::{self, Change, NsgPlace, Ref},
};
use vnetsim_types::{At, IpNet, Problem, SimTime, Span};

use crate::{
    decode::{Cx, Decode, List},
    gateways::{Connection, VirtualNetworkGateway},
    network::{Peering, Route, SecurityRule},
    quantities::Share,
    record::{Fields, record},
    values::Reference,
    yaml::{Kind, Node},
};

/// A child object such as a peering, and the name of the object that gets it: `{virtualNetwork: hub, name: ...}`.
fn child<T: Decode>(node: &Node, parent: &'static str, help: &str, cx: &mut Cx) -> Option<(Ref, T::Out)> {
    let Kind::Map(entries) = &node.kind else {
        // It reports what kind of mapping should stand here.
        T::decode(node, cx);
        return None;
    };
    let rest = entries.iter().filter(|(key, _)| key.value != parent).cloned().collect();
    let decoded = T::decode(&Node { span: node.span, kind: Kind::Map(rest) }, cx);
    let what = std::mem::replace(&mut cx.property, parent);
    let name = match node.get(parent) {
        Some(name) if !name.is_blank() => Reference::decode(name, cx),
        _ => {
            let place = entries.first().map_or(node.span, |(key, _)| key.span);
            let problem = Problem::error("MISSING_PROPERTY", place, format!("{what} has no `{parent}`"));
            cx.fail(problem.help(help))
        }
    };
    Some((name?, decoded?))
}

fn child_schema<T: Decode>(parent: &'static str) -> Value {
    let mut schema = T::schema();
    schema["properties"][parent] = Reference::schema();
    schema["required"] = json!([parent]);
    schema
}

/// `putPeering`: a peering, and the virtual network that gets it.
pub(crate) struct PutPeering;

impl Decode for PutPeering {
    type Out = Change;
    fn decode(node: &Node, cx: &mut Cx) -> Option<Change> {
        let (virtual_network, peering) =
            child::<Peering>(node, "virtualNetwork", "name the virtual network that gets the link", cx)?;
        Some(Change::PutPeering { virtual_network, peering })
    }
    fn schema() -> Value {
        child_schema::<Peering>("virtualNetwork")
    }
}

/// `putRoute`: a route, and the table that gets it.
pub(crate) struct PutRoute;

impl Decode for PutRoute {
    type Out = Change;
    fn decode(node: &Node, cx: &mut Cx) -> Option<Change> {
        let (route_table, route) =
            child::<Route>(node, "routeTable", "name the table that gets the route", cx)?;
        Some(Change::PutRoute { route_table, route: Box::new(route) })
    }
    fn schema() -> Value {
        child_schema::<Route>("routeTable")
    }
}

/// `putSecurityRule`: a rule, and the group that gets it.
pub(crate) struct PutSecurityRule;

impl Decode for PutSecurityRule {
    type Out = Change;
    fn decode(node: &Node, cx: &mut Cx) -> Option<Change> {
        let (network_security_group, rule) =
            child::<SecurityRule>(node, "networkSecurityGroup", "name the group that gets the rule", cx)?;
        Some(Change::PutSecurityRule { network_security_group, rule: Box::new(rule) })
    }
    fn schema() -> Value {
        child_schema::<SecurityRule>("networkSecurityGroup")
    }
}

record! {
    SetAddressSpace -> Change, Own "setAddressSpace" "virtualNetwork", "Gives a virtual network another space.";
    req virtual_network: Reference = "virtualNetwork", "The virtual network.";
    req address_prefixes: List<At<IpNet>> = "addressPrefixes", "The whole new space.";
    => |_span, _place, _cx| Some(Change::SetAddressSpace { virtual_network, address_prefixes })
}

record! {
    SetIpForwarding -> Change, Own "setIpForwarding" "networkInterface", "Sets enableIPForwarding of a NIC.";
    req network_interface: Reference = "networkInterface", "A NIC, or the VM whose primary NIC it is.";
    req enabled: bool = "enabled", "The new setting.";
    => |_span, _place, _cx| Some(Change::SetIpForwarding { network_interface, enabled })
}

record! {
    SetRouteTable -> Change, Own "setRouteTable" "subnet", "Associates a subnet with a route table.";
    req subnet: Reference = "subnet", "vnet/subnet.";
    opt route_table: Reference = "routeTable", "The table; null or absent removes the association.";
    => |_span, _place, _cx| Some(Change::SetRouteTable { subnet, route_table })
}

record! {
    SetNsg -> Change, Own "setNetworkSecurityGroup" "-", "Associates a subnet or a NIC with an NSG.";
    opt subnet: Reference = "subnet", "vnet/subnet.";
    opt nic: Reference = "networkInterface", "A NIC, or the VM whose primary NIC it is.";
    opt group: Reference = "networkSecurityGroup", "The group; null or absent removes the association.";
    => check |given, cx| [
        given.exclusive("subnet", &["networkInterface"], cx),
        one_place(given, cx),
    ]
    => |_span, _place, _cx| {
        let at = subnet.map(NsgPlace::Subnet).or(nic.map(NsgPlace::NetworkInterface))?;
        Some(Change::SetNetworkSecurityGroup { at, network_security_group: group })
    }
}

fn one_place(given: &Fields<'_>, cx: &mut Cx) -> Option<()> {
    if given.given("subnet").or(given.given("networkInterface")).is_some() {
        return Some(());
    }
    let message = format!("{} says no place", cx.object);
    cx.fail(Problem::error("MISSING_PROPERTY", given.place, message).help("add subnet or networkInterface"))
}

record! {
    SetGuest -> Change, Own "setGuest" "virtualMachine", "The guest of a VM begins or ceases to work; the VM runs on.";
    req virtual_machine: Reference = "virtualMachine", "The VM.";
    req state: GuestState = "state", "working, notForwarding (answers for itself only) or dead.";
    => |_span, _place, _cx| Some(Change::SetGuest { virtual_machine, state })
}

record! {
    SetLink -> Change, Own "setLink" "-",
        "Puts the legs between two ends into another condition; when nothing bad is said they are repaired. An end is a \
         virtual network, a VM, a local network gateway, or internet.";
    opt between: At<List<Reference>> = "between", "Two ends, both ways.";
    opt from: Reference = "from", "Where the legs begin, one way.";
    opt to: Reference = "to", "Where they end; anywhere when absent.";
    opt at: Reference = "at", "An end: everything from and to it.";
    opt down: bool = "down", "true: nothing gets through.";
    opt loss: Share = "loss", "Share of the packets that are lost: 1% or 0.01.";
    opt duplicate: Share = "duplicate", "Share of the packets that arrive twice.";
    opt reorder: Share = "reorder", "Share of the packets that are held back, so that later ones overtake them.";
    opt reorder_delay: Delay = "reorderDelay", "How long those are held back; 2ms when absent.";
    opt delay: Delay = "delay", "Added to the latency.";
    opt jitter: Delay = "jitter", "At most this much more, drawn for each packet.";
    => check |given, cx| [
        given.exclusive("between", &["from", "to", "at"], cx),
        given.exclusive("at", &["from", "to"], cx),
        given.belongs("to", "from", cx),
        one_end(given, cx),
        given.belongs("reorderDelay", "reorder", cx),
    ]
    => |_span, place, cx| {
        let condition = LinkCondition {
            down: down.unwrap_or(false),
            loss_ppm: loss.unwrap_or(0),
            duplicate_ppm: duplicate.unwrap_or(0),
            reorder_ppm: reorder.unwrap_or(0),
            reorder_delay: reorder_delay.unwrap_or(LinkCondition::REORDER_DELAY_DEFAULT),
            delay: delay.unwrap_or_default(),
            jitter: jitter.unwrap_or_default(),
        };
        if condition.down && !(LinkCondition { down: false, ..condition }).is_good() {
            cx.conflict(place, "what does not get through is neither lost nor late; keep `down` or the rest");
            return None;
        }
        let (from, to, both_ways) = match (between, from, at) {
            (Some(two), ..) => {
                let (first, second) = two_ends(two, cx)?;
                (first, Some(second), true)
            }
            (None, Some(from), _) => (from, to, false),
            (None, None, at) => (at?, None, true),
        };
        Some(Change::SetLink { from, to, both_ways, condition })
    }
}

fn one_end(given: &Fields<'_>, cx: &mut Cx) -> Option<()> {
    if ["between", "from", "to", "at"].iter().any(|key| given.given(key).is_some()) {
        return Some(());
    }
    let message = format!("{} says no end", cx.object);
    cx.fail(Problem::error("MISSING_PROPERTY", given.place, message).help("add between, from or at"))
}

/// The two ends of `between`.
fn two_ends(said: At<Vec<Ref>>, cx: &mut Cx) -> Option<(Ref, Ref)> {
    let count = said.value.len();
    match <[Ref; 2]>::try_from(said.value) {
        Ok([first, second]) => Some((first, second)),
        Err(_) => {
            let message = {
                let ends = if count == 1 { "1 end".to_owned() } else { format!("{count} ends") };
                format!("{}: `between` names {ends}, not two", cx.object)
            };
            cx.fail(Problem::error("BAD_VALUE", said.span, message).help("write it like [hub, s1]"))
        }
    }
}

/// A time that a packet may be held back: a minute at most.
pub(crate) struct Delay;

const DELAY_MAX: SimTime = SimTime::from_secs(60);

impl Decode for Delay {
    type Out = SimTime;
    fn decode(node: &Node, cx: &mut Cx) -> Option<SimTime> {
        let time = SimTime::decode(node, cx)?;
        if time <= DELAY_MAX {
            return Some(time);
        }
        let problem = cx.bad("BAD_VALUE", node.span, &format!("{time} is out of bounds"));
        cx.fail(problem.help(format!("{DELAY_MAX} is the most")))
    }
    fn schema() -> Value {
        SimTime::schema()
    }
}

record! {
    TimelineEntry -> draft::TimelineEntry, Own "timeline entry" "name", "One change at a moment of virtual time.";
    req at: At<SimTime> = "at", "When.";
    opt name: At<String> = "name", "What expectations call it.";
    opt principal: At<String> = "as", "Who asks for it; somebody with every right when absent.";
    opt put_peering: PutPeering = "putPeering", "Creates a link, or updates the flags of the link of that name.";
    opt delete_peering: Reference = "deletePeering", "Deletes a link: vnet/link.";
    opt sync_peering: Reference = "syncPeering", "Refreshes a link's copy of the remote address space: vnet/link.";
    opt delete_vnet: Reference = "deleteVirtualNetwork", "Deletes a virtual network.";
    opt set_space: SetAddressSpace = "setAddressSpace", "Gives a virtual network another address space.";
    opt put_route: PutRoute = "putRoute", "Creates or replaces a route.";
    opt delete_route: Reference = "deleteRoute", "Deletes a route: table/route.";
    opt put_rule: PutSecurityRule = "putSecurityRule", "Creates or replaces a security rule.";
    opt delete_rule: Reference = "deleteSecurityRule", "Deletes a security rule: nsg/rule.";
    opt put_gateway: VirtualNetworkGateway = "putGateway", "Creates a virtual network gateway.";
    opt delete_gateway: Reference = "deleteGateway", "Deletes a virtual network gateway.";
    opt start_gateway: Reference = "startGateway", "The gateway runs again.";
    opt stop_gateway: Reference = "stopGateway", "All instances of a virtual network gateway fail.";
    opt put_connection: Connection = "putConnection", "Creates a connection, or updates its status and BGP.";
    opt delete_connection: Reference = "deleteConnection", "Deletes a connection.";
    opt set_forwarding: SetIpForwarding = "setIpForwarding", "Sets enableIPForwarding of a NIC.";
    opt start: Reference = "startVm", "Starts a VM.";
    opt stop: Reference = "stopVm", "Stops a VM.";
    opt set_guest: SetGuest = "setGuest", "The guest of a VM begins or ceases to work.";
    opt set_link: SetLink = "setLink", "Puts the way between two ends into another condition.";
    opt set_table: SetRouteTable = "setRouteTable", "Associates a subnet with a route table, or with none.";
    opt set_nsg: SetNsg = "setNetworkSecurityGroup", "Associates a subnet or a NIC with an NSG, or with none.";
    => |span, place, cx| {
        let said = [
            put_peering,
            delete_peering.map(Change::DeletePeering),
            sync_peering.map(Change::SyncPeering),
            delete_vnet.map(Change::DeleteVirtualNetwork),
            set_space,
            put_route,
            delete_route.map(Change::DeleteRoute),
            put_rule,
            delete_rule.map(Change::DeleteSecurityRule),
            put_gateway.map(|gateway| Change::PutGateway(Box::new(gateway))),
            delete_gateway.map(Change::DeleteGateway),
            start_gateway.map(Change::StartGateway),
            stop_gateway.map(Change::StopGateway),
            put_connection.map(|connection| Change::PutConnection(Box::new(connection))),
            delete_connection.map(Change::DeleteConnection),
            set_forwarding,
            start.map(Change::StartVm),
            stop.map(Change::StopVm),
            set_guest,
            set_link,
            set_table,
            set_nsg,
        ];
        let mut changes = said.into_iter().flatten();
        match (changes.next(), changes.next()) {
            (Some(change), None) => Some(draft::TimelineEntry { span, at, name, principal, change }),
            (None, _) => missing_change(place, cx),
            (Some(_), Some(_)) => {
                cx.conflict(place, "an entry says one change; write one entry for each");
                None
            }
        }
    }
}

fn missing_change<T>(place: Span, cx: &mut Cx) -> Option<T> {
    let problem = Problem::error("MISSING_PROPERTY", place, "timeline entry says no change");
    let changes: Vec<&str> = TimelineEntry::SHAPE.known.iter().copied().skip(3).collect();
    cx.fail(problem.help(format!("add one of {}", changes.join(", "))))
}
