//! The spine: which stage follows which. Part 11 of the semantics, stages 1 to 11.
//!
//! A packet that leaves a guest goes through [`Switches::egress`] at the switch of its NIC's network,
//! which ends in a [`Leg`] or a drop; the leg ends in [`Switches::ingress`] at the receiving NIC's
//! switch, which ends in a delivery to the guest or a drop. The guest is stage 12 and lives in `sim`.
//! Called for each packet by `sim`, and by `fast` for what it cannot repeat; [`Switches::repeating`] ask `halves` first.

use rustc_hash::FxHashMap;

use vnetsim_packet::{Mac, set_macs, set_source};
use vnetsim_types::{
    Direction, DropReason, FlowKey, NicId, Observer, Place, PrivateEndpointId, SimTime, Step,
};

use crate::{
    Backends, Entered, FlowTable, HandedBy, Leg, LegEnd, LiveFlows, Meter, Origin, Packet, Tables,
    halves::{Halves, Known},
    packet::Alike,
    stages::{
        antispoof,
        bandwidth::Buckets,
        filter, mtu, nsg, peering,
        route::{self, Sender},
    },
};

/// FAB-02: the one MAC address that guests see as their neighbour, whoever it is.
pub const FABRIC_MAC: Mac = [0x12, 0x34, 0x56, 0x78, 0x9a, 0xbc];

/// Most requests whose way is remembered; the answers to others ask the routes.
const HANDED_MAX: usize = 1 << 20;

/// What a stage may use: the time, the tables, and somebody to tell.
pub struct Context<'a, O: Observer> {
    /// Virtual time.
    pub now: SimTime,
    /// The compiled network.
    pub tables: &'a Tables,
    /// Told of every decision on a traced packet.
    pub observer: &'a mut O,
    /// Counts what crosses peerings.
    pub meter: &'a mut Meter,
}

impl<O: Observer> Context<'_, O> {
    /// Reports `step` if anybody asked for this packet.
    #[inline]
    pub fn report(&mut self, packet: &Packet, step: Step) {
        if O::ENABLED && packet.traced {
            self.observer.step(packet.id, self.now, step);
        }
    }

    /// Reports the end of a packet that died at `at`.
    pub fn report_drop<T>(&mut self, packet: &Packet, at: Place, verdict: &Result<T, DropReason>) {
        if let Err(reason) = verdict {
            self.report(packet, Step::Dropped { at, reason: *reason });
        }
    }
}

/// The virtual switches of the virtual networks of one worker. They own the flow records of the networks' NICs,
/// what the VMs may still send, and where balancers sent their connections; all of it belongs to one NIC, VM or
/// network, so that any share of the networks makes one worker's switches.
#[derive(Clone, Debug, Default)]
pub struct Switches {
    pub(crate) flows: FlowTable,
    endpoint_flows: FlowTable,
    /// Who handed requests to private endpoints, by what the answers look like.
    handed: FxHashMap<(PrivateEndpointId, FlowKey), HandedBy>,
    backends: Backends,
    pub(crate) buckets: Buckets,
    pub(crate) halves: Halves,
    epoch: u32,
}

impl Switches {
    /// A packet leaves the guest behind `nic`: stages 1 to 8.
    #[inline]
    pub fn egress<O: Observer>(
        &mut self,
        cx: &mut Context<'_, O>,
        nic: NicId,
        packet: &mut Packet,
    ) -> Result<Leg, DropReason> {
        self.refresh(cx.now, cx.tables);
        packet.wait = SimTime::ZERO;
        let known = self.known::<O>(nic, Direction::Outbound, packet);
        match known.as_ref().and_then(|known| self.repeat_egress(cx, nic, known, packet)) {
            Some(verdict) => verdict,
            None => self.decide_egress(cx, nic, known, packet),
        }
    }

