//! Flow records of one address family: a hash table of cache lines, and a wheel that expires what is idle.
//!
//! A cell holds one connection with room for the record of one end on each side, so both ends of a path usually lie in
//! 32 bytes; a line holds two cells. A line that is full passes ends on to the next one and counts them, so a search
//! stops at the first line that passed none on, and removal needs no tombstones. What forwarding does not read (when a
//! record was made, its place in the wheel) lies apart.
//!
//! Memory: 50.5 bytes for each cell of IPv4 and 8 or so for each record, 82.5 for IPv6, nothing before the first record; grows by doubling, to at
//! most [`CELLS_MAX`] cells. Finding allocates nothing; inserting allocates only to grow.

use vnetsim_types::SimTime;

use super::{
    LINGER, flags,
    key::{End, Key, OWNERS_MAX},
    wheel::Wheel,
};
use crate::memory::{filled, prefetch};

/// Most cells of a store. Full is an ordinary answer.
pub(crate) const CELLS_MAX: usize = 1 << 26;
const CELLS_MIN: usize = 16;
/// Cells in use beyond this share make the table grow.
const LOAD: (usize, usize) = (5, 8);

/// Where a record is: its cell, and in the last bit its side. Valid until the next insertion or removal.
pub(crate) type At = usize;

/// Virtual time as records keep it, in steps of about 4 ms: idle times are minutes.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) struct Moment(pub(crate) u32);

impl Moment {
    const SHIFT: u32 = 22;

    #[inline(always)]
    pub(crate) fn of(time: SimTime) -> Self {
        Self((time.0 >> Self::SHIFT) as u32)
    }

    /// The number of steps that `time` lasts, rounded up.
    pub(crate) fn steps(time: SimTime) -> u32 {
        u32::try_from(time.0.div_ceil(1 << Self::SHIFT)).unwrap_or(u32::MAX)
    }

    #[inline(always)]
    pub(crate) fn since(self, earlier: Self) -> u32 {
        self.0.wrapping_sub(earlier.0)
    }
}

/// The record of one end.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Record {
    /// NIC or endpoint in the high 24 bits, flags in the low ones.
    owner_and_flags: u32,
    /// When the last packet came.
    pub(crate) seen: Moment,
}

/// A connection with the records of two of its ends, one on each side.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cell<K> {
    /// With the number of what is known about its packets: see `notes`.
    pub(crate) key: K,
    pub(crate) records: [Record; 2],
}

#[derive(Clone, Copy, Debug)]
#[repr(align(64))]
pub(crate) struct Line<K>(pub(crate) [Cell<K>; 2]);

/// How many visits ahead lines of records are asked for.
const SOON: usize = 8;
/// Counts to this and stays there.
const MANY: u8 = u8::MAX;

#[derive(Clone, Debug)]
pub(crate) struct Store<K> {
    lines: Vec<Line<K>>,
    /// By line: ends that would be there if it had room, and are further on.
    passed_on: Vec<u8>,
    /// By record.
    created: Vec<SimTime>,
    wheel: Wheel,
    records: usize,
    cells: usize,
    /// Records by owner.
    held: Vec<u32>,
}

impl<K> Default for Store<K> {
    fn default() -> Self {
        Self {
            lines: Vec::new(),
            passed_on: Vec::new(),
            created: Vec::new(),
            wheel: Wheel::default(),
            records: 0,
            cells: 0,
            held: Vec::new(),
        }
    }
}

impl Record {
    const NONE: Self = Self { owner_and_flags: u32::MAX, seen: Moment(0) };

    #[inline(always)]
    pub(crate) fn owner(self) -> u32 {
        self.owner_and_flags >> 8
    }

    pub(crate) fn flags(self) -> u8 {
        self.owner_and_flags as u8
    }

    pub(crate) fn set_flags(&mut self, flags: u8) {
        self.owner_and_flags |= u32::from(flags);
    }

    fn is_there(self) -> bool {
        self.owner() != OWNERS_MAX
    }

    /// Both FINs were seen. No note speaks for such a record, since a SYN must not pass by it: see [`Store::close`].
    #[inline(always)]
    pub(crate) fn is_closing(self) -> bool {
        self.flags() & flags::BOTH_FINS == flags::BOTH_FINS
    }

