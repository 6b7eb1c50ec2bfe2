//! Links come, go, change and are synced (PEER-03, PEER-04, PEER-15 to PEER-21).

use std::mem::discriminant;

use vnetsim_types::{At, PeeringId, VnetId};

use super::{Refusal, not_found, refuse};
use crate::{
    DeploymentModel, Network, PeeringLink, PeeringState,
    check::{
        implied_link, may_borrow_gateways, may_have_flags, may_peer, must_be_disjoint, new_link,
        transit_first,
    },
    draft,
};

impl Network {
    fn existing_link(&self, vnet: VnetId, name: &At<String>) -> Result<PeeringId, Refusal> {
        match self.link_named(vnet, &name.value) {
            Some(id) => Ok(id),
            None => not_found(format!("`{}` has no link called `{}`", self[vnet].name.value, name.value)),
        }
    }

    /// PEER-03, PEER-04: creation, update, and the way out of Disconnected.
    pub(super) fn put_peering(
        &mut self,
        vnet: VnetId,
        remote: VnetId,
        said: &draft::Peering,
    ) -> Result<(), Refusal> {
        let mut link = match new_link(self, vnet, remote, said) {
            Ok(link) => link,
            Err(problems) => return Refusal::of_problems(&problems),
        };
        // Both are read-only in Azure: a request cannot set them.
        link.remote_address_space = self[remote].address_space.iter().map(|p| p.value).collect();
        let existing = self.link_named(vnet, &said.name.value);
        if let Some(id) = existing.filter(|id| self[*id].remote.value != remote) {
            let (path, old) = (self.link_path(id), &self[self[id].remote.value].name.value);
            let message =
                format!("link `{path}` leads to `{old}`; delete it first, or take another name (PEER-01)");
            return refuse("PeeringRemoteVnetCannotChange", message);
        }
        match existing {
            Some(id) => self.may_become(id, &link)?,
            None => may_peer(self, &link)?,
        }
        let opposite = self.link_between(remote, vnet).filter(|(_, back)| !back.implied);
        if opposite.is_some_and(|(_, back)| back.state == PeeringState::Disconnected) {
            let (here, there) = (&self[vnet].name.value, &self[remote].name.value);
            let message = format!(
                "the link from `{there}` to `{here}` is Disconnected; delete it or update it first (PEER-03, U-18)"
            );
            return refuse("RemotePeeringIsDisconnected", message);
        }
        let borrowed = existing.is_some_and(|id| self[id].use_remote_gateways.value);
        let id = self.put_link(existing, link);
        self.connect(id);
        if self[id].use_remote_gateways.value {
            may_borrow_gateways(self, id)?;
            if !borrowed && self.link_between(remote, vnet).is_none() {
                transit_first(self, &self[id])?; // a link that lost its opposite keeps its flags
            }
        }
        Ok(())
    }

    /// PEER-21: the flags of a link change in place, its type does not.
    fn may_become(&self, id: PeeringId, link: &PeeringLink) -> Result<(), Refusal> {
        let old = &self[id];
        if discriminant(&old.scope) != discriminant(&link.scope) {
            let message = format!(
                "link `{}` cannot change between whole networks and subnets; delete it first (PEER-21)",
                self.link_path(id)
            );
            return refuse("PeeringTypeCannotChange", message);
        }
        may_have_flags(self, link)?;
        if old.scope != link.scope || old.only_ipv6 != link.only_ipv6 {
            must_be_disjoint(self, link)?;
        }
        Ok(())
    }

    /// Writes the link down. An update keeps the synced copy (PEER-16), unless it starts the link anew (U-18).
    fn put_link(&mut self, existing: Option<PeeringId>, mut link: PeeringLink) -> PeeringId {
        let Some(id) = existing else {
            self.peerings.push(link);
            return PeeringId::new(self.peerings.len() - 1);
        };
        let old = &self[id];
        if old.state != PeeringState::Disconnected {
            link.remote_address_space = old.remote_address_space.clone();
        }
        self.peerings[id.ix()] = link;
        id
    }

    /// PEER-03: a link whose opposite exists connects both. A classic network answers by itself (PEER-28).
    fn connect(&mut self, id: PeeringId) {
        let (vnet, remote) = (self[id].vnet, self[id].remote.value);
        let opposite = self.link_between(remote, vnet).map(|(id, _)| id);
        if self[remote].deployment_model == DeploymentModel::Classic {
            self.peerings[id.ix()].state = PeeringState::Connected;
            let mut way_back = implied_link(self, &self[id]);
            match opposite {
                Some(old) => {
                    way_back.remote_address_space = self[old].remote_address_space.clone();
                    self.peerings[old.ix()] = way_back;
                }
                None => self.peerings.push(way_back),
            }
        } else if let Some(opposite) = opposite {
            self.peerings[id.ix()].state = PeeringState::Connected;
            self.peerings[opposite.ix()].state = PeeringState::Connected;
        }
    }

    /// PEER-20: only this link goes; the opposite one is left Disconnected.
    pub(super) fn delete_peering(&mut self, vnet: VnetId, name: &At<String>) -> Result<(), Refusal> {
        let id = self.existing_link(vnet, name)?;
        let remote = self[id].remote.value;
        self.peerings[id.ix()].deleted = true;
        if let Some((opposite, _)) = self.link_between(remote, vnet) {
            let opposite = &mut self.peerings[opposite.ix()];
            opposite.state = PeeringState::Disconnected;
            opposite.deleted = opposite.implied;
        }
        Ok(())
    }

    /// PEER-17, U-17: refreshes the copy of this side only.
    pub(super) fn sync_peering(&mut self, vnet: VnetId, name: &At<String>) -> Result<(), Refusal> {
        let id = self.existing_link(vnet, name)?;
        let remote = self[id].remote.value;
        if self[remote].deleted {
            return not_found(format!(
                "virtual network `{}`, which link `{}` leads to, does not exist any more",
                self[remote].name.value,
                self.link_path(id)
            ));
        }
        self.peerings[id.ix()].remote_address_space =
            self[remote].address_space.iter().map(|p| p.value).collect();
        Ok(())
    }
}
