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

use store::{At, Record, Store};
use vnetsim_packet::{L4, TcpFlags};
use vnetsim_types::{Direction, FlowKey, FlowState, SimTime, limits::FLOW_RECORDS_PER_NIC_MAX};

use crate::Entered;

/// U-13: how long a record outlives both FINs when nothing more comes. Until then it lets pass what belongs to the
/// connection, the ACKs of the FINs and what is sent again; a SYN begins anew. No page states a time, this one is our
/// choice: enough for a sender that repeats its FIN after a second or two, and short, because such records count
/// (FLOW-02).
pub(crate) const LINGER: SimTime = SimTime::from_secs(5);

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
    pub(crate) const BOTH_FINS: u8 = FIN_OUT | FIN_IN;
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

    /// The live record of `owner` that a packet with `key` belongs to. U-13: records end by RST, idle,
    /// or by a new SYN after both FINs.
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
    /// It lets the packet pass.
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
    let (record, seen) = (store.record_mut(at), Moment::of(now));
    let live = !(record.is_over(seen, idle_max) || record.is_closing() && begins(l4));
    record.seen = seen;
    let flags = record.flags();
    let gone = !live || (ends(l4) && end_or_close(store, now, at, direction, l4));
    if gone {
        store.remove(at);
    }
    Some(Found { created, flags, live, gone })
}

