//! Flow records: what makes NSGs stateful (NSG-13, NSG-14, FLOW-01).
//!
//! One record per NIC and connection, found by packets of both directions, with one lifetime. A
//! record only says that the NSGs of this NIC need not be asked; routes are looked up per packet
//! (RT-34). Owned by a switch. Full is an ordinary answer (FLOW-02).

use std::{collections::HashMap, hash::Hash};

use vnetsim_types::{Direction, FlowKey, FlowState, NicId, SimTime, limits::FLOW_RECORDS_PER_NIC_MAX};

use vnetsim_packet::{L4, TcpFlags};

use crate::Entered;

/// Flow records of the NICs, or the private endpoints, of one virtual network.
#[derive(Clone, Debug)]
pub struct FlowTable<Owner = NicId> {
    records: HashMap<(Owner, FlowKey), Record>,
    held: HashMap<Owner, usize>,
}

impl<Owner> Default for FlowTable<Owner> {
    fn default() -> Self {
        Self { records: HashMap::new(), held: HashMap::new() }
    }
}

#[derive(Clone, Copy, Debug)]
struct Record {
    state: FlowState,
    last_seen: SimTime,
    /// FIN seen from the local side, from the remote side.
    fin: [bool; 2],
    closed: bool,
    entered: Option<Entered>,
}

/// What a live record says about a packet.
#[derive(Clone, Copy, Debug)]
pub struct Hit {
    /// The record, for whoever watches.
    pub state: FlowState,
    /// The translation that answers of this connection undo.
    pub entered: Option<Entered>,
}

/// The table has no room for another record of this owner.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Full;

/// The key as the NIC's own side sees it: source local, destination remote.
fn local_key(direction: Direction, key: FlowKey) -> FlowKey {
    match direction {
        Direction::Outbound => key,
        Direction::Inbound => key.reversed(),
    }
}

impl<Owner: Copy + Eq + Hash> FlowTable<Owner> {
    /// The live record that a packet belongs to. U-13: records end by RST, by FIN from both sides, or idle.
    pub fn hit(
        &mut self,
        now: SimTime,
        idle_max: SimTime,
        owner: Owner,
        direction: Direction,
        key: FlowKey,
        l4: &L4,
    ) -> Option<Hit> {
        let slot = (owner, local_key(direction, key));
        let record = self.records.get_mut(&slot)?;
        if record.closed || now.since(record.last_seen) > idle_max {
            self.records.remove(&slot);
            *self.held.entry(owner).or_default() -= 1;
            return None;
        }
        record.last_seen = now;
        record.note(direction, l4);
        Some(Hit { state: record.state, entered: record.entered })
    }

    /// Adds a record for a packet that the NSGs of `owner` let pass.
    pub fn open(
        &mut self,
        now: SimTime,
        idle_max: SimTime,
        owner: Owner,
        direction: Direction,
        key: FlowKey,
        l4: &L4,
        entered: Option<Entered>,
    ) -> Result<(), Full> {
        let count = self.held.entry(owner).or_default();
        if *count >= FLOW_RECORDS_PER_NIC_MAX {
            self.records
                .retain(|(other, _), r| *other != owner || !(r.closed || now.since(r.last_seen) > idle_max));
            *count = self.records.keys().filter(|(other, _)| *other == owner).count();
            if *count >= FLOW_RECORDS_PER_NIC_MAX {
                return Err(Full);
            }
        }
        *count += 1;
        let state = FlowState { created: now, opened: direction };
        let mut record = Record { state, last_seen: now, fin: [false; 2], closed: false, entered };
        record.note(direction, l4);
        self.records.insert((owner, local_key(direction, key)), record);
        Ok(())
    }

    /// Ends every record (NSG-14 `flush`).
    pub fn clear(&mut self) {
        self.records.clear();
        self.held.clear();
    }

    /// Records held, expired ones included.
    pub fn len(&self) -> usize {
        self.records.len()
    }

    /// True when no record is held.
    pub fn is_empty(&self) -> bool {
        self.records.is_empty()
    }
}

impl Record {
    fn note(&mut self, direction: Direction, l4: &L4) {
        if let L4::Tcp { flags, .. } = l4 {
            self.fin[usize::from(direction == Direction::Inbound)] |= flags.contains(TcpFlags::FIN);
            self.closed |= flags.contains(TcpFlags::RST) || self.fin == [true, true];
        }
    }
}
