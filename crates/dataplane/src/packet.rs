//! A packet on its way: the frame's bytes, a digest of its headers, and where it is going.
//!
//! Owns what travels with a frame. Made by whoever has traffic, and again and again in the same memory
//! ([`Packet::renew`]); every stage reads it. Must never hold what belongs to a connection or a NIC. Costs 224 bytes beside
//! the frame, all of them inline but the names of a third appliance and later ones.

use std::net::IpAddr;

use vnetsim_packet::{Headers, L4, ParseError};
use vnetsim_types::{
    GatewayId, IpProtocol, NicId, PacketId, PacketTag, Part, PrivateEndpointId, SimTime, SiteId, SubnetId,
    TrafficId,
};

/// A frame in flight.
#[derive(Clone, Debug)]
pub struct Packet {
    /// Stays the same across hops and translations.
    pub id: PacketId,
    /// What it belongs to.
    pub tag: PacketTag,
    /// The observer asked for its steps.
    pub traced: bool,
    /// The Ethernet frame.
    pub frame: Vec<u8>,
    /// Digest of `frame`, kept in step with it by the editing functions of `vnetsim-packet`.
    pub headers: Headers,
    /// Larger than its path carries whole: it travels as a train of fragments, which is one packet here.
    pub fragmented: bool,
    /// How it came to its present destination address, when somebody translated that.
    pub entered: Option<Entered>,
    /// Appliance NICs that it passed, to name a loop when its time to live runs out.
    pub passed: Passed,
    /// When it was made.
    pub sent_at: SimTime,
    /// Virtual time that it has to wait before its present leg begins, in the queue of its VM (VM-02). Set by each egress;
    /// whoever starts the leg takes it.
    pub wait: SimTime,
    /// How often gateways forwarded it.
    pub(crate) gateways: u8,
    /// The appliance or gateway that handed it on, when a private endpoint answers by way of it (FE-33).
    pub handed_by: Option<HandedBy>,
    /// Which later packets, unless larger, will fare as this one did so far, at the same tables.
    pub(crate) alike: Alike,
}

/// Whose packets fare alike.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Alike {
    /// Each packet is asked about.
    None,
    /// Those of this connection.
    Connection,
    /// Those of every connection between these addresses that uses the same protocol and that NSGs let pass.
    Pair,
}

impl Packet {
    /// Parses `frame`.
    pub fn new(id: PacketId, tag: PacketTag, traced: bool, frame: Vec<u8>) -> Result<Self, ParseError> {
        let headers = vnetsim_packet::parse(&frame)?;
        let mut packet = Self::empty();
        packet.frame = frame;
        packet.renew(id, tag, traced, headers);
        Ok(packet)
    }

    /// Room for a packet, which [`renew`](Self::renew) makes of it: without bytes, for nobody.
    pub fn empty() -> Self {
        let nowhere = IpAddr::V4(std::net::Ipv4Addr::UNSPECIFIED);
        let headers = Headers {
            eth_src: [0; 6],
            eth_dst: [0; 6],
            l3_offset: 0,
            l4_offset: 0,
            src: nowhere,
            dst: nowhere,
            protocol: IpProtocol(0),
            ttl: 0,
            ip_len: 0,
            dont_fragment: false,
            fragment: None,
            l4: L4::Other,
        };
        Self {
            id: PacketId(0),
            tag: PacketTag { traffic: TrafficId(0), conversation: 0, part: Part::Request },
            traced: false,
            frame: Vec::new(),
            headers,
            fragmented: false,
            entered: None,
            passed: Passed::default(),
            sent_at: SimTime::ZERO,
            wait: SimTime::ZERO,
            gateways: 0,
            handed_by: None,
            alike: Alike::Pair,
        }
    }

    /// Becomes another packet, in the memory of this one: that of the bytes which stand in `frame` by now, whose digest
    /// is `headers`.
    #[inline]
    pub fn renew(&mut self, id: PacketId, tag: PacketTag, traced: bool, headers: Headers) {
        (self.id, self.tag, self.traced, self.headers) = (id, tag, traced, headers);
        self.passed.clear();
        (self.sent_at, self.wait, self.gateways) = (SimTime::ZERO, SimTime::ZERO, 0);
        (self.fragmented, self.entered, self.handed_by, self.alike) = (false, None, None, Alike::Pair);
    }

    /// No more than `alike` will fare as this packet.
    pub(crate) fn only(&mut self, alike: Alike) {
        self.alike = self.alike.min(alike);
    }
}

