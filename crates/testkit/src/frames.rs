//! Random frames for the switches, as guests put them on their NICs, and the tables of a network that changes.
//!
//! Called by tests of the data plane. Decides nothing: a frame that no network would carry is as welcome as any.

use proptest::{collection::vec, prelude::*};
use vnetsim_compile::compile;
use vnetsim_dataplane::Tables;
use vnetsim_model::{Network, Traffic};
use vnetsim_packet::{Endpoints, TcpFlags, icmp_echo, raw, tcp, udp};
use vnetsim_types::{IpProtocol, NicId, Place};

use crate::{OperationPlan, RandomNetwork, TrafficPlan};

/// A frame and who sends it: a NIC, or somebody out there.
#[derive(Clone, Debug)]
pub struct Sent {
    /// The sender.
    pub from: Place,
    /// The frame.
    pub frame: Vec<u8>,
}

/// A frame as a guest puts it on its NIC: of a conversation's request, or with `back` of its answer.
pub fn frame(traffic: &Traffic, back: bool, flags: TcpFlags) -> Option<Vec<u8>> {
    let (mut src, mut dst) = (traffic.from.address, traffic.to.address);
    let (mut src_port, mut dst_port) = (traffic.source_port, traffic.protocol.port);
    if back {
        (src, dst, src_port, dst_port) = (dst, src, dst_port, src_port);
    }
    let dont_fragment = traffic.dont_fragment;
    let ends = Endpoints { src_mac: [2; 6], dst_mac: [4; 6], src, dst, ttl: traffic.ttl, dont_fragment };
    let payload = usize::from(traffic.payload_bytes);
    match traffic.protocol.protocol {
        IpProtocol::TCP => tcp(&ends, src_port, dst_port, flags, 1, 1, 0).ok(),
        IpProtocol::UDP => udp(&ends, src_port, dst_port, payload).ok(),
        IpProtocol::ICMP | IpProtocol::ICMPV6 => {
            icmp_echo(&ends, !back, src_port.max(dst_port), 1, payload).ok()
        }
        other => raw(&ends, other, payload).ok(),
    }
}

/// Who puts an answer on the wire: whoever has the address that was asked, in whichever network.
fn answerer(network: &Network, ip: std::net::IpAddr) -> Option<Place> {
    let has = |nic: &vnetsim_model::Nic| nic.ip_configurations.iter().any(|c| c.address == ip);
    network.nics().iter().position(has).map(|nic| Place::Nic(NicId::new(nic)))
}

/// Requests, answers and ends of connections, mixed as `order` says; several connections of each traffic.
pub fn frames(network: &Network, plans: &[TrafficPlan], order: &[(u8, u8, u8)]) -> Vec<Sent> {
    let all: Vec<Traffic> = plans.iter().filter_map(|plan| plan.traffic(network)).collect();
    let one = |(which, what, other): &(u8, u8, u8)| {
        let traffic = &mut all.get(usize::from(*which) % all.len().max(1))?.clone();
        // The same connection half of the time, else another one to the same port, or to one that rules know.
        traffic.source_port = traffic.source_port.wrapping_add(u16::from(other % 4));
        traffic.protocol.port = match other / 4 % 4 {
            0 => all[usize::from(*what) % all.len()].protocol.port,
            1 => traffic.protocol.port.wrapping_add(1),
            _ => traffic.protocol.port,
        };
        let flags = match what % 8 {
            0 => TcpFlags::SYN,
            1 => TcpFlags::FIN | TcpFlags::ACK,
            2 => TcpFlags::RST,
            _ => TcpFlags::ACK,
        };
        let back = what / 8 % 3 == 0;
        let from = if back { answerer(network, traffic.to.address)? } else { traffic.from.place };
        Some(Sent { from, frame: frame(traffic, back, flags)? })
    };
    order.iter().filter_map(one).collect()
}

/// What [`frames`] takes as its order.
pub fn order() -> impl Strategy<Value = Vec<(u8, u8, u8)>> {
    vec((0..12_u8, any::<u8>(), any::<u8>()), 1..160)
}

/// The tables of a network, and of what operations make of it.
pub fn epochs(random: &RandomNetwork, plans: &[OperationPlan]) -> Vec<Tables> {
    let mut network = random.network.clone();
    let mut all = vec![(*compile(&network, 0).tables).clone()];
    for plan in plans {
        if let Some(operation) = plan.operation(&network) {
            let _ = network.apply(&operation);
        }
        let epoch = all.len() as u32;
        all.push((*compile(&network, epoch).tables).clone());
    }
    all
}
