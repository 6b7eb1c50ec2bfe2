//! Batches of frames through the switches: decided once per connection by the stages, then repeated from its record.
//!
//! Owns the actions that records name, and the switches. A packet of a known connection costs its
//! headers, one or two cache lines of records and the writing of two MAC addresses; the first one of a connection between
//! addresses that had others ([`Pairs`]) costs two new records beside that; every other packet goes through
//! [`Switches::egress`] and [`Switches::ingress`] of switches that repeat nothing themselves, and what the stages
//! decided is kept for the next one. This file decides nothing: it repeats. Actions hold for one epoch of the tables.
//!
//! What differs from packet to packet of one connection is never repeated: balancers, translations, bandwidth limits,
//! fragments, packets larger than the path carries whole, ends of connections, traced packets.

use std::hint::select_unpredictable;

use vnetsim_packet::{L4, parse, plain};
use vnetsim_types::{Direction, FlowKey, IpProtocol, NicId, Observer, PacketId, PacketTag, PeeringId};

use crate::{
    Batch, Context, FABRIC_MAC, FlowTable, Leg, LegEnd, Meter, Origin, Packet, Switches, Tables, Verdict,
    flow::{AnyEnd, End, Key, Key4, Line, Moment},
    notes::Notes,
    packet::Alike,
    pairs::{Pair, Pairs},
    stages::{
        filter, mtu, nsg,
        peering::{self, NO_LINK},
    },
};

/// What became of a packet, for the next one of its connection.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
struct Action {
    /// Who gets it.
    nic: NicId,
    /// Largest packet that fares alike; 0 in place of an action that nobody took yet.
    ip_len_max: u16,
    /// As the receiver sees them: its own, then the fabric's.
    macs: [u8; 12],
    /// The receiving network's link, where it crosses one, else none that exists: counts bytes (PEER-39).
    link: PeeringId,
    /// How long the records of sender and receiver live without packets, in steps.
    idle_max: [u32; 2],
}

impl Action {
    const NONE: Self =
        Self { nic: NicId(u32::MAX), ip_len_max: 0, macs: [0; 12], link: NO_LINK, idle_max: [0; 2] };
}

/// Actions of both directions of a connection, by the side that sends.
type Note = [Action; 2];

/// How many frames ahead records are asked for: enough to hide a miss, few enough to still be there.
const AHEAD: usize = 32;

/// How many frames ahead is asked for what the first frame of a connection writes.
const SOON: usize = 8;

/// What is read of a frame before its turn comes.
#[derive(Clone, Copy, Debug)]
struct Ahead {
    key: Key4,
    hash: u64,
    /// That it leaves.
    nic: NicId,
    ip_len: u16,
    /// Of the sender.
    side: u8,
    /// A common frame that ends no connection: a note may speak for it.
    common: bool,
}

impl Ahead {
    const NOTHING: Self =
        Self { key: Key4::NONE, hash: 0, nic: NicId(u32::MAX), ip_len: 0, side: 0, common: false };
}

/// A packet whose translation made it a packet of another worker, on its way to the receiver.
#[derive(Clone, Debug)]
pub struct Handed {
    /// Where it comes from and who receives it.
    pub leg: Leg,
    /// The packet.
    pub packet: Packet,
}

/// Switches that forward batches.
///
/// Several may share the connections of a network: each has those whose [`worker_of`] it is, at every NIC. A packet
/// that a balancer translates may become another's; then the sender's half of the way is done here, and the rest
/// by [`Forwarder::receive`] of the other one. What a whole NIC or VM shares is each forwarder's own: a limit on
/// flow records counts for each, and networks with bandwidth limits cannot be shared.
#[derive(Clone, Debug)]
pub struct Forwarder {
    switches: Switches,
    /// This one, of how many.
    worker: (usize, usize),
    notes: Notes<Note>,
    pairs: Pairs,
    epoch: u32,
    repeats: bool,
    /// What goes through the stages, one at a time.
    packet: Option<Packet>,
    packets: u64,
    decided: u64,
}

impl Forwarder {
    /// Without any connection. `repeats` false sends every packet through the stages.
    pub fn new(repeats: bool) -> Self {
        Self::shared(repeats, 0, 1)
    }

