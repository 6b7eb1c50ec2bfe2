//! The phases of a measurement, by the clock on the wall: the one place that may read it.

#![allow(clippy::disallowed_methods)]

use std::{
    collections::BTreeMap,
    fmt,
    sync::atomic::{
        AtomicBool, AtomicU64,
        Ordering::{Acquire, Relaxed, Release},
    },
    thread,
    time::{Duration, Instant},
};

use crossbeam_channel::bounded;
use vnetsim_compile::compile;
use vnetsim_dataplane::Tables;
use vnetsim_model::Network;
use vnetsim_types::DropReason;

use crate::{
    Guests, Load, Path, Sum, Worker, find_paths,
    worker::{Links, Parcel},
};

/// What to measure.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Connections at the same time.
    pub flows: usize,
    /// Bytes of each Ethernet frame.
    pub packet_size: usize,
    /// Threads that forward.
    pub workers: usize,
    /// How long all phases together take.
    pub duration: Duration,
}

/// Smallest and largest frame.
const PACKET_SIZES: (usize, usize) = (64, 1_514);
/// More connections than that do not fit.
const FLOWS_MAX: usize = 20_000_000;
const WORKERS_MAX: usize = 256;
/// Parcels that may wait for a worker.
const INBOX: usize = 64;

/// Why nothing was measured.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Error {
    /// A debug build measures nothing.
    DebugBuild,
    /// An option that cannot be: a sentence.
    Option(String),
    /// No VM reaches another one over IPv4, and why.
    NoPath(BTreeMap<DropReason, usize>),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::DebugBuild => f.write_str(
                "a debug build measures nothing; build with --release: cargo run --release -- bench FILE",
            ),
            Self::Option(sentence) => f.write_str(sentence),
            Self::NoPath(died) => {
                f.write_str("no VM reaches another one with TCP over IPv4")?;
                for (reason, count) in died {
                    write!(f, "; {count} pairs: {}", reason.code())?;
                }
                f.write_str("; vnetsim trace FILE VM1 VM2 shows why")
            }
        }
    }
}

impl std::error::Error for Error {}

/// A part of the measurement.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Phase {
    /// Known connections, one worker.
    KnownAlone,
    /// Known connections, all workers.
    Known,
    /// Every packet opens a connection, all workers.
    New,
}

/// How far a measurement is.
#[derive(Clone, Copy, Debug)]
pub struct Progress {
    /// Which part.
    pub phase: Phase,
    /// Of all phases together, 0 to 1.
    pub done: f64,
    /// Packets sent in this phase.
    pub packets: u64,
}

/// What a phase came to.
#[derive(Clone, PartialEq, Debug)]
pub struct Rate {
    /// What became of its packets.
    pub sum: Sum,
    /// How long it took.
    pub seconds: f64,
    /// Threads.
    pub workers: usize,
}

impl Rate {
    /// Packets sent and carried to their ends in a second.
    pub fn packets_per_s(&self) -> f64 {
        self.sum.sent as f64 / self.seconds
    }

    /// Legs from NIC to NIC in a second: a packet through one appliance makes two.
    pub fn hops_per_s(&self) -> f64 {
        self.sum.hops as f64 / self.seconds
    }

    /// Time of one core for one packet.
    pub fn ns_per_packet(&self) -> f64 {
        self.seconds * 1e9 * self.workers as f64 / self.sum.sent.max(1) as f64
    }
}

/// How large the tables are.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct TableSizes {
    /// Virtual networks.
    pub vnets: usize,
    /// NICs.
    pub nics: usize,
    /// Routes of all subnets.
    pub routes: usize,
    /// Security rules, counted wherever they apply.
    pub rules: usize,
    /// Bytes of flow records at the end of the phase with known connections.
    pub flow_bytes: usize,
    /// Time to compile the network into tables, in nanoseconds.
    pub compile_ns: u64,
}

