//! When which connection wants to be polled.
//!
//! Owns the times: a heap that knows where each connection stands in it, because nearly every segment moves a time and
//! nearly none comes true. Called by `host` after every event of a connection; must never hold a connection that ended.
//! Costs a few swaps per change, and nothing is allocated but by the first change of a connection.

use vnetsim_types::SimTime;

/// Times by connection (its place in the host); each has one at most.
#[derive(Debug, Default)]
pub(crate) struct Timers {
    /// A binary heap, earliest first, the lower place at equal times.
    heap: Vec<(SimTime, u32)>,
    /// Where a connection stands in the heap.
    places: Vec<Option<u32>>,
}

impl Timers {
    /// The earliest time.
    pub(crate) fn first(&self) -> Option<SimTime> {
        self.heap.first().map(|(at, _)| *at)
    }

    /// The connection with the earliest time, if that is `now` or before.
    pub(crate) fn due(&self, now: SimTime) -> Option<u32> {
        self.heap.first().filter(|(at, _)| *at <= now).map(|(_, ix)| *ix)
    }

    /// The time of `ix` is `time`.
    pub(crate) fn set(&mut self, ix: u32, time: Option<SimTime>) {
        if self.places.len() <= ix as usize {
            self.places.resize(ix as usize + 1, None);
        }
        let at = match (self.places[ix as usize], time) {
            (None, None) => return,
            (None, Some(time)) => {
                self.heap.push((time, ix));
                self.heap.len() - 1
            }
            (Some(at), Some(time)) => {
                self.heap[at as usize].0 = time;
                at as usize
            }
            (Some(at), None) => {
                self.heap.swap_remove(at as usize);
                self.places[ix as usize] = None;
                at as usize
            }
        };
        if at < self.heap.len() {
            self.settle(at);
        }
    }

    /// Moves the entry at `at` to where it belongs.
    fn settle(&mut self, mut at: usize) {
        let entry = self.heap[at];
        while at > 0 && entry < self.heap[(at - 1) / 2] {
            self.put(at, self.heap[(at - 1) / 2]);
            at = (at - 1) / 2;
        }
        loop {
            let children = 2 * at + 1..self.heap.len().min(2 * at + 3);
            let Some(child) = children.min_by_key(|child| self.heap[*child]) else { break };
            if entry <= self.heap[child] {
                break;
            }
            self.put(at, self.heap[child]);
            at = child;
        }
        self.put(at, entry);
    }

    fn put(&mut self, at: usize, entry: (SimTime, u32)) {
        self.heap[at] = entry;
        self.places[entry.1 as usize] = Some(at as u32);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_first_is_the_earliest(changes in prop::collection::vec((0..20_u32, prop::option::of(0..50_u64)), 0..200)) {
            let (mut timers, mut model) = (Timers::default(), BTreeMap::new());
            for (ix, time) in changes {
                timers.set(ix, time.map(SimTime));
                match time {
                    Some(time) => model.insert(ix, SimTime(time)),
                    None => model.remove(&ix),
                };
                let first = model.iter().map(|(ix, time)| (*time, *ix)).min();
                prop_assert_eq!(timers.first(), first.map(|(time, _)| time));
                prop_assert_eq!(timers.due(SimTime(25)), first.filter(|(time, _)| time.0 <= 25).map(|(_, ix)| ix));
            }
        }
    }
}
