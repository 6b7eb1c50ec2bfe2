//! One worker: its connections at every NIC, its batches, and its channels to the others.

use std::{
    collections::BTreeMap,
    sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
};

use crossbeam_channel::{Receiver, Sender, TrySendError};
use vnetsim_dataplane::{BATCH_MAX, Batch, Context, Forwarder, Handed, LegEnd, Meter, Tables, Verdict};
use vnetsim_types::{DropReason, NoObserver, SimTime};

use crate::{Guests, Load, load::TAG};

/// Longer than any record lives without packets (NSG-32).
const IDLE_MAX: SimTime = SimTime::from_secs(31 * 60);

/// What became of packets.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Sum {
    /// Sent by guests.
    pub sent: u64,
    /// Reached the guest that they were for.
    pub delivered: u64,
    /// Legs from NIC to NIC.
    pub hops: u64,
    /// Died, by reason.
    pub dropped: BTreeMap<DropReason, u64>,
    /// Left the switches.
    pub left: u64,
}

impl Sum {
    /// Counts a packet that ended elsewhere than at a guest.
    #[inline(never)]
    fn count(&mut self, verdict: Verdict) {
        match verdict {
            Verdict::Dropped(reason) => *self.dropped.entry(reason).or_default() += 1,
            Verdict::Leaves | Verdict::Unreadable => self.left += 1,
            Verdict::HandedOver | Verdict::Delivered(_) => {}
        }
    }

    /// Adds what became of others.
    pub fn add(&mut self, other: &Self) {
        self.sent += other.sent;
        self.delivered += other.delivered;
        self.hops += other.hops;
        self.left += other.left;
        for (reason, count) in &other.dropped {
            *self.dropped.entry(*reason).or_default() += count;
        }
    }
}

/// Packets on their way to another worker.
pub(crate) type Parcel = Vec<Handed>;

/// How a worker hands packets over.
#[derive(Debug)]
pub(crate) struct Links {
    pub(crate) inbox: Receiver<Parcel>,
    /// By worker; its own is there as well and never used.
    pub(crate) others: Vec<Sender<Parcel>>,
}

/// A worker.
pub struct Worker<'a> {
    tables: &'a Tables,
    guests: &'a Guests,
    forwarder: Forwarder,
    meter: Meter,
    batch: Batch,
    next: Batch,
    links: Option<Links>,
    /// Packets for each of the others.
    parcels: Vec<Parcel>,
    /// Virtual time.
    pub now: SimTime,
    /// Virtual time from one batch to the next.
    pub step: SimTime,
    /// What became of packets so far.
    pub sum: Sum,
}

impl<'a> Worker<'a> {
    /// The only worker.
    pub fn alone(tables: &'a Tables, guests: &'a Guests, repeats: bool) -> Self {
        Self::with(tables, guests, Forwarder::new(repeats), None, 1)
    }

    pub(crate) fn linked(
        tables: &'a Tables,
        guests: &'a Guests,
        (worker, workers): (usize, usize),
        links: Links,
    ) -> Self {
        Self::with(tables, guests, Forwarder::shared(true, worker, workers), Some(links), workers)
    }

    fn with(
        tables: &'a Tables,
        guests: &'a Guests,
        forwarder: Forwarder,
        links: Option<Links>,
        workers: usize,
    ) -> Self {
        let (batch, next) = (Batch::default(), Batch::default());
        let parcels = vec![Parcel::new(); workers];
        let (meter, now, sum) = (Meter::default(), SimTime::ZERO, Sum::default());
        Self { tables, guests, forwarder, meter, batch, next, links, parcels, now, step: SimTime::ZERO, sum }
    }

    /// Its switches.
    pub fn forwarder(&mut self) -> &mut Forwarder {
        &mut self.forwarder
    }

    /// From now on virtual time passes so that every connection of `load` is new when it comes again: its records, and
    /// only they, expire while others come.
    pub fn forget(&mut self, load: &Load) {
        let batches = load.len().div_ceil(BATCH_MAX) as u64;
        self.step = SimTime(IDLE_MAX.0.div_ceil((batches / 2).max(1)));
    }

