//! `compile`: a network into tables, from the showcase to the sizes of DASH: an ENI (100k routes, NSGs of 1,000 rules) and
//! baby hero (32 times 5,000 routes, 320 NSGs of 1,000 rules, 80,000 addresses); `run`: the whole showcase scenario.

use criterion::{Criterion, criterion_group, criterion_main};
use vnetsim_benches::{baby_hero, networks, networks::Size, scenario};
use vnetsim_compile::compile;
use vnetsim_sim::Change;
use vnetsim_types::NoObserver;

fn benches(c: &mut Criterion) {
    const { assert!(!cfg!(debug_assertions), "a debug build measures nothing") };
    let scenario = scenario("hub-and-spoke.yaml");
    let network = &scenario.network;
    let mut group = c.benchmark_group("compile");
    group.sample_size(10);
    group.bench_function("hub-and-spoke", |b| b.iter(|| compile(network, 0)));
    let sizes = [
        ("1k routes, 100 rules", Size { vms: 16, rules: 100, routes: 1_000 }),
        ("eni", Size { vms: 16, rules: 998, routes: 100_000 }),
    ];
    for (name, size) in sizes {
        let network = networks::pair(size);
        group.bench_function(name, |b| b.iter(|| compile(&network, 0)));
    }
    let large = networks::pair(Size { vms: 16, rules: 998, routes: 1_000_000 });
    group.bench_function("a million routes", |b| b.iter(|| compile(&large, 0)));
    let hero = baby_hero();
    group.bench_function("baby_hero", |b| b.iter(|| compile(&hero, 0)));
    group.finish();

    let timeline: Vec<Change> = scenario
        .timeline
        .iter()
        .map(|op| Change { at: op.at, name: None, operation: op.operation.clone(), span: op.span })
        .collect();
    c.bench_function("run/hub-and-spoke", |b| {
        b.iter(|| vnetsim_sim::run(network.clone(), &scenario.traffic, &timeline, &mut NoObserver));
    });
}

criterion_group!(all, benches);
criterion_main!(all);
