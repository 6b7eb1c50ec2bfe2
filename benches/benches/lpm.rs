//! `lpm`: longest-prefix match of tables from 100 to a million routes, against the table that stood here before and
//! against other crates, in one run.
//!
//! The routes are made from a fixed seed. IPv4: 0.0.0.0/0, 10/8, 172.16/12, 192.168/16 and 100.64/10, then distinct
//! prefixes of 10/8 at random places with the lengths of [`LENGTHS_V4`]; a length that is used up drops out, so the
//! million holds most of the /26 to /28 that 10/8 has. `internet` is 0/0 and prefixes anywhere, mostly /24. IPv6:
//! ::/0 and fd00::/8, then /48, /56 and /64 of 4096 networks in fd00::/8. Addresses are drawn by choosing a route,
//! then an address in it, both at random.

#![expect(clippy::print_stderr, reason = "the bytes of a table belong to its figures")]

use std::{collections::HashSet, hint::black_box, net::IpAddr};

use criterion::{
    BenchmarkGroup, Criterion, Throughput, criterion_group, criterion_main, measurement::WallTime,
};
use ip_network::{Ipv4Network, Ipv6Network};
use vnetsim_dataplane::Lpm;
use vnetsim_types::{IpNet, Ipv4Net, Ipv6Net, RouteIx};

/// Lengths of subnets and networks, each with its share in a hundred.
const LENGTHS_V4: [(u8, u64); 9] =
    [(16, 6), (18, 2), (20, 6), (22, 10), (23, 6), (24, 40), (26, 12), (27, 10), (28, 8)];
/// Lengths as the internet announces them.
const LENGTHS_INTERNET: [(u8, u64); 8] =
    [(16, 2), (18, 2), (19, 3), (20, 5), (21, 6), (22, 12), (23, 10), (24, 60)];
const LENGTHS_V6: [(u8, u64); 3] = [(48, 10), (56, 30), (64, 60)];

/// `SplitMix64`.
struct Rng(u64);

impl Rng {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ z >> 31
    }

    fn below(&mut self, end: u64) -> u64 {
        ((u128::from(self.next()) * u128::from(end)) >> 64) as u64
    }

    fn length(&mut self, shares: &[(u8, u64)]) -> u8 {
        let mut at = self.below(100);
        for (length, share) in shares {
            if at < *share {
                return *length;
            }
            at -= share;
        }
        unreachable!("the shares make a hundred")
    }
}

type Routes<P> = Vec<(P, RouteIx)>;

/// `fixed` prefixes and distinct ones that `draw` makes, `count` in all, numbered in their order.
fn routes<P: Copy + Eq + std::hash::Hash>(
    fixed: Vec<P>,
    count: usize,
    mut draw: impl FnMut(&mut Rng) -> P,
) -> Routes<P> {
    let (mut rng, mut prefixes) = (Rng(1), fixed);
    let mut seen: HashSet<P> = prefixes.iter().copied().collect();
    while prefixes.len() < count {
        let prefix = draw(&mut rng);
        if seen.insert(prefix) {
            prefixes.push(prefix);
        }
    }
    prefixes.into_iter().enumerate().map(|(ix, prefix)| (prefix, RouteIx::new(ix))).collect()
}

fn v4(bits: u32, length: u8) -> Ipv4Net {
    Ipv4Net::new(bits.into(), length).expect("length of IPv4").trunc()
}

fn v6(bits: u128, length: u8) -> Ipv6Net {
    Ipv6Net::new(bits.into(), length).expect("length of IPv6").trunc()
}

