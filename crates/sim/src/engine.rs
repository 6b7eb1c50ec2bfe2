//! The run: windows of virtual time, in which shards play on their own, and what they trade between them.
//!
//! Owns how the networks are shared out, how long a window may be, and who keeps the books. A shard may play until the
//! earliest moment at which another one could reach it: the next event of all, and the shortest leg between two shards. The
//! same scenario gives the same report with any number of workers: nodes own their state and their streams of chance, events
//! have one total order, and what depends on it is told in it. Costs a barrier for each window and shard.

use std::{
    ops::ControlFlow,
    sync::atomic::{AtomicBool, Ordering},
};

use crossbeam_channel::{Receiver, Sender, bounded};
use vnetsim_compile::Epoch;
use vnetsim_dataplane::Meter;
use vnetsim_model::{Application, Network, OperationKind, Traffic};
use vnetsim_types::{Observer, Place, SimTime, VnetId};

use crate::{
    Change, Injection, Report,
    control::Control,
    conversation::Books,
    event::{Entry, Key},
    exchange::{Channels, Exchange, Parcel},
    journal, link, probe,
    report::{Ends, judge},
    shard::{Setting, Shard},
    tally::Tally,
};

/// Events of a window without peers: often enough to show progress and to empty the journal.
const EVENTS_PER_WINDOW: u64 = 1 << 16;

/// Windows of several shards after which the books are told: seldom enough not to wake their keeper all the time.
const WINDOWS_PER_TELLING: u64 = 16;

/// What is played.
pub struct Play<'a> {
    /// The network at the start.
    pub network: Network,
    /// What is sent through it.
    pub traffic: &'a [Traffic],
    /// What happens to it, in ascending order of time.
    pub timeline: &'a [Change],
    /// Packets of captures, of traffic entries that replay one.
    pub injections: &'a [Injection],
    /// Of all chance.
    pub seed: u64,
    /// Threads that play; results do not depend on it. More than there are virtual networks are not used.
    pub workers: usize,
}

/// How far a run is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Progress {
    /// Virtual time.
    pub time: SimTime,
    /// Events handled.
    pub events: u64,
    /// Packets made.
    pub packets: u64,
}

/// Plays without being watched or stopped, on one thread.
pub fn run<O: Observer>(
    network: Network,
    traffic: &[Traffic],
    timeline: &[Change],
    observer: &mut O,
) -> Report {
    let play = Play { network, traffic, timeline, injections: &[], seed: 1, workers: 1 };
    play.run(observer, &mut |_| ControlFlow::Continue(()))
}

impl Play<'_> {
    /// Plays. `progress` is told from time to time how far the run is, and may break it off; the report then says what is
    /// known so far.
    pub fn run<O: Observer>(
        self,
        observer: &mut O,
        progress: &mut dyn FnMut(Progress) -> ControlFlow<()>,
    ) -> Report {
        let control = Control::new(with_probe_results(self.network, self.timeline.is_empty()));
        let first = control.first();
        let tables = first.lend();
        let homes = share_out(&first.network, self.traffic, self.workers);
        let shards = homes.iter().max().map_or(1, |most| most + 1);
        let setting = Setting {
            traffic: self.traffic,
            timeline: self.timeline,
            injections: self.injections,
            seed: self.seed,
            lasting: self.traffic.iter().map(|t| t.application != Application::Exchange).collect(),
            patience: self.traffic.iter().map(|t| t.give_up).max().unwrap_or_default().max(SimTime(1)),
            shards,
            control: &control,
            all_packets: observer.wants_all(),
            frames: observer.wants_frames(),
            homes,
        };
        let probes = !self.timeline.is_empty() && !probe::all(&first.network).is_empty();
        let lookahead = link::lookahead(&tables.tables, &setting.homes, probes);
        let mut books = Books::new(self.traffic.len());
        let played = if O::ENABLED {
            shards_run::<true, O>(&setting, lookahead, &mut books, observer, progress)
        } else {
            shards_run::<false, O>(&setting, lookahead, &mut books, observer, progress)
        };
        drop((tables, first));
        finish(self.traffic, self.injections, control, books, played)
    }
}

