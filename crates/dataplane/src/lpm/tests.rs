use proptest::prelude::*;

use super::*;

fn lpm(prefixes: &[&str]) -> Lpm {
    let routes =
        prefixes.iter().enumerate().map(|(ix, p)| (p.parse().expect("test prefix"), RouteIx::new(ix)));
    Lpm::build(routes)
}

fn ip(ip: &str) -> IpAddr {
    ip.parse().expect("test address")
}

#[test]
fn longest_prefix_wins_and_gaps_fall_outwards() {
    let lpm =
        lpm(&["0.0.0.0/0", "10.0.0.0/8", "10.0.0.0/16", "10.0.1.0/24", "10.0.3.0/24", "::/0", "fd00::/8"]);
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
    for (dst, want) in cases {
        assert_eq!(lpm.lookup(ip(dst)), Some(RouteIx(want)), "{dst}");
    }
}

#[test]
fn no_route_is_no_route() {
    for dst in ["0.0.0.0", "1.1.1.1", "255.255.255.255", "::", "::1", "ffff:ffff::"] {
        assert_eq!(Lpm::default().lookup(ip(dst)), None, "{dst}");
    }
    let mut routes = [RouteIx(0); 70];
    Lpm::default().lookup_v4_batch(&[7; 70], &mut routes);
    assert_eq!(routes, [Lpm::NO_ROUTE; 70]);
    let lpm = lpm(&["0.0.0.0/32", "255.255.255.255/32", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff/128"]);
    assert_eq!(lpm.lookup_v4(0), Some(RouteIx(0)));
    assert_eq!(lpm.lookup_v4(1), None);
    assert_eq!(lpm.lookup_v4(u32::MAX - 1), None);
    assert_eq!(lpm.lookup_v4(u32::MAX), Some(RouteIx(1)));
    assert_eq!(lpm.lookup_v6(u128::MAX), Some(RouteIx(2)));
    assert_eq!(lpm.lookup_v6(u128::MAX - 1), None);
}

#[test]
fn a_typical_table_is_small() {
    let mut prefixes = vec!["0.0.0.0/0".to_owned(), "10.0.0.0/8".into(), "192.168.0.0/16".into()];
    prefixes.extend((0..100).map(|net| format!("10.{net}.0.0/16")));
    let lpm = lpm(&prefixes.iter().map(String::as_str).collect::<Vec<_>>());
    assert!(lpm.memory_bytes() < 3000, "{} bytes", lpm.memory_bytes());
}

/// Every prefix by itself, the first of the longest ones: what a table is measured against.
struct Naive<'a>(&'a [IpNet]);

impl Naive<'_> {
    fn lookup(&self, dst: IpAddr) -> Option<RouteIx> {
        let holds = |(_, prefix): &(usize, &IpNet)| prefix.contains(&dst);
        let longest = self.0.iter().enumerate().filter(holds).rev().max_by_key(|(_, p)| p.prefix_len());
        longest.map(|(ix, _)| RouteIx::new(ix))
    }
}

/// Asks for the addresses at and around both ends of one prefix in `every`, and for `more`.
fn check(prefixes: &[IpNet], every: usize, more: &[u128]) {
    let lpm = Lpm::build(prefixes.iter().enumerate().map(|(ix, p)| (*p, RouteIx::new(ix))));
    let (mut v4, mut v6) = (vec![0, u32::MAX], vec![0, u128::MAX]);
    for prefix in prefixes.iter().step_by(every) {
        match prefix {
            IpNet::V4(p) => {
                let (first, last) = (p.network().to_bits(), p.broadcast().to_bits());
                v4.extend([
                    first.wrapping_sub(1),
                    first,
                    first + (last - first) / 3,
                    last,
                    last.wrapping_add(1),
                ]);
            }
            IpNet::V6(p) => {
                let (first, last) = (p.network().to_bits(), p.broadcast().to_bits());
                v6.extend([
                    first.wrapping_sub(1),
                    first,
                    first + (last - first) / 3,
                    last,
                    last.wrapping_add(1),
                ]);
            }
        }
    }
    v4.extend(more.iter().map(|dst| *dst as u32));
    v6.extend(more);
    let naive = Naive(prefixes);
    let mut routes = vec![RouteIx(7); v4.len()];
    lpm.lookup_v4_batch(&v4, &mut routes);
    for (dst, batched) in v4.iter().zip(routes) {
        let ip = IpAddr::V4((*dst).into());
        let want = naive.lookup(ip);
        assert_eq!(lpm.lookup(ip), want, "{ip}");
        assert_eq!(batched, want.unwrap_or(Lpm::NO_ROUTE), "{ip} in a batch");
    }
    let mut routes = vec![RouteIx(7); v6.len()];
    lpm.lookup_v6_batch(&v6, &mut routes);
    for (dst, batched) in v6.iter().zip(routes) {
        let ip = IpAddr::V6((*dst).into());
        let want = naive.lookup(ip);
        assert_eq!(lpm.lookup(ip), want, "{ip}");
        assert_eq!(batched, want.unwrap_or(Lpm::NO_ROUTE), "{ip} in a batch");
    }
}

fn v4(bits: u32, len: u8) -> IpNet {
    IpNet::new(IpAddr::V4(bits.into()), len).expect("length of an IPv4 prefix").trunc()
}

fn v6(bits: u128, len: u8) -> IpNet {
    IpNet::new(IpAddr::V6(bits.into()), len).expect("length of an IPv6 prefix").trunc()
}

/// Prefixes of any kind: anywhere, crowded into one place, at both ends, single addresses, defaults.
fn prefix() -> impl Strategy<Value = IpNet> {
    prop_oneof![
        2 => (any::<u32>(), 0..=32u8).prop_map(|(bits, len)| v4(bits, len)),
        6 => (any::<u32>(), 12..=30u8).prop_map(|(bits, len)| v4(10 << 24 | bits >> 8, len)),
        3 => (any::<u8>(), 24..=32u8).prop_map(|(bits, len)| v4(0x0a01_0200 | u32::from(bits), len)),
        1 => (0..=32u8).prop_map(|len| v4(0, len)),
        1 => (0..=32u8).prop_map(|len| v4(u32::MAX, len)),
        1 => (any::<u128>(), 0..=128u8).prop_map(|(bits, len)| v6(bits, len)),
        4 => (any::<u32>(), 32..=64u8).prop_map(|(bits, len)| v6(0xfd00 << 112 | u128::from(bits) << 64, len)),
        2 => (any::<u16>(), 60..=128u8).prop_map(|(bits, len)| v6(0xfd00 << 112 | u128::from(bits), len)),
        1 => (0..=128u8).prop_map(|len| v6(u128::MAX, len)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn agrees_with_a_linear_scan(
        prefixes in prop::collection::vec(prefix(), 0..250),
        more in prop::collection::vec(any::<u128>(), 0..50),
    ) {
        check(&prefixes, 1, &more);
    }
}

proptest! {
    // Tables too large for the first cache take the other way through a batch.
    #![proptest_config(ProptestConfig { cases: 4, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn agrees_with_a_linear_scan_when_large(
        prefixes in prop::collection::vec(prefix(), 3000..4000),
        dense in any::<u16>(),
    ) {
        let mut prefixes = prefixes;
        prefixes.extend((0..400).map(|host| v4(0xac10_0000 + (u32::from(dense) << 3) + host, 32)));
        check(&prefixes, 7, &[]);
    }
}
