//! `instructions`: how many instructions a packet costs, counted by callgrind, so that noise hides no regression. Each
//! bench does its work [`COUNT`] times, so a figure divided by that is the price of one.
//!
//! Needs `valgrind` and `cargo install gungraun-runner --version 0.20.0`, so `cargo bench` leaves it out:
//! `cargo bench --bench instructions --features callgrind`. Fails when a packet costs more than its limit.
#![allow(missing_docs, clippy::exit)] // of what the macros make

use std::{
    hint::black_box,
    sync::atomic::{AtomicBool, AtomicU64},
};

use gungraun::{
    Callgrind, EventKind, LibraryBenchmarkConfig, library_benchmark, library_benchmark_group, main,
};
use vnetsim_benches::{Ground, Half, Hops, networks, networks::Size};
use vnetsim_dataplane::Switches;
use vnetsim_throughput::{Load, Worker};

/// Packets of a bench.
const COUNT: usize = 1_024;
const SIZE: Size = Size { vms: 16, rules: 100, routes: 1_000 };

/// A worker that has seen every connection of its load once.
fn seen(ground: Ground) -> (Worker<'static>, Load) {
    let ground: &'static Ground = Box::leak(Box::new(ground));
    let (load, mut worker) = (ground.load(COUNT), ground.worker(true));
    worker.pass(&load, &AtomicBool::new(false), &AtomicU64::new(0));
    (worker, load)
}

fn known() -> (Worker<'static>, Load) {
    seen(Ground::of(&networks::pair(SIZE), 1))
}

fn new() -> (Worker<'static>, Load) {
    let (mut worker, load) = known();
    worker.forget(&load);
    worker.pass(&load, &AtomicBool::new(false), &AtomicU64::new(0));
    worker.sum.delivered = COUNT as u64;
    (worker, load)
}

/// The same without notes: every packet goes through all stages.
fn staged() -> (Worker<'static>, Load) {
    let ground: &'static Ground = Box::leak(Box::new(Ground::of(&networks::pair(SIZE), 1)));
    let (load, mut worker) = (ground.load(COUNT), ground.worker(false));
    worker.forget(&load);
    worker.pass(&load, &AtomicBool::new(false), &AtomicU64::new(0));
    (worker, load)
}

fn chain() -> (Worker<'static>, Load) {
    seen(Ground::of(&networks::chain(SIZE), 2))
}

#[library_benchmark]
#[bench::known(args = (known()), config = limit(400))]
#[bench::new(args = (new()), config = limit(1_500))]
#[bench::staged(args = (staged()), config = limit(5_000))]
#[bench::chain(args = (chain()), config = limit(900))]
fn forward((mut worker, load): (Worker<'static>, Load)) -> Worker<'static> {
    worker.pass(black_box(&load), &AtomicBool::new(false), &AtomicU64::new(0));
    assert_eq!(worker.sum.delivered, 2 * COUNT as u64);
    worker
}

/// Packets one at a time, of connections whose records are there.
fn hops(switches: Switches) -> Hops<'static> {
    let ground: &'static Ground = Box::leak(Box::new(Ground::of(&networks::pair(SIZE), 1)));
    Hops::of(ground, COUNT, switches)
}

// With what it costs to make each packet anew.
#[library_benchmark]
#[bench::egress_repeated(args = (hops(Switches::repeating()), false), config = limit(1_100))]
#[bench::ingress_repeated(args = (hops(Switches::repeating()), true), config = limit(1_100))]
#[bench::egress_decided(args = (hops(Switches::default()), false), config = limit(2_000))]
#[bench::ingress_decided(args = (hops(Switches::default()), true), config = limit(2_000))]
fn hop(mut hops: Hops<'static>, inbound: bool) -> Hops<'static> {
    hops.pass(Half { inbound, fetched: false });
    hops
}

/// So many instructions for a packet, and no more.
fn limit(instructions: u64) -> LibraryBenchmarkConfig {
    let limits = [(EventKind::Ir, instructions * COUNT as u64)];
    LibraryBenchmarkConfig::default().tool(Callgrind::default().hard_limits(limits)).clone()
}

library_benchmark_group!(name = all, benchmarks = [forward, hop]);
main!(library_benchmark_groups = all);
