//! What peerings cost (PEER-39): bytes by link and direction, at the list prices of the data files.

use std::collections::BTreeSet;

use vnetsim_data::Data;
use vnetsim_model::Network;
use vnetsim_sim::Meter;
use vnetsim_types::{PeeringId, VnetId};

/// One virtual network's side of one peering.
#[derive(Clone, PartialEq, Debug)]
pub struct BillLine {
    /// The link, as `vnet/link`.
    pub link: String,
    /// The other virtual network.
    pub remote: String,
    /// Both are in one region.
    pub regional: bool,
    /// IP bytes that this network sent to the other.
    pub egress_bytes: u64,
    /// IP bytes that it received from the other.
    pub ingress_bytes: u64,
    /// US dollars per gigabyte and direction; `None` when the data files have no price.
    pub usd_per_gb: Option<f64>,
}

/// Bytes in a billed gigabyte.
const GIGABYTE: f64 = 1e9;

impl BillLine {
    /// Both directions in US dollars.
    pub fn usd(&self) -> Option<f64> {
        let bytes = self.egress_bytes + self.ingress_bytes;
        self.usd_per_gb.map(|price| bytes as f64 / GIGABYTE * price)
    }
}

/// A line per link that carried something, in the order of the links. Links deleted and made again are one.
pub fn bill(network: &Network, meter: &Meter) -> Vec<BillLine> {
    let received = |here: VnetId, there: VnetId| -> u64 {
        let links = network.peerings().iter().enumerate();
        let ours = links.filter(|(_, l)| l.vnet == here && l.remote.value == there);
        ours.map(|(ix, _)| meter.received(PeeringId::new(ix))).sum()
    };
    let mut seen = BTreeSet::new();
    let mut lines = Vec::new();
    for (ix, link) in network.peerings().iter().enumerate() {
        let (here, there) = (link.vnet, link.remote.value);
        let (egress_bytes, ingress_bytes) = (received(there, here), received(here, there));
        if egress_bytes + ingress_bytes == 0 || !seen.insert((here, there)) {
            continue;
        }
        let (near, far) = (&network[here].location, &network[there].location);
        lines.push(BillLine {
            link: network.link_path(PeeringId::new(ix)),
            remote: network[there].name.value.clone(),
            regional: near == far,
            egress_bytes,
            ingress_bytes,
            usd_per_gb: Data::current().peering_price_usd_per_gb(near, far).map(|p| p.usd_per_gb),
        });
    }
    lines
}
