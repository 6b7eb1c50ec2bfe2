//! The edge to the internet: private addresses outside, public ones inside never meet (Part 5.3).
//!
//! Translates sources of packets that leave and destinations of packets that enter. A public IP of
//! a NIC stands one to one for its private address and needs no state (ADDR-18, OUT-03); shared
//! addresses keep a session per connection.

use std::{
    collections::{HashMap, hash_map::Entry},
    net::IpAddr,
};

use vnetsim_packet::{set_destination, set_source};
use vnetsim_types::{DropReason, FlowKey, IpProtocol, NicId, Observer, Place, SimTime, Step};

use crate::{Backends, Context, Entered, Packet, PublicOwner, WayOut, stages::balance};

/// How long an idle connection keeps its port (LB-14, OUT-06).
const IDLE_MAX: SimTime = SimTime::from_secs(4 * 60);

/// A connection that leaves by a shared address.
#[derive(Clone, Copy, Debug)]
struct Session {
    socket: Socket,
    last_seen: SimTime,
    /// How long its port rests after it ended.
    hold: SimTime,
}

impl Session {
    fn lives(&self, now: SimTime) -> bool {
        now.since(self.last_seen) <= IDLE_MAX
    }

    fn free_at(&self) -> SimTime {
        self.last_seen + IDLE_MAX + self.hold
    }
}

/// A guest's own end of a connection.
type Socket = (NicId, IpAddr, u16);

/// Sessions of shared public addresses.
#[derive(Clone, Debug, Default)]
pub struct Edge {
    /// By the key of a packet that comes back.
    sessions: HashMap<FlowKey, Session>,
    /// From the key as the NIC sends it, to the public port in use.
    ports: HashMap<(NicId, FlowKey), u16>,
    /// Who uses a public UDP port towards a destination address (OUT-04).
    udp: HashMap<(IpAddr, u16, IpAddr), Socket>,
    /// Connections of a shared address by protocol, destination and port (OUT-05).
    connections: HashMap<(IpAddr, IpProtocol, IpAddr, u16), u32>,
    /// Nothing is free before.
    sweep_at: SimTime,
    /// Backends of connections that came by public frontends.
    backends: Backends,
}

/// An address that several connections share, and how much of it one sender may use.
#[derive(Clone, Copy)]
struct Share {
    address: IpAddr,
    first_port: u16,
    ports: u16,
    per_destination: u32,
    hold: SimTime,
}

/// A packet that leaves, translated.
pub type EdgeOut = Result<(), DropReason>;
/// The NIC that a packet from the internet is for.
pub type EdgeIn = Result<NicId, DropReason>;

impl Edge {
    /// `packet` of `nic` leaves by `way`.
    pub fn leave<O: Observer>(
        &mut self,
        cx: &mut Context<'_, O>,
        nic: NicId,
        way: WayOut,
        packet: &mut Packet,
    ) -> EdgeOut {
        let key = packet.headers.flow_key();
        let source = match way {
            WayOut::Unchanged => Ok(None),
            WayOut::OneToOne(public) => Ok(Some((public, None))),
            WayOut::Answer(Entered { address, port, .. }) => Ok(Some((address, port))),
            WayOut::Shared { address, first_port, ports, per_destination, hold } => {
                let share = Share { address, first_port, ports, per_destination, hold };
                self.session(cx.now, nic, share, key).map(|port| Some((address, Some(port))))
            }
        };
        let verdict = source.and_then(|source| match source {
            Some((public, port)) => set_source(&mut packet.frame, &mut packet.headers, public, port)
                .map_err(|_| DropReason::NoOutboundPath),
            None => Ok(()),
        });
        if verdict.is_ok() {
            cx.report(packet, Step::PublicAddress { nic, key: packet.headers.flow_key() });
        }
        cx.report_drop(packet, Place::Nic(nic), &verdict);
        verdict
    }

    /// The public port of a connection: the private one where the share allows it and it is free, else the next
    /// free one of the share. A port serves several connections to different destinations; with UDP these must be
    /// different addresses, unless one socket of the guest talks to several ports (OUT-04).
    fn session(&mut self, now: SimTime, nic: NicId, share: Share, key: FlowKey) -> Result<u16, DropReason> {
        if let Some(port) = self.ports.get(&(nic, key)) {
            let session = self.sessions.get_mut(&answer_key(key, share.address, *port));
            if let Some(session) = session.filter(|session| session.lives(now)) {
                session.last_seen = now;
                return Ok(*port);
            }
        }
        let found = self.free_port(now, nic, share, key);
        if found.is_some() || now < self.sweep_at {
            return found.ok_or(DropReason::SnatExhausted);
        }
        self.sweep(now);
        self.free_port(now, nic, share, key).ok_or(DropReason::SnatExhausted)
    }

