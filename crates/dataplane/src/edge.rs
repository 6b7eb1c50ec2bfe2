//! The edge to the internet: private addresses outside, public ones inside never meet (Part 5.3).
//!
//! Translates sources of packets that leave and destinations of packets that enter. A public IP of
//! a NIC stands one to one for its private address and needs no state (ADDR-18, OUT-03); shared
//! addresses keep a session per connection.

use std::{collections::HashMap, net::IpAddr};

use vnetsim_packet::{set_destination, set_source};
use vnetsim_types::{DropReason, FlowKey, NicId, Observer, Place, Step};

use crate::{Context, Packet, PublicOwner};

/// Sessions of shared public addresses.
#[derive(Clone, Debug, Default)]
pub struct Edge {
    /// From the key of a packet that comes back, to the NIC and its private address and port.
    sessions: HashMap<FlowKey, (NicId, IpAddr, u16)>,
    /// From the key as the NIC sends it, to the public port in use.
    ports: HashMap<(NicId, FlowKey), u16>,
}

/// A packet that leaves, translated.
pub type EdgeOut = Result<(), DropReason>;
/// The NIC that a packet from the internet is for.
pub type EdgeIn = Result<NicId, DropReason>;

impl Edge {
    /// `packet` of `nic` leaves with source `public`.
    pub fn leave<O: Observer>(
        &mut self,
        cx: &mut Context<'_, O>,
        nic: NicId,
        public: IpAddr,
        one_to_one: bool,
        packet: &mut Packet,
    ) -> EdgeOut {
        let key = packet.headers.flow_key();
        let port = if one_to_one { Ok(None) } else { self.session(nic, public, key).map(Some) };
        let verdict = port.and_then(|port| {
            set_source(&mut packet.frame, &mut packet.headers, public, port)
                .map_err(|_| DropReason::NoOutboundPath)
        });
        if verdict.is_ok() {
            cx.report(packet, Step::PublicAddress { nic, key: packet.headers.flow_key() });
        }
        cx.report_drop(packet, Place::Nic(nic), &verdict);
        verdict
    }

    /// The public port of a connection; the private one where it is free (OUT-04).
    fn session(&mut self, nic: NicId, public: IpAddr, key: FlowKey) -> Result<u16, DropReason> {
        if let Some(port) = self.ports.get(&(nic, key)) {
            return Ok(*port);
        }
        let mut back = FlowKey { src: public, ..key }.reversed();
        let first = back.dst_port;
        while self.sessions.contains_key(&back) {
            back.dst_port = back.dst_port.checked_add(1).unwrap_or(1_024);
            if !key.protocol.has_ports() {
                back.src_port = back.dst_port; // an ICMP identifier fills both fields
            }
            if back.dst_port == first {
                return Err(DropReason::SnatExhausted);
            }
        }
        self.sessions.insert(back, (nic, key.src, key.src_port));
        self.ports.insert((nic, key), back.dst_port);
        Ok(back.dst_port)
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
            (None, Some(PublicOwner::Nic(nic, ip))) => (*nic, *ip, None),
            (None, Some(PublicOwner::NotModelled)) => return Err(DropReason::InsufficientInput),
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
