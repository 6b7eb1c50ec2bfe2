//! Virtual networks change their address space or are deleted (ADDR-08, PEER-14 to PEER-19).

use vnetsim_types::{At, IpNet, VnetId};

use super::{Refusal, refuse};
use crate::{DeploymentModel, Era, Network, PeeringState, check::must_be_disjoint};

impl Network {
    /// ADDR-08 and PEER-03: nothing may be deployed in it, and its own links go first.
    pub(super) fn delete_vnet(&mut self, vnet: VnetId) -> Result<(), Refusal> {
        let name = &self[vnet].name.value;
        if let Some((address, _)) = self.addresses_of(vnet).first() {
            let message = format!("something is deployed in `{name}`: {address} is in use (ADDR-08)");
            return refuse("InUseSubnetCannotBeDeleted", message);
        }
        if let Some((_, link)) = self.links_of(vnet).find(|(_, link)| !link.implied) {
            let message = format!("`{name}` has link `{}`; delete it first (PEER-03)", link.name.value);
            return refuse("InUseByPeerings", message);
        }
        self.vnets[vnet.ix()].deleted = true;
        for link in &mut self.peerings {
            if link.vnet == vnet {
                link.deleted = true;
            } else if link.remote.value == vnet {
                link.state = PeeringState::Disconnected;
            }
        }
        Ok(())
    }

    /// ADDR-01, ADDR-03, ADDR-08, PEER-14, PEER-18, PEER-19. Copies that others hold become stale (PEER-15).
    pub(super) fn set_address_space(&mut self, vnet: VnetId, blocks: &[At<IpNet>]) -> Result<(), Refusal> {
        self.space_may_change(vnet)?;
        let name = self[vnet].name.clone();
        self.checked(|checker| checker.address_space(&name, blocks))?;
        self.vnets[vnet.ix()].address_space = blocks.to_vec();
        self.subnets_stay_inside(vnet)?;
        let touched = self.existing_links().filter(|(_, l)| l.vnet == vnet || l.remote.value == vnet);
        for (_, link) in touched.filter(|(_, link)| !self[link.remote.value].deleted) {
            must_be_disjoint(self, link)?;
        }
        Ok(())
    }

    fn space_may_change(&self, vnet: VnetId) -> Result<(), Refusal> {
        let name = &self[vnet].name.value;
        let classic = |id: VnetId| self[id].deployment_model == DeploymentModel::Classic;
        if self.semantics.era == Era::Y2017
            && let Some((_, link)) = self.links_of(vnet).next()
        {
            let message = format!(
                "`{name}` has link `{}`; in 2017 delete it, change the space and create it again (PEER-19)",
                link.name.value
            );
            return refuse("VnetAddressSpaceCannotChangeDueToPeerings", message);
        }
        if let Some((_, link)) = self.links_of(vnet).find(|(_, l)| classic(vnet) || classic(l.remote.value)) {
            let message = format!(
                "`{name}` cannot change its address space while peered with `{}`: one of them is classic (PEER-18)",
                self[link.remote.value].name.value
            );
            return refuse("AddressSpaceChangeWithClassicPeerNotSupported", message);
        }
        Ok(())
    }

    /// ADDR-08.
    fn subnets_stay_inside(&self, vnet: VnetId) -> Result<(), Refusal> {
        let space = &self[vnet].address_space;
        for id in &self[vnet].subnets {
            let outside = |prefix: &&At<IpNet>| !space.iter().any(|block| block.contains(&prefix.value));
            if let Some(prefix) = self[*id].prefixes.iter().find(outside) {
                let message = format!(
                    "subnet `{}` {} would lie outside the address space (ADDR-08)",
                    self.subnet_path(*id),
                    prefix.value
                );
                return refuse("InUsePrefixCannotBeDeleted", message);
            }
        }
        Ok(())
    }
}
