//! The table that IPv6 addresses are looked up in: by the upper half, where nearly all prefixes end.
//! A /64 that longer prefixes divide has the starts inside it in an array of its own.

use vnetsim_types::RouteIx;

use super::{
    NONE,
    flatten::{Prefix, flatten},
    plan::{CROWDED, DIRECT, Plan, Region, direct, plan},
};

/// Starts of a line.
const WIDTH: usize = 5;
/// Marks a route that is the number of a divided /64; less than all bits, which say no route.
const DIVIDED: u32 = 1 << 28;

/// The starts of consecutive ranges, and their routes.
#[derive(Clone, Copy, Debug)]
#[repr(align(64))]
struct Line {
    keys: [u64; WIDTH],
    routes: [u32; WIDTH],
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
    /// Starts inside the divided /64s, lower halves and routes; and where those of each end.
    inner: Box<[(u64, u32)]>,
    divided: Box<[u32]>,
}

impl Default for Table {
    fn default() -> Self {
        Self::build(Vec::new())
    }
}

impl Table {
    pub(super) fn build(prefixes: Vec<Prefix>) -> Self {
        let (mut upper, mut inner, mut divided) = (Vec::new(), Vec::new(), Vec::new());
        // The route in force so far; and where the /64 after a divided one begins.
        let (mut route, mut resume) = (NONE, None);
        for starts in flatten(prefixes, u128::MAX).chunk_by(|a, b| a.key >> 64 == b.key >> 64) {
            let half = (starts[0].key >> 64) as u64;
            upper.extend(resume.take().filter(|next| *next < half).map(|next| (next, route)));
            let whole = starts[0].key as u64 == 0;
            if let ([start], true) = (starts, whole) {
                upper.push((half, start.route));
            } else {
                upper.push((half, DIVIDED | divided.len() as u32));
                divided.push(inner.len() as u32);
                inner.extend((!whole).then_some((0, route)));
                inner.extend(starts.iter().map(|start| (start.key as u64, start.route)));
                resume = half.checked_add(1);
            }
            route = starts[starts.len() - 1].route;
        }
        upper.extend(resume.map(|next| (next, route)));
        divided.push(inner.len() as u32);
        let Plan { first, others, crowded, entries, lines, .. } = plan(&upper, WIDTH);
        Self {
            first,
            others: others.into(),
            crowded: crowded.into(),
            entries: entries.into(),
            lines: lines.into_iter().map(|first| line(&upper[first..])).collect(),
            inner: inner.into(),
            divided: divided.into(),
        }
    }

    /// The route, or [`NONE`].
    #[inline]
    pub(super) fn lookup(&self, dst: u128) -> u32 {
        let key = (dst >> 64) as u64;
        let mut region = &self.first;
        for next in &self.others {
            if next.from <= key {
                region = next;
            }
        }
        let mut entry = self.entries[region.entry(key)];
        while (CROWDED..DIRECT).contains(&entry) {
            entry = self.entries[self.crowded[(entry ^ CROWDED) as usize].entry(key)];
        }
        let route = if entry >= DIRECT {
            direct(entry)
        } else {
            let line = &self.lines[entry as usize];
            let at_or_before: usize = line.keys.iter().map(|start| usize::from(*start <= key)).sum();
            line.routes[at_or_before - 1]
        };
        if (DIVIDED..2 * DIVIDED).contains(&route) { self.lookup_divided(route, dst as u64) } else { route }
    }

    /// The route inside a /64 with longer prefixes.
    #[inline(never)]
    fn lookup_divided(&self, mark: u32, low: u64) -> u32 {
        let nth = (mark ^ DIVIDED) as usize;
        let starts = &self.inner[self.divided[nth] as usize..self.divided[nth + 1] as usize];
        starts[starts.partition_point(|(start, _)| *start <= low) - 1].1
    }

    pub(super) fn lookup_batch(&self, dst: &[u128], routes: &mut [RouteIx]) {
        for (dst, route) in dst.iter().zip(routes) {
            *route = RouteIx(self.lookup(*dst));
        }
    }

    pub(super) fn heap_bytes(&self) -> usize {
        size_of_val(&*self.others)
            + size_of_val(&*self.crowded)
            + size_of_val(&*self.entries)
            + size_of_val(&*self.lines)
            + size_of_val(&*self.inner)
            + size_of_val(&*self.divided)
    }
}

/// The line of the first starts of `starts`; places that are left repeat the last route.
fn line(starts: &[(u64, u32)]) -> Line {
    let mut line = Line { keys: [u64::MAX; WIDTH], routes: [starts[starts.len().min(WIDTH) - 1].1; WIDTH] };
    for (place, (key, route)) in starts.iter().take(WIDTH).enumerate() {
        line.keys[place] = *key;
        line.routes[place] = *route;
    }
    line
}
