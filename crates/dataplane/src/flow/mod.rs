//! Flow records: what makes NSGs stateful (NSG-13, NSG-14, FLOW-01).
//!
//! One record per end (NIC or private endpoint) and connection, found by packets of both directions, with one
//! lifetime. A record says that the NSGs of this end need not be asked. Beside it, for `fast` or `halves`, stands a note of what
//! became of the connection's packets. Owned by the switches; expiry costs in proportion to what expires. Full is an
//! ordinary answer (FLOW-02).

mod key;
mod store;
mod wheel;

use rustc_hash::FxHashMap;

pub(crate) use key::{AnyEnd, End, Key, Key4, NOTES_MAX};
pub(crate) use store::{Line, Moment};

use store::{Record, Store};
use vnetsim_packet::{L4, TcpFlags};
use vnetsim_types::{Direction, FlowKey, FlowState, SimTime, limits::FLOW_RECORDS_PER_NIC_MAX};

use crate::Entered;

/// Records that each packet of a new connection looks at, to see whether they are idle by now.
const VISITS: usize = 4;

pub(crate) mod flags {
    //! Of a record.

    /// The packet that opened it went towards the guest.
    pub(crate) const INBOUND: u8 = 1;
    /// FIN seen from the local side.
    pub(crate) const FIN_OUT: u8 = 2;
    /// FIN seen from the remote side.
    pub(crate) const FIN_IN: u8 = 4;
    /// Answers undo a translation.
    pub(crate) const ENTERED: u8 = 8;
}

/// Flow records of the NICs, or the private endpoints, of the virtual networks of one worker.
#[derive(Clone, Debug, Default)]
pub struct FlowTable {
    pub(crate) v4: Store<Key4>,
    v6: Store<key::Key6>,
    /// The translations of the few records that have one.
    entered: FxHashMap<AnyEnd, Entered>,
    /// Records that were there before are to be asked about (NSG-14 `resimulate`).
    doubtful_before: Option<SimTime>,
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

impl FlowTable {
    /// Room for `connections` of IPv4 between two NICs each without growing.
    pub fn reserve(&mut self, connections: usize) {
        self.v4.reserve(connections);
    }

    /// The live record of `owner` that a packet with `key` belongs to. U-13: records end by RST, by FIN from both sides,
    /// or idle.
    pub fn hit(
        &mut self,
        now: SimTime,
        idle_max: SimTime,
        owner: u32,
        direction: Direction,
        key: &FlowKey,
        l4: &L4,
    ) -> Option<Hit> {
        self.hit_end(now, idle_max, AnyEnd::new(owner, direction, key), direction, l4)
    }

    /// The same for an end that is known already.
    #[inline]
    pub(crate) fn hit_end(
        &mut self,
        now: SimTime,
        idle_max: SimTime,
        any: AnyEnd,
        direction: Direction,
        l4: &L4,
    ) -> Option<Hit> {
        let found = match any {
            AnyEnd::V4(end) => hit(&mut self.v4, now, idle_max, direction, &end, l4),
            AnyEnd::V6(end) => hit(&mut self.v6, now, idle_max, direction, &end, l4),
        };
        let Found { created, flags, live, gone } = found?;
        let mut entered = None;
        if flags & flags::ENTERED != 0 {
            entered = if gone { self.entered.remove(&any) } else { self.entered.get(&any).copied() };
        }
        let opened = if flags & flags::INBOUND == 0 { Direction::Outbound } else { Direction::Inbound };
        live.then_some(Hit { state: FlowState { created, opened }, entered })
    }

    /// Adds a record for a packet with `key` that the NSGs of `owner`, which has none, let pass. `idle_max` by owner.
    pub fn open(
        &mut self,
        now: SimTime,
        idle_max: impl Fn(u32) -> SimTime,
        owner: u32,
        direction: Direction,
        key: &FlowKey,
        l4: &L4,
        entered: Option<Entered>,
    ) -> Result<(), Full> {
        self.open_end(now, idle_max, AnyEnd::new(owner, direction, key), direction, l4, entered)
    }

