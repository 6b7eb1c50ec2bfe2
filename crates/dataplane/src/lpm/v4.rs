//! The table that IPv4 addresses are looked up in.
//!
//! A line holds eight starts and, for each, how much its route differs from the one before: the sum
//! over all starts at or before an address is its route, found without a branch or another load.
//! A batch takes a block through one step at a time, so that the misses of a block overlap. Starts
//! are stored with the sign bit flipped, because SSE2, which every x86-64 has, compares only signed.

use std::{array, hint::black_box};

use vnetsim_types::RouteIx;

use super::{
    flatten::{Prefix, flatten},
    plan::{CROWDED, DIRECT, Plan, Region, direct, plan},
};

/// Starts of a line.
const WIDTH: usize = 8;

/// The starts of consecutive ranges, and what each adds to the route of the one before.
#[derive(Clone, Copy, Debug)]
#[repr(align(64))]
struct Line {
    keys: [i32; WIDTH],
    steps: [i32; WIDTH],
}

/// Routes of one family, ready for lookup. The default has none and answers so.
#[derive(Clone, Debug)]
pub(super) struct Table {
    /// The region of the first addresses, most often of all; and those after it.
    first: Region,
    others: Box<[Region]>,
    crowded: Box<[Region]>,
    entries: Box<[u32]>,
    lines: Box<[Line]>,
    direct: bool,
}

impl Default for Table {
    fn default() -> Self {
        Self::build(Vec::new())
    }
}

/// Order of `u32` as order of `i32`.
#[inline]
fn signed(key: u32) -> i32 {
    (key ^ 1 << 31) as i32
}

impl Table {
    pub(super) fn build(prefixes: Vec<Prefix>) -> Self {
        let starts: Vec<(u64, u32)> = flatten(prefixes, u128::from(u32::MAX))
            .into_iter()
            .map(|start| (start.key as u64, start.route))
            .collect();
        let Plan { first, others, crowded, entries, lines, direct } = plan(&starts, WIDTH);
        let mut lines: Vec<Line> = lines.into_iter().map(|first| line(&starts[first..])).collect();
        if lines.is_empty() {
            lines.push(line(&starts)); // a batch reads one for every address
        }
        Self {
            first,
            others: others.into(),
            crowded: crowded.into(),
            entries: entries.into(),
            lines: lines.into(),
            direct,
        }
    }

    /// The route, or [`NONE`].
    #[inline]
    pub(super) fn lookup(&self, dst: u32) -> u32 {
        let key = u64::from(dst);
        let mut region = &self.first;
        for next in &self.others {
            if next.from <= key {
                region = next;
            }
        }
        let mut entry = self.entries[region.entry(key)];
        if entry >= CROWDED {
            if entry < DIRECT {
                entry = self.in_crowd(entry, dst);
            }
            if entry >= DIRECT {
                return direct(entry);
            }
        }
        self.lines[entry as usize].route(signed(dst))
    }

    /// The entry of `dst` in the region of a crowded bucket: a line, or a route.
    #[cold]
    #[inline(never)]
    fn in_crowd(&self, mut entry: u32, dst: u32) -> u32 {
        while (CROWDED..DIRECT).contains(&entry) {
            entry = self.entries[self.crowded[(entry ^ CROWDED) as usize].entry(u64::from(dst))];
        }
        entry
    }

    pub(super) fn lookup_batch(&self, dst: &[u32], routes: &mut [RouteIx]) {
        if self.direct {
            self.lookup_blocks::<64, true>(dst, routes);
        } else {
            self.lookup_blocks::<16, false>(dst, routes);
        }
    }

