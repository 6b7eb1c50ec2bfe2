//! The digest of a frame that the rest of the simulator works with.
//!
//! Owns the vocabulary of a parsed frame. Made by `parse`, kept in step by the edits, read by the
//! data plane. Must never hold a reference to the frame: the digest travels with the frame by copy.
//! Costs a copy of about a hundred bytes per packet.

use std::net::IpAddr;

use vnetsim_types::{FlowKey, IpProtocol};

use crate::{Mac, TcpFlags};

/// Copyable digest of a frame's headers, with the offsets needed to edit the frame in place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Headers {
    /// Ethernet source.
    pub eth_src: Mac,
    /// Ethernet destination.
    pub eth_dst: Mac,
    /// Where the IP header starts, in bytes from the start of the frame.
    pub l3_offset: u16,
    /// Where the upper layer starts, in bytes from the start of the frame.
    pub l4_offset: u16,
    /// IP source.
    pub src: IpAddr,
    /// IP destination.
    pub dst: IpAddr,
    /// The upper layer, after IPv6 extension headers. AH counts as an upper layer in both families.
    pub protocol: IpProtocol,
    /// Time to live, or hop limit.
    pub ttl: u8,
    /// Length of the whole IP packet in bytes; for IPv6 the header's 40 plus the payload.
    pub ip_len: u16,
    /// True when routers must not fragment the packet: IPv4 with DF set, and all of IPv6.
    pub dont_fragment: bool,
    /// Which part of a datagram this is; `None` for a whole one (IPv6 atomic fragments included).
    pub fragment: Option<Fragment>,
    /// What the upper layer's header says.
    pub l4: L4,
}

/// Which part of a datagram a fragment is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fragment {
    /// Where the part starts, in bytes from the start of the datagram's payload.
    pub offset_bytes: u16,
    /// True when more parts follow.
    pub more: bool,
}

/// What the upper layer's header says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum L4 {
    /// A TCP segment.
    Tcp {
        /// Source port.
        src_port: u16,
        /// Destination port.
        dst_port: u16,
        /// Control bits.
        flags: TcpFlags,
        /// Sequence number.
        seq: u32,
        /// Acknowledgment number.
        ack: u32,
        /// Bytes of data in this packet.
        payload_len: u16,
    },
    /// A UDP datagram.
    Udp {
        /// Source port.
        src_port: u16,
        /// Destination port.
        dst_port: u16,
    },
    /// An ICMP or ICMPv6 echo.
    IcmpEcho {
        /// True for a request, false for a reply.
        request: bool,
        /// Identifier, alike in request and reply.
        id: u16,
        /// Sequence number.
        seq: u16,
    },
    /// An ICMP or ICMPv6 error about another packet.
    IcmpError {
        /// What went wrong.
        kind: IcmpErrorKind,
        /// Key of the embedded packet, as that packet stood where the error was made; `None` when too
        /// little of it is there.
        about: Option<FlowKey>,
    },
    /// Anything else: other protocols, other ICMP messages, and fragments after the first, which
    /// have no upper-layer header.
    Other,
}

/// What an ICMP error reports. Codes are those of the packet's own family.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IcmpErrorKind {
    /// The destination cannot be reached.
    Unreachable {
        /// ICMP or ICMPv6 code.
        code: u8,
    },
    /// ICMP fragmentation needed, or ICMPv6 packet too big.
    FragmentationNeeded {
        /// MTU of the next hop.
        mtu: u32,
    },
    /// The time to live ran out (code 0), or reassembly took too long (code 1).
    TimeExceeded {
        /// ICMP or ICMPv6 code.
        code: u8,
    },
    /// A header field made no sense to a receiver.
    ParameterProblem {
        /// ICMP or ICMPv6 code.
        code: u8,
    },
}

impl Headers {
    /// The five-tuple. An ICMP echo has its identifier in both port fields; ICMP errors, other
    /// protocols and fragments after the first have zeros.
    #[inline]
    pub fn flow_key(&self) -> FlowKey {
        let (src_port, dst_port) = match self.l4 {
            L4::Tcp { src_port, dst_port, .. } | L4::Udp { src_port, dst_port } => (src_port, dst_port),
            L4::IcmpEcho { id, .. } => (id, id),
            L4::IcmpError { .. } | L4::Other => (0, 0),
        };
        FlowKey { protocol: self.protocol, src: self.src, dst: self.dst, src_port, dst_port }
    }

    /// True when the packet carries the start of its upper layer, hence its checksum.
    #[inline]
    pub(crate) fn has_l4_start(&self) -> bool {
        self.fragment.is_none_or(|part| part.offset_bytes == 0)
    }
}
