//! Peering links as a file declares them, and the checks that creation shares with the timeline.

use vnetsim_types::{At, IpNet, PeeringId, Problem, Span, VnetId};

use super::{Checker, addresses::overlap};
use crate::{
    Network, PeeringLink, PeeringScope, PeeringState,
    draft::{self, Draft},
};

/// Why Azure refuses a peering: its error code (PEER-42) and a sentence.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct PeeringRefusal {
    pub(crate) code: &'static str,
    pub(crate) message: String,
    pub(crate) related: Option<(Span, &'static str)>,
}

impl Checker {
    pub(super) fn peerings(&mut self, draft: &Draft) {
        for (ix, vnet) in draft.virtual_networks.iter().enumerate() {
            for peering in &vnet.peerings {
                self.peering(VnetId::new(ix), peering);
            }
        }
        self.initial_states(draft);
        self.gateway_flags();
    }

    fn peering(&mut self, vnet: VnetId, peering: &draft::Peering) {
        let Some(remote) = self.look_up("virtual network", &peering.remote_virtual_network, |x| &x.vnets)
        else {
            return;
        };
        let link = new_link(&self.network, vnet, remote, peering);
        if let Err(refusal) = may_peer(&self.network, vnet, remote, &link.name.value) {
            let mut problem = Problem::error(refusal.code, peering.span, refusal.message);
            if let Some((span, text)) = refusal.related {
                problem = problem.related(span, text);
            }
            return self.problem(problem);
        }
        self.network.peerings.push(link);
    }

    /// PEER-03 for links that were all there before the run: Connected where both exist.
    fn initial_states(&mut self, draft: &Draft) {
        for ix in 0..self.network.peerings.len() {
            let link = &self.network.peerings[ix];
            let said_of = |link: &PeeringLink| {
                let declared = draft.virtual_networks[link.vnet.ix()].peerings.iter();
                declared.filter(|p| p.name.value == link.name.value).find_map(|p| p.peering_state.clone())
            };
            let opposite =
                self.network.link_between(link.remote.value, link.vnet).map(|(_, back)| said_of(back));
            // A link beside one that says it is not Connected waits for it (PEER-02).
            let connects = |said: &Option<At<PeeringState>>| {
                said.as_ref().is_none_or(|s| s.value == PeeringState::Connected)
            };
            let computed = match &opposite {
                Some(back) if connects(back) => PeeringState::Connected,
                _ => PeeringState::Initiated,
            };
            let (said, opposite) = (said_of(link), opposite.is_some());
            let state = said.as_ref().map_or(computed, |s| s.value);
            if let Some(said) = said.filter(|s| s.value == PeeringState::Connected && !opposite) {
                let what = "the link says Connected, but the opposite link does not exist";
                self.problem(
                    Problem::error("BAD_VALUE", said.span, what)
                        .help("add the opposite link, or say Initiated or Disconnected (PEER-03)"),
                );
            }
            self.network.peerings[ix].state = state;
        }
    }

    /// PEER-09: what `useRemoteGateways` needs.
    fn gateway_flags(&mut self) {
        let mut found = Vec::new();
        for (ix, link) in
            self.network.peerings.iter().enumerate().filter(|(_, l)| l.use_remote_gateways.value)
        {
            if let Err(refusal) = may_use_remote_gateways(&self.network, PeeringId::new(ix)) {
                found.push(Problem::error(refusal.code, link.use_remote_gateways.span, refusal.message));
            }
        }
        self.problems.append(&mut found);
    }
}

/// A link with Azure's defaults, state Initiated.
pub(crate) fn new_link(
    network: &Network,
    vnet: VnetId,
    remote: VnetId,
    said: &draft::Peering,
) -> PeeringLink {
    let flag = |value: &Option<At<bool>>, default| value.clone().unwrap_or(At::new(default, said.name.span));
    let current = || network[remote].address_space.iter().map(|p| p.value).collect();
    let copy = said.remote_address_space.as_ref();
    PeeringLink {
        name: said.name.clone(),
        vnet,
        remote: At::new(remote, said.remote_virtual_network.span),
        allow_virtual_network_access: flag(&said.allow_virtual_network_access, true),
        allow_forwarded_traffic: flag(&said.allow_forwarded_traffic, false),
        allow_gateway_transit: flag(&said.allow_gateway_transit, false),
        scope: PeeringScope::Complete,
        only_ipv6: false,
        use_remote_gateways: flag(&said.use_remote_gateways, false),
        state: PeeringState::Initiated,
        remote_address_space: copy
            .map_or_else(current, |list| list.iter().map(|p| p.value.trunc()).collect()),
        deleted: false,
    }
}

