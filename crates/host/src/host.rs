//! A machine: its addresses, its connections, its timers.
//!
//! Owns which connection an event belongs to, and the beginning and end of connections. Called by the simulation for
//! every packet that reaches the machine and every timer that it asked for. Must never do work for a connection that
//! has no event. Costs a hash look-up per segment; a connection that ended leaves nothing but what TIME-WAIT keeps.

use std::net::IpAddr;

use rustc_hash::FxHashMap;
use smoltcp::{
    iface::SocketSet,
    wire::{IpEndpoint, IpListenEndpoint},
};

use vnetsim_packet::{Headers, IcmpErrorKind, L4};
use vnetsim_types::{IpProtocol, SimTime};

use crate::{
    ConversationId, Failure, Finished, Open, Stats, Wire, Work,
    connection::{Connection, Cx, Next, Start},
    peek::{ACK, Peek, RST, SYN, Segment, Tuple, peek},
    port::{Label, Port, Sent, to_instant},
    stacks::{MTU_MIN, Stacks},
    time_wait::{Rest, TimeWait},
    timers::Timers,
    work::Share,
};

/// What is alike for all connections of a machine.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct HostConfig {
    /// The largest IP packet the machine sends, in bytes, at least 576; its segments carry 40 bytes less (IPv6: 60).
    /// Less on a path whose router says so.
    pub mtu: u16,
    /// Where initial sequence numbers come from.
    pub seed: u64,
    /// Bytes of a connection's receive buffer, which is the window that it offers, and of its send buffer. Both are
    /// smaller where the connection has fewer bytes to carry. From 4,096 to 2^30.
    pub buffer_bytes: u32,
    /// Time to live of what the machine answers, connections that others open included; at least 1.
    pub ttl: u8,
    /// A server ends a connection when it heard nothing for so long.
    pub server_timeout: SimTime,
}

impl Default for HostConfig {
    /// 1,500 bytes, 256 KiB (2 Gbit/s over 1 ms), TTL 64, two minutes.
    fn default() -> Self {
        let server_timeout = SimTime::from_secs(120);
        Self { mtu: 1_500, seed: 0, buffer_bytes: 256 * 1024, ttl: 64, server_timeout }
    }
}

/// A connection to open.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Connect {
    /// Whose work it is.
    pub id: ConversationId,
    /// One of the machine's addresses, and a port.
    pub local: (IpAddr, u16),
    /// Where to, of the same family.
    pub remote: (IpAddr, u16),
    /// What to do on it.
    pub work: Work,
    /// The connection fails when nothing was heard from the other end for so long.
    pub timeout: SimTime,
    /// Time to live of its packets; at least 1.
    pub ttl: u8,
}

/// What the simulation knows about a packet that arrives.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Incoming {
    /// Whose work it is.
    pub id: ConversationId,
    /// True when it goes from the one who opened the conversation to the other.
    pub forward: bool,
    /// What the machine does on a connection that this packet opens; `None`: nobody listens, a SYN is answered with RST.
    pub serve: Option<Work>,
}

/// A machine with all its addresses.
pub struct Host {
    config: HostConfig,
    addresses: Box<[IpAddr]>,
    stacks: Stacks,
    connections: Vec<Option<Box<Connection>>>,
    free: Vec<u32>,
    by_tuple: FxHashMap<Tuple, u32>,
    timers: Timers,
    time_wait: TimeWait,
    finished: Vec<Finished>,
}

impl Host {
    /// A machine with the addresses of all its IP configurations; none stands for every address, for what lies outside:
    /// a site, the internet. Figures out of range are brought into it.
    pub fn new(addresses: &[IpAddr], mut config: HostConfig) -> Self {
        config.mtu = config.mtu.max(MTU_MIN);
        config.buffer_bytes = config.buffer_bytes.clamp(4_096, 1 << 30);
        config.ttl = config.ttl.max(1);
        Self {
            config,
            addresses: addresses.into(),
            stacks: Stacks::new(config.mtu, config.seed),
            connections: Vec::new(),
            free: Vec::new(),
            by_tuple: FxHashMap::default(),
            timers: Timers::default(),
            time_wait: TimeWait::default(),
            finished: Vec::new(),
        }
    }

    /// Opens a connection and does `work` on it. What comes of it is told by [`finished`](Self::finished), a connection
    /// that cannot be opened included.
    pub fn connect(&mut self, now: SimTime, connect: Connect, wire: &mut Wire) {
        match self.open_socket(now, connect) {
            Ok(ix) => self.event(ix, now, wire, Connection::poll),
            Err(failure) => {
                let stats = Stats { started: now, last_progress: now, ..Stats::default() };
                let result = Err(failure);
                self.finished.push(Finished { id: connect.id, opener: true, at: now, result, stats });
            }
        }
    }