/// LB-07: at the start each probe says what the state of its member makes it say; from then on only probes do.
fn with_probe_results(mut network: Network, nothing_changes: bool) -> Network {
    let probes = if nothing_changes { Vec::new() } else { probe::all(&network) };
    if probes.is_empty() {
        return network;
    }
    let epoch = Epoch::new(0, SimTime::ZERO, network.clone());
    let compiled = epoch.lend();
    for (lb, probe, nic) in probes {
        let rules =
            network.load_balancers()[lb.ix()].rules.iter().zip(&compiled.tables.balancers[lb.ix()].rules);
        let members = rules.filter(|(rule, _)| rule.probe == Some(probe)).flat_map(|(_, rule)| &rule.members);
        let up = members.filter(|(member, ..)| *member == nic).all(|(_, _, up)| *up);
        let result = network.apply(&OperationKind::SetProbeResult(lb, probe, nic, up).into());
        debug_assert!(result.is_ok(), "{result:?}");
    }
    network
}

/// The shard of each virtual network: the heaviest first, each to the shard that has least.
fn share_out(network: &Network, traffic: &[Traffic], workers: usize) -> Vec<usize> {
    let vnets = network.vnets().len();
    let shards = workers.clamp(1, vnets.max(1));
    if shards == 1 {
        return vec![0; vnets];
    }
    let forwards = |vnet: usize| {
        let mut nics = network.nics().iter().filter(|nic| nic.vnet.ix() == vnet);
        nics.any(|nic| nic.vm.is_some_and(|vm| network[vm].guest.ip_forwarding.value))
    };
    let hubs: Vec<usize> = (0..vnets).filter(|vnet| forwards(*vnet)).collect();
    let mut weights = vec![1; vnets];
    for entry in traffic {
        let packets = packets_of(entry);
        let ends = [entry.from.place, entry.to.place].map(|place| vnet_of(network, place));
        for vnet in ends.iter().flatten() {
            weights[vnet.ix()] += packets;
        }
        let between: Vec<&usize> = hubs
            .iter()
            .filter(|hub| ends.iter().all(|end| end.is_none_or(|end| end.ix() != **hub)))
            .collect();
        for hub in &between {
            weights[**hub] += 2 * packets / between.len() as u64;
        }
    }
    let mut order: Vec<usize> = (0..vnets).collect();
    order.sort_by_key(|vnet| (std::cmp::Reverse(weights[*vnet]), *vnet));
    let (mut loads, mut homes) = (vec![0_u64; shards], vec![0; vnets]);
    for vnet in order {
        let least = (0..shards).min_by_key(|shard| (loads[*shard], *shard)).unwrap_or_default();
        homes[vnet] = least;
        loads[least] = loads[least].saturating_add(weights[vnet]);
    }
    homes
}

/// About how many packets an entry sends.
fn packets_of(entry: &Traffic) -> u64 {
    let each = match entry.application {
        Application::Exchange | Application::Traceroute { .. } => 3,
        Application::Requests { requests, request_bytes, response_bytes } => {
            u64::from(requests).saturating_mul(request_bytes.saturating_add(response_bytes) / 1_000 + 4)
        }
        Application::Bulk { lasts } => lasts.0 / 10_000,
        Application::Stream { lasts, interval } => lasts.0 / interval.0.max(1),
        Application::Replay => 1_000,
    };
    each.saturating_mul(entry.count).min(1 << 40)
}

fn vnet_of(network: &Network, place: Place) -> Option<VnetId> {
    match place {
        Place::Nic(nic) => Some(network[nic].vnet),
        _ => None,
    }
}

