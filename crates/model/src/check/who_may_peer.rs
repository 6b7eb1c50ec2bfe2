//! Who may peer with whom, and who may borrow whose gateways (Part 3.5, PEER-09, PEER-12, PEER-13, PEER-25).
//!
//! One set of rules for links that a file declares and links that the timeline creates.

use vnetsim_data::Data;
use vnetsim_types::{At, IpNet, PeeringId, Span, SubnetId, VnetId};

use super::addresses::overlap;
use crate::{
    Cloud, DeploymentModel, Era, GatewayType, Network, PeeringLink, PeeringScope, Subscription, limits,
};

/// Why Azure refuses a peering: its error code (PEER-42) and a sentence.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct PeeringRefusal {
    pub(crate) code: &'static str,
    pub(crate) message: String,
    pub(crate) related: Option<(Span, &'static str)>,
}

fn refuse<T>(code: &'static str, message: String) -> Result<T, PeeringRefusal> {
    Err(PeeringRefusal { code, message, related: None })
}

/// May `link`, which is not part of the network yet, be created?
pub(crate) fn may_peer(network: &Network, link: &PeeringLink) -> Result<(), PeeringRefusal> {
    models_fit(network, link)?;
    is_new(network, link)?;
    subscriptions_fit(network, link)?;
    regions_fit(network, link)?;
    may_have_flags(network, link)?;
    within_limit(network, link.vnet)?;
    must_be_disjoint(network, link)?;
    match network[link.remote.value].deployment_model {
        DeploymentModel::Classic => must_be_disjoint(network, &super::implied_link(network, link)),
        DeploymentModel::ResourceManager => Ok(()),
    }
}

/// PEER-28.
fn models_fit(network: &Network, link: &PeeringLink) -> Result<(), PeeringRefusal> {
    let (here, there) = (&network[link.vnet], &network[link.remote.value]);
    if link.vnet == link.remote.value {
        let message = format!("`{}` cannot be peered with itself (PEER-01)", here.name.value);
        return refuse("VnetCannotPeerWithItself", message);
    }
    match (here.deployment_model, there.deployment_model) {
        (DeploymentModel::Classic, DeploymentModel::Classic) => {
            let message = format!(
                "`{}` and `{}` are both classic; join them with VPN gateways (PEER-28)",
                here.name.value, there.name.value
            );
            refuse("ClassicToClassicNotAllowed", message)
        }
        (DeploymentModel::Classic, DeploymentModel::ResourceManager) => {
            let message = format!(
                "`{}` is classic and has no links; create the single link on `{}` (PEER-28)",
                here.name.value, there.name.value
            );
            refuse("ClassicVnetHasNoLinks", message)
        }
        (DeploymentModel::ResourceManager, _) => Ok(()),
    }
}

/// PEER-01.
fn is_new(network: &Network, link: &PeeringLink) -> Result<(), PeeringRefusal> {
    let (here, there) = (&network[link.vnet].name.value, &network[link.remote.value].name.value);
    let name = &link.name.value;
    let mut own = network.links_of(link.vnet);
    if let Some((_, other)) = own.find(|(_, other)| other.name.value.eq_ignore_ascii_case(name)) {
        let message = format!("`{here}` has another link called `{name}` (PEER-01)");
        let related = Some((other.name.span, "the first one"));
        return Err(PeeringRefusal { code: "DUPLICATE_NAME", message, related });
    }
    if let Some((_, other)) = network.link_between(link.vnet, link.remote.value) {
        let other = &other.name;
        let message = format!("`{here}` already has a link to `{there}`, called `{}` (PEER-01)", other.value);
        let related = Some((other.span, "the first one"));
        let code = "AnotherPeeringAlreadyReferencesRemoteVnet";
        return Err(PeeringRefusal { code, message, related });
    }
    Ok(())
}

/// PEER-31, and PEER-29 with ERA-03.
fn subscriptions_fit(network: &Network, link: &PeeringLink) -> Result<(), PeeringRefusal> {
    let (here, there) = (&network[link.vnet].name.value, &network[link.remote.value].name.value);
    let (a, b) = (cloud(network, link.vnet), cloud(network, link.remote.value));
    if a != b {
        let message = format!(
            "`{here}` is in cloud {} and `{there}` in cloud {}; nothing peers across clouds (PEER-31)",
            a.text(),
            b.text()
        );
        return refuse("CrossCloudPeeringNotAllowed", message);
    }
    let (a, b) = (subscription(network, link.vnet), subscription(network, link.remote.value));
    if network.semantics.era == Era::Y2017 && a.tenant != b.tenant {
        let message = format!(
            "the subscriptions of `{here}` and `{there}` are in different tenants; in 2017 only a VPN gateway joins \
             them (PEER-29)"
        );
        return refuse("DifferentTenantsNotAllowed", message);
    }
    Ok(())
}

