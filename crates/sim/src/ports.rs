//! What every packet asks about the NICs that it passes, side by side: a digest of network and tables.
//!
//! Owned by a shard, made anew for each epoch. With a thousand networks the objects themselves do not fit the caches; these
//! do. Must never say anything that network and tables do not say. Costs a pass over NICs and subnets for each epoch.

use std::net::IpAddr;

use vnetsim_dataplane::Tables;
use vnetsim_model::{GuestState, Network};
use vnetsim_types::{VmId, VnetId};

/// A NIC.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Port {
    /// Its virtual network.
    pub(crate) vnet: VnetId,
    /// Its machine.
    pub(crate) vm: Option<VmId>,
    /// Its first IPv4 address, where a packet for it is for the machine and nobody else: no translation, a guest that works.
    own: Option<[u8; 4]>,
    /// Position in [`Tables::region_latency_ns`].
    pub(crate) region: u16,
    /// Largest IP packet that its machine sends, in bytes.
    pub(crate) mtu: u16,
    /// The machine runs.
    pub(crate) up: bool,
}

impl Port {
    /// True when a packet to `dst` is for the machine itself, without a look at it. False says nothing.
    #[inline]
    pub(crate) fn is_for(&self, dst: IpAddr) -> bool {
        matches!((dst, self.own), (IpAddr::V4(dst), Some(own)) if dst.octets() == own)
    }
}

/// All of them, and the regions of subnets.
#[derive(Debug, Default)]
pub(crate) struct Ports {
    pub(crate) nics: Vec<Port>,
    pub(crate) subnet_regions: Vec<u16>,
}

impl Ports {
    pub(crate) fn of(network: &Network, tables: &Tables) -> Self {
        let region = |vnet: VnetId| tables.vnets[vnet.ix()].region;
        let port = |(ix, nic): (usize, &vnetsim_model::Nic)| {
            let table = &tables.nics[ix];
            let guest = nic.vm.map(|vm| &network[vm].guest);
            let plain = |guest: &vnetsim_model::Guest| {
                guest.state == GuestState::Working && guest.dnat.is_empty() && !guest.ip_forwarding.value
            };
            let first = table.addresses.iter().find_map(|(own, _)| match own {
                IpAddr::V4(own) => Some(own.octets()),
                IpAddr::V6(_) => None,
            });
            Port {
                vnet: table.vnet,
                vm: nic.vm,
                own: first.filter(|_| table.up && guest.is_some_and(plain)),
                region: region(table.vnet),
                mtu: guest.map_or(u16::MAX, |guest| guest.mtu),
                up: table.up,
            }
        };
        Self {
            nics: network.nics().iter().enumerate().map(port).collect(),
            subnet_regions: tables.subnets.iter().map(|subnet| region(subnet.vnet)).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_is_small() {
        assert!(size_of::<Port>() <= 24, "{}", size_of::<Port>());
    }
}
