//! The commonest death, told apart: no transit, a link half made, a stale copy, missing gateway flags.

use std::net::IpAddr;

use vnetsim_model::{DeploymentModel, Era, Network, PeeringState};
use vnetsim_types::{SubnetId, VnetId};

use crate::diagnose::{Case, Finding};

pub(crate) fn finding(case: &Case<'_>) -> Finding {
    let Some((subnet, winner)) = case.last_route() else { return Finding::default() };
    let (network, path) = (case.network, case.network.subnet_path(subnet));
    let dst = case.key.dst;
    let mut finding = Finding { span: network[subnet].name.span, ..Finding::default() };
    match winner {
        None => finding.object = format!("no route of {path} holds {dst}"),
        Some(ix) => {
            let words = case.explainer.route_words(case.explainer.at(case.now).route(ix));
            finding.object = format!("route {words}, in the routes of {path}");
            if let Some((route, span)) = case.user_drop(ix) {
                finding.span = span;
                finding.because.push(format!("user route {route} drops everything for its prefix"));
                finding.fix.push(format!("remove {route}, or add a longer route for {dst}"));
                return finding;
            }
        }
    }
    case.longer_but_unused(&mut finding);
    let home = network[subnet].vnet;
    if case.way_back(&mut finding, subnet) {
        return finding;
    }
    let owner = network.vnets().iter().position(|v| v.address_space.iter().any(|p| p.contains(&dst)));
    match owner.map(VnetId::new) {
        Some(target) if target != home => towards_vnet(case, &mut finding, subnet, home, target),
        _ => match network.site_of(dst) {
            Some(site) => towards_site(network, &mut finding, home, &network[site].name.value),
            None => {
                finding
                    .because
                    .push(format!("{dst} belongs to no virtual network and no site of this scenario"));
                finding.fix.push("check the address, or describe the network that has it".to_owned());
            }
        },
    }
    finding
}

/// PEER-02, PEER-03, PEER-11, PEER-16.
fn towards_vnet(case: &Case<'_>, finding: &mut Finding, subnet: SubnetId, home: VnetId, target: VnetId) {
    let network = case.network;
    let (here, there) = (&network[home].name.value, &network[target].name.value);
    if let Some((id, link)) = network.link_between(home, target) {
        let path = network.link_path(id);
        finding.span = link.name.span;
        match link.state {
            PeeringState::Initiated => {
                finding
                    .because
                    .push(format!("link {path} is Initiated: the link from {there} does not exist"));
                finding.fix.push(format!("create the link from {there} to {here}"));
            }
            PeeringState::Disconnected => {
                finding
                    .because
                    .push(format!("link {path} is Disconnected: the link from {there} was deleted"));
                finding.fix.push(format!("delete {path}, then create both links again"));
            }
            PeeringState::Connected => {
                finding.because.push(format!("link {path} still has the old address space of {there}"));
                finding.fix.push(format!("sync {path} (az network vnet peering sync)"));
            }
        }
        return;
    }
    if let Some((id, link)) = network.link_between(target, home) {
        finding.span = link.name.span;
        let path = network.link_path(id);
        let state = link.state.text();
        finding.because.push(format!("{here} has no link to {there}; {path} alone is {state} (PEER-03)"));
        finding.fix.push(match link.state {
            PeeringState::Disconnected => format!("delete {path}, then create both links again"),
            _ => format!("create the link from {here} to {there}"),
        });
        return;
    }
    let peers = |vnet| network.connected_links_of(vnet).map(|(_, l)| l.remote.value).collect::<Vec<_>>();
    let common: Vec<VnetId> = peers(home).into_iter().filter(|p| peers(target).contains(p)).collect();
    let block = block_of(network, target, case.key.dst);
    match common.first() {
        Some(hub) => {
            let hub_name = &network[*hub].name.value;
            finding.because.push(format!(
                "NO_TRANSIT: {here} and {there} both peer with {hub_name}, but peering is not transitive (PEER-11)"
            ));
            let appliance = appliance_in(network, *hub);
            let classic = |vnet: VnetId| network[vnet].deployment_model == DeploymentModel::Classic;
            if !classic(home) && !classic(target) {
                let line = appliance.and_then(|address| case.route_line(subnet, &block, address));
                let anyone = format!("<address of an appliance in {hub_name}>");
                finding.fix.push(line.unwrap_or_else(|| {
                    format!("{}: add {block} -> VirtualAppliance {anyone}", case.table_of(subnet))
                }));
                finding.fix.push(format!(
                    "  the same in {there} for the way back, and allowForwardedTraffic on both spokes' links"
                ));
            }
            let or = if finding.fix.is_empty() { "" } else { "or " };
            finding.fix.push(format!("{or}{}", joining(network, home, target)));
        }
        None => {
            finding.because.push(format!("{here} is not peered with {there}, which has {block}"));
            finding.fix.push(joining(network, home, target));
        }
    }
}