    /// How long it lives without packets, where open ones of its owner live for `idle_max`.
    fn lasts(self, idle_max: SimTime) -> SimTime {
        if self.is_closing() { idle_max.min(LINGER) } else { idle_max }
    }

    /// True when no packet came for longer than that.
    #[inline(always)]
    pub(crate) fn is_over(self, now: Moment, idle_max: SimTime) -> bool {
        self.is_idle(now, Moment::steps(idle_max))
            || (self.is_closing() && self.is_idle(now, Moment::steps(LINGER)))
    }

    /// True when no packet came for more than `idle_max` steps. Of records that notes speak for, this is all.
    #[inline(always)]
    pub(crate) fn is_idle(self, now: Moment, idle_max: u32) -> bool {
        now.since(self.seen) > idle_max
    }
}

impl<K: Key> Cell<K> {
    const EMPTY: Self = Self { key: K::NONE, records: [Record::NONE; 2] };

    #[inline(always)]
    pub(crate) fn holds(&self, end: &End<K>) -> bool {
        self.key.is(&end.key) & (self.records[end.side & 1].owner() == end.owner)
    }

    fn is_empty(&self) -> bool {
        !self.records[0].is_there() && !self.records[1].is_there()
    }

    /// True when no note may be written here.
    pub(crate) fn is_closing(&self) -> bool {
        self.records.iter().any(|record| record.is_there() && record.is_closing())
    }
}

impl<K: Key> Store<K> {
    /// Records held, idle ones included.
    pub(crate) fn len(&self) -> usize {
        self.records
    }

    /// Records held of `owner`.
    pub(crate) fn held(&self, owner: u32) -> usize {
        self.held.get(owner as usize).map_or(0, |held| *held as usize)
    }

    /// Bytes in use.
    pub(crate) fn memory_bytes(&self) -> usize {
        size_of_val(&*self.lines)
            + size_of_val(&*self.passed_on)
            + size_of_val(&*self.created)
            + size_of_val(&*self.held)
            + self.wheel.memory_bytes()
    }

    #[inline(always)]
    fn home(&self, hash: u64) -> usize {
        hash as usize & self.lines.len().wrapping_sub(1)
    }

    /// Asks for the line where the search for `hash` starts.
    #[inline(always)]
    pub(crate) fn fetch(&self, hash: u64) {
        if let Some(line) = self.lines.get(self.home(hash)) {
            prefetch(line);
        }
    }

    /// Asks for what an insertion there writes apart from the line.
    #[inline]
    pub(crate) fn fetch_aside(&self, hash: u64) {
        let home = self.home(hash);
        if let Some(passed_on) = self.passed_on.get(home) {
            prefetch(passed_on);
            prefetch(&self.created[home * 4]);
            self.wheel.fetch(home * 4);
        }
    }

    /// The line where the search for `hash` starts.
    #[inline(always)]
    pub(crate) fn line_mut(&mut self, hash: u64) -> Option<&mut Line<K>> {
        let home = self.home(hash);
        self.lines.get_mut(home)
    }

    /// The record of `end`.
    #[inline]
    pub(crate) fn find(&self, hash: u64, end: &End<K>) -> Option<At> {
        let (home, mask) = (self.home(hash), self.lines.len().wrapping_sub(1));
        for further in 0..self.lines.len() {
            let at = (home + further) & mask;
            if let Some(cell) = self.lines[at].0.iter().position(|cell| cell.holds(end)) {
                return Some((at * 2 + cell) * 2 + end.side);
            }
            if self.passed_on[at] == 0 {
                return None;
            }
        }
        None
    }

    #[inline(always)]
    pub(crate) fn cell(&self, at: At) -> &Cell<K> {
        &self.lines[at / 4].0[at / 2 % 2]
    }

    #[inline(always)]
    pub(crate) fn cell_mut(&mut self, at: At) -> &mut Cell<K> {
        &mut self.lines[at / 4].0[at / 2 % 2]
    }

    #[inline]
    pub(crate) fn record(&self, at: At) -> Record {
        self.cell(at).records[at % 2]
    }

    #[inline]
    pub(crate) fn record_mut(&mut self, at: At) -> &mut Record {
        &mut self.cell_mut(at).records[at % 2]
    }

