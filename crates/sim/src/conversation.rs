//! Bookkeeping: what became of each conversation.
//!
//! [`Books`] follow exchanges packet by packet, in the total order of events; conversations that last (TCP connections,
//! streams) are judged by their ends and by the sums of `tally.rs`, in `report.rs`. Costs a map access for each packet of
//! an exchange.

use std::collections::BTreeMap;

use vnetsim_types::{DropReason, Observer, PacketTag, Part, Place, SimTime, TrafficId};

use crate::{PacketCounts, report::Achieved};

/// How a conversation ended.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Outcome {
    /// Every packet arrived.
    Completed,
    /// A packet died, and the conversation with it.
    Dropped {
        /// Which packet.
        part: Part,
        /// Where.
        at: Place,
        /// Why.
        reason: DropReason,
    },
    /// A TCP connection waited in vain, and none of its packets died.
    TimedOut,
    /// The other side broke a TCP connection off.
    Reset,
    /// The run ended first.
    Unfinished,
}

impl Outcome {
    /// How it ended, where no packet's death says it.
    pub fn words(&self) -> Option<&'static str> {
        match self {
            Self::Completed => Some("delivered"),
            Self::Dropped { .. } => None,
            Self::TimedOut => Some("timed out"),
            Self::Reset => Some("reset by the other side"),
            Self::Unfinished => Some("unfinished when the run ended"),
        }
    }
}

/// Conversations of one traffic entry that ended in the same way over the same path.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct OutcomeGroup {
    /// The way.
    pub outcome: Outcome,
    /// Equal for conversations that crossed the same appliances and gateways in the same order.
    pub path: u64,
    /// How many.
    pub count: u64,
    /// Number of the first one.
    pub first: u32,
    /// When the first one ended.
    pub first_at: SimTime,
    /// Sum of the durations from first packet to end, for a mean.
    pub total_ns: u64,
}

/// What became of one traffic entry.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct TrafficReport {
    /// Conversations started.
    pub started: u64,
    /// Groups of equal outcomes, in the order in which they first happened.
    pub outcomes: Vec<OutcomeGroup>,
    /// Who received the first packets, and how many: more than one behind a load balancer.
    pub receivers: BTreeMap<Place, u64>,
    /// Its packets.
    pub packets: PacketCounts,
    /// What the applications achieved; `None` for exchanges.
    pub achieved: Option<Achieved>,
}

impl TrafficReport {
    /// Conversations that completed.
    pub fn completed(&self) -> u64 {
        self.outcomes.iter().filter(|g| g.outcome == Outcome::Completed).map(|g| g.count).sum()
    }
}

#[derive(Debug)]
struct Open {
    started: SimTime,
    in_flight: u32,
    drop: Option<Outcome>,
    path: u64,
}

/// All conversations of a run.
#[derive(Debug, Default)]
pub(crate) struct Books {
    open: BTreeMap<(TrafficId, u32), Open>,
    pub(crate) reports: Vec<TrafficReport>,
}

impl Books {
    pub(crate) fn new(traffic: usize) -> Self {
        Self { reports: vec![TrafficReport::default(); traffic], ..Self::default() }
    }

    /// A packet exists; a fault made it if it is a `copy`.
    pub(crate) fn sent(&mut self, now: SimTime, tag: PacketTag, copy: bool) {
        if tag.part == Part::Request && !copy {
            self.reports[tag.traffic.ix()].started += 1;
        }
        let fresh = || Open { started: now, in_flight: 0, drop: None, path: 0 };
        self.open.entry((tag.traffic, tag.conversation)).or_insert_with(fresh).in_flight += 1;
    }

    /// A packet was forwarded by an appliance or a gateway.
    pub(crate) fn passed(&mut self, tag: PacketTag, via: Place) {
        if let Some(open) = self.open.get_mut(&(tag.traffic, tag.conversation))
            && tag.part != Part::IcmpError
        {
            let place = match via {
                Place::Nic(nic) => u64::from(nic.0),
                Place::Gateway(gateway) => 1 << 32 | u64::from(gateway.0),
                _ => return, // the others end a way, they do not lie on it
            };
            // FNV-1a over the order of the hops and the packet that took them.
            for word in [tag.part as u64, place] {
                open.path = (open.path ^ word).wrapping_mul(0x0000_0100_0000_01b3).wrapping_add(1);
            }
        }
    }

    /// A packet reached the one it was for. Answers to it must be booked as sent before.
    pub(crate) fn delivered<O: Observer>(
        &mut self,
        now: SimTime,
        tag: PacketTag,
        place: Place,
        observer: &mut O,
    ) {
        if tag.part == Part::Request {
            *self.reports[tag.traffic.ix()].receivers.entry(place).or_default() += 1;
        }
        self.landed(now, tag, observer);
    }

    /// A packet died.
    pub(crate) fn dropped<O: Observer>(
        &mut self,
        now: SimTime,
        tag: PacketTag,
        at: Place,
        reason: DropReason,
        observer: &mut O,
    ) {
        if let Some(open) = self.open.get_mut(&(tag.traffic, tag.conversation))
            && tag.part != Part::IcmpError
        {
            open.drop = open.drop.or(Some(Outcome::Dropped { part: tag.part, at, reason }));
        }
        self.landed(now, tag, observer);
    }

    fn landed<O: Observer>(&mut self, now: SimTime, tag: PacketTag, observer: &mut O) {
        let key = (tag.traffic, tag.conversation);
        let Some(open) = self.open.get_mut(&key) else { return };
        open.in_flight -= 1;
        if open.in_flight > 0 {
            return;
        }
        let outcome = open.drop.unwrap_or(Outcome::Completed);
        let (path, lasted_ns) = (open.path, now.since(open.started).0);
        self.open.remove(&key);
        let groups = &mut self.reports[tag.traffic.ix()].outcomes;
        let known = groups.iter_mut().find(|g| g.outcome == outcome && g.path == path);
        let first_of_its_kind = known.is_none();
        match known {
            Some(group) => {
                group.count += 1;
                group.total_ns += lasted_ns;
            }
            None => groups.push(OutcomeGroup {
                outcome,
                path,
                count: 1,
                first: tag.conversation,
                first_at: now,
                total_ns: lasted_ns,
            }),
        }
        observer.closed(tag.traffic, tag.conversation, first_of_its_kind);
    }
}
