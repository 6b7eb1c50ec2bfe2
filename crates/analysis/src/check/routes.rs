//! Routes that do not do what their author wanted: bypassed, never used, attached to nothing, round and round (Part 2, FAIL-07,
//! FAIL-10 to FAIL-14, FAIL-32).

use std::collections::BTreeMap;

use vnetsim_compile::{RibRoute, RouteOrigin, RouteState};
use vnetsim_dataplane::NextHop;
use vnetsim_model::OperationKind;
use vnetsim_scenario::Scenario;
use vnetsim_types::{AddrSet, FindingCode, IpNet, NicId, RouteTableId, SubnetId, VnetId};

use super::{Look, give_route};
use crate::Finding;

pub(super) fn find(look: &Look<'_>, scenario: &Scenario, found: &mut Vec<Finding>) {
    for subnet in look.subnets() {
        let rows: Vec<&RibRoute> = look.compiled.all_routes(subnet).map(|(_, row)| row).collect();
        let active: Vec<&RibRoute> =
            rows.iter().copied().filter(|row| row.state == RouteState::Active).collect();
        for row in &active {
            if matches!(row.next_hop, NextHop::Appliance(_)) && is_user(row) {
                bypasses(look, subnet, row, &active, found);
                loops(look, subnet, row, found);
            }
        }
    }
    never_used(look, found);
    unattached(look, scenario, found);
}

fn is_user(row: &RibRoute) -> bool {
    matches!(row.origin, RouteOrigin::User { .. })
}

/// `rt-s1/to-s2`.
pub(super) fn name_of(look: &Look<'_>, row: &RibRoute) -> String {
    match &row.origin {
        RouteOrigin::User { table, name, .. } => format!("{}/{name}", look.network[*table].name.value),
        _ => look.words(row),
    }
}

/// Longer routes inside the appliance route `row` of `subnet` that lead past the appliance.
fn bypasses(
    look: &Look<'_>,
    subnet: SubnetId,
    row: &RibRoute,
    active: &[&RibRoute],
    found: &mut Vec<Finding>,
) {
    let appliances = look.appliances(row.next_hop);
    // The appliance's own packets are not meant to come back to it.
    if appliances.iter().any(|nic| look.network[*nic].subnet == subnet) {
        return;
    }
    let gateway_subnet = look.network[subnet].is_gateway_subnet();
    let path = look.network.subnet_path(subnet);
    // The check of gateways has said it, with the other direction beside it.
    let said = found.iter().any(|f| f.code == FindingCode::GwSubnetRouteMissing && f.object == path);
    for winner in active.iter().copied().filter(|w| inside(w.prefix, row.prefix) && !is_user(w)) {
        let decides = leftover(winner, active);
        if decides.is_empty() {
            continue;
        }
        let mut reached = Vec::new();
        let code = match winner.next_hop {
            NextHop::Peering { remote, .. } => {
                reached = inhabited(look, remote, &decides, &appliances);
                FindingCode::UdrLosesLpm
            }
            NextHop::Gateway(_) | NextHop::Learned(_) if !is_speaker(look, winner.prefix) => {
                FindingCode::BgpBypassesNva
            }
            NextHop::PrivateEndpoint(_) | NextHop::ServiceEndpoint => FindingCode::EndpointBypassesNva,
            _ => continue,
        };
        let nobody = code == FindingCode::UdrLosesLpm && (reached.is_empty() || (gateway_subnet && said));
        if nobody || (gateway_subnet && code == FindingCode::BgpBypassesNva) {
            continue;
        }
        let finding = bypass(look, subnet, code, (row, winner), &reached);
        // A default route is mostly meant for the internet: peers that are reached directly both ways may be a wish.
        let wished = code == FindingCode::UdrLosesLpm
            && row.prefix.prefix_len() == 0
            && reached.iter().all(|there| answers_directly(look, *there, subnet));
        found.push(if wished { finding.as_note() } else { finding });
    }
}

fn inside(inner: IpNet, outer: IpNet) -> bool {
    outer.contains(&inner) && outer.prefix_len() < inner.prefix_len()
}

/// The addresses for which a route decides: its prefix without those of longer routes.
fn leftover(row: &RibRoute, active: &[&RibRoute]) -> AddrSet {
    let longer = active.iter().map(|r| r.prefix).filter(|prefix| inside(*prefix, row.prefix));
    AddrSet::from_iter([row.prefix]).minus(&longer.collect())
}

/// What `there` answers to `subnet` meets no appliance either.
fn answers_directly(look: &Look<'_>, there: SubnetId, subnet: SubnetId) -> bool {
    let prefixes = look.network[subnet].prefixes.iter();
    let routes = prefixes.filter_map(|prefix| look.compiled.tables.route(there, prefix.value.addr()));
    routes.into_iter().all(|(_, hop)| !matches!(hop, NextHop::Appliance(_) | NextHop::Learned(_)))
}