/// PEER-33, ERA-01: global peering was a preview in 2017.
fn regions_fit(network: &Network, link: &PeeringLink) -> Result<(), PeeringRefusal> {
    let (a, b) = (link.vnet, link.remote.value);
    if network.semantics.era != Era::Y2017 || !network.is_global(a, b) {
        return Ok(());
    }
    let preview = Data::current().regions().filter(|region| region.preview_2017);
    let preview: Vec<&str> = preview.map(|region| region.name.as_str()).collect();
    let in_preview = |vnet: VnetId| preview.contains(&network[vnet].location.as_str());
    if let Some(out) = [a, b].into_iter().find(|vnet| !in_preview(*vnet)) {
        let message = format!(
            "`{}` and `{}` are in different regions, and {} is not one of {}, where the preview of 2017 allows it \
             (PEER-33)",
            network[a].name.value,
            network[b].name.value,
            network[out].location,
            preview.join(", ")
        );
        return refuse("GlobalPeeringRegionNotSupported", message);
    }
    let registered = |vnet: VnetId| {
        subscription(network, vnet).features.iter().any(|f| f == limits::GLOBAL_PEERING_FEATURE)
    };
    if let Some(out) = [a, b].into_iter().find(|vnet| !registered(*vnet)) {
        let message = format!(
            "the subscription of `{}` is not registered for AllowGlobalVnetPeering (PEER-33)",
            network[out].name.value
        );
        return refuse("GlobalPeeringNotRegistered", message);
    }
    Ok(())
}

/// What era 2017 does not know: gateway transit across regions or models (ERA-04), subnet peering (ERA-09).
pub(crate) fn may_have_flags(network: &Network, link: &PeeringLink) -> Result<(), PeeringRefusal> {
    if network.semantics.era != Era::Y2017 {
        return Ok(());
    }
    let (here, there) = (&network[link.vnet], &network[link.remote.value]);
    let between = format!("link `{}` from `{}` to `{}`", link.name.value, here.name.value, there.name.value);
    if link.scope != PeeringScope::Complete || link.only_ipv6 {
        let message = format!("{between} joins parts of the networks; 2017 does not know that (ERA-09)");
        return refuse("SubnetPeeringNotAvailable", message);
    }
    let classic = there.deployment_model == DeploymentModel::Classic;
    let global = network.is_global(link.vnet, link.remote.value);
    if (link.allow_gateway_transit.value || link.use_remote_gateways.value) && (classic || global) {
        let why = if classic { "a classic network" } else { "another region" };
        let message = format!("{between} has a gateway flag; 2017 allows none towards {why} (ERA-04)");
        return refuse("GatewayTransitNotSupported", message);
    }
    Ok(())
}

/// PEER-34, ERA-07.
fn within_limit(network: &Network, vnet: VnetId) -> Result<(), PeeringRefusal> {
    let limits = limits::of(network.semantics.era);
    let raised = subscription(network, vnet).peerings_per_vnet;
    let mut most = raised.unwrap_or(limits.peerings_per_vnet.value);
    if network.gateways_of(vnet).any(|(_, g)| g.kind == GatewayType::ExpressRoute) {
        most = most.min(limits.peerings_per_vnet_expressroute_gateway.value);
    }
    if network.links_of(vnet).count() as u64 >= most {
        let message = format!("`{}` has {most} links already, its limit (PEER-34)", network[vnet].name.value);
        return refuse("PeeringLimitReached", message);
    }
    Ok(())
}

/// PEER-12, PEER-13 and, for subnet peering, PEER-25. Links to the same network do not count against each other.
pub(crate) fn must_be_disjoint(network: &Network, link: &PeeringLink) -> Result<(), PeeringRefusal> {
    let (here, there) = (&network[link.vnet], &network[link.remote.value]);
    let overlapping = match &link.scope {
        PeeringScope::Complete => {
            let (a, b) = (&here.address_space, &there.address_space);
            first_overlap(of_family(a, link), of_family(b, link))
        }
        PeeringScope::Subnets { local, remote } => shared_block(network, local, link.remote.value, link)
            .or_else(|| shared_block(network, remote, link.vnet, link).map(|(a, b)| (b, a))),
    };
    if let Some((a, b)) = overlapping {
        let rule = match link.scope {
            PeeringScope::Complete => "peered networks must be disjoint (PEER-12)",
            PeeringScope::Subnets { .. } => {
                "subnets that take part come from blocks that are not shared (PEER-25)"
            }
        };
        let message = format!(
            "{} of `{}` and {} of `{}` overlap; {rule}",
            a.value, here.name.value, b.value, there.name.value
        );
        let related = Some((b.span, "the overlapping block"));
        return Err(PeeringRefusal { code: "VnetAddressSpacesOverlap", message, related });
    }
    disjoint_from_other_peers(network, link)
}

/// PEER-13.
fn disjoint_from_other_peers(network: &Network, link: &PeeringLink) -> Result<(), PeeringRefusal> {
    let (here, there) = (&network[link.vnet], &network[link.remote.value]);
    let joined = remote_blocks(network, link);
    let others = network
        .links_of(link.vnet)
        .filter(|(_, other)| other.remote.value != link.remote.value && !network[other.remote.value].deleted);
    for (_, other) in others {
        let theirs = remote_blocks(network, other);
        if let Some((a, b)) = first_overlap(theirs.iter().copied(), joined.iter().copied()) {
            let message = format!(
                "{} of `{}` overlaps {} of `{}`, which `{}` is already peered with (PEER-13)",
                b.value, there.name.value, a.value, network[other.remote.value].name.value, here.name.value
            );
            let related = Some((other.name.span, "already peered here"));
            let code = "VnetAddressSpaceOverlapsWithAlreadyPeeredVnet";
            return Err(PeeringRefusal { code, message, related });
        }
    }
    Ok(())
}

