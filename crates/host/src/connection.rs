//! One end of a TCP connection: smoltcp's socket, the application on it, and what came of both.
//!
//! Owns the order of an event: smoltcp takes the segment, the application reads and writes, smoltcp sends, and then the
//! connection either has a next time or has ended. Called by `host` for every segment and timer of the connection. Must
//! never touch another connection: each has a socket set of its own, so that nothing is looked for in it.
//! Costs, per event, one pass of smoltcp over the socket for each segment sent, and one to learn the next time.

use smoltcp::{
    iface::{SocketHandle, SocketSet},
    socket::tcp::{Socket, SocketBuffer, State},
    time::Duration,
};

use vnetsim_types::SimTime;

use crate::{
    ConversationId, Failure, Finished, Open, Stats, Wire,
    peek::{FIN, RST, Segment, Tuple},
    port::{Label, Port, Sent, from_instant, to_instant},
    stacks::Stack,
    time_wait::Rest,
    work::Share,
};

/// Segments that a receiver acknowledges at once before it begins to delay (Linux: TCP_MAX_QUICKACKS).
const QUICK_ACKS: u64 = 16;
/// How long an ACK is delayed at most (Linux: TCP_DELACK_MIN).
const ACK_DELAY: Duration = Duration::from_millis(40);
/// Segments sent in one event at most; the rest follows a microsecond later.
const BURST_MAX: usize = 16_384;
/// The least bytes of a socket's buffer.
const BUFFER_MIN: u64 = 2_048;

/// What an event of a connection needs from its host.
pub(crate) struct Cx<'a> {
    pub(crate) now: SimTime,
    pub(crate) stack: &'a mut Stack,
    pub(crate) wire: &'a mut Wire,
}

/// What a connection is opened with.
pub(crate) struct Start {
    pub(crate) id: ConversationId,
    pub(crate) tuple: Tuple,
    pub(crate) share: Share,
    pub(crate) opener: bool,
    pub(crate) timeout: SimTime,
    pub(crate) ttl: u8,
    /// Which of its host's interfaces it uses.
    pub(crate) stack: u8,
    /// Bytes of data in a whole segment.
    pub(crate) mss: u16,
}

/// What an event leaves.
#[derive(Debug)]
pub(crate) enum Next {
    /// The connection wants to be polled then.
    At(SimTime),
    /// The connection ended. What is left of it, if it closed first.
    Ended(Result<(), Failure>, Option<Rest>),
}

#[derive(Debug)]
pub(crate) struct Connection {
    pub(crate) tuple: Tuple,
    /// Which of its host's interfaces it uses.
    pub(crate) stack: u8,
    id: ConversationId,
    opener: bool,
    ttl: u8,
    mss: u16,
    timeout: SimTime,
    share: Share,
    sockets: SocketSet<'static>,
    handle: SocketHandle,
    sent: Sent,
    /// Bytes that the application has written.
    written: u64,
    /// The application wants to write more, but the buffer is full.
    more: bool,
    /// When anything was last received; at first, when the connection began.
    heard: SimTime,
    /// The sequence number after the other end's FIN.
    fin: Option<u32>,
    stats: Stats,
}

impl Connection {
    /// A connection whose socket neither listens nor connects yet, with buffers of `buffer_bytes` at most.
    pub(crate) fn new(now: SimTime, start: Start, buffer_bytes: u32) -> Self {
        let Start { id, tuple, share, opener, timeout, ttl, stack, mss } = start;
        // Zeros, and nothing is ever written into the one for sending.
        let buffer = |at_once: Option<u64>, most: u32| {
            let wanted = at_once.unwrap_or(u64::MAX).max(BUFFER_MIN);
            SocketBuffer::new(vec![0; wanted.min(u64::from(most)) as usize])
        };
        // A receiver that fills a gap says at first that its window is closed. A sender that then has nothing left in
        // its buffer would ask for the window at once (smoltcp); one with more than the window in it waits. And a
        // segment does not go over the end of the buffer, so the buffer ends where a segment does.
        let most = buffer_bytes.saturating_add(buffer_bytes / 4).next_multiple_of(mss.into());
        let mut socket =
            Socket::new(buffer(share.other().at_once(), buffer_bytes), buffer(share.at_once(), most));
        socket.set_ack_delay(None);
        let mut sockets = SocketSet::new(Vec::with_capacity(1));
        let handle = sockets.add(socket);
        let stats = Stats { started: now, last_progress: now, ..Stats::default() };
        Self {
            tuple,
            stack,
            id,
            opener,
            ttl,
            mss,
            timeout,
            share,
            sockets,
            handle,
            sent: Sent::default(),
            written: 0,
            more: false,
            heard: now,
            fin: None,
            stats,
        }
    }

