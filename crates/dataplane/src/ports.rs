//! Sets of ports, as sorted ranges that do not touch.
//!
//! Used when the NSGs of a pair of addresses are summed up; never per packet.

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
