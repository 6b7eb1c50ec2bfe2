//! Where user-defined routes lead: to nobody, out of reach, to machines that do not forward (FAIL-05, FAIL-06, FAIL-22, FAIL-23,
//! FAIL-28).

use vnetsim_compile::{RibRoute, RouteOrigin, RouteState};
use vnetsim_dataplane::{Appliance, NextHop};
use vnetsim_types::{FindingCode, NicId, SubnetId};

use super::{Look, routes::name_of, span_of};
use crate::Finding;

pub(super) fn find(look: &Look<'_>, found: &mut Vec<Finding>) {
    for subnet in look.subnets() {
        for (_, row) in look.compiled.all_routes(subnet) {
            if row.state == RouteState::Active && matches!(row.origin, RouteOrigin::User { .. }) {
                next_hop(look, subnet, row, found);
            }
        }
    }
}

fn next_hop(look: &Look<'_>, subnet: SubnetId, row: &RibRoute, found: &mut Vec<Finding>) {
    let (name, path) = (name_of(look, row), look.network.subnet_path(subnet));
    let hop = row.next_hop_ip.map_or_else(String::new, |ip| ip.to_string());
    let span = look.explainer.origin_span(row);
    let new = |code, what: String| {
        Finding::new(code, &name, span, what).related(look.table_span(subnet), "for this subnet")
    };
    match row.next_hop {
        NextHop::Appliance(Appliance::NotAdjacent) => {
            let what =
                format!("{name} names {hop}, which is neither in the network of {path} nor in a peer of it");
            let home = look.network[look.network[subnet].vnet].name.value.clone();
            found.push(
                new(FindingCode::NextHopNotAdjacent, what)
                    .because(owner_words(look, row, &home))
                    .fix(format!("name an appliance of {home} or of a direct peer")),
            );
        }
        NextHop::Appliance(Appliance::Nobody) => {
            let what = format!("{name} names {hop}, and nobody has that address");
            let near: Vec<String> = forwarding(look, subnet);
            let fix = if near.is_empty() {
                "correct nextHopIpAddress".to_owned()
            } else {
                format!("did you mean {}?", near.join(" or "))
            };
            found.push(new(FindingCode::NextHopNobody, what).fix(fix));
        }
        NextHop::GatewayUnavailable => {
            let what =
                format!("{name} names VirtualNetworkGateway, but no VPN gateway can serve {path} that way");
            found.push(
                new(FindingCode::InvalidNextHop, what)
                    .because(
                        "a route cannot name an ExpressRoute gateway, nor a VPN gateway beside one (RT-27)",
                    )
                    .fix(format!("remove {name}: BGP or the gateway's own routes bring the prefixes"))
                    .fix("or give the network a VPN gateway, own or borrowed, that runs"),
            );
        }
        NextHop::Appliance(_) => {
            for nic in look.appliances(row.next_hop) {
                appliance(look, nic, row, &path, found);
            }
        }
        _ => {}
    }
}

/// The interfaces near `subnet` that forward, as a remedy would name them.
fn forwarding(look: &Look<'_>, subnet: SubnetId) -> Vec<String> {
    let network = look.network;
    let home = network[subnet].vnet;
    let near = |vnet| vnet == home || network.connected_links_of(home).any(|(_, l)| l.remote.value == vnet);
    let nics = network.nics().iter().filter(|nic| near(nic.vnet) && nic.enable_ip_forwarding.value);
    nics.filter_map(|nic| Some(format!("{} ({})", nic.ip_configurations.first()?.address, nic.name.value)))
        .take(3)
        .collect()
}

/// Who has the next hop, and that its network is not a neighbour.
fn owner_words(look: &Look<'_>, row: &RibRoute, home: &str) -> String {
    let Some(ip) = row.next_hop_ip else { return String::new() };
    let mut vnets = look.network.existing_vnets().map(|(_, vnet)| vnet);
    match vnets.find(|vnet| vnet.address_space.iter().any(|block| block.contains(&ip))) {
        Some(vnet) => {
            format!("{ip} is in {}, which {home} does not peer with directly (RT-18)", vnet.name.value)
        }
        None => format!("no virtual network has {ip} (RT-18)"),
    }
}

/// The machine that a route leads to: does it run, take others' packets and forward them?
fn appliance(look: &Look<'_>, nic: NicId, row: &RibRoute, path: &str, found: &mut Vec<Finding>) {
    let network = look.network;
    let (interface, machine) = (&network[nic], look.machine(nic));
    let led =
        format!("{} of {path} leads to it: {} -> {}", name_of(look, row), row.prefix, row.next_hop_type);
    let span = look.explainer.origin_span(row);
    let balanced = matches!(row.next_hop, NextHop::Appliance(Appliance::Balancer { .. }));
    let Some(vm) = interface.vm.map(|vm| &network[vm]) else {
        let what = format!("{} names the NIC {machine}, which no machine has", name_of(look, row));
        return found.push(
            Finding::new(FindingCode::NextHopStopped, &machine, interface.name.span, what)
                .because(led)
                .related(span, "leads here")
                .fix(format!("attach {machine} to a virtual machine")),
        );
    };
    if !vm.running && !balanced {
        let what = format!("{machine} is stopped, and routes lead to it");
        found.push(
            Finding::new(FindingCode::NextHopStopped, &machine, vm.name.span, what)
                .because(led.clone())
                .because("Azure does not fall back to another route (RT-19)")
                .related(span, "leads here")
                .fix(format!("start {machine}")),
        );
    }
    if !interface.enable_ip_forwarding.value {
        let what =
            format!("NIC {} has enableIPForwarding false, and routes lead to it", interface.name.value);
        let span_of_flag = span_of(&interface.enable_ip_forwarding, &interface.name);
        found.push(
            Finding::new(FindingCode::NicNoIpForwarding, &interface.name.value, span_of_flag, what)
                .because(led.clone())
                .because(ticks(look, nic))
                .related(span, "leads here")
                .fix(format!("{}: set enableIPForwarding: true", interface.name.value)),
        );
    }
    if !vm.guest.ip_forwarding.value {
        let what = format!("the guest of {machine} does not forward, and routes lead to it");
        found.push(
            Finding::new(
                FindingCode::GuestNoForward,
                &machine,
                span_of(&vm.guest.ip_forwarding, &vm.name),
                what,
            )
            .because(led)
            .because(ticks(look, nic))
            .related(span, "leads here")
            .fix(format!("{machine}: net.ipv4.ip_forward=1 in the guest (guest: {{ ipForwarding: true }})")),
        );
    }
}

/// The three places where forwarding is decided, side by side.
fn ticks(look: &Look<'_>, nic: NicId) -> String {
    let word = |on: bool| if on { "on" } else { "OFF" };
    let interface = &look.network[nic];
    let guest = interface.vm.map(|vm| &look.network[vm].guest);
    let forwards = guest.is_some_and(|guest| guest.ip_forwarding.value);
    let snat = guest.map_or("never", |guest| guest.snat.text());
    format!(
        "NIC enableIPForwarding {}, guest forwarding {}, source translation {snat}",
        word(interface.enable_ip_forwarding.value),
        word(forwards)
    )
}
