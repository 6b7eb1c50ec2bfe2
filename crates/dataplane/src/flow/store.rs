//! Flow records of one address family: a hash table of cache lines, and a wheel that expires what is idle.
//!
//! A line holds two records; a connection's first line follows from a hash that all its ends share, so both ends of
//! a path usually cost one cache miss. A line that is full passes records on to the next one and counts them, so a
//! search stops at the first line that passed none on, and removal needs no tombstones. What forwarding does
//! not read (when a record was made, its place in the wheel) lies apart.
//!
//! Memory: 48 bytes a slot for IPv4, 80 for IPv6, nothing before the first record; grows by doubling, to at most
//! [`SLOTS_MAX`]. Finding costs no allocation; inserting allocates only to grow.

use vnetsim_types::SimTime;

use super::{
    key::{Key, OWNERS_MAX},
    wheel::Wheel,
};

/// Most slots of a store. Full is an ordinary answer.
pub(crate) const SLOTS_MAX: usize = 1 << 26;
const SLOTS_MIN: usize = 32;
/// Records beyond this share of the slots make the table grow.
const LOAD: (usize, usize) = (5, 8);

/// Where a record is. Valid until the next insertion or removal.
pub(crate) type At = usize;

/// A record.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Slot<K> {
    pub(crate) key: K,
    /// Virtual time of the last packet, in nanoseconds.
    pub(crate) last_seen_ns: u64,
    /// Low 16 bits of the epoch of the tables that `action` follows from.
    pub(crate) epoch: u16,
    pub(crate) flags: u8,
    /// In the first slot of a line: records of this line and earlier ones that had to go on to the next.
    passed_on: u8,
    /// What became of the connection's packets so far: see `fast`. Zero is nothing.
    pub(crate) action: u32,
}

#[derive(Clone, Copy, Debug)]
#[repr(align(64))]
struct Line<K>([Slot<K>; 2]);

/// Counts to this and stays there.
const MANY: u8 = u8::MAX;

#[derive(Clone, Debug)]
pub(crate) struct Store<K> {
    lines: Vec<Line<K>>,
    created: Vec<SimTime>,
    wheel: Wheel,
    records: usize,
    /// Records by owner.
    held: Vec<u32>,
}

impl<K> Default for Store<K> {
    fn default() -> Self {
        Self { lines: Vec::new(), created: Vec::new(), wheel: Wheel::default(), records: 0, held: Vec::new() }
    }
}

impl<K: Key> Slot<K> {
    const EMPTY: Self = Self { key: K::NONE, last_seen_ns: 0, epoch: 0, flags: 0, passed_on: 0, action: 0 };

