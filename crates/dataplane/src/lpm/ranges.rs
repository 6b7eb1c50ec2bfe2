//! The same tables for ranges that are no prefixes: what a class of addresses or ports is.

use super::{flatten::Prefix, v4, v6};

/// A number for every value of two fields, one of 32 bits and one of 128.
#[derive(Clone, Debug)]
pub(crate) struct Ranges {
    v4: v4::Table,
    v6: v6::Table,
}

impl Ranges {
    /// Where each range begins, and its number; ascending, the first one at 0. A field without ranges is not asked.
    pub(crate) fn build(v4: Vec<(u128, u32)>, v6: Vec<(u128, u32)>) -> Self {
        let v4 = v4::Table::build(prefixes(&v4, u128::from(u32::MAX)));
        Self { v4, v6: v6::Table::build(prefixes(&v6, u128::MAX)) }
    }

    #[inline(always)]
    pub(crate) fn lookup_v4(&self, value: u32) -> u32 {
        self.v4.lookup(value)
    }

    #[inline(always)]
    pub(crate) fn lookup_v6(&self, value: u128) -> u32 {
        self.v6.lookup(value)
    }

    pub(crate) fn memory_bytes(&self) -> usize {
        self.v4.heap_bytes() + self.v6.heap_bytes()
    }
}

fn prefixes(starts: &[(u128, u32)], end: u128) -> Vec<Prefix> {
    let lasts = starts.iter().skip(1).map(|(next, _)| next - 1).chain([end]);
    starts
        .iter()
        .zip(lasts)
        .map(|((first, route), last)| Prefix { first: *first, last, route: *route })
        .collect()
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*};

    use super::*;

    proptest! {
        #[test]
        fn every_value_has_the_number_of_its_range(
            v4 in vec((any::<u32>(), 0..5_u32), 0..40),
            shift in 0..32_u32,
            v6 in vec((any::<[u8; 3]>(), any::<bool>(), 0..5_u32), 0..40),
        ) {
            let mut v4: Vec<(u128, u32)> = v4.into_iter().map(|(at, number)| (u128::from(at >> shift), number)).collect();
            let wide = |[a, b, c]: [u8; 3]| u128::from(a) << 120 | u128::from(b) << 64 | u128::from(c);
            let mut v6: Vec<(u128, u32)> = v6
                .into_iter()
                .map(|(at, top, number)| (if top { u128::MAX - wide(at) } else { wide(at) }, number))
                .collect();
            for starts in [&mut v4, &mut v6] {
                starts.push((0, 7));
                starts.sort_unstable();
                starts.dedup_by_key(|(at, _)| *at);
            }
            let ranges = Ranges::build(v4.clone(), v6.clone());
            let want = |starts: &[(u128, u32)], value: u128| {
                starts.iter().rev().find(|(at, _)| *at <= value).map(|(_, number)| *number)
            };
            let near = |starts: &[(u128, u32)]| -> Vec<u128> {
                starts.iter().flat_map(|(at, _)| [at.saturating_sub(1), *at, at.saturating_add(1)]).collect()
            };
            for value in near(&v4).into_iter().chain([u128::from(u32::MAX)]) {
                prop_assert_eq!(Some(ranges.lookup_v4(value as u32)), want(&v4, value), "{:#x}", value);
            }
            for value in near(&v6).into_iter().chain([u128::MAX]) {
                prop_assert_eq!(Some(ranges.lookup_v6(value)), want(&v6, value), "{:#x}", value);
            }
        }
    }
}
