//! Sets of addresses: what a rule's side or a service tag stands for.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net, Ipv4Subnets, Ipv6Net, Ipv6Subnets};

/// A set of IPv4 and IPv6 addresses, as sorted disjoint ranges. Membership costs one binary search.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct AddrSet {
    v4: Vec<(u32, u32)>,
    v6: Vec<(u128, u128)>,
}

impl AddrSet {
    /// Every address of both families.
    pub fn all() -> Self {
        Self { v4: vec![(0, u32::MAX)], v6: vec![(0, u128::MAX)] }
    }

    /// True for the empty set.
    pub fn is_empty(&self) -> bool {
        self.v4.is_empty() && self.v6.is_empty()
    }

    /// True when `ip` is a member.
    #[inline]
    pub fn contains(&self, ip: IpAddr) -> bool {
        match ip {
            IpAddr::V4(ip) => range_contains(&self.v4, u32::from(ip)),
            IpAddr::V6(ip) => range_contains(&self.v6, u128::from(ip)),
        }
    }

    /// The IPv4 members, as ascending ranges that do not touch.
    pub fn ranges_v4(&self) -> &[(u32, u32)] {
        &self.v4
    }

    /// The IPv6 members, as ascending ranges that do not touch.
    pub fn ranges_v6(&self) -> &[(u128, u128)] {
        &self.v6
    }

    /// The members that are not in `other`.
    #[must_use]
    pub fn minus(&self, other: &Self) -> Self {
        Self {
            v4: subtract(&self.v4, &other.v4, |x| x.wrapping_sub(1), |x| x.wrapping_add(1), u32::MAX),
            v6: subtract(&self.v6, &other.v6, |x| x.wrapping_sub(1), |x| x.wrapping_add(1), u128::MAX),
        }
    }

    /// The shortest list of prefixes with the same members, ascending, IPv4 first.
    pub fn prefixes(&self) -> Vec<IpNet> {
        let v4 =
            self.v4.iter().flat_map(|(a, b)| Ipv4Subnets::new(Ipv4Addr::from(*a), Ipv4Addr::from(*b), 0));
        let v6 =
            self.v6.iter().flat_map(|(a, b)| Ipv6Subnets::new(Ipv6Addr::from(*a), Ipv6Addr::from(*b), 0));
        v4.map(IpNet::V4).chain(v6.map(IpNet::V6)).collect()
    }
}

impl FromIterator<IpNet> for AddrSet {
    fn from_iter<I: IntoIterator<Item = IpNet>>(prefixes: I) -> Self {
        let (mut v4, mut v6) = (Vec::new(), Vec::new());
        for prefix in prefixes {
            match prefix {
                IpNet::V4(net) => v4.push(bounds4(net)),
                IpNet::V6(net) => v6.push(bounds6(net)),
            }
        }
        Self { v4: merge(v4, |x| x.checked_add(1)), v6: merge(v6, |x| x.checked_add(1)) }
    }
}

fn bounds4(net: Ipv4Net) -> (u32, u32) {
    (net.network().into(), net.broadcast().into())
}

fn bounds6(net: Ipv6Net) -> (u128, u128) {
    (net.network().into(), net.broadcast().into())
}

fn range_contains<T: Copy + Ord>(ranges: &[(T, T)], x: T) -> bool {
    let after = ranges.partition_point(|(from, _)| *from <= x);
    after > 0 && x <= ranges[after - 1].1
}

/// Sorts and joins ranges that overlap or touch.
fn merge<T: Copy + Ord>(mut ranges: Vec<(T, T)>, next: impl Fn(T) -> Option<T>) -> Vec<(T, T)> {
    ranges.sort_unstable();
    let mut merged: Vec<(T, T)> = Vec::with_capacity(ranges.len());
    for (from, to) in ranges {
        match merged.last_mut() {
            Some(last) if next(last.1).is_none_or(|n| from <= n) => last.1 = last.1.max(to),
            _ => merged.push((from, to)),
        }
    }
    merged
}

/// `a` without `b`; both sorted and disjoint.
fn subtract<T: Copy + Ord>(
    a: &[(T, T)],
    b: &[(T, T)],
    before: impl Fn(T) -> T,
    after: impl Fn(T) -> T,
    last: T,
) -> Vec<(T, T)> {
    let mut left = Vec::new();
    for &(start, to) in a {
        let (mut from, mut gone) = (start, false);
        for &(cut_from, cut_to) in b.iter().skip_while(|(_, t)| *t < start).take_while(|(f, _)| *f <= to) {
            if cut_from > from {
                left.push((from, before(cut_from)));
            }
            if cut_to >= to || cut_to == last {
                gone = true;
                break;
            }
            from = after(cut_to);
        }
        if !gone {
            left.push((from, to));
        }
    }
    left
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(text: &str) -> AddrSet {
        text.split_whitespace().map(|p| p.parse::<IpNet>().expect("test prefix")).collect()
    }

    #[test]
    fn joins_touching_ranges_and_prints_the_shortest_list() {
        let joined = set("10.0.0.0/25 10.0.0.128/25 fd00::/64");
        assert_eq!(
            joined.prefixes().iter().map(ToString::to_string).collect::<Vec<_>>(),
            ["10.0.0.0/24", "fd00::/64"]
        );
    }

    #[test]
    fn subtraction_at_the_edges_of_the_address_space() {
        assert!(set("0.0.0.0/0").minus(&set("0.0.0.0/0")).is_empty());
        assert_eq!(set("0.0.0.0/0").minus(&set("0.0.0.0/1")), set("128.0.0.0/1"));
        assert_eq!(set("0.0.0.0/0").minus(&set("128.0.0.0/1")), set("0.0.0.0/1"));
        let hole = set("10.0.0.0/8").minus(&set("10.1.0.0/16 10.3.0.0/16"));
        for (ip, member) in [
            ("10.0.9.9", true),
            ("10.1.0.0", false),
            ("10.2.0.1", true),
            ("10.3.255.255", false),
            ("10.4.0.0", true),
        ] {
            assert_eq!(hole.contains(ip.parse().expect("test address")), member, "{ip}");
        }
    }
}
