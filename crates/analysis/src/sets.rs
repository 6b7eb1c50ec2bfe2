//! Sets of machines by name: a subnet, a virtual network, or all (`*`), and the pairs of two sets.
//!
//! Owns what a word stands for (a VM, NIC or address is that one; then come subnets, then networks) and which pairs can talk.
//! Called by `cli` for a trace of sets. Must never ask what becomes of a packet. Costs a pair of endpoints for each pair of
//! machines, up to [`PAIRS_MAX`].

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use vnetsim_model::{Endpoint, Network, Nic, Vm};
use vnetsim_types::{NicId, Place, ProtoPort};

use crate::Probe;

/// Pairs that are asked at most.
pub const PAIRS_MAX: usize = 10_000;

/// The machines that a word stands for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum EndSet {
    /// One end.
    One(String),
    /// The NICs of several machines.
    Many(Vec<NicId>),
}

/// Pairs of two sets that can talk: different machines, addresses of one family.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Pairs {
    /// Sender and receiver by name.
    pub names: Vec<(String, String)>,
    /// The same as probes.
    pub probes: Vec<Probe>,
    /// Pairs beyond [`PAIRS_MAX`].
    pub left_out: usize,
}

/// What `text` stands for. Whether a single end exists, is not asked here.
pub fn end_set(network: &Network, text: &str) -> EndSet {
    let is_one = text.parse::<IpAddr>().is_ok() || network.nic_named(text).is_some();
    let machines = |are: &dyn Fn(&Nic) -> bool| {
        let all = network.nics().iter().enumerate().filter(|(_, nic)| nic.vm.is_some() && are(nic));
        EndSet::Many(all.map(|(ix, _)| NicId::new(ix)).collect())
    };
    if is_one {
        return EndSet::One(text.to_owned());
    }
    if text == "*" {
        // A machine once, by its primary NIC.
        let first = |vm: &Vm| vm.nics.first().copied();
        return EndSet::Many(network.vms().iter().filter_map(first).collect());
    }
    match (network.subnet_at(text), network.vnet_named(text)) {
        (Some(subnet), _) => machines(&|nic| nic.subnet == subnet),
        (_, Some(vnet)) => machines(&|nic| nic.vnet == vnet),
        _ => EndSet::One(text.to_owned()),
    }
}

/// Every pair of `from` and `to`; the error names an end that does not exist.
pub fn pairs(network: &Network, from: &EndSet, to: &EndSet, protocol: ProtoPort) -> Result<Pairs, String> {
    let (from, to) = (ends(network, from)?, ends(network, to)?);
    let mut pairs = Pairs::default();
    for (from_name, senders) in &from {
        for (to_name, receivers) in &to {
            let mut all = senders.iter().flat_map(|a| receivers.iter().map(move |b| (*a, *b)));
            let fits = |(a, b): &(Endpoint, Endpoint)| a.address.is_ipv4() == b.address.is_ipv4();
            let Some((from, to)) = all.find(fits).filter(|(a, b)| !same_machine(network, a, b)) else {
                continue;
            };
            if pairs.probes.len() < PAIRS_MAX {
                pairs.names.push((from_name.clone(), to_name.clone()));
                pairs.probes.push(Probe { from, to, protocol });
            } else {
                pairs.left_out += 1;
            }
        }
    }
    Ok(pairs)
}

fn same_machine(network: &Network, a: &Endpoint, b: &Endpoint) -> bool {
    let vm = |end: &Endpoint| if let Place::Nic(nic) = end.place { network[nic].vm } else { None };
    a.place == b.place || vm(a).is_some() && vm(a) == vm(b)
}

/// Each end of a set by name, with an address of each family that it has.
fn ends(network: &Network, set: &EndSet) -> Result<Vec<(String, Vec<Endpoint>)>, String> {
    match set {
        EndSet::One(name) => {
            let v4 = network.endpoint(name, None)?;
            let v6 = network.endpoint(name, Some(Ipv6Addr::UNSPECIFIED.into()))?;
            let both = if v4 == v6 { vec![v4] } else { vec![v4, v6] };
            Ok(vec![(name.clone(), both)])
        }
        EndSet::Many(nics) => {
            let one = |nic: &NicId| (network.nic_title(*nic).to_owned(), addresses(network, *nic));
            Ok(nics.iter().map(one).collect())
        }
    }
}

fn addresses(network: &Network, id: NicId) -> Vec<Endpoint> {
    let families = [Ipv4Addr::UNSPECIFIED.into(), Ipv6Addr::UNSPECIFIED.into()];
    let own = families.into_iter().filter_map(|like| network[id].address_like(like));
    own.map(|address| Endpoint { place: Place::Nic(id), address }).collect()
}
