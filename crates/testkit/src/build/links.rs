//! Peering links that Azure accepts (Part 3.3 to 3.5 of the semantics).

use vnetsim_model::{DeploymentModel, Era, PeeringState, draft};
use vnetsim_types::{At, IpNet};

use super::{Build, overlap};
use crate::plan::{FlagsPlan, LinkPlan, Plan, Scope, Shape};

/// What a link brings into a network. The way back from a classic network counts as one (PEER-28).
pub(super) struct Join {
    vnet: usize,
    remote: usize,
    blocks: Vec<IpNet>,
    borrows: bool,
}

/// What a pair of links joins.
struct Parts {
    only_v6: bool,
    /// Subnets of either side by name, for subnet peering.
    names: Option<[Vec<String>; 2]>,
    /// What the first network brings, and the second.
    blocks: [Vec<IpNet>; 2],
    /// The address blocks behind those; these must not be shared (PEER-25).
    behind: [Vec<IpNet>; 2],
}

impl Build {
    pub(super) fn links(&mut self, plan: &Plan) {
        let count = self.draft.virtual_networks.len();
        for link in &plan.links {
            let ends = (usize::from(link.ends.0) % count, usize::from(link.ends.1) % count);
            // PEER-28: the single link to a classic network belongs to the other one.
            let (a, b) = if self.is_classic(ends.0) { (ends.1, ends.0) } else { ends };
            let joined =
                self.joins.iter().any(|j| (j.vnet, j.remote) == (a, b) || (j.vnet, j.remote) == (b, a));
            if a == b || joined || self.is_classic(a) {
                continue;
            }
            let parts = self.parts(link, a, b);
            if self.may_peer(a, b, &parts) {
                self.pair(link, a, b, &parts);
            }
        }
    }

    /// Both links, or one of them.
    fn pair(&mut self, link: &LinkPlan, a: usize, b: usize, parts: &Parts) {
        let classic = self.is_classic(b);
        // ERA-04.
        let flags_known = self.era == Era::Modern || !(classic || self.is_global(a, b));
        let allowed = |flags: &FlagsPlan| FlagsPlan {
            transit: flags.transit && flags_known,
            use_remote: flags.use_remote && flags_known,
            ..flags.clone()
        };
        let (there, back) = (allowed(&link.there), allowed(&link.back));
        let both = !classic && matches!(link.shape, Shape::Both | Shape::DisconnectedBeside);
        let disconnected = !matches!(link.shape, Shape::Both | Shape::OneSide);
        let lent = if both { back.transit } else { !classic };
        let borrows = there.use_remote && lent && self.may_borrow(a, b, there.unverified);
        self.joins.push(Join { vnet: a, remote: b, blocks: parts.blocks[1].clone(), borrows });
        let made = self.link(b, &there, borrows, disconnected, parts, [0, 1]);
        self.draft.virtual_networks[a].peerings.push(made);
        let borrows = both && back.use_remote && there.transit && self.may_borrow(b, a, back.unverified);
        self.joins.push(Join { vnet: b, remote: a, blocks: parts.blocks[0].clone(), borrows });
        if both {
            let made = self.link(a, &back, borrows, false, parts, [1, 0]);
            self.draft.virtual_networks[b].peerings.push(made);
        }
    }

    /// PEER-09.
    fn may_borrow(&self, vnet: usize, from: usize, unverified: bool) -> bool {
        let borrows = self.joins.iter().any(|join| join.vnet == vnet && join.borrows);
        (unverified || self.lends(from)) && !self.has_gateway(vnet) && !borrows
    }

    fn is_classic(&self, vnet: usize) -> bool {
        let model = self.draft.virtual_networks[vnet].deployment_model.as_ref();
        model.is_some_and(|model| model.value == DeploymentModel::Classic)
    }

    fn is_global(&self, a: usize, b: usize) -> bool {
        let location = |vnet: usize| self.draft.virtual_networks[vnet].location.as_ref().map(|l| &l.value);
        location(a) != location(b)
    }