    #[inline(never)]
    fn decide_egress<O: Observer>(
        &mut self,
        cx: &mut Context<'_, O>,
        nic: NicId,
        known: Option<Known>,
        packet: &mut Packet,
    ) -> Result<Leg, DropReason> {
        self.halves.decided += 1;
        packet.alike = Alike::Pair;
        let verdict = self.egress_stages(cx, nic, packet);
        cx.report_drop(packet, Place::Nic(nic), &verdict);
        if let (Some(known), Ok(leg)) = (known, verdict) {
            self.remember_sent(cx.tables, nic, &known, packet, leg);
        }
        verdict
    }

    fn egress_stages<O: Observer>(
        &mut self,
        cx: &mut Context<'_, O>,
        nic: NicId,
        packet: &mut Packet,
    ) -> Result<Leg, DropReason> {
        let tables = cx.tables;
        let port = &tables.nics[nic.ix()];
        let origin = Origin::Subnet(port.subnet);
        filter::check(tables, port, packet)?;
        antispoof::egress(port, packet)?;
        if filter::is_platform(packet.headers.dst) {
            nsg::check_platform(cx, &mut self.flows, nic, packet)?;
            return Ok(Leg { origin, end: LegEnd::Platform(nic) });
        }
        let entered = nsg::check(cx, &mut self.flows, nic, Direction::Outbound, packet)?;
        self.buckets.charge(cx.now, port, packet)?;
        answer_as_frontend(cx, nic, entered, packet);
        mtu::fabric(tables, packet);
        let next_hop = route::choose(cx, port.subnet, &tables.subnets[port.subnet.ix()].lpm, packet)?;
        let sender = Sender { vnet: port.vnet, nic: Some(nic), entered };
        let end = route::resolve(cx, &mut self.backends, sender, next_hop, packet)?;
        if let LegEnd::PrivateEndpoint(_) = end {
            // FE-33: an appliance that hands on what comes from another network.
            let foreign = !tables.vnets[port.vnet.ix()].owners.contains_key(&packet.headers.src);
            packet.handed_by = foreign.then_some(HandedBy::Nic(nic));
        }
        mtu::check(tables, port.vnet, end, packet)?;
        Ok(Leg { origin, end })
    }

    /// A leg from `origin` ends at `nic`: stages 9 to 11.
    #[inline]
    pub fn ingress<O: Observer>(
        &mut self,
        cx: &mut Context<'_, O>,
        origin: Origin,
        nic: NicId,
        packet: &mut Packet,
    ) -> Result<(), DropReason> {
        self.refresh(cx.now, cx.tables);
        let known = self.known::<O>(nic, Direction::Inbound, packet);
        match known.as_ref().and_then(|known| self.repeat_ingress(cx, origin, known, packet)) {
            Some(()) => Ok(()),
            None => self.decide_ingress(cx, origin, nic, known, packet),
        }
    }

    #[inline(never)]
    fn decide_ingress<O: Observer>(
        &mut self,
        cx: &mut Context<'_, O>,
        origin: Origin,
        nic: NicId,
        known: Option<Known>,
        packet: &mut Packet,
    ) -> Result<(), DropReason> {
        self.halves.decided += 1;
        let so_far = std::mem::replace(&mut packet.alike, Alike::Pair);
        let verdict = self.ingress_stages(cx, origin, nic, packet);
        cx.report_drop(packet, Place::Nic(nic), &verdict);
        if let (Some(known), Ok(())) = (known, verdict) {
            self.remember_received(cx.tables, nic, &known, packet, origin);
        }
        packet.only(so_far);
        verdict
    }

    fn ingress_stages<O: Observer>(
        &mut self,
        cx: &mut Context<'_, O>,
        origin: Origin,
        nic: NicId,
        packet: &mut Packet,
    ) -> Result<(), DropReason> {
        let port = &cx.tables.nics[nic.ix()];
        peering::cross(cx, origin, port.subnet, packet)?;
        nsg::closed_to_the_outside(cx, origin, nic, packet)?;
        nsg::check(cx, &mut self.flows, nic, Direction::Inbound, packet)?;
        packet.entered = None;
        antispoof::ingress(port, packet)?;
        set_macs(&mut packet.frame, &mut packet.headers, FABRIC_MAC, port.mac);
        Ok(())
    }

