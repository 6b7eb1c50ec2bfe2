//! `forward`: bytes in to bytes out between a spoke and its peered hub, flow hit and flow miss; `compile`: network to
//! tables; `run`: the whole showcase scenario.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use vnetsim_benches::{forward, packet, scenario};
use vnetsim_compile::compile;
use vnetsim_dataplane::{Meter, Packet, Switch};
use vnetsim_sim::Change;
use vnetsim_types::NoObserver;

fn benches(c: &mut Criterion) {
    const { assert!(!cfg!(debug_assertions), "a debug build measures nothing") };
    let scenario = scenario("hub-and-spoke.yaml");
    let network = &scenario.network;
    let compiled = compile(network, 0);
    let tables = &*compiled.tables;
    let from = network.nic_named("vm1").expect("vm1 of the showcase");
    let to = network.nic_named("shared").expect("shared of the showcase");

    let mut group = c.benchmark_group("forward");
    group.throughput(Throughput::Elements(1));
    group.bench_function("flow hit", |b| {
        let mut switches = vec![Switch::default(); network.vnets().len()];
        let (mut frame, mut meter) = (packet(tables, from, to, 50_000), Meter::default());
        b.iter(|| assert!(forward(tables, &mut switches, &mut meter, from, &mut frame)));
    });
    group.bench_function("flow miss", |b| {
        let fresh = || (vec![Switch::default(); network.vnets().len()], packet(tables, from, to, 50_000));
        let mut meter = Meter::default();
        let first = |(mut switches, mut frame): (Vec<Switch>, Packet)| {
            assert!(forward(tables, &mut switches, &mut meter, from, &mut frame));
        };
        b.iter_batched(fresh, first, criterion::BatchSize::SmallInput);
    });
    group.finish();

    c.bench_function("compile/hub-and-spoke", |b| b.iter(|| compile(network, 0)));

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
