//! The events to come: two wheels of slots, and a heap for what is far off.
//!
//! A slot of the near wheel holds the events of 1.024 us, unsorted; they are sorted when their time comes, so that adding
//! an event costs the same however many there are. The far wheel's slots are as long as the whole near wheel (4.2 ms) and
//! are dealt out when their time comes; what lies beyond 4.3 s waits in a heap. Each shard has one. Must never decide an
//! order: keys do. Costs a push, a pop and a share of a short sort for each event.

use std::{
    cmp::{Ordering, Reverse},
    collections::BinaryHeap,
};

use vnetsim_types::SimTime;

use crate::event::{Entry, Event};

/// A near slot is 2^10 ns long.
const NEAR_SHIFT: u32 = 10;
const NEAR_BITS: u32 = 12;
/// A far slot is as long as the near wheel.
const FAR_SHIFT: u32 = NEAR_SHIFT + NEAR_BITS;
const FAR_BITS: u32 = 10;
/// Memory for at most so many events is used again, and that of at most so many slots.
const KEPT_MAX: usize = 1 << 12;
const SPARE_MAX: usize = 1 << NEAR_BITS;

#[derive(Debug)]
struct Slots {
    slots: Vec<Vec<Entry>>,
    /// Which slots hold something.
    used: Vec<u64>,
}

impl Slots {
    fn new(bits: u32) -> Self {
        Self { slots: (0..1 << bits).map(|_| Vec::new()).collect(), used: vec![0; 1 << (bits - 6)] }
    }

    /// Adds an event to `slot`, in memory of `spare` if the slot has none: that of the slot emptied last is in the caches.
    fn push(&mut self, slot: usize, entry: Entry, spare: &mut Vec<Vec<Entry>>) {
        self.used[slot / 64] |= 1 << (slot % 64);
        let place = &mut self.slots[slot];
        if place.capacity() == 0
            && let Some(memory) = spare.pop()
        {
            *place = memory;
        }
        place.push(entry);
    }

    /// The first slot in use from `from` on, without going round.
    fn next(&self, from: usize) -> Option<usize> {
        let word = from / 64;
        let first = *self.used.get(word)? & (u64::MAX << (from % 64));
        let words = std::iter::once(first).chain(self.used[word + 1..].iter().copied());
        let at = words.enumerate().find(|(_, bits)| *bits != 0);
        at.map(|(ix, bits)| (word + ix) * 64 + bits.trailing_zeros() as usize)
    }

    /// Takes what `slot` holds.
    fn take(&mut self, slot: usize) -> Vec<Entry> {
        self.used[slot / 64] &= !(1 << (slot % 64));
        std::mem::take(&mut self.slots[slot])
    }
}

/// True for what may end flow records, beside the time (NSG-14, U-13).
#[inline]
fn changes(event: &Event) -> bool {
    match event {
        Event::Change(_) | Event::Flip(_) => true,
        Event::Arrive(flight) | Event::Emit(_, flight) => flight.ends_connection(),
        _ => false,
    }
}

/// Ordered so that a heap gives the earliest first.
#[derive(Debug)]
struct Beyond(Entry);

impl PartialEq for Beyond {
    fn eq(&self, other: &Self) -> bool {
        self.0.key == other.0.key
    }
}
impl Eq for Beyond {}
impl PartialOrd for Beyond {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Beyond {
    fn cmp(&self, other: &Self) -> Ordering {
        other.0.key.cmp(&self.0.key)
    }
}

/// The events to come, of one shard.
#[derive(Debug)]
pub(crate) struct Wheel {
    /// Those of the slot whose time has come, and whatever was added late; the latest first.
    current: Vec<Entry>,
    /// Memory of slots that were emptied.
    spare: Vec<Vec<Entry>>,
    near: Slots,
    far: Slots,
    beyond: BinaryHeap<Beyond>,
    /// Number of the current near slot since the start of time.
    cursor: u64,
    /// Events that keep the run alive.
    foreground: usize,
    /// When the network will change, or a connection may end.
    changes: BinaryHeap<Reverse<SimTime>>,
}

impl Default for Wheel {
    fn default() -> Self {
        Self {
            current: Vec::new(),
            spare: Vec::new(),
            near: Slots::new(NEAR_BITS),
            far: Slots::new(FAR_BITS),
            beyond: BinaryHeap::new(),
            cursor: 0,
            foreground: 0,
            changes: BinaryHeap::new(),
        }
    }
}

impl Wheel {
    /// Back to the start of time, without events.
    pub(crate) fn restart(&mut self) {
        if self.next_time().is_some() {
            *self = Self::default();
        }
        self.cursor = 0;
    }

