//! The classifier against asking one rule after the other (NSG-03).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use proptest::{collection::vec, prelude::*, sample::select};
use vnetsim_dataplane::{Addresses, Classifiers, Rule, RuleList};
use vnetsim_types::{AddrSet, FlowKey, IpNet, IpProtocol, RuleIx};

/// Few bits differ, so that ranges nest, touch and meet their own edges.
fn v4() -> impl Strategy<Value = Ipv4Addr> {
    let usual = (0..4_u32, 0..4_u32, select(vec![0_u32, 1, 127, 128, 255]));
    let usual = usual.prop_map(|(b, c, d)| Ipv4Addr::from(0x0a00_0000 | b << 16 | c << 8 | d));
    prop_oneof![4 => usual, 1 => select(vec![Ipv4Addr::UNSPECIFIED, Ipv4Addr::BROADCAST])]
}

fn v6() -> impl Strategy<Value = Ipv6Addr> {
    let usual = (0..3_u128, 0..3_u128, select(vec![0_u128, 1, u128::from(u64::MAX)]));
    let usual = usual.prop_map(|(a, b, c)| Ipv6Addr::from(0xfd00 << 112 | a << 80 | b << 64 | c));
    prop_oneof![4 => usual, 1 => select(vec![Ipv6Addr::UNSPECIFIED, Ipv6Addr::from(u128::MAX)])]
}

fn ip() -> impl Strategy<Value = IpAddr> {
    prop_oneof![v4().prop_map(IpAddr::V4), v6().prop_map(IpAddr::V6)]
}

fn prefix() -> impl Strategy<Value = IpNet> {
    let lengths = select(vec![0_u8, 8, 16, 22, 24, 25, 31, 32, 48, 64, 127, 128]);
    (ip(), lengths).prop_map(|(ip, length)| {
        let most = if ip.is_ipv4() { 32 } else { 128 };
        IpNet::new(ip, length.min(most)).expect("a length of this family").trunc()
    })
}

fn addresses(sets: u32) -> impl Strategy<Value = Addresses> {
    prop_oneof![
        2 => Just(Addresses::Any),
        6 => (0..sets).prop_map(Addresses::Set),
        1 => (0..sets).prop_map(Addresses::Ipv4Set),
        1 => Just(Addresses::Unknown),
    ]
}

fn port() -> impl Strategy<Value = u16> {
    select(vec![0, 1, 22, 79, 80, 81, 443, 1_023, 1_024, 65_534, 65_535])
}

fn ports() -> impl Strategy<Value = Vec<(u16, u16)>> {
    prop_oneof![Just(Vec::new()), vec((port(), port()).prop_map(|(a, b)| (a.min(b), a.max(b))), 1..4),]
}

fn protocol() -> impl Strategy<Value = IpProtocol> {
    use IpProtocol as P;
    select(vec![P::TCP, P::UDP, P::ICMP, P::ICMPV6, P::ESP, P::AH, IpProtocol(47)])
}

fn rule(sets: u32) -> impl Strategy<Value = Rule> {
    let sides = (addresses(sets), addresses(sets));
    let rare = prop_oneof![4 => Just(Vec::new()), 1 => ports()];
    (prop::option::of(protocol()), sides, rare, ports(), any::<bool>()).prop_map(
        |(protocol, (source, destination), source_ports, destination_ports, allow)| Rule {
            ix: RuleIx(0),
            protocol,
            source,
            destination,
            source_ports,
            destination_ports,
            allow,
            platform: false,
        },
    )
}

fn last() -> Rule {
    Rule {
        ix: RuleIx(0),
        protocol: None,
        source: Addresses::Any,
        destination: Addresses::Any,
        source_ports: Vec::new(),
        destination_ports: Vec::new(),
        allow: false,
        platform: false,
    }
}