    pub(crate) fn socket(&mut self) -> &mut Socket<'static> {
        self.sockets.get_mut(self.handle)
    }

    /// Segments are smaller from now on: the next ones, and those that are sent again.
    pub(crate) fn use_stack(&mut self, stack: u8, mss: u16) {
        (self.stack, self.mss) = (stack, mss);
    }

    /// True while it waits for the answer to its SYN.
    pub(crate) fn connects(&mut self) -> bool {
        self.socket().state() == State::SynSent
    }

    /// A segment for this connection arrived.
    pub(crate) fn receive(&mut self, cx: &mut Cx<'_>, frame: &[u8], segment: &Segment) -> Next {
        self.stats.segments_received += 1;
        self.heard = cx.now;
        if self.stats.segments_received == QUICK_ACKS {
            self.socket().set_ack_delay(Some(ACK_DELAY));
        }
        if segment.flags & FIN != 0 {
            self.fin = Some(segment.next_seq);
        }
        let label = self.label(cx.now);
        let mut port = Port {
            mtu: cx.stack.mtu,
            arriving: Some(frame),
            label,
            sent: &mut self.sent,
            wire: &mut *cx.wire,
        };
        cx.stack.interface.poll_ingress_single(to_instant(cx.now), &mut port, &mut self.sockets);
        self.settle(cx, segment.flags & RST != 0)
    }

    /// Time passed, or the connection begins.
    pub(crate) fn poll(&mut self, cx: &mut Cx<'_>) -> Next {
        if cx.now < self.heard + self.timeout {
            return self.settle(cx, false);
        }
        let handshake = matches!(self.socket().state(), State::SynSent | State::SynReceived);
        if !handshake {
            self.socket().abort();
            self.send(cx);
        }
        Next::Ended(Err(Failure::TimedOut), None)
    }

    /// How the connection ended.
    pub(crate) fn finished(mut self, at: SimTime, result: Result<(), Failure>) -> Finished {
        self.count(at);
        Finished { id: self.id, opener: self.opener, at, result, stats: self.stats }
    }

    /// False for one that was made for a SYN which smoltcp then did not like.
    pub(crate) fn began(&self) -> bool {
        self.sent.segments > 0
    }

    /// How the connection is doing.
    pub(crate) fn open(&self) -> Open {
        Open { id: self.id, opener: self.opener, stats: self.stats }
    }

    /// What frames of this connection have in common.
    fn label(&self, now: SimTime) -> Label {
        Label { id: self.id, forward: self.opener, ttl: self.ttl, now }
    }

    /// After smoltcp took a segment, or time passed.
    fn settle(&mut self, cx: &mut Cx<'_>, reset: bool) -> Next {
        let state = self.socket().state();
        if !matches!(state, State::SynSent | State::SynReceived | State::Listen) {
            if self.stats.established.is_none() && !(reset && state == State::Closed) {
                self.stats.established = Some(cx.now);
                self.stats.handshake_rtt = Some(cx.now.since(self.sent.syn_at));
            }
            self.apply(cx.now);
        }
        let wakes = self.send(cx);
        self.count(cx.now);
        if let Some(result) = self.outcome(reset) {
            let rest = Rest {
                label: self.label(cx.now),
                seq: self.sent.next_seq.unwrap_or(0),
                ack: self.sent.last_ack,
            };
            return Next::Ended(result, (self.socket().state() == State::TimeWait).then_some(rest));
        }
        let work = self.stats.established.and_then(|at| self.share.until(at)).filter(|at| *at > cx.now);
        let silent = self.heard + self.timeout;
        // Never now, whatever the timeout: an event at one time must not cause the next at the same time.
        let next = [Some(silent), wakes, work].into_iter().flatten().min().unwrap_or(silent);
        Next::At(next.max(SimTime(cx.now.0.saturating_add(1))))
    }

    /// The application reads all there is, writes what it may, and closes.
    fn apply(&mut self, now: SimTime) {
        let socket = self.sockets.get_mut::<Socket<'_>>(self.handle);
        while socket.recv_queue() > 0 {
            match socket.recv(|bytes| (bytes.len(), bytes.len())) {
                Ok(len) if len > 0 => self.stats.bytes_received += len as u64,
                _ => break,
            }
            self.stats.first_byte = self.stats.first_byte.or(Some(now));
            self.stats.last_progress = now;
        }
        if !socket.may_send() {
            return;
        }
        let over =
            self.stats.established.and_then(|at| self.share.until(at)).is_some_and(|until| now >= until);
        let goal = if over { self.written } else { self.share.goal(self.stats.bytes_received) };
        while self.written < goal {
            let left = usize::try_from(goal - self.written).unwrap_or(usize::MAX);
            match socket.send(|room| (room.len().min(left), room.len().min(left))) {
                Ok(len) if len > 0 => self.written += len as u64,
                _ => break,
            }
        }
        self.more = self.written < goal;
        // The client closes after its work, the server after the client.
        let done =
            over || self.share.sends().is_some() && self.share.done(self.written, self.stats.bytes_received);
        if !self.more && (socket.state() == State::CloseWait || self.opener && done) {
            socket.close();
        }
    }

    /// Lets smoltcp send what it wants to send now. The time of its next timer.
    fn send(&mut self, cx: &mut Cx<'_>) -> Option<SimTime> {
        let now = to_instant(cx.now);
        let label = self.label(cx.now);
        for _ in 0..BURST_MAX {
            // Nagle, but for the end of what was written.
            let tail = self.written.saturating_sub(self.sent.bytes) < u64::from(self.mss);
            let nagle = self.more || !tail;
            self.socket().set_nagle_enabled(nagle);
            let wakes = cx.stack.interface.poll_at(now, &self.sockets)?;
            if wakes > now {
                return Some(from_instant(wakes));
            }
            let before = self.sent.segments;
            let mut port =
                Port { mtu: cx.stack.mtu, arriving: None, label, sent: &mut self.sent, wire: &mut *cx.wire };
            cx.stack.interface.poll_egress(now, &mut port, &mut self.sockets);
            if self.sent.segments == before
                && cx.stack.interface.poll_at(now, &self.sockets).is_some_and(|at| at <= now)
            {
                break; // it wants to, but cannot
            }
        }
        Some(from_instant(now + Duration::from_micros(1)))
    }

    /// Brings the statistics up to date.
    fn count(&mut self, now: SimTime) {
        let acknowledged = self.written.saturating_sub(self.socket().send_queue() as u64);
        if acknowledged > self.stats.bytes_sent && self.stats.established.is_some() {
            self.stats.bytes_sent = acknowledged;
            self.stats.last_progress = now;
        }
        self.stats.segments_sent = self.sent.segments;
        self.stats.retransmissions = self.sent.retransmissions;
    }

    /// How the connection ended; `None` while it has not.
    fn outcome(&mut self, reset: bool) -> Option<Result<(), Failure>> {
        let complete = match self.share.done(self.written, self.stats.bytes_received) {
            true => Ok(()),
            false => Err(Failure::ClosedEarly),
        };
        match self.socket().state() {
            State::Closed if reset && self.stats.established.is_none() => Some(Err(Failure::Refused)),
            State::Listen => Some(Err(Failure::Reset)), // RST to the SYN-ACK
            State::Closed if reset => Some(Err(Failure::Reset)),
            State::Closed => Some(complete),
            // The last ACK may be delayed; what is left does without the socket once it is sent.
            State::TimeWait if self.fin == Some(self.sent.last_ack) => Some(complete),
            _ => None,
        }
    }
}