    /// An Ethernet frame with an IP packet arrives. What is not for this machine's addresses is ignored.
    pub fn receive(&mut self, now: SimTime, frame: &[u8], incoming: Incoming, wire: &mut Wire) {
        let Some(peek) = peek(frame).filter(|peek| self.has(peek.to)) else { return };
        let Some(segment) = peek.segment else { return self.icmp(now, frame, incoming, wire) };
        let tuple = Tuple::new((peek.to, segment.to_port), (peek.from, segment.from_port));
        let ix = match self.by_tuple.get(&tuple) {
            Some(ix) => *ix,
            None => match self.accept(now, tuple, (&peek, &segment), incoming) {
                Some(ix) => ix,
                None => return self.stray(now, frame, (&tuple, &peek, &segment), incoming, wire),
            },
        };
        self.event(ix, now, wire, |connection, cx| connection.receive(cx, frame, &segment));
    }

    /// Timers: everything that was to happen until `now` happens.
    pub fn poll(&mut self, now: SimTime, wire: &mut Wire) {
        while let Some(ix) = self.timers.due(now) {
            self.event(ix, now, wire, Connection::poll);
        }
    }

    /// When [`poll`](Self::poll) must be called; `None` when nothing is pending. After a `poll` it is later than that
    /// one's time.
    pub fn poll_at(&self) -> Option<SimTime> {
        self.timers.first()
    }

    /// What ended since the last call, at either end of a connection, in the order of the ends.
    pub fn finished(&mut self) -> impl Iterator<Item = Finished> {
        self.finished.drain(..)
    }

    /// The connections that have not ended, in the order of their conversations, the opener's end first.
    pub fn open(&self) -> impl Iterator<Item = Open> {
        let mut open: Vec<Open> =
            self.connections.iter().flatten().map(|connection| connection.open()).collect();
        open.sort_by_key(|open| (open.id, !open.opener));
        open.into_iter()
    }

    /// A connection that has a SYN to send.
    fn open_socket(&mut self, now: SimTime, connect: Connect) -> Result<u32, Failure> {
        let Connect { id, local, remote, work, timeout, ttl } = connect;
        let tuple = Tuple::new(local, remote);
        if self.by_tuple.contains_key(&tuple) {
            return Err(Failure::PortInUse);
        }
        if !self.has(local.0) || remote.0.is_multicast() {
            return Err(Failure::BadEndpoint);
        }
        let stack = self.stacks.towards(remote.0);
        let mss = self.stacks.get(stack).mss(remote.0);
        let (share, timeout, ttl) = (Share::new(work, true), timeout.max(SimTime(1)), ttl.max(1));
        let start = Start { id, tuple, share, opener: true, timeout, ttl, stack, mss };
        let mut connection = Connection::new(now, start, self.config.buffer_bytes);
        let to = IpEndpoint::new(remote.0.into(), remote.1);
        let context = self.stacks.get(stack).interface.context();
        connection.socket().connect(context, to, local).map_err(|_| Failure::BadEndpoint)?;
        self.time_wait.remove(&tuple);
        Ok(self.insert(connection))
    }

    /// A connection for a SYN, if somebody listens.
    fn accept(
        &mut self,
        now: SimTime,
        tuple: Tuple,
        (peek, segment): (&Peek, &Segment),
        incoming: Incoming,
    ) -> Option<u32> {
        let work = incoming.serve.filter(|_| segment.flags & (SYN | ACK | RST) == SYN)?;
        let (timeout, ttl) = (self.config.server_timeout, self.config.ttl);
        let share = Share::new(work, false);
        let stack = self.stacks.towards(peek.from);
        let mss = self.stacks.get(stack).mss(peek.from);
        let start = Start { id: incoming.id, tuple, share, opener: false, timeout, ttl, stack, mss };
        let mut connection = Connection::new(now, start, self.config.buffer_bytes);
        let at = IpListenEndpoint { addr: Some(peek.to.into()), port: segment.to_port };
        connection.socket().listen(at).ok()?;
        self.time_wait.remove(&tuple);
        Some(self.insert(connection))
    }

    /// A segment that belongs to no connection: the other end of one that was closed here, or RST is the answer.
    fn stray(
        &mut self,
        now: SimTime,
        frame: &[u8],
        (tuple, peek, segment): (&Tuple, &Peek, &Segment),
        incoming: Incoming,
        wire: &mut Wire,
    ) {
        if segment.flags & (SYN | ACK) == SYN || !self.time_wait.answers(now, (tuple, peek, segment), wire) {
            self.answer(now, frame, incoming, wire);
        }
    }

    /// An echo request is answered. An error tells the connection that it is about.
    fn icmp(&mut self, now: SimTime, frame: &[u8], incoming: Incoming, wire: &mut Wire) {
        let Ok(Headers { l4: L4::IcmpError { kind, about: Some(key) }, .. }) = vnetsim_packet::parse(frame)
        else {
            return self.answer(now, frame, incoming, wire);
        };
        let tuple = Tuple::new((key.src, key.src_port), (key.dst, key.dst_port));
        let Some(&ix) = self.by_tuple.get(&tuple).filter(|_| key.protocol == IpProtocol::TCP) else { return };
        let Some(connection) = self.connections.get_mut(ix as usize).and_then(Option::as_mut) else { return };
        match kind {
            IcmpErrorKind::FragmentationNeeded { mtu } => {
                if let Some(stack) = self.stacks.narrow(connection.stack, key.dst, mtu) {
                    connection.use_stack(stack, self.stacks.get(stack).mss(key.dst));
                }
            }
            _ if connection.connects() => {
                self.timers.set(ix, None);
                self.end(ix, now, Err(Failure::Unreachable), None);
            }
            _ => {} // an established connection goes on, as on Linux
        }
    }