    fn parts(&self, link: &LinkPlan, a: usize, b: usize) -> Parts {
        let modern = self.era == Era::Modern; // ERA-09
        let only_v6 = modern && link.only_v6;
        let space = |vnet: usize| {
            let all = self.draft.virtual_networks[vnet].address_prefixes.iter().map(|p| p.value);
            all.filter(|p| !only_v6 || p.addr().is_ipv6()).collect::<Vec<_>>()
        };
        let Scope::Subnets(local, remote) = link.scope else {
            let blocks = [space(a), space(b)];
            return Parts { only_v6, names: None, behind: blocks.clone(), blocks };
        };
        if !modern {
            let blocks = [space(a), space(b)];
            return Parts { only_v6, names: None, behind: blocks.clone(), blocks };
        }
        let [(names_a, blocks_a), (names_b, blocks_b)] = [(a, local), (b, remote)].map(|(vnet, bits)| {
            let homes = self.homes_of(vnet);
            let chosen = homes
                .iter()
                .enumerate()
                .filter(|(place, _)| *place == 0 && bits == 0 || bits >> place & 1 == 1);
            let mut chosen: Vec<usize> = chosen.map(|(_, home)| *home).collect();
            if chosen.is_empty() {
                chosen.extend(homes.first());
            }
            let names = chosen.iter().map(|home| self.homes[*home].name.clone()).collect::<Vec<_>>();
            let both = chosen.iter().flat_map(|home| {
                let home = &self.homes[*home];
                [Some(IpNet::V4(home.v4)), home.v6.map(IpNet::V6)].into_iter().flatten()
            });
            (names, both.filter(|p| !only_v6 || p.addr().is_ipv6()).collect::<Vec<_>>())
        });
        let behind = [(a, &blocks_a), (b, &blocks_b)].map(|(vnet, blocks)| {
            let holds = |block: &IpNet| blocks.iter().any(|prefix| block.contains(prefix));
            space(vnet).into_iter().filter(holds).collect::<Vec<_>>()
        });
        Parts { only_v6, names: Some([names_a, names_b]), blocks: [blocks_a, blocks_b], behind }
    }

    /// PEER-12, PEER-13, PEER-25: disjoint from each other, and from the other's peers.
    fn may_peer(&self, a: usize, b: usize, parts: &Parts) -> bool {
        let space = |vnet: usize| -> Vec<IpNet> {
            let all = self.draft.virtual_networks[vnet].address_prefixes.iter().map(|p| p.value);
            all.filter(|p| !parts.only_v6 || p.addr().is_ipv6()).collect()
        };
        let disjoint = |x: &[IpNet], y: &[IpNet]| !x.iter().any(|p| y.iter().any(|q| overlap(p, q)));
        let others = |vnet: usize, brings: &[IpNet]| {
            self.joins.iter().filter(|join| join.vnet == vnet).all(|join| disjoint(&join.blocks, brings))
        };
        disjoint(&parts.behind[0], &space(b))
            && disjoint(&parts.behind[1], &space(a))
            && others(a, &parts.blocks[1])
            && others(b, &parts.blocks[0])
    }

    fn link(
        &self,
        to: usize,
        flags: &FlagsPlan,
        borrows: bool,
        disconnected: bool,
        parts: &Parts,
        [local, remote]: [usize; 2],
    ) -> draft::Peering {
        let far = &self.draft.virtual_networks[to];
        // PEER-16: a copy from before the remote network got its last block.
        let stale = flags.stale.then(|| {
            let all = &far.address_prefixes;
            all[..(all.len() - 1).max(1)].to_vec()
        });
        let names = |side: usize| {
            let names = parts.names.as_ref().map(|both| both[side].clone()).unwrap_or_default();
            names.into_iter().map(At::from).collect()
        };
        draft::Peering {
            name: format!("to-{}", far.name.value).into(),
            remote_virtual_network: far.name.clone(),
            allow_virtual_network_access: flags.no_access.then(|| false.into()),
            allow_forwarded_traffic: flags.forwarded.then(|| true.into()),
            allow_gateway_transit: flags.transit.then(|| true.into()),
            use_remote_gateways: borrows.then(|| true.into()),
            do_not_verify_remote_gateways: flags.unverified.then(|| true.into()),
            peering_state: disconnected.then(|| PeeringState::Disconnected.into()),
            remote_address_space: stale,
            peer_complete_vnets: parts.names.is_some().then(|| false.into()),
            local_subnet_names: names(local),
            remote_subnet_names: names(remote),
            enable_only_ipv6_peering: parts.only_v6.then(|| true.into()),
            ..Default::default()
        }
    }

    /// Networks that `vnet` has a working peering with, both ways.
    pub(super) fn peers(&self, vnet: usize) -> Vec<usize> {
        let of = |vnet: usize| self.draft.virtual_networks[vnet].peerings.iter();
        let name = |vnet: usize| &self.draft.virtual_networks[vnet].name.value;
        let links = |from: usize, to: usize| {
            let to = name(to);
            of(from).any(|l| l.remote_virtual_network.value == *to && l.peering_state.is_none())
        };
        let all = 0..self.draft.virtual_networks.len();
        all.filter(|other| links(vnet, *other) && links(*other, vnet)).collect()
    }
}
