//! The state that a conversation builds up, and the walk of one packet through it (Part 11).

use std::net::IpAddr;

use vnetsim_model::Network;
use vnetsim_types::{
    Direction, DropReason, FlowKey, GatewayId, IpProtocol, LbId, NicId, Place, PrivateEndpointId, VmId,
};

use crate::{
    answer::{OracleHop, Outcome},
    choice::{Decide, Question, ask},
    outbound::as_known,
};

/// What a packet is within its conversation.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Kind {
    /// TCP, opening.
    Syn,
    /// TCP, the answer.
    SynAck,
    /// TCP, third packet.
    Ack,
    /// First packet of any other protocol.
    Request,
    /// The answer to it.
    Response,
}

/// A packet on its way.
#[derive(Clone, Debug)]
pub(crate) struct Packet {
    /// The five-tuple as it stands on the wire now.
    pub(crate) key: FlowKey,
    /// What it is.
    pub(crate) kind: Kind,
    /// Time to live now.
    pub(crate) ttl: u8,
    /// Bytes, IP header included.
    pub(crate) size: usize,
    /// DF is set, where there is such a thing: in IPv4.
    pub(crate) dont_fragment: bool,
    /// It travels in pieces (FAB-20).
    pub(crate) fragments: bool,
    /// NICs by which it came into an appliance that forwarded it (RT-22).
    pub(crate) entered: Vec<NicId>,
    /// Who brought it to the gateway that it passed last.
    pub(crate) entered_by: Option<Place>,
    /// What it met.
    pub(crate) hops: Vec<OracleHop>,
}

/// Where a packet is next.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Next {
    /// Leaves a guest by this NIC.
    Leave(NicId),
    /// Comes to this NIC from a NIC, a gateway or the internet.
    Arrive(NicId, Place),
    /// Comes to this gateway from a NIC, a private endpoint or another gateway, through virtual networks.
    Gateway(GatewayId, Place),
    /// Comes to this gateway from a site or another gateway, through a tunnel or a circuit.
    Tunnel(GatewayId, Place),
    /// Comes to this private endpoint.
    Endpoint(PrivateEndpointId, Place),
    /// Leaves something that is no NIC.
    Enter(Place),
    /// Is where it should be.
    Delivered(Place),
}

/// The next position, or where and why the packet died.
pub(crate) type Fate = Result<Next, (Place, DropReason)>;

/// FLOW-01: a flow record of a NIC or a private endpoint, written from its side.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct FlowRecord {
    /// The NIC or the private endpoint.
    at: Place,
    /// IP protocol.
    protocol: IpProtocol,
    /// Address and port at its side.
    local: (IpAddr, u16),
    /// Address and port at the far side.
    remote: (IpAddr, u16),
}

impl FlowRecord {
    /// Outbound packets come from the local side, inbound ones go to it.
    pub(crate) fn of(key: &FlowKey, at: Place, direction: Direction) -> Self {
        let (source, destination) = ((key.src, key.src_port), (key.dst, key.dst_port));
        let (local, remote) = match direction {
            Direction::Outbound => (source, destination),
            Direction::Inbound => (destination, source),
        };
        Self { at, protocol: key.protocol, local, remote }
    }
}

/// FLOW-05: a session of a firewall.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Session {
    /// The appliance.
    pub(crate) vm: VmId,
    /// The five-tuple of the packet that opened it.
    pub(crate) key: FlowKey,
    /// The SYN-ACK passed.
    pub(crate) answered: bool,
}

/// How an appliance translates the packets of one connection; decided by the first of them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Translation {
    /// The appliance.
    pub(crate) vm: VmId,
    /// As the first packet came in.
    pub(crate) before: FlowKey,
    /// As it left; equal to `before` when nothing was translated.
    pub(crate) after: FlowKey,
}

/// A flow that a load balancer gave to a backend (LB-03, LB-04).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Balanced {
    /// The balancer.
    pub(crate) lb: LbId,
    /// Number of the frontend.
    pub(crate) frontend: u32,
    /// The backend.
    pub(crate) nic: NicId,
    /// As the packet came.
    pub(crate) outer: FlowKey,
    /// As the backend gets it; equal to `outer` when nothing was translated.
    pub(crate) inner: FlowKey,
}

