//! Capture files: reading pcap and pcapng, writing pcapng, and the way of a captured packet into a simulated network.
//!
//! Owns both file formats, the link layers of captures, and what must change on a captured packet before it can be
//! sent again. Called by whoever replays or records traffic; reads a slice, writes to an [`std::io::Write`]. Must never
//! open a file, panic on any bytes, invent a packet, or decide what becomes of one.
//!
//! Cost: [`read`] is one pass that copies no packet (40 bytes each); [`rehome`] allocates one frame and reads it once
//! for its checksum; the writer copies a frame once, into a block that it reuses.
//!
//! Limits: [`MAX_PACKETS`] packets of at most [`MAX_PACKET_BYTES`]; compressed files are named, not unpacked; comments,
//! names and statistics of the file read are skipped.

#![cfg_attr(test, allow(clippy::unwrap_used))]

mod capture;
mod checksum;
mod link;
mod pcap;
mod pcapng;
mod quote;
mod rehome;
mod write;

pub use capture::{
    Capture, CapturedPacket, Link, MAX_PACKET_BYTES, MAX_PACKETS, MAX_PROBLEMS, NotACapture, read, read_up_to,
};
pub use rehome::{NoHome, Rehomed, rehome};
pub use write::{Direction, Interface, PcapngWriter, Record, Verdict};
