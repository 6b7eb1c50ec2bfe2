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
use vnetsim_types::{DropReason, FlowKey, IpProtocol, NicId, Observer, Place, Step};

use crate::{Backends, Context, Entered, Packet, PublicOwner, WayOut, stages::balance};

/// Sessions of shared public addresses.
#[derive(Clone, Debug, Default)]
pub struct Edge {
    /// From the key of a packet that comes back, to the NIC and its private address and port.
    sessions: HashMap<FlowKey, (NicId, IpAddr, u16)>,
    /// From the key as the NIC sends it, to the public port in use.
    ports: HashMap<(NicId, FlowKey), u16>,
    /// Who uses a public UDP port towards a destination address (OUT-04).
    udp: HashMap<(IpAddr, u16, IpAddr), (NicId, IpAddr, u16)>,
    /// Connections of a shared address by protocol, destination and port (OUT-05).
    connections: HashMap<(IpAddr, IpProtocol, IpAddr, u16), u32>,
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
            WayOut::Shared { address, first_port, ports, per_destination } => {
                let share = Share { address, first_port, ports, per_destination };
                self.session(nic, share, key).map(|port| Some((address, Some(port))))
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
    fn session(
        &mut self,
        nic: NicId,
        Share { address: public, first_port, ports, per_destination }: Share,
        key: FlowKey,
    ) -> Result<u16, DropReason> {
        if let Some(port) = self.ports.get(&(nic, key)) {
            return Ok(*port);
        }
        let there = (public, key.protocol, key.dst, key.dst_port);
        if self.connections.get(&there).is_some_and(|count| *count >= per_destination) {
            return Err(DropReason::SnatExhausted);
        }
        let wished = key.src_port.checked_sub(first_port).filter(|at| *at < ports).unwrap_or_default();
        for turn in 0..ports {
            let at = (u32::from(wished) + u32::from(turn)) % u32::from(ports);
            let port = first_port.saturating_add(at as u16);
            let back = FlowKey { src: public, src_port: port, ..key };
            // An ICMP identifier fills both fields.
            let back = if key.protocol.has_ports() { back } else { FlowKey { dst_port: port, ..back } };
            let socket = (nic, key.src, key.src_port);
            if key.protocol == IpProtocol::UDP {
                match self.udp.entry((public, port, key.dst)) {
                    Entry::Occupied(user) if *user.get() != socket => continue,
                    Entry::Occupied(_) => {}
                    Entry::Vacant(free) => drop(free.insert(socket)),
                }
            }
            if let Entry::Vacant(free) = self.sessions.entry(back.reversed()) {
                free.insert(socket);
                self.ports.insert((nic, key), port);
                *self.connections.entry(there).or_default() += 1;
                return Ok(port);
            }
        }
        Err(DropReason::SnatExhausted)
    }

    /// `packet` comes from the internet.
    pub fn enter<O: Observer>(&mut self, cx: &mut Context<'_, O>, packet: &mut Packet) -> EdgeIn {
        let verdict = self.translate_in(cx, packet);
        cx.report_drop(packet, Place::Internet, &verdict);
        verdict
    }

    fn translate_in<O: Observer>(&mut self, cx: &mut Context<'_, O>, packet: &mut Packet) -> EdgeIn {
        let key = packet.headers.flow_key();
        let session = self.sessions.get(&key).map(|(nic, ip, port)| (*nic, *ip, Some(*port)));
        let (nic, ip, port) = match (session, cx.tables.public.get(&key.dst)) {
            (Some(session), _) => session,
            (None, Some(PublicOwner::Nic(nic, ip))) => {
                packet.entered = Some(Entered { address: key.dst, port: None, public: true });
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
