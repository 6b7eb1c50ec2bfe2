//! Keeps frames while a run goes on, where they were seen and beside which steps.
//!
//! Owns which taps are wanted and when there is enough: memory holds the frames and steps of at most so many packets. Part
//! of a [`TraceObserver`](crate::TraceObserver); who writes a file takes the packets and their frames in the order of
//! events. Costs a copy of each frame at each tap. Must never influence what is watched.

use std::collections::BTreeMap;

use vnetsim_model::{Network, did_you_mean};
use vnetsim_types::{
    GatewayId, NicId, PacketId, PacketTag, PeeringId, Place, PrivateEndpointId, SimTime, SiteId, Step, Tap,
};

use crate::PacketTrace;

/// Packets whose frames are kept when nobody says how many.
pub const TAPPED_PACKETS_DEFAULT: usize = 100_000;

/// The taps that are wanted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TapFilter {
    nics: Vec<NicId>,
    links: Vec<PeeringId>,
    places: Vec<Place>,
}

impl TapFilter {
    /// The taps of NICs, VMs, peerings (`vnet/link`), gateways, sites, private endpoints and `internet`; without names all.
    ///
    /// # Errors
    ///
    /// A sentence about the first name that is none.
    pub fn named(network: &Network, names: &[String]) -> Result<Self, String> {
        let mut filter = Self::default();
        for name in names {
            filter.add(network, name)?;
        }
        Ok(filter)
    }

    fn add(&mut self, network: &Network, name: &str) -> Result<(), String> {
        let is = |other: &str| other.eq_ignore_ascii_case(name);
        if let Some(vm) = network.vms().iter().find(|vm| is(&vm.name.value)) {
            self.nics.extend(&vm.nics);
        } else if let Some(nic) = network.nic_named(name) {
            self.nics.push(nic);
        } else if let Some(link) =
            (0..network.peerings().len()).map(PeeringId::new).find(|link| is(&network.link_path(*link)))
        {
            self.links.push(link);
        } else if let Some(place) = places(network).find(|(of, _)| is(of)).map(|(_, place)| place) {
            self.places.push(place);
        } else {
            return Err(unknown(network, name));
        }
        Ok(())
    }

    /// True for a tap that is wanted.
    pub fn wants(&self, tap: Tap) -> bool {
        if *self == Self::default() {
            return true;
        }
        match tap {
            Tap::Guest(nic, _) | Tap::Fabric(nic, _) | Tap::Appliance(nic) => self.nics.contains(&nic),
            Tap::Peering(link) => self.links.contains(&link),
            Tap::Other(place) => self.places.contains(&place),
        }
    }
}

/// Places beside NICs, by name.
fn places(network: &Network) -> impl Iterator<Item = (&str, Place)> {
    let gateways = network.gateways().iter().enumerate();
    let gateways = gateways.map(|(ix, g)| (g.name.value.as_str(), Place::Gateway(GatewayId::new(ix))));
    let sites = network.sites().iter().enumerate();
    let sites = sites.map(|(ix, s)| (s.name.value.as_str(), Place::Site(SiteId::new(ix))));
    let endpoints = network.private_endpoints().iter().enumerate();
    let endpoints =
        endpoints.map(|(ix, e)| (e.name.value.as_str(), Place::PrivateEndpoint(PrivateEndpointId::new(ix))));
    gateways.chain(sites).chain(endpoints).chain([("internet", Place::Internet)])
}

fn unknown(network: &Network, name: &str) -> String {
    let links: Vec<String> =
        (0..network.peerings().len()).map(|ix| network.link_path(PeeringId::new(ix))).collect();
    let vms = network.vms().iter().map(|vm| vm.name.value.as_str());
    let nics = network.nics().iter().map(|nic| nic.name.value.as_str());
    let all =
        vms.chain(nics).chain(links.iter().map(String::as_str)).chain(places(network).map(|(of, _)| of));
    let remedy = match did_you_mean(name, all) {
        Some(near) => format!("did you mean `{near}`?"),
        None => "peerings are named vnet/link; those that the timeline makes cannot be named".to_owned(),
    };
    format!("no VM, NIC, peering, gateway, site or private endpoint `{name}`; {remedy}")
}

/// A packet whose frames were kept.
#[derive(Clone, Debug)]
pub struct TappedPacket {
    /// What it belongs to.
    pub tag: PacketTag,
    /// Its steps, all of them.
    pub trace: PacketTrace,
    /// Positions of its frames in [`TapRecorder::frames`], in order.
    pub frames: Vec<usize>,
    /// The taps that it passed, wanted or not, and how many steps it had met there.
    taps: Vec<(Tap, usize)>,
}

