//! Longest-prefix match over one subnet's routes.
//!
//! Owns the forwarding table of a subnet. The prefixes are flattened to disjoint ranges; a few
//! regions, each cut into buckets of equal size, lead an address to the one cache line that holds
//! the starts of the ranges around it. A table's shape follows its prefixes: `plan.rs` weighs it,
//! `flatten.rs` makes the ranges, `v4.rs` and `v6.rs` hold the tables that are searched.
//!
//! `compile` builds it, the route stage asks it. Must never change once built, know what a route
//! means, or panic on any address. Costs per packet: the index entry of the bucket and one line of
//! 64 bytes, two dependent cache misses at most unless addresses crowd into a bucket; no branch
//! depends on the address in a table without crowded buckets.

mod flatten;
mod plan;
mod ranges;
mod v4;
mod v6;

use std::net::IpAddr;

use vnetsim_types::{IpNet, RouteIx};

pub(crate) use ranges::Ranges;

/// Stands for "no route" where a batch is answered, and inside the tables.
const NONE: u32 = u32::MAX;

/// Routes of one subnet, ready for lookup. The default table has no route.
#[derive(Clone, Debug, Default)]
pub struct Lpm {
    v4: v4::Table,
    v6: v6::Table,
}

impl Lpm {
    /// What [`lookup_v4_batch`](Self::lookup_v4_batch) answers where no prefix holds the address: no route
    /// may have this number.
    pub const NO_ROUTE: RouteIx = RouteIx(NONE);

    /// Builds the table. Of two routes with the same prefix the first one is kept. Panics where a route's
    /// number is 2^28 or more, which `limits` rules out.
    pub fn build(routes: impl IntoIterator<Item = (IpNet, RouteIx)>) -> Self {
        let (mut v4, mut v6) = (Vec::new(), Vec::new());
        for (prefix, route) in routes {
            assert!(route.0 < plan::ROUTES_MAX, "limits keep routes under 2^28");
            match prefix {
                IpNet::V4(p) => v4.push(flatten::Prefix {
                    first: u128::from(p.network().to_bits()),
                    last: u128::from(p.broadcast().to_bits()),
                    route: route.0,
                }),
                IpNet::V6(p) => v6.push(flatten::Prefix {
                    first: p.network().to_bits(),
                    last: p.broadcast().to_bits(),
                    route: route.0,
                }),
            }
        }
        Self { v4: v4::Table::build(v4), v6: v6::Table::build(v6) }
    }

    /// The route of the longest prefix that holds `dst`.
    #[inline]
    pub fn lookup(&self, dst: IpAddr) -> Option<RouteIx> {
        match dst {
            IpAddr::V4(ip) => self.lookup_v4(ip.to_bits()),
            IpAddr::V6(ip) => self.lookup_v6(ip.to_bits()),
        }
    }

    /// [`lookup`](Self::lookup) of an IPv4 address as a number.
    #[inline]
    pub fn lookup_v4(&self, dst: u32) -> Option<RouteIx> {
        some(self.v4.lookup(dst))
    }

    /// [`lookup`](Self::lookup) of an IPv6 address as a number.
    #[inline]
    pub fn lookup_v6(&self, dst: u128) -> Option<RouteIx> {
        some(self.v6.lookup(dst))
    }

    /// Looks up every address of `dst` and writes its route, or [`NO_ROUTE`](Self::NO_ROUTE), to the same
    /// place of `routes`. Panics where the lengths differ.
    pub fn lookup_v4_batch(&self, dst: &[u32], routes: &mut [RouteIx]) {
        assert_eq!(dst.len(), routes.len(), "a place for every answer");
        self.v4.lookup_batch(dst, routes);
    }

    /// [`lookup_v4_batch`](Self::lookup_v4_batch) for IPv6.
    pub fn lookup_v6_batch(&self, dst: &[u128], routes: &mut [RouteIx]) {
        assert_eq!(dst.len(), routes.len(), "a place for every answer");
        self.v6.lookup_batch(dst, routes);
    }

    /// Bytes that the table takes, itself included.
    pub fn memory_bytes(&self) -> usize {
        size_of::<Self>() + self.v4.heap_bytes() + self.v6.heap_bytes()
    }
}

#[inline]
fn some(route: u32) -> Option<RouteIx> {
    (route != NONE).then_some(RouteIx(route))
}

#[cfg(test)]
mod tests;
