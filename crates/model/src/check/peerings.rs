//! Peering links as a file declares them.

use vnetsim_types::{At, Problem, VnetId};

use super::{Checker, implied_link, may_borrow_gateways, may_peer, new_link};
use crate::{
    DeploymentModel, PeeringLink, PeeringState,
    draft::{self, Draft},
};

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
        let link = match new_link(&self.network, vnet, remote, peering) {
            Ok(link) => link,
            Err(mut problems) => return self.problems.append(&mut problems),
        };
        if let Err(refusal) = may_peer(&self.network, &link) {
            let mut problem = Problem::error(refusal.code, peering.span, refusal.message);
            if let Some((span, text)) = refusal.related {
                problem = problem.related(span, text);
            }
            return self.problem(problem);
        }
        let classic = self.network[remote].deployment_model == DeploymentModel::Classic;
        let way_back = classic.then(|| implied_link(&self.network, &link));
        self.network.peerings.push(link);
        self.network.peerings.extend(way_back);
    }

    /// PEER-03 for links that were all there before the run: Connected where both exist.
    fn initial_states(&mut self, draft: &Draft) {
        for ix in 0..self.network.peerings.len() {
            let link = &self.network.peerings[ix];
            let said_of = |link: &PeeringLink| {
                // The classic side of a peering says nothing (PEER-28).
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
            let said = said_of(link);
            let state = said.as_ref().map_or(computed, |s| s.value);
            let alone = match &opposite {
                None => Some("does not exist"),
                Some(back) if !connects(back) => Some("is not"),
                Some(_) => None,
            };
            if let Some(said) = said.filter(|s| s.value == PeeringState::Connected)
                && let Some(alone) = alone
            {
                let what = format!("the link says Connected, but the opposite link {alone}");
                self.problem(
                    Problem::error("OPPOSITE_LINK_NOT_CONNECTED", said.span, what)
                        .help("both links of a peering are Connected, or none is (PEER-02, PEER-03)"),
                );
            }
            self.network.peerings[ix].state = state;
        }
    }

    /// PEER-09: what `useRemoteGateways` needs.
    fn gateway_flags(&mut self) {
        let mut found = Vec::new();
        let borrowing = |link: &PeeringLink| link.use_remote_gateways.value && !link.implied;
        for (id, link) in self.network.existing_links().filter(|(_, link)| borrowing(link)) {
            if let Err(refusal) = may_borrow_gateways(&self.network, id) {
                found.push(Problem::error(refusal.code, link.use_remote_gateways.span, refusal.message));
            }
        }
        self.problems.append(&mut found);
    }
}
