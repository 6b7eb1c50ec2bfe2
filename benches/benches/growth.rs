//! `growth`: what forwarding costs with the smallest and the largest tables, in one run: 100 routes, 10 rules and 1,000
//! connections against a million routes, 1,000 rules (two of them let traffic pass) and a
//! million connections; known connections and new ones. Between them the sizes of DASH: `eni` and `baby_hero`.

use std::{
    sync::atomic::{AtomicBool, AtomicU64},
    time::Duration,
};

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use vnetsim_benches::{Ground, baby_hero, networks, networks::Size};
use vnetsim_model::Network;
use vnetsim_throughput::{Load, Worker};

const SMALL: Size = Size { vms: 16, rules: 10, routes: 100 };
const LARGE: Size = Size { vms: 16, rules: 998, routes: 1_000_000 };
const ENI: Size = Size { vms: 16, rules: 998, routes: 100_000 };

fn pass(worker: &mut Worker<'_>, load: &Load) {
    worker.pass(load, &AtomicBool::new(false), &AtomicU64::new(0));
}

fn benches(c: &mut Criterion) {
    const { assert!(!cfg!(debug_assertions), "a debug build measures nothing") };
    let mut group = c.benchmark_group("growth");
    group.warm_up_time(Duration::from_secs(1)).measurement_time(Duration::from_secs(3)).sample_size(20);
    const MANY: usize = 1_000_000;
    type Made = fn() -> Network;
    let sizes: [(&str, Made, usize); 4] = [
        ("small", || networks::pair(SMALL), 1_000),
        ("eni", || networks::pair(ENI), MANY),
        ("baby_hero", baby_hero, MANY),
        ("large", || networks::pair(LARGE), MANY),
    ];
    for (name, network, most) in sizes {
        let ground = Ground::of(&network(), 1);
        // The same number of connections on both sides shows the tables' share, the last one the connections' share.
        for flows in [1_000, most] {
            let (load, mut worker) = (ground.load(flows), ground.worker(true));
            worker.forwarder().reserve(flows);
            pass(&mut worker, &load);
            group.throughput(Throughput::Elements(flows as u64));
            group.bench_function(format!("{name}/known/{flows}"), |b| b.iter(|| pass(&mut worker, &load)));
            assert_eq!(worker.sum.sent, worker.sum.delivered);
            worker.forget(&load);
            group.bench_function(format!("{name}/new/{flows}"), |b| b.iter(|| pass(&mut worker, &load)));
            assert_eq!(worker.sum.sent, worker.sum.delivered);
            if most == flows {
                break;
            }
        }
    }
    group.finish();
}

criterion_group!(all, benches);
criterion_main!(all);
