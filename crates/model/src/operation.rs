//! Changes to a running network: what the control plane accepts or refuses.
//!
//! An operation either changes the network completely or refuses and changes nothing. Called by
//! `sim` at the operation's moment of virtual time; the tables are compiled anew afterwards.

use vnetsim_types::{At, NsgId, PeeringId, Problem, RouteTableId, SubnetId, VmId, VnetId};

use crate::{
    Network, PeeringState,
    check::peerings::{may_peer, may_use_remote_gateways, new_link},
    did_you_mean,
    draft::{self, Change, Ref},
};

/// A change with every reference resolved. Links keep their names: they come and go in a run.
#[derive(Clone, Debug)]
pub enum Operation {
    /// Create a link, or update the flags of the link of that name (PEER-03, PEER-21).
    PutPeering {
        /// The link's virtual network.
        vnet: VnetId,
        /// Its target.
        remote: VnetId,
        /// Name and flags.
        peering: Box<draft::Peering>,
    },
    /// Delete a link; the opposite one becomes Disconnected (PEER-03, PEER-20).
    DeletePeering(VnetId, At<String>),
    /// Refresh a link's copy of the remote address space (PEER-17).
    SyncPeering(VnetId, At<String>),
    /// Start or stop a VM.
    SetRunning(VmId, bool),
    /// Associate a subnet with a route table or with none.
    SetRouteTable(SubnetId, Option<At<RouteTableId>>),
    /// Associate a subnet with an NSG or with none.
    SetNsg(SubnetId, Option<At<NsgId>>),
}

/// A refused operation: Azure's error code (PEER-42, U-26) and a sentence.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Refusal {
    /// Such as `RemotePeeringIsDisconnected`.
    pub code: &'static str,
    /// What was refused and why.
    pub message: String,
}

impl Operation {
    /// Resolves the names of `change` in `network`. Links are looked up when the operation runs.
    pub fn resolve(network: &Network, change: &Change) -> Result<Self, Vec<Problem>> {
        let find = Finder { network };
        Ok(match change {
            Change::PutPeering { virtual_network, peering } => {
                let vnet = find.vnet(virtual_network);
                let remote = find.vnet(&peering.remote_virtual_network);
                let (vnet, remote) = both(vnet, remote)?;
                Self::PutPeering { vnet, remote, peering: Box::new(peering.clone()) }
            }
            Change::DeletePeering(path) => {
                let (vnet, name) = find.link(path)?;
                Self::DeletePeering(vnet, name)
            }
            Change::SyncPeering(path) => {
                let (vnet, name) = find.link(path)?;
                Self::SyncPeering(vnet, name)
            }
            Change::StartVm(name) => Self::SetRunning(find.vm(name)?, true),
            Change::StopVm(name) => Self::SetRunning(find.vm(name)?, false),
            Change::SetRouteTable { subnet, route_table } => {
                let table = route_table.as_ref().map(|r| find.route_table(r)).transpose();
                let (subnet, table) = both(find.subnet(subnet), table)?;
                Self::SetRouteTable(subnet, table)
            }
            Change::SetNetworkSecurityGroup {
                at: draft::NsgPlace::Subnet(subnet),
                network_security_group,
            } => {
                let nsg = network_security_group.as_ref().map(|r| find.nsg(r)).transpose();
                let (subnet, nsg) = both(find.subnet(subnet), nsg)?;
                Self::SetNsg(subnet, nsg)
            }
            _ => return Err(Vec::new()),
        })
    }
}

impl Network {
    /// Carries out `operation`, or refuses it and changes nothing.
    pub fn apply(&mut self, operation: &Operation) -> Result<(), Refusal> {
        match operation {
            Operation::PutPeering { vnet, remote, peering } => self.put_peering(*vnet, *remote, peering),
            Operation::DeletePeering(vnet, name) => self.delete_peering(*vnet, name),
            Operation::SyncPeering(vnet, name) => self.sync_peering(*vnet, name),
            Operation::SetRunning(vm, running) => {
                self.vms[vm.ix()].running = *running;
                Ok(())
            }
            Operation::SetRouteTable(subnet, table) => {
                self.subnets[subnet.ix()].route_table = table.clone();
                Ok(())
            }
            Operation::SetNsg(subnet, nsg) => {
                self.subnets[subnet.ix()].nsg = nsg.clone();
                Ok(())
            }
        }
    }

    fn link_named(&self, vnet: VnetId, name: &str) -> Option<PeeringId> {
        self.links_of(vnet).find(|(_, l)| l.name.value.eq_ignore_ascii_case(name)).map(|(id, _)| id)
    }

    fn existing_link(&self, vnet: VnetId, name: &At<String>) -> Result<PeeringId, Refusal> {
        self.link_named(vnet, &name.value).ok_or_else(|| Refusal {
            code: "ResourceNotFound",
            message: format!("`{}` has no link called `{}`", self[vnet].name.value, name.value),
        })
    }

