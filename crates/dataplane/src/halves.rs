//! Packets of a simulation: what the stages decided about a half of a way, repeated for the next packet.
//!
//! Owns the notes of [`Switches::repeating`]: what became of the packets that each end of a connection sent, and of
//! those that arrived for it. A half of a packet's way at one end asks that end's flow record and nothing else, so the
//! other half may happen later, at other switches, by other tables. Called by `pipeline` before the stages and after
//! them. This file decides nothing: it repeats, for one epoch of the tables. Costs 20 ns or so while records are in the
//! caches; noting costs a search and a hash.
//!
//! Left to the stages, every time: traced packets, all but TCP and UDP over IPv4, fragments and what is larger than
//! its path carries whole, ends of connections, what balancers and the edge translate, legs that end
//! elsewhere than at a NIC or a gateway. A VM's bandwidth limit is charged here as there.

use vnetsim_packet::{L4, Mac, TcpFlags, set_macs};
use vnetsim_types::{Direction, DropReason, GatewayId, NicId, Observer, PeeringId, SimTime, SubnetId};

use crate::{
    Context, FABRIC_MAC, Leg, LegEnd, Origin, Packet, Switches, Tables,
    flow::{AnyEnd, End, Key, Key4, Moment},
    notes::Notes,
    packet::Alike,
    stages::{
        mtu, nsg,
        peering::{self, NO_LINK},
    },
};

/// What became of the packets of both ends, by side.
type Note = [Fate; 2];

/// What became of the packets of one end, by what it noted of them.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
struct Fate {
    sent: Sent,
    received: Received,
    /// How long its record lives without packets, in steps.
    idle_max: u32,
}

/// A packet that it sent.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
struct Sent {
    from: SubnetId,
    to: To,
    /// Largest packet that fares alike; 0 while nothing is known.
    ip_len_max: u16,
    /// Its VM's bandwidth has a limit.
    limited: bool,
}

/// The leg's end, where that is a place whose packets may be alike.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
enum To {
    Nic(NicId),
    Gateway(GatewayId),
}

/// A packet that arrived for it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
struct Received {
    /// Where the leg came from; `None` while nothing is known.
    from: Option<Origin>,
    /// The receiving network's link, where it crossed one: counts bytes (PEER-39).
    link: PeeringId,
    mac: Mac,
}

impl Sent {
    #[inline(always)]
    fn leg(&self) -> Leg {
        let end = match self.to {
            To::Nic(nic) => LegEnd::Nic(nic),
            To::Gateway(gateway) => LegEnd::Gateway(gateway),
        };
        Leg { origin: Origin::Subnet(self.from), end }
    }
}

impl Fate {
    const UNKNOWN: Self = Self {
        sent: Sent { from: SubnetId(0), to: To::Nic(NicId(0)), ip_len_max: 0, limited: false },
        received: Received { from: None, link: NO_LINK, mac: [0; 6] },
        idle_max: 0,
    };
}

/// What [`Switches`] repeat.
#[derive(Clone, Debug, Default)]
pub(crate) struct Halves {
    /// False: nothing.
    on: bool,
    notes: Notes<Note>,
    repeated: u64,
    pub(crate) decided: u64,
}

/// An end that a packet passes and that notes may speak for, with its hash.
pub(crate) type Known = (End<Key4>, u64);

impl Switches {
    /// Switches that repeat what the stages decided for earlier packets of a connection. What becomes of packets, and
    /// all that can be observed of these switches but the time it takes, is as with others.
    pub fn repeating() -> Self {
        let mut switches = Self::default();
        switches.halves.on = true;
        switches
    }

    /// Halves of ways so far: how many were repeated, and how many went through the stages.
    pub fn counts(&self) -> (u64, u64) {
        (self.halves.repeated, self.halves.decided)
    }

    /// Asks for the records of a packet that will soon leave or reach a NIC, so that they are there by then.
    #[inline]
    pub fn fetch(&self, packet: &Packet) {
        if let AnyEnd::V4(end) = AnyEnd::new(0, Direction::Outbound, &packet.headers.flow_key()) {
            self.flows.v4.fetch(end.key.hash());
        }
    }

    /// What an epoch's stages decided does not hold for the next.
    pub(crate) fn forget_halves(&mut self) {
        self.halves.notes.renew(&mut self.flows);
    }

    /// The end at `nic` that `packet` passes in `direction`, if notes may speak for such packets.
    #[inline(always)]
    pub(crate) fn known<O: Observer>(
        &self,
        nic: NicId,
        direction: Direction,
        packet: &Packet,
    ) -> Option<Known> {
        let headers = &packet.headers;
        let common = match headers.l4 {
            L4::Tcp { flags, .. } => flags.0 & (TcpFlags::FIN.0 | TcpFlags::RST.0) == 0,
            L4::Udp { .. } => true,
            _ => false,
        };
        let watched = O::ENABLED && packet.traced;
        let odd = packet.fragmented | headers.fragment.is_some() | packet.entered.is_some();
        if !self.halves.on | !common | watched | odd {
            return None;
        }
        let AnyEnd::V4(end) = AnyEnd::new(nic.0, direction, &headers.flow_key()) else { return None };
        Some((end, end.key.hash()))
    }

