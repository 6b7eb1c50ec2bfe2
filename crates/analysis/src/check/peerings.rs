//! Peerings that are half made, broken, out of date or closed (PEER-03 to PEER-17).

use vnetsim_model::{ConnectionEnd, LbSku, PeeringLink, PeeringState};
use vnetsim_types::{At, FindingCode, IpNet, PeeringId, VnetId};

use super::{Look, joined, span_of};
use crate::Finding;

pub(super) fn find(look: &Look<'_>, found: &mut Vec<Finding>) {
    for (id, link) in look.network.existing_links().filter(|(_, link)| !link.implied) {
        state(look, id, link, found);
        sync(look, id, link, found);
        access(look, id, link, found);
    }
    overlaps(look, found);
    sites(look, found);
    basic_balancers(look, found);
}

/// FAIL-08, FAIL-09.
fn state(look: &Look<'_>, id: PeeringId, link: &PeeringLink, found: &mut Vec<Finding>) {
    let network = look.network;
    let (here, there) = (&network[link.vnet].name.value, &network[link.remote.value].name.value);
    let path = network.link_path(id);
    let finding = match link.state {
        PeeringState::Connected => return,
        PeeringState::Initiated => Finding::new(
            FindingCode::PeerHalfMade,
            &path,
            link.name.span,
            format!(
                "link {path} is Initiated: {there} has no link to {here}, so neither has a route to the other"
            ),
        )
        .fix(format!("create a link in {there} to {here}")),
        PeeringState::Disconnected => Finding::new(
            FindingCode::PeerDisconnected,
            &path,
            link.name.span,
            format!(
                "link {path} is Disconnected: the opposite link in {there} was deleted, and no traffic passes"
            ),
        )
        .fix(format!("delete {path}, then create both links again")),
    };
    found.push(finding);
}

/// FAIL-25.
fn sync(look: &Look<'_>, id: PeeringId, link: &PeeringLink, found: &mut Vec<Finding>) {
    let network = look.network;
    if link.state != PeeringState::Connected {
        return;
    }
    let remote = &network[link.remote.value];
    let now: Vec<IpNet> = remote.address_space.iter().map(|block| block.value).collect();
    let copy = &link.remote_address_space;
    let new: Vec<String> = now.iter().filter(|b| !copy.contains(b)).map(ToString::to_string).collect();
    let gone: Vec<String> = copy.iter().filter(|b| !now.contains(b)).map(ToString::to_string).collect();
    if new.is_empty() && gone.is_empty() {
        return;
    }
    let (path, here, there) = (network.link_path(id), &network[link.vnet].name.value, &remote.name.value);
    let old = copy.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ");
    let mut finding = Finding::new(
        FindingCode::PeerOutOfSync,
        &path,
        link.name.span,
        format!("link {path} has an old copy of the address space of {there}"),
    )
    .because(format!("{here} still believes that {there} has {old}"))
    .fix(format!("az network vnet peering sync -g RG --vnet-name {here} -n {}", link.name.value));
    if !new.is_empty() {
        finding = finding.because(format!("{here} has no peering route to the new {}", new.join(" ")));
    }
    if !gone.is_empty() {
        finding = finding.because(format!("{here} still routes {}, which {there} gave up", gone.join(" ")));
    }
    found.push(finding);
}

/// FAIL-34.
fn access(look: &Look<'_>, id: PeeringId, link: &PeeringLink, found: &mut Vec<Finding>) {
    if link.allow_virtual_network_access.value || link.state != PeeringState::Connected {
        return;
    }
    let (path, there) = (look.network.link_path(id), &look.network[link.remote.value].name.value);
    let here = &look.network[link.vnet].name.value;
    found.push(
        Finding::new(
            FindingCode::PeerNoAccess,
            &path,
            span_of(&link.allow_virtual_network_access, &link.name),
            format!("{path} has allowVirtualNetworkAccess false"),
        )
        .because(format!(
            "routes from {here} to {there} are there, but VirtualNetwork lacks {there} at the NICs of {here}"
        ))
        .because("default rules deny then; rules with address blocks still allow (U-01)")
        .fix(format!("{path}: set allowVirtualNetworkAccess: true")),
    );
}