    /// Sends every frame of `load` once, until `stop`. `seen` counts the packets for whoever shows progress.
    pub fn pass(&mut self, load: &Load, stop: &AtomicBool, seen: &AtomicU64) {
        for frames in load.batches(BATCH_MAX) {
            if stop.load(Relaxed) {
                return;
            }
            self.now = self.now + self.step;
            self.batch.clear();
            for (nic, frame) in frames {
                self.batch.push(nic, frame);
            }
            let sent = self.batch.len() as u64;
            self.sum.sent += sent;
            self.carry();
            seen.fetch_add(sent, Relaxed);
            if self.links.is_some() {
                self.take_in();
            }
        }
    }

    /// Takes the frames of the batch from NIC to NIC until each has ended.
    fn carry(&mut self) {
        while !self.batch.is_empty() {
            let Self { tables, guests, forwarder, meter, batch, next, sum, .. } = self;
            let mut cx = Context { now: self.now, tables, observer: &mut NoObserver, meter };
            forwarder.forward(&mut cx, batch, TAG, false);
            next.clear();
            let mut hops = 0;
            for ix in 0..batch.len() {
                match batch.verdicts()[ix] {
                    Verdict::Delivered(nic) => {
                        hops += 1;
                        if guests.forwards(nic)
                            && let Some(out) = guests.forward(nic, batch.head_mut(ix))
                        {
                            // As large as this batch, the next one has room.
                            batch.pass_on(ix, out, next);
                        }
                    }
                    other => sum.count(other),
                }
            }
            sum.hops += hops;
            sum.delivered += hops - next.len() as u64;
            if self.links.is_some() {
                self.hand_over();
            }
            std::mem::swap(&mut self.batch, &mut self.next);
        }
    }

    /// Gives the packets that became others' to them. While somebody's inbox is full, empties its own.
    fn hand_over(&mut self) {
        let workers = self.parcels.len();
        for handed in self.batch.take_handed() {
            let to = vnetsim_dataplane::worker_of(&handed.packet.headers.flow_key(), workers);
            self.parcels[to].push(handed);
        }
        for to in 0..workers {
            if self.parcels[to].is_empty() {
                continue;
            }
            let mut parcel = std::mem::take(&mut self.parcels[to]);
            while let Some(Err(TrySendError::Full(back))) =
                self.links.as_ref().map(|l| l.others[to].try_send(parcel))
            {
                parcel = back;
                self.take_in();
            }
        }
    }

    /// Receives what others handed over and is there.
    pub(crate) fn take_in(&mut self) {
        while let Some(Ok(parcel)) = self.links.as_ref().map(|links| links.inbox.try_recv()) {
            self.receive(parcel);
        }
    }

    /// The receivers' half of the way of each packet. Appliances behind balancers keep addresses, so nothing goes on
    /// from here but by the next load.
    fn receive(&mut self, parcel: Parcel) {
        for mut handed in parcel {
            let mut cx = Context {
                now: self.now,
                tables: self.tables,
                observer: &mut NoObserver,
                meter: &mut self.meter,
            };
            match self.forwarder.receive(&mut cx, &mut handed) {
                Verdict::Delivered(_) => {
                    self.sum.hops += 1;
                    self.sum.delivered += 1;
                }
                Verdict::Dropped(reason) => *self.sum.dropped.entry(reason).or_default() += 1,
                _ => self.sum.left += 1,
            }
            debug_assert!(matches!(handed.leg.end, LegEnd::Nic(_)), "only legs to NICs are handed over");
        }
    }

    /// Nothing more is sent: takes in what others still hand over, until all have said so.
    pub(crate) fn finish(mut self) -> (Sum, Forwarder) {
        if let Some(Links { inbox, others }) = self.links.take() {
            drop(others);
            for parcel in inbox {
                self.receive(parcel);
            }
        }
        (self.sum, self.forwarder)
    }
}