    /// Adds an event.
    pub(crate) fn push(&mut self, entry: Entry) {
        self.foreground += usize::from(!entry.key.is_background());
        if changes(&entry.event) {
            self.changes.push(Reverse(entry.key.time));
        }
        self.place(entry);
    }

    /// True when the network and the flow records of connections, as far as is known, will be the same until after `time`.
    #[inline]
    pub(crate) fn nothing_changes_until(&self, time: SimTime) -> bool {
        self.changes.peek().is_none_or(|Reverse(change)| *change > time)
    }

    /// The event that comes after `ahead` others, if it is known without a search.
    #[inline]
    pub(crate) fn upcoming(&self, ahead: usize) -> Option<&Event> {
        self.current.len().checked_sub(1 + ahead).map(|at| &self.current[at].event)
    }

    fn place(&mut self, entry: Entry) {
        let slot = entry.key.time.0 >> NEAR_SHIFT;
        if slot <= self.cursor {
            let at = self.current.partition_point(|other| other.key > entry.key);
            self.current.insert(at, entry);
            return;
        }
        let pages = (slot >> NEAR_BITS) - (self.cursor >> NEAR_BITS);
        match pages {
            0 => self.near.push((slot & ((1 << NEAR_BITS) - 1)) as usize, entry, &mut self.spare),
            1..=0x3ff => self.far.push(far_slot(slot >> NEAR_BITS), entry, &mut self.spare),
            _ => self.beyond.push(Beyond(entry)),
        }
    }

    /// True while an event keeps the run alive.
    pub(crate) fn is_alive(&self) -> bool {
        self.foreground > 0
    }

    /// When the next event happens.
    pub(crate) fn next_time(&self) -> Option<SimTime> {
        if let Some(entry) = self.current.last() {
            return Some(entry.key.time);
        }
        let earliest = |slot: &Vec<Entry>| slot.iter().map(|entry| entry.key.time).min();
        if let Some(slot) = self.near.next(self.near_from()) {
            return earliest(&self.near.slots[slot]);
        }
        let far = self.next_page().and_then(|page| earliest(&self.far.slots[far_slot(page)]));
        let beyond = self.beyond.peek().map(|entry| entry.0.key.time);
        [far, beyond].into_iter().flatten().min()
    }

    /// Takes the next event, if it happens before `end`.
    pub(crate) fn pop_before(&mut self, end: SimTime) -> Option<Entry> {
        while self.current.is_empty() {
            if !self.advance(end) {
                return None;
            }
        }
        if self.current.last()?.key.time >= end {
            return None;
        }
        let entry = self.current.pop()?;
        self.foreground -= usize::from(!entry.key.is_background());
        if changes(&entry.event) {
            self.changes.pop(); // the earliest one, which this is
        }
        Some(entry)
    }

    /// Goes on to the next slot in use, if it begins before `end`.
    fn advance(&mut self, end: SimTime) -> bool {
        if let Some(slot) = self.near.next(self.near_from()) {
            let number = self.cursor >> NEAR_BITS << NEAR_BITS | slot as u64;
            if number << NEAR_SHIFT >= end.0 {
                return false;
            }
            self.cursor = number;
            self.enter(slot);
            return true;
        }
        let beyond = self.beyond.peek().map(|entry| entry.0.key.time.0 >> FAR_SHIFT);
        let Some(page) = [self.next_page(), beyond].into_iter().flatten().min() else { return false };
        if page << FAR_SHIFT >= end.0 {
            return false;
        }
        self.turn_to(page);
        true
    }