    /// Does with a packet that leaves `nic` what was done with the last one of its connection, if that is known.
    #[inline(always)]
    pub(crate) fn repeat_egress<O: Observer>(
        &mut self,
        cx: &Context<'_, O>,
        nic: NicId,
        (end, hash): &Known,
        packet: &mut Packet,
    ) -> Option<Result<Leg, DropReason>> {
        let at = self.flows.v4.find(*hash, end)?;
        let cell = self.flows.v4.cell_mut(at);
        let Fate { sent, idle_max, .. } = &self.halves.notes.get(cell.key.note())?[end.side & 1];
        let (record, now) = (&mut cell.records[end.side & 1], Moment::of(cx.now));
        if packet.headers.ip_len > sent.ip_len_max || record.is_idle(now, *idle_max) {
            return None;
        }
        record.seen = now;
        self.halves.repeated += 1;
        let leg = sent.leg();
        let charged = match sent.limited {
            true => self.buckets.charge(cx.now, &cx.tables.nics[nic.ix()], packet),
            false => Ok(()),
        };
        Some(charged.map(|()| leg))
    }

    /// The leg that [`egress`](Self::egress) would choose a moment later for a packet that leaves `nic` then, if that is
    /// known already and nothing in between can change it: no other tables, no limit on the VM's bandwidth, no other step
    /// of the time that records count. The record is in use then, as after `egress`.
    #[inline]
    pub fn egress_ahead<O: Observer>(
        &mut self,
        cx: &Context<'_, O>,
        later: SimTime,
        nic: NicId,
        packet: &Packet,
    ) -> Option<Leg> {
        if !self.is_present(cx.tables) || Moment::of(cx.now) != Moment::of(later) {
            return None;
        }
        let (end, hash) = self.known::<O>(nic, Direction::Outbound, packet)?;
        let at = self.flows.v4.find(hash, &end)?;
        let cell = self.flows.v4.cell_mut(at);
        let Fate { sent, idle_max, .. } = &self.halves.notes.get(cell.key.note())?[end.side & 1];
        let (record, now) = (&mut cell.records[end.side & 1], Moment::of(cx.now));
        if packet.headers.ip_len > sent.ip_len_max || record.is_idle(now, *idle_max) || sent.limited {
            return None;
        }
        record.seen = now;
        self.halves.repeated += 1;
        Some(sent.leg())
    }

    /// The same with a packet that reaches a NIC on a leg from `origin`.
    #[inline(always)]
    pub(crate) fn repeat_ingress<O: Observer>(
        &mut self,
        cx: &mut Context<'_, O>,
        origin: Origin,
        (end, hash): &Known,
        packet: &mut Packet,
    ) -> Option<()> {
        let at = self.flows.v4.find(*hash, end)?;
        let cell = self.flows.v4.cell_mut(at);
        let Fate { received, idle_max, .. } = &self.halves.notes.get(cell.key.note())?[end.side & 1];
        let (record, now) = (&mut cell.records[end.side & 1], Moment::of(cx.now));
        if received.from != Some(origin) || record.is_idle(now, *idle_max) {
            return None;
        }
        record.seen = now;
        self.halves.repeated += 1;
        if received.link != NO_LINK {
            cx.meter.fit(cx.tables.links.len());
            cx.meter.count(received.link, packet.headers.ip_len);
        }
        set_macs(&mut packet.frame, &mut packet.headers, FABRIC_MAC, received.mac);
        Some(())
    }

    /// Notes the leg that the stages chose for a packet that leaves `nic`.
    pub(crate) fn remember_sent(
        &mut self,
        tables: &Tables,
        nic: NicId,
        known: &Known,
        packet: &Packet,
        leg: Leg,
    ) {
        let to = match leg.end {
            LegEnd::Nic(nic) => To::Nic(nic),
            LegEnd::Gateway(gateway) => To::Gateway(gateway),
            _ => return,
        };
        if packet.alike == Alike::None || packet.fragmented {
            return;
        }
        let port = &tables.nics[nic.ix()];
        let ip_len_max = mtu::whole_max(tables, port.vnet, leg.end);
        let sent = Sent { from: port.subnet, to, ip_len_max, limited: port.is_limited() };
        self.note(tables, nic, known, |fate| fate.sent = sent);
    }

    /// Notes that the stages let a packet on a leg from `origin` pass to `nic`.
    pub(crate) fn remember_received(
        &mut self,
        tables: &Tables,
        nic: NicId,
        known: &Known,
        packet: &Packet,
        origin: Origin,
    ) {
        if packet.alike == Alike::None {
            return;
        }
        let port = &tables.nics[nic.ix()];
        let link = peering::link(tables, origin, port.vnet).unwrap_or(NO_LINK);
        let received = Received { from: Some(origin), link, mac: port.mac };
        self.note(tables, nic, known, |fate| fate.received = received);
    }

    /// Writes to the note at the record of an end, which is the one at `nic`.
    fn note(&mut self, tables: &Tables, nic: NicId, (end, hash): &Known, write: impl FnOnce(&mut Fate)) {
        let Some(at) = self.flows.v4.find(*hash, end) else { return };
        let cell = self.flows.v4.cell_mut(at);
        if cell.is_closing() {
            return;
        }
        let known = self.halves.notes.get(cell.key.note()).copied();
        let mut note = known.unwrap_or([Fate::UNKNOWN; 2]);
        let fate = &mut note[end.side & 1];
        fate.idle_max = Moment::steps(nsg::nic_idle_max(tables, nic.0));
        write(fate);
        cell.key = cell.key.with_note(self.halves.notes.number(note));
    }
}