    /// A leg from `origin` ends at a private endpoint of this network.
    pub fn ingress_endpoint<O: Observer>(
        &mut self,
        cx: &mut Context<'_, O>,
        origin: Origin,
        id: PrivateEndpointId,
        packet: &mut Packet,
    ) -> Result<(), DropReason> {
        self.refresh(cx.now, cx.tables);
        let subnet = cx.tables.endpoints[id.ix()].subnet;
        let verdict = peering::cross(cx, origin, subnet, packet)
            .and_then(|()| nsg::check_endpoint(cx, &mut self.endpoint_flows, id, packet));
        if verdict.is_ok() {
            let answer = (id, packet.headers.flow_key().reversed());
            match packet.handed_by {
                Some(_) if self.handed.len() >= HANDED_MAX => None,
                Some(by) => self.handed.insert(answer, by),
                None => self.handed.remove(&answer),
            };
        }
        cx.report_drop(packet, Place::PrivateEndpoint(id), &verdict);
        verdict
    }

    /// A private endpoint answers: to the appliance or gateway that handed the request on (FE-33), else by the routes
    /// of its subnet without user-defined ones; no filter (NSG-25).
    pub fn egress_endpoint<O: Observer>(
        &mut self,
        cx: &mut Context<'_, O>,
        id: PrivateEndpointId,
        packet: &mut Packet,
    ) -> Result<Leg, DropReason> {
        packet.wait = SimTime::ZERO;
        let table = &cx.tables.endpoints[id.ix()];
        let sender = Sender { vnet: table.vnet, nic: None, entered: None };
        let verdict = match self.handed.get(&(id, packet.headers.flow_key())) {
            Some(by) => Ok(LegEnd::from(*by)),
            None => route::choose(cx, table.subnet, &table.lpm, packet)
                .and_then(|next_hop| route::resolve(cx, &mut self.backends, sender, next_hop, packet)),
        };
        let tables = cx.tables;
        let verdict = verdict.and_then(|end| mtu::check(tables, table.vnet, end, packet).map(|()| end));
        cx.report_drop(packet, Place::PrivateEndpoint(id), &verdict);
        verdict.map(|end| Leg { origin: Origin::Subnet(table.subnet), end })
    }

    /// Takes note of a new set of tables (NSG-14).
    #[inline(always)]
    fn refresh(&mut self, now: SimTime, tables: &Tables) {
        if self.epoch != tables.epoch {
            self.begin_epoch(now, tables);
        }
    }

    /// True when `tables` are those that the last packet met.
    #[inline]
    pub(crate) fn is_present(&self, tables: &Tables) -> bool {
        self.epoch == tables.epoch
    }

    #[inline(never)]
    fn begin_epoch(&mut self, now: SimTime, tables: &Tables) {
        self.epoch = tables.epoch;
        self.forget_halves();
        for flows in [&mut self.flows, &mut self.endpoint_flows] {
            match tables.settings.live_flows {
                LiveFlows::Keep => {}
                LiveFlows::Resimulate => flows.doubt(now),
                LiveFlows::Flush => flows.clear(),
            }
        }
    }

    /// Flow records held.
    pub fn flow_records(&self) -> usize {
        self.flows.len()
    }
}

/// LB-03: an answer to a connection that came by a frontend leaves with the frontend's address.
fn answer_as_frontend<O: Observer>(
    cx: &mut Context<'_, O>,
    nic: NicId,
    entered: Option<Entered>,
    packet: &mut Packet,
) {
    let Some(entered) = entered.filter(|e| !e.edge) else { return };
    packet.only(Alike::None);
    if set_source(&mut packet.frame, &mut packet.headers, entered.address, entered.port).is_ok() {
        cx.report(packet, Step::Rewritten { nic, key: packet.headers.flow_key() });
    }
}
