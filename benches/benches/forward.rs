//! `forward`: bytes in to bytes out from a spoke to a peered one, 100-rule NSGs on both NICs and subnets, 1,000 routes;
//! connections known (1k, 100k, 1M of them) and new.

use std::time::Duration;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use vnetsim_benches::{Load, forward, networks, networks::Size};
use vnetsim_compile::compile;
use vnetsim_dataplane::{Batch, Forwarder, Meter, Tables, Verdict};
use vnetsim_model::Network;
use vnetsim_types::{NicId, SimTime};

const SIZE: Size = Size { vms: 16, rules: 100, routes: 1_000 };

fn pairs(network: &Network) -> Vec<(NicId, NicId)> {
    let nic = |name: String| network.nic_named(&name).expect("a VM of this network");
    (0..SIZE.vms).map(|ix| (nic(format!("west{ix}")), nic(format!("east{ix}")))).collect()
}

fn pass(tables: &Tables, forwarder: &mut Forwarder, now: SimTime, load: &Load, batch: &mut Batch) -> usize {
    let (mut meter, mut delivered) = (Meter::default(), 0);
    load.batches(batch, |batch| {
        forward(tables, forwarder, &mut meter, now, batch);
        delivered += batch.verdicts().iter().filter(|v| matches!(v, Verdict::Delivered(_))).count();
    });
    delivered
}

fn benches(c: &mut Criterion) {
    const { assert!(!cfg!(debug_assertions), "a debug build measures nothing") };
    let network = networks::pair(SIZE);
    let compiled = compile(&network, 0);
    let (tables, pairs) = (&*compiled.tables, pairs(&network));
    let mut batch = Batch::default();

    let mut group = c.benchmark_group("forward");
    group.warm_up_time(Duration::from_secs(1)).measurement_time(Duration::from_secs(3)).sample_size(20);
    for flows in [1_000, 100_000, 1_000_000] {
        let load = Load::new(tables, &pairs, flows);
        let mut forwarder = Forwarder::new(true);
        forwarder.reserve(flows);
        assert_eq!(pass(tables, &mut forwarder, SimTime::ZERO, &load, &mut batch), flows);
        group.throughput(Throughput::Elements(flows as u64));
        group.bench_with_input(BenchmarkId::new("known", flows), &load, |b, load| {
            b.iter(|| pass(tables, &mut forwarder, SimTime::ZERO, load, &mut batch));
        });
    }
    let load = Load::new(tables, &pairs, 100_000);
    group.throughput(Throughput::Elements(100_000));
    group.bench_function("stages/100000", |b| {
        let mut forwarder = Forwarder::new(false);
        b.iter(|| pass(tables, &mut forwarder, SimTime::ZERO, &load, &mut batch));
    });
    // Every packet opens a connection: by the time that one comes again, its records have expired.
    group.bench_function("new/100000", |b| {
        let (mut forwarder, mut now) = (Forwarder::new(true), SimTime::ZERO);
        b.iter(|| {
            now = now + SimTime::from_secs(600);
            pass(tables, &mut forwarder, now, &load, &mut batch)
        });
    });
    group.finish();
}

criterion_group!(all, benches);
criterion_main!(all);