    /// Number `worker` of `workers`.
    pub fn shared(repeats: bool, worker: usize, workers: usize) -> Self {
        Self {
            switches: Switches::default(),
            worker: (worker, workers),
            notes: Notes::default(),
            pairs: Pairs::default(),
            epoch: 0,
            repeats,
            packet: None,
            packets: 0,
            decided: 0,
        }
    }

    /// Room for `connections` between two NICs each without growing.
    pub fn reserve(&mut self, connections: usize) {
        self.switches.flows.reserve(connections);
    }

    /// The records of these switches.
    pub fn flows(&self) -> &FlowTable {
        &self.switches.flows
    }

    /// Frames forwarded so far, and how many of them went through the stages.
    pub fn counts(&self) -> (u64, u64) {
        (self.packets, self.decided)
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
        cx.meter.fit(cx.tables.links.len());
        batch.legs.clear();
        batch.handed.clear();
        batch.verdicts.clear();
        batch.verdicts.resize(batch.len(), Verdict::Unreadable);
        let (now, repeats) = (Moment::of(cx.now), self.repeats && !traced);
        let mut ahead = [Ahead::NOTHING; AHEAD];
        let readable = if repeats { batch.len() } else { 0 };
        for (ix, place) in ahead.iter_mut().enumerate().take(readable) {
            *place = self.look_ahead(batch, ix);
        }
        for ix in 0..batch.len() {
            let present = &ahead[ix % AHEAD];
            if !(present.common && self.repeat(cx.meter, now, batch, ix, present)) {
                let later = ahead[(ix + SOON) % AHEAD].hash;
                self.first(cx, batch, ix, (present, later), (tag, traced));
            }
            // The frame that had its turn leaves its place to one that is read.
            if ix + AHEAD < readable {
                ahead[ix % AHEAD] = self.look_ahead(batch, ix + AHEAD);
            }
        }
        self.packets += batch.len() as u64;
    }

    /// What an epoch's stages decided does not hold for the next.
    fn refresh(&mut self, tables: &Tables) {
        if self.epoch == tables.epoch {
            return;
        }
        self.epoch = tables.epoch;
        self.notes.renew(&mut self.switches.flows);
        self.pairs.forget();
    }

    /// Reads the headers of a frame, and asks for its records' line before it is needed.
    #[inline(always)]
    fn look_ahead(&self, batch: &Batch, ix: usize) -> Ahead {
        let (head, len) = batch.head(ix);
        let Some(plain) = plain(head, len).filter(|plain| !plain.ends) else { return Ahead::NOTHING };
        let End { key, side, .. } = End::of_sender(0, plain.protocol, plain.addresses, plain.ports);
        let hash = key.hash();
        self.switches.flows.v4.fetch(hash);
        Ahead { key, hash, nic: batch.nic(ix), ip_len: plain.ip_len, side: side as u8, common: true }
    }

    /// Does with a frame what was done with the last one of its connection, if that is known and both ends of it have
    /// their records in one cell, as nearly always.
    #[inline(always)]
    fn repeat(
        &mut self,
        meter: &mut Meter,
        now: Moment,
        batch: &mut Batch,
        ix: usize,
        ahead: &Ahead,
    ) -> bool {
        let side = usize::from(ahead.side & 1);
        let end = End { key: ahead.key, owner: ahead.nic.0, side };
        let Some(Line(cells)) = self.switches.flows.v4.line_mut(ahead.hash) else { return false };
        // Which of the two it is cannot be foretold; that it is one of them nearly always can.
        let [first, second] = cells;
        let (is_first, is_second) = (first.holds(&end), second.holds(&end));
        if u8::from(is_first) | u8::from(is_second) == 0 {
            return self.repeat_elsewhere(meter, now, batch, ix, ahead);
        }
        let cell = select_unpredictable(is_second, second, first);
        let Some(note) = self.notes.get(cell.key.note()) else { return false };
        let (action, sender, receiver) = (&note[side], cell.records[side], cell.records[side ^ 1]);
        if receiver.owner() != action.nic.0 {
            return self.repeat_elsewhere(meter, now, batch, ix, ahead);
        }
        if sender.is_idle(now, action.idle_max[0])
            | receiver.is_idle(now, action.idle_max[1])
            | (ahead.ip_len > action.ip_len_max)
        {
            return false;
        }
        cell.records[0].seen = now;
        cell.records[1].seen = now;
        deliver(action, meter, batch, ix, ahead.ip_len);
        true
    }