    fn free_port(&mut self, now: SimTime, nic: NicId, share: Share, key: FlowKey) -> Option<u16> {
        let Share { address, first_port, ports, per_destination, hold } = share;
        let there = (address, key.protocol, key.dst, key.dst_port);
        if self.connections.get(&there).is_some_and(|count| *count >= per_destination) {
            return None;
        }
        let wished = key.src_port.checked_sub(first_port).filter(|at| *at < ports).unwrap_or_default();
        for turn in 0..ports {
            let at = (u32::from(wished) + u32::from(turn)) % u32::from(ports);
            let port = first_port.saturating_add(at as u16);
            let socket = (nic, key.src, key.src_port);
            let taken = |user: &Socket| key.protocol == IpProtocol::UDP && *user != socket;
            if self.udp.get(&(address, port, key.dst)).is_some_and(taken) {
                continue;
            }
            if let Entry::Vacant(free) = self.sessions.entry(answer_key(key, address, port)) {
                free.insert(Session { socket, last_seen: now, hold });
                self.ports.insert((nic, key), port);
                self.udp.insert((address, port, key.dst), socket);
                *self.connections.entry(there).or_default() += 1;
                return Some(port);
            }
        }
        None
    }

    /// Forgets connections that ended by idling and whose ports have rested.
    fn sweep(&mut self, now: SimTime) {
        self.sessions.retain(|_, session| session.free_at() >= now);
        self.sweep_at = self.sessions.values().map(Session::free_at).min().unwrap_or(now);
        let sessions = &self.sessions;
        // A port outlives its last session nowhere: the three other books follow the sessions.
        self.udp.clear();
        self.connections.clear();
        let mut used: HashMap<(NicId, FlowKey), u16> = HashMap::with_capacity(sessions.len());
        for (back, session) in sorted(sessions) {
            let (nic, src, src_port) = session.socket;
            let out = back.reversed();
            self.udp.insert((out.src, out.src_port, out.dst), session.socket);
            *self.connections.entry((out.src, out.protocol, out.dst, out.dst_port)).or_default() += 1;
            let dst_port = if out.protocol.has_ports() { out.dst_port } else { src_port };
            used.insert((nic, FlowKey { src, src_port, dst_port, ..out }), out.src_port);
        }
        self.ports = used;
    }

    /// `packet` comes from the internet.
    pub fn enter<O: Observer>(&mut self, cx: &mut Context<'_, O>, packet: &mut Packet) -> EdgeIn {
        let verdict = self.translate_in(cx, packet);
        cx.report_drop(packet, Place::Internet, &verdict);
        verdict
    }

    /// `packet` is an answer to a connection that left by a shared address.
    pub fn is_answer(&self, packet: &Packet) -> bool {
        self.sessions.contains_key(&packet.headers.flow_key())
    }

    fn translate_in<O: Observer>(&mut self, cx: &mut Context<'_, O>, packet: &mut Packet) -> EdgeIn {
        let key = packet.headers.flow_key();
        let session = self.sessions.get_mut(&key).filter(|session| session.lives(cx.now)).map(|session| {
            session.last_seen = cx.now;
            let (nic, ip, port) = session.socket;
            (nic, ip, Some(port))
        });
        let (nic, ip, port) = match (session, cx.tables.public.get(&key.dst)) {
            (Some(session), _) => session,
            (None, Some(PublicOwner::Nic(nic, ip))) => {
                packet.entered = Some(Entered { address: key.dst, port: None, edge: true });
                (*nic, *ip, None)
            }
            (None, Some(PublicOwner::Frontend(lb, frontend))) => {
                return balance::to_frontend(cx, &mut self.backends, None, (*lb, *frontend), false, packet);
            }
            (None, Some(PublicOwner::Gateway(_))) => return Err(DropReason::InsufficientInput),
            (None, None) => return Err(DropReason::NoPublicAddress),
        };
        if !cx.tables.nics[nic.ix()].up {
            return Err(DropReason::NoSuchDestination);
        }
        set_destination(&mut packet.frame, &mut packet.headers, ip, port)
            .map_err(|_| DropReason::NoPublicAddress)?;
        cx.report(packet, Step::PublicAddress { nic, key: packet.headers.flow_key() });
        Ok(nic)
    }
}

/// The key of an answer to `key` sent from `address` and `port`. An ICMP identifier fills both port fields.
fn answer_key(key: FlowKey, address: IpAddr, port: u16) -> FlowKey {
    let out = FlowKey { src: address, src_port: port, ..key };
    let out = if key.protocol.has_ports() { out } else { FlowKey { dst_port: port, ..out } };
    out.reversed()
}

/// Nothing may depend on the order of a hash map.
fn sorted(sessions: &HashMap<FlowKey, Session>) -> Vec<(&FlowKey, &Session)> {
    let mut all: Vec<_> = sessions.iter().collect();
    all.sort_unstable_by_key(|(key, _)| **key);
    all
}