/// FE-05: the address of a site's BGP speaker, which nobody sends through a firewall.
fn is_speaker(look: &Look<'_>, prefix: IpNet) -> bool {
    let host = prefix.prefix_len() == prefix.max_prefix_len();
    host && look.network.sites().iter().any(|site| site.bgp_peering_address == Some(prefix.addr()))
}

/// Subnets that Azure's own services live in: no route table is meant to catch their traffic.
const SERVICE_SUBNETS: [&str; 5] = [
    "GatewaySubnet",
    "RouteServerSubnet",
    "AzureBastionSubnet",
    "AzureFirewallSubnet",
    "AzureFirewallManagementSubnet",
];

/// The subnets of a network whose machines have some of those addresses, the appliances themselves aside.
fn inhabited(look: &Look<'_>, vnet: VnetId, addresses: &AddrSet, appliances: &[NicId]) -> Vec<SubnetId> {
    let network = look.network;
    let own: Vec<_> = appliances.iter().filter_map(|nic| network[*nic].vm).collect();
    let service = |subnet: SubnetId| {
        SERVICE_SUBNETS.iter().any(|name| network[subnet].name.value.eq_ignore_ascii_case(name))
    };
    let lives = |nic: &&vnetsim_model::Nic| {
        let there = nic.ip_configurations.iter().any(|config| addresses.contains(config.address));
        let host = !nic.enable_ip_forwarding.value && nic.vm.is_some_and(|vm| !own.contains(&vm));
        nic.vnet == vnet && there && host && !service(nic.subnet)
    };
    let mut subnets: Vec<SubnetId> = network.nics().iter().filter(lives).map(|nic| nic.subnet).collect();
    subnets.sort_unstable();
    subnets.dedup();
    subnets
}

fn bypass(
    look: &Look<'_>,
    subnet: SubnetId,
    code: FindingCode,
    (row, winner): (&RibRoute, &RibRoute),
    reached: &[SubnetId],
) -> Finding {
    let (path, name) = (look.network.subnet_path(subnet), name_of(look, row));
    let hop = row.next_hop_ip.map_or_else(String::new, |ip| ip.to_string());
    let names: Vec<String> = reached.iter().take(3).map(|s| look.network.subnet_path(*s)).collect();
    let past = match code {
        FindingCode::UdrLosesLpm => names.join(", "),
        FindingCode::BgpBypassesNva => format!("{} (learned)", winner.prefix),
        _ => look.words(winner),
    };
    let what = format!(
        "{name} sends {} to the appliance {hop}, but a longer route leads past it: {past}",
        row.prefix
    );
    let finding = Finding::new(code, &name, look.explainer.origin_span(row), what)
        .because(format!("{path}: {}  wins (/{})", look.words(winner), winner.prefix.prefix_len()))
        .because(format!("{path}: {}  loses: shorter prefix", look.words(row)))
        .related(look.explainer.origin_span(winner), "this one wins")
        .related(look.table_span(subnet), "for this subnet");
    let table = look.table_of(subnet);
    let home = look.network[subnet].vnet;
    let own =
        look.network[home].address_space.first().map(|block| block.value.to_string()).unwrap_or_default();
    let mirror =
        |at: SubnetId| Some(format!("and the mirror: {}", give_route(look.network, at, &own, &hop)?));
    match (code, &winner.origin) {
        (FindingCode::EndpointBypassesNva, RouteOrigin::PrivateEndpoint(id)) => {
            let at = look.network[*id].subnet;
            let prefix = look.network[at].prefixes.first().map(|p| p.value.to_string()).unwrap_or_default();
            let finding = finding.fix(format!(
                "{}: set privateEndpointNetworkPolicies: RouteTableEnabled (RT-08)",
                look.network.subnet_path(at)
            ));
            let route = give_route(look.network, subnet, &prefix, &hop).map(|line| format!("and {line}"));
            finding.fixes(route)
        }
        (FindingCode::EndpointBypassesNva, _) => {
            finding.fix(format!("{path}: remove the service endpoint, if {hop} shall see that traffic"))
        }
        (FindingCode::BgpBypassesNva, origin) => {
            let at = match origin {
                RouteOrigin::Gateway(gateway) => Some(look.network[*gateway].subnet),
                _ => None,
            };
            let finding = finding
                .fix(format!("{table}: add {} -> VirtualAppliance {hop}", winner.prefix))
                .fix(format!("or {table}: set disableBgpRoutePropagation: true"));
            finding.fixes(at.into_iter().filter_map(mirror))
        }
        _ => {
            let add = |at: &SubnetId| {
                let prefix =
                    look.network[*at].prefixes.first().map(|p| p.value.to_string()).unwrap_or_default();
                format!("{table}: add {prefix} -> VirtualAppliance {hop}")
            };
            let finding = finding.fixes(reached.iter().take(2).map(add));
            finding.fixes(reached.iter().take(2).filter_map(|at| mirror(*at)))
        }
    }
}