/// A frame at a tap.
#[derive(Clone, Debug)]
pub struct TappedFrame {
    /// Its packet: a position in [`TapRecorder::packets`].
    pub packet: usize,
    /// When.
    pub at: SimTime,
    /// Where.
    pub tap: Tap,
    /// The packet as it was there.
    pub frame: Box<[u8]>,
    /// The how many-th tap of its packet this is, from 0.
    pub nth: usize,
}

/// Keeps frames and the steps of their packets.
#[derive(Clone, Debug)]
pub struct TapRecorder {
    filter: TapFilter,
    packets_max: usize,
    under_way: BTreeMap<PacketId, UnderWay>,
    packets: Vec<TappedPacket>,
    frames: Vec<TappedFrame>,
    left_out: u64,
}

/// A packet that has not come to its end.
#[derive(Clone, Debug)]
enum UnderWay {
    /// Not seen at a tap that is wanted.
    Unseen(Box<TappedPacket>),
    /// Kept: its position.
    Kept(usize),
}

impl TapRecorder {
    /// Keeps frames at the taps of `filter`, of at most `packets_max` packets.
    pub fn new(filter: TapFilter, packets_max: usize) -> Self {
        let (packets, frames) = (Vec::new(), Vec::new());
        Self { filter, packets_max, under_way: BTreeMap::new(), packets, frames, left_out: 0 }
    }

    /// The packets that were kept, in the order in which they were first seen.
    pub fn packets(&self) -> &[TappedPacket] {
        &self.packets
    }

    /// Their frames, in the order of events.
    pub fn frames(&self) -> &[TappedFrame] {
        &self.frames
    }

    /// Packets that were seen when there was no room for more.
    pub fn left_out(&self) -> u64 {
        self.left_out
    }

    /// What `frame`'s packet met between this tap and the next, with its sending at the first. A peering's tap has the
    /// decision about the peering alone: the fabric takes it in one go with those of the NIC behind.
    pub fn steps(&self, frame: &TappedFrame) -> &[(SimTime, Step)] {
        let packet = &self.packets[frame.packet];
        let (taps, steps) = (&packet.taps, &packet.trace.steps[..]);
        let at_link = |behind: usize| matches!(steps.get(behind), Some((_, Step::Peering { .. })));
        let behind = taps[frame.nth].1;
        let next = taps.get(frame.nth + 1).map_or(steps.len(), |(_, behind)| *behind);
        let before = frame.nth.checked_sub(1).map(|before| taps[before]);
        match (before, frame.tap) {
            (None, _) => &steps[..next],
            (_, Tap::Peering(_)) if next == behind && at_link(behind) => &steps[behind..=behind],
            (Some((Tap::Peering(_), same)), _) if same == behind && at_link(behind) => {
                &steps[behind + 1..next]
            }
            _ => &steps[behind..next],
        }
    }

    pub(crate) fn packet(&mut self, id: PacketId, tag: PacketTag) {
        let trace = PacketTrace { id, part: tag.part, steps: Vec::new() };
        let unseen = TappedPacket { tag, trace, frames: Vec::new(), taps: Vec::new() };
        self.under_way.insert(id, UnderWay::Unseen(Box::new(unseen)));
    }

    pub(crate) fn step(&mut self, id: PacketId, now: SimTime, step: Step) {
        let packet = match self.under_way.get_mut(&id) {
            Some(UnderWay::Unseen(packet)) => packet,
            Some(UnderWay::Kept(at)) => &mut self.packets[*at],
            None => return,
        };
        packet.trace.steps.push((now, step));
        if matches!(step, Step::Delivered { .. } | Step::Dropped { .. }) {
            self.under_way.remove(&id);
        }
    }

    pub(crate) fn frame(&mut self, id: PacketId, now: SimTime, tap: Tap, frame: &[u8]) {
        let wanted = self.filter.wants(tap);
        let at = match self.under_way.remove(&id) {
            None => return,
            Some(UnderWay::Kept(at)) => at,
            Some(UnderWay::Unseen(mut packet)) if !wanted => {
                packet.taps.push((tap, packet.trace.steps.len()));
                self.under_way.insert(id, UnderWay::Unseen(packet));
                return;
            }
            Some(UnderWay::Unseen(_)) if self.packets.len() >= self.packets_max => {
                self.left_out += 1;
                return;
            }
            Some(UnderWay::Unseen(packet)) => {
                self.packets.push(*packet);
                self.packets.len() - 1
            }
        };
        self.under_way.insert(id, UnderWay::Kept(at));
        let packet = &mut self.packets[at];
        let nth = packet.taps.len();
        packet.taps.push((tap, packet.trace.steps.len()));
        if wanted {
            packet.frames.push(self.frames.len());
            self.frames.push(TappedFrame { packet: at, at: now, tap, frame: frame.into(), nth });
        }
    }
}
