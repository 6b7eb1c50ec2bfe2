//! What a host says about its connections.
//!
//! Owns the words. Made by `connection`, read by the simulation; must never hold a reference into the stack.

use std::fmt;

use vnetsim_types::{SimTime, TrafficId};

/// Whose work a connection is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct ConversationId {
    /// The traffic entry.
    pub traffic: TrafficId,
    /// Which of its conversations, from 0.
    pub conversation: u32,
}

/// Why a connection did not do its work.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Failure {
    /// The SYN was answered with RST.
    Refused,
    /// The SYN was answered with an ICMP error: unreachable, or time exceeded.
    Unreachable,
    /// RST on an established connection.
    Reset,
    /// Nothing was heard from the other end for the connection's timeout.
    TimedOut,
    /// The other end closed in order, but before the work was done.
    ClosedEarly,
    /// The five-tuple belongs to an open connection of this host.
    PortInUse,
    /// The local address is not this host's, a port is zero, or the addresses are of different families.
    BadEndpoint,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Refused => "connection refused",
            Self::Unreachable => "destination unreachable",
            Self::Reset => "connection reset",
            Self::TimedOut => "timed out",
            Self::ClosedEarly => "closed early by the other end",
            Self::PortInUse => "the port is in use",
            Self::BadEndpoint => "no such local address, or mixed families, or port 0",
        })
    }
}

/// Counters of one end of a connection. Bytes are the application's, segments are IP packets.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Stats {
    /// The first SYN was sent, or received.
    pub started: SimTime,
    /// The handshake was done.
    pub established: Option<SimTime>,
    /// The first byte of data was received.
    pub first_byte: Option<SimTime>,
    /// When either count of bytes last grew; `started` while both are zero.
    pub last_progress: SimTime,
    /// Round trip of the handshake: from the last SYN (or SYN-ACK) sent to its answer.
    pub handshake_rtt: Option<SimTime>,
    /// Bytes sent that the other end acknowledged.
    pub bytes_sent: u64,
    /// Bytes received, in order and without gaps.
    pub bytes_received: u64,
    /// Segments sent, ACKs and retransmissions included.
    pub segments_sent: u64,
    /// Segments received, whatever became of them.
    pub segments_received: u64,
    /// Segments sent that begin with bytes (or SYN, or FIN) sent before.
    pub retransmissions: u64,
}

/// A connection that ended, at one of its ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Finished {
    /// Whose work it was.
    pub id: ConversationId,
    /// True at the end that opened the connection.
    pub opener: bool,
    /// When it ended here: for the end that closes first that is when the other's FIN came.
    pub at: SimTime,
    /// How it ended.
    pub result: Result<(), Failure>,
    /// What it did.
    pub stats: Stats,
}

/// A connection that has not ended, at one of its ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Open {
    /// Whose work it is.
    pub id: ConversationId,
    /// True at the end that opened the connection.
    pub opener: bool,
    /// What it did so far.
    pub stats: Stats,
}
