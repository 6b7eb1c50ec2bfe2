//! A timing wheel over numbered things: which of them may be idle by now, in time proportional to how many.
//!
//! Each thing is filed under the tick in which it would become idle if nothing more came. Nothing moves when a
//! packet comes; a thing whose tick has passed is looked at, and filed anew when it was not idle after all.
//! A tick is a list that is written and read in order, so that filing costs no cache miss. What is unfiled stays in its
//! list, and is known as gone by the tick noted for each thing; when lists hold mostly such entries, they are cleaned.

use vnetsim_types::SimTime;

use crate::memory::{filled, prefetch};

/// About two seconds.
const TICK_NS: u64 = 1 << 31;
/// Farther than this ahead, things are looked at earlier than needed: 275 s, beyond the usual four minutes.
const TICKS: u64 = 128;
/// In place of a tick: filed nowhere.
const NOWHERE: u8 = u8::MAX;
/// In place of a tick while lists are cleaned: seen.
const SEEN: u8 = NOWHERE - 1;
/// So many entries of what is gone are no reason to clean.
const STALE_MIN: usize = 1 << 12;

#[derive(Clone, Debug, Default)]
pub(crate) struct Wheel {
    /// Things by tick; none before the first thing is filed.
    lists: Vec<Vec<u32>>,
    /// By thing, the tick it is filed in.
    ticks: Vec<u8>,
    /// Things filed, and entries in lists.
    filed: usize,
    entries: usize,
    /// Ticks before this one are empty.
    swept: u64,
}

impl Wheel {
    /// A wheel at the same time, for `things` things, with nothing filed.
    pub(crate) fn emptied(&self, things: usize) -> Self {
        Self {
            lists: vec![Vec::new(); TICKS as usize],
            ticks: filled(NOWHERE, things),
            filed: 0,
            entries: 0,
            swept: self.swept,
        }
    }

    pub(crate) fn memory_bytes(&self) -> usize {
        let entries: usize = self.lists.iter().map(Vec::capacity).sum();
        size_of_val(&*self.lists) + entries * size_of::<u32>() + size_of_val(&*self.ticks)
    }

    /// Files `thing`, which is filed nowhere, to be looked at soon after `due` at the latest.
    #[inline]
    pub(crate) fn file(&mut self, thing: usize, due: SimTime) {
        let tick = (due.0 / TICK_NS).clamp(self.swept + 1, self.swept + TICKS - 1);
        self.file_in(thing, (tick % TICKS) as u8);
    }

    /// Files `thing` in a place of the wheel.
    #[inline]
    pub(crate) fn file_in(&mut self, thing: usize, tick: u8) {
        self.lists[usize::from(tick)].push(thing as u32);
        self.ticks[thing] = tick;
        self.filed += 1;
        self.entries += 1;
        if self.entries > 2 * self.filed + STALE_MIN {
            self.clean();
        }
    }

    /// Does nothing to what is filed nowhere.
    #[inline]
    pub(crate) fn unfile(&mut self, thing: usize) {
        let tick = &mut self.ticks[thing];
        self.filed -= usize::from(*tick != NOWHERE);
        *tick = NOWHERE;
    }

    /// A thing whose tick has passed, which is no longer filed.
    #[inline]
    pub(crate) fn due(&mut self, now: SimTime) -> Option<usize> {
        if self.lists.is_empty() {
            return None;
        }
        let present = now.0 / TICK_NS;
        // After a long pause everything has its turn once.
        self.swept = self.swept.max(present.saturating_sub(TICKS));
        while self.swept < present {
            let tick = (self.swept % TICKS) as u8;
            while let Some(thing) = self.lists[usize::from(tick)].pop() {
                self.entries -= 1;
                if self.ticks[thing as usize] == tick {
                    self.unfile(thing as usize);
                    return Some(thing as usize);
                }
            }
            self.lists[usize::from(tick)] = Vec::new();
            self.swept += 1;
        }
        None
    }

    /// What [`Wheel::due`] probably says in a few turns.
    #[inline]
    pub(crate) fn soon(&self, turns: usize) -> Option<usize> {
        let list = self.lists.get((self.swept % TICKS) as usize)?;
        Some(*list.get(list.len().wrapping_sub(turns))? as usize)
    }

    /// Asks for the tick of `thing`.
    #[inline]
    pub(crate) fn fetch(&self, thing: usize) {
        if let Some(tick) = self.ticks.get(thing) {
            prefetch(tick);
        }
    }

    /// What is filed in the tick of `now`.
    pub(crate) fn in_tick_of(&self, now: SimTime) -> Vec<usize> {
        self.list((now.0 / TICK_NS % TICKS) as usize)
    }

    /// Everything filed, with its place.
    pub(crate) fn filed(&self) -> Vec<(u8, usize)> {
        let all = (0..self.lists.len()).map(|tick| (tick, self.list(tick)));
        all.flat_map(|(tick, things)| things.into_iter().map(move |at| (tick as u8, at))).collect()
    }

    /// What is filed in `tick`, each once.
    fn list(&self, tick: usize) -> Vec<usize> {
        let all = self.lists.get(tick).into_iter().flatten().map(|thing| *thing as usize);
        let mut things: Vec<usize> = all.filter(|thing| usize::from(self.ticks[*thing]) == tick).collect();
        things.sort_unstable();
        things.dedup();
        things
    }

    /// Drops the entries of what is gone.
    #[inline(never)]
    fn clean(&mut self) {
        self.entries = 0;
        for (tick, list) in self.lists.iter_mut().enumerate() {
            let ticks = &mut self.ticks;
            // A place may be filed, unfiled and filed again in one tick.
            list.retain(|thing| {
                let here = usize::from(ticks[*thing as usize]) == tick;
                if here {
                    ticks[*thing as usize] = SEEN;
                }
                here
            });
            list.iter().for_each(|thing| ticks[*thing as usize] = tick as u8);
            self.entries += list.len();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000_000;

    #[test]
    fn filing_and_unfiling_leave_no_entries_behind() {
        let mut wheel = Wheel::default().emptied(100);
        wheel.file(7, SimTime::from_secs(200));
        for round in 0..1_000_000_u64 {
            wheel.file(round as usize % 7, SimTime(round % 240 * SECOND));
            wheel.unfile(round as usize % 7);
        }
        assert!(wheel.entries <= STALE_MIN + 3 && wheel.filed == 1, "{} entries", wheel.entries);
        assert_eq!(wheel.filed().len(), 1);
        assert_eq!((wheel.due(SimTime::from_secs(190)), wheel.due(SimTime::from_secs(210))), (None, Some(7)));
        assert_eq!(wheel.due(SimTime::from_secs(1000)), None);
    }

    #[test]
    fn each_thing_has_its_turn_once() {
        let mut wheel = Wheel::default().emptied(1_000);
        for thing in 0..1_000 {
            wheel.file(thing, SimTime(thing as u64 * SECOND));
            if thing % 3 == 0 {
                wheel.unfile(thing);
                wheel.file(thing, SimTime(thing as u64 * SECOND));
            }
        }
        let mut seen = vec![0; 1_000];
        for second in 0..1_100 {
            while let Some(thing) = wheel.due(SimTime(second * SECOND)) {
                seen[thing] += 1;
            }
        }
        assert!(seen.iter().all(|turns| *turns == 1));
    }
}
