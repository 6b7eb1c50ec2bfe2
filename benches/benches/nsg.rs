//! `nsg`: the first rule that matches, among 10, 100 and 1,000 rules, all five-tuples distinct; against asking one rule
//! after the other.
//!
//! The rules are such as people write: half of them from one prefix of 10.0.0.0/8 to another, a quarter from a
//! prefix to everywhere, a quarter from everywhere to a prefix; TCP, UDP or both; one port, a short range, a list of
//! ports, or all. Half of the packets are drawn from a rule's own addresses and ports, half from all of 10.0.0.0/8.

#![expect(clippy::print_stderr, reason = "the bytes of a list belong to its figures")]

use std::{hint::black_box, net::Ipv4Addr, time::Duration};

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use vnetsim_benches::Random;
use vnetsim_dataplane::{Addresses, Classifiers, Rule, RuleList};
use vnetsim_types::{AddrSet, FlowKey, IpNet, IpProtocol, RuleIx};

const KEYS: usize = 1 << 16;

struct Rules {
    rules: Vec<Rule>,
    sets: Vec<AddrSet>,
    prefixes: Vec<IpNet>,
}

fn rules(count: usize, random: &mut Random) -> Rules {
    let mut all = Rules { rules: Vec::new(), sets: Vec::new(), prefixes: Vec::new() };
    for ix in 0..count {
        let mut side = |random: &mut Random| {
            let ip = Ipv4Addr::from(0x0a00_0000 | random.below(1 << 24) as u32);
            let prefix =
                IpNet::new(ip.into(), [16, 20, 24, 24, 24, 28][random.below(6)]).expect("a length").trunc();
            all.prefixes.push(prefix);
            all.sets.push([prefix].into_iter().collect());
            Addresses::Set(all.sets.len() as u32 - 1)
        };
        let source = if ix % 4 == 3 { Addresses::Any } else { side(random) };
        let destination = if ix % 4 == 2 { Addresses::Any } else { side(random) };
        let port = 1 + random.below(9_000) as u16;
        let destination_ports = match random.below(4) {
            0 => vec![(port, port)],
            1 => vec![(port, port + 100)],
            2 => vec![(22, 22), (80, 80), (443, 443), (port, port)],
            _ => Vec::new(),
        };
        let protocol =
            [Some(IpProtocol::TCP), Some(IpProtocol::TCP), Some(IpProtocol::UDP), None][random.below(4)];
        let allow = random.below(2) == 0;
        all.rules.push(Rule { protocol, source, destination, destination_ports, allow, ..last() });
    }
    all.rules.push(last());
    all.rules.iter_mut().enumerate().for_each(|(ix, rule)| rule.ix = RuleIx::new(ix));
    all
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

fn keys(rules: &Rules, random: &mut Random) -> Vec<FlowKey> {
    let anywhere = |random: &mut Random| Ipv4Addr::from(0x0a00_0000 | random.below(1 << 24) as u32);
    let of = |side: Addresses, random: &mut Random| match side {
        Addresses::Set(set) => match rules.prefixes[set as usize] {
            IpNet::V4(net) => Ipv4Addr::from(
                net.network().to_bits() | random.below(1 << 24) as u32 & net.hostmask().to_bits(),
            ),
            IpNet::V6(_) => anywhere(random),
        },
        _ => anywhere(random),
    };
    (0..KEYS)
        .map(|n| {
            let rule = &rules.rules[random.below(rules.rules.len())];
            let drawn = n % 2 == 0;
            let (src, dst) = match drawn {
                true => (of(rule.source, random), of(rule.destination, random)),
                false => (anywhere(random), anywhere(random)),
            };
            let port =
                rule.destination_ports.first().filter(|_| drawn).map_or(random.below(9_100) as u16, |p| p.0);
            FlowKey {
                protocol: rule
                    .protocol
                    .filter(|_| drawn)
                    .unwrap_or([IpProtocol::TCP, IpProtocol::UDP][n / 2 % 2]),
                src: src.into(),
                dst: dst.into(),
                src_port: n as u16,
                dst_port: port,
            }
        })
        .collect()
}

fn benches(c: &mut Criterion) {
    const { assert!(!cfg!(debug_assertions), "a debug build measures nothing") };
    let mut group = c.benchmark_group("nsg");
    group.warm_up_time(Duration::from_secs(1)).measurement_time(Duration::from_secs(3)).sample_size(20);
    for count in [10, 100, 1_000] {
        let mut random = Random::default();
        let rules = rules(count, &mut random);
        let keys = keys(&rules, &mut random);
        let list = RuleList::new(rules.rules.clone(), &rules.sets, &mut Classifiers::default());
        eprintln!("nsg/{count}: {} bytes with its rules", list.memory_bytes());
        group.throughput(Throughput::Elements(KEYS as u64));
        group.bench_with_input(BenchmarkId::new("classifier", count), &keys, |b, keys| {
            b.iter(|| {
                keys.iter().for_each(|key| {
                    black_box(list.first(&rules.sets, key).map(|rule| rule.allow));
                })
            });
        });
        group.bench_with_input(BenchmarkId::new("scan", count), &keys, |b, keys| {
            b.iter(|| {
                keys.iter().for_each(|key| {
                    black_box(list.scan(&rules.sets, key).map(|rule| rule.allow));
                })
            });
        });
        group.bench_function(BenchmarkId::new("build", count), |b| {
            b.iter(|| RuleList::new(rules.rules.clone(), &rules.sets, &mut Classifiers::default()));
        });
    }
    group.finish();
}

criterion_group!(all, benches);
criterion_main!(all);
