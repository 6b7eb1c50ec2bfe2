//! The simulation: packets, segments and events a second, spoke to hub to spoke, time-accurate.

use std::{hint::black_box, ops::ControlFlow};

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use vnetsim_benches::star::{requests, star, streams, streams_every, uploads};
use vnetsim_model::{Network, Traffic};
use vnetsim_sim::{Play, Report};
use vnetsim_types::{NoObserver, SimTime};

fn play(network: &Network, traffic: &[Traffic], workers: usize) -> Report {
    let play = Play { network: network.clone(), traffic, timeline: &[], injections: &[], seed: 1, workers };
    play.run(&mut NoObserver, &mut |_| ControlFlow::Continue(()))
}

/// Datagrams that are delivered, each after two legs and a router.
fn udp(c: &mut Criterion) {
    let mut group = c.benchmark_group("sim/udp");
    group.sample_size(10);
    for (spokes, bytes) in [(8, 64), (8, 1_400), (100, 64), (100, 1_400), (1_000, 64), (1_000, 1_400)] {
        let network = star(spokes, 1);
        let traffic = streams(&network, spokes, bytes, 1_000_000);
        let report = play(&network, &traffic, 1);
        assert_eq!((report.delivered, report.in_flight()), (report.sent, 0), "{:?}", report.dropped);
        group.throughput(Throughput::Elements(report.sent));
        group.bench_function(BenchmarkId::new(format!("{bytes} bytes"), spokes), |b| {
            b.iter(|| black_box(play(&network, &traffic, 1)));
        });
    }
    group.finish();
}

/// TCP segments, ACKs included, each over two legs and a router.
fn tcp(c: &mut Criterion) {
    let mut group = c.benchmark_group("sim/tcp");
    group.sample_size(10);
    for spokes in [8, 100] {
        let network = star(spokes, 1);
        let traffic = uploads(&network, spokes, 400_000_000 / spokes as u64);
        let report = play(&network, &traffic, 1);
        assert_eq!((report.delivered, report.in_flight()), (report.sent, 0), "{:?}", report.dropped);
        group.throughput(Throughput::Elements(report.sent));
        group.bench_function(BenchmarkId::new("bulk", spokes), |b| {
            b.iter(|| black_box(play(&network, &traffic, 1)));
        });
    }
    group.finish();
}

/// One thread and two, the same work.
fn workers(c: &mut Criterion) {
    let mut group = c.benchmark_group("sim/workers");
    group.sample_size(10);
    let network = star(100, 1);
    // 100,000 a second from each spoke: windows of 400 us are worth a barrier then.
    let traffic = streams_every(&network, 100, 64, 1_000_000, SimTime::from_micros(10));
    for workers in [1, 2] {
        let report = play(&network, &traffic, workers);
        group.throughput(Throughput::Elements(report.sent));
        group.bench_function(BenchmarkId::new("udp", workers), |b| {
            b.iter(|| black_box(play(&network, &traffic, workers)));
        });
    }
    group.finish();
}

/// 10 to 10,000 machines that ask each other: packet-hops a second, and events a second.
fn scale(c: &mut Criterion) {
    let sizes = [(5, 2), (10, 10), (100, 10), (100, 100)];
    let count =
        |report: &Report, what: &str| if what == "hops" { 2 * report.delivered } else { report.events };
    for what in ["hops", "events"] {
        let mut group = c.benchmark_group(format!("sim/scale/{what}"));
        group.sample_size(10);
        for (spokes, vms) in sizes {
            let network = star(spokes, vms);
            let traffic = requests(&network, (spokes, vms), 10);
            let report = play(&network, &traffic, 1);
            assert_eq!((report.delivered, report.in_flight()), (report.sent, 0), "{:?}", report.dropped);
            group.throughput(Throughput::Elements(count(&report, what)));
            group.bench_function(BenchmarkId::new("machines", spokes * vms), |b| {
                b.iter(|| black_box(play(&network, &traffic, 1)));
            });
        }
        group.finish();
    }
}

criterion_group!(benches, udp, tcp, workers, scale);
criterion_main!(benches);