    /// The same, wherever the records are.
    #[inline(never)]
    fn repeat_elsewhere(
        &mut self,
        meter: &mut Meter,
        now: Moment,
        batch: &mut Batch,
        ix: usize,
        ahead: &Ahead,
    ) -> bool {
        let side = usize::from(ahead.side);
        let end = End { key: ahead.key, owner: ahead.nic.0, side };
        let records = &mut self.switches.flows.v4;
        let Some(sender) = records.find(ahead.hash, &end) else { return false };
        let Some(note) = self.notes.get(records.cell(sender).key.note()) else { return false };
        let action = &note[side];
        // Usually on the other side of the same cell.
        let mut receiver = sender ^ 1;
        if records.record(receiver).owner() != action.nic.0 {
            let other_end = End { owner: action.nic.0, side: side ^ 1, ..end };
            let Some(found) = records.find(ahead.hash, &other_end) else { return false };
            receiver = found;
        }
        if records.record(sender).is_idle(now, action.idle_max[0])
            || records.record(receiver).is_idle(now, action.idle_max[1])
            || records.record(receiver).is_closing() // its own cell has no note, the sender's may
            || ahead.ip_len > action.ip_len_max
        {
            return false;
        }
        records.record_mut(sender).seen = now;
        records.record_mut(receiver).seen = now;
        deliver(action, meter, batch, ix, ahead.ip_len);
        true
    }

    /// A frame that repeats nothing. Where there is one there are more, so this asks for what a later one may write.
    #[inline(never)]
    fn first<O: Observer>(
        &mut self,
        cx: &mut Context<'_, O>,
        batch: &mut Batch,
        ix: usize,
        (present, later): (&Ahead, u64),
        (tag, traced): (PacketTag, bool),
    ) {
        self.switches.flows.v4.fetch_aside(later);
        if !(present.common && self.admit(cx, batch, ix, present)) {
            batch.verdicts[ix] = self.decide(cx, batch, ix, tag, traced);
        }
    }

    /// Does with the first frame of a connection what was done with others between its addresses.
    #[inline]
    fn admit<O: Observer>(
        &mut self,
        cx: &mut Context<'_, O>,
        batch: &mut Batch,
        ix: usize,
        ahead: &Ahead,
    ) -> bool {
        let (nic, side) = (ahead.nic, usize::from(ahead.side & 1));
        let (src_port, dst_port) = ahead.key.ports(side);
        let Some(number) = self.pairs.note(&Pair::of(ahead.key, nic.0, side), dst_port) else { return false };
        let Some(note) = self.notes.get(number) else { return false };
        let action = &note[side];
        // A note may speak for answers too.
        let reserved = ahead.key.protocol() == IpProtocol::UDP
            && (filter::may_be_reserved(src_port, dst_port) || filter::may_be_reserved(dst_port, src_port));
        if reserved || ahead.ip_len > action.ip_len_max {
            return false;
        }
        let tables = cx.tables;
        let opened = self.switches.flows.open_both(
            cx.now,
            ([nic.0, action.nic.0], action.idle_max),
            |nic| nsg::nic_idle_max(tables, nic),
            (ahead.key.with_note(number), ahead.hash, side),
        );
        if opened {
            deliver(action, cx.meter, batch, ix, ahead.ip_len);
        }
        opened
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
        self.decided += 1;
        let id = PacketId(self.packets + ix as u64);
        let packet = match &mut self.packet {
            Some(packet) => {
                batch.read(ix, &mut packet.frame);
                parse(&packet.frame).map(|headers| {
                    packet.renew(id, tag, traced, headers);
                    packet
                })
            }
            none => {
                let mut frame = Vec::new();
                batch.read(ix, &mut frame);
                Packet::new(id, tag, traced, frame).map(|packet| none.insert(packet))
            }
        };
        let Ok(packet) = packet else { return Verdict::Unreadable };
        let nic = batch.nic(ix);
        let (own, workers) = self.worker;
        let verdict = match self.switches.egress(cx, nic, packet) {
            Err(reason) => Verdict::Dropped(reason),
            Ok(leg) => match leg.end {
                LegEnd::Nic(_) if workers > 1 && worker_of(&packet.headers.flow_key(), workers) != own => {
                    batch.handed.push(Handed { leg, packet: packet.clone() });
                    Verdict::HandedOver
                }
                LegEnd::Nic(to) => match self.switches.ingress(cx, leg.origin, to, packet) {
                    Ok(()) => Verdict::Delivered(to),
                    Err(reason) => Verdict::Dropped(reason),
                },
                _ => {
                    batch.legs.push((ix as u16, leg));
                    Verdict::Leaves
                }
            },
        };
        batch.write(ix, &packet.frame);
        if let Verdict::Delivered(to) = verdict {
            self.remember(cx.tables, nic, to);
        }
        verdict
    }