    /// smoltcp answers without a socket: echo replies and RST.
    fn answer(&mut self, now: SimTime, frame: &[u8], incoming: Incoming, wire: &mut Wire) {
        let label = Label { id: incoming.id, forward: !incoming.forward, ttl: self.config.ttl, now };
        let mut sent = Sent::default();
        let stack = self.stacks.get(0);
        let mut port = Port { mtu: stack.mtu, arriving: Some(frame), label, sent: &mut sent, wire };
        stack.interface.poll_ingress_single(to_instant(now), &mut port, &mut SocketSet::new(Vec::new()));
    }

    fn has(&self, address: IpAddr) -> bool {
        self.addresses.is_empty() || self.addresses.contains(&address)
    }

    fn insert(&mut self, connection: Connection) -> u32 {
        let tuple = connection.tuple;
        let connection = Some(Box::new(connection));
        let ix = match self.free.pop() {
            Some(ix) => {
                self.connections[ix as usize] = connection;
                ix
            }
            None => {
                self.connections.push(connection);
                self.connections.len() as u32 - 1
            }
        };
        self.by_tuple.insert(tuple, ix);
        ix
    }

    /// Something happens to connection `ix`.
    fn event(
        &mut self,
        ix: u32,
        now: SimTime,
        wire: &mut Wire,
        happens: impl FnOnce(&mut Connection, &mut Cx<'_>) -> Next,
    ) {
        let Some(connection) = self.connections.get_mut(ix as usize).and_then(Option::as_mut) else { return };
        let mut cx = Cx { now, stack: self.stacks.get(connection.stack), wire };
        let next = happens(connection, &mut cx);
        let due = match next {
            Next::At(time) => Some(time),
            Next::Ended(..) => None,
        };
        self.timers.set(ix, due);
        if let Next::Ended(result, rest) = next {
            self.end(ix, now, result, rest);
        }
    }

    fn end(&mut self, ix: u32, now: SimTime, result: Result<(), Failure>, rest: Option<Rest>) {
        let Some(connection) = self.connections.get_mut(ix as usize).and_then(Option::take) else { return };
        self.by_tuple.remove(&connection.tuple);
        if let Some(rest) = rest {
            self.time_wait.add(now, connection.tuple, rest);
        }
        if connection.began() {
            self.finished.push(connection.finished(now, result));
        }
        self.free.push(ix);
        if self.by_tuple.is_empty() {
            // An idle machine is small.
            (self.connections, self.free, self.by_tuple, self.timers) = Default::default();
        }
    }
}

#[cfg(test)]
mod tests {
    use vnetsim_types::TrafficId;

    use super::*;
    use crate::stacks::Stack;

    /// All that a machine allocates without connections: its interface and its addresses.
    const IDLE_BYTES: usize = size_of::<Host>() + size_of::<Stack>() + 8 * size_of::<IpAddr>();

    #[test]
    fn a_machine_may_move_to_another_thread() {
        fn sends<T: Send>() {}
        sends::<Host>();
        sends::<Wire>();
    }

    #[test]
    fn an_idle_machine_is_small() {
        const { assert!(IDLE_BYTES < 1_536) }
        let (client, server) = (IpAddr::from([10, 0, 0, 4]), IpAddr::from([10, 0, 0, 5]));
        let mut hosts = [client, server].map(|ip| Host::new(&[ip], HostConfig::default()));
        let mut wire = Wire::new();
        let work = Work::Requests { requests: 2, request_bytes: 10, response_bytes: 10 };
        for conversation in 0..1_000 {
            let id = ConversationId { traffic: TrafficId(0), conversation };
            let (local, remote) = ((client, 1_024 + conversation as u16), (server, 80));
            let timeout = SimTime::from_secs(9);
            hosts[0].connect(SimTime(1), Connect { id, local, remote, work, timeout, ttl: 64 }, &mut wire);
        }
        loop {
            let sent: Vec<_> = wire.drain().collect();
            for out in &sent {
                let incoming = Incoming { id: out.id, forward: out.forward, serve: Some(work) };
                hosts[usize::from(out.forward)].receive(SimTime(1), &out.frame, incoming, &mut wire);
            }
            if sent.is_empty() {
                break;
            }
        }
        assert_eq!(hosts.each_mut().map(|host| host.finished().count()), [1_000; 2]);
        for host in &hosts {
            assert_eq!((host.poll_at(), host.open().count()), (None, 0));
            let capacities = [host.connections.capacity(), host.free.capacity(), host.by_tuple.capacity()];
            assert_eq!((capacities, host.timers.first(), host.stacks.paths()), ([0; 3], None, 0));
        }
    }
}
