//! Plays a star once and prints its figures: for profilers, and for a first look. `star udp|tcp SPOKES BYTES WORKERS PACKETS`.

#![allow(clippy::print_stdout, clippy::disallowed_methods, reason = "it measures and prints")]

use std::{ops::ControlFlow, time::Instant};

use vnetsim_benches::star::{star, streams, uploads};
use vnetsim_sim::Play;
use vnetsim_types::NoObserver;

fn main() {
    let mut args = std::env::args().skip(1);
    let kind = args.next().unwrap_or_else(|| "udp".to_owned());
    let mut number = |default| args.next().and_then(|n| n.parse().ok()).unwrap_or(default);
    let (spokes, bytes, workers, packets) = (number(8), number(64), number(1), number(3_000_000));
    let network = star(spokes, 1);
    let traffic = match kind.as_str() {
        "tcp" => uploads(&network, spokes, packets as u64 * 970 / spokes as u64),
        _ => streams(&network, spokes, bytes as u16, packets as u64),
    };
    let play = Play { network, traffic: &traffic, timeline: &[], injections: &[], seed: 1, workers };
    let start = Instant::now();
    let report = play.run(&mut NoObserver, &mut |_| ControlFlow::Continue(()));
    let seconds = start.elapsed().as_secs_f64();
    println!(
        "{} packets delivered of {}, {} events, {} of virtual time, in {seconds:.2} s: {:.3} M packets/s, {:.3} M events/s",
        report.delivered,
        report.sent,
        report.events,
        report.end,
        report.delivered as f64 / seconds / 1e6,
        report.events as f64 / seconds / 1e6,
    );
}
