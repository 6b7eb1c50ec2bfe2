//! Records steps while a run goes on.
//!
//! Keeps the first conversation of every kind of ending of each traffic entry and forgets the rest, so that memory does
//! not grow with the number of packets. Of conversations that last the simulation shows a few packets only; those are kept.

use std::collections::BTreeMap;

use vnetsim_types::{
    ApplianceAction, DropReason, FlowKey, Observer, PacketId, PacketTag, Part, Place, SimTime, Step, Tap,
    TrafficId,
};

use crate::TapRecorder;

/// The steps of one packet.
#[derive(Clone, Debug)]
pub struct PacketTrace {
    /// The packet.
    pub id: PacketId,
    /// Which packet of its conversation it is.
    pub part: Part,
    /// When each step happened, and the step.
    pub steps: Vec<(SimTime, Step)>,
}

impl PacketTrace {
    /// The five-tuple as sent.
    pub fn key(&self) -> Option<FlowKey> {
        self.steps.iter().find_map(|(_, step)| match step {
            Step::Sent { key, .. } => Some(*key),
            _ => None,
        })
    }

    /// Where and why it died; `None` when it arrived.
    pub fn drop(&self) -> Option<(Place, DropReason)> {
        self.steps.iter().find_map(|(_, step)| match step {
            Step::Dropped { at, reason } => Some((*at, *reason)),
            _ => None,
        })
    }

    /// Receiver, five-tuple and time to live as received; `None` when it died.
    pub fn delivery(&self) -> Option<(Place, FlowKey, u8)> {
        self.steps.iter().find_map(|(_, step)| match step {
            Step::Delivered { to, key, ttl } => Some((*to, *key, *ttl)),
            _ => None,
        })
    }

    /// The appliances and gateways that forwarded it, in order.
    pub fn via(&self) -> impl Iterator<Item = Place> {
        self.steps.iter().filter_map(|(_, step)| match step {
            Step::Appliance { nic_in, .. } => Some(Place::Nic(*nic_in)),
            Step::Gateway { gateway, .. } => Some(Place::Gateway(*gateway)),
            _ => None,
        })
    }

    /// True when an appliance changed its addresses.
    pub fn translated(&self) -> bool {
        let is =
            |step: &Step| matches!(step, Step::Appliance { action: ApplianceAction::Translated { .. }, .. });
        self.steps.iter().any(|(_, step)| is(step))
    }
}

/// The packets of one conversation, in the order in which they were sent.
#[derive(Clone, Debug, Default)]
pub struct ConversationTrace {
    /// Its packets.
    pub packets: Vec<PacketTrace>,
}

impl ConversationTrace {
    /// The first packet of that part.
    pub fn part(&self, part: Part) -> Option<&PacketTrace> {
        self.packets.iter().find(|p| p.part == part)
    }

    /// The packet of that part that tells the way: the first that arrived, else the first.
    pub fn way(&self, part: Part) -> Option<&PacketTrace> {
        let arrived = |p: &&PacketTrace| p.part == part && p.delivery().is_some();
        self.packets.iter().find(arrived).or_else(|| self.part(part))
    }

    /// The packets that died, ICMP errors aside.
    pub fn all_dead(&self) -> impl Iterator<Item = &PacketTrace> {
        self.packets.iter().filter(|p| p.part != Part::IcmpError && p.drop().is_some())
    }

    /// The packet that died, ICMP errors aside.
    pub fn dead(&self) -> Option<&PacketTrace> {
        self.all_dead().next()
    }
}

/// Records the steps of a run.
#[derive(Clone, Debug, Default)]
pub struct TraceObserver {
    tags: BTreeMap<PacketId, PacketTag>,
    conversations: BTreeMap<(TrafficId, u32), ConversationTrace>,
    taps: Option<TapRecorder>,
}

impl TraceObserver {
    /// One that keeps frames as well.
    pub fn with_taps(taps: TapRecorder) -> Self {
        Self { taps: Some(taps), ..Self::default() }
    }

    /// Adds the conversations of another run of other entries.
    pub fn add(&mut self, other: Self) {
        self.conversations.extend(other.conversations);
    }

    /// The frames, if they were asked for.
    pub fn taps(&self) -> Option<&TapRecorder> {
        self.taps.as_ref()
    }

    /// The conversations that were kept, by traffic entry and number.
    pub fn conversations(&self) -> &BTreeMap<(TrafficId, u32), ConversationTrace> {
        &self.conversations
    }

    /// The conversation of that traffic entry and number, if it was kept.
    pub fn conversation(&self, traffic: TrafficId, number: u32) -> Option<&ConversationTrace> {
        self.conversations.get(&(traffic, number))
    }

    /// The conversations of that traffic entry that were kept, by number. Of one that lasts only the first packets are
    /// there, and those after a change of the network.
    pub fn conversations_of(&self, traffic: TrafficId) -> impl Iterator<Item = &ConversationTrace> {
        self.conversations.range((traffic, 0)..=(traffic, u32::MAX)).map(|(_, trace)| trace)
    }
}

impl Observer for TraceObserver {
    fn wants_all(&self) -> bool {
        self.taps.is_some()
    }

    fn wants_frames(&self) -> bool {
        self.taps.is_some()
    }

    fn further(&mut self, packet: PacketId, tag: PacketTag) {
        if let Some(taps) = &mut self.taps {
            taps.packet(packet, tag);
        }
    }

    fn frame(&mut self, packet: PacketId, now: SimTime, tap: Tap, frame: &[u8]) {
        if let Some(taps) = &mut self.taps {
            taps.frame(packet, now, tap, frame);
        }
    }

    fn packet(&mut self, packet: PacketId, tag: PacketTag) {
        self.further(packet, tag);
        self.tags.insert(packet, tag);
        let conversation = self.conversations.entry((tag.traffic, tag.conversation)).or_default();
        conversation.packets.push(PacketTrace { id: packet, part: tag.part, steps: Vec::new() });
    }

    fn step(&mut self, packet: PacketId, now: SimTime, step: Step) {
        if let Some(taps) = &mut self.taps {
            taps.step(packet, now, step);
        }
        let Some(tag) = self.tags.get(&packet) else { return };
        let conversation = self.conversations.get_mut(&(tag.traffic, tag.conversation));
        let packets = conversation.into_iter().flat_map(|c| c.packets.iter_mut());
        if let Some(trace) = packets.into_iter().find(|p| p.id == packet) {
            trace.steps.push((now, step));
        }
    }

    fn closed(&mut self, traffic: TrafficId, conversation: u32, first_of_its_kind: bool) {
        if let Some(trace) = self.conversations.get(&(traffic, conversation)) {
            for packet in &trace.packets {
                self.tags.remove(&packet.id);
            }
        }
        if !first_of_its_kind {
            self.conversations.remove(&(traffic, conversation));
        }
    }
}