/// What `link` brings into its network: the remote space, or some remote subnets.
fn remote_blocks<'a>(network: &'a Network, link: &PeeringLink) -> Vec<&'a At<IpNet>> {
    match &link.scope {
        PeeringScope::Complete => of_family(&network[link.remote.value].address_space, link).collect(),
        PeeringScope::Subnets { remote, .. } => {
            remote.iter().flat_map(|id| of_family(&network[*id].prefixes, link)).collect()
        }
    }
}

/// PEER-24: `enableOnlyIPv6Peering` leaves IPv4 out, and with it its overlaps.
fn of_family<'a>(
    blocks: &'a [At<IpNet>],
    link: &PeeringLink,
) -> impl Iterator<Item = &'a At<IpNet>> + Clone + use<'a> {
    let only_ipv6 = link.only_ipv6;
    blocks.iter().filter(move |block| !only_ipv6 || block.addr().is_ipv6())
}

/// PEER-25: the block behind one of `subnets` that overlaps a block of `other`, and that block.
fn shared_block<'a>(
    network: &'a Network,
    subnets: &[SubnetId],
    other: VnetId,
    link: &PeeringLink,
) -> Option<(&'a At<IpNet>, &'a At<IpNet>)> {
    let blocks = subnets.iter().flat_map(|id| {
        let (subnet, space) = (&network[*id], &network[network[*id].vnet].address_space);
        let behind = |block: &&At<IpNet>| subnet.prefixes.iter().any(|prefix| block.contains(&prefix.value));
        of_family(space, link).filter(behind).collect::<Vec<_>>()
    });
    first_overlap(blocks, of_family(&network[other].address_space, link))
}

fn first_overlap<'a>(
    a: impl Iterator<Item = &'a At<IpNet>>,
    b: impl Iterator<Item = &'a At<IpNet>> + Clone,
) -> Option<(&'a At<IpNet>, &'a At<IpNet>)> {
    let mut pairs = a.flat_map(|x| b.clone().map(move |y| (x, y)));
    pairs.find(|(x, y)| overlap(x, y))
}

/// PEER-09, FE-14: may this link borrow the remote gateway? A route server counts as one.
pub(crate) fn may_borrow_gateways(network: &Network, id: PeeringId) -> Result<(), PeeringRefusal> {
    let link = &network[id];
    let (here, there) = (&network[link.vnet].name.value, &network[link.remote.value].name.value);
    if !link.do_not_verify_remote_gateways && gateway_of(network, link.remote.value).is_none() {
        let message = format!("`{there}` has no virtual network gateway to borrow (PEER-09)");
        return refuse("RemoteVnetHasNoGateways", message);
    }
    if let Some(own) = gateway_of(network, link.vnet) {
        let message = format!("`{here}` has a gateway of its own, `{own}` (PEER-09)");
        return refuse("VnetHasOwnGateway", message);
    }
    let other = network.links_of(link.vnet).find(|(other, l)| *other != id && l.use_remote_gateways.value);
    if let Some((_, other)) = other {
        let message = format!("`{here}` already borrows a gateway by link `{}` (PEER-09)", other.name.value);
        return refuse("AnotherLinkUsesRemoteGateways", message);
    }
    let back = network.link_between(link.remote.value, link.vnet);
    if back.is_some_and(|(_, back)| !back.allow_gateway_transit.value) {
        return transit_first(network, link);
    }
    Ok(())
}

/// FE-14: what a link that borrows too early is told.
pub(crate) fn transit_first<T>(network: &Network, link: &PeeringLink) -> Result<T, PeeringRefusal> {
    let (here, there) = (&network[link.vnet].name.value, &network[link.remote.value].name.value);
    let message =
        format!("the link from `{there}` to `{here}` must have allowGatewayTransit true first (PEER-09)");
    refuse("AllowGatewayTransitRequired", message)
}

/// Name of the first gateway or route server of `vnet`.
fn gateway_of(network: &Network, vnet: VnetId) -> Option<&str> {
    let gateway = network.gateways_of(vnet).map(|(_, g)| &g.name).next();
    let server = || network.route_servers_of(vnet).map(|(_, s)| &s.name).next();
    gateway.or_else(server).map(|name| name.value.as_str())
}

/// The cloud of a subscription; the one that all networks without a subscription share spans clouds.
fn cloud(network: &Network, vnet: VnetId) -> Cloud {
    let subscription = subscription(network, vnet);
    let region = || Data::current().region(&network[vnet].location).map(|region| region.cloud);
    if subscription.name.value.is_empty() { region().unwrap_or(Cloud::Public) } else { subscription.cloud }
}

fn subscription(network: &Network, vnet: VnetId) -> &Subscription {
    &network.subscriptions[network[vnet].subscription]
}
