//! The frames that ends of conversations send: requests, replies, the third packet of a handshake.

use std::net::IpAddr;

use vnetsim_dataplane::FABRIC_MAC;
use vnetsim_model::{TTL_DEFAULT, Traffic};
use vnetsim_packet::{self as packet, BuildError, Endpoints, Headers, L4, Mac, TcpFlags};
use vnetsim_types::{FlowKey, IpProtocol, Part};

/// Initial sequence numbers; no sequence arithmetic happens in a handshake without data.
const CLIENT_SEQ: u32 = 1_000;
const SERVER_SEQ: u32 = 5_000;

/// What one traffic entry says about all of its packets.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Style {
    /// Payload of datagrams, echoes and raw packets.
    pub(crate) payload_bytes: u16,
    /// First time to live.
    pub(crate) ttl: u8,
    /// DF of what is not TCP.
    pub(crate) dont_fragment: bool,
    /// Nobody answers.
    pub(crate) one_way: bool,
}

impl Style {
    pub(crate) fn of(traffic: &Traffic) -> Self {
        let Traffic { payload_bytes, ttl, dont_fragment, one_way, .. } = *traffic;
        Self { payload_bytes, ttl, dont_fragment, one_way }
    }

    /// TCP sets DF always, as path MTU discovery makes it.
    fn ends(&self, protocol: IpProtocol, mac: Mac, src: IpAddr, dst: IpAddr) -> Endpoints {
        let dont_fragment = self.dont_fragment || protocol == IpProtocol::TCP;
        Endpoints { src_mac: mac, dst_mac: FABRIC_MAC, src, dst, ttl: self.ttl, dont_fragment }
    }
}

/// Where the ICMP errors of routers come from.
fn router(mac: Mac, src: IpAddr, dst: IpAddr) -> Endpoints {
    Endpoints { src_mac: mac, dst_mac: FABRIC_MAC, src, dst, ttl: TTL_DEFAULT, dont_fragment: true }
}

/// The first packet of conversation number `conversation`, sent by a station with `mac`.
pub(crate) fn request(traffic: &Traffic, conversation: u32, mac: Mac) -> Result<Vec<u8>, BuildError> {
    let protocol = traffic.protocol.protocol;
    let ends = Style::of(traffic).ends(protocol, mac, traffic.from.address, traffic.to.address);
    let source_port = source_port(traffic.source_port, conversation);
    let size = usize::from(traffic.payload_bytes);
    match protocol {
        IpProtocol::TCP => {
            packet::tcp(&ends, source_port, traffic.protocol.port, TcpFlags::SYN, CLIENT_SEQ, 0, 0)
        }
        IpProtocol::UDP => packet::udp(&ends, source_port, traffic.protocol.port, size),
        IpProtocol::ICMP | IpProtocol::ICMPV6 => packet::icmp_echo(&ends, true, source_port, 1, size),
        other => packet::raw(&ends, other, size),
    }
}

/// The five-tuple that the answer to conversation number `conversation` must have to be one.
pub(crate) fn expected_answer(traffic: &Traffic, conversation: u32) -> FlowKey {
    let source_port = source_port(traffic.source_port, conversation);
    let protocol = traffic.protocol.protocol;
    let (src_port, dst_port) = match protocol {
        IpProtocol::TCP | IpProtocol::UDP => (traffic.protocol.port, source_port),
        IpProtocol::ICMP | IpProtocol::ICMPV6 => (source_port, source_port),
        _ => (0, 0),
    };
    FlowKey { protocol, src: traffic.to.address, dst: traffic.from.address, src_port, dst_port }
}

/// Conversations count up from the first source port and stay out of the well-known ports and of the one that the
/// host keeps for itself (FAB-07); the first takes what the scenario says.
pub(crate) fn source_port(first: u16, conversation: u32) -> u16 {
    const LOWEST: u32 = 1_024;
    const HOST: u32 = 65_330;
    const USABLE: u32 = u16::MAX as u32 - LOWEST; // 1,024 to 65,535 without one
    if conversation == 0 {
        return first;
    }
    let first = u32::from(first);
    let place = match first {
        0..LOWEST => USABLE - 1, // the next one is the lowest
        _ => first - LOWEST - u32::from(first >= HOST),
    };
    let port = LOWEST + (place + conversation % USABLE) % USABLE;
    (port + u32::from(port >= HOST)) as u16
}

/// What an end answers to a packet for itself, and which part of the conversation the answer is.
pub(crate) fn answer(got: &Headers, part: Part, style: Style, mac: Mac) -> Option<(Part, Vec<u8>)> {
    if style.one_way {
        return None;
    }
    let ends = style.ends(got.protocol, mac, got.dst, got.src);
    let size = usize::from(style.payload_bytes);
    let (part, frame) = match (got.l4, part) {
        (L4::Tcp { src_port, dst_port, flags, .. }, Part::Request) if flags.contains(TcpFlags::SYN) => {
            let flags = TcpFlags::SYN | TcpFlags::ACK;
            (Part::Reply, packet::tcp(&ends, dst_port, src_port, flags, SERVER_SEQ, CLIENT_SEQ + 1, 0))
        }
        (L4::Tcp { src_port, dst_port, .. }, Part::Reply) => (
            Part::Ack,
            packet::tcp(&ends, dst_port, src_port, TcpFlags::ACK, CLIENT_SEQ + 1, SERVER_SEQ + 1, 0),
        ),
        (L4::Udp { src_port, dst_port }, Part::Request) => {
            (Part::Reply, packet::udp(&ends, dst_port, src_port, size))
        }
        (L4::IcmpEcho { request: true, id, seq }, Part::Request) => {
            (Part::Reply, packet::icmp_echo(&ends, false, id, seq, size))
        }
        (L4::Other, Part::Request) => (Part::Reply, packet::raw(&ends, got.protocol, size)),
        _ => return None,
    };
    // Same family and no larger than what arrived: building cannot fail, and no answer is the safe end.
    frame.ok().map(|frame| (part, frame))
}

/// The ICMP error of a router whose clock for the packet ran out.
pub(crate) fn time_exceeded(router: IpAddr, mac: Mac, got: &Headers, frame: &[u8]) -> Option<Vec<u8>> {
    packet::icmp_time_exceeded(&self::router(mac, router, got.src), frame).ok()
}

/// FAB-20: the ICMP error of a router about a packet that its next link is too small for.
pub(crate) fn too_big(from: IpAddr, mac: Mac, got: &Headers, frame: &[u8], mtu: u16) -> Option<Vec<u8>> {
    packet::icmp_fragmentation_needed(&router(mac, from, got.src), frame, mtu).ok()
}

#[cfg(test)]
mod tests {
    use super::source_port;

    #[test]
    fn source_ports_wrap_above_the_well_known_ones() {
        assert_eq!(source_port(50_000, 0), 50_000);
        assert_eq!(source_port(50_000, 1), 50_001);
        assert_eq!(source_port(50_000, 15_329), 65_329);
        assert_eq!(source_port(50_000, 15_330), 65_331);
        assert_eq!(source_port(50_000, 15_534), 65_535);
        assert_eq!(source_port(50_000, 15_535), 1_024);
        assert_eq!((source_port(68, 0), source_port(68, 1)), (68, 1_024));
        assert_eq!((source_port(65_330, 0), source_port(65_330, 1)), (65_330, 65_331));
        assert_eq!((source_port(65_331, 1), source_port(65_535, 1)), (65_332, 1_024));
    }
}
