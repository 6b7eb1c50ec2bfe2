//! A peering link from what somebody says about it: defaults, subnets by name, the classic way back.

use vnetsim_types::{At, Problem, SubnetId, VnetId};

use super::resolve;
use crate::{
    Network, PeeringLink, PeeringScope, PeeringState, did_you_mean,
    draft::{self, Ref},
    limits,
};

/// A link with Azure's defaults, state Initiated.
pub(crate) fn new_link(
    network: &Network,
    vnet: VnetId,
    remote: VnetId,
    said: &draft::Peering,
) -> Result<PeeringLink, Vec<Problem>> {
    let flag = |value: &Option<At<bool>>, default| value.clone().unwrap_or(At::new(default, said.name.span));
    let current = || network[remote].address_space.iter().map(|p| p.value).collect();
    let copy = said.remote_address_space.as_ref();
    Ok(PeeringLink {
        name: said.name.clone(),
        vnet,
        remote: At::new(remote, said.remote_virtual_network.span),
        allow_virtual_network_access: flag(&said.allow_virtual_network_access, true),
        allow_forwarded_traffic: flag(&said.allow_forwarded_traffic, false),
        allow_gateway_transit: flag(&said.allow_gateway_transit, false),
        use_remote_gateways: flag(&said.use_remote_gateways, false),
        do_not_verify_remote_gateways: said.do_not_verify_remote_gateways.as_ref().is_some_and(|d| d.value),
        scope: scope(network, vnet, remote, said)?,
        only_ipv6: said.enable_only_ipv6_peering.as_ref().is_some_and(|only| only.value),
        state: PeeringState::Initiated,
        remote_address_space: copy
            .map_or_else(current, |list| list.iter().map(|p| p.value.trunc()).collect()),
        implied: false,
        deleted: false,
    })
}

/// PEER-28: how a link to a classic virtual network works in the other direction. The classic side has no flags of
/// its own: it takes those of the link, and borrows gateways whenever they are lent.
pub(crate) fn implied_link(network: &Network, link: &PeeringLink) -> PeeringLink {
    let place = link.name.span;
    PeeringLink {
        vnet: link.remote.value,
        remote: At::new(link.vnet, place),
        allow_gateway_transit: At::new(false, place),
        use_remote_gateways: link.allow_gateway_transit.clone(),
        scope: match &link.scope {
            PeeringScope::Complete => PeeringScope::Complete,
            PeeringScope::Subnets { local, remote } => {
                PeeringScope::Subnets { local: remote.clone(), remote: local.clone() }
            }
        },
        remote_address_space: network[link.vnet].address_space.iter().map(|p| p.value).collect(),
        implied: true,
        ..link.clone()
    }
}

/// PEER-24, PEER-25.
fn scope(
    network: &Network,
    vnet: VnetId,
    remote: VnetId,
    said: &draft::Peering,
) -> Result<PeeringScope, Vec<Problem>> {
    let sides = [
        ("localSubnetNames", vnet, &said.local_subnet_names),
        ("remoteSubnetNames", remote, &said.remote_subnet_names),
    ];
    let name = &said.name.value;
    let complete = said.peer_complete_vnets.as_ref().filter(|complete| !complete.value);
    let Some(complete) = complete else {
        let Some((property, _, list)) = sides.into_iter().find(|(_, _, list)| !list.is_empty()) else {
            return Ok(PeeringScope::Complete);
        };
        let what = format!("link `{name}` names subnets and joins whole virtual networks");
        return Err(vec![
            Problem::error("CONFLICTING_PROPERTIES", list[0].span, what)
                .help(format!("set peerCompleteVnets: false, or remove {property} (PEER-24)")),
        ]);
    };
    let mut problems = Vec::new();
    let [local, remote] = sides.map(|(property, vnet, list)| {
        if list.is_empty() {
            let what = format!("link `{name}` joins subnets and has no {property}");
            problems.push(
                Problem::error("MISSING_PROPERTY", complete.span, what)
                    .help("name the subnets of both sides (PEER-24)"),
            );
        }
        let limit = &limits::of(network.semantics.era).subnet_peering_subnets_per_side;
        // Where it is 0 there is no subnet peering at all, which `may_have_flags` says.
        if limit.value > 0 && list.len() as u64 > limit.value {
            let what = format!("{property} of link `{name}` has {} subnets", list.len());
            problems.push(Problem::error("OVER_LIMIT", said.name.span, what).help(limits::allowed(limit)));
        }
        subnets(network, vnet, list, &mut problems)
    });
    if problems.is_empty() { Ok(PeeringScope::Subnets { local, remote }) } else { Err(problems) }
}

fn subnets(network: &Network, vnet: VnetId, names: &[Ref], problems: &mut Vec<Problem>) -> Vec<SubnetId> {
    let mut found: Vec<SubnetId> = Vec::new();
    for name in names {
        match network.subnet_named(vnet, &name.value) {
            Some(id) if !found.contains(&id) => found.push(id),
            Some(_) => {}
            None => {
                let all = network[vnet].subnets.iter().map(|id| network[*id].name.value.as_str());
                let near = did_you_mean(&name.value, all).map(str::to_owned);
                let kind = format!("subnet of `{}`", network[vnet].name.value);
                problems.push(resolve::unknown(&kind, name, &near));
            }
        }
    }
    found
}