    /// The end that the record at `at` belongs to.
    pub(crate) fn end(&self, at: At) -> End<K> {
        let cell = self.cell(at);
        End { key: cell.key.with_note(0), owner: cell.records[at % 2].owner(), side: at % 2 }
    }

    /// When the record at `at` was made.
    pub(crate) fn created(&self, at: At) -> SimTime {
        self.created[at]
    }

    /// The record at `at` counts as made now.
    pub(crate) fn renew(&mut self, at: At, now: SimTime) {
        self.created[at] = now;
    }

    /// Adds the record of an end that has none. `None` when there is no room.
    pub(crate) fn insert(&mut self, hash: u64, end: &End<K>, now: SimTime, idle_max: SimTime) -> Option<At> {
        if end.owner >= OWNERS_MAX || !self.make_room() {
            return None;
        }
        let record = Record { owner_and_flags: end.owner << 8, seen: Moment::of(now) };
        let at = self.place(hash, end, record);
        self.created[at] = now;
        self.wheel.file(at, now + idle_max);
        self.records += 1;
        self.count(end.owner);
        Some(at)
    }

    /// Adds the records of both ends of a connection, which have none. False when there is no room.
    #[inline]
    pub(crate) fn insert_both(
        &mut self,
        hash: u64,
        ends: [End<K>; 2],
        now: SimTime,
        idle_max: [u32; 2],
        flags: [u8; 2],
    ) -> bool {
        if ends.iter().any(|end| end.owner >= OWNERS_MAX) || !self.make_room() {
            return false;
        }
        let [sender, receiver] = [0, 1].map(|ix| Record {
            owner_and_flags: ends[ix].owner << 8 | u32::from(flags[ix]),
            seen: Moment::of(now),
        });
        let side = ends[0].side;
        let records = if side == 0 { [sender, receiver] } else { [receiver, sender] };
        let (mut line, mask) = (self.home(hash), self.lines.len() - 1);
        let place = loop {
            if let Some(place) = self.lines[line].0.iter().position(Cell::is_empty) {
                self.lines[line].0[place] = Cell { key: ends[0].key, records };
                break place;
            }
            self.passed_on[line] = self.passed_on[line].saturating_add(2);
            line = (line + 1) & mask;
        };
        self.cells += 1;
        self.records += 2;
        for (end, idle_max) in ends.iter().zip(idle_max) {
            let at = (line * 2 + place) * 2 + end.side;
            self.created[at] = now;
            self.wheel.file(at, SimTime(now.0 + (u64::from(idle_max) << Moment::SHIFT)));
            self.count(end.owner);
        }
        true
    }

    fn count(&mut self, owner: u32) {
        let owner = owner as usize;
        if self.held.len() <= owner {
            self.held.resize(owner + 1, 0);
        }
        self.held[owner] += 1;
    }

    /// Puts `record` in the connection's cell, or in the first empty one, of the first line from home on that has it.
    fn place(&mut self, hash: u64, end: &End<K>, record: Record) -> At {
        let (mut at, mask) = (self.home(hash), self.lines.len() - 1);
        loop {
            let cells = &mut self.lines[at].0;
            let joins = |cell: &Cell<K>| cell.key.is(&end.key) && !cell.records[end.side].is_there();
            let place = cells.iter().position(joins).or_else(|| cells.iter().position(Cell::is_empty));
            if let Some(place) = place {
                let cell = &mut cells[place];
                if cell.is_empty() {
                    cell.key = end.key;
                    self.cells += 1;
                }
                cell.records[end.side] = record;
                return (at * 2 + place) * 2 + end.side;
            }
            self.passed_on[at] = self.passed_on[at].saturating_add(1);
            at = (at + 1) & mask;
        }
    }

    /// The record at `at` begins to close now.
    pub(crate) fn close(&mut self, at: At, now: SimTime) {
        self.wheel.unfile(at);
        self.wheel.file(at, now + LINGER);
        let cell = self.cell_mut(at);
        cell.key = cell.key.with_note(0);
    }

