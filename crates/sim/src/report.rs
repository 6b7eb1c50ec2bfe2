//! What came of a run: the sums, the conversations and the ends of all shards, put together.
//!
//! Owns the judgement on conversations that last, by their ends and the packets that died; exchanges come from the books.
//! Called once, at the end. Must never depend on how many shards there were.

use std::collections::BTreeMap;

use vnetsim_compile::Epoch;
use vnetsim_dataplane::Meter;
use vnetsim_host::{Failure, Finished, Open, Stats};
use vnetsim_model::{Application, Traffic};
use vnetsim_types::{DropReason, Part, SimTime, TrafficId};

use crate::{
    ChangeReport, Hop, Injection, Outcome, OutcomeGroup, Spread, TrafficReport,
    senders::Traced,
    tally::{LastDrop, Tally},
};

/// What came of a run.
#[derive(Debug)]
pub struct Report {
    /// By [`TrafficId`].
    pub traffic: Vec<TrafficReport>,
    /// The timeline, in the order in which it ran.
    pub changes: Vec<ChangeReport>,
    /// Network and tables from change to change, at least one; steps name routes and rules of their epoch.
    pub epochs: Vec<Epoch>,
    /// Virtual time of the last event.
    pub end: SimTime,
    /// Packets made, copies by faults included.
    pub sent: u64,
    /// Packets that reached the one they were for.
    pub delivered: u64,
    /// Packets that died, by reason.
    pub dropped: BTreeMap<DropReason, u64>,
    /// Events handled.
    pub events: u64,
    /// Bytes that crossed peerings.
    pub meter: Meter,
    /// Set when too many events happened at one moment and the run was stopped there.
    pub stuck_at: Option<SimTime>,
    /// Somebody stopped the run before its end.
    pub stopped: bool,
}

impl Report {
    /// Packets that were neither delivered nor dropped when the run ended: none, if it was not stopped.
    pub fn in_flight(&self) -> u64 {
        self.sent - self.delivered - self.dropped.values().sum::<u64>()
    }
}

/// What the applications of a traffic entry achieved.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Achieved {
    /// Bytes that applications received, both ways; for TCP in order and without gaps.
    pub bytes: u64,
    /// When the first conversation began.
    pub started: SimTime,
    /// When the last one ended, or last made progress.
    pub ended: SimTime,
    /// How long conversations took.
    pub durations: Spread,
    /// Round trips: TCP handshakes, or the answers of a traceroute's hops.
    pub round_trips: Spread,
    /// TCP segments that were sent again, both ways.
    pub retransmissions: u64,
    /// The hops of the first conversation's traceroute.
    pub hops: Vec<Hop>,
}

impl Achieved {
    /// Bits a second that applications received, from the first start to the last end.
    pub fn bits_per_s(&self) -> Option<u64> {
        let lasted = self.ended.since(self.started).0;
        (lasted > 0).then(|| (u128::from(self.bytes) * 8 * 1_000_000_000 / u128::from(lasted)) as u64)
    }
}

/// What the ends of conversations said, from all shards.
#[derive(Default)]
pub(crate) struct Ends {
    pub(crate) finished: Vec<Finished>,
    pub(crate) open: Vec<Open>,
    pub(crate) traced: Vec<Traced>,
    /// Streams that began, and when.
    pub(crate) streams: Vec<(TrafficId, u32, SimTime)>,
}

/// A conversation that lasted: which, when it began and ended, and how.
struct Lasted {
    conversation: u32,
    started: SimTime,
    ended: SimTime,
    outcome: Outcome,
}

/// Completes the reports of the entries whose conversations last.
pub(crate) fn judge(
    traffic: &[Traffic],
    injections: &[Injection],
    tally: &Tally,
    ends: &Ends,
    reports: &mut [TrafficReport],
) {
    let mut by_entry: Vec<Entry<'_>> = traffic.iter().map(|_| Entry::default()).collect();
    for end in &ends.finished {
        by_entry[end.id.traffic.ix()].finished.push(end);
    }
    for open in &ends.open {
        by_entry[open.id.traffic.ix()].open.push(open);
    }
    for (id, conversation, started) in &ends.streams {
        by_entry[id.ix()].streams.push((*conversation, *started));
    }
    for traced in &ends.traced {
        by_entry[traced.traffic.ix()].traced.push(traced);
    }
    for (ix, (entry, ends_here)) in traffic.iter().zip(&mut by_entry).enumerate() {
        let id = TrafficId::new(ix);
        let report = &mut reports[ix];
        report.packets = tally.traffic[ix].clone();
        let drop = |conversation| tally.last_drops.get(&(id, conversation)).copied();
        let mut achieved = Achieved::default();
        let lasted = match entry.application {
            Application::Exchange => continue,
            Application::Requests { .. } | Application::Bulk { .. } => {
                connections(entry, ends_here, &drop, &mut achieved)
            }
            Application::Stream { .. } => {
                achieved.bytes = report.packets.forward.delivered * u64::from(entry.payload_bytes);
                let left = report.packets.forward.in_flight() + report.packets.backward.in_flight();
                let began = ends_here.streams.iter();
                began
                    .map(|(conversation, started)| Lasted {
                        conversation: *conversation,
                        started: *started,
                        ended: report.packets.last_arrival.max(*started),
                        outcome: outcome_of_packets(drop(*conversation), left),
                    })
                    .collect()
            }
            Application::Traceroute { .. } => {
                traceroutes(std::mem::take(&mut ends_here.traced), &drop, &mut achieved)
            }
            Application::Replay => {
                replayed(injections, id, &|conversation| tally.first_drops.get(&(id, conversation)).copied())
            }
        };
        let received = tally.receivers.range((id, LEAST)..).take_while(|((of, _), _)| *of == id);
        report.receivers = received.map(|((_, place), count)| (*place, *count)).collect();
        group(lasted, report, &mut achieved);
        report.achieved = Some(achieved);
    }
}

