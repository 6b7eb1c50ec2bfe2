//! `forward`: bytes in to bytes out from a spoke to a peered one, with 1,000 routes and NSGs of 100 rules on both NICs and
//! subnets; connections known (1k, 100k, 1M of them), new, and new without
//! any earlier one between the same addresses (`staged`). `bare` is the same loop without any of Azure's rules:
//! copy a frame, read its five-tuple, find it in a table of 32-byte entries, write two MAC addresses. `chain`: from a
//! spoke through an appliance in the hub to another spoke, two legs for each packet. `hop`: one packet at a time, as the
//! simulation forwards them: each half of a way for itself, repeated from the connection's records, asked for before
//! (`fetched`) or not, or decided by the stages because the switches repeat nothing.

use std::{
    hint::black_box,
    sync::atomic::{AtomicBool, AtomicU64},
    time::Duration,
};

use criterion::{
    BenchmarkGroup, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main,
    measurement::WallTime,
};
use vnetsim_benches::{FRAME_LEN, Ground, Half, Hops, networks, networks::Size};
use vnetsim_dataplane::Switches;
use vnetsim_packet::plain;
use vnetsim_throughput::{Load, Worker};

const SIZE: Size = Size { vms: 16, rules: 100, routes: 1_000 };

/// Sends every frame of `load` once; all must arrive.
fn pass(worker: &mut Worker<'_>, load: &Load) {
    let before = worker.sum.delivered;
    worker.pass(load, &AtomicBool::new(false), &AtomicU64::new(0));
    assert_eq!(worker.sum.delivered - before, load.len() as u64);
}

type Group<'a> = BenchmarkGroup<'a, WallTime>;

fn group<'a>(c: &'a mut Criterion, name: &str) -> Group<'a> {
    let mut group = c.benchmark_group(name);
    group.warm_up_time(Duration::from_secs(1)).measurement_time(Duration::from_secs(3)).sample_size(20);
    group
}

fn known(group: &mut Group<'_>, name: &str, ground: &Ground, flows: usize) {
    let (load, mut worker) = (ground.load(flows), ground.worker(true));
    worker.forwarder().reserve(flows);
    pass(&mut worker, &load);
    group.throughput(Throughput::Elements(flows as u64));
    group
        .bench_with_input(BenchmarkId::new(name, flows), &load, |b, load| b.iter(|| pass(&mut worker, load)));
}

/// Every packet opens a connection; by the time that one comes again, its records have expired.
fn new(group: &mut Group<'_>, name: &str, ground: &Ground, flows: usize) {
    let (load, mut worker) = (ground.load(flows), ground.worker(true));
    group.throughput(Throughput::Elements(flows as u64));
    worker.forget(&load);
    pass(&mut worker, &load);
    group
        .bench_with_input(BenchmarkId::new(name, flows), &load, |b, load| b.iter(|| pass(&mut worker, load)));
}

/// Every packet opens a connection, and no earlier one between its addresses helps.
fn staged(group: &mut Group<'_>, ground: &Ground, flows: usize) {
    let (load, mut worker) = (ground.load(flows), ground.worker(false));
    group.throughput(Throughput::Elements(flows as u64));
    worker.forget(&load);
    pass(&mut worker, &load);
    group.bench_with_input(BenchmarkId::new("staged", flows), &load, |b, load| {
        b.iter(|| pass(&mut worker, load));
    });
}

/// What any software switch does, and nothing else.
fn bare(group: &mut Group<'_>, ground: &Ground, flows: usize) {
    #[derive(Clone, Copy, Default)]
    #[repr(align(32))]
    struct Entry {
        addresses: u64,
        ports: u64,
        packets: u64,
    }
    let load = ground.load(flows);
    let mask = (flows * 2).next_power_of_two() - 1;
    let mut table = vec![Entry::default(); mask + 1];
    let home = |addresses: u64, ports: u64| {
        let product =
            u128::from(addresses ^ 0x9e37_79b9_7f4a_7c15) * u128::from(ports ^ 0xd1b5_4a32_d192_ed03);
        (product >> 64) as usize ^ product as usize
    };
    let mut forward = move |load: &Load, insert: bool| {
        let mut cells = [[0_u8; FRAME_LEN]; 256];
        for frames in load.batches(256) {
            let mut count = 0;
            let mut keys = [(0, 0, 0); 256];
            for (cell, (_, frame)) in cells.iter_mut().zip(frames) {
                cell.copy_from_slice(frame);
                let Some(plain) = plain(cell, FRAME_LEN) else { continue };
                keys[count] =
                    (plain.addresses, u64::from(plain.ports), home(plain.addresses, plain.ports.into()));
                count += 1;
            }
            for ((addresses, ports, hash), cell) in keys[..count].iter().zip(&mut cells) {
                let mut at = hash & mask;
                while table[at].addresses != 0
                    && (table[at].addresses, table[at].ports) != (*addresses, *ports)
                {
                    at = (at + 1) & mask;
                }
                let entry = &mut table[at];
                if insert {
                    (entry.addresses, entry.ports) = (*addresses, *ports);
                }
                entry.packets += 1;
                cell[..12].copy_from_slice(&[7; 12]);
            }
            black_box(&mut cells);
        }
    };
    forward(&load, true);
    group.throughput(Throughput::Elements(flows as u64));
    group.bench_with_input(BenchmarkId::new("bare", flows), &load, |b, load| b.iter(|| forward(load, false)));
}

fn benches(c: &mut Criterion) {
    const { assert!(!cfg!(debug_assertions), "a debug build measures nothing") };
    let ground = Ground::of(&networks::pair(SIZE), 1);
    let mut forward = group(c, "forward");
    for flows in [1_000, 100_000, 1_000_000] {
        known(&mut forward, "known", &ground, flows);
        bare(&mut forward, &ground, flows);
    }
    new(&mut forward, "new", &ground, 100_000);
    staged(&mut forward, &ground, 100_000);
    forward.finish();

    let mut chain = group(c, "chain");
    let through = Ground::of(&networks::chain(SIZE), 2);
    known(&mut chain, "known", &through, 1_000);
    known(&mut chain, "known", &through, 100_000);
    chain.finish();

    let mut hops = group(c, "hop");
    hop(&mut hops, &ground, 1_000);
    hop(&mut hops, &ground, 100_000);
    hops.finish();
}

fn hop(group: &mut Group<'_>, ground: &Ground, flows: usize) {
    group.throughput(Throughput::Elements(flows as u64));
    let ways = [("fetched", true, true), ("repeated", true, false), ("decided", false, false)];
    for (how, repeats, fetched) in ways {
        let switches = if repeats { Switches::repeating() } else { Switches::default() };
        let mut hops = Hops::of(ground, flows, switches);
        for (half, inbound) in [("egress", false), ("ingress", true)] {
            group.bench_function(BenchmarkId::new(format!("{half}-{how}"), flows), |b| {
                b.iter_custom(|times| (0..times).map(|_| hops.pass(Half { inbound, fetched })).sum());
            });
        }
        assert_eq!(hops.counts().0 > 0, repeats);
    }
}

criterion_group!(all, benches);
criterion_main!(all);