    /// Removes the record at `at`.
    pub(crate) fn remove(&mut self, at: At) {
        let end = self.end(at);
        let (mut line, mask) = (self.home(end.key.hash()), self.lines.len() - 1);
        while line != at / 4 {
            let passed_on = &mut self.passed_on[line];
            if *passed_on != MANY {
                *passed_on -= 1;
            }
            line = (line + 1) & mask;
        }
        let cell = self.cell_mut(at);
        cell.records[end.side] = Record::NONE;
        if cell.is_empty() {
            *cell = Cell::EMPTY;
            self.cells -= 1;
        } else {
            // Another owner may come in its place: a note speaks for those who were there when it was written.
            cell.key = cell.key.with_note(0);
        }
        self.wheel.unfile(at);
        self.records -= 1;
        self.held[end.owner as usize] -= 1;
    }

    /// Looks at up to `visits` records whose time has come, and removes those that are idle. `idle_max` by owner;
    /// `gone` is told of each.
    pub(crate) fn expire(
        &mut self,
        now: SimTime,
        visits: usize,
        idle_max: impl Fn(u32) -> SimTime,
        mut gone: impl FnMut(&End<K>, u8),
    ) {
        for _ in 0..visits {
            let Some(at) = self.wheel.due(now) else { return };
            if let Some(soon) = self.wheel.soon(SOON) {
                prefetch(&self.lines[soon / 4]);
                self.wheel.fetch(soon);
            }
            let (record, end) = (self.record(at), self.end(at));
            let idle = idle_max(end.owner);
            if record.is_over(Moment::of(now), idle) {
                self.remove(at);
                gone(&end, record.flags());
            } else {
                let quiet = u64::from(Moment::of(now).since(record.seen)) << Moment::SHIFT;
                self.wheel.file(at, SimTime((now.0 + record.lasts(idle).0).saturating_sub(quiet)));
            }
        }
    }

    /// Removes every idle record, those of the wheel's present tick as well.
    pub(crate) fn expire_all(
        &mut self,
        now: SimTime,
        idle_max: impl Fn(u32) -> SimTime,
        mut gone: impl FnMut(&End<K>, u8),
    ) {
        self.expire(now, usize::MAX, &idle_max, &mut gone);
        for at in self.wheel.in_tick_of(now) {
            let (record, end) = (self.record(at), self.end(at));
            if record.is_over(Moment::of(now), idle_max(end.owner)) {
                self.remove(at);
                gone(&end, record.flags());
            }
        }
    }

    /// No connection has a note any more.
    pub(crate) fn forget_notes(&mut self) {
        for cell in self.lines.iter_mut().flat_map(|line| &mut line.0).filter(|cell| !cell.is_empty()) {
            cell.key = cell.key.with_note(0);
        }
    }

    /// False when the store is full.
    fn make_room(&mut self) -> bool {
        let cells = self.lines.len() * 2;
        if (self.cells + 1) * LOAD.1 <= cells * LOAD.0 {
            return true;
        }
        if cells >= CELLS_MAX {
            return self.cells < cells - 1;
        }
        self.resize((cells * 2).max(CELLS_MIN));
        true
    }

    /// Room for `connections` without growing.
    pub(crate) fn reserve(&mut self, connections: usize) {
        let cells = (connections * LOAD.1 / LOAD.0 + 2).next_power_of_two().clamp(CELLS_MIN, CELLS_MAX);
        if cells > self.lines.len() * 2 {
            self.resize(cells);
        }
    }

    fn resize(&mut self, cells: usize) {
        let wheel = self.wheel.emptied(cells * 2);
        let mut old = std::mem::take(self);
        self.lines = filled(Line([Cell::EMPTY; 2]), cells / 2);
        self.passed_on = filled(0, cells / 2);
        self.created = filled(SimTime::ZERO, cells * 2);
        self.wheel = wheel;
        (self.records, self.held) = (old.records, std::mem::take(&mut old.held));
        for (tick, from) in old.wheel.filed() {
            let end = old.end(from);
            let at = self.place(end.key.hash(), &end, old.record(from));
            let note = old.cell(from).key.note();
            let partner_was = old.cell(from).records[end.side ^ 1].owner();
            let cell = self.cell_mut(at);
            // Ends of several cells may be paired anew, now or when the next one comes: a note holds again when both ends
            // that it speaks for are together.
            let holds = cell.records[end.side ^ 1].owner() == partner_was;
            cell.key = cell.key.with_note(if holds { note } else { 0 });
            self.created[at] = old.created[from];
            self.wheel.file_in(at, tick);
        }
    }

