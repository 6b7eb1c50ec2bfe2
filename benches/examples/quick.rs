//! The fastest and the middle of many passes: a look at the hot path that a busy machine does not spoil.

use std::time::Instant;

use vnetsim_benches::{Load, forward, networks, networks::Size};
use vnetsim_compile::compile;
use vnetsim_dataplane::{Batch, Forwarder, Meter};
use vnetsim_types::SimTime;

fn main() {
    let size = Size { vms: 16, rules: 100, routes: 1_000 };
    let network = networks::pair(size);
    let compiled = compile(&network, 0);
    let tables = &*compiled.tables;
    let nic = |name: String| network.nic_named(&name).expect("a VM of this network");
    let pairs: Vec<_> =
        (0..size.vms).map(|ix| (nic(format!("west{ix}")), nic(format!("east{ix}")))).collect();
    let mut batch = Batch::default();
    let all: Vec<(usize, usize)> = match std::env::var("P") {
        Ok(passes) => vec![(1_000, passes.parse().expect("a number"))],
        Err(_) => vec![(1_000, 20_000), (100_000, 100), (1_000_000, 12)],
    };
    if let Ok(passes) = std::env::var("NEW") {
        let (flows, passes): (usize, u64) = (20_000, passes.parse().expect("a number"));
        let load = Load::new(tables, &pairs, flows);
        let (mut forwarder, mut meter) = (Forwarder::new(true), Meter::default());
        let mut best = f64::MAX;
        for pass in 0..passes {
            let (start, now) = (Instant::now(), SimTime::from_secs(600 * pass));
            load.batches(&mut batch, |batch| forward(tables, &mut forwarder, &mut meter, now, batch));
            best = best.min(start.elapsed().as_secs_f64() * 1e9 / flows as f64);
        }
        println!("new: best {best:6.2} ns");
        return;
    }
    for (flows, passes) in all {
        let load = Load::new(tables, &pairs, flows);
        let mut forwarder = Forwarder::new(true);
        forwarder.reserve(flows * std::env::var("R").map_or(1, |r| r.parse().unwrap()));
        let mut meter = Meter::default();
        let mut times: Vec<f64> = (0..passes)
            .map(|_| {
                let start = Instant::now();
                load.batches(&mut batch, |batch| {
                    forward(tables, &mut forwarder, &mut meter, SimTime::ZERO, batch)
                });
                start.elapsed().as_secs_f64() * 1e9 / flows as f64
            })
            .collect();
        times.sort_by(f64::total_cmp);
        println!("known {flows:>8}: best {:6.2} ns, middle {:6.2} ns", times[0], times[passes / 2]);
    }
}