/// PEER-01, PEER-12, PEER-13: may a link from `vnet` to `remote` be created?
pub(crate) fn may_peer(
    network: &Network,
    vnet: VnetId,
    remote: VnetId,
    name: &str,
) -> Result<(), PeeringRefusal> {
    let refuse = |code, message, related| Err(PeeringRefusal { code, message, related });
    let (here, there) = (&network[vnet], &network[remote]);
    if vnet == remote {
        let message = format!("`{}` cannot be peered with itself", here.name.value);
        return refuse("BAD_VALUE", message, None);
    }
    if let Some((_, other)) = network.links_of(vnet).find(|(_, l)| l.name.value.eq_ignore_ascii_case(name)) {
        let message = format!("`{}` has another link called `{name}` (PEER-01)", here.name.value);
        return refuse("DUPLICATE_NAME", message, Some((other.name.span, "the first one")));
    }
    if let Some((_, other)) = network.link_between(vnet, remote) {
        let message = format!(
            "`{}` already has a link to `{}`, called `{}` (PEER-01)",
            here.name.value, there.name.value, other.name.value
        );
        return refuse(
            "AnotherPeeringAlreadyReferencesRemoteVnet",
            message,
            Some((other.name.span, "the first one")),
        );
    }
    if let Some((a, b)) = first_overlap(&here.address_space, &there.address_space) {
        let message = format!(
            "{} of `{}` and {} of `{}` overlap; peered networks must be disjoint (PEER-12)",
            a.value, here.name.value, b.value, there.name.value
        );
        return refuse("VnetAddressSpacesOverlap", message, Some((b.span, "the overlapping block")));
    }
    for (_, link) in network.links_of(vnet) {
        let peer = &network[link.remote.value];
        if let Some((a, b)) = first_overlap(&peer.address_space, &there.address_space) {
            let message = format!(
                "{} of `{}` overlaps {} of `{}`, which `{}` is already peered with (PEER-13)",
                b.value, there.name.value, a.value, peer.name.value, here.name.value
            );
            let related = Some((link.name.span, "already peered here"));
            return refuse("VnetAddressSpaceOverlapsWithAlreadyPeeredVnet", message, related);
        }
    }
    Ok(())
}

/// PEER-09, FE-14: may this link borrow the remote gateway?
pub(crate) fn may_use_remote_gateways(network: &Network, id: PeeringId) -> Result<(), PeeringRefusal> {
    let link = &network[id];
    let (here, there) = (&network[link.vnet].name.value, &network[link.remote.value].name.value);
    let refuse = |code, message| Err(PeeringRefusal { code, message, related: None });
    if network.gateways_of(link.remote.value).next().is_none() {
        let message = format!("`{there}` has no virtual network gateway to borrow (PEER-09)");
        return refuse("RemoteVnetHasNoGateways", message);
    }
    if let Some((_, own)) = network.gateways_of(link.vnet).next() {
        let message = format!("`{here}` has a gateway of its own, `{}` (PEER-09)", own.name.value);
        return refuse("VnetHasOwnGateway", message);
    }
    let other = network.links_of(link.vnet).find(|(other, l)| *other != id && l.use_remote_gateways.value);
    if let Some((_, other)) = other {
        let message = format!("`{here}` already borrows a gateway by link `{}` (PEER-09)", other.name.value);
        return refuse("AnotherLinkUsesRemoteGateways", message);
    }
    let back = network.link_between(link.remote.value, link.vnet);
    if back.is_some_and(|(_, back)| !back.allow_gateway_transit.value) {
        let message = format!("the link from `{there}` to `{here}` has allowGatewayTransit false (PEER-09)");
        return refuse("AllowGatewayTransitRequired", message);
    }
    Ok(())
}

fn first_overlap<'a>(a: &'a [At<IpNet>], b: &'a [At<IpNet>]) -> Option<(&'a At<IpNet>, &'a At<IpNet>)> {
    a.iter().flat_map(|x| b.iter().map(move |y| (x, y))).find(|(x, y)| overlap(x, y))
}
