//! The spine: which stage follows which. Part 11 of the semantics, stages 1 to 11.
//!
//! A packet that leaves a guest goes through [`Switch::egress`] at the switch of its NIC's network,
//! which ends in a [`Leg`] or a drop; the leg ends in [`Switch::ingress`] at the receiving NIC's
//! switch, which ends in a delivery to the guest or a drop. The guest is stage 12 and lives in `sim`.

use vnetsim_packet::{Mac, set_macs};
use vnetsim_types::{Direction, DropReason, NicId, Observer, Place, SimTime, Step};

use crate::{
    FlowTable, Leg, Origin, Packet, Tables,
    stages::{antispoof, filter, nsg, peering, route},
};

/// FAB-02: the one MAC address that guests see as their neighbour, whoever it is.
pub const FABRIC_MAC: Mac = [0x12, 0x34, 0x56, 0x78, 0x9a, 0xbc];

/// What a stage may use: the time, the tables, and somebody to tell.
pub struct Context<'a, O: Observer> {
    /// Virtual time.
    pub now: SimTime,
    /// The compiled network.
    pub tables: &'a Tables,
    /// Told of every decision on a traced packet.
    pub observer: &'a mut O,
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

/// The virtual switch of one virtual network. Owns the flow records of the network's NICs.
#[derive(Clone, Debug, Default)]
pub struct Switch {
    flows: FlowTable,
    epoch: u32,
}

impl Switch {
    /// A packet leaves the guest behind `nic`: stages 1 to 8.
    pub fn egress<O: Observer>(
        &mut self,
        cx: &mut Context<'_, O>,
        nic: NicId,
        packet: &mut Packet,
    ) -> Result<Leg, DropReason> {
        self.refresh(cx.tables);
        let verdict = self.egress_stages(cx, nic, packet);
        cx.report_drop(packet, Place::Nic(nic), &verdict);
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
        filter::check(tables, port, packet)?;
        antispoof::egress(port, packet)?;
        nsg::check(cx, &mut self.flows, nic, Direction::Outbound, packet)?;
        let next_hop = route::choose(cx, port.subnet, packet)?;
        let end = route::resolve(cx, port.vnet, Some(nic), next_hop, packet)?;
        Ok(Leg { origin: Origin::Vnet(port.vnet), end })
    }

    /// A leg from `origin` ends at `nic`: stages 9 to 11.
    pub fn ingress<O: Observer>(
        &mut self,
        cx: &mut Context<'_, O>,
        origin: Origin,
        nic: NicId,
        packet: &mut Packet,
    ) -> Result<(), DropReason> {
        self.refresh(cx.tables);
        let verdict = self.ingress_stages(cx, origin, nic, packet);
        cx.report_drop(packet, Place::Nic(nic), &verdict);
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
        peering::cross(cx, origin, nic, packet)?;
        nsg::check(cx, &mut self.flows, nic, Direction::Inbound, packet)?;
        antispoof::ingress(port, packet)?;
        set_macs(&mut packet.frame, &mut packet.headers, FABRIC_MAC, port.mac);
        Ok(())
    }

    /// Takes note of a new set of tables. NSG-14: open flows stay unless the switch says `flush`.
    fn refresh(&mut self, tables: &Tables) {
        if self.epoch != tables.epoch {
            self.epoch = tables.epoch;
            if tables.settings.flush_flows {
                self.flows.clear();
            }
        }
    }

    /// Flow records held.
    pub fn flow_records(&self) -> usize {
        self.flows.len()
    }
}