/// What a shard leaves.
struct Left {
    tally: Tally,
    meter: Meter,
    ends: Ends,
    end: SimTime,
    events: u64,
    stuck_at: Option<SimTime>,
}

impl Left {
    /// Adds what another shard leaves.
    fn add(&mut self, other: Self) {
        self.tally.add(other.tally);
        self.meter.add(&other.meter);
        self.ends.add(other.ends);
        self.end = self.end.max(other.end);
        self.events += other.events;
        self.stuck_at = [self.stuck_at, other.stuck_at].into_iter().flatten().min();
    }
}

/// What all shards leave, and whether somebody broke the run off.
fn shards_run<const WATCHED: bool, O: Observer>(
    setting: &Setting<'_>,
    lookahead: SimTime,
    books: &mut Books,
    observer: &mut O,
    progress: &mut dyn FnMut(Progress) -> ControlFlow<()>,
) -> (Left, bool) {
    let mut stopped = false;
    let left = if setting.shards == 1 {
        let mut shard = Shard::<WATCHED>::new(setting, 0);
        loop {
            let goes_on = shard.play_alone(EVENTS_PER_WINDOW);
            shard.journal.entries.drain(..).for_each(|entry| entry.tell(books, observer));
            if !goes_on {
                break;
            }
            let so_far = Progress { time: shard.now, events: shard.events, packets: shard.sent };
            if progress(so_far).is_break() {
                stopped = true;
                break;
            }
        }
        vec![leave(shard)]
    } else {
        together::<WATCHED, O>(setting, lookahead, books, observer, &mut |so_far| {
            let flow = progress(so_far);
            stopped |= flow.is_break();
            flow
        })
    };
    let all = left.into_iter().reduce(|mut all, more| {
        all.add(more);
        all
    });
    (all.expect("there is a shard"), stopped)
}

impl Ends {
    fn add(&mut self, other: Self) {
        self.finished.extend(other.finished);
        self.open.extend(other.open);
        self.traced.extend(other.traced);
        self.streams.extend(other.streams);
    }
}

fn leave<const WATCHED: bool>(shard: Shard<'_, WATCHED>) -> Left {
    let ends = Ends {
        open: shard.hosts.open().collect(),
        finished: shard.hosts.finished,
        streams: shard.senders.streams(),
        traced: shard.senders.traced,
    };
    let (end, events, stuck_at) = (shard.end, shard.events, shard.stuck_at);
    Left { tally: shard.tally, meter: shard.meter, ends, end, events, stuck_at }
}

/// What a shard tells the one who keeps the books at the end of a window.
struct Window {
    entries: Vec<journal::Entry>,
    progress: Progress,
}

/// Several shards, a thread each; this one keeps the books.
fn together<const WATCHED: bool, O: Observer>(
    setting: &Setting<'_>,
    lookahead: SimTime,
    books: &mut Books,
    observer: &mut O,
    progress: &mut dyn FnMut(Progress) -> ControlFlow<()>,
) -> Vec<Left> {
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let mut windows: Vec<Receiver<Window>> = Vec::new();
        let mut threads = Vec::new();
        for (number, exchange) in Channels::between(setting.shards).into_iter().enumerate() {
            let (tell, told) = bounded(4);
            windows.push(told);
            let stop = &stop;
            threads.push(scope.spawn(move || {
                let mut shard = Shard::<WATCHED>::new(setting, number);
                play_windows(&mut shard, exchange, lookahead, &tell, stop);
                leave(shard)
            }));
        }
        // All shards play the same windows; when one has no more, none has.
        while let Some(window) = windows.iter().map(|told| told.recv().ok()).collect::<Option<Vec<Window>>>()
        {
            let mut so_far = Progress::default();
            for Window { progress, .. } in &window {
                so_far.time = so_far.time.max(progress.time);
                so_far.events += progress.events;
                so_far.packets += progress.packets;
            }
            let entries = window.into_iter().map(|window| window.entries).collect();
            journal::merge(entries, |entry| entry.tell(books, observer));
            if progress(so_far).is_break() {
                stop.store(true, Ordering::Relaxed);
            }
        }
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
            .collect()
    })
}