/// A measurement.
#[derive(Clone, PartialEq, Debug)]
pub struct Measured {
    /// What was asked for.
    pub flows: usize,
    /// Bytes of each frame.
    pub packet_size: usize,
    /// Pairs of VMs with traffic, and the appliances between each: from no appliance on.
    pub paths_by_appliances: Vec<usize>,
    /// Known connections with one worker.
    pub known_alone: Rate,
    /// With all workers; nothing when there is only one.
    pub known: Option<Rate>,
    /// New connections with all workers.
    pub new: Rate,
    /// The tables.
    pub sizes: TableSizes,
}

/// Measures how fast `network` forwards. `progress` is told several times a second.
///
/// # Errors
///
/// See [`Error`].
pub fn measure(
    network: &Network,
    options: &Options,
    progress: &mut dyn FnMut(Progress),
) -> Result<Measured, Error> {
    if cfg!(debug_assertions) {
        return Err(Error::DebugBuild);
    }
    check(options)?;
    let start = Instant::now();
    let compiled = compile(network, 0);
    let compile_ns = start.elapsed().as_nanos() as u64;
    let tables = unlimited(&compiled.tables);
    let guests = Guests::of(network, &tables);
    let (paths, died) = find_paths(network, &tables, &guests);
    if paths.is_empty() {
        return Err(Error::NoPath(died));
    }
    let workers = options.workers;
    let phases = if workers > 1 { 3.0 } else { 2.0 };
    let bench = Bench { tables: &tables, guests: &guests, paths: &paths, options, phases, progress };
    let (known_alone, known, new, flow_bytes) = bench.run();
    let mut by_appliances = vec![0; paths.iter().map(|path| path.hops).max().unwrap_or(1)];
    paths.iter().for_each(|path| by_appliances[path.hops - 1] += 1);
    let sizes = TableSizes {
        vnets: tables.vnets.len(),
        nics: tables.nics.len(),
        routes: tables.next_hops.len(),
        rules: compiled.rules.len(),
        flow_bytes,
        compile_ns,
    };
    Ok(Measured {
        flows: options.flows,
        packet_size: options.packet_size,
        paths_by_appliances: by_appliances,
        known_alone,
        known,
        new,
        sizes,
    })
}

fn check(options: &Options) -> Result<(), Error> {
    let Options { flows, packet_size, workers, duration } = *options;
    let refuse = |sentence: String| Err(Error::Option(sentence));
    if !(1..=FLOWS_MAX).contains(&flows) {
        return refuse(format!("{flows} connections; write --flows 1 to {FLOWS_MAX}"));
    }
    let (least, most) = PACKET_SIZES;
    if !(least..=most).contains(&packet_size) {
        return refuse(format!("frames of {packet_size} bytes; write --packet-size {least} to {most}"));
    }
    if !(1..=WORKERS_MAX).contains(&workers) {
        return refuse(format!("{workers} workers; write --workers 1 to {WORKERS_MAX}"));
    }
    if duration.is_zero() {
        return refuse("no time to measure; write --duration 1s or more".to_owned());
    }
    Ok(())
}

/// Without the bandwidth limits of VM sizes.
fn unlimited(tables: &Tables) -> Tables {
    let mut tables = tables.clone();
    tables.nics.iter_mut().for_each(|nic| nic.egress_bits_per_s = None);
    tables
}

struct Bench<'a> {
    tables: &'a Tables,
    guests: &'a Guests,
    paths: &'a [Path],
    options: &'a Options,
    phases: f64,
    progress: &'a mut dyn FnMut(Progress),
}