/// What Azure's edge did to a packet that left for the internet, or came from there (Part 5.3).
#[derive(Clone, Copy, Debug)]
pub(crate) struct EdgeTranslation {
    /// The NIC that sent it, or got it.
    pub(crate) nic: NicId,
    /// As the NIC sent it, or got it.
    pub(crate) inside: FlowKey,
    /// As the internet sees it.
    pub(crate) outside: FlowKey,
}

/// The network and everything that packets left behind in it. Starts empty.
pub(crate) struct World<'a> {
    /// The network.
    pub(crate) network: &'a Network,
    /// Answers what Azure leaves to a hash.
    pub(crate) decide: Decide<'a>,
    /// Flow records of all NICs and private endpoints.
    pub(crate) flows: Vec<FlowRecord>,
    /// Sessions of all firewalls.
    pub(crate) sessions: Vec<Session>,
    /// Translations of all appliances.
    pub(crate) translations: Vec<Translation>,
    /// What NICs asked Azure itself.
    pub(crate) asked: Vec<(FlowKey, NicId)>,
    /// What came to private endpoints by way of an appliance or a gateway, and by which (FE-33).
    pub(crate) handed: Vec<(FlowKey, Place)>,
    /// Flows that balancers gave to backends.
    pub(crate) balanced: Vec<Balanced>,
    /// Translations of packets that left at the edge.
    pub(crate) edge: Vec<EdgeTranslation>,
    /// Translations of packets that came from outside to the public address of a NIC.
    pub(crate) invited: Vec<EdgeTranslation>,
}

impl<'a> World<'a> {
    /// Nothing has happened yet.
    pub(crate) fn new(network: &'a Network, decide: Decide<'a>) -> Self {
        let (flows, sessions, translations) = (Vec::new(), Vec::new(), Vec::new());
        let (asked, handed) = (Vec::new(), Vec::new());
        let (balanced, edge, invited) = (Vec::new(), Vec::new(), Vec::new());
        Self { network, decide, flows, sessions, translations, asked, handed, balanced, edge, invited }
    }

    /// Somebody sends `packet`: a guest no larger ones than its own limit (FAB-18).
    pub(crate) fn send(&mut self, packet: &mut Packet, start: Next) -> Outcome {
        let fits = match start {
            Next::Leave(nic) => self.narrow_guest(packet, Place::Nic(nic)),
            _ => Ok(()),
        };
        match fits {
            Ok(()) => self.carry(packet, start),
            Err((at, reason)) => Outcome::Dropped { at, reason },
        }
    }

    /// Carries `packet` from `start` to its end.
    ///
    /// Ends: whatever can repeat passes an appliance, which lowers the time to live, or gateways, which are counted.
    fn carry(&mut self, packet: &mut Packet, start: Next) -> Outcome {
        let mut next = start;
        loop {
            let fate = match next {
                Next::Leave(nic) => self.leave(packet, nic),
                Next::Arrive(nic, from) => self.arrive(packet, nic, from),
                Next::Gateway(gateway, from) => self.at_gateway(packet, gateway, from, false),
                Next::Tunnel(gateway, from) => self.at_gateway(packet, gateway, from, true),
                Next::Endpoint(endpoint, from) => self.at_endpoint(packet, endpoint, from),
                Next::Enter(from) => self.enter(packet, from),
                Next::Delivered(at) => {
                    let source = as_known(packet.key.src);
                    return Outcome::Delivered { at, source, ttl: packet.ttl };
                }
            };
            match fate {
                Ok(position) => next = position,
                Err((at, reason)) => return Outcome::Dropped { at, reason },
            }
        }
    }
    /// One of several: which, is not the oracle's business.
    pub(crate) fn choose(&self, packet: &Packet, question: Question<'_>) -> usize {
        ask(self.decide, &packet.key, question)
    }
}