fn play_windows<const WATCHED: bool>(
    shard: &mut Shard<'_, WATCHED>,
    mut exchange: impl Exchange,
    lookahead: SimTime,
    tell: &Sender<Window>,
    stop: &AtomicBool,
) {
    let mut round = 0;
    while play_round(shard, &mut exchange, lookahead, stop) {
        round += 1;
        // All shards count the same rounds.
        if round % WINDOWS_PER_TELLING == 0 && !tell_books(shard, tell) {
            return;
        }
    }
    tell_books(shard, tell);
}

/// Trades, and plays a window. False when there is none any more.
fn play_round<const WATCHED: bool>(
    shard: &mut Shard<'_, WATCHED>,
    exchange: &mut impl Exchange,
    lookahead: SimTime,
    stop: &AtomicBool,
) -> bool {
    let stop_here = stop.load(Ordering::Relaxed) || shard.stuck_at.is_some();
    let (own_next, own_alive, parcels) = pack(shard, stop_here);
    let Ok(received) = exchange.trade(parcels) else { return false };
    let (mut next, mut alive, mut stops) = (own_next, own_alive, stop_here);
    for parcel in received {
        next = [next, parcel.next].into_iter().flatten().min();
        alive |= parcel.alive;
        stops |= parcel.stop;
        parcel.entries.into_iter().for_each(|entry| shard.queue.push(entry));
    }
    // Nothing happens at the end of time.
    let Some(next) = next.filter(|next| alive && !stops && *next < SimTime(u64::MAX)) else { return false };
    shard.play_window(next + lookahead);
    true
}

/// False when nobody keeps the books any more.
fn tell_books<const WATCHED: bool>(shard: &mut Shard<'_, WATCHED>, tell: &Sender<Window>) -> bool {
    let entries = std::mem::take(&mut shard.journal.entries);
    let progress = Progress { time: shard.now, events: shard.events, packets: shard.sent };
    tell.send(Window { entries, progress }).is_ok()
}

/// What this shard says to the others: its next event, whether it is alive, and a parcel for each.
fn pack<const WATCHED: bool>(
    shard: &mut Shard<'_, WATCHED>,
    stop: bool,
) -> (Option<SimTime>, bool, Vec<(usize, Parcel)>) {
    let given = || shard.outbox.iter().flatten().map(|entry: &Entry| entry.key);
    let given_next = given().min().map(|key| key.time);
    let next = [shard.queue.next_time(), given_next].into_iter().flatten().min();
    let alive = shard.is_alive() || given().any(|key: Key| !key.is_background());
    let own = shard.number;
    let others = shard.outbox.iter_mut().enumerate().filter(|(number, _)| *number != own);
    let parcels = others
        .map(|(number, entries)| (number, Parcel { entries: std::mem::take(entries), next, alive, stop }));
    (next, alive, parcels.collect())
}

fn finish(
    traffic: &[Traffic],
    injections: &[Injection],
    control: Control,
    books: Books,
    (left, stopped): (Left, bool),
) -> Report {
    let Left { tally, meter, ends, end, events, stuck_at } = left;
    let mut reports = books.reports;
    for (report, packets) in reports.iter_mut().zip(&tally.traffic) {
        report.packets = packets.clone();
    }
    judge(traffic, injections, &tally, &ends, &mut reports);
    let (changes, epochs) = control.end(end);
    let total = tally.total();
    Report {
        traffic: reports,
        changes,
        epochs,
        end,
        sent: total.sent,
        delivered: total.delivered,
        dropped: total.dropped,
        events,
        meter,
        stuck_at,
        stopped,
    }
}
