//! What a shard writes down for the one who keeps the books and for the observer.
//!
//! Whatever depends on an order across shards (the packets of an exchange, the steps of a watched packet) goes through here
//! and is taken in the total order of events, so that any number of shards makes the same report. Sums do not; see
//! `tally.rs`. Costs one entry for each packet of an exchange and each step of a watched one; nothing for the packets of
//! streams and TCP connections that nobody watches.

use vnetsim_types::{DropReason, Observer, PacketId, PacketTag, Place, SimTime, Step, Tap};

use crate::{conversation::Books, event::Key};

/// Something to be told, under the event that it happened in.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) key: Key,
    note: Note,
}

#[derive(Debug)]
enum Note {
    Sent(PacketTag, bool),
    Passed(PacketTag, Place),
    Delivered(PacketTag, Place),
    Dropped(PacketTag, Place, DropReason),
    Packet(PacketId, PacketTag),
    Further(PacketId, PacketTag),
    Step(PacketId, Step),
    Frame(PacketId, Tap, Box<[u8]>),
}

/// The entries of the present window. An observer of the shard's switches; `WATCHED` false writes no steps.
#[derive(Debug)]
pub(crate) struct Journal<const WATCHED: bool> {
    /// The event that happens.
    pub(crate) key: Key,
    pub(crate) entries: Vec<Entry>,
    /// Frames are wanted.
    pub(crate) frames: bool,
}

impl<const WATCHED: bool> Journal<WATCHED> {
    fn note(&mut self, note: Note) {
        self.entries.push(Entry { key: self.key, note });
    }

    /// A packet of an exchange exists; a fault made it if it is a `copy`.
    pub(crate) fn sent(&mut self, tag: PacketTag, copy: bool) {
        self.note(Note::Sent(tag, copy));
    }

    /// An appliance or a gateway forwarded a packet of an exchange.
    pub(crate) fn passed(&mut self, tag: PacketTag, via: Place) {
        self.note(Note::Passed(tag, via));
    }

    /// A packet of an exchange arrived. What is sent because of it must have been noted before.
    pub(crate) fn delivered(&mut self, tag: PacketTag, at: Place) {
        self.note(Note::Delivered(tag, at));
    }

    /// A packet of an exchange died.
    pub(crate) fn dropped(&mut self, tag: PacketTag, at: Place, reason: DropReason) {
        self.note(Note::Dropped(tag, at, reason));
    }
}

impl<const WATCHED: bool> Observer for Journal<WATCHED> {
    const ENABLED: bool = WATCHED;

    fn wants_frames(&self) -> bool {
        self.frames
    }

    fn packet(&mut self, packet: PacketId, tag: PacketTag) {
        self.note(Note::Packet(packet, tag));
    }

    fn further(&mut self, packet: PacketId, tag: PacketTag) {
        self.note(Note::Further(packet, tag));
    }

    fn step(&mut self, packet: PacketId, _now: SimTime, step: Step) {
        self.note(Note::Step(packet, step));
    }

    fn frame(&mut self, packet: PacketId, _now: SimTime, tap: Tap, frame: &[u8]) {
        self.note(Note::Frame(packet, tap, frame.into()));
    }
}

impl Entry {
    /// Tells what is to be told.
    pub(crate) fn tell<O: Observer>(self, books: &mut Books, observer: &mut O) {
        let now = self.key.time;
        match self.note {
            Note::Sent(tag, copy) => books.sent(now, tag, copy),
            Note::Passed(tag, via) => books.passed(tag, via),
            Note::Delivered(tag, at) => books.delivered(now, tag, at, observer),
            Note::Dropped(tag, at, reason) => books.dropped(now, tag, at, reason, observer),
            Note::Packet(id, tag) => observer.packet(id, tag),
            Note::Further(id, tag) => observer.further(id, tag),
            Note::Step(id, step) => observer.step(id, now, step),
            Note::Frame(id, tap, frame) => observer.frame(id, now, tap, &frame),
        }
    }
}

/// Merges the entries of several shards, each in order, into `into`, in the total order.
pub(crate) fn merge(shards: Vec<Vec<Entry>>, mut into: impl FnMut(Entry)) {
    let mut queues: Vec<_> = shards.into_iter().map(|entries| entries.into_iter().peekable()).collect();
    loop {
        let next = queues.iter_mut().enumerate().filter_map(|(ix, q)| Some((q.peek()?.key, ix))).min();
        let Some((_, ix)) = next else { return };
        into(queues[ix].next().expect("it was just seen"));
    }
}