/// In place of a NIC.
const NOBODY: NicId = NicId(u32::MAX);

/// Appliance NICs, the first two of them inline: few packets pass more.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Passed {
    few: [NicId; 2],
    #[expect(clippy::box_collection, reason = "a third one is rare, and packets are many")]
    more: Option<Box<Vec<NicId>>>,
}

impl Default for Passed {
    fn default() -> Self {
        Self { few: [NOBODY; 2], more: None }
    }
}

impl Passed {
    /// It passes `nic` too.
    #[inline]
    pub fn push(&mut self, nic: NicId) {
        match self.few.iter_mut().find(|place| **place == NOBODY) {
            Some(place) => *place = nic,
            None => self.more.get_or_insert_default().push(nic),
        }
    }

    /// True when it passed `nic`.
    #[inline]
    pub fn contains(&self, nic: &NicId) -> bool {
        self.few.contains(nic) || self.more.as_ref().is_some_and(|more| more.contains(nic))
    }

    /// It passed none.
    #[inline]
    pub fn clear(&mut self) {
        self.few = [NOBODY; 2];
        if let Some(more) = &mut self.more {
            more.clear();
        }
    }
}

/// Who handed a packet on to a private endpoint.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum HandedBy {
    /// An appliance, by this NIC.
    Nic(NicId),
    /// A gateway.
    Gateway(GatewayId),
}

impl From<HandedBy> for LegEnd {
    fn from(by: HandedBy) -> Self {
        match by {
            HandedBy::Nic(nic) => Self::Nic(nic),
            HandedBy::Gateway(gateway) => Self::Gateway(gateway),
        }
    }
}

/// A leg: from the switch (or gateway, or edge) that routed the packet to the one that receives it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Leg {
    /// Where it comes from.
    pub origin: Origin,
    /// Where it goes.
    pub end: LegEnd,
}

/// Who put a packet on a leg. Peering flags are checked on the receiving side.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Origin {
    /// A NIC or private endpoint of this subnet.
    Subnet(SubnetId),
    /// A gateway in this subnet; its traffic is not "forwarded" (GW-18).
    Gateway(SubnetId),
    /// An on-premises site, or another gateway's tunnel.
    Tunnel,
    /// The internet edge.
    Internet,
    /// A platform service.
    Platform,
}

/// A translation of a packet's destination that its answers must undo at the receiver's host (LB-03, ADDR-18).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Entered {
    /// The address that the sender meant.
    pub address: IpAddr,
    /// The port that the sender meant; `None` where the translation left ports alone.
    pub port: Option<u16>,
    /// The internet edge undoes it, not the host (ADDR-18).
    pub edge: bool,
}

/// Who receives a leg.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum LegEnd {
    /// A NIC, at the switch of its virtual network.
    Nic(NicId),
    /// A virtual network gateway.
    Gateway(GatewayId),
    /// A site, from one of its gateways.
    Site(SiteId),
    /// A private endpoint, at the switch of its virtual network.
    PrivateEndpoint(PrivateEndpointId),
    /// A platform service, asked by this NIC.
    Platform(NicId),
    /// The internet edge, with the outbound method that was chosen for the sender (OUT-01).
    Internet {
        /// The sender.
        nic: NicId,
        /// How the source is translated.
        way: WayOut,
    },
}

/// How a packet's source becomes public.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum WayOut {
    /// To this address, port kept: a public IP of the NIC (OUT-03).
    OneToOne(IpAddr),
    /// To this address and one of these ports, kept for the connection (OUT-04, OUT-05, OUT-07).
    Shared {
        /// The address.
        address: IpAddr,
        /// First port.
        first_port: u16,
        /// Number of ports.
        ports: u16,
        /// Most connections to one address and port (OUT-05).
        per_destination: u32,
        /// How long a port rests after its connection ended (OUT-06).
        hold: SimTime,
    },
    /// Back to what the sender of the request meant: an answer to a connection from outside.
    Answer(Entered),
    /// Not at all: the guest itself uses a public frontend (LB-11).
    Unchanged,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_packet_is_small() {
        assert_eq!(size_of::<Packet>(), 224);
    }

    #[test]
    fn what_was_passed_is_known_however_many_there_were() {
        let mut passed = Passed::default();
        for ix in 0..5 {
            assert!(!passed.contains(&NicId(ix)));
            passed.push(NicId(ix));
            assert!((0..=ix).all(|ix| passed.contains(&NicId(ix))));
        }
        passed.clear();
        assert!((0..5).all(|ix| !passed.contains(&NicId(ix))));
    }
}