    /// The same for an end that is known already.
    #[inline]
    pub(crate) fn open_end(
        &mut self,
        now: SimTime,
        idle_max: impl Fn(u32) -> SimTime,
        any: AnyEnd,
        direction: Direction,
        l4: &L4,
        entered: Option<Entered>,
    ) -> Result<(), Full> {
        let owner = any.owner();
        self.expire(now, VISITS, &idle_max);
        let held = |flows: &Self| flows.v4.held(owner) + flows.v6.held(owner);
        if held(self) >= FLOW_RECORDS_PER_NIC_MAX {
            self.expire_all(now, &idle_max);
            if held(self) >= FLOW_RECORDS_PER_NIC_MAX {
                return Err(Full);
            }
        }
        let mut bits = if direction == Direction::Inbound { flags::INBOUND } else { 0 };
        if entered.is_some() {
            bits |= flags::ENTERED;
        }
        let idle_max = idle_max(owner);
        let lives = match any {
            AnyEnd::V4(end) => open(&mut self.v4, now, idle_max, direction, &end, l4, bits)?,
            AnyEnd::V6(end) => open(&mut self.v6, now, idle_max, direction, &end, l4, bits)?,
        };
        if let (Some(entered), true) = (entered, lives) {
            self.entered.insert(any, entered);
        }
        Ok(())
    }

    /// Adds the records of both ends of a new connection, from NIC `owners[0]`, which is on `side`, to `owners[1]`, with
    /// the number of what is known about its packets. `idle_max` in steps, by end; `idle_of` by owner. False, with nothing
    /// added, when an end has a record or no room.
    #[inline]
    pub(crate) fn open_both(
        &mut self,
        now: SimTime,
        (owners, idle_max): ([u32; 2], [u32; 2]),
        idle_of: impl Fn(u32) -> SimTime,
        (key, hash, side): (Key4, u64, usize),
    ) -> bool {
        self.expire(now, 2 * VISITS, idle_of);
        let room = |owner| self.v4.held(owner) + self.v6.held(owner) < FLOW_RECORDS_PER_NIC_MAX;
        if !owners.into_iter().all(room) {
            return false;
        }
        let ends = [End { key, owner: owners[0], side }, End { key, owner: owners[1], side: side ^ 1 }];
        if ends.iter().any(|end| self.v4.find(hash, end).is_some()) {
            return false;
        }
        self.v4.insert_both(hash, ends, now, idle_max, [0, flags::INBOUND])
    }

    /// The rules may have changed: records made so far are doubtful. Not those made now, by packets that meet the present
    /// rules: when the first packet comes depends on which networks these switches have, and a record shows when it began.
    pub(crate) fn doubt(&mut self, now: SimTime) {
        self.doubtful_before = Some(now);
    }

    /// If the record of `any` is doubtful: stays it, where `passes` says whether a connection that a packet in the
    /// direction opened would still begin? Else it ends.
    pub(crate) fn settle(&mut self, now: SimTime, any: AnyEnd, passes: impl FnOnce(Direction) -> bool) {
        let Some(doubtful_before) = self.doubtful_before else { return };
        let ended = match any {
            AnyEnd::V4(end) => settle(&mut self.v4, (now, doubtful_before), &end, passes),
            AnyEnd::V6(end) => settle(&mut self.v6, (now, doubtful_before), &end, passes),
        };
        if ended {
            self.entered.remove(&any);
        }
    }

    fn expire(&mut self, now: SimTime, visits: usize, idle_max: impl Fn(u32) -> SimTime) {
        let entered = &mut self.entered;
        self.v4.expire(now, visits, &idle_max, |end, flags| forget(entered, end, flags));
        self.v6.expire(now, visits, &idle_max, |end, flags| forget(entered, end, flags));
    }

    fn expire_all(&mut self, now: SimTime, idle_max: impl Fn(u32) -> SimTime) {
        let entered = &mut self.entered;
        self.v4.expire_all(now, &idle_max, |end, flags| forget(entered, end, flags));
        self.v6.expire_all(now, &idle_max, |end, flags| forget(entered, end, flags));
    }

    /// Ends every record (NSG-14 `flush`).
    pub fn clear(&mut self) {
        self.v4.clear();
        self.v6.clear();
        self.entered.clear();
    }

    /// What packets became of is to be found out anew.
    pub(crate) fn forget_notes(&mut self) {
        self.v4.forget_notes();
    }

    /// Records held, idle ones included.
    pub fn len(&self) -> usize {
        self.v4.len() + self.v6.len()
    }

