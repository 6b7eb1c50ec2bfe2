//! Gateways that are not lent, routes that are missing at GatewaySubnet, pings that no gateway answers (FAIL-11, FAIL-26).

use vnetsim_compile::RouteState;
use vnetsim_dataplane::NextHop;
use vnetsim_model::{Gateway, PeeringLink, Role, Snat, Traffic};
use vnetsim_scenario::Scenario;
use vnetsim_types::{FindingCode, GatewayId, IpNet, NicId, PeeringId, Place, SubnetId, VnetId};

use super::{Look, routes::name_of, span_of};
use crate::Finding;

pub(super) fn find(look: &Look<'_>, scenario: &Scenario, found: &mut Vec<Finding>) {
    for (id, link) in look.network.existing_links().filter(|(_, link)| !link.implied) {
        transit(look, scenario, id, link, found);
    }
    for (ix, gateway) in look.network.gateways().iter().enumerate().filter(|(_, g)| !g.deleted) {
        for subnet in look.subnets().filter(|s| *s != gateway.subnet) {
            one_way(look, GatewayId::new(ix), subnet, found);
        }
    }
    pings(look, scenario, found);
}

/// FAIL-26: `link` is a spoke's, the other end has a gateway, and the flags do not lend it.
fn transit(
    look: &Look<'_>,
    scenario: &Scenario,
    id: PeeringId,
    link: &PeeringLink,
    found: &mut Vec<Finding>,
) {
    let network = look.network;
    let (spoke, hub) = (link.vnet, link.remote.value);
    let Some((back_id, back)) = network.link_between(hub, spoke) else { return };
    let lends = network.gateways_of(hub).any(|(_, gateway)| gateway.is_lent());
    let own = network.gateways_of(spoke).next().is_some();
    if !lends || own || network.borrowed_gateway_link(spoke).is_some() {
        return;
    }
    let (uses, allows) = (link.use_remote_gateways.value, back.allow_gateway_transit.value);
    let half = uses != allows || (link.allow_gateway_transit.value && allows);
    let crosses = |a: Place, b: Place| {
        matches!(b, Place::Site(_)) && matches!(a, Place::Nic(nic) if network[nic].vnet == spoke)
    };
    let wanted = scenario
        .traffic
        .iter()
        .any(|t| crosses(t.from.place, t.to.place) || crosses(t.to.place, t.from.place));
    if !half && !wanted {
        return;
    }
    let (here, there) = (&network[spoke].name.value, &network[hub].name.value);
    let (path, opposite) = (network.link_path(id), network.link_path(back_id));
    let span = if uses {
        span_of(&back.allow_gateway_transit, &back.name)
    } else {
        span_of(&link.use_remote_gateways, &link.name)
    };
    let what = format!("{there} has a gateway, but the flags of the peering do not lend it to {here}");
    let mut finding = Finding::new(FindingCode::GwTransitFlags, &path, span, what)
        .because(format!(
            "{opposite}: allowGatewayTransit {allows}, useRemoteGateways {}",
            back.use_remote_gateways.value
        ))
        .because(format!(
            "{path}: allowGatewayTransit {}, useRemoteGateways {uses}",
            link.allow_gateway_transit.value
        ))
        .because(format!(
            "{here} has no routes to what is behind the gateway, and on-premises does not learn {here}"
        ))
        .related(back.name.span, "the other half");
    if !allows {
        finding = finding.fix(format!("{opposite}: set allowGatewayTransit: true"));
    }
    if !uses {
        finding = finding.fix(format!("{path}: set useRemoteGateways: true"));
    }
    found.push(finding);
}

