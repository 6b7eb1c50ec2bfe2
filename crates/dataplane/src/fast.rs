//! Batches of frames through the switches: decided once per connection by the stages, then repeated from its record.
//!
//! Owns the actions that records name, and the switches. A packet of a known connection costs its
//! headers, one or two cache lines of records and the writing of two MAC addresses; every other packet goes through
//! [`Switches::egress`] and [`Switches::ingress`] like any packet of a simulation, and what the stages decided is
//! kept for the next one. This file decides nothing: it repeats. Actions hold for one epoch of the tables.
//!
//! What differs from packet to packet of one connection is never repeated: balancers, translations, bandwidth limits,
//! fragments, packets larger than the path carries whole, ends of connections, traced packets.

use std::collections::HashMap;

use vnetsim_packet::{L4, Mac, plain};
use vnetsim_types::{Direction, NicId, Observer, PacketId, PacketTag, PeeringId, SimTime};

use crate::{
    Batch, Context, FABRIC_MAC, FlowTable, LegEnd, Packet, Switches, Tables, Verdict,
    flow::{AnyKey, Key, Key4},
    stages::{mtu, nsg},
};

/// What became of a packet, for the next one of its connection.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
struct Action {
    /// Who gets it.
    nic: NicId,
    mac: Mac,
    /// The receiving network's link, where it crosses one: counts bytes (PEER-39).
    link: Option<PeeringId>,
    /// Largest packet that fares alike.
    ip_len_max: u16,
    /// How long the records of sender and receiver live without packets.
    idle_max: [SimTime; 2],
}

/// Switches that forward batches.
#[derive(Clone, Debug)]
pub struct Forwarder {
    switches: Switches,
    actions: Vec<Action>,
    known: HashMap<Action, u32>,
    epoch: u32,
    repeats: bool,
    /// What goes through the stages, one at a time.
    packet: Option<Packet>,
    ahead: Vec<Ahead>,
    packets: u64,
}

/// What is read of a frame before its turn comes.
#[derive(Clone, Copy, Debug)]
struct Ahead {
    key: Key4,
    hash: u64,
    ip_len: u16,
    /// A common frame that ends no connection: its record may know what becomes of it.
    usual: bool,
}

impl Ahead {
    const UNUSUAL: Self = Self { key: Key4::NONE, hash: 0, ip_len: 0, usual: false };
}

impl Forwarder {
    /// Without any connection. `repeats` false sends every packet through the stages.
    pub fn new(repeats: bool) -> Self {
        Self {
            switches: Switches::default(),
            actions: Vec::new(),
            known: HashMap::new(),
            epoch: 0,
            repeats,
            packet: None,
            ahead: Vec::new(),
            packets: 0,
        }
    }

    /// Room for `connections` between two NICs each without growing.
    pub fn reserve(&mut self, connections: usize) {
        self.switches.flows.reserve(connections * 2);
    }

    /// The records of these switches.
    pub fn flows(&self) -> &FlowTable {
        &self.switches.flows
    }

    /// Forwards the frames of `batch`, in order, and says what became of each. Every frame is part of `tag`;
    /// `cx.observer` is told of each when `traced`.
    pub fn forward<O: Observer>(
        &mut self,
        cx: &mut Context<'_, O>,
        batch: &mut Batch,
        tag: PacketTag,
        traced: bool,
    ) {
        self.refresh(cx.tables);
        self.look_ahead(batch, self.repeats && !traced);
        batch.verdicts.clear();
        for ix in 0..batch.len() {
            let verdict = match self.repeat(cx, batch, ix) {
                Some(verdict) => verdict,
                None => self.decide(cx, batch, ix, tag, traced),
            };
            batch.verdicts.push(verdict);
        }
        self.packets += batch.len() as u64;
    }

    /// What an epoch's stages decided does not hold for the next.
    fn refresh(&mut self, tables: &Tables) {
        if self.epoch == tables.epoch {
            return;
        }
        // Records keep 16 bits of the epoch.
        if self.epoch >> 16 != tables.epoch >> 16 {
            self.switches.flows.forget_actions();
        }
        self.epoch = tables.epoch;
        self.actions.clear();
        self.known.clear();
    }

    /// Reads all headers, and asks for the records' lines before they are needed.
    fn look_ahead(&mut self, batch: &Batch, repeats: bool) {
        self.ahead.clear();
        for ix in 0..batch.len() {
            let ahead = match plain(batch.frame(ix)) {
                Some(plain) if repeats && !plain.ends => {
                    let (source, destination) = ((plain.src, plain.src_port), (plain.dst, plain.dst_port));
                    let key = Key4::new(batch.nics[ix].0, plain.protocol, source, destination);
                    let hash = key.hash();
                    self.switches.flows.v4.fetch(hash);
                    Ahead { key, hash, ip_len: plain.ip_len, usual: true }
                }
                _ => Ahead::UNUSUAL,
            };
            self.ahead.push(ahead);
        }
    }