    /// True when no record is held.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Bytes in use.
    pub fn memory_bytes(&self) -> usize {
        self.v4.memory_bytes() + self.v6.memory_bytes()
    }
}

/// What was found: a record, as it was before the packet.
struct Found {
    created: SimTime,
    flags: u8,
    /// It was not idle.
    live: bool,
    /// It is no longer there.
    gone: bool,
}

fn hit<K: Key>(
    store: &mut Store<K>,
    now: SimTime,
    idle_max: SimTime,
    direction: Direction,
    end: &End<K>,
    l4: &L4,
) -> Option<Found> {
    let at = store.find(end.key.hash(), end)?;
    let created = store.created(at);
    let (record, now) = (store.record_mut(at), Moment::of(now));
    let live = !record.is_idle(now, Moment::steps(idle_max));
    let ended = note(record, direction, l4);
    record.seen = now;
    let flags = record.flags();
    let gone = !live || ended;
    if gone {
        store.remove(at);
    }
    Some(Found { created, flags, live, gone })
}

/// True when the record ended.
fn settle<K: Key>(
    store: &mut Store<K>,
    (now, doubtful_before): (SimTime, SimTime),
    end: &End<K>,
    passes: impl FnOnce(Direction) -> bool,
) -> bool {
    let Some(at) = store.find(end.key.hash(), end).filter(|at| store.created(*at) < doubtful_before) else {
        return false;
    };
    let inbound = store.record(at).flags() & flags::INBOUND != 0;
    let stays = passes(if inbound { Direction::Inbound } else { Direction::Outbound });
    match stays {
        true => store.renew(at, now),
        false => store.remove(at),
    }
    !stays
}

/// False when the packet that opens the record ends it as well.
fn open<K: Key>(
    store: &mut Store<K>,
    now: SimTime,
    idle_max: SimTime,
    direction: Direction,
    end: &End<K>,
    l4: &L4,
    flags: u8,
) -> Result<bool, Full> {
    let at = store.insert(end.key.hash(), end, now, idle_max).ok_or(Full)?;
    let record = store.record_mut(at);
    record.set_flags(flags);
    let ended = note(record, direction, l4);
    if ended {
        store.remove(at);
    }
    Ok(!ended)
}

/// Takes note of what ends a TCP connection; true when this packet did.
fn note(record: &mut Record, direction: Direction, l4: &L4) -> bool {
    let L4::Tcp { flags, .. } = l4 else { return false };
    if flags.contains(TcpFlags::FIN) {
        record.set_flags(if direction == Direction::Outbound { flags::FIN_OUT } else { flags::FIN_IN });
    }
    let both = flags::FIN_OUT | flags::FIN_IN;
    flags.contains(TcpFlags::RST) || record.flags() & both == both
}

fn forget<K: Copy>(entered: &mut FxHashMap<AnyEnd, Entered>, end: &End<K>, flags: u8)
where
    AnyEnd: From<End<K>>,
{
    if flags & flags::ENTERED != 0 {
        entered.remove(&AnyEnd::from(*end));
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use vnetsim_types::IpProtocol;

    use super::*;

    #[test]
    fn records_of_the_present_rules_are_not_doubtful() {
        let key = |src_port| FlowKey {
            protocol: IpProtocol::UDP,
            src: IpAddr::from([10, 0, 0, 4]),
            dst: IpAddr::from([10, 1, 0, 4]),
            src_port,
            dst_port: 53,
        };
        let [before, then, later] = [1, 2, 3].map(SimTime::from_secs);
        let (out, l4) = (Direction::Outbound, L4::Udp { src_port: 0, dst_port: 0 });
        let mut flows = FlowTable::default();
        let open = |flows: &mut FlowTable, now, src_port| {
            flows.open(now, |_| SimTime::from_secs(240), 7, out, &key(src_port), &l4, None)
        };
        assert_eq!(open(&mut flows, before, 1), Ok(()));
        flows.doubt(then);
        assert_eq!(open(&mut flows, then, 2), Ok(()));
        let mut asked = Vec::new();
        for (src_port, stays) in [(1, true), (1, true), (2, true)] {
            flows.settle(later, AnyEnd::new(7, out, &key(src_port)), |_| {
                asked.push(src_port);
                stays
            });
        }
        assert_eq!(asked, [1]);
    }
}