impl Bench<'_> {
    fn run(mut self) -> (Rate, Option<Rate>, Rate, usize) {
        let Options { flows, packet_size, workers, .. } = *self.options;
        let loads = |workers: usize| -> Vec<Load> {
            let share = |worker| Load::new(self.tables, self.paths, flows, packet_size, (worker, workers));
            (0..workers).map(share).collect()
        };
        let (alone, shared) = (loads(1), loads(workers));
        let (known_alone, mut flow_bytes) = self.phase(Phase::KnownAlone, 0.0, &alone);
        let mut known = None;
        if workers > 1 {
            let (rate, bytes) = self.phase(Phase::Known, 1.0, &shared);
            (known, flow_bytes) = (Some(rate), bytes);
        }
        let (new, _) = self.phase(Phase::New, self.phases - 1.0, &shared);
        (known_alone, known, new, flow_bytes)
    }

    /// One phase, and the bytes of its flow records.
    fn phase(&mut self, phase: Phase, before: f64, loads: &[Load]) -> (Rate, usize) {
        let lasts = self.options.duration.div_f64(self.phases);
        let (stop, go) = (AtomicBool::new(false), AtomicBool::new(false));
        let (seen, ready) = (AtomicU64::new(0), AtomicU64::new(0));
        let workers = loads.len();
        thread::scope(|scope| {
            let start_one = |(ix, (links, load)): (usize, (Links, _))| {
                let worker = match workers {
                    1 => Worker::alone(self.tables, self.guests, true),
                    _ => Worker::linked(self.tables, self.guests, (ix, workers), links),
                };
                let (stop, go, seen, ready) = (&stop, &go, &seen, &ready);
                scope.spawn(move || {
                    let worker = warmed(worker, load, ready, go);
                    run_phase(worker, phase, load, stop, seen)
                })
            };
            let handles: Vec<_> = links(workers).into_iter().zip(loads).enumerate().map(start_one).collect();
            while ready.load(Acquire) < workers as u64 {
                thread::sleep(Duration::from_millis(1));
            }
            let start = Instant::now();
            go.store(true, Release);
            while start.elapsed() < lasts {
                thread::sleep(Duration::from_millis(50).min(lasts - start.elapsed().min(lasts)));
                let part = (start.elapsed().as_secs_f64() / lasts.as_secs_f64()).min(1.0);
                let (done, packets) = ((before + part) / self.phases, seen.load(Relaxed));
                (self.progress)(Progress { phase, done, packets });
            }
            stop.store(true, Relaxed);
            let seconds = start.elapsed().as_secs_f64();
            let (mut sum, mut bytes) = (Sum::default(), 0);
            for (of_one, flow_bytes) in handles.into_iter().filter_map(|handle| handle.join().ok()) {
                sum.add(&of_one);
                bytes += flow_bytes;
            }
            (Rate { sum, seconds, workers }, bytes)
        })
    }
}

/// Channels from everybody to everybody.
fn links(workers: usize) -> Vec<Links> {
    let (senders, inboxes): (Vec<_>, Vec<_>) = (0..workers).map(|_| bounded::<Parcel>(INBOX)).unzip();
    inboxes.into_iter().map(|inbox| Links { inbox, others: senders.clone() }).collect()
}

/// Has seen every connection once when everybody has, and waits for the start.
fn warmed<'a>(mut worker: Worker<'a>, load: &Load, ready: &AtomicU64, go: &AtomicBool) -> Worker<'a> {
    worker.forwarder().reserve(load.len());
    worker.pass(load, &AtomicBool::new(false), &AtomicU64::new(0));
    ready.fetch_add(1, Release);
    while !go.load(Acquire) {
        worker.take_in();
        thread::yield_now();
    }
    worker.sum = Sum::default();
    worker
}

fn run_phase(
    mut worker: Worker<'_>,
    phase: Phase,
    load: &Load,
    stop: &AtomicBool,
    seen: &AtomicU64,
) -> (Sum, usize) {
    if phase == Phase::New {
        worker.forget(load);
    }
    while !stop.load(Relaxed) && !load.is_empty() {
        worker.pass(load, stop, seen);
    }
    let (sum, forwarder) = worker.finish();
    (sum, forwarder.flows().memory_bytes())
}
