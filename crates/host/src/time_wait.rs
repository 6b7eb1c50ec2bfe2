//! Five-tuples whose connection this host closed first, for as long as a FIN of the other end may come again.
//!
//! Owns what an answer to such a FIN needs, without socket, buffers or timer: entries go when they are looked at after
//! their time, or when there are too many. Called by `host` for segments that belong to no connection. Must never
//! refuse a new connection. Costs a hash look-up per such segment.

use std::{collections::VecDeque, net::IpAddr};

use rustc_hash::FxHashMap;

use vnetsim_packet::{Endpoints, TcpFlags};
use vnetsim_types::SimTime;

use crate::{
    Outgoing, Wire,
    peek::{FIN, Peek, RST, Segment, Tuple},
    port::Label,
};

/// How long the five-tuple is remembered; smoltcp's figure, a sixth of Linux's.
const LASTS: SimTime = SimTime::from_secs(10);
/// Five-tuples remembered at most; the oldest goes first.
const MAX: usize = 1_024;

/// What was left of a connection.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rest {
    pub(crate) label: Label,
    /// The sequence number after this end's FIN.
    pub(crate) seq: u32,
    /// The sequence number after the other end's FIN.
    pub(crate) ack: u32,
}

#[derive(Debug, Default)]
pub(crate) struct TimeWait {
    rests: FxHashMap<Tuple, (SimTime, Rest)>,
    /// In the order of their ends. An entry without its like in `rests` was taken before its time.
    ends: VecDeque<(SimTime, Tuple)>,
}

impl TimeWait {
    pub(crate) fn add(&mut self, now: SimTime, tuple: Tuple, rest: Rest) {
        self.purge(now, MAX - 1);
        self.rests.insert(tuple, (now + LASTS, rest));
        self.ends.push_back((now + LASTS, tuple));
    }

    /// The five-tuple is used anew.
    pub(crate) fn remove(&mut self, tuple: &Tuple) {
        self.rests.remove(tuple);
    }

    /// True when the segment belongs to a connection that this host closed; answers it if it wants an answer.
    pub(crate) fn answers(
        &mut self,
        now: SimTime,
        (tuple, peek, segment): (&Tuple, &Peek, &Segment),
        wire: &mut Wire,
    ) -> bool {
        self.purge(now, MAX);
        let Some((_, rest)) = self.rests.get(tuple) else { return false };
        if segment.flags & RST == 0 && (segment.flags & FIN != 0 || segment.payload_len > 0) {
            acknowledge(rest, (peek.to, segment.to_port), (peek.from, segment.from_port), wire);
        }
        true
    }

    /// Takes out what is over, and what is more than `keep`.
    fn purge(&mut self, now: SimTime, keep: usize) {
        while let Some((end, tuple)) = self.ends.front()
            && (*end <= now || self.ends.len() > keep)
        {
            if self.rests.get(tuple).is_some_and(|(at, _)| at == end) {
                self.rests.remove(tuple);
            }
            self.ends.pop_front();
        }
        if self.ends.is_empty() && self.rests.capacity() > 0 {
            *self = Self::default(); // an idle machine is small
        }
    }
}

fn acknowledge(rest: &Rest, (src, src_port): (IpAddr, u16), (dst, dst_port): (IpAddr, u16), wire: &mut Wire) {
    let Label { id, forward, ttl, .. } = rest.label;
    let ends = Endpoints { src_mac: [0; 6], dst_mac: [0; 6], src, dst, ttl, dont_fragment: true };
    let frame = vnetsim_packet::tcp(&ends, src_port, dst_port, TcpFlags::ACK, rest.seq, rest.ack, 0);
    // Both addresses come from one packet, so they are of one family: nothing can fail.
    if let Ok(frame) = frame {
        wire.send(Outgoing { frame, id, forward, retransmission: false });
    }
}