fn key() -> impl Strategy<Value = FlowKey> {
    let ends = prop_oneof![
        (v4(), v4()).prop_map(|(a, b)| (IpAddr::V4(a), IpAddr::V4(b))),
        (v6(), v6()).prop_map(|(a, b)| (IpAddr::V6(a), IpAddr::V6(b))),
    ];
    (protocol(), ends, port(), port()).prop_map(|(protocol, (src, dst), src_port, dst_port)| FlowKey {
        protocol,
        src,
        dst,
        src_port,
        dst_port,
    })
}

/// `rules` in a list, numbered by their place.
fn list(rules: Vec<Rule>, sets: &[AddrSet]) -> RuleList {
    let numbered = rules.into_iter().chain([last()]).enumerate();
    let rules = numbered.map(|(ix, rule)| Rule { ix: RuleIx::new(ix), ..rule }).collect();
    RuleList::new(rules, sets, &mut Classifiers::default())
}

proptest! {
    #[test]
    fn the_first_match_is_the_one_that_a_scan_finds(
        sets in vec(vec(prefix(), 0..6), 1..8),
        seed in vec(rule(8), 1..160),
        keys in vec(key(), 1..60),
    ) {
        let sets: Vec<AddrSet> = sets.into_iter().map(|prefixes| prefixes.into_iter().collect()).collect();
        let within = |a: Addresses| match a {
            Addresses::Set(ix) => Addresses::Set(ix % sets.len() as u32),
            Addresses::Ipv4Set(ix) => Addresses::Ipv4Set(ix % sets.len() as u32),
            other => other,
        };
        let rules = seed
            .into_iter()
            .map(|rule| Rule { source: within(rule.source), destination: within(rule.destination), ..rule });
        let list = list(rules.collect(), &sets);
        for key in keys {
            let found = list.first(&sets, &key).map(|rule| rule.ix);
            prop_assert_eq!(found, list.scan(&sets, &key).map(|rule| rule.ix), "{:?}", key);
        }
    }
}

/// NSG-05: 1,000 rules, 4,000 prefixes on each side of one of them.
#[test]
fn as_large_as_azure_allows() {
    let wide = |second: u32| -> AddrSet {
        let prefix = |n: u32| IpNet::new(Ipv4Addr::from(0x0a00_0000 | second << 20 | n << 6).into(), 28);
        (0..4_000).map(|n| prefix(n).expect("a length of IPv4")).collect()
    };
    let narrow = |n: u32| -> AddrSet {
        let ip = Ipv4Addr::from(0xac10_0000 | n << 8);
        [IpNet::new(ip.into(), 24).expect("a length of IPv4")].into_iter().collect()
    };
    let mut sets = vec![wide(1), wide(2)];
    sets.extend((0..1_000).map(narrow));
    let rules = (0..1_000_u32).map(|n| Rule {
        protocol: Some(IpProtocol::TCP),
        source: Addresses::Set(if n == 500 { 0 } else { 2 + n }),
        destination: Addresses::Set(if n == 500 { 1 } else { 2 + (n + 1) % 1_000 }),
        destination_ports: vec![(443, 443)],
        allow: true,
        ..last()
    });
    let list = list(rules.collect(), &sets);
    let key = |src: u32, dst: u32| FlowKey {
        protocol: IpProtocol::TCP,
        src: Ipv4Addr::from(src).into(),
        dst: Ipv4Addr::from(dst).into(),
        src_port: 50_000,
        dst_port: 443,
    };
    let first = |src, dst| list.first(&sets, &key(src, dst)).map(|rule| rule.ix);
    assert_eq!(first(0x0a10_0001, 0x0a20_0001), Some(RuleIx(500)));
    assert_eq!(first(0x0a10_0011, 0x0a20_0001), Some(RuleIx(1_000)), "between two prefixes");
    assert_eq!(first(0xac10_0705, 0xac10_0801), Some(RuleIx(7)));
    assert_eq!(first(0xac10_0705, 0xac10_0901), Some(RuleIx(1_000)));
    // 1,001 vectors of 128 bytes for each of two sides, and the lines that lead to them.
    assert!(list.memory_bytes() < 2 << 20, "{} bytes", list.memory_bytes());
}