fn azure_v4(count: usize) -> Routes<Ipv4Net> {
    let fixed = ["0.0.0.0/0", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10"];
    routes(fixed.map(|p| p.parse().expect("prefix")).to_vec(), count, |rng| {
        let length = rng.length(&LENGTHS_V4);
        v4(10 << 24 | rng.next() as u32 >> 8, length)
    })
}

fn internet_v4(count: usize) -> Routes<Ipv4Net> {
    routes(vec![v4(0, 0)], count, |rng| {
        let length = rng.length(&LENGTHS_INTERNET);
        v4((1 << 24) + rng.below(222 << 24) as u32, length)
    })
}

fn azure_v6(count: usize) -> Routes<Ipv6Net> {
    routes(vec![v6(0, 0), v6(0xfd00 << 112, 8)], count, |rng| {
        let length = rng.length(&LENGTHS_V6);
        let network = u128::from(rng.below(4096).wrapping_mul(0x9e37_79b9_7f4a_7c15) & 0xff_ffff_ffff);
        v6(0xfd << 120 | network << 80 | u128::from(rng.next() as u16) << 64, length)
    })
}

/// As many addresses as routes, and enough that no cache level remembers the answers by chance.
fn addresses<A>(routes: usize, mut draw: impl FnMut(&mut Rng, usize) -> A) -> Vec<A> {
    let mut rng = Rng(7);
    (0..routes.clamp(1 << 16, 1 << 20))
        .map(|_| {
            let route = rng.below(routes as u64) as usize;
            draw(&mut rng, route)
        })
        .collect()
}

/// The table that stood here before: a sorted array, each entry with the one that encloses it.
struct SortedArray(Vec<(u128, u128, u32, RouteIx)>);

impl SortedArray {
    fn build(prefixes: impl Iterator<Item = (u128, u128, RouteIx)>) -> Self {
        let mut entries: Vec<_> =
            prefixes.map(|(first, last, route)| (first, last, u32::MAX, route)).collect();
        entries.sort_by_key(|e| (e.0, std::cmp::Reverse(e.1)));
        let mut open: Vec<u32> = Vec::new();
        for ix in 0..entries.len() {
            while open.last().is_some_and(|top| entries[*top as usize].1 < entries[ix].0) {
                open.pop();
            }
            entries[ix].2 = open.last().copied().unwrap_or(u32::MAX);
            open.push(ix as u32);
        }
        Self(entries)
    }

    fn lookup(&self, dst: u128) -> Option<RouteIx> {
        let mut at = self.0.partition_point(|e| e.0 <= dst).checked_sub(1)?;
        while self.0[at].1 < dst {
            if self.0[at].2 == u32::MAX {
                return None;
            }
            at = self.0[at].2 as usize;
        }
        Some(self.0[at].3)
    }
}

/// Measures `lookup` one address after another; its answers must be those of `ours`.
fn single<A: Copy>(
    group: &mut BenchmarkGroup<'_, WallTime>,
    name: &str,
    dst: &[A],
    ours: &[RouteIx],
    lookup: impl Fn(A) -> Option<RouteIx>,
) {
    for (dst, ours) in dst.iter().zip(ours) {
        assert_eq!(lookup(*dst).unwrap_or(Lpm::NO_ROUTE), *ours, "{name} disagrees");
    }
    let mut routes = vec![Lpm::NO_ROUTE; dst.len()];
    group.bench_function(name, |b| {
        b.iter(|| {
            for (dst, route) in dst.iter().zip(&mut routes) {
                *route = lookup(*dst).unwrap_or(Lpm::NO_ROUTE);
            }
            black_box(&mut routes);
        });
    });
}

fn batched<A>(
    group: &mut BenchmarkGroup<'_, WallTime>,
    dst: &[A],
    lookup: impl Fn(&[A], &mut [RouteIx]),
) -> Vec<RouteIx> {
    let mut routes = vec![Lpm::NO_ROUTE; dst.len()];
    group.throughput(Throughput::Elements(dst.len() as u64));
    group.bench_function("vnetsim batch", |b| {
        b.iter(|| {
            lookup(dst, &mut routes);
            black_box(&mut routes);
        });
    });
    routes
}

/// Makes the group of a table and says on standard error what the table takes.
fn group<'a>(c: &'a mut Criterion, name: &str, routes: usize, lpm: &Lpm) -> BenchmarkGroup<'a, WallTime> {
    eprintln!("{name}: {routes} routes in {} bytes", lpm.memory_bytes());
    let mut group = c.benchmark_group(name);
    group.sample_size(20);
    group.warm_up_time(std::time::Duration::from_millis(300));
    group.measurement_time(std::time::Duration::from_secs(1));
    group
}

fn bench_v4(c: &mut Criterion, name: &str, routes: &Routes<Ipv4Net>) {
    let dst = addresses(routes.len(), |rng, route| {
        let prefix = routes[route].0;
        prefix.network().to_bits() | rng.next() as u32 & prefix.hostmask().to_bits()
    });
    let lpm = Lpm::build(routes.iter().map(|(p, route)| (IpNet::V4(*p), *route)));
    let mut group = group(c, name, routes.len(), &lpm);
    let ours = batched(&mut group, &dst, |dst, routes| lpm.lookup_v4_batch(dst, routes));
    single(&mut group, "vnetsim", &dst, &ours, |dst| lpm.lookup_v4(dst));

    let ends = |p: &Ipv4Net| (u128::from(p.network().to_bits()), u128::from(p.broadcast().to_bits()));
    let table = SortedArray::build(routes.iter().map(|(p, route)| (ends(p).0, ends(p).1, *route)));
    single(&mut group, "sorted array", &dst, &ours, |dst| table.lookup(dst.into()));

    let table: poptrie::Poptrie<Ipv4Net, RouteIx> = routes.iter().copied().collect();
    single(&mut group, "poptrie", &dst, &ours, |dst| table.lookup(std::net::Ipv4Addr::from(dst)).copied());

    let mut table = ip_network_table::IpNetworkTable::new();
    for (p, route) in routes {
        table.insert(Ipv4Network::new(p.network(), p.prefix_len()).expect("no host bits"), *route);
    }
    single(&mut group, "ip_network_table", &dst, &ours, |dst| {
        table.longest_match_ipv4(dst.into()).map(|(_, route)| *route)
    });

    let table: prefix_trie::PrefixMap<Ipv4Net, RouteIx> = routes.iter().copied().collect();
    single(&mut group, "prefix-trie", &dst, &ours, |dst| {
        table.get_lpm(&v4(dst, 32)).map(|(_, route)| *route)
    });

    let mut table = ipnet_trie::IpnetTrie::new();
    for (p, route) in routes {
        table.insert(*p, *route);
    }
    single(&mut group, "ipnet-trie", &dst, &ours, |dst| {
        table.longest_match_ipv4(&v4(dst, 32)).map(|(_, route)| *route)
    });
    group.finish();
}

