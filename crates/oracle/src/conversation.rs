//! A whole conversation at one instant, starting with empty tables.

use vnetsim_model::{Network, Traffic};
use vnetsim_types::{DropReason, FlowKey, IpProtocol, Place};

use crate::{
    answer::{OracleConversation, OraclePacket, Outcome, PacketDirection},
    choice::{Choose, Decide, Question},
    guest::guest_route,
    mtu::packet_size,
    topology::runs,
    world::{Kind, Next, Packet, World},
};

/// The first conversation of `traffic`: SYN, SYN-ACK and ACK for TCP, else one packet and its answer. Each packet is
/// sent only if the one before arrived. Where several backends or ways are allowed the first is taken.
pub fn conversation(network: &Network, traffic: &Traffic) -> OracleConversation {
    conversation_deciding(network, traffic, &|_, _| 0)
}

/// [`conversation`] with a choice among several healthy backends, such as the real pipeline's.
pub fn conversation_with(network: &Network, traffic: &Traffic, choose: Choose<'_>) -> OracleConversation {
    conversation_deciding(network, traffic, &|key, question| match question {
        Question::Backend { lb, allowed } => {
            let chosen = choose(key, lb, allowed);
            allowed.iter().position(|nic| *nic == chosen).unwrap_or(0)
        }
        _ => 0,
    })
}

/// [`conversation`] with an answer to everything that Azure leaves to a hash, such as the real pipeline's.
pub fn conversation_deciding(network: &Network, traffic: &Traffic, decide: Decide<'_>) -> OracleConversation {
    let world = World::new(network, decide);
    let mut talk = Talk { world, traffic, packets: Vec::new() };
    talk.hold(traffic);
    OracleConversation { packets: talk.packets }
}

struct Talk<'a> {
    world: World<'a>,
    /// What both ends send alike: time to live (FAB-15), size, DF.
    traffic: &'a Traffic,
    packets: Vec<OraclePacket>,
}

impl Talk<'_> {
    fn hold(&mut self, traffic: &Traffic) {
        let opener = traffic.from.place;
        let start = match opener {
            // A machine that does not run sends nothing; what it was to send ends where it is.
            Place::Nic(nic) if !runs(self.world.network, nic) => {
                let outcome = Outcome::Dropped { at: opener, reason: DropReason::SenderStopped };
                let (direction, hops) = (PacketDirection::Forward, Vec::new());
                self.packets.push(OraclePacket { direction, hops, outcome });
                return;
            }
            Place::Nic(nic) => Next::Leave(nic),
            _ => Next::Enter(opener),
        };
        let key = first_key(traffic);
        let tcp = key.protocol == IpProtocol::TCP;
        let (request, reply) = if tcp { (Kind::Syn, Kind::SynAck) } else { (Kind::Request, Kind::Response) };

        let Some((receiver, received)) = self.send(PacketDirection::Forward, request, key, start) else {
            return;
        };
        if traffic.one_way {
            return;
        }
        let answer = received.reversed();
        let start = self.leaving(receiver, answer);
        let Some((back_at, got)) = self.send(PacketDirection::Reply, reply, answer, start) else { return };
        // RT-15: only the one who asked takes it for an answer, and only from the one who was asked.
        if !self.same_machine(opener, back_at) || got != key.reversed() {
            let outcome = Outcome::Dropped { at: back_at, reason: DropReason::AnswerMismatch };
            self.packets.last_mut().expect("the answer was sent").outcome = outcome;
            return;
        }
        if tcp {
            let start = match opener {
                Place::Nic(nic) => Next::Leave(nic),
                _ => Next::Enter(opener),
            };
            self.send(PacketDirection::Forward, Kind::Ack, key, start);
        }
    }

    /// Sends one packet; who got it and what was received, if it was delivered.
    fn send(
        &mut self,
        direction: PacketDirection,
        kind: Kind,
        key: FlowKey,
        start: Next,
    ) -> Option<(Place, FlowKey)> {
        let said = self.traffic;
        let mut packet = Packet {
            key,
            kind,
            ttl: said.ttl,
            size: packet_size(&key, said.payload_bytes),
            dont_fragment: said.dont_fragment,
            fragments: false,
            entered: Vec::new(),
            entered_by: None,
            hops: Vec::new(),
        };
        let outcome = self.world.send(&mut packet, start);
        self.packets.push(OraclePacket { direction, hops: packet.hops, outcome });
        match outcome {
            Outcome::Delivered { at, .. } => Some((at, packet.key)),
            Outcome::Dropped { .. } => None,
        }
    }

    /// Where an answer of `place` starts: a guest asks its own routes (ADDR-16).
    fn leaving(&self, place: Place, answer: FlowKey) -> Next {
        let Place::Nic(nic) = place else { return Next::Enter(place) };
        match self.world.network[nic].vm {
            Some(vm) => Next::Leave(guest_route(self.world.network, vm, nic, answer.dst)),
            None => Next::Leave(nic),
        }
    }

    /// The same place, or two NICs of one machine.
    fn same_machine(&self, a: Place, b: Place) -> bool {
        match (a, b) {
            (Place::Nic(a), Place::Nic(b)) => self.world.network[a].vm == self.world.network[b].vm,
            _ => a == b,
        }
    }
}

/// The key of the opening packet. ICMP echo carries its identifier in both port fields.
fn first_key(traffic: &Traffic) -> FlowKey {
    let (src, dst) = (traffic.from.address, traffic.to.address);
    let protocol = match traffic.protocol.protocol {
        IpProtocol::ICMP if dst.is_ipv6() => IpProtocol::ICMPV6,
        other => other,
    };
    let (src_port, dst_port) = if protocol.has_ports() {
        (traffic.source_port, traffic.protocol.port)
    } else if protocol.is_icmp() {
        (traffic.source_port, traffic.source_port)
    } else {
        (0, 0)
    };
    FlowKey { protocol, src, dst, src_port, dst_port }
}
