//! What goes wrong on the way between two ends, apart from anything that Azure decides (simulator extension).
//!
//! Owns the description of a link's condition. Set by the timeline, read by the simulation, which draws what happens to a
//! packet from seeded chance. Must never know how chance is drawn.

use vnetsim_types::{SimTime, SiteId, VmId, VnetId};

/// An end of a leg.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum LinkEnd {
    /// A virtual network: every NIC, private endpoint and gateway in it.
    Vnet(VnetId),
    /// A virtual machine: all its NICs.
    Vm(VmId),
    /// An on-premises site.
    Site(SiteId),
    /// The internet.
    Internet,
}

/// The condition of the legs between two ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct LinkFault {
    /// Where the legs begin.
    pub from: LinkEnd,
    /// Where they end; anywhere when `None`.
    pub to: Option<LinkEnd>,
    /// The way back is in the same condition.
    pub both_ways: bool,
    /// What happens to packets.
    pub condition: LinkCondition,
}

/// What happens to packets on a leg. Shares are in millionths of the packets.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct LinkCondition {
    /// Nothing gets through.
    pub down: bool,
    /// Packets that are lost.
    pub loss_ppm: u32,
    /// Packets that arrive twice.
    pub duplicate_ppm: u32,
    /// Packets that are held back by `reorder_delay`, so that later ones overtake them.
    pub reorder_ppm: u32,
    /// How long those are held back.
    pub reorder_delay: SimTime,
    /// Added to the latency of each packet.
    pub delay: SimTime,
    /// At most this much more, evenly drawn for each packet.
    pub jitter: SimTime,
}

impl LinkCondition {
    /// Held back that long when nothing is said: longer than a leg inside a region.
    pub const REORDER_DELAY_DEFAULT: SimTime = SimTime::from_millis(2);

    /// True when it does nothing to packets.
    pub fn is_good(&self) -> bool {
        let Self { down, loss_ppm, duplicate_ppm, reorder_ppm, delay, jitter, .. } = *self;
        !down && loss_ppm == 0 && duplicate_ppm == 0 && reorder_ppm == 0 && delay.0 == 0 && jitter.0 == 0
    }
}