/// FAIL-24: networks that meet through others, and sites, must not have the same addresses.
fn overlaps(look: &Look<'_>, found: &mut Vec<Finding>) {
    let network = look.network;
    let vnets: Vec<VnetId> = network.existing_vnets().map(|(id, _)| id).collect();
    let overlap = |a: VnetId, b: VnetId| {
        let blocks = |vnet: VnetId| network[vnet].address_space.iter().map(|p| p.value);
        blocks(a).find_map(|x| blocks(b).find(|y| x.contains(y) || y.contains(&x)).map(|y| (x, y)))
    };
    for (ix, a) in vnets.iter().enumerate() {
        for b in &vnets[ix + 1..] {
            let Some((x, y)) = overlap(*a, *b) else { continue };
            let Some(way) = meeting(look, *a, *b) else { continue };
            let (near, far) = (&network[*a], &network[*b]);
            found.push(
                Finding::new(
                    FindingCode::PeerOverlap,
                    format!("{} and {}", near.name.value, far.name.value),
                    near.name.span,
                    format!(
                        "{} has {x} and {} has {y}, and they meet: {way}",
                        near.name.value, far.name.value
                    ),
                )
                .because(
                    "they can never be peered with each other or with one common network (PEER-12, PEER-13)",
                )
                .fix(format!("renumber {} or {}", near.name.value, far.name.value))
                .related(far.name.span, "overlaps"),
            );
        }
    }
}

/// A site that has addresses of a network behind its own gateway: nothing in Azure is routed there (RT-12).
fn sites(look: &Look<'_>, found: &mut Vec<Finding>) {
    let network = look.network;
    for connection in network.connections().iter().filter(|connection| !connection.deleted) {
        let ConnectionEnd::Site(site) = connection.end else { continue };
        let (site, home) = (&network[site], network[connection.gateway].vnet);
        let near = network.connected_links_of(home).map(|(_, link)| link.remote.value);
        for vnet in std::iter::once(home).chain(near).map(|id| &network[id]) {
            let prefixes = site.prefixes.iter().chain(&site.advertised);
            let inside =
                |p: &&At<IpNet>| vnet.address_space.iter().any(|block| block.value.contains(&p.value));
            let Some(prefix) = prefixes.into_iter().find(inside) else { continue };
            let (near, far) = (&vnet.name.value, &site.name.value);
            found.push(
                Finding::new(
                    FindingCode::PeerOverlap,
                    format!("{near} and {far}"),
                    vnet.name.span,
                    format!("{far} has {}, which lies inside {near}", prefix.value),
                )
                .because("Azure prefers its own block: nothing is routed to that part of the site (RT-12)")
                .fix(format!("renumber {near} or that part of {far}"))
                .related(prefix.span, "overlaps"),
            );
        }
    }
}

/// By which networks two networks are joined, if they are; breadth first.
fn meeting(look: &Look<'_>, from: VnetId, to: VnetId) -> Option<String> {
    let network = look.network;
    let mut came: Vec<(VnetId, Option<usize>)> = vec![(from, None)];
    let mut next = 0;
    while next < came.len() {
        let here = came[next].0;
        for (vnet, _) in network.existing_vnets() {
            if joined(network, here, vnet) && came.iter().all(|(known, _)| *known != vnet) {
                came.push((vnet, Some(next)));
            }
        }
        next += 1;
    }
    let mut at = came.iter().position(|(vnet, _)| *vnet == to);
    let mut names = Vec::new();
    while let Some(ix) = at {
        names.push(network[came[ix].0].name.value.as_str());
        at = came[ix].1;
    }
    names.reverse();
    (!names.is_empty()).then(|| names.join(" - "))
}

/// FAIL-18.
fn basic_balancers(look: &Look<'_>, found: &mut Vec<Finding>) {
    let network = look.network;
    for lb in network.load_balancers().iter().filter(|lb| lb.sku == LbSku::Basic) {
        for vnet in lb.frontends.iter().filter_map(|frontend| frontend.vnet) {
            let far =
                network.connected_links_of(vnet).filter(|(_, l)| network.is_global(vnet, l.remote.value));
            let names: Vec<&str> = far.map(|(_, l)| network[l.remote.value].name.value.as_str()).collect();
            if !names.is_empty() {
                let name = &lb.name.value;
                found.push(
                    Finding::new(
                        FindingCode::BasicLbGlobal,
                        name,
                        lb.name.span,
                        format!(
                            "load balancer {name} is Basic: {} cannot reach it across regions",
                            names.join(", ")
                        ),
                    )
                    .fix(format!("{name}: sku Standard"))
                    .fix("or address the backends directly"),
                );
            }
        }
    }
}
