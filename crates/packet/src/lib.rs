//! Frames as they are on the wire: Ethernet II, IPv4, IPv6, TCP, UDP, ICMP.
//!
//! Owns parsing a frame into a copyable digest ([`Headers`]), editing a frame in place so that its
//! checksums stay valid, and building frames. Called by the data plane for every packet and by the
//! simulator for every packet sent. Must never decide what happens to a packet, know a network, or
//! panic on any bytes.
//!
//! Cost per packet: [`parse`] and the edits do not allocate and never read the payload; an edit
//! touches the changed words and one or two checksums. A builder allocates its frame, once.
//!
//! Limits: no VLAN tags, no reassembly, no checksum verification on receipt. Of an ICMP error's embedded packet
//! ([`L4::IcmpError`]) only the source is ever translated.

#![cfg_attr(test, allow(clippy::unwrap_used))]

mod build;
mod checksum;
mod edit;
mod headers;
mod parse;
mod plain;
mod tcp_flags;

pub use build::{
    BuildError, Endpoints, icmp_echo, icmp_fragmentation_needed, icmp_port_unreachable, icmp_time_exceeded,
    raw, tcp, udp,
};
pub use edit::{EditError, set_destination, set_macs, set_quoted_source, set_source, set_ttl};
pub use headers::{Fragment, Headers, IcmpErrorKind, L4};
pub use parse::{ParseError, parse};
pub use plain::{Plain, lower_ttl, plain};
pub use tcp_flags::TcpFlags;

/// An Ethernet address.
pub type Mac = [u8; 6];