/// How two networks can be joined under the rules in force (PEER-28 to PEER-33).
fn joining(network: &Network, home: VnetId, target: VnetId) -> String {
    use DeploymentModel::{Classic, ResourceManager};
    let (a, b) = (&network[home], &network[target]);
    let (here, there) = (&a.name.value, &b.name.value);
    let subscription = |vnet: VnetId| &network.subscriptions()[network[vnet].subscription];
    let tunnel = format!("join {here} and {there} by a VPN gateway in each (GW-05)");
    let (near, far) = (subscription(home), subscription(target));
    let y2017 = network.semantics().era == Era::Y2017;
    match (a.deployment_model, b.deployment_model) {
        (Classic, Classic) => format!("{tunnel}; classic networks are never peered (PEER-28)"),
        _ if near.cloud != far.cloud => format!("{tunnel}; nothing peers across clouds (PEER-31)"),
        _ if y2017 && near.tenant != far.tenant => {
            format!("{tunnel}; in 2017 nothing peers across tenants (ERA-03)")
        }
        _ if y2017 && a.location != b.location => {
            format!("{tunnel}; in 2017 peering across regions is a preview (PEER-33)")
        }
        (Classic, ResourceManager) => format!("peer them: one link, from {there} to {here} (PEER-28)"),
        (ResourceManager, Classic) => format!("peer them: one link, from {here} to {there} (PEER-28)"),
        _ => format!("peer {here} with {there} (one link on each side)"),
    }
}

fn block_of(network: &Network, vnet: VnetId, ip: IpAddr) -> String {
    let block = network[vnet].address_space.iter().find(|p| p.contains(&ip));
    block.map_or_else(|| ip.to_string(), |p| p.value.to_string())
}

/// The address of the first forwarding NIC of `hub`.
fn appliance_in(network: &Network, hub: VnetId) -> Option<IpAddr> {
    let mut forwarding =
        network.nics().iter().filter(|nic| nic.vnet == hub && nic.enable_ip_forwarding.value);
    forwarding.next()?.ip_configurations.first().map(|config| config.address)
}

/// PEER-09: the flags that gateway transit needs.
fn towards_site(network: &Network, finding: &mut Finding, home: VnetId, site: &str) {
    let here = &network[home].name.value;
    let lenders =
        network.links_of(home).filter(|(_, l)| network.gateways_of(l.remote.value).next().is_some());
    let Some((id, link)) = lenders.into_iter().next() else {
        let own = network.gateways_of(home).next().is_some();
        let why = if own { "does not teach this prefix here" } else { "exists neither here nor in a peer" };
        finding.because.push(format!("{site} is on-premises, and a gateway {why}"));
        return;
    };
    let back = network.link_between(link.remote.value, home);
    if network.gateways_of(home).next().is_some() {
        let far = &network[link.remote.value].name.value;
        finding.because.push(format!(
            "{site} is behind the gateway of {far}; {here} has a gateway of its own and cannot borrow that one (PEER-09)"
        ));
        finding
            .fix
            .push(format!("connect the gateway of {here} to {site} as well, or to the gateway of {far}"));
        return;
    }
    let (near, far) = (&network[home], &network[link.remote.value]);
    let classic = near.deployment_model == DeploymentModel::Classic;
    let apart = near.location != far.location || classic;
    if network.semantics().era == Era::Y2017 && apart {
        finding.because.push(format!(
            "{site} is behind the gateway of {}; in 2017 a gateway is lent inside one region and to Resource Manager networks only (ERA-04)",
            far.name.value
        ));
        finding.fix.push(format!("give {here} a gateway of its own"));
        return;
    }
    if classic {
        finding.because.push(format!(
            "GW_TRANSIT_FLAGS: {site} is behind the gateway of {}, whose link here does not lend it (PEER-28)",
            far.name.value
        ));
        if let Some((back, _)) = back {
            finding.fix.push(format!("{}: set allowGatewayTransit: true", network.link_path(back)));
        }
        return;
    }
    if let Some((_, gateway)) = network.gateways_of(link.remote.value).find(|(_, gateway)| !gateway.is_lent())
    {
        let name = &gateway.name.value;
        finding.span = gateway.name.span;
        finding
            .because
            .push(format!("{site} is behind {name}, whose SKU Basic is not lent to peers (GW-07)"));
        finding.fix.push(format!("{name}: take a larger SKU, such as VpnGw1"));
        return;
    }
    let allow = back.is_some_and(|(_, b)| b.allow_gateway_transit.value);
    finding.span = link.use_remote_gateways.span;
    finding.because.push(format!(
        "GW_TRANSIT_FLAGS: {site} is behind the gateway of {}; {} has useRemoteGateways {}, the link back has allowGatewayTransit {allow}",
        network[link.remote.value].name.value,
        network.link_path(id),
        link.use_remote_gateways.value
    ));
    if !allow && let Some((back, _)) = back {
        finding.fix.push(format!("{}: set allowGatewayTransit: true", network.link_path(back)));
    }
    if !link.use_remote_gateways.value {
        finding.fix.push(format!("{}: set useRemoteGateways: true", network.link_path(id)));
    }
    if finding.fix.is_empty() {
        finding
            .fix
            .push(format!("let {here} learn routes: disableBgpRoutePropagation may be true on its table"));
    }
}