    /// Does with a frame what was done with the last one of its connection, if that is known to be right.
    #[inline(always)]
    fn repeat<O: Observer>(
        &mut self,
        cx: &mut Context<'_, O>,
        batch: &mut Batch,
        ix: usize,
    ) -> Option<Verdict> {
        let ahead = self.ahead[ix];
        if !ahead.usual {
            return None;
        }
        let records = &mut self.switches.flows.v4;
        let sender = records.find(ahead.hash, ahead.key)?;
        let slot = records.get(sender);
        if slot.epoch != self.epoch as u16 {
            return None;
        }
        let action = self.actions.get((slot.action as usize).wrapping_sub(1))?;
        if ahead.ip_len > action.ip_len_max || slot.is_idle(cx.now, action.idle_max[0]) {
            return None;
        }
        let receiver = records.find(ahead.hash, ahead.key.at_other_end(action.nic.0))?;
        if records.get(receiver).is_idle(cx.now, action.idle_max[1]) {
            return None;
        }
        records.get_mut(sender).last_seen_ns = cx.now.0;
        records.get_mut(receiver).last_seen_ns = cx.now.0;
        if let Some(link) = action.link {
            cx.meter.count(link, ahead.ip_len);
        }
        let (from, _) = batch.range(ix);
        let macs = batch.bytes[from..].first_chunk_mut::<12>()?;
        macs[..6].copy_from_slice(&action.mac);
        macs[6..].copy_from_slice(&FABRIC_MAC);
        Some(Verdict::Delivered(action.nic))
    }

    /// All stages, for one frame.
    #[inline(never)]
    fn decide<O: Observer>(
        &mut self,
        cx: &mut Context<'_, O>,
        batch: &mut Batch,
        ix: usize,
        tag: PacketTag,
        traced: bool,
    ) -> Verdict {
        let id = PacketId(self.packets + ix as u64);
        let frame = batch.frame(ix);
        let packet = match &mut self.packet {
            Some(packet) => packet.become_another(id, frame).map(|()| packet),
            none => Packet::new(id, tag, traced, frame.to_vec()).map(|packet| none.insert(packet)),
        };
        let Ok(packet) = packet else { return Verdict::Unreadable };
        (packet.tag, packet.traced) = (tag, traced);
        let nic = batch.nics[ix];
        let verdict = match self.switches.egress(cx, nic, packet) {
            Err(reason) => Verdict::Dropped(reason),
            Ok(leg) => match leg.end {
                LegEnd::Nic(to) => match self.switches.ingress(cx, leg.origin, to, packet) {
                    Ok(()) => Verdict::Delivered(to),
                    Err(reason) => Verdict::Dropped(reason),
                },
                _ => Verdict::Leaves(leg),
            },
        };
        batch.frame_mut(ix).copy_from_slice(&packet.frame);
        if let Verdict::Delivered(to) = verdict {
            self.remember(cx.tables, nic, to);
        }
        verdict
    }

    /// Notes in the sender's record what became of the present packet.
    fn remember(&mut self, tables: &Tables, from: NicId, to: NicId) {
        let Some(packet) = &self.packet else { return };
        let common = matches!(packet.headers.l4, L4::Tcp { .. } | L4::Udp { .. });
        if !self.repeats
            || !common
            || !packet.repeats
            || packet.fragmented
            || packet.headers.fragment.is_some()
        {
            return;
        }
        let AnyKey::V4(key) = AnyKey::new(from.0, Direction::Outbound, &packet.headers.flow_key()) else {
            return;
        };
        let Some(at) = self.switches.flows.v4.find(key.hash(), key) else { return };
        let (sender, receiver) = (tables.nics[from.ix()].vnet, tables.nics[to.ix()].vnet);
        let action = Action {
            nic: to,
            mac: tables.nics[to.ix()].mac,
            link: if sender == receiver { None } else { tables.link_from(receiver, sender) },
            ip_len_max: mtu::whole_max(tables, sender, receiver),
            idle_max: [from, to].map(|nic| nsg::nic_idle_max(tables, nic.0)),
        };
        let number = *self.known.entry(action).or_insert_with(|| {
            self.actions.push(action);
            self.actions.len() as u32
        });
        let slot = self.switches.flows.v4.get_mut(at);
        (slot.epoch, slot.action) = (tables.epoch as u16, number);
    }
}