/// FAIL-13, FAIL-14: the appliance stands in a subnet whose routes send what it forwards back to it.
fn loops(look: &Look<'_>, subnet: SubnetId, row: &RibRoute, found: &mut Vec<Finding>) {
    let network = look.network;
    let here = look.appliances(row.next_hop).into_iter().find(|nic| network[*nic].subnet == subnet);
    let Some(nic) = here.filter(|nic| network[*nic].enable_ip_forwarding.value) else { return };
    let (path, machine, name) = (network.subnet_path(subnet), look.machine(nic), name_of(look, row));
    // Only what others send to it by such a route comes round.
    let clients = look.subnets().filter(|s| *s != subnet || beside(look, *s, nic)).any(|s| {
        let mut rows = look.compiled.all_routes(s).map(|(_, r)| r);
        rows.any(|r| {
            r.state == RouteState::Active
                && look.appliances(r.next_hop).contains(&nic)
                && (r.prefix.contains(&row.prefix) || row.prefix.contains(&r.prefix))
        })
    });
    if !clients {
        return;
    }
    found.push(
        Finding::new(
            FindingCode::UdrLoop,
            &name,
            look.explainer.origin_span(row),
            format!("{machine} stands in {path}, whose route {name} sends {} back to {machine}", row.prefix),
        )
        .because(format!(
            "what {machine} forwards to {} leaves by {path} and is routed to it again, until ttl 0",
            row.prefix
        ))
        .related(look.table_span(subnet), "the appliance's own subnet has this table")
        .fix(format!("give {path} a route table without {name}"))
        .fix(format!("or move {machine} into a subnet of its own")),
    );
}

/// Somebody else lives in the appliance's subnet.
fn beside(look: &Look<'_>, subnet: SubnetId, appliance: NicId) -> bool {
    let vm = look.network[appliance].vm;
    look.network.nics().iter().any(|nic| nic.subnet == subnet && nic.vm.is_some() && nic.vm != vm)
}

/// User routes that decide for nothing at any of their subnets.
fn never_used(look: &Look<'_>, found: &mut Vec<Finding>) {
    // By table and route: where it is used by nothing, with what covers it; `None` once it is used somewhere.
    let mut unused: BTreeMap<(RouteTableId, String), Option<Vec<String>>> = BTreeMap::new();
    for subnet in look.subnets() {
        let rows: Vec<&RibRoute> = look.compiled.all_routes(subnet).map(|(_, row)| row).collect();
        let active: Vec<&RibRoute> =
            rows.iter().copied().filter(|row| row.state == RouteState::Active).collect();
        for row in &rows {
            let RouteOrigin::User { table, name, tag: None, .. } = &row.origin else { continue };
            let used = row.state == RouteState::Active && !leftover(row, &active).is_empty();
            let entry = unused.entry((*table, name.clone())).or_insert_with(|| Some(Vec::new()));
            if used {
                *entry = None;
            } else if let Some(lines) = entry {
                lines.extend(covers(look, subnet, row, &active));
            }
        }
    }
    for ((table, name), lines) in unused {
        let Some(lines) = lines else { continue };
        let table = &look.network[table];
        let Some(route) = table.routes.iter().find(|route| route.name.value == name) else { continue };
        let path = format!("{}/{name}", table.name.value);
        let what = format!("route {path} decides for no address: longer routes cover all of it");
        let mut finding = Finding::new(FindingCode::RouteNeverUsed, &path, route.span, what);
        finding.because = lines;
        found.push(finding.fix(format!("remove {path}; to win, a route must be longer than those")));
    }
}

fn covers(look: &Look<'_>, subnet: SubnetId, row: &RibRoute, active: &[&RibRoute]) -> Vec<String> {
    let path = look.network.subnet_path(subnet);
    let around = active.iter().filter(|r| inside(r.prefix, row.prefix) || r.prefix == row.prefix);
    around.filter(|r| !std::ptr::eq(**r, row)).map(|r| format!("{path}: {}", look.words(r))).collect()
}

/// FAIL-07.
fn unattached(look: &Look<'_>, scenario: &Scenario, found: &mut Vec<Finding>) {
    let network = look.network;
    for (ix, table) in network.route_tables().iter().enumerate() {
        let id = RouteTableId::new(ix);
        let used = look.subnets().any(|s| network[s].route_table.as_ref().is_some_and(|t| t.value == id));
        let later = scenario.timeline.iter().any(|entry| match &entry.operation.kind {
            OperationKind::SetRouteTable(_, Some(table)) => table.value == id,
            _ => false,
        });
        if used || later || table.routes.is_empty() {
            continue;
        }
        let name = &table.name.value;
        let what = format!("route table {name} is associated with no subnet, so its routes do nothing");
        found.push(
            Finding::new(FindingCode::RouteTableUnused, name, table.name.span, what)
                .fix(format!("associate {name} with the subnet of the machines that send")),
        );
    }
}