    /// Ends every record.
    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use super::{super::key::Key4, *};

    /// The ends of one connection, by owner and side.
    fn end(owner: u32, side: usize) -> End<Key4> {
        let End { key, .. } = End::of_sender(0, 6, 0x0400_010a_0400_000a, 0xbb01_50c3);
        End { key, owner, side }
    }

    fn opened(ends: &[End<Key4>]) -> Store<Key4> {
        let mut store = Store::default();
        for (ix, end) in ends.iter().enumerate() {
            let idle_max = SimTime::from_secs(10 * ix as u64);
            assert!(store.insert(end.key.hash(), end, SimTime::ZERO, idle_max).is_some());
        }
        store
    }

    fn note_at(store: &Store<Key4>, end: &End<Key4>) -> Option<u32> {
        store.find(end.key.hash(), end).map(|at| store.cell(at).key.note())
    }

    fn write_note(store: &mut Store<Key4>, end: &End<Key4>, note: u32) {
        let at = store.find(end.key.hash(), end).expect("a record that was made");
        let cell = store.cell_mut(at);
        cell.key = cell.key.with_note(note);
    }

    #[test]
    fn a_note_does_not_speak_for_who_comes_later() {
        let (west, nva, other) = (end(1, 0), end(2, 1), end(3, 0));
        let mut store = opened(&[west, nva]);
        write_note(&mut store, &west, 7);
        assert_eq!((note_at(&store, &west), note_at(&store, &nva)), (Some(7), Some(7)));
        let at = store.find(west.key.hash(), &west).expect("a record that was made");
        store.remove(at);
        store.insert(other.key.hash(), &other, SimTime::ZERO, SimTime::ZERO).expect("room");
        assert_eq!((note_at(&store, &other), note_at(&store, &nva)), (Some(0), Some(0)));
    }

    /// Through an appliance a connection has two cells; growing may pair their records otherwise.
    #[test]
    fn growing_gives_nobody_the_note_of_another() {
        let ends = [end(1, 0), end(2, 1), end(3, 0), end(4, 1)];
        for order in [[0, 1, 2, 3], [2, 1, 0, 3]] {
            let mut store = opened(&ends);
            write_note(&mut store, &ends[0], 7);
            write_note(&mut store, &ends[2], 8);
            for (turn, ix) in order.into_iter().enumerate() {
                let at = store.find(ends[ix].key.hash(), &ends[ix]).expect("a record that was made");
                store.wheel.unfile(at);
                store.wheel.file(at, SimTime::from_secs(10 * turn as u64));
            }
            store.reserve(1_000);
            for (end, note) in ends.iter().zip([7, 7, 8, 8]) {
                let got = note_at(&store, end);
                assert!(got == Some(note) || got == Some(0), "{order:?}: {got:?} for {end:?}");
            }
        }
    }

    #[test]
    fn who_comes_after_growing_finds_no_note_of_another() {
        let (ends, later) = ([end(3, 0), end(2, 1), end(1, 0)], end(4, 1));
        let mut store = opened(&[ends[2], ends[1], ends[0]]);
        write_note(&mut store, &ends[2], 7);
        for (turn, end) in ends.iter().enumerate() {
            let at = store.find(end.key.hash(), end).expect("a record that was made");
            store.wheel.unfile(at);
            store.wheel.file(at, SimTime::from_secs(10 * turn as u64));
        }
        store.reserve(1_000);
        store.insert(later.key.hash(), &later, SimTime::ZERO, SimTime::ZERO).expect("room");
        assert_eq!(note_at(&store, &later), Some(0), "beside {:?}", note_at(&store, &ends[2]));
    }

    #[test]
    fn growing_keeps_the_note_of_a_pair() {
        let ends = [end(1, 0), end(2, 1)];
        let mut store = opened(&ends);
        write_note(&mut store, &ends[0], 7);
        store.reserve(1_000);
        assert_eq!(ends.map(|end| note_at(&store, &end)), [Some(7); 2]);
    }
}
