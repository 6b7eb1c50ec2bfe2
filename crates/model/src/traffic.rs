//! What is sent through a network, and from where to where.

use std::net::IpAddr;

use vnetsim_types::{At, IpProtocol, Place, ProtoPort, SimTime};

/// One end of a flow: who it is and the address it uses.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Endpoint {
    /// A NIC, a private endpoint, an on-premises site or the internet.
    pub place: Place,
    /// The address that the other end sends to.
    pub address: IpAddr,
}

/// What one conversation of a traffic entry consists of.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Application {
    /// One exchange: a TCP handshake (SYN, SYN-ACK, ACK) without data, or a UDP datagram, an ICMP echo or a raw packet
    /// and its reply.
    #[default]
    Exchange,
    /// A TCP connection between real stacks: `requests` times the client sends `request_bytes` and the server answers
    /// with `response_bytes`; then the client closes. An upload is one request without response.
    Requests {
        /// How often, one after the other.
        requests: u32,
        /// What the client sends each time, in bytes.
        request_bytes: u64,
        /// What the server answers each time, in bytes.
        response_bytes: u64,
    },
    /// A TCP connection whose client sends as much as gets through for that long, then closes.
    Bulk {
        /// How long it sends.
        lasts: SimTime,
    },
    /// UDP datagrams of one connection, one every `interval`; the receiver counts them, and answers each unless
    /// `one_way`.
    Stream {
        /// How long it sends.
        lasts: SimTime,
        /// Between two datagrams; at least 1 ns.
        interval: SimTime,
    },
    /// Packets with a time to live of 1, 2, 3 and so on, until one arrives (FAB-15): UDP to ports from 33434 up, or
    /// ICMP echoes, as the traffic's protocol says.
    Traceroute {
        /// Largest time to live.
        hops_max: u8,
    },
    /// Packets of a capture, sent at their times by whom the capture's addresses are mapped to; nobody answers.
    Replay,
}

/// A stream of conversations between two ends.
#[derive(Clone, Debug)]
pub struct Traffic {
    /// Unique in the scenario.
    pub name: At<String>,
    /// Who opens the conversations. Its address need not be one that the place owns: guests can lie.
    pub from: Endpoint,
    /// Who is addressed. The packet's fate depends on its address only; the place says who is meant.
    pub to: Endpoint,
    /// Protocol and destination port.
    pub protocol: ProtoPort,
    /// Source port of the first conversation; the following ones count up from it.
    pub source_port: u16,
    /// When the first conversation starts.
    pub start: SimTime,
    /// Time between the starts of two conversations.
    pub interval: SimTime,
    /// Number of conversations.
    pub count: u64,
    /// Payload bytes of each UDP datagram, ICMP echo or raw packet; TCP handshakes carry none.
    pub payload_bytes: u16,
    /// Nobody answers; never with TCP. For volumes.
    pub one_way: bool,
    /// Sets DF on IPv4 packets.
    pub dont_fragment: bool,
    /// First time to live of the packets of both directions.
    pub ttl: u8,
    /// What a conversation consists of.
    pub application: Application,
    /// How long a TCP stack waits for an answer before it gives a connection up.
    pub give_up: SimTime,
}

/// How long TCP waits when a scenario says nothing: short of Linux's two minutes, long enough for a failover.
pub const GIVE_UP_DEFAULT: SimTime = SimTime::from_secs(60);

/// First time to live when a scenario names none: the Linux default (FAB-15).
pub const TTL_DEFAULT: u8 = 64;

/// First source port when a scenario names none: the start of the dynamic range.
pub const SOURCE_PORT_DEFAULT: u16 = 50_000;

impl Traffic {
    /// One conversation at the start of the run: what `vnetsim trace` sends.
    pub fn probe(name: &str, from: Endpoint, to: Endpoint, protocol: ProtoPort) -> Self {
        let v6 = to.address.is_ipv6() && protocol.protocol == IpProtocol::ICMP;
        let protocol = if v6 { ProtoPort { protocol: IpProtocol::ICMPV6, ..protocol } } else { protocol };
        Self {
            name: name.to_owned().into(),
            from,
            to,
            protocol,
            source_port: SOURCE_PORT_DEFAULT,
            start: SimTime::ZERO,
            interval: SimTime::from_millis(10),
            count: 1,
            payload_bytes: 0,
            one_way: false,
            dont_fragment: false,
            ttl: TTL_DEFAULT,
            application: Application::Exchange,
            give_up: GIVE_UP_DEFAULT,
        }
    }
}
