//! Which VMs reach which, and what the VMs in between do.

use std::{collections::BTreeMap, net::IpAddr};

use vnetsim_dataplane::{Batch, Context, FABRIC_MAC, Forwarder, Meter, Tables, Verdict};
use vnetsim_model::Network;
use vnetsim_packet::lower_ttl;
use vnetsim_types::{DropReason, IpNet, IpProtocol, NicId, NoObserver, SimTime};

use crate::load::{TAG, frame};

/// Most ordered pairs of VMs that are tried.
const TRIED_MAX: usize = 16_384;
/// Most pairs that get traffic.
const PATHS_MAX: usize = 1_024;
/// More appliances than that are a loop.
const HOPS_MAX: usize = 16;
const PORT: u16 = 443;

/// Two VMs of which the first reaches the second.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Path {
    /// Who sends.
    pub from: NicId,
    /// Who gets it.
    pub to: NicId,
    /// TCP port that is asked for.
    pub port: u16,
    /// Legs from NIC to NIC: one more than appliances.
    pub hops: usize,
}

/// VMs that forward: an appliance without a policy.
#[derive(Clone, Debug, Default)]
pub struct Guests {
    /// By NIC: nothing for one of an ordinary machine.
    forwarding: Vec<Option<Forwarding>>,
    /// Whether there is something, small enough to stay near.
    forwards: Vec<bool>,
}

#[derive(Clone, Debug)]
struct Forwarding {
    own: Vec<u32>,
    /// What is on the link of which NIC.
    links: Vec<(IpNet, NicId)>,
    primary: NicId,
    /// Of the NICs above, in the same order, the primary one last.
    macs: Vec<[u8; 6]>,
}

impl Guests {
    /// The VMs of `network` whose guests forward.
    pub fn of(network: &Network, tables: &Tables) -> Self {
        let forwarding = network.nics().iter().map(|nic| {
            let vm = &network[nic.vm?];
            let nics = &vm.nics;
            let links: Vec<(IpNet, NicId)> = nics
                .iter()
                .flat_map(|nic| network[network[*nic].subnet].prefixes.iter().map(move |p| (p.value, *nic)))
                .collect();
            let primary = *nics.first()?;
            let own = nics.iter().flat_map(|nic| &tables.nics[nic.ix()].addresses);
            let own = own.filter_map(|(ip, _)| match ip {
                IpAddr::V4(ip) => Some(u32::from(*ip)),
                IpAddr::V6(_) => None,
            });
            let macs =
                links.iter().map(|(_, nic)| *nic).chain([primary]).map(|nic| tables.nics[nic.ix()].mac);
            let macs = macs.collect();
            vm.guest.ip_forwarding.value.then(|| Forwarding { own: own.collect(), links, primary, macs })
        });
        let forwarding: Vec<Option<Forwarding>> = forwarding.collect();
        Self { forwards: forwarding.iter().map(Option::is_some).collect(), forwarding }
    }

    /// Whether the guest behind `nic` forwards what is not for itself.
    #[inline]
    pub fn forwards(&self, nic: NicId) -> bool {
        self.forwards.get(nic.ix()) == Some(&true)
    }

    /// What the guest behind `nic` does with a frame that begins with `head`: the NIC that it leaves by, if it is not for
    /// the guest itself.
    #[inline]
    pub fn forward(&self, nic: NicId, head: &mut [u8; 64]) -> Option<NicId> {
        let forwarding = self.forwarding.get(nic.ix())?.as_ref()?;
        let dst = u32::from_be_bytes([head[30], head[31], head[32], head[33]]);
        if forwarding.own.contains(&dst) {
            return None;
        }
        lower_ttl(head)?;
        let dst = IpAddr::from(dst.to_be_bytes());
        let place = match forwarding.links.len() {
            1 => None,
            _ => forwarding.links.iter().position(|(link, _)| link.contains(&dst)),
        };
        let (out, mac) = match place {
            Some(place) => (forwarding.links[place].1, forwarding.macs[place]),
            None => (forwarding.primary, *forwarding.macs.last()?),
        };
        head[..6].copy_from_slice(&FABRIC_MAC);
        head[6..12].copy_from_slice(&mac);
        Some(out)
    }
}

/// Pairs of running VMs that reach each other, and why others do not.
pub fn find_paths(
    network: &Network,
    tables: &Tables,
    guests: &Guests,
) -> (Vec<Path>, BTreeMap<DropReason, usize>) {
    let nics: Vec<NicId> =
        network.vms().iter().filter(|vm| vm.running).filter_map(|vm| vm.nics.first().copied()).collect();
    let mut forwarder = Forwarder::new(false);
    let (mut paths, mut died) = (Vec::new(), BTreeMap::new());
    // Neighbours first, then farther and farther apart, so that a large network is covered evenly.
    let pairs = (1..nics.len()).flat_map(|apart| {
        let nics = &nics;
        (0..nics.len()).map(move |ix| (nics[ix], nics[(ix + apart) % nics.len()]))
    });
    for (from, to) in pairs.take(TRIED_MAX) {
        if paths.len() >= PATHS_MAX {
            break;
        }
        let listens = network[to].vm.and_then(|vm| network[vm].guest.listen.as_ref());
        let port = listens
            .map_or(PORT, |all| all.iter().find(|p| p.protocol == IpProtocol::TCP).map_or(PORT, |p| p.port));
        let sent = Path { from, to, port, hops: 0 };
        match follow(tables, guests, &mut forwarder, sent) {
            Some(Ok(path)) => paths.push(path),
            Some(Err(reason)) => *died.entry(reason).or_default() += 1,
            None => {}
        }
    }
    (paths, died)
}

/// Sends one packet along `path`; `None` when it ends elsewhere.
fn follow(
    tables: &Tables,
    guests: &Guests,
    forwarder: &mut Forwarder,
    path: Path,
) -> Option<Result<Path, DropReason>> {
    let (mut batch, mut meter) = (Batch::default(), Meter::default());
    let bytes = frame(tables, &path, 1_023, 64)?;
    batch.push(path.from, &bytes);
    for hops in 1..HOPS_MAX {
        let mut cx = Context { now: SimTime::ZERO, tables, observer: &mut NoObserver, meter: &mut meter };
        forwarder.forward(&mut cx, &mut batch, TAG, false);
        match batch.verdicts()[0] {
            Verdict::Delivered(nic) => match guests.forward(nic, batch.head_mut(0)) {
                Some(out) => batch.send_from(0, out),
                None => return (nic == path.to).then_some(Ok(Path { hops, ..path })),
            },
            Verdict::Dropped(reason) => return Some(Err(reason)),
            _ => return None,
        }
    }
    None
}