/// The first of all places.
const LEAST: vnetsim_types::Place = vnetsim_types::Place::Nic(vnetsim_types::NicId(0));

#[derive(Default)]
struct Entry<'a> {
    finished: Vec<&'a Finished>,
    open: Vec<&'a Open>,
    /// Conversation and start.
    streams: Vec<(u32, SimTime)>,
    traced: Vec<&'a Traced>,
}

fn connections(
    entry: &Traffic,
    ends: &mut Entry<'_>,
    drop: &dyn Fn(u32) -> Option<LastDrop>,
    achieved: &mut Achieved,
) -> Vec<Lasted> {
    ends.finished.sort_by_key(|end| (end.id, end.at, !end.opener));
    let mut add = |stats: &Stats, opener: bool| {
        achieved.retransmissions += stats.retransmissions;
        achieved.bytes += stats.bytes_received;
        if let Some(round_trip) = stats.handshake_rtt.filter(|_| opener) {
            achieved.round_trips.note(round_trip);
        }
    };
    let mut lasted = Vec::new();
    for end in &ends.finished {
        add(&end.stats, end.opener);
        if end.opener {
            let outcome = match end.result {
                Ok(()) => Outcome::Completed,
                Err(failure) => failed(failure, entry, drop(end.id.conversation)),
            };
            let conversation = end.id.conversation;
            lasted.push(Lasted { conversation, started: end.stats.started, ended: end.at, outcome });
        }
    }
    for open in &ends.open {
        add(&open.stats, open.opener);
        if open.opener {
            lasted.push(Lasted {
                conversation: open.id.conversation,
                started: open.stats.started,
                ended: open.stats.last_progress,
                outcome: Outcome::Unfinished,
            });
        }
    }
    lasted
}

fn failed(failure: Failure, entry: &Traffic, drop: Option<LastDrop>) -> Outcome {
    match (failure, drop) {
        (Failure::Refused, _) => {
            let (part, at) = (Part::Request, entry.to.place);
            Outcome::Dropped { part, at, reason: DropReason::GuestPortClosed }
        }
        (Failure::Reset | Failure::ClosedEarly, _) => Outcome::Reset,
        (_, Some(LastDrop { part, at, reason, .. })) => Outcome::Dropped { part, at, reason },
        (_, None) => Outcome::TimedOut,
    }
}

fn outcome_of_packets(drop: Option<LastDrop>, in_flight: u64) -> Outcome {
    match drop {
        Some(LastDrop { part, at, reason, .. }) => Outcome::Dropped { part, at, reason },
        None if in_flight > 0 => Outcome::Unfinished,
        None => Outcome::Completed,
    }
}

fn traceroutes(
    mut all: Vec<&Traced>,
    drop: &dyn Fn(u32) -> Option<LastDrop>,
    achieved: &mut Achieved,
) -> Vec<Lasted> {
    all.sort_by_key(|t| t.conversation);
    if let Some(first) = all.first() {
        achieved.hops.clone_from(&first.hops);
    }
    let one = |t: &&Traced| {
        for hop in t.hops.iter().filter(|hop| hop.address.is_some()) {
            achieved.round_trips.note(hop.round_trip);
        }
        let lost =
            || drop(t.conversation).map_or(Outcome::TimedOut, |drop| outcome_of_packets(Some(drop), 0));
        let outcome = if t.reached { Outcome::Completed } else { lost() };
        Lasted { conversation: t.conversation, started: t.started, ended: t.ended, outcome }
    };
    all.iter().map(one).collect()
}

fn replayed(injections: &[Injection], id: TrafficId, drop: &dyn Fn(u32) -> Option<LastDrop>) -> Vec<Lasted> {
    let mut spans: BTreeMap<u32, (SimTime, SimTime)> = BTreeMap::new();
    for packet in injections.iter().filter(|packet| packet.traffic == id) {
        let (first, last) = spans.entry(packet.conversation).or_insert((packet.at, packet.at));
        (*first, *last) = ((*first).min(packet.at), (*last).max(packet.at));
    }
    let one = |(conversation, (started, ended))| Lasted {
        conversation,
        started,
        ended,
        outcome: outcome_of_packets(drop(conversation), 0),
    };
    spans.into_iter().map(one).collect()
}

/// Puts conversations that ended in the same way together, in the order in which they did first.
fn group(mut lasted: Vec<Lasted>, report: &mut TrafficReport, achieved: &mut Achieved) {
    lasted.sort_by_key(|l| (l.ended, l.conversation));
    report.started = lasted.len() as u64;
    achieved.started = lasted.iter().map(|l| l.started).min().unwrap_or_default();
    achieved.ended = lasted.iter().map(|l| l.ended).max().unwrap_or_default();
    for one in lasted {
        let duration = one.ended.since(one.started);
        achieved.durations.note(duration);
        match report.outcomes.iter_mut().find(|group| group.outcome == one.outcome) {
            Some(group) => {
                group.count += 1;
                group.total_ns += duration.0;
            }
            None => report.outcomes.push(OutcomeGroup {
                outcome: one.outcome,
                path: 0,
                count: 1,
                first: one.conversation,
                first_at: one.ended,
                total_ns: duration.0,
            }),
        }
    }
}
