//! Which shape a table gets: regions, buckets, and the lines that hold the starts of its ranges.
//!
//! A region is cut into buckets of 2^shift addresses. A bucket's entry names the line whose starts
//! decide there, or, in a table too large for the first cache, the only route of the bucket; a
//! crowded bucket, with more starts than a line holds, leads to a region of its own. Regions are
//! split at the widest gaps between starts, and each takes the shift that costs the fewest bytes.

use super::NONE;

/// Marks an entry that holds a route instead of the number of a line.
pub(super) const DIRECT: u32 = 1 << 31;
/// Marks an entry that holds the number of a crowded bucket's region.
pub(super) const CROWDED: u32 = 1 << 30;
/// Routes are below this: an entry has room for its marks and for [`NONE`].
pub(super) const ROUTES_MAX: u32 = 1 << 28;
const DIRECT_BITS: u32 = (1 << 30) - 1;

/// Regions that every address is compared with.
pub(super) const REGIONS_MAX: usize = 4;
/// Bytes up to which a table is taken to stay in the first cache, where a second load is cheaper than
/// telling apart whether it is needed.
const SMALL: usize = 32 << 10;
const LINE_BYTES: usize = 64;
/// What a start in a crowded bucket costs in bytes, for each bit of the number of starts there: its share of
/// lines, and the steps through the bucket's region, which are more where it holds more.
const CROWDED_START_BYTES: usize = 64;

/// The range of addresses that shares one bucket size.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Region {
    /// Its first address.
    pub(super) from: u64,
    /// Where its buckets start; what lies before belongs to the first bucket.
    pub(super) start: u64,
    /// Addresses in a bucket: 2^shift, with a shift from 1 to 31 for IPv4, to 63 for IPv6.
    pub(super) shift: u32,
    /// Its last bucket, to which everything after belongs.
    pub(super) last: u32,
    /// Entry of its first bucket.
    pub(super) base: u32,
}

impl Region {
    /// The entry of `key`, which is at or after `from`.
    #[inline]
    pub(super) fn entry(&self, key: u64) -> usize {
        let bucket = (key.saturating_sub(self.start) >> self.shift).min(u64::from(self.last));
        bucket as usize + self.base as usize
    }
}

/// A table's shape.
#[derive(Clone, Debug, Default)]
pub(super) struct Plan {
    /// From address 0.
    pub(super) first: Region,
    /// Ascending by `from`.
    pub(super) others: Vec<Region>,
    /// Regions of crowded buckets.
    pub(super) crowded: Vec<Region>,
    /// Entries of all buckets.
    pub(super) entries: Vec<u32>,
    /// By line: the first of the starts that it holds.
    pub(super) lines: Vec<usize>,
    /// Some entries hold a route.
    pub(super) direct: bool,
}

/// Plans a table over `starts` (key and route, ascending from key 0) with lines of `width` starts.
pub(super) fn plan(starts: &[(u64, u32)], width: usize) -> Plan {
    if starts.len() / width * LINE_BYTES <= SMALL {
        let small = Planner { starts, width, direct: false }.plan();
        if small.entries.len() * 4 + small.lines.len() * LINE_BYTES <= SMALL {
            return small;
        }
    }
    Planner { starts, width, direct: true }.plan()
}

/// The starts from the one in force where something begins up to and including its last one.
#[derive(Clone, Copy)]
struct Run {
    first: usize,
    last: usize,
}

struct Planner<'a> {
    starts: &'a [(u64, u32)],
    width: usize,
    direct: bool,
}