    /// The time of a near slot has come.
    fn enter(&mut self, slot: usize) {
        let emptied = std::mem::replace(&mut self.current, self.near.take(slot));
        self.keep(emptied);
        self.current.sort_unstable_by_key(|entry| std::cmp::Reverse(entry.key));
    }

    fn keep(&mut self, emptied: Vec<Entry>) {
        if (1..=KEPT_MAX).contains(&emptied.capacity()) && self.spare.len() < SPARE_MAX {
            self.spare.push(emptied);
        }
    }

    /// Deals out the events of far slot `page`.
    fn turn_to(&mut self, page: u64) {
        let mut dealt = self.far.take(far_slot(page));
        // The slot before the page's first one, so that nothing of it counts as late.
        self.cursor = (page << NEAR_BITS) - 1;
        let first = page << NEAR_BITS;
        for entry in dealt.drain(..) {
            self.near.push(((entry.key.time.0 >> NEAR_SHIFT) - first) as usize, entry, &mut self.spare);
        }
        self.keep(dealt);
        while self.beyond.peek().is_some_and(|entry| entry.0.key.time.0 >> FAR_SHIFT == page) {
            if let Some(Beyond(entry)) = self.beyond.pop() {
                self.near.push(((entry.key.time.0 >> NEAR_SHIFT) - first) as usize, entry, &mut self.spare);
            }
        }
        self.cursor = first;
        // The first slot of the page is the current one from now on.
        if self.near.used[0] & 1 != 0 {
            self.enter(0);
        }
    }

    /// Position in the near wheel of the slot after the current one.
    fn near_from(&self) -> usize {
        (self.cursor & ((1 << NEAR_BITS) - 1)) as usize + 1
    }

    /// Number of the next far slot in use.
    fn next_page(&self) -> Option<u64> {
        let page = self.cursor >> NEAR_BITS;
        let from = far_slot(page + 1);
        let ahead = self.far.next(from).map(|slot| slot - from);
        let round = || self.far.next(0).filter(|slot| *slot < from).map(|slot| slot + (1 << FAR_BITS) - from);
        ahead.or_else(round).map(|distance| page + 1 + distance as u64)
    }
}

fn far_slot(page: u64) -> usize {
    (page & ((1 << FAR_BITS) - 1)) as usize
}

#[cfg(test)]
mod tests {
    use vnetsim_types::TrafficId;

    use super::*;
    use crate::event::{Key, Kind, Node};

    fn entry(time: u64, sequence: u64) -> Entry {
        let key = Key::new(SimTime(time), Kind::Start, Node::Traffic(0), sequence);
        Entry { key, event: Event::Start(TrafficId(0), sequence as u32) }
    }

    /// The same as a sorted list does, with events added while others are taken, near, far and beyond, and late ones.
    #[test]
    fn gives_events_in_the_order_of_their_keys() {
        let mut random = 0x9e37_79b9_7f4a_7c15_u64;
        let mut draw = |below: u64| {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            random % below
        };
        for round in 0..40 {
            let mut wheel = Wheel::default();
            let mut model = std::collections::BTreeSet::new();
            let (mut now, mut made) = (0, 0);
            for step in 0..4_000 {
                if step < 3_000 && draw(5) < 3 {
                    let span = [900, 400_000, 90_000_000, 20_000_000_000][draw(4) as usize];
                    let time = now + draw(span);
                    made += 1;
                    wheel.push(entry(time, made));
                    model.insert((time, made));
                }
                let end = now + [1, 1_000, 400_000, u64::MAX / 2][draw(4) as usize];
                let next = model.first().copied();
                assert_eq!(wheel.next_time().map(|t| t.0), next.map(|(time, _)| time), "round {round}");
                let got = wheel.pop_before(SimTime(end)).map(|e| e.key);
                let want = next.filter(|(time, _)| *time < end);
                assert_eq!(got, want.map(|(time, sequence)| entry(time, sequence).key), "round {round}");
                if let Some((time, sequence)) = want {
                    model.remove(&(time, sequence));
                    now = time;
                }
                assert_eq!(wheel.is_alive(), !model.is_empty());
            }
        }
    }
}
