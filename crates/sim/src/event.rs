//! Events and their total order: time, kind, node, sequence.
//!
//! `node` is the node that *made* the event and `sequence` counts that node's events, so the order does not depend on which
//! thread runs which node. No two events are equal; time never goes back. Called by the shards; costs nothing of its own.

use vnetsim_dataplane::{Leg, LegEnd, Origin, Packet};
use vnetsim_packet::{L4, TcpFlags};
use vnetsim_types::{NicId, SimTime, TrafficId};

use crate::probe::ProbeFlip;

/// A packet under way and the leg that it is on.
#[derive(Clone, Debug)]
pub(crate) struct Flight {
    pub(crate) packet: Packet,
    pub(crate) leg: Leg,
    /// The number of its next leg among the events of the node that sends it, where that is settled before it leaves;
    /// else 0.
    pub(crate) sequence: u64,
    /// A fault made it. It is not copied again: copies of copies in a loop would have no end.
    pub(crate) copy: bool,
}

impl Flight {
    /// Room for a packet.
    pub(crate) fn empty() -> Self {
        let leg = Leg { origin: Origin::Platform, end: LegEnd::Nic(NicId(0)) };
        Self { packet: Packet::empty(), leg, sequence: 0, copy: false }
    }

    /// True for FIN and RST.
    #[inline]
    pub(crate) fn ends_connection(&self) -> bool {
        let L4::Tcp { flags, .. } = self.packet.headers.l4 else { return false };
        flags.0 & (TcpFlags::FIN.0 | TcpFlags::RST.0) != 0
    }
}

/// Something that happens.
#[derive(Debug)]
pub(crate) enum Event {
    /// Entry of the timeline, by position.
    Change(u32),
    /// A health probe changes its mind.
    Flip(Box<ProbeFlip>),
    /// A packet ends a leg.
    Arrive(Box<Flight>),
    /// A guest puts a packet on a NIC.
    Emit(NicId, Box<Flight>),
    /// A timer of a machine's TCP/IP stack, by its position in the shard's hosts.
    Wake(u32),
    /// The next datagram of a stream, hop of a traceroute or packet of a capture, by the position of its sender in the
    /// shard's.
    Tick(u32),
    /// A conversation starts.
    Start(TrafficId, u32),
    /// A health probe is due, by its position in the shard's probes.
    Probe(u32),
}

/// The order at equal times: the network changes before packets move, and packets under way move before new ones start.
/// What is in the background keeps no run alive; of timers only those do that are still wanted (`Hosts::wanted`).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
#[repr(u8)]
pub(crate) enum Kind {
    Change,
    Arrive,
    Emit,
    Tick,
    Start,
    /// In the background from here on.
    Wake,
    /// A probe's packet, and what a probe finds out.
    Background,
    Probe,
}

/// Who makes events.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Node {
    /// The scenario: its timeline.
    Scenario,
    /// A traffic entry: the starts of its conversations.
    Traffic(u32),
    /// A virtual network with its switch and guests.
    Vnet(u32),
    /// A gateway.
    Gateway(u32),
    /// An on-premises site.
    Site(u32),
    /// The internet.
    Internet,
}

impl Node {
    /// As 24 bits, in the order of the variants. Numbers beyond 2^21 would share an order; `limits` keep them below.
    pub(crate) fn number(self) -> u64 {
        let (kind, ix) = match self {
            Self::Scenario => (0, 0),
            Self::Traffic(ix) => (1, ix),
            Self::Vnet(ix) => (2, ix),
            Self::Gateway(ix) => (3, ix),
            Self::Site(ix) => (4, ix),
            Self::Internet => (5, 0),
        };
        kind << 21 | u64::from(ix & 0x1f_ffff)
    }
}

/// When an event happens, and before which others at that time.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct Key {
    pub(crate) time: SimTime,
    /// Kind, node and sequence, from the high bits down: 3, 24 and 37.
    pub(crate) order: u64,
}

impl Key {
    pub(crate) fn new(time: SimTime, kind: Kind, node: Node, sequence: u64) -> Self {
        Self { time, order: (kind as u64) << 61 | node.number() << 37 | (sequence & ((1 << 37) - 1)) }
    }

    pub(crate) fn is_background(self) -> bool {
        self.order >> 61 >= Kind::Wake as u64
    }
}

/// An event and its place in the order.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) key: Key,
    pub(crate) event: Event,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_times_are_ordered_by_kind_then_node_then_sequence() {
        let at = SimTime::from_secs(1);
        let keys = [
            Key::new(SimTime::ZERO, Kind::Start, Node::Internet, 9),
            Key::new(at, Kind::Change, Node::Scenario, 0),
            Key::new(at, Kind::Change, Node::Scenario, 1),
            Key::new(at, Kind::Change, Node::Vnet(1), 0),
            Key::new(at, Kind::Arrive, Node::Vnet(1), 7),
            Key::new(at, Kind::Arrive, Node::Vnet(2), 3),
            Key::new(at, Kind::Arrive, Node::Internet, 1),
            Key::new(at, Kind::Start, Node::Traffic(0), 1 << 36),
            Key::new(at, Kind::Start, Node::Traffic(1), 0),
            Key::new(at, Kind::Probe, Node::Vnet(0), 0),
        ];
        assert!(keys.is_sorted(), "{keys:?}");
        assert!(keys[9].is_background() && !keys[8].is_background());
    }

    #[test]
    fn an_event_fits_half_a_cache_line() {
        assert!(size_of::<Entry>() <= 32, "{}", size_of::<Entry>());
    }
}