impl Planner<'_> {
    fn plan(&self) -> Plan {
        let mut best: Option<(usize, Vec<(Region, Run)>)> = None;
        for runs in self.partitions() {
            let (mut bytes, mut regions) = (0, Vec::new());
            for (nth, run) in runs.into_iter().enumerate() {
                // The first region starts its buckets at the first start after 0.
                let head = if nth == 0 { run.last.min(1) } else { run.first };
                let (cost, region) = self.region(head, run, self.starts[run.first].0);
                bytes += cost;
                regions.push((region, run));
            }
            bytes += bytes * regions.len() / 16;
            if best.as_ref().is_none_or(|(least, _)| bytes < *least) {
                best = Some((bytes, regions));
            }
        }
        let mut plan = Plan { direct: self.direct, ..Plan::default() };
        for (region, run) in best.map_or_else(Vec::new, |(_, regions)| regions) {
            let placed = self.place(&mut plan, region, run);
            if placed.from == 0 {
                plan.first = placed;
            } else {
                plan.others.push(placed);
            }
        }
        plan
    }

    /// The starts as one region, as two, and so on, split before the starts with the widest gaps.
    fn partitions(&self) -> Vec<Vec<Run>> {
        let last = self.starts.len() - 1;
        // The gap before start 1 is bridged by where the first region's buckets start.
        let mut gaps: Vec<usize> = (2..=last).collect();
        let gap = |at: &usize| std::cmp::Reverse(self.starts[*at].0 - self.starts[*at - 1].0);
        let count = gaps.len().min(REGIONS_MAX - 1);
        if count > 0 {
            gaps.select_nth_unstable_by_key(count - 1, gap);
            gaps.truncate(count);
            gaps.sort_by_key(gap);
        }
        (0..=count)
            .map(|count| {
                let mut splits = gaps[..count].to_vec();
                splits.sort_unstable();
                splits.insert(0, 0);
                let ends = splits[1..].iter().map(|next| next - 1).chain([last]);
                splits.iter().zip(ends).map(|(first, last)| Run { first: *first, last }).collect()
            })
            .collect()
    }

    /// The cheapest region over `run` with buckets that start at start `head`, and its cost in bytes.
    fn region(&self, head: usize, run: Run, from: u64) -> (usize, Region) {
        let starts = run.last - run.first + 1;
        if starts <= self.width {
            return (4 + LINE_BYTES, Region { from, shift: 1, ..Region::default() });
        }
        let mut best: Option<(usize, Region)> = None;
        // The last bucket takes in what lies after it: leave out the starts that shrink the rest most.
        let span = |left_out: usize| self.starts[run.last - left_out].0 - self.starts[head].0;
        let bits = |left_out: usize| u64::BITS - span(left_out).leading_zeros();
        let most = (self.width - 2).min(run.last - head);
        let leave = (0..=most).min_by_key(|left_out| (bits(*left_out), *left_out)).unwrap_or(0);
        let mut tails = vec![0, leave];
        tails.dedup();
        tails.retain(|left_out| *left_out == 0 || bits(*left_out) > 1);
        for left_out in tails {
            // At least two buckets, so that a crowded bucket's region gets fewer starts into each.
            for shift in (1..=bits(left_out).saturating_sub(1).max(1)).rev() {
                let start = self.starts[head].0 >> shift << shift;
                let last = (self.starts[run.last - left_out].0 - start) >> shift;
                if last as usize > starts * 4 + 16 {
                    break;
                }
                let region = Region { from, start, shift, last: last as u32, base: 0 };
                let (cost, crowded) = self.cost(&region, run);
                if best.as_ref().is_none_or(|(least, _)| cost < *least) {
                    best = Some((cost, region));
                }
                if crowded == 0 && last as usize > starts {
                    break;
                }
            }
        }
        best.unwrap_or_else(|| unreachable!("the widest buckets are few"))
    }

    /// Bytes that `region` costs, and how much crowding there is: none, or more for more starts in a bucket.
    fn cost(&self, region: &Region, run: Run) -> (usize, usize) {
        let (mut lines, mut line, mut crowded) = (0, None, 0);
        self.buckets(region, run, |bucket| {
            if self.is_direct(bucket) {
            } else if bucket.last - bucket.first >= self.width {
                let starts = bucket.last - bucket.first;
                crowded += starts * starts.ilog2() as usize;
            } else if !self.holds(line, bucket) {
                line = Some(bucket.first);
                lines += 1;
            }
        });
        let bytes = (region.last as usize + 1) * 4 + lines * LINE_BYTES + crowded * CROWDED_START_BYTES;
        (bytes, crowded)
    }

    /// Gives `region` its entries and lines.
    fn place(&self, plan: &mut Plan, region: Region, run: Run) -> Region {
        let base = plan.entries.len();
        let mut full = Vec::new();
        let Plan { entries, lines, .. } = plan;
        self.buckets(&region, run, |bucket| {
            entries.push(if self.is_direct(bucket) {
                DIRECT | self.starts[bucket.first].1 & DIRECT_BITS
            } else if bucket.last - bucket.first >= self.width {
                full.push((entries.len(), bucket));
                CROWDED
            } else {
                if !self.holds(lines.last().copied(), bucket) {
                    lines.push(bucket.first);
                }
                lines.len() as u32 - 1
            });
        });
        for (entry, bucket) in full {
            let (_, inner) = self.region(bucket.first + 1, bucket, self.starts[bucket.first].0);
            let inner = self.place(plan, inner, bucket);
            plan.entries[entry] = CROWDED | plan.crowded.len() as u32;
            plan.crowded.push(inner);
        }
        Region { base: base as u32, ..region }
    }

    /// Calls `each` with the run of every bucket, in order.
    fn buckets(&self, region: &Region, run: Run, mut each: impl FnMut(Run)) {
        let mut first = run.first;
        for bucket in 0..region.last {
            let next = region.start + ((u64::from(bucket) + 1) << region.shift);
            let mut last = first;
            while last < run.last && self.starts[last + 1].0 < next {
                last += 1;
            }
            each(Run { first, last });
            first = if last < run.last && self.starts[last + 1].0 == next { last + 1 } else { last };
        }
        each(Run { first, last: run.last });
    }

    fn is_direct(&self, bucket: Run) -> bool {
        self.direct && bucket.first == bucket.last
    }

    fn holds(&self, line: Option<usize>, bucket: Run) -> bool {
        line.is_some_and(|line| line <= bucket.first && bucket.last < line + self.width)
    }
}

/// The route of a [`DIRECT`] entry.
#[inline]
pub(super) fn direct(entry: u32) -> u32 {
    // Extends the 30 bits by their sign, which makes NONE of all ones.
    const _: () = assert!(NONE == u32::MAX);
    ((entry << 2) as i32 >> 2) as u32
}