/// FAIL-11: `subnet` reaches on-premises through a firewall, but GatewaySubnet sends the other direction past it.
fn one_way(look: &Look<'_>, gateway: GatewayId, subnet: SubnetId, found: &mut Vec<Finding>) {
    let network = look.network;
    let home = network[gateway].subnet;
    let Some(inside) = somebody(look, subnet) else { return };
    let learned = look.compiled.all_routes(home).map(|(_, row)| row);
    let learned =
        learned.filter(|r| r.next_hop == NextHop::Gateway(gateway) && r.state == RouteState::Active);
    for site in learned {
        let Some((out, hop)) = look.compiled.tables.route(subnet, site.prefix.addr()) else { continue };
        let firewall = look.appliances(hop).into_iter().find(|nic| keeps_state(look, *nic));
        let Some(firewall) = firewall.filter(|nic| network[*nic].subnet != subnet) else { continue };
        let Some((back, back_hop)) = look.compiled.tables.route(home, inside) else { continue };
        if !matches!(back_hop, NextHop::Peering { .. } | NextHop::VnetLocal) {
            continue;
        }
        let block = block_of(look, network[subnet].vnet, inside);
        let (path, at) = (network.subnet_path(subnet), network.subnet_path(home));
        let row = look.compiled.route(out);
        let ip = row.next_hop_ip.map_or_else(String::new, |ip| ip.to_string());
        let what = format!(
            "{path} sends {} through {}, but {at} sends the other direction past it",
            site.prefix,
            look.machine(firewall)
        );
        found.push(
            Finding::new(FindingCode::GwSubnetRouteMissing, &at, look.table_span(home), what)
                .because(format!("{path}: {}", look.words(row)))
                .because(format!("{at}: {}", look.words(look.compiled.route(back))))
                .related(look.explainer.origin_span(row), "this direction meets the firewall")
                .fix(format!("{}: add {block} -> VirtualAppliance {ip}", look.table_of(home)))
                .fix(format!(
                    "or take {} off {path}: neither direction meets the firewall then",
                    name_of(look, row)
                )),
        );
    }
}

/// An address that somebody has in `subnet`.
fn somebody(look: &Look<'_>, subnet: SubnetId) -> Option<std::net::IpAddr> {
    let mut nics = look.network.nics().iter().filter(|nic| nic.subnet == subnet && nic.vm.is_some());
    nics.find_map(|nic| nic.ip_configurations.first()).map(|config| config.address)
}

/// A firewall that does not translate everything: it must see both directions.
fn keeps_state(look: &Look<'_>, nic: NicId) -> bool {
    let guest = look.network[nic].vm.map(|vm| &look.network[vm].guest);
    guest.is_some_and(|guest| guest.role == Role::Firewall && guest.snat != Snat::Always)
}

fn block_of(look: &Look<'_>, vnet: VnetId, ip: std::net::IpAddr) -> IpNet {
    let mut blocks = look.network[vnet].address_space.iter().map(|block| block.value);
    blocks.find(|block| block.contains(&ip)).unwrap_or_else(|| ip.into())
}

/// FAB-16: the public address of a gateway answers no echo.
fn pings(look: &Look<'_>, scenario: &Scenario, found: &mut Vec<Finding>) {
    for traffic in scenario.traffic.iter().filter(|t| t.protocol.protocol.is_icmp()) {
        let has = |g: &&vnetsim_model::Gateway| {
            !g.deleted && g.instances.iter().any(|i| i.public_address == Some(traffic.to.address))
        };
        let Some(gateway) = look.network.gateways().iter().find(has) else { continue };
        let name = &gateway.name.value;
        let what = format!("traffic {} pings gateway {name} at its public address", traffic.name.value);
        found.push(silent(traffic, gateway, what));
    }
}

/// `traffic` waits for a word of `gateway`.
pub(super) fn silent(traffic: &Traffic, gateway: &Gateway, what: String) -> Finding {
    let name = &gateway.name.value;
    Finding::new(FindingCode::GatewaySilent, name, traffic.name.span, what)
        .because(format!("{name} forwards without a word: no ICMP error, no echo reply (FAB-16, U-08)"))
        .flow(format!("traffic {}", traffic.name.value))
        .related(gateway.name.span, "this gateway")
        .fix(format!("ask a machine behind {name} instead, or look at the connection's status"))
}