    /// True when no packet came for longer than `idle_max`.
    #[inline(always)]
    pub(crate) fn is_idle(&self, now: SimTime, idle_max: SimTime) -> bool {
        now.0.saturating_sub(self.last_seen_ns) > idle_max.0
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
            crate::prefetch::read(line);
        }
    }

    /// The record with `key`, whose hash is `hash`.
    #[inline(always)]
    pub(crate) fn find(&self, hash: u64, key: K) -> Option<At> {
        let mut at = self.home(hash);
        for _ in 0..self.lines.len() {
            let line = &self.lines[at].0;
            if line[0].key == key {
                return Some(at * 2);
            }
            if line[1].key == key {
                return Some(at * 2 + 1);
            }
            if line[0].passed_on == 0 {
                return None;
            }
            at = (at + 1) & (self.lines.len() - 1);
        }
        None
    }

    #[inline(always)]
    pub(crate) fn get(&self, at: At) -> &Slot<K> {
        &self.lines[at / 2].0[at % 2]
    }

    #[inline(always)]
    pub(crate) fn get_mut(&mut self, at: At) -> &mut Slot<K> {
        &mut self.lines[at / 2].0[at % 2]
    }

    /// When the record at `at` was made.
    pub(crate) fn created(&self, at: At) -> SimTime {
        self.created[at]
    }

    /// Adds a record that is not there yet. `None` when there is no room.
    pub(crate) fn insert(&mut self, hash: u64, key: K, now: SimTime, idle_max: SimTime) -> Option<At> {
        if key.owner() >= OWNERS_MAX - 1 || !self.make_room() {
            return None;
        }
        let at = self.place(hash, key);
        self.get_mut(at).last_seen_ns = now.0;
        self.created[at] = now;
        self.wheel.file(at, now + idle_max);
        self.records += 1;
        let owner = key.owner() as usize;
        if self.held.len() <= owner {
            self.held.resize(owner + 1, 0);
        }
        self.held[owner] += 1;
        Some(at)
    }

    /// The first free slot from the home of `hash` on, with `key` in it.
    fn place(&mut self, hash: u64, key: K) -> At {
        let (mut at, mask) = (self.home(hash), self.lines.len() - 1);
        loop {
            let line = &mut self.lines[at].0;
            for (way, slot) in line.iter_mut().enumerate() {
                if slot.key == K::NONE {
                    *slot = Slot { key, passed_on: slot.passed_on, ..Slot::EMPTY };
                    return at * 2 + way;
                }
            }
            line[0].passed_on = line[0].passed_on.saturating_add(1);
            at = (at + 1) & mask;
        }
    }

    /// Removes the record at `at`.
    pub(crate) fn remove(&mut self, at: At) {
        let key = self.get(at).key;
        let (mut line, mask) = (self.home(key.hash()), self.lines.len() - 1);
        while line != at / 2 {
            let passed_on = &mut self.lines[line].0[0].passed_on;
            if *passed_on != MANY {
                *passed_on -= 1;
            }
            line = (line + 1) & mask;
        }
        let slot = self.get_mut(at);
        *slot = Slot { passed_on: slot.passed_on, ..Slot::EMPTY };
        self.wheel.unfile(at);
        self.records -= 1;
        self.held[key.owner() as usize] -= 1;
    }

    /// Looks at up to `visits` records whose time has come, and removes those that are idle. `idle_max` by owner;
    /// `gone` is told of each.
    pub(crate) fn expire(
        &mut self,
        now: SimTime,
        visits: usize,
        idle_max: impl Fn(u32) -> SimTime,
        mut gone: impl FnMut(&Slot<K>),
    ) {
        for _ in 0..visits {
            let Some(at) = self.wheel.due(now) else { return };
            let slot = *self.get(at);
            let idle = idle_max(slot.key.owner());
            if slot.is_idle(now, idle) {
                self.remove(at);
                gone(&slot);
            } else {
                self.wheel.unfile(at);
                self.wheel.file(at, SimTime(slot.last_seen_ns) + idle);
            }
        }
    }

    /// Removes every idle record, those of the wheel's present tick as well.
    pub(crate) fn expire_all(
        &mut self,
        now: SimTime,
        idle_max: impl Fn(u32) -> SimTime,
        mut gone: impl FnMut(&Slot<K>),
    ) {
        self.expire(now, usize::MAX, &idle_max, &mut gone);
        for at in self.wheel.in_tick_of(now) {
            let slot = *self.get(at);
            if slot.is_idle(now, idle_max(slot.key.owner())) {
                self.remove(at);
                gone(&slot);
            }
        }
    }

    /// No record holds an action any more.
    pub(crate) fn forget_actions(&mut self) {
        for slot in self.lines.iter_mut().flat_map(|line| &mut line.0) {
            slot.action = 0;
        }
    }

    /// False when the store is full.
    fn make_room(&mut self) -> bool {
        let slots = self.lines.len() * 2;
        if (self.records + 1) * LOAD.1 <= slots * LOAD.0 {
            return true;
        }
        if slots >= SLOTS_MAX {
            return self.records < slots - 1;
        }
        self.resize((slots * 2).max(SLOTS_MIN));
        true
    }

    /// Room for `records` without growing.
    pub(crate) fn reserve(&mut self, records: usize) {
        let slots = (records * LOAD.1 / LOAD.0 + 2).next_power_of_two().clamp(SLOTS_MIN, SLOTS_MAX);
        if slots > self.lines.len() * 2 {
            self.resize(slots);
        }
    }

    fn resize(&mut self, slots: usize) {
        let old = std::mem::replace(&mut self.lines, vec![Line([Slot::EMPTY; 2]); slots / 2]);
        let created = std::mem::replace(&mut self.created, vec![SimTime::ZERO; slots]);
        let mut wheel = self.wheel.emptied(slots);
        for (tick, from) in self.wheel.filed() {
            let slot = old[from / 2].0[from % 2];
            let at = self.place(slot.key.hash(), slot.key);
            let passed_on = self.get(at).passed_on;
            *self.get_mut(at) = Slot { passed_on, ..slot };
            self.created[at] = created[from];
            wheel.file_in(at, tick);
        }
        self.wheel = wheel;
    }

    /// Ends every record.
    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }
}
