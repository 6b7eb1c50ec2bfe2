//! Many conversations through one network, each as if it were the only one.
//!
//! Owns how they are kept apart: one shard plays one after the other and forgets everything in between (flow records,
//! sessions, ports, the time), so that each starts as in a run of its own. The network is compiled once. Threads share the
//! conversations out; results do not depend on how. Called by `analysis` for `matrix`, `diff`, `check`, `fix` and traces of
//! sets. Must never let one conversation see what another left. Costs the conversation's own events, and a look at every
//! machine.

use std::{
    num::NonZeroUsize,
    sync::atomic::{AtomicUsize, Ordering},
};

use vnetsim_compile::Epoch;
use vnetsim_dataplane::Meter;
use vnetsim_model::{Application, Network, Traffic};
use vnetsim_types::{Observer, SimTime, TrafficId};

use crate::{
    TrafficReport,
    control::Control,
    conversation::Books,
    shard::{Setting, Shard},
};

/// Conversations that a thread takes at once.
const TAKEN: usize = 32;

/// What one conversation left.
#[derive(Debug)]
pub struct Alone<O> {
    /// Which entry it is.
    pub id: TrafficId,
    /// What became of it.
    pub report: TrafficReport,
    /// Who watched it.
    pub observer: O,
    /// Bytes that crossed peerings.
    pub meter: Meter,
    /// Virtual time of the last event.
    pub end: SimTime,
    /// Events handled.
    pub events: u64,
    /// Set when too many events happened at one moment and it was stopped there.
    pub stuck_at: Option<SimTime>,
}

/// Plays every entry of `traffic`, exchanges all of them, alone. `judge` is called for each, on any thread; its answers come
/// in the order of the entries. Also gives the network with what it compiled to.
pub fn run_apart<O: Observer + Default, T: Send>(
    network: Network,
    traffic: &[Traffic],
    workers: NonZeroUsize,
    judge: impl Fn(&Epoch, Alone<O>) -> T + Sync,
) -> (Vec<T>, Epoch) {
    debug_assert!(traffic.iter().all(|entry| entry.application == Application::Exchange && entry.count == 1));
    let control = Control::new(network);
    let first = control.first();
    first.compiled(); // once for all threads
    let setting = Setting {
        traffic,
        timeline: &[],
        injections: &[],
        seed: 1,
        homes: vec![0; first.network.vnets().len()],
        shards: 1,
        control: &control,
        lasting: Vec::new(),
        patience: SimTime(1),
        all_packets: false,
        frames: false,
    };
    let answers = shared_out(&setting, workers, |alone| judge(&first, alone));
    drop(first);
    let (_, mut epochs) = control.end(SimTime::ZERO);
    let epoch = epochs.pop().expect("the first epoch is always there");
    (answers, epoch)
}

/// Every entry, on as many threads as are worth it; the answers in the order of the entries.
fn shared_out<O: Observer + Default, T: Send>(
    setting: &Setting<'_>,
    workers: NonZeroUsize,
    judge: impl Fn(Alone<O>) -> T + Sync,
) -> Vec<T> {
    let number = setting.traffic.len();
    let next = AtomicUsize::new(0);
    let work = || {
        let mut player = Player::new(setting);
        let mut done = Vec::new();
        loop {
            let from = next.fetch_add(TAKEN, Ordering::Relaxed);
            if from >= number {
                return done;
            }
            let taken = from..(from + TAKEN).min(number);
            done.extend(taken.map(|ix| (ix, judge(player.play(TrafficId::new(ix))))));
        }
    };
    let threads = workers.get().min(number.div_ceil(TAKEN)).max(1);
    let mut all: Vec<(usize, T)> = match threads {
        1 => work(),
        _ => std::thread::scope(|scope| {
            let threads: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
            let done = threads.into_iter().map(|t| t.join().unwrap_or_else(|p| std::panic::resume_unwind(p)));
            done.flatten().collect()
        }),
    };
    all.sort_unstable_by_key(|(ix, _)| *ix);
    all.into_iter().map(|(_, answer)| answer).collect()
}

/// A shard that plays one conversation after the other.
struct Player<'a> {
    shard: Shard<'a, true>,
    books: Books,
}

impl<'a> Player<'a> {
    fn new(setting: &'a Setting<'a>) -> Self {
        Self { shard: Shard::idle(setting, 0), books: Books::new(setting.traffic.len()) }
    }

    fn play<O: Observer + Default>(&mut self, id: TrafficId) -> Alone<O> {
        let Self { shard, books } = self;
        let mut observer = O::default();
        shard.forget();
        shard.plan_start(id, 0, SimTime::ZERO);
        shard.play_alone(u64::MAX);
        shard.journal.entries.drain(..).for_each(|entry| entry.tell(books, &mut observer));
        let mut report = std::mem::take(&mut books.reports[id.ix()]);
        report.packets = std::mem::take(&mut shard.tally.traffic[id.ix()]);
        let (end, events, stuck_at) = (shard.end, shard.events, shard.stuck_at);
        Alone { id, report, observer, meter: std::mem::take(&mut shard.meter), end, events, stuck_at }
    }
}
