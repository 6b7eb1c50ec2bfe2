//! A packet on its way: the frame's bytes, a digest of its headers, and where it is going.

use std::net::IpAddr;

use vnetsim_packet::{Headers, ParseError};
use vnetsim_types::{GatewayId, NicId, PacketId, PacketTag, SiteId, VnetId};

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
    /// Appliance NICs that it passed, to name a loop when its time to live runs out.
    pub passed: Vec<NicId>,
}

impl Packet {
    /// Parses `frame`.
    pub fn new(id: PacketId, tag: PacketTag, traced: bool, frame: Vec<u8>) -> Result<Self, ParseError> {
        let headers = vnetsim_packet::parse(&frame)?;
        Ok(Self { id, tag, traced, frame, headers, passed: Vec::new() })
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
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Origin {
    /// A NIC of this virtual network.
    Vnet(VnetId),
    /// A gateway of this virtual network; its traffic is not "forwarded" (GW-18).
    Gateway(VnetId),
    /// An on-premises site.
    Site,
    /// The internet edge.
    Internet,
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
    /// The internet edge, with the outbound method that was chosen for the sender (OUT-01).
    Internet {
        /// The sender.
        nic: NicId,
        /// The public address that the packet leaves with.
        public: IpAddr,
        /// One to one (instance public IP), or shared and port-translated.
        one_to_one: bool,
    },
}
