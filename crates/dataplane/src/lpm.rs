//! Longest-prefix match over one subnet's routes.
//!
//! A sorted array of prefixes; each entry knows the entry that encloses it. A lookup is one binary
//! search for the last prefix that starts at or before the address, then a walk outwards. Built by
//! `compile`, read by the route stage. Both families share one array of 128-bit keys, IPv4 mapped
//! into the low 32 bits of its own array, so that lengths stay comparable within a family.

use std::net::IpAddr;

use vnetsim_types::{IpNet, RouteIx};

const NO_PARENT: u32 = u32::MAX;

/// Routes of one subnet, ready for lookup.
#[derive(Clone, Debug, Default)]
pub struct Lpm {
    v4: Vec<Entry>,
    v6: Vec<Entry>,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    first: u128,
    last: u128,
    parent: u32,
    route: RouteIx,
}

impl Lpm {
    /// Builds the table. Of two routes with the same prefix the first one is kept.
    pub fn build(routes: impl IntoIterator<Item = (IpNet, RouteIx)>) -> Self {
        let mut lpm = Self::default();
        for (prefix, route) in routes {
            let entry = Entry {
                first: key(prefix.network()),
                last: key(prefix.broadcast()),
                parent: NO_PARENT,
                route,
            };
            if prefix.network().is_ipv4() { &mut lpm.v4 } else { &mut lpm.v6 }.push(entry);
        }
        link(&mut lpm.v4);
        link(&mut lpm.v6);
        lpm
    }

    /// The route of the longest prefix that holds `dst`.
    #[inline]
    pub fn lookup(&self, dst: IpAddr) -> Option<RouteIx> {
        let entries = if dst.is_ipv4() { &self.v4 } else { &self.v6 };
        let dst = key(dst);
        let mut at = entries.partition_point(|e| e.first <= dst).checked_sub(1)?;
        while entries[at].last < dst {
            let parent = entries[at].parent;
            if parent == NO_PARENT {
                return None;
            }
            at = parent as usize;
        }
        Some(entries[at].route)
    }
}

fn key(ip: IpAddr) -> u128 {
    match ip {
        IpAddr::V4(ip) => u128::from(u32::from(ip)),
        IpAddr::V6(ip) => u128::from(ip),
    }
}

/// Sorts outer prefixes before the ones they enclose and notes who encloses whom.
fn link(entries: &mut Vec<Entry>) {
    entries.sort_by_key(|e| (e.first, std::cmp::Reverse(e.last)));
    entries.dedup_by_key(|e| (e.first, e.last));
    let mut open: Vec<u32> = Vec::new();
    for ix in 0..entries.len() {
        let first = entries[ix].first;
        while open.last().is_some_and(|top| entries[*top as usize].last < first) {
            open.pop();
        }
        entries[ix].parent = open.last().copied().unwrap_or(NO_PARENT);
        open.push(ix as u32);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn longest_prefix_wins_and_gaps_fall_outwards() {
        let prefixes =
            ["0.0.0.0/0", "10.0.0.0/8", "10.0.0.0/16", "10.0.1.0/24", "10.0.3.0/24", "::/0", "fd00::/8"];
        let routes =
            prefixes.iter().enumerate().map(|(ix, p)| (p.parse().expect("test prefix"), RouteIx::new(ix)));
        let lpm = Lpm::build(routes);
        let cases = [
            ("8.8.8.8", 0),
            ("10.9.9.9", 1),
            ("10.0.0.1", 2),
            ("10.0.2.1", 2),
            ("10.0.1.255", 3),
            ("10.0.3.0", 4),
            ("10.0.4.0", 2),
            ("255.255.255.255", 0),
            ("2001:db8::1", 5),
            ("fd00::1", 6),
        ];
        for (ip, want) in cases {
            assert_eq!(lpm.lookup(ip.parse().expect("test address")), Some(RouteIx(want)), "{ip}");
        }
        assert_eq!(Lpm::default().lookup("1.1.1.1".parse().expect("test address")), None);
    }
}