fn bench_v6(c: &mut Criterion, name: &str, routes: &Routes<Ipv6Net>) {
    let dst = addresses(routes.len(), |rng, route| {
        let prefix = routes[route].0;
        let host = u128::from(rng.next()) << 64 | u128::from(rng.next());
        prefix.network().to_bits() | host & prefix.hostmask().to_bits()
    });
    let lpm = Lpm::build(routes.iter().map(|(p, route)| (IpNet::V6(*p), *route)));
    let mut group = group(c, name, routes.len(), &lpm);
    let ours = batched(&mut group, &dst, |dst, routes| lpm.lookup_v6_batch(dst, routes));
    single(&mut group, "vnetsim", &dst, &ours, |dst| lpm.lookup(IpAddr::V6(dst.into())));

    let ends = |p: &Ipv6Net| (p.network().to_bits(), p.broadcast().to_bits());
    let table = SortedArray::build(routes.iter().map(|(p, route)| (ends(p).0, ends(p).1, *route)));
    single(&mut group, "sorted array", &dst, &ours, |dst| table.lookup(dst));

    let table: poptrie::Poptrie<Ipv6Net, RouteIx> = routes.iter().copied().collect();
    single(&mut group, "poptrie", &dst, &ours, |dst| table.lookup(std::net::Ipv6Addr::from(dst)).copied());

    let mut table = ip_network_table::IpNetworkTable::new();
    for (p, route) in routes {
        table.insert(Ipv6Network::new(p.network(), p.prefix_len()).expect("no host bits"), *route);
    }
    single(&mut group, "ip_network_table", &dst, &ours, |dst| {
        table.longest_match_ipv6(dst.into()).map(|(_, route)| *route)
    });

    let table: prefix_trie::PrefixMap<Ipv6Net, RouteIx> = routes.iter().copied().collect();
    single(&mut group, "prefix-trie", &dst, &ours, |dst| {
        table.get_lpm(&v6(dst, 128)).map(|(_, route)| *route)
    });

    let mut table = ipnet_trie::IpnetTrie::new();
    for (p, route) in routes {
        table.insert(*p, *route);
    }
    single(&mut group, "ipnet-trie", &dst, &ours, |dst| {
        table.longest_match_ipv6(&v6(dst, 128)).map(|(_, route)| *route)
    });
    group.finish();
}

fn benches(c: &mut Criterion) {
    const { assert!(!cfg!(debug_assertions), "a debug build measures nothing") };
    for (name, count) in [("100", 100), ("1k", 1000), ("10k", 10_000), ("1M", 1_000_000)] {
        bench_v4(c, &format!("lpm/v4/{name}"), &azure_v4(count));
    }
    bench_v4(c, "lpm/v4/1M internet", &internet_v4(1_000_000));
    for (name, count) in [("100", 100), ("1k", 1000), ("10k", 10_000), ("1M", 1_000_000)] {
        bench_v6(c, &format!("lpm/v6/{name}"), &azure_v6(count));
    }
    // What a new set of tables waits for: one table of each size.
    let mut group = c.benchmark_group("lpm/build");
    group.sample_size(10);
    for (name, count) in
        [("10", 10), ("100", 100), ("400", 400), ("1k", 1000), ("10k", 10_000), ("1M", 1_000_000)]
    {
        let routes: Vec<_> = azure_v4(count).into_iter().map(|(p, route)| (IpNet::V4(p), route)).collect();
        let bytes = Lpm::build(routes.iter().copied()).memory_bytes();
        eprintln!("lpm/build/{name}: {bytes} bytes");
        group.bench_function(name, |b| b.iter(|| Lpm::build(routes.iter().copied())));
    }
    group.finish();
}

criterion_group!(all, benches);
criterion_main!(all);