    /// PEER-03, PEER-04: creation, update, and the way out of Disconnected.
    fn put_peering(&mut self, vnet: VnetId, remote: VnetId, said: &draft::Peering) -> Result<(), Refusal> {
        let refuse = |code, message| Err(Refusal { code, message });
        let existing = self.link_named(vnet, &said.name.value).filter(|id| self[*id].remote.value == remote);
        if existing.is_none() {
            may_peer(self, vnet, remote, &said.name.value)
                .map_err(|r| Refusal { code: r.code, message: r.message })?;
        }
        let opposite = self.link_between(remote, vnet).map(|(id, link)| (id, link.state));
        if let Some((_, PeeringState::Disconnected)) = opposite {
            let (here, there) = (&self[vnet].name.value, &self[remote].name.value);
            let message = format!(
                "the link from `{there}` to `{here}` is Disconnected; delete it or update it first (PEER-03, U-18)"
            );
            return refuse("RemotePeeringIsDisconnected", message);
        }
        let before = self.peerings.clone();
        let mut link = new_link(self, vnet, remote, said);
        let id = match existing {
            Some(id) => {
                link.remote_address_space = self[id].remote_address_space.clone();
                self.peerings[id.ix()] = link;
                id
            }
            None => {
                self.peerings.push(link);
                PeeringId::new(self.peerings.len() - 1)
            }
        };
        if let Some((opposite, _)) = opposite {
            self.peerings[id.ix()].state = PeeringState::Connected;
            self.peerings[opposite.ix()].state = PeeringState::Connected;
        }
        if self[id].use_remote_gateways.value
            && let Err(refusal) = may_use_remote_gateways(self, id)
        {
            self.peerings = before;
            return refuse(refusal.code, refusal.message);
        }
        Ok(())
    }

    fn delete_peering(&mut self, vnet: VnetId, name: &At<String>) -> Result<(), Refusal> {
        let id = self.existing_link(vnet, name)?;
        let remote = self[id].remote.value;
        self.peerings[id.ix()].deleted = true;
        if let Some((opposite, _)) = self.link_between(remote, vnet) {
            self.peerings[opposite.ix()].state = PeeringState::Disconnected;
        }
        Ok(())
    }

    fn sync_peering(&mut self, vnet: VnetId, name: &At<String>) -> Result<(), Refusal> {
        let id = self.existing_link(vnet, name)?;
        let remote = self[id].remote.value;
        self.peerings[id.ix()].remote_address_space =
            self[remote].address_space.iter().map(|p| p.value).collect();
        Ok(())
    }
}

/// Looks names up in a network that is already checked.
struct Finder<'a> {
    network: &'a Network,
}

impl Finder<'_> {
    fn position<'n>(
        &self,
        kind: &str,
        name: &Ref,
        names: impl Iterator<Item = &'n str> + Clone,
    ) -> Result<usize, Vec<Problem>> {
        names.clone().position(|n| n.eq_ignore_ascii_case(&name.value)).ok_or_else(|| {
            let near = did_you_mean(&name.value, names).map(str::to_owned);
            vec![crate::check::resolve::unknown(kind, name, &near)]
        })
    }

    fn vnet(&self, name: &Ref) -> Result<VnetId, Vec<Problem>> {
        let names = self.network.vnets.iter().map(|v| v.name.value.as_str());
        self.position("virtual network", name, names).map(VnetId::new)
    }

    fn vm(&self, name: &Ref) -> Result<VmId, Vec<Problem>> {
        let names = self.network.vms.iter().map(|v| v.name.value.as_str());
        self.position("virtual machine", name, names).map(VmId::new)
    }

    fn subnet(&self, name: &Ref) -> Result<SubnetId, Vec<Problem>> {
        let paths: Vec<_> =
            (0..self.network.subnets.len()).map(|ix| self.network.subnet_path(SubnetId::new(ix))).collect();
        self.position("subnet", name, paths.iter().map(String::as_str)).map(SubnetId::new)
    }

    fn route_table(&self, name: &Ref) -> Result<At<RouteTableId>, Vec<Problem>> {
        let names = self.network.route_tables.iter().map(|t| t.name.value.as_str());
        let ix = self.position("route table", name, names)?;
        Ok(At::new(RouteTableId::new(ix), name.span))
    }

    fn nsg(&self, name: &Ref) -> Result<At<NsgId>, Vec<Problem>> {
        let names = self.network.nsgs.iter().map(|n| n.name.value.as_str());
        let ix = self.position("network security group", name, names)?;
        Ok(At::new(NsgId::new(ix), name.span))
    }

    fn link(&self, path: &Ref) -> Result<(VnetId, At<String>), Vec<Problem>> {
        let Some((vnet, link)) = path.value.split_once('/') else {
            let what = format!("`{}` does not name a link", path.value);
            return Err(vec![Problem::error("BAD_VALUE", path.span, what).help("write it as vnet/link")]);
        };
        let vnet = self.vnet(&At::new(vnet.to_owned(), path.span))?;
        Ok((vnet, At::new(link.to_owned(), path.span)))
    }
}

fn both<A, B>(a: Result<A, Vec<Problem>>, b: Result<B, Vec<Problem>>) -> Result<(A, B), Vec<Problem>> {
    match (a, b) {
        (Ok(a), Ok(b)) => Ok((a, b)),
        (Err(mut a), Err(mut b)) => {
            a.append(&mut b);
            Err(a)
        }
        (Err(e), _) | (_, Err(e)) => Err(e),
    }
}