    /// Takes `B` addresses at a time through one step after another, so that their misses overlap.
    fn lookup_blocks<const B: usize, const DIRECT_TOO: bool>(&self, dst: &[u32], routes: &mut [RouteIx]) {
        let (dst, dst_rest) = dst.as_chunks::<B>();
        let (routes, routes_rest) = routes.as_chunks_mut::<B>();
        for (dst, routes) in dst.iter().zip(routes) {
            let mut entries =
                places(&self.first, &self.others, dst).map(|place| self.entries[place as usize]);
            let marks = entries.iter().fold(0, |marks, entry| marks | entry);
            if marks & CROWDED != 0 {
                self.leave_crowds(&mut entries, dst);
            }
            if DIRECT_TOO {
                // Without a branch: a route's entry reads a line too, one that stays near. Asks for all
                // lines of the block before the first one is needed.
                let known = entries.map(|entry| (entry as i32 >> 31) as u32);
                let line = |at: usize| &self.lines[(entries[at] & !known[at]) as usize];
                black_box((0..B).fold(0, |touched, at| touched ^ line(at).keys[0]));
                for (at, route) in routes.iter_mut().enumerate() {
                    let read = line(at).route(signed(dst[at]));
                    *route = RouteIx(known[at] & direct(entries[at]) | !known[at] & read);
                }
            } else {
                for ((entry, dst), route) in entries.iter().zip(dst).zip(routes) {
                    *route = RouteIx(self.lines[*entry as usize].route(signed(*dst)));
                }
            }
        }
        for (dst, route) in dst_rest.iter().zip(routes_rest) {
            *route = RouteIx(self.lookup(*dst));
        }
    }

    /// Follows the entries that lead to regions of crowded buckets.
    #[cold]
    #[inline(never)]
    fn leave_crowds(&self, entries: &mut [u32], dst: &[u32]) {
        for (entry, dst) in entries.iter_mut().zip(dst) {
            if (CROWDED..DIRECT).contains(entry) {
                *entry = self.in_crowd(*entry, *dst);
            }
        }
    }

    pub(super) fn heap_bytes(&self) -> usize {
        size_of_val(&*self.others)
            + size_of_val(&*self.crowded)
            + size_of_val(&*self.entries)
            + size_of_val(&*self.lines)
    }
}

/// The line of the first starts of `starts`; places that are left add nothing.
fn line(starts: &[(u64, u32)]) -> Line {
    let mut line = Line { keys: [i32::MAX; WIDTH], steps: [0; WIDTH] };
    let mut before = 0;
    for (place, (key, route)) in starts.iter().take(WIDTH).enumerate() {
        // The first start counts for every address: the ones before it never come here.
        line.keys[place] = signed(*key as u32);
        line.steps[place] = route.wrapping_sub(before) as i32;
        before = *route;
    }
    line
}

impl Line {
    /// The route of the range that `key` is in: the sum of the steps up to there, branch-free in four lanes.
    #[inline]
    fn route(&self, key: i32) -> u32 {
        let steps: [i32; WIDTH] = array::from_fn(|at| self.steps[at] & -i32::from(self.keys[at] <= key));
        let [a, b, c, d]: [i32; WIDTH / 2] =
            array::from_fn(|at| steps[at].wrapping_add(steps[at + WIDTH / 2]));
        (a.wrapping_add(c)).wrapping_add(b.wrapping_add(d)) as u32
    }
}

/// Where the entries of a block stand.
#[inline]
fn places<const B: usize>(first: &Region, others: &[Region], dst: &[u32; B]) -> [u32; B] {
    let mut places = [0; B];
    let (start, shift, last, base) = (first.start as u32, first.shift & 31, first.last as i32, first.base);
    for (place, dst) in places.iter_mut().zip(dst) {
        // Only the first region may start its buckets behind its first address. A shift of at least
        // one makes the bucket a positive number of 32 bits, which SSE2 can compare.
        let inside = dst.wrapping_sub(start) & (-i32::from(signed(*dst) >= signed(start))) as u32;
        *place = ((inside >> shift) as i32).min(last) as u32 + base;
    }
    for region in others {
        let (from, start) = (signed(region.from as u32), region.start as u32);
        let (shift, last, base) = (region.shift & 31, region.last as i32, region.base);
        for (place, dst) in places.iter_mut().zip(dst) {
            let here = ((dst.wrapping_sub(start) >> shift) as i32).min(last) as u32 + base;
            *place = if signed(*dst) >= from { here } else { *place };
        }
    }
    places
}
