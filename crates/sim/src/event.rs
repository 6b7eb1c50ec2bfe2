//! Events and their total order: time, kind, node, sequence.
//!
//! `node` is the node that *made* the event and `sequence` counts that node's events, so the order
//! does not depend on which thread runs which node. No two events are equal; time never goes back.

use std::{cmp::Ordering, collections::BinaryHeap};

use vnetsim_dataplane::{Leg, Packet};
use vnetsim_types::{NicId, SimTime, TrafficId};

/// Something that happens. The order of the variants is the order at equal times: the network changes
/// before packets move, and packets under way move before new ones start.
#[derive(Debug)]
pub(crate) enum Event {
    /// Entry of the timeline, by position.
    Change(usize),
    /// A packet ends a leg.
    Arrive(Leg, Packet),
    /// A guest puts a packet on a NIC.
    Emit(NicId, Packet),
    /// A conversation starts.
    Start(TrafficId, u32),
}

impl Event {
    fn kind(&self) -> u8 {
        match self {
            Self::Change(_) => 0,
            Self::Arrive(..) => 1,
            Self::Emit(..) => 2,
            Self::Start(..) => 3,
        }
    }
}

/// Who makes events.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Node {
    /// The scenario: its timeline and its traffic.
    Scenario,
    /// A virtual network with its switch and guests.
    Vnet(u32),
    /// A gateway.
    Gateway(u32),
    /// An on-premises site.
    Site(u32),
    /// The internet.
    Internet,
}

#[derive(Debug)]
struct Entry {
    key: (SimTime, u8, Node, u64),
    event: Event,
}

impl PartialEq for Entry {
    fn eq(&self, other: &Self) -> bool {
        self.key == other.key
    }
}
impl Eq for Entry {}
impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Entry {
    /// Reversed: the heap pops its greatest entry, and the earliest event is wanted.
    fn cmp(&self, other: &Self) -> Ordering {
        other.key.cmp(&self.key)
    }
}

/// The events to come.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    heap: BinaryHeap<Entry>,
    sequences: std::collections::BTreeMap<Node, u64>,
    now: SimTime,
}

impl Queue {
    /// `node` makes `event` happen at `time`.
    pub(crate) fn push(&mut self, time: SimTime, node: Node, event: Event) {
        assert!(time >= self.now, "an event in the past: {time} before {}", self.now);
        let sequence = self.sequences.entry(node).or_default();
        *sequence += 1;
        self.heap.push(Entry { key: (time, event.kind(), node, *sequence), event });
    }

    /// The next event and its time.
    pub(crate) fn pop(&mut self) -> Option<(SimTime, Event)> {
        let entry = self.heap.pop()?;
        self.now = entry.key.0;
        Some((entry.key.0, entry.event))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_times_are_ordered_by_kind_then_node_then_sequence() {
        let mut queue = Queue::default();
        let at = SimTime::from_secs(1);
        queue.push(at, Node::Scenario, Event::Start(TrafficId(0), 0));
        queue.push(at, Node::Vnet(1), Event::Change(2));
        queue.push(at, Node::Scenario, Event::Change(0));
        queue.push(at, Node::Scenario, Event::Change(1));
        queue.push(SimTime::ZERO, Node::Internet, Event::Start(TrafficId(9), 9));
        let mut order = Vec::new();
        while let Some((_, event)) = queue.pop() {
            order.push(match event {
                Event::Change(ix) => ix as u32,
                Event::Start(traffic, _) => 100 + traffic.0,
                _ => unreachable!("not pushed"),
            });
        }
        assert_eq!(order, [109, 0, 1, 2, 100]);
    }
}