    /// The receiver's half of the way of a packet that another worker handed over.
    pub fn receive<O: Observer>(&mut self, cx: &mut Context<'_, O>, handed: &mut Handed) -> Verdict {
        self.refresh(cx.tables);
        let LegEnd::Nic(to) = handed.leg.end else { return Verdict::Leaves };
        match self.switches.ingress(cx, handed.leg.origin, to, &mut handed.packet) {
            Ok(()) => Verdict::Delivered(to),
            Err(reason) => Verdict::Dropped(reason),
        }
    }

    /// Notes in the sender's record what became of the present packet.
    fn remember(&mut self, tables: &Tables, from: NicId, to: NicId) {
        let Some(packet) = &self.packet else { return };
        let common = matches!(packet.headers.l4, L4::Tcp { .. } | L4::Udp { .. });
        if !self.repeats
            || !common
            || packet.alike == Alike::None
            || packet.fragmented
            || packet.headers.fragment.is_some()
            || tables.nics[from.ix()].is_limited()
        {
            return;
        }
        let AnyEnd::V4(end) = AnyEnd::new(from.0, Direction::Outbound, &packet.headers.flow_key()) else {
            return;
        };
        let Some(at) = self.switches.flows.v4.find(end.key.hash(), &end) else { return };
        let (sender, receiver) = (tables.nics[from.ix()].vnet, tables.nics[to.ix()].vnet);
        let mac = tables.nics[to.ix()].mac;
        let action = Action {
            nic: to,
            ip_len_max: mtu::whole_max(tables, sender, LegEnd::Nic(to)),
            macs: std::array::from_fn(|at| if at < 6 { mac[at] } else { FABRIC_MAC[at - 6] }),
            link: peering::link(tables, Origin::Subnet(tables.nics[from.ix()].subnet), receiver)
                .unwrap_or(NO_LINK),
            idle_max: [from, to].map(|nic| Moment::steps(nsg::nic_idle_max(tables, nic.0))),
        };
        let cell = self.switches.flows.v4.cell_mut(at);
        if cell.is_closing() {
            return;
        }
        let mut note = self.notes.get(cell.key.note()).copied().unwrap_or([Action::NONE; 2]);
        note[end.side] = action;
        let number = self.notes.number(note);
        cell.key = cell.key.with_note(number);
        // A note speaks for the NICs whose records stand beside it.
        let together = cell.records[end.side ^ 1].owner() == to.0;
        if packet.alike == Alike::Pair && number != 0 && together {
            let pair = |nic: NicId, side| Pair::of(end.key, nic.0, side);
            let key = packet.headers.flow_key();
            self.pairs.learn(pair(from, end.side), number, || nsg::open_ports(tables, from, to, &key));
            if note[end.side ^ 1] != Action::NONE {
                self.pairs.complete(&pair(to, end.side ^ 1), number);
            }
        }
    }
}

/// Which of `workers` has the connection that packets with `key` belong to; both directions have one.
pub fn worker_of(key: &FlowKey, workers: usize) -> usize {
    let hash = match AnyEnd::new(0, Direction::Outbound, key) {
        AnyEnd::V4(end) => end.key.hash(),
        AnyEnd::V6(end) => end.key.hash(),
    };
    // Lines are chosen by the low bits.
    ((hash >> 32) as usize) % workers.max(1)
}

#[inline(always)]
fn deliver(action: &Action, meter: &mut Meter, batch: &mut Batch, ix: usize, ip_len: u16) {
    meter.count(action.link, ip_len);
    batch.head_mut(ix)[..12].copy_from_slice(&action.macs);
    batch.verdicts[ix] = Verdict::Delivered(action.nic);
}
