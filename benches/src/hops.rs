//! Packets that a switch gets one at a time, as in a simulation: each half of their ways for itself.

use std::time::{Duration, Instant};

use vnetsim_dataplane::{Context, Leg, LegEnd, Meter, Packet, Switches, Tables};
use vnetsim_packet::parse;
use vnetsim_throughput::Load;
use vnetsim_types::{NicId, NoObserver, PacketId, PacketTag, Part, SimTime, TrafficId};

use crate::Ground;

/// Packets in memory at a time: few, as in a simulation, so that records are what is missed.
const POOL: usize = 256;
/// How many packets ahead records are asked for.
const AHEAD: usize = 8;

/// One packet at a time, by halves of its way.
pub struct Hops<'a> {
    tables: &'a Tables,
    load: Load,
    pool: Vec<Packet>,
    from: Vec<NicId>,
    /// By the NIC that a packet leaves.
    legs: Vec<Option<Leg>>,
    switches: Switches,
    meter: Meter,
}

/// What is measured.
#[derive(Clone, Copy, Debug)]
pub struct Half {
    /// The receiver's; else the sender's.
    pub inbound: bool,
    /// Records are asked for before their packet's turn.
    pub fetched: bool,
}

impl<'a> Hops<'a> {
    /// The records of all connections are there.
    pub fn of(ground: &'a Ground, flows: usize, switches: Switches) -> Self {
        let (legs, meter) = (vec![None; ground.tables.nics.len()], Meter::default());
        let (pool, from, load) = (Vec::new(), Vec::new(), ground.load(flows));
        let mut hops = Self { tables: &ground.tables, load, pool, from, legs, switches, meter };
        for inbound in [false, true, false, true] {
            hops.pass(Half { inbound, fetched: false });
        }
        hops
    }

    /// One half of the way of each packet; the time that the switches took.
    #[expect(clippy::disallowed_methods, reason = "a bench measures real time")]
    pub fn pass(&mut self, half: Half) -> Duration {
        let (load, mut takes) = (self.load.clone(), Duration::ZERO);
        for frames in load.batches(POOL) {
            self.fill(frames);
            let begun = Instant::now();
            if half.inbound {
                self.ingress(half.fetched)
            } else {
                self.egress(half.fetched)
            }
            takes += begun.elapsed();
        }
        takes
    }

    /// See [`Switches::counts`].
    pub fn counts(&self) -> (u64, u64) {
        self.switches.counts()
    }

    fn fill<'b>(&mut self, frames: impl Iterator<Item = (NicId, &'b [u8])>) {
        let tag = PacketTag { traffic: TrafficId(0), conversation: 0, part: Part::Request };
        let mut old = std::mem::take(&mut self.pool).into_iter();
        self.from.clear();
        for (nic, frame) in frames {
            let packet = match old.next() {
                Some(mut packet) => {
                    packet.frame.clear();
                    packet.frame.extend_from_slice(frame);
                    packet.renew(PacketId(0), tag, false, parse(frame).expect("a frame made here"));
                    packet
                }
                None => Packet::new(PacketId(0), tag, false, frame.to_vec()).expect("a frame made here"),
            };
            self.pool.push(packet);
            self.from.push(nic);
        }
    }

    fn egress(&mut self, fetched: bool) {
        let (tables, meter) = (self.tables, &mut self.meter);
        let mut cx = Context { now: SimTime::ZERO, tables, observer: &mut NoObserver, meter };
        for ix in 0..self.pool.len() {
            if fetched && let Some(packet) = self.pool.get(ix + AHEAD) {
                self.switches.fetch(packet);
            }
            let leg = self.switches.egress(&mut cx, self.from[ix], &mut self.pool[ix]);
            self.legs[self.from[ix].ix()] = Some(leg.expect("all arrive"));
        }
    }

    fn ingress(&mut self, fetched: bool) {
        let (tables, meter) = (self.tables, &mut self.meter);
        let mut cx = Context { now: SimTime::ZERO, tables, observer: &mut NoObserver, meter };
        for ix in 0..self.pool.len() {
            if fetched && let Some(packet) = self.pool.get(ix + AHEAD) {
                self.switches.fetch(packet);
            }
            let Some(Leg { origin, end: LegEnd::Nic(nic) }) = self.legs[self.from[ix].ix()] else {
                panic!("all go to NICs")
            };
            self.switches.ingress(&mut cx, origin, nic, &mut self.pool[ix]).expect("all arrive");
        }
    }
}
