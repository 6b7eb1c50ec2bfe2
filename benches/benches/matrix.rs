//! Reachability: pairs a second, every VM for itself, and whole matrices of classes.

use std::{hint::black_box, num::NonZeroUsize};

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use vnetsim_analysis::{Grouping, MatrixQuestion, matrix};
use vnetsim_benches::networks::network;
use vnetsim_testkit::hub_and_spokes;
use vnetsim_types::{IpProtocol, ProtoPort};

/// Spokes, and machines of each: 10, 100 and 500.
const SIZES: [(usize, usize); 3] = [(2, 5), (10, 10), (20, 25)];

fn question(grouping: Grouping, from: &[&str], workers: usize) -> MatrixQuestion {
    MatrixQuestion {
        grouping,
        protocols: vec![ProtoPort { protocol: IpProtocol::TCP, port: 443 }],
        from: from.iter().map(|name| (*name).to_owned()).collect(),
        to: Vec::new(),
        internet: [8, 8, 8, 8].into(),
        workers: NonZeroUsize::new(workers).unwrap_or(NonZeroUsize::MIN),
    }
}

/// From the machines of one spoke to every machine.
fn pairs(c: &mut Criterion) {
    let mut group = c.benchmark_group("matrix/pairs");
    group.sample_size(10);
    for (spokes, vms) in SIZES {
        let network = network(&hub_and_spokes(spokes, vms));
        for workers in [1, 2] {
            let question = question(Grouping::Vms, &["s1"], workers);
            let asked = matrix(&network, &question).expect("s1 is there").grids[0].cells.len();
            group.throughput(Throughput::Elements(asked as u64));
            group.bench_function(BenchmarkId::new(format!("{workers} threads"), spokes * vms), |b| {
                b.iter(|| black_box(matrix(&network, &question)));
            });
        }
    }
    group.finish();
}

/// What `vnetsim matrix FILE` asks.
fn classes(c: &mut Criterion) {
    let mut group = c.benchmark_group("matrix/classes");
    group.sample_size(10);
    for (spokes, vms) in SIZES {
        let network = network(&hub_and_spokes(spokes, vms));
        let question = question(Grouping::Classes, &[], 2);
        group.bench_function(BenchmarkId::new("whole", spokes * vms), |b| {
            b.iter(|| black_box(matrix(&network, &question)));
        });
    }
    group.finish();
}

criterion_group!(benches, pairs, classes);
criterion_main!(benches);
