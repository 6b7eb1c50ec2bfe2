//! Prefixes that nest become ranges that do not: the first address of each range, and its route.

use super::NONE;

/// A prefix as the addresses it holds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Prefix {
    pub(super) first: u128,
    pub(super) last: u128,
    pub(super) route: u32,
}

/// Where a range starts; it ends where the next one starts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Start {
    pub(super) key: u128,
    /// Its route, or [`NONE`].
    pub(super) route: u32,
}

/// The ranges of `prefixes` over all addresses from 0 to `end`, ascending; the first one starts at 0.
/// Neighbours differ in their route. Of equal prefixes the first one counts.
pub(super) fn flatten(mut prefixes: Vec<Prefix>, end: u128) -> Vec<Start> {
    // Outer prefixes before the ones they enclose; a stable sort keeps equal ones in order.
    prefixes.sort_by_key(|p| (p.first, std::cmp::Reverse(p.last)));
    prefixes.dedup_by_key(|p| (p.first, p.last));
    let mut starts = vec![Start { key: 0, route: NONE }];
    let mut open: Vec<Prefix> = Vec::new();
    for prefix in prefixes {
        while let Some(inner) = open.pop_if(|inner| inner.last < prefix.first) {
            push(&mut starts, inner.last + 1, open.last().map_or(NONE, |outer| outer.route));
        }
        push(&mut starts, prefix.first, prefix.route);
        open.push(prefix);
    }
    while let Some(inner) = open.pop() {
        if inner.last == end {
            break; // and so do all that enclose it
        }
        push(&mut starts, inner.last + 1, open.last().map_or(NONE, |outer| outer.route));
    }
    starts
}

fn push(starts: &mut Vec<Start>, key: u128, route: u32) {
    if starts.last().is_some_and(|last| last.key == key) {
        starts.pop();
    }
    if starts.last().is_none_or(|last| last.route != route) {
        starts.push(Start { key, route });
    }
}
