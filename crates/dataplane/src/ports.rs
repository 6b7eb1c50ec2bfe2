//! Ports: a number for each of them, and sets of them.
//!
//! [`PortTable`] is asked for every packet that NSGs see, at the cost of three loads from little memory; [`PortSet`] only
//! when the NSGs of a pair of addresses are summed up.

use rustc_hash::FxHashMap;

/// Ports that share the upper byte.
const PAGE: usize = 256;

/// A number for every port. Ports of equal pages share memory.
#[derive(Clone, Debug)]
pub(crate) struct PortTable {
    /// By upper byte.
    pages: Box<[u8; PAGE]>,
    /// By page and lower byte: position in `numbers`.
    places: Vec<u16>,
    numbers: Vec<u32>,
}

impl PortTable {
    /// Where each range begins, and its number; ascending, the first one at 0.
    pub(crate) fn build(starts: &[(u128, u32)]) -> Self {
        let mut numbers: Vec<u32> = starts.iter().map(|(_, number)| *number).collect();
        numbers.sort_unstable();
        numbers.dedup();
        let mut all = vec![0_u16; 1 << 16];
        for (ix, (first, number)) in starts.iter().enumerate() {
            let end = starts.get(ix + 1).map_or(1 << 16, |(next, _)| *next as usize);
            let place = numbers.binary_search(number).unwrap_or_default();
            all[*first as usize..end].fill(place as u16);
        }
        let (mut pages, mut places, mut known) = (Box::new([0; PAGE]), Vec::new(), FxHashMap::default());
        for (page, own) in pages.iter_mut().zip(all.chunks_exact(PAGE)) {
            *page = *known.entry(own).or_insert_with(|| {
                places.extend_from_slice(own);
                (places.len() / PAGE - 1) as u8
            });
        }
        Self { pages, places, numbers }
    }

    #[inline(always)]
    pub(crate) fn lookup(&self, port: u16) -> u32 {
        let page = usize::from(self.pages[usize::from(port >> 8)]);
        self.numbers[usize::from(self.places[page * PAGE + usize::from(port as u8)])]
    }

    pub(crate) fn memory_bytes(&self) -> usize {
        size_of_val(&*self.pages) + size_of_val(&*self.places) + size_of_val(&*self.numbers)
    }
}

/// Inclusive.
pub(crate) type PortRange = (u16, u16);

/// A set of ports.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct PortSet(Vec<PortRange>);

impl PortSet {
    /// No port.
    pub(crate) fn none() -> Self {
        Self(Vec::new())
    }

    /// Every port.
    pub(crate) fn all() -> Self {
        Self(vec![(0, u16::MAX)])
    }

    /// In order.
    pub(crate) fn ranges(&self) -> &[PortRange] {
        &self.0
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Adds what is in none of its ranges yet.
    fn add(&mut self, range: PortRange) {
        let at = self.0.partition_point(|held| held.0 < range.0);
        self.0.insert(at, range);
    }

    /// Moves the ports of `range` that are here to `to`, which has none of them.
    pub(crate) fn give(&mut self, range: PortRange, to: &mut Self) {
        let held = std::mem::take(&mut self.0);
        for (from, end) in held {
            let (cut_from, cut_end) = (from.max(range.0), end.min(range.1));
            if cut_from > cut_end {
                self.0.push((from, end));
                continue;
            }
            self.0.extend((from < cut_from).then(|| (from, cut_from - 1)));
            self.0.extend((cut_end < end).then(|| (cut_end + 1, end)));
            to.add((cut_from, cut_end));
        }
    }

    /// The ports that `other` has as well, neighbours joined.
    pub(crate) fn and(mut self, other: &Self) -> Self {
        let mut common = Self::none();
        other.0.iter().for_each(|range| self.give(*range, &mut common));
        let mut joined: Vec<PortRange> = Vec::new();
        for (from, end) in common.0 {
            match joined.last_mut() {
                Some(last) if last.1.checked_add(1) == Some(from) => last.1 = end,
                _ => joined.push((from, end)),
            }
        }
        Self(joined)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn members(set: &PortSet) -> Vec<u16> {
        set.ranges().iter().flat_map(|(from, end)| *from..=*end).collect()
    }

    proptest! {
        #[test]
        fn every_port_has_the_number_of_its_range(starts in prop::collection::btree_map(any::<u16>(), 0..9_u32, 0..40)) {
            let all: std::collections::BTreeMap<u16, u32> = [(0, 7)].into_iter().chain(starts).collect();
            let starts: Vec<(u128, u32)> = all.iter().map(|(first, number)| (u128::from(*first), *number)).collect();
            let table = PortTable::build(&starts);
            for port in 0..=u16::MAX {
                prop_assert_eq!(Some(table.lookup(port)), all.range(..=port).next_back().map(|(_, number)| *number));
            }
        }

        #[test]
        fn gives_each_port_once(ranges in prop::collection::vec((any::<u16>(), any::<u16>()), 0..8)) {
            let (mut left, mut given) = (PortSet::all(), PortSet::none());
            for (a, b) in &ranges {
                left.give((*a.min(b), *a.max(b)), &mut given);
            }
            let within = |port: &u16| ranges.iter().any(|(a, b)| (*a.min(b)..=*a.max(b)).contains(port));
            prop_assert_eq!(members(&given), (0..=u16::MAX).filter(within).collect::<Vec<_>>());
            prop_assert_eq!(members(&left), (0..=u16::MAX).filter(|port| !within(port)).collect::<Vec<_>>());
            let both = given.clone().and(&given);
            prop_assert_eq!(members(&both), members(&given));
            prop_assert!(both.ranges().windows(2).all(|two| two[0].1 + 1 < two[1].0));
            prop_assert!(given.and(&left).is_empty());
        }
    }
}
