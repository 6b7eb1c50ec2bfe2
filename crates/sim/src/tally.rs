//! Sums: what became of packets, by traffic entry, direction and reason.
//!
//! Owned by a shard; those of all shards add up to the same whatever the shards are. What depends on an order goes through
//! `journal.rs` instead. Costs a few additions for each packet.

use std::collections::BTreeMap;

use rustc_hash::FxHashMap;
use vnetsim_dataplane::Packet;
use vnetsim_types::{DropReason, PacketTag, Part, Place, SimTime, TrafficId};

use crate::event::Key;

/// The traffic of health probes, which no entry of a scenario names.
pub(crate) const PROBES: TrafficId = TrafficId(u32::MAX);

/// What became of packets.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Counts {
    /// Made, copies by a fault included.
    pub sent: u64,
    /// Reached the one they were for.
    pub delivered: u64,
    /// Died, by reason.
    pub dropped: BTreeMap<DropReason, u64>,
}

impl Counts {
    /// Packets that were neither delivered nor dropped when the run ended.
    pub fn in_flight(&self) -> u64 {
        self.sent - self.delivered - self.dropped.values().sum::<u64>()
    }

    fn add(&mut self, other: &Self) {
        self.sent += other.sent;
        self.delivered += other.delivered;
        for (reason, count) in &other.dropped {
            *self.dropped.entry(*reason).or_default() += count;
        }
    }
}

/// How long packets were under way.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Spread {
    /// How many.
    pub count: u64,
    /// The shortest.
    pub least: SimTime,
    /// The longest.
    pub most: SimTime,
    /// Sum, for a mean.
    pub total_ns: u128,
}

impl Default for Spread {
    fn default() -> Self {
        Self { count: 0, least: SimTime(u64::MAX), most: SimTime::ZERO, total_ns: 0 }
    }
}

impl Spread {
    /// Counts one more.
    pub fn note(&mut self, time: SimTime) {
        self.count += 1;
        self.least = self.least.min(time);
        self.most = self.most.max(time);
        self.total_ns += u128::from(time.0);
    }

    /// The mean; `None` of nothing.
    pub fn mean(&self) -> Option<SimTime> {
        let mean = self.total_ns.checked_div(u128::from(self.count))?;
        Some(SimTime(u64::try_from(mean).unwrap_or(u64::MAX)))
    }

    fn add(&mut self, other: &Self) {
        self.count += other.count;
        self.least = self.least.min(other.least);
        self.most = self.most.max(other.most);
        self.total_ns += other.total_ns;
    }
}

/// What became of the packets of one traffic entry.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct PacketCounts {
    /// From those who open the conversations.
    pub forward: Counts,
    /// To them.
    pub backward: Counts,
    /// Where packets died, and why; `true` for forward ones.
    pub losses: BTreeMap<(bool, Place, DropReason), u64>,
    /// One way, of forward packets.
    pub one_way: Spread,
    /// When the last packet was delivered, either way.
    pub last_arrival: SimTime,
}

impl PacketCounts {
    /// Packets that died, both ways.
    pub fn lost(&self) -> u64 {
        self.losses.values().sum()
    }

    fn add(&mut self, other: &Self) {
        self.forward.add(&other.forward);
        self.backward.add(&other.backward);
        self.one_way.add(&other.one_way);
        self.last_arrival = self.last_arrival.max(other.last_arrival);
        for (loss, count) in &other.losses {
            *self.losses.entry(*loss).or_default() += count;
        }
    }
}

/// Which dead packet of a conversation tells how it ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Telling {
    /// The books know.
    None,
    /// The last: stacks try again.
    Last,
    /// The first: what follows in a capture does not know that it died.
    First,
}

/// A packet of a conversation that died.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct LastDrop {
    pub(crate) key: Key,
    pub(crate) part: Part,
    pub(crate) at: Place,
    pub(crate) reason: DropReason,
}

/// The sums of a shard.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    /// By [`TrafficId`].
    pub(crate) traffic: Vec<PacketCounts>,
    pub(crate) probes: Counts,
    /// Of conversations that last.
    pub(crate) last_drops: FxHashMap<(TrafficId, u32), LastDrop>,
    /// Of connections of captures.
    pub(crate) first_drops: FxHashMap<(TrafficId, u32), LastDrop>,
    /// Who received the first packets of conversations that last, by entry.
    pub(crate) receivers: BTreeMap<(TrafficId, Place), u64>,
}

impl Tally {
    pub(crate) fn new(entries: usize) -> Self {
        Self { traffic: vec![PacketCounts::default(); entries], ..Self::default() }
    }

    fn counts(&mut self, tag: PacketTag) -> &mut Counts {
        if tag.traffic == PROBES {
            return &mut self.probes;
        }
        let entry = &mut self.traffic[tag.traffic.ix()];
        if tag.part.is_forward() { &mut entry.forward } else { &mut entry.backward }
    }

    pub(crate) fn sent(&mut self, tag: PacketTag) {
        self.counts(tag).sent += 1;
    }

    pub(crate) fn delivered(&mut self, now: SimTime, packet: &Packet) {
        self.counts(packet.tag).delivered += 1;
        let Some(entry) = self.traffic.get_mut(packet.tag.traffic.ix()) else { return };
        entry.last_arrival = now;
        if packet.tag.part.is_forward() {
            entry.one_way.note(now.since(packet.sent_at));
        }
    }

    pub(crate) fn dropped(
        &mut self,
        key: Key,
        tag: PacketTag,
        at: Place,
        reason: DropReason,
        telling: Telling,
    ) {
        *self.counts(tag).dropped.entry(reason).or_default() += 1;
        if tag.traffic == PROBES {
            return;
        }
        let entry = &mut self.traffic[tag.traffic.ix()];
        *entry.losses.entry((tag.part.is_forward(), at, reason)).or_default() += 1;
        let (of, drop) = ((tag.traffic, tag.conversation), LastDrop { key, part: tag.part, at, reason });
        match telling {
            _ if tag.part == Part::IcmpError => {}
            Telling::None => {}
            Telling::Last => {
                self.last_drops.insert(of, drop);
            }
            Telling::First => {
                self.first_drops.entry(of).or_insert(drop);
            }
        }
    }

    /// Adds another shard's sums.
    pub(crate) fn add(&mut self, other: Self) {
        for (entry, others) in self.traffic.iter_mut().zip(&other.traffic) {
            entry.add(others);
        }
        self.probes.add(&other.probes);
        #[expect(clippy::iter_over_hash_type, reason = "the later one of each is kept, whatever the order")]
        for (conversation, drop) in other.last_drops {
            let last = self.last_drops.entry(conversation).or_insert(drop);
            *last = (*last).max(drop);
        }
        #[expect(clippy::iter_over_hash_type, reason = "the earlier one of each is kept, whatever the order")]
        for (conversation, drop) in other.first_drops {
            let first = self.first_drops.entry(conversation).or_insert(drop);
            *first = (*first).min(drop);
        }
        for (receiver, count) in other.receivers {
            *self.receivers.entry(receiver).or_default() += count;
        }
    }

    /// All packets but those of probes.
    pub(crate) fn total(&self) -> Counts {
        let mut total = Counts::default();
        for entry in &self.traffic {
            total.add(&entry.forward);
            total.add(&entry.backward);
        }
        total
    }
}
