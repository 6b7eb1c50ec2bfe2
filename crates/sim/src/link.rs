//! How long a leg takes.
//!
//! A leg inside a virtual network and one across a same-region peering take the same time (S22,
//! PEER-36): the fabric is one. The sample pings of FAB-23 (0.8 to 1.7 ms round trip inside a region) set the
//! size of that; between regions the distance comes on top, from the tables. Sites and the internet are a
//! fixed way off.

use vnetsim_dataplane::{LegEnd, Origin, Tables};
use vnetsim_types::{SimTime, VnetId};

use crate::ports::Ports;

/// One way between two NICs, or a NIC and a gateway, of one region.
pub(crate) const SAME_REGION: SimTime = SimTime::from_micros(400);
/// One way through a tunnel between a gateway and a site.
const SITE: SimTime = SimTime::from_millis(5);
/// One way between Azure's edge and an internet host.
const INTERNET: SimTime = SimTime::from_millis(10);
/// Latency of a leg.
#[inline]
pub(crate) fn latency(tables: &Tables, ports: &Ports, origin: Origin, end: LegEnd) -> SimTime {
    let region = |vnet: VnetId| tables.vnets[vnet.ix()].region;
    let to = match end {
        LegEnd::Nic(nic) => ports.nics[nic.ix()].region,
        LegEnd::Gateway(gateway) => region(tables.gateways[gateway.ix()].vnet),
        LegEnd::PrivateEndpoint(id) => region(tables.endpoints[id.ix()].vnet),
        LegEnd::Platform(_) => return SAME_REGION,
        LegEnd::Site(_) => return SITE,
        LegEnd::Internet { .. } => return INTERNET,
    };
    match origin {
        Origin::Internet => INTERNET,
        Origin::Platform => SAME_REGION,
        Origin::Tunnel => SITE,
        Origin::Subnet(from) | Origin::Gateway(from) => {
            let from = ports.subnet_regions[from.ix()];
            if from == to {
                return SAME_REGION;
            }
            SAME_REGION + SimTime(tables.region_latency_ns[usize::from(from)][usize::from(to)])
        }
    }
}

/// The shortest time in which one shard can reach another, where `homes` says which one has which network; sites and the
/// internet are the first one's. What a `probe` finds out reaches everybody in the time of a leg inside a region.
pub(crate) fn lookahead(tables: &Tables, homes: &[usize], probes: bool) -> SimTime {
    if homes.iter().all(|home| *home == 0) {
        return SimTime(u64::MAX);
    }
    let mut regions: Vec<(usize, u16)> =
        tables.vnets.iter().zip(homes).map(|(vnet, home)| (*home, vnet.region)).collect();
    regions.sort_unstable();
    regions.dedup();
    let between = |(a, from): &(usize, u16), (b, to): &(usize, u16)| {
        (a != b).then(|| SimTime(tables.region_latency_ns[usize::from(*from)][usize::from(*to)]))
    };
    let apart = regions.iter().flat_map(|a| regions.iter().filter_map(move |b| between(a, b))).min();
    let fabric = SAME_REGION + if probes { SimTime::ZERO } else { apart.unwrap_or_default() };
    fabric.min(SITE).min(INTERNET)
}
