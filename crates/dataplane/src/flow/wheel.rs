//! A timing wheel over numbered things: which of them may be idle by now, in time proportional to how many.
//!
//! Each thing is filed under the tick in which it would become idle if nothing more came. Nothing moves when a
//! packet comes; a thing whose tick has passed is looked at, and filed anew when it was not idle after all.
//! Doubly linked lists in two arrays: filing and unfiling cost a few words, and no memory beyond the things.

use vnetsim_types::SimTime;

use crate::memory::filled;

/// About a second.
const TICK_NS: u64 = 1 << 30;
/// Farther than this ahead, things are looked at earlier than needed: 275 s, beyond the usual four minutes.
const TICKS: u64 = 256;
const NONE: u32 = u32::MAX;
/// In [`Link::before`]: nothing is before, and the rest is the tick whose list this one leads.
const FIRST: u32 = 1 << 31;

#[derive(Clone, Copy, Debug)]
struct Link {
    before: u32,
    after: u32,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Wheel {
    /// First of each tick's list; none before the first thing is filed.
    first: Vec<u32>,
    links: Vec<Link>,
    /// Ticks before this one are empty.
    swept: u64,
}

impl Wheel {
    /// A wheel at the same time, for `things` things, with nothing filed.
    pub(crate) fn emptied(&self, things: usize) -> Self {
        Self {
            first: vec![NONE; TICKS as usize],
            links: filled(Link { before: NONE, after: NONE }, things),
            swept: self.swept,
        }
    }

    pub(crate) fn memory_bytes(&self) -> usize {
        size_of_val(&*self.first) + size_of_val(&*self.links)
    }

    /// Files `thing`, to be looked at soon after `due` at the latest.
    #[inline]
    pub(crate) fn file(&mut self, thing: usize, due: SimTime) {
        let tick = (due.0 / TICK_NS).clamp(self.swept, self.swept + TICKS - 1);
        self.file_in(thing, (tick % TICKS) as u32);
    }

    /// Files `thing` in a place of the wheel.
    pub(crate) fn file_in(&mut self, thing: usize, tick: u32) {
        let first = &mut self.first[tick as usize];
        let after = std::mem::replace(first, thing as u32);
        self.links[thing] = Link { before: FIRST | tick, after };
        if after != NONE {
            self.links[after as usize].before = thing as u32;
        }
    }

    #[inline]
    pub(crate) fn unfile(&mut self, thing: usize) {
        let Link { before, after } = self.links[thing];
        match before & FIRST {
            0 => self.links[before as usize].after = after,
            _ => self.first[(before & !FIRST) as usize] = after,
        }
        if after != NONE {
            self.links[after as usize].before = before;
        }
    }

    /// A thing whose tick has passed; it must be unfiled or filed anew before the next call.
    #[inline]
    pub(crate) fn due(&mut self, now: SimTime) -> Option<usize> {
        if self.first.is_empty() {
            return None;
        }
        let present = now.0 / TICK_NS;
        // After a long pause everything has its turn once.
        self.swept = self.swept.max(present.saturating_sub(TICKS));
        while self.swept < present {
            let first = self.first[(self.swept % TICKS) as usize];
            if first != NONE {
                return Some(first as usize);
            }
            self.swept += 1;
        }
        None
    }

    /// What is filed in the tick of `now`.
    pub(crate) fn in_tick_of(&self, now: SimTime) -> Vec<usize> {
        let tick = now.0 / TICK_NS % TICKS;
        self.list(tick as usize).collect()
    }

    /// Everything filed, with its place.
    pub(crate) fn filed(&self) -> Vec<(u32, usize)> {
        (0..self.first.len()).flat_map(|tick| self.list(tick).map(move |at| (tick as u32, at))).collect()
    }

    fn list(&self, tick: usize) -> impl Iterator<Item = usize> + '_ {
        let mut at = self.first.get(tick).copied().unwrap_or(NONE);
        std::iter::from_fn(move || {
            let here = (at != NONE).then_some(at as usize)?;
            at = self.links[here].after;
            Some(here)
        })
    }
}
