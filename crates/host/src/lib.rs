//! The TCP/IP stack of a machine, in virtual time.
//!
//! Owns the connections of a machine, what its applications do on them and what came of it. TCP itself is smoltcp's:
//! handshake, window scaling, congestion control, retransmission, closing. Called by the simulation, which hands in
//! packets and the time, and takes out packets ([`Wire`]), the time of the next timer ([`Host::poll_at`]) and what
//! ended ([`Host::finished`]). Must never ask for the time or for chance, queue an event, know a network, decide which
//! port is open, or panic on any frame.
//!
//! Cost per segment received, with what it causes: a hash look-up, smoltcp's work on that one socket, one copy of the
//! payload in and one out, and a timer. `cargo run --release -p vnetsim-host --example pingpong` measures 400 ns for one
//! bulk connection, ACKs counted as segments, and 730 ns for small requests on 1,000 connections, which are no longer in
//! the cache (AMD EPYC, two cores, busy). A machine without connections has 632 bytes with eight addresses; a connection
//! 1.4 kB and its buffers.
//!
//! # What is as it is on Linux, and what is not
//!
//! - **Congestion control** is CUBIC, as Linux, Windows and Azure's images have it; smoltcp's Reno takes a fifth longer
//!   for 20 MB with a loss in 1,000 over 30 ms, and about as long with none or many. smoltcp starts with a window of
//!   2,048 bytes where Linux starts with ten segments: a short transfer takes up to three round trips more.
//! - **Retransmission**: the timeout is never below 1 s (Linux: 0.2 s), as RFC 6298 says. After three duplicate ACKs
//!   one segment is sent again; a sender does not read SACK, so that several losses in one window cost a round trip or
//!   a timeout each. Receivers send SACK.
//! - **ACKs**: at once for the first 16 segments, then for every second one or after 40 ms, as Linux does.
//! - **Nagle** is on except for the last, short segment of what an application wrote: bulk data goes in whole segments
//!   and a request does not wait for an ACK (what applications get from `TCP_NODELAY` and one `write` per message).
//! - **TIME-WAIT** lasts 10 s, holds no buffers and no timer: it never keeps a run from its end. It answers a FIN that
//!   comes again, and makes way at once when the same five-tuple opens anew, from either side.
//! - **Timeouts** are the application's: nothing heard from the other end for so long. Before the handshake is done the
//!   connection is given up silently, after it with RST.
//! - **Checksums** of every frame sent are valid. None is verified on receipt: frames are made by this program, and
//!   what edits them keeps them valid.
//! - **Payload** is zeros, as is what a checksum adds up of it; nothing reads it.
//! - **ICMP**: echo requests are answered. Of errors smoltcp takes no notice, so this crate does: "fragmentation needed"
//!   makes the segments of the connection and of later ones to the same address smaller (what was lost is sent again
//!   after the retransmission timeout; Linux does it at once), and any other fails a connection that waits for the
//!   answer to its SYN. Without ICMP, a segment too large for the path is sent again until the timeout.
//! - **Fragments**, IPv6 extension headers, UDP and other protocols are ignored.

#![cfg_attr(test, allow(clippy::unwrap_used))]

mod connection;
mod host;
mod peek;
mod port;
mod report;
mod stacks;
mod time_wait;
mod timers;
mod wire;
mod work;

pub use host::{Connect, Host, HostConfig, Incoming};
pub use report::{ConversationId, Failure, Finished, Open, Stats};
pub use wire::{Outgoing, Wire};
pub use work::Work;
