//! What the pipeline tells whoever watches it.
//!
//! One pipeline forwards and explains. It reports each decision as a [`Step`] of plain numbers;
//! words are made at the edge, by `trace`. An observer can never influence a verdict.

use std::net::IpAddr;

use crate::{
    AclIx, DropReason, FlowKey, GatewayId, LbId, NicId, PeeringId, PrivateEndpointId, RouteIx, RuleIx,
    SimTime, SiteId, SubnetId, TrafficId,
};

/// A packet of a run. Its number stays the same across hops and translations; a reply is another packet.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct PacketId(pub u64);

/// Which packet of a conversation one is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Part {
    /// The first packet: SYN, datagram or echo request.
    Request,
    /// Its answer: SYN-ACK, datagram or echo reply.
    Reply,
    /// The third packet of a TCP handshake.
    Ack,
    /// An ICMP error that a router sent about one of them.
    IcmpError,
    /// A later packet of a longer conversation, from the one who opened it.
    Forward,
    /// A later packet of a longer conversation, to the one who opened it.
    Backward,
}

impl Part {
    /// True for packets from the one who opened the conversation to the one addressed.
    pub fn is_forward(self) -> bool {
        matches!(self, Self::Request | Self::Ack | Self::Forward)
    }
}

/// What a packet belongs to.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct PacketTag {
    /// The scenario's traffic entry.
    pub traffic: TrafficId,
    /// Number of the conversation, from 0.
    pub conversation: u32,
    /// Which packet of it.
    pub part: Part,
}

/// Direction of a NIC, as NSG rules name it: `Inbound` towards the guest.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Direction {
    /// Towards the guest.
    Inbound,
    /// From the guest.
    Outbound,
}

/// Where an NSG is attached.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum NsgLevel {
    /// To the subnet of the NIC.
    Subnet,
    /// To the NIC itself.
    Nic,
}

/// Something a packet can come from, pass or end at.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Place {
    /// A network interface and the guest behind it.
    Nic(NicId),
    /// A virtual network gateway.
    Gateway(GatewayId),
    /// An on-premises site.
    Site(SiteId),
    /// The internet, seen from Azure's edge.
    Internet,
    /// A private endpoint and the service behind it (RT-08).
    PrivateEndpoint(PrivateEndpointId),
    /// Azure itself: a service behind a service endpoint (RT-07), or the host's own services (FAB-08 to FAB-10).
    Platform,
}

/// What an appliance did with a packet that was not for itself.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ApplianceAction {
    /// Forwarded it unchanged, with the time to live lowered to `ttl`.
    Forwarded {
        /// Time to live as the packet leaves.
        ttl: u8,
    },
    /// Forwarded it with the source translated to the appliance's own address, or translated back.
    Translated {
        /// Time to live as the packet leaves.
        ttl: u8,
        /// The five-tuple as the packet leaves.
        key: FlowKey,
    },
}

/// State of the flow record that let a packet skip the NSGs (NSG-13).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FlowState {
    /// When the record was created.
    pub created: SimTime,
    /// Direction of the packet that created it.
    pub opened: Direction,
}