/// A packet with FIN or RST meets a live record. True when it is to go at once.
#[cold]
fn end_or_close<K: Key>(store: &mut Store<K>, now: SimTime, at: At, direction: Direction, l4: &L4) -> bool {
    let record = store.record_mut(at);
    let was_closing = record.is_closing();
    let ended = note(record, direction, l4);
    if record.is_closing() && !was_closing {
        store.close(at, now);
    }
    ended
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

/// Takes note of what ends a TCP connection; true when this packet did, at once.
fn note(record: &mut Record, direction: Direction, l4: &L4) -> bool {
    let L4::Tcp { flags, .. } = l4 else { return false };
    if flags.contains(TcpFlags::FIN) {
        record.set_flags(if direction == Direction::Outbound { flags::FIN_OUT } else { flags::FIN_IN });
    }
    flags.contains(TcpFlags::RST)
}

/// True when [`note`] takes note of the packet.
#[inline]
fn ends(l4: &L4) -> bool {
    matches!(l4, L4::Tcp { flags, .. } if flags.0 & (TcpFlags::FIN.0 | TcpFlags::RST.0) != 0)
}

/// True for the first packet of a TCP connection.
fn begins(l4: &L4) -> bool {
    matches!(l4, L4::Tcp { flags, .. } if flags.contains(TcpFlags::SYN) && !flags.contains(TcpFlags::ACK))
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

    const IDLE: SimTime = SimTime::from_secs(240);
    const SYN: TcpFlags = TcpFlags::SYN;
    const ACK: TcpFlags = TcpFlags::ACK;
    const RST: TcpFlags = TcpFlags::RST;
    /// With ACK, as always.
    const FIN: TcpFlags = TcpFlags(TcpFlags::FIN.0 | TcpFlags::ACK.0);
    const OUT: Direction = Direction::Outbound;
    const IN: Direction = Direction::Inbound;

    fn key(protocol: IpProtocol, src_port: u16) -> FlowKey {
        let (src, dst) = (IpAddr::from([10, 0, 0, 4]), IpAddr::from([10, 1, 0, 4]));
        FlowKey { protocol, src, dst, src_port, dst_port: 53 }
    }

    fn segment(flags: TcpFlags) -> L4 {
        L4::Tcp { src_port: 0, dst_port: 0, seq: 0, ack: 0, flags, payload_len: 0 }
    }

    /// One NIC, and a connection that it opens.
    struct Nic {
        flows: FlowTable,
        now: SimTime,
    }

    impl Nic {
        fn opened(entered: Option<Entered>) -> Self {
            let mut nic = Self { flows: FlowTable::default(), now: SimTime::from_secs(1_000) };
            nic.open(entered);
            nic
        }

        fn open(&mut self, entered: Option<Entered>) {
            let key = key(IpProtocol::TCP, 1);
            let opened = self.flows.open(self.now, |_| IDLE, 7, OUT, &key, &segment(SYN), entered);
            assert_eq!(opened, Ok(()));
        }

        /// Whether a segment passes by the record.
        fn passes(&mut self, direction: Direction, flags: TcpFlags) -> bool {
            self.hit(direction, flags).is_some()
        }

        fn hit(&mut self, direction: Direction, flags: TcpFlags) -> Option<Hit> {
            let key = key(IpProtocol::TCP, 1);
            let key = if direction == OUT { key } else { key.reversed() };
            self.flows.hit(self.now, IDLE, 7, direction, &key, &segment(flags))
        }

        fn wait(&mut self, millis: u64) {
            self.now = self.now + SimTime::from_millis(millis);
        }

        /// Opens and ends another connection, which has idle records looked at.
        fn another(&mut self) {
            let key = key(IpProtocol::TCP, 2);
            assert_eq!(self.flows.open(self.now, |_| IDLE, 7, OUT, &key, &segment(RST), None), Ok(()));
        }
    }

    #[test]
    fn both_fins_leave_a_record_for_what_the_connection_still_sends() {
        let mut nic = Nic::opened(None);
        for (direction, flags) in
            [(OUT, FIN), (IN, ACK), (IN, FIN), (OUT, ACK), (IN, FIN), (OUT, ACK), (OUT, FIN)]
        {
            assert!(nic.passes(direction, flags), "{flags:?} {direction:?}");
            nic.wait(4_000);
        }
        assert_eq!(nic.flows.len(), 1);
        nic.wait(1_100);
        assert!(!nic.passes(OUT, ACK), "closed for longer than it lingers");
        assert!(nic.flows.is_empty());
    }

    #[test]
    fn one_fin_closes_nothing() {
        let mut nic = Nic::opened(None);
        assert!(nic.passes(OUT, FIN));
        nic.wait(200_000);
        assert!(nic.passes(IN, ACK) && nic.passes(OUT, FIN) && nic.passes(OUT, SYN));
    }

    #[test]
    fn a_syn_after_both_fins_is_a_new_flow() {
        let entered = Entered { address: IpAddr::from([20, 0, 0, 1]), port: None, edge: false };
        let mut nic = Nic::opened(Some(entered));
        let created = nic.now;
        assert!(nic.passes(OUT, FIN) && nic.passes(IN, FIN));
        nic.wait(10);
        let hit = nic.hit(OUT, ACK).expect("closing");
        assert_eq!((hit.state.created, hit.entered), (created, Some(entered)));
        assert!(!nic.passes(OUT, SYN));
        assert!(nic.flows.is_empty() && nic.flows.entered.is_empty());
        nic.open(None);
        nic.wait(200_000);
        let hit = nic.hit(IN, SYN | ACK).expect("the new record, open like any");
        assert_eq!((hit.state.created, hit.entered), (created + SimTime::from_millis(10), None));
    }

    #[test]
    fn a_reset_ends_a_record_at_once() {
        for fins in [&[][..], &[OUT], &[OUT, IN]] {
            let mut nic = Nic::opened(None);
            assert!(fins.iter().all(|direction| nic.passes(*direction, FIN)));
            assert!(nic.passes(IN, RST) && nic.flows.is_empty(), "after {fins:?}");
            assert!(!nic.passes(OUT, ACK));
        }
    }

    #[test]
    fn nobody_need_ask_for_a_closed_record_to_go() {
        let mut nic = Nic::opened(None);
        assert!(nic.passes(OUT, FIN) && nic.passes(IN, FIN));
        nic.wait(4_000);
        assert!(nic.passes(OUT, ACK));
        nic.wait(4_000);
        nic.another();
        assert_eq!(nic.flows.len(), 1, "a segment came in between");
        nic.wait(4_000);
        nic.another();
        assert!(nic.flows.is_empty() && nic.flows.v4.held(7) == 0);
    }

    /// Of a record that is closing and of the one beside it: a SYN would pass by a note.
    #[test]
    fn no_note_speaks_for_a_closing_record() {
        let mut nic = Nic::opened(None);
        let AnyEnd::V4(end) = AnyEnd::new(7, OUT, &key(IpProtocol::TCP, 1)) else { unreachable!("IPv4") };
        assert!(nic.passes(OUT, FIN));
        let at = nic.flows.v4.find(end.key.hash(), &end).expect("a record that was made");
        let cell = nic.flows.v4.cell_mut(at);
        cell.key = cell.key.with_note(9);
        assert!(!cell.is_closing() && nic.passes(IN, FIN));
        let cell = nic.flows.v4.cell(at);
        assert!(cell.is_closing() && cell.key.note() == 0);
    }

    #[test]
    fn records_of_the_present_rules_are_not_doubtful() {
        let key = |src_port| key(IpProtocol::UDP, src_port);
        let [before, then, later] = [1, 2, 3].map(SimTime::from_secs);
        let l4 = L4::Udp { src_port: 0, dst_port: 0 };
        let mut flows = FlowTable::default();
        let open = |flows: &mut FlowTable, now, src_port| {
            flows.open(now, |_| IDLE, 7, OUT, &key(src_port), &l4, None)
        };
        assert_eq!(open(&mut flows, before, 1), Ok(()));
        flows.doubt(then);
        assert_eq!(open(&mut flows, then, 2), Ok(()));
        let mut asked = Vec::new();
        for (src_port, stays) in [(1, true), (1, true), (2, true)] {
            flows.settle(later, AnyEnd::new(7, OUT, &key(src_port)), |_| {
                asked.push(src_port);
                stays
            });
        }
        assert_eq!(asked, [1]);
    }
}