/// One decision of the pipeline.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Step {
    /// A guest, a site or the internet sent the packet.
    Sent {
        /// Who sent it.
        from: Place,
        /// The five-tuple as sent.
        key: FlowKey,
        /// Time to live as sent.
        ttl: u8,
    },
    /// A flow record allowed the packet; no rule was consulted.
    FlowHit {
        /// The NIC whose record it is.
        nic: NicId,
        /// Direction of this packet.
        direction: Direction,
        /// The record.
        record: FlowState,
    },
    /// No NSG is attached at this level: allow (NSG-11).
    NoNsg {
        /// The NIC, or the private endpoint (NSG-25).
        at: Place,
        /// Direction of this packet.
        direction: Direction,
        /// Which attachment is missing.
        level: NsgLevel,
    },
    /// A rule of an NSG decided.
    Nsg {
        /// The NIC, or the private endpoint (NSG-25).
        at: Place,
        /// Direction of this packet.
        direction: Direction,
        /// Where the NSG is attached.
        level: NsgLevel,
        /// The NSG as this subnet sees it.
        acl: AclIx,
        /// The rule that matched.
        rule: RuleIx,
        /// Its verdict.
        allowed: bool,
    },
    /// A route was chosen for the packet's destination; `None` when nothing matched.
    Route {
        /// The subnet whose routes were consulted.
        subnet: SubnetId,
        /// The destination that was looked up.
        dst: IpAddr,
        /// The winner.
        route: Option<RouteIx>,
        /// Equal routes that the winner was chosen from by the flow's hash, itself included (FE-04).
        ways: u16,
    },
    /// A load balancer chose a backend.
    LoadBalancer {
        /// The balancer.
        lb: LbId,
        /// Position of the rule in the balancer's rules.
        rule: u32,
        /// The backend chosen.
        backend: NicId,
        /// Backends that could have been chosen.
        healthy: u16,
        /// Members of the pool.
        members: u16,
    },
    /// A load balancer's translation: of the destination on the way in, of the source on the way back (LB-03).
    Rewritten {
        /// The backend.
        nic: NicId,
        /// The five-tuple after translation.
        key: FlowKey,
    },
    /// The packet crosses from one virtual network to a peered one.
    Peering {
        /// The receiving network's link, whose flags decide (PEER-08).
        link: PeeringId,
        /// True when the source is foreign to the network the packet comes from.
        forwarded: bool,
    },
    /// A virtual network gateway forwarded the packet.
    Gateway {
        /// The gateway.
        gateway: GatewayId,
        /// Where it goes next.
        to: Place,
        /// Time to live as the packet leaves.
        ttl: u8,
    },
    /// The source was translated on the way to the internet, or back (Part 5.3).
    PublicAddress {
        /// The NIC whose outbound method was used.
        nic: NicId,
        /// The five-tuple after translation.
        key: FlowKey,
    },
    /// An appliance handled the packet.
    Appliance {
        /// The NIC that it came in by.
        nic_in: NicId,
        /// The NIC that it leaves by.
        nic_out: NicId,
        /// What was done.
        action: ApplianceAction,
    },
    /// The packet reached the one it was for.
    Delivered {
        /// Who got it.
        to: Place,
        /// The five-tuple as received.
        key: FlowKey,
        /// Time to live as received.
        ttl: u8,
    },
    /// The packet died. The step before names the object that decided.
    Dropped {
        /// Where.
        at: Place,
        /// Why.
        reason: DropReason,
    },
}

/// A place where frames can be watched.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Tap {
    /// Between a guest and its NIC: before the filters on the way out, behind them on the way in.
    Guest(NicId, Direction),
    /// Between a NIC and the fabric: behind the filters on the way out, before them on the way in.
    Fabric(NicId, Direction),
    /// Where the receiving network's link takes a packet in.
    Peering(PeeringId),
    /// Inside an appliance that forwards by this NIC.
    Appliance(NicId),
    /// At a gateway, a site, the internet edge, a private endpoint or the host.
    Other(Place),
}

/// Receives the steps of the packets of a run, in the order in which they happen.
pub trait Observer {
    /// False lets the compiler remove every report.
    const ENABLED: bool = true;

    /// Every packet is wanted. Else those of exchanges, and of a longer conversation the first few in each direction, at
    /// its start and after each change of the network.
    fn wants_all(&self) -> bool {
        false
    }

    /// Frames are wanted as well as steps.
    fn wants_frames(&self) -> bool {
        false
    }

    /// A packet was made whose steps follow.
    fn packet(&mut self, packet: PacketId, tag: PacketTag);

    /// The same, of a packet that only those who [want all](Self::wants_all) are told of.
    fn further(&mut self, packet: PacketId, tag: PacketTag) {
        self.packet(packet, tag);
    }

    /// The frame of `packet` as it is at `tap`.
    fn frame(&mut self, _packet: PacketId, _now: SimTime, _tap: Tap, _frame: &[u8]) {}

    /// `packet` met `step` at `now`.
    fn step(&mut self, packet: PacketId, now: SimTime, step: Step);

    /// No packet of this conversation is under way any more. `first_of_its_kind` is true when no
    /// earlier conversation of the same traffic ended in the same way.
    fn closed(&mut self, _traffic: TrafficId, _conversation: u32, _first_of_its_kind: bool) {}
}

/// Watches nothing and compiles to nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoObserver;

impl Observer for NoObserver {
    const ENABLED: bool = false;
    fn packet(&mut self, _: PacketId, _: PacketTag) {}
    fn step(&mut self, _: PacketId, _: SimTime, _: Step) {}
}
